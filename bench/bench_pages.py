"""Balance, pools and usage over the API with a month of 1,000,000 charges in place: medians in milliseconds.

Run `.venv/bin/python bench/bench_pages.py [--charges 1000000] [--users 5000]`.
The ledger is that of bench_invoice.py on SQLite with a tenant of so many users; the management app answers
in this process. Beside each figure stands its ratio to a route that reads one small row: the status.
It is no test: the figures are to be looked at.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import httpx

from talktime.accounts.documents import tenant_text, text_of, user_key
from talktime.accounts.tenant import Licence, Subscription, Tenant, User
from talktime.catalog.load import load_catalogue
from talktime.doors.http.management.app import management_app
from talktime.ledger.api_keys import MANAGEMENT, ApiKeys, Keyring
from talktime.ledger.database import DatabaseUrl, connect_sqlite, open_url, upgrade
from talktime.ledger.decks import Decks
from talktime.ledger.reading import Reader
from talktime.ledger.sqlite_store import SqliteStore
from talktime.live.desk import Desk

ROOT = Path(__file__).resolve().parents[1]
TENANT = "contoso"
ROUNDS = 60
PLAN = "MCOPSTN1"
ADDRESSES = ("status", "credits", "pools", "caps", "usage?limit=100", "entries?limit=100", "post-usage")


def main() -> int:
    """Makes the ledger, asks each address so often, prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--charges", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=5_000)
    asked = parser.parse_args()
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]
    from bench.bench_invoice import fill

    with tempfile.TemporaryDirectory(prefix="bench-pages-") as folder:
        url = open_url(f"sqlite:///{Path(folder) / 'ledger.db'}")
        upgrade(url)
        fill(url, asked.charges)
        people(url, asked.users)
        asyncio.run(measure(url))
    return 0


def people(url: DatabaseUrl, count: int) -> None:
    """The documents of the tenant: its users all hold a calling plan."""
    users = [
        User(f"user{at}@contoso.example", location="FR", licences=(Licence(PLAN),)) for at in range(count)
    ]
    tenant = Tenant(TENANT, "Contoso", "FR", "EUR", subscriptions=(Subscription(PLAN, count),))
    with closing(connect_sqlite(url.path)) as link:
        link.execute("begin immediate")
        link.execute("insert into tenants (tenant, document) values (?, ?)", (TENANT, tenant_text(tenant)))
        link.executemany(
            "insert into users (tenant, user_key, document) values (?, ?, ?)",
            [(TENANT, user_key(user), text_of(user)) for user in users],
        )
        link.execute("commit")


async def measure(url: DatabaseUrl) -> None:
    """Asks in turns, so that whatever else the machine does weighs on all."""
    keys, reader = ApiKeys(url), Reader(url)
    _, text = keys.create("bench", None, [MANAGEMENT], 1)
    keyring = Keyring(keys)
    keyring.refresh()
    desk = Desk(SqliteStore(url.path), load_catalogue())
    await desk.start(rounds=False)
    app = management_app(desk, reader, keyring, Decks(url), url=url)
    times: dict[str, list[float]] = {address: [] for address in ADDRESSES}
    headers = {"Authorization": f"Bearer {text}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://bench", headers=headers) as client:
        for _ in range(ROUNDS):
            for address in ADDRESSES:
                began = time.perf_counter()
                answer = await client.get(f"/v1/tenants/{TENANT}/{address}")
                times[address].append(time.perf_counter() - began)
                assert answer.status_code == 200, answer.text
    await desk.stop()
    base = statistics.median(times["status"])
    print(f"{'':24}{'median ms':>10}{'p90 ms':>10}{'ratio':>8}")
    for address, seconds in times.items():
        middle, high = statistics.median(seconds), statistics.quantiles(seconds, n=10)[-1]
        print(f"{address:24}{middle * 1e3:10.1f}{high * 1e3:10.1f}{middle / base:8.1f}")


if __name__ == "__main__":
    sys.exit(main())
