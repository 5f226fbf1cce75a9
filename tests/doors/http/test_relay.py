"""Fronts and the engine behind a socket: frames in any pieces, the same answers, an engine that goes away."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.catalog.load import load_catalogue
from talktime.doors.http.app import FrontApp, LiveApp
from talktime.doors.http.doorkeeper import MAX_BODY_BYTES, MAX_DECK_BYTES, Doorkeeper
from talktime.doors.http.frames import MAX_FRAME, Frames, Item
from talktime.doors.http.live_routes import LiveRoutes
from talktime.doors.http.relay import EngineHost, Relay
from talktime.live.facts import Classifier
from talktime.live.operations import Pace
from tests.databases import fresh_sqlite, sqlite_database
from tests.doors.http.houses import client_of
from tests.doors.http.live_houses import BATCH, EMERGENCY, SEATTLE, Fronted, Live, body, got, item, open_live

__all__ = ["sqlite_database"]  # a fixture

LOT = {"amount": "60", "currency": "USD", "reference": "pay-1"}

# --- frames ---------------------------------------------------------------------------------------------


class Pipe:
    """Stands for a transport: keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True


def an_end(taken: list[Item]) -> tuple[Frames, Pipe]:
    frames, pipe = Frames(lambda _, items: taken.extend(items), lambda _: None), Pipe()
    frames.connection_made(cast("asyncio.BaseTransport", pipe))
    return frames, pipe


ITEMS = st.lists(
    st.tuples(st.integers(0, 2**53), st.one_of(st.text(max_size=20), st.binary(max_size=300), st.none())),
    min_size=1,
    max_size=8,
)


@given(turns=st.lists(ITEMS, min_size=1, max_size=5), data=st.data())
def test_frames_arrive_whole_however_they_are_cut(turns: list[list[Item]], data: st.DataObject) -> None:
    async def run() -> None:
        taken: list[Item] = []
        sender, wire = an_end([])
        for items in turns:
            for one in items:
                sender.say(one)
            await asyncio.sleep(0)  # what is said in one turn is one frame
        receiver, _ = an_end(taken)
        sent = wire.written
        cuts = sorted(data.draw(st.sets(st.integers(0, len(sent)), max_size=12)))
        for begin, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
            receiver.data_received(sent[begin:end])
        assert taken == [one for items in turns for one in items]

    asyncio.run(run())


def test_a_frame_may_come_byte_by_byte() -> None:
    async def run() -> None:
        taken: list[Item] = []
        sender, wire = an_end([])
        sender.say((1, "first"))
        sender.say((2, "second"))
        await asyncio.sleep(0)
        assert wire.written.count(b"second") == 1
        receiver, _ = an_end(taken)
        for byte in wire.written:
            assert len(taken) == 0
            receiver.data_received(bytes([byte]))
        assert taken == [(1, "first"), (2, "second")]

    asyncio.run(run())


def test_a_frame_that_is_too_long_ends_the_connection() -> None:
    async def run() -> None:
        taken: list[Item] = []
        receiver, pipe = an_end(taken)
        head = (MAX_FRAME + 1).to_bytes(4)
        receiver.data_received(head[:3])
        assert not pipe.closed
        receiver.data_received(head[3:])
        assert pipe.closed
        assert taken == []

    asyncio.run(run())


def test_a_frame_that_is_no_message_ends_the_connection_of_its_sender() -> None:
    async def run() -> None:
        receiver, pipe = an_end([])
        receiver.data_received((3).to_bytes(4) + b"\xc1\xc1\xc1")
        assert pipe.closed

    asyncio.run(run())


# --- engine and front -----------------------------------------------------------------------------------


@dataclass
class Pair:
    """An engine behind a socket and a front before it, on one loop."""

    live: Live
    host: EngineHost
    relay: Relay
    front: FrontApp
    client: httpx.AsyncClient
    socket: Path

    async def ask(self, op: str, call_id: str = "c1", **fields: Any) -> httpx.Response:
        return await self.client.post(f"/v1/calls/{call_id}/{op}", json=body(op, **fields))

    async def connected(self) -> None:
        async with asyncio.timeout(20):
            while self.relay._frames is None:
                await asyncio.sleep(0.01)

    async def engine_goes(self) -> None:
        """As where its process dies: the connections end at once."""
        await self.host.close(0)
        async with asyncio.timeout(20):
            while self.relay._frames is not None:
                await asyncio.sleep(0.001)

    async def engine_comes(self) -> None:
        """A new process listens in the same place."""
        self.host = EngineHost(self.live.desk, self.live.answering, _behind(self.live))
        await self.host.listen(self.socket)
        await self.connected()


