"""The traps that real decks hold, found before a deck prices a call.

Two rows that fit the same call equally refuse the deck; a price far above its neighbours', calling codes that
only longer prefixes cover, and conditions that no call fulfils are warnings (formats.md, rulings.md 14).
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from talktime.catalog.load import load_catalogue
from talktime.catalog.model import Catalogue
from talktime.core.deck import OUTBOUND, Deck, RateRow, index_rows
from talktime.core.limits import US_PER_S
from talktime.core.money import NANOS_PLACES, format_decimal
from talktime.files.decks.findings import WHOLE_FILE, Finding, refused, warning
from talktime.files.decks.windows import overlap, windows_overlap
from talktime.files.instants import format_instant

DEAR: Final = 10
"""A price so many times its neighbours' median is worth a look: a slipped decimal mark."""

MIN_NEIGHBOURS: Final = 2

_SHORT_GAP_US: Final = 86_400 * US_PER_S

Group = tuple[object, ...]
Charge = tuple[int, int, int, int, int]


def check_deck(deck: Deck, catalogue: Catalogue | None = None) -> tuple[Finding, ...]:
    """All findings about the rows of a deck, by line; a finding with severity refused forbids its use.

    `catalogue`: calling codes, categories and number types; the shipped one if None.
    """
    known = catalogue or load_catalogue()
    found = [
        *same_prefix_twice(deck.rows),
        *dear_rows(deck.rows),
        *bare_calling_codes(deck.rows, {dialling.calling_code for dialling in known.dialling.values()}),
        *words_without_calls(deck.rows, known),
    ]
    return tuple(sorted(found, key=lambda finding: finding.line))


def charge_of(row: RateRow) -> Charge:
    """What a row charges: price, first price, fee, first part and step."""
    return (row.price_nanos, row.first_price_nanos, row.fee_micros, row.first_s, row.step_s)


def same_prefix_twice(rows: Sequence[RateRow]) -> Iterator[Finding]:
    """Rows of one prefix that fit the same call equally: another charge refuses the deck, the same is told.

    Equally: the same conditions, and both or neither with a window; overlapping validity and windows.
    """
    for of_prefix in index_rows(rows).values():
        if len(of_prefix) == 1:
            continue
        alike: dict[tuple[object, ...], list[RateRow]] = {}
        for row in of_prefix:
            alike.setdefault((row.conditions, row.has_window), []).append(row)
        for group in alike.values():
            yield from _clashes(sorted(group, key=lambda row: (row.valid_from_us, row.line)))


def _clashes(group: Sequence[RateRow]) -> Iterator[Finding]:
    """`group`: by begin of validity, so that only rows that have not ended can overlap the next one."""
    running: list[RateRow] = []
    for row in group:
        still = [earlier for earlier in running if earlier.valid_until_us > row.valid_from_us]
        twins = [earlier for earlier in still if overlap(earlier, row)]
        clash = next((earlier for earlier in twins if charge_of(earlier) != charge_of(row)), None)
        if clash:
            yield refused(row.line, _twice(row, clash, "another charge; keep one of them"))
            return
        if twins:
            yield warning(row.line, _twice(row, twins[0], "the same charge"))
        elif not still and running:
            yield from _short_gap(running, row)
        running = [*(still or running[-1:]), row]


def _twice(row: RateRow, earlier: RateRow, how: str) -> str:
    return f"prefix {row.prefix} stands in line {earlier.line} too, for the same calls and with {how}"


def _short_gap(running: Sequence[RateRow], row: RateRow) -> Iterator[Finding]:
    """Validity that ends on the eve of the next begin: the last day was probably meant to be included."""
    last = max(running, key=lambda earlier: earlier.valid_until_us)
    gap_us = row.valid_from_us - last.valid_until_us
    if 0 < gap_us <= _SHORT_GAP_US and windows_overlap(last, row):
        until, since = format_instant(last.valid_until_us), format_instant(row.valid_from_us)
        text = f"prefix {row.prefix} has no rate from {until} to {since}; valid_until itself is not included"
        yield warning(row.line, text)


