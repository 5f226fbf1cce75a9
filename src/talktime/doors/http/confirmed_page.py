"""Where people come back to after they confirmed a payment with their bank; no key is asked for.

The address is public and whoever opens it says nothing by that: how the payment ended is told by the gateway,
to the ledger, and from there to the people concerned.
"""

from __future__ import annotations

from html import escape
from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

CONFIRMED_PATH: Final = "/payments/confirmed"
"""Below the address of the admin center."""

_PAGE: Final = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>
<style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem;
color-scheme:light dark}}button{{font:inherit;padding:.5rem 1rem;margin-right:.5rem}}</style>
<h1>{title}</h1><p>{text}</p>{form}</html>"""

_DONE: Final = (
    "Your bank has your answer. Once it has told us how the payment ended, credits and receipt are on the"
    " billing page, and everybody who is told of payments is told of this one. You may close this page."
)


def small_page(title: str, text: str, form: str = "", status: int = 200) -> HTMLResponse:
    """A page of one heading and one paragraph; `form` is HTML, the others are text."""
    return HTMLResponse(_PAGE.format(title=escape(title), text=escape(text), form=form), status)


def confirmed_page() -> APIRouter:
    """The route of the page."""
    router = APIRouter(include_in_schema=False)

    @router.get(CONFIRMED_PATH)
    async def confirmed() -> HTMLResponse:
        return small_page("Thank you", _DONE)

    return router
