"""Scenarios as a workbook to take away, made when somebody asks for it: nothing of it is kept."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from talktime.insight.what_if_figures import Compared


def scenarios_workbook(compared: Compared) -> bytes:
    """Scenarios as an Excel workbook. Blocks; raises ReportError where there is no room for it."""
    from talktime.insight.planner.scenario_sheets import write_scenarios

    with TemporaryDirectory(prefix="talktime-what-if-") as folder:
        path = Path(folder) / "what-if.xlsx"
        write_scenarios(path, compared)
        return path.read_bytes()
