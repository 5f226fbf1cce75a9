"""Which plan for whom: the mix of plans that makes licences and calls together cheapest.

Users choose within groups that share pools. Small groups: the best of all mixes, proven. Large ones: a
search, and a bound that says how far at most the found mix is from the best. What it costs is the engine's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from talktime.accounts.calendar import month_name
from talktime.bulk.codes import words_of
from talktime.bulk.options import NO_OPTIONS
from talktime.bulk.prepare import months_of
from talktime.bulk.run import setting_of
from talktime.bulk.settle import is_compiled
from talktime.catalog.planning import load_plan_families
from talktime.insight.planner.demand import Demand, Looked, callers, demand_of, looked, rates_of
from talktime.insight.planner.document import Mix, MixChange, MixGroup, MixOption
from talktime.insight.planner.mix_bound import bounds_of
from talktime.insight.planner.mix_exact import Proven, cost, polished, proven
from talktime.insight.planner.mix_holders import (
    NOBODY,
    Chooser,
    NoLicencePrices,
    changed,
    endless,
    licensed,
    today,
    tried,
)
from talktime.insight.planner.mix_options import Holder, Problem, problems_of
from talktime.insight.planner.mix_search import EFFORT, as_today, fewer_changes, searched
from talktime.insight.planner.mix_words import Words
from talktime.insight.scenario import as_now
from talktime.insight.spend import NotReconciledError
from talktime.insight.wording import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.accounts.tenant import Tenant
    from talktime.bulk.replay import Replay
    from talktime.bulk.setting import Setting
    from talktime.catalog.model import Catalogue
    from talktime.catalog.planning import LicencePrices
    from talktime.core.deck import Deck

    Ints = NDArray[np.int64]
    Plans = tuple[str, ...]
    Told = Callable[[int, int], None]

__all__ = ["NoLicencePrices", "best_mix", "tried"]

GAP_OF_NOTHING: int = 1_000_000
"""The gap where the bound is 0 and the mix is not: nothing can be said."""


class _Found(NamedTuple):
    """A group, today's cost, and the best mix of it."""

    family: str
    problem: Problem
    now: int
    best: Proven


def best_mix(
    replay: Replay,
    tenant: Tenant,
    catalogue: Catalogue,
    deck: Deck,
    prices: LicencePrices,
    months: Sequence[str],
    told: Told | None = None,
) -> Mix:
    """The best mix for the calls of some billing months (`2026-03`), priced by the month.

    `told(groups done, groups)` is called on the way. Raises NoLicencePrices where no plan has a price in the
    tenant's currency, and NotReconciledError where the engine charges the mix otherwise than the search.
    """
    return Search(replay, tenant, catalogue, deck, prices, months).mix(told or _untold)


def _untold(done: int, of: int) -> None:
    """Nobody asked how far the search is."""


