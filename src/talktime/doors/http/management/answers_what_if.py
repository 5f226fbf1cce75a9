"""What the routes of "What if" take and answer; figures have the names of `talktime rate --json`."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, WithJsonSchema

from talktime.core.money import parse_money
from talktime.doors.http.management.texts import NAME_PATTERN, Amount, Instant, Strict, Text
from talktime.insight.scenario import MOST_CAPS, MOST_SCENARIOS, MOST_SWAPS

ShortName = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=NAME_PATTERN)]
FileId = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{32}$"),
    Field(examples=["0006526a1b2c3d4e0123456789abcdef"]),
]
Version = Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9_.-]*$")]
Currency = Annotated[str, StringConstraints(pattern=r"^([A-Z]{3})?$")]
Country = Annotated[str, StringConstraints(pattern=r"^([A-Z]{2})?$"), Field(examples=["GB"])]

NONE: Final = "none"
"""In the place of an amount: no cap."""

_CAP_PATTERN: Final = r"^(none|[0-9]{1,18}(\.[0-9]{1,6})?)$"


def _cap(value: object) -> int | str:
    if value == NONE:
        return NONE
    if not isinstance(value, str) or not re.fullmatch(_CAP_PATTERN, value):
        raise ValueError('must be an amount as a decimal string, such as "12.50", or "none"')
    return parse_money(value)


CapAmount = Annotated[
    int | Literal["none"],
    BeforeValidator(_cap),
    WithJsonSchema({"type": "string", "pattern": _CAP_PATTERN, "examples": ["500"]}),
]
"""An amount or the word that takes a cap away; micros or that word inside."""


class OwnUsage(Strict):
    """The days whose charged calls are looked at: the last 28 where none are named."""

    from_: Instant | None = None
    until: Instant | None = None

    model_config = Strict.model_config | {"alias_generator": lambda name: name.rstrip("_")}


class UsageFinding(BaseModel):
    """A row that was set aside, with its line; a warning about the whole file has none."""

    line: int | None
    text: str


class UsageFileAnswer(BaseModel):
    """A file of usage that was brought; `name` as people call it. It is removed at `expires_at`."""

    id: str
    name: str
    bytes: int
    formats: list[str]
    rows: int
    rejected_rows: int
    from_: str | None
    until: str | None
    currencies: list[str]
    findings: list[UsageFinding]
    brought_by: str
    brought_at: str | None
    expires_at: str | None

    model_config = {"alias_generator": lambda name: name.rstrip("_"), "populate_by_name": True}


class UsageFileList(BaseModel):
    """The files of a tenant that are kept, newest first."""

    usage_files: list[UsageFileAnswer]


class SwapBody(Strict):
    """Holders of `plan` get `becomes`, "" for none; `plan` "": every user, whatever it calls by now.

    `country`: only users who are located there.
    """

    plan: Text = ""
    becomes: Text = ""
    country: Country = ""


class RuleBody(Strict):
    """Auto-recharge: off, or adding `add` where the balance falls below `below`.

    `cap_per_month`: the most that it pays a month; the tenant's own cap where it is absent.
    """

    enabled: bool
    below: Amount | None = None
    add: Amount | None = None
    cap_per_month: CapAmount | None = None


class CapBody(Strict):
    """A spend cap of a month in the place of the tenant's own: of it, of cost centres, of users.

    `id` names a cost centre; "": each of them. Caps of users hold each user: a question names nobody.
    """

    scope: Literal["tenant", "cost_centre", "user"]
    id: Text = ""
    amount: CapAmount


class ScenarioBody(Strict):
    """What is tried; what is absent is as the tenant has it now.

    `balance`: at the first call. `deck`: a stored version. `agreement`: of all billing accounts. `treat_as`
    rates calls of another operator as if they were ours.
    """

    name: Annotated[ShortName, Field(examples=["All on the larger plan"])]
    plans: Annotated[list[SwapBody], Field(max_length=MOST_SWAPS, default_factory=list)]
    recharge: RuleBody | None = None
    balance: Amount | None = None
    deck: Version = ""
    agreement: Annotated[Text, Field(examples=["MCA"])] = ""
    treat_as: Annotated[Text, Field(examples=["calling_plan"])] = ""
    caps: Annotated[list[CapBody], Field(max_length=MOST_CAPS, default_factory=list)]


class WhatIfBody(Strict):
    """A file that was brought, and what is tried on it; `currency` where its rows have several."""

    file: FileId
    scenarios: Annotated[list[ScenarioBody], Field(min_length=1, max_length=MOST_SCENARIOS)]
    currency: Currency = ""


class SwapAnswer(BaseModel):
    """As it was asked."""

    plan: str
    becomes: str
    country: str


class RuleAnswer(BaseModel):
    """As it was asked; the amounts are null where it is off, `cap_per_month` where nothing was said of it."""

    enabled: bool
    below: str | None
    add: str | None
    cap_per_month: str | None


class TriedCapAnswer(BaseModel):
    """As it was asked; `amount` is an amount or none."""

    scope: str
    id: str
    amount: str


class ScenarioAnswer(BaseModel):
    """As it was asked."""

    name: str
    plans: list[SwapAnswer]
    recharge: RuleAnswer | None
    balance: str | None
    deck: str
    agreement: str
    treat_as: str
    caps: list[TriedCapAnswer]


class TriedCategory(BaseModel):
    """What the calls of a category come to."""

    name: str
    calls: int
    billed_seconds: int
    amount: str


class TriedRecharge(BaseModel):
    """A recharge that would have been."""

    at: str | None
    amount: str
    balance_after: str


class TriedPool(BaseModel):
    """Included minutes of a plan in a month; `by_user`: the pools of its users together, `full` used up."""

    plan: str
    kind: str
    month: str
    owner: str
    by_user: bool
    pools: int
    full: int
    total_seconds: int | None
    used_seconds: int


class TriedDay(BaseModel):
    """The balance at the end of a day of the tenant's zone, and the least of that day."""

    day: str
    balance: str
    lowest: str


