"""Spend caps of a run: one counter for each cap and billing month, and which counters a row moves.

Which limits a call has are the rules of `accounts.spend_caps`; the month is that of the call's start
(rulings.md 18).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from talktime.accounts.payers import NOBODY
from talktime.accounts.spend_caps import CapLimits, cap_limits
from talktime.bulk.state import NONE, Caps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from talktime.accounts.payers import Payers
    from talktime.accounts.tenant import Tenant

    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CapColumns:
    """The counter of each row by scope, or NONE; and the limit of each counter in micros.

    `centre_names` are the cost centres, "" among them; `centre_name` is the index of each row's in them.
    """

    user: Ints
    centre: Ints
    tenant: Ints
    limits: list[int]
    centre_names: list[str]
    centre_name: Ints

    def lists(self) -> Caps:
        """The columns of the settlement loop."""
        return Caps(limit=self.limits, spent=[0] * len(self.limits))


def caps_of(tenant: Tenant, payers: Payers, user: Ints, service: Ints, month: Ints) -> CapColumns:
    """Gives each row its counters."""
    held = cap_limits(tenant, payers)
    centre_names = sorted({"", *(payer.cost_centre for payer in payers.payers)})
    centre_name = _centres(held, centre_names, user, service)
    since = month - (int(month.min()) if len(month) else 0)
    months = int(since.max()) + 1 if len(month) else 0
    limits: list[int] = []
    of_users = [*held.user_limits, held.user_limit(NOBODY)]  # index NOBODY = -1 finds the last
    of_centres = [held.centre_limit(name) for name in centre_names]
    return CapColumns(
        user=_counters(of_users, user, since, months, limits),
        centre=_counters(of_centres, centre_name, since, months, limits),
        tenant=_counters([held.tenant_limit], np.zeros_like(user), since, months, limits),
        limits=limits,
        centre_names=centre_names,
        centre_name=centre_name,
    )


def _centres(held: CapLimits, names: Sequence[str], user: Ints, service: Ints) -> Ints:
    """The index in `names` of each row's cost centre, from what `centre_of` says of either payer alone."""
    index = {name: at for at, name in enumerate(names)}
    everybody = [*range(len(held.payers.payers)), NOBODY]  # index NOBODY = -1 finds the last
    of_users = np.array([index[held.centre_of(payer, NOBODY)] for payer in everybody], np.int64)
    of_services = np.array([index[held.centre_of(NOBODY, payer)] for payer in everybody], np.int64)
    own = of_services[service]
    centres: Ints = np.where(own == index[""], of_users[user], own)
    return centres


def _counters(caps: Sequence[int | None], holder: Ints, since: Ints, months: int, limits: list[int]) -> Ints:
    """The counter of each row from the caps of its holders, NONE without one; adds their limits.

    A cap has one counter for each month, one after the other; `since` counts a row's months after the first.
    """
    first = []
    for cap in caps:
        first.append(NONE if cap is None else len(limits))
        limits.extend([] if cap is None else [cap] * months)
    begins = np.array(first, np.int64)[holder]
    counters: Ints = np.where(begins == NONE, NONE, begins + since)
    return counters
