"""What the routes work with, and the one place that asks whether the holder of a key may do what it wants.

A route names its operation once, in a dependency made by `may`, `may_installation` or `may_own`; the rights
are those of `accounts.rights`. A route parses, calls one use case and answers; it finds the use cases here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from secrets import token_bytes
from typing import TYPE_CHECKING, Annotated, Final, ParamSpec, TypeVar

from fastapi import Depends, Path, Request

from talktime.accounts.administration import Administration, Invalid
from talktime.accounts.approvals import Person
from talktime.accounts.documents import tenant_of
from talktime.accounts.expecting import Expecting, Still, whatever
from talktime.accounts.provider import ALONE_MICROS, Provider
from talktime.accounts.reserved import Refuses, allows
from talktime.accounts.rights import (
    INSTALLATION,
    Allowed,
    Caller,
    Forbidden,
    Foreign,
    forbidden_sentence,
)
from talktime.accounts.rights import may as may_do
from talktime.accounts.signing_in import SigningIn
from talktime.accounts.tenant import Tenant
from talktime.doors.http.management.texts import NAME_PATTERN
from talktime.doors.http.problems import Problem, ProblemError, invalid, refused
from talktime.funding.purchasing import Purchasing
from talktime.funding.taxes import Seller
from talktime.insight.deck_sheet import DeckSheets
from talktime.insight.exports import Exports
from talktime.insight.what_ifs import WhatIfs
from talktime.ledger.api_keys import Keyring, Principal, upn_of_person
from talktime.ledger.commands import Refused
from talktime.ledger.database import DatabaseUrl
from talktime.ledger.decks import Decks
from talktime.ledger.reading import Reader
from talktime.live.desk import Desk
from talktime.live.lately import Lately
from talktime.live.tenant import LiveTenant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What the installation's settings and the process give the routes.

    `purchasing` None: no gateway is set up, nothing is bought by card; `exports` None: this process makes
    none; `what_ifs` None: it takes no files of usage. `seller` stands on papers. An adjustment of more than
    `adjust_limit` micros takes two persons. `private_webhooks`: a webhook may name an address of a private
    network, if it says so itself. `secret` makes the words that stand for people; a process that is given
    none makes its own. `lately`: the tenants that the process has read, `signing_in` who is signed in; None:
    the routes have caches of their own.
    """

    purchasing: Purchasing | None = None
    exports: Exports | None = None
    what_ifs: WhatIfs | None = None
    seller: Seller = field(default_factory=Seller)
    adjust_limit: int = ALONE_MICROS
    private_webhooks: bool = False
    secret: bytes = field(default_factory=lambda: token_bytes(32), repr=False)
    lately: Lately | None = None
    signing_in: SigningIn | None = None


@dataclass(frozen=True, slots=True)
class House:
    """The desk for commands, the reader for people, stored keys and decks, and the use cases.

    `url` is the ledger's, for what reads it beside the reader; `lately` are the tenants that it has read,
    `sheets` the decks that people look at.
    """

    desk: Desk
    reader: Reader
    keyring: Keyring
    decks: Decks
    administration: Administration
    purchasing: Purchasing
    url: DatabaseUrl
    means: Means
    lately: Lately
    signing_in: SigningIn
    sheets: DeckSheets = field(default_factory=DeckSheets)

    @property
    def provider(self) -> Provider:
        """What the provider does to tenants."""
        return Provider(
            self.desk.engine,
            self.reader,
            self.desk.catalogue,
            self.administration,
            self.means.adjust_limit,
            self._known_since_us,
        )

    def _known_since_us(self, id_: str) -> int:
        """Since when the holder of a key, or a person who signs in, can act as it does; blocks."""
        if upn_of_person(id_):
            return self.signing_in.since_us(id_)
        return self.keyring.keys.made_us(id_)

    def expecting(self, still: Still = whatever, refuses: Refuses = allows) -> Expecting:
        """Administration whose changes are made only while a tenant is as somebody saw it.

        `refuses`: see `refuses`; a route whose body can ask for more than its own operation gives it.
        """
        return Expecting(self.desk.engine, self.reader, self.decks, self.desk.catalogue, still, refuses)

    @property
    def now_us(self) -> int:
        """The instant by the engine's clock."""
        return self.desk.engine.clock_us()

    async def live_tenant(self, tenant: str) -> LiveTenant:
        """A tenant as it is stored, ready to be asked; a problem where there is none."""
        live = await read(self.lately.of, tenant)
        if live is None:
            raise unknown_tenant(tenant)
        return live

    async def tenant(self, tenant: str) -> Tenant:
        """A tenant with its people and numbers; a problem where there is none."""
        return (await self.live_tenant(tenant)).tenant

    async def settings(self, tenant: str) -> Tenant:
        """A tenant without its people and numbers; a problem where there is none."""
        own = await read(self.reader.document, tenant)
        if own is None:
            raise unknown_tenant(tenant)
        return tenant_of(own, (), ())

    async def known(self, tenant: str) -> None:
        """A problem where there is no such tenant."""
        if await read(self.reader.document, tenant) is None:
            raise unknown_tenant(tenant)


