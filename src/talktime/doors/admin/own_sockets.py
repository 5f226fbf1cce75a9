"""A page answers the session that it was made for, and no other.

NiceGUI finds a page by an id that a message names. Nobody can guess one; but ids stand in addresses that
proxies write down, and who is signed in as somebody else must not press the buttons of a page by its id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import isawaitable
from typing import Any, Final
from urllib.parse import parse_qs

from nicegui import core
from nicegui.client import Client

from talktime.doors.admin.sessions import SIGNED_IN

MESSAGES: Final = ("handshake", "event", "javascript_response", "ack", "log")
"""What a browser tells a page; each names it."""

NO_PAGE: Final = "client_id=none&implicit_handshake=true"
"""What a socket asked that names a page that is not its own."""

Handler = Callable[..., Any]


def bind_sockets() -> None:
    """Looks at every message of a browser before NiceGUI does; asked once, at start."""
    handlers: dict[str, Handler] = core.sio.handlers["/"]
    if handlers["connect"].__module__ == __name__:
        return
    handlers["connect"] = _opened(handlers["connect"])
    for name in MESSAGES:
        handlers[name] = _told(handlers[name])


def _told(handler: Handler) -> Handler:
    async def told(sid: str, message: Any) -> Any:
        page = message.get("client_id") if isinstance(message, dict) else None
        if not _is_own(core.sio.get_environ(sid) or {}, page):
            return False
        answer = handler(sid, message)
        return await answer if isawaitable(answer) else answer

    return told


def _opened(handler: Handler) -> Handler:
    """A socket may name its page as it opens; the browser loads the page anew where there is none."""

    async def opened(sid: str, environ: Mapping[str, Any], auth: Any = None) -> Any:
        asked = parse_qs(environ.get("QUERY_STRING", ""))
        page = asked.get("client_id", [None])[0]
        if page is not None and not _is_own(environ, page):
            environ = {**environ, "QUERY_STRING": NO_PAGE}
        return await handler(sid, environ, auth)

    return opened


def _is_own(environ: Mapping[str, Any], page: object) -> bool:
    """Whether a socket belongs to the session that this page was made for."""
    client = Client.instances.get(page) if isinstance(page, str) else None
    if client is None:
        return False
    made_for = client.request.scope.get(SIGNED_IN)
    who = environ.get("asgi.scope", {}).get(SIGNED_IN)
    return made_for is not None and who is not None and bool(made_for.session == who.session)
