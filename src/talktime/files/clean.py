"""Batches of text columns -> the usage table: words, instants, durations, and the rows that make no sense.

Everything is done a column at a time; only rows with a fault are looked at one by one, to say what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from talktime.core.limits import MAX_CALL_S, US_PER_S
from talktime.files.usage import TEXT_COLUMNS, WORD_COLUMNS, usage_schema
from talktime.files.usage_batch import MAX_FIELD_BYTES, Batch, PartNotes, Undecided
from talktime.files.usage_formats import Recognised, UsageFormat, load_format_data
from talktime.files.usage_times import Column, durations, instants

END_TOLERANCE_US: Final = 2 * US_PER_S
"""How far a file's End Time may be from start + duration without being flagged (rulings.md 5)."""

_SPREADSHEET: Final = r"^[+-]?\d+([.,]\d+)?[eE]\+\d+$|^[+-]?\d+[.,]\d+[eE]\d+$"
"""A number that a spreadsheet turned into floating point: 4.42072E+11 (formats.md)."""

_COUNTRY: Final = re.compile(r"[A-Za-z]{2}")
_NO_LETTERS: Final = re.compile(r"[^0-9a-z]+")


def clean(batch: Batch, recognised: Recognised, notes: PartNotes) -> pl.DataFrame:
    """The good rows of a batch with the columns of `usage_schema`; ids are "" where the file has none.

    Rows with a fault are set aside in `notes`, each with the first thing that is wrong; those whose date may
    be two days wait there for `decided`.
    """
    return _Cleaning(batch, recognised, notes).table()


def decided(recognised: Recognised, notes: PartNotes) -> list[pl.DataFrame]:
    """The rows with a date that may be two days, once all of a part is read.

    They are read by the order that other dates of the part show if that is one; else they are set aside.
    """
    waiting, notes.undecided = notes.undecided, []
    if len(notes.orders) != 1:
        for rows in waiting:
            for at, fault in enumerate(rows.faults):
                notes.set_aside(rows.batch.lines[at], fault, rows.batch.text_of(at))
        return []
    (order,) = notes.orders
    ordered = replace(recognised, format=replace(recognised.format, date_order=order))
    frames = [clean(rows.batch, ordered, notes) for rows in waiting]
    notes.decided_rows = sum(frame.height for frame in frames)
    return frames


