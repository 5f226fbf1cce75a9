"""The first page, the balance over time and the movements as they are answered.

Amounts are Decimal, instants aware datetimes; fields that a later service adds are passed over.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from talktime.client.management.answers_money import Runway


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """The one thing to do: the word on it, the name of its page, its address."""

    says: str
    page: str
    path: str


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody should act on: urgency now, soon or sometime. `action` None: the caller may not do it."""

    code: str
    urgency: str
    says: str
    since: datetime | None
    action: Action | None


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """What is advised about auto-recharge."""

    code: str
    says: str
    action: Action | None


class RechargeBrief(msgspec.Struct, frozen=True, kw_only=True):
    """Auto-recharge in one sentence: `state` armed, off or paused; `why` where it is paused, else ""."""

    state: str
    says: str
    why: str
    since: datetime | None
    advice: Advice | None


class PathStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a new tenant's path: done, open or not_needed."""

    code: str
    title: str
    state: str
    says: str
    action: Action | None


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """The path of a new tenant; `ready` once no step of it is open."""

    ready: bool
    steps: tuple[PathStep, ...]


class AtZero(msgspec.Struct, frozen=True, kw_only=True):
    """Kinds of calls when the balance is 0; `backed`: post-usage takes what credits do not pay."""

    backed: bool
    goes_on: tuple[str, ...]
    while_minutes_last: tuple[str, ...]
    stops: tuple[str, ...]


class SpendPace(msgspec.Struct, frozen=True, kw_only=True):
    """What calls cost in the month until now, and on its `full_days` before today against the month before.

    `before_same`: on as many days of the month before, `before`: on all of it; `more_percent`: how much more
    was spent on the full days than on those, below 0 for less, None where nothing was.
    """

    month: str
    full_days: int
    spent: Decimal
    spent_full: Decimal
    before_same: Decimal
    before: Decimal
    more_percent: int | None


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """The first page. `spend` and `calls_in_progress` are None for those who may not see usage.

    `alerts`: the most urgent first. `reserved` is what calls in progress hold.
    """

    tenant: str
    name: str
    status: str
    time_zone: str
    currency: str
    balance: Decimal
    available: Decimal
    reserved: Decimal
    overdraft: Decimal
    mode: str
    mode_says: str
    runway_days: int | None
    runway: Runway
    auto_recharge: RechargeBrief
    alerts: tuple[Alert, ...]
    first_time: Path
    at_zero: AtZero
    spend: SpendPace | None
    calls_in_progress: int | None


class CreditsDay(msgspec.Struct, frozen=True, kw_only=True):
    """A local day: what came in by kind, was paid and expired, all else, and the balance at its end."""

    day: str
    purchase: Decimal
    recharge: Decimal
    on_behalf: Decimal
    paid: Decimal
    expired: Decimal
    other: Decimal
    balance: Decimal


class ForecastDay(msgspec.Struct, frozen=True, kw_only=True):
    """The balance at the end of a day to come: what is expected, and the edges of 8 of 10 cases."""

    day: str
    high: Decimal
    low: Decimal
    expected: Decimal


class CreditsHistory(msgspec.Struct, frozen=True, kw_only=True):
    """The balance over time, oldest day first; `start` and the sums of the days make `balance`."""

    currency: str
    start: Decimal
    days: tuple[CreditsDay, ...]
    balance: Decimal
    reconciled: bool
    runway: Runway
    forecast: tuple[ForecastDay, ...]


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """What changed the balance, and the balance after it; `calls` are those of a day together.

    `first_entry` and `last_entry` are numbers of the journal.
    """

    at: datetime | None
    kind: str
    amount: Decimal
    balance: Decimal
    lot: int | None
    reference: str | None
    first_entry: int
    last_entry: int
