"""The days of the months that are generated, and how many calls fall on each.

Days are those of the tenant's billing time zone; business hours are counted from the midnight of the place
where somebody works. Shares of days are floats: they shape chance, not money.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import accumulate, pairwise
from random import Random
from typing import Final

from talktime.accounts.calendar import month_start_us, to_us, zone
from talktime.core.limits import US_PER_S

DAY_US: Final = 86_400 * US_PER_S
MAX_MONTHS: Final = 120

_MONTH: Final = re.compile(r"(19[7-9]\d|2\d{3})-(0[1-9]|1[0-2])", re.ASCII)


class MonthError(ValueError):
    """A month that is none: what stood there, what to write."""


@dataclass(frozen=True, slots=True)
class Days:
    """Whole months as days: [from_us, to_us), and the share of calls before each day.

    `starts_us` has one instant more than there are days; `filled` runs from 0 to 1 and is as long.
    """

    dates: tuple[date, ...]
    starts_us: tuple[int, ...]
    filled: tuple[float, ...]

    @property
    def from_us(self) -> int:
        """The first instant."""
        return self.starts_us[0]

    @property
    def to_us(self) -> int:
        """The first instant after the last day."""
        return self.starts_us[-1]

    def midnights_us(self, time_zone: str) -> tuple[int, ...]:
        """The midnight that begins each date in another time zone."""
        return tuple(_midnight_us(day, time_zone) for day in self.dates)

    def inside(self, at_us: int) -> int:
        """An instant at the same time of day that is inside of the months."""
        if at_us < self.from_us:
            days = -(-(self.from_us - at_us) // DAY_US)  # rounded up: the first day that is inside
            return at_us + days * DAY_US
        if at_us >= self.to_us:
            days = (at_us - self.to_us) // DAY_US + 1  # the last day that is inside
            return at_us - days * DAY_US
        return at_us

    def allot(self, number: int, rng: Random) -> list[int]:
        """How many of so many events fall on each day: by weight, the odd ones by chance."""
        offset = rng.random()
        reached = [int(number * part + offset) for part in self.filled[:-1]]
        return [after - before for before, after in pairwise([*reached, int(number + offset)])]


def days_of(month: str, months: int, time_zone: str, weekdays: Sequence[int]) -> Days:
    """The days of so many months; `weekdays` weighs them, Monday first. Raises MonthError."""
    first = month_number(month)
    if not 1 <= months <= MAX_MONTHS:
        raise MonthError(f"{months} months cannot be generated; ask for 1 to {MAX_MONTHS}")
    begin = date(first // 12, first % 12 + 1, 1)
    end = date((first + months) // 12, (first + months) % 12 + 1, 1)
    dates = tuple(begin + timedelta(days=day) for day in range((end - begin).days))
    weights = [weekdays[day.weekday()] for day in dates]
    return Days(
        dates=dates,
        starts_us=(
            month_start_us(first, time_zone),
            *(_midnight_us(day, time_zone) for day in dates[1:]),
            month_start_us(first + months, time_zone),
        ),
        filled=tuple(part / sum(weights) for part in accumulate(weights, initial=0)),
    )


def month_number(month: str) -> int:
    """`"2026-03"` -> months since January of year 0, as in `accounts.calendar`. Raises MonthError."""
    found = _MONTH.fullmatch(month)
    if found is None:
        raise MonthError(f"{month!r} is no month; write year and month, such as 2026-03")
    return int(found[1]) * 12 + int(found[2]) - 1


def _midnight_us(day: date, time_zone: str) -> int:
    return to_us(datetime.combine(day, time(), zone(time_zone)))
