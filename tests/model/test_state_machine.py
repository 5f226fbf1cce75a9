"""Engine = model: whatever happens, in whatever order, both give the same answers and hold the same money.

`python -m tests.model.long_run` does the same for as long as asked.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.databases import postgres_server
from tests.examples import twice_unless_quick
from tests.live.small_world import catalogue_in
from tests.model.long_run import on_postgres, on_sqlite

STEPS_A_STORY = 6
"""The least that stories have on average; Hypothesis begins with short ones."""


def test_on_sqlite(tmp_path: Path) -> None:
    machine = on_sqlite(tmp_path, catalogue_in(tmp_path / "catalogue"))
    examples = twice_unless_quick()
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=60))
    assert machine.steps > examples * STEPS_A_STORY


def test_on_postgresql(tmp_path: Path) -> None:
    postgres_server("the state machine on PostgreSQL")
    examples = settings().max_examples // 6
    with ExitStack() as stack:
        machine = on_postgres(stack, catalogue_in(tmp_path / "catalogue"))
        run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=60))
    assert machine.steps > examples * STEPS_A_STORY
