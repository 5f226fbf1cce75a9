"""Calls in progress as they are now: a table that looks again every few seconds while somebody sees it.

A row stays the same row while its call goes on, so that a button keeps the focus; ending a call, and
releasing what a stuck one holds, ask first. Home and the page of the calls show the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from markupsafe import Markup
from nicegui import ui

from talktime.catalog.overview import load_overview
from talktime.client import ProblemError, UnavailableError
from talktime.doors.admin.kit.act import action, asked, live, tell, words_of
from talktime.doors.admin.kit.fields import Form, text_field
from talktime.doors.admin.kit.show import Cell, anchor, empty
from talktime.doors.admin.words import count, minutes

if TYPE_CHECKING:
    from talktime.client.management.answers_calls import CallInProgress, EndedCall
    from talktime.doors.admin.visit import Visit

EVERY_S: Final = 2.5
"""Seconds between two looks."""

MOST: Final = 200
"""Calls that the page shows; whoever has more sees those first that would be lost first."""

HTTP_SIGNED_OUT: Final = 401

SIDE: Final = "flex-wrap:nowrap; justify-content:flex-end; margin:0"

HEAD: Final = (
    ("User or service", "text"),
    ("To", "time"),
    ("Kind of call", "text"),
    ("Since", "time"),
    ("Used of granted", "figure"),
    ("Held", "figure"),
    ("Lost at", "time"),
)
SAYS: Final = (
    "The call is charged and its reservation released. The switch is not told: it is refused when it asks for"
    " more. Should its own end come later, that corrects the charge."
)
RELEASES: Final = (
    "The call is charged for the last report of the switch, for nothing where there was none, and what it"
    " holds is released. Do this where a switch will not end the call itself."
)


def category_words(category: str) -> str:
    """A category of calls as people call it."""
    return load_overview().calls.get(category, category.replace("_", " ").capitalize())


class LiveCalls:
    """The table; `most`: rows that are shown."""

    def __init__(self, at: Visit, *, most: int = MOST) -> None:
        self._at = at
        self._most = most
        self._rows: dict[str, _Row] = {}
        with ui.element("div").classes("tt-block") as self._place:
            self._said = ui.html("", sanitize=False).props("role=status").classes("tt-block")
            with (
                ui.element("div")
                .classes("tt-scroll")
                .props('tabindex=0 role=region aria-label="Calls in progress"') as self._scroll,
                ui.element("table"),
            ):
                with ui.element("caption").classes("tt-hidden"):
                    ui.html(
                        "Calls in progress, those first that would be lost first", sanitize=False, tag="span"
                    )
                with ui.element("thead"), ui.element("tr"):
                    self._heads()
                self._body = ui.element("tbody")
            self._none = empty("Nobody is on the telephone right now.")

    def _heads(self) -> None:
        for label, kind in (*HEAD, *((("Actions", "action"),) if self._at.may("end_calls") else ())):
            with ui.element("th").props("scope=col").classes(f"tt-{kind}"):
                ui.html(Markup("{}").format(label), sanitize=False, tag="span")

    async def begin(self) -> None:
        """Shows the calls, and goes on looking while the page is seen."""
        await self.look()
        live(EVERY_S, self._look_again)

    async def _look_again(self) -> None:
        """A look that nobody asked for: what goes wrong is said in its place, not in a window each time."""
        try:
            await self.look()
        except (ProblemError, UnavailableError) as error:
            if isinstance(error, ProblemError) and error.status == HTTP_SIGNED_OUT:
                ui.navigate.to("/sign-in")
                return
            self._say(f"These are the calls of before: {words_of(error)}")

    async def look(self) -> None:
        """Shows the calls as they are now."""
        found = await self._at.tenant.calls.in_progress(limit=MOST)
        shown = {call.call_id: call for call in found[: self._most]}
        for call_id in [one for one in self._rows if one not in shown]:
            self._rows.pop(call_id).remove()
        for call_id, call in shown.items():
            row = self._rows.get(call_id)
            if row is None:
                with self._body:
                    self._rows[call_id] = _Row(self._at, call, self.look)
            else:
                row.show(call)
        self._scroll.set_visibility(bool(shown))
        self._none.set_visibility(not shown)
        self._tell(len(found), len(shown))

    def _tell(self, number: int, shown: int) -> None:
        """How many there are, said only when it changes: it is read out."""
        known = f"{count(number)} or more" if number == MOST else count(number)
        words = f"{known} {'call' if number == 1 else 'calls'} in progress"
        self._say(f"{words}{f', the first {shown} below' if shown < number else ''}." if number else "")

    def _say(self, sentence: str) -> None:
        said = str(Markup("<p>{}</p>").format(sentence)) if sentence else ""
        if self._said.content != said:
            self._said.content = said


class _Row:
    """A call: its cells, whose words change, and its buttons, which stay."""

    def __init__(self, at: Visit, call: CallInProgress, look: Callable[[], Awaitable[None]]) -> None:
        self._at = at
        self._call_id = call.call_id
        self._look = look
        with ui.element("tr") as self._row:
            self._cells = [
                _cell(kind, value) for (_, kind), value in zip(HEAD, self._values(call), strict=True)
            ]
            if at.may("end_calls"):
                with ui.element("td").classes("tt-action"), ui.element("div").classes("tt-row").style(SIDE):
                    _named(action("End", self._end), f"End call {call.call_id}")
                    _named(action("Release", self._release), f"Release what call {call.call_id} holds")

    def show(self, call: CallInProgress) -> None:
        """The figures as they are now."""
        for cell, value in zip(self._cells, self._values(call), strict=True):
            text = str(Markup("{}").format(value))
            if cell.content != text:
                cell.content = text

    def remove(self) -> None:
        """The call is over."""
        self._row.delete()

    def _values(self, call: CallInProgress) -> list[Cell]:
        at = self._at
        used = f"{minutes(call.used_seconds)} of {minutes(call.granted_seconds)}"
        return [
            anchor(call.user or call.service_number or call.call_id, at.link("calls", call.call_id)),
            call.callee,
            category_words(call.category),
            _clock(at, call.started_at),
            used,
            at.money(call.reserved),
            _clock(at, call.due_at),
        ]

    async def _end(self) -> None:
        await end_asked(self._at, self._call_id, self._look)

    async def _release(self) -> None:
        await release_asked(self._at, self._call_id, self._look)


def _cell(kind: str, value: Cell) -> ui.html:
    with ui.element("td").classes(f"tt-{kind}").style("min-width:130px" if kind == "text" else ""):
        return ui.html(Markup("{}").format(value), sanitize=False, tag="span")


def _clock(at: Visit, instant: datetime | None) -> Markup:
    """The time of day on the tenant's clocks, with the day where it is another one; UTC on hover."""
    if instant is None:
        return Markup("—")
    here, utc = at.words.local(instant), instant.astimezone(UTC)
    day = "" if here.date() == at.today() else f"{here.day} {here:%b}, "
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        utc.isoformat(), f"{utc:%Y-%m-%d %H:%M:%S}", f"{day}{here:%H:%M}"
    )


