"""Who looks after a tenant and what it wants to be told: [[administrators]] and [alerts] of the tenant file.

Roles and events are the catalogue's (roles.toml). Faults go to the tables' list, each with table, entry and
key; the tenant chooses recipients only of events that say so (domain.md 10).
"""

import re
from collections.abc import Iterable
from typing import Final

from talktime.accounts.tenant import Administrator, Alerts
from talktime.accounts.toml_table import Table, did_you_mean, shown
from talktime.catalog.side import load_roles
from talktime.core.money import format_money

MAX_LEVELS: Final = 20
MAX_RUNWAY_DAYS: Final = 365
MAX_CHAT_ROOMS: Final = 20
MAX_ADDRESS: Final = 254
"""Characters of a mail address (RFC 5321)."""
MAX_URL: Final = 2_000

_MAIL: Final = re.compile(r"[^@\s<>,;:\"\\]+@[^@\s<>,;:\"\\]+")
_ROOM: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")


def administrators_of(top: Table) -> tuple[Administrator, ...]:
    """The entries of [[administrators]]."""
    return tuple(_administrator(entry) for entry in top.tables("administrators", "upn"))


def _administrator(table: Table) -> Administrator:
    table.only("upn", "name", "mail", "roles")
    upn, mail = table.needed("upn"), table.text("mail")
    if mail and not _is_mail(mail):
        table.fault(f"mail {shown(mail)} is not a mail address")
    elif upn and not mail and not _is_mail(upn):
        table.fault("upn is not a mail address, so mail is needed")
    roles = _roles(table, "roles", table.items("roles"))
    return Administrator(upn, table.text("name"), mail, roles)


def _is_mail(text: str) -> bool:
    """Whether a text may stand as one address in the head of a mail; whether it exists, nobody can see."""
    return len(text) <= MAX_ADDRESS and text.isprintable() and _MAIL.fullmatch(text) is not None


def _roles(table: Table, key: str, values: Iterable[object]) -> tuple[str, ...]:
    """Roles of administrators of a tenant; those at fault are left out."""
    known = load_roles().roles
    own = [role.id for role in known.values() if role.is_of_tenant]
    found = []
    for position, value in enumerate(values, 1):
        if isinstance(value, str) and value in own:
            found.append(value)
        elif isinstance(value, str) and value in known:
            table.fault(
                f"{key}[{position}]: {value} acts from outside; a tenant's administrator cannot be it"
            )
        else:
            hint = did_you_mean(value, own) if isinstance(value, str) else ""
            table.fault(f"{key}[{position}]: unknown role {shown(value)}{hint}")
    return tuple(dict.fromkeys(found))


def alerts_of(table: Table) -> Alerts:
    """The table [alerts]."""
    table.only("low", "runway_days", "recipients", "chat")
    days = table.whole("runway_days", 0, MAX_RUNWAY_DAYS)
    return Alerts(
        low_micros=_levels(table),
        runway_days=Alerts().runway_days if days is None else days,
        recipients=_recipients(table),
        chat=_rooms(table),
    )


def _levels(table: Table) -> tuple[int, ...]:
    """The levels of the balance, highest first."""
    values = table.items("low")
    if len(values) > MAX_LEVELS:
        table.fault(f"low has {len(values)} levels; at most {MAX_LEVELS} are told")
    levels: list[int] = []
    for position, value in enumerate(values, 1):
        key = f"low[{position}]"
        micros = Table({key: value}, table.key, table.faults).money(key)
        if micros is not None and micros <= 0:
            table.fault(f"{key} {format_money(micros)} must be above 0; an empty balance is always told")
        elif micros is not None and micros in levels:
            table.fault(f"{key} {format_money(micros)} stands twice; list it once")
        elif micros is not None:
            levels.append(micros)
    return tuple(sorted(levels, reverse=True))


def _recipients(table: Table) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(event, roles) by event, from a table { event = [roles] }."""
    chosen = table.entries.get("recipients", {})
    if not isinstance(chosen, dict):
        table.fault("recipients must be a table of events: write recipients = { balance_low = [...] }")
        return ()
    events = load_roles().events
    own = [event.id for event in events.values() if event.configurable]
    found = []
    for event, roles in chosen.items():
        key = f"recipients.{event}"
        if event not in events:
            table.fault(f"recipients: unknown event {event}{did_you_mean(event, own)}")
        elif event not in own:
            table.fault(f"recipients: {event} is always told to the same roles; it cannot be changed")
        elif not isinstance(roles, list) or not roles:
            table.fault(f"{key} must be a list of at least one role: write {event} = [...]")
        else:
            found.append((event, _roles(table, key, roles)))
    return tuple(sorted(found))


def _rooms(table: Table) -> tuple[str, ...]:
    values = table.items("chat")
    if len(values) > MAX_CHAT_ROOMS:
        table.fault(f"chat has {len(values)} addresses; at most {MAX_CHAT_ROOMS} are told")
    for position, value in enumerate(values, 1):
        # What stands after the scheme may be a secret: a sentence shows only where it is.
        if not isinstance(value, str) or len(value) > MAX_URL or not _ROOM.fullmatch(value):
            table.fault(f"chat[{position}] must be an address such as slack://... in quotes")
    return tuple(dict.fromkeys(value for value in values if isinstance(value, str)))
