"""The pulled plug takes what was not synced, and nothing else: plain files, and SQLite in WAL mode.

Each case is a process that writes, says so on its output, and is killed at that instant.
"""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults.power_cut import Dropped, build, drop_unsynced, environment, why_not

OPEN = "import os, sys\nos.chdir(sys.argv[1])\n"
CREATE = OPEN + "f = os.open('f', os.O_RDWR | os.O_CREAT)\n"
DIE = "\nprint('done', flush=True)\nsys.stdin.read()\n"

COMMITS = (
    OPEN
    + """
import sqlite3
db = sqlite3.connect("wallet.db", isolation_level=None)
db.execute("pragma journal_mode = wal")
db.execute("pragma synchronous = full")
db.execute("create table charge (number integer)")
db.execute(f"pragma synchronous = {sys.argv[2]}")
db.execute(f"pragma wal_autocheckpoint = {sys.argv[3]}")
for number in range(50):
    db.execute("insert into charge values (?)", (number,))
"""
)


class Plug(NamedTuple):
    """A folder that is watched, and the library that watches it."""

    library: Path
    folder: Path
    log: Path

    def run(self, program: str, *arguments: str) -> None:
        """Runs a Python program on the folder until it has said that it is done, and kills it."""
        command = [sys.executable, "-c", program + DIE, str(self.folder), *arguments]
        pipe = subprocess.PIPE
        surroundings = environment(self.library, self.folder, self.log)
        with subprocess.Popen(command, env=surroundings, stdin=pipe, stdout=pipe) as process:
            assert process.stdout
            said = process.stdout.readline()
            process.kill()
        assert said == b"done\n"
        assert process.returncode == -signal.SIGKILL

    def pull(self) -> tuple[Dropped, ...]:
        """The power cut; gives what it took."""
        return drop_unsynced(self.folder, self.log)

    def file(self, name: str = "f") -> bytes:
        """What stands in a file of the folder."""
        return (self.folder / name).read_bytes()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if reason := why_not():
        pytest.skip(f"test_power_cut: {reason}")
    return build(tmp_path_factory.mktemp("power_cut"))


@pytest.fixture
def plug(library: Path, tmp_path: Path) -> Plug:
    folder = tmp_path / "data"
    folder.mkdir()
    return Plug(library, folder, tmp_path / "undo.log")


@pytest.mark.parametrize("sync", ["fsync", "fdatasync"])
def test_synced_bytes_stay_and_the_others_go(plug: Plug, sync: str) -> None:
    plug.run(CREATE + f"os.write(f, b'kept'); os.{sync}(f); os.write(f, b'lost'); os.pwrite(f, b'LOST', 0)")
    assert plug.file() == b"LOSTlost"  # the kill alone loses nothing
    (dropped,) = plug.pull()
    assert plug.file() == b"kept"
    assert (dropped.path, len(dropped.undone)) == (plug.folder / "f", 2)


@pytest.mark.parametrize(
    ("acts", "left"),
    [
        pytest.param("os.write(f, b'abc')", b"", id="never-synced"),
        pytest.param("os.write(f, b'abc'); os.fsync(f); os.ftruncate(f, 1)", b"abc", id="cut-short"),
        pytest.param("os.write(f, b'abc'); os.fsync(f); os.ftruncate(f, 9)", b"abc", id="made-longer"),
        pytest.param("os.write(f, b'abc'); os.ftruncate(f, 1); os.fsync(f)", b"a", id="cut-and-synced"),
        pytest.param("os.pwrite(f, b'abc', 5000); os.fsync(f)", bytes(5000) + b"abc", id="far-out"),
        pytest.param(
            "os.pwrite(f, b'a', 0); os.pwrite(f, b'bb', 0); os.pwrite(f, b'c', 1)", b"", id="overlaps"
        ),
        pytest.param(
            "os.write(f, b'abc'); os.fsync(os.open('f', os.O_RDONLY))", b"abc", id="synced-elsewhere"
        ),
        pytest.param(
            "os.write(f, b'abc'); os.fsync(f); open('f', 'w').close()", b"abc", id="opened-to-empty"
        ),
        pytest.param(
            "os.write(f, b'abc'); os.fsync(f); open('f', 'a').write('d')", b"abc", id="appended-by-another"
        ),
        pytest.param(
            "os.write(f, b'a'); g = os.open('g', 66); os.write(g, b'a'); os.fsync(g)", b"", id="other-synced"
        ),
        pytest.param("h = os.dup(f); os.close(f); os.write(h, b'abc')", b"", id="copied-descriptor"),
    ],
)
def test_what_is_left_of_one_file(plug: Plug, acts: str, left: bytes) -> None:
    plug.run(CREATE + acts)
    plug.pull()
    assert plug.file() == left


