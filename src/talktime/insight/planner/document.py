"""What the planner says, as it is kept, shown and printed: one document of figures with their reasons.

Money is in micros, time in seconds, instants in us since 1970, days and months as ISO text of the tenant's
zone. Users stand in it by name: whoever shows it leaves names out for eyes that may not see them.
"""

from __future__ import annotations

from typing import Final

import msgspec

GOOD: Final = "good"
NOTE: Final = "note"
CAUTION: Final = "caution"
CANNOT: Final = "cannot"
"""How much weight a statement has: fine, to know, figures are less sure, a question cannot be answered."""


class Said(msgspec.Struct, frozen=True):
    """A statement on usage or an answer; `about` usage, prices, forecast, buy, plans, pools, carriers.

    `users`: whom the text names that the tenant does not know, for whoever leaves names out.
    """

    weight: str
    about: str
    text: str
    users: tuple[str, ...] = ()


class CallBehind(msgspec.Struct, frozen=True):
    """A call behind a figure, as the report of the run has it; `to` is the called number."""

    call: str
    at_us: int
    user: str
    to: str
    country: str
    billed_s: int
    pool_s: int
    paid_s: int
    amount: int


class PaidLine(msgspec.Struct, frozen=True):
    """What the calls of one category, country, user... come to; `key` "" where a call has none.

    `dearest`: a few calls behind it, dearest first. `others`: so many keys together in the last line.
    """

    key: str
    calls: int
    billed_s: int
    pool_s: int
    paid_s: int
    amount: int
    dearest: tuple[CallBehind, ...] = ()
    others: int = 0


class VendorCheck(msgspec.Struct, frozen=True):
    """The charges that stand in the file (a ledger's own export: what the ledger charged) beside ours.

    Only rows with a charge in the tenant's currency count. `differing` calls differ by `file` less `ours`.
    """

    calls: int
    file: int
    ours: int
    differing: int
    examples: tuple[CallBehind, ...]


class Paid(msgspec.Struct, frozen=True, kw_only=True):
    """What the usage comes to under today's settings, money being there: figures and their lines.

    `by`: category, country, user, cost_centre, service_number, month; the lines of each add up to `amount`.
    """

    calls: int
    answered: int
    billed_s: int
    free_s: int
    pool_s: int
    paid_s: int
    unrated_calls: int
    blocked_calls: int
    amount: int
    by: dict[str, tuple[PaidLine, ...]]
    blocked: dict[str, int]
    """Reason -> calls."""
    vendor: VendorCheck | None = None


class PoolFound(msgspec.Struct, frozen=True, kw_only=True):
    """Included minutes of a month. `full_us`: when they were used up, None: never; `size_s` None: no limit.

    `beyond_*`: calls charged from then on which the pool would have paid. `top`: (user, seconds).
    """

    plan: str
    kind: str
    owner: str
    month: str
    size_s: int | None
    used_s: int
    full_us: int | None
    full_day: str
    beyond_calls: int
    beyond_s: int
    beyond_amount: int
    top: tuple[tuple[str, int], ...]


class Pools(msgspec.Struct, frozen=True, kw_only=True):
    """Pools of several users, each month; those of single users counted together. `says`: findings."""

    pools: tuple[PoolFound, ...]
    single: int
    single_full: int
    says: tuple[str, ...]


class MonthBand(msgspec.Struct, frozen=True):
    """What a month to come is expected to cost: not below `low`, not above `high`, each with confidence."""

    month: str
    low: int
    expected: int
    high: int


class BalanceBand(msgspec.Struct, frozen=True):
    """The balance at the end of a day to come without another purchase; what expires is gone."""

    day: str
    low: int
    expected: int
    high: int


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """The forecast by `days` that count, beside those `left_out`; growth in hundredths of a percent.

    `growth` None: no growth is certain. `lasts_*`: full days that the balance lasts, None for no end within
    three years; `lasts_low` is the cautious edge. `says`: what it rests on, in words.
    """

    confidence: int
    from_day: str
    days: int
    left_out: tuple[str, ...]
    growth: int | None
    a_week: int
    months: tuple[MonthBand, ...]
    balance: int | None
    lasts_low: int | None
    lasts_expected: int | None
    lasts_high: int | None
    course: tuple[BalanceBand, ...]
    says: tuple[str, ...]


