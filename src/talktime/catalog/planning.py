"""What the planner chooses among, and what licences cost a month: data that ships, and an own price list.

Licence prices are settings; those that ship are a sample and say so. A fault names file, entry and what to
write instead.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from talktime.catalog.load import CatalogueError
from talktime.catalog.model import Catalogue, Plan
from talktime.catalog.side import load_currencies
from talktime.core.limits import MAX_MONEY_MICROS
from talktime.core.money import format_money, parse_money


class _Float(str):
    """A float as the file has it: none may come near money."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class PlanFamily:
    """Plans that are alternatives: of `options` (plan codes held together) a user holds one, or none.

    `every`: each plan of this kind is an option, too. `call_types`: who has such calls needs an option.
    """

    id: str
    name: str
    every: str
    options: tuple[tuple[str, ...], ...]
    call_types: tuple[str, ...]

    def choices(self, catalogue: Catalogue) -> tuple[tuple[str, ...], ...]:
        """The options whose plans the catalogue has, in the order of the data."""
        every = tuple((plan.code,) for plan in catalogue.plans.values() if self.every == plan.kind)
        listed = tuple(option for option in self.options if all(code in catalogue.plans for code in option))
        return tuple(dict.fromkeys((*every, *listed)))

    def plans(self, catalogue: Catalogue) -> frozenset[str]:
        """Every plan that stands in one of the options."""
        return frozenset(code for option in self.choices(catalogue) for code in option)


@dataclass(frozen=True, slots=True)
class LicencePrices:
    """Monthly prices of licences in micros, by (plan, currency, country); country "" is everywhere else.

    `sample`: they are made up.
    """

    name: str
    sample: bool
    amounts: Mapping[tuple[str, str, str], int]

    def price(self, plan: Plan, currency: str, country: str) -> int | None:
        """What a licence held in a country costs a month, None where no price says; a free plan is free."""
        found = self.amounts.get((plan.code, currency, country))
        if found is None:
            found = self.amounts.get((plan.code, currency, ""))
        return 0 if found is None and plan.free else found

    def currencies(self) -> tuple[str, ...]:
        """The currencies in which any plan has a price."""
        return tuple(sorted({currency for _, currency, _ in self.amounts}))


@cache
def load_plan_families() -> tuple[PlanFamily, ...]:
    """The shipped families of plans."""
    return read_plan_families(_shipped("plan_choices.toml"))


def read_plan_families(text: str, file: str = "plan_choices.toml") -> tuple[PlanFamily, ...]:
    """plan_choices.toml -> families. Raises CatalogueError naming file and entry."""
    found: list[PlanFamily] = []
    for position, entry in enumerate(_entries(file, _parsed(file, text), "family"), 1):
        where = f"{file}: family {position}"
        _only(where, entry, ("id", "name", "every", "options", "call_types"))
        every, options = entry.get("every", ""), entry.get("options", [])
        if not every and not options:
            raise CatalogueError(f"{where}: needs options, or the kind of plans that `every` names")
        id_, name, kind = _texts(where, "id", [entry.get("id"), entry.get("name"), every])
        held = tuple(_texts(where, "options", option) for option in options)
        found.append(PlanFamily(id_, name, kind, held, _texts(where, "call_types", entry.get("call_types"))))
    if len({family.id for family in found}) < len(found):
        raise CatalogueError(f"{file}: two families have one id")
    return tuple(found)


@cache
def load_licence_prices() -> LicencePrices:
    """The shipped sample of licence prices."""
    return _prices(_shipped("licence_prices.toml"), "licence_prices.toml", None)


