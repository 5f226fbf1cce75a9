"""The sandbox's counter: charging cards, and what becomes of a payment later.

Each function works inside the caller's transaction on the sandbox's file. A key is remembered for a day
together with its parameters and its answer: the same again is answered the same, anything else is refused.
"""

import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from typing import Final, NamedTuple, TypeVar

import msgspec

from talktime.funding.gateway import (
    CANCELLED,
    EventKind,
    GatewayEvent,
    GatewayRefused,
    KeyReused,
    MethodFacts,
    MethodRefused,
    PaymentOrder,
    PaymentResult,
    PaymentStatus,
    RefundOrder,
)
from talktime.funding.sandbox_cards import AUTHENTICATE, SUCCEED, TestCard, card_of, facts_of, load_cards
from talktime.funding.sandbox_messages import new_event_id, put_message

_KEPT_US: Final = 86_400_000_000
"""A key is remembered for 24 hours."""

ACTION_CODE: Final = "authentication_required"
NOT_CONFIRMED: Final = "payment_intent_authentication_failure"
_DECLINED_AFTER_ALL: Final = "generic_decline"

_EVENT_OF: Final = {
    PaymentStatus.SUCCEEDED: EventKind.PAYMENT_SUCCEEDED,
    PaymentStatus.DECLINED: EventKind.PAYMENT_FAILED,
    PaymentStatus.REQUIRES_ACTION: EventKind.PAYMENT_ACTION,
}

_Answer = TypeVar("_Answer", bound=msgspec.Struct)


class Counter(NamedTuple):
    """What every request needs: the open transaction, the instant, its month, where links lead."""

    link: sqlite3.Connection
    now_us: int
    month: str
    action_base: str


def once(
    at: Counter, order: PaymentOrder | RefundOrder, kind: type[_Answer], do: Callable[[], _Answer]
) -> _Answer:
    """The first answer to this key, or a new one. Raises KeyReused; keys are forgotten after 24 hours."""
    at.link.execute("delete from keys where at_us <= ?", (at.now_us - _KEPT_US,))
    parameters = msgspec.json.encode([type(order).__name__, asdict(order)]).decode()
    row = at.link.execute(
        "select parameters, answer from keys where tenant = ? and key = ?", (order.tenant, order.key)
    ).fetchone()
    if row is None:
        answer = do()
        text = msgspec.json.encode(answer).decode()
        at.link.execute(
            "insert into keys values (?, ?, ?, ?, ?)", (order.tenant, order.key, at.now_us, parameters, text)
        )
        return answer
    if row["parameters"] != parameters:
        raise KeyReused(f"The key {order.key!r} was used for another order; use a new key.")
    return msgspec.json.decode(row["answer"], type=kind)


def save_card(at: Counter, tenant: str, source: str) -> MethodFacts:
    """Keep a test card for a tenant. Raises MethodRefused."""
    card, expires = card_of(source, at.month)
    if card.attach:
        raise MethodRefused(
            card.attach, "The bank declined the card when it was to be saved; use another one."
        )
    facts = facts_of(card, f"sbx_card_{secrets.token_hex(12)}", expires)
    at.link.execute(
        "insert into methods (token, tenant, card, facts) values (?, ?, ?, ?)",
        (facts.token, tenant, card.number, msgspec.json.encode(facts).decode()),
    )
    return facts


class _Method(msgspec.Struct, frozen=True):
    card: TestCard
    facts: MethodFacts
    fate: str = ""
    remembered: bool = False


def _method(at: Counter, order: PaymentOrder) -> _Method:
    """A saved card of this tenant, else a test card used once."""
    row = at.link.execute("select * from methods where token = ?", (order.method_token,)).fetchone()
    if row is None:
        card, expires = card_of(order.method_token, at.month)
        return _Method(card, facts_of(card, order.method_token, expires))
    if row["tenant"] != order.tenant:
        raise GatewayRefused("no_such_method", "The card belongs to another customer; add it again.")
    facts = msgspec.json.decode(row["facts"], type=MethodFacts)
    return _Method(load_cards()[row["card"]], facts, row["fate"], bool(row["remembered"]))


