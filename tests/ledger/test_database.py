"""A database is named by a URL, brought to the newest schema, and refused where it could forget a commit."""

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from subprocess import PIPE

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command

from talktime.ledger import database as ledger_database
from talktime.ledger import schema
from talktime.ledger.backup import backup
from talktime.ledger.database import (
    POSTGRES_SETTINGS_QUERY,
    DatabaseError,
    DatabaseUrl,
    DurabilityError,
    Revision,
    SchemaError,
    check_current,
    check_durability,
    check_postgres_settings,
    check_sqlite_settings,
    connect_sqlite,
    open_engine,
    open_url,
    revision,
    upgrade,
)
from talktime.ledger.verify import verify
from tests.house.tree import ROOT

# --- which one -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "kind", "place"),
    [
        ("sqlite:///ledger.db", "sqlite", "ledger.db"),
        ("sqlite:////var/lib/talktime/ledger.db", "sqlite", "/var/lib/talktime/ledger.db"),
        ("sqlite:///a folder/50%.db", "sqlite", "a folder/50%.db"),
        ("postgresql://u@h:5433/n", "postgresql", "user=u dbname=n host=h port=5433 connect_timeout=10"),
        ("postgresql://u@/n?host=/run/pg", "postgresql", "user=u dbname=n host=/run/pg connect_timeout=10"),
        (
            "postgresql://u@h/n?connect_timeout=3",
            "postgresql",
            "user=u connect_timeout=3 dbname=n host=h",
        ),
        (
            "postgresql://u@a:1,b:2/n",
            "postgresql",
            "user=u dbname=n host=a,b port=1,2 target_session_attrs=read-write connect_timeout=10",
        ),
        (
            "postgresql://u@a,b/n?target_session_attrs=any",
            "postgresql",
            "user=u dbname=n host=a,b port=, target_session_attrs=any connect_timeout=10",
        ),
    ],
)
def test_a_url_names_a_database(url: str, kind: schema.Kind, place: str) -> None:
    assert open_url(url) == DatabaseUrl(kind, place)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://h/n", "mysql:... is none that Talktime knows"),
        ("ledger.db", "'ledger.db' is none that Talktime knows"),
        ("postgres://u:hidden@h/n", "postgres:... is none"),
        ("postgresql+psycopg://u:hidden@h/n", "write sqlite:///path/of/ledger.db or postgresql://"),
        ("sqlite://", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///ledger.db?mode=ro", "without options"),
        ("postgresql://u:hid den@h/n", "%40 for @"),
        ("postgresql://u@h/n?nothing=1", "cannot be read"),
    ],
)
def test_what_names_none_is_refused_in_one_sentence(url: str, said: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        open_url(url)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "hid" not in str(caught.value)


def test_a_password_is_not_shown() -> None:
    url = open_url("postgresql://u:hidden@h/n")
    assert "hidden" in url.place
    assert "hidden" not in f"{url} {url!r}"
    assert "host=h" in str(url)


# --- the schema ------------------------------------------------------------------------------------


def test_an_empty_database_is_brought_to_the_newest_schema(empty_database: str) -> None:
    url = open_url(empty_database)
    before = revision(url)
    assert before.current is None
    with pytest.raises(SchemaError, match="is empty; run `talktime db upgrade`"):
        check_current(url)
    upgrade(url)
    assert revision(url) == Revision(before.head, before.head)
    check_current(url)


def test_to_ask_makes_no_file(tmp_path: Path) -> None:
    url = open_url(f"sqlite:///{tmp_path / 'ledger.db'}")
    revision(url)
    with pytest.raises(DatabaseError, match="make it with `talktime db upgrade`"):
        connect_sqlite(url.path)
    assert list(tmp_path.iterdir()) == []


def test_a_second_upgrade_changes_nothing(database: str) -> None:
    url = open_url(database)
    settings = schema.table(url.kind, "settings")
    with open_engine(url).begin() as connection:
        connection.execute(sa.insert(settings).values(name="a", value="1"))
    upgrade(url)
    with open_engine(url).connect() as connection:
        assert connection.execute(sa.select(settings)).fetchall() == [("a", "1")]


UPGRADE = """
import sys
from talktime.ledger.database import open_url, upgrade
print("ready", flush=True)
sys.stdin.readline()
upgrade(open_url(sys.argv[1]))
"""


def test_processes_that_upgrade_at_once_all_find_it_done(empty_database: str) -> None:
    command = [sys.executable, "-c", UPGRADE, empty_database]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    with ExitStack() as ends:
        processes = [
            ends.enter_context(
                subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True, env=environment)
            )
            for _ in range(2)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = [process.communicate(timeout=60) for process in processes]
    assert answers == [("", "")] * 2
    check_current(open_url(empty_database))


def test_an_upgrade_that_fails_leaves_nothing(empty_database: str) -> None:
    url = open_url(empty_database)
    if url.kind == "sqlite":
        url.path.parent.mkdir()
        url.path.touch()
    with open_engine(url).begin() as connection:
        connection.execute(sa.text("create table settings (other int)"))
    with pytest.raises(DatabaseError, match=r"settings.*already exists"):
        upgrade(url)
    with open_engine(url).connect() as connection:
        assert sa.inspect(connection).get_table_names() == ["settings"]


def set_step(url: DatabaseUrl, step: str) -> None:
    with open_engine(url).begin() as connection:
        connection.execute(sa.text("update alembic_version set version_num = :step"), {"step": step})


def test_a_newer_schema_is_refused(database: str) -> None:
    url = open_url(database)
    set_step(url, "9999")
    with pytest.raises(SchemaError, match="made by a newer Talktime"):
        check_current(url)
    with pytest.raises(SchemaError, match="made by a newer Talktime"):
        upgrade(url)


def make_first_step(url: DatabaseUrl) -> None:
    """Brings an empty database to the schema that the first Talktime had."""
    config = ledger_database._config()
    if url.kind == "sqlite":
        ledger_database._make_file(url.path)
    with ledger_database._engine(url, "begin").begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")


def test_an_older_ledger_is_refused_and_brought_forward(empty_database: str) -> None:
    url = open_url(empty_database)
    make_first_step(url)
    with open_engine(url).begin() as connection:
        assert "imported" not in sa.inspect(connection).get_table_names()
        connection.execute(sa.insert(schema.table(url.kind, "settings")).values(name="a", value="1"))
    head = revision(url).head
    older = f"is at step 0001, this Talktime needs {head}; run `talktime db upgrade`"
    for use in (check_current, verify):
        with pytest.raises(SchemaError, match=older):
            use(url)
    upgrade(url)
    assert verify(url).is_clean
    with open_engine(url).connect() as connection:
        assert connection.execute(sa.select(schema.table(url.kind, "settings"))).fetchall() == [("a", "1")]
        assert "imported" in sa.inspect(connection).get_table_names()


def test_an_older_ledger_is_not_backed_up(tmp_path: Path) -> None:
    url = open_url(f"sqlite:///{tmp_path / 'old.db'}")
    make_first_step(url)
    with pytest.raises(SchemaError, match="run `talktime db upgrade`"):
        backup(url, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"Date,Amount\n" * 100)
    url = open_url(f"sqlite:///{path}")
    for use in (upgrade, revision, check_current):
        with pytest.raises(DatabaseError, match="cannot be used: file is not a database"):
            use(url)
    assert path.read_bytes() == b"Date,Amount\n" * 100


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseError, match=r"ledger\.db cannot be made: "):
        upgrade(open_url(f"sqlite:///{tmp_path / 'file' / 'ledger.db'}"))


