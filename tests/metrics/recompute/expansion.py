"""How customers spread the platform, what they gain by it, and what they were promised."""

import numpy as np
import pandas as pd
from tests.metrics.recompute.company import Company
from tests.metrics.recompute.tables import (
    ACCOUNT_DIMENSIONS,
    DAY,
    MEMBER,
    PERIOD,
    Bronze,
    Metrics,
    by_member,
    by_period,
    known,
    share,
)

QUARTER, DAYS_TO_STATE = 91 * DAY, 30


def newest_known(company: Company, table: str, key: list[str]) -> pd.DataFrame:
    """The newest change of each entity that was told by the as-of day."""
    rows = Bronze(company.settings).latest(table, [*key, "updated_at"], ["loaded_at"])
    rows = rows[rows["updated_at"] < company.end].sort_values("updated_at")
    return rows.drop_duplicates(key, keep="last").reset_index(drop=True)


def perceived_roi(company: Company) -> Metrics:
    rows = company.surveys[company.surveys["survey_type"].str.lower() == "roi"]
    rows = company.with_account(rows.dropna(subset="score"))
    rows = rows.assign(points=10 * rows["score"], answers=1)
    long = by_member(by_period(rows, "at"), ACCOUNT_DIMENSIONS)
    sums = long.groupby(PERIOD + MEMBER, as_index=False)[["points", "answers"]].sum()
    yield share("customer_reported_roi_score", sums, "points", "answers", factor=1)


def promises(company: Company) -> pd.DataFrame:
    """Accounts with a promise of uptime per period, whether it was kept, and what is open."""
    stated = Bronze(company.settings).latest(
        "uptime_targets", ["plan_tier", "valid_from"], ["loaded_at"]
    )
    stated = stated.assign(plan_tier=stated["plan_tier"].str.lower()).sort_values("valid_from")
    versions = dict(list(company.changes.sort_values("at").groupby("account_id")))
    calls = company.calls[company.calls["region"] != "Unknown"]
    found = []
    for period in company.since("requests").itertuples():
        used = calls[(calls["at"] >= period.before) & (calls["at"] < period.seen_until)]
        minutes = (period.seen_until - period.period_start) / pd.Timedelta(minutes=1)
        down, waits = {}, {}
        for region in used["region"].unique():
            down[region] = company.minutes_down(region, period.period_start, period.seen_until)
            outages = company.outages_of(region)
            unknown = outages["resolved"].isna() & outages["downtime_minutes"].isna()
            waits[region] = (unknown & (outages["at"] < period.seen_until)).any()
        for account, regions in used.groupby("account_id")["region"].unique().items():
            past = versions.get(account)
            past = past[past["at"] < period.seen_until] if past is not None else []
            if not len(past):
                continue
            now = past.iloc[-1]
            tier = str(now["plan_tier"]).lower()
            target = stated[
                (stated["plan_tier"] == tier) & (stated["valid_from"] <= period.period_start)
            ]
            left = now["source"] == "ended" or (pd.notna(now["is_active"]) and not now["is_active"])
            if left or target.empty or pd.isna(target.iloc[-1]["target_pct"]):
                continue
            uptime = 100 * (1 - max(down[region] for region in regions) / minutes)
            country = company.country_regions.get(str(now["country"]).upper(), "Unknown")
            found.append(
                {
                    "grain": period.grain,
                    "period_start": period.period_start,
                    "account_id": account,
                    "plan_tier": now["plan_tier"],
                    "segment": now["segment"],
                    "region": country,
                    "promised": 1,
                    "met": int(uptime >= float(target.iloc[-1]["target_pct"]) - 1e-9),
                    "open": int(any(waits[region] for region in regions)),
                }
            )
    rows = pd.DataFrame(found)
    return rows.assign(segment=known(rows["segment"]), plan_tier=known(rows["plan_tier"]))


def promised_uptime(company: Company) -> Metrics:
    long = by_member(promises(company), ACCOUNT_DIMENSIONS)
    sums = long.groupby(PERIOD + MEMBER, as_index=False)[["met", "promised"]].sum()
    yield share("uptime_sla_adherence_pct", sums, "met", "promised")


def waiting_promises(company: Company) -> pd.DataFrame:
    """Accounts whose promise an open incident keeps from being judged: column `open`."""
    long = by_member(promises(company), ACCOUNT_DIMENSIONS)
    return long.groupby(PERIOD + MEMBER, as_index=False)["open"].sum()


def using_accounts(company: Company) -> pd.DataFrame:
    """Accounts with tokens per period and member of the account dimensions."""
    rows = company.account_periods
    return rows[(rows["dimension"] != "product") & (rows["tokens"] > 0)]


