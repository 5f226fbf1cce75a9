"""What is odd about settings that can be used."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from talktime.catalog.load import load_catalogue
from talktime.catalog.ro import load_ro
from talktime.doors.diameter.checking import absent_tenants, odd_settings
from talktime.doors.diameter.identity import Asked, Identities, IdentityRule
from talktime.doors.diameter.settings import DiameterSettings, read_diameter

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SOUND = """
[server]
host = "ocs.example"
realm = "example"
[[peers]]
host = "switch.example"
realm = "example"
addresses = ["192.0.2.7"]
[[identities]]
realm = "example"
subscription = "+1416*"
tenant = "contoso"
user = "subscription"
"""


def rule(subscription: str, realm: str = "example", user: str = "subscription") -> str:
    return (
        f'[[identities]]\nrealm = "{realm}"\nsubscription = "{subscription}"\n'
        f'tenant = "contoso"\nuser = "{user}"\n'
    )


def call(**asks: str) -> str:
    told = "".join(f'{key} = "{value}"\n' for key, value in asks.items())
    return f'[[calls]]\ncall_type = "ucap_out"\n{told}'


def settings(folder: Path, text: str) -> DiameterSettings:
    path = folder / "diameter.toml"
    path.write_text(text, "utf-8")
    return read_diameter(path, load_catalogue())


def test_nothing_is_odd_about_sound_settings(tmp_path: Path) -> None:
    assert list(odd_settings(settings(tmp_path, SOUND), NOW)) == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            SOUND[: SOUND.index("[[peers]]")] + rule("*"),
            "[[peers]]: there are none, so every connection is refused",
        ),
        (
            SOUND[: SOUND.index("[[identities]]")],
            "[[identities]]: there are none, so every call but emergency",
        ),
        (SOUND.replace("addresses", "# "), 'peers[1] "switch.example": it may come from any address'),
        (
            SOUND + rule("+1417*", "far.example"),
            "realm far.example is none of ours, and no peer speaks for it",
        ),
        (
            SOUND + rule("+14165550000"),
            'identities[2] "+14165550000": it never counts; identities[1] before it',
        ),
        (SOUND + rule("+14165*") + rule("*"), 'identities[2] "+14165*": it never counts; identities[1]'),
        (SOUND + rule("+1416*"), 'identities[2] "+1416*": it never counts'),
        (
            SOUND + rule("*", "*") + rule("*@a.example"),
            'identities[3] "*@a.example": it never counts; identities[2]',
        ),
        (SOUND + call() + call(called="+1*"), 'calls[2] "ucap_out": it never counts; calls[1] before it'),
        (SOUND + call(called="+1*") + call(called="+1416*", role="originating"), "calls[2]"),
        (SOUND + call(called="emergency") + call(called="emergency"), "calls[2]"),
    ],
)
def test_what_is_odd_is_told(tmp_path: Path, text: str, sentence: str) -> None:
    odd = list(odd_settings(settings(tmp_path, text), NOW))
    assert len(odd) == 1
    assert sentence in odd[0]


@pytest.mark.parametrize(
    "text",
    [
        SOUND + rule("+141*"),  # wider
        SOUND + rule("*0000"),
        SOUND + rule("+1416*", "*"),  # another realm
        SOUND + rule("*", user="ana@contoso.example") + rule("*@a.example", "*"),
        SOUND
        + rule("*", "*")
        + rule("*", user="ana@contoso.example"),  # without a Subscription-Id the second
        SOUND + rule("+1417*", user="calling") + rule("+1417*"),  # without a calling party the second
        SOUND + call(called="+1*") + call(called="+1416*", role="originating").replace("+1416", "+2416"),
        SOUND + call(called="+1*", role="originating") + call(called="+1416*"),
        SOUND + call(called="+1*", context="@3gpp.org") + call(called="+1416*", context="gpp.org"),
        SOUND + call(called="+1*", calling="+1*") + call(called="+1416*"),
        SOUND + call(called="emergency") + call(called="112"),
    ],
)
def test_what_still_counts_is_not_called_odd(tmp_path: Path, text: str) -> None:
    odd = [one for one in odd_settings(settings(tmp_path, text), NOW) if "never counts" in one]
    assert odd == []


texts = st.sampled_from(["+1", "+14", "x@a", "@a"])
patterns = st.builds(lambda form, text: form.format(text), st.sampled_from(["{}", "{}*", "*{}", "*"]), texts)
rules = st.lists(
    st.builds(
        IdentityRule,
        realm=st.sampled_from(["a", "*"]),
        subscription=patterns,
        tenant=st.just("t"),
        user=st.sampled_from(["subscription", "calling", "ben@x"]),
    ),
    max_size=6,
)
requests = st.builds(
    Asked,
    origin_realm=st.sampled_from(["a", "b"]),
    destination_realm=st.just("b"),
    context=st.just(""),
    subscriptions=st.lists(st.tuples(st.sampled_from([0, 2]), texts), max_size=2).map(tuple),
    calling=st.sampled_from(["", "tel:+1"]),
    called=st.just(""),
    role=st.none(),
)


@given(rules, requests)
def test_a_rule_that_never_counts_is_never_the_answer(table: list[IdentityRule], asked: Asked) -> None:
    named = [one._replace(tenant=str(at)) for at, one in enumerate(table, 1)]
    made = Identities(named, (), load_ro(), load_catalogue())
    spoken = DiameterSettings("o", "a", ("a", "b"), "", (), made, None, 30, frozenset())
    never = {
        one.partition("]")[0].rpartition("[")[2] for one in odd_settings(spoken, NOW) if "before it" in one
    }
    found = made.understand(asked)
    assert found is None or found.tenant not in never


def test_tenants_that_the_ledger_lacks(tmp_path: Path) -> None:
    made = settings(tmp_path, SOUND + rule("*@a.example").replace("contoso", "fabrikam"))
    assert list(absent_tenants(made, {"contoso", "fabrikam"})) == []
    (sentence,) = absent_tenants(made, {"contoso"})
    assert "tenant fabrikam is not in the ledger" in sentence


# --- TLS ----------------------------------------------------------------------------------------------

TLS = '\n[tls]\ncertificate = "our.pem"\nkey = "our.key"\n'
WITH_TLS = SOUND.replace("addresses", "tls = true\naddresses") + TLS


def write_certificate(folder: Path, begins: datetime, ends: datetime, password: bytes = b"") -> None:
    """our.pem and our.key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ocs.example")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    signed = made.serial_number(1).not_valid_before(begins).not_valid_after(ends).sign(key, hashes.SHA256())
    (folder / "our.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    (folder / "our.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, lock))