def test_a_renamed_file_keeps_its_name_and_loses_its_bytes(plug: Plug) -> None:
    plug.run(CREATE + "os.write(f, b'abc'); os.rename('f', 'g')")
    plug.pull()
    assert [path.name for path in plug.folder.iterdir()] == ["g"]
    assert plug.file("g") == b""


def test_a_new_file_is_not_taken_for_the_unlinked_one(plug: Plug) -> None:
    again = "os.write(f, b'old'); os.unlink('f'); os.close(f); f = os.open('f', 66)"
    again += "; os.write(f, b'new'); os.fsync(f)"
    plug.run(CREATE + "\n".join([again] * 20))
    assert plug.pull() == ()
    assert plug.file() == b"new"


def test_files_elsewhere_and_shm_files_are_let_alone(plug: Plug) -> None:
    plug.run(CREATE + "open('../other', 'w').write('abc'); open('f-shm', 'w').write('abc')")
    assert plug.pull() == ()
    assert plug.file("../other") == b"abc"
    assert not (plug.folder / "f-shm").exists()


def test_threads_that_write_at_once_lose_no_record(plug: Plug) -> None:
    program = """
import threading
def work(name):
    f = os.open(name, 66)
    for number in range(400):
        os.write(f, b"%03d" % number)
        if number == 199:
            os.fdatasync(f)
threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
    plug.run(OPEN + program)
    assert sum(len(dropped.undone) for dropped in plug.pull()) == 4 * 200
    kept = b"".join(b"%03d" % number for number in range(200))
    assert [plug.file(name) for name in "abcd"] == [kept] * 4


def test_a_second_cut_takes_only_what_came_after_the_first(plug: Plug) -> None:
    plug.run(CREATE + "os.write(f, b'abc'); os.fsync(f); os.write(f, b'def')")
    plug.pull()
    plug.run(CREATE + "os.pwrite(f, b'xyz', 1)")
    plug.pull()
    assert plug.file() == b"abc"


def commits(folder: Path) -> list[int]:
    """The numbers that SQLite reads from the folder, which has to be sound."""
    db = sqlite3.connect(folder / "wallet.db")
    try:
        assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
        return [number for (number,) in db.execute("select number from charge order by number")]
    finally:
        db.close()


@pytest.mark.parametrize("checkpoint", ["1000", "3"], ids=["log-only", "with-checkpoints"])
def test_commits_with_synchronous_full_survive(plug: Plug, checkpoint: str) -> None:
    plug.run(COMMITS, "full", checkpoint)
    plug.pull()
    assert commits(plug.folder) == list(range(50))


@pytest.mark.parametrize("synchronous", ["off", "normal"])
def test_commits_without_a_sync_are_lost(plug: Plug, synchronous: str) -> None:
    plug.run(COMMITS, synchronous, "1000")
    assert plug.pull()
    assert commits(plug.folder) == []


def test_the_kill_alone_loses_no_commit(plug: Plug) -> None:
    plug.run(COMMITS, "off", "1000")
    assert commits(plug.folder) == list(range(50))


def test_a_process_without_the_library_is_told_of(plug: Plug) -> None:
    with pytest.raises(ValueError, match="ran without the library"):
        plug.pull()


def test_the_log_may_not_lie_in_the_folder(plug: Plug) -> None:
    with pytest.raises(ValueError, match="Put it elsewhere"):
        environment(plug.library, plug.folder, plug.folder / "undo.log")
