"""The wallets of a run: their opening lots, what is known to come, and the year's calendar as integers.

Time zones end here: expiries and months are instants before the loop begins (rulings.md 16).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.accounts.calendar import month_of, month_start_us, twelve_months_on_us
from talktime.accounts.recharge_limits import PaymentLimits
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

SPARE_LOTS = 8
ANY_PAYMENT: Final = PaymentLimits(least=0, most=0, coin=1)
_HALF_DAY_US = 43_200 * US_PER_S
_ORDER = {MONTH_BEGINS: 0, PURCHASE: 1, EVALUATE: 2}


class Bought(NamedTuple):
    """The lots that people bought, in order: those that a wallet holds at the first call, those to come.

    `opening` is what the wallet holds then, in micros.
    """

    opening_ids: list[str]
    coming_ids: list[str]
    opening: int


class Span(NamedTuple):
    """The first start and the last end of a tenant's calls."""

    first_us: int
    last_us: int


@dataclass(slots=True)
class WalletColumns:
    """The wallets of a run's tenants as the columns of the loop, one tenant after the other."""

    wallets: list[tuple[int, ...]] = field(default_factory=list)
    lots: list[tuple[int, ...]] = field(default_factory=list)
    events: list[tuple[int, ...]] = field(default_factory=list)
    bought: list[Bought] = field(default_factory=list)
    zones: dict[str, int] = field(default_factory=dict)

    def add(
        self,
        purchases: Sequence[Purchase],
        rule: AutoRecharge,
        terms: Terms,
        time_zone: str,
        span: Span,
        limits: PaymentLimits = ANY_PAYMENT,
    ) -> None:
        """A tenant's wallet at its first call's start; lots that expired before it are left out.

        Where all have, an expiry is what emptied it (rulings.md 24, `credits_expired`). `limits` hold one
        payment of the rule.
        """
        ordered = sorted(purchases, key=lambda p: (p.at_us, p.id))
        dated = [(p, twelve_months_on_us(p.at_us, time_zone)) for p in ordered if p.at_us <= span.last_us]
        opening = [(p, expiry) for p, expiry in dated if p.at_us <= span.first_us <= expiry]
        coming = [(p, expiry) for p, expiry in dated if p.at_us > span.first_us]
        events = _events(coming, time_zone, span)
        lots = [(p.at_us, expiry, p.amount_micros, p.amount_micros, OPENING) for p, expiry in opening]
        next_expiry_us = min((expiry for _, expiry in opening), default=NEVER_US)
        at, room = len(self.lots), len(dated) + SPARE_LOTS
        balance = sum(p.amount_micros for p, _ in opening)
        values = dict.fromkeys(Wallets._fields, 0) | {
            "balance": balance,
            "behind": int(terms.behind),
            "post_usage_off": int(terms.post_usage_off),
            "emptied_by_expiry": int(not opening and len(dated) > len(coming)),
            **_rule_columns(rule, limits),
            "wakes_us": NEVER_US,
            "head": at,
            "tail": at + len(opening),
            "room": at + room,
            "next_expiry_us": next_expiry_us,
            "next_event": len(self.events),
            "next_us": min(events[0][0], next_expiry_us),
            "events_end": len(self.events) + len(events),
            "zone": self.zones.setdefault(time_zone, len(self.zones)),
            "lots_at": at,
        }
        self.wallets.append(tuple(values.values()))
        self.lots += lots + [(0,) * len(Lots._fields)] * (room - len(lots))
        self.events += events
        self.bought.append(Bought([p.id for p, _ in opening], [p.id for p, _ in coming], balance))

    def columns(self, span: Span) -> tuple[Wallets, Lots, Events, Year]:
        """The columns of the settlement loop; `span` holds all calls of the run."""
        year: tuple[list[int], list[int]] = ([], [])
        zone_at = [0]
        for zone in self.zones:
            pieces = year_of(zone, span.first_us, span.last_us)
            year[0].extend(pieces.from_us)
            year[1].extend(pieces.add_us)
            zone_at.append(len(year[0]))
        return (
            Wallets(*_columns(self.wallets)),
            Lots(*_columns(self.lots)),
            Events(*_columns(self.events)),
            Year(year[0], year[1], zone_at),
        )


def _rule_columns(rule: AutoRecharge, limits: PaymentLimits) -> dict[str, int]:
    """The rule as columns of `Wallets`; one that is off wants nothing."""
    return {
        "below": rule.below_micros if rule.enabled else 0,
        "add": rule.add_micros if rule.enabled else 0,
        "target": rule.target_micros if rule.enabled else 0,
        "recharge_cap": NO_LIMIT if rule.cap_per_month_micros is None else rule.cap_per_month_micros,
        "recharge_least": limits.least,
        "recharge_most": limits.most,
        "coin": limits.coin,
        "payments_a_day": rule.payments_a_day,
        "cool_down_s": rule.cool_down_s,
    }


def _columns(rows: Sequence[tuple[int, ...]]) -> Iterator[list[int]]:
    return map(list, zip(*rows, strict=True))


def _events(coming: Sequence[tuple[Purchase, int]], time_zone: str, span: Span) -> list[tuple[int, ...]]:
    """What is known to come, in order of time; a look at the balance comes first of all."""
    months = month_starts(span.first_us, span.last_us, time_zone)
    events = [(p.at_us, PURCHASE, p.amount_micros, expiry) for p, expiry in coming]
    events += [(at, MONTH_BEGINS, 0, 0) for at in months]
    events += [(at, EVALUATE, 0, 0) for at in (span.first_us, *months)]
    return sorted(events, key=lambda event: (event[0], _ORDER[event[1]]))


def month_starts(first_us: int, last_us: int, time_zone: str) -> list[int]:
    """The instants after the first at which a billing month begins."""
    months = range(month_of(first_us, time_zone) + 1, month_of(last_us, time_zone) + 1)
    return [month_start_us(month, time_zone) for month in months]


@lru_cache(maxsize=64)
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
