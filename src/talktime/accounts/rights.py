"""Who may do what to whom: the one place where every door asks (domain.md 11).

Whether a tenant is the caller's at all comes first: a foreign one does not exist for it, whatever the caller
may do to its own. Only then the operation is looked up among the rights of the catalogue (roles.toml).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from talktime.catalog.side import load_roles
from talktime.catalog.side_model import Roles

INSTALLATION: Final = ""
"""In place of a tenant: an operation on all of them, or on what belongs to none."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: `roles` by the names of the catalogue, aliases too; `tenants` None: all of them."""

    id: str
    name: str
    roles: frozenset[str]
    tenants: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Allowed:
    """The caller may do it."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """The tenant does not exist, as far as the caller is told."""


@dataclass(frozen=True, slots=True)
class Forbidden:
    """The caller may not; `roles` are those that may, sorted by id, so that a person knows whom to ask."""

    roles: tuple[str, ...]


CREATE_TENANT: Final = "create_tenant"
"""An operation that only those may do who run the installation."""

Verdict = Allowed | Foreign | Forbidden


def may(caller: Caller, operation: str, tenant: str, roles: Roles | None = None) -> Verdict:
    """Whether the caller may do this to the tenant, or to the INSTALLATION.

    What concerns the whole installation is forbidden to a caller that is bound to tenants.
    Raises KeyError for an operation that the catalogue does not have.
    """
    known = load_roles() if roles is None else roles
    holders = known.rights[operation]
    if tenant == INSTALLATION:
        within = caller.tenants is None
    elif caller.tenants is not None and tenant not in caller.tenants:
        return Foreign()
    else:
        within = True
    held = (role for role in caller.roles if role in known.roles)
    if within and known.may(held, operation):
        return Allowed()
    return Forbidden(tuple(sorted(holders)))


def unknown_roles(named: Iterable[str]) -> list[str]:
    """Those of the names that are no role of the catalogue, sorted."""
    return sorted(set(named) - load_roles().roles.keys())


def not_grantable(caller: Caller, roles: Iterable[str], tenants: frozenset[str] | None) -> str:
    """Why the caller may not make a key with these roles for these tenants: a sentence, or "".

    Nobody hands out more than it has: no tenant beyond its own, and roles of operators and partners only
    from a caller for the whole installation who may make tenants.
    """
    if caller.tenants is not None and (tenants is None or not tenants <= caller.tenants):
        return "a key cannot be for more tenants than yours; name some of yours"
    if isinstance(may(caller, CREATE_TENANT, INSTALLATION), Allowed):
        return ""
    known = load_roles()
    outside = sorted(role for role in roles if role in known.roles and not known.roles[role].is_of_tenant)
    if outside:
        return f"the role {known.roles[outside[0]].name} is given by the provider alone"
    if tenants is None:
        return "a key for the whole installation is made by the provider alone"
    return ""


def forbidden_sentence(operation: str, verdict: Forbidden) -> str:
    """What a person is told: what was refused, and who may do it."""
    known = load_roles().roles
    names = [known[role].name for role in verdict.roles]
    asked = operation.replace("_", " ")
    return f"your roles do not allow to {asked}; this may: {', '.join(names)}"
