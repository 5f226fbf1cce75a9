"""Whether notices slow calls down: starts and ends of calls beside a worker with a backlog, as ratios.

Run `.venv/bin/python bench/bench_notices.py [--notices 10000] [--operations 2000] [--store postgresql]`.
An engine charges calls one after the other; the worker that tells people is a process of its own, the mail
server another. Measured are the times of durable operations while there is nothing to tell, while the notices
are fanned out, while their mails wait for a mail server that is dead (nobody listens) or mute (takes
connections and says nothing), and while it is back and takes them; each time in turns without the worker and
beside it, so that whatever else the machine does weighs on both. In the end all mails have to have arrived.
Figures depend on the machine; look at the ratios.
"""

import argparse
import asyncio
import multiprocessing
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from talktime.live.desk import Desk
    from tests.notices.post_office import Ledger

ROOT = Path(__file__).resolve().parents[1]
TENANT = "contoso"
TURNS = 8
SETTLE_S = 0.4


def arguments() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--notices", type=int, default=10_000)
    parser.add_argument("--operations", type=int, default=2_000, help="of calls, in each measurement")
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    return parser.parse_args()


def work(url: str, port: int, go: Any) -> None:
    """The process of the worker; it works while `go` is set."""
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]
    from talktime.catalog.load import load_catalogue
    from talktime.ledger.database import open_url
    from talktime.notices.worker import NoticeSettings, notice_worker
    from tests.notices.post_office import mail_settings

    async def submit(command: object) -> object:
        raise AssertionError(command)

    def now_us() -> int:
        return time.time_ns() // 1_000

    async def run() -> None:
        place, catalogue = open_url(url), load_catalogue()
        settings = NoticeSettings(mail=mail_settings(port), base_url="https://talktime.example")
        while True:
            await until(go.is_set)
            task = asyncio.create_task(notice_worker(place, catalogue, settings, submit, now_us).run())
            await until(lambda: not go.is_set())
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


@contextmanager
def working(url: str, port: int) -> Iterator[Any]:
    """A worker in a process of its own, and what makes it go."""
    context = multiprocessing.get_context("spawn")
    go = context.Event()
    process = context.Process(target=work, args=(url, port, go), daemon=True)
    process.start()
    try:
        yield go
    finally:
        process.kill()
        process.join()


@contextmanager
def database(store: str) -> Iterator[str]:
    """A ledger that nobody has used; it goes afterwards."""
    from talktime.ledger.database import open_url, upgrade
    from tests.databases import fresh_postgres

    if store == "postgresql":
        with fresh_postgres("bench_notices") as url:
            yield url
        return
    with tempfile.TemporaryDirectory(prefix="talktime-bench-notices-") as folder:
        url = f"sqlite:///{folder}/ledger.db"
        upgrade(open_url(url))
        yield url


