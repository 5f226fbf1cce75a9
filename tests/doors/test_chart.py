"""Charts out of characters, drawn by hand here."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.doors.cli.chart import EIGHTHS, axis, columns_chart, share_bar


def test_columns_fill_by_eighths() -> None:
    assert columns_chart([16, 15, 8, 1, 0, -3], 16, 2, plain=False) == ["█▇    ", "███▁xx"]


def test_plain_columns_are_ascii() -> None:
    lines = columns_chart([16, 12, 8, 4, 1, 0], 16, 2, plain=True)
    assert lines == ["#:    ", "###:.x"]
    assert "".join(lines).isascii()


@given(values=st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=20), height=st.integers(1, 8))
def test_a_chart_has_its_size_and_no_bar_above_a_higher_one(values: list[int], height: int) -> None:
    lines = columns_chart(values, max(*values, 1), height, plain=False)
    assert [len(line) for line in lines] == [len(values)] * height
    weights = [
        sum(EIGHTHS.find(line[column]) for line in lines if line[column] != "x")
        for column in range(len(values))
    ]
    by_value = sorted(zip(values, weights, strict=True))
    assert [weight for _, weight in by_value] == sorted(weights)
    assert [line == "x" for line in lines[-1]] == [value <= 0 for value in values]


@pytest.mark.parametrize(
    ("part", "whole", "bar"),
    [
        (0, 10, "░░░░"),
        (1, 100, "█░░░"),
        (5, 10, "██░░"),
        (9, 10, "███░"),
        (10, 10, "████"),
        (30, 10, "████"),
        (5, 0, "█░░░"),
    ],
)
def test_a_share_fills_its_bar(part: int, whole: int, bar: str) -> None:
    assert share_bar(part, whole, 4, plain=False) == bar
    assert share_bar(part, whole, 4, plain=True) == bar.replace("█", "#").replace("░", ".")


def test_marks_stand_on_the_axis() -> None:
    assert axis(5, [1, 4, 9], plain=False) == "─▲──▲"
    assert axis(3, [0], plain=True) == "^--"
