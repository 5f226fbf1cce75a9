"""Adjustments that need a second person: asked for by one, booked when another one approves (domain.md 11).

An adjustment above the limit becomes a paper that waits. Whoever asked for it may withdraw it but never
approve it; approval and booking are one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from talktime.accounts.tenant import CLOSED
from talktime.accounts.tenant_commands import TENANT_CLOSED, adjusting, tenant_in
from talktime.core.money import format_money
from talktime.ledger.commands import NO_TENANT, Refused, Wallet
from talktime.ledger.engine import OfMoney
from talktime.ledger.records import Change, Paper

if TYPE_CHECKING:
    from talktime.ledger.book import Book
    from talktime.ledger.records import SessionRow

APPROVAL: Final = "approval"
"""The kind of paper, and the series of its numbers."""

ASKED: Final = "approval_asked"
"""The kind of paper that finds the adjustment that waits under a reference; it goes with the decision."""


class ApprovalState(StrEnum):
    """Where an approval stands."""

    PENDING = "pending"
    APPROVED = "approved"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts: the id that tells persons apart, and the name that the audit log keeps."""

    id: str
    who: str


class Approval(msgspec.Struct, frozen=True):
    """An adjustment that waits, or waited: micros, below 0 to take back; instants in us, 0 for none.

    `asked_by` and `decided_by` are ids, `asked_who` and `decided_who` names. `answer`: why it was declined.
    """

    id: str
    amount: int
    reason: str
    asked_by: str
    asked_who: str
    at_us: int
    reference: str = ""
    state: ApprovalState = ApprovalState.PENDING
    decided_by: str = ""
    decided_who: str = ""
    decided_us: int = 0
    answer: str = ""


_approval: Final = msgspec.json.Decoder(Approval)


def approval_of(paper: Paper) -> Approval:
    """Paper -> approval. Raises msgspec.ValidationError for another kind of paper."""
    return _approval.decode(paper.document)


def _paper(approval: Approval, at_us: int) -> Paper:
    return Paper(APPROVAL, approval.id, at_us, msgspec.json.encode(approval).decode())


class Ask(OfMoney):
    """Writes down an adjustment that waits for a second person. The caller has checked amount and reason.

    Asked for again with its reference while it waits, it is the same one: who did not hear the answer asks
    twice, and must not get the credits twice.
    """

    __slots__ = ("amount", "call_id", "creates", "person", "reason", "reference", "tenant")

    def __init__(self, tenant: str, amount: int, reason: str, reference: str, person: Person) -> None:
        self.tenant = tenant
        self.amount = amount
        self.reason = reason
        self.reference = reference
        self.person = person
        self.call_id = ""
        self.creates = False

    @property
    def papers(self) -> tuple[tuple[str, str], ...]:
        """What waits under the reference."""
        return ((ASKED, self.reference),) if self.reference else ()

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Approval | Refused:
        """The approval that waits. Refused: `conflict` for another amount under the same reference."""
        del session
        if book is None:
            return NO_TENANT
        if tenant_in(book).status == CLOSED:
            return TENANT_CLOSED
        before = book.papers.get((ASKED, self.reference))
        if before is not None:
            return self._again(approval_of(before))
        book.advance(now_us)
        number = book.next_paper_number(APPROVAL)
        asked = Approval(
            id=f"A-{self.tenant}-{number:06}",
            amount=self.amount,
            reason=self.reason,
            asked_by=self.person.id,
            asked_who=self.person.who,
            at_us=book.last_us,
            reference=self.reference,
        )
        book.put_paper(_paper(asked, book.last_us))
        if self.reference:
            book.put_paper(_paper(asked, book.last_us)._replace(kind=ASKED, key=self.reference))
        what = f"adjustment of {format_money(self.amount)} asked for, {asked.id}: {self.reason}"
        book.audit.append(Change(book.last_us, self.person.who, what, "", ApprovalState.PENDING))
        return asked

    def _again(self, waits: Approval) -> Approval | Refused:
        if waits.amount == self.amount:
            return waits
        what = f"under the reference {self.reference!r} {waits.id} waits already, of another amount"
        return Refused("conflict", what)


class _Decision(OfMoney):
    """A command about one approval."""

    __slots__ = ("approval", "call_id", "creates", "person", "tenant")

    def __init__(self, tenant: str, approval: str, person: Person) -> None:
        self.tenant = tenant
        self.approval = approval
        self.person = person
        self.call_id = ""
        self.creates = False

    @property
    def papers(self) -> tuple[tuple[str, str], ...]:
        """The approval itself."""
        return ((APPROVAL, self.approval),)

    def _waiting(self, book: Book) -> Approval | Refused:
        """The approval, if it waits."""
        paper = book.papers.get((APPROVAL, self.approval))
        if paper is None:
            return Refused("unknown_approval", f"no adjustment {self.approval!r} was asked for")
        approval = approval_of(paper)
        if approval.state != ApprovalState.PENDING:
            how = f"{approval.state} by {approval.decided_who}"
            return Refused("already_decided", f"adjustment {approval.id} was {how} already")
        return approval

    def _decided(self, book: Book, approval: Approval, state: ApprovalState, answer: str) -> Approval:
        """Writes down how it was decided."""
        done = msgspec.structs.replace(
            approval,
            state=state,
            decided_by=self.person.id,
            decided_who=self.person.who,
            decided_us=book.last_us,
            answer=answer,
        )
        book.put_paper(_paper(done, approval.at_us))
        if approval.reference:
            book.put_paper(Paper(ASKED, approval.reference, book.last_us, ""))
        what = f"adjustment of {format_money(approval.amount)}, {approval.id}, {state}"
        what += f": {answer}" if answer else ""
        book.audit.append(Change(book.last_us, self.person.who, what, approval.state, state))
        return done


class Approve(_Decision):
    """Books an adjustment that waits; refused to whoever asked for it."""

    __slots__ = ()

    def decide(
        self, book: Book | None, session: SessionRow | None, now_us: int
    ) -> tuple[Approval, Wallet] | Refused:
        """The approval and what the tenant has after it; where it cannot be booked it goes on waiting."""
        if book is None:
            return NO_TENANT
        approval = self._waiting(book)
        if isinstance(approval, Refused):
            return approval
        if approval.asked_by == self.person.id:
            return Refused("second_person_needed", "whoever asks for an adjustment cannot approve it")
        if tenant_in(book).status == CLOSED:
            return TENANT_CLOSED
        reason = f"{approval.reason} ({approval.id}, asked for by {approval.asked_who})"
        reference = approval.reference or approval.id
        who, amount = self.person.who, approval.amount
        booking = adjusting(self.tenant, amount, book.time_zone, reason, reference, who)
        wallet = booking.decide(book, session, now_us)
        if isinstance(wallet, Refused):
            return wallet
        return self._decided(book, approval, ApprovalState.APPROVED, ""), wallet


class Decline(_Decision):
    """Refuses an adjustment that waits, or withdraws it: also open to whoever asked for it."""

    __slots__ = ("why",)

    def __init__(self, tenant: str, approval: str, why: str, person: Person) -> None:
        super().__init__(tenant, approval, person)
        self.why = why

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Approval | Refused:
        """The approval as it is now."""
        del session
        if book is None:
            return NO_TENANT
        approval = self._waiting(book)
        if isinstance(approval, Refused):
            return approval
        book.advance(now_us)
        return self._decided(book, approval, ApprovalState.DECLINED, self.why)
