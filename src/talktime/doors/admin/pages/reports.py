"""Analytics & reports > Usage reports: calls with filters and columns, what they come to, files of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from nicegui import ui

from talktime.catalog.overview import category_name
from talktime.client import ProblemError
from talktime.doors.admin.export_parts import export_part
from talktime.doors.admin.kit.act import words_of
from talktime.doors.admin.kit.fields import on_enter, select_field, text_field
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import Cell, Column, anchor, card, pager, row, table, tabs
from talktime.doors.admin.page import Visit, page
from talktime.doors.admin.report_choice import FILTERS, Choice, WrongSpanError, choice_of
from talktime.doors.admin.report_columns import (
    CALL_COLUMNS,
    CallColumn,
    chosen_columns,
    country_words,
    heads,
)
from talktime.doors.admin.report_columns import (
    words_of as column_words,
)
from talktime.doors.admin.report_parts import (
    GROUPINGS,
    afterwards,
    day_chart,
    filled,
    lines_chart,
    lines_part,
    report_form,
    sums_part,
)

if TYPE_CHECKING:
    from talktime.client.management.answers_calls import UsageRow

CALLS_A_PAGE = 50
CALLS = "calls"
FORBIDDEN = 403


@page("/tenants/{tenant}/reports", title="Usage reports", needs="see_usage_without_names", wide=True)
async def reports(at: Visit) -> None:
    """The form, the sums, then the calls or the lines by one thing."""
    choice = choice_of(at)
    with card():
        report_form(at, "reports", choice)
    try:
        days = choice.said(at.words)
    except WrongSpanError as error:
        said("warning", str(error))
        return
    await _Report(at, choice).build(days)


class _Report:
    """A report that is looked at: its filters and columns change in place, and so does the address."""

    def __init__(self, at: Visit, choice: Choice) -> None:
        self.at = at
        self.choice = choice
        self.columns = chosen_columns(at.query.get("columns", ""))
        self.cursor = at.query.get("cursor", "")
        self.tab = at.query.get("tab", CALLS)
        self.grouping = next((each for each in GROUPINGS if each.by == self.tab), None)
        self.fields: dict[str, Any] = {}

    def asked(self) -> dict[str, Any]:
        return self.choice.asked(self.at.words)

    def address(self, **changes: str | None) -> str:
        """The address of what is shown; with a tab or a cursor where one is given."""
        tab = None if self.grouping is None else self.tab
        query = {**self.choice.query, "tab": tab, "columns": column_words(self.columns) or None}
        return self.at.link("reports", **{**query, **changes})

    async def build(self, days: str) -> None:
        """Builds the page: what is quick first, sums and charts when it stands."""
        with card(days):
            self._filters()
            self.sums = ui.element("div")
            export_part(self.at, "usage", self.asked)
            self.charts = ui.element("div").classes("tt-charts")
        with card():
            self.tabs = ui.element("div")
            if self.grouping is None:
                self._chooser()
            self.lines = ui.element("div").classes("tt-calls")
            self._draw_tabs()
        await filled(self.lines, self._draw_lines)
        afterwards(self._fill_sums)
        afterwards(self._fill_options)

    # --- filters -------------------------------------------------------------------------------------------

    def _filters(self) -> None:
        own = self.choice.filters
        with row():
            user = text_field("User or service number", own.get("user", ""), hint="As the table has it")
            user.props("clearable")
            on_enter(user, lambda: self._chosen("user", user.value), also_when_left=True)
            user.on("clear", lambda: self._chosen("user", ""))
            self.fields["user"] = user
            for name, label, words in (
                ("call_type", "Call type", str),
                ("category", "Category", category_name),
                ("country", "Country called", country_words),
            ):
                value = own.get(name, "")
                options = {"": "All"} | ({value: words(value)} if value else {})
                self.fields[name] = select_field(label, options, value, on_change=self._changing(name))

    def _changing(self, name: str) -> Any:
        return lambda event: self._chosen(name, event.value)

    async def _chosen(self, name: str, value: str | None) -> None:
        value = (value or "").strip()
        if value == self.choice.filters.get(name, ""):
            return
        self.choice, self.cursor = self.choice.chosen(name, value), ""
        ui.navigate.history.replace(self.address())
        self._draw_tabs()
        self.fields["user"].error = None
        try:
            await self._draw_lines()
        except ProblemError as error:
            if error.status != FORBIDDEN:
                raise
            self.fields["user"].error = words_of(error)
            return
        await self._fill_sums()

    async def _fill_options(self) -> None:
        """The filters offer what calls of these days have."""
        since, until = self.choice.span(self.at.words)
        usage = self.at.tenant.usage
        summary, countries = await asyncio.gather(
            usage.summary(since=since, until=until), usage.spend("country", since=since, until=until)
        )
        for name, lines, words in (
            ("call_type", summary.call_types, str),
            ("category", summary.categories, category_name),
            ("country", countries.lines, country_words),
        ):
            field = self.fields[name]
            found = {line.key: words(line.key) for line in lines if line.key}
            held = {field.value: words(field.value)} if field.value else {}
            ordered = dict(sorted({**held, **found}.items(), key=lambda pair: pair[1]))
            field.set_options({"": "All", **ordered}, value=field.value)

    # --- what is shown -------------------------------------------------------------------------------------

    def _draw_tabs(self) -> None:
        self.tabs.clear()
        entries = [("Calls", self.address(tab=None), self.grouping is None)]
        entries += [(each.tab, self.address(tab=each.by), each is self.grouping) for each in GROUPINGS]
        with self.tabs:
            tabs("Views of the report", entries)

    async def _fill_sums(self) -> None:
        await filled(self.sums, self._draw_sums)

    async def _draw_sums(self) -> None:
        found = await self.at.tenant.usage.summary(**self.asked())
        self.sums.clear()
        with self.sums:
            sums_part(self.at, found.total, found.currency)
        self.charts.clear()
        if found.total.amount:
            with self.charts, ui.element("div"):
                day_chart(found.days, found.currency)
            with self.charts, ui.element("div"):
                lines_chart(GROUPINGS[0], found.categories, found.currency)

    async def _draw_lines(self) -> None:
        if self.grouping is not None:
            spend = await self.at.tenant.usage.spend(self.grouping.by, **self.asked())
            self.lines.clear()
            with self.lines:
                lines_part(self.at, self.choice, self.grouping, spend)
            return
        usage = self.at.tenant.usage
        found = await usage.pages(**self.asked(), limit=CALLS_A_PAGE, cursor=self.cursor).first()
        self.calls, self.next = found.items, found.next
        self._draw_calls()

    def _draw_calls(self) -> None:
        self.lines.clear()
        with self.lines:
            table(
                [Column("", "time"), *heads(self.columns)],
                [self._cells(call) for call in self.calls],
                "Calls, newest first",
                nothing=self._nothing(),
            )
            pager(
                self.address() if self.cursor else "",
                self.address(cursor=str(self.next)) if self.next is not None else "",
                f"{len(self.calls)} calls on this page" if self.calls else "",
            )

    def _nothing(self) -> str:
        if any(self.choice.filters.get(name) for name in FILTERS):
            return "No call fits these filters. Take one away, or choose other days."
        return "There is no call in these days. Choose other days above and press Run report."

    def _cells(self, call: UsageRow) -> list[Cell]:
        story = anchor("Explain", self.at.link("calls", call.call_id or call.id))
        return [story, *(column.cell(self.at, call) for column in self.columns)]

    # --- columns -------------------------------------------------------------------------------------------

    def _chooser(self) -> None:
        with ui.element("details").classes("tt-more"):
            with ui.element("summary"):
                ui.label("Columns").style("display:inline")
            with ui.element("fieldset").classes("tt-boxes"):
                with ui.element("legend").classes("tt-hidden"):
                    ui.label("Columns of the table")
                for column in CALL_COLUMNS:
                    ui.checkbox(
                        column.label, value=column in self.columns, on_change=self._choosing(column)
                    ).props("dense")

    def _choosing(self, column: CallColumn) -> Any:
        def chosen(event: Any) -> None:
            words = {each.word for each in self.columns} - {column.word}
            words |= {column.word} if event.value else set()
            self.columns = tuple(each for each in CALL_COLUMNS if each.word in words)
            ui.navigate.history.replace(self.address(cursor=self.cursor or None))
            self._draw_tabs()
            self._draw_calls()

        return chosen
