"""Marketing and sales: e-mails of campaigns, spend on leads, outreach that is answered."""

import numpy as np
import pandas as pd
from tests.metrics.recompute.audiences import Audiences
from tests.metrics.recompute.company import Company
from tests.metrics.recompute.go_to_market import GoToMarket, of_members
from tests.metrics.recompute.tables import DAY, PERIOD, Bronze, Metrics, by_period, share

ANSWER_DAYS, EMAIL_DAYS = 14, 30


def outreach(company: Company) -> Metrics:
    rows = Bronze(company.settings).latest(
        "sales_activities", ["activity_id"], ["last_updated", "loaded_at"]
    )
    rows = rows[rows["kind"].str.lower().isin(["call", "email"]) & (rows["done_at"] < company.end)]
    wait = (rows["responded_at"] - rows["done_at"]) / DAY
    is_known = rows["responded_at"] < company.end
    rows = rows.rename(columns={"crm_account_id": "account_id"})[["account_id", "done_at"]].assign(
        done=1, answered=(is_known & (wait >= 0) & (wait < ANSWER_DAYS)).astype(int)
    )
    table = of_members(company, rows, "done_at", ["done", "answered"])
    yield share("outreach_response_rate_pct", table, "answered", "done")


def emails(company: Company) -> Metrics:
    """Who is one person comes from gold, as for audiences."""
    events = Bronze(company.settings).latest("marketing_email_events", ["event_id"], ["loaded_at"])
    events = events[events["event_timestamp"] < company.end]
    people = Audiences(company.settings, company)
    seen = first_seen(company)
    base = []
    for (_, contact, hem), rows in events[events["event_type"] == "delivered"].groupby(
        ["campaign_id", "crm_contact_id", "hem"], dropna=False
    ):
        day = rows["event_timestamp"].min().normalize()
        kind, name = ("email", hem) if pd.isna(contact) else ("crm_contact_id", contact)
        account = people.known.get(people.person(kind, name))
        signed_up = company.accounts["signed_up"].get(account, pd.NaT)
        if not seen.get(name, pd.NaT) < day + EMAIL_DAYS * DAY:
            signed_up = pd.NaT
        if not signed_up < day:
            base.append((day, 1, int(signed_up < day + EMAIL_DAYS * DAY)))
    table = by_period(pd.DataFrame(base, columns=["day", "base", "converted"]), "day")
    table = table.groupby(PERIOD, as_index=False)[["base", "converted"]].sum()
    table = table.merge(company.periods[PERIOD], on=PERIOD)
    yield share(
        "email_conversion_rate_pct",
        table.assign(dimension="all", dimension_value="all"),
        "converted",
        "base",
    )


def first_seen(company: Company) -> dict[str, pd.Timestamp]:
    """First instant at which the CRM, the web site or the product names a contact or an address."""
    bronze = Bronze(company.settings)
    contacts = Audiences(company.settings, company).versions
    web = bronze.latest("web_events", ["event_id"], ["loaded_at"])
    parts = [
        contacts[["crm_contact_id", "updated_at"]].to_numpy(),
        contacts[["google", "updated_at"]].to_numpy(),
        web[["crm_contact_id", "event_timestamp"]].to_numpy(),
        web[["hem", "event_timestamp"]].to_numpy(),
        company.events[["crm_contact_id", "at"]].to_numpy(),
    ]
    rows = pd.DataFrame(np.vstack(parts), columns=["name", "at"])
    rows["at"] = pd.to_datetime(rows["at"])
    return rows.dropna().groupby("name")["at"].min().to_dict()


def cost_of_leads(company: Company) -> Metrics:
    market = GoToMarket(company)
    spend = market.bronze.latest("marketing_spend_daily", ["campaign_id", "date"], ["loaded_at"])
    spend = spend[spend["date"] <= company.as_of]
    money = company.to_dollars(spend["cost"], spend["currency"], spend["date"]).round(6)
    assert money.notna().all()
    leads = market.contacts
    leads = leads[leads["created_at"] < company.end]
    words = {None: "Unknown"}
    rows = pd.concat(
        [
            pd.DataFrame(
                {"day": spend["date"], "channel": spend["channel"].str.lower(), "money": money}
            ).assign(leads=0),
            pd.DataFrame(
                {
                    "day": leads["created_at"].dt.normalize(),
                    "channel": leads["channel"].map(lambda name: words.get(name, name)),
                }
            ).assign(leads=1, money=0.0),
        ],
        ignore_index=True,
    )
    first = max(spend["date"].min(), company_first_contact(market))
    periods = company.periods[company.periods["end"] > first]
    parts = [rows.assign(dimension="all", dimension_value="all")]
    parts.append(rows.assign(dimension="channel", dimension_value=rows["channel"]))
    long = by_period(pd.concat(parts, ignore_index=True), "day")
    keys = [*PERIOD, "dimension", "dimension_value"]
    table = long.groupby(keys, as_index=False)[["money", "leads"]].sum()
    table = table.merge(periods[PERIOD], on=PERIOD)
    paid = {"all", *spend["channel"].str.lower()}
    table = table[table["dimension_value"].isin(paid)]
    yield share("cost_per_lead", table, "money", "leads", factor=1.0)


def company_first_contact(market: GoToMarket) -> pd.Timestamp:
    """First day of which the CRM speaks of a contact."""
    rows = market.bronze.all("crm_contacts")
    return rows["updated_at"].min().normalize()
