"""Charges of a made-up month that are paid after use, as a reader gives them, and their entries.

`Charges` is a source for invoices that stands in a list: it charges and corrects as the ledger does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from talktime.funding.invoice import Party
from talktime.funding.receipt import Billed
from talktime.funding.taxes import Seller
from talktime.ledger.month_reading import PostUsed

MARCH = 2026 * 12 + 2
LONDON, PARIS, TORONTO = "+442079460000", "+33142685300", "+14165550123"

SELLER = Seller("Talktime Telephony GmbH", ("Hauptstra\u00dfe 1", "10115 Berlin"), "DE", "DE123456789")
ACME = Billed("Acme SARL", ("1 rue de la Paix", "75002 Paris"), "FR", "FR12345678901", "PO-2026-17")
PARTY = Party("acme", "EUR", "Europe/Paris", SELLER, ACME, "main")


@dataclass
class Charges:
    """Charges with numbers from 1 and the entries that they post."""

    rows: list[PostUsed] = field(default_factory=list)
    entries: list[tuple[int, int]] = field(default_factory=list)

    def charge(
        self,
        post_usage: int,
        month: int = MARCH,
        callee: str = LONDON,
        *,
        price: int = 12_000_000,
        credits: int = 0,
        corrects: int = 0,
    ) -> PostUsed:
        """Adds a charge of a minute for each step of its price; its entry moves what is new."""
        had = self.rows[corrects - 1].post_usage if corrects else 0
        if post_usage != had:
            self.entries.append((len(self.rows) + 1, post_usage - had))
        row = PostUsed(
            row=len(self.rows) + 101,
            number=len(self.rows) + 1,
            corrects=corrects,
            billed_s=60,
            paid_s=60,
            amount=post_usage + credits,
            post_usage=post_usage,
            callee=callee,
            category="calling_plan_international",
            deck="sample",
            prefix=callee[1:4],
            rate=(60, 60, 0, price, price, 0, 0, 6),
            period=month,
            entry=len(self.entries) if post_usage != had else 0,
        )
        self.rows.append(row)
        return row

    @property
    def newest(self) -> int:
        return len(self.rows)

    def post_used(self, tenant: str, after: int, cut: int, after_row: int = 0) -> Iterator[PostUsed]:
        assert tenant == PARTY.tenant
        for row in self.rows:
            if after < row.number <= cut and row.row > after_row and (row.post_usage or row.corrects):
                yield row

    def charges(self, tenant: str, rows: Mapping[int, int]) -> Iterator[PostUsed]:
        assert tenant == PARTY.tenant
        for number, row in rows.items():
            found = self.rows[number - 1]
            assert row in (0, found.row)
            yield found

    def posted(self, tenant: str, entry: int, first: int, last: int, without: Sequence[int]) -> int:
        assert tenant == PARTY.tenant
        asked = [charge for charge in range(first, last + 1) if charge not in without]
        return sum(
            micros
            for number, (charge, micros) in enumerate(self.entries, 1)
            if number >= entry and charge in asked
        )
