"""Books and sessions as the columns of the tables, and back: one spelling for both stores."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from talktime.ledger.book import Book
from talktime.ledger.records import Lot, Session, SessionRow, Standing
from talktime.ledger.schema import HOURS_FROM

WALLET_COLUMNS: Final = (
    "tenant",
    "version",
    "config_version",
    "currency",
    "time_zone",
    "balance",
    "overdraft",
    "reserved",
    "next_lot",
    "number",
    "charge",
    "head",
    "last_us",
    "next_expiry_us",
    "flags",
    "lots",
    "standing",
)
SESSION_COLUMNS: Final = ("call_id", "state", "due_us", "charge", "body")


HOUR_US: Final = 3_600_000_000

HOURS_KEPT: Final = 2
"""For so long after its end the counters of an hour stay where nothing is reserved of them."""

_encode: Final = msgspec.json.Encoder().encode
_lots: Final = msgspec.json.Decoder(list[Lot])
_standing: Final = msgspec.json.Decoder(Standing)
_session: Final = msgspec.json.Decoder(Session)


def wallet_values(book: Book) -> tuple[Any, ...]:
    """A book's wallet as WALLET_COLUMNS."""
    return (
        book.tenant,
        book.version,
        book.config_version,
        book.currency,
        book.time_zone,
        book.balance,
        book.overdraft,
        book.reserved,
        book.next_lot,
        book.number,
        book.charge,
        book.head,
        book.last_us,
        book.next_expiry_us,
        book.flags,
        _encode(book.lots).decode(),
        _standing_text(book),
    )


def _standing_text(book: Book) -> str:
    """The standing as JSON; encoded only where it was touched."""
    if book.standing_text is None:
        book.standing_text = _encode(book.standing).decode()
    return book.standing_text


def book_of(row: Sequence[Any]) -> Book:
    """WALLET_COLUMNS -> a book without counters and sessions."""
    book = Book(row[0])
    book.version, book.config_version, book.currency, book.time_zone = row[1:5]
    book.overdraft = row[6]
    book.next_lot, book.number, book.charge, book.head, book.last_us = row[8:13]
    book.head = bytes(book.head)
    book.flags = row[14]
    book.lots = _lots.decode(row[15])
    book.standing_text = row[16]
    book.standing = standing_of(row[16])
    return book


def standing_of(text: str) -> Standing:
    """The stored text of a standing, "" of a wallet that never had one."""
    return _standing.decode(text) if text else Standing()


def body_text(row: SessionRow) -> str:
    """A session's body as it is stored; "" where it has moved to the charges."""
    return "" if row.body is None else _encode(row.body).decode()


def session_of(row: Sequence[Any], number: int = 0) -> SessionRow:
    """SESSION_COLUMNS (and the store's row number) -> a session."""
    call_id, state, due_us, charge, body = row
    return SessionRow(call_id, state, due_us, charge, _session.decode(body) if body else None, number)


def reserved_micros(row: SessionRow) -> int:
    """The money that a session reserves, as its column says it."""
    return 0 if row.body is None else sum([micros for _, micros in row.body.lots])


def first_kept_hour(now_us: int) -> int:
    """The first of the hours whose counters have to stay; those of earlier ones hold nobody back any more."""
    return max(HOURS_FROM, now_us // HOUR_US - HOURS_KEPT)


def early_month(now_us: int) -> int:
    """Two months before that of an instant (UTC): books hold the counters from there on."""
    at = datetime.fromtimestamp(now_us // 1_000_000, UTC)
    return at.year * 12 + at.month - 1 - 2
