"""What somebody wants to see of the usage: the report, its days, its filters, as an address has them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from talktime.doors.admin.visit import Visit
    from talktime.doors.admin.words import Words

CUSTOM: Final = "custom"
USUAL: Final = "28"
RANGES: Final = {"7": "Last 7 days", USUAL: "Last 28 days", CUSTOM: "Custom"}
"""Spans by their word in the address; a number is so many days, today among them."""

LONGEST_DAYS: Final = 400
FILTERS: Final = ("user", "call_type", "category", "country")


class Report(NamedTuple):
    """A report: its label, its address inside the tenant, the operation that it needs."""

    label: str
    address: str
    needs: str


REPORTS: Final = (
    Report("PSTN and SMS (preview) usage", "reports", "see_usage_without_names"),
    Report("Minute pools", "pools", "see_pool_reports"),
    Report("Spend", "spend", "see_usage_without_names"),
)


class WrongSpanError(Exception):
    """A span that is none: `field` is since or until, the message a sentence for it."""

    def __init__(self, place: str, sentence: str) -> None:
        super().__init__(sentence)
        self.place = place


@dataclass(frozen=True, slots=True)
class Choice:
    """What is asked for. `since` and `until` are days of the tenant, 2026-03-01, and count for CUSTOM."""

    range: str = USUAL
    since: str = ""
    until: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)

    @property
    def query(self) -> dict[str, str | None]:
        """As it stands in an address; None for what does not."""
        is_custom = self.range == CUSTOM
        days = {"since": self.since if is_custom else None, "until": self.until if is_custom else None}
        return {"range": self.range, **days, **{name: self.filters.get(name) or None for name in FILTERS}}

    def chosen(self, name: str, value: str) -> Choice:
        """With another filter."""
        return replace(self, filters={**self.filters, name: value})

    def days(self, today: date) -> tuple[date, date]:
        """The first and the last day. Raises WrongSpanError."""
        if self.range != CUSTOM:
            return today - timedelta(days=int(self.range) - 1), today
        since, until = _day(self.since, "since"), _day(self.until, "until")
        if until < since:
            raise WrongSpanError("until", "The last day has to be the first day or a later one.")
        if (until - since).days >= LONGEST_DAYS:
            raise WrongSpanError("until", f"A report is of {LONGEST_DAYS} days at most; order an export.")
        return since, until

    def span(self, words: Words) -> tuple[datetime, datetime]:
        """From the midnight before the first day to the one after the last. Raises WrongSpanError."""
        first, last = self.days(words.today())
        return words.midnight(first), words.midnight(last + timedelta(days=1))

    def asked(self, words: Words) -> dict[str, Any]:
        """The arguments of the API's methods. Raises WrongSpanError."""
        since, until = self.span(words)
        return {"since": since, "until": until, **{name: self.filters.get(name, "") for name in FILTERS}}

    def said(self, words: Words) -> str:
        """The span in words: 1 Mar 2026 to 28 Mar 2026. Raises WrongSpanError."""
        first, last = self.days(words.today())
        return f"{first.day} {first:%b %Y} to {last.day} {last:%b %Y}"


def choice_of(at: Visit) -> Choice:
    """What the address asks for; a span that it names wrongly is the usual one."""
    query = at.query
    known = query.get("range", USUAL)
    filters = {name: query[name][:200] for name in FILTERS if query.get(name)}
    return Choice(
        known if known in RANGES else USUAL, query.get("since", ""), query.get("until", ""), filters
    )


def _day(text: str, place: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise WrongSpanError(place, "Write a day as 2026-03-31.") from None
    if not 2000 <= found.year <= 2999:
        raise WrongSpanError(place, "Write a day between 2000 and 2999.")
    return found
