"""Why to buy what: each figure of the answer in a sentence, with what it rests on and what is against it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.accounts.calendar import day_name, to_utc, zone
from talktime.accounts.tenant import MCA
from talktime.core.forecast import total
from talktime.core.limits import MAX_MONEY_MICROS
from talktime.insight.planner.ahead import months_on
from talktime.insight.planner.conclusions import cents, confidence_percent
from talktime.insight.planner.one_time import purchases
from talktime.insight.planner.recharge_rule import dearest_month
from talktime.insight.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from talktime.accounts.funding_terms import Terms
    from talktime.accounts.recharge_limits import PaymentLimits
    from talktime.accounts.tenant import Tenant
    from talktime.core.forecast import Fit
    from talktime.insight.planner.ahead import Ahead
    from talktime.insight.planner.document import OneTime, PlanSettings, RechargeChoice, RuleTried
    from talktime.insight.planner.recharge_rule import Dear
    from talktime.insight.planner.rule_tried import Tried
    from talktime.insight.planner.windows import Window


_UNSURE: Final = 3
"""An amount so many times what is expected is said to be little sure."""


class Asked(NamedTuple):
    """What is asked, and on which terms the tenant pays."""

    tenant: Tenant
    settings: PlanSettings
    limits: PaymentLimits
    terms: Terms
    known: Ahead
    window: Window


class Bought(NamedTuple):
    """The answer before it is worded; `own`: today's rule, tried too.

    `outlasts`: the trigger unrounded; `least`: what a payment has to be, so that payments keep up with calls.
    """

    one_time: tuple[OneTime, ...]
    choices: tuple[RechargeChoice, ...]
    tried: Tried | None
    own: Tried | None
    outlasts: int
    least: int
    raised: bool


def holds(asked: Asked, bought: Bought) -> bool:
    """Whether the best rule keeps calls from being blocked: its own limits may not let it."""
    best = next((choice for choice in bought.choices if choice.best), None)
    if best is None or asked.known.fit is None:
        return True
    is_enough = best.add >= bought.least and not _cap_is_short(asked, asked.known.fit)
    return is_enough and not (bought.tried is not None and bought.tried.is_short)


def words(asked: Asked, dear: Dear, bought: Bought) -> tuple[str, ...]:
    """Sentences in the order of the questions: what calls take, once, by a rule, how the rule did."""
    return tuple(_sentences(asked, dear, bought))


def _sentences(asked: Asked, dear: Dear, bought: Bought) -> Iterator[str]:
    fit = asked.known.fit
    assert fit is not None, "where nothing was paid there is nothing to buy"
    yield _seen(asked, dear)
    best = next((choice for choice in bought.choices if choice.best), None)
    if best is None:
        yield _nothing_to_buy(asked)
        return
    if asked.terms.is_mca:
        yield (
            f"Under {MCA} credits are not sold anew, and auto-recharge that is on refills for ever: calling "
            "moves to post-usage billing only once it is off and the balance is used up."
        )
    if not fit.freedom:
        yield (
            "Fewer than 14 days of usage: amounts are twice what is expected, whatever the confidence. Ask "
            "again with two weeks or more."
        )
    yield from _once(asked, bought.one_time)
    yield from _rule(asked, fit, best, bought)
    if bought.tried is not None:
        yield _replayed(asked, bought.tried)
    if bought.own is not None:
        yield _today(asked, best, bought)


def _seen(asked: Asked, dear: Dear) -> str:
    at = to_utc(asked.window.begins_us).astimezone(zone(asked.tenant.time_zone))
    return (
        f"The most that calls cost within {counted(asked.settings.lead_hours, 'hour')} was "
        f"{_money(asked, dear.window)}, from {at:%Y-%m-%d %H:%M} on; calls in progress held up to "
        f"{_money(asked, dear.held)} at once."
    )


def _nothing_to_buy(asked: Asked) -> str:
    if asked.terms.behind:
        return (
            "Nothing has to be bought: post-usage billing stands behind the credits, what they do not pay "
            "comes on the monthly invoice, and no call is blocked for want of money."
        )
    return (
        f"Credits are not sold under {MCA}, and post-usage billing is off: once the balance is used up paid "
        "calls are refused. Switch post-usage billing on instead of buying."
    )


def _once(asked: Asked, amounts: tuple[OneTime, ...]) -> Iterator[str]:
    """What one-time amounts rest on: older lots, calls in progress, expiry, the limits of a purchase."""
    held = asked.known.balance
    if held is None:
        yield "One-time amounts take the balance for 0: nobody said what it is."
    elif held:
        yield f"One-time amounts count on the {_money(asked, held)} that lots hold, each until it expires."
    split = [one for one in amounts if one.amount > MAX_MONEY_MICROS]
    if split:
        yield (
            f"One purchase is at most {_money(asked, MAX_MONEY_MICROS)}: the amount for "
            f"{counted(split[-1].months, 'month')} takes {purchases(split[-1].amount)}."
        )
    unsure = [one for one in amounts if one.amount > _UNSURE * max(one.expected, asked.limits.least)]
    if unsure:
        yield (
            f"So little is known that {counted(unsure[0].months, 'month')} may cost far more than expected: "
            "buy for a shorter time, or by a rule, and ask again with more usage."
        )
    lost = [one for one in amounts if one.forfeited]
    if lost:
        one = lost[0]
        yield (
            f"Credits expire after 12 months: of {_money(asked, one.amount)} bought once for "
            f"{counted(one.months, 'month')}, {_money(asked, one.forfeited)} are expected to be left and "
            "lost then."
        )


def _rule(asked: Asked, fit: Fit, best: RechargeChoice, bought: Bought) -> Iterator[str]:
    """Why this trigger, why this amount, what of it is lost, and whether the rule's own limits allow it."""
    settings, known = asked.settings, asked.known
    until = day_name(months_on(known.from_day, settings.months_ahead) - 1)
    raised = "; it was raised because calls were blocked when it was tried" if bought.raised else ""
    yield (
        f"Recharge below {_money(asked, best.below)}: with {confidence_percent(settings.confidence)} % "
        f"confidence calls cost and hold no more than {_money(asked, bought.outlasts)} while a payment is on "
        f"its way, {counted(settings.lead_hours, 'hour')} at any time until {until}{raised}."
    )
    month = dearest_month(fit, known.from_day, settings.months_ahead)
    yield (
        f"Add {_money(asked, best.add)}: {_why(asked, best, bought.least, month)}. "
        f"About {_money(asked, best.idle)} lie idle on average in the first year, with "
        f"{counted(best.payments, 'payment')}."
    )
    if best.forfeited:
        yield (
            f"Calls cost so little that of what the rule buys about {_money(asked, best.forfeited)} a year "
            "expire unused after 12 months; that is the price of a trigger that keeps calls from "
            "being blocked."
        )
    if best.add < bought.least:
        yield (
            f"Payments of {_money(asked, best.add)} cannot keep up, should calls cost as much as they may: "
            f"one is on its way at a time, so each has to be {_money(asked, bought.least)} at least. "
            "Allow more in one payment, or calls may be blocked."
        )
    if _cap_is_short(asked, fit):
        yield _cap(asked)


