"""A column of numbers is read as each of them would be, and looked up in every table at once."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from talktime.bulk.number_columns import numbers
from talktime.bulk.number_index import NO_STEM, number_index
from talktime.catalog.load import load_catalogue
from talktime.core.numbers import parse_number
from talktime.core.prefix import prefix_table

written = st.sampled_from(
    [
        "+442071838750",
        "+4420718387**",
        "+44 20 7183 8750",
        "02071838750",
        "(425) 555-0100",
        "011442071838750",
        "0033142685300",
        "tel:+14255550100",
        "+0442071838750",
        "+1234567890123456",
        "911",
        "Anonymous",
        "",
    ]
) | st.text("+0123456789*- ", max_size=18)
countries = st.sampled_from(["US", "GB", "FR", "IT", "", "XX"])


@given(st.lists(st.tuples(written, countries), max_size=30))
def test_a_column_is_read_and_looked_up(rows: list[tuple[str, str]]) -> None:
    catalogue = load_catalogue()
    index = number_index({"numbers": catalogue.numbers, "premium": catalogue.premium})
    texts = pl.Series([text for text, _ in rows], dtype=pl.String)
    locations = pl.Series([country for _, country in rows], dtype=pl.String).cast(pl.Categorical)
    expected = [parse_number(text, catalogue.dialling.get(country)) for text, country in rows]
    before = texts.to_list()
    found = numbers(texts, locations, catalogue, index, compiled=False)
    assert found.text.to_list() == [number.text for number in expected]
    assert found.hidden.tolist() == [number.hidden for number in expected]
    digits = [number.digits for number in expected]
    assert index.owner["numbers"][found.prefix].tolist() == [catalogue.numbers.find(d) for d in digits]
    assert index.owner["premium"][found.prefix].tolist() == [catalogue.premium.find(d) for d in digits]
    for number, stem in zip(expected, found.stem.tolist(), strict=True):
        assert stem == NO_STEM or (index.digits_of(stem) == number.digits and number.hidden)
    assert texts.to_list() == before


def test_numbers_in_normal_form_are_not_copied() -> None:
    catalogue = load_catalogue()
    index = number_index({"numbers": catalogue.numbers})
    texts = pl.Series(["+442071838750", "", "+4420718387**", "Anonymous", "911"])
    locations = pl.Series([""] * 5)
    assert numbers(texts, locations, catalogue, index, compiled=False).text is texts


def test_a_hidden_digit_counts_in_every_spelling() -> None:
    """A number is the same whoever wrote it: the key of its hidden digits, too."""
    catalogue = load_catalogue()
    index = number_index({"rates": prefix_table(["44", "4420", "44207"])})
    texts = pl.Series(["+4420********", "0044 20********", "020********"])
    locations = pl.Series(["GB"] * 3)
    found = numbers(texts, locations, catalogue, index, compiled=False)
    assert found.text.to_list() == ["+4420********"] * 3
    assert len(set(found.stem.tolist())) == len(set(found.prefix.tolist())) == 1
    assert index.digits_of(int(found.stem[0])) == "4420"
