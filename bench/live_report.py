"""What `bench_live.py` prints: tables whose rows appear as they are measured, and each ratio with its target.

The same figures go to a file as JSON, where somebody asks for it.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

Value = str | int | float
LEAST_WIDTH = 7


class Column(NamedTuple):
    """A heading, and how its values are written (the part after the colon of a format)."""

    heading: str
    form: str = ""
    width: int = LEAST_WIDTH

    def cell(self, value: Value) -> str:
        """Texts stand on the left, numbers on the right."""
        width = max(len(self.heading), self.width)
        return value.ljust(width) if isinstance(value, str) else format(value, self.form).rjust(width)


class Ratio(NamedTuple):
    """A figure that has a target; `at_most`: it is to stay below. `others`: answers that were refusals."""

    what: str
    store: str
    ratio: float
    target: float
    at_most: bool = False
    others: int = 0

    @property
    def verdict(self) -> str:
        """Void where operations were refused: refusing is not charging."""
        if self.others:
            return f"void: {self.others} refused"
        if math.isnan(self.ratio):
            return "void: nothing measured"
        met = self.ratio <= self.target if self.at_most else self.ratio >= self.target
        return "met" if met else "missed"


def _kept(value: Value) -> Value:
    return round(value, 4) if isinstance(value, float) else value


class Table:
    """A table under a heading; a row is printed when it is there."""

    def __init__(self, title: str, columns: Sequence[Column], kept: list[dict[str, Value]]) -> None:
        self.columns = columns
        self.kept = kept
        print(f"\n{title}")
        print("  ".join(column.cell(column.heading) for column in columns).rstrip(), flush=True)

    def row(self, *values: Value) -> None:
        """One line; as many values as columns."""
        self.kept.append({column.heading: value for column, value in zip(self.columns, values, strict=True)})
        cells = [column.cell(value) for column, value in zip(self.columns, values, strict=True)]
        print("  ".join(cells).rstrip(), flush=True)


class Report:
    """All that was measured in this run."""

    def __init__(self) -> None:
        self.figures: dict[str, list[dict[str, Value]]] = {}
        self.ratios: list[Ratio] = []
        self.notes: list[str] = []

    def table(self, name: str, title: str, columns: Sequence[Column]) -> Table:
        """Begins a table."""
        return Table(title, columns, self.figures.setdefault(name, []))

    def note(self, text: str) -> None:
        """A line that has to be read with the figures."""
        self.notes.append(text)
        print(text, flush=True)

    def judge(self, ratio: Ratio) -> tuple[str, str]:
        """Keeps a ratio; returns its target and its verdict for the row it stands in."""
        self.ratios.append(ratio)
        return f"{'<=' if ratio.at_most else '>='} {ratio.target:g}", ratio.verdict

    def summary(self) -> None:
        """All ratios once more."""
        if not self.ratios:
            return
        columns = (Column("store", width=10), Column("ratio of", width=58), Column("ratio", ".2f"))
        kept: list[dict[str, Value]] = []
        table = Table("Targets", (*columns, Column("target"), Column("verdict")), kept)
        for ratio in self.ratios:
            sign = "<=" if ratio.at_most else ">="
            table.row(ratio.store, ratio.what, ratio.ratio, f"{sign} {ratio.target:g}", ratio.verdict)

    def save(self, path: Path) -> None:
        """Everything as JSON."""
        ratios = [
            {**ratio._asdict(), "ratio": _kept(ratio.ratio), "verdict": ratio.verdict}
            for ratio in self.ratios
        ]
        told = {"figures": self.figures, "ratios": ratios, "notes": self.notes}
        path.write_bytes(msgspec.json.format(msgspec.json.encode(told)) + b"\n")
