"""The trace tells a server that syncs before it answers from those that answer first or never sync."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.sync_trace import Call, answers, assert_synced_before_answer, parsed, traced

SERVER = """
import socket, sqlite3, sys
synchronous, early = sys.argv[2], sys.argv[3] == "early"
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("pragma journal_mode = wal")
db.execute("create table charge (number integer)")
db.execute(f"pragma synchronous = {synchronous}")
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
while True:
    connection, _ = listening.accept()
    connection.recv(100)
    if early:
        connection.sendall(b"charged")
    db.execute("insert into charge values (1)")
    if not early:
        connection.sendall(b"charged")
    connection.close()
"""


@contextmanager
def server(folder: Path, synchronous: str, when: str) -> Iterator[tuple[int, int]]:
    """A server that commits a row for each request; gives its process and its port."""
    command = [sys.executable, "-c", SERVER, str(folder / "wallet.db"), synchronous, when]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.kill()


def ask(port: int) -> bytes:
    """One request and its answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"charge")
        return connection.makefile("rb").read()


def calls_of_one_request(folder: Path, synchronous: str, when: str) -> tuple[tuple[Call, ...], int]:
    """The trace of a server's second request (its first makes the log), and its port."""
    said: list[bytes] = []
    with server(folder, synchronous, when) as (pid, port):
        ask(port)
        calls = traced(pid, lambda: said.append(ask(port)))
        assert ask(port) == b"charged"  # it runs on when the trace is over
    assert said == [b"charged"]
    return calls, port


def test_a_commit_that_is_synced_before_the_answer_passes(tmp_path: Path) -> None:
    calls, port = calls_of_one_request(tmp_path, "full", "late")
    assert_synced_before_answer(calls, "-wal", port)
    assert len(answers(calls, port)) == 1
    wal = str(tmp_path / "wallet.db-wal")
    assert [call.name for call in calls if call.target == wal][-2:] == ["pwrite64", "fdatasync"]


def test_a_commit_without_a_sync_is_caught(tmp_path: Path) -> None:
    calls, port = calls_of_one_request(tmp_path, "off", "late")
    with pytest.raises(AssertionError, match="left before -wal was synced"):
        assert_synced_before_answer(calls, "-wal", port)


def test_an_answer_before_the_commit_is_caught(tmp_path: Path) -> None:
    calls, port = calls_of_one_request(tmp_path, "full", "early")
    with pytest.raises(AssertionError, match="left before anything was written to -wal"):
        assert_synced_before_answer(calls, "-wal", port)


WRITE = "7 100.000001 pwrite64(5</d/a-wal>, ..., 24, 32) = 24\n"
SEND = '7 100.000009 sendto(6<TCP:[127.0.0.1:80->127.0.0.1:4711]>, ""..., 7, 0, NULL, 0) = 7\n'


@pytest.mark.parametrize(
    "between",
    [
        pytest.param("", id="none"),
        pytest.param("7 100.000002 fdatasync(5</d/a-wal>) = -1 EIO (Input/output error)\n", id="failed"),
        pytest.param("7 100.000002 fdatasync(4</d/a>) = 0\n", id="another-file"),
        pytest.param("8 100.000002 fdatasync(5</d/a-wal> <unfinished ...>\n", id="not-over"),
        pytest.param(
            "7 100.000002 fdatasync(5</d/a-wal>) = 0\n" + WRITE.replace("01", "03"), id="written-again"
        ),
    ],
)
def test_a_sync_that_does_not_cover_the_write_is_caught(between: str) -> None:
    with pytest.raises(AssertionError, match="left before -wal was synced"):
        assert_synced_before_answer(parsed(WRITE + between + SEND), "-wal", 80)


def test_a_sync_by_another_thread_counts_from_when_it_is_over() -> None:
    begun = "8 100.000002 fdatasync(5</d/a-wal> <unfinished ...>\n"
    over = "8 100.000008 <... fdatasync resumed>) = 0\n"
    assert_synced_before_answer(parsed(WRITE + begun + over + SEND), "-wal", 80)
    with pytest.raises(AssertionError, match="left before -wal was synced"):
        assert_synced_before_answer(parsed(WRITE + begun + SEND + over.replace("08", "12")), "-wal", 80)


def test_a_trace_without_an_answer_is_no_proof() -> None:
    with pytest.raises(AssertionError, match="nothing was sent from port 80"):
        assert_synced_before_answer(parsed(WRITE), "-wal", 80)


def test_a_process_that_is_not_there_is_no_reason_to_skip(tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not on this machine")
    with server(tmp_path, "full", "late") as (pid, _):
        pass
    with pytest.raises(RuntimeError, match="No such process"):
        traced(pid, lambda: None)


def test_a_machine_without_strace_skips(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match="strace, which is not on this machine"):
        traced(1, lambda: None)
