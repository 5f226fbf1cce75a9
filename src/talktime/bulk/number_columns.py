"""Columns of telephone numbers: normal form, visible digits, and what the called digits say.

Numbers that are already in international form are taken by columns; every other spelling is parsed once by
`core.numbers.parse_number` (rulings.md 9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from talktime.bulk.lookup import find_many, keys_of
from talktime.catalog.model import PREMIUM_NORMAL, Catalogue
from talktime.core.numbers import parse_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_PLAIN = r"^\+[1-9][0-9]{6,14}$"


class Numbers(NamedTuple):
    """A column of numbers: `text` for people, visible `digits` ("" if none), how many are `hidden`."""

    text: pl.Series
    digits: pl.Series
    hidden: Ints


def parse_column(texts: pl.Series, locations: pl.Series, catalogue: Catalogue) -> Numbers:
    """The normal form of each number; `locations` are the countries whose dialling applies."""
    frame = pl.DataFrame({"text": texts, "location": locations.cast(pl.String)})
    odd = frame.filter(~pl.col("text").str.contains(_PLAIN)).unique(maintain_order=True)
    parsed = [parse_number(text, catalogue.dialling.get(location)) for text, location in odd.iter_rows()]
    table = odd.with_columns(
        pl.Series("normal", [n.text for n in parsed], pl.String),
        pl.Series("digits", [n.digits for n in parsed], pl.String),
        pl.Series("hidden", [n.hidden for n in parsed], pl.Int64),
    )
    joined = frame.join(table, on=["text", "location"], how="left", maintain_order="left").with_columns(
        pl.col("normal").fill_null(pl.col("text")),
        pl.col("digits").fill_null(pl.col("text").str.slice(1)),
        pl.col("hidden").fill_null(0),
    )
    return Numbers(joined["normal"], joined["digits"], joined["hidden"].to_numpy())


class Called(NamedTuple):
    """What the called numbers say: indexes into `countries`, `kinds` and `premiums`, and their keys."""

    country: Ints
    kind: Ints
    premium: Ints
    countries: list[str]
    kinds: list[str]
    premiums: list[str]
    keys: Ints
    lengths: Ints


def look_at(digits: pl.Series, catalogue: Catalogue) -> Called:
    """Country, kind and premium state of each called number."""
    keys, lengths = keys_of(digits)
    countries = sorted({"", *(facts.country for facts in catalogue.number_facts)})
    kinds = sorted({"", *(facts.kind for facts in catalogue.number_facts)})
    premiums = [PREMIUM_NORMAL, *sorted({*catalogue.premium_states} - {PREMIUM_NORMAL})]
    number = find_many(catalogue.numbers, keys, lengths)
    # The last place stands for "no prefix": index NO_PREFIX = -1 finds it.
    country = np.array([*(countries.index(f.country) for f in catalogue.number_facts), countries.index("")])
    kind = np.array([*(kinds.index(f.kind) for f in catalogue.number_facts), kinds.index("")])
    premium = np.array([*(premiums.index(state) for state in catalogue.premium_states), 0])
    charged_as = find_many(catalogue.premium, keys, lengths)
    return Called(
        country[number], kind[number], premium[charged_as], countries, kinds, premiums, keys, lengths
    )
