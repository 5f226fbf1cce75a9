"""The engine in a process of its own: fronts read HTTP, one engine decides and commits.

Reading requests and writing answers costs as much as charging a call, and a SQLite ledger has one writer. So
with `serve --fronts N` the fronts take the requests on other cores and hand operations over a Unix socket.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import astuple
from starlette.exceptions import HTTPException

from talktime.doors.http.answering import OPS, Answering, Told, come_again, emergency_grant
from talktime.doors.http.doorkeeper import PROTECTED
from talktime.doors.http.frames import Frames, Item
from talktime.doors.http.live_routes import PROBLEM_HEADER, RETRY_AFTER
from talktime.doors.http.wire import encoded, problem
from talktime.live.operations import CancelCall, EndCall, ExtendCall, Operation, Pace, StartCall

if TYPE_CHECKING:
    from talktime.doors.http.live_routes import Receive, Scope, Send
    from talktime.live.desk import Desk
    from talktime.live.facts import Classifier

    App = Callable[[Scope, Receive, Send], Awaitable[None]]

KINDS: Final = (StartCall, ExtendCall, EndCall, CancelCall)
REQUEST: Final = len(KINDS)
"""The kind of an item that holds a whole HTTP request, for what is no live route."""

MAX_PENDING: Final = 8_192
"""Operations of one front that wait for the engine; the next one is told to come again."""

MAX_FORWARDED: Final = 24 * 1024 * 1024
RETRY_S: Final = 0.1

log = logging.getLogger(__name__)


class EngineHost:
    """The engine's end: takes operations of all fronts, hands requests to the application."""

    def __init__(self, desk: Desk, answering: Answering, app: App) -> None:
        self._desk = desk
        self._answering = answering
        self._app = app
        self._requests: set[asyncio.Task[None]] = set()
        self._fronts: set[Frames] = set()
        self._server: asyncio.AbstractServer | None = None

    async def listen(self, path: Path) -> None:
        """Begins to take fronts on a Unix socket."""

        def front() -> Frames:
            frames = Frames(self._take, self._fronts.discard)
            self._fronts.add(frames)
            return frames

        path.unlink(missing_ok=True)
        self._server = await asyncio.get_running_loop().create_unix_server(front, str(path), backlog=64)

    async def close(self, patience_s: float) -> None:
        """Takes no more fronts; those that are there may finish what they wait for."""
        if self._server is not None:
            self._server.close()
        loop = asyncio.get_running_loop()
        until_s = loop.time() + patience_s
        while self._fronts and loop.time() < until_s:
            await asyncio.sleep(RETRY_S)
        for front in list(self._fronts):
            front.close()

    def _take(self, front: Frames, items: list[Item]) -> None:
        for number, kind, fields in items:
            if kind == REQUEST:
                task = asyncio.ensure_future(self._request(front, number, fields))
                self._requests.add(task)
                task.add_done_callback(self._requests.discard)
            else:
                self._operation(front, number, KINDS[kind](*fields))

    def _operation(self, front: Frames, number: int, operation: Operation) -> None:
        answering = self._answering
        try:
            handed = self._desk.submit(operation)
        except Exception as error:  # noqa: BLE001 - told to the client, and in the log
            front.say((number, *answering.failed(operation, error)))
            return

        def answered(answer: asyncio.Future[object]) -> None:
            error = answer.exception()
            if error is None:
                front.say((number, *answering.told(operation, answer.result())))
            else:
                assert isinstance(error, Exception)
                front.say((number, *answering.failed(operation, error)))

        handed.add_done_callback(answered)

    async def _request(self, front: Frames, number: int, fields: tuple[Any, ...]) -> None:
        """Runs the application for a whole request and sends back the whole answer."""
        method, path, query, headers, body = fields
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query,
            "root_path": "",
            "headers": [(bytes(name), bytes(value)) for name, value in headers],
            "client": None,
            "server": None,
        }
        sent: list[Any] = [500, []]
        parts: list[bytes] = []
        unread = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            return unread.pop() if unread else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                sent[:] = [message["status"], message["headers"]]
            else:
                parts.append(message.get("body", b""))

        try:
            await self._app(scope, receive, send)
        except Exception:
            log.exception("%s %s failed", method, path)
            sent[:], parts[:] = [500, []], [encoded(problem(500, "fault", "see the log"))]
        front.say((number, sent[0], b"".join(parts), [[*header] for header in sent[1]]))


