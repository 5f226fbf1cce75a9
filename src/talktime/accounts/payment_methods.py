"""The cards that a tenant pays with: added, removed, made the default (recharge.md 7).

Changes of the tenant like those of `tenant_changes`; they are no part of the tenant file. The caller brings
what a gateway said of a card: the token is the gateway's, the number never comes here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from talktime.accounts.provider_changes import own_changed
from talktime.accounts.tenant import PaymentMethod, Tenant
from talktime.accounts.tenant_changes import Change
from talktime.accounts.tenant_commands import Edit, Edited, edited
from talktime.accounts.toml_table import shown
from talktime.ledger.commands import Refused

if TYPE_CHECKING:
    from talktime.catalog.model import Catalogue
    from talktime.ledger.engine import Engine

MAX_METHODS: Final = 20


class PaymentMethods:
    """The cards of a tenant, which a gateway has accepted; the caller brings what the gateway said."""

    def __init__(self, engine: Engine, catalogue: Catalogue) -> None:
        self._engine = engine
        self._catalogue = catalogue

    async def add(self, tenant: str, method: PaymentMethod, who: str) -> Edited:
        """Adds a card; the first one becomes the default."""
        return await self._edit(tenant, partial(method_added, method=method), f"card {method.id} added", who)

    async def remove(self, tenant: str, method: str, who: str) -> Edited:
        """Removes a card; refused while auto-recharge is on and pays with it."""
        return await self._edit(tenant, partial(method_removed, method=method), f"card {method} removed", who)

    async def make_default(self, tenant: str, method: str, who: str) -> Edited:
        """Makes a card the one that is paid with where none is named."""
        change = partial(method_made_default, method=method)
        return await self._edit(tenant, change, f"card {method} made the default", who)

    async def _edit(
        self, tenant: str, change: Callable[[Tenant], Change | Refused], what: str, who: str
    ) -> Edited:
        return await edited(self._engine, Edit(tenant, change, self._catalogue, what, who))


def method_added(tenant: Tenant, method: PaymentMethod) -> Change | Refused:
    """A card more; the first one is the default, and a new default takes the place of the old one."""
    if any(known.id.casefold() == method.id.casefold() for known in tenant.payment_methods):
        return Refused("exists", f"the tenant has a payment method {shown(method.id)} already")
    if len(tenant.payment_methods) >= MAX_METHODS:
        return Refused("too_many", f"a tenant has at most {MAX_METHODS} payment methods; remove one")
    others = tenant.payment_methods
    if not any(known.default for known in others):
        method = replace(method, default=True)
    if method.default:
        others = tuple(replace(known, default=False) for known in others)
    return own_changed(replace(tenant, payment_methods=(*others, method)), "", card_text(method))


def method_removed(tenant: Tenant, method: str) -> Change | Refused:
    """One card less, unless the rule that is on pays with it; a default that goes leaves none behind."""
    gone = _method(tenant, method)
    if isinstance(gone, Refused):
        return gone
    rule = tenant.auto_recharge
    if rule.enabled and _paying(tenant) == gone.id:
        why = f"auto-recharge pays with {shown(gone.id)}; choose another card for it or turn it off first"
        return Refused("payment_method_in_use", why)
    left = tuple(one for one in tenant.payment_methods if one.id != gone.id)
    if rule.method == gone.id:  # the rule is off: it would name a card that is not there
        tenant = replace(tenant, auto_recharge=replace(rule, method=""))
    return own_changed(replace(tenant, payment_methods=left), card_text(gone), "")


def _paying(tenant: Tenant) -> str:
    """The id of the card that the rule pays with: the one it names, else the default, else the only one."""
    methods = tenant.payment_methods
    default = next((one.id for one in methods if one.default), "")
    return tenant.auto_recharge.method or default or (methods[0].id if len(methods) == 1 else "")


def method_made_default(tenant: Tenant, method: str) -> Change | Refused:
    """The card that purchases, and a rule that names none, pay with."""
    chosen = _method(tenant, method)
    if isinstance(chosen, Refused):
        return chosen
    before = [one for one in tenant.payment_methods if one.default]
    methods = tuple(replace(one, default=one.id == chosen.id) for one in tenant.payment_methods)
    shown_before = card_text(before[0]) if before else ""
    after = card_text(replace(chosen, default=True))
    return own_changed(replace(tenant, payment_methods=methods), shown_before, after)


def _method(tenant: Tenant, method: str) -> PaymentMethod | Refused:
    for known in tenant.payment_methods:
        if known.id == method:
            return known
    return Refused("unknown_payment_method", f"the tenant has no payment method {shown(method)}")


def card_text(method: PaymentMethod) -> str:
    """A card as people see it; its token is for the gateway alone."""
    default = ", default" if method.default else ""
    return f"{method.id}: {method.brand} {method.last4}, expires {method.expires}{default}"
