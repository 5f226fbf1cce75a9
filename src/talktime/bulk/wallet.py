"""The wallet of a run: its opening lots, what is known to come, and the year's calendar as integers.

Time zones end here: expiries and months are instants before the loop begins (rulings.md 16).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from talktime.accounts.calendar import month_of, month_start_us, twelve_months_on_us
from talktime.bulk.state import (
    EVALUATE,
    MONTH_BEGINS,
    OPENING,
    PURCHASE,
    Events,
    Lots,
    Wallets,
    Year,
)
from talktime.core.limits import NEVER_US, NO_LIMIT, US_PER_S

if TYPE_CHECKING:
    from talktime.accounts.funding_terms import Terms
    from talktime.accounts.tenant import AutoRecharge, Purchase

SPARE_LOTS = 64
_HALF_DAY_US = 43_200 * US_PER_S
_ORDER = {MONTH_BEGINS: 0, PURCHASE: 1, EVALUATE: 2}


@dataclass(slots=True)
class Wallet:
    """One tenant's wallet as the columns of the loop.

    `opening_ids` and `coming_ids` name the lots that people bought, in order; `opening` is what it held.
    """

    wallets: Wallets
    lots: Lots
    events: Events
    year: Year
    opening_ids: list[str]
    coming_ids: list[str]
    opening: int

    def grow(self) -> None:
        """Doubles the room for lots; a single tenant's range is the last, so it can just be extended."""
        room = self.wallets.room[0]
        for column in self.lots:
            column.extend([0] * room)
        self.wallets.room[0] = 2 * room


def wallet_of(
    purchases: tuple[Purchase, ...],
    rule: AutoRecharge,
    terms: Terms,
    time_zone: str,
    first_us: int,
    last_us: int,
    least: int = 0,
) -> Wallet:
    """The wallet at the first call's start; lots that expired before it are left out.

    Where all have, an expiry is what emptied it (rulings.md 24, `credits_expired`).
    """
    ordered = sorted(purchases, key=lambda p: (p.at_us, p.id))
    dated = [(p, twelve_months_on_us(p.at_us, time_zone)) for p in ordered if p.at_us <= last_us]
    opening = [(p, expiry) for p, expiry in dated if p.at_us <= first_us <= expiry]
    coming = [(p, expiry) for p, expiry in dated if p.at_us > first_us]
    balance = sum(p.amount_micros for p, _ in opening)
    events = [(p.at_us, PURCHASE, p.amount_micros, expiry) for p, expiry in coming]
    months = month_starts(first_us, last_us, time_zone)
    events += [(at, MONTH_BEGINS, 0, 0) for at in months]
    events += [(at, EVALUATE, 0, 0) for at in (first_us, *months)]
    events.sort(key=lambda event: (event[0], _ORDER[event[1]]))
    room = len(dated) + SPARE_LOTS
    spare = [0] * (room - len(opening))
    return Wallet(
        wallets=Wallets(
            balance=[balance],
            overdraft=[0],
            behind=[int(terms.behind)],
            post_usage_off=[int(terms.post_usage_off)],
            emptied_by_expiry=[int(not opening and len(dated) > len(coming))],
            below=[rule.below_micros if rule.enabled else 0],
            add=[rule.add_micros if rule.enabled else 0],
            recharge_cap=[NO_LIMIT if rule.cap_per_month_micros is None else rule.cap_per_month_micros],
            recharge_least=[least],
            recharged=[0],
            capped=[0],
            head=[0],
            tail=[len(opening)],
            room=[room],
            next_expiry_us=[min((expiry for _, expiry in opening), default=NEVER_US)],
            next_event=[0],
            next_us=[min([events[0][0], *(expiry for _, expiry in opening)])],
            events_end=[len(events)],
        ),
        lots=Lots(
            bought_at_us=[p.at_us for p, _ in opening] + spare,
            expires_at_us=[expiry for _, expiry in opening] + spare,
            amount=[p.amount_micros for p, _ in opening] + spare,
            left=[p.amount_micros for p, _ in opening] + spare,
            origin=[OPENING] * len(opening) + spare,
        ),
        events=Events(*(list(column) for column in zip(*events, strict=True))),
        year=year_of(time_zone, first_us, last_us),
        opening_ids=[p.id for p, _ in opening],
        coming_ids=[p.id for p, _ in coming],
        opening=balance,
    )


def month_starts(first_us: int, last_us: int, time_zone: str) -> list[int]:
    """The instants after the first at which a billing month begins."""
    months = range(month_of(first_us, time_zone) + 1, month_of(last_us, time_zone) + 1)
    return [month_start_us(month, time_zone) for month in months]


def year_of(time_zone: str, first_us: int, last_us: int) -> Year:
    """`calendar.twelve_months_on_us` over a span as pieces that the loop can use.

    Between two changes of the calendar (a leap day, a change of offset now or in a year) twelve months are
    a constant. No half day holds two changes that cancel out, so each is found by halving.
    """

    def twelve_months(at_us: int) -> int:
        return twelve_months_on_us(at_us, time_zone) - at_us

    from_us, add_us = [first_us], [twelve_months(first_us)]
    at_us = first_us
    while at_us < last_us:
        next_us = min(at_us + _HALF_DAY_US, last_us)
        while twelve_months(next_us) != add_us[-1]:
            from_us.append(_first_change(twelve_months, add_us[-1], at_us, next_us))
            add_us.append(twelve_months(from_us[-1]))
            at_us = from_us[-1]
        at_us = next_us
    return Year(from_us, add_us)


def _first_change(twelve_months: Callable[[int], int], before: int, low_us: int, high_us: int) -> int:
    """The first instant in (low, high] whose twelve months are not those before; at `high` they are not."""
    while high_us - low_us > 1:
        middle_us = (low_us + high_us) // 2
        if twelve_months(middle_us) == before:
            low_us = middle_us
        else:
            high_us = middle_us
    return high_us
