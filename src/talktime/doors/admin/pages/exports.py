"""Analytics & reports > Downloads: the files that were ordered, and what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from talktime.catalog.overview import category_name
from talktime.doors.admin.export_parts import FORMATS, KINDS, ON_THE_WAY, span_cell, state_cell
from talktime.doors.admin.kit.act import live
from talktime.doors.admin.kit.show import Cell, Column, card, pager, table, text
from talktime.doors.admin.page import Visit, page
from talktime.doors.admin.report_columns import country_words

if TYPE_CHECKING:
    from talktime.client.management.answers_calls import Export

LISTED = 50
LOOK_S = 2.0


@page("/tenants/{tenant}/exports", title="Downloads", needs="export_usage", wide=True)
async def exports(at: Visit) -> None:
    """The list, looked at again while a file is being made."""
    with card():
        text("A file is kept for seven days. Who may not see names gets files without them.", small=True)
        box = ui.element("div")
    waiting = await _list(at, box)
    if not waiting:
        return

    async def look() -> None:
        if not await _list(at, box):
            timer.cancel()

    timer = live(LOOK_S, look)


async def _list(at: Visit, box: ui.element) -> bool:
    """Draws the list; whether something is still on its way."""
    cursor = at.query.get("cursor", "")
    found = await at.tenant.exports.pages(limit=LISTED, cursor=cursor).first()
    box.clear()
    with box:
        table(
            [
                "Report",
                "Format",
                "Of",
                "Calls",
                "Names",
                "Ordered by",
                Column("Ordered", "time"),
                "File",
                Column("Kept until", "time"),
            ],
            [_cells(at, each) for each in found.items],
            "Downloads",
            nothing="Nothing was exported yet. Open Usage reports, run a report and press Export to Excel.",
        )
        pager(
            at.link("exports") if cursor else "",
            at.link("exports", cursor=str(found.next)) if found.next else "",
        )
    return any(each.state in ON_THE_WAY for each in found.items)


def _cells(at: Visit, export: Export) -> list[Cell]:
    return [
        KINDS.get(export.kind, export.kind),
        FORMATS.get(export.format, export.format),
        span_cell(at, export.from_, export.until),
        _filters(export),
        "with" if export.with_names else "without",
        export.asked_by,
        at.when(export.asked_at),
        state_cell(at, export),
        at.when(export.expires_at),
    ]


def _filters(export: Export) -> str:
    said = (
        export.user,
        export.call_type,
        category_name(export.category) if export.category else "",
        country_words(export.country) if export.country else "",
    )
    return ", ".join(filter(None, said)) or "all"
