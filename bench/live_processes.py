"""The processes of `bench_live.py`: servers as they are run in earnest, the echo beside them, the load.

Each is in a session of its own, so that Ctrl-C reaches the program that measures, which then ends them.
"""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil

from talktime.ledger.api_keys import LIVE, ApiKeys
from talktime.ledger.database import open_url

ROOT = Path(__file__).resolve().parents[1]
BENCH = Path(__file__).resolve().parent
PYTHONPATH = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
HOST = "127.0.0.1"
READY_S = 60
STOP_S = 40
GOOD_ANSWERS = {
    "echo 200", "start 200 allow", "extend 200 allow", "end 200",
    "start 2001", "extend 2001", "end 2001",
}  # fmt: skip


class Serving(NamedTuple):
    """A server that answers: its port, its process, a key for its live routes, its port for Diameter."""

    port: int
    pid: int
    key: str
    diameter_port: int = 0

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
    load_processor_us_per_request: float = 0.0
    server_processor_us_per_request: float = 0.0


class Played(NamedTuple):
    """What one run of the load found; `others` are answers that were refusals or faults.

    Time on the processor in microseconds an operation: the server's and, `load_us`, the load's own.
    """

    per_s: int
    p50_us: int
    p99_us: int
    processor_us: float
    others: int
    load_us: float = 0.0


def environment(folder: Path, database: str = "") -> Mapping[str, str]:
    """What a process of Talktime is given: its own state, nothing of the caller's settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("TALKTIME_")}
    given = {"PYTHONPATH": PYTHONPATH, "TALKTIME_STATE": str(folder / "state")}
    return own | given | ({"TALKTIME_DATABASE": database} if database else {})


@contextmanager
def serving(
    url: str, folder: Path, noted: Path | None = None, fronts: int = 0, peers: Path | None = None
) -> Iterator[Serving]:
    """`talktime serve` on a database: its live process alone, or an engine with so many fronts.

    With `noted` the live process writes its batch times there at its end; with `peers`, the settings of the
    Diameter door, it answers Diameter too.
    """
    _, key = ApiKeys(open_url(url)).create("bench", None, (LIVE,), time.time_ns() // 1_000)
    program = ["-m", "talktime"] if noted is None else [str(BENCH / "live_timed_serve.py"), str(noted)]
    log = folder / "serve.log"
    port = _free_port()
    shape = ["--fronts", str(fronts), "--admin-port", str(_free_port())] if fronts else ["--only", "live"]
    diameter_port = _free_port() if peers else 0
    spoken = ["--diameter", f"{HOST}:{diameter_port}"] if peers else []
    named = {"TALKTIME_DIAMETER": str(peers)} if peers else {}
    command = [*program, "serve", *shape, *spoken, "--host", HOST, "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command],
            env={**environment(folder, url), **named},
            cwd=folder,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    with _ending(process):
        _wait_ready(process, log, lambda: _answers(port))
        yield Serving(port, process.pid, key, diameter_port)
    if process.returncode:
        raise SystemExit(f"the server ended with {process.returncode}:\n{_end_of(log)}")


@contextmanager
def echoing(folder: Path) -> Iterator[int]:
    """`echo.py`; gives its port."""
    with _beside("echo.py", folder, _answers) as echo:
        yield echo.port


@contextmanager
def granting(folder: Path) -> Iterator[Serving]:
    """`diameter_null.py`; only its ports and its process are of use."""
    with _beside("diameter_null.py", folder, _listens) as null:
        yield null._replace(diameter_port=null.port)


@contextmanager
def door_alone(folder: Path, peers: Path) -> Iterator[Serving]:
    """`diameter_door.py`, as `granting`."""
    with _beside("diameter_door.py", folder, _listens, "--peers", str(peers)) as door:
        yield door._replace(diameter_port=door.port)


@contextmanager
def _beside(program: str, folder: Path, answers: Callable[[int], bool], *options: str) -> Iterator[Serving]:
    """A server of this folder, to compare with; it is ready when it answers on its port."""
    port = _free_port()
    log = folder / f"{program}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(BENCH / program), *options, "--port", str(port)],
            env=environment(folder),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    with _ending(process):
        _wait_ready(process, log, lambda: answers(port))
        yield Serving(port, process.pid, "")


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
    return _played("load.py", asked, seconds + warm_up_s + READY_S)


def play_peers(serving: Serving, seconds: float, warm_up_s: float, *options: object) -> Played:
    """Runs `diameter_load.py` with these options."""
    asked = ["--port", serving.diameter_port, "--server-pid", serving.pid]
    asked += ["--seconds", seconds, "--warm-up", warm_up_s, *options]
    return _played("diameter_load.py", asked, seconds + warm_up_s + READY_S)


def _played(program: str, asked: Sequence[object], timeout_s: float) -> Played:
    done = _run([str(BENCH / program), *map(str, asked)], timeout_s)
    line = msgspec.json.decode(done, type=Line)
    return Played(
        line.operations_per_s,
        line.latency_us.get("p50", 0),
        line.latency_us.get("p99", 0),
        line.server_processor_us_per_request,
        sum(times for answer, times in line.answers.items() if answer not in GOOD_ANSWERS),
        line.load_processor_us_per_request,
    )


def _run(arguments: Sequence[str], timeout_s: float) -> bytes:
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": PYTHONPATH},
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


def _wait_ready(process: subprocess.Popen[bytes], log: Path, is_ready: Callable[[], bool]) -> None:
    until_s = time.monotonic() + READY_S
    while not is_ready():
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


def _listens(port: int) -> bool:
    """Whether connections are taken."""
    try:
        socket.create_connection((HOST, port), timeout=READY_S).close()
    except OSError:
        return False
    return True


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace").strip()[-2_000:]
