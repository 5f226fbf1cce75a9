"""`verify` is silent about a ledger that is right, and names whatever somebody changed in one that was."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from talktime.accounts.tenant import Guards
from talktime.core.limits import US_PER_S
from talktime.ledger import schema
from talktime.ledger.book import FIRST_HEAD, chained
from talktime.ledger.checkpoints import CheckpointError, checkpoint, checkpoint_files
from talktime.ledger.database import DatabaseUrl, SchemaError, open_engine, open_url
from talktime.ledger.records import Entry
from talktime.ledger.verify import Verified, verify
from talktime.live.operations import EndCall
from tests.databases import fresh_postgres, fresh_sqlite
from tests.ledger.filled import (
    ABROAD,
    ACME,
    ANA,
    DAY_US,
    START_US,
    UNIT,
    Clock,
    desk_on,
    fill,
    fund,
    new_tenant,
    start,
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseUrl]:
    """A filled ledger that a test gives back as it was."""
    if request.param == "sqlite":
        url = fresh_sqlite(tmp_path_factory.mktemp("filled"))
        fill(url)
        yield open_url(url)
    else:
        with fresh_postgres("verify") as url:
            fill(url)
            yield open_url(url)


@contextmanager
def tampered(url: DatabaseUrl, *statements: str) -> Iterator[None]:
    """Runs statements, and puts all tables back as they were."""
    names = ("wallets", "lots", "journal", "charges", "counters", "sessions", "imported")
    tables = [schema.table(url.kind, name) for name in names]
    with open_engine(url).begin() as connection:
        kept = [connection.execute(sa.select(table)).mappings().all() for table in tables]
        for statement in statements:
            assert connection.exec_driver_sql(statement).rowcount > 0, statement
    try:
        yield
    finally:
        with open_engine(url).begin() as connection:
            for table, rows in zip(tables, kept, strict=True):
                connection.execute(sa.delete(table))
                if rows:
                    connection.execute(sa.insert(table), [dict(row) for row in rows])


def said(verified: Verified) -> list[str]:
    return [str(difference) for difference in verified.differences]


# --- a ledger that is right ------------------------------------------------------------------------


def test_a_right_ledger_has_no_difference(filled: DatabaseUrl) -> None:
    verified = verify(filled)
    assert said(verified) == []
    assert verified.is_clean
    assert (verified.tenants, verified.entries, verified.charges, verified.sessions) == (3, 16, 10, 11)


def test_an_empty_ledger_has_none(database: str) -> None:
    assert verify(open_url(database)) == Verified(0, 0, 0, 0, 0, ())


def test_a_database_without_schema_is_refused(empty_database: str) -> None:
    with pytest.raises(SchemaError, match="run `talktime db upgrade`"):
        verify(open_url(empty_database))


def test_it_works_while_a_writer_goes_on(database: str) -> None:
    """Every read is of one instant: never a journal of one moment and a wallet of the next."""
    url = open_url(database)

    async def work() -> list[Verified]:
        desk = desk_on(database)
        await desk.start(rounds=False)
        await desk.engine.submit(new_tenant(ACME, ANA))
        await desk.engine.submit(fund("acme", 100 * UNIT))
        stopped, done = asyncio.Event(), 0

        async def write() -> None:
            nonlocal done
            while not stopped.is_set():
                await desk.submit(start("acme", f"c{done}", ANA, ABROAD, 60))
                await desk.submit(EndCall("acme", f"c{done}", 1, 30))
                done += 1
                await asyncio.sleep(0)

        writer = asyncio.create_task(write())
        seen = []
        for _ in range(5):
            before = done
            while done < before + 5:
                await asyncio.sleep(0.001)
            seen.append(await asyncio.to_thread(verify, url))
        stopped.set()
        await writer
        await desk.stop()
        return seen

    seen = asyncio.run(work())
    assert [said(verified) for verified in seen] == [[]] * 5
    entries = [verified.entries for verified in seen]
    assert entries == sorted(entries)
    assert entries[0] < entries[-1]


def test_tenants_are_met_in_any_order_of_the_database(database: str) -> None:
    async def work() -> None:
        desk = desk_on(database, Clock())
        await desk.start(rounds=False)
        for name in ("b", "a-1", "a1", "A2", "Z", "z", "ä", "_", "a 1", "Ω", "\U0001f4de"):
            await desk.engine.submit(new_tenant(replace(ACME, id=name)))
            await desk.engine.submit(fund(name, UNIT))
        await desk.stop()

    asyncio.run(work())
    verified = verify(open_url(database))
    assert (said(verified), verified.tenants, verified.entries) == ([], 11, 11)


def test_counters_of_hours_that_are_over_may_be_gone(database: str) -> None:
    url, clock = open_url(database), Clock()
    guarded = replace(ACME, guards=Guards(dear_an_hour_micros=90 * UNIT, dear_countries=("GB",)))

    async def work() -> None:
        desk = desk_on(database, clock)
        await desk.start(rounds=False)
        await desk.engine.submit(new_tenant(guarded, ANA))
        await desk.engine.submit(fund("acme", 100 * UNIT))
        await desk.submit(start("acme", "dear", ANA, ABROAD, 60))
        await desk.submit(EndCall("acme", "dear", 1, 30))
        await desk.stop()

    asyncio.run(work())
    assert said(verify(url, now_us=clock.now_us)) == []
    with tampered(
        url,
        "delete from counters where counter like 'hour:%'".replace(
            "%", "%%" if url.kind == "postgresql" else "%"
        ),
    ):
        assert len(said(verify(url, now_us=clock.now_us))) == 1
        assert said(verify(url, now_us=clock.now_us + DAY_US)) == []


# --- a ledger that somebody changed ----------------------------------------------------------------

ACME_IS = "where tenant = 'acme'"
TAMPERED: Mapping[str, tuple[str, ...]] = {
    # statement: what has to be named
    f"update wallets set balance = balance + 1 {ACME_IS}": (
        "balance of the wallet: stored 86992001, rebuilt 86992000",
    ),
    f"update wallets set overdraft = 5 {ACME_IS}": ("overdraft of the wallet: stored 5, rebuilt 0",),
    f"update wallets set reserved = 0 {ACME_IS}": ("reserved of the wallet: stored 0, rebuilt 120000",),
    f"update wallets set next_lot = 9 {ACME_IS}": ("next_lot of the wallet: stored 9, rebuilt 4",),
    f"update wallets set number = 11 {ACME_IS}": ("number of the wallet: stored 11, rebuilt 12",),
    f"update wallets set charge = 10 {ACME_IS}": ("charge of the wallet: stored 10, rebuilt 9",),
    f"update wallets set next_expiry_us = 5 {ACME_IS}": ("next_expiry_us of the wallet: stored 5",),
    f"update wallets set last_us = 5 {ACME_IS}": ("last_us of the wallet: stored 5, rebuilt",),
    f"update wallets set head = (select head from wallets where tenant = 'mca') {ACME_IS}": (
        "head of the wallet",
    ),
    f"update wallets set lots = replace(lots, '86992000', '86992001') {ACME_IS}": (
        "left of lot 3: stored 86992001, rebuilt 86992000",
    ),
    f"update wallets set lots = replace(lots, ',120000]', ',0]') {ACME_IS}": (
        "held of lot 3: stored 0, rebuilt 120000",
    ),
    f"update wallets set lots = replace(lots, '[3,18', '[3,19') {ACME_IS}": ("expiry of lot 3: stored 19",),
    f"update wallets set lots = '[]' {ACME_IS}": (
        "left of lot 3: stored missing, rebuilt 86992000",
        "held of lot 3: stored 0, rebuilt 120000",
    ),
    f"update wallets set lots = '[[1,5,-1,0]]' {ACME_IS}": (
        "left of lot 1: stored -1, rebuilt 0",
        "held of lot 1",
    ),
    f"update wallets set lots = 'x' {ACME_IS}": ("lots of the wallet: stored unreadable",),
    f"delete from wallets {ACME_IS}": ("wallet: stored missing, rebuilt one of 12 entries",),
    f"update lots set amount = 7 {ACME_IS} and lot = 2": ("amount of lot 2: stored 7, rebuilt 3000000",),
    f"update lots set bought_us = 7 {ACME_IS} and lot = 2": ("instant of purchase of lot 2: stored 7",),
    f"update lots set expires_us = 7 {ACME_IS} and lot = 3": ("expiry of lot 3",),
    f"delete from lots {ACME_IS} and lot = 2": ("facts of lot 2: stored missing, rebuilt 3000000 micros",),
    "insert into lots values ('acme', 4, 1, 2, 9, 'purchase', '')": (
        "lot 4: stored 9 micros, rebuilt no entry",
    ),
    f"update journal set amount = amount + 1 {ACME_IS} and number = 3": (
        "hash of entry 3",
        "credits of charge 5: stored 24000, rebuilt 24001",
        "amount of charge 5",
        "lots of charge 5",
        "account usage",
    ),
    f"update journal set kind = 'expired' {ACME_IS} and number = 4": ("hash of entry 4",),
    f"update journal set hash = (select head from wallets where tenant = 'mca') {ACME_IS} and number = 4": (
        "hash of entry 4",
        "hash of entry 5",
    ),
    f"update journal set at_us = at_us - 20000000 {ACME_IS} and number = 4": (
        "hash of entry 4",
        "instant of entry 4",
    ),
    f"update journal set lot = 2 {ACME_IS} and number = 8": (
        "hash of entry 8",
        "micros that entry 8 takes from lot 2: stored 48820000, rebuilt at most 3000000",
    ),
    f"update journal set lot = 8 {ACME_IS} and number = 8": ("lot of entry 8: stored 8, rebuilt none",),
    f"update journal set corrects = 5 {ACME_IS} and number = 7": (
        "hash of entry 7",
        "entry that the entries of charge 8 correct: stored 5, rebuilt 6",
    ),
    f"update journal set charge = 4 {ACME_IS} and number = 3": (
        "credits of charge 4: stored 0, rebuilt 24000",
        "credits of charge 5: stored 24000, rebuilt 0",
    ),
    f"update journal set credit = 'adjustments' {ACME_IS} and number = 3": (
        "accounts of entry 3: stored credits to adjustments",
        "account usage",
    ),
    f"delete from journal {ACME_IS} and number = 4": (
        "number of the entry that comes next: stored 5, rebuilt 4",
    ),
    f"delete from journal {ACME_IS} and number = 12": (
        "number of the wallet: stored 12, rebuilt 11",
        "overdraft",
    ),
    f"update charges set amount = 9 {ACME_IS} and number = 5": (
        "amount of charge 5: stored 9, rebuilt 24000",
        "account usage against the charges",
        "used of counter 'cap:tenant'",
    ),
    f"update charges set credits = 9 {ACME_IS} and number = 5": (
        "credits of charge 5: stored 9, rebuilt 24000",
    ),
    "update charges set post_usage = 9 where tenant = 'mca'": (
        "post_usage of charge 1: stored 9, rebuilt 26000",
        "account post_usage",
    ),
    f"update charges set overdraft = 9 {ACME_IS} and number = 9": (
        "overdraft of charge 9: stored 9, rebuilt 13008000",
    ),
    f"update charges set pool_s = 60 {ACME_IS} and number = 1": (
        "pool seconds of charge 1: stored 60, rebuilt 120",
    ),
    f"update charges set billed_s = 60 {ACME_IS} and number = 1": ("billed seconds of charge 1: stored 60",),
    f"update charges set paid_s = 9 {ACME_IS} and number = 5": (
        "paid seconds of charge 5: stored 9, rebuilt 120",
    ),
    f"update charges set at_us = at_us + 1 {ACME_IS} and number = 5": ("instant of charge 5",),
    f"update charges set body = '' {ACME_IS} and number = 5": ("body of charge 5: stored unreadable",),
    f"update charges set body = replace(body, '[[1,24000]]', '[[2,24000]]') {ACME_IS} and number = 5": (
        "lots of charge 5: stored [(2, 24000)], rebuilt [(1, 24000)]",
    ),
    f"update charges set body = replace(body, '[[1,108000]]', '[[1,108001]]') {ACME_IS} and number = 6": (
        "lots of charge 6",
        "charge that session 'lost' remembers",
    ),
    f"update charges set corrects = 0 {ACME_IS} and number = 8": (
        "credits of charge 8: stored 48000, rebuilt -60000",
        "session 'corrected' of charge 7: stored missing",
    ),
    f"update charges set corrects = 6 {ACME_IS} and number = 8": ("charge that charge 8 corrects: stored 6",),
    f"update charges set call_id = 'x' {ACME_IS} and number = 5": (
        "call of charge 5: stored x, rebuilt abroad",
    ),
    f"delete from charges {ACME_IS} and number = 3": (
        "number of the charge that comes next: stored 4, rebuilt 3",
        "charge of session 'home-2': stored 3, rebuilt no such charge",
    ),
    f"delete from charges {ACME_IS} and number = 5": ("charge of entry 3: stored 5, rebuilt no such charge",),
    "update counters set used = used + 60 where counter like 'pool:{any}'": (
        "used of counter 'pool:MCOPSTN1",
    ),
    "update counters set reserved = 0 where counter like 'pool:{any}'": (
        "reserved of counter 'pool:MCOPSTN1",
    ),
    "update counters set used = 0 where counter = 'cap:tenant'": ("used of counter 'cap:tenant'",),
    "update counters set reserved = 5 where counter = 'open:tenant'": (
        "reserved of counter 'open:tenant' of period 0: stored 5, rebuilt 2",
    ),
    "delete from counters where counter = 'cap:tenant'": (
        "used of counter 'cap:tenant'",
        "reserved of counter 'cap:tenant'",
    ),
    f"update sessions set reserved = 1 {ACME_IS} and call_id = 'open-abroad'": (
        "reserved of session 'open-abroad': stored 1, rebuilt 120000",
    ),
    f"update sessions set state = 2 {ACME_IS} and call_id = 'open-abroad'": (
        "reservation of session 'open-abroad', which is closed",
        "reserved of the wallet: stored 120000, rebuilt 0",
        "reserved of counter 'open:tenant' of period 0: stored 2, rebuilt 1",
    ),
    f"update sessions set body = 'x' {ACME_IS} and call_id = 'open-home'": (
        "body of session 'open-home': stored unreadable",
    ),
    f"update sessions set body = '' {ACME_IS} and call_id = 'open-home'": (
        "body of session 'open-home': stored missing",
    ),
    f"update sessions set charge = 0 {ACME_IS} and call_id = 'abroad'": (
        "session 'abroad' of charge 5: stored missing",
    ),
    f"update sessions set charge = 77 {ACME_IS} and call_id = 'abroad'": (
        "charge of session 'abroad': stored 77, rebuilt no such charge",
    ),
    f"delete from sessions {ACME_IS} and call_id = 'abroad'": (
        "session 'abroad' of charge 5: stored missing",
    ),
}


@pytest.mark.parametrize("statement", TAMPERED)
def test_what_was_changed_is_named(filled: DatabaseUrl, statement: str) -> None:
    many = "%%" if filled.kind == "postgresql" else "%"
    with tampered(filled, statement.replace("{any}", many)):
        verified = verify(filled)
    lines = said(verified)
    assert [what for what in TAMPERED[statement] if not any(what in line for line in lines)] == [], lines
    tenant = "'mca'" if "= 'mca'" in statement.rpartition("where")[2] else "'acme'"
    assert {line.split(": ")[0] for line in lines} == {f"tenant {tenant}"}
    assert verified.found == len(lines)
    assert said(verify(filled)) == []


def test_a_difference_names_only_what_differs(filled: DatabaseUrl) -> None:
    with tampered(filled, f"update wallets set balance = 1 {ACME_IS}"):
        assert said(verify(filled)) == ["tenant 'acme': balance of the wallet: stored 1, rebuilt 86992000"]


def test_all_differences_are_counted_and_the_first_ones_listed(
    filled: DatabaseUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talktime.ledger.differences.Findings.__init__.__defaults__", (2,))
    with tampered(filled, "update wallets set version = 1, balance = -1, overdraft = -1"):
        verified = verify(filled)
    assert (verified.found, len(verified.differences)) == (6, 2)


Change = Callable[[list[str]], list[str]]

# --- checkpoints -----------------------------------------------------------------------------------


def rewrite(url: DatabaseUrl) -> None:
    """Changes an amount and mends everything that is made from it, as only a whole rewriting can."""
    journal, wallets = schema.table(url.kind, "journal"), schema.table(url.kind, "wallets")
    with open_engine(url).begin() as connection:
        mine = sa.select(*[journal.c[name] for name in Entry._fields]).where(journal.c.tenant == "Øre")
        head = FIRST_HEAD
        for row in connection.execute(mine.order_by(journal.c.number)).all():
            entry = Entry._make(row)._replace(debit="funding:nobody")
            head = chained(head, entry)
            this = (journal.c.tenant == "Øre") & (journal.c.number == entry.number)
            connection.execute(sa.update(journal).where(this).values(debit=entry.debit, hash=head))
        connection.execute(sa.update(wallets).where(wallets.c.tenant == "Øre").values(head=head))


def test_a_journal_that_was_rewritten_as_a_whole_is_found_by_a_checkpoint(
    filled: DatabaseUrl, tmp_path: Path
) -> None:
    first = checkpoint(filled, tmp_path, START_US)
    checkpoint(filled, tmp_path, START_US + DAY_US)
    files = checkpoint_files(tmp_path)
    assert len(files) == 2
    assert files[0] == first
    assert said(verify(filled, files)) == []
    with tampered(filled, f"update wallets set version = version {ACME_IS}"):
        rewrite(filled)
        assert said(verify(filled)) == []
        lines = said(verify(filled, files))
    assert [line.partition(" against the ")[0] for line in lines] == ["tenant 'Øre': hash of entry 1"] * 2
    assert first.name in lines[0]


def test_a_chain_that_became_shorter_or_is_gone_is_found(filled: DatabaseUrl, tmp_path: Path) -> None:
    files = [checkpoint(filled, tmp_path, START_US)]
    gone = [f"delete from {table} where tenant = 'Øre'" for table in ("wallets", "lots", "journal")]
    with tampered(filled, *gone):
        assert said(verify(filled)) == []
        lines = said(verify(filled, files))
    assert len(lines) == 2
    assert lines[0].startswith("tenant 'Øre': entry 1 of the checkpoint heads-")
    assert ": stored missing, rebuilt " in lines[0]
    assert lines[1] == "tenant 'Øre': wallet: stored missing, rebuilt one of 0 entries"


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:-1],
        lambda lines: lines[1:],
        lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
        lambda lines: [*lines[:1], *lines[2:]],
        lambda lines: [line.replace('["mca",3,"', '["mca",3,"x') for line in lines],
        lambda _: [],
    ],
    ids=["half", "headless", "disordered", "thinned", "no hash", "empty"],
)
def test_a_checkpoint_that_was_changed_is_refused(
    filled: DatabaseUrl,
    tmp_path: Path,
    change: Change,
) -> None:
    path = checkpoint(filled, tmp_path, START_US)
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join(change(lines)), "utf-8")
    with pytest.raises(CheckpointError, match="no whole checkpoint"):
        verify(filled, [path])


def test_a_checkpoint_is_json_lines_that_nobody_overwrites(filled: DatabaseUrl, tmp_path: Path) -> None:
    path = checkpoint(filled, tmp_path / "new", START_US)
    assert path.name == "heads-20261106T212000Z.jsonl"
    values = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert values[0]["talktime"] == "heads"
    assert [value[:2] for value in values[1:-1]] == [["acme", 12], ["mca", 3], ["Øre", 1]]
    assert values[-1] == {"tenants": 3}
    with pytest.raises(CheckpointError, match=r"cannot be written: .*exists already"):
        checkpoint(filled, path.parent, START_US + US_PER_S // 2)
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_without_checkpoints_is_told(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(CheckpointError, match="holds no checkpoint; `talktime db checkpoint` writes one"):
            checkpoint_files(folder)
