"""Signing in with OpenID Connect: the code flow with PKCE, state and nonce (OpenID Connect Core 1.0, 3.1).

Authlib knows the protocol, joserfc the signatures, httpx carries. What has to be remembered between the way
to the provider and the way back (state, nonce, the code's verifier, the page asked for) waits in a cookie of
that browser: any process can take the answer, and one that this browser did not ask for is refused.

Every refusal is an `OpenIdError` with one sentence for the person; what a provider said goes to the log only.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import re
import secrets
import ssl
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import httpx
import msgspec
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from talktime.doors.admin.openid_file import (
    Granted,
    OpenIdError,
    granted,
    is_loopback,
    is_usable_address,
    values_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from talktime.doors.admin.openid_file import OpenIdFile

BACK_PATH: Final = "/sign-in/openid/back"
"""Where the provider sends people back to, below the base address: register it there."""

WAIT_S: Final = 10.0
"""Seconds that the provider has for all that one step asks of it."""

KNOWN_S: Final = 3_600
"""Seconds that the provider's description and keys are taken as they are; an unknown key asks at once."""

MOST_AT_ONCE: Final = 10
"""People whom the provider is asked about at once: whoever comes by can make us ask."""

KEYS_S: Final = 60
"""Seconds between two looks for keys that tokens name and nobody knows."""

SKEW_S: Final = 60
"""Seconds that the provider's clock and ours may differ."""

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a key pair. Not "none", and no shared secret: a client's secret signs for nobody else."""

_MOST_BYTES: Final = 1 << 20
_UPN: Final = re.compile(r"[^\s\x00-\x1f\x7f]{3,254}")
_CODE: Final = re.compile(r"[\x20-\x7e]{1,2048}")

log = logging.getLogger(__name__)


class Begun(NamedTuple):
    """Where the browser goes, and what it keeps in a cookie until it is back."""

    location: str
    kept: str


class Came(NamedTuple):
    """Who came back, as the provider says and the grants of the file give."""

    upn: str
    name: str
    granted: Granted
    next_path: str


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    state: str
    nonce: str
    verifier: str
    next_path: str


@dataclass(slots=True)
class _Known:
    """The provider's description and keys, and until when they are taken as they are."""

    described: Mapping[str, Any] = field(default_factory=dict)
    described_until_s: float = 0.0
    keys: KeySet | None = None
    keys_asked_s: float = -KEYS_S


