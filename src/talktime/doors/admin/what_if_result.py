"""What would have been: today's settings and the scenarios side by side, with differences and pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from markupsafe import Markup

from talktime.catalog.overview import category_name
from talktime.doors.admin.kit.charts import Series, bar_chart, line_chart
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import Column, badge, card, figure, more, row, table, table_markup, text
from talktime.doors.admin.words import count, minutes, plain_amount

if TYPE_CHECKING:
    from talktime.client.management.answers_what_if import (
        Compared,
        Difference,
        Figures,
        TriedCap,
        TriedPool,
        TriedScenario,
        WhatIf,
    )
    from talktime.doors.admin.kit.show import Cell
    from talktime.doors.admin.visit import Visit

MOST_RECHARGES: Final = 50
MOST_CATEGORIES: Final = 5


class _Line(NamedTuple):
    """A line of the comparison: money, seconds or a count, by the name that all answers give it."""

    label: str
    name: str
    kind: str
    compared: bool = True


LINES: Final = (
    _Line("It would have cost", "amount", "money"),
    _Line("of it from credits", "credits", "money"),
    _Line("of it billed after use", "post_usage", "money"),
    _Line("of it still owed", "overdraft", "money"),
    _Line("Included minutes used", "pool_seconds", "time"),
    _Line("Paid minutes", "paid_seconds", "time"),
    _Line("Minutes without a rate", "unrated_seconds", "time"),
    _Line("Minutes blocked", "blocked_seconds", "time"),
    _Line("Calls by included minutes alone", "pool_only_calls", "count"),
    _Line("Calls paid, whole or in part", "paid_calls", "count"),
    _Line("Calls without a rate", "unrated_calls", "count"),
    _Line("Calls blocked", "blocked_calls", "count"),
    _Line("Balance at the first call", "opening_balance", "money", compared=False),
    _Line("Recharges", "recharges", "count"),
    _Line("Recharged", "recharged", "money"),
    _Line("Lowest balance", "lowest_balance", "money"),
    _Line("Balance at the end", "closing_balance", "money"),
)


def result(at: Visit, asked: WhatIf, found: Compared) -> None:
    """All of an answer."""
    every = (found.today, *found.scenarios)
    _head(at, asked, found)
    with card("Side by side"):
        _side_by_side(found)
    with card("Balance over time"):
        _balance(found.currency, every)
    with card("Spend by category"):
        _categories(found, every)
    with card("Included minutes by pool"):
        _pools(every)
    if any(one.recharges for one in every):
        with card("Recharges"):
            for one in every:
                _recharges(at, one)


def _head(at: Visit, asked: WhatIf, found: Compared) -> None:
    """The answer in one sentence a scenario, and what it was made of."""
    with card():
        with row():
            for one, off in zip(found.scenarios, found.differences, strict=True):
                figure(one.name, at.money(one.amount, found.currency), _than_today(at, off, found.currency))
        every = (found.today, *found.scenarios)
        for warning in dict.fromkeys(each for one in every for each in one.warnings):
            said("note", f"{warning[:1].upper()}{warning[1:]}.")
        if any(one.sample for one in every):
            said("warning", "Some of these prices are sample prices: they are invented, and nobody's offer.")
        parts = [f"{count(found.rows)} calls of {asked.file_name}"]
        if found.rejected_rows:
            parts.append(f"{count(found.rejected_rows)} rows set aside")
        if found.duplicate_rows:
            parts.append(f"{count(found.duplicate_rows)} rows that stood there twice")
        of = Markup("{}, {} to {}.").format(", ".join(parts), at.day(found.from_), at.day(found.until))
        text(of, small=True)
        rows = [(one.name, Markup("; ").join(_tried(at, one)) or "as today") for one in asked.scenarios]
        heads = ["Scenario", "What is other than today"]
        more("What was tried", table_markup(heads, rows, "What was tried"))


def _than_today(at: Visit, off: Difference, currency: str) -> Markup:
    if not off.amount:
        return Markup("as much as with today's settings")
    word = "more" if off.amount > 0 else "less"
    return Markup("{} {} than with today's settings").format(at.money(abs(off.amount), currency), word)


def _tried(at: Visit, one: TriedScenario) -> list[Markup]:
    said_ = []
    for swap in one.plans:
        who = f"whoever holds {swap.plan}" if swap.plan else "every user"
        who += f" in {swap.country}" if swap.country else ""
        what = f"gets {swap.becomes}" if swap.becomes else "has no plan"
        said_.append(Markup("{} {}").format(who, what))
    if one.recharge is not None and one.recharge.enabled:
        amounts = (at.money(one.recharge.add), at.money(one.recharge.below))
        said_.append(Markup("auto-recharge adds {} below {}").format(*amounts))
        if one.recharge.cap_per_month is not None:
            said_.append(Markup("it pays at most {} a month").format(_cap(at, one.recharge.cap_per_month)))
    elif one.recharge is not None:
        said_.append(Markup("auto-recharge is off"))
    if one.balance is not None:
        said_.append(Markup("{} at the first call").format(at.money(one.balance)))
    said_ += [Markup("spend cap of {}: {}").format(_holds(cap), _cap(at, cap.amount)) for cap in one.caps]
    words = (("rate deck", one.deck), ("agreement", one.agreement), ("treated as", one.treat_as))
    return [*said_, *(Markup("{} {}").format(word, value) for word, value in words if value)]


def _holds(cap: TriedCap) -> str:
    """Whose money a cap holds."""
    if cap.scope == "tenant":
        return "the organisation"
    what = cap.scope.replace("_", " ")
    return f"{what} {cap.id}" if cap.id else f"each {what}"


def _cap(at: Visit, amount: str) -> str | Markup:
    return "none" if amount == "none" else at.money(Decimal(amount))


# --- the table -----------------------------------------------------------------------------------------


def _side_by_side(found: Compared) -> None:
    heads = [Column("Figure", "time"), Column(found.today.name, "figure")]
    for one in found.scenarios:
        heads += [Column(one.name, "figure"), Column("Difference", "figure")]
    rows = [_row(found, line) for line in LINES if _says_something(found, line)]
    rows.append(_ran_out(found))
    table(heads, rows, f"Today's settings and scenarios, money in {found.currency}")
    text(f"Money in {found.currency}; minutes and seconds; days of {found.time_zone}.", small=True)


def _says_something(found: Compared, line: _Line) -> bool:
    return line.name in ("amount", "pool_seconds", "closing_balance") or any(
        getattr(one, line.name) for one in (found.today, *found.scenarios)
    )


def _row(found: Compared, line: _Line) -> list[Cell]:
    shown = _SHOWN[line.kind]
    cells: list[Cell] = [line.label, shown(getattr(found.today, line.name))]
    for one, off in zip(found.scenarios, found.differences, strict=True):
        difference = _signed(getattr(off, line.name), shown) if line.compared else _off(found, one, line)
        cells += [shown(getattr(one, line.name)), difference]
    return cells


def _off(found: Compared, one: Figures, line: _Line) -> str:
    return _signed(getattr(one, line.name) - getattr(found.today, line.name), _SHOWN[line.kind])


def _ran_out(found: Compared) -> list[Cell]:
    cells: list[Cell] = ["The money ran out", _day_out(found.today)]
    for one in found.scenarios:
        cells += [_day_out(one), ""]
    return cells


def _day_out(one: Figures) -> Cell:
    if one.money_ran_out_on is None:
        return badge("never", "good")
    day = date.fromisoformat(one.money_ran_out_on)
    return badge(f"{day.day} {day:%b %Y}", "warning")


def _money(value: Decimal | int) -> str:
    return plain_amount(Decimal(value))


def _time(value: Decimal | int) -> str:
    return minutes(int(value))


def _count(value: Decimal | int) -> str:
    return count(int(value))


_SHOWN: Final[dict[str, Callable[[Decimal | int], str]]] = {"money": _money, "time": _time, "count": _count}


def _signed(value: Decimal | int, shown: Callable[[Decimal | int], str]) -> str:
    """With its sign; a dash where nothing is other."""
    if not value:
        return "—"
    return f"{'+' if value > 0 else '-'}{shown(value if value > 0 else -value)}"


# --- pictures ------------------------------------------------------------------------------------------


def _balance(currency: str, every: Sequence[Figures]) -> None:
    days = sorted({day.day for one in every for day in one.days})
    if not days:
        text("No balance moved.")
        return
    series = []
    for one in every:
        known = {day.day: day.balance for day in one.days}
        values: list[Decimal | None] = []
        for day in days:
            values.append(known.get(day, values[-1] if values else None))
        series.append(Series(one.name, values, dashed=one is every[0]))
    line_chart("Balance at the end of each day", days, series, unit=currency)


def _categories(found: Compared, every: Sequence[Figures]) -> None:
    """The dearest categories of all of them; what is left stands together."""
    amounts = [{each.name: each.amount for each in one.by_category} for one in every]
    names = dict.fromkeys(name for one in amounts for name in one)
    dearest = sorted(names, key=lambda name: -max(one.get(name, Decimal(0)) for one in amounts))
    dearest = [name for name in dearest if any(one.get(name) for one in amounts)]
    if not dearest:
        text("Nothing was spent in any of them.")
        return
    shown, rest = dearest[:MOST_CATEGORIES], dearest[MOST_CATEGORIES:]
    series = [Series(category_name(name), [one.get(name, Decimal(0)) for one in amounts]) for name in shown]
    if rest:
        together = [sum((one.get(name, Decimal(0)) for name in rest), Decimal(0)) for one in amounts]
        series.append(Series("All other calls", together))
    bar_chart("Spend by category", [one.name for one in every], series, unit=found.currency)


def _pools(every: Sequence[Figures]) -> None:
    """A line for each pool of a month that was used in any of them."""
    named = {_pool_key(pool): pool for one in every for pool in one.pools if pool.used_seconds}
    heads = [Column("Month", "time"), Column("Pool", "time")]
    heads += [Column(one.name, "figure") for one in every]
    known = [{_pool_key(pool): pool for pool in one.pools} for one in every]
    rows: list[list[Cell]] = [
        [
            *(pool.month, f"{pool.plan}, {pool.kind.replace('_', ' ')}, {_owner(pool)}"),
            *(_used(one.get(key)) for one in known),
        ]
        for key, pool in sorted(named.items())
    ]
    nothing = "No included minutes were used in any of them."
    table(heads, rows, "Included minutes that were used", nothing=nothing)
    if rows:
        text("Minutes used, of how many there were; a mark says that they were used up.", small=True)


def _pool_key(pool: TriedPool) -> tuple[str, str, str, str, bool]:
    return pool.month, pool.plan, pool.kind, pool.owner, pool.by_user


def _owner(pool: TriedPool) -> str:
    if pool.by_user:
        return "each user alone"
    return pool.owner or "the organisation"


def _used(pool: TriedPool | None) -> Cell:
    if pool is None:
        return "—"
    size = "unlimited" if pool.total_seconds is None else minutes(pool.total_seconds)
    words = f"{minutes(pool.used_seconds)} of {size}"
    if not pool.full:
        return words
    full = f"{count(pool.full)} of {count(pool.pools)} used up" if pool.by_user else "used up"
    return Markup("{} {}").format(words, badge(full, "warning"))


def _recharges(at: Visit, one: Figures) -> None:
    if not one.recharges:
        return
    rows: list[list[Cell]] = [
        [at.when(each.at), at.money(each.amount), at.money(each.balance_after)]
        for each in one.recharged_at[:MOST_RECHARGES]
    ]
    heads = [Column("When", "time"), Column("Amount", "figure"), Column("Balance after", "figure")]
    table(heads, rows, f"{one.name}: {count(one.recharges)} recharges", shows_caption=True)
    if one.recharges > len(rows):
        text(f"The first {len(rows)} are shown.", small=True)
