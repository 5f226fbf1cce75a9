"""Notices on their way: outbox rows become deliveries, deliveries are claimed, tried, written down.

Beside the engine and without the lock of a wallet; each write is short and takes many rows at once, since on
SQLite there is one writer at a time and calls come first. A claim is a lease: `due_us` moves on, so what a
worker that died had in hand is due again when the lease has run out. Methods block and raise StoreAway.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from talktime.ledger.database import DatabaseUrl, open_engine
from talktime.ledger.reading import away_is_said
from talktime.ledger.schema import table

MAIL: Final = "mail"
WEBHOOK: Final = "webhook"
CHAT: Final = "chat"
CHANNELS: Final = (MAIL, WEBHOOK, CHAT)

WAITING: Final = "waiting"
SENT: Final = "sent"
FAILED: Final = "failed"

WEBHOOK_PAPER: Final = "webhook"
"""The kind of paper that describes a webhook."""

MAX_LOOKED_AT: Final = 20_000
"""Due deliveries that one claim chooses among: the oldest, so that a backlog costs no more than this."""


class OutboxRow(NamedTuple):
    """A notice that has to be fanned out: what happened, and to whom."""

    id: int
    tenant: str
    at_us: int
    kind: str


class NewDelivery(NamedTuple):
    """A notice for one recipient by one channel."""

    tenant: str
    notice: int
    channel: str
    recipient: str


class Claimed(NamedTuple):
    """A delivery that this worker has in hand until `due_us`, with its notice. `tries` counts this one."""

    tenant: str
    id: int
    notice: int
    at_us: int
    channel: str
    recipient: str
    tries: int
    due_us: int
    happened_us: int
    kind: str
    body: str


class Outcome(NamedTuple):
    """How a try ended: `state` sent, failed, or waiting for the next one at `due_us`; `error` is a sentence.

    `tries` is what counts of the ladder: what was given back untried counts none.

    `lease_us` is the claim's: what was claimed by another worker meanwhile is its affair, unless it was sent.
    """

    tenant: str
    id: int
    lease_us: int
    state: str
    due_us: int
    sent_us: int
    error: str
    tries: int


class KeptDelivery(NamedTuple):
    """A delivery as people see it."""

    id: int
    notice: int
    at_us: int
    channel: str
    recipient: str
    state: str
    tries: int
    due_us: int
    sent_us: int
    error: str


class Deliveries:
    """The deliveries of one database."""

    def __init__(self, url: DatabaseUrl) -> None:
        self._engine = open_engine(url)
        self._deliveries = table(url.kind, "deliveries")
        self._outbox = table(url.kind, "outbox")
        self._papers = table(url.kind, "papers")
        self._tenants = table(url.kind, "tenants")

    # --- outbox -> deliveries ----------------------------------------------------------------------------

    def waiting_notices(self, limit: int) -> list[OutboxRow]:
        """Notices that nobody has fanned out yet, oldest first."""
        outbox = self._outbox
        asked = (
            sa.select(*(outbox.c[name] for name in OutboxRow._fields))
            .where(sa.text("done_us = 0"))
            .order_by(outbox.c.id)
            .limit(limit)
        )
        with away_is_said(), self._engine.connect() as db:
            return [OutboxRow._make(row) for row in db.execute(asked)]

    def fan_out(self, deliveries: Mapping[int, Sequence[NewDelivery]], now_us: int) -> int:
        """Writes the deliveries of notices, {number: deliveries}, and marks the notices: all or nothing.

        What another worker has fanned out meanwhile is left alone. Returns how many notices were marked.
        """
        outbox = self._outbox
        mark = (
            sa.update(outbox)
            .where(outbox.c.id.in_(deliveries), sa.text("done_us = 0"))
            .values(done_us=now_us)
            .returning(outbox.c.id)
        )
        with away_is_said(), self._engine.begin() as db:
            marked = db.scalars(mark).all()  # the first statement writes: it waits its turn on SQLite
            rows = [
                {**new._asdict(), "at_us": now_us, "due_us": now_us, "state": WAITING, "error": ""}
                for number in sorted(marked)
                for new in deliveries[number]
            ]
            if rows:
                db.execute(sa.insert(self._deliveries), rows)
        return len(marked)

    def tenants(self, names: Collection[str]) -> dict[str, str]:
        """The tenants' own documents, JSON by tenant; one that does not exist is absent."""
        tenants = self._tenants
        asked = sa.select(tenants.c.tenant, tenants.c.document).where(tenants.c.tenant.in_(names))
        with away_is_said(), self._engine.connect() as db:
            return {tenant: document for tenant, document in db.execute(asked)}  # noqa: C416 - rows, no pairs

    def webhooks(self, names: Collection[str]) -> list[tuple[str, str, str]]:
        """(tenant, id, document) of all webhooks of some tenants, in order."""
        papers = self._papers
        asked = (
            sa.select(papers.c.tenant, papers.c.key, papers.c.document)
            .where(papers.c.tenant.in_(names), papers.c.kind == WEBHOOK_PAPER)
            .order_by(papers.c.tenant, papers.c.key)
        )
        with away_is_said(), self._engine.connect() as db:
            return [(tenant, key, document) for tenant, key, document in db.execute(asked)]

    # --- deliveries that are due -------------------------------------------------------------------------

    def claim(
        self,
        channel: str,
        now_us: int,
        lease_us: int,
        limit: int,
        each: int,
        passed_over: Collection[tuple[str, str]] = (),
    ) -> list[Claimed]:
        """Takes due deliveries of a channel in hand until `lease_us`, oldest first.

        At most `each` of one destination, so that a full one holds up no other: a webhook or a chat room is
        one, mail goes by one server and there a tenant is. `passed_over`: (tenant, recipient) that are not to
        be taken now; recipient "" passes over all of a tenant. Each claim counts as a try.
        """
        chosen = self._chosen(channel, now_us, limit, each, passed_over)
        if not chosen:
            return []
        table_ = self._deliveries
        take = (
            sa.update(table_)
            .where(
                sa.tuple_(table_.c.tenant, table_.c.id).in_(chosen),
                sa.text("state = 'waiting'"),
                table_.c.due_us <= now_us,
            )
            .values(due_us=lease_us, tries=table_.c.tries + 1)
            .returning(*(table_.c[name] for name in Claimed._fields[:8]))
        )
        with away_is_said(), self._engine.begin() as db:
            taken = db.execute(take).all()
        return self._with_notices([tuple(row) for row in taken])

    def _chosen(
        self, channel: str, now_us: int, limit: int, each: int, passed_over: Collection[tuple[str, str]]
    ) -> list[tuple[str, int]]:
        """Looks, without a lock, which deliveries to take."""
        known = self._deliveries.c
        destination = [known.tenant] if channel == MAIL else [known.tenant, known.recipient]
        due = sa.select(known.tenant, known.id, known.recipient, known.due_us).where(
            sa.text("state = 'waiting'"), known.due_us <= now_us, known.channel == channel
        )
        whole = [tenant for tenant, recipient in passed_over if not recipient]
        single = [pair for pair in passed_over if pair[1]]
        if whole:
            due = due.where(known.tenant.not_in(whole))
        if single:
            due = due.where(sa.tuple_(known.tenant, known.recipient).not_in(single))
        oldest = due.order_by(known.due_us, known.id).limit(MAX_LOOKED_AT).subquery()
        place = sa.func.row_number().over(
            partition_by=[oldest.c[column.name] for column in destination],
            order_by=[oldest.c.due_us, oldest.c.id],
        )
        placed = sa.select(oldest, place.label("place")).subquery()
        asked = (
            sa.select(placed.c.tenant, placed.c.id)
            .where(placed.c.place <= each)
            .order_by(placed.c.due_us, placed.c.id)
            .limit(limit)
        )
        with away_is_said(), self._engine.connect() as db:
            return [(tenant, number) for tenant, number in db.execute(asked)]

    def _with_notices(self, taken: Sequence[tuple[Any, ...]]) -> list[Claimed]:
        """Claims with what they are about; in the order of their ids."""
        if not taken:
            return []
        outbox = self._outbox
        keys = sorted({(row[0], row[2]) for row in taken})
        asked = sa.select(outbox.c.tenant, outbox.c.id, outbox.c.at_us, outbox.c.kind, outbox.c.body).where(
            sa.tuple_(outbox.c.tenant, outbox.c.id).in_(keys)
        )
        with away_is_said(), self._engine.connect() as db:
            notices = {(row[0], row[1]): tuple(row)[2:] for row in db.execute(asked)}
        gone = (0, "", "")
        claimed = [Claimed(*row, *notices.get((row[0], row[2]), gone)) for row in taken]
        return sorted(claimed, key=lambda each: each.id)

    def write(self, outcomes: Iterable[Outcome]) -> None:
        """Writes how tries ended, in one transaction."""
        known = self._deliveries.c
        own = sa.and_(
            known.tenant == sa.bindparam("of"),
            known.id == sa.bindparam("number"),
            sa.text("state = 'waiting'"),
        )
        sent = sa.update(self._deliveries).where(own).values(state=SENT, sent_us=sa.bindparam("at"), error="")
        other = (
            sa.update(self._deliveries)
            .where(own, known.due_us == sa.bindparam("lease"))
            .values(
                state=sa.bindparam("now"),
                due_us=sa.bindparam("due"),
                error=sa.bindparam("why"),
                tries=sa.bindparam("count"),
            )
        )
        done, rest = [], []
        for outcome in outcomes:
            which = {"of": outcome.tenant, "number": outcome.id}
            if outcome.state == SENT:
                done.append({**which, "at": outcome.sent_us})
            else:
                more = {"now": outcome.state, "due": outcome.due_us, "why": outcome.error}
                more["count"] = outcome.tries
                rest.append({**which, **more, "lease": outcome.lease_us})
        if not done and not rest:
            return
        with away_is_said(), self._engine.begin() as db:
            if done:
                db.execute(sent, done)
            if rest:
                db.execute(other, rest)

    # --- for people --------------------------------------------------------------------------------------

    def of_notices(self, tenant: str, notices: Collection[int]) -> dict[int, list[KeptDelivery]]:
        """The deliveries of some notices by notice; one that has none went to nobody, or is still to go."""
        known = self._deliveries.c
        asked = (
            sa.select(*(known[name] for name in KeptDelivery._fields))
            .where(known.tenant == tenant, known.notice.in_(notices))
            .order_by(known.id)
        )
        found: dict[int, list[KeptDelivery]] = {number: [] for number in notices}
        with away_is_said(), self._engine.connect() as db:
            for row in db.execute(asked):
                found[row.notice].append(KeptDelivery._make(row))
        return found

    def replay(
        self, tenant: str, notice: int, now_us: int, channel: str = "", recipient: str = ""
    ) -> int | None:
        """Puts what was sent or has failed back to waiting, from the first rung; returns how many.

        `channel`, `recipient`: only these. A notice that went to nobody is fanned out again, and counts 0:
        somebody may hold the role now. None where there is no such notice. Ids stay as they were, so a
        receiver knows a repeat.
        """
        known, outbox = self._deliveries.c, self._outbox
        own = sa.and_(known.tenant == tenant, known.notice == notice)
        wanted = own
        if channel:
            wanted = sa.and_(wanted, known.channel == channel)
        if recipient:
            wanted = sa.and_(wanted, known.recipient == recipient)
        again = (
            sa.update(self._deliveries)
            .where(wanted, known.state != WAITING)
            .values(state=WAITING, tries=0, at_us=now_us, due_us=now_us, sent_us=0, error="")
        )
        with away_is_said(), self._engine.begin() as db:
            count = db.execute(again).rowcount
            its = sa.and_(outbox.c.tenant == tenant, outbox.c.id == notice)
            if db.scalar(sa.select(sa.func.count()).select_from(outbox).where(its)) != 1:
                return None
            if not db.scalar(sa.select(sa.func.count()).select_from(self._deliveries).where(own)):
                db.execute(sa.update(outbox).where(its).values(done_us=0))
        return count

    def stock(self) -> dict[tuple[str, str], int]:
        """How many deliveries wait, by channel and whether one was tried: `new` or `again`; notices too."""
        known = self._deliveries.c
        tried = sa.case((known.tries > 0, "again"), else_="new")
        asked = (
            sa.select(known.channel, tried, sa.func.count())
            .where(sa.text("state = 'waiting'"))
            .group_by(known.channel, tried)
        )
        unfanned = sa.select(sa.func.count()).select_from(self._outbox).where(sa.text("done_us = 0"))
        with away_is_said(), self._engine.connect() as db:
            found = {(channel, word): count for channel, word, count in db.execute(asked)}
            found["outbox", "new"] = db.scalar(unfanned) or 0
        return found
