"""A scan says of each number what the core says of it, by either way, however the column lies in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from talktime.bulk import number_index as indexes
from talktime.bulk import number_scan as scans
from talktime.bulk.lookup import keys_of
from talktime.bulk.number_index import NO_STEM, NumberIndex, number_index
from talktime.bulk.number_scan import Scanned, hidden_keys, hidden_of, scan
from talktime.core.numbers import Dialling, parse_number
from talktime.core.prefix import NO_PREFIX, PrefixTable, prefix_table

DIALLINGS = (None, Dialling("44", "0", "00", (10,)), Dialling("1", "1", "011"))

few_digits = st.text(
    "1204", min_size=1, max_size=15
)  # few different ones, so that prefixes nest and numbers meet
prefixes = st.lists(few_digits, max_size=14, unique=True).map(prefix_table)
LONG = {"rates": prefix_table(["1204", "120412041204"])}
TRICKY = ["+120412041204", "+12041204****", "+1204*1", "+120412049*04", "+120412049*0x", "+1204"]
several = st.fixed_dictionaries({"rates": prefixes, "numbers": prefixes, "premium": prefixes})
written = (
    st.builds(lambda digits, stars: f"+{digits}{'*' * stars}", few_digits, st.integers(0, 5))
    | st.text("+12049*", max_size=17)
    | st.sampled_from(
        ["", "+", "+*", "+0", "+12\n", "tel:+12", "+12 04", "0044120412041", "+1²2", "Anonymous", "+12é"]
    )
)
masked = st.tuples(few_digits, st.integers(1, 14)).filter(lambda n: n[0][0] != "0" and len(n[0]) + n[1] <= 15)


def column(texts: list[str] | list[str | None]) -> pl.Series:
    return pl.Series("number", texts, dtype=pl.String)


def as_rows(found: Scanned) -> list[tuple[Any, ...]]:
    return list(zip(*(values.tolist() for values in found), strict=True))


def by_plain_loop(texts: pl.Series, index: NumberIndex) -> Scanned:
    """The very loops that are compiled, not compiled."""
    found = scans.unread(len(texts))
    buffers = scans.buffers_of(texts)
    scans.scan_plain(buffers, index.flat, found)
    scans.scan_rest(buffers, index.flat, found)
    return found


@given(several, st.lists(written, max_size=20))
@example(LONG, TRICKY)
def test_each_row_is_what_the_core_says(tables: dict[str, PrefixTable], texts: list[str]) -> None:
    index = number_index(tables)
    found = scan(column(texts), index, compiled=False)
    for text, (prefix, hidden, stem, odd) in zip(texts, as_rows(found), strict=True):
        number = parse_number(text, None)
        in_normal_form = number.text == text and (number.digits != "" or text == "")
        assert odd is not in_normal_form, text
        if odd:
            assert (prefix, hidden, stem) == (NO_PREFIX, 0, NO_STEM)
            continue
        assert hidden == number.hidden
        for name, table in tables.items():
            assert index.owner[name][prefix] == table.find(number.digits)
        if stem != NO_STEM:
            assert number.hidden
            assert index.digits_of(stem) == number.digits


@given(written)
def test_where_a_number_is_dialled_changes_nothing_in_normal_form(text: str) -> None:
    found = scan(column([text]), number_index({}), compiled=False)
    assume(not found.odd[0])
    assert {parse_number(text, dialling) for dialling in DIALLINGS} == {parse_number(text, None)}


@given(several, st.lists(written, max_size=20))
@example(LONG, TRICKY)
def test_the_loop_is_the_way_by_columns(tables: dict[str, PrefixTable], texts: list[str]) -> None:
    index = number_index(tables)
    assert as_rows(by_plain_loop(column(texts), index)) == as_rows(scan(column(texts), index, compiled=False))


@pytest.fixture(scope="module")
def a_book() -> NumberIndex:
    """Prefixes of 1 to 15 digits, drawn once."""
    rng = np.random.default_rng(4)
    texts = {str(n)[: rng.integers(1, 16)] for n in rng.integers(10**14, 10**15, 3_000)}
    return number_index({"rates": prefix_table(sorted(texts)), "none": prefix_table([])})


@pytest.fixture(scope="module")
def many_texts(a_book: NumberIndex) -> pl.Series:
    """Numbers that begin as prefixes do, some with hidden digits, odd, empty or absent."""
    rng = np.random.default_rng(5)
    texts: list[str | None] = []
    for prefix, kind in zip(
        rng.choice(a_book.union.prefixes, 5_000), rng.integers(0, 12, 5_000), strict=True
    ):
        digits = (str(prefix) + str(rng.integers(10**7, 10**8)))[: rng.integers(2, 16)]
        visible = rng.integers(1, len(digits))
        texts.append(
            {
                0: "",
                1: None,
                2: digits,
                3: f"+{digits[:visible]}{'*' * (len(digits) - visible)}",
                4: f"+{digits}x",
            }.get(kind, f"+{digits}")
        )
    return column(texts)


@pytest.mark.parametrize("threads", [1, 2])
def test_compiled_is_by_columns(
    a_book: NumberIndex, many_texts: pl.Series, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scans, "SLICE_ROWS", 700)
    expected = as_rows(scan(many_texts, a_book, compiled=False))
    assert as_rows(scan(many_texts, a_book, compiled=True, threads=threads)) == expected
    assert (
        {stem != NO_STEM for _, _, stem, _ in expected} == {odd for _, _, _, odd in expected} == {True, False}
    )


@pytest.mark.parametrize(
    "laid_out",
    [
        lambda s: s.slice(11, 300),
        lambda s: pl.concat([s.slice(0, 7), s.slice(0, 0), s.slice(7, 50)], rechunk=False),
        lambda s: pl.concat([s, s], rechunk=False).slice(4_990, 20),
        lambda s: s.clear(),
        lambda s: s.clear().extend_constant("", 5),
        lambda s: s.clear().extend_constant(None, 5),
    ],
    ids=["slice", "pieces", "slice of pieces", "no rows", "empty strings", "nulls"],
)
def test_however_the_column_lies_in_memory(a_book: NumberIndex, many_texts: pl.Series, laid_out: Any) -> None:
    texts = laid_out(many_texts)
    one_by_one = [row for text in texts for row in as_rows(scan(column([text]), a_book, compiled=False))]
    assert as_rows(scan(texts, a_book, compiled=True)) == one_by_one
    assert as_rows(scan(texts, a_book, compiled=False)) == one_by_one


@pytest.mark.parametrize("compiled", [True, False])
def test_a_column_of_no_strings_is_refused(compiled: bool) -> None:
    with pytest.raises(TypeError, match="column 'number' holds Categorical; cast it to String"):
        scan(column(["+44"]).cast(pl.Categorical), number_index({}), compiled=compiled)


def test_many_prefixes_take_wider_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    many = prefix_table([str(n) for n in range(100_000, 140_000)])
    wide = number_index({"rates": many})
    assert wide.flat.five.dtype == wide.flat.eight.dtype == np.int32
    texts = column(["+1234567890", "+1399999999", "+1400000000", "+12345*****"])
    expected = [many.find(digits) for digits in ("1234567890", "1399999999", "1400000000", "12345")]
    assert by_plain_loop(texts, wide).prefix.tolist() == expected
    monkeypatch.setattr(indexes, "MAX_BLOCKS", 2)
    few = number_index({"rates": many})
    assert len(few.flat.eight) == 3 * 1000
    assert by_plain_loop(texts, few).prefix.tolist() == expected


@given(several)
def test_who_owns_a_prefix(tables: dict[str, PrefixTable]) -> None:
    index = number_index(tables)
    for name, table in tables.items():
        assert index.owner[name].tolist() == [table.find(p) for p in index.union.prefixes] + [NO_PREFIX]
        assert index.owners_in(table).tolist() == index.owner[name].tolist()


def test_a_table_that_the_index_does_not_know() -> None:
    with pytest.raises(ValueError, match="prefix 45 is not in the index; build the index with its table"):
        number_index({"rates": prefix_table(["44"])}).owners_in(prefix_table(["44", "45"]))


@given(several, masked)
def test_what_hidden_digits_could_make_of_a_number(
    tables: dict[str, PrefixTable], number: tuple[str, int]
) -> None:
    """A key says all that `possible` needs; without one, only what the visible digits decide is possible."""
    digits, hidden = number
    index = number_index(tables)
    found = scan(column([f"+{digits}{'*' * hidden}"]), index, compiled=False)
    rows, keys = hidden_keys(found.stem, found.hidden)
    assert by_plain_loop(column([f"+{digits}{'*' * hidden}"]), index).stem.tolist() == found.stem.tolist()
    for name, table in tables.items():
        if len(rows):
            assert hidden_of(index, int(keys[0])) == (digits, hidden)
        else:
            assert table.possible(digits, hidden) == {int(index.owner[name][found.prefix[0]])}


def test_rows_with_one_key_are_one_question() -> None:
    index = number_index({"rates": prefix_table(["44", "4420", "4421"])})
    texts = column(
        ["+442*********", "+4420********", "+44**********", "+442*********", "+44209", "+442********", ""]
    )
    found = scan(texts, index, compiled=False)
    rows, keys = hidden_keys(found.stem, found.hidden)
    assert [(int(row), *hidden_of(index, int(key))) for row, key in zip(rows, keys, strict=True)] == [
        (0, "442", 9),
        (2, "44", 10),
        (3, "442", 9),
        (5, "442", 8),
    ]


@given(several, st.lists(few_digits, min_size=1))
def test_stems_of_digits(tables: dict[str, PrefixTable], digits: list[str]) -> None:
    """A stem is there just where some prefix goes on after the digits."""
    index = number_index(tables)
    stems = index.stems(*keys_of(pl.Series(digits))).tolist()
    for text, stem in zip(digits, stems, strict=True):
        longer = any(p.startswith(text) and p != text for p in index.union.prefixes)
        assert (stem != NO_STEM) is longer
        assert stem == NO_STEM or index.digits_of(stem) == text


def test_more_prefixes_than_ranges_are_kept_apart() -> None:
    """All ten children of a prefix leave it no range of its own: its number still has to fit."""
    made = [str(number) for number in range(10_000, 39_000)]
    made += [str(number) for number in range(1_000, 3_900)] + [str(number) for number in range(100, 390)]
    made += ["44", *(f"44{number:04}" for number in range(700))]
    table = prefix_table(sorted(made))
    assert len(table.starts) < 2**15 - 3 < len(table.prefixes)
    index = number_index({"deck": table})
    texts = column([f"+{prefix}" + "7" * 6 for prefix in made[::97]] + ["+44079911223", "+3899123456"])
    by_columns = scan(texts, index, compiled=False)
    assert scan(texts, index, compiled=True).prefix.tolist() == by_columns.prefix.tolist()
