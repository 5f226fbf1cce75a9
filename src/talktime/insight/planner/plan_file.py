"""A plan as a file to take away, made when somebody asks for it: nothing of it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from talktime.files.call_columns import Column, Kind

if TYPE_CHECKING:
    from talktime.insight.planner.document import MixChange, Plan

CHANGES: Final = (
    Column("UPN", Kind.TEXT, "who should change"),
    Column("Shared With", Kind.TEXT, "whose users share the pool"),
    Column("Plans Today", Kind.TEXT, "codes, joined by +"),
    Column("Plans Then", Kind.TEXT, "codes, joined by +"),
    Column("Calls", Kind.COUNT, "in all of the usage"),
    Column("Seconds A Month", Kind.SECONDS, "on average"),
    Column("Why", Kind.TEXT, "in words"),
)
"""The columns of the file of those who should change plans."""


def plan_workbook(plan: Plan) -> bytes:
    """The plan as an Excel workbook. Blocks; raises ReportError where there is no room for it."""
    from talktime.insight.planner.workbook import write_plan

    with TemporaryDirectory(prefix="talktime-plan-") as folder:
        path = Path(folder) / "plan.xlsx"
        write_plan(path, plan, None)
        return path.read_bytes()


def plan_changes(plan: Plan) -> bytes:
    """Who should change plans, as CSV; a header alone where nobody should. Blocks; raises ReportError."""
    from talktime.insight.export_file import write_table
    from talktime.insight.export_table import Table

    changes = () if plan.mix is None else plan.mix.changes
    with TemporaryDirectory(prefix="talktime-plan-") as folder:
        path = Path(folder) / "changes.csv"
        write_table(path, "csv", Table(CHANGES, _rows(changes)))
        return path.read_bytes()


def _rows(changes: tuple[MixChange, ...]) -> Iterator[tuple[str | int, ...]]:
    for one in changes:
        was, becomes = "+".join(one.was), "+".join(one.becomes)
        yield one.user, one.owner, was, becomes, one.calls, one.a_month_s, one.why
