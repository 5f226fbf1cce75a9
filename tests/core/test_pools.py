"""Pools: what is free, who gets it, and the marks at 80 and 100 % (domain.md 5, rulings.md 15)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.core.limits import NO_LIMIT
from talktime.core.pools import crossed, open_s, pool_free_s, take

seconds = st.integers(0, 10**15)


@pytest.mark.parametrize(
    ("left", "wanted", "taken"),
    [(45, 30, 30), (15, 30, 15), (0, 30, 0), (-5, 30, 0), (10, 0, 0), (30, 30, 30)],
)
def test_take(left: int, wanted: int, taken: int) -> None:
    assert take(left, wanted) == taken


@given(st.integers(-(10**15), 10**15), seconds)
def test_nobody_takes_more_than_there_is_or_than_he_wants(left: int, wanted: int) -> None:
    taken = take(left, wanted)
    assert 0 <= taken <= wanted
    assert taken <= max(left, 0)
    assert taken in (max(left, 0), wanted)


@pytest.mark.parametrize(
    ("size_s", "used_s", "reserved_s", "free_s"),
    [
        (600, 550, 0, 50),
        (600, 550, 30, 20),
        (600, 550, 60, 0),
        (600, 0, 0, 600),
        (300, 550, 0, 0),  # licences went: what was used stays used
        (0, 0, 0, 0),
        (NO_LIMIT, 10**12, 10**9, NO_LIMIT),
    ],
)
def test_what_is_free_in_a_pool(size_s: int, used_s: int, reserved_s: int, free_s: int) -> None:
    assert pool_free_s(size_s, used_s, reserved_s) == free_s


@given(seconds, seconds, seconds, seconds)
def test_a_pool_is_never_given_out_twice(size_s: int, used_s: int, reserved_s: int, wanted_s: int) -> None:
    free_s = pool_free_s(size_s, used_s, reserved_s)
    taken_s = take(free_s, wanted_s)
    assert used_s + reserved_s + taken_s <= max(size_s, used_s + reserved_s)
    assert pool_free_s(size_s, used_s + taken_s, reserved_s) == free_s - taken_s


@pytest.mark.parametrize(
    ("free_s", "has_partner", "partner_free_s", "usable_s"),
    [
        (180, 0, 0, 180),  # no partner: nothing closes it
        (180, 1, 120, 180),
        (180, 1, 1, 180),
        (180, 1, 0, 0),  # whichever first
        (0, 1, 120, 0),
        (180, 1, NO_LIMIT, 180),
        (NO_LIMIT, 1, 0, 0),
        (NO_LIMIT, 0, 0, NO_LIMIT),
    ],
)
def test_an_empty_partner_closes_a_pool(
    free_s: int, has_partner: int, partner_free_s: int, usable_s: int
) -> None:
    assert open_s(free_s, has_partner, partner_free_s) == usable_s


@given(seconds, seconds)
def test_of_two_partners_both_are_open_or_neither(one_s: int, other_s: int) -> None:
    both = (open_s(one_s, 1, other_s), open_s(other_s, 1, one_s))
    assert both in ((one_s, other_s), (0, 0))
    assert (both == (0, 0)) == (min(one_s, other_s) == 0)


@pytest.mark.parametrize(
    ("size_s", "before_s", "after_s", "at_80", "at_100"),
    [
        (36_000, 28_799, 28_800, 1, 0),  # 600 minutes: told at 480 and at 600
        (36_000, 28_800, 28_860, 0, 0),
        (36_000, 28_000, 28_799, 0, 0),
        (36_000, 35_940, 36_000, 0, 1),
        (36_000, 0, 36_000, 1, 1),
        (36_000, 36_000, 36_000, 0, 0),
        (7, 5, 6, 1, 0),  # 80 % of 7 s is 5.6 s
        (0, 0, 60, 0, 0),
        (NO_LIMIT, 0, 10**15, 0, 0),
        (72_000, 36_000, 57_600, 1, 0),  # the size grew: crossed anew
    ],
)
def test_marks(size_s: int, before_s: int, after_s: int, at_80: int, at_100: int) -> None:
    assert (crossed(size_s, before_s, after_s, 80), crossed(size_s, before_s, after_s, 100)) == (
        at_80,
        at_100,
    )


@given(st.integers(1, 10_000), st.lists(st.integers(0, 3_000), max_size=20), st.sampled_from([80, 100]))
def test_a_mark_is_crossed_once_while_the_size_stays(size_s: int, steps: list[int], percent: int) -> None:
    used_s, times = 0, 0
    for step_s in steps:
        times += crossed(size_s, used_s, used_s + step_s, percent)
        used_s += step_s
    assert times == (used_s * 100 >= size_s * percent)
