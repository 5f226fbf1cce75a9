"""What two rate decks differ in, as the pages of decks show it: how many rates, and which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import Column, anchor, badge, table, text
from talktime.doors.admin.words import count

if TYPE_CHECKING:
    from talktime.client.management.answers_rates import DeckDifferences, RateChange
    from talktime.doors.admin.visit import Visit

KINDS: Final = ("added", "removed", "dearer", "cheaper", "mixed", "unchanged")
MOST_NAMES: Final = 20
"""Destinations that go, by name; the others are counted."""

_KIND_BADGES: Final = {
    "added": badge("added", "good"),
    "removed": badge("removed", "error"),
    "dearer": badge("dearer", "warning"),
    "cheaper": badge("cheaper", "good"),
    "mixed": badge("partly dearer", "warning"),
    "unchanged": badge("unchanged"),
}


def totals(found: DeckDifferences, at: Visit | None = None) -> None:
    """How many of each kind, as links where they lead to a list."""
    parts = []
    for kind in KINDS:
        words = f"{count(getattr(found.totals, kind))} {kind}"
        parts.append(
            Markup("{}").format(words if at is None else anchor(words, at.here(kind=kind, cursor=None)))
        )
    text(Markup(", ").join(parts))
    for sentence in found.terms:
        said("warning", f"{sentence[:1].upper()}{sentence[1:]}.")
    if found.dropped_countries:
        said("warning", f"Countries without any rate then: {', '.join(found.dropped_countries)}.")
    if found.dropped_names:
        shown = ", ".join(found.dropped_names[:MOST_NAMES])
        rest = len(found.dropped_names) - MOST_NAMES
        said("warning", f"Destinations that go: {shown}{f' and {count(rest)} more' if rest > 0 else ''}.")


def changes(found: Sequence[RateChange]) -> None:
    """The rates that differ, a line each."""
    heads = [
        Column("Prefix", "figure"),
        Column("Destination"),
        Column("What"),
        Column("Before", "figure"),
        Column("After", "figure"),
        Column("Change", "figure"),
    ]
    rows = [_change(one) for one in found]
    table(heads, rows, "Rates that differ", nothing="No rate differs.")


def _change(one: RateChange) -> list[str | Markup]:
    of = one.new or one.old
    percent = "—" if one.percent is None else f"{one.percent:+,f} %"
    return [
        one.prefix,
        (of.name if of is not None else "") or "—",
        _KIND_BADGES[one.kind],
        "no rate" if one.old is None else f"{one.old.price_per_minute:,f}",
        "no rate" if one.new is None else f"{one.new.price_per_minute:,f}",
        percent,
    ]
