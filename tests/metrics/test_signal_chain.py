"""The signal chain finds what the simulator planted, and computes what it says it computes."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from tests.metrics.recompute import Company
from tests.metrics.recompute.tables import DAY, period_starts
from tests.metrics.warehouse import frame, signal_gold

from o2r.settings import Settings
from o2r.synthetic.truth import effects

TRUTH = {(effect["cause"], effect["outcome"]): effect for effect in effects()}
PLANTED = sorted(pair for pair, effect in TRUTH.items() if effect["elasticity"])
ABSENT = sorted(pair for pair, effect in TRUTH.items() if not effect["elasticity"])
NOT_LISTED = {
    ("usage", "contraction"),  # a smaller contract is not a signal of an account-week
    ("error_rate", "latency"),  # two signals of the same layer
    ("teams", "usage_growth"),  # traits of an account, not of one of its weeks
    ("champion_lost", "churn"),  # told by the members of accounts
    ("list_price", "usage"),  # price_sensitivity_score is computed from it
    # of where an account came from, once: tests/unit/test_synthetic_channels.py
    *(pair for pair in TRUTH if pair[0].startswith(("channel ", "email "))),
}


@pytest.fixture(scope="module")
def signals(new_database: Callable[[], Settings]) -> Settings:
    return signal_gold(new_database)


@pytest.fixture(scope="module")
def chain(signals: Settings) -> pd.DataFrame:
    rows = frame(signals, "select * from mart_gold.o2r_signal_chain")
    numbers = ["correlation", "t_statistic"]
    rows[numbers] = rows[numbers].astype(float)
    return rows


@pytest.fixture(scope="module")
def best(chain: pd.DataFrame) -> pd.DataFrame:
    return chain[chain["is_best_lag"]].set_index(["cause", "outcome"])


def test_every_planted_effect_is_looked_for(chain: pd.DataFrame) -> None:
    listed = set(zip(chain["cause"], chain["outcome"], strict=True))
    assert set(TRUTH) - listed == NOT_LISTED
    assert len(set(PLANTED) & listed) == 11
    assert len(set(ABSENT) & listed) == 2
    lags = chain.groupby(["cause", "outcome"])["lag_weeks"].apply(sorted)
    assert all(found == list(range(14)) for found in lags)


@pytest.mark.parametrize(
    "pair", [p for p in PLANTED if p not in NOT_LISTED], ids=lambda pair: "-".join(pair)
)
def test_planted_lag_is_recovered(best: pd.DataFrame, pair: tuple[str, str]) -> None:
    truth, found = TRUTH[pair], best.loc[pair]
    assert abs(found["lag_weeks"] - truth["lag_weeks"]) <= 1
    assert found["is_significant"]
    assert np.sign(found["correlation"]) == np.sign(truth["elasticity"])


@pytest.mark.parametrize(
    "pair", [p for p in ABSENT if p not in NOT_LISTED], ids=lambda pair: "-".join(pair)
)
def test_absent_effect_is_not_claimed(chain: pd.DataFrame, pair: tuple[str, str]) -> None:
    rows = chain[(chain["cause"] == pair[0]) & (chain["outcome"] == pair[1])]
    assert not (rows["is_significant"] & rows["is_best_lag"]).any()


def panels(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Each signal as a table of weeks by accounts, less its account means and week means."""
    signal = {
        "error_rate": rows["error_rate_pct"],
        "throttle_rate": rows["throttle_rate_pct"],
        "latency": rows["mean_latency_ms"],
        "cs_score": rows["cs_score"],
        "csat_response": rows["csat_response_score"],
        "tickets": rows["ticket_count"],
        "usage": np.log1p(rows["total_tokens"].astype(float)).where(rows["request_count"] > 0),
        "revenue": np.log1p(rows["net_revenue"].astype(float).clip(lower=0)),
        "churn": rows["is_churned"],
    }
    tables = {}
    for name, values in signal.items():
        long = rows[["week_start", "account_id"]].assign(value=values.astype(float))
        table = long.pivot_table(index="week_start", columns="account_id", values="value")
        weeks = pd.date_range(rows["week_start"].min(), rows["week_start"].max(), freq="7D")
        table = table.reindex(index=weeks, columns=sorted(rows["account_id"].unique()))
        centred = table - table.mean(axis=0)
        centred = centred.sub(table.mean(axis=1), axis=0) + np.nanmean(table.to_numpy())
        tables[name] = centred
    return tables


