"""Who is at the door of the admin center: the session of a request, or the way to sign in.

Every request passes here before NiceGUI sees it. A page without a session goes to `/sign-in` and comes back;
the socket that pages live by is refused without one, and to pages of other sites (rulings.md 39).

    app = Sessions(app_with_pages, signing_in, base_url)

`app_with_pages` is the application with NiceGUI (`ui.run_with`) and the router of `sign_in_pages`. Behind the
middleware `scope["signed_in"]` is a `SignedIn`, `scope["session_secret"]` what `AsPerson.app_for` asks for,
and `scope["script_nonce"]` what an inline script of ours has to carry. Requests of other doors in the same
process (`/v1/`, `/payments/confirmed`, the sandbox's page) do not belong behind it. Call
`guarding.carry_nonces()` once, when the pages are made.
"""

from __future__ import annotations

import asyncio
import logging
import re
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

from starlette.requests import cookie_parser

from talktime.doors.admin.forgery import header, is_foreign, is_ours, own_path
from talktime.doors.admin.guarding import NONCE, guarded, new_nonce

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from talktime.accounts.signing_in import SignedIn, SigningIn

SIGN_IN: Final = "/sign-in"
SIGN_OUT: Final = "/sign-out"
INVITATION: Final = "/invitation/"
SIGNED_IN: Final = "signed_in"
SECRET: Final = "session_secret"
"""Keys of the scope behind the middleware."""

AWAY: Final = "The service cannot look up who you are just now; load the page again in a moment."

_SOCKET: Final = "/_nicegui_ws/"
_STATIC: Final = "/static/"
_OPEN: Final = (SIGN_IN, SIGN_OUT, "/favicon.ico")
_SAFE: Final = ("GET", "HEAD")
_MOST_COOKIE: Final = 4_096

log = logging.getLogger(__name__)


class Cookies(NamedTuple):
    """Names and attributes of our cookies for one address of the centre.

    Over TLS the `__Host-` prefix keeps other hosts of the same domain from setting them (RFC 6265bis).
    """

    secure: bool

    @classmethod
    def of(cls, base_url: str) -> Cookies:
        """For people who know the centre by this address."""
        return cls(base_url.startswith("https://"))

    def name(self, what: str = "") -> str:
        """The name of the session's cookie, or of that for one purpose: talktime, talktime-form."""
        plain = f"talktime-{what}" if what else "talktime"
        return f"__Host-{plain}" if self.secure else plain

    def line(self, value: str, what: str = "", *, age_s: int | None = None) -> str:
        """A Set-Cookie line; gone with the browser's session, or after `age_s` seconds."""
        age = "" if age_s is None else f"; Max-Age={age_s}"
        secure = "; Secure" if self.secure else ""
        return f"{self.name(what)}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}"

    def gone(self, what: str = "") -> str:
        """A Set-Cookie line that takes the cookie away."""
        return self.line("", what, age_s=0)

    def read(self, scope: Scope, what: str = "") -> str:
        """The cookie's value in a request; "" where there is none."""
        # HTTP/2 may split cookies over several headers.
        text = "; ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")
        value = cookie_parser(text).get(self.name(what), "")
        return value if len(value) <= _MOST_COOKIE and value.isascii() else ""


class Sessions:
    """Middleware in front of the pages; every answer gets the headers of `guarding`.

    `away`: what `signing_in` raises where the database does not answer; people are told so.
    """

    def __init__(
        self,
        app: ASGIApp,
        signing_in: SigningIn,
        base_url: str,
        away: tuple[type[Exception], ...] = (),
    ) -> None:
        self._app = app
        self._away = away
        self._signing_in = signing_in
        self._base_url = base_url
        self._cookies = Cookies.of(base_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or socket; the application's start and end pass through."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        nonce = scope[NONCE] = new_nonce()
        scope[SIGNED_IN], scope[SECRET] = None, ""
        path = scope["path"]
        kept = _is_shipped(path)
        out = _guarding(send, nonce, kept=kept) if scope["type"] == "http" else send
        if kept:
            await self._app(scope, receive, out)
            return
        try:
            scope[SIGNED_IN], scope[SECRET] = await self._session(scope)
        except self._away:
            log.warning("the database did not answer who is signed in", exc_info=True)
            await _AWAY.send(scope, receive, out)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, out)
        else:
            await refusal.send(scope, receive, out)

    async def _session(self, scope: Scope) -> tuple[SignedIn | None, str]:
        secret = self._cookies.read(scope)
        if not secret:
            return None, ""
        signed_in = await asyncio.to_thread(self._signing_in.of, secret)
        return signed_in, secret if signed_in is not None else ""

    def _refusal(self, scope: Scope) -> _Refusal | None:
        """None where the request may pass."""
        path, headers, known = scope["path"], scope["headers"], scope[SIGNED_IN] is not None
        if scope["type"] == "websocket" or path.startswith(_SOCKET):
            if is_foreign(headers, self._base_url):
                return _FOREIGN
            return None if known else _ENDED
        if scope["method"] not in _SAFE and not is_ours(headers, self._base_url):
            return _FOREIGN
        if known or path.startswith((INVITATION, f"{SIGN_IN}/")) or path in _OPEN:
            return None
        if scope["method"] not in _SAFE or header(headers, b"sec-fetch-dest") not in ("", "document"):
            return _ENDED
        return _to_sign_in(scope)


class _Refusal(NamedTuple):
    status: int
    sentence: str
    location: str = ""

    async def send(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers so; a socket is closed before it is open, which servers answer with 403."""
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": self.sentence})
            return
        body = self.sentence.encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
        if self.location:
            headers.append((b"location", self.location.encode("ascii")))
        if scope["method"] not in _SAFE:
            headers.append((b"connection", b"close"))  # nobody waits for the rest of a body
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


_FOREIGN: Final = _Refusal(
    403, "This was not sent from a page of the admin center; open the page and try again."
)
_AWAY: Final = _Refusal(503, AWAY)
_ENDED: Final = _Refusal(403, "You are not signed in, or no longer; sign in and try again.")


def _to_sign_in(scope: Scope) -> _Refusal:
    query = scope["query_string"].decode("latin-1")
    asked = quote(scope["path"], safe="/:@!$&'()*+,;=-._~") + (f"?{query}" if query else "")
    back = own_path(asked)
    location = SIGN_IN if back == "/" else f"{SIGN_IN}?next={quote(back, safe='/')}"
    return _Refusal(303, "Sign in first.", location)


def _is_shipped(path: str) -> bool:
    """Files that are the same for everybody, and that browsers may keep."""
    return path.startswith(_STATIC) or _shipped().fullmatch(path) is not None


@cache
def _shipped() -> re.Pattern[str]:
    """Files of NiceGUI's package, the same for everybody; what belongs to one page is not among them.

    Of the version that is there: the addresses of another are no files, and pages are not for everybody.
    """
    ours = re.escape(f"/_nicegui/{version('nicegui')}/")
    return re.compile(rf"{ours}(?:static|libraries|components|resources|esm)/.*")


def _guarding(send: Send, nonce: str, *, kept: bool) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers: Any = list(message.get("headers", ()))
            message = {**message, "headers": guarded(headers, nonce, kept=kept)}
        await send(message)

    return with_headers
