"""The book and the deck of a made-up provider: who its tenants are, what they hold, what calls cost them.

Everything is drawn from one seed. What a tenant has fits what it will spend in the month, so that lots run
out, expire and are refilled in months of any size.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from talktime.core.deck import INBOUND, Deck, RateRow
from talktime.files.decks.read import read_deck
from talktime.files.decks.sample import default_deck
from talktime.files.decks.version import versioned
from talktime.files.decks.write import write_deck

Ints = NDArray[np.int64]

ROOT = Path(__file__).resolve().parents[1]
MICROSOFT_DECK = ROOT / "../shared/data/rates/communication-services-pstn-rates.csv"
SEED = 20_260_301
DAYS = 31

# --- what the world is like ------------------------------------------------------------------------------


class Home(NamedTuple):
    """Where tenants are: zones, hours ahead of UTC in winter, how many, how own numbers begin and end."""

    country: str
    zones: tuple[str, ...]
    ahead_h: int
    weight: int
    own: int
    toll_free: int
    toll: int


HOMES = (
    Home(
        "US",
        ("America/New_York", "America/Los_Angeles"),
        -5,
        55,
        1_425_200_0000,
        1_833_200_0000,
        1_206_200_0000,
    ),
    Home("GB", ("Europe/London",), 0, 20, 4420_7000_0000, 44800_200_0000, 44161_200_0000),
    Home("DE", ("Europe/Berlin",), 1, 15, 4930_2000_0000, 49800_200_0000, 4989_2000_0000),
    Home("CA", ("America/Toronto",), -5, 10, 1_416_200_0000, 1_844_200_0000, 1_604_200_0000),
)

WINDOWED = {
    "1212": "America/New_York",
    "1312": "America/Chicago",
    "1415": "America/Los_Angeles",
    "1617": "America/New_York",
    "1416": "America/Toronto",
    "4420": "Europe/London",
    "4989": "Europe/Berlin",
}
"""Stems of numbers that cost less at night and at weekends of their place: a tenth of all calls."""

PLANS = {"MCOPSTN1": 45, "MCOPSTN2": 25, "MCOPSTNPP": 15, "MCOPSTN5": 15}
CONFERENCING, ADD_ON, CREDITS = "MCOMEETADD", "MCOMEETADD_DIALOUT_US", "MCOPSTNC"

LEAST_PURCHASE = 50
BUSY = 1_000
"""Calls a user from which on the pools run out early, and a call costs half as much again."""
CALL_COSTS = 0.055
"""About what a call of such a month costs a tenant's wallet, in units; pools and free calls included."""

ACCOUNTS = ("MOSA", "MCA", "EA")
SPENT_OUT, POST_USAGE = 8, 10
"""Per cent of tenants that have too few credits and no recharge, and that pay their calls after use."""


def spread(weights: list[int]) -> Ints:
    """Each index as often as its weight says."""
    return np.repeat(np.arange(len(weights)), weights)