def _why(asked: Asked, best: RechargeChoice, least: int, month: int) -> str:
    often = counted(asked.settings.payments_a_month, "payment")
    if best.add * asked.settings.payments_a_month < month:
        return f"no more is allowed in one payment: more than {often} in a month of {_money(asked, month)}"
    if best.add <= asked.limits.least:
        return f"the least payment there is, and enough for at most {often} a month"
    if least * asked.settings.payments_a_month > month:
        return (
            "one payment is on its way at a time, and what calls may cost until the next one can be made has "
            "to be paid by it"
        )
    return (
        f"at most {often} in the dearest month that is expected ({_money(asked, month)}); less would be paid "
        "more often, more would lie idle"
    )


def _cap_is_short(asked: Asked, fit: Fit) -> bool:
    """Whether the rule may spend less in a month than a month to come may cost."""
    cap = asked.tenant.auto_recharge.cap_per_month_micros
    if cap is None:
        return False
    first = asked.known.from_day
    days = [months_on(first, month) for month in range(asked.settings.months_ahead + 1)]
    return any(
        total(fit, begin, until - begin, asked.settings.confidence).high > cap
        for begin, until in pairwise(days)
    )


def _cap(asked: Asked) -> str:
    cap = asked.tenant.auto_recharge.cap_per_month_micros or 0
    return (
        f"The rule's cap of {_money(asked, cap)} a month is less than a month to come may cost: raise it, or "
        "calls are blocked once it is reached."
    )


def _replayed(asked: Asked, tried: Tried) -> str:
    """How the best rule did on the usage itself."""
    rule = tried.rule
    text = (
        f"Tried on the usage, call by call: {counted(rule.recharges, 'payment')}, the balance never below "
        f"{_money(asked, rule.lowest_balance)}, {_money(asked, rule.idle)} idle on average"
    )
    if not tried.is_short:
        return f"{text}; no call was blocked for want of money."
    why = ", because the rule's own limits left no payment" if tried.capped else ""
    return f"{text}. {_shortage(rule, 'Even so')}{why}."


def _shortage(rule: RuleTried, when: str) -> str:
    """What a rule could not pay: calls that were blocked, and calls in progress that money did not cover."""
    blocked = f"{counted(rule.blocked_calls, 'call')} would have been blocked for want of money"
    if rule.lowest_balance >= 0:
        return f"{when} {blocked}"
    begun = "some calls in progress would have been cut short"
    return f"{when} {blocked}, and {begun}" if rule.blocked_calls else f"{when} {begun}"


def _today(asked: Asked, best: RechargeChoice, bought: Bought) -> str:
    """The rule of today beside the best, both tried on the usage."""
    assert bought.own is not None, "today's rule was tried"
    assert bought.tried is not None, "and so was the best"
    own, rule = bought.own.rule, asked.tenant.auto_recharge
    name = f"{cents(own.below)}/{cents(own.add)}"
    if rule.target_micros:
        name = f"{cents(own.below)} up to {cents(rule.target_micros)}"
    text = (
        f"Today's rule {name} would have kept {_money(asked, own.idle)} idle on average with "
        f"{counted(own.recharges, 'payment')}; {cents(best.below)}/{cents(best.add)} keeps "
        f"{_money(asked, bought.tried.rule.idle)} with {bought.tried.rule.recharges:,}."
    )
    if bought.own.is_short:
        shortage = _shortage(own, "With today's rule")
        return f"{text} {shortage}."
    if own.below < bought.outlasts:
        return f"{text} Today's trigger is less than calls may cost while a payment is on its way."
    return text


def _money(asked: Asked, micros: int) -> str:
    return f"{cents(micros)} {asked.tenant.currency}"
