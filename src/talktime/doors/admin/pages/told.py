"""Notices: what was sent to whom and why, how far it got, once more; and who is told of what from now on."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from markupsafe import Markup
from nicegui import ui

from talktime.doors.admin.kit.act import action, asked, tell
from talktime.doors.admin.kit.fields import Form, long_field, select_field, text_field
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import (
    Cell,
    Column,
    anchor,
    badge,
    card,
    empty,
    facts,
    link,
    pager,
    row,
    table,
    text,
)
from talktime.doors.admin.money_parts import PAGE, words
from talktime.doors.admin.page import Visit, page

if TYPE_CHECKING:
    from talktime.client.management.answers_people import Delivery, Event, Events, Notice, WholeNotice
    from talktime.client.management.readers import Seen
    from talktime.client.management.tables import AlertsTable
    from talktime.doors.admin.money_parts import Mood

MOODS: Final[dict[str, Mood]] = {
    "told": "good",
    "sent": "good",
    "waiting": "warning",
    "failed": "error",
    "nobody_to_tell": "error",
}
CHANNELS: Final = {"mail": "Mail", "webhook": "Webhook", "chat": "Chat room"}
FEW: Final = 3
"""Recipients of a notice that its line names."""


# --- what was told ---------------------------------------------------------------------------------------


@page("/tenants/{tenant}/notices", title="Notices", needs="see_notices")
async def notices(at: Visit) -> None:
    """What people were told and will be, newest first."""
    kind = at.query.get("kind", "")
    events = await at.tenant.alerts.events()
    known = [one.event for one in events.events]
    found = await at.tenant.notices.pages(
        kind=kind if kind in known else "", limit=PAGE, before=at.query.get("before", "")
    ).first()
    with card():
        _filter(at, known, kind)
        table(
            [Column("When", "time"), "What", "State", "To whom"],
            [_line(at, one) for one in found.items],
            "Notices, newest first",
            nothing="Nobody was told of such an event yet." if kind else "Nobody was told of anything yet.",
        )
        pager(
            at.here(before=None) if at.query.get("before") else "",
            at.here(before=found.next) if found.next else "",
        )
    link("Alerts and recipients", at.link("alerts"), as_button=True)


def _filter(at: Visit, known: list[str], kind: str) -> None:
    with row():
        shown = {"": "All events", **{each: words(each) for each in known}}
        chosen = select_field("Event", shown, kind if kind in known else "")

        async def show() -> None:
            at.go(at.here(kind=str(chosen.value), before=None))

        Form(show, label="Show")


def _line(at: Visit, notice: Notice) -> list[Cell]:
    return [
        at.when(notice.at),
        anchor(notice.subject, at.link("notices", str(notice.id))),
        _state(notice.state),
        _few(notice),
    ]


def _state(code: str) -> Markup:
    return badge(words(code), MOODS.get(code, ""))


def _few(notice: Notice) -> Cell:
    """The first recipients; one to whom it did not get stands with the reason's word."""
    parts = [
        Markup("{} {}").format(_recipient(one), "" if one.state == "sent" else _state(one.state))
        for one in notice.deliveries[:FEW]
    ]
    if len(notice.deliveries) > FEW:
        parts.append(Markup("and {} more").format(len(notice.deliveries) - FEW))
    return Markup("<br>").join(parts) or "—"


def _recipient(delivery: Delivery) -> str:
    if delivery.channel == "mail":
        return delivery.recipient
    return f"{CHANNELS.get(delivery.channel, delivery.channel)} {delivery.recipient}"


# --- one notice ------------------------------------------------------------------------------------------


@page("/tenants/{tenant}/notices/{notice}", title="Notice", needs="see_notices")
async def notice(at: Visit) -> None:
    """What it says, why, and how far it got with each recipient."""
    number = at.path["notice"]
    if not (number.isascii() and number.isdigit() and len(number) <= 18):
        empty("There is no such notice.", anchor("All notices", at.link("notices"), as_button=True))
        return
    found, events = await asyncio.gather(at.tenant.notices.get(int(number)), at.tenant.alerts.events())
    with card(found.subject):
        _message(found.message)
    with card("Why, and to whom"):
        box = ui.element("div")
        with box:
            _how_far(at, found, events)
        if at.may("edit_notices"):
            _again(at, found, events, box)
    link("All notices", at.link("notices"), as_button=True)


def _how_far(at: Visit, found: WholeNotice, events: Events) -> None:
    _why(at, found, events)
    _deliveries(at, found)


def _message(message: str) -> None:
    """The text of a mail, without what stands below its line of dashes."""
    for part in message.partition("\n--")[0].strip().split("\n\n"):
        first, *others = part.splitlines()
        is_title = bool(others) and not first.endswith(".") and ":" not in first
        head = Markup("<strong>{}</strong>").format(first) if is_title else first
        text(Markup("<br>").join([head, *others]))


def _why(at: Visit, found: WholeNotice, events: Events) -> None:
    names = {one.id: one.name for one in events.roles}
    facts(
        [
            ("What happened", words(found.kind)),
            ("When", at.when(found.at)),
            ("Told to holders of", _roles(found.roles, names)),
            ("As a whole", _state(found.state)),
        ]
    )