class World:
    """Tenants, people and numbers of a month of so many calls, as flat columns."""

    def __init__(self, tenants: int, calls: int) -> None:
        self.tenants, self.calls = tenants, calls
        rng = np.random.default_rng(SEED)
        rank = 1 + rng.permutation(tenants)
        share = 1 / (rank + 4.0)
        ends = np.cumsum(share) / share.sum() * calls
        self.first_call = np.concatenate([[0], np.floor(ends[:-1]), [calls]]).astype(np.int64)
        self.home = spread([home.weight for home in HOMES])[rng.integers(0, 100, tenants)]
        self.users = rng.integers(20, 61, tenants)
        self.first_user = np.concatenate([[0], np.cumsum(self.users)])
        people = int(self.first_user[-1])
        elsewhere = rng.random(people) < 0.1
        self.location = np.where(
            elsewhere, rng.integers(0, len(HOMES), people), np.repeat(self.home, self.users)
        )
        self.plan = spread(list(PLANS.values()))[rng.integers(0, 100, people)]
        self.spends = rng.random(people) < 0.92
        self.conference_calls = rng.random(people) < 0.2
        self.cap = np.where(rng.random(people) < 0.1, rng.lognormal(-0.4, 0.9, people), 0.0)
        self.has_numbers = rng.random(tenants) < 0.6
        self.account = rng.integers(0, 10, tenants) // 4  # MOSA 4, MCA 4, EA 2 of ten
        self.way = rng.integers(0, 100, tenants)
        self.expiry_day = rng.integers(8, 22, tenants)

    @cached_property
    def ids(self) -> list[str]:
        return [f"tenant-{tenant:05}" for tenant in range(self.tenants)]

    @cached_property
    def upns(self) -> pl.Series:
        """Every user's name, of all tenants in order; the last is that of nobody."""
        of = np.repeat(np.arange(self.tenants), self.users)
        number = np.arange(len(of)) - self.first_user[of]
        names = [
            f"user{n:02}@{self.ids[t]}.example" for n, t in zip(number.tolist(), of.tolist(), strict=True)
        ]
        return pl.Series([*names, ""])

    def own_number(self, user: Ints) -> Ints:
        """The digits of users' numbers."""
        return np.array([home.own for home in HOMES])[self.location[user]] + user

    def service_number(self, tenant: Ints, toll_free: Any) -> Ints:
        """The digits of the two service numbers of tenants."""
        free, toll = (
            np.array([getattr(h, kind) for h in HOMES])[self.home[tenant]] for kind in ("toll_free", "toll")
        )
        return np.where(toll_free, free, toll) + tenant


# --- the book --------------------------------------------------------------------------------------------


def write_book(path: Path, tenants: int, calls: int) -> None:
    """The tenants as JSON lines, with the keys of the tenant file."""
    world = World(tenants, calls)
    encode = msgspec.json.Encoder().encode
    with path.open("wb") as out:
        for tenant in range(tenants):
            out.write(encode(tables_of(world, tenant)) + b"\n")


