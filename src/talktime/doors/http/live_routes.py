"""The live routes as one raw ASGI function: read, hand in, answer when it is durable.

Nothing of a web framework stands on this path (its routing costs four times the work). Everything a client
sends is bounded, and every refusal is a problem (RFC 9457); a call that is refused is an answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from talktime.doors.http.answering import Told
from talktime.doors.http.doorkeeper import token_of
from talktime.doors.http.wire import (
    BODIES,
    ESCAPED_NUL,
    MAX_ITEMS,
    batch_items,
    check_text,
    encoded,
    item_operation,
    problem,
)
from talktime.ledger.api_keys import LIVE

if TYPE_CHECKING:
    from talktime.doors.http.answering import Teller
    from talktime.ledger.api_keys import Keyring, Principal
    from talktime.live.operations import Operation

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PREFIX: Final = "/v1/calls/"
BATCH: Final = "/v1/calls:batch"
MAX_BODY: Final = 16_384
BATCH_STEP: Final = 1_024
"""Operations of a batch that wait in the queue at one time; so a large batch cannot fill it."""
MAX_BATCH_BODY: Final = MAX_ITEMS * 1_024
MAX_COMMAS: Final = MAX_ITEMS * 32
"""More than any batch has; what has more would be millions of items, in memory before they are counted."""

MAX_CALL_ID: Final = 128
REPLACED: Final = "\N{REPLACEMENT CHARACTER}"
"""What the server makes of bytes in an address that are no UTF-8: different calls would become one."""

BODY_TIMEOUT_S: Final = 15
RETRY_AFTER: Final = [(b"retry-after", b"1")]
JSON_HEADER: Final = (b"content-type", b"application/json")
PROBLEM_HEADER: Final = (b"content-type", b"application/problem+json")


class Refusal(NamedTuple):
    """A problem to answer with."""

    status: int
    code: str
    detail: str
    pointer: str = ""
    headers: tuple[tuple[bytes, bytes], ...] = ()


TOO_MANY: Final = Refusal(413, "too_large", f"a batch has at most {MAX_ITEMS} operations")
NOT_YOURS: Final = Refusal(404, "unknown_tenant", "no such tenant for this key")


class Refused(Exception):  # noqa: N818 - an answer
    """Ends a request with a problem."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.detail)


