"""What a running server asks of the system while it answers one request, in order: writes, syncs, sends.

An answer that leaves before the sync of what it acknowledges is a promise that a power cut can break, and no
test from outside sees it unless the cut comes in between. So `traced` looks at the system calls themselves
(strace), and `assert_synced_before_answer` says of each answer whether the log it stands on was synced first.

A test that asks for a trace is skipped where strace is missing or the system refuses to let one process
look at another.
"""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import pytest

WRITES = ("write", "writev", "pwrite64")
SYNCS = ("fdatasync", "fsync")
SENDS = ("write", "writev", "sendto", "sendmsg")
PATIENCE_S = 20

_LINE = re.compile(r"(?:(?P<thread>\d+) +)?(?P<s>\d+)\.(?P<us>\d{6}) (?P<rest>.*)")
_CALL = re.compile(r"(?P<name>\w+)\(\d+<(?P<target>.*?)>[,() ]")
_RESUMED = re.compile(r"<\.\.\. (?P<name>\w+) resumed>")
_RESULT = re.compile(r"\) += (?P<result>-?\d+)[^=]*$")


class Call(NamedTuple):
    """One system call on a file or a socket: when it began and when it was over, and what it answered.

    `target` is a path, or a socket as strace names it: `TCP:[127.0.0.1:80->127.0.0.1:4711]`. Instants are
    microseconds since 1970 UTC. `done_us` and `result` are None where the call was not over when the trace
    ended; a result below 0 is a failure.
    """

    at_us: int
    name: str
    target: str
    done_us: int | None
    result: int | None
    thread: int


def traced(pid: int, ask: Callable[[], object]) -> tuple[Call, ...]:
    """The calls of a process, all threads, while `ask` runs (it sends one request and waits for the answer).

    In the order in which they began. Skips the test where strace is missing or may not look at the process;
    raises RuntimeError where it cannot for another reason, such as that there is no such process.
    """
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("the order of syncs and answers is seen by strace, which is not on this machine")
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "trace"
        watched = "trace=" + ",".join(dict.fromkeys(WRITES + SYNCS + SENDS))
        command = [strace, "-f", "-ttt", "-yy", "-s", "0", "-e", watched, "-o", str(log), "-p", str(pid)]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stderr
                _wait_until_attached(process.stderr)
                ask()
                _wait_until_quiet(log)
            finally:
                process.terminate()  # strace lets go of the process and ends; the process runs on
        return parsed(log.read_text())


def _wait_until_attached(said: IO[str]) -> None:
    """Reads what strace says until it holds the process; skips the test where it may not."""
    line = said.readline()
    if " attached" in line:
        return
    line = (line + said.read()).strip()
    if "not permitted" in line or "denied" in line:
        pytest.skip(f"strace may not look at another process here: {line}")
    raise RuntimeError(f"strace could not look at the process: {line}")


def _wait_until_quiet(log: Path) -> None:
    """The answer may be here before strace has written its line: waits until it writes no more."""
    size, until = -1, time.monotonic() + PATIENCE_S
    while (now := log.stat().st_size) != size and time.monotonic() < until:
        size = now
        time.sleep(0.2)


def parsed(trace: str) -> tuple[Call, ...]:
    """The calls of a trace made with `-f -ttt -yy`, in the order in which they began."""
    calls: list[Call] = []
    unfinished: dict[int, int] = {}
    for thread, at_us, rest in _lines(trace):
        answer = _RESULT.search(rest)
        result = int(answer["result"]) if answer else None
        if _RESUMED.match(rest):
            begun = unfinished.pop(thread, None)
            if begun is not None:
                calls[begun] = calls[begun]._replace(done_us=at_us, result=result)
        elif call := _CALL.match(rest):
            if result is None:
                unfinished[thread] = len(calls)
            calls.append(Call(at_us, call["name"], call["target"], at_us if answer else None, result, thread))
    return tuple(calls)


def _lines(trace: str) -> Iterator[tuple[int, int, str]]:
    """Thread, instant and the rest of each line of a trace."""
    for text in trace.splitlines():
        if line := _LINE.fullmatch(text):
            yield int(line["thread"] or 0), int(line["s"]) * 1_000_000 + int(line["us"]), line["rest"]


def answers(calls: Sequence[Call], port: int) -> tuple[int, ...]:
    """The places in the trace of what was sent by TCP from a port of this machine."""
    sent = re.compile(rf"TCP(v6)?:\[.*:{port}->.*")
    return tuple(at for at, call in enumerate(calls) if call.name in SENDS and sent.match(call.target))


def assert_synced_before_answer(calls: Sequence[Call], file_ends: str, port: int) -> None:
    """Before the first answer something was written to the file, and between its last write and each answer
    there is a sync of it that succeeded.

    The file is named by how its path ends (`-wal`). Raises AssertionError with what happened instead.
    """
    sent = answers(calls, port)
    assert sent, f"nothing was sent from port {port}:\n{_told(calls)}"
    for answer in sent:
        before = [call for call in calls[:answer] if call.target.endswith(file_ends)]
        writes = [at for at, call in enumerate(before) if call.name in WRITES]
        assert writes, f"the answer left before anything was written to {file_ends}:\n{_told(calls)}"
        written = before[writes[-1]]
        assert any(_covers(call, written, calls[answer]) for call in before[writes[-1] + 1 :]), (
            f"the answer left before {file_ends} was synced:\n{_told(calls)}"
        )


def _covers(sync: Call, written: Call, answer: Call) -> bool:
    """Whether a call is a sync of that file, begun after the write was over, done before the answer."""
    return (
        sync.name in SYNCS
        and sync.result == 0
        and sync.target == written.target
        and written.done_us is not None
        and sync.done_us is not None
        and written.done_us <= sync.at_us
        and sync.done_us <= answer.at_us
    )


def _told(calls: Sequence[Call]) -> str:
    return "\n".join(f"{call.at_us} {call.name}({call.target}) = {call.result}" for call in calls)
