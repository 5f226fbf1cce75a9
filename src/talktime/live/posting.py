"""A row of a rated file becomes a charge: the price is the row's, who pays is decided by the ledger now.

Each row is one command of the engine and is booked once by its identity; a call that was charged live is
compared and not charged again (rulings.md 1, 20, 26; docs/decisions/0010).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from talktime.accounts.payers import NOBODY
from talktime.catalog.classify import Situation
from talktime.core.limits import ALWAYS_US, US_PER_S
from talktime.core.numbers import parse_number
from talktime.core.rating import amount_micros
from talktime.ledger.engine import NeedsPeriod, OfRow
from talktime.ledger.records import (
    Cap,
    Change,
    ChargeBody,
    Facts,
    ImportedRow,
    Origin,
    Session,
    SessionRow,
    State,
)
from talktime.live.settle import FLAG_CAP, FLAG_UNRATED, Report, settle
from talktime.live.tenant import LiveTenant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from talktime.ledger.book import Book
    from talktime.ledger.records import Charge
    from talktime.live.facts import Classifier

SAME_START_US: Final = 5 * US_PER_S
"""So far apart the starts of a row and of a live call may lie that are one call (rulings.md 1)."""

_DECIDED_HERE: Final = frozenset({FLAG_CAP, FLAG_UNRATED})
"""Flags that the settlement of a row works out anew."""

_body: Final = msgspec.json.Decoder(ChargeBody)


class RatedCall(NamedTuple):
    """A row of a rated file: what was recognised, its price, and what it cost in the file.

    `key` is the text by which a live call is looked for; `rate` as in `records.Facts`; `pool_s` and `amount`
    (micros) are the file's own, `place` says where the row came from.
    """

    tenant: str
    identity: str
    call_id: str
    key: str
    start_us: int
    duration_s: int
    billed_s: int
    pool_s: int
    amount: int
    user: str
    user_id: str
    service: str
    caller: str
    callee: str
    category: str
    why: str
    call_type: str
    direction: str
    number_type: str
    scope: str
    location: str
    deck: str
    prefix: str
    rate: tuple[int, ...]
    rated: int
    paid: int
    flags: tuple[str, ...]
    place: str


class Twin(NamedTuple):
    """What a live call is told by, of each row that has its call id."""

    start_us: int
    caller: str
    callee: str


class Outcome(StrEnum):
    """What became of a row. `changed`: the live call moved on while it was compared; ask again.

    `booked_and_live`: the row was booked, and its call was charged live as well, later.
    `live_without_charge`: a live call that ended without a charge, of which no more than its id is kept.
    """

    BOOKED = "booked"
    ALREADY = "already_booked"
    EQUAL = "matched_equal"
    DIFFERENT = "matched_different"
    AMBIGUOUS = "ambiguous"
    IN_PROGRESS = "in_progress"
    TWICE = "booked_and_live"
    UNTOLD = "live_without_charge"
    CHANGED = "changed"
    NO_TENANT = "no_tenant"


class Posted(NamedTuple):
    """The answer to a row; of a booked one what was charged (micros, seconds) and its first and last entry.

    Of a matched one these are the live call's, and `priced` is what it would cost at the row's price.
    `is_other_start`: a live call has call id and numbers of a booked row, and began at another time.
    """

    outcome: Outcome
    charge: int = 0
    billed_s: int = 0
    pool_s: int = 0
    amount: int = 0
    credits: int = 0
    post_usage: int = 0
    overdraft: int = 0
    first: int = 0
    last: int = 0
    category: str = ""
    priced: int = 0
    is_other_start: bool = False


class PostRow(OfRow):
    """Books a row, once.

    `known`: the newest charge of the live call with the row's call id, as it was read before;
    `twins`: all rows of the file with its call id, if there are several; `note`: a line for the audit log, if
    this row is booked.
    """

    __slots__ = ("call", "call_id", "classifier", "identity", "known", "note", "source", "tenant", "twins")
    creates = False

    def __init__(
        self,
        call: RatedCall,
        classifier: Classifier,
        source: str,
        known: Charge | None = None,
        twins: tuple[Twin, ...] = (),
        note: Change | None = None,
    ) -> None:
        self.call = call
        self.tenant = call.tenant
        self.identity = call.identity
        self.call_id = call.key
        self.classifier = classifier
        self.source = source
        self.known = known
        self.twins = twins
        self.note = note

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Posted:
        """What became of the row; a booked one has its charge in the book."""
        if book is None:
            return Posted(Outcome.NO_TENANT)
        done = book.imported.get(self.identity)
        was_live = session is not None and session.state != State.DENIED
        found = self._compared(session) if session is not None and was_live else None
        if done is not None:
            return _told_again(done.charge, found)
        if found is not None:
            return found
        assert isinstance(book.config, LiveTenant), "the engine was given another configuration"
        book.advance(now_us)
        facts = facts_of_row(self.call, book.config, self.classifier, book.last_us)
        if not book.has_period(facts.period):
            raise NeedsPeriod(facts.period)
        posted = self._book(book, book.config, facts)
        if session is not None and was_live and self._agrees(session):
            return posted._replace(is_other_start=True)
        return posted

    def _book(self, book: Book, tenant: LiveTenant, facts: Facts) -> Posted:
        """Settles the call as one that holds nothing: pools and money that nobody else holds."""
        call, first = self.call, book.number + 1
        body = Session(facts, call.duration_s, call.duration_s, 1, 0, 0, [], [], [])
        row = SessionRow(call.call_id, State.IMPORTED, 0, 0, body)
        ended_us = call.start_us + call.duration_s * US_PER_S
        report = Report(call.duration_s, 0, ended_us=ended_us, origin=Origin(call.identity, self.source))
        settled, spent = settle(book, tenant, row, report)
        book.book_row(ImportedRow(call.identity, call.call_id, spent.charge))
        self._tell(book)
        credits = spent.amount - spent.post_usage - spent.overdraft
        money = (spent.amount, credits, spent.post_usage, spent.overdraft)
        entries = (first, book.number)
        return Posted(
            Outcome.BOOKED, spent.charge, spent.billed_s, settled.pool_s, *money, *entries, facts.category
        )

    def _tell(self, book: Book) -> None:
        """The line for the audit log, once in a transaction: every row that may be the first brings it."""
        note = self.note
        if note is not None and all(line.what != note.what for line in book.audit):
            book.audit.append(note._replace(at_us=book.last_us))

    def _compared(self, session: SessionRow) -> Posted | None:
        """What a live call with the row's call id says of the row; None where it is another call."""
        facts, answered_us = self._live_facts(session)
        if facts is None:  # only the number of its charge is left, and that charge is not the one we know
            return Posted(Outcome.CHANGED if session.charge else Outcome.UNTOLD, session.charge)
        starts = [at_us for at_us in (facts.base_us, answered_us) if at_us != ALWAYS_US]
        call = self.call
        if not is_same_call(facts, starts, Twin(call.start_us, call.caller, call.callee)):
            return None
        if sum(is_same_call(facts, starts, twin) for twin in self.twins) > 1:
            return Posted(Outcome.AMBIGUOUS, session.charge)
        if session.state == State.OPEN:
            return Posted(Outcome.IN_PROGRESS)
        if not session.charge:
            return Posted(Outcome.DIFFERENT, category=facts.category)
        known = self.known
        if known is None or known.number != session.charge:
            return Posted(Outcome.CHANGED, session.charge)
        priced = priced_at(call, known.pool_s)
        told, kept = (call.billed_s, call.category, priced), (known.billed_s, known.category, known.amount)
        money = (known.amount, known.credits, known.post_usage, known.overdraft)
        return Posted(
            Outcome.EQUAL if told == kept else Outcome.DIFFERENT,
            known.number,
            known.billed_s,
            known.pool_s,
            *money,
            category=known.category,
            priced=priced,
        )

    def _agrees(self, session: SessionRow) -> bool:
        """Whether both numbers of a live call are the row's."""
        facts, _ = self._live_facts(session)
        return facts is not None and have_same_numbers(facts, self.call.caller, self.call.callee)

    def _live_facts(self, session: SessionRow) -> tuple[Facts | None, int]:
        """The facts of a live call and when its end said that it was answered."""
        known, answered_us = self.known, ALWAYS_US
        if known is not None and known.number == session.charge:
            body = _body.decode(known.body)
            return body.facts, body.answered_us
        return (None if session.body is None else session.body.facts), answered_us


