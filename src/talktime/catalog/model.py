"""The catalogue in memory: frozen values made from the data files by `catalog.load`.

It turns names into the integers that the core works with (facts, rules) and answers what is data: which
plan gives which pools, which zone a country is in, which country and kind a number has.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from talktime.core.category import first_rule
from talktime.core.numbers import Dialling
from talktime.core.prefix import NO_PREFIX, PrefixTable

FREE: Final = "free"
CREDITS: Final = "credits"

BASIS_ASSIGNED: Final = "assigned"
BASIS_PURCHASED: Final = "purchased"
SCOPE_COUNTRY: Final = "country"
SCOPE_TENANT: Final = "tenant"
SCOPE_USER: Final = "user"

DOMESTIC: Final = "domestic"
INTERNATIONAL: Final = "international"
ANYWHERE: Final = "any"
ORGANISER_COUNTRY: Final = "organiser_country"

POLICY_REACHES: Final = {
    "conferencing": (ANYWHERE, ORGANISER_COUNTRY, "zone_a"),
    "calls": (INTERNATIONAL, DOMESTIC),
}
"""The kinds of dial-out policies and the words that say what one allows (domain.md 15)."""

TOLL: Final = "toll"
TOLL_FREE: Final = "toll_free"
OTHER_OPERATOR: Final = "other_operator"
ZONE: Final = "zone:"
CALL_TYPE: Final = "call_type:"

PREMIUM_NORMAL: Final = "normal"
PREMIUM_CREDITS_ONLY: Final = "credits_only"
PREMIUM_REFUSE: Final = "refuse"


@dataclass(frozen=True, slots=True)
class PlanPool:
    """Minutes that a plan includes per licence and month, for some destinations (domain.md 5)."""

    kind: str
    destinations: str
    minutes: int
    minutes_in: Mapping[str, int]

    def minutes_for(self, country: str) -> int:
        """Minutes of one licence held in this country; NO_LIMIT where they are not counted."""
        return self.minutes_in.get(country, self.minutes)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a licence gives. `kind` is calling, conferencing, credits or phone."""

    code: str
    name: str
    kind: str
    basis: str
    scope: str
    countries: frozenset[str]
    free: bool
    traits: frozenset[str]
    pools: tuple[PlanPool, ...]
    strict_or: bool


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of call: who pays for it, in which order, and which trait its payer needs (domain.md 4).

    `policy` is the kind of dial-out policy that its outgoing calls are held to, "" for none.
    """

    name: str
    funding: tuple[str, ...]
    licence: str
    payer: str
    never_refused: bool
    state: str
    flag: str
    policy: str

    @property
    def is_free(self) -> bool:
        """Whether nobody pays."""
        return FREE in self.funding

    @property
    def pool_kinds(self) -> tuple[str, ...]:
        """The kinds of pools that pay before money does, in order."""
        return tuple(kind for kind in self.funding if kind not in (FREE, CREDITS))


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table that chooses the category; `why` is its sentence for people."""

    category: str
    call_types: tuple[str, ...]
    when: tuple[str, ...]
    unless: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class NumberFacts:
    """What a number's digits say: ISO country ("" unknown) and kind (geographic, toll_free, ...)."""

    country: str
    kind: str


