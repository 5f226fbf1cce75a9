"""Who is let in, how many, for how long: connections of peers and strangers, and the end of all."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from contextlib import closing

import pytest

from talktime.doors.diameter import door as door_module
from talktime.doors.diameter.settings import PeerSettings
from talktime.doors.diameter.wire.avps import avp_u32
from talktime.doors.diameter.wire.codes import Avp, Command
from tests.databases import sqlite_database
from tests.doors.diameter.house import A_SECOND, House, peer, settings
from tests.doors.diameter.switch import Credit, Service, Switch, answer_of
from tests.doors.diameter.wire import by_hand
from tests.doors.http.live_houses import Fronted

__all__ = ["sqlite_database"]  # a fixture


@pytest.fixture
def house(sqlite_database: str) -> Iterator[House]:
    """A door that knows switch.test and second.test, in front of contoso with money for 100 s."""
    with closing(House(sqlite_database, settings(peer(), peer("second.test")))) as house:
        house.open(money=100 * A_SECOND)
        yield house
        house.check()


def gated(house: House) -> Fronted:
    """From now on nothing becomes durable before `gate` is set."""
    engine = house.desks[0].engine
    fronted = Fronted(engine.store)
    fronted.gate = asyncio.Event()
    engine.store = fronted  # what is not held up is passed on
    return fronted


# --- who is let in ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "host", "realm", "result"),
    [
        (peer(), "switch.test", "test", 2001),
        (peer(), "SWITCH.Test", "TEST", 2001),
        (peer(), "stranger.test", "test", 3010),
        (peer(), "switch.test", "elsewhere", 3010),
        (peer(addresses=()), "switch.test", "test", 2001),
        (peer(addresses=("192.0.2.0/24",)), "switch.test", "test", 3010),
        (peer(addresses=("192.0.2.0/24", "127.0.0.1/32")), "switch.test", "test", 2001),
        (peer(addresses=("127.0.0.2/32",)), "switch.test", "test", 3010),
        (peer(addresses=("::1/128", "fd00::/8")), "switch.test", "test", 3010),
        (peer(tls=True), "switch.test", "test", 5017),
    ],
)
def test_who_is_let_in(
    sqlite_database: str,
    known: PeerSettings,
    host: str,
    realm: str,
    result: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By name, realm and address; who is not is told so, hung up on, and named in the log."""
    with closing(House(sqlite_database, settings(known))) as house:
        house.open(money=A_SECOND)
        switch = house.stranger(host, realm=realm)
        answer = switch.hello()
        assert answer.result == result
        assert answer.is_error == (result == 3010)
        warned = [record for record in caplog.records if record.levelname == "WARNING"]
        if result == 2001:
            assert switch.call(origin_host="switch.test", origin_realm="test").initial(1) == "2001 1 s"
            assert not warned
        else:
            assert switch.is_hung_up_on()
            assert len(warned) == 1
            assert host in warned[0].getMessage()


def test_who_does_not_say_hello_first_is_hung_up_on(house: House) -> None:
    switch = house.stranger()
    with pytest.raises(ConnectionError):
        switch.asks(Credit(session="switch.test;1"))
    assert house.rows("select * from sessions") == []


def test_who_says_no_hello_in_time_is_hung_up_on(house: House) -> None:
    switch = house.stranger()
    house.until(lambda: len(house.processes[0].door._connections) == 1, "it is connected")
    (connection,) = house.processes[0].door._connections
    connection.link._due_s = 0.0
    assert switch.is_hung_up_on()


def test_a_silent_peer_is_asked_for_a_sign_of_life(house: House) -> None:
    switch = house.switch()
    (connection,) = house.processes[0].door._connections
    for _ in range(3):
        connection.link._due_s = 0.0
        asked = len(switch.line.heard)
        house.until(lambda: len(switch.line.heard) > asked, "it is asked")  # noqa: B023
        house.let(0.02)
    assert {seen.command for seen in switch.line.heard} == {Command.DEVICE_WATCHDOG}
    assert switch.call().initial(5) == "2001 5 s"


def test_rubbish_closes_the_connection_that_it_came_by(house: House) -> None:
    rude, good = house.switch("second.test"), house.switch()

    async def rubbish() -> None:
        rude.line.writer.write(b"GET / HTTP/1.1\r\nHost: ocs.test\r\n\r\n")

    house.run(rubbish())
    assert rude.is_hung_up_on()
    assert good.call().initial(5) == "2001 5 s"


