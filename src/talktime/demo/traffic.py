"""How people call: ranges of numbers, kinds of calls and hours, read from `traffic.toml`.

Call types, plan codes and countries are words of that file. Here stand only the words for the shape of a
call (one leg, a pair, a meeting) and for the time at which it begins.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum
from functools import lru_cache
from importlib import resources
from itertools import takewhile
from typing import Any, Final

FILE: Final = "traffic.toml"
OTHER: Final = "other"
"""In a table by country: all countries that have no entry."""


class Shape(StrEnum):
    """How the rows of one event belong together."""

    SINGLE = "single"
    PAIR = "pair"
    """Two legs with one Call ID, the first inbound."""
    MEETING = "meeting"
    """Some legs with one Conference ID."""
    SAME_END = "same_end"
    """Three calls that end at the same instant."""


class Clock(StrEnum):
    """When calls begin."""

    BUSINESS = "business"
    SERVICE = "service"
    MIDNIGHT = "midnight"
    """Minutes before midnight; the call goes on after it."""
    MONTH_END = "month_end"
    """The same on the last day."""
    MONTH_START = "month_start"
    """At the first instant of the first day."""


class Whose(StrEnum):
    """To whom a row belongs."""

    USER = "user"
    SERVICE = "service"
    NOBODY = "nobody"
    STRANGER = "stranger"


class TrafficError(ValueError):
    """A fault in the traffic file: which entry, what is wrong, what to do."""


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers of one destination. `stems`: (fixed part, digits that are drawn). Money in micros.

    `home` and `abroad` weigh the range among calls from inside and from outside of its country.
    """

    name: str
    country: str
    stems: tuple[tuple[str, int], ...]
    home: int
    abroad: int
    price_micros: int
    fee_micros: int
    toll_free: bool


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of call; `traffic.toml` says what each field means. `share` counts rows of a thousand."""

    name: str
    call_type: str = ""
    share: float | None = None
    shape: Shape = Shape.SINGLE
    legs: tuple[str, ...] = ()
    whose: Whose = Whose.USER
    plan: str = ""
    traits: frozenset[str] = frozenset()
    without_traits: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    line: str = ""
    clock: Clock = Clock.BUSINESS
    seconds: tuple[int, float] = (0, 0.0)
    abroad: float = 0.0
    ranges: tuple[str, ...] = ()
    texts: Mapping[str, tuple[str, ...]] | None = None
    capability: str = ""
    operator: str = ""
    duration_source: str = ""
    scope: str = ""
    late_end_s: int = 0


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody in the usage whom the tenant file does not know."""

    upn: str
    name: str
    location: str


@dataclass(frozen=True, slots=True)
class Traffic:
    """The whole file. The first kind takes what the shares of the others leave."""

    weekdays: tuple[int, ...]
    hours: Mapping[Clock, tuple[int, ...]]
    spread: float
    paid_capability: str
    user_number_type: str
    service_number_types: Mapping[str, str]
    operator: str
    duration_source: str
    time_zones: Mapping[str, str]
    administrative_units: Mapping[str, str]
    direct_routing: Mapping[str, str]
    ranges: Mapping[str, Range]
    strangers: tuple[Stranger, ...]
    kinds: tuple[Kind, ...]
    legs: Mapping[str, Kind]


@lru_cache(maxsize=1)
def load_traffic() -> Traffic:
    """The shipped traffic. Raises TrafficError."""
    return read_traffic(resources.files("talktime.demo").joinpath(FILE).read_text("utf-8"))


