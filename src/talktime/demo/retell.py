"""The demo's past in the ledger: purchases, a card, calls and recharges, each at its own instant.

The engine's clock is set back and led along a charged file, day by day, so the journal has the days of the
file, and the tenant's own rule refills where it did there. What is booked already is passed over: whoever is
interrupted starts again, and who comes back later books what has been since.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Final

import polars as pl

from talktime.accounts.administration import Administration, Invalid
from talktime.accounts.calendar import day_name, twelve_months_on_us
from talktime.accounts.documents import tenant_of
from talktime.accounts.payment_methods import PaymentMethods
from talktime.accounts.tenant import PaymentMethod, Purchase, Tenant
from talktime.core.limits import US_PER_S
from talktime.demo.days import DAY_US
from talktime.files.read_rated import Part, RatedFile, open_rated
from talktime.funding.gateways import GatewaySettings, gateways_of
from talktime.funding.purchasing import Purchasing
from talktime.funding.taxes import Seller
from talktime.funding.worker import PaymentWorker
from talktime.ledger.commands import Refused
from talktime.ledger.decks import Decks
from talktime.ledger.engine import Attend
from talktime.ledger.kept_calls import KeptCalls
from talktime.ledger.reading import Reader
from talktime.live.desk import Desk
from talktime.live.import_run import Import
from talktime.live.posting import Outcome
from talktime.live.rated_calls import Wanted
from talktime.live.rates import RateBooks

if TYPE_CHECKING:
    from talktime.catalog.model import Catalogue
    from talktime.funding.gateway import Gateway
    from talktime.ledger.database import DatabaseUrl
    from talktime.ledger.store import Store

CARD: Final = "tok_visa"
"""The card that refills: one of the sandbox, which moves no money."""

EXISTS: Final = "exists"
_RECHARGE: Final = "recharge"
_END: Final = "end_us"

Progress = Callable[[int, int], None]


class RetoldWrong(Exception):  # noqa: N818 - the sentence is for people, the name says what it is
    """The tenant could not be made, or paid for. The message is one sentence."""


@dataclass(frozen=True, slots=True)
class Told:
    """What was booked: calls and micros."""

    calls: int
    amount: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where the past is written: a migrated database, its store, the folder of the sandbox; who does it."""

    url: DatabaseUrl
    store: Store
    state: Path
    catalogue: Catalogue
    who: str


@dataclass(slots=True)
class _Clock:
    """A clock that stands until it is led on."""

    at_us: int

    def __call__(self) -> int:
        return self.at_us


@dataclass(frozen=True, slots=True)
class Stretch(RatedFile):
    """Rows of a rated file that are booked together, when the last of them is over."""

    calls: pl.DataFrame
    at_us: int

    def parts(self) -> Iterator[Part]:
        """All of them."""
        yield Part(self.calls, self.calls.height, self.calls.height)


def stretches(file: RatedFile, tenant: Tenant) -> Iterator[Stretch]:
    """The rows of a report in its order, cut at each day, behind each recharge, and where a lot expires.

    So no lot pays for a call after its time, and what was refilled is there for the next call.
    """
    with_recharge = replace(file, columns=(*file.columns, _RECHARGE))
    calls = pl.concat(part.calls for part in with_recharge.parts())
    end = pl.col("start") + pl.col("duration_seconds") * US_PER_S
    refilled = (pl.col(_RECHARGE).fill_null(0) > 0).cast(pl.Int64).shift(1, fill_value=0).cum_sum()
    expired = [
        (end >= twelve_months_on_us(bought.at_us, tenant.time_zone)).cast(pl.Int64)
        for bought in tenant.purchases
    ]
    # Days of UTC: no rule hangs on them, they only say how finely the past is told.
    cut = pl.struct(
        end // DAY_US, refilled.alias("refilled"), pl.sum_horizontal(0, *expired).alias("expired")
    )
    cuts = calls.with_columns(end.alias(_END), cut.rle_id().alias("cut"))
    own = {field.name: getattr(file, field.name) for field in fields(file)}
    for each in cuts.partition_by("cut", maintain_order=True, include_key=False):
        at_us = int(each.select(pl.col(_END).max()).item())
        yield Stretch(**own, calls=each.drop(_END, _RECHARGE), at_us=at_us)


async def retell(place: Place, tenant: Tenant, report: Path, until_us: int, progress: Progress) -> Told:
    """Makes the tenant if it is not there, and books what a report of its calls says, up to now (`until_us`).

    The tenant's purchases lie before its first call. Raises RetoldWrong, and what importing a file raises.
    """
    clock = _Clock(min(bought.at_us for bought in tenant.purchases))
    decks = Decks(place.url)
    desk = Desk(place.store, place.catalogue, rates=RateBooks(source=decks), clock_us=clock)
    gateways = gateways_of(GatewaySettings(place.state, sandbox=True), clock)
    await desk.start(rounds=False)
    try:
        past = _Past(place, desk, clock, decks, gateways, tenant)
        await past.begin()
        return await past.calls(report, until_us, progress)
    finally:
        await desk.stop()
        for gateway in gateways.values():
            await gateway.close()


