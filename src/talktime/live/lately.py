"""Tenants that people asked for lately, ready to be asked again.

Reading thousands of people takes tens of milliseconds; as long as the documents of a tenant have the same
version, what was made of them stands.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Final

from talktime.live.tenant import LiveTenant, live_tenant

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.catalog.model import Catalogue
    from talktime.ledger.reading import Reader

MOST: Final = 64
"""Tenants that are kept; the one that was asked for longest ago goes first."""


class Lately:
    """Tenants by id, each with the version that it was made of. `of` blocks: call it in a thread."""

    def __init__(self, reader: Reader, catalogue: Catalogue) -> None:
        self._reader = reader
        self._catalogue = catalogue
        self._known: OrderedDict[str, tuple[int, LiveTenant]] = OrderedDict()
        self._lock = Lock()

    def tenant(self, name: str) -> Tenant | None:
        """What the tenant has set, without what charging makes of it; None where there is none."""
        live = self.of(name)
        return None if live is None else live.tenant

    def of(self, tenant: str) -> LiveTenant | None:
        """The tenant as it is stored; None where there is none."""
        # The version first: documents that are newer than it are read again next time, never the reverse.
        version = self._reader.config_version(tenant)
        if version is None:
            return None
        with self._lock:
            known = self._known.get(tenant)
            if known is not None and known[0] == version:
                self._known.move_to_end(tenant)
                return known[1]
        documents = self._reader.documents(tenant)
        if documents is None:
            return None
        made = live_tenant(documents, self._catalogue)
        with self._lock:
            self._known[tenant] = (version, made)
            if len(self._known) > MOST:
                self._known.popitem(last=False)
        return made
