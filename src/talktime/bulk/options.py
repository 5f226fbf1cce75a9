"""What the command line adds to files, tenants and deck; options override the tenant file (rulings.md 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Options:
    """Money in micros; None and "" where nothing was given."""

    balance: int | None = None
    recharge_below: int | None = None
    recharge_add: int | None = None
    treat_as: str = ""


NO_OPTIONS: Final = Options()


class RefusedRun(ValueError):  # noqa: N818 - a refusal, not a fault of the program
    """Inputs that do not fit together; the message is one sentence: what, where, what to do."""
