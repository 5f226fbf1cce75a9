"""The edges of the rule that refills: calls that come and go, a ladder that goes on, clocks, unread rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from talktime.accounts.tenant import AutoRecharge, BillingAccount, Subscription, Waiver
from talktime.funding import recharge
from talktime.funding.commands import AskPayment, Reconsider
from talktime.funding.payments import ALARM_US, LADDER_US, State
from talktime.funding.sandbox_faults import FaultKind, Operation
from talktime.ledger.commands import Refused
from talktime.live.answers import Allowed, Denied
from talktime.live.operations import CancelCall, StartCall
from tests.funding.payment_desk import (
    DAY,
    HOUR,
    MAY_BUY,
    MINUTE,
    OFF,
    RULE,
    UNIT,
    PaymentDesk,
    payment_desk,
)

RETRY, DEAD, CONFIRM = "chargeCustomerFail", "radarBlock", "authenticationRequired"


@pytest.fixture
def desk(sqlite_database: str, tmp_path: Path) -> Iterator[PaymentDesk]:
    with payment_desk(sqlite_database, tmp_path) as made:
        yield made


def unanswered(desk: PaymentDesk, calls: int) -> None:
    """Calls that reserve 2.00 each and are not answered."""
    for _ in range(calls):
        call = f"c{desk.now_us}"
        desk.now_us += 1
        asked = StartCall("acme", call, 0, "user_out", user="ana", callee="+442079460000", requested_s=200)
        assert isinstance(desk.do(asked), Allowed)
        desk.do(CancelCall("acme", call, 1))


# --- the timeline says a thing once ----------------------------------------------------------------


@pytest.mark.parametrize("card", ["", DEAD])
def test_unanswered_calls_write_no_lines(desk: PaymentDesk, card: str) -> None:
    """What only a person can mend is said whatever is available: each call reserves and releases."""
    desk.open("acme", OFF, card=card)
    desk.fund("acme", 99 * UNIT)
    desk.rule("acme", enabled=True)
    desk.turn()
    desk.fund("acme", 2 * UNIT)
    before = desk.reasons("acme")
    unanswered(desk, 5)
    assert desk.reasons("acme") == before


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"cool_down_s": 3600}, "cooling_down"),
        ({"payments_a_day": 1}, "capped"),
        ({"cap_per_month_micros": 200 * UNIT}, "capped"),
    ],
)
def test_a_limit_is_said_until_it_ends(desk: PaymentDesk, limits: dict[str, Any], reason: str) -> None:
    desk.open("acme", replace(RULE, **limits))
    desk.turn()
    desk.spend("acme", 99 * UNIT)
    before = desk.reasons("acme")
    unanswered(desk, 5)
    assert desk.reasons("acme") == [*before, reason]
    assert desk.standing("acme").wake_us > desk.now_us
    desk.later(31 * DAY)
    assert desk.reasons("acme") == [*before, reason, "above_trigger"]


def test_a_cap_that_was_lifted_ends_at_once(desk: PaymentDesk) -> None:
    desk.open("acme", replace(RULE, cap_per_month_micros=200 * UNIT))
    desk.turn()
    desk.spend("acme", 99 * UNIT)
    unanswered(desk, 1)
    assert desk.reasons("acme")[-1] == "capped"
    desk.rule("acme", cap_per_month_micros=900 * UNIT)
    assert desk.reasons("acme")[-1] == "above_trigger"


@pytest.mark.parametrize(("card", "more"), [(DEAD, {}), ("", {}), ("visa", {"country": "RU"})])
def test_caps_are_asked_only_where_nothing_else_answers(
    desk: PaymentDesk, monkeypatch: pytest.MonkeyPatch, card: str, more: dict[str, Any]
) -> None:
    desk.open("acme", card=card, **more)
    desk.turn()

    def never(*_: object) -> Any:
        raise AssertionError("nobody needs the caps")

    monkeypatch.setattr(recharge, "_room", never)
    desk.fund("acme", UNIT)
    assert desk.available("acme") == UNIT


# --- eligibility (rulings.md 28) --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"country": "RU"}, "not_eligible"),  # credits are not offered there
        ({"waivers": ()}, "not_eligible"),  # nobody has a licence
        ({"billing_accounts": (BillingAccount("main", "MCA", "FR"),), "country": "RU"}, "in_flight"),
        ({"time_zone": "Europe/Paris"}, "in_flight"),
    ],
)
def test_who_may_not_buy_any_more(desk: PaymentDesk, changed: dict[str, Any], reason: str) -> None:
    """Outside MCA it is asked each time; a rule that is on under MCA goes on."""
    desk.open("acme", OFF)
    desk.fund("acme", 150 * UNIT)
    desk.rule("acme", enabled=True)
    desk.edit("acme", **changed)
    desk.spend("acme", 100 * UNIT)
    assert desk.reasons("acme")[-1] == reason
    desk.turn()
    assert bool(desk.payments("acme")) is (reason == "in_flight")


def test_a_plan_that_came_through_a_partner(desk: PaymentDesk) -> None:
    desk.open("acme")
    desk.turn()
    accounts = (*desk.tenants["acme"].billing_accounts, BillingAccount("csp", "CSP", "FR"))
    bought = (Subscription("MCOPSTN1", 1, "csp"),)
    desk.edit("acme", billing_accounts=accounts, subscriptions=bought)
    desk.spend("acme", 200 * UNIT)
    desk.turn()
    assert len(desk.payments("acme")) == 1
    assert desk.reasons("acme")[-1] == "not_eligible"


def test_an_exception_that_ends_stops_the_rule(desk: PaymentDesk) -> None:
    until_us = desk.now_us + DAY
    desk.open("acme", waivers=(Waiver("has_qualifying_licence", "a test", until_us, "ben"),))
    desk.turn()
    desk.now_us = until_us - 1
    desk.spend("acme", 200 * UNIT)
    desk.turn()
    assert len(desk.payments("acme")) == 2
    desk.now_us = until_us
    desk.spend("acme", 200 * UNIT)
    desk.turn()
    assert len(desk.payments("acme")) == 2


def test_an_attempt_that_waits_is_given_up(desk: PaymentDesk) -> None:
    desk.open("acme", card=RETRY)
    desk.turn()
    desk.edit("acme", waivers=())
    assert desk.last("acme").state is State.CANCELLED
    assert desk.reasons("acme")[-1] == "not_eligible"


# --- the ladder goes on (recharge.md 6) -------------------------------------------------------------


def lifted(desk: PaymentDesk) -> None:
    """Enough is available when the next try is due, and then no more."""
    desk.fund("acme", 200 * UNIT)
    desk.later(LADDER_US[0])
    desk.spend("acme", 200 * UNIT)


def switched(desk: PaymentDesk) -> None:
    desk.rule("acme", enabled=False)
    desk.rule("acme", enabled=True)


def held(desk: PaymentDesk) -> None:
    """The caps leave less than the attempt that waits."""
    desk.rule("acme", most_micros=120 * UNIT)
    desk.later(LADDER_US[0])


@pytest.mark.parametrize("what", [lifted, switched, held])
def test_the_next_attempt_goes_on_where_the_last_one_left(desk: PaymentDesk, what: Any) -> None:
    desk.open("acme", card=RETRY)
    desk.turn()
    for _ in range(20):
        what(desk)
        desk.turn()
        desk.later(HOUR)
    desk.settle_down()
    assert desk.gateway.asked["pay"] <= len(LADDER_US) + 1
    assert desk.standing("acme").suspended == "generic_decline"
    assert len(desk.told("acme", "recharge_failed")) == len(desk.told("acme", "recharge_paused")) == 1


def test_it_is_not_tried_before_its_time(desk: PaymentDesk) -> None:
    desk.open("acme", card=RETRY)
    desk.turn()
    due_us = desk.last("acme").row.due_us
    switched(desk)
    attempt = desk.last("acme")
    assert (attempt.row.due_us, attempt.body.failures) == (due_us, 1)
    assert desk.standing("acme").attempt_due_us == due_us


def test_a_success_and_another_card_begin_anew(desk: PaymentDesk) -> None:
    desk.open("acme", card=RETRY)
    desk.turn()
    desk.rule("acme", enabled=False)
    desk.use_card("acme", "visa")
    desk.rule("acme", enabled=True)
    desk.turn()
    assert desk.available("acme") == 200 * UNIT
    assert desk.standing("acme").failures == 0


def test_another_card_that_comes_while_a_try_is_out_is_tried_at_once(desk: PaymentDesk) -> None:
    desk.open("acme", card=RETRY)
    desk.crash_after_sending("acme", desk.standing("acme").attempt)
    desk.use_card("acme", "visa")
    desk.later(MINUTE)
    assert desk.available("acme") == 200 * UNIT
    assert len(desk.payments("acme")) == 1


def test_a_method_that_was_replaced_by_one_with_another_id(desk: PaymentDesk) -> None:
    """The rule names it; the attempt that waits is paid by what the rule names then."""
    desk.open("acme", replace(RULE, method="one"), card="")
    desk.edit("acme", payment_methods=(desk.card("acme", "visa", "one"),))
    assert desk.last("acme").state is State.CREATED
    rule = replace(RULE, method="two")
    desk.edit("acme", payment_methods=(desk.card("acme", "visa", "two"),), auto_recharge=rule)
    desk.turn()
    assert desk.available("acme") == 200 * UNIT


def test_a_change_is_looked_at_again_until_it_was(desk: PaymentDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies between the settings and what has to follow them: the next transaction sees to it."""
    desk.open("acme", card=RETRY)
    desk.turn()
    with monkeypatch.context() as patched:
        patched.setattr(Reconsider, "decide", lambda *_: False)
        desk.rule("acme", enabled=False)
    assert desk.last("acme").state is State.CREATED
    for _ in range(2):
        desk.fund("acme", UNIT)
    assert desk.last("acme").state is State.CANCELLED


