"""What the simulator plants in teams, champions and prices is there on most seeds, and no more."""

from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest

from o2r.synthetic import SimulationConfig
from o2r.synthetic.accounts import NEVER
from o2r.synthetic.sources import expansion
from o2r.synthetic.truth import LAG_CHAMPION_CHURN
from o2r.synthetic.world import World, build_world

END = date(2026, 11, 21)
SEEDS = range(10)
MOST = 9


@cache
def company(seed: int) -> tuple[World, dict[str, pd.DataFrame]]:
    world = build_world(SimulationConfig(end_date=END, seed=seed))
    return world, {name: rows.to_pandas() for name, rows in expansion.deliver(world)}


def newest_members(seed: int) -> pd.DataFrame:
    rows = company(seed)[1]["account_members"].sort_values("updated_at")
    return rows.drop_duplicates(["account_id", "product_user_id"], keep="last")


def grows_with_its_teams(seed: int) -> bool:
    """Correlation of active teams with growth beyond full adoption in accounts past their ramp."""
    world, _ = company(seed)
    members = newest_members(seed)
    active = members[members["activated_at"].notna() & members["removed_at"].isna()]
    teams = active.groupby("account_id")["team"].nunique()
    teams = teams.reindex(world.accounts.ids).fillna(0).to_numpy()
    last = world.timeline.week_of(world.timeline.told)
    weeks = slice(last - 7, last + 1)
    using = world.panel.using[:, weeks].all(axis=1) & world.panel.using[:, last - 26]
    grown = world.panel.log_usage[:, weeks].mean(axis=1)
    correlation = np.corrcoef(teams[using], grown[using])[0, 1]
    return bool(correlation * np.sqrt((using.sum() - 2) / (1 - correlation**2)) > 2)


def loses_its_champion_before(seed: int) -> bool:
    """Champions go in the weeks before most ends, and from few accounts that stay."""
    world, _ = company(seed)
    members = newest_members(seed)
    champions = members[members["role"] == "champion"].set_index("account_id")
    gone = champions["removed_at"].dt.tz_localize(None).reindex(world.accounts.ids)
    week = world.timeline.week_of(gone.to_numpy().astype("datetime64[D]").astype(int))
    end = world.panel.ends[:, 0]
    told = world.timeline.week_of(world.timeline.told)
    churned = (end <= told) & (world.accounts.paid_from != NEVER)
    before = np.abs(end - week - LAG_CHAMPION_CHURN) <= 1
    stayed = end == NEVER
    return bool(before[churned].mean() > 0.5 and gone.notna().to_numpy()[stayed].mean() < 0.15)


def answers_to_the_price(seed: int) -> bool:
    """Whether usage of the tier whose list price rises moves apart from that of the others."""
    world, tables = company(seed)
    prices = tables["plan_prices"]
    risen = prices["valid_from"].max()
    week = world.timeline.week_of(np.datetime64(risen, "D").astype(int))
    both = world.panel.using[:, week - 4 : week + 5].all(axis=1)
    usage = world.panel.log_usage
    change = usage[:, week + 1 : week + 5].mean(axis=1) - usage[:, week - 4 : week].mean(axis=1)
    old = world.accounts.first_use < world.timeline.monday(week - 26)
    hit = (world.accounts.tier == 0)[both & old]
    one, other = change[both & old][hit], change[both & old][~hit]
    error = np.sqrt(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other))
    return bool(abs(one.mean() - other.mean()) > 1.96 * error)


@pytest.mark.parametrize("planted", [grows_with_its_teams, loses_its_champion_before])
def test_planted_is_found(planted) -> None:
    assert sum(planted(seed) for seed in SEEDS) >= MOST


def test_what_is_not_planted_is_not_found() -> None:
    assert sum(answers_to_the_price(seed) for seed in SEEDS) <= len(SEEDS) - MOST


@pytest.mark.parametrize("seed", [0, 1])
def test_changes_are_told_in_order(seed: int) -> None:
    """No row tells what happens after it, and nothing ends before it begins."""
    _, tables = company(seed)
    for name, begin, later in (
        ("account_members", "invited_at", ("activated_at", "removed_at")),
        ("platform_applications", "created_at", ("archived_at",)),
    ):
        rows = tables[name]
        for column in later:
            assert not (rows[column] > rows["updated_at"]).any()
            assert not (rows[column] < rows[begin]).any()
            assert rows[column].notna().any()
    goals = tables["success_plan_goals"]
    assert goals["amount"].notna().any()
    assert goals.loc[goals["amount"].notna(), "achieved_value"].notna().all()
