"""Hashes of e-mail addresses and phone numbers, computed here a second time, in Python.

What comes in is hostile: other blanks, letters that look like ASCII, hashes, half a number.
"""

import csv
import hashlib
import re
import string
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.metrics.warehouse import frame, run_models

from o2r.contracts import load_contracts
from o2r.settings import Settings
from o2r.warehouse import connect

DBT = Path(__file__).parents[2] / "dbt"
BLANKS = string.whitespace + "\u00a0"
EMPTY = hashlib.sha256(b"").hexdigest()
DAY = "2026-01-01"
VERSION = {
    "crm_contacts": "updated_at",
    "customer_details": "date_updated",
    "web_events": "event_timestamp",
    "quota_customer_rate_limit_requests": "last_updated",
}
HASH = hashlib.sha256(b"ann@example.com").hexdigest()
NAMED = {"user@example.com": "b4c9a289323b21a01c3e940f150eb9b8c542587f1abfd8f0e1cc1ffc5e475514",
         "person@example.com": "542d240129883c019e106e3b1b2d3f3cb3537c43c425364de8e951d5a3083345",
         "janedoe@gmail.com": "d6117306485ed0e50afab3ac871e98f81699151f30281527d63ff5f233656c69",
         }  # fmt: skip
"""Hashes that other platforms publish for these addresses."""

ADDRESSES = (
    *NAMED, " User@Example.COM ", "\tuser@example.com\r\n", "\u00a0user@example.com\u00a0",
    "jane.doe@gmail.com", "Jane.Doe@GMail.com", "j.a.n.e@googlemail.com",
    "jane.doe@gmail.com.example", "jane.doe@notgmail.com", "jane.doe+news@gmail.com",
    "jane.doe@mail.example.com",
    "o'brien@example.com", "a@b.co", "ann_b-c%d@sub.example.co.uk", "a@xn--bcher-kva.example",
    "", " ", "N/A", "null", "none", "-", "@", "@example.com", "ann@", "ann", "ann@example",
    "ann@example.com.", ".ann@example.com", "ann.@example.com", "ann..b@example.com",
    "ann@@example.com", "ann@b@example.com", "an n@example.com", "ann@exam ple.com",
    "ann@-example.com", "ann@example-.com", "ann@example..com", "ann@example.c", "ann@10.0.0.1",
    "Ann <ann@example.com>", "mailto:ann@example.com", "ann@example.com,bob@example.com",
    "ann@example.com;", "ann,b@example.com", "j\u00f6rg@example.com", "ann@b\u00fccher.example",
    "\uff41nn@example.com", "ann\uff20example.com", "\u212aim@example.com", "ann@example.com\u200b",
    "ann\n@example.com", "ann@example.com\nbob@example.com", "a" * 250 + "@example.com",
    HASH, HASH.upper(), f" {HASH}\n", HASH[:-1], HASH + "0", "g" + HASH[1:], EMPTY, EMPTY.upper(),
    hashlib.md5(b"ann@example.com").hexdigest(),
)  # fmt: skip

