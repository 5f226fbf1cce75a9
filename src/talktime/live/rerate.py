"""A charge is priced anew with another deck; the difference is a correction that names what it corrects.

The call stays what it was (category, number, start, seconds, the pool seconds that it took); only price and
billed seconds are the new deck's. The journal is only added to (design.md, The ledger; docs/decisions/0010).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from talktime.accounts.calendar import local_minute
from talktime.core.deck import NO_ROW, Call
from talktime.core.numbers import parse_number
from talktime.core.rating import amount_micros, billed_seconds
from talktime.ledger.engine import NeedsPeriod, OfRow
from talktime.ledger.records import ChargeBody, Spent
from talktime.live.facts import rate_of
from talktime.live.reserve import cover_of, shares
from talktime.live.settle import (
    FLAG_DEBIT,
    FLAG_LOST,
    FLAG_UNRATED,
    Report,
    charge_again,
    overruns,
    return_repaid,
    write_charge,
)
from talktime.live.tenant import LiveTenant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from talktime.core.deck import RateBook
    from talktime.ledger.book import Book
    from talktime.ledger.records import Charge, Facts, SessionRow
    from talktime.live.reserve import Shares

FLAG_RERATED: Final = "rerated"

_body: Final = msgspec.json.Decoder(ChargeBody)


class Repriced(NamedTuple):
    """A charge and what it is by the new deck; `pools` are the seconds that stay."""

    charge: Charge
    body: ChargeBody
    facts: Facts
    billed_s: int
    pools: Shares
    amount: int

    @property
    def differs(self) -> bool:
        """Whether the charge has to be corrected."""
        pool_s = sum(seconds for _, seconds in self.pools)
        old, flags = self.charge, self.body.flags
        waits = FLAG_LOST in flags or (FLAG_DEBIT in flags and self.billed_s)
        if waits and self.body.facts.rate != self.facts.rate:
            return True  # the true end, or a refund, may still come: it has to be charged by the new rate
        return (old.billed_s, old.pool_s, old.paid_s, old.amount) != (
            self.billed_s,
            pool_s,
            self.billed_s - pool_s,
            self.amount,
        )


def body_of_charge(charge: Charge) -> ChargeBody:
    """The split and the facts of a charge."""
    return _body.decode(charge.body)


def is_askable(facts: Facts) -> bool:
    """Whether a charge says all that a deck is asked by; those of older programs do not."""
    return len(facts.asked) + 1 == len(Call._fields)


def reprice(charge: Charge, body: ChargeBody, book: RateBook) -> Repriced | None:
    """Prices a paid call anew; None where no row of the deck fits it.

    It is recognised as it was: the same category, number, number type, direction, origin and start.
    """
    facts = body.facts
    digits = parse_number(facts.callee, None).digits
    if not digits or not is_askable(facts):
        return None
    found = book.find(Call(facts.category, *facts.asked), digits, facts.base_us, local_minute)
    if found == NO_ROW:
        return None
    row, deck = book.deck.rows[found], book.deck
    rate = rate_of(row, deck)
    first_s, step_s, model, *prices = rate
    billed_s = billed_seconds(body.charged_s or body.duration_s, first_s, step_s, model)
    pools = shares(body.pools, billed_s)
    pool_s = sum(seconds for _, seconds in pools)
    amount = amount_micros(pool_s, billed_s, first_s, *prices)
    priced = msgspec.structs.replace(facts, deck=deck.version, prefix=row.prefix, rate=rate, rated=1)
    return Repriced(charge, body, priced, billed_s, pools, amount)


class Corrected(StrEnum):
    """What became of a charge that should be corrected."""

    DONE = "corrected"
    CHANGED = "changed_meanwhile"


class Correction(NamedTuple):
    """The answer: the number of the new charge, and the balance after it in micros."""

    outcome: Corrected
    charge: int = 0
    balance: int = 0


class KnownLots(NamedTuple):
    """Where money of a tenant goes back to: when its lots expire, and which one repaid overdraft last.

    All lots before that one were empty when it did, so what comes back to it is drawn from it again.
    """

    expiries: Mapping[int, int]
    repaid_by: tuple[int, int] | None


class Rerate(OfRow):
    """Corrects a charge, if it still is the newest of its call."""

    __slots__ = ("call_id", "identity", "lots", "new", "tenant")
    creates = False

    def __init__(self, tenant: str, new: Repriced, lots: KnownLots) -> None:
        origin = new.body.origin
        self.tenant = tenant
        self.new = new
        self.lots = lots
        self.identity = "" if origin is None else origin.identity
        self.call_id = new.charge.call_id if origin is None else ""

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Correction:
        """The correction; nothing is changed where somebody else was faster."""
        row = None if book is None else book.imported.get(self.identity)
        newest = row.charge if row is not None else 0 if session is None else session.charge
        if book is None or newest != self.new.charge.number:
            return Correction(Corrected.CHANGED)
        if not book.has_period(self.new.facts.period):
            raise NeedsPeriod(self.new.facts.period)
        book.advance(now_us)
        spent = self._correct(book)
        if row is not None:
            book.book_row(row._replace(charge=spent.charge))
        elif session is not None:
            session.charge = spent.charge
            if session.body is not None:
                session.body.facts = self.new.facts
                session.body.spent = spent if session.body.spent is not None else None
            book.keep(session)
        return Correction(Corrected.DONE, spent.charge, book.balance)

    def _correct(self, book: Book) -> Spent:
        assert isinstance(book.config, LiveTenant), "the engine was given another configuration"
        tenant, new, before = book.config, self.new, book.balance
        old = self._old()
        paid_s = new.billed_s - sum(seconds for _, seconds in new.pools)
        cap_left = cover_of(book, tenant, new.facts, []).cap_left
        over = overruns(new.facts, paid_s, 0, new.amount - old.amount, cap_left)
        spent, repaid = charge_again(book, tenant, new.facts, old, new.billed_s, new.pools, new.amount)
        return_repaid(book, tenant, repaid, self.lots.repaid_by)
        book.settled(before)
        body = new.body
        flags = [flag for flag in body.flags if flag != FLAG_UNRATED]
        report = Report(
            body.duration_s,
            0,
            body.answered_us,
            body.ended_us,
            tuple(dict.fromkeys((*flags, FLAG_RERATED, *over))),
            body.origin,
            body.charged_s,
        )
        write_charge(book, new.charge.call_id, new.facts, spent, report, corrects=old.charge)
        return spent

    def _old(self) -> Spent:
        charge, body = self.new.charge, self.new.body
        return Spent(
            charge.number,
            body.entry,
            charge.billed_s,
            list(body.pools),
            [(lot, micros, self.lots.expiries[lot]) for lot, micros in body.lots],
            charge.amount,
            charge.post_usage,
            charge.overdraft,
        )
