"""Batches of columns -> the usage table: words, instants, durations, and the rows that make no sense.

Everything is done a column at a time; only rows with a fault are looked at one by one, to say what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from talktime.core.limits import MAX_CALL_S, US_PER_S
from talktime.files.typed_columns import as_text
from talktime.files.usage import FLAG_COLUMNS, NUMBER_COLUMNS, TEXT_COLUMNS, WORD_COLUMNS, usage_schema
from talktime.files.usage_batch import MAX_FIELD_BYTES, Batch, PartNotes, Undecided
from talktime.files.usage_formats import Recognised, UsageFormat
from talktime.files.usage_times import Column, durations, instants
from talktime.files.words import Words, as_words, is_success, reader_of

END_TOLERANCE_US: Final = 2 * US_PER_S
"""How far a file's End Time may be from start + duration without being flagged (rulings.md 5)."""

MANY_ROWS: Final = 100_000
"""From so many rows on, columns of a batch are read two at a time."""

NUL_FAULT: Final = "the row holds a NUL byte: export it again"
"""What is said of a row with a byte that no text has."""

_SPREADSHEET: Final = r"^[+-]?\d+([.,]\d+)?[eE]\+\d+$|^[+-]?\d+[.,]\d+[eE]\d+$"
"""A number that a spreadsheet turned into floating point: 4.42072E+11 (formats.md)."""

_TELEPHONE: Final = ("caller", "callee")


class Cleaner:
    """Cleans the batches of one part, whose format is `recognised`; what is odd goes to `notes`."""

    def __init__(self, recognised: Recognised, notes: PartNotes) -> None:
        self.recognised, self.notes = recognised, notes
        self._words: dict[str, Words] = {}

    def clean(self, batch: Batch) -> pl.DataFrame:
        """The good rows of a batch with the columns of `usage_schema`, `file` being 0.

        Ids are "" where the file has none. Rows with a fault are set aside in the notes, each with the first
        thing that is wrong; those whose date may be two days wait there for `decided`.
        """
        return _Cleaning(batch, self).table()

    def decided(self) -> list[pl.DataFrame]:
        """The rows with a date that may be two days, once all of a part is read.

        They are read by the order that other dates of the part show if that is one; else they are set aside.
        """
        notes = self.notes
        waiting, notes.undecided = notes.undecided, []
        if len(notes.orders) != 1:
            for rows in waiting:
                for at, fault in enumerate(rows.faults):
                    notes.set_aside(rows.batch.lines[at], fault, rows.batch.text_of(at))
            return []
        (order,) = notes.orders
        form = replace(self.recognised.format, date_order=order)
        ordered = Cleaner(replace(self.recognised, format=form), notes)
        frames = [ordered.clean(rows.batch) for rows in waiting]
        notes.decided_rows = sum(frame.height for frame in frames)
        return frames

    def words(self, column: str) -> Words:
        """The words of a column that this part has shown so far."""
        found = self._words.get(column)
        if found is None:
            found = self._words[column] = self._new_words(column)
        return found

    def _new_words(self, column: str) -> Words:
        if column == "success":
            return Words(is_success, pl.Boolean())
        read, fixed = reader_of(column), self.recognised.format.fixed.get(column, "")
        return Words((lambda text: read(text) or fixed) if fixed else read, pl.Categorical())


