"""Rows of rated files that were booked: the table that books each of them once, and finds it by its call id.

Written out like the first step: later changes of `schema.py` leave it as it is. Nothing that a ledger holds
is touched, and there is no way back.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """The table `imported` and its index, for the database at hand."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.create_table(
        "imported",
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("charge", sa.Integer() if sqlite else sa.BigInteger(), nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("tenant", "identity", name=op.f("imported_pkey")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    named = sa.text("call_id <> ''")
    op.create_index(
        "imported_call", "imported", ["tenant", "call_id"], sqlite_where=named, postgresql_where=named
    )
