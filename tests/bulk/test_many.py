"""Many tenants part by part: late files come in their place, strangers and other currencies are set aside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from talktime.accounts.tenant import Tenant
from talktime.bulk.charge_rows import Charged
from talktime.bulk.many import Charging, book_run
from talktime.bulk.options import NO_OPTIONS
from talktime.bulk.parts import Parts
from talktime.bulk.result import BookRun
from talktime.bulk.work import Work
from talktime.files.usage import Usage
from tests.bulk.charged import SPENDS, call, tenant, user
from tests.bulk.side_by_side import setting
from tests.tables import usage_of

UNIT = 1_000_000
NO_CALLS = Usage(usage_of([call("2026-03-02 10:00", 60)]).calls.clear(), ("table",))


def who(name: str, amount: str = "10") -> Tenant:
    return replace(tenant(user("ana", SPENDS), lots=[("2026-03-01 00:00", amount)]), id=name)


TENANTS = tuple(who(f"t{number}") for number in range(5))


def rows_of(file: int, hour: int, **more: Any) -> pl.DataFrame:
    """A call of each tenant from a file; each file has the same identities, with other prices."""
    rows = [
        call(
            f"2026-03-02 {hour:02}:00",
            60 * (file + 1),
            id=f"{t.id}-{hour}",
            tenant=t.id,
            line=line,
            file=file,
        )
        for line, t in enumerate(TENANTS, 2)
    ]
    return usage_of(row | more for row in rows).calls


def run(
    frames: list[pl.DataFrame], *, in_order: bool = True, parts: int = 3, threads: int = 1, **how: Any
) -> tuple[BookRun, pl.DataFrame]:
    charging = Charging(setting(*TENANTS), NO_OPTIONS, Parts(parts), threads, **how)
    charging.split(frames)
    split = charging.noted(NO_CALLS, in_order=in_order)
    charged = list(charging.charged())
    tenants = [tenant for part in charged for tenant in part.tenants]
    calls = pl.concat([part.calls for part in charged]).sort("tenant", "end", "id")
    return book_run(charging, split, tenants, ()), calls


FRAMES = [rows_of(0, 10), rows_of(1, 9), rows_of(2, 10), rows_of(3, 11)]


@pytest.mark.parametrize("places", list(permutations(range(4))), ids=str)
def test_late_files_come_in_their_place(places: tuple[int, ...]) -> None:
    """Of one identity in two files the first file's row stays, whichever was read first."""
    made, calls = run([FRAMES[at] for at in places], in_order=False)
    expected, expected_calls = run(FRAMES)
    assert_frame_equal(calls, expected_calls, categorical_as_str=True)
    assert made.totals == expected.totals
    assert made.totals.duplicate_rows == len(TENANTS)
    assert set(calls.filter(pl.col("id").str.ends_with("-10"))["duration_seconds"]) == {60}


@pytest.mark.parametrize(("parts", "threads"), [(1, 1), (2, 2), (5, 4), (64, 2)])
def test_parts_and_threads_change_nothing(parts: int, threads: int) -> None:
    made, calls = run(FRAMES, parts=parts, threads=threads)
    expected, expected_calls = run(FRAMES, parts=1)
    assert_frame_equal(calls, expected_calls, categorical_as_str=True)
    assert [(one.tenant.id, one.totals) for one in made.tenants] == [
        (one.tenant.id, one.totals) for one in expected.tenants
    ]
    assert [one.tenant.id for one in made.tenants] == [t.id for t in TENANTS]


def test_progress_and_silent_tenants() -> None:
    charging = Charging(setting(*TENANTS), NO_OPTIONS, Parts(3))
    charging.split([rows_of(0, 10).head(3), rows_of(1, 11).head(3)])
    told: list[int] = []
    charged = list(charging.charged(told.append))
    assert (told[-1], told) == (6, sorted(told))
    split = charging.noted(NO_CALLS, in_order=True)
    made = book_run(charging, split, [t for part in charged for t in part.tenants], ("a deck",))
    assert (len(made.tenants), made.silent, made.warnings) == (3, 2, ("a deck",))
    assert made.totals.calls == 6


def test_strangers_and_rows_without_a_tenant_are_set_aside() -> None:
    frame = rows_of(0, 10)
    odd = pl.Series(["t0", "", "nobody", "nobody", "t4"], dtype=pl.Categorical())
    made, calls = run([frame.with_columns(odd.alias("tenant")), rows_of(1, 11)])
    assert sorted(calls["id"].to_list()) == sorted(["t0-10", "t4-10", *(f"{t.id}-11" for t in TENANTS)])
    assert made.totals.rejected_rows == made.usage.rejected_rows == 3
    assert [(r.line, r.reason) for r in made.usage.rejected] == [
        (3, "the row names no tenant"),
        (4, "tenant 'nobody' is not described"),
        (5, "tenant 'nobody' is not described"),
    ]
    (warning,) = made.usage.warnings
    assert warning.startswith("3 rows name tenants that are not described ('nobody', no tenant at all) and")


def test_rows_of_other_currencies_are_set_aside_where_one_is_chosen() -> None:
    charging = Charging(setting(*TENANTS), NO_OPTIONS, Parts(1))
    charging.split([rows_of(0, 10, vendor_currency="EUR"), rows_of(1, 11), rows_of(2, 12)], "USD")
    split = charging.noted(NO_CALLS, in_order=True)
    assert (split.rows, split.currencies, split.rejected_rows) == ((10,), ("EUR",), 5)
    assert split.rejected[0].reason == "the currency is EUR, not the chosen USD"


def failing(after: int) -> Callable[[int, Charged], None]:
    """Stops a run like a power cut, when so many parts are kept."""
    kept: list[int] = []

    def keep(self: Work, number: int, charged: Charged) -> None:
        if len(kept) == after:
            raise KeyboardInterrupt
        kept.append(number)
        original(self, number, charged)

    original = Work.keep
    return keep  # type: ignore[return-value]


@pytest.mark.parametrize("after", [0, 1])
def test_a_stopped_run_goes_on_behind_its_last_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    def charging() -> Charging:
        work = Work(tmp_path / "work", "key")
        return Charging(setting(*TENANTS), NO_OPTIONS, Parts(3, work.usage), 1, work)

    one = charging()
    assert one.work is not None
    with monkeypatch.context() as patch, one.work.opened():
        one.split(FRAMES)
        one.work.keep_split(one.noted(NO_CALLS, in_order=True))
        patch.setattr(Work, "keep", failing(after))
        with pytest.raises(KeyboardInterrupt):
            list(one.charged())
    other = charging()
    assert other.work is not None
    with other.work.opened():
        split = other.work.split()
        assert split is not None
        other.parts.rows[:] = split.rows
        charged = list(other.charged())
    calls = pl.concat([part.calls for part in charged]).sort("tenant", "end", "id")
    expected, expected_calls = run(FRAMES)
    assert_frame_equal(calls, expected_calls, categorical_as_str=True)
    made = book_run(other, split, [t for part in charged for t in part.tenants], ())
    assert made.totals == expected.totals
