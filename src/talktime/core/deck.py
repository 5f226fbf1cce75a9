"""Rate decks: which row prices a call.

A row may carry conditions (category, number type, direction, origin country), a validity and a weekly
window. Rows that do not fit the call are dropped, then the longest prefix wins, then more conditions, then
a window (domain.md 3, rulings.md 14). A deck is never edited: a change is a new version.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from talktime.core.limits import ALWAYS_US, NEVER_US
from talktime.core.money import HALF_UP
from talktime.core.prefix import NO_PREFIX, PrefixTable, prefix_table
from talktime.core.rating import AFTER_FIRST, DEFAULT_FIRST_S, DEFAULT_STEP_S

OUTBOUND: Final = "outbound"
INBOUND: Final = "inbound"
MINUTES_A_DAY: Final = 1440
EVERY_DAY: Final = 0b1111111
NO_ROW: Final = -1

LocalMinute = Callable[[str, int], tuple[int, int]]
"""(time zone, instant in us) -> (weekday 0 = Monday, minute of the day), computed at the edge."""


@dataclass(frozen=True, slots=True)
class RateRow:
    """One row of a deck. Prices in nanos a minute, fee in micros; empty text means "any"."""

    prefix: str
    price_nanos: int
    first_price_nanos: int
    fee_micros: int = 0
    first_s: int = DEFAULT_FIRST_S
    step_s: int = DEFAULT_STEP_S
    name: str = ""
    type: str = ""
    country: str = ""
    category: str = ""
    number_type: str = ""
    direction: str = OUTBOUND
    origin_country: str = ""
    valid_from_us: int = ALWAYS_US
    valid_until_us: int = NEVER_US
    weekdays: int = EVERY_DAY
    from_min: int = 0
    to_min: int = MINUTES_A_DAY
    time_zone: str = "UTC"
    line: int = 0

    @property
    def has_window(self) -> bool:
        """Whether the row holds for a part of the week only."""
        return self.weekdays != EVERY_DAY or (self.from_min, self.to_min) != (0, MINUTES_A_DAY)

    @property
    def has_validity(self) -> bool:
        """Whether the row holds for a part of time only."""
        return self.valid_from_us != ALWAYS_US or self.valid_until_us != NEVER_US

    @property
    def conditions(self) -> tuple[str, str, str, str]:
        """The conditions in the order of their rank (rulings.md 14)."""
        return (self.category, self.number_type, self.direction, self.origin_country)

    @property
    def rank(self) -> tuple[bool, bool, bool, bool]:
        """Sorts rows of one prefix: a condition on the category first, then on the others, then a window.

        The direction does not count: every row has one.
        """
        return (bool(self.category), bool(self.number_type), bool(self.origin_country), self.has_window)


@dataclass(frozen=True, slots=True)
class Deck:
    """A versioned table of rates. `version` is the hash of its content, `sample`: its prices are not real.

    `rounding` and `increments` are the numbers of `core.money.ROUNDINGS` and `core.rating.INCREMENTS`.
    """

    name: str
    version: str
    currency: str
    rows: tuple[RateRow, ...]
    rounding: int = HALF_UP
    decimals: int = 6
    increments: int = AFTER_FIRST
    sample: bool = False


class Call(NamedTuple):
    """What a deck needs to know of a call; `number_type` and `origin_country` may be empty."""

    category: str
    number_type: str
    direction: str
    origin_country: str


@dataclass(frozen=True, slots=True)
class RateTable:
    """The rows of a deck that fit one kind of call: a prefix table and the candidates of each prefix.

    `candidates[p]` are indexes into `deck.rows`, best first.
    """

    table: PrefixTable
    candidates: tuple[tuple[int, ...], ...]
    timed: tuple[bool, ...]


def fits_conditions(row: RateRow, call: Call) -> bool:
    """Whether the filled conditions of a row fit a call. A row without direction was read as outbound."""
    return (
        row.direction == call.direction
        and row.category in ("", call.category)
        and row.number_type in ("", call.number_type)
        and row.origin_country in ("", call.origin_country)
    )


def in_window(weekday: int, minute: int, weekdays: int, from_min: int, to_min: int) -> int:
    """1 where a local time lies in a weekly window: from inclusive, to exclusive.

    A window whose end is not after its begin crosses midnight and belongs to the day it begins on.
    """
    if from_min < to_min:
        return 1 if weekdays >> weekday & 1 and from_min <= minute < to_min else 0
    if minute >= from_min:
        return weekdays >> weekday & 1
    return weekdays >> ((weekday + 6) % 7) & 1 if minute < to_min else 0


def rate_table(deck: Deck, call: Call) -> RateTable:
    """The rows that fit one kind of call, ready to be looked up."""
    by_prefix: dict[str, list[int]] = {}
    for index, row in enumerate(deck.rows):
        if fits_conditions(row, call):
            by_prefix.setdefault(row.prefix, []).append(index)
    for indexes in by_prefix.values():
        indexes.sort(key=lambda i: deck.rows[i].rank, reverse=True)
    candidates = tuple(tuple(indexes) for indexes in by_prefix.values())
    timed = tuple(
        any(deck.rows[i].has_window or deck.rows[i].has_validity for i in indexes) for indexes in candidates
    )
    return RateTable(prefix_table(tuple(by_prefix)), candidates, timed)


def pick(deck: Deck, table: RateTable, prefix: int, at_us: int, local_minute: LocalMinute) -> int:
    """The row in force at an instant for a number whose longest prefix is `prefix`, or NO_ROW.

    Where no row of the prefix is in force, its shorter prefixes are asked in turn.
    """
    while prefix != NO_PREFIX:
        for index in table.candidates[prefix]:
            if in_force(deck.rows[index], at_us, local_minute):
                return index
        prefix = table.table.parents[prefix]
    return NO_ROW


def in_force(row: RateRow, at_us: int, local_minute: LocalMinute) -> bool:
    """Whether a row's validity and window hold at an instant."""
    if not row.valid_from_us <= at_us < row.valid_until_us:
        return False
    if not row.has_window:
        return True
    weekday, minute = local_minute(row.time_zone, at_us)
    return bool(in_window(weekday, minute, row.weekdays, row.from_min, row.to_min))


