"""A rated file goes into the ledger: looked at as a whole, then booked row by row, many to a transaction.

What was booked before is passed over, so a run that was interrupted is finished by starting it again, and a
second one changes nothing (rulings.md 1). The report adds up, and the journal is asked whether it agrees.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.ledger.engine import MAX_BATCH
from talktime.ledger.records import Change
from talktime.ledger.store import StoreBusy
from talktime.live.posting import Outcome, Posted, PostRow
from talktime.live.rated_calls import bookable, hashed, parts, rated_calls, scan

if TYPE_CHECKING:
    import polars as pl

    from talktime.ledger.engine import Command
    from talktime.ledger.kept_calls import KeptCalls
    from talktime.ledger.records import Charge
    from talktime.ledger.store import Call
    from talktime.live.desk import Desk
    from talktime.live.posting import RatedCall
    from talktime.live.rated_calls import Progress, Scanned, Wanted

WINDOW: Final = MAX_BATCH
"""Rows that are handed in before their answers are awaited: one transaction, so that rows stay in order."""

TRIES: Final = 20
"""How often a row is tried whose wallet or live call somebody else keeps changing."""

PAUSE_S: Final = 0.05

LISTED: Final = 100
"""Differences that are listed a kind; all are counted."""

ALLOCATION: Final = "allocation"
OTHER_START: Final = "other_start"


@dataclass(slots=True)
class Money:
    """Sums of rows: money in micros, and seconds that pools paid."""

    amount: int = 0
    credits: int = 0
    post_usage: int = 0
    overdraft: int = 0
    pool_s: int = 0


class RowDifference(NamedTuple):
    """A row that is worth a look: `kind` is an outcome, or `allocation` where who paid is not as in the file,
    or `other_start` where a live call has the row's call id and numbers and began at another time.

    `*_in_file` is the row's own; of a matched one `amount_in_file` is its price for the live call's split.
    """

    kind: str
    tenant: str
    identity: str
    call_id: str
    place: str
    billed_s_in_file: int
    billed_s: int
    pool_s_in_file: int
    pool_s: int
    amount_in_file: int
    amount: int
    category_in_file: str
    category: str


@dataclass(slots=True)
class ImportReport:
    """What an import did, or would do. `booked_in_file`: the same rows as the file has them.

    `minutes_only`: booked rows without a rate, of which pools paid a part; `other_start`: booked rows whose
    call id and numbers are those of a live call that began at another time. `journal`: micros that the
    journal moved for what was booked, None where nothing was written.
    """

    dry_run: bool
    scanned: Scanned
    duplicates: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    booked: Money = field(default_factory=Money)
    booked_in_file: Money = field(default_factory=Money)
    allocation: int = 0
    minutes_only: int = 0
    other_start: int = 0
    differences: list[RowDifference] = field(default_factory=list)
    tenants: int = 0
    journal: int | None = None
    _listed: Counter[str] = field(default_factory=Counter)

    @property
    def faults(self) -> list[str]:
        """What does not add up; nothing, unless a program or a disk is at fault."""
        charged, rest = self.scanned.bookable, sum(self.scanned.states.values())
        told = self.duplicates + sum(self.outcomes.values())
        faults = []
        if charged + rest != self.scanned.rows or told != charged:
            faults.append(f"{self.scanned.rows:,} rows were read, {rest + told:,} were accounted for")
        money = self.booked
        if money.amount != money.credits + money.post_usage + money.overdraft:
            faults.append("what was booked is not what credits, post-usage and overdraft paid")
        if self.journal is not None and self.journal != money.amount:
            faults.append(f"{money.amount} micros were booked, the journal moved {self.journal}")
        return faults

    def add(self, call: RatedCall, posted: Posted) -> None:
        """Counts the answer to a row."""
        self.outcomes[posted.outcome] += 1
        if posted.outcome is Outcome.BOOKED:
            self._add_booked(call, posted)
        elif posted.outcome is not Outcome.ALREADY and posted.outcome is not Outcome.EQUAL:
            self._list(posted.outcome.value, call, posted, posted.priced)

    def _add_booked(self, call: RatedCall, posted: Posted) -> None:
        for name in ("amount", "credits", "post_usage", "overdraft", "pool_s"):
            setattr(self.booked, name, getattr(self.booked, name) + getattr(posted, name))
        self.booked_in_file.amount += call.amount
        self.booked_in_file.pool_s += call.pool_s
        self.minutes_only += bool(call.paid and not call.rated)
        if posted.is_other_start:
            self.other_start += 1
            self._list(OTHER_START, call, posted, call.amount)
        if (posted.amount, posted.pool_s) != (call.amount, call.pool_s):
            self.allocation += 1
            self._list(ALLOCATION, call, posted, call.amount)

    def _list(self, kind: str, call: RatedCall, posted: Posted, amount_in_file: int) -> None:
        self._listed[kind] += 1
        if self._listed[kind] <= LISTED:
            self.differences.append(
                RowDifference(
                    kind,
                    call.tenant,
                    call.identity,
                    call.call_id,
                    call.place,
                    call.billed_s,
                    posted.billed_s,
                    call.pool_s,
                    posted.pool_s,
                    amount_in_file,
                    posted.amount,
                    call.category,
                    posted.category,
                )
            )


@dataclass(slots=True)
class _Booked:
    """What was booked for a tenant, to ask the journal about."""

    first: int
    last: int
    charges: array[int] = field(default_factory=lambda: array("q"))


class Import:
    """One file into one ledger. `source` is what the charges remember of the run; `who` is for the audit."""

    def __init__(
        self, desk: Desk, kept: KeptCalls, wanted: Wanted, *, source: str, who: str, dry_run: bool
    ) -> None:
        self._desk = desk
        self._kept = kept
        self._wanted = wanted
        self._source = source
        self._dry_run = dry_run
        self._note = Change(0, who, f"{source}: rows of a rated file booked", "", "")
        self._booked: dict[str, _Booked] = {}
        self._seen: set[tuple[str, str]] = set()

    def check(self, progress: Progress) -> Scanned:
        """Looks at the whole file. Raises UnusableFile with what keeps it from being booked."""
        return scan(self._wanted, self._kept.live, progress)

    async def book(self, scanned: Scanned, progress: Progress) -> ImportReport:
        """Books what was looked at."""
        report = ImportReport(self._dry_run, scanned)
        for calls in parts(self._wanted, progress):
            await self._part(calls.filter(bookable()), report)
        report.tenants = len(self._booked)
        if not self._dry_run:
            report.journal = sum(
                self._kept.moved(tenant, done.first, done.last, done.charges)
                for tenant, done in self._booked.items()
            )
        return report

    async def _part(self, calls: pl.DataFrame, report: ImportReport) -> None:
        rows = self._without_repeats(calls, report)
        done = self._kept.booked([(row.tenant, row.identity) for row in rows])
        keys = {(row.tenant, row.key) for row in rows if row.key and (row.tenant, row.identity) in done}
        live = self._kept.live(sorted(keys)) if keys else set()  # the start of a booked call may come later
        asked = [
            row for row in rows if (row.tenant, row.identity) not in done or (row.tenant, row.key) in live
        ]
        report.outcomes[Outcome.ALREADY] += len(rows) - len(asked)
        rows = asked
        known = self._known(rows)  # what moves on meanwhile is answered by `changed`, and read again
        for at in range(0, len(rows), WINDOW):
            await self._window(rows[at : at + WINDOW], known, report)

    def _without_repeats(self, calls: pl.DataFrame, report: ImportReport) -> list[RatedCall]:
        """The rows without those whose identity came before in the file."""
        rows = list(rated_calls(calls, self._wanted))
        repeats = report.scanned.repeats
        if not repeats:
            return rows
        kept = []
        for row, digest in zip(rows, hashed(calls), strict=True):
            key = (row.tenant, row.identity)
            if digest in repeats and key in self._seen:
                report.duplicates += 1
                continue
            if digest in repeats:
                self._seen.add(key)
            kept.append(row)
        return kept

    async def _window(
        self, rows: Sequence[RatedCall], known: dict[Call, Charge], report: ImportReport
    ) -> None:
        for _ in range(TRIES):
            commands = [self._command(row, known, report.scanned) for row in rows]
            again = []
            for row, posted in zip(rows, await answers(self._desk, commands), strict=True):
                assert isinstance(posted, Posted)
                if posted.outcome is Outcome.CHANGED:
                    again.append(row)
                else:
                    self._remember(row, posted)
                    report.add(row, posted)
            if not again:
                return
            rows, known = again, self._known(again)
        raise StoreBusy("live calls of the file keep changing; start the import again")

    def _known(self, rows: Iterable[RatedCall]) -> dict[Call, Charge]:
        keys = sorted({(row.tenant, row.key) for row in rows if row.key})
        return self._kept.charged(keys) if keys else {}

    def _command(self, row: RatedCall, known: dict[Call, Charge], scanned: Scanned) -> PostRow:
        call = (row.tenant, row.key)
        note = None if row.tenant in self._booked else self._note  # one line a tenant
        return PostRow(
            row, self._desk.rules.classifier, self._source, known.get(call), scanned.twins.get(call, ()), note
        )

    def _remember(self, row: RatedCall, posted: Posted) -> None:
        if posted.outcome is not Outcome.BOOKED:
            return
        booked = self._booked.setdefault(row.tenant, _Booked(posted.first, posted.last))
        booked.first = min(booked.first, posted.first)
        booked.last = max(booked.last, posted.last)
        booked.charges.append(posted.charge)


async def answers(desk: Desk, commands: Sequence[Command]) -> list[object]:
    """Hands commands in and awaits their answers; those that found the wallet locked are tried again.

    Raises UnknownOutcome or StoreAway: what was booked before stays.
    """
    found: list[object] = [None] * len(commands)
    waiting = list(range(len(commands)))
    for left in reversed(range(TRIES)):
        handed = [desk.engine.submit(commands[at]) for at in waiting]
        busy = []
        for at, answer in zip(waiting, await asyncio.gather(*handed, return_exceptions=True), strict=True):
            if isinstance(answer, StoreBusy) and left:
                busy.append(at)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                found[at] = answer
        if not busy:
            break
        waiting = busy
        await asyncio.sleep(PAUSE_S)
    return found
