"""Commands that move a tenant's money or documents without a call: funding, adjustment, expiry, settings.

They go through the same engine as calls, so all that touches a wallet is in one order (design.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from talktime.core.money import format_money
from talktime.ledger.book import Book
from talktime.ledger.records import (
    ADJUSTED,
    ADJUSTMENTS,
    FUNDED,
    FUNDING,
    Change,
    Document,
    SessionRow,
)

PURCHASE: Final = "purchase"
ADJUSTMENT: Final = "adjustment"
TAKEN_BACK: Final = "taken_back"

Expiry = Callable[[int], int]
"""The instant at which a lot expires that is bought at an instant; worked out at the edge (rulings.md 16)."""


WriteReceipt = Callable[["Book", "Fund", int, int], str]
"""(book, what was funded, its lot, when that expires) -> the number of the receipt that was written."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A command that changed nothing; `code` is for programs, `detail` one sentence for people."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Wallet:
    """What a tenant has after a command, in micros; `lot` is the lot that was opened, or 0."""

    lot: int
    balance: int
    reserved: int

    @property
    def available(self) -> int:
        """What nobody has reserved."""
        return self.balance - self.reserved


NO_TENANT: Final = Refused("unknown_tenant", "no such tenant")


@dataclass(frozen=True, slots=True)
class Fund:
    """Opens a lot. `source` names the gateway or the hand that the money came through.

    `method` is how it was paid, for people; `receipt` writes the receipt. Credits that are given have none.
    """

    tenant: str
    amount: int
    expiry: Expiry
    source: str
    origin: str = PURCHASE
    reference: str = ""
    who: str = ""
    method: str = "means other than a card"
    receipt: WriteReceipt | None = None
    call_id: str = ""
    creates: bool = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Wallet | Refused:
        """The wallet after it. At one instant funding comes before expiry (rulings.md 5)."""
        del session
        if book is None:
            return NO_TENANT
        book.advance(now_us - 1)
        book.last_us = max(book.last_us, now_us)
        is_gift = self.origin == ADJUSTMENT
        kind, source = (ADJUSTED, ADJUSTMENTS) if is_gift else (FUNDED, FUNDING + self.source)
        expires_us = self.expiry(book.last_us)
        lot = book.open_lot(self.amount, expires_us, kind, source, self.origin, self.reference)
        book.advance(now_us)
        what = f"{self.origin} of {format_money(self.amount)} {book.currency}: lot {lot}"
        _audit(book, self.who, what)
        if not is_gift:
            number = "" if self.receipt is None else self.receipt(book, self, lot, expires_us)
            facts = {"payment": self.reference, "receipt": number, "amount": self.amount}
            facts |= {"lot": lot, "expires_us": expires_us, "method": self.method}
            book.notice("purchase_succeeded", facts)
        return Wallet(lot, book.balance, book.reserved)


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Takes credits out by hand: only what no lot owes to a call in progress.

    A `reference` is kept beside those of lots, so that it takes credits out only once.
    """

    tenant: str
    amount: int
    reason: str
    who: str = ""
    reference: str = ""
    call_id: str = ""
    creates: bool = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Wallet | Refused:
        """The wallet after it; refused where less is free."""
        del session
        if book is None:
            return NO_TENANT
        book.advance(now_us)
        free = min(book.drawable, book.balance - book.reserved)
        if self.amount > free:
            has = f"{format_money(max(free, 0))} {book.currency}"
            return Refused("too_much", f"only {has} are free to be taken back")
        book.take_back(self.amount, ADJUSTED, ADJUSTMENTS, TAKEN_BACK, self.reference)
        what = f"adjustment of {format_money(-self.amount)} {book.currency}: {self.reason}"
        _audit(book, self.who, what)
        return Wallet(0, book.balance, book.reserved)


@dataclass(frozen=True, slots=True)
class Expire:
    """Brings a wallet to the present: lots whose time has come are forfeited."""

    tenant: str
    call_id: str = ""
    creates: bool = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> bool:
        """Whether there is such a tenant."""
        del session
        if book is None:
            return False
        book.advance(now_us)
        if 0 < book.standing.wake_us <= book.last_us:
            book.standing.wake_us = 0
            book.touch_standing()
        return True


@dataclass(frozen=True, slots=True)
class OpenLot:
    """A lot that a new tenant brings along: bought at an instant in the past."""

    amount: int
    bought_us: int
    expires_us: int
    source: str
    reference: str


@dataclass(frozen=True, slots=True)
class NewTenant:
    """Makes a tenant with its documents and the lots it brings along, in order of purchase."""

    tenant: str
    currency: str
    time_zone: str
    documents: Sequence[Document]
    lots: Sequence[OpenLot] = field(default=())
    who: str = ""
    call_id: str = ""
    creates: bool = True

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Wallet | Refused:
        """The new wallet; refused where the tenant exists."""
        del session
        assert book is not None, "the engine makes the book of a command that creates"
        if not book.is_new:
            return Refused("exists", f"tenant {self.tenant!r} exists already")
        book.currency, book.time_zone = self.currency, self.time_zone
        for lot in self.lots:
            book.last_us = max(book.last_us, min(lot.bought_us, now_us))
            book.open_lot(lot.amount, lot.expires_us, FUNDED, FUNDING + lot.source, PURCHASE, lot.reference)
        book.advance(now_us)
        book.documents.extend(self.documents)
        _reconfigured(book)
        _audit(book, self.who, "tenant made")
        return Wallet(0, book.balance, book.reserved)


@dataclass(frozen=True, slots=True)
class PutDocuments:
    """Changes documents of a tenant. `check`: asked under the lock, with what is configured then.

    It returns a sentence to refuse with, or "" (a check that looked before the lock could be outdated).
    """

    tenant: str
    documents: Sequence[Document]
    check: Callable[[object], str]
    what: str
    before: str = ""
    after: str = ""
    who: str = ""
    call_id: str = ""
    creates: bool = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> bool | Refused:
        """True once it is done."""
        del session
        if book is None:
            return NO_TENANT
        book.advance(now_us)
        refused = self.check(book.config)
        if refused:
            return Refused("invalid", refused)
        book.documents.extend(self.documents)
        _reconfigured(book)
        book.audit.append(Change(book.last_us, self.who, self.what, self.before, self.after))
        return True


@dataclass(frozen=True, slots=True)
class WriteNote:
    """Writes a line of the audit log: what is about to be done to many calls at once."""

    tenant: str
    what: str
    who: str
    call_id: str = ""
    creates: bool = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> bool:
        """Whether there is such a tenant."""
        del session
        if book is None:
            return False
        book.advance(now_us)
        _audit(book, self.who, self.what)
        return True


def _reconfigured(book: Book) -> None:
    """The documents of a book are read again before its next command."""
    book.config_version += 1
    book.reconfigured = True
    book.changed = True


def _audit(book: Book, who: str, what: str) -> None:
    book.audit.append(Change(book.last_us, who, what, "", ""))
    book.changed = True
