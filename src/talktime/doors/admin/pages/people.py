"""Users and numbers > Users and Licences: people found, a page at a time; licences by plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup
from nicegui import ui

from talktime.doors.admin.kit.fields import Form, on_enter, select_field, text_field
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import Column, anchor, badge, card, empty, link, pager, row, table
from talktime.doors.admin.page import Visit, page
from talktime.doors.admin.words import count

if TYPE_CHECKING:
    from talktime.client.management.tables import UserTable

MOST: Final = 50
"""Users on a page."""


def plan_of(licence: Any) -> str:
    """The plan of a licence as a user's table has it, with or without its dates."""
    return licence if isinstance(licence, str) else str(licence["plan"])


def several_field(label: str, options: Mapping[str, str], held: Sequence[str]) -> ui.select:
    """Several of what there is; what is chosen stands there as text that wraps, however long."""
    return select_field(label, options, held, several=True).props(remove="use-chips").classes("tt-long")


@page("/tenants/{tenant}/users", title="Users", needs="see_users")
async def users(at: Visit) -> None:
    """People by a part of what they are, a page at a time."""
    search, after = at.query.get("search", "").strip(), at.query.get("after", "")
    with card():
        with row():
            words = text_field("Search", search, hint="name, UPN, number, plan, cost centre or country")

            async def find() -> None:
                at.go(at.link("users", search=words.value.strip()))

            Form(find, label="Search")
            on_enter(words, find)
        with row():
            if at.may("edit_users"):
                link("Add a user", at.link("users", "new"), is_main=True)
            if at.may("import_users"):
                link("Import from a file", at.link("users", "import"), as_button=True)
    found = await at.tenant.users.pages(search=search, limit=MOST, after=after).first()
    nothing = f"Nobody has “{search}” in a name, number, plan or cost centre." if search else ""
    if not found.items and not search and not after:
        empty("There are no users yet. Add one, or import them from a file.")
        return
    heads = [
        Column("Name"),
        Column("UPN"),
        Column("Location", "time"),
        Column("Licences", "time"),
        Column("Numbers", "time"),
        Column("Cost centre"),
    ]
    table(heads, [_line(at, user) for user in found.items], "Users", nothing=nothing or "Nobody.")
    on = at.here(after=str(found.next)) if found.next else ""
    pager(at.here(after=None) if after else "", on)


def _line(at: Visit, user: UserTable) -> list[str | Markup]:
    return [
        anchor(user.get("name") or user["upn"], at.link("users", user["upn"])),
        user["upn"],
        user.get("location") or "—",
        _lines([plan_of(one) for one in user.get("licences", ())]),
        _lines(user.get("numbers", [])),
        user.get("cost_centre") or "—",
    ]


def _lines(words: list[str]) -> Markup | str:
    return Markup("<br>").join(words) if words else "—"


@page("/tenants/{tenant}/licences", title="Licences", needs="see_users")
async def licences(at: Visit) -> None:
    """What was bought, what is assigned, and what is left of each plan."""
    found = await at.tenant.licences()
    short = [one for one in found if one.left < 0]
    for one in short:
        said("warning", f"{one.name}: {count(-one.left)} more are assigned than were bought.")
    heads = [
        Column("Plan"),
        Column("Bought", "figure"),
        Column("Assigned", "figure"),
        Column("Left", "figure"),
        Column("Users"),
    ]
    rows = [
        [
            Markup('{} <span class="tt-small tt-code">{}</span>').format(one.name, one.plan),
            count(one.purchased),
            count(one.assigned),
            count(one.left) if one.left >= 0 else badge(f"{one.left:,}", "error"),
            anchor("Who has it", at.link("users", search=one.plan)),
        ]
        for one in found
    ]
    nothing = "No licences are bought or assigned yet. The provider adds what is bought."
    with card():
        table(heads, rows, "Licences", nothing=nothing)
        link("What a feature needs", at.link("marketplace"), as_button=True)
