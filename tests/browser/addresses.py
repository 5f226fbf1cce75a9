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
    found = {"tenant": tenant, **examples(center, tenant)}
    for path in page_paths():
        wanted = PARAMETER.findall(path)
        unknown = [name for name in wanted if name not in found]
        assert not unknown, f"{path}: nobody says what {unknown} may be; say it in {__name__}.EXAMPLES"
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
    "call": ("usage", "usage", "call_id"),
    "call_id": ("usage", "usage", "call_id"),
    "upn": ("users", "users", "upn"),
    "user": ("users", "users", "upn"),
    "payment": ("payments", "payments", "payment"),
    "receipt": ("receipts", "receipts", "number"),
    "invoice": ("invoices", "invoices", "number"),
    "ticket": ("tickets", "tickets", "id"),
    "webhook": ("webhooks", "webhooks", "id"),
    "notice": ("notices", "notices", "id"),
    "account": ("billing-accounts", "billing_accounts", "id"),
    "pool": ("pool-report", "pools", "name"),
    "export": ("exports", "exports", "export"),
}
"""A parameter of an address -> the list of the API that has an example: its route, its key, the field."""


def examples(center: Center, tenant: str) -> dict[str, str]:
    """What stands for each parameter, from what the tenant has; "" where it has none."""
    found = {}
    for name, (route, key, field) in EXAMPLES.items():
        rows = center.ask(f"/v1/tenants/{tenant}/{route}")[key]
        found[name] = str(rows[0][field]) if rows else ""
    decks = center.ask("/v1/decks")["decks"]
    return {**found, "version": decks[0]["version"], "deck": decks[0]["version"]}
