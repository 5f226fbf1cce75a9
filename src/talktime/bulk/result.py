"""What a run over files yields: the charged calls, pools, lots, movements and totals that reconcile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from talktime.accounts.tenant import Tenant
    from talktime.core.deck import Deck
    from talktime.files.usage import Usage


def pool_name(plan: str, kind: str, owner: str, month: str) -> str:
    """How reports and explanations call a pool: `MCOPSTN1 domestic US 2026-03`."""
    return " ".join(part for part in (plan, kind, owner, month) if part)


@dataclass(frozen=True, slots=True)
class PoolUse:
    """A pool in one billing month. Sizes in seconds, None where unlimited; instants None if not reached."""

    plan: str
    kind: str
    owner: str  # country group, user, or "" for the whole tenant
    month: str  # 2026-03
    size_s: int | None
    used_s: int
    at_80_us: int | None
    at_100_us: int | None

    @property
    def name(self) -> str:
        """How reports and explanations call the pool."""
        return pool_name(self.plan, self.kind, self.owner, self.month)


@dataclass(frozen=True, slots=True)
class LotUse:
    """A lot of credits after the run. origin: opening, purchase or recharge; money in micros."""

    id: str
    origin: str
    bought_at_us: int
    expires_at_us: int
    amount: int
    drawn: int
    forfeited: int
    left: int


@dataclass(frozen=True, slots=True)
class Movement:
    """Something other than a call that moved or marked the balance.

    kind: opening, purchase, recharge, repaid (overdraft paid by a new lot), expiry, balance_zero,
    recharge_capped (the cap of a month or of 24 h left no payment).
    """

    at_us: int
    kind: str
    lot: str
    amount: int
    balance_after: int


@dataclass(frozen=True, slots=True)
class CategoryTotal:
    """Sum over the calls of one category."""

    calls: int
    billed_s: int
    amount: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of a run: seconds and micros. Wallet figures are None without a wallet (rulings.md 3)."""

    calls: int
    answered: int
    not_answered: int
    free_calls: int
    pool_only_calls: int
    paid_calls: int
    unrated_calls: int
    blocked_calls: int
    billed_s: int
    free_s: int
    pool_s: int
    paid_s: int
    unrated_s: int
    blocked_s: int
    amount: int
    credits: int
    post_usage: int
    overdraft: int
    overdraft_repaid: int
    rejected_rows: int
    duplicate_rows: int
    opening_balance: int | None
    funded: int | None
    forfeited: int | None
    closing_balance: int | None
    recharges: int | None
    recharged: int | None
    money_ran_out_at_us: int | None
    by_category: dict[str, CategoryTotal]


@dataclass(frozen=True, slots=True)
class Run:
    """A finished, reconciled run. `calls` has the columns of `files.call_columns`, in settlement order."""

    calls: pl.DataFrame
    pools: tuple[PoolUse, ...]
    lots: tuple[LotUse, ...]
    movements: tuple[Movement, ...]
    totals: Totals
    usage: Usage
    tenant: Tenant
    deck: Deck
    catalogue_digest: str
    has_wallet: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BookRun:
    """A finished, reconciled run over many tenants; its calls were handed on part by part.

    `tenants` are those with calls, each a run without its rows; `silent` counts those without. `usage` has no
    rows, `totals` are the sums over all tenants.
    """

    tenants: tuple[Run, ...]
    silent: int
    totals: Totals
    usage: Usage
    deck: Deck
    catalogue_digest: str
    warnings: tuple[str, ...]
