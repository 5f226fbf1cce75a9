"""Whether what a browser sends was begun on our own pages: against forged requests of other sites.

A browser says where a request comes from (Origin, else Sec-Fetch-Site), and a page of another site cannot
make it say otherwise. The sign-in form carries a token besides, bound to a cookie of its own: nobody is
signed in by somebody else's form.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

    Headers = Iterable[tuple[bytes, bytes]]

_MOST_ADDRESS: Final = 2_000
_PORTS: Final = {"http": "80", "https": "443"}
_UNSEEN: Final = re.compile(r"[\x00-\x20\x7f\\]")
_NOT_BACK: Final = ("/sign-in", "/sign-out", "/invitation/", "/_nicegui")


def header(headers: Headers, name: bytes) -> str:
    """The first header of this name, lower-cased; "" where there is none."""
    return next((value for key, value in headers if key == name), b"").decode("latin-1")


def is_ours(headers: Headers, base_url: str) -> bool:
    """Whether a request says that one of our pages sent it; silence is no.

    For whatever changes something. An Origin is ours where it names the host that the request was sent to, or
    the address that people know us by; "null" (a sandboxed frame, a file) is not.
    """
    origin = header(headers, b"origin")
    if origin:
        return _names_us(origin, header(headers, b"host"), base_url)
    return header(headers, b"sec-fetch-site") == "same-origin"


def is_foreign(headers: Headers, base_url: str) -> bool:
    """Whether a request says that a page of somebody else sent it; silence is no.

    For the socket: browsers send an Origin with every WebSocket, but none with a GET of their own page.
    """
    origin = header(headers, b"origin")
    if origin:
        return not _names_us(origin, header(headers, b"host"), base_url)
    return header(headers, b"sec-fetch-site") in ("cross-site", "same-site")


def own_path(asked: str) -> str:
    """Where to go after signing in: a path of ours with its query, "/" for anything else.

    Against open redirects: no second slash, no backslash, no scheme, no character that browsers leave out.
    """
    if not asked.startswith("/") or asked.startswith("//") or _UNSEEN.search(asked):
        return "/"
    if len(asked) > _MOST_ADDRESS or asked.startswith(_NOT_BACK) or not asked.isascii():
        return "/"
    try:
        parts = urlsplit(asked)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc else asked


def new_cookie() -> str:
    """A value for the cookie that a form is bound to."""
    return secrets.token_urlsafe(32)


def form_token(cookie: str, form: str) -> str:
    """What a form carries: only a page that was given the cookie can show it; another form's is another."""
    return hmac.new(cookie.encode(), form.encode(), hashlib.sha256).hexdigest()


def is_token(token: str, cookie: str, form: str) -> bool:
    """Whether a form came from a page of ours in the same browser; equal time for right and wrong."""
    return bool(cookie) and hmac.compare_digest(token.encode(), form_token(cookie, form).encode())


def _names_us(origin: str, host: str, base_url: str) -> bool:
    """Behind a proxy that ends TLS the scheme of the request is not the browser's, so hosts are compared."""
    try:
        from_page = urlsplit(origin)
        here = urlsplit(base_url)
    except ValueError:
        return False
    if from_page.scheme not in _PORTS or not from_page.netloc:
        return False
    if _place(from_page.netloc, from_page.scheme) == _place(host, from_page.scheme):
        return True
    same_scheme = from_page.scheme == here.scheme
    return same_scheme and _place(from_page.netloc, from_page.scheme) == _place(here.netloc, here.scheme)


def _place(netloc: str, scheme: str) -> str:
    """host:port, with the port that the scheme means where none stands."""
    host, colon, port = netloc.lower().rpartition(":")
    if colon and port.isdigit():
        return f"{host}:{port}"
    return f"{netloc.lower()}:{_PORTS[scheme]}"
