"""The first page of a tenant: its money and how long it lasts, what to act on, what to do first.

One look at the ledger, one page. Parts that need another right than that of the balance are left out for who
lacks it, never refused (domain.md 8 to 11).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from talktime.catalog.overview import FUND, NOT_NEEDED, OPEN, Said, Step, load_overview, load_pages
from talktime.insight.first_steps import STEPS, AtZero, advice, at_zero
from talktime.insight.overview_alerts import CHECKS
from talktime.insight.spend_pace import SpendPace, spend_pace
from talktime.notices.texts import load_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from talktime.insight.standing_now import StandingNow

SEES_USAGE: Final = "see_usage_without_names"


class Action(NamedTuple):
    """The one thing to do: the word on it, the name of the page, its address."""

    says: str
    page: str
    path: str


@dataclass(frozen=True, slots=True)
class Alert:
    """A sentence; `action` None where the caller may not do it. `since_us` 0: not known."""

    code: str
    urgency: str
    says: str
    since_us: int
    action: Action | None


@dataclass(frozen=True, slots=True)
class Advice:
    """What is advised about auto-recharge."""

    code: str
    says: str
    action: Action | None


@dataclass(frozen=True, slots=True)
class PathStep:
    """A step of a new tenant's path: done, open or not_needed."""

    code: str
    title: str
    state: str
    says: str
    action: Action | None


@dataclass(frozen=True, slots=True)
class Overview:
    """The page. `now` has the figures; `spend` and `open_calls` None for who may not see usage.

    `is_ready`: no step of the path is open.
    """

    now: StandingNow
    mode_says: str
    advice: Advice | None
    steps: tuple[PathStep, ...]
    at_zero: AtZero
    alerts: tuple[Alert, ...]
    spend: SpendPace | None
    open_calls: int | None

    @property
    def is_ready(self) -> bool:
        """Whether the first-time path is done."""
        return all(step.state != OPEN for step in self.steps)


def overview(now: StandingNow, may: Callable[[str], bool]) -> Overview:
    """The page of a tenant for somebody; `may`: whether they may do an operation of roles.toml."""
    said = advice(now)
    sees_usage = may(SEES_USAGE)
    return Overview(
        now=now,
        mode_says=load_texts().modes[now.mode.name.lower()],
        advice=None if said is None else Advice(said.code, said.says, _action(now, said, may)),
        steps=tuple(_steps(now, may)),
        at_zero=at_zero(now),
        alerts=tuple(alerts(now, may)),
        spend=spend_pace(now.looked.days, now.month, now.now_us, now.tenant.time_zone)
        if sees_usage
        else None,
        open_calls=now.looked.open_calls if sees_usage else None,
    )


def alerts(now: StandingNow, may: Callable[[str], bool]) -> list[Alert]:
    """What somebody should act on, in the order of the catalogue."""
    found = []
    for code, said in load_overview().alerts.items():
        if said.sees and not may(said.sees):
            continue
        action = _action(now, said, may)
        for seen in CHECKS[code](now):
            says = _with(said.says, {**seen.facts, "fund": now.fund.says})
            found.append(Alert(code, said.urgency, says, seen.since_us, action))
    return found


def _steps(now: StandingNow, may: Callable[[str], bool]) -> list[PathStep]:
    found = []
    for code, step in load_overview().steps.items():
        stands = STEPS[code](now)
        says = _with(step.sentence(stands.state, stands.case), stands.facts)
        action = _action(now, step, may) if stands.state != NOT_NEEDED else None
        found.append(PathStep(code, step.title, stands.state, says, action))
    return found


def _action(now: StandingNow, said: Said | Step, may: Callable[[str], bool]) -> Action | None:
    """Where something is done, if the caller may do it."""
    if not may(said.may):
        return None
    pages, page = load_pages(), said.page
    if page == FUND:
        page = next(name for name, path in pages.items() if path == now.fund.page)
    return Action(said.action, page, pages[page].format(tenant_id=quote(now.tenant.id, safe="")))


def _with(text: str, facts: Mapping[str, str]) -> str:
    """A sentence with its facts. Raises KeyError for one that nobody gives: a defect of check or data."""
    return text.format_map(facts)
