"""Processes that are ended for sure, each with all that it started: a group of its own, and a log.

Where the test itself is killed, the kernel ends them (`setpriv --pdeathsig`, part of every Debian).
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

PATIENCE_S: Final = 90
"""Long enough for any start on a machine that is shared."""

_ENDING_S: Final = 3
_PORTS: Final = (20_000, 30_000)
"""Below the ports that the kernel hands out: nobody is given one between our look and our use."""


def program(name: str) -> str | None:
    """Where a program is; daemons of Debian are not on everybody's path."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    """A port that nobody uses for TCP or UDP."""
    while True:
        port = random.SystemRandom().randrange(*_PORTS)
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            try:
                stream.bind(("127.0.0.1", port))
                datagrams.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def until(found: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Waits. Raises AssertionError saying what did not come."""
    end_s = time.monotonic() + patience_s
    while not found():
        assert time.monotonic() < end_s, f"{what} did not come in {patience_s:.0f} s"
        time.sleep(0.1)


def _guarded() -> list[str]:
    """What stands before a command: it ends with us, and, where we may say so, does not starve beside us."""
    before = []
    if shutil.which("setpriv"):
        before += ["setpriv", "--pdeathsig", "TERM", "--"]
    if os.geteuid() == 0 and shutil.which("nice"):
        before += ["nice", "-n", "-5"]
    return before


class Running:
    """One process and its group."""

    def __init__(
        self, command: Sequence[str], folder: Path, log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [*_guarded(), *command],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def kill(self) -> None:
        """`kill -9` of all its group, as a power cut would end it."""
        self._signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def ask_to_end(self) -> None:
        """SIGTERM to all its group."""
        if self.process.poll() is None:
            self._signal(signal.SIGTERM)

    def said(self) -> str:
        """All that it has printed."""
        return self.log.read_text("utf-8", "replace")

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


class Stage:
    """Where processes run; leaving it ends them all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[Running] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Asks all to end, waits a little for all together, and kills what is left of their groups."""
        for each in self._running:
            each.ask_to_end()
        end_s = time.monotonic() + _ENDING_S
        while time.monotonic() < end_s and any(each.process.poll() is None for each in self._running):
            time.sleep(0.1)
        for each in self._running:
            each.kill()

    def start(
        self, name: str, command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
    ) -> Running:
        """Starts a process in a folder; what it prints goes to NAME.log there."""
        running = Running(command, folder, folder / f"{name}.log", environment)
        self._running.append(running)
        return running

    def place(self, name: str) -> Path:
        """A folder of its own on this stage."""
        folder = self.folder / name
        folder.mkdir(parents=True)
        return folder
