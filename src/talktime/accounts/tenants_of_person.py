"""Which tenants a person may open, and what it may do there: worked out anew from what the tenants say.

A tenant names its administrators, a partner's customers name the partner, an OpenID provider's claims name
tenants, and an operator may open all. So whoever loses a role there loses it here at the next request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from talktime.accounts.documents import tenant_of
from talktime.accounts.rights import INSTALLATION
from talktime.accounts.tenant import Administrator, Tenant
from talktime.catalog.side import load_roles
from talktime.ledger.api_keys import MANAGEMENT, Principal, person_id
from talktime.ledger.commands import Refused
from talktime.ledger.finding_tenants import TenantFinder

if TYPE_CHECKING:
    from talktime.ledger.database import DatabaseUrl

Claims = tuple[tuple[str, frozenset[str]], ...]
"""(tenant, roles), as an OpenID provider said them."""


class TenantOf(NamedTuple):
    """A tenant that a person may open, and the roles that it has there."""

    id: str
    name: str
    status: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is signed in. `session` names the session in logs and is not its secret.

    `roles`: for the installation, or for the customers of `partner`; none for a tenant's own people. `home`:
    the only tenant that a person may open whom that tenant invited. `claims`: roles in tenants, as an OpenID
    provider said them. Instants in us.
    """

    session: str
    upn: str
    name: str
    roles: frozenset[str]
    partner: str
    how: str
    begun_us: int
    ends_us: int
    home: str = ""
    claims: Claims = ()


@cache
def named_roles(kind: str) -> frozenset[str]:
    """The roles of the catalogue for a `tenant`, a `partner` or an `operator`."""
    roles = load_roles().roles.values()
    if kind == "tenant":
        return frozenset(role.id for role in roles if role.is_of_tenant)
    return frozenset(role.id for role in roles if getattr(role, kind))


class TenantsOfPerson:
    """Reads tenants for a person. The methods block; they raise StoreAway."""

    def __init__(self, url: DatabaseUrl) -> None:
        self._finder = TenantFinder(url)

    def of(self, person: SignedIn, search: str, limit: int) -> list[TenantOf]:
        """Those that the person may open and whose id or name holds `search`, by id."""
        wanted = search.strip().casefold()
        mine = ((tenant, roles_in(person, tenant)) for tenant in self._candidates(person, wanted))
        return _first(mine, wanted, limit)

    def of_key(self, key: Principal, search: str, limit: int) -> list[TenantOf]:
        """The same for who presents a key: all or some tenants, with the roles of the key in each."""
        wanted = search.strip().casefold()
        found = (tenant_of(text, (), ()) for _, text in self._finder.holding([wanted], whole=False))
        mine = ((tenant, key.roles) for tenant in found if key.may_see(tenant.id))
        return _first(mine, wanted, limit)

    def principal(self, person: SignedIn, tenant: str) -> Principal:
        """What the person is in a tenant: nobody's administrator holds no tenant, so none exists for it.

        For the INSTALLATION: an operator as it is; anybody else with all its tenants and with each role that
        it has in one of them, which is enough to be shown its own.
        """
        is_operator = bool(person.roles) and not person.partner and not person.home
        if tenant == INSTALLATION:
            if is_operator:
                return _principal(person, None, person.roles)
            mine = [(one.id, roles_in(person, one)) for one in self._candidates(person, "")]
            held = {id_: roles for id_, roles in mine if roles}
            return _principal(person, frozenset(held), frozenset[str]().union(*held.values()))
        text = self._finder.document(tenant)
        roles = frozenset[str]() if text is None else roles_in(person, tenant_of(text, (), ()))
        if is_operator and roles <= person.roles:
            return _principal(person, None, person.roles)
        return _principal(person, frozenset({tenant} if roles else ()), roles)

    def administrator(self, tenant: str, upn: str) -> Administrator | Refused:
        """The administrator of this name in lower case. Refused where there is none, or no tenant."""
        text = self._finder.document(tenant)
        if text is None:
            return Refused("unknown_tenant", f"there is no tenant {tenant!r}")
        for one in tenant_of(text, (), ()).administrators:
            if one.upn.strip().casefold() == upn:
                return one
        return Refused("unknown_administrator", f"the tenant has no administrator {upn!r}; add it first")

    def _candidates(self, person: SignedIn, search: str) -> Iterator[Tenant]:
        """At least all tenants that the person may open and that `search` finds, by id."""
        if person.home:
            texts = [(person.home, self._finder.document(person.home))]
            yield from (tenant_of(text, (), ()) for _, text in texts if text is not None)
            return
        if person.roles and not person.partner:
            found = self._finder.holding([search], whole=False)
        else:
            words = [person.upn, *([person.partner] if person.partner else []), *dict(person.claims)]
            found = self._finder.holding(words, whole=True)
        for _, document in found:
            yield tenant_of(document, (), ())


def _first(mine: Iterable[tuple[Tenant, frozenset[str]]], wanted: str, limit: int) -> list[TenantOf]:
    found = (
        TenantOf(tenant.id, tenant.name, tenant.status, tuple(sorted(roles)))
        for tenant, roles in mine
        if roles and (wanted in tenant.id.casefold() or wanted in tenant.name.casefold())
    )
    return list(islice(found, limit))


def roles_in(person: SignedIn, tenant: Tenant) -> frozenset[str]:
    """The roles of a person in a tenant; none where it may not open it."""
    if person.home and tenant.id != person.home:
        return frozenset()
    own = frozenset(
        role
        for one in tenant.administrators
        if one.upn.strip().casefold() == person.upn
        for role in one.roles
    )
    claimed = dict(person.claims).get(tenant.id, frozenset[str]())
    roles = (own | claimed) & named_roles("tenant")
    if person.partner:
        return roles | (person.roles if tenant.partner == person.partner else frozenset())
    return roles | person.roles


def _principal(person: SignedIn, tenants: frozenset[str] | None, roles: frozenset[str]) -> Principal:
    scopes = frozenset({MANAGEMENT})
    return Principal(person_id(person.upn), person.name or person.upn, tenants, scopes, roles, person.upn)
