"""A ledger with something of everything, filled by the desk of live charging on either database.

`acme` pays from pools, lots and caps, has calls in progress, a call that fell silent and was corrected, an
expired lot and an overdraft that was repaid; `mca` pays after use; `\u00d8re` only has money.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from talktime.accounts.documents import tenant_text, text_of, user_key
from talktime.accounts.tenant import BillingAccount, Cap, Guards, Licence, Tenant, User
from talktime.catalog.load import load_catalogue
from talktime.core.deck import RateBook
from talktime.core.limits import US_PER_S
from talktime.files.decks.sample import default_deck
from talktime.ledger.commands import Expire, Fund, NewTenant, TakeBack, Wallet
from talktime.ledger.database import open_url
from talktime.ledger.engine import Command
from talktime.ledger.postgres_store import PostgresStore
from talktime.ledger.records import Document
from talktime.ledger.sqlite_store import SqliteStore
from talktime.ledger.store import Store
from talktime.live.answers import Allowed, Settled
from talktime.live.commands import Sweep
from talktime.live.desk import Desk
from talktime.live.operations import EndCall, ExtendCall, Operation, StartCall
from talktime.live.rates import RateBooks

START_US = 1_794_000_000 * US_PER_S
DAY_US = 86_400 * US_PER_S
UNIT = 1_000_000
ABROAD, HOME = "+442079460000", "+12125550123"

ANA = User("ana@acme", location="US", licences=(Licence("MCOPSTN1"), Licence("MCOPSTNC")))
ACME = Tenant(
    "acme",
    "Acme",
    "US",
    "USD",
    caps=(Cap("tenant", "", 900 * UNIT),),
    guards=Guards(calls=9, calls_per_user=8),
)
BO = User("bo@mca", location="US", licences=(Licence("MCOPSTN1"), Licence("MCOPSTNC")))
MCA = Tenant(
    "mca",
    "Mca",
    "US",
    "USD",
    default_billing_account="a",
    billing_accounts=(BillingAccount("a", "MCA", "US"),),
)
OERE = Tenant("\u00d8re", "\u00d8re", "DK", "DKK")


@dataclass
class Clock:
    """A clock that stands until it is told."""

    now_us: int = START_US

    def __call__(self) -> int:
        return self.now_us

    def go_on(self, seconds: int) -> None:
        self.now_us += seconds * US_PER_S


def desk_on(database: str, clock: Callable[[], int] | None = None) -> Desk:
    """A desk with the sample deck on a migrated database."""
    url = open_url(database)
    store: Store = SqliteStore(url.path) if url.kind == "sqlite" else PostgresStore(url)
    deck = default_deck()
    rates = RateBooks({deck.version: RateBook(deck)}, ((deck.currency, 0, deck.version),))
    return Desk(store, load_catalogue(), rates=rates, clock_us=clock)


def new_tenant(tenant: Tenant, *users: User) -> NewTenant:
    """The command that makes a tenant with its users."""
    documents = [Document("tenants", "", tenant_text(tenant))]
    documents += [Document("users", user_key(user), text_of(user)) for user in users]
    return NewTenant(tenant.id, tenant.currency, tenant.time_zone, documents)


def fund(tenant: str, amount: int, days: int = 365) -> Fund:
    """A purchase whose lot expires after so many days."""
    return Fund(tenant, amount, lambda bought_us: bought_us + days * DAY_US, "manual")


def fill(database: str) -> None:
    """Fills a migrated database."""
    asyncio.run(_fill(database))


def start(tenant: str, call: str, user: User, callee: str, seconds: int = 600) -> StartCall:
    """The start of a call of a user."""
    return StartCall(tenant, call, 0, "user_out", user=user.upn, callee=callee, requested_s=seconds)


class _Filler:
    """Does one thing every ten seconds; all of it has to succeed."""

    def __init__(self, desk: Desk, clock: Clock) -> None:
        self.desk = desk
        self.clock = clock

    async def do(self, *commands: Command) -> None:
        for one in commands:
            answer = await self.desk.engine.submit(one)
            assert isinstance(answer, (Wallet, bool)), answer
            self.clock.go_on(10)

    async def call(self, *operations: Operation) -> None:
        for one in operations:
            answer = await self.desk.submit(one)
            assert isinstance(answer, (Allowed, Settled)), answer
            self.clock.go_on(10)


async def _fill(database: str) -> None:
    clock = Clock()
    filler = _Filler(desk_on(database, clock), clock)
    await filler.desk.start(rounds=False)
    await filler.do(new_tenant(ACME, ANA), new_tenant(MCA, BO), new_tenant(OERE))
    await filler.do(fund("acme", 50 * UNIT, days=1), fund("acme", 3 * UNIT))
    await filler.do(fund("mca", 10_000), fund(OERE.id, UNIT))
    await _calls(filler)
    await _silent_calls(filler)
    clock.go_on(86_400)
    await filler.do(Expire("acme"))
    await filler.call(start("acme", "long", ANA, ABROAD, 60), EndCall("acme", "long", 1, 80_000))
    await filler.do(fund("acme", 100 * UNIT))  # the long call had cost more than there was
    await filler.call(start("acme", "open-home", ANA, HOME), start("acme", "open-abroad", ANA, ABROAD))
    await filler.desk.stop()


async def _calls(filler: _Filler) -> None:
    for number in range(4):
        await filler.call(
            start("acme", f"home-{number}", ANA, HOME), EndCall("acme", f"home-{number}", 9, 61)
        )
    await filler.call(start("acme", "abroad", ANA, ABROAD), ExtendCall("acme", "abroad", 1, 90))
    await filler.call(EndCall("acme", "abroad", 2, 100))
    await filler.do(TakeBack("acme", UNIT, "bought twice"))
    await filler.call(start("mca", "after", BO, ABROAD), EndCall("mca", "after", 1, 150))


async def _silent_calls(filler: _Filler) -> None:
    """Calls that fall silent are charged for what they reported; one gets a late end that corrects it."""
    for call in ("lost", "corrected"):
        await filler.call(start("acme", call, ANA, ABROAD), ExtendCall("acme", call, 1, 500))
    filler.clock.go_on(3_600)
    for call in ("lost", "corrected"):
        swept = await filler.desk.engine.submit(Sweep("acme", call, filler.desk.rules))
        assert isinstance(swept, Settled), swept
    await filler.call(EndCall("acme", "corrected", 2, 200))
