"""`talktime credits adjust|approvals|approve|decline`: credits given or taken back by hand.

Above the limit two persons are needed; persons are told apart by their accounts on this machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from talktime.doors.cli.answer import print_json
from talktime.doors.cli.engine import Working, typist, working
from talktime.doors.cli.listing import (
    amount,
    listed,
    local,
    micros_of,
    our_screen,
    print_answer,
    print_answers,
    say,
    zone_note,
)
from talktime.doors.cli.screen import money
from talktime.doors.cli.tenants import done

if TYPE_CHECKING:
    from talktime.accounts.administration import Adjusted
    from talktime.accounts.approvals import Approval
    from talktime.accounts.tenant import Tenant
    from talktime.doors.cli.options import Asked
    from talktime.ledger.commands import Wallet

PAGE = 1_000


def adjust_command(asked: Asked, text: str, reason: str, reference: str) -> int:
    """Gives credits as a lot or takes free ones back."""
    from talktime.accounts.approvals import Approval
    from talktime.doors.http.management.shown import adjusted_shown
    from talktime.doors.http.management.shown_people import approval_shown

    micros = micros_of(text, "AMOUNT")

    async def adjust(here: Working) -> tuple[Tenant, Adjusted | Approval]:
        tenant = here.tenant(asked.tenant)
        ask = here.provider.ask_adjustment
        outcome = await ask(tenant.id, micros, reason, reference, typist())
        return tenant, outcome if isinstance(outcome, Approval) else done(outcome)

    tenant, outcome = working(asked.database, adjust)
    if isinstance(outcome, Approval):
        if asked.as_json:
            print_answer(approval_shown(outcome))
        else:
            say(
                f"adjustment {outcome.id} of {amount(outcome.amount, tenant.currency)} waits for a second "
                f"person: `talktime credits approve {outcome.id}`"
            )
    elif asked.as_json:
        print_answer(adjusted_shown(outcome))
    else:
        was = "was booked before" if outcome.repeated else "is booked"
        say(f"{amount(micros, tenant.currency)} {was}; {_has(outcome.wallet, tenant)}")
    return 0


def _has(wallet: Wallet, tenant: Tenant) -> str:
    balance, available = (amount(each, tenant.currency) for each in (wallet.balance, wallet.available))
    return f"the balance is {balance}, available {available}"


def approvals_command(asked: Asked) -> int:
    """Lists what waits for a second person, and what one decided."""
    from talktime.doors.http.management.shown_people import approval_shown

    async def read(here: Working) -> tuple[Tenant, list[Approval]]:
        tenant = here.tenant(asked.tenant)
        found = page = await here.provider.approvals(tenant.id, "", PAGE)
        while len(page) == PAGE:
            page = await here.provider.approvals(tenant.id, page[-1].id, PAGE)
            found = found + page
        return tenant, found

    tenant, found = working(asked.database, read)
    if asked.as_json:
        print_answers("approvals", [approval_shown(one) for one in found])
        return 0
    screen = our_screen()
    if not found:
        screen.say("no adjustment was ever large enough to need a second person")
        return 0
    rows = [
        (
            one.id,
            local(one.at_us, tenant.time_zone),
            one.asked_who,
            one.state.value,
            one.reason,
            money(one.amount),
        )
        for one in found
    ]
    headings = ("id", "asked", "by", "state", "reason", tenant.currency)
    listed(screen, headings, rows, right=(tenant.currency,), whole=("id", "asked"))
    zone_note(screen, tenant.time_zone)
    return 0


def approve_command(asked: Asked, approval: str) -> int:
    """Books what somebody else asked for."""
    from talktime.core.money import format_money
    from talktime.doors.http.management.shown_people import approval_shown

    async def approve(here: Working) -> tuple[Tenant, Approval, Wallet]:
        tenant = here.tenant(asked.tenant)
        return tenant, *done(await here.provider.approve(tenant.id, approval, typist()))

    tenant, decided, wallet = working(asked.database, approve)
    if asked.as_json:
        print_json(
            {
                "approval": approval_shown(decided).model_dump(mode="json"),
                "balance": format_money(wallet.balance),
                "available": format_money(wallet.available),
            }
        )
    else:
        say(f"adjustment {decided.id} is booked; {_has(wallet, tenant)}")
    return 0


def decline_command(asked: Asked, approval: str, reason: str) -> int:
    """Refuses an adjustment, or withdraws it."""
    from talktime.accounts.provider_changes import REASON_MISSING
    from talktime.doors.http.management.shown_people import approval_shown

    if not reason.strip():
        done(REASON_MISSING)

    async def decline(here: Working) -> Approval:
        tenant = here.tenant_id(asked.tenant)
        return done(await here.provider.decline(tenant, approval, reason, typist()))

    declined = working(asked.database, decline)
    if asked.as_json:
        print_answer(approval_shown(declined))
    else:
        say(f"adjustment {declined.id} is declined; nothing was booked")
    return 0
