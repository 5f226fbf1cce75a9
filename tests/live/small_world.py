"""A small world for live charging: a few people and numbers, plans with a few minutes, four tenants.

`offer_of` says by hand, from the documents, what the rules should find out about a call; the product is given
the same people as documents (domain.md 3 to 6).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

from talktime.accounts.tenant import (
    BillingAccount,
    Cap,
    Licence,
    ServiceNumber,
    Subscription,
    Tenant,
    User,
)
from talktime.catalog.load import load_catalogue
from talktime.catalog.model import Catalogue
from talktime.core.deck import Deck
from talktime.core.money import ROUNDINGS, parse_money
from talktime.core.rating import INCREMENTS
from talktime.live.operations import NOT_ASKED, UNKNOWN_US, DebitCall, StartCall
from tests.conformance.product import rate_row
from tests.model.live_parts import Offer, Rounding, Settings

PLANS = """
[[plan]]
code = "SMALL"
name = "one minute at home"
kind = "calling"
basis = "assigned"
scope = "country"
pools = [{ kind = "domestic", destinations = "domestic", minutes = 1 }]

[[plan]]
code = "EITHER"
name = "two minutes at home or one abroad, whichever first"
kind = "calling"
basis = "assigned"
scope = "country"
strict_or = true
pools = [
    { kind = "domestic", destinations = "domestic", minutes = 2 },
    { kind = "international", destinations = "international", minutes = 1 },
]

