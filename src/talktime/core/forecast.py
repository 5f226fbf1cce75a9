"""Forecasts with a band: the sum of days to come, the dearest of them, how long money lasts.

What is expected follows the line of the fit; its edges are as far as the weeks seen lay from it, wider for
what is far, and wide where little was seen. Any integer amounts; every division says its rounding.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from talktime.core.fitting import LEAST_WEEKS, WHOLE, Fit, ceil_root, fit, weight_of
from talktime.core.money import ceil_div
from talktime.core.purse import Lot, Purse
from talktime.core.student import CONFIDENCES, of_many, student
from talktime.core.usual import MILLION, WEEK

__all__ = [
    "CONFIDENCES",
    "EDGE",
    "LONGEST_DAYS",
    "Band",
    "Fit",
    "Lasts",
    "Lot",
    "a_day",
    "balances",
    "expected",
    "fit",
    "growth_percent",
    "lasts",
    "total",
]

LONGEST_DAYS: Final = 1_098
"""Money that lasts longer has no end in sight: three years."""

MOST_MONTHS_AHEAD: Final = 24
"""So far may be asked to look ahead."""

EDGE: Final = 900
"""The confidence of each edge of a band that holds 8 of 10 cases: one in ten lies below, one in ten above."""

_MONTH_DAYS: Final = 30
_PERCENT_HUNDREDTHS: Final = 10_000


class Band(NamedTuple):
    """What a sum is expected to be, and its edges."""

    low: int
    expected: int
    high: int


class Lasts(NamedTuple):
    """Full days that money lasts, the shortest first; None: not within LONGEST_DAYS."""

    low: int | None
    expected: int | None
    high: int | None


def expected(fit: Fit, first_day: int, days: int) -> list[int]:
    """The amount of each of the days. Their sum is that of the line, rounded half up; none is below 0."""
    found, exact, told = [], 0, 0
    for day in range(first_day, first_day + days):
        exact += _exact(fit, day)
        found.append(_shown(exact) - told)
        told += found[-1]
    return found


def total(fit: Fit, first_day: int, days: int, confidence: int) -> Band:
    """The sum of `days` days; low and high each hold with `confidence` (per mille, one of CONFIDENCES).

    Expected is rounded half up, low down and high up; low is never below 0. Raises ValueError for another
    confidence.
    """
    student(1, confidence)
    exact = sum(_exact(fit, day) for day in range(first_day, first_day + days))
    weight = sum(weight_of(day, fit.weekday, fit.phase) for day in range(first_day, first_day + days))
    return _band(fit, _shown(exact), weight, first_day - fit.until_day, days, confidence)


def a_day(fit: Fit, first_day: int, days: int, confidence: int) -> int:
    """What no single day of the span is above, with `confidence` for the whole span; 0 for no days.

    The dearest expected day and the spread of single days above it, rounded up; never less than the dearest
    day that was seen would be at the level of the span.
    """
    if days <= 0:
        return 0
    span = range(first_day, first_day + days)
    seen = max(ceil_div(_level(fit, day) * fit.dearest, 2 * WEEK * MILLION) for day in span)
    told = max(ceil_div(_exact(fit, day), 2 * WEEK * WHOLE) for day in span)
    if not fit.freedom:
        return 2 * max(told, seen)
    weight = max(weight_of(day, fit.weekday, fit.phase) for day in span)
    noise = fit.day_spread**2 * weight * WEEK
    unsure = fit.spread**2 * weight**2 // (WHOLE * max(fit.weeks, 1))
    square = ceil_div((noise + unsure) * of_many(confidence, days) ** 2, WHOLE * MILLION)
    return max(told + ceil_root(square), seen)


def lasts(fit: Fit | None, lots: Sequence[Lot], today: int, confidence: int = 800) -> Lasts:
    """How many full days, from `today` on, lots pay what is expected, and what each edge has it.

    Lots are drawn in their order and forfeited at their day. Nothing left lasts 0 days; None where nothing
    was paid so far. `low` is by the high edge of what is spent, `high` by the low one.
    """
    if fit is None:
        return Lasts(None, None, None)
    purses = [_Spent(lots) for _ in range(3)]
    ends: list[int | None] = [None] * 3
    for at, band in enumerate(_running(fit, today, LONGEST_DAYS + 1, confidence)):
        for number, spent in enumerate((band.high, band.expected, band.low)):
            if ends[number] is None and not purses[number].pays(today + at, spent):
                ends[number] = at
        if None not in ends:
            break
    return Lasts(*ends)


def balances(fit: Fit, lots: Sequence[Lot], today: int, days: int, confidence: int) -> list[Band]:
    """What is left of lots at the end of each of the days from `today` on: drawn and forfeited as in `lasts`.

    `low` is by the high edge of what is spent, `high` by the low one; none is below 0.
    """
    purses = [_Spent(lots) for _ in range(3)]
    found = []
    for at, band in enumerate(_running(fit, today, days, confidence)):
        for purse, spent in zip(purses, (band.high, band.expected, band.low), strict=True):
            purse.pays(today + at, spent)
        found.append(Band(*(purse.left for purse in purses)))
    return found


def growth_percent(fit: Fit) -> int:
    """Growth in hundredths of a percent a 30-day month, of the level; rounded half up.

    Nothing shrinks by more than the whole: what falls so fast is gone within the month.
    """
    if not fit.level:
        return 0
    grown = fit.slope * _MONTH_DAYS * _PERCENT_HUNDREDTHS
    return max((2 * grown + WEEK * fit.level) // (2 * WEEK * fit.level), -_PERCENT_HUNDREDTHS)


class _Spent:
    """A purse that is spent along one line, told as the sum up to each day."""

    def __init__(self, lots: Sequence[Lot]) -> None:
        self._purse = Purse(lots)
        self._told = 0

    @property
    def left(self) -> int:
        """What all lots have left."""
        return self._purse.balance

    def pays(self, day: int, spent: int) -> bool:
        """Takes what was spent up to the end of a day beyond what was before; False: it is not there."""
        self._purse.expire(day)
        due, self._told = max(spent - self._told, 0), max(spent, self._told)
        return self.left > 0 and not self._purse.pay(due)


def _running(fit: Fit, first_day: int, days: int, confidence: int) -> Iterator[Band]:
    """The sum up to the end of each of the days from `first_day` on, as `total` has it."""
    exact = weight = 0
    for at in range(days):
        exact += _exact(fit, first_day + at)
        weight += weight_of(first_day + at, fit.weekday, fit.phase)
        yield _band(fit, _shown(exact), weight, first_day - fit.until_day, at + 1, confidence)


def _level(fit: Fit, day: int) -> int:
    """A week's amount at the middle of a day, fourteen times; growth ends after `growth_weeks`."""
    half_days = min(2 * (day - fit.until_day) + 1, 2 * WEEK * fit.growth_weeks)
    return max(2 * WEEK * fit.level + fit.slope * half_days, 0)


