"""Whether a request is for us, and whether who brings it may speak for whom it says (RFC 6733, 6.1).

Asked before anything else of a request counts: by the door of the peer on whose link it came, by `explain`
of the peer that may have brought it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from talktime.doors.diameter.request import who_asks
from talktime.doors.diameter.wire.avps import every
from talktime.doors.diameter.wire.codes import Avp, Result

if TYPE_CHECKING:
    from talktime.doors.diameter.identity import Asked
    from talktime.doors.diameter.request import CreditRequest
    from talktime.doors.diameter.settings import DiameterSettings, PeerSettings


class NotOurs(NamedTuple):
    """Why a request is not taken on: the result code (3002, 3003, 3005, 3010) and a sentence."""

    result: Result
    sentence: str


def not_ours(request: CreditRequest, settings: DiameterSettings, peer: PeerSettings) -> NotOurs | None:
    """Why a request that this peer brings is not for us, or not from whom it says; None where it is."""
    own_host = settings.host.lower()
    if request.destination_realm.lower() not in settings.realms:
        return NotOurs(Result.REALM_NOT_SERVED, f"realm {request.destination_realm!r} is not served here")
    if request.destination_host and request.destination_host.lower() != own_host:
        return NotOurs(
            Result.UNABLE_TO_DELIVER, f"host {request.destination_host!r} is not reached through here"
        )
    if any(each.lower() == own_host.encode() for each in every(request.avps, Avp.ROUTE_RECORD)):
        return NotOurs(Result.LOOP_DETECTED, "the request has been here before")
    if not peer.relay and request.origin_host.lower() != peer.host.lower():
        return NotOurs(
            Result.UNKNOWN_PEER, f"peer {peer.host!r} may not speak for host {request.origin_host!r}"
        )
    if request.origin_realm.lower() not in peer.realms:
        return NotOurs(
            Result.UNKNOWN_PEER, f"peer {peer.host!r} may not speak for realm {request.origin_realm!r}"
        )
    return None


def asked_by(request: CreditRequest, peer: PeerSettings | None) -> Asked:
    """Who a request is about, by what its peer may speak for (None: nobody knows which peer it was).

    Destination-Realm is what the peer writes there: rules of a realm count for those only that the settings
    give that realm, or a peer could have its calls paid by another's tenants. Raises BadAvp.
    """
    asked = who_asks(request)
    if peer is None or request.destination_realm.lower() in peer.realms:
        return asked
    return asked._replace(destination_realm="")


def bringer(request: CreditRequest, settings: DiameterSettings) -> PeerSettings | None:
    """The peer that may have brought a request: the host itself, else the first relay of its realm."""
    host, realm = request.origin_host.lower(), request.origin_realm.lower()
    relays = (peer for peer in settings.peers if peer.relay and realm in peer.realms)
    return next((peer for peer in settings.peers if peer.host.lower() == host), None) or next(relays, None)
