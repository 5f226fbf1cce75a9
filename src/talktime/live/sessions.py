"""A session as commands find it and leave it: what it was told before, what does not fit, how it closes.

Each operation is idempotent by (tenant, call id, operation, sequence): a repeat gets the first answer, the
same sequence with another body is a conflict (domain.md 7, rulings.md 25).
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import msgspec

from talktime.core.limits import US_PER_S
from talktime.core.refusals import Refusal
from talktime.ledger.engine import NeedsPeriod
from talktime.ledger.records import Facts, Given, Op, Session, SessionRow, State
from talktime.live.answers import Allowed, Answer, Cancelled, Denied, Fault, FaultCode, Grant, Settled
from talktime.live.facts import UnknownPayer, check_payers
from talktime.live.gate import DETAILS
from talktime.live.settle import FLAG_REPORT_MISSING, body_of
from talktime.live.tenant import LiveTenant

if TYPE_CHECKING:
    from talktime.ledger.book import Book
    from talktime.live.operations import AnyOperation, Pace, StartCall

MAX_GIVEN: Final = 16
"""Answers that a session remembers; of more, the oldest of those that may be many go (docs/decisions)."""

NO_FACTS: Final = Facts(*("", "", "", "", "", "", "", "", ""), (), 0, 0, 0, (), 0, (), (), 0, 0, 0, ())
"""Of a start that was denied: there is no call to know anything of."""

_BEGINS: Final = (Op.START, Op.DEBIT)
"""Operations that make a session: a sequence stands for one of them."""

_ENDS: Final = (Op.END, Op.FINISH)
"""Operations that correct the charge of a lost call."""

_CHARGES: Final = (Op.END, Op.FINISH, Op.DEBIT, Op.REFUND)
"""Operations whose answers are charges; a debit that was denied is kept as a start that was."""

_MANY: Final = (Op.EXTEND, Op.REPORT)
"""Operations that one session may be asked often: of too many answers the oldest of these is forgotten."""

_denied: Final = msgspec.json.Decoder(Denied)
_settled: Final = msgspec.json.Decoder(Settled)


def digest_of(operation: AnyOperation) -> int:
    """48 bits that tell the parsed fields of two requests apart. Stored: it may not change."""
    return int.from_bytes(blake2b(msgspec.msgpack.encode(operation), digest_size=6).digest())


def tenant_in(book: Book) -> LiveTenant:
    """The tenant of a book, ready for charging."""
    assert isinstance(book.config, LiveTenant), "the engine was given another configuration"
    return book.config


def check_period(book: Book, facts: Facts) -> None:
    """Raises NeedsPeriod where the counters of the call's month are not in memory."""
    if not book.has_period(facts.period):
        raise NeedsPeriod(facts.period)


def row_of(session: SessionRow | None, call_id: str) -> SessionRow:
    """The row of a new session; that of a denied start is used again."""
    return SessionRow(call_id, State.OPEN, 0, 0, None) if session is None else session


def earlier(row: SessionRow) -> list[Given]:
    """The denials that this call id was given before."""
    return row.body.given if row.body is not None else []


def known_start(row: SessionRow, call: StartCall, digest: int, tenant: LiveTenant) -> Answer | None:
    """The answer to a start whose call id is known, or None for a new try after a denial."""
    for given in earlier(row):
        if given.op in _BEGINS and given.sequence == call.sequence:
            if given.digest != digest:
                return conflict(call.call_id, "this sequence came before with another body")
            return told_before(row, given)
    if row.state != State.DENIED:
        try:
            check_payers(call, tenant)
        except UnknownPayer as unknown:
            return Denied(call.call_id, Refusal.UNKNOWN_USER, str(unknown))
        return Denied(call.call_id, Refusal.DUPLICATE_CALL, DETAILS[Refusal.DUPLICATE_CALL])
    if row.body is not None and call.sequence < row.body.last_sequence:
        return conflict(call.call_id, f"sequences rise; the last one was {row.body.last_sequence}")
    return None


def known_call(
    book: Book | None, session: SessionRow | None, op: Op, sequence: int, digest: int
) -> Answer | SessionRow:
    """The session that an operation may go on with, or its answer where that is already clear."""
    known = remembered(book, session, op, sequence, digest)
    if not isinstance(known, SessionRow):
        return known
    late = op in _ENDS and known.state == State.LOST
    if known.state != State.OPEN and not late:
        detail = f"the call is over ({State(known.state).name.lower()})"
        return Fault(known.call_id, FaultCode.OVER, detail)
    last = body_of(known).last_sequence
    if sequence <= last:
        return conflict(known.call_id, f"sequences rise; the last one was {last}")
    return known


def remembered(
    book: Book | None, session: SessionRow | None, op: Op, sequence: int, digest: int
) -> Answer | SessionRow:
    """The session of an operation that comes for the first time; else the answer that is clear already."""
    if book is None:
        return Fault("", FaultCode.UNKNOWN_TENANT, "no such tenant")
    unknown = "no such call; it was never started, or it was denied"
    if session is None:
        return Fault("", FaultCode.UNKNOWN_CALL, unknown)
    if session.state == State.DENIED:
        return Fault("", FaultCode.DENIED_CALL, unknown)
    body = session.body
    if body is None:
        return Fault(session.call_id, FaultCode.DUPLICATE_CALL, DETAILS[Refusal.DUPLICATE_CALL])
    for given in body.given:
        if given.op == op and given.sequence == sequence:
            if given.digest != digest:
                return conflict(session.call_id, "this sequence came before with another body")
            return told_before(session, given)
    return session


def missed(body: Session, sequence: int) -> tuple[str, ...]:
    """A flag, once, where numbers that were counted from report to report have a gap: one is lost for good.

    Its seconds are nowhere; only whoever reads the switch's own records can find them.
    """
    gap = sequence > body.last_sequence + 1 and FLAG_REPORT_MISSING not in body.facts.flags
    return (FLAG_REPORT_MISSING,) if gap else ()


def told_before(row: SessionRow, given: Given) -> Answer:
    """A stored answer as it was first told."""
    if given.op == Op.CANCEL:
        return Cancelled(row.call_id)
    if given.op in _CHARGES:
        return _settled.decode(given.text)
    if given.text:
        return _denied.decode(given.text)
    return Allowed(row.call_id, body_of(row).facts, Grant(*given.grant))


def remember(body: Session, given: Given) -> None:
    """Keeps an answer for its repeats; of many extends the latest, of many denied starts too."""
    body.last_sequence = max(body.last_sequence, given.sequence)
    body.given.append(given)
    if len(body.given) > MAX_GIVEN:
        many = (at for at, each in enumerate(body.given[:-1]) if each.op in _MANY)
        del body.given[next(many, 0)]


def closed(book: Book, row: SessionRow, state: State, pace: Pace) -> None:
    """Stores a session that is over; its answers are kept for so long."""
    row.state = state
    row.due_us = book.last_us + pace.kept_s * US_PER_S
    book.keep(row)


def conflict(call_id: str, detail: str) -> Fault:
    """The operation does not fit what came before."""
    return Fault(call_id, FaultCode.CONFLICT, detail)


def absurd(call_id: str, seconds_s: int, pace: Pace) -> Fault:
    """More seconds than any call has."""
    detail = f"{seconds_s} s is longer than any call may be ({pace.max_call_s} s); nothing was changed"
    return Fault(call_id, FaultCode.ABSURD, detail)
