"""The live routes' JSON: requests into operations, answers into bytes (interfaces.md, Live calls).

Amounts are decimal strings, instants ISO 8601 in UTC. Every field has a bound; a field too many or of a wrong
type is refused by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Annotated, Final

import msgspec

from talktime.core.money import NANOS_PLACES, format_decimal, format_money
from talktime.doors.http.problems import STATUS_OF_CODE
from talktime.files.instants import format_instant, parse_instant
from talktime.live.answers import Allowed, Answer, Cancelled, Denied, Fault, FaultCode, Settled
from talktime.live.operations import (
    NOT_ASKED,
    UNKNOWN_US,
    CancelCall,
    EndCall,
    ExtendCall,
    Operation,
    StartCall,
)

MAX_SECONDS: Final = 2**40
"""More than any call: the engine says that it is absurd, the parser only that it is a number."""

LAST_US: Final = 7_258_118_400_000_000
"""2200-01-01T00:00:00Z: what a switch tells lies between 1970 and here, so no sum of instants overflows."""

ESCAPED_NUL: Final = b"\\u0000"
"""The only way a NUL gets into the text of valid JSON; not every database can store one."""

Word = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Text = Annotated[str, msgspec.Meta(max_length=256)]
Instant = Annotated[str, msgspec.Meta(max_length=64, description="ISO 8601; empty or absent: not known")]
Sequence = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=MAX_SECONDS)]


class StartBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    """The body of `start`."""

    tenant: Word
    sequence: Sequence
    call_type: Word
    user: Text = ""
    service_number: Text = ""
    caller: Text = ""
    callee: Text = ""
    started_at: Instant = ""
    answered_at: Instant = ""
    requested_seconds: Seconds | None = None

    def operation(self, call_id: str) -> StartCall:
        """The operation. Raises msgspec.ValidationError for an instant that is none."""
        return StartCall(
            self.tenant,
            call_id,
            self.sequence,
            self.call_type,
            self.user,
            self.service_number,
            self.caller,
            self.callee,
            NOT_ASKED if self.requested_seconds is None else self.requested_seconds,
            _instant(self.started_at, "started_at") if self.started_at else UNKNOWN_US,
            _instant(self.answered_at, "answered_at") if self.answered_at else UNKNOWN_US,
        )


class ExtendBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    """The body of `extend`."""

    tenant: Word
    sequence: Sequence
    used_seconds: Seconds
    requested_seconds: Seconds | None = None

    def operation(self, call_id: str) -> ExtendCall:
        """The operation."""
        asked_s = NOT_ASKED if self.requested_seconds is None else self.requested_seconds
        return ExtendCall(self.tenant, call_id, self.sequence, self.used_seconds, asked_s)


class EndBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    """The body of `end`."""

    tenant: Word
    sequence: Sequence
    duration_seconds: Seconds
    answered_at: Instant = ""
    ended_at: Instant = ""

    def operation(self, call_id: str) -> EndCall:
        """The operation. Raises msgspec.ValidationError for an instant that is none."""
        return EndCall(
            self.tenant,
            call_id,
            self.sequence,
            self.duration_seconds,
            _instant(self.answered_at, "answered_at") if self.answered_at else UNKNOWN_US,
            _instant(self.ended_at, "ended_at") if self.ended_at else UNKNOWN_US,
        )


class CancelBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    """The body of `cancel`."""

    tenant: Word
    sequence: Sequence

    def operation(self, call_id: str) -> CancelCall:
        """The operation."""
        return CancelCall(self.tenant, call_id, self.sequence)


class StartItem(StartBody, tag_field="op", tag="start"):
    """A start in a batch."""

    call_id: Word


class ExtendItem(ExtendBody, tag_field="op", tag="extend"):
    """An extend in a batch."""

    call_id: Word


class EndItem(EndBody, tag_field="op", tag="end"):
    """An end in a batch."""

    call_id: Word


class CancelItem(CancelBody, tag_field="op", tag="cancel"):
    """A cancel in a batch."""

    call_id: Word


Item = StartItem | ExtendItem | EndItem | CancelItem
Body = StartBody | ExtendBody | EndBody | CancelBody

MAX_ITEMS: Final = 10_000
"""The most operations of one batch."""

BODIES: Final[dict[str, Callable[[bytes], Body]]] = {
    "start": msgspec.json.Decoder(StartBody).decode,
    "extend": msgspec.json.Decoder(ExtendBody).decode,
    "end": msgspec.json.Decoder(EndBody).decode,
    "cancel": msgspec.json.Decoder(CancelBody).decode,
}
"""How the body of each operation is read. Raises msgspec.ValidationError or msgspec.DecodeError."""

_raw_items: Final = msgspec.json.Decoder(list[msgspec.Raw])
_item: Final = msgspec.json.Decoder(Item)
_encode: Final = msgspec.json.Encoder().encode


def batch_items(body: bytes) -> list[msgspec.Raw]:
    """The operations of a batch, each still to be read. Raises msgspec errors as BODIES."""
    return _raw_items.decode(body)


def item_operation(raw: msgspec.Raw, *, has_nul: bool = False) -> Operation:
    """One operation of a batch. Raises msgspec.ValidationError or msgspec.DecodeError.

    `has_nul`: there is a NUL somewhere in the batch, so this one is looked at too.
    """
    item: Item = _item.decode(raw)
    if has_nul:
        check_text(item)
    return item.operation(item.call_id)


def check_text(body: Body) -> None:
    """Raises msgspec.ValidationError where a text holds a NUL."""
    for field in body.__struct_fields__:
        value = getattr(body, field)
        if isinstance(value, str) and "\0" in value:
            raise msgspec.ValidationError(f"Text may not hold the character NUL - at `$.{field}`")


class RateShown(msgspec.Struct, gc=False):
    """The price of a call."""

    prefix: str
    price_per_minute: str
    first_price_per_minute: str
    connection_fee: str
    first_seconds: int
    step_seconds: int
    deck: str


class ReservedShown(msgspec.Struct, gc=False):
    """What the call holds after the answer."""

    pool_seconds: int
    credits: str


class AllowedShown(msgspec.Struct, omit_defaults=True, gc=False):
    """The answer to `start` and `extend` that lets a call go on; `final` is always told."""

    call_id: str
    decision: str
    granted_seconds: int
    authorised_seconds: int
    final: bool
    valid_until: str
    category: str
    reserved: ReservedShown
    rate: RateShown | None = None
    ask_again_s: int = 0


class DeniedShown(msgspec.Struct, gc=False):
    """The answer that does not let a call start or go on."""

    call_id: str
    decision: str
    reason: str
    retry: bool
    detail: str


class PaidShown(msgspec.Struct, omit_defaults=True, gc=False):
    """A source that paid a part of a call."""

    source: str
    id: str = ""
    seconds: int = 0
    amount: str = ""


class SettledShown(msgspec.Struct, omit_defaults=True, gc=False):
    """The answer to `end`."""

    call_id: str
    billed_seconds: int
    pool_seconds: int
    paid_seconds: int
    amount: str
    currency: str
    funding: list[PaidShown]
    balance: str
    available: str
    flags: tuple[str, ...] = ()


class CancelledShown(msgspec.Struct, gc=False):
    """The answer to `cancel`."""

    call_id: str
    state: str


class ProblemShown(msgspec.Struct, omit_defaults=True, gc=False):
    """An error as RFC 9457 has it; `code` is for programs, `pointer` names the field that is wrong."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    pointer: str = ""


