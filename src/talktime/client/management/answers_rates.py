"""Rates, decks looked into, plans and counts of licences as they are answered.

Prices and percentages are Decimal, instants aware datetimes; fields that a later service adds are passed
over.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from talktime.client.management.answers_house import Deck, Finding


class DeckHead(msgspec.Struct, frozen=True, kw_only=True):
    """A deck by its facts; `rates` counts its rows, `sample`: its prices are not real."""

    name: str
    version: str
    currency: str
    rates: int
    sample: bool


class DeckInForce(DeckHead, frozen=True, kw_only=True):
    """The deck that prices calls at an instant; `own`: bound for this tenant. `valid_from` null: always."""

    valid_from: datetime | None
    own: bool


class DeckRate(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a deck. Empty conditions take every call; `calls` says in words which calls it is for."""

    prefix: str
    name: str
    type: str
    country: str
    category: str
    direction: str
    number_type: str
    origin_country: str
    price_per_minute: Decimal
    first_price_per_minute: Decimal
    connection_fee: Decimal
    first_seconds: int
    step_seconds: int
    calls: str
    valid_from: datetime | None
    valid_until: datetime | None
    window: str


class PossibleRate(DeckRate, frozen=True, kw_only=True):
    """A row whose prefix the number has; `state`: prices, behind, not_in_force or undecided."""

    state: str


class FreeCalls(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of call that costs nothing whatever the number, and why."""

    category: str
    says: str


class NumberRates(msgspec.Struct, frozen=True, kw_only=True):
    """What calls to a number cost at an instant; `says` is one sentence, also where there is no rate."""

    number: str
    digits: str
    country: str | None
    country_name: str | None
    kind: str
    premium: str
    at: datetime | None
    currency: str
    deck: DeckInForce | None
    rated: bool
    says: str
    notes: tuple[str, ...]
    rates: tuple[PossibleRate, ...]
    more: int
    free: tuple[FreeCalls, ...]


class RateSpan(msgspec.Struct, frozen=True, kw_only=True):
    """The rates of one direction: how many prefixes, the lowest and the highest price a minute."""

    prefixes: int
    lowest: Decimal
    highest: Decimal


class CountryRates(msgspec.Struct, frozen=True, kw_only=True):
    """What a deck has for a country; null where it has nothing of that direction."""

    country: str
    name: str
    calling_codes: tuple[str, ...]
    outbound: RateSpan | None
    inbound: RateSpan | None


class CountryRatesList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of countries by name; `total` were found. `next`, given to `cursor`, goes on."""

    at: datetime | None
    currency: str
    deck: DeckInForce | None
    total: int
    countries: tuple[CountryRates, ...]
    next: str | None


class CountryPrefixes(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the rates to one country, outgoing ones first, by prefix."""

    at: datetime | None
    currency: str
    deck: DeckInForce
    country: CountryRates
    rates: tuple[DeckRate, ...]
    next: str | None


class DeckFacts(Deck, frozen=True, kw_only=True):
    """A stored deck with how it rounds and counts."""

    rates: int
    rounding: str
    increments: str


class DeckRates(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a stored deck's rates by prefix; `total` were found."""

    total: int
    rates: tuple[DeckRate, ...]
    next: str | None


class FindingCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How much a check found, by how bad it is."""

    refused: int
    row_rejected: int
    warning: int


class DeckChecked(msgspec.Struct, frozen=True, kw_only=True):
    """What a file would be as a deck; nothing is kept. `stored`: these very rates are there already."""

    usable: bool
    stored: bool
    deck: DeckHead | None
    format: str
    rows: int
    rejected_rows: int
    counts: FindingCounts
    findings: tuple[Finding, ...]


class RateChange(msgspec.Struct, frozen=True, kw_only=True):
    """A row that differs: `old` and `new` price its numbers before and after, null where nothing does."""

    kind: str
    prefix: str
    old: DeckRate | None
    new: DeckRate | None
    percent: Decimal | None


class ChangeCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Every row of both decks is counted once."""

    added: int
    removed: int
    dearer: int
    cheaper: int
    mixed: int
    unchanged: int


class DeckDifferences(msgspec.Struct, frozen=True, kw_only=True):
    """What changes if `new` takes the place of `old`; `changes` is a page of those that were asked for."""

    old: DeckHead
    new: DeckHead
    totals: ChangeCounts
    terms: tuple[str, ...]
    dropped_names: tuple[str, ...]
    dropped_countries: tuple[str, ...]
    changes: tuple[RateChange, ...]
    next: str | None


class PlanPool(msgspec.Struct, frozen=True, kw_only=True):
    """Minutes a month of one licence; null: not counted. `reaches`: the countries of a zone."""

    kind: str
    destinations: str
    reaches: tuple[str, ...]
    minutes: int | None
    minutes_in: dict[str, int | None]
    says: str


class PlanFeature(msgspec.Struct, frozen=True, kw_only=True):
    """A feature that a plan is a part of."""

    id: str
    name: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a licence gives. `needs`: of each one more licence; `scope`: who shares the minutes."""

    code: str
    name: str
    kind: str
    basis: str
    scope: str
    countries: tuple[str, ...]
    free: bool
    traits: tuple[str, ...]
    pools: tuple[PlanPool, ...]
    needs: tuple[tuple[str, ...], ...]
    features: tuple[PlanFeature, ...]


class LicenceCount(msgspec.Struct, frozen=True, kw_only=True):
    """Licences of a plan; `left` is below 0 where more are assigned than were bought."""

    plan: str
    name: str
    purchased: int
    assigned: int
    left: int
