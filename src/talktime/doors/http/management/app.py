"""The management app: routes behind the doorkeeper, every error a problem, one description of it all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

import talktime
from talktime.accounts.administration import Administration
from talktime.accounts.signing_in import SigningIn
from talktime.doors.http.doorkeeper import Doorkeeper
from talktime.doors.http.management import (
    calls,
    deck_files,
    decks,
    eligibility,
    keys,
    money_routers,
    notices,
    overview,
    partner,
    people,
    plans,
    provider,
    rates,
    reports,
    settings,
    sign_ins,
    tenants,
    tickets,
    usage,
    webhooks,
    what_if,
)
from talktime.doors.http.management.examples import show_examples
from talktime.doors.http.management.house import House, Means
from talktime.doors.http.problems import PROBLEM_TYPE, SCHEMA, install
from talktime.funding.purchasing import Purchasing
from talktime.funding.worker import PaymentWorker
from talktime.live.lately import Lately

if TYPE_CHECKING:
    from talktime.ledger.api_keys import Keyring
    from talktime.ledger.database import DatabaseUrl
    from talktime.ledger.decks import Decks
    from talktime.ledger.reading import Reader
    from talktime.live.desk import Desk

Describe = Callable[[dict[str, Any]], None]
"""Adds to the OpenAPI document what is not a route of this app."""

ROUTERS: Final = (
    tenants.router,
    overview.router,
    settings.router,
    people.router,
    eligibility.router,
    provider.router,
    partner.router,
    *money_routers.ROUTERS,
    calls.router,
    usage.router,
    reports.router,
    what_if.router,
    plans.router,
    notices.router,
    webhooks.router,
    tickets.router,
    decks.router,
    deck_files.router,
    rates.router,
    keys.router,
    sign_ins.router,
)
"""The routes by subject, in the order of the description."""

_PROBLEMS: Final = {
    400: "the request does not have the form that is described",
    401: "no valid key",
    403: "a key whose roles are not for this",
    404: "no such thing, or not the key's",
    409: "it stands against what is there",
    412: "what is there is not what If-Match says",
    413: "the body is too large",
    415: "the body is of another kind than is described",
    422: "well formed, and refused by a rule",
    503: "come again: a full queue, a stop, or a database that does not answer",
}


def management_app(
    desk: Desk,
    reader: Reader,
    keyring: Keyring,
    stored_decks: Decks,
    *,
    url: DatabaseUrl,
    means: Means | None = None,
    describe: Describe | None = None,
) -> FastAPI:
    """The app on a desk that somebody else starts and stops, as they keep keyring and rates fresh.

    `url` is the ledger's; `means` what settings say, and how things are bought: by no card without it.
    `describe` may add routes that stand in front of this app to the description, `/openapi.json`.
    """
    app = FastAPI(title="Talktime", version=talktime.__version__, docs_url=None, redoc_url=None)
    engine, means = desk.engine, means or Means()
    lately = means.lately or Lately(reader, desk.catalogue)
    purchasing = means.purchasing
    if purchasing is None:
        worker = PaymentWorker(engine, {}, means.seller)
        purchasing = Purchasing(engine, reader, desk.catalogue, {}, worker, lately.tenant)
    administration = Administration(engine, reader, stored_decks, desk.catalogue)
    app.state.house = House(
        desk,
        reader,
        keyring,
        stored_decks,
        administration,
        purchasing,
        url,
        means,
        lately,
        means.signing_in or SigningIn(url, engine.clock_us),
    )
    install(app)
    app.add_middleware(Doorkeeper, keyring=keyring)
    for router in ROUTERS:
        app.include_router(router, responses=_documented())
    app.openapi = lambda: _described(app, describe)  # type: ignore[method-assign]
    return app


def _documented() -> dict[int | str, dict[str, Any]]:
    content = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": text, "content": content} for status, text in _PROBLEMS.items()}


def _described(app: FastAPI, describe: Describe | None) -> dict[str, Any]:
    """The OpenAPI document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        show_examples(document)
        components = document.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = dict(SCHEMA)
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"key": []}]
        if describe is not None:
            describe(document)
        app.openapi_schema = document
    return app.openapi_schema
