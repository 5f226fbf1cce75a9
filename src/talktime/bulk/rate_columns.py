"""Which row of the deck prices each call, by columns.

Calls are looked up kind by kind (few kinds: category, number type, direction, origin as far as the deck
names them). Rows that hold for all of the file's time are found by arrays; where validity or a weekly
window decides, the core picks call by call (rulings.md 14).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from talktime.accounts.calendar import local_minute
from talktime.bulk.lookup import find_many
from talktime.bulk.state import Rates
from talktime.core.deck import NO_ROW, Deck, RateBook, RateTable, pick
from talktime.core.limits import US_PER_S
from talktime.core.prefix import NO_PREFIX
from talktime.core.rating import AFTER_FIRST, DEFAULT_FIRST_S, DEFAULT_STEP_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.core.deck import Call

    Ints = NDArray[np.int64]

ASK: int = -2
"""In a table of settled prefixes: the instant of the call decides."""


@lru_cache(maxsize=100_000)
def _minute(time_zone: str, minute: int) -> tuple[int, int]:
    return local_minute(time_zone, minute * 60 * US_PER_S)


def minute_of(time_zone: str, at_us: int) -> tuple[int, int]:
    """`calendar.local_minute`, remembered: zones change their offset on whole minutes."""
    return _minute(time_zone, at_us // (60 * US_PER_S))


def rates_of(
    book: RateBook, kinds: Sequence[Call], kind: Ints, keys: Ints, lengths: Ints, start_us: Ints
) -> Ints:
    """The deck row of each call, or NO_ROW. `kind` indexes `kinds`; -1 asks for no rate."""
    rows = np.full(len(kind), NO_ROW, np.int64)
    tables: dict[int, list[int]] = {}
    by_table: dict[int, RateTable] = {}
    for number, call in enumerate(kinds):
        table = book.table(call)
        tables.setdefault(id(table), []).append(number)
        by_table[id(table)] = table
    for name, numbers in tables.items():
        at = np.flatnonzero(np.isin(kind, numbers))
        rows[at] = _rates_in(book.deck, by_table[name], keys[at], lengths[at], start_us[at])
    return rows


def _rates_in(deck: Deck, table: RateTable, keys: Ints, lengths: Ints, start_us: Ints) -> Ints:
    if not len(keys) or not table.candidates:
        return np.full(len(keys), NO_ROW, np.int64)
    prefix = find_many(table.table, keys, lengths)
    settled = np.array([*_settled(deck, table, int(start_us.min()), int(start_us.max())), NO_ROW], np.int64)
    rows: Ints = settled[prefix]
    for at in np.flatnonzero(rows == ASK):
        rows[at] = pick(deck, table, int(prefix[at]), int(start_us[at]), minute_of)
    return rows


def _settled(deck: Deck, table: RateTable, first_us: int, last_us: int) -> list[int]:
    """For each prefix its row where one holds through the whole span, else ASK."""
    settled = []
    for prefix, candidates in enumerate(table.candidates):
        if not table.timed[prefix]:
            settled.append(candidates[0])
            continue
        best = deck.rows[candidates[0]]
        through = best.valid_from_us <= first_us and last_us < best.valid_until_us and not best.has_window
        settled.append(candidates[0] if through else ASK)
    return settled


def masked_price(book: RateBook, call: Call, digits: str, hidden: int, row: int, at_us: int) -> bool:
    """Whether one of the hidden digits could change the price of a call (rulings.md 9)."""
    table = book.table(call)
    possible = {
        pick(book.deck, table, prefix, at_us, minute_of) if prefix != NO_PREFIX else NO_ROW
        for prefix in table.table.possible(digits, hidden)
    }
    return len({_price(book.deck, found) for found in possible | {row}}) > 1


def _price(deck: Deck, row: int) -> tuple[int, ...] | None:
    if row == NO_ROW:
        return None
    rate = deck.rows[row]
    return (rate.price_nanos, rate.first_price_nanos, rate.fee_micros, rate.first_s, rate.step_s)


def rate_lists(deck: Deck) -> Rates:
    """The columns of the settlement loop; after the deck's rows the one that stands for "no rate"."""
    rows = deck.rows
    return Rates(
        rated=[1] * len(rows) + [0],
        first_s=[row.first_s for row in rows] + [DEFAULT_FIRST_S],
        step_s=[row.step_s for row in rows] + [DEFAULT_STEP_S],
        model=[deck.increments] * len(rows) + [AFTER_FIRST],
        first_price_nanos=[row.first_price_nanos for row in rows] + [0],
        price_nanos=[row.price_nanos for row in rows] + [0],
        fee_micros=[row.fee_micros for row in rows] + [0],
        rounding=[deck.rounding] * (len(rows) + 1),
        decimals=[deck.decimals] * (len(rows) + 1),
    )
