"""Who stands behind the rows of a table, and what they held at its starts (rulings.md 5)."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts.payers import NOBODY
from talktime.bulk.payers import states_of, users_of
from tests.accounts.some_payers import APRIL, MARCH, MAY, PAYERS

words = st.sampled_from(["", "1", "ana@t", "ANA@T", "bob@t", "2", "stranger"])
instants = st.sampled_from([MARCH, APRIL, MAY])


@given(st.lists(st.tuples(words, words), max_size=20))
def test_the_users_of_rows_are_found_one_by_one(rows: list[tuple[str, str]]) -> None:
    calls = pl.DataFrame(rows, schema={"user_id": pl.String, "upn": pl.String}, orient="row")
    assert users_of(PAYERS, calls).to_list() == [PAYERS.payer_of(*row) for row in rows]


def test_a_row_has_the_state_of_its_payer_at_its_start() -> None:
    payer = np.array([0, 0, 0, 1, 2, NOBODY], np.int64)
    start_us = np.array([MARCH - 1, MARCH, MAY, MARCH, MARCH, MARCH], np.int64)
    states = states_of(PAYERS, payer, start_us)
    plans = [PAYERS.states[s].plans if s != NOBODY else None for s in states]
    assert plans == [("A",), ("A", "B"), ("A",), (), ("C",), None]


@given(st.lists(st.tuples(st.integers(NOBODY, 2), instants, st.integers(-1, 1)), max_size=20))
def test_the_states_of_rows_are_found_one_by_one(rows: list[tuple[int, int, int]]) -> None:
    payer = np.array([row[0] for row in rows], np.int64)
    start_us = np.array([row[1] + row[2] for row in rows], np.int64)
    expected = [PAYERS.state_at(p, at + near) for p, at, near in rows]
    assert states_of(PAYERS, payer, start_us).tolist() == expected
