"""`talktime tenants`: make a tenant of its file, list those that are there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from talktime.core.money import format_money
from talktime.doors.cli.answer import print_json, printable
from talktime.doors.cli.engine import WHO, administer, ledger_faults, ready
from talktime.doors.cli.problems import Unusable

if TYPE_CHECKING:
    from talktime.accounts.administration import Administration, Outcome
    from talktime.accounts.tenant import Tenant
    from talktime.ledger.reading import KeptTenant

PAGE: Final = 1_000

FAULTS_SHOWN: Final = 5
"""Tenants of a book that could not be made, told one by one."""


class _Named(msgspec.Struct):
    """The part of a tenant's document that the list shows."""

    name: str


def add_tenant_command(database: str | None, file: Path) -> int:
    """Makes the tenant of a file; its purchases become lots."""
    from talktime.accounts.tenant_file import read_tenant
    from talktime.catalog.load import load_catalogue
    from talktime.settings import read_settings

    tenant = read_tenant(file, load_catalogue(read_settings().catalogue))
    tables = _tables(tenant)
    done(administer(database, lambda house: house.make_tenant(tables, WHO)), str(file))
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
                done(await house.make_tenant(_tables(tenant), WHO), f"tenant {tenant.id}")
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
            _name(kept),
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
        screen.say("no tenants yet; `talktime tenants add TENANT.toml` makes one")
    return 0


def done(outcome: Outcome, what: str) -> None:
    """Raises Unusable with what stands against a change."""
    from talktime.accounts.administration import Invalid
    from talktime.ledger.commands import Refused

    if isinstance(outcome, Invalid):
        raise Unusable(f"{what}: {'; '.join(outcome.faults)}")
    if isinstance(outcome, Refused):
        raise Unusable(f"{what}: {outcome.detail}")


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
        "name": _name(kept),
        "currency": kept.currency,
        "balance": format_money(kept.balance),
        "reserved": format_money(kept.reserved),
        "available": format_money(kept.balance - kept.reserved),
    }


def _name(kept: KeptTenant) -> str:
    return msgspec.json.decode(kept.document, type=_Named).name


def _say(text: str) -> None:
    print(printable(text))  # noqa: T201 - the command's answer
