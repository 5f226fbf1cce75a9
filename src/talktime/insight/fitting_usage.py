"""Usage made fit for a run over one tenant: some row can be used, one currency, one tenant (rulings.md 2, 3).

What does not fit is told by an exception that names what was found, so that each door can say in its own
words what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.files.usage import Usage

SHOWN_ROWS: Final = 3
"""Rows set aside that are told one by one where no other is left."""


class UnfitUsage(ValueError):  # noqa: N818 - a refusal, not a fault of the program
    """Usage that cannot be charged to one tenant; the message is one sentence."""


class MixedCurrencies(UnfitUsage):
    """Rows of several currencies, and none was chosen."""

    def __init__(self, found: Sequence[str]) -> None:
        self.found = tuple(found)
        super().__init__(f"the usage mixes the currencies {', '.join(found)}; choose one of them")


class OtherTenants(UnfitUsage):
    """Rows that name several tenants, none of them the one that is charged."""

    def __init__(self, named: Sequence[str], tenant: str) -> None:
        self.named = tuple(named)
        first = ", ".join(self.named[:SHOWN_ROWS])
        super().__init__(
            f"the usage names {len(self.named):,} tenants ({first} ...) and none is {tenant!r}; "
            "keep the rows of one of them"
        )


def fit(usage: Usage, currency: str | None, tenant: Tenant | None) -> Usage:
    """The rows of one currency (None: of the only one) and one tenant (None: of whomever they name).

    What is left out stands among the rejected rows. Raises UnfitUsage.
    """
    usage = _one_currency(_usable(usage), currency)
    return usage if tenant is None else _of_tenant(usage, tenant)


def _usable(usage: Usage) -> Usage:
    """Refuses usage of which no row is left, with the first reasons."""
    if usage.calls.height:
        return usage
    if not usage.rejected_rows:
        raise UnfitUsage("the usage holds no calls; export it again")
    shown = [f"{r.source} line {r.line}: {r.reason}" for r in usage.rejected[:SHOWN_ROWS]]
    more = usage.rejected_rows - len(shown)
    reasons = "; ".join([*shown, *([f"and {more:,} more"] if more else [])])
    raise UnfitUsage(f"no row of the usage can be used: {reasons}")


def _of_tenant(usage: Usage, tenant: Tenant) -> Usage:
    """The rows of a tenant: where some name it, those of others are set aside.

    Rows that all name one other tenant are taken for its own, with a warning: exports name organisations by
    ids of their own. Several others are refused.
    """
    from talktime.files.tenant_rows import named_tenants, of_tenant

    named = named_tenants(usage)
    others = [name for name in named if name.lower() != tenant.id.lower()]
    if not others:
        return usage
    if len(others) < len(named):
        return of_tenant(usage, tenant.id)
    if len(others) > 1:
        raise OtherTenants(others, tenant.id)
    warning = f"the rows name tenant {others[0]!r} and are charged to {tenant.id!r}"
    return replace(usage, warnings=(*usage.warnings, warning))


def _one_currency(usage: Usage, chosen: str | None) -> Usage:
    """Refuses rows of several currencies by name unless one is chosen; rows of the others are set aside."""
    from talktime.files.currency import of_currency
    from talktime.files.usage import currencies

    found = currencies(usage)
    if chosen is not None:
        kept = of_currency(usage, chosen)
        if not kept.calls.height:
            raise UnfitUsage(f"no row has the currency {chosen}; the usage has {', '.join(found) or 'none'}")
        return kept
    if len(found) > 1:
        raise MixedCurrencies(found)
    return usage
