"""Webhooks: addresses of programs that are told of events; made, tried out, given new secrets, removed.

A secret is shown once, when it is made; nobody can read it again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from markupsafe import Markup
from nicegui import ui

from talktime.doors.admin.kit.act import action, asked, grave, secret_once, tell
from talktime.doors.admin.kit.fields import Form, check_box, on_enter, select_field, text_field
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import Cell, Column, anchor, badge, card, facts, link, row, table, text
from talktime.doors.admin.money_parts import words
from talktime.doors.admin.page import Visit, page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from talktime.client.management.answers_people import Webhook
    from talktime.client.management.readers import Seen

KEPT: Final = {"86400": "for a day", "3600": "for an hour", "604800": "for a week", "0": "not any more"}
"""For how long the secret of before goes on to sign, in seconds."""

FEW: Final = 4
SECRET: Final = (
    "With it your program checks that a message comes from here. It is not shown again; if it is lost, make a"
    " new one."
)


@page("/tenants/{tenant}/webhooks", title="Webhooks", needs="edit_webhooks")
async def webhooks(at: Visit) -> None:
    """The webhooks, and the form for another one."""
    events = [one.event for one in (await at.tenant.alerts.events()).events]
    with card():
        text("A webhook is an address of yours that gets each event as JSON, signed, within seconds.")
        listed = ui.element("div")
        await _list(at, listed)
    _new(at, listed, events)


async def _list(at: Visit, listed: ui.element) -> None:
    found = await at.tenant.webhooks.all()
    listed.clear()
    with listed:
        table(
            ["Address", "Events", "State", Column("Made", "time")],
            [_line(at, one) for one in found],
            "Webhooks",
            nothing="There is no webhook yet.",
        )


def _line(at: Visit, hook: Webhook) -> list[Cell]:
    return [
        anchor(hook.url, at.link("webhooks", hook.id)),
        _events(hook.events),
        _state(hook),
        at.day(hook.made_at),
    ]


def _events(events: Sequence[str]) -> str:
    if not events:
        return "All"
    named = ", ".join(words(one) for one in events[:FEW])
    return named if len(events) <= FEW else f"{named} and {len(events) - FEW} more"


def _state(hook: Webhook) -> Markup:
    if not hook.enabled:
        return badge("Switched off", "error")
    return badge("Failing", "warning") if hook.failing_since else badge("On", "good")


def _new(at: Visit, listed: ui.element, events: list[str]) -> None:
    with card("Make a webhook"), ui.element("div").classes("tt-form"):
        url = text_field("Address", hint="https://, and public.")
        url.classes("tt-long").props("autocomplete=off inputmode=url")
        chosen = select_field("Events", {each: words(each) for each in events}, [], several=True)
        text("Without a choice it gets all events, also those to come.", small=True)
        private = check_box("The address is inside our own network")

        async def make() -> None:
            made = await at.tenant.webhooks.make(
                url.value.strip(), events=chosen.value, allow_private=bool(private.value)
            )
            secret_once("The webhook's secret", SECRET, made.secret)
            url.value, chosen.value, private.value = "", [], False
            await _list(at, listed)

        form = Form(make, {"url": url, "events": chosen, "allow_private": private}, label="Make the webhook")
        on_enter(url, form.press)


# --- one webhook -----------------------------------------------------------------------------------------


@page("/tenants/{tenant}/webhooks/{webhook}", title="Webhook", needs="edit_webhooks")
async def webhook(at: Visit) -> None:
    """What it is, a test, its secrets, its settings."""
    seen, events = await asyncio.gather(at.tenant.webhooks.get(at.path["webhook"]), at.tenant.alerts.events())
    with card():
        held = _Held(seen, ui.element("div"))
        _draw(at, held)
        with row():
            _buttons(at, held)
    _rotation(at, held)
    _edit(at, held, [one.event for one in events.events])
    link("All webhooks", at.link("webhooks"), as_button=True)


@dataclass(slots=True)
class _Held:
    """The webhook as it was seen last, and where it is drawn."""

    seen: Seen[Webhook]
    box: ui.element


def _draw(at: Visit, held: _Held) -> None:
    hook = held.seen.value
    held.box.clear()
    with held.box:
        ui.html(Markup("<h2>{}</h2>").format(hook.url), sanitize=False)
        _warn(at, hook)
        facts(
            [
                ("Id", hook.id),
                ("State", _state(hook)),
                ("Events", ", ".join(words(one) for one in hook.events) or "All"),
                ("Made", at.when(hook.made_at)),
                ("Secrets that sign", str(hook.secrets)),
                ("Private addresses", "allowed" if hook.allow_private else "not called"),
            ]
        )


def _warn(at: Visit, hook: Webhook) -> None:
    if hook.disabled_at:
        said(
            "error", Markup("Switched off since {}: nothing is sent to it.").format(at.when(hook.disabled_at))
        )
    elif not hook.enabled:
        said("error", "Switched off: nothing is sent to it.")
    elif hook.failing_since:
        since = at.when(hook.failing_since)
        said("warning", Markup("Nothing has arrived since {}; try it out.").format(since))


def _buttons(at: Visit, held: _Held) -> None:
    hook = held.seen.value

    async def test() -> None:
        tried = await at.tenant.webhooks.test(hook.id)
        if tried.taken:
            tell("The test arrived.")
        else:
            tell(f"The test did not arrive: {tried.error}", "negative")

    async def enable() -> None:
        await at.tenant.webhooks.enable(hook.id)
        at.go(at.here())

    async def switch_off() -> None:
        await at.tenant.webhooks.put(hook.id, enabled=False, if_match=held.seen)
        at.go(at.here())

    async def remove() -> None:
        await at.tenant.webhooks.remove(hook.id)
        at.go(at.link("webhooks"))

    action("Send a test", test)
    if hook.enabled:
        action("Switch off", switch_off)
    else:
        action("Switch on again", enable, is_main=True)
    sentence = "What waits for it is not sent any more. Another one can be made, with another secret."
    grave("Remove", f"Remove the webhook {hook.id}?", sentence, remove)


def _rotation(at: Visit, held: _Held) -> None:
    name = held.seen.value.id
    with card("Secret"):
        text(
            "Change it when somebody may have seen it. While the one of before still signs beside it, your"
            " program takes messages with either, so that nothing is lost."
        )
        with row():
            kept = select_field("The secret of before signs", KEPT, "86400")

            async def rotate() -> None:
                if await asked(
                    "Make a new secret?", "Your program has to know it.", "Make it", is_grave=False
                ):
                    made = await at.tenant.webhooks.rotate(name, keep_seconds=int(str(kept.value)))
                    secret_once("The new secret", SECRET, made.secret)
                    held.seen = await at.tenant.webhooks.get(name)
                    _draw(at, held)

            action("Make a new secret", rotate)


def _edit(at: Visit, held: _Held, events: list[str]) -> None:
    hook = held.seen.value
    with card("Change"), ui.element("div").classes("tt-form"):
        url = text_field("Address", hook.url).classes("tt-long")
        chosen = select_field(
            "Events", {each: words(each) for each in events}, list(hook.events), several=True
        )

        async def save() -> None:
            held.seen = await at.tenant.webhooks.put(
                hook.id, url=url.value.strip(), events=chosen.value, if_match=held.seen
            )
            _draw(at, held)
            tell("Saved.")

        Form(save, {"url": url, "events": chosen})
