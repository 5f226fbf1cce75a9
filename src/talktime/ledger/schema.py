"""The tables of the ledger, said once for both databases.

A wallet row is the lock of its tenant; journal, charges and audit only ever grow; the other tables are totals
that could be rebuilt from them, or documents. Integers are micros, seconds or microseconds since 1970 UTC.

The two databases differ where the disk asks for it (rulings.md 35): on SQLite what grows has a row number
of its own and grows at the end of the file; on PostgreSQL every key starts with the tenant, and journal and
charges are partitioned by month. So there is one MetaData per kind, built from the same lines.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final, Literal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine

from talktime.core.limits import NEVER_US

HOURS_FROM: Final = 100_000
"""Periods of counters below are billing months, from here on hours since 1970."""

Kind = Literal["sqlite", "postgresql"]
KINDS: tuple[Kind, ...] = ("sqlite", "postgresql")

# Tables that belong to the installation and not to a tenant; every other one has the column `tenant`.
GLOBAL_TABLES = frozenset({"decks", "api_keys", "settings", "people", "sign_ins", "invitations"})

# PostgreSQL keeps these in monthly partitions of `at_us`.
PARTITIONED_TABLES = ("journal", "charges")

# A recharge of which nobody can say yet how it ended.
UNRESOLVED_RECHARGE: Final = (
    "kind = 'recharge' and state in ('created', 'submitted', 'requires_action', 'unknown')"
)

# sessions.state
DENIED, OPEN, ENDED, CANCELLED, LOST = range(5)

# Names that a migration can rely on; the same on both databases.
_NAMES = {
    "ix": "%(table_name)s_%(column_0_N_name)s",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "pk": "%(table_name)s_pkey",
}


@cache
def metadata(kind: Kind) -> MetaData:
    """All tables as they stand on a database of this kind; always the same object."""
    tables = MetaData(naming_convention=_NAMES)
    for add in _TABLES:
        add(tables, kind)
    return tables


def table(kind: Kind, name: str) -> Table:
    """One table for queries by SQLAlchemy Core. Raises KeyError for a name that is not in the schema."""
    return metadata(kind).tables[name]


def _text(*names: str) -> list[Column[Any]]:
    return [Column(name, Text, nullable=False) for name in names]


def _whole(kind: Kind, *names: str, default: int | None = None) -> list[Column[Any]]:
    """64-bit integers. A strict table of SQLite knows them only as INTEGER, which has 64 bits there."""
    type_: type[TypeEngine[int]] = Integer if kind == "sqlite" else BigInteger
    given = None if default is None else text(str(default))
    return [Column(name, type_, nullable=False, server_default=given, autoincrement=False) for name in names]


def _small(kind: Kind, name: str) -> Column[Any]:
    return Column(name, Integer if kind == "sqlite" else SmallInteger, nullable=False, autoincrement=False)


def _bytes(name: str) -> Column[Any]:
    return Column(name, LargeBinary, nullable=False)


def _row_number(kind: Kind) -> list[Column[Any]]:
    """What lets a table of SQLite grow at its end; PostgreSQL has no such column."""
    return [Column("id", Integer, primary_key=True)] if kind == "sqlite" else []


def _key(kind: Kind, *names: str, only: Kind | None = None) -> list[PrimaryKeyConstraint]:
    return [PrimaryKeyConstraint(*names)] if only in (None, kind) else []


def _table(tables: MetaData, name: str, *parts: Any, **options: Any) -> Table:
    """On SQLite every table is strict: no fraction and no text gets into a column of money."""
    return Table(name, tables, *parts, sqlite_strict=True, **options)


def _where(name: str, columns: list[str], condition: str, unique: bool = False) -> Index:
    """An index over the rows that meet `condition`, on both databases."""
    return Index(
        name, *columns, unique=unique, sqlite_where=text(condition), postgresql_where=text(condition)
    )


def _wallets(tables: MetaData, kind: Kind) -> None:
    """One row a tenant: lock, version and totals (rulings.md 33); `head` is the end of its hash chain.

    `standing` is JSON: how the money was last seen to stand (`records.Standing`). `next_expiry_us` is when
    somebody has to look at the wallet again: a lot expires, or a rule that waited may go on.

    `number` and `charge` are the last numbers that its journal and its charges were given. `lots` is a JSON
    list of the live lots, [[lot, expires_us, left, held], ...]. On PostgreSQL half of each page stays free:
    an update finds room beside the row it replaces and touches no index.
    """
    _table(
        tables,
        "wallets",
        *_text("tenant"),
        *_whole(kind, "version", "config_version"),
        *_text("currency", "time_zone"),
        *_whole(kind, "balance", "overdraft", "reserved", "next_lot", "number", "charge"),
        _bytes("head"),
        *_whole(kind, "last_us", "next_expiry_us", "flags"),
        *_text("lots"),
        Column("standing", Text, nullable=False, server_default=""),
        *_key(kind, "tenant"),
        _where("wallets_next_expiry", ["next_expiry_us"], f"next_expiry_us < {NEVER_US}"),
        sqlite_with_rowid=False,
        postgresql_with={"fillfactor": 50},
    )


def _lots(tables: MetaData, kind: Kind) -> None:
    """The facts of each purchase, never updated; `reference` is the payment, which can buy only one lot.

    Credits that were taken back by a reference stand here too, for its sake: `lot` is the number of the first
    entry of it, below 0.
    """
    _table(
        tables,
        "lots",
        *_text("tenant"),
        *_whole(kind, "lot", "bought_us", "expires_us", "amount"),
        *_text("origin", "reference"),
        *_key(kind, "tenant", "lot"),
        _where("lots_reference", ["tenant", "reference"], "reference <> ''", unique=True),
    )


def _journal(tables: MetaData, kind: Kind) -> None:
    """Double entries; `lot`, `charge` and `corrects` (an entry's number) are 0 where there is none."""
    journal = _table(
        tables,
        "journal",
        *_row_number(kind),
        *_text("tenant"),
        *_whole(kind, "number", "at_us"),
        *_text("kind", "debit", "credit"),
        *_whole(kind, "amount", "lot", "charge", "corrects"),
        _bytes("hash"),
        *_key(kind, "tenant", "number", "at_us", only="postgresql"),
        CheckConstraint("amount > 0", name="amount"),
        postgresql_partition_by="RANGE (at_us)",
    )
    if kind == "sqlite":
        Index("journal_number", journal.c.tenant, journal.c.number, unique=True)


def _charges(tables: MetaData, kind: Kind) -> None:
    """What each call cost and who paid it; `corrects` is the number of the charge it replaces, or 0.

    `body` is a JSON object with the split over lots and pools and the closed session (rulings.md 26, 35).
    No index besides the row number on SQLite: a call finds its charge through its session.
    """
    _table(
        tables,
        "charges",
        *_row_number(kind),
        *_text("tenant"),
        *_whole(kind, "number"),
        *_text("call_id"),
        *_whole(kind, "at_us", "start_us"),
        *_text("user_name", "category"),
        *_whole(kind, "billed_s", "pool_s", "paid_s"),
        *_whole(kind, "amount", "credits", "post_usage", "overdraft", "corrects"),
        *_text("body"),
        *_key(kind, "tenant", "number", "at_us", only="postgresql"),
        postgresql_partition_by="RANGE (at_us)",
    )


def _counters(tables: MetaData, kind: Kind) -> None:
    """What is used and reserved of a pool (seconds) or a cap (micros) in a period."""
    _table(
        tables,
        "counters",
        *_text("tenant", "counter"),
        *_whole(kind, "period", "used", "reserved"),
        *_key(kind, "tenant", "counter", "period"),
        _where("counters_hours", ["period"], f"period >= {HOURS_FROM}"),
        sqlite_with_rowid=False,
        postgresql_with={"fillfactor": 50},
    )


def _sessions(tables: MetaData, kind: Kind) -> None:
    """Calls in progress and, for 72 h, closed ones; `due_us` is when the sweep has to look at one.

    `charge` is the number of its charge or 0; `body` is JSON, empty once it has moved to the charge.
    """
    _table(
        tables,
        "sessions",
        *_row_number(kind),
        *_text("tenant", "call_id"),
        _small(kind, "state"),
        *_whole(kind, "due_us", "reserved", "charge"),
        *_text("body"),
        *_key(kind, "tenant", "call_id", only="postgresql"),
        *([Index("sessions_call", "tenant", "call_id", unique=True)] if kind == "sqlite" else []),
        _where("sessions_open_due", ["due_us"], f"state = {OPEN}"),
        _where("sessions_closed_due", ["due_us"], f"state <> {OPEN} and body <> ''"),
        CheckConstraint(f"state between {DENIED} and {LOST}", name="state"),
        postgresql_with={"fillfactor": 70},
    )


def _imported(tables: MetaData, kind: Kind) -> None:
    """Rows of rated files that were booked, by their identity, so that none is booked twice (rulings.md 1).

    `call_id` is the row's, which several may share; `charge` is the number of the newest charge of it.
    """
    _table(
        tables,
        "imported",
        *_text("tenant", "identity", "call_id"),
        *_whole(kind, "charge"),
        *_key(kind, "tenant", "identity"),
        _where("imported_call", ["tenant", "call_id"], "call_id <> ''"),
        sqlite_with_rowid=False,
    )


def _days(tables: MetaData, kind: Kind) -> None:
    """What was paid a local day of the tenant (credits, post-usage, overdraft), and by how many calls.

    Days are counted since 1970. The burn rate is worked out from them (rulings.md 31); the books do without
    them, and a ledger from before they were counted begins with none.
    """
    _table(
        tables,
        "days",
        *_text("tenant"),
        *_whole(kind, "day", "paid", "calls"),
        *_key(kind, "tenant", "day"),
        sqlite_with_rowid=False,
    )


def _payments(tables: MetaData, kind: Kind) -> None:
    """Money that is to come from a gateway or to go back there; `due_us` is when a worker looks at it.

    One recharge of a tenant may be unresolved: that index is the only lock of auto-recharge (recharge.md 2).
    A gateway's payment stands here once.
    """
    _table(
        tables,
        "payments",
        *_text("tenant", "payment", "kind", "state"),
        *_whole(kind, "at_us", "due_us", "amount"),
        *_text("gateway", "gateway_payment", "body"),
        *_key(kind, "tenant", "payment"),
        _where("payments_unresolved", ["tenant"], UNRESOLVED_RECHARGE, unique=True),
        _where(
            "payments_taken", ["tenant", "gateway", "gateway_payment"], "gateway_payment <> ''", unique=True
        ),
        _where("payments_due", ["due_us"], f"due_us < {NEVER_US}"),
        Index("payments_at", "tenant", "at_us"),
        CheckConstraint("amount > 0", name="amount"),
    )


def _papers(tables: MetaData, kind: Kind) -> None:
    """Papers of a tenant: receipts, invoices, tickets, webhooks... each a JSON document of its kind."""
    _table(
        tables,
        "papers",
        *_text("tenant", "kind", "key"),
        *_whole(kind, "at_us"),
        *_text("document"),
        *_key(kind, "tenant", "kind", "key"),
    )


def _deliveries(tables: MetaData, kind: Kind) -> None:
    """A notice on its way to one recipient by one channel; `notice` is its number in the outbox."""
    _table(
        tables,
        "deliveries",
        *_numbered(kind),
        *_whole(kind, "notice", "at_us"),
        *_text("channel", "recipient", "state"),
        *_whole(kind, "tries", "due_us", "sent_us", default=0),
        *_text("error"),
        *_key(kind, "tenant", "id", only="postgresql"),
        _where("deliveries_due", ["due_us"], "state = 'waiting'"),
        Index("deliveries_notice", "tenant", "notice"),
        sqlite_autoincrement=True,
    )


def _outbox(tables: MetaData, kind: Kind) -> None:
    """What has to be told to somebody, written with what it tells; `done_us` is 0 until it was.

    Its number is the key that a receiver knows a repeat by, so SQLite must not give a number twice.
    """
    _table(
        tables,
        "outbox",
        *_numbered(kind),
        *_whole(kind, "at_us"),
        *_text("kind", "body"),
        *_whole(kind, "done_us", default=0),
        *_key(kind, "tenant", "id", only="postgresql"),
        _where("outbox_waiting", ["tenant", "id"], "done_us = 0"),
        sqlite_autoincrement=True,
    )


def _audit(tables: MetaData, kind: Kind) -> None:
    """Who changed what by hand: the documents before and after. Only ever grows."""
    _table(
        tables,
        "audit",
        *_numbered(kind),
        *_whole(kind, "at_us"),
        *_text("who", "what", "before", "after"),
        *_key(kind, "tenant", "id", only="postgresql"),
    )


def _numbered(kind: Kind) -> list[Column[Any]]:
    """`tenant` and an `id` that the database gives."""
    if kind == "sqlite":
        return [*_row_number(kind), *_text("tenant")]
    return [*_text("tenant"), Column("id", BigInteger, Identity(always=True), nullable=False)]


def _documents(tables: MetaData, kind: Kind) -> None:
    """Tenants, their users and service numbers: each a JSON document."""
    for name, key in [
        ("tenants", ["tenant"]),
        ("users", ["tenant", "user_key"]),
        ("service_numbers", ["tenant", "number"]),
    ]:
        _table(tables, name, *_text(*key, "document"), *_key(kind, *key))


def _decks(tables: MetaData, kind: Kind) -> None:
    """Rate decks, and from when a tenant ('' stands for all) is charged by which."""
    _table(
        tables,
        "decks",
        *_text("version", "name", "currency"),
        _small(kind, "sample"),
        *_text("document"),
        *_whole(kind, "added_us"),
        *_key(kind, "version"),
    )
    _table(
        tables,
        "deck_bindings",
        *_text("tenant", "currency"),
        *_whole(kind, "valid_from_us"),
        *_text("version"),
        *_key(kind, "tenant", "currency", "valid_from_us"),
    )


def _installation(tables: MetaData, kind: Kind) -> None:
    """Keys of the doors (`tenants` is a JSON list or '*'; 0 in `revoked_us` means valid) and settings.

    `roles` is a JSON list, "" of a key that was made before keys had roles; `person` who made it, "" for
    nobody who signs in.
    """
    _table(
        tables,
        "api_keys",
        *_text("id"),
        _bytes("hash"),
        *_text("name", "tenants", "scopes"),
        *_whole(kind, "created_us"),
        *_whole(kind, "revoked_us", default=0),
        Column("roles", Text, nullable=False, server_default=""),
        Column("person", Text, nullable=False, server_default=""),
        *_key(kind, "id"),
        UniqueConstraint("hash"),
    )
    _table(tables, "settings", *_text("name", "value"), *_key(kind, "name"))


def _people(tables: MetaData, kind: Kind) -> None:
    """Who signs in (`hash` of the password, "" for none), their sessions and invitations (`sign_ins.py`).

    `roles` is a JSON list; in `sign_ins` it and `tenants` hold what an OpenID provider said. `home` is the
    tenant that vouches for a person, "" for the provider. Secrets are kept as hashes alone.
    """
    _table(
        tables,
        "people",
        *_text("upn", "name", "hash", "roles", "partner", "home"),
        *_whole(kind, "failures", "locked_until_us", "since_us", "signed_in_us", default=0),
        *_whole(kind, "created_us", "disabled_us", default=0),
        *_key(kind, "upn"),
    )
    _table(
        tables,
        "sign_ins",
        _bytes("hash"),
        *_text("upn", "name", "how", "roles", "tenants"),
        *_whole(kind, "begun_us", "seen_us", "ends_us", "ended_us", default=0),
        *_key(kind, "hash"),
        Index("sign_ins_upn", "upn"),
    )
    _table(
        tables,
        "invitations",
        _bytes("hash"),
        *_text("upn"),
        *_whole(kind, "made_us", "ends_us", "used_us", default=0),
        *_key(kind, "hash"),
    )


_TABLES: tuple[Callable[[MetaData, Kind], None], ...] = (
    _wallets,
    _lots,
    _journal,
    _charges,
    _counters,
    _sessions,
    _imported,
    _days,
    _payments,
    _papers,
    _outbox,
    _deliveries,
    _audit,
    _documents,
    _decks,
    _installation,
    _people,
)
