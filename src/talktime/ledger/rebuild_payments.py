"""Compares payments of a tenant with journal, lots and standing, and series of numbers with the papers.

Payments and papers pass by once; what stays in memory is what the journal moved of each lot that a gateway
was paid for, and how many papers each series has (design.md, Money outside).
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from talktime.ledger.differences import MISSING, UNREADABLE, About
from talktime.ledger.records import FROZEN, FUNDING, REFUNDS, TAXED, Entry, Standing
from talktime.ledger.snapshot import LotRow, PaperRow, PaymentRow

REFUND: Final = "refund"
RECHARGE: Final = "recharge"
SETTLED: Final = "settled"
UNRESOLVED: Final = frozenset({"created", "submitted", "requires_action", "unknown"})
DISPUTE_OPEN: Final = "open"

SERIES: Final = ("receipt", "credit_note", "invoice")
"""The kinds of papers whose numbers have no gaps."""


class Returns(msgspec.Struct):
    """Of the body of a payment (`funding.payments.PaymentBody`) what money has to agree with, in micros."""

    lot: int = 0
    returned: int = 0
    returning: int = 0
    dispute: str = ""
    frozen: int = 0


_returns: Final = msgspec.json.Decoder(Returns)


@dataclass(slots=True)
class Outside:
    """What passed between lots and the accounts of money outside, and what payments say of it."""

    about: About
    moved: Tally[tuple[str, int]] = field(default_factory=Tally)  # by account and lot
    attempts: list[str] = field(default_factory=list)

    def take(self, entry: Entry) -> None:
        """An entry of the journal. Tax is none of a lot's money."""
        if entry.charge or entry.kind == TAXED:
            return
        for account, amount in ((entry.debit, -entry.amount), (entry.credit, entry.amount)):
            if account in (REFUNDS, FROZEN) or account.startswith(FUNDING):
                self.moved[account, entry.lot] += amount

    def compare(self, rows: Iterable[PaymentRow], lots: Mapping[int, LotRow]) -> None:
        """Each payment, in order. `lots`: the facts of all lots by number."""
        for row in rows:
            if row.kind == RECHARGE and row.state in UNRESOLVED:
                self.attempts.append(row.payment)
            if row.kind != REFUND and row.state == SETTLED:
                self._settled(row, lots)
        for account in (REFUNDS, FROZEN):
            for (name, lot), amount in self.moved.items():
                if name == account and amount:
                    what = f"account {account} of lot {lot} against the payments"
                    self.about.differ(what, amount, 0)

    def _settled(self, row: PaymentRow, lots: Mapping[int, LotRow]) -> None:
        """A settled payment has its lot, and money moved of it as the payment says."""
        try:
            body = _returns.decode(row.body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self.about.differ(f"body of payment {row.payment!r}", UNREADABLE, "a payment")
            return
        lot = lots.get(body.lot)
        if lot is None:
            self.about.differ(f"lot of payment {row.payment!r}", MISSING, f"lot {body.lot}")
            return
        what = f"lot {lot.lot} of payment {row.payment!r}"
        self.about.compare(f"reference of {what}", lot.reference, f"{row.gateway}:{row.gateway_payment}")
        self.about.compare(f"amount of {what}", lot.amount, row.amount)
        frozen = body.frozen if body.dispute == DISPUTE_OPEN else 0
        for account, told in (
            (FUNDING + row.gateway, body.returned - row.amount),
            (REFUNDS, body.returning),
            (FROZEN, frozen),
        ):
            had = self.moved.pop((account, lot.lot), 0)
            self.about.compare(f"account {account} of {what}", had, told)

    def attempt(self, standing: Standing) -> None:
        """The recharge that a wallet waits for is the one that is unresolved."""
        told = [standing.attempt] if standing.attempt else []
        self.about.compare("recharge that the wallet waits for", told, self.attempts)


def compare_series(about: About, rows: Iterable[PaperRow], numbers: Mapping[str, int]) -> None:
    """Papers of a series have the numbers 1, 2, 3... up to the last one that the wallet gave."""
    count: Tally[str] = Tally()
    last: dict[str, int] = dict.fromkeys(SERIES, 0)
    for row in rows:
        if row.kind in last:
            count[row.kind] += 1
            last[row.kind] = max(last[row.kind], number_of(row.key))
    for series in SERIES:
        given = numbers.get(series, 0)
        about.compare(f"papers of the series {series!r}", count[series], given)
        about.compare(f"last number of the series {series!r}", last[series], given)


def number_of(key: str) -> int:
    """`R-contoso-000012` -> 12; 0 for what ends with no number."""
    digits = key.rpartition("-")[2]
    return int(digits) if digits.isascii() and digits.isdigit() else 0
