"""Requests and what their answers mean, without any I/O: the part that both clients share.

An exchange knows its address, its body, how its answer is read, whether it may be sent twice, and what is
told where nobody answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Generic, Literal, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from talktime.client.answers import (
    Allowed,
    Answer,
    Cancelled,
    Credits,
    Decision,
    Deck,
    Denied,
    Funded,
    Problem,
    Settled,
)
from talktime.client.errors import ProblemError, UnavailableError
from talktime.client.operations import (
    JSON,
    NAMES,
    Cancel,
    End,
    Extend,
    Operation,
    Start,
    as_utc,
    body_of,
    in_utc,
)
from talktime.client.retry import retry_after_s

T = TypeVar("T")
OnUnavailable = Literal["open", "closed"]

SLICE_S: Final = 600
"""The grant that is assumed where the policy is open and the service is away."""

AWAY: Final = (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError, httpx.ProxyError)
"""What httpx raises where nobody answered."""

UNSENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Those of them that say that nothing was sent: any request may be made again after them."""

AWAY_STATUSES: Final = frozenset({502, 503, 504})
"""The service is full or stopping, or the proxy before it finds nobody."""

LASTING: Final = frozenset({"no_exports"})
"""Codes of 503 that do not pass by waiting: this process is not the one to ask."""

SERVICE_AWAY: Final = "service_away"
"""The reason of a denial that the client gave itself."""


@dataclass(frozen=True, slots=True)
class Away:
    """Nobody answered, or the service asked to come again after so many seconds.

    `unsent`: nobody was reached, so the request cannot have been done.
    """

    why: str
    asked_s: float = 0.0
    unsent: bool = False


@dataclass(frozen=True, slots=True)
class Exchange(Generic[T]):
    """One request. `content` may be where a file lies, which is sent block by block.

    `assumed` gives the answer where nobody answers; None: that is an error.

    `repeats`: it may be sent again where nobody knows whether it was done. `key` is its Idempotency-Key, ""
    for none; `headers` are sent beside it.
    """

    method: str
    path: str
    content: bytes | Path
    content_type: str
    decode: Callable[[httpx.Response], T]
    repeats: bool = True
    assumed: Callable[[], T] | None = None
    key: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_headers(self) -> dict[str, str]:
        """What is sent as headers, but for the key of the client."""
        named = {"Idempotency-Key": self.key} if self.key else {}
        return {"Content-Type": self.content_type, **named, **self.headers}

    def may_go_again(self, away: Away) -> bool:
        """Whether the same request may be sent again after this."""
        return self.repeats or away.unsent

    def outcome(self, response: httpx.Response) -> T | Away:
        """What an answer means. Raises ProblemError."""
        if not response.is_success:
            why = _problem(response)
            if response.status_code in AWAY_STATUSES and why.code not in LASTING:
                asked_s = retry_after_s(response.headers.get("retry-after", ""))
                return Away(f"{why.status} {why.detail}", asked_s)
            place = response.headers.get("location", "")
            raise ProblemError(why.status, why.code, why.detail, why.pointer, why.faults, place)
        try:
            return self.decode(response)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            detail = f"{self.method} {self.path} got an answer that is none of Talktime: {error}"
            raise ProblemError(response.status_code, "not_understood", detail) from error

    def without(self, away: Away) -> T:
        """What is told where nobody answered in time. Raises UnavailableError."""
        if self.assumed is None:
            raise UnavailableError(f"{self.method} {self.path}: {away.why}", self.key)
        return self.assumed()


