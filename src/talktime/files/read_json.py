"""JSON in all the shapes that Graph rows come in -> batches of text columns, read as a stream.

One page (`value`), a list of pages, a list of rows, one row or page a line, one row alone, or any of these
one after the other. Numbers stay the digits that stand in the file: no float comes of them.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from operator import itemgetter
from typing import Any, Final, NamedTuple

from talktime.files.decode import REPLACEMENT, Utf8Stream
from talktime.files.records import MAX_RECORD_BYTES
from talktime.files.usage import NotUsage, UnusableFile
from talktime.files.usage_batch import (
    MAX_SHOWN,
    Batch,
    PartNotes,
    Table,
    as_stored,
    holds_nul,
    string_array,
)
from talktime.files.usage_formats import Recognised, UsageFormat, recognise, why_not

ROWS_AT_A_TIME: Final = 16_384

READ_BYTES: Final = 256 * 1024

PAGE_ROWS: Final = "value"
"""The key under which a page of Graph has its rows."""

MAX_DEPTH: Final = 3
"""List, page, list of rows: what is nested deeper is a value."""

_BLANK: Final = re.compile(r"[ \t\r\n]*")
_TEXTS: Final = {str, type(None)}
_AFTER_VALUE: Final = ",:]} \t\r\n"
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"?')
_BEGUN: Final = ("true", "false", "null", "NaN", "Infinity", "-Infinity")
"""Values that are no JSON while only their beginning is there."""

_DECODER: Final = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)


class JsonRow(NamedTuple):
    """A row: its line in the file, or in pages and lists its number, counted from 1."""

    line: int
    values: Mapping[str, Any]


class _FaultError(Exception):
    """What is no JSON at the place that has been reached."""


class _EndError(_FaultError):
    """The file ends in the middle of a value."""


def read_json(text: Utf8Stream, notes: PartNotes, chosen: UsageFormat | None) -> Table:
    """JSON as a table. Raises NotUsage where its rows are none of usage.

    A file that ends inside a list, a page or its only row raises UnusableFile, at the latest with the last
    batch; a last row that is cut off behind others on lines of their own is set aside.
    """
    rows = iter(_Rows(text, notes))
    first = list(islice(rows, ROWS_AT_A_TIME))
    if not first:
        if notes.rejected:
            raise NotUsage(f"{notes.source}: the file holds no row of usage: {notes.rejected[0].reason}")
        raise NotUsage(f"{notes.source}: the file holds no rows; there was no call, or export it again")
    keys = list(dict.fromkeys(key for row in first for key in row.values))
    recognised = recognise(keys, chosen)
    if recognised is None or not recognised.header:
        raise NotUsage(f"{notes.source}: the file {why_not(keys, chosen)}")
    return Table(recognised, _batches(chain(first, rows), recognised, notes))


def _batches(rows: Iterator[JsonRow], recognised: Recognised, notes: PartNotes) -> Iterator[Batch]:
    while taken := list(islice(rows, ROWS_AT_A_TIME)):
        columns = _columns(taken, recognised)
        if columns is None:
            taken = [row for row in taken if _is_sound(row, notes)]
            columns = _columns(taken, recognised) or {}
        yield Batch(columns, [row.line for row in taken], partial(_shown_at, taken))


def _columns(rows: Sequence[JsonRow], recognised: Recognised) -> dict[str, Any] | None:
    """The columns of some rows, or None where a text in them cannot be used."""
    columns: dict[str, Any] = {}
    for ours, cells in zip(recognised.names, _cells(rows, list(recognised.names.values())), strict=True):
        texts = cells if set(map(type, cells)) <= _TEXTS else [_text(value) for value in cells]
        try:
            array = string_array(texts)
        except UnicodeEncodeError:
            return None
        if holds_nul(array):
            return None
        columns[ours] = as_stored(array, ours)
    return columns


def _cells(rows: Sequence[JsonRow], names: Sequence[str]) -> Iterable[Sequence[Any]]:
    """The values of each name over all rows."""
    if not rows:
        return [() for _ in names]
    try:
        return zip(*map(itemgetter(*names), (row.values for row in rows)), strict=True)
    except KeyError:  # rows may leave out what is null
        return [[row.values.get(name) for row in rows] for name in names]


def _is_sound(row: JsonRow, notes: PartNotes) -> bool:
    """Whether a row's text can be used; a NUL or half a character cannot."""
    written = "".join(_text(value) or "" for value in row.values.values())
    if "\0" in written:
        notes.set_aside(row.line, "the row holds a NUL byte: export it again", _shown(row))
        return False
    if _has_surrogate(written):
        notes.set_aside(row.line, "the row holds half a character: export it again", _shown(row))
        return False
    return True


