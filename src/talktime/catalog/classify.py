"""What a call is: its category, who may pay for it, and how the deck is to be asked.

One call, looked at before any money: the live path classifies each call as it comes, the bulk path each
different situation of a file once (domain.md 4, rulings.md 10 to 12).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from talktime.catalog.model import (
    PREMIUM_NORMAL,
    PREMIUM_REFUSE,
    TOLL,
    TOLL_FREE,
    Catalogue,
    Category,
    Facts,
    PlanPool,
)
from talktime.catalog.side import load_policies
from talktime.core.deck import INBOUND, OUTBOUND, Call
from talktime.core.refusals import GATE_BARRED, GATE_PREMIUM, GATE_UNLICENSED

FLAG_SCOPE: Final = "scope_disagrees"
FLAG_LOCATION: Final = "location_unknown"


class Situation(NamedTuple):
    """What is known of a call. Texts are empty where something is not known; `plans` are held at its start.

    `country`, `number_kind` and `premium` are of the called number, `caller_country` matters for inbound
    calls where a deck prices by origin; `listed_kind` is the kind of the tenant's
    own service number, `row_number_type` what the file says; `scope` is domestic, international or "".
    `policies` are the dial-out policies that the user is held to, `barred_prefix` says that the called
    number begins with a prefix which the tenant bars.
    """

    call_type: str
    direction: str
    listed_kind: str
    row_number_type: str
    country: str
    number_kind: str
    premium: str
    other_operator: bool
    scope: str
    location: str
    caller_country: str
    user_plans: tuple[str, ...]
    service_plans: tuple[str, ...]
    policies: tuple[str, ...] = ()
    barred_prefix: bool = False


@dataclass(frozen=True, slots=True)
class PlanPoolRef:
    """A pool that may pay for the call: the plan and which of its pools."""

    plan: str
    pool: PlanPool


@dataclass(frozen=True, slots=True)
class Classified:
    """The answer: category and the rule that chose it, gates (bits of core.refusals), pools in order."""

    category: Category
    rule: int
    deck_call: Call
    gates: int
    pools: tuple[PlanPoolRef, ...]
    flags: tuple[str, ...]


def classify(catalogue: Catalogue, call: Situation, *, licence_asked: bool, gated: bool) -> Classified:
    """Classifies one call.

    `licence_asked`: whether spending needs a licence (not where no tenant is described, nor under MCA without
    auto-recharge, rulings.md 12); `gated`: whether anything may be refused at all (rulings.md 3).
    """
    direction = catalogue.direction(call.call_type) or call.direction or OUTBOUND
    kind = _number_kind(catalogue, call, direction)
    domestic, flags = _domestic(catalogue, call)
    plans_traits = catalogue.traits(call.user_plans)
    facts = Facts(call.call_type, kind, call.other_operator, domestic, call.country, plans_traits)
    rule = catalogue.rule_of(facts)
    category = catalogue.categories[catalogue.rules[rule].category]
    plans = call.service_plans if category.payer == "service" else call.user_plans
    if category.flag:
        flags = (*flags, category.flag)
    if not (category.is_free or call.location or call.scope) and call.country and direction == OUTBOUND:
        flags = (*flags, FLAG_LOCATION)  # nothing says whether the call was domestic
    return Classified(
        category=category,
        rule=rule,
        deck_call=Call(category.name, kind, direction, _origin(call, direction)),
        gates=_gates(catalogue, category, call, plans, direction, domestic, licence_asked) if gated else 0,
        pools=() if category.is_free else _pools(catalogue, category, plans, call, domestic),
        flags=flags,
    )


def _origin(call: Situation, direction: str) -> str:
    """Where a call comes from: its user, but its caller if it comes in or its user's place is not known."""
    return call.caller_country if direction == INBOUND or not call.location else call.location


def _number_kind(catalogue: Catalogue, call: Situation, direction: str) -> str:
    """The tenant's list, else the row's word, else the called number itself (rulings.md 11)."""
    kind = call.listed_kind or catalogue.number_types.get(call.row_number_type, "")
    if kind:
        return kind
    return TOLL_FREE if direction == INBOUND and call.number_kind == TOLL_FREE else TOLL


def _domestic(catalogue: Catalogue, call: Situation) -> tuple[bool, tuple[str, ...]]:
    """The number decides, else the row's word; a disagreement is flagged (rulings.md 10)."""
    said = call.scope == "domestic"
    if not call.country or not call.location:
        return said, ()
    domestic = catalogue.is_domestic(call.location, call.country)
    return domestic, (FLAG_SCOPE,) if call.scope and said != domestic else ()


def _gates(
    catalogue: Catalogue,
    category: Category,
    call: Situation,
    plans: Sequence[str],
    direction: str,
    domestic: bool,
    licence_asked: bool,
) -> int:
    if category.is_free or category.never_refused:
        return 0
    gates = 0
    if licence_asked and category.licence and category.licence not in catalogue.traits(plans):
        gates |= GATE_UNLICENSED
    if direction == OUTBOUND and call.premium == PREMIUM_REFUSE:
        gates |= GATE_PREMIUM
    if direction == OUTBOUND and _is_barred(catalogue, category, call, domestic):
        gates |= GATE_BARRED
    return gates


def _is_barred(catalogue: Catalogue, category: Category, call: Situation, domestic: bool) -> bool:
    """Whether the tenant bars the prefix, or the user's dial-out policy the destination (domain.md 15).

    Who holds no policy of the category's kind is held to the default; an unknown one bars nothing.
    """
    if call.barred_prefix:
        return True
    known = load_policies()
    if not category.policy or category.name in known.never_barred:
        return False
    held = (known.policies[id_] for id_ in call.policies if id_ in known.policies)
    policy = next((one for one in held if one.kind == category.policy), known.default(category.policy))
    return not policy.permits(catalogue.reached(call.location, call.country, domestic))


def _pools(
    catalogue: Catalogue, category: Category, plans: Sequence[str], call: Situation, domestic: bool
) -> tuple[PlanPoolRef, ...]:
    """The pools that may pay, in the category's order; none for a premium number (rulings.md 15)."""
    if call.premium != PREMIUM_NORMAL:
        return ()
    held = [catalogue.plans[code] for code in plans if code in catalogue.plans]
    return tuple(
        PlanPoolRef(plan.code, pool)
        for kind in category.pool_kinds
        for plan in held
        for pool in plan.pools
        if pool.kind == kind and catalogue.reaches(pool, domestic, call.country)
    )
