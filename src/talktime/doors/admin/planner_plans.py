"""Plans in the planner's answer: groups who share pools, who should change, calls of other operators."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from nicegui import ui

from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import (
    Column,
    anchor,
    badge,
    figure,
    heading,
    more,
    row,
    table,
    table_markup,
    text,
)
from talktime.doors.admin.planner_swaps import Swap, swaps_of, written
from talktime.doors.admin.planner_words import (
    FAMILIES,
    about,
    download,
    figures,
    key_words,
    owner_words,
    plans_words,
    saving,
    sentences,
)
from talktime.doors.admin.words import count, minutes, plain_amount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from talktime.client.management.answers_plan import (
        Plan,
        PlanCarriers,
        PlanDocument,
        PlanMix,
        PlanMixChange,
        PlanMixGroup,
        PlanMixOption,
    )
    from talktime.doors.admin.kit.show import Cell
    from talktime.doors.admin.visit import Visit

SHOWN_CHANGES: Final = 10
SHOWN_GROUPS: Final = 50
SHOWN_OPTIONS: Final = 200
SHOWN_COUNTRIES: Final = 15

NOBODY: Final = "licences of nobody"
NO_PLANS: Final = "It cannot be said which plan is best for whom; the statements above tell why."


def plans(at: Visit, asked: Plan, found: PlanDocument) -> None:
    """The best mix that was found, how near to the best possible it is, and who should change."""
    mix = found.mix
    if mix is None:
        text(NO_PLANS)
        return
    if mix.sample:
        said("warning", "Licence prices are samples: put your own into the settings and ask again.")
    _sums(found.currency, mix)
    sentences(mix.says)
    _groups(found.currency, mix.groups)
    _changes(at, asked, mix.changes, swaps_of(mix))


def _sums(currency: str, mix: PlanMix) -> None:
    now, best = mix.licences_now + mix.calls_now, mix.licences_best + mix.calls_best
    span = _span(len(mix.months))
    with figures():
        figure("Today's plans", f"{currency} {about(now)}", span)
        figure("Best plans found", f"{currency} {about(best)}", span)
    heads = [Column("What", "time"), Column("Today", "figure"), Column("Best", "figure"), Column("Saves")]
    rows: list[list[Cell]] = [
        [
            "Licences",
            about(mix.licences_now),
            about(mix.licences_best),
            saving(mix.licences_now, mix.licences_best),
        ],
        [
            "Calls",
            about(mix.calls_now),
            about(mix.calls_best),
            saving(mix.calls_now, mix.calls_best),
        ],
    ]
    foot: list[Cell] = ["Together", about(now), about(best), saving(now, best)]
    table(heads, rows, f"Licences and calls, in {currency}", foot=foot)


def _span(months: int) -> str:
    return f"in {count(months)} months" if months != 1 else "in 1 month"


def _groups(currency: str, groups: Sequence[PlanMixGroup]) -> None:
    heading("Users who share pools")
    heads = [
        Column("Group", "name"),
        Column("Users", "figure"),
        Column("Today", "figure"),
        Column("Best found", "figure"),
        Column("None can cost less than", "figure"),
        Column("How sure"),
    ]
    rows = [_group(one) for one in groups[:SHOWN_GROUPS]]
    table(heads, rows, f"Groups of users, in {currency}", nothing="Nobody has a plan to choose.")
    _options(currency, groups)


def _options(currency: str, groups: Sequence[PlanMixGroup]) -> None:
    """How many hold which plan, over all groups; group by group in a fold."""
    held = [(group, one) for group in groups for one in group.options if one.now or one.best]
    if not held:
        return
    now: Counter[str] = Counter()
    best: Counter[str] = Counter()
    for _, option in held:
        now[_option_name(option)] += option.now
        best[_option_name(option)] += option.best
    heads = [Column("Plan", "name"), Column("Today", "figure"), Column("Best found", "figure")]
    rows: list[list[Cell]] = [
        [name, count(now[name]), count(best[name])] for name in sorted(now, key=lambda name: -best[name])
    ]
    table(heads, rows, "How many hold which plan", shows_caption=True)
    heads = [Column("Group", "name"), Column("Plan"), Column("A licence and month", "figure"), *heads[1:]]
    rows = [
        [
            _group_name(group),
            _option_name(option),
            "—" if option.price is None else plain_amount(option.price),
            count(option.now),
            count(option.best),
        ]
        for group, option in held[:SHOWN_OPTIONS]
    ]
    more("Group by group", table_markup(heads, rows, f"Plans of each group, prices in {currency}"))


def _option_name(option: PlanMixOption) -> str:
    return option.name or plans_words(option.plans)


def _group_name(group: PlanMixGroup) -> str:
    return f"{FAMILIES.get(group.family, group.family)}, {owner_words(group.owner)}"


def _group(group: PlanMixGroup) -> list[Cell]:
    sure = badge("the best there is", "good")
    if not group.exact:
        sure = badge(
            f"at most {group.gap_percent} % above the best", "good" if group.gap_percent <= 1 else "warning"
        )
    return [
        _group_name(group),
        count(group.users),
        about(group.now),
        about(group.best),
        about(group.bound),
        sure,
    ]


def _changes(at: Visit, asked: Plan, changes: Sequence[PlanMixChange], swaps: Sequence[Swap]) -> None:
    heading("Who should change")
    heads: list[Column | str] = [
        *("User", "Holds today", "Should hold"),
        Column("Minutes a month", "figure"),
        "Why",
    ]
    rows = [_change(one) for one in changes]
    table(
        heads,
        rows[:SHOWN_CHANGES],
        "Who should change plans",
        nothing="Nobody: today's plans are the best found.",
        stacks=True,
    )
    if len(rows) > SHOWN_CHANGES:
        rest = rows[SHOWN_CHANGES : 20 * SHOWN_CHANGES]
        shown = table_markup(heads, rest, "More who should change plans", stacks=True)
        more(f"{count(len(rest))} more", shown)
        text(f"{count(len(rows))} in all; every one of them is in the files.", small=True)
    if rows:
        with row():
            ui.html(anchor("As CSV", download(at, asked, "changes"), as_button=True), sanitize=False)
            if swaps and len(asked.files) == 1:
                there = at.link("what-if", file=asked.files[0].id, plans=written(swaps))
                ui.html(anchor("Try these plans as scenario", there, as_button=True), sanitize=False)


def _change(one: PlanMixChange) -> list[Cell]:
    return [
        one.user or NOBODY,
        plans_words(one.was),
        plans_words(one.becomes),
        minutes(one.a_month_seconds),
        one.why,
    ]


def carriers(found: PlanDocument, moved: PlanCarriers) -> None:
    """What calls of the customer's own operator would cost here."""
    code = found.currency
    with row():
        figure(
            "With today's licences", f"{code} {plain_amount(moved.amount)}", f"{count(moved.answered)} calls"
        )
        figure("Without licences", f"{code} {plain_amount(moved.without)}", _span(moved.months))
        if moved.displaced:
            figure("Other calls", f"{code} {plain_amount(moved.displaced)} more", "they share the minutes")
        if moved.unrated_calls:
            figure("Calls without a rate", count(moved.unrated_calls), "what they cost is not in it")
    sentences(moved.says)
    heads = [
        Column("Country", "name"),
        Column("Calls", "figure"),
        Column("Minutes", "figure"),
        Column("Amount", "figure"),
    ]
    rows: list[list[Cell]] = [
        [
            key_words("country", line.key, line.others),
            count(line.calls),
            minutes(line.billed_seconds),
            plain_amount(line.amount),
        ]
        for line in moved.by_country[:SHOWN_COUNTRIES]
    ]
    table(heads, rows, f"By country of the called number, in {code}")
