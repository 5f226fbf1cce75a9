"""Usage of a few lines charged again: today's run of the planner over calls that a test writes down."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from hypothesis import settings

from talktime.accounts.tenant import Tenant
from talktime.bulk.options import Options
from talktime.bulk.replay import Replay, Replayed
from talktime.catalog.load import load_catalogue
from talktime.core.deck import Deck
from talktime.core.limits import MAX_MONEY_MICROS
from talktime.files.usage import Usage
from tests.bulk.charged import call, deck
from tests.tables import usage_of

CATALOGUE = load_catalogue()
FEW = max(settings.default.max_examples // 10, 3) if settings.default else 3
"""Examples where each is several runs; `make test-long` tries many more."""
PLENTY = Options(balance=MAX_MONEY_MICROS)


def replayed(
    who: Tenant, calls: Iterable[dict[str, Any]] | Usage, prices: Deck | None = None
) -> tuple[Replay, Replayed]:
    """The usage, read once, and its run with money without end."""
    usage = calls if isinstance(calls, Usage) else usage_of(calls)
    replay = Replay(usage, who, CATALOGUE, prices or deck())
    return replay, replay.run(who, CATALOGUE, prices or deck(), PLENTY)


def each_day(
    first: str, last: str, duration_s: int = 60, *, weekdays: Iterable[int] = range(5), **more: Any
) -> list[dict[str, Any]]:
    """A call on each day of a span that is one of the weekdays (Monday 0)."""
    wanted, day, until = set(weekdays), date.fromisoformat(first), date.fromisoformat(last)
    calls = []
    while day <= until:
        if day.weekday() in wanted:
            calls.append(call(f"{day} 10:00", duration_s, **more) | {"id": f"{more.get('who', 'ana')} {day}"})
        day += timedelta(days=1)
    return calls
