"""Auto-recharge: looked at in every transaction that changes what is available, paid by a worker later.

`evaluate` is asked with the wallet locked. It writes at most one attempt, and where it writes none the
reason, each time that changes (recharge.md 2, 4, 7, 8; rulings.md 27).
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol, runtime_checkable

import msgspec

from talktime.accounts.calendar import month_of, month_start_us
from talktime.accounts.recharge_limits import payment_limits
from talktime.accounts.tenant import ACTIVE, AutoRecharge, PaymentMethod, Tenant
from talktime.core.limits import NO_LIMIT
from talktime.core.money import format_money
from talktime.core.recharge import Why, cooled_us, day_opens_us, recharge_micros, verdict
from talktime.funding.payments import Kind, PaymentBody, State, payment_id, with_body
from talktime.ledger.book import Book
from talktime.ledger.records import Paper, Payment, Standing

TIMELINE: Final = "timeline"
"""Papers of this kind say when and why the rule began or ceased to pay."""


class Turn(msgspec.Struct, frozen=True):
    """A line of the timeline: from `at_us` on the rule does not pay for this reason; `pays`: it does."""

    at_us: int
    reason: str
    available: int
    payment: str = ""
    detail: str = ""


@runtime_checkable
class Refilled(Protocol):
    """What the engine made of a tenant's documents, as far as a rule that refills asks it."""

    def may_refill(self, at_us: int) -> bool:
        """Whether a rule that is on may buy at an instant (rulings.md 28)."""


class _Room(NamedTuple):
    """What the caps leave: micros, when they may leave more (0: never by itself), which cap is met."""

    micros: int
    wake_us: int
    met: str
    cap: int
    period: int


def method_of(tenant: Tenant, name: str = "") -> PaymentMethod | None:
    """The payment method of this id, else the default one, else the only one."""
    methods = tenant.payment_methods
    if name:
        return next((method for method in methods if method.id == name), None)
    default = next((method for method in methods if method.default), None)
    return default or (methods[0] if len(methods) == 1 else None)


def method_text(method: PaymentMethod) -> str:
    """`Visa 4242`."""
    return f"{method.brand} {method.last4}".strip()


def is_on(tenant: Tenant) -> bool:
    """Whether the rule may pay at all: switched on, and the tenant is active."""
    return tenant.auto_recharge.enabled and tenant.status == ACTIVE


def evaluate(book: Book, tenant: Tenant, config: Refilled) -> bool:
    """Looks at the rule; True where an attempt that waits has to be looked at again, since the rule changed.

    At most one attempt is unresolved: `standing.attempt`, and the index over payments (recharge.md 2).
    """
    rule, standing = tenant.auto_recharge, book.standing
    if not rule.enabled and (not standing.reason or standing.reason == _NOT_ARMED) and not standing.attempt:
        return False
    method = method_of(tenant, rule.method)
    _armed_again(book, method)
    available = book.balance - book.reserved
    may_buy = not rule.enabled or config.may_refill(book.last_us)
    if method is not None and may_buy and is_on(tenant) and _stays_above(standing, rule, available):
        return False
    why = _verdict(book, tenant, method, available, NO_LIMIT, may_buy=may_buy)
    if _is_calm(standing, why) or (why is Why.ABOVE_TRIGGER and _lasts(book, tenant)):
        return False
    room = _NO_ROOM
    if why is Why.PAYS and method is not None:  # only now the caps are asked
        room = _room(book, tenant)
        amount = _amount(rule, available, room.micros, tenant.currency)
        why = _verdict(book, tenant, method, available, amount, may_buy=may_buy)
        if why is Why.PAYS:
            _attempt(book, rule, method, amount)
            why = Why.IN_FLIGHT
    _wake(book, why, room)
    if why is Why.CAPPED:
        _tell_cap(book, room)
    _say(book, why, available)
    return bool(standing.attempt) and standing.attempt_card != card_of(tenant, may_buy=may_buy)


def _verdict(
    book: Book, tenant: Tenant, method: PaymentMethod | None, available: int, amount: int, *, may_buy: bool
) -> Why:
    rule, standing = tenant.auto_recharge, book.standing
    return Why(
        verdict(
            int(rule.enabled),
            int(bool(standing.attempt)),
            int(bool(standing.suspended)),
            int(tenant.status == ACTIVE),
            int(may_buy),
            int(method is not None),
            int(available < rule.below_micros),
            int(standing.cool_until_us > book.last_us),
            amount,
        )
    )


