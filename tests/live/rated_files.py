"""Rated files put together by hand, and what is done with them: imports and re-ratings beside live calls.

Every call of `ann` to London costs a cent a second beyond her tenant's three minutes; the sums are worked out
here, not by the product.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from talktime.core.deck import Deck
from talktime.core.limits import ALWAYS_US, NEVER_US
from talktime.files.call_columns import CALL_COLUMNS
from talktime.files.read_rated import open_rated
from talktime.files.report import Report
from talktime.files.write_calls import write_report
from talktime.ledger.dry_store import DryStore
from talktime.ledger.kept_calls import KeptCalls, Span
from talktime.ledger.postgres_store import PostgresStore
from talktime.ledger.sqlite_store import SqliteStore
from talktime.ledger.verify import Verified, verify
from talktime.live.desk import Desk
from talktime.live.import_run import Import, ImportReport
from talktime.live.rated_calls import Wanted
from talktime.live.rerate_run import RerateReport, Rerating, What
from tests.insight.made_runs import SCHEMA
from tests.live.live_desk import NOON_US, SECOND, LiveDesk

T = TypeVar("T")

A_SECOND = 10_000
"""Micros of a second to London."""

LONDON, PARIS, NOWHERE = "+442071838750", "+33142685300", "+263242700000"
ANN, DAN = "ann@example.com", "dan@example.com"

_CHARGED = {
    "state": "charged",
    "category": "calling_plan_domestic",
    "rule": "calling_plan_domestic: a call in the domestic group",
    "call_type": "user_out",
    "number_type": "toll",
    "callee": LONDON,
    "user": ANN,
    "location": "GB",
    "prefix": "44",
    "price_per_minute": 600_000_000,
    "first_price_per_minute": 600_000_000,
    "connection_fee": 0,
    "first_seconds": 1,
    "step_seconds": 1,
    "increments": "after_first",
    "rounding": "half_up 6",
    "currency": "USD",
    "deck": "half_up 6",
    "source": "made.csv",
}
_EMPTY: dict[str, Any] = {column.name: "" for column in CALL_COLUMNS}
_EMPTY |= {
    column.name: 0 for column in CALL_COLUMNS if SCHEMA[column.kind] not in (pl.String, pl.Categorical)
}
_EMPTY |= {"price_per_minute": None, "first_price_per_minute": None, "connection_fee": None}
_EMPTY |= {"first_seconds": None, "step_seconds": None, "balance_after": None}

Row = dict[str, Any]


def row(id_: str, seconds: int = 60, pool_s: int = 0, at_s: int = -3600, **other: Any) -> Row:
    """A call of ann to London that began `at_s` from noon; `pool_s` of it were included minutes."""
    start_us, amount = NOON_US + at_s * SECOND, (seconds - pool_s) * A_SECOND
    told = {
        "id": id_,
        "call_id": f"call-{id_}",
        "start": start_us,
        "end": start_us + seconds * SECOND,
        "duration_seconds": seconds,
        "billed_seconds": seconds,
        "pool_seconds": pool_s,
        "paid_seconds": seconds - pool_s,
        "amount": amount,
        "post_usage": amount,
    }
    return _EMPTY | _CHARGED | told | other


def dan(id_: str, seconds: int = 60, at_s: int = -3600, **other: Any) -> Row:
    """A call of dan to London: he has no minutes, all of it costs money."""
    paid = {"user": DAN, "category": "pay_as_you_go", "rule": "pay_as_you_go: a Pay-As-You-Go user"}
    return row(id_, seconds, 0, at_s, **paid | other)


def free(id_: str, seconds: int = 61) -> Row:
    """A call that came in: it costs nothing and is billed in minutes."""
    unpriced = {name: _EMPTY[name] for name in ("prefix", "price_per_minute", "first_price_per_minute")}
    unpriced |= {
        name: _EMPTY[name] for name in ("connection_fee", "first_seconds", "step_seconds", "increments")
    }
    unpriced |= {"rounding": "", "state": "free", "category": "included_inbound", "call_type": "user_in"}
    billed_s = -(-seconds // 60) * 60
    money = {
        "billed_seconds": billed_s,
        "amount": 0,
        "post_usage": 0,
        "caller": PARIS,
        "callee": "+441174960000",
    }
    return row(id_, seconds, **unpriced | money | {"rule": "included_inbound: calls that come in are free"})


def uncharged(id_: str, state: str) -> Row:
    """A row that is not charged."""
    return row(id_, 0) | {"state": state, "duration_seconds": 60}


def written(path: Path, rows: Sequence[Mapping[str, Any]], tenant: str = "plain") -> Path:
    """A report of these rows, of a run that was made for `tenant`, or for nobody ("")."""
    columns = []
    for column in CALL_COLUMNS:
        kind = SCHEMA[column.kind]
        dtype = pl.Int64 if isinstance(kind, pl.Datetime) else kind
        values = pl.Series(column.name, [each[column.name] for each in rows], dtype=dtype)
        columns.append(values.cast(kind))
    calls = pl.DataFrame(columns)
    facts = {
        "id": tenant or "default",
        "name": "",
        "country": "GB",
        "currency": "USD",
        "time_zone": "UTC",
        "stated": True,
    }
    document = {"layout": 1, "tenant": facts if tenant else facts | {"stated": False}}
    write_report(path, Report(calls, "USD", sample=False, document=document, sheets=lambda: ()))
    return path


def booked(
    desk: LiveDesk, path: Path, *, tenant: str = "", match: str = "call_id", dry_run: bool = False
) -> ImportReport:
    """Imports a file through the first desk; a dry run through one of its own."""
    file = open_rated(path, match)
    kept = KeptCalls(desk.url)
    wanted = Wanted(file, tenant, match, kept.tenants())

    async def work(own: Desk) -> ImportReport:
        run = Import(own, kept, wanted, source=f"import {path.name}", who="a test", dry_run=dry_run)
        report = await run.book(run.check(lambda *_: None), lambda *_: None)
        assert report.faults == []
        return report

    return on_desk(desk, work, dry_run=dry_run)


def rerated(
    desk: LiveDesk, deck: Deck, *, yes: bool = True, span: Span | None = None, month: int = 0
) -> RerateReport:
    """Re-rates by a deck through the first desk; a dry run through one of its own."""
    kept = KeptCalls(desk.url)
    what = What(span or Span(ALWAYS_US, NEVER_US), month, "a test", "wrong prices")

    async def work(own: Desk) -> RerateReport:
        return await Rerating(own, kept, deck, what, dry_run=not yes).run(lambda *_: None)

    return on_desk(desk, work, dry_run=not yes)


def on_desk(desk: LiveDesk, work: Callable[[Desk], Coroutine[Any, Any, T]], *, dry_run: bool) -> T:
    """Runs something on the loop of a live desk."""
    return desk._runner.run(_dry(desk, work) if dry_run else work(desk.desks[0]))


async def _dry(desk: LiveDesk, work: Callable[[Desk], Coroutine[Any, Any, T]]) -> T:
    url = desk.url
    store = SqliteStore(url.path) if url.kind == "sqlite" else PostgresStore(url)
    own = Desk(DryStore(store), desk.desks[0].catalogue, clock_us=lambda: desk.now_us)
    await own.start(rounds=False)
    try:
        return await work(own)
    finally:
        await own.stop()


def verified(desk: LiveDesk) -> Verified:
    """What `verify` says of the database of a desk."""
    return verify(desk.url, now_us=desk.now_us)


def charges(desk: LiveDesk, tenant: str = "plain") -> dict[str, tuple[int, ...]]:
    """Call id -> (billed_s, pool_s, amount, credits, post_usage, overdraft) of its newest charge."""
    found = desk.rows(
        "select call_id, billed_s, pool_s, amount, credits, post_usage, overdraft from charges "
        "where tenant = ? order by number",
        tenant,
    )
    return {call_id: tuple(values) for call_id, *values in found}


def everything(desk: LiveDesk) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables that a command may change."""
    tables = ("wallets", "lots", "journal", "charges", "counters", "sessions", "imported", "outbox", "audit")
    return {name: sorted(desk.rows(f"select * from {name}"), key=repr) for name in tables}
