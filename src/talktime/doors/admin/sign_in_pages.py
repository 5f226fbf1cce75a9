"""Signing in, signing out, invitations: plain pages made on the server, for browsers without any script.

    app.include_router(create_sign_in(signing_in, openid, base_url))    # openid: OpenId or None
    app.add_exception_handler(StoreAway, away)                          # the database does not answer
    app = Sessions(app, signing_in, base_url, (StoreAway,))

The router stands behind `sessions.Sessions`, which has asked where a POST comes from. Each form is bound to a
cookie of its own browser, and whoever signs in gets a secret that nobody has seen before.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qs, quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup

from talktime.accounts.signing_in import PASSWORD, NotSignedIn
from talktime.doors.admin.door_html import DoorPage, Field, other_way, way
from talktime.doors.admin.forgery import form_token, is_token, new_cookie, own_path
from talktime.doors.admin.guarding import PLAIN_POLICY
from talktime.doors.admin.openid_file import OpenIdError
from talktime.doors.admin.sessions import AWAY, INVITATION, SECRET, SIGN_IN, SIGN_OUT, SIGNED_IN, Cookies
from talktime.doors.admin.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from talktime.accounts.signing_in import Invitation, SignedIn, SigningIn
    from talktime.doors.admin.openid import Came, OpenId

FORM: Final = "form"
WAY: Final = "openid"
KNOWN: Final = "known"
"""What cookies beside the session's are for: the forms of this browser, the way to a provider and back, and
that somebody has signed in here before (`accounts.known_browsers`)."""

KNOWN_S: Final = 180 * 24 * 3_600
"""Seconds that a browser stays known after it was used to sign in."""

WAY_S: Final = 600
"""Seconds that somebody may take at the provider."""

MOST_FORM_BYTES: Final = 16 << 10
FORM_S: Final = 20.0
"""A form is short and comes at once; who has not sent it by then is answered without it."""

_STALE: Final = "This form was open in another window or for too long; please send it again."
_TWICE: Final = "The two passwords are not the same."
_USED_LINK: Final = "This link was used before or is too old."
_HINT: Final = "At least 12 characters; a sentence is easier to keep in mind than a word."
_NO_PAGE: Final = "There is no such page."
_NEW_LINK: Final = (
    "Whoever administers your organisation can send you another one. Links are good once, for three days."
)


log = logging.getLogger(__name__)


class _Door(NamedTuple):
    """What the pages need."""

    signing_in: SigningIn
    openid: OpenId | None
    cookies: Cookies
    turns: Turns


def create_sign_in(signing_in: SigningIn, openid: OpenId | None, base_url: str) -> APIRouter:
    """The routes at the door of the centre that people reach at `base_url`."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    door = _Door(signing_in, openid, Cookies.of(base_url), Turns())
    _add_passwords(router, door)
    _add_sign_out(router, door)
    _add_invitations(router, door)
    if openid is not None:
        _add_openid(router, door, openid)
    _add_rest(router)
    return router


def _add_passwords(router: APIRouter, door: _Door) -> None:
    @router.get(SIGN_IN)
    async def ask(request: Request) -> Response:
        next_path = own_path(request.query_params.get("next", "/"))
        if request.scope[SIGNED_IN] is not None:
            return RedirectResponse(next_path, 303)
        note = "You are signed out." if "out" in request.query_params else ""
        return _sign_in_page(door, request, next_path, note=note)

    @router.post(SIGN_IN)
    async def take(request: Request) -> Response:
        said = await _form(request)
        upn, password, next_path = (
            said.get("upn", ""),
            said.get("password", ""),
            own_path(said.get("next", "/")),
        )
        if not _is_bound(door, request, said, SIGN_IN):
            return _sign_in_page(door, request, next_path, upn=upn, error=_STALE, status=400)
        known = door.cookies.read(request.scope, KNOWN)
        if not upn.strip() or not password:
            error = "Write your user name and your password."
            return _sign_in_page(door, request, next_path, upn=upn, error=error, status=400)
        outcome = await door.turns.run(door.signing_in.with_password, upn, password, known)
        if isinstance(outcome, NotSignedIn):
            status = 503 if outcome.code == "busy" else 403
            return _sign_in_page(door, request, next_path, upn=upn, error=_sentence(outcome), status=status)
        return await _in(door, request, outcome, next_path)


