"""The step to schema 0003: what an older ledger holds is still right, and its old notices reach nobody."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import command

from talktime.ledger import database as ledger_database
from talktime.ledger.database import DatabaseUrl, open_engine, open_url, upgrade
from talktime.ledger.deliveries import Deliveries
from talktime.ledger.verify import verify
from tests.databases import empty_database

__all__ = ["empty_database"]  # a fixture

ROWS = [
    {"tenant": tenant, "at_us": at_us, "kind": "balance_zero", "body": "{}", "done_us": 0}
    for tenant in ("contoso", "fabrikam")
    for at_us in (1_700_000_000_000_000, 1_700_000_000_000_001)
]


def brought_to(url: DatabaseUrl, step: str) -> None:
    """Makes an empty database one of an older Talktime."""
    config = ledger_database._config()
    if url.kind == "sqlite":
        ledger_database._make_file(url.path)
    with ledger_database._engine(url, "begin").begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, step)


def test_notices_from_before_anybody_was_told_are_done(empty_database: str) -> None:
    url = open_url(empty_database)
    brought_to(url, "0002")
    columns = "tenant, at_us, kind, body, done_us"
    insert = f"insert into outbox ({columns}) values (:tenant, :at_us, :kind, :body, :done_us)"
    with open_engine(url).begin() as db:
        db.execute(sa.text(insert), ROWS)
    upgrade(url)
    assert Deliveries(url).waiting_notices(10) == []
    with open_engine(url).begin() as db:
        kept = db.execute(sa.text("select tenant, at_us, done_us from outbox order by tenant, at_us")).all()
        assert [tuple(row) for row in kept] == [(row["tenant"], row["at_us"], row["at_us"]) for row in ROWS]
        assert db.execute(sa.text("select count(*) from days")).scalar() == 0
        db.execute(sa.text(insert), [{**ROWS[0], "at_us": 1_800_000_000_000_000}])
    assert [row.tenant for row in Deliveries(url).waiting_notices(10)] == ["contoso"]
    assert verify(url).is_clean