class FiguresAnswer(BaseModel):
    """What the usage comes to: money as decimal strings, time in seconds; null: the money never ran out.

    `recharges` are all, `recharged_at` names the first thousand. Long spans have a day for each month.
    """

    name: str
    deck: str
    deck_version: str
    sample: bool
    calls: int
    answered: int
    free_calls: int
    pool_only_calls: int
    paid_calls: int
    unrated_calls: int
    blocked_calls: int
    billed_seconds: int
    pool_seconds: int
    paid_seconds: int
    unrated_seconds: int
    blocked_seconds: int
    amount: str
    credits: str
    post_usage: str
    overdraft: str
    opening_balance: str
    closing_balance: str
    lowest_balance: str
    forfeited: str
    recharges: int
    recharged: str
    recharged_at: list[TriedRecharge]
    money_ran_out_at: str | None
    money_ran_out_on: str | None
    by_category: list[TriedCategory]
    pools: list[TriedPool]
    days: list[TriedDay]
    warnings: list[str]


class CategoryDifference(BaseModel):
    """The amount of a category less today's."""

    name: str
    amount: str


class DifferenceAnswer(BaseModel):
    """A scenario's figures less those of today's settings."""

    name: str
    amount: str
    credits: str
    post_usage: str
    overdraft: str
    pool_seconds: int
    paid_seconds: int
    unrated_seconds: int
    blocked_seconds: int
    pool_only_calls: int
    paid_calls: int
    unrated_calls: int
    blocked_calls: int
    recharges: int
    recharged: str
    closing_balance: str
    lowest_balance: str
    by_category: list[CategoryDifference]


class ComparedAnswer(BaseModel):
    """Today's settings, the scenarios in their order, and how each of them differs from today's.

    All sums were reconciled. `rows` are those that were charged.
    """

    currency: str
    time_zone: str
    rows: int
    rejected_rows: int
    duplicate_rows: int
    from_: str | None
    until: str | None
    today: FiguresAnswer
    scenarios: list[FiguresAnswer]
    differences: list[DifferenceAnswer]

    model_config = {"alias_generator": lambda name: name.rstrip("_"), "populate_by_name": True}


class WhatIfAnswer(BaseModel):
    """A question: waiting, running (`percent`), done (`result`) or failed (`error` says why)."""

    id: str
    file: str
    file_name: str
    currency: str
    scenarios: list[ScenarioAnswer]
    asked_by: str
    asked_at: str | None
    state: str
    percent: int
    done_at: str | None
    expires_at: str | None
    error: str
    result: ComparedAnswer | None


class WhatIfLine(BaseModel):
    """A question in the list, without its result."""

    id: str
    file_name: str
    names: list[str]
    asked_by: str
    asked_at: str | None
    state: str
    error: str


class WhatIfList(BaseModel):
    """A page of questions, newest first; `next` is the `cursor` of the next page, null on the last."""

    what_ifs: list[WhatIfLine]
    next: str | None


class PlanChoice(BaseModel):
    """A plan of the catalogue; `calling`: one that everybody can be put on. `holders` hold it now."""

    code: str
    name: str
    calling: bool
    holders: int


class DeckChoice(BaseModel):
    """A stored deck in the tenant's currency that this key may see."""

    version: str
    name: str
    sample: bool
    in_force: bool


class WhatIfChoices(BaseModel):
    """What scenarios can be made of, and what is so today; `agreement` "": no billing account.

    `countries` are those of users.
    """

    currency: str
    users: int
    plans: list[PlanChoice]
    decks: list[DeckChoice]
    agreements: list[str]
    treatments: list[str]
    balance: str
    recharge: RuleAnswer
    agreement: str
    countries: list[str]
    cost_centres: list[str]
