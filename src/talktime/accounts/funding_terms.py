"""On which terms a tenant pays: under which agreement its calling is billed, and what follows from it.

A tenant is under MCA when a calling or conferencing subscription sits on an MCA account; with no such
subscription named, when its default account is MCA (domain.md 9, rulings.md 29, docs/decisions).
"""

from dataclasses import dataclass

from talktime.accounts.tenant import MCA, BillingAccount, Tenant
from talktime.catalog.model import Catalogue
from talktime.core.modes import stands_behind

_BILLED_KINDS = ("calling", "conferencing")


@dataclass(frozen=True, slots=True)
class Terms:
    """`is_mca`: billed under MCA. `behind`: post-usage takes what credits do not pay.

    `licence_asked`: spending needs the credits licence. `post_usage_off`: MCA, and nothing behind.
    """

    is_mca: bool
    behind: bool
    licence_asked: bool
    post_usage_off: bool


def terms_of(tenant: Tenant, catalogue: Catalogue, *, recharge_on: bool) -> Terms:
    """The terms of a tenant, auto-recharge being on or off."""
    account = billing_account(tenant, catalogue)
    is_mca = account is not None and account.agreement == MCA
    enabled = account is not None and account.post_usage_enabled
    behind = bool(stands_behind(is_mca, recharge_on, enabled))
    return Terms(
        is_mca=is_mca,
        behind=behind,
        licence_asked=tenant.stated and not (is_mca and not recharge_on),
        post_usage_off=is_mca and not recharge_on and not enabled,
    )


def billing_account(tenant: Tenant, catalogue: Catalogue) -> BillingAccount | None:
    """The account that calls are billed to: an MCA one among those of the subscriptions, else the first."""
    accounts = {account.id: account for account in tenant.billing_accounts}
    default = accounts.get(tenant.default_billing_account)
    used = [
        accounts.get(subscription.billing_account) or default
        for subscription in tenant.subscriptions
        if subscription.plan in catalogue.plans and catalogue.plans[subscription.plan].kind in _BILLED_KINDS
    ]
    named = [account for account in used if account is not None]
    for account in named:
        if account.agreement == MCA:
            return account
    return named[0] if named else default
