"""What is odd about settings that can be used: rules that never count, realms without peers, certificates.

Each sentence names its table. Only files of TLS that cannot be used keep the server from starting.
"""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from talktime.catalog.ro import EMERGENCY
from talktime.doors.diameter.identity import ANY, CALLING, SUBSCRIPTION
from talktime.doors.diameter.patterns import STAR, PatternIndex, read_pattern

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from talktime.catalog.ro import CallRule
    from talktime.doors.diameter.identity import IdentityRule
    from talktime.doors.diameter.settings import DiameterSettings, TlsSettings

SOON: Final = timedelta(days=30)


def odd_settings(settings: DiameterSettings, now: datetime) -> Iterator[str]:
    """Sentences on the settings alone; no ledger is asked."""
    yield from _peers(settings)
    yield from _identities(settings)
    yield from _shadowed_calls(settings.identities.own_calls)
    if settings.tls is not None:
        yield from _tls(settings.tls, now)
        if not any(peer.tls for peer in settings.peers):
            yield "[tls]: no peer has tls = true, so TLS is offered and never asked for"


def absent_tenants(settings: DiameterSettings, known: Collection[str]) -> Iterator[str]:
    """A sentence for each tenant of the rules that the ledger does not have."""
    for tenant in dict.fromkeys(rule.tenant for rule in settings.identities.rules):
        if tenant not in known:
            yield f"[[identities]]: tenant {tenant} is not in the ledger; its calls are refused until it is"


def _peers(settings: DiameterSettings) -> Iterator[str]:
    if not settings.peers:
        yield "[[peers]]: there are none, so every connection is refused; name host and realm of each"
    for at, peer in enumerate(settings.peers, 1):
        if not peer.addresses and not peer.tls:
            where = f'peers[{at}] "{peer.host}"'
            yield f"{where}: it may come from any address; list its addresses, or ask it for tls"


def _identities(settings: DiameterSettings) -> Iterator[str]:
    rules = settings.identities.rules
    if not rules:
        yield "[[identities]]: there are none, so every call but emergency calls is refused"
    heard = {*settings.realms, *(realm for peer in settings.peers for realm in peer.realms), ANY}
    for at, rule in enumerate(rules):
        if rule.realm not in heard:
            where = f'identities[{at + 1}] "{rule.subscription}"'
            yield f"{where}: realm {rule.realm} is none of ours, and no peer speaks for it: it never counts"
    for at, earlier in _shadowed(rules):
        where = f'identities[{at + 1}] "{rules[at].subscription}"'
        yield f"{where}: it never counts; identities[{earlier + 1}] before it takes all that it means"


def _shadowed(rules: Sequence[IdentityRule]) -> Iterator[tuple[int, int]]:
    """(rule, the first rule before it that takes all it means) by positions, only where there is one."""
    by_realm: dict[str, list[int]] = {}
    for at, rule in enumerate(rules):
        by_realm.setdefault(rule.realm, []).append(at)
    patterns = [read_pattern(rule.subscription) for rule in rules]
    indexes = {
        realm: PatternIndex((at, patterns[at]) for at in positions) for realm, positions in by_realm.items()
    }
    for at, rule in enumerate(rules):
        found = [
            earlier
            for realm in {rule.realm, ANY} & indexes.keys()
            for positions in indexes[realm].covering(patterns[at])
            for earlier in positions
            if earlier < at and _names_whenever(rules[earlier], rule)
        ]
        if found:
            yield at, min(found)


def _names_whenever(earlier: IdentityRule, rule: IdentityRule) -> bool:
    """Whether the earlier rule can name its user in every request in which the later one can."""
    if earlier.user == CALLING:
        return rule.user == CALLING
    needs_subscription = rule.user == SUBSCRIPTION or rule.subscription != STAR
    return earlier.user != SUBSCRIPTION or needs_subscription


def _shadowed_calls(rules: Sequence[CallRule]) -> Iterator[str]:
    called = [(at, text) for at, rule in enumerate(rules) for text in rule.called or (STAR,)]
    index = PatternIndex((at, read_pattern(text)) for at, text in called if text != EMERGENCY)
    urgent = [at for at, text in called if text == EMERGENCY]
    for at, rule in enumerate(rules):
        one = rule.called[0] if rule.called else STAR
        lists = index.covering(read_pattern(STAR if one == EMERGENCY else one))
        candidates = {earlier for positions in (*lists, urgent) for earlier in positions if earlier < at}
        found = [earlier for earlier in candidates if _takes(rules[earlier], rule)]
        if found:
            where = f'calls[{at + 1}] "{rule.call_type}"'
            yield f"{where}: it never counts; calls[{min(found) + 1}] before it takes all that it means"


def _takes(other: CallRule, rule: CallRule) -> bool:
    """Whether a rule holds for every call for which the other does."""
    return (
        other.role in ("", rule.role)
        and rule.context.endswith(other.context)
        and _covers(other.called, rule.called)
        and _covers(other.calling, rule.calling)
    )


def _covers(wide: Sequence[str], narrow: Sequence[str]) -> bool:
    if not wide:
        return True
    return bool(narrow) and all(any(_covers_one(one, each) for one in wide) for each in narrow)


def _covers_one(wide: str, narrow: str) -> bool:
    if EMERGENCY in (wide, narrow):
        return wide in (narrow, STAR)
    return read_pattern(wide).covers(read_pattern(narrow))


def _tls(tls: TlsSettings, now: datetime) -> Iterator[str]:
    faults = tls_faults(tls)
    yield from faults
    if not faults:
        yield from _validity(tls.certificate, now)


def tls_faults(tls: TlsSettings) -> list[str]:
    """Why nobody can be served by TLS with these files, each a sentence; empty where all is well."""
    unread = [
        f"[tls]: {key} {path}: {fault}; the server does not start without it"
        for key, path in (
            ("certificate", tls.certificate),
            ("key", tls.key),
            ("authorities", tls.authorities),
        )
        if path is not None and (fault := _unreadable(path))
    ]
    if unread:
        return unread
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(tls.certificate, tls.key, password="")
    except (ssl.SSLError, ValueError):  # ValueError: the key is locked
        return [
            f"[tls]: certificate {tls.certificate} and key {tls.key} are no pair in PEM without a password;"
            " the server does not start with them"
        ]
    if tls.authorities is not None and not _holds_certificates(context, tls.authorities):
        return [f"[tls]: authorities {tls.authorities} has no certificate in PEM; the server does not start"]
    return []


def _unreadable(path: Path) -> str:
    """Why a file cannot be read, "" where it can."""
    try:
        with path.open("rb"):
            return ""
    except OSError as error:
        return (error.strerror or "cannot be read").lower()


def _holds_certificates(context: ssl.SSLContext, path: Path) -> bool:
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        return False
    return True


def _validity(certificate: Path, now: datetime) -> Iterator[str]:
    from cryptography import x509

    first = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    begins, ends = first.not_valid_before_utc, first.not_valid_after_utc
    if now >= ends:
        yield f"[tls]: certificate {certificate} has expired on {ends:%Y-%m-%d}; put a new one there"
    elif now < begins:
        yield f"[tls]: certificate {certificate} is valid from {begins:%Y-%m-%d} only"
    elif now + SOON >= ends:
        yield f"[tls]: certificate {certificate} expires on {ends:%Y-%m-%d}; put a new one there in time"
