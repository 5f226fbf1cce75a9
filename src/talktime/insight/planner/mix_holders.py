"""Who chooses among plans, among which, and the tenant that holds a mix.

A user with calls of a family needs one of its options; one without needs none, but may keep what is held
today, which makes a shared pool larger. Bought licences that nobody holds are kept or given up, plan by plan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

import msgspec

from talktime.accounts.payers import Payer, payers_of
from talktime.accounts.tenant import Licence, Subscription, User
from talktime.insight.planner.mix_options import Holder
from talktime.insight.planner.money_without_end import without_end
from talktime.insight.scenario import as_now

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from talktime.accounts.tenant import ServiceNumber, Tenant
    from talktime.bulk.replay import Replay
    from talktime.catalog.model import Catalogue
    from talktime.catalog.planning import LicencePrices, PlanFamily
    from talktime.insight.planner.demand import Demand
    from talktime.insight.planner.document import Mix, MixChange

    Plans = tuple[str, ...]

NOBODY: Final = ""
"""The user of a change that gives up bought licences which nobody holds."""


class NoLicencePrices(ValueError):  # noqa: N818 - a refusal; the message is one sentence for people
    """No family of plans has prices in the tenant's currency."""


def tried(tenant: Tenant, mix: Mix) -> Tenant:
    """The tenant holding a mix; bought licences follow those that are assigned."""
    return changed(tenant, mix.changes)


def today(tenant: Tenant, catalogue: Catalogue, at_us: int) -> Tenant:
    """The tenant with the licences of an instant; every user may spend credits, which is free."""
    spends, now = spending(catalogue), as_now(tenant, at_us)
    if not spends:
        return now
    users = (
        replace(user, licences=(*user.licences, Licence(spends)))
        if all(one.plan != spends for one in user.licences)
        else user
        for user in now.users
    )
    return replace(now, users=tuple(users))


def spending(catalogue: Catalogue) -> str:
    """The free plan whose holders may spend credits on any call, "" for none."""
    traits = _asked_traits(catalogue)
    return next((p.code for p in catalogue.plans.values() if p.free and traits <= p.traits), "")


def _asked_traits(catalogue: Catalogue) -> set[str]:
    return {category.licence for category in catalogue.categories.values() if category.licence}


def licensed(changes: Sequence[MixChange], tenant: Tenant, catalogue: Catalogue) -> list[MixChange]:
    """Changes that leave nobody who gets a plan without the right to spend credits: a free plan gives it.

    `tenant` as it is, at the instant of the mix. The search takes that right as given; without it calls
    beyond included minutes would be refused, and a saving would be none.
    """
    spends, traits = spending(catalogue), _asked_traits(catalogue)
    after = {user.upn or user.id: user for user in changed(tenant, changes).users}
    found: list[MixChange] = []
    for change in changes:
        user = after.pop(change.user, None) if change.becomes else None  # in the first change that gives one
        held = frozenset(one.plan for one in user.licences) if user is not None else frozenset({spends})
        if not spends or spends in held or traits <= catalogue.traits(sorted(held)):
            found.append(change)
            continue
        name = catalogue.plans[spends].name
        why = (
            f"{change.why} {name} ({spends}) is free and gives the right to spend credits, which is lacking."
        )
        found.append(msgspec.structs.replace(change, becomes=(*change.becomes, spends), why=why))
    return found


def endless(tenant: Tenant, replay: Replay) -> Tenant:
    """The tenant with money without end and no caps: what a call costs hangs on no other but by the pools."""
    return replace(
        without_end(tenant, replay),
        caps=(),
        users=tuple(replace(user, cap_per_month_micros=None) for user in tenant.users),
    )


def changed(tenant: Tenant, changes: Sequence[MixChange]) -> Tenant:
    """The tenant after some changes; one of NOBODY gives up what is bought and not assigned."""
    by_user: dict[str, list[MixChange]] = {}
    more: Counter[str] = Counter()
    given_up: dict[str, int] = {}
    left = unassigned(tenant)
    for change in changes:
        if change.user == NOBODY:
            given_up |= {plan: left.get(plan, 0) for plan in change.was}
        else:
            by_user.setdefault(change.user, []).append(change)
            more.update(change.becomes)
            more.subtract(change.was)
    users = tuple(_changed(user, by_user.get(user.upn or user.id, ())) for user in tenant.users)
    return replace(tenant, users=users, subscriptions=_bought(tenant, more, given_up))


def _changed(user: User, changes: Sequence[MixChange]) -> User:
    """A user after the changes of each family of plans."""
    for change in changes:
        kept = tuple(one for one in user.licences if one.plan not in change.was)
        had = {one.plan for one in kept}
        came = tuple(Licence(plan) for plan in change.becomes if plan not in had)
        user = replace(user, licences=(*kept, *came))
    return user


def _bought(tenant: Tenant, more: Counter[str], given_up: dict[str, int]) -> tuple[Subscription, ...]:
    """What is bought: so many more or less of each plan; nothing where the tenant says nothing of it."""
    if not tenant.subscriptions:
        return ()
    wanted = {plan: more[plan] - given_up.get(plan, 0) for plan in (*more, *given_up)}
    found = []
    for one in tenant.subscriptions:
        step = wanted.pop(one.plan, 0)
        count = one.purchased + step
        if count < 0:
            wanted[one.plan] = count  # another subscription of the plan gives the rest
        if count > 0:
            found.append(replace(one, purchased=count))
    account = tenant.subscriptions[0].billing_account
    found += [Subscription(plan, count, account) for plan, count in sorted(wanted.items()) if count > 0]
    return tuple(found)


