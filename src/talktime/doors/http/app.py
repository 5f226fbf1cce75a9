"""The live process as one ASGI application: live routes in front, health and metrics, the rest behind.

Starting and stopping the desk is the application's lifespan: the server answers nothing before the ledger is
open, and the last batch is committed before the process ends.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from talktime.doors.http.live_routes import RETRY_AFTER, LiveRoutes, Receive, Scope, Send
from talktime.doors.http.metrics import CONTENT_TYPE
from talktime.doors.http.wire import encoded, problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from talktime.doors.http.metrics import Metrics
    from talktime.doors.http.relay import Relay
    from talktime.live.desk import Desk

    App = Callable[[Scope, Receive, Send], Awaitable[None]]
    Keeper = Callable[[], Coroutine[Any, Any, None]]

JANITOR_S: Final = 3
"""Seconds between two looks for requests whose bodies do not arrive."""

LEAVE_S: Final = 6
"""Seconds that keepers have to end: a peer has to hear the last answers, and that we go."""

_JSON: Final = b"application/json"
_PROBLEM: Final = b"application/problem+json"

log = logging.getLogger(__name__)


class LiveApp:
    """Live routes (None: this process has none), `/healthz`, `/readyz`, `/metrics`; the rest goes `behind`.

    `keepers` run as long as the application does.
    """

    def __init__(
        self,
        desk: Desk,
        routes: LiveRoutes | None,
        metrics: Metrics,
        behind: App,
        keepers: Sequence[Keeper] = (),
    ) -> None:
        self._desk = desk
        self._routes = routes
        self._metrics = metrics
        self._behind = behind
        self._keepers = keepers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection event or request."""
        if scope["type"] == "http":
            path = scope["path"]
            if self._routes is not None and LiveRoutes.takes(path):
                await self._routes(scope, receive, send)
            elif path == "/healthz":
                await _say(send, 200, b'{"status":"ok"}', _JSON)
            elif path == "/readyz":
                await self._ready(send)
            elif path == "/metrics":
                await _say(send, 200, await self._metrics.text(), CONTENT_TYPE)
            else:
                await self._behind(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await self._behind(scope, receive, send)

    async def _ready(self, send: Send) -> None:
        """200 while operations are taken; a load balancer sends nothing here otherwise."""
        engine = self._desk.engine
        if engine.is_alive and not engine.is_full:
            await _say(send, 200, b'{"status":"ready"}', _JSON)
        else:
            why = "the queue is full" if engine.is_alive else "the service is starting or stopping"
            await _say(send, 503, encoded(problem(503, "not_ready", why)), _PROBLEM, *RETRY_AFTER)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._desk.start()
        except Exception as error:
            log.exception("the ledger cannot be opened")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        keepers = kept(*self._keepers, self._drop_slow)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for keeper in keepers:
            keeper.cancel()
        await self._desk.stop()
        await asyncio.wait(keepers, timeout=LEAVE_S)
        await send({"type": "lifespan.shutdown.complete"})

    async def _drop_slow(self) -> None:
        while True:
            await asyncio.sleep(JANITOR_S)
            if self._routes is not None:
                self._routes.drop_slow()


def kept(*keepers: Keeper) -> list[asyncio.Task[None]]:
    """Starts what has to run as long as the process: one that fails is logged and begins again."""
    return [asyncio.create_task(_for_ever(keeper)) for keeper in keepers]


async def _for_ever(keeper: Keeper) -> None:
    while True:
        try:
            await keeper()
        except Exception:  # a revoked key or a new deck must not be missed for ever because of one fault
            log.exception("%s failed; it begins again", getattr(keeper, "__qualname__", keeper))
        await asyncio.sleep(1)


class FrontApp:
    """A front: live routes handed over a relay; `/healthz` is its own, all else goes `behind`.

    `behind` asks the engine's process, and takes no body from who has no key.
    """

    def __init__(self, routes: LiveRoutes, relay: Relay, behind: App, keepers: Sequence[Keeper]) -> None:
        self._routes = routes
        self._relay = relay
        self._behind = behind
        self._keepers = keepers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection event or request."""
        if scope["type"] == "http":
            path = scope["path"]
            if LiveRoutes.takes(path):
                await self._routes(scope, receive, send)
            elif path == "/healthz":
                await _say(send, 200, b'{"status":"ok"}', _JSON)
            else:
                await self._behind(scope, receive, send)
        elif scope["type"] == "lifespan":
            await receive()
            keepers = kept(*self._keepers, self._relay.keep_connected, self._drop_slow)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            for keeper in keepers:
                keeper.cancel()
            await send({"type": "lifespan.shutdown.complete"})

    async def _drop_slow(self) -> None:
        while True:
            await asyncio.sleep(JANITOR_S)
            self._routes.drop_slow()


async def _say(send: Send, status: int, body: bytes, content_type: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
