"""`talktime eligibility`: may the tenant buy credits, rule by rule; and exceptions to rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from talktime.doors.cli.answer import print_json
from talktime.doors.cli.engine import Working, now_us, office, typist, working
from talktime.doors.cli.listing import instant_of, listed, local, our_screen, print_answer, say
from talktime.doors.cli.tenants import done

if TYPE_CHECKING:
    from talktime.accounts.eligibility import Answer, Finding
    from talktime.accounts.tenant import Tenant, Waiver
    from talktime.doors.cli.options import Asked

CAN_BUY: Final = 0
CANNOT_BUY: Final = 1


def check_command(asked: Asked) -> int:
    """Shows each rule; 1 where one failed."""
    from talktime.accounts.eligibility import eligibility, facts_of

    with office(asked.database) as here:
        tenant = here.tenant(asked.tenant)
        answer = eligibility(tenant, here.catalogue, now_us())
    if asked.as_json:
        print_json(facts_of(answer))
    else:
        _show(tenant, answer)
    return CAN_BUY if answer.can_buy else CANNOT_BUY


def _show(tenant: Tenant, answer: Answer) -> None:
    screen = our_screen()
    rows = [(one.rule, _outcome(one), one.why) for one in answer.findings]
    listed(screen, ("rule", "outcome", "why"), rows, whole=("rule", "outcome"))
    screen.say()
    if answer.can_buy:
        screen.say(f"{tenant.id} can buy credits", "bold")
    else:
        screen.say(f"{tenant.id} cannot buy credits", "bold")
        for one in answer.failed:
            screen.say(f"{one.rule}: {one.remedy}")
    if answer.partner_may_fund:
        screen.say("its partner may fund it on its behalf")
    for warning in answer.warnings:
        screen.say(f"warning: {warning.says} {warning.remedy}", "yellow")


def _outcome(one: Finding) -> str:
    """`exception` where only an exception lifts the failure."""
    return "exception" if one.waiver is not None else one.outcome.name.lower().replace("_", " ")


def waive_command(asked: Asked, rule: str, until: str, reason: str) -> int:
    """Grants an exception to a rule."""
    from talktime.doors.http.management.shown_people import waiver_shown

    until_us = instant_of(until, "--until")

    async def grant(here: Working) -> tuple[Tenant, Waiver]:
        name = here.tenant_id(asked.tenant)
        done(await here.provider.grant_waiver(name, rule, reason, until_us, typist().who))
        tenant = here.tenant(name)
        return tenant, next(one for one in tenant.waivers if one.rule == rule)

    tenant, waiver = working(asked.database, grant)
    if asked.as_json:
        print_answer(waiver_shown(waiver))
    else:
        until_local = local(waiver.until_us, tenant.time_zone)
        say(f"{rule} does not hold {tenant.id} up until {until_local} ({tenant.time_zone})")
    return 0


def end_waiver_command(asked: Asked, rule: str) -> int:
    """Ends an exception."""

    async def end(here: Working) -> str:
        name = here.tenant_id(asked.tenant)
        done(await here.provider.end_waiver(name, rule, typist().who))
        return name

    name = working(asked.database, end)
    if asked.as_json:
        print_json({"tenant": name, "rule": rule, "ended": True})
    else:
        say(f"{rule} holds for {name} again")
    return 0
