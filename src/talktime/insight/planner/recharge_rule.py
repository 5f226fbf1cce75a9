"""The rule of auto-recharge with the least idle money.

A trigger that outlasts a payment on its way, an amount that is paid seldom enough; each choice is lived
through by expected days, with the rule of the core.

Money in micros. Every division is rounded up, unless it says otherwise.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.core.fitting import LEAST_PART
from talktime.core.forecast import Fit, a_day, expected, total
from talktime.core.limits import MICROS_PER_UNIT, NO_LIMIT
from talktime.core.money import HALF_UP, ceil_div, round_div
from talktime.core.purse import Purse
from talktime.core.recharge import recharge_micros
from talktime.insight.planner.ahead import months_on
from talktime.insight.planner.document import RechargeChoice
from talktime.insight.planner.tail import dearest_to_come

if TYPE_CHECKING:
    from collections.abc import Sequence

    from talktime.accounts.recharge_limits import PaymentLimits
    from talktime.accounts.tenant import AutoRecharge
    from talktime.insight.planner.document import PlanSettings

OFTEN: Final = (1, 2, 4, 8)
"""Choices are shown for so many payments in the dearest month, beside the number that was asked for."""

YEAR_DAYS: Final = 365
_MONTH_DAYS: Final = 31
_WEEK: Final = 7
_DAY_S: Final = 86_400
_PARTS: Final = 4
"""A day is spent in so many steps for each payment that it needs, so that the balance falls slowly."""

_MOST_STEPS: Final = 48
_GRAIN: Final = 20
_SIZE: Final = 1 << 40


class Dear(NamedTuple):
    """The dearest hours that were seen and their day; the dearest day; what calls in progress held at once.

    `twice`: the most that calls cost in twice as many hours.
    """

    window: int
    twice: int
    day: int
    dearest_day: int
    held: int


class Lived(NamedTuple):
    """A rule through expected days: payments and idle money of the first year, what expired in the second."""

    payments: int
    idle: int
    forfeited: int


def rounded_up(amount: int, coin: int) -> int:
    """An amount that people set: up to a whole coin, and from 20 units on to units, from 200 on to tens..."""
    grain = coin
    unit = max(MICROS_PER_UNIT, coin)
    while amount >= _GRAIN * unit:
        grain, unit = unit, 10 * unit
    return ceil_div(amount, grain) * grain


def outlasts(fit: Fit, amounts: Sequence[int], dear: Dear, from_day: int, days: int, confidence: int) -> int:
    """What calls may cost while a payment is on its way, at any time of the days to come, and hold beside it.

    `amounts` are the days of the fit. The dearest day to come, by the spread of days and by their tail, as
    much more than a day as the dearest hours seen were; never less than those hours would cost at the level
    to come, nor more than the dearest month to come where it costs more than they did. With too few days for
    a spread there is no tail either: twice the dearest hours.
    """
    top = max(_level(fit, from_day), _level(fit, from_day + days))
    daily = a_day(fit, from_day, days, confidence)
    if fit.freedom:
        daily = max(daily, ceil_div(_tail(fit, amounts, days, confidence) * top, _SIZE))
    told = ceil_div(daily * dear.window, max(dear.dearest_day, 1))
    told = min(told, _month_at_most(fit, from_day, days, confidence))
    seen = _grown(dear.window, top, _level_then(fit, dear.day))
    return max(told, seen) + _grown(dear.held, top, _level_then(fit, fit.until_day))


def _month_at_most(fit: Fit, from_day: int, days: int, confidence: int) -> int:
    """The upper edge of what a month to come costs, the first or the last: growth goes one way."""
    last = from_day + max(days - _MONTH_DAYS, 0)
    return max(total(fit, begin, _MONTH_DAYS, confidence).high for begin in (from_day, last))


def _tail(fit: Fit, amounts: Sequence[int], days: int, confidence: int) -> int:
    """The dearest of the days to come by the tail of those seen, in parts of _SIZE of its time's level."""
    sizes = [
        ceil_div(amount * _SIZE, _level_then(fit, fit.first_day + at))
        for at, amount in enumerate(amounts)
        if amount > 0
    ]
    return dearest_to_come(sizes, fit.days, days, confidence)


def _level(fit: Fit, day: int) -> int:
    """A week's amount at the beginning of a day, times 7: nothing is rounded; at least 7."""
    return max(_WEEK * fit.level + fit.slope * min(day - fit.until_day, _WEEK * fit.growth_weeks), _WEEK)