def test_a_server_that_does_not_answer_is_named(tmp_path: Path) -> None:
    url = open_url(f"postgresql://u:hidden@/n?host={tmp_path}")
    for use in (upgrade, revision, check_current):
        with pytest.raises(DatabaseError) as caught:
            use(url)
        assert "cannot be used" in str(caught.value)
        assert str(tmp_path) in str(caught.value)
        assert "hidden" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_only_its_owner_reads_a_new_file(tmp_path: Path) -> None:
    url = open_url(f"sqlite:///{tmp_path / 'ledger.db'}")
    upgrade(url)
    if os.name == "posix":
        assert stat.S_IMODE(url.path.stat().st_mode) == 0o600


# --- connections and durability --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("busy_timeout", 10_000),
        ("cache_size", -65_536),
        ("mmap_size", 0),
        ("wal_autocheckpoint", 4_000),
        ("temp_store", 2),
        ("foreign_keys", 1),
    ],
)
def test_how_a_connection_to_sqlite_is_set(sqlite_database: str, pragma: str, value: object) -> None:
    connection = connect_sqlite(open_url(sqlite_database).path)
    assert connection.execute(f"pragma {pragma}").fetchone() == (value,)
    assert connection.isolation_level is None
    connection.close()


def test_a_transaction_of_the_engine_is_one_on_both_kinds(database: str) -> None:
    url = open_url(database)
    settings = schema.table(url.kind, "settings")

    def write_twice() -> None:
        with open_engine(url).begin() as connection:
            connection.execute(sa.insert(settings).values(name="a", value="1"))
            connection.execute(sa.insert(settings).values(name="a", value="2"))

    with pytest.raises(sa.exc.IntegrityError):
        write_twice()
    with open_engine(url).connect() as connection:
        assert connection.execute(sa.select(settings)).fetchall() == []


