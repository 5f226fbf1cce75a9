"""Your products > Communication Credits: what there is, how it is refilled, what changed it and why not."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, cast

from markupsafe import Markup

from talktime.doors.admin.kit.act import action, tell
from talktime.doors.admin.kit.fields import Form, date_field, select_field
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import (
    Cell,
    Column,
    anchor,
    badge,
    card,
    columns,
    empty,
    facts,
    figure,
    link,
    pager,
    row,
    table,
    tabs,
    text,
)
from talktime.doors.admin.money_parts import PAGE, hidden, of_file, opened, paper, state, warn, words
from talktime.doors.admin.page import Visit, page
from talktime.doors.admin.runway_words import ground, until

if TYPE_CHECKING:
    from talktime.client.management.answers_money import Credits, LotLine, Recharge
    from talktime.client.management.answers_overview import Movement
    from talktime.client.management.money import MovementKind
    from talktime.client.management.usage import ExportFormat

KINDS: Final = (
    *("purchase", "recharge", "on_behalf", "adjustment", "calls", "expiry"),
    *("refund", "dispute", "release", "other"),
)
"""Kinds of movements, as the API names them."""

FORMS: Final = {"xlsx": "Export to Excel", "csv": "CSV", "parquet": "Parquet"}
DAYS: Final = 28


@page("/tenants/{tenant}/credits", title="Communication Credits", needs="see_balance")
async def credits(at: Visit) -> None:
    """The balance and the settings, then one of the lists."""
    balance, seen = await asyncio.gather(at.tenant.credits.get(), at.tenant.recharge.get())
    with columns():
        _balance(at, balance)
        _settings(at, seen.value)
    view = at.query.get("view", "movements")
    may_see = at.may("see_receipts")
    entries = [
        ("Movements", at.link("credits"), view == "movements"),
        ("Lots", at.link("credits", view="lots"), view == "lots"),
    ]
    if may_see:
        entries.append(("Recharges", at.link("credits", view="recharges"), view == "recharges"))
        entries.append(("Payments and receipts", at.link("credits/payments"), False))
    with card():
        tabs("Lists of the credits", entries)
        if view == "lots":
            await _lots(at)
        elif view == "recharges" and may_see:
            await _timeline(at)
        else:
            await _movements(at)


# --- what there is -----------------------------------------------------------------------------------------


def _balance(at: Visit, found: Credits) -> None:
    with card("Balance"):
        lasts = f"lasts {until(found.runway, at.today())}" if found.runway_days is not None else ""
        figure("Balance", at.money(found.balance, found.currency), lasts)
        for says in ground(found.runway):
            text(says)
        pairs: list[tuple[str, Cell]] = [
            ("Available", at.money(found.available, found.currency)),
            ("Reserved by calls", at.money(found.reserved, found.currency)),
        ]
        for label, amount in (
            ("Overdraft", found.overdraft),
            ("Held by disputes", found.frozen),
            ("Owed for a lost dispute", found.owed),
        ):
            if amount:
                pairs.append((label, at.money(amount, found.currency)))
        pairs.append(("Calls are funded", opened(found.mode_says)))
        facts(pairs)
        with row():
            if at.may("buy_credits") or at.may("fund_on_behalf"):
                link("Add funds", at.link("credits/add"), is_main=True)
            if at.may("record_payment"):
                link("Payments by hand", at.link("credits/by-hand"), as_button=True)
        warn(found.warnings)


def _settings(at: Visit, found: Recharge) -> None:
    with card("Billing settings"):
        text(Markup("Auto-recharge is <strong>{}</strong>. {}").format(found.says, found.why))
        rule = found.rule
        pairs: list[tuple[str, Cell]] = []
        for label, name in (
            ("When balance is below", "below"),
            ("Add this amount", "add"),
            ("Up to", "target"),
            ("At most a month", "cap_per_month"),
        ):
            amount = cast("dict[str, str]", rule).get(name)
            if amount:
                pairs.append((label, at.money(Decimal(amount))))
        if found.caps_left.amount is not None:
            pairs.append(("Left of it this month", at.money(found.caps_left.amount)))
        if found.reason and found.state != "off":
            pairs.append(("Last looked at", found.reason_says))
        if found.method and found.state != "off":
            pairs.append(("Paid with", found.method))
        facts(pairs)
        if found.in_flight is not None:
            said("note", f"A payment is on its way: {words(found.in_flight.state).lower()}.")
        with row():
            if at.may("turn_auto_recharge_off"):
                link("Edit auto recharge settings", at.link("credits/auto-recharge"), as_button=True)
            if at.may("edit_payment_methods"):
                link("Payment methods", at.link("credits/payment-methods"), as_button=True)


# --- lots --------------------------------------------------------------------------------------------------


async def _lots(at: Visit) -> None:
    found = await at.tenant.credits.lots(limit=PAGE, cursor=at.query.get("cursor", "")).first()
    table(
        [
            Column("Lot", "figure"),
            Column("Bought", "time"),
            "From",
            Column("Amount", "figure"),
            Column("Left", "figure"),
            Column("Reserved", "figure"),
            Column("Expires", "time"),
            "State",
        ],
        [_lot(at, lot) for lot in found.items],
        "Lots of credits, newest first",
        nothing="No credits have been bought yet; Add funds buys the first ones.",
    )
    pager(at.here(cursor=None) if at.query.get("cursor") else "", _next(at, found.next))
    text(
        "What is not spent expires twelve months after it was bought. The oldest lot is spent first.",
        small=True,
    )


def _lot(at: Visit, lot: LotLine) -> list[Cell]:
    return [
        str(lot.lot),
        at.day(lot.bought_at),
        words(lot.origin),
        at.money(lot.amount),
        at.money(lot.left),
        at.money(lot.reserved),
        at.day(lot.expires_at),
        badge("Open", "good") if lot.open else badge("Used up"),
    ]


# --- movements ---------------------------------------------------------------------------------------------


async def _movements(at: Visit) -> None:
    kind = at.query.get("kind", "")
    today = at.today()
    since = _day(at.query.get("since"), today - timedelta(days=DAYS - 1))
    until = _day(at.query.get("until"), today)
    _filter(at, kind, since, until)
    if until < since:
        said("warning", "The last day lies before the first one; choose another span.")
        return
    found = await at.tenant.credits.movements(
        kind=cast("MovementKind", kind) if kind in KINDS else None,
        since=at.words.midnight(since),
        until=at.words.midnight(until + timedelta(days=1)),
        limit=PAGE,
        cursor=at.query.get("cursor", ""),
    ).first()
    table(
        [
            Column("When", "time"),
            Column("What", "time"),
            Column("Amount", "figure"),
            Column("Balance after it", "figure"),
            Column("Lot", "figure"),
            "Reference",
        ],
        [_movement(at, one) for one in found.items],
        "What changed the balance, newest first",
        nothing="Nothing changed the balance in these days. Choose other days, or add funds.",
    )
    pager(at.here(cursor=None) if at.query.get("cursor") else "", _next(at, found.next))
    if found.items and at.may("export_usage"):
        _exports(at, since, until)


def _movement(at: Visit, one: Movement) -> list[Cell]:
    return [
        at.day(one.at) if one.kind == "calls" else at.when(one.at),
        words(one.kind),
        at.money(one.amount),
        at.money(one.balance),
        "—" if one.lot is None else str(one.lot),
        one.reference or "—",
    ]


def _filter(at: Visit, kind: str, since: date, until: date) -> None:
    with row():
        kinds = select_field(
            "Kind", {"": "All", **{each: words(each) for each in KINDS}}, kind if kind in KINDS else ""
        )
        first, last = date_field("From", since), date_field("To", until)

        async def show() -> None:
            for name, field in (("since", first), ("until", last)):
                if not _is_day(field.value):
                    form.refuse("Choose a day, such as 2026-03-01.", name)
                    return
            if last.value < first.value:
                form.refuse("The last day lies before the first one.", "until")
                return
            at.go(at.here(kind=kinds.value, since=first.value, until=last.value, cursor=None))

        form = Form(show, {"since": first, "until": last}, label="Show")


def _exports(at: Visit, since: date, until: date) -> None:
    async def ordered(form: str) -> None:
        order = await at.tenant.exports.order(
            "movements",
            cast("ExportFormat", form),
            since=at.words.midnight(since),
            until=at.words.midnight(until + timedelta(days=1)),
        )
        done = await at.tenant.exports.wait(order.id, limit_s=120, every_s=0.3)
        if done.state != "done":
            tell(done.error or f"The export is {done.state}.", "negative")
            return
        at.go(of_file(at.tenant_id, "exports", order.id, "file"))

    with row():
        for form, label in FORMS.items():
            action(label, lambda form=form: ordered(form))  # type: ignore[misc]
    text("The file has all movements of these days, whatever kind is shown.", small=True)


# --- recharges ---------------------------------------------------------------------------------------------


async def _timeline(at: Visit) -> None:
    found = await at.tenant.recharge.timeline(limit=PAGE, cursor=at.query.get("cursor", "")).first()
    rows: list[list[Cell]] = []
    for line in found.items:
        payment = line.payment
        rows.append(
            [
                at.when(line.at),
                Markup("{} {}").format(
                    line.says[:1].upper() + line.says[1:], state(payment.state) if payment else ""
                ),
                "—" if line.available is None else at.money(line.available),
                "—" if payment is None else at.money(payment.amount),
                "—" if payment is None else paper(at, "receipts", payment.paper),
                ""
                if payment is None
                else anchor(
                    hidden("Details", f" of {payment.payment}"),
                    at.link("credits/payments", payment=payment.payment),
                ),
            ]
        )
    if not rows:
        empty(
            "Auto-recharge has never been on here.",
            anchor("Edit auto recharge settings", at.link("credits/auto-recharge"), as_button=True)
            if at.may("edit_auto_recharge")
            else "",
        )
        return
    table(
        [
            Column("When", "time"),
            "What happened, or why nothing was paid",
            Column("Available then", "figure"),
            Column("Recharge", "figure"),
            Column("Receipt", "time"),
            Column("", "action"),
        ],
        rows,
        "Recharges, and why none happened, newest first",
    )
    pager(at.here(cursor=None) if at.query.get("cursor") else "", _next(at, found.next))


def _next(at: Visit, cursor: str | int | None) -> str:
    return at.here(cursor=cursor) if cursor else ""


def _day(written: str | None, otherwise: date) -> date:
    """A day of the address; the other one where it is none."""
    try:
        return date.fromisoformat(written or "")
    except ValueError:
        return otherwise


def _is_day(written: str | None) -> bool:
    try:
        date.fromisoformat(written or "")
    except ValueError:
        return False
    return True
