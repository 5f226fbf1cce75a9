"""Lines of the audit log about the installation itself: keys and decks, which belong to no tenant.

What is done to a tenant goes through the engine, which writes its lines with the change. What is done here is
written beside the engine, so each writer puts the line into its own transaction (design.md).
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from talktime.ledger.schema import Kind, table

INSTALLATION: Final = ""
"""In the audit log: what was done to no tenant alone."""

BY_ITSELF: Final = "talktime"
"""How the log names a change that nobody asked for by hand."""


def installation_line(kind: Kind, at_us: int, who: str, what: str, after: str = "") -> sa.Insert:
    """The statement that adds a line at an instant; `after` is JSON, "" where `what` says it all."""
    return tenant_line(kind, INSTALLATION, at_us, who, what, after)


def tenant_line(  # a line has six parts
    kind: Kind, tenant: str, at_us: int, who: str, what: str, after: str = ""
) -> sa.Insert:
    """The same for the log of a tenant, where the installation does something that concerns it."""
    return sa.insert(table(kind, "audit")).values(
        tenant=tenant, at_us=at_us, who=who, what=what, before="", after=after
    )
