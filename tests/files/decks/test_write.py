"""Our format out and in again, and the version that says whether two decks charge the same."""

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.core.deck import Deck, RateRow
from talktime.core.money import DOWN
from talktime.core.rating import WHOLE
from talktime.files.decks.cells import format_weekdays, parse_weekdays
from talktime.files.decks.version import version_of
from talktime.files.decks.write import write_deck
from talktime.files.instants import parse_instant
from tests.files.decks.tables import deck, decks, read, row, usable


def written(made: Deck) -> str:
    """The text of a deck in our format."""
    out = io.StringIO()
    write_deck(made, out)
    return out.getvalue()


def test_what_a_written_deck_looks_like() -> None:
    made = deck(
        row("44", 12_500_000, name='Channel, "C.I."', country="GB"),
        RateRow(
            "4487",
            10**8,
            2 * 10**8,
            50_000,
            30,
            6,
            weekdays=0b0011111,
            from_min=480,
            to_min=1440,
            time_zone="Europe/London",
        ),
        name="Spring",
        rounding=DOWN,
        decimals=4,
        increments=WHOLE,
    )
    assert written(made) == (
        f"# name = Spring\n# version = {made.version}\n# currency = USD\n# rounding = down 4\n"
        "# increments = whole\n# sample = false\n"
        "prefix,name,type,country,origin_country,category,direction,number_type,price_per_minute,"
        "first_price_per_minute,connection_fee,first_seconds,step_seconds,valid_from,valid_until,weekdays,"
        "from_time,to_time,timezone,currency\n"
        '44,"Channel, ""C.I.""",,GB,,,outbound,,0.0125,,0,60,60,,,,,,,USD\n'
        "4487,,,,,,outbound,,0.1,0.2,0.05,30,6,,,1-5,08:00,24:00,Europe/London,USD\n"
    )


@given(decks())
def test_what_is_written_reads_back(made: Deck) -> None:
    found = read(written(made))
    assert found.rows_rejected == 0
    assert found.deck is not None, found.findings
    assert replace(found.deck, rows=()) == replace(made, rows=())
    assert [replace(row, line=0) for row in found.deck.rows] == list(made.rows)
    # the same text again: writing has one form
    assert written(found.deck) == written(made)


@given(st.integers(1, 127))
def test_weekdays_read_back(days: int) -> None:
    assert (parse_weekdays(format_weekdays(days)) if format_weekdays(days) else 127) == days


# --- versions -----------------------------------------------------------------------------------------


@given(st.data(), decks())
def test_the_order_of_rows_and_what_they_are_called_change_no_version(
    data: st.DataObject, made: Deck
) -> None:
    shuffled = data.draw(st.permutations(made.rows))
    renamed = [replace(row, name="x", type="y", country="Z", line=7) for row in shuffled]
    other = replace(made, name="other", rows=(*renamed, renamed[0]), sample=not made.sample)
    assert version_of(other) == version_of(made) == made.version


def test_the_format_changes_no_version() -> None:
    ours = usable("# currency = USD\nprefix,price_per_minute,first_seconds\n44,0.0120,60\n447,0.3,\n")
    assert ours.version == usable("name;prefix;price\nUK mobile;447;0,30\nUK;44;0,012\n").version
    assert ours.version == usable("+44\t0.012\tUK\n00447\t.3\tUK mobile\n").version
    assert len(ours.version) == 12
    assert set(ours.version) <= set("0123456789abcdef")


CHANGES: list[dict[str, object]] = [
    {"prefix": "45"},
    {"price_nanos": 10_000_001},
    {"first_price_nanos": 10_000_001},
    {"fee_micros": 1},
    {"first_s": 59},
    {"step_s": 59},
    {"category": "a"},
    {"number_type": "toll"},
    {"direction": "inbound"},
    {"origin_country": "FR"},
    {"valid_from_us": 0},
    {"valid_until_us": 0},
    {"weekdays": 1},
    {"from_min": 1},
    {"to_min": 1},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_everything_that_can_change_a_price_changes_the_version(change: dict[str, object]) -> None:
    changed = replace(row("44"), **change)  # type: ignore[arg-type]
    assert deck(changed).version != deck(row("44")).version


@pytest.mark.parametrize("change", [{"currency": "EUR"}, {"rounding": 1}, {"decimals": 5}, {"increments": 1}])
def test_everything_that_holds_for_all_rows_changes_the_version(change: dict[str, object]) -> None:
    assert deck(row("44"), **change).version != deck(row("44")).version


def test_a_time_zone_counts_only_where_there_is_a_window() -> None:
    assert deck(row("44", time_zone="Asia/Tokyo")).version == deck(row("44")).version
    day = row("44", from_min=480)
    assert deck(replace(day, time_zone="Asia/Tokyo")).version != deck(day).version


def test_an_evening_until_midnight_has_one_version() -> None:
    text = "prefix,price_per_minute,from_time,to_time\n44,1,18:00,{}\n"
    assert usable(text.format("00:00")).version == usable(text.format("24:00")).version


def test_microseconds_of_a_validity_are_kept() -> None:
    at_us = parse_instant("2026-07-01T00:00:00.000001Z")
    assert "2026-07-01T00:00:00.000001Z" in written(deck(row("44", valid_from_us=at_us)))
