"""A month of usage, drawn from a seed: who calls whom, when and for how long.

First it is settled how many rows of each kind fall on each day, so that every kind occurs; then the days are
filled one after the other. The same tenant, catalogue, months, number and seed give the same rows.
"""

from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from math import exp
from random import Random
from typing import Final

from talktime.accounts.tenant import Tenant
from talktime.catalog.model import Catalogue
from talktime.core.limits import MAX_CALL_S, US_PER_S
from talktime.demo.days import Days, days_of
from talktime.demo.leg import LegMaker, make_ids
from talktime.demo.people import People, Side
from talktime.demo.row import UsageRow
from talktime.demo.traffic import Clock, Kind, Shape, Traffic, Whose, load_traffic

DUPLICATE_OF: Final = 500
"""One row of so many is written twice."""

LONGEST_S: Final = MAX_CALL_S - 1

_ROWS: Final = {Shape.SINGLE: 1, Shape.PAIR: 2, Shape.MEETING: 3, Shape.SAME_END: 3}
"""Rows of one event; of a meeting the fewest that a month has."""

_LEGS: Final = (range(2, 11), (9, 14, 16, 14, 10, 7, 5, 3, 2))
"""How many legs a meeting has, and how often."""

_NEAR_MIDNIGHT_S: Final = 600
_HOUR_US: Final = 3_600 * US_PER_S


def _may_fill(kind: Kind) -> bool:
    """Whether calls of a kind can make up a month: single ones, of the tenant's own."""
    return kind.shape is Shape.SINGLE and kind.whose in (Whose.USER, Whose.SERVICE)