def _named(button: ui.button, name: str) -> None:
    """A name that tells the buttons of a table apart."""
    button.props["aria-label"] = name
    button.props["padding"] = "3px 10px"


async def end_asked(at: Visit, call_id: str, then: Callable[[], Awaitable[None]]) -> None:
    """Asks how long a call took, and ends it."""
    with ui.dialog().props('aria-label="End this call"') as dialog, ui.card().classes("tt-dialog"):
        ui.label("End this call?").classes("tt-dialog-title").props("role=heading aria-level=2")
        ui.label(SAYS)
        field = text_field("Length in seconds", hint="Empty: the last report of the switch counts.")
        field.props("inputmode=numeric autofocus")

        async def done() -> None:
            written = (field.value or "").strip()
            if written and not (written.isascii() and written.isdigit()):
                form.refuse("Write whole seconds, such as 61.", "duration_seconds")
                return
            ended = await at.tenant.calls.end(call_id, duration_seconds=int(written) if written else None)
            dialog.submit(ended)

        with ui.element("div").classes("tt-row tt-end"):
            ui.button("Cancel", on_click=lambda: dialog.submit(None)).props("no-caps outline")
            form = Form(done, {"duration_seconds": field}, label="End the call", is_grave=True)
    ended: EndedCall | None = await dialog
    dialog.delete()
    if ended is not None:
        _told(ended)
        await then()


async def release_asked(at: Visit, call_id: str, then: Callable[[], Awaitable[None]]) -> None:
    """Asks, and releases what a stuck call holds."""
    if await asked("Release this call?", RELEASES, "Release"):
        _told(await at.tenant.calls.release(call_id))
        await then()


def _told(ended: EndedCall) -> None:
    cost = f"{ended.amount} {ended.currency}" if ended.amount else "nothing"
    tell(f"The call is over: {minutes(ended.billed_seconds)} were charged, {cost}.")
