"""Deals from bronze: visits to stages, deals, funnel, outcomes, pipeline, lead sources."""

from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd
from tests.metrics.recompute.company import Company
from tests.metrics.recompute.tables import DAY, Bronze, known

OPEN_STAGES = ["Qualification", "Proposal", "Negotiation"]
PLACES = {"Qualification": 1, "Proposal": 2, "Negotiation": 3, "Closed Won": 4, "Closed Lost": 5}
OUTCOMES = {"Closed Won": "won", "Closed Lost": "lost"}
LEAD = ["lead_source", "lead_medium", "lead_campaign"]
MIN_CLOSED = 10


@dataclass
class Visit:
    """A stay of a deal in a stage; values in dollars, None where not known."""

    stage: str
    movement: str
    entered: pd.Timestamp
    left: pd.Timestamp | None = None
    values: list = field(default_factory=list)
    broken: int = 0

    @property
    def outcome(self) -> str:
        return OUTCOMES.get(self.stage, "open")

    def days(self, end: pd.Timestamp) -> float | None:
        if self.left is None and self.outcome != "open":
            return None
        return ((self.left or end) - self.entered) / DAY


def movement(before: str | None, stage: str) -> str:
    """How a deal comes from one stage to the next."""
    if before is None:
        return "created"
    if before in OUTCOMES:
        return "reopened"
    if stage == "Closed Lost":
        return "lost"
    if before not in PLACES or stage not in PLACES:
        return "Unknown"
    step = PLACES[stage] - PLACES[before]
    if step < 0:
        return "backward"
    return "forward" if step == 1 else "skipped"


