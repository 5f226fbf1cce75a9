"""What looking ahead starts from: days that were paid, what they say, what lots hold, the first day to come.

Days count from 1970 in the tenant's zone, money is in micros. The calendar of days stands here, for the
outlook and for what to buy.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.core.alerts import HISTORY_DAYS
from talktime.core.forecast import Fit, Lot, fit

if TYPE_CHECKING:
    from talktime.insight.planner.series import Series

MONTHS_OF_A_LOT: Final = 12
"""A lot expires at the same time so many months on (domain.md 6)."""

_EPOCH: Final = date(1970, 1, 1)
_MONTHS: Final = 12


class Ahead(NamedTuple):
    """`fit` None: nothing was paid. `lots` None: nobody said what the balance is; empty ones are left out.

    `from_day` is the first day that is looked at.
    """

    series: Series
    fit: Fit | None
    lots: tuple[Lot, ...] | None
    from_day: int

    @property
    def seen(self) -> tuple[int, ...]:
        """The days that the fit was made from: the last ones of the series."""
        return self.series.amounts[-HISTORY_DAYS:]

    @property
    def balance(self) -> int | None:
        """What the lots hold, None where nobody said."""
        return None if self.lots is None else sum(lot.left for lot in self.lots)


def ahead(
    series: Series, lots: tuple[Lot, ...] | None, opening: int | None = None, from_day: int | None = None
) -> Ahead:
    """`lots` in the order in which they are drawn; without any, `opening` micros are bought on the first day.

    `from_day` None: the day after the usage. The fit is of the last days of the series, as many as the
    running system looks back, so that both say the same.
    """
    first = series.until_day if from_day is None else from_day
    latest = series.amounts[-HISTORY_DAYS:]
    known = fit(latest, series.until_day - len(latest))
    return Ahead(series, known, lots_held(lots, opening, first), first)


def lots_held(lots: tuple[Lot, ...] | None, opening: int | None, from_day: int) -> tuple[Lot, ...] | None:
    """The lots that hold something on a day; without any, an `opening` balance is one lot of that day."""
    if lots or (lots is not None and opening is None):
        return tuple(lot for lot in lots if lot.left > 0 and lot.expires_day > from_day)
    if opening is None:
        return None
    return (Lot(opening, months_on(from_day, MONTHS_OF_A_LOT)),) if opening > 0 else ()


# --- the calendar of days --------------------------------------------------------------------------


def as_date(day: int) -> date:
    """The date of a day."""
    return _EPOCH + timedelta(days=day)


def months_on(day: int, months: int) -> int:
    """The same day of the month so many months later; 31 January -> 28 February."""
    was = as_date(day)
    month = was.year * _MONTHS + was.month - 1 + months
    year, number = month // _MONTHS, month % _MONTHS + 1
    then = date(year, number, min(was.day, monthrange(year, number)[1]))
    return (then - _EPOCH).days


def next_month(day: int) -> int:
    """The first day of a month on or after a day."""
    was = as_date(day)
    return day if was.day == 1 else months_on(day - was.day + 1, 1)
