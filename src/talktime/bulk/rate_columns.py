"""Which row of the deck prices each call, by columns.

Calls are looked up kind by kind (few kinds: category, number type, direction, origin as far as the deck
names them). Most prefixes have one row through all of the file's time; where validity or a weekly window
decides, the candidates of a prefix are tried on all of its calls at once (rulings.md 14).
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from talktime.accounts.calendar import local_minute, to_utc, zone
from talktime.bulk.state import Rates
from talktime.core.deck import MINUTES_A_DAY, NO_ROW, Deck, RateBook, RateRow, RateTable, in_window, pick
from talktime.core.limits import US_PER_S
from talktime.core.prefix import NO_PREFIX
from talktime.core.rating import AFTER_FIRST, DEFAULT_FIRST_S, DEFAULT_STEP_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.core.deck import Call

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

ASK: Final = -2
"""In a table of settled prefixes: the instant of the call decides."""

MINUTES_A_WEEK: Final = 7 * MINUTES_A_DAY

_DAY_US: Final = 86_400 * US_PER_S
_THURSDAY_MIN: Final = 3 * MINUTES_A_DAY


@lru_cache(maxsize=100_000)
def _minute(time_zone: str, minute: int) -> tuple[int, int]:
    return local_minute(time_zone, minute * 60 * US_PER_S)


def minute_of(time_zone: str, at_us: int) -> tuple[int, int]:
    """`calendar.local_minute`, remembered: zones change their offset on whole minutes."""
    return _minute(time_zone, at_us // (60 * US_PER_S))


def rates_in(deck: Deck, table: RateTable, prefix: Ints, start_us: Ints) -> Ints:
    """The deck row that prices each call, or NO_ROW, from the longest prefix of its number in the table."""
    if not len(prefix) or not table.candidates:
        return np.full(len(prefix), NO_ROW, np.int64)
    span = int(start_us.min()), int(start_us.max())
    settled = np.array([*settled_rows(deck, table, *span), NO_ROW], np.int64)
    rows: Ints = settled[prefix]
    at = np.flatnonzero(rows == ASK)
    if len(at):
        rows[at] = _in_force(deck, table, prefix[at], start_us[at])
    return rows


def settled_rows(deck: Deck, table: RateTable, first_us: int, last_us: int) -> list[int]:
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


def _in_force(deck: Deck, table: RateTable, prefix: Ints, start_us: Ints) -> Ints:
    """`core.deck.pick` for many calls: prefix by prefix, those without a row in force go to its parent."""
    found = np.full(len(prefix), NO_ROW, np.int64)
    weeks = _Weeks(start_us)
    parents = np.asarray(table.table.parents, np.int64)
    at = np.argsort(prefix, kind="stable")
    while len(at):
        edges = np.flatnonzero(np.diff(prefix[at])) + 1
        left = [_tried(deck, table, int(prefix[rows[0]]), rows, weeks, found) for rows in np.split(at, edges)]
        at = np.concatenate(left)
        prefix = prefix.copy()
        prefix[at] = parents[prefix[at]]
        at = at[prefix[at] != NO_PREFIX]
        at = at[np.argsort(prefix[at], kind="stable")]
    return found


def _tried(deck: Deck, table: RateTable, prefix: int, rows: Ints, weeks: _Weeks, found: Ints) -> Ints:
    """Gives the calls of one prefix the best of its rows in force; returns those that none prices."""
    for index in table.candidates[prefix]:
        holds = weeks.in_force(deck.rows[index], rows)
        found[rows[holds]] = index
        rows = rows[~holds]
        if not len(rows):
            break
    return rows


class _Weeks:
    """The starts of some calls, and in which minute of the local week each lies, zone by zone."""

    def __init__(self, start_us: Ints) -> None:
        self.start_us = start_us
        self.minutes: dict[str, Ints] = {}

    def in_force(self, row: RateRow, rows: Ints) -> Flags:
        """`core.deck.in_force` for some of the calls."""
        start_us = self.start_us[rows]
        holds: Flags = (row.valid_from_us <= start_us) & (start_us < row.valid_until_us)
        if row.has_window:
            holds &= _week(row.weekdays, row.from_min, row.to_min)[self.minute(row.time_zone)[rows]]
        return holds

    def minute(self, time_zone: str) -> Ints:
        """Minutes since Monday 00:00 in a time zone."""
        if time_zone not in self.minutes:
            self.minutes[time_zone] = minutes_of_week(self.start_us, time_zone)
        return self.minutes[time_zone]


def minutes_of_week(at_us: Ints, time_zone: str) -> Ints:
    """Minutes since Monday 00:00 in a time zone: `calendar.local_minute` by columns.

    Days are asked for the zone's offset; instants only on days on which it changes.
    """
    days, at = np.unique(at_us // _DAY_US, return_inverse=True)
    offset_us = np.empty(len(days), np.int64)
    changes = np.zeros(len(days), np.bool_)
    for place, day in enumerate(days.tolist()):
        first, last = (_offset_us(time_zone, edge) for edge in (day * _DAY_US, (day + 1) * _DAY_US - 1))
        offset_us[place] = first
        changes[place] = first != last
    offset_of = offset_us[at]
    for row in np.flatnonzero(changes[at]).tolist():
        offset_of[row] = _offset_us(time_zone, int(at_us[row]))
    minute = (at_us + offset_of) // (60 * US_PER_S) + _THURSDAY_MIN  # 1970 began on a Thursday
    return minute % MINUTES_A_WEEK


def _offset_us(time_zone: str, at_us: int) -> int:
    offset = to_utc(at_us).astimezone(zone(time_zone)).utcoffset()
    return 0 if offset is None else offset // timedelta(microseconds=1)


@lru_cache(maxsize=1_000)
def _week(weekdays: int, from_min: int, to_min: int) -> Flags:
    """Whether each minute of a week lies in a window, by the rule of the core."""
    return np.array(
        [
            bool(in_window(minute // MINUTES_A_DAY, minute % MINUTES_A_DAY, weekdays, from_min, to_min))
            for minute in range(MINUTES_A_WEEK)
        ],
        np.bool_,
    )


def possible_rows(
    book: RateBook, call: Call, digits: str, hidden: int, at_us: int | None
) -> frozenset[int] | None:
    """The rows that could price a call once its hidden digits are known; None if that hangs on the instant.

    With an instant it never does.
    """
    table = book.table(call)
    prefixes = table.table.possible(digits, hidden)
    if at_us is None:
        if any(prefix != NO_PREFIX and table.timed[prefix] for prefix in prefixes):
            return None
        at_us = 0
    return frozenset(
        pick(book.deck, table, prefix, at_us, minute_of) if prefix != NO_PREFIX else NO_ROW
        for prefix in prefixes
    )


def price_of(deck: Deck, row: int) -> tuple[int, ...] | None:
    """What a call at a row of the deck costs, or None: rows of one price cannot be told apart by it."""
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
