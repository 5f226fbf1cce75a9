"""What each row is: every different situation is classified once, and the rows point at the answers.

A file has few different situations however many rows it has; a run remembers those it has met, so that one
of many parts does not ask again (catalog.classify; rulings.md 10 to 12).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from talktime.bulk.codes import Coded, different_rows
from talktime.catalog.classify import Classified, PlanPoolRef, Situation, classify

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from talktime.bulk.codes import Different
    from talktime.catalog.model import Catalogue

    Ints = NDArray[np.int64]

NO_POOLS: Final = 0
"""The code of an empty list of pools."""


class Described(NamedTuple):
    """What tells situations apart, one column each, with the values that the codes stand for."""

    call_type: tuple[Coded, list[str]]
    direction: tuple[Coded, list[str]]
    listed_kind: tuple[Coded, list[str]]
    number_type: tuple[Coded, list[str]]
    country: tuple[Coded, list[str]]
    number_kind: tuple[Coded, list[str]]
    premium: tuple[Coded, list[str]]
    other_operator: tuple[Coded, list[bool]]
    scope: tuple[Coded, list[str]]
    location: tuple[Coded, list[str]]
    caller_country: tuple[Coded, list[str]]
    user_plans: tuple[Coded, list[tuple[str, ...]]]
    service_plans: tuple[Coded, list[tuple[str, ...]]]
    policies: tuple[Coded, list[tuple[str, ...]]]
    barred_prefix: tuple[Coded, list[bool]]
    licence_asked: tuple[Coded, list[bool]]


@dataclass(frozen=True, slots=True)
class Situations:
    """The situation of each row, and the answer for each situation."""

    at: Ints
    classified: list[Classified]

    def spread(self, values: Sequence[int]) -> Ints:
        """One value per different situation -> one a row."""
        return np.asarray(values, np.int64)[self.at]


@dataclass(frozen=True, slots=True)
class Classifier:
    """Classifies situations for a run and remembers the answers. `gated` as in `classify`."""

    catalogue: Catalogue
    gated: bool
    known: dict[tuple[Situation, bool], Classified] = field(default_factory=dict, repr=False)

    def situations(self, described: Described, find: Callable[[Ints], Different] | None = None) -> Situations:
        """The situations of some rows."""
        columns, at = different_rows([coded for coded, _ in described], find)
        all_values: list[Sequence[object]] = [values for _, values in described]
        named = [
            [values[code] for code in column.tolist()]
            for column, values in zip(columns, all_values, strict=True)
        ]
        return Situations(at, [self._classified(row) for row in zip(*named, strict=True)])

    def _classified(self, row: tuple[object, ...]) -> Classified:
        *facts, licence_asked = row
        key = Situation(*facts), bool(licence_asked)  # type: ignore[arg-type]
        if key not in self.known:
            self.known[key] = classify(self.catalogue, key[0], licence_asked=key[1], gated=self.gated)
        return self.known[key]


class PoolCodes:
    """Lists of pools as integers that mean the same in every process: the catalogue numbers its pools."""

    def __init__(self, catalogue: Catalogue) -> None:
        plans = catalogue.plans.values()
        self.pools = [PlanPoolRef(plan.code, pool) for plan in plans for pool in plan.pools]
        self.numbers = {(ref.plan, ref.pool.kind): at + 1 for at, ref in enumerate(self.pools)}
        self.base = len(self.pools) + 1

    def code(self, pools: Sequence[PlanPoolRef]) -> int:
        """The code of a list of pools in order. Raises OverflowError where it is too long for 62 bits."""
        code = NO_POOLS
        for ref in reversed(pools):
            code = code * self.base + self.numbers[ref.plan, ref.pool.kind]
        if code >= 2**62:
            raise OverflowError(f"{len(pools)} pools may pay for one call; the catalogue allows too many")
        return code

    def pools_of(self, code: int) -> tuple[PlanPoolRef, ...]:
        """The list that a code stands for."""
        found = []
        while code:
            code, number = divmod(code, self.base)
            found.append(self.pools[number - 1])
        return tuple(found)
