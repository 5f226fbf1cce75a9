"""`talktime rates check | lookup | diff`: decks for people and programs."""

from __future__ import annotations

import textwrap
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from talktime.core.deck import Call
from talktime.core.money import NANOS_PLACES, format_decimal, format_money
from talktime.doors.cli.answer import print_json
from talktime.doors.cli.decks import deck_file, usable_deck
from talktime.doors.cli.problems import Unusable, WrongUse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from talktime.core.deck import Deck, RateRow
    from talktime.files.decks.compare import Change, Comparison
    from talktime.files.decks.findings import Finding
    from talktime.files.decks.lookup import LookUp

SHOWN = 20


@dataclass(frozen=True, slots=True)
class LookupRequest:
    """The options of `talktime rates lookup`."""

    deck: str
    number: str
    category: str
    number_type: str
    direction: str
    origin: str
    at: str | None
    as_json: bool


def check_command(name: str, *, as_json: bool) -> int:
    """Prints what a check of the deck found. 0 if it may be used, 1 if it is refused."""
    read = deck_file(name)
    if as_json:
        print_json(
            {
                "deck": _deck_json(read.deck),
                "format": read.format,
                "rows": read.rows_total,
                "rejected_rows": read.rows_rejected,
                "usable": read.deck is not None,
                "findings": [
                    {"severity": f.severity, "line": f.line or None, "text": f.text} for f in read.findings
                ],
            }
        )
    else:
        _show_findings(read.findings)
        if read.deck is None:
            _say(f"{name}: REFUSED, {read.rows_total} rows read as {read.format}; mend the rows above.")
        else:
            _say(
                f"{name}: usable; {read.rows_total} rows read as {read.format}, "
                f"{read.rows_rejected} set aside, version {read.deck.version}, {read.deck.currency}."
            )
    return 0 if read.deck is not None else 1


def lookup_command(request: LookupRequest) -> int:
    """Prints the row that prices a number. 0 if there is one, 1 if the number has no rate."""
    from talktime.accounts.calendar import local_minute
    from talktime.files.decks.lookup import look_up

    deck, warnings = usable_deck(request.deck)
    if request.direction not in ("outbound", "inbound"):
        raise WrongUse(f"--direction {request.direction!r} must be outbound or inbound")
    call = Call(request.category, request.number_type, request.direction, request.origin.upper())
    try:
        found = look_up(
            deck, request.number, at_us=_instant(request.at), local_minute=local_minute, call=call
        )
    except ValueError as problem:
        raise WrongUse(str(problem)) from None
    if request.as_json:
        print_json(_lookup_json(found, deck))
    else:
        _show_lookup(found, deck, warnings)
    return 0 if found.row is not None else 1


def diff_command(old_name: str, new_name: str, *, as_json: bool) -> int:
    """Prints the difference between two decks."""
    from talktime.files.decks.compare import compare

    old, _ = usable_deck(old_name)
    new, _ = usable_deck(new_name)
    try:
        comparison = compare(old, new)
    except ValueError as problem:
        raise Unusable(str(problem)) from None
    if as_json:
        print_json(_diff_json(old, new, comparison))
    else:
        _show_diff(old, new, comparison)
    return 0


def _instant(text: str | None) -> int:
    from talktime.files.instants import parse_instant

    if text is None:
        return time.time_ns() // 1_000
    try:
        return parse_instant(text)
    except ValueError as problem:
        raise WrongUse(f"--at: {problem}") from None


def _show_findings(findings: Sequence[Finding]) -> None:
    words = {"refused": "REFUSED", "row_rejected": "row set aside", "warning": "warning"}
    for finding in findings:
        where = f"line {finding.line}: " if finding.line else ""
        _say(f"{words[finding.severity]}: {where}{finding.text}")


def _show_lookup(found: LookUp, deck: Deck, warnings: Sequence[str]) -> None:
    from talktime.files.decks.lookup import NOT_RATED

    _say(f"{found.number.text} in deck {deck.name} {deck.version}{' (sample prices)' if deck.sample else ''}")
    if found.row is None:
        _say(f"  no rate: {NOT_RATED}")
    else:
        _say(f"  {_row_text(found.row, deck)}")
    for candidate in found.candidates:
        if candidate.row is not found.row:
            state = "would match next" if candidate.in_force else "not in force at this instant"
            _say(f"  behind it: {_row_text(candidate.row, deck)} ({state})")
    for row in found.undecided:
        _say(f"  a hidden digit could select: {_row_text(row, deck)}")
    for warning in warnings:
        _say(f"warning: {warning}")


