"""Payments and receipts: every payment and refund with what happened to it, and the papers of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from nicegui import ui

from talktime.client.management.money import made_key
from talktime.doors.admin.kit.act import asked, tell_then
from talktime.doors.admin.kit.fields import Form, money_field, text_field
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import (
    Cell,
    Column,
    anchor,
    card,
    facts,
    heading,
    link,
    more,
    pager,
    row,
    table,
    table_markup,
    tabs,
    text,
)
from talktime.doors.admin.money_parts import PAGE, decline_of, hidden, paper, payment_link, state, words
from talktime.doors.admin.page import Visit, page

if TYPE_CHECKING:
    from talktime.client.management.answers_money import Payment, PaymentLine
    from talktime.client.management.answers_papers import PaperLine
    from talktime.client.management.money import PaymentKind

KINDS = ("purchase", "recharge", "on_behalf", "refund")


@page("/tenants/{tenant}/credits/payments", title="Payments and receipts", needs="see_receipts")
async def payments(at: Visit) -> None:
    """One payment where the address names it; then one of the lists."""
    if at.query.get("payment"):
        await _payment(at, at.query["payment"])
    view = at.query.get("view", "payments")
    with card():
        tabs(
            "Lists of payments",
            [
                (label, at.link("credits/payments", view=name), view == name)
                for name, label in (
                    ("payments", "Payments"),
                    ("receipts", "Receipts"),
                    ("credit-notes", "Credit notes"),
                )
            ],
        )
        if view == "receipts":
            await _receipts(at)
        elif view == "credit-notes":
            await _credit_notes(at)
        else:
            await _payments(at)


async def _payments(at: Visit) -> None:
    kind = at.query.get("kind", "")
    chosen = cast("PaymentKind", kind) if kind in KINDS else None
    cursor = at.query.get("cursor", "")
    tabs(
        "Kinds of payments",
        [("All", at.here(kind=None, cursor=None, payment=None), chosen is None)]
        + [(words(one), at.here(kind=one, cursor=None, payment=None), one == chosen) for one in KINDS],
    )
    found = await at.tenant.payments.pages(kind=chosen, limit=PAGE, cursor=cursor).first()
    table(
        [
            Column("When", "time"),
            Column("What", "time"),
            Column("Credits", "figure"),
            Column("Paid", "figure"),
            "State",
            Column("Card", "time"),
            Column("Paper", "time"),
            Column("", "action"),
        ],
        [_line(at, one) for one in found.items],
        "Payments and refunds, newest first",
        nothing="There is no payment here yet.",
    )
    pager(at.here(cursor=None) if cursor else "", at.here(cursor=found.next) if found.next else "")


def _line(at: Visit, one: PaymentLine) -> list[Cell]:
    papers = "credit-notes" if one.of is not None else "receipts"
    return [
        at.when(one.at),
        words(one.kind),
        at.money(one.amount, one.currency),
        at.money(one.gross, one.currency),
        state(one.state),
        one.method or "—",
        paper(at, papers, one.paper),
        anchor(hidden("Details", f" of {one.payment}"), at.here(payment=one.payment)),
    ]


async def _receipts(at: Visit) -> None:
    cursor = at.query.get("cursor", "")
    found = await at.tenant.receipts.pages(limit=PAGE, cursor=cursor).first()
    _papers(at, "receipts", "Receipts, newest first", found.items, "A receipt comes with every payment.")
    pager(at.here(cursor=None) if cursor else "", at.here(cursor=found.next) if found.next else "")


async def _credit_notes(at: Visit) -> None:
    cursor = at.query.get("cursor", "")
    found = await at.tenant.credit_notes.pages(limit=PAGE, cursor=cursor).first()
    _papers(at, "credit-notes", "Credit notes, newest first", found.items, "Nothing was refunded yet.")
    pager(at.here(cursor=None) if cursor else "", at.here(cursor=found.next) if found.next else "")


def _papers(at: Visit, kind: str, caption: str, found: tuple[PaperLine, ...], nothing: str) -> None:
    table(
        [
            "Number (PDF)",
            Column("When", "time"),
            Column("Net", "figure"),
            Column("Total", "figure"),
            Column("", "action"),
        ],
        [
            [
                paper(at, kind, one.number),
                at.when(one.at),
                at.money(one.net, one.currency),
                at.money(one.gross, one.currency),
                anchor(hidden("Payment", f" of {one.number}"), at.here(payment=one.payment))
                if one.payment
                else "—",
            ]
            for one in found
        ],
        caption,
        nothing=nothing,
    )


# --- one payment -------------------------------------------------------------------------------------------


async def _payment(at: Visit, name: str) -> None:
    found = await at.tenant.payments.get(name)
    with card(f"{words(found.kind)} of {found.currency} {found.amount}"):
        facts(_facts(at, found))
        if found.decline is not None and found.state != "settled":
            said("warning", decline_of(found))
        if found.url is not None:
            link("Confirm the payment", found.url, is_main=True)
        if found.dispute is not None:
            said("warning", f"The payment is disputed: {found.dispute.state}.")
        lines = [[at.when(line.at), line.says] for line in found.log]
        more("What happened to it", table_markup(["When", "What"], lines, "Log of the payment"))
        with row():
            link("Close", at.here(payment=None), as_button=True)
        if at.may("refund") and found.of is None and found.state == "settled":
            _refund(at, found)


def _facts(at: Visit, found: Payment) -> list[tuple[str, Cell]]:
    pairs: list[tuple[str, Cell]] = [
        ("State", state(found.state)),
        ("When", at.when(found.at)),
        ("Credits", at.money(found.amount, found.currency)),
    ]
    pairs += [
        (f"{one.name} {one.percent} % ({one.country})", at.money(one.tax, found.currency))
        for one in found.taxes
    ]
    pairs += [
        ("Paid in all", at.money(found.gross, found.currency)),
        ("Card", found.method or "—"),
        ("Asked for by", found.who),
        ("At the gateway", f"{found.gateway} {found.gateway_payment}".strip()),
        ("Tries", str(found.tries)),
    ]
    if found.next_try_at is not None:
        pairs.append(("Tried again", at.when(found.next_try_at)))
    if found.refunded:
        pairs.append(("Refunded", at.money(found.refunded, found.currency)))
    if found.of is not None:
        pairs.append(("Refund of", payment_link(at, found.of)))
    if found.reason:
        pairs.append(("Reason", found.reason))
    if found.lot is not None:
        pairs.append(("Lot", anchor(str(found.lot), at.link("credits", view="lots"))))
        pairs.append(("Credits expire", at.day(found.expires_at)))
    pairs.append(("Paper", paper(at, "credit-notes" if found.of is not None else "receipts", found.paper)))
    return pairs


def _refund(at: Visit, found: Payment) -> None:
    heading("Refund")
    text("Up to what is left of its lot; the credit note says the reason.", small=True)
    key = made_key()
    with ui.element("div").classes("tt-form"):
        amount = money_field("Amount", found.currency)
        reason = text_field("Reason")

        async def refund() -> None:
            wanted = amount.value.strip()
            sentence = f"{found.currency} {wanted} of credits and their tax go back to {found.method}."
            if not await asked("Refund this payment?", sentence, "Refund"):
                return
            made = await at.tenant.payments.refund(found.payment, wanted, reason.value.strip(), key=key)
            tell_then(
                f"The refund is {words(made.state).lower()}.",
                at.link("credits/payments", payment=made.payment),
            )

        Form(refund, {"amount": amount, "reason": reason}, label="Refund", is_grave=True)