class _Cleaning:
    """One batch on its way: its columns by our names, and the faults found so far."""

    def __init__(self, batch: Batch, cleaner: Cleaner) -> None:
        self.batch, self.cleaner = batch, cleaner
        self.recognised, self.notes = cleaner.recognised, cleaner.notes
        self.form: UsageFormat = cleaner.recognised.format
        self.height = len(batch.lines)
        self.faults: dict[int, str] = {}
        self.two_days: set[int] = set()
        self.no_digits: dict[str, pl.Series] = {}  # rows of a telephone number that is more than digits
        self.constant: dict[str, Any] = {"file": 0, "source": self.notes.source, "format": self.form.name}

    def table(self) -> pl.DataFrame:
        columns = self.texts() | self.words()
        start, start_is_told = self.start()
        end = self.instant("end") if "end" in self.batch.columns else None
        duration = self.duration(start, end)
        answered = self.success(duration > 0)
        end_us = start + duration * US_PER_S
        columns |= {"start_us": start, "duration_s": duration, "end_us": end_us, "answered": answered}
        if end is not None:
            off = ((end - end_us).abs() > END_TOLERANCE_US) & answered & start_is_told
            columns["end_disagrees"] = off.fill_null(False)
        columns["line"] = pl.Series(self.batch.lines, dtype=pl.Int64)
        self.with_direction(columns)
        frame = self.without_faults(self.whole(columns))
        self.notes.end_disagrees_rows += int(frame["end_disagrees"].sum()) if end is not None else 0
        return frame

    def whole(self, columns: dict[str, pl.Series]) -> pl.DataFrame:
        """The columns of `usage_schema`; those that the file does not have hold one value, kept once."""
        schema = usage_schema()
        absent: dict[str, Any] = dict.fromkeys((*TEXT_COLUMNS, *WORD_COLUMNS), "")
        absent |= dict.fromkeys(NUMBER_COLUMNS, 0) | dict.fromkeys(FLAG_COLUMNS, False)
        values = {**absent, **self.form.fixed, **self.constant}
        wide = [
            pl.lit(values[name]).cast(kind).alias(name)
            for name, kind in schema.items()
            if name not in columns
        ]
        kept = {name: column for name, column in columns.items() if name in schema}
        return pl.DataFrame(kept).with_columns(wide).select(list(schema))

    # --- columns ---

    def named(self, column: str) -> str:
        """What the file calls a column of ours."""
        return self.recognised.names.get(column, column)

    def texts(self) -> dict[str, pl.Series]:
        """The text columns that the file has, stripped; the format's fixed value where one is empty."""
        names = [name for name in (*TEXT_COLUMNS, "correlation_id") if name in self.batch.columns]
        found: dict[str, pl.Series] = {}
        for name, (text, with_nul) in zip(names, self.each(self.text, names), strict=True):
            found[name] = text
            self.find_rows(with_nul, NUL_FAULT)
        for name, text in found.items():
            self.find(text.str.len_bytes() > MAX_FIELD_BYTES, self.too_long(name))
        for name in _TELEPHONE:
            if name in found:
                self.find_spreadsheet_numbers(name, found[name])
        fixed = {name: value for name, value in self.form.fixed.items() if value and name in found}
        return found | {name: found[name].replace("", value) for name, value in fixed.items()}

    def each(self, read: Callable[[str], Any], names: Sequence[str]) -> list[Any]:
        """What is read of each of some columns, two at a time where there are many rows."""
        if self.height < MANY_ROWS:
            return [read(name) for name in names]
        with ThreadPoolExecutor(max_workers=2) as pool:
            return list(pool.map(read, names))

    def text(self, column: str) -> tuple[pl.Series, pl.Series]:
        """A text column without the blanks at its ends, and the rows of it that hold a NUL.

        A telephone number that is all digits has neither; that is cheaper to see than to look for them.
        """
        text = as_text(self.batch.columns[column])
        odd = text.cast(pl.Int64, strict=False).is_null() if column in _TELEPHONE else None
        if odd is None or int(odd.sum()) * 2 > self.height:
            return text.str.strip_chars(), text.str.contains("\0", literal=True).arg_true()
        rows = self.no_digits[column] = odd.arg_true()
        some = text.gather(rows)
        with_nul = rows.filter(some.str.contains("\0", literal=True))
        stripped = some.str.strip_chars()
        return text.scatter(rows, stripped) if (stripped != some).any() else text, with_nul

    def words(self) -> dict[str, pl.Series]:
        """The word columns that the file has: each different value is read once."""
        names = [name for name in WORD_COLUMNS if name in self.batch.columns]
        for name in names:
            self.cleaner.words(name)  # made here, not by two threads at once
        found = dict(zip(names, self.each(self.word, names), strict=True))
        for name in names:
            self.find_unusable_words(name)
        return found

    def word(self, column: str) -> pl.Series:
        """A word column as it is read, whatever the words are."""
        raw, words = self.batch.columns[column], self.cleaner.words(column)
        if raw.dtype == pl.String and not raw.null_count():
            return words.of_texts(raw)
        return words.of(as_words(raw))

    def find_unusable_words(self, column: str) -> None:
        words = self.cleaner.words(column)
        if words.with_nul or words.too_long:
            numbers = as_words(self.batch.columns[column]).to_physical()
            self.find(numbers.is_in(words.with_nul), NUL_FAULT)
            self.find(numbers.is_in(words.too_long), self.too_long(column))

    def too_long(self, column: str) -> str:
        return f"{self.named(column)} is too long: mend it"

    def success(self, lasted: pl.Series) -> pl.Series:
        """Whether a call was answered: it lasted, and the file does not say that it was not."""
        if "success" not in self.batch.columns:
            return lasted
        told = self.word("success")
        self.find_unusable_words("success")
        return lasted & told

    def instant(self, column: str) -> pl.Series:
        """Microseconds since 1970, null where there is no time."""
        form = self.form
        read = instants(self.batch.columns[column], form.times, form.date_order, form.time_zone)
        return self.taken(column, read)

    def taken(self, column: str, read: Column) -> pl.Series:
        """The values of a column that was read, its faults noted."""
        self.notes.orders |= read.orders
        self.two_days |= read.two_days - self.faults.keys()
        for row, fault in read.faults.items():
            self.faults.setdefault(row, f"{self.named(column)}: {fault}")
        self.notes.zoneless_rows += read.zoneless
        return read.values.cast(pl.Int64)

    def none(self) -> pl.Series:
        """A column of ours that the file does not have."""
        return pl.repeat(None, self.height, dtype=pl.Int64, eager=True)

    def start(self) -> tuple[pl.Series, pl.Series]:
        """The start, else what stands in for it when a call was not answered; and where it is the former."""
        start = self.instant("start") if "start" in self.batch.columns else self.none()
        told = start.is_not_null()
        if "start_else" in self.batch.columns and not told.all():
            start = start.fill_null(self.instant("start_else"))
        name = self.named("start" if "start" in self.batch.columns else "start_else")
        self.find(start.is_null(), f"{name}: there is no start time")
        return start, told

    def duration(self, start: pl.Series, end: pl.Series | None) -> pl.Series:
        """Seconds, from start and end where the file does not say; what is impossible is noted.

        An end within the second before the start is no fault: it was written in whole seconds.
        """
        told = "duration" in self.batch.columns
        name = self.named("duration" if told else "end")
        seconds = self.none()
        if told:
            seconds = self.taken("duration", durations(self.batch.columns["duration"]))
        if end is not None:
            self.find(end <= start - US_PER_S, f"{self.named('end')} is before {self.named('start')}")
        self.find(seconds < 0, f"{name}: the duration is negative")
        if seconds.null_count():
            if end is not None:
                between = -((start - end) // US_PER_S)  # rounded up (rulings.md 5)
                seconds = seconds.fill_null(between.clip(0))
            self.find(seconds.is_null(), f"{name}: there is neither a duration nor an end")
        self.find(seconds > MAX_CALL_S, f"{name}: no call is longer than {MAX_CALL_S:,} seconds")
        return seconds.clip(0, MAX_CALL_S)

    # --- what depends on the direction ---

    def with_direction(self, columns: dict[str, pl.Series]) -> None:
        """Identity and call type of Direct Routing rows (rulings.md 1): CorrelationId + direction, dr_*."""
        correlated = "correlation_id" in columns
        if not (correlated or self.form.call_type_of):
            return
        direction = self.strings("direction", columns)
        if correlated:
            id_ = self.strings("id", columns)
            known = columns["correlation_id"] != ""
            joined = pl.select(pl.concat_str(columns["correlation_id"], pl.lit("/"), direction)).to_series()
            columns["id"] = joined.zip_with((id_ == "") & known, id_)
        if self.form.call_type_of:
            types = self.strings("call_type", columns)
            told = direction.replace_strict(
                self.form.call_type_of, default=self.form.call_type_else, return_dtype=pl.String
            )
            columns["call_type"] = told.zip_with(types == "", types).cast(pl.Categorical())

    def strings(self, column: str, columns: dict[str, pl.Series]) -> pl.Series:
        """A column that has been read, as strings; its one value where the file does not have it."""
        if column in columns:
            return columns[column].cast(pl.String)
        return pl.repeat(self.form.fixed.get(column, ""), self.height, dtype=pl.String, eager=True)

    # --- rows with a fault ---

    def find(self, mask: pl.Series, fault: str) -> None:
        """Notes a fault for the rows where it holds and none is known yet."""
        if mask.any():
            self.find_rows(mask.fill_null(False).arg_true(), fault)

    def find_rows(self, rows: Iterable[int], fault: str) -> None:
        for row in rows:
            self.faults.setdefault(row, fault)

    def find_spreadsheet_numbers(self, column: str, texts: pl.Series) -> None:
        rows = self.no_digits.get(column, pl.int_range(self.height, eager=True))
        some = texts.gather(rows)
        bad = some.str.contains(_SPREADSHEET)
        for row, text in zip(rows.filter(bad), some.filter(bad), strict=True):
            fault = f"a spreadsheet made {text} of the number and its digits are lost"
            self.faults.setdefault(row, f"{self.named(column)}: {fault}; export it again")

    def without_faults(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Sets rows with a fault aside; an empty row is none and is passed over."""
        if not self.faults:
            return frame
        self.let_wait(sorted(self.two_days))
        bad = sorted(self.faults.keys() - self.two_days)
        cells = [as_text(_taken(column, bad)).to_list() for column in self.batch.columns.values()]
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
        batch = Batch(
            {ours: _taken(column, rows) for ours, column in self.batch.columns.items()},
            [self.batch.lines[row] for row in rows],
            lambda at: self.batch.text_of(rows[at]),
        )
        self.notes.undecided.append(Undecided(batch, [self.faults[row] for row in rows]))


def _taken(column: Any, rows: list[int]) -> Any:
    """Some rows of a column of a batch."""
    return column.gather(rows) if isinstance(column, pl.Series) else column.take(pa.array(rows, pa.int64()))