def _exact(fit: Fit, day: int) -> int:
    """A day's amount, times fourteen whole weights: nothing is rounded."""
    return _level(fit, day) * weight_of(day, fit.weekday, fit.phase)


def _shown(exact: int) -> int:
    """An exact sum as an amount, rounded half up."""
    return (exact + WEEK * WHOLE) // (2 * WEEK * WHOLE)


def _band(fit: Fit, told: int, weight: int, gap: int, days: int, confidence: int) -> Band:
    """The edges around a sum: noise of the weeks, a level and a slope that are not certain.

    Variance = spread^2 (k + k^2 / n + 12 k^2 D^2 / n^3) of k weeks by n, D weeks from the middle of the n to
    that of the k. A growth that was not found may still hide, so its part always counts, and twice where
    there were weeks enough to find one: it may have been all but certain. It goes on no longer than it could
    have been seen, as one that was found.
    """
    if not fit.freedom:
        return Band(told // 2, told, 2 * told)
    count = max(fit.weeks, 1)
    noise = weight * WHOLE
    level = ceil_div(weight**2, count)
    apart = WEEK * count + _apart(max(gap, 0), days, WEEK * count)
    times = 3 if fit.slope or fit.weeks < LEAST_WEEKS else 6
    slope = ceil_div(times * weight**2 * apart**2, WEEK**2 * count**3)
    square = fit.spread**2 * (noise + level + slope) * student(fit.freedom, confidence) ** 2
    edge = ceil_root(ceil_div(square, WHOLE**2 * MILLION))
    return Band(max(told - edge, 0), told, told + edge)


def _apart(gap: int, days: int, longest: int) -> int:
    """Twice the mean of how many days ahead the days are, each at most `longest`; rounded up."""
    near = max(min(days, longest - gap), 0)
    return ceil_div(near * (2 * gap + near) + 2 * longest * (days - near), max(days, 1))
