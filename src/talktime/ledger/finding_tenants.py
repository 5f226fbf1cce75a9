"""Tenants found by what their documents say: by name, by administrator, by partner.

The database narrows them down by text; who asks reads the documents and decides. Documents are small, since a
tenant's people have rows of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import sqlalchemy as sa

from talktime.ledger.database import DatabaseUrl, open_engine
from talktime.ledger.reading import away_is_said
from talktime.ledger.schema import table

PAGE: Final = 500
"""Documents that are read at a time."""


class TenantFinder:
    """Reads (tenant, document as JSON). The methods block; they raise StoreAway."""

    def __init__(self, url: DatabaseUrl) -> None:
        self._tenants = table(url.kind, "tenants")
        self._engine = open_engine(url)

    def document(self, tenant: str) -> str | None:
        """The own document of a tenant; None where there is none."""
        own = self._tenants
        with away_is_said(), self._engine.connect() as db:
            return db.scalar(sa.select(own.c.document).where(own.c.tenant == tenant))

    def holding(self, texts: Sequence[str], *, whole: bool) -> Iterator[tuple[str, str]]:
        """Tenants in order of their ids, with at least all documents that hold one of the texts.

        Case aside; `whole`: as a text of its own, else as a part of one. No texts: none; "" is in all.
        """
        own, after = self._tenants, ""
        if not texts:
            return
        asked = sa.select(own.c.tenant, own.c.document).order_by(own.c.tenant).limit(PAGE)
        if all(text.isascii() for text in texts):  # SQLite knows no other letters in two cases
            lowered = sa.func.lower(own.c.document)
            asked = asked.where(sa.or_(*(lowered.like(_pattern(text, whole), escape="~") for text in texts)))
        while True:
            with away_is_said(), self._engine.connect() as db:
                page = db.execute(asked.where(own.c.tenant > after)).all()
            yield from ((row.tenant, row.document) for row in page)
            if len(page) < PAGE:
                return
            after = page[-1].tenant


def _pattern(text: str, whole: bool) -> str:
    quoted = msgspec.json.encode(text.lower()).decode()
    inside = quoted if whole else quoted[1:-1]
    for special in "~%_":
        inside = inside.replace(special, f"~{special}")
    return f"%{inside}%"
