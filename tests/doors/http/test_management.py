"""The management routes from outside: what people send, what they are answered, and what is stored then."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from talktime.doors.http.doorkeeper import MAX_BODY_BYTES
from talktime.ledger.audit import INSTALLATION
from talktime.ledger.database import open_url
from talktime.ledger.engine import QueueFull, Stopping
from talktime.ledger.reading import NO_BEFORE, Reader
from talktime.ledger.store import StoreAway, StoreBusy, UnknownOutcome
from talktime.ledger.verify import verify
from talktime.live.answers import Allowed
from tests.databases import database, sqlite_database
from tests.doors.http.houses import TENANT, Door, client_of, open_door

__all__ = ["database", "sqlite_database"]  # fixtures

CONTOSO = "/v1/tenants/contoso"

Story = Callable[[Door], Awaitable[None]]


def told(story: Story, url: str) -> None:
    """Runs a story in front of a furnished door."""

    async def run() -> None:
        async with open_door(url) as door:
            await story(door)

    asyncio.run(run())


async def got(answer: Awaitable[httpx.Response], status: int = 200) -> Any:
    """The JSON of an answer that has the status which is expected."""
    response = await answer
    assert response.status_code == status, response.text
    if status >= 400:
        assert response.headers["content-type"] == "application/problem+json"
    return response.json() if response.content else None


def code_of(problem: Any) -> tuple[str, str | None]:
    return problem["code"], problem.get("pointer")


# --- tenants ------------------------------------------------------------------------------------------


def test_tenant_comes_back_as_it_was_made(database: str) -> None:
    async def story(door: Door) -> None:
        own = await got(door.client.get(CONTOSO))
        assert own["tenant"] == {**TENANT["tenant"], "time_zone": "UTC", "default_billing_account": "direct"}
        assert own["caps"] == TENANT["caps"]
        assert "users" not in own
        (ana,) = (await got(door.client.get(f"{CONTOSO}/users")))["users"]
        assert ana == {**TENANT["users"][0], "location": "US"}
        numbers = await got(door.client.get(f"{CONTOSO}/service-numbers"))
        assert numbers == {"service_numbers": TENANT["service_numbers"], "next": None}
        (line,) = (await got(door.client.get("/v1/tenants")))["tenants"]
        assert (line["id"], line["balance"], line["available"]) == ("contoso", "50", "50")

    told(story, database)


def test_lots_a_tenant_brings_along_are_bought_at_their_times(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        purchases = [
            {"at": "2026-01-10T00:00:00Z", "amount": "70"},
            {"at": "2024-12-01T00:00:00Z", "amount": "50"},  # expired by now
            {"at": "2025-06-01T00:00:00Z", "amount": "60"},
        ]
        tables = {"tenant": {**TENANT["tenant"], "id": "old"}, "purchases": purchases}
        await got(door.client.post("/v1/tenants", json=tables), 201)
        credits = await got(door.client.get("/v1/tenants/old/credits"))
        lots = [(lot["lot"], lot["amount"], lot["bought_at"], lot["expires_at"]) for lot in credits["lots"]]
        assert lots == [
            (2, "60", "2025-06-01T00:00:00Z", "2026-06-01T00:00:00Z"),
            (3, "70", "2026-01-10T00:00:00Z", "2027-01-10T00:00:00Z"),
        ]
        assert credits["balance"] == "130"
        entries = (await got(door.client.get("/v1/tenants/old/entries")))["entries"]
        assert [(entry["kind"], entry["amount"], entry["lot"]) for entry in entries] == [
            ("expired", "50", 1),
            ("funded", "70", 3),
            ("funded", "60", 2),
            ("funded", "50", 1),
        ]

    told(story, sqlite_database)


@pytest.mark.parametrize(
    ("change", "status", "code", "pointer", "words"),
    [
        ({"tenant": {"id": "new", "country": "US"}}, 400, "malformed", "/tenant/currency", "required"),
        ({"tenant": {**TENANT["tenant"], "id": "a/b"}}, 400, "malformed", "/tenant/id", "pattern"),
        ({"caps": [{"scope": "tenant", "amount": 5}]}, 400, "malformed", "/caps/0/amount", "string"),
        ({"users": [{"upn": "a\x00b"}]}, 400, "malformed", "/users/0/upn", "pattern"),
        ({"budget": 3}, 422, "invalid", None, "unknown key budget"),
        ({"users": [{"upn": "a", "licenses": []}]}, 422, "invalid", "/users/0/licenses", "did you mean"),
        ({"users": [{"upn": "a"}, {"upn": "A"}]}, 422, "invalid", "/users/1/upn", "already"),
        ({"purchases": [{"at": "2999-01-01", "amount": "50"}]}, 422, "invalid", "/purchases/0/at", "future"),
        ({"deck": "rates.csv"}, 422, "invalid", "/deck", "bind a stored deck"),
        ({"auto_recharge": {"enabled": True}}, 422, "invalid", "/auto_recharge/below", "below is missing"),
        ({}, 409, "exists", None, "exists already"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_tenant_that_cannot_be_is_refused(
    sqlite_database: str, change: dict[str, Any], status: int, code: str, pointer: str | None, words: str
) -> None:
    async def story(door: Door) -> None:
        name = "contoso" if code == "exists" else "new"
        tables = {"tenant": {**TENANT["tenant"], "id": name}, **change}
        problem = await got(door.client.post("/v1/tenants", json=tables), status)
        assert code_of(problem) == (code, pointer)
        assert words in problem["detail"]
        assert len((await got(door.client.get("/v1/tenants")))["tenants"]) == 1, "nothing is written"

    told(story, sqlite_database)


def test_settings_are_replaced_and_people_stay(database: str) -> None:
    async def story(door: Door) -> None:
        own = await got(door.client.get(CONTOSO))
        own["guards"] = {"concurrent_calls": 5, "barred_prefixes": ["1900"]}
        own["auto_recharge"] = {"enabled": True, "below": "100", "add": "200"}
        del own["caps"]
        assert await got(door.client.put(CONTOSO, json=own)) == own
        assert len((await got(door.client.get(f"{CONTOSO}/users")))["users"]) == 1
        (line, *_) = (await got(door.client.get(f"{CONTOSO}/audit")))["audit"]
        assert line["what"] == "settings replaced"
        assert '"Sales"' in line["before"]
        assert '"Sales"' not in line["after"]
        assert await got(door.client.put(CONTOSO, json=own)) == own
        assert len((await got(door.client.get(f"{CONTOSO}/audit")))["audit"]) == 2, "no change, no line"

    told(story, database)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"users": []}, "users: cannot be replaced here"),
        ({"tenant": {**TENANT["tenant"], "currency": "EUR"}}, "currency 'EUR' cannot be changed"),
        ({"tenant": {**TENANT["tenant"], "time_zone": "Europe/Paris"}}, "time_zone 'Europe/Paris'"),
        ({"tenant": {**TENANT["tenant"], "id": "fabrikam"}}, "id 'fabrikam' cannot be changed"),
        ({"licences": [{"plan": "MCOPSTN1", "purchased": 0}]}, "1 assigned but 0 bought"),
        ({"caps": [{"scope": "user", "id": "nobody", "amount": "3"}]}, "no user of this file"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_settings_that_cannot_be_are_refused(sqlite_database: str, change: Any, words: str) -> None:
    async def story(door: Door) -> None:
        before = await got(door.client.get(CONTOSO))
        problem = await got(door.client.put(CONTOSO, json={**before, **change}), 422)
        assert words in problem["detail"]
        assert await got(door.client.get(CONTOSO)) == before

    told(story, sqlite_database)


def test_user_is_put_changed_and_removed(database: str) -> None:
    async def story(door: Door) -> None:
        users = f"{CONTOSO}/users"
        bob = {"upn": "bob@contoso.example", "licences": ["MCOPSTN1"]}
        await got(door.client.put(f"{users}/Bob@contoso.example", json=bob))
        with_id = {**bob, "id": "4711", "licences": ["MCOPSTNC"]}
        await got(door.client.put(f"{users}/bob@contoso.example", json=with_id))
        found = (await got(door.client.get(users)))["users"]
        assert [(user["upn"], user["licences"]) for user in found] == [
            (bob["upn"], ["MCOPSTNC"]),
            ("ana@contoso.example", ["MCOPSTN1", "MCOPSTNC"]),
        ]
        assert isinstance(await door.call(user="4711"), Allowed), "the engine knows at once"
        await got(door.client.delete(f"{users}/bob@contoso.example"), 204)
        gone = await got(door.client.delete(f"{users}/4711"), 404)
        assert code_of(gone) == ("unknown_user", None)
        assert len((await got(door.client.get(users)))["users"]) == 1

    told(story, database)


def test_user_that_breaks_the_tenant_is_refused(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        users = f"{CONTOSO}/users"
        both = {"upn": "bob", "licences": ["MCOPSTN1", "MCOPSTN2"]}
        problem = await got(door.client.put(f"{users}/bob", json=both), 422)
        assert "two calling plans" in problem["detail"]
        assert code_of(await got(door.client.put(f"{users}/eve", json=both), 422))[0] == "invalid"
        clash = {"upn": "bob", "id": "ANA@contoso.example"}
        problem = await got(door.client.put(f"{users}/bob", json=clash), 422)
        assert "names users[" in problem["detail"]
        problem = await got(door.client.delete(f"{users}/ana@contoso.example"), 422)
        assert "no cost_centre" in problem["detail"], "a cap would hold for nobody"

    told(story, sqlite_database)


def test_service_number_is_put_and_removed(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        place = f"{CONTOSO}/service-numbers"
        number = {"number": "+14255550199", "kind": "toll"}
        await got(door.client.put(f"{place}/+14255550199", json=number))
        assert len((await got(door.client.get(place)))["service_numbers"]) == 2
        problem = await got(door.client.put(f"{place}/+14255550111", json=number), 422)
        assert "is another than" in problem["detail"]
        await got(door.client.delete(f"{place}/+14255550199"), 204)
        await got(door.client.delete(f"{place}/+14255550199"), 404)
        await got(door.client.delete(f"{place}/nonsense"), 404)

    told(story, sqlite_database)


# --- money --------------------------------------------------------------------------------------------


def test_purchase_is_made_once_by_its_reference(database: str) -> None:
    async def story(door: Door) -> None:
        bought = {"amount": "60", "currency": "USD", "reference": "pay-1"}
        first = await got(door.client.post(f"{CONTOSO}/lots", json=bought), 201)
        assert first == {"lot": 2, "amount": "60", "currency": "USD", "repeated": False}
        again = await got(door.client.post(f"{CONTOSO}/lots", json=bought))
        assert again == {**first, "repeated": True}
        problem = await got(door.client.post(f"{CONTOSO}/lots", json={**bought, "amount": "61"}), 409)
        assert code_of(problem) == ("conflict", None)
        assert (await got(door.client.get(f"{CONTOSO}/credits")))["balance"] == "110"

    told(story, database)


def test_purchases_at_once_by_one_reference_open_one_lot(database: str) -> None:
    async def story(door: Door) -> None:
        bought = {"amount": "60", "currency": "USD", "reference": "pay-1"}
        answers = await asyncio.gather(*(door.client.post(f"{CONTOSO}/lots", json=bought) for _ in range(8)))
        assert {answer.json()["lot"] for answer in answers} == {2}
        assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
        assert (await got(door.client.get(f"{CONTOSO}/credits")))["balance"] == "110"

    told(story, database)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"amount": "0", "currency": "USD"}, 422, "zero_amount"),
        ({"amount": "-50", "currency": "USD"}, 422, "negative_amount"),
        ({"amount": "49.99", "currency": "USD"}, 422, "below_minimum"),
        ({"amount": "50", "currency": "EUR"}, 422, "foreign_currency"),
        ({"amount": "1000000000.01", "currency": "USD"}, 422, "over_limit"),
        ({"amount": "50.001", "currency": "USD"}, 422, "finer_than_coin"),
        ({"amount": 50, "currency": "USD"}, 400, "malformed"),
        ({"amount": "1e9", "currency": "USD"}, 400, "malformed"),
        ({"amount": "50", "currency": "USD", "note": ""}, 400, "malformed"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_purchase_that_cannot_be_is_refused_by_name(
    sqlite_database: str, body: Any, status: int, code: str
) -> None:
    async def story(door: Door) -> None:
        problem = await got(door.client.post(f"{CONTOSO}/lots", json={"reference": "r", **body}), status)
        assert problem["code"] == code
        assert (await got(door.client.get(f"{CONTOSO}/credits")))["balance"] == "50"

    told(story, sqlite_database)


def test_adjustments_give_and_take_with_a_reason(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        place = f"{CONTOSO}/adjustments"
        given = await got(
            door.client.post(place, json={"amount": "5", "reason": "sorry", "reference": "r1"}), 201
        )
        assert given == {"lot": 2, "balance": "55", "reserved": "0", "available": "55", "repeated": False}
        taken = await got(
            door.client.post(place, json={"amount": "-12.5", "reason": "typo", "reference": "r2"}), 201
        )
        assert taken["balance"] == "42.5"
        problem = await got(
            door.client.post(place, json={"amount": "-42.51", "reason": "all", "reference": "r3"}), 409
        )
        assert problem["code"] == "too_much"
        await got(door.client.post(place, json={"amount": "0", "reason": "none", "reference": "r4"}), 422)
        await got(door.client.post(place, json={"amount": "1", "reason": " ", "reference": "r5"}), 422)
        await got(door.client.post(place, json={"amount": "1", "reference": "r6"}), 400)
        audit = (await got(door.client.get(f"{CONTOSO}/audit")))["audit"]
        assert [line["what"] for line in audit[:2]] == [
            "adjustment of -12.5 USD: typo",
            "adjustment of 5 USD: lot 2: sorry",
        ]
        assert all(line["who"].endswith("(operator)") for line in audit)

    told(story, sqlite_database)


@pytest.mark.parametrize(("amount", "lot", "balance"), [("5", 2, "55"), ("-12.5", None, "37.5")])
def test_adjustment_is_made_once_by_its_reference(
    database: str, amount: str, lot: int | None, balance: str
) -> None:
    async def story(door: Door) -> None:
        place = f"{CONTOSO}/adjustments"
        body = {"amount": amount, "reason": "sorry", "reference": "ticket 7"}
        first = await got(door.client.post(place, json=body), 201)
        assert (first["lot"], first["balance"], first["repeated"]) == (lot, balance, False)
        assert await got(door.client.post(place, json=body)) == {**first, "repeated": True}
        for other in ("5.01", "-5.01", "5", "-12.5"):
            if other != amount:
                problem = await got(door.client.post(place, json={**body, "amount": other}), 409)
                assert problem["code"] == "conflict"
                assert "'ticket 7'" in problem["detail"]
        bought = {"amount": "50", "currency": "USD", "reference": "ticket 7"}
        assert (await got(door.client.post(f"{CONTOSO}/lots", json=bought), 409))["code"] == "conflict"
        assert (await got(door.client.get(f"{CONTOSO}/credits")))["balance"] == balance
        assert len((await got(door.client.get(f"{CONTOSO}/entries")))["entries"]) == 2

    told(story, database)
    assert verify(open_url(database)).is_clean


@pytest.mark.parametrize("amount", ["5", "-5"])
def test_adjustments_at_once_by_one_reference_are_one(database: str, amount: str) -> None:
    async def story(door: Door) -> None:
        body = {"amount": amount, "reason": "sorry", "reference": "ticket 7"}
        place = f"{CONTOSO}/adjustments"
        answers = await asyncio.gather(*(door.client.post(place, json=body) for _ in range(8)))
        assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
        assert len({answer.json()["balance"] for answer in answers}) == 1
        assert len((await got(door.client.get(f"{CONTOSO}/entries")))["entries"]) == 2

    told(story, database)


def test_credits_of_several_lots_are_taken_back_by_one_reference(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        place = f"{CONTOSO}/adjustments"
        await got(door.client.post(place, json={"amount": "5", "reason": "sorry", "reference": "r7"}), 201)
        for name, amount in (("a", "-20"), ("b", "-32"), ("c", "-1")):
            body = {"amount": amount, "reason": "typo", "reference": name}
            await got(door.client.post(place, json=body), 201)

    told(story, sqlite_database)
    assert verify(open_url(sqlite_database)).is_clean
    with closing(sqlite3.connect(open_url(sqlite_database).path)) as db:
        db.execute("update lots set amount = amount + 1 where reference = 'b'")
        db.commit()
    (found,) = verify(open_url(sqlite_database)).differences
    assert (found.what, found.stored) == ("micros that a taking back by a reference did not take", "1")


def test_credits_show_what_a_call_reserves(database: str) -> None:
    async def story(door: Door) -> None:
        assert isinstance(await door.call(), Allowed)
        credits = await got(door.client.get(f"{CONTOSO}/credits"))
        (lot,) = credits.pop("lots")
        rule = {"enabled": False, "below": "0", "add": "0", "cap_per_month": None}
        assert credits == {
            "balance": "50",
            "reserved": "0.024",
            "available": "49.976",
            "overdraft": "0",
            "frozen": "0",
            "owed": "0",
            "currency": "USD",
            "mode": "prepaid",
            "mode_says": "prepaid credits",
            "auto_recharge": rule,
            "runway_days": None,
            "runway": {
                "burn_28": "0",
                "burn_7": "0",
                "days_28": None,
                "days_7": None,
                "days_low": None,
                "days_expected": None,
                "days_high": None,
                "growth_percent": None,
                "from_days": 0,
                "left_out": [],
            },
            "warnings": [],
        }
        assert (lot["left"], lot["reserved"], lot["available"]) == ("50", "0.024", "49.976")
        (cap,) = (await got(door.client.get(f"{CONTOSO}/caps")))["caps"]
        assert (cap["limit"], cap["spent"], cap["reserved"], cap["left"]) == ("20", "0", "0.024", "19.976")

    told(story, database)


def test_pools_show_what_is_left(database: str) -> None:
    async def story(door: Door) -> None:
        assert isinstance(await door.call(callee="+14255550100"), Allowed)
        (pool,) = (await got(door.client.get(f"{CONTOSO}/pools")))["pools"]
        assert pool == {
            "name": "pool:MCOPSTN1/domestic/US/PR",
            "plan": "MCOPSTN1",
            "kind": "domestic",
            "owner": "US/PR",
            "month": "2026-03",
            "size_seconds": 180_000,
            "used_seconds": 0,
            "reserved_seconds": 120,
            "left_seconds": 179_880,
        }
        (pool,) = (await got(door.client.get(f"{CONTOSO}/pools?month=2026-02")))["pools"]
        assert (pool["month"], pool["reserved_seconds"]) == ("2026-02", 0)
        await got(door.client.get(f"{CONTOSO}/pools?month=2026-13"), 400)

    told(story, database)


# --- calls --------------------------------------------------------------------------------------------


def test_call_is_ended_by_hand_and_explained(database: str) -> None:
    async def story(door: Door) -> None:
        await door.call()
        (call,) = (await got(door.client.get(f"{CONTOSO}/calls-in-progress")))["calls"]
        assert (call["user"], call["granted_seconds"], call["used_seconds"]) == (
            "ana@contoso.example",
            120,
            0,
        )
        assert (call["reserved"], call["due_at"]) == ("0.024", "2026-03-01T12:06:00Z")
        place = f"{CONTOSO}/calls/c1"
        ended = await got(door.client.post(f"{place}/end", json={"duration_seconds": 61}))
        assert (ended["billed_seconds"], ended["amount"], ended["balance"]) == (120, "0.024", "49.976")
        explained = await got(door.client.get(place))
        assert explained["state"] == "lost"
        assert explained["facts"]["rate"]["price_per_minute"] == "0.012"
        (charge,) = explained["charges"]
        assert (charge["amount"], charge["lots"]) == ("0.024", [{"lot": 1, "amount": "0.024"}])
        (entry,) = explained["entries"]
        assert (entry["debit"], entry["credit"], entry["charge"]) == ("credits", "usage", 1)
        assert code_of(await got(door.client.post(f"{place}/end", json={}), 409)) == ("conflict", None)
        assert (await got(door.client.get(f"{CONTOSO}/calls-in-progress")))["calls"] == []

    told(story, database)


def test_stuck_reservation_is_released(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        await door.call()
        released = await got(door.client.post(f"{CONTOSO}/calls/c1/release"))
        assert (released["amount"], released["available"]) == ("0", "50")
        assert (await got(door.client.get(f"{CONTOSO}/calls")))["calls"] == []
        problem = await got(door.client.post(f"{CONTOSO}/calls/c2/release"), 404)
        assert problem["code"] == "unknown_call"
        await got(door.client.get(f"{CONTOSO}/calls/c2"), 404)
        too_long = {"duration_seconds": 86_401}
        await got(door.client.post(f"{CONTOSO}/calls/c1/end", json=too_long), 400)

    told(story, sqlite_database)


def test_calls_and_entries_come_in_pages(database: str) -> None:
    async def story(door: Door) -> None:
        for number in range(5):
            await door.call(f"c{number}")
            await got(door.client.post(f"{CONTOSO}/calls/c{number}/end", json={"duration_seconds": 30}))
        seen: list[str] = []
        page = await got(door.client.get(f"{CONTOSO}/calls?limit=2"))
        while True:
            seen += [call["call_id"] for call in page["calls"]]
            if page["next"] is None:
                break
            page = await got(door.client.get(f"{CONTOSO}/calls?limit=2&before={page['next']}"))
        assert seen == ["c4", "c3", "c2", "c1", "c0"]
        entries = await got(door.client.get(f"{CONTOSO}/entries?limit=4"))
        assert [entry["number"] for entry in entries["entries"]] == [6, 5, 4, 3]
        assert entries["next"] == 3
        await got(door.client.get(f"{CONTOSO}/calls?limit=0"), 400)

    told(story, database)


@pytest.mark.parametrize(
    "call_id",
    [
        "a/b",
        "x/end",
        "/",
        "a b%2F",
        "Gr\u00fc\u00dfe \U0001f600",
        "line\nbreak",
        "?#&+;=",
        "z" * 128,
        "\u00fc" * 128,
    ],
    ids=ascii,
)
def test_every_call_id_of_the_live_routes_is_found(sqlite_database: str, call_id: str) -> None:
    async def story(door: Door) -> None:
        await door.call(call_id)
        place = f"{CONTOSO}/calls/{quote(call_id, safe='')}"
        assert (await got(door.client.get(place)))["call_id"] == call_id
        ended = await got(door.client.post(f"{place}/end", json={"duration_seconds": 61}))
        assert ended["amount"] == "0.024"
        assert (await got(door.client.post(f"{place}/release"), 409))["code"] == "conflict"
        assert len((await got(door.client.get(place)))["charges"]) == 1

    told(story, sqlite_database)


@pytest.mark.parametrize("call_id", ["%00", "a%FFb", "z" * 129], ids=["nul", "bytes", "long"])
def test_what_the_live_routes_refuse_as_a_call_id_is_malformed(sqlite_database: str, call_id: str) -> None:
    async def story(door: Door) -> None:
        for sent in (
            door.client.get(f"{CONTOSO}/calls/{call_id}"),
            door.client.post(f"{CONTOSO}/calls/{call_id}/end", json={}),
            door.client.post(f"{CONTOSO}/calls/{call_id}/release"),
        ):
            assert (await got(sent, 400))["code"] == "malformed"

    told(story, sqlite_database)


# --- decks --------------------------------------------------------------------------------------------

DECK = "# currency = USD\nprefix,price_per_minute\n44,0.03\n"


async def stored(door: Door, text: str, status: int = 201) -> Any:
    sent = door.client.post("/v1/decks?name=Spring", content=text, headers={"Content-Type": "text/csv"})
    return await got(sent, status)


def test_deck_is_stored_once_and_bound_to_one_tenant(database: str) -> None:
    async def story(door: Door) -> None:
        deck = await stored(door, DECK)
        assert (deck["name"], deck["currency"], deck["rates"], deck["added"]) == ("Spring", "USD", 1, True)
        assert (await stored(door, DECK, 200))["added"] is False
        place = f"{CONTOSO}/deck-bindings"
        bound = await got(door.client.put(place, json={"version": deck["version"]}))
        binding = {"currency": "USD", "valid_from": None, "version": deck["version"]}
        assert bound == {"bindings": [binding]}
        allowed = await door.call()
        assert isinstance(allowed, Allowed)
        assert (allowed.facts.deck, allowed.grant.credits) == (deck["version"], 60_000)
        others = await got(door.client.get("/v1/deck-bindings"))
        assert deck["version"] not in {bound["version"] for bound in others["bindings"]}

    told(story, database)


def test_deck_is_bound_to_all_from_an_instant_on(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        deck = await stored(door, DECK)
        later = {"version": deck["version"], "valid_from": "2026-03-01T12:00:01Z"}
        bindings = (await got(door.client.put("/v1/deck-bindings", json=later)))["bindings"]
        assert [binding["valid_from"] for binding in bindings] == [None, "2026-03-01T12:00:01Z"]
        before = await door.call("before")
        door.clock.now_us += 1_000_000
        after = await door.call("after")
        assert isinstance(before, Allowed)
        assert isinstance(after, Allowed)
        assert (before.facts.deck == deck["version"], after.facts.deck == deck["version"]) == (False, True)

    told(story, sqlite_database)


def test_deck_that_cannot_be_used_is_refused_with_its_findings(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        problem = await stored(door, "prefix,price_per_minute\n44,cheap\n", 422)
        assert problem["code"] == "unusable_deck"
        assert any("line 2" in fault and "cheap" in fault for fault in problem["faults"])
        assert (await stored(door, "", 422))["code"] == "unusable_deck"
        euro = await stored(door, DECK.replace("USD", "EUR"))
        bind = door.client.put(f"{CONTOSO}/deck-bindings", json={"version": euro["version"]})
        assert (await got(bind, 422))["code"] == "foreign_currency"
        bind = door.client.put("/v1/deck-bindings", json={"version": "0" * 12})
        assert (await got(bind, 422))["code"] == "unknown_deck"
        await got(door.client.post("/v1/decks", json={"sample": False}), 400)
        odd = {"Content-Type": "application/xml"}
        await got(door.client.post("/v1/decks", content="<deck/>", headers=odd), 415)

    told(story, sqlite_database)


def test_prices_are_for_those_who_hold_a_key_for_all_tenants(database: str) -> None:
    async def story(door: Door) -> None:
        hidden = await stored(door, DECK)
        own = await stored(door, DECK.replace("0.03", "0.04"))
        everything = [deck["version"] for deck in (await got(door.client.get("/v1/decks")))["decks"]]
        assert len(everything) == 3
        await got(door.client.put(f"{CONTOSO}/deck-bindings", json={"version": own["version"]}))
        async with door.with_key(["contoso"], ["management"]) as client:
            seen = [deck["version"] for deck in (await got(client.get("/v1/decks")))["decks"]]
            assert seen == [version for version in everything if version != hidden["version"]]
            assert len((await got(client.get(f"{CONTOSO}/deck-bindings")))["bindings"]) == 1
            bind = client.put(f"{CONTOSO}/deck-bindings", json={"version": hidden["version"]})
            assert code_of(await got(bind, 403)) == ("forbidden", None)
        async with door.with_key(["fabrikam"], ["management"]) as client:
            (deck,) = (await got(client.get("/v1/decks")))["decks"]
            assert deck["sample"]

    told(story, database)


def test_decks_and_keys_leave_a_line_in_the_audit_log(database: str) -> None:
    async def story(door: Door) -> None:
        reader = Reader(open_url(database))
        before = len(reader.audit(INSTALLATION, NO_BEFORE, 10))
        deck = await stored(door, DECK)
        await stored(door, DECK, 200)
        body = {"name": "switch", "tenants": ["contoso"], "scopes": ["live"]}
        made = await got(door.client.post("/v1/keys", json=body), 201)
        for _ in range(2):
            await got(door.client.delete(f"/v1/keys/{made['id']}"), 204)
        await got(door.client.delete("/v1/keys/0123"), 404)
        lines = reader.audit(INSTALLATION, NO_BEFORE, 10)
        assert [line.what for line in lines[: len(lines) - before]] == [
            f"key {made['id']} revoked",
            f"key {made['id']} (switch) made",
            f"deck {deck['version']} (Spring) added",
        ]
        assert json.loads(lines[1].after) == {
            "name": "switch",
            "tenants": ["contoso"],
            "scopes": ["live"],
        }
        assert all(line.who.endswith("(operator)") and line.at_us == door.clock() for line in lines[:3])

    told(story, database)


# --- keys and the door ----------------------------------------------------------------------------------


def test_key_sees_its_tenants_only(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        other = {"tenant": {**TENANT["tenant"], "id": "fabrikam"}}
        await got(door.client.post("/v1/tenants", json=other), 201)
        async with door.with_key(["fabrikam", "tomorrow"], ["management"]) as client:
            lines = (await got(client.get("/v1/tenants")))["tenants"]
            assert [line["id"] for line in lines] == ["fabrikam"]
            hidden = await got(client.get(CONTOSO), 404)
            absent = await got(client.get("/v1/tenants/nobody"), 404)
            assert hidden["detail"].replace("contoso", "nobody") == absent["detail"]
            tomorrow = {"tenant": {**TENANT["tenant"], "id": "tomorrow"}}
            problem = await got(client.post("/v1/tenants", json=tomorrow), 403)
            assert (problem["code"], problem["detail"]) == (
                "forbidden",
                "your roles do not allow to create tenant; this may: Provider",
            )

    told(story, sqlite_database)


ROUTES_OF_A_TENANT = [
    *(("GET", path) for path in ("/users", "/service-numbers", "/credits", "/pools", "/caps", "/calls")),
    *(("GET", path) for path in ("/calls/c1", "/entries", "/audit", "/calls-in-progress", "/deck-bindings")),
    ("PUT", ""),
    ("PUT", "/users/x"),
    ("DELETE", "/users/x"),
    ("PUT", "/service-numbers/x"),
    ("DELETE", "/service-numbers/x"),
    ("POST", "/lots"),
    ("POST", "/adjustments"),
    ("POST", "/calls/c1/end"),
    ("POST", "/calls/c1/release"),
    ("PUT", "/deck-bindings"),
]
BODIES: dict[tuple[str, str], Any] = {
    ("PUT", ""): {"tenant": TENANT["tenant"]},
    ("PUT", "/users/x"): {"upn": "x"},
    ("PUT", "/service-numbers/x"): {"number": "x", "kind": "toll"},
    ("POST", "/lots"): {"amount": "50", "currency": "USD", "reference": "r"},
    ("POST", "/adjustments"): {"amount": "50", "reason": "x", "reference": "r"},
    ("POST", "/calls/c1/end"): {},
    ("PUT", "/deck-bindings"): {"version": "x"},
}


def test_tenant_that_does_not_exist_is_not_found(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        for method, path in [("GET", ""), *ROUTES_OF_A_TENANT]:
            body = BODIES.get((method, path))
            answer = await door.client.request(method, f"/v1/tenants/nobody{path}", json=body)
            known = answer.json()["code"] in ("unknown_tenant", "unknown_deck")
            assert known, (method, path, answer.text)

    told(story, sqlite_database)


def test_keys_are_made_listed_and_revoked(database: str) -> None:
    async def story(door: Door) -> None:
        body = {"name": "switch", "tenants": ["contoso"], "scopes": ["management"]}
        made = await got(door.client.post("/v1/keys", json=body), 201)
        async with client_of(door.app, made["key"]) as client:
            await got(client.get(CONTOSO))
            await got(door.client.delete(f"/v1/keys/{made['id']}"), 204)
            assert (await got(client.get(CONTOSO), 401))["code"] == "unauthorized"
        listed = (await got(door.client.get("/v1/keys")))["keys"]
        (found,) = [key for key in listed if key["id"] == made["id"]]
        assert found["revoked_at"] == "2026-03-01T12:00:00Z"
        assert "key" not in found
        await got(door.client.delete("/v1/keys/0123"), 404)

    told(story, database)


def test_door_asks_for_a_key_before_it_reads(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        async with client_of(door.app, "") as client:
            answer = await client.post("/v1/tenants", content="{")
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert (await client.get("/openapi.json")).status_code == 200
        async with door.with_key(None, ["live"]) as client:
            assert code_of(await got(client.get("/v1/tenants"), 403)) == ("forbidden", None)

    told(story, sqlite_database)


def test_bodies_are_bounded_whatever_is_announced(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        large = b" " * (MAX_BODY_BYTES + 1)
        assert (await got(door.client.post("/v1/tenants", content=large), 413))["code"] == "too_large"

        async def pieces() -> Any:
            for _ in range(20):
                yield large[: MAX_BODY_BYTES // 10]

        json_type = {"Content-Type": "application/json"}
        sent = door.client.post("/v1/tenants", content=pieces(), headers=json_type)
        assert (await got(sent, 413))["code"] == "too_large"

    told(story, sqlite_database)


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"",
        b"\xff",
        b"[" * 100_000,
        b'{"tenant":' * 10_000,
        b"1" * 10_000,
        b"null",
        b'"\\ud800"',
        b"NaN",
    ],
    ids=["open", "empty", "bytes", "deep list", "deep object", "number", "null", "surrogate", "nan"],
)
def test_nonsense_is_malformed(sqlite_database: str, content: bytes) -> None:
    async def story(door: Door) -> None:
        json_type = {"Content-Type": "application/json"}
        sent = door.client.post("/v1/tenants", content=content, headers=json_type)
        assert (await got(sent, 400))["code"] == "malformed"

    told(story, sqlite_database)


def test_unknown_addresses_and_methods_are_problems(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        assert (await got(door.client.get("/v1/nowhere"), 404))["code"] == "not_found"
        answer = await door.client.patch(CONTOSO)
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert "GET" in answer.headers["allow"]
        await got(door.client.get("/v1/tenants/%00/credits"), 400)

    told(story, sqlite_database)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (QueueFull("4096 operations wait"), "queue_full"),
        (Stopping("bye"), "stopping"),
        (StoreBusy("locked"), "store_busy"),
        (StoreAway("gone"), "store_away"),
        (UnknownOutcome("cut"), "unknown_outcome"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_may_pass_is_503_with_retry_after(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch, error: Exception, code: str
) -> None:
    async def story(door: Door) -> None:
        def submit(_command: object) -> None:
            raise error

        monkeypatch.setattr(door.desk.engine, "submit", submit)
        answer = await door.client.post(
            f"{CONTOSO}/adjustments", json={"amount": "1", "reason": "x", "reference": "r8"}
        )
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["code"] == code

    told(story, sqlite_database)