# country, as delivered, E.164 digits or None: what a person of that country would read.
PHONES = (
    ("US", "+1 650-555-1234", "16505551234"), ("US", "(650) 555-1234", "16505551234"),
    ("US", "1-650-555-1234", "16505551234"), ("US", "650.555.1234", "16505551234"),
    ("US", "011 44 7700 900123", "447700900123"), ("us ", " 6505551234 ", "16505551234"),
    ("US", "555-1234", None), ("US", "055-555-1234", None), ("US", "650-555-1234 ext. 5", None),
    ("US", "1-800-FLOWERS", None), ("US", "165055512345", None), ("US", "1505551234", None),
    ("DE", "030 23125 000", "493023125000"), ("DE", "+49 (0)30 23125-000", "493023125000"),
    ("DE", "+49 030 23125000", "493023125000"), ("DE", "0049 30 23125000", "493023125000"),
    ("DE", "030/23125000", "493023125000"), ("DE", "(030) 23125000", "493023125000"),
    ("DE", "(0)30 23125000", "493023125000"), ("DE", "+33 (0)2 61 91 00 00", None),
    ("DE", "30 23125000", None), ("DE", "493023125000", None), ("DE", "00", None),
    ("DE", "011 49 30 901820", None), ("AT", "011 43 1 588000", None),
    ("MY", "011 2345 6789", "601123456789"), ("GB", "0114 496 0123", "441144960123"),
    ("ZA", "011 234 5678", "27112345678"),
    ("DE", "+44 7700 900123", "447700900123"), ("DE", "030\u201123125000", "493023125000"),
    ("GB", "07700 900123", "447700900123"), ("GB", "7700900123", "447700900123"),
    ("GB", "447700900123", "447700900123"), ("GB", "020 7946 0000", "442079460000"),
    ("FR", "02 61 91 00 00", "33261910000"), ("FR", "261910000", "33261910000"),
    ("FR", "+33 261 91 00 00", "33261910000"), ("FR", "0033 2 61 91 00 00", "33261910000"),
    ("IT", "06 1234 5678", "390612345678"), ("IT", "+39 06 1234 5678", "390612345678"),
    ("IT", "+39 (0)6 1234 5678", None), ("ES", "910 123 456", "34910123456"),
    ("RU", "8 495 123-45-67", "74951234567"), ("RU", "812 123 45 67", "78121234567"),
    ("BR", "(41) 91234-5678", "5541912345678"), ("SG", "6123 4567", "6561234567"),
    ("SG", "001 1 650 555 1234", None), ("JP", "03-1234-5678", "81312345678"),
    ("JP", "010 1 650 555 1234", "16505551234"), ("NA", "061 123 456", "26461123456"),
    (None, "+16505551234", "16505551234"), (None, "6505551234", None), ("", "0049301", None),
    ("WS", "00 685 22123", None), ("XX", "6505551234", None),
    ("Germany", "030 23125000", None), ("UK", "07700 900123", None),
    ("US", "", None), ("US", "+", None), ("US", "N/A", None), ("US", "0", None),
    ("US", "+0 650 555 1234", None), ("US", "+1234567", "1234567"), ("US", "+123456", None),
    ("US", "+1234567890123456", None), ("US", "++16505551234", None), ("US", "+1+6505551234", None),
    ("US", "\uff16505551234", None), ("US", "\u0666505551234", None),
)  # fmt: skip


def sha256(text: str | None) -> str | None:
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()


def delivered_hash(raw: str) -> str | None:
    text = raw.strip(BLANKS).lower()
    is_hash = len(text) == 64 and set(text) <= set(string.hexdigits.lower())
    return text if is_hash and text != EMPTY else None


def address(raw: str) -> str | None:
    text = raw.strip(BLANKS)
    name, _, domain = text.partition("@")
    labels = domain.split(".")
    good = (
        text.isascii()
        and len(text) <= 254
        and all(re.fullmatch(r"[\w!#$%&'*+/=?^`{|}~-]+", word) for word in name.split("."))
        and len(labels) > 1
        and all(re.fullmatch(r"[a-zA-Z0-9-]+", label) for label in labels)
        and not any(label.startswith("-") or label.endswith("-") for label in labels)
        and labels[-1][0].isalpha()
        and len(labels[-1]) > 1
    )
    return text.lower() if good else None


def google(raw: str) -> str | None:
    found = address(raw)
    name, _, domain = (found or "").partition("@")
    is_gmail = domain in ("gmail.com", "googlemail.com")
    return f"{name.replace('.', '')}@{domain}" if is_gmail else found


