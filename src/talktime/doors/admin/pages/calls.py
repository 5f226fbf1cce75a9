"""Calls in progress, live, and the explanation of a call: what was decided, who paid, what was booked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from talktime.doors.admin.kit.act import action
from talktime.doors.admin.kit.fields import Form, on_enter, text_field
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import Cell, Column, badge, card, columns, facts, link, row, table, text
from talktime.doors.admin.live_calls import LiveCalls, category_words, end_asked, release_asked
from talktime.doors.admin.page import Visit, page
from talktime.doors.admin.words import minutes, plain_amount

if TYPE_CHECKING:
    from talktime.client.answers import Rate
    from talktime.client.management.answers_calls import CallFacts, CallStory, Charge
    from talktime.client.management.answers_money import Entry

STATES = {
    "open": ("In progress", "good"),
    "ended": ("Ended", ""),
    "cancelled": ("Not answered", ""),
    "lost": ("Closed without an end of the switch", "warning"),
    "denied": ("Refused", "error"),
    "imported": ("Booked from a file", ""),
}
"""Where a call stands, as the API has it -> the words for it and their kind."""


@page("/tenants/{tenant}/calls", title="Calls in progress", needs="see_usage", wide=True)
async def calls(at: Visit) -> None:
    """Who is on the telephone now, what each call holds, and how to end one."""
    with card():
        await LiveCalls(at).begin()
    with card("Explain a call"):
        text("Every call can say what it cost and why: by its call id, or by the row id of a file.")
        with row():
            field = text_field("Call id")

            async def find() -> None:
                written = (field.value or "").strip()
                if not written:
                    form.refuse("Write the id of a call.", "call")
                    return
                at.go(at.link("calls", written))

            form = Form(find, {"call": field}, label="Explain")
            on_enter(field, find)
            if at.may("see_usage_without_names"):
                link("Usage reports", at.link("reports"), as_button=True)


@page("/tenants/{tenant}/calls/{call:path}", title="A call explained", needs="see_usage")
async def call(at: Visit) -> None:
    """One call: what was decided at its start, how it was charged, corrections, entries."""
    found = await at.tenant.calls.get(at.path["call"])
    _state(at, found)
    if found.facts is not None:
        with columns():
            _who(at, found, found.facts)
            _price(at, found.facts)
    for charge in reversed(found.charges):
        _charge(at, charge, is_newest=charge is found.charges[-1])
    if not found.charges and found.state != "open":
        said("note", "Nothing was charged for this call.")
    if found.entries:
        _entries(at, found.entries)


def _state(at: Visit, found: CallStory) -> None:
    words, kind = STATES.get(found.state, (found.state, ""))
    with card(f"Call {found.call_id}"):
        text(Markup("{}").format(badge(words, kind)))  # type: ignore[arg-type]
        if found.state != "open":
            return
        used, granted = found.used_seconds or 0, found.authorised_seconds or 0
        facts(
            [
                ("Used of granted", f"{minutes(used)} of {minutes(granted)}"),
                ("Counts as lost at", at.when(found.due_at)),
            ]
        )
        if at.may("end_calls"):
            with row():
                action("End", lambda: end_asked(at, found.call_id, lambda: _again(at)))
                action("Release", lambda: release_asked(at, found.call_id, lambda: _again(at)))


async def _again(at: Visit) -> None:
    at.go(at.address)


def _who(at: Visit, found: CallStory, decided: CallFacts) -> None:
    charge = found.charges[-1] if found.charges else None
    with card("What it was"):
        pairs: list[tuple[str, Cell]] = [
            ("Kind of call", category_words(decided.category)),
            ("Because", decided.why),
        ]
        for label, value in (
            ("User", decided.user),
            ("Service number", decided.service_number),
            ("From", decided.caller),
            ("To", decided.callee),
            ("Call type", decided.call_type),
        ):
            if value:
                pairs.append((label, value))
        pairs.append(("Started", at.when(decided.started_at)))
        if charge is not None:
            if charge.answered_at is not None:
                pairs.append(("Answered", at.when(charge.answered_at)))
            pairs.append(("Ended", at.when(charge.ended_at)))
            pairs.append(("Length", minutes(charge.duration_seconds)))
        if decided.flags:
            pairs.append(("Flags", _words(decided.flags)))
        facts(pairs)


def _price(at: Visit, decided: CallFacts) -> None:
    with card("What was decided at its start"):
        pairs: list[tuple[str, Cell]] = [("Billing month", decided.month)]
        if decided.rate is None:
            pairs.append(("Rate", "none: nobody pays, or no row of the deck fits"))
        else:
            pairs += _rate(at, decided.rate)
        pairs.append(("Pools, in their order", _listed(decided.pools) or "none"))
        pairs += [(f"Spend cap of {_cap(cap.counter)}", at.money(cap.limit)) for cap in decided.caps]
        facts(pairs)


def _rate(at: Visit, rate: Rate) -> list[tuple[str, Cell]]:
    pairs: list[tuple[str, Cell]] = [
        ("Matched prefix", f"+{rate.prefix}"),
        ("Price a minute", at.money(rate.price_per_minute)),
    ]
    if rate.first_price_per_minute != rate.price_per_minute:
        pairs.append(("Price of the first part", at.money(rate.first_price_per_minute)))
    if rate.connection_fee:
        pairs.append(("Connection fee", at.money(rate.connection_fee)))
    steps = f"the first {rate.first_seconds} s whole, then in steps of {rate.step_seconds} s"
    return [*pairs, ("Billed", steps), ("Rate deck", rate.deck)]


def _charge(at: Visit, charge: Charge, *, is_newest: bool) -> None:
    number = f"Charge {charge.number}"
    if charge.corrects is not None:
        number += f", which replaces charge {charge.corrects}"
    elif not is_newest:
        number += ", corrected since"
    with card(number):
        pairs: list[tuple[str, Cell]] = [
            ("Booked", at.when(charge.at)),
            ("Billed", minutes(charge.billed_seconds)),
        ]
        pairs += [(f"Of it from pool {_pool(pool.pool)}", minutes(pool.seconds)) for pool in charge.pools]
        if charge.paid_seconds:
            pairs.append(("Of it paid", minutes(charge.paid_seconds)))
        pairs.append(("Amount", at.money(charge.amount)))
        pairs += [(f"Paid from lot {lot.lot}", at.money(lot.amount)) for lot in charge.lots]
        if charge.post_usage:
            pairs.append(("On the invoice of the month", at.money(charge.post_usage)))
        if charge.overdraft:
            pairs.append(("Overdrawn", at.money(charge.overdraft)))
        pairs.append(("Balance after it", at.money(charge.balance_after)))
        if charge.flags:
            pairs.append(("Flags", _words(charge.flags)))
        facts(pairs)


def _entries(at: Visit, entries: tuple[Entry, ...]) -> None:
    with card("Entries in the journal"):
        table(
            [
                Column("Number", "figure"),
                Column("Booked", "time"),
                "Kind",
                "From",
                "To",
                Column("Amount", "figure"),
                Column("Lot", "figure"),
                Column("Corrects", "figure"),
            ],
            [
                [
                    str(entry.number),
                    at.when(entry.at),
                    _words((entry.kind,)),
                    _words((entry.debit,)),
                    _words((entry.credit,)),
                    plain_amount(entry.amount),
                    "—" if entry.lot is None else str(entry.lot),
                    "—" if entry.corrects is None else str(entry.corrects),
                ]
                for entry in entries
            ],
            f"Entries of this call, amounts in {at.words.currency}",
        )


def _pool(name: str) -> str:
    """`pool:PLAN/kind/owner` -> `PLAN, kind, owner`."""
    return ", ".join(part for part in name.removeprefix("pool:").split("/", 2) if part)


def _cap(counter: str) -> str:
    """`cap:user/ana@...` -> whom the cap holds."""
    scope, _, name = counter.removeprefix("cap:").partition("/")
    return f"{scope.replace('_', ' ')} {name}" if name else "the whole organisation"


def _listed(pools: tuple[str, ...]) -> str:
    return "; ".join(map(_pool, pools))


def _words(codes: tuple[str, ...]) -> str:
    return ", ".join(code.replace("_", " ") for code in codes)
