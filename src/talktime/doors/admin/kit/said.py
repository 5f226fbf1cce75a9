"""A sentence set apart: a note, a warning, an error, something done."""

from __future__ import annotations

from typing import Literal

from markupsafe import Markup
from nicegui import ui

Kind = Literal["note", "good", "warning", "error"]

_MARK = {"note": "i", "good": "✓", "warning": "!", "error": "✕"}
_SAID = Markup(
    '<div class="tt-said tt-{kind}" role="{role}"><span class="tt-mark" aria-hidden="true">{mark}</span>'
    "<div>{sentence}</div></div>"
)


def said(kind: Kind, sentence: str | Markup) -> ui.html:
    """One sentence that the reader must not miss; errors are read out at once."""
    role = "alert" if kind == "error" else "note"
    marked = _SAID.format(kind=kind, role=role, mark=_MARK[kind], sentence=sentence)
    return ui.html(marked, sanitize=False).classes("tt-block")
