"""Analytics & reports > Spend: what calls cost by category, country, user, service number and cost centre."""

from __future__ import annotations

from nicegui import ui

from talktime.doors.admin.export_parts import export_part
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import card, tabs
from talktime.doors.admin.page import Visit, page
from talktime.doors.admin.report_choice import Choice, WrongSpanError, choice_of
from talktime.doors.admin.report_parts import (
    GROUPINGS,
    Grouping,
    afterwards,
    filled,
    lines_chart,
    lines_part,
    report_form,
    sums_part,
)


@page("/tenants/{tenant}/spend", title="Spend", needs="see_usage_without_names")
async def spend(at: Visit) -> None:
    """The form, the sums, a tab for each thing."""
    choice = Choice(*_span(choice_of(at)))
    chosen = next((each for each in GROUPINGS if each.by == at.query.get("by")), GROUPINGS[0])
    with card():
        report_form(at, "spend", choice)
    try:
        asked, days = choice.asked(at.words), choice.said(at.words)
    except WrongSpanError as error:
        said("warning", str(error))
        return
    with card(days):
        sums = ui.element("div")
        export_part(at, "spend", lambda: {key: asked[key] for key in ("since", "until")})
    with card():
        tabs("Spend by", [_tab(at, choice, each, chosen) for each in GROUPINGS])
        lines = ui.element("div")

    async def draw() -> None:
        found = await at.tenant.usage.spend(chosen.by, **asked)
        with sums:
            sums_part(at, found.total, found.currency)
        with lines:
            lines_chart(chosen, found.lines, found.currency)
            lines_part(at, choice, chosen, found)

    afterwards(lambda: filled(lines, draw))


def _span(choice: Choice) -> tuple[str, str, str]:
    """Spend is of all calls: filters belong to the usage report."""
    return choice.range, choice.since, choice.until


def _tab(at: Visit, choice: Choice, grouping: Grouping, chosen: Grouping) -> tuple[str, str, bool]:
    return grouping.tab, at.link("spend", by=grouping.by, **choice.query), grouping is chosen
