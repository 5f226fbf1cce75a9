"""Identities of rows that bring none do not depend on which other rows are at hand."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from talktime.files.identity import first_of_each, with_ids
from tests.tables import usage_of

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.sampled_from(["", "", "known"]),
            "tenant": st.sampled_from(["", "a", "b"]),
            "file": st.integers(0, 1),
            "caller": st.sampled_from(["+14255550100", "+1 425 555-0100", "1001"]),
            "user_id": st.sampled_from(["", "u"]),
        }
    ),
    min_size=1,
    max_size=12,
)


def calls_of(rows: list[dict[str, object]]) -> pl.DataFrame:
    """Calls of one minute at one time, one a line."""
    return usage_of(
        [row | {"start": "2026-03-01 10:00", "duration_s": 60, "line": at} for at, row in enumerate(rows)]
    ).calls


@given(ROWS)
def test_the_rows_of_a_tenant_alone_get_the_ids_that_they_get_among_all(
    rows: list[dict[str, object]],
) -> None:
    calls = calls_of(rows)
    whole = with_ids(calls)
    assert (whole["id"] != "").all()
    assert whole["line"].to_list() == calls["line"].to_list()
    for tenant in ("", "a", "b"):
        part = calls.filter(pl.col("tenant").cast(pl.String) == tenant).reverse()
        wanted = whole.filter(pl.col("tenant").cast(pl.String) == tenant).reverse()
        assert with_ids(part)["id"].to_list() == wanted["id"].to_list()


def test_equal_rows_are_told_apart_and_found_again() -> None:
    row = {"id": "", "file": 0}
    calls = with_ids(calls_of([row, row, row | {"file": 1}, row | {"file": 1}, row | {"tenant": "t"}]))
    ids = calls["id"].to_list()
    assert ids[:2] == ids[2:4]
    assert ids[0] != ids[1]
    assert ids[4] == ids[0]  # of another tenant: another call
    assert first_of_each(calls)["line"].to_list() == [0, 1, 4]
