"""Forecast and purchase in the planner's answer: what is to come, how sure that is, and what to buy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from markupsafe import Markup
from nicegui import ui

from talktime.doors.admin.kit.charts import Series, line_chart
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import Column, anchor, badge, figure, heading, row, table, text
from talktime.doors.admin.planner_words import (
    about,
    day_after,
    figures,
    month_words,
    sentences,
    short_day,
    tested_words,
)
from talktime.doors.admin.words import count, plain_amount

if TYPE_CHECKING:
    from decimal import Decimal

    from talktime.client.management.answers_plan import (
        Plan,
        PlanBuy,
        PlanDocument,
        PlanOutlook,
        PlanRecharge,
        PlanTested,
    )
    from talktime.doors.admin.kit.show import Cell
    from talktime.doors.admin.visit import Visit

NO_FORECAST: Final = "Nothing was paid, or too little is known: there is no forecast."
MOST_REASONS: Final = 12

SHORTEST_COURSE: Final = 28
"""Days of the balance that are drawn at least."""

NOT_ENOUGH: Final = "Even with the best of these rules calls may be blocked: the reasons below it say why."

NOTHING_TO_BUY: Final = "There is nothing to buy."


def forecast(found: PlanDocument) -> None:
    """What months to come cost with their band, the course of the balance, and the forecast's own errors."""
    outlook = found.outlook
    if outlook is None:
        text(NO_FORECAST)
    else:
        _lasts(found, outlook)
        sentences(outlook.says)
        _months(found.currency, outlook)
        _course(found.currency, outlook)
    if found.tested:
        heading("How right it would have been")
        text("The same forecast, made from what came before each of these, beside what came then.")
        _tested(found)


def _lasts(found: PlanDocument, outlook: PlanOutlook) -> None:
    with figures():
        figure("A week costs about", f"{found.currency} {about(outlook.a_week)}", _growth(outlook))
        if outlook.balance is None:
            return
        low, high = outlook.lasts_low_days, outlook.lasts_high_days
        figure("The balance lasts until", _until(outlook, outlook.lasts_expected_days))
        if low is not None:
            figure("Carefully counted", _until(outlook, low), f"at the latest {_until(outlook, high)}")


def _growth(outlook: PlanOutlook) -> str:
    if outlook.growth_percent is None:
        return "no growth is certain"
    way = "growing" if outlook.growth_percent >= 0 else "shrinking"
    return f"{way} by {abs(outlook.growth_percent)} % a month"


def _until(outlook: PlanOutlook, days: int | None) -> str:
    return "over three years" if days is None else day_after(outlook.from_day, days)


def _months(currency: str, outlook: PlanOutlook) -> None:
    if not outlook.months:
        return
    labels = [month_words(one.month) for one in outlook.months]
    heading("What months to come cost")
    series = _band([(one.low, one.expected, one.high) for one in outlook.months])
    line_chart("Expected cost of each month", labels, series, unit=currency)
    text(_sure(outlook), small=True)


def _course(currency: str, outlook: PlanOutlook) -> None:
    if not outlook.course:
        return
    heading("The balance without another purchase")
    # Where the balance has long ended as it is expected to, nothing more is to be seen.
    shown = outlook.course[: max(SHORTEST_COURSE, 2 * (outlook.lasts_expected_days or len(outlook.course)))]
    labels = [short_day(one.day) for one in shown]
    series = _band([(one.low, one.expected, one.high) for one in shown])
    line_chart("Balance at the end of each day", labels, series, unit=currency)


def _band(rows: list[tuple[Decimal, Decimal, Decimal]]) -> list[Series]:
    return [
        Series("Expected", [expected for _, expected, _ in rows]),
        Series("Not below", [low for low, _, _ in rows], dashed=True),
        Series("Not above", [high for _, _, high in rows], dashed=True),
    ]


def _sure(outlook: PlanOutlook) -> str:
    return f"Each edge of the band holds in {outlook.confidence_percent} of 100 cases."


def _tested(found: PlanDocument) -> None:
    heads = [
        Column("Month or week", "time"),
        Column("Forecast", "figure"),
        Column("Band", "figure"),
        Column("What came", "figure"),
        Column("Error", "figure"),
        Column("In the band"),
    ]
    rows = [_tested_cells(one) for one in found.tested]
    table(heads, rows, f"The forecast tested on the past, in {found.currency}")