REASONS: Final = {why: why.name.lower() for why in Why}
"""How a reason is stored."""

_NOT_ARMED: Final = REASONS[Why.NOT_ARMED]
_ABOVE: Final = REASONS[Why.ABOVE_TRIGGER]
_COOLING: Final = REASONS[Why.COOLING_DOWN]
_CAPPED: Final = REASONS[Why.CAPPED]
_NO_ROOM: Final = _Room(0, 0, "", 0, 0)


def _stays_above(standing: Standing, rule: AutoRecharge, available: int) -> bool:
    """What nearly every transaction comes to: enough is there, and was before. Nothing else needs a look."""
    is_calm = not (standing.suspended or standing.attempt or standing.wake_us)
    return is_calm and standing.reason == _ABOVE and available >= rule.below_micros


def _is_calm(standing: Standing, why: Why) -> bool:
    """Whether the rule stands as it stood, and waits for nothing."""
    return standing.reason == REASONS[why] and not standing.attempt and not standing.wake_us


def _lasts(book: Book, tenant: Tenant) -> bool:
    """Whether a cool-down or a cap that stopped the rule stops it still, though enough is available now.

    Calls reserve and release all day: the timeline says it once, until it ends or a recharge is made.
    """
    standing, rule = book.standing, tenant.auto_recharge
    if standing.reason == _COOLING:
        return standing.cool_until_us > book.last_us
    if standing.reason != _CAPPED:
        return False
    return _amount(rule, rule.below_micros - 1, _room(book, tenant).micros, tenant.currency) <= 0


def card_of(tenant: Tenant, *, may_buy: bool) -> str:
    """The fingerprint of the card that a recharge would be paid with now; "" where none would be made."""
    method = method_of(tenant, tenant.auto_recharge.method)
    return method.fingerprint if may_buy and is_on(tenant) and method is not None else ""


def _amount(rule: AutoRecharge, available: int, room: int, currency: str) -> int:
    least, most, coin = payment_limits(rule, currency)
    return recharge_micros(
        available, rule.below_micros, rule.add_micros, room, least, rule.target_micros, most, coin
    )


def _room(book: Book, tenant: Tenant) -> _Room:
    """What the caps leave now. Only settled recharges count: nothing else is in flight when it is asked."""
    rule, standing, now_us = tenant.auto_recharge, book.standing, book.last_us
    if 0 < rule.payments_a_day <= len(standing.paid_us):
        oldest_us = standing.paid_us[-rule.payments_a_day]
        if day_opens_us(oldest_us) > now_us:
            return _Room(0, day_opens_us(oldest_us), "day", rule.payments_a_day, oldest_us)
    if rule.cap_per_month_micros is None:
        return _Room(NO_LIMIT, 0, "most", rule.most_micros, 0)
    month = month_of(now_us, tenant.time_zone)
    spent = standing.recharged if standing.month == month else 0
    next_us = month_start_us(month + 1, tenant.time_zone)
    return _Room(rule.cap_per_month_micros - spent, next_us, "month", rule.cap_per_month_micros, month)


def room_micros(book: Book, tenant: Tenant) -> int:
    """The most that one recharge may come to now: its caps and the maximum of one payment (recharge.md 4)."""
    room, most = _room(book, tenant).micros, tenant.auto_recharge.most_micros
    return min(room, most) if most > 0 else room


def _armed_again(book: Book, method: PaymentMethod | None) -> None:
    """Another card ends a pause; the same one attached again does not (recharge.md 7)."""
    standing = book.standing
    if standing.suspended and method is not None and method.fingerprint != standing.suspended_card:
        arm(book, method_text(method))


def arm(book: Book, method: str) -> None:
    """Ends a pause of the rule, and tells it."""
    book.standing.suspended = book.standing.suspended_card = ""
    book.standing.suspended_us = 0
    book.touch_standing()
    book.notice("recharge_recovered", {"method": method})


def failed(book: Book, failures: int, card: str, not_before_us: int) -> None:
    """Keeps how far up the ladder a card is, for whatever attempt comes next (recharge.md 6)."""
    standing = book.standing
    standing.failures, standing.failed_card, standing.not_before_us = failures, card, not_before_us
    book.touch_standing()


