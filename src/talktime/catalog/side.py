"""Reading the catalogue's side data: who is told what, what a feature needs, days kept and more.

Each file of `data/` has a reader (text -> frozen values) and a loader that reads the shipped file once.
A fault names file and entry, and an unknown key is refused by name.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from importlib import resources
from typing import Any, Final, TypeVar

from talktime.catalog.load import CatalogueError
from talktime.catalog.model import POLICY_REACHES
from talktime.catalog.side_model import (
    Allowance,
    CreditsReason,
    Currencies,
    Eligibility,
    Event,
    Feature,
    Features,
    Kept,
    Masking,
    Policies,
    Policy,
    PurchaseRule,
    Retention,
    Role,
    Roles,
    Warned,
    Way,
)
from talktime.core.money import MICROS_PLACES, parse_money

_MONEY: Final = ("never", "after_pool", "every_minute", "operator_bills")
_ASSUMED_FOR: Final = ("tenant", "installation")
_REACHES: Final = ("pool", "beyond")
_HOLDERS: Final = ("organiser", "user", "resource_account")

_Value = TypeVar("_Value")


def read_roles(text: str, file: str = "roles.toml") -> Roles:
    """roles.toml -> Roles. Raises CatalogueError naming file and entry."""
    top = _top(file, text, {"role": list, "group": list, "event": list, "right": list})
    roles = _by_id(file, "role", top["role"], _role)
    for role in roles.values():
        if role.alias_of and (role.alias_of not in roles or roles[role.alias_of].alias_of):
            raise CatalogueError(
                f"{file}: role {role.id!r}: alias_of {role.alias_of!r} is no role of its own"
            )
    groups = _by_id(file, "group", top["group"], partial(_group, roles))
    events = _by_id(file, "event", top["event"], _event)
    for event in events.values():
        _one_of(f"{file}: event {event.id!r}", event.group, groups)
    return Roles(roles, groups, events, _rights(file, top["right"], roles, groups))


def _role(where: str, entry: Mapping[str, Any]) -> Role:
    optional = {"alias_of": str, "partner": bool, "operator": bool, "assumed_for": str}
    _keys(where, entry, {"id": str, "name": str}, optional)
    if "assumed_for" in entry:
        _one_of(where, entry["assumed_for"], _ASSUMED_FOR)
    return Role(
        id=entry["id"],
        name=entry["name"],
        alias_of=entry.get("alias_of", ""),
        partner=entry.get("partner", False),
        operator=entry.get("operator", False),
        assumed_for=entry.get("assumed_for", ""),
    )


def _event(where: str, entry: Mapping[str, Any]) -> Event:
    _keys(where, entry, {"id": str, "group": str}, {"configurable": bool})
    return Event(entry["id"], entry["group"], entry.get("configurable", False))


def _group(roles: Mapping[str, Role], where: str, entry: Mapping[str, Any]) -> frozenset[str]:
    _keys(where, entry, {"id": str}, {"roles": list, "without": list})
    return _members(where, entry, roles)


def _members(where: str, entry: Mapping[str, Any], roles: Mapping[str, Role]) -> frozenset[str]:
    """The roles of a group or a right, aliases resolved first."""
    if ("roles" in entry) == ("without" in entry):
        raise CatalogueError(f"{where}: needs either roles or without")
    named = _words(where, entry.get("roles", entry.get("without")))
    canonical = frozenset(roles[_one_of(where, role, roles)].alias_of or role for role in named)
    if "roles" in entry:
        return canonical
    return (
        frozenset(role.id for role in roles.values() if role.is_of_tenant and not role.alias_of) - canonical
    )


def _rights(
    file: str,
    entries: Sequence[Mapping[str, Any]],
    roles: Mapping[str, Role],
    groups: Mapping[str, frozenset[str]],
) -> dict[str, frozenset[str]]:
    rights: dict[str, frozenset[str]] = {}
    for position, entry in enumerate(entries, 1):
        where = f"{file}: right {position}"
        _keys(where, entry, {"operations": list}, {"roles": list, "group": str, "also": list})
        if ("roles" in entry) == ("group" in entry):
            raise CatalogueError(f"{where}: needs either roles or a group")
        if "group" in entry:
            more = _members(where, {"roles": entry.get("also", [])}, roles)
            holders = groups[_one_of(where, entry["group"], groups)] | more
        else:
            _keys(where, entry, {"operations": list, "roles": list}, {})
            holders = _members(where, entry, roles)
        for operation in _words(where, entry["operations"]):
            if operation in rights:
                raise CatalogueError(f"{where}: operation {operation!r} stands twice")
            rights[operation] = holders
    return rights


def read_features(text: str, file: str = "features.toml") -> Features:
    """features.toml -> Features. Raises CatalogueError naming file and entry."""
    top = _top(file, text, {"feature": list, "allowance": list, "reason": list})
    features = _by_id(file, "feature", top["feature"], _feature)
    allowances = _by_id(file, "allowance", top["allowance"], _allowance, "plan")
    return Features(features, allowances, _by_id(file, "reason", top["reason"], _reason))


def _feature(where: str, entry: Mapping[str, Any]) -> Feature:
    _keys(where, entry, {"id": str, "name": str, "ways": list}, {})
    return Feature(entry["id"], entry["name"], tuple(_way(where, way) for way in entry["ways"]))


def _way(where: str, entry: Mapping[str, Any]) -> Way:
    _keys(where, entry, {"needs": list, "holder": str, "money": str}, {"paid": str})
    return Way(
        needs=tuple(_words(where, choice) for choice in entry["needs"]),
        holder=_one_of(where, entry["holder"], _HOLDERS),
        money=_one_of(where, entry["money"], _MONEY),
        paid=entry.get("paid", ""),
    )


def _allowance(where: str, entry: Mapping[str, Any]) -> Allowance:
    _keys(where, entry, {"plan": str, "free": int, "one_more_per": int, "of": list}, {})
    if entry["one_more_per"] < 1:
        raise CatalogueError(f"{where}: one_more_per must be at least 1")
    return Allowance(entry["plan"], entry["free"], entry["one_more_per"], _words(where, entry["of"]))


def _reason(where: str, entry: Mapping[str, Any]) -> CreditsReason:
    about = {"number_kind": str, "services": list, "trait": str, "plans": str}
    _keys(where, entry, dict.fromkeys(("id", "says", "keeps", "money"), str), {**about, "reach": str})
    if sum(key in entry for key in about) != 1:
        raise CatalogueError(f"{where}: needs exactly one of {', '.join(about)}")
    if ("reach" in entry) != ("plans" in entry):
        raise CatalogueError(f"{where}: reach stands with plans, and only there")
    return CreditsReason(
        id=entry["id"],
        says=entry["says"],
        keeps=entry["keeps"],
        money=_one_of(where, entry["money"], _MONEY),
        number_kind=entry.get("number_kind", ""),
        services=_words(where, entry.get("services", [])),
        trait=entry.get("trait", ""),
        plans=entry.get("plans", ""),
        reach=_one_of(where, entry["reach"], _REACHES) if "reach" in entry else "",
    )


def read_retention(text: str, file: str = "retention.toml") -> Retention:
    """retention.toml -> Retention. Raises CatalogueError naming file and entry."""
    top = _top(file, text, {"default": dict, "countries": dict})
    countries = {country: _kept(f"{file}: {country}", days) for country, days in top["countries"].items()}
    return Retention(_kept(f"{file}: default", top["default"]), countries)


def _kept(where: str, entry: Mapping[str, Any]) -> Kept:
    _keys(where, entry, {"calling_plans": int, "own_operator": int}, {})
    return Kept(entry["calling_plans"], entry["own_operator"])


def read_masking(text: str, file: str = "masking.toml") -> Masking:
    """masking.toml -> Masking. Raises CatalogueError naming file and entry."""
    hidden = _top(file, text, {"hidden_digits": dict})["hidden_digits"]
    _keys(f"{file}: hidden_digits", hidden, {}, dict.fromkeys(hidden, int))
    return Masking(hidden)


def read_policies(text: str, file: str = "policies.toml") -> Policies:
    """policies.toml -> Policies. Raises CatalogueError naming file and entry."""
    top = _top(file, text, {"never_barred": list, "policy": list})
    policies = _by_id(file, "policy", top["policy"], _policy)
    for kind in POLICY_REACHES:
        if sum(policy.default for policy in policies.values() if policy.kind == kind) != 1:
            raise CatalogueError(f"{file}: exactly one policy of kind {kind!r} must say default = true")
    defaults = {policy.kind: policy for policy in policies.values() if policy.default}
    return Policies(policies, frozenset(_words(f"{file}: never_barred", top["never_barred"])), defaults)


def _policy(where: str, entry: Mapping[str, Any]) -> Policy:
    _keys(where, entry, {"id": str, "kind": str, "name": str, "allows": list}, {"default": bool})
    kind = _one_of(where, entry["kind"], POLICY_REACHES)
    allows = frozenset(
        _one_of(where, reach, POLICY_REACHES[kind]) for reach in _words(where, entry["allows"])
    )
    return Policy(entry["id"], kind, entry["name"], allows, entry.get("default", False))


def read_currencies(text: str, file: str = "currencies.toml") -> Currencies:
    """currencies.toml -> Currencies. Raises CatalogueError naming file and entry."""
    top = _top(file, text, {"minor_units": dict, "minimum_purchase": dict, "numbers": dict})
    where, minimum = f"{file}: minimum_purchase", top["minimum_purchase"]
    units = _minor_units(f"{file}: minor_units", top["minor_units"])
    _keys(where, minimum, {"default": str}, {"by_currency": dict})
    by_currency = minimum.get("by_currency", {})
    _keys(f"{where}.by_currency", by_currency, {}, dict.fromkeys(units, str))
    _keys(f"{file}: numbers", top["numbers"], dict.fromkeys(units, int), {})
    return Currencies(
        units,
        top["numbers"],
        _amount(where, minimum["default"]),
        {code: _amount(f"{where}.by_currency: {code}", amount) for code, amount in by_currency.items()},
    )


def _minor_units(where: str, table: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Decimals of each currency, from lists of codes by number of decimals."""
    _keys(where, table, {}, dict.fromkeys(map(str, range(MICROS_PLACES + 1)), list))
    units: dict[str, int] = {}
    for places, codes in table.items():
        for code in _words(f"{where}: {places}", codes):
            if code in units:
                raise CatalogueError(f"{where}: {code!r} stands twice")
            units[code] = int(places)
    return units


