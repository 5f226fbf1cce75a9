"""Tenants in a list, decks and keys as they are answered."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec


class TenantLine(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant in the list."""

    id: str
    name: str
    country: str
    currency: str
    balance: Decimal
    reserved: Decimal
    available: Decimal


class Deck(msgspec.Struct, frozen=True, kw_only=True):
    """A stored deck; `sample`: its prices are not real."""

    version: str
    name: str
    currency: str
    sample: bool
    added_at: datetime | None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence about a deck; line 0 is the whole file."""

    severity: str
    line: int
    text: str


class DeckAdded(Deck, frozen=True, kw_only=True):
    """A deck that was stored, `added` False where it was there already."""

    added: bool
    rates: int
    rows_rejected: int
    findings: tuple[Finding, ...]


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """From an instant on (null: always) a currency is charged by this version."""

    currency: str
    valid_from: datetime | None
    version: str


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key without its secret; `tenants` is "*" for all, `roles` what it may do as one for management."""

    id: str
    name: str
    tenants: tuple[str, ...] | str
    scopes: tuple[str, ...]
    roles: tuple[str, ...]
    created_at: datetime | None
    revoked_at: datetime | None


class KeyMade(Key, frozen=True, kw_only=True):
    """A new key with what its holder presents; nobody can read it again."""

    key: str
