"""A purse against plain lists: what is drawn, what is lost, what is left."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from talktime.core.purse import Lot, Purse

LOTS = st.lists(st.builds(Lot, st.integers(-2, 60), st.integers(0, 12)), max_size=4)
DAYS = st.lists(
    st.tuples(st.integers(-3, 40), st.none() | st.builds(Lot, st.integers(0, 30), st.integers(0, 20)))
)


def test_a_purse_draws_its_lots_in_order() -> None:
    purse = Purse((Lot(50, 3), Lot(100, 9)))
    assert (purse.pay(60), purse.balance) == (0, 90)
    purse.add(5, 20)
    assert (purse.expire(9), purse.balance) == (90, 5)
    assert (purse.pay(7), purse.balance) == (2, 0)


@given(LOTS, DAYS)
def test_a_purse_is_a_list_of_lots(lots: list[Lot], days: list[tuple[int, Lot | None]]) -> None:
    purse, held = Purse(lots), [[max(lot.left, 0), lot.expires_day] for lot in lots]
    for day, (spent, bought) in enumerate(days):
        gone = sum(left for left, until in held if until <= day)
        held = [lot for lot in held if lot[1] > day]
        due = max(spent, 0)
        for lot in held:
            drawn = min(lot[0], due)
            lot[0] -= drawn
            due -= drawn
        assert (purse.expire(day), purse.pay(spent)) == (gone, due)
        if bought is not None:
            purse.add(*bought)
            held.append(list(bought))
        assert purse.balance == sum(left for left, _ in held)
