"""The settlement loop over many tenants: compiled = plain, whatever the threads, the ranges and the room."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talktime.bulk import settle, state
from talktime.bulk.settle import Settled, as_arrays, group_of, settle_all
from tests.bulk.months import Month, S, keep_compiled, month_of, settle_month
from tests.house.tree import ROOT


@pytest.fixture(scope="module", autouse=True)
def _kept(pytestconfig: pytest.Config) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        keep_compiled(pytestconfig, patch)
        yield


def run_of(month: Month) -> state.Month:
    """The month as `settle_all` takes it."""
    groups: Any = month[:-1]
    return state.Month(*(as_arrays(group) for group in groups))


def with_rows(month: state.Month, rows: Any) -> state.Month:
    """The month with these of its rows."""
    return month._replace(calls=group_of(state.Calls, (np.asarray(column)[rows] for column in month.calls)))


def lots_of(wallets: Any, lots: Any) -> list[list[tuple[int, ...]]]:
    """The lots of each tenant."""
    rows = [tuple(int(value) for value in row) for row in zip(*lots, strict=True)]
    return [rows[first:last] for first, last in zip(wallets.lots_at, wallets.tail, strict=True)]


def left(pools: Any, caps: Any, wallets: Any, lots: Any) -> list[Any]:
    """The state that a loop left, without the places of lots: they hang on the room."""
    placed = ("lots_at", "head", "tail", "room")
    drawn = [int(head - first) for head, first in zip(wallets.head, wallets.lots_at, strict=True)]
    groups = (wallets._replace(**dict.fromkeys(placed, ())), pools, caps)
    return [[[int(value) for value in column] for column in group] for group in groups] + [
        lots_of(wallets, lots),
        drawn,
    ]


def told(settled: Settled) -> list[tuple[int, ...]]:
    """The entries of the log."""
    assert settled.log.used[0] == len(settled.log.kind)
    return [tuple(int(value) for value in entry) for entry in zip(*settled.log[1:], strict=True)]


def as_told(month: Month, settled: Settled) -> None:
    """Compares a run with the plain loop over one list of everything, that has room for all."""
    noted = settle_month(month, 5_000)
    assert told(settled) == noted
    assert {name: column.tolist() for name, column in settled.charges.items()} == month.charges._asdict()
    assert left(settled.pools, settled.caps, settled.wallets, settled.lots) == left(
        month.pools, month.caps, month.wallets, month.lots
    )


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), tenants=st.sampled_from([1, 3, 30]), room=st.sampled_from([3, 300]))
@pytest.mark.parametrize("threads", [1, 2])
def test_compiled_is_plain(threads: int, seed: int, tenants: int, room: int) -> None:
    """One range a tenant at two threads; with room for a lot or two, and a log that is soon full."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settle, "RANGE_ROWS", 1 if threads == 2 else 40)
        patch.setattr(settle, "LOG_ENTRIES", 1 if room == 3 else 90)
        settled = settle_all(run_of(month_of(seed, 90, tenants, room)), compiled=True, threads=threads)
    as_told(month_of(seed, 90, tenants), settled)


@given(seed=st.integers(0, 2**32), tenants=st.sampled_from([1, 3, 30]), room=st.sampled_from([3, 300]))
def test_slices_and_room_change_nothing(seed: int, tenants: int, room: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settle, "SLICE_ROWS", 7)
        patch.setattr(settle, "LOG_ENTRIES", 1)
        settled = settle_all(run_of(month_of(seed, 90, tenants, room)), compiled=False)
    as_told(month_of(seed, 90, tenants), settled)


def test_the_months_are_not_dull() -> None:
    """What the months above are for: everything that the loop can do happens in them."""
    reasons, kinds, funded, lots, at_once, rests = set(), set(), set(), 0, 0, set()
    for seed in range(30):
        month = month_of(seed, 90)
        noted = settle_month(month, 5_000)
        kinds |= {entry[0] for entry in noted}
        paid = [(tenant, at_us) for kind, tenant, _, at_us, *_ in noted if kind == state.RECHARGE]
        at_once = max(at_once, *Counter(paid).values(), 0)
        rests |= {later[1] - one[1] for one, later in pairwise(paid) if one[0] == later[0]}
        reasons |= set(month.charges.reason)
        lots = max(lots, *(len(held) for held in lots_of(month.wallets, month.lots)))
        funded |= {
            name
            for name in ("credits", "post_usage", "overdraft", "pool_s")
            if any(getattr(month.charges, name))
        }
    assert kinds == set(range(1, 13)) - {3, 4}
    assert reasons == {0, 5, 6, 7, 8, 9, 10, 11, 12}
    assert funded == {"credits", "post_usage", "overdraft", "pool_s"}
    assert lots > 2 * 3  # so a room of three grows more than once
    assert at_once > 2  # more than there is room for before a row
    assert {0, 86_400 * S, 100_000 * S} <= rests  # at once, when 24 h open, when it has cooled down


