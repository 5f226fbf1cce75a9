"""The tenant's side of calls: users, service numbers, numbers of nobody, and people whom it forgot.

Each side knows its number, the plans it holds and whom it calls at home and abroad. How busy somebody is,
is drawn once.
"""

import uuid
from bisect import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple

from talktime.accounts.tenant import Licence, ServiceNumber, Tenant, User
from talktime.catalog.model import TOLL_FREE, Catalogue
from talktime.catalog.side import load_masking
from talktime.demo.traffic import Kind, Range, Stranger, Traffic, Whose

OWN_COUNTRY_WEIGHT: Final = 6
"""How much more often the own country is called than others of the domestic group."""

NUMBERS_OF_NOBODY: Final = 3

_SPACE: Final = uuid.uuid5(uuid.NAMESPACE_DNS, "contoso.example")
"""Ids of users who have none are made from their names, so that they are the same in every run."""


class Reach(NamedTuple):
    """Whom somebody calls: ranges with one of their stems each, and running weights."""

    choices: tuple[tuple[Range, str, int], ...]
    weights: tuple[float, ...]

    def draw(self, rng: Random) -> tuple[Range, str]:
        """A range and a number in it."""
        at = bisect(self.weights, rng.random() * self.weights[-1], 0, len(self.weights) - 1)
        found, fixed, drawn = self.choices[at]
        return found, f"{fixed}{int(rng.random() * 10**drawn):0{drawn}}" if drawn else fixed


@dataclass(frozen=True, slots=True)
class Side:
    """Somebody or something of the tenant that calls and is called.

    `plans`: kind of plan -> licences of it. `service` and `line` are those of a service number, else "".
    `toll_free_micros` is the vendor's price for a minute of a call to the number.
    """

    number: str
    location: str
    upn: str
    user_id: str
    name: str
    service: str
    line: str
    number_type: str
    unit: str
    hidden_digits: int
    weight: float
    plans: Mapping[str, tuple[Licence, ...]]
    traits: frozenset[str]
    home: Reach
    abroad: Reach
    toll_free_micros: int

    def plan(self, kind: str, at_us: int) -> str:
        """The code of the plan of a kind that is held at an instant; "" if none is."""
        for licence in self.plans.get(kind, ()):
            if licence.from_us <= at_us < licence.until_us:
                return licence.plan
        return ""


class People:
    """Everybody on the tenant's side, and who of them may make a kind of call."""

    def __init__(self, tenant: Tenant, catalogue: Catalogue, traffic: Traffic, rng: Random) -> None:
        self._maker = _SideMaker(catalogue, traffic, rng)
        self.sides: Mapping[Whose, tuple[Side, ...]] = {
            Whose.USER: tuple(self._maker.user(user, tenant.country) for user in tenant.users),
            Whose.SERVICE: tuple(self._maker.service(number) for number in tenant.service_numbers),
            Whose.NOBODY: tuple(self._maker.nobody(tenant.country) for _ in range(NUMBERS_OF_NOBODY)),
            Whose.STRANGER: tuple(self._maker.stranger(each) for each in traffic.strangers),
        }

    def of(self, kind: Kind) -> tuple[Side, ...]:
        """Who may make calls of a kind; empty if the tenant has nobody for it."""
        return tuple(side for side in self.sides[kind.whose] if _may(side, kind))

    def lines(self, leg: Kind) -> tuple[Side, ...]:
        """The service numbers through which a leg goes; empty if it goes through none."""
        return tuple(side for side in self.sides[Whose.SERVICE] if _serves(side, leg))


def _may(side: Side, kind: Kind) -> bool:
    if kind.whose is Whose.SERVICE:
        return _serves(side, kind)
    if kind.whose is not Whose.USER:
        return True
    holds = not kind.plan or kind.plan in side.plans
    return holds and kind.traits <= side.traits and kind.without_traits.isdisjoint(side.traits)


def _serves(side: Side, kind: Kind) -> bool:
    return side.service in kind.services and side.line == kind.line


