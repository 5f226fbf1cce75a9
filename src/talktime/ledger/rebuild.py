"""Rebuilds a tenant's journal: the hash chain, the accounts, and each lot by itself.

Entries pass by once, in the order of their numbers; only the lots stay in memory (design.md, The ledger).
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from talktime.core.limits import NEVER_US
from talktime.ledger.book import FIRST_HEAD, chained
from talktime.ledger.differences import MISSING, About
from talktime.ledger.records import ADJUSTMENTS, CREDITS, OVERDRAFT, Entry
from talktime.ledger.snapshot import LotRow


class Mark(NamedTuple):
    """The head of a tenant's chain as a checkpoint wrote it down."""

    tenant: str
    number: int
    head: bytes
    file: str


@dataclass(slots=True)
class Chain:
    """Numbers, instants and hashes of the journal. A broken link is named once; the rest goes on from it."""

    about: About
    marks: dict[int, list[Mark]]
    number: int = 0
    at_us: int = 0
    head: bytes = FIRST_HEAD

    def take(self, entry: Entry) -> None:
        """The next entry."""
        self.about.compare("number of the entry that comes next", entry.number, self.number + 1)
        self.about.compare(f"hash of entry {entry.number}", entry.hash, chained(self.head, entry))
        if entry.at_us < self.at_us:
            self.about.differ(f"instant of entry {entry.number}", entry.at_us, f"{self.at_us} or later")
        self.number, self.at_us, self.head = entry.number, max(entry.at_us, self.at_us), entry.hash
        if self.marks:
            self._compare(self.marks.pop(entry.number, ()))

    def finish(self) -> None:
        """Names the checkpoints whose entry never came."""
        self._compare(self.marks.pop(0, ()), FIRST_HEAD)
        for number, marks in sorted(self.marks.items()):
            for mark in marks:
                self.about.differ(f"entry {number} of the checkpoint {mark.file}", MISSING, mark.head)

    def _compare(self, marks: Iterable[Mark], head: bytes | None = None) -> None:
        for mark in marks:
            what = f"hash of entry {mark.number} against the checkpoint {mark.file}"
            self.about.compare(what, self.head if head is None else head, mark.head)


@dataclass(slots=True)
class RebuiltLot:
    """A lot as the journal tells it."""

    expires_us: int
    left: int = 0


@dataclass(slots=True)
class Money:
    """The accounts of a tenant, and its lots one by one."""

    about: About
    facts: dict[int, LotRow]
    accounts: Tally[str] = field(default_factory=Tally)
    lots: dict[int, RebuiltLot] = field(default_factory=dict)
    opened: int = 0
    to_take: int = 0
    """What the entries of a taking back that has a reference still have to take."""

    def take(self, entry: Entry) -> None:
        """Moves the amount of an entry."""
        self.accounts[entry.debit] -= entry.amount
        self.accounts[entry.credit] += entry.amount
        if entry.credit == CREDITS and entry.lot > self.opened:
            self._open(entry)
        if (entry.debit, entry.credit) == (CREDITS, ADJUSTMENTS):
            self._take_back(entry)
        if CREDITS not in (entry.debit, entry.credit):
            return
        lot = self.lots.get(entry.lot)
        if lot is None:
            self.about.differ(f"lot of entry {entry.number}", entry.lot, "none that was opened before")
            return
        before = lot.left
        lot.left += entry.amount if entry.credit == CREDITS else -entry.amount
        if lot.left < 0 <= before:
            what = f"micros that entry {entry.number} takes from lot {entry.lot}"
            self.about.differ(what, entry.amount, f"at most {before}")

    def _open(self, entry: Entry) -> None:
        """The first entry into a lot is its purchase."""
        self.about.compare("number of the lot that is opened next", entry.lot, self.opened + 1)
        self.opened = entry.lot
        fact = self.facts.pop(entry.lot, None)
        self.lots[entry.lot] = RebuiltLot(NEVER_US if fact is None else fact.expires_us)
        if fact is None:
            self.about.differ(f"facts of lot {entry.lot}", MISSING, f"{entry.amount} micros")
            return
        self.about.compare(f"amount of lot {entry.lot}", fact.amount, entry.amount)
        self.about.compare(f"instant of purchase of lot {entry.lot}", fact.bought_us, entry.at_us)

    def _take_back(self, entry: Entry) -> None:
        """A taking back by a reference has a row among the lots: minus the number of its first entry."""
        fact = self.facts.pop(-entry.number, None)
        if fact is not None:
            self._all_taken()
            self.to_take = fact.amount
        if self.to_take:
            self.to_take -= entry.amount

    def _all_taken(self) -> None:
        self.about.compare("micros that a taking back by a reference did not take", self.to_take, 0)

    def finish(self) -> None:
        """Names the lots that no entry opened."""
        self._all_taken()
        for lot, fact in self.facts.items():
            self.about.differ(f"lot {lot}", f"{fact.amount} micros", "no entry that opened it")

    @property
    def overdraft(self) -> int:
        """Micros that are owed."""
        return -self.accounts[OVERDRAFT]

    @property
    def balance(self) -> int:
        """What lots hold, less overdraft."""
        return sum(lot.left for lot in self.lots.values()) - self.overdraft
