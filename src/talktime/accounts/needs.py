"""Which licences a feature needs, and whether a tenant needs credits at all (domain.md 15).

Both answers are sentences for people, worked out from the catalogue's traits, pools and policies; no plan is
known here by its code. A tenant whose minutes are billed after use needs no credits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from talktime.accounts.funding_terms import terms_of
from talktime.accounts.tenant import Licence, Tenant, User
from talktime.accounts.toml_table import did_you_mean
from talktime.catalog.model import CREDITS
from talktime.catalog.side import load_features, load_policies
from talktime.core.limits import NO_LIMIT

if TYPE_CHECKING:
    from talktime.catalog.model import Catalogue, Plan
    from talktime.catalog.side_model import CreditsReason, Feature, Features, Way

_HOLDERS: Final = {
    "organiser": "The organiser",
    "user": "The user",
    "resource_account": "The resource account",
}
_WHEN: Final = {
    "never": "It takes no credits",
    "after_pool": "It takes credits once the plan's minutes are used up",
    "every_minute": "It takes credits or pay-as-you-go for every minute",
    "operator_bills": "It takes no credits: your own operator bills the calls",
}
_POLICY_KINDS: Final = {"calling": "calls", "conferencing": "conferencing"}
"""Kinds of plans -> the kind of policy that holds what their users call."""
_EVERY_MINUTE: Final = "every_minute"
_BEYOND: Final = "beyond"


class UnknownFeatureError(ValueError):
    """A feature that the catalogue does not have; the sentence names the nearest one."""


@dataclass(frozen=True, slots=True)
class Need:
    """One way to have a feature: of each tuple of `licences` one code; `money` as the catalogue says it."""

    licences: tuple[tuple[str, ...], ...]
    holder: str
    money: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Needs:
    """What a feature needs: the ways to have it, best first."""

    feature: str
    name: str
    ways: tuple[Need, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """The answer for people, a sentence or two for each way."""
        return tuple(way.sentence for way in self.ways)


@dataclass(frozen=True, slots=True)
class Reason:
    """Something that takes money: `who` are the users or numbers behind it, in the tenant's order.

    `money`: every_minute, or after_pool. `unlicensed`: those of `who` that may not spend credits before they
    get a licence for it. `keeps`: what goes on without credits.
    """

    id: str
    says: str
    keeps: str
    money: str
    who: tuple[str, ...]
    unlicensed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Needed:
    """Whether credits are needed. `post_usage`: no, since all of `reasons` is billed after use."""

    reasons: tuple[Reason, ...]
    post_usage: bool

    @property
    def needed(self) -> bool:
        """Whether anything would stop without credits."""
        return bool(self.reasons) and not self.post_usage

    @property
    def only_after_pools(self) -> bool:
        """Whether credits are needed only once a month's minutes are used up."""
        return self.needed and all(reason.money != _EVERY_MINUTE for reason in self.reasons)

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        if self.post_usage:
            return "No: minutes are billed after use under a Microsoft Customer Agreement (MCA)."
        if not self.needed:
            return "No: nothing that this organisation has takes credits."
        if self.only_after_pools:
            return "Only if the included minutes may run out: what lies beyond them is paid from credits."
        return "Yes: some of what this organisation has is paid from credits for every minute."


# --- what a feature needs ---------------------------------------------------------------------------------


def needs(feature: str, catalogue: Catalogue, features: Features | None = None) -> Needs:
    """The licences for a feature, by its id or name in any letter case. Raises UnknownFeatureError."""
    known = load_features() if features is None else features
    found = _feature(feature, known)
    ways = tuple(_need(found, way, catalogue, known) for way in found.ways)
    return Needs(found.id, found.name, ways)


def _feature(word: str, features: Features) -> Feature:
    asked = word.strip().casefold()
    for feature in features.features.values():
        if asked in (feature.id, feature.id.replace("_", " "), feature.name.casefold()):
            return feature
    hint = did_you_mean(asked.replace(" ", "_"), features.features)
    known = f"; known are {', '.join(features.features)}"
    raise UnknownFeatureError(f"unknown feature {word!r}{hint or known}")


def _need(feature: Feature, way: Way, catalogue: Catalogue, features: Features) -> Need:
    choices = [_choice([_named(code, catalogue) for code in choice]) for choice in way.needs]
    which = f" ({way.paid})" if way.paid else ""
    free = "".join(
        f" {allowance.free} licences of it are free, and one more per {allowance.one_more_per} licences of "
        f"{' or '.join(_named(code, catalogue) for code in allowance.of)}."
        for choice in way.needs
        for allowance in (features.allowances.get(code) for code in choice)
        if allowance is not None
    )
    money = f"{_WHEN[way.money]}{which}."
    sentence = f"{_HOLDERS[way.holder]} needs {' and '.join(choices)}. {money}{free}"
    return Need(way.needs, way.holder, way.money, f"{feature.name}: {sentence}")


