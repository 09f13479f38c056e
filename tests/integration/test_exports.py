"""`o2r export` on the small company: who is in a file, and that no conversion is sent twice."""

import csv
import hashlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.metrics.warehouse import clone, execute, frame, small_gold
from typer.testing import CliRunner

from o2r.cli.main import app
from o2r.errors import UserError
from o2r.export import AUDIENCES, export_audience, export_signals, files, preview
from o2r.export.ledger import find_consenting
from o2r.settings import Settings
from o2r.warehouse import connect

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STALLED = "onboarding_stalled"
# Of the addresses and the number of acc-stalled, as tests/metrics/warehouse.py types them.
USER = "b4c9a289323b21a01c3e940f150eb9b8c542587f1abfd8f0e1cc1ffc5e475514"
PERSON = "542d240129883c019e106e3b1b2d3f3cb3537c43c425364de8e951d5a3083345"
NO_DOTS = "d6117306485ed0e50afab3ac871e98f81699151f30281527d63ff5f233656c69"
PLUS = "a2996076d3ad4af5dc818b908b3d8e354f26ededf7df0e0aa6ac354143805ee0"
DOTS = hashlib.sha256(b"jane.doe@gmail.com").hexdigest()
DIGITS = hashlib.sha256(b"16505551234").hexdigest()


@pytest.fixture(scope="module")
def sold(new_database: Callable[[], Settings]) -> Settings:
    settings = clone(small_gold(new_database), "small_exports")
    execute(settings, "create table ops.as_built as table mart_gold.conversion_signals")
    return settings


@pytest.fixture
def gold(sold: Settings) -> Settings:
    """The small company, with nothing sent and nothing changed since the build."""
    execute(
        sold,
        "truncate ops.sent_signals, ops.signal_marks, ops.exports; "
        "truncate mart_gold.conversion_signals; "
        "insert into mart_gold.conversion_signals table ops.as_built; "
        "delete from raw_bronze.crm_contacts where source_file = 'today'",
    )
    return sold


