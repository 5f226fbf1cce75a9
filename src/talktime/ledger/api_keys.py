"""Keys of the doors: `tt_<id>_<secret>`, of which only a hash of the secret is stored.

A key is for some tenants or all, for live calls or management. The `Keyring` holds all valid keys in memory
and looks at the database every second or two, never for a request: a storm of wrong keys costs it nothing,
and a revoked key stops working within that time. What a management key may do, its roles say.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from hmac import compare_digest
from secrets import token_hex
from typing import Final

import msgspec
import sqlalchemy as sa

from talktime.catalog.side import load_roles
from talktime.ledger.audit import BY_ITSELF, installation_line, tenant_line
from talktime.ledger.database import DatabaseUrl, open_engine
from talktime.ledger.reading import away_is_said
from talktime.ledger.schema import table
from talktime.ledger.store import StoreAway

LIVE: Final = "live"
MANAGEMENT: Final = "management"
SCOPES: Final = (LIVE, MANAGEMENT)

EVERYONE: Final = "*"
"""In `tenants` of a stored key: all tenants, also those to come, and the installation itself."""

MAX_KEYS: Final = 10_000
"""Valid keys of an installation: all of them are in memory."""

REFRESH_S: Final = 1.5
"""Seconds between two looks at the stored keys."""

_PREFIX: Final = b"tt"
_PERSON: Final = "person "
"""What the id of a person begins with; ids of keys are hexadecimal."""
_words: Final = msgspec.json.Decoder(list[str])

log = logging.getLogger(__name__)


class TooManyKeys(Exception):  # noqa: N818 - a refusal
    """The installation has as many valid keys as it may."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who presents a key, or is signed in. `tenants` None: all. `roles`: what it may do in management.

    `person`: the UPN of who is signed in, or made the key; "" for a key that nobody made who signs in.
    """

    id: str
    name: str
    tenants: frozenset[str] | None
    scopes: frozenset[str]
    roles: frozenset[str] = frozenset()
    person: str = ""

    @property
    def is_person(self) -> bool:
        """Whether it is a person who is signed in, and no key."""
        return self.id.startswith(_PERSON)

    @property
    def acts_as(self) -> str:
        """What tells persons apart: the same for a person's sessions and for the keys that it made."""
        return person_id(self.person) if self.person else self.id

    @property
    def is_live(self) -> bool:
        """Whether the key may charge calls."""
        return LIVE in self.scopes

    @property
    def is_management(self) -> bool:
        """Whether the key may manage tenants."""
        return MANAGEMENT in self.scopes

    def may_see(self, tenant: str) -> bool:
        """Whether the key is for this tenant."""
        return self.tenants is None or tenant in self.tenants


def person_id(upn: str) -> str:
    """The id of a person who signs in, beside the ids of keys."""
    return _PERSON + upn


