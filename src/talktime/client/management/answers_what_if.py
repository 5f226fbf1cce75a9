"""What the routes of "What if" answer; figures have the names of `talktime rate --json`."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec


class UsageFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A row that was set aside, with its line; a warning about the whole file has none."""

    line: int | None
    text: str


class UsageFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of usage that was brought; `name` as people call it. It is removed at `expires_at`."""

    id: str
    name: str
    bytes: int
    formats: tuple[str, ...]
    rows: int
    rejected_rows: int
    from_: datetime | None = msgspec.field(name="from")
    until: datetime | None
    currencies: tuple[str, ...]
    findings: tuple[UsageFinding, ...]
    brought_by: str
    brought_at: datetime | None
    expires_at: datetime | None


class TriedSwap(msgspec.Struct, frozen=True, kw_only=True):
    """Holders of `plan` ("": every user) get `becomes` ("": none); with `country` those located there."""

    plan: str
    becomes: str
    country: str


class TriedRule(msgspec.Struct, frozen=True, kw_only=True):
    """Auto-recharge as it is tried; the amounts are None where it is off.

    `cap_per_month`: an amount, "none", or None for the tenant's own cap.
    """

    enabled: bool
    below: Decimal | None
    add: Decimal | None
    cap_per_month: str | None


class TriedCap(msgspec.Struct, frozen=True, kw_only=True):
    """A spend cap as it was asked; `amount` is an amount or "none"."""

    scope: str
    id: str
    amount: str


class TriedScenario(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario as it was asked."""

    name: str
    plans: tuple[TriedSwap, ...]
    recharge: TriedRule | None
    balance: Decimal | None
    deck: str
    agreement: str
    treat_as: str
    caps: tuple[TriedCap, ...]


class TriedCategory(msgspec.Struct, frozen=True, kw_only=True):
    """What the calls of a category come to."""

    name: str
    calls: int
    billed_seconds: int
    amount: Decimal


class TriedRecharge(msgspec.Struct, frozen=True, kw_only=True):
    """A recharge that would have been."""

    at: datetime | None
    amount: Decimal
    balance_after: Decimal


class TriedPool(msgspec.Struct, frozen=True, kw_only=True):
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


class TriedDay(msgspec.Struct, frozen=True, kw_only=True):
    """The balance at the end of a day of the tenant's zone, and the least of that day."""

    day: str
    balance: Decimal
    lowest: Decimal


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What the usage comes to in one scenario; `money_ran_out_at` None: it never did."""

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
    amount: Decimal
    credits: Decimal
    post_usage: Decimal
    overdraft: Decimal
    opening_balance: Decimal
    closing_balance: Decimal
    lowest_balance: Decimal
    forfeited: Decimal
    recharges: int
    recharged: Decimal
    recharged_at: tuple[TriedRecharge, ...]
    money_ran_out_at: datetime | None
    money_ran_out_on: str | None
    by_category: tuple[TriedCategory, ...]
    pools: tuple[TriedPool, ...]
    days: tuple[TriedDay, ...]
    warnings: tuple[str, ...]


class CategoryDifference(msgspec.Struct, frozen=True, kw_only=True):
    """The amount of a category less today's."""

    name: str
    amount: Decimal


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario's figures less those of today's settings."""

    name: str
    amount: Decimal
    credits: Decimal
    post_usage: Decimal
    overdraft: Decimal
    pool_seconds: int
    paid_seconds: int
    unrated_seconds: int
    blocked_seconds: int
    pool_only_calls: int
    paid_calls: int
    unrated_calls: int
    blocked_calls: int
    recharges: int
    recharged: Decimal
    closing_balance: Decimal
    lowest_balance: Decimal
    by_category: tuple[CategoryDifference, ...]


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """Today's settings, the scenarios in their order, and how each of them differs from today's."""

    currency: str
    time_zone: str
    rows: int
    rejected_rows: int
    duplicate_rows: int
    from_: datetime | None = msgspec.field(name="from")
    until: datetime | None
    today: Figures
    scenarios: tuple[Figures, ...]
    differences: tuple[Difference, ...]


class WhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """A question: waiting, running (`percent`), done (`result`) or failed (`error` says why)."""

    id: str
    file: str
    file_name: str
    currency: str
    scenarios: tuple[TriedScenario, ...]
    asked_by: str
    asked_at: datetime | None
    state: str
    percent: int
    done_at: datetime | None
    expires_at: datetime | None
    error: str
    result: Compared | None


class WhatIfLine(msgspec.Struct, frozen=True, kw_only=True):
    """A question in the list, without its result."""

    id: str
    file_name: str
    names: tuple[str, ...]
    asked_by: str
    asked_at: datetime | None
    state: str
    error: str


class PlanChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A plan of the catalogue; `calling`: one that everybody can be put on. `holders` hold it now."""

    code: str
    name: str
    calling: bool
    holders: int


class DeckChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A stored deck in the tenant's currency."""

    version: str
    name: str
    sample: bool
    in_force: bool


class WhatIfChoices(msgspec.Struct, frozen=True, kw_only=True):
    """What scenarios can be made of, and what is so today; `agreement` "": no billing account."""

    currency: str
    users: int
    plans: tuple[PlanChoice, ...]
    decks: tuple[DeckChoice, ...]
    agreements: tuple[str, ...]
    treatments: tuple[str, ...]
    balance: Decimal
    recharge: TriedRule
    agreement: str
    countries: tuple[str, ...]
    cost_centres: tuple[str, ...]