@pytest.fixture
def run(gold: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Exit code, stdout and stderr of `o2r export ...` on the small company."""

    def call(*arguments: str, settings: Settings = gold) -> tuple[int, str, str]:
        monkeypatch.setenv("O2R_HOME", str(settings.home))
        monkeypatch.setenv("POSTGRES_DB", settings.database)
        result = CliRunner().invoke(app, ["export", *arguments])
        assert not result.exception or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stdout, result.stderr

    return call


def contact_says(settings: Settings, contact: str, agrees: bool, at: str) -> None:
    """A version of a contact that arrives after the build."""
    execute(
        settings,
        "insert into raw_bronze.crm_contacts (crm_contact_id, crm_account_id, consent_marketing, "
        f"consent_timestamp, updated_at, source_file) values ('{contact}', 'acc-stalled', "
        f"{agrees}, '{at}', '{at}', 'today')",
    )


def sent(settings: Settings) -> list[tuple[str, str, int, str]]:
    rows = frame(
        settings,
        "select platform, signal_id, version, change from ops.sent_signals order by 1, 2, 3",
    )
    return list(rows.itertuples(index=False, name=None))


def rows_of(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text())))


def test_customer_lists_hold_the_known_hashes(gold: Settings, tmp_path: Path) -> None:
    google, _ = export_audience(gold, STALLED, "google", tmp_path)
    meta, _ = export_audience(gold, STALLED, "meta", tmp_path / "list.csv")
    assert google.path == tmp_path / "audience_onboarding_stalled_google.csv"
    assert rows_of(google.path) == [
        ["Email"] * 3 + ["Phone"] * 3,
        [NO_DOTS, PERSON, "", "", "", ""],
        [USER, "", "", PLUS, "", ""],
    ]
    assert rows_of(meta.path) == [
        ["email"] * 3 + ["phone"] * 3,
        [DOTS, PERSON, "", "", "", ""],
        [USER, "", "", DIGITS, "", ""],
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == [google.path.name, "list.csv"]


def test_the_same_list_gives_the_same_bytes(gold: Settings, tmp_path: Path) -> None:
    files_ = [export_audience(gold, "win_back", "google", tmp_path)[0] for _ in range(2)]
    assert files_[0].sha256 == files_[1].sha256
    assert files_[0].row_count > 5


def test_a_withdrawal_counts_before_the_next_build(gold: Settings, tmp_path: Path) -> None:
    before = preview(gold, STALLED, "google")
    contact_says(gold, "con-vector", False, "2026-11-22 10:00Z")
    contact_says(gold, "con-vector", True, "2062-01-01 00:00Z")
    done, sizes = export_audience(gold, STALLED, "google", tmp_path)
    assert rows_of(done.path)[1:] == [[NO_DOTS, PERSON, "", "", "", ""]]
    assert (before.agreed, before.agree_now, before.reachable) == (4, 4, 2)
    assert (sizes.agreed, sizes.agree_now, sizes.reachable) == (4, 3, 1)
    assert (sizes.accounts, sizes.known, sizes.with_email, sizes.with_phone) == (1, 8, 1, 0)


def test_consent_of_this_moment_is_that_of_the_build_where_nothing_is_new(gold: Settings) -> None:
    with connect(gold) as connection, connection.cursor() as cursor:
        find_consenting(cursor)
        cursor.execute("select person_id from consenting")
        now = [person for (person,) in cursor.fetchall()]
    built = frame(
        gold,
        "select person_id from intermediate_silver.int_person_consent where has_marketing_consent",
    )["person_id"]
    changed = frame(
        gold,
        "select person_id from intermediate_silver.int_identifier "
        "where identifier_value = 'con-next-day'",
    )["person_id"]
    assert set(now) - set(built) == set(changed)
    assert set(built) - set(now) == set()
    assert len(built) > 50


@pytest.mark.parametrize("platform", ["google", "meta"])
def test_files_hold_hashes_and_nothing_of_a_person_else(
    gold: Settings, tmp_path: Path, platform: str
) -> None:
    cells = []
    for name in AUDIENCES:
        done, _ = export_audience(gold, name, platform, tmp_path)
        cells += [cell for row in rows_of(done.path)[1:] for cell in row if cell]
    assert len(cells) > 30
    assert all(re.fullmatch("[0-9a-f]{64}", cell) for cell in cells)
    assert hashlib.sha256(b"").hexdigest() not in cells
    export_signals(gold, platform, tmp_path, NOW)
    text = "".join(path.read_text() for path in tmp_path.iterdir()).lower()
    people = frame(gold, "select email, first_name, last_name from raw_bronze.crm_contacts")
    known = {str(value).strip().lower() for value in people.stack() if len(str(value)) > 4}
    assert len(known) > 100
    assert [value for value in known if value in text] == []


@pytest.mark.parametrize(
    "value", ["user@example.com", hashlib.sha256(b"").hexdigest(), USER.upper(), USER[:-1], ""]
)
def test_what_is_no_hash_stops_the_export(gold: Settings, tmp_path: Path, value: str) -> None:
    was = "select hash_value from intermediate_silver.int_upload_hash"
    assert frame(gold, f"{was} where hash_value = '{USER}' and platform = 'google'").shape == (1, 1)
    change = (
        "update intermediate_silver.int_upload_hash set hash_value = '{}' "
        "where hash_value = '{}' and platform = 'google'"
    )
    execute(gold, change.format(value, USER))
    try:
        with pytest.raises(UserError, match="where a hash belongs"):
            export_audience(gold, STALLED, "google", tmp_path)
        with pytest.raises(UserError, match="where a hash belongs"):
            export_signals(gold, "google", tmp_path, NOW)
    finally:
        execute(gold, change.format(USER, value))
    assert list(tmp_path.iterdir()) == []
    assert frame(gold, "select * from ops.exports").empty


def test_the_ledger_says_who_exported_what(gold: Settings, tmp_path: Path) -> None:
    done, _ = export_audience(gold, "win-back", "google", tmp_path)
    row = frame(gold, "select * from ops.exports").iloc[0]
    assert row["sha256"] == hashlib.sha256(done.path.read_bytes()).hexdigest() == done.sha256
    assert row["row_count"] == done.row_count == len(rows_of(done.path)) - 1
    assert (row["content"], row["platform"]) == ("audience win_back", "google")
    assert row["exported_by"]
    assert row["delivered_at"] >= row["exported_at"]
    assert done.path.stat().st_mode & 0o077 == 0


def test_a_list_without_people_replaces_the_older_one(gold: Settings, tmp_path: Path) -> None:
    export_audience(gold, STALLED, "google", tmp_path)
    for contact in ("con-vector", "con-dots"):
        contact_says(gold, contact, False, "2026-11-22 10:00Z")
    done, _ = export_audience(gold, STALLED, "google", tmp_path)
    assert rows_of(done.path) == [["Email"] * 3 + ["Phone"] * 3]


def test_commands(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    code, out, err = run("audience", STALLED, "--platform", "google", "--out", str(tmp_path))
    assert (code, "2 people written to" in out) == (0, True)
    assert "100 people or more" in err
    code, out, _ = run("audience", "onboarding-stalled", "--platform", "meta", "--preview")
    assert code == 0
    assert re.search(r"reachable +2 *\n", out)
    assert len(list(tmp_path.iterdir())) == 1
    code, out, _ = run("log")
    assert (code, out.count("audience_onboarding_stalled_google.csv")) == (0, 1)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["audience", "everyone", "--platform", "google"], "unknown audience 'everyone': choose"),
        (["audience", STALLED, "--platform", "tiktok"], "unknown platform 'tiktok': choose from"),
        (["audience", STALLED, "--platform", "tiktok", "--preview"], "unknown platform"),
        (["signals", "--platform", "tiktok"], "unknown platform 'tiktok': choose from"),
        (["audience", STALLED, "--platform", "google", "--out", "{file}/x"], "cannot write"),
        (["audience", STALLED, "--platform", "google", "--out", "{folder}.csv"], "it is a folder"),
    ],
)
def test_mistakes_are_one_line(run, gold, tmp_path, arguments, says) -> None:
    (tmp_path / "taken").write_text("")
    (tmp_path / "folder.csv").mkdir()
    places = {"file": tmp_path / "taken", "folder": tmp_path / "folder"}
    code, out, err = run(*(text.format(**places) for text in arguments))
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert says in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.csv", "taken"]
    assert frame(gold, "select * from ops.exports").empty


@pytest.mark.parametrize("command", [["audience", STALLED], ["signals"]])
def test_a_full_disk_leaves_nothing(run, gold, tmp_path, monkeypatch, command) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    code, _, err = run(*command, "--platform", "google", "--out", str(tmp_path))
    assert code == 1
    assert "No space left on device" in err
    assert list(tmp_path.iterdir()) == []
    assert frame(gold, "select * from ops.exports").empty
    assert sent(gold) == []


@pytest.mark.parametrize("command", [["audience", STALLED], ["signals"]])
def test_before_the_first_build(run, warehouse, command) -> None:
    code, out, err = run(*command, "--platform", "google", settings=warehouse)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "is not built yet: run `o2r build`" in err


def test_who_may_not_read_silver_may_not_export(gold: Settings, query, tmp_path: Path) -> None:
    query(gold, "create role export_reader_of_the_tests login in role business_user")
    query(gold, "create role export_engineer_of_the_tests login in role data_engineer")
    host = connect(gold).info.host
    reader, engineer = (
        gold.model_copy(update={"host": host, "user": f"export_{name}_of_the_tests"})
        for name in ("reader", "engineer")
    )
    with pytest.raises(UserError, match="rights of data_engineer"):
        export_audience(reader, STALLED, "google", tmp_path)
    assert export_audience(engineer, STALLED, "google", tmp_path)[0].row_count == 2
    assert export_signals(engineer, "google", tmp_path, NOW)[0]
    users = frame(gold, "select distinct database_user from ops.exports")["database_user"]
    assert list(users) == ["export_engineer_of_the_tests"]


def test_conversions_in_the_format_of_google(gold: Settings, tmp_path: Path) -> None:
    [done], notes = export_signals(gold, "google", tmp_path, NOW)
    assert notes == []
    rows = rows_of(done.path)
    assert rows[0] == ["Parameters:TimeZone=+0000"]
    assert rows[1][:5] == ["Google Click ID", "GBRAID", "WBRAID", "Email", "Phone Number"]
    mine = [dict(zip(rows[1], row, strict=True)) for row in rows[2:] if row[3] == USER]
    request, won = mine
    assert request | {"Order ID": "dirt-3"} == won | {
        "Conversion Name": "Demo Request",
        "Conversion Time": "2026-11-08 10:05:00+0000",
        "Conversion Value": "",
        "Conversion Currency": "",
        "Order ID": "dirt-3",
    }
    assert won == {
        "Google Click ID": "",
        "GBRAID": "gbraid-vector",
        "WBRAID": "",
        "Email": USER,
        "Phone Number": PLUS,
        "Conversion Name": "Closed Won",
        "Conversion Time": "2026-11-10 09:00:00+0000",
        "Conversion Value": "1200.25",
        "Conversion Currency": "EUR",
        "Order ID": "'=2+5",
        "Ad User Data": "Granted",
        "Ad Personalization": "Granted",
    }
    assert done.row_count == len(rows) - 2 == len(sent(gold)) > 10
    assert "deal-lost-again" not in done.path.read_text()


def test_conversions_in_the_format_of_meta(gold: Settings, tmp_path: Path) -> None:
    [done], _ = export_signals(gold, "meta", tmp_path, NOW)
    events = [json.loads(line) for line in done.path.read_text().splitlines()]
    assert done.row_count == len(events)
    [won] = [event for event in events if event["custom_data"]["order_id"] == "=2+5"]
    assert won == {
        "event_name": "Purchase",
        "event_time": int(datetime(2026, 11, 10, 9, tzinfo=UTC).timestamp()),
        "event_id": "closed_won:=2+5",
        "action_source": "physical_store",
        "user_data": {"em": [USER], "ph": [DIGITS]},
        "custom_data": {"order_id": "=2+5", "value": 1200.25, "currency": "EUR"},
    }
    assert all(event["user_data"] for event in events)
    # the demo request is older than the seven days in which Meta takes it
    assert "dirt-3" not in done.path.read_text()


def test_nothing_is_sent_twice_and_late_ones_once(gold: Settings, tmp_path: Path) -> None:
    late = "signal_id = 'closed_won:=2+5'"
    execute(gold, f"delete from mart_gold.conversion_signals where {late}")
    [first], _ = export_signals(gold, "google", tmp_path, NOW)
    assert export_signals(gold, "google", tmp_path, NOW) == ([], [])
    execute(
        gold, f"insert into mart_gold.conversion_signals select * from ops.as_built where {late}"
    )
    [second], _ = export_signals(gold, "google", tmp_path, NOW)
    assert (second.row_count, second.late, first.late) == (1, 1, 0)
    assert export_signals(gold, "google", tmp_path, NOW) == ([], [])
    assert len(sent(gold)) == first.row_count + 1
    mark = frame(gold, "select sent_to_at from ops.signal_marks").iloc[0, 0]
    newest = frame(gold, "select max(event_at) from ops.sent_signals").iloc[0, 0]
    assert mark == newest
    # another platform has a ledger of its own
    assert export_signals(gold, "meta", tmp_path, NOW)[0]


def adjustments(settings: Settings, folder: Path, now: datetime = NOW) -> list[list[str]]:
    """Rows of the adjustments that an export gives; no conversion may be with them."""
    done, _ = export_signals(settings, "google", folder, now)
    assert {one.content for one in done} <= {"adjustments"}
    return rows_of(done[0].path)[1:] if done else []


def test_a_changed_value_is_told_once_and_a_lost_deal_is_taken_back(
    gold: Settings, tmp_path: Path
) -> None:
    export_signals(gold, "google", tmp_path, NOW)
    change = "update mart_gold.conversion_signals set {} where signal_id = 'closed_won:=2+5'"
    header = ["Order ID", "Conversion Name", "Adjustment Time", "Adjustment Type",
              "Adjusted Value", "Adjusted Value Currency"]  # fmt: skip
    when = "2026-11-22 12:00:00+0000"
    for value, text in ((1500, "1500"), (1200.25, "1200.25")):  # and back again
        execute(gold, change.format(f"conversion_value = {value}"))
        told = ["'=2+5", "Closed Won", when, "RESTATE", text, "EUR"]
        assert adjustments(gold, tmp_path) == [header, told]
        assert adjustments(gold, tmp_path) == []
    execute(gold, change.format("signal_status = 'retracted'"))
    assert adjustments(gold, tmp_path) == [header, ["'=2+5", "Closed Won", when, "RETRACT", "", ""]]
    assert adjustments(gold, tmp_path) == []
    execute(gold, change.format("signal_status = 'ready', conversion_value = 9"))
    assert adjustments(gold, tmp_path) == []
    assert [row[2:] for row in sent(gold) if row[1] == "closed_won:=2+5"] == [
        (0, "conversion"),
        (1, "restatement"),
        (2, "restatement"),
        (3, "retraction"),
    ]


def test_of_who_withdrew_nothing_is_said_any_more(gold: Settings, tmp_path: Path) -> None:
    contact_says(gold, "con-vector", False, "2026-11-22 10:00Z")
    [done], _ = export_signals(gold, "google", tmp_path, NOW)
    assert USER not in done.path.read_text()
    execute(gold, "delete from raw_bronze.crm_contacts where source_file = 'today'")
    assert export_signals(gold, "google", tmp_path, NOW)[0][0].row_count == 2
    contact_says(gold, "con-vector", False, "2026-11-22 10:00Z")
    execute(
        gold,
        "update mart_gold.conversion_signals set conversion_value = 1 "
        "where signal_id = 'closed_won:=2+5'",
    )
    assert adjustments(gold, tmp_path) == []


def test_what_a_platform_no_longer_takes_is_left_out(gold: Settings, tmp_path: Path) -> None:
    """Won on 10 November, clicked on the 8th: Google takes both for 90 days."""
    last_click, last_day = datetime(2027, 2, 6, tzinfo=UTC), datetime(2027, 2, 8, tzinfo=UTC)
    for day, click in ((last_click, "gbraid-vector"), (last_click + timedelta(days=1), "")):
        [done], _ = export_signals(gold, "google", tmp_path, day)
        [row] = [row for row in rows_of(done.path) if row[-3:-2] == ["'=2+5"]]
        assert row[:3] == ["", click, ""]
        execute(gold, "truncate ops.sent_signals")
    assert "closed_won:=2+5" in str(sent_on(gold, tmp_path, last_day))
    assert "closed_won:=2+5" not in str(sent_on(gold, tmp_path, last_day + timedelta(days=1)))


def sent_on(settings: Settings, folder: Path, day: datetime) -> list[tuple]:
    execute(settings, "truncate ops.sent_signals")
    export_signals(settings, "google", folder, day)
    return sent(settings)


def test_two_exports_at_once_send_each_signal_once(gold: Settings, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(export_signals, gold, "google", tmp_path, NOW) for _ in range(4)]
        written = [one for run in runs for one in run.result()[0]]
    assert len(written) == 1
    assert written[0].row_count == len(sent(gold)) == len(set(sent(gold)))


KILLED = """
import os, sys
from datetime import datetime, UTC
from pathlib import Path
from o2r.export import signals
from o2r.settings import load_settings
setattr(signals, sys.argv[1], lambda *_: os._exit(9))
signals.export_signals(load_settings(), "google", Path(sys.argv[2]), datetime(2026, 11, 22, 12,
    tzinfo=UTC))
"""


@pytest.fixture
def kill(gold: Settings, environ, tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Run an export that dies as it calls a function of its module."""

    def run(function: str) -> None:
        command = [sys.executable, "-c", KILLED, function, str(tmp_path)]
        done = subprocess.run(command, env=environ(gold), check=False, capture_output=True)
        assert done.returncode == 9, done.stderr

    return run


def test_killed_before_the_ledger_nothing_has_happened(gold, kill, tmp_path) -> None:
    kill("record")
    [part] = tmp_path.iterdir()
    assert part.name.endswith(".part")
    assert sent(gold) == []
    [done], notes = export_signals(gold, "google", tmp_path, NOW)
    assert notes == []
    assert list(tmp_path.iterdir()) == [done.path]
    assert done.row_count == len(sent(gold)) > 10


def test_killed_after_the_ledger_the_file_is_found_again(gold, kill, tmp_path) -> None:
    kill("put_in_place")
    [part] = tmp_path.iterdir()
    told = sent(gold)
    assert len(told) > 10
    again, [note] = export_signals(gold, "google", tmp_path / "elsewhere", NOW)
    [path] = tmp_path.iterdir()
    assert (again, path.name) == ([], part.name.removeprefix(".").removesuffix(".part"))
    assert str(path) in note
    assert len(rows_of(path)) - 2 == len(told)
    assert sent(gold) == told
    assert export_signals(gold, "google", tmp_path, NOW) == ([], [])


def test_killed_before_it_was_noted_the_file_counts(gold, kill, tmp_path) -> None:
    kill("delivered")
    [path] = tmp_path.iterdir()
    assert export_signals(gold, "google", tmp_path, NOW) == ([], [])
    assert list(tmp_path.iterdir()) == [path]
    assert frame(gold, "select delivered_at from ops.exports")["delivered_at"].notna().all()


def test_a_file_that_is_gone_is_not_sent_again(gold, kill, tmp_path) -> None:
    kill("put_in_place")
    [part] = tmp_path.iterdir()
    part.unlink()
    told = sent(gold)
    for _ in range(2):
        done, [note] = export_signals(gold, "google", tmp_path, NOW)
        assert done == []
        assert "count as sent" in note
    assert sent(gold) == told
    assert list(tmp_path.iterdir()) == []
