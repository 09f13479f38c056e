"""Go-to-market: activation, first payments, leads, deals, referrals, promoters, visitors."""

from functools import cached_property
from urllib.parse import urlsplit

import pandas as pd
from tests.metrics.recompute.audiences import Audiences
from tests.metrics.recompute.company import Company
from tests.metrics.recompute.deals import OPEN_STAGES, Deals
from tests.metrics.recompute.subscriptions import Subscriptions
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
    metric,
    share,
)
from tests.metrics.warehouse import frame

ACTIVATION_DAYS, QUALIFICATION_DAYS, LEAD_PAYMENT_DAYS, VISITOR_DAYS = 14, 30, 90, 30
CHANNELS = {
    ("google", "cpc"): "search",
    ("google", "organic"): "organic",
    ("newsletter", "email"): "email",
    ("partner", "referral"): "referral",
    ("event", "offline"): "event",
    ("direct", None): "direct",
    (None, None): None,
}
"""Channel of the sources and mediums that the simulator and the dirt know."""


class GoToMarket:
    """Leads, contracts and deals of a company, as several metrics need them."""

    def __init__(self, company: Company):
        self.company = company
        self.bronze = Bronze(company.settings)

    @cached_property
    def contacts(self) -> pd.DataFrame:
        """Newest version of each contact, with its channel; index crm_contact_id."""
        rows = self.bronze.latest("crm_contacts", ["crm_contact_id", "updated_at"], ["loaded_at"])
        rows = rows[rows["updated_at"] < self.company.end].sort_values("updated_at")
        rows = rows.drop_duplicates("crm_contact_id", keep="last")
        words = rows[["lead_source", "lead_medium"]].apply(lambda c: c.str.lower())
        pairs = words.astype("object").where(words.notna(), None).itertuples(index=False, name=None)
        return rows.assign(channel=[CHANNELS[pair] for pair in pairs]).set_index("crm_contact_id")

    @cached_property
    def channels(self) -> pd.Series:
        """Channel of each account: that of its first contact."""
        rows = self.contacts.reset_index().dropna(subset="crm_account_id")
        rows = rows.sort_values(["created_at", "crm_contact_id"])
        return rows.drop_duplicates("crm_account_id").set_index("crm_account_id")["channel"]

    @cached_property
    def first_paid(self) -> pd.Series:
        """Day of each account's first paying contract."""
        lives = Subscriptions(self.company.settings, self.company.as_of.date()).lives
        spans = [
            (state.account, begin)
            for life in lives.values()
            for begin, end, state in life
            if state.pays and begin < min(end, self.company.end)
        ]
        rows = pd.DataFrame(spans, columns=["account_id", "at"])
        return rows.groupby("account_id")["at"].min().dt.normalize()

    @cached_property
    def deals(self) -> Deals:
        return Deals(self.company)


def of_members(
    company: Company,
    rows: pd.DataFrame,
    day: str,
    sums: list[str],
    dimensions: tuple[str, ...] = ACCOUNT_DIMENSIONS,
) -> pd.DataFrame:
    """Sums of columns of rows with account_id, by period and member of the account."""
    rows = company.with_account(rows)
    for name in dimensions:
        rows[name] = known(rows[name])
    long = by_member(by_period(rows, day), dimensions)
    found = long.groupby(PERIOD + MEMBER, as_index=False)[sums].sum()
    return found.merge(company.periods[PERIOD], on=PERIOD)


def acquisition(company: Company) -> Metrics:
    """Activation, time to the first payment and referrals of accounts by their sign-up."""
    market = GoToMarket(company)
    rows = company.accounts.dropna(subset="signed_up").rename_axis("account_id").reset_index()
    served = company.calls[company.calls["failed"] == 0]
    first = rows["account_id"].map(served.groupby("account_id")["at"].min())
    channel = rows["account_id"].map(market.channels)
    rows = rows.assign(
        cohort=1,
        activated=(first < rows["signed_up"] + ACTIVATION_DAYS * DAY).astype(int),
        sourced=channel.notna().astype(int),
        referred=(channel == "referral").astype(int),
    )
    table = of_members(company, rows, "signed_up", ["cohort", "activated", "sourced", "referred"])
    yield share("referral_rate_pct", table, "referred", "sourced")
    observed = company.periods[company.periods["end"] > company.first_day["requests"]]
    dimensions = (*ACCOUNT_DIMENSIONS, "channel")
    rows["channel"] = channel
    table = of_members(company, rows, "signed_up", ["cohort", "activated"], dimensions)
    table = table.merge(observed[PERIOD], on=PERIOD)
    yield share("account_activation_rate_pct", table, "activated", "cohort")

    rows["paid"] = rows["account_id"].map(market.first_paid)
    rows = rows[rows["signed_up"] >= company.first_day["subscriptions"]]
    rows = rows.assign(days=((rows["paid"] - rows["signed_up"]) / DAY).clip(lower=0))
    parts = []
    for period in company.periods.itertuples():
        long = by_member(rows[rows["paid"] < period.seen_until], ACCOUNT_DIMENSIONS)
        found = long.groupby(MEMBER)["days"].agg(["median", "size"]).reset_index()
        parts.append(found.assign(grain=period.grain, period_start=period.period_start))
    table = pd.concat(parts, ignore_index=True)
    yield metric("signup_to_first_payment_days", table, table["median"], denominator=table["size"])


