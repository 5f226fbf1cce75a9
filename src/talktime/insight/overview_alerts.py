"""What somebody should act on now, the most urgent first, each with its one action (domain.md 10).

A check looks at the tenant and gives the facts of its sentence, once for each thing there is. The sentences,
their order and the rights stand in the catalogue (overview.toml); without its right a check is not asked.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.accounts.eligibility import RECHARGE_UNDER_MCA
from talktime.accounts.tenant import CLOSED, SUSPENDED
from talktime.catalog.declines import decline_sentence
from talktime.catalog.model import SCOPE_COUNTRY
from talktime.core.alerts import is_below, is_short
from talktime.core.limits import NO_LIMIT
from talktime.core.modes import Mode
from talktime.core.recharge import Why
from talktime.funding.payments import State, body_of
from talktime.insight.held_back import frozen_now
from talktime.insight.recharge_view import Armed, short_day
from talktime.ledger.book import REFUSED_TOLD
from talktime.live.settle import POOL_MARKS
from talktime.live.standing import caps_of
from talktime.live.tenant import POOL
from talktime.notices.alerts import cards_due, lots_due
from talktime.notices.watch import RUNWAY, UNRATED
from talktime.notices.webhooks import read_webhook
from talktime.notices.wording import instant_words, month_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from talktime.insight.standing_now import StandingNow

SHOWN: Final = 3
"""Names that a sentence lists; of more it says how many."""

_NEARLY, _FULL = (percent for percent, _ in POOL_MARKS)


class Seen(NamedTuple):
    """Something that a check saw: the facts of its sentence, since when (0: not known)."""

    facts: Mapping[str, str]
    since_us: int = 0


def _status(status: str) -> Callable[[StandingNow], Iterator[Seen]]:
    def check(now: StandingNow) -> Iterator[Seen]:
        if now.tenant.status == status:
            yield Seen({})

    return check


# --- the balance --------------------------------------------------------------------------------------------


def _overdraft(now: StandingNow) -> Iterator[Seen]:
    if now.looked.overdraft and not now.is_backed:
        yield Seen({"overdraft": now.money(now.looked.overdraft)})


def _overdrawn_after_use(now: StandingNow) -> Iterator[Seen]:
    if now.looked.overdraft and now.mode is Mode.POST_USAGE:
        yield Seen({"overdraft": now.money(now.looked.overdraft)})


def _balance_zero(now: StandingNow) -> Iterator[Seen]:
    """Who never had credits is led by the path of a new tenant instead."""
    looked = now.looked
    if looked.ever_funded and looked.balance <= 0 and not looked.overdraft and not now.is_backed:
        yield Seen({})


def _calls_refused(now: StandingNow) -> Iterator[Seen]:
    since_us = now.looked.standing.told.get(REFUSED_TOLD, 0)
    if since_us and now.looked.balance > 0 and not now.is_backed:
        yield Seen({"available": now.money(now.looked.available)}, since_us)


def _runway_short(now: StandingNow) -> Iterator[Seen]:
    """Not where it refills itself, and not where post-usage takes over: there nothing runs out."""
    refills = now.recharge.state is Armed.ARMED
    limit, told = now.tenant.alerts.runway_days, now.looked.standing.told
    days = now.runway.shortest
    if refills or now.is_backed or now.looked.balance <= 0 or not is_short(days, limit, RUNWAY in told):
        return
    yield Seen({"days": str(days), "limit": str(limit)}, told.get(RUNWAY, 0))


def _balance_low(now: StandingNow) -> Iterator[Seen]:
    """Of several levels that are crossed the lowest."""
    available = now.looked.available
    crossed = [level for level in now.tenant.alerts.low_micros if is_below(available, level)]
    if crossed and now.looked.balance > 0:
        yield Seen({"available": now.money(available), "level": now.money(min(crossed))})


def _lots(now: StandingNow) -> Iterator[Seen]:
    zone = now.tenant.time_zone
    for lot, _ in lots_due(now.looked.lots, now.now_us, ()):
        yield Seen({"left": now.money(lot.left), "expires": short_day(lot.expires_us, now.now_us, zone)})


# --- payments and auto-recharge -----------------------------------------------------------------------------


def _action_needed(now: StandingNow) -> Iterator[Seen]:
    for payment in now.looked.payments:
        if payment.state == State.REQUIRES_ACTION:
            yield Seen({"amount": now.money(payment.amount)}, payment.at_us)


def _unclear(now: StandingNow) -> Iterator[Seen]:
    for payment in now.looked.payments:
        if payment.state == State.UNKNOWN:
            yield Seen({"amount": now.money(payment.amount)}, payment.at_us)


def _paused(now: StandingNow) -> Iterator[Seen]:
    if now.recharge.state is Armed.PAUSED:
        yield Seen({"why": now.recharge.why}, now.recharge.since_us)


def _declined(now: StandingNow) -> Iterator[Seen]:
    attempt = now.attempt
    if attempt is None or attempt.state != State.CREATED or now.recharge.state is not Armed.ARMED:
        return
    body = body_of(attempt)
    if body.failures:
        next_try = instant_words(attempt.due_us, now.tenant.time_zone)
        yield Seen({"why": decline_sentence(body.code), "next_try": next_try}, body.sent_us)


def _without_card(now: StandingNow) -> Iterator[Seen]:
    if now.recharge.state is Armed.ARMED and not now.recharge.method:
        yield Seen({})


def _waits_for(why: Why) -> Callable[[StandingNow], Iterator[Seen]]:
    """The rule is on, and did not pay for this reason when it was last looked at."""

    def check(now: StandingNow) -> Iterator[Seen]:
        if now.recharge.state is Armed.ARMED and now.recharge.reason == why.name.lower():
            yield Seen({}, now.recharge.since_us)

    return check


def _under_mca(now: StandingNow) -> Iterator[Seen]:
    if any(warning.id == RECHARGE_UNDER_MCA for warning in now.recharge.warnings):
        yield Seen({})


def _cards(now: StandingNow) -> Iterator[Seen]:
    methods = now.tenant.payment_methods
    for method, _ in cards_due(methods, now.now_us, now.tenant.time_zone, ()):
        card = f"{method.brand.capitalize()} ending in {method.last4}"
        yield Seen({"card": card, "expires": month_words(method.expires)})


def _dispute_open(now: StandingNow) -> Iterator[Seen]:
    frozen = sum(frozen_now(body_of(payment)) for payment in now.looked.payments)
    if frozen:
        yield Seen({"frozen": now.money(frozen)})


def _dispute_lost(now: StandingNow) -> Iterator[Seen]:
    owed = sum(body_of(payment).owed for payment in now.looked.payments)
    if owed:
        yield Seen({"owed": now.money(owed)})


# --- caps, pools, calls, webhooks ---------------------------------------------------------------------------


def _caps_reached(now: StandingNow) -> Iterator[Seen]:
    """Users are counted, not named: not everybody who sees this may see names."""
    reached = [cap for cap in caps_of(now.live, now.looked.counters, now.month) if cap.spent >= cap.limit]
    if not reached:
        return
    named = [f"the cap of cost centre {cap.id}" for cap in reached if cap.scope == "cost_centre"]
    users = sum(cap.scope == "user" for cap in reached)
    if users:
        named.append("the cap of a user" if users == 1 else f"the caps of {users:,} users")
    if any(cap.scope == "tenant" for cap in reached):
        named.insert(0, "the cap of the whole organisation")
    text = _listed(named)
    yield Seen({"reached": f"{text[0].upper()}{text[1:]} {'is' if len(reached) == 1 else 'are'} reached"})


def _pools_used(low: int, high: int) -> Callable[[StandingNow], Iterator[Seen]]:
    """Pools that are used to at least `low` and less than `high` percent of what they hold now."""

    def check(now: StandingNow) -> Iterator[Seen]:
        found = Counter[str]()
        for (name, _), counter in now.looked.counters.items():
            size_s = now.live.size_s(name, now.now_us) if name.startswith(POOL) else 0
            if 0 < size_s < NO_LIMIT and low * size_s <= counter.used * 100 < high * size_s:
                found[_pool_words(now, name)] += 1
        if found:
            named = [f"{words} ({count} users)" if count > 1 else words for words, count in found.items()]
            yield Seen({"pools": _listed(sorted(named))})

    return check


def _pool_words(now: StandingNow, name: str) -> str:
    """`Domestic Calling Plan, domestic (US/PR)`; whose own a pool is, is not said."""
    code, kind, owner = name.removeprefix(POOL).split("/", 2)
    plan = now.catalogue.plans[code]
    country = f" ({owner})" if owner and plan.scope == SCOPE_COUNTRY else ""
    return f"{plan.name}, {kind.replace('_', ' ')}{country}"


def _unrated(now: StandingNow) -> Iterator[Seen]:
    """What the hourly watch has seen; it is let go of when a deck has brought the rates."""
    since_us = now.looked.standing.told.get(UNRATED, 0)
    if since_us:
        yield Seen({}, since_us)


def _webhooks(now: StandingNow) -> Iterator[Seen]:
    """Those that failed; one that a person switched off is as it was wanted."""
    for document in now.looked.papers:
        webhook = read_webhook(document)
        if webhook.disabled_us and webhook.failing_since_us:
            yield Seen({}, webhook.disabled_us)


def _listed(named: list[str]) -> str:
    """Three names, then how many more."""
    rest = len(named) - SHOWN
    return ", ".join(named[:SHOWN]) + (f" and {rest:,} more" if rest > 0 else "")


CHECKS: Final[Mapping[str, Callable[[StandingNow], Iterator[Seen]]]] = {
    "tenant_closed": _status(CLOSED),
    "tenant_suspended": _status(SUSPENDED),
    "overdraft": _overdraft,
    "balance_zero": _balance_zero,
    "calls_refused": _calls_refused,
    "payment_action_needed": _action_needed,
    "payment_unclear": _unclear,
    "recharge_paused": _paused,
    "recharge_declined": _declined,
    "recharge_without_card": _without_card,
    "recharge_not_eligible": _waits_for(Why.NOT_ELIGIBLE),
    "cap_met": _waits_for(Why.CAPPED),
    "runway_short": _runway_short,
    "balance_low": _balance_low,
    "recharge_under_mca": _under_mca,
    "spend_cap_reached": _caps_reached,
    "pool_100": _pools_used(_FULL, NO_LIMIT),
    "lot_expires_soon": _lots,
    "card_expires_soon": _cards,
    "unrated_waiting": _unrated,
    "dispute_open": _dispute_open,
    "dispute_lost": _dispute_lost,
    "pool_80": _pools_used(_NEARLY, _FULL),
    "webhook_disabled": _webhooks,
    "overdrawn_after_use": _overdrawn_after_use,
}
"""The check of each alert of the catalogue."""
