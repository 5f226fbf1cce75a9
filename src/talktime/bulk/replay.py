"""Usage of one tenant that is charged again and again: read and put into settlement order once.

What differs from run to run (licences, deck, rule, caps, agreement) is looked up and settled anew each time
by the code that charges a file; only the reading, the order and the report's texts are not repeated.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from talktime.accounts.tenant import Alerts, AutoRecharge
from talktime.bulk.assemble import calls_frame, decided, figures_frame
from talktime.bulk.charge_rows import ordered, settled
from talktime.bulk.options import NO_OPTIONS, Options, RefusedRun
from talktime.bulk.result import Run
from talktime.bulk.run import setting_of
from talktime.bulk.settle import is_compiled
from talktime.bulk.totals import reconcile, totals_of

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.bulk.charge_rows import SettledRows
    from talktime.bulk.prepare import Prepared
    from talktime.bulk.setting import Setting
    from talktime.catalog.model import Catalogue
    from talktime.core.deck import Deck
    from talktime.files.usage import Usage


@dataclass(frozen=True)
class Replayed:
    """One run. Of `run.calls` there are the columns `assemble.SUMMED` only; `calls` has them all.

    `done` has a value for each row of `Replay.rows`, in their order; it is made with `setting`.
    """

    run: Run
    done: SettledRows
    setting: Setting

    @cached_property
    def calls(self) -> pl.DataFrame:
        """All columns of `files.call_columns`, in settlement order."""
        done = self.done
        decisions = decided(done.loop, done.settled, done.books)
        return calls_frame(done.prepared, decisions, self.setting, has_wallet=self.run.has_wallet)


class _Looked(NamedTuple):
    """Rows as they were prepared last, with which setting, and all that their preparing hung on."""

    setting: Setting
    prepared: Prepared
    on: tuple[object, ...]


class Replay:
    """The calls of a tenant, each once, in settlement order. Raises RefusedRun where no row can be used.

    `compiled`: by the compiled loops; None chooses what is faster for so many rows. A run that differs from
    the first one or the one before it in money, rule or caps alone does not look up its rows again.
    """

    def __init__(
        self,
        usage: Usage,
        tenant: Tenant,
        catalogue: Catalogue,
        deck: Deck,
        *,
        compiled: bool | None = None,
    ) -> None:
        if not usage.calls.height:
            raise RefusedRun("no row of the usage can be used; see the rejected rows for the reasons")
        self.compiled = is_compiled(usage.calls.height) if compiled is None else compiled
        self._looked: list[_Looked] = []  # of the first run, and of the last that differed from it
        rows = usage.calls.with_columns(pl.lit(tenant.id, dtype=pl.Categorical()).alias("tenant"))
        self.usage = usage.without_calls()
        setting = self._setting(tenant, catalogue, deck, NO_OPTIONS, has_wallet=True)
        self.rows, repeated = ordered(rows, setting)
        self.duplicates = int(repeated.sum())

    @property
    def height(self) -> int:
        """How many calls there are."""
        return self.rows.height

    def run(
        self,
        tenant: Tenant,
        catalogue: Catalogue,
        deck: Deck,
        options: Options = NO_OPTIONS,
        *,
        has_wallet: bool | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Replayed:
        """Charges all calls. `has_wallet` None: as `bulk.run.charge` decides it. Raises RefusedRun."""
        if has_wallet is None:
            has_wallet = tenant.stated or options.balance is not None
        setting = self._setting(tenant, catalogue, deck, options, has_wallet=has_wallet)
        on = _hangs_on(tenant, deck, setting)
        known = next((one for one in self._looked if one.on == on), None)
        if known is not None:
            setting = known.setting.with_customers(setting.customers)
        prepared = None if known is None else known.prepared
        done = settled(self.rows, setting, options, prepared=prepared, progress=progress)
        if known is None:
            self._looked[1:] = [_Looked(setting, done.prepared, on)]
        figures = figures_frame(done.prepared, done.settled, setting, has_wallet=has_wallet)
        (book,) = done.books
        (totals,) = totals_of(figures, done.books, has_wallet=has_wallet)
        reconcile(totals, book.lots, book.pools)
        run = Run(
            calls=figures,
            pools=book.pools,
            lots=book.lots if has_wallet else (),
            movements=book.movements if has_wallet else (),
            totals=replace(
                totals,
                rejected_rows=self.usage.rejected_rows,
                duplicate_rows=self.usage.duplicate_rows + self.duplicates,
            ),
            usage=self.usage,
            tenant=tenant,
            deck=deck,
            catalogue_digest=catalogue.digest,
            has_wallet=has_wallet,
            warnings=(),
        )
        return Replayed(run, done, setting)

    def _setting(
        self, tenant: Tenant, catalogue: Catalogue, deck: Deck, options: Options, *, has_wallet: bool
    ) -> Setting:
        return setting_of(
            (tenant,),
            catalogue,
            deck,
            options,
            has_wallet=has_wallet,
            compiled=self.compiled,
            threads=os.cpu_count() or 1,
        )


def _hangs_on(tenant: Tenant, deck: Deck, setting: Setting) -> tuple[object, ...]:
    """What preparing rows hangs on: people and their licences, deck, terms; not money, rules and caps.

    Deck and catalogue by identity: a setting that is kept keeps them too.
    """
    (customer,) = setting.customers.all
    people = replace(
        tenant,
        auto_recharge=AutoRecharge(),
        purchases=(),
        caps=(),
        billing_accounts=(),
        default_billing_account="",
        alerts=Alerts(),
    )
    asked = setting.treat_as, setting.gated, customer.terms.licence_asked
    return people, id(deck), id(setting.catalogue), asked
