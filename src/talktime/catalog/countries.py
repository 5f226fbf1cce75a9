"""Names of countries in English: what a list shows, and what people search for.

The names come from public numbering metadata, as the table of dialling plans does; numbers that are in no
single country (satellites, international networks) stand under a code of their own.
"""

import csv
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final

NOWHERE: Final = "ZZ"
"""The code of what is in no single country; ISO 3166 leaves it to its users."""

_ELSEWHERE: Final = "Not in one country"


@cache
def load_countries() -> Mapping[str, str]:
    """ISO 3166 code -> name, for every country with a dialling plan; `NOWHERE` is among them."""
    text = resources.files("talktime.catalog").joinpath("data", "countries.csv").read_text("utf-8")
    rows = csv.reader(line for line in text.splitlines() if not line.startswith("#"))
    next(rows)
    return {**{row[0]: row[1] for row in rows}, NOWHERE: _ELSEWHERE}


def country_name(code: str) -> str:
    """The name of a country; a code that nobody knows is its own name."""
    return load_countries().get(code, code)
