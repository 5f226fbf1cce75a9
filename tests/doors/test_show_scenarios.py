"""Scenarios on the terminal and as JSON: every figure, in any width, in plain ASCII where it must be."""

from __future__ import annotations

import io
import re
from typing import Any

import msgspec
import pytest
from rich.console import Console

from talktime.doors.cli.show_scenarios import scenarios_json, show_scenarios
from talktime.doors.http.management.shown_what_if import answered_shown
from talktime.insight.what_if_figures import Compared
from talktime.insight.what_if_papers import DONE, WhatIf
from talktime.insight.what_ifs import Answered
from tests.insight.planner.made_plan import UNIT
from tests.insight.planner.test_workbook import compared, figures

FOUND = compared(
    figures("A plan for everybody, with a name that is far too long for a column", 2 * UNIT, blocked=3),
    figures("[bold]Markup\x1b[2J", 20 * UNIT),
    msgspec.structs.replace(figures("Ran out", 3 * UNIT), ran_out_day="2026-03-02"),
)


def shown(found: Compared, width: int = 110, **settings: Any) -> list[str]:
    """The lines that it becomes, without blanks at their ends."""
    out = io.StringIO()
    show_scenarios(Console(file=out, width=width, **settings), found)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def cells(lines: list[str], label: str) -> list[str]:
    """What stands behind a label."""
    return next(line[len(label) :].split() for line in lines if line.startswith(label))


@pytest.mark.parametrize("width", [40, 60, 80, 110, 300])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = shown(FOUND, width)
    assert max(map(len, lines)) <= min(width, 110)
    text = "".join(lines)
    assert [word for word in ("12.345678", "2.000000", "20.000000", "3.000000") if word not in text] == []


def test_differences_stand_beside_the_figures() -> None:
    lines = shown(FOUND)
    assert cells(lines, "Calls blocked") == ["0", "3", "+3", "0", "0"]
    cost = cells(lines, "Cost of the calls")
    assert cost == ["12.345678", "2.000000", "-10.345678", "20.000000", "+7.654322", "3.000000", "-9.345678"]
    assert cells(lines, "Money ran out on") == ["never", "never", "never", "2026-03-02"]


@pytest.mark.parametrize(
    ("width", "blocks"),
    [
        (110, [["today", "1", "than today", "2", "than today", "3", "than today"]]),
        (90, [["today", "1", "than today", "2", "than today"], ["today", "3", "than today"]]),
        (40, [["today", "1"], ["today", "2"], ["today", "3"]]),
    ],
)
def test_as_many_beside_each_other_as_fit(width: int, blocks: list[list[str]]) -> None:
    lines = shown(FOUND, width)
    ends = next(at for at, line in enumerate(lines) if line.startswith("Spend by category"))
    heads = [re.split(r"\s{2,}", line.strip()) for line in lines[:ends] if line.strip().startswith("today ")]
    assert heads == blocks
    assert sum(line.startswith("Calls blocked") for line in lines) == len(blocks)


def test_categories_and_bars() -> None:
    lines = shown(FOUND)
    assert cells(lines, "dear") == ["12.345677", "1.999999", "19.999999", "2.999999"]
    bars = [line.count("█") for line in lines if "█" in line]
    assert bars == [7, 1, 12, 1]


def test_plain_where_the_output_shows_no_more() -> None:
    class Plain(io.StringIO):
        encoding = "ascii"

    out = Plain()
    show_scenarios(Console(file=out, width=80), FOUND)
    assert out.getvalue().isascii()
    assert "#######" in out.getvalue()


def test_names_are_neither_markup_nor_commands_to_the_terminal() -> None:
    text = "\n".join(shown(FOUND, force_terminal=False))
    assert "[bold]Markup\ufffd[2J" in text
    assert "\x1b" not in text


def test_json_is_what_the_api_answers() -> None:
    asked = WhatIf(
        id="0" * 32,
        file="1" * 32,
        name="march.csv",
        currency="",
        scenarios=(),
        who="ana",
        asked_us=1,
        state=DONE,
    )
    answer = answered_shown(Answered(asked, 100, msgspec.json.encode(FOUND).decode()))
    told = msgspec.json.decode(answer.model_dump_json(by_alias=True))["result"]
    assert scenarios_json(FOUND) == told
    assert told["today"]["amount"] == "12.345678"
