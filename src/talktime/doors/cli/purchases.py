"""`talktime credits buy|refund|payments`: money that comes by card and goes back, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING

from talktime.doors.cli.engine import Working, office, typist, working
from talktime.doors.cli.listing import (
    amount,
    facts,
    listed,
    local,
    micros_of,
    our_screen,
    print_answer,
    print_answers,
    say,
    zone_note,
)
from talktime.doors.cli.problems import Unusable
from talktime.doors.cli.screen import money
from talktime.doors.cli.tenants import done

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.doors.cli.options import Asked
    from talktime.funding.purchasing import Bought
    from talktime.ledger.commands import Refused
    from talktime.ledger.records import Payment


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody typed: an amount as text; of a refund the payment and why. `key` "": a new request."""

    amount: str
    method: str = ""
    purchase_order: str = ""
    key: str = ""
    payment: str = ""
    reason: str = ""


def buy_command(asked: Asked, wanted: Wanted) -> int:
    """Buys credits with a card."""
    from talktime.funding.purchasing import Order

    micros = micros_of(wanted.amount, "AMOUNT")

    async def buy(here: Working) -> tuple[Tenant, Bought]:
        tenant = here.tenant(asked.tenant)
        order = Order(
            tenant=tenant.id,
            amount=micros,
            currency=tenant.currency,
            key=wanted.key or token_hex(16),
            who=typist().who,
            method=wanted.method,
            purchase_order=wanted.purchase_order,
        )
        return tenant, done(_by_key(await here.purchasing.buy(order)))

    tenant, bought = working(asked.database, buy)
    return _told(asked, tenant, bought)


def refund_command(asked: Asked, wanted: Wanted) -> int:
    """Pays back a payment or a part of it."""
    from talktime.funding.purchasing import Order

    micros = micros_of(wanted.amount, "AMOUNT")

    async def pay_back(here: Working) -> tuple[Tenant, Bought]:
        tenant = here.tenant(asked.tenant)
        order = Order(tenant.id, micros, tenant.currency, wanted.key or token_hex(16), typist().who)
        refund = here.purchasing.refund
        return tenant, done(_by_key(await refund(tenant.id, wanted.payment, order, wanted.reason)))

    tenant, bought = working(asked.database, pay_back)
    return _told(asked, tenant, bought)


def resolve_command(asked: Asked, wanted: Wanted) -> int:
    """Resolves a payment after somebody has looked at the gateway; `key` is the gateway's own id."""
    from talktime.doors.http.management.shown_money import payment_shown
    from talktime.funding.by_hand import ResolvePayment

    async def resolve(here: Working) -> tuple[Tenant, Payment]:
        tenant, taken = here.tenant(asked.tenant), bool(wanted.key)
        told = ResolvePayment(tenant.id, wanted.payment, taken, typist().who, wanted.reason, wanted.key)
        return tenant, done(await here.purchasing.resolve(told))

    tenant, payment = working(asked.database, resolve)
    if asked.as_json:
        print_answer(payment_shown(payment, tenant.currency))
    else:
        say(f"payment {payment.payment}: {payment.state}")
    return 0


def _by_key(outcome: Bought | Refused) -> Bought | Refused:
    """The outcome; what the API calls Idempotency-Key is an option here."""
    from talktime.ledger.commands import Refused

    if isinstance(outcome, Refused):
        return Refused(outcome.code, outcome.detail.replace("Idempotency-Key", "--key"))
    return outcome


def _told(asked: Asked, tenant: Tenant, bought: Bought) -> int:
    """What became of it. Raises Unusable with the bank's reason where it declined."""
    from talktime.catalog.declines import load_declines
    from talktime.doors.http.management.shown_money import payment_shown
    from talktime.funding.payments import State, body_of

    payment = bought.payment
    if payment.state in (State.DECLINED, State.CANCELLED):
        known = load_declines().of(body_of(payment).code)
        raise Unusable(f"payment {payment.payment}: {payment.state}: {known.means} {known.do}")
    if asked.as_json:
        print_answer(payment_shown(payment, tenant.currency))
        return 0
    for line in _sentences(payment, tenant, repeated=bought.repeated):
        say(line)
    return 0


