"""A tenant as the rules see it: who it is, what it bought, who may spend, what it holds.

All frozen; instants are integers of microseconds, money integers of micros. The TOML file that people write
is read by `accounts.tenant_file` (interfaces.md, The tenant file).
"""

from dataclasses import dataclass
from typing import Final

from talktime.core.limits import ALWAYS_US, NEVER_US

MCA: Final = "MCA"
MOSA: Final = "MOSA"
EA: Final = "EA"
CSP: Final = "CSP"
AGREEMENTS: Final = (MOSA, MCA, EA, CSP)
"""Kinds of billing agreement (domain.md 1)."""

ACTIVE: Final = "active"
SUSPENDED: Final = "suspended"
CLOSED: Final = "closed"
STATUSES: Final = (ACTIVE, SUSPENDED, CLOSED)
"""What a provider made of a tenant: only an active one buys credits."""


@dataclass(frozen=True, slots=True)
class Administrator:
    """A person who looks after the tenant; `mail` "" means that the UPN is the address (domain.md 10)."""

    upn: str
    name: str = ""
    mail: str = ""
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BillingAccount:
    """An account that subscriptions are billed to. `name`, `address` (lines) and the rest stand on papers."""

    id: str
    agreement: str
    country: str
    post_usage_enabled: bool = True
    name: str = ""
    address: tuple[str, ...] = ()
    tax_id: str = ""
    purchase_order: str = ""


@dataclass(frozen=True, slots=True)
class Subscription:
    """Licences of one plan that were bought, valid in [from_us, until_us)."""

    plan: str
    purchased: int
    billing_account: str = ""
    from_us: int = ALWAYS_US
    until_us: int = NEVER_US


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence that a user or a service number holds in [from_us, until_us)."""

    plan: str
    from_us: int = ALWAYS_US
    until_us: int = NEVER_US


@dataclass(frozen=True, slots=True)
class User:
    """A person who calls. `location` is the country of the licences; matched by `id`, then by `upn`.

    `policies`: the dial-out policies that the user is held to (catalogue, policies.toml).
    """

    upn: str
    id: str = ""
    name: str = ""
    location: str = ""
    licences: tuple[Licence, ...] = ()
    numbers: tuple[str, ...] = ()
    cost_centre: str = ""
    cap_per_month_micros: int | None = None
    policies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceNumber:
    """A number of a conferencing bridge, an auto attendant or a call queue; `kind` toll or toll_free."""

    number: str
    kind: str
    service: str = ""
    licences: tuple[Licence, ...] = ()
    cost_centre: str = ""


@dataclass(frozen=True, slots=True)
class Purchase:
    """Credits that were bought: one lot."""

    id: str
    at_us: int
    amount_micros: int


@dataclass(frozen=True, slots=True)
class AutoRecharge:
    """The rule of domain.md 8 and recharge.md 1; off unless a file or an option switches it on.

    A payment is a multiple of `add`, or where `target` is set (then `add` is 0) what is missing to it.
    `least` and `most` hold one payment; 0: the currency's minimum, no maximum. `payments_a_day` counts 24 h,
    0: any number. `method`: the id of a payment method, "" for the default one.
    """

    enabled: bool = False
    below_micros: int = 0
    add_micros: int = 0
    cap_per_month_micros: int | None = None
    target_micros: int = 0
    least_micros: int = 0
    most_micros: int = 0
    payments_a_day: int = 0
    cool_down_s: int = 0
    method: str = ""


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """A card that a gateway keeps under `token`; `expires` is year and month, `2027-03`, its last."""

    id: str
    gateway: str
    token: str
    brand: str
    last4: str
    expires: str
    fingerprint: str = ""
    default: bool = False


@dataclass(frozen=True, slots=True)
class Alerts:
    """When and to whom the tenant wants to be told (domain.md 10).

    `low_micros`: levels of the available balance, highest first; `runway_days` 0: never;
    `recipients`: (event, roles) where the tenant chose others; `chat`: addresses of chat rooms.
    """

    low_micros: tuple[int, ...] = ()
    runway_days: int = 14
    recipients: tuple[tuple[str, tuple[str, ...]], ...] = ()
    chat: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CostCentre:
    """A cost centre that was declared; `parent` is another one's id, "" for none."""

    id: str
    parent: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Waiver:
    """An exception to a rule of eligibility, until an instant (excluded): why, and who granted it."""

    rule: str
    reason: str
    until_us: int
    who: str


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit on the money spent a month; `scope` is user, cost_centre or tenant (rulings.md 18)."""

    scope: str
    id: str
    amount_micros: int


@dataclass(frozen=True, slots=True)
class Guards:
    """Limits for calls in progress, None or 0 where there is none; money in micros.

    `longest_call_s` and the numbers of `calls` hold paid calls; `dear_...` holds the money an hour to premium
    numbers and to `dear_countries`; calls to `barred_prefixes` (digits) are refused.
    """

    calls: int | None = None
    calls_per_user: int | None = None
    longest_call_s: int = 0
    dear_an_hour_micros: int | None = None
    dear_an_hour_per_user_micros: int | None = None
    dear_countries: tuple[str, ...] = ()
    barred_prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tenant:
    """One organisation. `stated` is False for the tenant that stands in where no file describes one.

    Not part of the tenant file, but kept by commands: `payment_methods`, `waivers`, `status`, and `partner`,
    the id of the partner who may fund it on its behalf.
    """

    id: str
    name: str
    country: str
    currency: str
    time_zone: str = "UTC"
    default_billing_account: str = ""
    billing_accounts: tuple[BillingAccount, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    users: tuple[User, ...] = ()
    service_numbers: tuple[ServiceNumber, ...] = ()
    purchases: tuple[Purchase, ...] = ()
    auto_recharge: AutoRecharge = AutoRecharge()
    caps: tuple[Cap, ...] = ()
    guards: Guards = Guards()
    deck: str = ""
    stated: bool = True
    administrators: tuple[Administrator, ...] = ()
    alerts: Alerts = Alerts()
    cost_centres: tuple[CostCentre, ...] = ()
    payment_methods: tuple[PaymentMethod, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    status: str = ACTIVE
    partner: str = ""


def unstated_tenant(country: str, currency: str) -> Tenant:
    """The tenant `default`: every user may spend credits and has no plan (rulings.md 3)."""
    return Tenant("default", "default", country, currency, stated=False)
