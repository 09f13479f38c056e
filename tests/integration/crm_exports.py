"""The exports of examples/crm_exports as pandas reads them, without O2R."""

import importlib.util
import io
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "crm_exports"
MAPPING = EXAMPLE / "mapping.yml"
TARGET_HOURS = {"Urgent": 4, "High": 12, "Normal": 48, "Low": 120}
MONTH = pd.offsets.MonthBegin(1)
TIERS = {"Basic": "Starter", "Professional": "Growth", "Premier": "Enterprise"}
"""Plan of the exports, the lowest first: plan tier of O2R."""
FOREVER = pd.Timestamp("2262-01-01")


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("crm_exports", EXAMPLE / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def at(text: str) -> pd.Timestamp:
    """An instant in UTC, of any form that the exports have; NaT for nothing."""
    if not isinstance(text, str):
        return pd.NaT
    if "/" in text:
        day, month, year = map(int, text.split("/"))
        return pd.Timestamp(year, month, day)
    found = pd.Timestamp(text)
    return found.tz_convert("UTC").tz_localize(None) if found.tzinfo else found


def euros(text: str) -> float:
    return float(text.strip("€ ").replace(".", "").replace(",", "."))


class Crm:
    """The exports of a day as pandas reads them; amounts in US dollars."""

    def __init__(self, files: dict[str, bytes], day: date) -> None:
        def read(name: str, separator: str, encoding: str) -> pd.DataFrame:
            content = io.BytesIO(files[name])
            found = pd.read_csv(content, sep=separator, encoding=encoding, dtype=str)
            return found.drop_duplicates()

        self.end = pd.Timestamp(day)
        self.months = pd.date_range("2024-07-01", self.end - MONTH, freq="MS")
        self.accounts = read("Accounts.csv", ",", "utf-8-sig")
        self.contracts = read("Subscriptions.csv", ";", "cp1252")
        self.invoices = read("Invoices.csv", ";", "cp1252")
        self.activity = read("Product activity.csv", ",", "utf-8")
        self.tickets = read("Tickets.csv", ",", "utf-8")
        seed = pd.read_csv(ROOT / "dbt" / "seeds" / "exchange_rates.csv")
        rates = seed[seed["currency_code"] == "EUR"]
        self._from = pd.to_datetime(rates["valid_from"]).to_numpy()
        self._rates = rates["usd_per_unit"].to_numpy()

    def dollars(self, amounts: pd.Series, days: pd.Series) -> np.ndarray:
        return amounts * self._rates[np.searchsorted(self._from, days, side="right") - 1]

    def in_force(self, close: pd.Timestamp) -> pd.Series:
        """Recurring revenue in force just before an instant, by account."""
        start, end = self.contracts["Start"].map(at), self.contracts["End"].map(at)
        value = self.dollars(self.contracts["Price per month"].map(euros), start)
        is_in_force = (start < close) & (end.isna() | (end >= close))
        return value[is_in_force].groupby(self.contracts["Account"]).sum()

    def mrr(self) -> pd.DataFrame:
        """Recurring revenue in force at the end of the month: accounts x months."""
        found = {month: self.in_force(month + MONTH) for month in self.months}
        return pd.DataFrame(found).fillna(0.0)

    def tiers(self, instant: pd.Timestamp, recorded: pd.Series) -> dict[str, tuple[str, str]]:
        """(Plan tier just before an instant, who tells it) by account.

        recorded: the instant of each account's row in the CRM. Without a contract in force counts
        what was said last: by the contract that ended, or by the CRM.
        """
        plans = self.contracts[self.contracts["Product"] == "Platform"]
        plans = [
            (one.Account, at(one.Start), end if pd.notna(end := at(one.End)) else FOREVER, one.Plan)
            for one in plans.itertuples()
        ]
        found = {}
        for account, plan in self.accounts[["Account ID", "Plan"]].to_numpy():
            mine = [row[1:] for row in plans if row[0] == account and row[1] < row[2]]
            held = [plan for start, end, plan in mine if start < instant <= end]
            over = [(end, plan) for _, end, plan in mine if end < instant]
            is_told = recorded[account] < instant
            if held:
                found[account] = TIERS[max(held, key=list(TIERS).index)], "contract"
            elif over and not (is_told and recorded[account] >= max(over)[0]):
                found[account] = TIERS[max(over)[1]], "ended_contract"
            elif is_told:
                found[account] = TIERS[plan], "crm"
        return found

    def _billed(self) -> Iterator[tuple[str, pd.Series]]:
        """(Account, revenue by day of service) of each invoice; cancelled ones are none."""
        for one in self.invoices[self.invoices["State"] != "Cancelled"].itertuples():
            days = pd.date_range(at(one[4]), at(one[5]))
            share = pd.Series(euros(one.Total) / len(days), index=days)
            yield one.Account, pd.Series(self.dollars(share, days), days)

    def billed_by_day(self) -> pd.Series:
        """Billed revenue by day of service."""
        return pd.concat([share for _, share in self._billed()]).groupby(level=0).sum()

    def billed(self) -> pd.DataFrame:
        """Billed revenue by account and the month of its service days: accounts x months."""
        rows = []
        for account, share in self._billed():
            months = share.resample("MS").sum()
            rows.append(months.rename_axis("month").reset_index(name="n").assign(a=account))
        return pd.concat(rows).pivot_table("n", "a", "month", "sum", fill_value=0.0)

    def revenue(self) -> pd.Series:
        """Billed revenue by the month of its service days; cancelled invoices are none."""
        return self.billed().sum()

    def sla(self) -> pd.DataFrame:
        """State of each judged ticket at the end of the as-of day, by the month it was opened."""
        judged = self.tickets[self.tickets["Severity"].notna()].copy()
        judged["opened"], closed = judged["Opened"].map(at), judged["Closed"].map(at)
        judged["is_open"] = closed.isna() | (closed >= self.end)
        until = closed.where(~judged["is_open"], self.end)
        hours = (until - judged["opened"]) / pd.Timedelta(hours=1)
        judged["is_late"] = hours > judged["Severity"].map(TARGET_HOURS)
        judged["month"] = judged["opened"].dt.to_period("M").dt.to_timestamp()
        return judged
