"""Who stands behind each row: the user or organiser, the service number, and what they hold at its start.

A payer is a user or a service number of the tenant; its licences may change, so a payer has one or more
states, each with the plans held in a span of time (rulings.md 5: licences are those of the call's start).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from talktime.accounts.tenant import Licence, Tenant
from talktime.catalog.model import Catalogue
from talktime.core.limits import ALWAYS_US, NEVER_US
from talktime.core.numbers import parse_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOBODY: Final = -1


@dataclass(frozen=True, slots=True)
class Payer:
    """A user or a service number. `location` is the country of its licences; `key` names it in pools."""

    key: str
    location: str
    cost_centre: str
    licences: tuple[Licence, ...]
    cap_per_month_micros: int | None


@dataclass(frozen=True, slots=True)
class PayerState:
    """What a payer holds from an instant on."""

    payer: int
    from_us: int
    plans: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Payers:
    """All payers of a tenant: users first, then service numbers; their states in order of payer and time."""

    payers: tuple[Payer, ...]
    states: tuple[PayerState, ...]
    first_state: tuple[int, ...]
    by_id: dict[str, int]
    by_upn: dict[str, int]
    by_number: dict[str, int]

    def state_at(self, payer: int, at_us: int) -> int:
        """The index of the state of a payer at an instant; NOBODY for nobody."""
        if payer == NOBODY:
            return NOBODY
        first, after = self.first_state[payer], self.first_state[payer + 1]
        begins = [self.states[s].from_us for s in range(first, after)]
        return first + max(bisect_right(begins, at_us) - 1, 0)


def payers_of(tenant: Tenant, catalogue: Catalogue) -> Payers:
    """The payers of a tenant with their states; a resource account sits in the country of its number."""
    payers = [
        Payer(u.upn or u.id, u.location, u.cost_centre, u.licences, u.cap_per_month_micros)
        for u in tenant.users
    ]
    payers += [
        Payer(
            s.number,
            catalogue.number(parse_number(s.number, None).digits).country or tenant.country,
            s.cost_centre,
            s.licences,
            None,
        )
        for s in tenant.service_numbers
    ]
    states: list[PayerState] = []
    first_state: list[int] = []
    for index, payer in enumerate(payers):
        first_state.append(len(states))
        states.extend(
            PayerState(index, from_us, held_at(payer.licences, from_us))
            for from_us in changes(payer.licences)
        )
    first_state.append(len(states))
    return Payers(
        payers=tuple(payers),
        states=tuple(states),
        first_state=tuple(first_state),
        by_id={u.id.lower(): i for i, u in enumerate(tenant.users) if u.id},
        by_upn={u.upn.lower(): i for i, u in enumerate(tenant.users) if u.upn},
        by_number={s.number: len(tenant.users) + i for i, s in enumerate(tenant.service_numbers)},
    )


def changes(licences: Iterable[Licence]) -> list[int]:
    """The instants from which something else is held, the beginning of time first."""
    instants = {ALWAYS_US}
    for licence in licences:
        instants |= {licence.from_us, licence.until_us}
    return sorted(instants - {NEVER_US})


def held_at(licences: Sequence[Licence], at_us: int) -> tuple[str, ...]:
    """The plan codes held at an instant, each once, in order."""
    return tuple(sorted({li.plan for li in licences if li.from_us <= at_us < li.until_us}))


def users_of(payers: Payers, calls: pl.DataFrame) -> pl.Series:
    """The payer that is each row's user or organiser, by id, then by UPN; NOBODY where it is not known."""
    people = calls.select("user_id", "upn").unique(maintain_order=True)
    found = [
        payers.by_id.get(user_id.lower(), payers.by_upn.get(upn.lower(), NOBODY))
        for user_id, upn in people.iter_rows()
    ]
    table = people.with_columns(pl.Series("payer", found, pl.Int64))
    return calls.select("user_id", "upn").join(
        table, on=["user_id", "upn"], how="left", maintain_order="left"
    )["payer"]


def states_of(payers: Payers, payer: NDArray[np.int64], start_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """The state of each row's payer at its start."""
    first = np.asarray([*payers.first_state, NOBODY], np.int64)
    states: NDArray[np.int64] = np.where(payer == NOBODY, NOBODY, first[payer])
    for index in range(len(payers.payers)):
        if payers.first_state[index + 1] - payers.first_state[index] > 1:
            rows = np.flatnonzero(payer == index)
            states[rows] = [payers.state_at(index, int(at)) for at in start_us[rows]]
    return states
