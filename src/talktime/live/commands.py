"""The operations of a call as commands of the engine: decide, change the book, remember the answer.

Each is idempotent by (tenant, call id, operation, sequence): a repeat gets the first answer, the same
sequence with another body is a conflict (domain.md 7, rulings.md 25).
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from talktime.accounts.tenant import ACTIVE
from talktime.core.limits import MAX_CALL_S, US_PER_S
from talktime.core.refusals import NONE, Refusal, refusal
from talktime.ledger.engine import NeedsPeriod
from talktime.ledger.records import Change, Facts, Given, Op, Session, SessionRow, State
from talktime.live.answers import (
    Allowed,
    Answer,
    Cancelled,
    Denied,
    Fault,
    FaultCode,
    Grant,
    Settled,
)
from talktime.live.facts import UNRATED, UnknownPayer, asked, check_payers
from talktime.live.guards import forget_hours, hour_guard, too_many
from talktime.live.operations import UNKNOWN_US, CancelCall, EndCall, ExtendCall, StartCall
from talktime.live.reserve import (
    asked_s,
    authorised_s,
    cover_of,
    first_need,
    keep,
    put_back,
    reserve,
    short_of,
    wallet_bits,
)
from talktime.live.settle import FLAG_LOST, Report, body_of, correct, release_all, settle
from talktime.live.tenant import LiveTenant
from talktime.live.told import recharge_comes, tell_refused

if TYPE_CHECKING:
    from talktime.ledger.book import Book
    from talktime.live.facts import Asked, Classifier
    from talktime.live.operations import Pace
    from talktime.live.rates import RateBooks

RECHARGE_S: Final = 15
"""So many seconds after a short grant a switch asks again while a recharge is on its way."""

MAX_GIVEN: Final = 16
"""Answers that a session remembers; of more, the oldest extends are forgotten (docs/decisions)."""

DETAILS: Final = {
    Refusal.UNKNOWN_TENANT: "no such tenant",
    Refusal.DUPLICATE_CALL: "this call id has been used already",
    Refusal.BARRED_DESTINATION: "the destination is barred for this user",
    Refusal.NOT_LICENSED: "the payer of this call holds no licence to spend credits",
    Refusal.PREMIUM_REFUSED: "premium numbers of this kind are not connected",
    Refusal.NO_RATE: "no rate of the deck in force fits the number",
    Refusal.SPEND_CAP: "a spend cap leaves too little",
    Refusal.CREDITS_EXPIRED: "the credits have expired; buy more",
    Refusal.POST_USAGE_OFF: "the credits are used up and post-usage billing is off",
    Refusal.NO_CREDIT: "the available credits do not pay for it",
    Refusal.CALL_TOO_LONG: "the call has reached the longest that is allowed",
    Refusal.TENANT_SUSPENDED: "the provider has suspended this tenant",
}

NO_FACTS: Final = Facts(*("", "", "", "", "", "", "", "", ""), (), 0, 0, 0, (), 0, (), (), 0, 0, 0, ())
"""Of a start that was denied: there is no call to know anything of."""

_denied: Final = msgspec.json.Decoder(Denied)
_settled: Final = msgspec.json.Decoder(Settled)
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Rules:
    """What all commands of calls work with: how calls are classified and priced, and the pace of grants."""

    classifier: Classifier
    rates: RateBooks
    pace: Pace


class Urgent(Protocol):
    """What an emergency call can be told by, without a ledger."""

    @property
    def classifier(self) -> Classifier:
        """Which calls are never refused."""

    @property
    def pace(self) -> Pace:
        """How long a grant is."""


def digest_of(operation: StartCall | ExtendCall | EndCall | CancelCall) -> int:
    """48 bits that tell the parsed fields of two requests apart."""
    return int.from_bytes(blake2b(msgspec.msgpack.encode(operation), digest_size=6).digest())


class Start:
    """`start`: may the call begin, for how long, who pays (domain.md 7)."""

    __slots__ = ("call", "call_id", "creates", "rules", "tenant")

    def __init__(self, call: StartCall, rules: Rules) -> None:
        self.call = call
        self.rules = rules
        self.tenant = call.tenant
        self.call_id = call.call_id
        self.creates = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Answer:
        """The answer; a granted call has its reservation in the book."""
        call, rules = self.call, self.rules
        if book is None:
            if self._is_urgent:
                return free_grant(call, rules, now_us)
            return Denied(call.call_id, Refusal.UNKNOWN_TENANT, DETAILS[Refusal.UNKNOWN_TENANT])
        now_us = book.advance(now_us)
        digest = digest_of(call)
        tenant = _tenant(book)
        if session is not None:
            answer = _known_start(session, call, digest, tenant)
            if answer is not None:
                urgent = rules.classifier.is_never_refused(call.call_type.lower())
                return (
                    answer if isinstance(answer, Allowed) or not urgent else free_grant(call, rules, now_us)
                )
        if tenant.tenant.status != ACTIVE and not self._is_urgent:
            why = Refusal.TENANT_SUSPENDED
            return self._deny(book, session, digest, why, DETAILS[why])
        try:
            asked_for = asked(call, tenant, rules.rates, rules.classifier, now_us)
        except UnknownPayer as unknown:
            return self._deny(book, session, digest, Refusal.UNKNOWN_USER, str(unknown))
        if asked_for.doubt:
            detail = f"call type {call.call_type!r} is none that the catalogue knows; see docs/integrate.md"
            return Fault(call.call_id, FaultCode.UNKNOWN_CALL_TYPE, detail)
        if not book.has_period(asked_for.facts.period):
            raise NeedsPeriod(asked_for.facts.period)
        return self._grant(book, tenant, session, asked_for, digest)

    @property
    def _is_urgent(self) -> bool:
        return self.rules.classifier.is_never_refused(self.call.call_type.lower())

    def _grant(
        self, book: Book, tenant: LiveTenant, session: SessionRow | None, asked_for: Asked, digest: int
    ) -> Answer:
        facts, pace = asked_for.facts, self.rules.pace
        cover = cover_of(book, tenant, facts, [])
        if facts.paid:
            needs_money, price, over_us = first_need(facts, cover)
            reason = refusal(
                asked_for.gates,
                needs_money,
                facts.rated,
                price,
                book.available(over_us),
                cover.cap_left,
                tenant.terms.behind,
                wallet_bits(book, tenant),
            )
            if reason != NONE:
                why = Refusal(reason)
                detail = asked_for.unrated if why == Refusal.NO_RATE else _detail(book, facts, why)
                return self._deny(book, session, digest, why, detail)
            crowd = too_many(book, tenant, facts.open_counters)
            if crowd:
                return self._deny(book, session, digest, Refusal.TOO_MANY_CALLS, crowd)
        aim_s = asked_s(book, tenant, facts, cover, 0, (self.call.requested_s, pace))
        # A call that may begin holds its first interval, whatever was asked: nothing less fences it.
        aim_s = max(aim_s, 1)
        most_s = min(aim_s, facts.max_call_s or MAX_CALL_S)
        granted_s = authorised_s(book, tenant, facts, cover, 0, most_s) if facts.paid else most_s
        row = _row(session, self.call_id)
        body = Session(facts, 0, granted_s, 0, self.call.sequence, 0, [], [], _earlier(row))
        row.state, row.body = State.OPEN, body
        if facts.paid:
            forget_hours(book, tenant, book.last_us)
            reserve(book, body, cover)
            for name in facts.open_counters:
                book.count(name, 0, 0, 1)
        ringing_s = pace.ringing_s if self.call.answered_us == UNKNOWN_US else 0
        row.due_us = book.last_us + (ringing_s + granted_s + pace.grace_s) * US_PER_S
        valid_us = facts.base_us + granted_s * US_PER_S
        ask_again_s = 0
        if granted_s < aim_s and short_of(book, tenant, facts, cover, granted_s) == Refusal.NO_CREDIT:
            ask_again_s = _money_comes_s(book, tenant, granted_s)
        short = granted_s < aim_s
        return _allow(book, row, (Op.START, self.call.sequence, digest), valid_us, (short, ask_again_s))

    def _deny(
        self, book: Book, session: SessionRow | None, digest: int, reason: Refusal, detail: str
    ) -> Answer:
        """Denies, and remembers it for a repeat; a denied start leaves no session (rulings.md 25)."""
        tell_refused(book, _tenant(book).tenant, reason)
        answer = Denied(self.call_id, reason, detail)
        row = _row(session, self.call_id)
        row.state = State.DENIED
        row.due_us = book.last_us + self.rules.pace.kept_s * US_PER_S
        row.body = Session(NO_FACTS, 0, 0, 0, self.call.sequence, 0, [], [], _earlier(row))
        _remember(row.body, Given(Op.START, self.call.sequence, digest, (), _encode(answer).decode()))
        book.keep(row)
        return answer


class Extend:
    """`extend`: so many seconds are used, may it go on (domain.md 7, rulings.md 21)."""

    __slots__ = ("call", "call_id", "creates", "rules", "tenant")

    def __init__(self, call: ExtendCall, rules: Rules) -> None:
        self.call = call
        self.rules = rules
        self.tenant = call.tenant
        self.call_id = call.call_id
        self.creates = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Answer:
        """The answer; a longer grant has its reservation in the book, a denial leaves what the call has."""
        call, pace = self.call, self.rules.pace
        digest = digest_of(call)
        known = _known(book, session, Op.EXTEND, call.sequence, digest)
        if not isinstance(known, SessionRow):
            return known
        row, body = known, body_of(known)
        if call.used_s > pace.max_call_s:
            return _absurd(row, call.used_s, pace)
        assert book is not None
        book.advance(now_us)
        facts = body.facts
        _check_period(book, facts)
        body.used_s = max(body.used_s, call.used_s)
        body.reported, body.last_sequence = 1, call.sequence
        tenant = _tenant(book)
        aim_s, reason = self._reauthorise(book, tenant, body)
        left_s = max(body.authorised_s - body.used_s, 0)
        row.due_us = book.last_us + (left_s + pace.grace_s) * US_PER_S
        if body.authorised_s <= body.used_s:
            return _refuse(book, row, call.sequence, digest, reason)
        valid_us = book.last_us + left_s * US_PER_S
        short, ask_again_s = body.authorised_s < aim_s, 0
        if short and reason == Refusal.NO_CREDIT:
            ask_again_s = _money_comes_s(book, tenant, left_s)
        return _allow(book, row, (Op.EXTEND, call.sequence, digest), valid_us, (short, ask_again_s))

    def _reauthorise(self, book: Book, tenant: LiveTenant, body: Session) -> tuple[int, Refusal]:
        """Grants more where it can; returns (seconds aimed at in all, why it was not more)."""
        call, facts = self.call, body.facts
        put_back(book, body)
        cover = cover_of(book, tenant, facts, body.pools)
        wish_s = asked_s(book, tenant, facts, cover, body.used_s, (call.requested_s, self.rules.pace))
        aim_s = body.used_s + wish_s
        longest_s = facts.max_call_s or MAX_CALL_S
        most_s = min(aim_s, longest_s)
        had_s = body.authorised_s
        granted_s = (
            authorised_s(book, tenant, facts, cover, had_s, most_s) if facts.paid else max(had_s, most_s)
        )
        reason = Refusal.CALL_TOO_LONG if most_s < aim_s else Refusal.NO_CREDIT
        if granted_s < most_s:
            reason = short_of(book, tenant, facts, cover, max(granted_s, body.used_s))
        if granted_s > had_s and granted_s > body.used_s:
            body.authorised_s = granted_s
            if facts.paid:
                reserve(book, body, cover)
        else:
            keep(book, body)
        book.settled(book.balance)
        return aim_s, reason


class End:
    """`end`: the call is over and is charged; of a lost call it corrects the charge (rulings.md 20, 23)."""

    __slots__ = ("call", "call_id", "creates", "rules", "tenant")

    def __init__(self, call: EndCall, rules: Rules) -> None:
        self.call = call
        self.rules = rules
        self.tenant = call.tenant
        self.call_id = call.call_id
        self.creates = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Answer:
        """The charge, or a fault that leaves the session as it is."""
        call, pace = self.call, self.rules.pace
        digest = digest_of(call)
        known = _known(book, session, Op.END, call.sequence, digest)
        if not isinstance(known, SessionRow):
            return known
        row = known
        if call.duration_s > pace.max_call_s:
            return _absurd(row, call.duration_s, pace)
        assert book is not None
        book.advance(now_us)
        body = body_of(row)
        _check_period(book, body.facts)
        report = Report(call.duration_s, pace.slack_s, call.answered_us, call.ended_us)
        finish = settle if row.state == State.OPEN else correct
        answer, _ = finish(book, _tenant(book), row, report)
        body.spent = None
        _closed(book, row, State.ENDED, pace)
        _remember(body, Given(Op.END, call.sequence, digest, (), _encode(answer).decode()))
        return answer


class Cancel:
    """`cancel`: the call was not answered; everything it holds is released."""

    __slots__ = ("call", "call_id", "creates", "rules", "tenant")

    def __init__(self, call: CancelCall, rules: Rules) -> None:
        self.call = call
        self.rules = rules
        self.tenant = call.tenant
        self.call_id = call.call_id
        self.creates = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Answer:
        """Cancelled, or a fault that leaves the session as it is."""
        call = self.call
        digest = digest_of(call)
        known = _known(book, session, Op.CANCEL, call.sequence, digest)
        if not isinstance(known, SessionRow):
            return known
        assert book is not None
        if body_of(known).used_s:
            return _conflict(call.call_id, "the call was answered and used; send its end")
        book.advance(now_us)
        _check_period(book, body_of(known).facts)
        release_all(book, known)
        _closed(book, known, State.CANCELLED, self.rules.pace)
        _remember(body_of(known), Given(Op.CANCEL, call.sequence, digest, (), ""))
        return Cancelled(call.call_id)


class Sweep:
    """Closes a call that fell silent: charged for its last report, or not answered (rulings.md 23)."""

    __slots__ = ("call_id", "creates", "rules", "tenant")

    def __init__(self, tenant: str, call_id: str, rules: Rules) -> None:
        self.rules = rules
        self.tenant = tenant
        self.call_id = call_id
        self.creates = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Answer | None:
        """The charge of a lost call; None where there is nothing to do, since somebody was faster."""
        if book is None or session is None or session.state != State.OPEN:
            return None
        if session.due_us > book.advance(now_us):
            return None
        return lose(book, session, self.rules.pace)


class Close:
    """A person ends a call, or releases what it holds: charged for `duration_s`, else the last report."""

    __slots__ = ("call_id", "creates", "duration_s", "rules", "tenant", "who")

    def __init__(self, tenant: str, call_id: str, rules: Rules, who: str, duration_s: int | None) -> None:
        self.tenant = tenant
        self.call_id = call_id
        self.rules = rules
        self.who = who
        self.duration_s = duration_s
        self.creates = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Answer:
        """The charge; the switch's own end, should it come, corrects it."""
        if book is None or session is None or session.state == State.DENIED:
            return Fault(self.call_id, FaultCode.UNKNOWN_CALL, f"no call {self.call_id!r} is in progress")
        if session.state != State.OPEN:
            return Fault(self.call_id, FaultCode.CONFLICT, "the call is over already")
        book.advance(now_us)
        body = body_of(session)
        _check_period(book, body.facts)
        if self.duration_s is not None:
            body.used_s, body.reported = self.duration_s, 1
        before = _encode({"used_s": body.used_s, "reserved": body.lots, "pools": body.pools}).decode()
        answer = lose(book, session, self.rules.pace)
        book.audit.append(
            Change(book.last_us, self.who, f"end call {self.call_id}", before, _encode(answer).decode())
        )
        return answer


