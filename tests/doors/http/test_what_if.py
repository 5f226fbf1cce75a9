"""What if over HTTP: a file is brought, a question asked and answered; wrong ones are refused."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from talktime.client import AsyncManagement, ProblemError
from talktime.doors.http import doorkeeper
from talktime.insight.usage_files import LOOK_S
from tests.databases import sqlite_database
from tests.doors.http.houses import Door, open_door
from tests.doors.made_files import FRANCE, deck, leg, usage

__all__ = ["sqlite_database"]  # a fixture

FILES: Final = "/v1/tenants/contoso/usage-files"
WHAT_IF: Final = "/v1/tenants/contoso/what-if"
USAGE: Final = usage(
    leg("1", "2026-02-02T12:00:00Z", 1800, UPN="ana@contoso.example"),
    leg("2", "2026-02-03T12:00:00Z", 3660, FRANCE, UPN="ana@contoso.example"),
)
PICTURE: Final = b"\x89PNG\r\n\x1a\n"
MIB: Final = 1 << 20

Story = Callable[[Door], Awaitable[None]]


@pytest.fixture
def told(sqlite_database: str, tmp_path: Path) -> Callable[[Story], None]:
    """Runs a story on a door that takes files."""

    def run(story: Story) -> None:
        async def opened() -> None:
            async with open_door(sqlite_database, exports_into=tmp_path / "exports") as door:
                await story(door)

        asyncio.run(opened())

    return run


def left(folder: Path) -> list[str]:
    place = folder / "exports" / "what-if"
    return [path.name for path in place.iterdir()] if place.is_dir() else []


async def brought(door: Door, name: str = "feb.csv") -> str:
    answer = await door.client.post(FILES, params={"name": name}, content=USAGE.encode())
    assert answer.status_code == 201, answer.text
    key: str = answer.json()["id"]
    return key


async def asked(door: Door, *scenarios: dict[str, Any], **more: Any) -> httpx.Response:
    body = {"file": await brought(door), "scenarios": scenarios, **more}
    return await door.client.post(WHAT_IF, json=body)


def test_client_brings_asks_waits_and_drops(told: Callable[[Story], None], tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        place = tmp_path / "feb.csv"
        place.write_text(USAGE)
        key = door.client.headers["Authorization"].removeprefix("Bearer ")
        transport = httpx.ASGITransport(door.app)
        async with AsyncManagement("http://talktime.test", key, transport=transport) as management:
            tenant = management.tenant("contoso")
            file = await tenant.usage_files.bring(place)
            assert (file.name, file.rows, file.rejected_rows, file.currencies) == ("feb.csv", 2, 0, ("USD",))
            assert file.bytes == len(USAGE)
            again = await tenant.usage_files.bring(USAGE.encode(), name="again.csv")
            assert [one.id for one in await tenant.usage_files.all()] == sorted(
                (again.id, file.id), reverse=True
            )
            wanted = await tenant.what_if.ask(
                file.id,
                [
                    {"name": "nothing included", "plans": [{"becomes": ""}]},
                    {"name": "ten", "balance": Decimal(10), "recharge": {"enabled": False}},
                ],
            )
            found = await tenant.what_if.wait(wanted.id)
            assert (found.state, found.error, found.percent) == ("done", "", 100)
            result = found.result
            assert result is not None
            assert (result.today.name, result.today.opening_balance) == ("Today's settings", Decimal(50))
            nothing, ten = result.scenarios
            assert (ten.opening_balance, ten.amount) == (Decimal(10), result.today.amount)
            for one, difference in zip(result.scenarios, result.differences, strict=True):
                assert difference.amount == one.amount - result.today.amount
                assert difference.closing_balance == one.closing_balance - result.today.closing_balance
                assert sum(each.amount for each in one.by_category) == one.amount
                assert one.days[-1].balance == one.closing_balance
            assert nothing.pool_seconds == sum(pool.used_seconds for pool in nothing.pools)
            lines = [line async for line in tenant.what_if.pages().items()]
            assert [(line.id, line.names) for line in lines] == [(wanted.id, ("nothing included", "ten"))]
            await tenant.what_if.drop(wanted.id)
            await tenant.usage_files.drop(file.id)
            with pytest.raises(ProblemError, match="there is no question"):
                await tenant.what_if.get(wanted.id)
            assert left(tmp_path) == [again.id]

    told(story)


async def none_after(size: int, head: bytes = PICTURE) -> AsyncIterator[bytes]:
    """A body of so many bytes that announces no length; it is no usage."""
    yield head
    block = bytes(MIB)
    for _ in range(size // MIB):
        yield block


def test_gigabyte_that_says_so_is_refused_before_it_is_read(
    told: Callable[[Story], None], tmp_path: Path
) -> None:
    async def story(door: Door) -> None:
        taken = 0

        async def counted() -> AsyncIterator[bytes]:
            nonlocal taken
            async for block in none_after(1 << 30):
                taken += len(block)
                yield block

        headers = {"Content-Length": str(1 << 30)}
        answer = await door.client.post(FILES, content=counted(), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        assert taken == 0
        assert left(tmp_path) == []

    told(story)


def test_body_without_a_length_ends_at_the_limit(
    told: Callable[[Story], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorkeeper, "MAX_USAGE_BYTES", 3 * MIB)

    async def story(door: Door) -> None:
        answer = await door.client.post(FILES, content=none_after(64 * MIB))
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        assert left(tmp_path) == []

    told(story)


def test_memory_stays_flat_while_a_file_comes(told: Callable[[Story], None]) -> None:
    async def story(door: Door) -> None:
        await door.client.post(FILES, content=none_after(MIB))  # what is made once
        tracemalloc.start()
        try:
            answer = await door.client.post(FILES, content=none_after(96 * MIB))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert (answer.status_code, answer.json()["code"]) == (422, "unusable_usage")
        assert peak < 12 * MIB

    told(story)
    assert LOOK_S > 0


@pytest.mark.parametrize("name", ["../../../etc/passwd", "..\\..\\feb.csv", "/etc/passwd", "a" * 900])
def test_tricks_in_a_name_are_harmless(told: Callable[[Story], None], tmp_path: Path, name: str) -> None:
    async def story(door: Door) -> None:
        key = await brought(door, name)
        shown = (await door.client.get(f"{FILES}/{key}")).json()
        assert "/" not in shown["name"]
        assert "\\" not in shown["name"]
        assert left(tmp_path) == [key]
        assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["exports"]

    told(story)


@pytest.mark.parametrize(
    ("scenarios", "pointer", "sentence"),
    [
        (
            [{"name": "a", "plans": [{"plan": "NONE"}]}],
            "/scenarios/0/plans/0/plan",
            "there is no plan 'NONE'",
        ),
        ([{"name": "a"}, {"name": "A"}], "/scenarios/1/name", "two scenarios are called 'A'"),
        ([{"name": "a", "recharge": {"enabled": True}}], "/scenarios/0/recharge/below", "more than 0"),
        ([{"name": "a", "deck": "0123"}], "/scenarios/0/deck", "no deck '0123' is stored"),
        ([{"name": "a", "agreement": "X"}], "/scenarios/0/agreement", "there is no agreement 'X'"),
    ],
)
def test_faults_of_scenarios_have_a_place(
    told: Callable[[Story], None], scenarios: list[dict[str, Any]], pointer: str, sentence: str
) -> None:
    async def story(door: Door) -> None:
        answer = await asked(door, *scenarios)
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["pointer"]) == (422, "invalid", pointer)
        assert sentence in problem["detail"]

    told(story)


def test_number_of_scenarios_and_file_are_checked(told: Callable[[Story], None]) -> None:
    async def story(door: Door) -> None:
        assert (await asked(door)).status_code == 400
        many = [{"name": str(number)} for number in range(4)]
        assert (await asked(door, *many)).status_code == 400
        gone = await door.client.post(WHAT_IF, json={"file": "0" * 32, "scenarios": [{"name": "a"}]})
        assert (gone.status_code, gone.json()["code"]) == (404, "unknown_usage_file")

    told(story)


def test_deck_of_others_is_not_told(told: Callable[[Story], None]) -> None:
    """A deck that nobody is bound to may be tried by who manages decks; for others there is none."""

    async def story(door: Door) -> None:
        headers = {"Content-Type": "text/csv"}
        stored = await door.client.post("/v1/decks", content=deck(), headers=headers)
        scenario = {"name": "other prices", "deck": stored.json()["version"]}
        assert (await asked(door, scenario)).status_code == 202
        body = {"file": await brought(door), "scenarios": [scenario]}
        async with door.holder("billing_administrator") as client:
            refused = await client.post(WHAT_IF, json=body)
            assert refused.json()["detail"] == f"no deck {scenario['deck']!r} is stored"
            bound = "/v1/tenants/contoso/deck-bindings"
            await door.client.put(bound, json={"version": scenario["deck"]})
            assert (await client.post(WHAT_IF, json=body)).status_code == 202

    told(story)


def test_usage_of_several_currencies_asks_for_one(told: Callable[[Story], None]) -> None:
    async def story(door: Door) -> None:
        mixed = usage(
            leg("1", Currency="USD", UPN="ana@contoso.example"),
            leg("2", Currency="EUR", UPN="ana@contoso.example"),
        )
        file = (await door.client.post(FILES, content=mixed.encode())).json()
        assert file["currencies"] == ["EUR", "USD"]

        async def ended(**more: str) -> Any:
            body = {"file": file["id"], "scenarios": [{"name": "a"}], **more}
            key = (await door.client.post(WHAT_IF, json=body)).json()["id"]
            await door.app.state.house.means.what_ifs.wait()
            return (await door.client.get(f"{WHAT_IF}/{key}")).json()

        assert (await ended())["error"] == "the usage has the currencies EUR, USD; say which one to look at"
        found = await ended(currency="USD")
        assert (found["state"], found["result"]["rows"], found["result"]["rejected_rows"]) == ("done", 1, 1)

    told(story)


def test_erasing_somebody_drops_what_may_name_it(told: Callable[[Story], None], tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        await brought(door)
        erased = await door.client.post(
            "/v1/tenants/contoso/users/ana@contoso.example/erase", json={"confirm": True}
        )
        assert erased.status_code == 200, erased.text
        assert left(tmp_path) == []
        assert (await door.client.get(FILES)).json() == {"usage_files": []}

    told(story)


def test_another_tenants_file_is_none(told: Callable[[Story], None]) -> None:
    async def story(door: Door) -> None:
        other = {"tenant": {"id": "fabrikam", "country": "US", "currency": "USD"}}
        assert (await door.client.post("/v1/tenants", json=other)).status_code == 201
        body = {"file": await brought(door), "scenarios": [{"name": "a"}]}
        answer = await door.client.post("/v1/tenants/fabrikam/what-if", json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_usage_file")

    told(story)


CAPPED: Final = {
    "name": "capped",
    "plans": [{"becomes": "", "country": "US"}],
    "recharge": {"enabled": True, "below": "1", "add": "50", "cap_per_month": "none"},
    "caps": [{"scope": "tenant", "amount": "0.01"}, {"scope": "user", "amount": "none"}],
}


def test_caps_are_tried_and_shown_as_they_were_asked(told: Callable[[Story], None]) -> None:
    async def story(door: Door) -> None:
        key = (await asked(door, CAPPED)).json()["id"]
        not_yet = await door.client.get(f"{WHAT_IF}/{key}/workbook")
        await door.app.state.house.means.what_ifs.wait()
        answer = (await door.client.get(f"{WHAT_IF}/{key}")).json()
        assert answer["state"] == "done", answer["error"]
        (shown,) = answer["scenarios"]
        assert shown["plans"] == [{"plan": "", "becomes": "", "country": "US"}]
        assert shown["recharge"] == CAPPED["recharge"]
        assert shown["caps"] == [{"id": "", **cap} for cap in CAPPED["caps"]]  # type: ignore[dict-item]
        (capped,) = answer["result"]["scenarios"]
        assert capped["blocked_calls"] > answer["result"]["today"]["blocked_calls"]
        book = await door.client.get(f"{WHAT_IF}/{key}/workbook")
        assert (book.status_code, book.content[:2]) == (200, b"PK")
        assert "what-if.xlsx" in book.headers["Content-Disposition"]
        assert (not_yet.status_code, not_yet.json()["code"]) == (409, "conflict")
        choices = (await door.client.get(f"{WHAT_IF}/choices")).json()
        assert choices["countries"] == ["US"]

    told(story)


@pytest.mark.parametrize(
    ("scenario", "status", "pointer", "sentence"),
    [
        (
            {"caps": [{"scope": "user", "id": "ana@contoso.example", "amount": "1"}]},
            *(422, "/scenarios/0/caps/0/id", "a question names no users"),
        ),
        (
            {"caps": [{"scope": "cost_centre", "id": "nowhere", "amount": "1"}]},
            *(422, "/scenarios/0/caps/0/id", "the tenant has no cost centre 'nowhere'"),
        ),
        (
            {"caps": [{"scope": "tenant", "amount": "much"}]},
            *(400, "/scenarios/0/caps/0/amount", 'or "none"'),
        ),
        (
            {"plans": [{"becomes": "", "country": "XX"}]},
            *(422, "/scenarios/0/plans/0/country", "is no country code of ISO 3166"),
        ),
    ],
)
def test_faults_of_caps_have_a_place(
    told: Callable[[Story], None], scenario: dict[str, Any], status: int, pointer: str, sentence: str
) -> None:
    async def story(door: Door) -> None:
        answer = await asked(door, {"name": "s", **scenario})
        problem = answer.json()
        assert (answer.status_code, problem["pointer"]) == (status, pointer)
        assert sentence in problem["detail"]

    told(story)
