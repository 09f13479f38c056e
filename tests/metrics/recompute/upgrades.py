"""Which models accounts move to, and what these earn, model by model and day by day."""

import pandas as pd
from tests.metrics.recompute.company import Company
from tests.metrics.recompute.expansion import of_accounts
from tests.metrics.recompute.tables import Bronze, Metrics, known, period_starts, share

HIGHER_SHARE = 0.2


def _used(company: Company) -> dict[tuple, pd.Series]:
    """Tokens by model of each (account, grain, period_start)."""
    calls = company.calls.assign(model=known(company.calls["model_variant"]))
    found = {}
    for grain in ("week", "month"):
        keys = ["account_id", period_starts(calls["at"], grain), "model"]
        sums = calls.groupby(keys)["tokens"].sum()
        for (account, start), part in sums.groupby(level=[0, 1]):
            found[account, grain, start] = part.droplevel([0, 1])
    return found


def migration(company: Company) -> Metrics:
    models = company.models[company.models["snapshot_date"] <= company.as_of]
    models = models.sort_values(["snapshot_date", "loaded_at"])
    newest = models.drop_duplicates("model_variant", keep="last").set_index("model_variant")
    after = newest["successor"].dropna().to_dict()
    used, family = _used(company), company.sku_of_model

    def later(model: str) -> set[str]:
        found: set[str] = set()
        while model in after and len(found) < 3:
            model = after[model]
            found.add(model)
        return found

    def leaders(tokens: pd.Series) -> dict[str, str]:
        """The model with more than half of each family."""
        table = tokens.rename("tokens").reset_index()
        table["family"] = table["model"].map(family)
        found = {}
        table = table[known(table["family"]) != "Unknown"]
        for name, part in table.groupby("family"):
            first = part.loc[part["tokens"].idxmax()]
            if 2 * first["tokens"] > part["tokens"].sum():
                found[name] = first["model"]
        return found

    before = company.periods.set_index(["grain", "period_start"])["before"].to_dict()

    def count(row) -> tuple[int, int]:
        earlier = before[row.grain, row.period_start]
        then = used.get((row.account_id, row.grain, earlier))
        now = used.get((row.account_id, row.grain, row.period_start))
        if then is None or now is None or earlier < company.first_day["requests"]:
            return 0, 0
        here = leaders(now)
        alive = {family.get(model) for model, tokens in now.items() if tokens > 0}
        older = {
            name: model for name, model in leaders(then).items() if model in after and name in alive
        }
        moved = any(here.get(name) in later(model) for name, model in older.items())
        return int(bool(older)), int(moved)

    sums = of_accounts(company, count, company.first_day["requests"], ["older", "moved"])
    yield share("model_migration_rate_pct", sums, "moved", "older")


def margins(company: Company) -> pd.DataFrame:
    """Net revenue and price of the instances per model and day of which both are known."""
    rows = Bronze(company.settings).latest(
        "resource_model_instance_allocation",
        ["model_variant", "region", "instance_type", "event_timestamp"],
        ["loaded_at"],
    )
    rows["day"] = rows["event_timestamp"].dt.normalize()
    rows = rows.sort_values("event_timestamp")
    rows = rows.drop_duplicates(["model_variant", "region", "instance_type", "day"], keep="last")
    prices = company.seed("instance_prices")
    prices["valid_from"] = pd.to_datetime(prices["valid_from"])

    def price(row) -> tuple[float, str]:
        fits = prices[
            (prices["instance_type"] == row.instance_type) & (prices["valid_from"] <= row.day)
        ]
        for region in (row.region, "default"):
            mine = fits[fits["region"] == region].sort_values("valid_from")
            if len(mine):
                return float(mine.iloc[-1]["hourly_price"]), mine.iloc[-1]["currency_code"]
        return float("nan"), "USD"

    rates = pd.DataFrame(
        [price(row) for row in rows.itertuples()], index=rows.index, columns=["hourly", "code"]
    )
    count = rows["used_instances"].fillna(0) + rows["warmpool_instances"].fillna(0)
    rows["cost"] = 24 * company.to_dollars(count * rates["hourly"], rates["code"], rows["day"])
    groups = rows.groupby(["model_variant", "day"])["cost"]
    daily = groups.agg(lambda part: part.sum(skipna=False)).dropna().rename("cost").reset_index()
    money = company.money.assign(
        model_variant=known(company.money["model_variant"]), day=company.money["at"].dt.normalize()
    )
    earned = money.groupby(["model_variant", "day"])["net"].sum()
    daily = daily.join(earned, on=["model_variant", "day"]).fillna({"net": 0})
    inside = (daily["day"] >= company.first_day["revenue"]) & (daily["day"] < company.end)
    return daily[inside]


def higher_margins(company: Company) -> Metrics:
    daily, used = margins(company), _used(company)
    above: dict[tuple, dict[str, bool]] = {}
    for grain in ("week", "month"):
        keys = [period_starts(daily["day"], grain), "model_variant"]
        sums = daily.groupby(keys)[["net", "cost"]].sum()
        sums = sums[sums["net"] > 0]
        rate = 1 - sums["cost"] / sums["net"]
        for start, part in rate.groupby(level=0):
            flags = part.droplevel(0) > part.median() + 1e-12
            above[grain, start] = flags.to_dict()

    def count(row) -> tuple[int, int]:
        tokens = used.get((row.account_id, row.grain, row.period_start))
        flags = above.get((row.grain, row.period_start), {})
        if tokens is None:
            return 0, 0
        judged = tokens[tokens.index.isin(list(flags))]
        high = judged[[flags[model] for model in judged.index]].sum()
        return int(judged.sum() > 0), int(0 < judged.sum() * HIGHER_SHARE <= high + 1e-9)

    sums = of_accounts(company, count, company.first_day["requests"], ["judged", "higher"])
    yield share("higher_margin_model_adoption_rate_pct", sums, "higher", "judged")