def tables_of(world: World, tenant: int) -> dict[str, Any]:
    """One tenant of the book."""
    home = HOMES[world.home[tenant]]
    people = range(world.first_user[tenant], world.first_user[tenant + 1])
    calls = int(world.first_call[tenant + 1] - world.first_call[tenant])
    expected = max(CALL_COSTS * calls * (1.5 if calls > BUSY * len(people) else 1), 1.0)
    users = [user_of(world, user, expected / len(people)) for user in people]
    services = services_of(world, tenant)
    held = [licence for holder in (*users, *services) for licence in holder["licences"]]
    bought = {plan: held.count(plan) for plan in dict.fromkeys(held)} | {CONFERENCING: len(users) // 2}
    agreement = ACCOUNTS[world.account[tenant]]
    if world.way[tenant] < SPENT_OUT:
        agreement = "MOSA"
    elif world.way[tenant] >= 100 - POST_USAGE:
        agreement = "MCA"
    return {
        "tenant": {
            "id": world.ids[tenant],
            "country": home.country,
            "currency": "USD",
            "time_zone": home.zones[tenant % len(home.zones)],
        },
        "billing_accounts": [{"id": "direct", "agreement": agreement}],
        "licences": [{"plan": plan, "purchased": count} for plan, count in bought.items()],
        "users": users,
        "service_numbers": services,
        **money_of(world, tenant, expected),
    }


def user_of(world: World, user: int, expected: float) -> dict[str, Any]:
    """One user; `expected` units are spent by each user of the tenant."""
    plan = list(PLANS)[world.plan[user]]
    licences = ["MCOEV", plan]
    licences += [ADD_ON] if world.conference_calls[user] else []
    licences += [CREDITS] if world.spends[user] else []
    entry = {
        "upn": world.upns[user],
        "location": HOMES[world.location[user]].country,
        "licences": licences,
        "numbers": [f"+{int(world.own_number(np.array([user]))[0])}"],
        "cost_centre": f"centre {user % 4}",
    }
    if world.cap[user]:
        entry["cap_per_month"] = money(expected * float(world.cap[user]))
    return entry


def services_of(world: World, tenant: int) -> list[dict[str, Any]]:
    """A toll-free bridge and a queue on a toll number, for some."""
    if not world.has_numbers[tenant]:
        return []
    bridge, queue = (f"+{int(world.service_number(np.array([tenant]), free)[0])}" for free in (True, False))
    return [
        {"number": bridge, "kind": "toll_free", "service": "conferencing_bridge", "licences": [CREDITS]},
        {"number": queue, "kind": "toll", "service": "call_queue", "licences": ["MCOPSTN1", CREDITS]},
    ]


def money_of(world: World, tenant: int, expected: float) -> dict[str, Any]:
    """Three lots, of which one expires within the month, and a recharge that comes about once.

    The other lots of tenants that have spent out expired before it.
    """
    day = int(world.expiry_day[tenant])
    spent_out = world.way[tenant] < SPENT_OUT
    lots = [max(LEAST_PURCHASE, expected * part) for part in (0.35, 0.15, 0.25)]
    months = ("2025-01", "2025-02") if spent_out else (f"2025-{4 + tenant % 9:02}", "2026-03")
    at = (f"2025-03-{day:02}T10:00", *(f"{month}-{2 + tenant % 5:02}T12:00" for month in months))
    purchases = [{"at": f"{when}:00Z", "amount": money(lot)} for when, lot in zip(at, lots, strict=True)]
    if spent_out or world.way[tenant] >= 100 - POST_USAGE:
        return {"purchases": purchases}
    # What is left on the 20th is where the recharge comes: the first lot is used first, its rest forfeited.
    forfeited = max(0.0, lots[0] - expected * day / DAYS) if day < 20 else 0.0
    below_ = max(1.0, sum(lots) - expected * 20 / DAYS - forfeited)
    return {
        "purchases": purchases,
        "auto_recharge": {
            "enabled": True,
            "below": money(below_),
            "add": money(max(LEAST_PURCHASE, expected * 0.8)),
            "cap_per_month": money(max(10 * LEAST_PURCHASE, expected * 4)),
        },
    }


def money(units: float) -> str:
    """A made-up amount in whole cents: what is drawn here is no calculation with money."""
    return f"{math.ceil(units * 100) / 100:.2f}"


# --- the deck --------------------------------------------------------------------------------------------


def write_month_deck(path: Path) -> None:
    """Microsoft's price file where it is, else the shipped deck; with prices for nights and weekends.

    Calls to toll-free numbers are priced by the shipped deck's inbound rows.
    """
    found = outbound_deck()
    outbound = [row for row in found.rows if row.direction != INBOUND]
    inbound = [row for row in default_deck().rows if row.direction == INBOUND]
    cheaper = [row for places in WINDOWED.items() for row in off_peak(outbound, *places)]
    rows = (*outbound, *inbound, *cheaper)
    deck = Deck("months", "", found.currency, rows, found.rounding, found.decimals, found.increments)
    with path.open("w", encoding="utf-8", newline="") as out:
        write_deck(versioned(deck), out)
    if read_deck(path).deck is None:
        raise SystemExit(f"the deck {path} that was made is refused; see `talktime rates check`")


def outbound_deck() -> Deck:
    """The deck that prices calls out."""
    found = read_deck(MICROSOFT_DECK.resolve()).deck if MICROSOFT_DECK.exists() else default_deck()
    if found is None:
        raise SystemExit(f"{MICROSOFT_DECK} is refused; see `talktime rates check`")
    return found


def off_peak(rows: list[RateRow], prefix: str, zone: str) -> Iterator[RateRow]:
    """Half the price from 18:00 to 08:00, and over the weekend."""
    whole = max((row for row in rows if prefix.startswith(row.prefix)), key=lambda row: len(row.prefix))
    half = whole.price_nanos // 2  # down
    cheap = replace(
        whole,
        prefix=prefix,
        price_nanos=half,
        first_price_nanos=half,
        time_zone=zone,
        name=f"{whole.name}, off-peak",
    )
    yield replace(cheap, weekdays=0b0011111, from_min=18 * 60, to_min=8 * 60)
    yield replace(cheap, weekdays=0b1100000, from_min=8 * 60, to_min=18 * 60)