def unassigned(tenant: Tenant) -> dict[str, int]:
    """Bought licences that nobody holds, of each plan that has some; the tenant is as of one instant."""
    left: Counter[str] = Counter()
    for bought in tenant.subscriptions:
        left[bought.plan] += bought.purchased
    holders: list[User | ServiceNumber] = [*tenant.users, *tenant.service_numbers]
    for holder in holders:
        left.subtract({licence.plan for licence in holder.licences})
    return {plan: count for plan, count in left.items() if count > 0}


def price_of(
    plans: Plans, country: str, catalogue: Catalogue, prices: LicencePrices, currency: str
) -> int | None:
    """What plans together cost a month, None where one has no price."""
    found = [prices.price(catalogue.plans[plan], currency, country) for plan in plans]
    return None if any(one is None for one in found) else sum(one for one in found if one is not None)


def held(payer: Payer, plans: frozenset[str]) -> Plans:
    """The plans of a family that a payer holds."""
    return tuple(sorted({one.plan for one in payer.licences} & plans))


def offered(family: PlanFamily, country: str, catalogue: Catalogue) -> list[Plans]:
    """The options that can be had in a country."""

    def is_offered(code: str) -> bool:
        countries = catalogue.plans[code].countries
        return not countries or country in countries

    return [tuple(sorted(one)) for one in family.choices(catalogue) if all(map(is_offered, one))]


class Chooser:
    """Makes the holders of a family. `problem`: why there can be none, "" where there can.

    `kept`: users who keep what they hold, since they call in months that are not compared.
    """

    def __init__(
        self, family: PlanFamily, tenant: Tenant, catalogue: Catalogue, prices: LicencePrices
    ) -> None:
        self.family, self.tenant, self.catalogue, self.prices = family, tenant, catalogue, prices
        self.plans = family.plans(catalogue)
        self.payers = payers_of(tenant, catalogue).payers
        self.left = {plan: n for plan, n in unassigned(tenant).items() if plan in self.plans}
        self.unpriced: set[Plans] = set()
        self.kept: set[int] = set()
        self.problem = self._problem()

    def _problem(self) -> str:
        """Plans that are held, or all that could be held, have no price."""
        currency = self.tenant.currency
        missing = {
            plan
            for payer in self.payers
            for plan in held(payer, self.plans)
            if self._price((plan,), payer) is None
        }
        if missing:
            return (
                f"{self.family.name}: not compared, for licence prices {self.prices.name!r} have no price "
                f"for {', '.join(sorted(missing))} in {currency}. Give a price for each that is named."
            )
        if not any(self._price(tuple(one), None) is not None for one in self.family.choices(self.catalogue)):
            known = ", ".join(self.prices.currencies())
            return (
                f"{self.family.name}: not compared, for licence prices {self.prices.name!r} "
                f"are in {known} and have none in {currency}. Give prices of your own."
            )
        return ""

    def _price(self, plans: Plans, payer: Payer | None) -> int | None:
        country = self._country(payer)
        return price_of(plans, country, self.catalogue, self.prices, self.tenant.currency)

    def _country(self, payer: Payer | None) -> str:
        return (payer.location if payer is not None else "") or self.tenant.country

    def is_used(self, call_types: Iterable[str]) -> bool:
        """Whether anybody holds a plan of the family, or calls of these types need one."""
        needed = any(fnmatchcase(word, pattern) for word in call_types for pattern in self.family.call_types)
        return needed or bool(self.left) or any(held(payer, self.plans) for payer in self.payers)

    def sets(self) -> list[Plans]:
        """Every set of plans that anybody could hold."""
        listed = [tuple(sorted(one)) for one in self.family.choices(self.catalogue)]
        now = [held(payer, self.plans) for payer in self.payers]
        return list(dict.fromkeys([(), *listed, *((plan,) for plan in self.left), *now]))

    def holders(self, demand: Demand, elsewhere: NDArray[np.bool_] | None = None) -> list[Holder]:
        """All who hold or need plans of the family, and what is bought and not assigned.

        `elsewhere`: payers who have such calls in other months; who has no others keeps what is held.
        """
        counted = set(demand.payer.tolist())
        found = []
        for number, payer in enumerate(self.payers):
            now = held(payer, self.plans)
            if not now and not demand.needs[number] and number not in counted:
                continue
            price = self._price(now, payer) or 0
            is_user = number < len(self.tenant.users)
            options = self._options(number, demand) if is_user and demand.needs[number] else {now: price}
            if is_user and not demand.needs[number]:
                if elsewhere is not None and elsewhere[number] and now:
                    self.kept.add(number)
                else:
                    options = {(): 0, now: price}
            found.append(Holder(number, payer, options or {now: price}, now, price))
        nobody = Payer(NOBODY, self.tenant.country, "", (), None)
        for plan, count in sorted(self.left.items()):
            price = (self._price((plan,), nobody) or 0) * count
            found.append(Holder(-1, nobody, {(): 0, (plan,): price}, (plan,), price, count))
        return found

    def _options(self, number: int, demand: Demand) -> dict[Plans, int]:
        """Options with their prices; none under which calls have no price that have one under another.

        They would cost nothing in a run, and nobody knows what they cost. What is held today may stay.
        """
        payer = self.payers[number]
        now, country = held(payer, self.plans), self._country(payer)
        found = {}
        for plans in offered(self.family, country, self.catalogue):
            price = self._price(plans, payer)
            if price is not None:
                found[plans] = price
        unpriced = {plans: int(demand.unpriced[plans][number]) for plans in found}
        least = min(unpriced.values(), default=0)
        self.unpriced |= {plans for plans, calls in unpriced.items() if calls > least}
        return {plans: price for plans, price in found.items() if unpriced[plans] == least or plans == now}
