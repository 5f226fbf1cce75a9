"""`talktime tenant`: make a tenant of its file, list, show, suspend and close, and who changed what."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import msgspec

from talktime.core.money import format_money
from talktime.doors.cli.answer import print_json, printable
from talktime.doors.cli.engine import Working, administer, ledger_faults, office, ready, typist, working
from talktime.doors.cli.listing import amount, facts, listed, local, our_screen, zone_note
from talktime.doors.cli.problems import Unusable

if TYPE_CHECKING:
    from talktime.accounts.administration import Administration
    from talktime.accounts.tenant import Administrator, BillingAccount, Tenant
    from talktime.accounts.tenant_commands import Invalid
    from talktime.ledger.commands import Refused
    from talktime.ledger.reading import KeptTenant, KeptWallet

T = TypeVar("T")

PAGE: Final = 1_000

FAULTS_SHOWN: Final = 5
"""Tenants of a book that could not be made, told one by one."""


class _Named(msgspec.Struct):
    """The part of a tenant's document that the list shows."""

    name: str
    country: str = ""


def add_tenant_command(database: str | None, file: Path) -> int:
    """Makes the tenant of a file; its purchases become lots."""
    from talktime.accounts.tenant_file import read_tenant
    from talktime.catalog.load import load_catalogue
    from talktime.settings import read_settings

    tenant = read_tenant(file, load_catalogue(read_settings().catalogue))
    tables = _sound(tenant, str(file))
    done(administer(database, lambda house: house.make_tenant(tables, typist().who)), str(file))
    people = "1 user" if len(tenant.users) == 1 else f"{len(tenant.users):,} users"
    _say(f"tenant {tenant.id} ({tenant.name}), {tenant.currency}, {people}: made")
    return 0


def add_tenants_command(database: str | None, path: Path) -> int:
    """Makes the tenants of a folder or of JSON lines, those that can be made; tells which could not."""
    from talktime.accounts.tenant_book import read_tenants
    from talktime.catalog.load import load_catalogue
    from talktime.settings import read_settings

    tenants = read_tenants(path, load_catalogue(read_settings().catalogue))
    faults: list[str] = []

    async def make(house: Administration) -> int:
        for tenant in tenants:
            try:
                what = f"tenant {tenant.id}"
                done(await house.make_tenant(_sound(tenant, what), typist().who), what)
            except Unusable as problem:
                faults.append(str(problem))
        return len(tenants) - len(faults)

    made = administer(database, make)
    _say(f"{made:,} tenants of {path}: made")
    if faults:
        more = f"; and {len(faults) - FAULTS_SHOWN:,} more" if len(faults) > FAULTS_SHOWN else ""
        raise Unusable(f"{len(faults):,} tenants were not made: {'; '.join(faults[:FAULTS_SHOWN])}{more}")
    return 0


def list_tenants_command(database: str | None, *, as_json: bool) -> int:
    """Lists all tenants with what they have."""
    found = _tenants(database)
    if as_json:
        print_json({"tenants": [_line(kept) for kept in found]})
        return 0
    from rich.console import Console

    from talktime.doors.cli.screen import money, screen_of

    screen = screen_of(Console())
    rows = [
        (
            kept.tenant,
            _named(kept).name,
            kept.currency,
            money(kept.balance),
            money(kept.reserved),
            money(kept.balance - kept.reserved),
        )
        for kept in found
    ]
    headings = ("tenant", "name", "currency", "balance", "reserved", "available")
    if rows:
        screen.show(screen.table(headings, rows, left=3))
    else:
        screen.say("no tenants yet; `talktime tenant add TENANT.toml` makes one")
    return 0


def done(outcome: T | Refused | Invalid, what: str = "", alone: str = "") -> T:
    """What a use case did. Raises Unusable with what stands against it; `what` it was about goes before.

    `alone`: one entry of this table was sent, so its place says nothing.
    """
    from talktime.accounts.tenant_commands import Invalid
    from talktime.ledger.commands import Refused

    before = f"{what}: " if what else ""
    if isinstance(outcome, Invalid):
        faults = [fault.removeprefix(f"{alone}[1] ") for fault in outcome.faults]
        raise Unusable(f"{before}{'; '.join(faults)}")
    if isinstance(outcome, Refused):
        raise Unusable(f"{before}{outcome.detail}")
    return outcome


def show_tenant_command(database: str | None, name: str, *, as_json: bool) -> int:
    """Shows the settings of a tenant, what it has, and how many people."""
    with office(database) as here:
        tenant = here.tenant(name)
        wallet = here.reader.wallet(tenant.id)
    assert wallet is not None, "a tenant is never removed"
    if as_json:
        print_json(_whole(tenant, wallet))
        return 0
    screen = our_screen()
    screen.say(f"{tenant.name} ({tenant.id})", "bold")
    available = wallet.balance - wallet.reserved
    pairs = [
        ("status", tenant.status),
        ("country", tenant.country),
        ("time zone", tenant.time_zone),
        ("balance", amount(wallet.balance, tenant.currency)),
        ("available", amount(available, tenant.currency)),
        ("partner", tenant.partner),
        ("users", f"{len(tenant.users):,}"),
        ("service numbers", f"{len(tenant.service_numbers):,}"),
    ]
    pairs += [("account", _account(account, tenant)) for account in tenant.billing_accounts]
    pairs += [("administrator", _administrator(person)) for person in tenant.administrators]
    for waiver in tenant.waivers:
        until = local(waiver.until_us, tenant.time_zone)
        pairs.append(("exception", f"{waiver.rule} until {until}: {waiver.reason}"))
    facts(screen, pairs)
    return 0


