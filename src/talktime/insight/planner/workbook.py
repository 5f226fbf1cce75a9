"""The planner's answer as a workbook: conclusions first, then a sheet for each question with all its rows.

Nothing is worked out here: each figure stands in the document (`document.Plan`). Charts are drawn by the
spreadsheet out of the cells beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from talktime.insight.planner.conclusions import conclusions
from talktime.insight.planner.plan_sheets import buy_sheet, forecast_sheet, plans_sheet, tested_sheet
from talktime.insight.planner.scenario_sheets import add_scenarios
from talktime.insight.planner.sheets import SAMPLE_SAID, Chart, Heading, Kind, Value, workbook
from talktime.insight.wording import moment

if TYPE_CHECKING:
    from talktime.insight.planner.document import CallBehind, Carriers, PaidLine, Plan, Pools
    from talktime.insight.planner.sheets import Book, Cell
    from talktime.insight.what_if_figures import Compared

GROUPS: Final = {
    "category": "By category",
    "country": "By country",
    "user": "By user",
    "cost_centre": "By cost centre",
    "service_number": "By service number",
    "month": "By month",
}
"""Groupings of what was paid, in the order of their tables; others follow by their name."""

WEIGHTS: Final = {"good": "fine", "note": "to know", "caution": "careful", "cannot": "cannot be said"}

_PICTURED: Final = {"category": "Spend by category", "month": "Spend by month"}
_TOP: Final = 3

_LINE: Final = (
    Heading("Calls", Kind.COUNT),
    Heading("Billed minutes", Kind.MINUTES),
    Heading("Included minutes", Kind.MINUTES),
    Heading("Paid minutes", Kind.MINUTES),
    Heading("Amount", Kind.MONEY),
    Heading("Together", Kind.COUNT),
)
_AMOUNT: Final = 5


def write_plan(path: Path, plan: Plan, compared: Compared | None = None) -> None:
    """Writes the whole answer; the file appears whole or not at all. Raises ReportError.

    `compared`: scenarios that were tried on the same usage.
    """
    sample = plan.sample or (plan.mix is not None and plan.mix.sample)
    with workbook(path, plan.currency, sample=sample) as book:
        _summary(book, plan, sample=sample)
        _paid(book, plan)
        _calls(book, plan)
        _pools(book, plan.pools)
        if plan.outlook is not None:
            forecast_sheet(book, plan.outlook)
        if plan.tested:
            tested_sheet(book, plan.tested)
        if plan.buy is not None:
            buy_sheet(book, plan.buy)
        if plan.mix is not None:
            plans_sheet(book, plan.mix)
        if plan.carriers is not None:
            _carriers(book, plan.carriers)
        if compared is not None:
            add_scenarios(book, compared)


def _summary(book: Book, plan: Plan, *, sample: bool) -> None:
    page = book.page("Summary")
    page.title(plan.tenant)
    if sample:
        page.notes([SAMPLE_SAID], warning=True)
    page.notes(conclusions(plan))
    page.title("Do we need credits?")
    answer = {True: "Yes.", False: "No.", None: "The usage cannot tell."}[plan.need.answer]
    page.notes([answer, *plan.need.says])
    page.title("What the usage can and cannot tell")
    headings = [Heading("Weight", Kind.TEXT), Heading("About", Kind.TEXT), Heading("Statement", Kind.TEXT)]
    page.table(headings, [[WEIGHTS.get(one.weight, one.weight), one.about, one.text] for one in plan.said])
    page.title("What it was made of")
    page.table([Heading("What", Kind.TEXT), Heading("Value", Kind.TEXT)], list(_made_of(plan)))


def _made_of(plan: Plan) -> Iterator[list[Cell]]:
    yield ["Usage", ", ".join(plan.formats)]
    yield ["Calls of", f"{moment(plan.from_us)} to {moment(plan.until_us)}"]
    yield ["Months", ", ".join(plan.months)]
    yield ["Full months", ", ".join(plan.full_months) or "none"]
    counts = (
        ("Rows", plan.rows),
        ("Rows set aside", plan.rejected_rows),
        ("Rows twice", plan.duplicate_rows),
    )
    for label, number in counts:
        yield [label, Value(Kind.COUNT, number)]
    yield ["Rate deck", f"{plan.deck} {plan.deck_version}".strip()]
    yield ["Time zone", plan.time_zone]
    chosen = plan.settings
    yield ["Confidence", Value(Kind.PERCENT, 10 * chosen.confidence)]
    yield ["Hours that a recharge may take", Value(Kind.COUNT, chosen.lead_hours)]
    yield ["Payments a month, at most", Value(Kind.COUNT, chosen.payments_a_month)]
    yield ["Months ahead", Value(Kind.COUNT, chosen.months_ahead)]


def _paid(book: Book, plan: Plan) -> None:
    page = book.page("Paid")
    groups = [*GROUPS, *(name for name in plan.paid.by if name not in GROUPS)]
    for name in groups:
        lines = plan.paid.by.get(name, ())
        if not any(line.key for line in lines):
            continue  # such as cost centres, where there are none
        page.title(GROUPS.get(name, name))
        picture = _PICTURED.get(name)
        chart = None if picture is None else Chart(picture, "column", [_AMOUNT])
        page.table(
            [Heading(name.replace("_", " "), Kind.TEXT), *_LINE], [_line(one) for one in lines], chart=chart
        )


def _line(one: PaidLine) -> list[Cell]:
    key = one.key or ("all others" if one.others else "none")
    return [key, one.calls, one.billed_s, one.pool_s, one.paid_s, one.amount, one.others or None]


def _calls(book: Book, plan: Plan) -> None:
    """The calls behind the figures, dearest first in each line."""
    rows: list[list[Cell]] = [
        [GROUPS.get(name, name), line.key or "none", *_call(call)]
        for name in plan.paid.by
        for line in plan.paid.by[name]
        for call in line.dearest
    ]
    if plan.carriers is not None:
        rows += [
            ["Direct Routing", line.key or "none", *_call(call)]
            for line in plan.carriers.by_country
            for call in line.dearest
        ]
    if plan.paid.vendor is not None:
        rows += [["Other than in the file", "", *_call(call)] for call in plan.paid.vendor.examples]
    headings = [
        *(Heading(name, Kind.TEXT) for name in ("Figure", "Of", "Call")),
        Heading("At", Kind.INSTANT),
        *(Heading(name, Kind.TEXT) for name in ("User", "To", "Country")),
        *(Heading(name, Kind.MINUTES) for name in ("Billed minutes", "Included minutes", "Paid minutes")),
        Heading("Amount", Kind.MONEY),
    ]
    book.page("Calls behind").table(headings, rows)


def _call(one: CallBehind) -> Sequence[Cell]:
    return (
        one.call,
        one.at_us,
        one.user,
        one.to,
        one.country,
        one.billed_s,
        one.pool_s,
        one.paid_s,
        one.amount,
    )


def _pools(book: Book, found: Pools) -> None:
    page = book.page("Pools")
    headings = [
        *(Heading(name, Kind.TEXT) for name in ("Month", "Plan", "Minutes", "Shared by")),
        *(Heading(name, Kind.MINUTES) for name in ("Used", "Of", "Unused")),
        Heading("Full on", Kind.TEXT),
        Heading("Calls after that", Kind.COUNT),
        Heading("Minutes after that", Kind.MINUTES),
        Heading("Amount after that", Kind.MONEY),
        Heading("Most of it used by", Kind.TEXT),
    ]
    rows: list[list[Cell]] = [
        [
            *(one.month, one.plan, one.kind.replace("_", " "), one.owner or "the organisation"),
            *(one.used_s, one.size_s, None if one.size_s is None else max(one.size_s - one.used_s, 0)),
            *(one.full_day, one.beyond_calls, one.beyond_s, one.beyond_amount),
            ", ".join(user for user, _ in one.top[:_TOP]),
        ]
        for one in found.pools
    ]
    page.table(headings, rows)
    alone = f"Pools of single users, counted together: {found.single:,}, used up {found.single_full:,}."
    page.notes([*found.says, *([alone] if found.single else [])])


def _carriers(book: Book, found: Carriers) -> None:
    page = book.page("Direct Routing")
    facts: list[list[Cell]] = [
        ["Calls", Value(Kind.COUNT, found.calls)],
        ["Answered", Value(Kind.COUNT, found.answered)],
        ["Without a rate", Value(Kind.COUNT, found.unrated_calls)],
        ["Months", Value(Kind.COUNT, found.months)],
    ]
    page.title("What calls of your own carrier would cost here")
    page.table([Heading("What", Kind.TEXT), Heading("Value", Kind.TEXT)], facts)
    amounts: list[list[Cell]] = [
        ["With the licences of today", found.amount],
        ["Without any licence", found.without],
        ["What other calls would then cost more", found.displaced],
    ]
    page.table([Heading("Set up", Kind.TEXT), Heading("Amount", Kind.MONEY)], amounts)
    page.title("By country, with the licences of today")
    page.table([Heading("country", Kind.TEXT), *_LINE], [_line(one) for one in found.by_country])
    page.notes(found.says)
