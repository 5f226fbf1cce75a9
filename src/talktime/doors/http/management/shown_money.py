"""Payments, cards, the rule and papers as answers: field by field, amounts as strings, instants ISO 8601."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from talktime.accounts.calendar import day_name, month_name, to_utc, zone
from talktime.catalog.declines import load_declines
from talktime.core.money import format_decimal, format_money
from talktime.doors.http.management.answers_money import (
    CapsLeftAnswer,
    CourseAnswer,
    DeclineAnswer,
    DisputeAnswer,
    DryRunAnswer,
    ExpiringAnswer,
    LogLine,
    LotLine,
    MethodAnswer,
    ObstacleAnswer,
    PaymentAnswer,
    PaymentLine,
    PostUsageAnswer,
    RechargeAnswer,
    RunwayAnswer,
    TaxAnswer,
    WarningAnswer,
)
from talktime.doors.http.management.answers_papers import (
    BilledAnswer,
    CreditNoteAnswer,
    InvoiceAnswer,
    InvoiceHead,
    MonthAnswer,
    PaperLine,
    ReceiptAnswer,
    SellerAnswer,
)
from talktime.doors.http.management.tables import AutoRechargeTable
from talktime.doors.http.management.texts import instant
from talktime.funding.invoice_views import instant_text, invoice_values, percent_text
from talktime.funding.payments import Kind, State, body_of
from talktime.funding.recharge import method_of
from talktime.insight.held_back import frozen_now
from talktime.notices.texts import load_texts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from talktime.accounts.tenant import PaymentMethod, Tenant
    from talktime.accounts.tenant_tables import Tables
    from talktime.catalog.side_model import Warned
    from talktime.core.alerts import Runway
    from talktime.funding.invoice import Invoice
    from talktime.funding.month_close import MonthClose
    from talktime.funding.payments import PaymentBody
    from talktime.funding.receipt import Billed, CreditNote, Receipt
    from talktime.funding.taxes import Seller, TaxLine
    from talktime.insight.post_usage import Course, Way
    from talktime.insight.recharge_view import RechargeView
    from talktime.ledger.reading import KeptLot
    from talktime.ledger.records import NewLot, Payment


def warnings_shown(warnings: Iterable[Warned]) -> list[WarningAnswer]:
    """Warnings of the catalogue."""
    return [WarningAnswer(id=one.id, says=one.says, remedy=one.remedy) for one in warnings]


def lot_line(lot: NewLot, held: Iterable[KeptLot]) -> LotLine:
    """A lot with what is left of it; `held`: the lots that hold money."""
    kept = next((each for each in held if each.lot == lot.lot), None)
    left, reserved = (0, 0) if kept is None else (kept.left, kept.held)
    return LotLine(
        lot=lot.lot,
        bought_at=instant(lot.bought_us),
        expires_at=instant(lot.expires_us),
        amount=format_money(lot.amount),
        left=format_money(left),
        reserved=format_money(reserved),
        available=format_money(left - reserved),
        origin=lot.origin,
        reference=lot.reference,
        open=kept is not None,
    )


_PERCENT_PLACES: Final = 2


def runway_shown(runway: Runway) -> RunwayAnswer:
    """How fast money is spent and how long it lasts."""
    return RunwayAnswer(
        burn_28=format_money(runway.burn_28),
        burn_7=format_money(runway.burn_7),
        days_28=runway.days_28,
        days_7=runway.days_7,
        days_low=runway.days_low,
        days_expected=runway.days_expected,
        days_high=runway.days_high,
        growth_percent=None if runway.growth is None else format_decimal(runway.growth, _PERCENT_PLACES),
        from_days=runway.from_days,
        left_out=[day_name(day) for day in runway.left_out],
    )


# --- payments --------------------------------------------------------------------------------------------


def payment_line(payment: Payment, currency: str) -> PaymentLine:
    """A payment or a refund."""
    body = body_of(payment)
    waits = payment.state == State.CREATED and body.tries
    acts = payment.state == State.REQUIRES_ACTION and body.url
    return PaymentLine(
        payment=payment.payment,
        kind=payment.kind,
        state=payment.state,
        at=instant(payment.at_us),
        amount=format_money(payment.amount),
        gross=format_money(body.gross or payment.amount),
        currency=currency,
        who=body.who,
        method=body.method_text,
        gateway=payment.gateway,
        gateway_payment=body.gateway_refund or payment.gateway_payment,
        tries=body.tries,
        next_try_at=instant(payment.due_us) if waits else None,
        url=body.url if acts else None,
        decline=_decline(body),
        settled_at=instant(body.settled_us),
        paper=body.receipt or None,
        lot=body.lot or None,
        expires_at=instant(body.expires_us),
        refunded=format_money(body.returned),
        being_refunded=format_money(body.returning),
        dispute=_dispute(body),
        of=body.of or None if payment.kind == Kind.REFUND else None,
        reason=body.reason,
    )


def payment_shown(payment: Payment, currency: str) -> PaymentAnswer:
    """A payment with what happened to it."""
    body = body_of(payment)
    return PaymentAnswer(
        **payment_line(payment, currency).model_dump(),
        taxes=taxes_shown(body.taxes),
        log=[LogLine(at=instant(at_us), says=says) for at_us, says in body.log],
    )


def _decline(body: PaymentBody) -> DeclineAnswer | None:
    if not body.code:
        return None
    known = load_declines().of(body.code)
    return DeclineAnswer(code=body.code, means=known.means, remedy=known.do)


def _dispute(body: PaymentBody) -> DisputeAnswer | None:
    if not body.dispute:
        return None
    return DisputeAnswer(
        state=body.dispute,
        amount=format_money(body.disputed),
        frozen=format_money(frozen_now(body)),
        owed=format_money(body.owed),
    )


def taxes_shown(taxes: Iterable[TaxLine]) -> list[TaxAnswer]:
    """Tax lines of a paper."""
    return [
        TaxAnswer(
            name=line.name,
            country=line.country,
            percent=percent_text(line.rate_ppm),
            net=format_money(line.net),
            tax=format_money(line.tax),
            note=line.note,
        )
        for line in taxes
    ]


def method_shown(method: PaymentMethod, tenant: Tenant) -> MethodAnswer:
    """A card; its token is for the gateway alone."""
    rule = tenant.auto_recharge
    pays = method_of(tenant, rule.method) if rule.enabled else None
    return MethodAnswer(
        id=method.id,
        gateway=method.gateway,
        brand=method.brand,
        last4=method.last4,
        expires=method.expires,
        default=method.default,
        pays_recharge=pays is not None and pays.id == method.id,
    )


def recharge_shown(view: RechargeView, rule: Tables, currency: str) -> RechargeAnswer:
    """The rule and how it stands."""
    caps = view.caps
    return RechargeAnswer(
        rule=AutoRechargeTable.model_validate(rule),
        state=view.state.value,
        says=view.says,
        why=view.why,
        since=instant(view.since_us),
        reason=view.reason or None,
        reason_says=view.reason_says,
        in_flight=None if view.in_flight is None else payment_shown(view.in_flight, currency),
        caps_left=CapsLeftAnswer(
            amount=None if caps.micros is None else format_money(caps.micros),
            month_ends_at=instant(caps.month_ends_us) if caps.micros is not None else None,
            payments=caps.payments,
            next_payment_at=instant(caps.next_payment_us),
        ),
        next_at=instant(view.next_us),
        method=view.method or None,
        warnings=warnings_shown(view.warnings),
    )


# --- papers ----------------------------------------------------------------------------------------------


def _seller(seller: Seller) -> SellerAnswer:
    return SellerAnswer(
        name=seller.name, address=list(seller.address), country=seller.country, tax_id=seller.tax_id
    )


def _billed(billed: Billed) -> BilledAnswer:
    return BilledAnswer(
        name=billed.name,
        address=list(billed.address),
        country=billed.country,
        tax_id=billed.tax_id,
        purchase_order=billed.purchase_order,
    )


def paper_line(paper: Receipt | CreditNote) -> PaperLine:
    """A receipt or credit note in a list."""
    return PaperLine(
        number=paper.number,
        kind=paper.kind,
        at=instant(paper.at_us),
        currency=paper.currency,
        net=format_money(paper.net),
        gross=format_money(paper.gross),
        payment=paper.payment,
    )


def receipt_shown(receipt: Receipt) -> ReceiptAnswer:
    """A receipt."""
    return ReceiptAnswer(
        **paper_line(receipt).model_dump(),
        tenant=receipt.tenant,
        seller=_seller(receipt.seller),
        billed=_billed(receipt.billed),
        taxes=taxes_shown(receipt.taxes),
        method=receipt.method,
        lot=receipt.lot,
        expires_at=instant(receipt.expires_us),
    )


def credit_note_shown(note: CreditNote) -> CreditNoteAnswer:
    """A credit note."""
    return CreditNoteAnswer(
        **paper_line(note).model_dump(),
        tenant=note.tenant,
        receipt=note.receipt,
        receipt_at=instant(note.receipt_at_us),
        seller=_seller(note.seller),
        billed=_billed(note.billed),
        taxes=taxes_shown(note.taxes),
        method=note.method,
        reason=note.reason,
    )


def invoice_head(invoice: Invoice) -> InvoiceHead:
    """An invoice in a list."""
    return InvoiceHead(
        number=invoice.number,
        issued=instant_text(invoice.at_us),
        month=month_name(invoice.month),
        currency=invoice.currency,
        net=format_money(invoice.net),
        gross=format_money(invoice.gross),
    )


def invoice_shown(invoice: Invoice) -> InvoiceAnswer:
    """An invoice with its lines."""
    return InvoiceAnswer.model_validate(invoice_values(invoice))


def month_shown(close: MonthClose, *, repeated: bool = False) -> MonthAnswer:
    """A month that was closed."""
    return MonthAnswer(
        month=month_name(close.month),
        up_to=close.cut,
        after=close.previous_cut,
        invoice=close.invoice or None,
        closed_at=instant(close.at_us),
        repeated=repeated,
    )


# --- the way to post-usage -------------------------------------------------------------------------------


def post_usage_shown(way: Way, balance: int, tenant: Tenant) -> PostUsageAnswer:
    """How a tenant stands on the way to post-usage."""
    run = way.dry_run
    return PostUsageAnswer(
        mode=way.mode.name.lower(),
        mode_says=load_texts().modes[way.mode.name.lower()],
        billing_account=way.account or None,
        enabled=way.enabled if way.account else None,
        can_switch=way.can_switch,
        against=[ObstacleAnswer(code=one.code, why=one.why, remedy=one.remedy) for one in way.against],
        warnings=warnings_shown(way.warnings),
        notes=list(way.notes),
        dry_run=DryRunAnswer(
            balance=format_money(balance),
            currency=tenant.currency,
            earliest=day_name(run.ends.earliest),
            expected=day_name(run.ends.expected),
            latest=day_name(run.ends.latest),
            courses=[_course(one, tenant.time_zone) for one in run.courses],
            left_over=way.left_over,
        ),
    )


def _course(course: Course, time_zone: str) -> CourseAnswer:
    return CourseAnswer(
        days=course.days,
        burn_a_day=format_money(course.burn),
        ends_at=instant(course.ends_us),
        ends_on=local_day(course.ends_us, time_zone),
        spent=format_money(course.spent),
        forfeited=format_money(course.forfeited),
        expiring=[
            ExpiringAnswer(lot=one.lot, amount=format_money(one.micros), expires_at=instant(one.expires_us))
            for one in course.expiring
        ],
    )


def local_day(at_us: int, time_zone: str) -> str:
    """`2026-03-01`: the day of an instant in a time zone."""
    return to_utc(at_us).astimezone(zone(time_zone)).date().isoformat()