def _told_again(charge: int, live: Posted | None) -> Posted:
    """The answer to a row that was booked before; `live`: what a live call with its call id says of it."""
    if live is not None and live.outcome is Outcome.CHANGED:
        return live
    if live is not None and live.charge and live.outcome in (Outcome.EQUAL, Outcome.DIFFERENT):
        return live._replace(outcome=Outcome.TWICE)
    return Posted(Outcome.ALREADY, charge)


def priced_at(call: RatedCall, pool_s: int) -> int:
    """What a row would have cost by its own price, had pools paid for so many seconds; micros."""
    if not (call.paid and call.rated):
        return 0
    first_s, _, _, *prices = call.rate
    return amount_micros(pool_s, call.billed_s, first_s, *prices)


def is_same_call(facts: Facts, starts: Iterable[int], row: Twin) -> bool:
    """Whether a live call is that of a row with its call id: both numbers and the start agree."""
    near = any(abs(start_us - row.start_us) <= SAME_START_US for start_us in starts)
    return near and have_same_numbers(facts, row.caller, row.callee)


def have_same_numbers(facts: Facts, caller: str, callee: str) -> bool:
    """Whether both numbers of a live call may be these."""
    return agree(facts.caller, caller) and agree(facts.callee, callee)


def agree(one: str, other: str) -> bool:
    """Whether two numbers may be one: a `*` is any digit; a number that nobody told agrees with all."""
    if one == other or not one or not other:
        return True
    if len(one) != len(other) or "*" not in one + other:
        return False
    return all(a == b or "*" in (a, b) for a, b in zip(one, other, strict=True))


