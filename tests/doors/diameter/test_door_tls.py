"""TLS: whose certificate opens the door, on certificates that the test makes."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from talktime.doors.diameter.settings import TlsSettings
from tests.databases import sqlite_database
from tests.doors.diameter.house import A_SECOND, House, peer, settings
from tests.doors.diameter.switch import Line, Switch

__all__ = ["sqlite_database"]  # a fixture


class Authority(NamedTuple):
    """Signs certificates; `path` is its own."""

    key: ec.EllipticCurvePrivateKey
    name: x509.Name
    path: Path

    def sign(self, host: str, *, is_named: bool = True) -> tuple[Path, Path]:
        """Certificate and key of a host; `is_named`: as a DNS name, not in the subject alone."""
        key, name = ec.generate_private_key(ec.SECP256R1()), _name(host)
        builder = _builder(key, name, self.name)
        if is_named:
            names = x509.SubjectAlternativeName([x509.DNSName(host)])
            builder = builder.add_extension(names, critical=False)
        signed = builder.sign(self.key, hashes.SHA256())
        folder = self.path.parent
        certificate, private = folder / f"{host}.pem", folder / f"{host}.key"
        certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, private


def _name(host: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])


def _builder(key: ec.EllipticCurvePrivateKey, name: x509.Name, issuer: x509.Name) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))


def authority(folder: Path, name: str) -> Authority:
    """A new one, in a folder of its own."""
    folder = folder / name
    folder.mkdir()
    key, of = ec.generate_private_key(ec.SECP256R1()), _name(name)
    builder = _builder(key, of, of)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    own = folder / "authority.pem"
    own.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return Authority(key, of, own)


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    """Whom we trust."""
    return authority(tmp_path, "ours")


def opened(database: str, ours: Authority, *, asks: bool = True) -> House:
    """A door with both ways in: one peer has to come by TLS, one may come as it likes."""
    certificate, key = ours.sign("ocs.test")
    tls = TlsSettings(certificate, key, ours.path if asks else None, "127.0.0.1", 0)
    house = House(database, settings(peer(tls=True), peer("plain.test"), tls=tls))
    house.open(money=100 * A_SECOND)
    return house


@pytest.fixture
def house(sqlite_database: str, ours: Authority) -> Iterator[House]:
    """A door that asks for certificates."""
    with closing(opened(sqlite_database, ours)) as house:
        yield house


def by_tls(house: House, ours: Authority, host: str, certificate: tuple[Path, Path] | None) -> Switch:
    """A switch that has connected by TLS with this certificate, and checked ours."""
    context = ssl.create_default_context(cafile=str(ours.path))
    if certificate is not None:
        context.load_cert_chain(*certificate)
    switch = Switch(house, house.run(Line.to(house.port(tls=True), context)), host)
    house.keep(switch)
    return switch


def test_a_call_by_tls(house: House, ours: Authority) -> None:
    switch = by_tls(house, ours, "switch.test", ours.sign("switch.test"))
    assert switch.hello().result == 2001
    call = switch.call()
    assert call.initial(30) == "2001 30 s"
    assert call.terminate(used=20) == "2001"
    assert house.charged_s() == 20


@pytest.mark.parametrize(
    ("named", "is_named", "host", "result"),
    [
        ("SWITCH.test", True, "Switch.TEST", 2001),
        ("other.test", True, "switch.test", 5017),
        ("*.test", True, "switch.test", 5017),
        ("switch.test", False, "switch.test", 5017),
        ("other.test", True, "plain.test", 2001),
        ("switch.test", True, "stranger.test", 3010),
    ],
)
def test_a_certificate_is_of_the_host_that_says_hello(
    house: House, ours: Authority, named: str, is_named: bool, host: str, result: int
) -> None:
    """Of a peer that may come without TLS nothing is asked but that we trust who signed it."""
    switch = by_tls(house, ours, host, ours.sign(named, is_named=is_named))
    assert switch.hello().result == result
    if result != 2001:
        assert switch.is_hung_up_on()


def test_a_peer_of_tls_may_not_come_without(house: House) -> None:
    switch = house.stranger()
    assert switch.hello().result == 5017
    assert switch.is_hung_up_on()
    assert house.switch("plain.test").call(origin_host="plain.test").initial(5) == "2001 5 s"


@pytest.mark.parametrize("shows", ["nothing", "a certificate that others signed"])
def test_whoever_shows_no_certificate_that_we_trust_gets_no_further(
    house: House, ours: Authority, tmp_path: Path, shows: str
) -> None:
    theirs = None if shows == "nothing" else authority(tmp_path, "theirs").sign("switch.test")
    try:
        switch = by_tls(house, ours, "switch.test", theirs)
        told = switch.hello()
    except (ssl.SSLError, ConnectionError):
        told = None
    assert told is None
    assert house.processes[0].door.open_peers == 0


def test_without_authorities_no_certificate_counts(sqlite_database: str, ours: Authority) -> None:
    """The line is secret, but anybody may be at its end."""
    with closing(opened(sqlite_database, ours, asks=False)) as house:
        assert by_tls(house, ours, "switch.test", None).hello().result == 5017
        assert by_tls(house, ours, "switch.test", ours.sign("switch.test")).hello().result == 5017
        assert by_tls(house, ours, "plain.test", None).hello().result == 2001


def test_who_does_not_speak_tls_at_the_door_of_tls(house: House, ours: Authority) -> None:
    switch = Switch(house, house.run(Line.to(house.port(tls=True))), "switch.test")
    house.keep(switch)
    with pytest.raises(ConnectionError):
        switch.hello()
    assert by_tls(house, ours, "switch.test", ours.sign("switch.test")).hello().result == 2001
