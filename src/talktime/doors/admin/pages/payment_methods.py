"""Payment methods: the cards that pay, the one that pays where none is named, and a new one.

A card is never typed into this product: its gateway keeps it. The sandbox takes test cards, which stand here.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from markupsafe import Markup
from nicegui import ui

from talktime.doors.admin.kit.act import action, asked, tell_then
from talktime.doors.admin.kit.fields import Form, on_enter, select_field, text_field
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import badge, card, empty, link, more, row, table_markup, text
from talktime.doors.admin.page import Visit, page

if TYPE_CHECKING:
    from talktime.client.management.answers_money import PaymentMethod
    from talktime.client.management.answers_previews import CardWay


@page("/tenants/{tenant}/credits/payment-methods", title="Payment methods", needs="edit_payment_methods")
async def payment_methods(at: Visit) -> None:
    """The cards, and the form for another one."""
    listed, ways = await asyncio.gather(
        at.tenant.payment_methods.pages().first(), at.tenant.payment_methods.gateways()
    )
    with card("Cards"):
        if not listed.items:
            empty("There is no card yet. Add one below; the first one becomes the default.")
        for method in listed.items:
            _card(at, method)
    if ways:
        _new(at, ways)
    else:
        said("note", "No gateway is set up here: nothing is paid by card.")


def _card(at: Visit, method: PaymentMethod) -> None:
    marks = Markup(" ").join(
        mark
        for is_so, mark in (
            (method.default, badge("Default", "good")),
            (method.pays_recharge, badge("Pays auto-recharge")),
        )
        if is_so
    )
    name = f"{method.brand.capitalize()} {method.last4}"
    with ui.element("div").classes("tt-row tt-line"):
        line = Markup("<strong>{}</strong> <span class='tt-small'>expires {}, kept by {}</span> {}")
        ui.html(line.format(name, method.expires, method.gateway, marks), sanitize=False)
        if not method.default:
            action(f"Make {name} the default", lambda: _default(at, method.id, name))
        action(f"Remove {name}", lambda: _remove(at, method.id, name))


async def _default(at: Visit, method: str, name: str) -> None:
    await at.tenant.payment_methods.make_default(method)
    tell_then(f"{name} pays where no other card is named.", at.here())


async def _remove(at: Visit, method: str, name: str) -> None:
    sentence = "Payments of before stay as they are; to pay with this card again it has to be added again."
    if await asked(f"Remove {name}?", sentence, "Remove"):
        await at.tenant.payment_methods.remove(method)
        tell_then(f"{name} is removed.", at.here())


def _new(at: Visit, ways: tuple[CardWay, ...]) -> None:
    with card("Add a card"), ui.element("div").classes("tt-form"):
        gateways = {one.gateway: one.gateway.capitalize() for one in ways}
        gateway = None
        if len(ways) > 1:
            gateway = select_field("Kept by", gateways, ways[0].gateway)
        for way in ways:
            text(way.says)
        source = text_field("Card", hint="A test card's number, or the word that the gateway gave.")
        source.props("autocomplete=off")

        async def add() -> None:
            chosen = ways[0].gateway if gateway is None else str(gateway.value)
            made = await at.tenant.payment_methods.add(source.value.strip(), gateway=chosen)
            tell_then(f"{made.brand.capitalize()} {made.last4} is added.", at.here())

        form = Form(add, {"source": source}, label="Add the card")
        on_enter(source, form.press)
        for way in ways:
            if way.sources:
                rows = [[one.source, one.brand.capitalize(), one.says] for one in way.sources]
                marked = table_markup(["Number", "Brand", "What becomes of it"], rows, "Test cards")
                more("Test cards of the sandbox", marked)
    with row():
        link("Communication Credits", at.link("credits"), as_button=True)
