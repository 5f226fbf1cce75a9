"""Columns as small integers: packed there and back, and different ones found."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from talktime.bulk.codes import (
    Coded,
    Different,
    by_word,
    coded,
    different,
    different_rows,
    numbers_and_words,
    pack,
    words_at,
    words_of,
)
from talktime.bulk.find_different import FIRST_ROOM, find_different, number_values
from tests.bulk.months import keep_compiled

Ints = NDArray[np.int64]
Find = Callable[[Ints], Different]

FEW = st.integers(-3, 3) | st.integers(-(2**62), 2**62)
WAYS = pytest.mark.parametrize("find", [None, find_different], ids=["sort", "table"])


@pytest.fixture(scope="module", autouse=True)
def _kept(pytestconfig: pytest.Config) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        keep_compiled(pytestconfig, patch)
        yield


def same_as_unique(found: Different, keys: Ints) -> bool:
    values, at = np.unique(keys, return_inverse=True)
    return bool(np.array_equal(found.values, values) and np.array_equal(found.at, at))


@WAYS
@given(keys=st.lists(FEW, max_size=40))
def test_different_values_are_those_of_unique(find: Find | None, keys: list[int]) -> None:
    column = np.array(keys, np.int64)
    assert same_as_unique(different(column, find), column)


KEYS = {
    "all alike": np.full(50_000, 7, np.int64),
    "as many as the first table holds": np.arange(FIRST_ROOM // 2, dtype=np.int64),
    "one more": np.arange(FIRST_ROOM // 2 + 1, dtype=np.int64)[::-1],
    "more than the second table holds": np.arange(5 * FIRST_ROOM, dtype=np.int64) * 977 % 65_537,
    "far apart": np.arange(20_000, dtype=np.int64) * (2**62 // 20_000),
    "one place for all": np.arange(2_000, dtype=np.int64) * (2**32 + 1),
    "below zero": -np.arange(10_000, dtype=np.int64) * 2**40,
    "every second": np.arange(30_000, dtype=np.int64)[::2],
}


@pytest.mark.parametrize("name", KEYS)
def test_the_table_grows_and_bears_collisions(name: str) -> None:
    assert same_as_unique(find_different(KEYS[name]), KEYS[name])


@given(st.lists(st.sampled_from([0, 1, 2**32 + 1, 2 * (2**32 + 1), -1]), max_size=12), st.integers(1, 4))
def test_a_full_table_says_so(keys: list[int], room: int) -> None:
    """The plain loop: numbers by first rows, or -1 where values leave no room. Some of them share a place."""
    column = np.array(keys, np.int64)
    table, values, at = np.full(16, -1, np.int64), np.zeros(room, np.int64), np.zeros(len(keys), np.int64)
    found = number_values(column, table, values, at)
    firsts = list(dict.fromkeys(keys))
    assert found == (len(firsts) if len(firsts) <= room else -1)
    if found >= 0:
        assert values[:found].tolist() == firsts
        assert [firsts[number] for number in at.tolist()] == keys


# --- several columns -------------------------------------------------------------------------------------

sizes = st.lists(st.sampled_from([1, 2, 3, 10**6, 2**40]), min_size=1, max_size=6)


@st.composite
def tables(draw: st.DrawFn) -> list[Coded]:
    """Columns of few values with room for many, so that some of them leave no room together."""
    rows = draw(st.integers(0, 12))
    columns = []
    for size in draw(sizes):
        value = st.sampled_from(sorted({0, size // 2, size - 1}))
        codes = draw(st.lists(value, min_size=rows, max_size=rows))
        columns.append(Coded(np.array(codes, np.int64), size))
    return columns


def rows_of(columns: list[Ints]) -> list[tuple[int, ...]]:
    return list(zip(*(column.tolist() for column in columns), strict=True))


@WAYS
@given(columns=tables())
def test_different_rows_stand_for_every_row(find: Find | None, columns: list[Coded]) -> None:
    found, at = different_rows(columns, find)
    rows, of_row = rows_of([column.codes for column in columns]), rows_of(found)
    assert [of_row[place] for place in at.tolist()] == rows
    assert len(of_row) == len(set(of_row)) == len(set(rows))


def test_sixty_columns_are_combined_step_by_step() -> None:
    rng = np.random.default_rng(5)
    columns = [Coded(rng.integers(0, 2, 500) * (2**30 - 1), 2**30) for _ in range(60)]
    found, at = different_rows(columns)
    assert all((column.codes == part[at]).all() for column, part in zip(columns, found, strict=True))


@given(tables())
def test_packed_keys_lead_back(columns: list[Coded]) -> None:
    room = 1
    for column in columns:
        room *= column.size
    if room >= 2**62:
        with pytest.raises(OverflowError, match=f"{len(columns)} columns have too many different values"):
            pack(columns)
        return
    keys, unpack = pack(columns)
    assert all((one == other.codes).all() for one, other in zip(unpack(keys), columns, strict=True))
    rows = rows_of([column.codes for column in columns])
    assert len(set(keys.tolist())) == len(set(rows))
    assert not len(keys) or 0 <= keys.min() <= keys.max() < room


# --- words -----------------------------------------------------------------------------------------------

words = st.lists(st.sampled_from(["", "a", "b", "Ärger", "zz"]), max_size=12)


@given(words, words)
def test_words_become_codes_and_back(before: list[str], texts: list[str]) -> None:
    """Numbers that other columns' words took may lie between."""
    pl.Series(before, dtype=pl.String).cast(pl.Categorical)
    column = pl.Series(texts, dtype=pl.String).cast(pl.Categorical)
    codes, named = coded(column)
    assert [named[code] for code in codes.codes.tolist()] == texts
    assert (codes.size, sorted(named)) == (max(len(set(texts)), 1), sorted(set(texts)))
    assert sorted(words_of(column)) == sorted(set(texts))
    assert by_word(column, len).tolist() == [len(text) for text in texts]
    assert words_at(named, codes.codes).to_list() == texts
    numbers, _ = numbers_and_words(column)
    assert (np.diff(numbers) > 0).all()


def test_a_value_is_asked_for_once_a_word() -> None:
    asked: list[str] = []

    def length(word: str) -> int:
        asked.append(word)
        return len(word)

    column = pl.Series(["bb", "a", "bb", "bb"], dtype=pl.Categorical())
    assert by_word(column, length).tolist() == [2, 1, 2, 2]
    assert sorted(asked) == ["a", "bb"]


def test_minus_one_is_the_last_word() -> None:
    assert words_at(["a", "b", ""], np.array([0, -1, 1])).to_list() == ["a", "", "b"]
