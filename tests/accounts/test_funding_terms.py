"""On which terms a tenant pays: the account its calling is billed to (rulings.md 12 and 29)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from talktime.accounts.funding_terms import Terms, billing_account, terms_of
from talktime.accounts.tenant import BillingAccount, Subscription, Tenant, unstated_tenant
from talktime.catalog.load import load_catalogue

ACCOUNTS = (
    BillingAccount("direct", "MOSA", "US"),
    BillingAccount("partner", "CSP", "US"),
    BillingAccount("enterprise", "EA", "US"),
    BillingAccount("new", "MCA", "US"),
    BillingAccount("off", "MCA", "US", post_usage_enabled=False),
)
CALLING, CONFERENCING, CREDITS = "MCOPSTN1", "MCOMEETADD", "MCOPSTNC"


def tenant(default: str, *subscriptions: tuple[str, str]) -> Tenant:
    bought = tuple(Subscription(plan, 1, account) for plan, account in subscriptions)
    return Tenant(
        "t",
        "T",
        "US",
        "USD",
        default_billing_account=default,
        billing_accounts=ACCOUNTS,
        subscriptions=bought,
    )


@pytest.mark.parametrize(
    ("default", "subscriptions", "account"),
    [
        ("direct", (), "direct"),
        ("new", (), "new"),
        ("new", ((CALLING, "direct"),), "direct"),  # where the subscriptions are counts
        ("direct", ((CALLING, "new"),), "new"),
        ("direct", ((CALLING, "direct"), (CONFERENCING, "new")), "new"),
        ("direct", ((CREDITS, "new"),), "direct"),  # credits and phones are no subscription to calling
        ("direct", (("MCOEV", "new"),), "direct"),
        ("new", ((CALLING, ""),), "new"),  # none named: the default
        ("new", ((CALLING, "gone"),), "new"),
        ("", (), None),
        ("", ((CALLING, ""),), None),
    ],
)
def test_the_account_that_calls_are_billed_to(
    default: str, subscriptions: tuple[tuple[str, str], ...], account: str | None
) -> None:
    found = billing_account(tenant(default, *subscriptions), load_catalogue())
    assert (found.id if found else None) == account


PREPAID = Terms(is_mca=False, behind=False, licence_asked=True, post_usage_off=False)


@pytest.mark.parametrize(
    ("account", "recharge_on", "terms"),
    [
        ("direct", False, PREPAID),
        ("direct", True, PREPAID),
        ("partner", False, PREPAID),
        ("enterprise", False, PREPAID),
        ("", False, PREPAID),
        ("new", True, replace(PREPAID, is_mca=True)),  # it refills for ever: the switch never happens
        ("off", True, replace(PREPAID, is_mca=True)),
        ("new", False, Terms(is_mca=True, behind=True, licence_asked=False, post_usage_off=False)),
        ("off", False, Terms(is_mca=True, behind=False, licence_asked=False, post_usage_off=True)),
    ],
)
def test_terms(account: str, recharge_on: bool, terms: Terms) -> None:
    assert terms_of(tenant(account), load_catalogue(), recharge_on=recharge_on) == terms


def test_where_no_tenant_is_described_everybody_may_spend() -> None:
    terms = terms_of(unstated_tenant("US", "USD"), load_catalogue(), recharge_on=False)
    assert terms == replace(PREPAID, licence_asked=False)