def _has_surrogate(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _text(value: Any) -> str | None:
    """A value as the text that a CSV would hold."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ";".join(_text(one) or "" for one in value)
    return json.dumps(value)


def _shown(row: JsonRow) -> str:
    return json.dumps(row.values)[: 4 * MAX_SHOWN]


def _shown_at(rows: Sequence[JsonRow], at: int) -> str:
    return _shown(rows[at])


class _Rows:
    """The rows of a stream of JSON. What is no JSON is set aside; reading goes on at the next line."""

    def __init__(self, text: Utf8Stream, notes: PartNotes) -> None:
        self._source = text
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._notes = notes
        self._buffer = ""
        self._at = 0
        self._line = 1
        self._counted = 0  # up to here the newlines of the buffer are in `_line`
        self._ended = False
        self._page_row = 0
        self._lists = 0  # that have begun and not ended
        self._in_page = False
        self._rows = self._alone = 0  # rows so far, and those of them in no page or list
        self._last = ""  # the last sign that is no blank, of what was passed over

    def __iter__(self) -> Iterator[JsonRow]:
        after_fault = False
        while True:
            try:
                sign = self._peek()
                if not sign:
                    break
                if after_fault and sign in ",]}":
                    self._at += 1
                    self._close(sign)
                else:
                    yield from self._value(0)
            except _FaultError as fault:
                if isinstance(fault, _EndError) and (self._lists or self._in_page or not self._alone):
                    raise self._cut_off() from None
                after_fault = True
                self._in_page = False
                self._pass_over(str(fault))
        if self._lists and self._rows and self._last not in ("]", "}"):
            raise self._cut_off()  # a fault let go of the list, which the file never ends

    def _cut_off(self) -> UnusableFile:
        return UnusableFile(f"{self._notes.source}: the file is cut off in the middle; fetch it again")

    def _close(self, passed: str) -> None:
        """Keeps count of the lists over text that is passed over."""
        bare = _STRING.sub('"', passed)
        self._lists = max(0, self._lists + bare.count("[") - bare.count("]"))
        self._last = bare.rstrip()[-1:] or self._last

    # --- rows, by shape ---

    def _value(self, depth: int) -> Iterator[JsonRow]:
        """The rows in the value that begins here."""
        sign = self._peek()
        if sign == "[" and depth < MAX_DEPTH:
            yield from self._list(depth)
        elif sign == "{":
            yield from self._object(depth)
        else:
            raise _FaultError("a row or a page in curly brackets belongs here")

    def _list(self, depth: int) -> Iterator[JsonRow]:
        self._at += 1
        self._lists += 1
        while True:
            sign = self._peek()
            if sign == "]":
                self._at += 1
                self._lists -= 1
                return
            if sign == ",":
                self._at += 1
            elif not sign:
                raise _EndError("the file ends in the middle of a list: it is cut off")
            else:
                yield from self._value(depth + 1)

    def _object(self, depth: int) -> Iterator[JsonRow]:
        """A row, or a page: at once if it is all in the buffer, else key by key."""
        line = self._line_here()
        try:
            values, end = _DECODER.raw_decode(self._buffer, self._at)
        except (ValueError, RecursionError):
            yield from self._key_by_key(depth, line)
            return
        self._at = end
        rows = values.get(PAGE_ROWS)
        if not isinstance(rows, list):
            yield self._row(values, depth, line)
            return
        for row in rows:
            if isinstance(row, dict):
                yield self._row(row, depth + 1, line)
            else:
                self._notes.set_aside(line, "a row of the page is no object in curly brackets", str(row))

    def _key_by_key(self, depth: int, line: int) -> Iterator[JsonRow]:
        self._at += 1
        values: dict[str, Any] = {}
        page = False
        while (sign := self._peek()) != "}":
            if sign == ",":
                self._at += 1
                continue
            key = self._whole()
            if not isinstance(key, str) or (self._peek() or ":") != ":":
                raise _FaultError("a name and a colon belong here")
            self._at += 1
            if key == PAGE_ROWS and depth < MAX_DEPTH and self._peek() == "[":
                page = self._in_page = True
                yield from self._list(depth + 1)
            else:
                values[key] = self._whole()
        self._at += 1
        if page:
            self._in_page = False
        else:
            yield self._row(values, depth, line)

    def _row(self, values: dict[str, Any], depth: int, line: int) -> JsonRow:
        self._rows += 1
        if depth == 0:
            self._alone += 1
            return JsonRow(line, values)
        self._page_row += 1
        return JsonRow(self._page_row, values)

    # --- the text ---

    def _more(self) -> bool:
        """Takes another block of text; False at the end."""
        while not self._ended:
            block = self._source.read(READ_BYTES)
            self._ended = not block
            text = self._decoder.decode(block, final=self._ended)
            self._notes.repaired = self._notes.repaired or REPLACEMENT in text
            if text:
                self._line_here()
                self._buffer = self._buffer[self._at :] + text
                self._at = self._counted = 0
                return True
        return False

    def _line_here(self) -> int:
        self._line += self._buffer.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def _peek(self) -> str:
        """The next character that is no blank; "" at the end."""
        while True:
            blank = _BLANK.match(self._buffer, self._at)
            self._at = blank.end() if blank else self._at
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more():
                return ""

    def _whole(self) -> Any:
        """The value that begins here, with as much more text as it needs. Raises _FaultError."""
        if not self._peek():
            raise _EndError("the file ends in the middle of a row: it is cut off")
        while True:
            begun = False
            try:
                value, end = _DECODER.raw_decode(self._buffer, self._at)
            except RecursionError:
                raise _FaultError("it is nested too deep") from None
            except json.JSONDecodeError as error:
                reason, begun = error.msg, _is_begun(error)
            else:
                after = self._buffer[end : end + 1]
                if after in _AFTER_VALUE and (after or self._ended):  # else half a number may stand there
                    self._at = end
                    return value
                reason = "a comma or a bracket belongs behind a value"
                begun = _is_part(self._buffer[end : end + 3])
            if len(self._buffer) - self._at > MAX_RECORD_BYTES:
                raise _FaultError(reason)
            if not self._more():
                raise (_EndError if begun else _FaultError)(reason)

    def _pass_over(self, reason: str) -> None:
        """Sets what is no JSON aside and goes to the next line."""
        line = self._line_here()
        shown = self._buffer[self._at : self._at + MAX_SHOWN].partition("\n")[0]
        self._notes.set_aside(line, f"this is no JSON ({reason}); the rest of the line is left out", shown)
        while (end := self._buffer.find("\n", self._at)) < 0:
            self._close(self._buffer[self._at :])
            self._at = len(self._buffer)
            if not self._more():
                return
        self._close(self._buffer[self._at : end])
        self._at = end + 1


def _is_part(behind: str) -> bool:
    """Whether what stands behind a whole value may be the middle of a number, or is nothing."""
    return re.fullmatch(r"\.|[eE][+-]?|", behind) is not None


def _is_begun(error: json.JSONDecodeError) -> bool:
    """Whether what is no JSON might have been with more text behind it."""
    rest = error.doc[error.pos :].strip()
    if error.msg.startswith("Unterminated string"):
        return True
    if error.msg.startswith("Invalid \\u"):
        return '"' not in rest
    return not rest or any(word.startswith(rest) for word in _BEGUN)
