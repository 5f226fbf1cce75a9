"""Pools of minutes for people: total, used and left of each in a month, and who used one most (domain.md 12).

A pool's total and what is used of it come from the counters that live charging works with; who used it comes
from the charges, and both have to agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from talktime.accounts.calendar import month_start_us
from talktime.catalog.model import SCOPE_COUNTRY
from talktime.core.money import DOWN, round_div
from talktime.insight.spend import NotReconciledError
from talktime.ledger.usage_reading import Asked
from talktime.live.settle import POOL_MARKS
from talktime.live.standing import pools_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from talktime.insight.usage_rows import UsageRows
    from talktime.ledger.records import Counter
    from talktime.ledger.usage_reading import UsageReader
    from talktime.live.standing import PoolStanding
    from talktime.live.tenant import LiveTenant


class PoolLine(NamedTuple):
    """A pool in a month, in seconds; `total_s` and `left_s` None: without limit.

    `country` "" for a pool of the whole tenant or of one user, whose key is then `user`; countries that share
    a pool stand there together, as US/PR.
    """

    name: str
    month: int
    country: str
    user: str
    plan: str
    kind: str
    total_s: int | None
    used_s: int
    reserved_s: int
    left_s: int | None

    @property
    def used_percent(self) -> int | None:
        """How much is used, in whole percent, rounded down; None without limit."""
        if self.total_s is None:
            return None
        return round_div(self.used_s * 100, self.total_s, DOWN) if self.total_s else 0

    @property
    def mark(self) -> str:
        """The notice whose level the use has reached (`POOL_MARKS`), "" for none."""
        percent = self.used_percent or 0
        return next((kind for level, kind in reversed(POOL_MARKS) if percent >= level), "")


class Consumer(NamedTuple):
    """A user, or a service number where no user is named, and what it used of a pool."""

    user: str
    service_number: str
    calls: int
    seconds: int


class Consumers(NamedTuple):
    """The first consumers of a pool, most first; `used_s` and `calls` are of all of them.

    `ran_out_us`: the end of the call that took the last of it; None where there is some left, or no limit.
    """

    shown: tuple[Consumer, ...]
    consumers: int
    calls: int
    used_s: int
    ran_out_us: int | None = None


def pool_lines(
    tenant: LiveTenant, counters: Mapping[tuple[str, int], Counter], month: int, now_us: int, rows: UsageRows
) -> list[PoolLine]:
    """The pools of a month by name; owners who are users are shown as `rows` shows users."""
    lines = []
    for pool in pools_of(tenant, counters, month, now_us):
        is_country = tenant.catalogue.plans[pool.plan].scope == SCOPE_COUNTRY
        lines.append(
            PoolLine(
                name=shown_pool(rows, pool.name),
                month=month,
                country=pool.owner if is_country else "",
                user="" if is_country else rows.shown_user(pool.owner),
                plan=pool.plan,
                kind=pool.kind,
                total_s=pool.size_s,
                used_s=pool.used_s,
                reserved_s=pool.reserved_s,
                left_s=pool.left_s,
            )
        )
    return lines


def shown_pool(rows: UsageRows, name: str) -> str:
    """The name of a pool as a report has it: that of a user's own pool has the user's name in it."""
    head, _, owner = name.rpartition("/")
    return f"{head}/{rows.shown_user(owner)}" if rows.user(owner) is not None else name


def consumers(
    reader: UsageReader, rows: UsageRows, used_pool: PoolStanding, month: int, limit: int
) -> Consumers:
    """Who used a pool in a month, and when it ran out.

    Raises NotReconciledError where the charges of the month say something else than the pool's counter.
    """
    zone, pool = rows.tenant.time_zone, used_pool.name
    asked = Asked(rows.tenant.id, month_start_us(month, zone), month_start_us(month + 1, zone))
    found: dict[tuple[str, str], tuple[int, int]] = {}
    used_s, used = reader.consumers(asked, pool, month)
    for (user, service), (calls, seconds) in used.items():
        key = (rows.shown_user(user), "" if user else service)
        had = found.get(key, (0, 0))
        found[key] = (had[0] + calls, had[1] + seconds)
    lines = [Consumer(user, service, *both) for (user, service), both in found.items()]
    lines.sort(key=lambda line: (-line.seconds, line.user, line.service_number))
    together = sum(line.seconds for line in lines)
    if together != used_s:
        raise NotReconciledError(
            f"the counter of {pool!r} says {used_s} s, its calls come to {together} s; run `talktime verify`"
        )
    ran_out_us = None
    if used_pool.size_s is not None and used_s >= used_pool.size_s and lines:
        ran_out_us = reader.used_up(asked, pool, used_pool.size_s)
    return Consumers(
        tuple(lines[:limit]), len(lines), sum(line.calls for line in lines), together, ran_out_us
    )