async def read(ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Asks the database in a thread, so that calls in progress do not wait for it."""
    return await asyncio.to_thread(ask, *args, **kwargs)


async def people_of(house: House, name: str, tenant: str, after: str, limit: int) -> list[tuple[str, str]]:
    """A page of documents, (key, JSON), of users or service_numbers; a problem where there is no tenant."""
    found = await read(house.reader.people, name, tenant, after, limit)
    if not found:
        await house.known(tenant)
    return found


def unknown_tenant(tenant: str) -> ProblemError:
    """There is no such tenant, or it is not one of the key's: nobody can tell which."""
    return refused("unknown_tenant", f"there is no tenant {tenant!r}")


def done(outcome: T | Refused | Invalid, body: Mapping[str, Any] | None = None, alone: str = "") -> T:
    """What a use case did; a problem where it refused."""
    if isinstance(outcome, Refused):
        raise refused(outcome.code, outcome.detail)
    if isinstance(outcome, Invalid):
        raise invalid(outcome.faults, body or {}, alone)
    return outcome


def who(principal: Principal) -> str:
    """How the audit log names the holder of a key, or a person who is signed in."""
    return principal.person if principal.is_person else f"key {principal.id} ({principal.name})"


def person_of(principal: Principal) -> Person:
    """Who acts, where two persons are asked for: a person and the keys that it made are one."""
    return Person(principal.acts_as, who(principal))


def caller_of(principal: Principal) -> Caller:
    """The holder of a key as rights see it."""
    return Caller(principal.id, principal.name, principal.roles, principal.tenants)


def holds(principal: Principal, operation: str, tenant: str) -> bool:
    """Whether the key may also do another operation than the route's own, where answers differ by it."""
    return isinstance(may_do(caller_of(principal), operation, tenant), Allowed)


def refuses(principal: Principal, tenant: str) -> Refuses:
    """Why the key may not do what a change asks for beside its route's operation, as 403 `forbidden`."""

    def asked(operation: str) -> Refused | None:
        verdict = may_do(caller_of(principal), operation, tenant)
        if isinstance(verdict, Forbidden):
            return Refused("forbidden", forbidden_sentence(operation, verdict))
        return None

    return asked


# --- what a route asks for -----------------------------------------------------------------------------


def _house(request: Request) -> House:
    house = request.app.state.house
    assert isinstance(house, House)
    return house


def _principal(request: Request) -> Principal:
    principal = request.scope["principal"]
    assert isinstance(principal, Principal)
    return principal


InHouse = Annotated[House, Depends(_house)]
CallerOf = Annotated[Principal, Depends(_principal)]
TenantName = Annotated[str, Path(min_length=1, max_length=200, pattern=NAME_PATTERN)]

Dependency = Callable[..., str | Principal]


@cache
def may(operation: str) -> Dependency:
    """A dependency: the tenant of the path, if the key may do this to it.

    A tenant that is not the key's does not exist (404, as for one that there is not); 403 `forbidden` names
    the operation and the roles that may. For `tenant: Annotated[str, Depends(may("see_balance"))]`.
    """

    def asked(principal: CallerOf, tenant: TenantName) -> str:
        allow(principal, operation, tenant)
        return tenant

    return _named(asked, operation)


@cache
def may_installation(operation: str) -> Dependency:
    """A dependency: the key, if it is for the whole installation and may do this; else 403 `forbidden`."""

    def asked(principal: CallerOf) -> Principal:
        allow(principal, operation, INSTALLATION)
        return principal

    return _named(asked, operation)


@cache
def may_own(operation: str) -> Dependency:
    """A dependency: the key, if it may do this to its own tenants, of which the route shows no others."""

    def asked(principal: CallerOf) -> Principal:
        allow(replace(principal, tenants=None), operation, INSTALLATION)
        return principal

    return _named(asked, operation)


def operation_of(dependency: object) -> str | None:
    """The operation that a dependency asks for, None where it asks for none."""
    return getattr(dependency, "operation", None)


def _named(dependency: Dependency, operation: str) -> Dependency:
    dependency.operation = operation  # type: ignore[attr-defined]  # read by `operation_of`
    return dependency


def _whoever_asks(principal: CallerOf) -> Principal:
    """A dependency: whoever was let in, also one that has lost all its roles, may see who it is."""
    return principal


myself: Final = _named(_whoever_asks, "see_self")


def allow(principal: Principal, operation: str, tenant: str) -> None:
    """404 where the tenant is not the key's, 403 `forbidden` where the key may not do this to it.

    Routes name their operation in a dependency; this is for a second one that the body asks for.
    """
    verdict = may_do(caller_of(principal), operation, tenant)
    if isinstance(verdict, Foreign):
        raise unknown_tenant(tenant)
    if isinstance(verdict, Forbidden):
        detail = forbidden_sentence(operation, verdict)
        if tenant == INSTALLATION and not principal.roles.isdisjoint(verdict.roles):
            detail = "this key is for some tenants, not for the installation"
        raise ProblemError(Problem(403, "forbidden", detail))
