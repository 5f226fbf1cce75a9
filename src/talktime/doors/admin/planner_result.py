"""The planner's answer as a page: first the conclusions, then what each of them rests on."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final

from markupsafe import Markup
from nicegui import ui

from talktime.doors.admin.kit.charts import Series, bar_chart
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import (
    Column,
    anchor,
    badge,
    bar,
    card,
    figure,
    heading,
    more,
    row,
    table,
    table_markup,
    text,
)
from talktime.doors.admin.planner_money import buy, forecast
from talktime.doors.admin.planner_plans import carriers, plans
from talktime.doors.admin.planner_words import (
    WEIGHTS,
    about,
    day_after,
    download,
    figures,
    key_words,
    month_words,
    owner_words,
    sentences,
)
from talktime.doors.admin.words import count, minutes, plain_amount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from talktime.client.management.answers_plan import (
        Plan,
        PlanCall,
        PlanDocument,
        PlanPaid,
        PlanPaidLine,
        PlanPool,
        PlanPools,
    )
    from talktime.doors.admin.kit.show import Cell
    from talktime.doors.admin.visit import Visit

SHOWN_LINES: Final = 10
SHOWN_CALLS: Final = 10
SHOWN_POOLS: Final = 12
SHOWN_MONTHS: Final = 200
SHOWN_FINDINGS: Final = 4

GROUPINGS: Final = {
    "country": "By country",
    "user": "By user",
    "cost_centre": "By cost centre",
    "service_number": "By service number",
}
"""The groupings that are folded; categories and months stand open."""


def result(at: Visit, asked: Plan, found: PlanDocument) -> None:
    """All of an answer."""
    _head(at, asked, found)
    _statements(found)
    with card("What was paid"):
        _paid(at, found, found.paid)
    with card("Included minutes by pool"):
        _pools(at, found.pools)
    with card("Forecast"):
        forecast(found)
    with card("What to buy"):
        buy(at, asked, found)
    with card("Which plan for whom"):
        plans(at, asked, found)
    if found.carriers is not None:
        with card("Calls of your own operator"):
            carriers(found, found.carriers)


# --- the conclusions -------------------------------------------------------------------------------------


def _head(at: Visit, asked: Plan, found: PlanDocument) -> None:
    with card("In short"):
        with figures():
            _figures(at, found)
        sentences(asked.conclusions, len(asked.conclusions))
        if found.sample:
            said("warning", "The prices of calls are sample prices: they are invented, and nobody's offer.")
        if not asked.names:
            said("note", "A word stands for each user: you may see no names. It means nothing elsewhere.")
        with row():
            ui.html(anchor("As Excel", download(at, asked, "workbook"), as_button=True), sanitize=False)
        _made_of(at, asked, found)


def _made_of(at: Visit, asked: Plan, found: PlanDocument) -> None:
    parts = [f"{count(found.rows)} calls of {', '.join(one.name for one in asked.files)}"]
    if found.rejected_rows:
        parts.append(f"{count(found.rejected_rows)} rows set aside")
    if found.duplicate_rows:
        parts.append(f"{count(found.duplicate_rows)} rows that stood there twice")
    said_ = Markup("{}, {} to {}, priced by {} {}.").format(
        ", ".join(parts), at.day(found.from_), at.day(found.until), found.deck, found.deck_version[:12]
    )
    text(said_, small=True)


def _figures(at: Visit, found: PlanDocument) -> None:
    """Up to four large figures: what it costs, how long it lasts, what to set, what plans save."""
    code = found.currency
    months = max(len(found.months), 1)
    figure(
        "Calls cost", at.money(found.paid.amount, code), f"in {count(months)} months" if months > 1 else ""
    )
    outlook, to_buy, mix = found.outlook, found.buy, found.mix
    if outlook is not None and outlook.balance is not None:
        until = outlook.lasts_expected_days
        words = "over three years" if until is None else day_after(outlook.from_day, until)
        figure("The balance lasts until", words, Markup("of {}").format(at.money(outlook.balance, code)))
    best = None if to_buy is None else next((one for one in to_buy.choices if one.best), None)
    if best is not None and to_buy is not None:
        below = Markup("below {}{}").format(
            at.money(best.below, code), "" if to_buy.holds else "; even so calls may be blocked"
        )
        figure("Auto-recharge adds", at.money(best.add, code), below)
    if mix is not None:
        saved = mix.licences_now + mix.calls_now - mix.licences_best - mix.calls_best
        if saved > 0:
            over = f"{count(len(mix.months))} months" if len(mix.months) > 1 else "1 month"
            figure(
                "Other plans save", f"{code} {about(saved)}", f"in {over}, {count(len(mix.changes))} changes"
            )


def _statements(found: PlanDocument) -> None:
    with card("What the usage can tell"):
        rows: list[list[Cell]] = [[WEIGHTS.get(one.weight, one.weight), one.text] for one in found.said]
        heads = [Column("Weight", "time"), Column("What was found")]
        table(heads, rows, "Statements about the usage", nothing="Nothing about this usage is unusual.")


# --- what was paid ---------------------------------------------------------------------------------------


def _paid(at: Visit, found: PlanDocument, paid: PlanPaid) -> None:
    with figures():
        figure("In all", at.money(paid.amount, found.currency), f"{count(paid.answered)} answered calls")
        figure("Minutes", minutes(paid.billed_seconds), f"{minutes(paid.pool_seconds)} included")
        figure("Paid minutes", minutes(paid.paid_seconds))
        if paid.unrated_calls:
            figure("Calls without a rate", count(paid.unrated_calls), "what they cost is not in it")
    months = paid.by.get("month", ())
    if len(months) > 1:
        labels = [month_words(line.key) for line in months]
        amounts = Series("Paid", [line.amount for line in months])
        bar_chart("Paid by month", labels, [amounts], unit=found.currency)
    for by, label in (("category", "By category"), ("month", "By month")):
        lines = paid.by.get(by, ())
        heading(label)
        ui.html(_lines(by, lines, f"Paid {label.lower()}", paid.amount), sanitize=False).classes("tt-block")
        _behind(at, by, lines)
    for by, label in GROUPINGS.items():
        lines = paid.by.get(by, ())
        if any(line.key or line.others for line in lines):
            more(f"{label} ({count(_keys(lines))})", _folded(at, by, label, lines, paid.amount))
    if paid.vendor is not None:
        _vendor(at, found, paid)


def _keys(lines: Sequence[PlanPaidLine]) -> int:
    return sum(line.others or 1 for line in lines)


def _lines(by: str, lines: Sequence[PlanPaidLine], caption: str, whole: Decimal) -> Markup:
    heads = [
        Column(caption.removeprefix("Paid by ").capitalize(), "name"),
        Column("Calls", "figure"),
        Column("Minutes", "figure"),
        Column("Included", "figure"),
        Column("Paid minutes", "figure"),
        Column("Amount", "figure"),
        Column("Share"),
    ]
    rows: list[list[Cell]] = [
        [
            key_words(by, line.key, line.others),
            count(line.calls),
            minutes(line.billed_seconds),
            minutes(line.pool_seconds),
            minutes(line.paid_seconds),
            plain_amount(line.amount),
            _share(line.amount, whole),
        ]
        for line in lines
    ]
    return table_markup(heads, rows, caption)


def _share(amount: Decimal, whole: Decimal) -> str:
    """Of the whole, in percent rounded half up; a dash where there is none."""
    if whole <= 0 or amount <= 0:
        return "—"
    return f"{(100 * amount / whole).quantize(Decimal(1), ROUND_HALF_UP):f} %"


def _behind(at: Visit, by: str, lines: Sequence[PlanPaidLine]) -> None:
    calls = _calls(at, by, lines)
    if calls:
        more(f"The dearest calls {GROUPED[by]}", calls)


GROUPED: Final = {
    "category": "of each category",
    "country": "of each country",
    "user": "of each user",
    "cost_centre": "of each cost centre",
    "service_number": "of each service number",
    "month": "of each month",
}


def _calls(at: Visit, by: str, lines: Sequence[PlanPaidLine]) -> Markup:
    rows = [
        [key_words(by, line.key, line.others), *_call(at, call)]
        for line in lines[:SHOWN_LINES]
        for call in line.dearest
    ]
    return _call_table(rows, f"The dearest calls {GROUPED[by]}") if rows else Markup("")


def _call_table(rows: list[list[Cell]], caption: str) -> Markup:
    heads = [
        Column("Of", "time"),
        Column("Began", "time"),
        Column("User"),
        Column("Called number", "time"),
        Column("Minutes", "figure"),
        Column("Included", "figure"),
        Column("Amount", "figure"),
    ]
    return table_markup(heads, rows, caption)


def _call(at: Visit, call: PlanCall) -> list[Cell]:
    return [
        at.when(call.at),
        call.user or "—",
        call.to or "—",
        minutes(call.billed_seconds),
        minutes(call.pool_seconds),
        plain_amount(call.amount),
    ]


def _folded(at: Visit, by: str, label: str, lines: Sequence[PlanPaidLine], whole: Decimal) -> Markup:
    shown = _lines(by, lines[:SHOWN_LINES], f"Paid {label.lower()}", whole)
    rest = len(lines) - SHOWN_LINES
    left = Markup('<p class="tt-small">{} more lines are in the Excel file.</p>').format(count(rest))
    parts = [shown, left if rest > 0 else "", _calls(at, by, lines)]
    return Markup("").join(parts)


def _vendor(at: Visit, found: PlanDocument, paid: PlanPaid) -> None:
    check = paid.vendor
    assert check is not None, "only called where there is one"
    same = check.differing == 0
    words = "every charge in the file is ours, to the last digit"
    if not same:
        words = f"{count(check.differing)} of them differ"
    heading("The charges in the file")
    told = Markup("{} calls have a charge: {} in the file, {} by us; {}.").format(
        count(check.calls), at.money(check.file, found.currency), at.money(check.ours, found.currency), words
    )
    said("good" if same else "warning", told)
    if not same:
        text(
            "Licences are taken as they are today: calls from before somebody changed plans may differ.",
            small=True,
        )
        rows = [["differs", *_call(at, call)] for call in check.examples[:SHOWN_CALLS]]
        more(f"Some of the {count(check.differing)} calls", _call_table(rows, "Calls whose charge differs"))


# --- pools -----------------------------------------------------------------------------------------------


def _pools(at: Visit, pools: PlanPools) -> None:
    """A line for each pool with its fullest month; all months are folded."""
    sentences(pools.says, SHOWN_FINDINGS)
    by_pool: dict[str, list[PlanPool]] = {}
    for pool in pools.pools:
        by_pool.setdefault(_pool_name(pool), []).append(pool)
    together = sorted(by_pool.items(), key=lambda item: -max(map(_share_used, item[1])))
    heads = [
        Column("Pool", "name"),
        Column("Its fullest month"),
        Column("Used up", "time"),
        Column("Came beyond", "figure"),
        Column("Cost", "figure"),
    ]
    rows = [_together(name, months) for name, months in together[:SHOWN_POOLS]]
    table(heads, rows, "Pools, fullest first", nothing="No pool is shared by several users.")
    if len(together) > SHOWN_POOLS:
        text(f"{count(len(together) - SHOWN_POOLS)} more are in the Excel file.", small=True)
    if pools.single:
        used_up = count(pools.single_full)
        text(f"Pools of single users, month by month: {count(pools.single)}; used up: {used_up}.")
    if pools.pools:
        _every_month(at, pools)


def _every_month(at: Visit, pools: PlanPools) -> None:
    heads = [
        Column("Month", "time"),
        Column("Pool"),
        Column("Used", "figure"),
        Column("Used up", "time"),
        Column("Who used most of it"),
    ]
    rows: list[list[Cell]] = [
        [
            month_words(pool.month),
            _pool_name(pool),
            _used(pool),
            at.when(pool.full_at),
            _top(pool),
        ]
        for pool in pools.pools[:SHOWN_MONTHS]
    ]
    more("Month by month", table_markup(heads, rows, "Pools month by month", stacks=True))


def _top(pool: PlanPool) -> Cell:
    """Who used most of a pool; a name and its minutes stay in one line."""
    one_each = (
        Markup('<span class="tt-money">{} {}</span>').format(one.user, minutes(one.used_seconds))
        for one in pool.top
    )
    return Markup(", ").join(one_each) or "—"


def _pool_name(pool: PlanPool) -> str:
    return f"{pool.plan}, {pool.kind.replace('_', ' ')}, {owner_words(pool.owner)}"


def _share_used(pool: PlanPool) -> int:
    """In thousandths, rounded down; 0 for a pool without an end."""
    return 1_000 * pool.used_seconds // pool.size_seconds if pool.size_seconds else 0


def _used(pool: PlanPool) -> str:
    size = "unlimited" if pool.size_seconds is None else minutes(pool.size_seconds)
    return f"{minutes(pool.used_seconds)} of {size}"


def _together(name: str, months: Sequence[PlanPool]) -> list[Cell]:
    fullest = max(months, key=_share_used)
    words = f"{month_words(fullest.month)}: {_used(fullest)}"
    used: Cell = words if not fullest.size_seconds else bar(fullest.used_seconds, fullest.size_seconds, words)
    times = sum(one.full_at is not None for one in months)
    full = badge(f"in {times} of {len(months)} months", "warning") if times else "—"
    calls = sum(one.beyond_calls for one in months)
    came = "1 call" if calls == 1 else f"{count(calls)} calls"
    beyond = f"{minutes(sum(one.beyond_seconds for one in months))} in {came}"
    cost = plain_amount(sum((one.beyond_amount for one in months), Decimal(0)))
    return [name, used, full, beyond if calls else "—", cost if calls else "—"]
