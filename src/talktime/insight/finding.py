"""Something to look at: one sentence, what to do, and the few lines that show it.

What makes findings is in `attention` and `suspicion`; doors and reports only show them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from talktime.core.money import format_minutes, format_money

SHOWN: Final = 5
"""Details of a finding; what is beyond them is counted in its sentence."""


class Weight(IntEnum):
    """How soon somebody should look."""

    NOW = 0
    SOON = 1
    SOMETIME = 2


@dataclass(frozen=True, slots=True)
class Detail:
    """A line below a finding: how many of `unit`. Seconds and micros are None where they say nothing."""

    what: str
    count: int
    seconds: int | None = None
    amount: int | None = None
    unit: str = "call"


@dataclass(frozen=True, slots=True)
class Finding:
    """`kind` is its fixed name; `sentence` and `remedy` are for people."""

    kind: str
    weight: Weight
    sentence: str
    remedy: str = ""
    details: tuple[Detail, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The finding as plain JSON: minutes and amounts are decimal strings, null where there is none."""
        return {
            "kind": self.kind,
            "weight": self.weight.name.lower(),
            "sentence": self.sentence,
            "remedy": self.remedy,
            "details": [
                {
                    "what": detail.what,
                    f"{detail.unit}s": detail.count,
                    "minutes": None if detail.seconds is None else format_minutes(detail.seconds),
                    "amount": None if detail.amount is None else format_money(detail.amount),
                }
                for detail in self.details
            ],
        }