# --- the holder of a card (recharge.md 6) -------------------------------------------------------------


def confirmed(desk: PaymentDesk) -> None:
    """The holder confirms, and no message tells of it."""
    (result,) = desk.gateway.peek("acme", desk.last("acme").row.payment)
    desk.gateway.complete_action(result.gateway_payment, succeed=True)
    desk.lose()


@pytest.mark.parametrize("after_us", [0, 2 * MINUTE, 5 * HOUR])
def test_his_answer_is_asked_for(desk: PaymentDesk, after_us: int) -> None:
    desk.open("acme", card=CONFIRM)
    desk.turn()
    desk.later(after_us)
    confirmed(desk)
    desk.later(HOUR)
    assert desk.available("acme") == 200 * UNIT


def test_retry_now_asks_at_once(desk: PaymentDesk) -> None:
    desk.open("acme", card=CONFIRM)
    desk.turn()
    confirmed(desk)
    assert desk.retry_now("acme") is True
    desk.turn()
    assert desk.available("acme") == 200 * UNIT


def test_another_card_does_not_wait_for_him(desk: PaymentDesk) -> None:
    """What nobody confirmed is cancelled at the gateway first: it cannot be paid twice."""
    desk.open("acme", card=CONFIRM)
    desk.turn()
    desk.use_card("acme", "visa")
    desk.turn()
    assert [kept.state for kept in desk.payments("acme")] == [State.CANCELLED, State.SETTLED]
    assert desk.told("acme", "recharge_paused") == []
    desk.check_money("acme")


