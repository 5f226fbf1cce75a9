"""The watch: once at the start and then every hour it looks what has to be said before it happens.

Money that soon runs out, lots and cards that soon expire, calls that wait for a rate. It only reads; what it
finds is told through the engine under a key, once, by however many watches there are (domain.md 10).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.accounts.funding_terms import terms_of
from talktime.accounts.tenant import ACTIVE
from talktime.core.alerts import HISTORY_DAYS, SHORT_DAYS, days_until, is_short
from talktime.ledger.engine import Attend, QueueFull, Stopping
from talktime.ledger.store import StoreAway
from talktime.notices.alerts import card_end_us, card_name, cards_due, lots_due, runway_of
from talktime.notices.fan_out import read_tenants
from talktime.notices.ladders import DAY_US
from talktime.notices.tell import Rearm, Tell

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.catalog.model import Catalogue
    from talktime.ledger.watching import Watched, Watching
    from talktime.notices.courier import Submit

EVERY_S: Final = 3_600
PAGE: Final = 200
"""Tenants that are read at a time."""

UNRATED_BACK_US: Final = 60 * DAY_US
"""Calls without a rate are looked for so far back when a process starts."""

RUNWAY: Final = "runway"
UNRATED: Final = "unrated"

log = logging.getLogger(__name__)


class Seen(NamedTuple):
    """What there is to say of one tenant: what to tell, and which keys may be told again."""

    tells: tuple[Tell, ...]
    rearmed: tuple[str, ...]


class Watch:
    """Looks after all tenants of a database."""

    def __init__(
        self, watching: Watching, catalogue: Catalogue, submit: Submit, clock_us: Callable[[], int]
    ) -> None:
        self._watching = watching
        self._catalogue = catalogue
        self._submit = submit
        self._clock_us = clock_us

    async def run(self, every_s: float = EVERY_S) -> None:
        """Looks now and again, until it is cancelled."""
        while True:
            try:
                await self.look()
            except (QueueFull, Stopping, StoreAway) as error:
                log.warning("the watch could not look at everything: %s", error)
            except Exception:  # begun again at once it would read all tenants every second
                log.exception("the watch could not look at everything; it looks again at its time")
            await asyncio.sleep(every_s)

    async def look(self) -> int:
        """Looks at every tenant once; returns how many notices were written.

        What goes wrong with one tenant is logged. Raises QueueFull, Stopping and StoreAway: they stop all.
        """
        now_us = self._clock_us()
        unrated = await asyncio.to_thread(self._watching.unrated, now_us - UNRATED_BACK_US)
        after, told = "", 0
        while page := await asyncio.to_thread(self._watching.tenants, after, PAGE):
            after = page[-1].tenant
            days = await asyncio.to_thread(
                self._watching.days, [each.tenant for each in page], now_us // DAY_US - HISTORY_DAYS - 1
            )
            tenants = read_tenants({each.tenant: each.document for each in page if each.document})
            for watched in page:
                tenant = tenants.get(watched.tenant)
                if tenant is None or tenant.status != ACTIVE:
                    continue
                given = (days[watched.tenant], unrated[watched.tenant], now_us)
                try:
                    told += await self._look_at(watched, tenant, *given)
                except (QueueFull, Stopping, StoreAway):
                    raise
                except Exception:  # what is wrong with one tenant is no reason to leave the others alone
                    log.exception("the watch cannot look at tenant %r; the others go on", watched.tenant)
        return told

    async def _look_at(
        self,
        watched: Watched,
        tenant: Tenant,
        days: Sequence[tuple[int, int]],
        unrated: int,
        now_us: int,
    ) -> int:
        if tenant.auto_recharge.enabled:
            # Settings are committed before the wallet is looked at with them: a kill between the two heals.
            await self._submit(Attend(watched.tenant))
        # A forecast takes milliseconds: beside the loop, which carries mails and payments meanwhile.
        found = await asyncio.to_thread(seen, watched, tenant, days, unrated, now_us, self._catalogue)
        told = 0
        if found.rearmed:
            await self._submit(Rearm(watched.tenant, found.rearmed))
        for tell in found.tells:
            told += bool(await self._submit(tell))
        return told


def seen(
    watched: Watched,
    tenant: Tenant,
    days: Sequence[tuple[int, int]],
    unrated: int,
    now_us: int,
    catalogue: Catalogue,
) -> Seen:
    """What there is to say of a tenant that has not been said. `days`: [(local day, micros paid)]."""
    told = watched.standing.told
    tells = [*_lots(watched, now_us), *_cards(watched, tenant, now_us)]
    rearmed = []
    for key, tell in (
        (RUNWAY, _runway(watched, tenant, days, now_us, catalogue)),
        (UNRATED, Tell(watched.tenant, UNRATED, "unrated_waiting", {"calls": unrated}) if unrated else None),
    ):
        if tell is None and key in told:
            rearmed.append(key)
        elif tell is not None and key not in told:
            tells.append(tell)
    return Seen(tuple(tells), tuple(rearmed))


def _runway(
    watched: Watched, tenant: Tenant, days: Sequence[tuple[int, int]], now_us: int, catalogue: Catalogue
) -> Tell | None:
    """Money that lasts for less than the tenant wants, by the cautious edge of the forecast.

    Not where it refills itself, and not where post-usage takes over: there nothing runs out. Nor by less than
    a week of calls: a first day says nothing of the others, and levels of the balance watch over that.
    """
    limit = tenant.alerts.runway_days
    refills = tenant.auto_recharge.enabled and not watched.standing.suspended
    if limit <= 0 or refills or terms_of(tenant, catalogue, recharge_on=tenant.auto_recharge.enabled).behind:
        return None
    lasts = runway_of(days, watched.balance, watched.lots, now_us, tenant.time_zone)
    if lasts.from_days < SHORT_DAYS or not is_short(lasts.shortest, limit, RUNWAY in watched.standing.told):
        return None
    facts = {
        "days": lasts.shortest,
        "days_expected": lasts.days_expected,
        "days_high": lasts.days_high,
        "limit_days": limit,
        "burn_a_day": lasts.burn_28,
        "burn_7_a_day": lasts.burn_7,
    }
    return Tell(watched.tenant, RUNWAY, "runway_short", facts)


def _lots(watched: Watched, now_us: int) -> Iterator[Tell]:
    told = {(lot.lot, days) for lot in watched.lots for days in _told_days(watched, f"lot:{lot.lot}:")}
    for lot, mark in lots_due(watched.lots, now_us, told):
        facts = {
            "lot": lot.lot,
            "micros": lot.left,
            "expires_us": lot.expires_us,
            "days": days_until(lot.expires_us, now_us),
        }
        yield Tell(watched.tenant, f"lot:{lot.lot}:{mark}", "lot_expires_soon", facts)


def _cards(watched: Watched, tenant: Tenant, now_us: int) -> Iterator[Tell]:
    names = [card_name(method) for method in tenant.payment_methods]
    told = {(name, days) for name in names for days in _told_days(watched, f"card:{name}:")}
    for method, mark in cards_due(tenant.payment_methods, now_us, tenant.time_zone, told):
        end_us = card_end_us(method, tenant.time_zone) or now_us
        facts = {"method": method.id, "expires": method.expires, "days": days_until(end_us, now_us)}
        yield Tell(watched.tenant, f"card:{card_name(method)}:{mark}", "card_expires_soon", facts)


def _told_days(watched: Watched, prefix: str) -> Iterator[int]:
    """The marks under which something was told already."""
    for key in watched.standing.told:
        if key.startswith(prefix):
            yield int(key.removeprefix(prefix))
