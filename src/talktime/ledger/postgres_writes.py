"""What the PostgreSQL store writes: one statement a table, a whole column as each of its parameters.

A parameter a value, or one that the driver makes of a list, costs more than all the rest of a commit, so a
column is one text: `{1,2,3}` (feasibility.md 6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import psycopg

from talktime.ledger import rows
from talktime.ledger.book import Book
from talktime.ledger.records import Paper, Payment

# --- columns as texts of arrays --------------------------------------------------------------------

_encode: Final = msgspec.json.Encoder().encode


def _integers(values: Sequence[int]) -> str:
    return f"{{{_encode(values)[1:-1].decode()}}}"


def texts(values: Sequence[str]) -> str:
    """A column of texts, quoted all at once; NUL parts the values. Raises DataError where one holds it."""
    if not values:
        return "{}"
    joined = "\0".join(values)
    if joined.count("\0") != len(values) - 1:
        raise psycopg.DataError("a text holds the character NUL, which PostgreSQL cannot store")
    quoted = joined.replace("\\", "\\\\").replace('"', '\\"').replace("\0", '","')
    return f'{{"{quoted}"}}'


def _bytes(values: Sequence[bytes]) -> str:
    quoted = '","'.join([f"\\\\x{value.hex()}" for value in values])
    return f'{{"{quoted}"}}'


_ARRAYS: Final[Mapping[str, Callable[[Sequence[Any]], str]]] = {
    "bigint": _integers,
    "smallint": _integers,
    "text": texts,
    "bytea": _bytes,
}
_TEXT_COLUMNS: Final = frozenset(
    "tenant currency time_zone lots kind debit credit call_id user_name category body counter origin"
    " reference who what before after document user_key identity standing payment gateway gateway_payment"
    " key".split()
)


class _Write(NamedTuple):
    """A statement that takes a whole column as each of its parameters."""

    statement: str
    arrays: tuple[Callable[[Sequence[Any]], str], ...]

    def columns(self, values: Sequence[Sequence[Any]]) -> list[str]:
        """Rows, at least one -> parameters."""
        return [array(column) for array, column in zip(self.arrays, zip(*values, strict=True), strict=True)]


def _kind(column: str) -> str:
    if column in ("head", "hash"):
        return "bytea"
    if column == "state":
        return "smallint"
    return "text" if column in _TEXT_COLUMNS else "bigint"


def _write(template: str, columns: Sequence[str], **other_kinds: str) -> _Write:
    """`{names}` are the columns, `{values}` the rows; a column's kind follows from its name."""
    kinds = [other_kinds.get(column) or _kind(column) for column in columns]
    values = f"unnest({', '.join(f'%s::{kind}[]' for kind in kinds)})"
    statement = template.format(names=", ".join(columns), values=values)
    return _Write(statement, tuple(_ARRAYS[kind] for kind in kinds))


def _insert(table: str, columns: str, conflict: str = "", **other_kinds: str) -> _Write:
    template = f"insert into {table} ({{names}}) select * from {{values}}{conflict}"
    return _write(template, columns.split(), **other_kinds)


# --- statements ------------------------------------------------------------------------------------

_NEW_WALLETS: Final = _insert("wallets", " ".join(rows.WALLET_COLUMNS))
_OLD_WALLETS: Final = _write(
    f"update wallets w set {', '.join(f'{name} = u.{name}' for name in rows.WALLET_COLUMNS[1:])}"
    " from {values} u({names}) where w.tenant = u.tenant",
    rows.WALLET_COLUMNS,
)
_WRITE_SESSIONS: Final = _insert(
    "sessions",
    "tenant call_id state due_us reserved charge body",
    " on conflict (tenant, call_id) do update set state = excluded.state, due_us = excluded.due_us,"
    " reserved = excluded.reserved, charge = excluded.charge, body = excluded.body",
)
_WRITE_JOURNAL: Final = _insert(
    "journal", "tenant number at_us kind debit credit amount lot charge corrects hash"
)
_WRITE_CHARGES: Final = _insert(
    "charges",
    "tenant number call_id at_us start_us user_name category billed_s pool_s paid_s amount credits post_usage"
    " overdraft corrects body",
)
_WRITE_IMPORTED: Final = _insert("imported", "tenant identity call_id charge")
_MOVE_IMPORTED: Final = _write(
    "update imported i set charge = u.charge from {values} u({names})"
    " where i.tenant = u.tenant and i.identity = u.identity",
    ("tenant", "identity", "charge"),
)
_WRITE_COUNTERS: Final = _insert(
    "counters",
    "tenant counter period used reserved",
    " on conflict (tenant, counter, period) do update set used = excluded.used, reserved = excluded.reserved",
)
_WRITE_LOTS: Final = _insert("lots", "tenant lot bought_us expires_us amount origin reference")
_WRITE_OUTBOX: Final = _insert("outbox", "tenant at_us kind body")
_WRITE_PAYMENTS: Final = _insert(
    "payments",
    f"tenant {' '.join(Payment._fields)}",
    " on conflict (tenant, payment) do update set state = excluded.state, due_us = excluded.due_us,"
    " amount = excluded.amount, gateway = excluded.gateway, gateway_payment = excluded.gateway_payment,"
    " body = excluded.body",
    state="text",
)
_WRITE_PAPERS: Final = _insert(
    "papers",
    f"tenant {' '.join(Paper._fields)}",
    " on conflict (tenant, kind, key) do update set at_us = excluded.at_us, document = excluded.document",
)
_DROP_PAPERS: Final = _write(
    "delete from papers where (tenant, kind, key) in (select * from {values})", ("tenant", "kind", "key")
)
_COUNT_DAYS: Final = _insert(
    "days",
    "tenant day paid calls",
    " on conflict (tenant, day) do update set paid = days.paid + excluded.paid,"
    " calls = days.calls + excluded.calls",
)
_WRITE_AUDIT: Final = _insert("audit", "tenant at_us who what before after")


