"""What the usage can tell and what it cannot: each gap, stranger and missing price said once, clearly.

A statement says what was found and where, what it means for the answer, and what to do. Here: time, and the
order of all of them; `quality_people` looks at who calls, `quality_rows` at rows and prices.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.accounts.calendar import day_name, month_name
from talktime.core.usual import LEAST_DAYS, WEEK
from talktime.insight.planner.days_seen import (
    MISSING_AT_EDGE,
    DaysSeen,
    days_seen,
    month_of_day,
    spans_of,
)
from talktime.insight.planner.document import CANNOT, CAUTION, GOOD, NOTE, Said
from talktime.insight.planner.quality_people import people_said
from talktime.insight.planner.quality_rows import rows_said
from talktime.insight.wording import counted, listed

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.bulk.replay import Replayed
    from talktime.catalog.model import Catalogue
    from talktime.files.usage import Usage

USAGE: Final = "usage"
FORECAST: Final = "forecast"
PLANS: Final = "plans"

GROWTH_DAYS: Final = 6 * WEEK
"""With fewer days no growth is told (`core.fitting`)."""

SPANS_SHOWN: Final = 6

_ORDER: Final = (CANNOT, CAUTION, NOTE, GOOD)


class Found(NamedTuple):
    """Months with calls and those of them that are whole, as `2026-03`; statements, weightiest first."""

    months: tuple[str, ...]
    full_months: tuple[str, ...]
    said: tuple[Said, ...]


def quality(
    usage: Usage, replay_run: Replayed, tenant: Tenant, catalogue: Catalogue, now_us: int | None = None
) -> Found:
    """What is to be said of the usage behind a run with money without end.

    `usage` may have lost its rows; `now_us`: calls that start after it are told, None: nobody knows.
    """
    starts = replay_run.done.prepared.usage["start_us"]
    seen = days_seen(starts, tenant.time_zone)
    said = chain(
        _span(seen),
        _months(seen),
        _gaps(seen),
        rows_said(usage, replay_run, tenant, now_us),
        people_said(replay_run, tenant, catalogue, seen),
    )
    found = sorted(said, key=lambda one: _ORDER.index(one.weight))
    return Found(
        tuple(map(month_name, seen.months)),
        tuple(map(month_name, seen.full_months)),
        tuple(found),
    )


def _days(first: int, last: int) -> str:
    return day_name(first) if first == last else f"{day_name(first)} to {day_name(last)}"


def _span(seen: DaysSeen) -> Iterator[Said]:
    """How much time there is, and what so much can tell."""
    days = f"The usage holds {counted(seen.days, 'day')} ({_days(seen.first_day, seen.last_day)})"
    if seen.days < LEAST_DAYS:
        little = "a week or less" if seen.days <= WEEK else "less than two weeks"
        yield Said(
            CANNOT,
            FORECAST,
            f"{days}, {little}: nothing can be said of weekdays, growth and how much a week varies, "
            "so what lies ahead is a guess between half and double. Bring a whole month or more.",
        )
    elif seen.days < GROWTH_DAYS:
        yield Said(
            CAUTION,
            FORECAST,
            f"{days}, less than six weeks: a growth cannot be told from chance, so none is counted on. "
            "Bring three months or more.",
        )


def _months(seen: DaysSeen) -> Iterator[Said]:
    """Which calendar months are whole: included minutes are counted by month."""
    full = [month_name(month) for month in seen.full_months]
    cut = list(_cut(seen))
    if not full:
        parts = f" ({'; '.join(cut)})" if cut else ""
        yield Said(
            CAUTION,
            PLANS,
            f"No calendar month is here as a whole{parts}. Plans are compared on what is here, but included "
            "minutes are those of whole months: pools look emptier, and plans larger, than they are. "
            "Bring a whole month.",
        )
        return
    for part in cut:
        yield Said(
            NOTE, USAGE, f"{part}: it is not taken for a whole month, and plans are compared without it."
        )
    if len(full) == 1:
        yield Said(
            NOTE,
            PLANS,
            f"Only {full[0]} is here as a whole: plans that fit it may not fit others. Bring more months.",
        )
    elif not cut and not seen.missing and len(full) == len(seen.months) and _is_unbroken(seen):
        yield Said(GOOD, USAGE, f"{len(full)} whole months without gaps, {full[0]} to {full[-1]}.")


def _cut(seen: DaysSeen) -> Iterator[str]:
    """The first and the last month where they are here in part."""
    first, last = seen.months[0], seen.months[-1]
    lacking = {month for month, _ in seen.outages}
    begins = first not in seen.full_months and seen.before > MISSING_AT_EDGE
    ends = last not in seen.full_months and seen.after > MISSING_AT_EDGE
    if first == last and begins and ends:
        yield f"of {month_name(first)} only {_days(seen.first_day, seen.last_day)} is here"
        return
    if begins and first not in lacking:
        yield f"{month_name(first)} is here from {day_name(seen.first_day)} on"
    if ends and last not in lacking:
        yield f"{month_name(last)} is here until {day_name(seen.last_day)}"


def _is_unbroken(seen: DaysSeen) -> bool:
    return all(later == earlier + 1 for earlier, later in pairwise(seen.months))


def _gaps(seen: DaysSeen) -> Iterator[Said]:
    """Days and months without calls where there usually are some."""
    absent = [(earlier + 1, later - 1) for earlier, later in pairwise(seen.months) if later > earlier + 1]
    if absent:
        spans = [month_name(a) if a == b else f"{month_name(a)} to {month_name(b)}" for a, b in absent]
        yield Said(
            CAUTION,
            USAGE,
            f"There are no calls at all in {listed(spans, SPANS_SHOWN)}, between months that have some: "
            "growth over such a gap is hardly sure. Bring these months too, or leave out what lies before.",
        )
    whole = {month for a, b in absent for month in range(a, b + 1)}
    missing = [day for day in seen.missing if month_of_day(day) not in whole]
    if missing:
        spans = [_days(first, last) for first, last in spans_of(missing)]
        yield Said(
            CAUTION,
            FORECAST,
            f"No call on {counted(len(missing), 'day')} on which there usually are some "
            f"({listed(spans, SPANS_SHOWN)}): an outage or holidays? They are left out of the forecast. "
            "If the export lost them, bring it again.",
        )
    for month, days in seen.outages:
        yield Said(
            CAUTION,
            PLANS,
            f"{month_name(month)} lacks {counted(days, 'day')}: it is not taken for a whole month, "
            "and plans are compared without it.",
        )