class Trim:
    """Lets go of the answers of a call that has been closed for long; its charge stays (rulings.md 35)."""

    __slots__ = ("call_id", "creates", "tenant")

    def __init__(self, tenant: str, call_id: str) -> None:
        self.tenant = tenant
        self.call_id = call_id
        self.creates = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> bool:
        """Whether there was something to let go of."""
        if book is None or session is None or session.state == State.OPEN or session.body is None:
            return False
        if session.due_us > book.advance(now_us):
            return False
        session.body = None
        book.keep(session)
        return True


def lose(book: Book, row: SessionRow, pace: Pace) -> Answer:
    """Closes an open session without its switch: charged for the last report, all else released."""
    body = body_of(row)
    _check_period(book, body.facts)
    report = Report(body.used_s if body.reported else 0, pace.slack_s, flags=(FLAG_LOST,))
    answer, spent = settle(book, _tenant(book), row, report)
    body.spent = spent
    _closed(book, row, State.LOST, pace)
    return answer


def free_grant(call: StartCall, rules: Urgent, now_us: int) -> Allowed:
    """What an emergency call is told where nothing else can be asked: go on, for a whole slice."""
    call_type, slice_s = call.call_type.lower(), rules.pace.slice_s
    category = rules.classifier.urgent_category(call_type)
    facts = msgspec.structs.replace(NO_FACTS, call_type=call_type, category=category, rate=UNRATED)
    return Allowed(call.call_id, facts, Grant(0, slice_s, 0, 0, now_us + slice_s * US_PER_S, 0, 0))