def _amount(where: str, text: str) -> int:
    try:
        return parse_money(text)
    except ValueError as error:
        raise CatalogueError(f"{where}: {error}") from None


def read_eligibility(text: str, file: str = "eligibility.toml") -> Eligibility:
    """eligibility.toml -> Eligibility. Raises CatalogueError naming file and entry."""
    lists = dict.fromkeys(("not_offered", "qualifying_kinds", "add_ons"), list)
    top = _top(file, text, {**lists, "regions": dict, "rule": list, "warning": list})
    named = {key: frozenset(_words(f"{file}: {key}", top[key])) for key in lists}
    return Eligibility(
        not_offered=named["not_offered"],
        qualifying_kinds=named["qualifying_kinds"],
        add_ons=named["add_ons"],
        regions=_regions(f"{file}: regions", top["regions"]),
        rules=_by_id(file, "rule", top["rule"], _purchase_rule),
        warnings=_by_id(file, "warning", top["warning"], _warned),
    )


def _regions(where: str, table: Mapping[str, object]) -> dict[str, str]:
    """The region of each country that one names."""
    found: dict[str, str] = {}
    for region, countries in table.items():
        for country in _words(f"{where}: {region}", countries):
            if found.setdefault(country, region) != region:
                raise CatalogueError(f"{where}: {country} stands in {found[country]} and in {region}")
    return found


