"""Sheets of the planner's answer that look ahead: forecast, its own past errors, what to buy, which plans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from talktime.insight.planner.sheets import Chart, Heading, Kind, Value
from talktime.insight.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from talktime.insight.planner.document import Buy, Mix, Outlook, RuleTried, TestedLine
    from talktime.insight.planner.sheets import Book, Cell, Page

_BAND = (Heading("Low", Kind.MONEY), Heading("Expected", Kind.MONEY), Heading("High", Kind.MONEY))
_WHAT = (Heading("What", Kind.TEXT), Heading("Value", Kind.TEXT))


def forecast_sheet(book: Book, outlook: Outlook) -> None:
    """What months to come cost and how long the balance lasts, each with its band."""
    page = book.page("Forecast")
    page.title("What months are expected to cost")
    months: list[list[Cell]] = [[one.month, one.low, one.expected, one.high] for one in outlook.months]
    chart = Chart("Cost of months to come", "line", [1, 2, 3])
    page.table([Heading("Month", Kind.TEXT), *_BAND], months, chart=chart)
    page.title("What it rests on")
    page.table(_WHAT, list(_facts(outlook)))
    page.notes(outlook.says)
    if outlook.course:
        page.title("Balance without another purchase")
        days: list[list[Cell]] = [[one.day, one.low, one.expected, one.high] for one in outlook.course]
        chart = Chart("Balance without another purchase", "line", [1, 2, 3])
        page.table([Heading("Day", Kind.TEXT), *_BAND], days, chart=chart)


def _facts(outlook: Outlook) -> Iterator[list[Cell]]:
    yield ["Confidence", Value(Kind.PERCENT, 10 * outlook.confidence)]
    yield ["First day of the forecast", outlook.from_day]
    yield ["Days of usage that count", Value(Kind.COUNT, outlook.days)]
    yield ["Days left out", ", ".join(outlook.left_out) or "none"]
    growth = outlook.growth
    yield ["Growth a month", "none is certain" if growth is None else Value(Kind.PERCENT, growth)]
    yield ["A week costs now", Value(Kind.MONEY, outlook.a_week)]
    if outlook.balance is not None:
        yield ["Balance", Value(Kind.MONEY, outlook.balance)]
        spans = (outlook.lasts_low, outlook.lasts_expected, outlook.lasts_high)
        for word, days in zip(("cautious", "expected", "late"), spans, strict=True):
            lasts: Cell = "longer than three years" if days is None else Value(Kind.COUNT, days)
            yield [f"Days it lasts, {word}", lasts]


def tested_sheet(book: Book, tested: Sequence[TestedLine]) -> None:
    """The forecast made from what came before each of these, and what it came to."""
    headings = [
        *(Heading("Forecast of", Kind.TEXT), *_BAND, Heading("It came to", Kind.MONEY)),
        *(Heading("Error", Kind.PERCENT), Heading("Within the band", Kind.FLAG)),
    ]
    rows: list[list[Cell]] = [
        [one.what, one.low, one.expected, one.high, one.actual, one.error, one.inside] for one in tested
    ]
    chart = Chart("The forecast tested", "line", [1, 2, 3, 4])
    book.page("Tested").table(headings, rows, chart=chart)


def buy_sheet(book: Book, buy: Buy) -> None:
    """Rules of auto-recharge and one-time amounts to choose from, and the best rule as it was tried."""
    page = book.page("Buy")
    page.title("Auto-recharge")
    headings = [
        *(Heading("Below", Kind.MONEY), Heading("Add", Kind.MONEY), Heading("Payments a year", Kind.COUNT)),
        *(Heading("Idle on average", Kind.MONEY), Heading("Expires in a year", Kind.MONEY)),
        Heading("Best", Kind.FLAG),
    ]
    page.table(
        headings,
        [[one.below, one.add, one.payments, one.idle, one.forfeited, one.best] for one in buy.choices],
    )
    page.title("Once")
    headings = [
        *(Heading("Months", Kind.COUNT), Heading("Amount", Kind.MONEY)),
        *(Heading("Expected cost", Kind.MONEY), Heading("Expected to expire", Kind.MONEY)),
    ]
    page.table(headings, [[one.months, one.amount, one.expected, one.forfeited] for one in buy.one_time])
    page.title("What it rests on")
    facts: list[list[Cell]] = [
        ["Confidence", Value(Kind.PERCENT, 10 * buy.confidence)],
        ["Hours that a recharge may take", Value(Kind.COUNT, buy.lead_hours)],
        ["Most that calls cost in that time", Value(Kind.MONEY, buy.dearest)],
        ["when that began", Value(Kind.INSTANT, buy.dearest_us)],
        ["Most that calls in progress held", Value(Kind.MONEY, buy.held)],
    ]
    page.table(_WHAT, facts)
    if buy.tried is not None:
        page.title("The best rule, tried call by call on the usage")
        page.table(_WHAT, _tried(buy.tried))
    page.notes(buy.says)


def _tried(tried: RuleTried) -> list[list[Cell]]:
    return [
        ["Balance at the first call", Value(Kind.MONEY, tried.opening)],
        ["Below", Value(Kind.MONEY, tried.below)],
        ["Add", Value(Kind.MONEY, tried.add)],
        ["Calls blocked", Value(Kind.COUNT, tried.blocked_calls)],
        ["Recharges", Value(Kind.COUNT, tried.recharges)],
        ["Recharged", Value(Kind.MONEY, tried.recharged)],
        ["Lowest balance", Value(Kind.MONEY, tried.lowest_balance)],
        ["Idle on average", Value(Kind.MONEY, tried.idle)],
    ]


def plans_sheet(book: Book, mix: Mix) -> None:
    """Which plan for whom: sums, groups with their bounds, what each option costs, and every change."""
    page = book.page("Plans")
    page.notes(mix.says)
    licences, calls = (mix.licences_now, mix.licences_best), (mix.calls_now, mix.calls_best)
    parts = {
        "Licences": licences,
        "Calls": calls,
        "Together": (licences[0] + calls[0], licences[1] + calls[1]),
    }
    sums: list[list[Cell]] = [[label, now, best, best - now] for label, (now, best) in parts.items()]
    headings = [Heading(counted(len(mix.months), "month"), Kind.TEXT)]
    page.table([*headings, *(Heading(name, Kind.MONEY) for name in ("Today", "Best", "Difference"))], sums)
    page.title("Groups that share minutes")
    _groups(page, mix)
    page.title("Changes")
    headings = [
        *(Heading(name, Kind.TEXT) for name in ("User", "Group", "Today", "Becomes")),
        *(Heading("Calls", Kind.COUNT), Heading("Minutes a month", Kind.MINUTES), Heading("Why", Kind.TEXT)),
    ]
    rows: list[list[Cell]] = [
        [
            *(one.user, one.owner, _plans(one.was), _plans(one.becomes)),
            *(one.calls, one.a_month_s, one.why),
        ]
        for one in mix.changes
    ]
    page.table(headings, rows)
    page.notes([f"Licence prices: {mix.prices}{', invented' if mix.sample else ''}."])


def _groups(page: Page, mix: Mix) -> None:
    headings = [
        *(Heading("Plans for", Kind.TEXT), Heading("Group", Kind.TEXT), Heading("Users", Kind.COUNT)),
        *(Heading(name, Kind.MONEY) for name in ("Today", "Best", "No mix costs less than")),
        *(Heading("At most so far above", Kind.PERCENT), Heading("Proven best", Kind.FLAG)),
    ]
    rows: list[list[Cell]] = [
        [one.family, one.owner, one.users, one.now, one.best, one.bound, one.gap, one.exact]
        for one in mix.groups
    ]
    page.table(headings, rows)
    headings = [
        *(Heading(name, Kind.TEXT) for name in ("Plans for", "Group", "Option", "Plans")),
        *(Heading("A licence and month", Kind.MONEY), Heading("Hold it today", Kind.COUNT)),
        Heading("Best", Kind.COUNT),
    ]
    rows = [
        [one.family, one.owner, option.name, _plans(option.plans), option.price, option.now, option.best]
        for one in mix.groups
        for option in one.options
    ]
    page.table(headings, rows)


def _plans(plans: Sequence[str]) -> str:
    return " + ".join(plans) or "none"