def _put(table: str, columns: str, key: str, value: str = "document", **other_kinds: str) -> _Write:
    conflict = f" on conflict ({key}) do update set {value} = excluded.{value}"
    return _insert(table, columns, conflict, **other_kinds)


def _removal(table: str, column: str) -> _Write:
    template = f"delete from {table} where (tenant, {column}) in (select * from {{values}})"
    return _write(template, ("tenant", column), **{column: "text"})


_PUT_DOCUMENTS: Final[Mapping[str, _Write]] = {
    "tenants": _put("tenants", "tenant document", "tenant"),
    "users": _put("users", "tenant user_key document", "tenant, user_key"),
    "service_numbers": _put("service_numbers", "tenant number document", "tenant, number", number="text"),
    "deck_bindings": _put(
        "deck_bindings",
        "tenant currency valid_from_us version",
        "tenant, currency, valid_from_us",
        "version",
        version="text",
    ),
}
_REMOVE_DOCUMENTS: Final[Mapping[str, _Write]] = {
    "users": _removal("users", "user_key"),
    "service_numbers": _removal("service_numbers", "number"),
}

_DROP_SESSIONS: Final = _removal("sessions", "call_id")

# --- rows ---------------------------------------------------------------------------------------------


def writes(books: Sequence[Book]) -> Iterator[tuple[str, list[str]]]:
    """All rows of a transaction, one statement a table; tables without a change are left out."""
    rows_of: tuple[tuple[_Write, list[tuple[Any, ...]]], ...] = (
        (_NEW_WALLETS, [rows.wallet_values(book) for book in books if book.is_new]),
        (_OLD_WALLETS, [rows.wallet_values(book) for book in books if not book.is_new]),
        (_WRITE_SESSIONS, _session_rows(books)),
        (
            _DROP_SESSIONS,
            [
                (book.tenant, row.call_id)
                for book in books
                for row in book.dirty_sessions.values()
                if row.is_void
            ],
        ),
        (_WRITE_JOURNAL, [(book.tenant, *entry) for book in books for entry in book.entries]),
        (_WRITE_CHARGES, [(book.tenant, *charge) for book in books for charge in book.charges]),
        (_WRITE_IMPORTED, [(book.tenant, *row) for book in books for row in book.new_imported]),
        (
            _MOVE_IMPORTED,
            [(book.tenant, row.identity, row.charge) for book in books for row in book.moved_imported],
        ),
        (
            _WRITE_COUNTERS,
            [
                (book.tenant, name, period, counter.used, counter.reserved)
                for book in books
                for (name, period), counter in book.dirty_counters.items()
            ],
        ),
        (_WRITE_LOTS, [(book.tenant, *lot) for book in books for lot in book.new_lots]),
        (_WRITE_OUTBOX, [(book.tenant, *notice) for book in books for notice in book.notices]),
        (_WRITE_AUDIT, [(book.tenant, *change) for book in books for change in book.audit]),
        *_money_rows(books),
        *_document_rows(books),
    )
    for write, values in rows_of:
        if values:
            yield write.statement, write.columns(values)


def _money_rows(books: Sequence[Book]) -> Iterator[tuple[_Write, list[tuple[Any, ...]]]]:
    """Payments, papers, and what was paid a day."""
    papers = [(book.tenant, paper) for book in books for paper in book.dirty_papers.values()]
    yield (
        _WRITE_PAYMENTS,
        [(book.tenant, *payment) for book in books for payment in book.dirty_payments.values()],
    )
    yield _WRITE_PAPERS, [(tenant, *paper) for tenant, paper in papers if paper.document]
    yield _DROP_PAPERS, [(tenant, paper.kind, paper.key) for tenant, paper in papers if not paper.document]
    yield (
        _COUNT_DAYS,
        [(book.tenant, day, paid, calls) for book in books for day, (paid, calls) in book.days.items()],
    )


def _session_rows(books: Sequence[Book]) -> list[tuple[Any, ...]]:
    reserved, body = rows.reserved_micros, rows.body_text
    return [
        (book.tenant, row.call_id, row.state, row.due_us, reserved(row), row.charge, body(row))
        for book in books
        for row in book.dirty_sessions.values()
        if not row.is_void
    ]


def _document_rows(books: Sequence[Book]) -> Iterator[tuple[_Write, list[tuple[Any, ...]]]]:
    """Of several changes of one document the last counts: a statement may touch a row only once."""
    last = {
        (document.table, book.tenant, document.key): document.text
        for book in books
        for document in book.documents
    }
    changed: dict[_Write, list[tuple[Any, ...]]] = {}
    for (table, tenant, key), text in last.items():
        write, row = _document_row(table, tenant, key, text)
        changed.setdefault(write, []).append(row)
    yield from changed.items()


def _document_row(table: str, tenant: str, key: str, text: str) -> tuple[_Write, tuple[Any, ...]]:
    if table == "tenants":
        return _PUT_DOCUMENTS[table], (tenant, text)
    if table == "deck_bindings":
        currency, valid_from_us = key.split("/")
        return _PUT_DOCUMENTS[table], (tenant, currency, int(valid_from_us), text)
    if text:
        return _PUT_DOCUMENTS[table], (tenant, key, text)
    return _REMOVE_DOCUMENTS[table], (tenant, key)
