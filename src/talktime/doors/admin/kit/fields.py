"""Fields with labels, and forms that say at the field what is wrong with it.

The API judges what is written; a form only carries its sentence to the field that the problem points at.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final, TypeVar

from nicegui import ui
from nicegui.elements.mixins.validation_element import ValidationElement
from nicegui.events import GenericEventArguments

from talktime.client import ProblemError, UnavailableError
from talktime.doors.admin.kit.act import words_of

Field = ValidationElement
T = TypeVar("T", bound=ui.element)

LOOK: Final = "outlined dense hide-bottom-space"


def text_field(label: str, value: str = "", *, hint: str = "", secret: bool = False) -> ui.input:
    """A line of text."""
    made = ui.input(label, value=value, password=secret).props(LOOK).classes("tt-field")
    return _hinted(made, hint)


def on_enter(field: ui.input, do: Callable[[], Awaitable[None]], *, also_when_left: bool = False) -> None:
    """Runs `do` when Enter is pressed in a field, or with `also_when_left` when the focus leaves it.

    The field's value is then what stood there: a browser may tell of a change after the key that follows it.
    """

    async def done(event: GenericEventArguments) -> None:
        if isinstance(event.args, str) and event.args != (field.value or ""):
            field.value = event.args
        await do()

    told = f"() => emit(getHtmlElement({field.id}).value)"
    for moment in ("keydown.enter", "blur") if also_when_left else ("keydown.enter",):
        field.on(moment, done, js_handler=told)


def long_field(label: str, value: str = "", *, hint: str = "") -> ui.textarea:
    """Several lines of text."""
    made = ui.textarea(label, value=value).props(f"{LOOK} autogrow").classes("tt-field tt-long")
    return _hinted(made, hint)


def money_field(label: str, currency: str, value: str = "", *, hint: str = "") -> ui.input:
    """An amount as it is written, with the currency beside it; never a float on its way."""
    made = ui.input(label, value=value).props(f"{LOOK} inputmode=decimal autocomplete=off")
    made.props["suffix"] = currency
    made.classes("tt-field")
    return _hinted(made, hint)


def select_field(
    label: str,
    options: Mapping[str, str] | Sequence[str],
    value: str | Sequence[str] | None = None,
    *,
    several: bool = False,
    on_change: Callable[[Any], Any] | None = None,
) -> ui.select:
    """One of several, or several of them; options by what is kept -> what is shown."""
    shown = dict(options) if isinstance(options, Mapping) else {each: each for each in options}
    made = ui.select(shown, label=label, value=value, multiple=several, on_change=on_change)
    made.props(f"{LOOK} options-dense").classes("tt-field")
    if several:
        made.props("use-chips")
    return made


def check_box(
    label: str, *, value: bool = False, on_change: Callable[[Any], Any] | None = None
) -> ui.checkbox:
    """A box."""
    return ui.checkbox(label, value=value, on_change=on_change)


def date_field(label: str, value: date | None = None) -> ui.input:
    """A day, written or chosen by the browser's own calendar."""
    shown = value.isoformat() if value is not None else ""
    return ui.input(label, value=shown).props(f"{LOOK} type=date stack-label").classes("tt-field")


def _hinted(made: T, hint: str) -> T:
    if hint:
        made.props(remove="hide-bottom-space")
        made.props["hint"] = hint
    return made


class Form:
    """Fields and the button that saves them.

    `fields` by the last word of the pointer under which the API knows them ("add" for /add or /rule/add). A
    refusal that points at one stands at that field, which gets the focus; another one stands above.
    """

    def __init__(
        self,
        save: Callable[[], Awaitable[None]],
        fields: Mapping[str, Any] | None = None,
        *,
        label: str = "Save",
        is_grave: bool = False,
    ) -> None:
        self.fields: dict[str, Any] = dict(fields or {})
        self._save = save
        self.summary = ui.element("div").classes("tt-summary").props("role=alert tabindex=-1")
        self.button = ui.button(label, on_click=self._pressed).props("no-caps unelevated")
        if is_grave:
            self.button.props("color=negative")

    def clear(self) -> None:
        """Takes away what was said of a try before."""
        self.summary.clear()
        for field in self.fields.values():
            if isinstance(field, ValidationElement):
                field.error = None
                field.props(remove="aria-invalid")

    def refuse(self, sentence: str, name: str = "") -> None:
        """Says what is wrong, at the field of this name where there is one."""
        field = self.fields.get(name)
        if isinstance(field, ValidationElement):
            field.error = at_field(sentence)
            field.props("aria-invalid=true")
            field.run_method("focus")
            return
        with self.summary:
            ui.label(sentence)
        ui.run_javascript(f"getHtmlElement({self.summary.id}).focus()")

    async def press(self) -> None:
        """As if the button was pressed: for Enter in a field."""
        await self._pressed()

    async def _pressed(self) -> None:
        if not self.button.enabled:
            return
        self.clear()
        self.button.disable()
        try:
            await self._save()
        except ProblemError as error:
            if error.status == 401:
                ui.navigate.to("/sign-in")
                return
            self.refuse(words_of(error), _last(error.pointer))
        except UnavailableError as error:
            self.refuse(words_of(error))
        finally:
            if not self.button.is_deleted:
                self.button.enable()


_WHERE: Final = re.compile(r'(\w+(\.\w+|\[\d+\])*( "[^"]*")?: )+')


def at_field(sentence: str) -> str:
    """A sentence without the words for where it is wrong, which the field shows: "Body.amount: ..."."""
    said = _WHERE.sub("", sentence, count=1) if _WHERE.match(sentence) else sentence
    return said[:1].upper() + said[1:]


def _last(pointer: str) -> str:
    """The last word of a pointer: "add" of /auto_recharge/add."""
    return pointer.rstrip("/").rpartition("/")[2]
