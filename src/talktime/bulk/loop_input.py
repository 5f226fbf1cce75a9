"""From prepared rows in settlement order to the settlement loop: narrow integers, wallets, pools and caps.

Everything that hangs on a tenant's other calls begins here. The columns are few and narrow, so that they can
be carried to wherever a tenant is settled and its charges back to the rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from talktime.accounts.recharge_limits import payment_limits
from talktime.accounts.tenant import Purchase
from talktime.bulk.cap_columns import caps_of
from talktime.bulk.options import RefusedRun
from talktime.bulk.pool_plan import PoolPlan
from talktime.bulk.rate_columns import rate_lists
from talktime.bulk.state import Calls, Month
from talktime.bulk.wallet import Bought, Span, WalletColumns
from talktime.core.deck import NO_ROW
from talktime.core.limits import MAX_TOTAL_MICROS, MICROS_PER_UNIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.accounts.tenant import AutoRecharge, Tenant
    from talktime.bulk.options import Options
    from talktime.bulk.prepare import Prepared
    from talktime.bulk.setting import Setting

    Ints = NDArray[np.int64]

OPENING_LOT = "opening"


class Narrow(NamedTuple):
    """What the settlement of a call needs, one int64 a row: columns of `prepare.Prepared` and of usage."""

    tenant: Ints
    end_us: Ints
    start_us: Ints
    duration_s: Ints
    kind: Ints
    gates: Ints
    pools: Ints
    rate: Ints
    user: Ints
    service: Ints
    payer: Ints
    month: Ints

    def rows(self, at: Ints) -> Narrow:
        """The rows at these places, in this order."""
        return Narrow(*(column[at] for column in self))


@dataclass(frozen=True, slots=True)
class Loop:
    """What the loop settles; `tenants` are the numbers of the run's tenants that it counts from 0.

    `first_row` are the first rows of each tenant, with one more at the end.
    """

    month: Month
    tenants: Ints
    first_row: Ints
    plan: PoolPlan
    bought: list[Bought]


def narrow_of(prepared: Prepared) -> Narrow:
    """The narrow columns of prepared rows."""
    usage = prepared.usage
    return Narrow(
        tenant=prepared.tenant,
        end_us=usage["end_us"].to_numpy(),
        start_us=usage["start_us"].to_numpy(),
        duration_s=usage["duration_s"].to_numpy(),
        kind=prepared.kind,
        gates=prepared.gates,
        pools=prepared.pools,
        rate=prepared.rate,
        user=prepared.user,
        service=prepared.service,
        payer=prepared.payer,
        month=prepared.month,
    )


def loop_of(rows: Narrow, setting: Setting, options: Options) -> Loop:
    """The columns of the loop; rows are sorted by tenant and settlement order, there is at least one."""
    customers = setting.customers
    edges = np.flatnonzero(np.diff(rows.tenant)) + 1
    first_row = np.concatenate(([0], edges, [len(rows.tenant)]))
    tenants = rows.tenant[first_row[:-1]]
    plan = PoolPlan(setting)
    chain = plan.chains_of(rows.pools, rows.payer, rows.month)
    caps = caps_of(customers, rows.tenant, rows.user, rows.service, rows.month)
    wallets = WalletColumns()
    first_us = np.minimum.reduceat(rows.start_us, first_row[:-1])
    last_us = np.maximum.reduceat(rows.end_us, first_row[:-1])
    for number, first, last in zip(tenants.tolist(), first_us.tolist(), last_us.tolist(), strict=True):
        customer = customers.all[number]
        tenant = customer.tenant
        purchases = _purchases(tenant, options, first)
        if sum(purchase.amount_micros for purchase in purchases) > MAX_TOTAL_MICROS:
            raise RefusedRun(
                f"the purchases of tenant {tenant.id!r} come to more than "
                f"{MAX_TOTAL_MICROS // MICROS_PER_UNIT:,}: "
                "that is not counted exactly; look for amounts with too many digits"
            )
        rule, span = rule_of(tenant, options), Span(first, last)
        limits = payment_limits(rule, tenant.currency)
        wallets.add(purchases, rule, customer.terms, tenant.time_zone, span, limits)
    held, lots, events, year = wallets.columns(Span(int(first_us.min()), int(last_us.max())))
    columns: dict[str, Any] = {  # arrays stand where the plain loop has lists
        "tenant": np.repeat(np.arange(len(tenants)), np.diff(first_row)),
        "end_us": rows.end_us,
        "start_us": rows.start_us,
        "duration_s": rows.duration_s,
        "kind": rows.kind,
        "gates": rows.gates,
        "chain": chain,
        "rate": np.where(rows.rate == NO_ROW, len(setting.book.deck.rows), rows.rate),  # the last: "no rate"
        "cap_user": caps.user,
        "cap_centre": caps.centre,
        "cap_tenant": caps.tenant,
    }
    calls = Calls(**columns)
    rates = rate_lists(setting.book.deck)
    month = Month(calls, rates, plan.columns(), caps.columns(), held, lots, events, year)
    return Loop(month, tenants, first_row, plan, wallets.bought)


def rule_of(tenant: Tenant, options: Options) -> AutoRecharge:
    """The rule of auto-recharge: what the options say, all else and its caps as the tenant has them."""
    if options.recharge_add is None or options.recharge_below is None:
        return tenant.auto_recharge
    return replace(
        tenant.auto_recharge,
        enabled=True,
        below_micros=options.recharge_below,
        add_micros=options.recharge_add,
        target_micros=0,
    )


def _purchases(tenant: Tenant, options: Options, first_us: int) -> tuple[Purchase, ...]:
    if options.balance is None:
        return tenant.purchases
    return (Purchase(OPENING_LOT, first_us, options.balance),) if options.balance > 0 else ()
