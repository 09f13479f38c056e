"""Writes the files of this folder: five exports of an invented company's CRM, and what it states.

    python generate.py FOLDER             the exports of 1 October 2025, as they lie here
    python generate.py FOLDER 2025-11-01  the same company a month later

The same day gives the same bytes. The faults are those of real exports: mixed forms of dates,
decimal commas, blanks, rows delivered twice, two contracts that end before they start, tickets
closed after the export was made, accounts whose plan nobody kept up to date.
"""

import csv
import io
import random
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

FIRST, EXPORTED, LAST = date(2024, 7, 1), date(2025, 10, 1), date(2025, 12, 1)
PRICES = {"Basic": 6000, "Professional": 24050, "Premier": 125000}  # cents per month
PLANS = list(PRICES)
ADD_ONS = {"Priority support": 9500, "API access": 3500}
COUNTRIES = ["Germany", "Germany", "France", "Austria", "Spain", "United States", "Japan"]
ACTIONS = ["Signed in", "Viewed dashboard", "Exported report", "Edited contact", "Sent campaign",
           "Ran search", "Called API"]  # fmt: skip
TOPICS = ["Bug", "Slow", "Invoice", "Setup", "How-to", "Wish"]
HOURS = {"Urgent": 3, "High": 9, "Normal": 40, "Low": 90, "": 30}
FILLED = ["customer_details", "subscriptions", "invoices", "revenue_account_daily",
          "product_usage_events", "support_tickets"]  # fmt: skip
"""Bronze tables that the exports fill."""
PROMISED_HOURS = {"p1": 4, "p2": 12, "p3": 48, "p4": 120}
NEVER = date.max


def day_text(dice: random.Random, day: date) -> str:
    """A day in one of the forms that the CRM's users have typed; an empty text for NEVER."""
    forms = ["%Y-%m-%d", "%d/%m/%Y", "%Y-%m-%dT00:00:00"]
    return "" if day == NEVER else day.strftime(dice.choice(forms))


def instant_text(dice: random.Random, instant: datetime) -> str:
    """An instant as one of the CRM's clients writes it: in UTC, said or unsaid, or with a zone."""
    form = dice.randrange(3)
    if form == 2:
        return instant.astimezone(timezone(timedelta(hours=2))).isoformat()
    return instant.strftime(("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ")[form])


def euros(cents: int) -> str:
    """An amount as a German spreadsheet shows it: 1.250,00."""
    return f"{cents / 100:,.2f}".translate(str.maketrans(",.", ".,"))


def company() -> dict:
    """What happens from FIRST to LAST, whenever it is exported."""
    dice = random.Random(20251001)
    world = {"accounts": [], "subscriptions": [], "invoices": [], "activity": [], "tickets": []}
    for number in range(1, 61):
        account = f"K{1000 + number}"
        since = FIRST + timedelta(dice.randrange(31 if number <= 35 else 400))
        subscriptions = contracts(dice, account, since, number)
        left = subscriptions[-1][5] if subscriptions[-1][6] != "Upgraded" else NEVER
        world["subscriptions"] += subscriptions + add_ons(dice, account, since, left, number)
        moved = next((one[5] for one in subscriptions if one[6] == "Upgraded"), None)
        world["accounts"].append({
            "id": account,
            "name": f"{dice.choice(['Brück', 'Olmo', 'Lindqvist', 'Tanaka', 'Moreau', 'Hale'])} "
                    f"{dice.choice(['Logistik', 'Foods', 'Studios', 'Optics', 'Energy'])} {number}",
            "industry": dice.choice(["Retail", "Software", "Logistics", "Health", ""]),
            "employees": dice.choice(["12", "48", "230", "510", "2400", ""]),
            "owner": dice.choice(["Ida Rønn", "Paul Weiß", "Mei Chen"]),
            "country": dice.choice(COUNTRIES),
            "since": since,
            "plan": subscriptions[0][3],
            "new_plan": subscriptions[-1][3],
            "moved": moved,
            "is_stale": number % 4 == 0,
            "left": left,
        })  # fmt: skip
        for index in range(dice.randrange(2, 8)):
            world["tickets"].append(ticket(dice, account, since, f"{number:02}{index}"))
        users = dice.randrange(2, 6)
        for _ in range(dice.randrange(10, 60)):
            day = since + timedelta(dice.randrange((LAST - since).days))
            if day < left:
                world["activity"].append((moment(dice, day), account, dice.randrange(users)))
    month = FIRST
    while month < LAST:
        following = (month + timedelta(31)).replace(day=1)
        for account in world["accounts"]:
            lines = [
                one
                for one in world["subscriptions"]
                if one[1] == account["id"] and one[4] <= month < one[5]
            ]
            if lines:
                paid = dice.choices(["Paid", "Overdue", "Cancelled"], [94, 5, 1])[0]
                world["invoices"].append((account["id"], month, following, lines, paid))
        month = following
    world["activity"].sort()
    return world