def _tenant(book: Book) -> LiveTenant:
    assert isinstance(book.config, LiveTenant), "the engine was given another configuration"
    return book.config


def _row(session: SessionRow | None, call_id: str) -> SessionRow:
    """The row of a new session; that of a denied start is used again."""
    return SessionRow(call_id, State.OPEN, 0, 0, None) if session is None else session


def _earlier(row: SessionRow) -> list[Given]:
    """The denials that this call id was given before."""
    return row.body.given if row.body is not None else []


def _check_period(book: Book, facts: Facts) -> None:
    if not book.has_period(facts.period):
        raise NeedsPeriod(facts.period)


def _known_start(row: SessionRow, call: StartCall, digest: int, tenant: LiveTenant) -> Answer | None:
    """The answer to a start whose call id is known, or None for a new try after a denial."""
    for given in _earlier(row):
        if given.op == Op.START and given.sequence == call.sequence:
            if given.digest != digest:
                return _conflict(call.call_id, "this sequence came before with another body")
            return _given(row, given)
    if row.state != State.DENIED:
        try:
            check_payers(call, tenant)
        except UnknownPayer as unknown:
            return Denied(call.call_id, Refusal.UNKNOWN_USER, str(unknown))
        return Denied(call.call_id, Refusal.DUPLICATE_CALL, DETAILS[Refusal.DUPLICATE_CALL])
    if row.body is not None and call.sequence < row.body.last_sequence:
        return _conflict(call.call_id, f"sequences rise; the last one was {row.body.last_sequence}")
    return None


