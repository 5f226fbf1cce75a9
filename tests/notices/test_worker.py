"""The worker as a process runs it: by itself, over a database that goes away and comes back."""

import asyncio
from typing import Any

import pytest

from talktime.catalog.load import load_catalogue
from talktime.ledger.deliveries import SENT, Deliveries, OutboxRow
from talktime.ledger.store import StoreAway
from talktime.notices.ladders import LONGEST_PAUSE_US, Destinations
from talktime.notices.worker import NoticeSettings, notice_worker
from tests.databases import database, sqlite_database
from tests.notices.post_office import (
    CONTOSO,
    SECOND_US,
    Clock,
    Ledger,
    Mailbox,
    mail_server,
    mail_settings,
)

__all__ = ["database", "sqlite_database"]  # fixtures


async def _no_engine(command: object) -> object:
    raise AssertionError(command)


async def works(ledger: Ledger, box: Mailbox, count: int) -> None:
    """Runs a worker until so many mails have arrived and are written down."""
    settings = NoticeSettings(mail=mail_settings(box.port), base_url="https://talktime.example")
    worker = notice_worker(ledger.url, load_catalogue(), settings, _no_engine, Clock())
    task = asyncio.create_task(worker.run())
    while [each.state for each in ledger.all()] != [SENT] * count:
        assert not task.done()
        await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(box.taken) == count


def test_it_works_by_itself(database: str) -> None:
    ledger = Ledger(database)
    ledger.add_tenant(CONTOSO)
    ledger.notice("contoso", "balance_zero", count=3)
    with mail_server() as box:
        asyncio.run(asyncio.wait_for(works(ledger, box, 3), 60))


def test_it_goes_on_after_the_database_was_away(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind of step fails at first; outcomes that could not be written are written later."""
    monkeypatch.setattr("talktime.notices.worker.AWAY_S", 0.05)
    ledger = Ledger(sqlite_database)
    ledger.add_tenant(CONTOSO)
    ledger.notice("contoso", "balance_zero", count=3)
    failures: dict[str, int] = {}

    def failing(name: str, error: Exception) -> None:
        whole = getattr(Deliveries, name)

        def method(self: Deliveries, *given: Any) -> Any:
            failures[name] = failures.get(name, 0) + 1
            if failures[name] <= 2:
                raise error
            return whole(self, *given)

        monkeypatch.setattr(Deliveries, name, method)

    failing("waiting_notices", StoreAway("away"))
    failing("claim", StoreAway("away"))
    failing("write", StoreAway("away"))
    with mail_server() as box:
        asyncio.run(asyncio.wait_for(works(ledger, box, 3), 60))
    assert all(count > 2 for count in failures.values())


def test_a_fault_of_a_step_does_not_end_the_worker(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("talktime.notices.worker.AWAY_S", 0.05)
    ledger = Ledger(sqlite_database)
    ledger.add_tenant(CONTOSO)
    ledger.notice("contoso", "balance_zero")
    whole, calls = Deliveries.waiting_notices, []

    def broken(self: Deliveries, limit: int) -> list[OutboxRow]:
        calls.append(limit)
        if len(calls) == 1:
            raise RuntimeError("a fault of ours")
        return whole(self, limit)

    monkeypatch.setattr(Deliveries, "waiting_notices", broken)
    with mail_server() as box:
        asyncio.run(asyncio.wait_for(works(ledger, box, 1), 60))
    assert "a step of the notices worker failed" in caplog.text


def test_a_destination_that_fails_is_asked_less_and_less() -> None:
    down, here, now_us, pauses = Destinations(), ("t", "wh_1"), 0, []
    for _ in range(9):
        down.failed(here, now_us)
        began_us = now_us
        while here in down.alone(now_us):
            now_us += SECOND_US
        pauses.append((now_us - began_us) // SECOND_US)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert pauses[-1] * SECOND_US == LONGEST_PAUSE_US
    assert down.begun(here)
    assert not down.begun(here)  # one asks, the others wait
    assert down.alone(now_us) == [here]
    down.succeeded(here)
    assert down.alone(now_us) == []
    assert not down.is_down(here)


def test_failures_that_were_under_way_do_not_prolong_a_pause() -> None:
    down, here = Destinations(), ("t", "wh_1")
    for at_us in (0, 1, 2):
        down.failed(here, at_us)
    assert down.alone(SECOND_US - 1) == [here]
    assert down.alone(SECOND_US) == []


def test_destinations_of_long_ago_are_forgotten() -> None:
    down = Destinations()
    down.failed(("t", "wh_1"), 0)
    down.forget_old(2 * 86_400 * SECOND_US)
    assert down.all() == []