def dear_rows(rows: Sequence[RateRow]) -> Iterator[Finding]:
    """Rows priced at DEAR times the median of their neighbours, or more; told once for each price.

    Neighbours are the rows of the same conditions, country and type; where the row names no country or has
    fewer than MIN_NEIGHBOURS of those, the rows of its country whose prefix differs in the last digit only,
    and that prefix without it. Rows without a price are no neighbours.
    """
    of_country: dict[Group, list[RateRow]] = {}
    for row in rows:
        if row.price_nanos:
            of_country.setdefault((row.country, row.type, row.conditions), []).append(row)
    lonely: list[RateRow] = []
    for (country, *_), group in of_country.items():
        if country and len(group) > MIN_NEIGHBOURS:
            yield from _dear(group, group)
        else:
            lonely += group
    if lonely:
        yield from _dear_among_siblings(lonely, rows)


def _dear_among_siblings(lonely: Sequence[RateRow], rows: Sequence[RateRow]) -> Iterator[Finding]:
    siblings: dict[Group, list[RateRow]] = {}
    for row in rows:
        if row.price_nanos:
            siblings.setdefault((row.prefix[:-1], row.country, row.conditions), []).append(row)
            siblings.setdefault((row.prefix, row.country, row.conditions), []).append(row)
    asked: dict[Group, list[RateRow]] = {}
    for row in lonely:
        if len(row.prefix) > 1:
            asked.setdefault((row.prefix[:-1], row.country, row.conditions), []).append(row)
    for key, group in asked.items():
        yield from _dear(group, siblings[key])


def _dear(group: Iterable[RateRow], neighbours: Sequence[RateRow]) -> Iterator[Finding]:
    """Findings about rows of `group`, all of which are among the neighbours."""
    prices = sorted(row.price_nanos for row in neighbours)
    others = len(prices) - 1
    if others < MIN_NEIGHBOURS or prices[-1] < DEAR * prices[0]:
        return
    alike: dict[int, list[RateRow]] = {}
    for row in group:
        alike.setdefault(row.price_nanos, []).append(row)
    for price_nanos, dear in alike.items():
        own = bisect_left(prices, price_nanos)
        low, high = (prices[at + (at >= own)] for at in ((others - 1) // 2, others // 2))
        if 2 * price_nanos >= DEAR * (low + high):
            yield warning(dear[0].line, _too_dear(dear, price_nanos, low, others))


def _too_dear(dear: Sequence[RateRow], price_nanos: int, median_nanos: int, others: int) -> str:
    price, median = format_decimal(price_nanos, NANOS_PLACES), format_decimal(median_nanos, NANOS_PLACES)
    more = f" and {len(dear) - 1} more" if len(dear) > 1 else ""
    return (
        f"prefix {dear[0].prefix}{more}: {price} a minute, {others} neighbours have about {median}; "
        "check the decimal mark"
    )


def bare_calling_codes(rows: Iterable[RateRow], codes: set[str]) -> Iterator[Finding]:
    """Calling codes with longer prefixes only: a number there that fits none of them has no rate."""
    prefixes = sorted({row.prefix for row in rows if row.direction == OUTBOUND})
    bare = [code for code in sorted(codes, key=int) if _only_longer(prefixes, code)]
    if bare:
        text = f"no row for the bare calling codes {', '.join(bare)}"
        yield warning(WHOLE_FILE, f"{text}: a number there that fits no longer prefix has no rate")


def _only_longer(prefixes: Sequence[str], code: str) -> bool:
    """`prefixes` ascending: the first that is not before `code` is `code`, or longer, or of another code."""
    at = bisect_left(prefixes, code)
    return at < len(prefixes) and prefixes[at] != code and prefixes[at].startswith(code)


def words_without_calls(rows: Iterable[RateRow], catalogue: Catalogue) -> Iterator[Finding]:
    """Categories and number types that no call has: such a row never fits."""
    number_types = {"", *catalogue.number_types.values(), *(facts.kind for facts in catalogue.number_facts)}
    told: set[str] = set()
    for row in rows:
        if row.category and row.category not in catalogue.categories and row.category not in told:
            told.add(row.category)
            yield warning(row.line, f"no call is in a category {row.category!r}; the row fits none")
        if row.number_type not in number_types and row.number_type not in told:
            told.add(row.number_type)
            yield warning(row.line, f"no call has a number type {row.number_type!r}; the row fits none")
