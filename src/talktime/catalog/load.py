"""Loading the catalogue: the shipped data files, then those of the operator's own folder on top.

In an own folder a plan, category or zone replaces the shipped one of the same name, further ones are added,
and its rules are asked before the shipped rules. Faults name file and entry.
"""

import hashlib
import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from talktime.catalog.model import (
    ANYWHERE,
    BASIS_ASSIGNED,
    BASIS_PURCHASED,
    CREDITS,
    DOMESTIC,
    FREE,
    INTERNATIONAL,
    OTHER_OPERATOR,
    POLICY_REACHES,
    PREMIUM_CREDITS_ONLY,
    PREMIUM_NORMAL,
    PREMIUM_REFUSE,
    SCOPE_COUNTRY,
    SCOPE_TENANT,
    SCOPE_USER,
    TOLL_FREE,
    ZONE,
    Catalogue,
    Category,
    NumberFacts,
    Plan,
    PlanPool,
    Rule,
    compile_rules,
)
from talktime.core.limits import MAX_MINUTES, NO_LIMIT
from talktime.core.numbers import Dialling
from talktime.core.prefix import prefix_table

FILES: Final = ("plans.toml", "categories.toml", "call_types.toml", "zones.toml", "premium.toml")
"""The files that an own folder may extend."""

TABLES: Final = ("numbers.csv", "dialling.csv")
"""Tables made from public numbering metadata; shipped only."""

FOLDER_VARIABLE: Final = "TALKTIME_CATALOGUE"


class CatalogueError(ValueError):
    """A fault in catalogue data: which file, which entry, what to do."""


def load_catalogue(folder: Path | None = None) -> Catalogue:
    """The shipped catalogue, extended by a folder of the operator's own. Raises CatalogueError."""
    if folder is None and FOLDER_VARIABLE in os.environ:
        folder = Path(os.environ[FOLDER_VARIABLE])
    return _load(folder)


@lru_cache(maxsize=8)
def _load(folder: Path | None) -> Catalogue:
    texts = {name: _shipped(name) for name in FILES + TABLES}
    data = {name: _toml(name, texts[name]) for name in FILES}
    digest = hashlib.sha256("\0".join(texts[name] for name in sorted(texts)).encode())
    if folder is not None:
        for name, text in _own(folder):
            digest.update(f"\0{name}\0{text}".encode())
            _extend(str(folder / name), data[name], _toml(str(folder / name), text))
    return _catalogue(data, texts, digest.hexdigest()[:12])


def _shipped(name: str) -> str:
    return resources.files("talktime.catalog").joinpath("data", name).read_text("utf-8")


def _own(folder: Path) -> Iterable[tuple[str, str]]:
    if not folder.is_dir():
        raise CatalogueError(f"{folder} is not a folder; name a folder with files such as plans.toml")
    for path in sorted(folder.glob("*.toml")):
        if path.name not in FILES:
            raise CatalogueError(f"{path}: no such catalogue file; the names are {', '.join(FILES)}")
        yield path.name, path.read_text("utf-8")


