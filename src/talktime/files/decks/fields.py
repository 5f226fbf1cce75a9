"""Decks as fields for programs: what `talktime rates --json` prints is what the API answers.

Prices and fees are decimal strings, percentages too; texts are empty where a row says nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from talktime.core.money import NANOS_PLACES, format_decimal, format_money

if TYPE_CHECKING:
    from talktime.core.deck import Deck, RateRow
    from talktime.files.decks.compare import Change

KINDS: Final = ("added", "removed", "dearer", "cheaper", "mixed")
"""The lists of a comparison in the order in which they are told; `unchanged` stands beside them."""


def deck_fields(deck: Deck) -> dict[str, Any]:
    """What a deck is, without its rows."""
    return {
        "name": deck.name,
        "version": deck.version,
        "currency": deck.currency,
        "rates": len(deck.rows),
        "sample": deck.sample,
    }


def row_fields(row: RateRow) -> dict[str, Any]:
    """A row: its prefix, for which calls it is, and what it charges."""
    return {
        "prefix": row.prefix,
        "name": row.name,
        "type": row.type,
        "country": row.country,
        "category": row.category,
        "direction": row.direction,
        "number_type": row.number_type,
        "origin_country": row.origin_country,
        "price_per_minute": format_decimal(row.price_nanos, NANOS_PLACES),
        "first_price_per_minute": format_decimal(row.first_price_nanos, NANOS_PLACES),
        "connection_fee": format_money(row.fee_micros),
        "first_seconds": row.first_s,
        "step_seconds": row.step_s,
    }


def change_percent(change: Change) -> str | None:
    """By how much a price changes, in percent; None where there is none to compare with."""
    return None if change.by_basis_points is None else format_decimal(change.by_basis_points, 2)
