"""The answer in a few sentences, for who reads nothing else: what it cost, what to buy, which plans.

Every figure stands in the document; here they are only put into words, with what they rest on. Sums are
exact, estimates are rounded half up to cents.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from talktime.core.money import HALF_UP, MICROS_PLACES, format_decimal, round_div
from talktime.insight.planner.document import CANNOT, CAUTION
from talktime.insight.wording import counted

if TYPE_CHECKING:
    from talktime.insight.planner.document import Buy, Carriers, Mix, Outlook, Plan

_CENT: Final = 10_000
WIDE: Final = 3
"""An amount that is more than so many times what is expected is no advice: too little is known for it."""

NO_PLANS: Final = (
    "Which plan for whom is not answered: it was not asked, or prices of licences are missing; a statement "
    "below then names them."
)

ALL_CARRIED: Final = (
    "Which plan for whom cannot be told: all calls went by your own carrier, so this usage does not say "
    "which licences are needed. Bring the export of Calling Plans too before you take any back."
)


def conclusions(plan: Plan) -> tuple[str, ...]:
    """Five to nine sentences, most important first."""
    return tuple(_sentences(plan))


def cents(micros: int) -> str:
    """An estimate for people: cents, rounded half up, away from zero for what is below it; 1,234.50."""
    rounded = round_div(abs(micros), _CENT, HALF_UP)
    whole, _, decimals = format_decimal(rounded, 2).partition(".")
    sign = "-" if micros < 0 and rounded else ""
    return f"{sign}{int(whole):,}.{decimals.ljust(2, '0')}"


def exact(micros: int) -> str:
    """A sum as it is, with at least two decimals."""
    whole, _, decimals = format_decimal(abs(micros), MICROS_PLACES).partition(".")
    return f"{'-' if micros < 0 else ''}{int(whole):,}.{decimals.ljust(2, '0')}"


def hundredths(percent: int) -> str:
    """Hundredths of a percent as percent: 305 -> 3.05."""
    shown = format_decimal(abs(percent), 2)
    return f"-{shown}" if percent < 0 else shown


def confidence_percent(per_mille: int) -> str:
    """950 -> 95, 999 -> 99.9."""
    return format_decimal(per_mille, 1)


def day_after(day: str, days: int) -> str:
    """The ISO day so many days later; years beyond 9999 stay in it."""
    first = date.fromisoformat(day)
    return (first + timedelta(days=min(days, (date.max - first).days))).isoformat()


def _sentences(plan: Plan) -> Iterator[str]:
    yield _cost(plan)
    yield _need(plan)
    if plan.outlook is not None:
        yield _ahead(plan, plan.outlook)
        if plan.outlook.balance is not None:
            yield _until(plan.outlook, plan.outlook.balance, plan.currency)
    if plan.buy is not None:
        yield from _to_buy(plan.buy, plan.currency)
    if any(said.weight == CANNOT and said.about == "carriers" for said in plan.said):
        yield ALL_CARRIED
    else:
        yield NO_PLANS if plan.mix is None else _plans(plan.mix, plan.currency, whole=bool(plan.full_months))
    if plan.carriers is not None:
        yield _moved(plan.carriers, plan.currency)
    careful = sum(said.weight in (CAUTION, CANNOT) for said in plan.said)
    if careful:
        yield f"What makes these figures less sure: see {counted(careful, 'statement')} on the usage below."


def _cost(plan: Plan) -> str:
    """What the calls came to, and what that is in a whole month."""
    paid = plan.paid
    calls = counted(paid.answered, "answered call")
    at = f"{calls} of {_span(plan)} cost {exact(paid.amount)} {plan.currency}"
    full = {line.key: line.amount for line in paid.by.get("month", ()) if line.key in plan.full_months}
    if len(full) > 1:
        at += f", about {cents(round_div(sum(full.values()), len(full), HALF_UP))} a full month"
    if paid.unrated_calls:
        at += f"; {counted(paid.unrated_calls, 'call')} without a rate would come on top"
    return f"{at}."


def _span(plan: Plan) -> str:
    months = plan.months
    return months[0] if len(months) == 1 else f"{months[0]} to {months[-1]}" if months else "the usage"


def _need(plan: Plan) -> str:
    need = plan.need
    head = {
        True: "Credits are needed",
        False: "No credits are needed",
        None: "Whether credits are needed cannot be told",
    }[need.answer]
    return f"{head}: {_joined(need.says[0])}" if need.says else f"{head}."


def _joined(sentence: str) -> str:
    """A sentence behind a colon: it begins small, unless its first word is a name or an abbreviation."""
    first = sentence.split(" ", 1)[0]
    return sentence[:1].lower() + sentence[1:] if first.istitle() and first.isalpha() else sentence


def _ahead(plan: Plan, outlook: Outlook) -> str:
    text = f"A week is expected to cost {cents(outlook.a_week)} {plan.currency}"
    if outlook.months:
        month = next((one for one in outlook.months if one.month not in plan.months), outlook.months[0])
        text += (
            f", all of {month.month} {cents(month.expected)}, between {cents(month.low)} and "
            f"{cents(month.high)} (at each edge with {confidence_percent(outlook.confidence)} % confidence)"
        )
    if outlook.growth is None:
        return f"{text}; no growth is certain."
    way = "growing" if outlook.growth >= 0 else "shrinking"
    return f"{text}; it is {way} by {hundredths(abs(outlook.growth))} % a month."


def _until(outlook: Outlook, balance: int, currency: str) -> str:
    """When the balance ends: the cautious edge, what is expected, the late edge."""
    held = f"The balance of {exact(balance)} {currency}"
    low, expected, high = outlook.lasts_low, outlook.lasts_expected, outlook.lasts_high
    if expected is None:
        if low is None:
            return f"{held} is not used up within three years."
        return f"{held} lasts until {day_after(outlook.from_day, low)} at least."
    text = f"{held} lasts until about {day_after(outlook.from_day, expected)} if nothing is bought"
    if low is None:
        return f"{text}."
    late = "no end within three years" if high is None else day_after(outlook.from_day, high)
    return f"{text}, between {day_after(outlook.from_day, low)} and {late}."


def _to_buy(buy: Buy, currency: str) -> Iterator[str]:
    sure = f"{confidence_percent(buy.confidence)} %"
    best = next((choice for choice in buy.choices if choice.best), None)
    if best is not None:
        kept = (
            f"with {sure} confidence no call is blocked"
            if buy.holds
            else "even so calls may be blocked, as its reasons say"
        )
        yield (
            f"What to buy: auto-recharge of {cents(best.add)} {currency} when less than {cents(best.below)} "
            f"is left; {kept}, and {cents(best.idle)} lie idle on average."
        )
    least = min((one.amount for one in buy.one_time), default=0)
    likely = [one for one in buy.one_time if one.amount <= max(WIDE * one.expected, least)]
    amounts = [
        f"{cents(one.amount) if one.amount else 'nothing'} for {counted(one.months, 'month')}"
        for one in likely
    ]
    if amounts:
        once = "Or once" if best is not None else "What to buy: once"
        known = "" if len(likely) == len(buy.one_time) else "; for longer too little is known"
        yield f"{once}: {', '.join(amounts)} ({currency}, {sure}){known}."


def _plans(mix: Mix, currency: str, *, whole: bool) -> str:
    """`whole`: whether the usage has a whole month; licences are paid by the month."""
    if not whole and mix.changes:
        return (
            "Which plan for whom: no whole month is here, so which plans are better cannot be told; those "
            "that are listed would do for the calls that are here, and no more."
        )
    now = mix.licences_now + mix.calls_now
    best = mix.licences_best + mix.calls_best
    months = counted(len(mix.months), "month")
    prices = f"by {'sample ' if mix.sample else ''}licence prices ({mix.prices})"
    if not mix.changes:
        return f"Which plan for whom: nothing better than today's plans was found, {prices}."
    saved = round_div(abs(now - best), max(len(mix.months), 1), HALF_UP)
    users = len({change.user for change in mix.changes if change.user})
    what = f"other plans for {counted(users, 'user')}" if users else "giving up licences that nobody holds"
    told = f"{cents(best)} instead of {cents(now)} in {months}, {prices}"
    if best >= now:  # somebody calls without a plan that the calls need
        return (
            f"Which plan for whom: {what}, so that whoever calls has a plan for it, would cost about "
            f"{cents(saved)} {currency} a month more, {told}."
        )
    verb = "save" if users > 1 else "saves"
    return f"Which plan for whom: {what} {verb} about {cents(saved)} {currency} a month, {told}."


def _moved(carriers: Carriers, currency: str) -> str:
    return (
        f"The {counted(carriers.answered, 'answered call')} of your own carrier would cost "
        f"{exact(carriers.amount)} {currency} here with today's licences, {exact(carriers.without)} without."
    )
