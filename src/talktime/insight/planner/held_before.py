"""A tenant as it was while it called: licences with their history, and what was held before that is known.

Usage may be older than what a ledger knows of a tenant; then the first licences that it knows are taken for
those that were held before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from talktime.accounts.tenant import Licence, Subscription
from talktime.core.limits import ALWAYS_US

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant

Held = TypeVar("Held", Licence, Subscription)


def held_before(tenant: Tenant) -> Tenant:
    """The tenant whose users, numbers and purchased licences each hold their first ones from ever on."""
    return replace(
        tenant,
        users=tuple(replace(user, licences=_opened(user.licences)) for user in tenant.users),
        service_numbers=tuple(
            replace(number, licences=_opened(number.licences)) for number in tenant.service_numbers
        ),
        subscriptions=_opened(tenant.subscriptions),
    )


def _opened(held: tuple[Held, ...]) -> tuple[Held, ...]:
    """What begins first begins before time."""
    first_us = min((one.from_us for one in held), default=ALWAYS_US)
    return tuple(replace(one, from_us=ALWAYS_US) if one.from_us == first_us else one for one in held)
