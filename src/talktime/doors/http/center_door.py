"""The admin center in front of the management API: who is signed in, pages, and the sign-in beside them.

Imported by the admin process alone: NiceGUI is heavy, and the live process has no use for it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.doors.admin.center import admin_center, running
from talktime.doors.admin.openid import OpenId
from talktime.doors.admin.openid_file import read_openid
from talktime.doors.admin.sessions import Sessions
from talktime.doors.admin.sign_in_pages import away, create_sign_in
from talktime.doors.http.both_doors import BothDoors
from talktime.doors.http.management.as_person import AsPerson
from talktime.ledger.store import StoreAway

if TYPE_CHECKING:
    from talktime.accounts.signing_in import SigningIn
    from talktime.doors.http.app import Keeper
    from talktime.doors.http.both_doors import App
    from talktime.settings import Settings


AWAY: Final = (StoreAway,)
"""Raised where the database does not answer: a sentence for people, not a fault."""


class CenterDoor(NamedTuple):
    """The application of the admin process's address, and what runs as long as it does."""

    app: App
    keeper: Keeper


def center_door(settings: Settings, management: App, signing_in: SigningIn) -> CenterDoor:
    """The centre on a management app of this process, which knows people by the same `signing_in`."""
    outside = settings.outside
    openid = None
    if outside.openid is not None:
        openid = OpenId(read_openid(outside.openid), outside.base_url)
    center = admin_center(
        AsPerson(management, signing_in).app_for, create_sign_in(signing_in, openid, outside.base_url)
    )
    for fault in AWAY:
        center.add_exception_handler(fault, away)

    async def keep() -> None:
        async with running(center):
            await asyncio.Event().wait()

    return CenterDoor(BothDoors(management, Sessions(center, signing_in, outside.base_url, AWAY)), keep)