@dataclass(slots=True)
class RateBook:
    """A deck with its rate tables, each made when the first call of its kind asks for it."""

    deck: Deck
    _named: tuple[frozenset[str], frozenset[str], frozenset[str]] = field(init=False, repr=False)
    _tables: dict[Call, RateTable] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        rows = self.deck.rows
        self._named = (
            frozenset(row.category for row in rows),
            frozenset(row.number_type for row in rows),
            frozenset(row.origin_country for row in rows),
        )

    def kind_of(self, call: Call) -> Call:
        """The call with what no row of the deck asks for left out: few kinds, so few tables."""
        categories, number_types, origins = self._named
        return Call(
            call.category if call.category in categories else "",
            call.number_type if call.number_type in number_types else "",
            call.direction,
            call.origin_country if call.origin_country in origins else "",
        )

    @property
    def prices_by_origin(self) -> bool:
        """Whether a row asks where calls come from."""
        return self._named[2] != {""}

    def table(self, call: Call) -> RateTable:
        """The rate table for calls of this kind."""
        kind = self.kind_of(call)
        if kind not in self._tables:
            self._tables[kind] = rate_table(self.deck, kind)
        return self._tables[kind]

    def find(self, call: Call, digits: str, at_us: int, local_minute: LocalMinute) -> int:
        """The index in `deck.rows` of the row that prices a call to these visible digits, or NO_ROW."""
        table = self.table(call)
        return pick(self.deck, table, table.table.find(digits), at_us, local_minute)


def index_rows(rows: Sequence[RateRow]) -> Mapping[str, list[RateRow]]:
    """Rows by prefix, for checks and comparisons of decks."""
    by_prefix: dict[str, list[RateRow]] = {}
    for row in rows:
        by_prefix.setdefault(row.prefix, []).append(row)
    return by_prefix
