"""The sections of a plan about money to come: the forecast with its band, and what to buy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from talktime.doors.cli.chart import axis, band_bar, band_chart
from talktime.doors.cli.screen import Screen
from talktime.insight.planner.conclusions import cents, confidence_percent, exact, hundredths
from talktime.insight.wording import counted

if TYPE_CHECKING:
    from rich.table import Table

    from talktime.insight.planner.document import BalanceBand, Buy, Outlook, Plan

CHART_HEIGHT: Final = 6
NARROWEST_CHART: Final = 16
WIDEST_BAR: Final = 36
LEAST_BAR: Final = 8

_BESIDE_BAR: Final = 44
"""Columns that the figures of a month take beside its bar."""


def show_forecast(screen: Screen, plan: Plan) -> None:
    """Months to come with their bands, the balance day by day, and how well the method did in the past."""
    outlook = plan.outlook
    if outlook is None:
        return
    screen.section(f"What is to come, {plan.currency}", outlook.says)
    _months(screen, outlook)
    _course(screen, outlook, plan.currency)
    _tested(screen, plan)


def _months(screen: Screen, outlook: Outlook) -> None:
    """Each month with its band; the bar only where there is room for it."""
    if not outlook.months:
        return
    most = max(month.high for month in outlook.months)
    width = min(screen.width - _BESIDE_BAR, WIDEST_BAR)
    rows = [
        (
            month.month,
            cents(month.low),
            cents(month.expected),
            cents(month.high),
            _bar((month.low, month.expected, month.high), most, width, plain=screen.plain),
        )
        for month in outlook.months
    ]
    screen.say()
    screen.show(screen.table(("month", "at least", "expected", "at most", ""), rows))
    screen.say(
        f"at least, at most: each holds in {confidence_percent(outlook.confidence)} of 100 cases like these",
        "dim",
    )


def _bar(band: tuple[int, int, int], most: int, width: int, *, plain: bool) -> Text | str:
    return Text(band_bar(band, most, width, plain=plain), justify="left") if width >= LEAST_BAR else ""


def _course(screen: Screen, outlook: Outlook, currency: str) -> None:
    """The balance to come without another purchase, as columns with their band."""
    if not outlook.course or outlook.balance is None:
        return
    screen.say()
    screen.say(f"The balance of {exact(outlook.balance)} {currency}, if nothing is bought", "bold")
    for row in course_chart(outlook.course, screen.width, plain=screen.plain):
        screen.say(row)


def course_chart(course: tuple[BalanceBand, ...], width: int, *, plain: bool) -> list[str]:
    """A column a day (or every so many days), an axis and a legend, in `width` columns."""
    top = max(*(day.high for day in course), 1)
    label = max(len(cents(top)), 8) + 2
    room = max(width - label, NARROWEST_CHART)
    every = -(-len(course) // room)  # rounded up: no more columns than there is room for
    shown = course[::every]
    bars = band_chart([(day.low, day.expected, day.high) for day in shown], top, CHART_HEIGHT, plain=plain)
    left = [cents(top), *[""] * (CHART_HEIGHT - 1)]
    rows = [
        f"{value:>{label - 2}} {'|' if plain else '│'}{bar}" for value, bar in zip(left, bars, strict=True)
    ]
    rows.append(f"{'0':>{label - 2}} {'+' if plain else '└'}{axis(len(shown), (), plain=plain)}")
    first, last = shown[0].day, shown[-1].day
    rows.append(" " * (label - 1) + first + last.rjust(max(len(shown) - len(first), len(last) + 1)))
    full, half, light = ("#", "+", ".") if plain else ("█", "▓", "░")
    rows.append(f"{full} at least  {half} expected  {light} at most  x nothing left")
    return [row.rstrip() for row in rows]


def _tested(screen: Screen, plan: Plan) -> None:
    """The same method on the past: made from what came before, beside what came."""
    if not plan.tested:
        return
    screen.say()
    screen.say("The same forecast made in the past, from what was known before, beside what came", "bold")
    rows = [
        (
            line.what,
            cents(line.low),
            cents(line.expected),
            cents(line.high),
            cents(line.actual),
            "" if line.error is None else f"{hundredths(line.error)} %",
            "yes" if line.inside else "no",
        )
        for line in plan.tested
    ]
    headings = ("for", "at least", "expected", "at most", "came", "off by", "inside")
    screen.show(screen.table(headings, rows))


def show_buy(screen: Screen, plan: Plan) -> None:
    """What to buy in sentences, then the rules of auto-recharge and the amounts to choose among."""
    buy = plan.buy
    if buy is None:
        return
    screen.section(f"What to buy, {plan.currency}", buy.says)
    screen.say()
    screen.side_by_side([table for table in (_choices(screen, buy), _once(screen, buy)) if table.rows])


def _choices(screen: Screen, buy: Buy) -> Table:
    rows = [
        (
            "*" if choice.best else "",
            cents(choice.below),
            cents(choice.add),
            f"{choice.payments:,}",
            cents(choice.idle),
            cents(choice.forfeited),
        )
        for choice in buy.choices
    ]
    headings = ("", "when below", "add", "payments a year", "idle", "expires a year")
    return screen.table(headings, rows)


def _once(screen: Screen, buy: Buy) -> Table:
    rows = [
        (counted(one.months, "month"), cents(one.amount), cents(one.expected), cents(one.forfeited))
        for one in buy.one_time
    ]
    return screen.table(("once, for", "buy", "expected", "expires"), rows)
