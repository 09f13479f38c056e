"""docs/book-errata.md lists every printed result of the book that differs, and nothing else."""

import csv

import pandas as pd
import pytest
from tests.golden.errata import ROOT, TABLES, assert_listed, differs, number, same

DATASET = ROOT / "src" / "o2r" / "demo" / "chapter12"
WEEKS = pd.to_datetime(["2026-01-05", "2026-01-12", "2026-01-19", "2026-01-26"])


CHAPTER_7 = {
    "ytd_share_of_target_pct": ("13", 100 * (1.2 + 1.4) / 20),
    "growth_week_2_pct": ("10.7", 100 * (310 - 280) / 280),
    "growth_week_3_pct": ("-14.5", 100 * (265 - 310) / 310),
    "cwgr_pct": ("2.4", 100 * ((400 / 250) ** (1 / 19) - 1)),
    "cwgr_pct_compared": ("2.4", 100 * ((400 / 250) ** (1 / 19) - 1)),
    "catch_up_cwgr_pct": ("3.8", 100 * ((20 / 6) ** (1 / 32) - 1)),
    "arr_millions": ("5.04", 0.42 * 12),
    "net_new_mrr_thousands": ("26", 38 - 12),
    "net_new_arr_thousands": ("312", 12 * (38 - 12)),
    "arpa": ("9,655", 1_400_000 / 145),
    "cltv_thousands": ("192", 8 * 24),
    "cltv_shorter_thousands": ("144", 8 * 18),
    "cltv_to_cost": ("13", 192 / 15),
    "active_accounts_growth_pct": ("20.8", 100 * (145 - 120) / 120),
    "adoption_rate_pct": ("70.8", 100 * 34 / 48),
    "not_adopted": ("14", 48 - 34),
    "retention_rate_pct": ("95.2", 100 * 138 / 145),
    "churned": ("7", 145 - 138),
    "usage_retention_rate_pct": ("114", 100 * 4.8 / 4.2),
    "uptime_pct": ("99.2", 100 * (31 * 24 - 6.2) / (31 * 24)),
    "mttr_minutes": ("71", (45 + 2.5 * 60 + 20 + 1.5 * 60) / 4),
}


class Book:
    """The dataset of chapter 12, by ISO week of each event's time."""

    def __init__(self) -> None:
        self.accounts = self.read("accounts", "signup_date").set_index("account_id")
        self.revenue = self.read("weekly_revenue", "week_start")
        self.usage = self.read("usage_events", "event_ts", "week_start")
        self.incidents = self.read("incidents", "started_at", "resolved_at")
        self.tickets = self.read("support_tickets", "created_at", "resolved_at")
        for table, column in (
            (self.revenue, "week_start"),
            (self.usage, "event_ts"),
            (self.incidents, "started_at"),
            (self.tickets, "created_at"),
        ):
            monday = table[column].dt.normalize() - pd.to_timedelta(
                table[column].dt.day_of_week, unit="D"
            )
            table["week"] = WEEKS.get_indexer(monday) + 1
        hours = self.tickets.resolved_at - self.tickets.created_at
        self.tickets["hours"] = hours.dt.total_seconds() / 3600
        self.tickets["is_platform"] = self.tickets.category.isin(["error", "latency"])

    @staticmethod
    def read(name: str, *instants: str) -> pd.DataFrame:
        return pd.read_csv(DATASET / f"{name}.csv", parse_dates=list(instants))

    def per_week(self, series: pd.Series) -> pd.Series:
        return series.reindex(range(1, 5), fill_value=0)

    @property
    def weekly_revenue(self) -> pd.Series:
        return self.revenue.groupby("week").weekly_revenue.sum()

    @property
    def growth_pct(self) -> pd.Series:
        return 100 * self.weekly_revenue.pct_change()

    @property
    def error_rate_pct(self) -> pd.Series:
        return 100 * self.usage.groupby("week").is_error.mean()

    @property
    def downtime(self) -> pd.Series:
        return self.per_week(self.incidents.groupby("week").downtime_minutes.sum())

    @property
    def ticket_count(self) -> pd.Series:
        return self.per_week(self.tickets.groupby("week").size())

    @property
    def cs_score(self) -> pd.Series:
        uptime = 100 - 10 * 100 * self.downtime / 10080
        resolution = 100 - self.per_week(self.tickets.groupby("week").hours.mean())
        errors = 100 - 5 * self.error_rate_pct
        parts = (0.4 * uptime.clip(0), 0.3 * resolution.clip(0), 0.3 * errors.clip(0))
        return parts[0] + parts[1] + parts[2]

    @property
    def disrupted(self) -> pd.Series:
        errors = self.per_week(self.usage.groupby("week").is_error.sum())
        return (self.downtime > 0) | (errors > 0) | (self.ticket_count > 0)

    @property
    def days_to_value(self) -> pd.Series:
        first = self.usage.groupby("account_id").event_ts.min().dt.normalize()
        return (first - self.accounts.signup_date).dropna().dt.days

    def accounts_with_revenue(self, week: int) -> set[int]:
        return set(self.revenue[self.revenue.week == week].account_id)

    def ticket_categories(self, week: int) -> str:
        counts = self.tickets[self.tickets.week == week].category.value_counts().sort_index()
        return ", ".join(f"{category} {count}" for category, count in counts.items())

    def platform_ticket_accounts(self, week: int) -> set[int]:
        mine = (self.tickets.week == week) & self.tickets.is_platform
        return set(self.tickets[mine].account_id)

    def tenure_months(self, account: int) -> int:
        start, end = self.accounts.signup_date[account], pd.Timestamp("2026-01-31")
        months = (end.year - start.year) * 12 + end.month - start.month
        return months - (end.day < start.day)

    def mrr(self, account: int) -> float:
        mine = (self.revenue.week == 4) & (self.revenue.account_id == account)
        return self.revenue[mine].weekly_revenue.sum() * 4.33

    def tokens_of_older_accounts(self, week: int) -> int:
        older = self.accounts[(self.accounts.signup_date < "2026-01-01") & self.accounts.is_active]
        mine = (self.usage.week == week) & self.usage.account_id.isin(older.index)
        return self.usage[mine].tokens.sum()

    def usage_change_pct(self, affected: bool, week_column: str) -> float:
        """Change of mean tokens from week 2 to 4, of accounts with usage in both."""
        tokens = self.usage.pivot_table("tokens", "account_id", week_column, aggfunc="sum")
        before, after = (2, 4) if week_column == "week" else (WEEKS[1], WEEKS[3])
        both = tokens[[before, after]].dropna()
        group = both[both.index.isin(self.platform_ticket_accounts(3)) == affected].mean()
        return 100 * (group[after] / group[before] - 1)