def charge(at: Counter, order: PaymentOrder, processing: bool) -> PaymentResult:
    """Charge a card. Raises GatewayRefused: the order itself is wrong."""
    if order.amount_minor <= 0:
        raise GatewayRefused("invalid_amount", "The amount of a payment has to be more than 0.")
    method = _method(at, order)
    asked = _asked(method, order.off_session, at.month)
    status, code = (PaymentStatus.PROCESSING, "") if processing and asked == SUCCEED else _status(asked)
    gateway_payment = f"sbx_pay_{secrets.token_hex(12)}"
    at.link.execute(
        "insert into payments (gateway_payment, tenant, payment, try_number, at_us, amount_minor, currency,"
        " status, code, card, facts) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(gateway_payment, order.tenant, order.payment, order.try_number, at.now_us, order.amount_minor),
            *(order.currency, status, code, method.card.number, msgspec.json.encode(method.facts).decode()),
        ),
    )
    row = payment_row(at, gateway_payment)
    _tell(at, row)
    if status == PaymentStatus.SUCCEEDED:
        _dispute_at_once(at, row)
    return result_of(at, row)


def _asked(method: _Method, off_session: bool, month: str) -> str:
    """SUCCEED, AUTHENTICATE or a decline code: fate first, then the date, then the card's row."""
    if method.fate:
        return AUTHENTICATE if method.fate == ACTION_CODE else method.fate
    if method.facts.expires < month:
        return "expired_card"
    asked = method.card.asked(off_session)
    return SUCCEED if asked == AUTHENTICATE and off_session and method.remembered else asked


def _status(asked: str) -> tuple[PaymentStatus, str]:
    if asked == SUCCEED:
        return PaymentStatus.SUCCEEDED, ""
    if asked == AUTHENTICATE:
        return PaymentStatus.REQUIRES_ACTION, ACTION_CODE
    return PaymentStatus.DECLINED, asked


def complete(at: Counter, gateway_payment: str, succeed: bool) -> PaymentResult:
    """The holder confirmed or refused, or the bank decided. A payment that is not open stays as it is."""
    row = payment_row(at, gateway_payment)
    if row["status"] == PaymentStatus.REQUIRES_ACTION:
        return _change(at, row, load_cards()[row["card"]].confirmed if succeed else NOT_CONFIRMED)
    if row["status"] == PaymentStatus.PROCESSING:
        return _change(at, row, SUCCEED if succeed else _DECLINED_AFTER_ALL)
    return result_of(at, row)


def cancel(at: Counter, order: PaymentOrder) -> PaymentResult:
    """Give up a try that waits for its holder; another stays as it is. Raises GatewayRefused: no such try."""
    found = at.link.execute(
        "select * from payments where tenant = ? and payment = ? and try_number = ? order by number desc",
        (order.tenant, order.payment, order.try_number),
    )
    row = found.fetchone()
    if row is None:
        raise GatewayRefused("no_such_payment", f"The sandbox knows no try {order.key!r}.")
    if row["status"] == PaymentStatus.REQUIRES_ACTION:
        return _change(at, row, CANCELLED)
    return result_of(at, row)


def fail_settled(at: Counter, gateway_payment: str, code: str) -> PaymentResult:
    """A payment that had succeeded fails after all: the bank takes the money back."""
    row = payment_row(at, gateway_payment)
    if row["status"] != PaymentStatus.SUCCEEDED or row["dispute"] or _has_refund(at, gateway_payment):
        raise GatewayRefused(
            "not_settled", "Only a payment that is settled, whole and undisputed can fail later."
        )
    return _change(at, row, code)


def _has_refund(at: Counter, gateway_payment: str) -> bool:
    found = at.link.execute("select 1 from refunds where gateway_payment = ?", (gateway_payment,))
    return found.fetchone() is not None


def _change(at: Counter, row: sqlite3.Row, asked: str) -> PaymentResult:
    status, code = _status(asked)
    at.link.execute(
        "update payments set status = ?, code = ? where number = ?", (status, code, row["number"])
    )
    changed = payment_row(at, row["gateway_payment"])
    _tell(at, changed)
    if status == PaymentStatus.SUCCEEDED:
        _remember(at, row)
        _dispute_at_once(at, changed)
    return result_of(at, changed)


def _remember(at: Counter, row: sqlite3.Row) -> None:
    """A card that asks for its holder once does not ask again off-session."""
    if load_cards()[row["card"]].remembers:
        token = msgspec.json.decode(row["facts"], type=MethodFacts).token
        at.link.execute("update methods set remembered = 1 where token = ?", (token,))


