"""A notice again: what is written when somebody asks for it, beside the engine as all deliveries are."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from talktime.ledger.database import DatabaseUrl, open_engine
from talktime.ledger.deliveries import MAIL, WAITING, NewDelivery, OutboxRow
from talktime.ledger.reading import away_is_said
from talktime.ledger.schema import table


def notice_of(url: DatabaseUrl, tenant: str, notice: int) -> OutboxRow | None:
    """One notice of a tenant; None where it has none of this number. Raises StoreAway."""
    outbox = table(url.kind, "outbox")
    asked = sa.select(*(outbox.c[name] for name in OutboxRow._fields)).where(
        outbox.c.tenant == tenant, outbox.c.id == notice
    )
    with away_is_said(), open_engine(url).connect() as db:
        row = db.execute(asked).one_or_none()
        return None if row is None else OutboxRow._make(row)


def write_again(url: DatabaseUrl, row: OutboxRow, today: Sequence[NewDelivery], now_us: int) -> int:
    """Has a notice go to `today` and to nobody else; returns how many deliveries were put to waiting.

    Who got it, or should have, has the same delivery again from the first rung, with its id, so that a repeat
    is known as one; who is new has a new one. What was sent to others stays as it was. Raises StoreAway.
    """
    outbox, kept = table(url.kind, "outbox"), table(url.kind, "deliveries")
    its = sa.and_(outbox.c.tenant == row.tenant, outbox.c.id == row.id)
    done = sa.case((outbox.c.done_us == 0, now_us), else_=outbox.c.done_us)
    own = sa.and_(kept.c.tenant == row.tenant, kept.c.notice == row.id)
    fresh = {"state": WAITING, "at_us": now_us, "due_us": now_us, "error": ""}
    with away_is_said(), open_engine(url).begin() as db:
        db.execute(sa.update(outbox).where(its).values(done_us=done))  # no fan-out, no second one beside it
        wanted = {_key(each.channel, each.recipient): each for each in today}
        found = db.execute(sa.select(kept.c.id, kept.c.channel, kept.c.recipient, kept.c.state).where(own))
        known = {number: (_key(channel, name), state) for number, channel, name, state in found}
        again = [number for number, (key, state) in known.items() if key in wanted and state != WAITING]
        there = {key for key, _ in known.values()}
        new = [{**each._asdict(), **fresh} for key, each in wanted.items() if key not in there]
        if again:
            db.execute(
                sa.update(kept).where(own, kept.c.id.in_(again)).values(**fresh, tries=0, sent_us=0),
            )
        if new:
            db.execute(sa.insert(kept), new)
    return len(again) + len(new)


def _key(channel: str, recipient: str) -> tuple[str, str]:
    """What is one recipient: a mail address in any letter case."""
    return channel, recipient.casefold() if channel == MAIL else recipient
