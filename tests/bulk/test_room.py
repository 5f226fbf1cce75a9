"""What calls could cost is seen before the loop: no sum leaves 64 bits, and nobody is refused for nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.bulk import room
from talktime.bulk.loop_input import Narrow
from talktime.bulk.options import RefusedRun
from talktime.bulk.room import check_room
from talktime.bulk.setting import Setting
from talktime.bulk.state import FREE, NOT_ANSWERED, PAYABLE
from talktime.core.deck import NO_ROW, Deck, RateRow
from talktime.core.limits import MAX_CALL_S, MAX_PRICE_NANOS, MAX_TOTAL_MICROS
from talktime.core.rating import amount_micros, billed_seconds
from tests.bulk.charged import tenant
from tests.bulk.side_by_side import setting

UNIT = 1_000_000
Row = tuple[int, int, int, int]
"""Tenant, duration, kind, rate."""


def narrow(rows: list[Row]) -> Narrow:
    columns = [np.array([row[at] for row in rows], np.int64) for at in range(4)]
    nothing = np.zeros(len(rows), np.int64)
    others = dict.fromkeys(Narrow._fields, nothing)
    named = dict(zip(("tenant", "duration_s", "kind", "rate"), columns, strict=True))
    return Narrow(**others | named)


rates = st.builds(
    lambda first_price, price, fee, first, step: RateRow("1", price, first_price, fee, first, step),
    st.integers(0, MAX_PRICE_NANOS),
    st.sampled_from([0, 1, 20_000_000, MAX_PRICE_NANOS]),
    st.sampled_from([0, 1, 50_000, 1_000 * UNIT]),
    st.sampled_from([0, 1, 30, 60, MAX_CALL_S]),
    st.sampled_from([1, 6, 60, MAX_CALL_S]),
)
calls = st.tuples(
    st.integers(0, 1),
    st.integers(1, MAX_CALL_S) | st.sampled_from([1, 59, 60, 61]),
    st.sampled_from([PAYABLE, PAYABLE, FREE, NOT_ANSWERED]),
    st.integers(NO_ROW, 2),
)


def cost(deck: Deck, row: Row) -> int:
    """What a call costs at most: none of its seconds in a pool."""
    _, duration_s, kind, number = row
    if kind != PAYABLE or number == NO_ROW:
        return 0
    rate = deck.rows[number]
    billed_s = billed_seconds(duration_s, rate.first_s, rate.step_s, deck.increments)
    prices = rate.first_price_nanos, rate.price_nanos, rate.fee_micros
    return amount_micros(0, billed_s, rate.first_s, *prices, deck.rounding, deck.decimals)


def of_deck(deck: Deck) -> Setting:
    return setting(tenant(), tenant(), prices=deck)


@given(
    st.lists(rates, min_size=3, max_size=3),
    st.lists(calls, min_size=1, max_size=10),
    st.sampled_from([0, 1]),
    st.sampled_from([0, 2, 6]),
    st.integers(0, 3),
)
def test_no_sum_passes_what_is_let_through(
    rows: list[RateRow], table: list[Row], increments: int, decimals: int, rounding: int
) -> None:
    """With whatever limit: if nobody is refused, the calls of no tenant cost more."""
    deck = Deck("test", "1", "USD", tuple(rows), rounding, decimals, increments)
    of = of_deck(deck)
    dearest = max(sum(cost(deck, row) for row in table if row[0] == at) for at in (0, 1))
    for limit in (0, dearest - 1, dearest // 2):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(room, "MAX_TOTAL_MICROS", limit)
            if dearest > max(limit, 0):
                with pytest.raises(RefusedRun, match="the calls of tenant 't' could cost more than"):
                    check_room(narrow(table), of)


ONE = Deck("test", "1", "USD", (RateRow("1", 60_000_000_000, 60_000_000_000, 0, 1, 1),))


@pytest.mark.parametrize(("limit", "refused"), [(99 * UNIT, True), (107 * UNIT, False), (300 * UNIT, False)])
def test_each_tenant_has_the_room_for_itself(
    monkeypatch: pytest.MonkeyPatch, limit: int, refused: bool
) -> None:
    """A hundred seconds at one a second each; a little more may be asked for, never that of the other."""
    monkeypatch.setattr(room, "MAX_TOTAL_MICROS", limit)
    rows = narrow([(at, 50, PAYABLE, 0) for at in (0, 1, 0, 1)])
    if refused:
        with pytest.raises(RefusedRun):
            check_room(rows, of_deck(ONE))
    else:
        check_room(rows, of_deck(ONE))


def test_money_beyond_64_bits_is_refused_by_name() -> None:
    """Two million days at the dearest price; the sum of seconds alone is no matter."""
    dear = Deck("test", "1", "USD", (RateRow("1", MAX_PRICE_NANOS, MAX_PRICE_NANOS), RateRow("2", 0, 0)))
    calls, days = 2_000_000, np.full(2_000_000, MAX_CALL_S, np.int64)
    zero = np.zeros(calls, np.int64)
    rows = Narrow(**dict.fromkeys(Narrow._fields, zero))._replace(duration_s=days, kind=zero + PAYABLE)
    assert calls * (MAX_CALL_S // 60) * (MAX_PRICE_NANOS // 1_000) > MAX_TOTAL_MICROS
    with pytest.raises(RefusedRun, match="tenant 't' could cost more than 2,305,843,009,213 in all"):
        check_room(rows, of_deck(dear))
    check_room(rows._replace(rate=zero + 1), of_deck(dear))
    check_room(rows._replace(rate=zero + NO_ROW), of_deck(dear))
    check_room(rows._replace(kind=zero + FREE), of_deck(dear))
