"""What many sessions, long ids, ids that come twice and peers that do not listen may cost, and no more."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from talktime.accounts.tenant import Guards
from talktime.doors.diameter import calling_back, charging, door
from talktime.doors.diameter.calling_back import UNKNOWN_RESULT, CallingBack
from talktime.doors.diameter.identity import Understood
from talktime.doors.diameter.parties import MAX_ADDRESS
from talktime.doors.diameter.request import CreditRequest
from talktime.doors.diameter.sessions import LONGEST_ID, Sessions
from talktime.doors.diameter.wire.codes import Command, DisconnectCause
from talktime.live.guards import HOUR_OF_TENANT
from talktime.live.operations import StartCall
from tests.databases import sqlite_database
from tests.doors.diameter.house import A_SECOND, BOB, CAT, CONTOSO, FABRIKAM, House, peer, settings
from tests.doors.diameter.switch import DEBIT, Service, Switch

__all__ = ["sqlite_database"]  # a fixture

RAR, ASR = Command.RE_AUTH, Command.ABORT_SESSION
MUTE: dict[str, Any] = {"who": None, "calling": None, "to": None, "role": None}
WILLING = settings(
    peer(takes_reauth=True, takes_abort=True),
    peer("relay.test", relay=True, realm="branch", realms=("branch",)),
    realms=("branch",),
)


@pytest.fixture
def house(sqlite_database: str) -> Iterator[House]:
    """Two processes, contoso and fabrikam with money for 100 s each."""
    with closing(House(sqlite_database, WILLING, processes=2)) as house:
        house.open(CONTOSO, FABRIKAM, money=100 * A_SECOND)
        house.fund("fabrikam", 100 * A_SECOND)
        yield house
        house.check()


@pytest.fixture
def switch(house: House) -> Switch:
    """One that takes what we ask."""
    return house.switch()


# --- ids that come twice ------------------------------------------------------------------------------------


def test_a_session_id_that_is_used_again_for_somebody_else_is_charged_to_them(
    house: House, switch: Switch
) -> None:
    """Reports go to who was granted last, not to who had the id before."""
    first = switch.call("switch.test;1")
    assert first.initial(30) == "2001 30 s"
    second = switch.call("switch.test;1", who=CAT)
    assert second.initial(30) == "2001 30 s"
    assert second.update(used=28, asks=30, **MUTE) == "2001 30 s"
    assert second.terminate(used=8, **MUTE) == "2001"
    assert house.rows("select sum(billed_s) from charges where tenant = 'fabrikam'") == [(36,)]
    assert house.rows("select * from charges where tenant = 'contoso'") == []
    assert first.terminate(used=0) == "2001"


def test_a_relay_of_another_realm_does_not_meet_a_session_by_naming_its_host(
    house: House, switch: Switch
) -> None:
    call = switch.call()
    assert call.initial(30) == "2001 30 s"
    far = house.switch("relay.test", realm="branch").call(origin_host="switch.test", realm="branch", **MUTE)
    far.number = 1
    assert far.terminate(used=25) == "5002"
    assert call.terminate(used=3) == "2001"
    assert house.charged_s() == 3


def test_the_letter_case_of_a_host_does_not_matter(house: House, switch: Switch) -> None:
    call = switch.call()
    assert call.initial(30) == "2001 30 s"
    assert call.terminate(used=3, origin_host="SWITCH.test") == "2001"
    assert len(house.processes[0].sessions) == 0


# --- long texts ---------------------------------------------------------------------------------------------


def test_a_session_with_a_very_long_id_is_charged_though_it_is_not_kept_in_memory(
    house: House, switch: Switch
) -> None:
    call = switch.call("switch.test;" + "9" * LONGEST_ID)
    assert call.initial(30) == "2001 30 s"
    assert len(house.processes[0].sessions) == 0
    assert call.update(used=28, asks=30, **MUTE) == "2001 30 s"
    assert call.terminate(used=8, **MUTE) == "2001"
    assert house.charged_s() == 36


def test_of_a_very_long_address_the_ledger_keeps_its_beginning(house: House, switch: Switch) -> None:
    call = switch.call(calling="sip:" + "x" * 20_000 + "@far.test")
    assert call.initial(30) == "2001 30 s"
    ((body,),) = house.rows("select body from sessions")
    assert len(body) < 4 * MAX_ADDRESS
    assert call.terminate(used=0) == "2001"


# --- sessions that are looked for ---------------------------------------------------------------------------


def test_the_end_of_a_call_does_not_overtake_its_report(house: House, switch: Switch) -> None:
    """Both have to be looked for, and the first look takes longest: all seconds are charged."""
    call = switch.call()
    assert call.initial(30) == "2001 30 s"
    other = house.switch(process=1)
    call.switch, process = other, house.processes[1]
    find, first = process.charging._find, threading.Event()

    def slow(call_id: str, tenants: Sequence[str]) -> str | None:
        if not first.is_set():
            first.set()
            threading.Event().wait(0.2)
        return find(call_id, tenants)

    process.charging._find = slow
    report = call.written(kind=2, services=(Service(30, 28),), **MUTE)
    end = call.written(kind=3, services=(Service(None, 8),), **MUTE)
    told = [answer.words for answer in other.asks_all([report, end])]
    assert told == ["2001 30 s", "2001"]
    assert house.charged_s() == 36
    assert process.charging._latest == {}


def test_not_too_many_sessions_are_looked_for_at_one_time(
    switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charging, "MOST_FINDING", 2)
    wholes = [
        switch.call(f"switch.test;{number}").written(kind=2, number=1, services=(Service(None, 5),), **MUTE)
        for number in range(4)
    ]
    assert sorted(answer.words for answer in switch.asks_all(wholes)) == ["3004", "3004", "5002", "5002"]


def test_a_request_whose_operation_is_cancelled_is_answered(house: House, switch: Switch) -> None:
    desk = house.desks[0]

    def cancelled(operation: object) -> asyncio.Future[object]:
        assert isinstance(operation, StartCall)
        handed: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        handed.cancel()
        return handed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk, "submit", cancelled)
        call = switch.call()
        assert call.initial(30) == "3004"
    assert not any(each.is_busy for each in house.processes[0].door._connections)
    assert call.again() == "2001 30 s"
    assert call.terminate(used=0) == "2001"


@pytest.mark.parametrize("hours", [1, 6])
def test_hours_that_are_over_leave_the_memory_of_a_tenant_that_only_has_debits(
    sqlite_database: str, hours: int
) -> None:
    guarded = replace(CONTOSO, guards=Guards(dear_an_hour_micros=100 * A_SECOND, dear_countries=("GB",)))
    with closing(House(sqlite_database)) as house:
        house.open(guarded, money=100 * A_SECOND)
        switch = house.switch()
        for number in range(2):
            assert switch.call(f"switch.test;{number}").event(DEBIT, 10) == "2001 10 s"
            house.now_us += hours * 3_600 * 1_000_000
        counters = house.desks[0].engine._books["contoso"].counters
        assert len([name for name, _ in counters if name == HOUR_OF_TENANT]) == (2 if hours == 1 else 1)
        house.check()


# --- looking at many ----------------------------------------------------------------------------------------


class Counted:
    """Books in which every tenant has money and every call is over; a peer that takes everything."""

    def __init__(self) -> None:
        self.looked_at: list[int] = []
        self.sent: list[Command] = []

    def available(self, tenants: Collection[str]) -> Mapping[str, int]:
        """More each time."""
        return dict.fromkeys(tenants, len(self.sent) + 1)

    def not_open(self, tenant: str, call_ids: Sequence[str]) -> Collection[str]:
        """None is over."""
        assert tenant == "contoso"
        self.looked_at.append(len(call_ids))
        return set()

    def ask(self, peer: str, command: Command, application: int, *parts: bytes) -> int:
        """Goes through."""
        assert (peer, application) == ("switch.test", 4)
        assert parts
        self.sent.append(command)
        return 1


def asked_by(number: int) -> CreditRequest:
    named = SimpleNamespace(
        session_id=f"switch.test;{number}",
        call_id=f"switch.test;{number}",
        origin_host="switch.test",
        origin_realm="test",
    )
    return cast("CreditRequest", named)


WHO = Understood("contoso", BOB, "", "user_out", BOB, "", ())


def test_a_look_asks_about_some_sessions_and_wakes_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look goes on where the last one stopped, and everybody has a turn."""
    monkeypatch.setattr(calling_back, "MOST_A_LOOK", 10)
    sessions, books = Sessions(), Counted()
    for number in range(25):
        sessions.granted(asked_by(number), "switch.test", WHO, final=True)
    back = CallingBack(books, WILLING, sessions, books, is_urgent=lambda _: False)

    async def looked() -> None:
        for _ in range(4):
            await back.look()

    asyncio.run(looked())
    assert books.looked_at == [10, 10, 5, 10]
    assert books.sent == [RAR] * 25
    assert list(sessions.short) == []