def _behind(live: Live) -> LiveApp:
    return LiveApp(live.desk, None, live.metrics, live.management)


@pytest.fixture
def socket() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tt-") as folder:  # its name has to be short
        yield Path(folder) / "engine"


@asynccontextmanager
async def open_pair(database: str, socket: Path, **how: Any) -> AsyncIterator[Pair]:
    async with open_live(database, **how) as live:
        host = EngineHost(live.desk, live.answering, _behind(live))
        await host.listen(socket)
        relay = Relay(socket, Classifier(load_catalogue()), Pace(), live.clock)
        front = FrontApp(LiveRoutes(relay, live.keyring), relay, Doorkeeper(relay.forward, live.keyring), ())
        keeper = asyncio.ensure_future(relay.keep_connected())
        async with client_of(front, live.key) as client:
            pair = Pair(live, host, relay, front, client, socket)
            await pair.connected()
            try:
                yield pair
            finally:
                keeper.cancel()
                await pair.host.close(0)


def told(story: Callable[[Pair], Awaitable[None]], database: str, socket: Path, **how: Any) -> None:
    async def run() -> None:
        async with open_pair(database, socket, **how) as pair:
            await story(pair)

    asyncio.run(run())


REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("start", "c1", {}),
    ("start", "c1", {}),
    ("start", "c1", {"callee": SEATTLE}),
    ("start", "c2", {"callee": SEATTLE}),
    ("start", "c3", {"user": "nobody@contoso.example"}),
    ("start", "c4", {"tenant": "nobody"}),
    ("start", "c5", EMERGENCY),
    ("start", "c6", {"started_at": "2026-03-01T11:59:00Z", "requested_seconds": 60}),
    ("extend", "c1", {}),
    ("extend", "c9", {}),
    ("extend", "c1", {"sequence": 2, "used_seconds": 86_401}),
    ("end", "c1", {"sequence": 3}),
    ("end", "c1", {"sequence": 3}),
    ("cancel", "c2", {}),
    ("end", "c6", {"answered_at": "2026-03-01T11:59:10Z", "ended_at": "2026-03-01T12:00:00Z"}),
    ("start", "ü/ ü", {}),
    ("start", "c7", {"sequence": -1}),
]


def test_answers_are_those_of_the_desk_itself(sqlite_database: str, socket: Path, tmp_path: Path) -> None:
    direct: list[tuple[int, bytes]] = []
    relayed: list[tuple[int, bytes]] = []

    async def story(pair: Pair) -> None:
        for op, call_id, fields in REQUESTS:
            answer = await pair.ask(op, call_id, **fields)
            relayed.append((answer.status_code, answer.content))
        items = [item(op, f"b{call_id}", **fields) for op, call_id, fields in REQUESTS]
        answer = await pair.client.post(BATCH, json=items)
        relayed.append((answer.status_code, answer.content))

    async def plain() -> None:
        async with open_live(fresh_sqlite(tmp_path)) as live:
            for op, call_id, fields in REQUESTS:
                answer = await live.ask(op, call_id, **fields)
                direct.append((answer.status_code, answer.content))
            items = [item(op, f"b{call_id}", **fields) for op, call_id, fields in REQUESTS]
            answer = await live.client.post(BATCH, json=items)
            direct.append((answer.status_code, answer.content))

    told(story, sqlite_database, socket)
    asyncio.run(plain())
    assert relayed == direct
    assert {200, 400, 404, 409, 422} <= {status for status, _ in direct}


def test_an_engine_that_goes_away_leaves_an_unknown_outcome_and_a_repeat_finds_the_answer(
    sqlite_database: str, socket: Path
) -> None:
    async def story(pair: Pair) -> None:
        store = pair.live.desk.engine.store
        assert isinstance(store, Fronted)
        assert (await pair.ask("start")).status_code == 200
        store.gate = asyncio.Event()
        try:
            ending = asyncio.ensure_future(pair.ask("end"))
            emergency = asyncio.ensure_future(pair.ask("start", "e", **EMERGENCY))
            listing = asyncio.ensure_future(pair.client.post("/v1/tenants/contoso/lots", json=LOT))
            async with asyncio.timeout(20):
                while not store.held or len(pair.relay._pending) < 3:
                    await asyncio.sleep(0.001)
            await pair.engine_goes()
            assert (await got(ending, 503))["code"] == "unknown_outcome"
            assert (await got(listing, 503))["code"] == "unknown_outcome"
            assert (await got(emergency))["decision"] == "allow"
            # Nobody is there at all now.
            assert (await got(pair.ask("end"), 503))["code"] == "engine_away"
            assert (await got(pair.client.get("/v1/tenants"), 503))["code"] == "engine_away"
            assert (await got(pair.client.get("/readyz"), 503))["code"] == "engine_away"
            assert (await got(pair.ask("start", "e2", **EMERGENCY)))["decision"] == "allow"
            assert (await got(pair.client.get("/healthz"))) == {"status": "ok"}
        finally:
            store.gate.set()
        await pair.engine_comes()
        settled = await got(pair.ask("end"))
        assert settled["amount"] == "0.012"
        assert await got(pair.ask("end")) == settled
        assert len(pair.live.written()["charges"]) == 1

    told(story, sqlite_database, socket, store=Fronted)