def _purchase_rule(where: str, entry: Mapping[str, Any]) -> PurchaseRule:
    _keys(where, entry, {"id": str, "asks": str, "remedy": str}, {"by_partner": bool})
    return PurchaseRule(entry["id"], entry["asks"], entry["remedy"], entry.get("by_partner", False))


def _warned(where: str, entry: Mapping[str, Any]) -> Warned:
    _keys(where, entry, {"id": str, "says": str, "remedy": str}, {})
    return Warned(entry["id"], entry["says"], entry["remedy"])


@cache
def load_roles() -> Roles:
    """The shipped roles, groups, events and rights."""
    return read_roles(_shipped("roles.toml"))


@cache
def load_features() -> Features:
    """The shipped table of licences that features need."""
    return read_features(_shipped("features.toml"))


@cache
def load_retention() -> Retention:
    """The shipped days for which usage is kept."""
    return read_retention(_shipped("retention.toml"))


@cache
def load_masking() -> Masking:
    """The shipped numbers of hidden digits."""
    return read_masking(_shipped("masking.toml"))


@cache
def load_policies() -> Policies:
    """The shipped dial-out policies."""
    return read_policies(_shipped("policies.toml"))


@cache
def load_currencies() -> Currencies:
    """The shipped currencies and minimum purchases."""
    return read_currencies(_shipped("currencies.toml"))


