"""The processes of `bench_live.py`: servers as they are run in earnest, the echo beside them, the load.

Each is in a session of its own, so that Ctrl-C reaches the program that measures, which then ends them.
"""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil

from talktime.ledger.api_keys import LIVE, ApiKeys
from talktime.ledger.database import open_url

ROOT = Path(__file__).resolve().parents[1]
BENCH = Path(__file__).resolve().parent
HOST = "127.0.0.1"
READY_S = 60
STOP_S = 40
GOOD_ANSWERS = {"echo 200", "start 200 allow", "extend 200 allow", "end 200"}


class Serving(NamedTuple):
    """A server that answers: its port, its process, a key for its live routes."""

    port: int
    pid: int
    key: str

    @property
    def resident_mib(self) -> float:
        """Memory of the process and of those it started."""
        first = psutil.Process(self.pid)
        every = (first, *first.children(recursive=True))
        return float(sum(process.memory_info().rss for process in every)) / 2**20


class Line(msgspec.Struct):
    """What is read of the line that `load.py` prints."""

    operations_per_s: int
    latency_us: dict[str, int]
    answers: dict[str, int]
    server_processor_us_per_request: float = 0.0


class Played(NamedTuple):
    """What one run of the load found; `others` are answers that were refusals or faults."""

    per_s: int
    p50_us: int
    p99_us: int
    processor_us: float
    others: int


def environment(folder: Path, database: str = "") -> Mapping[str, str]:
    """What a process of Talktime is given: its own state, nothing of the caller's settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("TALKTIME_")}
    given = {"PYTHONPATH": str(ROOT / "src"), "TALKTIME_STATE": str(folder / "state")}
    return own | given | ({"TALKTIME_DATABASE": database} if database else {})


@contextmanager
def serving(url: str, folder: Path, noted: Path | None = None, fronts: int = 0) -> Iterator[Serving]:
    """`talktime serve` on a database: its live process alone, or an engine with so many fronts.

    With `noted` the live process writes its batch times there at its end.
    """
    _, key = ApiKeys(open_url(url)).create("bench", None, (LIVE,), time.time_ns() // 1_000)
    program = ["-m", "talktime"] if noted is None else [str(BENCH / "live_timed_serve.py"), str(noted)]
    log = folder / "serve.log"
    port = _free_port()
    shape = ["--fronts", str(fronts), "--admin-port", str(_free_port())] if fronts else ["--only", "live"]
    command = [*program, "serve", *shape, "--host", HOST, "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command],
            env=environment(folder, url),
            cwd=folder,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    with _ending(process):
        _wait_ready(process, port, log)
        yield Serving(port, process.pid, key)
    if process.returncode:
        raise SystemExit(f"the server ended with {process.returncode}:\n{_end_of(log)}")


@contextmanager
def echoing(folder: Path) -> Iterator[int]:
    """`echo.py`; gives its port."""
    port = _free_port()
    log = folder / "echo.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(BENCH / "echo.py"), "--port", str(port)],
            env=environment(folder),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    with _ending(process):
        _wait_ready(process, port, log)
        yield port


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as free:
        port: int = free.getsockname()[1]
    return port


def play(
    port: int, seconds: float, warm_up_s: float, *options: object, serving: Serving | None = None
) -> Played:
    """Runs `load.py` with these options."""
    asked = ["--port", port, "--seconds", seconds, "--warm-up", warm_up_s, *options]
    if serving is not None:
        asked += ["--key", serving.key, "--server-pid", serving.pid]
    done = _run([str(BENCH / "load.py"), *map(str, asked)], seconds + warm_up_s + READY_S)
    line = msgspec.json.decode(done, type=Line)
    latency = line.latency_us
    others = sum(times for answer, times in line.answers.items() if answer not in GOOD_ANSWERS)
    processor_us = line.server_processor_us_per_request
    return Played(line.operations_per_s, latency.get("p50", 0), latency.get("p99", 0), processor_us, others)


def _run(arguments: Sequence[str], timeout_s: float) -> bytes:
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        check=False,
        timeout=timeout_s,
        start_new_session=True,
    )
    if done.returncode:
        told = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise SystemExit(f"{Path(arguments[0]).name} ended with {done.returncode}:\n{told}")
    return done.stdout


@contextmanager
def _ending(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """The process ends with the block, in good order if it can."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until_s = time.monotonic() + READY_S
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > until_s:
            raise SystemExit(f"a server did not come up within {READY_S} s:\n{_end_of(log)}")
        time.sleep(0.05)


def _answers(port: int) -> bool:
    """Whether it is ready; the echo says 400 to what is no start, and that is an answer too."""
    connection = http.client.HTTPConnection(HOST, port, timeout=READY_S)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status in (200, 400)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace").strip()[-2_000:]