@pytest.mark.parametrize("card", [CONFIRM, "visa"])
def test_nobody_waits_for_money_that_does_not_come(desk: PaymentDesk, card: str) -> None:
    """A payment that is out for hours is not on its way: the call is refused, and it is told."""
    desk.open("acme", OFF, card=card)
    for operation in (Operation.PAY, Operation.FIND):
        if card == "visa":
            desk.fault(FaultKind.TIMEOUT_BEFORE, operation, times=50)
    desk.fund("acme", 5_000)  # half a second
    desk.rule("acme", enabled=True)
    desk.turn()
    desk.later(ALARM_US)
    asked = StartCall("acme", "c", 0, "user_out", user="ana", callee="+442079460000", requested_s=60)
    assert isinstance(desk.do(asked), Denied)
    assert len(desk.told("acme", "calls_refused")) == 1


# --- gateways, clocks, rows -----------------------------------------------------------------------------


def elsewhere(desk: PaymentDesk, rule: AutoRecharge) -> None:
    """A card of a gateway that this installation does not have."""
    desk.open("acme", OFF)
    (method,) = desk.tenants["acme"].payment_methods
    desk.edit("acme", payment_methods=(replace(method, gateway="gone"),), auto_recharge=rule)


def test_a_gateway_that_is_not_set_up_declines(desk: PaymentDesk) -> None:
    """Nothing was sent, so it does not stay unknown; another card ends the pause."""
    elsewhere(desk, RULE)
    desk.turn()
    assert desk.last("acme").state is State.DECLINED
    assert desk.standing("acme").suspended == "gateway_not_set_up"
    desk.use_card("acme", "mastercard")
    desk.turn()
    assert desk.available("acme") == 200 * UNIT


