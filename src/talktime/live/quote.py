"""Price enquiry and balance check: what a start would be answered now, and what it would cost.

Asks what a start asks, of a copy of the wallet: time may pass for the copy, and nothing is kept of it.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Final

from talktime.core.grant import need
from talktime.core.refusals import Refusal
from talktime.live.answers import Fault, Quoted
from talktime.live.debit import all_or_short, as_start
from talktime.live.gate import DETAILS, NOTHING_AGAINST, Against, looked_at
from talktime.live.reserve import cover_of
from talktime.live.sessions import NO_FACTS, absurd, tenant_in

if TYPE_CHECKING:
    from talktime.ledger.book import Book
    from talktime.ledger.records import SessionRow
    from talktime.live.facts import Asked
    from talktime.live.operations import QuoteCall
    from talktime.live.rules import Rules
    from talktime.live.tenant import LiveTenant

NO_CALL: Final = ""
"""There is no session behind a quote."""


class Quote:
    """A quote as a command: it stands in the queue like all others, so it sees what they have done."""

    __slots__ = ("call", "call_id", "creates", "rules", "tenant")

    def __init__(self, call: QuoteCall, rules: Rules) -> None:
        self.call = call
        self.rules = rules
        self.tenant = call.tenant
        self.call_id = NO_CALL
        self.creates = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Quoted | Fault:
        """The quote; a fault for what no start could be."""
        del session
        call, rules = self.call, self.rules
        if call.seconds > rules.pace.max_call_s:
            return absurd(NO_CALL, call.seconds, rules.pace)
        if book is None:
            return self._refused(Against(Refusal.UNKNOWN_TENANT, DETAILS[Refusal.UNKNOWN_TENANT]), "")
        seen = glimpse(book, now_us)
        tenant = tenant_in(seen)
        found = looked_at(seen, tenant, as_start(call, NO_CALL, 0), rules)
        if isinstance(found, Fault):
            return found
        if isinstance(found, Against):
            return self._refused(found, tenant.tenant.currency)
        return self._quoted(seen, tenant, found)

    def _quoted(self, seen: Book, tenant: LiveTenant, asked_for: Asked) -> Quoted:
        facts, seconds_s = asked_for.facts, self.call.seconds
        covered_s, against = all_or_short(seen, tenant, asked_for, seconds_s)
        pool_s, amount = 0, 0
        if facts.paid:
            free_s = cover_of(seen, tenant, facts, []).pool_s
            _, pool_s, amount = need(seconds_s, free_s, *facts.rate)
        reason, detail = NOTHING_AGAINST if covered_s else against  # a start is granted less, not denied
        currency = tenant.tenant.currency
        return Quoted(reason, detail, facts, seconds_s, pool_s, amount, currency, covered_s)

    def _refused(self, against: Against, currency: str) -> Quoted:
        return Quoted(*against, NO_FACTS, self.call.seconds, 0, 0, currency, 0)


def glimpse(book: Book, now_us: int) -> Book:
    """A copy of a book's wallet, brought to an instant: what expires in it, expires in it alone.

    Counters are shared; who looks moves none.
    """
    seen = copy.copy(book)
    seen.lots = [copy.copy(lot) for lot in book.lots]
    seen.forget()
    seen.advance(now_us)
    return seen
