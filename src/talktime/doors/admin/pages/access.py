"""Settings > Administrators and API keys; Installation > People: who may come in, and by which key.

A link to sign in and a key stand in one dialog, once: whoever makes them hands them on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup
from nicegui import ui

from talktime.catalog.side import load_roles
from talktime.doors.admin.kit.act import action, grave, secret_once, tell_then
from talktime.doors.admin.kit.fields import Form, check_box, select_field, text_field
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import (
    Column,
    anchor,
    badge,
    card,
    facts,
    link,
    pager,
    row,
    table,
    text,
)
from talktime.doors.admin.page import Visit, page

if TYPE_CHECKING:
    from talktime.client import Seen
    from talktime.client.management.answers_house import Key
    from talktime.client.management.answers_sign_ins import Invitation, Person
    from talktime.client.management.tables import AdministratorTable

    Administrators = Seen[tuple[AdministratorTable, ...]]

MOST: Final = 100
NEW: Final = "new"
SCOPES: Final = {"live": "charges calls", "management": "manages"}
STATES: Final[Mapping[str, Any]] = {
    "active": badge("signs in", "good"),
    "invited": badge("invited", "warning"),
    "locked": badge("waits after wrong passwords", "warning"),
    "disabled": badge("shut out", "error"),
}


def role_names(kind: str) -> dict[str, str]:
    """Roles of a `tenant`, a `partner` or an `operator` by id, as people call them; no other names of one."""
    return {
        role.id: role.name
        for role in load_roles().roles.values()
        if not role.alias_of and (role.is_of_tenant if kind == "tenant" else getattr(role, kind))
    }


def called(roles: Sequence[str]) -> str:
    """Roles as people call them; one that this version does not know by its id."""
    known = load_roles().roles
    return ", ".join(known[role].name if role in known else role for role in roles) or "—"


# --- administrators ----------------------------------------------------------------------------------------


@page("/tenants/{tenant}/administrators", title="Administrators", needs="see_tenant")
async def administrators(at: Visit) -> None:
    """Who looks after the organisation; one of them, or a new one, in a form."""
    seen = await at.tenant.administrators.get()
    chosen = at.query.get("upn", "")
    may = at.may("edit_tenant") or at.may("invite_administrators")
    with card():
        text("A role says what somebody may do here and what it is told of. It holds from the next click on.")
        if at.may("edit_tenant"):
            with row():
                link("Add an administrator", at.here(upn=NEW), is_main=not chosen, as_button=True)
        rows = [
            [
                anchor(one.get("name") or one["upn"], at.here(upn=one["upn"]))
                if may
                else one.get("name") or one["upn"],
                one["upn"],
                one.get("mail") or "—",
                called(one.get("roles", ())),
            ]
            for one in seen.value
        ]
        nothing = "Nobody looks after this organisation yet, and nobody is told when credits run low."
        table(["Name", "UPN", "Mail", "Roles"], rows, "Administrators", nothing=nothing)
    if chosen and may:
        _administrator(at, seen, chosen)


def _administrator(at: Visit, seen: Administrators, chosen: str) -> None:
    """The form of one administrator, and the link by which it signs in."""
    found = [one for one in seen.value if one["upn"].casefold() == chosen.casefold()]
    if not found and chosen != NEW:
        said("warning", f"{chosen} does not administer this organisation.")
        return
    held: Mapping[str, Any] = found[0] if found else {}
    if at.may("edit_tenant"):
        with card(held.get("name") or held.get("upn") or "A new administrator"):
            _administrator_form(at, seen, held)
    if held and at.may("invite_administrators"):
        with card("Signing in"):
            text(
                f"A link lets {held['upn']} choose a password, the first or another one. It is good once, "
                "and takes the place of earlier links."
            )

            async def invited() -> None:
                await _show_link(await at.tenant.administrators.invite(held["upn"]))

            action("Make a link to sign in", invited)


def _administrator_form(at: Visit, seen: Administrators, held: Mapping[str, Any]) -> None:
    fields: dict[str, Any] = {}
    if not held:
        fields["upn"] = text_field("UPN", hint="the name to sign in with: ana@contoso.example")
    fields["name"] = text_field("Name", held.get("name", ""))
    fields["mail"] = text_field("Mail", held.get("mail", ""), hint="without one, mails go to the UPN")
    roles = role_names("tenant") | {one: called([one]) for one in held.get("roles", ())}
    fields["roles"] = select_field("Roles", roles, list(held.get("roles", ())), several=True)
    others = [one for one in seen.value if one is not held]

    async def save() -> None:
        made = {**held, **{name: _written(field.value) for name, field in fields.items()}}
        kept = {name: value for name, value in made.items() if value}
        if not kept.get("upn"):
            form.refuse("Write the name that this person signs in with.", "upn")
            return
        if any(one["upn"].casefold() == kept["upn"].casefold() for one in others):
            form.refuse("This person administers the organisation already.", "upn")
            return
        everybody = [kept if one is held else one for one in seen.value]
        everybody += [] if held else [kept]
        await at.tenant.administrators.put(everybody, if_match=seen)  # type: ignore[arg-type]  # tables stay whole
        tell_then("Saved.", at.here(upn=kept["upn"]))

    async def remove() -> None:
        await at.tenant.administrators.put(others, if_match=seen)
        at.go(at.here(upn=None))

    form = Form(save, fields)
    if held:
        own = held["upn"].casefold() == at.person.upn.casefold()
        whom = "You" if own else held["upn"]
        what = f"{whom} may do nothing here any more, from the next click on, and will be told of nothing."
        with row():
            grave("Take the roles away", "Take all roles away", what, remove, yes="Take away")


# --- keys --------------------------------------------------------------------------------------------------


@page("/tenants/{tenant}/keys", title="API keys", needs="manage_api_keys")
async def keys(at: Visit) -> None:
    """The keys of the organisation, one of them to revoke, and a form for another one."""
    chosen = at.query.get("key", "")
    listing = ui.element("div").classes("tt-block")

    async def show() -> None:
        found = await at.tenant.keys.pages(limit=MOST, after=at.query.get("after", "")).first()
        listing.clear()
        with listing, card():
            _key_list(at, found.items, str(found.next or ""))

    await show()
    if chosen:
        await _key(at, chosen)
    with card("A new key"):
        text(
            "A key is for programs: a switch that charges calls, or a script that manages this organisation."
        )
        _new_key(at, show)


def _key_list(at: Visit, found: Sequence[Key], more: str) -> None:
    rows = [
        [
            one.name if one.revoked_at else anchor(one.name, at.here(key=one.id)),
            one.id,
            ", ".join(SCOPES.get(scope, scope) for scope in one.scopes),
            called(one.roles),
            at.when(one.created_at),
            Markup("{} {}").format(badge("revoked", "error"), at.when(one.revoked_at))
            if one.revoked_at
            else badge("valid", "good"),
        ]
        for one in sorted(found, key=lambda one: one.revoked_at is not None)
    ]
    heads: list[Column | str] = [
        "Name",
        "Id",
        "For",
        "Roles",
        Column("Made", "time"),
        Column("State", "time"),
    ]
    table(heads, rows, "API keys", nothing="No program has a key of this organisation yet.")
    pager(at.here(after=None) if at.query.get("after") else "", at.here(after=more) if more else "")


async def _key(at: Visit, chosen: str) -> None:
    """One key, and the button that ends it."""
    found = [one async for one in at.tenant.keys.pages(limit=MOST).items() if one.id == chosen]
    if not found or found[0].revoked_at:
        return
    key = found[0]
    with card(key.name):
        facts(
            [
                ("Id", key.id),
                ("For", ", ".join(SCOPES.get(scope, scope) for scope in key.scopes)),
                ("Roles", called(key.roles)),
                ("Made", at.when(key.created_at)),
            ]
        )

        async def revoke() -> None:
            await at.tenant.keys.revoke(key.id)
            at.go(at.here(key=None))

        what = "Whatever program holds it is refused within seconds, for ever."
        grave("Revoke the key", f"Revoke {key.name}", what, revoke, yes="Revoke")


def _new_key(at: Visit, show: Any) -> None:
    name = text_field("Name", hint="who holds it")
    live, manages = check_box("It charges calls"), check_box("It manages this organisation")
    roles = select_field("Roles, where it manages", role_names("tenant"), [], several=True)
    text("Without roles it may do what a Global Administrator may.", small=True)

    async def make() -> None:
        if not _written(name.value):
            form.refuse("Say who holds the key.", "name")
            return
        scopes = [scope for scope, box in (("live", live), ("management", manages)) if box.value]
        if not scopes:
            form.refuse("Say what the key is for: calls, managing, or both.")
            return
        made = await at.tenant.keys.make(name.value.strip(), scopes=scopes, roles=roles.value or [])  # type: ignore[arg-type]
        name.value, live.value, manages.value, roles.value = "", False, False, []
        await show()
        secret_once("The new key", "It stands here once; nobody can read it again.", made.key)

    form = Form(make, {"name": name, "roles": roles}, label="Make the key")


# --- people of the installation ----------------------------------------------------------------------------


@page("/people", title="People", needs="manage_people")
async def people(at: Visit) -> None:
    """Everybody who signs in; one of them, or a new one, in a form."""
    chosen, after = at.query.get("upn", ""), at.query.get("after", "")
    found = await at.management.people.pages(limit=MOST, after=after).first()
    with card():
        text("Who administers an organisation is invited there; here, whoever runs the installation.")
        with row():
            link("Invite a person", at.here(upn=NEW), is_main=not chosen, as_button=True)
        rows = [
            [
                anchor(one.name or one.upn, at.here(upn=one.upn)),
                one.upn,
                _for(one),
                STATES.get(one.state, one.state),
                at.when(one.signed_in_at) if one.signed_in_at else "never",
            ]
            for one in found.items
        ]
        heads: list[Column | str] = ["Name", "UPN", "For", "State", Column("Signed in last", "time")]
        table(heads, rows, "People who sign in", nothing="Nobody signs in yet.")
        pager(at.here(after=None) if after else "", at.here(after=str(found.next)) if found.next else "")
    if not chosen:
        return
    held = None if chosen == NEW else await _person(at, chosen)
    if held is None and chosen != NEW:
        said("warning", f"Nobody signs in as {chosen}.")
        return
    _person_form(at, held)


async def _person(at: Visit, upn: str) -> Person | None:
    """The person of a UPN: the first one behind what sorts just before it."""
    key = upn.strip().casefold()
    page = await at.management.people.pages(limit=2, after=key[:-1]).first()
    near = [one for one in page.items if one.upn == key]
    if near:
        return near[0]
    async for one in at.management.people.pages(limit=MOST, after=key[:-1]).items():
        if one.upn >= key:
            return one if one.upn == key else None
    return None


def _for(one: Person) -> str:
    if one.partner:
        return f"{called(one.roles)} of {one.partner}"
    if one.roles:
        return called(one.roles)
    return f"organisation {one.tenant}" if one.tenant else "organisations that name it"


def _person_form(at: Visit, held: Person | None) -> None:
    with card(held.name or held.upn if held else "A new person"):
        fields: dict[str, Any] = {}
        if held is None:
            fields["upn"] = text_field("UPN", hint="the name to sign in with: olga@provider.example")
        fields["name"] = text_field("Name", held.name if held else "")
        fields["partner"] = text_field(
            "Partner", (held.partner or "") if held else "", hint="for the customers of this partner alone"
        )
        roles = role_names("operator") | role_names("partner")
        fields["roles"] = select_field("Roles", roles, list(held.roles) if held else [], several=True)
        text("Without a role and a partner: for the organisations that name this person.", small=True)

        async def save() -> None:
            said_ = {name: _written(field.value) for name, field in fields.items()}
            upn = held.upn if held else str(said_["upn"])
            if not upn:
                form.refuse("Write the name that this person signs in with.", "upn")
                return
            made = await at.management.people.invite(
                upn, name=str(said_["name"]), roles=said_["roles"] or [], partner=str(said_["partner"])
            )
            await _show_link(made)

        form = Form(save, fields, label="Save and make a link" if held else "Invite")
    if held is not None:
        _person_actions(at, held)


def _person_actions(at: Visit, held: Person) -> None:
    with card("Signing in"):
        facts([("State", STATES.get(held.state, held.state)), ("Invited", at.when(held.created_at))])

        async def again() -> None:
            await _show_link(await at.management.people.invite_again(held.upn))

        async def shut_out() -> None:
            await at.management.people.disable(held.upn)
            at.go(at.here(upn=None))

        with row():
            action("Let in again" if held.state == "disabled" else "Make a link to sign in", again)
            if held.state != "disabled" and held.upn != at.person.upn:
                what = f"{held.upn} is signed out everywhere and cannot sign in until it is invited again."
                grave("Shut out", "Shut this person out", what, shut_out)


async def _show_link(made: Invitation) -> None:
    origin = await ui.run_javascript("window.location.origin")
    until = made.ends_at.strftime("%Y-%m-%d %H:%M UTC") if made.ends_at else "soon"
    sentence = (
        f"Give it to {made.upn} by a way that nobody else reads: whoever opens it first chooses the "
        f"password. It is good once, until {until}."
    )
    secret_once("A link to sign in", sentence, f"{origin}{made.link}")


def _written(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value
