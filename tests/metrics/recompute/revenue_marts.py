"""The revenue marts of models and customers once more, in pandas and plain loops, from bronze.

Every column of every mart, for any as-of day and any first month of the fiscal year. Amounts are
rounded to six decimals where gold keeps them, so that ranks of equal revenue are comparable.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from tests.metrics.recompute.subscriptions import Subscriptions
from tests.metrics.recompute.tables import DAY, WEEKS_PER_MONTH, Bronze, known

from o2r.settings import Settings

START = {"week": "week_start", "month": "month_start", "ytd": "fiscal_year_start"}
SUFFIX = {"week": "weekly", "month": "monthly", "ytd": "ytd"}
KEY = {"model": "model_variant", "customer": "account_id"}
TIERS = (("top", 50_000), ("high", 10_000), ("medium", 1_000))
PARTS = ("input", "output", "cache_read", "cache_write")
AMOUNTS = (
    *(f"gross_revenue_{part}" for part in PARTS),
    *("gross_revenue", "savings_plan_amount", "discount_amount", "net_revenue"),
)
BILLING = {
    "pay-as-you-go": "pay_as_you_go_revenue",
    "savings-plan": "savings_plan_revenue",
    "committed-use": "committed_use_revenue",
}


@dataclass(frozen=True)
class Span:
    """Days from `start` up to `end`, which is not included, and the days to compare them with."""

    start: pd.Timestamp
    end: pd.Timestamp
    seen_until: pd.Timestamp
    before: tuple[pd.Timestamp, pd.Timestamp] | None
    complete: bool


def spans(
    grain: str, first: pd.Timestamp, as_of: pd.Timestamp, fiscal_month: int
) -> Iterator[Span]:
    """Periods from the first day of revenue to the as-of day."""
    if grain == "week":
        start, step = first - first.day_of_week * DAY, pd.DateOffset(days=7)
    elif grain == "month":
        start, step = first.replace(day=1), pd.DateOffset(months=1)
    else:
        start, step = first.replace(month=fiscal_month, day=1), pd.DateOffset(years=1)
        if start > first:
            start -= step
    while start <= as_of:
        end = start + step
        seen_until = min(end, as_of + DAY)
        complete = end <= as_of + DAY and (first <= start or grain == "ytd")
        before_end = start
        if grain == "ytd" and not complete:
            before_end = as_of - pd.DateOffset(years=1) + DAY
        comparable = first <= start - step and (complete or grain == "ytd")
        before = (start - step, before_end) if comparable else None
        yield Span(start, end, seen_until, before, complete)
        start = end


class RevenueMarts:
    """What bronze says of revenue by model and by customer."""

    def __init__(self, settings: Settings, as_of: pd.Timestamp, fiscal_month: int = 1):
        self.as_of, self.fiscal_month = as_of, fiscal_month
        self.seeds = Path(settings.dbt_dir) / "seeds"
        bronze = Bronze(settings)
        self.rows = self._converted(bronze)
        self.first = self.rows["day"].min()
        self.models = self._models(bronze)
        self.changes = dict(list(Subscriptions(settings, as_of).versions.groupby("account_id")))
        regions = pd.read_csv(self.seeds / "country_regions.csv", keep_default_na=False)
        self.regions = dict(zip(regions["country_code"], regions["region"], strict=True))

    def _converted(self, bronze: Bronze) -> pd.DataFrame:
        key = [
            *("account_id", "product_sku", "model_variant", "inference_scope", "region"),
            *("billing_type", "currency_code", "revenue_date"),
        ]
        rows = bronze.latest("revenue_account_daily", key, ["snapshot_date", "loaded_at"])
        rows = rows[rows["revenue_date"] <= self.as_of].reset_index(drop=True)
        rows["day"] = rows["revenue_date"]
        for name in ("product_sku", "model_variant"):
            rows[name] = known(rows[name])
        for part in PARTS:
            rows[f"gross_revenue_{part}"] = rows[f"gross_revenue_{part}_tokens"].fillna(0)
        parts = [f"gross_revenue_{part}" for part in PARTS]
        rows["gross_revenue"] = rows[parts].sum(axis=1)
        for name in ("savings_plan_amount", "discount_amount"):
            rows[name] = rows[name].fillna(0)
        rows["net_revenue"] = (
            rows["gross_revenue"] - rows["savings_plan_amount"] - rows["discount_amount"]
        )
        quoted = pd.read_csv(self.seeds / "exchange_rates.csv", parse_dates=["valid_from"])
        quoted = quoted.set_index("valid_from").sort_index()
        rates = dict(list(quoted.groupby("currency_code")["usd_per_unit"]))
        pairs = rows[["currency_code", "day"]].drop_duplicates()
        rate = {
            (code, day): rates[code].loc[:day].iloc[-1]
            for code, day in pairs.itertuples(index=False, name=None)
        }
        factor = [rate[pair] for pair in zip(rows["currency_code"], rows["day"], strict=True)]
        for name in AMOUNTS:
            rows[name] = (rows[name].round(6) * factor).round(6)
        rows["billed"] = rows["billing_type"].str.lower().map(BILLING)
        return rows

    def _models(self, bronze: Bronze) -> dict[str, pd.Series]:
        rows = bronze.all("config_model_dimensions")
        rows = rows[rows["snapshot_date"] <= self.as_of]
        rows = rows.sort_values(["snapshot_date", "loaded_at"])
        rows = rows.drop_duplicates("model_variant", keep="last")
        return {row["model_variant"]: row for _, row in rows.iterrows()}

    def mart(self, entity: str, grain: str) -> pd.DataFrame:
        """A mart by its columns' names: entity model or customer, grain week, month or ytd."""
        records: list[dict] = []
        for span in spans(grain, self.first, self.as_of, self.fiscal_month):
            period = self._period(entity, grain, span)
            self._rank(period, "model_family" if entity == "model" else None)
            records += period
        return pd.DataFrame(records)

    def _between(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        return self.rows[(self.rows["day"] >= start) & (self.rows["day"] < end)]

    def _period(self, entity: str, grain: str, span: Span) -> list[dict]:
        key = KEY[entity]
        before = None
        if span.before:
            before = self._between(*span.before).groupby(key)["net_revenue"].sum().round(6)
        observed_days = (span.seen_until - max(span.start, self.first)).days
        records = []
        for member, rows in self._between(span.start, span.seen_until).groupby(key):
            sums = {name: round(rows[name].sum(), 6) for name in AMOUNTS}
            daily = rows.groupby("day")["net_revenue"].sum()
            net, gross = sums["net_revenue"], sums["gross_revenue"]
            previous = None if before is None else before.get(member, 0.0)
            billed = rows.groupby("billed")["net_revenue"].sum()
            record = {
                START[grain]: span.start,
                key: member,
                "is_complete": span.complete,
                "observed_end": span.seen_until - DAY,
                "observed_days": observed_days,
                "active_days": len(daily),
                "currency_count": rows["currency_code"].nunique(),
                **sums,
                **{name: round(billed.get(name, 0.0), 6) for name in BILLING.values()},
                "other_billing_revenue": rows.loc[rows["billed"].isna(), "net_revenue"].sum(),
                "discount_pct": 100 * sums["discount_amount"] / gross if gross > 0 else None,
                "daily_net_revenue_mean": net / observed_days,
                "active_day_net_revenue_mean": net / len(daily),
                "daily_net_revenue_max": daily.max(),
                "daily_net_revenue_min": daily.min(),
                "previous_net_revenue": previous,
                "net_revenue_change": None if previous is None else net - previous,
                "net_revenue_change_pct": (
                    100 * (net / previous - 1) if previous is not None and previous > 0 else None
                ),
            }
            describe = self._model if entity == "model" else self._account
            records.append(record | describe(member, rows, grain, span, net / observed_days))
        return records

    def _model(self, member: str, rows: pd.DataFrame, *_: object) -> dict:
        configured = self.models.get(member)
        names = ("display_name", "model_family", "publisher", "task", "accelerator_type")
        text = {name: None if configured is None else configured[name] for name in names}
        customers = rows["account_id"].nunique()
        return {name: value or "Unknown" for name, value in text.items()} | {
            "is_open_source": None if configured is None else configured["is_open_source"],
            "customer_count": customers,
            "revenue_per_customer": rows["net_revenue"].sum() / customers,
        }

    def _account(
        self, member: str, rows: pd.DataFrame, grain: str, span: Span, daily_mean: float
    ) -> dict:
        changes = self.changes.get(member)
        newest = then = {}
        if changes is not None:
            newest = changes.iloc[-1]
            earlier = changes[changes["at"] < span.seen_until]
            then = {} if earlier.empty else earlier.iloc[-1]
        names = ("account_name", "account_size", "segment", "plan_tier", "vertical")
        days = (span.end - span.start).days
        run_rate = daily_mean * days
        if grain != "month":
            run_rate = run_rate * WEEKS_PER_MONTH if grain == "week" else run_rate / 12
        run_rate = round(run_rate, 6)
        tier = next((name for name, bound in TIERS if run_rate >= bound), "low")
        country = newest.get("country") or ""
        return {name: newest.get(name) or "Unknown" for name in names} | {
            "home_region": self.regions.get(country.upper(), "Unknown"),
            "segment_as_of_period_end": then.get("segment") or "Unknown",
            "plan_tier_as_of_period_end": then.get("plan_tier") or "Unknown",
            "model_count": rows["model_variant"].nunique(),
            "product_count": rows["product_sku"].nunique(),
            "monthly_run_rate": run_rate,
            "revenue_tier": tier if run_rate > 0 else "no_revenue",
        }

    @staticmethod
    def _rank(period: list[dict], family: str | None) -> None:
        """Add ranks and shares to the rows of one period."""
        total = round(sum(row["net_revenue"] for row in period), 6)
        groups = {"rank_overall": None}
        if family:
            groups["rank_in_family"] = family
        else:
            groups |= {
                "rank_in_segment": "segment",
                "rank_in_vertical": "vertical",
                "rank_in_region": "home_region",
            }
        for row in period:
            mine = row["net_revenue"]
            for rank, group in groups.items():
                peers = [r for r in period if group is None or r[group] == row[group]]
                row[rank] = 1 + sum(peer["net_revenue"] > mine for peer in peers)
            down_to_here = sum(r["net_revenue"] for r in period if r["net_revenue"] >= mine)
            row["net_revenue_share_pct"] = 100 * mine / total if total > 0 else None
            row["cumulative_share_pct"] = 100 * down_to_here / total if total > 0 else None
