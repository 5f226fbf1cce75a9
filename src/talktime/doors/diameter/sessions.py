"""Credit-control sessions that this process has granted something to, as far as the door needs them.

Nothing here is charged from: what was used and granted stands in the ledger. A session that is not here (this
process was started again, a peer failed over) is understood anew from its next request.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from talktime.doors.diameter.identity import Understood
    from talktime.doors.diameter.request import CreditRequest

MOST: Final = 200_000
"""Sessions in memory; the one that was silent for longest is forgotten first."""


@dataclass(slots=True)
class Known:
    """A session in progress. `peer`: over whose link it came; `wants_more`: its grant is the last one."""

    session_id: str
    call_id: str
    origin_host: str
    origin_realm: str
    peer: str
    who: Understood
    wants_more: bool = False


class Sessions:
    """Sessions by who opened them: one client cannot meet the session of another by its id."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._known: OrderedDict[tuple[str, str], Known] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[Known]:
        return iter(self._known.values())

    def of(self, request: CreditRequest) -> Known | None:
        """The session of a request, if it is in memory."""
        return self._known.get((request.origin_host, request.session_id))

    def granted(self, request: CreditRequest, peer: str, who: Understood, *, final: bool) -> None:
        """The session may go on; `final`: for the last time, unless money comes."""
        key = (request.origin_host, request.session_id)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = Known(
                request.session_id, request.call_id, request.origin_host, request.origin_realm, peer, who
            )
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        known.peer, known.wants_more = peer, final

    def ended(self, origin_host: str, session_id: str) -> None:
        """The session is over, or nobody knows it any more."""
        self._known.pop((origin_host, session_id), None)
