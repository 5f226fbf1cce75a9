"""What to buy once for some months, so that with confidence nothing is blocked; what of it expires unused.

Money in micros; days from 1970. A lot that is held already counts with its expiry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.core.forecast import Fit, Lot, expected, total
from talktime.core.limits import MAX_MONEY_MICROS
from talktime.core.money import ceil_div
from talktime.core.purse import Purse
from talktime.insight.planner.ahead import MONTHS_OF_A_LOT, months_on
from talktime.insight.planner.document import OneTime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from talktime.accounts.recharge_limits import PaymentLimits
    from talktime.insight.planner.document import PlanSettings

MONTHS: Final = (1, 3, 6, 12)
"""One-time amounts are told for so many months, as far as one looks ahead; a lot lasts twelve."""


class Need(NamedTuple):
    """What is to be paid from a day on: the forecast, lots that are held, what calls in progress hold."""

    fit: Fit
    lots: Sequence[Lot]
    from_day: int
    held: int


def one_time(need: Need, settings: PlanSettings, limits: PaymentLimits) -> tuple[OneTime, ...]:
    """An amount for each of MONTHS that the settings look ahead: whole coins, at least the least purchase.

    0 where the lots that are held will do.
    """
    found = []
    year = months_on(need.from_day, MONTHS_OF_A_LOT) - need.from_day
    to_come = expected(need.fit, need.from_day, year)
    for months in MONTHS:
        if months > settings.months_ahead:
            break
        until = months_on(need.from_day, months)
        short = missing(need, until, settings.confidence)
        amount = max(ceil_div(short, limits.coin) * limits.coin, limits.least) if short else 0
        told = sum(to_come[: until - need.from_day])
        found.append(OneTime(months, amount, told, expires_unused(need, amount, to_come)))
    return tuple(found)


def missing(need: Need, until_day: int, confidence: int) -> int:
    """What lots that are held lack to pay all calls before a day, and what is held then; never below 0.

    However early lots expire: from each expiry on, what is spent later (its high edge) less the lots that
    still live then; the most of these is missing. So it does not hang on how spending is spread before.
    """
    lots = [lot for lot in need.lots if lot.expires_day > need.from_day]
    begins = {need.from_day, *(lot.expires_day for lot in lots if lot.expires_day < until_day)}
    gaps = [
        total(need.fit, day, until_day - day, confidence).high
        - sum(lot.left for lot in lots if lot.expires_day > day)
        for day in begins
    ]
    return max(max(gaps) + need.held, 0)


def expires_unused(need: Need, amount: int, to_come: Sequence[int]) -> int:
    """What is expected to be left of an amount after its twelve months; older lots are drawn first."""
    older = Purse(need.lots)
    left = amount
    for at, spent in enumerate(to_come):
        older.expire(need.from_day + at)
        left -= min(older.pay(spent), left)
    return left


def purchases(amount: int) -> int:
    """Into how many purchases an amount has to be split."""
    return ceil_div(amount, MAX_MONEY_MICROS)
