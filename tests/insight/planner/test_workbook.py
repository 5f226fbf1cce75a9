"""The planner's workbooks, read back: every figure exact, charts in them, nothing that a spreadsheet runs."""

from __future__ import annotations

import re
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import fastexcel
import msgspec
import pytest

from talktime.files.report import ReportError
from talktime.insight.planner.conclusions import conclusions
from talktime.insight.planner.document import Plan
from talktime.insight.planner.scenario_sheets import write_scenarios
from talktime.insight.planner.scenarios_xlsx import scenarios_workbook
from talktime.insight.planner.workbook import WEIGHTS, write_plan
from talktime.insight.side_by_side import lines_of
from talktime.insight.what_if import difference
from talktime.insight.what_if_figures import (
    CategoryFigures,
    Compared,
    DayFigures,
    Figures,
    PoolFigures,
    RechargeFigures,
)
from tests.insight.planner.made_plan import PLAN, UNIT

FORMULA: Final = '=HYPERLINK("http://x.example")'


def figures(name: str, amount: int, blocked: int = 0) -> Figures:
    """One scenario: two categories, one pool, two days, a recharge."""
    return Figures(
        name=name,
        deck="ours",
        deck_version="0123456789ab",
        sample=False,
        calls=10,
        answered=9,
        free_calls=1,
        pool_only_calls=2,
        paid_calls=6,
        unrated_calls=0,
        blocked_calls=blocked,
        billed_s=6_000,
        pool_s=601,
        paid_s=5_000,
        unrated_s=0,
        blocked_s=60 * blocked,
        amount=amount,
        credits=amount,
        post_usage=0,
        overdraft=0,
        opening_balance=50 * UNIT,
        closing_balance=50 * UNIT - amount,
        lowest_balance=50 * UNIT - amount,
        forfeited=0,
        recharges=1,
        recharged=UNIT,
        recharged_at=(RechargeFigures(1_772_452_800_000_000, UNIT, 2 * UNIT),),
        ran_out_us=None,
        ran_out_day="",
        categories=(CategoryFigures("cheap", 4, 60, 1), CategoryFigures("dear", 5, 60, amount - 1)),
        pools=(PoolFigures("SMALL", "domestic", "2026-03", "US/PR", False, 1, 1, 600, 600),),
        days=(
            DayFigures("2026-03-01", 50 * UNIT, 50 * UNIT),
            DayFigures("2026-03-03", 50 * UNIT - amount, 0),
        ),
        warnings=("one row is odd",),
    )


def compared(*others: Figures) -> Compared:
    """Today's settings and the others."""
    today = figures("Today's settings", 12_345_678)
    return Compared(
        currency="USD",
        time_zone="UTC",
        rows=10,
        rejected_rows=1,
        duplicate_rows=0,
        from_us=1_772_323_200_000_000,
        until_us=1_772_582_400_000_000,
        figures=(today, *others),
        differences=tuple(difference(one, today) for one in others),
    )


def cells(path: Path, sheet: str) -> list[list[Any]]:
    """All cells of a sheet as they are."""
    read = fastexcel.read_excel(path).load_sheet(sheet, header_row=None, dtypes="string")
    return [list(row) for row in read.to_polars().rows()]


def sheets(path: Path) -> list[str]:
    return fastexcel.read_excel(path).sheet_names


def parts(path: Path, name: str) -> list[str]:
    """The files of a workbook whose name has this in it, as text."""
    with zipfile.ZipFile(path) as made:
        return [made.read(one).decode() for one in made.namelist() if name in one]


