"""The live routes as one raw ASGI function: read, hand in, answer when it is durable.

Nothing of a web framework stands on this path (its routing costs four times the work). Everything a client
sends is bounded, and every refusal is a problem (RFC 9457); a call that is refused is an answer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import msgspec

from talktime.doors.http.problems import UNAVAILABLE
from talktime.doors.http.wire import (
    BODIES,
    MAX_ITEMS,
    AllowedShown,
    DeniedShown,
    ProblemShown,
    answer_shown,
    batch_items,
    batch_shown,
    encoded,
    item_operation,
    problem,
)
from talktime.ledger.api_keys import LIVE
from talktime.ledger.engine import QueueFull, Stopping
from talktime.ledger.store import StoreAway, StoreBusy, UnknownOutcome
from talktime.live.commands import free_grant
from talktime.live.operations import CancelCall, EndCall, ExtendCall, Operation, StartCall

if TYPE_CHECKING:
    from talktime.ledger.api_keys import Keyring, Principal
    from talktime.live.answers import Answer
    from talktime.live.desk import Desk

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PREFIX: Final = "/v1/calls/"
BATCH: Final = "/v1/calls:batch"
MAX_BODY: Final = 16_384
BATCH_STEP: Final = 1_024
"""Operations of a batch that wait in the queue at one time; so a large batch cannot fill it."""
MAX_BATCH_BODY: Final = MAX_ITEMS * 1_024
MAX_CALL_ID: Final = 128
BODY_TIMEOUT_S: Final = 15
RETRY_AFTER: Final = [(b"retry-after", b"1")]
JSON_HEADER: Final = (b"content-type", b"application/json")
PROBLEM_HEADER: Final = (b"content-type", b"application/problem+json")

log = logging.getLogger(__name__)


class Refusal(NamedTuple):
    """A problem to answer with."""

    status: int
    code: str
    detail: str
    pointer: str = ""
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Handed(NamedTuple):
    """An operation of a batch that the engine has taken."""

    operation: Operation
    answer: asyncio.Future[object]


class Refused(Exception):  # noqa: N818 - an answer
    """Ends a request with a problem."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.detail)


