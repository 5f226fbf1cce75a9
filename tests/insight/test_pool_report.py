"""How much of a pool is used, and which notice's level that has reached."""

from __future__ import annotations

import pytest

from talktime.insight.pool_report import PoolLine

MONTH = 2026 * 12 + 2


@pytest.mark.parametrize(
    ("used_s", "total_s", "percent", "mark"),
    [
        (0, 6_000, 0, ""),
        (4_799, 6_000, 79, ""),  # rounded down: a level is reached, not nearly reached
        (4_800, 6_000, 80, "pool_80"),
        (5_999, 6_000, 99, "pool_80"),
        (6_000, 6_000, 100, "pool_100"),
        (6_060, 6_000, 101, "pool_100"),
        (60, None, None, ""),
        (0, 0, 0, ""),
    ],
)
def test_use_and_its_level(used_s: int, total_s: int | None, percent: int | None, mark: str) -> None:
    line = PoolLine("p", MONTH, "US", "", "MCOPSTN1", "domestic", total_s, used_s, 0, None)
    assert (line.used_percent, line.mark) == (percent, mark)
