"""Instants in files: what is read, what is refused, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.files.instants import format_instant, parse_instant

FIRST_OF_JULY = 1_782_864_000_000_000  # 2026-07-01T00:00:00Z


@pytest.mark.parametrize(
    ("text", "after_us"),
    [
        ("2026-07-01", 0),
        ("2026-07-01T00:00:00Z", 0),
        (" 2026-07-01 00:00 ", 0),
        ("2026-07-01t00:00:00z", 0),
        ("2026-07-01T02:00:00+02:00", 0),
        ("2026-06-30T19:30:00-0430", 0),
        ("2026-07-01T00:00:01.1234567Z", 1_123_456),
        ("2026-07-01T00:00:00,5", 500_000),
    ],
)
def test_instants_that_are_read(text: str, after_us: int) -> None:
    assert parse_instant(text) == FIRST_OF_JULY + after_us


def test_the_epoch_is_zero_and_earlier_is_negative() -> None:
    assert parse_instant("1970-01-01T00:00:00Z") == 0
    assert parse_instant("1969-12-31T23:59:59.999999Z") == -1


@pytest.mark.parametrize(
    "text",
    ["", "01/07/2026", "20260701", "2026-W27-3", "2026-07-01T00", "July 2026", "2026-07-01T00:00:00 CET"],
)
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no instant such as 2026-07-01"):
        parse_instant(text)


@pytest.mark.parametrize("text", ["2026-02-29", "2026-13-01", "2026-07-01T24:00:00Z", "0000-01-01"])
def test_what_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no day or time that exists"):
        parse_instant(text)


@pytest.mark.parametrize(
    ("after_us", "text"),
    [(0, "2026-07-01T00:00:00Z"), (1_500_000, "2026-07-01T00:00:01.5Z"), (-1, "2026-06-30T23:59:59.999999Z")],
)
def test_instants_as_text(after_us: int, text: str) -> None:
    assert format_instant(FIRST_OF_JULY + after_us) == text


@given(st.integers(min_value=parse_instant("0001-01-01"), max_value=parse_instant("9999-12-31")))
def test_what_is_written_reads_back(at_us: int) -> None:
    assert parse_instant(format_instant(at_us)) == at_us
