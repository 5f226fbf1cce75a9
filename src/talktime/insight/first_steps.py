"""The path of a new tenant: may it buy, a card, the first credits, auto-recharge, who may spend.

Each step is done, open or not needed, with the one page where it is done (domain.md 8 and 9). Beside it what
people are advised about auto-recharge, and which calls go on when the balance is 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.catalog.overview import DONE, NOT_NEEDED, OPEN, load_overview
from talktime.catalog.side import load_currencies
from talktime.core.modes import Mode
from talktime.funding.recharge import method_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from talktime.catalog.overview import Said
    from talktime.insight.standing_now import StandingNow


class StepNow(NamedTuple):
    """Where a step stands; `case` chooses among the sentences of a state, `facts` stand in it."""

    state: str
    facts: Mapping[str, str] = {}
    case: str = ""


class AtZero(NamedTuple):
    """Kinds of calls by their names: those that go on at 0, those that do while minutes last, those that
    stop; `is_backed`: all go on, since post-usage takes what credits do not pay.
    """

    goes_on: tuple[str, ...]
    while_minutes_last: tuple[str, ...]
    stops: tuple[str, ...]
    is_backed: bool


def _eligible(now: StandingNow) -> StepNow:
    if now.is_backed:
        return StepNow(NOT_NEEDED)
    answer = now.set_up.answer
    if answer.can_buy:
        return StepNow(DONE)
    failed = answer.failed[0]
    if answer.partner_may_fund:
        return StepNow(OPEN, {"why": failed.why}, "partner")
    return StepNow(OPEN, {"why": f"{failed.why} {failed.remedy}"})


def _card(now: StandingNow) -> StepNow:
    if now.tenant.payment_methods:
        pays = method_of(now.tenant) or now.tenant.payment_methods[0]
        return StepNow(DONE, {"card": f"{pays.brand.capitalize()} ending in {pays.last4}"})
    return StepNow(NOT_NEEDED if now.is_backed or now.set_up.paying["buys"] == "partner" else OPEN)


def _amount(now: StandingNow) -> StepNow:
    if now.looked.ever_funded:
        return StepNow(DONE)
    if now.is_backed:
        return StepNow(NOT_NEEDED)
    least = load_currencies().minimum_purchase_micros(now.looked.currency)
    return StepNow(OPEN, {"minimum": now.money(least)})


def _recharge(now: StandingNow) -> StepNow:
    if now.live.terms.is_mca:
        return StepNow(NOT_NEEDED)
    return StepNow(DONE if now.tenant.auto_recharge.enabled else OPEN)


def _spenders(now: StandingNow) -> StepNow:
    """Who calls beyond included minutes without the licence to spend."""
    if not now.live.terms.licence_asked:
        return StepNow(NOT_NEEDED)
    if not any(user.licences for user in now.tenant.users):
        return StepNow(OPEN, {}, "nobody")
    without = now.set_up.unlicensed
    return StepNow(OPEN, {"count": f"{without:,}"}) if without else StepNow(DONE)


STEPS: Final[Mapping[str, Callable[[StandingNow], StepNow]]] = {
    "eligibility": _eligible,
    "card": _card,
    "amount": _amount,
    "auto_recharge": _recharge,
    "spenders": _spenders,
}
"""How each step of the catalogue is judged."""


def advice(now: StandingNow) -> Said | None:
    """What is advised: on for a prepaid tenant that has it off, off under MCA; None where all is well."""
    known, is_on = load_overview().advice, now.tenant.auto_recharge.enabled
    if now.live.terms.is_mca:
        return known["turn_off"] if is_on else None
    may_buy = now.set_up.paying["buys"] == "yes"
    return known["turn_on"] if not is_on and may_buy and now.mode is Mode.PREPAID else None


def at_zero(now: StandingNow) -> AtZero:
    """Which kinds of calls go on without credits, by the categories of the catalogue and the plans held."""
    names, held = load_overview().calls, now.set_up.pool_kinds
    always, lasting, stops = [], [], []
    for category in (now.catalogue.categories[name] for name in names):
        if category.is_free or category.never_refused or now.is_backed:
            always.append(names[category.name])
        elif held.isdisjoint(category.pool_kinds):
            stops.append(names[category.name])
        else:
            lasting.append(names[category.name])
    return AtZero(tuple(always), tuple(lasting), tuple(stops), now.is_backed)
