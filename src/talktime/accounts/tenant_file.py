"""The tenant file: one organisation as people write it in TOML -> `Tenant` (interfaces.md, The tenant file).

A file is taken as a whole or refused with every fault that it has, each naming table, entry and key.
Amounts are decimal strings, since a TOML float is none; a time without an offset is UTC.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from talktime.accounts.alerts_table import administrators_of, alerts_of
from talktime.accounts.billing_table import auto_recharge_of, billing_account_of, country_of, whole_coins
from talktime.accounts.calendar import to_us, zone
from talktime.accounts.guards_table import guards_of, policies_of
from talktime.accounts.tenant import (
    Alerts,
    AutoRecharge,
    BillingAccount,
    Cap,
    CostCentre,
    Guards,
    Licence,
    Purchase,
    ServiceNumber,
    Subscription,
    Tenant,
    User,
)
from talktime.accounts.tenant_checks import check_tenant
from talktime.accounts.toml_table import Table, WrittenFloat, did_you_mean, shown
from talktime.catalog.model import TOLL, TOLL_FREE, Catalogue
from talktime.catalog.side import load_currencies
from talktime.core.limits import ALWAYS_US, MAX_LICENCES, NEVER_US
from talktime.core.money import format_money
from talktime.core.numbers import NO_NUMBER, parse_number

SCOPES: Final = ("user", "cost_centre", "tenant")
"""Whose spending a cap holds (rulings.md 18)."""

SERVICES: Final = ("conferencing_bridge", "auto_attendant", "call_queue")
"""What answers a service number (domain.md 1)."""

_TABLES: Final = ("tenant", "billing_accounts", "licences", "users", "service_numbers", "purchases")
_MORE: Final = ("cost_centres", "administrators", "alerts", "deck")
_TOP: Final = (*_TABLES, "auto_recharge", "caps", "guards", *_MORE)
_PERSON: Final = ("upn", "id", "name", "location", "numbers")
_USER: Final = (*_PERSON, "licences", "cost_centre", "cap_per_month", "policies")
_CURRENCY: Final = re.compile("[A-Z]{3}")
_LAST_PURCHASE_US: Final = to_us(datetime(3000, 1, 1, tzinfo=UTC))
"""A lot expires a year after its purchase, which the calendar must still know."""


class TenantFileError(ValueError):
    """A tenant file that cannot be used. `faults` are its faults, a sentence each, in the file's order."""

    def __init__(self, path: Path, faults: Sequence[str]) -> None:
        self.path = path
        self.faults = tuple(faults)
        lines = faults[0] if len(faults) == 1 else "\n  ".join((f"{len(faults)} faults:", *faults))
        super().__init__(f"{path}: {lines}")


