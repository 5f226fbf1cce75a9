"""Whose call is it? The tenants that know a call by its id, for people who only have the id.

Keys begin with the tenant, so this looks through all sessions and all rows that were imported: a question for
a person, not for a call.
"""

from __future__ import annotations

import sqlalchemy as sa

from talktime.ledger.database import DatabaseUrl, open_engine
from talktime.ledger.reading import away_is_said
from talktime.ledger.schema import table


def tenants_of_call(url: DatabaseUrl, call_id: str, limit: int) -> list[str]:
    """The first tenants, in order, that know a call of this id, or a row of it. Raises StoreAway."""
    sessions, rows = table(url.kind, "sessions"), table(url.kind, "imported")
    either = sa.union(
        sa.select(sessions.c.tenant).where(sessions.c.call_id == call_id),
        sa.select(rows.c.tenant).where((rows.c.identity == call_id) | (rows.c.call_id == call_id)),
    )
    known = either.subquery()
    asked = sa.select(known.c.tenant).order_by(known.c.tenant).limit(limit)
    with away_is_said(), open_engine(url).connect() as db:
        return list(db.scalars(asked))
