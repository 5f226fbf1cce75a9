"""`talktime credits post-usage`: what stands against the switch, and when the credits would be spent."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from talktime.doors.cli.engine import Office, Working, now_us, office, typist, working
from talktime.doors.cli.listing import amount, facts, local, our_screen, print_answer, zone_note
from talktime.doors.cli.screen import money
from talktime.doors.cli.tenants import done

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.doors.cli.options import Asked
    from talktime.doors.cli.screen import Screen
    from talktime.insight.post_usage import Course, Way


def post_usage_command(asked: Asked, turn: bool | None) -> int:
    """Shows the way to post-usage; `turn` switches the setting of the MCA account first."""
    from talktime.doors.http.management.shown_money import post_usage_shown

    if turn is not None:
        _switch(asked, turn)
    with office(asked.database) as here:
        tenant = here.tenant(asked.tenant)
        way, balance = _way(here, tenant)
    if asked.as_json:
        print_answer(post_usage_shown(way, balance, tenant))
    else:
        _show(way, balance, tenant)
    return 0


def _switch(asked: Asked, turn: bool) -> None:
    from talktime.accounts.paying import post_usage_set

    async def switch(here: Working) -> None:
        tenant = here.tenant_id(asked.tenant)
        change = partial(post_usage_set, enabled=turn, catalogue=here.catalogue)
        what = f"post-usage switched {'on' if turn else 'off'}"
        done(await here.expecting.edit(tenant, change, what, typist().who))

    working(asked.database, switch)


def _way(here: Office, tenant: Tenant) -> tuple[Way, int]:
    """The way, and the balance."""
    from talktime.insight.post_usage import dry_run, held_lots, way_to_post_usage
    from talktime.insight.runway_view import paid_days

    wallet, standing = here.reader.wallet(tenant.id), here.reader.standing(tenant.id)
    assert wallet is not None, "a tenant has a wallet"
    assert standing is not None, "a tenant has a wallet"
    at_us = now_us()
    found = dry_run(held_lots(wallet), paid_days(here.reader, tenant, at_us), at_us, tenant.time_zone)
    return way_to_post_usage(tenant, here.catalogue, wallet.balance, standing, found), wallet.balance


def _show(way: Way, balance: int, tenant: Tenant) -> None:
    from talktime.accounts.calendar import day_name

    screen, currency, zone = our_screen(), tenant.currency, tenant.time_zone
    setting = f"{'on' if way.enabled else 'off'} ({way.account})" if way.account else ""
    first, likely, last = (day_name(each) for each in way.dry_run.ends)
    facts(
        screen,
        [
            ("mode", way.mode.name.lower().replace("_", "-")),
            ("post-usage", setting),
            ("balance", amount(balance, currency)),
        ],
    )
    screen.title("What stands against the switch")
    for one in way.against:
        screen.say(f"{one.why} {one.remedy}")
    if way.can_switch:
        screen.say("nothing: it happens by itself once the credits are spent")
    for warning in way.warnings:
        screen.say(f"warning: {warning.says} {warning.remedy}", "yellow")
    for note in way.notes:
        screen.say(note)
    screen.title("If auto-recharge were off and calls billed under MCA from now on")
    when = f"on {first}" if first == last else f"about {likely}, between {first} and {last}"
    screen.say(f"the credits end {when}")
    long, short = way.dry_run.courses
    if replace(long, days=short.days) == short:
        _show_course(screen, short, f"{long.days} days as of the last {short.days}", tenant)
    else:
        _show_course(screen, long, f"{long.days} days", tenant)
        _show_course(screen, short, f"{short.days} days", tenant)
    screen.say()
    screen.say(way.left_over)
    zone_note(screen, zone)


def _show_course(screen: Screen, course: Course, window: str, tenant: Tenant) -> None:
    """The dry run at a pace; `window`: the days whose pace it is."""
    currency, zone = tenant.currency, tenant.time_zone
    spent, lost = money(course.spent), money(course.forfeited)
    screen.say(
        f"at the pace of the last {window}, {amount(course.burn, currency)} a day: "
        f"until {local(course.ends_us, zone)}; spent {spent}, lost by expiry {lost}"
    )
    for lot in course.expiring:
        screen.say(f"  lot {lot.lot} would lose {money(lot.micros)} on {local(lot.expires_us, zone)}")
