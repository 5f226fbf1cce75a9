"""What a series of days says of days to come: level, growth, shape of week and month, and how sure that is.

Outages are left out, weekdays and parts of the month weighed, whole weeks compared: their level, a growth
that is certain, and how far they lie from both. Any integer amounts; every division says its rounding.
"""

from collections.abc import Sequence
from math import isqrt
from typing import Final, NamedTuple

from talktime.core.money import ceil_div
from talktime.core.usual import (
    LEAST_DAYS,
    MILLION,
    WEEK,
    day_in_month,
    left_out,
    month_shape,
    weekday_of,
    weekday_shares,
)

WHOLE: Final = MILLION * MILLION
"""The weight of a whole week: shares of weekdays times factors of the month."""

LEAST_WEEKS: Final = 6
"""With fewer weeks no growth is certain."""

LEAST_PART: Final = 4
"""A day is weighed by the level of its time, and by so much of the highest level at least."""

_CERTAIN_PER_MILLE: Final = 1_645
"""So many thousandths of its deviation the count of rises must differ from 0: one chance in ten by luck."""


class Fit(NamedTuple):
    """What the days [first_day, until_day) say; days since 1970, amounts in the unit that was given.

    `days` counted, that is `weeks` (rounded down). `weekday`: shares of a week in millionths, Monday first.
    `phase`: factors in millionths of the days 1 to 31 of a month, () where the month has no shape.
    `level`: a week at `until_day`; `slope`: what a week gains on the one before, 0 where none is certain; it
    goes on for `growth_weeks`. `spread`: standard deviation of a week around the fit, rounded up.
    `freedom`: degrees behind it; 0: fewer than 14 days, edges are half and double. `left_out`: outages.
    `day_spread`: standard deviation of a day that is a seventh of a week, rounded up; `dearest`: the greatest
    day, in millionths of a week at the level of its time.
    """

    first_day: int
    until_day: int
    days: int
    weeks: int
    weekday: tuple[int, ...]
    phase: tuple[int, ...]
    level: int
    slope: int
    growth_weeks: int
    spread: int
    freedom: int
    left_out: tuple[int, ...]
    day_spread: int = 0
    dearest: int = 0


class Week(NamedTuple):
    """Seven days of a series: its middle in half days before the end, what it had, and what it weighs."""

    middle: int
    amount: int
    weight: int


def fit(amounts: Sequence[int], first_day: int) -> Fit | None:
    """One amount a day, without gaps, from `first_day` on -> what they say; None where nothing is paid."""
    if sum(amounts) <= 0:
        return None
    until_day = first_day + len(amounts)
    gone = left_out(amounts, first_day)
    out = frozenset(gone)
    weekday = weekday_shares(amounts, first_day, out)
    phase = month_shape(amounts, first_day, out, weekday)
    weights = [0 if day in out else weight_of(day, weekday, phase) for day in range(first_day, until_day)]
    counted = len(amounts) - len(out)
    weeks = weeks_of(amounts, weights)
    slope = slope_of(weeks) if counted >= LEAST_DAYS else 0
    level = level_of(amounts, weights, slope)
    known = counted >= LEAST_DAYS
    freedom = max(len(weeks) - (2 if slope else 1), 1) if known else 0
    line = _line(level, slope, len(amounts))
    return Fit(
        first_day,
        until_day,
        counted,
        counted // WEEK,
        weekday,
        phase,
        level,
        slope,
        counted // WEEK if slope else 0,
        _spread(weeks, level, slope, freedom) if known else 0,
        freedom,
        gone,
        _day_spread(amounts, weights, line) if known else 0,
        _dearest(amounts, line),
    )


def weight_of(day: int, weekday: Sequence[int], phase: Sequence[int]) -> int:
    """What a day weighs, of WHOLE for a week of a month without shape."""
    return weekday[weekday_of(day)] * (phase[day_in_month(day) - 1] if phase else MILLION)