def test_the_month_stays_as_it_is_and_may_be_lists() -> None:
    month = month_of(7, 60)
    groups: Any = month[1:-1]
    settled = settle_all(state.Month(as_arrays(month.calls), *groups), compiled=False)
    assert month == month_of(7, 60)
    as_told(month, settled)


def test_tenants_without_calls_keep_their_lots() -> None:
    """Of five tenants only the second calls, in a run that is compiled or not."""
    for compiled in (True, False):
        month = run_of(month_of(3, 50, 5, 4))
        second = np.flatnonzero(np.asarray(month.calls.tenant) == 1)
        settled = settle_all(with_rows(month, second), compiled=compiled, threads=2)
        before, after = lots_of(month.wallets, month.lots), lots_of(settled.wallets, settled.lots)
        assert after[:1] + after[2:] == before[:1] + before[2:]
        assert {entry[1] for entry in told(settled)} == {1}


@pytest.mark.parametrize("compiled", [True, False])
def test_no_calls_leave_everything(compiled: bool) -> None:
    month = run_of(month_of(3, 30))
    settled = settle_all(with_rows(month, slice(0, 0)), compiled=compiled)
    assert told(settled) == []
    assert left(settled.pools, settled.caps, settled.wallets, settled.lots) == left(
        month.pools, month.caps, month.wallets, month.lots
    )


def test_progress_reaches_all_rows() -> None:
    for compiled, threads in ((True, 2), (True, 1), (False, 1)):
        seen: list[int] = []
        settle_all(run_of(month_of(1, 60)), compiled=compiled, threads=threads, progress=seen.append)
        assert seen == sorted(seen)
        assert seen[-1] == 60


def test_rows_out_of_order_are_refused() -> None:
    month = run_of(month_of(1, 60))
    with pytest.raises(ValueError, match="sort them by tenant first"):
        settle_all(with_rows(month, slice(None, None, -1)), compiled=False)
    mixed = month.wallets._replace(lots_at=list(reversed(month.wallets.lots_at)))
    with pytest.raises(ValueError, match="do not stand one after the other"):
        settle_all(month._replace(wallets=mixed), compiled=False)


@pytest.mark.parametrize(("limit", "compiles"), [("60", True), ("61", False), ("0", True)])
def test_many_calls_are_compiled(monkeypatch: pytest.MonkeyPatch, limit: str, compiles: bool) -> None:
    asked = []

    def form(function: Any, inline: Any) -> Any:
        asked.append(inline)
        return function

    monkeypatch.setenv("TALKTIME_COMPILE_CALLS", limit)
    monkeypatch.setattr(settle, "compiled_form", form)
    settle_all(run_of(month_of(1, 60)))
    assert bool(asked) == compiles


CHECKED = """
import sys
from talktime.bulk.settle import settle_all
from tests.bulk.months import month_of
from tests.bulk.test_compiled_loop import as_told, run_of

for seed in range(int(sys.argv[1])):
    as_told(month_of(seed, 90, 5), settle_all(run_of(month_of(seed, 90, 5, 3)), compiled=True, threads=2))
print("settled")
"""


@pytest.mark.long
@pytest.mark.parametrize("switch", ["NUMBA_BOUNDSCHECK", "NUMBA_DISABLE_JIT"])
def test_no_index_leaves_its_column(switch: str, tmp_path: Any) -> None:
    """Compiled code reads past the end without a word; with checks it says so. Uncompiled it is plain."""
    where = {**os.environ, switch: "1", "TALKTIME_CACHE": str(tmp_path)}
    where["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    ran = subprocess.run(
        [sys.executable, "-c", CHECKED, "60"],
        env=where,
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.stdout.strip() == "settled", ran.stderr
