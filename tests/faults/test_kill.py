"""`kill -9` of the server at any moment: what it acknowledged is there, and nothing of it twice.

And its opposite, a stop in good order: the batch is finished, new work is refused, the exit code is 0.
"""

from __future__ import annotations

import random
import time
from functools import partial
from pathlib import Path

import pytest

from tests.faults.live_process import SUPERVISED, UNIT, WITH_FRONTS, LiveProcess, prepared
from tests.faults.load_audit import assert_equal, assert_nothing_lost
from tests.faults.load_client import POOR, Load

FUNDS = {"rich": 1_000 * UNIT, "other": 1_000 * UNIT, POOR: 2 * UNIT}


def kill_and_restart(database: str, folder: Path, rounds: int, seed: int) -> None:
    """Kills and restarts under load, at last stops in good order; compares each time and at the end."""
    print(f"seed {seed}")  # noqa: T201 - a failure shows it
    chosen, key = random.Random(seed), prepared(database, FUNDS)
    with LiveProcess(database, folder) as server:
        server.start()
        with Load(server.port, key, list(FUNDS), seed) as load:
            for _ in range(rounds):
                load.wait_for(30)
                time.sleep(chosen.uniform(0, 0.5))
                server.kill()
                restart(server, database, load)
            assert load.account.unanswered >= rounds, "each kill cut somebody off"
            load.wait_for(30)
            assert server.stop() == 0, server.said()
            restart(server, database, load)
            load.wait_for(30)
            account = load.finish()
        assert account.refused.keys() <= {"stopping"}
        assert_equal(database, account, FUNDS)
        assert server.stop() == 0, server.said()
        assert "Traceback" not in server.said()


def restart(server: LiveProcess, database: str, load: Load) -> None:
    """What was acknowledged before is there."""
    acknowledged = load.account.copy()
    server.start()
    assert_nothing_lost(database, acknowledged)


def test_a_server_that_is_killed_or_stopped_has_lost_nothing(database: str, tmp_path: Path) -> None:
    kill_and_restart(database, tmp_path, 1, seed=random.randrange(10**6))


@pytest.mark.long
def test_a_hundred_kills(database: str, tmp_path: Path) -> None:
    kill_and_restart(database, tmp_path, 100, seed=random.randrange(10**6))


def has_restarted(server: LiveProcess, times: int, processes: int) -> bool:
    """Whether the supervisor has started so many dead ones again."""
    told = server.said().count("ended with -9; it is started again")
    return told == times and len(server.processes()) == processes


@pytest.mark.parametrize(
    ("arguments", "victims"),
    [
        pytest.param(SUPERVISED, ("live",), id="live", marks=pytest.mark.long),
        pytest.param(WITH_FRONTS, ("front", "engine"), id="fronts"),
    ],
)
def test_the_supervisor_starts_a_killed_process_again_and_stops_all(
    sqlite_database: str, tmp_path: Path, arguments: tuple[str, ...], victims: tuple[str, ...]
) -> None:
    """One without fronts dies in tests/doors/test_cli_serve.py, too, and under load above."""
    key = prepared(sqlite_database, FUNDS)
    with LiveProcess(sqlite_database, tmp_path, arguments) as server:
        server.start()
        before = len(server.processes())
        with Load(server.port, key, list(FUNDS), seed=2) as load:
            for number, victim in enumerate(victims, 1):
                load.wait_for(30)
                server.part(victim).kill()
                load.wait_until(partial(has_restarted, server, number, before))
                load.wait_for(30)
            account = load.finish()
        assert_equal(sqlite_database, account, FUNDS)
        children = server.processes()[1:]
        assert server.stop() == 0, server.said()
        assert not any(process.is_running() for process in children)