def of_accounts(company: Company, count, first: pd.Timestamp, names: list[str]) -> pd.DataFrame:
    """Sums per period and member of what `count` says of each row of an account and period."""
    rows = using_accounts(company)
    rows = rows[rows["seen_until"] > first]
    alone = rows[rows["dimension"] == "all"][[*PERIOD, "account_id", "seen_until"]]
    counts = [count(row) for row in alone.itertuples()]
    alone = alone.assign(**dict(zip(names, np.array(counts).T, strict=True)))
    rows = rows.merge(alone.drop(columns="seen_until"), on=[*PERIOD, "account_id"])
    rows = rows.assign(accounts=1)
    return rows.groupby(PERIOD + MEMBER, as_index=False)[["accounts", *names]].sum()


def teams(company: Company) -> Metrics:
    rows = newest_known(company, "account_members", ["account_id", "product_user_id"])
    rows = rows.dropna(subset="activated_at")
    rows["team"] = rows["team"].str.lower()
    mine = dict(list(rows.groupby("account_id")))

    def count(row) -> tuple[int, int]:
        if row.account_id not in mine:
            return 0, 0
        here, end = mine[row.account_id], row.seen_until
        stays = here["removed_at"].isna() | (here["removed_at"] >= end)
        active = here[(here["activated_at"] < end) & stays]["team"].nunique()
        return active, int(active >= 2)

    sums = of_accounts(company, count, rows["activated_at"].min(), ["teams", "several"])
    yield share("teams_per_account", sums, "teams", "accounts", factor=1)
    yield share("cross_team_adoption_rate_pct", sums, "several", "accounts")


def applications(company: Company) -> Metrics:
    rows = newest_known(company, "platform_applications", ["application_id"])
    for name in ("use_case", "workflow"):
        rows[name] = rows[name].str.lower()
    mine = dict(list(rows.groupby("account_id")))

    def live(here: pd.DataFrame, instant: pd.Timestamp) -> set[str]:
        stays = here["archived_at"].isna() | (here["archived_at"] >= instant)
        return set(here[(here["created_at"] < instant) & stays]["workflow"].dropna())

    def count(row) -> tuple[int, ...]:
        if row.account_id not in mine:
            return 0, 0, 0, 0
        here, end = mine[row.account_id], row.seen_until
        opening = end - QUARTER
        made = here[here["created_at"] < end]
        before = set(made[made["created_at"] < opening]["use_case"].dropna())
        fresh = set(made["use_case"].dropna()) - before
        had, has = live(here, opening), live(here, end)
        built = int((made["created_at"] >= row.period_start).sum())
        return built, len(fresh), int(bool(had)), int(bool(had) and len(has) > len(had))

    names = ["built", "fresh", "had", "grew"]
    first = rows["created_at"].min() + QUARTER - pd.Timedelta(microseconds=1)
    sums = of_accounts(company, count, first, names)
    yield share("new_use_cases_per_account", sums, "fresh", "accounts", factor=1)
    yield share("workflow_expansion_rate_pct", sums, "grew", "had")
    yield share("application_build_rate_pct", sums, "built", "accounts")


def plan_outcomes(company: Company) -> Metrics:
    rows = newest_known(company, "success_plan_goals", ["goal_id"])
    rows = rows[rows["due_at"] < company.end].reset_index(drop=True)
    rows.loc[~rows["account_id"].isin(company.accounts.index), "account_id"] = "Unknown"
    rows = company.with_account(rows)
    rises = rows["target"] >= rows["baseline"]
    margin = (rows["achieved_value"] - rows["target"]).where(
        rises, rows["target"] - rows["achieved_value"]
    )
    rows["due"] = (rows["target"].notna() & rows["baseline"].notna()).astype(int)
    rows["reached"] = ((margin >= -1e-9) & (rows["due"] == 1)).astype(int)
    money = company.to_dollars(rows["amount"], rows["currency"].fillna(""), rows["due_at"])
    rows["money"] = money.where(rows["achieved_value"].notna())
    kinds = rows["value_kind"].str.lower()
    for kind in ("cost_saving", "revenue_growth"):
        rows[kind] = rows["money"].where(kinds == kind)
    long = by_member(by_period(rows, "due_at"), ACCOUNT_DIMENSIONS)
    groups = long.groupby(PERIOD + MEMBER)
    sums = groups[["due", "reached"]].sum().reset_index()
    yield share("outcome_achievement_rate_pct", sums, "reached", "due")
    for name, kind in (
        ("cost_savings_attributed", "cost_saving"),
        ("revenue_growth_attributed", "revenue_growth"),
    ):
        total = groups[kind].sum(min_count=1).dropna().reset_index()
        yield total[PERIOD + MEMBER].assign(
            metric=name, value=total[kind], numerator=total[kind], denominator=np.nan
        )
