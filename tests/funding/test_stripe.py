"""What is particular to Stripe: its SDK's errors, its customers, its units, its events."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from talktime.funding.gateway import (
    BadSignature,
    EventKind,
    GatewayRefused,
    GatewayUnclear,
    PaymentStatus,
    RefundStatus,
)
from talktime.funding.stripe_gateway import StripeGateway
from tests.funding.fake_stripe import API_KEY, WEBHOOK_SECRET, FakeStripe, Json, signed
from tests.funding.gateway_rigs import StripeRig, order, refund_order, stripe_rig
from tests.funding.test_gateway_contract import run, unclear


@pytest.fixture
def rig() -> Iterator[StripeRig]:
    """A gateway to a fake of its own."""
    with stripe_rig() as made:
        yield made


def event(kind: str, thing: Json, **more: object) -> tuple[bytes, dict[str, str]]:
    """A signed message about a thing."""
    body = {"id": "evt_1", "object": "event", "type": kind, "data": {"object": thing}, **more}
    return signed(json.dumps(body).encode())


# --- errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["500", "429", "409", "dead_before", "dead_after"])
def test_what_nobody_can_say_is_unclear_and_sent_once(rig: StripeRig, fault: str) -> None:
    """429 too many, 409 the same key is under way. The SDK repeats nothing behind the worker's back."""
    rig.fake.faults += [fault, "dead_before"]
    unclear(lambda: rig.gateway.pay(order()))
    assert rig.fake.faults == ["dead_before"]
    rig.fake.faults.clear()
    assert run(rig.gateway.pay(order())).status == PaymentStatus.SUCCEEDED
    assert rig.taken() == 5000


def test_an_answer_that_takes_too_long_is_unclear() -> None:
    with stripe_rig(answer_s=1) as rig:
        run(rig.gateway.save_method("acme", "pm_card_visa"))
        rig.fake.faults.append("slow")
        unclear(lambda: rig.gateway.pay(order()))
        assert rig.taken() == 5000
        assert run(rig.gateway.pay(order())) == run(rig.gateway.find("acme", "p1"))[0]
        assert rig.taken() == 5000


def test_nobody_there() -> None:
    gateway = StripeGateway(API_KEY, WEBHOOK_SECRET, "https://x.example", "http://127.0.0.1:9")
    with pytest.raises(GatewayUnclear, match="could not be reached"):
        run(gateway.pay(order()))
    run(gateway.close())


def test_a_wrong_key_is_an_outage_and_no_decline(rig: StripeRig) -> None:
    gateway = StripeGateway("sk_test_wrong", WEBHOOK_SECRET, "https://x.example", rig.fake.base)
    with pytest.raises(GatewayUnclear, match="secret key"):
        run(gateway.pay(order()))
    run(gateway.close())


def test_a_refused_request_says_why(rig: StripeRig) -> None:
    with pytest.raises(GatewayRefused, match="Stripe: No such object: 'pm_nobody'") as refused:
        run(rig.gateway.pay(order(method_token="pm_nobody")))
    assert refused.value.code == "resource_missing"


def test_the_banks_advice_never_to_ask_again_is_followed(rig: StripeRig) -> None:
    error = {"code": "card_declined", "decline_code": "do_not_honor", "advice_code": "do_not_try_again"}
    rig.fake.intents["pi_x"] = {
        "id": "pi_x",
        "object": "payment_intent",
        "amount": 5000,
        "currency": "eur",
        "_refunded": 0,
        "metadata": {"tenant": "acme", "payment": "p1", "try": "1"},
        "status": "requires_payment_method",
        "last_payment_error": error,
        "_method": {"id": "pm_x"},
    }
    customer = run(_customer(rig))
    rig.fake.intents["pi_x"]["customer"] = customer
    assert run(rig.gateway.find("acme", "p1"))[0].code == "do_not_try_again"


async def _customer(rig: StripeRig) -> str:
    await rig.gateway.save_method("acme", "pm_card_visa")
    [customer] = rig.fake.customers
    return customer


# --- customers and keys -------------------------------------------------------------------------------


def test_one_customer_for_a_tenant_though_search_runs_behind(rig: StripeRig) -> None:
    other = StripeRig(rig.fake)
    for gateway in (rig.gateway, other.gateway):
        run(gateway.pay(order(tenant="o'neill \\ co", payment=str(id(gateway)))))
    other.gateway.close_now()
    assert len(rig.fake.customers) == 1
    rig.fake.keys.clear()  # a day later
    rig.fake.index_customers()
    third = StripeRig(rig.fake)
    assert len(run(third.gateway.find("o'neill \\ co", str(id(rig.gateway))))) == 1
    third.gateway.close_now()
    assert len(rig.fake.customers) == 1


def test_the_customer_is_asked_for_once(rig: StripeRig) -> None:
    for number in range(1, 4):
        run(rig.gateway.pay(order(number=number)))
    assert rig.fake.requests.count("GET /v1/customers/search") == 1
    assert rig.fake.requests.count("POST /v1/payment_intents") == 3


