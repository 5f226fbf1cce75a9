"""Scenarios beside today's settings, on the terminal and as JSON.

First what each would have cost, with a bar; then all figures as rows, scenarios as columns with their
differences, as many beside each other as the terminal holds. JSON has the names of the management API.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from rich.measure import Measurement

from talktime.core.money import format_money
from talktime.doors.cli.chart import share_bar
from talktime.doors.cli.screen import Screen, decimals_of, minutes, money, screen_of
from talktime.files.instants import format_instant
from talktime.files.report import SAMPLE_PRICES
from talktime.insight.side_by_side import COUNT, MONEY, TIME, categories_of, lines_of, ran_out_of
from talktime.insight.what_if_figures import COMPARED, Figures

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from talktime.insight.side_by_side import Shown
    from talktime.insight.what_if_figures import Compared, Difference

BAR_WIDTH: Final = 12
NARROW: Final = 60
"""A terminal without room for bars."""

_WITHOUT_END: Final = 10_000
TODAY: Final = "today"
OFF: Final = "than today"

Block = Callable[[Sequence[int], bool], "Table"]


def show_scenarios(console: Console, compared: Compared) -> None:
    """What was tried, side by side."""
    screen = screen_of(console)
    screen.title(f"Scenarios, {compared.currency}")
    if any(one.sample for one in compared.figures):
        screen.say(f"{SAMPLE_PRICES.upper()}: the amounts are not what your carrier bills.", "bold yellow")
    screen.show(_costs(screen, compared))
    screen.say("What plans themselves cost is not in these figures.", "dim")
    screen.say()
    _in_blocks(screen, compared, lambda which, off: _figures(screen, compared, which, off=off))
    if categories_of(compared):
        screen.title(f"Spend by category, {compared.currency}")
        _in_blocks(screen, compared, lambda which, _: _categories(screen, compared, which))


def _label(at: int) -> str:
    """How a column is headed: names are long, so they stand in the first table alone."""
    return str(at) if at else TODAY


def _costs(screen: Screen, compared: Compared) -> Table:
    """A line for each, with its name."""
    amounts = [one.amount for one in compared.figures]
    places = decimals_of(amounts)
    rows = []
    for at, one in enumerate(compared.figures):
        bar = share_bar(one.amount, max(amounts), BAR_WIDTH, plain=screen.plain)
        off = _signed_money(one.amount - amounts[0], places) if at else ""
        cells = (f"{at}  {one.name}" if at else one.name, money(one.amount, places), off)
        rows.append(cells if screen.width < NARROW else (*cells, bar))
    headings = ("", "cost", OFF) if screen.width < NARROW else ("", "cost", OFF, "")
    return screen.table(headings, rows)


def _in_blocks(screen: Screen, compared: Compared, made: Block) -> None:
    """Tables of as many scenarios as fit beside today's; where not even one does, without differences."""
    left = list(range(1, len(compared.figures)))
    while True:
        block, off = _fitting(screen, left, made)
        screen.show(made(block, off))
        left = left[len(block) :]
        if not left:
            return
        screen.say()


def _fitting(screen: Screen, left: Sequence[int], made: Block) -> tuple[Sequence[int], bool]:
    for size in range(len(left), 0, -1):
        if _fits(screen, made(left[:size], True)):
            return left[:size], True
    return left[:1], False


def _fits(screen: Screen, table: Table) -> bool:
    without_end = screen.console.options.update(width=_WITHOUT_END)
    return Measurement.get(screen.console, without_end, table).maximum <= screen.width


def _figures(screen: Screen, compared: Compared, which: Sequence[int], *, off: bool) -> Table:
    headings = ["", TODAY]
    for at in which:
        headings += [_label(at), OFF] if off else [_label(at)]
    rows = [_line(shown, which, off=off) for shown in lines_of(compared)]
    days = ran_out_of(compared)
    if any(days):
        told = [day or "never" for day in days]
        rows.append(
            ["Money ran out on", told[0], *(cell for at in which for cell in (told[at], "")[: 1 + off])]
        )
    return screen.table(headings, rows)


