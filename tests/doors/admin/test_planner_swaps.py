"""The best plans as swaps for What if: offered only where swaps say all of them, and nothing more."""

from __future__ import annotations

from decimal import Decimal

import pytest

from talktime.client.management.answers_plan import PlanMix, PlanMixChange, PlanMixGroup, PlanMixOption
from talktime.doors.admin.planner_swaps import Swap, read, swap_words, swaps_of, written

NOTHING = Decimal(0)
Held = dict[str, int]


def group(owner: str, held: Held) -> PlanMixGroup:
    """Users of an owner: plans, joined by "+", -> how many hold them now."""
    options = tuple(
        PlanMixOption(plans=plans(words), name=words, price=NOTHING, now=users, best=0)
        for words, users in held.items()
    )
    return PlanMixGroup(
        family="calling",
        owner=owner,
        users=sum(held.values()),
        now=NOTHING,
        best=NOTHING,
        bound=NOTHING,
        exact=True,
        gap_percent=NOTHING,
        options=options,
    )


def plans(words: str) -> tuple[str, ...]:
    return tuple(words.split("+")) if words else ()


def changes(owner: str, was: str, becomes: str, users: int = 1) -> list[PlanMixChange]:
    return [
        PlanMixChange(
            user=f"{owner}-{was}-{at}",
            owner=owner,
            was=plans(was),
            becomes=plans(becomes),
            calls=1,
            a_month_seconds=60,
            why="It costs less.",
        )
        for at in range(users)
    ]


def mix(groups: list[PlanMixGroup], *changed: list[PlanMixChange]) -> PlanMix:
    return PlanMix(
        months=("2026-02",),
        prices="sample",
        sample=True,
        groups=tuple(groups),
        changes=tuple(one for each in changed for one in each),
        licences_now=NOTHING,
        licences_best=NOTHING,
        calls_now=NOTHING,
        calls_best=NOTHING,
        says=(),
    )


GB_AND_DE = [group("GB", {"A": 2, "B": 1}), group("DE", {"A": 3})]


@pytest.mark.parametrize(
    ("groups", "changed", "said"),
    [
        (GB_AND_DE, [changes("GB", "A", "B", 2)], "A.B.GB"),
        (GB_AND_DE, [changes("GB", "A", "B", 2), changes("DE", "A", "", 3)], "A.B.GB,A..DE"),
        ([group("US/PR", {"A": 1})], [changes("US/PR", "A", "B")], "A.B.US,A.B.PR"),
        ([group("", {"C": 2, "C+D": 1})], [changes("", "C+D", "C")], "D.."),
        # Some who hold the plan keep it, or two who hold it get different ones.
        (GB_AND_DE, [changes("GB", "A", "B", 1)], ""),
        (GB_AND_DE, [changes("GB", "A", "B"), changes("GB", "A", "C")], ""),
        # Whoever holds nothing cannot be named, nor can two plans that change at once.
        ([group("GB", {"": 1, "A": 1})], [changes("GB", "", "A")], ""),
        ([group("GB", {"A+B": 1})], [changes("GB", "A+B", "C")], ""),
        # The swap of a plan would change others who hold it beside another one.
        ([group("", {"C": 1, "C+D": 1})], [changes("", "C", "E")], ""),
        # One swap after the other would pass on what the first one gave.
        ([group("GB", {"A": 1, "B": 1})], [changes("GB", "A", "B"), changes("GB", "B", "C")], ""),
        # Who has no country is not known to be spared by the swap of one.
        ([group("", {"A": 1}), group("GB", {"A": 1})], [changes("GB", "A", "B")], ""),
        (GB_AND_DE, [], ""),
    ],
)
def test_best_plans_are_offered_where_swaps_say_them(
    groups: list[PlanMixGroup], changed: list[list[PlanMixChange]], said: str
) -> None:
    assert written(swaps_of(mix(groups, *changed))) == said


def test_licences_that_nobody_holds_are_no_swap() -> None:
    given_up = PlanMixChange(
        user="", owner="", was=("A",), becomes=(), calls=0, a_month_seconds=0, why="Nobody holds it."
    )
    assert swaps_of(mix(GB_AND_DE, changes("GB", "A", "B", 2), [given_up])) == ()


def test_address_gives_back_what_was_written() -> None:
    swaps = (Swap("A", "B", "GB"), Swap("A", "", ""))
    assert read(written(swaps)) == swaps
    assert [swap_words(one) for one in swaps] == ["A in GB becomes B", "A becomes no plan"]
    assert read("") == read("A.B") == read(".B.GB") == ()
