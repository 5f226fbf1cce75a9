"""The planner: what to buy, which plan for whom, when the money runs out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, Literal

from talktime.client.exchanges import nothing
from talktime.client.management.answers_plan import Plan, PlanChoices, PlanLine
from talktime.client.management.described import Part, S, Sent, asks, lists, steps
from talktime.client.management.readers import PageOf, Values, file, text
from talktime.client.pages import Place
from talktime.client.sending import Pause, Steps

Confidence = Literal["80", "90", "95", "99", "99.9"]

ON_THE_WAY: Final = frozenset({"waiting", "running"})
"""States of a question whose answer is still to come."""


class Planner(Part[S]):
    """Questions to the planner about files of usage (`usage_files`); each is kept for 30 days."""

    @asks("POST", "/v1/tenants/{tenant}/plans", Values(Plan))
    def ask(
        self,
        files: Sequence[str],
        *,
        confidence_percent: Confidence = "95",
        lead_hours: int = 24,
        payments_a_month: int = 4,
        months_ahead: int = 12,
        prices: Mapping[str, Decimal | str] | None = None,
        currency: str = "",
    ) -> Sent:
        """Asks by one to twelve files, taken as one usage; `prices`: plan -> a licence's price a month."""
        told = {
            code: f"{price:f}" if isinstance(price, Decimal) else price
            for code, price in (prices or {}).items()
        }
        return Sent(
            body={
                "files": list(files),
                "confidence_percent": confidence_percent,
                "lead_hours": lead_hours,
                "payments_a_month": payments_a_month,
                "months_ahead": months_ahead,
                "prices": told,
                "currency": currency,
            }
        )

    @asks("GET", "/v1/tenants/{tenant}/plans/choices", Values(PlanChoices))
    def choices(self) -> Sent:
        """What can be chosen: licence prices of the sample, and for which plans."""
        return Sent()

    @lists("/v1/tenants/{tenant}/plans", PageOf("plans", PlanLine))
    def pages(self, *, limit: int = 100, cursor: Place = "") -> Sent:
        """Questions, newest first."""
        return Sent(query={"limit": limit, "cursor": cursor})

    @asks("GET", "/v1/tenants/{tenant}/plans/{plan}", Values(Plan))
    def get(self, plan: str) -> Sent:
        """One question, how far it has come, and its answer."""
        return Sent(names={"plan": plan})

    @asks("GET", "/v1/tenants/{tenant}/plans/{plan}/workbook", file)
    def workbook(self, plan: str) -> Sent:
        """The answer as an Excel workbook."""
        return Sent(names={"plan": plan})

    @asks("GET", "/v1/tenants/{tenant}/plans/{plan}/changes", text)
    def changes(self, plan: str) -> Sent:
        """Who should change plans, and why, as CSV."""
        return Sent(names={"plan": plan})

    @asks("DELETE", "/v1/tenants/{tenant}/plans/{plan}", nothing)
    def drop(self, plan: str) -> Sent:
        """Forgets a question; one that is being worked out is given up."""
        return Sent(names={"plan": plan})

    @steps
    def wait(self, plan: str, *, limit_s: float = 1_800, every_s: float = 1) -> Steps[Plan]:
        """Looks again until a question is done or failed. Raises TimeoutError."""
        waited_s = 0.0
        while True:
            found: Plan = yield Planner.get.exchange(self, plan)
            if found.state not in ON_THE_WAY:
                return found
            if waited_s >= limit_s:
                raise TimeoutError(f"plan {plan!r} is {found.state} after {limit_s:g} s")
            yield Pause(every_s)
            waited_s += every_s
