"""Billing accounts: the agreement of each, the default one and how to change it, what is billed where."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from markupsafe import Markup

from talktime.doors.admin.kit.act import action, asked, tell_then
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import Cell, Column, badge, card, empty, facts, link, row, table, text
from talktime.doors.admin.money_parts import opened, warn
from talktime.doors.admin.page import Visit, page
from talktime.doors.admin.words import count

if TYPE_CHECKING:
    from talktime.client.management.answers_papers import PostUsage
    from talktime.client.management.tables import BillingAccountTable


@page("/tenants/{tenant}/billing", title="Billing accounts", needs="see_tenant")
async def billing(at: Visit) -> None:
    """The accounts, what sits on them, and the way to post-usage."""
    found, licences = await asyncio.gather(at.tenant.billing_accounts.all(), at.tenant.licences())
    names = {one.plan: one.name for one in licences}
    bought = cast("list[dict[str, Any]]", at.settings.get("licences") or [])
    accounts, default = found["billing_accounts"], found["default"] or ""
    if not accounts:
        with card():
            empty("No billing account is known here. The provider adds one.")
    for account in accounts:
        _account(at, account, default, [one for one in bought if _on(one, default) == account["id"]], names)
    lost = [one for one in bought if not _on(one, default)]
    if lost:
        with card("On no account"):
            _licences(lost, names)
    if at.may("see_balance"):
        _way(at, (await at.tenant.post_usage.get()).value)


def _on(licence: dict[str, Any], default: str) -> str:
    """The account that licences are billed to, by its id."""
    return str(licence.get("billing_account") or default)


def _account(
    at: Visit,
    account: BillingAccountTable,
    default: str,
    licences: list[dict[str, Any]],
    names: dict[str, str],
) -> None:
    name = account["id"]
    is_default = name == default
    with card(account.get("name") or name):
        mark = badge("Default", "good") if is_default else ""
        pairs: list[tuple[str, Cell]] = [
            ("Account", Markup("{} {}").format(name, mark)),
            ("Agreement", account["agreement"]),
        ]
        for label, value in (
            ("Country", account.get("country")),
            ("Address", ", ".join(account.get("address") or ())),
            ("Tax id", account.get("tax_id")),
            ("Purchase order", account.get("purchase_order")),
        ):
            if value:
                pairs.append((label, value))
        facts(pairs)
        _licences(licences, names)
        if not is_default and at.may("set_default_billing_account"):
            with row():
                action(f"Make {name} the default", lambda: _default(at, name))


def _licences(licences: list[dict[str, Any]], names: dict[str, str]) -> None:
    table(
        ["Subscription billed here", Column("Licences", "figure")],
        [[names.get(one["plan"], one["plan"]), count(one["purchased"])] for one in licences],
        "Subscriptions billed here",
        nothing="No subscription is billed here.",
    )


async def _default(at: Visit, account: str) -> None:
    """Says what would happen, asks, and does it only while the account is as it was seen."""
    effect, seen = await asyncio.gather(
        at.tenant.billing_accounts.preview_default(account), at.tenant.billing_accounts.get(account)
    )
    if await asked(
        f"Make {account} the default account?", " ".join(effect.says), "Make it the default", is_grave=False
    ):
        await at.tenant.billing_accounts.make_default(account, if_match=seen)
        tell_then(f"{account} is the default account.", at.here())


def _way(at: Visit, found: PostUsage) -> None:
    with card("How calls are billed"):
        facts([("Now", opened(found.mode_says)), ("Post-usage on", found.billing_account or "no account")])
        warn(found.warnings)
        if found.can_switch:
            said("good", "Nothing stands against billing after use.")
        elif found.billing_account is not None:
            many = "1 thing stands" if len(found.against) == 1 else f"{len(found.against)} things stand"
            text(f"{many} against billing after use.")
        else:
            text("Calls are billed after use (post-usage) only under an agreement that allows it.")
        with row():
            link("Move to post-usage", at.link("billing/post-usage"), as_button=True)
            if at.may("see_invoices"):
                link("Invoices", at.link("invoices"), as_button=True)
