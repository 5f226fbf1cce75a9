"""PostgreSQL dies under load, alone or with a synchronous standby: 503, and nothing acknowledged is lost.

The server keeps running all the while. Whoever got no answer, or "unknown outcome", sends the same request
again and so finds out (rulings.md 33, 35).
"""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import psycopg
import pytest

from talktime.ledger.database import open_url
from talktime.ledger.postgres_store import PostgresStore
from talktime.ledger.store import StoreBusy
from tests.faults.live_process import UNIT, LiveProcess, prepared
from tests.faults.load_audit import assert_equal, assert_nothing_lost
from tests.faults.load_client import POOR, Load
from tests.faults.own_postgres import LEDGER, own_postgres
from tests.postgres_servers import PostgresPair

FUNDS = {"rich": 1_000 * UNIT, "other": 1_000 * UNIT, POOR: 2 * UNIT}
AWAY = {"store_away", "unknown_outcome"}
LONGEST_WAIT_S = 30
"""No request waits longer than this for its answer or its 503, whatever the database does."""


def kill_the_database(who: str, folder: Path, rounds: int) -> None:
    """Kills PostgreSQL in mid-batch, starts it again, compares."""
    chosen = random.Random(seed := random.randrange(10**6))
    print(f"seed {seed}")  # noqa: T201 - a failure shows it
    with own_postgres(who) as postgres:
        database = postgres.url(LEDGER)
        key = prepared(database, FUNDS)
        with LiveProcess(database, folder) as server:
            server.start()
            with Load(server.port, key, list(FUNDS), seed) as load:
                for _ in range(rounds):
                    load.wait_for(30)
                    time.sleep(chosen.uniform(0, 0.3))
                    postgres.kill()
                    load.wait_for_refusals(10)
                    acknowledged = load.account.copy()
                    postgres.start()
                    assert_nothing_lost(database, acknowledged)
                load.wait_for(30)
                account = load.finish()
            assert account.refused.keys() <= AWAY
            assert account.unanswered == 0, "the server itself never went away"
            assert account.longest_wait_s < LONGEST_WAIT_S
            assert_equal(database, account, FUNDS)
            assert server.stop() == 0, server.said()


def test_postgresql_is_killed_in_mid_batch(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    kill_the_database(request.node.name, tmp_path, 1)


@pytest.mark.long
def test_postgresql_is_killed_twenty_times(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    kill_the_database(request.node.name, tmp_path, 20)


def test_fail_over_to_the_standby(postgres_pair: PostgresPair, tmp_path: Path) -> None:
    database = postgres_pair.url
    key = prepared(database, FUNDS)
    with LiveProcess(database, tmp_path) as server:
        server.start()
        with Load(server.port, key, list(FUNDS), seed=4) as load:
            load.wait_for(100)
            postgres_pair.kill_primary()
            load.wait_for_refusals(10)
            acknowledged = load.account.copy()
            postgres_pair.promote()
            load.wait_for(50)
            assert_nothing_lost(database, acknowledged)
            account = load.finish()
        assert account.refused.keys() <= AWAY
        assert account.unanswered == 0
        assert account.longest_wait_s < LONGEST_WAIT_S
        assert_equal(database, account, FUNDS)
        assert server.stop() == 0, server.said()


def test_without_the_standby_nothing_is_acknowledged(postgres_pair: PostgresPair, tmp_path: Path) -> None:
    database = postgres_pair.primary.url(LEDGER)
    key = prepared(database, FUNDS)
    with LiveProcess(database, tmp_path) as server:
        server.start()
        with Load(server.port, key, ["rich", "other"], seed=5) as load:
            load.wait_for(50)
            postgres_pair.kill_standby()
            time.sleep(2)  # what it had confirmed before has arrived
            before = load.account.acknowledged
            load.wait_for_refusals(3)
            assert load.account.acknowledged == before, "nobody is told yes without the standby"
            postgres_pair.standby.start("cluster_name=b")
            load.wait_for(50)
            account = load.finish()
        assert account.refused["unknown_outcome"]
        assert account.refused.keys() <= {*AWAY, "store_busy"}
        assert account.unanswered == 0, "503, and not a wait for ever"
        assert account.longest_wait_s < LONGEST_WAIT_S
        assert_equal(database, account, FUNDS)
        assert server.stop() == 0, server.said()


def test_a_lock_that_is_not_had_leaves_a_sound_connection(postgres_database: str) -> None:
    """A pipeline that failed has not prepared what came after the failure, whatever the driver believes."""
    prepared(postgres_database, FUNDS)
    asyncio.run(_wait_in_vain(postgres_database))


async def _wait_in_vain(database: str) -> None:
    store = PostgresStore(open_url(database), lock_timeout_s=0.05)
    await store.open()
    call = [("rich", "c")]
    for _ in range(2):  # a third time the driver prepares it
        await store.begin(["rich"], call, wait=False)
        await store.rollback()
    with psycopg.connect(database) as other:
        other.execute("select 1 from wallets where tenant = 'rich' for update")
        for _ in range(4):
            with pytest.raises(StoreBusy):
                await store.begin(["rich"], call, wait=True)
    for _ in range(4):
        opening = await store.begin(["rich"], call, wait=True)
        assert opening.versions.keys() == {"rich"}
        await store.rollback()
    await store.close()