def _toml(name: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{name}: not TOML: {error}") from None


_KEYS: Final = {"plan": "code", "category": "name", "premium": "prefix", "treat_as": "name"}
"""Which key tells entries of an array apart."""


def _extend(where: str, shipped: dict[str, Any], own: Mapping[str, Any]) -> None:
    """Lays a file of the own folder over the shipped one, in place."""
    for name, value in own.items():
        if name not in shipped:
            raise CatalogueError(f"{where}: unknown key {name!r}; known are {', '.join(shipped)}")
        if type(value) is not type(shipped[name]):
            raise CatalogueError(
                f"{where}: {name!r} must be written as in the shipped file, [[...]] or [...]"
            )
        if name == "rule":
            shipped[name] = [*value, *shipped.get(name, [])]
        elif name in _KEYS:
            key = _KEYS[name]
            replaced = {entry.get(key) for entry in value}
            shipped[name] = [e for e in shipped.get(name, []) if e.get(key) not in replaced] + value
        elif isinstance(value, dict):
            shipped[name] = {**shipped.get(name, {}), **value}
        elif isinstance(value, list):
            shipped[name] = [*shipped.get(name, []), *value]
        else:
            shipped[name] = value


def _catalogue(data: Mapping[str, Mapping[str, Any]], texts: Mapping[str, str], digest: str) -> Catalogue:
    zones_data, types_data = data["zones.toml"], data["call_types.toml"]
    zones = {name: frozenset(countries) for name, countries in zones_data["zones"].items()}
    plans = {plan.code: plan for plan in (_plan(entry, zones) for entry in data["plans.toml"]["plan"])}
    categories = _categories(data["categories.toml"]["category"], plans)
    rules = _rules(data["categories.toml"]["rule"], plans, categories, zones)
    bits, compiled = compile_rules(rules)
    premium = data["premium.toml"].get("premium", [])
    numbers = _numbers(texts["numbers.csv"])
    return Catalogue(
        plans=plans,
        categories=categories,
        rules=rules,
        zones=zones,
        domestic_groups={c: frozenset(g) for g in zones_data["domestic_groups"] for c in g},
        pool_groups={country: "/".join(group) for group in zones_data["pool_groups"] for country in group},
        directions={name: tuple(patterns) for name, patterns in types_data["direction"].items()},
        own_operators=frozenset(types_data["operator"]["own"]),
        number_types={word: kind for kind, words in types_data["number_type"].items() for word in words},
        treatments=dict(_treatment(entry) for entry in types_data["treat_as"]),
        premium_states=tuple(_premium_state(entry) for entry in premium),
        premium=prefix_table([entry["prefix"] for entry in premium]),
        numbers=prefix_table(tuple(numbers)),
        number_facts=tuple(numbers.values()),
        dialling=_dialling(texts["dialling.csv"]),
        digest=digest,
        _bits=bits,
        _compiled=compiled,
    )


def _take(where: str, entry: Mapping[str, Any], required: Sequence[str], optional: Sequence[str]) -> None:
    """Refuses an entry with a missing or an unknown key, by name."""
    for key in required:
        if key not in entry:
            raise CatalogueError(f"{where}: the key {key!r} is missing")
    for key in entry:
        if key not in required and key not in optional:
            raise CatalogueError(
                f"{where}: unknown key {key!r}; known are {', '.join((*required, *optional))}"
            )


def _one_of(where: str, value: str, allowed: Iterable[str]) -> str:
    if value not in allowed:
        raise CatalogueError(f"{where}: {value!r} is none of {', '.join(sorted(allowed))}")
    return value


def _plan(entry: Mapping[str, Any], zones: Mapping[str, frozenset[str]]) -> Plan:
    where = f"plans.toml: plan {entry.get('code', '?')!r}"
    _take(
        where,
        entry,
        ("code", "name", "kind", "basis", "scope"),
        ("countries", "free", "traits", "pools", "strict_or"),
    )
    return Plan(
        code=entry["code"],
        name=entry["name"],
        kind=_one_of(where, entry["kind"], ("calling", "conferencing", "credits", "phone")),
        basis=_one_of(where, entry["basis"], (BASIS_ASSIGNED, BASIS_PURCHASED)),
        scope=_one_of(where, entry["scope"], (SCOPE_COUNTRY, SCOPE_TENANT, SCOPE_USER)),
        countries=frozenset(entry.get("countries", ())),
        free=entry.get("free", False),
        traits=frozenset(entry.get("traits", ())),
        pools=tuple(_plan_pool(where, pool, zones) for pool in entry.get("pools", ())),
        strict_or=entry.get("strict_or", False),
    )


def _plan_pool(where: str, entry: Mapping[str, Any], zones: Mapping[str, frozenset[str]]) -> PlanPool:
    where = f"{where}, pool {entry.get('kind', '?')!r}"
    _take(where, entry, ("kind", "destinations", "minutes"), ("minutes_in",))
    return PlanPool(
        kind=entry["kind"],
        destinations=_one_of(where, entry["destinations"], {DOMESTIC, INTERNATIONAL, ANYWHERE, *zones}),
        minutes=_minutes(where, entry["minutes"]),
        minutes_in={country: _minutes(where, m) for country, m in entry.get("minutes_in", {}).items()},
    )


def _minutes(where: str, value: Any) -> int:
    if value == "unlimited":
        return NO_LIMIT
    if type(value) is not int or not 0 <= value <= MAX_MINUTES:
        raise CatalogueError(f'{where}: minutes {value!r} must be 0 to {MAX_MINUTES:,} or "unlimited"')
    return value


_CATEGORY_MAY_HOLD: Final = ("licence", "payer", "never_refused", "state", "flag", "policy")


def _categories(entries: Sequence[Mapping[str, Any]], plans: Mapping[str, Plan]) -> dict[str, Category]:
    kinds = {pool.kind for plan in plans.values() for pool in plan.pools} | {FREE, CREDITS}
    traits = {trait for plan in plans.values() for trait in plan.traits}
    categories = {}
    for entry in entries:
        where = f"categories.toml: category {entry.get('name', '?')!r}"
        _take(where, entry, ("name", "funding"), _CATEGORY_MAY_HOLD)
        for kind in entry["funding"]:
            _one_of(where, kind, kinds)
        licence, policy = entry.get("licence", ""), entry.get("policy", "")
        categories[entry["name"]] = Category(
            name=entry["name"],
            funding=tuple(entry["funding"]),
            licence=_one_of(where, licence, traits) if licence else "",
            payer=_one_of(where, entry.get("payer", "user"), ("user", "service")),
            never_refused=entry.get("never_refused", False),
            state=entry.get("state", "free" if FREE in entry["funding"] else "charged"),
            flag=entry.get("flag", ""),
            policy=_one_of(where, policy, POLICY_REACHES) if policy else "",
        )
    return categories


def _rules(
    entries: Sequence[Mapping[str, Any]],
    plans: Mapping[str, Plan],
    categories: Mapping[str, Category],
    zones: Mapping[str, frozenset[str]],
) -> tuple[Rule, ...]:
    facts = {TOLL_FREE, OTHER_OPERATOR, DOMESTIC} | {ZONE + zone for zone in zones}
    facts |= {trait for plan in plans.values() for trait in plan.traits}
    rules = []
    for position, entry in enumerate(entries, 1):
        where = f"categories.toml: rule {position} ({entry.get('category', '?')})"
        _take(where, entry, ("category", "call_types", "why"), ("when", "unless"))
        for fact in (*entry.get("when", ()), *entry.get("unless", ())):
            _one_of(where, fact, facts)
        rules.append(
            Rule(
                category=_one_of(where, entry["category"], categories),
                call_types=tuple(entry["call_types"]),
                when=tuple(entry.get("when", ())),
                unless=tuple(entry.get("unless", ())),
                why=entry["why"],
            )
        )
    if not rules or rules[-1].call_types != ("*",) or rules[-1].when or rules[-1].unless:
        raise CatalogueError('categories.toml: the last rule must take every call: call_types = ["*"]')
    return tuple(rules)


def _treatment(entry: Mapping[str, Any]) -> tuple[str, Mapping[str, str]]:
    _take(f"call_types.toml: treat_as {entry.get('name', '?')!r}", entry, ("name", "call_types"), ())
    return entry["name"], entry["call_types"]


def _premium_state(entry: Mapping[str, Any]) -> str:
    where = f"premium.toml: prefix {entry.get('prefix', '?')!r}"
    _take(where, entry, ("prefix", "state"), ("name",))
    return _one_of(where, entry["state"], (PREMIUM_REFUSE, PREMIUM_CREDITS_ONLY, PREMIUM_NORMAL))


def _rows(text: str) -> Iterable[list[str]]:
    """The data rows of a shipped table: no quotes, comment lines with #, one header."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return (line.split(",") for line in lines[1:])


def _numbers(text: str) -> dict[str, NumberFacts]:
    return {prefix: NumberFacts(country, kind) for prefix, country, kind in _rows(text)}


def _dialling(text: str) -> dict[str, Dialling]:
    return {
        country: Dialling(code, trunk, exit_, tuple(map(int, lengths.split())))
        for country, code, trunk, exit_, lengths in _rows(text)
    }
