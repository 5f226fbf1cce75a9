"""Support tickets: opened for a rule of eligibility or in free words, commented, closed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import Field, StringConstraints

from talktime.accounts.tickets import MAX_TEXT, Case, Tickets
from talktime.doors.http.management.answers_people import TicketAnswer, TicketList
from talktime.doors.http.management.house import CallerOf, House, InHouse, done, may, who
from talktime.doors.http.management.pages import Key
from talktime.doors.http.management.shown_people import ticket_line, ticket_shown
from talktime.doors.http.management.texts import Cursor, Limit, Strict, Text, next_of, place_of
from talktime.doors.http.problems import refused

router = APIRouter(prefix="/v1/tenants/{tenant}/tickets", tags=["tickets"])

HandlesTickets = Annotated[str, Depends(may("manage_support_tickets"))]

TicketId = Annotated[
    str, Path(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.-]+$", examples=["T-contoso-000001"])
]

# What people write has lines; other control characters have no place in it.
Words = Annotated[
    str, StringConstraints(max_length=MAX_TEXT, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")
]


class NewTicket(Strict):
    """A ticket about a rule of eligibility (`case`), in free words (`subject`), or both."""

    case: Annotated[Text, Field(examples=["not_through_csp"])] = ""
    subject: Annotated[Text, Field(examples=["We cannot buy credits"])] = ""
    text: Annotated[Words, Field(examples=["We moved to direct billing last week."])] = ""


class NewComment(Strict):
    """Something to say on a ticket."""

    text: Annotated[Words, Field(min_length=1, examples=["The account is changed; please look again."])]


class LastWords(Strict):
    """A last comment, or none."""

    text: Annotated[Words, Field(examples=["It works now."])] = ""


@router.get("")
async def list_tickets(
    house: InHouse, tenant: HandlesTickets, limit: Limit = 100, cursor: Cursor = ""
) -> TicketList:
    """A line for each ticket, in order of their ids, closed ones too."""
    await house.known(tenant)
    found = await _tickets(house).listed(tenant, place_of(cursor, Key, ""), limit)
    return TicketList(
        tickets=[ticket_line(ticket) for ticket in found],
        next=next_of(found[-1].id) if len(found) == limit else None,
    )


@router.post("", status_code=201)
async def open_ticket(
    house: InHouse, principal: CallerOf, tenant: HandlesTickets, body: NewTicket
) -> TicketAnswer:
    """Opens a ticket; it keeps what the tenant is told of its eligibility at this moment."""
    case = Case(body.case, body.subject, body.text)
    return ticket_shown(done(await _tickets(house).open(tenant, case, who(principal))))


@router.get("/{ticket}")
async def get_ticket(house: InHouse, tenant: HandlesTickets, ticket: TicketId) -> TicketAnswer:
    """One ticket with its comments."""
    await house.known(tenant)
    found = await _tickets(house).one(tenant, ticket)
    if found is None:
        raise refused("unknown_ticket", f"there is no ticket {ticket!r}")
    return ticket_shown(found)


@router.post("/{ticket}/comments", status_code=201)
async def comment_ticket(
    house: InHouse, principal: CallerOf, tenant: HandlesTickets, ticket: TicketId, body: NewComment
) -> TicketAnswer:
    """Says something on an open ticket."""
    return ticket_shown(done(await _tickets(house).comment(tenant, ticket, body.text, who(principal))))


@router.post("/{ticket}/close")
async def close_ticket(
    house: InHouse, principal: CallerOf, tenant: HandlesTickets, ticket: TicketId, body: LastWords
) -> TicketAnswer:
    """Closes a ticket; one that is closed stays as it is."""
    return ticket_shown(done(await _tickets(house).close(tenant, ticket, body.text, who(principal))))


def _tickets(house: House) -> Tickets:
    return Tickets(house.desk.engine, house.reader, house.desk.catalogue)
