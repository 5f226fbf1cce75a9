"""Charges added up to the lines of an invoice: a line a month, category, country and rate (domain.md 9).

A correction takes away what the charge that it corrects had put on a line and puts on what it says itself;
so the lines are the same whether both lie in one month or the correction comes a year later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

from talktime.ledger.month_reading import PostUsed

_FIRST_PRICE: Final = 3
_PRICE: Final = 4
_FEE: Final = 5

CountryOf = Callable[[str], str]
"""The country of a called number as it was written, "" where that is not known."""


class Span(NamedTuple):
    """The charges of one invoice: those of `month`, and earlier ones that came after the last close.

    `cut` is the newest number that counts, `previous_cut` that of the last close, 0 for none.
    """

    month: int
    cut: int
    previous_cut: int

    def has(self, number: int, period: int) -> bool:
        """Whether a charge lies on this invoice: over all closes in a row, each is on exactly one."""
        if period == self.month:
            return number <= self.cut
        return period < self.month and self.previous_cut < number <= self.cut


class InvoiceLine(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of a month, a category, a country and a rate; money in micros, prices in nanos a minute.

    `amount` is what is invoiced; `otherwise` what credits paid of the same calls; `paid_s` seconds that no
    pool covered. All count below 0 where corrections took back more than came.
    """

    month: int
    late: bool
    category: str
    country: str
    deck: str
    first_price: int
    price: int
    fee: int
    prefixes: tuple[str, ...]
    calls: int
    billed_s: int
    paid_s: int
    otherwise: int
    amount: int


_Same = tuple[int, str, str, str, str, tuple[int, ...]]
"""What charges have in common that are added up: month, category, country, deck, prefix, rate."""


class _Sums(msgspec.Struct, gc=False):
    """What charges add up to."""

    calls: int = 0
    billed_s: int = 0
    paid_s: int = 0
    amount: int = 0
    post_usage: int = 0


class ChargeSource(Protocol):
    """Where charges are read: `ledger.month_reading.MonthReader`, or a list in a test."""

    def post_used(self, tenant: str, after: int, cut: int, after_row: int = 0) -> Iterable[PostUsed]:
        """Charges with numbers in (after, cut] that are paid after use or correct another one."""

    def charges(self, tenant: str, rows: Mapping[int, int]) -> Iterable[PostUsed]:
        """The charges with these numbers, each with its row or 0."""

    def posted(self, tenant: str, entry: int, first: int, last: int, without: Sequence[int]) -> int:
        """Micros that entries moved on post-usage, from an entry on, for charges first to last but some."""


class Mark(NamedTuple):
    """Where the next reading begins: after this number, and on SQLite after this row."""

    number: int = 0
    row: int = 0


class Reading(NamedTuple):
    """What was read for an invoice: its lines, its charges, where the next reading begins.

    The so many `charges` have numbers from `first` to `last`; those of `others` between them are not on it.
    `entry`: the first entry of any of them, 0 for none.
    """

    lines: tuple[InvoiceLine, ...]
    charges: int
    first: int
    last: int
    others: Sequence[int]
    entry: int
    mark: Mark

    @property
    def amount(self) -> int:
        """The sum of the lines, in micros."""
        return sum(line.amount for line in self.lines)


def read_lines(source: ChargeSource, tenant: str, span: Span, mark: Mark, country_of: CountryOf) -> Reading:
    """Reads the charges of an invoice once, and those that they correct."""
    adding = _Adding(country_of)
    rows: dict[int, int] = {}
    corrected: list[int] = []
    others: list[int] = []
    entry, newest_row, waiting = 0, mark.row, Mark(span.cut + 1)
    for row in source.post_used(tenant, mark.number, span.cut, mark.row):
        newest_row = max(newest_row, row.row)
        if not span.has(row.number, row.period):
            others.append(row.number)
            if row.period > span.month and row.number < waiting.number:
                waiting = Mark(row.number, row.row)
            continue
        adding.add(row, 1)
        rows[row.number] = row.row
        if row.corrects:
            corrected.append(row.corrects)
        if row.entry and (not entry or row.entry < entry):
            entry = row.entry
    for row in source.charges(tenant, {number: rows.get(number, 0) for number in corrected}):
        adding.add(row, -1)
    first, last = min(rows, default=0), max(rows, default=0)
    return Reading(
        lines=tuple(adding.lines(span.month)),
        charges=len(rows),
        first=first,
        last=last,
        others=[number for number in others if first < number < last],
        entry=entry,
        mark=_following(span, waiting, newest_row),
    )


def _following(span: Span, waiting: Mark, newest_row: int) -> Mark:
    """Where the next reading begins: before the first charge that waits for its month, else after the cut."""
    if waiting.number > span.cut:
        return Mark(span.cut, newest_row)
    return Mark(waiting.number - 1, max(waiting.row - 1, 0))


class _Adding:
    """Lines on the way. A month has a million charges, so as little as possible is done with each."""

    def __init__(self, country_of: CountryOf) -> None:
        self._country_of = country_of
        self._sums: dict[_Same, _Sums] = {}

    def add(self, row: PostUsed, sign: int) -> None:
        """Adds a charge, or takes it away (-1); one that nothing is paid of after use leaves no trace."""
        if not row.post_usage:
            return
        country = self._country_of(row.callee)
        same = (row.period, row.category, country, row.deck, row.prefix, row.rate)
        sums = self._sums.get(same)
        if sums is None:
            sums = self._sums[same] = _Sums()
        sums.calls += sign
        sums.billed_s += sign * row.billed_s
        sums.paid_s += sign * row.paid_s
        sums.amount += sign * row.amount
        sums.post_usage += sign * row.post_usage

    def lines(self, month: int) -> Iterator[InvoiceLine]:
        """The lines in order of month, the newest first, then as they read; those that came to nothing go."""
        parts: dict[tuple[int, str, str, str, int, int, int], list[_Same]] = {}
        for same in self._sums:
            period, category, country, deck, _, rate = same
            price = rate[_FIRST_PRICE], rate[_PRICE], rate[_FEE]
            parts.setdefault((-period, category, country, deck, *price), []).append(same)
        for key, sames in sorted(parts.items()):
            line = self._line(sames, late=-key[0] < month)
            if line.calls or line.billed_s or line.paid_s or line.otherwise or line.amount:
                yield line

    def _line(self, sames: Sequence[_Same], *, late: bool) -> InvoiceLine:
        period, category, country, deck, _, rate = sames[0]
        sums = [self._sums[same] for same in sames]
        post_usage = sum(part.post_usage for part in sums)
        return InvoiceLine(
            month=period,
            late=late,
            category=category,
            country=country,
            deck=deck,
            first_price=rate[_FIRST_PRICE],
            price=rate[_PRICE],
            fee=rate[_FEE],
            prefixes=tuple(sorted({prefix for *_, prefix, _ in sames if prefix})),
            calls=sum(part.calls for part in sums),
            billed_s=sum(part.billed_s for part in sums),
            paid_s=sum(part.paid_s for part in sums),
            otherwise=sum(part.amount for part in sums) - post_usage,
            amount=post_usage,
        )


def posted_micros(source: ChargeSource, tenant: str, reading: Reading) -> int:
    """What the journal moved on post-usage for exactly the charges of a reading: a sum of its own."""
    if not reading.entry:
        return 0
    return source.posted(tenant, reading.entry, reading.first, reading.last, reading.others)