_WORDS: Final = {FaultCode.DENIED_CALL: FaultCode.UNKNOWN_CALL, FaultCode.OVER: FaultCode.CONFLICT}
"""Faults that switches have always been told by a wider word; their sentences say which it is."""

FAULT_CODE: Final = {code: _WORDS.get(code, code).value for code in FaultCode}
"""What a fault is called."""

FAULT_STATUS: Final = {code: STATUS_OF_CODE.get(word, 422) for code, word in FAULT_CODE.items()}
"""Statuses of faults: those of the same codes in all routes."""


def answer_shown(answer: Answer) -> tuple[int, msgspec.Struct]:
    """(HTTP status, what is shown) of an answer; a refusal is an answer."""
    match answer:
        case Allowed():
            return 200, _allowed(answer)
        case Settled():
            return 200, _settled(answer)
        case Denied():
            reason = answer.reason
            return 200, DeniedShown(answer.call_id, "deny", reason.code, reason.retry_helps, answer.detail)
        case Cancelled():
            return 200, CancelledShown(answer.call_id, "cancelled")
        case Fault():
            status = FAULT_STATUS[answer.code]
            return status, problem(status, FAULT_CODE[answer.code], answer.detail)


def problem(status: int, code: str, detail: str, pointer: str = "") -> ProblemShown:
    """A problem ready to be shown."""
    kind, title = "about:blank", HTTPStatus(status).phrase
    return ProblemShown(kind, title, status, detail, code, pointer)


def encoded(shown: msgspec.Struct) -> bytes:
    """What is shown, as JSON."""
    return _encode(shown)


def _allowed(answer: Allowed) -> AllowedShown:
    grant, facts = answer.grant, answer.facts
    return AllowedShown(
        call_id=answer.call_id,
        decision="allow",
        granted_seconds=grant.granted_s,
        authorised_seconds=grant.authorised_s,
        final=bool(grant.final),
        valid_until=format_instant(grant.valid_until_us),
        category=facts.category,
        reserved=ReservedShown(grant.pool_s, format_money(grant.credits)),
        rate=_rate(facts.prefix, facts.rate, facts.deck) if facts.rated else None,
        ask_again_s=grant.ask_again_s,
    )


@lru_cache(maxsize=8_192)
def _rate(prefix: str, rate: tuple[int, ...], deck: str) -> RateShown:
    """The same few prices are shown again and again; nobody changes what is shown."""
    first_s, step_s, _, first_nanos, nanos, fee, _, _ = rate
    return RateShown(
        prefix=prefix,
        price_per_minute=format_decimal(nanos, NANOS_PLACES),
        first_price_per_minute=format_decimal(first_nanos, NANOS_PLACES),
        connection_fee=format_money(fee),
        first_seconds=first_s,
        step_seconds=step_s,
        deck=deck,
    )


def _settled(answer: Settled) -> SettledShown:
    return SettledShown(
        call_id=answer.call_id,
        billed_seconds=answer.billed_s,
        pool_seconds=answer.pool_s,
        paid_seconds=answer.paid_s,
        amount=format_money(answer.amount),
        currency=answer.currency,
        funding=[
            PaidShown(paid.source, paid.id, paid.seconds, format_money(paid.micros) if paid.micros else "")
            for paid in answer.funding
        ],
        balance=format_money(answer.balance),
        available=format_money(answer.available),
        flags=answer.flags,
    )


def _instant(text: str, field: str) -> int:
    try:
        at_us = parse_instant(text)
    except ValueError as error:
        raise msgspec.ValidationError(f"{error} - at `$.{field}`") from None
    if not 0 <= at_us < LAST_US:
        raise msgspec.ValidationError(f"{text!r} is not between 1970 and 2200 - at `$.{field}`")
    return at_us
