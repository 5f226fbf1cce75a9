"""The plug is pulled under a server that charges: what it acknowledged is on the disk.

After the kill everything that was not synced is taken away (`power_cut`). And a database that would not keep
its commits is refused before the first call.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from psycopg import sql

from tests.databases import fresh_sqlite, postgres_server
from tests.faults.live_process import ALONE, SUPERVISED, UNIT, LiveProcess, prepared
from tests.faults.load_audit import assert_equal, assert_nothing_lost
from tests.faults.load_client import POOR, Load
from tests.faults.own_postgres import LEDGER, own_postgres
from tests.faults.power_cut import build, drop_unsynced, environment, why_not

FUNDS = {"rich": 1_000 * UNIT, POOR: 2 * UNIT}


def pull_the_plug(folder: Path, rounds: int, seed: int) -> None:
    """Cuts the power under load, takes what was not synced, starts again, compares."""
    if reason := why_not():
        pytest.skip(f"a power cut under a server: {reason}")
    print(f"seed {seed}")  # noqa: T201 - a failure shows it
    chosen, data, log = random.Random(seed), folder / "data", folder / "undo.log"
    data.mkdir()
    database = fresh_sqlite(data)
    key = prepared(database, FUNDS)
    taken = 0
    with LiveProcess(database, folder, ALONE, environment(build(folder), data, log)) as server:
        server.start()
        with Load(server.port, key, list(FUNDS), seed) as load:
            for _ in range(rounds):
                load.wait_for(30)
                time.sleep(chosen.uniform(0, 0.5))
                server.kill()
                taken += sum(len(dropped.undone) for dropped in drop_unsynced(data, log))
                acknowledged = load.account.copy()
                server.start()
                assert_nothing_lost(database, acknowledged)
            load.wait_for(30)
            account = load.finish()
        assert_equal(database, account, FUNDS)
    print(f"{taken} writes that were not synced are gone")  # noqa: T201 - how much the test was worth


def test_the_disk_holds_what_was_acknowledged(tmp_path: Path) -> None:
    pull_the_plug(tmp_path, 1, seed=random.randrange(10**6))


@pytest.mark.long
def test_fifty_power_cuts(tmp_path: Path) -> None:
    pull_the_plug(tmp_path, 50, seed=random.randrange(10**6))


# --- durability that is off ------------------------------------------------------------------------


def refused(database: str, folder: Path, arguments: tuple[str, ...]) -> str:
    """The one sentence of a server that does not start."""
    with LiveProcess(database, folder, arguments) as server:
        assert server.run_out() in (1, 2), server.said()
        said = server.said()
    assert len(said.splitlines()) == 1, said
    return said


def test_postgresql_that_does_not_wait_for_the_disk_is_refused(
    postgres_database: str, tmp_path: Path
) -> None:
    name = sql.Identifier(postgres_database.partition("?")[0].rpartition("/")[2])
    postgres_server("this").execute(sql.SQL("alter database {} set synchronous_commit = off").format(name))
    said = refused(postgres_database, tmp_path, SUPERVISED)
    assert "PostgreSQL's synchronous_commit is off, so a committed charge may be lost" in said


def test_postgresql_without_fsync_is_refused(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with own_postgres(request.node.name, "fsync=off") as careless:
        said = refused(careless.url(LEDGER), tmp_path, ALONE)
    assert "PostgreSQL's fsync is off, so a committed charge may be lost; set it to on" in said
