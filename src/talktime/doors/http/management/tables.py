"""The tenant file's tables as JSON: what they hold, for the description of the API.

Only kinds of values and sizes are checked here; the reader of the tenant file says what may stand together
and refuses unknown keys by name, so there is one set of rules (interfaces.md, The tenant file).
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from talktime.doors.http.management.texts import NAME_PATTERN, Code, Name, Text

MAX_ENTRIES = 100_000

Money = Annotated[str, Field(max_length=40, pattern=NAME_PATTERN, examples=["50"])]
When = Annotated[str, Field(max_length=40, pattern=NAME_PATTERN, examples=["2026-03-01T00:00:00Z"])]


class Tables(BaseModel):
    """A table; its unknown keys are passed on and refused by name."""

    model_config = ConfigDict(strict=True, extra="allow", populate_by_name=True)

    def table(self) -> dict[str, Any]:
        """As the reader takes it: only what was sent; null is absent."""
        return self.model_dump(by_alias=True, exclude_unset=True, exclude_none=True)


class Span(Tables):
    """Something that holds from an instant (included) until another (excluded)."""

    from_: When | None = Field(default=None, alias="from")
    until: When | None = None


class LicenceTable(Span):
    """A licence that changes."""

    plan: Name


class LicencesTable(Span):
    """Licences of a plan that were bought."""

    plan: Name
    purchased: int
    billing_account: Text | None = None


class BillingAccountTable(Tables):
    """A billing account: MOSA, MCA, EA or CSP."""

    id: Name
    agreement: Name
    country: Text | None = None
    post_usage_enabled: bool | None = None
    name: Text | None = None
    address: list[Name] | None = Field(default=None, max_length=10)
    tax_id: Text | None = None
    purchase_order: Text | None = None


class UserTable(Tables):
    """A user, found by id, then by UPN."""

    upn: Name
    id: Text | None = None
    name: Text | None = None
    location: Text | None = None
    licences: list[Name | LicenceTable] | None = Field(default=None, max_length=200)
    numbers: list[Name] | None = Field(default=None, max_length=200)
    cost_centre: Text | None = None
    cap_per_month: Money | None = None
    policies: list[Name] | None = Field(default=None, max_length=20)


class ServiceNumberTable(Tables):
    """A toll or toll-free number of a bridge, an auto attendant or a call queue."""

    number: Name
    kind: Name
    service: Text | None = None
    licences: list[Name | LicenceTable] | None = Field(default=None, max_length=200)
    cost_centre: Text | None = None


class PurchaseTable(Tables):
    """Credits that were bought before: a lot."""

    at: When
    amount: Money


class AutoRechargeTable(Tables):
    """The rule that refills: by `add`, or up to `target`."""

    enabled: bool
    below: Money | None = None
    add: Money | None = None
    target: Money | None = None
    least: Money | None = None
    most: Money | None = None
    cap_per_month: Money | None = None
    payments_a_day: int | None = None
    cool_down_s: int | None = None
    method: Text | None = None


class CapTable(Tables):
    """A limit on the money spent a month by a user, a cost centre or the tenant."""

    scope: Name
    id: Text | None = None
    amount: Money


class GuardsTable(Tables):
    """Limits for calls in progress."""

    concurrent_calls: int | None = None
    concurrent_calls_per_user: int | None = None
    longest_call_s: int | None = None
    dear_money_an_hour: Money | None = None
    dear_money_an_hour_per_user: Money | None = None
    dear_countries: list[Name] | None = Field(default=None, max_length=300)
    barred_prefixes: list[Name] | None = Field(default=None, max_length=10_000)


class CostCentreTable(Tables):
    """A cost centre; once any is declared, users, numbers and caps name declared ones only."""

    id: Name
    parent: Text | None = None
    name: Text | None = None


class AdministratorTable(Tables):
    """A person who looks after the tenant and is told by mail; without `mail` the UPN is the address."""

    upn: Name
    name: Text | None = None
    mail: Text | None = None
    roles: list[Name] | None = Field(default=None, max_length=50)


class AlertsTable(Tables):
    """When the tenant wants to be told: levels of the balance, days of runway, recipients by event."""

    low: list[Money] | None = Field(default=None, max_length=20)
    runway_days: int | None = None
    recipients: dict[str, list[Name]] | None = Field(default=None, max_length=100)
    chat: list[Annotated[str, Field(max_length=2_000)]] | None = Field(default=None, max_length=20)


class TenantTable(Tables):
    """What a tenant is."""

    id: Code
    name: Text | None = None
    country: Name
    currency: Name
    time_zone: Name | None = None
    default_billing_account: Text | None = None


class SettingsTables(Tables):
    """A tenant without its people, numbers and purchases."""

    tenant: TenantTable
    billing_accounts: list[BillingAccountTable] | None = Field(default=None, max_length=1_000)
    licences: list[LicencesTable] | None = Field(default=None, max_length=1_000)
    auto_recharge: AutoRechargeTable | None = None
    caps: list[CapTable] | None = Field(default=None, max_length=MAX_ENTRIES)
    guards: GuardsTable | None = None
    cost_centres: list[CostCentreTable] | None = Field(default=None, max_length=10_000)
    administrators: list[AdministratorTable] | None = Field(default=None, max_length=1_000)
    alerts: AlertsTable | None = None


class TenantTables(SettingsTables):
    """A whole tenant, as the tenant file has it."""

    users: list[UserTable] | None = Field(default=None, max_length=MAX_ENTRIES)
    service_numbers: list[ServiceNumberTable] | None = Field(default=None, max_length=MAX_ENTRIES)
    purchases: list[PurchaseTable] | None = Field(default=None, max_length=10_000)
