"""Runs the settlement loop over all rows: compiled on several threads, or as plain Python slice by slice.

The rows are cut into ranges of whole tenants. Each range has its own log and its own lots, so ranges know
nothing of each other; where the loop runs out of room it stops before a row, and the range makes room.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import numpy as np

from talktime.bulk.compiled import compiled as compiled_form
from talktime.bulk.compiled import is_off
from talktime.bulk.kernel import HOT, settle_rows
from talktime.bulk.state import (
    WITHOUT_VALUE,
    Calls,
    Caps,
    Charges,
    Events,
    Log,
    Lots,
    Month,
    Pools,
    Rates,
    Wallets,
    Year,
)
from talktime.bulk.wallet_moves import LOTS_AN_EVENT
from talktime.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Progress = Callable[[int], None]

SLICE_ROWS = 100_000
"""Rows that are lists of Python integers at one time: bounds the memory of the uncompiled loop."""

RANGE_ROWS = 50_000
"""The least rows of a compiled range, where there are so many: handing on the columns costs some of them."""

RANGES_A_THREAD: Final = 8
"""More ranges than threads, so that no thread is idle while the largest tenants are settled."""

LOG_ENTRIES = 4_096

G = TypeVar("G", Calls, Rates, Pools, Caps, Wallets, Lots, Events, Year, Log, Charges)


@dataclass(frozen=True, slots=True)
class Settled:
    """What the loop decided, as int64 arrays: columns of `Charges` by name, the log, and the state it left.

    The log is ordered by tenant, within it as it was written. `wallets` says where a tenant's lots stand:
    [lots_at, tail).
    """

    charges: dict[str, Ints]
    log: Log
    wallets: Wallets
    pools: Pools
    caps: Caps
    lots: Lots


class _Range(NamedTuple):
    """Rows [first, last) of the tenants [tenant, after)."""

    first: int
    last: int
    tenant: int
    after: int


def settle_all(
    month: Month, *, compiled: bool | None = None, threads: int = 0, progress: Progress | None = None
) -> Settled:
    """Settles all rows; `month` stays as it is.

    `compiled` None: from TALKTIME_COMPILE_CALLS rows on (feasibility.md 0.5). `threads` 0: one for each
    processor; the plain loop has one. `progress` is told how many rows are done.
    Raises ValueError where the rows or the lots of the tenants do not stand one after the other.
    """
    rows = len(month.calls.tenant)
    if compiled is None:
        compiled = is_compiled(rows)
    run = _Run(month, plain=not compiled or is_off())
    threads = 1 if run.plain else threads or os.cpu_count() or 1
    wanted = SLICE_ROWS if run.plain else max(RANGE_ROWS, rows // (threads * RANGES_A_THREAD))
    ranges = _ranges(np.asarray(run.calls.tenant), len(run.wallets.balance), wanted)
    return run.finished(_every(run, ranges, threads, progress), ranges)


def _every(run: _Run, ranges: Sequence[_Range], threads: int, progress: Progress | None) -> list[_Part]:
    """Settles the ranges; the parts come back in their order."""
    done = 0

    def tell(rows: int) -> None:
        nonlocal done
        done += rows
        if progress is not None:
            progress(done)

    if run.plain or threads == 1:
        return [run.settle(part, tell) for part in ranges]
    with ThreadPoolExecutor(threads, "settle") as pool:
        waiting = {pool.submit(run.settle, part): part for part in ranges}
        try:
            for future in as_completed(waiting):
                future.result()
                tell(waiting[future].last - waiting[future].first)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in waiting]


def _ranges(tenants: Ints, count: int, wanted: int) -> list[_Range]:
    """Whole tenants with about `wanted` rows each; together they hold every tenant, with rows or without."""
    if not len(tenants):
        return []
    begins = np.concatenate([np.zeros(1, np.int64), np.flatnonzero(tenants[1:] != tenants[:-1]) + 1])
    if (np.diff(tenants[begins]) < 0).any() or not 0 <= tenants[0] <= tenants[-1] < count:
        raise ValueError(
            f"the rows to settle are not ordered by tenant 0 to {count - 1}; sort them by tenant first"
        )
    picked = np.searchsorted(begins, np.arange(0, len(tenants), wanted), side="left")
    cuts = np.unique(begins[picked[picked < len(begins)]]).tolist()
    firsts = [0, *(int(tenants[cut]) for cut in cuts[1:]), count]
    return [
        _Range(first, last, firsts[at], firsts[at + 1])
        for at, (first, last) in enumerate(zip(cuts, [*cuts[1:], len(tenants)], strict=True))
    ]


# --- columns as arrays or as lists -----------------------------------------------------------------


def group_of(kind: type[G], columns: Iterable[Any]) -> G:
    """Columns as the group that they are; the one place where arrays pass for sequences of integers."""
    return kind(*columns)


def as_arrays(group: G) -> G:
    """A group of columns as int64 arrays of its own."""
    return group_of(type(group), (np.array(column, np.int64) for column in group))


def as_lists(group: G) -> G:
    """A group of arrays as lists of Python integers."""
    columns: Iterable[Any] = group
    return group_of(type(group), (column.tolist() for column in columns))


def _read_only(calls: Calls) -> Calls:
    """The calls as arrays that nobody writes: one type for the compiler, wherever they come from."""
    columns = [np.ascontiguousarray(column, np.int64).view() for column in calls]
    for column in columns:
        column.flags.writeable = False
    return group_of(Calls, columns)


def _side_by_side(rates: Rates) -> Rates:
    """The rates as columns of one table, a rate's numbers side by side: a call looks at all of one rate.

    Nine far places a call would cost a tenth of the loop's time or more. The spare row keeps a table of one
    rate from counting as columns that are whole, which the compiler takes for another type.
    """
    table = np.zeros((len(rates.rated) + 1, len(rates)), np.int64)
    for place, column in enumerate(rates):
        table[:-1, place] = column
    return group_of(Rates, table.T)


def _part_of(group: G, first: int, last: int) -> G:
    return group_of(type(group), (column[first:last] for column in group))


class _Part(NamedTuple):
    """What a range leaves beside the columns that all ranges share: its lots, and its log in pieces."""

    lots: Lots
    log: list[Log]


class _Run:
    """The columns of a run, and how a range of them is settled."""

    def __init__(self, month: Month, *, plain: bool) -> None:
        own = as_arrays if not plain else _own_lists
        self.plain = plain
        self.calls = _read_only(month.calls)
        self.rates = own(month.rates) if plain else _side_by_side(month.rates)
        self.pools, self.caps = own(month.pools), own(month.caps)
        self.wallets, self.lots = own(month.wallets), own(month.lots)
        self.events, self.year = own(month.events), own(month.year)
        self.charges = {name: np.zeros(len(month.calls.tenant), np.int64) for name in Charges._fields}
        self.loop = settle_rows if plain else compiled_form(settle_rows, HOT)
        places = zip(self.wallets.lots_at[1:], self.wallets.room, strict=False)
        if any(lots_at < room for lots_at, room in places):
            raise ValueError("the lots of the tenants do not stand one after the other; order them by tenant")
        if not plain:
            self._call(0, 0, 0, self._rows(0, 0), self.lots, self._log(0))  # compiles, once for all threads

    def settle(self, part: _Range, tell: Progress | None = None) -> _Part:
        """Settles a range."""
        base = self.wallets.lots_at[part.tenant]
        lots = _part_of(self.lots, base, self.wallets.room[part.after - 1])
        self._shift(part.tenant, part.after, -base)
        pieces: list[Log] = []
        for first, last in self._slices(part):
            rows, log = self._rows(first, last), self._log(LOG_ENTRIES)
            at = 0
            while at < last - first:
                reached = self._call(at, last - first, first, rows, lots, log)
                if log.used[0]:
                    pieces.append(self._written(log))
                elif reached < last - first and self._has_lots(first + reached):
                    log = self._log(2 * len(log.kind))
                if reached < last - first and not self._has_lots(first + reached):
                    lots = self._grown(lots, int(self.calls.tenant[first + reached]), part.after)
                at = reached
            self._keep(rows, first, last)
            if tell is not None:
                tell(last - first)
        return _Part(lots, pieces)

    def _slices(self, part: _Range) -> Iterator[tuple[int, int]]:
        step = SLICE_ROWS if self.plain else part.last - part.first
        for first in range(part.first, part.last, step):
            yield first, min(first + step, part.last)

    def _call(self, at: int, last: int, base: int, rows: tuple[Calls, Charges], lots: Lots, log: Log) -> int:
        calls, charges = rows
        return self.loop(
            at,
            last,
            base,
            calls,
            self.rates,
            self.pools,
            self.caps,
            self.wallets,
            lots,
            self.events,
            self.year,
            log,
            charges,
        )

    def _rows(self, first: int, last: int) -> tuple[Calls, Charges]:
        """The calls of a slice, and room for their charges: parts of the arrays, or lists."""
        calls = _part_of(self.calls, first, last)
        if self.plain:
            empty = ([WITHOUT_VALUE.get(name, 0)] * (last - first) for name in Charges._fields)
            return as_lists(calls), group_of(Charges, empty)
        charges = {name: column[first:last] for name, column in self.charges.items()}
        for name, nothing in WITHOUT_VALUE.items():
            charges[name].fill(nothing)
        return calls, group_of(Charges, charges.values())

    def _keep(self, rows: tuple[Calls, Charges], first: int, last: int) -> None:
        if self.plain:
            for name, column in rows[1]._asdict().items():
                self.charges[name][first:last] = column

    # room

    def _log(self, entries: int) -> Log:
        sizes = (1, *[entries] * (len(Log._fields) - 1))
        return group_of(Log, ([0] * size if self.plain else np.zeros(size, np.int64) for size in sizes))

    def _written(self, log: Log) -> Log:
        """The entries in use as arrays; the log is empty again."""
        used = int(log.used[0])
        log.used[0] = 0
        return group_of(Log, ([used], *(np.array(column[:used], np.int64) for column in log[1:])))

    def _has_lots(self, row: int) -> bool:
        tenant = self.calls.tenant[row]
        return bool(self.wallets.room[tenant] - self.wallets.tail[tenant] >= LOTS_AN_EVENT)

    def _grown(self, lots: Lots, tenant: int, after: int) -> Lots:
        """Doubles a tenant's room; the lots of the tenants after it move on."""
        room = self.wallets.room[tenant]
        more = int(room - self.wallets.lots_at[tenant]) + LOTS_AN_EVENT
        self.wallets.room[tenant] = room + more
        self._shift(tenant + 1, after, more)
        spare = np.zeros(more, np.int64)
        wider = (np.insert(np.asarray(column, np.int64), room, spare) for column in lots)
        return group_of(Lots, (column.tolist() if self.plain else column for column in wider))

    def _shift(self, tenant: int, after: int, by: int) -> None:
        """Moves the places of the lots of these tenants."""
        wallets = self.wallets
        for column in (wallets.lots_at, wallets.head, wallets.tail, wallets.room):
            column[tenant:after] = [place + by for place in column[tenant:after]]

    def finished(self, parts: Sequence[_Part], ranges: Sequence[_Range]) -> Settled:
        """Everything that the parts left, as arrays."""
        base = 0
        for part, whole in zip(parts, ranges, strict=True):
            self._shift(whole.tenant, whole.after, base)
            base += len(part.lots.left)
        logs = [as_arrays(self._log(0)), *(log for part in parts for log in part.log)]
        columns = [np.concatenate(pieces) for pieces in zip(*(log[1:] for log in logs), strict=True)]
        lots = zip(*([part.lots for part in parts] or [self.lots]), strict=True)
        return Settled(
            charges=self.charges,
            log=group_of(Log, (np.array([len(columns[0])]), *columns)),
            wallets=as_arrays(self.wallets),
            pools=as_arrays(self.pools),
            caps=as_arrays(self.caps),
            lots=group_of(
                Lots, (np.concatenate([np.asarray(p, np.int64) for p in pieces]) for pieces in lots)
            ),
        )


def _own_lists(group: G) -> G:
    return as_lists(as_arrays(group))


# --- one tenant ------------------------------------------------------------------------------------


def is_compiled(rows: int) -> bool:
    """Whether so many rows are worth compiled loops (TALKTIME_COMPILE_CALLS; feasibility.md 0.5)."""
    return rows >= read_settings().compile_calls
