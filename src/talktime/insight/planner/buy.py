"""What to buy so that no call is blocked: once for some months, or by auto-recharge with little idle money.

The usage says what calls cost within the hours that a payment takes, and hold while they last; the forecast
says how much that becomes; the engine tries the best rule on the usage. Money in micros.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from talktime.accounts.calendar import day_of
from talktime.accounts.funding_terms import terms_of
from talktime.accounts.recharge_limits import payment_limits
from talktime.accounts.tenant import AutoRecharge
from talktime.insight.planner.ahead import months_on
from talktime.insight.planner.buy_words import Asked, Bought, holds, words
from talktime.insight.planner.document import Buy
from talktime.insight.planner.one_time import Need, one_time
from talktime.insight.planner.recharge_rule import Dear, choices, least_add, outlasts, rounded_up
from talktime.insight.planner.rule_tried import Tried, tried
from talktime.insight.planner.windows import Window, dearest_window, most_held

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.bulk.replay import Replay, Replayed
    from talktime.catalog.model import Catalogue
    from talktime.core.forecast import Fit
    from talktime.insight.planner.ahead import Ahead
    from talktime.insight.planner.document import PlanSettings, RechargeChoice

MOST_TRIES: Final = 4
"""So often a trigger is raised at most because a call was blocked."""


class _Rule(NamedTuple):
    """The choices, the best as it was tried; what was asked of trigger and payment before rounding."""

    choices: tuple[RechargeChoice, ...]
    tried: Tried
    outlasts: int
    least: int
    raised: bool


def buy(
    replay: Replay,
    demand: Replayed,
    tenant: Tenant,
    catalogue: Catalogue,
    known: Ahead,
    settings: PlanSettings,
) -> Buy | None:
    """What a tenant should buy from `known.from_day` on; None where nothing was paid.

    `demand` is a run of the replay with money without end; `tenant` as it is, with its own rule. Where
    post-usage pays, or credits are not sold, there are neither amounts nor rules, and `says` tells why.
    Raises RefusedRun, and ValueError for a confidence that the forecast does not know.
    """
    fit = known.fit
    if fit is None:
        return None
    window, dear = dearest(demand, known, settings)
    terms = terms_of(tenant, catalogue, recharge_on=tenant.auto_recharge.enabled)
    limits = payment_limits(tenant.auto_recharge, tenant.currency)
    asked = Asked(tenant, settings, limits, terms, known, window)
    if terms.behind or terms.post_usage_off:
        return _told(asked, dear, Bought((), (), None, None, 0, 0, raised=False))
    once = payment_limits(AutoRecharge(), tenant.currency)
    amounts = one_time(Need(fit, known.lots or (), known.from_day, dear.held), settings, once)
    run = _Run(replay, tenant, catalogue, demand)
    rule = _best_rule(run, dear, asked, fit)
    own = None
    if tenant.auto_recharge.enabled:
        own = tried(replay, tenant, catalogue, demand.run.deck, None)
    return _told(
        asked,
        dear,
        Bought(amounts, rule.choices, rule.tried, own, rule.outlasts, rule.least, raised=rule.raised),
    )


class _Run(NamedTuple):
    """What a rule is tried with."""

    replay: Replay
    tenant: Tenant
    catalogue: Catalogue
    demand: Replayed

    def tried(self, below: int, add: int) -> Tried:
        """A rule on the usage."""
        return tried(self.replay, self.tenant, self.catalogue, self.demand.run.deck, (below, add))


def dearest(demand: Replayed, known: Ahead, settings: PlanSettings) -> tuple[Window, Dear]:
    """The dearest hours of a run, with the dearest day of its series and what calls in progress held."""
    calls, charges = demand.done.loop.month.calls, demand.done.settled.charges
    end_us, hours = np.asarray(calls.end_us), settings.lead_hours
    window, twice = (dearest_window(end_us, charges["amount"], each) for each in (hours, 2 * hours))
    held = most_held(calls, charges, demand.done.loop.month.rates)
    day = day_of(window.begins_us, demand.run.tenant.time_zone)
    return window, Dear(window.amount, twice.amount, day, max(known.series.amounts), held)


def _best_rule(run: _Run, dear: Dear, asked: Asked, fit: Fit) -> _Rule:
    """The choices, the best of them tried; the trigger is raised while a call is blocked for want of money.

    Where the tenant's own limits leave no payment a higher trigger does not help.
    """
    from_day, settings = asked.known.from_day, asked.settings
    days = months_on(from_day, settings.months_ahead) - from_day
    wanted = outlasts(fit, asked.known.seen, dear, from_day, days, settings.confidence)
    below = rounded_up(wanted, asked.limits.coin)
    least = least_add(run.tenant.auto_recharge, wanted, dear, settings.lead_hours)
    for tries in range(MOST_TRIES):
        found = choices(fit, below, least, from_day, settings, asked.limits)
        best = next(choice for choice in found if choice.best)
        done = run.tried(below, best.add)
        if not done.is_short or done.capped or tries == MOST_TRIES - 1:
            break
        below = rounded_up(2 * below - min(done.rule.lowest_balance, 0), asked.limits.coin)
    return _Rule(found, done, wanted, least, below > rounded_up(wanted, asked.limits.coin))


def _told(asked: Asked, dear: Dear, bought: Bought) -> Buy:
    """The answer, with its sentences."""
    return Buy(
        confidence=asked.settings.confidence,
        lead_hours=asked.settings.lead_hours,
        dearest=asked.window.amount,
        dearest_us=asked.window.begins_us,
        held=dear.held,
        one_time=bought.one_time,
        choices=bought.choices,
        tried=None if bought.tried is None else bought.tried.rule,
        says=words(asked, dear, bought),
        holds=holds(asked, bought),
    )
