"""`talktime recharge`: the rule that refills credits, how it stands and why, and what it did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from talktime.doors.cli.answer import print_json
from talktime.doors.cli.engine import Working, now_us, office, typist, working
from talktime.doors.cli.listing import (
    amount,
    facts,
    listed,
    local,
    micros_of,
    our_screen,
    print_answer,
    zone_note,
)
from talktime.doors.cli.problems import WrongUse
from talktime.doors.cli.screen import money
from talktime.doors.cli.tenants import done

if TYPE_CHECKING:
    from talktime.accounts.tenant import AutoRecharge, Tenant
    from talktime.accounts.tenant_changes import Change
    from talktime.catalog.model import Catalogue
    from talktime.doors.cli.engine import Office
    from talktime.doors.cli.options import Asked
    from talktime.insight.recharge_view import RechargeView
    from talktime.ledger.commands import Refused
    from talktime.ledger.records import Paper, Payment

AMOUNTS: Final = ("below", "add", "target", "least", "most", "cap_per_month")
NONE: Final = "none"
"""What takes a figure away."""


def show_recharge_command(asked: Asked) -> int:
    """Shows the rule and how it stands."""
    from talktime.accounts.paying import rule_table
    from talktime.doors.http.management.shown_money import recharge_shown

    with office(asked.database) as here:
        tenant = here.tenant(asked.tenant)
        view = _view(here, tenant)
    if asked.as_json:
        print_answer(recharge_shown(view, rule_table(tenant), tenant.currency))
    else:
        _show(view, tenant)
    return 0


def _view(here: Office, tenant: Tenant) -> RechargeView:
    from talktime.funding.recharge import TIMELINE
    from talktime.insight.recharge_view import recharge_view, turn_of

    standing = here.reader.standing(tenant.id)
    assert standing is not None, "a tenant has a wallet"
    turns = here.reader.papers(tenant.id, TIMELINE, "", 1, newest=True)
    attempt = here.reader.payment(tenant.id, standing.attempt) if standing.attempt else None
    turn = turn_of(turns[0]) if turns else None
    return recharge_view(tenant, standing, turn, attempt, here.catalogue, now_us())


def _show(view: RechargeView, tenant: Tenant) -> None:
    screen, currency, zone = our_screen(), tenant.currency, tenant.time_zone
    rule, caps = tenant.auto_recharge, view.caps
    in_flight = view.in_flight
    left = [] if caps.micros is None else [f"{amount(caps.micros, currency)} this month"]
    left += [] if caps.payments is None else [f"{caps.payments} payments within 24 hours"]
    facts(
        screen,
        [
            ("auto-recharge", view.says),
            ("why", view.why),
            ("since", local(view.since_us, zone)),
            ("rule", _rule(rule, currency)),
            ("card", view.method or "none"),
            ("now", view.reason_says),
            (
                "on its way",
                f"{amount(in_flight.amount, currency)}, {in_flight.state.replace('_', ' ')} "
                f"({in_flight.payment})"
                if in_flight is not None
                else "",
            ),
            ("caps leave", ", ".join(left)),
            ("next try", local(view.next_us, zone)),
        ],
    )
    for warning in view.warnings:
        screen.say(f"warning: {warning.says} {warning.remedy}", "yellow")
    zone_note(screen, zone)


def _rule(rule: AutoRecharge, currency: str) -> str:
    """The figures of a rule in words; "" where nobody ever gave any."""
    if not rule.add_micros and not rule.target_micros:
        return ""
    pays = (
        f"fill up to {amount(rule.target_micros, currency)}"
        if rule.target_micros
        else f"add {amount(rule.add_micros, currency)}"
    )
    parts = [f"below {amount(rule.below_micros, currency)} {pays}"]
    cap = rule.cap_per_month_micros
    parts += [f"at least {amount(rule.least_micros, currency)}"] if rule.least_micros else []
    parts += [f"at most {amount(rule.most_micros, currency)}"] if rule.most_micros else []
    parts += [] if cap is None else [f"{amount(cap, currency)} a month"]
    parts += [f"{rule.payments_a_day} payments a day"] if rule.payments_a_day else []
    parts += [f"{rule.cool_down_s:,} s between payments"] if rule.cool_down_s else []
    return ", ".join(parts)


# --- set, off, retry -------------------------------------------------------------------------------------


def set_recharge_command(asked: Asked, told: Mapping[str, Any]) -> int:
    """Switches the rule on with what was said; the rest stays as it is under the lock."""
    given = {key: value for key, value in told.items() if value is not None and (value or key not in AMOUNTS)}
    if given.get("add") and given.get("target"):
        raise WrongUse("--add and --target do not go together: it adds so much, or fills up to so much")
    for name in AMOUNTS:
        if name in given and given[name] != NONE:
            micros_of(given[name], f"--{name.replace('_', '-')}")

    async def change(here: Working) -> None:
        tenant, at_us = here.tenant_id(asked.tenant), here.engine.clock_us()

        def edit(now: Tenant) -> Change | Refused:
            return _set(now, given, here.catalogue, at_us)

        done(await here.expecting.edit(tenant, edit, "auto-recharge set", typist().who))
        await here.recharge_now(tenant)

    working(asked.database, change)
    return show_recharge_command(asked)


def _set(tenant: Tenant, given: Mapping[str, Any], catalogue: Catalogue, at_us: int) -> Change | Refused:
    """The rule with what was said. Raises TenantFaults."""
    from talktime.accounts.paying import rule_put, rule_table

    table = {**rule_table(tenant), "enabled": True}
    for one, other in (("add", "target"), ("target", "add")):
        if one in given:
            table.pop(other, None)
    for key, value in given.items():
        if value in (NONE, "", 0):
            table.pop(key, None)
        else:
            table[key] = value
    return rule_put(tenant, table, catalogue, at_us)


def recharge_off_command(asked: Asked) -> int:
    """Switches the rule off; off already is as good."""
    from talktime.accounts.paying import rule_off

    async def off(here: Working) -> None:
        tenant = here.tenant_id(asked.tenant)
        done(await here.expecting.edit(tenant, rule_off, "auto-recharge turned off", typist().who))
        await here.recharge_now(tenant)

    working(asked.database, off)
    return show_recharge_command(asked)


def retry_command(asked: Asked) -> int:
    """Ends a pause, or has the attempt that waits tried now."""

    async def retry(here: Working) -> None:
        tenant = here.tenant_id(asked.tenant)
        done(await here.purchasing.retry_now(tenant, typist().who))
        await here.recharge_now(tenant)

    working(asked.database, retry)
    return show_recharge_command(asked)


# --- timeline --------------------------------------------------------------------------------------------


def timeline_command(asked: Asked, limit: int) -> int:
    """Turns of the rule and the recharges that it made, newest first."""
    from talktime.core.limits import NEVER_US
    from talktime.funding.payments import Kind
    from talktime.funding.recharge import TIMELINE

    with office(asked.database) as here:
        tenant = here.tenant(asked.tenant)
        turns = here.reader.papers(tenant.id, TIMELINE, "", limit, newest=True)
        payments = here.reader.payments(tenant.id, (NEVER_US, ""), limit, (Kind.RECHARGE,))
    lines = [_of_turn(turn) for turn in turns] + [_of_payment(each, tenant) for each in payments]
    # A turn that says that a payment is on its way was written after the payment itself.
    lines.sort(key=lambda line: (line["at_us"], line["kind"] == "turn"), reverse=True)
    lines = lines[:limit]
    if asked.as_json:
        print_json({"timeline": [{k: v for k, v in line.items() if k != "at_us"} for line in lines]})
        return 0
    screen = our_screen()
    if not lines:
        screen.say("nothing yet: the rule was never on")
        return 0
    zone = tenant.time_zone
    rows = [
        (
            local(line["at_us"], zone),
            line["says"],
            money(micros_of(line["available"], "")) if line["available"] is not None else "",
        )
        for line in lines
    ]
    headings = ("at", "what", f"{tenant.currency} available")
    listed(screen, headings, rows, right=headings[2:], whole=("at",))
    zone_note(screen, zone)
    return 0


def _of_turn(paper: Paper) -> dict[str, Any]:
    from talktime.core.money import format_money
    from talktime.doors.http.management.texts import instant
    from talktime.insight.recharge_view import turn_of, turn_says

    turn = turn_of(paper)
    return {
        "at_us": turn.at_us,
        "at": instant(turn.at_us),
        "kind": "turn",
        "says": turn_says(turn),
        "reason": turn.reason,
        "available": format_money(turn.available),
        "payment": None,
    }


def _of_payment(payment: Payment, tenant: Tenant) -> dict[str, Any]:
    from talktime.doors.http.management.shown_money import payment_line

    line = payment_line(payment, tenant.currency)
    return {
        "at_us": payment.at_us,
        "at": line.at,
        "kind": "payment",
        "says": f"recharge of {line.amount} {tenant.currency}: {payment.state.replace('_', ' ')}",
        "reason": None,
        "available": None,
        "payment": line.model_dump(mode="json"),
    }
