"""Changes of a tenant as functions: the tenant as it is, and what was sent -> the tenant that it would be.

Each gives the documents to write and what the audit log shows, or refuses; nothing is written here. Whether
the tenant may be so as a whole is asked by `tenant_checks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec

from talktime.accounts.documents import service_of, tenant_of, tenant_text, text_of, user_key, user_of
from talktime.accounts.tenant import ServiceNumber, Tenant, User
from talktime.accounts.tenant_checks import check_change
from talktime.accounts.tenant_file import TenantFaults, settings_of_table, tenant_of_table
from talktime.accounts.tenant_tables import Tables, service_table, settings_tables, user_table
from talktime.core.numbers import parse_number
from talktime.ledger.commands import Refused
from talktime.ledger.records import Document

if TYPE_CHECKING:
    from talktime.catalog.model import Catalogue

P = TypeVar("P", User, ServiceNumber)

UNKNOWN_USER: Final = "unknown_user"
UNKNOWN_NUMBER: Final = "unknown_service_number"

_PEOPLE: Final = ("users", "service_numbers")
_NOT_SETTINGS: Final = (*_PEOPLE, "purchases")
_FIXED: Final = ("id", "currency", "time_zone")
_KEPT: Final = ("payment_methods", "waivers", "status", "partner")


class Change(NamedTuple):
    """A change of a tenant: what it will be, the documents to write, and what the audit log shows."""

    tenant: Tenant
    documents: Sequence[Document]
    before: str
    after: str


def with_pending(tenant: Tenant, documents: Iterable[Document]) -> Tenant:
    """The tenant with documents that were changed in the same transaction and are not stored yet."""
    own = replace(tenant, purchases=())
    users: dict[str, User | None] = {}
    services: dict[str, ServiceNumber | None] = {}
    for document in documents:
        if document.table == "tenants":
            own = tenant_of(document.text, (), ())
        elif document.table == "users":
            users[document.key] = user_of(document.text) if document.text else None
        elif document.table == "service_numbers":
            services[document.key] = service_of(document.text) if document.text else None
    return replace(
        own,
        users=_merged({user_key(user): user for user in tenant.users}, users) if users else tenant.users,
        service_numbers=_merged({one.number: one for one in tenant.service_numbers}, services),
    )


def _merged(known: dict[str, P], changed: Mapping[str, P | None]) -> tuple[P, ...]:
    """Entries by key with those that were put, without those that are gone (None)."""
    return tuple(entry for entry in {**known, **changed}.values() if entry is not None)


def settings_put(tenant: Tenant, tables: Mapping[str, Any], catalogue: Catalogue) -> Change:
    """Replaces all but people, numbers, purchases; id, currency, zone stay. Raises TenantFaults."""
    faults = [
        f"{key}: cannot be replaced here; put them one by one" for key in _NOT_SETTINGS if key in tables
    ]
    if faults:
        raise TenantFaults(faults)
    new, wrong = settings_of_table(tables, tenant, catalogue)
    if wrong:
        raise TenantFaults([*wrong, *check_change(tenant, new, catalogue)])
    fixed = [
        f"tenant: {key} {getattr(new, key)!r} cannot be changed; it is {getattr(tenant, key)!r}"
        for key in _FIXED
        if getattr(new, key) != getattr(tenant, key)
    ]
    faults = [*fixed, *set_elsewhere(new)]
    if faults:
        raise TenantFaults(faults)
    new = replace(new, **{name: getattr(tenant, name) for name in _KEPT})
    before, after = (_json(without_secrets(settings_tables(one))) for one in (tenant, new))
    return Change(new, [Document("tenants", "", tenant_text(new))], before, after)


def without_secrets(tables: Tables) -> Tables:
    """Settings as the audit log keeps them: a chat room by its service and a digest of its address.

    Whoever reads the address can write to the room; who reads the log need only see that it changed.
    """
    rooms = tables.get("alerts", {}).get("chat")
    if not rooms:
        return tables
    return {**tables, "alerts": {**tables["alerts"], "chat": [_room(url) for url in rooms]}}


def _room(url: str) -> str:
    return f"{urlsplit(url).scheme}#{sha256(url.encode()).hexdigest()[:8]}"


def set_elsewhere(tenant: Tenant) -> list[str]:
    """The deck of a tenant file is a file; here decks are stored and bound."""
    return ["deck: is not set here; bind a stored deck to the tenant"] if tenant.deck else []


def in_the_future(tenant: Tenant, now_us: int) -> list[str]:
    """Purchases that nobody can have made yet."""
    return [
        f"purchases[{at}]: at lies in the future; a lot is opened when it is paid"
        for at, purchase in enumerate(tenant.purchases, 1)
        if purchase.at_us > now_us
    ]


def named_twice(users: Sequence[User], only: User | None = None) -> list[str]:
    """Users that one word would name: the id of one is the UPN of another; `only`: a word of this one's."""
    first: dict[str, int] = {}
    faults = []
    words = None if only is None else _names(only)
    for at, user in enumerate(users, 1):
        if words is not None and user.id.lower() not in words and user.upn.lower() not in words:
            continue
        for word in sorted(_names(user)):
            other = first.setdefault(word, at)
            if other != at:
                faults.append(f"users[{at}]: {word!r} names users[{other}] already")
    return faults


