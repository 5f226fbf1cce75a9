"""What switches are asked: to come back early when money has arrived, to end a call that is over here."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial

import pytest

from talktime.accounts.tenant import SUSPENDED
from talktime.doors.diameter.calling_back import CallingBack
from talktime.doors.diameter.sessions import Sessions
from talktime.doors.diameter.wire.avps import avp, avp_u32
from talktime.doors.diameter.wire.codes import Avp, Command
from talktime.doors.diameter.wire.message import answer, read_message, request
from talktime.ledger.store import StoreAway
from talktime.live.commands import Close
from tests.databases import database, sqlite_database
from tests.doors.diameter.house import A_SECOND, BOB, CAT, CONTOSO, FABRIKAM, House, peer, settings
from tests.doors.diameter.switch import Call, Switch

__all__ = ["database", "sqlite_database"]  # fixtures

RAR, ASR = Command.RE_AUTH, Command.ABORT_SESSION
WILLING = settings(
    peer(takes_reauth=True, takes_abort=True),
    peer("plain.test"),
    peer("relay.test", relay=True, takes_reauth=True, takes_abort=True),
)


@pytest.fixture
def house(sqlite_database: str) -> Iterator[House]:
    """Two processes, and contoso with money for 40 s; the peer takes what we ask."""
    with closing(House(sqlite_database, WILLING, processes=2)) as house:
        house.open(CONTOSO, FABRIKAM, money=40 * A_SECOND)
        yield house
        house.check()


@pytest.fixture
def switch(house: House) -> Switch:
    """One that takes what we ask."""
    return house.switch()


def looks(house: House, process: int = 0, times: int = 1) -> None:
    """The ledger is looked at, and switches have answered what they were asked then."""
    for _ in range(times):
        back = house.processes[process].back
        unanswered = back.asked.total() - back.answered.total()
        house.run(back.look())
        until = partial(_has_answered, back, unanswered)
        house.until(until, "the switch has answered")


def _has_answered(back: CallingBack, unanswered: int) -> bool:
    return back.asked.total() - back.answered.total() <= unanswered


def short(switch: Switch, session: str = "switch.test;1", **usual: object) -> Call:
    """A call with its last grant."""
    call = switch.call(session, **usual)
    assert call.initial(60).endswith("s, then terminate")
    return call


# --- re-authorisation -------------------------------------------------------------------------------


@pytest.mark.parametrize("process", [0, 1])
def test_a_call_with_its_last_grant_comes_back_when_there_is_money(database: str, process: int) -> None:
    """Whichever process the money came in by; it is asked once."""
    with closing(House(database, WILLING, processes=2)) as house:
        house.open(money=40 * A_SECOND)
        switch = house.switch()
        call = short(switch)
        looks(house, times=3)
        assert switch.heard(RAR) == []
        house.fund("contoso", 20 * A_SECOND, desk=process)
        looks(house, times=3)
        assert switch.heard(RAR) == ["switch.test;1"]
        assert call.update(used=5, asks=55) == "2001 55 s"
        looks(house, times=3)
        assert switch.heard(RAR) == ["switch.test;1"]
        assert house.processes[0].back.asked == {"re_auth": 1}
        assert house.processes[0].back.answered == {(RAR, 2002): 1}


def test_what_the_request_says(house: House, switch: Switch) -> None:
    """For whom it is, from whom, and that the client shall ask again (RFC 6733 8.3.1)."""
    short(switch)
    house.fund("contoso", A_SECOND)
    looks(house)
    (asked,) = switch.line.heard
    assert (asked.command, asked.application, asked.flags) == (258, 4, 0xC0)
    told = [(code, payload) for code, _, _, payload in asked.avps]
    assert told == [
        (Avp.SESSION_ID, b"switch.test;1"),
        (Avp.ORIGIN_HOST, b"ocs.test"),
        (Avp.ORIGIN_REALM, b"test"),
        (Avp.DESTINATION_REALM, b"test"),
        (Avp.DESTINATION_HOST, b"switch.test"),
        (Avp.AUTH_APPLICATION_ID, (4).to_bytes(4, "big")),
        (Avp.RE_AUTH_REQUEST_TYPE, bytes(4)),
    ]


def test_only_calls_with_their_last_grant_of_who_got_money(house: House, switch: Switch) -> None:
    house.fund("fabrikam", 100 * A_SECOND)
    enough = switch.call("switch.test;enough")
    assert enough.initial(10) == "2001 10 s"
    other = switch.call("switch.test;other", who=CAT)
    assert other.initial(30) == "2001 30 s"
    short(switch, "switch.test;a")
    looks(house)
    house.fund("fabrikam", 100 * A_SECOND)
    looks(house)
    assert switch.heard(RAR) == []
    house.fund("contoso", 100 * A_SECOND)
    looks(house)
    assert switch.heard(RAR) == ["switch.test;a"]


def test_both_calls_of_a_tenant_come_back(house: House, switch: Switch) -> None:
    first = switch.call("switch.test;a")
    assert first.initial(30) == "2001 30 s"
    short(switch, "switch.test;b", who=BOB)
    assert first.update(30, 30) == "4012"
    house.fund("contoso", 5 * A_SECOND)
    looks(house)
    assert switch.heard(RAR) == ["switch.test;b"]


def test_dust_wakes_nobody_again_and_again(house: House, switch: Switch) -> None:
    """What does not pay for a second is told once at most, until there is more of it."""
    house.fund("contoso", A_SECOND // 2)
    call = short(switch)
    for _ in range(5):
        looks(house)
        call.update(used=0, asks=60)
    assert len(switch.heard(RAR)) <= 1
    before = len(switch.heard(RAR))
    house.fund("contoso", A_SECOND)
    looks(house, times=3)
    assert len(switch.heard(RAR)) == before + 1


def test_money_that_was_spent_meanwhile_wakes_nobody(house: House, switch: Switch) -> None:
    short(switch)
    house.fund("contoso", 10 * A_SECOND)
    house.take_back("contoso", 10 * A_SECOND)
    looks(house)
    assert switch.heard(RAR) == []


def test_a_client_behind_a_relay_is_asked_over_the_relay(house: House) -> None:
    relay = house.switch("relay.test")
    short(relay, origin_host="far.test")
    house.fund("contoso", A_SECOND)
    looks(house)
    assert relay.heard(RAR) == ["switch.test;1"]
    assert relay.line.heard[0].only(Avp.DESTINATION_HOST) == b"far.test"


def test_peers_that_do_not_take_it_are_never_asked(house: House) -> None:
    plain = house.switch("plain.test")
    call = short(plain)
    house.fund("contoso", 10 * A_SECOND)
    house.do(Close("contoso", "switch.test;1", house.desks[0].rules, "a person", None))
    looks(house, times=2)
    assert plain.line.heard == []
    assert call.terminate(used=3) == "2001"


def test_a_peer_that_is_gone_is_not_asked(house: House, switch: Switch) -> None:
    short(switch)
    house.run(switch.line.hang_up())
    house.let(0.05)
    house.fund("contoso", A_SECOND)
    house.run(house.processes[0].back.look())
    assert not house.processes[0].back.asked


@pytest.mark.parametrize(("result", "known"), [(2001, 1), (2002, 1), (5002, 0), (5012, 1)])
def test_a_session_that_the_switch_does_not_know_is_forgotten(
    house: House, switch: Switch, result: int, known: int
) -> None:
    switch.line.says[RAR] = result
    call = short(switch)
    house.fund("contoso", 10 * A_SECOND)
    looks(house)
    assert len(house.processes[0].sessions) == known
    assert house.processes[0].back.answered == {(RAR, result): 1}
    assert call.update(used=5, asks=10) == "2001 35 s"


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (avp(Avp.RESULT_CODE, b"\1"),),
        (avp_u32(Avp.RESULT_CODE, 5002), avp(Avp.SESSION_ID, b"\xff")),
        (b"\0\0\1\x0c\x40\0\0\1",),
    ],
    ids=["empty", "short", "no text", "no end"],
)
def test_an_answer_that_cannot_be_read_is_passed_over(
    house: House, switch: Switch, parts: tuple[bytes, ...], caplog: pytest.LogCaptureFixture
) -> None:
    short(switch)
    told = answer(read_message(request(RAR, 4, 1, 1)), *parts)
    house.processes[0].back.take_answer(read_message(told))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert len(house.processes[0].sessions) == 1


# --- abort ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("process", [0, 1])
def test_a_call_that_a_person_ends_is_ended_at_the_switch(database: str, process: int) -> None:
    with closing(House(database, WILLING, processes=2)) as house:
        house.open(money=40 * A_SECOND)
        switch = house.switch()
        call, other = switch.call("switch.test;1"), switch.call("switch.test;2")
        assert call.initial(20) == "2001 20 s"
        assert other.initial(20) == "2001 20 s"
        assert call.update(used=5, asks=None) == "2001"
        looks(house)
        assert switch.heard(ASR) == []
        house.do(Close("contoso", "switch.test;1", house.desks[0].rules, "a person", None), process)
        looks(house, times=2)
        assert switch.heard(ASR) == ["switch.test;1"]
        assert house.processes[0].back.answered == {(ASR, 2001): 1}
        assert len(house.processes[0].sessions) == 1
        assert call.terminate(used=2) == "2001"
        assert other.terminate(used=20) == "2001"
        assert house.left_s() == 40 - 27
        house.check()


def test_a_call_that_fell_silent_is_ended_at_the_switch(house: House, switch: Switch) -> None:
    """Should it speak up after all, it is charged for what it then says."""
    call = switch.call()
    assert call.initial(20) == "2001 20 s"
    assert call.update(used=10, asks=20) == "2001 20 s"
    house.now_us += 81 * 1_000_000
    assert house.look_round() == 1
    looks(house, times=2)
    assert switch.heard(ASR) == ["switch.test;1"]
    assert call.terminate(used=20) == "2001"
    assert house.left_s() == 10


def test_a_long_session_id_is_told_as_it_is(house: House, switch: Switch) -> None:
    long = "switch.test;" + "7" * 300
    assert switch.call(long).initial(20) == "2001 20 s"
    ((call_id,),) = house.rows("select call_id from sessions")
    house.do(Close("contoso", call_id, house.desks[0].rules, "a person", None))
    looks(house)
    assert switch.heard(ASR) == [long]


@pytest.mark.parametrize("wrong", ["nobody", "suspended", "full"])
def test_an_emergency_call_is_never_ended(sqlite_database: str, wrong: str) -> None:
    """Not even one of which the ledger knows nothing."""
    with closing(House(sqlite_database, WILLING)) as house:
        if wrong != "nobody":
            house.open(replace(CONTOSO, status=SUSPENDED if wrong == "suspended" else CONTOSO.status))
        if wrong == "full":
            house.desks[0].engine._max_queue = 0
        switch = house.switch()
        call = switch.call(to="911")
        assert call.initial(30).startswith("2001")
        house.desks[0].engine._max_queue = 4_096
        house.now_us += 3_600 * 1_000_000
        house.look_round()
        looks(house, times=2)
        assert switch.line.heard == []
        assert call.update(used=30, asks=30).startswith("2001")


# --- looking again and again ------------------------------------------------------------------------


class OddBooks:
    """A ledger that is away, then broken, then there."""

    def __init__(self) -> None:
        self.faults: list[Exception] = [StoreAway("the store is away"), OSError("disk")]
        self.asked = 0

    def available(self, tenants: Collection[str]) -> Mapping[str, int]:
        """Nobody has anything."""
        raise NotImplementedError(tenants)

    def not_open(self, tenant: str, call_ids: Sequence[str]) -> Collection[str]:
        """All are over."""
        assert tenant == "contoso"
        if self.faults:
            raise self.faults.pop(0)
        self.asked += 1
        return list(call_ids)


def test_a_ledger_that_is_away_is_looked_at_again(
    house: House, switch: Switch, caplog: pytest.LogCaptureFixture
) -> None:
    call = switch.call()
    assert call.initial(20) == "2001 20 s"
    process, books = house.processes[0], OddBooks()
    back = CallingBack(
        process.door, house.settings, process.sessions, books, is_urgent=lambda _: False, round_s=0.01
    )

    async def kept() -> None:
        keeping = asyncio.ensure_future(back.keep())
        while not back.asked:
            await asyncio.sleep(0.01)
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping

    house.run(kept())
    assert back.asked == {"abort_session": 1}
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
    assert call.terminate(used=0) == "2001"


def test_where_nobody_takes_it_nobody_looks(house: House) -> None:
    back = CallingBack(house.processes[0].door, settings(), Sessions(), OddBooks(), is_urgent=lambda _: False)
    house.run(back.keep())


def test_sessions_in_memory_are_bounded(house: House, switch: Switch) -> None:
    """The one that was silent for longest is forgotten; the ledger knows it still."""
    house.processes[0].sessions._most = 3
    calls = [switch.call(f"switch.test;{number}") for number in range(4)]
    for call in calls[:3]:
        assert call.initial(5) == "2001 5 s"
    assert calls[0].update(5, 5) == "2001 5 s"
    assert calls[3].initial(5) == "2001 5 s"
    assert [known.session_id for known in house.processes[0].sessions] == [
        "switch.test;2",
        "switch.test;0",
        "switch.test;3",
    ]
    for call in calls:
        assert call.terminate(5, who=None, calling=None) == "2001"
    assert len(house.processes[0].sessions) == 0
    assert house.left_s() == 40 - 25