class LiveRoutes:
    """`POST /v1/calls/{call_id}/start|extend|end|cancel` and `POST /v1/calls:batch`."""

    def __init__(self, teller: Teller, keyring: Keyring, *, body_timeout_s: float = BODY_TIMEOUT_S) -> None:
        self._teller = teller
        self._keyring = keyring
        self._body_timeout_s = body_timeout_s
        self._reading: dict[asyncio.Task[Any], float] = {}
        self._slow: set[asyncio.Task[Any]] = set()

    @staticmethod
    def takes(path: str) -> bool:
        """Whether a path is one of the live routes."""
        return path.startswith(PREFIX) or path == BATCH

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        try:
            if scope["method"] != "POST":
                allow = ((b"allow", b"POST"),)
                raise Refused(Refusal(405, "method_not_allowed", "live routes take POST", "", allow))
            principal = self._principal(scope)
            if scope["path"] == BATCH:
                body = await self._body(receive, MAX_BATCH_BODY)
                await _answer(send, 200, await self._batch(principal, body), JSON_HEADER)
                return
            call_id, _, op = scope["path"][len(PREFIX) :].rpartition("/")
            operation = await self._operation(receive, call_id, op)
        except Refused as refused:
            status, body = _told(refused.refusal)
            await _answer(send, status, body, PROBLEM_HEADER, *refused.refusal.headers)
            return
        handed = self._hand_in(principal, operation)
        status, body = handed if isinstance(handed, Told) else await handed
        if status == 200:
            await _answer(send, 200, body, JSON_HEADER)
        elif status == 503:
            await _answer(send, status, body, PROBLEM_HEADER, *RETRY_AFTER)
        else:
            await _answer(send, status, body, PROBLEM_HEADER)

    async def _operation(self, receive: Receive, call_id: str, op: str) -> Operation:
        decode = BODIES.get(op)
        if decode is None or not call_id:
            raise Refused(Refusal(404, "not_found", "POST /v1/calls/{call_id}/start|extend|end|cancel"))
        if len(call_id) > MAX_CALL_ID:
            raise Refused(Refusal(400, "malformed", f"a call id has at most {MAX_CALL_ID} characters"))
        if "\0" in call_id or REPLACED in call_id:
            raise Refused(Refusal(400, "malformed", "a call id is text in UTF-8 without the character NUL"))
        body = await self._body(receive, MAX_BODY)
        try:
            told = decode(body)
            if ESCAPED_NUL in body:
                check_text(told)
            return told.operation(call_id)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refused(malformed(error)) from None

    async def _batch(self, principal: Principal, body: bytes) -> bytes:
        if body.count(b",") > MAX_COMMAS:
            raise Refused(TOO_MANY)
        try:
            items = batch_items(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refused(malformed(error)) from None
        if len(items) > MAX_ITEMS:
            raise Refused(TOO_MANY)
        told: list[Told] = []
        has_nul = ESCAPED_NUL in body
        for at in range(0, len(items), BATCH_STEP):
            told += await self._step(principal, items[at : at + BATCH_STEP], has_nul)
        # A problem tells its status by itself.
        shown = [body if status != 200 else b'{"status":200,' + body[1:] for status, body in told]
        return b"[" + b",".join(shown) + b"]"

    async def _step(self, principal: Principal, items: list[msgspec.Raw], has_nul: bool) -> list[Told]:
        """Hands a part of a batch in at once, so that it shares commits, and waits for all of it."""
        handed: list[Awaitable[Told] | Told] = []
        for raw in items:
            try:
                operation = item_operation(raw, has_nul=has_nul)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                handed.append(_told(malformed(error)))
                continue
            handed.append(self._hand_in(principal, operation))
        return [each if isinstance(each, Told) else await each for each in handed]

    def _hand_in(self, principal: Principal, operation: Operation) -> Awaitable[Told] | Told:
        """Asks for an operation of a tenant of the key; of others only emergency calls pass."""
        if principal.may_see(operation.tenant):
            return self._teller.ask(operation)
        return self._teller.let_through(operation) or _told(NOT_YOURS)

    def _principal(self, scope: Scope) -> Principal:
        principal = self._keyring.principal(token_of(scope["headers"]))
        if principal is None:
            challenge = ((b"www-authenticate", b"Bearer"),)
            detail = "send a key that is valid: Authorization: Bearer KEY"
            raise Refused(Refusal(401, "unauthorized", detail, "", challenge))
        if LIVE not in principal.scopes:
            raise Refused(Refusal(403, "forbidden", "this key may not charge calls; it lacks `live`"))
        return principal

    async def _body(self, receive: Receive, limit: int) -> bytes:
        """The body, bounded in size and in the time it may take to arrive."""
        task = asyncio.current_task()
        assert task is not None
        self._reading[task] = time.monotonic()
        try:
            message = await receive()
            body: bytes = message.get("body", b"")
            if message.get("more_body"):
                parts = bytearray(body)
                while message.get("more_body") and len(parts) <= limit:
                    message = await receive()
                    parts += message.get("body", b"")
                body = bytes(parts)
        except asyncio.CancelledError:
            if task not in self._slow:
                raise
            self._slow.discard(task)
            task.uncancel()
            detail = f"the body did not arrive within {self._body_timeout_s:g} s"
            raise Refused(Refusal(408, "too_slow", detail, "", _CLOSE)) from None
        finally:
            del self._reading[task]
        if message["type"] == "http.disconnect":
            raise Refused(Refusal(408, "gone", "the client went away"))
        if len(body) > limit:
            raise Refused(Refusal(413, "too_large", f"the body may have {limit} bytes", "", _CLOSE))
        return body

    def drop_slow(self) -> int:
        """Ends requests whose bodies do not arrive; called from time to time. Returns how many."""
        late = time.monotonic() - self._body_timeout_s
        slow = [task for task, since in self._reading.items() if since < late]
        for task in slow:
            self._slow.add(task)
            task.cancel()
        return len(slow)


_CLOSE: Final = ((b"connection", b"close"),)


def malformed(error: Exception) -> Refusal:
    """400 for a body that cannot be read, with a pointer to the field where one is wrong."""
    text = str(error) or "the body is nested too deeply"
    sentence, _, path = text.partition(" - at `$")
    pointer = path.rstrip("`").replace("[", "/").replace("]", "").replace(".", "/")
    return Refusal(400, "malformed", sentence, pointer)


def _told(refusal: Refusal) -> Told:
    """A refusal of the routes as an answer."""
    shown = problem(refusal.status, refusal.code, refusal.detail, refusal.pointer)
    return Told(refusal.status, encoded(shown))


async def _answer(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})