def passed(book: Book) -> None:
    """The ladder ends: something was paid, or the rule was paused."""
    if book.standing.failures:
        failed(book, 0, "", 0)


def suspend(book: Book, reason: str, card: str) -> None:
    """Pauses the rule, and tells it; the page says "on, but paused" until it is armed again."""
    passed(book)
    standing = book.standing
    standing.suspended, standing.suspended_card, standing.suspended_us = reason, card, book.last_us
    book.touch_standing()
    book.notice("recharge_paused", {"reason": reason, "since_us": book.last_us})


def _attempt(book: Book, rule: AutoRecharge, method: PaymentMethod, amount: int) -> None:
    """Writes an attempt down. By a card that was declined it goes on where the last one left the ladder."""
    standing = book.standing
    name = payment_id(book.tenant, book.next_paper_number("payment"))
    goes_on = standing.failures > 0 and standing.failed_card == method.fingerprint
    body = PaymentBody(
        who="auto-recharge",
        method=rule.method,
        method_text=method_text(method),
        card=method.fingerprint,
        failures=standing.failures if goes_on else 0,
        log=[(book.last_us, f"{format_money(amount)} {book.currency} are needed")],
    )
    due_us = max(book.now_us, standing.not_before_us) if goes_on else book.now_us
    row = Payment(name, Kind.RECHARGE, State.CREATED, book.last_us, due_us, amount, method.gateway, "", "")
    book.put_payment(with_body(row, body))
    standing.attempt, standing.attempt_micros = name, amount
    standing.attempt_card, standing.attempt_due_us = method.fingerprint, due_us
    book.touch_standing()


def due(book: Book, payment: str, due_us: int) -> None:
    """When the attempt is looked at next, as `standing` has it, if this payment is the attempt."""
    if book.standing.attempt == payment and book.standing.attempt_due_us != due_us:
        book.standing.attempt_due_us = due_us
        book.touch_standing()


def _wake(book: Book, why: Why, room: _Room) -> None:
    """The end of a cool-down or of a capped period wakes the rule (recharge.md 2)."""
    wake_us = 0
    if why is Why.COOLING_DOWN:
        wake_us = book.standing.cool_until_us
    elif why is Why.CAPPED:
        wake_us = room.wake_us
    if wake_us != book.standing.wake_us:
        book.standing.wake_us = wake_us
        book.touch_standing()


def _tell_cap(book: Book, room: _Room) -> None:
    """A cap that is met is told once a period (recharge.md 3)."""
    prefix, told = f"cap_met/{room.met}/", book.standing.told
    key = f"{prefix}{room.period}"
    if key not in told:
        for past in [known for known in told if known.startswith(prefix)]:
            del told[past]
        told[key] = book.last_us
        book.touch_standing()
        book.notice("cap_met", {"which": room.met, "cap": room.cap})


def _say(book: Book, why: Why, available: int) -> None:
    reason = REASONS[why]
    if reason == book.standing.reason:
        return
    book.standing.reason = reason
    payment = book.standing.attempt if why is Why.IN_FLIGHT else ""
    detail = book.standing.suspended if why is Why.SUSPENDED else ""
    write_turn(book, Turn(book.last_us, reason, available, payment, detail))


def write_turn(book: Book, turn: Turn) -> None:
    """Adds a line to the timeline of the rule."""
    number = book.next_paper_number(TIMELINE)
    text = msgspec.json.encode(turn).decode()
    book.put_paper(Paper(TIMELINE, f"{number:012}", book.last_us, text))


def closed(book: Book, payment: str) -> None:
    """The attempt of this id is resolved: the next one may be made."""
    if book.standing.attempt == payment:
        standing = book.standing
        standing.attempt = standing.attempt_card = ""
        standing.attempt_micros = standing.attempt_due_us = 0
        book.touch_standing()


def recharged(book: Book, rule: AutoRecharge, amount: int, time_zone: str) -> None:
    """Counts a recharge that was paid against its caps, and begins the cool-down."""
    standing, now_us = book.standing, book.last_us
    month = month_of(now_us, time_zone)
    standing.recharged = amount + (standing.recharged if standing.month == month else 0)
    standing.month = month
    standing.paid_us = [at_us for at_us in standing.paid_us if day_opens_us(at_us) > now_us] + [now_us]
    standing.cool_until_us = cooled_us(now_us, rule.cool_down_s)
    book.touch_standing()
