"""How customers spread the platform: members and teams, applications, goals; what is promised.

It draws from streams of its own: usage and contracts are as they would be without it.
Teams follow from the trait that lets an account grow, and a champion goes before a contract ends.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from o2r.synthetic import truth
from o2r.synthetic.accounts import NEVER
from o2r.synthetic.catalog import COUNTRIES, MODELS, TIERS, USD_PER_UNIT
from o2r.synthetic.columns import MICROS_PER_DAY, number_ids, pick, table
from o2r.synthetic.world import World

TEAMS = ("engineering", "data", "support", "marketing", "operations", "finance")
FIRST_TEAM, CHAMPION, ADMIN, MEMBER = 0, 0, 1, 2
ROLES = ("champion", "admin", "member")
WEEKS_TO_SPREAD = 40
"""Weeks after the first use within which further teams come."""
NEVER_LOGS_IN, LEAVES, ADMIN_SHARE = 0.08, 0.10, 0.15
CHAMPION_LEAVES = 0.06
"""Chance that the champion of an account goes for reasons that nothing follows from."""

USE_CASES = (
    *("support_answers", "document_search", "code_review", "report_drafts", "data_extraction"),
    *("product_copy", "translation", "meeting_notes", "lead_scoring", "quality_checks"),
)
WORKFLOWS = ("answer", "search", "review", "draft", "extract", "classify", "notify")
APPS_PER_TEAM, ARCHIVED = 2.0, 0.25

GOAL_KINDS = ("cost_saving", "revenue_growth", "other")
GOAL_METRICS = ("hours per case", "qualified leads", "answers without an expert")
GOAL_EVERY_DAYS, GOAL_DAYS = 150, 120
NEVER_STATED, STATED_WITHIN_DAYS = 0.12, 20

SINCE = date(2000, 1, 1)
UPTIME = {"starter": (99.0, 5.0), "growth": (99.5, 10.0), "enterprise": (99.9, 15.0)}
"""Promised uptime and credit, percent, by tier."""
LOWER_UPTIME_UNTIL, LOWER_UPTIME = date(2026, 7, 1), 99.5
"""What Enterprise was promised before that day."""
PRICE_RISE, RAISED_MODEL, RAISED_TIER = 1.8, 0, "starter"
"""A rise of the price list that moves nothing: running contracts keep their price."""


@dataclass(frozen=True)
class Members:
    """One entry per member, ordered by account and seat; days since 1970, NEVER: does not come."""

    account: np.ndarray
    seat: np.ndarray
    team: np.ndarray
    role: np.ndarray
    invited: np.ndarray
    activated: np.ndarray
    removed: np.ndarray


def team_starts(world: World) -> np.ndarray:
    """Day (A, T) on which each team of an account begins, NEVER if it does not.

    More teams come, and come sooner, where usage grows: both follow from the health of an account.
    """
    accounts, rng = world.accounts, world.rng("expansion.teams")
    count = len(accounts)
    wanted = rng.poisson(np.exp(0.2 + truth.LOG_TEAMS_PER_HEALTH * accounts.health))
    wanted = np.minimum(wanted, np.minimum(len(TEAMS), accounts.seats) - 1)
    weeks = np.sort(rng.uniform(2, WEEKS_TO_SPREAD, (count, len(TEAMS) - 1)), axis=1)
    further = accounts.first_use[:, None] + np.floor(7 * weeks).astype(int)
    place = np.arange(len(TEAMS) - 1)
    further = np.where(place < np.clip(wanted, 0, None)[:, None], further, NEVER)
    starts = np.column_stack([accounts.signup, further])
    starts[:, 1:][accounts.first_use == NEVER] = NEVER
    return np.minimum(starts, NEVER)


def members(world: World) -> Members:
    """Who uses the platform, by account and seat; the first seat is the champion."""
    accounts, rng = world.accounts, world.rng("expansion.members")
    starts = team_starts(world)
    account = np.repeat(np.arange(len(accounts)), accounts.seats)
    first = np.repeat(np.cumsum(accounts.seats) - accounts.seats, accounts.seats)
    seat = 1 + np.arange(len(account)) - first
    teams = (starts[account] < NEVER).sum(axis=1)
    team = (seat - 1) % teams
    invited = starts[account, team] + np.where(seat > teams, rng.integers(0, 60, len(seat)), 0)
    activated = invited + rng.integers(0, 10, len(seat))
    activated[(seat > teams) & (rng.random(len(seat)) < NEVER_LOGS_IN)] = NEVER
    leaves = invited + 30 + rng.integers(0, 500, len(seat))
    removed = np.where((seat > teams) & (rng.random(len(seat)) < LEAVES), leaves, NEVER)
    role = np.where(rng.random(len(seat)) < ADMIN_SHARE, ADMIN, MEMBER)
    role[seat == 1] = CHAMPION
    removed[seat == 1] = _champion_goes(world, rng)
    return Members(account, seat, team, role, invited, activated, removed)


def _champion_goes(world: World, rng: np.random.Generator) -> np.ndarray:
    """Day (A,) on which the champion is removed: some weeks before most ends of a contract."""
    accounts, timeline = world.accounts, world.timeline
    count = len(accounts)
    end = world.panel.ends[:, 0]
    churned = (end != NEVER) & (accounts.paid_from != NEVER)
    week = np.where(churned, end, 0) - truth.LAG_CHAMPION_CHURN
    lost = timeline.monday(week) + rng.integers(0, 7, count)
    lost[~churned | (rng.random(count) >= truth.CHURNS_AFTER_LOST_CHAMPION)] = NEVER
    span = np.clip(timeline.end - accounts.signup, 61, None)
    other = accounts.signup + 60 + np.floor(rng.random(count) * (span - 60)).astype(int)
    other[churned | (rng.random(count) >= CHAMPION_LEAVES)] = NEVER
    gone = np.minimum(lost, other)
    return np.where(gone > accounts.signup + 14, gone, NEVER)


def _instant(day: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Microseconds of working hours on `day`; NEVER gives the end of time."""
    second = 8 * 3600 + number * 4817 % 36_000
    return np.where(day < NEVER, day * MICROS_PER_DAY + second * 1_000_000, np.iinfo(np.int64).max)


