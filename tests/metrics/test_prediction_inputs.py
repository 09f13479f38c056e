"""Inputs of predictions: every cell again from bronze, and nothing later than the cut-off."""

from collections.abc import Callable

import pandas as pd
import pytest
from tests.metrics.compiled import Copy
from tests.metrics.recompute import Company
from tests.metrics.recompute.cutoffs import Cutoffs
from tests.metrics.test_families import assert_same
from tests.metrics.warehouse import execute, frame, small_gold

from o2r.settings import Settings

KEYS = ["account_id", "cutoff_date"]
AUGUST, OCTOBER = pd.Timestamp("2026-08-01"), pd.Timestamp("2026-10-01")
CONTRACT_FEATURES = [
    *("segment", "plan_tier", "vertical", "account_size", "home_region", "tenure_days"),
    *("has_paid", "paid_days", "is_on_trial", "contract_count", "annual_contract_count"),
    *("ending_contract_count", "mrr", "mrr_change", "days_until_renewal"),
]
ACTIVITY = [
    *("request_count", "active_days", "error_rate_pct", "request_change_pct", "login_count"),
    *("feature_use_count", "feature_count", "ticket_count", "open_ticket_count", "survey_score"),
    *("contact_count", "lead_source"),
]


def inputs(settings: Settings, mart: str) -> pd.DataFrame:
    rows = frame(settings, f"select * from mart_gold.{mart}")
    rows["cutoff_date"] = pd.to_datetime(rows["cutoff_date"])
    return rows.set_index(KEYS).sort_index()


@pytest.fixture(scope="module")
def again(company: Company) -> pd.DataFrame:
    return Cutoffs(company).table


def test_every_input_of_actions_again(small: Settings, again: pd.DataFrame) -> None:
    gold = inputs(small, "action_prediction_input")
    assert_same(gold, again.drop(columns=["before", "within"]))
    labels = gold.groupby("action_name")["label"].agg(lambda label: set(label.dropna()))
    assert set(labels.index) == {"conversion", "reactivation", "renewal"}
    assert all(label == {0, 1} for label in labels)
    for name in ACTIVITY:
        assert gold[name].nunique() > 1, name


def test_every_input_of_lifetime_value_again(small: Settings, again: pd.DataFrame) -> None:
    gold = inputs(small, "lifetime_value_input")
    names = {
        "before": "recurring_revenue_before_cutoff",
        "within": "recurring_revenue_within_horizon",
    }
    labels = ["action_name", "is_closed", "label"]
    wanted = again.drop(columns=labels).rename(columns=names).astype({names["within"]: float})
    assert_same(gold, wanted)
    assert set(gold["is_closed"]) == {True, False}


MODELS = [
    *("int_requests", "int_token_usage_minute", "int_token_usage_daily"),
    *("int_product_events", "int_product_usage_daily", "int_account_crm_version"),
    *("int_contract_history", "int_mrr_account_period"),
    *("int_contract_cutoff", "int_account_cutoff", "int_account_cutoff_activity"),
    *("action_prediction_input", "lifetime_value_input"),
]
# Accounts and contacts change, contracts end and begin, from the very instant of a cut-off.
FROM_AUGUST = """
insert into raw_bronze.customer_details
    (account_id, plan_tier, segment, vertical, account_size, country, is_active, date_created,
     date_updated, loaded_at)
select
    account_id, 'Changed', 'Changed', 'Changed', 'Changed', 'JP', true, '2020-01-01',
    timestamptz '2026-08-01Z' + number * interval '1 hour', '2026-11-22 08:00Z'
from (
    select account_id, row_number() over (order by account_id) - 1 as number
    from raw_bronze.customer_details group by account_id
) as accounts;
insert into raw_bronze.subscriptions
    (subscription_id, event_timestamp, crm_account_id, plan_type, mrr, currency, status, start_date,
     renewal_date, cancellation_date, loaded_at)
select
    subscription_id, timestamptz '2026-08-01Z' + number * interval '1 hour', crm_account_id,
    plan_type, mrr, currency, 'cancelled', start_date, null,
    case when number % 4 = 0 then timestamptz '2026-08-15Z' else '2026-10-15Z' end,
    '2026-11-22 08:00Z'
from (
    select distinct on (subscription_id)
        *, dense_rank() over (order by subscription_id) - 1 as number
    from raw_bronze.subscriptions
    where event_timestamp < '2026-08-01Z' and mrr > 0
    order by subscription_id, event_timestamp desc
) as contracts
where number % 2 = 0 and status = 'active';
insert into raw_bronze.subscriptions
    (subscription_id, event_timestamp, crm_account_id, plan_type, mrr, currency, status, start_date,
     loaded_at)
select
    'later-' || account_id || status, '2026-08-01Z', account_id, 'annual', 5000, 'USD', status,
    '2026-08-01Z', '2026-11-22 08:00Z'
from raw_bronze.customer_details
cross join (values ('active'), ('trial')) as contracts (status) group by account_id, status;
"""
FROM_OCTOBER = """
insert into raw_bronze.inference_user_token_usage_open_source
    (request_id, account_id, model_variant, output_tokens, error_code, event_timestamp, loaded_at)
select
    'later-' || account_id || number, account_id, 'no-such-model', 10, 'E503',
    timestamptz '2026-10-01Z' + (number - 1) * interval '10 days', '2026-11-22 08:00Z'
from raw_bronze.customer_details
cross join generate_series(1, 3) as number group by account_id, number;
insert into raw_bronze.product_usage_events
    (event_id, crm_account_id, event_type, feature_name, event_timestamp, loaded_at)
select
    'later-' || account_id || kind || at, account_id, kind, 'later', at, '2026-11-22 08:00Z'
from raw_bronze.customer_details
cross join (values ('login'), ('feature_used')) as kinds (kind)
cross join (values (timestamptz '2026-10-01Z'), ('2026-10-20Z')) as days (at)
group by account_id, kind, at;
insert into raw_bronze.support_tickets
    (ticket_id, account_id, created_at, status, last_updated, loaded_at)
select
    'later-' || account_id || at, account_id, at, 'open', at, '2026-11-22 08:00Z'
from raw_bronze.customer_details
cross join (values (timestamptz '2026-10-01Z'), ('2026-10-20Z')) as days (at)
group by account_id, at;
insert into raw_bronze.support_tickets
    (ticket_id, account_id, created_at, resolved_at, status, last_updated, loaded_at)
select
    ticket_id, account_id, created_at, '2026-10-01Z', 'resolved', '2026-11-21Z', '2026-11-22 08:00Z'
from (
    select distinct on (ticket_id) * from raw_bronze.support_tickets
    where created_at < '2026-10-01Z' order by ticket_id, last_updated desc, loaded_at desc
) as tickets
where resolved_at is null or resolved_at >= '2026-10-01Z';
insert into raw_bronze.csat_responses
    (response_id, account_id, survey_type, score, answered_at, loaded_at)
select 'later-' || account_id || at, account_id, 'csat', 1, at, '2026-11-22 08:00Z'
from raw_bronze.customer_details
cross join (values (timestamptz '2026-10-01Z'), ('2026-10-20Z')) as days (at)
group by account_id, at;
insert into raw_bronze.crm_contacts
    (crm_contact_id, crm_account_id, lead_source, created_at, updated_at, loaded_at)
select
    crm_contact_id, 'acc-nobody', 'later', '2020-01-01Z', '2026-10-01Z', '2026-11-22 08:00Z'
from raw_bronze.crm_contacts group by crm_contact_id;
"""
LATE = """
insert into raw_bronze.product_usage_events
    (event_id, crm_account_id, event_type, event_timestamp, loaded_at)
values ('late', 'acc-00004', 'login', '2026-09-30 23:59:59Z', '2026-11-22 09:00Z');
"""