class NobodyCalls(ValueError):  # noqa: N818 - the sentence is for people, the name says what it is
    """The tenant has nobody who could call."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """How many events of a kind fall on each day, and who may make them (running weights)."""

    kind: Kind
    sides: tuple[Side, ...]
    weights: tuple[float, ...]
    events: tuple[int, ...]
    sizes: Iterator[int]


def generate(
    tenant: Tenant,
    catalogue: Catalogue,
    *,
    calls: int,
    seed: int,
    month: str = "2026-03",
    months: int = 1,
    duplicates: int | None = None,
) -> Iterator[UsageRow]:
    """`calls` different rows in `months` months from `month` on, day by day, and some of them twice.

    `duplicates` (default: one of 500, one at least) are repeated with the same UsageId. Rows of a day are in
    order of their start. Raises MonthError, NobodyCalls, and ValueError for a number below 1.
    """
    if calls < 1:
        raise ValueError(f"{calls} calls cannot be generated; ask for at least 1")
    wanted = max(1, calls // DUPLICATE_OF) if duplicates is None else duplicates  # rounded down
    traffic = load_traffic()
    days = days_of(month, months, tenant.time_zone, traffic.weekdays)
    maker = _Maker(tenant, catalogue, traffic, days, Random(f"{seed} {month} {months} {calls}"))
    return maker.rows(maker.plans(calls), wanted)


class _Maker:
    """Makes the rows of one run; all chance comes from `rng`."""

    def __init__(
        self, tenant: Tenant, catalogue: Catalogue, traffic: Traffic, days: Days, rng: Random
    ) -> None:
        self._tenant = tenant
        self._traffic = traffic
        self._days = days
        self._rng = rng
        self._people = People(tenant, catalogue, traffic, rng)
        self._legs = LegMaker(tenant, catalogue, traffic, rng)
        self._midnights: dict[str, tuple[int, ...]] = {}
        self._hours = {clock: tuple(accumulate(hours)) for clock, hours in traffic.hours.items()}
        self._lines = {leg.name: self._people.lines(leg) for leg in traffic.legs.values()}

    # --- how many of what, on which day ---------------------------------------------------------------

    def plans(self, calls: int) -> list[_Plan]:
        """Kinds that the tenant has somebody for, with numbers that add up to `calls` rows."""
        able = [(kind, sides) for kind in self._traffic.kinds if (sides := self._able(kind))]
        rest = next((at for at, (kind, _) in enumerate(able) if _may_fill(kind)), None)
        if rest is None:
            raise NobodyCalls(f"tenant {self._tenant.id!r} has nobody who could call; add a user with a plan")
        left, plans = calls, []
        for kind, sides in able[:rest] + able[rest + 1 :]:
            rows = min(left, self._rows_of(kind, calls))
            rows -= 0 if kind.shape is Shape.MEETING else rows % _ROWS[kind.shape]
            left -= rows
            if rows:
                plans.append(self._plan(kind, sides, rows))
        return [*plans, self._plan(*able[rest], left)]

    def _able(self, kind: Kind) -> tuple[Side, ...]:
        """Who may make such calls; nobody if a leg needs a service number that the tenant does not have."""
        legs = [self._traffic.legs[name] for name in kind.legs]
        if legs and not any(self._lines[leg.name] or not leg.services for leg in legs):
            return ()
        return self._people.of(kind)

    @staticmethod
    def _rows_of(kind: Kind, calls: int) -> int:
        """Rows of a kind in a month of `calls`: its share rounded down, one event at least."""
        least = _ROWS[kind.shape]
        return max(least, int(calls * (kind.share or 0) / 1_000))

    def _plan(self, kind: Kind, sides: tuple[Side, ...], rows: int) -> _Plan:
        sizes = self._sizes(kind, rows)
        events = len(sizes) if kind.shape is Shape.MEETING else rows // _ROWS[kind.shape]
        return _Plan(
            kind=kind,
            sides=sides,
            weights=tuple(accumulate(side.weight for side in sides)),
            events=tuple(self._events(kind, events)),
            sizes=iter(sizes),
        )

    def _sizes(self, kind: Kind, rows: int) -> list[int]:
        """How many legs each meeting has; empty for other shapes."""
        sizes: list[int] = []
        while kind.shape is Shape.MEETING and rows:
            size = min(rows, self._rng.choices(*_LEGS)[0])
            sizes.append(size)
            rows -= size
        return sizes

    def _events(self, kind: Kind, events: int) -> list[int]:
        others = [0] * (len(self._days.dates) - 1)
        if kind.clock is Clock.MONTH_END:
            return [*others, events]
        if kind.clock is Clock.MONTH_START:
            return [events, *others]
        return self._days.allot(events, self._rng)

    # --- the rows of each day -------------------------------------------------------------------------

    def rows(self, plans: Sequence[_Plan], duplicates: int) -> Iterator[UsageRow]:
        """All rows, day by day; the second ones of rows that stand twice follow those of their day."""
        copies = self._days.allot(duplicates, self._rng)
        owed = 0
        for day in range(len(self._days.dates)):
            rows = [row for plan in plans for row in self._day(plan, day)]
            rows.sort(key=lambda row: (row.start_us, row.usage_id))
            yield from rows
            owed += copies[day]
            again = self._rng.sample(rows, min(owed, len(rows)))
            owed -= len(again)
            yield from again

    def _day(self, plan: _Plan, day: int) -> Iterator[UsageRow]:
        events = plan.events[day]
        if not events:
            return
        match plan.kind.shape:
            case Shape.SINGLE:
                yield from self._singles(plan, day, events)
            case Shape.PAIR:
                for side in self._sides(plan, events):
                    yield from self._pair(plan.kind, side, day)
            case Shape.SAME_END:
                for _ in range(events):
                    yield from self._same_end(plan, day)
            case Shape.MEETING:
                for side, size in zip(self._sides(plan, events), islice(plan.sizes, events), strict=True):
                    yield from self._meeting(plan.kind, side, day, size)

    def _sides(self, plan: _Plan, number: int) -> list[Side]:
        return self._rng.choices(plan.sides, cum_weights=plan.weights, k=number)

    def _singles(self, plan: _Plan, day: int, events: int) -> Iterator[UsageRow]:
        leg, kind = self._legs.leg, plan.kind
        for side in self._sides(plan, events):
            start_us = self._start_us(kind.clock, side, day)
            yield leg(kind, side, start_us, self._duration_s(kind, start_us, day))

    def _pair(self, kind: Kind, side: Side, day: int) -> Iterator[UsageRow]:
        """The leg that came in, and the leg that goes on: later, with the same Call ID and end."""
        before_s = self._rng.randrange(4, 20)
        first_us = self._days.from_us + before_s * US_PER_S
        start_us = max(self._start_us(kind.clock, side, day), first_us)
        duration_s = self._duration_s(kind, start_us, day)
        call_id, _ = make_ids(self._rng)
        came_in = self._traffic.legs[kind.legs[0]]
        came_us = start_us - before_s * US_PER_S
        yield self._legs.leg(came_in, side, came_us, duration_s + before_s, call_id=call_id)
        yield self._legs.leg(kind, side, start_us, duration_s, call_id=call_id)

    def _same_end(self, plan: _Plan, day: int) -> Iterator[UsageRow]:
        """Calls of several people that end at the same microsecond."""
        sides = self._sides(plan, _ROWS[Shape.SAME_END])
        durations_s = [self._duration_s(plan.kind, 0, day) for _ in sides]
        first_us = self._days.from_us + max(durations_s) * US_PER_S
        end_us = max(self._start_us(plan.kind.clock, sides[0], day), first_us)
        for side, duration_s in zip(sides, durations_s, strict=True):
            yield self._legs.leg(plan.kind, side, end_us - duration_s * US_PER_S, duration_s)

    def _meeting(self, kind: Kind, side: Side, day: int, size: int) -> Iterator[UsageRow]:
        """Legs with one Conference ID: they come near the full or half hour and go near the end."""
        begin_us = self._start_us(kind.clock, side, day)
        begin_us -= begin_us % (1_800 * US_PER_S)
        length_s = max(300, self._duration_s(kind, begin_us, day))
        conference_id = f"{self._rng.randrange(10**8, 10**9)}"
        legs = [leg for name in kind.legs if self._lines[name] for leg in (self._traffic.legs[name],)]
        for leg in self._rng.choices(legs, [leg.share or 0 for leg in legs], k=size):
            late_us = int(self._rng.expovariate(1 / 150) * US_PER_S)
            start_us = self._days.inside(max(self._days.from_us, begin_us) + late_us)
            stays_s = max(20, int(length_s * self._rng.uniform(0.5, 1.0)))
            via = self._line(leg, side)
            yield self._legs.leg(leg, side, start_us, stays_s, conference_id=conference_id, via=via)

    def _line(self, leg: Kind, side: Side) -> Side:
        """A number of the bridge: mostly one in the organiser's country."""
        lines = self._lines[leg.name]
        near = [line for line in lines if line.location == side.location]
        return self._rng.choice(near if near and self._rng.random() < 0.8 else lines)

    # --- when, and for how long ----------------------------------------------------------------------

    def _start_us(self, clock: Clock, side: Side, day: int) -> int:
        days, rng = self._days, self._rng
        if clock is Clock.MONTH_START:
            return days.from_us
        if clock in (Clock.MIDNIGHT, Clock.MONTH_END):
            return days.starts_us[day + 1] - rng.randrange(US_PER_S, _NEAR_MIDNIGHT_S * US_PER_S)
        hours = self._hours[clock]
        hour = bisect(hours, rng.random() * hours[-1], 0, len(hours) - 1)
        within_us = int(rng.random() * _HOUR_US)
        return days.inside(self._midnight_us(side.location, day) + hour * _HOUR_US + within_us)

    def _midnight_us(self, location: str, day: int) -> int:
        if location not in self._midnights:
            zone = self._traffic.time_zones.get(location, self._tenant.time_zone)
            self._midnights[location] = self._days.midnights_us(zone)
        return self._midnights[location][day]

    def _duration_s(self, kind: Kind, start_us: int, day: int) -> int:
        """Log-normal around the kind's median; a call near midnight goes on after it."""
        median_s, sigma = kind.seconds
        if not median_s:
            return 0
        drawn_s = max(1, int(median_s * exp(self._rng.gauss(0.0, sigma))))
        if kind.clock in (Clock.MIDNIGHT, Clock.MONTH_END):
            drawn_s += -((start_us - self._days.starts_us[day + 1]) // US_PER_S)  # rounded up
        return min(drawn_s, LONGEST_S)
