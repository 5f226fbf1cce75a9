"""What every answer of the centre tells the browser: which scripts may run, who may frame it, what to keep.

A page runs the scripts of our own files and those that carry its nonce, and no other: a script that somebody
stored in a name does not run even where it would reach a page as HTML.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from jinja2 import BaseLoader, Environment

if TYPE_CHECKING:
    from collections.abc import Callable

    Headers = list[tuple[bytes, bytes]]

NONCE: Final = "script_nonce"
"""Where a request's scope keeps the nonce of its page."""

PLAIN_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
"""For pages without any script: sign-in, invitations."""

_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; font-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
# 'unsafe-eval': NiceGUI's client turns the handlers and the dynamic properties that the server sends into
# functions by eval, and shows nothing without it. What reaches eval comes over the socket from our own
# server; scripts in a page's text stay forbidden. 'unsafe-inline' of styles: Quasar and ECharts write style
# elements.

_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    # Not no-referrer: browsers then call the origin of our own forms "null". Other sites are told nothing.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_POLICY_NAME: Final = b"content-security-policy"


def new_nonce() -> str:
    """A nonce for one page."""
    return secrets.token_urlsafe(16)


def guarded(headers: Headers, nonce: str, *, kept: bool) -> Headers:
    """The headers of an answer, with ours; a policy of its own stays. `kept`: browsers may keep it."""
    names = {name.lower() for name, _ in headers}
    more = [pair for pair in _ALWAYS if pair[0] not in names]
    if _POLICY_NAME not in names:
        more.append((_POLICY_NAME, _POLICY.format(nonce=nonce).encode()))
    if kept:
        return [*headers, *more]
    others = [pair for pair in headers if pair[0].lower() != b"cache-control"]
    return [*others, *more, (b"cache-control", b"no-store")]


def carry_nonces() -> None:
    """Lets the scripts of NiceGUI's own page template carry the nonce of their request; asked once, at start.

    The template's text is changed as it is read, so nothing that a page shows can pass as one of its scripts.
    """
    from nicegui.client import templates

    loader = templates.env.loader
    if loader is not None and not isinstance(loader, _Nonces):
        templates.env.loader = _Nonces(loader)


class _Nonces(BaseLoader):
    """A loader of templates whose script elements name the nonce of the request that they are made for."""

    def __init__(self, loader: BaseLoader) -> None:
        self._loader = loader

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """As the loader behind it."""
        text, file, is_current = self._loader.get_source(environment, template)
        return text.replace("<script", _WITH_NONCE), file, is_current


_WITH_NONCE: Final = f'<script nonce="{{{{ request.scope.{NONCE} }}}}"'


def nonce_of(scope: Any) -> str:
    """The nonce of the page that this request is for; "" outside our pages."""
    return str(scope.get(NONCE, ""))
