"""What the routes work with, and the one place that says which tenants a key may see.

A route parses, calls one use case and answers; it finds the use cases here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ParamSpec, TypeVar

from fastapi import Depends, Path, Request

from talktime.accounts.administration import Administration, Invalid
from talktime.doors.http.management.texts import NAME_PATTERN
from talktime.doors.http.problems import Problem, ProblemError, invalid, refused
from talktime.ledger.api_keys import Keyring, Principal
from talktime.ledger.commands import Refused
from talktime.ledger.decks import Decks
from talktime.ledger.reading import Reader
from talktime.live.desk import Desk
from talktime.live.tenant import LiveTenant, live_tenant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class House:
    """The desk for commands, the reader for people, the stored keys and decks."""

    desk: Desk
    reader: Reader
    keyring: Keyring
    decks: Decks
    administration: Administration

    @property
    def now_us(self) -> int:
        """The instant by the engine's clock."""
        return self.desk.engine.clock_us()

    async def live_tenant(self, tenant: str) -> LiveTenant:
        """A tenant as it is stored, ready to be asked; a problem where there is none."""
        documents = await read(self.reader.documents, tenant)
        if documents is None:
            raise unknown_tenant(tenant)
        return await read(live_tenant, documents, self.desk.catalogue)


async def read(ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Asks the database in a thread, so that calls in progress do not wait for it."""
    return await asyncio.to_thread(ask, *args, **kwargs)


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
    """How the audit log names the holder of a key."""
    return f"key {principal.id} ({principal.name})"


def _house(request: Request) -> House:
    house = request.app.state.house
    assert isinstance(house, House)
    return house


def _principal(request: Request) -> Principal:
    principal = request.scope["principal"]
    assert isinstance(principal, Principal)
    return principal


def _installation(principal: CallerOf) -> Principal:
    if principal.tenants is not None:
        raise ProblemError(
            Problem(403, "forbidden", "this key is for some tenants, not for the installation")
        )
    return principal


def _tenant(
    principal: CallerOf,
    tenant: Annotated[str, Path(min_length=1, max_length=200, pattern=NAME_PATTERN)],
) -> str:
    if not principal.may_see(tenant):
        raise unknown_tenant(tenant)
    return tenant


InHouse = Annotated[House, Depends(_house)]
CallerOf = Annotated[Principal, Depends(_principal)]
OperatorOf = Annotated[Principal, Depends(_installation)]
"""A key for the whole installation; others are refused."""
TenantOf = Annotated[str, Depends(_tenant)]
"""A tenant that the key may see; others do not exist for it."""
