"""Money without end for a run: a call is refused for what it is, never for want of money that is left."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from talktime.accounts.tenant import AutoRecharge, Purchase
from talktime.core.limits import MAX_MONEY_MICROS, US_PER_S

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.bulk.replay import Replay

HALF_A_YEAR_US: Final = 182 * 86_400 * US_PER_S
"""Lots expire after 12 months: so often another one is bought."""


def without_end(tenant: Tenant, replay: Replay) -> Tenant:
    """The tenant with the largest purchase there is every half year of the usage, and nothing else to pay.

    Its purchases and its rule of auto-recharge are left out; whatever else refuses a call stays.
    """
    starts = replay.rows["start_us"]
    first_us, last_us = int(starts.min()), int(starts.max())  # type: ignore[arg-type] # there is a call
    buys = range(first_us, last_us + 1, HALF_A_YEAR_US)
    return replace(
        tenant,
        purchases=tuple(Purchase(f"lot-{at}", at_us, MAX_MONEY_MICROS) for at, at_us in enumerate(buys, 1)),
        auto_recharge=AutoRecharge(),
    )