class OpenId:
    """One provider. `now_s` is the wall clock in whole seconds: tokens say when they end by it."""

    def __init__(
        self, file: OpenIdFile, base_url: str, now_s: Callable[[], int] = lambda: int(time.time())
    ) -> None:
        self._file = file
        self._back = base_url.rstrip("/") + BACK_PATH
        self._now_s = now_s
        self._known = _Known()
        self._asking = 0

    @property
    def name(self) -> str:
        """The provider's name, as people know it."""
        return self._file.name

    async def begin(self, next_path: str) -> Begun:
        """The way to the provider. Raises OpenIdError where it cannot be asked."""
        described = (await self._asked(self._description))["authorization_endpoint"]
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        kept = _Kept(state, nonce, verifier, next_path)
        location = prepare_grant_uri(
            described,
            client_id=self._file.client_id,
            response_type="code",
            redirect_uri=self._back,
            scope=self._file.scopes,
            state=kept.state,
            nonce=kept.nonce,
            code_challenge=create_s256_code_challenge(kept.verifier),  # type: ignore[no-untyped-call]
            code_challenge_method="S256",
        )
        return Begun(str(location), _packed(kept))

    async def finish(self, answer: Mapping[str, str], kept_text: str) -> Came:
        """Who came back with this query of the address. Raises OpenIdError."""
        kept = _unpacked(kept_text)
        if kept is None or not _is_same(answer.get("state", ""), kept.state):
            raise OpenIdError(
                "This sign-in was not begun in this browser, or too long ago; begin it again here.", 400
            )
        if "error" in answer or not _CODE.fullmatch(answer.get("code", "")):
            log.info("the OpenID provider signed nobody in: %.200r", answer.get("error", "no code"))
            raise OpenIdError(f"{self.name} did not sign you in; try again, or ask who runs it.", 403)

        async def asked(client: httpx.AsyncClient) -> dict[str, Any]:
            return await self._claims(client, answer, kept)

        return self._came(await self._asked(asked), kept.next_path)

    async def _asked(self, ask: Callable[..., Any]) -> Any:
        """Asks the provider, within its time. Raises OpenIdError."""
        if self._asking >= MOST_AT_ONCE:
            raise OpenIdError("Many people sign in just now; try again in a moment.", 503)
        self._asking += 1
        try:
            async with (
                asyncio.timeout(WAIT_S),
                httpx.AsyncClient(verify=_tls(), timeout=WAIT_S) as client,
            ):
                return await ask(client)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            log.warning("the OpenID provider cannot be reached: %r", error)
            raise OpenIdError(f"{self.name} cannot be reached; try again in a minute.", 503) from None
        except (JoseError, _UnusableError) as error:
            log.warning("the OpenID provider's answer is not taken: %s", error)
            raise OpenIdError(
                f"What {self.name} answered could not be verified, so nobody was signed in; try again, and"
                " tell your administrator if it goes on.",
                502,
            ) from None
        finally:
            self._asking -= 1

    async def _description(self, client: httpx.AsyncClient) -> Mapping[str, Any]:
        """The provider's description of itself (OpenID Connect Discovery 1.0, 4), kept for an hour."""
        known, now_s = self._known, time.monotonic()
        if now_s < known.described_until_s:
            return known.described
        described = await _json(client, "GET", get_well_known_url(self._file.issuer, external=True))
        if described.get("issuer") != self._file.issuer:
            raise _UnusableError(f"it calls itself {described.get('issuer')!r:.200}")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            self._usable(described, name)
        known.described, known.described_until_s, known.keys = described, now_s + KNOWN_S, None
        return described

    def _usable(self, described: Mapping[str, Any], name: str) -> str:
        address = described.get(name)
        if not is_usable_address(address, loopback=is_loopback(self._file.issuer)):
            raise _UnusableError(f"its {name} is {address!r:.200}")
        return str(address)

    async def _claims(
        self, client: httpx.AsyncClient, answer: Mapping[str, str], kept: _Kept
    ) -> dict[str, Any]:
        described = await self._description(client)
        if "iss" in answer and answer["iss"] != self._file.issuer:
            raise _UnusableError("another issuer answered")  # RFC 9207
        token = await self._token(client, described, answer["code"], kept.verifier)
        claims = await self._verified(client, described, token, kept.nonce)
        asked = {self._file.person, *(grant.claim for grant in self._file.grants)}
        if described.get("userinfo_endpoint") and any(not values_of(claims, each) for each in asked):
            more = await self._user_info(client, described, token)
            if more.get("sub") != claims["sub"]:
                raise _UnusableError("its user info is of somebody else")
            claims = {**more, **claims}
        return claims

    async def _token(
        self, client: httpx.AsyncClient, described: Mapping[str, Any], code: str, verifier: str
    ) -> Mapping[str, Any]:
        """The code against tokens (RFC 6749, 4.1.3)."""
        address = self._usable(described, "token_endpoint")
        methods = described.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        method = "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
        auth: Any = ClientAuth(
            self._file.client_id,
            self._file.client_secret,
            method if self._file.client_secret else "none",
        )
        body = prepare_token_request(
            "authorization_code", redirect_uri=self._back, code=code, code_verifier=verifier
        )
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        address, headers, body = auth.prepare("POST", address, headers, body)
        token = await _json(client, "POST", address, headers=headers, content=body)
        if not isinstance(token.get("id_token"), str) or not isinstance(token.get("access_token"), str):
            raise _UnusableError("its answer holds no tokens")
        return token

    async def _verified(
        self, client: httpx.AsyncClient, described: Mapping[str, Any], token: Mapping[str, Any], nonce: str
    ) -> dict[str, Any]:
        """The claims of the id token, once all of it is right (OpenID Connect Core 1.0, 3.1.3.7)."""
        try:
            read = jwt.decode(token["id_token"], await self._keys(client, described), list(ALGORITHMS))
        except InvalidKeyIdError:
            read = jwt.decode(
                token["id_token"], await self._keys(client, described, anew=True), list(ALGORITHMS)
            )
        except ValueError as error:
            raise _UnusableError(f"its id token is none: {error}") from None
        client_id = self._file.client_id
        claims = CodeIDToken(
            read.claims,
            read.header,
            {
                "iss": {"essential": True, "value": self._file.issuer},
                "aud": {"essential": True, "value": client_id},
                "sub": {"essential": True},
                "nonce": {"essential": True, "value": nonce},
            },
            {"client_id": client_id, "nonce": nonce, "access_token": token["access_token"]},
        )
        claims.validate(self._now_s(), SKEW_S)
        return dict(claims)

    async def _keys(
        self, client: httpx.AsyncClient, described: Mapping[str, Any], *, anew: bool = False
    ) -> KeySet:
        """The provider's keys; asked for again, at most once a minute, where a token names one unknown."""
        known, now_s = self._known, time.monotonic()
        if known.keys is None or (anew and now_s - known.keys_asked_s >= KEYS_S):
            known.keys_asked_s = now_s
            answer: Any = await _json(client, "GET", self._usable(described, "jwks_uri"))
            try:
                known.keys = KeySet.import_key_set(answer)
            except (KeyError, TypeError, ValueError) as error:
                raise _UnusableError(f"its keys are none: {error}") from None
        return known.keys

    async def _user_info(
        self, client: httpx.AsyncClient, described: Mapping[str, Any], token: Mapping[str, Any]
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        return await _json(client, "GET", self._usable(described, "userinfo_endpoint"), headers=headers)

    def _came(self, claims: Mapping[str, Any], next_path: str) -> Came:
        """The person of verified claims. An address of mail names somebody only where it was verified."""
        upn = claims.get(self._file.person)
        if not isinstance(upn, str) or not _UPN.fullmatch(upn):
            raise OpenIdError(
                f"{self.name} does not say who you are ({self._file.person}); ask your administrator.", 403
            )
        if self._file.person == "email" and claims.get("email_verified") not in (True, "true"):
            raise OpenIdError(f"{self.name} has not verified your address {upn}; verify it there first.", 403)
        name = claims.get("name")
        return Came(upn, name if isinstance(name, str) else "", granted(self._file.grants, claims), next_path)


@cache
def _tls() -> ssl.SSLContext:
    """Whom we believe to be who they are: read once, as it takes longer than a sign-in."""
    return httpx.create_ssl_context()


class _UnusableError(Exception):
    """What the provider said is not taken; the sentence is for the log."""


async def _json(
    client: httpx.AsyncClient,
    method: str,
    address: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: str | None = None,
) -> dict[str, Any]:
    """A JSON object of at most a mebibyte. Raises _UnusableError and what httpx raises."""
    taken = bytearray()
    async with client.stream(method, address, headers=headers, content=content) as response:
        async for piece in response.aiter_bytes():
            taken += piece
            if len(taken) > _MOST_BYTES:
                raise _UnusableError("its answer is too long")
    if response.status_code >= 500:
        response.raise_for_status()
    try:
        answer = json.loads(taken)
    except ValueError:
        answer = None
    if response.status_code != 200 or not isinstance(answer, dict):
        why = answer.get("error") if isinstance(answer, dict) else "no JSON object"
        raise _UnusableError(f"{response.status_code} at {address}: {why!r:.200}")
    return answer


def _is_same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _packed(kept: _Kept) -> str:
    return urlsafe_b64encode(msgspec.json.encode(kept)).decode().rstrip("=")


def _unpacked(text: str) -> _Kept | None:
    """None for anything that `_packed` did not make."""
    try:
        kept = msgspec.json.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=_Kept)
    except (ValueError, msgspec.MsgspecError):
        return None
    return kept if kept.state and kept.nonce and kept.verifier else None
