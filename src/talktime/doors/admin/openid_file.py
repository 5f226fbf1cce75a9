"""What TALKTIME_OPENID says: who the provider is, and which of its people get which roles where.

A TOML file. What cannot work is said in one sentence before anything is served; the provider itself is not
asked by then, as it may be away for a moment.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec

from talktime.catalog.side import load_roles

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

EVERYWHERE: Final = "*"
"""For `tenants` of a grant: the roles are for the whole installation."""

VARIABLE: Final = "TALKTIME_OPENID"
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_SECRET: Final = re.compile(r"[\x21-\x7e]{1,1000}")


class OpenIdError(Exception):
    """Nobody is signed in. The sentence is for the person; `status` for the page that shows it."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status


class Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Roles for everybody whose `claim` is, or holds, `value`.

    A claim inside another is named with points: `realm_access.roles`. `tenants` are ids, or "*" for the roles
    that run the installation.
    """

    claim: str
    value: str
    roles: list[str]
    tenants: list[str] | Literal["*"]


class OpenIdFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file. `name` stands on the button; `person` is the claim that holds a person's UPN.

    Of `client_secret` and `client_secret_file` (beside this file, or an absolute path) at most one; without
    either the client is public, and PKCE alone guards the code.
    """

    issuer: str
    client_id: str
    name: str = "OpenID Connect"
    client_secret: str = ""
    client_secret_file: str = ""
    scopes: list[str] = msgspec.field(default_factory=lambda: ["openid", "profile", "email"])
    person: str = "preferred_username"
    grants: list[Grant] = msgspec.field(default_factory=list, name="grant")


class Granted(NamedTuple):
    """What the claims of a person give it: roles of the installation, and roles by tenant."""

    roles: frozenset[str]
    tenants: Mapping[str, frozenset[str]]


def read_openid(file: Path) -> OpenIdFile:
    """The file, with its secret in `client_secret`. Raises ValueError with one sentence that names it."""
    try:
        read = msgspec.convert(tomllib.loads(file.read_text("utf-8")), OpenIdFile)
        read = msgspec.structs.replace(read, client_secret=_secret(read, file))
        _check(read)
        for number, grant in enumerate(read.grants, 1):
            _check_grant(grant, number)
    except OSError as error:
        raise ValueError(f"{VARIABLE} {file}: {(error.strerror or 'cannot be read').lower()}") from None
    except (ValueError, msgspec.MsgspecError) as error:
        raise ValueError(f"{VARIABLE} {file}: {error}") from None
    return read


def granted(grants: Iterable[Grant], claims: Mapping[str, Any]) -> Granted:
    """What these claims are given; several grants add up."""
    everywhere: set[str] = set()
    tenants: dict[str, set[str]] = {}
    for grant in grants:
        if grant.value not in values_of(claims, grant.claim):
            continue
        if grant.tenants == EVERYWHERE:
            everywhere.update(grant.roles)
        else:
            for tenant in grant.tenants:
                tenants.setdefault(tenant, set()).update(grant.roles)
    return Granted(frozenset(everywhere), {tenant: frozenset(roles) for tenant, roles in tenants.items()})


def values_of(claims: Mapping[str, Any], claim: str) -> frozenset[str]:
    """The words of a claim, one or several; nothing where it is absent or holds something else."""
    value = claims.get(claim)
    if value is None and "." in claim:
        outer, _, inner = claim.partition(".")
        within = claims.get(outer)
        return values_of(within, inner) if isinstance(within, dict) else frozenset()
    if isinstance(value, str):
        return frozenset((value,))
    if isinstance(value, list):
        return frozenset(each for each in value if isinstance(each, str))
    return frozenset()


def is_usable_address(address: Any, *, loopback: bool) -> bool:
    """Whether an address of the provider may be asked: https, or plain http on this machine."""
    try:
        parts = urlsplit(address) if isinstance(address, str) else None
        host = parts.hostname if parts is not None else None
    except ValueError:
        return False
    if parts is None or not host or parts.fragment:
        return False
    return parts.scheme == "https" or (loopback and parts.scheme == "http" and host in _LOOPBACK)


def is_loopback(address: str) -> bool:
    """Whether the provider runs on this machine, as in a test: plain http is then enough."""
    return urlsplit(address).hostname in _LOOPBACK


def _secret(read: OpenIdFile, file: Path) -> str:
    if read.client_secret and read.client_secret_file:
        raise ValueError("give client_secret or client_secret_file, not both")
    secret = read.client_secret
    if read.client_secret_file:
        place = file.parent / read.client_secret_file
        try:
            secret = place.read_text("utf-8").strip()
        except OSError as error:
            why = (error.strerror or "cannot be read").lower()
            raise ValueError(f"client_secret_file {place}: {why}") from None
        if not secret:
            raise ValueError(f"client_secret_file {place} is empty")
    if secret and not _SECRET.fullmatch(secret):
        raise ValueError("the client secret may hold visible ASCII characters only")
    return secret


def _check(read: OpenIdFile) -> None:
    if not is_usable_address(read.issuer, loopback=True) or urlsplit(read.issuer).query:
        raise ValueError("issuer is no address such as https://login.example/contoso")
    if not read.client_id or not read.name.strip() or not read.person:
        raise ValueError("client_id, name and person must not be empty")
    if "openid" not in read.scopes:
        raise ValueError('scopes must hold "openid"')


def _check_grant(grant: Grant, number: int) -> None:
    known = load_roles().roles
    where = f"grant {number}"
    if not grant.claim or not grant.value or not grant.roles or not grant.tenants:
        raise ValueError(f"{where}: claim, value, roles and tenants must not be empty")
    for role in grant.roles:
        if role not in known:
            raise ValueError(f"{where}: there is no role {role!r}")
        if known[role].partner:
            raise ValueError(f"{where}: {role} is a role of a partner's people, who are invited instead")
        if known[role].operator != (grant.tenants == EVERYWHERE):
            raise ValueError(
                f'{where}: {role} is a role of the installation; write tenants = "*"'
                if known[role].operator
                else f'{where}: {role} is a role in tenants; list their ids instead of "*"'
            )
