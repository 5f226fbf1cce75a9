"""What a change asks for beside the operation of its route: what a tenant may not simply grant itself.

Who edits settings, users or licences may do that; but what is bought and under which agreement is the
provider's to say, and spend caps and pay-as-you-go have rights of their own (domain.md 11). Worked out from
the tenant before and after, so that every way to the same change asks for the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from talktime.accounts.documents import user_key
from talktime.accounts.tenant import ServiceNumber, Tenant, User
from talktime.accounts.tenant_checks import gained_plans, replaced_entries
from talktime.ledger.commands import Refused

if TYPE_CHECKING:
    from talktime.catalog.model import Catalogue

EDIT_SUBSCRIPTIONS: Final = "edit_subscriptions"
EDIT_AGREEMENTS: Final = "edit_agreements"
EDIT_CAPS: Final = "edit_caps"
MANAGE_PAY_AS_YOU_GO: Final = "manage_pay_as_you_go"

PAY_AS_YOU_GO: Final = "pay_as_you_go"
"""The trait of plans, of which every minute is paid."""

Refuses = Callable[[str], Refused | None]
"""Why somebody may not do an operation; None where it may."""


def allows(operation: str) -> Refused | None:
    """The answer for those who may do everything: the command line, and the engine itself."""
    del operation
    return None


def asked_beside(before: Tenant, after: Tenant, catalogue: Catalogue) -> Iterator[str]:
    """The operations that the change asks for beside its own, each once."""
    billed_to = after.default_billing_account
    if _bought(before, billed_to) != _bought(after, billed_to):
        yield EDIT_SUBSCRIPTIONS
    if _agreements(before) != _agreements(after):
        yield EDIT_AGREEMENTS
    if Counter(before.caps) != Counter(after.caps) or _own_caps(before, after):
        yield EDIT_CAPS
    if any(_is_paid_as_it_goes(plan, catalogue) for plan in _new_plans(before, after)):
        yield MANAGE_PAY_AS_YOU_GO


def refused_beside(before: Tenant, after: Tenant, catalogue: Catalogue, refuses: Refuses) -> Refused | None:
    """Why somebody may not make a change, whatever it is that its route asks for."""
    found = (refuses(operation) for operation in asked_beside(before, after, catalogue))
    return next((refused for refused in found if refused is not None), None)


def _bought(tenant: Tenant, billed_to: str) -> Counter[tuple[str, int, str, int, int]]:
    """What is bought; what named no account yet goes with the default one, which is not the provider's."""
    return Counter(
        (one.plan, one.purchased, one.billing_account or billed_to, one.from_us, one.until_us)
        for one in tenant.subscriptions
    )


def _agreements(tenant: Tenant) -> dict[str, tuple[str, str]]:
    """By account: an account that is new or gone is another agreement, too."""
    return {account.id: (account.agreement, account.country) for account in tenant.billing_accounts}


def _own_caps(before: Tenant, after: Tenant) -> bool:
    """Whether the cap of a user differs; a user that goes takes its cap away, which asks for nothing."""
    gone = [user for _, user in replaced_entries(after.users, before.users)]
    had = {user.upn.lower(): user.cap_per_month_micros for user in gone}
    had |= {user_key(user): user.cap_per_month_micros for user in gone}
    return any(
        user.cap_per_month_micros != had.get(user_key(user), had.get(user.upn.lower()))
        for _, user in replaced_entries(before.users, after.users)
    )


def _new_plans(before: Tenant, after: Tenant) -> frozenset[str]:
    """Plans that somebody is assigned anew, or of which something else is bought."""
    billed_to = after.default_billing_account
    bought = _bought(after, billed_to) - _bought(before, billed_to)
    users = [user for _, user in replaced_entries(before.users, after.users)]
    numbers = [one for _, one in replaced_entries(before.service_numbers, after.service_numbers)]
    touched: list[User | ServiceNumber] = [*users, *numbers]
    return frozenset(plan for plan, *_ in bought) | gained_plans(before, after, touched)


def _is_paid_as_it_goes(plan: str, catalogue: Catalogue) -> bool:
    return plan in catalogue.plans and PAY_AS_YOU_GO in catalogue.plans[plan].traits
