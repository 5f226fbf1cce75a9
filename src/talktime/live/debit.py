"""Calls that are charged at once, and taken back: direct debiting and refunds (RFC 8506 6.3 and 6.4).

A debit asks what a start asks, and holds nothing: it is charged for all its seconds or denied. A refund is a
correction like that of a late end, so what was paid goes back the way it came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from talktime.core.limits import MAX_CALL_S
from talktime.core.refusals import Refusal
from talktime.ledger.records import Given, Op, Session, SessionRow, State
from talktime.live.answers import Answer, Settled
from talktime.live.commands import Start
from talktime.live.gate import NOTHING_AGAINST, Against, detail_of, why_not
from talktime.live.guards import forget_hours
from talktime.live.operations import ALL_SECONDS, StartCall
from talktime.live.reserve import authorised_s, cover_of, short_of
from talktime.live.sessions import (
    absurd,
    check_period,
    closed,
    conflict,
    digest_of,
    earlier,
    remember,
    remembered,
    row_of,
    tenant_in,
)
from talktime.live.settle import FLAG_DEBIT, FLAG_REFUNDED, Report, body_of, correct, settle

if TYPE_CHECKING:
    from talktime.ledger.book import Book
    from talktime.live.facts import Asked
    from talktime.live.operations import DebitCall, QuoteCall, RefundCall
    from talktime.live.rules import Rules
    from talktime.live.tenant import LiveTenant

MAX_REFUNDS: Final = 12
"""Parts in which a debit is taken back at most: each of their answers is remembered."""

_encode: Final = msgspec.json.Encoder().encode


def as_start(call: DebitCall | QuoteCall, call_id: str, sequence: int) -> StartCall:
    """The start whose questions a debit or a quote asks."""
    return StartCall(
        call.tenant,
        call_id,
        sequence,
        call.call_type,
        call.user,
        call.service_number,
        call.caller,
        call.callee,
        call.seconds,
        call.started_us,
        call.answered_us,
    )


def all_or_short(book: Book, tenant: LiveTenant, asked_for: Asked, seconds_s: int) -> tuple[int, Against]:
    """How many of the seconds are covered now, and why it is not all of them.

    Where a start would be denied, that is the reason, and no second is covered.
    """
    facts = asked_for.facts
    cover = cover_of(book, tenant, facts, [])
    against = why_not(book, tenant, asked_for, cover)
    if against.reason:
        return 0, against
    most_s = min(seconds_s, facts.max_call_s or MAX_CALL_S)
    covered_s = authorised_s(book, tenant, facts, cover, 0, most_s) if facts.paid else most_s
    if covered_s == seconds_s:
        return covered_s, NOTHING_AGAINST
    why = Refusal.CALL_TOO_LONG
    if covered_s < most_s:
        why = short_of(book, tenant, facts, cover, covered_s)
    return covered_s, Against(why, detail_of(book, facts, why))


class Debit(Start):
    """Direct debiting: the whole call in one command, all of it or nothing.

    What was spent is kept with the session, as that of a lost call, so that a refund can correct it.
    """

    __slots__ = ("debit",)

    def __init__(self, debit: DebitCall, rules: Rules) -> None:
        super().__init__(as_start(debit, debit.call_id, debit.sequence), rules)
        self.debit = debit

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Answer:
        """The charge; a denial or a fault changes nothing."""
        pace = self.rules.pace
        if self.debit.seconds > pace.max_call_s:
            return absurd(self.call_id, self.debit.seconds, pace)
        return super().decide(book, session, now_us)

    def _digest(self) -> int:
        return digest_of(self.debit)

    def _let_through(self, now_us: int) -> Answer:
        del now_us
        return Settled(self.call_id, self.debit.seconds, 0, 0, 0, "", (), 0, 0)

    def _grant(
        self, book: Book, tenant: LiveTenant, session: SessionRow | None, asked_for: Asked, digest: int
    ) -> Answer:
        debit = self.debit
        forget_hours(book, tenant, book.last_us)
        _, against = all_or_short(book, tenant, asked_for, debit.seconds)
        if against.reason:
            return self._deny(book, session, digest, against)
        facts = msgspec.structs.replace(asked_for.facts, open_counters=())  # it is over at once
        row = row_of(session, self.call_id)
        row.body = body = Session(facts, debit.seconds, debit.seconds, 1, 0, 0, [], [], earlier(row))
        report = Report(debit.seconds, 0, debit.answered_us, flags=(FLAG_DEBIT,))
        answer, body.spent = settle(book, tenant, row, report)
        closed(book, row, State.ENDED, self.rules.pace)
        remember(body, Given(Op.DEBIT, debit.sequence, digest, (), _encode(answer).decode()))
        return answer


class Refund:
    """Takes back seconds of a direct debit, the last of them first."""

    __slots__ = ("call", "call_id", "creates", "rules", "tenant")

    def __init__(self, call: RefundCall, rules: Rules) -> None:
        self.call = call
        self.rules = rules
        self.tenant = call.tenant
        self.call_id = call.call_id
        self.creates = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Answer:
        """The charge as it is now, or a fault that leaves everything as it is."""
        call = self.call
        digest = digest_of(call)
        known = remembered(book, session, Op.REFUND, call.sequence, digest)
        if not isinstance(known, SessionRow):
            return known
        body = body_of(known)
        seconds_s = body.used_s if call.seconds == ALL_SECONDS else call.seconds
        against = self._against(known, seconds_s)
        if against:
            return conflict(self.call_id, against)
        assert book is not None
        book.advance(now_us)
        check_period(book, body.facts)
        left_s = body.used_s - seconds_s
        report = Report(left_s, 0, flags=(FLAG_DEBIT, FLAG_REFUNDED))
        answer, body.spent = correct(book, tenant_in(book), known, report)
        body.used_s = left_s
        closed(book, known, State.ENDED, self.rules.pace)
        remember(body, Given(Op.REFUND, call.sequence, digest, (), _encode(answer).decode()))
        return answer

    def _against(self, row: SessionRow, seconds_s: int) -> str:
        """A sentence where so many seconds of the call cannot be taken back, else ""."""
        body = body_of(row)
        if row.state != State.ENDED or body.spent is None:
            return "only a direct debit can be taken back, and this call was none"
        if sum(given.op == Op.REFUND for given in body.given) >= MAX_REFUNDS:
            return f"it was taken back in {MAX_REFUNDS} parts, and that is the most"
        if seconds_s > body.used_s:
            return f"{seconds_s} s are more than the {body.used_s} s that are still charged"
        return "" if seconds_s > 0 else "there is nothing to take back"
