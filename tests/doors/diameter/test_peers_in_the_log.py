"""What an operator reads of peers: who came, who is gone and why, who is refused, and not too often."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from talktime.doors.diameter.calling_back import CallingBack
from talktime.doors.diameter.seldom import EVERY_S, MOST_KEYS, Seldom
from talktime.doors.diameter.wire.avps import avp_u32
from talktime.doors.diameter.wire.codes import Avp, Command
from talktime.ledger.store import StoreAway
from tests.databases import sqlite_database
from tests.doors.diameter.house import House, peer, settings

__all__ = ["sqlite_database"]  # a fixture

DOOR = "talktime.doors.diameter"


@pytest.fixture
def house(sqlite_database: str, caplog: pytest.LogCaptureFixture) -> Iterator[House]:
    """A door that knows switch.test, whose log is read from its first line."""
    caplog.set_level(logging.INFO, DOOR)
    with closing(House(sqlite_database)) as house:
        yield house


def test_a_peer_comes_and_says_goodbye(house: House, caplog: pytest.LogCaptureFixture) -> None:
    switch = house.switch()
    switch.base(Command.DISCONNECT_PEER, avp_u32(Avp.DISCONNECT_CAUSE, 0))
    house.run(switch.line.hang_up())
    house.until(lambda: not house.processes[0].door.open_peers, "the peer is gone")
    came, gone = caplog.messages
    assert came.startswith("peer switch.test (")
    assert came.endswith("is connected from 127.0.0.1")
    assert gone == "peer switch.test is gone: goodbye was said"


def test_a_peer_breaks_off(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.run(house.switch().line.hang_up())
    house.until(lambda: not house.processes[0].door.open_peers, "the peer is gone")
    assert caplog.messages[1:] == ["peer switch.test is gone: its connection broke off"]


def test_a_stranger_that_tries_again_and_again_is_counted_and_named_once(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    for host in ("one.test", "two.test", "two.test"):
        stranger = house.stranger(host)
        assert stranger.hello().result == 3010
        assert stranger.is_hung_up_on()
    assert house.processes[0].door.refused == {3010: 3}
    assert caplog.messages == [
        "peer 'one.test' at 127.0.0.1 is refused (3010): the settings name no such peer"
    ]


def test_who_speaks_no_diameter_is_named_once(house: House, caplog: pytest.LogCaptureFixture) -> None:
    for rubbish in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"SSH-2.0-OpenSSH_9.2p1\r\n"):
        stranger = house.stranger()
        stranger.line.writer.write(rubbish)
        assert stranger.is_hung_up_on()
    (told,) = caplog.messages
    assert told.startswith("a connection from 127.0.0.1 is closed: version 71 of Diameter")


def test_the_same_is_said_once_a_minute_with_how_often_it_came(caplog: pytest.LogCaptureFixture) -> None:
    times_s = iter([0.0, 1.0, 2.0, EVERY_S - 1, EVERY_S, 3 * EVERY_S])
    seldom = Seldom(logging.getLogger(DOOR), lambda: next(times_s))
    for key in "abaaaa":
        seldom.warn(key, f"{key} came")
    assert caplog.messages == [
        "a came",
        "b came",
        "a came (and 2 times more in the last minutes)",
        "a came",
    ]


def test_what_is_told_apart_is_bounded() -> None:
    seldom = Seldom(logging.getLogger(DOOR), lambda: 0.0)
    for key in range(2 * MOST_KEYS):
        seldom.warn(key, "it came")
    assert len(seldom._said) == MOST_KEYS


def test_a_ledger_that_stays_away_is_said_once(house: House, caplog: pytest.LogCaptureFixture) -> None:
    process = house.processes[0]
    told = settings(peer(takes_abort=True))
    back = CallingBack(
        process.door,
        told,
        process.sessions,
        None,  # type: ignore[arg-type]  # it is not asked: the look itself fails
        is_urgent=lambda _: False,
        round_s=0.001,
    )
    looks: Iterator[BaseException | None] = iter([*[StoreAway("no answer")] * 3, None, None])

    async def look() -> None:
        error = next(looks, asyncio.CancelledError())
        if error is not None:
            raise error

    back.look = look  # type: ignore[method-assign]

    async def kept() -> None:
        with suppress(asyncio.CancelledError):
            await back.keep()

    house.run(kept())
    assert caplog.messages == ["nobody is called back: no answer", "switches are called back again"]
