"""What each user of a group may hold, and what that costs: licences, calls that no pool pays, shared pools.

A group are the users who choose from one family and share pools; groups know nothing of each other. What a
user costs under an option hangs on the others only by the seconds left in shared pools.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from talktime.accounts.pool_sizes import SECONDS_A_MINUTE, pool_owner
from talktime.catalog.model import BASIS_PURCHASED, SCOPE_TENANT, SCOPE_USER
from talktime.insight.planner.demand import MONEY, OWN, SHARED, charged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from talktime.accounts.payers import Payer
    from talktime.bulk.state import Rates
    from talktime.catalog.model import Catalogue
    from talktime.insight.planner.demand import Demand, Facts

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]
    Plans = tuple[str, ...]

A_FEW_DAYS: Final = 3
MOST_CELLS: Final = 100_000
"""Users times days from which on a few days are one column of the day tables."""

UNLIMITED_S: Final = 2**40
"""Seconds of a licence whose pool is not counted: more than anybody calls."""


class Slot(NamedTuple):
    """A pool of each month that users share."""

    plan: str
    kind: str
    owner: str


class Use(NamedTuple):
    """An option's calls of `table` go to `slot`, which each holder makes larger by `size_s` (one a user)."""

    slot: int
    table: int
    size_s: Ints


class Option(NamedTuple):
    """Plans that are held together, and the shared pools that come with them."""

    plans: Plans
    uses: tuple[Use, ...]


class Holder(NamedTuple):
    """Who chooses: a payer of the tenant by number, or `copies` of a licence that nobody holds (payer -1).

    `options`: plans that it may hold, with the price a month; `now`: what it holds today, maybe another.
    """

    payer: int
    who: Payer
    options: dict[Plans, int]
    now: Plans
    now_price: int
    copies: int = 1

    @property
    def is_without(self) -> bool:
        """Whether it holds nothing of the family and has calls that need something."""
        return not self.now and () not in self.options


@dataclass(frozen=True)
class Table:
    """Calls that go to a shared pool under some options, by month and in settlement order within it.

    A row: `user` of the group, `order` in settlement, seconds that it takes from a pool that is never empty,
    micros where the pool is, and its place in the facts. `month_at`: where each month begins. `day_s` and
    `day_amount`: users x days.
    """

    user: Ints
    order: Ints
    pool_s: Ints
    amount: Ints
    fact: Ints
    month_at: Ints
    day_s: Ints
    day_amount: Ints


@dataclass(frozen=True)
class Problem:
    """A group as numbers: users x options, money in micros of all months.

    `licences`: prices; `fixed`: calls that no shared pool can pay. `now`: today's option of each user.
    `months_of_day`: the month of each column of the day tables. `several`: options whose pools cannot be
    looked at one by one; `by_engine` says what all calls of the group cost under a mix with one of them.
    """

    owner: str
    holders: tuple[Holder, ...]
    options: tuple[Option, ...]
    allowed: Flags
    now: Ints
    licences: Ints
    fixed: Ints
    slots: tuple[Slot, ...]
    tables: tuple[Table, ...]
    months: int
    months_of_day: Ints
    facts: Facts
    rates: Rates
    several: Flags
    by_engine: Callable[[Ints], int]

    @property
    def base(self) -> Ints:
        """What each user costs under each option beside shared pools."""
        found: Ints = self.licences + self.fixed
        return found


def problems_of(
    demand: Demand,
    holders: Sequence[Holder],
    catalogue: Catalogue,
    months: Sequence[int],
    rates: Rates,
    by_engine: Callable[[Sequence[Holder], Sequence[Plans]], int],
) -> list[Problem]:
    """The groups of a family; `by_engine` charges holders with plans by the engine."""
    sets = {plans for holder in holders for plans in (*holder.options, holder.now)}
    whole = any(catalogue.plans[plan].scope == SCOPE_TENANT for plans in sets for plan in plans)
    groups: dict[str, list[Holder]] = {}
    for holder in holders:
        owner = "" if whole else catalogue.pool_group(holder.who.location)
        groups.setdefault(owner, []).append(holder)
    days = _Days(demand, months)
    return [
        _Group(owner, members, demand, catalogue, days).problem(months, rates, by_engine)
        for owner, members in sorted(groups.items())
    ]


