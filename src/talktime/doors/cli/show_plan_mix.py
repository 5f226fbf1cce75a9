"""The sections of a plan about plans: which for whom, how sure that is, what carriers' calls would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from talktime.doors.cli.screen import Screen, decimals_of, minutes, money
from talktime.insight.planner.conclusions import cents, exact, hundredths
from talktime.insight.wording import counted

if TYPE_CHECKING:
    from rich.table import Table

    from talktime.insight.planner.document import Carriers, Mix, MixChange, MixGroup, Plan

CHANGES_SHOWN: Final = 20
GROUPS_SHOWN: Final = 4
COUNTRIES_SHOWN: Final = 10
NONE: Final = "none"
NOBODY: Final = "licences of nobody"


def show_mix(screen: Screen, plan: Plan) -> None:
    """What today's and the best mix cost, group by group with its bound, and who should change."""
    mix = plan.mix
    if mix is None:
        return
    screen.section(f"Which plan for whom, {plan.currency}, {counted(len(mix.months), 'month')}", mix.says)
    screen.say()
    screen.show(_sums(screen, mix))
    screen.say()
    screen.show(_groups(screen, mix))
    changed = [group for group in mix.groups if any(one.now != one.best for one in group.options)]
    largest = sorted(changed, key=lambda group: -group.users)[:GROUPS_SHOWN]
    for group in (group for group in changed if group in largest):
        screen.say()
        screen.show(_options(screen, group))
    if len(changed) > len(largest):
        screen.say(f"and {counted(len(changed) - len(largest), 'smaller group')}", "dim")
    _changes(screen, mix)


def _sums(screen: Screen, mix: Mix) -> Table:
    now, best = mix.licences_now + mix.calls_now, mix.licences_best + mix.calls_best
    rows = [
        ("licences", mix.licences_now, mix.licences_best),
        ("calls", mix.calls_now, mix.calls_best),
        ("together", now, best),
    ]
    shown = [(what, cents(was), cents(is_), cents(is_ - was)) for what, was, is_ in rows]
    return screen.table(("", "today", "best found", "difference"), shown)


def _groups(screen: Screen, mix: Mix) -> Table:
    """Each group on its own: no mix of it can cost less than the bound."""
    rows = [
        (
            _name(group),
            f"{group.users:,}",
            cents(group.now),
            cents(group.best),
            cents(group.bound),
            "exact" if group.exact else f"{hundredths(group.gap)} %",
        )
        for group in mix.groups
    ]
    rows += _beside(mix)
    return screen.table(("group", "users", "today", "best found", "not below", "off by at most"), rows)


def _beside(mix: Mix) -> list[tuple[str, str, str, str, str, str]]:
    """What is in the sums and in no group: calls that no choice of plans changes."""
    now = mix.licences_now + mix.calls_now - sum(group.now for group in mix.groups)
    best = mix.licences_best + mix.calls_best - sum(group.best for group in mix.groups)
    return [("in no group", "", cents(now), cents(best), "", "")] if now or best else []


def _name(group: MixGroup) -> str:
    return f"{group.family} {group.owner}".rstrip()


def _options(screen: Screen, group: MixGroup) -> Table:
    rows = [
        (
            _plans(option.plans),
            "" if option.price is None else money(option.price),
            f"{option.now:,}",
            f"{option.best:,}",
        )
        for option in group.options
        if option.now or option.best
    ]
    return screen.table((_name(group), "a month", "users now", "best"), rows)


def _plans(plans: tuple[str, ...]) -> str:
    return " + ".join(plans) or NONE


def _changes(screen: Screen, mix: Mix) -> None:
    if not mix.changes:
        return
    screen.say()
    screen.say("Who should change, and why", "bold")
    for change in mix.changes[:CHANGES_SHOWN]:
        screen.say(_change(change))
    rest = len(mix.changes) - CHANGES_SHOWN
    if rest > 0:
        screen.say(f"and {rest:,} more; --out FILE.xlsx and --json list all of them", "dim")


def _change(change: MixChange) -> str:
    return (
        f"{change.user or NOBODY}{f' ({change.owner})' if change.owner else ''}: {_plans(change.was)} -> "
        f"{_plans(change.becomes)}. {change.why}"
    )


def show_carriers(screen: Screen, plan: Plan) -> None:
    """What calls of the own operator would cost here."""
    carriers = plan.carriers
    if carriers is None:
        return
    screen.section(f"Calls of your own carrier, if they were moved here, {plan.currency}", carriers.says)
    screen.say()
    screen.side_by_side([_moved(screen, carriers), _countries(screen, carriers)])


def _moved(screen: Screen, carriers: Carriers) -> Table:
    rows = [
        ("answered calls", f"{carriers.answered:,}"),
        ("billed minutes", minutes(carriers.billed_s)),
        ("of them included today", minutes(carriers.pool_s)),
        ("price with today's licences", exact(carriers.amount)),
        ("more for other calls", exact(carriers.displaced)),
        ("price without licences", exact(carriers.without)),
        ("calls without a rate", f"{carriers.unrated_calls:,}"),
    ]
    return screen.table(("", ""), rows)


def _countries(screen: Screen, carriers: Carriers) -> Table:
    lines = carriers.by_country[:COUNTRIES_SHOWN]
    places = decimals_of(line.amount for line in lines)
    rows = [
        (
            f"{line.others:,} others" if line.others else line.key or "-",
            f"{line.calls:,}",
            money(line.amount, places),
        )
        for line in lines
    ]
    return screen.table(("country called", "calls", "price"), rows)
