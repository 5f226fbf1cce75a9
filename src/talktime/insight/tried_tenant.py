"""A tenant as a scenario would have it: a copy with other licences, caps, rule and agreement.

What was bought goes with what is held: who gets a plan gets a licence bought, who loses it one less.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from talktime.accounts.spend_caps import COST_CENTRE, TENANT, USER
from talktime.accounts.tenant import BillingAccount, Cap, Licence, Subscription, User
from talktime.insight.scenario_form import EVERYBODY

if TYPE_CHECKING:
    from talktime.accounts.tenant import AutoRecharge, Tenant
    from talktime.catalog.model import Catalogue
    from talktime.insight.scenario_form import Bought, Rule, Scenario, Swap, TriedCap, UserPlans

CALLING: Final = "calling"
"""The kind of plans that "one plan for everybody" takes the place of."""

ACCOUNT: Final = "what-if"
"""The billing account that stands in where a tenant has none."""


def tried(tenant: Tenant, scenario: Scenario, catalogue: Catalogue) -> Tenant:
    """The tenant with the plans, the caps, the agreement and the rule of a scenario.

    Trigger and amount of auto-recharge are options of the run: `scenario.options_of`.
    """
    for swap in scenario.plans:
        tenant = _swapped(tenant, swap, catalogue)
    if scenario.users:
        tenant = with_plans(tenant, scenario.users)
    for bought in scenario.licences:
        tenant = _with_bought(tenant, bought)
    for cap in scenario.caps:
        tenant = _capped(tenant, cap)
    if scenario.agreement:
        tenant = _under(tenant, scenario.agreement)
    if scenario.recharge is not None:
        tenant = replace(tenant, auto_recharge=_ruled(tenant.auto_recharge, scenario.recharge))
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


def with_plans(tenant: Tenant, given: Sequence[UserPlans]) -> Tenant:
    """The tenant whose named users hold exactly these plans, and with as many licences bought for them.

    A user is named by id, else by UPN, in any letter case; a name that nobody has does nothing. Validity of
    licences is not looked at: it is asked of a tenant `as_now`.
    """
    at = users_by_name(tenant)
    plans = {at[one.user.lower()]: one.plans for one in given if one.user.lower() in at}
    users = tuple(
        replace(user, licences=tuple(map(Licence, dict.fromkeys(plans[number])))) if number in plans else user
        for number, user in enumerate(tenant.users)
    )
    return _bought_for(tenant, users)


def users_by_name(tenant: Tenant) -> dict[str, int]:
    """What users may be called (id, else UPN; in lower case) -> their places."""
    found = {user.upn.lower(): at for at, user in reversed(list(enumerate(tenant.users)))}
    return found | {user.id.lower(): at for at, user in reversed(list(enumerate(tenant.users))) if user.id}


def _holds(one: Licence | Subscription, now_us: int) -> bool:
    return one.from_us <= now_us < one.until_us


# --- plans ---------------------------------------------------------------------------------------------


def _swapped(tenant: Tenant, swap: Swap, catalogue: Catalogue) -> Tenant:
    if swap.for_some:
        return _swapped_for_some(tenant, swap, catalogue)
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


def _swapped_for_some(tenant: Tenant, swap: Swap, catalogue: Catalogue) -> Tenant:
    """The swap for the users of a country, or those named; licences that were bought follow them."""
    by_name = users_by_name(tenant)
    named = {by_name[name.lower()] for name in swap.users if name.lower() in by_name}
    calls = _calling(catalogue)

    def other(at: int, user: User) -> User:
        is_named = not swap.users or at in named
        if not is_named or (swap.country and (user.location or tenant.country) != swap.country):
            return user
        if swap.plan == EVERYBODY:
            return _given(user, swap.becomes, calls)
        return replace(user, licences=_exchanged(user.licences, swap))

    return _bought_for(tenant, tuple(other(at, user) for at, user in enumerate(tenant.users)))


def _bought_for(tenant: Tenant, users: tuple[User, ...]) -> Tenant:
    """The tenant with these users; of each plan as many licences are bought more or less as are held."""
    held = Counter(one.plan for user in users for one in user.licences)
    held.subtract(one.plan for user in tenant.users for one in user.licences)
    bought = list(tenant.subscriptions)
    for plan, more in sorted(held.items()):
        if tenant.subscriptions and more:
            bought = _bought(bought, plan, more, tenant.subscriptions[0].billing_account)
    return replace(tenant, users=users, subscriptions=tuple(bought))


def _bought(bought: Sequence[Subscription], plan: str, more: int, account: str) -> list[Subscription]:
    """Subscriptions with so many licences of a plan more, a new one on `account`; never less than none."""
    found, left = [], more
    for one in bought:
        if one.plan != plan or not left:
            found.append(one)
            continue
        purchased = max(one.purchased + left, 0)
        left -= purchased - one.purchased
        if purchased:
            found.append(replace(one, purchased=purchased))
    if left > 0:
        found.append(Subscription(plan, left, account))
    return found


def _with_bought(tenant: Tenant, bought: Bought) -> Tenant:
    """The tenant with so many licences of a plan, all on the account that they are on today."""
    others = tuple(one for one in tenant.subscriptions if one.plan != bought.plan)
    own = [one for one in tenant.subscriptions if one.plan == bought.plan] or tenant.subscriptions
    account = own[0].billing_account if own else ""
    added = (Subscription(bought.plan, bought.purchased, account),) if bought.purchased else ()
    return replace(tenant, subscriptions=(*others, *added))


def _exchanged(licences: tuple[Licence, ...], swap: Swap) -> tuple[Licence, ...]:
    """The licences with one plan in the place of another; a plan that is held already is not held twice."""
    if all(one.plan != swap.plan for one in licences):
        return licences
    kept = tuple(one for one in licences if one.plan != swap.plan)
    has_it = not swap.becomes or any(one.plan == swap.becomes for one in kept)
    return kept if has_it else (*kept, Licence(swap.becomes))


def _calling(catalogue: Catalogue) -> Collection[str]:
    return {code for code, plan in catalogue.plans.items() if plan.kind == CALLING}


def _given(user: User, plan: str, calls: Collection[str]) -> User:
    """A user with this calling plan and no other; "": with none."""
    kept = tuple(one for one in user.licences if one.plan not in calls)
    return replace(user, licences=(*kept, Licence(plan)) if plan else kept)


def _one_plan(tenant: Tenant, plan: str, catalogue: Catalogue) -> Tenant:
    """Every user with this calling plan and no other, and as many licences bought."""
    calls = _calling(catalogue)
    replaced = [one for one in tenant.subscriptions if one.plan in calls]
    others = tuple(one for one in tenant.subscriptions if one.plan not in calls)
    account = replaced[0].billing_account if replaced else ""
    bought = (Subscription(plan, len(tenant.users), account),) if plan and tenant.subscriptions else ()
    users = tuple(_given(user, plan, calls) for user in tenant.users)
    return replace(tenant, users=users, subscriptions=(*others, *bought))


# --- caps, rule, agreement -----------------------------------------------------------------------------


def _capped(tenant: Tenant, cap: TriedCap) -> Tenant:
    """The tenant with a cap in the place of those that hold the same money."""
    if cap.scope == USER:
        return _users_capped(tenant, cap)
    ids = {cap.id} if cap.id else cost_centres_of(tenant)
    if cap.scope == TENANT:
        ids = {tenant.id}
    return _with_caps(tenant, cap, ids, lambda one: cap.scope == TENANT or one in ids)


def _users_capped(tenant: Tenant, cap: TriedCap) -> Tenant:
    at = users_by_name(tenant).get(cap.id.lower())
    capped = range(len(tenant.users)) if not cap.id else () if at is None else (at,)
    upns = {tenant.users[number].upn: None for number in capped}
    own = {upn.lower() for upn in upns}
    users = tuple(
        replace(user, cap_per_month_micros=None) if user.upn.lower() in own else user for user in tenant.users
    )
    return _with_caps(replace(tenant, users=users), cap, upns, lambda one: one.lower() in own)


def _with_caps(
    tenant: Tenant, cap: TriedCap, ids: Collection[str], is_meant: Callable[[str], bool]
) -> Tenant:
    kept = tuple(one for one in tenant.caps if one.scope != cap.scope or not is_meant(one.id))
    amount = cap.amount
    added = () if amount is None else tuple(Cap(cap.scope, id_, amount) for id_ in sorted(ids))
    return replace(tenant, caps=(*kept, *added))


def cost_centres_of(tenant: Tenant) -> set[str]:
    """The cost centres that people, numbers, caps or declarations of a tenant name."""
    found = {user.cost_centre for user in tenant.users} | {one.cost_centre for one in tenant.service_numbers}
    found |= {one.id for one in tenant.caps if one.scope == COST_CENTRE}
    return (found | {one.id for one in tenant.cost_centres}) - {""}


def _ruled(rule: AutoRecharge, tried_rule: Rule) -> AutoRecharge:
    if not tried_rule.enabled:
        return replace(rule, enabled=False)
    if tried_rule.uncapped:
        return replace(rule, cap_per_month_micros=None)
    if tried_rule.cap_per_month is not None:
        return replace(rule, cap_per_month_micros=tried_rule.cap_per_month)
    return rule


def _under(tenant: Tenant, agreement: str) -> Tenant:
    """The tenant with all of its billing accounts under one agreement; it has one then."""
    if tenant.billing_accounts:
        accounts = tuple(replace(one, agreement=agreement) for one in tenant.billing_accounts)
        return replace(tenant, billing_accounts=accounts)
    account = BillingAccount(ACCOUNT, agreement, tenant.country)
    return replace(tenant, billing_accounts=(account,), default_billing_account=ACCOUNT)
