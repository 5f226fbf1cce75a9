"""A server as users run it: `talktime serve` in a process of its own, on a port that stays its own.

A test starts it, kills it, starts it again on the same port, and whatever happens nothing of it is left
(`LiveProcess` is a context). `prepared` puts tenants, a deck and a key straight into the database.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import psutil

from talktime.accounts.tenant import Licence, Tenant, User
from talktime.core.deck import Deck, RateRow
from talktime.ledger.api_keys import SCOPES, ApiKeys
from talktime.ledger.commands import Wallet
from talktime.ledger.database import open_url
from talktime.ledger.decks import Binding, Decks
from tests.house.tree import ROOT
from tests.ledger.filled import desk_on, fund, new_tenant

PATIENCE_S = 60
"""Long enough for any start or stop on a machine that is shared."""

ALONE = ("--only", "live")
SUPERVISED = ()
WITH_FRONTS = ("--fronts", "2")

UNIT = 1_000_000
A_SECOND = 10_000
"""Micros: every second of a call costs one cent, so what a grant costs is known without the product."""

CALLEE = "+442079460000"
_PRICE = 60 * A_SECOND * 1_000
DECK = Deck("cents", "cents", "USD", (RateRow("44", _PRICE, _PRICE, first_s=1, step_s=1),))


# --- what stands in the database -------------------------------------------------------------------


def caller(tenant: str) -> str:
    """The one user of a tenant."""
    return f"ana@{tenant}.example"


def prepared(database: str, funds: Mapping[str, int]) -> str:
    """Makes tenants with one user each and so many micros, and the deck for all; returns a key for all."""
    url, now_us = open_url(database), time.time_ns() // 1_000
    decks = Decks(url)
    decks.add(DECK, now_us)
    decks.bind_all(Binding("USD", 0, DECK.version), "a test", now_us)
    asyncio.run(_make(database, funds))
    _, key = ApiKeys(url).create("a test", None, SCOPES, now_us)
    return key


async def _make(database: str, funds: Mapping[str, int]) -> None:
    desk = desk_on(database)
    await desk.start(rounds=False)
    for tenant, amount in funds.items():
        user = User(caller(tenant), location="US", licences=(Licence("MCOPSTNC"),))
        for command in (new_tenant(Tenant(tenant, tenant, "US", "USD"), user), fund(tenant, amount)):
            answer = await desk.engine.submit(command)
            assert isinstance(answer, Wallet), answer
    await desk.stop()


# --- the process -----------------------------------------------------------------------------------


class Port:
    """A port of this machine that nobody else is given, though nobody may listen on it at the moment."""

    def __init__(self) -> None:
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind(("127.0.0.1", 0))
        self.number: int = self._held.getsockname()[1]

    def close(self) -> None:
        self._held.close()


class LiveProcess:
    """`talktime serve` on a database; `folder` is for its log and its state.

    `arguments`: ALONE for one process that charges, SUPERVISED for the supervisor of a live and an admin
    process, WITH_FRONTS for that of an engine, two fronts and an admin process. `environment` replaces ours.
    """

    def __init__(
        self,
        database: str,
        folder: Path,
        arguments: Sequence[str] = ALONE,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._live, self._admin = Port(), Port()
        self.port, self.admin_port = self._live.number, self._admin.number
        self.log = folder / f"serve-{self.port}.log"
        ports = ["--port", str(self.port), "--admin-port", str(self.admin_port)]
        self._command = [
            sys.executable,
            "-m",
            "talktime",
            "serve",
            *ports,
            "--database",
            database,
            *arguments,
        ]
        self._environment = {
            **(os.environ if environment is None else environment),
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
            "TALKTIME_STATE": str(folder / "state"),
            "TALKTIME_GRACE_S": "86400",  # calls that a test leaves open are nobody's to sweep
        }
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()
        self._live.close()
        self._admin.close()

    def launch(self) -> None:
        """Starts it and does not wait."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start(self) -> None:
        """Starts it and waits until it is ready. Raises AssertionError, with its log, where it never is."""
        self.launch()
        self.wait_ready()

    def wait_ready(self) -> None:
        """Waits until `/readyz` says so."""
        assert self.process is not None
        until_s = time.monotonic() + PATIENCE_S
        while not self.is_ready():
            ended = self.process.poll()
            assert ended is None, f"the server ended with {ended}:\n{self.said()}"
            assert time.monotonic() < until_s, f"the server did not get ready:\n{self.said()}"
            time.sleep(0.03)

    def is_ready(self) -> bool:
        """Whether operations are taken."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        """`kill -9` of all its processes; does nothing where none runs."""
        if self.process is None:
            return
        for process in self.processes():
            process.kill()
        self.process.wait(PATIENCE_S)

    def processes(self) -> list[psutil.Process]:
        """The process that was started and those that it started, as far as they run."""
        assert self.process is not None
        try:
            first = psutil.Process(self.process.pid)
            return [first, *first.children(recursive=True)] if self.process.poll() is None else []
        except psutil.NoSuchProcess:
            return []

    def part(self, role: str) -> psutil.Process:
        """One of the processes that the supervisor looks after: live, engine, front or admin."""
        return next(process for process in self.processes()[1:] if role in process.cmdline())

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def run_out(self) -> int:
        """Starts it, waits for its end by itself, and returns the exit code."""
        self.launch()
        assert self.process is not None
        return self.process.wait(PATIENCE_S)

    def limit_files(self, most_bytes: int) -> None:
        """From now on no file of it grows beyond so many bytes, as on a full disk; below 0: no limit."""
        assert self.process is not None
        most = resource.RLIM_INFINITY if most_bytes < 0 else most_bytes
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    def said(self) -> str:
        """All that it has printed."""
        return self.log.read_text("utf-8", "replace")
