"""Analytics & reports > Minute pools: what is left of included minutes in a month, and who used them."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import TYPE_CHECKING, Final

from markupsafe import Markup
from nicegui import ui

from talktime.doors.admin.export_parts import export_part
from talktime.doors.admin.kit.act import action
from talktime.doors.admin.kit.fields import select_field
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import (
    Cell,
    Column,
    anchor,
    badge,
    bar,
    card,
    empty,
    facts,
    pager,
    row,
    table,
)
from talktime.doors.admin.page import Visit, page
from talktime.doors.admin.report_columns import country_words
from talktime.doors.admin.report_parts import LINES, afterwards, filled, first_of
from talktime.doors.admin.words import count, minutes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from talktime.client.management.answers_calls import Consumers, PoolReport, PoolReportLine

MONTHS: Final = 25
"""Months that are offered: this one and two years before it."""

MARKS: Final = {"pool_80": "Nearly used up", "pool_100": "Used up"}
"""What is said of a pool by the notice whose level it has reached."""

WATCHED: Final = 3
"""Pools whose consumers are shown without asking: those that are used most."""

TOP: Final = 10


@page("/tenants/{tenant}/pools", title="Minute pools", needs="see_pool_reports", wide=True)
async def pools(at: Visit) -> None:
    """A month, its pools, and who used those that are used most."""
    months = _months(at.today())
    asked = at.query.get("month", "")
    month = asked if asked in months else next(iter(months))
    report, plans = await asyncio.gather(at.tenant.pools.report(month=month), at.management.plans.all())
    names = {plan.code: plan.name for plan in plans}
    with card():
        _month(at, months, month)
    lines = sorted(report.pools, key=lambda line: (-(line.used_percent or 0), -line.used_seconds, line.name))
    with card(months[month], kind="tt-calls"):
        _pools(at, lines, names, month)
        if lines:
            export_part(at, "pools", lambda: _span(at, month))
    for line in _shown(at, lines):
        _consumers(at, report, line, names)


def _month(at: Visit, months: Mapping[str, str], month: str) -> None:
    with row():
        chosen = select_field("Month", months, month)

        async def run() -> None:
            at.go(at.link("pools", month=str(chosen.value)))

        action("Run report", run, is_main=True)


def _months(today: date) -> dict[str, str]:
    """The months that are offered, the present one first: 2026-03 -> March 2026."""
    number = today.year * 12 + today.month - 1
    firsts = [date(at // 12, at % 12 + 1, 1) for at in range(number, number - MONTHS, -1)]
    return {f"{first:%Y-%m}": f"{first:%B %Y}" for first in firsts}


def _span(at: Visit, month: str) -> dict[str, object]:
    first = date.fromisoformat(f"{month}-01")
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return {"since": at.words.midnight(first), "until": at.words.midnight(following)}


# --- the pools ---------------------------------------------------------------------------------------------


def _pools(at: Visit, lines: list[PoolReportLine], names: Mapping[str, str], month: str) -> None:
    if not lines:
        action_ = (
            anchor("Users and licences", at.link("users"), as_button=True) if at.may("see_users") else ""
        )
        empty("No licence gives included minutes in this month. Assign plans that include some.", action_)
        return
    first = first_of(at, len(lines))
    table(
        [
            "Plan",
            Column("Minutes for", "time"),
            "Shared by",
            Column("Total", "figure"),
            Column("Used", "figure"),
            Column("Left", "figure"),
            Column("State", "time"),
            Column("", "action"),
        ],
        [_cells(at, line, names, month) for line in lines[first : first + LINES]],
        "Minute pools",
    )
    last = min(first + LINES, len(lines))
    if len(lines) > LINES:
        pager(
            at.here(first=None) if first else "",
            at.here(first=last) if last < len(lines) else "",
            f"{first + 1:,} to {last:,} of {len(lines):,}",
        )


def _cells(at: Visit, line: PoolReportLine, names: Mapping[str, str], month: str) -> list[Cell]:
    total, left = line.total_seconds, line.left_seconds
    who = anchor("Top consumers", at.link("pools", month=month, pool=line.name))
    return [
        names.get(line.plan, line.plan),
        line.kind.replace("_", " ").capitalize(),
        _shared(line),
        "no limit" if total is None else minutes(total),
        minutes(line.used_seconds),
        "no limit" if left is None else minutes(left),
        _state(line),
        who if line.used_seconds else "",
    ]


def _shared(line: PoolReportLine) -> str:
    if line.user:
        return line.user
    if line.country:
        return ", ".join(country_words(code) for code in line.country.split("/"))
    return "The whole organisation"


def _state(line: PoolReportLine) -> Cell:
    """How much is used as a bar and in words; what calls in progress hold is said beside it."""
    if line.total_seconds is None:
        return badge("No limit")
    words = f"{line.used_percent or 0:,} % used"
    if line.mark in MARKS:
        words = f"{MARKS[line.mark]} ({words})"
    drawn = bar(line.used_seconds, line.total_seconds, words)
    if not line.reserved_seconds:
        return drawn
    return Markup('{}<br><span class="tt-small">{} held by calls in progress</span>').format(
        drawn, minutes(line.reserved_seconds)
    )


# --- who used them -----------------------------------------------------------------------------------------


def _shown(at: Visit, lines: list[PoolReportLine]) -> list[PoolReportLine]:
    """The pool of the address, else those that are used most."""
    asked = at.query.get("pool", "")
    chosen = [line for line in lines if line.name == asked]
    return chosen or [line for line in lines if line.used_seconds][:WATCHED]


def _consumers(at: Visit, report: PoolReport, line: PoolReportLine, names: Mapping[str, str]) -> None:
    """The first consumers of a pool; all calls of the month are read for them, so they come later."""
    plan = names.get(line.plan, line.plan)
    with card(f"Top consumers: {plan}, {line.kind.replace('_', ' ')}, {_shared(line)}"):
        box = ui.element("div")

    async def draw() -> None:
        found = await at.tenant.pools.consumers(line.name, month=report.month, limit=TOP)
        box.clear()
        with box:
            _ran_out(at, line, found)
            table(
                ["User or service number", Column("Calls", "figure"), Column("Minutes", "figure"), "Share"],
                [
                    [
                        each.user or each.service_number or "Unknown",
                        count(each.calls),
                        minutes(each.seconds),
                        bar_of(each.seconds, found.used_seconds),
                    ]
                    for each in found.consumers
                ],
                f"Top consumers of {plan}",
                foot=["All", count(found.calls), minutes(found.used_seconds), f"{count(found.count)} in all"],
            )

    afterwards(lambda: filled(box, draw))


def bar_of(part: int, whole: int) -> Markup:
    """A share of what was used; it is no warning however large it is."""
    percent = 100 * part // whole if whole else 0
    return Markup(
        '<span class="tt-bar" role="img" aria-label="{0} %"><span style="width:{0}%"></span></span>'
        '<span class="tt-small">{0} %</span>'
    ).format(percent)


def _ran_out(at: Visit, line: PoolReportLine, found: Consumers) -> None:
    if found.ran_out_at is not None:
        when = at.when(found.ran_out_at)
        said(
            "warning", Markup("It ran out on {}: it does not cover what was called after that.").format(when)
        )
        return
    pairs: list[tuple[str, Cell]] = [("Used", minutes(found.used_seconds))]
    if line.left_seconds is not None:
        pairs.append(("Left", minutes(line.left_seconds)))
    facts(pairs)
