"""What something would do, asked before it is done: a purchase, a rule, another default account.

A POST here writes nothing: it takes the body of the change itself, and refuses what that would refuse.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from talktime.accounts.tenant_file import TenantFaults
from talktime.core.money import format_money
from talktime.doors.http.management.answers_previews import (
    CardSource,
    CardWay,
    CardWays,
    DefaultAccountPreview,
    PurchasePreview,
    RechargePreview,
)
from talktime.doors.http.management.house import (
    CallerOf,
    House,
    InHouse,
    done,
    may,
    read,
    unknown_tenant,
    who,
)
from talktime.doors.http.management.payments import CreditsWanted, not_eligible
from talktime.doors.http.management.settings import AccountId
from talktime.doors.http.management.shown_money import taxes_shown, warnings_shown
from talktime.doors.http.management.tables import AutoRechargeTable
from talktime.doors.http.management.texts import instant
from talktime.doors.http.problems import Problem, ProblemError, invalid
from talktime.funding.card_ways import card_ways, is_test
from talktime.funding.purchasing import Order
from talktime.funding.quote import quote
from talktime.insight.beforehand import Money, default_foreseen, recharge_foreseen
from talktime.ledger.commands import Refused

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["previews"])

Buys = Annotated[str, Depends(may("buy_credits"))]
EditsRule = Annotated[str, Depends(may("edit_auto_recharge"))]
EditsMethods = Annotated[str, Depends(may("edit_payment_methods"))]
ChoosesAccount = Annotated[str, Depends(may("set_default_billing_account"))]


@router.post("/purchases/preview")
async def preview_purchase(
    house: InHouse, principal: CallerOf, tenant: Buys, body: CreditsWanted
) -> PurchasePreview:
    """What a purchase would come to: tax, card, expiry; refused as it would be. Nothing is bought."""
    order = Order(tenant, body.amount, body.currency, "", who(principal), body.method, body.purchase_order)
    gateways, seller = house.purchasing.gateways, house.means.seller
    found = await house.tenant(tenant)
    quoted = quote(found, order, gateways, seller, house.desk.catalogue, house.now_us)
    if isinstance(quoted, Refused):
        if quoted.code == "not_eligible":
            raise await not_eligible(house, tenant, quoted)
        pointer = {"no_payment_method": "/method", "unknown_gateway": "/method"}.get(quoted.code, "/amount")
        raise ProblemError(Problem(422, quoted.code, quoted.detail, pointer))
    return PurchasePreview(
        amount=format_money(quoted.amount),
        taxes=taxes_shown(quoted.taxes),
        gross=format_money(quoted.gross),
        currency=quoted.currency,
        method=quoted.method.id,
        card=quoted.card,
        is_test=is_test(gateways.get(quoted.method.gateway)),
        expires_at=instant(quoted.expires_us),
        says=list(quoted.says),
    )


@router.post("/auto-recharge/preview")
async def preview_auto_recharge(
    house: InHouse, tenant: EditsRule, body: AutoRechargeTable
) -> RechargePreview:
    """What a rule would do, in sentences; refused as setting it would be. Nothing is set."""
    table, found, money = body.table(), await house.tenant(tenant), await _money(house, tenant)
    try:
        seen = recharge_foreseen(found, table, money, house.desk.catalogue, house.now_us)
    except TenantFaults as error:
        raise invalid(error.faults, table, "auto_recharge") from None
    if isinstance(seen, Refused) and seen.code == "not_eligible":
        raise await not_eligible(house, tenant, seen)
    effect = done(seen)
    return RechargePreview(
        says=list(effect.says),
        pays_now=format_money(effect.pays_now) if effect.pays_now else None,
        warnings=warnings_shown(effect.warnings),
    )


async def _money(house: House, tenant: str) -> Money:
    wallet = await read(house.reader.wallet, tenant)
    standing = await read(house.reader.standing, tenant)
    if wallet is None or standing is None:
        raise unknown_tenant(tenant)
    return Money(wallet.balance, wallet.balance - wallet.reserved, standing)


@router.get("/default-billing-account/{account}/preview")
async def preview_default_account(
    house: InHouse, tenant: ChoosesAccount, account: AccountId
) -> DefaultAccountPreview:
    """What happens if this account becomes the default one, in sentences. Nothing is changed."""
    found, money = await house.tenant(tenant), await _money(house, tenant)
    catalogue = house.desk.catalogue
    try:
        effect = done(default_foreseen(found, account, money.balance, catalogue, house.now_us))
    except TenantFaults as error:
        raise invalid(error.faults, {}) from None
    return DefaultAccountPreview(
        says=list(effect.says), may_buy_now=effect.may_buy_now, may_buy_then=effect.may_buy_then
    )


@router.get("/card-gateways")
async def list_card_gateways(house: InHouse, tenant: EditsMethods) -> CardWays:
    """The gateways that keep cards here; of the sandbox also its test cards and what becomes of each."""
    await house.known(tenant)
    return CardWays(
        gateways=[
            CardWay(
                gateway=way.gateway,
                is_test=way.is_test,
                says=way.says,
                sources=[CardSource(**source._asdict()) for source in way.sources],
            )
            for way in card_ways(house.purchasing.gateways)
        ]
    )