def test_a_purchase_by_a_gateway_that_is_not_set_up(desk: PaymentDesk) -> None:
    elsewhere(desk, OFF)
    answer = desk.do(AskPayment("acme", "K-1", 50 * UNIT, "", "d", "ana", gateways=("sandbox",)))
    assert isinstance(answer, Refused)
    assert answer.code == "unknown_gateway"
    desk.buy("acme", 50 * UNIT, "2")
    assert desk.last("acme").state is State.DECLINED
    assert desk.told("acme", "purchase_failed")[0]["code"] == "gateway_not_set_up"


def test_a_clock_that_was_ahead_once_holds_up_no_payment(desk: PaymentDesk) -> None:
    desk.open("acme", OFF, card=RETRY)
    desk.now_us += DAY
    desk.expire("acme")
    desk.now_us -= DAY
    desk.rule("acme", enabled=True)
    desk.turn()
    attempt = desk.last("acme")
    assert (attempt.body.failures, attempt.row.due_us) == (1, desk.now_us + LADDER_US[0])
    desk.use_card("acme", "visa")
    desk.turn()
    assert desk.available("acme") == 200 * UNIT
    desk.buy("acme", 50 * UNIT, "k", work=False)
    assert desk.work() == 1


def test_rows_that_nobody_can_read_hold_up_no_other(
    desk: PaymentDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talktime.funding.worker.ROUND_LIMIT", 3)
    for number in range(3):
        desk.open(f"broken-{number}", OFF)
        desk.buy(f"broken-{number}", 50 * UNIT, "k", work=False)
    with closing(sqlite3.connect(desk.url.path)) as link, link:
        link.execute("update payments set body = 'x'")
    desk.now_us += 1
    desk.open("acme")
    worked = [desk.work() for _ in range(3)]
    assert desk.available("acme") == 200 * UNIT
    assert worked == [0, 1, 0]


def test_what_is_written_for_people_names_money_as_people_do(desk: PaymentDesk) -> None:
    desk.open("acme", waivers=MAY_BUY)
    desk.turn()
    assert desk.last("acme").body.log[0][1] == "200 USD are needed"
    ((settled,),) = desk.rows("select what from audit where what like '%settled%'")
    assert "of 200 USD settled" in settled
