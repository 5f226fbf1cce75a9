"""A tenant's settings part by part: users, numbers, administrators, alerts, caps, billing accounts."""

from __future__ import annotations

from collections.abc import Sequence

from talktime.client.exchanges import nothing
from talktime.client.management.answers_money import SpentCap
from talktime.client.management.answers_people import Erased, Events, Imported
from talktime.client.management.answers_previews import DefaultAccountPreview
from talktime.client.management.answers_sign_ins import Invitation
from talktime.client.management.described import IfMatch, Part, S, Sent, asks, lists
from talktime.client.management.readers import PageOf, Tables, Under, Values, WithTag
from talktime.client.management.tables import (
    AdministratorTable,
    AlertsTable,
    BillingAccounts,
    BillingAccountTable,
    CapTable,
    LicenceTable,
    ServiceNumberTable,
    UserTable,
)
from talktime.client.pages import Place

SpentCaps = tuple[SpentCap, ...]
AnyCaps = tuple[CapTable, ...]
People = tuple[AdministratorTable, ...]


class Users(Part[S]):
    """The users of a tenant; `user` is an id or a UPN."""

    @lists("/v1/tenants/{tenant}/users", PageOf("users", UserTable, tables=True), "after")
    def pages(self, *, search: str = "", limit: int = 100, after: Place = "") -> Sent:
        """Users in order of their keys (the id, else the UPN); `search`: those that say it in some field."""
        return Sent(query={"search": search, "limit": limit, "after": after})

    @asks("GET", "/v1/tenants/{tenant}/users/{user}", WithTag[UserTable](Tables(UserTable)))
    def get(self, user: str) -> Sent:
        """One user with its ETag."""
        return Sent(names={"user": user})

    @asks("PUT", "/v1/tenants/{tenant}/users/{user}", Tables(UserTable))
    def put(self, user: str, table: UserTable, *, if_match: IfMatch = None) -> Sent:
        """Adds a user or replaces it."""
        return Sent(names={"user": user}, body=table, if_match=if_match)

    @asks("DELETE", "/v1/tenants/{tenant}/users/{user}", nothing)
    def remove(self, user: str, *, if_match: IfMatch = None) -> Sent:
        """Removes a user; its charges stay."""
        return Sent(names={"user": user}, if_match=if_match)

    @asks("PUT", "/v1/tenants/{tenant}/users/{user}/licences", WithTag[UserTable](Tables(UserTable)))
    def put_licences(
        self, user: str, licences: Sequence[str | LicenceTable], *, if_match: IfMatch = None
    ) -> Sent:
        """Assigns licences to a user; those that are not named are taken away."""
        return Sent(names={"user": user}, body={"licences": licences}, if_match=if_match)

    @asks("PUT", "/v1/tenants/{tenant}/users/{user}/location", WithTag[UserTable](Tables(UserTable)))
    def put_location(self, user: str, location: str, *, if_match: IfMatch = None) -> Sent:
        """Sets the usage location of a user; "" for that of the organisation."""
        return Sent(names={"user": user}, body={"location": location}, if_match=if_match)

    @asks("POST", "/v1/tenants/{tenant}/users/import", Values(Imported))
    def import_csv(self, csv: str | bytes, *, dry_run: bool = False, remove_others: bool = False) -> Sent:
        """Adds and changes users and their licences: all that the file says, or nothing of it.

        `dry_run`: only says what it would do. `remove_others`: also removes users that no line names.
        """
        content = csv.encode() if isinstance(csv, str) else csv
        query = {"dry_run": dry_run, "remove_others": remove_others}
        return Sent(file=(content, "text/csv"), query=query, repeats=dry_run)

    @asks("POST", "/v1/tenants/{tenant}/users/{user}/erase", Values(Erased))
    def erase(self, user: str, *, confirm: bool) -> Sent:
        """Takes a person out of calls, documents, audit log and notices for good; the figures stay."""
        return Sent(names={"user": user}, body={"confirm": confirm})


class ServiceNumbers(Part[S]):
    """Toll and toll-free numbers of a tenant."""

    @lists(
        "/v1/tenants/{tenant}/service-numbers",
        PageOf("service_numbers", ServiceNumberTable, tables=True),
        "after",
    )
    def pages(self, *, limit: int = 100, after: Place = "") -> Sent:
        """Service numbers in order."""
        return Sent(query={"limit": limit, "after": after})

    @asks(
        "GET",
        "/v1/tenants/{tenant}/service-numbers/{number}",
        WithTag[ServiceNumberTable](Tables(ServiceNumberTable)),
    )
    def get(self, number: str) -> Sent:
        """One service number with its ETag."""
        return Sent(names={"number": number})

    @asks("PUT", "/v1/tenants/{tenant}/service-numbers/{number}", Tables(ServiceNumberTable))
    def put(self, number: str, table: ServiceNumberTable, *, if_match: IfMatch = None) -> Sent:
        """Adds a service number or replaces it."""
        return Sent(names={"number": number}, body=table, if_match=if_match)

    @asks("DELETE", "/v1/tenants/{tenant}/service-numbers/{number}", nothing)
    def remove(self, number: str, *, if_match: IfMatch = None) -> Sent:
        """Removes a service number."""
        return Sent(names={"number": number}, if_match=if_match)


