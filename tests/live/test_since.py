"""Reports that count from the last one: summed by the ledger, once each, so that a door needs no memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from talktime.core.refusals import Refusal
from talktime.live.answers import Allowed, Denied, Fault, FaultCode, Settled
from talktime.live.commands import Close
from talktime.live.operations import (
    AnyOperation,
    CancelCall,
    EndCall,
    ExtendCall,
    FinishCall,
    ReportCall,
    StartCall,
)
from talktime.live.sessions import MAX_GIVEN, digest_of
from tests.databases import database, sqlite_database
from tests.live.ledger_checks import LedgerChecks
from tests.live.live_desk import SECOND, LiveDesk
from tests.live.test_stories import UNIT, desk_with, start

__all__ = ["database", "sqlite_database"]  # fixtures

CENT = UNIT // 100


@pytest.fixture
def desk(sqlite_database: str) -> Iterator[LiveDesk]:
    """A unit of credits, a cent a second."""
    made = desk_with(sqlite_database, UNIT, price_per_minute="0.6", first_seconds="1", step_seconds="1")
    yield made
    LedgerChecks(made).check("t")
    made.close()


@pytest.mark.parametrize(
    ("reports", "last_s", "charged_s"),
    [
        ((), 8, 8),
        ((28,), 8, 36),  # what a real switch says of 35 s
        ((10, 10, 10), 0, 30),
        ((10, 0, 10), 5, 25),
        ((30,), 31, 60),  # within the slack of what was granted
        ((30, 30), 40, 100),  # beyond it: billed as said
    ],
)
def test_the_sum_of_the_reports_is_charged(
    database: str, reports: tuple[int, ...], last_s: int, charged_s: int
) -> None:
    desk = desk_with(database, UNIT, price_per_minute="0.6", first_seconds="1", step_seconds="1")
    desk.do(start("c", 30))
    for sequence, used_s in enumerate(reports, 1):
        assert isinstance(desk.do(ReportCall("t", "c", sequence, used_s, 30)), Allowed)
    finished = desk.do(FinishCall("t", "c", len(reports) + 1, last_s))
    assert (finished.billed_s, finished.amount) == (charged_s, charged_s * CENT)
    assert desk.wallet("t") == (UNIT - charged_s * CENT, 0, 0)
    LedgerChecks(desk).check("t")
    desk.close()


@pytest.mark.parametrize("restart", [False, True])
def test_a_repeat_gets_the_first_answer_and_adds_nothing(database: str, restart: bool) -> None:
    desk = desk_with(database, UNIT, price_per_minute="0.6", first_seconds="1", step_seconds="1")
    desk.do(start("c", 30))
    reports = [ReportCall("t", "c", sequence, 10, 20) for sequence in (1, 2)]
    first = [desk.do(report) for report in reports]
    assert [answer.grant.used_s for answer in first] == [10, 20]
    if restart:
        desk.restart()
    assert [desk.do(report) for report in reports] == first
    assert desk.together([ReportCall("t", "c", 3, 5, 20)] * 3)[2].grant.used_s == 25
    finish = FinishCall("t", "c", 4, 1)
    finished = desk.do(finish)
    assert finished.billed_s == 26
    if restart:
        desk.restart()
    story: list[AnyOperation] = [*reports, finish]
    assert [desk.do(operation) for operation in story] == [*first, finished]
    assert desk.do(FinishCall("t", "c", 4, 2)).code == FaultCode.CONFLICT
    desk.close()


def test_a_report_that_was_forgotten_is_not_added_again(desk: LiveDesk) -> None:
    desk.do(start("c", 1))
    for sequence in range(1, MAX_GIVEN + 3):
        desk.do(ReportCall("t", "c", sequence, 1, 1))
    assert desk.do(ReportCall("t", "c", 1, 1, 1)).code == FaultCode.CONFLICT
    assert desk.do(FinishCall("t", "c", 99, 0)).billed_s == MAX_GIVEN + 2


def test_a_report_that_asks_for_nothing_is_written_down(desk: LiveDesk) -> None:
    desk.do(start("c", 30))
    told = desk.do(ReportCall("t", "c", 1, 20, 0))
    assert (told.grant.used_s, told.grant.authorised_s, told.grant.final) == (20, 30, 0)
    desk.do(ReportCall("t", "c", 2, 10, 0))  # all that was granted is used: nothing to grant
    assert desk.wallet("t") == (UNIT, 30 * CENT, 0)
    desk.now_us += 61 * SECOND
    desk.look_round()
    assert desk.rows("select billed_s from charges") == [(30,)]


def test_reports_at_the_end_of_the_money(desk: LiveDesk) -> None:
    desk.do(start("c", 60))
    told = desk.do(ReportCall("t", "c", 1, 60, 60))
    assert (told.grant.granted_s, told.grant.final) == (40, 1)
    denied = desk.do(ReportCall("t", "c", 2, 41, 60))
    assert isinstance(denied, Denied)
    assert denied.reason == Refusal.NO_CREDIT
    assert desk.do(FinishCall("t", "c", 3, 0)).billed_s == 100
    assert desk.wallet("t") == (0, 0, 0)


@pytest.mark.parametrize(
    ("reported", "told_s", "late_s"), [((20,), None, 8), ((), None, 8), ((20, 5), 60, 0)]
)
def test_a_late_finish_counts_from_what_was_reported(
    database: str, reported: tuple[int, ...], told_s: int | None, late_s: int
) -> None:
    """Also after a person ended the call, whatever the person said."""
    desk = desk_with(database, UNIT, price_per_minute="0.6", first_seconds="1", step_seconds="1")
    desk.do(start("c", 60))
    for sequence, used_s in enumerate(reported, 1):
        desk.do(ReportCall("t", "c", sequence, used_s, 30))
    if told_s is None:
        desk.now_us += 301 * SECOND
        desk.look_round()
        charged_s = sum(reported)
    else:
        charged_s = desk.do(Close("t", "c", desk.desks[0].rules, "ops@example.com", told_s)).billed_s
        assert charged_s == told_s
    assert desk.wallet("t") == (UNIT - charged_s * CENT, 0, 0)
    assert desk.do(ReportCall("t", "c", 7, 1, 30)).code == FaultCode.OVER
    finished = desk.do(FinishCall("t", "c", 8, late_s))
    assert isinstance(finished, Settled)
    assert desk.wallet("t") == (UNIT - (sum(reported) + late_s) * CENT, 0, 0)
    assert desk.do(FinishCall("t", "c", 8, late_s)) == finished
    LedgerChecks(desk).check("t")
    desk.close()


@pytest.mark.parametrize(("used_s", "seconds"), [(0, 86_401), (30, 86_371), (0, 71_582_788)])
def test_an_absurd_sum_changes_nothing(desk: LiveDesk, used_s: int, seconds: int) -> None:
    desk.do(start("c", 60))
    if used_s:
        desk.do(ReportCall("t", "c", 1, used_s, 30))
    for operation in (ReportCall("t", "c", 2, seconds), FinishCall("t", "c", 2, seconds)):
        assert desk.do(operation).code == FaultCode.ABSURD
    assert desk.do(FinishCall("t", "c", 2, 5)).billed_s == used_s + 5


@pytest.mark.parametrize(
    "operation",
    [
        ReportCall("t", "c", 5, 1),
        FinishCall("t", "c", 5, 0),
        ExtendCall("t", "c", 5, 1),
        EndCall("t", "c", 5, 0),
        CancelCall("t", "c", 5),
    ],
)
def test_why_nothing_can_be_said_of_a_call(desk: LiveDesk, operation: AnyOperation) -> None:
    """A client that was refused still ends its call; one that comes late is told so."""
    assert _code(desk, operation) == FaultCode.UNKNOWN_CALL
    desk.do(StartCall("t", "c", 0, "user_out", user="stranger", callee="+442071838750"))
    assert _code(desk, operation) == FaultCode.DENIED_CALL
    desk.do(StartCall("t", "c", 1, "user_out", user="ann", callee="+442071838750"))
    desk.do(FinishCall("t", "c", 2, 1))
    assert _code(desk, operation) == FaultCode.OVER
    assert desk.wallet("t") == (99 * CENT, 0, 0)


def _code(desk: LiveDesk, operation: AnyOperation) -> FaultCode:
    told = desk.do(operation)
    assert isinstance(told, Fault)
    return told.code


def test_digests_are_stored_so_they_stay() -> None:
    """An upgrade in mid-call: a repeat of what the version before has answered is known again."""
    stored: dict[AnyOperation, int] = {
        StartCall(
            "t", "c", 0, "user_out", "ann", "", "+441174960000", "+442071838750", 60, 1, 2
        ): 27_296_547_930_306,
        StartCall("t", "c", 0, "user_out"): 140_438_265_698_259,
        ExtendCall("t", "c", 1, 30, 60): 185_794_714_675_036,
        EndCall("t", "c", 2, 45, 3, 4): 151_718_269_185_231,
        CancelCall("t", "c", 3): 899_501_303_659,
    }
    assert {operation: digest_of(operation) for operation in stored} == stored


@pytest.mark.parametrize(
    ("numbers", "last", "flags"),
    [
        ((1, 2), 3, ()),
        ((), 1, ()),
        ((), 2, ("report_missing",)),
        ((1, 3), 4, ("report_missing",)),
        ((2,), 4, ("report_missing",)),  # told once
    ],
)
def test_a_report_that_never_came_is_told(
    desk: LiveDesk, numbers: tuple[int, ...], last: int, flags: tuple[str, ...]
) -> None:
    desk.do(start("c", 30))
    for number in numbers:
        desk.do(ReportCall("t", "c", number, 5, 10))
    finished = desk.do(FinishCall("t", "c", last, 5))
    assert (finished.billed_s, finished.flags) == (5 * len(numbers) + 5, flags)


def test_switches_that_count_from_the_answer_may_number_as_they_like(desk: LiveDesk) -> None:
    desk.do(start("c", 30))
    desk.do(ExtendCall("t", "c", 7, 5, 10))
    assert desk.do(EndCall("t", "c", 20, 9)).flags == ()