class _Past:
    """One tenant's past, as it is told to a desk whose clock stands in it."""

    def __init__(
        self,
        place: Place,
        desk: Desk,
        clock: _Clock,
        decks: Decks,
        gateways: Mapping[str, Gateway],
        tenant: Tenant,
    ) -> None:
        self._place, self._desk, self._clock, self._tenant = place, desk, clock, tenant
        self._reader, self._gateways = Reader(place.url), gateways
        self._house = Administration(desk.engine, self._reader, decks, place.catalogue)
        self._worker = PaymentWorker(desk.engine, gateways, Seller())

    async def begin(self) -> None:
        """The tenant with its first lot, the later ones when they were bought, then a card for recharges."""
        first, *later = sorted(self._tenant.purchases, key=lambda bought: bought.at_us)
        self._clock.at_us = first.at_us
        made = await self._house.add_tenant(replace(self._tenant, purchases=(first,)), self._place.who)
        if isinstance(made, Invalid):
            raise RetoldWrong(f"the demo tenant cannot be made: {made.faults[0]}")
        if isinstance(made, Refused) and made.code != EXISTS:
            raise RetoldWrong(f"the demo tenant cannot be made: {made.detail}")
        await self._buy(later)
        await self._save_card()

    async def _buy(self, purchases: Sequence[Purchase]) -> None:
        """Lots that were paid for by transfer, once each."""
        house, tenant = self._house, self._tenant
        purchasing = Purchasing(
            self._desk.engine, self._reader, self._place.catalogue, self._gateways, self._worker
        )
        receipt = await purchasing.receipt_for(tenant.id)
        for number, bought in enumerate(purchases, 1):
            self._clock.at_us = bought.at_us
            reference, who = f"transfer {number}", self._place.who
            paid = await house.fund(tenant.id, bought.amount_micros, tenant.currency, reference, who, receipt)
            if isinstance(paid, Refused):
                raise RetoldWrong(f"the demo tenant cannot buy credits: {paid.detail}")

    async def _save_card(self) -> None:
        """A card of the sandbox, where the tenant has none."""
        kept = await asyncio.to_thread(self._reader.document, self._tenant.id)
        assert kept is not None, "it was made or was there"
        if tenant_of(kept, (), ()).payment_methods:
            return
        (gateway,) = self._gateways.values()
        known = await gateway.save_method(self._tenant.id, CARD)
        card = PaymentMethod(
            id=f"card_{token_hex(6)}",
            gateway=gateway.name,
            token=known.token,
            brand=known.brand,
            last4=known.last4,
            expires=known.expires,
            fingerprint=known.fingerprint,
        )
        methods = PaymentMethods(self._desk.engine, self._place.catalogue)
        added = await methods.add(self._tenant.id, card, self._place.who)
        if isinstance(added, Refused):
            raise RetoldWrong(f"the demo tenant cannot have a card: {added.detail}")

    async def calls(self, report: Path, until_us: int, progress: Progress) -> Told:
        """Books what a report says as `talktime import` does, the whole looked at first."""
        kept, file = KeptCalls(self._place.url), open_rated(report)
        wanted = Wanted(file, "", "call_id", kept.tenants())
        scanned = self._importing(kept, wanted, "").check(_nobody_asks)
        calls, amount, done = 0, 0, 0
        for stretch in stretches(file, self._tenant):
            self._clock.at_us = min(stretch.at_us, until_us)
            source = f"usage of {day_name(self._clock.at_us // DAY_US)}"
            importing = self._importing(kept, replace(wanted, file=stretch), source)
            booked = await importing.book(scanned, _nobody_asks)
            calls, amount = calls + booked.outcomes[Outcome.BOOKED], amount + booked.booked.amount
            await self._refill()
            done += stretch.calls.height
            progress(done, scanned.rows)
        self._clock.at_us = until_us
        await self._refill()
        return Told(calls, amount)

    def _importing(self, kept: KeptCalls, wanted: Wanted, source: str) -> Import:
        return Import(self._desk, kept, wanted, source=source, who=self._place.who, dry_run=False)

    async def _refill(self) -> None:
        """Has the rule looked at, and pays the recharge that it asks for: nobody else works here."""
        await self._desk.engine.submit(Attend(self._tenant.id))
        standing = await asyncio.to_thread(self._reader.standing, self._tenant.id)
        if standing is not None and standing.attempt:
            await self._worker.work(self._tenant.id, standing.attempt)


def _nobody_asks(done: int, total: int) -> None:
    """Parts are small: how far one is, nobody has to know."""
