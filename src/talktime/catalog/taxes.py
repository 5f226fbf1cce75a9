"""Tax rates by country, and groups of countries within which a tax id reverses the charge: taxes.toml.

Rates are data with a date; what the data does not know is not taxed, and papers then have no tax line
(rulings.md 30).
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, NamedTuple

import msgspec

from talktime.catalog.load import CatalogueError
from talktime.core.money import parse_decimal

PPM_PLACES: Final = 4
"""Decimals of a percentage that is counted in millionths."""

_WHOLE_PPM: Final = 1_000_000


class TaxRate(NamedTuple):
    """The standard rate of a country's tax, in millionths of the net amount."""

    country: str
    name: str
    rate_ppm: int


class TaxGroup(NamedTuple):
    """Countries within which a customer with a tax id accounts for the tax; `note` says so on papers."""

    id: str
    name: str
    countries: frozenset[str]
    note: str


@dataclass(frozen=True, slots=True)
class Taxes:
    """All rates and groups."""

    rates: Mapping[str, TaxRate]
    groups: tuple[TaxGroup, ...]

    def shared(self, one: str, other: str) -> TaxGroup | None:
        """The group that two different countries are both in; None where there is none."""
        found = (group for group in self.groups if one in group.countries and other in group.countries)
        return next(found, None) if one != other else None


class _Country(msgspec.Struct, forbid_unknown_fields=True):
    code: str
    tax: str
    percent: str


class _Group(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    name: str
    countries: list[str]
    note: str


class _File(msgspec.Struct, forbid_unknown_fields=True):
    country: list[_Country]
    group: list[_Group]


def read_taxes(text: str, file: str = "taxes.toml") -> Taxes:
    """taxes.toml -> Taxes. Raises CatalogueError naming file and entry."""
    try:
        data = msgspec.convert(tomllib.loads(text), _File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CatalogueError(f"{file}: {error}") from None
    rates: dict[str, TaxRate] = {}
    for entry in data.country:
        if entry.code in rates:
            raise CatalogueError(f"{file}: country {entry.code!r}: stands twice")
        rates[entry.code] = TaxRate(
            entry.code, entry.tax, _ppm(f"{file}: country {entry.code!r}", entry.percent)
        )
    for group in data.group:
        unknown = sorted(set(group.countries) - set(rates))
        if unknown:
            raise CatalogueError(f"{file}: group {group.id!r}: no rate for {', '.join(unknown)}")
    return Taxes(
        rates,
        tuple(TaxGroup(group.id, group.name, frozenset(group.countries), group.note) for group in data.group),
    )


def _ppm(where: str, percent: str) -> int:
    try:
        rate_ppm = parse_decimal(percent, PPM_PLACES)
    except ValueError as error:
        raise CatalogueError(f"{where}: percent: {error}") from None
    if not 0 < rate_ppm <= _WHOLE_PPM:
        raise CatalogueError(f"{where}: percent {percent!r} is not above 0 and at most 100")
    return rate_ppm


@cache
def load_taxes() -> Taxes:
    """The shipped rates and groups."""
    return read_taxes(resources.files("talktime.catalog").joinpath("data", "taxes.toml").read_text("utf-8"))