class Search:
    """One search: the rows of the months, the tenant of today, and the families that have prices."""

    def __init__(
        self,
        replay: Replay,
        tenant: Tenant,
        catalogue: Catalogue,
        deck: Deck,
        prices: LicencePrices,
        months: Sequence[str],
    ) -> None:
        self.replay, self.catalogue, self.deck, self.prices = replay, catalogue, deck, prices
        last_us = int(replay.rows["end_us"].to_numpy().max())
        self.as_is = as_now(tenant, last_us)
        self.now = today(tenant, catalogue, last_us)
        self.tenant = endless(self.now, replay)
        self.months = sorted(_month(name) for name in months)
        families = load_plan_families()
        every = [Chooser(family, self.tenant, catalogue, prices) for family in families]
        call_types = words_of(replay.rows["call_type"])
        self.choosers = [chooser for chooser in every if chooser.is_used(call_types)]
        if self.choosers and all(chooser.problem for chooser in self.choosers):
            raise NoLicencePrices(" ".join(chooser.problem for chooser in self.choosers))
        self.asked = [chooser for chooser in self.choosers if not chooser.problem]

    def mix(self, told: Told, *, prove: bool = True) -> Mix:
        """Looks for the best mix of each group, and lets the engine charge them together.

        `prove` False: groups that are small are searched as if they were large.
        """
        look, self.at, other = self._look()
        rates = rates_of(look.setting)
        found: list[_Found] = []
        saved: list[tuple[int, MixChange]] = []
        parts = []
        for chooser in self.asked:
            demand = demand_of(look, chooser.family, chooser.sets(), self.tenant.time_zone, rates)
            elsewhere = None if other is None else callers(other, chooser.family)
            holders = chooser.holders(demand, elsewhere)
            problems = problems_of(demand, holders, self.catalogue, self.months, rates, self._engine(demand))
            parts.append((chooser.family, demand, problems))
        rows = sum(_weight(problem) for _, _, problems in parts for problem in problems)
        count = sum(len(problems) for _, _, problems in parts)
        for family, demand, problems in parts:
            words = Words(demand, self.months, self.catalogue, self.tenant.currency)
            for problem in problems:
                effort = EFFORT * _weight(problem) // max(rows, 1)
                now = cost(problem, problem.now)
                one = _Found(family.id, problem, now, _best(problem, now, effort, prove=prove))
                found.append(one)
                saved += self._changes(one, demand, words)
                told(len(found), count)
        changes = [change for _, change in sorted(saved, key=lambda each: (-each[0], each[1].user))]
        calls = self._charged(found, changes, [demand for _, demand, _ in parts])
        return self._document(found, licensed(changes, self.as_is, self.catalogue), calls)

    def _look(self) -> tuple[Looked, Ints, Looked | None]:
        """The rows of the months, looked at; their places among all; the other rows, if there are some."""
        setting = self._setting(self.tenant)
        start_us = self.replay.rows["start_us"].to_numpy()
        month = months_of(start_us, np.zeros(len(start_us), np.int64), setting)
        inside = np.isin(month, self.months)
        at = np.flatnonzero(inside)
        families = frozenset(plan for chooser in self.asked for plan in chooser.plans)
        if len(at) == self.replay.height:
            return looked(self.replay.rows, self.tenant, families, self._setting), at, None
        rows = self.replay.rows
        look = looked(rows[at], self.tenant, families, self._setting)
        return look, at, looked(rows[np.flatnonzero(~inside)], self.tenant, families, self._setting)

    def _setting(self, tenant: Tenant) -> Setting:
        return setting_of(
            (tenant,),
            self.catalogue,
            self.deck,
            NO_OPTIONS,
            has_wallet=True,
            compiled=is_compiled(self.replay.height),
            threads=os.cpu_count() or 1,
        )

    def _engine(self, demand: Demand) -> Callable[[Sequence[Holder], Sequence[Plans]], int]:
        def charge(holders: Sequence[Holder], plans: Sequence[Plans]) -> int:
            changes = [
                _change(holder, becomes)
                for holder, becomes in zip(holders, plans, strict=True)
                if holder.now != becomes
            ]
            mine = np.isin(demand.payer, [holder.payer for holder in holders])
            return int(self._amounts(changes)[self.at[demand.at[mine]]].sum())

        return charge

    def _amounts(self, changes: Sequence[MixChange]) -> Ints:
        """What each row of the usage costs by the engine after some changes, money being there."""
        run = self.replay.run(changed(self.tenant, changes), self.catalogue, self.deck, has_wallet=True)
        amounts: Ints = run.run.calls["amount"].to_numpy()
        return amounts

    def _charged(
        self, found: Sequence[_Found], changes: Sequence[MixChange], demands: Sequence[Demand]
    ) -> tuple[int, int]:
        """What all calls of the months cost today and with the best mix, by the engine."""
        amounts = self._amounts(changes)
        expected = sum(one.best.cost - _licences(one.problem, one.best.mix) for one in found)
        ours = sum(int(amounts[self.at[demand.at]].sum()) for demand in demands)
        if ours != expected:
            raise NotReconciledError(
                f"the calls of the best mix come to {ours} micros by the engine, to {expected} by the search"
            )
        best = int(amounts[self.at].sum())
        today_ = sum(one.now - _licences(one.problem, one.problem.now) for one in found)
        return best - expected + today_, best

    def _changes(self, one: _Found, demand: Demand, words: Words) -> list[tuple[int, MixChange]]:
        """Who should change, each with the micros that it saves by itself in all months."""
        problem, mix = one.problem, one.best.mix
        saves = saved_alone(problem, mix)
        count = len(self.months)
        found = []
        for user in np.flatnonzero(mix != problem.now).tolist():
            holder = problem.holders[user]
            calls = int(demand.calls[holder.payer]) if holder.payer >= 0 else 0
            billed_s = int(words.billed_s[holder.payer]) if holder.payer >= 0 else 0
            change = _change(holder, problem.options[int(mix[user])].plans)
            why = words.why(problem, mix, user)
            shown = MixChange(
                *(change.user, problem.owner, change.was, change.becomes, calls, billed_s // count, why)
            )
            found.append((int(saves[user]), shown))
        return found

    def _document(self, found: Sequence[_Found], changes: Sequence[MixChange], calls: tuple[int, int]) -> Mix:
        return Mix(
            months=tuple(month_name(month) for month in self.months),
            prices=self.prices.name,
            sample=self.prices.sample,
            groups=tuple(self._group(one) for one in found if one.problem.holders),
            changes=tuple(changes),
            licences_now=sum(_licences(one.problem, one.problem.now) for one in found),
            licences_best=sum(_licences(one.problem, one.best.mix) for one in found),
            calls_now=calls[0],
            calls_best=calls[1],
            says=tuple(self._says(found)),
        )

    def _group(self, one: _Found) -> MixGroup:
        problem, best = one.problem, one.best
        options: dict[Plans, MixOption] = {}
        people = np.array([holder.payer >= 0 for holder in problem.holders], np.bool_)
        for place, option in enumerate(problem.options):
            may = np.flatnonzero(problem.allowed[:, place] & people)
            prices = [problem.holders[user].options[option.plans] for user in may[:1].tolist()]
            hold = np.flatnonzero((problem.now == place) & people)  # what nobody else may choose has a price
            prices += [problem.holders[user].now_price for user in hold[:1].tolist()]
            before = options.get(option.plans)
            options[option.plans] = MixOption(
                plans=option.plans,
                name=" and ".join(self.catalogue.plans[plan].name for plan in option.plans),
                price=prices[0] if prices else before.price if before else None,
                now=int(((problem.now == place) & people).sum()) + (before.now if before else 0),
                best=int(((best.mix == place) & people).sum()) + (before.best if before else 0),
            )
        return MixGroup(
            family=one.family,
            owner=problem.owner,
            users=int(people.sum()),
            now=one.now,
            best=best.cost,
            bound=best.bound,
            exact=best.exact,
            gap=gap_of(best.cost, best.bound),
            options=tuple(options.values()),
        )

    def _says(self, found: Sequence[_Found]) -> list[str]:
        said = [chooser.problem for chooser in self.choosers if chooser.problem]
        for plans in sorted({plans for chooser in self.asked for plans in chooser.unpriced}):
            name = " and ".join(self.catalogue.plans[plan].name for plan in plans)
            said.append(
                f"{name}: offered only to users for whom the deck has a price for each call that it would "
                "charge. Add the missing prices to the deck to have it compared for all."
            )
        without = {holder.payer for one in found for holder in one.problem.holders if holder.is_without}
        if without:
            said.append(
                "Without a plan that the calls need, as far as the tenant says: "
                f"{counted(len(without), 'user')}. The best mix gives each of them one, which may cost more "
                "than today."
            )
        kept = {number for chooser in self.asked for number in chooser.kept}
        if kept:
            said.append(
                f"{counted(len(kept), 'user')} with calls only in months that are not compared: what they "
                "hold today stays."
            )
        if self.now.caps or any(user.cap_per_month_micros is not None for user in self.now.users):
            said.append("Spend caps are left out of the comparison: a capped call would look like a saving.")
        if self.prices.sample:
            said.append(
                "Licence prices are a sample and made up: give your own prices before you act on this."
            )
        return said


def _best(problem: Problem, now: int, effort: int, *, prove: bool) -> Proven:
    """The best mix of a group: searched, then proven where mixes are few; of equals the one nearest to today.

    Today's mix, which costs `now`, stays where it is no dearer and gives everybody a plan who needs one.
    """
    bounds = bounds_of(problem, cost(problem, as_today(problem)))
    mix, money = searched(problem, bounds, effort)
    best = Proven(mix, money, min(bounds.value, money), exact=money <= bounds.value)
    if prove and not best.exact:
        best = proven(problem, bounds, mix, money)
    if not best.exact:
        better_mix, money = polished(problem, best.mix, best.cost)
        best = best._replace(mix=better_mix, cost=money, exact=money <= best.bound)
    if not best.exact:  # the better mix tells how far prices have to go
        again = bounds_of(problem, best.cost)
        best = best._replace(bound=max(best.bound, min(again.value, best.cost)))
        if prove:
            better = proven(problem, again, best.mix, best.cost)
            best = better._replace(bound=max(best.bound, better.bound))
    served = not any(holder.is_without for holder in problem.holders)
    if served and now <= best.cost:
        bound = min(best.bound, now)
        return Proven(problem.now, now, bound, exact=best.exact or now <= bound)
    kept = fewer_changes(problem, best.mix, best.cost, effort // 8)
    money = cost(problem, kept)
    return best._replace(mix=kept, cost=money, bound=min(best.bound, money))


def saved_alone(problem: Problem, mix: Ints) -> Ints:
    """Micros that each user's change saves by itself in all months: licence, and calls no shared pool pays.

    What it does to a shared pool hangs on the others, and is in no user's figure.
    """
    users, base = np.arange(len(mix)), problem.base
    found: Ints = base[users, problem.now] - base[users, mix]
    return found


def gap_of(best: int, bound: int) -> int:
    """How far at most a mix is above the best possible: hundredths of a percent of the bound, rounded up."""
    if best <= bound:
        return 0
    return GAP_OF_NOTHING if bound <= 0 else min(-(-(best - bound) * 10_000 // bound), GAP_OF_NOTHING)


def _weight(problem: Problem) -> int:
    """How much work a group is, beside the others."""
    return max(1, len(problem.holders) * len(problem.months_of_day) * max(1, len(problem.slots)))


def _licences(problem: Problem, mix: Ints) -> int:
    return int(problem.licences[np.arange(len(mix)), mix].sum())


def _change(holder: Holder, becomes: Plans) -> MixChange:
    user = holder.who.key if holder.payer >= 0 else NOBODY
    was = holder.now
    return MixChange(user=user, owner="", was=was, becomes=becomes, calls=0, a_month_s=0, why="")


def _month(name: str) -> int:
    """`calendar.month_name`, backwards."""
    year, _, month = name.partition("-")
    return int(year) * 12 + int(month) - 1