@pytest.mark.parametrize(
    ("begins_days", "ends_days", "sentence"),
    [
        (-400, 300, ""),
        (-400, -1, "has expired on 2026-10-31"),
        (-400, 10, "expires on 2026-11-11"),
        (1, 300, "is valid from 2026-11-02 only"),
    ],
)
def test_a_certificate_has_its_time(tmp_path: Path, begins_days: int, ends_days: int, sentence: str) -> None:
    write_certificate(tmp_path, NOW + timedelta(days=begins_days), NOW + timedelta(days=ends_days))
    odd = list(odd_settings(settings(tmp_path, WITH_TLS), NOW))
    assert len(odd) == bool(sentence)
    assert sentence in "".join(odd)


def test_certificates_that_cannot_be_used(tmp_path: Path) -> None:
    made = settings(tmp_path, WITH_TLS)
    odd = list(odd_settings(made, NOW))
    assert [one.partition(f" {tmp_path}")[0] for one in odd] == ["[tls]: certificate", "[tls]: key"]
    assert "no such file or directory" in odd[0]
    write_certificate(tmp_path, NOW, NOW + timedelta(days=99), password=b"secret")
    assert "are no pair in PEM without a password" in "".join(odd_settings(made, NOW))
    write_certificate(tmp_path, NOW, NOW + timedelta(days=99))
    (tmp_path / "our.key").write_text("no key")
    assert "are no pair in PEM" in "".join(odd_settings(made, NOW))


def test_authorities_and_peers_that_do_not_fit(tmp_path: Path) -> None:
    write_certificate(tmp_path, NOW, NOW + timedelta(days=99))
    made = settings(tmp_path, WITH_TLS + 'authorities = "ca.pem"\n')
    (tmp_path / "ca.pem").write_text("nothing")
    assert "ca.pem has no certificate in PEM" in "".join(odd_settings(made, NOW))
    unasked = settings(tmp_path, SOUND + TLS)
    assert "no peer has tls = true" in "".join(odd_settings(unasked, NOW))
