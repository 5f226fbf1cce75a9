"""What the routes about rates, decks and plans answer; prices are decimal strings in the deck's currency."""

from __future__ import annotations

from pydantic import BaseModel, Field

from talktime.doors.http.management.answers import DeckAnswer, FindingAnswer


class DeckHead(BaseModel):
    """A deck by its facts; `rates` counts its rows, `sample`: its prices are not real."""

    name: str = Field(examples=["sample"])
    version: str = Field(examples=["0b61241d7c17"])
    currency: str = Field(examples=["USD"])
    rates: int
    sample: bool


class DeckInForce(DeckHead):
    """The deck that prices calls at an instant; `own`: bound for this tenant. `valid_from` null: always."""

    valid_from: str | None
    own: bool


class RateAnswer(BaseModel):
    """A row of a deck. Empty conditions take every call; `calls` says which calls it is for.

    `window` says in words when in the week it holds, "" for always.
    """

    prefix: str = Field(examples=["4420"])
    name: str
    type: str
    country: str
    category: str
    direction: str
    number_type: str
    origin_country: str
    price_per_minute: str = Field(examples=["0.02"])
    first_price_per_minute: str
    connection_fee: str
    first_seconds: int
    step_seconds: int
    calls: str = Field(examples=["outgoing calls"])
    valid_from: str | None
    valid_until: str | None
    window: str


class PossibleRate(RateAnswer):
    """A row whose prefix the number has. `state` prices: it is what calls of its kind cost.

    behind: a longer prefix or a closer condition is asked first; not_in_force: another time; undecided: a
    hidden digit decides.
    """

    state: str = Field(examples=["prices"])


class FreeCalls(BaseModel):
    """A kind of call that costs nothing whatever the number, and why."""

    category: str
    says: str


class NumberRates(BaseModel):
    """What calls to a number cost, at `at`; `country` null where no table says, `deck` where none is bound.

    `says` is one sentence; without a rate it tells what happens to calls and what to do. `more` rates are not
    among `rates`. `digits`: what is visible of an international number, "" for a short code.
    """

    number: str = Field(examples=["+442079460000"])
    digits: str
    country: str | None
    country_name: str | None
    kind: str = Field(examples=["geographic"])
    premium: str = Field(description="normal, credits_only or refuse", examples=["normal"])
    at: str | None
    currency: str
    deck: DeckInForce | None
    rated: bool
    says: str
    notes: list[str]
    rates: list[PossibleRate]
    more: int
    free: list[FreeCalls]


class RateSpan(BaseModel):
    """The rates of one direction: how many prefixes, the lowest and the highest price a minute."""

    prefixes: int
    lowest: str
    highest: str


class CountryRates(BaseModel):
    """What a deck has for a country; null where it has nothing of that direction."""

    country: str = Field(examples=["GB"])
    name: str = Field(examples=["United Kingdom"])
    calling_codes: list[str]
    outbound: RateSpan | None
    inbound: RateSpan | None


class CountryRatesList(BaseModel):
    """A page of countries in order of their names; `deck` null where none is bound."""

    at: str | None
    currency: str
    deck: DeckInForce | None
    total: int = Field(description="countries that were found")
    countries: list[CountryRates]
    next: str | None


class CountryPrefixes(BaseModel):
    """A page of the rates to one country, outgoing ones first, by prefix."""

    at: str | None
    currency: str
    deck: DeckInForce
    country: CountryRates
    rates: list[RateAnswer]
    next: str | None


class DeckFacts(DeckAnswer):
    """A stored deck with how it rounds and counts."""

    rates: int
    rounding: str = Field(examples=["half_up 6"])
    increments: str = Field(examples=["after_first"])


class DeckRates(BaseModel):
    """A page of a stored deck's rates by prefix; `total` counts those that were found."""

    total: int
    rates: list[RateAnswer]
    next: str | None


class FindingCounts(BaseModel):
    """How much a check found: faults that refuse the deck, rows that are set aside, what is worth a look."""

    refused: int
    row_rejected: int
    warning: int


class DeckChecked(BaseModel):
    """What a file would be as a deck; nothing is kept. `deck` null: it may not be used.

    `stored`: a deck with these very rates is there already. `counts` are of all findings, `findings` some.
    """

    usable: bool
    stored: bool
    deck: DeckHead | None
    format: str
    rows: int
    rejected_rows: int
    counts: FindingCounts
    findings: list[FindingAnswer]


class RateChange(BaseModel):
    """A row that differs: `old` and `new` price its numbers before and after, null where nothing does.

    `kind`: added, removed, dearer, cheaper, mixed (one price rises, another falls) or unchanged.
    """

    kind: str = Field(examples=["dearer"])
    prefix: str
    old: RateAnswer | None
    new: RateAnswer | None
    percent: str | None = Field(description="change of the price a minute", examples=["12.5"])


class ChangeCounts(BaseModel):
    """Every row of both decks is counted once."""

    added: int
    removed: int
    dearer: int
    cheaper: int
    mixed: int
    unchanged: int


class DeckDifferences(BaseModel):
    """What changes if `new` takes the place of `old`; `changes` is a page of those that were asked for.

    `terms` are sentences about the whole decks; dropped names and countries have no rate any more.
    """

    old: DeckHead
    new: DeckHead
    totals: ChangeCounts
    terms: list[str]
    dropped_names: list[str]
    dropped_countries: list[str]
    changes: list[RateChange]
    next: str | None


class PlanPoolAnswer(BaseModel):
    """Minutes a month of one licence; null: not counted. `minutes_in`: where a country has another number.

    `destinations`: domestic, international, any or a zone, whose countries are `reaches`.
    """

    kind: str = Field(examples=["domestic"])
    destinations: str
    reaches: list[str]
    minutes: int | None
    minutes_in: dict[str, int | None]
    says: str


class PlanFeature(BaseModel):
    """A feature that a plan is a part of."""

    id: str = Field(examples=["domestic_calls"])
    name: str


class PlanAnswer(BaseModel):
    """What a licence gives. `needs`: of each list one more licence, without which it is of no use.

    `scope`: who shares the minutes: country, tenant or user. `basis`: licences that are assigned or bought.
    `countries`: where it is sold, none for everywhere. `traits`: what its holder is to the rules.
    """

    code: str
    name: str
    kind: str
    basis: str
    scope: str
    countries: list[str]
    free: bool
    traits: list[str] = Field(examples=[["spends_credits"]])
    pools: list[PlanPoolAnswer]
    needs: list[list[str]]
    features: list[PlanFeature]


class PlanList(BaseModel):
    """The plans of the catalogue."""

    plans: list[PlanAnswer]
