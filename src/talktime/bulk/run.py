"""A run over files of one tenant: usage + tenant + deck -> charged calls, and sums that were checked.

This is the use case behind `talktime rate`: what fits together is put together, charged, and refused where
sums do not reconcile (rulings.md 1 to 6). Many tenants: `bulk.many`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from talktime.accounts.funding_terms import Terms, terms_of
from talktime.bulk.charge_rows import charge_rows
from talktime.bulk.customers import Customers, customers_of
from talktime.bulk.loop_input import rule_of
from talktime.bulk.options import NO_OPTIONS, Options, RefusedRun
from talktime.bulk.result import Run
from talktime.bulk.setting import Setting
from talktime.bulk.settle import is_compiled
from talktime.core.deck import RateBook

if TYPE_CHECKING:
    import polars as pl

    from talktime.accounts.tenant import Tenant
    from talktime.catalog.model import Catalogue
    from talktime.core.deck import Deck
    from talktime.files.usage import Usage

__all__ = ["Options", "RefusedRun", "charge"]


def charge(
    usage: Usage,
    tenant: Tenant,
    catalogue: Catalogue,
    deck: Deck,
    options: Options = NO_OPTIONS,
    progress: Callable[[int], None] | None = None,
    *,
    compiled: bool | None = None,
) -> Run:
    """Charges all rows. Raises RefusedRun where tenant, deck and options do not fit together.

    `compiled`: by the compiled loops; None chooses what is faster for so many rows.
    """
    has_wallet = tenant.stated or options.balance is not None
    if not usage.calls.height:
        raise RefusedRun("no row of the usage can be used; see the rejected rows for the reasons")
    compiled = is_compiled(usage.calls.height) if compiled is None else compiled
    setting = setting_of((tenant,), catalogue, deck, options, has_wallet=has_wallet, compiled=compiled)
    # The rows live on in settlement order only: a second copy of a large file would double the memory.
    usage, rows = usage.without_calls(), _rows_of(usage, tenant)
    charged = charge_rows(rows, setting, options, has_wallet=has_wallet, progress=progress)
    (done,) = charged.tenants
    return Run(
        calls=charged.calls,
        pools=done.book.pools,
        lots=done.book.lots if has_wallet else (),
        movements=done.book.movements if has_wallet else (),
        totals=replace(
            done.totals,
            rejected_rows=usage.rejected_rows,
            duplicate_rows=usage.duplicate_rows + done.totals.duplicate_rows,
        ),
        usage=usage,
        tenant=tenant,
        deck=deck,
        catalogue_digest=catalogue.digest,
        has_wallet=has_wallet,
        warnings=(),
    )


def setting_of(
    tenants: Iterable[Tenant],
    catalogue: Catalogue,
    deck: Deck,
    options: Options,
    *,
    has_wallet: bool,
    compiled: bool,
    threads: int = 1,
) -> Setting:
    """What a run rates with. Raises RefusedRun where tenants, deck and options do not fit together."""
    tenants = tuple(tenants)
    for tenant in tenants:
        _check(tenant, catalogue, deck, options)
    terms = ((tenant, _terms(tenant, catalogue, options, has_wallet=has_wallet)) for tenant in tenants)
    customers: Customers = customers_of(terms, catalogue)
    return Setting(
        catalogue=catalogue,
        book=RateBook(deck),
        customers=customers,
        treat_as=options.treat_as,
        gated=has_wallet,
        compiled=compiled,
        threads=threads,
    )


def _rows_of(usage: Usage, tenant: Tenant) -> pl.DataFrame:
    """The rows as those of the one tenant, whatever tenant they name."""
    import polars as pl

    return usage.calls.with_columns(pl.lit(tenant.id, dtype=pl.Categorical()).alias("tenant"))


def _check(tenant: Tenant, catalogue: Catalogue, deck: Deck, options: Options) -> None:
    if tenant.currency != deck.currency:
        raise RefusedRun(
            f"tenant {tenant.id!r} has {tenant.currency} but deck {deck.name!r} is in {deck.currency}; "
            "choose a deck in the tenant's currency"
        )
    if options.treat_as and options.treat_as not in catalogue.treatments:
        known = ", ".join(sorted(catalogue.treatments))
        raise RefusedRun(f"--treat-as {options.treat_as!r} is not known; the catalogue has {known}")
    if (options.recharge_below is None) != (options.recharge_add is None):
        raise RefusedRun("--recharge-below and --recharge-add go together; give both or none")
    if options.recharge_add is not None and options.balance is None and not tenant.stated:
        raise RefusedRun("--recharge-add and --recharge-below need --balance or a tenant file to refill")


def _terms(tenant: Tenant, catalogue: Catalogue, options: Options, *, has_wallet: bool) -> Terms:
    """Without balance and tenant file the run asks what it costs: all money is post-usage (rulings.md 3)."""
    if not has_wallet:
        return Terms(is_mca=False, behind=True, licence_asked=False, post_usage_off=False)
    return terms_of(tenant, catalogue, recharge_on=rule_of(tenant, options).enabled)
