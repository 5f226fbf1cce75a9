"""Who signs in: people, what they are signed in with, their invitations; which person made a key.

Written out like the steps before it. An older ledger has nobody who signs in, and its keys were made by
nobody who is known. There is no way back.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """New tables and a column, for the database at hand."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.add_column("api_keys", sa.Column("person", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "people",
        *_text("upn", "name", "hash", "roles", "partner", "home"),
        *_whole(sqlite, "failures", "locked_until_us", "since_us", "signed_in_us"),
        *_whole(sqlite, "created_us", "disabled_us"),
        sa.PrimaryKeyConstraint("upn", name=op.f("people_pkey")),
        sqlite_strict=True,
    )
    op.create_table(
        "sign_ins",
        sa.Column("hash", sa.LargeBinary, nullable=False),
        *_text("upn", "name", "how", "roles", "tenants"),
        *_whole(sqlite, "begun_us", "seen_us", "ends_us", "ended_us"),
        sa.PrimaryKeyConstraint("hash", name=op.f("sign_ins_pkey")),
        sqlite_strict=True,
    )
    op.create_index("sign_ins_upn", "sign_ins", ["upn"])
    op.create_table(
        "invitations",
        sa.Column("hash", sa.LargeBinary, nullable=False),
        *_text("upn"),
        *_whole(sqlite, "made_us", "ends_us", "used_us"),
        sa.PrimaryKeyConstraint("hash", name=op.f("invitations_pkey")),
        sqlite_strict=True,
    )


def _text(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _whole(sqlite: bool, *names: str) -> list[sa.Column[Any]]:
    kind = sa.Integer() if sqlite else sa.BigInteger()
    zero = sa.text("0")
    return [sa.Column(name, kind, nullable=False, server_default=zero, autoincrement=False) for name in names]