def read_traffic(text: str) -> Traffic:
    """The text of a traffic file -> Traffic. Raises TrafficError naming the entry."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TrafficError(f"{FILE}: not TOML: {error}") from None
    try:
        traffic = _traffic(data)
    except KeyError as missing:
        raise TrafficError(f"{FILE}: the key {missing} is missing") from None
    for kind in (*traffic.kinds, *traffic.legs.values()):
        _check(kind, traffic)
    return traffic


def _traffic(data: Mapping[str, Any]) -> Traffic:
    ranges = [_range(entry) for entry in data["range"]]
    return Traffic(
        weekdays=tuple(data["weekdays"]),
        hours={
            Clock.BUSINESS: tuple(data["business_hours"]),
            Clock.SERVICE: tuple(data["service_hours"]),
        },
        spread=data["spread"],
        paid_capability=data["paid_capability"],
        user_number_type=data["user_number_type"],
        service_number_types=data["service_number_types"],
        operator=data["operator"],
        duration_source=data["duration_source"],
        time_zones=data["time_zones"],
        administrative_units=data["administrative_units"],
        direct_routing=data["direct_routing"],
        ranges={each.name: each for each in ranges},
        strangers=tuple(Stranger(**entry) for entry in data["stranger"]),
        kinds=tuple(_kind(entry) for entry in data["kind"]),
        legs={entry["name"]: _kind(entry) for entry in data["leg"]},
    )


def _range(entry: Mapping[str, Any]) -> Range:
    return Range(
        name=entry["name"],
        country=entry["country"],
        stems=tuple(_stem(pattern) for pattern in entry["patterns"]),
        home=entry.get("home", 0),
        abroad=entry.get("abroad", 0),
        price_micros=entry["price_micros"],
        fee_micros=entry.get("fee_micros", 0),
        toll_free=entry.get("toll_free", False),
    )


def _stem(pattern: str) -> tuple[str, int]:
    """`+44207946xxxx` -> the digits before the first x, and how many are drawn."""
    fixed = "".join(takewhile(lambda digit: digit != "x", pattern))
    drawn = len(pattern) - len(fixed)
    if pattern != fixed + "x" * drawn or not fixed.startswith("+") or not fixed[1:].isdigit():
        raise TrafficError(f"{FILE}: pattern {pattern!r}: write + and digits, then an x for each free digit")
    return fixed, drawn


def _kind(entry: Mapping[str, Any]) -> Kind:
    """An entry as a Kind; lists become what the field holds."""
    where = f"{FILE}: kind {entry.get('name', '?')!r}"
    known = {field.name: field for field in fields(Kind)}
    unknown = sorted(entry.keys() - known.keys())
    if unknown:
        raise TrafficError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(known)}")
    missing = [name for name, field in known.items() if field.default is MISSING and name not in entry]
    if missing:
        raise TrafficError(f"{where}: the key {missing[0]!r} is missing")
    try:
        return Kind(**{name: _FORMS.get(name, _same)(value) for name, value in entry.items()})
    except ValueError as error:
        raise TrafficError(f"{where}: {error}") from None


def _same(value: Any) -> Any:
    return value


def _texts(table: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    return {country: tuple(texts) for country, texts in table.items()}


_FORMS: Final[Mapping[str, Any]] = {
    "shape": Shape,
    "clock": Clock,
    "whose": Whose,
    "legs": tuple,
    "seconds": tuple,
    "ranges": tuple,
    "traits": frozenset,
    "without_traits": frozenset,
    "services": frozenset,
    "texts": _texts,
}
"""What the values of some keys become."""


def _check(kind: Kind, traffic: Traffic) -> None:
    where = f"{FILE}: kind {kind.name!r}"
    for name in kind.ranges:
        if name not in traffic.ranges:
            raise TrafficError(f"{where}: there is no range {name!r}")
    for name in kind.legs:
        if name not in traffic.legs:
            raise TrafficError(f"{where}: there is no leg {name!r}")
    if kind.shape in (Shape.PAIR, Shape.MEETING) and not kind.legs:
        raise TrafficError(f"{where}: a {kind.shape} needs legs")
    if kind.texts is not None and OTHER not in kind.texts:
        raise TrafficError(f"{where}: texts need an entry {OTHER!r}")
    if kind.shape is not Shape.MEETING and not kind.call_type:
        raise TrafficError(f"{where}: the key 'call_type' is missing")
