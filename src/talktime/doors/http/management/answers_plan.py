"""What the routes of the planner take and answer; a plan has the names of `talktime plan --json`."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import BaseModel, Field

from talktime.core.forecast import MOST_MONTHS_AHEAD
from talktime.doors.http.management.answers_what_if import Currency, FileId
from talktime.doors.http.management.texts import Amount, Code, Strict

MOST_FILES: Final = 12
MOST_PRICES: Final = 200
LONGEST_LEAD_H: Final = 720


Confidence = Literal["80", "90", "95", "99", "99.9"]
CONFIDENCES: Final[tuple[str, ...]] = get_args(Confidence)


class PlanBody(Strict):
    """One or more files that were brought, as one usage; `currency` where their rows have several.

    `confidence_percent`: in so many of 100 cases what is bought is enough. `lead_hours`: how long a recharge
    may take. `payments_a_month`: at most so many. `prices`: plan -> a licence's price a month in the
    tenant's currency, for plans whose sample price is not yours.
    """

    files: Annotated[list[FileId], Field(min_length=1, max_length=MOST_FILES)]
    confidence_percent: Confidence = "95"
    lead_hours: Annotated[int, Field(ge=1, le=LONGEST_LEAD_H)] = 24
    payments_a_month: Annotated[int, Field(ge=1, le=31)] = 4
    months_ahead: Annotated[int, Field(ge=1, le=MOST_MONTHS_AHEAD)] = 12
    prices: Annotated[dict[Code, Amount], Field(max_length=MOST_PRICES, default_factory=dict)]
    currency: Currency = ""


class PlanSettingsShown(BaseModel):
    """As it was asked."""

    confidence_percent: str
    lead_hours: int
    payments_a_month: int
    months_ahead: int


class PlanSaid(BaseModel):
    """A statement on the usage or an answer; `weight`: good, note, caution or cannot."""

    weight: str
    about: str
    text: str


class PlanCall(BaseModel):
    """A call behind a figure; `to` is the called number."""

    call: str
    at: str
    user: str
    to: str
    country: str
    billed_seconds: int
    pool_seconds: int
    paid_seconds: int
    amount: str


class PlanPaidLine(BaseModel):
    """What the calls of one key come to; `others`: so many keys together. `dearest`: some calls behind it."""

    key: str
    calls: int
    billed_seconds: int
    pool_seconds: int
    paid_seconds: int
    amount: str
    dearest: list[PlanCall]
    others: int


class PlanVendorCheck(BaseModel):
    """Charges that stand in the file beside ours; `differing` calls differ."""

    calls: int
    file: str
    ours: str
    differing: int
    examples: list[PlanCall]


class PlanPaid(BaseModel):
    """What the usage comes to today.

    `by`: category, country, user, cost_centre, service_number, month; the lines of each add up.
    """

    calls: int
    answered: int
    billed_seconds: int
    free_seconds: int
    pool_seconds: int
    paid_seconds: int
    unrated_calls: int
    blocked_calls: int
    amount: str
    by: dict[str, list[PlanPaidLine]]
    blocked: dict[str, int]
    vendor: PlanVendorCheck | None


class PlanPoolUser(BaseModel):
    """Who used a pool."""

    user: str
    used_seconds: int


class PlanPool(BaseModel):
    """Included minutes of a month; `full_at` null: never used up. `beyond_*`: what came after that."""

    plan: str
    kind: str
    owner: str
    month: str
    size_seconds: int | None
    used_seconds: int
    full_at: str | None
    full_day: str
    beyond_calls: int
    beyond_seconds: int
    beyond_amount: str
    top: list[PlanPoolUser]


class PlanPools(BaseModel):
    """Pools of more than one user, month by month; those of single users are counted."""

    pools: list[PlanPool]
    single: int
    single_full: int
    says: list[str]


class PlanMonth(BaseModel):
    """What a month to come is expected to cost, with the edges of its band."""

    month: str
    low: str
    expected: str
    high: str


class PlanBalance(BaseModel):
    """The balance at the end of a day to come without another purchase."""

    day: str
    low: str
    expected: str
    high: str


class PlanOutlook(BaseModel):
    """The forecast; `growth_percent` null: none is certain; `lasts_*_days` null: no end in three years."""

    confidence_percent: str
    from_day: str
    days: int
    left_out: list[str]
    growth_percent: str | None
    a_week: str
    months: list[PlanMonth]
    balance: str | None
    lasts_low_days: int | None
    lasts_expected_days: int | None
    lasts_high_days: int | None
    course: list[PlanBalance]
    says: list[str]


class PlanTested(BaseModel):
    """The forecast tested on the past: what it said of a month before that month, and what came."""

    what: str
    low: str
    expected: str
    high: str
    actual: str
    error_percent: str | None
    inside: bool


class PlanOneTime(BaseModel):
    """An amount that pays all calls of so many months with confidence."""

    months: int
    amount: str
    expected: str
    forfeited: str


class PlanRecharge(BaseModel):
    """A rule of auto-recharge; `payments` and `forfeited` of a year, `idle` lies there on average."""

    below: str
    add: str
    payments: int
    idle: str
    forfeited: str
    best: bool


class PlanRuleTried(BaseModel):
    """A rule replayed on the usage, call by call."""

    below: str
    add: str
    opening: str
    blocked_calls: int
    recharges: int
    recharged: str
    lowest_balance: str
    idle: str


class PlanBuy(BaseModel):
    """What to buy; `dearest`: the most within `lead_hours`, `held`: the most that calls in progress held.

    `holds`: whether calls are kept from being blocked by it; where not, `says` tells why.
    """

    confidence_percent: str
    lead_hours: int
    dearest: str
    dearest_at: str
    held: str
    one_time: list[PlanOneTime]
    choices: list[PlanRecharge]
    tried: PlanRuleTried | None
    says: list[str]
    holds: bool


class PlanNeed(BaseModel):
    """Whether credits are needed at all; `answer` null: the usage cannot tell."""

    answer: bool | None
    says: list[str]


class PlanMixOption(BaseModel):
    """Plans that are held together, their price a month, and how many hold them now and in the best mix."""

    plans: list[str]
    name: str
    price: str | None
    now: int
    best: int


class PlanMixGroup(BaseModel):
    """Users who share pools. No mix can cost less than `bound`; `gap_percent`: above it at most."""

    family: str
    owner: str
    users: int
    now: str
    best: str
    bound: str
    exact: bool
    gap_percent: str
    options: list[PlanMixOption]


class PlanMixChange(BaseModel):
    """A user who should hold other plans, and why."""

    user: str
    owner: str
    was: list[str]
    becomes: list[str]
    calls: int
    a_month_seconds: int
    why: str


class PlanMix(BaseModel):
    """Which plan for whom; money of all `months`. `sample`: the licence prices are made up."""

    months: list[str]
    prices: str
    sample: bool
    groups: list[PlanMixGroup]
    changes: list[PlanMixChange]
    licences_now: str
    licences_best: str
    calls_now: str
    calls_best: str
    says: list[str]


class PlanCarriers(BaseModel):
    """What calls of the customer's own operator would cost here, with today's licences and `without`.

    `displaced`: what other calls would then cost more, since both use the same included minutes.
    """

    calls: int
    answered: int
    billed_seconds: int
    pool_seconds: int
    amount: str
    without: str
    displaced: str
    unrated_calls: int
    months: int
    by_country: list[PlanPaidLine]
    says: list[str]


class PlanDocument(BaseModel):
    """The whole answer; a part is null where it cannot be given, and `said` tells why.

    Money as decimal strings, time in seconds, percentages as decimal strings.
    """

    tenant: str
    currency: str
    time_zone: str
    deck: str
    deck_version: str
    sample: bool
    settings: PlanSettingsShown
    formats: list[str]
    rows: int
    rejected_rows: int
    duplicate_rows: int
    from_: str
    until: str
    months: list[str]
    full_months: list[str]
    said: list[PlanSaid]
    paid: PlanPaid
    pools: PlanPools
    outlook: PlanOutlook | None
    tested: list[PlanTested]
    need: PlanNeed
    buy: PlanBuy | None
    mix: PlanMix | None
    carriers: PlanCarriers | None

    model_config = {"alias_generator": lambda name: name.rstrip("_"), "populate_by_name": True}


class PlanFile(BaseModel):
    """A file of usage that the plan is made from; it may be gone."""

    id: str
    name: str


class PlanAnswer(BaseModel):
    """A question to the planner: waiting, running (`percent`), done (`result`) or failed (`error` says why).

    `conclusions`: the answer in a few sentences, most important first. `names`: users stand in it by name;
    otherwise a word stands for each, in this answer alone.
    """

    id: str
    files: list[PlanFile]
    currency: str
    settings: PlanSettingsShown
    prices: dict[str, str]
    asked_by: str
    asked_at: str | None
    state: str
    percent: int
    done_at: str | None
    expires_at: str | None
    error: str
    names: bool
    conclusions: list[str]
    result: PlanDocument | None


class PlanLine(BaseModel):
    """A question in the list, without its result."""

    id: str
    files: list[PlanFile]
    asked_by: str
    asked_at: str | None
    state: str
    error: str


class PlanList(BaseModel):
    """A page of questions, newest first; `next` is the `cursor` of the next page, null on the last."""

    plans: list[PlanLine]
    next: str | None


class PlanPriceAnswer(BaseModel):
    """A plan that users may hold; `price` a month of the sample, null where it has none in this currency."""

    code: str
    name: str
    holders: int
    price: str | None


class PlanChoicesAnswer(BaseModel):
    """What can be chosen for a tenant; `sample`: the prices are made up."""

    currency: str
    confidences: list[str]
    sample: bool
    prices: list[PlanPriceAnswer]
