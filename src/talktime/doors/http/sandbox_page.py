"""Where the holder of a test card confirms a payment: the page that a real gateway would show.

Only an installation with the sandbox gateway has it; no key is asked for, as nobody asks a card's holder for
one, and no real money is behind it.
"""

from __future__ import annotations

import asyncio
from html import escape
from typing import TYPE_CHECKING, Annotated, Final, Literal

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse

from talktime.doors.http.confirmed_page import small_page
from talktime.funding.gateway import GatewayError, PaymentStatus

if TYPE_CHECKING:
    from talktime.funding.sandbox import SandboxGateway

GatewayPayment = Annotated[str, Path(max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]

_FORM: Final = """<form method="post"><button formaction="{name}/confirm">Confirm the payment</button>
<button formaction="{name}/refuse">Refuse it</button></form>"""


def sandbox_page(gateway: SandboxGateway) -> APIRouter:
    """The routes of the page for one sandbox."""
    router = APIRouter(prefix="/sandbox/actions", include_in_schema=False)

    @router.get("/{name}")
    async def ask(name: GatewayPayment) -> HTMLResponse:
        text = f"Payment {name} of the sandbox gateway waits for you. No real money moves."
        return small_page("Is this payment yours?", text, _FORM.format(name=escape(name)))

    @router.post("/{name}/{answer}")
    async def take(name: GatewayPayment, answer: Literal["confirm", "refuse"]) -> HTMLResponse:
        try:
            result = await asyncio.to_thread(gateway.complete_action, name, answer == "confirm")
        except GatewayError as error:
            return small_page("That cannot be done", str(error), status=404)
        if result.status is PaymentStatus.SUCCEEDED:
            return small_page("Confirmed", "The payment was made. You may close this page.")
        return small_page("Refused", "The payment was not made. You may close this page.")

    return router