def reach_of(ranges: Iterable[tuple[Range, float]]) -> Reach:
    """Ranges with weights -> what to draw from; a range's weight is shared by its stems."""
    choices = [
        ((found, fixed, drawn), weight / len(found.stems))
        for found, weight in ranges
        for fixed, drawn in found.stems
    ]
    return Reach(tuple(choice for choice, _ in choices), tuple(accumulate(weight for _, weight in choices)))


class _SideMaker:
    """Makes sides; keeps what several of them share."""

    def __init__(self, catalogue: Catalogue, traffic: Traffic, rng: Random) -> None:
        self._catalogue = catalogue
        self._traffic = traffic
        self._rng = rng
        self._masking = load_masking()
        self._reaches: dict[str, tuple[Reach, Reach]] = {}

    def user(self, user: User, country: str) -> Side:
        location = user.location or country
        return self._side(
            number=user.numbers[0] if user.numbers else self._drawn_number(location),
            location=location,
            upn=user.upn,
            user_id=user.id,
            name=user.name,
            licences=user.licences,
        )

    def stranger(self, stranger: Stranger) -> Side:
        number = self._drawn_number(stranger.location)
        return self._side(number, stranger.location, upn=stranger.upn, name=stranger.name)

    def nobody(self, country: str) -> Side:
        return self._side(self._drawn_number(country), country)

    def service(self, service: ServiceNumber) -> Side:
        location = self._catalogue.number(service.number.removeprefix("+")).country
        return self._side(service.number, location, service=service, licences=service.licences)

    def _side(
        self,
        number: str,
        location: str,
        *,
        upn: str = "",
        user_id: str = "",
        name: str = "",
        licences: Sequence[Licence] = (),
        service: ServiceNumber | None = None,
    ) -> Side:
        home, abroad = self._reach(location)
        line = service.kind if service else ""
        traffic = self._traffic
        return Side(
            number=number,
            location=location,
            upn=upn,
            user_id=user_id or (str(uuid.uuid5(_SPACE, upn)) if upn else ""),
            name=name,
            service=service.service if service else "",
            line=line,
            number_type=traffic.service_number_types.get(line, traffic.user_number_type),
            unit=traffic.administrative_units.get(location, "") if upn else "",
            # The organisation's country hides digits (domain.md 15); the demo takes the country of each row
            # for it, so that a month of one tenant shows hidden digits beside whole numbers.
            hidden_digits=self._masking.hidden(location),
            weight=self._rng.lognormvariate(0.0, traffic.spread),
            plans=self._plans(licences),
            traits=self._catalogue.traits(licence.plan for licence in licences),
            home=home,
            abroad=abroad,
            toll_free_micros=self._toll_free_micros(location) if line == TOLL_FREE else 0,
        )

    def _plans(self, licences: Sequence[Licence]) -> dict[str, tuple[Licence, ...]]:
        plans: dict[str, tuple[Licence, ...]] = {}
        for licence in licences:
            if licence.plan in self._catalogue.plans:
                kind = self._catalogue.plans[licence.plan].kind
                plans[kind] = (*plans.get(kind, ()), licence)
        return plans

    def _reach(self, location: str) -> tuple[Reach, Reach]:
        """Whom somebody here calls at home and abroad; where no range is at home, abroad is."""
        if location not in self._reaches:
            ranges = self._traffic.ranges.values()
            home = [
                (each, each.home * (OWN_COUNTRY_WEIGHT if each.country == location else 1))
                for each in ranges
                if each.home and self._catalogue.is_domestic(location, each.country)
            ]
            abroad = [
                (each, each.abroad)
                for each in ranges
                if each.abroad and not self._catalogue.is_domestic(location, each.country)
            ]
            self._reaches[location] = reach_of(home or abroad), reach_of(abroad)
        return self._reaches[location]

    def _drawn_number(self, location: str) -> str:
        return self._reach(location)[0].draw(self._rng)[1]

    def _toll_free_micros(self, location: str) -> int:
        for each in self._traffic.ranges.values():
            if each.toll_free and each.country == location:
                return each.price_micros
        return 0
