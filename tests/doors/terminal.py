"""A terminal for tests: a working folder, a state folder, and the command line in it.

Commands run in this process, which costs a tenth of a second; `start` makes a real one, for what only a
process has (signals, pipes, limits).
"""

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from talktime.doors.cli.main import app
from talktime.doors.cli.problems import guarded

SOURCES: Final = Path(__file__).resolve().parents[2] / "src"
WIDTH: Final = 80
PATIENCE_S: Final = 60
KEPT: Final = ("PATH", "HOME", "TMPDIR", "TZ", "SSL_CERT_FILE")
"""What a command sees of our own environment."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command left behind: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object that was printed; fails where there is anything else."""
        assert (self.code, self.err) == (0, ""), self.err
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value

    def sentence(self, code: int) -> str:
        """What a refused command says: one line on standard error and nothing else."""
        assert (self.code, self.out) == (code, "")
        assert self.err.startswith("talktime: ")
        assert self.err.count("\n") == 1, self.err
        assert "Traceback" not in self.err
        return self.err.removeprefix("talktime: ").rstrip("\n")


class Terminal:
    """Runs commands in `folder`; the last run is kept in `state`."""

    def __init__(self, base: Path) -> None:
        self.folder, self.state = base / "work", base / "state"
        self.folder.mkdir()

    def write(self, name: str, content: str | bytes) -> Path:
        """A file in the working folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """What the command sees: no colours asked for, 80 columns, our state folder."""
        kept = {name: value for name, value in os.environ.items() if name in KEPT}
        ours = {
            "PYTHONPATH": str(SOURCES),
            "PYTHONUTF8": "1",
            "TALKTIME_STATE": str(self.state),
            "COLUMNS": str(WIDTH),
        }
        return {**kept, **ours, **more}

    def run(self, *words: str | Path, encoding: str = "utf-8", **environment: str) -> Answer:
        """A command in this process; `encoding` is what its output can show."""
        out = io.TextIOWrapper(io.BytesIO(), encoding, write_through=True)
        err = io.TextIOWrapper(io.BytesIO(), encoding, "backslashreplace", write_through=True)
        with (
            patch.dict(os.environ, self.environment(environment), clear=True),
            patch.object(sys, "argv", ["talktime", *map(str, words)]),
            chdir(self.folder),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = guarded(app)
        return Answer(code, _text(out), _text(err))

    def start(self, *words: str | Path, stdout: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
        """A command in a process of its own, which goes on by itself."""
        return self.python("-m", "talktime.doors.cli.main", *words, stdout=stdout)

    def python(self, *words: str | Path, stdout: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
        """Python in the working folder, with what a command sees."""
        return subprocess.Popen(
            [sys.executable, *map(str, words)],
            cwd=self.folder,
            # Half a module, compiled under a limit on files, would harm whoever comes next.
            env=self.environment({"PYTHONDONTWRITEBYTECODE": "1"}),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
        )

    def files(self) -> dict[str, bytes]:
        """Everything in the working and the state folder, by name."""
        base = self.folder.parent
        found = sorted(path for path in base.rglob("*") if path.is_file())
        return {str(path.relative_to(base)): path.read_bytes() for path in found}


def ended(process: subprocess.Popen[bytes]) -> Answer:
    """What a process left behind; one that does not end is killed and fails the test."""
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Answer(process.returncode, (out or b"").decode(), err.decode())


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.detach()
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
