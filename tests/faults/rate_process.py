"""`talktime rate` over many tenants in a process of its own, which may be killed before any disk step.

Steps are what the process does to files in its folder: files opened for writing, renamed and removed, folders
made and removed. Parts and tables are small, so that a month of a few thousand calls has many.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from tests.house.tree import ROOT

PATIENCE_S: Final = 120
ROWS_A_PART: Final = 220
ROWS_A_TABLE: Final = 1_500
OUT, TENANTS, WORK = "month.parquet", "month.tenants.parquet", "work"

WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES: Final = ("os.rename", "os.remove", "os.rmdir", "os.mkdir")


class Steps:
    """The disk steps below a folder; before the last-th one of a pattern the process kills itself."""

    def __init__(self, folder: Path, pattern: str, last: int) -> None:
        self.folder, self.pattern, self.last, self.done = str(folder), pattern, last, 0
        self.names: list[str] = []

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook."""
        if event == "open":
            writes = isinstance(arguments[2], int) and arguments[2] & WRITES
            if not writes:
                return
        elif event not in CHANGES:
            return
        place = arguments[0]
        if not isinstance(place, (str, os.PathLike)) or not str(Path(place).absolute()).startswith(
            self.folder
        ):
            return
        name = f"{event} {Path(place).name}"
        self.names.append(name)
        self.done += fnmatch(name, self.pattern)
        if self.done == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    """The command, with what stands behind the pattern and number of its last step and the room of a file."""
    pattern, number, room, *words = sys.argv[1:]
    from talktime.bulk import parts
    from talktime.doors.cli.main import app
    from talktime.doors.cli.problems import guarded
    from talktime.files import usage_stream

    parts.ROWS_A_PART = ROWS_A_PART  # type: ignore[misc]
    usage_stream.ROWS_AT_LEAST = ROWS_A_TABLE  # type: ignore[misc]
    steps = Steps(Path.cwd(), pattern, int(number))
    sys.addaudithook(steps.hook)
    if int(room):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(room), resource.RLIM_INFINITY))
    sys.argv = ["talktime", *words]
    code = guarded(app)
    if not int(room):
        (Path.cwd().parent / "steps.json").write_text(json.dumps(steps.names), "utf-8")
    return code


class Ended(NamedTuple):
    """What a process left."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one line that a refused run says, but for the one that it goes on with another."""
        assert (self.code, self.out) == (1, ""), self
        told = self.err.removeprefix("talktime: going on with the run in work\n")
        assert told.startswith("talktime: "), self.err
        assert told.count("\n") == 1, self.err
        return told.removeprefix("talktime: ").rstrip()


class Month:
    """A folder with a book, usage and a deck; runs of it, and what they left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(
        self,
        *more: str,
        until: str = "*",
        number: int = 0,
        bytes_a_file: int = 0,
        work: str = WORK,
        rates: str = "deck.csv",
    ) -> subprocess.Popen[bytes]:
        """A run in a process of its own, up to the number-th step of a pattern; 0 is none, and no limit."""
        program = "import sys; from tests.faults.rate_process import main; sys.exit(main())"
        words = ["rate", "usage.parquet", "--tenant", "book.jsonl", "--rates", rates, "--out", OUT, "--json"]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONFAULTHANDLER": "1",
            "TALKTIME_STATE": str(self.folder.parent / "state"),
            "TALKTIME_CACHE": str(self.folder.parent / "cache"),
        }
        return subprocess.Popen(
            [
                sys.executable,
                "-c",
                program,
                until,
                f"{number}",
                f"{bytes_a_file}",
                *words,
                "--work",
                work,
                *more,
            ],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *more: str, **how: Any) -> Ended:
        """A run until it ends."""
        return ended(self.start(*more, **how))

    @property
    def steps(self) -> list[str]:
        """The disk steps of the last run that came to its end."""
        names = json.loads((self.folder.parent / "steps.json").read_text("utf-8"))
        assert isinstance(names, list)
        return names

    def calls(self) -> list[tuple[Any, ...]]:
        """The rows of the report, in an order of their own; no call of a tenant stands in it twice."""
        frame = pl.read_parquet(self.folder / OUT)
        assert not frame.select("tenant", "id").is_duplicated().any()
        return frame.sort("tenant", "id").rows()

    def tenants(self) -> list[tuple[Any, ...]]:
        """The rows beside it, but for when they were written."""
        frame = pl.read_parquet(self.folder / TENANTS)
        rated = pl.col("document").str.replace(r'"rated_at_us":\d+', "")
        return frame.with_columns(rated).sort("tenant").rows()

    def names(self) -> set[str]:
        """What stands in the folder."""
        return {path.name for path in self.folder.iterdir()}


def ended(process: subprocess.Popen[bytes]) -> Ended:
    """Waits for a process."""
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Ended(process.returncode, out.decode(), err.decode())
