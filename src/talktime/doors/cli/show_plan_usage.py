"""The sections of a plan about the past: what was paid, by whom and where to, and the included minutes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.core.money import DOWN, round_div
from talktime.doors.cli.chart import share_bar
from talktime.doors.cli.screen import Screen, decimals_of, minutes, minutes_of_parts, money
from talktime.insight.wording import REASONS, counted, meaning, moment

if TYPE_CHECKING:
    from rich.table import Table

    from talktime.insight.planner.document import CallBehind, Paid, PaidLine, Plan, PoolFound

BAR_WIDTH: Final = 12
WIDTH_WITH_BAR: Final = 64
KEYS_SHOWN: Final = 8
POOLS_SHOWN: Final = 12
CALLS_SHOWN: Final = 6

_GROUPS: Final = {
    "country": ("country called", "-"),
    "user": ("user", "(nobody)"),
    "cost_centre": ("cost centre", "(none)"),
    "service_number": ("service number", "(none)"),
}


def show_paid(screen: Screen, plan: Plan) -> None:
    """Sums, categories and months with bars, then the top of the other groupings and the dearest calls."""
    paid = plan.paid
    screen.title(f"What was paid, {plan.currency}")
    screen.side_by_side([_calls(screen, paid), _minutes(screen, paid)])
    for grouping in ("category", "month"):
        lines = paid.by.get(grouping, ())
        if lines:
            screen.say()
            screen.show(_with_bars(screen, grouping, lines))
    tables = [
        _top(screen, heading, nobody, paid.by[grouping])
        for grouping, (heading, nobody) in _GROUPS.items()
        if any(line.key for line in paid.by.get(grouping, ()))
    ]
    if tables:
        screen.say()
        screen.side_by_side(tables)
    _dearest(screen, paid)
    _vendor(screen, paid, plan.currency)


def _calls(screen: Screen, paid: Paid) -> Table:
    rows = [("calls", paid.calls), ("answered", paid.answered), ("without a rate", paid.unrated_calls)]
    rows += [(f"blocked: {meaning(REASONS, reason)}", calls) for reason, calls in paid.blocked.items()]
    return screen.table(("", "calls"), [(what, f"{number:,}") for what, number in rows if number])


def _minutes(screen: Screen, paid: Paid) -> Table:
    parts = (("free", paid.free_s), ("by included minutes", paid.pool_s), ("paid", paid.paid_s))
    shown = minutes_of_parts([time_s for _, time_s in parts])
    rows = [("billed", minutes(paid.billed_s))]
    rows += [(f"  {what}", time) for (what, time_s), time in zip(parts, shown, strict=True) if time_s]
    return screen.table(("", "minutes"), rows)


def _with_bars(screen: Screen, heading: str, lines: Sequence[PaidLine]) -> Table:
    most = max(line.amount for line in lines)
    has_bar = screen.width >= WIDTH_WITH_BAR
    places = decimals_of(line.amount for line in lines)
    rows = [
        (
            _key(line, "(none)"),
            f"{line.calls:,}",
            minutes(line.billed_s),
            money(line.amount, places),
            share_bar(line.amount, most, BAR_WIDTH, plain=screen.plain)
            if has_bar and line.amount > 0
            else "",
        )
        for line in lines
    ]
    return screen.table((heading, "answered", "billed minutes", "paid", ""), rows)


def _top(screen: Screen, heading: str, nobody: str, lines: Sequence[PaidLine]) -> Table:
    """The keys that cost most; the rest is one line, so that the column adds up."""
    shown = lines[:KEYS_SHOWN] if len(lines) > KEYS_SHOWN + 1 else lines
    rest = lines[len(shown) :]
    places = decimals_of(line.amount for line in lines)
    rows = [(_key(line, nobody), f"{line.calls:,}", money(line.amount, places)) for line in shown]
    if rest:
        keys = sum(line.others or 1 for line in rest)
        calls, amount = sum(line.calls for line in rest), sum(line.amount for line in rest)
        rows.append((f"{keys:,} others", f"{calls:,}", money(amount, places)))
    return screen.table((heading, "calls", "paid"), rows)


def _key(line: PaidLine, nobody: str) -> str:
    return f"{line.others:,} others" if line.others else line.key or nobody


def _dearest(screen: Screen, paid: Paid) -> None:
    """The dearest calls behind the categories, each once; `talktime explain` tells the rest of them."""
    found: dict[str, CallBehind] = {}
    for line in paid.by.get("category", ()):
        found |= {call.call: call for call in line.dearest if call.amount > 0}
    calls = sorted(found.values(), key=lambda call: (-call.amount, call.at_us, call.call))[:CALLS_SHOWN]
    if not calls:
        return
    screen.say()
    places = decimals_of(call.amount for call in calls)
    rows = [
        (
            call.user or "(nobody)",
            moment(call.at_us)[:16],
            call.to,
            minutes(call.billed_s),
            money(call.amount, places),
        )
        for call in calls
    ]
    screen.show(screen.table(("dearest calls", "started, UTC", "to", "minutes", "paid"), rows, left=3))


def _vendor(screen: Screen, paid: Paid, currency: str) -> None:
    """The charges in the file beside ours."""
    vendor = paid.vendor
    if vendor is None:
        return
    screen.say()
    if vendor.differing:
        screen.say(
            f"{counted(vendor.calls, 'row')} have a charge in the file: {money(vendor.file)} {currency} "
            f"there, {money(vendor.ours)} here; {counted(vendor.differing, 'call')} differ."
        )
    else:
        screen.say(
            f"{counted(vendor.calls, 'row')} have a charge in the file, each the same as here, to the micro."
        )


class _Together(NamedTuple):
    """The months of one pool: of how many it was full, shares in percent, and what came after it was full."""

    name: str
    months: int
    full: int
    least: int
    most: int
    unlimited: bool
    beyond_s: int
    beyond_amount: int
    first_full: str


def show_pools(screen: Screen, plan: Plan) -> None:
    """Included minutes over all months, those that ran over first."""
    pools = plan.pools
    if not (pools.pools or pools.single):
        return
    screen.title("Included minutes")
    for sentence in pools.says:
        screen.say(sentence)
    together = sorted(_together(pools.pools), key=lambda one: (-one.beyond_amount, -one.most, one.name))
    if together:
        screen.say()
        headings = ("pool", "used of it", "full in", "first", f"then paid, {plan.currency}")
        shown = together[:POOLS_SHOWN]
        places = decimals_of(one.beyond_amount for one in shown)
        rows = [_pool_row(one, places) for one in shown]
        screen.show(screen.table(headings, rows))
    if len(together) > POOLS_SHOWN:
        screen.say(f"and {counted(len(together) - POOLS_SHOWN, 'pool')} used less", "dim")
    if pools.single:
        screen.say(
            f"{counted(pools.single, 'month')} of pools of single users, {pools.single_full:,} used up",
            "dim",
        )


def _pool_row(one: _Together, places: int) -> tuple[str, ...]:
    used = (
        "unlimited"
        if one.unlimited
        else f"{one.least} % to {one.most} %"
        if one.least < one.most
        else f"{one.most} %"
    )
    paid = money(one.beyond_amount, places) if one.beyond_amount else ""
    full = f"{one.full} of {one.months}" if one.full else ""
    return one.name, used, full, one.first_full, paid


def _together(pools: Sequence[PoolFound]) -> list[_Together]:
    """The months of each pool as one line; shares rounded down."""
    found: dict[str, list[PoolFound]] = {}
    for pool in pools:
        name = " ".join(part for part in (pool.plan, pool.kind, pool.owner) if part)
        found.setdefault(name, []).append(pool)
    return [_line(name, months) for name, months in found.items()]


def _line(name: str, months: Sequence[PoolFound]) -> _Together:
    shares = [round_div(each.used_s * 100, each.size_s, DOWN) if each.size_s else 0 for each in months]
    full = [each.full_day for each in months if each.full_us is not None]
    return _Together(
        name,
        len(months),
        len(full),
        min(shares),
        max(shares),
        all(each.size_s is None for each in months),
        sum(each.beyond_s for each in months),
        sum(each.beyond_amount for each in months),
        min(full, default=""),
    )