def test_there_are_not_too_many_connections(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(door_module, "MAX_LINKS", 2)
    first, second = house.switch(), house.switch("second.test")
    third = house.stranger()
    assert third.is_hung_up_on()
    assert ["2 connections" in record.getMessage() for record in caplog.records] == [True]
    house.run(first.line.hang_up())
    house.let(0.05)
    assert house.switch().call().initial(5) == "2001 5 s"
    assert second.call("second.test;1").initial(5) == "2001 5 s"


# --- a peer that comes again ------------------------------------------------------------------------


def test_the_newer_connection_of_a_peer_replaces_the_older(house: House) -> None:
    """What waits for its answer on the older one is charged; the client repeats it and is answered."""
    older = house.switch()
    call = older.call()
    assert call.initial(30) == "2001 30 s"
    fronted = gated(house)
    ending = call.written(kind=3, services=(Service(None, 20),))

    async def sent() -> None:
        answer = older.line.send(ending)
        while not fronted.held:
            await asyncio.sleep(0.01)
        answer.cancel()

    house.run(sent())
    newer = house.switch()
    assert older.is_hung_up_on()
    assert house.processes[0].door.open_peers == 1
    assert fronted.gate is not None
    fronted.gate.set()
    assert newer.asks(ending).words == "2001"
    assert house.charged_s() == 20


def test_a_peer_that_left_may_come_again(house: House) -> None:
    switch = house.switch()
    assert switch.base(Command.DISCONNECT_PEER, avp_u32(Avp.DISCONNECT_CAUSE, 0)).result == 2001
    house.run(switch.line.hang_up())
    house.until(lambda: house.processes[0].door.open_peers == 0, "it is gone")
    assert house.switch().call().initial(5) == "2001 5 s"


# --- back-pressure ----------------------------------------------------------------------------------


def test_who_asks_faster_than_we_answer_waits(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is beyond so many unanswered requests waits in the socket; all are answered in the end."""
    monkeypatch.setattr(door_module, "MAX_UNANSWERED", 4)
    switch, fronted = house.switch(), gated(house)
    (connection,) = house.processes[0].door._connections
    assert fronted.gate is not None
    calls = [switch.written(Credit(session=f"switch.test;{n}", services=(Service(2),))) for n in range(20)]

    async def sent() -> list[bytes]:
        answers = []
        for call in calls:
            answers.append(switch.line.send(call))
            await asyncio.sleep(0.005)
        waiting = connection._unanswered
        assert waiting == 4
        assert fronted.gate is not None
        fronted.gate.set()
        return await asyncio.gather(*answers)

    assert [answer_of(answer).words for answer in house.run(sent())] == ["2001 2 s"] * 20
    assert not connection.is_busy


def test_who_does_not_take_answers_is_read_no_more(house: House) -> None:
    """However often what waits for its answer falls below the bound, until it reads again."""
    switch = house.switch()
    (connection,) = house.processes[0].door._connections
    before = house.processes[0].charging.counted.total()
    asked = [switch.written(Credit(session="s", realm="elsewhere")) for _ in range(5)]

    async def sent() -> list[bytes]:
        connection.pause_writing()
        answers = [switch.line.send(each) for each in asked]
        connection._unanswered = door_module.MAX_UNANSWERED // 2 + 1
        connection.reply(by_hand.answer_to(by_hand.dwr()))
        connection._unanswered = 0
        await asyncio.sleep(0.05)
        assert house.processes[0].charging.counted.total() == before
        connection.resume_writing()
        return await asyncio.gather(*answers)

    assert {answer_of(answer).result for answer in house.run(sent())} == {3003}


def test_a_peer_that_never_reads_costs_us_no_memory(house: House) -> None:
    """It is read no more when its answers do not leave; others are answered meanwhile."""
    rude, good = house.switch("second.test"), house.switch()
    rude.line._reading.cancel()
    (connection,) = [
        each for each in house.processes[0].door._connections if each.peer and each.peer.host == "second.test"
    ]
    asked = rude.written(Credit(session="s" * 2_000, realm="elsewhere", origin_host="second.test"))

    async def sent() -> None:
        transport = rude.line.writer.transport
        for _ in range(40):
            rude.line.writer.write(asked * 200)
            await asyncio.sleep(0)
            if not connection._reading and transport.get_write_buffer_size() > 1_000_000:
                return
        raise AssertionError("all was read")

    house.run(sent())
    assert connection._transport is not None
    assert connection._transport.get_write_buffer_size() < 2_000_000
    assert good.call().initial(5) == "2001 5 s"
    rude.line.writer.transport.abort()


# --- the end ----------------------------------------------------------------------------------------


def stopped(house: House, switch: Switch, *, parts: bool = True) -> None:
    switch.line.parts = parts
    house.run(house.processes[0].leave())
    house.processes.clear()


def test_peers_are_told_that_we_go(house: House) -> None:
    switch, silent = house.switch(), house.stranger("second.test")
    stopped(house, switch)
    assert [(seen.command, seen.only(Avp.DISCONNECT_CAUSE)) for seen in switch.line.heard] == [
        (Command.DISCONNECT_PEER, struct.pack(">I", 0))
    ]
    assert switch.is_hung_up_on()
    assert silent.is_hung_up_on()


def test_what_is_in_hand_is_answered_before_we_go(house: House) -> None:
    switch, fronted = house.switch(), gated(house)
    door = house.processes[0]

    async def left() -> bytes:
        answer = switch.line.send(switch.written(Credit(session="switch.test;1")))
        while not fronted.held:
            await asyncio.sleep(0.01)
        leaving = asyncio.ensure_future(door.leave())
        await asyncio.sleep(0.1)
        assert switch.line.heard == []
        assert fronted.gate is not None
        fronted.gate.set()
        await leaving
        return await answer

    assert answer_of(house.run(left())).words == "2001 30 s"
    assert [seen.command for seen in switch.line.heard] == [Command.DISCONNECT_PEER]
    house.processes.clear()


def test_a_peer_that_does_not_agree_to_our_leave_does_not_keep_us(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "STOP_S", 0.2)
    switch = house.switch()
    stopped(house, switch, parts=False)
    assert switch.is_hung_up_on()
