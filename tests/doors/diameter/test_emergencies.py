"""Emergency calls go through whatever stands against them, and are never charged (rulings.md 24, 40)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import pytest

from talktime.accounts.tenant import SUSPENDED
from talktime.doors.diameter.identity import IdentityRule
from talktime.ledger.store import StoreAway, StoreBusy, UnknownOutcome
from talktime.live.rates import RateBooks
from tests.databases import sqlite_database
from tests.doors.diameter.house import A_SECOND, ANA, CONTOSO, House, settings
from tests.doors.diameter.switch import Call
from tests.doors.http.live_houses import Fronted

__all__ = ["sqlite_database"]  # a fixture


def goes_on(call: Call, words: str) -> bool:
    """Whether the call may go on for all that it asked for or longer, and not for the last time."""
    assert call.answer is not None
    (grant,) = call.answer.grants
    return words == f"2001 {grant.seconds} s" and (grant.seconds or 0) >= 30


def nobody_is_known(house: House) -> None:
    """There is no such tenant."""


def suspended(house: House) -> None:
    house.open(replace(CONTOSO, status=SUSPENDED))


def without_money(house: House) -> None:
    house.open()


def queue_is_full(house: House) -> None:
    house.open(money=A_SECOND)
    house.desks[0].engine._max_queue = 0


def store_fails(error: Exception) -> Callable[[House], None]:
    def failing(house: House) -> None:
        house.open(money=A_SECOND)
        engine = house.desks[0].engine
        fronted = Fronted(engine.store)
        fronted.fails = error
        engine.store = fronted  # what is not failed is passed on

    failing.__name__ = type(error).__name__
    return failing


WRONG = [
    nobody_is_known,
    suspended,
    without_money,
    queue_is_full,
    *map(store_fails, (StoreAway("away"), StoreBusy("busy"), UnknownOutcome("who knows"), OSError("disk"))),
]


CASES = [("911", wrong) for wrong in WRONG] + [("urn:service:sos", nobody_is_known)]


@pytest.mark.parametrize(("to", "wrong"), CASES, ids=lambda case: getattr(case, "__name__", None))
def test_an_emergency_call_is_let_through(
    sqlite_database: str, to: str, wrong: Callable[[House], None], caplog: pytest.LogCaptureFixture
) -> None:
    with closing(House(sqlite_database)) as house:
        wrong(house)
        call = house.switch().call(to=to)
        assert goes_on(call, call.initial(30))
        assert goes_on(call, call.update(used=30, asks=30))
        assert call.update(used=30, asks=None) == "2001"
        assert call.terminate(used=9) == "2001"
        assert house.rows("select sum(amount) from charges where amount <> 0") == [(None,)]
        store = house.desks[0].engine.store
        if isinstance(store, Fronted):
            store.fails = None
        house.check()
    caplog.clear()  # a disk that is full is in the log


@pytest.mark.parametrize("who", [ANA, "+4912345678", None])
def test_an_emergency_call_of_whom_no_rule_and_no_deck_knows(sqlite_database: str, who: str | None) -> None:
    rules = settings(rules=[IdentityRule("elsewhere", "*", "nobody", "subscription")])
    with closing(House(sqlite_database, rules, rates=RateBooks())) as house:
        call = house.switch().call(to="112", who=who)
        assert goes_on(call, call.initial(30))
        assert goes_on(call, call.update(used=30, asks=30))
        house.restart()
        call.switch = house.switch()
        assert goes_on(call, call.update(used=30, asks=30))
        assert call.terminate(used=9) == "2001"
        assert house.rows("select * from charges") == []


def test_an_emergency_call_while_we_stop(sqlite_database: str) -> None:
    with closing(House(sqlite_database)) as house:
        house.open()
        house.desks[0].engine._stopping = True
        switch = house.switch()
        call = switch.call("switch.test;a", to="911")
        assert goes_on(call, call.initial(30))
        assert switch.call("switch.test;b").initial(30) == "3004"


def test_an_emergency_call_of_a_rating_group_that_is_not_charged_here(sqlite_database: str) -> None:
    with closing(House(sqlite_database, settings(rating_groups=[7]))) as house:
        call = house.switch().call(to="911")
        assert goes_on(call, call.initial(30))
        assert call.terminate(used=30) == "2001"