def _known(
    book: Book | None, session: SessionRow | None, op: Op, sequence: int, digest: int
) -> Answer | SessionRow:
    """The session that an operation may go on with, or its answer where that is already clear."""
    if book is None:
        return Fault("", FaultCode.UNKNOWN_TENANT, "no such tenant")
    if session is None or session.state == State.DENIED:
        return Fault("", FaultCode.UNKNOWN_CALL, "no such call; it was never started, or it was denied")
    body = session.body
    if body is None:
        return Fault(session.call_id, FaultCode.DUPLICATE_CALL, DETAILS[Refusal.DUPLICATE_CALL])
    for given in body.given:
        if given.op == op and given.sequence == sequence:
            if given.digest != digest:
                return _conflict(session.call_id, "this sequence came before with another body")
            return _given(session, given)
    late = op == Op.END and session.state == State.LOST
    if session.state != State.OPEN and not late:
        return _conflict(session.call_id, f"the call is over ({State(session.state).name.lower()})")
    if sequence <= body.last_sequence:
        return _conflict(session.call_id, f"sequences rise; the last one was {body.last_sequence}")
    return session


def _given(row: SessionRow, given: Given) -> Answer:
    """A stored answer as it was first told."""
    if given.op == Op.CANCEL:
        return Cancelled(row.call_id)
    if given.op == Op.END:
        return _settled.decode(given.text)
    if given.text:
        return _denied.decode(given.text)
    return Allowed(row.call_id, body_of(row).facts, Grant(*given.grant))


