"""503 of the live routes: a full queue, a stop, a database that is away, an outcome that nobody knows.

Emergency calls pass through all of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from talktime.ledger.store import StoreAway, StoreBusy, UnknownOutcome
from tests.databases import sqlite_database
from tests.doors.http.live_houses import EMERGENCY, Fronted, Live, got, item, open_live, told

__all__ = ["sqlite_database"]  # a fixture


def test_a_full_queue_refuses_all_but_emergencies(sqlite_database: str) -> None:
    async def story(live: Live) -> None:
        front = live.desk.engine.store
        assert isinstance(front, Fronted)
        front.gate = asyncio.Event()
        try:
            held = [asyncio.ensure_future(live.ask("start", "h0"))]
            await _until(lambda: front.held)  # the engine has it in hand; two more fill the queue
            held += [asyncio.ensure_future(live.ask("start", f"h{n}")) for n in (1, 2)]
            await _until(lambda: live.desk.engine.is_full)
            assert (await got(live.ask("start", "x"), 503))["code"] == "queue_full"
            items = await live.batch(item("start", "x"), item("start", "e", **EMERGENCY))
            assert [(each["status"], each.get("code")) for each in items] == [
                (503, "queue_full"),
                (200, None),
            ]
            allowed = await got(live.ask("start", "e", **EMERGENCY))
            assert (allowed["decision"], allowed["granted_seconds"]) == ("allow", 600)
            assert (await got(live.client.get("/readyz"), 503))["code"] == "not_ready"
        finally:
            front.gate.set()  # a test that failed does not hang
        assert {(await each).status_code for each in held} == {200}
        await got(live.ask("start", "x"))
        assert (await live.client.get("/readyz")).status_code == 200

    told(story, sqlite_database, store=Fronted, max_queue=2)


async def _until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not reached():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("error", "code"),
    [(StoreAway("no answer"), "store_away"), (StoreBusy("locked"), "store_busy")],
    ids=["away", "busy"],
)
def test_a_database_that_does_not_answer(sqlite_database: str, error: Exception, code: str) -> None:
    async def story(live: Live) -> None:
        front = live.desk.engine.store
        assert isinstance(front, Fronted)
        before, front.fails = live.written(), error
        assert (await got(live.ask("start"), 503))["code"] == code
        assert (await live.batch(item("start")))[0]["code"] == code
        assert (await got(live.ask("start", **EMERGENCY)))["decision"] == "allow"
        assert live.written() == before
        front.fails = None
        assert (await got(live.ask("start")))["decision"] == "allow"

    told(story, sqlite_database, store=Fronted)


def test_after_an_unknown_outcome_the_repeat_finds_the_answer(sqlite_database: str) -> None:
    async def story(live: Live) -> None:
        front = live.desk.engine.store
        assert isinstance(front, Fronted)
        await got(live.ask("start"))
        front.late = UnknownOutcome("the connection died")
        problem = await got(live.ask("end"), 503)
        assert problem["code"] == "unknown_outcome"
        before = live.written()
        settled = await got(live.ask("end"))
        assert settled["billed_seconds"] == 60
        assert (live.written()["charges"], live.written()["journal"]) == (
            before["charges"],
            before["journal"],
        )
        assert len(before["charges"]) == 1

    told(story, sqlite_database, store=Fronted)


def test_a_fault_is_500_for_one_and_harms_nobody_else(
    sqlite_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(live: Live) -> None:
        front = live.desk.engine.store
        assert isinstance(front, Fronted)
        before, front.fails = live.written(), RuntimeError("a defect")
        problem = await got(live.ask("start"), 500)
        assert problem["code"] == "fault"
        assert "a defect" not in str(problem)
        assert (await got(live.ask("start", "e", **EMERGENCY)))["decision"] == "allow"
        assert live.written() == before
        front.fails = None
        await got(live.ask("start"))

    told(story, sqlite_database, store=Fronted)
    assert "a defect" in caplog.text


def test_a_desk_that_cannot_even_be_asked_lets_emergencies_through(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("a defect")

    async def story(live: Live) -> None:
        monkeypatch.setattr(live.desk, "submit", broken)
        assert (await got(live.ask("start"), 500))["code"] == "fault"
        assert (await got(live.ask("start", "e", **EMERGENCY)))["decision"] == "allow"
        assert live.answering.counted["start", "fault"] == 1

    told(story, sqlite_database)


def test_a_service_that_stops_takes_nothing_new(sqlite_database: str) -> None:
    async def run() -> None:
        async with open_live(sqlite_database, funded=False, started=False) as live:
            assert (await got(live.client.get("/readyz"), 503))["code"] == "not_ready"
            await live.desk.start(rounds=False)
            assert (await live.client.get("/readyz")).status_code == 200
            await live.desk.stop()
            assert (await got(live.ask("start"), 503))["code"] == "stopping"
            assert (await got(live.ask("start", **EMERGENCY)))["decision"] == "allow"
            assert (await got(live.client.get("/readyz"), 503))["code"] == "not_ready"
            assert (await got(live.client.get("/healthz"))) == {"status": "ok"}

    asyncio.run(run())