UNKNOWN_NUMBER: Final = NumberFacts("", "")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a call before its category is chosen."""

    call_type: str
    number_kind: str
    other_operator: bool
    domestic: bool
    country: str
    traits: frozenset[str]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All data that rules ask for. Made by `catalog.load.load_catalogue`."""

    plans: Mapping[str, Plan]
    categories: Mapping[str, Category]
    rules: tuple[Rule, ...]
    zones: Mapping[str, frozenset[str]]
    domestic_groups: Mapping[str, frozenset[str]]
    pool_groups: Mapping[str, str]
    directions: Mapping[str, tuple[str, ...]]
    own_operators: frozenset[str]
    number_types: Mapping[str, str]
    treatments: Mapping[str, Mapping[str, str]]
    premium: PrefixTable
    premium_states: tuple[str, ...]
    numbers: PrefixTable
    number_facts: tuple[NumberFacts, ...]
    dialling: Mapping[str, Dialling]
    digest: str
    _bits: Mapping[str, int] = field(repr=False, default_factory=dict)
    _compiled: tuple[tuple[int, int, int], ...] = field(repr=False, default=())
    _call_type_masks: dict[str, int] = field(repr=False, compare=False, default_factory=dict)
    _traits: dict[tuple[str, ...], frozenset[str]] = field(repr=False, compare=False, default_factory=dict)
    _zones_of: dict[str, frozenset[str]] = field(repr=False, compare=False, default_factory=dict)
    _rules: dict[tuple[object, ...], int] = field(repr=False, compare=False, default_factory=dict)
    _reached: dict[tuple[frozenset[str], bool, bool], frozenset[str]] = field(
        repr=False, compare=False, default_factory=dict
    )

    def direction(self, call_type: str) -> str:
        """The direction that the call type says (inbound or outbound), else ""."""
        for direction, patterns in self.directions.items():
            if any(fnmatchcase(call_type, pattern) for pattern in patterns):
                return direction
        return ""

    def treated(self, call_type: str, treat_as: str) -> str:
        """The call type that a row is rated as; unchanged where the treatment does not name it."""
        for pattern, other in self.treatments[treat_as].items():
            if fnmatchcase(call_type, pattern):
                return other
        return call_type

    def rule_of(self, facts: Facts) -> int:
        """The index of the rule that chooses the category; the last rule takes every call.

        Rules see a country only by the zones that it lies in, so the answer is remembered without it.
        """
        zones = self.zones_of(facts.country)
        seen = (facts.call_type, facts.number_kind, facts.other_operator, facts.domestic, zones, facts.traits)
        if seen not in self._rules:
            self._rules[seen] = first_rule(self._mask(facts), self._compiled)
        return self._rules[seen]

    def zones_of(self, country: str) -> frozenset[str]:
        """The zones that a country lies in."""
        if country not in self._zones_of:
            found = (zone for zone, countries in self.zones.items() if country in countries)
            self._zones_of[country] = frozenset(found)
        return self._zones_of[country]

    def _mask(self, facts: Facts) -> int:
        if facts.call_type not in self._call_type_masks:
            self._call_type_masks[facts.call_type] = sum(
                bit
                for name, bit in self._bits.items()
                if name.startswith(CALL_TYPE) and fnmatchcase(facts.call_type, name.removeprefix(CALL_TYPE))
            )
        mask = self._call_type_masks[facts.call_type]
        for name, bit in self._bits.items():
            if not name.startswith(CALL_TYPE) and _holds(name, facts, self.zones):
                mask |= bit
        return mask

    def is_domestic(self, location: str, country: str) -> bool:
        """Whether a call from a user located here to that country is domestic."""
        return bool(location) and country in self.domestic_groups.get(location, frozenset({location}))

    def pool_group(self, country: str) -> str:
        """The name of the country group whose licences fill one pool."""
        return self.pool_groups.get(country, country)

    def reaches(self, pool: PlanPool, domestic: bool, country: str) -> bool:
        """Whether a plan's pool serves a destination."""
        if pool.destinations == ANYWHERE:
            return True
        if pool.destinations == DOMESTIC:
            return domestic
        if pool.destinations == INTERNATIONAL:
            return not domestic
        return country in self.zones[pool.destinations]

    def reached(self, location: str, country: str, domestic: bool) -> frozenset[str]:
        """What dial-out policies may say of a destination (policies.toml): words that hold for it."""
        seen = self.zones_of(country), domestic, bool(country) and country == location
        if seen not in self._reached:
            zones, _, own = seen
            words = {*zones, DOMESTIC if domestic else INTERNATIONAL}
            self._reached[seen] = frozenset(words | {ORGANISER_COUNTRY} if own else words)
        return self._reached[seen]

    def premium_state(self, digits: str) -> str:
        """refuse, credits_only or normal, by the longest prefix that the visible digits decide."""
        found = self.premium.find(digits)
        return PREMIUM_NORMAL if found == NO_PREFIX else self.premium_states[found]

    def number(self, digits: str) -> NumberFacts:
        """Country and kind of an international number's visible digits."""
        found = self.numbers.find(digits)
        return UNKNOWN_NUMBER if found == NO_PREFIX else self.number_facts[found]

    def traits(self, plans: Iterable[str]) -> frozenset[str]:
        """What holders of these plans are; codes that the catalogue does not know give nothing."""
        plans = tuple(plans)
        if plans not in self._traits:
            known = (self.plans[code] for code in plans if code in self.plans)
            self._traits[plans] = frozenset(trait for plan in known for trait in plan.traits)
        return self._traits[plans]


def compile_rules(rules: tuple[Rule, ...]) -> tuple[dict[str, int], tuple[tuple[int, int, int], ...]]:
    """Gives each fact that a rule names a bit, and each rule its three masks for `core.category`."""
    bits: dict[str, int] = {}

    def bit(name: str) -> int:
        return bits.setdefault(name, 1 << len(bits))

    compiled = tuple(
        (
            sum({bit(fact) for fact in rule.when}),
            sum({bit(CALL_TYPE + pattern) for pattern in rule.call_types}),
            sum({bit(fact) for fact in rule.unless}),
        )
        for rule in rules
    )
    return bits, compiled


def _holds(name: str, facts: Facts, zones: Mapping[str, frozenset[str]]) -> bool:
    """Whether a fact named in the data, other than a call type, holds for a call."""
    if name.startswith(ZONE):
        return facts.country in zones[name.removeprefix(ZONE)]
    if name == OTHER_OPERATOR:
        return facts.other_operator
    if name == DOMESTIC:
        return facts.domestic
    if name == TOLL_FREE:
        return facts.number_kind == TOLL_FREE
    return name in facts.traits
