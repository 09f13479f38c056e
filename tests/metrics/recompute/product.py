"""Product performance: time to value, requests, availability, tickets, engagement."""

import pandas as pd
from tests.metrics.recompute.company import Company, resolved_tickets
from tests.metrics.recompute.tables import (
    ACCOUNT_DIMENSIONS,
    DAY,
    FLOW_DAYS,
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


def time_to_value(company: Company) -> Metrics:
    served = company.calls[company.calls["failed"] == 0]
    rows = company.accounts.dropna(subset="signed_up").copy()
    rows["first_value"] = served.groupby("account_id")["at"].min().dt.normalize()
    rows = rows.dropna(subset="first_value")
    rows["days"] = (rows["first_value"] - rows["signed_up"]).dt.days.clip(lower=0)
    long = by_member(rows, ACCOUNT_DIMENSIONS)
    censored = long["signed_up"] < company.first_day["requests"]
    parts = []
    for period in company.since("requests").itertuples():
        reached = long[long["first_value"] < period.seen_until]
        for observed in (False, True):
            chosen = reached[~censored[reached.index]] if observed else reached
            days = chosen.groupby(MEMBER)["days"]
            part = pd.DataFrame(
                {
                    "n": days.size(),
                    "p50": days.quantile(0.5),
                    "p90": days.quantile(0.9),
                    "p100": days.max(),
                }
            ).reset_index()
            parts.append(
                part.assign(grain=period.grain, period_start=period.period_start, observed=observed)
            )
    table = pd.concat(parts, ignore_index=True)
    everyone, seen = table[~table["observed"]], table[table["observed"]]
    for share_of in ("p50", "p90", "p100"):
        yield metric(f"time_to_value_{share_of}_days", seen, seen[share_of], denominator=seen["n"])
        name = f"time_to_value_all_{share_of}_days"
        yield metric(name, everyone, everyone[share_of], denominator=everyone["n"])


def requests(company: Company) -> Metrics:
    rows = company.calls.assign(requests=1)
    long = by_member(by_period(rows, "at"), (*ACCOUNT_DIMENSIONS, "product"))
    groups = long.groupby(PERIOD + MEMBER)
    sums = groups[["requests", "failed", "throttled", "unavailable"]].sum()
    sums["n"] = groups["latency_ms"].count()
    for part in (50, 90, 99):
        sums[f"p{part}"] = groups["latency_ms"].quantile(part / 100)
    table = sums.reset_index()
    yield plain("requests", table, "requests")
    yield share("error_rate_pct", table, "failed", "requests")
    yield share("throttle_rate_pct", table, "throttled", "requests")
    yield share("unavailable_rate_pct", table, "unavailable", "requests")
    for part in (50, 90, 99):
        yield metric(f"latency_p{part}_ms", table, table[f"p{part}"], denominator=table["n"])


def throttling_of_the_busiest(company: Company) -> Metrics:
    rows = by_period(company.calls.assign(requests=1), "at")
    sums = rows.groupby([*PERIOD, "account_id"], as_index=False)[
        ["tokens", "requests", "throttled"]
    ].sum()
    sums = sums.sort_values(["tokens", "account_id"], ascending=[False, True])
    busiest = sums.groupby(PERIOD, group_keys=False)[list(sums.columns)].apply(
        lambda part: part.head(-(-len(part) // 10))
    )
    table = busiest.groupby(PERIOD, as_index=False)[["requests", "throttled"]].sum()
    table = table.assign(dimension="all", dimension_value="all")
    yield share("throttle_rate_top_decile_pct", table, "throttled", "requests")


def availability(company: Company) -> Metrics:
    parts = []
    for region in ["all", *company.serving_regions]:
        incidents = company.outages_of(region)
        for period in company.since("requests", "incidents").itertuples():
            mine = incidents[
                (incidents["at"] >= period.period_start) & (incidents["at"] < period.seen_until)
            ]
            minutes = (period.seen_until - period.period_start) / pd.Timedelta(minutes=1)
            parts.append(
                {
                    "grain": period.grain,
                    "period_start": period.period_start,
                    "dimension": "all" if region == "all" else "region",
                    "dimension_value": region,
                    "minutes": minutes,
                    "up": minutes
                    - company.minutes_down(region, period.period_start, period.seen_until),
                    "incidents": len(mine),
                    "resolved": mine["minutes"].notna().sum(),
                    "recovery": mine["minutes"].sum(),
                }
            )
    table = pd.DataFrame(parts)
    yield share("uptime_pct", table, "up", "minutes")
    yield share("mttr_minutes", table, "recovery", "resolved", factor=1)
    yield plain("incident_count", table, "incidents")


def utilisation(company: Company) -> Metrics:
    rows = company.samples.dropna(subset="util_ratio").copy()
    rows["region"] = known(rows["region"])
    rows["product"] = rows["model_variant"].map(company.sku_of_model).fillna("Unknown")
    rows["used"] = 100 * rows["util_ratio"]
    groups = by_member(by_period(rows, "at"), ("region", "product")).groupby(PERIOD + MEMBER)
    table = pd.DataFrame(
        {
            "n": groups["used"].size(),
            "p50": groups["used"].quantile(0.5),
            "p90": groups["used"].quantile(0.9),
            "peak": groups["used"].max(),
        }
    ).reset_index()
    for part in ("p50", "p90", "peak"):
        name = f"resource_utilization_{part}_pct"
        yield metric(name, table, table[part], denominator=table["n"])


def tickets(company: Company) -> Metrics:
    rows = resolved_tickets(company)
    rows["tickets"] = 1
    rows["platform"] = rows["category"].str.lower().isin(["error", "latency"]).astype(int)
    long = by_member(by_period(rows, "at"), ACCOUNT_DIMENSIONS)
    sums = long.groupby(PERIOD + MEMBER, as_index=False)[
        ["tickets", "platform", "resolved", "hours"]
    ].sum()
    members = sums[["grain", *MEMBER]].drop_duplicates()
    table = on_spine(company.since("requests", "tickets"), members, sums)
    yield plain("ticket_volume", table, "tickets")
    yield plain("platform_ticket_volume", table, "platform")
    yield share("ticket_resolution_hours", table, "hours", "resolved", factor=1)


def engagement(company: Company) -> Metrics:
    released = company.releases.groupby("feature_name")["released_at"].min()
    used = company.events[company.events["event_type"].str.lower() == "feature_used"].copy()
    used["released"] = used["feature_name"].map(released)
    used = used[used["at"].dt.normalize() >= used["released"].dt.normalize()]
    used = by_member(by_period(company.with_account(used), "at"), ACCOUNT_DIMENSIONS)
    pairs = used.drop_duplicates([*PERIOD, *MEMBER, "account_id", "feature_name"])
    groups = pairs.groupby(PERIOD + MEMBER)
    table = pd.DataFrame(
        {
            "pairs": groups.size(),
            "accounts": groups["account_id"].nunique(),
            "features": groups["feature_name"].nunique(),
        }
    ).reset_index()
    table = table.merge(company.periods[[*PERIOD, "seen_until"]], on=PERIOD)
    table["available"] = [(released < instant).sum() for instant in table["seen_until"]]
    table["possible"] = table["accounts"] * table["available"]
    yield share("adoption_depth", table, "pairs", "possible")
    yield share("feature_breadth", table, "features", "available")


def abandonment(company: Company) -> Metrics:
    journeys = company.seed("journey_steps")
    steps = company.steps.assign(product_user_id=known(company.steps["product_user_id"]))
    steps = steps.merge(journeys, on=["journey", "step"])
    action = steps["action"].str.lower()
    flow = ["account_id", "product_user_id", "journey"]
    flows = steps[action == "started"].groupby(flow)["at"].min().rename("started").to_frame()
    done = steps[(action == "completed") & (steps["is_final"].astype(str).str.lower() == "true")]
    flows["finished"] = done.groupby(flow)["at"].min()
    deadline = flows["started"] + FLOW_DAYS * DAY
    finished = flows["finished"] < deadline
    flows["abandoned"] = (~finished & (deadline <= company.end)).astype(int)
    flows["finished_in_time"] = finished.astype(int)
    flows["judged"] = (finished | (deadline <= company.end)).astype(int)
    rows = company.with_account(flows.reset_index())
    long = by_member(by_period(rows, "started"), ACCOUNT_DIMENSIONS)
    sums = long.groupby(PERIOD + MEMBER, as_index=False)[
        ["abandoned", "finished_in_time", "judged"]
    ].sum()
    yield share("abandonment_rate_pct", sums, "abandoned", "judged")
    yield share("journey_completion_rate_pct", sums, "finished_in_time", "judged")
