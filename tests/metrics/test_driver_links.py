"""Links of the driver map: correlation, interval and verdict once more, in pandas."""

import numpy as np
import pandas as pd
import pytest
from tests.metrics.warehouse import frame

from o2r.metrics import read
from o2r.settings import Settings

LAGS, QUANTILE = range(1, 9), 3.9
LEAST_PAIRS, LEAST_CLUSTERS, LEAST_EFFECTIVE = 30, 20, 10
KEY = ["success_metric", "actionable_metric", "lag_weeks"]


def numbers(rows: pd.DataFrame) -> pd.DataFrame:
    """Everything but the account and the week as floats."""
    rows["week_start"] = pd.to_datetime(rows["week_start"])
    rest = rows.columns.difference(["account_id", "week_start", "metric"])
    return rows.assign(**rows[rest].astype(float))


def panel(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Weeks by accounts, less account means and week means."""
    values = rows.assign(v=column if isinstance(column, pd.Series) else rows[column]).dropna(
        subset="v"
    )
    weekly = values.groupby("week_start")["v"].transform("mean")
    own = values.groupby("account_id")["v"].transform("mean")
    values["v"] = values["v"] - own - weekly + values["v"].mean()
    return values.pivot(index="week_start", columns="account_id", values="v")


def news_of(series: pd.Series) -> pd.Series:
    """What each week adds to a first-order autoregression; missing without the week before."""
    both = pd.concat([series, series.shift(1)], axis=1, keys=["now", "before"]).dropna()
    both = both - both.mean()
    kept = np.polyfit(both["before"], both["now"], 1)[0] if both["before"].std() > 0 else 0
    return both["now"] - kept * both["before"]


def judge(x: np.ndarray, y: np.ndarray, cluster: np.ndarray) -> dict | None:
    """Correlation with the interval of a slope whose errors go together within clusters."""
    names, of = np.unique(cluster, return_inverse=True)
    if len(x) < LEAST_PAIRS or len(names) < LEAST_CLUSTERS:
        return None
    if (x**2).sum() <= 1e-9 or (y**2).sum() <= 1e-9:
        return None
    for values in (x, y):
        squares = np.bincount(of, values**2)
        if squares.sum() ** 2 / (squares**2).sum() < LEAST_EFFECTIVE:
            return None
    slope = (x @ y) / (x @ x)
    without = [
        (x[of != left_out] @ y[of != left_out]) / max(x[of != left_out] @ x[of != left_out], 1e-9)
        for left_out in range(len(names))
    ]
    variance = (len(names) - 1) / len(names) * ((np.array(without) - slope) ** 2).sum()
    spread = (QUANTILE + (QUANTILE**3 + QUANTILE) / 4 / (len(names) - 1)) * np.sqrt(variance)
    unit = np.sqrt((x @ x) / (y @ y))
    return {
        "pair_count": len(x),
        "cluster_count": len(names),
        "correlation": slope * unit,
        "correlation_low": max(-1.0, (slope - spread) * unit),
        "correlation_high": min(1.0, (slope + spread) * unit),
    }


def again(settings: Settings) -> pd.DataFrame:
    links = frame(
        settings, "select distinct success_metric, actionable_metric from seeds.driver_map"
    )
    drivers = numbers(frame(settings, "select * from mart_gold.driver_account_week"))
    weeks = numbers(
        frame(
            settings,
            """
            select account_id, week_start, request_count, total_tokens, cs_score,
                is_churned::int as is_churned
            from mart_gold.o2r_account_week
            """,
        )
    )
    adoption = frame(settings, "select * from mart_gold.account_adoption")
    adoption = adoption[adoption["is_window_over"]].set_index("account_id")
    totals = numbers(
        frame(
            settings,
            """
            select metric, period_start as week_start, value from mart_gold.metric_values
            where grain = 'week' and dimension = 'all' and is_final
            """,
        )
    ).pivot(index="week_start", columns="metric", values="value")
    news = totals.asfreq("7D").apply(news_of)
    stays = 1 - weeks["is_churned"]
    used = weeks["request_count"] > 0
    outcomes = {
        "active_accounts": panel(weeks, stays),
        "retention_rate_pct": panel(weeks, stays),
        "usage_retention_rate_pct": panel(weeks, np.log1p(weeks["total_tokens"]).where(used)),
        "cs_score": panel(weeks, "cs_score"),
    }
    found = []
    for success, actionable in links.itertuples(index=False):
        if actionable in drivers and success in outcomes:
            cause = panel(drivers, actionable)
            for lag in LAGS:
                x = cause.copy()
                x.index = x.index + pd.Timedelta(days=7 * lag)
                x, y = x.align(outcomes[success], join="inner")
                x, y = x.stack(), y.stack()
                both = pd.concat([x, y], axis=1, keys=["x", "y"]).dropna()
                judged = judge(
                    both["x"].to_numpy(),
                    both["y"].to_numpy(),
                    both.index.get_level_values("account_id").to_numpy(),
                )
                found.append((success, actionable, lag, judged))
        elif actionable in drivers and success == "adoption_rate_pct":
            rows = drivers.dropna(subset=actionable).join(adoption, on="account_id", how="inner")
            age = rows["week_start"] - pd.to_datetime(rows["signed_up_date"])
            rows = rows[(age >= pd.Timedelta(0)) & (age < pd.Timedelta(days=28))]
            x = rows.groupby("account_id")[actionable].mean()
            y = adoption.loc[x.index, "is_adopted"].astype(float)
            judged = judge((x - x.mean()).to_numpy(), (y - y.mean()).to_numpy(), x.index.to_numpy())
            found.append((success, actionable, 9, judged))
        elif actionable in news and success in news:
            for lag in LAGS:
                x = news[actionable].shift(lag)
                both = pd.concat([x, news[success]], axis=1, keys=["x", "y"]).dropna()
                both = both - both.mean()
                weeks_of = both.index.to_numpy()
                judged = judge(both["x"].to_numpy(), both["y"].to_numpy(), weeks_of)
                found.append((success, actionable, lag, judged))
    rows = [dict(zip(KEY, key, strict=True)) | judged for *key, judged in found if judged]
    return pd.DataFrame(rows).set_index(KEY).sort_index()


@pytest.fixture(scope="module")
def links(small: Settings) -> pd.DataFrame:
    rows = frame(small, "select * from mart_gold.o2r_driver_links")
    assert not rows.duplicated(KEY).any()
    return rows.set_index(KEY).sort_index()


def test_correlations_and_intervals(links: pd.DataFrame, small: Settings) -> None:
    expected = again(small)
    assert list(links.index) == list(expected.index)
    assert {"account and week", "company and week"} <= set(links["level"])
    for column in expected:
        wrong = ~np.isclose(links[column].astype(float), expected[column], rtol=1e-6, atol=2e-6)
        assert not wrong.any(), (
            links.loc[wrong, column].head(),
            expected.loc[wrong, column].head(),
        )


def test_verdict_and_best_lag(links: pd.DataFrame, small: Settings) -> None:
    metrics = read(small.project).metrics
    for (_, actionable, _), row in links.iterrows():
        sign = 1 if metrics[actionable].direction == "up" else -1
        assert row["expected_sign"] == sign
        ends = sorted((float(row["correlation_low"]) * sign, float(row["correlation_high"]) * sign))
        side = "as the book claims" if ends[0] > 0 else "the other way round"
        assert row["verdict"] == (side if ends[0] > 0 or ends[1] < 0 else "not seen")
    best = links[links["is_best_lag"]]
    assert not best.reset_index().duplicated(KEY[:2]).any()
    assert len(best) == links.reset_index()[KEY[:2]].drop_duplicates().shape[0]
