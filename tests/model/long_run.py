"""Engine and model in lock-step for as long as asked: `python -m tests.model.long_run --steps 200000`.

Runs the state machine in rounds, each with its own seed, until so many steps are done. At the first
difference Hypothesis makes the story short and prints it; the last line says how to see it again.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from talktime.catalog.model import Catalogue
from tests.databases import fresh_postgres, fresh_sqlite
from tests.live.small_world import catalogue_in
from tests.model.live_machine import LiveMachine
from tests.model.twin import Twin

STORY_STEPS = 80
ROUND_STORIES = 50


def machine_on(make_twin: Callable[[], Twin]) -> type[LiveMachine]:
    """The machine on what `make_twin` makes for each story."""

    class Machine(LiveMachine):
        pass

    Machine.make_twin = staticmethod(make_twin)
    return Machine


def on_sqlite(folder: Path, catalogue: Catalogue) -> type[LiveMachine]:
    """Each story has a new file."""

    def make_twin() -> Twin:
        for path in folder.glob("t_*"):
            path.unlink()
        return Twin(fresh_sqlite(folder), catalogue)

    return machine_on(make_twin)


def on_postgres(stack: ExitStack, catalogue: Catalogue) -> type[LiveMachine]:
    """Each story has a new database on one server."""
    used: list[ExitStack] = []

    def make_twin() -> Twin:
        for before in used:
            before.close()
        used[:] = [ExitStack()]
        stack.callback(used[0].close)
        return Twin(used[0].enter_context(fresh_postgres("the state machine")), catalogue)

    return machine_on(make_twin)


def run(machine: type[LiveMachine], steps: int, first_seed: int) -> None:
    """Rounds until enough steps are done; raises what the first difference raised."""
    patient = settings(
        max_examples=ROUND_STORIES,
        stateful_step_count=STORY_STEPS,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    number = first_seed
    while machine.steps < steps:
        try:
            run_state_machine_as_test(seed(number)(machine), settings=patient)
        except BaseException:
            say(f"stopped in seed {number}; again with: --seed {number} --steps 1")
            raise
        say(f"seed {number}: {machine.steps} of {steps} steps")
        number += 1


def say(line: str) -> None:
    """One line, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.model.long_run", description=__doc__)
    parser.add_argument("--steps", type=int, default=200_000)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--seed", type=int, default=None)
    asked = parser.parse_args()
    first_seed = random.SystemRandom().randrange(10**9) if asked.seed is None else asked.seed
    say(f"{asked.database}, seed {first_seed}")
    with tempfile.TemporaryDirectory(prefix="tt-") as folder, ExitStack() as stack:
        catalogue = catalogue_in(Path(folder) / "catalogue")
        on = on_sqlite(Path(folder), catalogue)
        run(on if asked.database == "sqlite" else on_postgres(stack, catalogue), asked.steps, first_seed)
    say("no difference")


if __name__ == "__main__":
    main()
