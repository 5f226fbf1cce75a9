"""Billing > Your products: Communication Credits first, then the licences, each with where to go."""

from __future__ import annotations

import asyncio

from markupsafe import Markup

from talktime.doors.admin.kit.show import Cell, Column, anchor, badge, card, link, row, table, text
from talktime.doors.admin.money_parts import opened
from talktime.doors.admin.page import Visit, page
from talktime.doors.admin.words import count


@page("/tenants/{tenant}/products", title="Your products", needs="see_balance")
async def products(at: Visit) -> None:
    """What the organisation has."""
    credits, recharge, licences = await asyncio.gather(
        at.tenant.credits.get(), at.tenant.recharge.get(), at.tenant.licences()
    )
    stands = f"{opened(credits.mode_says)}; auto-recharge is {recharge.value.says}"
    first: list[Cell] = [
        anchor("Communication Credits", at.link("credits")),
        Markup("{} <span class='tt-small'>{}</span>").format(
            at.money(credits.balance, credits.currency), stands
        ),
        anchor("Billing settings", at.link("credits/auto-recharge"))
        if at.may("turn_auto_recharge_off")
        else anchor("Details", at.link("credits")),
    ]
    with card("Communication Credits"):
        table(["Product", "Balance and state", Column("", "action")], [first], "Communication Credits")
    with card("Licences"):
        may_see = at.may("see_users")
        where = at.link("licences") if may_see else at.link("billing")
        rows: list[list[Cell]] = [
            [
                Markup("{} <span class='tt-small'>{}</span>").format(one.name, one.plan),
                count(one.purchased),
                count(one.assigned),
                Markup("{} {}").format(count(one.left), badge("Too many assigned", "warning"))
                if one.left < 0
                else count(one.left),
                anchor(
                    Markup("{}<span class='tt-hidden'> of {}</span>").format(
                        "Assign" if may_see else "Billing account", one.name
                    ),
                    where,
                ),
            ]
            for one in licences
        ]
        table(
            [
                "Licence",
                Column("Bought", "figure"),
                Column("Assigned", "figure"),
                Column("Left", "figure"),
                Column("", "action"),
            ],
            rows,
            "Licences of the organisation",
            nothing="No licence has been bought or assigned yet. The Marketplace says what there is.",
        )
        if not at.may("see_rates"):
            return
        text(
            "What a licence includes, and which ones a feature needs, stands in the Marketplace.", small=True
        )
        with row():
            link("Marketplace", at.link("marketplace"), as_button=True)
