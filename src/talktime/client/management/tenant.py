"""One tenant: its settings, and its parts by name."""

from __future__ import annotations

from talktime.client.management.answers_overview import Overview
from talktime.client.management.answers_people import Eligibility, Needs
from talktime.client.management.answers_rates import LicenceCount
from talktime.client.management.answers_sign_ins import Rights
from talktime.client.management.described import IfMatch, Part, S, Sent, asks
from talktime.client.management.house import TenantDecks, TenantKeys
from talktime.client.management.money import AutoRecharge, PaymentMethods, Payments, TenantCredits
from talktime.client.management.papers import CreditNotes, Invoices, Months, Receipts, WayToPostUsage
from talktime.client.management.people import (
    Administrators,
    Alerts,
    Caps,
    ServiceNumbers,
    TenantBillingAccounts,
    Users,
)
from talktime.client.management.plans import Planner
from talktime.client.management.provider import Approvals, Books, TenantPartner, TenantStatus, Waivers
from talktime.client.management.rates import Rates
from talktime.client.management.readers import Tables, Under, Values, WithTag
from talktime.client.management.tables import SettingsTables
from talktime.client.management.told import Notices, Tickets, Webhooks
from talktime.client.management.usage import Calls, Exports, Pools, Retention, Usage
from talktime.client.management.what_if import UsageFiles, WhatIfs


class Tenant(Part[S]):
    """A tenant by its id; nothing is asked before a method is called."""

    def __init__(self, sender: S, tenant: str) -> None:
        names = {"tenant": tenant}
        super().__init__(sender, names)
        self.id = tenant
        self.credits = TenantCredits(sender, names)
        self.payments = Payments(sender, names)
        self.payment_methods = PaymentMethods(sender, names)
        self.recharge = AutoRecharge(sender, names)
        self.receipts = Receipts(sender, names)
        self.credit_notes = CreditNotes(sender, names)
        self.invoices = Invoices(sender, names)
        self.months = Months(sender, names)
        self.post_usage = WayToPostUsage(sender, names)
        self.users = Users(sender, names)
        self.service_numbers = ServiceNumbers(sender, names)
        self.administrators = Administrators(sender, names)
        self.alerts = Alerts(sender, names)
        self.caps = Caps(sender, names)
        self.billing_accounts = TenantBillingAccounts(sender, names)
        self.status = TenantStatus(sender, names)
        self.partner = TenantPartner(sender, names)
        self.waivers = Waivers(sender, names)
        self.approvals = Approvals(sender, names)
        self.books = Books(sender, names)
        self.calls = Calls(sender, names)
        self.usage = Usage(sender, names)
        self.pools = Pools(sender, names)
        self.exports = Exports(sender, names)
        self.usage_files = UsageFiles(sender, names)
        self.what_if = WhatIfs(sender, names)
        self.planner = Planner(sender, names)
        self.retention = Retention(sender, names)
        self.notices = Notices(sender, names)
        self.webhooks = Webhooks(sender, names)
        self.tickets = Tickets(sender, names)
        self.decks = TenantDecks(sender, names)
        self.rates = Rates(sender, names)
        self.keys = TenantKeys(sender, names)

    @asks("GET", "/v1/tenants/{tenant}", WithTag[SettingsTables](Tables(SettingsTables)))
    def get(self) -> Sent:
        """The settings without people and numbers, with their ETag."""
        return Sent()

    @asks("PUT", "/v1/tenants/{tenant}", WithTag[SettingsTables](Tables(SettingsTables)))
    def put(self, settings: SettingsTables, *, if_match: IfMatch = None) -> Sent:
        """Replaces the settings; people and numbers stay."""
        return Sent(body=settings, if_match=if_match)

    @asks("GET", "/v1/tenants/{tenant}/overview", Values(Overview))
    def overview(self) -> Sent:
        """The first page: money and how long it lasts, alerts with their one action, what to do first."""
        return Sent()

    @asks("GET", "/v1/tenants/{tenant}/eligibility", Values(Eligibility))
    def eligibility(self) -> Sent:
        """May the tenant buy credits: each rule with its outcome, why, and what to do."""
        return Sent()

    @asks("GET", "/v1/tenants/{tenant}/licences", Under("licences", LicenceCount))
    def licences(self) -> Sent:
        """How many licences of each plan were bought, are assigned now, and are left."""
        return Sent()

    @asks("GET", "/v1/tenants/{tenant}/rights", Values(Rights))
    def rights(self) -> Sent:
        """The caller's roles in the tenant, and all that it may do there."""
        return Sent()

    @asks("GET", "/v1/tenants/{tenant}/needs", Values(Needs))
    def needs(self) -> Sent:
        """Does the tenant need credits: what takes money, who is behind it, what goes on without."""
        return Sent()
