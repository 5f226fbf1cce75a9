"""The pages at the door as HTML: signing in, an invitation, a sentence. No script: they work without any.

What comes from outside is escaped by markupsafe; an error says what to do, stands before the form and has the
focus, and a field that is wrong names its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from markupsafe import Markup

import talktime

_PAGE = Markup(
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta name="robots" content="noindex"><title>{title} - Talktime</title>'
    '<link rel="icon" href="/static/talktime.svg">'
    '<link rel="stylesheet" href="/static/talktime.css?{version}">'
    '<link rel="stylesheet" href="/static/door.css?{version}"></head>'
    '<body class="tt-plain"><main><p class="door-brand">'
    '<img src="/static/talktime.svg" alt="" width="28" height="28">Talktime</p><h1>{title}</h1>{body}'
    "</main></body></html>"
)
_ERROR = Markup(
    '<div class="tt-said tt-error" role="alert" tabindex="-1" autofocus id="error">'
    '<span class="tt-mark" aria-hidden="true">✕</span><div>{sentence}</div></div>'
)
_NOTE = Markup('<p role="status">{sentence}</p>')
_FIELD = Markup(
    '<div><label for="{id}">{label}</label>{hint}'
    '<input id="{id}" name="{id}" type="{type}" autocomplete="{complete}" value="{value}" required'
    "{length}{described}{wrong}{fixed}></div>"
)
_OTHER_WAY = Markup(
    '<p class="tt-or">or</p>'
    '<p><a class="door-second" href="/sign-in/openid{query}">Sign in with {name}</a></p>'
)
_BUTTON = Markup('<button type="submit">{label}</button>')
_NOTHING = Markup("")
_HIDDEN = Markup('<input type="hidden" name="{name}" value="{value}">')


@dataclass(frozen=True, slots=True)
class Field:
    """An input with its label. `hint`: what is asked; `wrong`: what is wrong; `fixed`: only to be read."""

    id: str
    label: str
    type: str
    complete: str
    value: str = ""
    hint: str = ""
    wrong: str = ""
    most: int = 0
    fixed: bool = False

    def html(self) -> Markup:
        """The field, with hint and error as its description."""
        notes = Markup("")
        described = []
        if self.hint:
            notes += Markup('<p class="door-hint" id="{}-hint">{}</p>').format(self.id, self.hint)
            described.append(f"{self.id}-hint")
        if self.wrong:
            notes += Markup('<p class="door-wrong" id="{}-wrong">{}</p>').format(self.id, self.wrong)
            described.append(f"{self.id}-wrong")
        return _FIELD.format(
            id=self.id,
            label=self.label,
            hint=notes,
            type=self.type,
            complete=self.complete,
            value=self.value,
            length=Markup(' maxlength="{}"').format(self.most) if self.most else "",
            described=Markup(' aria-describedby="{}"').format(" ".join(described)) if described else "",
            wrong=Markup(' aria-invalid="true"') if self.wrong else "",
            fixed=Markup(" readonly") if self.fixed else "",
        )


@dataclass(frozen=True, slots=True)
class DoorPage:
    """A page: sentences, then a form where there are fields or a button."""

    title: str
    action: str = ""
    fields: tuple[Field, ...] = ()
    button: str = ""
    hidden: dict[str, str] = field(default_factory=dict)
    error: str = ""
    note: str = ""
    after: Markup = _NOTHING

    def html(self) -> str:
        """The whole page."""
        body = Markup("")
        if self.error:
            body += _ERROR.format(sentence=self.error)
        if self.note:
            body += _NOTE.format(sentence=self.note)
        if self.button:
            body += self._form()
        return str(_PAGE.format(title=self.title, body=body + self.after, version=talktime.__version__))

    def _form(self) -> Markup:
        hidden = Markup("").join(
            _HIDDEN.format(name=name, value=value) for name, value in self.hidden.items()
        )
        inputs = Markup("").join(each.html() for each in self.fields)
        return Markup('<form method="post" action="{}">{}{}{}</form>').format(
            self.action, hidden, inputs, _BUTTON.format(label=self.button)
        )


def other_way(name: str, query: str) -> Markup:
    """The link to sign in with a provider; `query` is an address's query with its question mark, or ""."""
    return _OTHER_WAY.format(name=name, query=query)


def way(address: str, label: str) -> Markup:
    """A link in a paragraph of its own."""
    return Markup('<p><a href="{}">{}</a></p>').format(address, label)