def _sentences(payment: Payment, tenant: Tenant, *, repeated: bool) -> list[str]:
    from talktime.funding.payments import Kind, State, body_of

    body, zone = body_of(payment), tenant.time_zone
    what = amount(payment.amount, tenant.currency)
    again = "; the same key had asked for it before" if repeated else ""
    if payment.state == State.REQUIRES_ACTION:
        lines = [f"{what}: the holder of the card has to confirm it{again}"]
        lines += [body.url] if body.url else []
    elif payment.state != State.SETTLED:
        lines = [f"{what}: nobody can say yet whether it was paid; it is credited once if it was{again}"]
    elif payment.kind == Kind.REFUND:
        lines = [f"{what} are paid back, credit note {body.receipt}{again}"]
    else:
        tax = f", {amount(body.gross, tenant.currency)} with taxes" if body.gross > payment.amount else ""
        until = local(body.expires_us, zone)
        lines = [
            f"{what} bought{tax} with {body.method_text}: lot {body.lot}, good until {until} ({zone}){again}",
            f"receipt {body.receipt}",
        ]
    return [*lines, f"payment {payment.payment}"]


def payments_command(asked: Asked, limit: int) -> int:
    """Lists payments and refunds, newest first."""
    from talktime.core.limits import NEVER_US
    from talktime.doors.http.management.shown_money import payment_line

    with office(asked.database) as here:
        tenant = here.tenant(asked.tenant)
        found = here.reader.payments(tenant.id, (NEVER_US, ""), limit)
    if asked.as_json:
        print_answers("payments", [payment_line(payment, tenant.currency) for payment in found])
        return 0
    screen = our_screen()
    if not found:
        screen.say("no payments yet; `talktime credits buy AMOUNT` makes one")
        return 0
    rows = [
        (
            local(payment.at_us, tenant.time_zone),
            payment.kind.replace("_", " "),
            payment.state.replace("_", " "),
            money(payment.amount),
            payment.payment,
        )
        for payment in found
    ]
    headings = ("at", "kind", "state", tenant.currency, "payment")
    listed(screen, headings, rows, right=(tenant.currency,), whole=("at", "payment"))
    zone_note(screen, tenant.time_zone)
    return 0


def payment_command(asked: Asked, name: str) -> int:
    """Shows one payment with what happened to it."""
    from talktime.doors.http.management.shown_money import payment_shown

    with office(asked.database) as here:
        tenant = here.tenant(asked.tenant)
        payment = here.reader.payment(tenant.id, name)
    if payment is None:
        raise Unusable(f"there is no payment {name!r}; `talktime credits payments` shows them")
    if asked.as_json:
        print_answer(payment_shown(payment, tenant.currency))
    else:
        show_payment(payment, tenant)
    return 0


def show_payment(payment: Payment, tenant: Tenant) -> None:
    """A payment and its log, oldest first."""
    from talktime.funding.payments import body_of

    body, currency, zone = body_of(payment), tenant.currency, tenant.time_zone
    screen = our_screen()
    facts(
        screen,
        [
            ("payment", payment.payment),
            ("kind", payment.kind.replace("_", " ")),
            ("state", payment.state.replace("_", " ")),
            ("amount", amount(payment.amount, currency)),
            ("with taxes", amount(body.gross, currency) if body.gross > payment.amount else ""),
            ("card", body.method_text),
            ("asked by", body.who),
            ("of payment", body.of),
            ("reason", body.reason),
            ("paper", body.receipt),
            ("lot", str(body.lot or "")),
            ("paid back", amount(body.returned, currency) if body.returned else ""),
            ("dispute", body.dispute),
            ("confirm at", body.url if payment.state == "requires_action" else ""),
        ],
    )
    screen.title("What happened")
    listed(screen, ("", ""), [(local(at_us, zone), says) for at_us, says in body.log], whole=("",))
    zone_note(screen, zone)
