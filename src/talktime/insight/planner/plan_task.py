"""A question to the planner as it is handed to the process that answers it (`plan_run`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from talktime.core.limits import MAX_MONEY_MICROS
from talktime.core.money import format_money
from talktime.insight.planner.document import PlanSettings
from talktime.ledger.database import DatabaseUrl

if TYPE_CHECKING:
    from talktime.catalog.model import Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTask:
    """One question about the tenant of a ledger.

    Usage lies at `paths`, which people call `names`, one for one; `currency` "" where rows have one.
    `prices`: plan -> micros a licence and month in the tenant's currency, in the place of the sample's; a
    plan that is not among them keeps the sample's. How far the work is goes to `progress`, in percent.
    """

    url: DatabaseUrl
    catalogue: Path | None
    tenant: str
    paths: tuple[Path, ...]
    names: tuple[str, ...]
    currency: str
    settings: PlanSettings
    prices: Mapping[str, int]
    now_us: int
    progress: Path


def price_faults(prices: Mapping[str, int], catalogue: Catalogue) -> list[tuple[str, str]]:
    """(JSON pointer, sentence) for prices that no plan has: an unknown code, an amount out of bounds."""
    faults = []
    for code, price in prices.items():
        if code not in catalogue.plans:
            near = get_close_matches(code, catalogue.plans, n=1)
            meant = f"did you mean {near[0]!r}?" if near else "the catalogue has its codes"
            faults.append((f"/prices/{code}", f"there is no plan {code!r}; {meant}"))
        elif not 0 <= price <= MAX_MONEY_MICROS:
            told = f"the price of {code} is {format_money(price)}: it must be 0 or more and at most 10^9"
            faults.append((f"/prices/{code}", told))
    return faults
