"""Operations of calls that are repeated, come in a wrong order, or come for what nobody knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from talktime.core.refusals import Refusal
from talktime.live.answers import Allowed, Cancelled, Denied, Fault, FaultCode, Settled
from talktime.live.commands import Close
from talktime.live.operations import CancelCall, EndCall, ExtendCall, Operation, StartCall
from talktime.live.sessions import MAX_GIVEN
from tests.databases import database, sqlite_database
from tests.live.ledger_checks import LedgerChecks
from tests.live.live_desk import SECOND, LiveDesk
from tests.live.test_stories import UNIT, desk_with, start

__all__ = ["database", "sqlite_database"]  # fixtures

DAY_US = 86_400 * SECOND


@pytest.fixture
def desk(sqlite_database: str) -> Iterator[LiveDesk]:
    """A unit of credits, a cent a second."""
    made = desk_with(sqlite_database, UNIT, price_per_minute="0.6", first_seconds="1", step_seconds="1")
    yield made
    LedgerChecks(made).check("t")
    made.close()


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("in_between", [0, 3_600 * SECOND, 71 * 3_600 * SECOND])
def test_repeats_get_the_first_answer(database: str, restart: bool, in_between: int) -> None:
    """On both databases, from memory and from the store, whatever happened since."""
    desk = desk_with(database, UNIT, price_per_minute="0.6", first_seconds="1", step_seconds="1")
    story: list[Operation] = [start("c", 30), ExtendCall("t", "c", 1, 30, 30), EndCall("t", "c", 2, 45)]
    story += [start("d", 10), CancelCall("t", "d", 1), start("poor", 600), ExtendCall("t", "poor", 1, 55)]
    first = [desk.do(operation) for operation in story]
    wallet = desk.wallet("t")
    if restart:
        desk.restart()
    desk.now_us += in_between
    assert [desk.do(operation) for operation in story] == first
    assert desk.wallet("t") == wallet
    desk.close()


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        (start("c", 31), FaultCode.CONFLICT),
        (ExtendCall("t", "c", 1, 31, 30), FaultCode.CONFLICT),
        (EndCall("t", "c", 2, 46), FaultCode.CONFLICT),
        (EndCall("t", "c", 2, 45, ended_us=1), FaultCode.CONFLICT),
        (EndCall("t", "c", 3, 45), FaultCode.OVER),
        (ExtendCall("t", "c", 3, 46), FaultCode.OVER),
        (CancelCall("t", "c", 3), FaultCode.OVER),
        (CancelCall("t", "c", 1), FaultCode.OVER),
    ],
)
def test_another_body_is_a_conflict_and_another_operation_comes_too_late(
    desk: LiveDesk, changed: Operation, code: FaultCode
) -> None:
    for operation in (start("c", 30), ExtendCall("t", "c", 1, 30, 30), EndCall("t", "c", 2, 45)):
        desk.do(operation)
    before = desk.wallet("t")
    told = desk.do(changed)
    assert isinstance(told, Fault)
    assert told.code == code
    assert desk.wallet("t") == before


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        (ExtendCall("t", "x", 0, 1), FaultCode.UNKNOWN_CALL),
        (EndCall("t", "x", 0, 1), FaultCode.UNKNOWN_CALL),
        (CancelCall("t", "x", 0), FaultCode.UNKNOWN_CALL),
        (EndCall("nobody", "x", 0, 1), FaultCode.UNKNOWN_TENANT),
        (EndCall("t", "c", 1, 86_401), FaultCode.ABSURD),
        (ExtendCall("t", "c", 1, 71_582_788), FaultCode.ABSURD),
    ],
)
def test_faults_change_nothing(desk: LiveDesk, operation: Operation, code: FaultCode) -> None:
    desk.do(start("c", 30))
    before = desk.wallet("t")
    told = desk.do(operation)
    assert isinstance(told, Fault)
    assert told.code == code
    assert desk.wallet("t") == before
    assert isinstance(desk.do(EndCall("t", "c", 1, 30)), Settled)


def test_a_denied_start_may_be_tried_again_with_a_higher_sequence(desk: LiveDesk) -> None:
    poor = StartCall("t", "c", 3, "user_out", user="ann", callee="+442071838750", requested_s=60)
    desk.do(start("all", 100))
    tries: list[tuple[int, Any]] = [(3, Denied), (3, Denied), (2, Fault), (4, Allowed), (5, Denied)]
    for sequence, expected in tries:
        if sequence == 4:
            desk.fund("t", UNIT)
        again = StartCall("t", "c", sequence, poor.call_type, "ann", "", "", poor.callee, 60)
        told = desk.do(again)
        assert isinstance(told, expected)
    assert told.reason == Refusal.DUPLICATE_CALL


def test_an_emergency_call_passes_where_nothing_is_known(desk: LiveDesk) -> None:
    for tenant in ("nobody", "t"):
        told = desk.do(StartCall(tenant, "sos", 0, "emergency_out", user="stranger", callee="112"))
        assert isinstance(told, Allowed)
        assert told.grant.granted_s == 600
    refused = desk.do(StartCall("nobody", "c", 0, "user_out", callee="+442071838750"))
    assert refused.reason == Refusal.UNKNOWN_TENANT


def test_of_many_answers_the_oldest_extends_are_forgotten(desk: LiveDesk) -> None:
    desk.do(start("c", 1))
    for sequence in range(1, MAX_GIVEN + 3):
        assert isinstance(desk.do(ExtendCall("t", "c", sequence, sequence, 1)), Allowed)
    assert isinstance(desk.do(ExtendCall("t", "c", 1, 1, 1)), Fault)
    assert isinstance(desk.do(ExtendCall("t", "c", MAX_GIVEN, MAX_GIVEN, 1)), Allowed)
    assert isinstance(desk.do(start("c", 1)), Allowed)


def test_answers_are_kept_for_72_hours(desk: LiveDesk) -> None:
    desk.do(start("c", 30))
    settled = desk.do(EndCall("t", "c", 1, 30))
    desk.now_us += 3 * DAY_US - 1
    desk.look_round()
    assert desk.do(EndCall("t", "c", 1, 30)) == settled
    desk.now_us += 1
    desk.look_round()
    late = desk.do(EndCall("t", "c", 1, 30))
    assert isinstance(late, Fault)
    assert late.code == FaultCode.DUPLICATE_CALL
    assert desk.wallet("t") == (70 * UNIT // 100, 0, 0)


@pytest.mark.parametrize(("told_s", "left"), [(None, 80), (30, 70), (0, 100)])
def test_a_person_ends_a_call(desk: LiveDesk, told_s: int | None, left: int) -> None:
    desk.do(start("c", 60))
    desk.do(ExtendCall("t", "c", 1, 20, 30))
    close = Close("t", "c", desk.desks[0].rules, "ops@example.com", told_s)
    assert isinstance(desk.do(close), Settled)
    assert desk.wallet("t") == (left * UNIT // 100, 0, 0)
    assert isinstance(desk.do(close), Fault)
    late = desk.do(EndCall("t", "c", 2, 50))
    assert late.balance == UNIT // 2
    assert desk.rows("select who, what from audit where who <> ''") == [("ops@example.com", "end call c")]


def test_a_cancelled_call_costs_nothing(desk: LiveDesk) -> None:
    desk.do(start("c", 60))
    assert desk.wallet("t") == (UNIT, 60 * UNIT // 100, 0)
    assert desk.do(CancelCall("t", "c", 1)) == Cancelled("c")
    assert desk.wallet("t") == (UNIT, 0, 0)
    assert desk.rows("select number from charges") == []
