"""Files in and out: `/download/...` and `/upload/...` are the API's own addresses, asked as the person.

A browser cannot send a session as a key, so the last step goes through here: the same route, the same rights,
the body neither read nor kept on its way. Only what is a file: nothing else of the API answers here.
"""

from __future__ import annotations

import re
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from talktime.doors.admin.transport import AppFor

DOWNLOADS: Final = re.compile(
    r"tenants/[^/]+/(exports/[^/]+/file|(receipts|credit-notes|invoices)/[^/]+\.pdf|invoices/[^/]+\.csv"
    r"|months/[^/]+/journal\.csv|months/[^/]+/journal|plans/[^/]+/(workbook|changes)|what-if/[^/]+/workbook)"
)
UPLOADS: Final = re.compile(r"tenants/[^/]+/(usage-files|users/import)|decks(/check|/[^/]+/differences)?")


_SAME: Final = ("type", "asgi", "http_version", "method", "scheme", "query_string", "client", "server")


class _Handed(Response):
    """An answer that is another application's, for the same request under the API's own address."""

    def __init__(self, app: object, path: str, *, attached: bool) -> None:
        super().__init__()
        self._app = app
        self._path = path
        self._attached = attached

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kept = [pair for pair in scope["headers"] if pair[0] not in (b"cookie", b"authorization")]
        asked = {key: scope[key] for key in _SAME}
        asked |= {"path": self._path, "raw_path": self._path.encode(), "root_path": "", "headers": kept}

        async def sent(message: Message) -> None:
            if self._attached and message["type"] == "http.response.start" and message["status"] == 200:
                headers = [*message.get("headers", ()), (b"x-content-type-options", b"nosniff")]
                if not any(name.lower() == b"content-disposition" for name, _ in headers):
                    headers.append((b"content-disposition", b"attachment"))
                message = {**message, "headers": headers}
            await send(message)

        await self._app(asked, receive, sent)  # type: ignore[operator]


def passthrough(app_for: AppFor) -> APIRouter:
    """The two addresses; `sessions` has asked for the session, and `forgery` for where a POST comes from."""
    router = APIRouter(include_in_schema=False)

    @router.get("/download/{path:path}")
    async def download(request: Request, path: str) -> Response:
        return _handed(request, path, DOWNLOADS, attached=True)

    @router.post("/upload/{path:path}")
    async def upload(request: Request, path: str) -> Response:
        return _handed(request, path, UPLOADS, attached=False)

    def _handed(request: Request, path: str, known: re.Pattern[str], *, attached: bool) -> Response:
        if not known.fullmatch(path):
            return PlainTextResponse("there is no such file", 404)
        return _Handed(app_for(request.scope["session_secret"]), f"/v1/{path}", attached=attached)

    return router
