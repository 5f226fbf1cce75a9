"""Weekly windows as masks agree with the rule that prices calls, minute by minute."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts.calendar import local_minute
from talktime.core.deck import EVERY_DAY, MINUTES_A_DAY, RateRow, in_force, in_window
from talktime.core.limits import US_PER_S
from talktime.files.decks.windows import MINUTES_A_WEEK, minutes_ahead, overlap, week_mask
from talktime.files.instants import parse_instant
from tests.files.decks.tables import row

TIMES = st.tuples(st.integers(0, MINUTES_A_DAY - 1), st.integers(0, MINUTES_A_DAY))


@given(st.integers(1, EVERY_DAY), TIMES, st.lists(st.integers(0, MINUTES_A_WEEK - 1), max_size=50))
def test_a_mask_holds_the_minutes_of_its_window(
    weekdays: int, times: tuple[int, int], minutes: list[int]
) -> None:
    mask = week_mask(row("44", weekdays=weekdays, from_min=times[0], to_min=times[1]))
    edges = [day * MINUTES_A_DAY + edge + side for day in range(7) for edge in times for side in (-1, 0, 1)]
    for minute in {*minutes, *(edge % MINUTES_A_WEEK for edge in edges)}:
        weekday, of_day = divmod(minute, MINUTES_A_DAY)
        assert mask >> minute & 1 == in_window(weekday, of_day, weekdays, *times)


@pytest.mark.parametrize(
    ("zone", "other", "minutes"),
    [
        ("UTC", "UTC", {0}),
        ("UTC", "Europe/London", {0, 60}),
        ("Europe/London", "Europe/Paris", {60}),
        ("Asia/Kolkata", "Asia/Kathmandu", {15}),
        # the two clocks change on different days in spring and autumn
        ("America/New_York", "Europe/London", {240, 300}),
        ("Europe/London", "America/New_York", {-240, -300}),
    ],
)
def test_how_far_clocks_are_apart(zone: str, other: str, minutes: set[int]) -> None:
    assert minutes_ahead(zone, other) == minutes


ZONES = st.sampled_from(["UTC", "Europe/London", "America/New_York", "Asia/Kolkata"])
QUARTERS = st.integers(0, 95).map(lambda quarter: quarter * 15)


@st.composite
def windows(draw: st.DrawFn) -> RateRow:
    """A row with a window in whole quarters of an hour."""
    from_min, to_min = draw(st.lists(QUARTERS, min_size=2, max_size=2, unique=True))
    return row(
        "44",
        weekdays=draw(st.integers(1, EVERY_DAY)),
        from_min=from_min,
        to_min=to_min,
        time_zone=draw(ZONES),
    )


# Every quarter of an hour of a week in winter, in summer, and between the changes of two clocks.
QUARTERS_OF_WEEKS = [
    parse_instant(monday) + quarter * 15 * 60 * US_PER_S
    for monday in ("2026-01-05", "2026-07-06", "2026-03-16")
    for quarter in range(7 * 96)
]


@given(windows(), windows())
def test_windows_overlap_where_an_instant_lies_in_both(one: RateRow, other: RateRow) -> None:
    in_both = any(
        in_force(one, at_us, local_minute) and in_force(other, at_us, local_minute)
        for at_us in QUARTERS_OF_WEEKS
    )
    assert overlap(one, other) == in_both == overlap(other, one)
