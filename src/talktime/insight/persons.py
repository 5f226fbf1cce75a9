"""Who is forgotten, in the words of a tenant: one person on request, and everybody whose time has come.

The ledger knows calls and counters; which names a user has, in which country it sits and what is to stand in
the place of its document is told here (domain.md 12, 15).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from talktime.accounts.calendar import to_us, to_utc, zone
from talktime.accounts.documents import tenant_of, tenant_text, text_of, user_key
from talktime.accounts.tenant import Licence, User
from talktime.catalog.load import load_catalogue
from talktime.core.numbers import parse_number
from talktime.ledger.erasure import ErasureRefusedError, Person
from talktime.ledger.forgetting import ERASED, CountryPrefix, Forgetting, Texts, country_prefix_of
from talktime.ledger.records import Document
from talktime.ledger.retention import Before, Keeping

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.catalog.model import Catalogue
    from talktime.catalog.side_model import Kept, Retention
    from talktime.ledger.store import Documents

PSEUDONYM: Final = "erased-"

CARRIED_BY_OPERATOR: Final = "carried_by_operator"
"""The state, not the name, of categories of calls that the customer's own operator carries."""


def numbers_country(catalogue: Catalogue) -> CountryPrefix:
    """The digits of a number that tell its country, by the catalogue's table."""
    return country_prefix_of(lambda digits: catalogue.number(digits).country)


def erased_name(tenant: str, key: str, secret: bytes) -> str:
    """The word that stands for an erased user: the same for the same one, and nobody can work it out."""
    told = f"erased\0{tenant}\0{key.lower()}".encode()
    return f"{PSEUDONYM}{hmac.new(secret, told, hashlib.sha256).hexdigest()[:16]}"


def person_of(tenant: Tenant, word: str, catalogue: Catalogue, secret: bytes, now_us: int) -> Person:
    """A user by id or UPN, also one whom the tenant does not have any more, as somebody to be erased."""
    user = _user(tenant, frozenset({word.lower()}))
    names = frozenset({word.lower()} if user is None else {n.lower() for n in (user.id, user.upn) if n})
    pseudonym = erased_name(tenant.id, word if user is None else user.id or user.upn, secret)
    numbers = frozenset(_international(user) if user is not None else ())
    spelled = (user.name, *user.numbers, *numbers) if user is not None else ()

    def documents(stored: Documents) -> Sequence[Document]:
        if user is None and "@" not in word:  # any word may stand anywhere: nobody is meant by it
            raise ErasureRefusedError(f"{word!r} is no user of the tenant; name one by id, or anybody by UPN")
        return _documents(stored, names, pseudonym, now_us)

    return Person(
        tenant=tenant.id,
        forgetting=Forgetting(names, pseudonym, pseudonym, ERASED, numbers_country(catalogue), numbers),
        texts=Texts((*names, *spelled), pseudonym),
        documents=documents,
    )


def _international(user: User) -> list[str]:
    return [parse_number(number, None).text for number in user.numbers]


def _user(tenant: Tenant, names: frozenset[str]) -> User | None:
    return next((user for user in tenant.users if {user.id.lower(), user.upn.lower()} & (names - {""})), None)


def _documents(stored: Documents, names: frozenset[str], pseudonym: str, now_us: int) -> list[Document]:
    """What is to be stored in the place of a person's documents.

    Its row stays without names and holds no licence from now on, so that the pools of months that are over
    keep their size. Raises ErasureRefusedError for an administrator.
    """
    tenant = tenant_of(stored.tenant, stored.users, stored.service_numbers)
    if any(one.upn.lower() in names or one.mail.lower() in names for one in tenant.administrators):
        raise ErasureRefusedError(
            "this person is an administrator of the tenant; take it off the administrators first, then erase"
        )
    user = _user(tenant, names)
    if user is None:
        return []
    nobody = User(
        upn=pseudonym,
        location=user.location,
        licences=tuple(_ended(user.licences, now_us)),
        cost_centre=user.cost_centre,
    )
    changed = [Document("users", user_key(user), ""), Document("users", user_key(nobody), text_of(nobody))]
    caps = tuple(cap for cap in tenant.caps if cap.scope != "user" or cap.id.lower() not in names)
    if caps != tenant.caps:
        changed.append(Document("tenants", "", tenant_text(replace(tenant, caps=caps))))
    return changed


def _ended(licences: Sequence[Licence], now_us: int) -> list[Licence]:
    return [replace(one, until_us=min(one.until_us, now_us)) for one in licences if one.from_us < now_us]


def keeping_of(
    tenant: Tenant, retention: Retention, now_us: int, catalogue: Catalogue | None = None
) -> Keeping:
    """From when on the calls of each user keep their names, by the days of the user's country.

    Days are those of the tenant's calendar: a call keeps its names for so many whole days. Which calls the
    customer's own operator carries, the catalogue says; without one given, that of the installation.
    """
    before = {
        country: _before(tenant, retention.kept(country), now_us)
        for country in {tenant.country, *(user.location or tenant.country for user in tenant.users)}
    }
    users: Mapping[str, tuple[frozenset[str], Before]] = {
        name: (names, before[user.location or tenant.country])
        for user in tenant.users
        for names in (frozenset(word.lower() for word in (user.id, user.upn) if word),)
        for name in names
    }
    categories = (catalogue or load_catalogue()).categories
    own = frozenset(name for name, category in categories.items() if category.state == CARRIED_BY_OPERATOR)
    return Keeping(tenant.id, users, before[tenant.country], own)


def _before(tenant: Tenant, kept: Kept, now_us: int) -> Before:
    days = (kept.calling_plans_days, kept.own_operator_days)
    return Before(*(_midnight_us(now_us, each, tenant.time_zone) for each in days))


def _midnight_us(now_us: int, days: int, time_zone: str) -> int:
    """The beginning of the local day that lies so many days back."""
    local = to_utc(now_us).astimezone(zone(time_zone))
    first = (local - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
    return to_us(first)
