"""Columns of telephone numbers: normal form and longest prefixes.

Numbers that are already in international form are looked up by columns; every other spelling is parsed once
by `core.numbers.parse_number` (rulings.md 9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from talktime.bulk.lookup import keys_of
from talktime.bulk.number_index import NO_STEM, NumberIndex
from talktime.bulk.number_scan import scan
from talktime.core.numbers import parse_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.catalog.model import Catalogue

    Ints = NDArray[np.int64]


class ReadNumbers(NamedTuple):
    """A column of numbers in normal form, looked up: `text` for people, the rest as in `Scanned`."""

    text: pl.Series
    prefix: NDArray[np.int32]
    hidden: NDArray[np.int8]
    stem: NDArray[np.int32]


def numbers(
    texts: pl.Series,
    locations: pl.Series,
    catalogue: Catalogue,
    index: NumberIndex,
    *,
    compiled: bool,
    threads: int = 1,
) -> ReadNumbers:
    """Reads and looks up a String column; `locations` are the countries whose dialling applies.

    A null counts as "". Where every number stands in normal form, `text` is `texts` itself, not a copy.
    """
    texts = texts.fill_null("") if texts.null_count() else texts
    found = scan(texts, index, compiled=compiled, threads=threads)
    rows = np.flatnonzero(found.odd)
    if not len(rows):
        return ReadNumbers(texts, found.prefix, found.hidden, found.stem)
    parsed, number = _parsed(texts.gather(rows), locations.gather(rows), catalogue)
    keys, lengths = keys_of(parsed["digits"])
    hidden = parsed["hidden"].to_numpy()
    found.prefix[rows] = index.find(keys, lengths)[number]
    found.hidden[rows] = hidden[number]
    found.stem[rows] = np.where(hidden > 0, index.stems(keys, lengths), NO_STEM)[number]
    changed = (parsed["text"] != parsed["normal"]).to_numpy()[number]
    if changed.any():
        texts = texts.clone().scatter(rows[changed], parsed["normal"].gather(number[changed]))
    return ReadNumbers(texts, found.prefix, found.hidden, found.stem)


def _parsed(texts: pl.Series, locations: pl.Series, catalogue: Catalogue) -> tuple[pl.DataFrame, Ints]:
    """Each different number of a place, parsed once, and which of them each row is."""
    frame = pl.DataFrame({"text": texts, "location": locations})
    different = frame.unique(maintain_order=True)
    dialling = catalogue.dialling
    parsed = [parse_number(text, dialling.get(location)) for text, location in different.iter_rows()]
    table = different.with_columns(
        pl.Series("normal", [n.text for n in parsed], pl.String),
        pl.Series("digits", [n.digits for n in parsed], pl.String),
        pl.Series("hidden", [n.hidden for n in parsed], pl.Int64),
        pl.int_range(pl.len(), dtype=pl.Int64).alias("number"),
    )
    joined = frame.join(
        table.select("text", "location", "number"),
        on=["text", "location"],
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    return table, joined["number"].to_numpy()
