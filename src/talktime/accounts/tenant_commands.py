"""Commands that change a tenant, worked out under its lock from what is configured then.

A change is a function of the tenant as it is; what would come of it is checked as a whole before anything is
written, so two changes at once cannot break a tenant. A closed tenant is changed no more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from talktime.accounts.calendar import twelve_months_on_us
from talktime.accounts.tenant import ACTIVE, CLOSED, SUSPENDED, Tenant
from talktime.accounts.tenant_changes import Change, with_pending
from talktime.accounts.tenant_checks import check_change
from talktime.accounts.tenant_file import TenantFaults
from talktime.ledger.commands import (
    ADJUSTMENT,
    NO_TENANT,
    Fund,
    PutDocuments,
    Refused,
    TakeBack,
    Wallet,
)

if TYPE_CHECKING:
    from talktime.catalog.model import Catalogue
    from talktime.ledger.book import Book
    from talktime.ledger.engine import Command, Engine
    from talktime.ledger.records import SessionRow

BY_HAND: Final = "manual"
"""The source of credits that a person entered: money that came by another way than a gateway."""

TENANT_CLOSED: Final = Refused("tenant_closed", "the tenant is closed; nothing of it can be changed")

TENANT_SUSPENDED: Final = Refused(
    "tenant_suspended", "the tenant is suspended; no money comes in until it is active again"
)


@dataclass(frozen=True, slots=True)
class Invalid:
    """A change that would make a tenant which cannot be; `faults` are sentences."""

    faults: tuple[str, ...]


@runtime_checkable
class Configured(Protocol):
    """What the engine made of a tenant's documents."""

    @property
    def tenant(self) -> Tenant:
        """The tenant as the documents say."""


def tenant_in(book: Book) -> Tenant:
    """The tenant as this transaction has it, with what an earlier command of it changed."""
    assert isinstance(book.config, Configured), "the engine was given another configuration"
    tenant = book.config.tenant
    return with_pending(tenant, book.documents) if book.documents else tenant


Edited = Wallet | Refused | Invalid | bool
"""What an edit answers: True once it is done, also where nothing had to change."""


class Edit:
    """A command that works a change out from the tenant as it is under the lock."""

    __slots__ = ("call_id", "catalogue", "change", "creates", "tenant", "what", "who")

    def __init__(
        self,
        tenant: str,
        change: Callable[[Tenant], Change | Refused],
        catalogue: Catalogue,
        what: str,
        who: str,
    ) -> None:
        self.tenant = tenant
        self.change = change
        self.catalogue = catalogue
        self.what = what
        self.who = who
        self.call_id = ""
        self.creates = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Edited:
        """True once it is done, also where nothing had to change."""
        if book is None:
            return NO_TENANT
        tenant = tenant_in(book)
        if tenant.status == CLOSED:
            return TENANT_CLOSED
        try:
            change = self.change(tenant)
        except TenantFaults as error:
            return Invalid(error.faults)
        if isinstance(change, Refused):
            return change
        faults = tuple(check_change(tenant, change.tenant, self.catalogue))
        if faults:
            return Invalid(faults)
        if change.before == change.after:
            return True
        put = PutDocuments(
            tenant=self.tenant,
            documents=change.documents,
            check=nothing_against,
            what=self.what,
            before=change.before,
            after=change.after,
            who=self.who,
        )
        return put.decide(book, session, now_us)


async def edited(engine: Engine, edit: Edit) -> Edited:
    """Has an edit made."""
    answer = await engine.submit(edit)
    assert isinstance(answer, Wallet | Refused | Invalid | bool)
    return answer


class Give:
    """Credits given by hand: a lot like any other, with the reason in the audit log."""

    __slots__ = ("call_id", "creates", "fund", "reason", "tenant")

    def __init__(self, fund: Fund, reason: str) -> None:
        self.fund = fund
        self.reason = reason
        self.tenant = fund.tenant
        self.call_id = ""
        self.creates = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Wallet | Refused:
        """The wallet after it."""
        answer = self.fund.decide(book, session, now_us)
        if book is not None and isinstance(answer, Wallet):
            line = book.audit[-1]
            book.audit[-1] = line._replace(what=f"{line.what}: {self.reason}")
        return answer


def adjusting(
    tenant: str, amount: int, time_zone: str, reason: str, reference: str, who: str
) -> Give | TakeBack:
    """The command that gives so many micros as a lot (above 0), or takes free ones back (below 0)."""
    if amount < 0:
        return TakeBack(tenant, -amount, reason, who, reference)
    expiry = partial(twelve_months_on_us, time_zone=time_zone)
    return Give(Fund(tenant, amount, expiry, BY_HAND, ADJUSTMENT, reference, who), reason)


class WhileOpen:
    """A command that moves money of a tenant, refused once the tenant is closed.

    `comes_in`: money that somebody pays, which a suspended tenant does not take either.
    """

    __slots__ = ("call_id", "comes_in", "creates", "inner", "tenant")

    def __init__(self, inner: Command, *, comes_in: bool = False) -> None:
        self.inner = inner
        self.comes_in = comes_in
        self.tenant = inner.tenant
        self.call_id = ""
        self.creates = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> object:
        """What the inner command answers."""
        status = ACTIVE if book is None else tenant_in(book).status
        if status == CLOSED:
            return TENANT_CLOSED
        if status == SUSPENDED and self.comes_in:
            return TENANT_SUSPENDED
        return self.inner.decide(book, session, now_us)


def nothing_against(config: object) -> str:
    """The check of PutDocuments: the change was made from this very configuration, under the same lock."""
    del config
    return ""
