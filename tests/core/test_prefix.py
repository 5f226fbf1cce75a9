"""Longest prefix by sorted ranges, against looking at every prefix in turn (domain.md 3, rulings.md 9)."""

from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.core.limits import MAX_NUMBER_DIGITS
from talktime.core.prefix import NO_PREFIX, PrefixTable, end_of, key_of, prefix_table

digits = st.text("0123456789", min_size=1, max_size=MAX_NUMBER_DIGITS)
# Few different digits and short prefixes, so that many are nested in each other.
nested = st.lists(st.text("0129", min_size=1, max_size=5), unique=True, max_size=25)
tables = nested | st.lists(digits, unique=True, max_size=25)
numbers = st.text("0129", max_size=8) | digits


def longest(prefixes: Sequence[str], number: str) -> int:
    """The number of the longest prefix that a number begins with, by asking each."""
    fitting = [n for n, prefix in enumerate(prefixes) if number.startswith(prefix)]
    return max(fitting, key=lambda n: len(prefixes[n]), default=NO_PREFIX)


WORLD = ("1", "1204", "44", "4420", "442071838", "7", "77", "999999999999999", "0")


@pytest.mark.parametrize(
    ("number", "prefix"),
    [
        ("442071838750", "442071838"),
        ("442071839750", "4420"),
        ("442171838750", "44"),
        ("12045550100", "1204"),
        ("12125550100", "1"),
        ("77012345678", "77"),
        ("79161234567", "7"),
        ("33123456789", ""),
        ("4420718387", "442071838"),  # masked: +4420718387**
        ("44207183", "4420"),  # too much is hidden to decide
        ("442", "44"),
        ("4", ""),
        ("120", "1"),
        ("", ""),
        ("0", "0"),
        ("999999999999999", "999999999999999"),
        ("99999999999999", ""),
        ("1204555010012345678", "1204"),  # more digits than a number has
    ],
)
def test_longest_prefix(number: str, prefix: str) -> None:
    expected = WORLD.index(prefix) if prefix else NO_PREFIX
    assert prefix_table(WORLD).find(number) == expected


@given(tables, st.lists(numbers, max_size=20))
def test_find_is_the_longest_prefix(prefixes: list[str], asked: list[str]) -> None:
    table = prefix_table(prefixes)
    for number in [*asked, *prefixes, *(prefix + "5" for prefix in prefixes), *(p[:-1] for p in prefixes)]:
        assert table.find(number) == longest(prefixes, number[:MAX_NUMBER_DIGITS])


@given(tables)
def test_ranges_are_sorted_and_parents_are_the_next_shorter_prefix(prefixes: list[str]) -> None:
    table = prefix_table(prefixes)
    assert list(table.starts) == sorted(set(table.starts))
    assert all(one != other for one, other in zip(table.owners, table.owners[1:], strict=False))
    for number, prefix in enumerate(prefixes):
        shorter = longest([p if p != prefix else "x" for p in prefixes], prefix)
        assert table.parents[number] == shorter
        assert table.lengths[number] == len(prefix)


@given(
    st.lists(st.text("0123456789", min_size=1, max_size=4), unique=True, max_size=30),
    st.text("0123456789", max_size=4),
    st.integers(1, 3),
)
def test_possible_is_what_some_completion_finds(prefixes: list[str], visible: str, hidden: int) -> None:
    """Every prefix that some number with these visible and hidden digits has as its longest, none more."""
    completions = product("0123456789", repeat=hidden)
    expected = {longest(prefixes, visible + "".join(rest)) for rest in completions}
    assert prefix_table(prefixes).possible(visible, hidden) == expected


def test_what_a_hidden_digit_may_change() -> None:
    table = prefix_table(WORLD)

    def names(visible: str, hidden: int) -> set[str]:
        return {WORLD[n] if n != NO_PREFIX else "" for n in table.possible(visible, hidden)}

    assert names("44207183", 4) == {"4420", "442071838"}
    assert names("4420718387", 2) == {"442071838"}
    assert names("120", 8) == {"1", "1204"}
    assert names("4", 1) == {"", "44"}  # too few are hidden for the longer ones
    assert names("5", 9) == {""}


def test_an_empty_table_finds_nothing() -> None:
    table: PrefixTable = prefix_table(())
    assert (table.find("442071838750"), table.possible("44")) == (NO_PREFIX, {NO_PREFIX})


@given(digits)
def test_a_prefix_is_the_range_of_its_numbers(prefix: str) -> None:
    assert str(key_of(prefix)).zfill(MAX_NUMBER_DIGITS) == prefix.ljust(MAX_NUMBER_DIGITS, "0")
    assert str(end_of(prefix) - 1).zfill(MAX_NUMBER_DIGITS) == prefix.ljust(MAX_NUMBER_DIGITS, "9")