def test_who_has_ended_meanwhile_is_not_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling_back, "MOST_A_LOOK", 1)
    sessions, books = Sessions(), Counted()
    for number in range(2):
        sessions.granted(asked_by(number), "switch.test", WHO, final=True)
    back = CallingBack(books, WILLING, sessions, books, is_urgent=lambda _: False)
    asyncio.run(back.look())
    sessions.ended("switch.test", "switch.test;1")
    asyncio.run(back.look())
    assert books.sent == [RAR]


def test_a_call_that_its_switch_ends_while_the_ledger_is_looked_at_is_not_ended_again(
    house: House, switch: Switch
) -> None:
    call = switch.call()
    assert call.initial(20) == "2001 20 s"
    process = house.processes[0]
    books = process.back._books

    class Slow:
        """The termination comes while it looks."""

        available = books.available

        def not_open(self, tenant: str, call_ids: Sequence[str]) -> Collection[str]:
            ended.wait(5)
            return books.not_open(tenant, call_ids)

    ended = threading.Event()
    process.back._books = Slow()
    look = house.run(started(process.back))
    assert call.terminate(used=5) == "2001"
    ended.set()
    house.run(look)
    house.let(0.05)
    assert switch.heard(ASR) == []


async def started(back: CallingBack) -> asyncio.Task[None]:
    """A look that is under way."""
    look = asyncio.ensure_future(back.look())
    await asyncio.sleep(0.01)
    return look


