"""The tenants of a run side by side: their payers in one numbering, and what each holds, as columns.

Rows of many tenants are looked at together; what a tenant's own file says is reached through these columns.
The rules behind them are those of `accounts`; here they are asked once per tenant and payer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from talktime.accounts.payers import NOBODY, Payers, payers_of
from talktime.accounts.spend_caps import CapLimits, cap_limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.accounts.funding_terms import Terms
    from talktime.accounts.tenant import Tenant
    from talktime.catalog.model import Catalogue

    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Customer:
    """A tenant of a run, its terms, its payers; `first` is the number of its first payer in the run."""

    tenant: Tenant
    terms: Terms
    payers: Payers
    caps: CapLimits
    first: int


@dataclass(frozen=True)
class Customers:
    """All tenants of a run in the order of their numbers; payers and states are numbered through.

    Columns have one value a payer (or a state), and one more at the end that stands for nobody, so that
    index NOBODY = -1 finds it.
    """

    all: tuple[Customer, ...]
    catalogue: Catalogue

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of each tenant by its id in lower case: ids are often written in either."""
        return {customer.tenant.id.lower(): number for number, customer in enumerate(self.all)}

    @cached_property
    def payer_count(self) -> int:
        """How many payers there are in all."""
        return sum(len(customer.payers.payers) for customer in self.all)

    @cached_property
    def tenant_of(self) -> Ints:
        """The tenant of each payer."""
        sizes = [len(customer.payers.payers) for customer in self.all]
        return np.append(np.repeat(np.arange(len(self.all)), sizes), NOBODY)

    @cached_property
    def keys(self) -> list[str]:
        """The name of each payer in pools and reports; "" for nobody."""
        return [*(payer.key for customer in self.all for payer in customer.payers.payers), ""]

    @cached_property
    def service_numbers(self) -> list[str]:
        """The number of each payer that is a service number, "" for the others."""
        found = [""] * (self.payer_count + 1)
        for customer in self.all:
            for number, payer in customer.payers.by_number.items():
                found[customer.first + payer] = number
        return found

    @cached_property
    def key_words(self) -> pl.Series:
        """`keys` as a Categorical column."""
        return pl.Series(self.keys, dtype=pl.String).cast(pl.Categorical)

    @cached_property
    def service_words(self) -> pl.Series:
        """`service_numbers` as a Categorical column."""
        return pl.Series(self.service_numbers, dtype=pl.String).cast(pl.Categorical)

    @cached_property
    def kinds(self) -> tuple[list[str], Ints]:
        """The kinds of service numbers, "" among them, and the kind of each payer."""
        kinds = ["", *sorted({n.kind for c in self.all for n in c.tenant.service_numbers})]
        of = np.zeros(self.payer_count + 1, np.int64)
        for customer in self.all:
            first = customer.first + len(customer.tenant.users)
            for at, number in enumerate(customer.tenant.service_numbers):
                of[first + at] = kinds.index(number.kind)
        return kinds, of

    @cached_property
    def locations(self) -> tuple[list[str], Ints, Ints]:
        """Countries, "" among them; that of each payer (else its tenant's), that of each tenant."""
        names = {customer.tenant.country for customer in self.all} | {""}
        names |= {payer.location for customer in self.all for payer in customer.payers.payers}
        countries = sorted(names)
        index = {name: at for at, name in enumerate(countries)}
        own = [
            index[payer.location or customer.tenant.country]
            for customer in self.all
            for payer in customer.payers.payers
        ]
        of_tenants = [index[customer.tenant.country] for customer in self.all]
        return countries, np.array([*own, index[""]], np.int64), np.array(of_tenants, np.int64)

    @cached_property
    def profiles(self) -> tuple[list[tuple[str, ...]], Ints]:
        """The different sets of plans, the empty one first, and that of each state."""
        numbers: dict[tuple[str, ...], int] = {(): 0}
        of = [
            numbers.setdefault(state.plans, len(numbers))
            for customer in self.all
            for state in customer.payers.states
        ]
        return list(numbers), np.array([*of, 0], np.int64)

    @cached_property
    def states(self) -> tuple[Ints, Ints]:
        """The first state of each payer with one more at the end, and the instant each state begins."""
        first: list[int] = []
        from_us: list[int] = []
        for customer in self.all:
            first.extend(len(from_us) + at for at in customer.payers.first_state[:-1])
            from_us.extend(state.from_us for state in customer.payers.states)
        first.append(len(from_us))
        return np.array(first, np.int64), np.array([*from_us, 0], np.int64)

    @cached_property
    def policies(self) -> tuple[list[tuple[str, ...]], Ints]:
        """The different sets of dial-out policies, the empty one first, and that of each payer."""
        numbers: dict[tuple[str, ...], int] = {(): 0}
        of = np.zeros(self.payer_count + 1, np.int64)
        for customer in self.all:
            for at, user in enumerate(customer.tenant.users):
                if user.policies:
                    of[customer.first + at] = numbers.setdefault(user.policies, len(numbers))
        return list(numbers), of

    @cached_property
    def centres(self) -> tuple[list[str], Ints]:
        """The cost centres, "" first, and that of each payer alone (`CapLimits.centre_of`)."""
        numbers: dict[str, int] = {"": 0}
        of = [
            numbers.setdefault(customer.caps.centre_of(payer, NOBODY), len(numbers))
            for customer in self.all
            for payer in range(len(customer.payers.payers))
        ]
        return list(numbers), np.array([*of, 0], np.int64)

    @cached_property
    def pool_fellows(self) -> Ints:
        """The first payer of each payer's tenant whose licences fill the same country's pools."""
        of = np.arange(self.payer_count + 1)
        of[-1] = NOBODY
        for customer in self.all:
            groups: dict[str, int] = {}
            for at, payer in enumerate(customer.payers.payers):
                group = self.catalogue.pool_group(payer.location)
                of[customer.first + at] = groups.setdefault(group, customer.first + at)
        return of

    @cached_property
    def licence_asked(self) -> Ints:
        """1 for each tenant whose users need a licence to spend (rulings.md 12)."""
        return np.array([int(customer.terms.licence_asked) for customer in self.all], np.int64)

    @cached_property
    def bars(self) -> NDArray[np.bool_]:
        """Whether each tenant bars numbers by their prefixes."""
        return np.array([bool(customer.tenant.guards.barred_prefixes) for customer in self.all], np.bool_)

    @cached_property
    def stated(self) -> NDArray[np.bool_]:
        """Whether each tenant has a file that names its people."""
        return np.array([customer.tenant.stated for customer in self.all], np.bool_)

    def part(self, numbers: Sequence[int]) -> tuple[Customer, ...]:
        """Some of the tenants."""
        return tuple(self.all[number] for number in numbers)


def customers_of(tenants: Iterable[tuple[Tenant, Terms]], catalogue: Catalogue) -> Customers:
    """Tenants with their terms -> customers, numbered in this order."""
    found: list[Customer] = []
    first = 0
    for tenant, terms in tenants:
        payers = payers_of(tenant, catalogue)
        found.append(Customer(tenant, terms, payers, cap_limits(tenant, payers), first))
        first += len(payers.payers)
    return Customers(tuple(found), catalogue)
