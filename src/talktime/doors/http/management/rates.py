"""What calls cost a tenant: a number with every rate that may price it, countries with their prices."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Path, Query

from talktime.doors.http.management.answers_rates import (
    CountryPrefixes,
    CountryRatesList,
    FreeCalls,
    NumberRates,
)
from talktime.doors.http.management.house import House, InHouse, may, read
from talktime.doors.http.management.shown_rates import (
    country_shown,
    in_force_shown,
    possible_shown,
    rate_shown,
)
from talktime.doors.http.management.texts import (
    NAME_PATTERN,
    Cursor,
    Instant,
    Limit,
    instant,
    next_of,
    place_of,
)
from talktime.doors.http.problems import Problem, ProblemError, refused
from talktime.insight.deck_sheet import DeckSheet
from talktime.insight.tenant_rates import InForce, deck_in_force, number_rates

router = APIRouter(prefix="/v1/tenants/{tenant}/rates", tags=["rates"])

SeesRates = Annotated[str, Depends(may("see_rates"))]

NumberText = Annotated[
    str,
    Query(
        min_length=1,
        max_length=100,
        pattern=NAME_PATTERN,
        description="`+4420...`, `0044...`, or bare digits with their calling code; `*` are hidden digits",
        examples=["+442079460000"],
    ),
]
At = Annotated[Instant | None, Query(description="when the call begins; now, where it is absent")]
Search = Annotated[
    str, Query(max_length=100, pattern=NAME_PATTERN, description="a part of a name, a code or dialled digits")
]
Country = Annotated[str, Path(pattern=r"^[A-Za-z]{2}$", examples=["GB"])]

MOST_RATES: Final = 200
"""Rates of one number that an answer names."""

Place = Annotated[int, msgspec.Meta(ge=1, le=100_000_000)]
"""How many of a list were read; the list of a deck never changes, so the rest is still the same."""


class PlaceIn(msgspec.Struct, array_like=True, frozen=True):
    """Where a page of a deck's list begins: the deck's version, and how many were read."""

    version: Annotated[str, msgspec.Meta(max_length=64, pattern="^[0-9a-zA-Z]+$")]
    read: Place


@router.get("")
async def get_rates(house: InHouse, tenant: SeesRates, number: NumberText, at: At = None) -> NumberRates:
    """Every rate that the tenant's deck has for a number, the ones that price calls at that instant marked.

    Without one: what happens to calls, and what to do. 422 `no_number` for what is no number.
    """
    live = await house.live_tenant(tenant)
    at_us = house.now_us if at is None else at
    deck, sheet = await _sheet(house, tenant, at_us)
    try:
        found = await read(number_rates, number, sheet, live, house.desk.catalogue, at_us)
    except ValueError as error:
        raise ProblemError(Problem(422, "no_number", str(error), "/number")) from None
    return NumberRates(
        number=found.text,
        digits=found.digits,
        country=found.country or None,
        country_name=found.name or None,
        kind=found.kind,
        premium=found.premium,
        at=instant(at_us),
        currency=live.tenant.currency,
        deck=in_force_shown(deck),
        rated=found.rated,
        says=found.says,
        notes=list(found.notes),
        rates=[possible_shown(one) for one in found.rows[:MOST_RATES]],
        more=max(len(found.rows) - MOST_RATES, 0),
        free=[FreeCalls(category=one.category, says=one.says) for one in found.free],
    )


@router.get("/countries")
async def list_countries(
    house: InHouse,
    tenant: SeesRates,
    search: Search = "",
    at: At = None,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> CountryRatesList:
    """Countries that the tenant's deck has rates for, by name; prices from the lowest to the highest."""
    live = await house.live_tenant(tenant)
    at_us = house.now_us if at is None else at
    deck, sheet = await _sheet(house, tenant, at_us)
    found = () if sheet is None else await read(sheet.named, search)
    begin = _begin(cursor, deck)
    return CountryRatesList(
        at=instant(at_us),
        currency=live.tenant.currency,
        deck=in_force_shown(deck),
        total=len(found),
        countries=[country_shown(one) for one in found[begin : begin + limit]],
        next=_next(deck, begin + limit, len(found)),
    )


@router.get("/countries/{country}")
async def get_country(
    house: InHouse,
    tenant: SeesRates,
    country: Country,
    at: At = None,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> CountryPrefixes:
    """The rates of a country, outgoing calls first, by prefix. `ZZ`: what is in no single country."""
    live = await house.live_tenant(tenant)
    at_us = house.now_us if at is None else at
    deck, sheet = await _sheet(house, tenant, at_us)
    shown = in_force_shown(deck)
    one = None if sheet is None else await read(sheet.country, country.upper())
    if shown is None or sheet is None or one is None:
        raise refused("unknown_country", f"the tenant's deck has no rates for {country.upper()}")
    rows, begin = sheet.of_country[one.country], _begin(cursor, deck)
    return CountryPrefixes(
        at=instant(at_us),
        currency=live.tenant.currency,
        deck=shown,
        country=country_shown(one),
        rates=[rate_shown(row) for row in rows[begin : begin + limit]],
        next=_next(deck, begin + limit, len(rows)),
    )


async def _sheet(house: House, tenant: str, at_us: int) -> tuple[InForce | None, DeckSheet | None]:
    """The deck in force for a tenant, and its sheet; made in a thread where it is not in memory."""
    live = await house.live_tenant(tenant)
    deck = await read(deck_in_force, live, house.desk.rules.rates, at_us)
    return deck, None if deck is None else await read(house.sheets.of, deck.deck, house.desk.catalogue)


def _begin(cursor: str, deck: InForce | None) -> int:
    """How many were read; a problem where another deck came into force since."""
    place = place_of(cursor, PlaceIn, None)
    if place is None or deck is None:
        return 0
    if place.version != deck.deck.version:
        raise refused("moved_on", "another deck came into force meanwhile; begin again without a cursor")
    return place.read


def _next(deck: InForce | None, read_so_far: int, total: int) -> str | None:
    if deck is None or read_so_far >= total:
        return None
    return next_of(PlaceIn(deck.deck.version, read_so_far))
