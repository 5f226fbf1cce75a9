"""The management API as a person who is signed in: for the admin center, in its process, without a network.

Every request looks the session and the roles up anew, so a session that has ended and a role that was taken
away end at the next one, however long a page has been open.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final

from talktime.accounts.rights import INSTALLATION
from talktime.doors.http.problems import UNAVAILABLE, Problem, unavailable

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from talktime.accounts.signing_in import SignedIn, SigningIn
    from talktime.ledger.api_keys import Principal

_TENANT: Final = re.compile(r"/v1/tenants/([^/]+)")

SIGNED_OUT: Final = Problem(401, "signed_out", "you are signed out; sign in again")


class AsPerson:
    """Makes applications that ask the management app as somebody; nothing is asked while they are made."""

    def __init__(self, app: ASGIApp, signing_in: SigningIn) -> None:
        self._app = app
        self._signing_in = signing_in

    def app_for(self, secret: str, *, touch: bool = True) -> ASGIApp:
        """The management API for who holds the secret of a session.

        Answers 401 `signed_out` once the session has ended. `touch` False: for what a page asks by itself,
        such as figures that it shows anew; that keeps no session alive.
        """

        async def asked(scope: Scope, receive: Receive, send: Send) -> None:
            assert scope["type"] == "http", "requests only: nobody starts or stops the app from here"
            found = _TENANT.match(scope["path"])
            tenant = INSTALLATION if found is None else found[1]
            try:
                known = await asyncio.to_thread(self._known, secret, tenant, touch)
            except tuple(UNAVAILABLE) as error:
                await unavailable(error).response()(scope, receive, send)
                return
            if known is None:
                await SIGNED_OUT.response()(scope, receive, send)
                return
            signed_in, principal = known
            own = {**scope, "signed_in": signed_in, "principal": principal}
            await self._app(own, receive, send)

        return asked

    def _known(self, secret: str, tenant: str, touch: bool) -> tuple[SignedIn, Principal] | None:
        signed_in = self._signing_in.of(secret, touch=touch)
        if signed_in is None:
            return None
        return signed_in, self._signing_in.principal_for(signed_in, tenant)