@cache
def load_eligibility() -> Eligibility:
    """The shipped rules of who may buy."""
    return read_eligibility(_shipped("eligibility.toml"))


def _shipped(name: str) -> str:
    return resources.files("talktime.catalog").joinpath("data", name).read_text("utf-8")


def _top(file: str, text: str, tables_and_types: Mapping[str, type]) -> dict[str, Any]:
    """The tables of a file: all of these and no other."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{file}: not TOML: {error}") from None
    _keys(file, tables, tables_and_types, {})
    return tables


def _keys(where: str, entry: object, required: Mapping[str, type], optional: Mapping[str, type]) -> None:
    """Refuses, by name, a missing key, an unknown key and a value of another type."""
    if not isinstance(entry, Mapping):
        raise CatalogueError(f"{where}: {entry!r} is not a table of keys and values")
    known = {**required, **optional}
    for key in required:
        if key not in entry:
            raise CatalogueError(f"{where}: the key {key!r} is missing")
    for key, value in entry.items():
        if key not in known:
            raise CatalogueError(f"{where}: unknown key {key!r}; known are {', '.join(known)}")
        if not isinstance(value, known[key]) or (isinstance(value, bool) and known[key] is int):
            raise CatalogueError(f"{where}: {key} = {value!r} is not of type {known[key].__name__}")


def _by_id(
    file: str,
    kind: str,
    entries: Sequence[Mapping[str, Any]],
    read: Callable[[str, Mapping[str, Any]], _Value],
    key: str = "id",
) -> dict[str, _Value]:
    """The entries of an array by what tells them apart, in the order of the file."""
    found: dict[str, _Value] = {}
    for position, entry in enumerate(entries, 1):
        where = f"{file}: {kind} {position}"
        if isinstance(entry, dict) and key in entry:
            where = f"{file}: {kind} {entry[key]!r}"
        value = read(where, entry)
        if entry[key] in found:
            raise CatalogueError(f"{where}: stands twice")
        found[entry[key]] = value
    return found


def _words(where: str, values: object) -> tuple[str, ...]:
    """A list of strings; one string in place of a list would fall apart into letters."""
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise CatalogueError(f"{where}: {values!r} is not a list of words in quotes")
    return tuple(values)


def _one_of(where: str, value: str, allowed: Iterable[str]) -> str:
    if value not in allowed:
        raise CatalogueError(f"{where}: {value!r} is none of {', '.join(sorted(allowed))}")
    return value