def _tested_cells(one: PlanTested) -> list[Cell]:
    return [
        tested_words(one.what),
        about(one.expected),
        f"{about(one.low)} to {about(one.high)}",
        about(one.actual),
        "—" if one.error_percent is None else f"{one.error_percent} %",
        badge("yes", "good") if one.inside else badge("no", "warning"),
    ]


# --- what to buy -----------------------------------------------------------------------------------------


def buy(at: Visit, asked: Plan, found: PlanDocument) -> None:
    """Whether credits are needed; rules, amounts bought once, and the best rule tried on the usage itself."""
    need = found.need
    words = {True: "Credits are needed.", False: "No credits are needed.", None: "The usage cannot tell."}
    said("note" if need.answer else "good" if need.answer is False else "warning", words[need.answer])
    sentences(need.says)
    found_buy = found.buy
    if found_buy is None:
        text(NOTHING_TO_BUY)
        return
    if found_buy.choices and not found_buy.holds:
        said("warning", NOT_ENOUGH)
    _choices(found.currency, found_buy)
    _tried(at, found.currency, found_buy)
    _use(at, asked, found_buy)
    _one_time(found.currency, found_buy)


def _choices(currency: str, found: PlanBuy) -> None:
    if not found.choices:
        return
    heading("Auto-recharge: a trigger and an amount")
    heads = [
        Column("Best", "name"),
        Column("When below", "figure"),
        Column("Add", "figure"),
        Column("Payments a year", "figure"),
        Column("Lies idle on average", "figure"),
        Column("Expires in a year", "figure"),
    ]
    rows = [_choice(one, holds=found.holds) for one in found.choices]
    table(heads, rows, f"Rules to choose among, in {currency}")


def _choice(one: PlanRecharge, *, holds: bool) -> list[Cell]:
    best = badge("best", "good") if holds else badge("best, but not enough", "warning")
    return [
        best if one.best else "",
        plain_amount(one.below),
        plain_amount(one.add),
        count(one.payments),
        about(one.idle),
        about(one.forfeited),
    ]


def _tried(at: Visit, currency: str, found: PlanBuy) -> None:
    """The best rule on the usage itself, and what stands behind all of these figures."""
    tried = found.tried
    if tried is not None:
        blocked = f"{count(tried.blocked_calls)} calls blocked" if tried.blocked_calls else "no call blocked"
        told = Markup("The best rule tried on this usage, call by call: {}, never less than {} left.").format(
            blocked, at.money(tried.lowest_balance, currency)
        )
        said("good" if found.holds and not tried.blocked_calls else "warning", told)
    sentences(found.says, MOST_REASONS)


def _use(at: Visit, asked: Plan, found: PlanBuy) -> None:
    best = next((one for one in found.choices if one.best), None)
    if best is None:
        return
    amounts = {"below": f"{best.below:f}", "add": f"{best.add:f}"}
    links = []
    if at.may("edit_auto_recharge"):
        links.append(anchor("Use this rule", at.link("credits/auto-recharge", **amounts), is_main=True))
    if len(asked.files) == 1:
        there = at.link("what-if", file=asked.files[0].id, **amounts)
        links.append(anchor("Try it as scenario", there, as_button=True))
    with row():
        for link in links:
            ui.html(link, sanitize=False)
    if at.may("edit_auto_recharge"):
        text(
            "The settings open with these amounts filled in; nothing is saved before you press Save.",
            small=True,
        )


def _one_time(currency: str, found: PlanBuy) -> None:
    if not found.one_time:
        return
    heading("Or an amount bought once")
    heads = [
        Column("Enough for", "time"),
        Column("Amount", "figure"),
        Column("Expected cost", "figure"),
        Column("Expected to expire", "figure"),
    ]
    rows: list[list[Cell]] = [
        [_span(one.months), plain_amount(one.amount), about(one.expected), about(one.forfeited)]
        for one in found.one_time
    ]
    table(heads, rows, f"Amounts bought once, in {currency}")
    text(
        f"Each is enough in {found.confidence_percent} of 100 cases; credits expire after 12 months.",
        small=True,
    )


def _span(months: int) -> str:
    return "1 month" if months == 1 else f"{months} months"
