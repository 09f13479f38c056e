"""Every O2R metric once more, in pandas, from the bronze rows and the text of the definitions.

Independent of the dbt project: nothing here reads silver or gold, and the shape of the computation
is another one (account tables and interval lists in memory instead of SQL joins). The result of
`recompute` has the columns KEYS, value, numerator and denominator (NaN where a metric has none).
Amounts are floats here; gold keeps six decimals.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from o2r.settings import Settings
from o2r.warehouse import connect

KEYS = ["metric", "grain", "period_start", "dimension", "dimension_value"]
PERIOD = ["grain", "period_start"]
MEMBER = ["dimension", "dimension_value"]
ACCOUNT_DIMENSIONS = ("plan_tier", "segment", "region")
DAY = pd.Timedelta(days=1)
WEEKS_PER_MONTH, LIFETIME_MONTHS = 4.33, 24
ADOPTION_DAYS, ADOPTION_TOKENS, FLOW_DAYS = 91, 1000, 7
ANNUAL_TARGET = 20_000_000


def recompute(company: "Company") -> pd.DataFrame:
    """All metrics of a company, with the project's default variables."""
    parts = [part for compute in METRICS for part in compute(company)]
    result = pd.concat(parts, ignore_index=True)
    return result[result["value"].notna()].reset_index(drop=True)


class Bronze:
    """Delivered rows, newest version per business key."""

    def __init__(self, settings: Settings):
        self._settings = settings

    def all(self, table: str) -> pd.DataFrame:
        connection = connect(self._settings, read_only=True)
        with connection.cursor() as cursor:
            cursor.execute(f"select * from raw_bronze.{table}")
            names = [column.name for column in cursor.description]
            rows = pd.DataFrame(cursor.fetchall(), columns=names)
            types = [column.type_code for column in cursor.description]
        connection.close()
        for name, oid in zip(names, types, strict=True):
            if oid == 1184:  # timestamptz, told in UTC
                rows[name] = pd.to_datetime(rows[name], utc=True).dt.tz_localize(None)
            elif oid == 1082:  # date
                rows[name] = pd.to_datetime(rows[name])
            elif oid in (20, 23, 1700):  # bigint, integer, numeric
                rows[name] = rows[name].astype(float)
            elif oid == 25:  # text: blanks say nothing
                stripped = rows[name].astype("object").map(str.strip, na_action="ignore")
                rows[name] = stripped.where(stripped.notna() & (stripped != ""), None)
        return rows

    def latest(self, table: str, key: list[str], newest: list[str]) -> pd.DataFrame:
        rows = self.all(table)
        for name in {"currency_code"} & set(key):
            rows[name] = rows[name].str.upper()
        rows = rows.sort_values(newest, kind="stable")
        return rows.drop_duplicates(key, keep="last").reset_index(drop=True)


def known(column: pd.Series) -> pd.Series:
    """Text with 'Unknown' where nothing is said."""
    return column.astype("object").where(column.notna(), "Unknown")


def period_starts(days: pd.Series, grain: str) -> pd.Series:
    """First day of the ISO week or the month of each day."""
    days = days.dt.normalize()
    if grain == "week":
        return days - pd.to_timedelta(days.dt.day_of_week, unit="D")
    return days - pd.to_timedelta(days.dt.day - 1, unit="D")


def by_period(rows: pd.DataFrame, day: str) -> pd.DataFrame:
    """Each row twice: in its week and in its month."""
    return pd.concat(
        [
            rows.assign(grain=grain, period_start=period_starts(rows[day], grain))
            for grain in ("week", "month")
        ],
        ignore_index=True,
    )


def by_member(rows: pd.DataFrame, dimensions: Iterable[str]) -> pd.DataFrame:
    """Each row once for the total and once for each dimension, with its member of it."""
    parts = [rows.assign(dimension="all", dimension_value="all")]
    parts += [rows.assign(dimension=name, dimension_value=rows[name]) for name in dimensions]
    return pd.concat(parts, ignore_index=True)