class _Cleaning:
    """One batch on its way: its columns by our names, and the faults found so far."""

    def __init__(self, batch: Batch, recognised: Recognised, notes: PartNotes) -> None:
        self.batch, self.recognised, self.notes = batch, recognised, notes
        self.form: UsageFormat = recognised.format
        self.height = len(batch.lines)
        self.faults: dict[int, str] = {}
        self.two_days: set[int] = set()

    def table(self) -> pl.DataFrame:
        texts = {name: self.text(name) for name in (*TEXT_COLUMNS, "correlation_id")}
        for name, text in texts.items():
            self.find(text.str.len_bytes() > MAX_FIELD_BYTES, f"{self.named(name)} is too long: mend it")
        for name in ("caller", "callee"):
            self.find_spreadsheet_numbers(name, texts[name])
        words = {name: self.word(name) for name in WORD_COLUMNS}
        start, start_is_told = self.start()
        end = self.instant("end")
        duration = self.duration(start, end)
        answered = self.success() & (duration > 0)
        end_us = start + duration * US_PER_S
        off = ((end - end_us).abs() > END_TOLERANCE_US) & answered & start_is_told
        self.with_direction(texts, words)
        frame = pl.DataFrame(
            {
                **{name: texts[name] for name in TEXT_COLUMNS},
                **words,
                "start_us": start,
                "duration_s": duration,
                "end_us": end_us,
                "line": pl.Series(self.batch.lines, dtype=pl.Int64),
                "answered": answered,
                "end_disagrees": off.fill_null(False),
            },
            schema=usage_schema(),
        )
        frame = self.without_faults(frame)
        self.notes.end_disagrees_rows += int(frame["end_disagrees"].sum())
        return frame

    # --- columns ---

    def named(self, column: str) -> str:
        """What the file calls a column of ours."""
        return self.recognised.names.get(column, column)

    def array(self, column: str) -> Any:
        """A column as strings; empty ones where the file has no such column."""
        found = self.batch.columns.get(column)
        if found is None:
            return pa.array([""], pa.string()).take(pa.array(np.zeros(self.height, np.int64)))
        return found.dictionary_decode() if pa.types.is_dictionary(found.type) else found

    def text(self, column: str) -> pl.Series:
        """A text column, stripped; the format's fixed value where it is empty."""
        fixed = self.form.fixed.get(column, "")
        if column not in self.batch.columns:
            return pl.repeat(fixed, self.height, dtype=pl.String, eager=True)
        series = pl.Series(column, self.array(column), dtype=pl.String).str.strip_chars()
        return series.replace("", fixed) if fixed else series

    def word(self, column: str) -> pl.Series:
        """A word column: each different value is read once."""
        fixed = self.form.fixed.get(column, "")
        if column not in self.batch.columns:
            named = {"source": self.notes.source, "format": self.form.name}
            return pl.repeat(named.get(column, fixed), self.height, dtype=pl.String, eager=True).cast(
                pl.Categorical()
            )
        read = WORDS.get(column, str.strip)
        return self.by_value(column, lambda text: read(text) or fixed, pl.Categorical())

    def by_value(self, column: str, read: Callable[[str], Any], dtype: pl.DataType) -> pl.Series:
        """A column of few values, each of them read once by a function."""
        array = self.batch.columns[column]
        values = pl.Series([read(text) for text in array.dictionary.to_pylist()], dtype=dtype)
        return values.gather(array.indices.to_numpy(zero_copy_only=False)).alias(column)

    def success(self) -> pl.Series:
        """Whether the file says that a call was answered; True where it says nothing."""
        if "success" not in self.batch.columns:
            return pl.repeat(True, self.height, dtype=pl.Boolean, eager=True)
        no = load_format_data().words["success"]
        return self.by_value("success", lambda text: text.strip().lower() not in no, pl.Boolean())

    def instant(self, column: str) -> pl.Series:
        """Microseconds since 1970, null where there is no time."""
        return self.taken(
            column, instants(self.array(column), self.form.times, self.form.date_order, self.form.time_zone)
        )

    def taken(self, column: str, read: Column) -> pl.Series:
        """The values of a column that was read, its faults noted."""
        self.notes.orders |= read.orders
        self.two_days |= read.two_days - self.faults.keys()
        for row, fault in read.faults.items():
            self.faults.setdefault(row, f"{self.named(column)}: {fault}")
        self.notes.zoneless_rows += read.zoneless
        return read.values.cast(pl.Int64)

    def start(self) -> tuple[pl.Series, pl.Series]:
        """The start, else what stands in for it when a call was not answered; and where it is the former."""
        start = self.instant("start")
        told = start.is_not_null()
        if "start_else" in self.batch.columns and not told.all():
            start = start.fill_null(self.instant("start_else"))
        name = self.named("start" if "start" in self.batch.columns else "start_else")
        self.find(start.is_null(), f"{name}: there is no start time")
        return start, told

    def duration(self, start: pl.Series, end: pl.Series) -> pl.Series:
        """Seconds, from start and end where the file does not say; what is impossible is noted.

        An end within the second before the start is no fault: it was written in whole seconds.
        """
        seconds = self.taken("duration", durations(self.array("duration")))
        between = -((start - end) // US_PER_S)  # rounded up (rulings.md 5)
        name = self.named("duration" if "duration" in self.batch.columns else "end")
        self.find(end <= start - US_PER_S, f"{self.named('end')} is before {self.named('start')}")
        self.find(seconds < 0, f"{name}: the duration is negative")
        seconds = seconds.fill_null(between.clip(0))
        self.find(seconds.is_null(), f"{name}: there is neither a duration nor an end")
        self.find(seconds > MAX_CALL_S, f"{name}: no call is longer than {MAX_CALL_S:,} seconds")
        return seconds.clip(0, MAX_CALL_S)

    # --- what depends on the direction ---

    def with_direction(self, texts: dict[str, pl.Series], words: dict[str, pl.Series]) -> None:
        """Identity and call type of Direct Routing rows (rulings.md 1): CorrelationId + direction, dr_*."""
        direction = words["direction"].cast(pl.String)
        if "correlation_id" in self.batch.columns:
            known = texts["correlation_id"] != ""
            joined = pl.select(pl.concat_str(texts["correlation_id"], pl.lit("/"), direction)).to_series()
            texts["id"] = joined.zip_with((texts["id"] == "") & known, texts["id"])
        if self.form.call_type_of:
            types = words["call_type"].cast(pl.String)
            told = direction.replace_strict(
                self.form.call_type_of, default=self.form.call_type_else, return_dtype=pl.String
            )
            words["call_type"] = told.zip_with(types == "", types).cast(pl.Categorical())

    # --- rows with a fault ---

    def find(self, mask: pl.Series, fault: str) -> None:
        """Notes a fault for the rows where it holds and none is known yet."""
        for row in mask.fill_null(False).arg_true().to_list():
            self.faults.setdefault(row, fault)

    def find_spreadsheet_numbers(self, column: str, texts: pl.Series) -> None:
        for row in texts.str.contains(_SPREADSHEET).arg_true().to_list():
            fault = f"a spreadsheet made {texts[row]} of the number and its digits are lost"
            self.faults.setdefault(row, f"{self.named(column)}: {fault}; export it again")

    def without_faults(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Sets rows with a fault aside; an empty row is none and is passed over."""
        if not self.faults:
            return frame
        self.let_wait(sorted(self.two_days))
        bad = sorted(self.faults.keys() - self.two_days)
        at_bad = pa.array(bad, pa.int64())
        cells = [column.take(at_bad).to_pylist() for column in self.batch.columns.values()]
        for row, texts in zip(bad, zip(*cells, strict=True), strict=True):
            if any(text.strip() for text in texts):
                self.notes.set_aside(self.batch.lines[row], self.faults[row], self.batch.text_of(row))
        good = np.ones(frame.height, np.bool_)
        good[[*bad, *self.two_days]] = False
        return frame.filter(pl.Series(good))

    def let_wait(self, rows: list[int]) -> None:
        """Keeps rows for `decided`."""
        if not rows:
            return
        at = pa.array(rows, pa.int64())
        batch = Batch(
            {ours: column.take(at) for ours, column in self.batch.columns.items()},
            [self.batch.lines[row] for row in rows],
            lambda at: self.batch.text_of(rows[at]),
        )
        self.notes.undecided.append(Undecided(batch, [self.faults[row] for row in rows]))


# --- words -----------------------------------------------------------------------------------------------


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


WORDS: Final[dict[str, Callable[[str], str]]] = {
    "call_type": lambda text: text.strip().lower(),
    "direction": _known("direction", others=False),
    "number_type": _known("number_type", others=True),
    "scope": _known("scope", others=False),
    "location": _country,
    "operator": lambda text: text.strip().lower(),
    "vendor_currency": lambda text: text.strip().upper(),
}
"""How the words of a column are read; those of other columns stay as they are, stripped."""