def listed(values: set[int]) -> str:
    return ", ".join(str(value) for value in sorted(values))


def trend(before: float, after: float, words: tuple[str, str, str]) -> str:
    change = round(after - before, 6)
    return words[0] if change < 0 else words[1] if change > 0 else words[2]


def chapter_12_claims(book: Book) -> dict[str, tuple[str, object]]:
    """Printed and true side of each comment and sentence about the data, right ones included."""
    active = set(book.accounts[book.accounts.is_active].index)
    signups = book.accounts.signup_date[book.accounts.signup_date >= "2026-01-01"]
    per_monday = (signups - pd.to_timedelta(signups.dt.day_of_week, unit="D")).value_counts()
    to_value = book.days_to_value
    week_1, week_4 = book.accounts_with_revenue(1), book.accounts_with_revenue(4)
    hours = book.tickets.groupby("week").hours.mean()
    return {
        "contributing_accounts": ("9", book.revenue.account_id.nunique()),
        "pct_of_annual_target": ("1.0", 100 * book.weekly_revenue.sum() / 20_000_000),
        "joiners_week_2": ("4, 7", listed(book.accounts_with_revenue(2) - week_1)),
        "tenure_months:1": ("4", book.tenure_months(1)),
        "tenure_months:6": ("6", book.tenure_months(6)),
        "current_mrr:1": ("9,400", book.mrr(1)),
        "current_mrr:6": ("12,200", book.mrr(6)),
        "accounts_without_revenue_week_1": ("4, 7", listed(active - week_1)),
        "accounts_without_revenue": (
            "9",
            listed(set(book.accounts.index) - set(book.revenue.account_id)),
        ),
        "signup_weeks": (
            "01-05: 0, 01-06: 1, 01-13: 1",
            ", ".join(f"{monday:%m-%d}: {n}" for monday, n in per_monday.sort_index().items()),
        ),
        "cohort_size": ("2", len(signups)),
        "retention_query_start_accounts": ("8", len(week_1)),
        "retention_query_end_accounts": ("9", len(week_1 & week_4)),
        "retention_query_retained_accounts": ("8", len(week_1 & week_4)),
        "week_1_tokens": ("35,800", book.tokens_of_older_accounts(1)),
        "week_4_tokens": ("43,500", book.tokens_of_older_accounts(4)),
        "tickets_week_3": ("3", book.ticket_count[3]),
        "first_use_on_sign_up_day_pct": ("50", 100 * (to_value == 0).mean()),
        "slowest_to_value": ("7", to_value.idxmax()),
        "fastest_recovery_minutes": ("35", book.incidents.downtime_minutes.min()),
        "slowest_recovery_minutes": ("210", book.incidents.downtime_minutes.max()),
        "downtime_hours": ("5.5", book.downtime.sum() / 60),
        "ticket_categories_week_2": ("error 1", book.ticket_categories(2)),
        "ticket_categories_week_3": (
            "billing 1, latency 1, onboarding 1",
            book.ticket_categories(3),
        ),
        "ticket_categories_week_4": ("billing 1, onboarding 1", book.ticket_categories(4)),
        "fastest_resolution_week": ("4", hours.idxmin()),
        "slowest_ticket_week_3": (
            "onboarding",
            book.tickets.category[book.tickets[book.tickets.week == 3].hours.idxmax()],
        ),
        "clean_weeks": ("1, 2", listed({week for week in range(1, 5) if not book.disrupted[week]})),
        "downtime_minutes_week_3": ("245", book.downtime[3]),
        "error_rate_rise_week_3": ("9", book.error_rate_pct[3] - book.error_rate_pct[2]),
        "cs_score_week_2": ("97", book.cs_score[2]),
        "cs_score_week_3": ("78", book.cs_score[3]),
        "growth_week_4": ("3.1", book.growth_pct[4]),
        "weakest_growth_week": ("4", book.growth_pct.idxmin()),
        "platform_ticket_accounts_week_3": ("3", len(book.platform_ticket_accounts(3))),
    }


