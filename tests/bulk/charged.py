"""Charging small tables of calls: a tenant in a line, a deck in a line, calls in a line each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from talktime.accounts.calendar import to_us
from talktime.accounts.tenant import AutoRecharge, Licence, Purchase, Tenant, User
from talktime.bulk.result import Run
from talktime.bulk.run import Options, charge
from talktime.catalog.load import load_catalogue
from talktime.catalog.model import Catalogue
from talktime.core.deck import Deck, RateRow
from talktime.core.money import parse_decimal, parse_money
from tests.tables import at, usage_of

SPENDS = "MCOPSTNC"
DOMESTIC_TO = "+14255550100"
ABROAD = "+442079460000"


def deck(*rows: RateRow) -> Deck:
    """A deck in USD; by default everything costs 0.06 a minute, charged by the second."""
    return Deck("test", "0", "USD", rows or (*(by_second(p, "0.06") for p in ("1", "33", "44", "49")),))


def by_second(prefix: str, price: str, **more: Any) -> RateRow:
    """A rate in steps of one second."""
    nanos = parse_decimal(price, 9)
    return RateRow(prefix, nanos, **{"first_price_nanos": nanos, "first_s": 1, "step_s": 1} | more)


def by_minute(prefix: str, price: str, **more: Any) -> RateRow:
    """A rate in whole minutes."""
    return by_second(prefix, price, **{"first_s": 60, "step_s": 60} | more)


def us(text: str) -> int:
    """An instant as the program counts it."""
    return to_us(at(text))


def user(name: str, *plans: str | Licence, location: str = "US", **more: Any) -> User:
    """A user with licences held for ever, unless they are given as Licence."""
    held = tuple(Licence(plan) if isinstance(plan, str) else plan for plan in plans)
    return User(upn=name, location=location, licences=held, **more)


def tenant(*users: User, lots: Iterable[tuple[str, str]] = (), **more: Any) -> Tenant:
    """A tenant of the US; `lots` are (instant, amount)."""
    purchases = tuple(Purchase(f"lot-{n}", us(t), parse_money(a)) for n, (t, a) in enumerate(lots, 1))
    return Tenant("t", "T", "US", "USD", users=users, purchases=purchases, **more)


def recharge(below: str, add: str, cap: str | None = None) -> AutoRecharge:
    """Auto-recharge that is on."""
    limit = None if cap is None else parse_money(cap)
    return AutoRecharge(True, parse_money(below), parse_money(add), limit)


def call(start: str, duration_s: int, who: str = "ana", to: str = ABROAD, **more: Any) -> dict[str, Any]:
    """An outbound call of a user."""
    return {"start": start, "duration_s": duration_s, "upn": who, "callee": to} | {
        "call_type": "user_out",
        "caller": "+14255550199",
        **more,
    }


def charged(
    who: Tenant,
    calls: Iterable[dict[str, Any]],
    prices: Deck | None = None,
    options: Options | None = None,
    catalogue: Catalogue | None = None,
) -> Run:
    """Charges the calls."""
    return charge(usage_of(calls), who, catalogue or load_catalogue(), prices or deck(), options or Options())


def column(run: Run, name: str) -> list[Any]:
    """A column of the charged calls."""
    return run.calls[name].to_list()


def shown(run: Run, *names: str) -> list[tuple[Any, ...]]:
    """Some columns of the charged calls, row by row."""
    return run.calls.select(names).rows()


def moved(run: Run) -> list[tuple[str, int]]:
    """Kinds and amounts of the movements."""
    return [(movement.kind, movement.amount) for movement in run.movements]
