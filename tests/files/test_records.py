"""Blocks of whole records: nothing is lost, nothing is cut, line numbers stay right."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.files import records
from talktime.files.records import record_blocks
from talktime.files.usage_batch import PartNotes

FIELD = st.text(st.sampled_from('ab ",\n\r;é'), max_size=6)


@given(st.lists(st.lists(FIELD, min_size=2, max_size=3), max_size=12), st.integers(1, 40))
def test_blocks_are_the_records_again(rows: list[list[str]], size: int) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    data = text.getvalue().encode()
    notes = PartNotes("x")
    blocks = list(record_blocks(io.BytesIO(data), notes, size))
    assert b"".join(block.data for block in blocks) == data
    read = [row for block in blocks for row in csv.reader(io.StringIO(block.data.decode(), newline=""))]
    assert read == list(csv.reader(io.StringIO(text.getvalue(), newline="")))
    at = 1
    for block in blocks:
        assert block.first_line == at
        at += block.data.count(b"\n")
    assert notes.rejected_rows == 0


@given(st.binary(max_size=200), st.integers(1, 30))
def test_no_line_is_lost_whatever_the_bytes(data: bytes, size: int) -> None:
    blocks = list(record_blocks(io.BytesIO(data), PartNotes("x"), size))
    whole = b"".join(block.data for block in blocks)
    assert whole == data or whole == data + b"\n"
    assert all(block.data.endswith(b"\n") for block in blocks)


@pytest.mark.parametrize("size", [7, 50, 1000])
def test_a_mark_that_is_never_closed_costs_its_line(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(records, "MAX_RECORD_BYTES", 100)
    good = b"a,b\n" * 50
    notes = PartNotes("x")
    blocks = list(record_blocks(io.BytesIO(good + b'a,"b\n' + good), notes, size))
    assert b"".join(block.data for block in blocks) == good * 2
    assert [one.line for one in notes.rejected] == [51]
    assert blocks[-1].first_line + blocks[-1].data.count(b"\n") == 102


@pytest.mark.parametrize("size", [7, 50, 1000])
def test_a_line_without_end_costs_itself(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(records, "MAX_RECORD_BYTES", 100)
    notes = PartNotes("x")
    blocks = list(record_blocks(io.BytesIO(b"a,b\n" + b"x" * 5000 + b"\nc,d"), notes, size))
    assert b"".join(block.data for block in blocks) == b"a,b\nc,d\n"
    assert [(one.line, one.text) for one in notes.rejected] == [
        (2, "x" * min(200, len(notes.rejected[0].text)))
    ]
    assert blocks[-1].first_line == (3 if len(blocks) > 1 else 1)
