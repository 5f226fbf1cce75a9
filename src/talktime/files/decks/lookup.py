"""Which row of a deck prices a number, and what stands behind it: `talktime rates lookup` and the API.

Every row that fits the call is listed, longest prefix first, in the order in which the rules ask them; the
first in force prices the call (domain.md 3, rulings.md 9 and 14). Only rows whose prefix the number can have
are looked at, so that a deck of 100,000 rates answers as fast as a small one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from talktime.core.deck import OUTBOUND, Call, Deck, LocalMinute, RateBook, RateRow, RateTable, in_force
from talktime.core.numbers import Number, parse_number
from talktime.core.prefix import NO_PREFIX

NOT_RATED: Final = "calls to this number are unrated in files and refused (no_rate) online"
"""What happens to a call that no row prices (rulings.md 13)."""

MOST_BEHIND: Final = 1_000
"""Rates that a number with hidden digits may have: of three hidden digits all."""

_AFTER_DIGITS: Final = ":"
"""Sorts behind every digit."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row that fits the call; `in_force`: its validity and window hold at the instant."""

    row: RateRow
    in_force: bool


@dataclass(frozen=True, slots=True)
class LookUp:
    """The answer for one number.

    `row` prices the call, None if no row does; `candidates` are all rows that fit it, best first;
    `undecided` are rows of longer prefixes that the hidden digits of a masked number could select.
    """

    number: Number
    row: RateRow | None
    candidates: tuple[Candidate, ...]
    undecided: tuple[RateRow, ...]


class State(StrEnum):
    """How a row stands to a number: prices it, is behind another, not in force, or may price it."""

    PRICES = "prices"
    BEHIND = "behind"
    NOT_IN_FORCE = "not_in_force"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Possibility:
    """A row whose prefix the number has. PRICES: for calls of just the conditions that it names."""

    row: RateRow
    state: State


ANY_OUTBOUND: Final = Call(category="", number_type="", direction=OUTBOUND, origin_country="")
"""An outbound call of which nothing else is known: only rows without other conditions fit it."""


@dataclass(frozen=True, slots=True)
class DeckIndex:
    """A deck with its rows by prefix: `prefixes` ascending, `places` the indexes of the rows of each."""

    deck: Deck
    prefixes: tuple[str, ...]
    places: Mapping[str, Sequence[int]]

    def near(self, number: Number) -> Deck:
        """The deck with only the rows whose prefix the number has, or may have behind its hidden digits."""
        digits = number.digits
        named = [digits[:length] for length in range(1, len(digits) + 1)]
        if number.hidden:
            first = bisect_left(self.prefixes, digits)
            after = bisect_left(self.prefixes, digits + _AFTER_DIGITS)
            most = len(digits) + number.hidden
            named += [prefix for prefix in self.prefixes[first:after] if len(digits) < len(prefix) <= most]
        rows = [self.deck.rows[place] for prefix in named for place in self.places.get(prefix, ())]
        return replace(self.deck, rows=tuple(rows))


def deck_index(deck: Deck) -> DeckIndex:
    """Sorts the rows of a deck by prefix; takes a tenth of a second for 100,000 rows."""
    places: dict[str, list[int]] = {}
    for place, row in enumerate(deck.rows):
        places.setdefault(row.prefix, []).append(place)
    return DeckIndex(deck, tuple(sorted(places)), places)


def number_of(text: str) -> Number:
    """A number that somebody looks up: `+4420...`, `0044...`, or bare digits with their calling code.

    `*` are hidden digits. Raises ValueError for what is no such number.
    """
    number = parse_number(text, None)
    if not number.digits and text.strip()[:1].isdecimal():
        number = parse_number(f"+{text.strip()}", None)
    if not number.digits:
        raise ValueError(f"{text!r} is no international number; write it as +442071838750")
    return number


def look_up(
    deck: Deck, number_text: str, *, at_us: int, local_minute: LocalMinute, call: Call = ANY_OUTBOUND
) -> LookUp:
    """Looks a number, as `number_of` takes it, up for a call that starts at an instant. Raises ValueError."""
    number = number_of(number_text)
    return _looked_up(RateBook(deck_index(deck).near(number)), number, at_us, local_minute, call)


def possibilities(
    index: DeckIndex, number: Number, *, at_us: int, local_minute: LocalMinute
) -> tuple[Possibility, ...]:
    """Every row of a deck that may price a number, longest prefix first, conditions before none.

    Each set of conditions that a row names is asked for once, as a call of which just that is known. Raises
    ValueError where so many digits are hidden that more than MOST_BEHIND rows may.
    """
    book = RateBook(index.near(number))
    count = len(book.deck.rows)
    if number.hidden and count > MOST_BEHIND:
        raise ValueError(f"{number.text} may have any of {count:,} rates: hide fewer digits of it")
    pricing: set[int] = set()
    undecided: set[int] = set()
    for call in dict.fromkeys(Call(*row.conditions) for row in book.deck.rows):
        found = _looked_up(book, number, at_us, local_minute, call)
        pricing |= {id(found.row)}
        undecided |= {id(row) for row in found.undecided}

    def state(row: RateRow) -> State:
        if id(row) in undecided:
            return State.UNDECIDED
        if id(row) in pricing:
            return State.PRICES
        return State.BEHIND if in_force(row, at_us, local_minute) else State.NOT_IN_FORCE

    rows = sorted(book.deck.rows, key=lambda row: (len(row.prefix), row.rank), reverse=True)
    return tuple(Possibility(row, state(row)) for row in rows)


def _looked_up(book: RateBook, number: Number, at_us: int, local_minute: LocalMinute, call: Call) -> LookUp:
    deck, table = book.deck, book.table(call)
    candidates = tuple(
        Candidate(deck.rows[index], in_force(deck.rows[index], at_us, local_minute))
        for index in _chain(table, table.table.find(number.digits))
    )
    row = next((candidate.row for candidate in candidates if candidate.in_force), None)
    return LookUp(number, row, candidates, _undecided(deck, table, number))


def _chain(table: RateTable, prefix: int) -> list[int]:
    """The rows of a prefix and of the shorter prefixes behind it, in the order in which they are asked."""
    rows: list[int] = []
    while prefix != NO_PREFIX:
        rows.extend(table.candidates[prefix])
        prefix = table.table.parents[prefix]
    return rows


def _undecided(deck: Deck, table: RateTable, number: Number) -> tuple[RateRow, ...]:
    if not number.hidden:
        return ()
    visible = len(number.digits)
    longer = sorted(
        prefix
        for prefix in table.table.possible(number.digits, number.hidden) - {NO_PREFIX}
        if visible < table.table.lengths[prefix]
    )
    return tuple(deck.rows[index] for prefix in longer for index in table.candidates[prefix])
