"""Invoices: what was billed after use, month by month, as PDF and for bookkeeping."""

from __future__ import annotations

from markupsafe import Markup

from talktime.doors.admin.kit.show import Column, anchor, card, pager, table, text
from talktime.doors.admin.money_parts import PAGE, of_file, paper
from talktime.doors.admin.page import Visit, page


@page("/tenants/{tenant}/invoices", title="Invoices", needs="see_invoices")
async def invoices(at: Visit) -> None:
    """The invoices, newest first."""
    cursor = at.query.get("cursor", "")
    found = await at.tenant.invoices.pages(limit=PAGE, cursor=cursor).first()
    with card():
        table(
            [
                "Number (PDF)",
                "Month",
                Column("Issued", "time"),
                Column("Net", "figure"),
                Column("Total", "figure"),
                "For bookkeeping",
            ],
            [
                [
                    paper(at, "invoices", one.number),
                    one.month,
                    at.day(one.issued),
                    at.money(one.net, one.currency),
                    at.money(one.gross, one.currency),
                    Markup('<a href="{}" download>CSV<span class="tt-hidden"> of {}</span></a>').format(
                        of_file(at.tenant_id, "invoices", f"{one.number}.csv"), one.number
                    ),
                ]
                for one in found.items
            ],
            "Invoices, newest first",
            nothing="There is no invoice yet: only calls billed after use (post-usage) are invoiced.",
        )
        pager(at.here(cursor=None) if cursor else "", at.here(cursor=found.next) if found.next else "")
        how = anchor("Billing accounts", at.link("billing"))
        text(Markup("How calls are billed: {}.").format(how), small=True)
