"""Bad requests by the thousand: refused as described, nothing written or kept, nobody else kept waiting."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from random import Random
from typing import Any

import httpx
import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talktime.doors.http.connections import MAX_HEAD, Connection, close_late
from talktime.doors.http.live_routes import MAX_BATCH_BODY, MAX_BODY
from tests.databases import fresh_sqlite
from tests.doors.http.live_houses import BATCH, USUAL, Live, body, item, open_live

DOCUMENTED = {200, 400, 401, 403, 404, 408, 409, 413, 422, 503}
REFUSED = DOCUMENTED - {200}
DEEP = 100_000
HOME = "127.0.0.1"
SLOW_S = 0.5

# --- an application in a thread of its own ---------------------------------------------------------------


class Inside:
    """A furnished application on a loop in another thread."""

    def __init__(self, database: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._opened = open_live(database)
        self.live: Live = self.wait(self._opened.__aenter__())
        self.wait(self.live.ask("start", "open"))
        self.before = self.live.written()

    def wait(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def post(self, path: str, content: bytes, headers: Any = ()) -> httpx.Response:
        answer = self.wait(self.live.client.post(path, content=content, headers=headers))
        assert isinstance(answer, httpx.Response)
        return answer

    def close(self) -> None:
        self.wait(self._opened.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    opened = Inside(fresh_sqlite(tmp_path_factory.mktemp("fuzz")))
    try:
        yield opened
    finally:
        opened.close()


def is_in_order(answer: httpx.Response) -> None:
    """A documented status, and a problem where it is one."""
    assert answer.status_code in DOCUMENTED, answer.text
    if answer.status_code != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code


# --- bodies ---------------------------------------------------------------------------------------------

ODD = [
    "2e0",
    str(2**63),
    str(-(2**63) - 1),
    "1e400",
    "-1e400",
    "NaN",
    "Infinity",
    "1" * 5_000,
    "-0",
    "0.1",
    "true",
    "null",
    "[]",
    "{}",
    '""',
    '"\\u0000"',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"' + "x" * 10_000 + '"',
    "[" * 8_000,
    '{"a":' * 3_000,
    '"\\x41"',
    "'a'",
    "undefined",
    '"9999-12-31T23:59:59Z"',
    '"0001-01-01"',
]


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, bytes]:
    """An operation and a body that was right before something was done to it."""
    op = draw(st.sampled_from(sorted(USUAL)))
    fields = {name: json.dumps(value) for name, value in body(op, sequence=draw(st.integers(0, 9))).items()}
    kind = draw(st.sampled_from(["field", "more", "cut", "twice", "bytes", "missing"]))
    name = draw(st.sampled_from(sorted(fields)))
    if kind == "field":
        fields[name] = draw(st.sampled_from(ODD))
    elif kind == "more":
        fields[draw(st.text(st.characters(exclude_characters='"\\', codec="utf-8"), min_size=1))] = "1"
    elif kind == "missing":
        del fields[name]
    pairs = [f'"{key}":{value}' for key, value in fields.items()]
    if kind == "twice":
        pairs.append(f'"{name}":{draw(st.sampled_from(ODD))}')
    text = ("{" + ",".join(pairs) + "}").encode("utf-8", "surrogatepass")
    if kind == "cut":
        text = text[: draw(st.integers(0, len(text) - 1))]
    elif kind == "bytes":
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.binary(min_size=1, max_size=6)) + text[at:]
    return op, text


QUICKLY = settings(max_examples=400, suppress_health_check=list(HealthCheck))


@QUICKLY
@given(asked=mutated(), path=st.sampled_from(["nobody", "open", BATCH]))
def test_bodies_that_were_changed(inside: Inside, asked: tuple[str, bytes], path: str) -> None:
    op, text = asked
    before = inside.live.written()
    if path == BATCH:
        told = item(op, "nobody")
        answer = inside.post(BATCH, b"[" + text + b"," + json.dumps(told).encode() + b"]")
        is_in_order(answer)
        assert {each["status"] for each in answer.json()} <= DOCUMENTED if answer.status_code == 200 else True
    else:
        answer = inside.post(f"/v1/calls/{path}/{op}", text)
        is_in_order(answer)
    if answer.status_code in REFUSED:
        assert inside.live.written() == before


@QUICKLY
@given(text=st.binary(max_size=200), op=st.sampled_from([*sorted(USUAL), "batch"]))
def test_bodies_of_any_bytes(inside: Inside, text: bytes, op: str) -> None:
    before = inside.live.written()
    is_in_order(inside.post(BATCH if op == "batch" else f"/v1/calls/open/{op}", text))
    assert inside.live.written() == before


def test_bodies_that_nest_without_end(inside: Inside) -> None:
    before = inside.live.written()
    for opening in (b"[", b'{"tenant":', b'[{"op":', b'[{"a":['):
        deep = opening * (MAX_BODY // len(opening))
        assert inside.post("/v1/calls/open/start", deep).status_code == 400
        is_in_order(inside.post(BATCH, opening * DEEP))
        is_in_order(inside.post(BATCH, b'[{"op":"start","tenant":' + opening * DEEP + b"]"))
    assert inside.live.written() == before


HEADER = st.tuples(
    st.sampled_from([b"authorization", b"content-type", b"accept", b"x-odd", b"content-encoding", b"expect"]),
    st.binary(max_size=60),
)


@QUICKLY
@given(headers=st.lists(HEADER, max_size=4), path=st.binary(max_size=40))
def test_any_headers_and_addresses(inside: Inside, headers: list[tuple[bytes, bytes]], path: bytes) -> None:
    before = inside.live.written()
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": json.dumps(body("start")).encode(), "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    place = "/v1/calls/" + path.decode("utf-8", "replace")
    scope = {"type": "http", "method": "POST", "path": place, "query_string": b"", "headers": headers}
    inside.wait(inside.live.app(scope, receive, send))
    assert sent[0]["status"] in REFUSED
    assert inside.live.written() == before


def test_a_thousand_bad_requests_leave_no_memory_behind(inside: Inside) -> None:
    random = Random(1)

    def storm(count: int) -> None:
        for number in range(count):
            op = random.choice(sorted(USUAL))
            text = json.dumps(body(op, tenant=f"t{number}", colour="x" * random.randrange(2_000))).encode()
            wrong = text[: random.randrange(len(text))] if number % 2 else text
            headers = {"Authorization": f"Bearer tt_{number}_x"} if number % 5 == 0 else {}
            answer = inside.post(f"/v1/calls/n{number}/{op}", wrong, headers)
            assert answer.status_code in (400, 401)

    storm(200)
    tracemalloc.start()
    try:
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        storm(1_000)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 1_000_000, f"{after - before} bytes more than before"


def test_a_batch_of_millions_of_items_is_not_taken_apart(inside: Inside) -> None:
    text = b"[" + b"0," * 4_000_000 + b"0]"
    assert len(text) < MAX_BATCH_BODY
    tracemalloc.start()
    try:
        assert inside.post(BATCH, text).status_code == 413
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 8 * len(text)


# --- slow and greedy clients, over real sockets ----------------------------------------------------------


class Impatient(uvicorn.Server):
    """Looks for dawdlers all the time, with little patience."""

    async def on_tick(self, counter: int) -> bool:
        close_late(self.server_state.connections, SLOW_S, SLOW_S * 3)
        return await super().on_tick(counter)


class Outside:
    """The application behind a socket, in a thread."""

    def __init__(self, database: str) -> None:
        self.port = 0
        self.key = ""
        self.database = database
        self._ready = threading.Event()
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        assert self._ready.wait(30)

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with open_live(self.database, body_timeout_s=SLOW_S) as live:
            self.key, self.live = live.key, live
            config = uvicorn.Config(
                live.app, http=Connection, ws="none", lifespan="off", log_level="critical"
            )
            server = Impatient(config)
            server.capture_signals = _no_signals  # type: ignore[method-assign]
            with socket.create_server((HOME, 0)) as listening:
                self.port = listening.getsockname()[1]
                running = asyncio.ensure_future(server.serve([listening]))
                dropping = asyncio.ensure_future(_drop(live))
                self._ready.set()
                await self._stop.wait()
                dropping.cancel()
                server.should_exit = True
                await running

    def connect(self) -> socket.socket:
        connected = socket.create_connection((HOME, self.port), timeout=20)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected

    def head(self, path: str = "/v1/calls/slow/start", *more: str, length: int | None = None) -> bytes:
        lines = [f"POST {path} HTTP/1.1", "Host: talktime.test", f"Authorization: Bearer {self.key}", *more]
        lines += [] if length is None else [f"Content-Length: {length}"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def answers(self) -> float:
        """Asks as anybody else would; returns how long the answer took in seconds."""
        began_s = time.monotonic()
        headers = {"Authorization": f"Bearer {self.key}"}
        url = f"http://{HOME}:{self.port}/v1/calls/other/cancel"
        answer = httpx.post(url, json=body("cancel"), headers=headers, timeout=20)
        assert answer.status_code == 404, answer.text
        return time.monotonic() - began_s

    def close(self) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)


@contextmanager
def _no_signals() -> Iterator[None]:
    yield


async def _drop(live: Live) -> None:
    while True:
        await asyncio.sleep(0.1)
        live.routes.drop_slow()


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    opened = Outside(fresh_sqlite(tmp_path_factory.mktemp("slow")))
    try:
        yield opened
    finally:
        opened.close()


def all_of(connected: socket.socket) -> bytes:
    """Everything until the server ends the connection; b"" where it ended it without a word."""
    parts = []
    try:
        while part := connected.recv(65_536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


def test_clients_that_dawdle_are_dropped_and_others_are_answered(outside: Outside) -> None:
    before = outside.live.written()
    with ExitStack() as stack:
        silent = [stack.enter_context(closing(outside.connect())) for _ in range(60)]
        half_heads = [stack.enter_context(closing(outside.connect())) for _ in range(20)]
        for connected in half_heads:
            connected.sendall(b"POST /v1/calls/slow/start HTTP/1.1\r\nHost: talk")
        heads = [stack.enter_context(closing(outside.connect())) for _ in range(20)]
        for connected in heads:
            connected.sendall(outside.head(length=100))
        assert outside.answers() < 10
        for connected in (*silent, *half_heads):
            assert all_of(connected) == b""
        for connected in heads:
            told = all_of(connected)
            assert told.startswith(b"HTTP/1.1 408 "), told
            assert b"too_slow" in told
        outside.answers()
    assert outside.live.written() == before


def test_a_body_byte_by_byte_is_given_up(outside: Outside) -> None:
    text = json.dumps(body("start")).encode()
    before = outside.live.written()
    with closing(outside.connect()) as connected:
        connected.sendall(outside.head(length=len(text)))
        told = b""
        connected.settimeout(0.05)
        for byte in text:
            try:
                connected.sendall(bytes([byte]))
                told += connected.recv(65_536)
            except TimeoutError:
                continue
            except ConnectionError:
                break
            if told:
                break
    assert told.startswith(b"HTTP/1.1 408 "), told
    assert outside.live.written() == before


def test_a_body_in_pieces_that_arrives_in_time_is_taken(outside: Outside) -> None:
    text = json.dumps(body("cancel")).encode()
    with closing(outside.connect()) as connected:
        connected.sendall(outside.head("/v1/calls/slow/cancel", "Connection: close", length=len(text)))
        for at in range(0, len(text), 8):
            connected.sendall(text[at : at + 8])
        assert all_of(connected).startswith(b"HTTP/1.1 404 ")


def test_a_client_that_goes_in_the_middle_leaves_nothing(outside: Outside) -> None:
    before = outside.live.written()
    for how in (socket.SHUT_WR, socket.SHUT_RDWR):
        with closing(outside.connect()) as connected:
            connected.sendall(outside.head(length=100) + b'{"tenant": "contoso"')
            connected.shutdown(how)
            if how == socket.SHUT_WR:
                assert not all_of(connected).startswith(b"HTTP/1.1 200 ")
    outside.answers()
    assert outside.live.written() == before


@pytest.mark.parametrize(("path", "limit"), [("/v1/calls/c1/start", MAX_BODY), (BATCH, MAX_BATCH_BODY)])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_bodies_that_are_too_large_are_not_waited_for(
    outside: Outside, path: str, limit: int, chunked: bool
) -> None:
    with closing(outside.connect()) as connected:
        head = (
            outside.head(path, "Transfer-Encoding: chunked") if chunked else outside.head(path, length=2**40)
        )
        connected.sendall(head)
        sent = 0
        try:
            while sent <= limit + 65_536:
                connected.sendall(b"10000\r\n" + b" " * 65_536 + b"\r\n" if chunked else b" " * 65_536)
                sent += 65_536
        except ConnectionError:
            pass
        told = all_of(connected)
    assert not told or told.startswith(b"HTTP/1.1 413 "), told[:200]
    outside.answers()


def test_headers_without_end_are_not_kept(outside: Outside) -> None:
    for line in (b"X-Odd: " + b"x" * 60_000, b"X-Odd: 1\r\n" * 6_000, b"GET /" + b"x" * 60_000):
        with closing(outside.connect()) as connected:
            sent = 0
            connected.sendall(b"" if line.startswith(b"GET") else b"POST /v1/calls/c1/start HTTP/1.1\r\n")
            with pytest.raises(ConnectionError):  # noqa: PT012 - the server ends it at some moment
                while sent < 40 * MAX_HEAD:
                    connected.sendall(line if sent == 0 or b"\n" in line else b"x" * 60_000)
                    sent += 60_000
                    time.sleep(0.01)
    outside.answers()


@pytest.mark.parametrize(
    "text",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/calls/\xff\xfe/start HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /v1/calls/c1/start HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/calls/c1/start HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /v1/calls/c1/start HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["bytes", "version", "path", "length", "both", "chunk", "tls"],
)
def test_what_is_no_http(outside: Outside, text: bytes) -> None:
    with closing(outside.connect()) as connected:
        connected.sendall(text)
        told = all_of(connected)
    assert not told or told.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 401 ", b"HTTP/1.1 404 ")), told
    outside.answers()
