"""The admin center as an ASGI application: pages in their frame, files in and out, what went wrong in words.

Mount it behind `sessions.Sessions`, which knows who is signed in: a page finds the person and the secret of
the session in its scope, and asks the API with it. `running` starts and stops NiceGUI.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Final, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import FileResponse, RedirectResponse
from markupsafe import Markup
from nicegui import app as nicegui_app
from nicegui import core, ui
from starlette.staticfiles import StaticFiles

import talktime
from talktime.client import ProblemError, UnavailableError
from talktime.doors.admin import pages
from talktime.doors.admin.frame import frame
from talktime.doors.admin.guarding import carry_nonces
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import link
from talktime.doors.admin.own_sockets import bind_sockets
from talktime.doors.admin.page import PAGES, Page
from talktime.doors.admin.passthrough import passthrough
from talktime.doors.admin.transport import AppFor, management_for
from talktime.doors.admin.visit import Elsewhere, Person, Visit
from talktime.doors.admin.words import Words

STATIC: Final = Path(__file__).with_name("static")
BUILD_S: Final = 20.0
"""A page that is not built by then is given up: the database is away."""

THEMES: Final = {"light": False, "dark": True}

log = logging.getLogger(__name__)


def admin_center(app_for: AppFor, sign_in: APIRouter) -> FastAPI:
    """The centre on the API that `app_for` gives the holder of a session; `sign_in` stands beside it."""
    center = FastAPI(title="Talktime", docs_url=None, redoc_url=None, openapi_url=None)
    center.mount("/static", StaticFiles(directory=STATIC), name="static")
    # NiceGUI adds its own when it starts, behind the page that answers whatever no page does.
    center.add_route("/favicon.ico", lambda _: FileResponse(STATIC / "talktime.svg"))
    center.include_router(sign_in)
    center.include_router(passthrough(app_for))
    carry_nonces()
    bind_sockets()
    for module in iter_modules(pages.__path__):
        import_module(f"{pages.__name__}.{module.name}")
    for each in PAGES.values():
        ui.page(each.path, title=each.title, response_timeout=BUILD_S)(_shown(each, app_for))
    # After all others: what no page answers.
    ui.page("/{rest:path}", response_timeout=BUILD_S)(_shown(Page("", "Not found", "", _no_page), app_for))
    nicegui_app.on_page_exception(_fault)
    head = f'<link rel="stylesheet" href="/static/talktime.css?{talktime.__version__}">'
    script = f'<script src="/static/talktime.js?{talktime.__version__}"></script>'
    ui.add_head_html(head + script, shared=True)
    core.app.colors(primary="#2f55c8", positive="#13693b", negative="#a51d23", warning="#7a4b00")
    ui.run_with(
        center,
        title="Talktime",
        dark=None,
        language="en-US",
        binding_refresh_interval=None,
        tailwind=False,
        show_welcome_message=False,
        favicon=STATIC / "talktime.svg",
    )
    nicegui_app.on_exception(lambda error: log.error("a page failed", exc_info=error))
    return center


@asynccontextmanager
async def running(center: FastAPI) -> AsyncIterator[None]:
    """NiceGUI runs while this is open."""
    async with center.router.lifespan_context(center):
        yield


def _shown(page: Page, app_for: AppFor) -> Callable[[Request], Awaitable[Response | None]]:
    """The function that NiceGUI calls for a page: who asks, may it, build it inside the frame."""

    async def shown(request: Request) -> Response | None:
        theme = request.cookies.get("talktime_theme", "")
        ui.dark_mode(THEMES.get(theme))
        try:
            at = await visit(request, app_for)
        except (ProblemError, UnavailableError) as error:
            return _instead(request, app_for, error)
        if page.needs and not at.may(page.needs):
            _status(403)
            with frame(at, "Not for your roles"):
                why = f"Your roles here do not allow to {page.needs.replace('_', ' ')}."
                said("warning", f"{why} An administrator of {at.name or 'the installation'} can change that.")
            return None
        with frame(at, page.title, wide=page.wide):
            try:
                await page.build(at)
            except Elsewhere as other:
                return RedirectResponse(other.address, 303)
            except (ProblemError, UnavailableError) as error:
                return _failed(request, error)
        return None

    shown.__name__ = page.build.__name__
    return shown


async def _no_page(at: Visit) -> None:
    _status(404)
    said("warning", "There is no such page; the menu leads to all that there are.")
    if at.tenant_id:
        link("Home", at.link(), as_button=True)


def _fault(error: Exception) -> None:
    """What is shown of a fault of ours: nothing of what it says, which stands in the log."""
    log.error("a page could not be built", exc_info=error)
    ui.page_title("This did not work - Talktime")
    with ui.element("div").classes("tt-page"):
        ui.html(Markup("<h1>This did not work</h1>"), sanitize=False)
        said("error", "The page could not be made; the log of the admin process says why.")
        link("Back to the beginning", "/", as_button=True)


async def visit(request: Request, app_for: AppFor) -> Visit:
    """Who is here, and what it may do; raises ProblemError where the session ended or there is no tenant."""
    signed_in = request.scope["signed_in"]
    management = management_for(app_for, request.scope["session_secret"])
    tenant = request.path_params.get("tenant", "")
    address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    common: dict[str, Any] = {
        "management": management,
        "person": _person(signed_in),
        "path": {name: str(value) for name, value in request.path_params.items()},
        "query": dict(request.query_params),
        "address": address,
    }
    if not tenant:
        me = await management.me.get()
        return Visit(**common, operations=frozenset(me.operations))
    rights = await management.tenant(tenant).rights()
    seen = await management.tenant(tenant).get()
    own = cast("dict[str, Any]", seen.value["tenant"])
    return Visit(
        **common,
        tenant_id=tenant,
        name=own.get("name") or tenant,
        operations=frozenset(rights.operations),
        settings=seen.value,
        words=Words(own.get("currency", ""), _zone(own.get("time_zone", "UTC"))),
    )


def _person(signed_in: Any) -> Person:
    return Person(signed_in.upn, signed_in.name)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _status(code: int) -> None:
    ui.context.client.status_code = code


def _instead(request: Request, app_for: AppFor, error: ProblemError | UnavailableError) -> Response | None:
    """What is shown where nobody knows yet who is here or where."""
    if isinstance(error, ProblemError) and error.status == 401:
        return RedirectResponse(f"/sign-in?next={request.url.path}", 303)
    signed_in = request.scope["signed_in"]
    nobody = Visit(management_for(app_for, request.scope["session_secret"]), _person(signed_in))
    is_absent = isinstance(error, ProblemError) and error.status == 404
    with frame(nobody, "Not found" if is_absent else "This did not work"):
        _failed(request, error)
    return None


def _failed(request: Request, error: ProblemError | UnavailableError) -> Response | None:
    if isinstance(error, ProblemError):
        if error.status == 401:
            return RedirectResponse(f"/sign-in?next={request.url.path}", 303)
        _status(error.status)
        said("warning" if error.status in (403, 404) else "error", error.detail)
        return None
    _status(503)
    said("error", "The service did not answer in time; load the page again in a moment.")
    return None
