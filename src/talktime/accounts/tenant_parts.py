"""One part of a tenant at a time: its administrators, alerts, caps, an account, a user's licences.

Changes like those of `tenant_changes`, which they are made of: the part is put into the tables of the tenant
file, read by its reader and checked as a whole; the audit log shows the part before and after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from talktime.accounts.documents import user_key
from talktime.accounts.tenant import Alerts
from talktime.accounts.tenant_changes import (
    UNKNOWN_USER,
    Change,
    index_of,
    settings_put,
    user_put,
    without_secrets,
)
from talktime.accounts.tenant_tables import service_table, settings_tables, user_table
from talktime.core.numbers import parse_number
from talktime.ledger.commands import Refused

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant, User
    from talktime.catalog.model import Catalogue

ADMINISTRATORS: Final = "administrators"
ALERTS: Final = "alerts"
CAPS: Final = "caps"
ACCOUNTS: Final = "billing_accounts"
DEFAULT_ACCOUNT: Final = "default_billing_account"

LOCATION: Final = "location"
LICENCES: Final = "licences"

UNKNOWN_ACCOUNT: Final = "unknown_billing_account"

Entry = Mapping[str, Any]


def list_part(tenant: Tenant, part: str) -> list[dict[str, Any]]:
    """The entries of a list of the tenant file: its administrators, caps or billing accounts."""
    found: list[dict[str, Any]] = settings_tables(tenant).get(part, [])
    return found


def alerts_part(tenant: Tenant) -> dict[str, Any]:
    """When the tenant wants to be told, also where it never said so."""
    found: dict[str, Any] = settings_tables(tenant).get(ALERTS, {"runway_days": Alerts().runway_days})
    return found


def account_part(tenant: Tenant, account: str) -> dict[str, Any] | None:
    """One billing account; None where there is none of this id."""
    return next((one for one in list_part(tenant, ACCOUNTS) if one["id"] == account), None)


def user_named(tenant: Tenant, name: str) -> User | None:
    """The user whose id, else whose UPN, is `name` in any letter case; None where there is none."""
    at = index_of(tenant, name)
    return None if at is None else tenant.users[at]


def user_part(tenant: Tenant, name: str) -> dict[str, Any] | None:
    """A user as the tenant file has it; None where there is none of this name."""
    user = user_named(tenant, name)
    return None if user is None else user_table(user)


def users_found(tenant: Tenant, search: str, after: str, limit: int) -> list[User]:
    """Users that say something in a name, number, plan, cost centre or location, by key, behind one."""
    words = search.strip().casefold()
    found = ((user_key(user), user) for user in tenant.users if _says(user, words))
    return [user for key, user in sorted(found, key=lambda one: one[0]) if key > after][:limit]


def _says(user: User, words: str) -> bool:
    plans = (licence.plan for licence in user.licences)
    said = (user.upn, user.name, user.id, user.cost_centre, *user.numbers, *plans)
    return user.location.casefold() == words or any(words in text.casefold() for text in said)


def service_part(tenant: Tenant, number: str) -> dict[str, Any] | None:
    """A service number as the tenant file has it; None where there is none."""
    asked = parse_number(number, None).text
    return next((service_table(one) for one in tenant.service_numbers if one.number == asked), None)


def part_put(tenant: Tenant, part: str, value: Entry | Sequence[Entry], catalogue: Catalogue) -> Change:
    """Replaces one table of the settings. Raises TenantFaults."""
    tables = settings_tables(tenant)
    put = settings_put(tenant, {**tables, part: value}, catalogue)
    shown = [without_secrets(one).get(part) for one in (tables, settings_tables(put.tenant))]
    return put._replace(before=_json(shown[0]), after=_json(shown[1]))


def account_put(tenant: Tenant, account: str, entry: Entry, catalogue: Catalogue) -> Change:
    """Adds a billing account or replaces it; the first one becomes the default. Raises TenantFaults."""
    known = list_part(tenant, ACCOUNTS)
    entries = [entry if one["id"] == account else one for one in known]
    if account not in {one["id"] for one in known}:
        entries.append(dict(entry))
    put = part_put(tenant, ACCOUNTS, entries, catalogue)
    before, after = (_json(account_part(one, account)) for one in (tenant, put.tenant))
    return put._replace(before=before, after=after)


def default_account_set(tenant: Tenant, account: str, catalogue: Catalogue) -> Change | Refused:
    """Chooses the account that credits are bought on. Raises TenantFaults."""
    if account_part(tenant, account) is None:
        return Refused(UNKNOWN_ACCOUNT, f"the tenant has no billing account {account!r}")
    own = settings_tables(tenant)["tenant"]
    put = part_put(tenant, "tenant", {**own, DEFAULT_ACCOUNT: account}, catalogue)
    return put._replace(before=tenant.default_billing_account, after=account)


def user_part_put(
    tenant: Tenant, name: str, key: str, value: object, catalogue: Catalogue
) -> Change | Refused:
    """Replaces one thing of a user: its licences, or where it is. Raises TenantFaults."""
    table = user_part(tenant, name)
    if table is None:
        return Refused(UNKNOWN_USER, f"the tenant has no user {name!r}")
    return user_put(tenant, name, {**table, key: value}, catalogue)


def _json(table: object) -> str:
    return "" if table is None else msgspec.json.encode(table).decode()
