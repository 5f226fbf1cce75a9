"""A run on the terminal, for the person who runs the telephony: sums, balance, pools, what to look at.

Readable in 80 columns and wider, without colour where the output is no terminal, in ASCII where it cannot
show more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.padding import Padding
from rich.table import Table

from talktime.core.money import DOWN, round_div
from talktime.doors.cli.chart import axis, columns_chart, share_bar
from talktime.doors.cli.screen import Screen, decimals_of, minutes, minutes_of_parts, money, screen_of
from talktime.files.report import SAMPLE_PRICES
from talktime.insight.attention import attention
from talktime.insight.balance import BalanceLine, balance_line
from talktime.insight.finding import Detail, Finding, Weight
from talktime.insight.summary import parts_of_answered, parts_of_billed, warnings_of
from talktime.insight.wording import ORIGINS, counted, moment

if TYPE_CHECKING:
    from rich.console import Console

    from talktime.bulk.result import BookRun, PoolUse, Run

CHART_HEIGHT: Final = 6
NARROWEST_CHART: Final = 16
BAR_WIDTH: Final = 12
POOLS_SHOWN: Final = 12
LOTS_SHOWN: Final = 8

_CENT: Final = 10_000
_MARKS: Final = {Weight.NOW: ("!!", "bold red"), Weight.SOON: ("!", "yellow"), Weight.SOMETIME: ("-", "dim")}


def show_run(console: Console, run: Run) -> None:
    """Everything about a run that fits a screen or two."""
    screen = screen_of(console)
    _head(screen, run)
    show_sums(screen, run)
    _balance(screen, run)
    _pools(screen, run)
    _lots(screen, run)
    show_attention(console, attention(run), run.deck.currency)


def show_sums(screen: Screen, run: Run | BookRun) -> None:
    """Calls, minutes and money, then the categories."""
    screen.say()
    screen.side_by_side([_calls(screen, run), _minutes(screen, run), _money(screen, run)])
    if run.totals.opening_balance is None:
        screen.say()
        screen.say(
            "No balance was given, so nothing was refused; --balance or --tenant show when money runs out."
        )
    _categories(screen, run)


def _head(screen: Screen, run: Run) -> None:
    tenant, deck = run.tenant, run.deck
    screen.say(f"{tenant.name} ({tenant.id})" if tenant.stated else "No tenant file", "bold")
    if run.calls.height:
        first, last = run.calls["start"].dt.epoch("us").min(), run.calls["end"].dt.epoch("us").max()
        if isinstance(first, int) and isinstance(last, int):
            screen.say(f"calls of {moment(first)} to {moment(last)}")
    screen.say(f"usage {', '.join(run.usage.formats) or 'of no known format'}")
    screen.say(f"deck {deck.name} {deck.version}, {counted(len(deck.rows), 'rate')}, {deck.currency}")
    if deck.sample:
        screen.say(f"{SAMPLE_PRICES.upper()}: the amounts are not what your carrier bills.", "bold yellow")
    for warning in warnings_of(run):
        screen.say(f"warning: {warning}", "yellow")


def _calls(screen: Screen, run: Run | BookRun) -> Table:
    t = run.totals
    rows = [
        ("answered", t.answered),
        *((f"  {what}", number) for what, number in parts_of_answered(t) if number),
        ("not answered", t.not_answered),
        ("duplicate rows, dropped", t.duplicate_rows),
        ("rows set aside", t.rejected_rows),
    ]
    return screen.table(("", "calls"), [(what, f"{number:,}") for what, number in rows if number])


def _minutes(screen: Screen, run: Run | BookRun) -> Table:
    """Who paid for the billed minutes, which are their sum; blocked ones stand apart (rulings.md 4)."""
    t = run.totals
    parts = parts_of_billed(t)
    shown = minutes_of_parts([time_s for _, time_s in parts])
    rows = [("billed", minutes(t.billed_s))]
    rows += [(f"  {what}", time) for (what, time_s), time in zip(parts, shown, strict=True) if time_s]
    if t.blocked_s:
        rows.append(("blocked, not billed", minutes(t.blocked_s)))
    return screen.table(("", "minutes"), rows)


def _money(screen: Screen, run: Run | BookRun) -> Table:
    """The wallet as a sum that adds up, or what the calls cost where there is no wallet."""
    t = run.totals
    rows = [("price of the calls", t.amount)]
    if t.post_usage:
        rows.append(("to be invoiced after use", t.post_usage))
    if t.opening_balance is not None:
        bought = f"+ bought ({counted(t.recharges, 'recharge')})" if t.recharges else "+ bought"
        sums = (
            (bought, t.funded or 0),
            ("- paid by credits", t.credits),
            ("- expired", t.forfeited or 0),
            ("- overdrawn", t.overdraft),
        )
        rows.append(("opening balance", t.opening_balance))
        rows += [(what, amount) for what, amount in sums if amount]
        rows.append(("= closing balance", t.closing_balance or 0))
    places = decimals_of(amount for _, amount in rows)
    return screen.table(("", run.deck.currency), [(what, money(amount, places)) for what, amount in rows])


def _categories(screen: Screen, run: Run | BookRun) -> None:
    totals = run.totals.by_category
    most = max((total.amount for total in totals.values()), default=0)
    places = decimals_of(total.amount for total in totals.values())
    rows = [
        (
            name,
            f"{total.calls:,}",
            minutes(total.billed_s),
            money(total.amount, places),
            share_bar(total.amount, most, BAR_WIDTH, plain=screen.plain) if total.amount else "",
        )
        for name, total in totals.items()
    ]
    if rows:
        screen.say()
        headings = ("category", "calls", "billed minutes", run.deck.currency, "")
        screen.show(screen.table(headings, rows))


def _balance(screen: Screen, run: Run) -> None:
    label = max((len(money(lot.amount)) for lot in run.lots), default=0)
    top = max((len(money(m.balance_after)) for m in run.movements), default=0)
    label = max(label, top, 8) + 2
    line = balance_line(run, max(screen.width - label, NARROWEST_CHART))
    if line is None:
        return
    screen.title(f"Balance, {run.deck.currency}")
    for row in balance_chart(line, label, plain=screen.plain):
        screen.say(row)


def balance_chart(line: BalanceLine, label: int, *, plain: bool) -> list[str]:
    """The balance over time as text: bars, an axis with marks where credits were bought, a legend."""
    steps = len(line.balances)
    top = max(*line.balances, 1)
    bars = columns_chart(line.balances, top, CHART_HEIGHT, plain=plain)
    left = [""] * CHART_HEIGHT
    left[0] = money(_cents(top))
    left[CHART_HEIGHT // 2] = money(_cents(round_div(top, 2, DOWN)))
    rows = [
        f"{value:>{label - 2}} {'|' if plain else '│'}{bar}" for value, bar in zip(left, bars, strict=True)
    ]
    rows.append(f"{'0':>{label - 2}} {'+' if plain else '└'}{axis(steps, tuple(line.funded), plain=plain)}")
    first, last = moment(line.from_us)[:10], moment(line.until_us)[:10]
    rows.append(" " * (label - 1) + first + last.rjust(max(steps - len(first), len(last) + 1)))
    rows.append(f"lowest {money(line.lowest)} at {moment(line.lowest_at_us)}")
    if line.funded:
        bought = money(sum(line.funded.values()))
        rows[-1] += f"; {'^' if plain else '▲'} credits bought, {bought} in all"
    if min(line.balances) <= 0:
        rows[-1] += "; x nothing left"
    return [row.rstrip() for row in rows]


def _cents(micros: int) -> int:
    """An amount cut to two decimals, for the scale of a chart."""
    return round_div(micros, _CENT, DOWN) * _CENT


def _pools(screen: Screen, run: Run) -> None:
    if not run.pools:
        return
    fullest = sorted(run.pools, key=lambda pool: (-_percent(pool), -pool.used_s, pool.name))
    screen.title("Included minutes")
    rows = [_pool_row(screen, pool) for pool in fullest[:POOLS_SHOWN]]
    screen.show(screen.table(("pool", "month", "used", "of", "", ""), rows, left=2))
    if len(fullest) > POOLS_SHOWN:
        screen.say(f"and {counted(len(fullest) - POOLS_SHOWN, 'pool')} used less", "dim")


def _pool_row(screen: Screen, pool: PoolUse) -> tuple[str, ...]:
    name = " ".join(part for part in (pool.plan, pool.kind, pool.owner) if part)
    if pool.size_s is None:
        return name, pool.month, minutes(pool.used_s), "unlimited", "", ""
    bar = share_bar(pool.used_s, pool.size_s, BAR_WIDTH, plain=screen.plain)
    return name, pool.month, minutes(pool.used_s), minutes(pool.size_s), bar, f"{_percent(pool)} %"


def _percent(pool: PoolUse) -> int:
    return round_div(pool.used_s * 100, pool.size_s, DOWN) if pool.size_s else 0


def _lots(screen: Screen, run: Run) -> None:
    if not run.lots:
        return
    screen.title(f"Credits, {run.deck.currency}")
    shown = run.lots[-LOTS_SHOWN:]
    places = decimals_of(
        amount for lot in shown for amount in (lot.amount, lot.drawn, lot.forfeited, lot.left)
    )
    rows = [
        (
            ORIGINS.get(lot.origin, lot.origin),
            moment(lot.bought_at_us)[:10],
            moment(lot.expires_at_us)[:10],
            money(lot.amount, places),
            money(lot.drawn, places),
            money(lot.forfeited, places),
            money(lot.left, places),
        )
        for lot in shown
    ]
    headings = ("lot", "bought", "expires", "amount", "drawn", "expired", "left")
    screen.show(screen.table(headings, rows, left=3))
    if len(run.lots) > LOTS_SHOWN:
        screen.say(f"and {counted(len(run.lots) - LOTS_SHOWN, 'lot')} before them", "dim")


def show_attention(console: Console, findings: Sequence[Finding], currency: str) -> None:
    """What to look at, most urgent first; nothing where there is nothing."""
    screen = screen_of(console)
    if not findings:
        return
    screen.title("What to look at")
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=2, no_wrap=True)
    grid.add_column(overflow="fold")
    for finding in findings:
        mark, style = _MARKS[finding.weight]
        grid.add_row(screen.text(mark, style), screen.text(f"{finding.sentence} {finding.remedy}".rstrip()))
        if finding.details:
            rows = [_detail(detail, currency) for detail in finding.details]
            grid.add_row("", Padding(screen.table(("", "", "", ""), rows), (0, 0, 0, 2)))
    screen.show(grid)


def _detail(detail: Detail, currency: str) -> tuple[str, str, str, str]:
    time = "" if detail.seconds is None else f"{minutes(detail.seconds)} min"
    amount = "" if detail.amount is None else f"{money(detail.amount)} {currency}"
    return detail.what, counted(detail.count, detail.unit), time, amount
