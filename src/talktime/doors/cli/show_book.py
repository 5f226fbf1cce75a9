"""A run over many tenants on the terminal: the sums of all, then the tenants that matter most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from talktime.core.money import format_money
from talktime.doors.cli.screen import decimals_of, minutes, money, screen_of
from talktime.doors.cli.show import show_sums
from talktime.files.report import SAMPLE_PRICES
from talktime.insight.summary import warnings_of
from talktime.insight.wording import counted

if TYPE_CHECKING:
    from rich.console import Console

    from talktime.bulk.result import BookRun
    from talktime.doors.cli.screen import Screen

TENANTS_SHOWN: Final = 10
ROWS_SHOWN: Final = 5


def show_book(console: Console, run: BookRun) -> None:
    """Everything about a run over many tenants that fits a screen."""
    screen = screen_of(console)
    deck = run.deck
    screen.say(counted(len(run.tenants), "tenant"), "bold")
    if run.silent:
        screen.say(f"{counted(run.silent, 'tenant')} made no calls")
    screen.say(f"usage {', '.join(run.usage.formats) or 'of no known format'}")
    screen.say(f"deck {deck.name} {deck.version}, {counted(len(deck.rows), 'rate')}, {deck.currency}")
    if deck.sample:
        screen.say(f"{SAMPLE_PRICES.upper()}: the amounts are not what your carrier bills.", "bold yellow")
    for warning in warnings_of(run):
        screen.say(f"warning: {warning}", "yellow")
    show_sums(screen, run)
    _set_aside(screen, run)
    _dearest(screen, run)
    _short_of_money(screen, run)


def _set_aside(screen: Screen, run: BookRun) -> None:
    """The first rows that were set aside, each with its reason."""
    rejected = run.usage.rejected[:ROWS_SHOWN]
    if not rejected:
        return
    screen.title("Rows set aside")
    for row in rejected:
        screen.say(f"{row.source} line {row.line}: {row.reason}")
    more = run.usage.rejected_rows - len(rejected)
    if more > 0:
        screen.say(f"and {more:,} more")


def _dearest(screen: Screen, run: BookRun) -> None:
    """The tenants whose calls cost most."""
    dearest = sorted(run.tenants, key=lambda one: (-one.totals.amount, one.tenant.id))[:TENANTS_SHOWN]
    places = decimals_of(one.totals.amount for one in dearest)
    rows = [
        (
            one.tenant.id,
            f"{one.totals.calls:,}",
            minutes(one.totals.pool_s),
            money(one.totals.amount, places),
            money(one.totals.closing_balance or 0),
        )
        for one in dearest
    ]
    screen.title("Tenants whose calls cost most")
    headings = ("tenant", "calls", "included minutes", run.deck.currency, "closing balance")
    screen.show(screen.table(headings, rows))


def _short_of_money(screen: Screen, run: BookRun) -> None:
    """The tenants with blocked calls."""
    blocked = [one for one in run.tenants if one.totals.blocked_calls]
    if not blocked:
        return
    blocked.sort(key=lambda one: (-one.totals.blocked_calls, one.tenant.id))
    rows = [
        (one.tenant.id, f"{one.totals.blocked_calls:,}", format_money(one.totals.closing_balance or 0))
        for one in blocked[:TENANTS_SHOWN]
    ]
    screen.title(f"Tenants with blocked calls ({len(blocked):,})")
    screen.show(screen.table(("tenant", "blocked", "closing balance"), rows))
