"""The planted truth: every causal constant of the simulator, and its published description.

All lags are in ISO weeks. The weekly chain is

    errors, throttling, latency (week t)
      -> tickets, survey satisfaction (t + 1)
      -> usage (t + 3) -> revenue (same week) -> churn (6 weeks later), contraction (8 weeks later)

Failed requests are retried until they succeed, so an error never lowers the tokens of its own week.
"""

LAG_TICKETS = 1
LAG_SATISFACTION = 1
LAG_USAGE = 2
LAG_REVENUE = 0
LAG_CHURN = 6
LAG_CONTRACTION = 8

TICKETS_PER_ERROR_ODDS = 8.0
"""Extra tickets per failed attempt and successful request of the week before."""
TICKETS_PER_THROTTLE_ODDS = 10.0
CSAT_PER_ERROR_ODDS = -9.0
"""Points of a 1..5 survey score per failed attempt and successful request of the week before."""
CSAT_PER_LATENCY_EXCESS = -1.1
"""Points per unit of relative latency excess (1.0 = twice as slow as usual)."""
LOG_USAGE_PER_TICKET = -0.24
"""Change of ln(tokens) per ticket two weeks before."""
LOG_USAGE_PER_CSAT_POINT = 0.28
PERMANENT_SHARE = 0.04
"""Share of each usage dip that never comes back."""
MAX_DIP = 2.0
"""Largest weekly dip, in ln(tokens)."""
CHURN_DIP_THRESHOLD = 1.1
CHURN_PER_DIP = 0.24
"""Probability of ending the contract per unit of dip beyond the threshold, six weeks before."""
CONTRACTION_DIP_THRESHOLD = 0.5
CONTRACTION_PER_DIP = 0.06
LOG_TEAMS_PER_HEALTH = 0.9
"""Change of ln(further teams of an account) per unit of its health, from which usage grows too."""
LAG_CHAMPION_CHURN = 4
CHURNS_AFTER_LOST_CHAMPION = 0.7
"""Share of ended contracts whose champion was removed that many weeks before."""

FAILURES_BY_CHANNEL = {
    **{"direct": 0.2, "paid_search": 2.5, "organic": 1.0},
    **{"newsletter": 0.45, "partner": 0.2, "event": 0.2},
}
"""How often accounts of a channel never come to use and pay, relative to all.

Their mean, weighted by the shares of the channels, is 1.
"""
ANSWERS = 0.34
"""Chance that a contact answers a call or an e-mail of sales."""
ANSWERS_BY_CHANNEL = {
    **{"direct": 1.0, "paid_search": 0.44, "organic": 1.0},
    **{"newsletter": 1.0, "partner": 1.9, "event": 1.5},
}
"""The same by the channel of the contact, relative to ANSWERS; their weighted mean is 1 too."""
NURTURED, NURTURE_DAYS = 0.7, 25.0
"""Chance of an e-mail of trial-nurture before a sign-up, and how many days before at most."""
SENT_ANY_TIME = 0.7
"""Chance that somebody who signs up got product-news in the year before; it has no effect."""


def _effect(cause: str, outcome: str, lag: int | None, size: float, text: str) -> dict:
    """One row of the published truth."""
    return {
        "effect": f"{cause} -> {outcome}",
        "cause": cause,
        "outcome": outcome,
        "lag_weeks": lag,
        "elasticity": round(size, 6),
        "description": text,
    }


def _channel_effects() -> list[dict]:
    """Quality of channels and e-mails; `elasticity` is relative to the mean of all."""
    found = []
    for channel, factor in FAILURES_BY_CHANNEL.items():
        text = "Accounts of this channel fail to use and pay so much less often, relative to all."
        if factor == 1.0:
            text = "No effect: accounts of this channel use and pay as often as all."
        lag = None if factor == 1.0 else 0
        found.append(_effect(f"channel {channel}", "adoption", lag, 1.0 - factor, text))
    for channel, factor in ANSWERS_BY_CHANNEL.items():
        text = "Contacts of this channel answer sales so much more often, relative to all."
        if factor == 1.0:
            text = "No effect: contacts of this channel answer sales as often as all."
        lag = None if factor == 1.0 else 0
        found.append(_effect(f"channel {channel}", "outreach_response", lag, factor - 1.0, text))
    return [
        *found,
        _effect(
            "email trial-nurture",
            "signup",
            0,
            NURTURED,
            "Share of those who sign up whom it reached within the month before.",
        ),
        _effect(
            "email product-news",
            "signup",
            None,
            0.0,
            "No effect: it reaches those who sign up at any time of the year before.",
        ),
        _effect("channel social", "leads", None, 0.0, "No effect: its spend brings no lead."),
    ]


