"""The demo tenant in the ledger, a key, commands to paste, and the server.

What is in the ledger already stays as it is, so a second `talktime demo` goes on where the first one ended.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.doors.cli.answer import printable
from talktime.doors.cli.engine import administer, ledger_faults, now_us, ready, typist
from talktime.doors.cli.problems import Unusable

if TYPE_CHECKING:
    from talktime.accounts.administration import Administration, Outcome
    from talktime.accounts.tenant import Administrator, Tenant
    from talktime.ledger.database import DatabaseUrl

HOST: Final = "127.0.0.1"
FIRST_KEY: Final = "first-key"
DEMO_KEY: Final = "demo-key"
ADMINISTRATOR: Final = "admin@contoso.example"
"""Who looks after the demo tenant where its file names nobody."""

EXISTS: Final = "exists"


class _Example(NamedTuple):
    """A call that credits paid: its type, its user, the number called."""

    call_type: str
    user: str
    callee: str


def serve_demo(tenant_file: Path, port: int) -> int:
    """Puts the tenant of a file and the sample deck into the ledger, and serves until it is told to stop."""
    from talktime.accounts.tenant_file import read_tenant
    from talktime.catalog.load import load_catalogue
    from talktime.doors.cli.serve import ServeRequest, serve_command

    tenant = read_tenant(tenant_file, load_catalogue())
    with ledger_faults():
        url = ready(None)
        _bind_sample(url)
    outcome = administer(None, lambda house: _add(house, tenant))
    _check(outcome, tenant.id)
    _say_how(tenant.id, _key_file(url), f"http://{HOST}:{port}")
    _say_where(url, tenant.id, f"http://{HOST}:{port + 1}")
    return serve_command(ServeRequest(HOST, port, 0, None, "", 1))


async def _add(house: Administration, tenant: Tenant) -> Outcome:
    looked_after = replace(tenant, administrators=tenant.administrators or (_administrator(),))
    return await house.add_tenant(_paid_lately(looked_after), typist().who)


def _administrator() -> Administrator:
    """Somebody who may do everything in the demo tenant."""
    from talktime.accounts.tenant import Administrator
    from talktime.catalog.side import load_roles

    return Administrator(ADMINISTRATOR, "Adele Vance", roles=tuple(load_roles().assumed("tenant")))


def _check(outcome: Outcome, tenant: str) -> None:
    from talktime.accounts.administration import Invalid
    from talktime.ledger.commands import Refused

    if isinstance(outcome, Invalid):
        raise Unusable(f"the demo tenant cannot be made: {outcome.faults[0]}")
    if isinstance(outcome, Refused):
        if outcome.code != EXISTS:
            raise Unusable(f"the demo tenant cannot be made: {outcome.detail}")
        _say(f"\nTenant {tenant} is in the ledger already; it stays as it is.")


def _paid_lately(tenant: Tenant) -> Tenant:
    """The tenant with money to spend today: where no lot would hold any, all of them are bought now."""
    from talktime.accounts.calendar import twelve_months_on_us

    now = now_us()

    def is_good(at_us: int) -> bool:
        return at_us <= now < twelve_months_on_us(at_us, tenant.time_zone)

    if any(is_good(bought.at_us) for bought in tenant.purchases):
        return replace(tenant, purchases=tuple(bought for bought in tenant.purchases if bought.at_us <= now))
    return replace(tenant, purchases=tuple(replace(bought, at_us=now) for bought in tenant.purchases))


def _bind_sample(url: DatabaseUrl) -> None:
    """The sample deck for all tenants of its currency, where no deck holds for them yet."""
    from talktime.core.limits import ALWAYS_US
    from talktime.files.decks.sample import default_deck
    from talktime.ledger.decks import Binding, Decks

    stored, deck = Decks(url), default_deck()
    stored.add(deck, now_us(), typist().who)
    if not any(binding.currency == deck.currency for binding in stored.bindings()):
        stored.bind_all(Binding(deck.currency, ALWAYS_US, deck.version), typist().who, now_us())


def _key_file(url: DatabaseUrl) -> Path:
    """The file of a key for everything: the first one of the installation, else one made for the demo."""
    from talktime.doors.http.serve import first_key
    from talktime.ledger.api_keys import SCOPES, ApiKeys
    from talktime.settings import read_settings

    settings = read_settings()
    place = first_key(settings, settings.state) or settings.state / FIRST_KEY
    if place.is_file():
        return place
    place = settings.state / DEMO_KEY
    if not place.is_file():
        _, text = ApiKeys(url).create("demo", None, SCOPES, now_us(), typist().who)
        place.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text + "\n")
    return place


def _say_how(tenant: str, key: Path, url: str) -> None:
    """A call in four commands, ready to paste."""
    call = _example()
    start = {
        "tenant": tenant,
        "sequence": 0,
        "call_type": call.call_type,
        "user": call.user,
        "callee": call.callee,
    }
    extend = {"tenant": tenant, "sequence": 1, "used_seconds": 60}
    end = {"tenant": tenant, "sequence": 2, "duration_seconds": 95}
    calls = f'"{url}/v1/calls/$CALL'
    lines = [
        "",
        "Calls in progress: paste this into another terminal.",
        f'  KEY="Authorization: Bearer $(cat {key})"; CALL=demo-$(date +%s)',
        *(
            f'  curl -sH "$KEY" {calls}/{operation}" -d \'{json.dumps(body)}\'; echo'
            for operation, body in (("start", start), ("extend", extend), ("end", end))
        ),
        f'  curl -sH "$KEY" {url}/v1/tenants/{tenant}/credits; echo',
        "  talktime explain $CALL",
        "Ctrl-C stops the server.",
        "",
    ]
    _say("\n".join(lines))


def _say_where(url: DatabaseUrl, tenant: str, center: str) -> None:
    """Where the administrator of the demo tenant signs in, with a link to choose a password by, once."""
    from talktime.accounts.signing_in import SigningIn
    from talktime.doors.http.management.sign_ins import INVITATION_PATH
    from talktime.ledger.commands import Refused
    from talktime.settings import read_settings

    base = os.environ.get("TALKTIME_BASE_URL") and read_settings().outside.base_url
    center, signing_in = base or center, SigningIn(url, now_us)
    known = signing_in.person(ADMINISTRATOR)
    if known is not None and known.hash:
        lines = [f"The admin center: {center}, as {ADMINISTRATOR} with your password."]
        lines.append(f"  Forgotten? talktime people invite {ADMINISTRATOR}")
    else:
        token = signing_in.invite_administrator(tenant, ADMINISTRATOR, typist().who, by_provider=True)
        if isinstance(token, Refused):  # a ledger whose tenant somebody else looks after
            lines = [f"The admin center: {center}. Who administers {tenant} is let in by:"]
            lines.append(f"  talktime people invite UPN --tenant {tenant}")
        else:
            lines = [f"The admin center: open this and choose a password for {ADMINISTRATOR}."]
            lines.append(f"  {center}{INVITATION_PATH}{token}")
    _say("\n".join([*lines, ""]))


def _example() -> _Example:
    """The dearest call of the last run that a user made and credits paid."""
    import polars as pl

    from talktime.doors.cli.rate_request import LAST_RUN
    from talktime.settings import read_settings

    columns = ["call_type", "user", "callee", "amount", "funding"]
    calls = pl.read_parquet(read_settings().state / LAST_RUN, columns=columns).sort("amount", descending=True)
    own = calls.filter(
        (pl.col("funding").cast(pl.String) == "credits")
        & (pl.col("user") != "")
        & pl.col("callee").str.starts_with("+")
    )
    row = (own if own.height else calls).row(0, named=True)
    return _Example(str(row["call_type"]), row["user"], row["callee"].replace("*", "0"))


def _say(text: str) -> None:
    print(printable(text), flush=True)  # noqa: T201 - the command's answer
