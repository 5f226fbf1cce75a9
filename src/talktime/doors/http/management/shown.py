"""Records of the ledger as answers: field by field, amounts as decimal strings, instants as ISO 8601."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from talktime.accounts.calendar import month_name
from talktime.core.money import NANOS_PLACES, format_decimal, format_money
from talktime.doors.http.management.answers import (
    AdjustedAnswer,
    CallAnswer,
    CallInProgress,
    CapAnswer,
    CapFact,
    ChargeAnswer,
    ChargeLine,
    EntryAnswer,
    FactsAnswer,
    LotAnswer,
    PoolAnswer,
    PoolShare,
    RateAnswer,
    SettledAnswer,
    Share,
    Source,
)
from talktime.doors.http.management.texts import instant
from talktime.ledger.records import ChargeBody, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from talktime.accounts.administration import Adjusted
    from talktime.insight.usage_rows import UsageRows
    from talktime.ledger.reading import KeptCall, KeptLot
    from talktime.ledger.records import Charge, Entry, Facts, SessionRow
    from talktime.live.answers import Settled
    from talktime.live.standing import CapStanding, PoolStanding

_body: Final = msgspec.json.Decoder(ChargeBody)


def adjusted_shown(adjusted: Adjusted) -> AdjustedAnswer:
    """What a tenant has after an adjustment."""
    wallet = adjusted.wallet
    return AdjustedAnswer(
        lot=wallet.lot or None,
        balance=format_money(wallet.balance),
        reserved=format_money(wallet.reserved),
        available=format_money(wallet.available),
        repeated=adjusted.repeated,
    )


def lot_shown(lot: KeptLot) -> LotAnswer:
    """A lot that holds money."""
    return LotAnswer(
        lot=lot.lot,
        bought_at=instant(lot.bought_us),
        expires_at=instant(lot.expires_us),
        amount=format_money(lot.amount),
        left=format_money(lot.left),
        reserved=format_money(lot.held),
        available=format_money(lot.left - lot.held),
        origin=lot.origin,
        reference=lot.reference,
    )


def pool_shown(pool: PoolStanding) -> PoolAnswer:
    """A pool in a month."""
    return PoolAnswer(
        name=pool.name,
        plan=pool.plan,
        kind=pool.kind,
        owner=pool.owner,
        month=month_name(pool.month),
        size_seconds=pool.size_s,
        used_seconds=pool.used_s,
        reserved_seconds=pool.reserved_s,
        left_seconds=pool.left_s,
    )


def cap_shown(cap: CapStanding) -> CapAnswer:
    """A spend cap in a month."""
    return CapAnswer(
        scope=cap.scope,
        id=cap.id,
        month=month_name(cap.month),
        limit=format_money(cap.limit),
        spent=format_money(cap.spent),
        reserved=format_money(cap.reserved),
        left=format_money(cap.left),
    )


def entry_shown(entry: Entry) -> EntryAnswer:
    """A line of the journal."""
    return EntryAnswer(
        number=entry.number,
        at=instant(entry.at_us),
        kind=entry.kind,
        debit=entry.debit,
        credit=entry.credit,
        amount=format_money(entry.amount),
        lot=entry.lot or None,
        charge=entry.charge or None,
        corrects=entry.corrects or None,
        hash=entry.hash.hex(),
    )


def charge_line(charge: Charge) -> ChargeLine:
    """What a call cost."""
    return ChargeLine(
        number=charge.number,
        call_id=charge.call_id,
        at=instant(charge.at_us),
        started_at=instant(charge.start_us),
        user=charge.user_name,
        category=charge.category,
        billed_seconds=charge.billed_s,
        pool_seconds=charge.pool_s,
        paid_seconds=charge.paid_s,
        amount=format_money(charge.amount),
        credits=format_money(charge.credits),
        post_usage=format_money(charge.post_usage),
        overdraft=format_money(charge.overdraft),
        corrects=charge.corrects or None,
    )


def charge_shown(charge: Charge) -> ChargeAnswer:
    """A charge with its split."""
    body = _body.decode(charge.body)
    return ChargeAnswer(
        **charge_line(charge).model_dump(),
        duration_seconds=body.duration_s,
        lots=_shares(body.lots),
        pools=_pool_shares(body.pools),
        balance_after=format_money(body.balance),
        flags=list(body.flags),
        answered_at=instant(body.answered_us),
        ended_at=instant(body.ended_us),
    )


def facts_shown(facts: Facts, rows: UsageRows) -> FactsAnswer:
    """What was decided about a call at its start; the other party's number as `rows` shows it."""
    caller, callee = rows.parties(facts)
    return FactsAnswer(
        call_type=facts.call_type,
        user=facts.user,
        service_number=facts.service,
        caller=caller,
        callee=callee,
        category=facts.category,
        why=facts.why,
        rate=_rate(facts) if facts.rated else None,
        pools=list(facts.pools),
        month=month_name(facts.period),
        caps=[CapFact(counter=cap.counter, limit=format_money(cap.limit)) for cap in facts.caps],
        arrived_at=instant(facts.arrived_us),
        started_at=instant(facts.base_us),
        flags=list(facts.flags),
    )


