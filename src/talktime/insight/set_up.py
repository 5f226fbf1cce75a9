"""What follows from how a tenant is set up: may it buy, who may bring money, who may not spend.

Thousands of people are looked at for it, so it is remembered until the tenant is changed, or until a licence,
a subscription or an exception begins or ends.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.accounts.eligibility import Answer, eligibility
from talktime.accounts.needs import needs_credits
from talktime.core.limits import ALWAYS_US, NEVER_US
from talktime.notices.paying import paying_facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from talktime.live.tenant import LiveTenant

MOST: Final = 64
"""Tenants that are remembered; the one that was asked for longest ago goes first."""


class SetUp(NamedTuple):
    """`paying` as in `notices.paying`; `unlicensed`: how many call beyond included minutes without the
    licence to spend; `pool_kinds`: the kinds of minutes that somebody's plans, or purchased ones, give.
    """

    answer: Answer
    paying: Mapping[str, str]
    unlicensed: int
    pool_kinds: frozenset[str]


class SetUps:
    """Works it out and remembers it."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[LiveTenant, int, int, SetUp]] = OrderedDict()
        self._lock = Lock()

    def of(self, live: LiveTenant, now_us: int) -> SetUp:
        """What holds for a tenant at an instant; `live` is another object once the tenant was changed."""
        name = live.tenant.id
        with self._lock:
            known = self._known.get(name)
        if known is not None and known[0] is live and known[1] <= now_us < known[2]:
            return known[3]
        made = set_up(live, now_us)
        with self._lock:
            self._known[name] = (live, *_span(live, now_us), made)
            self._known.move_to_end(name)
            if len(self._known) > MOST:
                self._known.popitem(last=False)
        return made


def set_up(live: LiveTenant, now_us: int) -> SetUp:
    """What holds for a tenant at an instant."""
    tenant, catalogue = live.tenant, live.catalogue
    reasons = needs_credits(tenant, catalogue, now_us).reasons
    without = set[str]().union(*(reason.unlicensed for reason in reasons))
    return SetUp(
        eligibility(tenant, catalogue, now_us),
        paying_facts(tenant, catalogue, now_us),
        len(without),
        _pool_kinds(live, now_us),
    )


def _pool_kinds(live: LiveTenant, now_us: int) -> frozenset[str]:
    bought = {one.plan for one in live.tenant.subscriptions if one.from_us <= now_us < one.until_us}
    plans = (
        plan
        for plan in live.catalogue.plans.values()
        if plan.pools
        and (
            plan.code in bought
            or any(held.from_us <= now_us < held.until_us for _, held in live.payers.holders(plan.code))
        )
    )
    return frozenset(pool.kind for plan in plans for pool in plan.pools)


def _span(live: LiveTenant, now_us: int) -> tuple[int, int]:
    """[from, until) around an instant in which nothing begins or ends."""
    turns = {state.from_us for state in live.payers.states}
    turns |= {waiver.until_us for waiver in live.tenant.waivers}
    for bought in live.tenant.subscriptions:
        turns |= {bought.from_us, bought.until_us}
    return (
        max((turn for turn in turns if turn <= now_us), default=ALWAYS_US),
        min((turn for turn in turns if turn > now_us), default=NEVER_US),
    )
