"""`verify`: rebuilds every total of the ledger from its journal and compares, while the system runs.

One read of one instant, tenant by tenant in order; memory holds one tenant's lots and counters, never the
ledger (design.md, The ledger; rulings.md 34).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from time import time_ns
from typing import Final

import msgspec

from talktime.core.limits import NEVER_US
from talktime.ledger.checkpoints import marks_of
from talktime.ledger.database import DatabaseUrl
from talktime.ledger.differences import MISSING, UNREADABLE, About, Difference, Findings
from talktime.ledger.rebuild import Chain, Mark, Money
from talktime.ledger.rebuild_charges import BookedRows, Charges, Counts, Sessions
from talktime.ledger.rebuild_payments import Outside, compare_series
from talktime.ledger.records import NO_CHARGE, POST_USAGE, USAGE, Lot, Standing
from talktime.ledger.rows import first_kept_hour, standing_of
from talktime.ledger.schema import HOURS_FROM
from talktime.ledger.snapshot import CounterRow, Snapshot, WalletRow, open_snapshot

_lots: Final = msgspec.json.Decoder(list[Lot])


@dataclass(frozen=True, slots=True)
class Verified:
    """How much was read, how many differences there are, and the first of them."""

    tenants: int
    entries: int
    charges: int
    sessions: int
    found: int
    differences: tuple[Difference, ...]

    @property
    def is_clean(self) -> bool:
        """Whether all that is stored is what the journal says."""
        return self.found == 0


def verify(url: DatabaseUrl, checkpoints: Sequence[Path] = (), now_us: int | None = None) -> Verified:
    """Compares the ledger with its journal, and its chains with the heads in checkpoint files.

    `now_us`: None for the clock; counters of hours that are long over may be gone and are not compared.
    Raises DatabaseError where it cannot be read, CheckpointError for a file that is no whole checkpoint.
    """
    findings = Findings()
    first_hour = first_kept_hour(time_ns() // 1_000 if now_us is None else now_us)
    tenants = entries = charges = sessions = 0
    with open_snapshot(url) as snapshot:
        for tenant, marks in _tenants(snapshot, checkpoints):
            about = About(tenant, findings)
            rebuilt = _Rebuilt(about, snapshot, marks)
            rebuilt.read()
            rebuilt.compare(first_hour)
            tenants += 1
            entries += rebuilt.entries
            charges += rebuilt.charges.count
            sessions += rebuilt.sessions.count
    return Verified(tenants, entries, charges, sessions, findings.count, tuple(findings.listed))


def _tenants(snapshot: Snapshot, files: Sequence[Path]) -> Iterator[tuple[str, list[Mark]]]:
    """Everybody in the ledger or in a checkpoint, in order, with the marks of the checkpoints."""
    marked = groupby(marks_of(files), key=lambda mark: mark.tenant)
    name, marks = next(marked, (None, iter(())))
    for tenant in snapshot.tenants():
        while name is not None and name < tenant:
            yield name, list(marks)
            name, marks = next(marked, (None, iter(())))
        if name == tenant:
            yield tenant, list(marks)
            name, marks = next(marked, (None, iter(())))
        else:
            yield tenant, []
    while name is not None:
        yield name, list(marks)
        name, marks = next(marked, (None, iter(())))


class _Rebuilt:
    """One tenant: what its journal, charges and sessions come to, beside what is stored."""

    def __init__(self, about: About, snapshot: Snapshot, marks: Sequence[Mark]) -> None:
        tenant = about.tenant
        self.about = about
        self.entries = 0
        self.counts = Counts()
        self.chain = Chain(about, {})
        for mark in marks:
            self.chain.marks.setdefault(mark.number, []).append(mark)
        self.facts = {row.lot: row for row in snapshot.lots.of(tenant)}
        self.money = Money(about, dict(self.facts))
        self.outside = Outside(about)
        self.sessions = Sessions(about, snapshot.sessions.of(tenant), self.counts)
        booked = BookedRows(about, snapshot.imported.of(tenant))
        self.charges = Charges(about, snapshot.charges.of(tenant), self.sessions, booked, self.counts)
        self._snapshot = snapshot

    def read(self) -> None:
        """All that passes by once."""
        for row in self._snapshot.entries.of(self.about.tenant):
            entry = row.entry
            self.entries += 1
            self.chain.take(entry)
            self.money.take(entry)
            self.outside.take(entry)
            if entry.charge != NO_CHARGE:
                self.charges.take(entry)
        self.charges.finish()
        self.money.finish()
        self.chain.finish()

    def compare(self, first_hour: int) -> None:
        """The totals that are stored; `first_hour`: counters of earlier hours need not be there."""
        self._accounts()
        for key in [key for key in self.counts.used if HOURS_FROM <= key[1] < first_hour]:
            del self.counts.used[key]
        self._counters(self._snapshot.counters.of(self.about.tenant), first_hour)
        self.outside.compare(self._snapshot.payments.of(self.about.tenant), self.facts)
        papers = self._snapshot.papers.of(self.about.tenant)
        wallets = list(self._snapshot.wallets.of(self.about.tenant))
        if not wallets:
            self.about.differ("wallet", MISSING, f"one of {self.chain.number} entries")
        for wallet in wallets:
            standing = self._standing(wallet)
            self._wallet(wallet, standing)
            self._lots(wallet)
            if standing is not None:
                self.outside.attempt(standing)
                compare_series(self.about, papers, standing.numbers)
        for _ in papers:
            pass

    def _accounts(self) -> None:
        accounts = self.money.accounts
        self.about.compare("account usage against the charges", accounts[USAGE], self.charges.usage)
        self.about.compare(
            "account post_usage against the charges", -accounts[POST_USAGE], self.charges.post_usage
        )

    def _counters(self, rows: Iterator[CounterRow], first_hour: int) -> None:
        used, reserved = self.counts.used, self.counts.reserved
        for row in rows:
            key = (row.counter, row.period)
            what = f"counter {row.counter!r} of period {row.period}"
            if not HOURS_FROM <= row.period < first_hour:
                self.about.compare(f"used of {what}", row.used, used.pop(key, 0))
            self.about.compare(f"reserved of {what}", row.reserved, reserved.pop(key, 0))
        for kind, rest in (("used", used), ("reserved", reserved)):
            for (name, period), count in rest.items():
                self.about.compare(f"{kind} of counter {name!r} of period {period}", 0, count)

    def _wallet(self, wallet: WalletRow, standing: Standing | None) -> None:
        money, held = self.money, self.counts.held
        next_us = [lot.expires_us for number, lot in money.lots.items() if lot.left > held[number]]
        next_us.append((standing.wake_us if standing else 0) or NEVER_US)
        rebuilt: dict[str, object] = {
            "balance": money.balance,
            "overdraft": money.overdraft,
            "reserved": sum(held.values()),
            "next_lot": money.opened + 1,
            "number": self.chain.number,
            "charge": self.charges.number,
            "head": self.chain.head,
            "next_expiry_us": min(next_us),
        }
        for name, value in rebuilt.items():
            self.about.compare(f"{name} of the wallet", getattr(wallet, name), value)
        if wallet.last_us < self.chain.at_us:
            self.about.differ("last_us of the wallet", wallet.last_us, f"{self.chain.at_us} or later")

    def _standing(self, wallet: WalletRow) -> Standing | None:
        """What was told, tried and numbered; None where it cannot be read."""
        try:
            return standing_of(wallet.standing)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self.about.differ("standing of the wallet", UNREADABLE, "how it stands")
            return None

    def _lots(self, wallet: WalletRow) -> None:
        """The live lots of the wallet, one by one."""
        try:
            lots = _lots.decode(wallet.lots)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self.about.differ("lots of the wallet", UNREADABLE, "a list of lots")
            return
        held = dict(self.counts.held)
        rest = {number: lot for number, lot in self.money.lots.items() if lot.left}
        numbers = [lot.lot for lot in lots]
        self.about.compare("order of the lots of the wallet", numbers, sorted(set(numbers)))
        for lot in lots:
            what = f"lot {lot.lot}"
            known = rest.pop(lot.lot, None)
            self.about.compare(f"left of {what}", lot.left, 0 if known is None else known.left)
            self.about.compare(f"held of {what}", lot.held, held.pop(lot.lot, 0))
            if known is not None:
                self.about.compare(f"expiry of {what}", lot.expires_us, known.expires_us)
            if not 0 <= lot.held <= lot.left:
                self.about.differ(f"held of {what}", lot.held, f"0 to {lot.left}")
        for number, known in rest.items():
            self.about.differ(f"left of lot {number}", MISSING, known.left)
        for number, micros in held.items():
            self.about.compare(f"held of lot {number}", 0, micros)
