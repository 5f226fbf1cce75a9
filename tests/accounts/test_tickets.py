"""Support tickets: opened with the facts of that moment, commented, closed, numbered without gaps."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from talktime.accounts.tickets import MAX_TEXT, Case, Ticket, TicketState
from talktime.ledger.commands import NO_TENANT, Refused, Wallet
from tests.accounts.offices import DAY_US, NOW_US, UNIT, Office, office
from tests.databases import database, sqlite_database

__all__ = ["database", "sqlite_database"]  # fixtures

REGION = Case("ea_region_matches", "", "We moved to Germany.")
WORDS = Case("", "Numbers do not ring", "Since this morning.")


def run(database: str, story: Callable[[Office], Awaitable[None]]) -> None:
    """A story on a tenant whose Enterprise Agreement is billed in another region."""
    tables = {
        "tenant": {"id": "contoso", "country": "US", "currency": "USD"},
        "billing_accounts": [{"id": "ea", "agreement": "EA", "country": "DE"}],
        "licences": [{"plan": "MCOPSTN1", "purchased": 5}],
    }

    async def whole() -> None:
        async with office(database) as the:
            assert isinstance(await the.use.make_tenant(tables, "me"), Wallet)
            await story(the)

    asyncio.run(whole())


def code(answer: object) -> str:
    assert isinstance(answer, Refused), answer
    return answer.code


def test_a_ticket_for_a_rule_carries_the_facts(database: str) -> None:
    async def story(the: Office) -> None:
        await the.use.adjust("contoso", 70 * UNIT, "gift", "", "me")
        ticket = await the.tickets.open("contoso", REGION, "Ana")
        assert isinstance(ticket, Ticket)
        assert (ticket.id, ticket.rule, ticket.who, ticket.at_us, ticket.state) == (
            "T-contoso-000001",
            "ea_region_matches",
            "Ana",
            NOW_US,
            TicketState.OPEN,
        )
        assert ticket.subject.startswith("The organisation is in the region of the Enterprise Agreement")
        assert ticket.text == "We moved to Germany."
        facts = ticket.facts
        assert facts["can_buy"] is False
        (failed,) = [rule for rule in facts["rules"] if rule["outcome"] == "failed"]
        assert (failed["rule"], failed["offenders"]) == ("ea_region_matches", ["ea"])
        assert facts["accounts"] == [{"id": "ea", "agreement": "EA", "country": "DE"}]
        assert (facts["country"], facts["balance_micros"]) == ("US", 70 * UNIT)
        assert await the.tickets.one("contoso", ticket.id) == ticket

    run(database, story)


def test_the_facts_stay_those_of_the_moment(sqlite_database: str) -> None:
    async def story(the: Office) -> None:
        ticket = await the.tickets.open("contoso", REGION, "Ana")
        assert isinstance(ticket, Ticket)
        rule = "ea_region_matches"
        await the.provider.grant_waiver("contoso", rule, "moved", NOW_US + DAY_US, "eve")
        later = await the.tickets.comment("contoso", ticket.id, "An exception was granted.", "Eve")
        assert isinstance(later, Ticket)
        assert later.facts == ticket.facts
        assert later.facts["can_buy"] is False

    run(sqlite_database, story)


def test_a_ticket_is_commented_and_closed(database: str) -> None:
    async def story(the: Office) -> None:
        ticket = await the.tickets.open("contoso", WORDS, "Ana")
        assert isinstance(ticket, Ticket)
        the.now_us = NOW_US + DAY_US
        await the.tickets.comment("contoso", ticket.id, "Which numbers?", "Eve")
        closed = await the.tickets.close("contoso", ticket.id, "They ring again.", "Ana")
        assert isinstance(closed, Ticket)
        assert (closed.state, closed.closed_us, closed.closed_by) == ("closed", NOW_US + DAY_US, "Ana")
        assert [(one.who, one.text) for one in closed.comments] == [
            ("Eve", "Which numbers?"),
            ("Ana", "They ring again."),
        ]
        assert await the.tickets.close("contoso", ticket.id, "again", "Bob") == closed, "closed is closed"
        assert code(await the.tickets.comment("contoso", ticket.id, "more", "Ana")) == "ticket_closed"
        lines = the.reader.audit("contoso", 2**62, 10)
        assert [line.what for line in reversed(lines)][1:] == [
            "ticket T-contoso-000001 opened: Numbers do not ring",
            "ticket T-contoso-000001 commented",
            "ticket T-contoso-000001 closed",
        ]

    run(database, story)


def test_tickets_are_numbered_without_gaps_and_listed_in_order(database: str) -> None:
    async def story(the: Office) -> None:
        opened = await asyncio.gather(*(the.tickets.open("contoso", WORDS, f"p{n}") for n in range(12)))
        ids = sorted(ticket.id for ticket in opened if isinstance(ticket, Ticket))
        assert ids == [f"T-contoso-{number:06}" for number in range(1, 13)]
        page = await the.tickets.listed("contoso", "", 5)
        assert [ticket.id for ticket in page] == ids[:5]
        assert [one.id for one in await the.tickets.listed("contoso", ids[4], 50)] == ids[5:]

    run(database, story)


def test_comments_at_once_are_all_kept(database: str) -> None:
    async def story(the: Office) -> None:
        ticket = await the.tickets.open("contoso", WORDS, "Ana")
        assert isinstance(ticket, Ticket)
        await asyncio.gather(*(the.tickets.comment("contoso", ticket.id, f"t{n}", "x") for n in range(9)))
        kept = await the.tickets.one("contoso", ticket.id)
        assert kept is not None
        assert sorted(comment.text for comment in kept.comments) == [f"t{n}" for n in range(9)]

    run(database, story)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (Case("", " ", "text"), "text_missing"),
        (Case("ea_region", "", ""), "unknown_rule"),
        (Case("", "s", "x" * (MAX_TEXT + 1)), "too_long"),
        (Case("", "s" * (MAX_TEXT + 1), ""), "too_long"),
    ],
)
def test_a_case_that_says_nothing_or_too_much_is_refused(
    sqlite_database: str, case: Case, expected: str
) -> None:
    async def story(the: Office) -> None:
        assert code(await the.tickets.open("contoso", case, "Ana")) == expected
        assert await the.tickets.listed("contoso", "", 9) == []

    run(sqlite_database, story)


def test_what_does_not_exist_is_refused(sqlite_database: str) -> None:
    async def story(the: Office) -> None:
        tickets = the.tickets
        assert code(await tickets.comment("contoso", "T-contoso-000001", "x", "me")) == "unknown_ticket"
        assert code(await tickets.close("contoso", "T-contoso-000001", "", "me")) == "unknown_ticket"
        assert code(await tickets.comment("contoso", "T-contoso-000001", " ", "me")) == "text_missing"
        assert await tickets.one("contoso", "T-contoso-000001") is None
        answers = [
            await tickets.open("nobody", WORDS, "me"),
            await tickets.comment("nobody", "T-nobody-000001", "x", "me"),
            await tickets.close("nobody", "T-nobody-000001", "", "me"),
        ]
        assert answers == [NO_TENANT] * 3

    run(sqlite_database, story)
