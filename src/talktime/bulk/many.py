"""A run over files of many tenants, larger than memory if need be: split by tenant, charge part by part.

Parts are charged side by side and handed on in order. With a work folder each finished part is kept there,
and a run that was stopped goes on behind the last one: no call is charged twice (rulings.md 38).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import polars as pl

from talktime.bulk.charge_rows import Charged, charge_rows
from talktime.bulk.codes import numbers_and_words, spread
from talktime.bulk.result import BookRun, Run
from talktime.bulk.stages import Stages
from talktime.bulk.totals import sum_of
from talktime.bulk.work import Split
from talktime.files.usage import Rejected, Usage
from talktime.files.usage_batch import MAX_KEPT

if TYPE_CHECKING:
    from talktime.bulk.charge_rows import TenantCharged
    from talktime.bulk.options import Options
    from talktime.bulk.parts import Parts
    from talktime.bulk.setting import Setting
    from talktime.bulk.work import Work

NAMED_TENANTS: Final = 5
"""Tenants that are not known, named in a warning; more are counted."""


@dataclass(slots=True)
class Aside:
    """Rows of tenants whom nobody described, and `other_rows` of other currencies: set aside and told."""

    rows: int = 0
    other_rows: int = 0
    tenants: dict[str, int] = field(default_factory=dict)
    kept: list[Rejected] = field(default_factory=list)

    def warnings(self) -> tuple[str, ...]:
        """One sentence, or none."""
        if not self.rows:
            return ()
        named = sorted(self.tenants, key=lambda tenant: (-self.tenants[tenant], tenant))
        words = ", ".join(repr(name) if name else "no tenant at all" for name in named[:NAMED_TENANTS])
        more = f" and {len(named) - NAMED_TENANTS:,} more" if len(named) > NAMED_TENANTS else ""
        return (
            f"{self.rows:,} rows name tenants that are not described ({words}{more}) and were set aside; "
            "describe them, or name the right column",
        )


@dataclass(slots=True)
class Charging:
    """A run over many tenants. `threads` parts are charged at once; `work` keeps what is finished."""

    setting: Setting
    options: Options
    parts: Parts
    threads: int = 1
    work: Work | None = None
    stages: Stages = field(default_factory=Stages)
    aside: Aside = field(default_factory=Aside)
    currencies: set[str] = field(default_factory=set)
    in_order: bool = True

    def split(self, frames: Iterable[pl.DataFrame], currency: str | None = None) -> None:
        """Reads all usage into the parts; with a currency only rows of it and those that name none.

        Raises what the reader raises, and ReportError for a full disk.
        """
        source = iter(frames)
        while True:
            with self.stages.measured("read"):
                frame = next(source, None)
            if frame is None:
                break
            self.stages.add("read", 0.0, frame.height)
            with self.stages.measured("split", frame.height):
                known = self.kept(frame, currency)
                if known.height:
                    self.parts.add(known)

    def kept(self, frame: pl.DataFrame, currency: str | None) -> pl.DataFrame:
        """The rows that are charged; those of strangers and of other currencies are set aside."""
        return self._known(self._of_currency(frame, currency))

    def _of_currency(self, frame: pl.DataFrame, currency: str | None) -> pl.DataFrame:
        """The rows of the chosen currency; the others are set aside."""
        _, words = numbers_and_words(frame["vendor_currency"])
        self.currencies.update(word for word in words if word)
        if currency is None or all(word in ("", currency) for word in words):
            return frame
        kept = pl.col("vendor_currency").cast(pl.String).is_in(["", currency])
        others = frame.filter(~kept).select(pl.col("vendor_currency", "source").cast(pl.String), "line")
        self.aside.other_rows += others.height
        for code, source, line in others.head(MAX_KEPT - len(self.aside.kept)).iter_rows():
            reason = f"the currency is {code}, not the chosen {currency}"
            self.aside.kept.append(Rejected(source, line, reason))
        return frame.filter(kept)

    def noted(self, usage: Usage, *, in_order: bool) -> Split:
        """What is to be kept of the reading; `in_order`: rows came in the order of their files and lines."""
        self.in_order = in_order
        return Split(
            rows=tuple(self.parts.rows),
            formats=usage.formats,
            rejected=(*usage.rejected, *self.aside.kept)[:MAX_KEPT],
            rejected_rows=usage.rejected_rows + self.aside.rows + self.aside.other_rows,
            columns_unknown=usage.columns_unknown,
            warnings=(*usage.warnings, *self.aside.warnings()),
            recognised=usage.recognised,
            currencies=tuple(sorted(self.currencies)),
            in_order=in_order,
        )

    def _known(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows of tenants of the run; the others are set aside."""
        tenants = set(self.setting.customers.numbers)
        if len(tenants) == 1:
            tenants.add("")  # rows that name no tenant are the only one's
        places, words = numbers_and_words(frame["tenant"])
        if all(word.lower() in tenants for word in words):
            return frame
        known = pl.Series(spread(frame["tenant"], places, [word.lower() in tenants for word in words]) == 1)
        strangers = frame.filter(~known).select(pl.col("tenant", "source").cast(pl.String), "line")
        self.aside.rows += strangers.height
        for tenant, rows in strangers["tenant"].value_counts().iter_rows():
            self.aside.tenants[tenant] = self.aside.tenants.get(tenant, 0) + rows
        for tenant, source, line in strangers.head(MAX_KEPT - len(self.aside.kept)).iter_rows():
            reason = f"tenant {tenant!r} is not described" if tenant else "the row names no tenant"
            self.aside.kept.append(Rejected(source, line, reason))
        return frame.filter(known)

    def charged(self, progress: Callable[[int], None] | None = None) -> Iterator[Charged]:
        """All parts in order; `progress` is told of rows as they are done.

        Ahead of who asks there are never more parts than threads. Raises RefusedRun, DoesNotReconcile, and
        ReportError where the work folder is full or damaged.
        """
        wanted = deque(number for number, rows in enumerate(self.parts.rows) if rows)
        ahead: deque[tuple[int, Future[Charged]]] = deque()
        done = 0
        with ThreadPoolExecutor(self.threads) as pool:
            try:
                while wanted or ahead:
                    while wanted and len(ahead) < self.threads:
                        number = wanted.popleft()
                        ahead.append((number, pool.submit(self._part, number)))
                    number, future = ahead.popleft()
                    charged = future.result()
                    done += self.parts.rows[number]
                    if progress is not None:
                        progress(done)
                    yield charged
                    del charged, future
            finally:
                for _, future in ahead:
                    future.cancel()

    def _part(self, number: int) -> Charged:
        """A part as an earlier run left it in the work folder, else charged now."""
        tenants = None if self.work is None else self.work.finished(number)
        if self.work is not None and tenants is not None:
            return Charged(self.work.calls(number), tenants)
        with self.stages.measured("load", self.parts.rows[number]):
            rows = self.parts.take(number)
            if not self.in_order:
                rows = rows.sort("file", "line")
        charged = charge_rows(rows, self.setting, self.options, has_wallet=True, stages=self.stages)
        if self.work is not None:
            with self.stages.measured("keep", charged.calls.height):
                self.work.keep(number, charged)
                self.parts.drop(number)
        return charged


