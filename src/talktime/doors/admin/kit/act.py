"""What does something: buttons that run once, dialogs that ask before, what the API answered in words."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from nicegui import ui

from talktime.client import ProblemError, UnavailableError
from talktime.doors.admin.transport import BY_ITSELF

Do = Callable[[], Awaitable[None]]

AWAY: Final = "Nobody answered in time: nobody knows whether this was done. Load the page again and look."
CHANGED: Final = "changed_meanwhile"
MEANWHILE: Final = (
    "Somebody else changed this while you were looking at it. Load the page again, look, and decide anew: "
    "nothing of yours was saved."
)

log = logging.getLogger(__name__)


def words_of(error: ProblemError | UnavailableError) -> str:
    """What a person is told of a refusal."""
    if isinstance(error, UnavailableError):
        return AWAY
    if error.code == CHANGED:
        return MEANWHILE
    sentences = error.faults or (error.detail,)
    return " ".join(_sentence(each) for each in sentences)


def _sentence(said: str) -> str:
    shown = said[:1].upper() + said[1:]
    return shown if shown.endswith((".", "!", "?")) else f"{shown}."


def tell(sentence: str, kind: str = "positive") -> None:
    """A short word at the edge of the window, read out too. kind: positive, warning, negative."""
    ui.notify(sentence, type=kind, position="bottom", timeout=8000 if kind == "negative" else 4000)  # type: ignore[arg-type]


def tell_then(sentence: str, address: str) -> None:
    """Leaves for another address, whose page says the sentence: a word said here would go with this page."""
    said, there = json.dumps(sentence), json.dumps(address)
    ui.run_javascript(f"sessionStorage.setItem('tt-said', {said}); location.assign({there})")


async def tried(do: Do) -> bool:
    """Runs what may be refused; says why where it is. True where it was done."""
    try:
        await do()
    except ProblemError as error:
        if error.status == 401:
            ui.navigate.to("/sign-in")
            return False
        tell(words_of(error), "negative")
        return False
    except UnavailableError as error:
        tell(words_of(error), "negative")
        return False
    return True


def action(label: str, do: Do, *, is_main: bool = False, is_grave: bool = False, icon: str = "") -> ui.button:
    """A button; while it works it takes no second press."""

    async def pressed() -> None:
        if not made.enabled:
            return
        made.disable()
        try:
            await tried(do)
        finally:
            if not made.is_deleted:
                made.enable()

    made = ui.button(label, on_click=pressed, icon=icon or None)
    made.props("no-caps unelevated" if is_main or is_grave else "no-caps outline")
    if is_grave:
        made.props("color=negative")
    return made


async def asked(title: str, sentence: str, yes: str, *, is_grave: bool = True) -> bool:
    """Asks before what cannot be undone; the answer that does nothing has the focus."""
    with _dialog(title) as dialog, ui.card().classes("tt-dialog"):
        ui.label(title).classes("tt-dialog-title").props("role=heading aria-level=2")
        ui.label(sentence)
        with ui.element("div").classes("tt-row tt-end"):
            ui.button("Cancel", on_click=lambda: dialog.submit(False)).props("no-caps outline autofocus")
            done = ui.button(yes, on_click=lambda: dialog.submit(True)).props("no-caps unelevated")
            if is_grave:
                done.props("color=negative")
    answer = await dialog
    dialog.delete()
    return bool(answer)


def grave(label: str, title: str, sentence: str, do: Do, *, yes: str = "", icon: str = "") -> ui.button:
    """A button for what cannot be undone: it asks first."""

    async def ask_first() -> None:
        if await asked(title, sentence, yes or label):
            await do()

    return action(label, ask_first, icon=icon)


def _dialog(title: str) -> ui.dialog:
    """A dialog that is read out as `title`.

    Words from outside go into single properties: `props("...")` reads its text as a list of them, and a
    browser runs the value of one whose name begins with a colon.
    """
    made = ui.dialog()
    made.props["aria-label"] = title
    return made


def secret_once(title: str, sentence: str, secret: str) -> None:
    """Shows what nobody can read again, with a button that copies it."""
    dialog = _dialog(title).props("persistent")

    def forget() -> None:
        dialog.close()
        dialog.delete()  # else it stood in the page, and in our memory, for as long as the page is open

    with dialog, ui.card().classes("tt-dialog"):
        ui.label(title).classes("tt-dialog-title").props("role=heading aria-level=2")
        ui.label(sentence)
        ui.input("Copy this now", value=secret).props("readonly outlined dense").classes("tt-secret")
        with ui.element("div").classes("tt-row tt-end"):
            ui.button("Copy", on_click=lambda: ui.clipboard.write(secret)).props("no-caps outline")
            ui.button("I have kept it", on_click=forget).props("no-caps unelevated")
    dialog.open()


def live(every_s: float, look: Do) -> ui.timer:
    """Looks again and again while the page is seen; a hidden page costs nothing."""
    state = {"seen": True}

    async def turn() -> None:
        if state["seen"]:
            BY_ITSELF.set(True)  # this turn's own: a timer begins each one in a task of its own
            await look()

    timer = ui.timer(every_s, turn, immediate=False)

    def changed(event: object) -> None:
        state["seen"] = bool(getattr(event, "args", True))

    ui.on("talktime_seen", changed)
    ui.run_javascript(
        "document.addEventListener('visibilitychange',"
        "() => emitEvent('talktime_seen', document.visibilityState === 'visible'))"
    )
    return timer
