"""What surrounds every page: the header, where one can go, the place for the page itself.

The header and the menu are marked up on the server as links; only the button that opens the menu on a phone
needs the browser's help.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from markupsafe import Markup
from nicegui import ui

from talktime.doors.admin import navigation
from talktime.doors.admin.navigation import Entry, Section
from talktime.doors.admin.visit import Visit

_HEADER = Markup(
    '<a class="tt-skip" href="#main">Skip to the content</a>'
    '<a class="tt-brand" href="/">Talktime</a>'
    '<a class="tt-tenant" href="/tenants" title="Choose another organisation">{tenant}</a>'
    '<span class="tt-gap"></span>'
)
_OPEN = Markup(
    '<button type="button" class="tt-plain-button" data-tt="menu" aria-expanded="false"'
    ' aria-controls="tt-menu">'
    '<span aria-hidden="true">\u2630</span><span class="tt-hidden">Menu</span></button>'
)
_LEAVE = Markup(
    '<span class="tt-person" title="{upn}">{name}</span>'
    '<form class="tt-leave" method="post" action="/sign-out">'
    '<button type="submit" class="tt-plain-button">Sign out</button></form>'
)
_LINK = Markup('<li><a href="{href}"{current}>{label}</a></li>')


@contextmanager
def frame(at: Visit, title: str, *, wide: bool = False) -> Iterator[None]:
    """Draws header and menu; what is made inside is the page. One h1 a page, which is its title."""
    said = f"{title} - {at.name or 'Talktime'}"
    ui.page_title(said)
    ui.element("div").classes("tt-live").props("id=tt-live role=status aria-live=polite")
    with ui.header(elevated=False).classes("tt-header"):
        ui.html(_OPEN, sanitize=False).classes("tt-menu-button")
        ui.html(_HEADER.format(tenant=at.name or "All organisations"), sanitize=False).classes("tt-head")
        ui.button(icon="contrast", on_click=_other_theme).props(
            'flat dense round aria-label="Light or dark"'
        ).classes("tt-theme")
        who = _LEAVE.format(upn=at.person.upn, name=at.person.name or at.person.upn)
        ui.html(who, sanitize=False).classes("tt-who")
        ui.html(_menu(at), sanitize=False).classes("tt-drawer")
    with ui.element("div").classes("tt-page tt-wide" if wide else "tt-page").props("id=main tabindex=-1"):
        ui.html(Markup("<h1>{}</h1>").format(title), sanitize=False)
        yield


def _other_theme() -> None:
    # Kept in a cookie, so that the server draws the next page in it at once.
    ui.run_javascript("talktime.otherTheme()")


def _menu(at: Visit) -> Markup:
    here = at.address.partition("?")[0]
    parts = [Markup('<nav class="tt-menu" id="tt-menu" aria-label="Main">')]
    if at.tenant_id:
        parts.extend(_section(at, section, here) for section in navigation.TENANT)
    parts.append(_section(at, navigation.INSTALLATION, here))
    parts.append(Markup("</nav>"))
    return Markup("").join(parts)


def _section(at: Visit, section: Section, here: str) -> Markup:
    offered = [entry for entry in section.entries if not entry.needs or at.may(entry.needs)]
    if not offered:
        return Markup("")
    links = Markup("").join(_entry(at, entry, here) for entry in offered)
    if not section.label:
        return Markup("<ul>{}</ul>").format(links)
    return Markup("<h2>{}</h2><ul>{}</ul>").format(section.label, links)


def _entry(at: Visit, entry: Entry, here: str) -> Markup:
    href = entry.address if entry.address.startswith("/") else at.link(*filter(None, [entry.address]))
    current = Markup(' aria-current="page"') if href == here else ""
    return _LINK.format(href=href, current=current, label=entry.label)
