"""What changes from one deck to the next."""

from dataclasses import replace

import pytest
from hypothesis import given

from talktime.core.deck import Deck
from talktime.files.decks.compare import Change, compare
from talktime.files.instants import parse_instant
from tests.files.decks.tables import deck, decks, row

JULY, AUGUST, SEPTEMBER = (parse_instant(f"2026-{month:02}-01") for month in (7, 8, 9))


def prefixes(changes: tuple[Change, ...]) -> list[str]:
    """The prefixes of changes."""
    return [change.prefix for change in changes]


def test_each_row_is_in_one_list() -> None:
    old = deck(row("33", 10), row("34", 10), row("44", 10), row("45", 10), row("46", 10))
    new = deck(row("34", 10), row("44", 15), row("45", 9), row("46", 10, fee_micros=1), row("47", 10))
    found = compare(old, new)
    assert prefixes(found.added) == ["47"]
    assert prefixes(found.removed) == ["33"]
    assert prefixes(found.dearer) == ["44", "46"]
    assert prefixes(found.cheaper) == ["45"]
    assert prefixes(found.unchanged) == ["34"]
    assert [change.by_basis_points for change in (*found.dearer, *found.cheaper, *found.unchanged)] == [
        5_000,
        0,
        -1_000,
        0,
    ]


@pytest.mark.parametrize(
    ("old_nanos", "new_nanos", "by_basis_points"),
    [
        (3, 4, 3_333),
        (3, 2, -3_333),
        (3, 5, 6_667),
        (10, 0, -10_000),
        (0, 10, None),
        (20_000, 20_001, 1),
        (20_001, 20_000, 0),
    ],
)
def test_the_change_in_basis_points(old_nanos: int, new_nanos: int, by_basis_points: int | None) -> None:
    found = compare(deck(row("44", old_nanos)), deck(row("44", new_nanos)))
    ((change),) = (*found.dearer, *found.cheaper)
    assert change.by_basis_points == by_basis_points


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"first_price_nanos": 11}, "dearer"),
        ({"first_price_nanos": 9}, "cheaper"),
        ({"step_s": 6}, "cheaper"),
        ({"first_s": 90}, "dearer"),
        ({"fee_micros": 1, "step_s": 1}, "mixed"),
        ({"price_nanos": 11, "first_price_nanos": 9}, "mixed"),
    ],
)
def test_terms_beside_the_price(change: dict[str, object], kind: str) -> None:
    found = compare(deck(row("44", 10)), deck(replace(row("44", 10), **change)))  # type: ignore[arg-type]
    assert {name: len(getattr(found, name)) for name in ("dearer", "cheaper", "mixed", "unchanged")} == {
        "dearer": 0,
        "cheaper": 0,
        "mixed": 0,
        "unchanged": 0,
    } | {kind: 1}


def test_a_removed_row_falls_back_to_a_shorter_one_or_to_none() -> None:
    old = deck(row("44", 10), row("447", 30), row("33", 20))
    found = compare(old, deck(row("44", 10)))
    assert [
        (change.prefix, change.new and change.new.prefix, change.by_basis_points) for change in found.removed
    ] == [
        ("33", None, None),
        ("447", "44", -6_667),
    ]


def test_an_added_row_says_what_priced_its_numbers_before() -> None:
    found = compare(deck(row("44", 10)), deck(row("44", 10), row("447", 30), row("33", 20)))
    assert [
        (change.prefix, change.old and change.old.prefix, change.by_basis_points) for change in found.added
    ] == [
        ("33", None, None),
        ("447", "44", 20_000),
    ]


def test_a_fall_back_has_the_same_conditions() -> None:
    old = deck(row("44", 10), row("1", 20, direction="inbound", number_type="toll_free"))
    found = compare(old, deck(row("44", 10), row("1", 5)))
    (removed,) = found.removed
    assert (removed.prefix, removed.new) == ("1", None)
    general = compare(deck(row("447", 30, category="x")), deck(row("44", 10), row("447", 20)))
    (removed,) = general.removed
    assert removed.new is not None
    assert removed.new.price_nanos == 20


