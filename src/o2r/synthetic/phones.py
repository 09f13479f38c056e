"""Phone numbers that reach nobody, and the ways in which people write them.

Only ranges that the regulator of a country keeps for films and examples: 555-0100 to 555-0199 in
North America, Ofcom's, the Bundesnetzagentur's, Arcep's and the ACMA's. People elsewhere have none.
"""

import numpy as np

_NORTH_AMERICA = {
    "US": (614, 216, 303, 312, 404, 415, 503, 512, 602, 612, 617, 702, 713, 804, 901, 916, 919),
    "CA": (403, 416, 506, 514, 604, 613, 780, 902),
}
RANGES = {
    **{
        country: tuple((f"+1{area}55501", 2) for area in areas)
        for country, areas in _NORTH_AMERICA.items()
    },
    "GB": (("+447700900", 3), ("+441134960", 3), ("+442079460", 3)),
    "DE": (("+493023125", 3), ("+494066969", 3), ("+496990009", 3), ("+498999998", 3)),
    "FR": (("+3326191", 4), ("+3363998", 4)),
    "AU": (("+6187010", 4), ("+6125550", 4)),
}
"""By country: (beginning in E.164, digits that follow) of each range."""

TRUNK = {"US": "1", "CA": "1", "GB": "0", "DE": "0", "FR": "0", "AU": "0"}
CODES = {"US": "1", "CA": "1", "GB": "44", "DE": "49", "FR": "33", "AU": "61"}
EXIT = {"US": "011", "CA": "011", "GB": "00", "DE": "00", "FR": "00", "AU": "0011"}
STYLES = 6


def phone_numbers(countries: np.ndarray) -> np.ndarray:
    """One number (n,) each in E.164 with +, all different; '' where a country's are used up."""
    found = np.full(len(countries), "", dtype="U16")
    for country, ranges in RANGES.items():
        numbers = [f"{start}{n:0{digits}d}" for start, digits in ranges for n in range(10**digits)]
        people = np.flatnonzero(countries == country)[: len(numbers)]
        found[people] = numbers[: len(people)]
    return found


def written(number: str, country: str, style: int) -> str | None:
    """An E.164 number of `country` as people type it, in one of STYLES ways; '' gives None."""
    if not number:
        return None
    code, trunk = CODES[country], TRUNK[country]
    national = number[1 + len(code) :]
    area, rest = national[:3], national[3:]
    if style == 0:
        return number
    if style == 1:
        return f"+{code} {area} {rest[:3]} {rest[3:]}"
    if style == 2:
        return f"{EXIT[country]} {code} {national}"
    if style == 3 and trunk == "1":
        return f"({area}) {rest[:3]}-{rest[3:]}"
    if style == 3:
        return f"+{code} ({trunk}){area} {rest}"
    if style == 4:
        return f"{trunk}-{area}-{rest[:3]}-{rest[3:]}"
    return f" {trunk}{area}/{rest} "
