"""Who stands behind each row: its user or organiser, and what a payer holds at the row's start.

The rules are those of `accounts.payers`; here they go over columns, once per different value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from talktime.accounts.payers import NOBODY, Payers

if TYPE_CHECKING:
    from numpy.typing import NDArray


def users_of(payers: Payers, calls: pl.DataFrame) -> pl.Series:
    """The payer that is each row's user or organiser, by id, then by UPN; NOBODY where it is not known."""
    people = calls.select("user_id", "upn").unique(maintain_order=True)
    found = [payers.payer_of(user_id, upn) for user_id, upn in people.iter_rows()]
    table = people.with_columns(pl.Series("payer", found, pl.Int64))
    return calls.select("user_id", "upn").join(
        table, on=["user_id", "upn"], how="left", maintain_order="left"
    )["payer"]


def states_of(payers: Payers, payer: NDArray[np.int64], start_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """The state of each row's payer at its start."""
    first = np.asarray([*payers.first_state, NOBODY], np.int64)
    states: NDArray[np.int64] = np.where(payer == NOBODY, NOBODY, first[payer])
    for index in range(len(payers.payers)):
        if payers.first_state[index + 1] - payers.first_state[index] > 1:
            rows = np.flatnonzero(payer == index)
            states[rows] = [payers.state_at(index, int(at)) for at in start_us[rows]]
    return states