def _money_comes_s(book: Book, tenant: LiveTenant, left_s: int) -> int:
    """After how many seconds a short grant may be asked for again since money is on its way; 0: none is."""
    return min(RECHARGE_S, max(left_s - 1, 1)) if recharge_comes(book, tenant.tenant) else 0


def _allow(
    book: Book, row: SessionRow, asked: tuple[Op, int, int], valid_us: int, end: tuple[bool, int]
) -> Allowed:
    """`asked`: operation, sequence, digest; `end`: whether it is short, and when to ask again (0: never)."""
    (op, sequence, digest), (short, ask_again_s) = asked, end
    body = body_of(row)
    pool_s = sum([seconds for _, seconds in body.pools])
    credits = sum([micros for _, micros in body.lots])
    final = int(short and not ask_again_s)
    grant = Grant(body.used_s, body.authorised_s, final, ask_again_s, valid_us, pool_s, credits)
    body.last_sequence = sequence
    _remember(body, Given(op, sequence, digest, grant, ""))
    book.keep(row)
    return Allowed(row.call_id, body.facts, grant)


def _refuse(book: Book, row: SessionRow, sequence: int, digest: int, reason: Refusal) -> Denied:
    answer = Denied(row.call_id, reason, _detail(book, body_of(row).facts, reason))
    _remember(body_of(row), Given(Op.EXTEND, sequence, digest, (), _encode(answer).decode()))
    book.keep(row)
    return answer


