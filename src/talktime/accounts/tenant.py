"""A tenant as the rules see it: who it is, what it bought, who may spend, what it holds.

All frozen; instants are integers of microseconds, money integers of micros. The TOML file that people write
is read by `accounts.tenant_file` (interfaces.md, The tenant file).
"""

from dataclasses import dataclass
from typing import Final

from talktime.core.limits import ALWAYS_US, NEVER_US

MCA: Final = "MCA"
MOSA: Final = "MOSA"
AGREEMENTS: Final = (MOSA, MCA, "EA", "CSP")
"""Kinds of billing agreement (domain.md 1)."""


@dataclass(frozen=True, slots=True)
class BillingAccount:
    """An account that subscriptions are billed to."""

    id: str
    agreement: str
    country: str
    post_usage_enabled: bool = True


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
    """The rule of domain.md 8; off unless a file or an option switches it on."""

    enabled: bool = False
    below_micros: int = 0
    add_micros: int = 0
    cap_per_month_micros: int | None = None


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
    """One organisation. `stated` is False for the tenant that stands in where no file describes one."""

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


def unstated_tenant(country: str, currency: str) -> Tenant:
    """The tenant `default`: every user may spend credits and has no plan (rulings.md 3)."""
    return Tenant("default", "default", country, currency, stated=False)
