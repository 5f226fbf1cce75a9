"""Home: what there is and how long it lasts, what to act on, what ate it, who is on the telephone.

All of it is the API's overview; the page only arranges it. People look before they read, so the balance comes
first, and each alert has one thing to do.
"""

from __future__ import annotations

import asyncio
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal, cast

from markupsafe import Markup
from nicegui import ui

from talktime.doors.admin.kit.charts import Series, bar_chart, line_chart
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import (
    Cell,
    anchor,
    badge,
    card,
    columns,
    facts,
    figure,
    heading,
    link,
    more,
    row,
    tabs,
    text,
)
from talktime.doors.admin.live_calls import LiveCalls, category_words
from talktime.doors.admin.page import Visit, page
from talktime.doors.admin.runway_words import days_left, ground, until
from talktime.doors.admin.words import count

if TYPE_CHECKING:
    from collections.abc import Iterable

    from talktime.client.management.answers_calls import Spend
    from talktime.client.management.answers_overview import (
        Action,
        Alert,
        AtZero,
        CreditsHistory,
        Overview,
        Path,
        PathStep,
        SpendPace,
    )

KIND_OF: Final[dict[str, Literal["error", "warning", "note"]]] = {
    "now": "error",
    "soon": "warning",
    "sometime": "note",
}
STATES: Final[dict[str, tuple[str, Literal["", "good", "warning"]]]] = {
    "done": ("Done", "good"),
    "open": ("To do", "warning"),
    "not_needed": ("Not needed", ""),
}
SPANS: Final = (28, 90, 365)
CALLS_SHOWN: Final = 5
CATEGORIES_SHOWN: Final = 8


@page("/tenants/{tenant}", title="Home", needs="see_balance")
async def home(at: Visit) -> None:
    """The first page of a tenant."""
    written = at.query.get("days", "")
    days = int(written) if written in map(str, SPANS) else SPANS[0]
    found, history, spent = await asyncio.gather(
        at.tenant.overview(),
        at.tenant.credits.history(days=cast("Literal[28, 90, 365]", days)),
        _spend(at),
    )
    for alert in found.alerts:
        _alert(at, alert)
    if not found.first_time.ready:
        _path(found.first_time)
    with columns():
        _balance(at, found)
        _lasts(at, found)
        if found.spend is not None:
            _month(at, found.spend)
    _over_time(at, history, days)
    if spent is not None and spent.lines:
        _eaten(spent)
    if found.calls_in_progress is not None:
        await _calls(at, found)
    _at_zero(found.at_zero)


async def _spend(at: Visit) -> Spend | None:
    """What ate the money this month, for those who may see it."""
    if not at.may("see_usage_without_names"):
        return None
    return await at.tenant.usage.spend("category", since=at.words.midnight(at.today().replace(day=1)))


def _act(action: Action | None) -> Markup:
    """The one thing to do, as a link."""
    if action is None:
        return Markup("")
    return anchor(action.says, action.path, as_button=True)


def _alert(at: Visit, alert: Alert) -> None:
    since = Markup(" Since {}.").format(at.when(alert.since)) if alert.since is not None else ""
    todo = Markup(" {}").format(anchor(alert.action.says, alert.action.path)) if alert.action else ""
    said(KIND_OF.get(alert.urgency, "note"), Markup("{}{}{}").format(alert.says, since, todo))


# --- money -------------------------------------------------------------------------------------------------


def _balance(at: Visit, found: Overview) -> None:
    with card("Balance"):
        figure("Communication Credits", at.money(found.balance, found.currency))
        pairs: list[tuple[str, Cell]] = [
            ("Available", at.money(found.available, found.currency)),
            ("Reserved by calls", at.money(found.reserved, found.currency)),
        ]
        if found.overdraft:
            pairs.append(("Overdraft", at.money(found.overdraft, found.currency)))
        pairs.append(("Calls are paid by", found.mode_says))
        facts(pairs)
        with row():
            if at.may("buy_credits") or at.may("fund_on_behalf"):
                link("Add funds", at.link("credits/add"), is_main=True)
            link("Communication Credits", at.link("credits"), as_button=True)


def _lasts(at: Visit, found: Overview) -> None:
    with card("How long it lasts"):
        runway = found.runway
        figure("By the forecast", days_left(runway), until(runway, at.today()))
        for says in ground(runway):
            text(says)
        facts(
            [
                ("A day, last 7 days", at.money(runway.burn_7)),
                ("A day, last 28 days", at.money(runway.burn_28)),
            ]
        )
        rule = found.auto_recharge
        text(Markup("Auto-recharge is <strong>{}</strong>. {}").format(rule.says, rule.why))
        if rule.advice is not None:
            text(rule.advice.says)
            _html(_act(rule.advice.action))


def _month(at: Visit, pace: SpendPace) -> None:
    with card("Spend this month"):
        figure("Until now", at.money(pace.spent), _against(pace))
        pairs: list[tuple[str, Cell]] = []
        if pace.full_days:
            days = f"first {pace.full_days} days" if pace.full_days > 1 else "first day"
            pairs += [
                (f"This month, {days}", at.money(pace.spent_full)),
                (f"Last month, {days}", at.money(pace.before_same)),
            ]
        pairs.append(("All of last month", at.money(pace.before)))
        facts(pairs)
        with row():
            link("Spend", at.link("spend"), as_button=True)


