"""The table of modes (rulings.md 29): who stands behind the credits, and what the mode is called."""

from itertools import product

import pytest

from talktime.core.modes import Mode, mode, stands_behind


@pytest.mark.parametrize(
    ("is_mca", "recharge_on", "enabled", "balance", "expected"),
    [
        (0, 0, 1, 50, Mode.PREPAID),
        (0, 1, 1, 0, Mode.PREPAID),
        (0, 0, 1, -5, Mode.PREPAID),
        (1, 1, 1, 50, Mode.PREPAID),  # the balance refills for ever [seed]
        (1, 1, 1, 0, Mode.PREPAID),
        (1, 0, 1, 1, Mode.DRAINING),
        (1, 0, 1, 0, Mode.POST_USAGE),
        (1, 0, 1, -1, Mode.POST_USAGE),
        (1, 0, 0, 1, Mode.DRAINING),
        (1, 0, 0, 0, Mode.NO_FUNDING),
        (1, 0, 0, -1, Mode.NO_FUNDING),
    ],
)
def test_mode(is_mca: int, recharge_on: int, enabled: int, balance: int, expected: Mode) -> None:
    assert mode(is_mca, recharge_on, enabled, balance) is expected


@pytest.mark.parametrize(("is_mca", "recharge_on", "enabled"), list(product((0, 1), repeat=3)))
def test_post_usage_stands_behind_from_the_first_second_of_draining(
    is_mca: int, recharge_on: int, enabled: int
) -> None:
    behind = stands_behind(is_mca, recharge_on, enabled)
    assert behind == int((is_mca, recharge_on, enabled) == (1, 0, 1))
    draining = mode(is_mca, recharge_on, enabled, 1) is Mode.DRAINING
    assert behind == int(draining and mode(is_mca, recharge_on, enabled, 0) is Mode.POST_USAGE)
