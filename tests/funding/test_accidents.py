"""What went wrong elsewhere with money that refills itself, replayed by name (recharge.md, Accidents)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest

from talktime.funding.commands import Report
from talktime.funding.gateway import EventKind, GatewayRefused, PaymentOrder, PaymentResult, PaymentStatus
from talktime.funding.payments import LADDER_US, State, second_id
from talktime.funding.sandbox_faults import FaultKind, Operation
from talktime.funding.taxes import minor_unit_micros
from talktime.ledger.commands import Fund, Refused, TakeBack
from talktime.ledger.records import Payment
from talktime.ledger.store import UnknownOutcome
from tests.funding.payment_desk import DAY, HOUR, MINUTE, OFF, UNIT, PaymentDesk, payment_desk

DEAD, NEVER_AGAIN, CONFIRM = "chargeCustomerFail", "radarBlock", "authenticationRequired"


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[PaymentDesk]:
    """Two processes on one database."""
    with payment_desk(database, tmp_path, desks=2) as made:
        yield made


def refilled(desk: PaymentDesk, tenant: str, times: int = 1) -> None:
    """So often, and no more, money was taken and credited."""
    desk.settle_down()
    assert desk.available(tenant) == times * 200 * UNIT
    assert len(desk.told(tenant, "recharge_succeeded")) == times
    desk.check_money(tenant)


def test_one_dead_card_670_invoices(desk: PaymentDesk) -> None:
    """The wallet is looked at again and again while the card is dead: five tries, one notice, no paper."""
    desk.open("acme", card=DEAD)
    for _ in range(96):
        desk.fund("acme", 1)
        desk.later(HOUR)
    (attempt,) = desk.payments("acme")
    assert attempt.state is State.DECLINED
    assert desk.gateway.asked["pay"] == len(LADDER_US) + 1
    assert len(desk.told("acme", "recharge_failed")) == len(desk.told("acme", "recharge_paused")) == 1
    assert desk.rows("select key from papers where kind <> 'timeline'") == []
    assert desk.reasons("acme") == ["in_flight", "suspended"]
    desk.check_money("acme")


def test_claim_released_on_failure_486_failures(desk: PaymentDesk) -> None:
    """A gateway that is down for 4.5 hours is asked a few times; it is one try, and none that failed."""
    desk.open("acme")
    for operation in (Operation.PAY, Operation.FIND):
        desk.fault(FaultKind.SERVER_ERROR, operation, times=486)
    for _ in range(486):
        desk.work_together()
        desk.now_us += 100 * UNIT // 3
    (attempt,) = desk.payments("acme")
    assert (attempt.state, attempt.body.tries, attempt.body.failures) == (State.UNKNOWN, 1, 0)
    assert desk.gateway.asked.total() < 10
    assert len(desk.told("acme", "payment_unclear")) == 1, "after some hours a person is told"
    assert desk.told("acme", "recharge_failed") == []
    desk.gateway.clear_faults()
    refilled(desk, "acme")


@pytest.mark.parametrize("first", ["reply", "webhook", "both"])
def test_the_webhook_and_the_reply_both_credit(desk: PaymentDesk, first: str) -> None:
    desk.open("acme")
    name = desk.standing("acme").attempt
    result = desk.crash_after_sending("acme", name)
    assert result is not None
    (event,) = [desk.read(message) for message in desk.pending()]
    reply = Report("acme", name, result)
    if first == "reply":
        desk.do(reply)
    elif first == "both":
        desk.at_once(reply, Report("acme", name, result, is_certain=True))
    for process in (0, 1):
        desk.tell(event, process)
        desk.do(reply, process)
    refilled(desk, "acme")
    assert desk.payment("acme", name).body.receipt == "R-acme-000001"


def test_the_http_retry_that_made_a_second_payment(desk: PaymentDesk) -> None:
    """The same request again finds its payment; should a gateway take twice all the same, all is credited."""
    desk.open("acme", OFF)
    for _ in range(3):
        bought = desk.buy("acme", 50 * UNIT, "key")
        assert isinstance(bought, Payment)
    assert desk.gateway.asked["pay"] == 1
    other = desk.buy("acme", 60 * UNIT, "key")
    assert isinstance(other, Refused)
    assert other.code == "conflict"
    name, first = bought.payment, desk.last("acme")
    again = PaymentOrder("acme", name, 1, "another key", 6_000, "USD", first.body.token, off_session=True)
    twice = desk.run(desk.gateway.pay(again))
    for process in (0, 1):
        desk.do(Report("acme", name, twice), process)
        desk.deliver(process)
    assert {kept.row.payment for kept in desk.payments("acme")} == {
        name,
        second_id(name, twice.gateway_payment),
    }
    assert desk.available("acme") == 100 * UNIT
    desk.check_money("acme")
    desk.gateway.open_dispute(twice.gateway_payment)
    desk.gateway.close_dispute(twice.gateway_payment, won=False)
    desk.settle_down()
    assert desk.payment("acme", name).body.dispute == "", "the other one is disputed"
    assert desk.available("acme") == 50 * UNIT
    desk.check_money("acme")


def test_two_workers_see_the_crossing_at_once(desk: PaymentDesk) -> None:
    desk.open("acme", OFF)
    desk.fund("acme", 300 * UNIT)
    desk.rule("acme", enabled=True)

    desk.at_once(*(TakeBack("acme", 101 * UNIT, "a test") for _ in desk.desks))
    assert desk.available("acme") == 98 * UNIT
    assert len(desk.payments("acme")) == 1
    assert sum(desk.work_together()) == 1
    assert desk.gateway.asked == {"pay": 1}
    desk.settle_down()
    assert desk.available("acme") == 298 * UNIT
    desk.check_money("acme")


def test_the_alert_queued_behind_bulk_work(desk: PaymentDesk) -> None:
    """The crossing is seen in the transaction that makes it, and paid while others hang at the gateway."""
    slow = [f"slow-{number}" for number in range(4)]
    for name in slow:
        desk.gateway.hang[name] = asyncio.Event()
        desk.open(name)
    desk.open("acme", OFF)
    desk.fund("acme", 200 * UNIT)
    desk.rule("acme", enabled=True)
    bulk = [Fund(slow[0], 1, lambda at_us: at_us + DAY, "manual") for _ in range(300)]
    desk.together([*bulk[:150], TakeBack("acme", 150 * UNIT, "a test"), *bulk[150:]])
    assert desk.standing("acme").attempt, "it stands with the debit that made it necessary"

    async def paid_meanwhile() -> None:
        keeping = asyncio.create_task(desk.workers[0].keep())
        async with asyncio.timeout(60):
            while desk.available("acme") < 100 * UNIT:
                await asyncio.sleep(0.01)
        assert await desk.workers[1].work("acme", "no such payment") is None, "nobody queues behind a round"
        for hanging in desk.gateway.hang.values():
            hanging.set()
        async with asyncio.timeout(60):
            while any(not desk.available(name) for name in slow):
                await asyncio.sleep(0.01)
        keeping.cancel()
        await asyncio.wait([keeping])

    desk.run(paid_meanwhile())
    for name in ("acme", *slow):
        desk.check_money(name)


def test_success_returned_before_the_credit_was_persisted(
    desk: PaymentDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is told of success finds the credit in the tables; where the commit is in doubt nobody is told."""
    desk.open("acme", OFF)
    asked = desk.buy("acme", 50 * UNIT, "one", work=False)
    store = desk.desks[0].engine.store
    commit, commits = store.commit, []

    async def commit_in_doubt(books: object) -> None:
        commits.append(books)
        if len(commits) == 2:  # the first is the claim
            await store.rollback()
            raise UnknownOutcome("nobody knows")
        await commit(books)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "commit", commit_in_doubt)
    with pytest.raises(UnknownOutcome):
        desk.run(desk.workers[0].work("acme", asked.payment))
    assert desk.available("acme") == 0
    desk.now_us += MINUTE
    told = desk.run(desk.workers[1].work("acme", asked.payment))
    assert told is not None
    assert told.state == State.SETTLED
    assert desk.available("acme") == 50 * UNIT
    assert desk.gateway.asked == {"pay": 1, "find": 1}
    desk.settle_down()
    desk.check_money("acme")


