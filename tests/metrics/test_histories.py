"""Marts read from the histories, against pandas over the raw rows of bronze, day by day."""

from collections.abc import Iterator

import pandas as pd
from tests.metrics.recompute.subscriptions import Subscriptions
from tests.metrics.recompute.tables import DAY, Bronze
from tests.metrics.warehouse import END, frame

from o2r.settings import Settings

RANKS = {"Starter": 1, "Growth": 2, "Enterprise": 3}
AS_OF = pd.Timestamp(END)


def periods(small: Settings) -> Iterator[tuple[str, pd.Timestamp, pd.Timestamp]]:
    """(grain, first day, last observed day) of every week and month up to the as-of day."""
    first = pd.Timestamp(
        frame(small, "select min(period_start) from mart_gold.metric_values").iloc[0, 0]
    )
    for grain, starts in (
        ("week", pd.date_range(first - 7 * DAY, AS_OF, freq="W-MON")),
        ("month", pd.date_range(first - 31 * DAY, AS_OF, freq="MS")),
    ):
        for start in starts:
            end = start + (6 * DAY if grain == "week" else pd.offsets.MonthEnd())
            yield grain, start, min(end, AS_OF)


def in_gold(small: Settings, mart: str, columns: str) -> set[tuple]:
    rows = frame(small, f"select {columns} from mart_gold.{mart}")
    assert not rows.duplicated().any()
    return {tuple(row) for row in rows.itertuples(index=False, name=None)}


def test_model_availability_by_day(small: Settings) -> None:
    said = Bronze(small).latest(
        "config_model_region_availability",
        ["model_variant", "source_region", "snapshot_date"],
        ["loaded_at"],
    )
    first_period = min(start for _, start, _ in periods(small))
    days = pd.DataFrame({"day": pd.date_range(said["snapshot_date"].min(), AS_OF)})
    expected: dict[tuple, list[bool]] = {}
    for (model, region), rows in said.groupby(["model_variant", "source_region"]):
        state = pd.merge_asof(
            days, rows.sort_values("snapshot_date"), left_on="day", right_on="snapshot_date"
        )
        for day, is_active in state[state["is_active"].notna()][["day", "is_active"]].to_numpy():
            week = (day - day.day_of_week * DAY).date()
            for key in (("week", week), ("month", day.replace(day=1).date())):
                expected.setdefault((*key, model, region), []).append(bool(is_active))
    counted = {
        (*key, len(flags), sum(flags))
        for key, flags in expected.items()
        if pd.Timestamp(key[1]) >= first_period
    }
    found = in_gold(
        small,
        "model_availability_summary",
        "grain, period_start, model_variant, source_region, possible_days, available_days",
    )
    assert found == counted
    months = {row[4:] for row in found if row[0] == "month"}
    assert {(30, 0), (30, 30), (26, 26)} <= months
    assert any(0 < available < possible for possible, available in months)


def test_plan_tier_movement_by_account(small: Settings) -> None:
    changes = Subscriptions(small, END).versions
    expected: dict[tuple, list[int]] = {}
    for grain, start, end in periods(small):
        opening = changes[changes["at"] <= start].groupby("account_id").tail(1)
        closing = changes[changes["at"] < end + DAY].groupby("account_id").tail(1)
        tiers = closing.set_index("account_id")["plan_tier"]
        for account, tier, source, is_active in opening[
            ["account_id", "plan_tier", "source", "is_active"]
        ].to_numpy():
            if is_active is False or source == "ended":
                continue
            step = RANKS[tiers[account]] - RANKS[tier]
            counts = expected.setdefault((grain, start.date(), tier), [0, 0, 0])
            counts[0] += 1
            counts[1] += step > 0
            counts[2] += step < 0
    found = in_gold(
        small,
        "plan_tier_movement where dimension = 'plan_tier'",
        "grain, period_start, dimension_value, opening_accounts, upgraded_accounts, "
        "downgraded_accounts",
    )
    assert found == {(*key, *counts) for key, counts in expected.items()}
    assert {row[4] > 0 for row in found} == {row[5] > 0 for row in found} == {True, False}


def test_plan_tier_history_says_the_same_as_the_account_history(small: Settings) -> None:
    differing = frame(
        small,
        "select count(*), count(*) filter (where tiers.plan_tier is distinct from "
        "accounts.plan_tier) from mart_gold.dim_account_history as accounts "
        "left join mart_gold.dim_plan_tier_history as tiers "
        "on accounts.account_id = tiers.account_id "
        "and accounts.valid_from_at >= tiers.valid_from_at "
        "and accounts.valid_to_at <= tiers.valid_to_at",
    ).iloc[0]
    assert differing.iloc[0] > 60
    assert differing.iloc[1] == 0
