"""Who pays: pool, credits, then post-usage or overdraft; or nobody, and it never starts (domain.md 6)."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.core.funding import settle, split
from talktime.core.limits import NO_LIMIT
from talktime.core.rating import amount_micros, billed_seconds
from talktime.core.recharge import recharge_micros
from talktime.core.refusals import GATE_UNLICENSED, NO_RATE, NONE, Refusal
from tests.core.drawn import UNIT, Settle, Settled, settles

PER_SECOND = {"first_s": 1, "step_s": 1, "first_price_nanos": 60 * 10**9, "price_nanos": 60 * 10**9}
"""One unit of money a second."""


def settled(call: Settle) -> Settled:
    return Settled(*settle(*call))


# --- the split of an amount ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "balance", "behind", "expected"),
    [
        (5, 10, 0, (5, 0, 0)),
        (15, 10, 0, (10, 0, 5)),
        (15, 10, 1, (10, 5, 0)),  # dust is spent, the rest is post-usage
        (15, 0, 1, (0, 15, 0)),
        (15, -3, 0, (0, 0, 15)),
        (15, -3, 1, (0, 15, 0)),
        (0, 10, 0, (0, 0, 0)),
    ],
)
def test_split(amount: int, balance: int, behind: int, expected: tuple[int, int, int]) -> None:
    assert split(amount, balance, behind) == expected


@given(st.integers(0, 10**15), st.integers(-(10**15), 10**15), st.integers(0, 1))
def test_a_split_loses_nothing_and_draws_what_there_is(amount: int, balance: int, behind: int) -> None:
    credits, post_usage, overdraft = split(amount, balance, behind)
    assert credits + post_usage + overdraft == amount
    assert min(credits, post_usage, overdraft) >= 0
    assert credits == min(amount, max(balance, 0))
    assert (overdraft if behind else post_usage) == 0


# --- a call, in the words of the domain ------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (Settle(), Settled(NONE, 60, 0, 0, 20_000, 20_000, 0, 0, 0)),
        (Settle(duration_s=219), Settled(NONE, 240, 0, 0, 80_000, 80_000, 0, 0, 0)),
        # the pool covers the beginning, credits the rest
        (Settle(duration_s=219, pool_free_s=180), Settled(NONE, 240, 180, 0, 20_000, 20_000, 0, 0, 0)),
        (Settle(duration_s=219, pool_free_s=NO_LIMIT), Settled(NONE, 240, 240, 0, 0, 0, 0, 0, 0)),
        # the first interval is payable, the rest is owed
        (
            Settle(duration_s=180, balance=20_000),
            Settled(NONE, 180, 0, 0, 60_000, 20_000, 0, 40_000, 0),
        ),
        (
            Settle(duration_s=180, balance=20_000, behind=1),
            Settled(NONE, 180, 0, 0, 60_000, 20_000, 40_000, 0, 0),
        ),
        # not payable: nothing is taken, and what would have been billed is told
        (Settle(balance=19_999), Settled(Refusal.NO_CREDIT, 60, 0, 0, 0, 0, 0, 0, 0)),
        (Settle(balance=0, wallet=1), Settled(Refusal.CREDITS_EXPIRED, 60, 0, 0, 0, 0, 0, 0, 0)),
        (Settle(duration_s=219, cap_left=19_999), Settled(Refusal.SPEND_CAP, 240, 0, 0, 0, 0, 0, 0, 0)),
        # a cap decides at the start only: the call is charged whole
        (Settle(duration_s=219, cap_left=20_000), Settled(NONE, 240, 0, 0, 80_000, 80_000, 0, 0, 0)),
        # part of the first interval in the pool: only the other part must be payable
        (
            Settle(pool_free_s=30, balance=10_000, duration_s=61),
            Settled(NONE, 120, 30, 0, 30_000, 10_000, 0, 20_000, 0),
        ),
        (Settle(pool_free_s=30, balance=9_999), Settled(Refusal.NO_CREDIT, 60, 0, 0, 0, 0, 0, 0, 0)),
        # the pool asks for no licence and no money; what lies beyond it is charged all the same
        (
            Settle(pool_free_s=60, gates=GATE_UNLICENSED, balance=0, duration_s=61),
            Settled(NONE, 120, 60, 0, 20_000, 0, 0, 20_000, 0),
        ),
        (
            Settle(pool_free_s=59, gates=GATE_UNLICENSED),
            Settled(Refusal.NOT_LICENSED, 60, 0, 0, 0, 0, 0, 0, 0),
        ),
        # no rate: what the pool lets begin takes its seconds, the rest waits; covered is never `no_rate`
        (Settle(rated=0, duration_s=119, pool_free_s=60), Settled(NO_RATE, 120, 60, 60, 0, 0, 0, 0, 0)),
        (Settle(rated=0, duration_s=119, pool_free_s=120), Settled(NONE, 120, 120, 0, 0, 0, 0, 0, 0)),
        (Settle(rated=0, duration_s=119, pool_free_s=59), Settled(NO_RATE, 120, 0, 120, 0, 0, 0, 0, 0)),
        (Settle(rated=0, duration_s=119, balance=0), Settled(NO_RATE, 120, 0, 120, 0, 0, 0, 0, 0)),
        # the fee is part of the first interval, and of no call that the pool covers
        (Settle(fee_micros=10_000, balance=29_999), Settled(Refusal.NO_CREDIT, 60, 0, 0, 0, 0, 0, 0, 0)),
        (Settle(fee_micros=10_000, balance=30_000), Settled(NONE, 60, 0, 0, 30_000, 30_000, 0, 0, 0)),
        (Settle(fee_micros=10_000, pool_free_s=60), Settled(NONE, 60, 60, 0, 0, 0, 0, 0, 0)),
        # a recharge right after the charge
        (
            Settle(balance=100 * UNIT, duration_s=1, below=100 * UNIT, add=200 * UNIT),
            Settled(NONE, 60, 0, 0, 20_000, 20_000, 0, 0, 200 * UNIT),
        ),
        (
            Settle(**PER_SECOND, duration_s=130, balance=100 * UNIT, below=50 * UNIT, add=20 * UNIT),
            Settled(NONE, 130, 0, 0, 130 * UNIT, 100 * UNIT, 0, 30 * UNIT, 80 * UNIT),
        ),
        # to a target, in whole coins; and no more than one payment may be
        (
            Settle(duration_s=1, below=10 * UNIT, target=60 * UNIT, coin=50_000),
            Settled(NONE, 60, 0, 0, 20_000, 20_000, 0, 0, 50 * UNIT + 50_000),
        ),
        (
            Settle(duration_s=1, below=10 * UNIT, target=90 * UNIT, recharge_most=50 * UNIT),
            Settled(NONE, 60, 0, 0, 20_000, 20_000, 0, 0, 50 * UNIT),
        ),
    ],
)
def test_a_call(call: Settle, expected: Settled) -> None:
    assert settled(call) == expected


def test_thirty_starts_on_the_price_of_one_minute() -> None:
    """Exactly one is allowed (domain.md 14)."""
    balance, reasons = 20_000, []
    for _ in range(30):
        answer = settled(Settle(balance=balance))
        balance -= answer.credits
        reasons.append(answer.refusal)
    assert (balance, reasons) == (0, [NONE] + [Refusal.NO_CREDIT] * 29)


# --- for every call --------------------------------------------------------------------------------


@given(settles)
def test_seconds_and_money_are_conserved(call: Settle) -> None:
    answer = settled(call)
    assert min(answer) >= 0
    assert answer.amount == answer.credits + answer.post_usage + answer.overdraft
    assert answer.credits <= max(call.balance, 0)
    assert answer.pool_s <= call.pool_free_s
    assert answer.pool_s + answer.unrated_s <= answer.billed_s
    assert answer.billed_s == billed_seconds(call.duration_s, call.first_s, call.step_s, call.model)
    assert answer.post_usage == 0 or call.behind
    assert answer.overdraft == 0 or not call.behind


@given(settles)
def test_a_refused_call_takes_nothing(call: Settle) -> None:
    answer = settled(call)
    if answer.refusal == NO_RATE:
        first_s = billed_seconds(1, call.first_s, call.step_s, call.model)
        covered = call.pool_free_s >= first_s
        assert (call.rated, answer.amount) == (0, 0)
        assert answer.pool_s + answer.unrated_s == answer.billed_s
        assert answer.pool_s == (min(call.pool_free_s, answer.billed_s) if covered else 0)
    elif answer.refusal:
        assert answer[2:8] == (0, 0, 0, 0, 0, 0)
    else:
        assert answer.unrated_s == 0


@given(settles)
def test_an_allowed_call_is_charged_whole(call: Settle) -> None:
    answer = settled(call)
    if answer.refusal == NONE:
        assert answer.pool_s == min(call.pool_free_s, answer.billed_s)
        rate = call[3:4] + call[6:11]
        assert answer.amount == amount_micros(answer.pool_s, answer.billed_s, *rate)


@given(settles)
def test_start_asks_for_the_first_interval(call: Settle) -> None:
    """Without gates and caps: refused where the first interval is neither pooled nor payable."""
    call = call._replace(gates=0, cap_left=NO_LIMIT, rated=1, duration_s=max(1, call.duration_s))
    first_s = billed_seconds(1, call.first_s, call.step_s, call.model)
    paid_s = first_s - min(first_s, call.pool_free_s)
    early_s = max(0, min(first_s, call.first_s) - (first_s - paid_s))
    nanos = call.first_price_nanos * early_s + call.price_nanos * (paid_s - early_s)
    exact = Fraction(nanos, 60_000) + call.fee_micros
    step = 10 ** (6 - call.decimals)
    refused = settled(call).refusal != NONE
    if paid_s == 0 or call.behind:
        assert not refused
    elif call.balance <= 0:
        assert refused
    elif not call.balance - step < exact < call.balance + step:  # else it hangs on the rounding
        assert refused == (exact > call.balance)


@given(settles)
def test_the_recharge_sees_the_balance_after_the_charge(call: Settle) -> None:
    answer = settled(call)
    after = call.balance - answer.credits - answer.overdraft
    assert answer.recharge == recharge_micros(after, *call[16:])  # the whole rule, from `below` on


@given(settles, st.integers(0, 400))
def test_more_pool_seconds_never_cost_more(call: Settle, more_s: int) -> None:
    fuller = call._replace(pool_free_s=min(NO_LIMIT, call.pool_free_s + more_s))
    if settled(call).refusal == NONE:
        assert settled(fuller).refusal == NONE
        assert settled(fuller).amount <= settled(call).amount
