"""Engine = model: whatever happens, in whatever order, both give the same answers and hold the same money."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.databases import fresh_postgres, fresh_sqlite
from tests.live.small_world import catalogue_in
from tests.model.live_machine import LiveMachine
from tests.model.twin import Twin


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[type[LiveMachine]]:
    """The machine, each run of which has a file of its own."""
    catalogue = catalogue_in(tmp_path / "catalogue")

    class OnSqlite(LiveMachine):
        @staticmethod
        def make_twin() -> Twin:
            for path in tmp_path.glob("t_*"):
                path.unlink()
            return Twin(fresh_sqlite(tmp_path), catalogue)

    yield OnSqlite


def test_engine_and_model_agree(machine: type[LiveMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(stateful_step_count=60))
    assert machine.steps > settings().max_examples * 5
