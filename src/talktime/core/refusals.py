"""Why a call may not start: one closed list, in the order in which reasons win.

The numbers are fixed: they are stored. The lowest number that applies is the answer (rulings.md 24); the two
guards of calls in progress come last, so that they are told only where nothing else stands against a call.
A tenant that the provider has suspended is asked about right after whether there is one at all.
"""

from enum import IntEnum
from typing import Final


class Refusal(IntEnum):
    """A reason to refuse a call; 0 is none."""

    NONE = 0
    UNKNOWN_TENANT = 1
    UNKNOWN_USER = 2
    DUPLICATE_CALL = 3
    CONFLICT = 4
    BARRED_DESTINATION = 5
    NOT_LICENSED = 6
    PREMIUM_REFUSED = 7
    NO_RATE = 8
    SPEND_CAP = 9
    CREDITS_EXPIRED = 10
    POST_USAGE_OFF = 11
    NO_CREDIT = 12
    TOO_MANY_CALLS = 13
    CALL_TOO_LONG = 14
    TENANT_SUSPENDED = 15

    @property
    def code(self) -> str:
        """The name that answers and reports show (`no_credit`); empty for none."""
        return "" if self is Refusal.NONE else self.name.lower()

    @property
    def retry_helps(self) -> bool:
        """Whether the same call may be allowed a little later without anybody changing a setting."""
        return self in _RETRY_HELPS


_RETRY_HELPS: Final = frozenset(
    {Refusal.SPEND_CAP, Refusal.CREDITS_EXPIRED, Refusal.NO_CREDIT, Refusal.TOO_MANY_CALLS}
)

# The compiled functions need plain integers; each stands for the member of its name.
NONE: Final = 0
BARRED_DESTINATION: Final = 5
NOT_LICENSED: Final = 6
PREMIUM_REFUSED: Final = 7
NO_RATE: Final = 8
SPEND_CAP: Final = 9
CREDITS_EXPIRED: Final = 10
POST_USAGE_OFF: Final = 11
NO_CREDIT: Final = 12

# What stands against a call before any money is looked at, as bits of one integer.
GATE_BARRED: Final = 1
GATE_UNLICENSED: Final = 2
GATE_PREMIUM: Final = 4

# The wallet of a tenant as the money refusals see it, as bits of one integer.
WALLET_EMPTIED_BY_EXPIRY: Final = 1
WALLET_POST_USAGE_OFF: Final = 2


def refusal(
    gates: int,
    needs_money: int,
    rated: int,
    price: int,
    available: int,
    cap_left: int,
    behind: int,
    wallet: int,
) -> int:
    """The reason why a call may not start, or NONE.

    `price`: micros of the first interval, fee included, that no pool covers; `needs_money`: whether there
    is such a part; `behind`: whether post-usage stands behind the credits; `gates`, `wallet`: the bits
    above. Free and pool seconds need neither licence nor money (rulings.md 12, 21).
    """
    if gates & GATE_BARRED:
        return BARRED_DESTINATION
    if needs_money and gates & GATE_UNLICENSED:
        return NOT_LICENSED
    if gates & GATE_PREMIUM:
        return PREMIUM_REFUSED
    if not needs_money:
        return NONE
    if not rated:
        return NO_RATE
    if cap_left <= 0 or price > cap_left:
        return SPEND_CAP
    if behind or (available > 0 and available >= price):
        return NONE
    return money_refusal(available, wallet)


def money_refusal(available: int, wallet: int) -> int:
    """Which of the three money reasons fits a wallet that cannot pay (rulings.md 24)."""
    if available <= 0 and wallet & WALLET_EMPTIED_BY_EXPIRY:
        return CREDITS_EXPIRED
    if available <= 0 and wallet & WALLET_POST_USAGE_OFF:
        return POST_USAGE_OFF
    return NO_CREDIT
