"""Small tenants to search plans for: drawn users, calls and licence prices, and all their mixes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from random import Random
from typing import Final, NamedTuple

import polars as pl

from talktime.accounts.calendar import month_start_us
from talktime.accounts.tenant import Licence, Tenant, User
from talktime.bulk.replay import Replay
from talktime.catalog.load import load_catalogue
from talktime.catalog.planning import LicencePrices
from talktime.core.deck import Deck, RateRow
from talktime.files.usage import FLAG_COLUMNS, NUMBER_COLUMNS, TEXT_COLUMNS, Usage, usage_schema
from talktime.insight.planner.document import MixChange
from talktime.insight.planner.mix_holders import changed, endless, today

UNIT: Final = 1_000_000
DOMESTIC, ABROAD, FAR = "+4930123456", "+33140000000", "+12125550123"
MONTH: Final = 2026 * 12
SPENDS: Final = "MCOPSTNC"


class Leg(NamedTuple):
    """A call: who, to whom, seconds, and in which second since the year began."""

    user: str
    to: str
    duration_s: int
    at_s: int
    call_type: str = "user_out"
    location: str = "DE"


class Case(NamedTuple):
    """A tenant with usage, a deck and licence prices."""

    tenant: Tenant
    legs: tuple[Leg, ...]
    deck: Deck
    prices: LicencePrices
    months: tuple[str, ...]

    def replay(self) -> Replay:
        """The usage, ready to be charged."""
        return Replay(usage_of(self.legs), self.tenant, load_catalogue(), self.deck)


def usage_of(legs: Sequence[Leg]) -> Usage:
    """Usage of these calls."""
    begin = month_start_us(MONTH, "UTC")
    rows = {name: [""] * len(legs) for name in usage_schema()}
    columns: dict[str, object] = dict(rows)
    columns |= dict.fromkeys(NUMBER_COLUMNS, [0] * len(legs)) | dict.fromkeys(
        FLAG_COLUMNS, [False] * len(legs)
    )
    columns |= {
        "id": [f"call-{at}" for at in range(len(legs))],
        "callee": [leg.to for leg in legs],
        "upn": [leg.user for leg in legs],
        "call_type": [leg.call_type for leg in legs],
        "location": [leg.location for leg in legs],
        "start_us": [begin + leg.at_s * UNIT for leg in legs],
        "duration_s": [leg.duration_s for leg in legs],
        "end_us": [begin + (leg.at_s + leg.duration_s) * UNIT for leg in legs],
        "line": list(range(len(legs))),
        "answered": [True] * len(legs),
    }
    assert {*TEXT_COLUMNS} <= columns.keys()
    return Usage(pl.DataFrame(columns, schema=usage_schema()), ("made",))


def deck_of(
    domestic: int, abroad: int, far: int, *, first: int | None = None, fee: int = 0, decimals: int = 6
) -> Deck:
    """A deck with prices in micros a minute for the three places; a first minute and a fee of its own."""
    rows = [
        RateRow(prefix, price * 1_000, (price if first is None else first) * 1_000, fee_micros=fee, step_s=1)
        for prefix, price in (("49", domestic), ("33", abroad), ("1", far))
    ]
    return Deck("made", "1", "USD", tuple(rows), decimals=decimals)


def prices_of(**by_plan: int) -> LicencePrices:
    """Licence prices in micros a month."""
    return LicencePrices("made", True, {(plan, "USD", ""): price for plan, price in by_plan.items()})


def tenant_of(plans: Mapping[str, Sequence[str]], location: str = "DE") -> Tenant:
    """A tenant of these users with their plans."""
    users = tuple(
        User(upn=upn, location=location, licences=tuple(Licence(plan) for plan in (*held, SPENDS)))
        for upn, held in plans.items()
    )
    return Tenant("made", "made", location, "USD", users=users)


def drawn(seed: int, users: int, calls: int, months: int = 1) -> Case:
    """A tenant with about so many calls a user and month, and three or four plans worth a thought."""
    draw = Random(seed)
    names = [f"user{at}@made.example" for at in range(users)]
    legs = []
    for name in names:
        heavy = draw.choice([20, 60, 180, 400])
        abroad = draw.choice([0, 5, 30])
        for month in range(months):
            for _ in range(max(1, calls * draw.randint(50, 150) // 100)):
                to = draw.choices([DOMESTIC, ABROAD, FAR], [100 - abroad, abroad, abroad])[0]
                at_s = month * 31 * 86_400 + draw.randrange(27 * 86_400)
                seconds = max(1, heavy * 60 * draw.randint(30, 170) // 100 // calls)
                legs.append(Leg(name, to, min(seconds, 80_000), at_s))
    listed = ["MCOPSTN5", "MCOPSTN6", "MCOPSTN8", "MCOPSTN2", "MCOPSTNPP", "MCOPSTN1"]
    options = draw.sample(listed, draw.choice([3, 4]))
    made = {plan: draw.randint(10, 120) * UNIT // 10 for plan in options}
    deck = deck_of(
        draw.choice([15_000, 30_000, 45_123]),
        draw.choice([60_000, 121_001]),
        draw.choice([20_000, 250_000]),
        first=draw.choice([None, 99_000]),
        fee=draw.choice([0, 50_000]),
        decimals=draw.choice([6, 6, 2]),
    )
    held = {name: [draw.choice(options)] for name in names}
    named = tuple(f"2026-{month + 1:02}" for month in range(months))
    return Case(tenant_of(held), tuple(legs), deck, prices_of(**made), named)


def every_mix(case: Case, replay: Replay) -> Iterator[tuple[int, dict[str, str]]]:
    """What licences and calls cost under every mix of single plans, by the engine; in micros."""
    catalogue = load_catalogue()
    last_us = int(replay.rows["end_us"].max())  # type: ignore[arg-type]
    now = endless(today(case.tenant, catalogue, last_us), replay)
    plans = [plan for plan, _, _ in case.prices.amounts]
    for mix in product(plans, repeat=len(now.users)):
        holding = replace(
            now,
            users=tuple(
                replace(user, licences=(Licence(plan), Licence(SPENDS)))
                for user, plan in zip(now.users, mix, strict=True)
            ),
        )
        run = replay.run(holding, catalogue, case.deck, has_wallet=True)
        licences = sum(case.prices.amounts[plan, "USD", ""] for plan in mix) * len(case.months)
        yield run.run.totals.amount + licences, dict(zip([u.upn for u in now.users], mix, strict=True))


def engine_cost(case: Case, replay: Replay, changes: Sequence[MixChange]) -> int:
    """What all calls cost by the engine after some changes."""
    catalogue = load_catalogue()
    last_us = int(replay.rows["end_us"].max())  # type: ignore[arg-type]
    now = endless(today(case.tenant, catalogue, last_us), replay)
    return replay.run(changed(now, changes), catalogue, case.deck, has_wallet=True).run.totals.amount
