"""Calls as people look at them, usage and what it comes to, pools, and files to take away."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from talktime.client.management.answers_calls import (
    CallInProgress,
    CallStory,
    ChargeLine,
    Consumers,
    EndedCall,
    Export,
    Forgotten,
    PoolReport,
    Spend,
    UsageRow,
    UsageSummary,
)
from talktime.client.management.answers_money import Pool
from talktime.client.management.described import Part, S, Sent, asks, lists, steps
from talktime.client.management.readers import PageOf, Under, Values, file
from talktime.client.pages import Place
from talktime.client.sending import Pause, Steps

By = Literal["category", "call_type", "country", "user", "service_number", "cost_centre"]
ExportKind = Literal["usage", "spend", "entries", "movements", "pools"]
ExportFormat = Literal["xlsx", "csv", "parquet"]

ON_THE_WAY: Final = frozenset({"waiting", "running"})
"""States of an export whose file is still to come."""


class Calls(Part[S]):
    """Calls of a tenant, charged ones and those in progress."""

    @lists("/v1/tenants/{tenant}/calls", PageOf("calls", ChargeLine), "before")
    def pages(self, *, limit: int = 100, before: Place = "") -> Sent:
        """Charges, newest first; a corrected call stands there twice."""
        return Sent(query={"limit": limit, "before": before})

    @asks("GET", "/v1/tenants/{tenant}/calls/{call_id}", Values(CallStory))
    def get(self, call_id: str) -> Sent:
        """One call: what was decided, who paid, the entries."""
        return Sent(names={"call_id": call_id})

    @asks("GET", "/v1/tenants/{tenant}/calls-in-progress", Under("calls", CallInProgress))
    def in_progress(self, *, limit: int = 100) -> Sent:
        """Calls in progress and what each reserves, those first that are due first."""
        return Sent(query={"limit": limit})

    @asks("POST", "/v1/tenants/{tenant}/calls/{call_id}/end", Values(EndedCall))
    def end(self, call_id: str, *, duration_seconds: int | None = None) -> Sent:
        """Ends a call and charges it; without a duration the switch's last report counts."""
        return Sent(names={"call_id": call_id}, body={"duration_seconds": duration_seconds})

    @asks("POST", "/v1/tenants/{tenant}/calls/{call_id}/release", Values(EndedCall))
    def release(self, call_id: str) -> Sent:
        """Releases a stuck reservation."""
        return Sent(names={"call_id": call_id})


class Usage(Part[S]):
    """Charged calls as rows, and what they come to; the last 28 days where no span is given."""

    @lists("/v1/tenants/{tenant}/usage", PageOf("usage", UsageRow))
    def pages(  # noqa: PLR0913 - a filter each
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        user: str = "",
        call_type: str = "",
        category: str = "",
        country: str = "",
        limit: int = 100,
        cursor: Place = "",
    ) -> Sent:
        """Charged calls, newest charge first; `user` is an id, a UPN or a service number.

        `country` is that of the called number (ISO 3166).
        """
        return Sent(
            query={
                "from": since,
                "until": until,
                "user": user,
                "call_type": call_type,
                "category": category,
                "country": country,
                "limit": limit,
                "cursor": cursor,
            }
        )

    @asks("GET", "/v1/tenants/{tenant}/usage/summary", Values(UsageSummary))
    def summary(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        user: str = "",
        call_type: str = "",
        category: str = "",
        country: str = "",
    ) -> Sent:
        """What the calls of a report come to: in all, by day, by category, by call type."""
        return Sent(query=_chosen(since, until, user, call_type, category, country))

    @asks("GET", "/v1/tenants/{tenant}/spend", Values(Spend))
    def spend(
        self,
        by: By = "category",
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        user: str = "",
        call_type: str = "",
        category: str = "",
        country: str = "",
    ) -> Sent:
        """What the calls of a span come to, by one thing, dearest first."""
        return Sent(query={"by": by, **_chosen(since, until, user, call_type, category, country)})


def _chosen(
    since: datetime | None, until: datetime | None, user: str, call_type: str, category: str, country: str
) -> dict[str, datetime | str | None]:
    """The filters of a report as its routes know them."""
    return {
        "from": since,
        "until": until,
        "user": user,
        "call_type": call_type,
        "category": category,
        "country": country,
    }


class Pools(Part[S]):
    """Pools of minutes in a month, the present one where none is named."""

    @asks("GET", "/v1/tenants/{tenant}/pools", Under("pools", Pool))
    def all(self, *, month: str = "") -> Sent:
        """The pools with their owners."""
        return Sent(query={"month": month})

    @asks("GET", "/v1/tenants/{tenant}/pool-report", Values(PoolReport))
    def report(self, *, month: str = "") -> Sent:
        """Total, used and left of each pool."""
        return Sent(query={"month": month})

    @asks("GET", "/v1/tenants/{tenant}/pools/{name}/consumers", Values(Consumers))
    def consumers(self, name: str, *, month: str = "", limit: int = 10) -> Sent:
        """Who used a pool, most first; `name` as the report has it."""
        return Sent(names={"name": name}, query={"month": month, "limit": limit})


class Exports(Part[S]):
    """Files with usage, spend, entries, movements or pools; each is kept for seven days."""

    @asks("POST", "/v1/tenants/{tenant}/exports", Values(Export))
    def order(  # noqa: PLR0913 - a filter each
        self,
        kind: ExportKind,
        form: ExportFormat,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        with_names: bool = False,
        user: str = "",
        call_type: str = "",
        category: str = "",
        country: str = "",
    ) -> Sent:
        """Orders an export; the last 28 days where no span is given. Filters choose calls of usage."""
        chosen = _chosen(since, until, user, call_type, category, country)
        return Sent(body={"kind": kind, "format": form, "with_names": with_names, **chosen})

    @lists("/v1/tenants/{tenant}/exports", PageOf("exports", Export))
    def pages(self, *, limit: int = 100, cursor: Place = "") -> Sent:
        """Exports, newest first."""
        return Sent(query={"limit": limit, "cursor": cursor})

    @asks("GET", "/v1/tenants/{tenant}/exports/{export}", Values(Export))
    def get(self, export: str) -> Sent:
        """One export and what became of it."""
        return Sent(names={"export": export})

    @asks("GET", "/v1/tenants/{tenant}/exports/{export}/file", file)
    def file(self, export: str) -> Sent:
        """The file of an export that is done."""
        return Sent(names={"export": export})

    @steps
    def wait(self, export: str, *, limit_s: float = 600, every_s: float = 1) -> Steps[Export]:
        """Looks again until an export is done, failed or expired. Raises TimeoutError."""
        waited_s = 0.0
        while True:
            found: Export = yield Exports.get.exchange(self, export)
            if found.state not in ON_THE_WAY:
                return found
            if waited_s >= limit_s:
                raise TimeoutError(f"export {export!r} is {found.state} after {limit_s:g} s")
            yield Pause(every_s)
            waited_s += every_s


class Retention(Part[S]):
    """How long calls keep their names."""

    @asks("POST", "/v1/tenants/{tenant}/retention", Values(Forgotten))
    def forget(self) -> Sent:
        """Takes the names out of calls whose time has come, now."""
        return Sent()
