"""Every encoding of a table gives the same UTF-8."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.files.decode import Utf8Stream, repair
from tests.files.usage_samples import CALLING_PLANS_25, call, read, rows, table

TEXT = "Name,Ort\r\nJosé,Köln\r\n東京,🙂\r\n"


class Drops:
    """A stream that gives a few bytes at a time, as packed ones do."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self._size = io.BytesIO(data), size

    def read(self, size: int, /) -> bytes:
        return self._data.read(min(size, self._size))


def decoded(data: bytes, size: int = 2**20) -> bytes:
    """All that a stream gives."""
    stream = Utf8Stream(Drops(data, size))
    blocks = []
    while block := stream.read(2**20):
        blocks.append(block)
    return b"".join(blocks)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("size", [1, 3, 2**20])
def test_encodings(encoding: str, size: int) -> None:
    text = "a header that is plain enough, and long\r\n" + TEXT
    assert decoded(text.encode(encoding), size) == text.encode()


@given(st.text(st.characters(codec="utf-8", exclude_characters="\ufeff\0\r"), min_size=1), st.integers(1, 7))
def test_utf16_with_a_mark_always_comes_out(text: str, size: int) -> None:
    assert decoded(text.encode("utf-16"), size) == text.encode()


def test_lines_that_end_by_cr_alone_get_lf() -> None:
    assert decoded(b"a,b\rc,d\r") == b"a,b\nc,d\n"
    assert decoded(b"a,b\r\nc\rd,e\r\n") == b"a,b\r\nc\rd,e\r\n"


def test_the_first_sign_is_seen_through_blanks_and_marks() -> None:
    assert Utf8Stream(io.BytesIO('\n \t{"a": 1}'.encode("utf-16"))).first_sign == "{"
    assert Utf8Stream(io.BytesIO(b"")).first_sign == ""


def test_wrong_bytes_are_replaced() -> None:
    good = "é,ü\n".encode()
    assert repair(good) is good
    assert repair("é\n".encode("latin-1")) == "\ufffd\n".encode()


def test_half_a_character_of_utf16_is_noted() -> None:
    stream = Utf8Stream(io.BytesIO(b"\xff\xfe" + "a\n".encode("utf-16-le") + b"\x00\xd8\n\x00"))
    assert stream.read(100) == "a\n\ufffd\n".encode()
    assert stream.repaired


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_usage_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    text = table(CALLING_PLANS_25, call(User_Display_Name="José 🙂"))
    usage = read(tmp_path, text.encode(encoding))
    assert rows(usage)[0]["user_name"] == "José 🙂"
    assert usage.warnings == ()


def test_usage_with_wrong_bytes_is_repaired_and_said(tmp_path: Path) -> None:
    usage = read(tmp_path, table(CALLING_PLANS_25, call(User_Display_Name="José")).encode("latin-1"))
    assert rows(usage)[0]["user_name"] == "Jos\ufffd"
    assert usage.warnings == ("usage.csv: bytes that are no text were replaced by \ufffd",)
