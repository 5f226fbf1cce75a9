"""Every page of the admin center as an address to open: parameters are filled in from the ledger."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Final, NamedTuple
from urllib.parse import quote

from tests.browser.centers import Center

PARAMETER: Final = re.compile(r"{(\w+)(?::\w+)?}")
TENANT: Final = "/tenants/{tenant}"
ADMINISTRATOR, OPERATOR, NOBODY = "global@{tenant}.example", "provider@talktime.example", ""


class Address(NamedTuple):
    """A page: its name in files, its address, and who looks at it, with `{tenant}` in the UPN."""

    name: str
    path: str
    who: str


def page_paths() -> list[str]:
    """The addresses of all pages with their parameters in braces, in order."""
    from talktime.doors.admin import pages
    from talktime.doors.admin.page import PAGES

    for module in iter_modules(pages.__path__):
        import_module(f"{pages.__name__}.{module.name}")
    return sorted(PAGES)


def addresses(center: Center, tenant: str) -> Iterator[Address]:
    """All pages as they are for one tenant; a page is left out where the tenant has nothing to fill it."""
    found = {"tenant": tenant}
    for path in page_paths():
        wanted = PARAMETER.findall(path)
        for name in wanted:
            if name not in found:
                found[name] = example(center, tenant, name)
        if all(found[name] for name in wanted):
            filled = PARAMETER.sub(lambda name: quote(found[name[1]], safe="@"), path)
            yield Address(name_of(path), filled, ADMINISTRATOR if path.startswith(TENANT) else OPERATOR)


def name_of(path: str) -> str:
    """`/tenants/{tenant}/calls/{call}` -> `calls-call`; the tenant's first page is `home`."""
    own = path.removeprefix(TENANT)
    if own == "" and path:
        return "home"
    return "-".join(PARAMETER.sub(r"\1", own).strip("/").split("/")) or "start"


EXAMPLES: Final[Mapping[str, tuple[str, str, str]]] = {
    "call": ("/v1/tenants/{tenant}/usage", "usage", "callId"),
    "call_id": ("/v1/tenants/{tenant}/usage", "usage", "callId"),
    "upn": ("/v1/tenants/{tenant}/users", "users", "upn"),
    "user": ("/v1/tenants/{tenant}/users", "users", "upn"),
    "payment": ("/v1/tenants/{tenant}/payments", "payments", "payment"),
    "receipt": ("/v1/tenants/{tenant}/receipts", "receipts", "number"),
    "invoice": ("/v1/tenants/{tenant}/invoices", "invoices", "number"),
    "ticket": ("/v1/tenants/{tenant}/tickets", "tickets", "id"),
    "webhook": ("/v1/tenants/{tenant}/webhooks", "webhooks", "id"),
    "notice": ("/v1/tenants/{tenant}/notices", "notices", "id"),
    "account": ("/v1/tenants/{tenant}/billing-accounts", "billing_accounts", "id"),
    "pool": ("/v1/tenants/{tenant}/pool-report", "pools", "name"),
    "version": ("/v1/decks", "decks", "version"),
    "deck": ("/v1/decks", "decks", "version"),
    "question": ("/v1/tenants/{tenant}/what-if", "what_ifs", "id"),
    "plan": ("/v1/tenants/{tenant}/plans", "plans", "id"),
    "export": ("/v1/tenants/{tenant}/exports", "exports", "id"),
}
"""A parameter of an address -> the list of the API that has an example: its route, its key, the field."""


def example(center: Center, tenant: str, name: str) -> str:
    """What stands for a parameter, from what the tenant has; "" where it has none."""
    assert name in EXAMPLES, (
        f"nobody says what {{{name}}} may be in an address; say it in {__name__}.EXAMPLES"
    )
    route, key, field = EXAMPLES[name]
    rows = center.ask(route.format(tenant=tenant))[key]
    return str(rows[0][field]) if rows else ""
