"""Changes of a tenant as functions: the tenant as it is, and what was sent -> the tenant that it would be.

Each gives the documents to write and what the audit log shows, or refuses; nothing is written here. Whether
the tenant may be so as a whole is asked by `tenant_checks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from talktime.accounts.documents import tenant_of, tenant_text, text_of, user_key
from talktime.accounts.tenant import Tenant, User
from talktime.accounts.tenant_file import TenantFaults, tenant_of_table
from talktime.accounts.tenant_tables import Tables, service_table, settings_tables, tenant_tables, user_table
from talktime.core.numbers import parse_number
from talktime.ledger.commands import Refused
from talktime.ledger.records import Document

if TYPE_CHECKING:
    from talktime.catalog.model import Catalogue

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
    own = tenant_text(tenant)
    people = {
        "users": {user_key(user): text_of(user) for user in tenant.users},
        "service_numbers": {service.number: text_of(service) for service in tenant.service_numbers},
    }
    for document in documents:
        if document.table == "tenants":
            own = document.text
        elif document.table in people and document.text:
            people[document.table][document.key] = document.text
        elif document.table in people:
            people[document.table].pop(document.key, None)
    return tenant_of(own, list(people["users"].values()), list(people["service_numbers"].values()))


def settings_put(tenant: Tenant, tables: Mapping[str, Any], catalogue: Catalogue) -> Change:
    """Replaces all but people, numbers, purchases; id, currency, zone stay. Raises TenantFaults."""
    people = {key: value for key, value in tenant_tables(tenant).items() if key in _PEOPLE}
    faults = [
        f"{key}: cannot be replaced here; put them one by one" for key in _NOT_SETTINGS if key in tables
    ]
    if faults:
        raise TenantFaults(faults)
    new = tenant_of_table({**tables, **people}, catalogue)
    fixed = [
        f"tenant: {key} {getattr(new, key)!r} cannot be changed; it is {getattr(tenant, key)!r}"
        for key in _FIXED
        if getattr(new, key) != getattr(tenant, key)
    ]
    faults = [*fixed, *set_elsewhere(new)]
    if faults:
        raise TenantFaults(faults)
    new = replace(new, **{name: getattr(tenant, name) for name in _KEPT})
    before, after = _json(settings_tables(tenant)), _json(settings_tables(new))
    return Change(new, [Document("tenants", "", tenant_text(new))], before, after)


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


def named_twice(users: Sequence[User]) -> list[str]:
    """Users that one word would name: the id of one is the UPN of another."""
    first: dict[str, int] = {}
    faults = []
    for at, user in enumerate(users, 1):
        for word in sorted({user.id.lower(), user.upn.lower()} - {""}):
            other = first.setdefault(word, at)
            if other != at:
                faults.append(f"users[{at}]: {word!r} names users[{other}] already")
    return faults


def _read_alone(tenant: Tenant, key: str, table: Mapping[str, Any], catalogue: Catalogue) -> Tenant:
    """A tenant of the same country and currency that holds one entry only. Raises TenantFaults."""
    home = {name: getattr(tenant, name) for name in ("id", "country", "currency", "time_zone")}
    return tenant_of_table({"tenant": home, key: [table]}, catalogue)


def _index_of(tenant: Tenant, name: str) -> int | None:
    """Where the user stands whose id, else whose UPN, is `name`."""
    word = name.lower()
    for key in ("id", "upn"):
        for at, user in enumerate(tenant.users):
            if getattr(user, key).lower() == word:
                return at
    return None


def user_put(tenant: Tenant, name: str, table: Mapping[str, Any], catalogue: Catalogue) -> Change:
    """Adds the user whose id or UPN is `name`, or replaces it. Raises TenantFaults."""
    user = _read_alone(tenant, "users", table, catalogue).users[0]
    if name.lower() not in (user.id.lower(), user.upn.lower()):
        raise TenantFaults([f"users[1]: upn and id name another user than {name!r}"])
    at = _index_of(tenant, name)
    users = list(tenant.users)
    before, documents = "", [Document("users", user_key(user), text_of(user))]
    if at is None:
        users.append(user)
    else:
        old, users[at] = users[at], user
        before = _json(user_table(old))
        if user_key(old) != user_key(user):
            documents.insert(0, Document("users", user_key(old), ""))
    twice = named_twice(users)
    if twice:
        raise TenantFaults(twice)
    return Change(replace(tenant, users=tuple(users)), documents, before, _json(user_table(user)))


def user_gone(tenant: Tenant, name: str) -> Change | Refused:
    """Removes the user whose id, else whose UPN, is `name`."""
    at = _index_of(tenant, name)
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
