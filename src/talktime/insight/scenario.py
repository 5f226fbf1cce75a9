"""What somebody wants to try on a tenant: other plans, another auto-recharge, another deck or agreement.

A scenario is put on a copy of the tenant as it is set up now; the copy is charged, the tenant stays as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from talktime.accounts.funding_terms import billing_account
from talktime.accounts.tenant import AGREEMENTS, BillingAccount, Licence, Subscription, User
from talktime.bulk.options import Options
from talktime.core.limits import MAX_MONEY_MICROS
from talktime.core.money import format_money

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.catalog.model import Catalogue

CALLING: Final = "calling"
"""The kind of plans that "one plan for everybody" takes the place of."""

EVERYBODY: Final = ""
"""In a swap: no plan in particular, but whatever calling plan a user has, or none."""

MOST_SCENARIOS: Final = 3
MOST_SWAPS: Final = 20

ACCOUNT: Final = "what-if"
"""The billing account that stands in where a tenant has none."""


class Swap(msgspec.Struct, frozen=True):
    """Whoever holds `plan` gets `becomes` in its place; `plan` EVERYBODY: every user; `becomes` "": none."""

    plan: str
    becomes: str


class Rule(msgspec.Struct, frozen=True):
    """Auto-recharge as it is tried: off, or adding `add` where the balance falls below `below` (micros)."""

    enabled: bool
    below: int = 0
    add: int = 0


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """What is tried; all that is absent is as the tenant has it now.

    `balance`: micros at the first call, None for the balance of now. `deck`: the version of a stored deck,
    "" for the one in force. `treat_as`: as `talktime rate --treat-as`.
    """

    name: str
    plans: tuple[Swap, ...] = ()
    recharge: Rule | None = None
    balance: int | None = None
    deck: str = ""
    agreement: str = ""
    treat_as: str = ""


TODAY: Final = Scenario(name="Today's settings")


class PlanChoice(NamedTuple):
    """A plan that can be tried; `holders`: users and service numbers that hold it now."""

    code: str
    name: str
    calling: bool
    holders: int


class Choices(NamedTuple):
    """What scenarios of a tenant can be made of, and what holds today; plans that are held come first."""

    users: int
    plans: tuple[PlanChoice, ...]
    agreements: tuple[str, ...]
    treatments: tuple[str, ...]
    recharge: Rule
    agreement: str


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
        recharge=Rule(rule.enabled, rule.below_micros, rule.add_micros),
        agreement="" if account is None else account.agreement,
    )


def faults_of(scenarios: Sequence[Scenario], catalogue: Catalogue) -> list[tuple[str, str]]:
    """(JSON pointer below `scenarios`, sentence) for all that no run could do."""
    faults = []
    names = [TODAY.name.casefold(), *(one.name.strip().casefold() for one in scenarios)]
    for at, one in enumerate(scenarios):
        if one.name.strip().casefold() in names[: at + 1]:
            faults.append((f"/{at}/name", f"two scenarios are called {one.name!r}; give each its own name"))
        faults += ((f"/{at}{place}", told) for place, told in _faults(one, catalogue))
    return faults


def _faults(one: Scenario, catalogue: Catalogue) -> Iterable[tuple[str, str]]:
    for at, swap in enumerate(one.plans):
        for word, plan in (("plan", swap.plan), ("becomes", swap.becomes)):
            if plan and plan not in catalogue.plans:
                yield f"/plans/{at}/{word}", f"there is no plan {plan!r}; the catalogue has its codes"
        to = catalogue.plans.get(swap.becomes)
        if swap.plan == EVERYBODY and to is not None and to.kind != CALLING:
            yield (
                f"/plans/{at}/becomes",
                f"{swap.becomes!r} is no calling plan; name the plan that it replaces",
            )
    if one.recharge is not None and one.recharge.enabled:
        for word, amount in (("below", one.recharge.below), ("add", one.recharge.add)):
            if not 1 <= amount <= MAX_MONEY_MICROS:
                shown = format_money(amount)
                yield f"/recharge/{word}", f"{word} is {shown}: it must be more than 0 and at most 10^9"
    if one.balance is not None and not 0 <= one.balance <= MAX_MONEY_MICROS:
        yield "/balance", "the balance must be 0 or more and at most 10^9"
    if one.agreement and one.agreement not in AGREEMENTS:
        yield "/agreement", f"there is no agreement {one.agreement!r}; choose {', '.join(AGREEMENTS)}"
    if one.treat_as and one.treat_as not in catalogue.treatments:
        known = ", ".join(sorted(catalogue.treatments))
        yield "/treat_as", f"calls cannot be treated as {one.treat_as!r}; choose {known}"


def options_of(scenario: Scenario, opening: int) -> Options:
    """The options of `talktime rate` that a scenario stands for; `opening` is the balance of now, micros."""
    rule = scenario.recharge
    is_on = rule is not None and rule.enabled
    return Options(
        balance=opening if scenario.balance is None else scenario.balance,
        recharge_below=rule.below if rule is not None and is_on else None,
        recharge_add=rule.add if rule is not None and is_on else None,
        treat_as=scenario.treat_as,
    )


def tried(tenant: Tenant, scenario: Scenario, catalogue: Catalogue) -> Tenant:
    """The tenant with the plans, the agreement and the switched-off rule of a scenario."""
    for swap in scenario.plans:
        tenant = _swapped(tenant, swap, catalogue)
    if scenario.agreement:
        tenant = _under(tenant, scenario.agreement)
    if scenario.recharge is not None and not scenario.recharge.enabled:
        tenant = replace(tenant, auto_recharge=replace(tenant.auto_recharge, enabled=False))
    return tenant


def as_now(tenant: Tenant, now_us: int) -> Tenant:
    """The tenant with the licences in force now, as if it had always had them: usage lies before now."""
    kept: dict[tuple[Licence, ...], tuple[Licence, ...]] = {}

    def now(licences: tuple[Licence, ...]) -> tuple[Licence, ...]:
        if licences not in kept:
            kept[licences] = tuple(Licence(one.plan) for one in licences if _holds(one, now_us))
        return kept[licences]

    return replace(
        tenant,
        users=tuple(replace(user, licences=now(user.licences)) for user in tenant.users),
        service_numbers=tuple(replace(one, licences=now(one.licences)) for one in tenant.service_numbers),
        subscriptions=tuple(
            Subscription(one.plan, one.purchased, one.billing_account)
            for one in tenant.subscriptions
            if _holds(one, now_us)
        ),
    )


def _holds(one: Licence | Subscription, now_us: int) -> bool:
    return one.from_us <= now_us < one.until_us


def _swapped(tenant: Tenant, swap: Swap, catalogue: Catalogue) -> Tenant:
    if swap.plan == EVERYBODY:
        return _one_plan(tenant, swap.becomes, catalogue)
    return replace(
        tenant,
        users=tuple(replace(user, licences=_exchanged(user.licences, swap)) for user in tenant.users),
        service_numbers=tuple(
            replace(one, licences=_exchanged(one.licences, swap)) for one in tenant.service_numbers
        ),
        subscriptions=tuple(
            replace(one, plan=swap.becomes) if one.plan == swap.plan else one
            for one in tenant.subscriptions
            if one.plan != swap.plan or swap.becomes
        ),
    )


def _exchanged(licences: tuple[Licence, ...], swap: Swap) -> tuple[Licence, ...]:
    """The licences with one plan in the place of another; a plan that is held already is not held twice."""
    if all(one.plan != swap.plan for one in licences):
        return licences
    kept = tuple(one for one in licences if one.plan != swap.plan)
    has_it = not swap.becomes or any(one.plan == swap.becomes for one in kept)
    return kept if has_it else (*kept, Licence(swap.becomes))


def _one_plan(tenant: Tenant, plan: str, catalogue: Catalogue) -> Tenant:
    """Every user with this calling plan and no other, and as many licences bought."""

    def calls(code: str) -> bool:
        return code in catalogue.plans and catalogue.plans[code].kind == CALLING

    def given(user: User) -> User:
        kept = tuple(one for one in user.licences if not calls(one.plan))
        return replace(user, licences=(*kept, Licence(plan)) if plan else kept)

    replaced = [one for one in tenant.subscriptions if calls(one.plan)]
    others = tuple(one for one in tenant.subscriptions if not calls(one.plan))
    account = replaced[0].billing_account if replaced else ""
    bought = (Subscription(plan, len(tenant.users), account),) if plan and tenant.subscriptions else ()
    return replace(
        tenant, users=tuple(given(user) for user in tenant.users), subscriptions=(*others, *bought)
    )


def _under(tenant: Tenant, agreement: str) -> Tenant:
    """The tenant with all of its billing accounts under one agreement; it has one then."""
    if tenant.billing_accounts:
        accounts = tuple(replace(one, agreement=agreement) for one in tenant.billing_accounts)
        return replace(tenant, billing_accounts=accounts)
    account = BillingAccount(ACCOUNT, agreement, tenant.country)
    return replace(tenant, billing_accounts=(account,), default_billing_account=ACCOUNT)
