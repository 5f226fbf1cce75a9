"""The management app: routes behind the doorkeeper, every error a problem, one description of it all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

import talktime
from talktime.accounts.administration import Administration
from talktime.doors.http.doorkeeper import Doorkeeper
from talktime.doors.http.management import calls, decks, keys, money, tenants
from talktime.doors.http.management.house import House
from talktime.doors.http.problems import PROBLEM_TYPE, SCHEMA, install

if TYPE_CHECKING:
    from talktime.ledger.api_keys import Keyring
    from talktime.ledger.decks import Decks
    from talktime.ledger.reading import Reader
    from talktime.live.desk import Desk

Describe = Callable[[dict[str, Any]], None]
"""Adds to the OpenAPI document what is not a route of this app."""

_PROBLEMS: Final = {
    400: "the request does not have the form that is described",
    401: "no valid key",
    403: "a key that is not for this",
    404: "no such thing, or not the key's",
    409: "it stands against what is there",
    413: "the body is too large",
    422: "well formed, and refused by a rule",
    503: "come again: a full queue, a stop, or a database that does not answer",
}


def management_app(
    desk: Desk, reader: Reader, keyring: Keyring, stored_decks: Decks, *, describe: Describe | None = None
) -> FastAPI:
    """The app on a desk that somebody else starts and stops, as they keep keyring and rates fresh.

    `describe` may add routes that stand in front of this app to the description, `/openapi.json`.
    """
    app = FastAPI(title="Talktime", version=talktime.__version__, docs_url=None, redoc_url=None)
    administration = Administration(desk.engine, reader, stored_decks, desk.catalogue)
    app.state.house = House(desk, reader, keyring, stored_decks, administration)
    install(app)
    app.add_middleware(Doorkeeper, keyring=keyring)
    for part in (tenants, money, calls, decks, keys):
        app.include_router(part.router, responses=_documented())
    app.openapi = lambda: _described(app, describe)  # type: ignore[method-assign]
    return app


def _documented() -> dict[int | str, dict[str, Any]]:
    content = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": text, "content": content} for status, text in _PROBLEMS.items()}


def _described(app: FastAPI, describe: Describe | None) -> dict[str, Any]:
    """The OpenAPI document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        components = document.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = dict(SCHEMA)
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"key": []}]
        if describe is not None:
            describe(document)
        app.openapi_schema = document
    return app.openapi_schema