async def timed(desk: "Desk", operations: int, name: str) -> list[int]:
    """Microseconds of starts and ends of calls, one after the other."""
    from talktime.live.operations import EndCall
    from tests.ledger.filled import ABROAD, ANA, start

    took_us = []
    for number in range(operations // 2):
        call = f"{name}{number}"
        for operation in (start(TENANT, call, ANA, ABROAD, 60), EndCall(TENANT, call, 1, 30)):
            began_ns = time.perf_counter_ns()
            await desk.submit(operation)
            took_us.append((time.perf_counter_ns() - began_ns) // 1_000)
    return took_us


def quantile(took_us: list[int], percent: int) -> int:
    """The time that so many of a hundred operations keep within."""
    return sorted(took_us)[min(len(took_us) - 1, len(took_us) * percent // 100)]


class Table:
    """Lines of figures, without the worker and beside it."""

    def __init__(self, desk: "Desk", operations: int) -> None:
        self._desk = desk
        self._a_turn = max(20, operations // TURNS)
        self._lines = 0
        heads = "".join(
            f"{name:>9}" for name in ("p50 us", "beside", "p99 us", "beside", "p50 x", "p99 x", "mean x")
        )
        print(f"{'':38}{heads}")

    async def line(self, what: str, go: Any) -> None:
        """One measurement, in turns."""
        self._lines += 1
        alone: list[int] = []
        beside: list[int] = []
        for turn in range(TURNS):
            for figures, goes in ((alone, False), (beside, True)):
                (go.set if goes else go.clear)()
                await asyncio.sleep(SETTLE_S)
                name = f"{self._lines}.{turn}.{goes}."
                figures.extend(await timed(self._desk, self._a_turn, name))
        pairs = [(quantile(alone, part), quantile(beside, part)) for part in (50, 99)]
        means = statistics.fmean(alone), statistics.fmean(beside)
        shown = "".join(f"{figure:>9,}" for pair in pairs for figure in pair)
        ratios = "".join(f"{two / one:>9.2f}" for one, two in (*pairs, means))
        print(f"{what:38}{shown}{ratios}", flush=True)


async def prepared(url: str) -> "Desk":
    """A running desk with a tenant that has money for all of it, and one administrator."""
    from talktime.accounts.tenant import Tenant
    from tests.ledger.filled import ANA, desk_on, fund, new_tenant
    from tests.notices.post_office import ANA as ADMINISTRATOR

    desk = desk_on(url)
    await desk.start(rounds=False)
    tenant = Tenant(TENANT, "Contoso Ltd", "US", "USD", administrators=(ADMINISTRATOR,))
    for command in (new_tenant(tenant, ANA), fund(TENANT, 10**12)):
        await desk.engine.submit(command)
    return desk


async def until(what: Any, patience_s: float = 300) -> float:
    """Waits for it; returns how many seconds that took."""
    began_s = time.monotonic()
    while not await asyncio.to_thread(what):
        if time.monotonic() - began_s > patience_s:
            raise SystemExit("nothing happened")
        await asyncio.sleep(0.1)
    return time.monotonic() - began_s


async def measure(url: str, asked: argparse.Namespace) -> None:
    """All measurements, on one ledger."""
    from tests.notices.post_office import Ledger, free_port

    ledger, port = Ledger(url), free_port()
    desk = await prepared(url)
    await timed(desk, 400, "warm")
    table = Table(desk, asked.operations)
    with working(url, port) as go:
        await table.line("nothing to tell", go)
        ledger.notice(TENANT, "balance_low", time.time_ns() // 1_000, asked.notices, level=5_000_000)
        await table.line(f"{asked.notices:,} notices are fanned out", go)
        await until(lambda: ledger.deliveries.stock()["outbox", "new"] == 0)
        await table.line("all mails wait for a dead server", go)
    with socket.create_server(("127.0.0.1", port)), working(url, port) as go:
        await table.line("all mails wait for a mute server", go)
    await delivered(url, port, asked, ledger, table)
    await desk.stop()


async def delivered(url: str, port: int, asked: argparse.Namespace, ledger: "Ledger", table: Table) -> None:
    """The server comes up: everything arrives, and calls go on meanwhile."""
    import sqlalchemy as sa

    from talktime.ledger.database import open_engine

    with receiving(port) as (taken, different), working(url, port) as go:
        await until(lambda: is_open(port))
        # What was tried, or was in the hand of a worker that was killed, is due at once.
        with open_engine(ledger.url).begin() as db:
            db.execute(sa.text("update deliveries set due_us = 0 where state = 'waiting'"))
        go.set()
        await until(lambda: taken.value > 0)
        await table.line("the server is back, mails go out", go)
        await until(lambda: taken.value >= asked.notices)
        await until(lambda: ledger.deliveries.stock() == {("outbox", "new"): 0})
        sent = sum(each.state == "sent" for each in ledger.all())
        print(f"{taken.value:,} mails arrived, {different.value:,} different ones, {sent:,} noted as sent")
        if different.value != asked.notices or sent != asked.notices:
            raise SystemExit("notices were lost")


def is_open(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def receive(port: int, taken: Any, different: Any) -> None:
    """The process of the mail server: counts what it takes."""
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]
    from tests.notices.post_office import mail_server

    ids: set[str] = set()
    with mail_server(port) as box:
        while True:
            mails = [box.taken.pop() for _ in range(len(box.taken))]
            ids.update(str(made["Message-ID"]) for _, made in mails)
            taken.value += len(mails)
            different.value = len(ids)
            time.sleep(0.05)


@contextmanager
def receiving(port: int) -> Iterator[tuple[Any, Any]]:
    """A mail server in a process of its own: how many mails it took, how many different ones."""
    context = multiprocessing.get_context("spawn")
    counts = context.Value("q", 0), context.Value("q", 0)
    process = context.Process(target=receive, args=(port, *counts), daemon=True)
    process.start()
    try:
        yield counts
    finally:
        process.kill()
        process.join()


def main() -> int:
    """Measures and prints."""
    asked = arguments()
    with database(asked.store) as url:
        asyncio.run(measure(url, asked))
    return 0


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]
    raise SystemExit(main())