class Relay:
    """A front's end: a `Teller` for operations, and an application that forwards all other requests."""

    def __init__(self, path: Path, classifier: Classifier, pace: Pace, clock_us: Callable[[], int]) -> None:
        self._path = path
        self.classifier = classifier
        self.pace = pace
        self._clock_us = clock_us
        self._frames: Frames | None = None
        self._pending: dict[int, tuple[Operation | None, asyncio.Future[Any]]] = {}
        self._number = 0
        self._stopped = False

    async def keep_connected(self) -> None:
        """Connects, and again whenever the engine went away, until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            if self._frames is None:
                try:
                    _, self._frames = await loop.create_unix_connection(
                        lambda: Frames(self._take, self._lost), str(self._path)
                    )
                except OSError:
                    log.debug("the engine is not there yet")
            await asyncio.sleep(RETRY_S)

    def ask(self, operation: Operation) -> Awaitable[Told]:
        """As `Teller.ask`."""
        answer: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        if self._frames is None:
            answer.set_result(self._without(operation, "engine_away", "the engine is starting or stopping"))
        elif len(self._pending) >= MAX_PENDING:
            answer.set_result(self._without(operation, "queue_full", f"{MAX_PENDING} operations wait"))
        else:
            self._number += 1
            self._pending[self._number] = (operation, answer)
            self._frames.say((self._number, KINDS.index(type(operation)), astuple(operation)))
        return answer

    def _take(self, frames: Frames, items: list[Item]) -> None:
        del frames
        for number, *answer in items:
            _, waiting = self._pending.pop(number, (None, None))
            if waiting is not None and not waiting.done():
                waiting.set_result(Told(*answer) if len(answer) == 2 else answer)

    def _lost(self, frames: Frames) -> None:
        """The engine went away: nobody knows whether it had done what was asked; a repeat finds out."""
        if self._frames is frames:
            self._frames = None
        pending, self._pending = self._pending, {}
        for operation, answer in pending.values():
            if answer.done():
                continue
            why = "the engine went away before it answered"
            if operation is None:
                answer.set_result([503, encoded(problem(503, "unknown_outcome", why)), []])
            else:
                answer.set_result(self._without(operation, "unknown_outcome", why))

    def _without(self, operation: Operation, code: str, why: str) -> Told:
        """What is told without the engine."""
        granted = self.let_through(operation)
        if granted is not None:
            return granted
        log.debug("%s of call %r: %s", OPS[type(operation)], operation.call_id, code)
        return come_again(code, why)

    def let_through(self, operation: Operation) -> Told | None:
        """As `Teller.let_through`."""
        return emergency_grant(operation, self, self._clock_us())

    async def forward(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request that is no live route by asking the engine's process."""
        status, shown, headers = await self._forwarded(scope, receive)
        head = [(bytes(name), bytes(value)) for name, value in headers]
        if not head:
            head = [PROBLEM_HEADER, (b"content-length", b"%d" % len(shown))]
            head += RETRY_AFTER if status == 503 else []
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": shown})

    async def _forwarded(self, scope: Scope, receive: Receive) -> Any:
        # Addresses without a key take no body: nobody fills our memory without being known.
        limit = MAX_FORWARDED if scope["path"].startswith(PROTECTED) else 0
        body = await _whole(receive, limit)
        if body is None:
            return 413, encoded(problem(413, "too_large", "the body is larger than this address takes")), []
        if self._frames is None:
            why = "the engine is starting or stopping"
            return 503, encoded(problem(503, "engine_away", why)), []
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._number += 1
        self._pending[self._number] = (None, answer)
        headers = [list(header) for header in scope["headers"]]
        fields = (scope["method"], scope["path"], scope["query_string"], headers, body)
        self._frames.say((self._number, REQUEST, fields))
        return await answer


async def _whole(receive: Receive, limit: int) -> bytes | None:
    """The body of a request; None for one that is larger than `limit` bytes."""
    body = bytearray()
    while True:
        try:
            message = await receive()
        except HTTPException:  # by the doorkeeper, who knows the limit of each address
            return None
        body += message.get("body", b"")
        if len(body) > limit:
            return None
        if not message.get("more_body"):
            return bytes(body)