def insert(settings: Settings, table: str, columns: str, rows: list[tuple]) -> None:
    """Insert rows into a bronze table; what says their version is DAY unless among the columns."""
    version = VERSION[table]
    if version not in columns:
        columns, rows = f"{columns}, {version}", [(*row, DAY) for row in rows]
    places = ", ".join(["%s"] * len(rows[0]))
    connection = connect(settings)
    with connection, connection.cursor() as cursor:
        statement = f"insert into raw_bronze.{table} ({columns}) values ({places})"
        cursor.executemany(statement, rows)
    connection.close()


@pytest.fixture(scope="module")
def silver(new_database: Callable[[], Settings]) -> Settings:
    settings = new_database()
    contacts = [(f"a{n:03d}", email, None, None, None) for n, email in enumerate(ADDRESSES)]
    contacts += [(f"h{n:03d}", None, value, None, None) for n, value in enumerate(ADDRESSES)]
    contacts += [(f"p{n:03d}", None, None, p, code) for n, (code, p, _) in enumerate(PHONES)]
    insert(settings, "crm_contacts", "crm_contact_id, email, hem, phone, country", contacts)
    emails = [(f"a{n:03d}", email) for n, email in enumerate(ADDRESSES)]
    accounts = [(*row, DAY) for row in emails]
    insert(settings, "customer_details", "account_id, email, date_created", accounts)
    events = [(*row, "pageview") for row in emails]
    insert(settings, "web_events", "event_id, hem, event_type", events)
    requests = [(*row, "m", "global", "eu", "pending", DAY) for row in emails]
    names = "account_id, created_by, model_variant, inference_scope, source_region, status, "
    names += "create_datetime"
    insert(settings, "quota_customer_rate_limit_requests", names, requests)
    run_models(
        settings,
        "--select",
        *("country_calling_codes", "stg_contact_versions", "stg_account_changes"),
        *("stg_web_events", "stg_rate_limit_requests"),
    )
    return settings


def column(settings: Settings, table: str, key: str, name: str, kind: str = "a") -> list:
    """Values of a column in the order of the key, null as None."""
    statement = f"select {name} from staging_silver.{table} where {key} like %s order by {key}"
    found = frame(settings, statement, [f"{kind}%"])[name].tolist()
    return [value if isinstance(value, str) else None for value in found]


def differences(given: tuple, expected: list, found: list) -> list[tuple]:
    return [
        (repr(raw), wanted, got)
        for raw, wanted, got in zip(given, expected, found, strict=True)
        if wanted != got
    ]


@pytest.mark.parametrize("kind", ["a", "h"])
def test_canonical_hash_of_an_address_in_either_column(silver: Settings, kind: str) -> None:
    expected = [delivered_hash(raw) or sha256(google(raw)) for raw in ADDRESSES]
    assert expected[:3] == list(NAMED.values())
    assert 15 < sum(x is None for x in expected) < len(expected) - 15
    found = column(silver, "stg_contact_versions", "crm_contact_id", "hem", kind)
    assert differences(ADDRESSES, expected, found) == []


def test_hash_for_meta_keeps_the_dots(silver: Settings) -> None:
    expected = [delivered_hash(raw) or sha256(address(raw)) for raw in ADDRESSES]
    found = column(silver, "stg_contact_versions", "crm_contact_id", "hem_meta")
    assert differences(ADDRESSES, expected, found) == []
    assert found != column(silver, "stg_contact_versions", "crm_contact_id", "hem")


@pytest.mark.parametrize(
    ("table", "key", "name"),
    [
        ("stg_account_changes", "account_id", "email_sha256"),
        ("stg_rate_limit_requests", "account_id", "created_by_sha256"),
        ("stg_web_events", "event_id", "hem"),
    ],
)
def test_every_model_hashes_alike(silver: Settings, table: str, key: str, name: str) -> None:
    contacts = column(silver, "stg_contact_versions", "crm_contact_id", "hem")
    assert differences(ADDRESSES, contacts, column(silver, table, key, name)) == []


