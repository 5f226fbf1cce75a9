"""The rule that refills a wallet: what it buys, why it does not, what it tells (recharge.md)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from talktime.accounts.tenant import CLOSED, SUSPENDED
from talktime.funding.gateway import GatewayRefused
from talktime.funding.payments import ACTION_US, LADDER_US, State
from talktime.funding.sandbox_faults import FaultKind
from talktime.ledger.commands import Refused, TakeBack
from talktime.live.answers import Allowed
from talktime.live.operations import EndCall, ExtendCall, StartCall
from tests.funding.payment_desk import DAY, HOUR, MINUTE, OFF, RULE, UNIT, PaymentDesk, payment_desk

RETRY, DEAD, CONFIRM = "chargeCustomerFail", "radarBlock", "authenticationRequired"


@pytest.fixture
def desk(sqlite_database: str, tmp_path: Path) -> Iterator[PaymentDesk]:
    with payment_desk(sqlite_database, tmp_path) as made:
        yield made


def rule(**more: Any) -> Any:
    """Below 100 refill by 200, with amounts in whole units."""
    money = ("below", "add", "target", "least", "most", "cap_per_month")
    return replace(
        RULE,
        **{(f"{k}_micros" if k in money else k): v * (UNIT if k in money else 1) for k, v in more.items()},
    )


def whole(micros: int) -> int:
    assert micros % UNIT == 0
    return micros // UNIT


# --- how much --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "available", "after"),
    [
        ({}, 100, 100),  # strictly below
        ({}, 99, 299),
        ({}, 0, 200),
        ({"add": 60}, 0, 120),  # the least multiple that reaches it, in one payment
        ({"add": 60}, 41, 101),
        ({"add": 0, "target": 500}, 99, 500),
        ({"add": 0, "target": 500}, 100, 100),
        ({"add": 0, "target": 120, "least": 75}, 99, 174),  # the minimum of one payment
        ({"add": 0, "target": 500, "most": 300}, 50, 350),
        ({"most": 150}, 50, 200),
        ({"cap_per_month": 130}, 50, 180),
        ({"cap_per_month": 49}, 50, 50),  # less than the minimum of the currency is not bought
        ({"cap_per_month": 70, "least": 80}, 50, 50),
    ],
)
def test_one_payment(desk: PaymentDesk, settings: dict[str, int], available: int, after: int) -> None:
    desk.open("acme", OFF)
    if available:
        desk.fund("acme", available * UNIT)
    desk.edit("acme", auto_recharge=rule(**settings))
    desk.turn()
    assert whole(desk.available("acme")) == after
    assert len(desk.payments("acme")) == (after != available)
    desk.check_money("acme")


def test_what_is_still_below_after_one_payment_is_followed_by_the_next(desk: PaymentDesk) -> None:
    """A payment held to its maximum does not reach the trigger: level-triggered, the next one does."""
    desk.open("acme", rule(most=60))
    desk.turn()
    assert [whole(kept.row.amount) for kept in desk.payments("acme")] == [60, 60]
    assert len(desk.told("acme", "recharge_succeeded")) == 2


# --- when ------------------------------------------------------------------------------------------


def test_what_a_call_reserves_is_not_available(desk: PaymentDesk) -> None:
    """The crossing comes with the reservation, and what is released again needs no payment."""
    desk.open("acme", OFF)
    desk.fund("acme", 101 * UNIT)
    desk.rule("acme", enabled=True)
    call = StartCall("acme", "c", 0, "user_out", user="ana", callee="+442079460000", requested_s=200)
    assert isinstance(desk.do(call), Allowed)
    assert desk.last("acme").state is State.CREATED
    desk.do(EndCall("acme", "c", 1, 0))
    desk.turn()
    assert desk.last("acme").state is State.CANCELLED
    assert desk.reasons("acme") == ["above_trigger", "in_flight", "above_trigger"]
    assert desk.gateway.asked.total() == 0


def test_an_expiry_refills(desk: PaymentDesk) -> None:
    desk.open("acme", OFF)
    desk.fund("acme", 500 * UNIT, life_us=DAY)
    desk.rule("acme", enabled=True)
    desk.later(DAY)
    assert whole(desk.available("acme")) == 200


def test_a_short_grant_may_be_asked_for_again_while_money_is_on_its_way(desk: PaymentDesk) -> None:
    desk.open("acme", OFF)
    desk.fund("acme", UNIT)  # 100 s
    desk.rule("acme", enabled=True, below_micros=1)
    call = StartCall("acme", "c", 0, "user_out", user="ana", callee="+442079460000", requested_s=300)
    granted = desk.do(call)
    assert isinstance(granted, Allowed)
    assert (granted.grant.authorised_s, granted.grant.final) == (100, 0)
    assert 0 < granted.grant.ask_again_s < 100
    desk.turn()
    more = desk.do(ExtendCall("acme", "c", 1, 50, requested_s=300))
    assert isinstance(more, Allowed)
    assert (more.grant.authorised_s, more.grant.final, more.grant.ask_again_s) == (350, 0, 0)


@pytest.mark.parametrize("card", ["", DEAD, RETRY])
def test_a_short_grant_is_final_where_no_money_comes(desk: PaymentDesk, card: str) -> None:
    """No card, a paused rule, or the next try a quarter of an hour away."""
    desk.open("acme", OFF, card=card)
    desk.fund("acme", UNIT)
    desk.rule("acme", enabled=True)
    desk.turn()
    call = StartCall("acme", "c", 0, "user_out", user="ana", callee="+442079460000", requested_s=300)
    granted = desk.do(call)
    assert isinstance(granted, Allowed)
    assert (granted.grant.final, granted.grant.ask_again_s) == (1, 0)


# --- caps and the cool-down ------------------------------------------------------------------------


def drained(desk: PaymentDesk, times: int, step_us: int = HOUR) -> int:
    """Spends all again and again; returns how many payments there were."""
    for _ in range(times):
        desk.spend("acme", 10_000 * UNIT)
        desk.later(step_us)
    return len([kept for kept in desk.payments("acme") if kept.state is State.SETTLED])


def test_the_cap_of_a_month_is_hard_told_once_and_wakes_the_rule(desk: PaymentDesk) -> None:
    """2026-03-01 12:00 UTC: in March 500 may be bought, so 200, 200 and 100; in April again."""
    desk.open("acme", rule(cap_per_month=500))
    assert drained(desk, 6) == 3
    assert [whole(kept.row.amount) for kept in desk.payments("acme")] == [200, 200, 100]
    (told,) = desk.told("acme", "cap_met")
    assert (told["which"], told["cap"]) == ("month", 500 * UNIT)
    assert desk.reasons("acme")[-1] == "capped"
    desk.later(30 * DAY)  # 31 March
    assert len(desk.payments("acme")) == 3
    desk.later(DAY)
    assert [whole(kept.row.amount) for kept in desk.payments("acme")[3:]] == [200]
    assert drained(desk, 6) == 6
    assert len(desk.told("acme", "cap_met")) == 2, "once a period"
    assert len(desk.standing("acme").told) == 1, "what was told of past periods is forgotten"


def test_the_month_is_that_of_the_tenant(desk: PaymentDesk) -> None:
    desk.now_us += 30 * DAY + 11 * HOUR  # 2026-03-31 23:00 UTC: 1 April in Auckland
    desk.open("acme", rule(cap_per_month=200), time_zone="Pacific/Auckland")
    assert drained(desk, 3) == 1
    desk.open("brno", rule(cap_per_month=200))
    desk.turn()
    desk.spend("brno", 200 * UNIT)
    desk.later(2 * HOUR)
    assert len(desk.payments("brno")) == 1, "April has come in the meantime, but for Auckland"


def test_payments_a_day_are_counted_over_24_hours(desk: PaymentDesk) -> None:
    desk.open("acme", rule(payments_a_day=2))
    assert drained(desk, 4) == 2
    assert desk.standing("acme").wake_us == desk.payments("acme")[0].body.settled_us + DAY
    assert desk.told("acme", "cap_met")[0]["which"] == "day"
    desk.later(21 * HOUR)
    assert drained(desk, 3) == 3 + 1, "each falls out of the 24 h by itself"


def test_the_end_of_a_cool_down_wakes_the_rule(desk: PaymentDesk) -> None:
    desk.open("acme", rule(cool_down_s=3600))
    desk.turn()
    desk.spend("acme", 200 * UNIT)
    desk.later(59 * MINUTE)
    assert desk.reasons("acme")[-1] == "cooling_down"
    assert desk.available("acme") == 0
    desk.later(MINUTE)
    assert whole(desk.available("acme")) == 200


def test_a_purchase_by_hand_is_free_of_the_caps(desk: PaymentDesk) -> None:
    desk.open("acme", rule(cap_per_month=200, payments_a_day=1, cool_down_s=3600))
    desk.turn()
    for key in ("a", "b"):
        desk.buy("acme", 500 * UNIT, key)
    assert whole(desk.available("acme")) == 1200


@pytest.mark.parametrize(
    ("changed", "amounts"),
    [({"cap_per_month_micros": 150 * UNIT}, [150]), ({"most_micros": 120 * UNIT}, [120])],
)
def test_a_cap_that_was_lowered_holds_an_attempt_that_waits(
    desk: PaymentDesk, changed: dict[str, int], amounts: list[int]
) -> None:
    """Caps are hard when the payment is sent, not only when it was written down (recharge.md 4)."""
    desk.open("acme")
    desk.rule("acme", **changed)
    desk.turn()
    first, *others = desk.payments("acme")
    assert first.state is State.CANCELLED
    assert [whole(kept.row.amount) for kept in others if kept.state is State.SETTLED] == amounts
    assert whole(desk.available("acme")) == sum(amounts)


# --- declines, the ladder, the pause ---------------------------------------------------------------


def test_the_ladder(desk: PaymentDesk) -> None:
    """15 min, 1 h, 6 h, 24 h after each decline, then paused; only the first decline is told."""
    desk.open("acme", card=RETRY)
    desk.turn()
    for number, wait_us in enumerate(LADDER_US, 1):
        attempt = desk.last("acme")
        assert (attempt.state, attempt.body.tries, attempt.body.failures) == (State.CREATED, number, number)
        assert attempt.row.due_us == desk.now_us + wait_us
        desk.later(wait_us - 1)
        assert desk.last("acme").body.tries == number, "not a moment earlier"
        desk.later(1)
    attempt = desk.last("acme")
    assert (attempt.state, attempt.body.tries) == (State.DECLINED, 5)
    (failed,) = desk.told("acme", "recharge_failed")
    assert (failed["code"], failed["amount"]) == ("generic_decline", 200 * UNIT)
    (paused,) = desk.told("acme", "recharge_paused")
    assert (paused["reason"], paused["since_us"]) == ("generic_decline", desk.now_us)
    assert desk.reasons("acme") == ["in_flight", "suspended"]
    desk.later(30 * DAY)
    assert desk.gateway.asked["pay"] == 5


@pytest.mark.parametrize(
    "code", ["lost_card", "stolen_card", "fraudulent", "invalid_account", "expired_card"]
)
def test_a_dead_card_pauses_at_once(desk: PaymentDesk, code: str) -> None:
    desk.open("acme", OFF)
    (method,) = desk.tenants["acme"].payment_methods
    desk.gateway.set_fate(method.token, code)
    desk.rule("acme", enabled=True)
    desk.later(30 * DAY)
    assert desk.gateway.asked["pay"] == 1
    assert desk.standing("acme").suspended == code
    assert desk.told("acme", "recharge_failed")[0]["next_try_us"] == 0


def test_a_card_past_its_month_pauses_at_once(desk: PaymentDesk) -> None:
    desk.open("acme", OFF, card="visa 03/26")
    desk.later(31 * DAY)
    desk.rule("acme", enabled=True)
    desk.turn()
    assert desk.standing("acme").suspended == "expired_card"


def test_a_try_that_passes_ends_the_ladder(desk: PaymentDesk) -> None:
    desk.open("acme", OFF)
    (method,) = desk.tenants["acme"].payment_methods
    desk.gateway.set_fate(method.token, "insufficient_funds")
    desk.rule("acme", enabled=True)
    desk.turn()
    desk.gateway.set_fate(method.token, "")
    desk.later(LADDER_US[0])
    assert whole(desk.available("acme")) == 200
    assert desk.last("acme").body.tries == 2
    desk.check_money("acme")


def paused(desk: PaymentDesk) -> None:
    """A rule that a dead card has paused."""
    desk.open("acme", card=DEAD)
    desk.turn()
    assert desk.reasons("acme")[-1] == "suspended"


def test_another_card_ends_the_pause(desk: PaymentDesk) -> None:
    paused(desk)
    desk.use_card("acme", "mastercard")
    desk.turn()
    assert whole(desk.available("acme")) == 200
    assert desk.told("acme", "recharge_recovered")[0]["method"] == "mastercard 4444"


def test_the_same_card_attached_again_does_not(desk: PaymentDesk) -> None:
    paused(desk)
    desk.edit("acme", payment_methods=())
    before = desk.standing("acme").suspended_card
    assert desk.use_card("acme", DEAD).fingerprint == before
    desk.later(DAY)
    assert desk.gateway.asked["pay"] == 1
    assert desk.told("acme", "recharge_recovered") == []


def test_switching_off_and_on_does_not_either(desk: PaymentDesk) -> None:
    paused(desk)
    desk.rule("acme", enabled=False)
    desk.rule("acme", enabled=True)
    desk.later(DAY)
    assert desk.gateway.asked["pay"] == 1
    assert desk.reasons("acme")[-2:] == ["not_armed", "suspended"]


def test_retry_now_ends_the_pause(desk: PaymentDesk) -> None:
    paused(desk)
    assert desk.retry_now("acme") is True
    desk.turn()
    assert desk.gateway.asked["pay"] == 2
    assert desk.standing("acme").suspended == "fraudulent", "the card is still dead"


def test_a_purchase_by_hand_ends_the_pause(desk: PaymentDesk) -> None:
    desk.open("acme", OFF)
    (method,) = desk.tenants["acme"].payment_methods
    desk.gateway.set_fate(method.token, "lost_card")
    desk.rule("acme", enabled=True)
    desk.turn()
    assert desk.standing("acme").suspended == "lost_card"
    desk.gateway.set_fate(method.token, "")
    desk.buy("acme", 50 * UNIT, "one")
    desk.turn()
    assert whole(desk.available("acme")) == 250
    assert len(desk.told("acme", "recharge_recovered")) == 1


def test_another_card_ends_the_pause_also_while_enough_is_there(desk: PaymentDesk) -> None:
    """The page must not go on saying "paused" (recharge.md 7)."""
    paused(desk)
    desk.fund("acme", 500 * UNIT)
    assert desk.reasons("acme")[-1] == "suspended"
    desk.use_card("acme", "visa")
    assert desk.standing("acme").suspended == ""
    assert desk.reasons("acme")[-1] == "above_trigger"
    assert len(desk.told("acme", "recharge_recovered")) == 1


def test_another_card_is_tried_at_once_while_an_attempt_waits(desk: PaymentDesk) -> None:
    desk.open("acme", card=RETRY)
    desk.turn()
    desk.use_card("acme", "visa")
    desk.turn()
    assert whole(desk.available("acme")) == 200
    assert len(desk.payments("acme")) == 1, "it is the same attempt"


def test_retry_now_has_a_waiting_attempt_tried(desk: PaymentDesk) -> None:
    desk.open("acme", card=RETRY)
    desk.turn()
    assert desk.retry_now("acme") is True
    desk.turn()
    attempt = desk.last("acme")
    assert (attempt.body.tries, attempt.row.due_us) == (2, desk.now_us + LADDER_US[1])


@pytest.mark.parametrize(("settings", "code"), [(OFF, "not_armed"), (RULE, "nothing_to_retry")])
def test_nothing_to_retry(desk: PaymentDesk, settings: Any, code: str) -> None:
    desk.open("acme", settings)
    desk.turn()
    answer = desk.retry_now("acme")
    assert isinstance(answer, Refused)
    assert answer.code == code


def test_the_holder_does_not_confirm(desk: PaymentDesk) -> None:
    """A link, told once; after a day it is cancelled at the gateway and the rule is paused."""
    desk.open("acme", card=CONFIRM)
    desk.turn()
    assert desk.last("acme").state is State.REQUIRES_ACTION
    (asked,) = desk.told("acme", "payment_action_needed")
    assert asked["url"].startswith("/sandbox/actions/")
    desk.later(ACTION_US - 1)
    assert desk.last("acme").state is State.REQUIRES_ACTION
    desk.later(1)
    assert desk.last("acme").state is State.DECLINED
    assert desk.standing("acme").suspended == "authentication_required"
    with suppress(GatewayRefused):  # the link is of no use any more
        desk.gateway.complete_action(asked["url"].rsplit("/", 1)[1], succeed=True)
    desk.settle_down()
    assert desk.available("acme") == 0
    desk.check_money("acme")


# --- switched off, no card, not eligible -----------------------------------------------------------


def test_off_cancels_what_was_not_sent(desk: PaymentDesk) -> None:
    desk.open("acme")
    for _ in range(2):
        desk.rule("acme", enabled=False)
    assert desk.last("acme").state is State.CANCELLED
    desk.turn()
    assert desk.gateway.asked.total() == 0
    assert desk.reasons("acme") == ["in_flight", "not_armed"]


def test_off_cancels_what_waits_on_the_ladder(desk: PaymentDesk) -> None:
    desk.open("acme", card=RETRY)
    desk.turn()
    desk.rule("acme", enabled=False)
    assert desk.last("acme").state is State.CANCELLED


@pytest.mark.parametrize(("card", "state"), [("visa", State.SETTLED), (RETRY, State.DECLINED)])
def test_off_while_a_try_is_out(desk: PaymentDesk, card: str, state: State) -> None:
    """What was taken is credited; what was declined is not tried again."""
    desk.open("acme", card=card)
    desk.crash_after_sending("acme", desk.standing("acme").attempt)
    desk.rule("acme", enabled=False)
    assert desk.last("acme").state is State.SUBMITTED
    desk.settle_down()
    assert desk.last("acme").state is state
    assert desk.gateway.asked["pay"] == 1
    desk.check_money("acme")


def test_off_while_nobody_knows_what_became_of_a_try(desk: PaymentDesk) -> None:
    """Nothing arrived, so nothing is sent again."""
    desk.open("acme")
    desk.fault(FaultKind.TIMEOUT_BEFORE)
    desk.work()
    desk.rule("acme", enabled=False)
    desk.settle_down()
    assert desk.last("acme").state is State.CANCELLED
    assert desk.gateway.asked["pay"] == 1


def test_on_without_a_card(desk: PaymentDesk) -> None:
    desk.open("acme", card="")
    assert desk.reasons("acme") == ["no_payment_method"]
    desk.use_card("acme", "visa")
    desk.turn()
    assert desk.reasons("acme") == ["no_payment_method", "in_flight", "above_trigger"]


def test_a_card_that_is_removed_while_an_attempt_waits(desk: PaymentDesk) -> None:
    """No bank has declined anything: the attempt is given up, and a card brings the next."""
    desk.open("acme")
    desk.edit("acme", payment_methods=())
    assert desk.last("acme").state is State.CANCELLED
    desk.turn()
    assert desk.told("acme", "recharge_failed") == []
    assert desk.reasons("acme")[-1] == "no_payment_method"
    desk.use_card("acme", "visa")
    desk.turn()
    assert whole(desk.available("acme")) == 200


@pytest.mark.parametrize("status", [SUSPENDED, CLOSED])
def test_a_tenant_that_is_not_active_pays_nothing(desk: PaymentDesk, status: str) -> None:
    desk.open("acme", status=status)
    desk.turn()
    assert desk.reasons("acme") == ["tenant_not_active"]
    assert desk.payments("acme") == []


def test_a_reason_is_written_when_it_changes_and_not_else(desk: PaymentDesk) -> None:
    desk.open("acme", OFF)
    assert desk.reasons("acme") == []
    desk.fund("acme", 150 * UNIT)
    desk.rule("acme", enabled=True)
    for _ in range(3):
        desk.spend("acme", UNIT)
    assert desk.reasons("acme") == ["above_trigger"]
    desk.spend("acme", 100 * UNIT)
    desk.turn()
    assert desk.reasons("acme") == ["above_trigger", "in_flight", "above_trigger"]


def test_success_is_told_with_its_receipt(desk: PaymentDesk) -> None:
    desk.open("acme")
    desk.turn()
    (told,) = desk.told("acme", "recharge_succeeded")
    assert (told["receipt"], told["amount"], told["method"]) == ("R-acme-000001", 200 * UNIT, "visa 4242")
    assert told["available"] == 200 * UNIT
    assert desk.do(TakeBack("acme", UNIT, "a test")).balance == 199 * UNIT
