"""A desk to sign in at: the use cases on a database, with a clock that a test moves, and tenants to open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from talktime.accounts.documents import tenant_text
from talktime.accounts.passwords import Cost
from talktime.accounts.signing_in import Limits, NotSignedIn, SignedIn, SigningIn
from talktime.accounts.tenant import Administrator, Tenant
from talktime.ledger.commands import Refused
from talktime.ledger.database import open_engine, open_url
from talktime.ledger.reading import Reader
from talktime.ledger.schema import table

NOON_US = 1_772_366_400_000_000
S = 1_000_000
MINUTE, HOUR = 60 * S, 3_600 * S
LIMITS = Limits(cost=Cost(rounds=1, memory_kib=8))  # a guess may cost nothing here
ANA, BEN, OLGA = "ana@contoso.example", "ben@contoso.example", "olga@provider.example"
RIGHT, WRONG = "a horse on a staple", "a horse on a stable"


@dataclass
class Clock:
    now_us: int = NOON_US

    def __call__(self) -> int:
        return self.now_us


@dataclass(frozen=True)
class Desk:
    """Signing in on a database, with a clock that a test moves."""

    url: str
    clock: Clock
    use: SigningIn

    def beside(self, limits: Limits = LIMITS) -> SigningIn:
        """Another process on the same database."""
        return SigningIn(open_url(self.url), self.clock, limits)

    def later(self, span_us: int) -> None:
        self.clock.now_us += span_us

    def person(self, upn: str = ANA, password: str = RIGHT, **more: Any) -> tuple[SignedIn, str]:
        """Somebody who was invited and has chosen a password."""
        token = self.use.invite(upn, "Ana Lima", **more)
        assert isinstance(token, str), token
        return let_in(self.use.accept(token, password))

    def tenants(self, *tenants: Tenant) -> None:
        """Stores documents of tenants; those that are there are replaced."""
        url = open_url(self.url)
        own = table(url.kind, "tenants")
        with open_engine(url).begin() as db:
            for tenant in tenants:
                db.execute(sa.delete(own).where(own.c.tenant == tenant.id))
                db.execute(sa.insert(own).values(tenant=tenant.id, document=tenant_text(tenant)))

    def audit(self, tenant: str = "") -> list[tuple[str, str]]:
        lines = Reader(open_url(self.url)).audit(tenant, 2**62, 100)
        return [(line.who, line.what) for line in reversed(lines)]


def desk(url: str) -> Desk:
    clock = Clock()
    return Desk(url, clock, SigningIn(open_url(url), clock, LIMITS))


def let_in(answer: tuple[SignedIn, str] | NotSignedIn) -> tuple[SignedIn, str]:
    assert not isinstance(answer, NotSignedIn), answer
    return answer


def code(answer: object) -> str:
    assert isinstance(answer, NotSignedIn | Refused), answer
    return answer.code


def tenant(id_: str, administrators: Mapping[str, str] | None = None, **more: Any) -> Tenant:
    """A tenant with (upn, role) for administrators."""
    people = tuple(Administrator(upn, roles=(role,)) for upn, role in (administrators or {}).items())
    return replace(Tenant(id_, id_.title(), "US", "USD"), administrators=people, **more)
