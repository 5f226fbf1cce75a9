"""The money of a tenant: credits, lots, adjustments, pools, caps, entries, audit."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Response

from talktime.accounts.approvals import Approval
from talktime.accounts.calendar import month_of
from talktime.accounts.eligibility import recharge_warnings
from talktime.accounts.tenant_parts import CAPS, list_part
from talktime.core.modes import Mode
from talktime.core.money import format_money
from talktime.doors.http.management.answers import (
    AdjustedAnswer,
    AuditAnswer,
    AuditList,
    AutoRechargeAnswer,
    CapList,
    EntryList,
    FundedAnswer,
    PoolList,
)
from talktime.doors.http.management.answers_money import CreditsAnswer, LotList
from talktime.doors.http.management.answers_people import ApprovalAnswer
from talktime.doors.http.management.house import (
    CallerOf,
    House,
    InHouse,
    done,
    holds,
    may,
    person_of,
    read,
    unknown_tenant,
    who,
)
from talktime.doors.http.management.pages import Number
from talktime.doors.http.management.shown import adjusted_shown, cap_shown, entry_shown, lot_shown, pool_shown
from talktime.doors.http.management.shown_money import lot_line, runway_shown, warnings_shown
from talktime.doors.http.management.shown_people import approval_shown
from talktime.doors.http.management.texts import (
    Amount,
    Before,
    Code,
    Cursor,
    Limit,
    LongText,
    Month,
    Strict,
    Text,
    Words,
    etag_of,
    instant,
    month_number,
    next_of,
    place_of,
)
from talktime.doors.http.management.usage import usage_rows
from talktime.doors.http.problems import Problem, ProblemError
from talktime.insight.held_back import held_back
from talktime.insight.post_usage import mode_now, overdrawn
from talktime.insight.runway_view import runway_now
from talktime.ledger.reading import NO_BEFORE, KeptWallet
from talktime.ledger.records import Counter
from talktime.live.standing import caps_of, pools_of
from talktime.live.tenant import LiveTenant
from talktime.notices.texts import load_texts

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["money"])

RecordsPayments = Annotated[str, Depends(may("record_payment"))]
Adjusts = Annotated[str, Depends(may("adjust"))]
SeesBalance = Annotated[str, Depends(may("see_balance"))]
SeesPools = Annotated[str, Depends(may("see_pool_reports"))]
SeesCaps = Annotated[str, Depends(may("see_usage_without_names"))]
SeesEntries = Annotated[str, Depends(may("see_entries"))]
SeesAudit = Annotated[str, Depends(may("see_audit"))]


NameOfMovement = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="names this request, where the body has no `reference`",
        examples=["9f2c1d7e-order-17"],
    ),
]


def _reference(reference: str, key: str | None) -> str:
    """What tells a movement of money from a repeat: the reference of its body, else the request's key."""
    if not reference and not key:
        detail = "money moves here: name it by `reference` in the body or by a header Idempotency-Key"
        raise ProblemError(Problem(400, "idempotency_key_missing", detail))
    return reference or f"key:{key}"


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
    house: InHouse,
    principal: CallerOf,
    tenant: RecordsPayments,
    body: Purchase,
    response: Response,
    key: NameOfMovement = None,
) -> FundedAnswer:
    """Opens a lot for money that came by another way than a card; 200 where its name had opened it before.

    Its name is the `reference`, else the Idempotency-Key; one of them is needed.
    """
    reference = _reference(body.reference, key)
    fund, receipt = house.administration.fund, await house.purchasing.receipt_for(tenant)
    funded = done(await fund(tenant, body.amount, body.currency, reference, who(principal), receipt))
    response.status_code = 200 if funded.repeated else 201
    return FundedAnswer(
        lot=funded.lot,
        amount=format_money(funded.amount),
        currency=body.currency,
        repeated=funded.repeated,
    )


@router.post(
    "/adjustments",
    status_code=201,
    responses={200: {"model": AdjustedAnswer}, 202: {"model": ApprovalAnswer}},
)
async def adjust(
    house: InHouse,
    principal: CallerOf,
    tenant: Adjusts,
    body: Adjustment,
    response: Response,
    key: NameOfMovement = None,
) -> AdjustedAnswer | ApprovalAnswer:
    """Gives credits as a lot or takes free ones back; the reason goes to the audit log.

    200 where its name (the reference, else the Idempotency-Key) had made it before: nothing is changed, and
    the balance is that of now. 202 above the limit for one person: nothing is booked until another one
    approves.
    """
    reference = _reference(body.reference, key)
    ask = house.provider.ask_adjustment
    outcome = await ask(tenant, body.amount, body.reason, reference, person_of(principal))
    if isinstance(outcome, Approval):
        response.status_code = 202
        return approval_shown(outcome)
    adjusted = done(outcome)
    response.status_code = 200 if adjusted.repeated else 201
    return adjusted_shown(adjusted)


