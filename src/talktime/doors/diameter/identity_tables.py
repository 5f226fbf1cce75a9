"""[[identities]] and [[calls]] of diameter.toml as people write them -> rules; faults go to the list."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, Literal

from talktime.accounts.toml_table import country_fault, did_you_mean, shown
from talktime.catalog.ro import CALLED, CALLING, EMERGENCY, ROLES, SIDES, CallRule
from talktime.doors.diameter.identity import ANY, WORDS, IdentityRule
from talktime.doors.diameter.patterns import read_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator

    from talktime.accounts.toml_table import Table
    from talktime.catalog.model import Catalogue

_IDENTITY: Final = ("realm", "subscription", "tenant", "user", "country")
_CALL: Final = ("call_type", "role", "context", "called", "calling", "service_number", "keeps_user")
_LABEL: Final = "[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LONGEST_NAME: Final = 255


def is_name(text: str) -> bool:
    """Whether this may be the name of a host or a realm (DiameterIdentity, RFC 6733 4.3.1)."""
    return len(text) <= _LONGEST_NAME and _NAME.fullmatch(text) is not None


def identity_of(table: Table, catalogue: Catalogue) -> IdentityRule:
    """One of [[identities]]."""
    table.only(*_IDENTITY)
    realm = table.needed("realm").lower()
    if realm and realm != ANY and not is_name(realm):
        table.fault(f'realm {shown(realm)} is no realm such as "contoso.example", and not "{ANY}"')
    subscription = table.needed("subscription")
    if subscription:
        _check_pattern(table, "subscription", subscription)
    country = table.text("country")
    fault = country_fault(country, catalogue.dialling) if country else ""
    if fault:
        table.fault(f"country {shown(country)} {fault}")
    return IdentityRule(realm, subscription, table.needed("tenant"), _user(table), country)


def _user(table: Table) -> str:
    user = table.needed("user")
    if user in WORDS or "@" in user or user.startswith("+"):
        return user
    hint = did_you_mean(user, WORDS)
    if hint:
        table.fault(f"user {shown(user)} is no user{hint}")
    return user


def call_of(table: Table, catalogue: Catalogue) -> CallRule:
    """One of [[calls]]."""
    table.only(*_CALL)
    call_type = table.needed("call_type").lower()
    patterns = _known_types(catalogue)
    if call_type and not any(fnmatchcase(call_type, pattern) for pattern in patterns):
        near = did_you_mean(call_type, [pattern.rstrip(ANY) for pattern in sorted(patterns)])
        hint = near or "; docs/integrate.md lists them"
        table.fault(f"call_type {shown(call_type)} is known to no rule of categories.toml{hint}")
    return CallRule(
        call_type=call_type,
        role=_role(table),
        context=table.text("context").lower(),
        called=tuple(_patterns(table, CALLED)),
        calling=tuple(_patterns(table, CALLING)),
        service_number=_side(table),
        keeps_user=table.flag("keeps_user", default=False),
    )


def _role(table: Table) -> Literal["", "originating", "terminating"]:
    word = table.word("role", tuple(ROLES)) if "role" in table.entries else ""
    return "originating" if word == "originating" else "terminating" if word == "terminating" else ""


def _side(table: Table) -> Literal["", "called", "calling"]:
    """Which number is the tenant's own; "" may be written too."""
    if not table.text("service_number"):
        return ""
    return "calling" if table.word("service_number", SIDES) == CALLING else "called"


def _known_types(catalogue: Catalogue) -> set[str]:
    """The patterns by which rules mean call types, but for the one that means every type."""
    return {pattern for rule in catalogue.rules for pattern in rule.call_types} - {ANY}


def _patterns(table: Table, key: str) -> Iterator[str]:
    """One pattern or a list of them; only `called` may be the word for every emergency number."""
    value = table.entries.get(key)
    for pattern in [value] if isinstance(value, str) else table.items(key):
        if not isinstance(pattern, str):
            table.fault(f"{key} {shown(pattern)} is not text; write it in quotes")
            continue
        if pattern != EMERGENCY or key != CALLED:
            _check_pattern(table, key, pattern)
        yield pattern


def _check_pattern(table: Table, key: str, pattern: str) -> None:
    try:
        read_pattern(pattern)
    except ValueError as error:
        table.fault(f"{key} {shown(pattern)} {error}")
