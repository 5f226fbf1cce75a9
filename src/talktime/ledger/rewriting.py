"""Charges written anew without names, and their counters with them; the small steps of forgetting.

Charges are never updated by the engine, so their texts may be rewritten beside it; counters are in its
memory, so they change under the wallet's lock and with a new version only (rulings.md 33).
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

import sqlalchemy as sa

from talktime.ledger.forgetting import Forgetting
from talktime.ledger.reading import away_is_said
from talktime.ledger.records import Charge, ChargeBody
from talktime.ledger.usage_reading import CallKey, key_of, newest_numbers

CHARGE: Final = ", ".join(f"c.{name}" for name in Charge._fields)
PLACE: Final = {"sqlite": "c.id", "postgresql": "c.number"}
"""What charges are found and read by in order: the row's number in the file, or the charge's own."""

LOCK_TIMEOUT_S: Final = 10
"""How long a wallet is waited for that somebody else holds; SQLite's connections wait as long."""

FIND: Final = {"sqlite": "instr", "postgresql": "strpos"}
"""The function that finds a text in another one."""

Move = tuple[str, str, int]
"""(counter, its new name, period)."""


class RewrittenMeanwhileError(Exception):
    """Somebody else has taken names out of these charges since they were read: read them again."""


class Rewritten(NamedTuple):
    """A charge as it is to stand: where it is, its texts, its call, and what counters hold of it.

    `user` is whose call it was, `before` the body that it was made from.
    """

    place: int
    at_us: int
    number: int
    user: str
    user_name: str
    body: str
    call: CallKey
    moves: Mapping[Move, int]
    before: str


def rewritten(place: int, charge: Charge, body: ChargeBody, forgetting: Forgetting) -> Rewritten:
    """A charge without the person; `place` is where it stands."""
    name, text, without = forgetting.charge(charge, body)
    moves = _moves(body, without, charge.amount)
    key = key_of(charge, body)
    return Rewritten(place, charge.at_us, charge.number, body.facts.user, name, text, key, moves, charge.body)


def _moves(before: ChargeBody, after: ChargeBody, amount: int) -> Tally[Move]:
    """What counters hold of a charge, where their names change: seconds of pools, micros of caps."""
    moves: Tally[Move] = Tally()
    for (old, seconds), (new, _) in zip(before.pools, after.pools, strict=True):
        if old != new:
            moves[old, new, before.facts.period] += seconds
    for cap, renamed in zip(before.facts.caps, after.facts.caps, strict=True):
        if cap.counter != renamed.counter:
            moves[cap.counter, renamed.counter, cap.period] += amount
    return moves


def write_charges(db: sa.Connection, tenant: str, rewritten: Sequence[Rewritten]) -> None:
    """Writes names and bodies of charges, each found by its key.

    Raises RewrittenMeanwhileError where one is not what it was made from; the transaction has to end then.
    """
    if not rewritten:
        return
    where = {
        "sqlite": "id = :place and tenant = :tenant",
        "postgresql": "tenant = :tenant and number = :place and at_us = :at_us",
    }[db.dialect.name]
    statement = sa.text(
        f"update charges set user_name = :user_name, body = :body where {where} and body = :before"
    )
    wanted = ("place", "user_name", "body", "before") + (("at_us",) if "at_us" in where else ())
    told = [{name: getattr(row, name) for name in wanted} | {"tenant": tenant} for row in rewritten]
    if db.execute(statement, told).rowcount != len(told):
        raise RewrittenMeanwhileError


def move_counters(db: sa.Connection, tenant: str, rewritten: Sequence[Rewritten]) -> None:
    """What counters hold of the newest charges goes to the counters of the new names.

    A charge that a later one replaced left nothing there; hours that are long over have no counter any more.
    """
    newest = newest_numbers(db, tenant, [row.call for row in rewritten])
    moves: Tally[Move] = Tally()
    for row in rewritten:
        if newest.get(row.call, row.number) == row.number:
            moves.update(row.moves)
    for (old, new, period), used in moves.items():
        told = {"tenant": tenant, "old": old, "period": period, "used": used}
        taken = db.execute(
            sa.text(
                "update counters set used = used - :used"
                " where tenant = :tenant and counter = :old and period = :period"
            ),
            told,
        )
        if taken.rowcount:
            add_to_counter(db, tenant, (new, period, used))
            db.execute(
                sa.text(
                    "delete from counters where tenant = :tenant and counter = :old and period = :period"
                    " and used = 0 and reserved = 0"
                ),
                told,
            )


def add_to_counter(db: sa.Connection, tenant: str, counted: tuple[str, int, int]) -> None:
    """Adds to a counter, which need not be there: (name, period, used)."""
    counter, period, used = counted
    db.execute(
        sa.text(
            "insert into counters (tenant, counter, period, used, reserved)"
            " values (:tenant, :counter, :period, :used, 0)"
            " on conflict (tenant, counter, period) do update set used = counters.used + excluded.used"
        ),
        {"tenant": tenant, "counter": counter, "period": period, "used": used},
    )


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction. Its first statement has to write: SQLite's lock is taken before anything is read."""
    with away_is_said(), engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"set local lock_timeout = '{LOCK_TIMEOUT_S}s'")
        yield connection


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that only reads."""
    with away_is_said(), engine.connect() as connection:
        yield connection