def found(rows: list[list[Any]], label: str, after: str = "") -> list[Any]:
    """The cells behind a label, below a title where one is given."""
    start = next(at for at, row in enumerate(rows) if row[0] == after) if after else 0
    return next(row[1:] for row in rows[start:] if row[0] == label)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole answer with two scenarios."""
    path = tmp_path_factory.mktemp("book") / "plan.xlsx"
    write_plan(path, PLAN, compared(figures("Larger", 2 * UNIT), figures(FORMULA, 3 * UNIT, blocked=2)))
    return path


def test_a_sheet_for_each_question(book: Path) -> None:
    assert sheets(book) == [
        *("Summary", "Paid", "Calls behind", "Pools", "Forecast", "Tested", "Buy", "Plans", "Direct Routing"),
        *("Side by side", "Categories", "Included minutes", "Balance", "Recharges"),
    ]


def money(micros: int) -> Decimal:
    """An amount as a cell reads."""
    return Decimal(micros) / UNIT


def test_summary_begins_with_the_conclusions(book: Path) -> None:
    rows = cells(book, "Summary")
    first = [row[0] for row in rows]
    assert first[0] == PLAN.tenant
    assert set(conclusions(PLAN)) <= set(first)
    assert set(PLAN.need.says) <= set(first)
    assert [row[2] for row in rows if row[0] in WEIGHTS.values()] == [one.text for one in PLAN.said]


def test_paid_adds_up_to_the_micro(book: Path) -> None:
    rows = cells(book, "Paid")
    months = [Decimal(found(rows, line.key, "By month")[4]) for line in PLAN.paid.by["month"]]
    assert months == [money(line.amount) for line in PLAN.paid.by["month"]]
    assert sum(months) == money(PLAN.paid.amount)
    title = {"country": "By country", "user": "By user"}
    shown = {name: found(rows, "all others", title[name])[5] for name in title if of_others(name)}
    assert shown == {name: str(of_others(name)) for name in shown}
    assert shown
    assert "By service number" not in [row[0] for row in rows], "no call was of one"


def of_others(name: str) -> int:
    """How many stand together in the last line of a grouping."""
    return PLAN.paid.by[name][-1].others


def test_calls_behind_a_figure_are_told(book: Path) -> None:
    line = PLAN.paid.by["category"][0]
    call = line.dearest[0]
    row = cells(book, "Calls behind")[1]
    assert row[:3] == ["By category", line.key, call.call]
    assert row[4:7] == [call.user, call.to, call.country]
    times = [Decimal(call.billed_s) / 60, Decimal(call.pool_s) / 60, Decimal(call.paid_s) / 60]
    assert [Decimal(cell) for cell in row[7:]] == [*times, money(call.amount)]
    at = datetime.fromisoformat(row[3]).replace(tzinfo=UTC)
    assert at.timestamp() == call.at_us // UNIT


def test_forecast_test_and_what_to_buy(book: Path) -> None:
    assert PLAN.outlook is not None
    assert PLAN.buy is not None
    assert PLAN.buy.tried is not None
    month = PLAN.outlook.months[0]
    band = [Decimal(cell) for cell in found(cells(book, "Forecast"), month.month)[:3]]
    assert band == [money(one) for one in (month.low, month.expected, month.high)]
    facts = cells(book, "Forecast")
    assert found(facts, "Growth a month")[0] == "3.05"
    assert found(facts, "Days of usage that count")[0] == f"{PLAN.outlook.days}"
    rows = cells(book, "Tested")
    error = next(one for one in PLAN.tested if one.error is not None)
    assert Decimal(found(rows, error.what)[4]) * 100 == error.error
    nothing = next(one for one in PLAN.tested if one.error is None)
    assert found(rows, nothing.what)[4] is None, "an error of nothing is none"
    rules = cells(book, "Buy")[2 : 2 + len(PLAN.buy.choices)]
    chosen = [(money(one.below), money(one.add), one.best) for one in PLAN.buy.choices]
    assert [(Decimal(row[0]), Decimal(row[1]), row[5].lower() in ("1", "true")) for row in rules] == chosen
    tried = "The best rule, tried call by call on the usage"
    assert Decimal(found(cells(book, "Buy"), "Idle on average", tried)[0]) == money(PLAN.buy.tried.idle)


def test_counts_are_numbers_and_one_month_is_one(tmp_path: Path) -> None:
    """What a spreadsheet can reckon with is no text with commas."""
    assert PLAN.carriers is not None
    assert PLAN.mix is not None
    path = tmp_path / "many.xlsx"
    many = msgspec.structs.replace(
        PLAN,
        rows=3_000,
        carriers=msgspec.structs.replace(PLAN.carriers, calls=4_000),
        mix=msgspec.structs.replace(PLAN.mix, months=("2026-03",)),
    )
    write_plan(path, many)
    summary, carriers = cells(path, "Summary"), cells(path, "Direct Routing")
    assert [found(summary, label)[0] for label in ("Rows", "Confidence", "Months ahead")] == [
        *("3000", f"{PLAN.settings.confidence // 10}", f"{PLAN.settings.months_ahead}")
    ]
    assert [found(carriers, label)[0] for label in ("Calls", "Months")] == ["4000", f"{PLAN.carriers.months}"]
    assert "1 month" in [row[0] for row in cells(path, "Plans")]


def test_plans_and_every_change(book: Path) -> None:
    mix = PLAN.mix
    assert mix is not None
    rows = cells(book, "Plans")
    now, best = mix.licences_now + mix.calls_now, mix.licences_best + mix.calls_best
    sums = [Decimal(cell) for cell in found(rows, "Together")[:3]]
    assert sums == [money(now), money(best), money(best - now)]
    changed = [row for row in rows if row[0] in {change.user for change in mix.changes}]
    assert [row[0] for row in changed] == [change.user for change in mix.changes]
    assert changed[0][3] == (" + ".join(mix.changes[0].becomes) or "none")


def test_charts_are_drawn_out_of_cells(book: Path) -> None:
    charts = parts(book, "xl/charts/chart")
    titles = [re.findall("<a:t>([^<]*)</a:t>", chart) for chart in charts]
    assert [title for each in titles for title in each] == [
        *(
            "Spend by category",
            "Spend by month",
            "Cost of months to come",
            "Balance without another purchase",
        ),
        *("The forecast tested", "Spend by category", "Balance over time"),
    ]
    by_category = charts[-2]
    assert '<c:grouping val="stacked"/>' in by_category
    assert re.findall(r"<c:f>(Categories![^<]*)</c:f>", by_category)[:3] == [
        *("Categories!$A$2", "Categories!$B$1:$D$1", "Categories!$B$2:$D$2"),
    ]


def test_scenarios_stand_side_by_side(book: Path) -> None:
    rows = cells(book, "Side by side")
    names = ["Today's settings", "Larger", "Larger: difference", FORMULA, f"{FORMULA}: difference"]
    assert rows[0] == ["Figure", *names]
    amounts = [Decimal(cell) for cell in found(rows, "Cost of the calls")]
    assert amounts == [Decimal(one) for one in ("12.345678", "2", "-10.345678", "3", "-9.345678")]
    assert [Decimal(cell) for cell in found(rows, "Calls blocked")] == [0, 0, 0, 2, 2]
    assert found(rows, "Money ran out on")[:2] == ["never", "never"]


def test_balance_of_a_day_without_calls_is_that_before(tmp_path: Path) -> None:
    other = msgspec.structs.replace(
        figures("other", UNIT), days=(DayFigures("2026-03-02", 7 * UNIT, 7 * UNIT),)
    )
    path = tmp_path / "scenarios.xlsx"
    write_scenarios(path, compared(other))
    assert cells(path, "Balance")[1:] == [
        ["2026-03-01", "50", None],
        ["2026-03-02", "50", "7"],
        ["2026-03-03", "37.654322", "7"],
    ]
    assert scenarios_workbook(compared(other))[:2] == b"PK"


def test_nothing_is_a_formula_or_a_link(book: Path) -> None:
    for sheet in parts(book, "xl/worksheets/sheet"):
        assert "<f>" not in sheet
        assert "<hyperlink" not in sheet
    assert FORMULA.encode() in b"".join(zipfile.ZipFile(book).read("xl/sharedStrings.xml").splitlines())


@pytest.mark.parametrize(
    ("micros", "is_number"), [(1, True), (-5, True), (999_999_999_999_999, True), (10**16 + 1, False)]
)
def test_money_is_a_number_where_that_is_exact(tmp_path: Path, micros: int, is_number: bool) -> None:
    path = tmp_path / "one.xlsx"
    write_scenarios(path, compared(msgspec.structs.replace(figures("s", UNIT), recharged=micros)))
    (sheet,) = parts(path, "xl/worksheets/sheet1.xml")
    numbers = {Decimal(number) for number in re.findall(r'<c r="C\d+" s="\d+"><v>([^<]*)</v>', sheet)}
    (texts,) = parts(path, "xl/sharedStrings.xml")
    assert (money(micros) in numbers) == is_number
    assert (f">{money(micros):f}<" in texts) == (not is_number)


def test_parts_that_cannot_be_given_have_no_sheet(tmp_path: Path) -> None:
    path = tmp_path / "little.xlsx"
    little: Plan = msgspec.structs.replace(PLAN, outlook=None, tested=(), buy=None, mix=None, carriers=None)
    write_plan(path, little)
    assert sheets(path) == ["Summary", "Paid", "Calls behind", "Pools"]


def test_no_half_workbook_is_left(tmp_path: Path) -> None:
    path = tmp_path / "plan.xlsx"
    path.write_text("what stood there before")
    broken: Any = msgspec.structs.replace(PLAN, months=None)
    with pytest.raises(TypeError):
        write_plan(path, broken)
    assert path.read_text() == "what stood there before"
    assert [one.name for one in tmp_path.iterdir()] == ["plan.xlsx"]
    with pytest.raises(ReportError, match="could not be written"):
        write_plan(tmp_path / "missing" / "plan.xlsx", PLAN)


def test_lines_that_say_nothing_are_left_out() -> None:
    names = [shown.line.name for shown in lines_of(compared(figures("s", UNIT)))]
    assert {"amount", "pool_s", "blocked_calls", "closing_balance", "recharges"} <= set(names)
    assert not {"post_usage", "unrated_calls", "forfeited"} & set(names)
