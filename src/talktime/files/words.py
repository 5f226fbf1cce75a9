"""Columns of few different values: each value is read once, whatever the number of rows.

Polars numbers the words of all Categorical columns of the process; a table from those numbers to the words
that were made of them serves all batches of a part.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import polars as pl

from talktime.files.typed_columns import as_text
from talktime.files.usage_batch import MAX_FIELD_BYTES
from talktime.files.usage_formats import load_format_data

_COUNTRY: Final = re.compile(r"[A-Za-z]{2}")
_NO_LETTERS: Final = re.compile(r"[^0-9a-z]+")

_LEAST_GUESSES: Final = 2**12
_GUESSES_A_WORD: Final = 8
"""The more room, the fewer words have to share a place in the table of guesses."""


class Words:
    """The words of one column that have been seen, and what was made of each.

    `read` is asked once for each word; `with_nul` and `too_long` are those numbers of words that cost their
    rows.
    """

    def __init__(self, read: Callable[[str], Any], dtype: pl.DataType) -> None:
        self._read = read
        self._seen = pl.Series([], dtype=pl.Boolean)  # by the number of a word
        self._at = pl.Series([], dtype=pl.UInt32)  # by the number of a word: where in `_made` and `_texts`
        self._texts = pl.Series([], dtype=pl.String)
        self._guess = pl.repeat(0, _LEAST_GUESSES, dtype=pl.UInt32, eager=True)  # by hash: where it may be
        self._made = pl.Series([], dtype=dtype)
        self._is_same = dtype == pl.Categorical()  # each word so far was read as it stands
        self.with_nul: list[int] = []
        self.too_long: list[int] = []

    def of(self, raw: pl.Series) -> pl.Series:
        """What is made of each row of a Categorical column without nulls."""
        if not len(raw):
            return self._made.clear()
        numbers = raw.to_physical()
        more = int(numbers.max()) + 1 - len(self._seen)  # type: ignore[arg-type]
        if more > 0:
            self._seen = pl.concat([self._seen, pl.repeat(False, more, dtype=pl.Boolean, eager=True)])
            self._at = pl.concat([self._at, pl.repeat(0, more, dtype=pl.UInt32, eager=True)])
        seen = self._seen.gather(numbers)
        if not seen.all():
            self._learn(raw.filter(~seen).unique())
        return raw if self._is_same else self._made.gather(self._at.gather(numbers))

    def of_texts(self, texts: pl.Series) -> pl.Series:
        """The same for a column of strings without nulls.

        To number a word takes long, so a table by hash guesses which of the known ones it is; each guess is
        compared with the word, and only where it is wrong the word is numbered.
        """
        if not len(self._texts):
            return self.of(texts.cast(pl.Categorical))
        at = self._guess.gather(_places(texts, len(self._guess)))
        wrong = self._texts.gather(at) != texts
        if wrong.any():
            rows = wrong.arg_true()
            raw = texts.gather(rows).cast(pl.Categorical)
            self.of(raw)
            at = at.scatter(rows, self._at.gather(raw.to_physical()))
        return self._made.gather(at)

    def _learn(self, new: pl.Series) -> None:
        texts, numbers = new.cast(pl.String), new.to_physical()
        if self._read is str.strip:
            made = texts.str.strip_chars().cast(pl.Categorical)
        else:
            made = pl.Series([self._read(text) for text in texts], dtype=self._made.dtype)
        self._seen = self._seen.scatter(numbers, True)
        at = pl.int_range(len(self._made), len(self._made) + len(made), dtype=pl.UInt32, eager=True)
        self._at = self._at.scatter(numbers, at)
        self._made = pl.concat([self._made, made], rechunk=True)
        self._texts = pl.concat([self._texts, texts], rechunk=True)
        size = len(self._guess)
        while len(self._texts) * _GUESSES_A_WORD > size:
            size *= 2
        self._guess = pl.repeat(0, size, dtype=pl.UInt32, eager=True)
        everywhere = pl.int_range(len(self._texts), dtype=pl.UInt32, eager=True)
        self._guess = self._guess.scatter(_places(self._texts, size), everywhere)
        self._is_same = self._is_same and bool((made == new).all())
        self.with_nul += numbers.filter(texts.str.contains("\0", literal=True)).to_list()
        self.too_long += numbers.filter(texts.str.len_bytes() > MAX_FIELD_BYTES).to_list()


def _places(texts: pl.Series, size: int) -> pl.Series:
    """Where each text stands in a table of guesses; `size` is a power of 2."""
    return (texts.hash() & (size - 1)).cast(pl.UInt32)


def as_words(values: pl.Series) -> pl.Series:
    """A column of any type as Categorical without nulls, as `Words.of` takes it."""
    if values.dtype == pl.Categorical() and not values.null_count():
        return values
    return as_text(values).cast(pl.Categorical())


# --- how words are read ----------------------------------------------------------------------------------


def reader_of(column: str) -> Callable[[str], str]:
    """How the words of a column are read; those that nobody else reads stay as they are, stripped."""
    return _READERS.get(column, str.strip)


def is_success(text: str) -> bool:
    """Whether a cell says that a call was answered: all but the words that say no."""
    return text.strip().lower() not in load_format_data().words["success"]


def _snake(text: str) -> str:
    """Lower-case words joined by "_": `Toll-free` -> toll_free."""
    return _NO_LETTERS.sub("_", text.strip().lower()).strip("_")


def _known(column: str, *, others: bool) -> Callable[[str], str]:
    """Reads a word that the formats know; other words stay as they are, or say nothing."""

    def read(text: str) -> str:
        word = _snake(text)
        return load_format_data().words[column].get(word, word if others else "")

    return read


def _country(text: str) -> str:
    return text.strip().upper() if _COUNTRY.fullmatch(text.strip()) else ""


_READERS: Final[dict[str, Callable[[str], str]]] = {
    "call_type": lambda text: text.strip().lower(),
    "direction": _known("direction", others=False),
    "number_type": _known("number_type", others=True),
    "scope": _known("scope", others=False),
    "location": _country,
    "operator": lambda text: text.strip().lower(),
    "vendor_currency": lambda text: text.strip().upper(),
}
