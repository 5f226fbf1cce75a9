"""Auto-recharge: the rule, how it stands and why, switched off, tried again, and its timeline."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from msgspec.structs import replace

from talktime.accounts.paying import rule_off, rule_off_by_partner, rule_put, rule_table
from talktime.accounts.tenant import Tenant
from talktime.core.money import format_money
from talktime.doors.http.management.answers_money import RechargeAnswer, Timeline, TimelineLine
from talktime.doors.http.management.house import (
    CallerOf,
    House,
    InHouse,
    done,
    holds,
    may,
    read,
    unknown_tenant,
    who,
)
from talktime.doors.http.management.pages import NEWEST_TURN, TimelinePlace
from talktime.doors.http.management.payments import not_eligible
from talktime.doors.http.management.shown_money import payment_line, recharge_shown
from talktime.doors.http.management.tables import AutoRechargeTable
from talktime.doors.http.management.texts import (
    Cursor,
    IfMatch,
    Limit,
    etag_of,
    instant,
    matches,
    next_of,
    place_of,
)
from talktime.funding.payments import Kind, State, is_unresolved
from talktime.funding.recharge import TIMELINE
from talktime.insight.recharge_view import STATES, recharge_view, turn_of, turn_says
from talktime.ledger.commands import Expire, Refused
from talktime.ledger.records import Paper, Payment

router = APIRouter(prefix="/v1/tenants/{tenant}/auto-recharge", tags=["auto-recharge"])

SeesBalance = Annotated[str, Depends(may("see_balance"))]
SeesReceipts = Annotated[str, Depends(may("see_receipts"))]
EditsRule = Annotated[str, Depends(may("edit_auto_recharge"))]
TurnsOff = Annotated[str, Depends(may("turn_auto_recharge_off"))]


@router.get("", response_model_exclude_unset=True)
async def get_auto_recharge(house: InHouse, tenant: SeesBalance, response: Response) -> RechargeAnswer:
    """The rule and how it stands: on, off, or on but paused and why; its ETag is that of the rule."""
    return await _shown(house, tenant, response)


@router.put("", response_model_exclude_unset=True)
async def put_auto_recharge(
    house: InHouse,
    principal: CallerOf,
    tenant: EditsRule,
    body: AutoRechargeTable,
    response: Response,
    if_match: IfMatch = None,
) -> RechargeAnswer:
    """Replaces the rule. Switching it on is refused for a tenant that may not buy (422 `not_eligible`)."""
    table = body.table()

    def still(now: Tenant) -> bool:
        return matches(if_match, rule_table(now))

    change = partial(rule_put, table=table, catalogue=house.desk.catalogue, now_us=house.now_us)
    outcome = await house.expecting(still).edit(tenant, change, "auto-recharge set", who(principal))
    if isinstance(outcome, Refused) and outcome.code == "not_eligible":
        raise await not_eligible(house, tenant, outcome)
    done(outcome, table, "auto_recharge")
    await _followed(house, tenant)
    return await _shown(house, tenant, response)


@router.post("/off", response_model_exclude_unset=True)
async def turn_off(
    house: InHouse, principal: CallerOf, tenant: TurnsOff, response: Response
) -> RechargeAnswer:
    """Switches the rule off; off already is as good. An attempt that was not sent yet is cancelled.

    A partner does so only for a tenant that it sells to (403 `forbidden`).
    """
    off = rule_off if holds(principal, "edit_auto_recharge", tenant) else rule_off_by_partner
    done(await house.expecting().edit(tenant, off, "auto-recharge turned off", who(principal)))
    await _followed(house, tenant)
    return await _shown(house, tenant, response)


@router.post("/retry", response_model_exclude_unset=True)
async def retry_now(
    house: InHouse, principal: CallerOf, tenant: EditsRule, response: Response
) -> RechargeAnswer:
    """Ends a pause, or has an attempt that waits tried at once; 409 where neither is there."""
    done(await house.purchasing.retry_now(tenant, who(principal)))
    await _followed(house, tenant)
    return await _shown(house, tenant, response)


@router.get("/timeline")
async def get_timeline(
    house: InHouse, tenant: SeesReceipts, limit: Limit = 100, cursor: Cursor = ""
) -> Timeline:
    """When and why the rule began or ceased to pay, and what it paid, newest first."""
    currency = (await house.settings(tenant)).currency
    place = place_of(cursor, TimelinePlace, NEWEST_TURN)
    turns = await read(house.reader.papers, tenant, TIMELINE, place.turn, limit, newest=True)
    before = (place.at_us, place.payment)
    payments = await read(house.reader.payments, tenant, before, limit, (Kind.RECHARGE,))
    lines: list[TimelineLine] = []
    while len(lines) < limit and (turns or payments):
        # The turn that says that a payment is on its way was written after the payment itself.
        if turns and (not payments or turns[0].at_us >= payments[0].at_us):
            turn = turns.pop(0)
            place = replace(place, turn=turn.key)
            lines.append(_turn_line(turn))
        else:
            payment = payments.pop(0)
            place = replace(place, at_us=payment.at_us, payment=payment.payment)
            lines.append(_payment_line(payment, currency))
    return Timeline(timeline=lines, next=next_of(place) if len(lines) == limit else None)


def _turn_line(paper: Paper) -> TimelineLine:
    turn = turn_of(paper)
    return TimelineLine(
        at=instant(turn.at_us),
        kind="turn",
        says=turn_says(turn),
        reason=turn.reason,
        available=format_money(turn.available),
        payment=None,
    )


def _payment_line(payment: Payment, currency: str) -> TimelineLine:
    line = payment_line(payment, currency)
    how = STATES[State(payment.state)]
    if line.decline is not None and line.next_try_at is not None:
        how = f"declined ({line.decline.code}), tried again at {line.next_try_at}"
    says = f"recharge of {line.amount} {currency}: {how}"
    return TimelineLine(at=line.at, kind="payment", says=says, reason=None, available=None, payment=line)


async def _followed(house: House, tenant: str) -> None:
    """Waits for what follows a change: the look at the rule, and what that may ask for in its turn.

    Both are commands of the engine, queued one after the other; whatever is queued later comes after them.
    """
    for _ in range(2):
        await house.desk.engine.submit(Expire(tenant))


async def _shown(house: House, tenant: str, response: Response) -> RechargeAnswer:
    """The rule with its ETag and how it stands, as last committed."""
    settings = await house.settings(tenant)
    standing = await read(house.reader.standing, tenant)
    if standing is None:
        raise unknown_tenant(tenant)
    turns = await read(house.reader.papers, tenant, TIMELINE, "", 1, newest=True)
    attempt = await read(house.reader.payment, tenant, standing.attempt) if standing.attempt else None
    if attempt is not None and not is_unresolved(attempt.state):
        attempt = None  # it ended between the two reads
    view = recharge_view(
        settings,
        standing,
        turn_of(turns[0]) if turns else None,
        attempt,
        house.desk.catalogue,
        house.now_us,
    )
    rule = rule_table(settings)
    response.headers["ETag"] = etag_of(rule)
    return recharge_shown(view, rule, settings.currency)
