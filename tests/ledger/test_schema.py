"""What stands in a migrated database is what `schema.py` says, and keys lie as each kind of disk asks."""

import sqlite3
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from talktime.ledger import schema
from talktime.ledger.database import connect_sqlite, open_engine, open_url
from tests.databases import fresh_postgres

TABLES = sorted(schema.metadata("postgresql").tables)
TENANT_TABLES = [name for name in TABLES if name not in schema.GLOBAL_TABLES]

# One row a thing: columns, constraints, indexes, options and partitioning of all tables.
CATALOGUE = """
select 'column', table_name, column_name, concat_ws(' ', data_type, is_nullable, column_default, is_identity)
from information_schema.columns where table_schema = 'public'
union all
select 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
from pg_constraint where connamespace = 'public'::regnamespace
union all
select 'index', tablename, indexname, indexdef from pg_indexes where schemaname = 'public'
union all
select 'table', relname, relkind::text, concat_ws(' ', reloptions::text, pg_get_partkeydef(oid))
from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'S')
"""
PRIMARY_KEYS = """
select c.relname, a.attname from pg_index i join pg_class c on c.oid = i.indrelid
join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
where i.indisunique and c.relnamespace = 'public'::regnamespace and c.relname <> 'alembic_version'
"""


def postgres_catalogue(url: str) -> set[tuple[str, ...]]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(CATALOGUE).fetchall()
    beside = ("alembic_version", "journal_default", "charges_default")
    return {row for row in rows if row[1] not in beside}


def sqlite_catalogue(path: Path) -> dict[str, list[str]]:
    """What each statement says of columns, constraints and options, sorted.

    The order of columns is nobody's business, nor where a later step has put one.
    """
    with connect_sqlite(path) as connection:
        rows = connection.execute("select name, sql from sqlite_schema where sql is not null").fetchall()
    connection.close()
    statements = {name: text for name, text in rows if name not in ("alembic_version", "sqlite_sequence")}
    return {name: _said(" ".join(text.split())) for name, text in statements.items()}


def _said(text: str) -> list[str]:
    """`create ... (a, b) strict` -> the parts between commas outside of inner brackets, head and options."""
    head, _, rest = text.partition("(")
    inside, _, options = rest.rpartition(")")
    parts, depth = [""], 0
    for letter in inside:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return sorted([head.strip(), *(part.strip() for part in parts), *options.split(",")])


def test_steps_lead_to_the_schema_on_sqlite(sqlite_database: str, tmp_path: Path) -> None:
    made = tmp_path / "made.db"
    made.touch()
    with open_engine(open_url(f"sqlite:///{made}")).begin() as connection:
        schema.metadata("sqlite").create_all(connection)
    migrated = sqlite_catalogue(open_url(sqlite_database).path)
    assert migrated == sqlite_catalogue(made)
    assert set(TABLES) <= set(migrated)


def test_steps_lead_to_the_schema_on_postgresql(
    postgres_database: str, request: pytest.FixtureRequest
) -> None:
    with fresh_postgres(request.node.name, migrated=False) as made:
        with open_engine(open_url(made)).begin() as connection:
            schema.metadata("postgresql").create_all(connection)
        migrated = postgres_catalogue(postgres_database)
        assert migrated == postgres_catalogue(made)
    assert {name for kind, name, *_ in migrated if kind == "column"} == set(TABLES)


def test_both_kinds_have_the_same_tables_and_columns_but_for_row_numbers() -> None:
    for name in TABLES:
        columns = {
            kind: {column.name for column in schema.table(kind, name).columns} for kind in schema.KINDS
        }
        assert columns["sqlite"] - columns["postgresql"] <= {"id"}
        assert columns["postgresql"] <= columns["sqlite"]


def test_every_key_of_a_tenants_table_starts_with_the_tenant_on_postgresql(postgres_database: str) -> None:
    with psycopg.connect(postgres_database) as connection:
        keys = connection.execute(PRIMARY_KEYS).fetchall()
    others = {(table, first) for table, first in keys if first != "tenant"}
    assert others == {
        ("api_keys", "hash"),
        ("api_keys", "id"),
        ("decks", "version"),
        ("invitations", "hash"),
        ("people", "upn"),
        ("settings", "name"),
        ("sign_ins", "hash"),
    }
    assert set(TENANT_TABLES) <= {table for table, first in keys if first == "tenant"}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("kind", schema.KINDS)
def test_only_tables_of_the_installation_have_no_tenant(kind: schema.Kind, name: str) -> None:
    assert ("tenant" in schema.table(kind, name).columns) == (name not in schema.GLOBAL_TABLES)


