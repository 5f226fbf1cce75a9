"""Keys of the doors: `tt_<id>_<secret>`, of which only a hash of the secret is stored.

A key is for some tenants or all, for live calls or management. The `Keyring` holds all valid keys in memory
and looks at the database every second or two, never for a request: a storm of wrong keys costs it nothing,
and a revoked key stops working within that time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from secrets import token_hex
from typing import Final

import msgspec
import sqlalchemy as sa

from talktime.ledger.audit import BY_ITSELF, installation_line
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
_tenants: Final = msgspec.json.Decoder(list[str])

log = logging.getLogger(__name__)


class TooManyKeys(Exception):  # noqa: N818 - a refusal
    """The installation has as many valid keys as it may."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who presents a key. `tenants` None: all of them."""

    id: str
    name: str
    tenants: frozenset[str] | None
    scopes: frozenset[str]

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
    ) -> tuple[Principal, str]:
        """Makes a key; returns it and the text that its holder presents, which nobody can read again.

        The audit log keeps who made it, and for what. Raises TooManyKeys, and ValueError for a scope that
        does not exist.
        """
        unknown = set(scopes) - set(SCOPES)
        if unknown:
            raise ValueError(f"scope {min(unknown)!r} is none of {', '.join(SCOPES)}")
        principal = Principal(
            token_hex(8), name, None if tenants is None else frozenset(tenants), frozenset(scopes)
        )
        secret = token_hex(32)
        named = EVERYONE if principal.tenants is None else _json(sorted(principal.tenants))
        values = {"name": name, "tenants": named, "scopes": _json(sorted(principal.scopes))}
        with away_is_said(), self._engine.begin() as db:
            db.execute(
                sa.insert(self._keys).values(
                    id=principal.id, hash=sha256(secret.encode()).digest(), created_us=now_us, **values
                )
            )
            made = f"key {principal.id} ({name}) made"
            db.execute(installation_line(self._kind, now_us, who, made, _made(principal)))
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

    def revoke(self, key_id: str, now_us: int, who: str = BY_ITSELF) -> bool:
        """Ends a key for ever; False where there is no such key. One that is revoked stays as it was.

        The audit log keeps who ended it.
        """
        keys = self._keys
        valid = sa.update(keys).where(keys.c.id == key_id, keys.c.revoked_us == 0)
        with away_is_said(), self._engine.begin() as db:
            if db.execute(valid.values(revoked_us=now_us)).rowcount:
                db.execute(installation_line(self._kind, now_us, who, f"key {key_id} revoked"))
            return db.scalar(sa.select(keys.c.id).where(keys.c.id == key_id)) is not None

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
    named = str(key["tenants"])
    return Principal(
        str(key["id"]),
        str(key["name"]),
        None if named == EVERYONE else frozenset(_tenants.decode(named)),
        frozenset(_tenants.decode(str(key["scopes"]))),
    )


def _made(principal: Principal) -> str:
    """What a key is for, for the audit log."""
    tenants = EVERYONE if principal.tenants is None else sorted(principal.tenants)
    made = {"name": principal.name, "tenants": tenants, "scopes": sorted(principal.scopes)}
    return msgspec.json.encode(made).decode()


def _json(values: list[str]) -> str:
    return msgspec.json.encode(values).decode()