def weeks_of(amounts: Sequence[int], weights: Sequence[int]) -> list[Week]:
    """Whole weeks counted back from the end, oldest first; those that count less than half are left out."""
    found = []
    for begin in range(len(amounts) % WEEK, len(amounts), WEEK):
        weight = sum(weights[begin : begin + WEEK])
        if 2 * weight >= WHOLE:
            had = sum(
                amount
                for amount, one in zip(
                    amounts[begin : begin + WEEK], weights[begin : begin + WEEK], strict=True
                )
                if one
            )
            found.append(Week(2 * (len(amounts) - begin) - WEEK, had, weight))
    return found


def slope_of(weeks: Sequence[Week]) -> int:
    """What a week gains on the one before, where that is certain, else 0 (Mann and Kendall; Theil and Sen).

    Certain: rises outnumber falls among all pairs of weeks by more than luck would have it. The gain is the
    median of all pairs' gains, each rounded down.
    """
    if len(weeks) < LEAST_WEEKS:
        return 0
    levels = [(week.middle, week.amount * WHOLE // week.weight) for week in weeks]
    rises, gains = 0, []
    for at, (middle, level) in enumerate(levels):
        for later, grown in levels[at + 1 :]:
            rises += (grown > level) - (grown < level)
            gains.append((grown - level) * 2 * WEEK // (middle - later))
    count = len(levels)
    variance = count * (count - 1) * (2 * count + 5)  # times 18
    if rises * rises * 18 * MILLION <= _CERTAIN_PER_MILLE**2 * variance:
        return 0
    gains.sort()
    return (gains[(len(gains) - 1) // 2] + gains[len(gains) // 2]) // 2


def level_of(amounts: Sequence[int], weights: Sequence[int], slope: int) -> int:
    """The week at the end with which the line sums to what the days had; rounded down, never below 0."""
    had = weight = moment = 0
    for at, (amount, one) in enumerate(zip(amounts, weights, strict=True)):
        if one:
            had += amount
            weight += one
            moment += one * (2 * (len(amounts) - at) - 1)  # half days before the end
    if not weight:
        return 0
    return max((had * WHOLE * 2 * WEEK + slope * moment) // (weight * 2 * WEEK), 0)


def _line(level: int, slope: int, days: int) -> list[int]:
    """A week's amount at the middle of each of the days before the end, rounded down, never below 0."""
    return [max(level - slope * (2 * (days - at) - 1) // (2 * WEEK), 0) for at in range(days)]


def _spread(weeks: Sequence[Week], level: int, slope: int, freedom: int) -> int:
    """Standard deviation of a week around the line, rounded up; a week that counts in part weighs less."""
    squares = 0
    for week in weeks:
        told = max(level - slope * week.middle // (2 * WEEK), 0) * week.weight // WHOLE
        squares += (week.amount - told) ** 2 * WHOLE // week.weight
    return ceil_root(ceil_div(squares, freedom))


def _day_spread(amounts: Sequence[int], weights: Sequence[int], line: Sequence[int]) -> int:
    """Standard deviation of a day that is a seventh of a week, rounded up: heavy days vary more."""
    squares = counted = 0
    for amount, weight, level in zip(amounts, weights, line, strict=True):
        if weight:
            squares += (amount - level * weight // WHOLE) ** 2 * WHOLE // weight
            counted += 1
    return ceil_root(ceil_div(squares, WEEK * max(counted - 1, 1)))


def _dearest(amounts: Sequence[int], line: Sequence[int]) -> int:
    """The greatest day in millionths of the week of its time, rounded up.

    A line that comes near 0 says nothing of a day there: a quarter of its highest counts at least.
    """
    least = max(ceil_div(max(line), LEAST_PART), 1)
    return max(
        ceil_div(amount * MILLION, max(level, least)) for amount, level in zip(amounts, line, strict=True)
    )


def ceil_root(square: int) -> int:
    """The root of a whole number >= 0, rounded up."""
    root = isqrt(square)
    return root if root * root == square else root + 1