def contracts(dice: random.Random, account: str, since: date, number: int) -> list[tuple]:
    """Contracts of the platform: (number, account, product, plan, start, end, state, cents)."""
    plan = dice.choices([0, 1, 2], [5, 4, 2])[0]
    fate = dice.choices(["stay", "up", "down", "leave", "return"], [50, 22, 8, 13, 7])[0]
    turn = since + timedelta(dice.randrange(90, 330))
    other = min(plan + 1, 2) if fate == "up" else max(plan - 1, 0) if fate == "down" else plan
    first = NEVER if fate == "stay" or (fate in ("up", "down") and other == plan) else turn
    state = {"up": "Upgraded", "down": "Upgraded"}.get(fate, "Ended") if first != NEVER else "Live"
    found = [(f"S{number:03}-1", account, "Platform", PLANS[plan], since, first, state)]
    if first != NEVER and fate != "leave":
        again = turn + timedelta(70 if fate == "return" else 0)
        found.append((f"S{number:03}-2", account, "Platform", PLANS[other], again, NEVER, "Live"))
    return [(*one, PRICES[one[3]]) for one in found]


def add_ons(dice: random.Random, account: str, since: date, left: date, number: int) -> list[tuple]:
    """Further contracts; those of the accounts 7 and 21 end before they start."""
    found = []
    for position, (product, cents) in enumerate(ADD_ONS.items(), start=3):
        start = since + timedelta(dice.randrange(0, 200))
        end = start + timedelta(dice.randrange(60, 200)) if dice.random() < 0.3 else left
        if number in (7, 21) and position == 3:
            end = start - timedelta(16)
        elif dice.random() > 0.3 or start >= end:
            continue
        state = "Live" if end == NEVER else "Ended"
        name = f"S{number:03}-{position}"
        found.append((name, account, product, "", start, end, state, cents))
    return found


