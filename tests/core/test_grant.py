"""Grants: how long a call may go on for what is there; tables by hand, and what holds for every call."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.core.grant import billable_s, is_covered, longest_s, need, shrunk_slice_s
from talktime.core.limits import NO_LIMIT
from talktime.core.rating import AFTER_FIRST, WHOLE, billed_seconds

Rate = tuple[int, int, int, int, int, int, int, int]
UNIT, CENT = 1_000_000, 10_000
BY_SECOND: Rate = (1, 1, AFTER_FIRST, 600_000_000, 600_000_000, 0, 0, 6)
"""A cent a second."""
BY_MINUTE: Rate = (60, 60, AFTER_FIRST, 300_000_000, 300_000_000, 50_000, 0, 6)
"""0.30 a minute after a fee of 0.05."""
FREE_START: Rate = (10, 6, AFTER_FIRST, 0, 1_200_000_000, 0, 0, 6)
ODD: Rate = (30, 18, WHOLE, 100_000_000, 100_000_000, 0, 0, 6)


@pytest.mark.parametrize(
    ("seconds_s", "pool_s", "rate", "expected"),
    [
        (0, 0, BY_SECOND, (0, 0, 0)),
        (75, 0, BY_SECOND, (75, 0, 75 * CENT)),
        (75, 30, BY_SECOND, (75, 30, 45 * CENT)),
        (75, 75, BY_SECOND, (75, 75, 0)),
        (61, 0, BY_MINUTE, (120, 0, 650_000)),
        (61, 60, BY_MINUTE, (120, 60, 350_000)),
        (61, NO_LIMIT, BY_MINUTE, (120, 120, 0)),
        (16, 0, FREE_START, (16, 0, 120_000)),
        (31, 0, ODD, (36, 0, 60_000)),
    ],
)
def test_need(seconds_s: int, pool_s: int, rate: Rate, expected: tuple[int, int, int]) -> None:
    assert need(seconds_s, pool_s, *rate) == expected


@pytest.mark.parametrize(
    ("seconds_s", "pool_s", "money", "payable", "expected"),
    [
        (60, 0, 350_000, 1, 1),
        (60, 0, 349_999, 1, 0),
        (61, 0, 350_000, 1, 0),
        (60, 60, 0, 1, 1),
        (60, 60, 0, 0, 1),
        (61, 60, UNIT, 0, 0),
        (61, 60, UNIT, 1, 1),
        (61, 60, 349_999, 1, 0),
    ],
)
def test_is_covered(seconds_s: int, pool_s: int, money: int, payable: int, expected: int) -> None:
    assert is_covered(seconds_s, pool_s, money, payable, *BY_MINUTE) == expected


@pytest.mark.parametrize(
    ("least_s", "most_s", "pool_s", "money", "payable", "rate", "expected"),
    [
        (0, 30, 0, 75 * CENT, 1, BY_SECOND, 30),
        (0, 30, 0, 15 * CENT, 1, BY_SECOND, 15),
        (0, 30, 0, 15 * CENT + 9_999, 1, BY_SECOND, 15),
        (0, 30, 10, 15 * CENT, 1, BY_SECOND, 25),
        (0, 30, 10, 15 * CENT, 0, BY_SECOND, 10),
        (0, 30, 0, 0, 1, BY_SECOND, 0),
        (20, 30, 0, 15 * CENT, 1, BY_SECOND, 20),
        (30, 20, 0, 15 * CENT, 1, BY_SECOND, 30),
        (0, 600, 0, 650_000, 1, BY_MINUTE, 120),
        (0, 600, 0, 0, 1, FREE_START, 10),
        (0, 600, NO_LIMIT, 0, 0, BY_MINUTE, 600),
        (0, 600, 0, 60_000, 1, ODD, 36),
    ],
)
def test_longest_s(
    least_s: int, most_s: int, pool_s: int, money: int, payable: int, rate: Rate, expected: int
) -> None:
    assert longest_s(least_s, most_s, pool_s, money, payable, *rate) == expected


@pytest.mark.parametrize(
    ("slice_s", "covered_s", "rate", "expected"),
    [
        (600, 0, BY_MINUTE, 60),
        (600, -5, BY_MINUTE, 60),
        (600, 240, BY_MINUTE, 60),
        (600, 1_000, BY_MINUTE, 240),
        (600, 10_000, BY_MINUTE, 600),
        (600, 3, BY_SECOND, 1),
        (600, 100, BY_SECOND, 25),
        (30, 0, BY_MINUTE, 30),
        (600, 200, ODD, 36),
    ],
)
def test_shrunk_slice_s(slice_s: int, covered_s: int, rate: Rate, expected: int) -> None:
    assert shrunk_slice_s(slice_s, covered_s, *rate[:3]) == expected


@pytest.mark.parametrize(
    ("duration_s", "authorised_s", "slack_s", "expected"),
    [
        (0, 12, 2, (0, 0)),
        (12, 12, 2, (12, 0)),
        (13, 12, 2, (12, 0)),
        (14, 12, 2, (12, 0)),
        (15, 12, 2, (15, 1)),
        (13, 12, 0, (13, 1)),
        (36, 35, 2, (35, 0)),
        (2, 0, 2, (0, 0)),
    ],
)
def test_billable_s(duration_s: int, authorised_s: int, slack_s: int, expected: tuple[int, int]) -> None:
    assert billable_s(duration_s, authorised_s, slack_s) == expected


nanos = st.integers(0, 2 * 10**9)
rates: st.SearchStrategy[Rate] = st.tuples(
    st.sampled_from([0, 1, 10, 30, 60]),
    st.sampled_from([1, 6, 18, 60]),
    st.integers(0, 1),
    nanos,
    nanos,
    st.sampled_from([0, 50_000]),
    st.integers(0, 3),
    st.integers(0, 6),
)
seconds = st.integers(0, 400)
micros = st.integers(0, 10 * UNIT)


@given(st.integers(0, 100), seconds, seconds, micros, st.integers(0, 1), rates)
def test_the_longest_is_what_trying_each_second_finds(
    least_s: int, most_s: int, pool_s: int, money: int, payable: int, rate: Rate
) -> None:
    """All up to it are covered, and the next one is not."""
    found_s = longest_s(least_s, most_s, pool_s, money, payable, *rate)
    covered = [s for s in range(least_s + 1, most_s + 1) if is_covered(s, pool_s, money, payable, *rate)]
    assert found_s == max(covered, default=least_s)


@given(seconds, seconds, rates)
def test_a_longer_call_never_needs_less(seconds_s: int, pool_s: int, rate: Rate) -> None:
    shorter, longer = need(seconds_s, pool_s, *rate), need(seconds_s + 1, pool_s, *rate)
    assert all(a <= b for a, b in zip(shorter, longer, strict=True))


@given(st.integers(1, 900), st.integers(-10, 10_000), rates)
def test_a_slice_is_a_quarter_in_whole_steps(slice_s: int, covered_s: int, rate: Rate) -> None:
    first_s = billed_seconds(1, *rate[:3])
    found_s = shrunk_slice_s(slice_s, covered_s, *rate[:3])
    assert 0 < found_s <= slice_s
    assert found_s in (slice_s, first_s) or (found_s % rate[1] == 0 and 4 * found_s <= covered_s)


@given(seconds, seconds, st.integers(0, 5))
def test_what_is_billed_is_what_was_reported_or_granted(
    duration_s: int, authorised_s: int, slack_s: int
) -> None:
    billed_s, over = billable_s(duration_s, authorised_s, slack_s)
    assert billed_s in (duration_s, authorised_s)
    assert over == (billed_s > authorised_s)
