"""Spend caps of a run: one counter for each cap and billing month, and which counters a row moves.

Which limits a call has are the rules of `accounts.spend_caps`; the month is that of the call's start
(rulings.md 18).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from talktime.bulk.codes import Coded, different_rows
from talktime.bulk.state import NONE, Caps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.bulk.customers import Customers

    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CapColumns:
    """The counter of each row by scope, or NONE; and the limit of each counter in micros."""

    user: Ints
    centre: Ints
    tenant: Ints
    limits: list[int]

    def columns(self) -> Caps:
        """The columns of the settlement loop."""
        return Caps(limit=self.limits, spent=[0] * len(self.limits))


def centres_of(customers: Customers, user: Ints, service: Ints) -> Ints:
    """The cost centre of each row (`Customers.centres`): the service number's, else the user's."""
    _, of_payer = customers.centres
    own = of_payer[service]
    centres: Ints = np.where(own == 0, of_payer[user], own)
    return centres


def caps_of(customers: Customers, tenant: Ints, user: Ints, service: Ints, month: Ints) -> CapColumns:
    """Gives each row its counters. A cap has one for each month, one after the other."""
    since = month - (int(month.min()) if len(month) else 0)
    months = int(since.max()) + 1 if len(month) else 0
    limits: list[int] = []
    of_users = _of_users(customers, tenant, limits, months)[user]
    of_tenants = _of_tenants(customers, tenant, limits, months)[tenant]
    of_centres = _of_centres(customers, tenant, centres_of(customers, user, service), limits, months)
    return CapColumns(
        user=np.where(of_users == NONE, NONE, of_users + since),
        centre=np.where(of_centres == NONE, NONE, of_centres + since),
        tenant=np.where(of_tenants == NONE, NONE, of_tenants + since),
        limits=limits,
    )


def _first(limit: int | None, limits: list[int], months: int) -> int:
    """The first counter of a cap, or NONE; adds its limit for each month."""
    if limit is None:
        return NONE
    limits.extend([limit] * months)
    return len(limits) - months


def _of_users(customers: Customers, tenant: Ints, limits: list[int], months: int) -> Ints:
    """The first counter of each payer."""
    of = np.full(customers.payer_count + 1, NONE, np.int64)
    for number in np.unique(tenant).tolist():
        customer = customers.all[number]
        for payer, limit in enumerate(customer.caps.user_limits):
            if limit is not None:
                of[customer.first + payer] = _first(limit, limits, months)
    return of


def _of_tenants(customers: Customers, tenant: Ints, limits: list[int], months: int) -> Ints:
    """The first counter of each tenant."""
    of = np.full(len(customers.all), NONE, np.int64)
    for number in np.unique(tenant).tolist():
        of[number] = _first(customers.all[number].caps.tenant_limit, limits, months)
    return of


def _of_centres(customers: Customers, tenant: Ints, centre: Ints, limits: list[int], months: int) -> Ints:
    """The first counter of the cost centre of each row."""
    of = np.full(len(tenant), NONE, np.int64)
    limited = np.array([bool(customer.caps.centre_limits) for customer in customers.all], np.bool_)
    rows = np.flatnonzero(limited[tenant])
    if not len(rows):
        return of
    names, _ = customers.centres
    columns, at = different_rows([Coded(tenant[rows], len(customers.all)), Coded(centre[rows], len(names))])
    firsts = [
        _first(customers.all[number].caps.centre_limit(names[name]), limits, months)
        for number, name in zip(*(column.tolist() for column in columns), strict=True)
    ]
    of[rows] = np.array(firsts, np.int64)[at]
    return of
