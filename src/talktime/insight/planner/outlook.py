"""The forecast as it is shown: months to come, how long the balance lasts, its course, what that rests on.

Edges hold with the confidence of the settings, each. Money in micros, days from 1970 in the tenant's zone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from talktime.accounts.calendar import day_name
from talktime.core.forecast import Lasts, balances, growth_percent, lasts, total
from talktime.insight.planner.ahead import ahead, as_date, months_on, next_month
from talktime.insight.planner.document import BalanceBand, MonthBand, Outlook
from talktime.insight.planner.outlook_words import rests_on

if TYPE_CHECKING:
    from talktime.core.forecast import Fit, Lot
    from talktime.insight.planner.ahead import Ahead
    from talktime.insight.planner.document import PlanSettings
    from talktime.insight.planner.series import Series

MOST_DAYS: Final = 400
"""The course of the balance is told for so many days at most."""


def outlook(
    series: Series,
    lots: tuple[Lot, ...] | None,
    opening: int | None,
    from_day: int | None,
    settings: PlanSettings,
) -> Outlook | None:
    """What the days of a series say of those from `from_day` on (None: the day after the series).

    `lots`, in the order in which they are drawn, else `opening` micros, are the balance; with neither nothing
    is said of it. None where nothing was paid. Raises ValueError for a confidence that the forecast lacks.
    """
    known = ahead(series, lots, opening, from_day)
    fit = known.fit
    if fit is None:
        return None
    left = Lasts(None, None, None)
    if known.lots is not None:
        left = lasts(fit, known.lots, known.from_day, settings.confidence)
    return Outlook(
        confidence=settings.confidence,
        from_day=day_name(known.from_day),
        days=fit.days,
        left_out=tuple(day_name(day) for day in fit.left_out),
        growth=growth_percent(fit) if fit.slope else None,
        a_week=fit.level,
        months=months_to_come(fit, known.from_day, settings),
        balance=known.balance,
        lasts_low=left.low,
        lasts_expected=left.expected,
        lasts_high=left.high,
        course=course(fit, known, settings),
        says=rests_on(fit, known.from_day),
    )


def months_to_come(fit: Fit, from_day: int, settings: PlanSettings) -> tuple[MonthBand, ...]:
    """The full calendar months from a day on, as many as the settings look ahead."""
    found = []
    begin = next_month(from_day)
    for _ in range(settings.months_ahead):
        until = months_on(begin, 1)
        band = total(fit, begin, until - begin, settings.confidence)
        found.append(MonthBand(f"{as_date(begin):%Y-%m}", *band))
        begin = until
    return tuple(found)


def course(fit: Fit, known: Ahead, settings: PlanSettings) -> tuple[BalanceBand, ...]:
    """The balance at the end of each day to come, until nothing is left even if little is spent.

    At most as far as the settings look ahead, and MOST_DAYS. `low` is by the high edge of what is spent.
    """
    if known.lots is None:
        return ()
    days = min(months_on(known.from_day, settings.months_ahead) - known.from_day, MOST_DAYS)
    found = []
    for at, band in enumerate(balances(fit, known.lots, known.from_day, days, settings.confidence)):
        found.append(BalanceBand(day_name(known.from_day + at), *band))
        if not band.high:
            break
    return tuple(found)
