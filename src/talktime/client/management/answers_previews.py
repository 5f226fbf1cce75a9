"""What something would do, asked before it is done, as it is answered.

Amounts are Decimal, instants aware datetimes; fields that a later service adds are passed over.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from talktime.client.management.answers_money import Tax
from talktime.client.management.answers_people import Caution


class PurchasePreview(msgspec.Struct, frozen=True, kw_only=True):
    """What a purchase would come to: `gross` is what the card pays. `is_test`: no real money moves."""

    amount: Decimal
    taxes: tuple[Tax, ...]
    gross: Decimal
    currency: str
    method: str
    card: str
    is_test: bool
    expires_at: datetime | None
    says: tuple[str, ...]


class RechargePreview(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule would do if it were set now; `pays_now`: what would be paid as soon as it is."""

    says: tuple[str, ...]
    pays_now: Decimal | None
    warnings: tuple[Caution, ...]


class DefaultAccountPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What happens if an account becomes the default one; may credits be bought before and after."""

    says: tuple[str, ...]
    may_buy_now: bool
    may_buy_then: bool


class CardSource(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a gateway takes for a card, and what becomes of it."""

    source: str
    brand: str
    says: str


class CardWay(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway that keeps cards; of one for tests `sources` are its test cards."""

    gateway: str
    is_test: bool
    says: str
    sources: tuple[CardSource, ...]