class LiveRoutes:
    """`POST /v1/calls/{call_id}/start|extend|end|cancel` and `POST /v1/calls:batch`."""

    def __init__(self, desk: Desk, keyring: Keyring) -> None:
        self._desk = desk
        self._keyring = keyring
        self._reading: dict[asyncio.Task[Any], float] = {}
        self._slow: set[asyncio.Task[Any]] = set()
        self.counted: Counter[tuple[str, str]] = Counter()
        """Operations by (operation, result); the metrics show it."""

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
            status, shown = await self._one(principal, operation)
        except Refused as refused:
            refusal = refused.refusal
            shown = problem(refusal.status, refusal.code, refusal.detail, refusal.pointer)
            await _answer(send, refusal.status, encoded(shown), PROBLEM_HEADER, *refusal.headers)
            return
        if status == 200:
            await _answer(send, 200, encoded(shown), JSON_HEADER)
        elif status == 503:
            await _answer(send, status, encoded(shown), PROBLEM_HEADER, *RETRY_AFTER)
        else:
            await _answer(send, status, encoded(shown), PROBLEM_HEADER)

    async def _operation(self, receive: Receive, call_id: str, op: str) -> Operation:
        decode = BODIES.get(op)
        if decode is None or not call_id:
            raise Refused(Refusal(404, "no_such_route", "POST /v1/calls/{call_id}/start|extend|end|cancel"))
        if len(call_id) > MAX_CALL_ID:
            raise Refused(Refusal(400, "malformed", f"a call id has at most {MAX_CALL_ID} characters"))
        body = await self._body(receive, MAX_BODY)
        try:
            return decode(body).operation(call_id)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refused(malformed(error)) from None

    async def _one(self, principal: Principal, operation: Operation) -> tuple[int, msgspec.Struct]:
        """Hands one operation in and waits for its durable answer."""
        if not principal.may_see(operation.tenant):
            return 404, problem(404, "unknown_tenant", "no such tenant for this key")
        try:
            handed = self._desk.submit(operation)
        except (QueueFull, Stopping) as error:
            return self._not_now(operation, error)
        return await self._answered(operation, handed)

    async def _answered(
        self, operation: Operation, handed: asyncio.Future[object]
    ) -> tuple[int, msgspec.Struct]:
        op = _OPS[type(operation)]
        try:
            status, shown = answer_shown(cast("Answer", await handed))
        except (StoreAway, StoreBusy, UnknownOutcome) as error:
            return self._not_now(operation, error)
        except Exception:
            log.exception("%s of call %r failed", op, operation.call_id)
            self.counted[op, "fault"] += 1
            return 500, problem(500, "fault", "the operation failed and nothing was written; see the log")
        self.counted[op, _result(shown)] += 1
        return status, shown

    def _not_now(self, operation: Operation, error: Exception) -> tuple[int, msgspec.Struct]:
        """503; but an emergency call is let through whatever stands against it (rulings.md 24)."""
        op = _OPS[type(operation)]
        if isinstance(operation, StartCall):
            rules = self._desk.rules
            if rules.classifier.is_never_refused(operation.call_type.lower()):
                self.counted[op, "allow"] += 1
                return answer_shown(free_grant(operation, rules.pace, self._desk.engine.clock_us()))
        code = UNAVAILABLE[type(error)]
        self.counted[op, code] += 1
        return 503, problem(503, code, f"{error}; repeat the same request")

    async def _batch(self, principal: Principal, body: bytes) -> bytes:
        try:
            items = batch_items(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refused(malformed(error)) from None
        if len(items) > MAX_ITEMS:
            raise Refused(Refusal(413, "too_large", f"a batch has at most {MAX_ITEMS} operations"))
        shown: list[tuple[int, msgspec.Struct]] = []
        for at in range(0, len(items), BATCH_STEP):
            shown += await self._step(principal, items[at : at + BATCH_STEP])
        return batch_shown(shown)

    async def _step(self, principal: Principal, items: list[msgspec.Raw]) -> list[tuple[int, msgspec.Struct]]:
        """Hands a part of a batch in at once, so that it shares commits, and waits for all of it."""
        handed: list[Handed | tuple[int, msgspec.Struct]] = []
        for raw in items:
            try:
                operation = item_operation(raw)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                refusal = malformed(error)
                handed.append((400, problem(400, refusal.code, refusal.detail, refusal.pointer)))
                continue
            if not principal.may_see(operation.tenant):
                handed.append((404, problem(404, "unknown_tenant", "no such tenant for this key")))
                continue
            try:
                handed.append(Handed(operation, self._desk.submit(operation)))
            except (QueueFull, Stopping) as error:
                handed.append(self._not_now(operation, error))
        return [
            await self._answered(each.operation, each.answer) if isinstance(each, Handed) else each
            for each in handed
        ]

    def _principal(self, scope: Scope) -> Principal:
        for name, value in scope["headers"]:
            if name == b"authorization":
                scheme, _, token = value.partition(b" ")
                principal = self._keyring.principal(token.strip()) if scheme.lower() == b"bearer" else None
                if principal is None:
                    break
                if LIVE not in principal.scopes:
                    raise Refused(Refusal(403, "scope", "this key may not charge calls; it lacks `live`"))
                return principal
        challenge = ((b"www-authenticate", b"Bearer"),)
        detail = "send a key that is valid: Authorization: Bearer KEY"
        raise Refused(Refusal(401, "unauthorised", detail, "", challenge))

    async def _body(self, receive: Receive, limit: int) -> bytes:
        """The body, bounded in size and in the time it may take to arrive."""
        task = asyncio.current_task()
        assert task is not None
        self._reading[task] = time.monotonic()
        try:
            message = await receive()
            body: bytes = message.get("body", b"")
            while message.get("more_body") and len(body) <= limit:
                message = await receive()
                body += message.get("body", b"")
        except asyncio.CancelledError:
            if task not in self._slow:
                raise
            self._slow.discard(task)
            task.uncancel()
            detail = f"the body did not arrive within {BODY_TIMEOUT_S} s"
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
        late = time.monotonic() - BODY_TIMEOUT_S
        slow = [task for task, since in self._reading.items() if since < late]
        for task in slow:
            self._slow.add(task)
            task.cancel()
        return len(slow)


_CLOSE: Final = ((b"connection", b"close"),)
_OPS: Final = {StartCall: "start", ExtendCall: "extend", EndCall: "end", CancelCall: "cancel"}


def malformed(error: Exception) -> Refusal:
    """400 for a body that cannot be read, with a pointer to the field where one is wrong."""
    text = str(error) or "the body is nested too deeply"
    sentence, _, path = text.partition(" - at `$")
    pointer = path.rstrip("`").replace("[", "/").replace("]", "").replace(".", "/")
    return Refusal(400, "malformed", sentence, pointer)


def _result(shown: msgspec.Struct) -> str:
    """What the metrics call an answer."""
    if isinstance(shown, DeniedShown):
        return shown.reason
    if isinstance(shown, ProblemShown):
        return shown.code
    return "allow" if isinstance(shown, AllowedShown) else "done"


async def _answer(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})
