"""The sandbox gateway: its cards, its script of faults, its messages, and its books across processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from talktime.catalog.load import CatalogueError
from talktime.funding.gateway import (
    EventKind,
    GatewayRefused,
    GatewayUnclear,
    KeyReused,
    MethodRefused,
    PaymentStatus,
    RefundStatus,
)
from talktime.funding.sandbox import SandboxGateway
from talktime.funding.sandbox_cards import card_of, load_cards, read_cards
from talktime.funding.sandbox_faults import Fault, FaultKind, Operation
from tests.funding.gateway_rigs import DAY_US, NOON_US, SECRET, SandboxRig, order, refund_order, sandbox_rig
from tests.funding.test_gateway_contract import run


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SandboxRig]:
    """A sandbox of its own."""
    with sandbox_rig(tmp_path) as made:
        yield made


# --- cards --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "on_session", "off_session", "saved"),
    [
        ("4242424242424242", "succeeded", "succeeded", ""),
        ("5555555555554444", "succeeded", "succeeded", ""),
        ("378282246310005", "succeeded", "succeeded", ""),
        ("4000000000000002", "generic_decline", "generic_decline", "generic_decline"),
        ("4000000000009995", "insufficient_funds", "insufficient_funds", "insufficient_funds"),
        ("4000000000009987", "lost_card", "lost_card", "lost_card"),
        ("4000000000009979", "stolen_card", "stolen_card", "stolen_card"),
        ("4000000000000069", "expired_card", "expired_card", "expired_card"),
        ("4000000000000127", "incorrect_cvc", "incorrect_cvc", "incorrect_cvc"),
        ("4000000000000119", "processing_error", "processing_error", "processing_error"),
        ("4000000000006975", "card_velocity_exceeded", "card_velocity_exceeded", "card_velocity_exceeded"),
        ("4000000000000341", "generic_decline", "generic_decline", ""),
        ("4100000000000019", "fraudulent", "fraudulent", ""),
        ("4000002760003184", "requires_action", "requires_action", ""),
        ("4000002500003155", "requires_action", "requires_action", ""),
        ("4000003800000446", "requires_action", "succeeded", ""),
        ("4000008260003178", "requires_action", "insufficient_funds", ""),
        ("4000000000003055", "succeeded", "succeeded", ""),
        ("4000000000000259", "succeeded", "succeeded", ""),
    ],
)
def test_what_each_card_does(
    rig: SandboxRig, number: str, on_session: str, off_session: str, saved: str
) -> None:
    for number_of_try, asked in enumerate((on_session, off_session)):
        result = run(
            rig.gateway.pay(order(number=number_of_try, method_token=number, off_session=bool(number_of_try)))
        )
        assert (result.code if result.status == PaymentStatus.DECLINED else result.status) == asked
    if not saved:
        assert run(rig.gateway.save_method("acme", number)).last4 == number[-4:]
        return
    with pytest.raises(MethodRefused) as refused:
        run(rig.gateway.save_method("acme", number))
    assert refused.value.code == saved


@pytest.mark.parametrize("source", ["4242 4242 4242 4242", "4242-4242-4242-4242", "tok_visa", "pm_card_visa"])
def test_a_card_has_several_names(rig: SandboxRig, source: str) -> None:
    assert run(rig.gateway.save_method("acme", source)).last4 == "4242"


@pytest.mark.parametrize("source", ["4111111111111111", "4242424242424241", "", "visa!", "tok_", "12/30"])
def test_no_other_number_is_taken_or_repeated(rig: SandboxRig, source: str) -> None:
    with pytest.raises(MethodRefused) as refused:
        run(rig.gateway.save_method("acme", source))
    assert refused.value.code == "incorrect_number"
    assert not source or source not in str(refused.value)


def test_a_card_expires_with_its_month(rig: SandboxRig) -> None:
    card = run(rig.gateway.save_method("acme", "4242424242424242 04/30"))  # the clock says March 2030
    assert card.expires == "2030-04"
    pays = order(method_token=card.token, off_session=True)
    assert run(rig.gateway.pay(pays)).status == PaymentStatus.SUCCEEDED
    rig.clock.us = NOON_US + 45 * DAY_US
    result = run(rig.gateway.pay(order(number=2, method_token=card.token)))
    assert (result.status, result.code) == (PaymentStatus.DECLINED, "expired_card")
    with pytest.raises(MethodRefused):
        run(rig.gateway.save_method("acme", "4242424242424242 04/30"))


def test_a_number_keeps_its_fingerprint_with_a_new_date(rig: SandboxRig) -> None:
    old, new = (run(rig.gateway.save_method("acme", f"tok_visa {month}")) for month in ("04/30", "05/2034"))
    assert (old.fingerprint, new.expires) == (new.fingerprint, "2034-05")


def test_a_saved_card_goes_bad_and_good_again(rig: SandboxRig) -> None:
    card = run(rig.gateway.save_method("acme", "tok_visa"))
    outcomes = []
    for number, fate in enumerate(["lost_card", "authentication_required", ""], 1):
        rig.gateway.set_fate(card.token, fate)
        result = run(rig.gateway.pay(order(number=number, method_token=card.token, off_session=True)))
        outcomes.append((result.status.value, result.code))
    assert outcomes == [
        ("declined", "lost_card"),
        ("requires_action", "authentication_required"),
        ("succeeded", ""),
    ]
    with pytest.raises(GatewayRefused):
        rig.gateway.set_fate("sbx_card_nobody", "lost_card")


def test_a_card_that_asks_its_holder_once_does_not_ask_again(rig: SandboxRig) -> None:
    card = run(rig.gateway.save_method("acme", "4000002500003155"))
    first = run(rig.gateway.pay(order(method_token=card.token)))
    rig.gateway.complete_action(first.gateway_payment, succeed=True)
    second = run(rig.gateway.pay(order(number=2, method_token=card.token, off_session=True)))
    assert second.status == PaymentStatus.SUCCEEDED


def test_the_shipped_cards_are_all_there_and_faults_are_named() -> None:
    assert {len(card.number) for card in load_cards().values()} == {15, 16}
    for text, fault in [
        ('[[card]]\nnumber = "4242424242424241"\nname = "a"\nbrand = "visa"', "check digit"),
        ('[[card]]\nnumber = "4242424242424242"\nname = "a"\nbrand = "visa"\nwhim = 1', "whim"),
        ("[[card]]\n" + 'number = "4242424242424242"\nname = "a"\nbrand = "visa"\n' * 2, "sandbox_cards"),
    ]:
        with pytest.raises(CatalogueError, match=fault):
            read_cards(text)
    assert card_of("visa 3/31", "2030-03")[1] == "2031-03"


# --- confirmations, slow banks, money that comes back ---------------------------------------------------


def test_confirming_twice_or_late_changes_nothing(rig: SandboxRig) -> None:
    asked = run(rig.gateway.pay(order(method_token="4000002760003184")))
    done = rig.gateway.complete_action(asked.gateway_payment, succeed=True)
    assert done.status == PaymentStatus.SUCCEEDED
    assert rig.gateway.complete_action(asked.gateway_payment, succeed=False) == done
    assert len(rig.events()) == 2
    with pytest.raises(GatewayRefused):
        rig.gateway.complete_action("sbx_pay_nobody", succeed=True)


@pytest.mark.parametrize("succeeds", [True, False])
def test_a_slow_bank(rig: SandboxRig, succeeds: bool) -> None:
    rig.gateway.script(Fault(FaultKind.PROCESSING))
    slow = run(rig.gateway.pay(order()))
    assert (slow.status, rig.taken(), rig.events()) == (PaymentStatus.PROCESSING, 0, [])
    rig.gateway.complete_action(slow.gateway_payment, succeeds)
    [event] = rig.events()
    assert event.kind == (EventKind.PAYMENT_SUCCEEDED if succeeds else EventKind.PAYMENT_FAILED)
    assert rig.taken() == (5000 if succeeds else 0)


def test_a_payment_that_fails_after_it_was_settled(rig: SandboxRig) -> None:
    paid = run(rig.gateway.pay(order())).gateway_payment
    assert rig.gateway.fail_settled(paid, "insufficient_funds").status == PaymentStatus.DECLINED
    assert [event.kind for event in rig.events()] == [EventKind.PAYMENT_SUCCEEDED, EventKind.PAYMENT_FAILED]
    assert rig.taken() == 0
    with pytest.raises(GatewayRefused):
        rig.gateway.fail_settled(paid, "insufficient_funds")


def test_a_dispute_takes_what_was_not_refunded(rig: SandboxRig) -> None:
    paid = run(rig.gateway.pay(order())).gateway_payment
    run(rig.gateway.refund(refund_order(paid, 2000)))
    rig.gateway.open_dispute(paid)
    opened = rig.events()[-1]
    assert (opened.kind, opened.amount_minor, rig.taken()) == (EventKind.DISPUTE_OPENED, 3000, 0)
    rig.gateway.close_dispute(paid, won=True)
    assert rig.taken() == 3000
    with pytest.raises(GatewayRefused):
        rig.gateway.open_dispute(paid)
    with pytest.raises(GatewayRefused):
        rig.gateway.close_dispute(paid, won=False)


def test_refunds_that_fail_later_or_take_time(rig: SandboxRig) -> None:
    fails = run(rig.gateway.pay(order(method_token="4000000000005126"))).gateway_payment
    slow = run(rig.gateway.pay(order("p2", method_token="4000000000007726"))).gateway_payment
    rig.events()
    assert run(rig.gateway.refund(refund_order(fails, 5000, "r1"))).status == RefundStatus.SUCCEEDED
    assert run(rig.gateway.refund(refund_order(slow, 5000, "r2"))).status == RefundStatus.PROCESSING
    assert [(event.payment, event.kind) for event in rig.events()] == [
        ("r1", EventKind.REFUND_FAILED),
        ("r2", EventKind.REFUND_SUCCEEDED),
    ]
    assert rig.taken() == 5000
    [found] = run(rig.gateway.find_refund(refund_order(fails, 5000, "r1")))
    assert (found.status, found.code) == (RefundStatus.DECLINED, "expired_or_canceled_card")
    assert run(rig.gateway.refund(refund_order(fails, 5000, "r3"))).status == RefundStatus.SUCCEEDED


def test_money_of_two_currencies_is_not_added(rig: SandboxRig) -> None:
    run(rig.gateway.pay(order()))
    run(rig.gateway.pay(order("p2", currency="JPY", amount_minor=700)))
    assert (rig.gateway.taken("acme", "EUR"), rig.gateway.taken("acme", "JPY")) == (5000, 700)
    assert rig.gateway.taken("nobody") == 0
    with pytest.raises(ValueError, match="EUR, JPY"):
        rig.gateway.taken("acme")
    with pytest.raises(GatewayRefused):
        run(rig.gateway.refund(refund_order(run(rig.gateway.find("acme", "p2"))[0].gateway_payment, 100)))


# --- the script ---------------------------------------------------------------------------------------


def test_a_key_is_forgotten_after_a_day_and_the_payment_is_not(rig: SandboxRig) -> None:
    first = run(rig.gateway.pay(order()))
    rig.clock.us += DAY_US - 1
    assert run(rig.gateway.pay(order())) == first
    rig.clock.us += 1
    second = run(rig.gateway.pay(order()))
    assert second.gateway_payment != first.gateway_payment
    assert run(rig.gateway.find("acme", "p1")) == [first, second]


def test_a_fault_hits_the_payment_it_names_as_often_as_it_says(rig: SandboxRig) -> None:
    rig.gateway.script(Fault(FaultKind.SERVER_ERROR, payment="p2", times=2), Fault(FaultKind.TIMEOUT_AFTER))
    with pytest.raises(GatewayUnclear):
        run(rig.gateway.pay(order("p1")))  # the second line, for anybody
    for _ in range(2):
        with pytest.raises(GatewayUnclear):
            run(rig.gateway.pay(order("p2")))
    assert run(rig.gateway.pay(order("p2"))).status == PaymentStatus.SUCCEEDED
    assert rig.taken() == 10_000


def test_a_fault_may_hit_one_try_only(rig: SandboxRig) -> None:
    rig.gateway.script(Fault(FaultKind.TIMEOUT_BEFORE, payment="p1-2"))
    assert run(rig.gateway.pay(order(number=1))).status == PaymentStatus.SUCCEEDED
    with pytest.raises(GatewayUnclear):
        run(rig.gateway.pay(order(number=2)))


def test_find_and_saving_a_card_can_fail_too(rig: SandboxRig) -> None:
    rig.gateway.script(
        Fault(FaultKind.SERVER_ERROR, Operation.FIND),
        Fault(FaultKind.TIMEOUT_BEFORE, Operation.SAVE_METHOD),
    )
    with pytest.raises(GatewayUnclear):
        run(rig.gateway.find("acme", "p1"))
    with pytest.raises(GatewayUnclear):
        run(rig.gateway.save_method("acme", "tok_visa"))
    assert run(rig.gateway.find("acme", "p1")) == []


def test_a_slow_answer_comes_late_and_the_money_is_taken_before(tmp_path: Path) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        assert gateway.taken("acme") == 5000

    gateway = SandboxGateway(tmp_path / "s.db", SECRET, lambda: NOON_US, sleep=sleep)
    gateway.script(Fault(FaultKind.DELAY, delay_us=2_500_000))
    assert run(gateway.pay(order())).status == PaymentStatus.SUCCEEDED
    assert waited == [2.5]
    gateway.close_now()


@pytest.mark.parametrize(
    "line",
    [
        Fault(FaultKind.EVENT_LOST),
        Fault(FaultKind.DELAY, Operation.EVENT),
        Fault(FaultKind.PROCESSING, Operation.FIND),
    ],
)
def test_a_line_that_makes_no_sense_is_refused(rig: SandboxRig, line: Fault) -> None:
    with pytest.raises(ValueError, match="happen"):
        rig.gateway.script(line)


def test_an_order_that_is_refused_leaves_no_key_behind(rig: SandboxRig) -> None:
    with pytest.raises(GatewayRefused):
        run(rig.gateway.pay(order(amount_minor=-1)))
    assert run(rig.gateway.pay(order())).status == PaymentStatus.SUCCEEDED
    with pytest.raises(KeyReused):
        run(rig.gateway.pay(order(description="another word")))
