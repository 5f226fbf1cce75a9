"""A run over files: usage + tenant + deck -> charged calls, and sums that were checked.

This is the use case behind `talktime rate`: prepare the columns, settle in order, assemble the report
columns, add up, and refuse to answer with sums that do not reconcile (rulings.md 1 to 6).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from talktime.accounts.funding_terms import Terms, terms_of
from talktime.accounts.tenant import AutoRecharge, Purchase
from talktime.bulk.assemble import calls_frame
from talktime.bulk.books import lots_of, movements_of, pools_of
from talktime.bulk.prepare import prepare
from talktime.bulk.result import Run
from talktime.bulk.settle import settle_prepared
from talktime.bulk.totals import reconcile, totals_of
from talktime.bulk.wallet import wallet_of
from talktime.catalog.side import load_currencies
from talktime.core.deck import RateBook

if TYPE_CHECKING:
    import polars as pl

    from talktime.accounts.tenant import Tenant
    from talktime.catalog.model import Catalogue
    from talktime.core.deck import Deck
    from talktime.files.usage import Usage

OPENING_LOT = "opening"


class RefusedRun(ValueError):  # noqa: N818 - a refusal, not a fault of the program
    """Inputs that do not fit together; the message is one sentence: what, where, what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line adds; options override the tenant file (rulings.md 3). Money in micros."""

    balance: int | None = None
    recharge_below: int | None = None
    recharge_add: int | None = None
    treat_as: str = ""


def charge(
    usage: Usage,
    tenant: Tenant,
    catalogue: Catalogue,
    deck: Deck,
    options: Options = Options(),
    progress: Callable[[int], None] | None = None,
) -> Run:
    """Charges all rows. Raises RefusedRun where tenant, deck and options do not fit together."""
    _check(usage, tenant, catalogue, deck, options)
    has_wallet = tenant.stated or options.balance is not None
    # The rows live on in settlement order only: a second copy of a large file would double the memory.
    usage, rows = usage.without_calls(), usage.calls
    first_us = _edge(rows, "start_us", first=True)
    last_us = _edge(rows, "end_us", first=False)
    rule = _rule(tenant, options)
    terms = _terms(tenant, catalogue, rule, has_wallet)
    book = RateBook(deck)
    prepared = prepare(rows, tenant, catalogue, book, terms, treat_as=options.treat_as, gated=has_wallet)
    del rows
    least = load_currencies().minimum_purchase_micros(tenant.currency)
    wallet = wallet_of(
        _purchases(tenant, options, first_us), rule, terms, tenant.time_zone, first_us, last_us, least
    )
    settled = settle_prepared(prepared, deck, wallet, progress)
    lots = lots_of(wallet, settled)
    pools = pools_of(prepared, settled)
    calls = calls_frame(prepared, settled, catalogue, deck, lots, pools, has_wallet=has_wallet)
    movements = movements_of(settled, lots) if has_wallet else ()
    totals = totals_of(calls, usage, lots, movements, wallet, has_wallet=has_wallet)
    reconcile(totals, lots, pools)
    return Run(
        calls=calls,
        pools=pools,
        lots=lots if has_wallet else (),
        movements=movements,
        totals=totals,
        usage=usage,
        tenant=tenant,
        deck=deck,
        catalogue_digest=catalogue.digest,
        has_wallet=has_wallet,
        warnings=(),
    )


def _check(usage: Usage, tenant: Tenant, catalogue: Catalogue, deck: Deck, options: Options) -> None:
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
    if not usage.calls.height:
        raise RefusedRun("no row of the usage can be used; see the rejected rows for the reasons")


def _edge(rows: pl.DataFrame, column: str, *, first: bool) -> int:
    value = rows[column].min() if first else rows[column].max()
    assert isinstance(value, int)  # there is at least one row
    return value


def _rule(tenant: Tenant, options: Options) -> AutoRecharge:
    if options.recharge_add is None or options.recharge_below is None:
        return tenant.auto_recharge
    return AutoRecharge(
        enabled=True,
        below_micros=options.recharge_below,
        add_micros=options.recharge_add,
        cap_per_month_micros=tenant.auto_recharge.cap_per_month_micros,
    )


def _terms(tenant: Tenant, catalogue: Catalogue, rule: AutoRecharge, has_wallet: bool) -> Terms:
    """Without balance and tenant file the run asks what it costs: all money is post-usage (rulings.md 3)."""
    if not has_wallet:
        return Terms(is_mca=False, behind=True, licence_asked=False, post_usage_off=False)
    return terms_of(tenant, catalogue, recharge_on=rule.enabled)


def _purchases(tenant: Tenant, options: Options, first_us: int) -> tuple[Purchase, ...]:
    if options.balance is None:
        return tenant.purchases
    return (Purchase(OPENING_LOT, first_us, options.balance),) if options.balance > 0 else ()
