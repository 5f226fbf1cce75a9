"""Rates, decks and plans as answers: prices as decimal strings, conditions and windows in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from talktime.accounts.needs import plan_features, plan_needs
from talktime.catalog.model import ANYWHERE, DOMESTIC, INTERNATIONAL
from talktime.core.deck import EVERY_DAY, INBOUND, MINUTES_A_DAY
from talktime.core.limits import NO_LIMIT
from talktime.core.money import NANOS_PLACES, ROUNDINGS, format_decimal
from talktime.core.rating import INCREMENTS
from talktime.doors.http.management.answers_rates import (
    ChangeCounts,
    CountryRates,
    DeckFacts,
    DeckHead,
    DeckInForce,
    PlanAnswer,
    PlanFeature,
    PlanPoolAnswer,
    PossibleRate,
    RateAnswer,
    RateChange,
    RateSpan,
)
from talktime.doors.http.management.texts import instant
from talktime.files.decks.fields import KINDS, change_percent, deck_fields, row_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from talktime.catalog.model import Catalogue, Plan, PlanPool
    from talktime.core.deck import Deck, RateRow
    from talktime.files.decks.compare import Change, Comparison
    from talktime.files.decks.lookup import Possibility
    from talktime.insight import deck_sheet
    from talktime.insight.tenant_rates import InForce
    from talktime.ledger.decks import KeptDeck

UNCHANGED: Final = "unchanged"
FIRST: Final = ("dearer", "mixed", "cheaper", "added", "removed")
"""Kinds of changes in the order in which somebody who will pay wants to see them."""

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SHARED: Final = {
    "country": "shared by the users of a country",
    "tenant": "shared by the whole organisation",
    "user": "for the user alone",
}
_REACHED: Final = {
    DOMESTIC: "domestic numbers",
    INTERNATIONAL: "numbers abroad",
    ANYWHERE: "any number",
}


def head_shown(deck: Deck) -> DeckHead:
    """A deck without its rows."""
    return DeckHead(**deck_fields(deck))


def in_force_shown(found: InForce | None) -> DeckInForce | None:
    """The deck in force; None where none is bound."""
    if found is None:
        return None
    return DeckInForce(**deck_fields(found.deck), valid_from=instant(found.valid_from_us), own=found.own)


def facts_shown(kept: KeptDeck, deck: Deck) -> DeckFacts:
    """A stored deck with its terms."""
    roundings = {number: name for name, number in ROUNDINGS.items()}
    increments = {number: name for name, number in INCREMENTS.items()}
    return DeckFacts(
        version=kept.version,
        name=kept.name,
        currency=kept.currency,
        sample=kept.sample,
        added_at=instant(kept.added_us),
        rates=len(deck.rows),
        rounding=f"{roundings[deck.rounding]} {deck.decimals}",
        increments=increments[deck.increments],
    )


def rate_shown(row: RateRow) -> RateAnswer:
    """A row."""
    return RateAnswer(
        **row_fields(row),
        calls=_calls(row),
        valid_from=instant(row.valid_from_us),
        valid_until=instant(row.valid_until_us),
        window=_window(row),
    )


def possible_shown(one: Possibility) -> PossibleRate:
    """A row with how it stands to the number."""
    return PossibleRate(**rate_shown(one.row).model_dump(), state=str(one.state))


def _calls(row: RateRow) -> str:
    """`outgoing calls`, `incoming calls on toll-free numbers`, `outgoing calls (voice app outbound)`."""
    words = ["incoming calls" if row.direction == INBOUND else "outgoing calls"]
    if row.number_type:
        words.append(f"on {row.number_type.replace('_', '-')} numbers")
    if row.origin_country:
        words.append(f"from {row.origin_country}")
    if row.category:
        words.append(f"({row.category.replace('_', ' ')})")
    return " ".join(words)


def _window(row: RateRow) -> str:
    """`Mon-Fri 08:00 to 18:00 Europe/London`; "" for all the week."""
    if not row.has_window:
        return ""
    days = _days(row.weekdays)
    hours = ""
    if (row.from_min, row.to_min) != (0, MINUTES_A_DAY):
        hours = f" {_clock(row.from_min)} to {_clock(row.to_min)}"
    return f"{days}{hours} {row.time_zone}"


def _days(weekdays: int) -> str:
    if weekdays == EVERY_DAY:
        return "every day"
    on = [day for day in range(len(_DAYS)) if weekdays >> day & 1]
    if len(on) > 2 and on == list(range(on[0], on[-1] + 1)):
        return f"{_DAYS[on[0]]}-{_DAYS[on[-1]]}"
    return ", ".join(_DAYS[day] for day in on)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def country_shown(one: deck_sheet.CountryRates) -> CountryRates:
    """What a deck has for a country."""
    return CountryRates(
        country=one.country,
        name=one.name,
        calling_codes=list(one.codes),
        outbound=_span(one.outbound),
        inbound=_span(one.inbound),
    )


def _span(span: deck_sheet.Span | None) -> RateSpan | None:
    if span is None:
        return None
    return RateSpan(
        prefixes=span.prefixes,
        lowest=format_decimal(span.lowest_nanos, NANOS_PLACES),
        highest=format_decimal(span.highest_nanos, NANOS_PLACES),
    )


# --- what differs -----------------------------------------------------------------------------------------


def changes_of(comparison: Comparison, kind: str) -> list[tuple[str, Change]]:
    """(kind, change) of one kind, or of all that change something, in the order of FIRST."""
    kinds = (kind,) if kind else FIRST
    return [(name, change) for name in kinds for change in getattr(comparison, name)]


def change_shown(kind: str, change: Change) -> RateChange:
    """A row that differs."""
    return RateChange(
        kind=kind,
        prefix=change.prefix,
        old=None if change.old is None else rate_shown(change.old),
        new=None if change.new is None else rate_shown(change.new),
        percent=change_percent(change),
    )


def totals_shown(comparison: Comparison) -> ChangeCounts:
    """How many rows are in each list."""
    return ChangeCounts(**{name: len(getattr(comparison, name)) for name in (*KINDS, UNCHANGED)})


# --- plans ------------------------------------------------------------------------------------------------


def plan_shown(plan: Plan, catalogue: Catalogue) -> PlanAnswer:
    """What a licence of a plan gives."""
    features = plan_features(plan.code)
    return PlanAnswer(
        code=plan.code,
        name=plan.name,
        kind=plan.kind,
        basis=plan.basis,
        scope=plan.scope,
        countries=sorted(plan.countries),
        free=plan.free,
        traits=sorted(plan.traits),
        pools=[_pool(pool, plan, catalogue) for pool in plan.pools],
        needs=[list(choice) for choice in plan_needs(plan)],
        features=[PlanFeature(id=one.id, name=one.name) for one in features],
    )


def _pool(pool: PlanPool, plan: Plan, catalogue: Catalogue) -> PlanPoolAnswer:
    reaches = sorted(catalogue.zones.get(pool.destinations, ()))
    return PlanPoolAnswer(
        kind=pool.kind,
        destinations=pool.destinations,
        reaches=reaches,
        minutes=_minutes(pool.minutes),
        minutes_in={country: _minutes(minutes) for country, minutes in sorted(pool.minutes_in.items())},
        says=_pool_says(pool, plan, reaches),
    )


def _minutes(minutes: int) -> int | None:
    return None if minutes == NO_LIMIT else minutes


def _pool_says(pool: PlanPool, plan: Plan, reaches: list[str]) -> str:
    """`1,200 minutes a month and licence (CA, PR, US: 3,000) to domestic numbers, shared by ...`."""
    zone = f"{len(reaches)} countries ({pool.destinations.replace('_', ' ')})"
    where = _REACHED.get(pool.destinations, zone)
    return f"{_amount(pool.minutes)}{_elsewhere(pool.minutes_in)} to {where}, {_SHARED[plan.scope]}"


def _amount(minutes: int) -> str:
    if minutes == NO_LIMIT:
        return "minutes without limit"
    return f"{minutes:,} minutes a month for each licence"


def _elsewhere(minutes_in: Mapping[str, int]) -> str:
    by_amount: dict[int, list[str]] = {}
    for country, minutes in sorted(minutes_in.items()):
        by_amount.setdefault(minutes, []).append(country)
    told = [
        f"{', '.join(countries)}: {'no limit' if minutes == NO_LIMIT else f'{minutes:,}'}"
        for minutes, countries in sorted(by_amount.items())
    ]
    return f" ({'; '.join(told)})" if told else ""