@pytest.fixture(scope="module")
def copy(new_database: Callable[[], Settings]) -> Copy:
    copy = Copy(small_gold(new_database), "small_cutoffs")
    tables = ("subscriptions", "customer_details", "crm_contacts", "product_usage_events")
    copy.shuffle(tables)
    copy.rebuild(MODELS)
    return copy


@pytest.mark.parametrize("mart", ["action_prediction_input", "lifetime_value_input"])
def test_row_order_changes_no_input(small: Settings, copy: Copy, mart: str) -> None:
    assert inputs(copy.settings, mart).equals(inputs(small, mart))


@pytest.fixture(scope="module")
def told_later(copy: Copy) -> dict[str, pd.DataFrame]:
    """Inputs of actions before, and after much has happened from two cut-offs on."""
    found = {"before": inputs(copy.settings, "action_prediction_input")}
    execute(copy.settings, FROM_AUGUST + FROM_OCTOBER)
    copy.rebuild(MODELS)
    found["after"] = inputs(copy.settings, "action_prediction_input")
    execute(copy.settings, LATE)
    copy.rebuild(["int_product_events", "int_product_usage_daily", *MODELS[-4:]])
    found["late"] = inputs(copy.settings, "action_prediction_input")
    return found


@pytest.mark.parametrize(("cutoff", "features"), [(AUGUST, CONTRACT_FEATURES), (OCTOBER, ACTIVITY)])
def test_what_happens_from_the_cutoff_on_changes_no_feature(
    told_later: dict[str, pd.DataFrame], cutoff: pd.Timestamp, features: list[str]
) -> None:
    """And every feature of the next cut-off changes somewhere."""
    before, after = told_later["before"], told_later["after"]
    dates = before.index.get_level_values("cutoff_date")
    closed = before.index[dates <= cutoff]
    assert len(closed) > 100
    assert before.loc[closed, features].equals(after.loc[closed, features])
    following = before.index[dates == cutoff + pd.offsets.MonthBegin(1)]
    for name in features:
        assert not before.loc[following, name].equals(after.loc[following, name]), name


def test_labels_follow_what_happened(told_later: dict[str, pd.DataFrame]) -> None:
    before, after = (
        told_later[name].xs(AUGUST, level="cutoff_date") for name in ("before", "after")
    )
    after = after.loc[before.index]
    assert (before["action_name"] == after["action_name"]).all()
    assert (before["label"] != after["label"]).any()


def test_a_late_row_counts_when_it_happened(told_later: dict[str, pd.DataFrame]) -> None:
    """The choice of docs/customer-families.md: what arrives late belongs to its own day."""
    login = told_later["late"]["login_count"] - told_later["after"]["login_count"]
    assert login[login.notna() & (login != 0)].to_dict() == {("acc-00004", OCTOBER): 1}