def test_correlations_follow_from_the_account_weeks(signals: Settings, chain: pd.DataFrame) -> None:
    rows = frame(signals, "select * from mart_gold.o2r_account_week")
    rows["week_start"] = pd.to_datetime(rows["week_start"])
    table = panels(rows)
    again = []
    for row in chain.itertuples():
        cause = table[row.cause].to_numpy()
        outcome = table[row.outcome].shift(-row.lag_weeks).to_numpy()
        both = ~np.isnan(cause) & ~np.isnan(outcome)
        again.append((both.sum(), np.corrcoef(cause[both], outcome[both])[0, 1]))
    n, r = np.array(again).T
    assert len(chain) == 20 * 14
    np.testing.assert_array_equal(chain["pair_count"], n)
    np.testing.assert_allclose(chain["correlation"], r, atol=2e-6)
    t = r * np.sqrt((n - 2) / (1 - r**2))
    np.testing.assert_allclose(chain["t_statistic"], t, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(chain["is_significant"], abs(t) >= 3.4)
    strength = chain.assign(strength=chain["expected_sign"] * r)
    strongest = strength.loc[strength.groupby(["cause", "outcome"])["strength"].idxmax()]
    assert set(strongest.index[strongest["strength"] > 0]) == set(chain.index[chain["is_best_lag"]])


def test_account_weeks_follow_from_bronze(small: Settings, company: Company) -> None:
    """Rows and columns of o2r_account_week, from the delivered rows of the small company."""
    gold = frame(small, "select * from mart_gold.o2r_account_week")
    gold["week_start"] = pd.to_datetime(gold["week_start"])
    keys = ["account_id", "week_start"]
    gold = gold.set_index(keys).sort_index().drop(columns="account_week_key")

    weeks = company.periods[(company.periods["grain"] == "week") & company.periods["complete"]]
    weeks = weeks[weeks["period_start"] >= company.first_day["requests"]]
    calls = with_week(company.calls.assign(calls=1)).groupby(keys)
    money = with_week(company.money).groupby(keys)["net"].sum()
    tickets = with_week(company.with_account(company.tickets)).groupby(keys).size()
    surveys = company.surveys[company.surveys["survey_type"] == "csat"]
    csat = with_week(surveys.assign(points=25 * (surveys["score"] - 1))).groupby(keys)["points"]
    ended = company.contract_values
    ended = ended[(ended["grain"] == "week") & (ended["churn"] > 0)]
    ended = set(zip(ended["account_id"], ended["period_start"], strict=True))
    resolved = company.with_account(company.tickets)
    resolved_at = resolved["resolved_at"].where(resolved["resolved_at"] < company.end)
    resolved["hours"] = (resolved_at - resolved["at"]) / pd.Timedelta(hours=1)
    hours = with_week(resolved).groupby(keys)["hours"].mean()
    # the hours of an open ticket are still to come, and with them the score of its week
    is_open = with_week(resolved.assign(is_open=resolved_at.isna())).groupby(keys)["is_open"].any()
    failed = calls["failed"].mean()

    expected = {}
    for account in company.accounts.dropna(subset="signed_up").itertuples():
        for week in weeks.itertuples():
            key = account.Index, week.period_start
            here = week.seen_until > account.signed_up
            flag = company.was_active(account.Index, week.seen_until)
            if flag is None:  # nobody of this company pays before the CRM speaks of it
                flag = company.is_alive(account.Index, week.seen_until - DAY)
            here = here and flag
            if not here and key not in ended:
                continue
            down = company.minutes_down(account.region, week.period_start, week.seen_until)
            expected[key] = {
                "is_churned": key in ended,
                "cs_score": 0.4 * max(0, 100 - 1000 * down / (7 * 1440))
                + 0.3 * max(0, 100 - (0 if np.isnan(h := hours.get(key, 0)) else h))
                + 0.3 * max(0, 100 - 500 * failed.get(key, 0))
                if here and not is_open.get(key, False)
                else np.nan,
            }
    again = pd.DataFrame.from_dict(expected, orient="index").rename_axis(keys).sort_index()
    assert list(again.index) == list(gold.index)
    assert again["is_churned"].any()
    again["request_count"] = calls.size().reindex(again.index, fill_value=0)
    again["error_rate_pct"] = 100 * failed.reindex(again.index)
    again["throttle_rate_pct"] = 100 * calls["throttled"].mean().reindex(again.index)
    again["mean_latency_ms"] = calls["latency_ms"].mean().reindex(again.index)
    again["ticket_count"] = tickets.reindex(again.index, fill_value=0)
    again["csat_response_score"] = csat.mean().reindex(again.index)
    again["total_tokens"] = calls["tokens"].sum().reindex(again.index, fill_value=0)
    again["net_revenue"] = money.reindex(again.index, fill_value=0)
    assert set(again.columns) == set(gold.columns)
    for column in again.columns:
        np.testing.assert_allclose(
            gold[column].astype(float),
            again[column].astype(float),
            rtol=1e-6,
            atol=1e-5,
            err_msg=column,
        )


def with_week(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(week_start=period_starts(rows["at"], "week"))
