"""A disk that is full under a server: 503 and nothing half written, and it goes on once there is room.

Once by the system's limit on the size of a file, and once on a disk that is really full, where the machine
lets the test make one.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from talktime.ledger.database import open_url
from tests.databases import fresh_sqlite
from tests.faults.live_process import UNIT, LiveProcess, prepared
from tests.faults.load_audit import assert_equal, assert_nothing_lost
from tests.faults.load_client import Load

FUNDS = {"rich": 1_000 * UNIT}


def fill_and_free(
    database: str, server: LiveProcess, fill: Callable[[], None], free: Callable[[], None]
) -> None:
    """Under load the disk gets full, and is freed; what is refused meanwhile is repeated."""
    key = prepared(database, FUNDS)
    server.start()
    with Load(server.port, key, list(FUNDS), seed=3, lines=4) as load:
        load.wait_for(50)
        fill()
        load.wait_for_refusals(20)
        assert_nothing_lost(database, load.account.copy())
        free()
        load.wait_for(50)
        account = load.finish()
    assert account.refused.keys() <= {"store_away", "unknown_outcome"}
    assert account.unanswered == 0
    assert_equal(database, account, FUNDS)
    assert server.stop() == 0, server.said()
    assert "Traceback" not in server.said()


def test_files_that_may_not_grow(sqlite_database: str, tmp_path: Path) -> None:
    path = open_url(sqlite_database).path
    log = path.with_name(f"{path.name}-wal")
    with LiveProcess(sqlite_database, tmp_path) as server:
        fill_and_free(
            sqlite_database,
            server,
            lambda: server.limit_files(log.stat().st_size + 10_000),
            lambda: server.limit_files(-1),
        )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB; the test is skipped by name where it may not be made."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None:
        pytest.skip("there is no mount on this machine")
    command = [mount, "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may make a small disk")
    yield disk
    subprocess.run([umount, str(disk)], check=True)


def test_a_disk_that_is_full(small_disk: Path, tmp_path: Path) -> None:
    database, ballast = fresh_sqlite(small_disk), small_disk / "ballast"

    def fill() -> None:
        try:
            with ballast.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4_096))
        except OSError:
            return

    with LiveProcess(database, tmp_path) as server:
        fill_and_free(database, server, fill, ballast.unlink)
