"""The admin process's address: the management API where a key asks, the admin center for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastapi import APIRouter
from starlette.responses import RedirectResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from talktime.doors.http.live_routes import Receive, Scope, Send

    App = Callable[[Scope, Receive, Send], Awaitable[None]]

API: Final = ("/v1/", "/openapi.json", "/payments/confirmed", "/sandbox/")
"""Addresses that are not pages of the centre: programs ask there, or browsers that nobody signed in."""


class BothDoors:
    """One application out of two, by the address."""

    def __init__(self, management: App, center: App) -> None:
        self._management = management
        self._center = center

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A request, or a socket of a page."""
        is_api = scope["type"] == "http" and scope["path"].startswith(API)
        await (self._management if is_api else self._center)(scope, receive, send)


def to_center(base_url: str) -> APIRouter:
    """Where a browser is sent that asks the live process for a page: people find us at `base_url`."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def home() -> RedirectResponse:
        return RedirectResponse(f"{base_url}/", 307)

    return router
