"""What is kept of a closed call: its answers for 72 h, its charge for ever (rulings.md 25 and 35)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from talktime.catalog.load import load_catalogue
from talktime.core.refusals import Refusal
from talktime.live.answers import Allowed, Denied, Fault, FaultCode, Settled
from talktime.live.operations import CancelCall, EndCall, ExtendCall, StartCall
from tests.bulk.charged import SPENDS, by_second, deck, tenant, user
from tests.live.live_desk import SECOND, LiveDesk, books_of

KEPT_US = 72 * 3600 * SECOND
T = tenant(user("ana", SPENDS))


@pytest.fixture
def desk(database: str) -> Iterator[LiveDesk]:
    live = LiveDesk(database, load_catalogue(), books_of(deck(by_second("44", "0.06"))))
    live.add(T)
    yield live
    live.close()


def start(call_id: str, sequence: int = 0) -> StartCall:
    return StartCall(
        T.id, call_id, sequence, "user_out", user=T.users[0].upn, callee="+442079460000", requested_s=60
    )


def test_the_answers_of_a_closed_call_are_kept_for_72_hours(desk: LiveDesk) -> None:
    desk.fund(T.id, 1_000_000)
    desk.do(start("c"))
    ended = desk.do(EndCall(T.id, "c", 1, 30))
    assert isinstance(ended, Settled)
    desk.now_us += KEPT_US - 1
    desk.look_round()
    assert desk.do(EndCall(T.id, "c", 1, 30)) == ended
    desk.now_us += 1
    assert desk.look_round() == 1
    for repeat in (start("c"), start("c", 7)):
        answer = desk.do(repeat)
        assert isinstance(answer, Denied)
        assert answer.reason == Refusal.DUPLICATE_CALL
    for late in (ExtendCall(T.id, "c", 1, 30), EndCall(T.id, "c", 1, 30), CancelCall(T.id, "c", 1)):
        answer = desk.do(late)
        assert isinstance(answer, Fault)
        assert answer.code == FaultCode.DUPLICATE_CALL
    assert desk.rows("select body from sessions") == [("",)]
    assert desk.rows("select call_id, amount from charges") == [("c", 30_000)]


def test_a_denied_start_leaves_nothing_in_the_end(desk: LiveDesk) -> None:
    denied = desk.do(start("c"))
    assert isinstance(denied, Denied)
    assert denied.reason == Refusal.NO_CREDIT
    assert desk.do(start("c")) == denied
    desk.now_us += KEPT_US
    assert desk.look_round() == 1
    assert desk.rows("select * from sessions") == []
    desk.fund(T.id, 1_000_000)
    assert isinstance(desk.do(start("c")), Allowed)
