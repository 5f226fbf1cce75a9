"""The version of a deck: a hash of everything that can change a price, and of nothing else.

The same rates have the same version whatever the format, the order of the rows, names and comments; a deck is
never edited, a change is another version (formats.md).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from talktime.core.deck import Deck, RateRow

VERSION_DIGITS: Final = 12

_LAYOUT: Final = "talktime deck 1"


def versioned(deck: Deck) -> Deck:
    """The deck with its own version."""
    return replace(deck, version=version_of(deck))


def version_of(deck: Deck) -> str:
    """The first 12 hexadecimal digits of SHA-256 over the canonical form of a deck."""
    head = f"{_LAYOUT}\n{deck.currency}\t{deck.rounding}\t{deck.decimals}\t{deck.increments}\n"
    digest = hashlib.sha256(head.encode())
    digest.update("\n".join(sorted(_distinct(deck.rows))).encode())
    return digest.hexdigest()[:VERSION_DIGITS]


def _distinct(rows: Iterable[RateRow]) -> set[str]:
    return {canonical_row(row) for row in rows}


def canonical_row(row: RateRow) -> str:
    """All of a row that can change a price, as one line. The time zone counts only with a window."""
    window = f"{row.weekdays}\t{row.from_min}\t{row.to_min}\t{row.time_zone}" if row.has_window else ""
    return (
        f"{row.prefix}\t{row.price_nanos}\t{row.first_price_nanos}\t{row.fee_micros}\t{row.first_s}\t{row.step_s}"
        f"\t{row.category}\t{row.number_type}\t{row.direction}\t{row.origin_country}"
        f"\t{row.valid_from_us}\t{row.valid_until_us}\t{window}"
    )