def _deliveries(at: Visit, found: WholeNotice) -> None:
    table(
        [
            "By",
            "To",
            "State",
            Column("Tries", "figure"),
            Column("Sent, or tried next", "time"),
            "What went wrong",
        ],
        [
            [
                CHANNELS.get(one.channel, one.channel),
                one.recipient,
                _state(one.state),
                str(one.tries),
                at.when(one.due_at if one.state == "waiting" else one.sent_at),
                one.error or "—",
            ]
            for one in found.deliveries
        ],
        "To whom it went",
        nothing="Nobody holds a role that is told of this. Give somebody such a role, then send it again."
        if found.state == "nobody_to_tell"
        else "It is about to be sent.",
    )


def _again(at: Visit, found: WholeNotice, events: Events, box: ui.element) -> None:
    async def again() -> None:
        sentence = "Everybody who is told of such an event today gets it once more, with the same id."
        if await asked("Send this notice again?", sentence, "Send again", is_grave=False):
            replayed = await at.tenant.notices.replay(found.id)
            tell(_waiting(replayed.waiting), "positive" if replayed.waiting else "warning")
            now = await at.tenant.notices.get(found.id)
            box.clear()
            with box:
                _how_far(at, now, events)

    action("Send again", again)


def _waiting(count: int) -> str:
    if not count:
        return "Nobody is told of such an event: nothing is sent."
    return f"{count} {'message is' if count == 1 else 'messages are'} on the way again."


# --- who is told from now on -----------------------------------------------------------------------------


@page("/tenants/{tenant}/alerts", title="Alerts and recipients", needs="see_notices")
async def alerts(at: Visit) -> None:
    """When people are told, and who; a form for those who may change it."""
    seen, events = await asyncio.gather(at.tenant.alerts.get(), at.tenant.alerts.events())
    if at.may("edit_notices"):
        _edit(at, seen, events)
    else:
        _look(at, seen.value, events)
    with card("Always told"):
        text("Of these, the same roles hear in every organisation.")
        _told(events, [one for one in events.events if not one.configurable])
    link("Notices", at.link("notices"), as_button=True)


def _look(at: Visit, found: AlertsTable, events: Events) -> None:
    said("note", "Your roles here do not allow to change this.")
    with card("When"):
        levels = Markup(", ").join(at.money(Decimal(one)) for one in found.get("low", []))
        facts(
            [
                ("When less is available than", levels or "no level is set"),
                ("When credits last fewer days than", str(found.get("runway_days", "—"))),
                ("Chat rooms", ", ".join(found.get("chat", [])) or "none"),
            ]
        )
    with card("Who"):
        _told(events, [one for one in events.events if one.configurable])


def _told(events: Events, shown: list[Event]) -> None:
    names = {one.id: one.name for one in events.roles}
    table(
        ["Event", "Roles that are told"],
        [[words(one.event), _roles(one.roles, names)] for one in shown],
        "Who is told of what",
    )


def _roles(roles: tuple[str, ...], names: dict[str, str]) -> str:
    if len(roles) > len(names) // 2:
        left_out = [name for role, name in names.items() if role not in roles]
        return f"All roles but {', '.join(left_out)}" if left_out else "All roles"
    return ", ".join(names.get(role, role) for role in roles) or "nobody"


def _edit(at: Visit, seen: Seen[AlertsTable], events: Events) -> None:
    found, names = seen.value, {one.id: one.name for one in events.roles}
    with card("When"):
        low = text_field(
            f"Tell when less is available than ({at.words.currency})",
            " ".join(found.get("low", [])),
            hint="Amounts with a space between them: 200 50.",
        )
        days = text_field(
            "Tell when credits last fewer days than",
            str(found.get("runway_days", "")),
            hint="0: never.",
        )
        days.props("inputmode=numeric")
        low.classes("tt-long")
    usual = {one.event: set(one.usual) for one in events.events}
    with card("Who"):
        text("A mail goes to the administrators who hold one of these roles.")
        with row():
            chosen = {
                one.event: select_field(words(one.event), names, list(one.roles), several=True)
                for one in events.events
                if one.configurable
            }
    with card("Chat rooms"):
        rooms = long_field(
            "Addresses of chat rooms",
            "\n".join(found.get("chat", [])),
            hint="One a line. They get every event.",
        )

    async def save() -> None:
        if not (days.value.strip().isascii() and days.value.strip().isdigit()):
            form.refuse("Write a whole number of days; 0 for never.", "runway_days")
            return
        for event, field in chosen.items():
            if not field.value:
                form.refuse("Choose at least one role.", event)
                return
        levels = (each.strip(",;") for each in low.value.split())
        wanted: AlertsTable = {
            "low": [each for each in levels if each],
            "runway_days": int(days.value),
            "recipients": {
                event: sorted(field.value)
                for event, field in chosen.items()
                if set(field.value) != usual[event]
            },
            "chat": rooms.value.split(),
        }
        nonlocal seen
        seen = await at.tenant.alerts.put(wanted, if_match=seen)
        tell("Saved.")

    with row():
        form = Form(save, {"low": low, "runway_days": days, "chat": rooms, **chosen})
