"""Who may bring new credits, as texts ask it: the tenant, its partner, nobody; and what post-usage does."""

from dataclasses import replace

import pytest

from talktime.accounts.tenant import AutoRecharge, BillingAccount, Subscription, Tenant, Waiver
from talktime.catalog.load import load_catalogue
from talktime.catalog.side import load_eligibility
from talktime.notices.paying import OF_PEOPLE, buys, paying_facts

NOW_US = 1_772_366_400_000_000  # 2026-03-01T12:00:00Z
CALLING = "MCOPSTN1"


def tenant(*agreements: str, country: str = "US", rule: bool = False, post_usage: bool = True) -> Tenant:
    """A tenant with a calling subscription on each of these agreements; the first is the default account."""
    accounts = tuple(BillingAccount(one, one, "US", post_usage) for one in agreements)
    return Tenant(
        "t",
        "T",
        country,
        "USD",
        default_billing_account=agreements[0] if agreements else "",
        billing_accounts=accounts,
        subscriptions=tuple(Subscription(CALLING, 5, account.id) for account in accounts),
        auto_recharge=AutoRecharge(rule),
    )


def waived(of: Tenant, *rules: str, until_us: int = NOW_US + 1) -> Tenant:
    return replace(of, waivers=tuple(Waiver(rule, "a pilot", until_us, "sam") for rule in rules))


MCA_RULES = ("subscriptions_on_mosa", "default_account_is_mosa")


@pytest.mark.parametrize(
    ("of", "who"),
    [
        (tenant("MOSA"), "yes"),
        (tenant("EA"), "yes"),
        (tenant(), "yes"),  # who holds licences is not known here, and no reason to say "do not buy"
        (tenant("MCA"), "no"),
        (tenant("MOSA", "MCA"), "no"),
        (waived(tenant("MCA"), *MCA_RULES), "yes"),
        (waived(tenant("MCA"), *MCA_RULES, until_us=NOW_US), "no"),  # it has run out
        (tenant("CSP"), "partner"),
        (tenant("MOSA", "CSP"), "partner"),
        (tenant("CSP", country="IN"), "no"),  # nor may the partner
        (tenant("MOSA", country="IN"), "no"),
    ],
)
def test_who_may_buy(of: Tenant, who: str) -> None:
    assert buys(of, load_catalogue(), NOW_US) == who


@pytest.mark.parametrize(
    ("of", "recharge", "post_usage", "backed"),
    [
        (tenant("MOSA"), "off", "none", "no"),
        (tenant("MOSA", rule=True), "on", "none", "no"),
        (tenant("MCA"), "off", "on", "yes"),
        (tenant("MCA", rule=True), "on", "on", "no"),  # it would be, were the rule off
        (tenant("MCA", post_usage=False), "off", "off", "no"),
        (tenant("MCA", rule=True, post_usage=False), "on", "off", "no"),
    ],
)
def test_what_pays_afterwards(of: Tenant, recharge: str, post_usage: str, backed: str) -> None:
    facts = paying_facts(of, load_catalogue(), NOW_US)
    assert (facts["recharge"], facts["post_usage"], facts["backed"]) == (recharge, post_usage, backed)


def test_the_rule_about_people_is_one_of_the_catalogue() -> None:
    assert OF_PEOPLE in load_eligibility().rules