def _remember(body: Session, given: Given) -> None:
    """Keeps an answer for its repeats; of many extends the latest, of many denied starts too."""
    body.last_sequence = max(body.last_sequence, given.sequence)
    body.given.append(given)
    if len(body.given) > MAX_GIVEN:
        ops = [each.op for each in body.given]
        del body.given[ops.index(Op.EXTEND) if Op.EXTEND in ops else 0]


def _detail(book: Book, facts: Facts, reason: Refusal) -> str:
    """The sentence of a refusal; of a spend cap it says whether it is the month's or a guard of the hour."""
    guard = hour_guard(book, facts.caps) if reason == Refusal.SPEND_CAP else ""
    return guard or DETAILS[reason]


def _closed(book: Book, row: SessionRow, state: State, pace: Pace) -> None:
    row.state = state
    row.due_us = book.last_us + pace.kept_s * US_PER_S
    book.keep(row)


def _conflict(call_id: str, detail: str) -> Fault:
    return Fault(call_id, FaultCode.CONFLICT, detail)


def _absurd(row: SessionRow, seconds_s: int, pace: Pace) -> Fault:
    detail = f"{seconds_s} s is longer than any call may be ({pace.max_call_s} s); nothing was changed"
    return Fault(row.call_id, FaultCode.ABSURD, detail)