def book_run(
    charging: Charging, split: Split, tenants: Sequence[TenantCharged], warnings: tuple[str, ...]
) -> BookRun:
    """The run over all tenants, once all parts are charged; `warnings` are those of the deck."""
    customers, deck = charging.setting.customers.all, charging.setting.book.deck
    no_calls = pl.DataFrame(schema={"source": pl.Categorical()})
    again = sum(tenant.totals.duplicate_rows for tenant in tenants)
    usage = Usage(
        calls=no_calls,
        formats=split.formats,
        rejected=split.rejected,
        rejected_rows=split.rejected_rows,
        duplicate_rows=again,
        columns_unknown=split.columns_unknown,
        warnings=split.warnings,
        recognised=split.recognised,
    )
    totals = sum_of(tenant.totals for tenant in tenants)
    nothing = replace(usage, rejected=(), rejected_rows=0, duplicate_rows=0, warnings=(), columns_unknown=())
    runs = tuple(
        Run(
            calls=no_calls,
            pools=tenant.book.pools,
            lots=tenant.book.lots,
            movements=tenant.book.movements,
            totals=tenant.totals,
            usage=nothing,
            tenant=customers[tenant.number].tenant,
            deck=deck,
            catalogue_digest=charging.setting.catalogue.digest,
            has_wallet=True,
            warnings=(),
        )
        for tenant in sorted(tenants, key=lambda one: one.number)
    )
    return BookRun(
        tenants=runs,
        silent=len(customers) - len(runs),
        totals=replace(totals, rejected_rows=split.rejected_rows),
        usage=usage,
        deck=deck,
        catalogue_digest=charging.setting.catalogue.digest,
        warnings=warnings,
    )
