"""Looking after an organisation: who changed what, and support tickets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup
from nicegui import ui

from talktime.doors.admin.differences import differences
from talktime.doors.admin.kit.act import action, asked
from talktime.doors.admin.kit.fields import Form, long_field, on_enter, text_field
from talktime.doors.admin.kit.show import (
    Cell,
    Column,
    anchor,
    badge,
    card,
    empty,
    facts,
    link,
    more,
    pager,
    row,
    table,
    table_markup,
    text,
)
from talktime.doors.admin.money_parts import PAGE, words
from talktime.doors.admin.page import Visit, page

if TYPE_CHECKING:
    from talktime.client.management.answers_money import Change
    from talktime.client.management.answers_people import Ticket, TicketLine

MOST: Final = 200
"""Differences of one change that are shown."""

SHORT: Final = 120
"""Letters of a single difference that need no table."""

OPEN: Final = "open"


# --- the audit log ---------------------------------------------------------------------------------------


@page("/tenants/{tenant}/audit", title="Audit log", needs="see_audit", wide=True)
async def audit(at: Visit) -> None:
    """Who changed what, when, with what was there before and after."""
    search = at.query.get("search", "")[:100]
    found = await at.tenant.books.audit(search=search, limit=PAGE, before=at.query.get("before", "")).first()
    with card():
        _search(at, search)
        table(
            [Column("When", "time"), "Who", "What", "Before and after"],
            [_change(at, one) for one in found.items],
            "Changes, newest first",
            nothing="No change says that." if search else "Nothing was changed yet.",
        )
        pager(
            at.here(before=None) if at.query.get("before") else "",
            at.here(before=found.next) if found.next else "",
        )


def _search(at: Visit, search: str) -> None:
    with row():
        field = text_field("Search", search, hint="A person, a word, an amount.")

        async def find() -> None:
            at.go(at.here(search=field.value.strip(), before=None))

        form = Form(find, {"search": field}, label="Search")
        on_enter(field, form.press)


def _change(at: Visit, change: Change) -> list[Cell]:
    return [at.when(change.at), change.who, change.what, _difference(change)]


def _difference(change: Change) -> Cell:
    found = differences(change.before, change.after)
    if not found:
        return "—"
    if len(found) == 1 and len(found[0].before) + len(found[0].after) < SHORT:
        one = found[0]
        named = Markup("{}: ").format(one.name) if one.name else ""
        return Markup('{}{} <span aria-label="became">→</span> {}').format(named, one.before, one.after)
    rows = [[one.name or "All of it", one.before, one.after] for one in found[:MOST]]
    label = "1 thing" if len(found) == 1 else f"{len(found)} things"
    if len(found) > MOST:
        label = f"{label}, of which the first {MOST} are shown"
    inner = table_markup(["What", "Before", "After"], rows, f"{change.what}, {change.id}")
    return Markup('<details class="tt-more"><summary>{}</summary>{}</details>').format(label, inner)


# --- tickets ---------------------------------------------------------------------------------------------


@page("/tenants/{tenant}/tickets", title="Support tickets", needs="manage_support_tickets")
async def tickets(at: Visit) -> None:
    """The tickets, and the form for another one."""
    found = await at.tenant.tickets.pages(limit=PAGE, cursor=at.query.get("cursor", "")).first()
    with card():
        table(
            ["Ticket", "About", "State", Column("Opened", "time"), "By"],
            [_ticket(at, one) for one in found.items],
            "Support tickets",
            nothing="There is no ticket yet.",
        )
        pager(
            at.here(cursor=None) if at.query.get("cursor") else "",
            at.here(cursor=found.next) if found.next else "",
        )
    _open(at)


def _ticket(at: Visit, ticket: TicketLine) -> list[Cell]:
    about = ticket.subject or words(ticket.case)
    return [
        anchor(ticket.id, at.link("tickets", ticket.id)),
        about,
        _state(ticket),
        at.when(ticket.opened_at),
        ticket.opened_by,
    ]


def _state(ticket: TicketLine) -> Markup:
    return badge(words(ticket.state), "warning" if ticket.state == OPEN else "")


def _open(at: Visit) -> None:
    with card("Open a ticket"), ui.element("div").classes("tt-form"):
        subject = text_field("Subject").classes("tt-long")
        said = long_field("What is it about", hint="What you did, what you expected, what happened.")

        async def send() -> None:
            made = await at.tenant.tickets.open(subject=subject.value.strip(), text=said.value.strip())
            at.go(at.link("tickets", made.id))

        Form(send, {"subject": subject, "text": said}, label="Open the ticket")


@page("/tenants/{tenant}/tickets/{ticket}", title="Support ticket", needs="manage_support_tickets")
async def ticket(at: Visit) -> None:
    """What it is about, what was said, and something to say."""
    found = await at.tenant.tickets.get(at.path["ticket"])
    with card(found.subject or words(found.case)):
        pairs: list[tuple[str, Cell]] = [
            ("Ticket", found.id),
            ("State", _state(found)),
            ("Opened", Markup("{} by {}").format(at.when(found.opened_at), found.opened_by)),
        ]
        if found.closed_at is not None:
            closed = Markup("{} by {}").format(at.when(found.closed_at), found.closed_by or "—")
            pairs.append(("Closed", closed))
        if found.case:
            pairs.append(("Rule of eligibility", words(found.case)))
        facts(pairs)
        if found.text:
            _lines(found.text)
        if found.facts:
            more("What was known then", _facts(found.facts))
    _comments(at, found)
    if found.state == OPEN:
        _answer(at, found)
    link("All tickets", at.link("tickets"), as_button=True)


def _lines(said: str) -> None:
    text(Markup("<br>").join(said.splitlines()))


def _facts(known: dict[str, Any]) -> Markup:
    """What the tenant was told of its eligibility when the ticket was opened."""
    rules = [
        [rule.get("asks", ""), words(rule.get("outcome", "")), rule.get("why", "")]
        for rule in known.get("rules", ())
    ]
    lines = [[words(name), "yes" if value else "no"] for name, value in known.items() if name != "rules"]
    return table_markup(["What", "Was so"], lines, "Facts") + table_markup(
        ["Rule", "Outcome", "Why"], rows=rules, caption="Rules of eligibility"
    )


def _comments(at: Visit, found: Ticket) -> None:
    with card("What was said"):
        if not found.comments:
            empty("Nobody has said anything yet.")
        for one in found.comments:
            line = Markup('<span class="tt-small">{}, {}</span>').format(one.who, at.when(one.at))
            text(line)
            _lines(one.text)


def _answer(at: Visit, found: Ticket) -> None:
    with card("Say something"), ui.element("div").classes("tt-form"):
        said = long_field("Comment")

        async def comment() -> None:
            await at.tenant.tickets.comment(found.id, said.value.strip())
            at.go(at.here())

        async def close() -> None:
            if await asked("Close the ticket?", "It cannot be opened again.", "Close it"):
                await at.tenant.tickets.close(found.id, text=said.value.strip())
                at.go(at.here())

        Form(comment, {"text": said}, label="Send the comment")
        action("Close the ticket", close)
