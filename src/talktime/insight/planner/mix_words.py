"""Why a user should hold other plans, in words that name what was used, what it costs and what is saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from talktime.core.limits import MICROS_PER_UNIT
from talktime.core.money import HALF_UP, round_div
from talktime.insight.planner.demand import MONEY, NOTHING
from talktime.insight.planner.mix_options import UNLIMITED_S, Problem, summed
from talktime.insight.wording import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.catalog.model import Catalogue
    from talktime.insight.planner.demand import Demand

    Ints = NDArray[np.int64]
    Plans = tuple[str, ...]


class _Under(NamedTuple):
    """Of each payer under a set of plans: seconds that pools may pay, by month, those that are included
    without limit, and micros of all others.
    """

    pooled_s: Ints
    endless_s: Ints
    outside: Ints


class _Pool(NamedTuple):
    """A shared pool under the best mix: the licences that make it, its seconds, the most a month wants."""

    licences: int
    size_s: int
    wanted_s: int


class Words:
    """Says why, for the users of a family: one best mix a group."""

    def __init__(self, demand: Demand, months: list[int], catalogue: Catalogue, currency: str) -> None:
        self.demand, self.months, self.catalogue, self.currency = demand, months, catalogue, currency
        self._under: dict[Plans, _Under] = {}
        self._pools: dict[tuple[str, int], _Pool] = {}
        self._costs = demand.roles[()] != NOTHING  # calls that come in are free, whatever one holds
        self.billed_s = self._sums(self._costs, ()).sum(axis=1)

    def name(self, plans: Plans) -> str:
        """Plans by their names."""
        return " and ".join(self.catalogue.plans[plan].name for plan in plans) or "no plan"

    def why(self, problem: Problem, mix: Ints, user: int) -> str:
        """Why a user should change, as a sentence."""
        said = self._reasons(problem, mix, user)
        return f"{said[:1].upper()}{said[1:]}."

    def _reasons(self, problem: Problem, mix: Ints, user: int) -> str:
        holder = problem.holders[user]
        becomes, was = problem.options[int(mix[user])], holder.now
        count = len(self.months)
        saved = holder.now_price - holder.options[becomes.plans]
        if holder.payer < 0:
            return f"{holder.copies:,} bought and held by nobody: {self._money(saved)} a month"
        if not self.demand.needs[holder.payer]:
            said = f"no call in {counted(count, 'month')} that needs {self.name(was)}"
            return f"{said}; {self._money(saved)} a month is saved"
        now, then = self._of(was), self._of(becomes.plans)
        parts = [self._endless(then, holder.payer), self._included(problem, mix, user, then)]
        outside = (int(now.outside[holder.payer]), int(then.outside[holder.payer]))
        if was and outside[0] != outside[1]:
            before, after = (self._a_month(one) for one in outside)
            parts.append(f"calls without included minutes come to {after} a month instead of {before}")
        parts.append(self._licence(holder.now_price, holder.options[becomes.plans], was))
        if was and outside[1] - outside[0] > saved * count:
            parts.append("by itself this costs more, together with all who share minutes it saves")
        return "; ".join(part for part in parts if part)

    def _endless(self, then: _Under, payer: int) -> str:
        """What is included without limit."""
        endless_s = int(then.endless_s[payer])
        return f"{self._average(endless_s)} are included without limit" if endless_s else ""

    def _included(self, problem: Problem, mix: Ints, user: int, then: _Under) -> str:
        """Of the seconds that pools may pay how many there are, and whether the pools are enough."""
        payer = problem.holders[user].payer
        used, option = then.pooled_s[payer], problem.options[int(mix[user])]
        if not used.any():
            if then.endless_s[payer]:
                return ""
            if not self.billed_s[payer]:
                return f"only calls that are free anyway in {counted(len(self.months), 'month')}"
            said = self._average(int(self.billed_s[payer]))
            if option.uses:
                return f"{said}, none of it in its own included minutes, which others use"
            return f"{said}: included minutes are not worth their price"
        pooled_s = int(used.sum())
        some = pooled_s != self.billed_s[payer]  # the minutes of a change are those of all calls
        which = " that included minutes may pay for" if some else ""
        said = f"{self._average(pooled_s)}{which}, at most {self._minutes(int(used.max()))}"
        if option.uses:
            most = max(option.uses, key=lambda use: int(problem.tables[use.table].day_s[user].sum()))
            return f"{said}: {self._shared(problem, mix, most.slot)}"
        beyond = int(problem.fixed[user, int(mix[user])]) - int(then.outside[payer])
        if not beyond:
            return f"{said}: {self.name(option.plans)} is enough"
        return f"{said}: what is beyond {self.name(option.plans)} comes to {self._a_month(beyond)} a month"

    def _shared(self, problem: Problem, mix: Ints, slot: int) -> str:
        """Who shares a pool, what is in it, and what is wanted of it where that is more."""
        licences, size_s, wanted_s = self._pool(problem, mix, slot)
        name = self.name((problem.slots[slot].plan,))
        share = "minutes without limit" if size_s >= UNLIMITED_S else f"{self._minutes(size_s)} min a month"
        wanted = f", all use up to {self._minutes(wanted_s)} min" if wanted_s > size_s else ""
        if licences == 1:
            return f"one licence of {name} has {share}{wanted}"
        return f"{licences:,} licences of {name} share {share}{wanted}"

    def _pool(self, problem: Problem, mix: Ints, slot: int) -> _Pool:
        """A pool with the licences of all options that share it; looked at once."""
        key = problem.owner, slot
        if key not in self._pools:
            copies = np.array([holder.copies for holder in problem.holders], np.int64)
            licences, size_s = 0, 0
            wanted_s = np.zeros(problem.months, np.int64)
            for place, option in enumerate(problem.options):
                on = mix == place
                for use in option.uses:
                    if use.slot == slot:
                        licences += int(copies[on & (use.size_s > 0)].sum())
                        size_s += int(use.size_s[on].sum())
                        days_s = problem.tables[use.table].day_s[on].sum(axis=0)
                        np.add.at(wanted_s, problem.months_of_day, days_s)
            self._pools[key] = _Pool(licences, size_s, int(wanted_s.max(initial=0)))
        return self._pools[key]

    def _licence(self, was: int, becomes: int, held: Plans) -> str:
        if not held:
            return f"a plan is needed; with the calls of all this is cheapest: {self._money(becomes)} a month"
        word = "less" if becomes <= was else "more"
        return f"the licence costs {self._money(abs(was - becomes))} a month {word}"

    def _of(self, plans: Plans) -> _Under:
        if plans not in self._under:
            roles = self.demand.roles[plans]
            fact_of = self.demand.facts_of[plans]
            outside = roles[self.demand.sit] == MONEY
            amount = self.demand.facts.amount[fact_of[outside]]
            paid = summed(self.demand.payer[outside], amount, len(self.demand.needs))
            pooled = (roles != MONEY) & (roles != NOTHING)
            endless_s = self._sums(self._costs & (roles == NOTHING), plans).sum(axis=1)
            self._under[plans] = _Under(self._sums(pooled, plans), endless_s, paid)
        return self._under[plans]

    def _sums(self, wanted: NDArray[np.bool_], plans: Plans) -> Ints:
        """Payers x months: billed seconds of the calls in these situations."""
        demand = self.demand
        at = np.flatnonzero(wanted[demand.sit])
        month = np.searchsorted(np.array(self.months), demand.month[at])
        shape = len(demand.needs), len(self.months)
        cell = demand.payer[at] * shape[1] + month
        seconds = demand.facts.pool_s[demand.facts_of[plans][at]]
        return summed(cell, seconds, shape[0] * shape[1]).reshape(shape)

    def _money(self, micros: int) -> str:
        cents = round_div(abs(micros) * 100, MICROS_PER_UNIT, HALF_UP)
        return f"{'-' if micros < 0 else ''}{cents // 100:,}.{cents % 100:02} {self.currency}"

    def _a_month(self, micros: int) -> str:
        return self._money(round_div(micros, len(self.months), HALF_UP))

    def _average(self, seconds: int) -> str:
        return f"{self._minutes(round_div(seconds, len(self.months), HALF_UP))} min a month on average"

    def _minutes(self, seconds: int) -> str:
        return f"{round_div(seconds, 60, HALF_UP):,}"