class TenantFaults(ValueError):  # noqa: N818 - what is wrong, not an accident
    """Tables that make no tenant. `faults`: a sentence each, in the order of the tables."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(faults))


KnownLicences = dict[tuple[str, ...], tuple[Licence, ...]]
"""Lists of plan codes -> the licences that they are: thousands of users hold the same few."""


@dataclass(frozen=True, slots=True)
class _Home:
    """What entries of other tables take from [tenant]: "" where it is at fault.

    `licences`: lists of codes that were read without a fault.
    """

    country: str
    currency: str
    account: str
    catalogue: Catalogue
    licences: KnownLicences


def read_tenant(path: Path, catalogue: Catalogue) -> Tenant:
    """Reads a tenant file.

    Absent are: the name (then the id), the time zone (UTC), a user's location and an account's country (the
    tenant's), the default billing account (the only one, if there is one). Users are found by id, then by
    UPN, in any letter case; a cap's user is given back by UPN. Purchases are named by their position.
    Raises TenantFileError with every fault.
    """
    try:
        return tenant_of_table(_toml(path), catalogue)
    except TenantFaults as error:
        raise TenantFileError(path, error.faults) from None


def tenant_of_table(
    data: Mapping[str, Any], catalogue: Catalogue, known: KnownLicences | None = None
) -> Tenant:
    """A tenant from tables of the same shape that came another way, such as JSON. Raises TenantFaults.

    `known` is kept by who reads many tenants against one catalogue; it begins empty.
    """
    tenant, own = _read(data, catalogue, {} if known is None else known)
    faults = [*own, *check_tenant(tenant, catalogue)]
    if faults:
        raise TenantFaults(faults)
    return tenant


def settings_of_table(
    data: Mapping[str, Any], people: Tenant, catalogue: Catalogue
) -> tuple[Tenant, list[str]]:
    """The settings of tables with the users and service numbers of a tenant; what entries are at fault.

    Whether all of it may be so together is not asked. Raises TenantFaults where [tenant] is missing.
    """
    return _read(data, catalogue, {}, people)


def _read(
    data: Mapping[str, Any], catalogue: Catalogue, known: KnownLicences, people: Tenant | None = None
) -> tuple[Tenant, list[str]]:
    """The tenant with faults of its entries. `people`: whose users and service numbers are taken as read."""
    top = Table(data, "", [])
    top.only(*_TOP)
    table = top.table("tenant")
    if table is None:
        raise TenantFaults([*top.faults, *_no_tenant(top)])
    return _tenant(top, table, catalogue, known, people), top.faults


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8-sig"), parse_float=WrittenFloat)
    except OSError as error:
        raise TenantFileError(path, [f"cannot be read: {error.strerror or error}"]) from None
    except UnicodeDecodeError as error:
        raise TenantFileError(path, [f"is not UTF-8 (byte {error.start}); save it as UTF-8"]) from None
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise TenantFileError(path, [f"is not TOML: {error}"]) from None


def _no_tenant(top: Table) -> list[str]:
    if "tenant" in top.entries:
        return []
    return ["the table [tenant] is missing; begin with [tenant] and its id, country and currency"]


def _tenant(
    top: Table, table: Table, catalogue: Catalogue, known: KnownLicences, people: Tenant | None
) -> Tenant:
    """The tenant with all its tables; faults go to the tables' list."""
    table.only("id", "name", "country", "currency", "time_zone", "default_billing_account", "deck")
    id_ = table.needed("id")
    if id_ in (".", "..") or "/" in id_:
        table.fault(f"id {shown(id_)} cannot stand in an address; write no slashes, nor dots alone")
    country, currency = country_of(table, "country", None, catalogue), _currency(table)
    accounts = [
        billing_account_of(entry, country, catalogue) for entry in top.tables("billing_accounts", "id")
    ]
    default_account = _account(table, "default_billing_account", _only_id(accounts), accounts)
    home = _Home(country, currency, default_account, catalogue, known)
    users = people.users if people else tuple(_user(entry, home) for entry in top.tables("users", "upn"))
    caps = list(top.tables("caps", "id"))
    upns = _upns(users) if caps else {}
    recharge, guards, alerts = top.table("auto_recharge"), top.table("guards"), top.table("alerts")
    return Tenant(
        id=id_,
        name=table.text("name") or id_,
        country=country,
        currency=currency,
        time_zone=_time_zone(table),
        default_billing_account=default_account,
        billing_accounts=tuple(accounts),
        subscriptions=_subscriptions(top, accounts, home),
        users=users,
        service_numbers=people.service_numbers
        if people
        else tuple(_service(entry, home) for entry in top.tables("service_numbers", "number")),
        purchases=tuple(
            _purchase(entry, at, home) for at, entry in enumerate(top.tables("purchases", "at"), 1)
        ),
        auto_recharge=AutoRecharge() if recharge is None else auto_recharge_of(recharge, currency),
        caps=tuple(_cap(entry, id_, upns) for entry in caps),
        guards=Guards() if guards is None else guards_of(guards, catalogue),
        deck=_deck(top, table),
        administrators=administrators_of(top),
        alerts=Alerts() if alerts is None else alerts_of(alerts),
        cost_centres=tuple(_cost_centre(entry) for entry in top.tables("cost_centres", "id")),
    )


def _deck(top: Table, table: Table) -> str:
    """The deck, from the top of the file or from [tenant], where a line at the end of a table lands."""
    above, inside = top.text("deck"), table.text("deck")
    if above and inside and above != inside:
        table.fault(f"deck {shown(inside)} differs from deck {shown(above)} above; keep one")
    return above or inside


def _currency(table: Table) -> str:
    value = table.needed("currency")
    known = load_currencies().minor_units
    if not value or value in known:
        return value
    if value.upper() in known:
        table.fault(f"currency {shown(value)} must be in capital letters: write {shown(value.upper())}")
    elif _CURRENCY.fullmatch(value):
        table.fault(f"currency {shown(value)} is no currency of ISO 4217")
    else:
        table.fault(f"currency {shown(value)} must be three capital letters of ISO 4217")
    return ""


def _time_zone(table: Table) -> str:
    name = table.text("time_zone", "UTC")
    try:
        zone(name)
    except ValueError as error:
        table.fault(f"time_zone: {error}")
    return name


def _only_id(accounts: Sequence[BillingAccount]) -> str:
    return accounts[0].id if len(accounts) == 1 else ""


def _account(table: Table, key: str, default: str, accounts: Sequence[BillingAccount]) -> str:
    """The id of a billing account of this file."""
    value = table.text(key) or default
    ids = [account.id for account in accounts]
    if value and value not in ids:
        table.fault(f"{key}: no [[billing_accounts]] has the id {shown(value)}{did_you_mean(value, ids)}")
    return value


def _subscriptions(top: Table, accounts: Sequence[BillingAccount], home: _Home) -> tuple[Subscription, ...]:
    """What was bought; none where one entry is at fault, since assigned licences would seem too many."""
    before = len(top.faults)
    bought = [_subscription(entry, accounts, home) for entry in top.tables("licences", "plan")]
    return () if len(top.faults) > before else tuple(bought)


def _subscription(table: Table, accounts: Sequence[BillingAccount], home: _Home) -> Subscription:
    table.only("plan", "purchased", "billing_account", "from", "until")
    plan = _plan(table, home.catalogue)
    purchased = table.count("purchased", MAX_LICENCES)
    account = home.account
    if "billing_account" in table.entries:
        account = _account(table, "billing_account", home.account, accounts)
    return Subscription(plan, purchased, account, *(table.validity() or (ALWAYS_US, NEVER_US)))


def _plan(table: Table, catalogue: Catalogue) -> str:
    """The code of a plan of the catalogue; a fault gives ""."""
    code = table.needed("plan")
    if not code or code in catalogue.plans:
        return code
    table.fault(f"unknown plan {shown(code)}{did_you_mean(code, catalogue.plans)}")
    return ""


def _user(table: Table, home: _Home) -> User:
    table.only(*_USER)
    location = country_of(table, "location", home.country, home.catalogue)
    cap = table.money("cap_per_month")
    if cap is not None and cap < 0:
        table.fault("cap_per_month must not be below 0")
    return User(
        upn=table.needed("upn"),
        id=table.text("id"),
        name=table.text("name"),
        location=location,
        licences=_licences(table, home),
        numbers=_numbers(table, location, home.catalogue),
        cost_centre=table.text("cost_centre"),
        cap_per_month_micros=cap,
        policies=policies_of(table) if "policies" in table.entries else (),
    )


def _licences(table: Table, home: _Home) -> tuple[Licence, ...]:
    """Licences as codes or as { plan, from, until }; those at fault are left out."""
    values = table.items("licences")
    codes = tuple([value for value in values if isinstance(value, str)])
    known = home.licences.get(codes) if len(codes) == len(values) else None
    if known is not None:
        return known
    before = len(table.faults)
    found = _licences_of(table, values, home.catalogue)
    if len(codes) == len(values) and len(table.faults) == before:
        home.licences[codes] = found
    return found


def _licences_of(table: Table, values: Sequence[object], catalogue: Catalogue) -> tuple[Licence, ...]:
    found = []
    for position, value in enumerate(values, 1):
        where = f"{table.where}: licences[{position}]"
        if not isinstance(value, str | dict):
            table.fault(
                f"licences[{position}] {shown(value)} must be a plan's code or {{ plan, from, until }}"
            )
            continue
        entry = Table({"plan": value} if isinstance(value, str) else value, where, table.faults)
        entry.only("plan", "from", "until")
        plan, validity = _plan(entry, catalogue), entry.validity()
        if plan and validity:
            found.append(Licence(plan, *validity))
    return tuple(found)


def _numbers(table: Table, location: str, catalogue: Catalogue) -> tuple[str, ...]:
    numbers = []
    for position, value in enumerate(table.items("numbers"), 1):
        number = _number(value, location, catalogue)
        if not number:
            table.fault(f"numbers[{position}] {_no_number(value)}")
        numbers.append(number)
    return tuple(numbers)


def _number(value: object, location: str, catalogue: Catalogue) -> str:
    """A number as `+` and digits; one written the national way is of the location. "" where it is none."""
    number = parse_number(value, catalogue.dialling.get(location)) if isinstance(value, str) else NO_NUMBER
    return number.text if number.digits and not number.hidden else ""


def _no_number(value: object) -> str:
    return f'{shown(value)} is not a telephone number; write it in quotes, as "+14255550100"'


def _service(table: Table, home: _Home) -> ServiceNumber:
    table.only("number", "kind", "service", "licences", "cost_centre")
    written = table.needed("number")
    number = _number(written, home.country, home.catalogue)
    if written and not number:
        table.fault(f"number {_no_number(written)}")
    return ServiceNumber(
        number=number,
        kind=table.word("kind", (TOLL, TOLL_FREE)),
        service=table.word("service", SERVICES) if "service" in table.entries else "",
        licences=_licences(table, home),
        cost_centre=table.text("cost_centre"),
    )


def _purchase(table: Table, position: int, home: _Home) -> Purchase:
    table.only("at", "amount")
    at_us, amount = table.instant("at"), _amount(table, "amount")
    if "at" not in table.entries:
        table.fault("at is missing")
    elif at_us is not None and at_us >= _LAST_PURCHASE_US:
        table.fault(f"at {shown(table.entries['at'])} is too far ahead")
    minimum = load_currencies().minimum_purchase_micros(home.currency)
    if amount is not None and amount <= 0:
        table.fault(f"amount {format_money(amount)} must be above 0")
    elif amount is not None and home.currency and amount < minimum:
        least = f"{format_money(minimum)} {home.currency}"
        table.fault(f"amount {format_money(amount)} is below the least purchase of {least}")
    if amount is not None:
        whole_coins(table, "amount", amount, home.currency)
    return Purchase(f"purchase-{position:06}", at_us or 0, amount or 0)


def _amount(table: Table, key: str) -> int | None:
    """A needed amount; None where it is absent or at fault."""
    if key not in table.entries:
        table.fault(f"{key} is missing")
    return table.money(key)


def _cap(table: Table, tenant: str, upns: Mapping[str, str]) -> Cap:
    table.only("scope", "id", "amount")
    scope, amount = table.word("scope", SCOPES), _amount(table, "amount")
    if amount is not None and amount < 0:
        table.fault(f"amount {format_money(amount)} must not be below 0")
    if scope == "tenant":
        return Cap(scope, table.text("id") or tenant, amount or 0)
    id_ = table.needed("id")
    return Cap(scope, upns.get(id_.casefold(), id_) if scope == "user" else id_, amount or 0)


def _cost_centre(table: Table) -> CostCentre:
    table.only("id", "parent", "name")
    return CostCentre(table.needed("id"), table.text("parent"), table.text("name"))


def _upns(users: Sequence[User]) -> dict[str, str]:
    """What a user may be called (id, else UPN; in lower case) -> the UPN."""
    by_upn = {user.upn.casefold(): user.upn for user in users}
    return by_upn | {user.id.casefold(): user.upn for user in users if user.id}
