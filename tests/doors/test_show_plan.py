"""A plan on the terminal: the answer first, readable in narrow terminals, plain where it must be."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.console import Console

from talktime.doors.cli.chart import band_bar, band_chart
from talktime.doors.cli.show_plan import show_plan
from talktime.doors.cli.show_plan_money import course_chart
from talktime.insight.planner.conclusions import conclusions
from talktime.insight.planner.document import (
    BalanceBand,
    Buy,
    Mix,
    MonthBand,
    Outlook,
    Plan,
    Pools,
    Said,
)
from tests.insight.planner.made_plan import PLAN

UNIT = 1_000_000


def shown(plan: Plan, width: int = 80, **settings: Any) -> list[str]:
    """The lines that a plan becomes, without blanks at their ends."""
    out = io.StringIO()
    show_plan(Console(file=out, width=width, **settings), plan)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def held(part: Any) -> Any:
    """A part that the made plan has."""
    assert part is not None
    return part


OUTLOOK: Outlook = held(PLAN.outlook)
BUY: Buy = held(PLAN.buy)
MIX: Mix = held(PLAN.mix)
EMPTY = replace(PLAN, said=(), outlook=None, tested=(), buy=None, mix=None, carriers=None)


@pytest.mark.parametrize("plan", [PLAN, EMPTY], ids=["all of it", "nothing can be said"])
@pytest.mark.parametrize("width", [40, 80, 120, 300])
def test_no_line_is_wider_than_the_terminal(plan: Plan, width: int) -> None:
    assert max(len(line) for line in shown(plan, width)) <= min(width, 110)


def test_the_answer_stands_before_what_it_rests_on() -> None:
    titles = [
        "In short",
        "What this usage can tell",
        "What was paid, USD",
        "Included minutes",
        "What is to come, USD",
        "What to buy, USD",
        "Which plan for whom, USD, 2 months",
        "Calls of your own carrier, if they were moved here, USD",
    ]
    assert [line for line in shown(PLAN) if line in titles] == titles


def test_what_cannot_be_answered_has_no_section() -> None:
    text = "\n".join(shown(EMPTY))
    for words in ("What is to come", "What to buy", "Which plan for whom, ", "your own carrier", "can tell"):
        assert words not in text
    assert "Which plan for whom is not answered" in text.replace("\n", " ")


def test_what_makes_figures_less_sure_comes_first() -> None:
    lines = shown(PLAN)
    at = lines.index("What this usage can tell")
    marks = [line[0] for line in lines[at + 1 : at + 4]]
    assert marks == ["x", "!", "+"]


def test_every_sentence_of_the_answer_is_shown() -> None:
    text = " ".join("\n".join(shown(PLAN, 110)).split())
    parts = (PLAN.pools, OUTLOOK, BUY, MIX, held(PLAN.carriers))
    said = [sentence for part in parts for sentence in part.says] + [one.text for one in PLAN.said]
    for sentence in (*said, *conclusions(PLAN)):
        assert " ".join(sentence.split()) in text


def test_money_of_estimates_is_in_cents_and_of_sums_exact() -> None:
    month = MonthBand("2026-04", 12_345_678, 23_456_789, 34_567_890)
    text = "\n".join(shown(replace(PLAN, outlook=replace(OUTLOOK, months=(month,), balance=150_000_001))))
    assert "2026-04     12.35     23.46    34.57" in text
    assert "The balance of 150.000001 USD" in text


def test_an_ascii_terminal_gets_ascii_and_no_colour() -> None:
    class Ascii(io.StringIO):
        encoding = "ascii"

    out = Ascii()
    show_plan(Console(file=out, width=80), PLAN)
    assert out.getvalue().isascii()
    assert "\x1b" not in out.getvalue()


def test_no_color_is_obeyed_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    coloured = "\n".join(shown(PLAN, force_terminal=True))
    monkeypatch.setenv("NO_COLOR", "1")
    plain = "\n".join(shown(PLAN, force_terminal=True))
    assert "\x1b[1;33m" in coloured
    assert "33m" not in plain


def test_text_of_the_usage_cannot_command_the_terminal() -> None:
    harmful = replace(PLAN, tenant="\x1b[2Jgone", said=(Said("note", "usage", "[red]\x07bell"),))
    text = "\n".join(shown(harmful))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[red]" in text


# --- pools and charts ------------------------------------------------------------------------------------


def test_the_months_of_a_pool_are_one_line() -> None:
    (pool, *_) = PLAN.pools.pools
    months = tuple(
        replace(
            pool,
            month=f"2026-0{at}",
            size_s=100,
            used_s=used,
            full_us=full,
            full_day=day,
            beyond_amount=beyond,
        )
        for at, (used, full, day, beyond) in enumerate(
            [(30, None, "", 0), (100, 5, "2026-02-19", 2 * UNIT), (100, 9, "2026-03-07", UNIT)], 1
        )
    )
    pools = Pools(pools=months, single=0, single_full=0, says=())
    lines = shown(replace(PLAN, pools=pools), 110)
    name = " ".join(part for part in (pool.plan, pool.kind, pool.owner) if part)
    (row,) = [line for line in lines if line.startswith(name) and "2026-02-19" in line]
    assert row.removeprefix(name).split() == "30 % to 100 % 2 of 3 2026-02-19 3.00".split()


def test_a_band_is_a_bar_with_two_shades() -> None:
    assert band_bar((2, 3, 4), 8, 8, plain=False) == "██▓░    "
    assert band_bar((0, 0, 8), 8, 4, plain=True) == "...."
    assert band_bar((3, 3, 3), 0, 4, plain=True) == "    "


def test_a_band_over_time_is_columns_with_two_shades() -> None:
    assert band_chart([(4, 4, 4), (2, 3, 4), (0, 0, 2), (0, 0, 0)], 4, 4, plain=True) == [
        "#.  ",
        "#+  ",
        "##. ",
        "##.x",
    ]


@given(
    bands=st.lists(st.tuples(*[st.integers(-(10**15), 10**15)] * 3), min_size=1, max_size=12),
    height=st.integers(1, 8),
    width=st.integers(1, 30),
)
def test_charts_of_bands_have_their_size(bands: list[tuple[int, int, int]], height: int, width: int) -> None:
    top = max(1, *(max(band) for band in bands))
    assert [len(line) for line in band_chart(bands, top, height, plain=False)] == [len(bands)] * height
    for band in bands:
        bar = band_bar(band, top, width, plain=True)
        assert len(bar) == width
        assert bar.rstrip() == "".join(sorted(bar.rstrip(), key="#+.".index))


def test_a_long_course_fits_the_terminal() -> None:
    course = tuple(BalanceBand(f"day {at}", 400 - at, 400 - at, 400) for at in range(400))
    rows = course_chart(course, 60, plain=True)
    assert max(map(len, rows)) <= 60
    assert "day 0" in rows[-2]


def test_what_is_in_no_group_is_told_so_that_the_groups_add_up() -> None:
    assert PLAN.mix is not None
    groups = PLAN.mix.groups
    now = sum(group.now for group in groups) - PLAN.mix.licences_now
    best = sum(group.best for group in groups) - PLAN.mix.licences_best
    even = replace(PLAN.mix, calls_now=now, calls_best=best)
    more = replace(even, calls_now=now + 7 * UNIT, calls_best=best + 7 * UNIT)
    assert not any("in no group" in line for line in shown(replace(PLAN, mix=even)))
    (row,) = [line for line in shown(replace(PLAN, mix=more)) if line.startswith("in no group")]
    assert row.split() == ["in", "no", "group", "7.00", "7.00"]