@pytest.mark.parametrize(("currency", "coin"), [("USD", 10_000), ("JPY", UNIT), ("KWD", 1_000)])
def test_amounts_compared_in_different_units(desk: PaymentDesk, currency: str, coin: int) -> None:
    """Micros here, the smallest coins there: the same money. Another sum is never credited."""
    desk.open("acme", currency=currency)
    assert minor_unit_micros(currency) == coin
    refilled(desk, "acme")
    assert desk.gateway.taken("acme", currency) == 240 * UNIT // coin, "with the tax of 20 %"
    desk.spend("acme", 150 * UNIT)
    name = desk.standing("acme").attempt
    job = desk.crash_after_claim("acme", name)
    assert job is not None
    right = 240 * UNIT // coin
    for minor, in_currency in ((240 * UNIT, currency), (right - 1, currency), (right, "XAU")):
        wrong = PaymentResult(PaymentStatus.SUCCEEDED, "gp", minor, in_currency, try_number=1)
        desk.do(Report("acme", name, wrong))
    assert desk.available("acme") == 50 * UNIT
    assert desk.payment("acme", name).state is State.UNKNOWN
    assert len(desk.told("acme", "payment_unclear")) == 1
    desk.check("acme")


@pytest.mark.parametrize("spent", [0, 150, 200])
def test_a_payment_that_fails_after_it_was_settled(desk: PaymentDesk, spent: int) -> None:
    """What is left of its lot goes; what was spent is owed, and nothing is below zero."""
    desk.open("acme", OFF)
    desk.buy("acme", 200 * UNIT, "one")
    bought = desk.last("acme")
    desk.spend("acme", spent * UNIT)
    desk.gateway.fail_settled(bought.row.gateway_payment, "generic_decline")
    desk.settle_down()
    assert desk.taken("acme") == 0
    assert desk.wallet("acme") == (0, 0, 0)
    assert desk.last("acme").body.owed == spent * UNIT == -desk.account("acme", "receivable")
    desk.check_money("acme")


