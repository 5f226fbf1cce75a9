"""Card payments through Stripe, by its own SDK: PaymentIntents that are confirmed as they are made.

One tenant is one customer there. Every payment carries tenant, id and try in its metadata and is listed by
customer, because Stripe's search runs behind by a minute. The SDK blocks, so its calls run in threads; it
does not send anything again by itself: the worker above does, with the same key, and knows that it did.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from talktime.catalog.stripe_amounts import load_stripe_amounts
from talktime.funding.gateway import (
    BadSignature,
    GatewayEvent,
    GatewayRefused,
    GatewayUnclear,
    KeyReused,
    MethodFacts,
    MethodRefused,
    PaymentOrder,
    PaymentResult,
    PaymentStatus,
    RefundOrder,
    RefundResult,
    RefundStatus,
)
from talktime.funding.stripe_reading import (
    ACTION_CODE,
    GIVEN_UP,
    Intent,
    decline_of,
    event_of,
    read_intent,
    read_method,
    read_refund,
    refund_of,
    result_of,
)

if TYPE_CHECKING:
    import stripe
    from stripe.params import PaymentIntentCreateParams

NAME: Final = "stripe"
_PAGE: Final = 100
_THREADS: Final = 16
_CONNECT_S: Final = 5
_ANSWER_S: Final = 40
_LONGEST_KEY: Final = 255
_TOO_LATE: Final = "payment_intent_unexpected_state"
_SIGNATURE: Final = "stripe-signature"

_DECLINED_REFUNDS: Final = frozenset({"charge_already_refunded", "charge_disputed"})

_Answer = TypeVar("_Answer")


class StripeGateway:
    """`funding.gateway.Gateway` by Stripe.

    `return_url` is the page to which people come back after they confirmed a payment with their bank; Stripe
    makes no link without it. `api_base` is another address of the API, for tests.
    """

    def __init__(
        self,
        secret_key: str,
        webhook_secret: str,
        return_url: str,
        api_base: str = "",
        answer_s: int = _ANSWER_S,
    ) -> None:
        import requests
        import stripe
        from requests.adapters import HTTPAdapter

        self._session = requests.Session()
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=_THREADS))
        self._client = stripe.StripeClient(
            secret_key,
            base_addresses={"api": api_base} if api_base else None,
            http_client=stripe.RequestsClient(timeout=(_CONNECT_S, answer_s), session=self._session),
            max_network_retries=0,
        )
        self._webhook_secret, self._return_url = webhook_secret, return_url
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="stripe")
        self._customers: dict[str, str] = {}

    @property
    def name(self) -> str:
        """The word in payments and in the account `funding:stripe`."""
        return NAME

    async def pay(self, order: PaymentOrder) -> PaymentResult:
        """`Gateway.pay`."""
        return await self._call(lambda: self._pay(order))

    async def find(self, tenant: str, payment: str) -> list[PaymentResult]:
        """`Gateway.find`."""
        return await self._call(lambda: self._find(tenant, payment))

    async def cancel(self, order: PaymentOrder) -> PaymentResult:
        """`Gateway.cancel`."""
        return await self._call(lambda: self._cancel(order))

    async def refund(self, order: RefundOrder) -> RefundResult:
        """`Gateway.refund`."""
        return await self._call(lambda: self._refund(order))

    async def find_refund(self, order: RefundOrder) -> list[RefundResult]:
        """`Gateway.find_refund`."""
        ours = {"tenant": order.tenant, "payment": order.payment}

        def find() -> list[RefundResult]:
            pages = self._client.v1.refunds.list({"payment_intent": order.gateway_payment, "limit": _PAGE})
            refunds = map(read_refund, pages.auto_paging_iter())
            return [refund_of(refund) for refund in refunds if refund.metadata == ours][::-1]

        return await self._call(find)

    async def save_method(self, tenant: str, source: str) -> MethodFacts:
        """`Gateway.save_method`; the source is the id of a payment method that the page made with Stripe."""
        return await self._call(lambda: self._attach(tenant, source))

    def read_event(self, body: bytes, headers: Mapping[str, str]) -> GatewayEvent | None:
        """`Gateway.read_event`. The events to subscribe to: `stripe_reading.EVENTS`."""
        import stripe

        signature = next((text for header, text in headers.items() if header.lower() == _SIGNATURE), "")
        try:
            if not signature.isascii():  # the SDK compares ASCII only
                raise BadSignature(f"The header {_SIGNATURE} is not written in ASCII.")
            return event_of(self._client.construct_event(body, signature, self._webhook_secret))
        except stripe.SignatureVerificationError as error:
            raise BadSignature(error.user_message or "The signature is wrong.") from None
        except ValueError as error:  # not JSON, not UTF-8, not the shape of an event
            raise BadSignature(f"The message is no event of Stripe: {error}") from None

    async def fill(self, event: GatewayEvent) -> GatewayEvent:
        """`Gateway.fill`."""
        if event.tenant or not event.gateway_payment:
            return event

        def whose() -> GatewayEvent:
            found = self._client.v1.payment_intents.retrieve(event.gateway_payment)
            intent = read_intent(found)
            return msgspec.structs.replace(
                event,
                tenant=intent.metadata.get("tenant", ""),
                payment=event.payment or intent.metadata.get("payment", ""),
                try_number=intent.try_number,
            )

        return await self._call(whose)

    async def close(self) -> None:
        """`Gateway.close`."""
        await asyncio.to_thread(self.close_now)

    def close_now(self) -> None:
        """`close`, where no event loop runs."""
        self._threads.shutdown()
        self._session.close()

    # --- in a thread ----------------------------------------------------------------------------------

    def _pay(self, order: PaymentOrder) -> PaymentResult:
        import stripe

        try:
            intent = self._client.v1.payment_intents.create(
                self._parameters(order), {"idempotency_key": _key(order.tenant, order.key)}
            )
        except stripe.CardError as error:
            if order.off_session and decline_of(error) == ACTION_CODE:
                return self._with_link(order, error)
            return _declined(order, error)
        return result_of(read_intent(intent))

    def _with_link(self, order: PaymentOrder, error: "stripe.CardError") -> PaymentResult:
        """The bank wants the holder: the same payment once more on-session, which gives the page for him."""
        import stripe

        declined = _declined(order, error)
        try:
            intent = self._client.v1.payment_intents.confirm(
                declined.gateway_payment,
                {
                    "payment_method": order.method_token,
                    "return_url": self._return_url,
                    "expand": ["payment_method"],
                },
                {"idempotency_key": _key(order.tenant, f"{order.key}-link")},
            )
        except stripe.CardError as again:
            return _declined(order, again)
        return result_of(read_intent(intent))

    def _find(self, tenant: str, payment: str) -> list[PaymentResult]:
        pages = self._client.v1.payment_intents.list(
            {"customer": self._customer(tenant), "limit": _PAGE, "expand": ["data.payment_method"]}
        )
        intents = map(read_intent, pages.auto_paging_iter())
        tries = [result_of(intent) for intent in intents if intent.is_of(tenant, payment)]
        return tries[::-1]  # Stripe lists the newest first

    def _cancel(self, order: PaymentOrder) -> PaymentResult:
        """The SDK sends a new key each time: twice does no harm, and an old refusal must not come back."""
        import stripe

        found = self._find(order.tenant, order.payment)
        tries = [result for result in found if result.try_number == order.try_number]
        if not tries:
            raise GatewayRefused("no_such_payment", f"Stripe knows no try {order.key!r}.")
        if tries[-1].status is not PaymentStatus.REQUIRES_ACTION:
            return tries[-1]
        name, intents = tries[-1].gateway_payment, self._client.v1.payment_intents
        try:
            intent = intents.cancel(name, {"cancellation_reason": GIVEN_UP, "expand": ["payment_method"]})
        except stripe.InvalidRequestError as error:
            if error.code != _TOO_LATE:
                raise
            intent = intents.retrieve(name, {"expand": ["payment_method"]})
        result = result_of(read_intent(intent))
        if result.status is PaymentStatus.REQUIRES_ACTION:
            raise GatewayUnclear(f"Stripe did not cancel {name}, and it still waits for its holder.")
        return result

    def _parameters(self, order: PaymentOrder) -> "PaymentIntentCreateParams":
        parameters: PaymentIntentCreateParams = {
            "amount": _units(order.amount_minor, order.currency),
            "currency": order.currency.lower(),
            "customer": self._customer(order.tenant),
            "payment_method": order.method_token,
            "allowed_payment_method_types": ["card"],
            "confirm": True,
            "metadata": {
                "tenant": order.tenant,
                "payment": order.payment,
                "try": str(order.try_number),
            },
            "expand": ["payment_method"],
        }
        if order.description:
            parameters["description"] = order.description
        if order.off_session:
            parameters["off_session"] = True
        else:
            # The bank is asked to let later payments of this card pass without its holder.
            parameters["setup_future_usage"] = "off_session"
            parameters["return_url"] = self._return_url
        return parameters

    def _refund(self, order: RefundOrder) -> RefundResult:
        import stripe

        try:
            refund = self._client.v1.refunds.create(
                {
                    "payment_intent": order.gateway_payment,
                    "amount": _units(order.amount_minor, order.currency),
                    "metadata": {"tenant": order.tenant, "payment": order.payment},
                },
                {"idempotency_key": _key(order.tenant, order.key)},
            )
        except stripe.InvalidRequestError as error:
            if error.code in _DECLINED_REFUNDS:
                return RefundResult(RefundStatus.DECLINED, "", error.code or "")
            if error.param == "amount":
                return RefundResult(RefundStatus.DECLINED, "", "refund_too_large")
            raise
        return refund_of(read_refund(refund))

    def _attach(self, tenant: str, source: str) -> MethodFacts:
        import stripe

        try:
            method = self._client.v1.payment_methods.attach(source, {"customer": self._customer(tenant)})
        except stripe.CardError as error:
            sentence = error.user_message or "The bank declined the card."
            raise MethodRefused(decline_of(error), sentence) from None
        return read_method(method)

    def _customer(self, tenant: str) -> str:
        """The tenant's customer. Search runs behind, so a missing one is made under a key of its own:

        two that miss it at once make one, and by the time the key is forgotten (24 h) search finds it.
        """
        if tenant not in self._customers:
            text = tenant.replace("\\", "\\\\").replace("'", "\\'")
            found = self._client.v1.customers.search(
                {"query": f"metadata['tenant']:'{text}'", "limit": _PAGE}
            )
            customers = sorted(found.data, key=lambda customer: (customer.created, customer.id))
            if not customers:
                made = self._client.v1.customers.create(
                    {"name": tenant, "metadata": {"tenant": tenant}},
                    {"idempotency_key": _key(tenant, "customer")},
                )
                customers = [made]
            self._customers[tenant] = customers[0].id
        return self._customers[tenant]

    # --- around a thread ------------------------------------------------------------------------------

    async def _call(self, work: Callable[[], _Answer]) -> _Answer:
        """The answer of a blocking call. Raises what the port knows in place of the SDK's errors."""
        import stripe

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except stripe.IdempotencyError as error:
            raise KeyReused(error.user_message or "The key was used for another order.") from None
        except stripe.InvalidRequestError as error:
            sentence = error.user_message or "Stripe refused the request."
            raise GatewayRefused(error.code or "invalid_request", f"Stripe: {sentence}") from None
        except (stripe.AuthenticationError, stripe.PermissionError) as error:
            # An outage of ours: with the right key the same order goes through.
            raise GatewayUnclear(f"Stripe does not accept our secret key; check it: {error}") from None
        except stripe.APIConnectionError as error:
            raise GatewayUnclear("Stripe could not be reached, or did not answer in time.") from error
        except stripe.StripeError as error:
            raise GatewayUnclear(f"Stripe answered with a fault of its own: {error}") from error


def _declined(order: PaymentOrder, error: "stripe.CardError") -> PaymentResult:
    """A CardError as a result; the payment behind it, if Stripe made one, stands in the error."""
    found = error.error.to_dict().get("payment_intent") if error.error is not None else None
    intent = msgspec.convert(found, Intent) if found else None
    result = result_of(intent) if intent is not None else None
    return PaymentResult(
        status=PaymentStatus.DECLINED,
        gateway_payment=result.gateway_payment if result is not None else "",
        amount_minor=order.amount_minor,
        currency=order.currency,
        code=decline_of(error),
        method=result.method if result is not None else None,
        try_number=order.try_number,
    )


def _units(amount_minor: int, currency: str) -> int:
    try:
        return load_stripe_amounts().to_stripe(amount_minor, currency)
    except ValueError as error:
        raise GatewayRefused("invalid_amount", str(error)) from None


def _key(tenant: str, key: str) -> str:
    """Keys are one space for the whole account at Stripe, ours for a tenant; it takes 255 characters."""
    text = f"{tenant}:{key}"
    if text.isascii() and text.isprintable() and len(text) <= _LONGEST_KEY:
        return text
    return hashlib.sha256(text.encode()).hexdigest()
