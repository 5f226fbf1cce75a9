"""Where one begins: the only tenant at once, or a list to choose from."""

from __future__ import annotations

from urllib.parse import quote

from talktime.doors.admin.kit.fields import Form, on_enter, text_field
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import anchor, badge, card, empty, row, table
from talktime.doors.admin.page import Visit, page
from talktime.doors.admin.visit import Elsewhere

MOST = 50
"""Tenants on the page; whoever has more searches for them."""


@page("/", title="Talktime")
async def begin(at: Visit) -> None:
    """Goes to the only tenant, else to the list."""
    me = await at.management.me.get(limit=2)
    is_alone = len(me.tenants) == 1 and not me.operations
    raise Elsewhere(f"/tenants/{quote(me.tenants[0].id, safe='')}" if is_alone else "/tenants")


@page("/tenants", title="Choose an organisation")
async def tenants(at: Visit) -> None:
    """The tenants that this person may open."""
    search = at.query.get("search", "")
    me = await at.management.me.get(search=search, limit=MOST)
    with card():
        if search or len(me.tenants) == MOST:
            _search(at, search)
        if not me.tenants:
            empty(
                "No organisation has this name or id."
                if search
                else "There is no organisation here that you administer. Ask one of its administrators to "
                f"add {at.person.upn}."
            )
            return
        rows = [
            [
                anchor(tenant.name or tenant.id, f"/tenants/{tenant.id}"),
                tenant.id,
                badge(tenant.status, "good" if tenant.status == "active" else "warning"),
            ]
            for tenant in me.tenants
        ]
        table(["Organisation", "Id", "State"], rows, "Organisations")
    if len(me.tenants) == MOST:
        said("note", f"These are the first {MOST}; search for others by name or id.")


def _search(at: Visit, search: str) -> None:
    with row():
        words = text_field("Search", search)

        async def find() -> None:
            at.go(at.here(search=words.value.strip()))

        Form(find, label="Search")
        on_enter(words, find)
