"""`talktime ticket`: cases for support, each with the facts of the moment in which it was opened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from talktime.doors.cli.engine import Working, typist, working
from talktime.doors.cli.listing import (
    facts,
    listed,
    local,
    our_screen,
    print_answer,
    print_answers,
    say,
    zone_note,
)
from talktime.doors.cli.problems import Unusable
from talktime.doors.cli.tenants import done

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.accounts.tickets import Ticket, Tickets
    from talktime.doors.cli.options import Asked
    from talktime.ledger.commands import Refused

PAGE: Final = 1_000


def open_ticket_command(asked: Asked, rule: str, subject: str, text: str) -> int:
    """Opens a ticket."""
    from talktime.accounts.tickets import Case

    case = Case(rule, subject, text)
    return _done(asked, lambda tickets, tenant: tickets.open(tenant, case, typist().who), "is open")


def comment_command(asked: Asked, ticket: str, text: str) -> int:
    """Says something on a ticket."""
    return _done(
        asked,
        lambda tickets, tenant: tickets.comment(tenant, ticket, text, typist().who),
        "has a comment more",
    )


def close_ticket_command(asked: Asked, ticket: str, text: str) -> int:
    """Closes a ticket; one that is closed stays as it is."""
    return _done(
        asked, lambda tickets, tenant: tickets.close(tenant, ticket, text, typist().who), "is closed"
    )


def _done(asked: Asked, ask: Callable[[Tickets, str], Awaitable[Ticket | Refused]], what: str) -> int:
    """Does something to a ticket and says what it is now."""
    from talktime.doors.http.management.shown_people import ticket_shown

    async def change(here: Working) -> Ticket:
        return done(await ask(_tickets(here), here.tenant_id(asked.tenant)))

    ticket = working(asked.database, change)
    if asked.as_json:
        print_answer(ticket_shown(ticket))
    else:
        say(f"ticket {ticket.id} ({ticket.subject}) {what}")
    return 0


def list_tickets_command(asked: Asked) -> int:
    """Lists all tickets in order."""
    from talktime.doors.http.management.shown_people import ticket_shown

    async def read(here: Working) -> tuple[Tenant, list[Ticket]]:
        tenant, tickets = here.tenant(asked.tenant), _tickets(here)
        found = page = await tickets.listed(tenant.id, "", PAGE)
        while len(page) == PAGE:
            page = await tickets.listed(tenant.id, page[-1].id, PAGE)
            found = found + page
        return tenant, found

    tenant, found = working(asked.database, read)
    if asked.as_json:
        print_answers("tickets", [ticket_shown(ticket) for ticket in found])
        return 0
    screen = our_screen()
    if not found:
        screen.say("no tickets yet; `talktime ticket open TEXT --rule RULE` opens one")
        return 0
    rows = [
        (ticket.id, local(ticket.at_us, tenant.time_zone), ticket.state.value, ticket.subject)
        for ticket in found
    ]
    listed(screen, ("id", "opened", "state", "subject"), rows, whole=("id", "opened", "state"))
    zone_note(screen, tenant.time_zone)
    return 0


def show_ticket_command(asked: Asked, name: str) -> int:
    """Shows one ticket with its comments."""
    from talktime.doors.http.management.shown_people import ticket_shown

    async def read(here: Working) -> tuple[Tenant, Ticket | None]:
        tenant = here.tenant(asked.tenant)
        return tenant, await _tickets(here).one(tenant.id, name)

    tenant, ticket = working(asked.database, read)
    if ticket is None:
        raise Unusable(f"there is no ticket {name!r}; `talktime ticket list` shows them")
    if asked.as_json:
        print_answer(ticket_shown(ticket))
    else:
        _show(ticket, tenant)
    return 0


def _show(ticket: Ticket, tenant: Tenant) -> None:
    zone, screen = tenant.time_zone, our_screen()
    failed = [one["rule"] for one in ticket.facts.get("rules", ()) if one["outcome"] == "failed"]
    closed = f"{local(ticket.closed_us, zone)} by {ticket.closed_by}" if ticket.closed_us else ""
    facts(
        screen,
        [
            ("ticket", ticket.id),
            ("state", ticket.state.value),
            ("subject", ticket.subject),
            ("rule", ticket.rule),
            ("text", ticket.text),
            ("opened", f"{local(ticket.at_us, zone)} by {ticket.who}"),
            ("closed", closed),
            ("failed then", ", ".join(failed) or "no rule"),
        ],
    )
    if ticket.comments:
        screen.title("Comments")
        rows = [(local(one.at_us, zone), one.who, one.text) for one in ticket.comments]
        listed(screen, ("at", "who", "what"), rows, whole=("at",))
    zone_note(screen, zone)


def _tickets(here: Working) -> Tickets:
    from talktime.accounts.tickets import Tickets

    return Tickets(here.engine, here.reader, here.catalogue)
