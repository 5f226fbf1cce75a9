"""Who may stand behind a call: the users and service numbers of a tenant, and what they hold at an instant.

A payer is a user or a service number of the tenant; its licences may change, so a payer has one or more
states, each with the plans held in a span of time (rulings.md 5: licences are those of the call's start).
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from typing import Final

from talktime.accounts.tenant import Licence, Tenant, User
from talktime.catalog.model import Catalogue
from talktime.core.limits import ALWAYS_US, NEVER_US
from talktime.core.numbers import Dialling, parse_number

NOBODY: Final = -1
"""The index of a payer that is not there: nobody is named, or somebody whom the tenant does not have."""


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
    by_own_number: dict[str, int] = field(default_factory=dict)
    _holders: dict[str, list[tuple[Payer, Licence]]] = field(default_factory=dict, repr=False, compare=False)
    _by_key: dict[str, list[Payer]] = field(default_factory=dict, repr=False, compare=False)

    def holders(self, plan: str) -> Sequence[tuple[Payer, Licence]]:
        """Who ever holds a plan, with the licence."""
        if not self._holders:
            for payer in self.payers:
                for licence in payer.licences:
                    self._holders.setdefault(licence.plan, []).append((payer, licence))
        return self._holders.get(plan, ())

    def own_licences(self, key: str, plan: str) -> Sequence[tuple[Payer, Licence]]:
        """The licences of a plan that the payer with this key ever holds, as `holders`."""
        if not self._by_key:
            for payer in self.payers:
                self._by_key.setdefault(payer.key, []).append(payer)
        return [
            (payer, licence)
            for payer in self._by_key.get(key, ())
            for licence in payer.licences
            if licence.plan == plan
        ]

    def state_at(self, payer: int, at_us: int) -> int:
        """The index of the state of a payer at an instant; NOBODY for nobody."""
        if payer == NOBODY:
            return NOBODY
        first, after = self.first_state[payer], self.first_state[payer + 1]
        if after - first == 1:
            return first
        begun = bisect_right(self.states, at_us, first, after, key=attrgetter("from_us"))
        return max(begun - 1, first)

    def payer_of(self, word: str, upn: str | None = None) -> int:
        """The user whose id is `word`, else whose UPN is `upn`, in any letter case; NOBODY if not known.

        Where one word stands for both, `upn` is left out (interfaces.md, The tenant file).
        """
        by_upn = self.by_upn.get((word if upn is None else upn).lower(), NOBODY)
        return self.by_id.get(word.lower(), by_upn)

    def owner_of(self, number: str, dialling: Dialling | None) -> int:
        """The user who has this number, in any form that `dialling` makes international; NOBODY if none."""
        own = self.by_own_number
        found = own.get(number, NOBODY)
        return own.get(parse_number(number, dialling).text, NOBODY) if found == NOBODY else found

    def service_of(self, number: str) -> int:
        """The service number with this number in international form (`+` and digits); NOBODY if not known."""
        return self.by_number.get(number, NOBODY)


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
        states.extend(PayerState(index, from_us, plans) for from_us, plans in spans(payer.licences))
    first_state.append(len(states))
    return Payers(
        payers=tuple(payers),
        states=tuple(states),
        first_state=tuple(first_state),
        by_id={u.id.lower(): i for i, u in enumerate(tenant.users) if u.id},
        by_upn={u.upn.lower(): i for i, u in enumerate(tenant.users) if u.upn},
        by_number={s.number: len(tenant.users) + i for i, s in enumerate(tenant.service_numbers)},
        by_own_number=_own_numbers(tenant.users),
    )


def _own_numbers(users: Sequence[User]) -> dict[str, int]:
    """Numbers of users with their places; of two that share one, which no check lets in, the first has it."""
    owners: dict[str, int] = {}
    for index, user in enumerate(users):
        for number in user.numbers:
            owners.setdefault(number, index)
    return owners


@lru_cache(maxsize=10_000)
def spans(licences: tuple[Licence, ...]) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """(from instant, plan codes held from then on); remembered, since many people hold the same."""
    return tuple((from_us, held_at(licences, from_us)) for from_us in changes(licences))


def changes(licences: Iterable[Licence]) -> list[int]:
    """The instants from which something else is held, the beginning of time first."""
    instants = {ALWAYS_US}
    for licence in licences:
        instants |= {licence.from_us, licence.until_us}
    return sorted(instants - {NEVER_US})


def held_at(licences: Sequence[Licence], at_us: int) -> tuple[str, ...]:
    """The plan codes held at an instant, each once, in order."""
    return tuple(sorted({li.plan for li in licences if li.from_us <= at_us < li.until_us}))
