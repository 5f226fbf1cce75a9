"""`talktime people`: who may sign in at the admin center; invite, list, shut out, sign out everywhere.

Whoever types here has the ledger in hand, so no right is asked. A link is printed once, alone on its line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from talktime.doors.cli.answer import print_json, printable
from talktime.doors.cli.engine import ledger_faults, now_us, ready, typist
from talktime.doors.cli.problems import Unusable, WrongUse

if TYPE_CHECKING:
    from talktime.accounts.signing_in import SigningIn
    from talktime.doors.http.management.answers_sign_ins import PersonAnswer

PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Invited:
    """Whom to invite. `tenant`: as one of its administrators; `roles` for the installation or a partner."""

    upn: str
    name: str
    roles: Sequence[str]
    partner: str
    tenant: str


def invite_command(database: str | None, asked: Invited, *, as_json: bool) -> int:
    """Prints a link by which a person chooses a password, the first or a new one."""
    from talktime.doors.http.management.sign_ins import INVITATION_PATH
    from talktime.ledger.commands import Refused
    from talktime.settings import read_settings

    if asked.tenant and (asked.roles or asked.partner):
        raise WrongUse("what an administrator may do, the tenant says; leave out --role and --partner")
    with ledger_faults():
        signing_in = _signing_in(database)
        token = _invite(signing_in, asked)
    if isinstance(token, Refused):
        raise (WrongUse if token.code == "invalid" else Unusable)(token.detail)
    link = f"{read_settings().outside.base_url}{INVITATION_PATH}{token}"
    if as_json:
        print_json({"upn": asked.upn.strip().casefold(), "link": link})
    else:
        _say(link)
    return 0


def _invite(signing_in: SigningIn, asked: Invited) -> Any:
    by = typist().who
    if asked.tenant:
        return signing_in.invite_administrator(asked.tenant, asked.upn, by, by_provider=True)
    roles = asked.roles or None
    return signing_in.invite(asked.upn, asked.name, roles=roles, partner=asked.partner, who=by)


def list_people_command(database: str | None, *, as_json: bool) -> int:
    """Lists everybody who can sign in, or could."""
    from talktime.doors.http.management.answers_sign_ins import person_shown

    with ledger_faults():
        signing_in = _signing_in(database)
        found = page = signing_in.people("", PAGE)
        while len(page) == PAGE:
            page = signing_in.people(page[-1].upn, PAGE)
            found = found + page
    shown = [person_shown(person, now_us()) for person in found]
    if as_json:
        print_json({"people": [person.model_dump(mode="json") for person in shown]})
        return 0
    from rich.console import Console

    from talktime.doors.cli.screen import screen_of

    screen = screen_of(Console())
    rows = [(person.upn, person.name, _for(person), person.state) for person in shown]
    if rows:
        screen.show(screen.table(("upn", "name", "for", "state"), rows, left=4))
    else:
        screen.say("nobody signs in yet; `talktime people invite UPN` makes a link")
    return 0


def disable_command(database: str | None, upn: str, *, as_json: bool) -> int:
    """Shuts a person out, and signs it out everywhere."""
    with ledger_faults():
        if not _signing_in(database).disable(upn, typist().who):
            raise Unusable(f"nobody signs in as {upn!r}; `talktime people list` shows them")
    if as_json:
        print_json({"upn": upn.strip().casefold(), "state": "disabled"})
    else:
        _say(f"{upn} may not sign in any more; running servers refuse it within seconds")
    return 0


def sign_out_command(database: str | None, upn: str, *, as_json: bool) -> int:
    """Ends all sessions of a person, who may sign in again."""
    with ledger_faults():
        signing_in = _signing_in(database)
        if signing_in.person(upn) is None:
            raise Unusable(f"nobody signs in as {upn!r}; `talktime people list` shows them")
        ended = signing_in.end_all(upn, typist().who)
    if as_json:
        print_json({"upn": upn.strip().casefold(), "sessions_ended": ended})
    else:
        _say(f"{upn} is signed out; sessions ended: {ended}")
    return 0


def _signing_in(database: str | None) -> SigningIn:
    from talktime.accounts.signing_in import SigningIn

    return SigningIn(ready(database), now_us)


def _for(person: PersonAnswer) -> str:
    """What a person signs in for, in few words."""
    roles = " ".join(person.roles)
    if person.partner:
        return f"{roles} of {person.partner}"
    return roles or (f"tenant {person.tenant}" if person.tenant else "its tenants")


def _say(text: str) -> None:
    print(printable(text))  # noqa: T201 - the command's answer
