"""diameter.toml: who we are, which peers may ask, whose calls theirs are and what these calls are.

The file is taken as a whole or refused with every fault that it has, each naming table, entry and key.
Tenants need not exist: they may come later (`talktime diameter check` says which do not).
"""

from __future__ import annotations

import tomllib
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from talktime.accounts.toml_table import Table, WrittenFloat, shown
from talktime.catalog.ro import load_ro
from talktime.doors.diameter.identity import Identities
from talktime.doors.diameter.identity_tables import call_of, identity_of, is_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from talktime.catalog.model import Catalogue

VARIABLE: Final = "TALKTIME_DIAMETER"
DEFAULT_PRODUCT: Final = "Talktime"
DEFAULT_TLS: Final = "0.0.0.0:5868"
"""Where TLS is listened for: the registered port of Diameter over TLS."""

DEFAULT_WATCHDOG_S: Final = 30
LEAST_WATCHDOG_S: Final = 6
"""RFC 3539 3.4.1 allows no shorter one."""

MOST_WATCHDOG_S: Final = 600
MAX_U32: Final = (1 << 32) - 1

_TOP: Final = ("server", "tls", "peers", "identities", "calls")
_SERVER: Final = ("host", "realm", "realms", "product", "watchdog_s", "rating_groups")
_TLS: Final = ("certificate", "key", "authorities", "listen")
_PEER: Final = ("host", "realm", "addresses", "realms", "relay", "reauth", "abort", "tls", "redirect_to")
_REDIRECTS: Final = ("sip:", "sips:", "http://", "https://")


class DiameterFileError(ValueError):
    """A settings file that cannot be used. `faults` are its faults, a sentence each, in the file's order."""

    def __init__(self, path: Path, faults: Sequence[str]) -> None:
        self.path = path
        self.faults = tuple(faults)
        lines = faults[0] if len(faults) == 1 else "\n  ".join((f"{len(faults)} faults:", *faults))
        super().__init__(f"{path}: {lines}")


class PeerSettings(NamedTuple):
    """One of [[peers]]: names in lower case, `addresses` as networks (none: it may come from anywhere).

    `realms` it may speak for; a `relay` brings requests of other hosts. `takes_reauth` and `takes_abort`: it
    answers when we ask (RAR, ASR). `redirect_to`: where callers go when the money ends, "" to hang up.
    """

    host: str
    realm: str
    addresses: tuple[str, ...]
    realms: tuple[str, ...]
    relay: bool
    takes_reauth: bool
    takes_abort: bool
    tls: bool
    redirect_to: str


class TlsSettings(NamedTuple):
    """[tls]: our certificate and key in PEM, who signs those of peers, where we listen.

    Without `authorities` peers are asked for no certificate.
    """

    certificate: Path
    key: Path
    authorities: Path | None
    host: str
    port: int


class DiameterSettings(NamedTuple):
    """The file. `realms` are those that we answer for, our own among them, in lower case.

    `rating_groups` are those that are charged; empty: all.
    """

    host: str
    realm: str
    realms: tuple[str, ...]
    product: str
    peers: tuple[PeerSettings, ...]
    identities: Identities
    tls: TlsSettings | None
    watchdog_s: int
    rating_groups: frozenset[int]


class _Server(NamedTuple):
    host: str
    realm: str
    realms: tuple[str, ...]
    product: str
    watchdog_s: int
    rating_groups: frozenset[int]


def read_diameter(path: Path, catalogue: Catalogue) -> DiameterSettings:
    """Reads a settings file. Raises DiameterFileError with every fault, each a sentence."""
    top = Table(_toml(path), "", [])
    top.only(*_TOP)
    own = _server(top)
    tls = _tls(top, path.parent)
    peers = _peers(top, own.host)
    rules = [identity_of(table, catalogue) for table in top.tables("identities", "subscription")]
    calls = [call_of(table, catalogue) for table in top.tables("calls", "call_type")]
    if top.faults:
        raise DiameterFileError(path, top.faults)
    return DiameterSettings(
        host=own.host,
        realm=own.realm,
        realms=own.realms,
        product=own.product,
        peers=peers,
        identities=Identities(rules, calls, load_ro(), catalogue),
        tls=tls,
        watchdog_s=own.watchdog_s,
        rating_groups=own.rating_groups,
    )


