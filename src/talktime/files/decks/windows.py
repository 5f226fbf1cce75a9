"""Whether two rows can be in force at one instant: their validity overlaps, and so do their weekly windows.

A week is a mask of 10,080 bits, one for each local minute; a window in another time zone is that mask turned
by the difference of the two clocks, for each difference that occurs (rulings.md 14).
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from talktime.core.deck import MINUTES_A_DAY, RateRow

MINUTES_A_WEEK: Final = 7 * MINUTES_A_DAY

_WHOLE_WEEK: Final = (1 << MINUTES_A_WEEK) - 1
# The clocks of two zones are compared weekly over these years: they never differ for less than a week.
_COMPARED_FROM: Final = datetime(2024, 1, 1, tzinfo=UTC)
_COMPARED_WEEKS: Final = 52 * 15


def overlap(one: RateRow, other: RateRow) -> bool:
    """Whether both rows are in force at some instant."""
    return (
        one.valid_from_us < other.valid_until_us
        and other.valid_from_us < one.valid_until_us
        and windows_overlap(one, other)
    )


def windows_overlap(one: RateRow, other: RateRow) -> bool:
    """Whether the weekly windows of two rows, each in its own time zone, have a minute in common."""
    if not (one.has_window and other.has_window):
        return True
    left, right = week_mask(one), week_mask(other)
    if one.time_zone == other.time_zone:
        return bool(left & right)
    return any(_turned(left, ahead) & right for ahead in minutes_ahead(one.time_zone, other.time_zone))


def week_mask(row: RateRow) -> int:
    """Bit m is set where minute m of the local week, from Monday 00:00, lies in the row's window."""
    return _mask(row.weekdays, row.from_min, row.to_min)


@lru_cache(maxsize=1024)
def _mask(weekdays: int, from_min: int, to_min: int) -> int:
    length = to_min - from_min if from_min < to_min else to_min - from_min + MINUTES_A_DAY
    mask = 0
    for day in range(7):
        if weekdays >> day & 1:
            mask |= _turned((1 << length) - 1, day * MINUTES_A_DAY + from_min)
    return mask


def _turned(mask: int, minutes: int) -> int:
    minutes %= MINUTES_A_WEEK
    return (mask << minutes | mask >> (MINUTES_A_WEEK - minutes)) & _WHOLE_WEEK


@lru_cache(maxsize=256)
def minutes_ahead(zone: str, other: str) -> frozenset[int]:
    """By how many minutes the clock of `other` is ahead of that of `zone`: every difference that occurs."""
    one_zone, other_zone = ZoneInfo(zone), ZoneInfo(other)
    differences: set[int] = set()
    for week in range(_COMPARED_WEEKS):
        at = _COMPARED_FROM + timedelta(weeks=week)
        ahead = (at.astimezone(other_zone).utcoffset() or timedelta()) - (
            at.astimezone(one_zone).utcoffset() or timedelta()
        )
        differences.add(ahead // timedelta(minutes=1))
    return frozenset(differences)
