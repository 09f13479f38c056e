"""Customer: sign-ups, adoption, retention, satisfaction."""

import pandas as pd
from tests.metrics.recompute.company import Company, resolved_tickets
from tests.metrics.recompute.go_to_market import GoToMarket
from tests.metrics.recompute.tables import (
    ACCOUNT_DIMENSIONS,
    ADOPTION_DAYS,
    ADOPTION_TOKENS,
    DAY,
    MEMBER,
    PERIOD,
    Metrics,
    by_member,
    by_period,
    known,
    metric,
    on_spine,
    plain,
    share,
)


def signups(company: Company) -> Metrics:
    rows = company.accounts.dropna(subset="signed_up").copy()
    rows["signups"] = 1
    rows["channel"] = known(rows.index.to_series().map(GoToMarket(company).channels))
    long = by_member(by_period(rows, "signed_up"), (*ACCOUNT_DIMENSIONS, "channel"))
    sums = long.groupby(PERIOD + MEMBER, as_index=False)["signups"].sum()
    members = long.groupby(["grain", *MEMBER], as_index=False)["period_start"].min()
    members = members.rename(columns={"period_start": "first_period"})
    table = on_spine(company.periods, members, sums)
    table = table[table["period_start"] >= table["first_period"]]
    yield plain("weekly_signups", table[table["grain"] == "week"], "signups")
    yield plain("monthly_signups", table[table["grain"] == "month"], "signups")


def adoption(company: Company) -> Metrics:
    rows = company.accounts.dropna(subset="signed_up").rename_axis("account_id").reset_index()
    calls = company.calls[["account_id", "at", "tokens"]].merge(
        rows[["account_id", "signed_up"]], on="account_id"
    )
    early = calls[calls["at"] < calls["signed_up"] + ADOPTION_DAYS * DAY]
    tokens = early.groupby("account_id")["tokens"].sum()
    rows["cohort"] = 1
    rows["channel"] = known(rows["account_id"].map(GoToMarket(company).channels))
    rows["adopted"] = (rows["account_id"].map(tokens).fillna(0) >= ADOPTION_TOKENS).astype(int)
    long = by_member(by_period(rows, "signed_up"), (*ACCOUNT_DIMENSIONS, "channel"))
    sums = long.groupby(PERIOD + MEMBER, as_index=False)[["cohort", "adopted"]].sum()
    observed = company.periods[company.periods["end"] > company.first_day["requests"]]
    yield share("adoption_rate_pct", sums.merge(observed, on=PERIOD), "adopted", "cohort")


def retention(company: Company) -> Metrics:
    rows = company.account_periods
    complete = company.periods.loc[company.periods["complete"], [*PERIOD, "before"]]
    columns = [*PERIOD, *MEMBER, "account_id", "paying", "tokens"]
    base = complete.merge(
        rows[[*columns, "signed_up"]].rename(columns={"period_start": "before"}),
        on=["grain", "before"],
    )
    keys = [*PERIOD, *MEMBER, "account_id"]
    pairs = base.merge(rows[columns], on=keys, how="left", suffixes=("_before", "_now"))
    paying = pairs[pairs["paying_before"] & (pairs["before"] >= company.first_day["revenue"])]
    paying = paying.assign(base=1, kept=paying["paying_now"].eq(True).astype(int))
    sums = paying.groupby(PERIOD + MEMBER, as_index=False)[["base", "kept"]].sum()
    yield share("retention_rate_pct", sums, "kept", "base")

    # accounts that had signed up before both periods, whether they used anything in either
    existing = rows[rows["signed_up"].notna()][[*columns, "signed_up"]]
    now = complete.merge(existing, on=PERIOD)
    then = complete.merge(
        existing.rename(columns={"period_start": "before"}), on=["grain", "before"]
    )
    now, then = (
        side[
            (side["signed_up"] < side["before"]) & (side["before"] >= company.first_day["requests"])
        ]
        .groupby(PERIOD + MEMBER)["tokens"]
        .sum()
        for side in (now, then)
    )
    usage = pd.DataFrame({"now": now, "then": then}).reset_index()
    usage = usage[usage["then"] > 0].fillna({"now": 0})
    yield share("usage_retention_rate_pct", usage, "now", "then")


def satisfaction(company: Company) -> Metrics:
    tickets = resolved_tickets(company)
    tickets = tickets[tickets["resolved"] == 1]
    surveys = company.surveys[company.surveys["survey_type"].str.lower() == "csat"]
    surveys = company.with_account(surveys)
    surveys = surveys.assign(answers=1, points=25 * (surveys["score"] - 1))
    calls = company.with_account(company.calls.drop(columns="region")).assign(calls=1)
    rows = pd.concat([calls, tickets, surveys], ignore_index=True)
    long = by_member(by_period(rows, "at"), ACCOUNT_DIMENSIONS)
    columns = ["calls", "failed", "resolved", "hours", "answers", "points"]
    sums = long.groupby(PERIOD + MEMBER, as_index=False)[columns].sum()
    members = sums[["grain", *MEMBER]].drop_duplicates()
    table = on_spine(company.since("requests"), members, sums)
    down = [
        100
        * company.minutes_down(
            row.dimension_value if row.dimension == "region" else "all",
            row.period_start,
            row.seen_until,
        )
        / ((row.seen_until - row.period_start) / pd.Timedelta(minutes=1))
        for row in table.itertuples()
    ]

    def mean(total: str, count: str) -> pd.Series:
        return table[total] / table[count].where(table[count] > 0)

    score = (
        0.4 * (100 - 10 * pd.Series(down, table.index)).clip(lower=0)
        + 0.3 * (100 - mean("hours", "resolved").fillna(0)).clip(lower=0)
        + 0.3 * (100 - 500 * mean("failed", "calls").fillna(0)).clip(lower=0)
    )
    yield metric("cs_score", table, score)
    yield metric(
        "csat_response_score", table, mean("points", "answers"), denominator=table["answers"]
    )
