"""What a tenant holds back: the table [guards] of the tenant file, and the dial-out policies of a user.

Guards limit calls in progress and bar prefixes; a policy says which destinations a user may call
(domain.md 15). Faults go to the tables' list, each with table, entry and key.
"""

import re
from typing import Final

from talktime.accounts.tenant import Guards
from talktime.accounts.toml_table import Table, country_fault, did_you_mean, shown
from talktime.catalog.model import Catalogue
from talktime.catalog.side import load_policies
from talktime.core.limits import MAX_CALL_S, MAX_NUMBER_DIGITS
from talktime.core.money import format_money

MAX_CALLS: Final = 10_000_000
"""The largest limit of calls in progress."""

_PREFIX: Final = re.compile(rf"\+?([1-9][0-9]{{0,{MAX_NUMBER_DIGITS - 1}}})")


def guards_of(table: Table, catalogue: Catalogue) -> Guards:
    """The table [guards]; what is absent is not limited."""
    table.only(
        "concurrent_calls",
        "concurrent_calls_per_user",
        "longest_call_s",
        "dear_money_an_hour",
        "dear_money_an_hour_per_user",
        "dear_countries",
        "barred_prefixes",
    )
    return Guards(
        calls=table.whole("concurrent_calls", 1, MAX_CALLS),
        calls_per_user=table.whole("concurrent_calls_per_user", 1, MAX_CALLS),
        longest_call_s=table.whole("longest_call_s", 1, MAX_CALL_S) or 0,
        dear_an_hour_micros=_limit(table, "dear_money_an_hour"),
        dear_an_hour_per_user_micros=_limit(table, "dear_money_an_hour_per_user"),
        dear_countries=_countries(table, catalogue),
        barred_prefixes=_prefixes(table),
    )


def policies_of(table: Table) -> tuple[str, ...]:
    """The dial-out policies of a user, at most one of each kind; those at fault are left out."""
    known = load_policies().policies
    held: dict[str, str] = {}
    for position, value in enumerate(table.items("policies"), 1):
        policy = known.get(value) if isinstance(value, str) else None
        if policy is None:
            hint = did_you_mean(value, known) if isinstance(value, str) else ""
            hint = hint or f"; known are {', '.join(known)}"
            table.fault(f"policies[{position}]: unknown policy {shown(value)}{hint}")
        elif policy.kind in held:
            table.fault(f"policies: {held[policy.kind]} and {value} are both for {policy.kind}; keep one")
        else:
            held[policy.kind] = value
    return tuple(sorted(held.values()))


def _limit(table: Table, key: str) -> int | None:
    """Micros that may be spent; 0 lets nothing through."""
    micros = table.money(key)
    if micros is not None and micros < 0:
        table.fault(f"{key} {format_money(micros)} must not be below 0")
    return micros


def _countries(table: Table, catalogue: Catalogue) -> tuple[str, ...]:
    countries = []
    for position, value in enumerate(table.items("dear_countries"), 1):
        fault = country_fault(value, catalogue.dialling)
        if fault:
            table.fault(f"dear_countries[{position}] {shown(value)} {fault}")
        else:
            countries.append(value)
    return tuple(dict.fromkeys(countries))


def _prefixes(table: Table) -> tuple[str, ...]:
    """Digits from the country's code on, without plus."""
    prefixes = []
    for position, value in enumerate(table.items("barred_prefixes"), 1):
        prefix = _PREFIX.fullmatch(value) if isinstance(value, str) else None
        if prefix is None:
            table.fault(
                f"barred_prefixes[{position}] {shown(value)} is not how an international number begins; "
                'write its digits in quotes, as "+1900"'
            )
        else:
            prefixes.append(prefix[1])
    return tuple(dict.fromkeys(prefixes))
