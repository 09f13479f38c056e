"""What bronze says about the company: accounts, periods, money, contracts, downtime."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
from tests.metrics.recompute.subscriptions import Subscriptions
from tests.metrics.recompute.tables import (
    ACCOUNT_DIMENSIONS,
    DAY,
    MEMBER,
    PERIOD,
    SIGN_DAYS,
    Bronze,
    by_member,
    by_period,
    known,
    merge_intervals,
)

from o2r.settings import Settings


@dataclass(eq=False)
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
            "subscriptions", ["subscription_id", "event_timestamp"], ["loaded_at"]
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
        self.promises = bronze.latest("sla_targets", ["priority", "valid_from"], ["loaded_at"])
        self.promises = self.promises.sort_values("valid_from")
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
        self.changes = Subscriptions(self.settings, self.as_of).versions
        is_open = self.tickets["status"].str.lower() == "open"
        self.tickets["resolved_at"] = self.tickets["resolved_at"].where(~is_open)
        told_later = self.tickets["last_updated"] >= self.end
        self.tickets["csat"] = self.tickets["csat"].where(~told_later)
        self.first_day = {
            name: rows["at"].min().normalize() for name, rows in self.feeds.items() if len(rows)
        }
        if len(self.contracts):  # one recorded late speaks of the time from its start
            starts = self.contracts["start_date"].min()
            self.first_day["subscriptions"] = min(
                self.first_day["subscriptions"],
                self.first_day["subscriptions"] if pd.isna(starts) else starts.normalize(),
            )

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """Attributes as of the as-of day, strangers of the facts included; index account_id."""
        newest = self.changes.sort_values("at").drop_duplicates("account_id", keep="last")
        newest = newest.set_index("account_id")
        table = pd.DataFrame(
            {
                "plan_tier": known(newest["plan_tier"]),
                "segment": known(newest["segment"]),
                "region": newest["country"]
                .astype("object")
                .str.upper()
                .map(self.country_regions)
                .fillna("Unknown"),
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

    def was_active(self, account: str, instant: pd.Timestamp) -> bool | None:
        """The account's flag as of an instant; None where the CRM had not said by then."""
        said = [flag for at, flag in self._flags.get(account, []) if at < instant]
        return said[-1] if said else None

    @cached_property
    def _flags(self) -> dict[str, list[tuple]]:
        flags: dict[str, list[tuple]] = {}
        for row in self.changes.itertuples():
            flag = None if pd.isna(row.is_active) else bool(row.is_active)
            flags.setdefault(row.account_id, []).append((row.at, flag))
        return flags

    def is_alive(self, account: str, day: pd.Timestamp) -> bool:
        """Whether a sign-up, revenue or use of the account lies on the day or 90 days before."""
        days = self._signs.get(account)
        if days is None:
            return False
        return bool(((days <= day) & (days >= day - SIGN_DAYS * DAY)).any())

    @cached_property
    def _signs(self) -> dict[str, pd.Series]:
        signed = self.accounts["signed_up"].dropna()
        tables = [pd.DataFrame({"account_id": signed.index, "at": signed.to_numpy()})]
        tables += [self.requests, self.events, self.money[self.money["net"] > 0]]
        rows = pd.concat([table[["account_id", "at"]] for table in tables]).dropna()
        return {name: part["at"].dt.normalize() for name, part in rows.groupby("account_id")}

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
        rows["product"] = known(rows["model_variant"].map(self.sku_of_model))
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
            self.was_active(account, instant) is not False
            for account, instant in pairs.itertuples(index=False, name=None)
        ]
        rows = rows.merge(pairs, on=["account_id", "seen_until"])
        rows["paying"] = rows["active"] & (rows["net"].round(6) > 0)
        return rows.join(self.accounts["signed_up"], on="account_id")

    @cached_property
    def contract_values(self) -> pd.DataFrame:
        """MRR per account and period end, in dollars of the contract's first day; zeros filled."""
        subscriptions = Subscriptions(self.settings, self.as_of.date())
        rows = pd.DataFrame(
            [
                (state.account, state.value / 10**6, period.grain, period.period_start)
                for period in self.periods.itertuples()
                for _, state in subscriptions.contracts(period.seen_until)
                if state.pays
            ],
            columns=["account_id", "mrr", "grain", "period_start"],
        )
        keys = ["account_id", "grain", "period_start"]
        rows = rows.groupby(keys, as_index=False)["mrr"].sum()
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


def resolved_tickets(company: Company) -> pd.DataFrame:
    rows = company.with_account(company.tickets)
    resolved_at = rows["resolved_at"].where(rows["resolved_at"] < company.end)
    rows["resolved"] = resolved_at.notna().astype(int)
    rows["hours"] = (resolved_at - rows["at"]) / pd.Timedelta(hours=1)
    return rows
