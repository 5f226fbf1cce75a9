"""Builders of scenes for a run over a file: tenants, decks and calls in a line each, and what a run tells.

Money is written as decimal strings and told in micros; instants are texts in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from talktime.accounts.calendar import to_us
from talktime.accounts.tenant import (
    AutoRecharge,
    BillingAccount,
    Cap,
    Licence,
    Purchase,
    ServiceNumber,
    Subscription,
    Tenant,
    User,
    unstated_tenant,
)
from talktime.bulk.result import Run
from talktime.bulk.run import Options, charge
from talktime.catalog.load import load_catalogue
from talktime.catalog.model import Catalogue
from talktime.core.deck import Deck, RateRow
from talktime.core.limits import ALWAYS_US, NEVER_US
from talktime.core.money import NANOS_PLACES, parse_decimal, parse_money
from tests.tables import at, usage_of

Row = dict[str, Any]

US, CANADA, UK, FRANCE, ZIMBABWE = (
    "+12125550123",
    "+16045550123",
    "+442071838750",
    "+33142685300",
    "+263242700000",
)
PREMIUM, BRIDGE = "+449012345678", "+18005550100"
UNIT = 1_000_000


def us(text: str) -> int:
    """`"2026-03-01 10:00"` -> microseconds."""
    return to_us(at(text))


# --- who -------------------------------------------------------------------------------------------


def held(plan: str, since: str = "", until: str = "") -> Licence:
    """A licence from or until an instant."""
    return Licence(plan, us(since) if since else ALWAYS_US, us(until) if until else NEVER_US)


def user(upn: str, *plans: str | Licence, location: str = "US", **other: Any) -> User:
    licences = tuple(plan if isinstance(plan, Licence) else Licence(plan) for plan in plans)
    return User(upn, location=location, licences=licences, **other)


def people(count: int, plan: str, location: str = "US") -> tuple[User, ...]:
    """So many users with one plan."""
    return tuple(user(f"{location}{n}@t", plan, location=location) for n in range(count))


def bridge(kind: str = "toll_free", number: str = BRIDGE, **other: Any) -> ServiceNumber:
    return ServiceNumber(number, kind, **other)


def bought(*lots: tuple[str, str]) -> tuple[Purchase, ...]:
    """Purchases as (instant, amount)."""
    return tuple(
        Purchase(f"lot-{n}", us(when), parse_money(amount)) for n, (when, amount) in enumerate(lots, 1)
    )


def licences(plan: str, purchased: int, **other: Any) -> Subscription:
    return Subscription(plan, purchased, **other)


def recharge(below: str, add: str, cap: str | None = None) -> AutoRecharge:
    return AutoRecharge(True, parse_money(below), parse_money(add), None if cap is None else parse_money(cap))


def cap(scope: str, name: str, amount: str) -> Cap:
    return Cap(scope, name, parse_money(amount))


ANA = user("ana", "MCOPSTNC")
RICH = bought(("2026-01-01", "1000"))


def tenant(*users: User, agreement: str = "MOSA", enabled: bool = True, **other: Any) -> Tenant:
    """A tenant in the US; without purchases it holds no money."""
    values: Row = {
        "default_billing_account": "main",
        "billing_accounts": (BillingAccount("main", agreement, "US", enabled),),
        "users": users or (ANA,),
    }
    return Tenant("t", "T", "US", "USD", **(values | other))


NOBODY = unstated_tenant("US", "USD")
"""No tenant file: every user may spend credits and has no plan."""


# --- at which price --------------------------------------------------------------------------------


def rate(prefix: str, price: str, *, fee: str = "0", first_price: str = "", **other: Any) -> RateRow:
    """A row of a deck, priced a minute."""
    nanos, first = (parse_decimal(text, NANOS_PLACES) for text in (price, first_price or price))
    return RateRow(prefix, nanos, first, parse_money(fee), **other)


def deck(*rows: RateRow, **other: Any) -> Deck:
    return Deck("test", "1", "USD", rows, **other)


A_UNIT_A_MINUTE = deck(rate("1", "1"), rate("44", "1"), rate("33", "1"))
WORLD = deck(
    rate("1", "0.01"),
    rate("44", "0.02"),
    rate("33", "0.05"),
    rate("263", "0.5"),
    rate("449", "1"),
    rate("1800", "0.03", direction="inbound"),
)


# --- which calls -----------------------------------------------------------------------------------


def call(start: str, duration_s: int = 60, **other: Any) -> Row:
    """Ana, in the US, calls London."""
    base = {"start": start, "duration_s": duration_s, "call_type": "user_out", "upn": "ana"}
    return base | {"caller": "+14255550100", "callee": UK} | other


def free(start: str, duration_s: int = 1) -> Row:
    """A free call: it lets the run reach its end."""
    return call(start, duration_s, call_type="user_in")


def charged(
    rows: Iterable[Row],
    tenant: Tenant = NOBODY,
    deck: Deck = WORLD,
    catalogue: Catalogue | None = None,
    **options: Any,
) -> Run:
    """The run over these calls; money among the options is written as text."""
    chosen = {name: parse_money(v) if name != "treat_as" else v for name, v in options.items()}
    return charge(usage_of(rows), tenant, catalogue or load_catalogue(), deck, Options(**chosen))


# --- what came out ---------------------------------------------------------------------------------


def told(run: Run, *names: str) -> list[Any]:
    """Of each row, in settlement order, what a test is about."""
    rows = run.calls.select(*names).rows()
    return [row[0] for row in rows] if len(names) == 1 else rows


def moved(run: Run, *kinds: str) -> list[tuple[int, str, int]]:
    """(instant, kind, amount) of the movements of these kinds, all if none is named."""
    return [(m.at_us, m.kind, m.amount) for m in run.movements if not kinds or m.kind in kinds]


def pool(run: Run, plan: str, kind: str = "domestic") -> Any:
    """The first pool of a plan's counter."""
    return next(p for p in run.pools if (p.plan, p.kind) == (plan, kind))
