"""Who may come in, and with how large a body: asked before anything of a request is read.

A key is looked up in memory (`ledger.api_keys.Keyring`), so a storm of wrong keys costs the database nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException

from talktime.doors.http.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from talktime.ledger.api_keys import Keyring, Principal

PROTECTED: Final = "/v1/"
MAX_BODY_BYTES: Final = 1 << 20
MAX_DECK_BYTES: Final = 20 << 20
DECKS_PATH: Final = "/v1/decks"

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
        headers = dict(scope["headers"])
        principal = self._keyring.principal(token_of(scope["headers"]))
        limit = MAX_DECK_BYTES if scope["path"] == DECKS_PATH else MAX_BODY_BYTES
        problem = _against(principal, headers.get(b"content-length", b""), limit)
        if problem is not None:
            await problem.response()(scope, receive, send)
            return
        scope["principal"] = principal
        await self._app(scope, _bounded(receive, limit), send)


def token_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The key in the first Authorization header, b"" where it holds none; for every route with a key."""
    authorization = next((value for name, value in headers if name == b"authorization"), b"")
    if authorization[: len(_BEARER)].lower() != _BEARER:
        return b""
    return authorization[len(_BEARER) :].strip()


def _against(principal: Principal | None, length: bytes, limit: int) -> Problem | None:
    if principal is None:
        challenge = {"WWW-Authenticate": "Bearer"}
        return Problem(
            401, "unauthorized", "send a valid key: Authorization: Bearer tt_...", headers=challenge
        )
    if not principal.is_management:
        return Problem(403, "forbidden", "this key is not for management")
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
