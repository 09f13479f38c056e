"""Channels, e-mails and outreach of the simulator: planted effects are there, nulls are not."""

from datetime import date
from math import sqrt

import numpy as np
import pyarrow as pa
import pytest

from o2r.synthetic import SimulationConfig, truth
from o2r.synthetic.accounts import NEVER
from o2r.synthetic.columns import MICROS_PER_DAY
from o2r.synthetic.knowledge import instants
from o2r.synthetic.people import CHANNEL_SHARES, CHANNELS, build_people
from o2r.synthetic.sources import marketing, sales
from o2r.synthetic.world import World, build_world

END = date(2026, 11, 21)
SEEDS = range(10)
MOST = 9
"""Of ten seeds, on how many an effect has to be found, and a null not."""


@pytest.fixture(scope="module")
def worlds() -> list[World]:
    return [build_world(SimulationConfig(end_date=END, events=1_000, seed=seed)) for seed in SEEDS]


def rows(world: World, source, name: str) -> pa.Table:
    return pa.concat_tables(rows for table, rows in source.deliver(world) if table == name)


def differs(part: np.ndarray, whole: np.ndarray) -> float:
    """z of the difference of two shares."""
    pooled = np.concatenate([part, whole]).mean()
    error = sqrt(pooled * (1 - pooled) * (1 / len(part) + 1 / len(whole)))
    return (part.mean() - whole.mean()) / error if error else 0.0


def failures(world: World) -> dict[str, float]:
    """z of the share of accounts that come to nothing, by channel of the first contact."""
    accounts, people = world.accounts, build_people(world)
    fails = accounts.dabbler | (accounts.first_use == NEVER) | (accounts.paid_from == NEVER)
    channel = people.channel[people.seat == 1]
    return {
        name: differs(fails[channel == k], fails[channel != k]) for k, name in enumerate(CHANNELS)
    }


def test_channels_differ_in_the_accounts_that_they_bring(worlds: list[World]) -> None:
    for factors in (truth.FAILURES_BY_CHANNEL, truth.ANSWERS_BY_CHANNEL):
        assert list(factors) == list(CHANNELS)
        assert np.dot(list(factors.values()), CHANNEL_SHARES) == pytest.approx(1)
    found = [failures(world) for world in worlds]
    assert sum(one["paid_search"] > 1.96 for one in found) >= MOST
    assert sum(abs(one["organic"]) < 1.96 for one in found) >= MOST
    assert sum(one["direct"] + one["partner"] + one["event"] < 0 for one in found) >= MOST


def test_only_contacts_of_accounts_that_come_to_nothing_are_drawn_anew(worlds: list[World]) -> None:
    world = worlds[0]
    people = build_people(world)
    shares = np.bincount(people.channel[people.seat > 1], minlength=len(CHANNELS))
    assert np.abs(shares / shares.sum() - CHANNEL_SHARES).max() < 0.05


def conversions(world: World) -> dict[int, np.ndarray]:
    """Whether each recipient signs up within 30 days, by place of the campaign."""
    rng = world.rng("marketing.emails")
    campaign, account, at = marketing._recipients(world, rng)
    signup = np.where(account >= 0, world.accounts.signup_micros[np.maximum(account, 0)], at - 1)
    wait = (signup - at) / MICROS_PER_DAY
    return {
        k: ((wait >= 0) & (wait < 30))[campaign == k] for k in (marketing.NURTURE, marketing.NEWS)
    }


def test_one_campaign_moves_sign_ups_and_the_other_does_not(worlds: list[World]) -> None:
    found = [conversions(world) for world in worlds]
    strong = [one[marketing.NURTURE].mean() > 4 * one[marketing.NEWS].mean() for one in found]
    assert sum(strong) >= MOST
    # The news reach as many a month before the sign-up as in any other month of the year.
    for world, one in zip(worlds, found, strict=True):
        expected = truth.SENT_ANY_TIME * 30 / 365 * len(world.accounts)
        assert one[marketing.NEWS].sum() < expected + 4 * sqrt(expected)


def test_contacts_of_some_channels_answer_more_often(worlds: list[World]) -> None:
    better, same = 0, 0
    for world in worlds:
        table = rows(world, sales, "sales_activities")
        channel = dict(
            zip(
                [f"con-{n:06d}" for n in range(1, len(build_people(world)) + 1)],
                build_people(world).channel,
                strict=True,
            )
        )
        asked = {
            row["activity_id"]: channel[row["crm_contact_id"]]
            for row in table.to_pylist()
            if row["kind"] != "meeting"
        }
        answered = {row["activity_id"] for row in table.to_pylist() if row["responded_at"]}
        of = np.array(list(asked.values()))
        said = np.array([activity in answered for activity in asked])
        z = {name: differs(said[of == k], said[of != k]) for k, name in enumerate(CHANNELS)}
        better += z["partner"] > 1.96
        same += abs(z["direct"]) < 1.96
    assert better >= MOST
    assert same >= MOST


def test_an_answer_is_a_later_version_of_the_activity(worlds: list[World]) -> None:
    table = rows(worlds[0], sales, "sales_activities")
    done, told, answered = (
        instants(table[name]) for name in ("done_at", "last_updated", "responded_at")
    )
    is_answer = np.array(table["responded_at"].is_valid())
    assert (told[~is_answer] == done[~is_answer]).all()
    assert (told[is_answer] == answered[is_answer]).all()
    assert (answered[is_answer] > done[is_answer]).all()
    first, again = (
        set(table.filter(pa.array(mask))["activity_id"].to_pylist())
        for mask in (~is_answer, is_answer)
    )
    assert again < first


def test_spend_is_of_every_campaign_and_day(worlds: list[World]) -> None:
    table = rows(worlds[0], marketing, "marketing_spend_daily")
    campaigns = len(marketing.CAMPAIGNS)
    assert len(table) == campaigns * len(worlds[0].timeline.days)
    assert len(set(table["currency"].to_pylist())) >= 3
    clicks, shown = table["clicks"].to_numpy(), table["impressions"].to_numpy()
    assert (clicks <= shown).all()
    assert table["cost"].null_count == 0


def test_a_channel_without_leads_has_spend(worlds: list[World]) -> None:
    social = {one.name for one in marketing.CAMPAIGNS if one.channel == "social"}
    assert social
    assert "social" not in CHANNELS
