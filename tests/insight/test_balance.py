"""The balance over time: what happened last in each step, and the lowest of all."""

import pytest

from talktime.files.instants import parse_instant
from talktime.insight.balance import balance_line
from tests.insight.made_runs import PAID, moved, run_of


def paid(end: str, balance: int, recharge: int = 0) -> dict[str, object]:
    """A call that ends at an instant and leaves a balance."""
    return PAID | {"start": end, "end": end, "balance_after": balance, "recharge": recharge}


def test_each_step_shows_the_last_balance_in_it() -> None:
    calls = [
        paid("2026-03-01T00:00:00Z", 100),
        paid("2026-03-01T02:00:00Z", 90),
        paid("2026-03-01T03:00:00Z", 80),
        paid("2026-03-05T00:00:00Z", 60),
    ]
    line = balance_line(run_of(calls), 4)
    assert line is not None
    assert line.balances == (80, 80, 80, 60)
    assert (line.lowest, line.lowest_at_us) == (60, parse_instant("2026-03-05T00:00:00Z"))


def test_a_recharge_lifts_the_balance_at_the_call_that_caused_it() -> None:
    calls = [
        paid("2026-03-01T00:00:00Z", 100),
        paid("2026-03-03T00:00:00Z", 10, recharge=200),
        paid("2026-03-05T00:00:00Z", 190),
    ]
    movements = (moved("2026-03-03T00:00:00Z", "recharge", 200, 210, "recharge-1"),)
    line = balance_line(run_of(calls, movements=movements), 4)
    assert line is not None
    assert line.balances == (100, 100, 210, 190)
    assert line.funded == {2: 200}
    assert line.lowest == 10


def test_purchases_and_expiries_come_before_calls_of_the_same_instant() -> None:
    at = "2026-03-03T00:00:00Z"
    movements = (
        moved(at, "purchase", 50, 150),
        moved(at, "expiry", 100, 50),
        moved(at, "balance_zero", 0, 0),
    )
    calls = [paid("2026-03-01T00:00:00Z", 100), paid(at, 40), paid("2026-03-05T00:00:00Z", 30)]
    line = balance_line(run_of(calls, movements=movements), 4)
    assert line is not None
    assert line.balances == (100, 100, 40, 30)
    assert line.lowest == 30


def test_opening_lots_count_together_at_the_first_call() -> None:
    movements = (
        moved("2025-06-01T00:00:00Z", "opening", 60, 60),
        moved("2026-01-01T00:00:00Z", "opening", 200, 260),
    )
    calls = [paid("2026-03-01T00:00:00Z", 250), paid("2026-03-02T00:00:00Z", 240)]
    line = balance_line(run_of(calls, movements=movements), 2)
    assert line is not None
    assert (line.from_us, line.balances) == (parse_instant("2026-03-01T00:00:00Z"), (250, 240))
    assert line.lowest == 240


@pytest.mark.parametrize("steps", [1, 7, 100])
def test_one_instant_fills_every_step(steps: int) -> None:
    line = balance_line(run_of([paid("2026-03-01T00:00:00Z", 5)]), steps)
    assert line is not None
    assert line.balances == (5,) * steps


def test_without_a_wallet_there_is_no_line() -> None:
    assert balance_line(run_of([PAID], has_wallet=False), 10) is None
    assert balance_line(run_of([]), 10) is None