def _level_then(fit: Fit, day: int) -> int:
    """The level by which something of a day is weighed: that of its time, as `Fit.dearest` has it."""
    highest = max(_level(fit, fit.first_day), _level(fit, fit.until_day))
    return max(_level(fit, max(day, fit.first_day)), ceil_div(highest, LEAST_PART))


def _grown(amount: int, now: int, then: int) -> int:
    """An amount of another time at the level of now; never less than it was."""
    return max(ceil_div(amount * now, then), amount)


def least_add(rule: AutoRecharge, wanted: int, dear: Dear, lead_hours: int) -> int:
    """What a payment has to be at least so that payments keep up with what calls may cost.

    Only one is on its way at a time: what is spent until the second arrives, beyond what the trigger
    outlasts. Where a tenant's rule rests after a payment, or makes so many a day, what is spent meanwhile,
    too.
    """
    spent = max(wanted - dear.held, 0)
    least = ceil_div(spent * (dear.twice - dear.window), max(dear.window, 1))
    lead_s = max(lead_hours, 1) * 3_600
    least = max(least, ceil_div(spent * rule.cool_down_s, lead_s))
    if rule.payments_a_day:
        least = max(least, ceil_div(spent * _DAY_S, lead_s * rule.payments_a_day))
    return least


def choices(
    fit: Fit, below: int, least_add: int, from_day: int, settings: PlanSettings, limits: PaymentLimits
) -> tuple[RechargeChoice, ...]:
    """Rules with one trigger, from the fewest payments on; the one with the least idle money is the best.

    `least_add`: what a payment has to be because of how seldom payments may be made. The best makes at most
    `payments_a_month` in the dearest expected month.
    """
    month = dearest_month(fit, from_day, settings.months_ahead)
    to_come = expected(fit, from_day, 2 * YEAR_DAYS)
    found: dict[int, tuple[int, Lived]] = {}
    for often in sorted({*OFTEN, settings.payments_a_month}):
        add = add_for(month, often, least_add, limits)
        if add not in found:
            found[add] = (often, lived(to_come, below, add, limits))
    allowed = [add for add, (often, _) in found.items() if often <= settings.payments_a_month]
    best = min(allowed, key=lambda add: (found[add][1].idle + found[add][1].forfeited, add))
    return tuple(RechargeChoice(below, add, *one, add == best) for add, (_, one) in found.items())


def add_for(month: int, often: int, least_add: int, limits: PaymentLimits) -> int:
    """The amount that a month needs so often at most, within the limits of one payment."""
    add = rounded_up(max(ceil_div(month, often), least_add, limits.least, limits.coin), limits.coin)
    return min(add, limits.most) if limits.most > 0 else add


def dearest_month(fit: Fit, from_day: int, months: int) -> int:
    """The most that is expected of a month, counted from a day on."""
    days = [months_on(from_day, month) for month in range(months + 1)]
    to_come = expected(fit, from_day, days[-1] - from_day)
    return max(sum(to_come[begin - from_day : until - from_day]) for begin, until in pairwise(days))


def lived(to_come: Sequence[int], below: int, add: int, limits: PaymentLimits) -> Lived:
    """Two years of expected days under a rule, from trigger and amount on; a payment arrives at once.

    Lots expire after 365 days. What is idle is the mean of the balance of a day's steps, and of the days,
    each rounded half up.
    """
    purse = Purse(())
    purse.add(below + add, YEAR_DAYS)
    payments, idle, forfeited = 0, 0, 0
    for day, spent in enumerate(to_come):
        gone = purse.expire(day)
        forfeited += gone if day >= YEAR_DAYS else 0
        steps = min(max(ceil_div(_PARTS * spent, add), 1), _MOST_STEPS)
        lay = 0
        for step in range(steps):
            purse.pay(spent * (step + 1) // steps - spent * step // steps)
            paid = _refill(purse, below, add, day, limits)
            payments += paid if day < YEAR_DAYS else 0
            lay += purse.balance
        idle += round_div(lay, steps, HALF_UP) if day < YEAR_DAYS else 0
    return Lived(payments, round_div(idle, min(len(to_come), YEAR_DAYS) or 1, HALF_UP), forfeited)


def _refill(purse: Purse, below: int, add: int, day: int, limits: PaymentLimits) -> int:
    """Makes the payments that the rule asks for, and counts them."""
    payments = 0
    while topup := recharge_micros(
        purse.balance, below, add, NO_LIMIT, limits.least, 0, limits.most, limits.coin
    ):
        purse.add(topup, day + YEAR_DAYS)
        payments += 1
    return payments
