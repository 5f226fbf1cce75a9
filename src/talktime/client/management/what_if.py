"""What if: usage that somebody brings, charged by other plans, decks and rules than today's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NotRequired, TypedDict

from talktime.client.exchanges import nothing
from talktime.client.management.answers_what_if import UsageFile, WhatIf, WhatIfChoices, WhatIfLine
from talktime.client.management.described import Part, S, Sent, asks, lists, steps
from talktime.client.management.readers import PageOf, Under, Values, file
from talktime.client.pages import Place
from talktime.client.sending import Pause, Steps

BYTES: Final = "application/octet-stream"

ON_THE_WAY: Final = frozenset({"waiting", "running"})
"""States of a question whose answer is still to come."""


class SwapTable(TypedDict, total=False):
    """Holders of `plan` ("": every user) get `becomes` ("": none); with `country` those located there."""

    plan: str
    becomes: str
    country: str


class RuleTable(TypedDict):
    """Auto-recharge as it is tried; a decimal string stands for an amount as well.

    `cap_per_month`: an amount, "none", or absent for the tenant's own cap.
    """

    enabled: bool
    below: NotRequired[Decimal | str]
    add: NotRequired[Decimal | str]
    cap_per_month: NotRequired[Decimal | str]


class TriedCapTable(TypedDict):
    """A spend cap in the place of the tenant's own; `scope` tenant, cost_centre or user.

    `id`: a cost centre, or absent for each of them; `amount`: an amount, or "none".
    """

    scope: str
    id: NotRequired[str]
    amount: Decimal | str


class ScenarioTable(TypedDict):
    """What is tried; what is absent is as the tenant has it now."""

    name: str
    plans: NotRequired[Sequence[SwapTable]]
    recharge: NotRequired[RuleTable]
    balance: NotRequired[Decimal | str]
    deck: NotRequired[str]
    agreement: NotRequired[str]
    treat_as: NotRequired[str]
    caps: NotRequired[Sequence[TriedCapTable]]


class UsageFiles(Part[S]):
    """Files of usage; each is kept for a day and is not given out again."""

    @asks("POST", "/v1/tenants/{tenant}/usage-files", Values(UsageFile))
    def bring(self, content: bytes | Path, *, name: str = "") -> Sent:
        """Brings a file in any format that is known; one that lies on the disk is sent block by block."""
        given = content.name if isinstance(content, Path) and not name else name
        return Sent(query={"name": given}, file=(content, BYTES))

    @asks("POST", "/v1/tenants/{tenant}/usage-files/from-ledger", Values(UsageFile))
    def bring_own(self, *, since: datetime | None = None, until: datetime | None = None) -> Sent:
        """Brings the tenant's own charged calls; the last 28 days where no span is given."""
        return Sent(body={"from": since, "until": until})

    @asks("GET", "/v1/tenants/{tenant}/usage-files", Under("usage_files", UsageFile))
    def all(self) -> Sent:
        """The files that are kept, newest first."""
        return Sent()

    @asks("GET", "/v1/tenants/{tenant}/usage-files/{file}", Values(UsageFile))
    def get(self, file: str) -> Sent:
        """One file and what was seen in it."""
        return Sent(names={"file": file})

    @asks("DELETE", "/v1/tenants/{tenant}/usage-files/{file}", nothing)
    def drop(self, file: str) -> Sent:
        """Removes a file before its time."""
        return Sent(names={"file": file})


class WhatIfs(Part[S]):
    """Questions about files of usage, and their answers; each is kept for 30 days."""

    @asks("POST", "/v1/tenants/{tenant}/what-if", Values(WhatIf))
    def ask(self, file: str, scenarios: Sequence[ScenarioTable], *, currency: str = "") -> Sent:
        """Asks what a file's calls would have cost in one to three scenarios, beside today's settings."""
        tables = [_plain(table) for table in scenarios]
        return Sent(body={"file": file, "scenarios": tables, "currency": currency})

    @asks("GET", "/v1/tenants/{tenant}/what-if/choices", Values(WhatIfChoices))
    def choices(self) -> Sent:
        """What scenarios can be made of, and how the tenant is set up today."""
        return Sent()

    @lists("/v1/tenants/{tenant}/what-if", PageOf("what_ifs", WhatIfLine))
    def pages(self, *, limit: int = 100, cursor: Place = "") -> Sent:
        """Questions, newest first."""
        return Sent(query={"limit": limit, "cursor": cursor})

    @asks("GET", "/v1/tenants/{tenant}/what-if/{what_if}", Values(WhatIf))
    def get(self, what_if: str) -> Sent:
        """One question, how far it has come, and its answer."""
        return Sent(names={"what_if": what_if})

    @asks("GET", "/v1/tenants/{tenant}/what-if/{what_if}/workbook", file)
    def workbook(self, what_if: str) -> Sent:
        """The answer as an Excel workbook, with charts."""
        return Sent(names={"what_if": what_if})

    @asks("DELETE", "/v1/tenants/{tenant}/what-if/{what_if}", nothing)
    def drop(self, what_if: str) -> Sent:
        """Forgets a question; one that is being worked out is given up."""
        return Sent(names={"what_if": what_if})

    @steps
    def wait(self, what_if: str, *, limit_s: float = 600, every_s: float = 0.5) -> Steps[WhatIf]:
        """Looks again until a question is done or failed. Raises TimeoutError."""
        waited_s = 0.0
        while True:
            found: WhatIf = yield WhatIfs.get.exchange(self, what_if)
            if found.state not in ON_THE_WAY:
                return found
            if waited_s >= limit_s:
                raise TimeoutError(f"what if {what_if!r} is {found.state} after {limit_s:g} s")
            yield Pause(every_s)
            waited_s += every_s


def _plain(value: Any) -> Any:
    """A table with amounts without an exponent, all the way down."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
