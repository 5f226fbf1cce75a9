"""What is answered before something is done: its effect in sentences.

Amounts are decimal strings, instants ISO 8601 UTC or null.
"""

from __future__ import annotations

from pydantic import BaseModel

from talktime.doors.http.management.answers_money import TaxAnswer, WarningAnswer


class PurchasePreview(BaseModel):
    """What a purchase would come to: `gross` is what the card pays, `amount` (the credits) and its taxes.

    `is_test`: no real money moves. `says` in sentences.
    """

    amount: str
    taxes: list[TaxAnswer]
    gross: str
    currency: str
    method: str
    card: str
    is_test: bool
    expires_at: str | None
    says: list[str]


class RechargePreview(BaseModel):
    """What a rule would do if it were set now. `pays_now`: what would be paid as soon as it is, else null."""

    says: list[str]
    pays_now: str | None
    warnings: list[WarningAnswer]


class DefaultAccountPreview(BaseModel):
    """What happens if this account becomes the default one; may credits be bought before and after."""

    says: list[str]
    may_buy_now: bool
    may_buy_then: bool


class CardSource(BaseModel):
    """Something that a gateway takes for a card, and what becomes of it."""

    source: str
    brand: str
    says: str


class CardWay(BaseModel):
    """A gateway that keeps cards. `is_test`: no real money moves; `sources` are its test cards then."""

    gateway: str
    is_test: bool
    says: str
    sources: list[CardSource]


class CardWays(BaseModel):
    """The gateways in their order: the first keeps a card where none is named."""

    gateways: list[CardWay]
