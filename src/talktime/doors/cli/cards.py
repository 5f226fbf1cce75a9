"""`talktime credits method`: the cards that a tenant pays with; their numbers never come here."""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING

from talktime.doors.cli.engine import Working, office, typist, working
from talktime.doors.cli.listing import listed, our_screen, print_answer, print_answers, say
from talktime.doors.cli.problems import Unusable
from talktime.doors.cli.tenants import done

if TYPE_CHECKING:
    from talktime.accounts.payment_methods import PaymentMethods
    from talktime.accounts.tenant import PaymentMethod, Tenant
    from talktime.doors.cli.options import Asked
    from talktime.funding.gateway import Gateway


def add_card_command(asked: Asked, source: str, gateway: str) -> int:
    """Has a gateway keep a card."""
    from talktime.accounts.tenant import CLOSED, PaymentMethod
    from talktime.accounts.tenant_commands import TENANT_CLOSED
    from talktime.catalog.declines import load_declines
    from talktime.funding.gateway import GatewayRefused, GatewayUnclear

    async def add(here: Working) -> tuple[Tenant, str]:
        tenant = here.tenant(asked.tenant)
        if tenant.status == CLOSED:
            done(TENANT_CLOSED)
        keeper = _gateway(here, gateway)
        try:
            known = await keeper.save_method(tenant.id, source)
        except GatewayRefused as problem:
            known_code = load_declines().by_code.get(problem.code)
            why = f" {known_code.means}" if known_code else ""
            raise Unusable(f"{problem.sentence}{why}") from None
        except GatewayUnclear:
            raise Unusable("the gateway does not answer; the card was not added, try again later") from None
        card = PaymentMethod(
            id=f"card_{token_hex(6)}",
            gateway=keeper.name,
            token=known.token,
            brand=known.brand,
            last4=known.last4,
            expires=known.expires,
            fingerprint=known.fingerprint,
        )
        done(await _methods(here).add(tenant.id, card, typist().who))
        await here.recharge_now(tenant.id)
        return here.tenant(tenant.id), card.id

    tenant, card = working(asked.database, add)
    return _told(asked, tenant, card, "added")


def _gateway(here: Working, name: str) -> Gateway:
    from talktime.funding.purchasing import NO_GATEWAY

    gateways = here.outside.gateways
    found = gateways.get(name) if name else next(iter(gateways.values()), None)
    if found is None:
        raise Unusable(f"{NO_GATEWAY.detail}; there is {', '.join(gateways)}")
    return found


def list_cards_command(asked: Asked) -> int:
    """Lists the cards in the order in which they were added."""
    from talktime.doors.http.management.shown_money import method_shown

    with office(asked.database) as here:
        tenant = here.tenant(asked.tenant)
    if asked.as_json:
        print_answers("payment_methods", [method_shown(card, tenant) for card in tenant.payment_methods])
        return 0
    screen = our_screen()
    if not tenant.payment_methods:
        screen.say("no cards yet; `talktime credits method add SOURCE` adds one")
        return 0
    rows = [
        (
            card.id,
            f"{card.brand} {card.last4}",
            card.expires,
            card.gateway,
            _pays(card, tenant),
        )
        for card in tenant.payment_methods
    ]
    listed(screen, ("id", "card", "expires", "kept by", "pays"), rows, whole=("id", "card"))
    return 0


def _pays(card: PaymentMethod, tenant: Tenant) -> str:
    from talktime.doors.http.management.shown_money import method_shown

    roles = ["by default"] if card.default else []
    if method_shown(card, tenant).pays_recharge:
        roles.append("auto-recharge")
    return ", ".join(roles)


def default_card_command(asked: Asked, card: str) -> int:
    """Makes a card the default one."""

    async def choose(here: Working) -> Tenant:
        tenant = here.tenant_id(asked.tenant)
        done(await _methods(here).make_default(tenant, card, typist().who))
        return here.tenant(tenant)

    return _told(asked, working(asked.database, choose), card, "the default card now")


def remove_card_command(asked: Asked, card: str) -> int:
    """Removes a card."""

    async def remove(here: Working) -> Tenant:
        tenant = here.tenant(asked.tenant)
        done(await _methods(here).remove(tenant.id, card, typist().who))
        return tenant

    return _told(asked, working(asked.database, remove), card, "removed")


def _methods(here: Working) -> PaymentMethods:
    from talktime.accounts.payment_methods import PaymentMethods

    return PaymentMethods(here.engine, here.catalogue)


def _told(asked: Asked, tenant: Tenant, card: str, what: str) -> int:
    """The card, and what became of it."""
    from talktime.accounts.payment_methods import card_text
    from talktime.doors.http.management.shown_money import method_shown

    found = next((one for one in tenant.payment_methods if one.id == card), None)
    if found is None:
        raise Unusable(f"the tenant has no card {card!r} any more: somebody removed it meanwhile")
    if asked.as_json:
        print_answer(method_shown(found, tenant))
    else:
        say(f"{card_text(found)}: {what}")
    return 0
