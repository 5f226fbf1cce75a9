"""Add funds: may credits be bought, what they cost, the payment itself, and what became of it.

One form has one key: however often a button is pressed, one payment is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from markupsafe import Markup
from nicegui import ui

from talktime.client import ProblemError
from talktime.client.management.money import DECIDED, made_key
from talktime.doors.admin.kit.act import action, asked, live, tell_then
from talktime.doors.admin.kit.fields import Form, money_field, on_enter, select_field, text_field
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import anchor, card, empty, facts, link, more, row, table_markup, text
from talktime.doors.admin.money_parts import (
    decline_of,
    of_file,
    refuse,
    rules_table,
    state,
    warn,
    words,
)
from talktime.doors.admin.page import Visit, page

if TYPE_CHECKING:
    from talktime.client.management.answers_money import Payment, PaymentMethod
    from talktime.client.management.answers_people import Eligibility, RuleOutcome
    from talktime.client.management.answers_previews import PurchasePreview

LOOK_S: Final = 2.0
"""Seconds between two looks at a payment that is not decided."""


@page("/tenants/{tenant}/credits/add", title="Add funds")
async def add_funds(at: Visit) -> None:
    """The form, or what became of the payment that the address names."""
    if at.query.get("payment") and at.may("see_receipts"):
        await _outcome(at, at.query["payment"])
        return
    if not (at.may("buy_credits") or at.may("fund_on_behalf")):
        refuse(at, "buy credits")
        return
    found = await at.tenant.eligibility()
    _eligibility(at, found)
    if at.may("buy_credits") and found.can_buy:
        await _purchase(at)
    if at.may("fund_on_behalf"):
        _on_behalf(at, found)


# --- may credits be bought ---------------------------------------------------------------------------------


def _eligibility(at: Visit, found: Eligibility) -> None:
    with card("Eligibility"):
        if found.can_buy:
            said("good", f"{at.name} may buy credits.")
            with ui.element("details").classes("tt-more"):
                ui.html("The rules, one by one", sanitize=False, tag="summary")
                rules_table(found)
        else:
            failed = sum(one.outcome == "failed" for one in found.rules)
            many = "one rule" if failed == 1 else f"{failed} rules"
            said("warning", f"{at.name} cannot buy credits now: {many} below failed.")
            rules_table(found)
            _remedies(at, [one for one in found.rules if one.outcome == "failed"])
        warn(found.warnings)


def _remedies(at: Visit, failed: list[RuleOutcome]) -> None:
    with row():
        if at.may("set_default_billing_account"):
            link("Billing accounts", at.link("billing"), as_button=True)
        if at.may("manage_support_tickets"):
            for one in failed:
                label = (
                    "Open a support ticket"
                    if len(failed) == 1
                    else f"Open a ticket: {words(one.rule).lower()}"
                )
                action(label, lambda rule=one.rule: _ticket(at, rule))  # type: ignore[misc]


async def _ticket(at: Visit, rule: str) -> None:
    made = await at.tenant.tickets.open(case=rule)
    tell_then(f"Ticket {made.id} is open: it says which rule failed and why.", at.link("tickets"))


# --- buying ------------------------------------------------------------------------------------------------


async def _purchase(at: Visit) -> None:
    methods = (await at.tenant.payment_methods.pages().first()).items
    with card("Buy credits"):
        if not methods:
            empty(
                "There is no card to pay with yet.",
                anchor("Add a card", at.link("credits/payment-methods"), as_button=True)
                if at.may("edit_payment_methods")
                else "",
            )
            return
        default = next((one.id for one in methods if one.default), methods[0].id)
        with ui.element("div").classes("tt-form"):
            amount = money_field("Amount", at.words.currency, at.query.get("amount", ""))
            method = select_field("Payment method", {one.id: card_name(one) for one in methods}, default)
            order = text_field("Purchase order (optional)", hint="Stands on the receipt.")

            async def priced() -> None:
                effect.clear()
                # What is bought is what was shown: its words are kept with its key.
                wanted = (amount.value.strip(), str(method.value), order.value.strip())
                seen = await at.tenant.credits.preview(
                    wanted[0], at.words.currency, method=wanted[1], purchase_order=wanted[2]
                )
                _effect(at, effect, seen, wanted)

            form = Form(
                priced, {"amount": amount, "method": method, "purchase_order": order}, label="Continue"
            )
            effect = ui.element("div").props("aria-live=polite").classes("tt-block")
            for field in (amount, method, order):
                field.on_value_change(effect.clear)
            on_enter(amount, form.press)


def card_name(method: PaymentMethod) -> str:
    """A card as people know it."""
    return f"{method.brand.capitalize()} {method.last4}, expires {method.expires}"


def _effect(at: Visit, place: ui.element, seen: PurchasePreview, wanted: tuple[str, str, str]) -> None:
    """What it comes to, and the button that pays. The key is made with it: pressed twice it buys once."""
    key = made_key()

    async def buy() -> None:
        amount, method, order = wanted
        try:
            made = await at.tenant.credits.buy(
                amount, at.words.currency, method=method, purchase_order=order, key=key
            )
        except ProblemError as error:
            if not error.location:
                raise
            # A declined payment is one too, and has an address.
            at.go(at.link("credits/add", payment=error.location.partition("/payments/")[2]))
            return
        at.go(at.link("credits/add", payment=made.payment))

    with place, card():
        if seen.is_test:
            said("note", "This is the sandbox: no real money moves.")
        text(" ".join(seen.says))
        pairs = [("Credits", at.money(seen.amount, seen.currency))]
        pairs += [
            (f"{one.name} {one.percent} % ({one.country})", at.money(one.tax, seen.currency))
            for one in seen.taxes
        ]
        facts([*pairs, ("The card pays", at.money(seen.gross, seen.currency))])
        for one in seen.taxes:
            if one.note:
                text(one.note, small=True)
        action(f"Pay {seen.currency} {seen.gross}", buy, is_main=True)


# --- what became of it -------------------------------------------------------------------------------------


async def _outcome(at: Visit, payment: str) -> None:
    """A payment by its address; looked at again and again until it is decided."""
    found = await at.tenant.payments.get(payment)
    with card():
        place = ui.element("div").props("aria-live=polite").classes("tt-block")
        with place:
            _stands(at, found)
        if found.state in DECIDED:
            return
        shown = {"state": found.state}

        async def look() -> None:
            now = await at.tenant.payments.get(payment)
            if now.state == shown["state"]:
                return
            shown["state"] = now.state
            place.clear()
            with place:
                _stands(at, now)
            if now.state in DECIDED:
                timer.deactivate()

        timer = live(LOOK_S, look)


def _stands(at: Visit, found: Payment) -> None:
    amount = at.money(found.amount, found.currency)
    if found.state == "settled":
        said("good", Markup("Paid with {}. Credits of {} are there.").format(found.method, amount))
    elif found.state == "declined":
        said("error", f"The payment was declined, and nothing was paid. {decline_of(found)}")
    elif found.url is not None:
        said("warning", "The holder of the card has to confirm this payment; until then nothing is paid.")
        _confirm(found.url)
        text("This page looks for the answer by itself.", small=True)
    elif found.state == "cancelled":
        said("warning", "The payment was cancelled, and nothing was paid.")
    else:
        said("note", "The bank has not decided yet. This page looks for the answer by itself.")
    facts(
        [
            ("State", state(found.state)),
            ("Credits", amount),
            ("The card pays", at.money(found.gross, found.currency)),
            ("Card", found.method),
            ("Payment", found.payment),
            ("Credits expire", at.day(found.expires_at)),
        ]
    )
    lines = [[at.when(line.at), line.says] for line in found.log]
    more("What happened to it", table_markup(["When", "What"], lines, "Log of the payment"))
    with row():
        link("Communication Credits", at.link("credits"), is_main=found.state == "settled", as_button=True)
        if found.paper is not None:
            link("Receipt (PDF)", of_file(at.tenant_id, "receipts", f"{found.paper}.pdf"), as_button=True)
        if found.state in ("declined", "cancelled") and at.may("buy_credits"):
            link("Try again", at.link("credits/add", amount=str(found.amount)), is_main=True)


def _confirm(url: str) -> None:
    made = Markup(
        '<p><a class="tt-button tt-main" href="{}" target="_blank" rel="noopener">Confirm the payment</a> '
        '<span class="tt-small">opens a page of the card\'s bank in a new window</span></p>'
    )
    ui.html(made.format(url), sanitize=False).classes("tt-block")


# --- a partner pays ----------------------------------------------------------------------------------------


def _on_behalf(at: Visit, found: Eligibility) -> None:
    with card("Fund on behalf of the customer"):
        if not found.partner_may_fund:
            said("warning", "Nothing here was bought through a partner, or another rule stands against it.")
            return
        key = made_key()
        with ui.element("div").classes("tt-form"):
            amount = money_field("Amount", at.words.currency)

            async def fund() -> None:
                wanted = amount.value.strip()
                sentence = (
                    f"{at.words.currency} {wanted} of credits are there at once, and you are billed for them."
                )
                if not await asked(f"Fund {at.name}?", sentence, "Fund", is_grave=False):
                    return
                made = await at.tenant.credits.fund_on_behalf(wanted, at.words.currency, key=key)
                tell_then(
                    f"Lot {made.lot} is open; the balance is {made.currency} {made.balance}.",
                    at.link("credits", view="lots"),
                )

            Form(fund, {"amount": amount}, label="Fund")
