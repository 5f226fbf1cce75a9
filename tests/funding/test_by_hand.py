"""What people did at the gateway's own page: money given back there, a payment that they looked into."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from talktime.funding.by_hand import ResolvePayment
from talktime.funding.commands import Report
from talktime.funding.gateway import EventKind, GatewayEvent, PaymentResult, PaymentStatus
from talktime.funding.payments import State
from talktime.ledger.commands import Refused
from talktime.ledger.records import Payment
from talktime.ledger.verify import verify
from tests.funding.payment_desk import DAY, OFF, UNIT, PaymentDesk, payment_desk

GROSS = 120
"""Of 100.00 with the tax of 20 %."""


@pytest.fixture
def desk(sqlite_database: str, tmp_path: Path) -> Iterator[PaymentDesk]:
    with payment_desk(sqlite_database, tmp_path) as made:
        yield made


def bought(desk: PaymentDesk) -> Payment:
    """100.00 by card."""
    desk.open("acme", OFF)
    desk.buy("acme", 100 * UNIT, "k")
    return desk.last("acme").row


def told(
    of: Payment, money: int, name: str = "re_1", kind: EventKind = EventKind.REFUND_SUCCEEDED
) -> GatewayEvent:
    """The gateway tells of a refund that was made there: it carries the id of the purchase."""
    return GatewayEvent(
        f"{name}/{kind}",
        kind,
        "acme",
        of.payment,
        0,
        of.gateway_payment,
        money * 100,
        "USD",
        gateway_refund=name,
    )


def refunds(desk: PaymentDesk) -> list[tuple[str, int]]:
    return [(kept.state.value, kept.row.amount // UNIT) for kept in desk.payments("acme", "refund")]


def is_whole(desk: PaymentDesk, gone: int) -> None:
    """The ledger agrees with itself and with a gateway that has given so much back."""
    desk.check("acme")
    assert desk.account("acme") == (gone - GROSS) * UNIT
    assert desk.account("acme", "refunds") == 0
    found = verify(desk.url, now_us=desk.now_us)
    assert found.is_clean, found.differences


@pytest.mark.parametrize("times", [1, 3])
def test_what_was_refunded_at_the_gateway_leaves_the_lot_once(desk: PaymentDesk, times: int) -> None:
    purchase = bought(desk)
    for _ in range(times):
        desk.tell(told(purchase, GROSS))
    assert desk.available("acme") == 0
    assert refunds(desk) == [("settled", 100)]
    (notice,) = desk.told("acme", "refund_done")
    assert (notice["payment"], notice["amount"]) == (purchase.payment, 100 * UNIT)
    assert desk.account("acme", "tax") == 0
    is_whole(desk, GROSS)


def test_two_parts_are_two_refunds(desk: PaymentDesk) -> None:
    purchase = bought(desk)
    desk.tell(told(purchase, 30, "re_1"))
    desk.tell(told(purchase, 90, "re_2"))
    assert refunds(desk) == [("settled", 25), ("settled", 75)]
    is_whole(desk, GROSS)
    assert desk.payment("acme", purchase.payment).body.returned == 100 * UNIT


def test_what_was_spent_is_owed_and_the_balance_is_not_below_zero(desk: PaymentDesk) -> None:
    purchase = bought(desk)
    desk.spend("acme", 60 * UNIT)
    desk.tell(told(purchase, GROSS))
    assert desk.wallet("acme") == (0, 0, 0)
    assert desk.account("acme", "receivable") == -60 * UNIT
    assert desk.payment("acme", purchase.payment).body.owed == 60 * UNIT
    is_whole(desk, GROSS)


def test_one_that_fails_later_comes_back(desk: PaymentDesk) -> None:
    purchase = bought(desk)
    failed = told(purchase, GROSS, kind=EventKind.REFUND_FAILED)
    desk.tell(failed)
    assert refunds(desk) == [], "nothing was booked of it"
    desk.tell(told(purchase, GROSS))
    desk.tell(failed)
    assert desk.available("acme") == 100 * UNIT
    is_whole(desk, 0)


def test_a_refund_that_is_told_before_the_purchase(desk: PaymentDesk) -> None:
    """The answer to the purchase was lost: nothing is declined; it is credited first, then taken."""
    desk.open("acme", OFF)
    asked = desk.buy("acme", 100 * UNIT, "k", work=False)
    result = desk.crash_after_sending("acme", asked.payment)
    assert result is not None
    desk.tell(told(asked._replace(gateway_payment=result.gateway_payment), GROSS))
    assert desk.payment("acme", asked.payment).state is State.SETTLED
    assert desk.available("acme") == 0
    assert desk.told("acme", "purchase_failed") == []
    is_whole(desk, GROSS)


# --- a payment that a person has to look at -------------------------------------------------------------


def unclear(desk: PaymentDesk, kind: str) -> Payment:
    """A gateway says that it took another sum: no program may decide, it is asked no more."""
    if kind == "recharge":
        desk.open("acme")
        name = desk.standing("acme").attempt
    else:
        desk.open("acme", OFF)
        name = desk.buy("acme", 200 * UNIT, "k", work=False).payment
    desk.crash_after_claim("acme", name)
    wrong = PaymentResult(PaymentStatus.SUCCEEDED, "gp", 1, "USD", try_number=1)
    desk.do(Report("acme", name, wrong, is_certain=True))
    desk.later(30 * DAY)
    kept = desk.payment("acme", name)
    assert kept.state is State.UNKNOWN
    return kept.row


@pytest.mark.parametrize("kind", ["recharge", "purchase"])
def test_it_was_taken(desk: PaymentDesk, kind: str) -> None:
    payment = unclear(desk, kind)
    done = desk.do(ResolvePayment("acme", payment.payment, True, "ben", "seen at the bank", "gp_7"))
    assert isinstance(done, Payment)
    assert (done.state, done.gateway_payment) == (State.SETTLED, "gp_7")
    assert desk.available("acme") == 200 * UNIT
    assert desk.standing("acme").attempt == ""
    who = desk.rows("select who, what from audit where what like 'payment %'")
    assert who == [("ben", f"payment {payment.payment}: gp_7 was taken; seen at the bank")]
    desk.check("acme")


def test_a_recharge_was_not_taken(desk: PaymentDesk) -> None:
    """The rule goes on with the next attempt."""
    payment = unclear(desk, "recharge")
    done = desk.do(ResolvePayment("acme", payment.payment, False, "ben", "nothing at the bank"))
    assert isinstance(done, Payment)
    assert done.state == State.CANCELLED
    desk.turn()
    assert desk.available("acme") == 200 * UNIT
    assert desk.last("acme").row.payment != payment.payment


def test_a_purchase_was_not_taken(desk: PaymentDesk) -> None:
    payment = unclear(desk, "purchase")
    desk.do(ResolvePayment("acme", payment.payment, False, "ben", "nothing at the bank"))
    assert desk.last("acme").state is State.DECLINED
    (notice,) = desk.told("acme", "purchase_failed")
    assert notice["code"] == "not_taken"


@pytest.mark.parametrize(
    ("taken", "reason", "gateway_payment", "code"),
    [(True, "seen", "", "gateway_payment_missing"), (False, " ", "", "reason_missing")],
)
def test_what_a_person_has_to_say(
    desk: PaymentDesk, taken: bool, reason: str, gateway_payment: str, code: str
) -> None:
    payment = unclear(desk, "purchase")
    answer = desk.do(ResolvePayment("acme", payment.payment, taken, "ben", reason, gateway_payment))
    assert isinstance(answer, Refused)
    assert answer.code == code
    assert desk.last("acme").state is State.UNKNOWN


def test_only_what_is_unknown_is_resolved(desk: PaymentDesk) -> None:
    purchase = bought(desk)
    for name, code in ((purchase.payment, "not_unknown"), ("K-none", "unknown_payment")):
        answer = desk.do(ResolvePayment("acme", name, False, "ben", "why not"))
        assert isinstance(answer, Refused)
        assert answer.code == code


def test_another_sum_for_a_try_that_is_over_leaves_the_ladder_alone(desk: PaymentDesk) -> None:
    """The attempt waits for its next try, and goes on."""
    desk.open("acme", card="chargeCustomerFail")
    desk.turn()
    before = desk.last("acme")
    wrong = PaymentResult(PaymentStatus.SUCCEEDED, "gp", 1, "USD", try_number=1)
    desk.do(Report("acme", before.row.payment, wrong, is_certain=True))
    after = desk.last("acme")
    assert (after.state, after.row.due_us) == (State.CREATED, before.row.due_us)
    assert len(desk.told("acme", "payment_unclear")) == 1
