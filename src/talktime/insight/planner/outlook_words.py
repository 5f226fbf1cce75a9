"""What a forecast rests on, in plain words: how many days, what a week and a month look like, growth, gaps.

Little data is said, and what it does to the band. Percent are rounded half up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from talktime.accounts.calendar import day_name
from talktime.core.forecast import growth_percent
from talktime.core.money import HALF_UP, ceil_div, format_decimal, round_div
from talktime.insight.wording import counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from talktime.core.forecast import Fit

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FEW_WEEKS: Final = 6
"""With fewer weeks no growth is seen, and the band is visibly wider."""

_SHOWN: Final = 5
_HOLIDAYS: Final = 14
"""More days without anything than that are no holidays."""

_PERCENT: Final = 10_000
"""Millionths in a percent."""


def rests_on(fit: Fit, from_day: int) -> tuple[str, ...]:
    """Sentences, each of its own."""
    return tuple(_sentences(fit, from_day))


def _sentences(fit: Fit, from_day: int) -> Iterator[str]:
    yield (
        f"It rests on {counted(fit.days, 'day')} of usage, from {day_name(fit.first_day)} "
        f"to {day_name(fit.until_day - 1)}."
    )
    if fit.left_out:
        days = listed([day_name(day) for day in fit.left_out], _SHOWN)
        yield (
            f"{counted(len(fit.left_out), 'day')} without any cost, where there usually is some, "
            f"{'does' if len(fit.left_out) == 1 else 'do'} not count: {days}. "
            f"{_why_left_out(fit)}"
        )
    if fit.until_day < from_day:
        unknown = counted(from_day - fit.until_day, "day")
        yield f"Nothing is known of the {unknown} before {day_name(from_day)}."
    yield _band(fit)
    yield _week(fit)
    if fit.phase:
        yield _month(fit)
    yield _growth(fit)


def _why_left_out(fit: Fit) -> str:
    """What days without anything do to the forecast: a few are holidays, many are missing usage."""
    if len(fit.left_out) > _HOLIDAYS:
        return "So many are hardly holidays: if files of these days are missing, bring them."
    return "If nobody called because of holidays, the forecast is a little too high."


def _band(fit: Fit) -> str:
    """How wide the band is, and why."""
    if not fit.freedom:
        return (
            "Fewer than 14 days are too little to say how much weeks differ: the edges of the band are "
            "half and double what is expected."
        )
    if fit.weeks < FEW_WEEKS:
        return (
            f"{counted(fit.weeks, 'week')} {'says' if fit.weeks == 1 else 'say'} little about how much weeks "
            "differ, so the band is wide; each further week of usage narrows it."
        )
    if not fit.spread or not fit.level:
        return "No week differed from what was to be expected of it."
    percent = _percent(ceil_div(fit.spread * 100 * _PERCENT, fit.level))
    return (
        f"A week differs from what is expected of it by {percent} % as a rule (standard deviation); the band "
        "is as wide as that makes it."
    )


def _week(fit: Fit) -> str:
    """The shape of a week: flat, or its heaviest and lightest day."""
    most, least = max(fit.weekday), min(fit.weekday)
    if 4 * most <= 5 * least:
        return "All days of a week weigh about the same."
    return (
        f"Of a week, {WEEKDAYS[fit.weekday.index(most)]} has {_percent(most)} %, the most, and "
        f"{WEEKDAYS[fit.weekday.index(least)]} {_percent(least)} %, the least."
    )


def _month(fit: Fit) -> str:
    """Which part of a month weighs most."""
    most = max(fit.phase)
    first = fit.phase.index(most) + 1
    last = len(fit.phase) - fit.phase[::-1].index(most)
    times = format_decimal(round_div(most, 100_000, HALF_UP), 1)
    return f"Months have a shape: days {first} to {last} cost most, {times} times a usual day."


def _growth(fit: Fit) -> str:
    """Growth, or that there is none to be sure of."""
    if not fit.slope:
        few = ": fewer than 6 weeks cannot tell" if fit.weeks < FEW_WEEKS else ""
        return f"No growth is certain{few}; what is expected stays at the level of the weeks seen."
    grown = growth_percent(fit)
    return (
        f"It {'grows' if grown >= 0 else 'shrinks'} by {format_decimal(abs(grown), 2)} % a month; that is "
        f"taken to go on for {counted(fit.growth_weeks, 'week')}, as long as it was seen, then the level "
        "stays."
    )


def _percent(millionths: int) -> str:
    """Millionths as whole percent, rounded half up; `under 1` for what is less than half of one."""
    whole = round_div(millionths, _PERCENT, HALF_UP)
    return str(whole) if whole or not millionths else "under 1"
