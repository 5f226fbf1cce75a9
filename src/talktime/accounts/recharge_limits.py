"""What one payment of auto-recharge is held to: the rule's own limits and those of its currency.

The same for calls in progress and for files (recharge.md 1 and 3, rulings.md 32). Amounts in micros.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from talktime.catalog.side import load_currencies
from talktime.core.money import MICROS_PLACES

if TYPE_CHECKING:
    from talktime.accounts.tenant import AutoRecharge


class PaymentLimits(NamedTuple):
    """The least and the most of one payment (0: no most), and the coin that a cut one is whole in."""

    least: int
    most: int
    coin: int


def payment_limits(rule: AutoRecharge, currency: str) -> PaymentLimits:
    """The limits of a rule in a currency; one that nobody knows has no coin above a micro."""
    currencies = load_currencies()
    places = currencies.minor_units.get(currency, MICROS_PLACES)
    return PaymentLimits(
        least=max(rule.least_micros, currencies.minimum_purchase_micros(currency)),
        most=rule.most_micros,
        coin=int(10 ** (MICROS_PLACES - places)),
    )