def _line(shown: Shown, which: Sequence[int], *, off: bool) -> list[str]:
    places = decimals_of(shown.values) if shown.line.kind == MONEY else 0
    values = [_value(shown.line.kind, value, places) for value in shown.values]
    cells = [shown.line.label, values[0]]
    for at in which:
        difference = _signed(shown.line.kind, shown.differences[at - 1], places)
        cells += [values[at], difference] if off else [values[at]]
    return cells


def _value(kind: str, value: int, places: int) -> str:
    if kind == TIME:
        return minutes(value)
    return money(value, places) if kind == MONEY else f"{value:,}"


def _signed(kind: str, difference: int, places: int) -> str:
    """A difference with its sign, "" for none."""
    if not difference:
        return ""
    if kind == MONEY:
        return _signed_money(difference, places)
    shown = minutes(abs(difference)) if kind != COUNT else f"{abs(difference):,}"
    return f"{'+' if difference > 0 else '-'}{shown}"


def _signed_money(difference: int, places: int) -> str:
    if not difference:
        return ""
    return f"{'+' if difference > 0 else '-'}{money(abs(difference), places)}"


def _categories(screen: Screen, compared: Compared, which: Sequence[int]) -> Table:
    found = categories_of(compared)
    places = decimals_of(amount for _, amounts in found for amount in amounts)
    rows = [
        [name, money(amounts[0], places), *(money(amounts[at], places) for at in which)]
        for name, amounts in found
    ]
    return screen.table(["category", TODAY, *(_label(at) for at in which)], rows)


# --- JSON ----------------------------------------------------------------------------------------------

_MONEY: Final = frozenset(
    {"amount", "credits", "post_usage", "overdraft", "opening_balance", "closing_balance", "lowest_balance"}
    | {"forfeited", "recharged"}
)
"""Figures that are money; those that end in `_s` are seconds, the rest are counts and words."""

_APART: Final = {"recharged_at", "ran_out_us", "ran_out_day", "categories", "pools", "days", "warnings"}


def scenarios_json(compared: Compared) -> dict[str, Any]:
    """All figures: money as decimal strings, instants ISO 8601, time in seconds."""
    today, *others = compared.figures
    return {
        "currency": compared.currency,
        "time_zone": compared.time_zone,
        "rows": compared.rows,
        "rejected_rows": compared.rejected_rows,
        "duplicate_rows": compared.duplicate_rows,
        "from": format_instant(compared.from_us),
        "until": format_instant(compared.until_us),
        "today": _json(today),
        "scenarios": [_json(one) for one in others],
        "differences": [_difference(one) for one in compared.differences],
    }


def _plain(name: str, value: Any) -> tuple[str, Any]:
    """A figure by its name in the API."""
    if name in _MONEY:
        return name, format_money(value)
    return (f"{name[:-2]}_seconds" if name.endswith("_s") else name), value


def _json(one: Figures) -> dict[str, Any]:
    plain = dict(_plain(name, getattr(one, name)) for name in Figures.__struct_fields__ if name not in _APART)
    return plain | {
        "recharged_at": [
            {
                "at": format_instant(each.at_us),
                "amount": format_money(each.amount),
                "balance_after": format_money(each.balance_after),
            }
            for each in one.recharged_at
        ],
        "money_ran_out_at": None if one.ran_out_us is None else format_instant(one.ran_out_us),
        "money_ran_out_on": one.ran_out_day or None,
        "by_category": [
            {
                "name": each.name,
                "calls": each.calls,
                "billed_seconds": each.billed_s,
                "amount": format_money(each.amount),
            }
            for each in one.categories
        ],
        "pools": [
            {
                "plan": each.plan,
                "kind": each.kind,
                "month": each.month,
                "owner": each.owner,
                "by_user": each.by_user,
                "pools": each.pools,
                "full": each.full,
                "total_seconds": each.size_s,
                "used_seconds": each.used_s,
            }
            for each in one.pools
        ],
        "days": [
            {"day": each.day, "balance": format_money(each.balance), "lowest": format_money(each.lowest)}
            for each in one.days
        ],
        "warnings": list(one.warnings),
    }


def _difference(one: Difference) -> dict[str, Any]:
    plain = dict(_plain(name, one.figures[name]) for name in COMPARED)
    lines = [{"name": name, "amount": format_money(amount)} for name, amount in one.categories.items()]
    return {"name": one.name, **plain, "by_category": lines}
