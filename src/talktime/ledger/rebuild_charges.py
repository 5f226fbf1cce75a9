"""Rebuilds a tenant's charges and sessions: what each charge moved, what each open call holds.

Charges, sessions and booked rows of files pass by once, beside the entries that name them; what stays in
memory are the counters, and charges until a correction has replaced them (rulings.md 1, 20, 23, 26).
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from talktime.core.limits import NEVER_US
from talktime.ledger.differences import MISSING, UNREADABLE, About
from talktime.ledger.records import (
    CREDITS,
    NO_CHARGE,
    OVERDRAFT,
    POST_USAGE,
    USAGE,
    ChargeBody,
    Entry,
    Session,
    Spent,
    State,
)
from talktime.ledger.snapshot import ChargeRow, ImportedColumns, SessionColumns

_charge_body: Final = msgspec.json.Decoder(ChargeBody)
_session_body: Final = msgspec.json.Decoder(Session)

Key = tuple[str, int]
"""(counter, period)."""


@dataclass(slots=True)
class Counts:
    """What charges used and open calls reserve of each counter, and what these hold of each lot."""

    used: Tally[Key] = field(default_factory=Tally)
    reserved: Tally[Key] = field(default_factory=Tally)
    held: Tally[int] = field(default_factory=Tally)  # by lot

    def charge(self, row: ChargeRow, body: ChargeBody, sign: int) -> None:
        """Adds a charge, or takes it away (-1)."""
        for name, seconds in body.pools:
            self.used[name, body.facts.period] += sign * seconds
        for cap in body.facts.caps:
            self.used[cap.counter, cap.period] += sign * row.amount

    def hold(self, body: Session) -> None:
        """Adds what an open call holds."""
        for lot, micros in body.lots:
            self.held[lot] += micros
        for name, seconds in body.pools:
            self.reserved[name, body.facts.period] += seconds
        for cap in body.facts.caps:
            self.reserved[cap.counter, cap.period] += body.price
        for name in body.facts.open_counters:
            self.reserved[name, 0] += 1


@dataclass(slots=True)
class Sessions:
    """The sessions of a tenant in the order of the charges that they name, those without one first."""

    about: About
    rows: Iterator[SessionColumns]
    counts: Counts
    count: int = 0
    _ahead: SessionColumns | None = None

    def of_charge(self, charge: int) -> list[SessionColumns]:
        """The sessions that name a charge, or none; those of charges that do not exist are named."""
        found = []
        while (row := self._next()) is not None and row.charge <= charge:
            self._ahead = None
            self._check(row)
            if row.charge == charge:
                found.append(row)
            elif row.charge != NO_CHARGE:
                self.about.differ(f"charge of session {row.call_id!r}", row.charge, "no such charge")
        return found

    def finish(self) -> None:
        """The rest: sessions of charges that do not exist, once all charges have passed."""
        self.of_charge(NEVER_US)

    def _next(self) -> SessionColumns | None:
        if self._ahead is None:
            self._ahead = next(self.rows, None)
        return self._ahead

    def _check(self, row: SessionColumns) -> None:
        self.count += 1
        what = f"session {row.call_id!r}"
        body = session_body(row)
        if body is None:
            if row.body or row.state == State.OPEN:
                self.about.differ(f"body of {what}", UNREADABLE if row.body else MISSING, "a session")
            self.about.compare(f"reserved of {what}", row.reserved, 0)
            return
        self.about.compare(f"reserved of {what}", row.reserved, sum(micros for _, micros in body.lots))
        if row.state == State.OPEN:
            self.counts.hold(body)
        elif body.lots or body.pools or body.price:
            held = f"{body.lots} of lots, {body.pools} of pools, {body.price} of caps"
            self.about.differ(f"reservation of {what}, which is closed", held, "nothing")


@dataclass(slots=True)
class BookedRows:
    """The booked rows of rated files in the order of the charges that they name."""

    about: About
    rows: Iterator[ImportedColumns]
    _ahead: ImportedColumns | None = None

    def of_charge(self, charge: int) -> list[ImportedColumns]:
        """The rows that name a charge, or none; those of charges that do not exist are named."""
        found = []
        while (row := self._next()) is not None and row.charge <= charge:
            self._ahead = None
            if row.charge == charge:
                found.append(row)
            else:
                self.about.differ(f"charge of row {row.identity!r}", row.charge, "no such charge")
        return found

    def finish(self) -> None:
        """The rest: rows of charges that do not exist, once all charges have passed."""
        self.of_charge(NEVER_US)

    def _next(self) -> ImportedColumns | None:
        if self._ahead is None:
            self._ahead = next(self.rows, None)
        return self._ahead


def session_body(row: SessionColumns) -> Session | None:
    """The body of a session; None where it has moved to the charge or cannot be read."""
    try:
        return _session_body.decode(row.body) if row.body else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def charge_body(row: ChargeRow) -> ChargeBody | None:
    """The body of a charge; None where it cannot be read."""
    try:
        return _charge_body.decode(row.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


@dataclass(slots=True)
class Moved:
    """What the entries of one charge have moved into `usage`, by who paid."""

    first: int = 0
    corrects: int = 0
    lots: Tally[int] = field(default_factory=Tally)
    accounts: Tally[str] = field(default_factory=Tally)

    def take(self, entry: Entry) -> bool:
        """Adds an entry; False where it is none of a charge."""
        payer = entry.debit if entry.credit == USAGE else entry.credit
        if USAGE not in (entry.debit, entry.credit) or payer not in (CREDITS, POST_USAGE, OVERDRAFT):
            return False
        amount = entry.amount if entry.credit == USAGE else -entry.amount
        self.first = self.first or entry.number
        self.corrects = entry.corrects
        self.accounts[payer] += amount
        if payer == CREDITS:
            self.lots[entry.lot] += amount
        return True


class Kept(NamedTuple):
    """A charge that no session or row names any more, until the one that corrects it comes."""

    row: ChargeRow
    body: ChargeBody

    @property
    def whose(self) -> tuple[str, str]:
        """The call id, and the identity of the row where it was imported."""
        return self.row.call_id, "" if self.body.origin is None else self.body.origin.identity

    @property
    def namer(self) -> str:
        """What would have to name it."""
        call, identity = self.whose
        return f"row {identity!r}" if identity else f"session {call!r}"


@dataclass(slots=True)
class Charges:
    """The charges of a tenant, in order, each with its entries and its session or its row of a file."""

    about: About
    rows: Iterator[ChargeRow]
    sessions: Sessions
    booked: BookedRows
    counts: Counts
    number: int = 0
    usage: int = 0
    post_usage: int = 0
    _ahead: ChargeRow | None = None
    _moved: Moved = field(default_factory=Moved)
    _kept: dict[int, Kept] = field(default_factory=dict)
    count: int = 0

    def take(self, entry: Entry) -> None:
        """An entry of a charge: charges before it have all of theirs."""
        while (row := self._next()) is not None and row.number < entry.charge:
            self._close(row)
        if row is None or row.number != entry.charge:
            self.about.differ(f"charge of entry {entry.number}", entry.charge, "no such charge")
            return
        if not self._moved.take(entry):
            moved = f"{entry.debit} to {entry.credit}"
            self.about.differ(f"accounts of entry {entry.number}", moved, "usage and who paid")
        self.about.compare(f"instant of charge {row.number}", row.at_us, entry.at_us)

    def finish(self) -> None:
        """The charges after the last entry of one, and the sessions after the last charge."""
        while (row := self._next()) is not None:
            self._close(row)
        self.sessions.finish()
        self.booked.finish()
        for number, kept in self._kept.items():
            self.about.differ(f"{kept.namer} of charge {number}", MISSING, f"charge {number}")

    def _next(self) -> ChargeRow | None:
        if self._ahead is None:
            self._ahead = next(self.rows, None)
        return self._ahead

    def _close(self, row: ChargeRow) -> None:
        """Compares a charge whose entries have all come."""
        moved, self._moved, self._ahead = self._moved, Moved(), None
        self.count += 1
        self.about.compare("number of the charge that comes next", row.number, self.number + 1)
        self.number = row.number
        sessions, booked = self.sessions.of_charge(row.number), self.booked.of_charge(row.number)
        body = charge_body(row)
        if body is None:
            self.about.differ(f"body of charge {row.number}", UNREADABLE, "a split")
            return
        kept = Kept(row, body)
        before = self._corrected(kept)
        self._entries(row, body, moved, before)
        self._sums(row, body)
        self._total(row, body, 1)
        named = False
        for session in sessions:
            self.about.compare(f"call of charge {row.number}", row.call_id, session.call_id)
            named = named or (session.call_id, "") == kept.whose
            self._spent(row, body, session)
        for line in booked:
            told = (line.call_id, line.identity)
            self.about.compare(f"call and row of charge {row.number}", kept.whose, told)
            named = named or told == kept.whose
        if not named:
            self._kept[row.number] = kept

    def _corrected(self, by: Kept) -> Kept | None:
        """The charge that this one replaces: its totals go."""
        row = by.row
        if row.corrects == NO_CHARGE:
            return None
        kept = self._kept.pop(row.corrects, None)
        if kept is None or kept.whose != by.whose:
            self.about.differ(f"charge that charge {row.number} corrects", row.corrects, "none of this call")
        if kept is not None:
            self._total(kept.row, kept.body, -1)
        return kept

    def _total(self, row: ChargeRow, body: ChargeBody, sign: int) -> None:
        self.counts.charge(row, body, sign)
        self.usage += sign * row.amount
        self.post_usage += sign * row.post_usage

    def _entries(self, row: ChargeRow, body: ChargeBody, moved: Moved, before: Kept | None) -> None:
        """A charge is what its entries moved, on top of the charge that it corrects."""
        lots, accounts = moved.lots, moved.accounts
        if before is not None:
            lots.update(dict(before.body.lots))
            accounts.update(
                {
                    CREDITS: before.row.credits,
                    POST_USAGE: before.row.post_usage,
                    OVERDRAFT: before.row.overdraft,
                }
            )
        what = f"charge {row.number}"
        self.about.compare(f"credits of {what}", row.credits, accounts[CREDITS])
        self.about.compare(f"post_usage of {what}", row.post_usage, accounts[POST_USAGE])
        self.about.compare(f"overdraft of {what}", row.overdraft, accounts[OVERDRAFT])
        self.about.compare(f"amount of {what}", row.amount, sum(accounts.values()))
        self.about.compare(f"lots of {what}", _without_zero(body.lots), _without_zero(lots.items()))
        if moved.first:
            self.about.compare(f"first entry of {what}", body.entry, moved.first)
            corrected = 0 if before is None else before.body.entry
            self.about.compare(f"entry that the entries of {what} correct", moved.corrects, corrected)

    def _sums(self, row: ChargeRow, body: ChargeBody) -> None:
        what = f"charge {row.number}"
        self.about.compare(f"pool seconds of {what}", row.pool_s, sum(seconds for _, seconds in body.pools))
        paid_s = row.billed_s - row.pool_s if body.facts.rated else 0
        self.about.compare(f"paid seconds of {what}", row.paid_s, paid_s)
        if row.pool_s > row.billed_s:
            self.about.differ(f"billed seconds of {what}", row.billed_s, f"{row.pool_s} or more")

    def _spent(self, row: ChargeRow, body: ChargeBody, session: SessionColumns) -> None:
        """What a lost call remembers of its charge is what a correction will take back."""
        kept = session_body(session)
        if kept is None or kept.spent is None:
            return
        draws = [(lot, micros, 0) for lot, micros in body.lots]
        told = Spent(
            row.number,
            body.entry,
            row.billed_s,
            body.pools,
            draws,
            row.amount,
            row.post_usage,
            row.overdraft,
        )
        spent = msgspec.structs.replace(
            kept.spent, draws=[(lot, micros, 0) for lot, micros, _ in kept.spent.draws]
        )
        self.about.compare(f"charge that session {session.call_id!r} remembers", spent, told)


def _without_zero(pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sums by lot in the order of the lots, without those that are zero."""
    sums: Tally[int] = Tally()
    for lot, micros in pairs:
        sums[lot] += micros
    return sorted((lot, micros) for lot, micros in sums.items() if micros)