def _names(user: User) -> set[str]:
    return {user.id.lower(), user.upn.lower()} - {""}


def _read_alone(tenant: Tenant, key: str, table: Mapping[str, Any], catalogue: Catalogue) -> Tenant:
    """A tenant of the same country and currency that holds one entry only. Raises TenantFaults."""
    home = {name: getattr(tenant, name) for name in ("id", "country", "currency", "time_zone")}
    return tenant_of_table({"tenant": home, key: [table]}, catalogue)


def index_of(tenant: Tenant, name: str) -> int | None:
    """Where the user stands whose id, else whose UPN, is `name`."""
    word = name.lower()
    of_upn = None
    for at, user in enumerate(tenant.users):
        if user.id.lower() == word:
            return at
        if of_upn is None and user.upn.lower() == word:
            of_upn = at
    return of_upn


def user_put(tenant: Tenant, name: str, table: Mapping[str, Any], catalogue: Catalogue) -> Change:
    """Adds the user whose id or UPN is `name`, or replaces it. Raises TenantFaults."""
    user = _read_alone(tenant, "users", table, catalogue).users[0]
    if name.lower() not in (user.id.lower(), user.upn.lower()):
        raise TenantFaults([f"users[1]: upn and id name another user than {name!r}"])
    at = index_of(tenant, name)
    users = list(tenant.users)
    before, documents = "", [Document("users", user_key(user), text_of(user))]
    if at is None:
        users.append(user)
    else:
        old, users[at] = users[at], user
        before = _json(user_table(old))
        if user_key(old) != user_key(user):
            documents.insert(0, Document("users", user_key(old), ""))
    twice = named_twice(users, user)
    if twice:
        raise TenantFaults(twice)
    return Change(replace(tenant, users=tuple(users)), documents, before, _json(user_table(user)))


def user_gone(tenant: Tenant, name: str) -> Change | Refused:
    """Removes the user whose id, else whose UPN, is `name`."""
    at = index_of(tenant, name)
    if at is None:
        return Refused(UNKNOWN_USER, f"the tenant has no user {name!r}")
    gone = tenant.users[at]
    left = replace(tenant, users=(*tenant.users[:at], *tenant.users[at + 1 :]))
    return Change(left, [Document("users", user_key(gone), "")], _json(user_table(gone)), "")


def service_put(tenant: Tenant, number: str, table: Mapping[str, Any], catalogue: Catalogue) -> Change:
    """Adds a service number or replaces it. Raises TenantFaults."""
    service = _read_alone(tenant, "service_numbers", table, catalogue).service_numbers[0]
    if service.number != parse_number(number, None).text:
        raise TenantFaults([f"service_numbers[1]: number {service.number!r} is another than {number!r}"])
    old = [known for known in tenant.service_numbers if known.number == service.number]
    others = [known for known in tenant.service_numbers if known.number != service.number]
    documents = [Document("service_numbers", service.number, text_of(service))]
    before = _json(service_table(old[0])) if old else ""
    new = replace(tenant, service_numbers=(*others, service))
    return Change(new, documents, before, _json(service_table(service)))


def service_gone(tenant: Tenant, number: str) -> Change | Refused:
    """Removes a service number."""
    asked = parse_number(number, None).text
    gone = [known for known in tenant.service_numbers if known.number == asked]
    if not gone:
        return Refused(UNKNOWN_NUMBER, f"the tenant has no service number {number!r}")
    left = replace(tenant, service_numbers=tuple(k for k in tenant.service_numbers if k.number != asked))
    return Change(left, [Document("service_numbers", asked, "")], _json(service_table(gone[0])), "")


def deck_bound(tenant: Tenant, version: str, currency: str, key: str) -> Change | Refused:
    """Binds a deck of the tenant's currency; `key` is that of the binding's document."""
    if currency != tenant.currency:
        return Refused("foreign_currency", f"the deck is in {currency}, the tenant pays in {tenant.currency}")
    return Change(tenant, [Document("deck_bindings", key, version)], "", f"{key} {version}")


def _json(table: Tables) -> str:
    return msgspec.json.encode(table).decode()
