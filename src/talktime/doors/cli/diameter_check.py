"""`talktime diameter check`: what the settings say, in a few lines, and what is odd about them.

Exit 1 where the file cannot be used; what is odd keeps nobody from serving.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from talktime.doors.cli.answer import print_json
from talktime.doors.cli.ledger import database_url
from talktime.doors.cli.problems import Unusable, WrongUse
from talktime.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from talktime.catalog.model import Catalogue
    from talktime.doors.cli.screen import Screen
    from talktime.doors.diameter.settings import DiameterSettings, PeerSettings
    from talktime.ledger.database import DatabaseUrl

RULES_SHOWN: Final = 20


def check_command(file: Path | None, database: str | None, *, as_json: bool) -> int:
    """Reads the settings and says what they mean."""
    from talktime.catalog.load import load_catalogue
    from talktime.doors.diameter.checking import absent_tenants, odd_settings

    environment = read_settings()
    path = file or environment.diameter
    if path is None:
        raise WrongUse("name the settings file, or set TALKTIME_DIAMETER to it")
    settings = usable_settings(path, load_catalogue(environment.catalogue))
    url = database_url(database)
    known, note = tenants_of(url, {rule.tenant for rule in settings.identities.rules})
    odd = list(odd_settings(settings, datetime.now(UTC)))
    odd += [note] if known is None else absent_tenants(settings, known)
    if as_json:
        print_json(_json(path, settings, odd))
    else:
        _show(path, settings, odd)
    return 0


def usable_settings(path: Path, catalogue: Catalogue) -> DiameterSettings:
    """The settings of a file. Raises Unusable with every fault."""
    from talktime.doors.diameter.settings import DiameterFileError, read_diameter

    try:
        return read_diameter(path, catalogue)
    except DiameterFileError as error:
        raise Unusable(str(error)) from None


def tenants_of(url: DatabaseUrl, asked: Iterable[str]) -> tuple[set[str] | None, str]:
    """Which of these tenants the ledger has; None, and a sentence why, where there is none to ask."""
    from talktime.ledger.database import DatabaseError, check_current
    from talktime.ledger.reading import Reader
    from talktime.ledger.store import StoreAway

    try:
        check_current(url)
        reader = Reader(url)
        return {tenant for tenant in asked if reader.document(tenant) is not None}, ""
    except (DatabaseError, StoreAway) as error:
        return None, f"the tenants were not looked up: {error}"


def _show(path: Path, settings: DiameterSettings, odd: list[str]) -> None:
    from rich.console import Console

    from talktime.doors.cli.screen import screen_of
    from talktime.doors.cli.show_diameter import show_sentences

    screen = screen_of(Console())
    groups = ", ".join(map(str, sorted(settings.rating_groups))) or "all"
    screen.say(f"{path}: we are {settings.host} of realm {settings.realm} ({settings.product})", "bold")
    screen.say(f"answering for {', '.join(settings.realms)}; rating groups charged: {groups}")
    if settings.tls is not None:
        screen.say(f"TLS at {settings.tls.host} port {settings.tls.port} with {settings.tls.certificate}")
    screen.say(f"a peer that is silent for {settings.watchdog_s} s is asked whether it is there")
    if settings.peers:
        screen.title("Peers")
        headings = ("host", "realms", "from", "")
        screen.show(screen.table(headings, [_peer(peer) for peer in settings.peers], left=4))
    _rules(screen, settings)
    screen.title("What is odd" if odd else "Nothing is odd.")
    show_sentences(screen, odd)


def _peer(peer: PeerSettings) -> tuple[str, ...]:
    words = [
        ("relay", peer.relay),
        ("TLS", peer.tls),
        ("takes re-authorisation", peer.takes_reauth),
        ("takes aborts", peer.takes_abort),
        (f"redirects to {peer.redirect_to}", bool(peer.redirect_to)),
    ]
    what = ", ".join(word for word, holds in words if holds)
    return peer.host, ", ".join(peer.realms), ", ".join(peer.addresses) or "any address", what


def _rules(screen: Screen, settings: DiameterSettings) -> None:
    from talktime.doors.diameter.identity import call_words

    rules, calls = settings.identities.rules, settings.identities.calls
    if rules:
        screen.title(f"Whose call it is, {len(rules):,} in order")
        rows = [
            (str(at), rule.realm, rule.subscription, rule.tenant, rule.user, rule.country)
            for at, rule in enumerate(rules[:RULES_SHOWN], 1)
        ]
        screen.show(screen.table(("", "realm", "subscription", "tenant", "user", "country"), rows, left=6))
        _beyond(screen, len(rules))
    screen.title(f"What a call is, {len(calls):,} in order")
    about = [
        (call_words(rule), rule.call_type, rule.service_number, _whose(settings, at))
        for at, rule in enumerate(calls[:RULES_SHOWN])
    ]
    screen.show(screen.table(("where", "call type", "service number", ""), about, left=4))
    _beyond(screen, len(calls))


def _whose(settings: DiameterSettings, at: int) -> str:
    return "of the file" if settings.identities.is_own(at) else "shipped"


def _beyond(screen: Screen, number: int) -> None:
    if number > RULES_SHOWN:
        screen.say(f"and {number - RULES_SHOWN:,} more", "dim")


def _json(path: Path, settings: DiameterSettings, odd: list[str]) -> dict[str, object]:
    from msgspec.structs import asdict

    tls, rules = settings.tls, settings.identities
    return {
        "file": str(path),
        "host": settings.host,
        "realm": settings.realm,
        "realms": list(settings.realms),
        "product": settings.product,
        "watchdog_s": settings.watchdog_s,
        "rating_groups": sorted(settings.rating_groups),
        "tls": None if tls is None else {key: str(value) for key, value in tls._asdict().items()},
        "peers": [peer._asdict() for peer in settings.peers],
        "identities": [rule._asdict() for rule in rules.rules],
        "calls": [{**asdict(rule), "shipped": not rules.is_own(at)} for at, rule in enumerate(rules.calls)],
        "odd": odd,
    }
