"""What the provider makes of a tenant, as changes: its status, its partner, exceptions to eligibility.

Pure, like `tenant_changes`: the tenant as it is -> the tenant that it would be, with what the audit log
shows. None of it is part of the tenant file (domain.md 9 and 11).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from talktime.accounts.documents import tenant_text
from talktime.accounts.tenant import ACTIVE, CLOSED, SUSPENDED, Tenant, Waiver
from talktime.accounts.tenant_changes import Change
from talktime.accounts.toml_table import did_you_mean, shown, shown_instant
from talktime.catalog.side import load_eligibility
from talktime.ledger.commands import Refused
from talktime.ledger.records import Document

REASON_MISSING: Final = Refused("reason_missing", "say why: the reason is kept in the audit log")


def own_changed(after: Tenant, before: str, now: str) -> Change:
    """A change of the tenant's own document."""
    return Change(after, [Document("tenants", "", tenant_text(after))], before, now)


# --- status ------------------------------------------------------------------------------------------------


def suspended(tenant: Tenant) -> Change | Refused:
    """An active tenant that buys nothing until it is active again; suspended twice is suspended."""
    if tenant.status == CLOSED:
        return Refused("tenant_closed", "the tenant is closed; it cannot be suspended")
    return own_changed(replace(tenant, status=SUSPENDED), tenant.status, SUSPENDED)


def reactivated(tenant: Tenant) -> Change | Refused:
    """A suspended tenant that is active again; a closed one stays closed."""
    if tenant.status == CLOSED:
        return Refused("tenant_closed", "the tenant is closed for good; make a new one")
    return own_changed(replace(tenant, status=ACTIVE), tenant.status, ACTIVE)


def closed(tenant: Tenant) -> Change:
    """A tenant that is over: nothing refills it any more."""
    off = replace(tenant.auto_recharge, enabled=False)
    return own_changed(replace(tenant, status=CLOSED, auto_recharge=off), tenant.status, CLOSED)


def partner_set(tenant: Tenant, partner: str) -> Change:
    """The partner who may fund the tenant on its behalf; "" for none."""
    return own_changed(replace(tenant, partner=partner), tenant.partner, partner)


# --- exceptions to eligibility -----------------------------------------------------------------------------


def waiver_granted(tenant: Tenant, waiver: Waiver, now_us: int) -> Change | Refused:
    """An exception to one rule until its end; it replaces one of the same rule."""
    rules = load_eligibility().rules
    if waiver.rule not in rules:
        hint = did_you_mean(waiver.rule, rules) or f"; the rules are {', '.join(rules)}"
        return Refused("unknown_rule", f"no rule of eligibility is called {shown(waiver.rule)}{hint}")
    if not waiver.reason.strip():
        return REASON_MISSING
    if waiver.until_us <= now_us:
        return Refused(
            "ends_before_it_begins", f"an exception until {shown_instant(waiver.until_us)} is over"
        )
    others = [one for one in tenant.waivers if one.rule != waiver.rule and one.until_us > now_us]
    before = _told(one for one in tenant.waivers if one.rule == waiver.rule)
    return own_changed(replace(tenant, waivers=(*others, waiver)), before, _told([waiver]))


def waiver_ended(tenant: Tenant, rule: str) -> Change | Refused:
    """Ends the exception to a rule at once."""
    gone = [one for one in tenant.waivers if one.rule == rule]
    if not gone:
        return Refused("unknown_rule", f"the tenant has no exception to {shown(rule)}")
    left = tuple(one for one in tenant.waivers if one.rule != rule)
    return own_changed(replace(tenant, waivers=left), _told(gone), "")


def _told(waivers: Iterable[Waiver]) -> str:
    """Exceptions as the audit log shows them."""
    return "; ".join(f"{one.rule} until {shown_instant(one.until_us)}: {one.reason}" for one in waivers)
