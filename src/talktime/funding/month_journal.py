"""The journal of a month by account, for bookkeeping: opening, debits, credits, closing.

Each entry of the ledger is a debit and a credit of the same amount, so over all accounts every column of
balances adds up to zero. The words beside each account are data (catalog accounting.toml; domain.md 9).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

from talktime.accounts.calendar import month_name, month_start_us
from talktime.catalog.accounting import load_accounting
from talktime.core.money import format_money
from talktime.funding.invoice_views import csv_text
from talktime.ledger.month_reading import MonthReader, Moved

JOURNAL_COLUMNS: Final = (
    "tenant",
    "month",
    "account",
    "words",
    "class",
    "usual_side",
    "currency",
    "opening",
    "debits",
    "credits",
    "closing",
)
"""Columns of the CSV of a month's journal."""


class JournalLine(NamedTuple):
    """An account in a month, in micros; balances above 0 are debit balances, below 0 credit balances."""

    account: str
    words: str
    kind: str
    side: str
    opening: int
    debits: int
    credits: int

    @property
    def closing(self) -> int:
        """The balance at the end of the month."""
        return self.opening + self.debits - self.credits


class MonthJournal(NamedTuple):
    """A tenant's accounts in a month of its time zone."""

    tenant: str
    month: int
    time_zone: str
    currency: str
    lines: tuple[JournalLine, ...]


def read_month_journal(
    reader: MonthReader, tenant: str, month: int, time_zone: str, currency: str
) -> MonthJournal:
    """The journal of a month, by the instants of the entries. Raises StoreAway."""
    start_us, end_us = (month_start_us(each, time_zone) for each in (month, month + 1))
    lines = tuple(journal_lines(reader.moved(tenant, start_us, end_us)))
    return MonthJournal(tenant, month, time_zone, currency, lines)


def journal_lines(moved: Iterable[Moved]) -> list[JournalLine]:
    """The accounts that were ever moved, in the catalogue's order. Raises KeyError for an unknown one."""
    opening: dict[str, int] = {}
    debits: dict[str, int] = {}
    credits: dict[str, int] = {}
    for move in moved:
        for account in (move.debit, move.credit):
            opening.setdefault(account, 0)
        opening[move.debit] += move.before
        opening[move.credit] -= move.before
        debits[move.debit] = debits.get(move.debit, 0) + move.within
        credits[move.credit] = credits.get(move.credit, 0) + move.within
    found = []
    for account, before in opening.items():
        place, words = load_accounting().find(account)
        sums = before, debits.get(account, 0), credits.get(account, 0)
        found.append((place, account, JournalLine(account, *words, *sums)))
    return [line for _, _, line in sorted(found)]


def journal_csv(journal: MonthJournal) -> str:
    """One row an account, amounts as decimal strings."""
    return csv_text(JOURNAL_COLUMNS, _rows(journal))


def journal_json(journal: MonthJournal) -> str:
    """The journal for programs; `balance` is what the closing balances add up to: 0."""
    return msgspec.json.encode(journal_values(journal)).decode()


def journal_values(journal: MonthJournal) -> dict[str, Any]:
    """The values of `journal_json`."""
    shared = ("tenant", "month", "currency")
    return {
        "tenant": journal.tenant,
        "month": month_name(journal.month),
        "time_zone": journal.time_zone,
        "currency": journal.currency,
        "accounts": [
            {name: value for name, value in row.items() if name not in shared} for row in _rows(journal)
        ],
        "balance": format_money(sum(line.closing for line in journal.lines)),
    }


def _rows(journal: MonthJournal) -> Iterator[dict[str, object]]:
    for line in journal.lines:
        yield {
            "tenant": journal.tenant,
            "month": month_name(journal.month),
            "account": line.account,
            "words": line.words,
            "class": line.kind,
            "usual_side": line.side,
            "currency": journal.currency,
            "opening": format_money(line.opening),
            "debits": format_money(line.debits),
            "credits": format_money(line.credits),
            "closing": format_money(line.closing),
        }
