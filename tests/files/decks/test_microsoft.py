"""Microsoft's price file as it is, from beside the repository."""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from talktime.accounts.calendar import local_minute
from talktime.core.money import NANOS_PLACES, format_decimal
from talktime.files.decks.compare import compare
from talktime.files.decks.lookup import look_up
from talktime.files.decks.read import parse_deck, read_deck
from talktime.files.decks.version import versioned
from talktime.files.decks.write import write_deck
from tests.files.decks.tables import deck as deck_of

FILE = "rates/communication-services-pstn-rates.csv"


def test_every_row_is_read_and_nothing_refused(shared_data: Path) -> None:
    found = read_deck(shared_data / FILE)
    assert (found.format, found.rows_total, found.rows_rejected) == ("microsoft", 6592, 0)
    assert {finding.severity for finding in found.findings} <= {"warning"}
    assert found.deck is not None
    assert (found.deck.currency, len(found.deck.rows)) == ("USD", 6592)
    assert {len(row.prefix) for row in found.deck.rows} == set(range(2, 12))
    assert {row.type for row in found.deck.rows} == {"landline", "mobile", "mixed", "non-geographic"}


def test_its_traps_are_told(shared_data: Path) -> None:
    bare, *others = [finding.text for finding in read_deck(shared_data / FILE).findings]
    codes = bare.removeprefix("no row for the bare calling codes ").partition(":")[0].split(", ")
    assert {"1", "7", "33"} <= set(codes)
    # a warning that comes by the dozen is read by nobody
    assert len(others) < 10


@pytest.mark.parametrize("beginning", ["4420", "447700", "4930", "1212", "1425", "81312", "97150"])
def test_a_number_has_the_price_of_the_longest_prefix_in_the_file(shared_data: Path, beginning: str) -> None:
    number = beginning.ljust(12, "5")
    lines = (shared_data / FILE).read_text("utf-8").splitlines()[1:]
    rows = [line.rsplit(",", 2)[1:] for line in lines]
    prefix, price = max((row for row in rows if number.startswith(row[0])), key=lambda row: len(row[0]))
    deck = read_deck(shared_data / FILE).deck
    assert deck is not None
    found = look_up(deck, f"+{number}", at_us=0, local_minute=local_minute)
    assert found.row is not None
    assert (found.row.prefix, format_decimal(found.row.price_nanos, NANOS_PLACES)) == (
        prefix,
        price.rstrip("0"),
    )
    behind = [candidate.row.prefix for candidate in found.candidates]
    assert behind == sorted((row[0] for row in rows if number.startswith(row[0])), key=len, reverse=True)


def test_a_number_that_matches_nothing(shared_data: Path) -> None:
    deck = read_deck(shared_data / FILE).deck
    assert deck is not None
    assert look_up(deck, "+70000000000", at_us=0, local_minute=local_minute).candidates == ()


def test_it_is_the_same_deck_in_our_format_and_a_changed_one_is_told(shared_data: Path) -> None:
    deck = read_deck(shared_data / FILE).deck
    assert deck is not None
    out = io.StringIO()
    write_deck(deck, out)
    ours = parse_deck(out.getvalue(), "ours").deck
    assert ours is not None
    assert ours.version == deck.version
    assert len(compare(deck, ours).unchanged) == 6592
    first, second, *rest = deck.rows
    dearer = replace(
        second, price_nanos=second.price_nanos * 2, first_price_nanos=second.first_price_nanos * 2
    )
    found = compare(deck, versioned(deck_of(dearer, *rest)))
    assert [change.old for change in found.removed] == [first]
    assert [(change.new, change.by_basis_points) for change in found.dearer] == [(dearer, 10_000)]
    assert found.dropped_names == (first.name,)