def test_whole_requests_are_forwarded(sqlite_database: str, socket: Path) -> None:
    async def story(pair: Pair) -> None:
        for path in (
            "/v1/tenants",
            "/v1/tenants/contoso",
            "/v1/tenants/contoso/credits",
            "/readyz",
            "/openapi.json",
        ):
            through, direct = await pair.client.get(path), await pair.live.client.get(path)
            assert (through.status_code, through.content) == (direct.status_code, direct.content)
            assert through.headers["content-type"] == direct.headers["content-type"]
        assert "talktime_open_sessions" in (await pair.client.get("/metrics")).text
        lists = await got(pair.client.get("/v1/tenants", params={"limit": "0"}), 400)
        assert lists["code"] == "malformed"  # so the query came along
        lot = await got(pair.client.post("/v1/tenants/contoso/lots", json=LOT), 201)
        assert lot["amount"] == "60"
        assert (await pair.client.get("/nothing")).status_code == 404
        assert (await pair.client.delete("/v1/tenants")).status_code == 405

    told(story, sqlite_database, socket)


def test_large_bodies_go_through_and_larger_ones_do_not(sqlite_database: str, socket: Path) -> None:
    async def story(pair: Pair) -> None:
        rows = "".join(f"{number},0.01\n" for number in range(200_000, 500_000))
        answer = await pair.client.post("/v1/decks", json={"csv": "prefix,price\n" + rows})
        direct = await pair.live.client.post("/v1/decks", json={"csv": "prefix,price\n" + rows})
        assert (answer.status_code, answer.content) == (direct.status_code, direct.content)

        async def endless(size: int) -> AsyncIterator[bytes]:
            for _ in range(size // 65_536 + 1):
                yield b" " * 65_536

        for path, limit in (("/v1/tenants", MAX_BODY_BYTES), ("/v1/decks", MAX_DECK_BYTES), ("/metrics", 1)):
            problem = await got(pair.client.post(path, content=endless(limit)), 413)
            assert problem["code"] == "too_large"

    told(story, sqlite_database, socket)


def test_nobody_without_a_key_is_listened_to(sqlite_database: str, socket: Path) -> None:
    async def run(pair: Pair) -> None:
        scope = {"type": "http", "method": "POST", "path": "/v1/tenants", "query_string": b"", "headers": []}
        sent: list[Any] = []

        async def receive() -> Any:
            raise AssertionError("the body was read")

        async def send(message: Any) -> None:
            sent.append(message)

        await pair.front(scope, receive, send)
        assert sent[0]["status"] == 401

    told(run, sqlite_database, socket)


def test_more_than_can_wait_is_told_to_come_again(
    sqlite_database: str, socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talktime.doors.http.relay.MAX_PENDING", 2)

    async def story(pair: Pair) -> None:
        items = [item("start", f"c{number}") for number in range(4)]
        answers = (await pair.client.post(BATCH, json=items)).json()
        assert [each["status"] for each in answers] == [200, 200, 503, 503]
        assert answers[3]["code"] == "queue_full"

    told(story, sqlite_database, socket)


def test_an_emergency_call_passes_a_front_with_the_key_of_another_tenant(
    sqlite_database: str, socket: Path
) -> None:
    async def story(pair: Pair) -> None:
        before = pair.live.written()
        _, key = pair.live.keyring.keys.create("test", ["fabrikam"], ["live"], pair.live.clock())
        pair.live.keyring.refresh()
        async with client_of(pair.front, key) as stranger:
            for path, fields, status in (("e", EMERGENCY, 200), ("x", {}, 404)):
                asked = body("start", **fields)
                await got(stranger.post(f"/v1/calls/{path}/start", json=asked), status)
        assert pair.live.written() == before

    told(story, sqlite_database, socket)


def test_messages_of_the_pair_are_plain_lists() -> None:
    """Both ends may be of different releases for a moment: what is said holds no class of ours."""
    encoded = msgspec.msgpack.encode([(1, 0, ("contoso", "c1"))])
    assert msgspec.msgpack.decode(encoded) == [[1, 0, ["contoso", "c1"]]]
