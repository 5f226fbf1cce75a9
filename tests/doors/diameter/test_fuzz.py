"""Whatever bytes a peer sends: one answer with the right code or a closed connection, and no more.

Requests begin as good ones and are cut, spliced, repeated and changed; or are rubbish from the start.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from contextlib import closing

import pytest
from diameter.message import Message as IndependentMessage
from hypothesis import given
from hypothesis import strategies as st

from talktime.doors.diameter.wire.codes import REQUEST, Command, Result
from talktime.doors.diameter.wire.message import read_message, request
from tests.databases import sqlite_database
from tests.doors.diameter.house import A_SECOND, ANA, BOB, CAT, CONTOSO, FABRIKAM, House, peer, settings
from tests.doors.diameter.switch import CONTEXT, SLICE, Credit, Service, answer_of
from tests.doors.diameter.wire import by_hand

__all__ = ["sqlite_database"]  # a fixture

KEEPS_ALL = frozenset((5002, 5003, 5004, 5005, 5009, 5012, 5014))
"""After these codes, and all of 3xxx, the ledger is as it was; after others than 2001 no money has moved."""

KNOWN = frozenset(int(result) for result in Result)
SECONDS = st.sampled_from([0, 1, 30, 60, 600, 86_401, 0xFFFFFFFF])

services = st.builds(
    Service,
    st.none() | st.just(SLICE) | SECONDS,
    st.none() | SECONDS | st.tuples(SECONDS, SECONDS),
    st.sampled_from([None, 100, 200]),
    st.sampled_from([None, 1000]),
)
credits = st.builds(
    Credit,
    session=st.sampled_from(["s;1", "s;2", "s;" + "x" * 200, "", "\x00"]),
    kind=st.sampled_from([1, 1, 2, 2, 3, 4, 4, 0, 9, None]),
    number=st.integers(0, 5) | st.just(0xFFFFFFFF) | st.none(),
    services=st.lists(services, max_size=3),
    alone=st.booleans(),
    who=st.sampled_from([ANA, ANA, BOB, CAT, "+49123", "sip:ana@contoso.example", "", None]),
    to=st.sampled_from(["+442079460000", "+31201234567", "911", "urn:service:sos", "\u202e1", None]),
    role=st.sampled_from([0, 0, 1, 7, None]),
    host=st.sampled_from([None, None, "ocs.test", "x"]),
    realm=st.sampled_from(["test", "test", "test", "x", None]),
    context=st.sampled_from([CONTEXT, CONTEXT, None]),
    action=st.sampled_from([None, 0, 1, 2, 3, 4]),
    correlation=st.sampled_from([None, "s;1", ""]),
    event_s=st.sampled_from([None, 0, 1_772_366_400, 2**32 - 1]),
)
bodies = credits.map(lambda credit: b"".join(credit.avps()))


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A body with a few things done to it."""
    body = bytearray(draw(bodies))
    for _ in range(draw(st.integers(1, 4))):
        at, end = sorted((draw(st.integers(0, len(body))), draw(st.integers(0, len(body)))))
        what = draw(st.integers(0, 4))
        if what == 0:
            del body[at:end]
        elif what == 1:
            body[at:at] = draw(st.binary(max_size=12))
        elif what == 2 and at < len(body):
            body[at] ^= 1 << draw(st.integers(0, 7))
        elif what == 3:
            body[at:at] = body[at:end]
        elif what == 4 and len(body) >= 8:
            word = 4 * draw(st.integers(0, len(body) // 4 - 1))
            body[word : word + 4] = struct.pack(">I", draw(st.sampled_from([0, 7, 8, 2**24 - 1, 2**32 - 1])))
    return bytes(body)


rubbish = bodies | broken() | st.binary(max_size=400)
flags = st.sampled_from([0xC0, 0x80, 0xD0])


def opened(database: str) -> House:
    """A door whose memory has room for two sessions, in front of two tenants with little money."""
    house = House(database, settings(peer(), rating_groups=[100]))
    house.open(CONTOSO, FABRIKAM, money=100 * A_SECOND)
    house.processes[0].sessions._most = 2
    return house


def told(house: House, whole: bytes) -> bytes:
    """The one answer to a request that is taken in."""
    answers: list[bytes] = []

    async def taken() -> None:
        house.processes[0].charging.take(read_message(whole), house.settings.peers[0], answers.append)

    house.run(taken())
    house.until(lambda: bool(answers), "there is an answer")
    house.let()
    (answer,) = answers
    return answer


def test_any_request_is_answered_once_and_moves_money_only_where_the_answer_says_so(
    sqlite_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    with closing(opened(sqlite_database)) as house:

        @given(rubbish, flags)
        def asked(body: bytes, bits: int) -> None:
            whole = request(Command.CREDIT_CONTROL, 4, 7, 8, body + bytes(-len(body) % 4), flags=bits)
            before, money = house.written(), house.rows("select * from journal order by tenant, number")

            answer = told(house, whole)
            seen, same = answer_of(answer), IndependentMessage.from_bytes(answer)
            assert answer[5:20] == whole[5:20]
            assert same.header.is_request is False
            assert len(same.avps) == len(by_hand.read(answer).avps)
            assert seen.result in KNOWN
            assert seen.is_error == (3000 <= seen.result < 4000)
            if seen.is_error or seen.result in KEEPS_ALL:
                assert house.written() == before
            elif seen.result != 2001:
                assert house.rows("select * from journal order by tenant, number") == money
            assert len(house.processes[0].sessions) <= 2
            assert not house.processes[0].charging._finding

        asked()
        house.check()
    assert [record.getMessage() for record in caplog.records] == []


frames = st.builds(
    lambda body, bits, command, application, version, more: (
        bytes([version])
        + (20 + len(body) + more & 0xFFFFFF).to_bytes(3, "big")
        + bytes([bits])
        + command.to_bytes(3, "big")
        + struct.pack(">III", application, 7, 8)
        + body
    ),
    rubbish.map(lambda body: body + bytes(-len(body) % 4)),
    st.sampled_from([0xC0, 0x80, 0xD0, 0xE0, 0x40, 0x00]),
    st.sampled_from([272, 272, 272, 257, 258, 274, 280, 282, 999]),
    st.sampled_from([4, 4, 4, 0, 1, 2**32 - 1]),
    st.sampled_from([1, 1, 1, 1, 2]),
    st.sampled_from([0, 0, 0, 0, 4, -4, 1, 2**20]),
)


def test_any_bytes_on_a_connection_leave_the_door_open_for_others(
    sqlite_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What is said back are whole messages; then the connection ends, and another one is served."""
    caplog.set_level(logging.ERROR)
    with closing(opened(sqlite_database)) as house:

        @given(st.booleans(), st.lists(frames, min_size=1, max_size=3))
        def sent(greets: bool, chunks: list[bytes]) -> None:
            async def said() -> bytes:
                reader, writer = await asyncio.open_connection("127.0.0.1", house.port())
                hello = by_hand.cer({264: by_hand.words(264, "switch.test"), 296: by_hand.words(296, "test")})
                writer.write(b"".join([hello, *chunks] if greets else chunks))
                writer.write_eof()
                told = await reader.read()
                writer.close()
                await writer.wait_closed()
                return told

            for whole in by_hand.split(house.run(said())):
                assert whole[4] & REQUEST or by_hand.read(whole).result in KNOWN

        sent()
        house.until(lambda: not house.processes[0].door._connections, "all have gone")
        assert house.switch().asks(Credit(session="switch.test;1", services=(Service(1),))).result in (
            2001,
            4012,
        )
        house.check()
    assert [record.getMessage() for record in caplog.records] == []
