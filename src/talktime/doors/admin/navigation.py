"""Where one can go: the pages by subject, and what each asks for. Labels follow the pages of the original."""

from __future__ import annotations

from typing import Final, NamedTuple


class Entry(NamedTuple):
    """A page: its label, its address inside the tenant, and the operation without which it is not offered."""

    label: str
    address: str
    needs: str


class Section(NamedTuple):
    """Pages of one subject; no label for those that stand alone."""

    label: str
    entries: tuple[Entry, ...]


TENANT: Final = (
    Section("", (Entry("Home", "", "see_balance"),)),
    Section(
        "Billing",
        (
            Entry("Your products", "products", "see_balance"),
            Entry("Communication Credits", "credits", "see_balance"),
            Entry("Payments and receipts", "credits/payments", "see_receipts"),
            Entry("Payment methods", "credits/payment-methods", "edit_payment_methods"),
            Entry("Invoices", "invoices", "see_invoices"),
            Entry("Billing accounts", "billing", "see_tenant"),
        ),
    ),
    Section(
        "Analytics & reports",
        (
            Entry("Usage reports", "reports", "see_usage_without_names"),
            Entry("Minute pools", "pools", "see_pool_reports"),
            Entry("Spend", "spend", "see_usage_without_names"),
            Entry("Calls in progress", "calls", "see_usage"),
            Entry("Downloads", "exports", "export_usage"),
            Entry("What if", "what-if", "ask_what_if"),
            Entry("Planner", "planner", "ask_what_if"),
        ),
    ),
    Section(
        "Plans and rates",
        (Entry("Rates", "rates", "see_rates"), Entry("Marketplace", "marketplace", "see_rates")),
    ),
    Section(
        "Users and numbers",
        (
            Entry("Users", "users", "see_users"),
            Entry("Licences", "licences", "see_users"),
            Entry("Service numbers", "numbers", "see_users"),
            Entry("Spend caps", "caps", "edit_caps"),
            Entry("Cost centres", "cost-centres", "see_users"),
        ),
    ),
    Section(
        "Settings",
        (
            Entry("Notices", "notices", "see_notices"),
            Entry("Alerts and recipients", "alerts", "see_notices"),
            Entry("Administrators", "administrators", "edit_tenant"),
            Entry("Webhooks", "webhooks", "edit_webhooks"),
            Entry("API keys", "keys", "manage_api_keys"),
            Entry("Audit log", "audit", "see_audit"),
            Entry("Support tickets", "tickets", "manage_support_tickets"),
        ),
    ),
)

INSTALLATION: Final = Section(
    "Installation",
    (
        Entry("Tenants", "/tenants", ""),
        Entry("Rate decks", "/decks", "manage_decks"),
        Entry("People", "/people", "manage_people"),
    ),
)
