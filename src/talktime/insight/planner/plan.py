"""The planner: what usage cost, what comes, what to buy and which plan for whom, out of one reading of it.

The engine charges the calls with today's settings and money without end, so that what a call costs does not
hang on what somebody had bought; every other run is of the same calls. A part that cannot be given is None,
and a statement says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace as replaced

from talktime.accounts.calendar import day_of
from talktime.bulk.replay import Replay
from talktime.core.forecast import EDGE, Lot
from talktime.core.money import format_money
from talktime.insight.planner.ahead import ahead, next_month
from talktime.insight.planner.backtest import backtest
from talktime.insight.planner.backtest import sentence as tested_said
from talktime.insight.planner.buy import buy
from talktime.insight.planner.carriers import carriers
from talktime.insight.planner.conclusions import ALL_CARRIED
from talktime.insight.planner.document import CANNOT, CAUTION, NOTE, Mix, Plan, PlanSettings, Said
from talktime.insight.planner.mix import NoLicencePrices, best_mix
from talktime.insight.planner.money_without_end import without_end
from talktime.insight.planner.need import need
from talktime.insight.planner.outlook import outlook
from talktime.insight.planner.paid import paid
from talktime.insight.planner.pools_found import pools_found
from talktime.insight.planner.quality import Found, quality
from talktime.insight.planner.series import Series, covering, paid_days, with_whole_months
from talktime.insight.wording import counted

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.bulk.replay import Replayed
    from talktime.catalog.model import Catalogue
    from talktime.catalog.planning import LicencePrices
    from talktime.core.deck import Deck
    from talktime.insight.planner.ahead import Ahead
    from talktime.insight.planner.document import Outlook

_READ, _PAST, _AHEAD, _PLANS, _ALL = 10, 40, 55, 95, 100
"""How far the work has come after each part, in percent; mostly plans take the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked beside the usage. The balance is `lots` in the order in which they are drawn.

    Without lots it is `opening` micros, without both what the tenant's own purchases leave after the usage.
    `now_us`: the forecast begins with its day; None: with the day after the usage. `plans` False: which plan
    for whom is not asked.
    """

    settings: PlanSettings
    prices: LicencePrices
    opening: int | None = None
    lots: tuple[Lot, ...] | None = None
    now_us: int | None = None
    plans: bool = True


def plan(
    replay: Replay,
    tenant: Tenant,
    catalogue: Catalogue,
    deck: Deck,
    asked: Asked,
    told: Callable[[int, int], None],
) -> Plan:
    """Works everything out; `told(done, whole)` is called on the way.

    `replay` is of usage of one currency and this tenant (`fitting_usage.fit`). Raises RefusedRun where deck
    and tenant do not fit together, NotReconciledError and DoesNotReconcile where figures disagree: then
    nothing is told.
    """
    made = _Made(replay, tenant, catalogue, deck, asked)
    told(_READ, _ALL)
    found = quality(replay.usage, made.demand, tenant, catalogue, asked.now_us)
    spent, pools = paid(made.demand, made.replay), pools_found(made.demand, catalogue)
    moved = carriers(made.replay, made.demand, tenant, catalogue, deck)
    told(_PAST, _ALL)
    known, said = made.known()
    # The band is that of the running system, so that both say the same day.
    seen = outlook(known.series, known.lots, None, known.from_day, replaced(asked.settings, confidence=EDGE))
    tried = with_whole_months(known.series, made.replay.rows["start_us"], tenant.time_zone)
    tested = backtest(tried.amounts, tried.first_day, _month_starts(tried))
    bought = buy(made.replay, made.demand, tenant, catalogue, known, asked.settings)
    told(_AHEAD, _ALL)
    mix, why = _mix(
        made, found, lambda done, whole: told(_AHEAD * whole + done * (_PLANS - _AHEAD), _ALL * whole)
    )
    told(_ALL, _ALL)
    starts, ends = made.replay.rows["start_us"], made.replay.rows["end_us"]
    totals = made.demand.run.totals
    return Plan(
        tenant=tenant.name or tenant.id,
        currency=tenant.currency,
        time_zone=tenant.time_zone,
        deck=deck.name,
        deck_version=deck.version,
        sample=deck.sample,
        settings=asked.settings,
        formats=made.replay.usage.formats,
        rows=made.replay.height,
        rejected_rows=totals.rejected_rows,
        duplicate_rows=totals.duplicate_rows,
        from_us=int(starts.min()),  # type: ignore[arg-type] # there is a call
        until_us=int(ends.max()),  # type: ignore[arg-type]
        months=found.months,
        full_months=found.full_months,
        said=(*found.said, *said, *why, *_forecast_said(seen, tested_said(tested))),
        paid=spent,
        pools=pools,
        outlook=seen,
        tested=tested,
        need=need(made.demand, _next_month(seen), tenant, catalogue, pools),
        buy=bought,
        mix=mix,
        carriers=moved,
    )


class _Made:
    """What the parts are worked out from."""

    def __init__(
        self, replay: Replay, tenant: Tenant, catalogue: Catalogue, deck: Deck, asked: Asked
    ) -> None:
        self.replay, self.tenant, self.catalogue, self.deck, self.asked = (
            replay,
            tenant,
            catalogue,
            deck,
            asked,
        )
        rich = without_end(tenant, replay)
        self.demand: Replayed = replay.run(rich, catalogue, deck, has_wallet=True)

    def known(self) -> tuple[Ahead, list[Said]]:
        """Where the look ahead begins, and what is to be said of the balance it begins with."""
        zone = self.tenant.time_zone
        series = covering(paid_days(self.demand.run), self.demand.done.prepared.usage["start_us"], zone)
        from_day = (
            None if self.asked.now_us is None else max(day_of(self.asked.now_us, zone), series.until_day)
        )
        lots = self.asked.lots
        said: list[Said] = []
        if lots is None and self.asked.opening is None and self.tenant.purchases:
            lots, said = self._own_lots()
        return ahead(series, lots, self.asked.opening, from_day), said

    def _own_lots(self) -> tuple[tuple[Lot, ...], list[Said]]:
        """What the tenant's own purchases and rule leave after the usage, and whether they were enough."""
        run = self.replay.run(self.tenant, self.catalogue, self.deck).run
        zone = self.tenant.time_zone
        lots = tuple(Lot(lot.left, day_of(lot.expires_at_us, zone)) for lot in run.lots if lot.left > 0)
        blocked = run.totals.blocked_calls - self.demand.run.totals.blocked_calls
        if blocked <= 0:
            return lots, []
        told = (
            f"With the credits that the tenant bought {counted(blocked, 'call')} would have been blocked for "
            f"want of money; {format_money(run.totals.closing_balance or 0)} {run.tenant.currency} would be "
            "left. All figures here are with these calls made."
        )
        return lots, [Said(CAUTION, "buy", told)]


def _mix(made: _Made, found: Found, told: Callable[[int, int], None]) -> tuple[Mix | None, list[Said]]:
    """Which plan for whom, over whole months where there are some."""
    if not made.asked.plans:
        return None, []
    if any(said.weight == CANNOT and said.about == "carriers" for said in found.said):
        return None, [Said(CANNOT, "plans", ALL_CARRIED)]
    months = found.full_months or found.months
    try:
        return (
            best_mix(made.replay, made.tenant, made.catalogue, made.deck, made.asked.prices, months, told),
            [],
        )
    except NoLicencePrices as problem:
        return None, [Said(CAUTION, "plans", str(problem))]


def _month_starts(series: Series) -> list[int]:
    """The first days of the months that begin in a series, and of the one after it."""
    starts = [next_month(series.first_day)]
    while starts[-1] < series.until_day:
        starts.append(next_month(starts[-1] + 1))
    return starts


def _next_month(seen: Outlook | None) -> int | None:
    """What the first whole month to come is expected to cost."""
    return seen.months[0].expected if seen is not None and seen.months else None


def _forecast_said(seen: Outlook | None, tested: str) -> Iterator[Said]:
    if seen is not None:
        yield Said(NOTE, "forecast", tested)