def _toml(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8-sig"), parse_float=WrittenFloat)
    except OSError as error:
        raise DiameterFileError(path, [f"cannot be read: {error.strerror or error}"]) from None
    except UnicodeDecodeError as error:
        raise DiameterFileError(path, [f"is not UTF-8 (byte {error.start}); save it as UTF-8"]) from None
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise DiameterFileError(path, [f"is not TOML: {error}"]) from None


def _server(top: Table) -> _Server:
    table = top.table("server")
    if table is None:
        if "server" not in top.entries:
            top.fault("the table [server] is missing; begin with [server] and its host and realm")
        return _Server("", "", (), "", 0, frozenset())
    table.only(*_SERVER)
    realm = _name(table, "realm")
    product = table.text("product", DEFAULT_PRODUCT)
    if not product or not product.isascii() or not product.isprintable():
        table.fault(f"product {shown(product)} must be visible ASCII text")
    watchdog_s = table.whole("watchdog_s", LEAST_WATCHDOG_S, MOST_WATCHDOG_S)
    return _Server(
        host=_name(table, "host"),
        realm=realm,
        realms=tuple(dict.fromkeys((realm.lower(), *_names(table, "realms")))),
        product=product,
        watchdog_s=DEFAULT_WATCHDOG_S if watchdog_s is None else watchdog_s,
        rating_groups=frozenset(_rating_groups(table)),
    )


def _name(table: Table, key: str) -> str:
    """A needed host or realm."""
    name = table.needed(key)
    if name and not is_name(name):
        table.fault(f'{key} {shown(name)} is no name such as "ocs.contoso.example"')
    return name


def _names(table: Table, key: str) -> Iterator[str]:
    """A list of realms, in lower case."""
    for name in table.items(key):
        if isinstance(name, str) and is_name(name):
            yield name.lower()
        else:
            table.fault(f'{key} {shown(name)} is no name such as "contoso.example"')


def _rating_groups(table: Table) -> Iterator[int]:
    for group in table.items("rating_groups"):
        if isinstance(group, int) and not isinstance(group, bool) and 0 <= group <= MAX_U32:
            yield group
        else:
            table.fault(f"rating_groups {shown(group)} must be a whole number from 0 to {MAX_U32:,}")


def _tls(top: Table, folder: Path) -> TlsSettings | None:
    """[tls]; its files are named from the folder of the settings file."""
    table = top.table("tls")
    if table is None:
        return None
    table.only(*_TLS)
    certificate, key, authorities = (
        table.needed("certificate"),
        table.needed("key"),
        table.text("authorities"),
    )
    host, port = _listen(table)
    signed_by = folder / authorities if authorities else None
    return TlsSettings(folder / certificate, folder / key, signed_by, host, port)


def _listen(table: Table) -> tuple[str, int]:
    """`listen` as address and port; an IPv6 address stands in brackets."""
    written = table.text("listen", DEFAULT_TLS)
    host, _, port = written.rpartition(":")
    is_port = port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65_535
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if is_port and bare and (":" not in bare or bare != host):
        return bare, int(port)
    table.fault(f'listen {shown(written)} is no address with a port; write it as "{DEFAULT_TLS}"')
    return "", 0


def _peers(top: Table, own_host: str) -> tuple[PeerSettings, ...]:
    places: dict[str, int] = {}
    peers = []
    for table in top.tables("peers", "host"):
        peer = _peer(table)
        if peer.tls and "tls" not in top.entries:
            table.fault("tls = true needs the table [tls]; add it with certificate and key")
        if peer.host and peer.host == own_host.lower():
            table.fault("host is our own of [server]; a peer has another name")
        if peer.host and peer.host in places:
            table.fault(f"host stands in peers[{places[peer.host]}] already; keep one of the two")
        places.setdefault(peer.host, table.position)
        peers.append(peer)
    return tuple(peers)


def _peer(table: Table) -> PeerSettings:
    table.only(*_PEER)
    host, realm = _name(table, "host").lower(), _name(table, "realm").lower()
    redirect_to = table.text("redirect_to")
    if redirect_to and not _is_redirect(redirect_to):
        table.fault(
            f'redirect_to {shown(redirect_to)} is no URI; write one such as "sip:top-up@contoso.example"'
        )
    return PeerSettings(
        host=host,
        realm=realm,
        addresses=tuple(_networks(table)),
        realms=tuple(dict.fromkeys(_names(table, "realms"))) or (realm,),
        relay=table.flag("relay", default=False),
        takes_reauth=table.flag("reauth", default=False),
        takes_abort=table.flag("abort", default=False),
        tls=table.flag("tls", default=False),
        redirect_to=redirect_to,
    )


def _networks(table: Table) -> Iterator[str]:
    """Addresses and networks, each as a network: 192.0.2.7 is 192.0.2.7/32."""
    for address in table.items("addresses"):
        try:
            if not isinstance(address, str):
                raise ValueError
            yield str(ip_network(address.strip(), strict=False))
        except ValueError:
            table.fault(
                f'addresses {shown(address)} is no IP address or network; write "192.0.2.7" or "192.0.2.0/24"'
            )


def _is_redirect(address: str) -> bool:
    """Whether a Final-Unit-Indication can hold it: an IP address, a URL or a SIP URI (RFC 8506 8.38)."""
    try:
        ip_address(address)
    except ValueError:
        scheme = next((scheme for scheme in _REDIRECTS if address.lower().startswith(scheme)), "")
        rest = address[len(scheme) :]
        return bool(scheme and rest) and rest.isascii() and rest.isprintable() and " " not in rest
    return True
