"""Spend caps of a run: one counter for each cap and billing month, and which counters a row moves.

A cap holds the money of a user, a cost centre (the service number's, else the user's) or the tenant in the
month of the call's start (rulings.md 18).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from talktime.bulk.payers import NOBODY, Payers
from talktime.bulk.state import NONE, Caps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.accounts.tenant import Tenant

    Ints = NDArray[np.int64]

USER = "user"
COST_CENTRE = "cost_centre"
TENANT = "tenant"


@dataclass(frozen=True, slots=True)
class CapColumns:
    """The counter of each row by scope, or NONE; and the limit of each counter in micros."""

    user: Ints
    centre: Ints
    tenant: Ints
    limits: list[int]

    def lists(self) -> Caps:
        """The columns of the settlement loop."""
        return Caps(limit=self.limits, spent=[0] * len(self.limits))


def caps_of(tenant: Tenant, payers: Payers, user: Ints, service: Ints, month: Ints) -> CapColumns:
    """Gives each row its counters."""
    by_scope: dict[str, dict[str, int]] = {USER: {}, COST_CENTRE: {}, TENANT: {}}
    for cap in tenant.caps:
        named = by_scope[cap.scope]
        key = cap.id.lower() if cap.scope == USER else cap.id
        named[key] = min(cap.amount_micros, named.get(key, cap.amount_micros))
    user_caps = [_user_cap(payers, index, by_scope[USER]) for index in range(len(payers.payers))]
    centre_caps = [by_scope[COST_CENTRE].get(payer.cost_centre) for payer in payers.payers]
    whole = list(by_scope[TENANT].values())
    limits: list[int] = []
    first = int(month.min()) if len(month) else 0
    months = int(month.max()) - first + 1 if len(month) else 0
    everybody = np.zeros(len(user), np.int64)
    centre = np.where((service != NOBODY) & _has_centre(payers)[service], service, user)
    centre_at = _centre_counters(payers, centre_caps, limits, months)
    return CapColumns(
        user=_counters(user_caps, limits, months)[user] + _offset(user_caps, user, month - first),
        centre=centre_at[centre] + _offset(centre_caps, centre, month - first),
        tenant=(_counters([min(whole)], limits, months)[everybody] + (month - first))
        if whole
        else np.full(len(user), NONE, np.int64),
        limits=limits,
    )


def _user_cap(payers: Payers, index: int, caps: dict[str, int]) -> int | None:
    payer = payers.payers[index]
    found = [c for c in (payer.cap_per_month_micros, caps.get(payer.key.lower())) if c is not None]
    return min(found) if found else None


def _has_centre(payers: Payers) -> NDArray[np.bool_]:
    return np.array([*(bool(payer.cost_centre) for payer in payers.payers), False])


def _counters(caps: list[int | None], limits: list[int], months: int) -> Ints:
    """The first counter of each payer's cap, NONE without one; one counter a month follows the other."""
    first = []
    for cap in caps:
        first.append(NONE if cap is None else len(limits))
        limits.extend([] if cap is None else [cap] * months)
    return np.array([*first, NONE], np.int64)


def _centre_counters(payers: Payers, caps: list[int | None], limits: list[int], months: int) -> Ints:
    """As `_counters`, but payers of one cost centre share its counters."""
    first: dict[str, int] = {}
    for payer, cap in zip(payers.payers, caps, strict=True):
        if cap is not None and payer.cost_centre not in first:
            first[payer.cost_centre] = len(limits)
            limits.extend([cap] * months)
    return np.array([*(first.get(payer.cost_centre, NONE) for payer in payers.payers), NONE], np.int64)


def _offset(caps: list[int | None], payer: Ints, month: Ints) -> Ints:
    """Months after the first for rows that have a cap, 0 for the others (they stay NONE)."""
    capped = np.array([*(cap is not None for cap in caps), False])
    return np.where(capped[payer], month, 0)