def test_a_reader_sees_one_state_while_another_writes(sqlite_database: str) -> None:
    url = open_url(sqlite_database)
    writer = connect_sqlite(url.path)
    with open_engine(url).connect() as reader:
        count = sa.select(sa.func.count()).select_from(schema.table("sqlite", "settings"))
        assert reader.scalar(count) == 0
        writer.execute("insert into settings values ('a', '1')")
        assert reader.scalar(count) == 0
    with open_engine(url).connect() as reader:
        assert reader.scalar(count) == 1
    writer.close()


def test_connections_are_durable_as_they_are_opened(sqlite_database: str, postgres_database: str) -> None:
    connection = connect_sqlite(open_url(sqlite_database).path)
    check_durability(connection)
    connection.close()
    with psycopg.connect(postgres_database) as server:
        check_durability(server)
        assert {name for name, _ in server.execute(POSTGRES_SETTINGS_QUERY)} == {
            "fsync",
            "full_page_writes",
            "synchronous_commit",
        }


@pytest.mark.parametrize(("synchronous", "safe"), [("off", 0), ("normal", 0), ("full", 1), ("extra", 1)])
def test_sqlite_has_to_sync_each_commit(sqlite_database: str, synchronous: str, safe: int) -> None:
    connection = connect_sqlite(open_url(sqlite_database).path)
    connection.execute(f"pragma synchronous = {synchronous}")
    if safe:
        check_durability(connection)
    else:
        with pytest.raises(DurabilityError, match=f"synchronous is {synchronous.upper()}, so a power cut"):
            check_durability(connection)
    connection.close()


def test_sqlite_has_to_be_in_wal_mode(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "plain.db")
    with pytest.raises(DurabilityError, match="journal_mode is delete, not wal"):
        check_durability(connection)
    connection.close()
    with pytest.raises(DurabilityError, match="journal_mode is memory"):
        check_sqlite_settings("memory", 2)


@pytest.mark.parametrize(
    ("level", "safe"), [("on", 1), ("remote_apply", 1), ("remote_write", 0), ("local", 0), ("off", 0)]
)
def test_postgresql_has_to_wait_for_each_commit(postgres_database: str, level: str, safe: int) -> None:
    with psycopg.connect(postgres_database, row_factory=psycopg.rows.dict_row) as connection:
        connection.execute(f"set synchronous_commit = {level}")
        if safe:
            check_durability(connection)
        else:
            with pytest.raises(
                DurabilityError, match=f"synchronous_commit is {level}, so .* on or remote_apply"
            ):
                check_durability(connection)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"fsync": "off"}, "fsync is off"),
        ({"full_page_writes": "off"}, "full_page_writes is off"),
        ({"synchronous_commit": "local"}, "synchronous_commit is local"),
    ],
)
def test_unsafe_settings_of_postgresql_are_named(changed: dict[str, str], said: str) -> None:
    safe = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
    check_postgres_settings(safe)
    with pytest.raises(DurabilityError, match=said):
        check_postgres_settings(safe | changed)
    with pytest.raises(DurabilityError, match="is not shown"):
        check_postgres_settings({name: value for name, value in safe.items() if name not in changed})
