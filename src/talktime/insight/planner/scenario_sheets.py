"""Scenarios side by side as a workbook: figures, categories, included minutes, balance, recharges, charts.

Today's settings are the first column, each scenario follows with its difference to them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from talktime.insight.planner.sheets import SAMPLE_SAID, Chart, Heading, Kind, Value, workbook
from talktime.insight.side_by_side import COUNT, MONEY, TIME, categories_of, lines_of, ran_out_of
from talktime.insight.wording import counted, moment

if TYPE_CHECKING:
    from talktime.insight.planner.sheets import Book, Cell
    from talktime.insight.side_by_side import Shown
    from talktime.insight.what_if_figures import Compared, Figures, PoolFigures

_KINDS: Final = {MONEY: Kind.MONEY, TIME: Kind.MINUTES, COUNT: Kind.COUNT}
_PoolKey = tuple[str, str, str, str, bool]


def write_scenarios(path: Path, compared: Compared) -> None:
    """Writes a workbook of its own; the file appears whole or not at all. Raises ReportError."""
    with workbook(path, compared.currency, sample=any(one.sample for one in compared.figures)) as book:
        add_scenarios(book, compared)


def add_scenarios(book: Book, compared: Compared) -> None:
    """Adds the sheets of scenarios to a workbook."""
    _side_by_side(book, compared)
    _categories(book, compared)
    _pools(book, compared)
    _days(book, compared)
    _recharges(book, compared)


def _side_by_side(book: Book, compared: Compared) -> None:
    page = book.page("Side by side")
    today, *others = compared.figures
    headings = [Heading("Figure", Kind.TEXT), Heading(today.name, Kind.MONEY)]
    for one in others:
        headings += [Heading(one.name, Kind.MONEY), Heading(f"{one.name}: difference", Kind.MONEY)]
    rows = [_line(shown) for shown in lines_of(compared)]
    rows.append(_words("Money ran out on", [day or "never" for day in ran_out_of(compared)]))
    rows.append(_words("Rate deck", [_deck(one) for one in compared.figures]))
    page.table(headings, rows)
    page.notes(_about(compared))
    if any(one.sample for one in compared.figures):
        page.notes([SAMPLE_SAID], warning=True)


def _line(shown: Shown) -> list[Cell]:
    kind = _KINDS[shown.line.kind]
    today, *others = shown.values
    cells: list[Cell] = [shown.line.label, Value(kind, today)]
    for value, difference in zip(others, shown.differences, strict=True):
        cells += [Value(kind, value), Value(kind, difference)]
    return cells


def _words(label: str, words: list[str]) -> list[Cell]:
    today, *others = words
    cells: list[Cell] = [label, Value(Kind.TEXT, today)]
    for word in others:
        cells += [Value(Kind.TEXT, word), Value(Kind.TEXT, None)]
    return cells


def _deck(one: Figures) -> str:
    return f"{one.deck} {one.deck_version}".strip()


def _about(compared: Compared) -> list[str]:
    """What it was made of, and what is in no figure."""
    rows = [counted(compared.rows, "call")]
    if compared.rejected_rows:
        rows.append(f"{counted(compared.rejected_rows, 'row')} set aside")
    if compared.duplicate_rows:
        rows.append(f"{counted(compared.duplicate_rows, 'row')} that stood there twice")
    span = f"{moment(compared.from_us)} to {moment(compared.until_us)}"
    warnings = dict.fromkeys(warning for one in compared.figures for warning in one.warnings)
    return [
        f"{', '.join(rows)}, {span}.",
        f"Money in {compared.currency}, time in minutes, days of {compared.time_zone}.",
        "What plans themselves cost is not in these figures.",
        *(f"{warning[:1].upper()}{warning[1:]}." for warning in warnings),
    ]


def _categories(book: Book, compared: Compared) -> None:
    page = book.page("Categories")
    names = [one.name for one in compared.figures]
    headings = [Heading("Category", Kind.TEXT), *(Heading(name, Kind.MONEY) for name in names)]
    rows: list[list[Cell]] = [[name, *amounts] for name, amounts in categories_of(compared)]
    chart = Chart("Spend by category", "column", range(1, len(headings)), stacked=True, by_rows=True)
    page.table(headings, rows, chart=chart)
    if not rows:
        page.notes(["Nothing was spent in any of them."])


def _pools(book: Book, compared: Compared) -> None:
    """A row for each pool of a month; pools of single users of a plan stand together."""
    headings = [Heading(name, Kind.TEXT) for name in ("Month", "Plan", "Minutes", "Shared by")]
    for one in compared.figures:
        headings += [
            Heading(f"{one.name}: used", Kind.MINUTES),
            Heading(f"{one.name}: of", Kind.MINUTES),
            Heading(f"{one.name}: pools used up", Kind.COUNT),
        ]
    known = [{_key(pool): pool for pool in one.pools} for one in compared.figures]
    rows: list[list[Cell]] = []
    for key in sorted({key for pools in known for key in pools}):
        month, plan, kind, owner, by_user = key
        shared = "each user alone" if by_user else owner or "the organisation"
        cells: list[Cell] = [month, plan, kind.replace("_", " "), shared]
        for pools in known:
            pool = pools.get(key)
            size = None if pool is None else pool.size_s
            cells += [
                None if pool is None else pool.used_s,
                Value(Kind.TEXT, "unlimited") if pool is not None and size is None else size,
                None if pool is None else pool.full,
            ]
        rows.append(cells)
    book.page("Included minutes").table(headings, rows)


def _key(pool: PoolFigures) -> _PoolKey:
    return pool.month, pool.plan, pool.kind, pool.owner, pool.by_user


def _days(book: Book, compared: Compared) -> None:
    """The balance at the end of each day; where one has no day, it is as on the day before."""
    names = [one.name for one in compared.figures]
    headings = [Heading("Day", Kind.TEXT), *(Heading(name, Kind.MONEY) for name in names)]
    known = [{day.day: day.balance for day in one.days} for one in compared.figures]
    rows: list[list[Cell]] = []
    last: list[int | None] = [None] * len(known)
    for day in sorted({day for days in known for day in days}):
        last = [days.get(day, before) for days, before in zip(known, last, strict=True)]
        rows.append([day, *last])
    chart = Chart("Balance over time", "line", range(1, len(headings)))
    book.page("Balance").table(headings, rows, chart=chart)


def _recharges(book: Book, compared: Compared) -> None:
    rows: list[list[Cell]] = [
        [one.name, each.at_us, each.amount, each.balance_after]
        for one in compared.figures
        for each in one.recharged_at
    ]
    if rows:
        headings = [
            Heading("Scenario", Kind.TEXT),
            Heading("When", Kind.INSTANT),
            Heading("Amount", Kind.MONEY),
            Heading("Balance after", Kind.MONEY),
        ]
        book.page("Recharges").table(headings, rows)