def _whole(tenant: Tenant, wallet: KeptWallet) -> dict[str, Any]:
    """The settings as the tenant file and the API have them, and what is kept beside them."""
    from talktime.accounts.tenant_tables import settings_tables
    from talktime.doors.http.management.shown_people import waiver_shown

    return {
        **settings_tables(tenant),
        "status": tenant.status,
        "partner": tenant.partner or None,
        "waivers": [waiver_shown(waiver).model_dump(mode="json") for waiver in tenant.waivers],
        "balance": format_money(wallet.balance),
        "reserved": format_money(wallet.reserved),
        "available": format_money(wallet.balance - wallet.reserved),
        "user_count": len(tenant.users),
        "service_number_count": len(tenant.service_numbers),
    }


def _account(account: BillingAccount, tenant: Tenant) -> str:
    default = ", default" if account.id == tenant.default_billing_account else ""
    name = f", {account.name}" if account.name else ""
    return f"{account.id}: {account.agreement}, {account.country}{name}{default}"


def _administrator(person: Administrator) -> str:
    return f"{person.upn}: {', '.join(person.roles) or 'no role'}"


class StatusCommand(NamedTuple):
    """What a tenant is to become: the word of the command, and why."""

    status: str
    reason: str


def status_command(database: str | None, name: str, wanted: StatusCommand, *, as_json: bool) -> int:
    """Suspends a tenant, makes it active again, or closes it for good."""
    from talktime.accounts.tenant import ACTIVE, SUSPENDED

    async def change(here: Working) -> str:
        tenant = here.tenant_id(name)
        if wanted.status == SUSPENDED:
            outcome = await here.provider.suspend(tenant, wanted.reason, typist().who)
        elif wanted.status == ACTIVE:
            outcome = await here.provider.reactivate(tenant, wanted.reason, typist().who)
        else:
            outcome = await here.provider.close(tenant, wanted.reason, typist().who)
        done(outcome, f"tenant {tenant}")
        return tenant

    tenant = working(database, change)
    if as_json:
        print_json({"id": tenant, "status": wanted.status})
    else:
        _say(f"tenant {tenant} is {wanted.status}")
    return 0


def audit_command(database: str | None, name: str, limit: int, *, as_json: bool) -> int:
    """Shows who changed what, newest first."""
    from talktime.ledger.reading import NO_BEFORE

    with office(database) as here:
        tenant = here.tenant(name)
        found = here.reader.audit(tenant.id, NO_BEFORE, limit)
    if as_json:
        from talktime.doors.http.management.texts import instant

        lines = [{**line._asdict(), "at": instant(line.at_us)} for line in found]
        print_json({"audit": [{k: v for k, v in line.items() if k != "at_us"} for line in lines]})
        return 0
    screen = our_screen()
    rows = [(local(line.at_us, tenant.time_zone), line.who, line.what) for line in found]
    listed(screen, ("at", "who", "what"), rows, whole=("at",))
    zone_note(screen, tenant.time_zone)
    return 0


def _sound(tenant: Tenant, what: str) -> dict[str, Any]:
    """The tenant as tables. Raises Unusable for a chat room that cannot be told anything."""
    from talktime.notices.chat import faults_of

    faults = faults_of(tenant.alerts)
    if faults:
        raise Unusable(f"{what}: {'; '.join(faults)}")
    return _tables(tenant)


def _tables(tenant: Tenant) -> dict[str, Any]:
    """The tenant as tables with its purchases, and its deck: that is refused with a sentence."""
    from talktime.accounts.tenant_tables import tenant_tables
    from talktime.accounts.toml_table import shown_instant

    tables = tenant_tables(tenant)
    if tenant.purchases:
        tables["purchases"] = [
            {"at": shown_instant(bought.at_us), "amount": format_money(bought.amount_micros)}
            for bought in tenant.purchases
        ]
    if tenant.deck:
        tables["tenant"]["deck"] = tenant.deck
    return tables


def _tenants(database: str | None) -> list[KeptTenant]:
    from talktime.ledger.reading import Reader

    with ledger_faults():
        reader = Reader(ready(database))
        found = page = reader.tenants("", PAGE)
        while len(page) == PAGE:
            page = reader.tenants(page[-1].tenant, PAGE)
            found = found + page
    return found


def _line(kept: KeptTenant) -> dict[str, str]:
    return {
        "id": kept.tenant,
        "name": _named(kept).name,
        "country": _named(kept).country,
        "currency": kept.currency,
        "balance": format_money(kept.balance),
        "reserved": format_money(kept.reserved),
        "available": format_money(kept.balance - kept.reserved),
    }


def _named(kept: KeptTenant) -> _Named:
    return msgspec.json.decode(kept.document, type=_Named)


def _say(text: str) -> None:
    print(printable(text))  # noqa: T201 - the command's answer
