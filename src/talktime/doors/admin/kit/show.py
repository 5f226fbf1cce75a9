"""What is only looked at: cards, pairs of label and figure, tables, empty states, links between pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

from markupsafe import Markup
from nicegui import ui

Cell = str | Markup
Kind = Literal["text", "name", "figure", "time", "action"]


class Column(NamedTuple):
    """A column of a table. `figure` is set to the right, `time` does not break; `href` sorts where given.

    `name` is what a line is about: on a narrow screen it stays where it is while the others scroll below it.
    """

    label: str
    kind: Kind = "text"
    href: str = ""
    sorted_by: Literal["", "ascending", "descending"] = ""


@contextmanager
def card(title: str = "", *, kind: str = "") -> Iterator[ui.element]:
    """A part of the page with a heading of its own."""
    with ui.element("section").classes(f"tt-card {kind}".rstrip()) as made:
        if title:
            ui.html(Markup("<h2>{}</h2>").format(title), sanitize=False)
        yield made


@contextmanager
def columns() -> Iterator[None]:
    """Cards side by side where there is room for them."""
    with ui.element("div").classes("tt-columns"):
        yield


@contextmanager
def row() -> Iterator[None]:
    """Buttons and fields in a line that wraps."""
    with ui.element("div").classes("tt-row"):
        yield


def text(sentence: str | Markup, *, small: bool = False) -> ui.html:
    """A paragraph."""
    kind = Markup(' class="tt-small"') if small else ""
    return ui.html(Markup("<p{}>{}</p>").format(kind, sentence), sanitize=False).classes("tt-block")


def heading(words: str) -> ui.html:
    """A heading below those of cards."""
    return ui.html(Markup("<h3>{}</h3>").format(words), sanitize=False).classes("tt-block")


def facts(pairs: Iterable[tuple[str, Cell]]) -> ui.html:
    """Label and value, one pair a line."""
    lines = Markup("").join(
        Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(label, value) for label, value in pairs
    )
    return ui.html(Markup('<dl class="tt-facts">{}</dl>').format(lines), sanitize=False).classes("tt-block")


def figure(label: str, value: Cell, below: Cell = "") -> ui.html:
    """One large figure with what it is and a line below it."""
    under = Markup('<span class="tt-below">{}</span>').format(below) if below else ""
    made = Markup('<p class="tt-figure"><span class="tt-label">{}</span><strong>{}</strong>{}</p>').format(
        label, value, under
    )
    return ui.html(made, sanitize=False)


def anchor(label: Cell, href: str, *, as_button: bool = False, is_main: bool = False) -> Markup:
    """A link as a piece of markup; `as_button` draws it as one, `is_main` as the one that matters."""
    kind = ""
    if as_button or is_main:
        kind = Markup(' class="tt-button{}"').format(" tt-main" if is_main else "")
    return Markup('<a href="{}"{}>{}</a>').format(href, kind, label)


def link(label: Cell, href: str, *, as_button: bool = False, is_main: bool = False) -> ui.html:
    """The same as an element of its own."""
    return ui.html(anchor(label, href, as_button=as_button, is_main=is_main), sanitize=False)


def badge(label: str, kind: Literal["", "good", "warning", "error"] = "") -> Markup:
    """A short word about a state; the word says it, the colour only helps."""
    return Markup('<span class="tt-badge tt-{}">{}</span>').format(kind or "plain", label)


def empty(sentence: str, action: Markup | str = "") -> ui.html:
    """What stands where there is nothing yet, and what to do about it."""
    made = Markup('<div class="tt-empty"><p>{}</p>{}</div>').format(sentence, action)
    return ui.html(made, sanitize=False).classes("tt-block")


def table(
    columns: Sequence[Column | str],
    rows: Sequence[Sequence[Cell]],
    caption: str,
    *,
    nothing: str = "There is nothing here yet.",
    shows_caption: bool = False,
    foot: Sequence[Cell] = (),
    stacks: bool = False,
) -> ui.html:
    """A table with a caption; on a narrow screen it scrolls inside itself. `foot`: sums.

    `stacks`: on a narrow screen each line is a block instead, a cell below the other: for sentences.
    """
    if not rows:
        return empty(nothing)
    return ui.html(
        table_markup(columns, rows, caption, shows_caption=shows_caption, foot=foot, stacks=stacks),
        sanitize=False,
    ).classes("tt-block")


def table_markup(
    columns: Sequence[Column | str],
    rows: Sequence[Sequence[Cell]],
    caption: str,
    *,
    shows_caption: bool = False,
    foot: Sequence[Cell] = (),
    stacks: bool = False,
) -> Markup:
    """The same as a piece of markup."""
    known = [Column(each) if isinstance(each, str) else each for each in columns]
    head = Markup("").join(_head(each) for each in known)
    body = Markup("").join(_row(known, cells) for cells in rows)
    sums = Markup("<tfoot>{}</tfoot>").format(_row(known, foot)) if foot else ""
    hidden = "" if shows_caption else Markup(' class="tt-hidden"')
    return Markup(
        '<div class="tt-scroll{}" tabindex="0" role="region" aria-label="{}"><table><caption{}>{}</caption>'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody>{}</table></div>"
    ).format(" tt-stacks" if stacks else "", caption, hidden, caption, head, body, sums)


def _head(column: Column) -> Markup:
    order = Markup(' aria-sort="{}"').format(column.sorted_by) if column.sorted_by else ""
    label: Cell = column.label
    if column.href:
        mark = {"ascending": " ▲", "descending": " ▼"}.get(column.sorted_by, "")
        label = Markup('<a href="{}">{}<span aria-hidden="true">{}</span></a>').format(
            column.href, column.label, mark
        )
    elif not column.label:
        label = Markup('<span class="tt-hidden">Actions</span>')
    return Markup('<th scope="col" class="tt-{}"{}>{}</th>').format(column.kind, order, label)


def _row(columns: Sequence[Column], cells: Sequence[Cell]) -> Markup:
    made = Markup("").join(
        Markup('<td class="tt-{}" data-label="{}">{}</td>').format(column.kind, column.label, cell)
        for column, cell in zip(columns, cells, strict=True)
    )
    return Markup("<tr>{}</tr>").format(made)


def pager(back: str, on: str, shown: str = "") -> None:
    """The pages before and after; "" where there is none."""
    if not (back or on):
        return
    parts = [Markup('<span class="tt-small">{}</span>').format(shown)] if shown else []
    if back:
        parts.append(Markup('<a class="tt-button" rel="prev" href="{}">First page</a>').format(back))
    if on:
        parts.append(Markup('<a class="tt-button" rel="next" href="{}">Next page</a>').format(on))
    made = Markup('<nav class="tt-pager" aria-label="Pages">{}</nav>').format(Markup("").join(parts))
    ui.html(made, sanitize=False).classes("tt-block")


def tabs(label: str, entries: Sequence[tuple[str, str, bool]]) -> ui.html:
    """Views of one page as links: (label, address, is the one shown)."""
    made = Markup("").join(
        Markup('<a href="{}"{}>{}</a>').format(
            href, Markup(' aria-current="page"') if is_shown else "", words
        )
        for words, href, is_shown in entries
    )
    marked = Markup('<nav class="tt-tabs" aria-label="{}">{}</nav>').format(label, made)
    return ui.html(marked, sanitize=False).classes("tt-block")


def more(summary: str, body: Markup) -> ui.html:
    """Something that is opened by those who want to read it."""
    marked = Markup('<details class="tt-more"><summary>{}</summary>{}</details>').format(summary, body)
    return ui.html(marked, sanitize=False).classes("tt-block")


def bar(part: int, whole: int, label: str) -> Markup:
    """How much of something is used: a bar and the same in words; rounded down to whole percent."""
    percent = min(100, 100 * part // whole) if whole > 0 else 0
    kind = "error" if percent >= 100 else "warning" if percent >= 80 else "good"
    return Markup(
        '<span class="tt-bar tt-{}" role="img" aria-label="{}"><span style="width:{}%"></span></span>'
        '<span class="tt-small">{}</span>'
    ).format(kind, label, percent, label)
