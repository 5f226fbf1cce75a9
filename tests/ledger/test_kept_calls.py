"""Reads of many calls at once, on both databases; and a store that keeps nothing."""

from __future__ import annotations

import asyncio

from talktime.core.limits import ALWAYS_US, NEVER_US
from talktime.ledger.commands import Fund, Wallet, WriteNote
from talktime.ledger.database import open_url
from talktime.ledger.dry_store import DryStore
from talktime.ledger.engine import Engine
from talktime.ledger.kept_calls import KeptCalls, Span
from talktime.ledger.reading import Reader
from talktime.ledger.verify import verify
from tests.databases import database, sqlite_database
from tests.ledger.filled import OERE, START_US, UNIT, fill
from tests.live.live_desk import store_of

__all__ = ["database", "sqlite_database"]  # fixtures

ALL = Span(ALWAYS_US, NEVER_US)


def test_calls_and_charges_of_a_ledger(database: str) -> None:
    fill(database)
    kept = KeptCalls(open_url(database))
    assert kept.tenants() == {"acme": "USD", "mca": "USD", OERE.id: "DKK"}
    assert kept.balance(OERE.id) == UNIT
    assert kept.balance("nobody") == 0
    calls = [
        ("acme", "home-0"),
        ("acme", "corrected"),
        ("acme", "open-home"),
        ("mca", "after"),
        ("mca", "no"),
    ]
    charged = kept.charged(calls)
    assert {call: (charge.call_id, charge.corrects > 0) for call, charge in charged.items()} == {
        ("acme", "home-0"): ("home-0", False),
        ("acme", "corrected"): ("corrected", True),
        ("mca", "after"): ("after", False),
    }
    assert kept.live(calls) == {*charged, ("acme", "open-home")}
    assert kept.charged([("mca", "no"), (OERE.id, "no")]) == {}
    assert kept.booked([("acme", "home-0")]) == set()
    assert sorted(kept.expiries("acme")) == [1, 2, 3]
    assert [kept.repaid_last(tenant) for tenant in ("acme", "mca")] == [3, 0]


def test_charges_of_a_span_in_their_order(database: str) -> None:
    fill(database)
    kept = KeptCalls(open_url(database))
    found = [(tenant, charge.number) for tenant, charge in kept.charges(ALL)]
    assert sorted(found) == [*(("acme", number) for number in range(1, 10)), ("mca", 1)]
    assert [number for tenant, number in found if tenant == "acme"] == list(range(1, 10))
    assert kept.count(ALL) == len(found)
    ((tenant, replaced),) = kept.corrected(ALL)
    numbers = {charge.call_id: charge.corrects for _, charge in kept.charges(ALL)}
    assert (tenant, replaced) == ("acme", numbers["corrected"])
    of_mca = ALL._replace(tenants=("mca", "nobody"))
    assert [charge.call_id for _, charge in kept.charges(of_mca)] == ["after"]
    assert (kept.count(of_mca), kept.corrected(of_mca)) == (1, set())
    starts = sorted(charge.start_us for _, charge in kept.charges(ALL))
    for from_us, until_us in ((starts[2], starts[7]), (ALWAYS_US, START_US), (starts[9], NEVER_US)):
        span = Span(from_us, until_us)
        among = [at_us for at_us in starts if from_us <= at_us < until_us]
        assert sorted(charge.start_us for _, charge in kept.charges(span)) == among
        assert kept.count(span) == len(among)


def test_what_the_journal_moved_for_charges(database: str) -> None:
    fill(database)
    kept, reader = KeptCalls(open_url(database)), Reader(open_url(database))
    entries = reader.entries("acme", 10**9, 100)
    for charges in ([3], [5, 6, 7], list(range(1, 10)), []):
        among = [entry for entry in entries if entry.charge in charges and 4 <= entry.number <= 12]
        moved = sum(entry.amount * (1 if entry.credit == "usage" else -1) for entry in among)
        assert kept.moved("acme", 4, 12, charges) == moved


def test_a_dry_store_remembers_only_while_it_is_open(database: str) -> None:
    fill(database)
    before = verify(open_url(database))

    async def test() -> None:
        for _ in range(2):
            engine = Engine(DryStore(store_of(database)), lambda documents: documents)
            await engine.start()
            for more in (1, 2):
                fund = Fund(OERE.id, UNIT, lambda at_us: at_us + 10**12, "manual")
                answer = await engine.submit(fund)
                assert isinstance(answer, Wallet)
                assert answer.balance == UNIT + more * UNIT
            assert await engine.submit(WriteNote(OERE.id, "nothing", "a test"))
            assert not await engine.submit(WriteNote("nobody", "nothing", "a test"))
            await engine.stop()

    asyncio.run(test())
    assert verify(open_url(database)) == before
    assert Reader(open_url(database)).audit(OERE.id, 10**9, 10)[0].what == "purchase of 1 DKK: lot 1"
