"""The ledger's first schema, written out: later changes of `schema.py` leave this step as it is.

A test compares what stands in a database after all steps with `schema.py`, on both kinds of database.
There is no way back from here: what would be undone is the record of money.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# Months that nobody has made a partition for yet land here (`database.ensure_partitions`).
CATCH_ALL = "CREATE TABLE {0}_default PARTITION OF {0} DEFAULT"


def upgrade() -> None:
    """Every table, for the database at hand."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    _money(sqlite)
    _records(sqlite)
    _calls(sqlite)
    _messages(sqlite)
    _documents(sqlite)
    if not sqlite:
        op.execute(CATCH_ALL.format("journal"))
        op.execute(CATCH_ALL.format("charges"))


def _money(sqlite: bool) -> None:
    _table(
        "wallets",
        *_text("tenant"),
        *_whole(sqlite, "version", "config_version"),
        *_text("currency", "time_zone"),
        *_whole(sqlite, "balance", "overdraft", "reserved", "next_lot", "number", "charge"),
        _bytes("head"),
        *_whole(sqlite, "last_us", "next_expiry_us", "flags"),
        *_text("lots"),
        *_key("wallets", "tenant"),
        sqlite_with_rowid=False,
        postgresql_with={"fillfactor": 50},
    )
    never = 2**62
    _index("wallets_next_expiry", "wallets", ["next_expiry_us"], where=f"next_expiry_us < {never}")
    _table(
        "lots",
        *_text("tenant"),
        *_whole(sqlite, "lot", "bought_us", "expires_us", "amount"),
        *_text("origin", "reference"),
        *_key("lots", "tenant", "lot"),
    )
    _index("lots_reference", "lots", ["tenant", "reference"], where="reference <> ''", unique=True)
    _table(
        "counters",
        *_text("tenant", "counter"),
        *_whole(sqlite, "period", "used", "reserved"),
        *_key("counters", "tenant", "counter", "period"),
        sqlite_with_rowid=False,
        postgresql_with={"fillfactor": 50},
    )
    _index("counters_hours", "counters", ["period"], where="period >= 100000")


def _records(sqlite: bool) -> None:
    _table(
        "journal",
        *_row(sqlite),
        *_text("tenant"),
        *_whole(sqlite, "number", "at_us"),
        *_text("kind", "debit", "credit"),
        *_whole(sqlite, "amount", "lot", "charge", "corrects"),
        _bytes("hash"),
        *_key("journal", *(["id"] if sqlite else ["tenant", "number", "at_us"])),
        sa.CheckConstraint("amount > 0", name=op.f("journal_amount_check")),
        postgresql_partition_by="RANGE (at_us)",
    )
    if sqlite:
        op.create_index("journal_number", "journal", ["tenant", "number"], unique=True)
    _table(
        "charges",
        *_row(sqlite),
        *_text("tenant"),
        *_whole(sqlite, "number"),
        *_text("call_id"),
        *_whole(sqlite, "at_us", "start_us"),
        *_text("user_name", "category"),
        *_whole(sqlite, "billed_s", "pool_s", "paid_s"),
        *_whole(sqlite, "amount", "credits", "post_usage", "overdraft", "corrects"),
        *_text("body"),
        *_key("charges", *(["id"] if sqlite else ["tenant", "number", "at_us"])),
        postgresql_partition_by="RANGE (at_us)",
    )


def _calls(sqlite: bool) -> None:
    _table(
        "sessions",
        *_row(sqlite),
        *_text("tenant", "call_id"),
        _small(sqlite, "state"),
        *_whole(sqlite, "due_us", "reserved", "charge"),
        *_text("body"),
        *_key("sessions", *(["id"] if sqlite else ["tenant", "call_id"])),
        sa.CheckConstraint("state between 0 and 4", name=op.f("sessions_state_check")),
        postgresql_with={"fillfactor": 70},
    )
    if sqlite:
        op.create_index("sessions_call", "sessions", ["tenant", "call_id"], unique=True)
    _index("sessions_open_due", "sessions", ["due_us"], where="state = 1")
    _index("sessions_closed_due", "sessions", ["due_us"], where="state <> 1 and body <> ''")


def _messages(sqlite: bool) -> None:
    _table(
        "outbox",
        *_numbered(sqlite),
        *_whole(sqlite, "at_us"),
        *_text("kind", "body"),
        *_whole(sqlite, "done_us", default="0"),
        *_key("outbox", *(["id"] if sqlite else ["tenant", "id"])),
        sqlite_autoincrement=True,
    )
    _index("outbox_waiting", "outbox", ["tenant", "id"], where="done_us = 0")
    _table(
        "audit",
        *_numbered(sqlite),
        *_whole(sqlite, "at_us"),
        *_text("who", "what", "before", "after"),
        *_key("audit", *(["id"] if sqlite else ["tenant", "id"])),
    )


def _documents(sqlite: bool) -> None:
    for name, key in [
        ("tenants", ["tenant"]),
        ("users", ["tenant", "user_key"]),
        ("service_numbers", ["tenant", "number"]),
    ]:
        _table(name, *_text(*key, "document"), *_key(name, *key))
    _table(
        "decks",
        *_text("version", "name", "currency"),
        _small(sqlite, "sample"),
        *_text("document"),
        *_whole(sqlite, "added_us"),
        *_key("decks", "version"),
    )
    _table(
        "deck_bindings",
        *_text("tenant", "currency"),
        *_whole(sqlite, "valid_from_us"),
        *_text("version"),
        *_key("deck_bindings", "tenant", "currency", "valid_from_us"),
    )
    _table(
        "api_keys",
        *_text("id"),
        _bytes("hash"),
        *_text("name", "tenants", "scopes"),
        *_whole(sqlite, "created_us"),
        *_whole(sqlite, "revoked_us", default="0"),
        *_key("api_keys", "id"),
        sa.UniqueConstraint("hash", name=op.f("api_keys_hash_key")),
    )
    _table("settings", *_text("name", "value"), *_key("settings", "name"))


def _table(name: str, *parts: Any, **options: Any) -> None:
    op.create_table(name, *parts, sqlite_strict=True, **options)


def _index(name: str, table: str, columns: list[str], where: str, unique: bool = False) -> None:
    rows = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=rows, postgresql_where=rows)


def _text(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _whole(sqlite: bool, *names: str, default: str | None = None) -> list[sa.Column[Any]]:
    type_ = sa.Integer() if sqlite else sa.BigInteger()
    given = None if default is None else sa.text(default)
    return [
        sa.Column(name, type_, nullable=False, server_default=given, autoincrement=False) for name in names
    ]


def _small(sqlite: bool, name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer() if sqlite else sa.SmallInteger(), nullable=False)


def _bytes(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary, nullable=False)


def _row(sqlite: bool) -> list[sa.Column[Any]]:
    return [sa.Column("id", sa.Integer, nullable=False)] if sqlite else []


def _numbered(sqlite: bool) -> list[sa.Column[Any]]:
    if sqlite:
        return [*_row(sqlite), *_text("tenant")]
    return [*_text("tenant"), sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False)]


def _key(table: str, *names: str) -> list[sa.PrimaryKeyConstraint]:
    return [sa.PrimaryKeyConstraint(*names, name=op.f(f"{table}_pkey"))]