def _rate(facts: Facts) -> RateAnswer:
    first_s, step_s, _, first_nanos, nanos, fee, _, _ = facts.rate
    return RateAnswer(
        deck=facts.deck,
        prefix=facts.prefix,
        price_per_minute=format_decimal(nanos, NANOS_PLACES),
        first_price_per_minute=format_decimal(first_nanos, NANOS_PLACES),
        connection_fee=format_money(fee),
        first_seconds=first_s,
        step_seconds=step_s,
    )


def call_shown(call: KeptCall, rows: UsageRows) -> CallAnswer:
    """A call; its facts come from the session while that has them, then from the charge."""
    row, body = call.session, call.session.body
    facts = body.facts if body is not None and row.state != State.DENIED else None
    if facts is None and call.charges:
        facts = _body.decode(call.charges[-1].body).facts
    return CallAnswer(
        call_id=row.call_id,
        state=State(row.state).name.lower(),
        due_at=instant(row.due_us) if row.state == State.OPEN else None,
        used_seconds=None if body is None else body.used_s,
        authorised_seconds=None if body is None else body.authorised_s,
        facts=None if facts is None else facts_shown(facts, rows),
        charges=[charge_shown(charge) for charge in call.charges],
        entries=[entry_shown(entry) for entry in call.entries],
    )


def in_progress(row: SessionRow, rows: UsageRows) -> CallInProgress:
    """A call in progress and what it reserves."""
    body = row.body
    assert body is not None, "only closed sessions lose their body"
    facts = body.facts
    caller, callee = rows.parties(facts)
    return CallInProgress(
        call_id=row.call_id,
        state=State(row.state).name.lower(),
        user=facts.user,
        service_number=facts.service,
        caller=caller,
        callee=callee,
        category=facts.category,
        started_at=instant(facts.base_us),
        granted_seconds=body.authorised_s,
        used_seconds=body.used_s,
        reserved=format_money(sum(micros for _, micros in body.lots)),
        lots=_shares(body.lots),
        pools=_pool_shares(body.pools),
        due_at=instant(row.due_us),
    )


def settled_shown(settled: Settled) -> SettledAnswer:
    """What a call was charged."""
    return SettledAnswer(
        call_id=settled.call_id,
        billed_seconds=settled.billed_s,
        pool_seconds=settled.pool_s,
        paid_seconds=settled.paid_s,
        amount=format_money(settled.amount),
        currency=settled.currency,
        funding=[
            Source(
                source=paid.source,
                id=paid.id,
                seconds=paid.seconds if paid.source == "pool" else None,
                amount=None if paid.source == "pool" else format_money(paid.micros),
            )
            for paid in settled.funding
        ],
        balance=format_money(settled.balance),
        available=format_money(settled.available),
        flags=list(settled.flags),
    )


def _shares(lots: Iterable[tuple[int, int]]) -> list[Share]:
    return [Share(lot=lot, amount=format_money(micros)) for lot, micros in lots]


def _pool_shares(pools: Iterable[tuple[str, int]]) -> list[PoolShare]:
    return [PoolShare(pool=name, seconds=seconds) for name, seconds in pools]
