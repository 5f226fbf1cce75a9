"""How auto-recharge stands, for people: on, off or paused and why, what is on its way, what the caps leave.

Worked out from the tenant's settings and from what the last transaction saw; nothing is decided here
(recharge.md 7 and 8).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from talktime.accounts.calendar import month_of, month_start_us, to_utc, zone
from talktime.accounts.eligibility import recharge_warnings
from talktime.accounts.tenant import ACTIVE, Tenant
from talktime.catalog.declines import decline_sentence
from talktime.core.recharge import Why, day_opens_us
from talktime.funding.payments import State
from talktime.funding.recharge import Turn, method_of, method_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from talktime.catalog.model import Catalogue
    from talktime.catalog.side_model import Warned
    from talktime.ledger.records import Paper, Payment, Standing

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

REASONS: Final[Mapping[str, str]] = {
    Why.NOT_ARMED.name.lower(): "the rule is off",
    Why.IN_FLIGHT.name.lower(): "a payment is on its way",
    Why.ABOVE_TRIGGER.name.lower(): "enough is available",
    Why.SUSPENDED.name.lower(): "paused since a card was declined",
    Why.TENANT_NOT_ACTIVE.name.lower(): "the tenant is not active",
    Why.NOT_ELIGIBLE.name.lower(): "the tenant may not buy credits any more",
    Why.NO_PAYMENT_METHOD.name.lower(): "there is no card to pay with",
    Why.COOLING_DOWN.name.lower(): "it waits a while after the last payment",
    Why.CAPPED.name.lower(): "a cap is met",
}
"""Why the rule does not pay, in words; `pays` never stands in a timeline."""

STATES: Final[Mapping[State, str]] = {
    State.CREATED: "not sent yet",
    State.SUBMITTED: "sent to the gateway",
    State.REQUIRES_ACTION: "the holder of the card has to confirm it",
    State.UNKNOWN: "nobody knows yet what became of it",
    State.SETTLED: "paid",
    State.DECLINED: "declined",
    State.CANCELLED: "cancelled",
}
"""Where a recharge stands, in words."""

_turn: Final = msgspec.json.Decoder(Turn)


class Armed(StrEnum):
    """Where the rule stands."""

    ARMED = "armed"
    OFF = "off"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class CapsLeft:
    """What the caps leave now: micros in this month and payments in 24 hours, None where nothing limits them.

    Payments on their way count. The instants are when each leaves more, 0 where that is not known.
    """

    micros: int | None
    month_ends_us: int
    payments: int | None
    next_payment_us: int


@dataclass(frozen=True, slots=True)
class RechargeView:
    """How the rule stands. `says` is a short sentence, `why` the longer one where it is paused, else "".

    `since_us`: since when it has been so, 0 where nobody looked yet. `reason`: why it did not pay when it was
    last looked at, `reason_says` in words. `next_us`: when something is tried or looked at next, 0: on the
    next change of what is available.
    """

    state: Armed
    says: str
    why: str
    since_us: int
    reason: str
    reason_says: str
    in_flight: Payment | None
    caps: CapsLeft
    next_us: int
    method: str
    warnings: tuple[Warned, ...]


def recharge_view(
    tenant: Tenant,
    standing: Standing,
    turn: Turn | None,
    attempt: Payment | None,
    catalogue: Catalogue,
    now_us: int,
) -> RechargeView:
    """`turn`: the newest line of the timeline; `attempt`: the payment on its way, None for none."""
    rule = tenant.auto_recharge
    method = method_of(tenant, rule.method)
    state = Armed.OFF if not rule.enabled else Armed.PAUSED if standing.suspended else Armed.ARMED
    since_us = standing.suspended_us if state is Armed.PAUSED else 0 if turn is None else turn.at_us
    return RechargeView(
        state=state,
        says=_says(tenant, standing, state, has_method=method is not None, now_us=now_us),
        why=decline_sentence(standing.suspended) if state is Armed.PAUSED else "",
        since_us=since_us,
        reason=standing.reason,
        reason_says=REASONS.get(standing.reason, ""),
        in_flight=attempt,
        caps=caps_left(tenant, standing, now_us),
        next_us=_next_us(standing, attempt),
        method="" if method is None else method_text(method),
        warnings=recharge_warnings(tenant, catalogue),
    )


def _says(tenant: Tenant, standing: Standing, state: Armed, *, has_method: bool, now_us: int) -> str:
    if state is Armed.OFF:
        return "off"
    if state is Armed.PAUSED:
        day = short_day(standing.suspended_us, now_us, tenant.time_zone)
        return f"on, but paused: card declined on {day}"
    if tenant.status != ACTIVE:
        return f"on, but the tenant is {tenant.status}"
    if standing.reason == Why.NOT_ELIGIBLE.name.lower():
        return "on, but the tenant may not buy credits any more"
    return "on" if has_method else "on, but there is no card to pay with"


def short_day(at_us: int, now_us: int, time_zone: str) -> str:
    """`21 Nov`, in another year than now's `21 Nov 2025`."""
    day, today = (to_utc(each).astimezone(zone(time_zone)) for each in (at_us, now_us))
    text = f"{day.day} {_MONTHS[day.month - 1]}"
    return text if day.year == today.year else f"{text} {day.year}"


def caps_left(tenant: Tenant, standing: Standing, now_us: int) -> CapsLeft:
    """What the caps leave; what is on its way counts as if it were paid (recharge.md 4)."""
    rule = tenant.auto_recharge
    month = month_of(now_us, tenant.time_zone)
    micros = None
    if rule.cap_per_month_micros is not None:
        paid = standing.recharged if standing.month == month else 0
        micros = max(rule.cap_per_month_micros - paid - standing.attempt_micros, 0)
    payments, next_us = None, 0
    if rule.payments_a_day:
        recent = [at_us for at_us in standing.paid_us if day_opens_us(at_us) > now_us]
        payments = max(rule.payments_a_day - len(recent) - bool(standing.attempt), 0)
        next_us = day_opens_us(min(recent)) if recent and not payments else 0
    return CapsLeft(micros, month_start_us(month + 1, tenant.time_zone), payments, next_us)


def _next_us(standing: Standing, attempt: Payment | None) -> int:
    if attempt is not None:
        return standing.attempt_due_us if attempt.state == State.CREATED else 0
    return standing.wake_us


def turn_of(paper: Paper) -> Turn:
    """A line of the timeline. Raises msgspec.ValidationError."""
    return _turn.decode(paper.document)


def turn_says(turn: Turn) -> str:
    """A line of the timeline in words."""
    says = REASONS.get(turn.reason, turn.reason.replace("_", " "))
    return f"{says}: {decline_sentence(turn.detail)}" if turn.detail else says
