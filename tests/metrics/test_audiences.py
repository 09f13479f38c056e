"""Consent, audiences, sizes and conversions against a recomputation from bronze, cell by cell."""

import pandas as pd
import pytest
from tests.metrics.recompute import Company
from tests.metrics.recompute.audiences import CLICK_DAYS, MAX_AGE, Audiences
from tests.metrics.recompute.tables import DAY
from tests.metrics.warehouse import frame

from o2r.export import AUDIENCES
from o2r.settings import Settings


@pytest.fixture(scope="module")
def again(small: Settings, company: Company) -> Audiences:
    return Audiences(small, company)


@pytest.fixture(scope="module")
def members(small: Settings) -> pd.DataFrame:
    return frame(small, "select * from mart_gold.audience_accounts")


def test_consent_of_every_person(small: Settings, again: Audiences) -> None:
    rows = frame(small, "select * from intermediate_silver.int_person_consent")
    found = dict(zip(rows["person_id"], rows["has_marketing_consent"], strict=True))
    assert found == again.consent
    assert len(found) > 100
    assert {True, False} == set(found.values())
    people = frame(small, "select person_id, has_marketing_consent from mart_gold.dim_person")
    agreed = people.loc[people["has_marketing_consent"], "person_id"]
    assert set(agreed) == {person for person, agrees in again.consent.items() if agrees}


@pytest.mark.parametrize("platform", ["google", "meta"])
def test_address_hashes_newest_first(small: Settings, again: Audiences, platform: str) -> None:
    rows = frame(
        small,
        "select person_id, hash_value from intermediate_silver.int_upload_hash "
        "where identifier_type = 'email' and platform = %s order by person_id, recency_rank",
        [platform],
    )
    found = rows.groupby("person_id")["hash_value"].agg(list).to_dict()
    assert found == again.addresses[platform]
    assert max(map(len, found.values())) > 1


def test_accounts_of_every_audience(members: pd.DataFrame, again: Audiences) -> None:
    expected = again.accounts()
    found = {
        (row.audience, row.account_id): (row.reason, row.since_date) for row in members.itertuples()
    }
    assert found.keys() == expected.keys()
    assert {audience for audience, _ in found} == set(AUDIENCES)
    for key, (reason, since) in expected.items():
        if reason is not None:
            assert found[key] == (reason, since.date()), key
        else:
            assert found[key][0], key
            assert found[key][1] is None, key


def test_the_people_of_every_audience(
    small: Settings, members: pd.DataFrame, again: Audiences
) -> None:
    for name in AUDIENCES:
        rows = frame(small, f"select * from mart_gold.audience_{name}")
        chosen = members[members["audience"] == name].set_index("account_id")
        assert set(rows["person_id"]) == again.members(set(chosen.index)), name
        assert rows["person_id"].is_unique
        expected = chosen.loc[rows["account_id"], "reason"]
        assert list(rows["reason"]) == list(expected)


def test_sizes(small: Settings, members: pd.DataFrame, again: Audiences) -> None:
    sizes = frame(small, "select * from mart_gold.audience_summary")
    assert len(sizes) == len(AUDIENCES) * len(MAX_AGE)
    for row in sizes.itertuples():
        accounts = set(members.loc[members["audience"] == row.audience, "account_id"])
        people = again.members(accounts)
        by_address = people & set(again.addresses[row.platform])
        by_number = people & again.with_number
        reachable = len(by_address | by_number)
        assert (row.account_count, row.consenting_count) == (len(accounts), len(people))
        assert row.known_count == sum(one in accounts for one in again.known.values())
        assert (row.email_count, row.phone_count) == (len(by_address), len(by_number))
        assert row.reachable_count == reachable
        assert row.size_status == ("empty" if not reachable else "too small")
    assert (sizes["reachable_count"] < sizes["consenting_count"]).any()


def test_every_conversion(small: Settings, again: Audiences) -> None:
    rows = frame(small, "select * from mart_gold.conversion_signals").set_index("signal_id")
    rows = rows.astype(object).where(rows.notna(), None)
    expected = again.signals()
    assert set(rows.index) == set(expected)
    for signal, one in expected.items():
        row = rows.loc[signal]
        days = [(one["at"] + ages[one["type"]] * DAY).date() for ages in MAX_AGE.values()]
        click_to = one["click_day"] and (one["click_day"] + CLICK_DAYS * DAY).date()
        assert signal == f"{row['conversion_type']}:{row['order_id']}"
        assert (row["event_at"], row["person_id"]) == (one["at"], one["person"]), signal
        assert row["account_id"] == again.known.get(one["person"]), signal
        value = row["conversion_value"]
        assert (None if value is None else float(value)) == one["value"], signal
        assert row["currency_code"] == one["currency"], signal
        assert (row["google_click_id"], row["google_click_id_type"]) == one["click"], signal
        assert row["click_valid_to_date"] == click_to, signal
        assert [row["google_valid_to_date"], row["meta_valid_to_date"]] == days, signal
        assert row["signal_status"] == one["status"], signal
    assert set(rows["signal_status"]) >= {"ready", "retracted", "no consent", "too old"}
