"""What the routes of the planner answer; a plan has the names of `talktime plan --json`."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec


class PlanSettings(msgspec.Struct, frozen=True, kw_only=True):
    """As it was asked."""

    confidence_percent: Decimal
    lead_hours: int
    payments_a_month: int
    months_ahead: int


class PlanSaid(msgspec.Struct, frozen=True, kw_only=True):
    """A statement on the usage or an answer; `weight`: good, note, caution or cannot."""

    weight: str
    about: str
    text: str


class PlanCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call behind a figure; `to` is the called number."""

    call: str
    at: datetime
    user: str
    to: str
    country: str
    billed_seconds: int
    pool_seconds: int
    paid_seconds: int
    amount: Decimal


class PlanPaidLine(msgspec.Struct, frozen=True, kw_only=True):
    """What the calls of one key come to; `others`: so many keys together. `dearest`: some calls behind it."""

    key: str
    calls: int
    billed_seconds: int
    pool_seconds: int
    paid_seconds: int
    amount: Decimal
    dearest: tuple[PlanCall, ...]
    others: int


class PlanVendorCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Charges that stand in the file beside ours; `differing` calls differ."""

    calls: int
    file: Decimal
    ours: Decimal
    differing: int
    examples: tuple[PlanCall, ...]


class PlanPaid(msgspec.Struct, frozen=True, kw_only=True):
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
    amount: Decimal
    by: dict[str, tuple[PlanPaidLine, ...]]
    blocked: dict[str, int]
    vendor: PlanVendorCheck | None


class PlanPoolUser(msgspec.Struct, frozen=True, kw_only=True):
    """Who used a pool."""

    user: str
    used_seconds: int


class PlanPool(msgspec.Struct, frozen=True, kw_only=True):
    """Included minutes of a month; `full_at` None: never used up. `beyond_*`: what came after that."""

    plan: str
    kind: str
    owner: str
    month: str
    size_seconds: int | None
    used_seconds: int
    full_at: datetime | None
    full_day: str
    beyond_calls: int
    beyond_seconds: int
    beyond_amount: Decimal
    top: tuple[PlanPoolUser, ...]


class PlanPools(msgspec.Struct, frozen=True, kw_only=True):
    """Pools of more than one user, month by month; those of single users are counted."""

    pools: tuple[PlanPool, ...]
    single: int
    single_full: int
    says: tuple[str, ...]


class PlanMonth(msgspec.Struct, frozen=True, kw_only=True):
    """What a month to come is expected to cost, with the edges of its band."""

    month: str
    low: Decimal
    expected: Decimal
    high: Decimal


class PlanBalance(msgspec.Struct, frozen=True, kw_only=True):
    """The balance at the end of a day to come without another purchase."""

    day: str
    low: Decimal
    expected: Decimal
    high: Decimal


class PlanOutlook(msgspec.Struct, frozen=True, kw_only=True):
    """The forecast; `growth_percent` None: none is certain; `lasts_*_days` None: no end in three years."""

    confidence_percent: Decimal
    from_day: str
    days: int
    left_out: tuple[str, ...]
    growth_percent: Decimal | None
    a_week: Decimal
    months: tuple[PlanMonth, ...]
    balance: Decimal | None
    lasts_low_days: int | None
    lasts_expected_days: int | None
    lasts_high_days: int | None
    course: tuple[PlanBalance, ...]
    says: tuple[str, ...]


class PlanTested(msgspec.Struct, frozen=True, kw_only=True):
    """The forecast tested on the past: what it said of a month before that month, and what came."""

    what: str
    low: Decimal
    expected: Decimal
    high: Decimal
    actual: Decimal
    error_percent: Decimal | None
    inside: bool


class PlanOneTime(msgspec.Struct, frozen=True, kw_only=True):
    """An amount that pays all calls of so many months with confidence."""

    months: int
    amount: Decimal
    expected: Decimal
    forfeited: Decimal


class PlanRecharge(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of auto-recharge; `payments` and `forfeited` of a year, `idle` lies there on average."""

    below: Decimal
    add: Decimal
    payments: int
    idle: Decimal
    forfeited: Decimal
    best: bool


class PlanRuleTried(msgspec.Struct, frozen=True, kw_only=True):
    """A rule replayed on the usage, call by call."""

    below: Decimal
    add: Decimal
    opening: Decimal
    blocked_calls: int
    recharges: int
    recharged: Decimal
    lowest_balance: Decimal
    idle: Decimal


