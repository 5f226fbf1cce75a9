"""Analytics & reports > Planner: what to buy, which plan for whom, when the money runs out."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from talktime.doors.admin.kit.act import action, grave
from talktime.doors.admin.kit.fields import check_box, select_field
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import Column, anchor, card, heading, link, row, table, text
from talktime.doors.admin.page import Visit, page
from talktime.doors.admin.planner_form import PlanQuestion
from talktime.doors.admin.planner_result import result
from talktime.doors.admin.usage_parts import (
    LISTED,
    ON_THE_WAY,
    STATES,
    bring,
    followed,
    sentence,
    waiting,
)
from talktime.doors.admin.words import count

if TYPE_CHECKING:
    from collections.abc import Iterable

    from talktime.client.management.answers_plan import Plan, PlanFile, PlanLine
    from talktime.client.management.answers_what_if import UsageFile
    from talktime.doors.admin.kit.show import Cell

SPANS: Final = {
    "1": "the last month",
    "3": "the last 3 months",
    "6": "the last 6 months",
    "12": "the last year",
}
USUAL_SPAN: Final = "6"


@page("/tenants/{tenant}/planner", title="Planner", needs="ask_what_if")
async def planner(at: Visit) -> None:
    """Bring usage or take one's own, choose settings; below it, what was asked before."""
    kept = await at.tenant.usage_files.all()
    named = at.query.get("files", "").split(".")
    chosen = [one for one in kept if one.id in named]
    with card("1. Usage"):
        text(
            "From some months of usage: what to buy, which plan for whom, and when the money runs out. "
            "Two months or more make the answer surer."
        )
        _own(at, kept, chosen)
        bring(at, "Or bring a file of usage, at most 256 MB", lambda brought: _with(at, chosen, brought))
        _kept(at, kept, chosen)
    if chosen:
        PlanQuestion(at, chosen, await at.tenant.planner.choices())
    await _asked(at)


@page("/tenants/{tenant}/planner/{plan}", title="Planner", needs="ask_what_if", wide=True)
async def answer(at: Visit) -> None:
    """One question: how far it is, then its answer."""
    link("All plans", at.link("planner"))

    def show(found: Plan) -> str:
        _shown(at, found)
        return found.state

    find = partial(at.tenant.planner.get, at.path["plan"])
    await followed(find, show, "There is no such plan; it may have been removed.")


def _shown(at: Visit, found: Plan) -> None:
    again = at.link("planner", files=".".join(one.id for one in found.files))
    if found.state in ON_THE_WAY:
        waiting(f"A plan from {_names(found.files)}", found.state, found.percent)
    elif found.result is None:
        said("error", sentence(found.error))
        link("Ask again", again, as_button=True)
    else:
        result(at, found, found.result)
        with row():
            link("Ask again on the same usage", again, as_button=True)
            _remove(at, found.id)


def _names(files: tuple[PlanFile, ...]) -> str:
    return ", ".join(one.name for one in files)


def _remove(at: Visit, plan: str) -> None:
    async def remove() -> None:
        await at.tenant.planner.drop(plan)
        at.go(at.link("planner"))

    grave("Remove", "Remove this plan?", "Nobody can open its address any more.", remove)


# --- usage -------------------------------------------------------------------------------------------------


def _with(at: Visit, chosen: list[UsageFile], *others: str) -> str:
    """The address of the page with some files chosen."""
    return at.link("planner", files=".".join((*(one.id for one in chosen), *others)))


def _own(at: Visit, kept: tuple[UsageFile, ...], chosen: list[UsageFile]) -> None:
    """The organisation's own calls by one button; up to now, so that the forecast knows the last days.

    Pressed again it chooses the file that is there where no call came since, else the new one in its place.
    """

    async def own() -> None:
        first = _months_before(at.today(), int(str(span.value)))
        brought = await at.tenant.usage_files.bring_own(since=at.words.midnight(first))
        there = same_file(kept, brought)
        if there is not None:
            await at.tenant.usage_files.drop(brought.id)
        others = [one for one in chosen if one.name != brought.name]
        at.go(_with(at, others, (there or brought).id))

    with row():
        span = select_field("Calls of this organisation", SPANS, USUAL_SPAN)
        action("Use these months", own, is_main=not chosen)


def same_file(kept: Iterable[UsageFile], brought: UsageFile) -> UsageFile | None:
    """A kept file with the name and the calls of one that was just brought."""
    return next((one for one in kept if _holds(one) == _holds(brought) and one.id != brought.id), None)


def _holds(file: UsageFile) -> tuple[object, ...]:
    return file.name, file.rows, file.from_, file.until


def _months_before(today: date, months: int) -> date:
    """The first day of the month so many months ago."""
    number = today.year * 12 + today.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


def _day(at: Visit, instant: datetime | None) -> str:
    if instant is None:
        return "?"
    here = at.words.local(instant)
    return f"{here.day} {here:%b %Y}"


def _go(at: Visit, there: str, _: object) -> None:
    at.go(there)


def _kept(at: Visit, kept: tuple[UsageFile, ...], chosen: list[UsageFile]) -> None:
    """The files that are kept, each with a box: those that are chosen are looked at together."""
    if not kept:
        return
    heading("Files to look at, together")
    for one in kept:
        is_chosen = one in chosen
        others = [each for each in chosen if each.id != one.id]
        there = _with(at, others, *(() if is_chosen else (one.id,)))
        words = f"{one.name}: {count(one.rows)} calls, {_day(at, one.from_)} to {_day(at, one.until)}"
        check_box(words, value=is_chosen, on_change=partial(_go, at, there))
    if not chosen:
        said("note", "Choose at least one file.")


# --- earlier questions -------------------------------------------------------------------------------------


async def _asked(at: Visit) -> None:
    found = await at.tenant.planner.pages(limit=LISTED).first()
    with card("Earlier plans"):
        heads: list[Column | str] = ["Usage", "Asked by", Column("Asked", "time"), "State"]
        table(
            heads,
            [_line(at, one) for one in found.items],
            "Earlier plans",
            nothing="Nothing was asked yet. Choose usage above, and have it worked out.",
        )


def _line(at: Visit, one: PlanLine) -> list[Cell]:
    return [
        anchor(_names(one.files), at.link("planner", one.id)),
        one.asked_by,
        at.when(one.asked_at),
        STATES.get(one.state, one.state),
    ]