@pytest.mark.parametrize("tenant", ["Größe", "x" * 300, "a\nb"])
def test_any_name_of_a_tenant_makes_a_key(rig: StripeRig, tenant: str) -> None:
    first = run(rig.gateway.pay(order(tenant=tenant)))
    assert run(rig.gateway.pay(order(tenant=tenant))) == first
    assert run(rig.gateway.find(tenant, "p1")) == [first]


def test_a_link_that_was_lost_on_the_way_comes_when_it_is_sent_again(rig: StripeRig) -> None:
    """Off-session: the first request is declined for want of the holder, the second makes his link."""
    asks = order(method_token="pm_card_authenticationRequired", off_session=True)
    run(rig.gateway.save_method("acme", "pm_card_visa"))
    intent = rig.fake.once("payment_intents", "acme:p1-1", _form_of(rig, asks.method_token))[1]
    [found] = run(rig.gateway.find("acme", "p1"))
    assert (found.status, found.action_url) == (PaymentStatus.REQUIRES_ACTION, "")
    assert [rig.gateway.read_event(*message) for message in rig.messages()] == [None]
    again = run(rig.gateway.pay(asks))
    assert again.gateway_payment == intent["error"]["payment_intent"]["id"] == found.gateway_payment
    assert again.action_url


def _form_of(rig: StripeRig, method: str) -> Json:
    """What the gateway sends, as the fake reads it."""
    [customer] = rig.fake.customers
    return {
        "amount": "5000",
        "currency": "eur",
        "customer": customer,
        "payment_method": method,
        "allowed_payment_method_types": {"0": "card"},
        "confirm": "true",
        "expand": {"0": "payment_method"},
        "metadata": {"tenant": "acme", "payment": "p1", "try": "1"},
        "off_session": "true",
    }


def test_the_bank_decides_while_it_is_given_up(rig: StripeRig) -> None:
    """Confirmed between the question and the cancellation: how it stands then is what is told."""
    asked = order(method_token="pm_card_authenticationRequired")
    waits = run(rig.gateway.pay(asked))
    shown = rig.fake.intents[waits.gateway_payment]
    cancel = rig.fake._cancel

    def confirmed_meanwhile(intent: Json, form: Json) -> Json:
        shown["status"] = "processing"
        return cancel(intent, form)

    rig.fake._cancel = confirmed_meanwhile  # type: ignore[method-assign]
    assert run(rig.gateway.cancel(asked)).status == PaymentStatus.PROCESSING
    assert run(rig.gateway.cancel(asked)).status == PaymentStatus.PROCESSING


def test_cancelled_by_hand_is_not_given_up_by_us(rig: StripeRig) -> None:
    waits = run(rig.gateway.pay(order(method_token="pm_card_authenticationRequired")))
    rig.fake.intents[waits.gateway_payment] |= {"status": "canceled", "cancellation_reason": "duplicate"}
    assert run(rig.gateway.find("acme", "p1"))[0].code == "canceled"


# --- units --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("currency", "amount_minor", "units"),
    [
        ("EUR", 5000, 5000),
        ("JPY", 700, 700),  # no coins below one in either
        ("ISK", 700, 70_000),  # none in ISO, two decimals that are always 00 at Stripe
        ("MGA", 70_000, 700),  # two in ISO, none at Stripe
        ("KWD", 5_120, 5_120),  # three decimals, the last one 0
    ],
)
def test_amounts_in_stripes_units(rig: StripeRig, currency: str, amount_minor: int, units: int) -> None:
    result = run(rig.gateway.pay(order(currency=currency, amount_minor=amount_minor)))
    assert (result.amount_minor, result.currency) == (amount_minor, currency)
    assert rig.fake.intents[result.gateway_payment]["amount"] == units
    assert [event.amount_minor for event in rig.events()] == [amount_minor]
    half = refund_order(result.gateway_payment, amount_minor, currency=currency)
    assert run(rig.gateway.refund(half)).status == RefundStatus.SUCCEEDED
    assert rig.taken() == 0


@pytest.mark.parametrize(
    ("currency", "amount_minor", "sentence"),
    [
        ("MGA", 70_001, "fraction of MGA"),
        ("KWD", 5_124, "fraction of KWD"),
        ("UGX", 500, "not certain"),
        ("XXX", 500, "no currency"),
    ],
)
def test_amounts_that_stripe_cannot_say(
    rig: StripeRig, currency: str, amount_minor: int, sentence: str
) -> None:
    with pytest.raises(GatewayRefused, match=sentence):
        run(rig.gateway.pay(order(currency=currency, amount_minor=amount_minor)))
    assert rig.fake.intents == {}


# --- events -------------------------------------------------------------------------------------------

INTENT: Json = {
    "id": "pi_1",
    "object": "payment_intent",
    "amount": 5000,
    "currency": "eur",
    "status": "succeeded",
    "metadata": {"tenant": "acme", "payment": "p1", "try": "2"},
}
REFUND: Json = {
    "id": "re_1",
    "object": "refund",
    "amount": 2000,
    "currency": "eur",
    "payment_intent": "pi_1",
    "metadata": {"tenant": "acme", "payment": "r1"},
    "status": "succeeded",
}
DISPUTE: Json = {
    "id": "du_1",
    "object": "dispute",
    "amount": 5000,
    "currency": "eur",
    "payment_intent": "pi_1",
    "metadata": {},
    "reason": "fraudulent",
    "status": "needs_response",
}


