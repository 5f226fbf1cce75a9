"""The table of calls and an export of them have the same columns, in the same order."""

from __future__ import annotations

from datetime import date

import pytest

from talktime.doors.admin.report_choice import Choice, WrongSpanError
from talktime.doors.admin.report_columns import CALL_COLUMNS, FIRST, chosen_columns, words_of
from talktime.insight.usage_export import COLUMNS

TODAY = date(2026, 3, 31)


def test_columns_are_those_of_the_export() -> None:
    assert [column.label for column in CALL_COLUMNS] == [column.name for column in COLUMNS["usage"]]
    assert len({column.word for column in CALL_COLUMNS}) == len(CALL_COLUMNS)


@pytest.mark.parametrize("words", ["", "start.charge", "charge.start", "nonsense", "x" * 5_000])
def test_any_address_has_columns(words: str) -> None:
    columns = chosen_columns(words)
    assert columns
    assert chosen_columns(words_of(columns)) == columns
    assert words_of(chosen_columns("")) == ""
    assert tuple(column.word for column in chosen_columns("nonsense")) == FIRST


@pytest.mark.parametrize(
    ("choice", "days"),
    [
        (Choice("7"), (date(2026, 3, 25), TODAY)),
        (Choice("28"), (date(2026, 3, 4), TODAY)),
        (Choice("custom", "2026-03-01", "2026-03-01"), (date(2026, 3, 1), date(2026, 3, 1))),
    ],
)
def test_days_of_a_choice(choice: Choice, days: tuple[date, date]) -> None:
    assert choice.days(TODAY) == days


@pytest.mark.parametrize(
    ("since", "until", "place"),
    [
        ("2026-03-02", "2026-03-01", "until"),
        ("", "2026-03-01", "since"),
        ("2026-03-01", "soon", "until"),
        ("0001-01-01", "2026-03-01", "since"),
        ("2024-01-01", "2026-03-01", "until"),
    ],
)
def test_wrong_days_say_where(since: str, until: str, place: str) -> None:
    with pytest.raises(WrongSpanError) as caught:
        Choice("custom", since, until).days(TODAY)
    assert caught.value.place == place
