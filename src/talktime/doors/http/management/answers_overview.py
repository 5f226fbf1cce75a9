"""What the first page, the history of the credits and the movements answer; amounts are decimal strings."""

from __future__ import annotations

from pydantic import BaseModel

from talktime.doors.http.management.answers_money import RunwayAnswer


class ActionAnswer(BaseModel):
    """The one thing to do: the word on it, the name of its page (as notices have it), its address."""

    says: str
    page: str
    path: str


class AlertAnswer(BaseModel):
    """What somebody should act on: urgency now, soon or sometime. `action` null: the caller may not do it."""

    code: str
    urgency: str
    says: str
    since: str | None
    action: ActionAnswer | None


class AdviceAnswer(BaseModel):
    """What is advised about auto-recharge."""

    code: str
    says: str
    action: ActionAnswer | None


class RechargeBrief(BaseModel):
    """Auto-recharge in one sentence: `state` armed, off or paused; `why` where it is paused, else ""."""

    state: str
    says: str
    why: str
    since: str | None
    advice: AdviceAnswer | None


class StepAnswer(BaseModel):
    """A step of a new tenant's path: done, open or not_needed."""

    code: str
    title: str
    state: str
    says: str
    action: ActionAnswer | None


class PathAnswer(BaseModel):
    """The path of a new tenant; `ready` once no step of it is open."""

    ready: bool
    steps: list[StepAnswer]


class AtZeroAnswer(BaseModel):
    """Kinds of calls when the balance is 0; `backed`: post-usage takes what credits do not pay."""

    backed: bool
    goes_on: list[str]
    while_minutes_last: list[str]
    stops: list[str]


class SpendPaceAnswer(BaseModel):
    """What calls cost in the month until now, and on its `full_days` before today against the month before.

    `before_same`: on as many days of the month before, `before`: on all of it; `more_percent`: how much more
    was spent on the full days than on those, below 0 for less, null where nothing was. The month is that of
    the tenant's time zone; a call belongs to the day on which it started.
    """

    month: str
    full_days: int
    spent: str
    spent_full: str
    before_same: str
    before: str
    more_percent: int | None


class OverviewAnswer(BaseModel):
    """The first page. `spend` and `calls_in_progress` are null for those who may not see usage.

    `alerts`: the most urgent first. `reserved` is what calls in progress hold.
    """

    tenant: str
    name: str
    status: str
    time_zone: str
    currency: str
    balance: str
    available: str
    reserved: str
    overdraft: str
    mode: str
    mode_says: str
    runway_days: int | None
    runway: RunwayAnswer
    auto_recharge: RechargeBrief
    alerts: list[AlertAnswer]
    first_time: PathAnswer
    at_zero: AtZeroAnswer
    spend: SpendPaceAnswer | None
    calls_in_progress: int | None


class CreditsDay(BaseModel):
    """A local day: what came in by kind, what calls took (corrections given back), what expired, all else
    (below 0 where it took more than it gave), and the balance at its end.
    """

    day: str
    purchase: str
    recharge: str
    on_behalf: str
    paid: str
    expired: str
    other: str
    balance: str


class ForecastDay(BaseModel):
    """The balance at the end of a day to come: what is expected, and the edges of 8 of 10 cases."""

    day: str
    high: str
    low: str
    expected: str


class CreditsHistory(BaseModel):
    """The balance over time, oldest day first; today, the last, is not over.

    `start` and the sums of the days make `balance`, the wallet's: `reconciled` is never false, since what
    does not agree is refused. `forecast` ends on the day on which nothing is left, or after a year; empty
    where no end is in sight.
    """

    currency: str
    start: str
    days: list[CreditsDay]
    balance: str
    reconciled: bool
    runway: RunwayAnswer
    forecast: list[ForecastDay]


class MovementAnswer(BaseModel):
    """What changed the balance, and the balance after it.

    `calls`: the calls between two other movements of a day. `first_entry` and `last_entry` are numbers of the
    journal; `lot` and `reference` null where there are none.
    """

    at: str | None
    kind: str
    amount: str
    balance: str
    lot: int | None
    reference: str | None
    first_entry: int
    last_entry: int


class MovementList(BaseModel):
    """A page of movements, newest first; `next` is the `cursor` of the next page, null on the last."""

    currency: str
    movements: list[MovementAnswer]
    next: str | None