def test_nothing_hashes_to_the_hash_of_nothing(silver: Settings) -> None:
    for name in ("hem", "hem_meta", "hphone", "hphone_meta"):
        for kind in "ahp":
            assert EMPTY not in column(silver, "stg_contact_versions", "crm_contact_id", name, kind)


def test_phone_numbers(silver: Settings) -> None:
    given = tuple((country, phone) for country, phone, _ in PHONES)
    digits = [number for *_, number in PHONES]
    found = column(silver, "stg_contact_versions", "crm_contact_id", "hphone", "p")
    assert sha256("+16505551234") == (
        "a2996076d3ad4af5dc818b908b3d8e354f26ededf7df0e0aa6ac354143805ee0"
    )
    assert differences(given, [sha256(d and f"+{d}") for d in digits], found) == []
    meta = column(silver, "stg_contact_versions", "crm_contact_id", "hphone_meta", "p")
    assert differences(given, [sha256(d) for d in digits], meta) == []


def test_clear_text_comes_before_the_source_s_own_hash(silver: Settings) -> None:
    other = "0" * 63 + "1"
    contacts = (
        ("x1", "user@example.com", other, "+16505551234", other),
        ("x2", "N/A", other.upper(), "555", f" {other} "),
        ("x3", None, None, other, "not a hash"),
        ("x4", HASH.upper(), other, HASH.upper(), other),
        ("x5", None, EMPTY, EMPTY, EMPTY),
    )
    names = "crm_contact_id, email, hem, phone, hphone, country"
    insert(silver, "crm_contacts", names, [(*row, "US") for row in contacts])
    names = ("hem", "hem_meta", "hphone", "hphone_meta")
    found = {n: column(silver, "stg_contact_versions", "crm_contact_id", n, "x") for n in names}
    user, phone = NAMED["user@example.com"], "16505551234"
    assert found == {
        "hem": [user, other, None, HASH, None],
        "hem_meta": [user, other, None, HASH, None],
        "hphone": [sha256(f"+{phone}"), other, other, HASH, None],
        "hphone_meta": [sha256(phone), None, None, None, None],
    }


def test_every_version_of_a_contact_is_kept_once(silver: Settings) -> None:
    rows = [
        ("v1", "new@example.com", "2026-03-01", "2026-03-02"),
        ("v1", "old@example.com", "2026-01-01", "2026-03-09"),
        ("v1", "wrong@example.com", "2026-03-01", "2026-03-01"),
    ]
    insert(silver, "crm_contacts", "crm_contact_id, email, updated_at, loaded_at", rows)
    versions = column(silver, "stg_contact_versions", "crm_contact_id", "hem", "v")
    assert sorted(versions) == sorted(map(sha256, ("old@example.com", "new@example.com")))


def test_the_registry_is_what_the_contracts_say() -> None:
    """Clear text is what `pii` names; ids of people and hashes are known by their names."""
    kinds = {"email": "email", "phone": "phone"}
    named = {
        "hem": "email",
        "hphone": "phone",
        "fp_cookie_id": "web_cookie",
        "crm_contact_id": "crm_contact_id",
        "product_user_id": "product_user_id",
    }
    expected = {}
    for table, contract in load_contracts(DBT).items():
        for item in contract.columns:
            if item.pii in kinds:
                expected[table, item.name] = (kinds[item.pii], "true", "true")
            elif item.name in named:
                expected[table, item.name] = (named[item.name], "false", "false")
    with (DBT / "seeds" / "identifier_columns.csv").open(newline="") as file:
        found = {
            (row["table_name"], row["column_name"]): (
                row["identifier_type"],
                row["is_pii"],
                row["requires_hashing"],
            )
            for row in csv.DictReader(file)
        }
    assert found == expected
    assert {name for _, name in found} & {"crm_account_id", "account_id", "deal_id"} == set()
    other = {c.pii for t in load_contracts(DBT).values() for c in t.columns} - {None, *kinds}
    assert other == {"name", "contact", "url"}, "is the new kind of personal data an identifier?"
