"""Compiled = plain: every numeric function of the core gives what Python gives.

They are compiled as they stand (rulings.md 37), as the program compiles them. The settlement loop that calls
them is compared in tests/bulk/test_compiled_loop.py.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.bulk.compiled import compiled as compiled_form
from talktime.core import (
    category,
    credits,
    deck,
    funding,
    grant,
    modes,
    money,
    pools,
    rating,
    recharge,
    refusals,
)
from talktime.core.limits import (
    ALWAYS_US,
    MAX_CALL_S,
    MAX_FEE_MICROS,
    MAX_MONEY_MICROS,
    MAX_PRICE_NANOS,
    NEVER_US,
    NO_LIMIT,
)
from tests.bulk.months import keep_compiled
from tests.core.drawn import Settle, settles
from tests.core.test_rating import parts

FUNCTIONS: tuple[Callable[..., Any], ...] = (
    money.ceil_div,
    money.round_div,
    rating.billed_seconds,
    rating.amount_micros,
    pools.take,
    pools.pool_free_s,
    pools.open_s,
    pools.crossed,
    credits.opened,
    credits.usable,
    credits.emptied,
    recharge.recharge_micros,
    recharge.cooled_us,
    recharge.day_opens_us,
    modes.stands_behind,
    refusals.money_refusal,
    refusals.refusal,
    funding.split,
    funding.first_interval,
    funding.charge_whole,
    funding.settle,
    grant.need,
    grant.is_covered,
    grant.longest_s,
    grant.shrunk_slice_s,
    grant.billable_s,
    category.fits,
    deck.in_window,
)
"""Every numeric function of the core."""

compiled: dict[Callable[..., Any], Any] = {}


@pytest.fixture(scope="module", autouse=True)
def _compile(pytestconfig: pytest.Config) -> None:
    with pytest.MonkeyPatch.context() as patch:
        keep_compiled(pytestconfig, patch)
        for function in FUNCTIONS:
            compiled[function] = compiled_form(function)


def same(function: Callable[..., Any], calls: Sequence[Sequence[int]]) -> None:
    assert [compiled[function](*call) for call in calls] == [function(*call) for call in calls]


def some(*arguments: st.SearchStrategy[int]) -> st.SearchStrategy[list[tuple[int, ...]]]:
    """Several calls of a function with these arguments."""
    return st.lists(st.tuples(*arguments), min_size=5, max_size=20)


signed = st.integers(-MAX_MONEY_MICROS, MAX_MONEY_MICROS) | st.integers(-100, 100)
counted = st.integers(0, MAX_MONEY_MICROS) | st.integers(0, 100)
positive = st.integers(1, 10**12) | st.integers(1, 100)
limited = counted | st.just(NO_LIMIT)
flags = st.integers(0, 1)
masks = st.integers(0, 2**20)
minutes = st.integers(0, 1439)
instants = st.integers(ALWAYS_US, NEVER_US) | st.integers(-3, 3)


@given(some(st.integers(-(10**18), 10**18), positive))
def test_ceil_div(calls: list[tuple[int, ...]]) -> None:
    same(money.ceil_div, calls)


@given(some(st.integers(0, 10**18), positive, st.integers(0, 3)))
def test_round_div(calls: list[tuple[int, ...]]) -> None:
    same(money.round_div, calls)


@given(some(st.integers(-1, MAX_CALL_S), st.integers(0, 86_400), st.integers(1, 86_400), flags))
def test_billed_seconds(calls: list[tuple[int, ...]]) -> None:
    same(rating.billed_seconds, calls)


@given(st.lists(parts(MAX_CALL_S), min_size=5, max_size=20))
def test_amount_micros(calls: list[tuple[int, ...]]) -> None:
    longest = (0, 3 * MAX_CALL_S, 86_400, MAX_PRICE_NANOS, MAX_PRICE_NANOS, MAX_FEE_MICROS, 1, 0)
    same(rating.amount_micros, [*calls, longest])


@given(some(signed, counted))
def test_take(calls: list[tuple[int, ...]]) -> None:
    same(pools.take, calls)


@given(some(limited, counted, counted))
def test_pool_free_s(calls: list[tuple[int, ...]]) -> None:
    same(pools.pool_free_s, calls)


@given(some(limited, flags, limited))
def test_open_s(calls: list[tuple[int, ...]]) -> None:
    same(pools.open_s, calls)


@given(some(limited, counted, counted, st.sampled_from([80, 100])))
def test_crossed(calls: list[tuple[int, ...]]) -> None:
    same(pools.crossed, calls)


@given(some(counted, counted))
def test_opened(calls: list[tuple[int, ...]]) -> None:
    same(credits.opened, calls)


@given(some(counted, instants, instants))
def test_usable(calls: list[tuple[int, ...]]) -> None:
    same(credits.usable, calls)


@given(some(signed, signed))
def test_emptied(calls: list[tuple[int, ...]]) -> None:
    same(credits.emptied, calls)


coins = st.sampled_from([1, 10, 10_000, 1_000_000])


@given(some(signed, signed, counted, limited, counted, counted, counted, coins))
def test_recharge_micros(calls: list[tuple[int, ...]]) -> None:
    same(recharge.recharge_micros, calls)


@given(some(instants, st.integers(0, 10**7)))
def test_rests(calls: list[tuple[int, ...]]) -> None:
    same(recharge.cooled_us, calls)
    same(recharge.day_opens_us, [call[:1] for call in calls])


def test_stands_behind() -> None:
    same(modes.stands_behind, [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)])


@given(some(st.integers(0, 7), flags, flags, st.integers(0, 50), *[st.integers(-50, 50)] * 2, flags, masks))
def test_refusal(calls: list[tuple[int, ...]]) -> None:
    same(refusals.refusal, calls)


@given(some(signed, st.integers(0, 3)))
def test_money_refusal(calls: list[tuple[int, ...]]) -> None:
    same(refusals.money_refusal, calls)


@given(some(counted, signed, flags))
def test_split(calls: list[tuple[int, ...]]) -> None:
    same(funding.split, calls)


@pytest.mark.parametrize("function", [funding.first_interval, funding.charge_whole, funding.settle])
@given(calls=st.lists(settles, min_size=5, max_size=20))
def test_funding(function: Callable[..., Any], calls: list[Settle]) -> None:
    """Each takes some of what `settle` takes, by its name; the billed seconds may be any."""
    names = inspect.signature(function).parameters
    known = [call._asdict() | {"billed_s": call.duration_s} for call in calls]
    same(function, [[values[name] for name in names] for values in known])


spans = st.integers(0, MAX_CALL_S) | st.integers(0, 100)


@pytest.mark.parametrize("function", [grant.need, grant.is_covered, grant.longest_s])
@given(calls=st.lists(settles, min_size=5, max_size=20), spans_s=st.tuples(spans, spans), payable=flags)
def test_grants(
    function: Callable[..., Any], calls: list[Settle], spans_s: tuple[int, int], payable: int
) -> None:
    """Each takes some of what `settle` takes, by its name, and what a grant adds."""
    names = inspect.signature(function).parameters
    least_s, most_s = spans_s
    own = {"least_s": least_s, "most_s": most_s, "payable": payable}
    known = [call._asdict() | own | {"seconds_s": call.duration_s, "money": call.balance} for call in calls]
    same(function, [[values[name] for name in names] for values in known])


@given(some(spans, signed, spans, st.integers(1, 86_400), flags))
def test_shrunk_slice_s(calls: list[tuple[int, ...]]) -> None:
    same(grant.shrunk_slice_s, calls)


@given(some(spans, spans, st.integers(0, 5)))
def test_billable_s(calls: list[tuple[int, ...]]) -> None:
    same(grant.billable_s, calls)


@given(some(masks, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)))
def test_fits(calls: list[tuple[int, ...]]) -> None:
    same(category.fits, calls)


@given(some(st.integers(0, 6), minutes, st.integers(0, 127), minutes, st.integers(0, 1440)))
def test_in_window(calls: list[tuple[int, ...]]) -> None:
    same(deck.in_window, calls)
