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

from talktime.funding.gateway import GatewayError, PaymentStatus

if TYPE_CHECKING:
    from talktime.funding.sandbox import SandboxGateway

GatewayPayment = Annotated[str, Path(max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]

_PAGE: Final = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Sandbox payment</title>
<style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem;
color-scheme:light dark}}button{{font:inherit;padding:.5rem 1rem;margin-right:.5rem}}</style>
<h1>{title}</h1><p>{text}</p>{form}</html>"""
_FORM: Final = """<form method="post"><button formaction="{name}/confirm">Confirm the payment</button>
<button formaction="{name}/refuse">Refuse it</button></form>"""


def sandbox_page(gateway: SandboxGateway) -> APIRouter:
    """The routes of the page for one sandbox."""
    router = APIRouter(prefix="/sandbox/actions", include_in_schema=False)

    @router.get("/{name}")
    async def ask(name: GatewayPayment) -> HTMLResponse:
        text = f"Payment {name} of the sandbox gateway waits for you. No real money moves."
        return _page("Is this payment yours?", text, _FORM.format(name=escape(name)))

    @router.post("/{name}/{answer}")
    async def take(name: GatewayPayment, answer: Literal["confirm", "refuse"]) -> HTMLResponse:
        try:
            result = await asyncio.to_thread(gateway.complete_action, name, answer == "confirm")
        except GatewayError as error:
            return _page("That cannot be done", str(error), status=404)
        if result.status is PaymentStatus.SUCCEEDED:
            return _page("Confirmed", "The payment was made. You may close this page.")
        return _page("Refused", "The payment was not made. You may close this page.")

    return router


def _page(title: str, text: str, form: str = "", status: int = 200) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(title=escape(title), text=escape(text), form=form), status)
