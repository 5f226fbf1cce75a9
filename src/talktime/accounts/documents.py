"""A tenant as JSON documents: its own, one a user, one a service number.

The ledger stores them without knowing what they say; a change of one person writes one small row.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec

from talktime.accounts.tenant import ServiceNumber, Tenant, User

_tenant: Final = msgspec.json.Decoder(Tenant)
_user: Final = msgspec.json.Decoder(User)
_service: Final = msgspec.json.Decoder(ServiceNumber)


def user_key(user: User) -> str:
    """The key of a user's document: the id, else the UPN, in lower case."""
    return (user.id or user.upn).lower()


def tenant_text(tenant: Tenant) -> str:
    """The tenant's own document: without its people, numbers and purchases, which have rows of their own."""
    return text_of(replace(tenant, users=(), service_numbers=(), purchases=()))


def text_of(document: Tenant | User | ServiceNumber) -> str:
    """A document as JSON."""
    return msgspec.json.encode(document).decode()


def user_of(text: str) -> User:
    """The document of a user. Raises msgspec.ValidationError for what is none."""
    return _user.decode(text)


def service_of(text: str) -> ServiceNumber:
    """The document of a service number. Raises msgspec.ValidationError for what is none."""
    return _service.decode(text)


def tenant_of(own: str, users: Sequence[str], service_numbers: Sequence[str]) -> Tenant:
    """Documents -> tenant. Raises msgspec.ValidationError for what is no such document."""
    return replace(
        _tenant.decode(own),
        users=tuple(_user.decode(text) for text in users),
        service_numbers=tuple(_service.decode(text) for text in service_numbers),
    )
