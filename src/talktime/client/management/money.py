"""Credits bought, given and corrected, payments, cards and the rule that refills.

Where money moves, a request has an Idempotency-Key: the caller's, or one that is made here and kept while the
request is sent again.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from secrets import token_hex
from typing import Final, Literal

import httpx
import msgspec

from talktime.client.answers import Funded
from talktime.client.exchanges import nothing
from talktime.client.management.answers_money import (
    Adjusted,
    Credits,
    FundedOnBehalf,
    LotLine,
    Payment,
    PaymentLine,
    PaymentMethod,
    Recharge,
    TimelineLine,
)
from talktime.client.management.answers_overview import CreditsHistory, Movement
from talktime.client.management.answers_people import Approval, Burn
from talktime.client.management.answers_previews import CardWay, PurchasePreview, RechargePreview
from talktime.client.management.described import IfMatch, Part, S, Sent, asks, lists, steps
from talktime.client.management.readers import PageOf, Under, Values, WithTag
from talktime.client.management.tables import AutoRechargeTable
from talktime.client.pages import Place
from talktime.client.sending import Pause, Steps

Amount = Decimal | str
"""Money of the tenant's currency; never a float."""

PaymentKind = Literal["purchase", "recharge", "on_behalf", "refund"]

MovementKind = Literal[
    "purchase",
    "recharge",
    "on_behalf",
    "adjustment",
    "calls",
    "expiry",
    "refund",
    "dispute",
    "release",
    "other",
]

DECIDED: Final = frozenset({"settled", "declined", "cancelled"})
"""States of a payment in which nothing more is to come."""

HTTP_ACCEPTED: Final = 202


def made_key() -> str:
    """A new Idempotency-Key."""
    return token_hex(16)


def _adjusted(response: httpx.Response) -> Adjusted | Approval:
    """What was booked, or what waits for a second person."""
    if response.status_code == HTTP_ACCEPTED:
        return msgspec.json.decode(response.content, type=Approval)
    return msgspec.json.decode(response.content, type=Adjusted)


class TenantCredits(Part[S]):
    """What a tenant has, and all the ways in which credits come."""

    @asks("GET", "/v1/tenants/{tenant}/credits", Values(Credits))
    def get(self) -> Sent:
        """Balance, what calls reserve, lots, how calls are funded and how long it lasts."""
        return Sent()

    @asks("GET", "/v1/tenants/{tenant}/runway", Values(Burn))
    def runway(self) -> Sent:
        """How long the credits last at the pace of 28 and of 7 days."""
        return Sent()

    @asks("GET", "/v1/tenants/{tenant}/credits/history", Values(CreditsHistory))
    def history(self, *, days: Literal[28, 90, 365] = 28) -> Sent:
        """The balance at the end of each local day, what came in, was paid and expired, and a forecast."""
        return Sent(query={"days": days})

    @lists("/v1/tenants/{tenant}/movements", PageOf("movements", Movement))
    def movements(
        self,
        *,
        kind: MovementKind | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
        cursor: Place = "",
    ) -> Sent:
        """What changed the balance, newest first, with the balance after it; the calls of a day together."""
        return Sent(query={"kind": kind, "from": since, "until": until, "limit": limit, "cursor": cursor})

    @lists("/v1/tenants/{tenant}/lots", PageOf("lots", LotLine))
    def lots(self, *, limit: int = 100, cursor: Place = "") -> Sent:
        """All lots, newest first, spent and expired ones too."""
        return Sent(query={"limit": limit, "cursor": cursor})

    @asks("POST", "/v1/tenants/{tenant}/purchases", Values(Payment))
    def buy(
        self, amount: Amount, currency: str, *, method: str = "", purchase_order: str = "", key: str = ""
    ) -> Sent:
        """Buys credits by card, the default one where no method is named.

        The payment may not be decided yet: `url` is where the holder confirms it, `payments.wait` waits for
        it. A declined one is a ProblemError with status 402 and its address in `location`.
        """
        return Sent(
            body={
                "amount": amount,
                "currency": currency,
                "method": method,
                "purchase_order": purchase_order,
            },
            key=key or made_key(),
        )

    @asks("POST", "/v1/tenants/{tenant}/purchases/preview", Values(PurchasePreview))
    def preview(self, amount: Amount, currency: str, *, method: str = "", purchase_order: str = "") -> Sent:
        """What a purchase would come to, with its tax; refused as the purchase would be."""
        body = {"amount": amount, "currency": currency, "method": method, "purchase_order": purchase_order}
        return Sent(body=body, repeats=True)

    @asks("POST", "/v1/tenants/{tenant}/on-behalf", Values(FundedOnBehalf))
    def fund_on_behalf(self, amount: Amount, currency: str, *, key: str = "") -> Sent:
        """A partner funds its customer: a lot at once."""
        return Sent(body={"amount": amount, "currency": currency}, key=key or made_key())

    @asks("POST", "/v1/tenants/{tenant}/lots", Values(Funded))
    def record(self, amount: Amount, currency: str, *, reference: str = "", key: str = "") -> Sent:
        """Opens a lot for money that came by another way; the same reference again gives that lot."""
        body = {"amount": amount, "currency": currency, "reference": reference}
        return Sent(body=body, key=key or made_key())

    @asks("POST", "/v1/tenants/{tenant}/adjustments", _adjusted)
    def adjust(self, amount: Amount, reason: str, *, reference: str = "", key: str = "") -> Sent:
        """Gives credits (above 0) or takes them back; an Approval where a second person has to agree."""
        body = {"amount": amount, "reason": reason, "reference": reference}
        return Sent(body=body, key=key or made_key())


