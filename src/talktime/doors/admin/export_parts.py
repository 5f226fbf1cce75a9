"""Files of a report: ordered here, made in the background, fetched from here or from Downloads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from markupsafe import Markup
from nicegui import ui

from talktime.doors.admin.kit.act import action, live, tried
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import anchor, badge, link, row, text
from talktime.doors.admin.words import count

if TYPE_CHECKING:
    from talktime.client.management.answers_calls import Export
    from talktime.client.management.usage import ExportFormat, ExportKind
    from talktime.doors.admin.kit.show import Cell
    from talktime.doors.admin.visit import Visit

LABELS: Final[Mapping[ExportFormat, str]] = {"xlsx": "Export to Excel", "csv": "CSV", "parquet": "Parquet"}
FORMATS: Final[Mapping[str, str]] = {"xlsx": "Excel", "csv": "CSV", "parquet": "Parquet"}
KINDS: Final[Mapping[str, str]] = {
    "usage": "Usage of PSTN and SMS (preview)",
    "spend": "Spend",
    "pools": "Minute pools",
    "entries": "Journal entries",
    "movements": "Movements of credits",
}
"""Kinds of exports, as people call them; one that is not here is its own name."""

DONE: Final = "done"
ON_THE_WAY: Final = {"waiting": "waits for its turn", "running": "is being made"}
LOOK_S: Final = 1.0

_UNITS: Final = ("bytes", "kB", "MB", "GB")
_NEXT_UNIT: Final = 1_000


def export_part(at: Visit, kind: ExportKind, asked: Callable[[], Mapping[str, Any]]) -> None:
    """A button for each format; `asked` says of which calls when one is pressed."""
    if not at.may("export_usage"):
        return
    with row():
        for form, label in LABELS.items():
            action(label, _order(at, kind, form, asked, lambda: box))
        link("Downloads", at.link("exports"), as_button=True)
    box = ui.element("div").classes("tt-exports").props("role=status aria-live=polite")


def _order(
    at: Visit,
    kind: ExportKind,
    form: ExportFormat,
    asked: Callable[[], Mapping[str, Any]],
    box: Callable[[], ui.element],
) -> Callable[[], Any]:
    async def order() -> None:
        names = kind == "usage" and at.may("see_usage")
        ordered = await at.tenant.exports.order(kind, form, with_names=names, **asked())
        with box():
            _follow(at, ordered, ui.element("div"))

    return order


def _follow(at: Visit, ordered: Export, line: ui.element) -> None:
    """Looks after an export until it has become something; the page may be left meanwhile."""
    seen = {"state": ""}

    def draw(export: Export) -> None:
        if export.state == seen["state"]:
            return
        seen["state"] = export.state
        line.clear()
        with line:
            _line(at, export)

    async def look() -> None:
        draw(await at.tenant.exports.get(ordered.id))

    async def turn() -> None:
        if not await tried(look) or seen["state"] not in ON_THE_WAY:
            timer.cancel()

    draw(ordered)
    timer = live(LOOK_S, turn)


def _line(at: Visit, export: Export) -> None:
    name = f"{KINDS.get(export.kind, export.kind)}, {FORMATS.get(export.format, export.format)}"
    if export.state in ON_THE_WAY:
        text(f"{name}: {ON_THE_WAY[export.state]}. You can leave this page: the file comes to Downloads.")
        progress = ui.element("progress").classes("tt-progress")
        progress.props["aria-label"] = f"{name} {ON_THE_WAY[export.state]}"
    elif export.state == DONE:
        said("good", Markup("{}: {}").format(name, file_link(at, export)))
    else:
        said("error", f"{name}: {_why(export)}")


def _why(export: Export) -> str:
    said_why = export.error or f"it is {export.state}"
    return f"{said_why[:1].upper()}{said_why[1:]}."


def file_link(at: Visit, export: Export) -> Markup:
    """Where a file comes down, with its size."""
    address = f"/download/tenants/{quote(at.tenant_id, safe='')}/exports/{export.id}/file"
    rows = f"{count(export.rows or 0)} {'row' if export.rows == 1 else 'rows'}"
    return anchor(f"Download ({rows}, {size(export.bytes or 0)})", address)


def state_cell(at: Visit, export: Export) -> Cell:
    """What became of an export, in words."""
    if export.state == DONE:
        return file_link(at, export)
    if export.state in ON_THE_WAY:
        return badge(ON_THE_WAY[export.state].capitalize(), "warning")
    if export.error:
        return Markup("{} {}").format(badge(export.state.capitalize(), "error"), _why(export))
    return badge(export.state.capitalize())


def size(number: int) -> str:
    """Bytes for people, rounded down: 12 kB."""
    place = 0
    while number >= _NEXT_UNIT and place < len(_UNITS) - 1:
        number, place = number // _NEXT_UNIT, place + 1
    return f"{number} {_UNITS[place]}"


def span_cell(at: Visit, since: datetime | None, until: datetime | None) -> Cell:
    """The days of an export."""
    return Markup("{} to {}").format(at.when(since), at.when(until))
