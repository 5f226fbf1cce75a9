"""Support tickets: opened for a rule of eligibility or in free words, commented, closed.

The documents send administrators to support where a rule cannot be met; a ticket then carries the facts of
that moment, so that nobody has to ask for them (domain.md 9). A ticket is a paper of the tenant.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import msgspec

from talktime.accounts.eligibility import eligibility, facts_of
from talktime.accounts.tenant_commands import tenant_in
from talktime.accounts.toml_table import did_you_mean, shown
from talktime.catalog.side import load_eligibility
from talktime.ledger.commands import NO_TENANT, Refused
from talktime.ledger.engine import OfMoney
from talktime.ledger.records import Change, Paper

if TYPE_CHECKING:
    from talktime.catalog.model import Catalogue
    from talktime.ledger.book import Book
    from talktime.ledger.engine import Engine
    from talktime.ledger.reading import Reader
    from talktime.ledger.records import SessionRow

TICKET: Final = "ticket"
"""The kind of paper, and the series of its numbers."""

MAX_TEXT: Final = 10_000
MAX_COMMENTS: Final = 500


class TicketState(StrEnum):
    """Where a ticket stands."""

    OPEN = "open"
    CLOSED = "closed"


class Comment(msgspec.Struct, frozen=True):
    """What somebody said, and when (us)."""

    at_us: int
    who: str
    text: str


class Ticket(msgspec.Struct, frozen=True):
    """A ticket. `rule`: the rule of eligibility that it is about, "" for none; instants in us, 0 for none.

    `facts`: what the tenant was told of its eligibility when it opened the ticket, its accounts and balance.
    """

    id: str
    rule: str
    subject: str
    text: str
    who: str
    at_us: int
    facts: dict[str, Any]
    state: TicketState = TicketState.OPEN
    comments: tuple[Comment, ...] = ()
    closed_us: int = 0
    closed_by: str = ""


_ticket: Final = msgspec.json.Decoder(Ticket)


def ticket_of(paper: Paper) -> Ticket:
    """Paper -> ticket. Raises msgspec.ValidationError for another kind of paper."""
    return _ticket.decode(paper.document)


def _put(book: Book, ticket: Ticket) -> None:
    book.put_paper(Paper(TICKET, ticket.id, ticket.at_us, msgspec.json.encode(ticket).decode()))


@dataclass(frozen=True, slots=True)
class Case:
    """What a ticket is opened with: a rule of eligibility, free words, or both."""

    rule: str
    subject: str
    text: str


class OpenTicket(OfMoney):
    """Opens a ticket with the facts of the tenant as it is then."""

    __slots__ = ("call_id", "case", "catalogue", "creates", "tenant", "who")

    def __init__(self, tenant: str, case: Case, catalogue: Catalogue, who: str) -> None:
        self.tenant = tenant
        self.case = case
        self.catalogue = catalogue
        self.who = who
        self.call_id = ""
        self.creates = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Ticket | Refused:
        """The new ticket."""
        del session
        if book is None:
            return NO_TENANT
        book.advance(now_us)
        number = book.next_paper_number(TICKET)
        case = self.case
        ticket = Ticket(
            id=f"T-{self.tenant}-{number:06}",
            rule=case.rule,
            subject=case.subject or load_eligibility().rules[case.rule].asks,
            text=case.text,
            who=self.who,
            at_us=book.last_us,
            facts=dict(self._facts(book)),
        )
        _put(book, ticket)
        what = f"ticket {ticket.id} opened: {ticket.subject}"
        book.audit.append(Change(book.last_us, self.who, what, "", TicketState.OPEN))
        return ticket

    def _facts(self, book: Book) -> Mapping[str, object]:
        tenant = tenant_in(book)
        return {
            **facts_of(eligibility(tenant, self.catalogue, book.last_us)),
            "country": tenant.country,
            "status": tenant.status,
            "accounts": [
                {"id": one.id, "agreement": one.agreement, "country": one.country}
                for one in tenant.billing_accounts
            ],
            "default_billing_account": tenant.default_billing_account,
            "balance_micros": book.balance,
        }


class _OfTicket(OfMoney):
    """A command about one ticket."""

    __slots__ = ("call_id", "creates", "tenant", "text", "ticket", "who")

    def __init__(self, tenant: str, ticket: str, text: str, who: str) -> None:
        self.tenant = tenant
        self.ticket = ticket
        self.text = text
        self.who = who
        self.call_id = ""
        self.creates = False

    @property
    def papers(self) -> tuple[tuple[str, str], ...]:
        """The ticket itself."""
        return ((TICKET, self.ticket),)

    def _found(self, book: Book) -> Ticket | Refused:
        paper = book.papers.get((TICKET, self.ticket))
        if paper is None:
            return Refused("unknown_ticket", f"there is no ticket {self.ticket!r}")
        return ticket_of(paper)

    def _commented(self, book: Book, ticket: Ticket) -> tuple[Comment, ...]:
        """The comments with this one, where it says something."""
        return (
            (*ticket.comments, Comment(book.last_us, self.who, self.text)) if self.text else ticket.comments
        )


class CommentTicket(_OfTicket):
    """Adds a comment to a ticket that is open."""

    __slots__ = ()

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Ticket | Refused:
        """The ticket with the comment."""
        del session
        if book is None:
            return NO_TENANT
        ticket = self._found(book)
        if isinstance(ticket, Refused):
            return ticket
        if ticket.state == TicketState.CLOSED:
            return Refused("ticket_closed", f"ticket {ticket.id} is closed; open a new one")
        if len(ticket.comments) >= MAX_COMMENTS:
            return Refused("too_many", f"ticket {ticket.id} has {MAX_COMMENTS} comments; open a new one")
        book.advance(now_us)
        ticket = msgspec.structs.replace(ticket, comments=self._commented(book, ticket))
        _put(book, ticket)
        book.audit.append(Change(book.last_us, self.who, f"ticket {ticket.id} commented", "", ""))
        return ticket


class CloseTicket(_OfTicket):
    """Closes a ticket, with a last comment or without; one that is closed stays as it is."""

    __slots__ = ()

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Ticket | Refused:
        """The closed ticket."""
        del session
        if book is None:
            return NO_TENANT
        ticket = self._found(book)
        if isinstance(ticket, Refused) or ticket.state == TicketState.CLOSED:
            return ticket
        book.advance(now_us)
        done = msgspec.structs.replace(
            ticket,
            state=TicketState.CLOSED,
            comments=self._commented(book, ticket),
            closed_us=book.last_us,
            closed_by=self.who,
        )
        _put(book, done)
        what = f"ticket {ticket.id} closed"
        book.audit.append(Change(book.last_us, self.who, what, ticket.state, done.state))
        return done


class Tickets:
    """The use cases. Each answers a value; the engine's QueueFull, StoreBusy and their like rise."""

    def __init__(self, engine: Engine, reader: Reader, catalogue: Catalogue) -> None:
        self._engine = engine
        self._reader = reader
        self._catalogue = catalogue

    async def open(self, tenant: str, case: Case, who: str) -> Ticket | Refused:
        """Opens a ticket; a case needs a rule of eligibility or a subject."""
        refused = _case_refused(case)
        if refused is not None:
            return refused
        return await self._submit(OpenTicket(tenant, case, self._catalogue, who))

    async def comment(self, tenant: str, ticket: str, text: str, who: str) -> Ticket | Refused:
        """Adds a comment."""
        if not text.strip():
            return Refused("text_missing", "a comment needs a text")
        return _too_long(text) or await self._submit(CommentTicket(tenant, ticket, text, who))

    async def close(self, tenant: str, ticket: str, text: str, who: str) -> Ticket | Refused:
        """Closes a ticket, with a last comment if there is a text."""
        return _too_long(text) or await self._submit(CloseTicket(tenant, ticket, text.strip(), who))

    async def one(self, tenant: str, ticket: str) -> Ticket | None:
        """One ticket; None where there is none of this id."""
        paper = await asyncio.to_thread(self._reader.paper, tenant, TICKET, ticket)
        return None if paper is None else ticket_of(paper)

    async def listed(self, tenant: str, after: str, limit: int) -> list[Ticket]:
        """Tickets in order of their ids, after one."""
        papers = await asyncio.to_thread(self._reader.papers, tenant, TICKET, after, limit)
        return [ticket_of(paper) for paper in papers]

    async def _submit(self, command: OpenTicket | CommentTicket | CloseTicket) -> Ticket | Refused:
        answer = await self._engine.submit(command)
        assert isinstance(answer, Ticket | Refused)
        return answer


def _case_refused(case: Case) -> Refused | None:
    rules = load_eligibility().rules
    if case.rule and case.rule not in rules:
        hint = did_you_mean(case.rule, rules) or f"; the rules are {', '.join(rules)}"
        return Refused("unknown_rule", f"no rule of eligibility is called {shown(case.rule)}{hint}")
    if not case.rule and not case.subject.strip():
        return Refused("text_missing", "a ticket needs a rule of eligibility or a subject")
    return _too_long(case.subject) or _too_long(case.text)


def _too_long(text: str) -> Refused | None:
    if len(text) <= MAX_TEXT:
        return None
    return Refused("too_long", f"a text of {len(text):,} characters; at most {MAX_TEXT:,} are kept")
