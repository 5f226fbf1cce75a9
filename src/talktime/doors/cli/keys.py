"""`talktime keys`: make a key for a switch or for management, list keys, revoke one.

What the holder of a key presents is printed once, alone on its line; only a hash of it is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from talktime.doors.cli.answer import print_json, printable
from talktime.doors.cli.engine import ledger_faults, now_us, ready, typist
from talktime.doors.cli.problems import Unusable, WrongUse

if TYPE_CHECKING:
    from talktime.ledger.api_keys import ApiKey

PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a key is to be for; no tenants: for all of them and the installation."""

    name: str
    tenants: Sequence[str]
    roles: Sequence[str]
    live: bool
    management: bool


def add_key_command(database: str | None, asked: NewKey) -> int:
    """Makes a key and prints it."""
    from talktime.catalog.side import load_roles
    from talktime.ledger.api_keys import LIVE, MANAGEMENT, ApiKeys, TooManyKeys

    scopes = [scope for scope, wanted in ((LIVE, asked.live), (MANAGEMENT, asked.management)) if wanted]
    if not scopes:
        raise WrongUse("say what the key is for: --live (calls), --management, or both")
    known = load_roles().roles
    unknown = [role for role in asked.roles if role not in known]
    if unknown:
        raise WrongUse(f"there is no role {unknown[0]!r}; there are {', '.join(sorted(known))}")
    if asked.roles and not asked.management:
        raise WrongUse("--role says what may be managed; it goes with --management")
    with ledger_faults():
        try:
            _, text = ApiKeys(ready(database)).create(
                asked.name, asked.tenants or None, scopes, now_us(), typist().who, asked.roles
            )
        except TooManyKeys as problem:
            raise Unusable(str(problem)) from None
    _say(text)
    return 0


def list_keys_command(database: str | None, *, as_json: bool) -> int:
    """Lists all keys, revoked ones too."""
    from talktime.ledger.api_keys import ApiKeys

    with ledger_faults():
        keys = ApiKeys(ready(database))
        found = page = keys.listed("", PAGE)
        while len(page) == PAGE:
            page = keys.listed(page[-1].principal.id, PAGE)
            found = found + page
    if as_json:
        print_json({"keys": [_shown(key) for key in found]})
        return 0
    from rich.console import Console

    from talktime.doors.cli.screen import screen_of
    from talktime.insight.wording import moment

    screen = screen_of(Console())
    rows = [
        (
            key.principal.id,
            key.principal.name,
            " ".join(sorted(key.principal.scopes)),
            "all" if key.principal.tenants is None else " ".join(sorted(key.principal.tenants)),
            f"revoked {moment(key.revoked_us)}" if key.revoked_us else "valid",
        )
        for key in found
    ]
    if rows:
        screen.show(screen.table(("id", "name", "for", "tenants", "state"), rows, left=5))
    else:
        screen.say("no keys yet; `talktime keys add NAME --live` makes one")
    return 0


def revoke_key_command(database: str | None, key_id: str) -> int:
    """Ends a key for ever; running servers notice within seconds."""
    from talktime.ledger.api_keys import ApiKeys

    with ledger_faults():
        if not ApiKeys(ready(database)).revoke(key_id, now_us(), typist().who):
            raise Unusable(f"there is no key {key_id!r}; `talktime keys list` shows them")
    _say(f"key {key_id} is revoked; running servers refuse it within seconds")
    return 0


def _shown(key: ApiKey) -> dict[str, Any]:
    from talktime.files.instants import format_instant

    principal = key.principal
    return {
        "id": principal.id,
        "name": principal.name,
        "scopes": sorted(principal.scopes),
        "tenants": "*" if principal.tenants is None else sorted(principal.tenants),
        "created_at": format_instant(key.created_us),
        "revoked_at": format_instant(key.revoked_us) if key.revoked_us else None,
    }


def _say(text: str) -> None:
    print(printable(text))  # noqa: T201 - the command's answer