class PlanBuy(msgspec.Struct, frozen=True, kw_only=True):
    """What to buy; `dearest`: the most within `lead_hours`, `held`: the most that calls in progress held.

    `holds`: whether calls are kept from being blocked by it; where not, `says` tells why.
    """

    confidence_percent: Decimal
    lead_hours: int
    dearest: Decimal
    dearest_at: datetime
    held: Decimal
    one_time: tuple[PlanOneTime, ...]
    choices: tuple[PlanRecharge, ...]
    tried: PlanRuleTried | None
    says: tuple[str, ...]
    holds: bool


class PlanNeed(msgspec.Struct, frozen=True, kw_only=True):
    """Whether credits are needed at all; `answer` None: the usage cannot tell."""

    answer: bool | None
    says: tuple[str, ...]


class PlanMixOption(msgspec.Struct, frozen=True, kw_only=True):
    """Plans that are held together, their price a month, and how many hold them now and in the best mix."""

    plans: tuple[str, ...]
    name: str
    price: Decimal | None
    now: int
    best: int


class PlanMixGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Users who share pools. No mix can cost less than `bound`; `gap_percent`: above it at most."""

    family: str
    owner: str
    users: int
    now: Decimal
    best: Decimal
    bound: Decimal
    exact: bool
    gap_percent: Decimal
    options: tuple[PlanMixOption, ...]


class PlanMixChange(msgspec.Struct, frozen=True, kw_only=True):
    """A user who should hold other plans, and why."""

    user: str
    owner: str
    was: tuple[str, ...]
    becomes: tuple[str, ...]
    calls: int
    a_month_seconds: int
    why: str


class PlanMix(msgspec.Struct, frozen=True, kw_only=True):
    """Which plan for whom; money of all `months`. `sample`: the licence prices are made up."""

    months: tuple[str, ...]
    prices: str
    sample: bool
    groups: tuple[PlanMixGroup, ...]
    changes: tuple[PlanMixChange, ...]
    licences_now: Decimal
    licences_best: Decimal
    calls_now: Decimal
    calls_best: Decimal
    says: tuple[str, ...]


class PlanCarriers(msgspec.Struct, frozen=True, kw_only=True):
    """What calls of the customer's own operator would cost here, with today's licences and `without`.

    `displaced`: what other calls would then cost more, since both use the same included minutes.
    """

    calls: int
    answered: int
    billed_seconds: int
    pool_seconds: int
    amount: Decimal
    without: Decimal
    displaced: Decimal
    unrated_calls: int
    months: int
    by_country: tuple[PlanPaidLine, ...]
    says: tuple[str, ...]


class PlanDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer; a part is None where it cannot be given, and `said` tells why.

    Money as decimal strings, time in seconds, percentages as decimal strings.
    """

    tenant: str
    currency: str
    time_zone: str
    deck: str
    deck_version: str
    sample: bool
    settings: PlanSettings
    formats: tuple[str, ...]
    rows: int
    rejected_rows: int
    duplicate_rows: int
    from_: datetime = msgspec.field(name="from")
    until: datetime
    months: tuple[str, ...]
    full_months: tuple[str, ...]
    said: tuple[PlanSaid, ...]
    paid: PlanPaid
    pools: PlanPools
    outlook: PlanOutlook | None
    tested: tuple[PlanTested, ...]
    need: PlanNeed
    buy: PlanBuy | None
    mix: PlanMix | None
    carriers: PlanCarriers | None


class PlanFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of usage that the plan is made from; it may be gone."""

    id: str
    name: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A question to the planner: waiting, running (`percent`), done (`result`) or failed (`error` says why).

    `conclusions`: the answer in a few sentences, most important first. `names`: users stand in it by name;
    otherwise a word stands for each, in this answer alone.
    """

    id: str
    files: tuple[PlanFile, ...]
    currency: str
    settings: PlanSettings
    prices: dict[str, Decimal]
    asked_by: str
    asked_at: datetime | None
    state: str
    percent: int
    done_at: datetime | None
    expires_at: datetime | None
    error: str
    names: bool
    conclusions: tuple[str, ...]
    result: PlanDocument | None


class PlanLine(msgspec.Struct, frozen=True, kw_only=True):
    """A question in the list, without its result."""

    id: str
    files: tuple[PlanFile, ...]
    asked_by: str
    asked_at: datetime | None
    state: str
    error: str


class PlanPrice(msgspec.Struct, frozen=True, kw_only=True):
    """A plan that users may hold; `price` a month of the sample, None where it has none in this currency."""

    code: str
    name: str
    holders: int
    price: Decimal | None


class PlanChoices(msgspec.Struct, frozen=True, kw_only=True):
    """What can be chosen for a tenant; `sample`: the prices are made up."""

    currency: str
    confidences: tuple[Decimal, ...]
    sample: bool
    prices: tuple[PlanPrice, ...]
