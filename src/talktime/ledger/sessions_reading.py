"""Small questions about calls and money beside the engine: whose is a session, which are over, what is there.

A door that speaks to switches by itself asks them for the few calls that it has in hand. Each is one short
transaction on a connection of its own, by keys; the functions block and raise StoreAway.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import sqlalchemy as sa

from talktime.core.credits import usable
from talktime.ledger.database import DatabaseUrl, open_engine
from talktime.ledger.reading import away_is_said
from talktime.ledger.records import Lot
from talktime.ledger.schema import table

CHUNK: Final = 500
"""Keys of one statement."""

# Written as a number into the statement: an index over a part of the rows serves no other spelling.
_OPEN: Final[sa.ColumnElement[int]] = sa.literal_column("1")

_lots: Final = msgspec.json.Decoder(list[Lot])


def tenant_with_session(url: DatabaseUrl, call_id: str, tenants: Sequence[str]) -> str | None:
    """The first of these tenants that has a session of this id, open or closed; None where none has.

    The memory of a start that was denied is no session, unless no tenant has a better one.
    """
    sessions = table(url.kind, "sessions")
    found: dict[str, int] = {}
    with away_is_said(), open_engine(url).connect() as db:
        for some in _chunks(tenants):
            asked = sa.select(sessions.c.tenant, sessions.c.state)
            asked = asked.where(sessions.c.tenant.in_(some), sessions.c.call_id == call_id)
            found.update((tenant, state) for tenant, state in db.execute(asked))
    known = [tenant for tenant in tenants if tenant in found]
    return next((tenant for tenant in known if found[tenant]), known[0] if known else None)


def not_open(url: DatabaseUrl, tenant: str, call_ids: Sequence[str]) -> set[str]:
    """Those of these calls that are in progress no longer, or never were."""
    sessions = table(url.kind, "sessions")
    over = set(call_ids)
    with away_is_said(), open_engine(url).connect() as db:
        for some in _chunks(call_ids):
            asked = sa.select(sessions.c.call_id).where(
                sessions.c.tenant == tenant, sessions.c.call_id.in_(some), sessions.c.state == _OPEN
            )
            over.difference_update(db.scalars(asked))
    return over


def available(url: DatabaseUrl, tenants: Sequence[str], now_us: int) -> dict[str, int]:
    """The money that each of these tenants could spend at an instant, in micros; below 0 where more is owed.

    What calls have reserved, and what has expired though nobody has forfeited it yet, does not count. A
    tenant that does not exist is absent.
    """
    wallets = table(url.kind, "wallets")
    found = {}
    with away_is_said(), open_engine(url).connect() as db:
        for some in _chunks(tenants):
            asked = sa.select(wallets.c.tenant, wallets.c.lots, wallets.c.overdraft)
            for tenant, lots, overdraft in db.execute(asked.where(wallets.c.tenant.in_(some))):
                free = sum(usable(lot.left - lot.held, lot.expires_us, now_us) for lot in _lots.decode(lots))
                found[tenant] = free - overdraft
    return found


def _chunks(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(keys), CHUNK):
        yield keys[at : at + CHUNK]
