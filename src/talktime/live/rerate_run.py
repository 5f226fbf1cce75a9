"""The charges of a span of time, live and imported, priced anew: what differs is listed, then corrected.

A dry run and a real one take the same way; only the store keeps nothing in the first (`ledger/dry_store`). A
charge that is as the deck says is passed over, so a run that was interrupted is finished by the next one.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.core.deck import RateBook
from talktime.ledger.commands import WriteNote
from talktime.live.import_run import WINDOW, answers
from talktime.live.rerate import Corrected, Correction, KnownLots, Rerate, body_of_charge, is_askable, reprice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from talktime.core.deck import Deck
    from talktime.ledger.kept_calls import KeptCalls, Span
    from talktime.ledger.records import Charge, ChargeBody
    from talktime.live.desk import Desk
    from talktime.live.rerate import Repriced

GATHERED: Final = 20_000
"""Differences in memory at a time; what is given back of them comes before what is drawn."""

LISTED: Final = 100
DEAREST: Final = 10

Progress = Callable[[int, int], None]


class CallDifference(NamedTuple):
    """A call that the deck prices otherwise: seconds and micros before and after."""

    tenant: str
    call: str
    number: str
    category: str
    start_us: int
    old_billed_s: int
    billed_s: int
    old_amount: int
    amount: int

    @property
    def difference(self) -> int:
        """Micros that the call costs more, below 0 less."""
        return self.amount - self.old_amount


@dataclass(slots=True)
class Sums:
    """Calls of one tenant and category that differ, in micros before and after."""

    calls: int = 0
    old: int = 0
    new: int = 0


@dataclass(slots=True)
class RerateReport:
    """What a re-rating did, or would do. `balances`: (before, after) of each tenant that it touched.

    `calls` were priced; those that are free or of another month or currency are not among them. `unasked`
    are charges of an older Talktime, which do not say what a deck is asked by.
    """

    dry_run: bool
    calls: int = 0
    equal: int = 0
    unpriced: int = 0
    unasked: int = 0
    corrected: int = 0
    changed: int = 0
    other_currency: int = 0
    in_progress: int = 0
    sums: dict[tuple[str, str], Sums] = field(default_factory=dict)
    balances: dict[str, tuple[int, int]] = field(default_factory=dict)
    unpriced_calls: list[CallDifference] = field(default_factory=list)
    unasked_calls: list[CallDifference] = field(default_factory=list)
    _dearest: list[tuple[int, int, CallDifference]] = field(default_factory=list)

    @property
    def old(self) -> int:
        """Micros of the calls that differ, before."""
        return sum(sums.old for sums in self.sums.values())

    @property
    def new(self) -> int:
        """Micros of the calls that differ, after."""
        return sum(sums.new for sums in self.sums.values())

    @property
    def dearest(self) -> list[CallDifference]:
        """The calls that differ most, in either direction."""
        return [call for _, _, call in sorted(self._dearest, key=lambda each: (-each[0], -each[1]))]

    def add(self, told: CallDifference) -> None:
        """Counts a call that differs."""
        sums = self.sums.setdefault((told.tenant, told.category), Sums())
        sums.calls += 1
        sums.old += told.old_amount
        sums.new += told.amount
        place = sum(each.calls for each in self.sums.values())
        heapq.heappush(self._dearest, (abs(told.difference), -place, told))
        if len(self._dearest) > DEAREST:
            heapq.heappop(self._dearest)


@dataclass(frozen=True, slots=True)
class What:
    """Which charges: of a span, in the billing month `month` of their tenants (0: whichever)."""

    span: Span
    month: int
    who: str
    reason: str


class Rerating:
    """Charges of one ledger by one deck."""

    def __init__(self, desk: Desk, kept: KeptCalls, deck: Deck, what: What, *, dry_run: bool) -> None:
        self._desk = desk
        self._kept = kept
        self._book = RateBook(deck)
        self._what = what
        self._report = RerateReport(dry_run)
        self._currencies = kept.tenants()
        self._lots: dict[str, KnownLots] = {}

    async def run(self, progress: Progress) -> RerateReport:
        """Prices the charges, and corrects those that differ."""
        span = self._what.span
        replaced, total = self._kept.corrected(span), self._kept.count(span)
        window: list[tuple[str, Repriced]] = []
        for done, (tenant, charge) in enumerate(self._kept.charges(span), 1):
            new = None if (tenant, charge.number) in replaced else self._repriced(tenant, charge)
            if new is not None:
                window.append((tenant, new))
            if len(window) == GATHERED:
                await self._settle(window)
                window = []
            progress(min(done, total), total)
        await self._settle(window)
        self._report.in_progress = self._kept.in_progress(span)
        return self._report

    async def _settle(self, gathered: Sequence[tuple[str, Repriced]]) -> None:
        """Gives back first, the newest charge first, then draws: what was drawn last comes back first.

        So pricing the calls there and back leaves every lot as it was.
        """
        less = [each for each in gathered if each[1].amount < each[1].charge.amount]
        more = [each for each in gathered if each[1].amount >= each[1].charge.amount]
        ordered = [*reversed(less), *more]
        for at in range(0, len(ordered), WINDOW):
            await self._correct(ordered[at : at + WINDOW])

    def _repriced(self, tenant: str, charge: Charge) -> Repriced | None:
        """What a charge should have been, if that is something else."""
        body, report = body_of_charge(charge), self._report
        if not body.facts.paid or (self._what.month and body.facts.period != self._what.month):
            return None
        if self._currencies.get(tenant) != self._book.deck.currency:
            report.other_currency += 1
            return None
        report.calls += 1
        if not is_askable(body.facts):
            report.unasked += 1
            if len(report.unasked_calls) < LISTED:
                report.unasked_calls.append(_told(tenant, charge, body, charge.billed_s, charge.amount))
            return None
        new = reprice(charge, body, self._book)
        if new is None:
            report.unpriced += 1
            if len(report.unpriced_calls) < LISTED:
                report.unpriced_calls.append(_told(tenant, charge, body, charge.billed_s, charge.amount))
            return None
        if not new.differs:
            report.equal += 1
            return None
        return new

    async def _correct(self, window: Sequence[tuple[str, Repriced]]) -> None:
        """Corrects charges in this order."""
        report, met = self._report, dict.fromkeys(tenant for tenant, _ in window)
        for tenant in met:
            if tenant not in report.balances:
                before = self._kept.balance(tenant)
                report.balances[tenant] = (before, before)
                self._lots[tenant] = self._known_lots(tenant)
                deck = self._book.deck
                reason = f": {self._what.reason}" if self._what.reason else ""
                note = f"calls re-rated with deck {deck.version} ({deck.name}){reason}"
                await answers(self._desk, [WriteNote(tenant, note, self._what.who)])
        commands = [Rerate(tenant, new, self._lots_of(tenant, new)) for tenant, new in window]
        for (tenant, new), answer in zip(window, await answers(self._desk, commands), strict=True):
            assert isinstance(answer, Correction)
            if answer.outcome is Corrected.CHANGED:
                report.changed += 1
                continue
            report.corrected += 1
            report.balances[tenant] = (report.balances[tenant][0], answer.balance)
            report.add(_told(tenant, new.charge, new.body, new.billed_s, new.amount))

    def _lots_of(self, tenant: str, new: Repriced) -> KnownLots:
        """The lots that may have paid for a call; one of them may have been bought meanwhile."""
        if any(lot not in self._lots[tenant].expiries for lot, _ in new.body.lots):
            self._lots[tenant] = self._known_lots(tenant)
        return self._lots[tenant]

    def _known_lots(self, tenant: str) -> KnownLots:
        last, expiries = self._kept.repaid_last(tenant), self._kept.expiries(tenant)
        return KnownLots(expiries, (last, expiries[last]) if last in expiries else None)


def _told(tenant: str, charge: Charge, body: ChargeBody, billed_s: int, amount: int) -> CallDifference:
    return CallDifference(
        tenant,
        body.origin.identity if body.origin is not None else charge.call_id,
        body.facts.callee,
        charge.category,
        charge.start_us,
        charge.billed_s,
        billed_s,
        charge.amount,
        amount,
    )
