"""What a caller may choose about a simulation."""

from dataclasses import asdict, dataclass
from datetime import date

FAULTS = ("late", "duplicate", "malformed", "renamed", "currency", "resegment", "future")
"""Delivery faults, in the order in which they are applied."""

_EARLIEST, _LATEST = date(2000, 1, 1), date(2200, 1, 1)


@dataclass(frozen=True)
class SimulationConfig:
    """Parameters of one simulation; the same values always give the same bytes.

    end_date: last complete day (UTC) of the data.
    accounts: accounts that ever signed up, 1 to 5,000.
    weeks:    length of the telemetry window in weeks, 1 to 104; it ends on `end_date`.
    events:   approximate number of inference requests in the window, 0 to 5,000,000.
    seed:     non-negative integer.
    faults:   names out of `FAULTS`; order and repetition do not matter.
    ahead:    days after `end_date` that are simulated too but held back, 0 to 366: the company's
              life goes on in them (o2r.demo.live). Not together with faults.

    Raises ValueError, naming the field, for a value out of range.
    """

    end_date: date
    accounts: int = 200
    weeks: int = 26
    events: int = 500_000
    seed: int = 7
    faults: tuple[str, ...] = ()
    ahead: int = 0

    def __post_init__(self) -> None:
        if type(self.end_date) is not date:
            raise ValueError(f"end_date must be a datetime.date, not {self.end_date!r}")
        if not _EARLIEST <= self.end_date < _LATEST:
            raise ValueError(f"end_date must lie in 2000 to 2199, not {self.end_date}")
        for name, low, high in (
            ("accounts", 1, 5_000),
            ("weeks", 1, 104),
            ("events", 0, 5_000_000),
            ("seed", 0, 2**63 - 1),
            ("ahead", 0, 366),
        ):
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise ValueError(f"{name} must be an integer from {low} to {high}, not {value!r}")
        if isinstance(self.faults, str):
            raise ValueError(f"faults must be a tuple of names, not the text {self.faults!r}")
        unknown = sorted(set(self.faults) - set(FAULTS))
        if unknown:
            raise ValueError(f"unknown faults {unknown}; choose from {list(FAULTS)}")
        if self.faults and self.ahead:
            raise ValueError("faults are of deliveries up to end_date: they need ahead to be 0")
        if self.ahead and self.accounts > 2_000:
            raise ValueError("days ahead are simulated for 2,000 accounts at most")
        chosen = tuple(name for name in FAULTS if name in self.faults)
        object.__setattr__(self, "faults", chosen)

    def as_dict(self) -> dict:
        """The parameters as JSON types."""
        return asdict(self) | {"end_date": self.end_date.isoformat(), "faults": list(self.faults)}
