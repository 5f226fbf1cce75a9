"""`kill -9` of the server at any moment: what it acknowledged is there, and nothing of it twice.

And its opposite, a stop in good order: the batch is finished, new work is refused, the exit code is 0.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.faults.live_process import SUPERVISED, UNIT, LiveProcess, prepared
from tests.faults.load_audit import assert_equal, assert_nothing_lost
from tests.faults.load_client import POOR, Load

FUNDS = {"rich": 1_000 * UNIT, "other": 1_000 * UNIT, POOR: 2 * UNIT}


def kill_and_restart(database: str, folder: Path, rounds: int, seed: int) -> None:
    """Kills and restarts under load, and compares after each round and at the end."""
    print(f"seed {seed}")  # noqa: T201 - a failure shows it
    chosen, key = random.Random(seed), prepared(database, FUNDS)
    with LiveProcess(database, folder) as server:
        server.start()
        with Load(server.port, key, list(FUNDS), seed) as load:
            for _ in range(rounds):
                load.wait_for(30)
                time.sleep(chosen.uniform(0, 0.5))
                server.kill()
                acknowledged = load.account.copy()
                server.start()
                assert_nothing_lost(database, acknowledged)
            load.wait_for(30)
            account = load.finish()
        assert account.unanswered >= rounds, "each kill cut somebody off"
        assert_equal(database, account, FUNDS)
        assert server.stop() == 0, server.said()


def test_a_killed_server_has_lost_nothing(database: str, tmp_path: Path) -> None:
    kill_and_restart(database, tmp_path, 2, seed=random.randrange(10**6))


@pytest.mark.long
def test_a_hundred_kills(database: str, tmp_path: Path) -> None:
    kill_and_restart(database, tmp_path, 100, seed=random.randrange(10**6))


def test_sigterm_finishes_what_was_begun(sqlite_database: str, tmp_path: Path) -> None:
    key = prepared(sqlite_database, FUNDS)
    with LiveProcess(sqlite_database, tmp_path) as server:
        server.start()
        with Load(server.port, key, list(FUNDS), seed=1) as load:
            load.wait_for(30)
            assert server.stop() == 0, server.said()
            assert_nothing_lost(sqlite_database, load.account.copy())
            assert load.account.refused.keys() <= {"stopping"}
            server.start()
            load.wait_for(30)
            account = load.finish()
        assert_equal(sqlite_database, account, FUNDS)
        assert "Traceback" not in server.said()


def test_the_supervisor_starts_a_killed_process_again_and_stops_all(
    sqlite_database: str, tmp_path: Path
) -> None:
    key = prepared(sqlite_database, FUNDS)
    with LiveProcess(sqlite_database, tmp_path, SUPERVISED) as server:
        server.start()
        with Load(server.port, key, list(FUNDS), seed=2) as load:
            load.wait_for(30)
            (live,) = (process for process in server.processes()[1:] if "live" in process.cmdline())
            live.kill()
            load.wait_for(30)
            assert "the process live 1 ended with -9; it is started again" in server.said()
            account = load.finish()
        assert_equal(sqlite_database, account, FUNDS)
        children = server.processes()[1:]
        assert len(children) == 2
        assert server.stop() == 0, server.said()
        assert not any(process.is_running() for process in children)
