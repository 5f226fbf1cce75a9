"""Money that a bank takes back: frozen, then debited or released; a shortfall is owed (recharge.md 11)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from talktime.funding.commands import Report
from talktime.funding.gateway import EventKind, RefundResult, RefundStatus
from talktime.funding.payments import State
from talktime.funding.receipt import read_credit_note
from talktime.funding.refunds import Dispute, Turn
from talktime.funding.sandbox_faults import FaultKind, Operation
from talktime.ledger.commands import Refused
from talktime.live.answers import Allowed
from talktime.live.operations import EndCall, StartCall
from tests.funding.payment_desk import DAY, OFF, RULE, UNIT, Kept, PaymentDesk, payment_desk


@pytest.fixture
def desk(sqlite_database: str, tmp_path: Path) -> Iterator[PaymentDesk]:
    with payment_desk(sqlite_database, tmp_path) as made:
        yield made


def bought(desk: PaymentDesk) -> Kept:
    """A tenant that bought 100; the gateway took 120, with the tax."""
    desk.open("acme", OFF)
    desk.buy("acme", 100 * UNIT, "one")
    desk.turn()
    return the_purchase(desk)


def the_purchase(desk: PaymentDesk) -> Kept:
    return desk.payments("acme", "purchase")[0]


def opened(desk: PaymentDesk) -> None:
    desk.gateway.open_dispute(the_purchase(desk).row.gateway_payment)
    desk.turn()


def closed(desk: PaymentDesk, *, won: bool) -> None:
    desk.gateway.close_dispute(the_purchase(desk).row.gateway_payment, won)
    desk.settle_down()


def accounts(desk: PaymentDesk, *names: str) -> list[int]:
    return [desk.account("acme", name) // UNIT for name in names]


@pytest.mark.parametrize("spent", [0, 30, 100])
def test_opened_and_won(desk: PaymentDesk, spent: int) -> None:
    bought(desk)
    desk.spend("acme", spent * UNIT)
    opened(desk)
    assert accounts(desk, "credits", "frozen") == [0, 100 - spent]
    assert [told["amount"] for told in desk.told("acme", "dispute_opened")] == [100 * UNIT]
    closed(desk, won=True)
    assert accounts(desk, "credits", "frozen", "receivable") == [100 - spent, 0, 0]
    assert desk.taken("acme") == 120 * UNIT
    assert [told["outcome"] for told in desk.told("acme", "dispute_closed")] == ["won"]
    desk.check_money("acme")


@pytest.mark.parametrize("spent", [0, 30, 100])
def test_opened_and_lost(desk: PaymentDesk, spent: int) -> None:
    """What is left goes with its tax; what was spent is a receivable, and no lot is below zero."""
    bought(desk)
    desk.spend("acme", spent * UNIT)
    opened(desk)
    closed(desk, won=False)
    assert accounts(desk, "credits", "frozen", "receivable", "tax") == [0, 0, -spent, 0]
    assert (the_purchase(desk).body.owed, desk.taken("acme")) == (spent * UNIT, 0)
    assert len(desk.rows("select key from papers where kind = 'credit_note'")) == 1
    desk.check_money("acme")


def test_frozen_money_neither_pays_nor_goes_back(desk: PaymentDesk) -> None:
    name = bought(desk).row.payment
    opened(desk)
    refused = desk.refund("acme", name, UNIT)
    assert isinstance(refused, Refused)
    assert refused.code == "too_much"
    assert isinstance(desk.take_back("acme", UNIT), Refused)


def test_while_a_call_holds_a_reservation(desk: PaymentDesk) -> None:
    """What the call holds stays with it; what it releases is taken when the dispute is lost."""
    bought(desk)
    call = StartCall("acme", "c", 0, "user_out", user="ana", callee="+442079460000", requested_s=600)
    granted = desk.do(call)
    assert isinstance(granted, Allowed)
    held = granted.grant.authorised_s * 10_000
    assert held > 2 * UNIT
    opened(desk)
    assert desk.account("acme", "frozen") == 100 * UNIT - held
    desk.check("acme")
    desk.do(EndCall("acme", "c", 1, 100))
    assert desk.available("acme") == held - UNIT
    closed(desk, won=False)
    assert accounts(desk, "credits", "receivable") == [0, -1]
    desk.check_money("acme")


@pytest.mark.parametrize("won", [True, False])
def test_what_was_overdrawn_meanwhile_is_paid_first(desk: PaymentDesk, won: bool) -> None:
    """Of 100 all but the reservation of a call is frozen; it takes 5 more than it has."""
    bought(desk)
    call = StartCall("acme", "c", 0, "user_out", user="ana", callee="+442079460000", requested_s=600)
    granted = desk.do(call)
    assert isinstance(granted, Allowed)
    opened(desk)
    desk.do(EndCall("acme", "c", 1, granted.grant.authorised_s + 500))
    assert desk.wallet("acme")[2] == 5 * UNIT
    closed(desk, won=won)
    left = 100 * UNIT - (granted.grant.authorised_s + 500) * 10_000
    assert desk.wallet("acme") == ((left, 0, 0) if won else (-5 * UNIT, 0, 5 * UNIT))
    desk.check_money("acme")
    if won:
        assert isinstance(desk.refund("acme", the_purchase(desk).row.payment, left + 10_000), Refused)
        desk.refund("acme", the_purchase(desk).row.payment, left, "2")
        assert desk.wallet("acme") == (0, 0, 0)


@pytest.mark.parametrize("refunded", [0, 33_330_000])
@pytest.mark.parametrize("cents", [1, 2, 3, 4, 5, 6, 4_999, 7_999])
@pytest.mark.parametrize("is_over", [True, False])
def test_a_part_is_disputed(desk: PaymentDesk, is_over: bool, cents: int, refunded: int) -> None:
    """What the bank takes is what is booked and stands on the papers, to the cent; and so is the rest."""
    row = bought(desk).row
    if refunded:
        desk.refund("acme", row.payment, refunded)
    before, taken = -desk.account("acme"), cents * 10_000

    def told(turn: Turn) -> None:
        desk.do(Dispute("acme", row.payment, turn, taken, row.gateway_payment))

    told(Turn.OPEN)
    if is_over:
        told(Turn.LOST)
        assert before + desk.account("acme") == taken
    rest = desk.available("acme")
    asked = desk.refund("acme", row.payment, rest, "rest", work=False)
    desk.do(Report("acme", asked.payment, RefundResult(RefundStatus.SUCCEEDED, "r")))
    if not is_over:
        assert -desk.account("acme") == taken
        told(Turn.LOST)
    assert accounts(desk, "credits", "tax", "frozen", "refunds") == [0, 0, 0, 0]
    assert (desk.account("acme"), desk.account("acme", "tax")) == (0, 0)
    notes = desk.rows("select document from papers where kind = 'credit_note'")
    assert sum(read_credit_note(text).gross for (text,) in notes) == 120 * UNIT


def test_more_is_disputed_than_was_paid(desk: PaymentDesk) -> None:
    row = bought(desk).row
    desk.do(Dispute("acme", row.payment, Turn.LOST, 500 * UNIT, row.gateway_payment))
    assert the_purchase(desk).body.disputed == 100 * UNIT
    assert desk.account("acme") == 0


def test_refund_then_dispute(desk: PaymentDesk) -> None:
    """Only what did not go back is disputed."""
    name = bought(desk).row.payment
    desk.refund("acme", name, 33_330_000)
    opened(desk)
    assert the_purchase(desk).body.disputed == 66_670_000
    closed(desk, won=False)
    assert (desk.available("acme"), desk.taken("acme")) == (0, 0)
    desk.check_money("acme")


@pytest.mark.parametrize("won", [True, False])
@pytest.mark.parametrize("arrived", [FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER])
@pytest.mark.parametrize(("amount", "tax"), [(33_330_000, 6_670_000), (33_320_000, 6_660_000)])
def test_dispute_while_a_refund_is_on_its_way(
    desk: PaymentDesk, amount: int, tax: int, arrived: FaultKind, won: bool
) -> None:
    """Whether the refund or the dispute came first at the gateway, nobody knows until it is asked."""
    name = bought(desk).row.payment
    desk.fault(arrived, Operation.REFUND)
    desk.refund("acme", name, amount)
    desk.gateway.open_dispute(the_purchase(desk).row.gateway_payment)
    (dispute,) = [e for m in desk.pending() if (e := desk.read(m)).kind is EventKind.DISPUTE_OPENED]
    desk.lose()
    desk.tell(dispute)
    desk.settle_down()
    is_first = arrived is FaultKind.TIMEOUT_AFTER
    assert (desk.last("acme", "refund").state is State.SETTLED) == is_first
    back = amount if is_first else 0
    assert the_purchase(desk).body.disputed == 100 * UNIT - back
    closed(desk, won=won)
    kept = 120 * UNIT - back - (tax if is_first else 0)
    assert desk.taken("acme") == (kept if won else 0)
    desk.check_money("acme")


@pytest.mark.parametrize(
    "order", [(0, 0, 1, 1), (1, 0), (1, 1, 0), (1,)], ids=["twice", "backwards", "backwards twice", "lost"]
)
@pytest.mark.parametrize("won", [True, False])
def test_news_of_a_dispute_in_any_order(desk: PaymentDesk, order: tuple[int, ...], won: bool) -> None:
    payment = bought(desk)
    desk.gateway.open_dispute(payment.row.gateway_payment)
    desk.gateway.close_dispute(payment.row.gateway_payment, won)
    events = [desk.read(message) for message in desk.pending()]
    desk.lose()
    for index in order:
        desk.tell(events[index])
    assert desk.available("acme") == (100 * UNIT if won else 0)
    assert len(desk.told("acme", "dispute_closed")) == 1
    desk.check_money("acme")


def test_a_dispute_is_told_before_its_payment(desk: PaymentDesk) -> None:
    """The reply got lost and its message is late: the gateway is asked, so that nothing of it is missed."""
    desk.open("acme", OFF, card="createDispute")
    asked = desk.buy("acme", 100 * UNIT, "one", work=False)
    desk.crash_after_sending("acme", asked.payment)
    late, dispute = (desk.read(message) for message in desk.pending())
    desk.lose()
    desk.tell(dispute)
    assert the_purchase(desk).state is State.SETTLED
    assert accounts(desk, "credits", "frozen") == [0, 100]
    desk.tell(late)
    closed(desk, won=False)
    assert desk.taken("acme") == 0
    desk.check_money("acme")


def test_a_card_that_disputes_each_payment_is_charged_once(desk: PaymentDesk) -> None:
    """What is frozen would be bought again, and disputed again, for ever: the rule is paused instead."""
    desk.open("acme", RULE, card="createDispute")
    desk.settle_down()
    assert desk.gateway.asked["pay"] == 1
    assert desk.standing("acme").suspended == "charge_disputed"
    assert desk.reasons("acme")[-1] == "suspended"
    desk.use_card("acme", "visa")
    desk.settle_down()
    assert desk.available("acme") == 200 * UNIT, "another card refills"


def test_a_payment_that_fails_later_pauses_too(desk: PaymentDesk) -> None:
    desk.open("acme", RULE)
    desk.turn()
    desk.gateway.fail_settled(desk.last("acme").row.gateway_payment, "generic_decline")
    desk.settle_down()
    assert desk.gateway.asked["pay"] == 1
    assert len(desk.told("acme", "recharge_paused")) == 1
    desk.check_money("acme")


@pytest.mark.parametrize("others", ["a rule that is off", "another card"])
def test_a_dispute_pauses_no_rule_but_that_of_its_card(desk: PaymentDesk, others: str) -> None:
    bought(desk)
    desk.fund("acme", 500 * UNIT)
    if others == "another card":
        desk.use_card("acme", "mastercard")
        desk.rule("acme", enabled=True)
    opened(desk)
    assert desk.standing("acme").suspended == ""
    assert desk.told("acme", "recharge_paused") == []


def test_a_dispute_that_is_won_before_we_hear_of_it_pauses_nothing(desk: PaymentDesk) -> None:
    desk.open("acme", RULE)
    desk.turn()
    payment = desk.last("acme").row.gateway_payment
    desk.gateway.open_dispute(payment)
    desk.gateway.close_dispute(payment, won=True)
    first, won = [desk.read(message) for message in desk.pending()][-2:]
    for event in (won, first):
        desk.tell(event)
    assert desk.standing("acme").suspended == ""
    assert desk.available("acme") == 200 * UNIT


def test_a_lot_that_expires_while_it_is_disputed(desk: PaymentDesk) -> None:
    bought(desk)
    opened(desk)
    desk.later(366 * DAY)
    closed(desk, won=True)
    assert accounts(desk, "credits", "frozen", "forfeited") == [0, 0, 100]
    desk.check_money("acme")