def _add_sign_out(router: APIRouter, door: _Door) -> None:
    @router.get(SIGN_OUT)
    async def ask(request: Request) -> Response:
        if request.scope[SIGNED_IN] is None:
            return RedirectResponse(SIGN_IN, 303)
        return _page(DoorPage("Sign out?", SIGN_OUT, button="Sign out", after=way("/", "Stay signed in")))

    @router.post(SIGN_OUT)
    async def leave(request: Request) -> Response:
        if request.scope[SECRET]:
            await asyncio.to_thread(door.signing_in.end, request.scope[SECRET])
        answer = RedirectResponse(f"{SIGN_IN}?out=1", 303)
        answer.headers.append("set-cookie", door.cookies.gone())
        return answer


def _add_invitations(router: APIRouter, door: _Door) -> None:
    @router.get(f"{INVITATION}{{token}}")
    async def ask(request: Request, token: str) -> Response:
        found = await asyncio.to_thread(door.signing_in.invitation, token)
        return _used_link() if found is None else _invitation_page(door, request, token, found)

    @router.post(f"{INVITATION}{{token}}")
    async def take(request: Request, token: str) -> Response:
        said = await _form(request)
        found = await asyncio.to_thread(door.signing_in.invitation, token)
        if found is None:
            return _used_link()
        if not _is_bound(door, request, said, INVITATION):
            return _invitation_page(door, request, token, found, error=_STALE)
        if said.get("password", "") != said.get("again", ""):
            return _invitation_page(door, request, token, found, error=_TWICE, at="again")
        outcome = await door.turns.run(door.signing_in.accept, token, said.get("password", ""))
        if not isinstance(outcome, NotSignedIn):
            return await _in(door, request, outcome, "/")
        if outcome.code == "expired":
            return _used_link()
        return _invitation_page(door, request, token, found, error=_sentence(outcome), at="password")


def _add_openid(router: APIRouter, door: _Door, openid: OpenId) -> None:
    @router.get(f"{SIGN_IN}/openid")
    async def go(request: Request) -> Response:
        next_path = own_path(request.query_params.get("next", "/"))
        try:
            begun = await openid.begin(next_path)
        except OpenIdError as error:
            return _sign_in_page(door, request, next_path, error=str(error), status=error.status)
        answer = RedirectResponse(begun.location, 303)
        answer.headers.append("set-cookie", door.cookies.line(begun.kept, WAY, age_s=WAY_S))
        return answer

    @router.get(f"{SIGN_IN}/openid/back")
    async def back(request: Request) -> Response:
        try:
            came = await openid.finish(request.query_params, door.cookies.read(request.scope, WAY))
            outcome = await asyncio.to_thread(_begun, door.signing_in, came, openid.name)
        except OpenIdError as error:
            answer = _sign_in_page(door, request, "/", error=str(error), status=error.status)
        else:
            answer = await _in(door, request, outcome, own_path(came.next_path))
        answer.headers.append("set-cookie", door.cookies.gone(WAY))
        return answer


def _add_rest(router: APIRouter) -> None:
    """What is open to everybody and no page: answered here, as no page is made for who is not signed in."""

    @router.get(f"{SIGN_IN}/{{rest:path}}")
    async def nothing(rest: str) -> Response:
        del rest
        return _page(DoorPage("Not found", error=_NO_PAGE, after=way(SIGN_IN, "Sign in")), 404)

    @router.get(f"{INVITATION}{{rest:path}}")
    async def no_link(rest: str) -> Response:
        del rest
        return _used_link()


def _begun(signing_in: SigningIn, came: Came, provider: str) -> tuple[SignedIn, str]:
    """A session for whom the provider named. Raises OpenIdError where it could open nothing.

    A provider knows everybody of a company; only who has something to do here comes in.
    """
    try:
        outcome = signing_in.with_openid(came.upn, came.name, came.granted.roles, came.granted.tenants)
    except ValueError as error:
        raise OpenIdError(f"{provider} signed you in, but {error}.", 403) from None
    if isinstance(outcome, NotSignedIn):
        raise OpenIdError(_sentence(outcome), 403)
    signed_in, secret = outcome
    if not signed_in.roles and not signing_in.tenants_of(signed_in, "", 1):
        signing_in.end(secret)
        raise OpenIdError(
            f"{provider} knows you as {came.upn}, but nobody has given you a role here; ask an administrator"
            " of your organisation for one.",
            403,
        )
    return outcome


