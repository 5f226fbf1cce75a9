"""Who may bring a tenant new credits: it itself, its partner on its behalf, or nobody.

What people are told to do has to be possible for them: the rules of eligibility are asked for the tenant as
it is when a message is made (domain.md 9, rulings.md 28).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from talktime.accounts.eligibility import eligibility
from talktime.accounts.funding_terms import terms_of

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.catalog.model import Catalogue

OF_PEOPLE: Final = "has_qualifying_licence"
"""The one rule that asks who holds licences; messages are made of tenants that are read without people."""


def buys(tenant: Tenant, catalogue: Catalogue, at_us: int) -> str:
    """`yes`: the tenant may buy credits at this instant, `partner`: only its partner may fund it, or `no`."""
    answer = eligibility(tenant, catalogue, at_us)
    if all(finding.rule == OF_PEOPLE for finding in answer.failed):
        return "yes"
    return "partner" if answer.partner_may_fund else "no"


def paying_facts(tenant: Tenant, catalogue: Catalogue, at_us: int) -> dict[str, str]:
    """What texts are chosen by: `buys`, `recharge` on or off, `post_usage` and `backed`.

    `post_usage`: none without MCA, else whether the account has it on or off; `backed` yes: it takes what
    credits do not pay, since auto-recharge does not hold it up (rulings.md 29).
    """
    recharge_on = tenant.auto_recharge.enabled
    drained = terms_of(tenant, catalogue, recharge_on=False)
    after_use = "on" if drained.behind else "off"
    return {
        "buys": buys(tenant, catalogue, at_us),
        "recharge": "on" if recharge_on else "off",
        "post_usage": after_use if drained.is_mca else "none",
        "backed": "yes" if drained.behind and not recharge_on else "no",
    }