def _choice(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"one of [{'; '.join(names)}]"


def _named(code: str, catalogue: Catalogue) -> str:
    return f"{catalogue.plans[code].name} ({code})" if code in catalogue.plans else code


def plan_needs(plan: Plan, features: Features | None = None) -> tuple[tuple[str, ...], ...]:
    """What a plan is of no use without: of each tuple one more licence (domain.md 15).

    It is what every way to have a feature by this plan asks for beside it; () where one way asks for nothing,
    and for a licence to spend credits, which is of use beside whatever else takes money.
    """
    if plan.kind == CREDITS:
        return ()
    code = plan.code
    ways = [
        {choice for choice in way.needs if code not in choice}
        for feature in (features or load_features()).features.values()
        for way in feature.ways
        if any(code in choice for choice in way.needs)
    ]
    return tuple(sorted(set.intersection(*ways))) if ways else ()


def plan_features(code: str, features: Features | None = None) -> tuple[Feature, ...]:
    """The features that some way with this plan gives, in the catalogue's order."""
    known = (features or load_features()).features.values()
    return tuple(
        feature for feature in known if any(code in choice for way in feature.ways for choice in way.needs)
    )


# --- whether credits are needed ---------------------------------------------------------------------------


def needs_credits(
    tenant: Tenant, catalogue: Catalogue, now_us: int, features: Features | None = None
) -> Needed:
    """Whether the tenant needs credits as it is at an instant, and why."""
    known = load_features() if features is None else features
    people = _people(tenant, catalogue, now_us)
    found = (_reason(reason, tenant, people) for reason in known.reasons.values())
    terms = terms_of(tenant, catalogue, recharge_on=tenant.auto_recharge.enabled)
    return Needed(tuple(reason for reason in found if reason.who), terms.behind)


@dataclass(frozen=True, slots=True)
class _Person:
    """What users with the same licences, location and policies have in common.

    `reached`: (kind of plans, pool or beyond) for each way that a call of theirs may be paid.
    """

    traits: frozenset[str]
    reached: frozenset[tuple[str, str]]
    may_spend: bool


def _people(tenant: Tenant, catalogue: Catalogue, now_us: int) -> list[tuple[str, _Person]]:
    """(UPN, person) of each user; thousands share the same few."""
    seen: dict[tuple[tuple[Licence, ...], str, tuple[str, ...]], _Person] = {}
    people = []
    for user in tenant.users:
        key = (user.licences, user.location, user.policies)
        if key not in seen:
            seen[key] = _person(user, catalogue, now_us)
        people.append((user.upn, seen[key]))
    return people


def _person(user: User, catalogue: Catalogue, now_us: int) -> _Person:
    held = [
        catalogue.plans[licence.plan]
        for licence in user.licences
        if licence.from_us <= now_us < licence.until_us and licence.plan in catalogue.plans
    ]
    traits = frozenset(trait for plan in held for trait in plan.traits)
    reached = frozenset(
        (plan.kind, reach)
        for plan in held
        if plan.pools and plan.kind in _POLICY_KINDS
        for reach in _reaches(user, [one for one in held if one.kind == plan.kind], catalogue)
    )
    gates = {one.licence for one in catalogue.categories.values() if one.licence}
    return _Person(traits, reached, gates <= traits)


def _reaches(user: User, plans: Sequence[Plan], catalogue: Catalogue) -> set[str]:
    """Whether the user may call where a pool of the plans pays first, and where none does."""
    known = load_policies()
    kind = _POLICY_KINDS[plans[0].kind]
    own = [known.policies[name] for name in user.policies if known.policies[name].kind == kind]
    policy = own[0] if own else known.default(kind)
    found = set()
    for country in catalogue.dialling:
        domestic = catalogue.is_domestic(user.location, country)
        if not policy.permits(catalogue.reached(user.location, country, domestic)):
            continue
        pools = [pool for plan in plans for pool in plan.pools if catalogue.reaches(pool, domestic, country)]
        if not pools:
            found.add(_BEYOND)
        elif all(pool.minutes_for(user.location) < NO_LIMIT for pool in pools):
            found.add("pool")
    return found


def _reason(reason: CreditsReason, tenant: Tenant, people: Iterable[tuple[str, _Person]]) -> Reason:
    if reason.number_kind or reason.services:
        numbers = tuple(
            service.number
            for service in tenant.service_numbers
            if service.kind == reason.number_kind or service.service in reason.services
        )
        return Reason(reason.id, reason.says, reason.keeps, reason.money, numbers)
    behind = [
        (upn, person)
        for upn, person in people
        if reason.trait in person.traits or (reason.plans, reason.reach) in person.reached
    ]
    return Reason(
        id=reason.id,
        says=reason.says,
        keeps=reason.keeps,
        money=reason.money,
        who=tuple(upn for upn, _ in behind),
        unlicensed=tuple(upn for upn, person in behind if reason.plans and not person.may_spend),
    )
