"""How a tenant pays, as changes: the rule replaced or switched off, post-usage on its MCA account."""

from __future__ import annotations

from dataclasses import replace

import pytest

from talktime.accounts.paying import mca_account, post_usage_set, rule_off, rule_put, rule_table
from talktime.accounts.tenant import (
    MCA,
    MOSA,
    AutoRecharge,
    BillingAccount,
    PaymentMethod,
    Subscription,
    Tenant,
    Waiver,
)
from talktime.accounts.tenant_changes import Change
from talktime.accounts.tenant_file import TenantFaults
from talktime.catalog.load import load_catalogue
from talktime.ledger.commands import Refused

CATALOGUE = load_catalogue()
OLD, NEW, OTHER = (
    BillingAccount(name, agreement, "US") for name, agreement in (("old", MOSA), ("new", MCA), ("other", MCA))
)
TENANT = replace(
    Tenant("contoso", "Contoso", "US", "USD"),
    billing_accounts=(OLD,),
    default_billing_account="old",
    subscriptions=(Subscription("MCOPSTN1", 5, "old"),),
    payment_methods=(PaymentMethod("c1", "sandbox", "t", "visa", "4242", "2030-12", "f", default=True),),
    waivers=(Waiver("country_offered", "moving", 9, "provider"),),
)
TABLE = {"enabled": True, "below": "100", "add": "200", "method": "c1", "payments_a_day": 3}


def test_rule_is_replaced_and_nothing_else() -> None:
    change = rule_put(TENANT, TABLE, CATALOGUE, 0)
    assert isinstance(change, Change)
    rule = AutoRecharge(True, 100_000_000, 200_000_000, None, payments_a_day=3, method="c1")
    assert change.tenant == replace(TENANT, auto_recharge=rule)
    assert rule_table(change.tenant) == TABLE
    assert rule_table(TENANT) == {"enabled": False}
    (document,) = change.documents
    assert (document.table, '"enabled":true' in document.text) == ("tenants", True)


def test_rule_of_a_tenant_that_may_not_buy() -> None:
    moved = replace(TENANT, billing_accounts=(NEW,), default_billing_account="new", subscriptions=())
    refused = rule_put(moved, TABLE, CATALOGUE, 0)
    assert isinstance(refused, Refused)
    assert refused.code == "not_eligible"
    on = replace(moved, auto_recharge=AutoRecharge(True, 1, 60_000_000))
    assert isinstance(rule_put(on, TABLE, CATALOGUE, 0), Change), "one that is on already stays"
    assert isinstance(rule_put(moved, {**TABLE, "enabled": False}, CATALOGUE, 0), Change)


def test_rule_at_fault_is_named() -> None:
    with pytest.raises(TenantFaults) as caught:
        rule_put(TENANT, {"enabled": True, "below": "0", "colour": 1}, CATALOGUE, 0)
    assert all(fault.startswith("auto_recharge: ") for fault in caught.value.faults)
    assert len(caught.value.faults) == 3


def test_off_keeps_the_rest_and_twice_changes_nothing() -> None:
    rule = AutoRecharge(True, 100_000_000, 200_000_000, 900_000_000, method="c1")
    off = rule_off(replace(TENANT, auto_recharge=rule))
    assert off.tenant.auto_recharge == replace(rule, enabled=False)
    assert off.before != off.after
    for quiet in (rule_off(off.tenant), rule_off(TENANT)):
        assert quiet.before == quiet.after


def test_post_usage_is_set_on_the_account_that_calls_are_billed_to() -> None:
    table = [
        # accounts, the account of the subscription, the MCA account that is meant
        ((OLD,), "old", ""),
        ((OLD, NEW), "old", "new"),
        ((NEW, OTHER), "new", "new"),
        ((NEW, OTHER), "other", "other"),
        ((OTHER, NEW, OLD), "old", "other"),
    ]
    for accounts, billed_to, meant in table:
        bought = (Subscription("MCOPSTN1", 5, billed_to),)
        tenant = replace(TENANT, billing_accounts=accounts, subscriptions=bought)
        account = mca_account(tenant, CATALOGUE)
        assert (account.id if account else "") == meant
        change = post_usage_set(tenant, False, CATALOGUE)
        if not meant:
            assert isinstance(change, Refused)
            continue
        assert isinstance(change, Change)
        off = [one.id for one in change.tenant.billing_accounts if not one.post_usage_enabled]
        assert off == [meant]
        again = post_usage_set(change.tenant, False, CATALOGUE)
        assert isinstance(again, Change)
        assert again.before == again.after
