"""The demo tenant in the ledger with its past, a key, commands to paste, and the server.

Which story the ledger was told is kept beside it: the next `talktime demo` goes on where the last one ended,
also where that was interrupted, and adds what has been since. A tenant of other origin stays as it is.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from talktime.doors.cli.answer import printable
from talktime.doors.cli.engine import ledger_faults, now_us, open_store, ready, typist
from talktime.doors.cli.problems import Unusable, WrongUse
from talktime.doors.cli.progress import Bar
from talktime.settings import read_settings

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.demo.folder import Story
    from talktime.ledger.database import DatabaseUrl

HOST: Final = "127.0.0.1"
FIRST_KEY: Final = "first-key"
DEMO_KEY: Final = "demo-key"
STORY: Final = "demo-story.json"
MONTHS: Final = 12
"""A story begins in one of so many months up to this one: lots of before would have expired."""


class _Example(NamedTuple):
    """A call that credits paid: its type, its user, the number called."""

    call_type: str
    user: str
    callee: str


class _Kept(msgspec.Struct, frozen=True):
    """The story that a ledger was given, as it is kept."""

    database: str
    month: str
    calls: int
    seed: int


class Begun(NamedTuple):
    """What is told, and where. `is_ours`: the ledger has the tenant from here, or has none of that name."""

    story: Story
    url: DatabaseUrl
    is_ours: bool


def begin_demo(month: str | None, calls: int, seed: int) -> Begun:
    """The story that is told: the one that the ledger has, else the one that is asked for.

    `month` None: last month, and this one. Raises WrongUse.
    """
    from talktime.demo.folder import Story
    from talktime.demo.tenant import ID
    from talktime.ledger.reading import Reader

    now = now_us()
    story = Story(_month(month, now), calls, seed, now)
    with ledger_faults():
        url = ready(None)
        is_there = Reader(url).document(ID) is not None
    if not is_there:
        return Begun(story, url, is_ours=True)
    kept = _kept(url)
    if kept is None:
        _say(f"Tenant {ID} is in the ledger already, and not from here; it stays as it is.\n")
        return Begun(story, url, is_ours=False)
    _say(f"Tenant {ID} is in the ledger already, with calls since {kept.month}; it goes on from there.\n")
    return Begun(Story(kept.month, kept.calls, kept.seed, now), url, is_ours=True)


def _month(asked: str | None, now: int) -> str:
    """The month in which the story begins. Raises WrongUse for one that is none, or too long ago."""
    from talktime.accounts.calendar import month_name, month_of
    from talktime.demo.days import MonthError, month_number

    this = month_of(now, "UTC")
    if asked is None:
        return month_name(this - 1)
    try:
        first = month_number(asked)
    except MonthError as problem:
        raise WrongUse(str(problem)) from None
    if not this - MONTHS < first <= this:
        last, newest = month_name(this - MONTHS + 1), month_name(this)
        raise WrongUse(
            f"--month {asked}: what is served goes on until now; name a month from {last} to {newest}, "
            "or add --no-serve"
        )
    return asked


def _kept(url: DatabaseUrl) -> _Kept | None:
    """The story of this ledger, if it was told one here."""
    try:
        kept = msgspec.json.decode((read_settings().state / STORY).read_bytes(), type=_Kept)
    except (OSError, msgspec.MsgspecError):
        return None
    return kept if kept.database == str(url) else None


def serve_demo(begun: Begun, tenant_file: Path, port: int) -> int:
    """Puts the tenant of a file, the sample deck and the calls of the last run into the ledger, and serves.

    Until it is told to stop.
    """
    from talktime.accounts.tenant_file import read_tenant
    from talktime.catalog.load import load_catalogue
    from talktime.doors.cli.serve import ServeRequest, serve_command

    tenant = read_tenant(tenant_file, load_catalogue())
    with ledger_faults():
        _bind_sample(begun.url)
        if begun.is_ours:
            _retell(begun, tenant)
    os.environ.setdefault("TALKTIME_SANDBOX", "1")  # the demo's card is kept by it
    _say_how(tenant, _key_file(begun.url), f"http://{HOST}:{port}")
    _say_where(begun.url, tenant, f"http://{HOST}:{port + 1}")
    return serve_command(ServeRequest(HOST, port, 0, None, "", 1))


def _retell(begun: Begun, tenant: Tenant) -> None:
    """Books what has been until now, from the run that was just kept, and says how much that was."""
    from talktime.catalog.load import load_catalogue
    from talktime.demo.retell import Place, RetoldWrong, retell
    from talktime.doors.cli.rate_request import LAST_RUN
    from talktime.insight.wording import counted

    settings, story = read_settings(), begun.story
    report = settings.state / LAST_RUN
    assert story.until_us is not None, "a story that is served is told up to now"
    if not report.is_file() or report.stat().st_mtime_ns // 1_000 < story.until_us:
        raise Unusable(f"the calls of the demo were not kept in {report}; make room there and start again")
    kept = _Kept(str(begun.url), story.month, story.calls, story.seed)
    (settings.state / STORY).write_bytes(msgspec.json.encode(kept))  # first: it may be interrupted
    place = Place(
        begun.url, open_store(begun.url), settings.state, load_catalogue(settings.catalogue), typist().who
    )
    try:
        with Bar("booking") as bar:
            told = asyncio.run(retell(place, tenant, report, story.until_us, bar.update))
    except RetoldWrong as problem:
        raise Unusable(str(problem)) from None
    more = f"{counted(told.calls, 'call')} booked" if told.calls else "nothing new"
    _say(f"\nThe ledger of {tenant.name}, from {story.month} until now: {more}.")


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


def _say_how(who: Tenant, key: Path, url: str) -> None:
    """A call in four commands, ready to paste."""
    call, tenant = _example(who), who.id
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


def _say_where(url: DatabaseUrl, tenant: Tenant, center: str) -> None:
    """Where the administrator of the demo tenant signs in, with a link to choose a password by, once."""
    from talktime.accounts.signing_in import SigningIn
    from talktime.doors.http.management.sign_ins import INVITATION_PATH
    from talktime.ledger.commands import Refused

    base = os.environ.get("TALKTIME_BASE_URL") and read_settings().outside.base_url
    center, signing_in = base or center, SigningIn(url, now_us)
    who = tenant.administrators[0].upn
    known = signing_in.person(who)
    if known is not None and known.hash:
        lines = [f"The admin center: {center}, as {who} with your password."]
        lines.append(f"  Forgotten? talktime people invite {who}")
    else:
        token = signing_in.invite_administrator(tenant.id, who, typist().who, by_provider=True)
        if isinstance(token, Refused):  # a ledger whose tenant somebody else looks after
            lines = [f"The admin center: {center}. Who administers {tenant.id} is let in by:"]
            lines.append(f"  talktime people invite UPN --tenant {tenant.id}")
        else:
            lines = [f"The admin center of {tenant.name}: open this and choose a password for {who}."]
            lines.append(f"  {center}{INVITATION_PATH}{token}")
    if not signing_in.is_anybody():
        lines.append("The link for the first person, named below, is another: for whoever runs Talktime and")
        lines.append("looks after all organisations. The demo does not need it.")
    _say("\n".join([*lines, ""]))


def _example(tenant: Tenant) -> _Example:
    """The dearest call of the last run that a user made and credits paid; no cap stands against the next."""
    import polars as pl

    from talktime.doors.cli.rate_request import LAST_RUN

    columns = ["call_type", "user", "callee", "amount", "funding"]
    calls = pl.read_parquet(read_settings().state / LAST_RUN, columns=columns).sort("amount", descending=True)
    capped = [cap.id for cap in tenant.caps]
    free = [
        user.upn
        for user in tenant.users
        if user.cap_per_month_micros is None and user.cost_centre not in capped
    ]
    own = calls.filter(
        (pl.col("funding").cast(pl.String) == "credits")
        & pl.col("user").cast(pl.String).is_in(free)
        & pl.col("callee").str.starts_with("+")
    )
    row = (own if own.height else calls).row(0, named=True)
    return _Example(str(row["call_type"]), row["user"], row["callee"].replace("*", "0"))


def _say(text: str) -> None:
    print(printable(text), flush=True)  # noqa: T201 - the command's answer
