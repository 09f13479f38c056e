"""Names of countries and the codes that exports have for them, and the two letters of ISO 3166."""

import csv
from functools import lru_cache
from pathlib import Path

LIST = Path(__file__).with_name("countries.csv")
"""Code, and all other ways to write it, separated by bars."""


@lru_cache(maxsize=1)
def country_words() -> dict[str, str]:
    """Every known way to write a country, in lower case, and its two letters."""
    found = {}
    with LIST.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            for word in (row["country_code"], *row["names"].split("|")):
                found[word.strip().lower()] = row["country_code"]
    return found