def leads(company: Company) -> Metrics:
    """What becomes of contacts: deals and payments."""
    market = GoToMarket(company)
    deals, rows = market.deals, market.contacts.reset_index()
    told = deals.rows.groupby("deal_id")["crm_contact_id"].last()
    entered = [
        (told[deal], visit.entered)
        for deal, life in deals.visits.items()
        for visit in life
        if visit.stage in (*OPEN_STAGES, "Closed Won")
    ]
    visits = pd.DataFrame(entered, columns=["crm_contact_id", "entered"])
    rows = rows[rows["created_at"] < company.end]
    rows["created"] = rows["created_at"].dt.normalize()
    pairs = rows[["crm_contact_id", "created"]].merge(visits, on="crm_contact_id")
    since = (pairs["entered"].dt.normalize() - pairs["created"]) / DAY
    in_time = pairs.loc[(since >= 0) & (since < QUALIFICATION_DAYS), "crm_contact_id"]
    first_deal = deals.rows["event_timestamp"].min().normalize()
    rows["judged"] = (rows["created"] >= first_deal).astype(int)
    rows["qualified"] = rows["judged"] * rows["crm_contact_id"].isin(in_time)
    wait = (rows["crm_account_id"].map(market.first_paid) - rows["created"]) / DAY
    can_pay = (rows["created"] >= company.first_day["subscriptions"]) & ~(wait < 0)
    rows["invited"] = ((rows["channel"] == "event") & can_pay).astype(int)
    rows["paid"] = rows["invited"] * (wait < LEAD_PAYMENT_DAYS)
    rows = rows.rename(columns={"crm_account_id": "account_id"})[
        ["account_id", "created", "judged", "qualified", "invited", "paid"]
    ]
    table = of_members(company, rows, "created", ["judged", "qualified", "invited", "paid"])
    yield share("lead_qualification_rate_pct", table, "qualified", "judged")
    yield share("event_lead_conversion_rate_pct", table, "paid", "invited")


def closed_deals(company: Company) -> Metrics:
    rows = Deals(company).table.dropna(subset="closed").reset_index(drop=True)
    rows["won"] = (rows["stage_outcome"] == "won").astype(int)
    rows = rows.assign(over=1, cycle_days=rows["cycle_days"].astype(float))
    rows = rows[["account_id", "closed", "won", "over", "cycle_days"]]
    table = of_members(company, rows, "closed", ["won", "over"])
    yield share("pipeline_to_close_rate_pct", table, "won", "over")
    won = company.with_account(rows[rows["won"] == 1])
    long = by_member(by_period(won, "closed"), ACCOUNT_DIMENSIONS)
    cycle = long.groupby(PERIOD + MEMBER)["cycle_days"].agg(["median", "size"]).reset_index()
    cycle = cycle.merge(company.periods[PERIOD], on=PERIOD)
    yield metric("sales_cycle_days", cycle, cycle["median"], denominator=cycle["size"])


def promoters(company: Company) -> Metrics:
    rows = company.surveys[company.surveys["survey_type"].str.lower() == "nps"]
    score = rows["score"]
    points = 100.0 * ((score >= 9).astype(int) - (score <= 6).astype(int))
    rows = rows[["account_id", "at"]].assign(points=points, answers=1)
    table = of_members(company, rows, "at", ["points", "answers"])
    yield share("nps", table, "points", "answers", factor=1.0)


def visitors(company: Company) -> Metrics:
    """Who is one person comes from gold, as for audiences."""
    settings = company.settings
    persons = frame(settings, "select event_id, person_id from mart_gold.fct_web_events")
    rows = Bronze(settings).latest("web_events", ["event_id"], ["loaded_at"])
    rows = rows[rows["event_timestamp"] < company.end].merge(persons, on="event_id")
    rows["at"] = rows["event_timestamp"].dt.normalize()
    by_name = rows["crm_contact_id"].where(rows["crm_contact_id"].notna(), rows["hem"])
    rows["visitor"] = rows["fp_cookie_id"].where(rows["fp_cookie_id"].notna(), by_name)
    rows = rows[rows["visitor"].notna()]
    said = rows[by_name.loc[rows.index].notna()]
    rows["named_at"] = rows["visitor"].map(said.groupby("visitor")["event_timestamp"].min())
    # Addresses that refuse cookies are named by each event of their own.
    rows["named_at"] = rows["named_at"].where(rows["named_at"].notna(), pd.NaT)
    account = rows["person_id"].map(Audiences(settings, company).known)
    rows["signed_up"] = account.map(company.accounts["signed_up"])
    path = rows["page_url"].map(lambda url: urlsplit(url).path if isinstance(url, str) else "")
    kinds = {
        "blog_to_signup_rate_pct": path.str.fullmatch("/blog(/.*)?"),
        "organic_to_signup_rate_pct": rows["utm_medium"].str.lower() == "organic",
    }
    for name, is_kind in kinds.items():
        visits = by_period(rows[is_kind], "at").sort_values("at")
        visits = visits.groupby([*PERIOD, "visitor", "person_id"], as_index=False).agg(
            at=("at", "first"), named_at=("named_at", "min"), signed_up=("signed_up", "first")
        )
        until = visits["at"] + VISITOR_DAYS * DAY
        signed_up = visits["signed_up"].where(visits["named_at"] < until)
        visits = visits.assign(base=1, converted=(signed_up < until).astype(int))
        visits = visits[~(signed_up < visits["at"])]
        table = visits.groupby(PERIOD, as_index=False)[["base", "converted"]].sum()
        table = table.merge(company.periods[PERIOD], on=PERIOD)
        yield share(name, table.assign(dimension="all", dimension_value="all"), "converted", "base")
