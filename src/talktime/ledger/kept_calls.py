"""Reads of many calls at once: what was charged live, which rows are booked, the charges of a span of time.

For imports and re-rating, beside the engine and without its locks; what is decided on is looked at again
under the lock of the wallet. Methods block and raise StoreAway.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa

from talktime.ledger.database import DatabaseUrl, open_engine
from talktime.ledger.reading import away_is_said
from talktime.ledger.records import NO_CHARGE, REPAID, USAGE, Charge, Session, State
from talktime.ledger.store import Call, RowKey

_session: Final = msgspec.json.Decoder(Session)

PAGE_ROWS: Final = 2_000
"""Charges that are read at a time."""

_CHARGE: Final = ", ".join(f"c.{name}" for name in Charge._fields)

# Pairs (text, text) and (text, number) as a table of one statement, in the words of each database.
_TEXTS: Final = {
    "sqlite": "(select json_extract(value, '$[0]') a, json_extract(value, '$[1]') b from json_each(:pairs))",
    "postgresql": "(select * from unnest(cast(:first as text[]), cast(:second as text[])) as p(a, b))",
}
_NUMBERS: Final = {
    "sqlite": _TEXTS["sqlite"],
    "postgresql": "(select * from unnest(cast(:first as text[]), cast(:second as bigint[])) as p(a, b))",
}


_AMONG: Final = {
    "sqlite": "select value from json_each(:tenants)",
    "postgresql": "select json_array_elements_text(cast(:tenants as json))",
}


class TenantCharge(NamedTuple):
    """A charge and whose it is."""

    tenant: str
    charge: Charge


class Span(NamedTuple):
    """Charges of calls that started in [from_us, until_us), of these tenants; None for all."""

    from_us: int
    until_us: int
    tenants: tuple[str, ...] | None = None


class KeptCalls:
    """Reads one database."""

    def __init__(self, url: DatabaseUrl) -> None:
        self._kind = url.kind
        self._engine = open_engine(url)

    def charged(self, calls: Sequence[Call]) -> dict[Call, Charge]:
        """The newest charges of those of the asked calls that have a session with one.

        On SQLite charges lie in the order of writing, so those of many calls are found in one look at all.
        """
        with self._reading() as db:
            asked = (
                f"select s.tenant, s.call_id, s.charge from {_TEXTS[self._kind]} p"
                " join sessions s on s.tenant = p.a and s.call_id = p.b"
                f" where s.charge <> {NO_CHARGE}"
            )
            numbers = {
                (tenant, charge): call_id for tenant, call_id, charge in self._ask(db, asked, _parted(calls))
            }
            if not numbers:
                return {}
            asked = (
                f"select c.tenant, {_CHARGE} from charges c"
                f" where (c.tenant, c.number) in {_NUMBERS[self._kind]}"
            )
            found = self._ask(db, asked, _parted(numbers))
            charges = [TenantCharge(row[0], Charge(*row[1:])) for row in found]
        return {
            (tenant, numbers[tenant, charge.number]): charge
            for tenant, charge in charges
            if (tenant, charge.number) in numbers
        }

    def live(self, calls: Sequence[Call]) -> set[Call]:
        """Those of the asked calls that have a session, whatever became of it."""
        asked = (
            f"select s.tenant, s.call_id from {_TEXTS[self._kind]} p"
            " join sessions s on s.tenant = p.a and s.call_id = p.b"
        )
        with self._reading() as db:
            return {(tenant, call_id) for tenant, call_id in self._ask(db, asked, _parted(calls))}

    def booked(self, rows: Sequence[RowKey]) -> set[RowKey]:
        """Those of the asked rows that are booked."""
        asked = (
            f"select i.tenant, i.identity from {_TEXTS[self._kind]} p"
            " join imported i on i.tenant = p.a and i.identity = p.b"
        )
        with self._reading() as db:
            return {(tenant, identity) for tenant, identity in self._ask(db, asked, _parted(rows))}

    def tenants(self) -> dict[str, str]:
        """The currency of each tenant."""
        with self._reading() as db:
            rows = db.execute(sa.text("select tenant, currency from wallets")).all()
        return {tenant: currency for tenant, currency in rows}  # noqa: C416 - rows are no plain pairs

    def balance(self, tenant: str) -> int:
        """The balance of a wallet, in micros."""
        with self._reading() as db:
            asked = sa.text("select balance from wallets where tenant = :tenant")
            return int(db.scalar(asked, {"tenant": tenant}) or 0)

    def expiries(self, tenant: str) -> dict[int, int]:
        """When each lot of a tenant expires, also those that are empty."""
        asked = sa.text("select lot, expires_us from lots where tenant = :tenant and lot > 0")
        with self._reading() as db:
            rows = db.execute(asked, {"tenant": tenant}).all()
        return {lot: expires_us for lot, expires_us in rows}  # noqa: C416 - rows are no plain pairs

    def repaid_last(self, tenant: str) -> int:
        """The lot that was the last to repay overdraft; 0 where none ever did."""
        asked = sa.text(
            "select lot from journal where tenant = :tenant and kind = :kind order by number desc limit 1"
        )
        with self._reading() as db:
            return int(db.scalar(asked, {"tenant": tenant, "kind": REPAID}) or 0)

    def moved(self, tenant: str, first: int, last: int, charges: Sequence[int]) -> int:
        """Micros that the entries first to last moved into `usage` for these charges."""
        import numpy as np

        among, total = np.append(np.sort(np.array(charges, np.int64)), np.iinfo(np.int64).max), 0
        asked = sa.text(
            "select number, charge, case when credit = :usage then amount else -amount end from journal"
            " where tenant = :tenant and number >= :first and number <= :last"
            " and (credit = :usage or debit = :usage) order by number limit :page"
        )
        while True:
            told: dict[str, Any] = {"usage": USAGE, "tenant": tenant, "first": first, "last": last}
            told["page"] = PAGE_ROWS
            with self._reading() as db:
                page = db.execute(asked, told).all()
            of = np.array([charge for _, charge, _ in page], np.int64)
            named = among[np.searchsorted(among, of)] == of
            total += sum(int(amount) for (_, _, amount), is_one in zip(page, named, strict=True) if is_one)
            if len(page) < PAGE_ROWS:
                return total
            first = page[-1][0] + 1

    # --- a span of time --------------------------------------------------------------------------------

    def corrected(self, span: Span) -> set[tuple[str, int]]:
        """(tenant, number) of the charges of a span that another one has replaced."""
        asked = (
            f"select c.tenant, c.corrects from charges c where c.corrects <> {NO_CHARGE}"
            f"{_in_span(span, self._kind)}"
        )
        with self._reading() as db:
            return {(tenant, number) for tenant, number in db.execute(sa.text(asked), _told(span))}

    def count(self, span: Span) -> int:
        """How many charges a span has, those that were replaced too."""
        asked = f"select count(*) from charges c where c.number > 0{_in_span(span, self._kind)}"
        with self._reading() as db:
            return int(db.scalar(sa.text(asked), _told(span)) or 0)

    def in_progress(self, span: Span) -> int:
        """How many calls of a span are not over, so that no charge of them is there yet."""
        among = "" if span.tenants is None else f" and tenant in ({_AMONG[self._kind]})"
        told = _told(span)
        told = {name: told[name] for name in ("tenants",) if name in told}
        asked = sa.text(f"select body from sessions where state = {int(State.OPEN)}{among}")
        with self._reading() as db:
            bodies = [body for (body,) in db.execute(asked, told)]
        starts = [_session.decode(body).facts.base_us for body in bodies]
        return sum(span.from_us <= start_us < span.until_us for start_us in starts)

    def charges(self, span: Span) -> Iterator[TenantCharge]:
        """The charges of a span that are there now, those of one tenant in the order of their numbers.

        Read page by page, each in a transaction of its own: nobody waits for whoever reads.
        """
        return self._in_order_of_writing(span) if self._kind == "sqlite" else self._by_tenant(span)

    def _in_order_of_writing(self, span: Span) -> Iterator[TenantCharge]:
        with self._reading() as db:
            newest = db.scalar(sa.text("select max(id) from charges")) or 0
        after = 0
        asked = sa.text(
            f"select c.id, c.tenant, {_CHARGE} from charges c where c.id > :after and c.id <= :newest"
            f"{_in_span(span, self._kind)} order by c.id limit {PAGE_ROWS}"
        )
        while True:
            with self._reading() as db:
                page = db.execute(asked, _told(span) | {"after": after, "newest": newest}).all()
            for row in page:
                yield TenantCharge(row[1], Charge(*row[2:]))
            if len(page) < PAGE_ROWS:
                return
            after = page[-1][0]

    def _by_tenant(self, span: Span) -> Iterator[TenantCharge]:
        with self._reading() as db:
            newest = db.execute(sa.text("select tenant, charge from wallets order by tenant")).all()
        asked = sa.text(
            f"select {_CHARGE} from charges c where c.tenant = :tenant and c.number > :after"
            f" and c.number <= :newest and c.start_us >= :from_us and c.start_us < :until_us"
            f" order by c.number limit {PAGE_ROWS}"
        )
        for tenant, last in newest:
            if span.tenants is not None and tenant not in span.tenants:
                continue
            after = 0
            while after < last:
                told: dict[str, Any] = {"tenant": tenant, "after": after, "newest": last}
                told |= {"from_us": span.from_us, "until_us": span.until_us}
                with self._reading() as db:
                    page = db.execute(asked, told).all()
                for row in page:
                    yield TenantCharge(tenant, Charge(*row))
                if len(page) < PAGE_ROWS:
                    break
                after = page[-1][0]

    # --- the database ----------------------------------------------------------------------------------

    def _ask(self, db: sa.Connection, asked: str, pairs: tuple[list[str], list[Any]]) -> Iterator[Any]:
        first, second = pairs
        if self._kind == "sqlite":
            text = msgspec.json.encode(list(zip(first, second, strict=True))).decode()
            return iter(db.execute(sa.text(asked), {"pairs": text}))
        return iter(db.execute(sa.text(asked), {"first": first, "second": second}))

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with away_is_said(), self._engine.connect() as connection:
            yield connection


def _parted(pairs: Any) -> tuple[list[str], list[Any]]:
    found = list(pairs)
    return [first for first, _ in found], [second for _, second in found]


def _in_span(span: Span, kind: str) -> str:
    among = "" if span.tenants is None else f" and c.tenant in ({_AMONG[kind]})"
    return f" and c.start_us >= :from_us and c.start_us < :until_us{among}"


def _told(span: Span) -> dict[str, Any]:
    told: dict[str, Any] = {"from_us": span.from_us, "until_us": span.until_us}
    if span.tenants is not None:
        told["tenants"] = msgspec.json.encode(span.tenants).decode()
    return told
