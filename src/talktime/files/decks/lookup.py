"""Which row of a deck prices a number, and what stands behind it: `talktime rates lookup`.

Every row that fits the call is listed, longest prefix first, in the order in which the rules ask them; the
first in force prices the call (domain.md 3, rulings.md 9 and 14).
"""

from dataclasses import dataclass
from typing import Final

from talktime.core.deck import OUTBOUND, Call, Deck, LocalMinute, RateBook, RateRow, RateTable, in_force
from talktime.core.numbers import Number, parse_number
from talktime.core.prefix import NO_PREFIX


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


ANY_OUTBOUND: Final = Call(category="", number_type="", direction=OUTBOUND, origin_country="")
"""An outbound call of which nothing else is known: only rows without other conditions fit it."""


def look_up(
    deck: Deck, number_text: str, *, at_us: int, local_minute: LocalMinute, call: Call = ANY_OUTBOUND
) -> LookUp:
    """Looks a number up for a call that starts at an instant.

    `number_text`: `+4420...`, `0044...` or bare digits, which are taken with their calling code; `*` are
    hidden digits. Raises ValueError for what is no such number.
    """
    number = parse_number(number_text, None)
    if not number.digits and number_text.strip()[:1].isdecimal():
        number = parse_number(f"+{number_text.strip()}", None)
    if not number.digits:
        raise ValueError(f"{number_text!r} is no international number; write it as +442071838750")
    table = RateBook(deck).table(call)
    found = table.table.find(number.digits)
    candidates = tuple(
        Candidate(deck.rows[index], in_force(deck.rows[index], at_us, local_minute))
        for index in _chain(table, found)
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
