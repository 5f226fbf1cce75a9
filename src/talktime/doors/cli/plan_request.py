"""What `talktime plan` is asked: the options as they were written, and what they stand for.

Wrong use is refused here, by one sentence, before any work is done; usage, deck and tenant are named as for
`talktime rate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from talktime.core.forecast import CONFIDENCES
from talktime.core.money import format_decimal, parse_decimal
from talktime.doors.cli.problems import WrongUse
from talktime.doors.cli.rate_request import RateRequest, check_place, existing

if TYPE_CHECKING:
    from talktime.insight.planner.document import PlanSettings

WORKBOOK: Final = ".xlsx"
SCENARIOS: Final = ".toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """The options of `talktime plan`; `rate` has those that both commands know."""

    rate: RateRequest
    scenarios: Sequence[Path] = ()
    prices: Path | None = None
    confidence: str = "95"
    lead_hours: int = 24
    payments_a_month: int = 4
    months_ahead: int = 12
    best: Path | None = None
    no_plans: bool = False


def settings_of(request: PlanRequest) -> PlanSettings:
    """The settings of the answer. Raises WrongUse."""
    from talktime.insight.planner.document import PlanSettings

    return PlanSettings(
        confidence=_confidence(request.confidence),
        lead_hours=request.lead_hours,
        payments_a_month=request.payments_a_month,
        months_ahead=request.months_ahead,
    )


def _confidence(text: str) -> int:
    """Per mille."""
    try:
        per_mille = parse_decimal(text.strip().removesuffix("%"), 1)
    except ValueError:
        per_mille = 0
    if per_mille not in CONFIDENCES:
        *most, last = (format_decimal(each, 1) for each in CONFIDENCES)
        raise WrongUse(f"--confidence {text}: choose {', '.join(most)} or {last}")
    return per_mille


def check_request(request: PlanRequest) -> None:
    """Refuses what could not be read or written, before any work is done. Raises WrongUse."""
    from talktime.doors.cli.rate_book import is_book

    rate = request.rate
    if rate.tenant is not None and is_book(existing(rate.tenant, "tenant file")):
        raise WrongUse(f"--tenant {rate.tenant}: a plan is made for one tenant; name its file")
    read = [*request.scenarios, *([] if request.prices is None else [request.prices])]
    for path in request.scenarios:
        existing(path, "scenario file")
    if request.prices is not None:
        existing(request.prices, "licence prices")
    if request.scenarios and rate.tenant is None and rate.balance is None:
        raise WrongUse("--scenario compares what credits pay: give --balance, or --tenant with purchases")
    if request.best is not None and request.no_plans:
        raise WrongUse("--best writes the plans that --no-plans does not look for; give one of them")
    for option, out, ending in (("--out", rate.out, WORKBOOK), ("--best", request.best, SCENARIOS)):
        if out is not None:
            if out.suffix.lower() != ending:
                raise WrongUse(f"{option} {out}: the name of the file ends with {ending}")
            check_place(option, out, rate, *read)
