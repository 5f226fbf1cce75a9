"""Closing a month of a tenant, from the question whether it can be closed to the invoice that is kept.

What has to be read is read beside the engine: in a thread, or where calls are charged in a process of its
own, since a million charges keep an interpreter busy for seconds. A close that came in between is noticed
under the lock and the month is read again, so it may be asked for as often as anybody likes (rulings.md 30).
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.accounts.calendar import month_name
from talktime.catalog.load import load_catalogue
from talktime.funding.invoice import Party, Unreconciled
from talktime.funding.month_close import (
    MONTH_CLOSE,
    Close,
    CloseMonth,
    MonthClose,
    close_check,
    newest_close,
    order_check,
    read_close,
    read_month_close,
)
from talktime.funding.purchasing import ReadTenant, reading_tenants
from talktime.funding.receipt import billed_to
from talktime.ledger.commands import NO_TENANT, Refused
from talktime.ledger.month_reading import MonthReader

if TYPE_CHECKING:
    from pathlib import Path

    from talktime.accounts.tenant import Tenant
    from talktime.catalog.model import Catalogue
    from talktime.funding.taxes import Seller
    from talktime.ledger.database import DatabaseUrl
    from talktime.ledger.engine import Engine
    from talktime.ledger.reading import Reader

MOST_READINGS: Final = 3
"""So often a month is read where others close months of the same tenant at the same time."""

MOVED_ON: Final = "moved_on"


ReadMonth = Callable[[Party, int, MonthClose | None], Awaitable[Close]]
"""Reads a month up to the newest charge; raises what `read_close` raises."""


def reading_in_thread(months: MonthReader, catalogue: Catalogue) -> ReadMonth:
    """Reads in a thread of this process."""

    async def read(party: Party, month: int, previous: MonthClose | None) -> Close:
        return await asyncio.to_thread(read_close, months, party, month, previous, catalogue)

    return read


def reading_aside(url: DatabaseUrl, catalogue: Path | None) -> ReadMonth:
    """Reads in a process that lives as long as that takes; `catalogue`: the folder of own data, if any."""

    async def read(party: Party, month: int, previous: MonthClose | None) -> Close:
        context = multiprocessing.get_context("spawn")  # a fork would copy open connections
        pool = ProcessPoolExecutor(1, mp_context=context)
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(pool, _read_aside, url, catalogue, party, month, previous)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    return read


def _read_aside(
    url: DatabaseUrl, catalogue: Path | None, party: Party, month: int, previous: MonthClose | None
) -> Close:
    os.nice(10)  # calls come first
    return read_close(MonthReader(url), party, month, previous, load_catalogue(catalogue))


class Closed(NamedTuple):
    """The close of a month; `repeated`: it was there before."""

    close: MonthClose
    repeated: bool


class MonthClosing:
    """The use case. It answers a value; what engine and readers raise rises.

    `tenants` None: they are read anew each time.
    """

    def __init__(
        self,
        engine: Engine,
        reader: Reader,
        months: MonthReader,
        read: ReadMonth,
        seller: Seller,
        tenants: ReadTenant | None = None,
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._months = months
        self._read = read
        self._seller = seller
        self._tenants = tenants or reading_tenants(reader)

    async def close(self, name: str, month: int, who: str) -> Closed | Refused:
        """Closes a month once. Refused: `too_early`, `out_of_order`, `unreconciled`, `moved_on`."""
        tenant = await asyncio.to_thread(self._tenants, name)
        if tenant is None:
            return NO_TENANT
        known = await asyncio.to_thread(self._reader.paper, name, MONTH_CLOSE, month_name(month))
        if known is not None:
            return Closed(read_month_close(known.document), repeated=True)
        answer: Closed | Refused = NO_TENANT
        for _ in range(MOST_READINGS):
            answer = await self._once(tenant, month, who)
            if not isinstance(answer, Refused) or answer.code != MOVED_ON:
                break
        return answer

    async def _once(self, tenant: Tenant, month: int, who: str) -> Closed | Refused:
        open_us = await asyncio.to_thread(self._months.oldest_open_start_us, tenant.id)
        why = close_check(month, self._engine.clock_us(), tenant.time_zone, open_us)
        if why:
            return Refused("too_early", why)
        newest = await asyncio.to_thread(self._reader.papers, tenant.id, MONTH_CLOSE, "", 1, newest=True)
        previous = newest_close(newest)
        why = order_check(month, previous)
        if why:
            return Refused("out_of_order", why)
        account, billed = billed_to(tenant)
        party = Party(tenant.id, tenant.currency, tenant.time_zone, self._seller, billed, account)
        try:
            close = await self._read(party, month, previous)
        except Unreconciled as error:
            return Refused("unreconciled", str(error))
        answer = await self._engine.submit(CloseMonth(tenant.id, close, who))
        if isinstance(answer, Refused):
            return answer
        assert isinstance(answer, MonthClose)
        return Closed(answer, repeated=False)
