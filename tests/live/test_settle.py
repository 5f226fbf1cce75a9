"""Ends and corrections in tables, told to the engine and to the model, which have to agree on everything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import fresh_sqlite
from tests.live.live_desk import SECOND
from tests.live.small_world import Ask, catalogue_in
from tests.model.twin import Twin

GB, JP = "+442071838750", "+81312345678"
UNIT, YEAR_US = 1_000_000, 365 * 86_400 * SECOND
LONDON_60 = Ask("conf_out", "ann", GB, 60)
"""One second is 0.01, and no pool pays."""


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Twin]:
    made = Twin(fresh_sqlite(tmp_path), catalogue_in(tmp_path / "catalogue"), desks=1)
    yield made
    made.close()


def lose(twin: Twin, call: str, used_s: int) -> None:
    """The last thing that is heard of a call."""
    twin.extend("plain", call, 1, used_s, 0)
    twin.wait(700 * SECOND)
    twin.look_round()


def money(twin: Twin) -> tuple[int, int, int]:
    """(balance, reserved, overdraft) in hundredths."""
    balance, reserved, overdraft = twin.desk.wallet("plain")
    return balance // 10_000, reserved // 10_000, overdraft // 10_000


@pytest.mark.parametrize(
    ("duration_s", "left"),
    [(0, 100), (1, 99), (59, 41), (60, 40), (61, 40), (62, 40), (63, 37), (100, 0), (130, -30)],
)
def test_an_end_within_the_slack_is_held_to_the_grant(twin: Twin, duration_s: int, left: int) -> None:
    twin.fund("plain", UNIT, YEAR_US)
    twin.start("plain", "c", 0, LONDON_60)
    twin.end("plain", "c", 1, duration_s)
    assert money(twin) == (left, 0, max(0, -left))


@pytest.mark.parametrize(
    ("reported_s", "later_s", "left"), [(20, 20, 80), (20, 15, 85), (20, 0, 100), (20, 50, 50), (0, 40, 60)]
)
def test_a_late_end_moves_the_difference(twin: Twin, reported_s: int, later_s: int, left: int) -> None:
    twin.fund("plain", UNIT, YEAR_US)
    twin.start("plain", "c", 0, LONDON_60)
    lose(twin, "c", reported_s)
    assert money(twin) == (100 - reported_s, 0, 0)
    twin.end("plain", "c", 2, later_s)
    assert money(twin) == (left, 0, 0)


def test_a_late_end_takes_from_pools_only_what_it_is_longer(twin: Twin) -> None:
    """What was paid with money while others held the pool is not paid anew."""
    twin.fund("plain", UNIT, YEAR_US)
    twin.start("plain", "other", 0, Ask("user_out", "cat", GB, 180))
    twin.start("plain", "c", 0, Ask("user_out", "ann", GB, 60))
    twin.extend("plain", "c", 1, 20, 0)
    twin.extend("plain", "other", 1, 0, 600)
    twin.wait(105 * SECOND)
    twin.look_round()
    twin.cancel("plain", "other", 2)
    assert money(twin) == (80, 0, 0)
    twin.end("plain", "c", 2, 25)
    assert money(twin) == (80, 0, 0)


def test_overdraft_that_was_repaid_comes_back_as_credits(twin: Twin) -> None:
    twin.fund("plain", UNIT // 2, YEAR_US)
    twin.start("plain", "c", 0, LONDON_60)
    lose(twin, "c", 90)
    assert money(twin) == (-40, 0, 40)
    twin.fund("plain", UNIT, YEAR_US)
    assert money(twin) == (60, 0, 0)
    twin.end("plain", "c", 2, 10)
    assert money(twin) == (140, 0, 0)


def test_overdraft_that_a_spent_lot_repaid_comes_back_too(twin: Twin) -> None:
    twin.fund("plain", UNIT // 2, YEAR_US)
    twin.start("plain", "c", 0, LONDON_60)
    lose(twin, "c", 90)
    twin.fund("plain", 4 * UNIT // 10, YEAR_US)
    assert money(twin) == (0, 0, 0)
    twin.end("plain", "c", 2, 10)
    assert money(twin) == (80, 0, 0)


def test_what_comes_back_to_an_expired_lot_is_forfeited(twin: Twin) -> None:
    twin.fund("plain", UNIT, 500 * SECOND)
    twin.fund("plain", UNIT, YEAR_US)
    twin.start("plain", "c", 0, LONDON_60)
    lose(twin, "c", 60)
    assert money(twin) == (100, 0, 0)
    twin.end("plain", "c", 2, 10)
    assert money(twin) == (100, 0, 0)
