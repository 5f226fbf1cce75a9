"""The management API in this process, asked as the person who is signed in: no network, the same rights."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import httpx

from talktime.client import AsyncManagement
from talktime.client.retry import Retry

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

AppFor = Callable[[str], App]
"""The management API for the holder of a session's secret; it looks the session up at every request."""

HASTE: Final = Retry(limit_s=2.0, first_wait_s=0.1, longest_wait_s=0.5, try_s=60.0)
"""A person waits: what does not answer now is said now."""

_HERE: Final = "http://talktime.here"


def management_for(app: App) -> AsyncManagement:
    """A client of the API that `app` answers."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return AsyncManagement(_HERE, "", retry=HASTE, transport=transport)
