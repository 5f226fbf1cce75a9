"""The figures of "What if": today's settings and scenarios side by side, as they are kept and shown.

Money is in micros, time in seconds, instants are us since 1970. Nobody is named in them.
"""

from __future__ import annotations

from typing import Final

import msgspec


class PoolFigures(msgspec.Struct, frozen=True):
    """Included minutes of a plan in a month; pools of single users together, so that nobody is named.

    `owner`: the countries that share it, "" for the tenant or its users. `pools`: how many, `full` of them
    were used up. Seconds; `size_s` None without limit.
    """

    plan: str
    kind: str
    month: str
    owner: str
    by_user: bool
    pools: int
    full: int
    size_s: int | None
    used_s: int


class CategoryFigures(msgspec.Struct, frozen=True):
    """What the calls of a category come to; money in micros."""

    name: str
    calls: int
    billed_s: int
    amount: int


class RechargeFigures(msgspec.Struct, frozen=True):
    """A recharge: us since 1970, micros."""

    at_us: int
    amount: int
    balance_after: int


class DayFigures(msgspec.Struct, frozen=True):
    """The balance at the end of a day (ISO) of the tenant's zone, and the least of that day."""

    day: str
    balance: int
    lowest: int


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What the usage comes to in one scenario: money in micros, time in seconds, instants in us since 1970.

    `ran_out_us`: when the balance first fell from above zero to zero or below, None where it never did;
    `ran_out_day` is its day in the tenant's zone, "" for none. `recharges` counts, `recharged_at` tells the
    first ones. `pool_s` is time that pools paid.
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
    billed_s: int
    pool_s: int
    paid_s: int
    unrated_s: int
    blocked_s: int
    amount: int
    credits: int
    post_usage: int
    overdraft: int
    opening_balance: int
    closing_balance: int
    lowest_balance: int
    forfeited: int
    recharges: int
    recharged: int
    recharged_at: tuple[RechargeFigures, ...]
    ran_out_us: int | None
    ran_out_day: str
    categories: tuple[CategoryFigures, ...]
    pools: tuple[PoolFigures, ...]
    days: tuple[DayFigures, ...]
    warnings: tuple[str, ...]


COMPARED: Final = (
    "amount", "credits", "post_usage", "overdraft", "pool_s", "paid_s", "unrated_s", "blocked_s",
    "pool_only_calls", "paid_calls", "unrated_calls", "blocked_calls", "recharges", "recharged",
    "closing_balance", "lowest_balance",
)  # fmt: skip
"""The figures whose differences are told."""


class Difference(msgspec.Struct, frozen=True):
    """A scenario's figures less today's, by name, and the amounts of its categories less today's."""

    name: str
    figures: dict[str, int]
    categories: dict[str, int]


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """Today's settings first, then the scenarios in their order; a difference for each of these.

    What a planner may add later (which scenario to take, and why) gets fields of its own.
    """

    currency: str
    time_zone: str
    rows: int
    rejected_rows: int
    duplicate_rows: int
    from_us: int
    until_us: int
    figures: tuple[Figures, ...]
    differences: tuple[Difference, ...]