def test_the_failure_after_success_is_told_first(desk: PaymentDesk) -> None:
    """The reply is lost and the failure overtakes the success: the older news credits nothing."""
    desk.open("acme", OFF)
    asked = desk.buy("acme", 200 * UNIT, "one", work=False)
    result = desk.crash_after_sending("acme", asked.payment)
    assert result is not None
    desk.gateway.fail_settled(result.gateway_payment, "generic_decline")
    succeeded, failed = (desk.read(message) for message in desk.pending())
    desk.lose()
    for event in (failed, succeeded):
        desk.tell(event)
    desk.do(Report("acme", asked.payment, result))  # the reply, later than all
    desk.settle_down()
    assert desk.available("acme") == desk.taken("acme") == 0
    desk.check_money("acme")


ORDERS = [order for size in (0, 1, 2) for order in permutations((0, 1), size)]


@pytest.mark.parametrize("order", [*ORDERS, (1, 0, 1, 0), (0, 1, 1, 0)])
def test_webhooks_late_twice_out_of_order_lost(desk: PaymentDesk, order: tuple[int, ...]) -> None:
    """The holder confirms a payment; of the two messages some come, in any order, some twice, a day late."""
    desk.open("acme", card=CONFIRM)
    desk.work()
    attempt = desk.last("acme")
    assert attempt.state is State.REQUIRES_ACTION
    (result,) = desk.run(desk.gateway.find("acme", attempt.row.payment))
    desk.gateway.complete_action(result.gateway_payment, succeed=True)
    events = [desk.read(message) for message in desk.pending()]
    assert [event.kind for event in events] == [EventKind.PAYMENT_ACTION, EventKind.PAYMENT_SUCCEEDED]
    desk.lose()
    for index in order:
        desk.now_us += HOUR
        desk.tell(events[index], index)
    assert (desk.last("acme").state is State.SETTLED) == (1 in order)
    refilled(desk, "acme")
    desk.now_us += DAY
    for event in events:
        desk.tell(event)
    refilled(desk, "acme")
    assert len(desk.told("acme", "payment_action_needed")) == 1


