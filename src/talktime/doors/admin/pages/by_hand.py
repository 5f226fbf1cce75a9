"""Payments by hand, for people of the provider: money that came by another way, adjustments, two persons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from talktime.client.management.answers_people import Approval
from talktime.client.management.money import made_key
from talktime.doors.admin.kit.act import action, asked, tell_then
from talktime.doors.admin.kit.fields import Form, money_field, text_field
from talktime.doors.admin.kit.show import card, columns, empty, facts, link, pager, row, text
from talktime.doors.admin.money_parts import PAGE, state
from talktime.doors.admin.page import Visit, page

if TYPE_CHECKING:
    from talktime.client.management.answers_money import Adjusted


@page("/tenants/{tenant}/credits/by-hand", title="Payments by hand", needs="record_payment")
async def by_hand(at: Visit) -> None:
    """Record, adjust, and what waits for a second person."""
    with row():
        link("Communication Credits", at.link("credits"), as_button=True)
    with columns():
        _record(at)
        if at.may("adjust"):
            _adjust(at)
    if at.may("see_audit"):
        await _approvals(at)


def _record(at: Visit) -> None:
    key = made_key()
    with card("Record a payment"), ui.element("div").classes("tt-form"):
        text("Money that came by another way than a card opens a lot at once, with a receipt.")
        amount = money_field("Amount", at.words.currency)
        reference = text_field("Reference", hint="Of the transfer; the same one again changes nothing.")

        async def record() -> None:
            wanted = amount.value.strip()
            sentence = f"{at.words.currency} {wanted} of credits are there at once."
            if not await asked("Record this payment?", sentence, "Record", is_grave=False):
                return
            made = await at.tenant.credits.record(
                wanted, at.words.currency, reference=reference.value.strip(), key=key
            )
            tell_then(
                f"Lot {made.lot} {'was open already' if made.repeated else 'is open'}.",
                at.link("credits", view="lots"),
            )

        Form(record, {"amount": amount, "reference": reference}, label="Record")


def _adjust(at: Visit) -> None:
    key = made_key()
    with card("Adjust the balance"), ui.element("div").classes("tt-form"):
        text("Gives credits, or takes them back with an amount below 0. A large one takes a second person.")
        amount = money_field("Amount to give", at.words.currency)
        reason = text_field("Reason")

        async def adjust() -> None:
            wanted = amount.value.strip()
            sentence = (
                f"The balance changes by {at.words.currency} {wanted}; the reason stands in the audit log."
            )
            if not await asked("Adjust the balance?", sentence, "Adjust", is_grave=False):
                return
            made = await at.tenant.credits.adjust(wanted, reason.value.strip(), key=key)
            tell_then(_adjusted(at, made), at.here())

        Form(adjust, {"amount": amount, "reason": reason}, label="Adjust")


def _adjusted(at: Visit, made: Adjusted | Approval) -> str:
    if isinstance(made, Approval):
        return "This amount takes a second person, who approves it below."
    return f"The balance is {at.words.currency} {made.balance}."


async def _approvals(at: Visit) -> None:
    cursor = at.query.get("cursor", "")
    found = await at.tenant.approvals.pages(limit=PAGE, cursor=cursor).first()
    with card("Adjustments for a second person"):
        if not found.items:
            empty("None waits, and none was decided.")
        for one in reversed(found.items):
            _approval(at, one)
        pager(at.here(cursor=None) if cursor else "", at.here(cursor=found.next) if found.next else "")


def _approval(at: Visit, one: Approval) -> None:
    facts(
        [
            (one.id, state(one.state)),
            ("Amount", at.money(one.amount)),
            ("Reason", one.reason),
            ("Asked for by", one.asked_by),
            ("When", at.when(one.asked_at)),
            ("Decided by", one.decided_by or "—"),
        ]
    )
    if one.decided_at is not None or not at.may("approve_adjustment"):
        return

    async def approve() -> None:
        if await asked(
            f"Approve {one.id}?", f"{at.words.currency} {one.amount} are booked.", "Approve", is_grave=False
        ):
            done = await at.tenant.approvals.approve(one.id)
            tell_then(f"Booked; the balance is {at.words.currency} {done.balance}.", at.here())

    async def decline() -> None:
        if await asked(f"Decline {one.id}?", "Nothing is booked.", "Decline"):
            await at.tenant.approvals.decline(one.id, "declined in the admin center")
            tell_then("Declined.", at.here())

    with row():
        action(f"Approve {one.id}", approve, is_main=True)
        action(f"Decline {one.id}", decline)