class _Days:
    """The days of all months side by side; each row counts on a day of its own billing month.

    Of many users a few days are one column: then one day's calls differ little from the next one's.
    """

    def __init__(self, demand: Demand, months: Sequence[int]) -> None:
        first = int(demand.day.min()) if len(demand.day) else 0
        span = int(demand.day.max()) - first + 1 if len(demand.day) else 1
        width = A_FEW_DAYS if span * len(demand.needs) > MOST_CELLS else 1
        span = -(-span // width)
        of_month = np.searchsorted(np.array(months, np.int64), demand.month)
        key = of_month * span + (demand.day - first) // width
        used = np.flatnonzero(np.bincount(key))
        place = np.zeros(int(used[-1]) + 1 if len(used) else 1, np.int64)
        place[used] = np.arange(len(used))
        self.of_row = place[key]
        self.month_of_row = of_month
        self.months = used // span
        self.count = len(used)


class _Group:
    """Builds the numbers of a group."""

    def __init__(
        self, owner: str, members: list[Holder], demand: Demand, catalogue: Catalogue, days: _Days
    ) -> None:
        self.owner, self.members, self.demand = owner, tuple(members), demand
        self.catalogue, self.days = catalogue, days
        place = np.full(len(demand.needs) + 1, -1, np.int64)
        for at, holder in enumerate(members):
            if holder.payer >= 0:
                place[holder.payer] = at
        user = place[demand.payer]
        self.rows = np.flatnonzero(user >= 0)
        self.user = user[self.rows]
        self.slots: dict[Slot, int] = {}
        self.tables: list[Table] = []
        self._table_of: dict[tuple[int, bytes], int] = {}
        self._fixed: dict[tuple[object, ...], Ints] = {}

    def problem(
        self,
        months: Sequence[int],
        rates: Rates,
        by_engine: Callable[[Sequence[Holder], Sequence[Plans]], int],
    ) -> Problem:
        """The group as numbers."""
        self.rates, self.months = rates, len(months)
        options: dict[tuple[Plans, tuple[Slot, ...]], Option] = {}
        chosen: list[dict[Plans, int]] = []
        for holder in self.members:
            places = {}
            for plans in dict.fromkeys((holder.now, *holder.options)):
                key = plans, self._slots(plans, holder.who)
                if key not in options:
                    options[key] = Option(plans, tuple(self._use(plans, slot) for slot in key[1]))
                places[plans] = list(options).index(key)
            chosen.append(places)
        shape = len(self.members), len(options)
        allowed, licences, fixed = (
            np.zeros(shape, np.bool_),
            np.zeros(shape, np.int64),
            np.zeros(shape, np.int64),
        )
        for at, (holder, places) in enumerate(zip(self.members, chosen, strict=True)):
            for plans, place in places.items():
                allowed[at, place] = plans in holder.options
                licences[at, place] = holder.options.get(plans, holder.now_price) * len(months)
        for place, option in enumerate(options.values()):
            fixed[:, place] = self._money(option.plans)
        found = tuple(options.values())
        members = self.members

        def engine(mix: Ints) -> int:
            return by_engine(members, [found[place].plans for place in mix.tolist()])

        return Problem(
            owner=self.owner,
            holders=self.members,
            options=found,
            allowed=allowed,
            now=np.array([places[h.now] for h, places in zip(self.members, chosen, strict=True)], np.int64),
            licences=licences,
            fixed=fixed,
            slots=tuple(self.slots),
            tables=tuple(self.tables),
            months=len(months),
            months_of_day=self.days.months,
            facts=self.demand.facts,
            rates=rates,
            several=np.array([option.plans in self.demand.several for option in found], np.bool_),
            by_engine=engine,
        )

    def _slots(self, plans: Plans, who: Payer) -> tuple[Slot, ...]:
        held = [self.catalogue.plans[plan] for plan in plans]
        return tuple(
            Slot(plan.code, pool.kind, pool_owner(self.catalogue, plan, who))
            for plan in held
            if plan.scope != SCOPE_USER
            for pool in plan.pools
        )

    def _use(self, plans: Plans, slot: Slot) -> Use:
        plan = self.catalogue.plans[slot.plan]
        pool = next(p for p in plan.pools if p.kind == slot.kind)
        unheld = int(plan.basis == BASIS_PURCHASED)  # whether licences that nobody holds count
        minutes = [pool.minutes_for(holder.who.location) for holder in self.members]
        sizes = [
            min(each * SECONDS_A_MINUTE, UNLIMITED_S) * (1 if holder.payer >= 0 else holder.copies * unheld)
            for each, holder in zip(minutes, self.members, strict=True)
        ]
        place = self.slots.setdefault(slot, len(self.slots))
        return Use(place, self._table(plans, slot), np.array(sizes, np.int64))

    def _in_pool(self, plans: Plans, plan: str, kind: str, role: int) -> Flags:
        """Situations whose first pool is this one."""
        numbers = self.demand.pool_numbers
        held: Flags = (self.demand.roles[plans] == role) & (self.demand.pools[plans] == numbers[plan, kind])
        return held

    def _table(self, plans: Plans, slot: Slot) -> int:
        inside = self._in_pool(plans, slot.plan, slot.kind, SHARED)
        fact_of = self.demand.facts_of[plans]
        key = id(fact_of), inside.tobytes()
        if key not in self._table_of:
            self._table_of[key] = len(self.tables)
            mine = np.flatnonzero(inside[self.demand.sit[self.rows]])
            self.tables.append(self._made(mine, fact_of[self.rows[mine]]))
        return self._table_of[key]

    def _made(self, mine: Ints, fact: Ints) -> Table:
        rows = self.rows[mine]
        month = self.days.month_of_row[rows]
        by_month = np.argsort(month.astype(np.int16), kind="stable")
        rows, mine, fact = rows[by_month], mine[by_month], fact[by_month]
        user, pool_s, amount = self.user[mine], self.demand.facts.pool_s[fact], self.demand.facts.amount[fact]
        cell = user * self.days.count + self.days.of_row[rows]
        shape = len(self.members), self.days.count
        return Table(
            user=user,
            order=rows,
            pool_s=pool_s,
            amount=amount,
            fact=fact,
            month_at=np.searchsorted(month[by_month], np.arange(self.months + 1)),
            day_s=summed(cell, pool_s, shape[0] * shape[1]).reshape(shape),
            day_amount=summed(cell, amount, shape[0] * shape[1]).reshape(shape),
        )

    def _money(self, plans: Plans) -> Ints:
        """Micros of each user's calls that ask no shared pool."""
        demand = self.demand
        fact_of = demand.facts_of[plans]
        paid = demand.roles[plans] == MONEY
        key = id(fact_of), paid.tobytes()
        if key not in self._fixed:
            rows = np.flatnonzero(paid[demand.sit[self.rows]])
            amount = demand.facts.amount[fact_of[self.rows[rows]]]
            self._fixed[key] = summed(self.user[rows], amount, len(self.members))
        found = self._fixed[key]
        for plan in (self.catalogue.plans[code] for code in plans):
            for pool in plan.pools if plan.scope == SCOPE_USER else ():
                inside = self._in_pool(plans, plan.code, pool.kind, OWN)
                sizes = [
                    min(pool.minutes_for(holder.who.location) * SECONDS_A_MINUTE, UNLIMITED_S)
                    for holder in self.members
                ]
                found = found + self._own(inside, fact_of, np.array(sizes, np.int64))
        return found

    def _own(self, inside: Flags, fact_of: Ints, sizes: Ints) -> Ints:
        """Micros beyond pools that each user has alone."""
        if not len(self.rows) or not inside.any():
            return np.zeros(len(self.members), np.int64)
        mine = np.flatnonzero(inside[self.demand.sit[self.rows]])
        cell = self.user[mine] * self.months + self.days.month_of_row[self.rows[mine]]
        by_cell = np.argsort(cell, kind="stable")
        cell, fact = cell[by_cell], fact_of[self.rows[mine[by_cell]]]
        at = np.searchsorted(cell, np.arange(len(self.members) * self.months + 1))
        pool_s, amount = self.demand.facts.pool_s[fact], self.demand.facts.amount[fact]
        used = np.concatenate([np.zeros(1, np.int64), np.cumsum(pool_s)])
        size = np.repeat(sizes, self.months)
        full = np.flatnonzero(used[at[1:]] - used[at[:-1]] > size)
        found = np.zeros(len(self.members), np.int64)
        paid = np.concatenate([np.zeros(1, np.int64), np.cumsum(amount)])
        wanted = used[at[full]] + size[full]
        place = np.searchsorted(used, wanted, side="right") - 1
        for one, first, left_s in zip(
            full.tolist(), place.tolist(), (wanted - used[place]).tolist(), strict=True
        ):
            last = int(at[one + 1])
            money, after = emptied(fact, first, last, left_s, (self.demand.facts, self.rates))
            found[one // self.months] += money + int(paid[last] - paid[after])
        return found


def summed(cell: Ints, values: Ints, size: int) -> Ints:
    """The sum of the values of each cell; exact, unlike numpy.bincount."""
    found = np.zeros(size, np.int64)
    np.add.at(found, cell, values)
    return found


def beyond(pool_s: Ints, amount: Ints, fact: Ints, size_s: int, priced: tuple[Facts, Rates]) -> int:
    """Micros of calls that share one pool of `size_s` in a month, in settlement order.

    The pool pays call after call; the one that empties it is charged by the core, later ones pay all.
    """
    used = np.cumsum(pool_s)
    at = int(np.searchsorted(used, size_s, side="right"))
    left_s = size_s - (int(used[at - 1]) if at else 0)
    money, at = emptied(fact, at, len(pool_s), left_s, priced)
    return money + int(amount[at:].sum())


def emptied(fact: Ints, first: int, last: int, left_s: int, priced: tuple[Facts, Rates]) -> tuple[int, int]:
    """Calls from `first` on take what is left of a pool: (their micros, the first that finds it empty)."""
    facts, rates = priced
    money = 0
    while left_s > 0 and first < last:
        one = int(fact[first])
        taken_s, cost = charged(
            (int(facts.duration_s[one]), int(facts.rate[one]), int(facts.gates[one])), left_s, rates
        )
        left_s, money, first = left_s - taken_s, money + cost, first + 1
    return money, first
