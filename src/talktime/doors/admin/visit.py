"""One person at one page: what it asks with, what it may do, how it reads and writes addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from markupsafe import Markup
from nicegui import ui

from talktime.client import AsyncManagement
from talktime.doors.admin.words import Words

if TYPE_CHECKING:
    from talktime.client.management.tenant import Tenant
    from talktime.client.sending import AsyncSender


class Elsewhere(Exception):  # noqa: N818 - not a fault
    """Raised by a page that is another one: the browser is sent to `address` before it shows anything."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__(address)


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in."""

    upn: str
    name: str


@dataclass(frozen=True, slots=True)
class Visit:
    """What a page is built with. `tenant_id` is "" on the pages of the installation.

    `operations` are those that the API says this person may do here; what is not among them is not offered,
    and refused by the API where somebody asks all the same. `name` is the tenant's, for people.
    """

    management: AsyncManagement
    person: Person
    tenant_id: str = ""
    name: str = ""
    operations: frozenset[str] = frozenset()
    settings: Mapping[str, Any] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    words: Words = field(default_factory=Words)
    address: str = "/"

    @property
    def tenant(self) -> Tenant[AsyncSender]:
        """The tenant of the address, as the API's client has it."""
        return self.management.tenant(self.tenant_id)

    def may(self, operation: str) -> bool:
        """Whether this person may do this here."""
        return operation in self.operations

    # --- addresses -----------------------------------------------------------------------------------------

    def link(self, *steps: str, **query: str | int | None) -> str:
        """An address inside the tenant, escaped, with a query: `at.link("calls", call_id, days=7)`."""
        path = "/".join(("", "tenants", quote(self.tenant_id, safe=""), *(_step(each) for each in steps)))
        return path.rstrip("/") + _asked(query)

    def here(self, **changes: str | int | None) -> str:
        """The address of this page with some of its query changed; None takes a word away."""
        return self.address.partition("?")[0] + _asked({**self.query, **changes})

    def go(self, address: str) -> None:
        """Leaves for another address of the centre."""
        ui.navigate.to(address)

    # --- how things are written -----------------------------------------------------------------------------

    def money(self, amount: Decimal | None, currency: str = "") -> Markup:
        """As `Words.money`."""
        return self.words.money(amount, currency)

    def when(self, instant: datetime | None) -> Markup:
        """As `Words.when`."""
        return self.words.when(instant)

    def day(self, instant: datetime | None) -> Markup:
        """As `Words.day`."""
        return self.words.day(instant)

    def today(self) -> date:
        """As `Words.today`."""
        return self.words.today()


def _step(step: str) -> str:
    """A step of a path; one with slashes of its own ("credits/add") is several, which come from us."""
    return quote(step, safe="/") if step.replace("/", "").replace("-", "").isalpha() else quote(step, safe="")


def _asked(query: Mapping[str, str | int | None]) -> str:
    said = {name: str(value) for name, value in query.items() if value not in (None, "")}
    return "?" + urlencode(said) if said else ""
