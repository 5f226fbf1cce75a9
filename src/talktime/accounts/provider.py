"""What the provider does to tenants: suspend and close them, grant exceptions, adjust with a second person.

Use cases like those of `administration`, for operators only; who may call them is asked in `rights`. A tenant
is closed when no call is open and nothing is left, or what is left is written off (domain.md 11).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from talktime.accounts.administration import Adjusted, Administration, adjustment_refused
from talktime.accounts.approvals import (
    APPROVAL,
    Approval,
    Approve,
    Ask,
    Decline,
    Person,
    approval_of,
)
from talktime.accounts.provider_changes import (
    REASON_MISSING,
    closed,
    partner_set,
    reactivated,
    suspended,
    waiver_ended,
    waiver_granted,
)
from talktime.accounts.tenant import CLOSED, Tenant, Waiver
from talktime.accounts.tenant_changes import Change
from talktime.accounts.tenant_commands import Edit, Edited, adjusting, edited, nothing_against, tenant_in
from talktime.core.limits import MICROS_PER_UNIT, NEVER_US
from talktime.core.money import format_money
from talktime.ledger.commands import NO_TENANT, PutDocuments, Refused, Wallet
from talktime.ledger.records import State
from talktime.ledger.store import Duplicate

if TYPE_CHECKING:
    from talktime.catalog.model import Catalogue
    from talktime.ledger.book import Book
    from talktime.ledger.engine import Engine
    from talktime.ledger.reading import Reader
    from talktime.ledger.records import SessionRow

ALONE_MICROS: Final = 1_000 * MICROS_PER_UNIT
"""The largest adjustment that one person may book alone, unless the installation says otherwise."""

_SHOWN_PAYMENTS: Final = 200
"""Newest payments that are looked at for one under way: older ones have ended long ago."""

_ENDED: Final = frozenset({"settled", "declined", "cancelled"})


class Close:
    """Closes a tenant for good. What is left is written off if there is a reason, up to `limit` micros."""

    __slots__ = ("call_id", "creates", "limit", "reason", "tenant", "who")

    def __init__(self, tenant: str, reason: str, limit: int, who: str) -> None:
        self.tenant = tenant
        self.reason = reason
        self.limit = limit
        self.who = who
        self.call_id = ""
        self.creates = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> bool | Refused:
        """True once it is closed, also where it was before."""
        if book is None:
            return NO_TENANT
        tenant = tenant_in(book)
        if tenant.status == CLOSED:
            return True
        book.advance(now_us)
        refused = _in_progress(book) or self._written_off(book, session, now_us)
        if refused is not None:
            return refused
        change = closed(tenant)
        what = f"tenant closed: {self.reason}" if self.reason.strip() else "tenant closed"
        put = PutDocuments(
            tenant=self.tenant,
            documents=change.documents,
            check=nothing_against,
            what=what,
            before=change.before,
            after=change.after,
            who=self.who,
        )
        return put.decide(book, session, now_us)

    def _written_off(self, book: Book, session: SessionRow | None, now_us: int) -> Refused | None:
        """Brings the balance to 0 by an adjustment; refused without a reason or above the limit."""
        left = book.balance
        if not left:
            return None
        if not self.reason.strip():
            had = f"has {format_money(left)} {book.currency} left" if left > 0 else _owed(left, book)
            return Refused("balance_left", f"the tenant {had}; give a reason to write it off")
        if abs(left) > self.limit:
            why = f"{format_money(abs(left))} {book.currency} is more than one person may write off"
            return Refused("second_person_needed", f"{why}; ask for an adjustment first")
        reason = f"written off as the tenant is closed: {self.reason}"
        command = adjusting(self.tenant, -left, book.time_zone, reason, "", self.who)
        answer = command.decide(book, session, now_us)
        return answer if isinstance(answer, Refused) else None


def _owed(left: int, book: Book) -> str:
    return f"owes {format_money(-left)} {book.currency}"


def _in_progress(book: Book) -> Refused | None:
    """Calls that hold something, and a recharge under way."""
    is_open = any(row.state == State.OPEN for row in book.sessions.values())
    if is_open or book.reserved or any(counter.reserved for counter in book.counters.values()):
        return CALLS_OPEN
    return PAYMENT_OPEN if book.standing.attempt else None


CALLS_OPEN: Final = Refused("calls_open", "calls are in progress; close the tenant once they have ended")
PAYMENT_OPEN: Final = Refused(
    "payment_open", "a payment is under way; close the tenant once it has succeeded or failed"
)


KEY_TOO_NEW: Final = Refused(
    "second_person_needed",
    "your key was made, or your password chosen, after this was asked for;"
    " somebody who was there before has to approve it",
)


def always(person: str) -> int:
    """Since when a person is known that was always there: whoever types on this machine."""
    del person
    return 0


class Provider:
    """The use cases. Each answers a value; the engine's QueueFull, StoreBusy and their like rise.

    `known_since_us`: the instant at which a person's key was made or its password chosen, 0 for always; a
    second key that somebody makes for its own request is no second person.
    """

    def __init__(
        self,
        engine: Engine,
        reader: Reader,
        catalogue: Catalogue,
        administration: Administration,
        alone_micros: int = ALONE_MICROS,
        known_since_us: Callable[[str], int] = always,
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._catalogue = catalogue
        self._administration = administration
        self._alone_micros = alone_micros
        self._known_since_us = known_since_us

    # --- tenants ---------------------------------------------------------------------------------------

    async def suspend(self, tenant: str, reason: str, who: str) -> Edited:
        """Nothing is bought any more, by hand or by itself, until the tenant is reactivated."""
        if not reason.strip():
            return REASON_MISSING
        return await self._edit(tenant, suspended, f"tenant suspended: {reason}", who)

    async def reactivate(self, tenant: str, reason: str, who: str) -> Edited:
        """Ends a suspension."""
        if not reason.strip():
            return REASON_MISSING
        return await self._edit(tenant, reactivated, f"tenant reactivated: {reason}", who)

    async def close(self, tenant: str, reason: str, who: str) -> bool | Refused:
        """Closes a tenant; with a reason what is left is written off. Its books stay."""
        if await asyncio.to_thread(self._reader.open_sessions, tenant, 1):
            return CALLS_OPEN
        newest = (NEVER_US, "")
        payments = await asyncio.to_thread(self._reader.payments, tenant, newest, _SHOWN_PAYMENTS)
        if any(payment.state not in _ENDED for payment in payments):
            return PAYMENT_OPEN
        answer = await self._engine.submit(Close(tenant, reason, self._alone_micros, who))
        assert isinstance(answer, bool | Refused)
        return answer

    async def set_partner(self, tenant: str, partner: str, who: str) -> Edited:
        """Says which partner may fund the tenant on its behalf; "" for none."""
        what = f"partner {partner} set" if partner else "partner removed"
        return await self._edit(tenant, partial(partner_set, partner=partner), what, who)

    # --- exceptions to eligibility -----------------------------------------------------------------------

    async def grant_waiver(self, tenant: str, rule: str, reason: str, until_us: int, who: str) -> Edited:
        """Lets a tenant buy although a rule fails, until an instant."""
        waiver, now_us = Waiver(rule, reason, until_us, who), self._engine.clock_us()
        change = partial(waiver_granted, waiver=waiver, now_us=now_us)
        return await self._edit(tenant, change, f"exception to {rule} granted", who)

    async def end_waiver(self, tenant: str, rule: str, who: str) -> Edited:
        """Ends an exception before its time."""
        return await self._edit(tenant, partial(waiver_ended, rule=rule), f"exception to {rule} ended", who)

    # --- adjustments -------------------------------------------------------------------------------------

    async def ask_adjustment(
        self, tenant: str, amount: int, reason: str, reference: str, person: Person
    ) -> Adjusted | Approval | Refused:
        """Gives or takes back credits: at once up to the limit, above it once a second person approves.

        A reference that was booked before answers what it did.
        """
        if abs(amount) <= self._alone_micros:
            return await self._administration.adjust(tenant, amount, reason, reference, person.who)
        refused = adjustment_refused(amount, reason)
        known = refused or await self._administration.adjusted_before(tenant, amount, reference)
        if known is not None:
            return known
        answer = await self._engine.submit(Ask(tenant, amount, reason, reference, person))
        assert isinstance(answer, Approval | Refused)
        return answer

    async def approve(self, tenant: str, approval: str, person: Person) -> tuple[Approval, Wallet] | Refused:
        """Books what another person asked for, with a key that was there when it was asked for."""
        since_us = await asyncio.to_thread(self._known_since_us, person.id)
        paper = await asyncio.to_thread(self._reader.paper, tenant, APPROVAL, approval)
        if paper is not None and since_us > approval_of(paper).at_us:
            return KEY_TOO_NEW
        try:
            answer = await self._engine.submit(Approve(tenant, approval, person))
        except Duplicate:  # the index let only one booking of its reference be
            return Refused("conflict", f"what {approval!r} asks for was booked before; decline it")
        assert isinstance(answer, tuple | Refused)
        return answer

    async def decline(self, tenant: str, approval: str, why: str, person: Person) -> Approval | Refused:
        """Refuses what was asked for, or withdraws it."""
        answer = await self._engine.submit(Decline(tenant, approval, why, person))
        assert isinstance(answer, Approval | Refused)
        return answer

    async def approvals(self, tenant: str, after: str, limit: int) -> list[Approval]:
        """What was asked for, decided or not, in order of the ids after one."""
        papers = await asyncio.to_thread(self._reader.papers, tenant, APPROVAL, after, limit)
        return [approval_of(paper) for paper in papers]

    async def _edit(
        self, tenant: str, change: Callable[[Tenant], Change | Refused], what: str, who: str
    ) -> Edited:
        return await edited(self._engine, Edit(tenant, change, self._catalogue, what, who))
