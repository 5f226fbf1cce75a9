"""Changes that are made only while the tenant is as somebody saw it: two people edit, nobody loses a change.

What was seen is compared in the change itself, under the tenant's lock; between the look and the change
nobody can come. Without a condition every change is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from talktime.accounts.administration import Administration, Outcome
from talktime.accounts.reserved import Refuses, allows, refused_beside
from talktime.accounts.tenant_commands import Edit, edited
from talktime.ledger.commands import Refused

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.accounts.tenant_changes import Change
    from talktime.catalog.model import Catalogue
    from talktime.ledger.decks import Decks
    from talktime.ledger.engine import Engine
    from talktime.ledger.reading import Reader

Still = Callable[["Tenant"], bool]
"""Whether a tenant still is as it was seen."""

CHANGED_MEANWHILE: Final = Refused(
    "changed_meanwhile", "somebody changed this meanwhile; look at it again, then change it"
)


def whatever(tenant: Tenant) -> bool:
    """The condition of somebody who has none."""
    del tenant
    return True


class Expecting(Administration):
    """The same use cases under a condition; refused with `changed_meanwhile` where it does not hold.

    `refuses` is asked for what a change asks beside the operation that lets somebody make it.
    """

    def __init__(
        self,
        engine: Engine,
        reader: Reader,
        decks: Decks,
        catalogue: Catalogue,
        still: Still = whatever,
        refuses: Refuses = allows,
    ) -> None:
        super().__init__(engine, reader, decks, catalogue)
        self._still = still
        self._refuses = refuses

    async def edit(
        self, tenant: str, change: Callable[[Tenant], Change | Refused], what: str, who: str
    ) -> Outcome:
        """Makes any change of a tenant; `what` stands in the audit log."""
        return await self._edit(tenant, change, what, who)

    async def _edit(
        self, tenant: str, change: Callable[[Tenant], Change | Refused], what: str, who: str
    ) -> Outcome:
        def guarded(now: Tenant) -> Change | Refused:
            if not self._still(now):
                return CHANGED_MEANWHILE
            made = change(now)
            if isinstance(made, Refused):
                return made
            return refused_beside(now, made.tenant, self._catalogue, self._refuses) or made

        return await edited(self._engine, Edit(tenant, guarded, self._catalogue, what, who))
