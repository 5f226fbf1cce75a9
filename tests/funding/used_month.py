"""A ledger in which two tenants pay after use: October, November, a late correction, an open call.

`mca` has 10,000 micros of credits, so its first call is paid by both; `two` has none. Times are UTC.
"""

import asyncio

from talktime.accounts.calendar import month_start_us
from talktime.accounts.tenant import Tenant
from talktime.core.limits import US_PER_S
from talktime.live.answers import Allowed, Settled
from talktime.live.commands import Sweep
from talktime.live.desk import Desk
from talktime.live.operations import EndCall, ExtendCall, Operation
from tests.ledger.filled import ABROAD, BO, MCA, Clock, desk_on, fund, new_tenant, start

OCTOBER = 2026 * 12 + 9
NOVEMBER, DECEMBER = OCTOBER + 1, OCTOBER + 2
HOUR_US = 3_600 * US_PER_S
TWO = Tenant(
    "two",
    "Two",
    "US",
    "USD",
    default_billing_account="a",
    billing_accounts=MCA.billing_accounts,
)


class Month:
    """Makes calls on a desk with a clock of its own."""

    def __init__(self, database: str) -> None:
        self.clock = Clock(month_start_us(OCTOBER, "UTC") + 12 * HOUR_US)
        self.desk: Desk = desk_on(database, self.clock)

    async def do(self, *operations: Operation) -> None:
        """Operations a second after one another, all of which succeed."""
        for one in operations:
            answer = await self.desk.submit(one)
            assert isinstance(answer, (Allowed, Settled)), answer
            self.clock.go_on(1)

    async def call(self, tenant: str, call: str, seconds: int) -> None:
        """A call abroad, at 0.012 a minute in the sample deck."""
        await self.do(start(tenant, call, BO, ABROAD, seconds), EndCall(tenant, call, 9, seconds))

    async def silent(self, tenant: str, call: str, seconds: int) -> None:
        """A call that falls silent after so many seconds and is charged for them."""
        await self.do(start(tenant, call, BO, ABROAD), ExtendCall(tenant, call, 1, seconds))
        self.clock.go_on(3_600)
        swept = await self.desk.engine.submit(Sweep(tenant, call, self.desk.rules))
        assert isinstance(swept, Settled), swept


async def begin(month: Month) -> None:
    """The tenants, and their calls of October and November."""
    await month.desk.start(rounds=False)
    for command in (new_tenant(MCA, BO), new_tenant(TWO, BO), fund("mca", 10_000)):
        await month.desk.engine.submit(command)
    for number in range(3):
        await month.call("mca", f"oct-{number}", 61)
        await month.call("two", f"oct-{number}", 30)
    month.clock.now_us = month_start_us(NOVEMBER, "UTC") - 2 * HOUR_US
    await month.silent("mca", "silent", 50)
    month.clock.now_us = month_start_us(NOVEMBER, "UTC") + HOUR_US
    await month.call("mca", "nov-0", 600)


def used(database: str) -> None:
    """Fills a migrated database up to the first hours of November; the silent call is corrected there."""
    asyncio.run(_used(database))


async def _used(database: str) -> None:
    month = Month(database)
    await begin(month)
    await month.do(EndCall("mca", "silent", 2, 200))
    await month.do(start("two", "open", BO, ABROAD))
    await month.desk.stop()
