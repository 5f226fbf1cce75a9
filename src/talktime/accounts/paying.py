"""How a tenant pays, as changes: the rule that refills its credits, and post-usage on its account.

Pure, like `tenant_changes`: the tenant as it is -> the tenant that it would be, with what the audit log
shows. Whether the rule may be switched on is asked here too, since it is a question to both tenants.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from talktime.accounts.eligibility import switched_on_refused
from talktime.accounts.funding_terms import billing_account
from talktime.accounts.provider_changes import own_changed
from talktime.accounts.tenant import CSP, MCA, AutoRecharge, BillingAccount, Tenant
from talktime.accounts.tenant_changes import Change
from talktime.accounts.tenant_file import tenant_of_table
from talktime.accounts.tenant_tables import Tables, settings_tables
from talktime.ledger.commands import Refused

if TYPE_CHECKING:
    from talktime.catalog.model import Catalogue

NO_MCA_ACCOUNT: Final = Refused(
    "no_mca_account", "no billing account is on an MCA agreement; minutes are billed after use only there"
)

NO_PARTNER: Final = Refused(
    "forbidden", "a partner turns auto-recharge off only for a tenant with a billing account of its own (CSP)"
)

_RULE: Final = "auto_recharge"


def rule_table(tenant: Tenant) -> Tables:
    """The rule as the tenant file has it; only that it is off where there is none."""
    table: Tables = settings_tables(tenant).get(_RULE, {"enabled": False})
    return table


def rule_put(tenant: Tenant, table: Mapping[str, Any], catalogue: Catalogue, now_us: int) -> Change | Refused:
    """Replaces the rule. Raises TenantFaults; refused is switching it on for a tenant that may not buy."""
    home = {name: getattr(tenant, name) for name in ("id", "country", "currency", "time_zone")}
    rule = tenant_of_table({"tenant": home, _RULE: table}, catalogue).auto_recharge
    after = replace(tenant, auto_recharge=rule)
    return switched_on_refused(tenant, after, catalogue, now_us) or _rule_changed(tenant, after)


def rule_off(tenant: Tenant) -> Change:
    """The rule switched off, all else of it kept; nothing changes where it is off already."""
    rule = tenant.auto_recharge
    off = replace(rule, enabled=False) if rule != AutoRecharge() else rule
    return _rule_changed(tenant, replace(tenant, auto_recharge=off))


def rule_off_by_partner(tenant: Tenant) -> Change | Refused:
    """The rule switched off by the partner of a tenant; refused where no account is a partner's."""
    return rule_off(tenant) if any(one.agreement == CSP for one in tenant.billing_accounts) else NO_PARTNER


def _rule_changed(before: Tenant, after: Tenant) -> Change:
    return own_changed(after, _json(rule_table(before)), _json(rule_table(after)))


def mca_account(tenant: Tenant, catalogue: Catalogue) -> BillingAccount | None:
    """The MCA account that calls are billed to, else the first one; None where there is none."""
    account = billing_account(tenant, catalogue)
    if account is not None and account.agreement == MCA:
        return account
    return next((one for one in tenant.billing_accounts if one.agreement == MCA), None)


def post_usage_set(tenant: Tenant, enabled: bool, catalogue: Catalogue) -> Change | Refused:
    """Says whether post-usage takes over once the credits are spent, on the MCA account."""
    account = mca_account(tenant, catalogue)
    if account is None:
        return NO_MCA_ACCOUNT
    accounts = tuple(
        replace(one, post_usage_enabled=enabled) if one.id == account.id else one
        for one in tenant.billing_accounts
    )
    before, after = (_json(_enabled(account.id, on)) for on in (account.post_usage_enabled, enabled))
    return own_changed(replace(tenant, billing_accounts=accounts), before, after)


def _enabled(account: str, on: bool) -> Tables:
    return {"billing_account": account, "post_usage_enabled": on}


def _json(table: Tables) -> str:
    return msgspec.json.encode(table).decode()
