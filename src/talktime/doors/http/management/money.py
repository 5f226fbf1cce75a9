"""The money of a tenant: credits, lots, adjustments, pools, caps, entries, audit."""

from __future__ import annotations

from fastapi import APIRouter, Response

from talktime.accounts.calendar import month_of
from talktime.core.money import format_money
from talktime.doors.http.management.answers import (
    AdjustedAnswer,
    AuditAnswer,
    AuditList,
    AutoRechargeAnswer,
    CapList,
    CreditsAnswer,
    EntryList,
    FundedAnswer,
    PoolList,
)
from talktime.doors.http.management.house import (
    CallerOf,
    House,
    InHouse,
    TenantOf,
    done,
    read,
    unknown_tenant,
    who,
)
from talktime.doors.http.management.shown import adjusted_shown, cap_shown, entry_shown, lot_shown, pool_shown
from talktime.doors.http.management.texts import (
    Amount,
    Before,
    Code,
    Limit,
    LongText,
    Month,
    Strict,
    Text,
    instant,
    month_number,
)
from talktime.ledger.reading import NO_BEFORE, KeptWallet
from talktime.ledger.records import Counter
from talktime.live.standing import caps_of, mode_of, pools_of
from talktime.live.tenant import LiveTenant

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["money"])


class Purchase(Strict):
    """Credits that were bought. `reference` is the payment: the same one again gives the lot it opened."""

    amount: Amount
    currency: Code
    reference: Text = ""


class Adjustment(Strict):
    """Credits given (above 0) or taken back (below 0) by hand.

    `reference` names this adjustment: the same one again changes nothing.
    """

    amount: Amount
    reason: LongText
    reference: Text = ""


@router.post("/lots", status_code=201, responses={200: {"model": FundedAnswer}})
async def buy(
    house: InHouse, principal: CallerOf, tenant: TenantOf, body: Purchase, response: Response
) -> FundedAnswer:
    """Opens a lot; 200 where the reference had opened it before."""
    funded = done(
        await house.administration.fund(tenant, body.amount, body.currency, body.reference, who(principal))
    )
    response.status_code = 200 if funded.repeated else 201
    return FundedAnswer(
        lot=funded.lot,
        amount=format_money(funded.amount),
        currency=body.currency,
        repeated=funded.repeated,
    )


@router.post("/adjustments", status_code=201, responses={200: {"model": AdjustedAnswer}})
async def adjust(
    house: InHouse, principal: CallerOf, tenant: TenantOf, body: Adjustment, response: Response
) -> AdjustedAnswer:
    """Gives credits as a lot or takes free ones back; the reason goes to the audit log.

    200 where the reference had made it before: nothing is changed, and the balance is that of now.
    """
    adjust = house.administration.adjust
    adjusted = done(await adjust(tenant, body.amount, body.reason, body.reference, who(principal)))
    response.status_code = 200 if adjusted.repeated else 201
    return adjusted_shown(adjusted)


@router.get("/credits")
async def get_credits(house: InHouse, tenant: TenantOf) -> CreditsAnswer:
    """Balance, what calls in progress reserve, lots, and how paid calls are funded."""
    wallet, live = await _wallet(house, tenant), await house.live_tenant(tenant)
    rule = live.tenant.auto_recharge
    return CreditsAnswer(
        balance=format_money(wallet.balance),
        reserved=format_money(wallet.reserved),
        available=format_money(wallet.balance - wallet.reserved),
        overdraft=format_money(wallet.overdraft),
        currency=wallet.currency,
        mode=mode_of(live, wallet.balance).name.lower(),
        lots=[lot_shown(lot) for lot in wallet.lots],
        auto_recharge=AutoRechargeAnswer(
            enabled=rule.enabled,
            below=format_money(rule.below_micros),
            add=format_money(rule.add_micros),
            cap_per_month=None
            if rule.cap_per_month_micros is None
            else format_money(rule.cap_per_month_micros),
        ),
        runway_days=None,
    )


@router.get("/pools")
async def get_pools(house: InHouse, tenant: TenantOf, month: Month = "") -> PoolList:
    """The pools of a month, the present one where none is named."""
    live, number, counters = await _counted(house, tenant, month)
    pools = await read(pools_of, live, counters, number, house.now_us)
    return PoolList(pools=[pool_shown(pool) for pool in pools])


@router.get("/caps")
async def get_caps(house: InHouse, tenant: TenantOf, month: Month = "") -> CapList:
    """The spend caps and what a month, the present one where none is named, has spent of them."""
    live, number, counters = await _counted(house, tenant, month)
    return CapList(caps=[cap_shown(cap) for cap in caps_of(live, counters, number)])


@router.get("/entries")
async def get_entries(
    house: InHouse, tenant: TenantOf, limit: Limit = 100, before: Before = NO_BEFORE
) -> EntryList:
    """The journal, newest first."""
    await _wallet(house, tenant)
    found = await read(house.reader.entries, tenant, before, limit)
    return EntryList(
        entries=[entry_shown(entry) for entry in found],
        next=found[-1].number if len(found) == limit else None,
    )


@router.get("/audit")
async def get_audit(
    house: InHouse, tenant: TenantOf, limit: Limit = 100, before: Before = NO_BEFORE
) -> AuditList:
    """Who changed what, newest first."""
    await _wallet(house, tenant)
    found = await read(house.reader.audit, tenant, before, limit)
    lines = [
        AuditAnswer(
            id=line.id,
            at=instant(line.at_us),
            who=line.who,
            what=line.what,
            before=line.before,
            after=line.after,
        )
        for line in found
    ]
    return AuditList(audit=lines, next=found[-1].id if len(found) == limit else None)


async def _wallet(house: House, tenant: str) -> KeptWallet:
    wallet = await read(house.reader.wallet, tenant)
    if wallet is None:
        raise unknown_tenant(tenant)
    return wallet


async def _counted(
    house: House, tenant: str, month: str
) -> tuple[LiveTenant, int, dict[tuple[str, int], Counter]]:
    """(tenant, number of the month, its counters)."""
    live = await house.live_tenant(tenant)
    number = month_number(month) or month_of(house.now_us, live.tenant.time_zone)
    return live, number, await read(house.reader.counters, tenant, [number])