def effects() -> list[dict]:
    """Planted effects, direct and implied, then pairs planted to have none.

    `elasticity` is the change of the outcome per unit of the cause; a pair without an effect has
    elasticity 0 and lag null. Error and throttle rates count per failed attempt and success.
    """
    csat_usage = LOG_USAGE_PER_CSAT_POINT
    errors_usage = TICKETS_PER_ERROR_ODDS * LOG_USAGE_PER_TICKET + CSAT_PER_ERROR_ODDS * csat_usage
    throttle_usage = TICKETS_PER_THROTTLE_ODDS * LOG_USAGE_PER_TICKET
    latency_usage = CSAT_PER_LATENCY_EXCESS * csat_usage
    lag_usage = LAG_TICKETS + LAG_USAGE
    return [
        _effect(
            "error_rate",
            "tickets",
            LAG_TICKETS,
            TICKETS_PER_ERROR_ODDS,
            "Errors raise support tickets one week later.",
        ),
        _effect(
            "throttle_rate",
            "tickets",
            LAG_TICKETS,
            TICKETS_PER_THROTTLE_ODDS,
            "Throttling raises support tickets one week later.",
        ),
        _effect(
            "error_rate",
            "csat_response",
            LAG_SATISFACTION,
            CSAT_PER_ERROR_ODDS,
            "Errors other than throttling lower survey scores one week later.",
        ),
        _effect(
            "latency",
            "csat_response",
            LAG_SATISFACTION,
            CSAT_PER_LATENCY_EXCESS,
            "Slowness lowers survey scores one week later; unit: relative excess latency.",
        ),
        _effect(
            "tickets",
            "usage",
            LAG_USAGE,
            LOG_USAGE_PER_TICKET,
            "A ticket lowers ln(tokens) two weeks later.",
        ),
        _effect(
            "csat_response",
            "usage",
            LAG_USAGE,
            csat_usage,
            "Lost satisfaction lowers ln(tokens) two weeks later; surveys sample it.",
        ),
        _effect(
            "error_rate",
            "usage",
            lag_usage,
            errors_usage,
            "Implied: errors act on usage through tickets and satisfaction.",
        ),
        _effect(
            "throttle_rate",
            "usage",
            lag_usage,
            throttle_usage,
            "Implied: throttling acts on usage through tickets.",
        ),
        _effect(
            "latency",
            "usage",
            lag_usage,
            latency_usage,
            "Implied: slowness acts on usage through satisfaction.",
        ),
        _effect(
            "usage",
            "revenue",
            LAG_REVENUE,
            1.0,
            "Metered revenue follows tokens within the week, save the committed part.",
        ),
        _effect(
            "usage",
            "churn",
            LAG_CHURN,
            -CHURN_PER_DIP,
            "A deep dip of usage ends the last contract six weeks later (per ln unit).",
        ),
        _effect(
            "usage",
            "contraction",
            LAG_CONTRACTION,
            -CONTRACTION_PER_DIP,
            "A dip of usage shrinks the contract eight weeks later (per ln unit).",
        ),
        _effect(
            "teams",
            "usage_growth",
            None,
            LOG_TEAMS_PER_HEALTH,
            "Accounts whose usage grows have more teams: both follow from their health.",
        ),
        _effect(
            "champion_lost",
            "churn",
            LAG_CHAMPION_CHURN,
            CHURNS_AFTER_LOST_CHAMPION,
            "The champion is removed four weeks before most contracts that end.",
        ),
        _effect(
            "list_price",
            "usage",
            None,
            0.0,
            "No effect: running contracts keep their price when the price list rises.",
        ),
        _effect("latency", "tickets", None, 0.0, "No effect: slowness alone opens no ticket."),
        _effect(
            "throttle_rate",
            "csat_response",
            None,
            0.0,
            "No effect: throttled customers write tickets, not bad surveys.",
        ),
        _effect(
            "error_rate",
            "latency",
            None,
            0.0,
            "No effect: faults, slowness and throttling have separate shocks.",
        ),
        *_channel_effects(),
    ]
