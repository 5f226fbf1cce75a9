"""What Diameter Ro requests are taken for where the operator says nothing: diameter.toml, emergency.csv.

A rule looks at the node's role, the service context and the two numbers, and gives the call type. Emergency
comes before everything (rulings.md 24), so its rules stand apart: an operator's own rules come after them.
"""

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, Literal

import msgspec

from talktime.catalog.load import CatalogueError

EMERGENCY: Final = "emergency"
"""For `called`: an emergency number of the caller's country, or of those that are emergency everywhere."""

CALLED: Final = "called"
CALLING: Final = "calling"
SIDES: Final = (CALLED, CALLING)
ROLES: Final = {"originating": 0, "terminating": 1}
"""Role-Of-Node by its word (3GPP TS 32.299, 7.2.162)."""


class CallRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule: what has to hold, and what the call then is.

    Empty lists and texts hold for every request. `service_number` says which of the two numbers is the
    tenant's own; the other name for it, the user, is then left out unless `keeps_user`.
    """

    call_type: str
    role: Literal["", "originating", "terminating"] = ""
    context: str = ""
    called: tuple[str, ...] = ()
    calling: tuple[str, ...] = ()
    service_number: Literal["", "called", "calling"] = ""
    keeps_user: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class Emergencies:
    """Emergency numbers as they are dialled: those of each country, and those known in every one."""

    everywhere: frozenset[str]
    by_country: Mapping[str, frozenset[str]]

    def is_one(self, dialled: str, country: str) -> bool:
        """Whether this is an emergency number in a country; "" is an unknown one."""
        return dialled in self.everywhere or dialled in self.by_country.get(country, frozenset())


@dataclass(frozen=True, slots=True)
class RoData:
    """The shipped rules: `first` are asked before an operator's own, `last` after them."""

    first: tuple[CallRule, ...]
    last: tuple[CallRule, ...]
    emergencies: Emergencies


class _File(msgspec.Struct, forbid_unknown_fields=True):
    everywhere: list[str]
    emergency: list[CallRule]
    calls: list[CallRule]


def read_ro(text: str, numbers: str, file: str = "diameter.toml") -> RoData:
    """diameter.toml and emergency.csv -> RoData. Raises CatalogueError naming file and entry."""
    try:
        data = msgspec.convert(tomllib.loads(text), _File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CatalogueError(f"{file}: {error}") from None
    if not data.calls or data.calls[-1] != CallRule(data.calls[-1].call_type, why=data.calls[-1].why):
        raise CatalogueError(f"{file}: the last of calls must take every request: call_type and why only")
    for table, rules in (("emergency", data.emergency), ("calls", data.calls)):
        for position, rule in enumerate(rules, 1):
            if not rule.call_type or not rule.why:
                raise CatalogueError(f"{file}: {table}[{position}]: call_type and why must not be empty")
    emergencies = Emergencies(frozenset(data.everywhere), _numbers(numbers))
    return RoData(tuple(data.emergency), tuple(data.calls), emergencies)


def _numbers(text: str) -> dict[str, frozenset[str]]:
    rows = csv.reader(line for line in text.splitlines() if not line.startswith("#"))
    next(rows)
    return {country: frozenset(numbers.split()) for country, numbers in rows}


@cache
def load_ro() -> RoData:
    """The shipped rules and emergency numbers."""
    data = resources.files("talktime.catalog").joinpath("data")
    toml, numbers = (data.joinpath(name).read_text("utf-8") for name in ("diameter.toml", "emergency.csv"))
    return read_ro(toml, numbers)
