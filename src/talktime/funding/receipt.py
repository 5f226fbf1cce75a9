"""Receipts and credit notes: what was bought and taxed, what went back; kept as JSON.

A paper is written once and never changed. It carries all that stands on it, since names and rates change
(rulings.md 30, recharge.md). Amounts in micros, instants in microseconds.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, Protocol

import msgspec

from talktime.accounts.tenant import Tenant
from talktime.funding.taxes import Seller, TaxLine, tax_sum

_encode: Final = msgspec.json.Encoder().encode


class Billed(msgspec.Struct, frozen=True):
    """Whom a paper is made out to, from the tenant's billing account."""

    name: str
    address: tuple[str, ...] = ()
    country: str = ""
    tax_id: str = ""
    purchase_order: str = ""


def billed_to(tenant: Tenant) -> tuple[str, Billed]:
    """(id, whom papers are made out to) of the default billing account, else of the first; id "" for none."""
    accounts = {account.id: account for account in tenant.billing_accounts}
    first = next(iter(tenant.billing_accounts), None)
    account = accounts.get(tenant.default_billing_account, first)
    if account is None:
        return "", Billed(tenant.name or tenant.id, country=tenant.country)
    name = account.name or tenant.name or tenant.id
    country = account.country or tenant.country
    return account.id, Billed(name, account.address, country, account.tax_id, account.purchase_order)


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What a payment bought: one lot of `net`, which expires at `expires_us`; `gross` was paid.

    `method` is a text such as "Visa 4242"; `payment` the id of the payment. Raises ValueError where the sums
    do not agree.
    """

    number: str
    kind: Literal["purchase", "recharge", "on_behalf"]
    at_us: int
    time_zone: str
    tenant: str
    seller: Seller
    billed: Billed
    currency: str
    net: int
    taxes: tuple[TaxLine, ...]
    gross: int
    payment: str
    method: str
    lot: int
    expires_us: int

    def __post_init__(self) -> None:
        """A paper whose sums do not agree is not made."""
        _check(self)


class CreditNote(msgspec.Struct, frozen=True, kw_only=True):
    """What went back of a payment: a refund, or a dispute that was lost. Amounts are positive.

    One that is "cancelled" takes back the credit note `cancels`, whose money came back to us: its amounts are
    below 0, so the sum of all credit notes is what went back. `receipt` is the number of the receipt that it
    corrects, `payment` the id of the refund or of the disputed payment. Raises ValueError where the sums do
    not agree.
    """

    number: str
    kind: Literal["refund", "dispute", "cancelled"]
    receipt: str
    receipt_at_us: int
    at_us: int
    time_zone: str
    tenant: str
    seller: Seller
    billed: Billed
    currency: str
    net: int
    taxes: tuple[TaxLine, ...]
    gross: int
    payment: str
    method: str
    reason: str = ""
    cancels: str = ""

    def __post_init__(self) -> None:
        """A paper whose sums do not agree is not made."""
        if (self.kind == "cancelled") != bool(self.cancels):
            raise ValueError(f"paper {self.number}: only one that cancels another names it")
        _check(self, -1 if self.cancels else 1)


class _Sums(Protocol):
    @property
    def number(self) -> str: ...
    @property
    def net(self) -> int: ...
    @property
    def gross(self) -> int: ...
    @property
    def taxes(self) -> tuple[TaxLine, ...]: ...


def _check(paper: _Sums, sign: int = 1) -> None:
    if paper.net * sign <= 0:
        side = "above" if sign > 0 else "below"
        raise ValueError(f"paper {paper.number}: net is {paper.net} micros; it has to be {side} 0")
    if paper.gross != paper.net + tax_sum(paper.taxes):
        raise ValueError(f"paper {paper.number}: gross {paper.gross} is not net {paper.net} and its taxes")


class MoneyBack(NamedTuple):
    """What a credit note says that its receipt does not: `net` micros and `taxes` go back."""

    number: str
    kind: Literal["refund", "dispute"]
    at_us: int
    payment: str
    net: int
    taxes: tuple[TaxLine, ...]
    reason: str = ""


def credit_note(receipt: Receipt, back: MoneyBack) -> CreditNote:
    """The credit note over what went back of a receipt. Raises ValueError where more was not paid at all."""
    if back.net > receipt.net:
        raise ValueError(f"receipt {receipt.number} is over {receipt.net} micros: {back.net} are too much")
    return CreditNote(
        number=back.number,
        kind=back.kind,
        receipt=receipt.number,
        receipt_at_us=receipt.at_us,
        at_us=back.at_us,
        time_zone=receipt.time_zone,
        tenant=receipt.tenant,
        seller=receipt.seller,
        billed=receipt.billed,
        currency=receipt.currency,
        net=back.net,
        taxes=back.taxes,
        gross=back.net + tax_sum(back.taxes),
        payment=back.payment,
        method=receipt.method,
        reason=back.reason,
    )


def cancelling(note: CreditNote, number: str, reason: str) -> CreditNote:
    """The paper that takes a whole credit note back; `note` says when that is."""
    taxes = tuple(msgspec.structs.replace(line, net=-line.net, tax=-line.tax) for line in note.taxes)
    return msgspec.structs.replace(
        note,
        number=number,
        kind="cancelled",
        cancels=note.number,
        net=-note.net,
        taxes=taxes,
        gross=-note.gross,
        reason=reason,
    )


def paper_text(paper: Receipt | CreditNote) -> str:
    """A paper as it is kept: JSON, the same text for the same paper."""
    return _encode(paper).decode()


def read_receipt(text: str | bytes) -> Receipt:
    """A kept receipt. Raises msgspec.ValidationError."""
    return msgspec.json.decode(text, type=Receipt)


def read_credit_note(text: str | bytes) -> CreditNote:
    """A kept credit note. Raises msgspec.ValidationError."""
    return msgspec.json.decode(text, type=CreditNote)