class Deals:
    """Every deal of the CRM by the as-of day."""

    def __init__(self, company: Company):
        self.end = company.end
        bronze = Bronze(company.settings)
        rows = bronze.latest("deal_stage_history", ["row_id"], ["loaded_at"])
        rows = rows[rows["event_timestamp"] < self.end].copy()
        rows["stage"] = rows["new_stage"].str.title()
        rows["place"] = rows["stage"].map(PLACES).fillna(9)
        rows = rows.sort_values(["deal_id", "event_timestamp", "place", "row_id"])
        told = ["crm_contact_id", "crm_account_id", "deal_value", "currency"]
        rows[told] = rows.groupby("deal_id")[told].ffill()  # a blank is what was told before
        created = rows.groupby("deal_id")["event_timestamp"].transform("min")
        value = company.to_dollars(rows["deal_value"], rows["currency"], created)
        rows["value"] = value.round(6)
        self.rows = rows
        contacts = bronze.latest("crm_contacts", ["crm_contact_id", "updated_at"], ["loaded_at"])
        contacts = contacts[contacts["updated_at"] < self.end].sort_values("updated_at")
        contacts = contacts.drop_duplicates("crm_contact_id", keep="last")
        for name in LEAD:
            contacts[name] = known(contacts[name])
        self.contacts = contacts.set_index("crm_contact_id")
        self.accounts = set(company.accounts.index)

    @cached_property
    def visits(self) -> dict[str, list[Visit]]:
        found: dict[str, list[Visit]] = {}
        for deal, changes in self.rows.groupby("deal_id"):
            life: list[Visit] = []
            for change in changes.itertuples():
                stage = life[-1].stage if life else None
                said = change.old_stage.title() if isinstance(change.old_stage, str) else None
                if change.stage != stage:
                    if life:
                        life[-1].left = change.event_timestamp
                    moved = movement(stage, change.stage)
                    life.append(Visit(change.stage, moved, change.event_timestamp))
                life[-1].values.append(change.value)
                life[-1].broken += said != stage
            found[deal] = life
        return found

    @cached_property
    def visit_table(self) -> pd.DataFrame:
        """fct_deal_stages."""
        rows = [
            (deal, number, visit.stage, visit.movement, visit.days(self.end), visit.values[0],
             visit.values[-1], len(visit.values), visit.broken)
            for deal, life in self.visits.items()
            for number, visit in enumerate(life, start=1)
        ]  # fmt: skip
        names = ["deal_id", "visit_number", "stage", "movement", "days_in_stage"]
        names += ["opening_value", "closing_value", "change_count", "broken_change_count"]
        return pd.DataFrame(rows, columns=names).set_index(["deal_id", "visit_number"])

    @cached_property
    def table(self) -> pd.DataFrame:
        """fct_deals."""
        rows = []
        for deal, life in self.visits.items():
            changes = self.rows[self.rows["deal_id"] == deal]
            contacts, accounts = (
                changes["crm_contact_id"].dropna(),
                changes["crm_account_id"].dropna(),
            )
            contact = contacts.iloc[-1] if len(contacts) else None
            account = accounts.iloc[-1] if len(accounts) else None
            lead = ("Unknown",) * 3
            if contact in self.contacts.index:
                lead = tuple(self.contacts.loc[contact, LEAD])
            last, wins = life[-1], [v.entered for v in life if v.outcome == "won"]
            places = [PLACES.get(v.stage, 0) for v in life if v.outcome == "open"]
            furthest = max([1, *places, *([3] if wins else [])])
            won = last.outcome == "won"
            rows.append({
                "deal_id": deal,
                "account_id": account if account in self.accounts else "Unknown",
                **dict(zip(LEAD, lead, strict=True)),
                "stage": last.stage,
                "stage_outcome": last.outcome,
                "furthest_position": 4 if won else furthest,
                "created": life[0].entered,
                "closed": last.entered if last.outcome != "open" else pd.NaT,
                "cycle_days": (last.entered - life[0].entered) / DAY if won else None,
                "deal_value": last.values[-1],
                "first_deal_value": life[0].values[0],
                **{f"{name}_count": sum(v.movement == name for v in life)
                   for name in ("backward", "skipped", "reopened")},
            })  # fmt: skip
        return pd.DataFrame(rows).set_index("deal_id")

    def funnel(self, deals: pd.DataFrame) -> pd.DataFrame:
        """deal_funnel of these deals, index stage."""
        rows = {}
        for place, stage in enumerate([*OPEN_STAGES, "Closed Won"], start=1):
            reached = deals[deals["furthest_position"] >= place]
            here = reached[reached["furthest_position"] == place]
            closed = reached[reached["stage_outcome"] != "open"]
            lost = (here["stage_outcome"] == "lost").sum()
            won = (reached["stage_outcome"] == "won").sum()
            advanced = len(reached) - len(here)
            waits = pd.Series(
                [v.days(self.end) for deal in deals.index for v in self.visits[deal]
                 if v.stage == stage and v.left is not None and v.outcome == "open"],
                dtype=float,
            )  # fmt: skip
            now = deals[(deals["stage"] == stage) & (deals["stage_outcome"] == "open")]
            rows[stage] = {
                "reached_count": len(reached),
                "advanced_count": advanced,
                "lost_count": lost,
                "conversion_to_next_pct": percent(advanced, advanced + lost),
                "conversion_to_won_pct": percent(won, len(closed)),
                "closed_count": len(closed),
                "won_count": won,
                "finished_visit_count": len(waits),
                "median_days_in_stage": waits.median(),
                "p90_days_in_stage": waits.quantile(0.9),
                "open_count": len(now),
                "open_value": money(now),
            }
        return pd.DataFrame(rows).T.astype(float)

    def outcomes(self) -> pd.DataFrame:
        """deal_outcomes_monthly, index month_start."""
        deals = self.table
        created, closed = (deals[name].dt.to_period("M") for name in ("created", "closed"))
        last = (self.end - DAY).to_period("M")
        rows = {}
        for month in pd.period_range(created.min(), last, freq="M"):
            new, over = deals[created == month], deals[closed == month]
            won, lost = (over[over["stage_outcome"] == name] for name in ("won", "lost"))
            cycle = won["cycle_days"].astype(float)
            rows[month.start_time] = {
                "created_count": len(new),
                "created_value": money(new, "first_deal_value"),
                "won_count": len(won),
                "lost_count": len(lost),
                "won_value": money(won),
                "lost_value": money(lost),
                "win_rate_pct": percent(len(won), len(over)),
                "median_cycle_days": cycle.median(),
                "p90_cycle_days": cycle.quantile(0.9),
            }
        return pd.DataFrame(rows).T.astype(float)

    def pipeline(self) -> pd.DataFrame:
        """pipeline_to_close, index stage."""
        deals = self.table
        still_open = deals[deals["stage_outcome"] == "open"]
        rows = {}
        for stage in sorted({*OPEN_STAGES, *still_open["stage"]}):
            now = still_open[still_open["stage"] == stage]
            place = PLACES.get(stage, 99)
            closed = deals[
                (deals["stage_outcome"] != "open") & (deals["furthest_position"] >= place)
            ]
            won = (closed["stage_outcome"] == "won").sum()
            rate = percent(won, len(closed)) if len(closed) >= MIN_CLOSED else None
            ways = []
            for deal in deals.index[deals["stage_outcome"] == "won"]:
                life = self.visits[deal]
                win = life[-1].entered
                entered = [v.entered for v in life if v.stage == stage]
                if entered and entered[0] <= win:
                    ways.append((win - entered[0]) / DAY)
            value = money(now)
            rows[stage] = {
                "open_count": len(now),
                "unvalued_count": now["deal_value"].isna().sum(),
                "open_value": value,
                "closed_count": len(closed),
                "conversion_to_won_pct": rate,
                "weighted_value": None if rate is None or value is None else value * rate / 100,
                "median_days_to_won": pd.Series(ways, dtype=float).median(),
            }
        return pd.DataFrame(rows).T.astype(float)

    def sources(self) -> pd.DataFrame:
        """lead_sources, index LEAD."""
        contacts = self.contacts.groupby(LEAD).agg(
            contact_count=("crm_account_id", "size"), account_count=("crm_account_id", "nunique")
        )
        rows = {}
        for lead, deals in self.table.groupby(LEAD):
            won = deals[deals["stage_outcome"] == "won"]
            lost = (deals["stage_outcome"] == "lost").sum()
            rows[lead] = {
                "deal_count": len(deals),
                "won_count": len(won),
                "open_value": money(deals[deals["stage_outcome"] == "open"]),
                "won_value": money(won),
                "win_rate_pct": percent(len(won), len(won) + lost),
                "median_cycle_days": won["cycle_days"].astype(float).median(),
            }
        both = pd.concat([contacts, pd.DataFrame(rows).T], axis=1).astype(float)
        rates = ["win_rate_pct", "median_cycle_days"]
        counts = both.columns.difference([*rates, "open_value", "won_value"])
        both[counts] = both[counts].fillna(0)
        silent = both["deal_count"] == 0
        both.loc[silent, ["open_value", "won_value"]] = 0
        people = both["contact_count"].where(both["contact_count"] > 0)
        both["won_value_per_lead"] = both["won_value"] / people
        both.index.names = LEAD
        return both


def money(deals: pd.DataFrame, name: str = "deal_value") -> float | None:
    """Sum of the values that are known; None where there are deals and no value is."""
    return None if len(deals) and deals[name].isna().all() else deals[name].sum()


def percent(part: float, whole: float) -> float | None:
    """100 x part / whole; None of nothing."""
    return 100 * part / whole if whole else None