class Payments(Part[S]):
    """Payments and refunds with what happened to them."""

    @lists("/v1/tenants/{tenant}/payments", PageOf("payments", PaymentLine))
    def pages(self, *, kind: PaymentKind | None = None, limit: int = 100, cursor: Place = "") -> Sent:
        """Payments and refunds, newest first."""
        return Sent(query={"kind": kind, "limit": limit, "cursor": cursor})

    @asks("GET", "/v1/tenants/{tenant}/payments/{payment}", Values(Payment))
    def get(self, payment: str) -> Sent:
        """One payment with its log."""
        return Sent(names={"payment": payment})

    @asks("POST", "/v1/tenants/{tenant}/payments/{payment}/refunds", Values(Payment))
    def refund(self, payment: str, amount: Amount, reason: str, *, key: str = "") -> Sent:
        """Pays back what is left of a payment's lot, or a part of it."""
        body = {"amount": amount, "reason": reason}
        return Sent(names={"payment": payment}, body=body, key=key or made_key())

    @asks("POST", "/v1/tenants/{tenant}/payments/{payment}/resolution", Values(Payment))
    def resolve(self, payment: str, reason: str, *, taken: bool, gateway_payment: str = "") -> Sent:
        """Ends a payment of which nobody knows, by what somebody saw at the gateway: credited, or over.

        `gateway_payment` is the gateway's own id of what was taken.
        """
        body = {"taken": taken, "reason": reason, "gateway_payment": gateway_payment}
        return Sent(names={"payment": payment}, body=body)

    @steps
    def wait(self, payment: str, *, limit_s: float = 300, every_s: float = 2) -> Steps[Payment]:
        """Looks again until a payment is decided. Raises TimeoutError where it is not by then."""
        waited_s = 0.0
        while True:
            found: Payment = yield Payments.get.exchange(self, payment)
            if found.state in DECIDED:
                return found
            if waited_s >= limit_s:
                raise TimeoutError(f"payment {payment!r} is {found.state} after {limit_s:g} s")
            yield Pause(every_s)
            waited_s += every_s


class PaymentMethods(Part[S]):
    """The cards that a tenant pays with."""

    @lists("/v1/tenants/{tenant}/payment-methods", PageOf("payment_methods", PaymentMethod))
    def pages(self, *, limit: int = 100, cursor: Place = "") -> Sent:
        """The cards in the order in which they were added."""
        return Sent(query={"limit": limit, "cursor": cursor})

    @asks("GET", "/v1/tenants/{tenant}/card-gateways", Under("gateways", CardWay))
    def gateways(self) -> Sent:
        """The gateways that keep cards; of the sandbox also its test cards and what becomes of each."""
        return Sent()

    @asks("POST", "/v1/tenants/{tenant}/payment-methods", Values(PaymentMethod))
    def add(self, source: str, *, gateway: str = "") -> Sent:
        """Has a gateway keep a card: `source` is what the gateway's own form gave."""
        return Sent(body={"source": source, "gateway": gateway})

    @asks("PUT", "/v1/tenants/{tenant}/payment-methods/{method}/default", Values(PaymentMethod))
    def make_default(self, method: str) -> Sent:
        """Makes a card the one that pays where none is named."""
        return Sent(names={"method": method})

    @asks("DELETE", "/v1/tenants/{tenant}/payment-methods/{method}", nothing)
    def remove(self, method: str) -> Sent:
        """Removes a card that auto-recharge does not need."""
        return Sent(names={"method": method})


class AutoRecharge(Part[S]):
    """The rule that refills, and how it stands."""

    @asks("GET", "/v1/tenants/{tenant}/auto-recharge", WithTag[Recharge](Values(Recharge)))
    def get(self) -> Sent:
        """The rule and how it stands, with its ETag."""
        return Sent()

    @asks("PUT", "/v1/tenants/{tenant}/auto-recharge", WithTag[Recharge](Values(Recharge)))
    def put(self, rule: AutoRechargeTable, *, if_match: IfMatch = None) -> Sent:
        """Replaces the rule."""
        return Sent(body=rule, if_match=if_match)

    @asks("POST", "/v1/tenants/{tenant}/auto-recharge/preview", Values(RechargePreview))
    def preview(self, rule: AutoRechargeTable) -> Sent:
        """What a rule would do, in sentences; refused as setting it would be."""
        return Sent(body=rule, repeats=True)

    @asks("POST", "/v1/tenants/{tenant}/auto-recharge/off", WithTag[Recharge](Values(Recharge)))
    def off(self) -> Sent:
        """Switches the rule off; off already is as good."""
        return Sent(repeats=True)

    @asks("POST", "/v1/tenants/{tenant}/auto-recharge/retry", WithTag[Recharge](Values(Recharge)))
    def retry(self) -> Sent:
        """Ends a pause, or has an attempt that waits tried at once."""
        return Sent()

    @lists("/v1/tenants/{tenant}/auto-recharge/timeline", PageOf("timeline", TimelineLine))
    def timeline(self, *, limit: int = 100, cursor: Place = "") -> Sent:
        """When and why the rule began or ceased to pay, and what it paid, newest first."""
        return Sent(query={"limit": limit, "cursor": cursor})
