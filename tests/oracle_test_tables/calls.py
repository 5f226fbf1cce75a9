"""Builders of the oracle's tables: calls, decks and tenants in a line each, and what a table speaks of."""

from datetime import UTC, datetime
from typing import Any

from tests.oracle import Result

Row = dict[str, Any]
ONE = 1_000_000  # micros of one currency unit
UK, US, ZW, KENYA = "+442071838750", "+12125550123", "+263242700000", "+254202000000"
BRIDGE = "+18005550100"


def at(text: str) -> datetime:
    """An instant of 2026 from "03-31 23:59"."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


def row(name: str = "a", start: str = "05-04 10:00", duration_s: int = 60, **other: Any) -> Row:
    """A canonical usage row: Ana in the US calls London for a minute."""
    base = {"id": name, "start": at(start), "duration_s": duration_s, "call_type": "user_out", "user": "ana"}
    base |= {"location": "US", "caller": "+14255550100", "callee": UK, "number_type": "", "answered": True}
    return base | {"domestic_international": "", "operator": "microsoft"} | other


def rate(prefix: str, price: str, **other: str) -> Row:
    """A row of a deck."""
    return {"prefix": prefix, "price_per_minute": price} | other


def tenant(*users: Row, agreement: str = "MOSA", enabled: bool = True, **tables: Any) -> Row:
    """A tenant file; without `purchases` it holds no money."""
    account = {"id": "direct", "agreement": agreement, "post_usage_enabled": enabled}
    head = {"id": "t", "country": "US", "default_billing_account": "direct"} | tables.pop("head", {})
    return {"tenant": head, "billing_accounts": [account], "users": list(users)} | tables


def user(name: str, location: str, *plans: Any, **other: Any) -> Row:
    """A user of the tenant file."""
    return {"upn": name, "location": location, "licences": list(plans)} | other


def bought(*lots: tuple[str, str]) -> list[Row]:
    """Purchases of a tenant file."""
    return [{"at": at(when).isoformat(), "amount": amount} for when, amount in lots]


def told(result: Result, *names: str) -> list[Any]:
    """Of each row, in settlement order, what a table speaks of."""
    if len(names) == 1:
        return [done[names[0]] for done in result.rows]
    return [tuple(done[name] for name in names) for done in result.rows]


WORLD = [rate("44", "0.02"), rate("1", "0.01"), rate("263", "0.5"), rate("449", "1"), rate("44843", "0.3")]
RICH = bought(("05-01 00:00", "1000"))
