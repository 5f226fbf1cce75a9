"""Monthly partitions of journal and charges on PostgreSQL (rulings.md 35), made ahead of the calendar.

A month nobody has made one for lands in the default partition, so a row is never refused; when its month is
made after all, the rows move there. Writers wait for that moment, and not for long.
"""

from datetime import UTC, date, datetime
from typing import Any

import psycopg
from psycopg import sql

from talktime.ledger.schema import PARTITIONED_TABLES

# A month is made another time rather than that writers wait longer behind somebody's long report.
LOCK_TIMEOUT_MS = 2_000

# "months" in ASCII: one maker of partitions at a time.
PARTITIONS_LOCK = 0x6D6F6E746873
_DAY_US = 86_400_000_000
_NAMES_QUERY = (
    "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid"
    " where i.inhparent = %s::regclass"
)


def ensure_partitions(
    connection: psycopg.Connection[Any], now_us: int, months_ahead: int = 2
) -> tuple[str, ...]:
    """Makes what is missing for the month of `now_us` (UTC) and `months_ahead` more; returns the names made.

    Any number of processes may call it at once, and again: nothing is made twice. A table that somebody reads
    for longer than LOCK_TIMEOUT_MS is left to the next call. The connection must not be in a transaction.
    """
    wanted = [month_after(now_us, ahead) for ahead in range(months_ahead + 1)]
    made: list[str] = []
    for table in PARTITIONED_TABLES:
        if all(_name(table, month) in _existing(connection, table) for month in wanted):
            continue
        try:
            made += _make_missing(connection, table, wanted)
        except psycopg.errors.LockNotAvailable:
            continue  # the rows of these months go to the default partition meanwhile
    return tuple(made)


def _make_missing(connection: psycopg.Connection[Any], table: str, wanted: list[date]) -> list[str]:
    """In one transaction; a caller that had to wait for another finds nothing to do."""
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", [PARTITIONS_LOCK])
        existing = _existing(connection, table)
        missing = [month for month in wanted if _name(table, month) not in existing]
        if missing:
            connection.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT_MS)))
        return [_make(connection, table, month) for month in missing]


def month_after(now_us: int, months: int) -> date:
    """The first day of the month (UTC) that comes `months` after the one of `now_us`."""
    today = datetime.fromtimestamp(now_us // 1_000_000, UTC)
    year, month = divmod(today.year * 12 + today.month - 1 + months, 12)
    return date(year, month + 1, 1)


def _make(connection: psycopg.Connection[Any], table: str, first: date) -> str:
    """Takes the rows of the month out of the default partition and attaches the new one with them.

    The table is locked before its default partition: a writer that had chosen the default one and waited
    there would be refused after its row has a better place. Waiting at the table, it chooses afterwards.
    """
    name = _name(table, first)
    start_us = _instant_us(first)
    end_us = _instant_us(month_after(start_us, 1))
    for statement in (
        "lock table only {table} in share row exclusive mode",
        "lock table {default} in access exclusive mode",
        "create table {new} (like {table} including defaults including constraints)",
        "with moved as (delete from {default} where at_us >= {start} and at_us < {end} returning *)"
        " insert into {new} select * from moved",
        "alter table {table} attach partition {new} for values from ({start}) to ({end})",
    ):
        connection.execute(
            sql.SQL(statement).format(
                table=sql.Identifier(table),
                default=sql.Identifier(f"{table}_default"),
                new=sql.Identifier(name),
                start=sql.Literal(start_us),
                end=sql.Literal(end_us),
            )
        )
    return name


def _existing(connection: psycopg.Connection[Any], table: str) -> set[str]:
    with connection.cursor(row_factory=psycopg.rows.scalar_row) as cursor:
        return set(cursor.execute(_NAMES_QUERY, [table]).fetchall())


def _name(table: str, first: date) -> str:
    return f"{table}_{first:%Y_%m}"


def _instant_us(day: date) -> int:
    return (day - date(1970, 1, 1)).days * _DAY_US
