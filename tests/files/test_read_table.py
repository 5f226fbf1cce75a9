"""Delimited text: the header, odd rows, and that both ways of reading a block agree."""

import csv
import io
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.files import read_table as reading
from talktime.files import records
from talktime.files.decode import Utf8Stream
from talktime.files.read_table import MAX_LINES, read_table
from talktime.files.typed_columns import as_text
from talktime.files.usage import NotUsage
from talktime.files.usage_batch import MAX_KEPT, PartNotes
from tests.files.usage_samples import CALL, CALLING_PLANS_25, call, read, reasons, rows, table

HEADER = ("Start time", "Duration", "Direction", "From", "To", "User", "Note")


def columns(text: str, notes: PartNotes | None = None) -> list[tuple[int, dict[str, str]]]:
    """Line and texts of every row of a table, by our names."""
    found = read_table(Utf8Stream(io.BytesIO(text.encode())), notes or PartNotes("x"), None)
    return [
        (line, {name: as_text(column)[at] for name, column in batch.columns.items()})
        for batch in found.batches
        for at, line in enumerate(batch.lines)
    ]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimiters_and_ends_of_lines(tmp_path: Path, delimiter: str, end: str) -> None:
    usage = read(tmp_path, table(CALLING_PLANS_25, CALL, delimiter=delimiter, end=end))
    assert rows(usage)[0]["user_name"] == "Ana, of Sales"
    assert rows(usage)[0]["administrative_units"] == ""


@pytest.mark.parametrize("before", ["", "\n", "\r\n \r\n", "sep=,\n", "\nSEP=,\r\n\r\n"])
def test_what_may_stand_before_the_header(tmp_path: Path, before: str) -> None:
    usage = read(tmp_path, before + table(CALLING_PLANS_25, CALL))
    assert rows(usage)[0]["line"] == 2 + before.count("\n")


def test_a_file_without_an_end_of_line(tmp_path: Path) -> None:
    assert rows(read(tmp_path, table(CALLING_PLANS_25, CALL).rstrip()))[0]["id"] == "u1"


def test_newlines_in_fields_shift_no_line(tmp_path: Path) -> None:
    calls = [
        call(User_Display_Name="Ana\nof Sales"),
        call(UsageId="u2"),
        call(UsageId="u3", Administrative_Units="a\r\nb\r\nc"),
        call(UsageId="u4", Duration_Seconds="-1"),
        call(UsageId="u5"),
    ]
    usage = read(tmp_path, table(CALLING_PLANS_25, *calls))
    assert [(row["id"], row["line"]) for row in rows(usage)] == [("u1", 2), ("u2", 4), ("u3", 5), ("u5", 9)]
    assert [line for line, _ in reasons(usage)] == [8]
    assert rows(usage)[0]["user_name"] == "Ana\nof Sales"


def test_rows_that_cannot_be_cut_are_set_aside(tmp_path: Path) -> None:
    good = table(CALLING_PLANS_25, CALL, call(UsageId="u2")).splitlines()
    text = "\r\n".join([good[0], good[1], "x,y", good[2] + ",more", "a\0" + good[2], "", good[2]])
    usage = read(tmp_path, text + "\r\n")
    assert [(row["id"], row["line"]) for row in rows(usage)] == [("u1", 2), ("u2", 7)]
    assert reasons(usage) == [
        (3, "the row has 2 fields where 25 belong: mend it"),
        (4, "the row has 26 fields where 25 belong: mend it"),
        (5, "the row holds a NUL byte: export it again"),
    ]
    assert usage.rejected[2].text.startswith("a\ufffdu2,c1,")


def test_empty_fields_at_the_end_of_rows_do_no_harm(tmp_path: Path) -> None:
    header, row = table(CALLING_PLANS_25, CALL).splitlines()
    assert rows(read(tmp_path, f"{header}\n{row},,\n"))[0]["id"] == "u1"


def test_a_mark_that_is_not_closed_costs_one_row(tmp_path: Path) -> None:
    calls = [call(UsageId=f"u{at}") for at in range(2 * MAX_LINES)]
    header, *lines = table(CALLING_PLANS_25, *calls).splitlines()
    lines[3] += '"broken'
    usage = read(tmp_path, "\n".join([header, *lines]))
    assert [line for line, _ in reasons(usage)] == [5]
    assert usage.calls.height == len(calls) - 1


WHY_LONG = "the row is longer than 1,048,576 bytes, or a quotation mark in it is never closed: mend it"


def test_a_field_of_ten_megabytes_costs_one_row(tmp_path: Path) -> None:
    big = call(UsageId="u2", User_Display_Name="x" * 10_000_000)
    usage = read(tmp_path, table(CALLING_PLANS_25, CALL, big, call(UsageId="u4")))
    assert [(row["id"], row["line"]) for row in rows(usage)] == [("u1", 2), ("u4", 4)]
    assert reasons(usage) == [(3, WHY_LONG)]
    assert len(usage.rejected[0].text) == 200


def test_lines_of_an_endless_field_are_counted(tmp_path: Path) -> None:
    big = call(UsageId="u2", User_Display_Name="x,\n" * 150_000)
    usage = read(tmp_path, table(CALLING_PLANS_25, CALL, big, call(UsageId="u4")))
    assert [(row["id"], row["line"]) for row in rows(usage)] == [("u1", 2), ("u4", 150_004)]
    assert usage.rejected_rows == 150_001
    assert len(usage.rejected) == MAX_KEPT
    why = "a quotation mark in the row is never closed, or closed many lines below: mend it"
    assert reasons(usage)[0] == (3, why)


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8)
CELL = st.one_of(TEXT, st.sampled_from(['"', 'a "b" c', "a\nb", "a\r\nb", ",", "", " x "]))


@given(st.lists(st.lists(CELL, min_size=7, max_size=7), max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_what_csv_writes_comes_back(cells: list[list[str]], end: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=end)
    writer.writerows([HEADER, *cells])
    found = columns(text.getvalue())
    names = ("start", "duration", "direction", "caller", "callee", "user_name")
    assert [[row[name] for name in names] for _, row in found] == [row[:6] for row in cells]


@given(st.text(st.sampled_from('ab ,"\n\r;\0é'), max_size=120), st.integers(1, 50))
def test_arrow_and_the_row_by_row_reader_agree(body: str, size: int) -> None:
    text = ",".join(HEADER[:5]) + "\n" + body
    by_arrow, by_row = PartNotes("x"), PartNotes("x")
    with pytest.MonkeyPatch.context() as patch:
        fast = columns(text, by_arrow)
        patch.setattr(reading, "_parsed", lambda *_: None)
        patch.setattr(records, "BLOCK_BYTES", size)
        slow = columns(text, by_row)
    assert fast == slow
    assert by_arrow.rejected == by_row.rejected


@pytest.mark.parametrize("content", [random.Random(7).randbytes(2000), bytes(2000), b"\0", b"Name\0\1\2,\3"])
def test_bytes_that_are_no_text_are_not_called_empty(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(NotUsage) as caught:
        read(tmp_path, content)
    assert str(caught.value) == (
        "usage.csv: the file is no text and no table; export it again as CSV, JSON or Excel"
    )


def test_a_file_without_one_end_of_a_line_is_not_called_empty(tmp_path: Path) -> None:
    with pytest.raises(NotUsage, match="the file holds no table: the row is longer than 1,048,576 bytes"):
        read(tmp_path, bytes(records.MAX_RECORD_BYTES + 1))
