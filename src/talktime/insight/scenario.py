"""What can be tried on a tenant, what is wrong with a scenario, and the run that it stands for.

A scenario is put on a copy of the tenant as it is set up now (`tried_tenant`); the copy is charged, the
tenant stays as it is. The words of a scenario: `scenario_form`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.accounts.funding_terms import billing_account
from talktime.accounts.spend_caps import COST_CENTRE, TENANT, USER
from talktime.accounts.tenant import AGREEMENTS
from talktime.accounts.toml_table import country_fault, did_you_mean
from talktime.bulk.options import Options
from talktime.core.limits import MAX_LICENCES, MAX_MONEY_MICROS
from talktime.core.money import format_money
from talktime.insight.scenario_form import (
    EVERYBODY,
    MOST_CAPS,
    MOST_SCENARIOS,
    MOST_SWAPS,
    MOST_USERS,
    TODAY,
    Bought,
    Rule,
    Scenario,
    Swap,
    TriedCap,
    UserPlans,
)
from talktime.insight.tried_tenant import CALLING, as_now, cost_centres_of, tried, users_by_name

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.catalog.model import Catalogue

__all__ = [
    "EVERYBODY",
    "MOST_CAPS",
    "MOST_SCENARIOS",
    "MOST_SWAPS",
    "MOST_USERS",
    "SCOPES",
    "TODAY",
    "Bought",
    "Choices",
    "PlanChoice",
    "Rule",
    "Scenario",
    "Swap",
    "TriedCap",
    "UserPlans",
    "as_now",
    "choices_of",
    "faults_of",
    "named_people",
    "options_of",
    "tried",
]

SCOPES: Final = (TENANT, COST_CENTRE, USER)
"""Whose money a cap that is tried may hold."""

Faults = Iterable[tuple[str, str]]


class PlanChoice(NamedTuple):
    """A plan that can be tried; `holders`: users and service numbers that hold it now."""

    code: str
    name: str
    calling: bool
    holders: int


class Choices(NamedTuple):
    """What scenarios of a tenant can be made of, and what holds today; plans that are held come first.

    `countries` of users, and the `cost_centres` that there are.
    """

    users: int
    plans: tuple[PlanChoice, ...]
    agreements: tuple[str, ...]
    treatments: tuple[str, ...]
    recharge: Rule
    agreement: str
    countries: tuple[str, ...] = ()
    cost_centres: tuple[str, ...] = ()


def choices_of(tenant: Tenant, catalogue: Catalogue, now_us: int) -> Choices:
    """What can be chosen for a tenant as it is now."""
    now = as_now(tenant, now_us)
    held = Counter(one.plan for user in now.users for one in user.licences)
    held.update(one.plan for number in now.service_numbers for one in number.licences)
    plans = [
        PlanChoice(plan.code, plan.name, plan.kind == CALLING, held[plan.code])
        for plan in catalogue.plans.values()
    ]
    account = billing_account(now, catalogue)
    rule = tenant.auto_recharge
    return Choices(
        users=len(now.users),
        plans=tuple(sorted(plans, key=lambda one: (not one.calling, -one.holders))),
        agreements=AGREEMENTS,
        treatments=tuple(sorted(catalogue.treatments)),
        recharge=Rule(rule.enabled, rule.below_micros, rule.add_micros, rule.cap_per_month_micros),
        agreement="" if account is None else account.agreement,
        countries=tuple(sorted({user.location or tenant.country for user in now.users})),
        cost_centres=tuple(sorted(cost_centres_of(tenant))),
    )


def options_of(scenario: Scenario, opening: int | None) -> Options:
    """The options of `talktime rate` that a scenario stands for; `opening`: the balance of now in micros.

    None: none but what the tenant's purchases say.
    """
    rule = scenario.recharge
    is_on = rule is not None and rule.enabled
    return Options(
        balance=opening if scenario.balance is None else scenario.balance,
        recharge_below=rule.below if rule is not None and is_on else None,
        recharge_add=rule.add if rule is not None and is_on else None,
        treat_as=scenario.treat_as,
    )


# --- what is wrong -------------------------------------------------------------------------------------


def faults_of(
    scenarios: Sequence[Scenario], catalogue: Catalogue, tenant: Tenant | None = None
) -> list[tuple[str, str]]:
    """(JSON pointer below `scenarios`, sentence) for all that no run could do.

    Where the tenant is given, names of users and cost centres are looked for in it.
    """
    faults = []
    people = None if tenant is None else users_by_name(tenant)
    centres = None if tenant is None else cost_centres_of(tenant)
    names = [TODAY.name.casefold(), *(one.name.strip().casefold() for one in scenarios)]
    for at, one in enumerate(scenarios):
        if one.name.strip().casefold() in names[: at + 1]:
            faults.append((f"/{at}/name", f"two scenarios are called {one.name!r}; give each its own name"))
        parts = (
            *(*_plan_faults(one, catalogue), *_people_faults(one, catalogue, people)),
            *_licence_faults(one, catalogue),
            *(*_money_faults(one), *_cap_faults(one, people, centres), *_word_faults(one, catalogue)),
        )
        faults += ((f"/{at}{place}", told) for place, told in parts)
    return faults


def named_people(scenarios: Sequence[Scenario]) -> list[tuple[str, str]]:
    """Faults of scenarios that name users: what a question keeps is read by many, and names nobody."""
    told = "a question names no users; try it from a scenario file, with `talktime plan --scenario`"
    faults = []
    for at, one in enumerate(scenarios):
        caps = ((f"caps/{place}/id", cap.scope == USER and cap.id) for place, cap in enumerate(one.caps))
        swaps = ((f"plans/{place}/users", swap.users) for place, swap in enumerate(one.plans))
        found = (*caps, *swaps, ("users", one.users))
        faults += [(f"/{at}/{place}", told) for place, is_named in found if is_named]
    return faults


def _plan_faults(one: Scenario, catalogue: Catalogue) -> Faults:
    for at, swap in enumerate(one.plans):
        for word, plan in (("plan", swap.plan), ("becomes", swap.becomes)):
            if plan and plan not in catalogue.plans:
                yield f"/plans/{at}/{word}", _no_plan(plan, catalogue)
        to = catalogue.plans.get(swap.becomes)
        if swap.plan == EVERYBODY and to is not None and to.kind != CALLING:
            yield (
                f"/plans/{at}/becomes",
                f"{swap.becomes!r} is no calling plan; name the plan that it replaces",
            )


def _no_plan(plan: str, catalogue: Catalogue) -> str:
    hint = did_you_mean(plan, catalogue.plans) or "; the catalogue has its codes"
    return f"there is no plan {plan!r}{hint}"


def _people_faults(one: Scenario, catalogue: Catalogue, people: Collection[str] | None) -> Faults:
    for at, swap in enumerate(one.plans):
        unknown = country_fault(swap.country, catalogue.dialling) if swap.country else ""
        if unknown:
            yield f"/plans/{at}/country", f"country {swap.country!r} {unknown}"
        if len(swap.users) > MOST_USERS:
            sentence = f"{len(swap.users):,} users are named; at most {MOST_USERS:,} may be, write several"
            yield f"/plans/{at}/users", sentence
        yield from _nobody(swap.users, people, f"/plans/{at}/users/{{}}")
    yield from _nobody([user.user for user in one.users], people, "/users/{}/user")
    seen: set[str] = set()
    for at, user in enumerate(one.users):
        if user.user.lower() in seen:
            yield f"/users/{at}/user", f"user {user.user!r} is there twice; keep one"
        seen.add(user.user.lower())
        for place, plan in enumerate(user.plans):
            if plan not in catalogue.plans:
                yield f"/users/{at}/plans/{place}", _no_plan(plan, catalogue)


def _licence_faults(one: Scenario, catalogue: Catalogue) -> Faults:
    seen: set[str] = set()
    for at, bought in enumerate(one.licences):
        if bought.plan in seen:
            yield f"/licences/{at}/plan", f"plan {bought.plan!r} is there twice; keep one"
        seen.add(bought.plan)
        if bought.plan not in catalogue.plans:
            yield f"/licences/{at}/plan", _no_plan(bought.plan, catalogue)
        if not 0 <= bought.purchased <= MAX_LICENCES:
            yield f"/licences/{at}/purchased", f"purchased must be a whole number up to {MAX_LICENCES:,}"


def _nobody(names: Sequence[str], people: Collection[str] | None, place: str) -> Faults:
    """The first name that nobody has; thousands may be wrong, and looking for near ones takes its time."""
    unknown = [] if people is None else [at for at, name in enumerate(names) if name.lower() not in people]
    if people is not None and unknown:
        name = names[unknown[0]]
        others = f" (nor {len(unknown) - 1:,} others that are named)" if len(unknown) > 1 else ""
        told = f"the tenant has no user {name!r}{others}{did_you_mean(name, people)}"
        yield place.format(unknown[0]), told


def _money_faults(one: Scenario) -> Faults:
    rule = one.recharge
    if rule is not None and rule.enabled:
        for word, amount in (("below", rule.below), ("add", rule.add)):
            if not 1 <= amount <= MAX_MONEY_MICROS:
                shown = format_money(amount)
                yield f"/recharge/{word}", f"{word} is {shown}: it must be more than 0 and at most 10^9"
        cap = rule.cap_per_month
        if cap is not None and not 0 <= cap <= MAX_MONEY_MICROS:
            yield "/recharge/cap_per_month", "the cap of a month must be 0 or more and at most 10^9"
        if cap is not None and rule.uncapped:
            yield "/recharge/cap_per_month", "a cap of a month and none go not together; keep one"
    if one.balance is not None and not 0 <= one.balance <= MAX_MONEY_MICROS:
        yield "/balance", "the balance must be 0 or more and at most 10^9"


def _cap_faults(one: Scenario, people: Collection[str] | None, centres: Collection[str] | None) -> Faults:
    for at, cap in enumerate(one.caps):
        if cap.scope not in SCOPES:
            yield f"/caps/{at}/scope", f"scope {cap.scope!r} is none of {', '.join(SCOPES)}"
        if cap.amount is not None and not 0 <= cap.amount <= MAX_MONEY_MICROS:
            yield f"/caps/{at}/amount", "a cap must be 0 or more and at most 10^9"
        if cap.scope == USER and cap.id:
            yield from _nobody([cap.id], people, f"/caps/{at}/id")
        if cap.scope == COST_CENTRE and cap.id and centres is not None and cap.id not in centres:
            sentence = f"the tenant has no cost centre {cap.id!r}{did_you_mean(cap.id, centres)}"
            yield f"/caps/{at}/id", sentence


def _word_faults(one: Scenario, catalogue: Catalogue) -> Faults:
    if one.agreement and one.agreement not in AGREEMENTS:
        yield "/agreement", f"there is no agreement {one.agreement!r}; choose {', '.join(AGREEMENTS)}"
    if one.treat_as and one.treat_as not in catalogue.treatments:
        known = ", ".join(sorted(catalogue.treatments))
        yield "/treat_as", f"calls cannot be treated as {one.treat_as!r}; choose {known}"
