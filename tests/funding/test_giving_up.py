"""A payment that nobody confirms is cancelled at the gateway before it counts as declined (rulings.md 27)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from talktime.funding.gateway import CANCELLED, PaymentResult, PaymentStatus
from talktime.funding.payments import ACTION_US, State
from talktime.funding.sandbox_faults import FaultKind, Operation
from tests.funding.payment_desk import HOUR, OFF, RULE, UNIT, PaymentDesk, payment_desk

CONFIRM = "authenticationRequired"


@pytest.fixture
def desk(sqlite_database: str, tmp_path: Path) -> Iterator[PaymentDesk]:
    with payment_desk(sqlite_database, tmp_path) as made:
        yield made


def asked(desk: PaymentDesk) -> PaymentResult:
    """How the last try stands at the gateway."""
    return desk.gateway.peek("acme", desk.last("acme").row.payment)[-1]


def test_confirmed_after_it_was_given_up_nothing_is_taken(desk: PaymentDesk) -> None:
    """Another card has refilled by then, and the cap of the month is met: the old link takes nothing more."""
    desk.open("acme", replace(RULE, cap_per_month_micros=200 * UNIT), card=CONFIRM)
    desk.turn()
    waits = asked(desk)
    assert waits.status is PaymentStatus.REQUIRES_ACTION
    desk.later(ACTION_US)
    assert desk.last("acme").state is State.DECLINED
    assert (asked(desk).status, asked(desk).code) == (PaymentStatus.DECLINED, CANCELLED)
    desk.use_card("acme", "visa")
    desk.turn()
    desk.gateway.complete_action(waits.gateway_payment, succeed=True)
    desk.settle_down()
    assert desk.available("acme") == 200 * UNIT
    assert desk.taken("acme") == 240 * UNIT
    desk.check_money("acme")


@pytest.mark.parametrize("is_told", [True, False])
def test_a_purchase_is_given_up_too(desk: PaymentDesk, is_told: bool) -> None:
    """Whether the event of it or the answer of the worker comes first, it is declined once."""
    desk.open("acme", OFF, card=CONFIRM)
    desk.buy("acme", 100 * UNIT, "one")
    desk.lose()
    desk.now_us += ACTION_US
    desk.work()
    if is_told:
        desk.deliver()
    desk.settle_down()
    assert (desk.last("acme").state, asked(desk).code) == (State.DECLINED, CANCELLED)
    assert len(desk.told("acme", "purchase_failed")) == 1


def test_confirmed_at_the_last_moment_it_is_credited(desk: PaymentDesk) -> None:
    """The message got lost: the gateway says so when it is to be given up."""
    desk.open("acme", OFF, card=CONFIRM)
    desk.buy("acme", 100 * UNIT, "one")
    desk.gateway.complete_action(asked(desk).gateway_payment, succeed=True)
    desk.lose()
    desk.later(ACTION_US)
    assert desk.last("acme").state is State.SETTLED
    desk.check_money("acme")


@pytest.mark.parametrize("kind", [FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER])
def test_nobody_knows_whether_it_is_cancelled(desk: PaymentDesk, kind: FaultKind) -> None:
    """It is no decline before the gateway has said so."""
    desk.open("acme", OFF, card=CONFIRM)
    desk.buy("acme", 100 * UNIT, "one")
    desk.lose()
    desk.fault(kind, Operation.CANCEL)
    desk.now_us += ACTION_US
    desk.work()
    assert desk.last("acme").state is State.UNKNOWN
    desk.lose()
    desk.later(HOUR)
    assert (desk.last("acme").state, asked(desk).code) == (State.DECLINED, CANCELLED)
