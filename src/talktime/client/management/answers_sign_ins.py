"""Who asks, and who signs in, as they are answered."""

from __future__ import annotations

from datetime import datetime

import msgspec


class MyTenant(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant that the caller may open, with its roles there."""

    id: str
    name: str
    status: str
    roles: tuple[str, ...]


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, `kind` person or key; `roles` and `operations` are those for the installation."""

    kind: str
    id: str
    name: str
    partner: str | None
    roles: tuple[str, ...]
    operations: tuple[str, ...]
    tenants: tuple[MyTenant, ...]
    ends_at: datetime | None


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """The caller's roles in a tenant, and all that it may do there."""

    roles: tuple[str, ...]
    operations: tuple[str, ...]


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A person who signs in; `state`: invited, active, locked or disabled. `tenant`: which invited it."""

    upn: str
    name: str
    roles: tuple[str, ...]
    partner: str | None
    tenant: str | None
    state: str
    created_at: datetime | None
    signed_in_at: datetime | None
    locked_until: datetime | None
    disabled_at: datetime | None


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """A link to choose a password by, once: its path at the admin center."""

    upn: str
    link: str
    ends_at: datetime | None