def test_a_fall_back_is_the_row_for_all_the_week() -> None:
    evening = row("44", 5, from_min=1080)
    found = compare(deck(row("447", 30)), deck(evening, row("44", 10)))
    (removed,) = found.removed
    assert removed.new is not None
    assert removed.new.price_nanos == 10


def test_windows_and_conditions_tell_rows_apart() -> None:
    day, night = row("44", 10, from_min=480, to_min=1080), row("44", 5, from_min=1080, to_min=480)
    found = compare(deck(day, night, row("44", 8)), deck(day, row("44", 8), row("44", 9, category="x")))
    assert [change.old and change.old.price_nanos for change in found.removed] == [5]
    assert [change.new and change.new.category for change in found.added] == ["x"]
    assert len(found.unchanged) == 2


def test_a_deck_that_carries_on_in_time_is_compared_with_the_last_price() -> None:
    old = deck(row("44", 10, valid_until_us=JULY), row("44", 12, valid_from_us=JULY, valid_until_us=AUGUST))
    new = deck(row("44", 15, valid_from_us=AUGUST, valid_until_us=SEPTEMBER))
    found = compare(old, new)
    ((change),) = found.dearer
    assert (change.old and change.old.price_nanos, change.new and change.new.price_nanos) == (12, 15)
    assert [change.old and change.old.price_nanos for change in found.removed] == [10]


def test_the_same_validity_is_compared_first() -> None:
    old = deck(row("44", 10, valid_until_us=JULY), row("44", 12, valid_from_us=JULY))
    found = compare(old, deck(row("44", 10, valid_until_us=JULY)))
    assert [change.old and change.old.price_nanos for change in found.unchanged] == [10]
    assert [change.old and change.old.price_nanos for change in found.removed] == [12]


def test_destinations_of_which_nothing_is_left() -> None:
    old = deck(
        row("44", name="United Kingdom", country="GB"),
        row("33", name="France", country="FR"),
        row("336", name="France - Mobile", country="FR"),
        row("39", name="Italy", country="IT"),
        row("3906698", name="Vatican", country="VA"),
    )
    new = deck(
        row("44", name="UK", country="GB"),
        row("33", name="France", country="FR"),
        row("396", name="Italy", country="IT"),
    )
    found = compare(old, new)
    assert found.dropped_names == ("France - Mobile", "Vatican")
    assert found.dropped_countries == ("VA",)


def test_terms_of_the_whole_deck() -> None:
    assert compare(deck(row("44")), deck(row("44"))).terms == ()
    found = compare(deck(row("44"), sample=True), deck(row("44"), rounding=1, decimals=4, increments=1))
    assert found.terms == (
        "rounding changes from half_up 6 to up 4",
        "increments change from after_first to whole",
        "the old deck holds sample prices, the other does not",
    )


def test_decks_in_two_currencies_are_not_compared() -> None:
    with pytest.raises(ValueError, match="a deck in USD cannot be compared with one in EUR"):
        compare(deck(row("44")), deck(row("44"), currency="EUR"))


@given(decks(), decks())
def test_every_row_of_both_decks_is_in_exactly_one_list(old: Deck, new: Deck) -> None:
    new = deck(*new.rows, *old.rows[1:], currency=old.currency)
    found = compare(old, new)
    both = (*found.dearer, *found.cheaper, *found.mixed, *found.unchanged)
    assert sorted([id(change.old) for change in (*both, *found.removed)]) == sorted(
        id(row) for row in old.rows
    )
    assert sorted([id(change.new) for change in (*both, *found.added)]) == sorted(id(row) for row in new.rows)


@given(decks())
def test_a_deck_has_not_changed_against_itself(made: Deck) -> None:
    found = compare(made, made)
    assert len(found.unchanged) == len(made.rows)
    assert (found.added, found.removed, found.dearer, found.cheaper, found.mixed) == ((), (), (), (), ())
    assert found.terms == ()
