"""Where a worker process begins with a question to the planner, which is loaded there and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from talktime.insight.planner.plan_task import PlanTask


def plan_answer(task: PlanTask) -> bytes:
    """The answer as JSON of `document.Plan`.

    Raises what `plan_run.run_plan` raises: NoAnswerError, NotReconciledError, StoreAway.
    """
    from talktime.insight.planner.plan_run import run_plan

    return run_plan(task)