def read_licence_prices(path: Path, catalogue: Catalogue) -> LicencePrices:
    """The price list of a file that people wrote. Raises CatalogueError: one sentence with file and entry."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise CatalogueError(f"{path}: is no UTF-8 text; save it as UTF-8") from None
    return _prices(text, str(path), catalogue)


def _prices(text: str, file: str, catalogue: Catalogue | None) -> LicencePrices:
    """`catalogue` None: plans are not looked up (a test looks up those that ship)."""
    top = _parsed(file, text)
    _only(file, top, ("name", "sample", "price"))
    amounts: dict[tuple[str, str, str], int] = {}
    for position, entry in enumerate(_entries(file, top, "price"), 1):
        plan = entry.get("plan")
        if not isinstance(plan, str) or not plan:
            raise CatalogueError(f'{file}: price {position}: needs a plan; write plan = "CODE"')
        where = f"{file}: price {position} ({plan})"
        if catalogue is not None and plan not in catalogue.plans:
            hint = _did_you_mean(plan, catalogue.plans)
            raise CatalogueError(f"{where}: the catalogue has no plan {plan!r}{hint}")
        for currency, country, amount in _amounts(where, entry, catalogue):
            if (plan, currency, country) in amounts:
                raise CatalogueError(
                    f"{where}: the price in {currency} stands twice{f' for {country}' if country else ''}"
                )
            amounts[plan, currency, country] = amount
    name, sample = top.get("name", Path(file).name), top.get("sample", False)
    if not isinstance(name, str) or not isinstance(sample, bool):
        raise CatalogueError(f"{file}: name is a text in quotes, and sample true or false")
    if not amounts:
        raise CatalogueError(f'{file}: holds no price; write [[price]] with plan = "CODE" and USD = "12.00"')
    return LicencePrices(name, sample, amounts)


def _amounts(
    where: str, entry: Mapping[str, Any], catalogue: Catalogue | None
) -> Iterable[tuple[str, str, int]]:
    """(currency, country, micros) of one entry."""
    countries = _texts(where, "countries", entry.get("countries", [""]))
    if catalogue is not None:
        for country in countries:
            if country and country not in catalogue.dialling:
                raise CatalogueError(
                    f"{where}: {country!r} is no country code of ISO 3166, in capital letters"
                )
    known = load_currencies().minor_units
    named = [key for key in entry if key not in ("plan", "countries")]
    if not named:
        raise CatalogueError(f'{where}: has no price; write for example USD = "12.00"')
    for currency in named:
        if currency not in known:
            hint = _did_you_mean(currency, (*known, "plan", "countries"))
            raise CatalogueError(f"{where}: {currency!r} is no currency{hint}")
        amount = _amount(f"{where}: {currency}", entry[currency])
        yield from ((currency, country, amount) for country in countries)


def _amount(where: str, value: object) -> int:
    if isinstance(value, _Float):
        raise CatalogueError(f'{where} = {value} is a float; write "{value}" in quotes')
    if not isinstance(value, str):
        raise CatalogueError(f'{where} = {value!r} is not an amount; write it in quotes, such as "12.00"')
    try:
        amount = parse_money(value)
    except ValueError as error:
        raise CatalogueError(f"{where}: {error}") from None
    if amount < 0:
        raise CatalogueError(f"{where}: {value} is below 0; a licence costs 0 or more")
    if amount > MAX_MONEY_MICROS:
        raise CatalogueError(f"{where}: {value} is over the limit of {format_money(MAX_MONEY_MICROS)}")
    return amount


def _shipped(name: str) -> str:
    return resources.files("talktime.catalog").joinpath("data", name).read_text("utf-8")


def _parsed(file: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=_Float)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{file}: not TOML: {error}") from None


def _entries(file: str, top: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    found = top.get(key, [])
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise CatalogueError(f"{file}: write [[{key}]] before each entry")
    return found


def _only(where: str, entry: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in entry:
        if key not in known:
            raise CatalogueError(f"{where}: unknown key {key!r}{_did_you_mean(key, known)}")


def _texts(where: str, key: str, values: object) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(
        isinstance(one, str) and not isinstance(one, _Float) for one in values
    ):
        raise CatalogueError(f"{where}: {key} = {values!r} is not a list of words in quotes")
    return tuple(values)


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    by_lower = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), by_lower, n=1)
    return f"; did you mean {by_lower[near[0]]}?" if near else f"; known are {', '.join(by_lower.values())}"
