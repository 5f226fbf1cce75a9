"""Credit-control sessions that this process has granted something to, as far as the door needs them.

Nothing here is charged from: what was used and granted stands in the ledger. A session that is not here (this
process was started again, a peer failed over) is understood anew from its next request.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from talktime.doors.diameter.identity import Understood
    from talktime.doors.diameter.request import CreditRequest

MOST: Final = 200_000
"""Sessions in memory; the one that was silent for longest is forgotten first."""

LONGEST_ID: Final = 1_024
"""Bytes of memory are not a client's to choose: a session of a longer id is understood from each request."""


@dataclass(slots=True, eq=False)
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
        self._of_tenant: Counter[str] = Counter()
        self._short: defaultdict[str, dict[int, Known]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[Known]:
        return iter(self._known.values())

    def __contains__(self, known: Known) -> bool:
        return self._known.get(_key(known.origin_host, known.session_id)) is known

    @property
    def tenants(self) -> Iterable[str]:
        """Whose sessions are in memory."""
        return self._of_tenant.keys()

    @property
    def short(self) -> Iterable[str]:
        """The tenants that have sessions with their last grant."""
        return self._short.keys()

    def short_of(self, tenant: str) -> Iterable[Known]:
        """The sessions of a tenant that have their last grant."""
        return self._short.get(tenant, {}).values()

    def of(self, request: CreditRequest) -> Known | None:
        """The session of a request, if it is in memory and of the realm that the request comes from."""
        known = self._known.get(_key(request.origin_host, request.session_id))
        return known if known is not None and _is_of(known, request) else None

    def granted(self, request: CreditRequest, peer: str, who: Understood, *, final: bool) -> None:
        """The session may go on; `final`: for the last time, unless money comes."""
        if len(request.session_id) > LONGEST_ID:
            return
        key = _key(request.origin_host, request.session_id)
        known = self._known.get(key)
        if known is not None and not (known.who == who and _is_of(known, request)):
            self._forget(key)  # its id was used again, for a call of somebody else
            known = None
        if known is None:
            known = self._known[key] = Known(
                request.session_id, request.call_id, request.origin_host, request.origin_realm, peer, who
            )
            self._of_tenant[who.tenant] += 1
            if len(self._known) > self._most:
                self._forget(next(iter(self._known)))
        else:
            self._known.move_to_end(key)
        known.peer = peer
        self.wants(known, more=final)

    def wants(self, known: Known, *, more: bool) -> None:
        """Whether the session waits for money."""
        if known.wants_more == more:
            return
        known.wants_more, tenant = more, known.who.tenant
        if more:
            self._short[tenant][id(known)] = known
            return
        del self._short[tenant][id(known)]
        if not self._short[tenant]:
            del self._short[tenant]

    def ended(self, origin_host: str, session_id: str) -> None:
        """The session is over, or nobody knows it any more."""
        self._forget(_key(origin_host, session_id))

    def _forget(self, key: tuple[str, str]) -> None:
        known = self._known.pop(key, None)
        if known is None:
            return
        self.wants(known, more=False)
        tenant = known.who.tenant
        self._of_tenant[tenant] -= 1
        if not self._of_tenant[tenant]:
            del self._of_tenant[tenant]


def _key(origin_host: str, session_id: str) -> tuple[str, str]:
    return origin_host.lower(), session_id


def _is_of(known: Known, request: CreditRequest) -> bool:
    return known.origin_realm.lower() == request.origin_realm.lower()
