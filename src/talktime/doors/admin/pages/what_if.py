"""Analytics & reports > What if: usage that somebody brings, charged by other settings than today's."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from markupsafe import Markup

from talktime.client import ProblemError
from talktime.doors.admin.export_parts import size
from talktime.doors.admin.kit.act import action, grave
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import (
    Column,
    anchor,
    card,
    facts,
    link,
    more,
    row,
    table,
    table_markup,
    text,
)
from talktime.doors.admin.page import Visit, page
from talktime.doors.admin.usage_parts import (
    LISTED,
    ON_THE_WAY,
    STATES,
    bring,
    followed,
    sentence,
    waiting,
)
from talktime.doors.admin.what_if_form import Question
from talktime.doors.admin.what_if_result import result
from talktime.doors.admin.words import count

if TYPE_CHECKING:
    from talktime.client.management.answers_what_if import UsageFile, WhatIf, WhatIfLine
    from talktime.doors.admin.kit.show import Cell

SHOWN_FINDINGS: Final = 20


@page("/tenants/{tenant}/what-if", title="What if", needs="ask_what_if")
async def what_if(at: Visit) -> None:
    """Bring usage, say what to try; below it, what was asked before."""
    chosen = await _chosen(at)
    with card("1. Usage"):
        text("Bring usage, such as last month's, and see what it would have cost with other settings.")
        _bring(at)
        await _files(at, chosen)
    if chosen is not None:
        Question(at, chosen, await at.tenant.what_if.choices())
    await _asked(at)


@page("/tenants/{tenant}/what-if/{question}", title="What if", needs="ask_what_if", wide=True)
async def answer(at: Visit) -> None:
    """One question: how far it is, then its answer."""
    link("All questions", at.link("what-if"))

    def show(found: WhatIf) -> str:
        _shown(at, found)
        return found.state

    find = partial(at.tenant.what_if.get, at.path["question"])
    await followed(find, show, "There is no such question; it may have been removed.")


def _shown(at: Visit, found: WhatIf) -> None:
    if found.state in ON_THE_WAY:
        waiting(found.file_name, found.state, found.percent)
    elif found.result is None:
        said("error", sentence(found.error))
        link("Ask again", at.link("what-if", file=found.file), as_button=True)
    else:
        result(at, found, found.result)
        with row():
            link("Try something else on the same usage", at.link("what-if", file=found.file), as_button=True)
            tenant = quote(at.tenant_id, safe="")
            link("As Excel", f"/download/tenants/{tenant}/what-if/{found.id}/workbook", as_button=True)
            _remove_question(at, found.id)


def _remove_question(at: Visit, question: str) -> None:
    async def remove() -> None:
        await at.tenant.what_if.drop(question)
        at.go(at.link("what-if"))

    grave("Remove", "Remove this answer?", "Nobody can open its address any more.", remove)


# --- usage -------------------------------------------------------------------------------------------------


async def _chosen(at: Visit) -> UsageFile | None:
    """The file of the address; None where there is none, or it is over."""
    file = at.query.get("file", "")
    if not file:
        return None
    try:
        return await at.tenant.usage_files.get(file)
    except ProblemError as error:
        if error.status not in (400, 404):
            raise
        said(
            "warning",
            "That file is not kept any more: files are removed after a day. Bring it again.",
        )
        return None


def _bring(at: Visit) -> None:
    bring(at, "File of usage, at most 256 MB", lambda brought: at.link("what-if", file=brought))

    async def own() -> None:
        first, after = _last_month(at.today())
        kept = await at.tenant.usage_files.bring_own(
            since=at.words.midnight(first), until=at.words.midnight(after)
        )
        at.go(at.link("what-if", file=kept.id))

    with row():
        action("Use last month of this organisation", own)


def _last_month(today: date) -> tuple[date, date]:
    """The first day of last month, and the first of this one."""
    after = today.replace(day=1)
    return (after - timedelta(days=1)).replace(day=1), after


async def _files(at: Visit, chosen: UsageFile | None) -> None:
    """What is kept, with the one that was chosen in detail."""
    kept = await at.tenant.usage_files.all()
    if chosen is not None:
        _seen(at, chosen)
    others = [one for one in kept if chosen is None or one.id != chosen.id]
    if others:
        heads = [Column("File"), Column("Calls", "figure"), Column("Of"), Column("Kept until", "time")]
        table(heads, [_file_cells(at, one) for one in others], "Files that are kept", shows_caption=True)


def _file_cells(at: Visit, one: UsageFile) -> list[Cell]:
    return [
        anchor(one.name, at.link("what-if", file=one.id)),
        count(one.rows),
        _days(at, one),
        at.when(one.expires_at),
    ]


def _days(at: Visit, one: UsageFile) -> Markup:
    return Markup("{} to {}").format(at.day(one.from_), at.day(one.until))


def _seen(at: Visit, one: UsageFile) -> None:
    said("good", f"{one.name}: {count(one.rows)} calls can be charged.")
    facts(
        [
            ("Format", ", ".join(one.formats).replace("_", " ")),
            ("Calls of", _days(at, one)),
            ("Rows set aside", count(one.rejected_rows)),
            ("Size", size(one.bytes)),
            ("Kept until", at.when(one.expires_at)),
        ]
    )
    if one.findings:
        rows: list[list[Cell]] = [
            [str(each.line) if each.line else "all", each.text] for each in one.findings[:SHOWN_FINDINGS]
        ]
        heads = [Column("Line", "figure"), Column("Finding")]
        more("What was found in it", table_markup(heads, rows, "What was found in the file"))

    async def remove() -> None:
        await at.tenant.usage_files.drop(one.id)
        at.go(at.link("what-if"))

    with row():
        grave("Remove this file", "Remove this file?", "Answers that were made of it stay.", remove)


# --- earlier questions -------------------------------------------------------------------------------------


async def _asked(at: Visit) -> None:
    found = await at.tenant.what_if.pages(limit=LISTED).first()
    with card("Earlier questions"):
        heads: list[Column | str] = ["Scenarios", "Usage", "Asked by", Column("Asked", "time"), "State"]
        table(
            heads,
            [_line(at, one) for one in found.items],
            "Earlier questions",
            nothing="Nothing was asked yet. Bring a file of usage above, and say what to try on it.",
        )


def _line(at: Visit, one: WhatIfLine) -> list[Cell]:
    return [
        anchor(", ".join(one.names), at.link("what-if", one.id)),
        one.file_name,
        one.asked_by,
        at.when(one.asked_at),
        STATES.get(one.state, one.state),
    ]