def _versions(known: list[np.ndarray], end: int) -> tuple[np.ndarray, np.ndarray]:
    """(entity, instant) of each change told before `end`, ordered by instant and entity.

    Two changes of one instant are told at once.
    """
    entity = np.concatenate([np.arange(len(one)) for one in known])
    at = np.concatenate(known)
    order = np.lexsort((entity, at))
    entity, at = entity[order], at[order]
    told = at < end
    told[1:] &= (entity[1:] != entity[:-1]) | (at[1:] != at[:-1])
    return entity[told], at[told]


def _by_then(instant: np.ndarray, at: np.ndarray) -> np.ndarray:
    """datetime64 (n,) of what has happened by `at`, else NaT."""
    return np.where(instant <= at, instant, np.iinfo(np.int64).min).view("datetime64[us]")


def _member_table(world: World, found: Members) -> pa.Table:
    number = np.arange(len(found.seat))
    invited, activated, removed = (
        _instant(day, number) for day in (found.invited, found.activated, found.removed)
    )
    activated = np.where(activated < np.minimum(invited, removed), invited, activated)
    activated = np.where(activated < removed, activated, np.iinfo(np.int64).max)
    who, at = _versions([invited, activated, removed], world.timeline.end_micros)
    ids = world.accounts.ids
    return table(
        "account_members",
        len(who),
        product_user_id=[
            f"usr-{ids[a][4:]}-{s:02d}"
            for a, s in zip(found.account[who], found.seat[who], strict=True)
        ],
        account_id=pick(ids, found.account[who]),
        team=pick(TEAMS, found.team[who]),
        role=pick(ROLES, found.role[who]),
        invited_at=invited[who].view("datetime64[us]"),
        activated_at=_by_then(activated[who], at),
        removed_at=_by_then(removed[who], at),
        updated_at=at.view("datetime64[us]"),
    )


def _application_table(world: World) -> pa.Table:
    """Applications of each team, from its start on; some of them are archived."""
    rng = world.rng("expansion.applications")
    starts = team_starts(world)
    account, team = np.nonzero(starts < NEVER)
    using = world.accounts.first_use[account] < NEVER
    account, team = account[using], team[using]
    count = rng.poisson(APPS_PER_TEAM, len(account))
    account, team = np.repeat(account, count), np.repeat(team, count)
    begin = np.maximum(starts[account, team], world.accounts.first_use[account])
    created = begin + rng.integers(0, 300, len(account))
    archived = created + 30 + rng.integers(0, 400, len(account))
    archived[rng.random(len(account)) >= ARCHIVED] = NEVER
    number = np.arange(len(account))
    made, gone = _instant(created, number), _instant(archived, number)
    use_case = rng.integers(len(USE_CASES), size=len(account))
    workflow = (use_case + rng.integers(0, 3, len(account))) % len(WORKFLOWS)
    what, at = _versions([made, gone], world.timeline.end_micros)
    return table(
        "platform_applications",
        len(what),
        application_id=number_ids("app-", what + 1, 5),
        account_id=pick(world.accounts.ids, account[what]),
        team=pick(TEAMS, team[what]),
        use_case=pick(USE_CASES, use_case[what]),
        workflow=pick(WORKFLOWS, workflow[what]),
        created_at=made[what].view("datetime64[us]"),
        archived_at=_by_then(gone[what], at),
        updated_at=at.view("datetime64[us]"),
    )


