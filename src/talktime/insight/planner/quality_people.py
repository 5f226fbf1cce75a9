"""Statements on who calls: users who left or came, licences without calls, users whom nobody knows.

A licence counts where it costs money and is held at the last call of the usage; any call counts, made or got.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from talktime.accounts.calendar import month_name
from talktime.accounts.payers import held_at
from talktime.insight.planner.document import CAUTION, NOTE, Said
from talktime.insight.wording import counted, listed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.accounts.tenant import Tenant, User
    from talktime.bulk.replay import Replayed
    from talktime.catalog.model import Catalogue
    from talktime.insight.planner.days_seen import DaysSeen

    Ints = NDArray[np.int64]

USAGE: Final = "usage"
PLANS: Final = "plans"
FORECAST: Final = "forecast"

NAMES_SHOWN: Final = 5
PLANS_SHOWN: Final = 6


def people_said(replayed: Replayed, tenant: Tenant, catalogue: Catalogue, seen: DaysSeen) -> Iterator[Said]:
    """All that is to be said of the people behind the calls."""
    months, counts = _calls_by_month(replayed, len(tenant.users))
    until_us = int(replayed.done.prepared.usage["start_us"].to_numpy().max())
    held = _Held(tenant, catalogue, until_us)
    if len(seen.full_months) > 1:
        last = int(np.searchsorted(months, seen.full_months[-1]))
        before, since = counts[:, :last].sum(axis=1) > 0, counts[:, last:].sum(axis=1) > 0
        name = month_name(seen.full_months[-1])
        yield from _left(held, np.flatnonzero(before & ~since), name)
        yield from _came(held, np.flatnonzero(since & ~before), name)
    yield from _never(held, np.flatnonzero(counts.sum(axis=1) == 0), seen)
    yield from _strangers(replayed)


def _calls_by_month(replayed: Replayed, users: int) -> tuple[Ints, Ints]:
    """The months in their order, and the calls of each user in each: made, got or not answered."""
    prepared = replayed.done.prepared
    months = np.arange(int(prepared.month.min()), int(prepared.month.max()) + 1)
    rows = np.flatnonzero((prepared.user >= 0) & (prepared.user < users))
    place = prepared.user[rows] * len(months) + (prepared.month[rows] - months[0])
    counts = np.bincount(place, minlength=users * len(months)).reshape(users, len(months))
    return months, counts


class _Held:
    """The users of a tenant and the licences for money that they hold at an instant."""

    def __init__(self, tenant: Tenant, catalogue: Catalogue, at_us: int) -> None:
        self._users = tenant.users
        self._plans = catalogue.plans
        self._at_us = at_us

    def names(self, numbers: Iterable[int]) -> str:
        """The first few of some users by name."""
        return listed([_name(self._users[number]) for number in numbers], NAMES_SHOWN)

    def licences(self, numbers: Iterable[int]) -> Counter[str]:
        """Plan -> licences that some users hold together, free ones left out."""
        held: Counter[str] = Counter()
        for number in numbers:
            held.update(
                code
                for code in held_at(self._users[number].licences, self._at_us)
                if code not in self._plans or not self._plans[code].free
            )
        return held


def _name(user: User) -> str:
    return user.upn or user.id


def _plans(licences: Counter[str]) -> str:
    """`12 MCOEV, 9 MCOPSTN1`, most first."""
    parts = sorted(licences.items(), key=lambda each: (-each[1], each[0]))
    return listed([f"{number:,} {code}" for code, number in parts], PLANS_SHOWN)


def _left(held: _Held, users: Ints, month: str) -> Iterator[Said]:
    """Users with calls before the last whole month and none from its beginning on."""
    if not len(users):
        return
    numbers = users.tolist()
    text = (
        f"{counted(len(numbers), 'user')} called before {month} and not since ({held.names(numbers)}). "
        "What they cost is still in the forecast"
    )
    licences = held.licences(numbers)
    if licences:
        text += f", and they still hold {_plans(licences)}: if they left, take these licences back."
    else:
        text += "; they hold no paid licence any more."
    yield Said(NOTE, PLANS, text)


def _came(held: _Held, users: Ints, month: str) -> Iterator[Said]:
    """Users whose first call is in the last whole month or later."""
    if len(users):
        numbers = users.tolist()
        yield Said(
            NOTE,
            FORECAST,
            f"{counted(len(numbers), 'user')} called for the first time in {month} or later "
            f"({held.names(numbers)}): little is known of what they will call.",
        )


def _never(held: _Held, users: Ints, seen: DaysSeen) -> Iterator[Said]:
    """Users of the tenant without any call who hold licences that cost money."""
    silent = [number for number in users.tolist() if held.licences([number])]
    if silent:
        yield Said(
            NOTE,
            PLANS,
            f"{counted(len(silent), 'user')} of the tenant file made no call and got none in "
            f"{counted(seen.days, 'day')} ({held.names(silent)}). "
            f"Their licences were not used: {_plans(held.licences(silent))}.",
        )


def _they_count(users: int) -> str:
    """What becomes of users whom the tenant file does not name."""
    return "it counts as a user without licences" if users == 1 else "they count as users without licences"


def _strangers(replayed: Replayed) -> Iterator[Said]:
    """Users of the usage whom the tenant file does not name."""
    unknown = replayed.done.prepared.unknown_user
    if not unknown.any():
        return
    rows = replayed.calls.select(pl.col("user").cast(pl.String), pl.col("state").cast(pl.String))
    rows = rows.filter(pl.Series(unknown))
    users = rows.group_by("user").len().sort(["len", "user"], descending=[True, False])
    names = [f"{user or 'without a name'}: {counted(calls, 'call')}" for user, calls in users.iter_rows()]
    refused = int((rows["state"] == "blocked").sum())
    fate = "is refused for it and costs" if refused == 1 else "are refused for it and cost"
    means = f"; {refused:,} of these calls {fate} nothing here, so amounts are too low" if refused else ""
    yield Said(
        CAUTION,
        USAGE,
        f"{counted(users.height, 'user')} of the usage {'is' if users.height == 1 else 'are'} not in the "
        f"tenant file ({listed(names, NAMES_SHOWN)}): {_they_count(users.height)}{means}. "
        "Add them to the tenant file.",
        users=tuple(user for user in users["user"][:NAMES_SHOWN].to_list() if user),
    )