def facts_of_row(call: RatedCall, tenant: LiveTenant, classifier: Classifier, now_us: int) -> Facts:
    """The facts of a row: category and price are the row's, pools and caps those of the tenant's people."""
    user, service = _payers(call, tenant)
    classified = classifier.classify(
        _situation(call, tenant, classifier, user, service), licence_asked=tenant.terms.licence_asked
    )
    agreed = classified.category.name == call.category and call.paid
    payer = service if classified.category.payer == "service" else user
    month = tenant.month_of(call.start_us)
    caps = tenant.caps_of(user, service) if call.paid else ()
    return Facts(
        call_type=call.call_type,
        user=call.user if call.user != call.service else "",
        service=call.service,
        caller=call.caller,
        callee=call.callee,
        category=call.category,
        why=call.why,
        deck=call.deck if call.rated else "",
        prefix=call.prefix,
        rate=call.rate,
        rated=call.rated,
        licensed=1,
        paid=call.paid,
        pools=tuple([tenant.pool(ref, payer) for ref in classified.pools if agreed and payer != NOBODY]),
        period=month,
        caps=tuple([Cap(counter, month, limit) for counter, limit in caps]),
        open_counters=(),
        max_call_s=0,
        arrived_us=now_us,
        base_us=call.start_us,
        flags=tuple([flag for flag in call.flags if flag not in _DECIDED_HERE]),
        asked=classified.deck_call[1:],
    )


def _payers(call: RatedCall, tenant: LiveTenant) -> tuple[int, int]:
    payers = tenant.payers
    user = payers.payer_of(call.user_id or call.user, call.user) if call.user or call.user_id else NOBODY
    return user, payers.service_of(call.service) if call.service else NOBODY


def _situation(
    call: RatedCall, tenant: LiveTenant, classifier: Classifier, user: int, service: int
) -> Situation:
    catalogue = classifier.catalogue
    digits = parse_number(call.callee, None).digits
    called = catalogue.number(digits)
    numbers, users = tenant.tenant.service_numbers, len(tenant.tenant.users)
    listed = "" if service == NOBODY else numbers[service - users].kind
    return Situation(
        call_type=call.call_type,
        direction=call.direction,
        listed_kind=listed,
        row_number_type=call.number_type,
        country=called.country,
        number_kind=called.kind,
        premium=catalogue.premium_state(digits),
        other_operator=False,  # such calls are carried by their operator and never booked
        scope=call.scope,
        location=call.location,
        caller_country=catalogue.number(parse_number(call.caller, None).digits).country,
        user_plans=tenant.plans_of(user, call.start_us),
        service_plans=tenant.plans_of(service, call.start_us),
    )
