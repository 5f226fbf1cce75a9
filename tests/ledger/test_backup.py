"""A backup is a whole ledger of one instant in one file; a restore puts it back and destroys nothing."""

import asyncio
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from talktime.ledger.backup import BackupError, backup, restore
from talktime.ledger.database import DatabaseError, DatabaseUrl, open_url
from talktime.ledger.verify import verify
from talktime.live.operations import EndCall
from tests.ledger.filled import ABROAD, ACME, ANA, START_US, UNIT, desk_on, fill, fund, new_tenant, start


@pytest.fixture
def ledger(sqlite_database: str) -> DatabaseUrl:
    """A filled ledger."""
    fill(sqlite_database)
    return open_url(sqlite_database)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def at(path: Path) -> DatabaseUrl:
    return DatabaseUrl("sqlite", str(path))


def rows(path: Path) -> list[str]:
    """All of a database as statements."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_a_backup_is_one_file_that_holds_everything(ledger: DatabaseUrl, tmp_path: Path) -> None:
    copied = backup(ledger, tmp_path / "copy.db")
    assert (copied.path, copied.replaced) == (tmp_path / "copy.db", None)
    assert copied.verified == verify(ledger)
    assert copied.verified.entries == 16
    assert copied.verified.is_clean
    assert rows(copied.path) == rows(ledger.path)
    assert stat.S_IMODE(copied.path.stat().st_mode) == 0o600
    assert names(tmp_path) == {"copy.db", ledger.path.name}
    with closing(sqlite3.connect(f"file:{copied.path}?mode=ro&immutable=1", uri=True)) as connection:
        assert connection.execute("pragma journal_mode").fetchone() == ("delete",)


def test_a_backup_is_taken_while_a_writer_goes_on(sqlite_database: str, tmp_path: Path) -> None:
    url = open_url(sqlite_database)

    async def work() -> int:
        desk = desk_on(sqlite_database)
        await desk.start(rounds=False)
        await desk.engine.submit(new_tenant(ACME, ANA))
        await desk.engine.submit(fund("acme", 100 * UNIT))
        copying = asyncio.create_task(asyncio.to_thread(backup, url, tmp_path / "copy.db"))
        done = 0
        while not copying.done() or done < 20:
            await desk.submit(start("acme", f"c{done}", ANA, ABROAD, 60))
            await desk.submit(EndCall("acme", f"c{done}", 1, 30))
            done += 1
        assert (await copying).verified.is_clean
        await desk.stop()
        return done

    done = asyncio.run(work())
    after = verify(url)
    assert (after.is_clean, after.charges) == (True, done)
    assert verify(at(tmp_path / "copy.db")).charges <= done


def test_a_backup_never_replaces_a_file(ledger: DatabaseUrl, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("mine", "utf-8")
    before = names(tmp_path)
    with pytest.raises(BackupError, match=r"copy\.db was not made: .*exists already"):
        backup(ledger, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text("utf-8") == "mine"
    assert names(tmp_path) == before


def test_a_folder_that_is_not_there_is_told(ledger: DatabaseUrl, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="No such file or directory"):
        backup(ledger, tmp_path / "none" / "copy.db")


def test_differences_are_told_and_copied(ledger: DatabaseUrl, tmp_path: Path) -> None:
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as connection:
        connection.execute("update wallets set balance = 1 where tenant = 'mca'")
    copied = backup(ledger, tmp_path / "copy.db")
    assert [str(difference) for difference in copied.verified.differences] == [
        "tenant 'mca': balance of the wallet: stored 1, rebuilt 0"
    ]
    assert rows(tmp_path / "copy.db") == rows(ledger.path)


def test_a_backup_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="is empty"):
        backup(at(tmp_path / "none.db"), tmp_path / "copy.db")
    assert names(tmp_path) == set()


def test_a_restored_ledger_is_the_one_that_was_backed_up(ledger: DatabaseUrl, tmp_path: Path) -> None:
    backup(ledger, tmp_path / "copy.db")
    was = (tmp_path / "copy.db").read_bytes()
    copied = restore(at(tmp_path / "new" / "ledger.db"), tmp_path / "copy.db", now_us=START_US)
    assert copied.verified.is_clean
    assert copied.replaced is None
    assert rows(copied.path) == rows(ledger.path)
    assert (tmp_path / "copy.db").read_bytes() == was
    assert names(tmp_path / "new") == {"ledger.db"}


def test_a_ledger_that_is_there_is_kept_aside(ledger: DatabaseUrl, tmp_path: Path) -> None:
    backup(ledger, tmp_path / "copy.db")
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as connection:
        connection.execute("update wallets set balance = 1 where tenant = 'mca'")
    before = rows(ledger.path)
    with pytest.raises(BackupError, match=r"there is a ledger at .* already; --force replaces it"):
        restore(ledger, tmp_path / "copy.db", now_us=START_US)
    assert rows(ledger.path) == before
    copied = restore(ledger, tmp_path / "copy.db", now_us=START_US, force=True)
    assert copied.replaced == ledger.path.with_name(f"{ledger.path.name}.replaced-20261106T212000Z")
    assert rows(copied.replaced) == before
    assert rows(ledger.path) == rows(tmp_path / "copy.db")
    assert names(tmp_path) == {"copy.db", ledger.path.name, copied.replaced.name}


def test_a_ledger_in_use_is_not_replaced(ledger: DatabaseUrl, tmp_path: Path) -> None:
    backup(ledger, tmp_path / "copy.db")
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as user:
        user.execute("select * from wallets").fetchall()
        user.execute("update wallets set version = version + 1")
        before = rows(ledger.path)
        with pytest.raises(BackupError, match=r"is in use .*; stop Talktime first"):
            restore(ledger, tmp_path / "copy.db", now_us=START_US, force=True)
        assert rows(ledger.path) == before
    assert not [name for name in names(tmp_path) if "replaced" in name or "part" in name]


def test_an_old_log_is_not_played_into_the_restored_ledger(ledger: DatabaseUrl, tmp_path: Path) -> None:
    """Whoever deletes a broken ledger by hand may leave its log behind."""
    backup(ledger, tmp_path / "copy.db")
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as user:
        user.execute("pragma journal_mode = wal")
        user.execute("update wallets set balance = 1 where tenant = 'mca'")
        log = ledger.path.with_name(f"{ledger.path.name}-wal").read_bytes()
    ledger.path.unlink()
    ledger.path.with_name(f"{ledger.path.name}-wal").write_bytes(log)
    restore(ledger, tmp_path / "copy.db", now_us=START_US)
    assert rows(ledger.path) == rows(tmp_path / "copy.db")


def test_a_damaged_ledger_can_be_replaced(ledger: DatabaseUrl, tmp_path: Path) -> None:
    backup(ledger, tmp_path / "copy.db")
    ledger.path.write_bytes(b"nothing that was ever a database, though it is long enough" * 100)
    copied = restore(ledger, tmp_path / "copy.db", now_us=START_US, force=True)
    assert copied.verified.is_clean
    assert copied.replaced is not None
    assert copied.replaced.read_bytes().startswith(b"nothing")


def test_what_is_no_ledger_of_ours_is_refused(ledger: DatabaseUrl, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db", isolation_level=None)) as connection:
        connection.execute("create table wallets (tenant text)")
    (tmp_path / "text.db").write_text("text" * 1_000, "utf-8")
    backup(ledger, tmp_path / "newer.db")
    with closing(sqlite3.connect(tmp_path / "newer.db", isolation_level=None)) as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    target = tmp_path / "new" / "ledger.db"
    for name, told in {
        "other.db": "is no ledger",
        "text.db": "was not restored: file is not a database",
        "newer.db": r"is at step 9999, this Talktime needs \d+;",
        "none.db": "there is no backup at",
    }.items():
        with pytest.raises(BackupError, match=told) as caught:
            restore(at(target), tmp_path / name, now_us=START_US)
        assert str(tmp_path / name) in str(caught.value)
    assert names(target.parent) == set()
    with pytest.raises(BackupError, match="is the ledger itself"):
        restore(ledger, ledger.path, now_us=START_US, force=True)


def test_a_damaged_backup_is_refused(ledger: DatabaseUrl, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    backup(ledger, copy)
    with closing(sqlite3.connect(copy)) as connection:
        (page,) = connection.execute(
            "select rootpage from sqlite_schema where name = 'journal_number'"
        ).fetchone()
        (size,) = connection.execute("pragma page_size").fetchone()
    whole = bytearray(copy.read_bytes())
    whole[page * size - 64 : page * size] = bytes(64)
    copy.write_bytes(whole)
    with pytest.raises(BackupError, match=r"copy\.db (is damaged|was not restored)"):
        restore(at(tmp_path / "new.db"), copy, now_us=START_US)
    assert names(tmp_path) == {"copy.db", ledger.path.name}


def test_postgresql_has_tools_of_its_own(tmp_path: Path) -> None:
    url = open_url("postgresql://u@h/n")
    said = r"is on PostgreSQL; .* pg_basebackup or pg_dump"
    with pytest.raises(BackupError, match=said):
        backup(url, tmp_path / "b")
    with pytest.raises(BackupError, match=said):
        restore(url, tmp_path / "b", now_us=START_US)
