"""The management API in this process, asked as the person who is signed in: no network, the same rights."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any, Final, Protocol

import httpx

from talktime.client import AsyncManagement
from talktime.client.retry import Retry

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class AppFor(Protocol):
    """The management API for the holder of a session's secret; it looks the session up at every request.

    `touch` False: asked by the page itself, which keeps no session alive.
    """

    def __call__(self, secret: str, *, touch: bool = True) -> App:
        """The application that answers as this person."""


BY_ITSELF: Final[ContextVar[bool]] = ContextVar("by_itself", default=False)
"""Whether a page asks because time has passed, and not because somebody did something."""

HASTE: Final = Retry(limit_s=2.0, first_wait_s=0.1, longest_wait_s=0.5, try_s=60.0)
"""A person waits: what does not answer now is said now."""

_HERE: Final = "http://talktime.here"


def management_for(app_for: AppFor, secret: str) -> AsyncManagement:
    """A client of the API for the holder of a session."""

    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        await app_for(secret, touch=not BY_ITSELF.get())(scope, receive, send)

    transport = httpx.ASGITransport(asked, raise_app_exceptions=False)
    return AsyncManagement(_HERE, "", retry=HASTE, transport=transport)
