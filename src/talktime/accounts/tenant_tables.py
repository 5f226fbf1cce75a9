"""A tenant as the tables of the tenant file: what `tenant_file.tenant_of_table` reads back.

What holds always or has no value is left out; amounts are decimal strings, instants ISO 8601 UTC
(interfaces.md, The tenant file).
"""

from collections.abc import Iterable
from typing import Any

from talktime.accounts.tenant import (
    Administrator,
    Alerts,
    AutoRecharge,
    BillingAccount,
    Cap,
    CostCentre,
    Guards,
    Licence,
    ServiceNumber,
    Subscription,
    Tenant,
    User,
)
from talktime.accounts.toml_table import shown_instant
from talktime.core.limits import ALWAYS_US, NEVER_US
from talktime.core.money import format_money

Tables = dict[str, Any]


def settings_tables(tenant: Tenant) -> Tables:
    """Everything but its people, its numbers and its purchases."""
    own = {
        "id": tenant.id,
        "name": tenant.name,
        "country": tenant.country,
        "currency": tenant.currency,
        "time_zone": tenant.time_zone,
        "default_billing_account": tenant.default_billing_account,
    }
    tables: Tables = {"tenant": _filled(own)}
    if tenant.billing_accounts:
        tables["billing_accounts"] = [_account(account) for account in tenant.billing_accounts]
    if tenant.subscriptions:
        tables["licences"] = [_subscription(bought) for bought in tenant.subscriptions]
    if tenant.auto_recharge != AutoRecharge():
        tables["auto_recharge"] = _recharge(tenant.auto_recharge)
    if tenant.caps:
        tables["caps"] = [_cap(cap) for cap in tenant.caps]
    if tenant.guards != Guards():
        tables["guards"] = _guards(tenant.guards)
    if tenant.cost_centres:
        tables["cost_centres"] = [_centre(centre) for centre in tenant.cost_centres]
    if tenant.administrators:
        tables["administrators"] = [_administrator(person) for person in tenant.administrators]
    if tenant.alerts != Alerts():
        tables["alerts"] = _alerts(tenant.alerts)
    return tables


def tenant_tables(tenant: Tenant) -> Tables:
    """The settings with users and service numbers."""
    tables = settings_tables(tenant)
    if tenant.users:
        tables["users"] = [user_table(user) for user in tenant.users]
    if tenant.service_numbers:
        tables["service_numbers"] = [service_table(service) for service in tenant.service_numbers]
    return tables


def user_table(user: User) -> Tables:
    """An entry of `users`."""
    return _filled(
        {
            "upn": user.upn,
            "id": user.id,
            "name": user.name,
            "location": user.location,
            "licences": _licences(user.licences),
            "numbers": list(user.numbers),
            "cost_centre": user.cost_centre,
            "cap_per_month": _money(user.cap_per_month_micros),
            "policies": list(user.policies),
        }
    )


def service_table(service: ServiceNumber) -> Tables:
    """An entry of `service_numbers`."""
    return _filled(
        {
            "number": service.number,
            "kind": service.kind,
            "service": service.service,
            "licences": _licences(service.licences),
            "cost_centre": service.cost_centre,
        }
    )


def _filled(entries: Tables) -> Tables:
    """The entries that say something; 0 and False do."""
    return {key: value for key, value in entries.items() if value not in ("", None) and value != []}


def _money(micros: int | None) -> str | None:
    return None if micros is None else format_money(micros)


def _validity(from_us: int, until_us: int) -> Tables:
    return {
        key: shown_instant(at_us)
        for key, at_us, open_end in (("from", from_us, ALWAYS_US), ("until", until_us, NEVER_US))
        if at_us != open_end
    }


def _licences(licences: Iterable[Licence]) -> list[str | Tables]:
    found: list[str | Tables] = []
    for licence in licences:
        validity = _validity(licence.from_us, licence.until_us)
        found.append({"plan": licence.plan, **validity} if validity else licence.plan)
    return found


def _account(account: BillingAccount) -> Tables:
    return _filled(
        {
            "id": account.id,
            "agreement": account.agreement,
            "country": account.country,
            "post_usage_enabled": account.post_usage_enabled,
            "name": account.name,
            "address": list(account.address),
            "tax_id": account.tax_id,
            "purchase_order": account.purchase_order,
        }
    )


def _subscription(bought: Subscription) -> Tables:
    entry = {"plan": bought.plan, "purchased": bought.purchased, "billing_account": bought.billing_account}
    return _filled(entry) | _validity(bought.from_us, bought.until_us)


def _recharge(rule: AutoRecharge) -> Tables:
    money = {
        "below": rule.below_micros or None,
        "add": rule.add_micros or None,
        "target": rule.target_micros or None,
        "least": rule.least_micros or None,
        "most": rule.most_micros or None,
        "cap_per_month": rule.cap_per_month_micros,
    }
    more = {
        "payments_a_day": rule.payments_a_day or None,
        "cool_down_s": rule.cool_down_s or None,
        "method": rule.method,
    }
    amounts = {key: _money(micros) for key, micros in money.items()}
    return {"enabled": rule.enabled} | _filled(amounts | more)


def _cap(cap: Cap) -> Tables:
    return {"scope": cap.scope, "id": cap.id, "amount": format_money(cap.amount_micros)}


def _guards(guards: Guards) -> Tables:
    return _filled(
        {
            "concurrent_calls": guards.calls,
            "concurrent_calls_per_user": guards.calls_per_user,
            "longest_call_s": guards.longest_call_s or None,
            "dear_money_an_hour": _money(guards.dear_an_hour_micros),
            "dear_money_an_hour_per_user": _money(guards.dear_an_hour_per_user_micros),
            "dear_countries": list(guards.dear_countries),
            "barred_prefixes": list(guards.barred_prefixes),
        }
    )


def _centre(centre: CostCentre) -> Tables:
    return _filled({"id": centre.id, "parent": centre.parent, "name": centre.name})


def _administrator(person: Administrator) -> Tables:
    entry = {"upn": person.upn, "name": person.name, "mail": person.mail, "roles": list(person.roles)}
    return _filled(entry)


def _alerts(alerts: Alerts) -> Tables:
    chosen = {event: list(roles) for event, roles in alerts.recipients}
    levels = [format_money(micros) for micros in alerts.low_micros]
    return _filled(
        {
            "low": levels,
            "runway_days": alerts.runway_days,
            "recipients": chosen or None,
            "chat": list(alerts.chat),
        }
    )