def metric(name: str, rows: pd.DataFrame, value, numerator=np.nan, denominator=np.nan):
    """Rows of one metric; value, numerator and denominator are aligned with `rows`."""
    columns = {"value": value, "numerator": numerator, "denominator": denominator}
    return rows[PERIOD + MEMBER].assign(
        metric=name, **{k: pd.Series(v, rows.index, dtype=float) for k, v in columns.items()}
    )


def share(name: str, rows: pd.DataFrame, numerator: str, denominator: str, factor: float = 100.0):
    """A ratio metric: factor * numerator / denominator, absent where the denominator is 0."""
    below = rows[denominator].astype(float).where(rows[denominator] != 0)
    return metric(name, rows, factor * rows[numerator] / below, rows[numerator], rows[denominator])


def plain(name: str, rows: pd.DataFrame, column: str):
    """A sum or a count, which is its own numerator."""
    return metric(name, rows, rows[column], rows[column])


def merge_intervals(starts: Iterable, ends: Iterable) -> list[tuple]:
    """Union of intervals as disjoint ones in order."""
    merged: list[list] = []
    for start, end in sorted(zip(starts, ends, strict=True)):
        if end <= start:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return [tuple(interval) for interval in merged]


@dataclass
class Company:
    """What bronze says about the company as of the newest complete day."""

    settings: Settings

    def __post_init__(self) -> None:
        bronze = Bronze(self.settings)
        usage = ["request_id"], ["loaded_at"]
        self.requests = pd.concat(
            [
                bronze.latest(f"inference_user_token_usage_{feed}", *usage)
                for feed in ("open_source", "proprietary")
            ],
            ignore_index=True,
        ).rename(columns={"event_timestamp": "at"})
        revenue_key = [
            *("account_id", "product_sku", "model_variant", "inference_scope", "region"),
            *("billing_type", "currency_code", "revenue_date"),
        ]
        self.revenue = bronze.latest(
            "revenue_account_daily", revenue_key, ["snapshot_date", "loaded_at"]
        ).rename(columns={"revenue_date": "at"})
        versioned = ["last_updated", "loaded_at"]
        self.tickets = bronze.latest("support_tickets", ["ticket_id"], versioned)
        self.tickets = self.tickets.rename(columns={"created_at": "at"})
        self.incidents = bronze.latest("platform_incidents", ["incident_id"], versioned)
        self.incidents = self.incidents.rename(columns={"started_at": "at"})
        self.surveys = bronze.latest("csat_responses", ["response_id"], ["loaded_at"])
        self.surveys = self.surveys.rename(columns={"answered_at": "at"})
        self.contracts = bronze.latest(
            "subscriptions", ["subscription_id", "event_timestamp", "status"], ["loaded_at"]
        ).rename(columns={"event_timestamp": "at", "crm_account_id": "account_id"})
        self.changes = bronze.latest(
            "customer_details", ["account_id", "date_updated"], ["loaded_at"]
        ).rename(columns={"date_updated": "at"})
        self.samples = bronze.latest(
            "resource_model_utilization", ["pod_id", "event_timestamp"], ["loaded_at"]
        ).rename(columns={"event_timestamp": "at"})
        self.events = bronze.latest("product_usage_events", ["event_id"], ["loaded_at"])
        self.events = self.events.rename(
            columns={"event_timestamp": "at", "crm_account_id": "account_id"}
        )
        self.steps = bronze.latest("onboarding_step_events", ["event_id"], ["loaded_at"])
        self.steps = self.steps.rename(columns={"event_timestamp": "at"})
        self.models = bronze.all("config_model_dimensions")
        self.releases = bronze.all("product_feature_releases")
        self.feeds = {
            "requests": self.requests,
            "revenue": self.revenue,
            "tickets": self.tickets,
            "incidents": self.incidents,
            "subscriptions": self.contracts,
            "surveys": self.surveys,
            "utilization": self.samples,
            "product_events": self.events,
            "onboarding": self.steps,
        }
        self._close_the_books()

    def _close_the_books(self) -> None:
        """Find the as-of day and forget everything after it."""
        days = []
        for name in ("requests", "tickets", "incidents", "subscriptions", "product_events"):
            days.append(self.feeds[name][["at", "loaded_at"]])
        days.append(self.changes[["at", "loaded_at"]])
        days.append(
            pd.DataFrame(
                {"at": self.revenue["snapshot_date"] - DAY, "loaded_at": self.revenue["loaded_at"]}
            )
        )
        observed = pd.concat(days)
        observed = observed[observed["at"].dt.normalize() < observed["loaded_at"].dt.normalize()]
        self.as_of = observed["at"].max().normalize()
        self.end = self.as_of + DAY
        serving = (
            self.requests["source_region"],
            self.samples["region"],
            self.incidents["region"],
        )
        self.serving_regions = sorted(set().union(*(seen.dropna() for seen in serving)))
        for name, rows in self.feeds.items():
            rows = rows[rows["at"] < self.end].reset_index(drop=True)
            self.feeds[name] = rows
            attribute = {"subscriptions": "contracts", "utilization": "samples"}.get(
                name, name.removeprefix("product_")
            )
            setattr(self, "steps" if name == "onboarding" else attribute, rows)
        self.changes = self.changes[self.changes["at"] < self.end]
        self.first_day = {
            name: rows["at"].min().normalize() for name, rows in self.feeds.items() if len(rows)
        }

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """Attributes as of the as-of day, strangers of the facts included; index account_id."""
        newest = self.changes.sort_values("at").drop_duplicates("account_id", keep="last")
        newest = newest.set_index("account_id")
        table = pd.DataFrame(
            {
                "plan_tier": known(newest["plan_tier"]),
                "segment": known(newest["segment"]),
                "region": newest["country"].str.upper().map(self.country_regions).fillna("Unknown"),
                "signed_up": newest["date_created"].dt.normalize(),
            }
        )
        facts = ("requests", "revenue", "contracts", "tickets", "surveys", "events", "steps")
        seen = set().union(*(known(getattr(self, name)["account_id"]) for name in facts))
        strangers = sorted((seen | {"Unknown"}) - set(table.index))
        return pd.concat(
            [
                table,
                pd.DataFrame(
                    dict.fromkeys(ACCOUNT_DIMENSIONS, "Unknown") | {"signed_up": pd.NaT},
                    index=strangers,
                ),
            ]
        )

    @cached_property
    def country_regions(self) -> dict[str, str]:
        table = self.seed("country_regions")
        return dict(zip(table["country_code"], table["region"], strict=True))

    def seed(self, name: str) -> pd.DataFrame:
        path = Path(self.settings.dbt_dir) / "seeds" / f"{name}.csv"
        return pd.read_csv(path, keep_default_na=False)

    def with_account(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Add plan tier, segment, region (unless the rows have their own) and sign-up day."""
        rows = rows.assign(account_id=known(rows["account_id"]))
        wanted = [name for name in self.accounts.columns if name not in rows.columns]
        return rows.join(self.accounts[wanted], on="account_id")

    def was_active(self, account: str, instant: pd.Timestamp) -> bool:
        """The account's flag as of an instant; nothing known of it counts as active."""
        versions = self._flags.get(account)
        if versions is None:
            return True
        flags = [flag for at, flag in versions if at < instant] or [versions[0][1]]
        return flags[-1]

    @cached_property
    def _flags(self) -> dict[str, list[tuple]]:
        flags: dict[str, list[tuple]] = {}
        for row in self.changes.sort_values("at").itertuples():
            flag = True if row.is_active is None else bool(row.is_active)
            flags.setdefault(row.account_id, []).append((row.at, flag))
        return flags

    def to_dollars(self, amounts: pd.Series, currencies: pd.Series, days: pd.Series) -> pd.Series:
        """Amounts at the rate that the day's newest quotation of the currency gives."""
        table = self.seed("exchange_rates")
        table["valid_from"] = pd.to_datetime(table["valid_from"]).astype("datetime64[us]")
        wanted = pd.DataFrame(
            {
                "currency_code": currencies.str.upper(),
                "day": days.dt.normalize().astype("datetime64[us]"),
                "order": range(len(days)),
            }
        )
        found = pd.merge_asof(
            wanted.sort_values("day"),
            table.sort_values("valid_from"),
            left_on="day",
            right_on="valid_from",
            by="currency_code",
        ).sort_values("order")
        return amounts * found["usd_per_unit"].to_numpy()

    @cached_property
    def periods(self) -> pd.DataFrame:
        """Weeks and months from the month of the first observation to the as-of day."""
        first = min([*self.first_day.values(), self.changes["date_created"].min().normalize()])
        days = pd.DataFrame({"day": pd.date_range(first.replace(day=1), self.as_of)})
        table = by_period(days, "day")[PERIOD].drop_duplicates()
        month = table["grain"] == "month"
        start = table["period_start"]
        table["end"] = (start + 7 * DAY).where(~month, start + pd.offsets.MonthBegin(1))
        table["seen_until"] = table["end"].clip(upper=self.end)  # first instant not observed
        table["complete"] = table["end"] <= self.end
        table["before"] = (start - 7 * DAY).where(~month, start - pd.offsets.MonthBegin(1))
        table["year_ago"] = (start - 364 * DAY).where(~month, start - pd.DateOffset(years=1))
        last_day = table["seen_until"] - DAY
        table["year"] = pd.to_datetime(last_day.dt.year.astype(str) + "-01-01")
        return table.reset_index(drop=True)

    def since(self, *feeds: str) -> pd.DataFrame:
        """Periods of which a day was observed by one of the feeds."""
        first = min(self.first_day[feed] for feed in feeds)
        return self.periods[self.periods["seen_until"] > first]

    @cached_property
    def sku_of_model(self) -> dict[str, str]:
        configured = self.models[self.models["snapshot_date"] <= self.as_of]
        newest = configured.sort_values(["snapshot_date", "loaded_at"])
        newest = newest.drop_duplicates("model_variant", keep="last")
        return dict(zip(newest["model_variant"], known(newest["model_family"]), strict=True))

    @cached_property
    def calls(self) -> pd.DataFrame:
        """One row per request with tokens, flags, account and product."""
        rows = self.requests.copy()
        tokens = [f"{kind}_tokens" for kind in ("input", "output", "cache_read", "cache_write")]
        rows["tokens"] = rows[tokens].fillna(0).sum(axis=1)
        code = rows["error_code"].str.upper()
        rows["failed"] = code.notna().astype(int)
        rows["throttled"] = (code == "E429").astype(int)
        rows["unavailable"] = (code == "E503").astype(int)
        rows["region"] = known(rows["source_region"])
        rows["product"] = rows["model_variant"].map(self.sku_of_model).fillna("Unknown")
        return self.with_account(rows)

    @cached_property
    def money(self) -> pd.DataFrame:
        """One row per revenue row with net revenue in dollars, account and product."""
        rows = self.revenue.drop(columns="region").copy()
        gross = [c for c in rows if c.startswith("gross_revenue_")]
        less = ["savings_plan_amount", "discount_amount"]
        net = rows[gross].fillna(0).sum(axis=1) - rows[less].fillna(0).sum(axis=1)
        rows["net"] = self.to_dollars(net, rows["currency_code"], rows["at"])
        rows["product"] = known(rows["product_sku"])
        return self.with_account(rows)

    @cached_property
    def account_periods(self) -> pd.DataFrame:
        """Revenue and tokens per account, period and member of every dimension."""
        columns = ["account_id", "at", *ACCOUNT_DIMENSIONS, "product", "net", "tokens"]
        home = self.with_account(self.calls.drop(columns="region")).assign(net=0.0)
        both = pd.concat([self.money.assign(tokens=0.0)[columns], home[columns]])
        both["at"] = both["at"].dt.normalize()
        keys = ["account_id", "at", *ACCOUNT_DIMENSIONS, "product"]
        daily = both.groupby(keys, as_index=False)[["net", "tokens"]].sum()
        spread = by_member(by_period(daily, "at"), (*ACCOUNT_DIMENSIONS, "product"))
        rows = spread.groupby([*PERIOD, *MEMBER, "account_id"], as_index=False)[
            ["net", "tokens"]
        ].sum()
        rows = rows.merge(self.periods[[*PERIOD, "seen_until"]], on=PERIOD)
        pairs = rows[["account_id", "seen_until"]].drop_duplicates()
        pairs["active"] = [
            self.was_active(account, instant)
            for account, instant in pairs.itertuples(index=False, name=None)
        ]
        rows = rows.merge(pairs, on=["account_id", "seen_until"])
        rows["paying"] = rows["active"] & (rows["net"].round(6) > 0)
        return rows.join(self.accounts["signed_up"], on="account_id")

    @cached_property
    def contract_values(self) -> pd.DataFrame:
        """MRR per account and period end, in dollars of the contract's first day; zeros filled."""
        contracts = self.contracts.copy()
        rank = contracts["status"].str.lower().map({"trial": 1, "active": 2}).fillna(3)
        contracts = contracts.assign(rank=rank).sort_values(["subscription_id", "at", "rank"])
        contracts["starts"] = contracts["start_date"].fillna(contracts["at"])
        over = contracts["status"].str.lower().isin(["cancelled", "expired"])
        contracts["ends"] = contracts["cancellation_date"].where(
            contracts["cancellation_date"].notna() | ~over, contracts["at"]
        )
        value = contracts["mrr"].fillna(contracts["arr"] / 12).fillna(0)
        contracts["value"] = self.to_dollars(value, contracts["currency"], contracts["starts"])
        parts = []
        for period in self.periods.itertuples():
            instant = period.seen_until
            state = contracts[contracts["at"] < instant]
            state = state.drop_duplicates("subscription_id", keep="last")
            state = state[
                (state["status"].str.lower() != "trial")
                & (state["value"] > 0)
                & (state["starts"] < instant)
                & (state["ends"].isna() | (state["ends"] >= instant))
            ]
            sums = state.groupby("account_id")["value"].sum()
            parts.append(
                sums.rename("mrr")
                .reset_index()
                .assign(grain=period.grain, period_start=period.period_start)
            )
        rows = pd.concat(parts, ignore_index=True)
        filled = []
        for grain, part in rows.groupby("grain"):
            starts = self.periods.loc[self.periods["grain"] == grain, "period_start"]
            table = part.pivot_table(index="period_start", columns="account_id", values="mrr")
            table = table.reindex(starts.sort_values()).fillna(0.0)
            paid = (table > 0).cummax()
            opening = table.shift(1, fill_value=0.0)
            had_paid = paid.shift(1, fill_value=False)
            cells = {
                "mrr": table,
                "opening": opening,
                "new": table.where((table > 0) & ~had_paid, 0),
                "reactivation": table.where((table > 0) & (opening == 0) & had_paid, 0),
                "expansion": (table - opening).where((opening > 0) & (table > opening), 0),
                "contraction": (opening - table).where((table > 0) & (table < opening), 0),
                "churn": opening.where((opening > 0) & (table == 0), 0),
            }
            long = pd.DataFrame({name: cell[paid].stack() for name, cell in cells.items()})
            filled.append(long.dropna().reset_index().assign(grain=grain))
        return self.with_account(pd.concat(filled, ignore_index=True))

    @cached_property
    def waterfall(self) -> pd.DataFrame:
        """Contract values and movements per period and member, from the member's first period."""
        rows = by_member(self.contract_values, ACCOUNT_DIMENSIONS)
        rows["opening_accounts"] = (rows["opening"] > 0).astype(int)
        rows["lost_accounts"] = (rows["churn"] > 0).astype(int)
        amounts = ["mrr", "opening", "new", "reactivation", "expansion", "contraction", "churn"]
        sums = [*amounts, "opening_accounts", "lost_accounts"]
        return rows.groupby(PERIOD + MEMBER, as_index=False)[sums].sum()

    @cached_property
    def monthly_churn(self) -> pd.DataFrame:
        """Accounts lost, and account-months at risk, over twelve whole months."""
        months = self.periods.loc[
            (self.periods["grain"] == "month") & self.periods["complete"], PERIOD
        ]
        rows = self.waterfall.merge(months, on=PERIOD).sort_values("period_start")
        window = rows.groupby(MEMBER)[["lost_accounts", "opening_accounts"]].rolling(
            12, min_periods=1
        )
        sums = window.sum().reset_index(level=MEMBER, drop=True)
        return rows[PERIOD + MEMBER].join(sums)

    @cached_property
    def outages(self) -> pd.DataFrame:
        """Incidents with the end of their downtime and minutes to recovery."""
        rows = self.incidents.copy()
        rows["resolved"] = rows["resolved_at"].where(rows["resolved_at"] < self.end)
        over = rows["resolved"].fillna(self.end)
        reported = rows["at"] + pd.to_timedelta(rows["downtime_minutes"], unit="min")
        rows["down_until"] = reported.where(reported < over, over)
        rows["minutes"] = (rows["resolved"] - rows["at"]) / pd.Timedelta(minutes=1)
        return rows

    def outages_of(self, region: str) -> pd.DataFrame:
        """Incidents that concern a region; 'all' for any."""
        rows = self.outages
        if region == "all":
            return rows
        return rows[rows["region"].isna() | (rows["region"] == region)]

    @cached_property
    def downtime(self) -> dict[str, list[tuple]]:
        """Disjoint intervals of downtime per region, and of the platform under 'all'.

        Accounts may live where nothing is served: there only incidents without a region count.
        """
        homes = {*self.country_regions.values(), "Unknown"}
        return {
            region: merge_intervals(rows["at"], rows["down_until"])
            for region in {"all", *self.serving_regions, *homes}
            for rows in [self.outages_of(region)]
        }

    def minutes_down(self, region: str, start: pd.Timestamp, end: pd.Timestamp) -> float:
        """Minutes of downtime of a region within [start, end)."""
        overlaps = (
            min(b, end) - max(a, start) for a, b in self.downtime[region] if a < end and b > start
        )
        return sum(overlap / pd.Timedelta(minutes=1) for overlap in overlaps)


Metrics = Iterable[pd.DataFrame]


def on_spine(periods: pd.DataFrame, members: pd.DataFrame, sums: pd.DataFrame) -> pd.DataFrame:
    """Every period with every member of its grain, sums joined, gaps 0."""
    spine = periods.merge(members, on="grain")
    return spine.merge(sums, on=PERIOD + MEMBER, how="left").fillna(
        {name: 0 for name in sums.columns if name not in PERIOD + MEMBER}
    )


def revenue_spine(company: Company) -> pd.DataFrame:
    rows = company.account_periods
    earning = rows[rows["net"].round(6) != 0]
    members = earning[["grain", *MEMBER]].drop_duplicates()
    rows = rows.assign(active_accounts=rows["paying"].astype(int))
    sums = rows.groupby(PERIOD + MEMBER, as_index=False)[["net", "active_accounts"]].sum()
    table = on_spine(company.since("revenue"), members, sums)
    before = sums.rename(columns={"period_start": "before", "net": "net_before"})
    table = table.merge(
        before[["grain", "before", *MEMBER, "net_before"]],
        on=["grain", "before", *MEMBER],
        how="left",
    )
    first = company.first_day["revenue"]
    comparable = table["complete"] & (table["before"] >= first)
    table["net_before"] = table["net_before"].fillna(0).where(comparable)
    table["growth"] = table["net"] - table["net_before"]
    return table


def revenue(company: Company) -> Metrics:
    table = revenue_spine(company)
    daily = by_member(company.money, (*ACCOUNT_DIMENSIONS, "product"))
    daily = daily.groupby([*MEMBER, daily["at"].dt.normalize()], as_index=False)["net"].sum()
    to_date = []
    for row in table.itertuples():
        mine = daily[(daily["dimension"] == row.dimension)]
        mine = mine[mine["dimension_value"] == row.dimension_value]
        to_date.append(mine.loc[mine["at"].between(row.year, row.seen_until - DAY), "net"].sum())
    table["to_date"] = to_date
    weeks, months = table[table["grain"] == "week"], table[table["grain"] == "month"]
    yield plain("weekly_revenue", weeks, "net")
    yield plain("monthly_revenue", months, "net")
    # growth from nothing, or from a net credit, has no meaning
    yield share("weekly_growth_rate_pct", weeks[weeks["net_before"] > 0], "growth", "net_before")
    yield share("monthly_growth_rate_pct", months[months["net_before"] > 0], "growth", "net_before")
    yield plain("ytd_revenue", table, "to_date")
    yield plain("active_accounts", table, "active_accounts")
    yield share("arpa", table, "net", "active_accounts", factor=1)
    yield compound_growth(weeks, company.first_day["revenue"])
    yield from pace(weeks[(weeks["dimension"] == "all") & weeks["complete"]])
    yield from lifetime_value(table[table["dimension"] != "product"], company.monthly_churn)


def compound_growth(weeks: pd.DataFrame, first_day: pd.Timestamp) -> pd.DataFrame:
    """(this week / first whole week of the year) ^ (1 / weeks between) - 1."""
    opening: dict[tuple, tuple] = {}
    values, firsts = {}, {}
    for row in weeks.sort_values("period_start").itertuples():
        key = row.dimension, row.dimension_value, row.year
        if row.period_start < max(row.year, first_day):
            continue
        start, first = opening.setdefault(key, (row.period_start, row.net))
        firsts[row.Index] = first
        between = (row.period_start - start).days / 7
        if between and row.complete and first > 0 and row.net >= 0:
            values[row.Index] = 100 * ((row.net / first) ** (1 / between) - 1)
    return metric(
        "cwgr_pct", weeks, pd.Series(values, dtype=float), weeks["net"], pd.Series(firsts)
    )


def pace(weeks: pd.DataFrame) -> Metrics:
    """Share of the annual target, and the growth it still takes."""
    weeks = weeks.assign(target=float(ANNUAL_TARGET), missing=ANNUAL_TARGET - weeks["to_date"])
    year_end = weeks["year"] + pd.DateOffset(years=1) - DAY
    weeks["remaining"] = (year_end - weeks["period_start"]).dt.days // 7
    yield share("target_attainment_pct", weeks, "to_date", "target")
    possible = (weeks["remaining"] > 0) & (weeks["to_date"] > 0)
    root = (ANNUAL_TARGET / weeks["to_date"].where(possible)) ** (1 / weeks["remaining"])
    catch_up = 100 * (root - 1)
    yield metric("catch_up_cwgr_pct", weeks, catch_up, weeks["target"], weeks["to_date"])
    required = [
        100 * required_growth(row.net, row.missing, row.remaining) for row in weeks.itertuples()
    ]
    yield metric("required_weekly_growth_pct", weeks, required, weeks["missing"], weeks["net"])


def required_growth(weekly: float, missing: float, remaining: int) -> float:
    """The g for which weekly * (1 + g)^k, summed over k = 1..remaining, is what is missing."""
    if weekly <= 0 or missing <= 0 or remaining <= 0:
        return np.nan
    polynomial = np.r_[np.ones(remaining), -missing / weekly]
    roots = np.roots(polynomial)
    real = roots[(abs(roots.imag) < 1e-9) & (roots.real > 0)].real
    assert len(real) == 1, "one positive root, by Descartes' rule of signs"
    factor = real[0]
    for _ in range(3):  # polish: roots of high degree are not exact
        factor -= np.polyval(polynomial, factor) / np.polyval(np.polyder(polynomial), factor)
    return factor - 1


def lifetime_value(table: pd.DataFrame, churn: pd.DataFrame) -> Metrics:
    arpa = table["net"] / table["active_accounts"].where(table["active_accounts"] != 0)
    weeks = table["grain"] == "week"
    monthly = (arpa * WEEKS_PER_MONTH).where(weeks, arpa).where(table["complete"])
    yield metric("cltv", table, monthly * LIFETIME_MONTHS, monthly)
    at_risk = churn["opening_accounts"].where(churn["opening_accounts"] > 0)
    rates = churn.assign(rate=100 * churn["lost_accounts"] / at_risk, month=churn["period_start"])
    # the newest month that was over when the period was: a new month starts with its first day
    last_month = period_starts(table["seen_until"], "month") - pd.offsets.MonthBegin(1)
    joined = table.assign(month=last_month).merge(
        rates[["month", *MEMBER, "rate"]], on=["month", *MEMBER], how="left"
    )
    rate = pd.Series(joined["rate"].to_numpy(), table.index)
    yield metric("cltv_observed", table, 100 * monthly / rate.where(rate > 0), 100 * monthly, rate)


def recurring(company: Company) -> Metrics:
    flow = company.waterfall
    yield plain("mrr", flow, "mrr")
    yearly = flow.assign(
        **{name: 12 * flow[name] for name in flow.columns if name not in PERIOD + MEMBER}
    )
    yield plain("arr", yearly, "mrr")
    for name in ("opening", "new", "reactivation", "expansion", "contraction", "churn"):
        yield plain(f"arr_{name}", yearly, name)
    yield share("logo_churn_rate_pct", company.monthly_churn, "lost_accounts", "opening_accounts")
    then = company.contract_values[["grain", "period_start", "account_id", "mrr"]]
    then = then[then["mrr"] > 0].rename(columns={"period_start": "year_ago", "mrr": "then"})
    now = company.contract_values.merge(company.periods[[*PERIOD, "year_ago"]], on=PERIOD).merge(
        then, on=["grain", "year_ago", "account_id"]
    )
    now = by_member(now, ACCOUNT_DIMENSIONS)
    now["kept"] = now[["mrr", "then"]].min(axis=1)
    now["logos_then"] = 1
    now["logos_now"] = (now["mrr"] > 0).astype(int)
    sums = now.groupby(PERIOD + MEMBER, as_index=False)[
        ["mrr", "then", "kept", "logos_then", "logos_now"]
    ].sum()
    yield share("nrr_pct", sums, "mrr", "then")
    yield share("grr_pct", sums, "kept", "then")
    yield share("logo_retention_pct", sums, "logos_now", "logos_then")


def signups(company: Company) -> Metrics:
    rows = company.accounts.dropna(subset="signed_up").copy()
    rows["signups"] = 1
    long = by_member(by_period(rows, "signed_up"), ACCOUNT_DIMENSIONS)
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
    rows["adopted"] = (rows["account_id"].map(tokens).fillna(0) >= ADOPTION_TOKENS).astype(int)
    long = by_member(by_period(rows, "signed_up"), ACCOUNT_DIMENSIONS)
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
        name = f"time_to_value_{share_of}_days"
        yield metric(name, everyone, everyone[share_of], denominator=everyone["n"])
    for share_of in ("p50", "p90"):
        name = f"time_to_value_observed_{share_of}_days"
        yield metric(name, seen, seen[share_of], denominator=seen["n"])


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


def resolved_tickets(company: Company) -> pd.DataFrame:
    rows = company.with_account(company.tickets)
    resolved_at = rows["resolved_at"].where(rows["resolved_at"] < company.end)
    rows["resolved"] = resolved_at.notna().astype(int)
    rows["hours"] = (resolved_at - rows["at"]) / pd.Timedelta(hours=1)
    return rows


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
    flows["judged"] = (finished | (deadline <= company.end)).astype(int)
    rows = company.with_account(flows.reset_index())
    long = by_member(by_period(rows, "started"), ACCOUNT_DIMENSIONS)
    sums = long.groupby(PERIOD + MEMBER, as_index=False)[["abandoned", "judged"]].sum()
    yield share("abandonment_rate_pct", sums, "abandoned", "judged")


METRICS: tuple[Callable[[Company], Metrics], ...] = (
    revenue,
    recurring,
    signups,
    adoption,
    retention,
    satisfaction,
    time_to_value,
    requests,
    throttling_of_the_busiest,
    availability,
    utilisation,
    tickets,
    engagement,
    abandonment,
)
