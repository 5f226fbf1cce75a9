"""A made-up month as the product takes it: tenant, deck and usage table of the same plain data."""

from __future__ import annotations

from datetime import datetime
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
from talktime.core.deck import EVERY_DAY, MINUTES_A_DAY, OUTBOUND, Deck, RateRow
from talktime.core.limits import ALWAYS_US, NEVER_US
from talktime.core.money import NANOS_PLACES, ROUNDINGS, parse_decimal, parse_money
from talktime.core.rating import INCREMENTS
from talktime.files.usage import Usage
from tests.conformance.months import Month, Row
from tests.tables import usage_of


def run_of(month: Month) -> Run:
    """The product's run."""
    tenant = tenant_of(month.tenant) if month.tenant else unstated_tenant("", "USD")
    return charge(usage_table(month.rows), tenant, load_catalogue(), deck_of(month), options_of(month))


def options_of(month: Month) -> Options:
    """What the command line adds."""
    below, add = month.recharge or (None, None)
    return Options(
        balance=None if month.balance is None else parse_money(month.balance),
        recharge_below=None if below is None else parse_money(below),
        recharge_add=None if add is None else parse_money(add),
        treat_as=month.treat_as or "",
    )


def usage_table(rows: list[Row]) -> Usage:
    same = (
        "id",
        "start",
        "duration_s",
        "answered",
        "call_type",
        "location",
        "caller",
        "callee",
        "number_type",
    )
    renamed = {"user": "upn", "domestic_international": "scope", "operator": "operator"}
    return usage_of(
        {name: row[name] for name in same} | {ours: row[theirs] for theirs, ours in renamed.items()}
        for row in rows
    )


# --- the deck --------------------------------------------------------------------------------------


def deck_of(month: Month) -> Deck:
    method, decimals = month.rounding
    rows = tuple(rate_row(row) for row in month.deck)
    return Deck("made up", "1", "USD", rows, ROUNDINGS[method], decimals, INCREMENTS[month.increments])


def rate_row(row: Row) -> RateRow:
    price: str = row["price_per_minute"]
    return RateRow(
        prefix=row["prefix"],
        price_nanos=parse_decimal(price, NANOS_PLACES),
        first_price_nanos=parse_decimal(row.get("first_price_per_minute") or price, NANOS_PLACES),
        fee_micros=parse_money(row.get("connection_fee", "0")),
        first_s=int(row.get("first_seconds", "60")),
        step_s=int(row.get("step_seconds", "60")),
        category=row.get("category", ""),
        direction=row.get("direction", OUTBOUND),
        origin_country=row.get("origin_country", ""),
        valid_from_us=edge(row.get("valid_from"), ALWAYS_US),
        valid_until_us=edge(row.get("valid_until"), NEVER_US),
        weekdays=WEEKDAYS[row.get("weekdays", "")],
        from_min=minute(row.get("from_time"), 0),
        to_min=minute(row.get("to_time"), MINUTES_A_DAY),
        time_zone=row.get("timezone", "UTC"),
    )


WEEKDAYS = {"": EVERY_DAY, "mon-fri": 0b0011111, "6,7": 0b1100000, "tue": 0b0000010}


def minute(text: str | None, default: int) -> int:
    return default if text is None else int(text[:2]) * 60 + int(text[3:])


def edge(value: str | datetime | None, default: int) -> int:
    if value is None:
        return default
    return to_us(datetime.fromisoformat(value) if isinstance(value, str) else value)


# --- the tenant ------------------------------------------------------------------------------------


def tenant_of(file: Row) -> Tenant:
    head = file["tenant"]
    return Tenant(
        id=head["id"],
        name=head["id"],
        country=head["country"],
        currency="USD",
        time_zone=head["time_zone"],
        default_billing_account=head["default_billing_account"],
        billing_accounts=tuple(
            BillingAccount(a["id"], a["agreement"], head["country"], a.get("post_usage_enabled", True))
            for a in file["billing_accounts"]
        ),
        subscriptions=tuple(
            Subscription(
                s["plan"],
                s["purchased"],
                s.get("billing_account", ""),
                until_us=edge(s.get("until"), NEVER_US),
            )
            for s in file["licences"]
        ),
        users=tuple(user_of(user) for user in file["users"]),
        service_numbers=tuple(
            ServiceNumber(s["number"], s["kind"], "", held_of(s), s["cost_centre"])
            for s in file["service_numbers"]
        ),
        purchases=tuple(
            Purchase(f"purchase-{n}", to_us(p["at"]), parse_money(p["amount"]))
            for n, p in enumerate(file["purchases"], 1)
        ),
        auto_recharge=recharge_of(file.get("auto_recharge")),
        caps=tuple(Cap(c["scope"], c["id"], parse_money(c["amount"])) for c in file["caps"]),
    )


def user_of(user: Row) -> User:
    cap = user.get("cap_per_month")
    return User(
        user["upn"],
        location=user["location"],
        licences=held_of(user),
        cost_centre=user["cost_centre"],
        cap_per_month_micros=None if cap is None else parse_money(cap),
    )


def held_of(holder: Row) -> tuple[Licence, ...]:
    entries: list[Any] = holder["licences"]
    written = [{"plan": entry} if isinstance(entry, str) else entry for entry in entries]
    return tuple(
        Licence(e["plan"], edge(e.get("from"), ALWAYS_US), edge(e.get("until"), NEVER_US)) for e in written
    )


def recharge_of(rule: Row | None) -> AutoRecharge:
    if rule is None:
        return AutoRecharge()
    cap = rule.get("cap_per_month")
    amounts = ("below", "add", "target", "least", "most")
    micros: dict[str, Any] = {f"{name}_micros": parse_money(rule.get(name, "0")) for name in amounts}
    return AutoRecharge(
        enabled=rule["enabled"],
        **micros,
        cap_per_month_micros=None if cap is None else parse_money(cap),
        payments_a_day=rule.get("payments_a_day", 0),
        cool_down_s=rule.get("cool_down_s", 0),
    )
