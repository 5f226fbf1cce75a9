"""The tables of the tenant file as the API takes and shows them: amounts and instants are text.

What was read may be changed and sent back: keys that a later service adds stay in what is read, so that
nothing is lost on the way.
"""

from __future__ import annotations

from typing import Required, TypedDict

LicenceTable = TypedDict("LicenceTable", {"plan": Required[str], "from": str, "until": str}, total=False)
"""A licence that a user or a number holds for a time."""

LicencesTable = TypedDict(
    "LicencesTable",
    {
        "plan": Required[str],
        "purchased": Required[int],
        "billing_account": str,
        "from": str,
        "until": str,
    },
    total=False,
)
"""Licences of a plan that were bought."""


class BillingAccountTable(TypedDict, total=False):
    """A billing account: MOSA, MCA, EA or CSP."""

    id: Required[str]
    agreement: Required[str]
    country: str
    post_usage_enabled: bool
    name: str
    address: list[str]
    tax_id: str
    purchase_order: str


class UserTable(TypedDict, total=False):
    """A user; `licences` are plans, or plans with the time for which they are held."""

    upn: Required[str]
    id: str
    name: str
    location: str
    licences: list[str | LicenceTable]
    numbers: list[str]
    cost_centre: str
    cap_per_month: str
    policies: list[str]


class ServiceNumberTable(TypedDict, total=False):
    """A toll or toll-free number of a bridge, an auto attendant or a call queue."""

    number: Required[str]
    kind: Required[str]
    service: str
    licences: list[str | LicenceTable]
    cost_centre: str


class PurchaseTable(TypedDict):
    """Credits that were bought before: a lot."""

    at: str
    amount: str


class AutoRechargeTable(TypedDict, total=False):
    """The rule that refills: by `add`, or up to `target`."""

    enabled: Required[bool]
    below: str
    add: str
    target: str
    least: str
    most: str
    cap_per_month: str
    payments_a_day: int
    cool_down_s: int
    method: str


class CapTable(TypedDict, total=False):
    """A limit on the money spent a month by a user, a cost centre or the tenant."""

    scope: Required[str]
    id: str
    amount: Required[str]


class GuardsTable(TypedDict, total=False):
    """Limits for calls in progress."""

    concurrent_calls: int
    concurrent_calls_per_user: int
    longest_call_s: int
    dear_money_an_hour: str
    dear_money_an_hour_per_user: str
    dear_countries: list[str]
    barred_prefixes: list[str]


class CostCentreTable(TypedDict, total=False):
    """A cost centre; once any is declared, users, numbers and caps name declared ones only."""

    id: Required[str]
    parent: str
    name: str


class AdministratorTable(TypedDict, total=False):
    """A person who looks after the tenant and is told by mail; without `mail` the UPN is the address."""

    upn: Required[str]
    name: str
    mail: str
    roles: list[str]


class AlertsTable(TypedDict, total=False):
    """When the tenant wants to be told: levels of the balance, days of runway, recipients by event."""

    low: list[str]
    runway_days: int
    recipients: dict[str, list[str]]
    chat: list[str]


class TenantTable(TypedDict, total=False):
    """What a tenant is."""

    id: Required[str]
    name: str
    country: Required[str]
    currency: Required[str]
    time_zone: str
    default_billing_account: str


class SettingsTables(TypedDict, total=False):
    """A tenant without its people, numbers and purchases."""

    tenant: Required[TenantTable]
    billing_accounts: list[BillingAccountTable]
    licences: list[LicencesTable]
    auto_recharge: AutoRechargeTable
    caps: list[CapTable]
    guards: GuardsTable
    cost_centres: list[CostCentreTable]
    administrators: list[AdministratorTable]
    alerts: AlertsTable


class TenantTables(SettingsTables, total=False):
    """A whole tenant, as the tenant file has it."""

    users: list[UserTable]
    service_numbers: list[ServiceNumberTable]
    purchases: list[PurchaseTable]


class BillingAccounts(TypedDict):
    """The billing accounts of a tenant; `default` is the one that credits are bought on, None for none."""

    billing_accounts: list[BillingAccountTable]
    default: str | None
