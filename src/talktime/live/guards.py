"""Guards against runaway calls: how many at a time, how long, how much an hour to dear destinations.

Limits are the tenant's settings (`accounts.tenant.Guards`), counted a user and for the whole tenant. They are
counters like spend caps: what a call in progress holds of them nobody else gets. An hour is that in which a
call arrives by our own clock: no switch with a wrong one gets past a guard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from talktime.accounts.payers import NOBODY
from talktime.ledger.records import Cap
from talktime.ledger.rows import HOUR_US, first_kept_hour
from talktime.ledger.schema import HOURS_FROM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from talktime.ledger.book import Book
    from talktime.live.tenant import LiveTenant

OPEN: Final = "open:"
HOUR_OF_TENANT: Final = "hour:tenant"


def guard_caps(tenant: LiveTenant, user: int, now_us: int) -> tuple[Cap, ...]:
    """The counters of this hour that a call to a dear destination moves."""
    guards = tenant.tenant.guards
    hour = now_us // HOUR_US
    assert hour >= HOURS_FROM, "hours are told from months by their number; the clock stands before 1981"
    caps = []
    if user != NOBODY and guards.dear_an_hour_per_user_micros is not None:
        key = tenant.payers.payers[user].key.lower()
        caps.append(Cap(f"hour:user/{key}", hour, guards.dear_an_hour_per_user_micros))
    if guards.dear_an_hour_micros is not None:
        caps.append(Cap(HOUR_OF_TENANT, hour, guards.dear_an_hour_micros))
    return tuple(caps)


def hour_guard(book: Book, caps: Sequence[Cap]) -> str:
    """A sentence where a guard of the hour, and no spend cap, is what leaves the least, else ""."""
    least = min(caps, key=lambda cap: _left(book, cap), default=None)
    if least is None or least.period < HOURS_FROM:
        return ""
    whose = "the tenant" if least.counter == HOUR_OF_TENANT else "the user"
    return f"what {whose} may spend an hour on premium numbers and dear countries leaves too little"


def _left(book: Book, cap: Cap) -> int:
    counter = book.counter(cap.counter, cap.period)
    return cap.limit - counter.used - counter.reserved


def forget_hours(book: Book, tenant: LiveTenant, now_us: int) -> None:
    """Once an hour: counters of hours that are long over leave the memory, as they leave the store."""
    hour = first_kept_hour(now_us)
    if hour <= tenant.hours_forgotten:
        return
    tenant.hours_forgotten = hour
    over = [
        key
        for key, counter in book.counters.items()
        if HOURS_FROM <= key[1] < hour and not counter.reserved and key not in book.dirty_counters
    ]
    for key in over:
        del book.counters[key]


def open_counters(tenant: LiveTenant, user: int) -> tuple[str, ...]:
    """The counters of paid calls in progress that a call moves; none where nothing limits them."""
    guards = tenant.tenant.guards
    if guards.calls is None and guards.calls_per_user is None:
        return ()
    names = []
    if user != NOBODY and guards.calls_per_user is not None:
        names.append(f"{OPEN}user/{tenant.payers.payers[user].key.lower()}")
    if guards.calls is not None:
        names.append(f"{OPEN}tenant")
    return tuple(names)


def too_many(book: Book, tenant: LiveTenant, counters: tuple[str, ...]) -> str:
    """A sentence where one call more would be too many, else ""."""
    guards = tenant.tenant.guards
    for name in counters:
        of_tenant = name == f"{OPEN}tenant"
        limit = guards.calls if of_tenant else guards.calls_per_user
        if limit is not None and book.counter(name, 0).reserved >= limit:
            whose = "the tenant" if of_tenant else "the user"
            return f"{whose} has {limit} paid calls in progress, which is the limit"
    return ""