[[plan]]
code = "MEET"
name = "one minute of conferencing"
kind = "conferencing"
basis = "purchased"
scope = "tenant"
pools = [{ kind = "conferencing", destinations = "zone_a", minutes = 1 }]
"""
ADD_ON, CREDITS, PAY_AS_YOU_GO = "MCOMEETADD_DIALOUT_US", "MCOPSTNC", "MCOPSTNPP"

# --- people and numbers ----------------------------------------------------------------------------

PEOPLE = {
    "ann": ("GB", ("SMALL", CREDITS), "sales"),
    "bob": ("GB", ("EITHER", CREDITS), "sales"),
    "cat": ("GB", ("SMALL",), ""),
    "dan": ("GB", (PAY_AS_YOU_GO,), ""),
    "eve": ("US", ("MEET", CREDITS), "sales"),
    "fay": ("US", ("MEET", ADD_ON), ""),
}
DESK, HOTLINE = "+441174960000", "+448085550100"
STRANGER = "stranger"
CALLERS = (*PEOPLE, STRANGER)

COUNTRIES = {
    "+442071838750": "GB",
    "+33142685300": "FR",
    "+12125550123": "US",
    "+493012345678": "DE",
    "+81312345678": "JP",
    "+263242700000": "ZW",
    "+449012345678": "GB",
    "+33899123456": "FR",
}
REFUSED, DEAR = "+449012345678", "+33899123456"
SIZES_S = {
    "pool:SMALL/domestic/GB": 180,
    "pool:EITHER/domestic/GB": 120,
    "pool:EITHER/international/GB": 60,
    "pool:MEET/conferencing/": 180,
    f"pool:{ADD_ON}/dial_out_add_on/fay@example.com": None,
}
PARTNERS = {
    "pool:EITHER/domestic/GB": "pool:EITHER/international/GB",
    "pool:EITHER/international/GB": "pool:EITHER/domestic/GB",
}
KINDS = ("user_out", "conf_out", "ucap_out", "ucap_in", "user_in", "emergency_out")

# --- decks -----------------------------------------------------------------------------------------

RATES = (
    {"prefix": "44", "price_per_minute": "0.6", "first_seconds": "1", "step_seconds": "1"},
    {"prefix": "33", "price_per_minute": "0.3", "connection_fee": "0.05"},
    {"prefix": "3389", "price_per_minute": "3.333333333", "first_seconds": "1", "step_seconds": "60"},
    {
        "prefix": "49",
        "price_per_minute": "0.0333",
        "first_price_per_minute": "1",
        "first_seconds": "30",
        "step_seconds": "18",
    },
    {"prefix": "1", "price_per_minute": "0"},
    {
        "prefix": "81",
        "price_per_minute": "1.2",
        "first_price_per_minute": "0",
        "first_seconds": "10",
        "step_seconds": "6",
    },
    {
        "prefix": "44",
        "direction": "inbound",
        "price_per_minute": "0.2",
        "first_seconds": "6",
        "step_seconds": "6",
    },
)


@dataclass(frozen=True, slots=True)
class Prices:
    """How a deck counts and rounds; all decks have the same rows."""

    rounding: Rounding
    decimals: int
    whole: bool

    @property
    def deck(self) -> Deck:
        """The deck as the product takes it."""
        model = INCREMENTS["whole" if self.whole else "after_first"]
        rows = tuple(rate_row(dict(row)) for row in RATES)
        name = f"{self.rounding} {self.decimals}"
        return Deck(name, name, "USD", rows, ROUNDINGS[self.rounding], self.decimals, model)


FINE, COARSE = Prices("half_up", 6, whole=False), Prices("up", 2, whole=True)


# --- tenants ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """What is special about a tenant: agreement, deck, zone, and monthly caps by counter."""

    agreement: str = "MOSA"
    post_usage: bool = True
    prices: Prices = FINE
    zone: str = "UTC"
    caps: tuple[tuple[str, str, str], ...] = ()

    @property
    def settings(self) -> Settings:
        """For the model."""
        mca = self.agreement == "MCA"
        return Settings(behind=mca and self.post_usage, post_usage_off=mca and not self.post_usage)


PLACES = {
    "plain": Place(),
    "capped": Place(
        zone="America/New_York",
        caps=(
            ("user", "ann@example.com", "0.5"),
            ("cost_centre", "sales", "1.2"),
            ("tenant", "capped", "3"),
        ),
    ),
    "behind": Place("MCA", prices=COARSE, caps=(("tenant", "behind", "8"),)),
    "off": Place("MCA", post_usage=False, zone="Asia/Tokyo"),
}


def tenant_of(name: str) -> Tenant:
    """A tenant as the product takes it."""
    place = PLACES[name]
    return Tenant(
        name,
        name,
        "GB",
        "USD",
        time_zone=place.zone,
        default_billing_account="main",
        billing_accounts=(BillingAccount("main", place.agreement, "GB", place.post_usage),),
        subscriptions=(Subscription("MEET", 3, "main"),),
        users=tuple(
            User(
                f"{who}@example.com",
                location=country,
                licences=tuple(Licence(plan) for plan in plans),
                cost_centre=centre,
            )
            for who, (country, plans, centre) in PEOPLE.items()
        ),
        service_numbers=(
            ServiceNumber(DESK, "toll", licences=(Licence("SMALL"),), cost_centre="desk"),
            ServiceNumber(HOTLINE, "toll_free", cost_centre="sales"),
        ),
        caps=tuple(Cap(scope, owner, parse_money(amount)) for scope, owner, amount in place.caps),
    )


def catalogue_in(folder: Path) -> Catalogue:
    """The shipped catalogue with the plans of this world, from an own folder."""
    folder.mkdir(exist_ok=True)
    (folder / "plans.toml").write_text(PLANS, "utf-8")
    return load_catalogue(folder)


# --- calls -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ask:
    """A start: who calls whom and how, what is asked, what is told of the past (seconds ago)."""

    kind: str
    who: str
    number: str
    requested_s: int | None = None
    started_ago_s: int | None = None
    answered_ago_s: int | None = None

    @property
    def is_service(self) -> bool:
        """Whether a service number stands for the user."""
        return self.kind.startswith("ucap")


def start_of(tenant: str, call: str, sequence: int, ask: Ask, clock_us: int) -> StartCall:
    """The operation."""

    def ago(seconds: int | None) -> int:
        return UNKNOWN_US if seconds is None else clock_us - seconds * 1_000_000

    service = {"ucap_out": DESK, "ucap_in": HOTLINE}.get(ask.kind, "")
    return StartCall(
        tenant,
        call,
        sequence,
        ask.kind,
        user="" if ask.is_service else f"{ask.who}@example.com",
        service_number=service,
        caller=ask.number if ask.kind.endswith("_in") else service,
        callee=service or DESK if ask.kind.endswith("_in") else ask.number,
        requested_s=NOT_ASKED if ask.requested_s is None else ask.requested_s,
        started_us=ago(ask.started_ago_s),
        answered_us=ago(ask.answered_ago_s),
    )


def debit_of(tenant: str, call: str, sequence: int, seconds: int, ask: Ask, clock_us: int) -> DebitCall:
    """The same, charged at once."""
    start = start_of(tenant, call, sequence, ask, clock_us)
    sides = (start.user, start.service_number, start.caller, start.callee)
    return DebitCall(
        tenant, call, sequence, start.call_type, seconds, *sides, start.started_us, start.answered_us
    )


def offer_of(call: StartCall | DebitCall, ask: Ask, now_us: int) -> Offer:
    """What the documents say about a start that arrives at an instant."""
    place = PLACES[call.tenant]
    # What no switch with a right clock would say (docs/decisions/0006) is not believed.
    believed = range(now_us - 72 * 3600 * 1_000_000, now_us + 300 * 1_000_000 + 1)
    told = [at_us for at_us in (call.answered_us, call.started_us) if at_us in believed]
    base_us = told[0] if told else now_us
    local = datetime.fromtimestamp(base_us // 1_000_000, UTC).astimezone(ZoneInfo(place.zone))
    month = local.year * 12 + local.month - 1
    free = ask.kind in ("user_in", "emergency_out")
    row = None if free else _rate(ask)
    offer = Offer(
        category_free=free,
        emergency=ask.kind == "emergency_out",
        user_known=ask.is_service or ask.who in PEOPLE,
        licensed=free or place.agreement == "MCA" or _spends(ask),
        premium_refused=ask.number == REFUSED and ask.kind.endswith("_out") and not free,
        rated=row is not None,
        pools=tuple(f"{name}@{month}" for name in _pools(ask)),
        caps=() if free else tuple(f"{name}@{month}" for name in _caps(call.tenant, ask)),
        requested_s=ask.requested_s,
        base_us=base_us if told else None,
        answered=call.answered_us != UNKNOWN_US,
        body=repr(call),
    )
    return offer if row is None else _priced(offer, row, place.prices)


def _rate(ask: Ask) -> dict[str, str] | None:
    inbound = ask.kind == "ucap_in"
    number = HOTLINE if inbound else ask.number
    fits = [
        row
        for row in RATES
        if number[1:].startswith(row["prefix"]) and (row.get("direction") == "inbound") == inbound
    ]
    return max(fits, key=lambda row: len(row["prefix"]), default=None)


def _priced(offer: Offer, row: dict[str, str], prices: Prices) -> Offer:
    first = row.get("first_price_per_minute")
    return replace(
        offer,
        first_s=int(row.get("first_seconds", "60")),
        step_s=int(row.get("step_seconds", "60")),
        whole=prices.whole,
        price=Fraction(row["price_per_minute"]),
        first_price=None if first is None else Fraction(first),
        fee=Fraction(row.get("connection_fee", "0")),
        rounding=prices.rounding,
        decimals=prices.decimals,
    )


def _plans(ask: Ask) -> tuple[str, ...]:
    if ask.is_service:
        return ("SMALL",) if ask.kind == "ucap_out" else ()
    return PEOPLE[ask.who][1] if ask.who in PEOPLE else ()


def _spends(ask: Ask) -> bool:
    return ask.is_service or bool({CREDITS, PAY_AS_YOU_GO} & set(_plans(ask)))


def _pools(ask: Ask) -> list[str]:
    if ask.kind not in ("user_out", "conf_out", "ucap_out") or ask.number in (REFUSED, DEAR):
        return []
    plans, country = _plans(ask), COUNTRIES[ask.number]
    if ask.kind == "conf_out":
        add_on = [f"pool:{ADD_ON}/dial_out_add_on/{ask.who}@example.com"]
        meet = ["pool:MEET/conferencing/"]
        return (add_on if ADD_ON in plans and country in ("US", "CA") else []) + (
            meet if "MEET" in plans and country != "ZW" else []
        )
    if country == "GB":
        return [f"pool:{plan}/domestic/GB" for plan in ("EITHER", "SMALL") if plan in plans]
    return ["pool:EITHER/international/GB"] if "EITHER" in plans else []


def _caps(tenant: str, ask: Ask) -> list[str]:
    centre = {"ucap_out": "desk", "ucap_in": "sales"}.get(ask.kind) or (
        PEOPLE[ask.who][2] if ask.who in PEOPLE else ""
    )
    found = []
    for scope, owner, _ in PLACES[tenant].caps:
        mine = {"user": not ask.is_service and owner == f"{ask.who}@example.com"}
        mine |= {"cost_centre": owner == centre, "tenant": True}
        if mine[scope]:
            found.append("cap:tenant" if scope == "tenant" else f"cap:{scope}/{owner}")
    return found
