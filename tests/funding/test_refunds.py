"""Money that goes back because we want it: up to what is left of its lot (recharge.md 11)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from talktime.funding.commands import Report
from talktime.funding.gateway import EventKind, GatewayEvent, RefundResult, RefundStatus
from talktime.funding.payments import State
from talktime.funding.receipt import read_credit_note, read_receipt
from talktime.funding.sandbox_faults import FaultKind, Operation
from talktime.funding.taxes import tax_sum
from talktime.ledger.commands import Refused
from talktime.live.answers import Allowed
from talktime.live.operations import CancelCall, EndCall, StartCall
from tests.funding.payment_desk import DAY, HOUR, OFF, UNIT, Kept, PaymentDesk, payment_desk


@pytest.fixture
def desk(sqlite_database: str, tmp_path: Path) -> Iterator[PaymentDesk]:
    with payment_desk(sqlite_database, tmp_path) as made:
        yield made


def bought(desk: PaymentDesk, amount: int = 100, card: str = "visa") -> Kept:
    """A tenant that bought so much; the gateway took 20 % more, the tax."""
    desk.open("acme", OFF, card=card)
    desk.buy("acme", amount * UNIT, "one")
    desk.turn()
    return desk.payments("acme", "purchase")[0]


def refund(desk: PaymentDesk, amount: int, key: str = "1") -> Kept | str:
    """Asks for a refund of the purchase; the code where it is refused."""
    asked = desk.refund("acme", desk.payments("acme", "purchase")[0].row.payment, amount * UNIT, key)
    return asked.code if isinstance(asked, Refused) else desk.payment("acme", asked.payment)


def credit_notes(desk: PaymentDesk) -> list[str]:
    rows = desk.rows("select key from papers where tenant = 'acme' and kind = 'credit_note' order by key")
    return [key for (key,) in rows]


def on_papers(desk: PaymentDesk) -> tuple[int, int]:
    """(gross, tax) of all receipts less that of all credit notes; what they cancel has the other sign."""
    gross = tax = 0
    papers = desk.rows("select kind, document from papers where tenant = 'acme' and kind != 'timeline'")
    for kind, text in papers:
        paper = read_receipt(text) if kind == "receipt" else read_credit_note(text)
        sign = 1 if kind == "receipt" else -1
        gross, tax = gross + sign * paper.gross, tax + sign * tax_sum(paper.taxes)
    return gross, tax


@pytest.mark.parametrize(
    ("spent", "amounts", "answers", "left", "taken"),
    [
        (0, [30], [State.SETTLED], 70, 84),  # a part
        (0, [100], [State.SETTLED], 0, 0),  # all
        (0, [101], ["too_much"], 100, 120),
        (0, [30, 70], [State.SETTLED, State.SETTLED], 0, 0),
        (0, [30, 71], [State.SETTLED, "too_much"], 70, 84),
        (60, [40], [State.SETTLED], 0, 72),  # what is left of a lot that was used
        (60, [41], ["too_much"], 40, 120),
        (100, [1], ["too_much"], 0, 120),  # of a spent lot
    ],
)
def test_up_to_what_is_left_of_its_lot(
    desk: PaymentDesk, spent: int, amounts: list[int], answers: list[State | str], left: int, taken: int
) -> None:
    bought(desk)
    desk.spend("acme", spent * UNIT)
    found = [refund(desk, amount, str(number)) for number, amount in enumerate(amounts)]
    assert [each if isinstance(each, str) else each.state for each in found] == answers
    desk.settle_down()
    assert desk.available("acme") == left * UNIT
    assert desk.taken("acme") == taken * UNIT
    settled = answers.count(State.SETTLED)
    assert credit_notes(desk) == [f"C-acme-00000{number + 1}" for number in range(settled)]
    assert len(desk.told("acme", "refund_done")) == settled
    desk.check_money("acme")


def test_the_taxes_of_all_parts_are_the_tax_of_the_whole(desk: PaymentDesk) -> None:
    """Thirds of a cent do not get lost."""
    bought(desk, 101)
    amounts = [33_330_000, 33_330_000, 34_340_000]
    name = desk.last("acme").row.payment
    for number, amount in enumerate(amounts):
        desk.refund("acme", name, amount, str(number))
    desk.settle_down()
    assert desk.taken("acme") == desk.account("acme", "tax") == 0
    desk.check_money("acme")


@pytest.mark.parametrize("cents", [6, 7, 12, 13])
def test_the_tax_adds_up_though_parts_do_not_arrive(desk: PaymentDesk, cents: int) -> None:
    """Two are on their way; the first fails after the second arrived, and is asked for again."""
    desk.open("acme", OFF)
    desk.buy("acme", cents * 10_000, "one")
    of = desk.last("acme").row
    lots = (3 * 10_000, (cents - 3) * 10_000)
    first = desk.refund("acme", of.payment, lots[0], "1", work=False)
    desk.refund("acme", of.payment, lots[1], "2")
    desk.do(Report("acme", first.payment, RefundResult(RefundStatus.DECLINED, "", "refund_failed")))
    desk.refund("acme", of.payment, lots[0], "3")
    desk.settle_down()
    assert desk.taken("acme") == desk.account("acme", "tax") == 0
    assert on_papers(desk) == (0, 0)
    desk.check_money("acme")


def test_a_refund_does_not_take_what_is_overdrawn(desk: PaymentDesk) -> None:
    """One call talked away more than there was, another then gave its reservation back."""
    desk.open("acme", OFF)
    desk.buy("acme", 1_200_000, "one")
    for name in "ab":
        call = StartCall("acme", name, 0, "user_out", user="ana", callee="+442079460000", requested_s=60)
        assert isinstance(desk.do(call), Allowed)
    desk.do(EndCall("acme", "a", 1, 90))
    desk.do(CancelCall("acme", "b", 1))
    balance, _, overdraft = desk.wallet("acme")
    assert (balance, overdraft) == (300_000, 300_000)
    for amount, code in ((310_000, "too_much"), (300_000, "")):
        answer = desk.refund("acme", desk.payments("acme", "purchase")[0].row.payment, amount, str(amount))
        assert (answer.code if isinstance(answer, Refused) else "") == code
    assert desk.wallet("acme")[0] == 0
    desk.check_money("acme")


@pytest.mark.parametrize(
    ("amount", "changed", "answer"),
    [
        (100, {}, "settled"),  # 100 are left; it pays below 100
        (101, {}, "recharge_on"),
        (200, {}, "recharge_on"),
        (200, {"enabled": False}, "settled"),
        (101, {"below_micros": 99 * UNIT}, "settled"),
    ],
)
def test_what_auto_recharge_would_buy_again_is_not_paid_back(
    desk: PaymentDesk, amount: int, changed: dict[str, int], answer: str
) -> None:
    desk.open("acme")
    desk.turn()
    desk.rule("acme", **changed)
    asked = desk.refund("acme", desk.last("acme").row.payment, amount * UNIT)
    desk.settle_down()
    assert (asked.code if isinstance(asked, Refused) else desk.last("acme", "refund").state) == answer
    assert len(desk.payments("acme", "recharge")) == 1
    if isinstance(asked, Refused):
        assert asked.detail == (
            "auto-recharge is on and buys credits again below 100 USD; switch auto-recharge off first"
        )


def test_a_rule_that_is_paused_buys_nothing_again(desk: PaymentDesk) -> None:
    desk.open("acme", card="createDispute")
    desk.turn()
    assert desk.standing("acme").suspended
    desk.gateway.close_dispute(desk.last("acme").row.gateway_payment, won=True)
    desk.settle_down()
    assert not isinstance(desk.refund("acme", desk.last("acme").row.payment, 200 * UNIT), Refused)
    desk.settle_down()
    assert [kept.row.kind for kept in desk.payments("acme")] == ["recharge", "refund"]


def test_finer_than_a_coin(desk: PaymentDesk) -> None:
    name = bought(desk).row.payment
    answer = desk.refund("acme", name, 1_000_001)
    assert isinstance(answer, Refused)
    assert answer.code == "finer_than_coin"


def test_the_same_request_again_is_the_same_refund(desk: PaymentDesk) -> None:
    name = bought(desk).row.payment
    for _ in range(2):
        assert not isinstance(desk.refund("acme", name, 10 * UNIT, "key"), Refused)
    other = desk.refund("acme", name, 11 * UNIT, "key")
    assert isinstance(other, Refused)
    assert other.code == "conflict"
    assert desk.available("acme") == 90 * UNIT
    desk.check_money("acme")


def test_what_a_call_has_reserved_does_not_go_back(desk: PaymentDesk) -> None:
    bought(desk)
    call = StartCall("acme", "c", 0, "user_out", user="ana", callee="+442079460000", requested_s=6000)
    granted = desk.do(call)
    assert isinstance(granted, Allowed)
    held = granted.grant.authorised_s * 10_000
    assert refund(desk, 100) == "too_much"
    assert not isinstance(refund(desk, 94, "2"), str)
    assert desk.available("acme") == 6 * UNIT - held
    desk.do(EndCall("acme", "c", 1, 10))
    assert desk.available("acme") == 6 * UNIT - 100_000
    desk.check_money("acme")


def test_declined_by_the_gateway(desk: PaymentDesk) -> None:
    """The payment is disputed and we do not know it yet: the money returns to its lot."""
    payment = bought(desk)
    desk.gateway.open_dispute(payment.row.gateway_payment)
    declined = refund(desk, 40)
    assert isinstance(declined, Kept)
    assert (declined.state, declined.body.code) == (State.DECLINED, "charge_disputed")
    assert desk.available("acme") == 100 * UNIT
    assert credit_notes(desk) == []
    (told,) = desk.told("acme", "refund_failed")
    assert (told["payment"], told["amount"], told["code"], told["available"]) == (
        *(payment.row.payment, 40 * UNIT, "charge_disputed", 100 * UNIT),
    )


def test_accepted_and_failed_later(desk: PaymentDesk) -> None:
    """The bank sends the money back days later; told twice it comes back once."""
    bought(desk, card="refundFail")
    accepted = refund(desk, 40)
    assert isinstance(accepted, Kept)
    assert accepted.state is State.SETTLED
    assert desk.available("acme") == 60 * UNIT
    (failed,) = [desk.read(message) for message in desk.pending()]
    for _ in range(2):
        desk.tell(failed)
    assert desk.available("acme") == 100 * UNIT
    assert desk.taken("acme") == 120 * UNIT
    desk.check_money("acme")
    assert len(desk.told("acme", "refund_failed")) == 1
    assert credit_notes(desk) == ["C-acme-000001", "C-acme-000002"]
    (text,) = desk.rows("select document from papers where key = 'C-acme-000002'")
    paper = read_credit_note(text[0])
    assert (paper.kind, paper.cancels, paper.gross) == ("cancelled", "C-acme-000001", -48 * UNIT)
    assert on_papers(desk) == (120 * UNIT, 20 * UNIT)
    assert not isinstance(refund(desk, 100, "again"), str)
    assert on_papers(desk) == (0, 0), "all of it, in one paper"


def test_the_failure_is_told_before_the_answer(desk: PaymentDesk) -> None:
    bought(desk, card="refundFail")
    desk.fault(FaultKind.TIMEOUT_AFTER, Operation.REFUND)
    refund(desk, 40)
    desk.deliver()
    late = RefundResult(RefundStatus.SUCCEEDED, "late")
    desk.do(Report("acme", desk.last("acme").row.payment, late))
    assert desk.available("acme") == 100 * UNIT
    desk.settle_down()
    desk.check_money("acme")


def test_the_bank_takes_its_time(desk: PaymentDesk) -> None:
    bought(desk, card="pendingRefund")
    waiting = refund(desk, 40)
    assert isinstance(waiting, Kept)
    assert waiting.state is State.UNKNOWN
    assert desk.available("acme") == 60 * UNIT, "nobody spends it meanwhile"
    desk.lose()
    desk.settle_down()
    assert desk.last("acme").state is State.SETTLED
    assert desk.taken("acme") == 72 * UNIT
    desk.check_money("acme")


@pytest.mark.parametrize("kind", [FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER])
def test_no_answer(desk: PaymentDesk, kind: FaultKind) -> None:
    """Asked first, sent again by the same key: it goes back once."""
    bought(desk)
    desk.fault(kind, Operation.REFUND)
    refund(desk, 40)
    desk.lose()
    desk.settle_down()
    assert desk.taken("acme") == 72 * UNIT
    assert credit_notes(desk) == ["C-acme-000001"]
    desk.check_money("acme")


def test_two_in_flight(desk: PaymentDesk) -> None:
    """Each holds its money; the second arrives first."""
    name = bought(desk).row.payment
    desk.fault(FaultKind.TIMEOUT_AFTER, Operation.REFUND, times=2)
    for number, amount in enumerate((33_330_000, 55_550_000)):
        desk.refund("acme", name, amount, str(number))
    assert desk.payments("acme", "purchase")[0].body.returning == 88_880_000
    assert refund(desk, 12, "3") == "too_much"
    for event in reversed([desk.read(message) for message in desk.pending()]):
        desk.tell(event)
    desk.settle_down()
    assert desk.payments("acme", "purchase")[0].body.returned == 88_880_000
    desk.check_money("acme")


def test_made_by_hand_it_comes_back_to_whom_it_was_owed(desk: PaymentDesk) -> None:
    """Of 60 the lot had 20 and the rest was owed; when the money comes back nothing is owed any more."""
    row = bought(desk).row
    desk.spend("acme", 80 * UNIT)
    by_hand = GatewayEvent(
        id="1",
        kind=EventKind.REFUND_SUCCEEDED,
        tenant="acme",
        payment=row.payment,
        try_number=0,
        gateway_payment=row.gateway_payment,
        amount_minor=7200,
        currency="USD",
        gateway_refund="by hand",
    )
    names = ("credits", "receivable", "refunds", "tax")
    desk.tell(by_hand)
    assert [desk.account("acme", name) // UNIT for name in names] == [0, -40, 0, 8]
    failed = msgspec.structs.replace(by_hand, id="2", kind=EventKind.REFUND_FAILED, code="refund_failed")
    for _ in range(2):
        desk.tell(failed)
    assert [desk.account("acme", name) // UNIT for name in names] == [20, 0, 0, 20]
    assert desk.payments("acme", "purchase")[0].body.owed == 0
    assert on_papers(desk) == (120 * UNIT, 20 * UNIT)
    desk.check_money("acme")


def test_a_clock_that_was_ahead_once_holds_up_no_refund(desk: PaymentDesk) -> None:
    name = bought(desk).row.payment
    desk.now_us += DAY
    desk.expire("acme")
    desk.now_us -= DAY
    desk.refund("acme", name, 40 * UNIT, work=False)
    desk.work()
    assert desk.last("acme", "refund").state is State.SETTLED


def test_of_an_expired_lot(desk: PaymentDesk) -> None:
    bought(desk)
    desk.later(366 * DAY)
    assert desk.available("acme") == 0
    assert refund(desk, 1) == "too_much"
    desk.check_money("acme")


def test_what_comes_back_to_an_expired_lot_is_forfeited(desk: PaymentDesk) -> None:
    payment = bought(desk)
    desk.now_us = payment.body.expires_us - HOUR
    desk.refund("acme", payment.row.payment, 40 * UNIT, work=False)
    desk.now_us += 2 * HOUR
    desk.gateway.open_dispute(payment.row.gateway_payment)
    desk.gateway.close_dispute(payment.row.gateway_payment, won=False)
    desk.work()
    desk.deliver()
    desk.settle_down()
    assert desk.available("acme") == 0
    assert desk.account("acme", "forfeited") == 100 * UNIT
    assert desk.account("acme", "receivable") == -100 * UNIT, "the bank has taken what was forfeited"
    desk.check_money("acme")
