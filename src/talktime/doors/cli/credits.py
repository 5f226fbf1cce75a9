"""`talktime credits show|lots|movements|needed`: what a tenant has, what moved, what it needs money for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.doors.cli.engine import now_us, office
from talktime.doors.cli.listing import (
    amount,
    facts,
    listed,
    local,
    our_screen,
    print_answer,
    print_answers,
    zone_note,
)
from talktime.doors.cli.screen import money

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.catalog.side_model import Warned
    from talktime.core.alerts import Runway
    from talktime.doors.cli.engine import Office
    from talktime.doors.cli.options import Asked
    from talktime.doors.http.management.answers_money import CreditsAnswer
    from talktime.insight.held_back import HeldBack
    from talktime.ledger.reading import KeptWallet

LITTLE_DAYS: Final = 42
"""With fewer days than six weeks the band says that it is wide for want of them."""

_MODES = {
    "prepaid": "prepaid: credits pay, and nothing stands behind them",
    "draining": "draining: what is left is spent first, then post-usage takes over",
    "post_usage": "post-usage: minutes land on the monthly invoice",
    "no_funding": "no funding: paid calls are refused",
}


class _Standing(NamedTuple):
    """Everything that `credits show` says."""

    tenant: Tenant
    wallet: KeptWallet
    mode: str
    runway: Runway
    held: HeldBack
    warnings: tuple[Warned, ...]


def show_credits_command(asked: Asked) -> int:
    """Shows what a tenant has and how long it lasts."""
    with office(asked.database) as here:
        found = _standing(here, here.tenant_id(asked.tenant))
    if asked.as_json:
        print_answer(_answer(found))
    else:
        _show(found)
    return 0


def _standing(here: Office, name: str) -> _Standing:
    from talktime.accounts.eligibility import recharge_warnings
    from talktime.insight.held_back import held_back
    from talktime.insight.runway_view import runway_now
    from talktime.live.standing import mode_of
    from talktime.live.tenant import live_tenant

    documents, wallet = here.reader.documents(name), here.reader.wallet(name)
    assert documents is not None, "a tenant is never removed"
    assert wallet is not None, "a tenant has a wallet"
    live = live_tenant(documents, here.catalogue)
    return _Standing(
        tenant=live.tenant,
        wallet=wallet,
        mode=mode_of(live, wallet.balance).name.lower(),
        runway=runway_now(here.reader, live.tenant, wallet, now_us()),
        held=held_back(here.reader, name),
        warnings=recharge_warnings(live.tenant, here.catalogue),
    )


def _show(found: _Standing) -> None:
    tenant, wallet, held = found.tenant, found.wallet, found.held
    currency, screen = tenant.currency, our_screen()
    rule = tenant.auto_recharge
    expiring = next((lot for lot in sorted(wallet.lots, key=lambda lot: lot.expires_us) if lot.left), None)
    facts(
        screen,
        [
            ("available", amount(wallet.balance - wallet.reserved, currency)),
            ("balance", amount(wallet.balance, currency)),
            ("reserved for calls", amount(wallet.reserved, currency)),
            ("overdraft", amount(wallet.overdraft, currency) if wallet.overdraft else ""),
            ("frozen by disputes", amount(held.frozen, currency) if held.frozen else ""),
            ("owed for disputes", amount(held.owed, currency) if held.owed else ""),
            ("mode", _MODES.get(found.mode, found.mode)),
            ("lasts", lasts(found.runway)),
            ("spent", paces(found.runway, currency)),
            (
                "expires next",
                ""
                if expiring is None
                else f"{amount(expiring.left, currency)} on {local(expiring.expires_us, tenant.time_zone)}",
            ),
            (
                "auto-recharge",
                f"on, below {amount(rule.below_micros, currency)}" if rule.enabled else "off",
            ),
        ],
    )
    for warning in found.warnings:
        screen.say(f"warning: {warning.says} {warning.remedy}", "yellow")
    zone_note(screen, tenant.time_zone)


def lasts(runway: Runway) -> str:
    """How long the balance lasts by the forecast, and what that rests on."""
    low, likely, high = runway.days_low, runway.days_expected, runway.days_high
    if not runway.from_days:
        return "not enough to tell: nothing was paid on the full days before today"
    if low is None:
        return "no end in sight"
    if low == likely == high:
        said = _days(low)
    elif likely is None:
        said = f"{_days(low)} or more"
    else:
        said = f"about {_days(likely)}, {low:,} " + ("or more" if high is None else f"to {high:,}")
    if runway.growth is not None:
        said += f"; spending {grows(runway.growth)} a month"
    if gone := len(runway.left_out):
        said += f"; {_days(gone)} without any cost {'is' if gone == 1 else 'are'} left out"
    if runway.from_days < LITTLE_DAYS:
        said += f"; the band is wide: no more than {_days(runway.from_days)} of history"
    return said


def _days(number: int) -> str:
    return f"{number:,} {'day' if number == 1 else 'days'}"


def grows(hundredths: int) -> str:
    """`grows by 5.1 %` of hundredths of a percent, rounded half up to tenths."""
    tenths = (abs(hundredths) + 5) // 10
    return f"{'grows' if hundredths >= 0 else 'shrinks'} by {tenths // 10:,}.{tenths % 10} %"


def paces(runway: Runway, currency: str) -> str:
    """What was spent a day; "" where nothing was."""
    if not runway.burn_28 and not runway.burn_7:
        return ""
    long, short = amount(runway.burn_28, currency), amount(runway.burn_7, currency)
    return f"{long} a day in the last 28 days, {short} in the last 7"


def _answer(found: _Standing) -> CreditsAnswer:
    """As the API answers."""
    from talktime.core.money import format_money
    from talktime.doors.http.management.answers import AutoRechargeAnswer
    from talktime.doors.http.management.answers_money import CreditsAnswer
    from talktime.doors.http.management.shown import lot_shown
    from talktime.doors.http.management.shown_money import runway_shown, warnings_shown
    from talktime.notices.texts import load_texts

    wallet, rule = found.wallet, found.tenant.auto_recharge
    cap = rule.cap_per_month_micros
    return CreditsAnswer(
        balance=format_money(wallet.balance),
        reserved=format_money(wallet.reserved),
        available=format_money(wallet.balance - wallet.reserved),
        overdraft=format_money(wallet.overdraft),
        frozen=format_money(found.held.frozen),
        owed=format_money(found.held.owed),
        currency=wallet.currency,
        mode=found.mode,
        mode_says=load_texts().modes[found.mode],
        lots=[lot_shown(lot) for lot in wallet.lots],
        auto_recharge=AutoRechargeAnswer(
            enabled=rule.enabled,
            below=format_money(rule.below_micros),
            add=format_money(rule.add_micros),
            cap_per_month=None if cap is None else format_money(cap),
        ),
        runway_days=found.runway.shortest,
        runway=runway_shown(found.runway),
        warnings=warnings_shown(found.warnings),
    )


# --- lots and movements ----------------------------------------------------------------------------------


def lots_command(asked: Asked, limit: int) -> int:
    """Lists lots, newest first, spent and expired ones too."""
    from talktime.doors.http.management.shown_money import lot_line
    from talktime.ledger.reading import NO_BEFORE

    with office(asked.database) as here:
        tenant = here.tenant(asked.tenant)
        wallet = here.reader.wallet(tenant.id)
        found = here.reader.lots(tenant.id, NO_BEFORE, limit)
    assert wallet is not None, "a tenant has a wallet"
    if asked.as_json:
        print_answers("lots", [lot_line(lot, wallet.lots) for lot in found])
        return 0
    screen = our_screen()
    if not found:
        screen.say("nothing was bought yet; `talktime credits buy AMOUNT` does")
        return 0
    left = {lot.lot: lot.left for lot in wallet.lots}
    rows = [
        (
            str(lot.lot),
            local(lot.bought_us, tenant.time_zone),
            local(lot.expires_us, tenant.time_zone),
            lot.origin.replace("_", " "),
            money(lot.amount),
            money(left.get(lot.lot, 0)),
        )
        for lot in found
    ]
    headings = ("lot", "bought", "expires", "came as", f"{tenant.currency} bought", "left")
    listed(screen, headings, rows, right=("lot", *headings[4:]), whole=("bought", "expires"))
    zone_note(screen, tenant.time_zone)
    return 0


def movements_command(asked: Asked, limit: int) -> int:
    """Lists entries, newest first."""
    from talktime.doors.http.management.shown import entry_shown
    from talktime.ledger.reading import NO_BEFORE

    with office(asked.database) as here:
        tenant = here.tenant(asked.tenant)
        found = here.reader.entries(tenant.id, NO_BEFORE, limit)
    if asked.as_json:
        print_answers("entries", [entry_shown(entry) for entry in found])
        return 0
    screen = our_screen()
    if not found:
        screen.say("nothing moved yet")
        return 0
    rows = [
        (
            f"{entry.number:,}",
            local(entry.at_us, tenant.time_zone),
            entry.kind.replace("_", " "),
            f"{entry.debit} -> {entry.credit}",
            str(entry.lot or ""),
            money(entry.amount),
        )
        for entry in found
    ]
    headings = ("entry", "at", "kind", "from -> to", "lot", tenant.currency)
    listed(screen, headings, rows, right=("entry", "lot", tenant.currency), whole=("at",))
    zone_note(screen, tenant.time_zone)
    return 0


def needed_command(asked: Asked) -> int:
    """Says whether credits are needed, and who is behind each reason."""
    from talktime.accounts.needs import needs_credits
    from talktime.doors.http.management.shown_people import needed_shown

    with office(asked.database) as here:
        needed = needs_credits(here.tenant(asked.tenant), here.catalogue, now_us())
    if asked.as_json:
        print_answer(needed_shown(needed, with_names=True))
        return 0
    screen = our_screen()
    screen.say(needed.sentence, "bold")
    for reason in needed.reasons:
        screen.say()
        screen.say(f"{reason.says} ({len(reason.who):,}): {_some(reason.who)}")
        screen.say(f"Without credits: {reason.keeps}")
        if reason.unlicensed:
            screen.say(
                f"These may not spend credits before they get a licence for it: {_some(reason.unlicensed)}"
            )
    return 0


def _some(names: tuple[str, ...]) -> str:
    from talktime.insight.wording import listed as first

    return first(list(names), 5)