async def _in(door: _Door, request: Request, begun: tuple[SignedIn, str], next_path: str) -> Response:
    """Goes on with the new session; one that this browser had before ends."""
    if request.scope[SECRET]:
        await asyncio.to_thread(door.signing_in.end, request.scope[SECRET])
    answer = RedirectResponse(next_path, 303)
    answer.headers.append("set-cookie", door.cookies.line(begun[1]))
    if begun[0].how == PASSWORD:
        word = await asyncio.to_thread(door.signing_in.browser_word, begun[0].upn)
        answer.headers.append("set-cookie", door.cookies.line(word, KNOWN, age_s=KNOWN_S))
    return answer


# --- forms -------------------------------------------------------------------------------------------------


async def _form(request: Request) -> Mapping[str, str]:
    """The fields of a form, each once; none of a body that is too long, too slow or no form."""
    body = bytearray()
    try:
        async with asyncio.timeout(FORM_S):
            async for piece in request.stream():
                body += piece
                if len(body) > MOST_FORM_BYTES:
                    return {}
    except TimeoutError:
        return {}
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError:
        return {}
    # Nobody types the character that databases do not take.
    return {name: values[-1].replace("\0", "") for name, values in fields.items()}


def _is_bound(door: _Door, request: Request, said: Mapping[str, str], form: str) -> bool:
    return is_token(said.get("token", ""), door.cookies.read(request.scope, FORM), form)


def _with_form(door: _Door, request: Request, page: DoorPage, form: str, status: int) -> Response:
    """A page with a form: the browser has the cookie that its token is bound to, or gets one."""
    cookie = door.cookies.read(request.scope, FORM)
    fresh = cookie or new_cookie()
    page.hidden["token"] = form_token(fresh, form)
    answer = _page(page, status)
    if not cookie:
        answer.headers.append("set-cookie", door.cookies.line(fresh, FORM))
    return answer


# --- pages -------------------------------------------------------------------------------------------------


def _sign_in_page(
    door: _Door,
    request: Request,
    next_path: str,
    *,
    upn: str = "",
    error: str = "",
    note: str = "",
    status: int = 200,
) -> Response:
    fields = (
        Field("upn", "User name", "text", "username", upn, hint="Such as ana@contoso.example", most=254),
        Field("password", "Password", "password", "current-password", most=1_000),
    )
    after = Markup("")
    if door.openid is not None:
        query = "" if next_path == "/" else f"?next={quote(next_path, safe='/')}"
        after = other_way(door.openid.name, query)
    page = DoorPage("Sign in", SIGN_IN, fields, "Sign in", {"next": next_path}, error, note, after)
    return _with_form(door, request, page, SIGN_IN, status)


def _invitation_page(
    door: _Door, request: Request, token: str, found: Invitation, *, error: str = "", at: str = ""
) -> Response:
    title = "Choose your password" if found.is_new else "Choose a new password"
    note = f"For {found.name or found.upn}."
    wrong = {at: error}
    fields = (
        # Password managers keep a password under the name that stands beside it.
        Field("username", "User name", "text", "username", found.upn, fixed=True),
        Field(
            "password",
            "Password",
            "password",
            "new-password",
            hint=_HINT,
            wrong=wrong.get("password", ""),
            most=1_000,
        ),
        Field(
            "again", "The same again", "password", "new-password", wrong=wrong.get("again", ""), most=1_000
        ),
    )
    action = f"{INVITATION}{quote(token, safe='')}"
    page = DoorPage(title, action, fields, "Save and sign in", {}, error, note)
    return _with_form(door, request, page, INVITATION, 400 if error else 200)


def _used_link() -> Response:
    page = DoorPage(
        "This link is good no more", error=_USED_LINK, note=_NEW_LINK, after=way(SIGN_IN, "Sign in")
    )
    return _page(page, 410)


async def away(_: Request, error: Exception) -> Response:
    """The page where nobody can be looked up."""
    log.warning("the database did not answer who is signed in", exc_info=error)
    return _page(DoorPage("Not just now", error=AWAY), 503)


def _page(page: DoorPage, status: int = 200) -> Response:
    return HTMLResponse(page.html(), status, {"content-security-policy": PLAIN_POLICY})


def _sentence(refusal: NotSignedIn) -> str:
    """The refusal as a sentence of its own."""
    return f"{refusal.sentence[:1].upper()}{refusal.sentence[1:].rstrip('.')}."
