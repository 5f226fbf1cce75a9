"""What a purchase would cost and bring, before anybody presses the button: tax, card, expiry, balance.

The same refusals, the same card and the same tax as the purchase itself; nothing is written (domain.md 6,
rulings.md 30).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from talktime.accounts.administration import purchase_refused
from talktime.accounts.calendar import to_utc, twelve_months_on_us, zone
from talktime.accounts.eligibility import eligibility, not_eligible
from talktime.accounts.tenant import PaymentMethod, Tenant
from talktime.core.money import format_money
from talktime.funding.commands import billed_of, card_for
from talktime.funding.recharge import method_text
from talktime.funding.taxes import Seller, TaxLine, tax_lines, tax_sum
from talktime.ledger.commands import Refused

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date

    from talktime.catalog.model import Catalogue
    from talktime.funding.purchasing import Order


class Quote(NamedTuple):
    """A purchase that nobody made yet, in micros. `gross` is what the card pays: `amount` and its taxes."""

    amount: int
    taxes: tuple[TaxLine, ...]
    gross: int
    currency: str
    method: PaymentMethod
    expires_us: int
    expires_on: date

    @property
    def card(self) -> str:
        """`visa 4242`."""
        return method_text(self.method)

    @property
    def says(self) -> tuple[str, ...]:
        """What happens, in sentences; `expires_on` is a day on the tenant's clocks."""
        tax = format_money(self.gross - self.amount)
        taxed = f", of which {tax} {self.currency} are tax" if self.gross != self.amount else ""
        return (
            f"{self.card} pays {format_money(self.gross)} {self.currency}{taxed}.",
            f"Credits of {format_money(self.amount)} {self.currency} are there as soon as it is paid, "
            f"and expire on {self.expires_on.isoformat()}.",
        )


def quote(
    tenant: Tenant,
    order: Order,
    gateways: Collection[str],
    seller: Seller,
    catalogue: Catalogue,
    now_us: int,
) -> Quote | Refused:
    """What an order would come to now; refused as the purchase would be. `tenant` with its people."""
    refused = purchase_refused(order.amount, order.currency, tenant.currency)
    if refused is not None:
        return refused
    answer = eligibility(tenant, catalogue, now_us)
    if not answer.can_buy:
        return not_eligible(answer)
    method = card_for(tenant, order.method, gateways)
    if isinstance(method, Refused):
        return method
    billed = billed_of(tenant, order.purchase_order)
    expires_us = twelve_months_on_us(now_us, tenant.time_zone)
    taxes = tax_lines(order.amount, tenant.currency, seller, billed.country, billed.tax_id)
    return Quote(
        amount=order.amount,
        taxes=taxes,
        gross=order.amount + tax_sum(taxes),
        currency=tenant.currency,
        method=method,
        expires_us=expires_us,
        expires_on=to_utc(expires_us).astimezone(zone(tenant.time_zone)).date(),
    )
