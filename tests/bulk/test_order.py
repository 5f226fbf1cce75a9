"""Settlement order: by tenant, end and the bytes of the identity; of equal identities the first stays."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.bulk.order import in_order, repeated_rows

IDS = ["a", "b", "B", "é", "e", "ab", "", "Z", "\U0001f642", "\uffff", "10", "9"]
Row = tuple[int, int, str]

ends = st.integers(0, 3) | st.sampled_from([-(2**61), 2**61])
rows_drawn = st.lists(st.tuples(st.integers(0, 3), ends, st.sampled_from(IDS)), max_size=25)


def order_of(rows: list[Row]) -> tuple[list[int], list[int]]:
    """By columns: places in order, and the repeated rows."""
    tenant, end_us = (np.array([row[at] for row in rows], np.int64) for at in (0, 1))
    found = in_order(tenant, end_us, pl.Series([row[2] for row in rows], dtype=pl.String))
    return found.at.tolist(), found.repeated.tolist()


def expected(rows: list[Row]) -> tuple[list[int], list[int]]:
    """One by one."""
    seen: set[tuple[int, str]] = set()
    kept: list[int] = []
    repeated: list[int] = []
    for at, (tenant, _, name) in enumerate(rows):
        (repeated if (tenant, name) in seen else kept).append(at)
        seen.add((tenant, name))
    return sorted(kept, key=lambda at: (*rows[at][:2], rows[at][2].encode())), repeated


@given(rows_drawn)
def test_rows_come_in_settlement_order_each_once(rows: list[Row]) -> None:
    assert order_of(rows) == expected(rows)


@given(rows_drawn)
@pytest.mark.parametrize("places", [1, 2])
def test_ids_that_share_a_hash_are_told_apart(places: int, rows: list[Row]) -> None:
    def shared(column: pl.Series) -> pl.Series:
        return column.str.len_bytes().cast(pl.UInt64) % places

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pl.Series, "hash", shared)
        assert order_of(rows) == expected(rows)


@pytest.mark.parametrize(
    ("rows", "at", "repeated"),
    [
        ([(0, 5, "b"), (0, 5, "a"), (0, 4, "c")], [2, 1, 0], []),
        ([(1, 1, "a"), (0, 9, "a")], [1, 0], []),  # one identity, two tenants
        ([(0, 9, "a"), (0, 1, "a"), (0, 5, "b")], [2, 0], [1]),  # the first read stays, not the first ended
        ([(0, 1, "Z"), (0, 1, "a"), (0, 1, "é"), (0, 1, "z")], [0, 1, 3, 2], []),  # by bytes
        ([(0, 1, "a"), (0, 2, "a"), (0, 3, "a")], [0], [1, 2]),
        ([], [], []),
    ],
)
def test_some_orders(rows: list[Row], at: list[int], repeated: list[int]) -> None:
    assert order_of(rows) == (at, repeated)


def test_rows_that_are_in_order_stay() -> None:
    rows = [(tenant, end, f"{end:04}") for tenant in range(3) for end in range(500)]
    assert order_of(rows) == (list(range(1_500)), [])


def test_the_tenants_of_repeated_rows_are_looked_at() -> None:
    ids = pl.Series(["x"] * 4 + ["y"])
    assert repeated_rows(np.array([0, 1, 0, 1, 0], np.int64), ids).tolist() == [2, 3]
