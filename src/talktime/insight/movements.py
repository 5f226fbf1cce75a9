"""What changed a tenant's balance, with the balance after each: purchases, expiry, the calls of a day.

The calls between two other movements of a day are one line. Lines are made of sums of the journal and never
change once something follows them, so they are remembered; their end has to be the wallet's balance, or
nothing is shown (domain.md 12).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.accounts.calendar import day_of, day_start_us
from talktime.core.money import format_money
from talktime.insight.spend import NotReconciledError
from talktime.ledger.records import ADJUSTED, DISPUTED, EXPIRED, FUNDED, REFUNDED, RELEASED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from talktime.accounts.tenant import Tenant
    from talktime.ledger.money_reading import Bought, MoneyReader, Moved, Purse

CALLS: Final = "calls"
OTHER: Final = "other"

KINDS: Final = (
    *("purchase", "recharge", "on_behalf", "adjustment", CALLS, "expiry"),
    *("refund", "dispute", "release", OTHER),
)
"""Kinds of movements; a release gives back what a refund or a dispute had taken."""

_KIND_OF: Final = {
    ADJUSTED: "adjustment",
    EXPIRED: "expiry",
    REFUNDED: "refund",
    DISPUTED: "dispute",
    RELEASED: "release",
}
MOST: Final = 64
"""Tenants whose lines are kept; the one that was asked for longest ago goes first."""


class Movement(NamedTuple):
    """A line: `micros` and the `balance` after it. `at_us` is the instant of its last entry.

    `first` and `last` are numbers of entries; `lot` 0 and `reference` "" for calls.
    """

    first: int
    last: int
    at_us: int
    kind: str
    micros: int
    balance: int
    lot: int
    reference: str


@dataclass(frozen=True, slots=True)
class Course:
    """The lines of a tenant since an instant, oldest first, and the balance before and after them, micros."""

    since_us: int
    before: int
    lines: tuple[Movement, ...]
    balance: int
    currency: str


class _Kept(NamedTuple):
    """Lines since an instant, up to an entry, by the days of a zone."""

    zone: str
    since_us: int
    first: int
    before: int
    lines: tuple[Movement, ...]
    last: int


class Courses:
    """Asks one reader, and remembers. `of` blocks."""

    def __init__(self, reader: MoneyReader) -> None:
        self._reader = reader
        self._known: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = Lock()

    def of(self, tenant: Tenant, since_us: int) -> Course:
        """The lines from an instant on, which should begin a local day.

        Raises NotReconciledError where the journal says something else than the wallet; KeyError where there
        is no such tenant.
        """
        purse = self._reader.purse(tenant.id)
        if purse is None:
            raise KeyError(tenant.id)
        with self._lock:
            kept = self._known.get(tenant.id)
        fits = kept is not None and kept.zone == tenant.time_zone and kept.since_us <= since_us
        if kept is None or not fits or kept.last > purse.entries:
            kept = self._begun(tenant, since_us, purse)
        kept = self._continued(tenant, kept, purse)
        with self._lock:
            self._known[tenant.id] = kept
            self._known.move_to_end(tenant.id)
            if len(self._known) > MOST:
                self._known.popitem(last=False)
        return _course(kept, since_us, purse)

    def _begun(self, tenant: Tenant, since_us: int, purse: Purse) -> _Kept:
        """No line yet, and the balance before the first one."""
        first = 1
        if purse.entries:
            (first,) = self._reader.numbers_at(tenant.id, [since_us], 1, purse.entries)
        before = self._reader.balance_before(tenant.id, first)
        return _Kept(tenant.time_zone, since_us, first, before, (), first - 1)

    def _continued(self, tenant: Tenant, kept: _Kept, purse: Purse) -> _Kept:
        """With what came since; the last line may have been a day's calls, which go on."""
        if kept.last >= purse.entries:
            return kept
        lines = kept.lines
        if lines and lines[-1].kind == CALLS:
            lines = lines[:-1]
        low = lines[-1].last + 1 if lines else kept.first
        balance = lines[-1].balance if lines else kept.before
        new = tuple(self._lines(tenant, low, purse.entries, balance))
        return kept._replace(lines=lines + new, last=purse.entries)

    def _lines(self, tenant: Tenant, low: int, top: int, balance: int) -> Iterator[Movement]:
        """The lines of the entries [low, top] after a balance."""
        reader, zone = self._reader, tenant.time_zone
        instants = reader.instants(tenant.id, (low, top))
        days = range(day_of(instants[0], zone) + 1, day_of(instants[-1], zone) + 1)
        midnights = [day_start_us(day, zone) for day in days]
        cuts = set(reader.numbers_at(tenant.id, midnights, low, top)) | {low, top + 1}
        others = {moved.number: moved for moved in reader.others(tenant.id, low, top)}
        for number in others:
            cuts |= {number, number + 1}
        places = sorted(cuts)
        pieces = [(one, two - 1) for one, two in pairwise(places) if one not in others]
        calls = {piece.first: piece for piece in reader.sums(tenant.id, pieces)}
        bought = reader.bought(tenant.id, sorted({moved.lot for moved in others.values()}))
        for place in places[:-1]:
            if place in others:
                moved = others[place]
                balance += moved.micros
                yield _movement(moved, balance, bought)
            elif calls[place].micros:
                piece = calls[place]
                balance += piece.micros
                yield Movement(piece.first, piece.last, piece.at_us, CALLS, piece.micros, balance, 0, "")


def _movement(moved: Moved, balance: int, bought: Mapping[int, Bought]) -> Movement:
    """The line of an entry that no call made."""
    lot = bought.get(moved.lot)
    kind = _KIND_OF.get(moved.kind, OTHER)
    if moved.kind == FUNDED and lot is not None:
        kind = lot.origin if lot.origin in KINDS else OTHER
    reference = "" if lot is None or moved.micros < 0 else lot.reference
    return Movement(
        moved.number, moved.number, moved.at_us, kind, moved.micros, balance, max(moved.lot, 0), reference
    )


def _course(kept: _Kept, since_us: int, purse: Purse) -> Course:
    """The kept lines from an instant on. Raises NotReconciledError where they do not end at the wallet."""
    lines = kept.lines
    start = next((at for at, line in enumerate(lines) if line.at_us >= since_us), len(lines))
    before = lines[start - 1].balance if start else kept.before
    after = before + sum(line.micros for line in lines[start:])
    if after != purse.balance:
        raise NotReconciledError(
            f"the journal comes to a balance of {format_money(after)}, the wallet has "
            f"{format_money(purse.balance)}; run `talktime verify`"
        )
    return Course(since_us, before, lines[start:], purse.balance, purse.currency)
