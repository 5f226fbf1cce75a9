"""What the provider does to a tenant, and what is written down of it: waivers, approvals, the journal."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from talktime.client.exchanges import nothing
from talktime.client.management.answers_money import Change, Entry
from talktime.client.management.answers_people import Approval, Approved, Partner, Status, Waiver
from talktime.client.management.described import Part, S, Sent, asks, lists
from talktime.client.management.readers import PageOf, Under, Values
from talktime.client.pages import Place


class TenantStatus(Part[S]):
    """Active, suspended or closed."""

    @asks("GET", "/v1/tenants/{tenant}/status", Values(Status))
    def get(self) -> Sent:
        """What the provider made of the tenant."""
        return Sent()

    @asks("PUT", "/v1/tenants/{tenant}/status", Values(Status))
    def put(self, status: Literal["active", "suspended", "closed"], reason: str) -> Sent:
        """Suspends a tenant, makes it active again, or closes it for good."""
        return Sent(body={"status": status, "reason": reason}, repeats=False)


class TenantPartner(Part[S]):
    """The partner through whom a tenant buys."""

    @asks("GET", "/v1/tenants/{tenant}/partner", Values(Partner))
    def get(self) -> Sent:
        """The partner of the tenant, if it has one."""
        return Sent()

    @asks("PUT", "/v1/tenants/{tenant}/partner", Values(Partner))
    def put(self, partner: str) -> Sent:
        """Says which partner the tenant has; "" for none."""
        return Sent(body={"partner": partner})


class Waivers(Part[S]):
    """Exceptions to rules of eligibility."""

    @asks("GET", "/v1/tenants/{tenant}/waivers", Under("waivers", Waiver))
    def all(self) -> Sent:
        """The exceptions of the tenant."""
        return Sent()

    @asks("POST", "/v1/tenants/{tenant}/waivers", Values(Waiver))
    def grant(self, rule: str, reason: str, until: datetime) -> Sent:
        """Lets a tenant buy although a rule fails; it replaces an exception to the same rule."""
        return Sent(body={"rule": rule, "reason": reason, "until": until})

    @asks("DELETE", "/v1/tenants/{tenant}/waivers/{rule}", nothing)
    def end(self, rule: str) -> Sent:
        """Ends an exception before its time."""
        return Sent(names={"rule": rule})


class Approvals(Part[S]):
    """Adjustments that take two persons."""

    @lists("/v1/tenants/{tenant}/approvals", PageOf("approvals", Approval))
    def pages(self, *, limit: int = 100, cursor: Place = "") -> Sent:
        """Those that wait and those that were decided, in order of their ids."""
        return Sent(query={"limit": limit, "cursor": cursor})

    @asks("POST", "/v1/tenants/{tenant}/approvals/{approval}/approve", Values(Approved))
    def approve(self, approval: str) -> Sent:
        """Books an adjustment that somebody else asked for."""
        return Sent(names={"approval": approval})

    @asks("POST", "/v1/tenants/{tenant}/approvals/{approval}/decline", Values(Approval))
    def decline(self, approval: str, reason: str) -> Sent:
        """Refuses an adjustment, or withdraws one's own."""
        return Sent(names={"approval": approval}, body={"reason": reason})


class Books(Part[S]):
    """What is written down: the journal, and who changed what."""

    @lists("/v1/tenants/{tenant}/entries", PageOf("entries", Entry), "before")
    def entries(self, *, limit: int = 100, before: Place = "") -> Sent:
        """The journal, newest first; `before`: only numbers below."""
        return Sent(query={"limit": limit, "before": before})

    @lists("/v1/tenants/{tenant}/audit", PageOf("audit", Change), "before")
    def audit(self, *, search: str = "", limit: int = 100, before: Place = "") -> Sent:
        """Who changed what, newest first; `search`: that say it somewhere; `before`: only ids below."""
        return Sent(query={"search": search, "limit": limit, "before": before})
