"""What every gateway keeps, whoever stands behind it: the sandbox and Stripe pass the same tests.

Test cards go by Stripe's names for them, which the sandbox knows too.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from talktime.catalog.declines import DeclineKind, decline_kind
from talktime.funding.gateway import (
    CANCELLED,
    BadSignature,
    EventKind,
    GatewayRefused,
    GatewayUnclear,
    KeyReused,
    MethodRefused,
    PaymentStatus,
    RefundStatus,
)
from tests.funding.gateway_rigs import Rig, order, refund_order, sandbox_rig, stripe_rig

SUCCEEDED, DECLINED, REQUIRES_ACTION = (
    PaymentStatus.SUCCEEDED,
    PaymentStatus.DECLINED,
    PaymentStatus.REQUIRES_ACTION,
)

Answer = TypeVar("Answer")


@pytest.fixture(params=["sandbox", "stripe"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """Each gateway."""
    with sandbox_rig(tmp_path) if request.param == "sandbox" else stripe_rig() as made:
        yield made


def run(answer: Awaitable[Answer]) -> Answer:
    """Wait for one answer."""

    async def wait() -> Answer:
        return await answer

    return asyncio.run(wait())


def unclear(ask: Callable[[], Awaitable[object]]) -> None:
    """Nobody can say."""
    with pytest.raises(GatewayUnclear):
        run(ask())


def test_a_good_card_is_charged_and_the_gateway_tells(rig: Rig) -> None:
    result = run(rig.gateway.pay(order(description="Credits")))
    assert (result.status, result.amount_minor, result.currency, result.code) == (SUCCEEDED, 5000, "EUR", "")
    assert result.method is not None
    assert (result.method.brand, result.method.last4) == ("visa", "4242")
    assert rig.taken() == 5000
    [event] = rig.events()
    assert (event.kind, event.tenant, event.payment, event.try_number) == (
        *(EventKind.PAYMENT_SUCCEEDED, "acme", "p1", 1),
    )
    assert (event.gateway_payment, event.amount_minor, event.currency) == (
        *(result.gateway_payment, 5000, "EUR"),
    )


def test_a_saved_card_is_charged_when_nobody_looks(rig: Rig) -> None:
    card = run(rig.gateway.save_method("acme", "pm_card_visa"))
    assert (card.brand, card.last4) == ("visa", "4242")
    assert card.expires > "2030-01"
    result = run(rig.gateway.pay(order(method_token=card.token, off_session=True)))
    assert result.status == SUCCEEDED
    assert result.method == card


def test_the_same_card_added_twice_has_one_fingerprint(rig: Rig) -> None:
    first, second, other = (
        run(rig.gateway.save_method("acme", source))
        for source in ("pm_card_visa", "pm_card_visa", "pm_card_mastercard")
    )
    assert first.fingerprint == second.fingerprint != other.fingerprint
    assert len({first.token, second.token, other.token}) == 3


@pytest.mark.parametrize(
    ("card", "code", "kind"),
    [
        ("pm_card_visa_chargeDeclined", "generic_decline", DeclineKind.RETRY),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds", DeclineKind.RETRY),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", DeclineKind.RETRY),
        ("pm_card_visa_chargeDeclinedLostCard", "lost_card", DeclineKind.NEVER),
        ("pm_card_visa_chargeDeclinedStolenCard", "stolen_card", DeclineKind.NEVER),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", DeclineKind.NEVER),
    ],
)
@pytest.mark.parametrize("off_session", [False, True], ids=["on-session", "off-session"])
def test_a_declined_card(rig: Rig, card: str, code: str, kind: DeclineKind, off_session: bool) -> None:
    result = run(rig.gateway.pay(order(method_token=card, off_session=off_session)))
    assert (result.status, result.code, result.try_number) == (DECLINED, code, 1)
    assert decline_kind(result.code) == kind
    assert rig.taken() == 0
    [event] = rig.events()
    assert (event.kind, event.code, event.payment) == (EventKind.PAYMENT_FAILED, code, "p1")
    assert run(rig.gateway.find("acme", "p1"))[0].code == code


def test_a_bad_card_is_not_saved(rig: Rig) -> None:
    with pytest.raises(MethodRefused) as refused:
        run(rig.gateway.save_method("acme", "pm_card_visa_chargeDeclinedLostCard"))
    assert refused.value.code == "lost_card"


def test_a_card_can_be_saved_and_declined_later(rig: Rig) -> None:
    card = run(rig.gateway.save_method("acme", "pm_card_chargeCustomerFail"))
    result = run(rig.gateway.pay(order(method_token=card.token, off_session=True)))
    assert (result.status, result.code) == (DECLINED, "generic_decline")


def test_another_tenants_card_is_refused(rig: Rig) -> None:
    card = run(rig.gateway.save_method("fabrikam", "pm_card_visa"))
    with pytest.raises(GatewayRefused):
        run(rig.gateway.pay(order(method_token=card.token)))
    assert rig.taken() == 0


def test_an_unknown_card_is_refused(rig: Rig) -> None:
    with pytest.raises(GatewayRefused):
        run(rig.gateway.pay(order(method_token="pm_nobody")))


def test_an_amount_of_nothing_is_refused(rig: Rig) -> None:
    with pytest.raises(GatewayRefused):
        run(rig.gateway.pay(order(amount_minor=0)))
    assert run(rig.gateway.find("acme", "p1")) == []


# --- keys ---------------------------------------------------------------------------------------------


def test_the_same_order_again_is_the_same_payment(rig: Rig) -> None:
    first = run(rig.gateway.pay(order()))
    assert run(rig.gateway.pay(order())) == first
    assert rig.taken() == 5000
    assert len(rig.events()) == 1


def test_a_declined_order_again_is_the_same_answer(rig: Rig) -> None:
    bad = order(method_token="pm_card_visa_chargeDeclined")
    first = run(rig.gateway.pay(bad))
    assert run(rig.gateway.pay(bad)) == first
    assert len(run(rig.gateway.find("acme", "p1"))) == 1


@pytest.mark.parametrize("other", [{"amount_minor": 6000}, {"method_token": "pm_card_mastercard"}])
def test_a_key_with_other_parameters_is_refused(rig: Rig, other: dict[str, str | int]) -> None:
    run(rig.gateway.pay(order()))
    with pytest.raises(KeyReused):
        run(rig.gateway.pay(order(**other)))  # type: ignore[arg-type]
    assert rig.taken() == 5000


def test_two_tenants_may_count_their_payments_alike(rig: Rig) -> None:
    first = run(rig.gateway.pay(order()))
    second = run(rig.gateway.pay(order(tenant="fabrikam")))
    assert second.gateway_payment != first.gateway_payment
    assert rig.taken() == 5000
    assert run(rig.gateway.find("acme", "p1")) == [first]


def test_sent_many_times_at_once_it_is_one_payment(rig: Rig) -> None:
    async def all_at_once() -> list[str]:
        results = await asyncio.gather(*(rig.gateway.pay(order()) for _ in range(8)))
        return [result.gateway_payment for result in results]

    assert len(set(asyncio.run(all_at_once()))) == 1
    assert rig.taken() == 5000


# --- time-outs and faults -----------------------------------------------------------------------------


def test_time_out_after_the_charge_went_through(rig: Rig) -> None:
    """The accident of recharge.md: the answer is lost, the money is taken, the same key finds it."""
    rig.next_call("unanswered")
    unclear(lambda: rig.gateway.pay(order()))
    assert rig.taken() == 5000
    [found] = run(rig.gateway.find("acme", "p1"))
    assert run(rig.gateway.pay(order())) == found
    assert rig.taken() == 5000


@pytest.mark.parametrize("fault", ["lost", "broken"])
def test_a_fault_before_the_charge_takes_nothing(rig: Rig, fault: str) -> None:
    rig.next_call(fault)
    unclear(lambda: rig.gateway.pay(order()))
    assert run(rig.gateway.find("acme", "p1")) == []
    assert run(rig.gateway.pay(order())).status == SUCCEEDED
    assert rig.taken() == 5000


def test_a_refund_whose_answer_is_lost_goes_back_once(rig: Rig) -> None:
    paid = run(rig.gateway.pay(order()))
    back = refund_order(paid.gateway_payment, 2000)
    rig.next_call("unanswered")
    if rig.gateway.name == "sandbox":  # the script also hits the next payment; take it
        unclear(lambda: rig.gateway.pay(order("p9")))
    unclear(lambda: rig.gateway.refund(back))
    [found] = run(rig.gateway.find_refund(back))
    assert run(rig.gateway.refund(back)) == found
    assert len(run(rig.gateway.find_refund(back))) == 1


# --- find ---------------------------------------------------------------------------------------------


def test_find_lists_every_try_in_order(rig: Rig) -> None:
    bad = "pm_card_visa_chargeDeclinedInsufficientFunds"
    for number in range(1, 6):
        run(rig.gateway.pay(order(number=number, method_token=bad if number < 5 else "pm_card_visa")))
    run(rig.gateway.pay(order("p2")))
    found = run(rig.gateway.find("acme", "p1"))
    assert [(result.try_number, result.status) for result in found] == [
        *((number, DECLINED) for number in range(1, 5)),
        (5, SUCCEEDED),
    ]
    assert len({result.gateway_payment for result in found}) == 5
    assert len(run(rig.gateway.find("acme", "p2"))) == 1
    assert run(rig.gateway.find("acme", "p3")) == []
    assert run(rig.gateway.find("nobody", "p1")) == []


# --- the holder confirms ------------------------------------------------------------------------------


@pytest.mark.parametrize("off_session", [False, True], ids=["on-session", "off-session"])
@pytest.mark.parametrize(
    ("card", "confirms", "status", "code"),
    [
        ("pm_card_authenticationRequired", True, SUCCEEDED, ""),
        ("pm_card_authenticationRequired", False, DECLINED, "payment_intent_authentication_failure"),
        ("pm_card_threeDSecureRequiredChargeDeclined", True, DECLINED, "generic_decline"),
    ],
)
def test_the_holder_is_asked(
    rig: Rig, card: str, confirms: bool, status: PaymentStatus, code: str, off_session: bool
) -> None:
    asked = order(method_token=card, off_session=off_session)
    result = run(rig.gateway.pay(asked))
    assert (result.status, result.code) == (REQUIRES_ACTION, "authentication_required")
    assert decline_kind(result.code) == DeclineKind.ACTION
    assert result.gateway_payment in result.action_url
    [action] = rig.events()
    assert (action.kind, action.action_url) == (EventKind.PAYMENT_ACTION, result.action_url)
    assert run(rig.gateway.find("acme", "p1")) == [result]
    assert rig.taken() == 0

    rig.confirm(result.gateway_payment, confirms)
    [event] = rig.events()
    assert event.kind == (EventKind.PAYMENT_SUCCEEDED if status == SUCCEEDED else EventKind.PAYMENT_FAILED)
    assert (event.gateway_payment, event.code) == (result.gateway_payment, code)
    [found] = run(rig.gateway.find("acme", "p1"))
    assert (found.status, found.code, found.action_url) == (status, code, "")
    assert rig.taken() == (5000 if status == SUCCEEDED else 0)
    assert run(rig.gateway.pay(asked)) == result  # the first answer, whatever came later


# --- given up -----------------------------------------------------------------------------------------

ASKS = "pm_card_authenticationRequired"


@pytest.mark.parametrize("off_session", [False, True], ids=["on-session", "off-session"])
def test_what_was_given_up_can_not_be_confirmed_any_more(rig: Rig, off_session: bool) -> None:
    asked = order(method_token=ASKS, off_session=off_session)
    waits = run(rig.gateway.pay(asked))
    rig.events()
    for _ in range(2):
        result = run(rig.gateway.cancel(asked))
        assert (result.status, result.code, result.action_url) == (DECLINED, CANCELLED, "")
        assert (result.gateway_payment, result.try_number) == (waits.gateway_payment, 1)
    with suppress(AssertionError):  # the fake says so, the sandbox lets it be
        rig.confirm(waits.gateway_payment, True)
    assert run(rig.gateway.find("acme", "p1")) == [result]
    assert rig.taken() == 0
    [event] = rig.events()
    assert (event.kind, event.code, event.payment) == (EventKind.PAYMENT_FAILED, CANCELLED, "p1")


@pytest.mark.parametrize(("succeed", "status", "cents"), [(True, SUCCEEDED, 5000), (False, DECLINED, 0)])
def test_too_late_to_give_up(rig: Rig, succeed: bool, status: PaymentStatus, cents: int) -> None:
    """The holder was faster: it stays as it is."""
    asked = order(method_token=ASKS)
    rig.confirm(run(rig.gateway.pay(asked)).gateway_payment, succeed)
    result = run(rig.gateway.cancel(asked))
    assert result.status == status
    assert result.code != CANCELLED
    assert [result] == run(rig.gateway.find("acme", "p1"))
    assert rig.taken() == cents


def test_only_the_try_that_is_meant_is_given_up(rig: Rig) -> None:
    first, second = order(method_token=ASKS), order(number=2, method_token=ASKS)
    for each in (first, second):
        run(rig.gateway.pay(each))
    run(rig.gateway.cancel(first))
    assert [found.status for found in run(rig.gateway.find("acme", "p1"))] == [DECLINED, REQUIRES_ACTION]
    with pytest.raises(GatewayRefused):
        run(rig.gateway.cancel(order(number=3)))


@pytest.mark.parametrize(
    ("fault", "status"), [("lost", REQUIRES_ACTION), ("broken", REQUIRES_ACTION), ("unanswered", DECLINED)]
)
def test_nobody_says_whether_it_was_given_up(rig: Rig, fault: str, status: PaymentStatus) -> None:
    asked = order(method_token=ASKS)
    run(rig.gateway.pay(asked))
    rig.next_call(fault)
    unclear(lambda: rig.gateway.cancel(asked))
    assert run(rig.gateway.find("acme", "p1"))[0].status == status
    assert run(rig.gateway.cancel(asked)).code == CANCELLED


# --- refunds and disputes -----------------------------------------------------------------------------


def test_a_part_goes_back_then_the_rest_then_nothing(rig: Rig) -> None:
    paid = run(rig.gateway.pay(order())).gateway_payment
    rig.events()
    outcomes = [
        (refund.status, refund.code)
        for amount_minor, name in ((2000, "r1"), (3001, "r2"), (3000, "r3"))
        for refund in [run(rig.gateway.refund(refund_order(paid, amount_minor, name)))]
    ]
    assert outcomes == [
        (RefundStatus.SUCCEEDED, ""),
        (RefundStatus.DECLINED, "refund_too_large"),
        (RefundStatus.SUCCEEDED, ""),
    ]
    assert rig.taken() == 0
    assert run(rig.gateway.refund(refund_order(paid, 1, "r4"))).status == RefundStatus.DECLINED
    told = {event.id: event for event in rig.events()}.values()
    assert [(event.kind, event.payment, event.amount_minor, event.gateway_payment) for event in told] == [
        (EventKind.REFUND_SUCCEEDED, "r1", 2000, paid),
        (EventKind.REFUND_SUCCEEDED, "r3", 3000, paid),
    ]


def test_a_refund_again_is_the_same_and_another_amount_is_refused(rig: Rig) -> None:
    paid = run(rig.gateway.pay(order())).gateway_payment
    back = refund_order(paid, 2000)
    first = run(rig.gateway.refund(back))
    assert run(rig.gateway.refund(back)) == first
    assert run(rig.gateway.find_refund(back)) == [first]
    assert rig.taken() == 3000
    with pytest.raises(KeyReused):
        run(rig.gateway.refund(replace(back, amount_minor=2001)))


def test_an_unknown_payment_cannot_be_refunded(rig: Rig) -> None:
    with pytest.raises(GatewayRefused):
        run(rig.gateway.refund(refund_order("pi_nobody", 100)))


@pytest.mark.parametrize("won", [True, False], ids=["won", "lost"])
def test_a_dispute_opens_and_ends(rig: Rig, won: bool) -> None:
    paid = run(rig.gateway.pay(order(method_token="pm_card_createDispute")))
    assert paid.status == SUCCEEDED
    assert rig.taken() == 0
    opened = [event for event in rig.events() if event.kind == EventKind.DISPUTE_OPENED]
    assert len({event.id for event in opened}) == 1
    assert (opened[0].gateway_payment, opened[0].amount_minor) == (paid.gateway_payment, 5000)
    refused = run(rig.gateway.refund(refund_order(paid.gateway_payment, 100)))
    assert (refused.status, refused.code) == (RefundStatus.DECLINED, "charge_disputed")

    rig.close_dispute(paid.gateway_payment, won)
    [closed] = rig.events()
    assert closed.kind == (EventKind.DISPUTE_WON if won else EventKind.DISPUTE_LOST)
    assert closed.gateway_dispute == opened[0].gateway_dispute != ""
    assert rig.taken() == (5000 if won else 0)


def test_whose_dispute_it_is_says_the_gateway_when_asked(rig: Rig) -> None:
    run(rig.gateway.pay(order(method_token="pm_card_createDispute", number=3)))
    paid, *opened = rig.events()
    assert opened[0].tenant == opened[0].payment == ""
    filled = run(rig.gateway.fill(opened[0]))
    assert (filled.tenant, filled.payment, filled.try_number) == ("acme", "p1", 3)
    assert (filled.id, filled.kind) == (opened[0].id, opened[0].kind)
    assert run(rig.gateway.fill(paid)) == paid


# --- messages -----------------------------------------------------------------------------------------


def test_a_message_that_was_changed_is_refused(rig: Rig) -> None:
    run(rig.gateway.pay(order()))
    [(body, headers)] = rig.messages()
    event = rig.gateway.read_event(body, headers)
    assert event is not None
    assert rig.gateway.read_event(body, {name.upper(): value for name, value in headers.items()}) == event
    [(name, value)] = headers.items()
    for wrong_body, wrong_headers in (
        (body.replace(b"5000", b"9000"), headers),
        (body + b" ", headers),
        (body, {}),
        (body, {name: ""}),
        (body, {name: "nonsense"}),
        (body, {name: value[:-1] + ("0" if value[-1] != "0" else "1")}),
        (body, {name: value.replace("t=1", "t=2")}),
        (body, {name: value + "é"}),
        (b"\xff\xfe", headers),
    ):
        with pytest.raises(BadSignature):
            rig.gateway.read_event(wrong_body, wrong_headers)


def test_each_thing_that_happens_has_one_id(rig: Rig) -> None:
    paid = run(rig.gateway.pay(order(method_token="pm_card_createDispute")))
    rig.close_dispute(paid.gateway_payment, won=True)
    run(rig.gateway.refund(refund_order(paid.gateway_payment, 2000)))
    kinds = Counter({event.id: event.kind for event in rig.events()}.values())
    assert kinds == {
        EventKind.PAYMENT_SUCCEEDED: 1,
        EventKind.DISPUTE_OPENED: 1,
        EventKind.DISPUTE_WON: 1,
        EventKind.REFUND_SUCCEEDED: 1,
    }