@pytest.mark.parametrize(
    ("kind", "thing", "expected"),
    [
        ("payment_intent.succeeded", INTENT, ("evt_1", EventKind.PAYMENT_SUCCEEDED, "p1", "")),
        (
            "payment_intent.canceled",
            {**INTENT, "status": "canceled"},
            ("evt_1", EventKind.PAYMENT_FAILED, "p1", "canceled"),
        ),
        ("refund.created", REFUND, ("re_1-succeeded", EventKind.REFUND_SUCCEEDED, "r1", "")),
        ("refund.updated", REFUND, ("re_1-succeeded", EventKind.REFUND_SUCCEEDED, "r1", "")),
        (
            "refund.failed",
            {**REFUND, "status": "failed", "failure_reason": "lost_or_stolen_card"},
            ("re_1-declined", EventKind.REFUND_FAILED, "r1", "lost_or_stolen_card"),
        ),
        (
            "refund.created",
            {**REFUND, "metadata": {}},
            ("re_1-succeeded", EventKind.REFUND_SUCCEEDED, "", ""),
        ),
        (
            "charge.dispute.closed",
            {**DISPUTE, "status": "lost"},
            ("du_1-dispute_lost", EventKind.DISPUTE_LOST, "", "fraudulent"),
        ),
    ],
)
def test_events_of_interest(
    rig: StripeRig, kind: str, thing: Json, expected: tuple[str, EventKind, str, str]
) -> None:
    read = rig.gateway.read_event(*event(kind, thing))
    assert read is not None
    assert (read.id, read.kind, read.payment, read.code) == expected
    assert read.gateway_payment == "pi_1"


@pytest.mark.parametrize(
    ("kind", "thing"),
    [
        ("customer.created", {"id": "cus_1", "object": "customer"}),
        ("payment_intent.succeeded", {**INTENT, "metadata": {}}),  # another program's
        ("payment_intent.created", {**INTENT, "status": "requires_confirmation"}),
        ("refund.created", {**REFUND, "status": "pending"}),
        ("charge.dispute.created", {**DISPUTE, "status": "warning_needs_response"}),  # an inquiry
        ("charge.dispute.closed", {**DISPUTE, "status": "warning_closed"}),
    ],
)
def test_events_of_no_interest(rig: StripeRig, kind: str, thing: Json) -> None:
    assert rig.gateway.read_event(*event(kind, thing)) is None


def test_an_inquiry_that_becomes_a_dispute(rig: StripeRig) -> None:
    paid = run(rig.gateway.pay(order())).gateway_payment
    rig.events()
    rig.fake.open_dispute(paid, inquiry=True)
    assert rig.events() == []


def test_a_refund_made_by_hand_at_stripe_says_whose_it_is_when_asked(rig: StripeRig) -> None:
    paid = run(rig.gateway.pay(order())).gateway_payment
    told = rig.gateway.read_event(
        *event("refund.created", {**REFUND, "metadata": {}, "payment_intent": paid})
    )
    assert told is not None
    filled = run(rig.gateway.fill(told))
    assert (filled.tenant, filled.payment, filled.gateway_refund) == ("acme", "p1", "re_1")


def test_an_old_message_another_secret_and_no_event_are_refused(rig: StripeRig) -> None:
    body = json.dumps(
        {"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "data": {"object": INTENT}}
    ).encode()
    assert rig.gateway.read_event(*signed(body, age_s=250)) is not None
    for message in (
        signed(body, age_s=400),
        signed(body, secret="whsec_of_another"),
        signed(b"no json"),
        signed(body.replace(b'"amount": 5000', b'"amount": "much"')),
        (body, {"Stripe-Signature": "t=1,v1="}),
    ):
        with pytest.raises(BadSignature):
            rig.gateway.read_event(*message)


def test_what_a_payment_says_in_each_state(rig: StripeRig) -> None:
    fake: FakeStripe = rig.fake
    paid = run(rig.gateway.pay(order())).gateway_payment
    said = []
    for status in ("processing", "canceled", "requires_confirmation", "requires_capture"):
        fake.intents[paid]["status"] = status
        [result] = run(rig.gateway.find("acme", "p1"))
        said.append((result.status.value, result.code))
    assert said == [
        ("processing", ""),
        ("declined", "canceled"),
        ("declined", "processing_error"),
        ("processing", ""),
    ]


def test_many_at_once_do_not_block_the_loop(rig: StripeRig) -> None:
    """The SDK blocks in threads of its own; the loop turns meanwhile."""

    async def live() -> int:
        turns, waiting = 0, [asyncio.ensure_future(rig.gateway.pay(order(f"p{n}"))) for n in range(20)]
        while not all(payment.done() for payment in waiting):
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert asyncio.run(live()) > 20
    assert rig.taken() == 20 * 5000
