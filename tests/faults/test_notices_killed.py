"""`kill -9` of the worker that tells people, at every step: nothing is lost, little is told twice."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from talktime.catalog.load import load_catalogue
from talktime.ledger.database import open_url
from talktime.ledger.deliveries import SENT, WAITING
from talktime.notices.courier import AT_ONCE, LEASE_US
from talktime.notices.worker import NoticeSettings, notice_worker
from tests.databases import database, sqlite_database
from tests.house.tree import ROOT
from tests.notices.post_office import (
    CONTOSO,
    Clock,
    Ledger,
    Mailbox,
    mail_server,
    mail_settings,
    office,
    people,
    with_people,
)

__all__ = ["database", "sqlite_database"]  # fixtures

PATIENCE_S = 60
PEOPLE, NOTICES = 5, 40


def now_us() -> int:
    return time.time_ns() // 1_000


def work(url: str, port: int) -> None:
    """What the process runs that a test kills: the worker as it is wired in earnest."""

    async def run() -> None:
        async def submit(command: object) -> object:
            raise AssertionError(f"there is no webhook, so nothing to note: {command}")

        settings = NoticeSettings(mail=mail_settings(port), base_url="https://talktime.example")
        worker = notice_worker(open_url(url), load_catalogue(), settings, submit, now_us)
        await worker.run()

    asyncio.run(run())


@contextmanager
def working(url: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process of its own."""
    code = f"from tests.faults.test_notices_killed import work; work({url!r}, {port})"
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE_S)


def until(what: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Waits for it; fails where the worker has died before."""
    give_up_s = time.monotonic() + PATIENCE_S
    while not what():
        assert process.poll() is None, "the worker has ended"
        assert time.monotonic() < give_up_s, "nothing happened"
        time.sleep(0.01)


def filled(url: str) -> Ledger:
    ledger = Ledger(url)
    ledger.add_tenant(with_people(CONTOSO, *people(PEOPLE)))
    ledger.notice("contoso", "balance_zero", now_us(), NOTICES)
    return ledger


def finish(url: str, box: Mailbox) -> None:
    """Another worker, after the leases of the dead one."""

    async def run() -> None:
        clock = Clock(now_us() + LEASE_US)
        async with office(url, mail_settings(box.port), clock) as at:
            await at.step()
            await at.step(600)

    asyncio.run(asyncio.wait_for(run(), PATIENCE_S))


def check(ledger: Ledger, box: Mailbox) -> Counter[str]:
    """All was sent; returns how often each mail arrived."""
    assert [each.state for each in ledger.all()] == [SENT] * (PEOPLE * NOTICES)
    arrived = Counter(str(made["Message-ID"]) for _, made in box.taken)
    assert len(arrived) == PEOPLE * NOTICES
    return arrived


def test_killed_between_claim_and_send(database: str) -> None:
    """The server takes connections and says nothing to recipients, so all that is claimed is under way."""
    ledger = filled(database)
    with mail_server() as box, mail_server() as second:
        box.hold.clear()
        with working(database, box.port) as worker:
            until(lambda: box.recipients_asked > 0, worker)
            worker.kill()
        box.hold.set()
        assert box.taken == []
        assert {each.state for each in ledger.all()} == {WAITING}
        finish(database, second)
        assert set(check(ledger, second).values()) == {1}


@pytest.mark.parametrize("after", [1, *(pytest.param(many, marks=pytest.mark.long) for many in (60, 130))])
def test_killed_between_send_and_outcome(sqlite_database: str, after: int) -> None:
    """Only what was under way, or sent and not yet written down, may arrive twice: under the same id."""
    ledger = filled(sqlite_database)
    with mail_server() as box:
        with working(sqlite_database, box.port) as worker:
            until(lambda: len(box.taken) >= after, worker)
            worker.kill()
        written = sum(each.state == SENT for each in ledger.all())
        sent = len(box.taken)
        finish(sqlite_database, box)
        arrived = check(ledger, box)
        twice = sum(count - 1 for count in arrived.values())
        assert max(arrived.values()) <= 2
        assert twice <= sent - written + max(AT_ONCE.values())


def test_a_worker_that_is_told_to_stop_writes_down_what_it_sent(sqlite_database: str) -> None:
    ledger = filled(sqlite_database)

    async def run(box: Mailbox) -> None:
        async def submit(command: object) -> object:
            raise AssertionError(command)

        settings = NoticeSettings(mail=mail_settings(box.port))
        worker = notice_worker(open_url(sqlite_database), load_catalogue(), settings, submit, now_us)
        task = asyncio.create_task(worker.run())
        while len(box.taken) < 20:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with mail_server() as box:
        asyncio.run(asyncio.wait_for(run(box), PATIENCE_S))
        assert len(box.taken) == sum(each.state == SENT for each in ledger.all())
        finish(sqlite_database, box)
        assert set(check(ledger, box).values()) == {1}