@pytest.mark.parametrize("event", ["lost", "before the question", "after the question"])
def test_time_out_after_the_charge_went_through(desk: PaymentDesk, event: str) -> None:
    """Nothing is sent again before the gateway has been asked; one charge is one credit."""
    desk.open("acme")
    desk.fault(FaultKind.TIMEOUT_AFTER)
    desk.fault(FaultKind.TIMEOUT_BEFORE, Operation.FIND, times=2)
    desk.work()
    assert desk.last("acme").state is State.UNKNOWN
    told = [desk.read(message) for message in desk.pending()]
    desk.lose()
    if event == "before the question":
        desk.tell(told[0])
    for _ in range(4):
        desk.now_us += HOUR
        desk.work_together()
    if event == "after the question":
        desk.tell(told[0])
    refilled(desk, "acme")
    assert desk.gateway.asked["pay"] == 1


def test_a_request_that_arrives_late(desk: PaymentDesk) -> None:
    """It was on its way for minutes and was sent again meanwhile: the key of the try makes it one charge."""
    desk.open("acme")
    job = desk.crash_after_claim("acme", desk.standing("acme").attempt)
    assert job is not None
    assert isinstance(job.order, PaymentOrder)
    desk.later(5 * MINUTE)
    assert desk.gateway.asked == {"find": 1, "pay": 1}
    desk.run(desk.gateway.pay(job.order))
    refilled(desk, "acme")


def test_time_out_before_the_charge(desk: PaymentDesk) -> None:
    """Nothing arrived: after the question the same try is sent again by its key."""
    desk.open("acme")
    desk.fault(FaultKind.TIMEOUT_BEFORE)
    desk.work()
    refilled(desk, "acme")
    assert desk.gateway.asked == {"pay": 2, "find": 1}
    assert desk.last("acme").body.tries == 1


def test_a_late_worker_speaks_of_a_try_that_is_over(desk: PaymentDesk) -> None:
    """Its lease ran out, somebody else learned of the decline: the same decline counts once."""
    desk.open("acme", card=DEAD)
    desk.fault(FaultKind.DELAY, delay_us=2 * MINUTE)
    desk.meanwhile = desk.workers[1].round
    desk.work()
    desk.deliver()
    desk.deliver(1)
    attempt = desk.last("acme")
    assert (attempt.state, attempt.body.failures) == (State.CREATED, 1)
    assert attempt.row.due_us == desk.now_us + LADDER_US[0]


def test_a_question_that_is_refused_is_no_decline(desk: PaymentDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The charge went through, and then the gateway does not answer questions: nobody pays again."""
    desk.open("acme")
    desk.fault(FaultKind.TIMEOUT_AFTER)
    desk.work()
    desk.lose()

    async def refuse(tenant: str, payment: str) -> list[PaymentResult]:
        raise GatewayRefused("no_permission", f"{tenant} and {payment} may not be looked up.")

    with monkeypatch.context() as patched:
        patched.setattr(desk.gateway, "find", refuse)
        desk.later(2 * HOUR)
    attempt = desk.last("acme")
    assert (attempt.state, attempt.body.failures) == (State.UNKNOWN, 0)
    refilled(desk, "acme")
    assert desk.gateway.asked["pay"] == 1


def test_a_payment_that_breaks_its_worker_holds_up_no_other(
    desk: PaymentDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect is said in the log, the others are paid; of that one the gateway is asked after its lease."""
    pay = desk.gateway.pay

    async def break_for_one(order: PaymentOrder) -> PaymentResult:
        if order.tenant == "broken":
            raise RuntimeError("a defect")
        return await pay(order)

    for name in ("broken", "acme"):
        desk.open(name)
    with monkeypatch.context() as patched:
        patched.setattr(desk.gateway, "pay", break_for_one)
        assert desk.work() == 1
    assert desk.available("acme") == 200 * UNIT
    assert desk.last("broken").state is State.SUBMITTED
    desk.settle_down()
    assert desk.available("broken") == 200 * UNIT
    desk.check_money("broken")