@pytest.mark.parametrize(
    ("name", "without_rowid", "indexes"),
    [
        ("wallets", True, {"sqlite_autoindex_wallets_1", "wallets_next_expiry"}),
        ("counters", True, {"sqlite_autoindex_counters_1", "counters_hours"}),
        ("journal", False, {"journal_number"}),
        ("charges", False, set()),
        ("sessions", False, {"sessions_call", "sessions_open_due", "sessions_closed_due"}),
        ("imported", True, {"sqlite_autoindex_imported_1", "imported_call"}),
        ("outbox", False, {"outbox_waiting"}),
        ("audit", False, set()),
    ],
)
def test_how_hot_tables_lie_on_sqlite(
    sqlite_database: str, name: str, without_rowid: bool, indexes: set[str]
) -> None:
    connection = connect_sqlite(open_url(sqlite_database).path)
    _, _, _, _, bare, strict = connection.execute(f"pragma table_list({name})").fetchone()
    found = {row[1] for row in connection.execute(f"pragma index_list({name})")}
    connection.close()
    assert (bool(bare), bool(strict), found) == (without_rowid, True, indexes)


def entry(**given: object) -> dict[str, object]:
    whole = {"number": 1, "at_us": 0, "amount": 5, "lot": 0, "charge": 0, "corrects": 0}
    return {"tenant": "t", "kind": "k", "debit": "credits", "credit": "usage", "hash": b"", **whole, **given}


def insert(url: str, name: str, *rows: dict[str, object]) -> None:
    place = open_url(url)
    with open_engine(place).begin() as connection:
        for row in rows:
            connection.execute(sa.insert(schema.table(place.kind, name)).values(row))


@pytest.mark.parametrize("amount", [0, -1])
def test_an_entry_moves_something(database: str, amount: int) -> None:
    insert(database, "journal", entry())
    with pytest.raises(sa.exc.IntegrityError):
        insert(database, "journal", entry(number=2, amount=amount))


@pytest.mark.parametrize("amount", [2**63 - 1, 2**40])
def test_amounts_have_64_bits(database: str, amount: int) -> None:
    insert(database, "journal", entry(amount=amount))
    place = open_url(database)
    with open_engine(place).connect() as connection:
        read = connection.scalar(sa.select(schema.table(place.kind, "journal").c.amount))
    assert read == amount


@pytest.mark.parametrize("amount", ["5 EUR", 0.5])
def test_no_fraction_gets_into_a_column_of_money(sqlite_database: str, amount: object) -> None:
    with pytest.raises(sa.exc.IntegrityError, match="cannot store"):
        insert(sqlite_database, "journal", entry(amount=amount))


def test_a_number_is_given_once_a_tenant(sqlite_database: str) -> None:
    insert(sqlite_database, "journal", entry(), entry(tenant="u"))
    with pytest.raises(sa.exc.IntegrityError):
        insert(sqlite_database, "journal", entry(amount=7))


def test_a_payment_buys_one_lot(database: str) -> None:
    lot = {
        "tenant": "t",
        "lot": 1,
        "bought_us": 0,
        "expires_us": 1,
        "amount": 5,
        "origin": "o",
        "reference": "",
    }
    insert(database, "lots", lot, lot | {"lot": 2}, lot | {"lot": 3, "reference": "p"})
    insert(database, "lots", lot | {"tenant": "u", "reference": "p"})
    with pytest.raises(sa.exc.IntegrityError):
        insert(database, "lots", lot | {"lot": 4, "reference": "p"})


def test_a_number_of_the_outbox_never_comes_again(database: str) -> None:
    place = open_url(database)
    outbox = schema.table(place.kind, "outbox")
    message = {"tenant": "t", "at_us": 0, "kind": "k", "body": "{}"}
    insert(database, "outbox", message, message)
    with open_engine(place).begin() as connection:
        connection.execute(sa.delete(outbox))
        connection.execute(sa.insert(outbox).values(message))
        assert connection.execute(sa.select(outbox.c.id, outbox.c.done_us)).fetchall() == [(3, 0)]


@pytest.mark.parametrize("state", [-1, 5])
def test_a_session_has_one_of_its_states(database: str, state: int) -> None:
    session = {"tenant": "t", "call_id": "c", "due_us": 0, "reserved": 0, "charge": 0, "body": ""}
    insert(database, "sessions", session | {"state": schema.OPEN})
    with pytest.raises(sa.exc.IntegrityError):
        insert(database, "sessions", session | {"call_id": "d", "state": state})


def test_a_wallet_is_found_by_its_tenant_alone(sqlite_database: str) -> None:
    connection = connect_sqlite(open_url(sqlite_database).path)
    plan = connection.execute("explain query plan select * from wallets where tenant = 't'").fetchone()
    with pytest.raises(sqlite3.OperationalError, match="rowid"):
        connection.execute("select rowid from wallets")
    connection.close()
    assert "PRIMARY KEY (tenant=?)" in plan[3]


def test_an_unknown_table_is_refused() -> None:
    with pytest.raises(KeyError):
        schema.table("sqlite", "nothing")
