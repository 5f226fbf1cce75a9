"""What the reports on usage share: the form above them, sums, charts, lines by one thing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

from markupsafe import Markup
from nicegui import ui

from talktime.catalog.overview import category_name
from talktime.client import ProblemError, UnavailableError
from talktime.doors.admin.kit.act import action, words_of
from talktime.doors.admin.kit.charts import Series, bar_chart
from talktime.doors.admin.kit.fields import date_field, select_field
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import Cell, Column, anchor, figure, pager, row, table
from talktime.doors.admin.report_choice import CUSTOM, RANGES, REPORTS, Choice, WrongSpanError
from talktime.doors.admin.report_columns import country_words
from talktime.doors.admin.words import count, minutes

if TYPE_CHECKING:
    from talktime.client.management.answers_calls import DaySums, Spend, SpendLine, Sums
    from talktime.client.management.usage import By
    from talktime.doors.admin.visit import Visit

LINES: Final = 50
"""Lines of a list on one page."""

SIGNED_OUT: Final = 401

BARS: Final = 12
"""Bars of a chart at most: the dearest; the table has all."""


class Grouping(NamedTuple):
    """What spend is shown by: the API's word, the tab, the head, how a key is said, the filter that it is."""

    by: By
    tab: str
    head: str
    said: Callable[[str], str]
    filter: str = ""


GROUPINGS: Final = (
    Grouping("category", "By category", "Category", category_name, "category"),
    Grouping("user", "By user", "User", lambda key: key or "No user (calls of services)", "user"),
    Grouping("country", "By country", "Country called", country_words, "country"),
    Grouping(
        "service_number",
        "By service number",
        "Service number",
        lambda key: key or "None (users' calls)",
        "user",
    ),
    Grouping("cost_centre", "By cost centre", "Cost centre", lambda key: key or "None"),
)


# --- the form ----------------------------------------------------------------------------------------------


def report_form(at: Visit, address: str, choice: Choice) -> None:
    """Which report and of which days; Run report goes to its address."""
    offered = {each.address: each.label for each in REPORTS if at.may(each.needs)}
    with row():
        report = select_field("Report", offered, address if address in offered else None)
        report.classes("tt-report")
        span = select_field("Date range", RANGES, choice.range)
        since = date_field("First day", _known_day(choice.since))
        until = date_field("Last day", _known_day(choice.until))
        places = {"since": since, "until": until}

        def days(_: object = None) -> None:
            for each in places.values():
                each.set_visibility(span.value == CUSTOM)

        async def run() -> None:
            wanted = Choice(str(span.value), str(since.value or ""), str(until.value or ""), choice.filters)
            for each in places.values():
                each.error = None
            try:
                wanted.days(at.today())
            except WrongSpanError as error:
                places[error.place].error = str(error)
                places[error.place].run_method("focus")
                return
            at.go(at.link(str(report.value), **wanted.query))

        span.on_value_change(days)
        days()
        action("Run report", run, is_main=True).classes("tt-run")
    if choice.range == CUSTOM:
        _say_wrong(at, choice, places)


def _say_wrong(at: Visit, choice: Choice, places: dict[str, ui.input]) -> None:
    try:
        choice.days(at.today())
    except WrongSpanError as error:
        places[error.place].error = str(error)


def _known_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


# --- figures -----------------------------------------------------------------------------------------------


def sums_part(at: Visit, total: Sums, currency: str) -> None:
    """What the calls come to."""
    with ui.element("div").classes("tt-sums"):
        figure("Calls", count(total.calls))
        figure("Billed minutes", minutes(total.billed_seconds))
        figure("From pools", minutes(total.pool_seconds), "minutes")
        figure("Paid minutes", minutes(total.paid_seconds))
        figure("Spend", at.money(total.amount, currency), _who_paid(at, total, currency))


def _who_paid(at: Visit, total: Sums, currency: str) -> Markup:
    parts = [
        Markup("{} {}").format(at.money(amount, currency), words)
        for amount, words in (
            (total.credits, "from credits"),
            (total.post_usage, "post-usage"),
            (total.overdraft, "overdraft"),
        )
        if amount
    ]
    return Markup(", ").join(parts)


def day_chart(days: Sequence[DaySums], currency: str) -> None:
    """Spend a day."""
    labels = [f"{day.day} {day:%b}" for day in (date.fromisoformat(each.day) for each in days)]
    bar_chart("Spend a day", labels, [Series("Spend", [each.amount for each in days])], unit=currency)


def lines_chart(grouping: Grouping, lines: Sequence[SpendLine], currency: str) -> None:
    """Spend by one thing, the dearest first."""
    shown = [line for line in lines if line.amount][:BARS]
    if not shown:
        return
    labels = [_short(grouping.said(line.key)) for line in shown]
    title = f"Spend {grouping.tab.lower()}"
    bar_chart(title, labels, [Series("Spend", [line.amount for line in shown])], unit=currency, lying=True)


def _short(label: str, most: int = 34) -> str:
    return label if len(label) <= most else f"{label[: most - 1]}…"


def lines_part(at: Visit, choice: Choice, grouping: Grouping, found: Spend) -> None:
    """The lines of a report by one thing, a page of them, and the sum of all; the API has compared both."""
    first = first_of(at, len(found.lines))
    heads = [
        Column(grouping.head),
        *(Column(label, "figure") for label in ("Calls", "Billed minutes", "Pool minutes", "Paid minutes")),
        Column("Spend", "figure"),
    ]
    shown = [
        [_line_name(at, choice, grouping, line.key), *_figures(at, line, found.currency)]
        for line in found.lines[first : first + LINES]
    ]
    sums = ["All", *_figures(at, found.total, found.currency)]
    table(
        heads,
        shown,
        f"Spend {grouping.tab.lower()}",
        nothing="There is no call in these days. Choose other days, or fewer filters.",
        foot=sums,
    )
    last = min(first + LINES, len(found.lines))
    pager(
        at.here(first=None) if first else "",
        at.here(first=last) if last < len(found.lines) else "",
        f"{first + 1:,} to {last:,} of {len(found.lines):,}",
    )
    if found.lines and found.reconciled:
        said("good", "Reconciled: the lines come to the sum of all calls, to the last millionth.")


def first_of(at: Visit, lines: int) -> int:
    """Where the page of a list begins that the address asks for; 0 for what is none."""
    asked = at.query.get("first", "")
    found = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 9 else 0
    return found if found < lines else 0


def _line_name(at: Visit, choice: Choice, grouping: Grouping, key: str) -> Cell:
    label = grouping.said(key)
    if not grouping.filter or not key:
        return label
    return anchor(label, at.link("reports", **choice.chosen(grouping.filter, key).query))


def _figures(at: Visit, sums: Sums, currency: str) -> list[Cell]:
    seconds = (sums.billed_seconds, sums.pool_seconds, sums.paid_seconds)
    return [count(sums.calls), *map(minutes, seconds), at.money(sums.amount, currency)]


# --- slower parts ------------------------------------------------------------------------------------------


async def filled(box: ui.element, build: Callable[[], Awaitable[None]]) -> None:
    """Fills a part; where the API refuses, its sentence stands there."""
    try:
        await build()
    except (ProblemError, UnavailableError) as error:
        if isinstance(error, ProblemError) and error.status == SIGNED_OUT:
            ui.navigate.to("/sign-in")
            return
        box.clear()
        with box:
            said("error", words_of(error))


def afterwards(build: Callable[[], Awaitable[None]]) -> None:
    """Builds a part when the page stands already: what is quick is seen before what takes a moment."""
    ui.timer(0.0, build, once=True)