def _goal_table(world: World) -> pa.Table:
    """Goals of Growth and Enterprise accounts, one after the other; healthy ones reach more."""
    rng, accounts, timeline = world.rng("expansion.goals"), world.accounts, world.timeline
    wanted = np.clip((timeline.end - accounts.paid_from) // GOAL_EVERY_DAYS + 1, 0, None)
    wanted[(accounts.tier == 0) | (accounts.paid_from == NEVER)] = 0
    account = np.repeat(np.arange(len(accounts)), wanted)
    turn = np.arange(len(account)) - np.repeat(np.cumsum(wanted) - wanted, wanted)
    size = len(account)
    set_on = accounts.paid_from[account] + turn * GOAL_EVERY_DAYS + rng.integers(0, 30, size)
    due = set_on + GOAL_DAYS
    kind = rng.choice(3, size, p=[0.4, 0.3, 0.3])
    falls = kind == 0
    baseline = np.round(rng.uniform(40, 200, size), 1)
    target = np.round(baseline * np.where(falls, 0.7, 1.3), 1)
    reach = rng.normal(0.85 + 0.15 * accounts.health[account], 0.3)
    achieved = np.round(baseline + reach * (target - baseline), 1)
    worth = np.round(accounts.monthly_usd[account] * rng.uniform(0.5, 4.0, size), -1)
    codes = list(USD_PER_UNIT)
    currency = np.array([codes.index(c.currency) for c in COUNTRIES])[accounts.country[account]]
    rate = np.array(list(USD_PER_UNIT.values()))[currency]
    stated = due + rng.integers(-5, STATED_WITHIN_DAYS, size)
    stated[rng.random(size) < NEVER_STATED] = NEVER
    ended = timeline.monday(np.minimum(world.panel.ends[account, 0], timeline.weeks) + 1)
    stated[stated > ended] = NEVER
    number = np.arange(size)
    begun, told = _instant(set_on, number), _instant(stated, number)
    begun[set_on > ended] = np.iinfo(np.int64).max
    told[set_on > ended] = np.iinfo(np.int64).max
    goal, at = _versions([begun, told], timeline.end_micros)
    is_told = told[goal] <= at
    paid = is_told & (kind[goal] < 2) & (reach[goal] > 0.5)
    return table(
        "success_plan_goals",
        len(goal),
        goal_id=number_ids("goal-", goal + 1, 5),
        account_id=pick(accounts.ids, account[goal]),
        metric=pick(GOAL_METRICS, kind[goal]),
        baseline=baseline[goal],
        target=target[goal],
        due_at=_instant(due[goal], goal).view("datetime64[us]"),
        achieved_value=np.where(is_told, achieved[goal], np.nan),
        value_kind=pick(GOAL_KINDS, kind[goal]),
        amount=np.where(paid, np.round(worth[goal] / rate[goal], 2), np.nan),
        currency=pick(codes, currency[goal]),
        updated_at=at.view("datetime64[us]"),
    )


def _promises() -> pa.Table:
    first = [(tier, SINCE, *promise) for tier, promise in UPTIME.items()]
    credit = UPTIME["enterprise"][1]
    first[-1] = ("enterprise", SINCE, LOWER_UPTIME, credit)
    rows = [*first, ("enterprise", LOWER_UPTIME_UNTIL, *UPTIME["enterprise"])]
    tier, since, target, credits = zip(*rows, strict=True)
    return table(
        "uptime_targets",
        len(rows),
        plan_tier=list(tier),
        valid_from=list(since),
        target_pct=list(target),
        credit_pct=list(credits),
    )


def _prices(world: World) -> pa.Table:
    """List prices of 1,000 tokens of the usual mix; one of them rises inside the window."""
    timeline = world.timeline
    rise = np.datetime64(int(timeline.window_start + timeline.told) // 2, "D").astype(object)
    rows = [
        (tier.lower(), model.name, SINCE, float(np.dot(model.token_shares, model.prices)))
        for tier in TIERS
        for model in MODELS
    ]
    raised = MODELS[RAISED_MODEL]
    usual = float(np.dot(raised.token_shares, raised.prices))
    rows.append((RAISED_TIER, raised.name, rise, PRICE_RISE * usual))
    tier, model, since, price = zip(*rows, strict=True)
    return table(
        "plan_prices",
        len(rows),
        plan_tier=list(tier),
        model_variant=list(model),
        currency="USD",
        valid_from=list(since),
        price=list(price),
    )


def deliver(world: World) -> Iterator[tuple[str, pa.Table]]:
    """Members, applications and goals with every change; promises and prices as stated."""
    yield "account_members", _member_table(world, members(world))
    yield "platform_applications", _application_table(world)
    yield "success_plan_goals", _goal_table(world)
    yield "uptime_targets", _promises()
    yield "plan_prices", _prices(world)