def open_dispute(at: Counter, gateway_payment: str) -> None:
    """The holder disputes a payment: its bank takes back what was not refunded."""
    row = payment_row(at, gateway_payment)
    left_minor = row["amount_minor"] - refunded_minor(at, gateway_payment)
    if row["status"] != PaymentStatus.SUCCEEDED or row["dispute"] or left_minor <= 0:
        raise GatewayRefused("not_disputable", "There is no money of this payment that could be disputed.")
    at.link.execute(
        "update payments set dispute = 'opened', disputed_minor = ? where number = ?",
        (left_minor, row["number"]),
    )
    _tell_dispute(at, payment_row(at, gateway_payment), EventKind.DISPUTE_OPENED)


def close_dispute(at: Counter, gateway_payment: str, won: bool) -> None:
    """The dispute ends: won, and the money comes back to us, or lost."""
    row = payment_row(at, gateway_payment)
    if row["dispute"] != "opened":
        raise GatewayRefused("no_dispute", "No dispute of this payment is open.")
    outcome = "won" if won else "lost"
    at.link.execute("update payments set dispute = ? where number = ?", (outcome, row["number"]))
    _tell_dispute(at, row, EventKind.DISPUTE_WON if won else EventKind.DISPUTE_LOST)


def _dispute_at_once(at: Counter, row: sqlite3.Row) -> None:
    if load_cards()[row["card"]].dispute:
        open_dispute(at, row["gateway_payment"])


def refunded_minor(at: Counter, gateway_payment: str) -> int:
    """What went back of a payment."""
    row = at.link.execute(
        "select coalesce(sum(amount_minor), 0) from refunds"
        " where gateway_payment = ? and status = 'succeeded'",
        (gateway_payment,),
    ).fetchone()
    return int(row[0])


def payment_row(at: Counter, gateway_payment: str) -> sqlite3.Row:
    """A payment's row. Raises GatewayRefused: there is none."""
    found = at.link.execute("select * from payments where gateway_payment = ?", (gateway_payment,))
    row: sqlite3.Row | None = found.fetchone()
    if row is None:
        raise GatewayRefused("no_such_payment", f"The sandbox knows no payment {gateway_payment!r}.")
    return row


def result_of(at: Counter, row: sqlite3.Row) -> PaymentResult:
    """A payment as it stands now."""
    return PaymentResult(
        status=PaymentStatus(row["status"]),
        gateway_payment=row["gateway_payment"],
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        code=row["code"],
        action_url=_action_url(at, row),
        method=msgspec.json.decode(row["facts"], type=MethodFacts),
        try_number=row["try_number"],
    )


def _action_url(at: Counter, row: sqlite3.Row) -> str:
    if row["status"] != PaymentStatus.REQUIRES_ACTION:
        return ""
    return f"{at.action_base}/{row['gateway_payment']}"


def _tell(at: Counter, row: sqlite3.Row) -> None:
    status = PaymentStatus(row["status"])
    if status == PaymentStatus.PROCESSING:
        return
    event = GatewayEvent(
        id=new_event_id(),
        kind=_EVENT_OF[status],
        tenant=row["tenant"],
        payment=row["payment"],
        try_number=row["try_number"],
        gateway_payment=row["gateway_payment"],
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        code=row["code"],
        action_url=_action_url(at, row),
        method=msgspec.json.decode(row["facts"], type=MethodFacts),
    )
    put_message(at.link, event, at.now_us)


def _tell_dispute(at: Counter, row: sqlite3.Row, kind: EventKind) -> None:
    """Without tenant and payment: a real gateway's disputes do not name them either (`Gateway.fill`)."""
    event = GatewayEvent(
        id=new_event_id(),
        kind=kind,
        tenant="",
        payment="",
        try_number=0,
        gateway_payment=row["gateway_payment"],
        amount_minor=row["disputed_minor"],
        currency=row["currency"],
        code=load_cards()[row["card"]].dispute or "general",
        gateway_dispute=f"sbx_dispute_{row['gateway_payment'].removeprefix('sbx_pay_')}",
    )
    put_message(at.link, event, at.now_us, about=row["payment"])
