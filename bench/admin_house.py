"""The ledger and the server of `bench_admin.py`: a tenant of many calls and users, and somebody signed in.

The month is that of `bench_invoice.py`, moved so that its newest call is of today; the tenants that calls in
progress are played on are those of `bench_live.py`.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from talktime.accounts.signing_in import NotSignedIn, SigningIn
from talktime.client import Management
from talktime.ledger.api_keys import LIVE, MANAGEMENT, ApiKeys
from talktime.ledger.database import connect_sqlite, open_url

DAY_US = 86_400_000_000
DAYS = 27
"""From the first call to the last: within what a report of 28 days shows."""

PASSWORD = "correct horse battery staple"
UPN = "global@contoso.example"


class AdminHouse(NamedTuple):
    """A running `talktime serve`. `cookies`: those of a global administrator of contoso."""

    url: str
    port: int
    live_pid: int
    key: str
    cookies: dict[str, str]
    call: str


@contextmanager
def admin_house(charges: int, users: int, tenants: int) -> Iterator[AdminHouse]:
    """A ledger with so many calls and users of contoso, and so many small tenants; served until the end."""
    from bench.live_stores import SqliteKeeper, prepared
    from tests.browser.centers import Serving
    from tests.browser.people import sign_in

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-admin-")))
        database = prepared(SqliteKeeper(folder), tenants)
        _fill(database, charges, users)
        _invite(database)
        _, key = ApiKeys(open_url(database)).create("bench", None, (LIVE, MANAGEMENT), _now_us())
        process = stack.enter_context(Serving(database, folder, 9))  # nobody takes mail there
        process.start()
        with Management(f"http://127.0.0.1:{process.port}", key) as management:
            contoso = management.tenant("contoso")
            contoso.administrators.put([{"upn": UPN, "roles": ["global_administrator"]}])
            contoso.credits.record("50000", "EUR", reference="bench")
            call = next(contoso.calls.pages(limit=1).items()).call_id
        cookies = sign_in(process.admin_url, UPN, PASSWORD)
        pid = process.part("live").pid
        yield AdminHouse(process.admin_url, process.port, pid, key, cookies, call)


def _now_us() -> int:
    return time.time_ns() // 1_000


def _fill(database: str, charges: int, users: int) -> None:
    """Rows as the engine writes them, the last one of an hour ago."""
    from bench import bench_invoice
    from bench.bench_pages import people

    began_us = _now_us() - DAYS * DAY_US
    today = time.gmtime()
    bench_invoice.START_US = began_us
    bench_invoice.MONTH_US = 2 * DAYS * DAY_US * 10 // 11  # it fills 11 of 20 parts of it
    bench_invoice.MONTH = today.tm_year * 12 + today.tm_mon - 1
    url = open_url(database)
    bench_invoice.fill(url, charges)
    people(url, users)
    with closing(connect_sqlite(url.path)) as link:
        link.execute("pragma wal_checkpoint(truncate)")


def _invite(database: str) -> None:
    house = SigningIn(open_url(database), _now_us)
    token = house.invite(UPN, "Global", who="bench")
    assert isinstance(token, str), token
    assert not isinstance(house.accept(token, PASSWORD), NotSignedIn)
