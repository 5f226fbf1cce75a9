"""A plan on the terminal: first the answer in a few sentences, then what each of them rests on.

Readable in 80 columns and wider, without colour where the output is no terminal, in ASCII where it cannot
show more (`show_plan_usage`, `show_plan_money` and `show_plan_mix` have the sections).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table

from talktime.doors.cli.screen import Screen, screen_of
from talktime.doors.cli.show_plan_mix import show_carriers, show_mix
from talktime.doors.cli.show_plan_money import show_buy, show_forecast
from talktime.doors.cli.show_plan_usage import show_paid, show_pools
from talktime.files.report import SAMPLE_PRICES
from talktime.insight.planner.conclusions import conclusions
from talktime.insight.planner.document import CANNOT, CAUTION, GOOD
from talktime.insight.wording import counted, moment

if TYPE_CHECKING:
    from rich.console import Console

    from talktime.insight.planner.document import Plan

_MARKS: Final = {GOOD: ("+", "green"), CAUTION: ("!", "yellow"), CANNOT: ("x", "bold red")}
_NOTE: Final = ("-", "dim")


def show_plan(console: Console, plan: Plan) -> None:
    """Everything about a plan."""
    screen = screen_of(console)
    _head(screen, plan)
    _in_short(screen, plan)
    _said(screen, plan)
    show_paid(screen, plan)
    show_pools(screen, plan)
    show_forecast(screen, plan)
    show_buy(screen, plan)
    show_mix(screen, plan)
    show_carriers(screen, plan)


def _head(screen: Screen, plan: Plan) -> None:
    screen.say(plan.tenant, "bold")
    screen.say(f"calls of {moment(plan.from_us)} to {moment(plan.until_us)}, {counted(plan.rows, 'row')}")
    screen.say(f"usage {', '.join(plan.formats) or 'of no known format'}")
    screen.say(f"deck {plan.deck} {plan.deck_version}, {plan.currency}")
    if plan.sample:
        screen.say(f"{SAMPLE_PRICES.upper()}: the amounts are not what your carrier bills.", "bold yellow")


def _in_short(screen: Screen, plan: Plan) -> None:
    screen.title("In short")
    screen.show(points(screen, [("-", "", sentence) for sentence in conclusions(plan)]))


def _said(screen: Screen, plan: Plan) -> None:
    """What can be said from this usage, and what cannot; what makes figures less sure comes first."""
    if not plan.said:
        return
    screen.title("What this usage can tell")
    order = {CANNOT: 0, CAUTION: 1}
    said = sorted(plan.said, key=lambda each: order.get(each.weight, 2))
    screen.show(points(screen, [(*_MARKS.get(each.weight, _NOTE), each.text) for each in said]))


def points(screen: Screen, rows: list[tuple[str, str, str]]) -> Table:
    """(mark, its style, sentence) as a list; the lines of a sentence stand under each other."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=1, no_wrap=True)
    grid.add_column(overflow="fold")
    for mark, style, sentence in rows:
        grid.add_row(screen.text(mark, style), screen.text(sentence))
    return grid