def chapter_14_claims(book: Book) -> dict[str, tuple[str, object]]:
    """As for chapter 12."""
    week_3 = book.incidents[book.incidents.week == 3].started_at
    by_day = dict(zip(week_3.dt.day_name(), week_3.dt.hour, strict=True))
    errors = book.usage[book.usage.is_error & (book.usage.week == 3)]
    errors_per_week = book.error_rate_pct
    return {
        "cs_score_week_2": ("97", book.cs_score[2]),
        "cs_score_week_3": ("78.2", book.cs_score[3]),
        "weakest_growth_week": ("4", book.growth_pct.idxmin()),
        "incidents_week_3": ("2", (book.incidents.week == 3).sum()),
        "incidents_before_week_3": ("0", (book.incidents.week < 3).sum()),
        "downtime_minutes_week_3": ("245", book.downtime[3]),
        "downtime_minutes_before_week_3": ("0", book.downtime[[1, 2]].sum()),
        "error_rate_week_3": ("9", errors_per_week[3]),
        "error_rate_week_2": ("0", errors_per_week[2]),
        "tickets_week_3": ("3", book.ticket_count[3]),
        "tickets_before_week_3": ("1", book.ticket_count[[1, 2]].sum()),
        "incident_hour_tuesday_week_3": ("2", by_day["Tuesday"]),
        "incident_hour_thursday_week_3": ("22", by_day["Thursday"]),
        "error_accounts_week_3": ("3, 4", listed(set(errors.account_id))),
        "first_disrupted_week": ("3", book.disrupted.idxmax()),
        "largest_cs_score_fall_week": ("3", book.cs_score.diff().idxmin()),
        "error_rate_in_week_3": (
            "rises",
            trend(errors_per_week[2], errors_per_week[3], ("falls", "rises", "unchanged")),
        ),
        "growth_in_week_4": (
            "slows",
            trend(book.growth_pct[3], book.growth_pct[4], ("slows", "quickens", "unchanged")),
        ),
        "ticket_categories_week_3": (
            "billing 1, latency 1, onboarding 1",
            book.ticket_categories(3),
        ),
        "growth_week_4": ("3.1", book.growth_pct[4]),
        "platform_ticket_accounts_week_3": ("3", len(book.platform_ticket_accounts(3))),
        "accounts_to_contact": ("3, 4", listed(book.platform_ticket_accounts(3))),
    }


def test_chapter_7() -> None:
    assert_listed("Chapter 7", CHAPTER_7)


def test_chapter_12_comments_and_text() -> None:
    assert_listed("Chapter 12: comments and text", chapter_12_claims(Book()))


def test_chapter_14() -> None:
    assert_listed("Chapter 14", chapter_14_claims(Book()))


def test_chapter_14_answer() -> None:
    book = Book()
    true = {
        "affected_usage_change_pct": book.usage_change_pct(True, "week"),
        "unaffected_usage_change_pct": book.usage_change_pct(False, "week"),
        "affected_usage_change_pct_as_queried": book.usage_change_pct(True, "week_start"),
    }
    shown = {row["Figure"]: row["Value"] for row in TABLES["Chapter 14+"]}
    assert shown.keys() == true.keys()
    for key, value in true.items():
        assert same(shown[key], value), key


def test_chapter_12_results() -> None:
    """The table against expected.csv, whose true side the integration tests hold the marts to."""
    with (ROOT / "tests" / "golden" / "chapter12" / "expected.csv").open(newline="") as file:
        expected = {(row["metric"], row["period_start"]): row for row in csv.DictReader(file)}
    rows = {
        (row["Metric"], row["Period"]): row for row in TABLES["Chapter 12: results of the queries"]
    }
    assert len(rows) == len(TABLES["Chapter 12: results of the queries"])
    assert set(rows) == {
        key
        for key, row in expected.items()
        if row["printed_in_book"] and differs(row["printed_in_book"], row["expected"])
    }
    for key, row in rows.items():
        assert number(row["Printed"]) == number(expected[key]["printed_in_book"]), key
        assert number(row["True"]) == number(expected[key]["expected"]), key
        assert row["Why"], key


@pytest.mark.parametrize(
    ("printed", "true", "expected"),
    [
        ("3.6", 3.62, False),
        ("2.4", 2.504, True),
        ("99.2", 99.1667, False),
        ("1,112", 1112, False),
        ("0", 0.49, False),
        ("425", 423.4, True),
        ("rises", "unchanged", True),
        ("3, 4", "3, 4", False),
    ],
)
def test_differs_beyond_rounding(printed: str, true: object, expected: bool) -> None:
    assert differs(printed, true) is expected
