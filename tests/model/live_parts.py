"""What the model of live charging is made of: a tenant's settings, a call's offer, lots, sessions, answers.

Here stand the arithmetic of one call and what one wallet remembers; the decisions stand in `live_model`.
Seconds, micros and microseconds are integers, prices are fractions of the currency unit per minute.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from typing import Literal, TypeVar

SECOND = 1_000_000  # microseconds
MICROS = 1_000_000  # of a currency unit
UNLIMITED_S = 10**12
Rounding = Literal["half_up", "up", "down", "half_even"]
ROUNDINGS: dict[Rounding, Callable[[Fraction], int]] = {
    "half_up": lambda x: floor(x + Fraction(1, 2)),
    "up": ceil,
    "down": floor,
    "half_even": round,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Whether post-usage stands behind a tenant's credits, and the times of rulings.md 21 to 23."""

    behind: bool = False
    post_usage_off: bool = False
    slice_s: int = 600
    grace_s: int = 60
    ringing_s: int = 180
    slack_s: int = 2
    max_call_s: int = 86_400


@dataclass(frozen=True, slots=True)
class Offer:
    """What is known of a call at its start: its classification, its rate, its pools and caps in order.

    `licensed` says that no licence is missing, be it held or not asked for. An emergency call is also free.
    `base_us` is what the switch told (answered, else started); None means the arrival. `answered`: it was the
    answer, so there is no ringing to wait for. `body` stands for the fields on the wire where those decide
    whether a repeat is the same; without it the whole offer does.
    """

    category_free: bool = False
    emergency: bool = False
    user_known: bool = True
    barred: bool = False
    licensed: bool = True
    premium_refused: bool = False
    rated: bool = True
    first_s: int = 60
    step_s: int = 60
    whole: bool = False
    price: Fraction = Fraction(0)
    first_price: Fraction | None = None
    fee: Fraction = Fraction(0)
    rounding: Rounding = "half_up"
    decimals: int = 6
    pools: tuple[str, ...] = ()
    caps: tuple[str, ...] = ()
    requested_s: int | None = None
    base_us: int | None = None
    answered: bool = False
    body: str = ""

    def billed(self, duration_s: int) -> int:
        """Billed seconds, both models (domain.md 3); free and unrated calls are billed 60/60."""
        known = self.rated and not self.category_free
        first, step = (self.first_s, self.step_s) if known else (60, 60)
        if duration_s <= 0:
            return 0
        if known and self.whole:
            return max(first, ceil(Fraction(duration_s, step)) * step)
        return first + max(0, ceil(Fraction(duration_s - first, step))) * step

    def amount(self, pool_s: int, billed_s: int) -> int:
        """Micros of the seconds [pool, billed): one fraction, rounded once (rulings.md 13)."""
        if billed_s <= pool_s or not self.rated or self.category_free:
            return 0
        early = max(0, min(billed_s, self.first_s) - pool_s)
        late = billed_s - pool_s - early
        opening = self.price if self.first_price is None else self.first_price
        exact = self.fee + (opening * early + self.price * late) / 60
        unit: int = 10 ** (6 - self.decimals)  # micros
        return ROUNDINGS[self.rounding](exact * MICROS / unit) * unit


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command says. Seconds and micros; `pool_s` and `reserved` of a grant are what the call holds."""

    kind: Literal["allow", "deny", "settled", "cancelled", "adjusted", "error"]
    reason: str = ""
    granted_s: int = 0
    authorised_s: int = 0
    final: bool = False
    pool_s: int = 0
    reserved: int = 0
    billed_s: int = 0
    paid_s: int = 0
    unrated_s: int = 0
    amount: int = 0
    credits: int = 0
    post_usage: int = 0
    overdraft: int = 0
    over_grant: bool = False
    balance: int = 0
    available: int = 0


@dataclass(slots=True)
class Lot:
    """One purchase or adjustment: what is left of it, and how much of that open calls hold."""

    number: int
    kind: str
    left: int
    expires_us: int
    held: int = 0


@dataclass(slots=True)
class Charge:
    """How a settled call was paid: seconds by pool, micros by lot, the rest."""

    billed_s: int
    pools: Counter[str]
    money: Counter[int]
    amount: int
    post_usage: int = 0
    overdraft: int = 0


@dataclass(slots=True)
class Session:
    """A call: what it was granted, what it reserves while it is open, what it was charged after."""

    offer: Offer
    base_us: int
    arrival_us: int
    authorised_s: int = 0
    used_s: int = 0
    reported_us: int | None = None
    state: str = "open"  # ended | cancelled | lost | unanswered (swept as not answered)
    last: int = -1
    pools: Counter[str] = field(default_factory=Counter)
    money: Counter[int] = field(default_factory=Counter)
    caps: Counter[str] = field(default_factory=Counter)
    charge: Charge | None = None
    debit: bool = False  # charged at once; `used_s` is what refunds have left of it

    def due_us(self, settings: Settings) -> int:
        """When silence makes it lost (rulings.md 23); open: a report beyond the grant shortens nothing."""
        if self.reported_us is None:
            ringing_s = 0 if self.offer.answered else settings.ringing_s
            return self.arrival_us + (ringing_s + self.authorised_s + settings.grace_s) * SECOND
        left_s = max(0, self.authorised_s - self.used_s)
        return self.reported_us + (left_s + settings.grace_s) * SECOND


@dataclass(slots=True)
class Tenant:
    """Everything one wallet locks (rulings.md 33)."""

    settings: Settings
    last_us: int = 0
    lots: list[Lot] = field(default_factory=list)  # lot n stands at n - 1: the order of purchase
    overdraft: int = 0
    totals: Counter[str] = field(default_factory=Counter)
    sessions: dict[str, Session] = field(default_factory=dict)
    answers: dict[tuple[str, str, int], tuple[object, Answer]] = field(default_factory=dict)
    denied: dict[str, int] = field(default_factory=dict)  # call -> highest sequence of a denied start
    pool_used: Counter[str] = field(default_factory=Counter)
    cap_spent: Counter[str] = field(default_factory=Counter)
    cap_overrun: Counter[str] = field(default_factory=Counter)  # charged beyond what the call had reserved
    emptied_by: str = ""
    armed: bool = True
    zero_notices: int = 0

    @property
    def balance(self) -> int:
        """What lots hold, less overdraft."""
        return sum(lot.left for lot in self.lots) - self.overdraft

    @property
    def reserved(self) -> int:
        """Money that open calls hold."""
        return sum(lot.held for lot in self.lots)

    def entered(self, before: int, why: str) -> None:
        """An entry changed the balance: did it empty the wallet (rulings.md 19)?"""
        if before > 0 >= self.balance:
            self.emptied_by = why
            self.zero_notices += self.armed
            self.armed = False
        elif self.balance > 0:
            self.emptied_by = ""

    def forfeit(self, until_us: int, now_us: int) -> None:
        """Take the free part of the lots that expire up to an instant, in the order of their expiry."""
        for lot in sorted(self.lots, key=lambda lot: lot.expires_us):
            if lot.expires_us <= until_us and lot.left > lot.held:
                before = self.balance
                self.totals["forfeited"] += lot.left - lot.held
                lot.left, self.last_us = lot.held, now_us
                self.entered(before, "expiry")


Key = TypeVar("Key", str, int)


def take(shares: dict[Key, int], wanted: int) -> Counter[Key]:
    """Take from shares in their order until nothing is wanted any more."""
    taken: Counter[Key] = Counter()
    for key, share in shares.items():
        if part := min(share, wanted):
            taken[key], wanted = part, wanted - part
    return taken