class Administrators(Part[S]):
    """The people who look after a tenant."""

    @asks(
        "GET",
        "/v1/tenants/{tenant}/administrators",
        WithTag[People](Under("administrators", AdministratorTable, tables=True)),
    )
    def get(self) -> Sent:
        """The people with their roles, and the ETag."""
        return Sent()

    @asks(
        "PUT",
        "/v1/tenants/{tenant}/administrators",
        WithTag[People](Under("administrators", AdministratorTable, tables=True)),
    )
    def put(self, administrators: Sequence[AdministratorTable], *, if_match: IfMatch = None) -> Sent:
        """Replaces them; what they are told of follows from their roles."""
        return Sent(body={"administrators": administrators}, if_match=if_match)

    @asks("POST", "/v1/tenants/{tenant}/administrators/{upn}/invitation", Values(Invitation))
    def invite(self, upn: str) -> Sent:
        """A link for an administrator to choose a password by; it stands in the answer alone."""
        return Sent(names={"upn": upn})


class Alerts(Part[S]):
    """When a tenant is told, and whom."""

    @asks("GET", "/v1/tenants/{tenant}/alerts", WithTag[AlertsTable](Tables(AlertsTable)))
    def get(self) -> Sent:
        """Levels, days of runway, recipients and chat rooms, with the ETag."""
        return Sent()

    @asks("PUT", "/v1/tenants/{tenant}/alerts", WithTag[AlertsTable](Tables(AlertsTable)))
    def put(self, alerts: AlertsTable, *, if_match: IfMatch = None) -> Sent:
        """Replaces them."""
        return Sent(body=alerts, if_match=if_match)

    @asks("GET", "/v1/tenants/{tenant}/alerts/events", Values(Events))
    def events(self) -> Sent:
        """The events that people are told of, who usually is, who is here, and the roles to choose from."""
        return Sent()


class Caps(Part[S]):
    """Spend caps of users, cost centres and the tenant."""

    @asks("GET", "/v1/tenants/{tenant}/caps", WithTag[SpentCaps](Under("caps", SpentCap)))
    def get(self, *, month: str = "") -> Sent:
        """The caps and what a month, the present one where none is named, has spent of them.

        The ETag is that of the limits, for `put`.
        """
        return Sent(query={"month": month})

    @asks("PUT", "/v1/tenants/{tenant}/caps", WithTag[AnyCaps](Under("caps", CapTable, tables=True)))
    def put(self, caps: Sequence[CapTable], *, if_match: IfMatch = None) -> Sent:
        """Replaces all caps; the ETag is that of `get` or of an earlier `put`."""
        return Sent(body={"caps": caps}, if_match=if_match)


class TenantBillingAccounts(Part[S]):
    """The billing accounts of a tenant."""

    @asks("GET", "/v1/tenants/{tenant}/billing-accounts", Tables(BillingAccounts))
    def all(self) -> Sent:
        """The accounts, and which of them is the default."""
        return Sent()

    @asks(
        "GET",
        "/v1/tenants/{tenant}/billing-accounts/{account}",
        WithTag[BillingAccountTable](Tables(BillingAccountTable)),
    )
    def get(self, account: str) -> Sent:
        """One account with its ETag."""
        return Sent(names={"account": account})

    @asks(
        "PUT",
        "/v1/tenants/{tenant}/billing-accounts/{account}",
        WithTag[BillingAccountTable](Tables(BillingAccountTable)),
    )
    def put(self, account: str, table: BillingAccountTable, *, if_match: IfMatch = None) -> Sent:
        """Adds an account or replaces it; name, address and tax id stand on papers from then on."""
        return Sent(names={"account": account}, body=table, if_match=if_match)

    @asks(
        "GET",
        "/v1/tenants/{tenant}/default-billing-account/{account}/preview",
        Values(DefaultAccountPreview),
    )
    def preview_default(self, account: str) -> Sent:
        """What happens if an account becomes the default one, in sentences."""
        return Sent(names={"account": account})

    @asks("PUT", "/v1/tenants/{tenant}/default-billing-account/{account}", Tables(BillingAccounts))
    def make_default(self, account: str, *, if_match: IfMatch = None) -> Sent:
        """Chooses the account that credits are bought on; `if_match` is of that account."""
        return Sent(names={"account": account}, if_match=if_match)
