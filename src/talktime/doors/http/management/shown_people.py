"""People, rights and notices as answers: field by field, amounts as decimal strings, instants ISO 8601."""

from __future__ import annotations

from typing import TYPE_CHECKING

from talktime.catalog.side import load_roles
from talktime.core.money import format_money
from talktime.doors.http.management.answers_people import (
    ApprovalAnswer,
    BurnAnswer,
    CommentAnswer,
    DeliveryAnswer,
    FeatureAnswer,
    NeededAnswer,
    NoticeAnswer,
    ReasonAnswer,
    TicketAnswer,
    TicketLine,
    WaiverAnswer,
    WayAnswer,
    WebhookAnswer,
    WholeNoticeAnswer,
)
from talktime.doors.http.management.shown_money import runway_shown
from talktime.doors.http.management.texts import instant
from talktime.ledger.deliveries import FAILED, SENT, WAITING
from talktime.notices.message import message
from talktime.notices.recipients import told_roles

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from talktime.accounts.approvals import Approval
    from talktime.accounts.needs import Needed, Needs, Reason
    from talktime.accounts.tenant import Tenant, Waiver
    from talktime.accounts.tickets import Comment, Ticket
    from talktime.core.alerts import Runway
    from talktime.ledger.deliveries import KeptDelivery
    from talktime.ledger.reading import KeptNotice, KeptWallet
    from talktime.notices.webhooks import Webhook
    from talktime.notices.wording import Wording


def approval_shown(approval: Approval) -> ApprovalAnswer:
    """An adjustment that waits or waited."""
    return ApprovalAnswer(
        id=approval.id,
        amount=format_money(approval.amount),
        reason=approval.reason,
        reference=approval.reference,
        state=approval.state.value,
        asked_by=approval.asked_who,
        asked_at=instant(approval.at_us),
        decided_by=approval.decided_who or None,
        decided_at=instant(approval.decided_us),
        answer=approval.answer,
    )


def waiver_shown(waiver: Waiver) -> WaiverAnswer:
    """An exception to a rule."""
    return WaiverAnswer(
        rule=waiver.rule, reason=waiver.reason, until=instant(waiver.until_us), granted_by=waiver.who
    )


def needed_shown(needed: Needed, *, with_names: bool) -> NeededAnswer:
    """Whether credits are needed; the users behind a reason only for those who may see users."""
    return NeededAnswer(
        needed=needed.needed,
        sentence=needed.sentence,
        post_usage=needed.post_usage,
        only_after_pools=needed.only_after_pools,
        reasons=[_reason(reason, with_names) for reason in needed.reasons],
    )


def _reason(reason: Reason, with_names: bool) -> ReasonAnswer:
    return ReasonAnswer(
        id=reason.id,
        says=reason.says,
        keeps=reason.keeps,
        money=reason.money,
        count=len(reason.who),
        who=list(reason.who) if with_names else None,
        unlicensed=list(reason.unlicensed) if with_names else None,
    )


def feature_shown(needs: Needs) -> FeatureAnswer:
    """What a feature needs."""
    return FeatureAnswer(
        id=needs.feature,
        name=needs.name,
        ways=[
            WayAnswer(
                licences=[list(choice) for choice in way.licences],
                holder=way.holder,
                money=way.money,
                sentence=way.sentence,
            )
            for way in needs.ways
        ],
    )


def ticket_line(ticket: Ticket) -> TicketLine:
    """A support ticket in a list."""
    return TicketLine(
        id=ticket.id,
        case=ticket.rule,
        subject=ticket.subject,
        state=ticket.state.value,
        opened_at=instant(ticket.at_us),
        opened_by=ticket.who,
        closed_at=instant(ticket.closed_us),
        closed_by=ticket.closed_by or None,
    )


def ticket_shown(ticket: Ticket) -> TicketAnswer:
    """A support ticket with what was said."""
    return TicketAnswer(
        **ticket_line(ticket).model_dump(),
        text=ticket.text,
        comments=[_comment(one) for one in ticket.comments],
        facts=ticket.facts,
    )


def _comment(comment: Comment) -> CommentAnswer:
    return CommentAnswer(at=instant(comment.at_us), who=comment.who, text=comment.text)


def notice_shown(
    notice: KeptNotice, deliveries: Sequence[KeptDelivery], own: Tenant, wording: Wording
) -> NoticeAnswer:
    """A notice with whom it went to."""
    said = message(wording, own, notice.kind, notice.at_us, notice.body, "")
    return NoticeAnswer(**_notice_fields(notice, deliveries, own, wording), subject=said.subject)


def whole_notice(
    notice: KeptNotice, deliveries: Sequence[KeptDelivery], own: Tenant, wording: Wording
) -> WholeNoticeAnswer:
    """The same with the text of its mail."""
    said = message(wording, own, notice.kind, notice.at_us, notice.body, "")
    return WholeNoticeAnswer(
        **_notice_fields(notice, deliveries, own, wording),
        subject=said.subject,
        message=said.text(),
        roles=sorted(told_roles(own, notice.kind, load_roles())),
    )


def _notice_fields(
    notice: KeptNotice, deliveries: Sequence[KeptDelivery], own: Tenant, wording: Wording
) -> dict[str, Any]:
    return {
        "id": notice.id,
        "at": instant(notice.at_us),
        "kind": notice.kind,
        "state": _state(notice, deliveries),
        "facts": wording.data(own, notice.body),
        "deliveries": [_delivery(one) for one in deliveries],
    }


def sent_again(notice: int) -> str:
    """What the audit log says of a notice that somebody has sent once more."""
    return f"notice {notice} sent again"


def _state(notice: KeptNotice, deliveries: Sequence[KeptDelivery]) -> str:
    """How far a notice is as a whole: told once somebody has it and nobody waits."""
    states = {one.state for one in deliveries}
    if not notice.done_us or WAITING in states:
        return WAITING
    if not states:
        return "nobody_to_tell"
    return "told" if SENT in states else FAILED


def _delivery(delivery: KeptDelivery) -> DeliveryAnswer:
    return DeliveryAnswer(
        channel=delivery.channel,
        recipient=delivery.recipient,
        state=delivery.state,
        tries=delivery.tries,
        due_at=instant(delivery.due_us) if delivery.state == WAITING else None,
        sent_at=instant(delivery.sent_us),
        error=delivery.error,
    )


def burn_shown(wallet: KeptWallet, lasts: Runway, limit_days: int) -> BurnAnswer:
    """How long the credits last, and what they are."""
    return BurnAnswer(
        **runway_shown(lasts).model_dump(),
        currency=wallet.currency,
        balance=format_money(wallet.balance),
        available=format_money(wallet.balance - wallet.reserved),
        days=lasts.shortest,
        limit_days=limit_days,
    )


def webhook_fields(webhook: Webhook, now_us: int) -> dict[str, Any]:
    """A webhook without its secrets, as the members of an answer."""
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": list(webhook.events),
        "allow_private": webhook.allow_private,
        "enabled": webhook.is_on,
        "disabled_at": instant(webhook.disabled_us),
        "failing_since": instant(webhook.failing_since_us),
        "made_at": instant(webhook.at_us),
        "secrets": len(webhook.valid_secrets(now_us)),
    }


def webhook_shown(webhook: Webhook, now_us: int) -> WebhookAnswer:
    """A webhook; its secrets are counted, never shown."""
    return WebhookAnswer(**webhook_fields(webhook, now_us))
