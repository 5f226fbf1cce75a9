"""What disputes hold back of a tenant's money: frozen while they are open, owed where a lost one took more.

Summed from the payments, which keep both; the journal would have to be read from its beginning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.core.limits import NEVER_US
from talktime.funding.payments import Kind, body_of
from talktime.funding.refunds import Turn

if TYPE_CHECKING:
    from talktime.funding.payments import PaymentBody
    from talktime.ledger.reading import Reader

PAGE: Final = 1_000
_DISPUTED: Final = '"dispute"'
"""Stands in the body of each payment that was ever disputed; most never were, and are not decoded."""

_PAID: Final = (Kind.PURCHASE, Kind.RECHARGE, Kind.ON_BEHALF)


class HeldBack(NamedTuple):
    """Micros that open disputes have frozen, and micros that the tenant owes for lost ones."""

    frozen: int
    owed: int


def frozen_now(body: PaymentBody) -> int:
    """Micros that the dispute of a payment freezes; a lost one keeps the figure, but its money is gone."""
    return body.frozen if body.dispute == Turn.OPEN else 0


def held_back(reader: Reader, tenant: str) -> HeldBack:
    """What all disputes of a tenant hold back now. Blocks; raises StoreAway."""
    frozen = owed = 0
    before = (NEVER_US, "")
    while True:
        page = reader.payments(tenant, before, PAGE, _PAID)
        for payment in page:
            if _DISPUTED in payment.body:
                body = body_of(payment)
                frozen += frozen_now(body)
                owed += body.owed
        if len(page) < PAGE:
            return HeldBack(frozen, owed)
        before = (page[-1].at_us, page[-1].payment)
