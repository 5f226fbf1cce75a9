"""A tenant's book: wallet, lots and counters in memory, and what a transaction adds to them.

Commands change a book in place and the book writes down every change; the engine stores all of it in one
transaction, or throws the book away. The rules of drawing, holding and forfeiting money stand here once
(rulings.md 16, 17, 19, 20).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final

import msgspec

from talktime.core.credits import emptied, opened, usable
from talktime.core.limits import NEVER_US
from talktime.core.pools import take
from talktime.ledger.records import (
    CREDITS,
    EMPTIED_BY_EXPIRY,
    EXPIRED,
    FORFEITED,
    NO_CHARGE,
    NO_LOT,
    OVERDRAFT,
    REPAID,
    ZERO_TOLD,
    Change,
    Charge,
    Counter,
    Document,
    Entry,
    ImportedRow,
    Lot,
    NewLot,
    Notice,
    Paper,
    Payment,
    SessionRow,
    Standing,
)

FIRST_HEAD: Final = bytes(32)
"""The head of a hash chain before its first entry."""

Holds = list[tuple[int, int]]
"""[(lot, micros)] that a call reserves, in the order of the lots."""

Draws = list[tuple[int, int, int]]
"""[(lot, micros, instant at which the lot expires)] in the order of drawing."""

REFUSED_TOLD: Final = "calls_refused"
"""The key in `standing.told` of: calls were refused for want of money since credits came last."""


def chained(head: bytes, entry: Entry) -> bytes:
    """The hash of an entry over the one before it: numbers, accounts, amounts, ids only (rulings.md 34)."""
    text = (
        f"{entry.number}|{entry.at_us}|{entry.kind}|{entry.debit}|{entry.credit}|{entry.amount}"
        f"|{entry.lot}|{entry.charge}|{entry.corrects}"
    )
    return sha256(head + text.encode()).digest()


class Book:
    """One tenant's money and counters. Made by the engine from stored rows; changed by commands only."""

    __slots__ = (
        "audit",
        "changed",
        "charge",
        "charges",
        "config",
        "config_version",
        "counters",
        "currency",
        "days",
        "dirty_counters",
        "dirty_papers",
        "dirty_payments",
        "dirty_sessions",
        "documents",
        "early_periods",
        "entries",
        "flags",
        "head",
        "imported",
        "is_new",
        "last_us",
        "loaded_from",
        "lots",
        "moved_imported",
        "new_imported",
        "new_lots",
        "next_lot",
        "notices",
        "now_us",
        "number",
        "overdraft",
        "papers",
        "payments",
        "reconfigured",
        "sessions",
        "standing",
        "standing_text",
        "tenant",
        "time_zone",
        "version",
    )

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.version = 0
        self.config_version = 0
        self.currency = ""
        self.time_zone = "UTC"
        self.lots: list[Lot] = []
        self.overdraft = 0
        self.next_lot = 1
        self.number = 0
        self.charge = 0
        self.head = FIRST_HEAD
        self.last_us = 0
        self.now_us = 0
        self.flags = 0
        self.counters: dict[tuple[str, int], Counter] = {}
        self.sessions: dict[str, SessionRow] = {}  # those in memory; open ones stay after a commit
        self.loaded_from = 0  # counters of earlier periods are not in memory ...
        self.early_periods: set[int] = set()  # ... but those of these are
        self.config: object | None = None
        self.is_new = False
        self.imported: dict[str, ImportedRow] = {}  # rows of files that this transaction asked for
        self.standing = Standing()
        self.standing_text: str | None = ""  # as it is stored; None once it has been touched
        self.payments: dict[str, Payment] = {}  # those that this transaction asked for ...
        self.papers: dict[tuple[str, str], Paper] = {}  # ... and papers by kind and key
        self.forget()

    def forget(self) -> None:
        """Begins a new transaction: nothing has been changed yet."""
        self.changed = False
        self.reconfigured = False
        self.entries: list[Entry] = []
        self.charges: list[Charge] = []
        self.new_imported: list[ImportedRow] = []
        self.moved_imported: list[ImportedRow] = []
        self.new_lots: list[NewLot] = []
        self.notices: list[Notice] = []
        self.documents: list[Document] = []
        self.audit: list[Change] = []
        self.dirty_counters: dict[tuple[str, int], Counter] = {}
        self.dirty_sessions: dict[str, SessionRow] = {}
        self.dirty_payments: dict[str, Payment] = {}
        self.dirty_papers: dict[tuple[str, str], Paper] = {}
        self.days: dict[int, tuple[int, int]] = {}

    # --- what the wallet holds ---------------------------------------------------------------------

    @property
    def balance(self) -> int:
        """What lots hold, less overdraft (domain.md 6)."""
        total = -self.overdraft
        for lot in self.lots:
            total += lot.left
        return total

    @property
    def reserved(self) -> int:
        """What open calls hold of the lots."""
        total = 0
        for lot in self.lots:
            total += lot.held
        return total

    @property
    def next_expiry_us(self) -> int:
        """When the next lot expires that still holds money nobody reserved, or a waiting rule may go on.

        NEVER_US for neither.
        """
        next_us = self.standing.wake_us or NEVER_US
        for lot in self.lots:
            if lot.expires_us < next_us and lot.left > lot.held:
                next_us = lot.expires_us
        return next_us

    def available(self, until_us: int) -> int:
        """Micros that a call may be promised which ends at `until_us`; negative where more is owed."""
        free = 0
        for lot in self.lots:
            free += usable(lot.left - lot.held, lot.expires_us, until_us)
        return free - self.overdraft

    # --- time ----------------------------------------------------------------------------------------

    def advance(self, now_us: int) -> int:
        """Brings the book to an instant, never back: lots expire. Returns the instant (rulings.md 33).

        `now_us` keeps what the clock said, which is earlier where a clock was ahead once.
        """
        self.now_us = now_us
        self.last_us = max(self.last_us, now_us)
        for lot in self.lots:
            if lot.expires_us <= self.last_us and lot.left > lot.held:
                self.forfeit()
                break
        return self.last_us

    def forfeit(self) -> None:
        """Forfeits what expired lots hold and no open call has reserved (rulings.md 17)."""
        before = self.balance
        lost_lots = []
        for lot in self.lots:
            lost = lot.left - lot.held
            if lot.expires_us <= self.last_us and lost > 0:
                lot.left -= lost
                self.post(EXPIRED, CREDITS, FORFEITED, lost, lot.lot)
                lost_lots.append((lot.lot, lost))
        self._drop_empty()
        for number, lost in lost_lots:
            self.notice("lot_expired", {"lot": number, "micros": lost})
        self._fell(before, by_expiry=True)

    # --- money in and out ----------------------------------------------------------------------------

    def open_lot(
        self, amount: int, expires_us: int, kind: str, source: str, origin: str, reference: str = ""
    ) -> int:
        """Opens a lot of the full amount; what is overdrawn is its first draw. Returns its number.

        `source`: the account that the money comes from (rulings.md 16).
        """
        number = self.next_lot
        self.next_lot += 1
        self._came_in(number, amount, expires_us, kind, source)
        self.new_lots.append(NewLot(number, self.last_us, expires_us, amount, origin, reference))
        self._drop_empty()
        self._funded()
        return number

    def _came_in(self, number: int, amount: int, expires_us: int, kind: str, source: str) -> None:
        """Money comes into a lot; what is overdrawn is its first draw (rulings.md 16)."""
        left, repaid = opened(amount, self.overdraft)
        self.give_back(number, left, expires_us)
        self.post(kind, source, CREDITS, amount, number)
        if repaid:
            self.overdraft -= repaid
            self.post(REPAID, CREDITS, OVERDRAFT, repaid, number)

    def _funded(self) -> None:
        """There are credits again: that there were none may be told anew."""
        self.flags &= ~ZERO_TOLD
        if self.standing.told.pop(REFUSED_TOLD, None) is not None:
            self.touch_standing()
        if self.balance > 0:
            self.flags &= ~EMPTIED_BY_EXPIRY

    def take_back(self, amount: int, kind: str, target: str, origin: str = "", reference: str = "") -> None:
        """Takes free money out of the lots, first in first out. The caller has seen that it is there.

        A `reference` gets a row among the facts of lots, where it is unique: its number is that of the first
        entry, below 0, since no lot is opened.
        """
        before = self.balance
        if reference:
            first = self.number + 1
            self.new_lots.append(NewLot(-first, self.last_us, self.last_us, amount, origin, reference))
        for lot, micros in self._taken(amount):
            self.post(kind, CREDITS, target, micros, lot.lot)
        self._drop_empty()
        self._fell(before, by_expiry=False)

    def free_of(self, number: int) -> int:
        """Micros of a lot that no call has reserved; 0 of one that is gone."""
        for lot in self.lots:
            if lot.lot == number:
                return lot.left - lot.held
        return 0

    def expires_of(self, number: int) -> int:
        """When a lot that still holds money expires; 0 of one that is gone."""
        for lot in self.lots:
            if lot.lot == number:
                return lot.expires_us
        return 0

    def take_from(self, number: int, amount: int, kind: str, target: str) -> None:
        """Takes free money out of one lot, as a refund or a dispute does; the caller has seen it there."""
        before = self.balance
        assert 0 < amount <= self.free_of(number), "only free money can be taken from a lot"
        for lot in self.lots:
            if lot.lot == number:
                lot.left -= amount
        self.post(kind, CREDITS, target, amount, number)
        self._drop_empty()
        self._fell(before, by_expiry=False)

    def put_back(self, number: int, amount: int, expires_us: int, kind: str, source: str) -> None:
        """Gives money back to the lot that it was taken from, after what is overdrawn by now.

        Where that lot has expired the rest is forfeited.
        """
        before = self.balance
        self._came_in(number, amount, expires_us, kind, source)
        self.settled(before)
        if self.balance > 0:
            self._funded()

    def hold(self, amount: int, until_us: int) -> Holds:
        """Reserves money for a call that ends at `until_us`: up to `amount`, first in first out."""
        held: Holds = []
        for lot in self.lots:
            if amount <= 0:
                break
            micros = take(usable(lot.left - lot.held, lot.expires_us, until_us), amount)
            if micros > 0:
                lot.held += micros
                amount -= micros
                held.append((lot.lot, micros))
        self.changed = True
        return held

    def release(self, held: Iterable[tuple[int, int]]) -> None:
        """Gives reserved money free again; `settled` has to follow in the same command."""
        for number, micros in held:
            for lot in self.lots:
                if lot.lot == number:
                    lot.held -= micros
        self.changed = True

    def reserve_again(self, held: Iterable[tuple[int, int]]) -> None:
        """Undoes `release`: the call keeps what it has."""
        self.release([(number, -micros) for number, micros in held])

    @property
    def drawable(self) -> int:
        """What a settlement may draw once its own reservation is released.

        An expired lot has free money at that moment only, and it is the call's own (rulings.md 17, 20).
        """
        total = 0
        for lot in self.lots:
            total += lot.left - lot.held
        return total

    def draw(self, amount: int) -> Draws:
        """Draws from free money, first in first out; the caller posts what it returns."""
        return [(lot.lot, micros, lot.expires_us) for lot, micros in self._taken(amount)]

    def give_back(self, lot: int, micros: int, expires_us: int) -> None:
        """Puts money back into a lot that a corrected charge drew it from; the caller posts it."""
        for known in self.lots:
            if known.lot == lot:
                known.left += micros
                return
        self.lots.append(Lot(lot, expires_us, micros, 0))
        self.lots.sort(key=lambda each: each.lot)

    def owe(self, micros: int) -> None:
        """Changes what is overdrawn; the caller posts it."""
        self.overdraft += micros

    def settled(self, before: int) -> None:
        """Ends a command that charged or released; `before`: the balance when it began.

        What was released of an expired lot is forfeited, empty lots leave the wallet, a balance that
        reached zero is told.
        """
        self._fell(before, by_expiry=False)
        for lot in self.lots:
            if lot.expires_us <= self.last_us and lot.left > lot.held:
                self.forfeit()
                break
        self._drop_empty()

    def _taken(self, amount: int) -> list[tuple[Lot, int]]:
        taken = []
        for lot in self.lots:
            micros = take(lot.left - lot.held, amount)
            if micros > 0:
                lot.left -= micros
                amount -= micros
                taken.append((lot, micros))
        return taken

    def _drop_empty(self) -> None:
        for lot in self.lots:
            if not lot.left:
                self.lots = [lot for lot in self.lots if lot.left]
                break
        self.changed = True

    def _fell(self, before: int, *, by_expiry: bool) -> None:
        if not emptied(before, self.balance):
            return
        self.flags = (self.flags | EMPTIED_BY_EXPIRY) if by_expiry else (self.flags & ~EMPTIED_BY_EXPIRY)
        if not self.flags & ZERO_TOLD:
            self.flags |= ZERO_TOLD
            self.notice("balance_zero", {})

    # --- the journal ---------------------------------------------------------------------------------

    def post(
        self,
        kind: str,
        debit: str,
        credit: str,
        amount: int,
        lot: int = NO_LOT,
        charge: int = NO_CHARGE,
        corrects: int = 0,
    ) -> int:
        """Adds an entry to the journal and to the hash chain. Returns its number."""
        assert amount > 0, "an entry moves money"
        self.number += 1
        entry = Entry(self.number, self.last_us, kind, debit, credit, amount, lot, charge, corrects, b"")
        self.head = chained(self.head, entry)
        self.entries.append(entry._replace(hash=self.head))
        self.changed = True
        return self.number

    def notice(self, kind: str, facts: Mapping[str, object]) -> None:
        """Writes a line for those who are told, with what the tenant has after it (micros).

        It is stored with what it tells.
        """
        balance, reserved = self.balance, self.reserved
        has = {
            "balance": balance,
            "reserved": reserved,
            "available": balance - reserved,
            "overdraft": self.overdraft,
            "currency": self.currency,
        }
        body = msgspec.json.encode({**facts, **has}).decode()
        self.notices.append(Notice(self.last_us, kind, body))
        self.changed = True

    # --- payments, papers, standing --------------------------------------------------------------------

    def put_payment(self, payment: Payment) -> None:
        """Stores a payment with this transaction, new or changed."""
        self.payments[payment.payment] = payment
        self.dirty_payments[payment.payment] = payment
        self.changed = True

    def put_paper(self, paper: Paper) -> None:
        """Stores a paper with this transaction, new or changed; an empty document removes it."""
        key = (paper.kind, paper.key)
        if paper.document:
            self.papers[key] = paper
        else:
            self.papers.pop(key, None)
        self.dirty_papers[key] = paper
        self.changed = True

    def touch_standing(self) -> None:
        """Says that `standing` was changed."""
        self.standing_text = None
        self.changed = True

    def next_paper_number(self, series: str) -> int:
        """1, 2, 3... of a series of papers: without gaps, never twice."""
        number = self.standing.numbers.get(series, 0) + 1
        self.standing.numbers[series] = number
        self.touch_standing()
        return number

    def count_day(self, day: int, paid: int, calls: int) -> None:
        """Adds to what was paid on a local day; both may be below 0 where a charge is corrected."""
        had = self.days.get(day, (0, 0))
        self.days[day] = (had[0] + paid, had[1] + calls)
        self.changed = True

    # --- counters and sessions -----------------------------------------------------------------------

    def counter(self, name: str, period: int) -> Counter:
        """A counter as it stands; one that nobody moved yet is zero."""
        found = self.counters.get((name, period))
        return found if found is not None else Counter(0, 0)

    def count(self, name: str, period: int, used: int, reserved: int) -> None:
        """Moves a counter."""
        key = (name, period)
        found = self.counters.get(key)
        if found is None:
            found = self.counters[key] = Counter(0, 0)
        found.used += used
        found.reserved += reserved
        self.dirty_counters[key] = found
        self.changed = True

    def has_period(self, period: int) -> bool:
        """Whether the counters of a period are in memory."""
        return not period or period >= self.loaded_from or period in self.early_periods

    def book_row(self, row: ImportedRow) -> None:
        """Writes down that a row of a rated file is booked, or that a newer charge replaces its own."""
        is_new = row.identity not in self.imported
        (self.new_imported if is_new else self.moved_imported).append(row)
        self.imported[row.identity] = row
        self.changed = True

    def keep(self, session: SessionRow) -> None:
        """Stores a session with this transaction."""
        self.sessions[session.call_id] = session
        self.dirty_sessions[session.call_id] = session
        self.changed = True
