"""Who may come in, and with how large a body: asked before anything of a request is read.

A key is looked up in memory (`ledger.api_keys.Keyring`), so a storm of wrong keys costs the database nothing.
What a payment gateway tells of carries no key: it is signed, and the gateway's own route judges that. Nor
does what a person asks who is signed in: that is known before it comes here (`management.as_person`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException

from talktime.doors.http.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from talktime.ledger.api_keys import Keyring, Principal

PROTECTED: Final = "/v1/"
MAX_BODY_BYTES: Final = 1 << 20
MAX_DECK_BYTES: Final = 20 << 20
MAX_IMPORT_BYTES: Final = 20 << 20
MAX_USAGE_BYTES: Final = 256 << 20
MAX_EVENT_BYTES: Final = 256 << 10
DECKS_PATH: Final = re.compile(r"/v1/decks(/check|/[^/]+/differences)?")
IMPORT_PATH: Final = re.compile(r"/v1/tenants/[^/]+/users/import")
USAGE_PATH: Final = re.compile(r"/v1/tenants/[^/]+/usage-files")
"""Files of usage: the one body that goes to the disk as it comes, and never stands in memory as a whole."""

EVENTS_PATH: Final = re.compile(r"/v1/gateways/[^/]+/events")
"""The one protected address that is signed instead of keyed, for POST alone."""

_BEARER: Final = b"bearer "


class Doorkeeper:
    """Middleware in front of the management routes."""

    def __init__(self, app: ASGIApp, keyring: Keyring) -> None:
        self._app = app
        self._keyring = keyring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through, with its principal in the scope, or answers 401, 403 or 413."""
        if scope["type"] != "http" or not scope["path"].startswith(PROTECTED):
            await self._app(scope, receive, send)
            return
        headers, path = dict(scope["headers"]), scope["path"]
        limit = _limit(path)
        if scope["method"] == "POST" and EVENTS_PATH.fullmatch(path):
            problem = _too_long(headers, limit)
        else:
            principal = _known_already(scope) or self._keyring.principal(token_of(scope["headers"]))
            scope["principal"] = principal
            problem = _against(principal) or _too_long(headers, limit)
        if problem is not None:
            await problem.response()(scope, receive, send)
            return
        await self._app(scope, _bounded(receive, limit), send)


def _known_already(scope: Scope) -> Principal | None:
    """Who asks, where somebody in this process has said it: a person who is signed in (`AsPerson`).

    Nothing that comes over a network can: servers make the scope anew, and none of them has this entry.
    """
    principal: Principal | None = scope.get("principal")
    return principal


def _limit(path: str) -> int:
    """The most bytes that a body for this address may have."""
    if DECKS_PATH.fullmatch(path):
        return MAX_DECK_BYTES
    if IMPORT_PATH.fullmatch(path):
        return MAX_IMPORT_BYTES
    if USAGE_PATH.fullmatch(path):
        return MAX_USAGE_BYTES
    return MAX_EVENT_BYTES if EVENTS_PATH.fullmatch(path) else MAX_BODY_BYTES


def token_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The key in the first Authorization header, b"" where it holds none; for every route with a key."""
    authorization = next((value for name, value in headers if name == b"authorization"), b"")
    if authorization[: len(_BEARER)].lower() != _BEARER:
        return b""
    return authorization[len(_BEARER) :].strip()


def _against(principal: Principal | None) -> Problem | None:
    if principal is None:
        challenge = {"WWW-Authenticate": "Bearer"}
        return Problem(
            401, "unauthorized", "send a valid key: Authorization: Bearer tt_...", headers=challenge
        )
    if not principal.is_management:
        return Problem(403, "forbidden", "this key is not for management")
    return None


def _too_long(headers: Mapping[bytes, bytes], limit: int) -> Problem | None:
    """A problem for a body that announces more than is taken."""
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length[:20]) > limit:
        return Problem(413, "too_large", f"the body may have {limit} bytes")
    return None


def _bounded(receive: Receive, limit: int) -> Receive:
    """Counts what comes, whatever was announced."""
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise HTTPException(413)
        return message

    return counted