@router.get("/credits")
async def get_credits(house: InHouse, tenant: SeesBalance) -> CreditsAnswer:
    """Balance, what calls in progress reserve, lots, how paid calls are funded, and how long it lasts."""
    wallet, own = await _wallet(house, tenant), await house.settings(tenant)
    rule, catalogue = own.auto_recharge, house.desk.catalogue
    runway = await read(runway_now, house.reader, own, wallet, house.now_us)
    held = await read(held_back, house.reader, tenant)
    mode = mode_now(own, catalogue, wallet.balance)
    warnings = [*recharge_warnings(own, catalogue)]
    if wallet.overdraft and mode is Mode.POST_USAGE:
        warnings.append(overdrawn(wallet.overdraft, wallet.currency))
    return CreditsAnswer(
        balance=format_money(wallet.balance),
        reserved=format_money(wallet.reserved),
        available=format_money(wallet.balance - wallet.reserved),
        overdraft=format_money(wallet.overdraft),
        frozen=format_money(held.frozen),
        owed=format_money(held.owed),
        currency=wallet.currency,
        mode=mode.name.lower(),
        mode_says=load_texts().modes[mode.name.lower()],
        lots=[lot_shown(lot) for lot in wallet.lots],
        auto_recharge=AutoRechargeAnswer(
            enabled=rule.enabled,
            below=format_money(rule.below_micros),
            add=format_money(rule.add_micros),
            cap_per_month=None
            if rule.cap_per_month_micros is None
            else format_money(rule.cap_per_month_micros),
        ),
        runway_days=runway.shortest,
        runway=runway_shown(runway),
        warnings=warnings_shown(warnings),
    )


@router.get("/lots")
async def list_lots(house: InHouse, tenant: SeesBalance, limit: Limit = 100, cursor: Cursor = "") -> LotList:
    """All lots, newest first, those that are spent and expired too."""
    wallet = await _wallet(house, tenant)
    found = await read(house.reader.lots, tenant, place_of(cursor, Number, NO_BEFORE), limit)
    return LotList(
        lots=[lot_line(lot, wallet.lots) for lot in found],
        next=next_of(found[-1].lot) if len(found) == limit and found[-1].lot > 1 else None,
    )


@router.get("/pools")
async def get_pools(house: InHouse, tenant: SeesPools, month: Month = "") -> PoolList:
    """The pools of a month, the present one where none is named."""
    live, number, counters = await _counted(house, tenant, month)
    pools = await read(pools_of, live, counters, number, house.now_us)
    return PoolList(pools=[pool_shown(pool) for pool in pools])


@router.get("/caps")
async def get_caps(
    house: InHouse, principal: CallerOf, tenant: SeesCaps, response: Response, month: Month = ""
) -> CapList:
    """The spend caps and what a month, the present one where none is named, has spent of them.

    The ETag is that of the limits as they are set, for a change of them; what is spent is no part of it.

    Users stand there by name for those who may see names or users, else by the word of usage without names.
    """
    live, number, counters = await _counted(house, tenant, month)
    response.headers["ETag"] = etag_of(list_part(live.tenant, CAPS))
    caps = caps_of(live, counters, number)
    if not holds(principal, "see_users", tenant):
        rows = await usage_rows(house, principal, tenant)
        caps = [replace(cap, id=rows.shown_user(cap.id)) if cap.scope == "user" else cap for cap in caps]
    return CapList(caps=[cap_shown(cap) for cap in caps])


@router.get("/entries")
async def get_entries(
    house: InHouse, tenant: SeesEntries, limit: Limit = 100, before: Before = NO_BEFORE
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
    house: InHouse,
    tenant: SeesAudit,
    limit: Limit = 100,
    before: Before = NO_BEFORE,
    search: Words = "",
) -> AuditList:
    """Who changed what, newest first; `search`: only changes that say it somewhere."""
    await _wallet(house, tenant)
    found = await read(house.reader.audit, tenant, before, limit, search)
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
