"""The catalogue's side data in memory: roles, features, days kept, masking, policies, currencies.

Frozen values that answer what pages, notices and rights ask for; `catalog.side` reads them from the files.
None of it decides a price.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from talktime.catalog.model import ANYWHERE


@dataclass(frozen=True, slots=True)
class Role:
    """An administrator role. `alias_of` is the role it is another name of.

    `partner` acts from outside for the tenants that it serves, `operator` runs the installation.
    `assumed_for`: a key without roles has this one, if it is for the "tenant" or the "installation".
    """

    id: str
    name: str
    alias_of: str
    partner: bool
    operator: bool = False
    assumed_for: str = ""

    @property
    def is_of_tenant(self) -> bool:
        """Whether a tenant's own administrators may hold it."""
        return not self.partner and not self.operator


@dataclass(frozen=True, slots=True)
class Event:
    """Something that people are told; `configurable`: the tenant may choose other recipients."""

    id: str
    group: str
    configurable: bool


@dataclass(frozen=True, slots=True)
class Roles:
    """Who is told what and who may do what (domain.md 10 and 11). Groups and rights hold no aliases."""

    roles: Mapping[str, Role]
    groups: Mapping[str, frozenset[str]]
    events: Mapping[str, Event]
    rights: Mapping[str, frozenset[str]]

    def canonical(self, role: str) -> str:
        """The role itself, or the one that it is another name of. Raises KeyError for an unknown role."""
        return self.roles[role].alias_of or role

    def assumed(self, where: str) -> frozenset[str]:
        """The roles of a key that names none and is for the "tenant" or the "installation"."""
        return frozenset(role.id for role in self.roles.values() if role.assumed_for == where)

    def recipients(self, event: str) -> frozenset[str]:
        """The roles, aliases resolved, that an event is told to. Raises KeyError for an unknown event."""
        return self.groups[self.events[event].group]

    def may(self, roles: Iterable[str], operation: str) -> bool:
        """Whether a holder of these roles may do this. Raises KeyError for an unknown operation or role."""
        return not self.rights[operation].isdisjoint(map(self.canonical, roles))


@dataclass(frozen=True, slots=True)
class Way:
    """One way to have a feature: of each tuple of `needs` one plan; `money` says when it is charged.

    `holder` is whose licences count; `paid` which of the feature's minutes are charged, "" for all.
    """

    needs: tuple[tuple[str, ...], ...]
    holder: str
    money: str
    paid: str

    def is_met_by(self, plans: Iterable[str]) -> bool:
        """Whether a holder of these plans has the feature this way."""
        held = frozenset(plans)
        return all(not held.isdisjoint(choice) for choice in self.needs)


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that people want to do, and the ways to have it, best first (domain.md 15)."""

    id: str
    name: str
    ways: tuple[Way, ...]


@dataclass(frozen=True, slots=True)
class Allowance:
    """Licences of a plan that come free: `free`, and one more per `one_more_per` licences of plans `of`."""

    plan: str
    free: int
    one_more_per: int
    of: tuple[str, ...]

    def licences(self, held: Mapping[str, int]) -> int:
        """How many are free to a tenant that holds so many licences of each plan, rounded down."""
        return self.free + sum(held.get(plan, 0) for plan in self.of) // self.one_more_per


@dataclass(frozen=True, slots=True)
class CreditsReason:
    """Why a tenant may need credits: what takes money and when, and what goes on without them.

    Exactly one of these says whom it looks at: numbers of a `number_kind` or of `services`, users with a
    `trait`, or with plans of the kind `plans`, calling where a pool reaches (`reach` pool) or none (beyond).
    """

    id: str
    says: str
    keeps: str
    money: str
    number_kind: str
    services: tuple[str, ...]
    trait: str
    plans: str
    reach: str


@dataclass(frozen=True, slots=True)
class Features:
    """Licences that features need, licences that come free, and reasons to need credits."""

    features: Mapping[str, Feature]
    allowances: Mapping[str, Allowance]
    reasons: Mapping[str, CreditsReason]


@dataclass(frozen=True, slots=True)
class Kept:
    """How many days usage is kept: calls that we carry, calls of the customer's own operator."""

    calling_plans_days: int
    own_operator_days: int


@dataclass(frozen=True, slots=True)
class Retention:
    """How long usage is kept, by country (domain.md 15)."""

    default: Kept
    countries: Mapping[str, Kept]

    def kept(self, country: str) -> Kept:
        """The days of a user's country; unknown countries have the default."""
        return self.countries.get(country, self.default)


@dataclass(frozen=True, slots=True)
class Masking:
    """Hidden digits of the other party's number, by the organisation's country (domain.md 15)."""

    hidden_digits: Mapping[str, int]

    def hidden(self, country: str) -> int:
        """Digits hidden at the end; 0 where the country hides none."""
        return self.hidden_digits.get(country, 0)


@dataclass(frozen=True, slots=True)
class Policy:
    """A dial-out policy that a user may be held to (domain.md 15). `kind` is conferencing or calls."""

    id: str
    kind: str
    name: str
    allows: frozenset[str]
    default: bool

    def permits(self, reached: Iterable[str]) -> bool:
        """Whether a destination may be called of which these words hold (`organiser_country`, `domestic`)."""
        return ANYWHERE in self.allows or not self.allows.isdisjoint(reached)


@dataclass(frozen=True, slots=True)
class Policies:
    """All dial-out policies; `never_barred` are the categories of calls that go through under any."""

    policies: Mapping[str, Policy]
    never_barred: frozenset[str]
    defaults: Mapping[str, Policy]

    def default(self, kind: str) -> Policy:
        """The policy of users who are held to none. Raises KeyError for an unknown kind."""
        return self.defaults[kind]


@dataclass(frozen=True, slots=True)
class Currencies:
    """Currencies: decimals of the smallest coin and number (ISO 4217), the least amount of one purchase."""

    minor_units: Mapping[str, int]
    numbers: Mapping[str, int]
    default_minimum_micros: int
    minimum_micros: Mapping[str, int]

    def minimum_purchase_micros(self, currency: str) -> int:
        """The least amount of one purchase (rulings.md 32)."""
        return self.minimum_micros.get(currency, self.default_minimum_micros)


@dataclass(frozen=True, slots=True)
class PurchaseRule:
    """A rule of who may buy: what it asks, and what to do where it fails (domain.md 9).

    `by_partner`: it holds for a partner who pays on the customer's behalf, too.
    """

    id: str
    asks: str
    remedy: str
    by_partner: bool


@dataclass(frozen=True, slots=True)
class Warned:
    """Something to be told beside the rules, and what to do about it."""

    id: str
    says: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Who may buy credits: countries that may not, regions of agreements, texts of the rules in their order.

    `qualifying_kinds` of plans, without `add_ons` (codes), are what credits are for.
    """

    not_offered: frozenset[str]
    qualifying_kinds: frozenset[str]
    add_ons: frozenset[str]
    regions: Mapping[str, str]
    rules: Mapping[str, PurchaseRule]
    warnings: Mapping[str, Warned]

    def same_region(self, one: str, other: str) -> bool:
        """Whether two countries lie in one region; a country that no region names is its own."""
        return self.regions.get(one, one) == self.regions.get(other, other)
