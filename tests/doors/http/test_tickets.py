"""Support tickets over HTTP: opened with the facts of the moment, commented, closed, read back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.databases import database, sqlite_database
from tests.doors.http.houses import Door
from tests.doors.http.test_people import got, told

__all__ = ["database", "sqlite_database"]  # fixtures

CONTOSO = "/v1/tenants/contoso"
TICKETS = f"{CONTOSO}/tickets"


def test_life_of_a_ticket(database: str) -> None:
    async def story(door: Door) -> None:
        csp = {"id": "direct", "agreement": "CSP"}
        await got(door.client.put(f"{CONTOSO}/billing-accounts/direct", json=csp))
        async with door.holder("helpdesk_administrator") as client:
            asked = {"case": "not_through_csp", "text": "We left our partner.\nPlease look."}
            opened = await got(client.post(TICKETS, json=asked), 201)
            assert (opened["id"], opened["state"]) == ("T-contoso-000001", "open")
            assert opened["subject"], "the rule says what it is about"
            rules = {rule["rule"]: rule["outcome"] for rule in opened["facts"]["rules"]}
            assert rules["not_through_csp"] == "failed"
            one = f"{TICKETS}/{opened['id']}"
            await got(client.post(f"{one}/comments", json={"text": "Any news?"}), 201)
            await got(
                door.client.put(f"{CONTOSO}/billing-accounts/direct", json={**csp, "agreement": "MOSA"})
            )
            closed = await got(client.post(f"{one}/close", json={"text": "It works."}))
            assert [comment["text"] for comment in closed["comments"]] == ["Any news?", "It works."]
            assert closed["facts"] == opened["facts"], "a ticket keeps what was true when it was opened"
            assert closed["closed_at"] == "2026-03-01T12:00:00Z"
            assert await got(client.post(f"{one}/close", json={})) == closed
            problem = await got(client.post(f"{one}/comments", json={"text": "More"}), 409)
            assert problem["code"] == "ticket_closed"
            assert await got(client.get(one)) == closed
            told_of = {name: closed[name] for name in closed if name not in ("text", "comments", "facts")}
            assert await got(client.get(TICKETS)) == {"tickets": [told_of], "next": None}
        lines = (await got(door.client.get(f"{CONTOSO}/audit")))["audit"]
        assert [line["what"] for line in lines if "ticket" in line["what"]] == [
            "ticket T-contoso-000001 closed",
            "ticket T-contoso-000001 commented",
            f"ticket T-contoso-000001 opened: {opened['subject']}",
        ]

    told(story, database)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "text_missing"),
        ({"case": "is_friendly", "subject": "Hello"}, 422, "unknown_rule"),
        ({"subject": "a\u0000b"}, 400, "malformed"),
        ({"subject": "Hello", "text": "x" * 10_001}, 400, "malformed"),
        ({"subject": "Hello", "urgent": True}, 400, "malformed"),
    ],
)
def test_ticket_that_says_nothing_is_refused(
    sqlite_database: str, body: dict[str, Any], status: int, code: str
) -> None:
    async def story(door: Door) -> None:
        assert (await got(door.client.post(TICKETS, json=body), status))["code"] == code
        assert (await got(door.client.get(TICKETS)))["tickets"] == []

    told(story, sqlite_database)


def test_ticket_that_is_not_there(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        one = f"{TICKETS}/T-contoso-000009"
        for asked in (
            door.client.get(one),
            door.client.post(f"{one}/comments", json={"text": "x"}),
            door.client.post(f"{one}/close", json={}),
        ):
            assert (await got(asked, 404))["code"] == "unknown_ticket"

    told(story, sqlite_database)


def test_tickets_come_in_pages(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        for number in range(5):
            await got(door.client.post(TICKETS, json={"subject": f"Case {number}"}), 201)
        found, cursor = [], ""
        while cursor is not None:
            page = await got(door.client.get(TICKETS, params={"limit": 2, "cursor": cursor}))
            found += [ticket["subject"] for ticket in page["tickets"]]
            cursor = page["next"]
        assert found == [f"Case {number}" for number in range(5)]

    told(story, sqlite_database)