def _row_text(row: RateRow, deck: Deck) -> str:
    price = f"{format_decimal(row.price_nanos, NANOS_PLACES)} {deck.currency} a minute"
    first = ""
    if row.first_price_nanos != row.price_nanos:
        first = f", first {row.first_s} s at {format_decimal(row.first_price_nanos, NANOS_PLACES)}"
    fee = f", fee {format_money(row.fee_micros)}" if row.fee_micros else ""
    name = f" {row.name}" if row.name else ""
    return f"prefix {row.prefix}{name}: {price}{first}{fee}, increments {row.first_s}/{row.step_s} s"


def _deck_json(deck: Deck | None) -> dict[str, Any] | None:
    from talktime.files.decks.fields import deck_fields

    return None if deck is None else deck_fields(deck)


def _lookup_json(found: LookUp, deck: Deck) -> dict[str, Any]:
    from talktime.files.decks.fields import row_fields

    return {
        "number": found.number.text,
        "deck": _deck_json(deck),
        "rate": None if found.row is None else row_fields(found.row),
        "behind": [
            {**row_fields(c.row), "in_force": c.in_force} for c in found.candidates if c.row is not found.row
        ],
        "undecided": [row_fields(row) for row in found.undecided],
    }


def _diff_json(old: Deck, new: Deck, comparison: Comparison) -> dict[str, Any]:
    from talktime.files.decks.fields import KINDS

    changes = {name: [_change_json(c) for c in getattr(comparison, name)] for name in KINDS}
    return {
        "old": _deck_json(old),
        "new": _deck_json(new),
        **changes,
        "unchanged": len(comparison.unchanged),
        "dropped_names": list(comparison.dropped_names),
        "dropped_countries": list(comparison.dropped_countries),
        "terms": list(comparison.terms),
    }


def _change_json(change: Change) -> dict[str, Any]:
    from talktime.files.decks.fields import change_percent, row_fields

    return {
        "prefix": change.prefix,
        "old": None if change.old is None else row_fields(change.old),
        "new": None if change.new is None else row_fields(change.new),
        "percent": change_percent(change),
    }


def _show_diff(old: Deck, new: Deck, comparison: Comparison) -> None:
    from talktime.files.decks.fields import KINDS

    _say(
        f"{old.name} {old.version} ({len(old.rows)} rates) -> "
        f"{new.name} {new.version} ({len(new.rows)} rates)"
    )
    for sentence in comparison.terms:
        _say(f"  {sentence}")
    for name in KINDS:
        changes = getattr(comparison, name)
        _say(f"{name}: {len(changes)}")
        for change in changes[:SHOWN]:
            _say(f"  {_change_text(change)}")
        if len(changes) > SHOWN:
            _say(f"  ... and {len(changes) - SHOWN} more; --json lists them all")
    _say(f"unchanged: {len(comparison.unchanged)}")
    if comparison.dropped_countries:
        _say(f"countries without any rate now: {', '.join(comparison.dropped_countries)}")
    for dropped in comparison.dropped_names[:SHOWN]:
        _say(f"destination dropped: {dropped}")
    if len(comparison.dropped_names) > SHOWN:
        _say(f"... and {len(comparison.dropped_names) - SHOWN} more destinations dropped")


def _change_text(change: Change) -> str:
    def price(row: RateRow | None) -> str:
        return "no rate" if row is None else format_decimal(row.price_nanos, NANOS_PLACES)

    row = change.new or change.old
    name = f" {row.name}" if row is not None and row.name else ""
    percent = ""
    if change.by_basis_points is not None:
        sign = "+" if change.by_basis_points > 0 else ""
        percent = f" ({sign}{format_decimal(change.by_basis_points, 2)} %)"
    return f"{change.prefix}{name}: {price(change.old)} -> {price(change.new)}{percent}"


def _say(text: str) -> None:
    """A line that fits the terminal; what does not fit goes on below, further to the right."""
    from rich.console import Console

    from talktime.doors.cli.screen import screen_of

    screen = screen_of(Console())
    behind = " " * (len(text) - len(text.lstrip()) + 2)
    for line in textwrap.wrap(
        screen.text(text).plain, screen.width, subsequent_indent=behind, break_on_hyphens=False
    ):
        print(line)  # noqa: T201 - the command's answer