def _against(pace: SpendPace) -> str:
    """`12 % more than last month by this day`; "" where there is nothing to compare with."""
    more = pace.more_percent
    if more is None:
        return ""
    if not more:
        return "as much as last month by this day"
    return f"{count(abs(more))} % {'more' if more > 0 else 'less'} than last month by this day"


# --- charts ------------------------------------------------------------------------------------------------


def _over_time(at: Visit, found: CreditsHistory, days: int) -> None:
    with card("Balance over time"):
        entries = [(f"{span} days", at.here(days=span), span == days) for span in SPANS]
        tabs("Days of the chart", entries)
        past = [(_label(one.day, days), one.balance) for one in found.days]
        ahead = found.forecast[:days]
        labels = [label for label, _ in past] + [_label(one.day, days) for one in ahead]
        balance: list[Decimal | int | None] = [amount for _, amount in past]
        series = [Series("Balance", [*balance, *[None] * len(ahead)])]
        if ahead:
            gap: list[Decimal | int | None] = [None] * (len(past) - 1)
            now = past[-1][1]
            series += [
                Series("Expected", [*gap, now, *(one.expected for one in ahead)], dashed=True),
                Series("If slower", [*gap, now, *(one.high for one in ahead)], dashed=True),
                Series("If faster", [*gap, now, *(one.low for one in ahead)], dashed=True),
            ]
        line_chart("The balance at the end of each day", labels, series, unit=found.currency)
        heading("What came in and what went out")
        kinds: list[tuple[str, list[Decimal | int | None]]] = [
            ("Bought", [one.purchase + one.on_behalf for one in found.days]),
            ("Auto-recharge", [one.recharge for one in found.days]),
            ("Calls", [-one.paid for one in found.days]),
            ("Expired", [-one.expired for one in found.days]),
            ("Other", [one.other for one in found.days]),
        ]
        moved = [Series(name, values) for name, values in kinds if any(values)]
        if moved:
            bar_chart(
                "What changed the balance each day", [label for label, _ in past], moved, unit=found.currency
            )
        else:
            text("Nothing changed the balance in these days.")


def _eaten(found: Spend) -> None:
    """What the money of this month went for."""
    paid = [line for line in found.lines if line.amount][:CATEGORIES_SHOWN]
    if not paid:
        return
    with card("What ate it this month"):
        amounts: list[Decimal | int | None] = [line.amount for line in paid]
        bar_chart(
            "Spend of this month by kind of call",
            [category_words(line.key) for line in paid],
            [Series("Spend", amounts)],
            unit=found.currency,
            lying=True,
        )


# --- calls, first steps ------------------------------------------------------------------------------------


async def _calls(at: Visit, found: Overview) -> None:
    with card("Calls in progress"):
        if at.may("see_usage"):
            await LiveCalls(at, most=CALLS_SHOWN).begin()
            with row():
                link("All calls in progress", at.link("calls"), as_button=True)
            return
        number = found.calls_in_progress or 0
        facts(
            [
                ("Now", count(number)),
                ("Held for them", at.money(found.reserved, found.currency)),
            ]
        )


def _path(found: Path) -> None:
    """What a new tenant does, in order; once something is done that stands aside."""
    todo = [step for step in found.steps if step.state == "open"]
    aside = [step for step in found.steps if step.state != "open"]
    title = f"First steps: {len(aside)} of {len(found.steps)} are done" if aside else "First steps"
    with card(title):
        _html(_steps(todo))
        if aside:
            more("What is done or not needed", _steps(aside))


def _steps(steps: Iterable[PathStep]) -> Markup:
    lines = Markup("").join(
        Markup("<li><p><strong>{}</strong> {}<br>{}</p>{}</li>").format(
            step.title,
            badge(*STATES[step.state]),
            step.says,
            Markup("<p>{}</p>").format(_act(step.action)) if step.state == "open" and step.action else "",
        )
        for step in steps
    )
    return Markup("<ol>{}</ol>").format(lines)


def _at_zero(found: AtZero) -> None:
    with card("When the balance is 0"):
        if found.backed:
            text("All calls go on: what credits do not pay is billed after use.")
            return
        with columns():
            for title, kinds in (
                ("Goes on", found.goes_on),
                ("Goes on while minutes last", found.while_minutes_last),
                ("Stops", found.stops),
            ):
                if kinds:
                    _list(title, kinds)


def _list(title: str, kinds: tuple[str, ...]) -> None:
    items = Markup("").join(Markup("<li>{}</li>").format(kind) for kind in kinds)
    _html(Markup("<div><h3>{}</h3><ul>{}</ul></div>").format(title, items))


def _html(made: Markup) -> None:
    ui.html(made, sanitize=False).classes("tt-block")


def _label(day: str, days: int) -> str:
    """A day below a chart: 22 Nov; with its year where a chart holds more than one."""
    at = date.fromisoformat(day)
    return f"{at.day} {at:%b %y}" if days == SPANS[-1] else f"{at.day} {at:%b}"


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