class TestedLine(msgspec.Struct, frozen=True):
    """The forecast tested: made from what came before `what`. `error`: hundredths of a percent."""

    what: str
    low: int
    expected: int
    high: int
    actual: int
    error: int | None
    inside: bool


class OneTime(msgspec.Struct, frozen=True):
    """An amount that pays all calls of so many months with confidence; `forfeited`: expected to expire."""

    months: int
    amount: int
    expected: int
    forfeited: int


class RechargeChoice(msgspec.Struct, frozen=True):
    """A rule of auto-recharge. `payments`: expected in a year; `idle`: money that lies on average.

    `forfeited`: what is expected to expire in a year.
    """

    below: int
    add: int
    payments: int
    idle: int
    forfeited: int
    best: bool


class RuleTried(msgspec.Struct, frozen=True):
    """A rule replayed on the usage itself, call by call, from `opening` on."""

    below: int
    add: int
    opening: int
    blocked_calls: int
    recharges: int
    recharged: int
    lowest_balance: int
    idle: int


class Buy(msgspec.Struct, frozen=True, kw_only=True):
    """What to buy so that no call is blocked with confidence (per mille).

    `dearest`: the most that calls cost within `lead_hours`, and when it began; `held`: the most that calls
    in progress held at once. `one_time` by months; `choices` of rules, one of them the best. `holds`: whether
    calls are kept from being blocked by it; its own limits may not let it, then `says` tells which.
    """

    confidence: int
    lead_hours: int
    dearest: int
    dearest_us: int
    held: int
    one_time: tuple[OneTime, ...]
    choices: tuple[RechargeChoice, ...]
    tried: RuleTried | None
    says: tuple[str, ...]
    holds: bool = True


class Need(msgspec.Struct, frozen=True):
    """Whether credits are needed at all; `answer` None where the usage cannot tell."""

    answer: bool | None
    says: tuple[str, ...]


class MixOption(msgspec.Struct, frozen=True):
    """What a user may hold: plans together, their price a month, how many hold it now and in the best mix."""

    plans: tuple[str, ...]
    name: str
    price: int | None
    now: int
    best: int


class MixGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Users who choose among the same options and share pools. Costs are licences and calls of all months.

    `bound`: no mix can cost less; `exact`: the best mix is proven to be the best. `gap`: how far at most the
    best mix is above the best possible, in hundredths of a percent, rounded up.
    """

    family: str
    owner: str
    users: int
    now: int
    best: int
    bound: int
    exact: bool
    gap: int
    options: tuple[MixOption, ...]


class MixChange(msgspec.Struct, frozen=True):
    """A user who should hold other plans, and why; seconds a month on average."""

    user: str
    owner: str
    was: tuple[str, ...]
    becomes: tuple[str, ...]
    calls: int
    a_month_s: int
    why: str


class Mix(msgspec.Struct, frozen=True, kw_only=True):
    """Which plan for whom. Money of all `months`; the engine charges the calls with today's and the best mix.

    `prices` names the list of licence prices; `sample`: they are made up.
    """

    months: tuple[str, ...]
    prices: str
    sample: bool
    groups: tuple[MixGroup, ...]
    changes: tuple[MixChange, ...]
    licences_now: int
    licences_best: int
    calls_now: int
    calls_best: int
    says: tuple[str, ...]


class Carriers(msgspec.Struct, frozen=True, kw_only=True):
    """What calls of the customer's own operator would cost here, without and with the plans of today.

    `amount` with the licences of today, `without` with none; `displaced`: what other calls would then cost
    more, since the moved ones use the same included minutes. `by_country` dearest first.
    """

    calls: int
    answered: int
    billed_s: int
    pool_s: int
    amount: int
    without: int
    displaced: int = 0
    unrated_calls: int
    months: int
    by_country: tuple[PaidLine, ...]
    says: tuple[str, ...]


class PlanSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What one may choose: confidence per mille, hours that a recharge may take, payments a month at most.

    `months_ahead`: how far amounts and forecast look.
    """

    confidence: int = 950
    lead_hours: int = 24
    payments_a_month: int = 4
    months_ahead: int = 12


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer; a part is None where it cannot be given, and `said` tells why."""

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
    from_us: int
    until_us: int
    months: tuple[str, ...]
    full_months: tuple[str, ...]
    said: tuple[Said, ...]
    paid: Paid
    pools: Pools
    outlook: Outlook | None
    tested: tuple[TestedLine, ...]
    need: Need
    buy: Buy | None
    mix: Mix | None
    carriers: Carriers | None
