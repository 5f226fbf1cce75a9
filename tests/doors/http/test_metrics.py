"""The figures for monitoring: all that were asked for are there, and they move with what happens."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import talktime.doors.http.metrics as metrics_module
from talktime.doors.http.metrics import Stock
from talktime.ledger.store import StoreAway
from tests.databases import database, sqlite_database
from tests.doors.http.houses import TENANT
from tests.doors.http.live_houses import EMERGENCY, SEATTLE, Fronted, Live, got, item, told

__all__ = ["database", "sqlite_database"]  # fixtures

Figures = dict[tuple[str, tuple[str, ...]], float]

ASKED_FOR = {
    "talktime_operations": "counter",
    "talktime_batch_operations": "histogram",
    "talktime_commit_seconds": "histogram",
    "talktime_queue_operations": "gauge",
    "talktime_open_sessions": "gauge",
    "talktime_reserved_micros": "gauge",
    "talktime_available_micros": "gauge",
    "talktime_balance_micros": "gauge",
    "talktime_failed_batches": "counter",
    "talktime_unknown_outcomes": "counter",
}


@pytest.fixture(autouse=True)
def always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is asked each time."""
    monkeypatch.setattr(metrics_module, "FRESH_S", -1)


async def families(live: Live) -> dict[str, Any]:
    answer = await live.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {family.name: family for family in text_string_to_metric_families(answer.text)}


async def figures(live: Live) -> Figures:
    """(name, values of the labels) -> figure."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in (await families(live)).values()
        for sample in family.samples
    }


def test_all_are_there_before_anything_happened(sqlite_database: str) -> None:
    async def story(live: Live) -> None:
        found = await families(live)
        assert {name: found[name].type for name in ASKED_FOR} == ASKED_FOR
        assert all(found[name].documentation for name in ASKED_FOR)

    told(story, sqlite_database, funded=False)


def test_operations_are_counted_by_their_result(sqlite_database: str) -> None:
    async def story(live: Live) -> None:
        await live.ask("start")
        await live.ask("start", "c2", user="nobody@contoso.example")
        await live.ask("extend")
        await live.ask("extend", "nobody")
        await live.ask("end")
        await live.ask("end", duration_seconds=59)
        await live.batch(item("start", "c3"), item("cancel", "c3"), item("start", "e", **EMERGENCY))
        found = await figures(live)
        counted = {
            labels: value for (name, labels), value in found.items() if name == "talktime_operations_total"
        }
        assert counted == {
            ("start", "allow"): 3,
            ("start", "unknown_user"): 1,
            ("extend", "allow"): 1,
            ("extend", "unknown_call"): 1,
            ("end", "done"): 1,
            ("end", "conflict"): 1,
            ("cancel", "done"): 1,
        }

    told(story, sqlite_database)


def test_batches_and_commits(sqlite_database: str) -> None:
    async def story(live: Live) -> None:
        before = await figures(live)
        await live.batch(*[item("start", f"b{number}") for number in range(20)])
        after = await figures(live)
        count, total = ("talktime_batch_operations_count", ()), ("talktime_batch_operations_sum", ())
        batches = after[count] - before[count]
        assert after[total] - before[total] == 20
        assert 1 <= batches <= 2  # they shared a commit; at most the first went alone
        commits = ("talktime_commit_seconds_count", ())
        assert after[commits] - before[commits] == batches
        assert after["talktime_commit_seconds_sum", ()] > before["talktime_commit_seconds_sum", ()]

    told(story, sqlite_database)


def test_open_calls_and_money_per_currency(database: str) -> None:
    async def story(live: Live) -> None:
        euros = {**TENANT, "tenant": {**TENANT["tenant"], "id": "fabrikam", "currency": "EUR"}}
        await got(live.client.post("/v1/tenants", json={**euros, "service_numbers": []}), 201)
        await live.ask("start", requested_seconds=600)
        await live.ask("start", "c2", callee=SEATTLE)
        found = await figures(live)
        assert found["talktime_open_sessions", ()] == 2
        assert _money(found) == {"USD": (50_000_000, 120_000, 49_880_000), "EUR": (50_000_000, 0, 50_000_000)}
        await live.ask("end", duration_seconds=600)
        await live.ask("cancel", "c2")
        found = await figures(live)
        assert found["talktime_open_sessions", ()] == 0
        assert _money(found)["USD"] == (49_880_000, 0, 49_880_000)

    told(story, database)


def _money(found: Figures) -> dict[str, tuple[float, float, float]]:
    currencies = {labels[0] for name, labels in found if name == "talktime_balance_micros"}
    return {
        currency: (
            found["talktime_balance_micros", (currency,)],
            found["talktime_reserved_micros", (currency,)],
            found["talktime_available_micros", (currency,)],
        )
        for currency in currencies
    }


def test_the_queue_and_what_is_refused_because_of_it(sqlite_database: str) -> None:
    async def story(live: Live) -> None:
        front = live.desk.engine.store
        assert isinstance(front, Fronted)
        front.gate = asyncio.Event()
        try:
            waiting = [asyncio.ensure_future(live.ask("start", "h0"))]
            while not front.held:
                await asyncio.sleep(0)
            waiting += [asyncio.ensure_future(live.ask("start", f"h{number}")) for number in (1, 2)]
            while not live.desk.engine.is_full:
                await asyncio.sleep(0)
            await live.ask("start", "x")
            await live.ask("start", "e", **EMERGENCY)
            found = await figures(live)
        finally:
            front.gate.set()
        await asyncio.gather(*waiting)
        assert found["talktime_queue_operations", ()] == 2
        assert found["talktime_operations_total", ("start", "queue_full")] == 1
        assert found["talktime_operations_total", ("start", "allow")] == 1
        assert (await figures(live))["talktime_queue_operations", ()] == 0

    told(story, sqlite_database, store=Fronted, max_queue=2)


def test_without_the_database_the_rest_is_told_and_the_last_figures_stay(sqlite_database: str) -> None:
    async def story(live: Live) -> None:
        await live.ask("start")
        assert (await figures(live))["talktime_open_sessions", ()] == 1

        def away() -> Stock:
            raise StoreAway("no answer")

        live.metrics._read_stock = away
        await live.ask("end")
        found = await figures(live)
        assert found["talktime_open_sessions", ()] == 1
        assert found["talktime_operations_total", ("end", "done")] == 1

    told(story, sqlite_database)
