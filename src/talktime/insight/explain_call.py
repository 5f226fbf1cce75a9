"""Why a call of the ledger costs what it costs: its records as a row that `explain` understands.

The facts of a call were kept at its start, or came from the file that it was imported with, and the split of
a charge when it was made, so nothing is rated again.
What only live calls have (a reservation, a refused start, a correction) is told here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from talktime.accounts.calendar import month_name
from talktime.core.limits import ALWAYS_US, US_PER_S
from talktime.core.money import ROUNDINGS, format_money
from talktime.core.rating import INCREMENTS
from talktime.core.refusals import Refusal
from talktime.insight.explain import Explanation, LedgerFacts, Step, steps_of
from talktime.insight.usage_rows import UsageRows
from talktime.insight.wording import REASONS, helps, moment
from talktime.ledger.decks import KeptDeck
from talktime.ledger.reading import KeptCall, KeptWallet
from talktime.ledger.records import Charge, ChargeBody, Facts, Session, State
from talktime.live.answers import Denied

POOL: Final = "pool:"
"""How the names of counters begin that count minutes."""

FREE, CHARGED, UNRATED, NOT_ANSWERED, OPEN, DENIED = (
    "free",
    "charged",
    "unrated",
    "not_answered",
    "in_progress",
    "denied",
)

_body: Final = msgspec.json.Decoder(ChargeBody)
_denied: Final = msgspec.json.Decoder(Denied)


@dataclass(frozen=True, slots=True)
class LiveLot:
    """A lot of the wallet that still holds money."""

    id: str
    origin: str
    bought_at_us: int
    expires_at_us: int


@dataclass(frozen=True, slots=True)
class LiveDeck:
    """The deck of a call: its name with the version, and whether its prices are not real."""

    title: str
    sample: bool


@dataclass(frozen=True, slots=True)
class LiveBackground:
    """What the ledger knows beside a call. No catalogue is kept with it: ""."""

    deck: LiveDeck
    lots: tuple[LiveLot, ...]
    catalogue: str = ""


def facts_of(call: KeptCall) -> Facts | None:
    """What was decided at the start; None where the start was refused and nothing is known."""
    if call.charges:
        return _body.decode(call.charges[-1].body).facts
    body = call.session.body
    return None if body is None or call.session.state == State.DENIED else body.facts


def explain_call(call: KeptCall, wallet: KeptWallet, deck: KeptDeck | None, rows: UsageRows) -> Explanation:
    """Explains a call of the ledger; `deck` is the stored one that its facts name.

    The other party's number stands there as in the usage of the tenant, which `rows` makes.
    """
    facts = facts_of(call)
    if facts is None:
        return _explanation(call, wallet, DENIED, 0, tuple(_refused(call)))
    background = LiveBackground(
        LiveDeck(f"{deck.name} {deck.version}", deck.sample) if deck else LiveDeck(facts.deck, sample=False),
        tuple(
            LiveLot(str(lot.lot), lot.origin, lot.bought_us, lot.expires_us)
            for lot in wallet.lots
            if lot.bought_us
        ),
    )
    charge = call.charges[-1] if call.charges else None
    state = _state(call, facts, charge)
    row = _row(facts, state, wallet.currency, background)
    row["caller"], row["callee"] = rows.parties(facts)
    if charge is not None:
        row |= _charged(facts, charge)
    elif state == OPEN and call.session.body is not None:
        row["duration_seconds"] = call.session.body.used_s
    steps = list(steps_of(row, background))
    if state == OPEN and call.session.body is not None:
        steps.append(_reserved(call.session.body, wallet.currency))
    steps += _corrections(call, wallet.currency)
    told = _explanation(call, wallet, state, charge.amount if charge else 0, tuple(steps))
    origin = None if charge is None else _body.decode(charge.body).origin
    return (
        told
        if charge is None or origin is None
        else replace(told, id=origin.identity, call_id=charge.call_id)
    )


def _explanation(
    call: KeptCall, wallet: KeptWallet, state: str, amount: int, steps: tuple[Step, ...]
) -> Explanation:
    return Explanation(
        id=call.session.call_id,
        call_id=call.session.call_id,
        state=state,
        amount=amount,
        currency=wallet.currency,
        steps=steps,
        is_message=False,
        run=LedgerFacts(wallet.tenant, State(call.session.state).name.lower()),
    )


def _state(call: KeptCall, facts: Facts, charge: Charge | None) -> str:
    if call.session.state == State.OPEN:
        return OPEN
    if charge is None or not charge.billed_s:
        return NOT_ANSWERED
    if not facts.paid:
        return FREE
    return CHARGED if facts.rated or charge.pool_s == charge.billed_s else UNRATED


def _row(facts: Facts, state: str, currency: str, known: LiveBackground) -> dict[str, Any]:
    """The facts as the columns of a report have them; nothing is charged yet."""
    first_s, step_s, model, first_price, price, fee, rounding, decimals = facts.rate
    rated = bool(facts.rated)
    return {
        "call_type": facts.call_type,
        "direction": "",
        "user": facts.user or facts.service,
        "caller": "",
        "callee": "",
        "country": "",
        "start": facts.base_us,
        "end": facts.base_us,
        "duration_seconds": 0,
        "source": "live",
        "line": None,
        "category": facts.category,
        "rule": f"{facts.category}: {facts.why}",
        "state": state,
        "reason": "no_rate" if facts.paid and not rated else "",
        "deck": known.deck.title,
        "prefix": facts.prefix,
        "rate_name": "",
        "price_per_minute": price if rated else None,
        "first_price_per_minute": first_price if rated else None,
        "connection_fee": fee,
        "currency": currency,
        "billed_seconds": 0,
        "blocked_seconds": 0,
        "first_seconds": first_s if rated else None,
        "step_seconds": step_s,
        "increments": next(name for name, number in INCREMENTS.items() if number == model),
        "rounding": f"{next(name for name, number in ROUNDINGS.items() if number == rounding)} {decimals}",
        "pool": "",
        "pool_seconds": 0,
        "pool_left_seconds": None,
        "paid_seconds": 0,
        "unrated_seconds": 0,
        "free_seconds": 0,
        "amount": 0,
        "lots": "",
        "funding": "",
        "credits": 0,
        "post_usage": 0,
        "overdraft": 0,
        "balance_after": None,
        "recharge": 0,
        "flags": ";".join(facts.flags),
    }


def _charged(facts: Facts, charge: Charge) -> dict[str, Any]:
    """The columns that a charge fills."""
    body = _body.decode(charge.body)
    uncovered_s = charge.billed_s - charge.pool_s
    sources = [source for source in ("credits", "post_usage", "overdraft") if getattr(charge, source)]
    return {
        "source": "live" if body.origin is None else body.origin.source,
        "end": body.ended_us if body.ended_us > ALWAYS_US else charge.start_us + body.duration_s * US_PER_S,
        "duration_seconds": body.duration_s,
        "billed_seconds": charge.billed_s,
        "pool": ";".join(f"{_pool(name, facts)}={seconds}" for name, seconds in body.pools),
        "pool_seconds": charge.pool_s,
        "paid_seconds": uncovered_s if facts.paid and facts.rated else 0,
        "unrated_seconds": uncovered_s if facts.paid and not facts.rated else 0,
        "free_seconds": 0 if facts.paid else charge.billed_s,
        "amount": charge.amount,
        "lots": ";".join(f"{lot}={format_money(micros)}" for lot, micros in body.lots),
        "funding": "+".join(["pool"] * bool(charge.pool_s) + sources),
        "credits": charge.credits,
        "post_usage": charge.post_usage,
        "overdraft": charge.overdraft,
        "balance_after": body.balance,
        "flags": ";".join(body.flags),
    }


def _pool(name: str, facts: Facts) -> str:
    """`pool:PLAN/domestic/DE` as reports name it: PLAN domestic DE 2026-03."""
    words = name.removeprefix(POOL).split("/")
    return " ".join([*filter(None, words), month_name(facts.period)])


def _reserved(session: Session, currency: str) -> Step:
    pool_s = sum(seconds for _, seconds in session.pools)
    credits = sum(micros for _, micros in session.lots)
    parts = [f"{pool_s} s of included minutes"] * bool(pool_s)
    parts += [f"{format_money(credits)} {currency} of credits"] * bool(credits)
    return Step(
        "reserved",
        f"It may run for {session.authorised_s} s, {session.used_s} s are reported; "
        f"it holds {' and '.join(parts) or 'nothing'} until it ends.",
        {
            "authorised_seconds": session.authorised_s,
            "used_seconds": session.used_s,
            "pool_seconds": pool_s,
            "credits": format_money(credits),
        },
    )


def _refused(call: KeptCall) -> Iterator[Step]:
    """The refusals of starts that left no call, the last one last."""
    for given in call.session.body.given if call.session.body else []:
        if not given.text:
            continue
        answer = _denied.decode(given.text)
        code = Refusal(answer.reason).code
        yield Step(
            "decision",
            f"Refused ({code}): {answer.detail}. Nothing is held, nothing is charged.{helps(REASONS, code)}",
            {"reason": code, "sequence": given.sequence},
        )


def _corrections(call: KeptCall, currency: str) -> Iterator[Step]:
    for old, new in zip(call.charges, call.charges[1:], strict=False):
        yield Step(
            "correction",
            f"Charge {new.number} of {moment(new.at_us)} replaces charge {old.number} of "
            f"{format_money(old.amount)} {currency} ({old.billed_s} s billed): "
            f"the difference of {format_money(new.amount - old.amount)} was booked.",
            {
                "charge": new.number,
                "corrects": old.number,
                "amount_before": format_money(old.amount),
                "billed_seconds_before": old.billed_s,
                "difference": format_money(new.amount - old.amount),
            },
        )