def _problem(response: httpx.Response) -> Problem:
    """The problem in an answer; what is none comes from something between us and the service."""
    try:
        return msgspec.json.decode(response.content, type=Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        detail = " ".join(response.text.split())[:200] or response.reason_phrase
        return Problem(response.status_code, f"http_{response.status_code}", detail)


def body(decode: Callable[[bytes], T]) -> Callable[[httpx.Response], T]:
    """Reads an answer by its body alone."""
    return lambda response: decode(response.content)


# --- calls -----------------------------------------------------------------------------------------

_decision: Final = msgspec.json.Decoder(Decision).decode
_settled: Final = msgspec.json.Decoder(Settled).decode
_cancelled: Final = msgspec.json.Decoder(Cancelled).decode
_raw_list: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_problem_item: Final = msgspec.json.Decoder(Problem).decode


class _Status(msgspec.Struct):
    status: int


_status_of: Final = msgspec.json.Decoder(_Status).decode


def start(operation: Start, policy: OnUnavailable) -> Exchange[Decision]:
    """May the call begin?"""
    return _single(operation, _decision, lambda: _assumed(operation.call_id, 0, policy))


def extend(operation: Extend, policy: OnUnavailable) -> Exchange[Decision]:
    """May it go on?"""
    used_s = operation.used_seconds
    return _single(operation, _decision, lambda: _assumed(operation.call_id, used_s, policy))


def end(operation: End) -> Exchange[Settled]:
    """It is over; an end is never assumed, it has to be sent until it is answered."""
    return _single(operation, _settled)


def cancel(operation: Cancel) -> Exchange[Cancelled]:
    """It did not come about."""
    return _single(operation, _cancelled)


def batch(operations: Sequence[Operation]) -> Exchange[list[Answer | Problem]]:
    """Many operations at once; each stands alone, answers come in order."""
    ready = [in_utc(operation) for operation in operations]

    def decode(content: bytes) -> list[Answer | Problem]:
        parts = _raw_list(content)
        if len(parts) != len(ready):
            raise msgspec.ValidationError(f"{len(parts)} answers to {len(ready)} operations")
        return [_batch_answer(each, part) for each, part in zip(ready, parts, strict=True)]

    return Exchange("POST", "/v1/calls:batch", msgspec.json.encode(ready), JSON, body(decode))


def _batch_answer(operation: Operation, part: msgspec.Raw) -> Answer | Problem:
    if _status_of(part).status != 200:
        return _problem_item(part)
    decode = _BATCH[type(operation)]
    return decode(part)


_BATCH: Final[Mapping[type[Operation], Callable[[bytes | msgspec.Raw], Answer]]] = {
    Start: _decision,
    Extend: _decision,
    End: _settled,
    Cancel: _cancelled,
}


def _single(
    operation: Operation, decode: Callable[[bytes], T], assumed: Callable[[], T] | None = None
) -> Exchange[T]:
    path = f"/v1/calls/{quote(operation.call_id, safe='')}/{NAMES[type(operation)]}"
    content = msgspec.json.encode(body_of(in_utc(operation)))
    return Exchange("POST", path, content, JSON, body(decode), assumed=assumed)


def _assumed(call_id: str, used_s: int, policy: OnUnavailable) -> Decision:
    if policy == "open":
        return Allowed(call_id, SLICE_S, used_s + SLICE_S, final=False, is_assumed=True)
    detail = "the service did not answer in time, and the policy is closed"
    return Denied(call_id, SERVICE_AWAY, True, detail, is_assumed=True)


# --- management ------------------------------------------------------------------------------------


class _Binding(msgspec.Struct, omit_defaults=True):
    version: str
    valid_from: datetime | None = None


def make_tenant(tables: Mapping[str, Any]) -> Exchange[None]:
    """Makes a tenant; not sent twice, since the second would say that it exists."""
    content = msgspec.json.encode(tables)
    return Exchange("POST", "/v1/tenants", content, JSON, nothing, repeats=False)


def fund(tenant: str, amount: Decimal, currency: str, reference: str) -> Exchange[Funded]:
    """Opens a lot; the reference makes it safe to send again. Raises ValueError without one."""
    if not reference:
        raise ValueError("a purchase needs a reference: by it a repeat is known")
    content = msgspec.json.encode({"amount": f"{amount:f}", "currency": currency, "reference": reference})
    path = f"/v1/tenants/{quote(tenant, safe='')}/lots"
    return Exchange("POST", path, content, JSON, body(msgspec.json.Decoder(Funded).decode))


def credits_of(tenant: str) -> Exchange[Credits]:
    """What a tenant has."""
    path = f"/v1/tenants/{quote(tenant, safe='')}/credits"
    return Exchange("GET", path, b"", JSON, body(msgspec.json.Decoder(Credits).decode))


def add_deck(csv: str | None, name: str) -> Exchange[Deck]:
    """Stores a deck; None: the sample deck that ships with Talktime."""
    path = f"/v1/decks?name={quote(name, safe='')}" if name else "/v1/decks"
    decode = body(msgspec.json.Decoder(Deck).decode)
    if csv is None:
        return Exchange("POST", path, msgspec.json.encode({"sample": True}), JSON, decode)
    return Exchange("POST", path, csv.encode(), "text/csv", decode)


def bind_deck(version: str, tenant: str, valid_from: datetime | None) -> Exchange[None]:
    """Binds a deck for a tenant, for all of its currency where the tenant is ""."""
    path = f"/v1/tenants/{quote(tenant, safe='')}/deck-bindings" if tenant else "/v1/deck-bindings"
    binding = _Binding(version, None if valid_from is None else as_utc(valid_from))
    return Exchange("PUT", path, msgspec.json.encode(binding), JSON, nothing)


def nothing(response: httpx.Response) -> None:
    """Reads nothing of an answer."""
    del response
