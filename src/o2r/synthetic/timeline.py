"""The calendar of one simulation: ISO weeks on the outside, days inside."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from o2r.synthetic.columns import MICROS_PER_DAY
from o2r.synthetic.config import SimulationConfig

HISTORY_DAYS = 913
"""How far back customers reach: 30 months."""
AHEAD_WEEKS = 8
"""Weeks simulated beyond the end, so that cancellations known today can lie in the future."""


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return int(np.datetime64(day, "D").astype(np.int64))


@dataclass(frozen=True)
class Timeline:
    """Day numbers (since 1970-01-01) and ISO weeks, numbered from 0 at `origin`, a Monday.

    end:  last day that is simulated.
    told: last day that is delivered; the days after it are those ahead.
    """

    origin: int
    weeks: int
    window_start: int
    money_start: int
    end: int
    told: int

    @property
    def last_week(self) -> int:
        """Week that holds the last day of data."""
        return self.week_of(self.end)

    @property
    def days(self) -> np.ndarray:
        """Day numbers with revenue, shape (days,)."""
        return np.arange(self.money_start, self.end + 1)

    @property
    def end_micros(self) -> int:
        """First microsecond after the last day."""
        return (self.end + 1) * MICROS_PER_DAY

    def week_of(self, day):
        """Week number of a day number (scalar or array)."""
        return (day - self.origin) // 7

    def monday(self, week):
        """Day number of the Monday of a week (scalar or array)."""
        return self.origin + 7 * week

    def label(self, week: int) -> str:
        """Monday of a week as yyyymmdd, for identifiers."""
        return str(np.datetime64(int(self.monday(week)), "D")).replace("-", "")

    def telemetry_weeks(self) -> list[tuple[int, np.ndarray]]:
        """(week, its day numbers inside the window), in order."""
        days = np.arange(self.window_start, self.end + 1)
        weeks = self.week_of(days)
        return [(int(week), days[weeks == week]) for week in np.unique(weeks)]


def build_timeline(config: SimulationConfig) -> Timeline:
    """Calendar of `config`; revenue starts on 1 January or, if earlier, with the window."""
    told = day_number(config.end_date)
    end = told + config.ahead
    window_start = told - 7 * config.weeks + 1
    new_year = day_number(date(config.end_date.year, 1, 1))
    first_day = told - HISTORY_DAYS
    origin = first_day - (first_day + 3) % 7  # day 0 of the epoch was a Thursday
    weeks = (end - origin) // 7 + 1 + AHEAD_WEEKS
    return Timeline(origin, weeks, window_start, min(window_start, new_year), end, told)