def test_a_call_of_which_only_the_id_is_known_may_be_an_emergency(house: House, switch: Switch) -> None:
    """Behind a restart its request does not say what it is: it is not ended by us."""
    call = switch.call()
    assert call.initial(20) == "2001 20 s"
    house.restart()
    call.switch = again = house.switch()
    assert call.update(used=5, asks=20, **MUTE) == "2001 20 s"
    house.now_us += 3_600 * 1_000_000
    assert house.look_round() >= 1
    house.run(house.processes[0].back.look())
    house.let(0.05)
    assert again.heard(ASR) == []
    assert call.terminate(used=3) == "2001"


def test_results_that_no_rfc_knows_name_no_figures(house: House, switch: Switch) -> None:
    switch.line.says[RAR] = 987_654_321
    call = switch.call()
    assert call.initial(200) == "2001 100 s, then terminate"
    house.fund("contoso", 10 * A_SECOND)
    back = house.processes[0].back
    house.run(back.look())
    house.until(lambda: bool(back.answered), "the switch has answered")
    assert back.answered == {(RAR, UNKNOWN_RESULT): 1}
    assert call.terminate(used=0) == "2001"


# --- peers that do not listen -------------------------------------------------------------------------------


def test_a_link_that_is_over_does_not_stay_open_for_who_reads_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What it was told last fills the line; its place among the connections is given up."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(door, "STOP_S", 0.0)
    switch = house.switch()
    (connection,) = house.processes[0].door._connections
    switch.line._reader._transport.pause_reading()  # type: ignore[attr-defined]  # it listens no more

    async def filled() -> None:
        for _ in range(200):
            connection.link.say(bytes(100_000))
        connection.link.disconnect(DisconnectCause.REBOOTING, 0.0)
        connection.link._close("the peer was silent")
        connection.flush_soon()

    house.run(filled())
    house.until(lambda: not house.processes[0].door._connections, "the connection is gone")