def moment(dice: random.Random, day: date) -> datetime:
    """An instant of the day, UTC, in whole seconds."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(
        seconds=dice.randrange(6 * 3600, 20 * 3600)
    )


def ticket(dice: random.Random, account: str, since: date, name: str) -> dict:
    """One ticket; every thirtieth is closed in the far future, by a clock that is wrong."""
    opened = moment(dice, since + timedelta(dice.randrange((LAST - since).days)))
    severity = dice.choices(list(HOURS), [1, 3, 8, 5, 1])[0]
    closed = opened + timedelta(hours=HOURS[severity] * dice.uniform(0.1, 1.4))
    if dice.random() < 0.03:
        closed = datetime(2026, 1, 15, tzinfo=UTC)
    return {
        "id": f"C-{name}",
        "account": account,
        "opened": opened,
        "closed": closed.replace(microsecond=0),
        "severity": severity,
        "topic": dice.choice(TOPICS),
        "is_escalated": dice.random() < 0.1,
        "stars": dice.choice(["1", "2", "3", "4", "5", "", ""]),
    }


def exports(day: date = EXPORTED) -> dict[str, bytes]:
    """The files as they are exported at the beginning of a day: name -> content."""
    world, dice = company(), random.Random(7)
    now = datetime(day.year, day.month, day.day, tzinfo=UTC)

    accounts = [["Account ID", "Account Name", "Industry", "Employees", "Plan", "CS Manager",
                 "Billing E-mail", "Billing Country", "Customer Since", "Stage", "Last Modified",
                 "Notes"]]  # fmt: skip
    for one in world["accounts"]:
        if one["since"] >= day:
            continue
        is_moved = one["moved"] is not None and one["moved"] < day
        # what was forgotten at the time is put right in October 2025
        corrected = one["moved"] if not one["is_stale"] else max(one["moved"] or FIRST, EXPORTED)
        is_kept = is_moved and corrected < day
        modified = corrected if is_kept else one["since"]
        if one["left"] < day:
            modified = max(modified, one["left"])
        accounts.append([
            one["id"], one["name"], one["industry"], one["employees"],
            one["new_plan"] if is_kept else one["plan"], one["owner"],
            f"Billing@{one['id']}.example", one["country"], day_text(dice, one["since"]),
            "Former customer" if one["left"] < day else "Customer",
            f"{modified.isoformat()}T07:00:00+00:00", "call back" if dice.random() < 0.1 else "",
        ])  # fmt: skip

    subscriptions = [["Subscription No", "Account", "Product", "Plan", "Billing",
                      "Price per month", "Start", "End", "State"]]  # fmt: skip
    for name, account, product, plan, start, end, state, cents in world["subscriptions"]:
        if start < day:
            is_over = end < day
            subscriptions.append([
                name, account, product, plan, "Monthly", f"€{euros(cents)}", day_text(dice, start),
                day_text(dice, end) if is_over else "", state if is_over else "Live",
            ])  # fmt: skip

    invoices = [["Number", "Account", "Issued", "Service from", "Service to", "Total", "State",
                 "Lines"]]  # fmt: skip
    for position, (account, month, following, lines, state) in enumerate(world["invoices"]):
        if month < day.replace(day=1):
            total = euros(sum(one[7] for one in lines))
            invoices.append([
                f"R{position + 1:04}", account, day_text(dice, month), day_text(dice, month),
                day_text(dice, following - timedelta(1)), f"{total} €",
                "Paid" if state == "Overdue" and month < EXPORTED < day else state,
                "|".join(f"{one[2]} {one[3]}".strip() for one in lines),
            ])  # fmt: skip

    activity = [["Event", "When", "Account", "User", "Action"]]
    for position, (at, account, user) in enumerate(world["activity"]):
        if at < now:
            activity.append([
                f"E{position}", instant_text(dice, at), account, f"{account}-{user}",
                ACTIONS[(position * 7 + user) % len(ACTIONS)],
            ])  # fmt: skip

    tickets = [["Case", "Account", "Opened", "Closed", "Severity", "Topic", "Status", "Stars",
                "Tags"]]  # fmt: skip
    for one in sorted(world["tickets"], key=lambda one: one["opened"]):
        if one["opened"] < now:
            is_closed = one["closed"] < now or one["closed"].year == 2026
            tickets.append([
                one["id"], one["account"], instant_text(dice, one["opened"]),
                instant_text(dice, one["closed"]) if is_closed else "", one["severity"],
                one["topic"],
                "Closed" if is_closed else "Escalated" if one["is_escalated"] else "Working",
                one["stars"] if is_closed else "", "web|vip" if dice.random() < 0.2 else "",
            ])  # fmt: skip
    # What no export tells and the company states, as files named after bronze tables.
    complete = [["bronze_table", "complete_to"]]
    complete += [[table, (day - timedelta(1)).isoformat()] for table in FILLED]
    promises = [["priority", "valid_from", "clock", "schedule", "first_response_hours",
                 "resolution_hours"]]  # fmt: skip
    promises += [[name, FIRST.isoformat(), "calendar", "standard", "", hours]
                 for name, hours in PROMISED_HOURS.items()]  # fmt: skip
    levels = [["valid_from", "full_events_per_user_day", "full_active_days_pct"],
              [FIRST.isoformat(), "0.2", "30"]]  # fmt: skip
    for table, count in ((invoices, 4), (activity, 6), (tickets, 3)):
        table += table[20 : 20 + count]  # delivered twice
    return {
        "Accounts.csv": text(accounts, ",", "\r\n").encode("utf-8-sig"),
        "Subscriptions.csv": text(subscriptions, ";", "\r\n").encode("windows-1252"),
        "Invoices.csv": text(invoices, ";", "\r\n").encode("windows-1252"),
        "Product activity.csv": text(activity, ",", "\n").encode(),
        "Tickets.csv": text(tickets, ",", "\n").encode(),
        "feed_statements.csv": text(complete, ",", "\n").encode(),
        "health_levels.csv": text(levels, ",", "\n").encode(),
        "sla_targets.csv": text(promises, ",", "\n").encode(),
    }


def text(rows: list[list[str]], separator: str, line_end: str) -> str:
    """Rows as CSV."""
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator=line_end).writerows(rows)
    return out.getvalue()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in exports(*map(date.fromisoformat, sys.argv[2:3])).items():
        (folder / name).write_bytes(content)