def upn_of_person(id_: str) -> str:
    """The UPN in the id of a person, "" in that of a key."""
    return id_.removeprefix(_PERSON) if id_.startswith(_PERSON) else ""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A stored key without its secret; `revoked_us` is 0 while it is valid."""

    principal: Principal
    created_us: int
    revoked_us: int


class ApiKeys:
    """The stored keys. The methods block; they raise StoreAway where the database does not answer."""

    def __init__(self, url: DatabaseUrl) -> None:
        self._kind = url.kind
        self._keys = table(url.kind, "api_keys")
        self._engine = open_engine(url)

    def create(
        self,
        name: str,
        tenants: Iterable[str] | None,
        scopes: Iterable[str],
        now_us: int,
        who: str = BY_ITSELF,
        roles: Iterable[str] = (),
        person: str = "",
    ) -> tuple[Principal, str]:
        """Makes a key; returns it and the text that its holder presents, which nobody can read again.

        `person`: the UPN of the person who makes it, and whom it counts as where two persons are asked for.

        A management key without roles gets those that the catalogue assumes (roles.toml). Who made it, and
        for what, stands in the audit log of the installation and in that of each tenant it is for. Raises
        TooManyKeys, and ValueError for an unknown scope, an unknown role and for roles of a key that is not
        for management.
        """
        named_scopes, named_roles = frozenset(scopes), frozenset(roles)
        _check(named_scopes, named_roles)
        allowed = None if tenants is None else frozenset(tenants)
        principal = Principal(
            token_hex(8), name, allowed, named_scopes, _roles(named_roles, allowed, named_scopes), person
        )
        secret = token_hex(32)
        named = EVERYONE if principal.tenants is None else _json(sorted(principal.tenants))
        values = {
            "name": name,
            "tenants": named,
            "scopes": _json(sorted(principal.scopes)),
            "roles": _json(sorted(principal.roles)),
            "person": person,
        }
        with away_is_said(), self._engine.begin() as db:
            db.execute(
                sa.insert(self._keys).values(
                    id=principal.id, hash=sha256(secret.encode()).digest(), created_us=now_us, **values
                )
            )
            made = f"key {principal.id} ({name}) made"
            db.execute(installation_line(self._kind, now_us, who, made, _made(principal)))
            for tenant in sorted(principal.tenants or ()):
                own = _made(replace(principal, tenants=frozenset({tenant})))
                db.execute(tenant_line(self._kind, tenant, now_us, who, made, own))
            valid = db.scalar(sa.select(sa.func.count()).where(self._keys.c.revoked_us == 0)) or 0
            if valid > MAX_KEYS:
                db.rollback()
                raise TooManyKeys(f"there are {MAX_KEYS} valid keys; revoke one that is not used")
        return principal, f"tt_{principal.id}_{secret}"

    def listed(self, after: str, limit: int) -> list[ApiKey]:
        """Keys in order of their ids, after one; revoked ones too."""
        keys = self._keys
        asked = sa.select(keys).where(keys.c.id > after).order_by(keys.c.id).limit(limit)
        with away_is_said(), self._engine.connect() as db:
            return [ApiKey(_principal(row), row.created_us, row.revoked_us) for row in db.execute(asked)]

    def made_us(self, key_id: str) -> int:
        """When a key was made; 0 where there is none of this id."""
        keys = self._keys
        with away_is_said(), self._engine.connect() as db:
            return db.scalar(sa.select(keys.c.created_us).where(keys.c.id == key_id)) or 0

    def revoke(self, key_id: str, now_us: int, who: str = BY_ITSELF) -> bool:
        """Ends a key for ever; False where there is no such key. One that is revoked stays as it was.

        The audit log of the installation, and that of each tenant it was for, keep who ended it.
        """
        keys, what = self._keys, f"key {key_id} revoked"
        valid = sa.update(keys).where(keys.c.id == key_id, keys.c.revoked_us == 0)
        with away_is_said(), self._engine.begin() as db:
            is_ended = db.execute(valid.values(revoked_us=now_us)).rowcount
            row = db.execute(sa.select(keys).where(keys.c.id == key_id)).first()
            if row is not None and is_ended:
                db.execute(installation_line(self._kind, now_us, who, what))
                for tenant in sorted(_principal(row).tenants or ()):
                    db.execute(tenant_line(self._kind, tenant, now_us, who, what))
            return row is not None

    def valid(self) -> dict[bytes, tuple[bytes, Principal]]:
        """All valid keys: (hash of the secret, principal) by id."""
        keys = self._keys
        with away_is_said(), self._engine.connect() as db:
            found = db.execute(sa.select(keys).where(keys.c.revoked_us == 0))
            return {row.id.encode(): (bytes(row.hash), _principal(row)) for row in found}


class Keyring:
    """Who a presented key belongs to, from memory. `refresh` reads it anew; `keep_fresh` does so for ever.

    While the database is away the keys that were read last stay valid: without it nothing can be changed.
    """

    def __init__(self, keys: ApiKeys) -> None:
        self.keys = keys
        self._known: dict[bytes, tuple[bytes, Principal]] = {}

    def principal(self, token: bytes) -> Principal | None:
        """The holder of a key as it was presented; None for one that is wrong, unknown or revoked."""
        parts = token.split(b"_", 2)
        if len(parts) != 3 or parts[0] != _PREFIX:
            return None
        known = self._known.get(parts[1])
        if known is None or not compare_digest(known[0], sha256(parts[2]).digest()):
            return None
        return known[1]

    def refresh(self) -> None:
        """Reads the valid keys; at once after a change in this process. Raises StoreAway."""
        self._known = self.keys.valid()

    async def keep_fresh(self, every_s: float = REFRESH_S) -> None:
        """Refreshes until it is cancelled."""
        while True:
            await asyncio.sleep(every_s)
            try:
                await asyncio.to_thread(self.refresh)
            except StoreAway as error:
                log.warning("the keys could not be read: %s", error)


def _principal(row: sa.Row[tuple[object, ...]]) -> Principal:
    key = row._mapping
    named, roles = str(key["tenants"]), str(key["roles"])
    tenants = None if named == EVERYONE else frozenset(_words.decode(named))
    scopes = frozenset(_words.decode(str(key["scopes"])))
    held = frozenset(_words.decode(roles)) if roles else frozenset[str]()
    held = _roles(held, tenants, scopes)
    return Principal(str(key["id"]), str(key["name"]), tenants, scopes, held, str(key["person"]))


def _check(scopes: frozenset[str], roles: frozenset[str]) -> None:
    """Raises ValueError for words that mean nothing."""
    if unknown := scopes - set(SCOPES):
        raise ValueError(f"scope {min(unknown)!r} is none of {', '.join(SCOPES)}")
    if unknown := roles - load_roles().roles.keys():
        raise ValueError(f"role {min(unknown)!r} is none of {', '.join(load_roles().roles)}")
    if roles and MANAGEMENT not in scopes:
        raise ValueError(f"roles are for keys with the scope {MANAGEMENT}; this one has none")


def _roles(named: frozenset[str], tenants: frozenset[str] | None, scopes: frozenset[str]) -> frozenset[str]:
    """The roles of a key; one for management that names none has what it always had."""
    if named or MANAGEMENT not in scopes:
        return named
    return load_roles().assumed("installation" if tenants is None else "tenant")


def _made(principal: Principal) -> str:
    """What a key is for, for the audit log."""
    tenants = EVERYONE if principal.tenants is None else sorted(principal.tenants)
    made = {"name": principal.name, "tenants": tenants, "scopes": sorted(principal.scopes)}
    if principal.roles:
        made["roles"] = sorted(principal.roles)
    return msgspec.json.encode(made).decode()


def _json(values: list[str]) -> str:
    return msgspec.json.encode(values).decode()
