"""The operations of a call as commands of the engine: decide, change the book, remember the answer.

What was told before, and what does not fit, is in `sessions`; what stands against a call in `gate`
(domain.md 7, rulings.md 20 to 25).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Protocol

import msgspec

from talktime.core.limits import MAX_CALL_S, US_PER_S
from talktime.core.refusals import Refusal
from talktime.ledger.records import Change, Given, Op, Session, SessionRow, State
from talktime.live.answers import Allowed, Answer, Cancelled, Denied, Fault, FaultCode, Grant
from talktime.live.facts import UNRATED
from talktime.live.gate import DETAILS, Against, detail_of, looked_at, why_not
from talktime.live.guards import forget_hours
from talktime.live.operations import UNKNOWN_US, CancelCall, EndCall, ExtendCall, StartCall
from talktime.live.reserve import asked_s, authorised_s, cover_of, keep, put_back, reserve, short_of
from talktime.live.sessions import (
    NO_FACTS,
    absurd,
    check_period,
    closed,
    conflict,
    digest_of,
    earlier,
    known_call,
    known_start,
    missed,
    remember,
    row_of,
    tenant_in,
)
from talktime.live.settle import FLAG_CORRECTS, FLAG_LOST, Report, body_of, correct, release_all, settle
from talktime.live.told import recharge_comes, tell_refused

if TYPE_CHECKING:
    from talktime.ledger.book import Book
    from talktime.live.facts import Asked, Classifier
    from talktime.live.operations import FinishCall, Pace, ReportCall
    from talktime.live.rules import Rules
    from talktime.live.tenant import LiveTenant

RECHARGE_S: Final = 15
"""So many seconds after a short grant a switch asks again while a recharge is on its way."""

_encode: Final = msgspec.json.Encoder().encode


class Urgent(Protocol):
    """What an emergency call can be told by, without a ledger."""

    @property
    def classifier(self) -> Classifier:
        """Which calls are never refused."""

    @property
    def pace(self) -> Pace:
        """How long a grant is."""


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
                return self._let_through(now_us)
            return Denied(call.call_id, Refusal.UNKNOWN_TENANT, DETAILS[Refusal.UNKNOWN_TENANT])
        now_us = book.advance(now_us)
        digest = self._digest()
        tenant = tenant_in(book)
        if session is not None:
            answer = known_start(session, call, digest, tenant)
            if answer is not None:
                if isinstance(answer, Denied | Fault) and self._is_urgent:
                    return self._let_through(now_us)
                return answer
        found = looked_at(book, tenant, call, rules)
        if isinstance(found, Fault):
            return found
        if isinstance(found, Against):
            return self._deny(book, session, digest, found)
        return self._grant(book, tenant, session, found, digest)

    def _digest(self) -> int:
        return digest_of(self.call)

    def _let_through(self, now_us: int) -> Answer:
        """The answer to an emergency call that cannot be looked at."""
        return free_grant(self.call, self.rules, now_us)

    @property
    def _is_urgent(self) -> bool:
        return self.rules.classifier.is_never_refused(self.call.call_type.lower())

    def _grant(
        self, book: Book, tenant: LiveTenant, session: SessionRow | None, asked_for: Asked, digest: int
    ) -> Answer:
        facts, pace = asked_for.facts, self.rules.pace
        cover = cover_of(book, tenant, facts, [])
        against = why_not(book, tenant, asked_for, cover)
        if against.reason:
            return self._deny(book, session, digest, against)
        aim_s = asked_s(book, tenant, facts, cover, 0, (self.call.requested_s, pace))
        # A call that may begin holds its first interval, whatever was asked: nothing less fences it.
        aim_s = max(aim_s, 1)
        most_s = min(aim_s, facts.max_call_s or MAX_CALL_S)
        granted_s = authorised_s(book, tenant, facts, cover, 0, most_s) if facts.paid else most_s
        row = row_of(session, self.call_id)
        body = Session(facts, 0, granted_s, 0, self.call.sequence, 0, [], [], earlier(row))
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

    def _deny(self, book: Book, session: SessionRow | None, digest: int, against: Against) -> Answer:
        """Denies, and remembers it for a repeat; a denied start leaves no session (rulings.md 25)."""
        tell_refused(book, tenant_in(book).tenant, against.reason)
        answer = Denied(self.call_id, against.reason, against.detail)
        row = row_of(session, self.call_id)
        row.state = State.DENIED
        row.due_us = book.last_us + self.rules.pace.kept_s * US_PER_S
        row.body = Session(NO_FACTS, 0, 0, 0, self.call.sequence, 0, [], [], earlier(row))
        remember(row.body, Given(Op.START, self.call.sequence, digest, (), _encode(answer).decode()))
        book.keep(row)
        return answer


class Extend:
    """`extend`: so many seconds are used, may it go on (domain.md 7, rulings.md 21)."""

    __slots__ = ("call", "call_id", "creates", "rules", "tenant")
    op: ClassVar = Op.EXTEND

    def __init__(self, call: ExtendCall | ReportCall, rules: Rules) -> None:
        self.call = call
        self.rules = rules
        self.tenant = call.tenant
        self.call_id = call.call_id
        self.creates = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Answer:
        """The answer; a longer grant has its reservation in the book, a denial leaves what the call has."""
        call, pace = self.call, self.rules.pace
        digest = digest_of(call)
        known = known_call(book, session, self.op, call.sequence, digest)
        if not isinstance(known, SessionRow):
            return known
        row, body = known, body_of(known)
        used_s = self._used_s(body)
        if used_s > pace.max_call_s:
            return absurd(row.call_id, used_s, pace)
        assert book is not None
        book.advance(now_us)
        facts = body.facts
        check_period(book, facts)
        if self.op == Op.REPORT and (flags := missed(body, call.sequence)):
            body.facts = facts = msgspec.structs.replace(facts, flags=facts.flags + flags)
        body.used_s = max(body.used_s, used_s)
        body.reported, body.last_sequence = 1, call.sequence
        tenant = tenant_in(book)
        aim_s, reason = self._reauthorise(book, tenant, body)
        left_s = max(body.authorised_s - body.used_s, 0)
        row.due_us = book.last_us + (left_s + pace.grace_s) * US_PER_S
        if body.authorised_s <= body.used_s:
            return _refuse(book, row, (self.op, call.sequence, digest), reason)
        valid_us = book.last_us + left_s * US_PER_S
        short, ask_again_s = body.authorised_s < aim_s, 0
        if short and reason == Refusal.NO_CREDIT:
            ask_again_s = _money_comes_s(book, tenant, left_s)
        return _allow(book, row, (self.op, call.sequence, digest), valid_us, (short, ask_again_s))

    def _used_s(self, body: Session) -> int:
        """Seconds used since the answer, in all."""
        del body
        return self.call.used_s

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


class ReportSince(Extend):
    """`extend` of a client that counts from its last report, so that nobody else has to remember the sum."""

    __slots__ = ()
    op = Op.REPORT

    def _used_s(self, body: Session) -> int:
        return body.used_s + self.call.used_s


class End:
    """`end`: the call is over and is charged; of a lost call it corrects the charge (rulings.md 20, 23)."""

    __slots__ = ("call", "call_id", "creates", "rules", "tenant")
    op: ClassVar = Op.END

    def __init__(self, call: EndCall | FinishCall, rules: Rules) -> None:
        self.call = call
        self.rules = rules
        self.tenant = call.tenant
        self.call_id = call.call_id
        self.creates = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Answer:
        """The charge, or a fault that leaves the session as it is."""
        call, pace = self.call, self.rules.pace
        digest = digest_of(call)
        known = known_call(book, session, self.op, call.sequence, digest)
        if not isinstance(known, SessionRow):
            return known
        row, body = known, body_of(known)
        duration_s = self._duration_s(body)
        if duration_s > pace.max_call_s:
            return absurd(row.call_id, duration_s, pace)
        assert book is not None
        book.advance(now_us)
        check_period(book, body.facts)
        flags = missed(body, call.sequence) if self.op == Op.FINISH else ()
        report = Report(duration_s, pace.slack_s, call.answered_us, call.ended_us, flags)
        if row.state == State.OPEN:
            answer, _ = settle(book, tenant_in(book), row, report)
        else:
            report = report._replace(flags=(*flags, FLAG_CORRECTS))
            answer, _ = correct(book, tenant_in(book), row, report)
        body.spent = None
        closed(book, row, State.ENDED, pace)
        remember(body, Given(self.op, call.sequence, digest, (), _encode(answer).decode()))
        return answer

    def _duration_s(self, body: Session) -> int:
        """Seconds since the answer, in all."""
        del body
        return self.call.duration_s


class FinishSince(End):
    """`end` of a client that counts from its last report; so does a late one of a call that was lost."""

    __slots__ = ()
    op = Op.FINISH

    def _duration_s(self, body: Session) -> int:
        return body.used_s + self.call.duration_s


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
        known = known_call(book, session, Op.CANCEL, call.sequence, digest)
        if not isinstance(known, SessionRow):
            return known
        assert book is not None
        if body_of(known).used_s:
            return conflict(call.call_id, "the call was answered and used; send its end")
        book.advance(now_us)
        check_period(book, body_of(known).facts)
        release_all(book, known)
        closed(book, known, State.CANCELLED, self.rules.pace)
        remember(body_of(known), Given(Op.CANCEL, call.sequence, digest, (), ""))
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
        check_period(book, body.facts)
        before = _encode({"used_s": body.used_s, "reserved": body.lots, "pools": body.pools}).decode()
        answer = lose(book, session, self.rules.pace, self.duration_s)
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


def lose(book: Book, row: SessionRow, pace: Pace, told_s: int | None = None) -> Answer:
    """Closes an open session without its switch: charged for the last report, all else released.

    `told_s`: what a person says instead; what the switch reported stays, since it counts from there.
    """
    body = body_of(row)
    check_period(book, body.facts)
    reported_s = body.used_s if body.reported else 0
    report = Report(reported_s if told_s is None else told_s, pace.slack_s, flags=(FLAG_LOST,))
    answer, spent = settle(book, tenant_in(book), row, report)
    body.spent = spent
    closed(book, row, State.LOST, pace)
    return answer


def free_grant(call: StartCall, rules: Urgent, now_us: int) -> Allowed:
    """What an emergency call is told where nothing else can be asked: go on, for a whole slice."""
    call_type, slice_s = call.call_type.lower(), rules.pace.slice_s
    category = rules.classifier.urgent_category(call_type)
    facts = msgspec.structs.replace(NO_FACTS, call_type=call_type, category=category, rate=UNRATED)
    return Allowed(call.call_id, facts, Grant(0, slice_s, 0, 0, now_us + slice_s * US_PER_S, 0, 0))


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
    remember(body, Given(op, sequence, digest, grant, ""))
    book.keep(row)
    return Allowed(row.call_id, body.facts, grant)


def _refuse(book: Book, row: SessionRow, asked: tuple[Op, int, int], reason: Refusal) -> Denied:
    """`asked`: operation, sequence, digest."""
    answer = Denied(row.call_id, reason, detail_of(book, body_of(row).facts, reason))
    remember(body_of(row), Given(*asked, (), _encode(answer).decode()))
    book.keep(row)
    return answer
