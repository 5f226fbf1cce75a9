"""Money outside and who is told: payments, papers, deliveries, what was paid a day; roles of keys.

Written out like the steps before it. What a ledger holds stays as it is: an older wallet has no standing
yet, an older key no roles; `days` begins empty, since an older ledger did not count them. Notices that were
written before anybody was told are marked as done: nobody wants to hear today of years ago. There is no way
back.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_NEVER_US = 2**62
_UNRESOLVED = "kind = 'recharge' and state in ('created', 'submitted', 'requires_action', 'unknown')"


def upgrade() -> None:
    """New tables and columns, for the database at hand."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.add_column("wallets", sa.Column("standing", sa.Text, nullable=False, server_default=""))
    op.add_column("api_keys", sa.Column("roles", sa.Text, nullable=False, server_default=""))
    _days(sqlite)
    _payments(sqlite)
    _papers(sqlite)
    _deliveries(sqlite)
    op.execute("update outbox set done_us = at_us where done_us = 0")


def _text(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _whole(sqlite: bool, *names: str, default: str | None = None) -> list[sa.Column[Any]]:
    kind = sa.Integer() if sqlite else sa.BigInteger()
    given = None if default is None else sa.text(default)
    return [
        sa.Column(name, kind, nullable=False, server_default=given, autoincrement=False) for name in names
    ]


def _index(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def _days(sqlite: bool) -> None:
    op.create_table(
        "days",
        *_text("tenant"),
        *_whole(sqlite, "day", "paid", "calls"),
        sa.PrimaryKeyConstraint("tenant", "day", name=op.f("days_pkey")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _payments(sqlite: bool) -> None:
    op.create_table(
        "payments",
        *_text("tenant", "payment", "kind", "state"),
        *_whole(sqlite, "at_us", "due_us", "amount"),
        *_text("gateway", "gateway_payment", "body"),
        sa.PrimaryKeyConstraint("tenant", "payment", name=op.f("payments_pkey")),
        sa.CheckConstraint("amount > 0", name=op.f("payments_amount_check")),
        sqlite_strict=True,
    )
    _index("payments_unresolved", "payments", ["tenant"], _UNRESOLVED, unique=True)
    taken = ["tenant", "gateway", "gateway_payment"]
    _index("payments_taken", "payments", taken, "gateway_payment <> ''", unique=True)
    _index("payments_due", "payments", ["due_us"], f"due_us < {_NEVER_US}")
    op.create_index("payments_at", "payments", ["tenant", "at_us"])


def _papers(sqlite: bool) -> None:
    op.create_table(
        "papers",
        *_text("tenant", "kind", "key"),
        *_whole(sqlite, "at_us"),
        *_text("document"),
        sa.PrimaryKeyConstraint("tenant", "kind", "key", name=op.f("papers_pkey")),
        sqlite_strict=True,
    )


def _deliveries(sqlite: bool) -> None:
    row_id = (
        [sa.Column("id", sa.Integer, primary_key=True), *_text("tenant")]
        if sqlite
        else [*_text("tenant"), sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False)]
    )
    key = [] if sqlite else [sa.PrimaryKeyConstraint("tenant", "id", name=op.f("deliveries_pkey"))]
    op.create_table(
        "deliveries",
        *row_id,
        *_whole(sqlite, "notice", "at_us"),
        *_text("channel", "recipient", "state"),
        *_whole(sqlite, "tries", "due_us", "sent_us", default="0"),
        *_text("error"),
        *key,
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )
    _index("deliveries_due", "deliveries", ["due_us"], "state = 'waiting'")
    op.create_index("deliveries_notice", "deliveries", ["tenant", "notice"])
