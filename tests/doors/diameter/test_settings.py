"""diameter.toml: what a file says, and the sentence for each fault that it can have."""

from collections.abc import Callable
from pathlib import Path

import pytest

from talktime.catalog.load import load_catalogue
from talktime.catalog.ro import CallRule
from talktime.doors.diameter.identity import IdentityRule
from talktime.doors.diameter.settings import (
    DiameterFileError,
    DiameterSettings,
    PeerSettings,
    TlsSettings,
    read_diameter,
)

SERVER = '[server]\nhost = "ocs.example"\nrealm = "Example"\n'
PEER = '[[peers]]\nhost = "Switch.example"\nrealm = "example"\n'
IDENTITY = '[[identities]]\nrealm = "*"\nsubscription = "*"\ntenant = "contoso"\nuser = "subscription"\n'
CALL = '[[calls]]\ncall_type = "conf_in"\n'
TLS = '[tls]\ncertificate = "our.pem"\nkey = "/keys/our.key"\n'

Read = Callable[[str], DiameterSettings]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads a text as a file."""

    def reading(text: str) -> DiameterSettings:
        path = tmp_path / "diameter.toml"
        path.write_text(text, "utf-8")
        return read_diameter(path, load_catalogue())

    return reading


def test_the_least_that_a_file_says(read: Read) -> None:
    settings = read(SERVER)
    assert (settings.host, settings.realm, settings.realms) == ("ocs.example", "Example", ("example",))
    assert (settings.product, settings.watchdog_s, settings.rating_groups) == ("Talktime", 30, frozenset())
    assert (settings.peers, settings.tls, settings.identities.rules) == ((), None, ())
    assert settings.identities.own_calls == ()
    assert settings.identities.calls  # the shipped ones


def test_all_that_a_server_can_say(read: Read) -> None:
    settings = read(
        SERVER + 'realms = ["IMS.example", "example"]\nproduct = "Our OCS"\n'
        "watchdog_s = 6\nrating_groups = [100, 4294967295]\n" + TLS
    )
    assert settings.realms == ("example", "ims.example")
    assert (settings.product, settings.watchdog_s) == ("Our OCS", 6)
    assert settings.rating_groups == {100, 4_294_967_295}


def test_files_of_tls_are_named_from_the_folder_of_the_settings(read: Read, tmp_path: Path) -> None:
    usual = TlsSettings(tmp_path / "our.pem", Path("/keys/our.key"), None, "0.0.0.0", 5868)
    assert read(SERVER + TLS).tls == usual
    other = read(SERVER + TLS + 'authorities = "ca.pem"\nlisten = "[::1]:5658"\n').tls
    assert other == usual._replace(authorities=tmp_path / "ca.pem", host="::1", port=5658)


def test_a_peer(read: Read) -> None:
    bare = PeerSettings(
        host="switch.example",
        realm="example",
        addresses=(),
        realms=("example",),
        relay=False,
        takes_reauth=False,
        takes_abort=False,
        tls=False,
        redirect_to="",
    )
    assert read(SERVER + PEER).peers == (bare,)
    settings = read(
        SERVER + TLS + PEER + 'addresses = ["192.0.2.7", "192.0.2.9/24", "2001:db8::1"]\n'
        'realms = ["A.example", "b.example", "a.example"]\nrelay = true\nreauth = true\nabort = true\n'
        'tls = true\nredirect_to = "sip:top-up@contoso.example"\n'
    )
    assert settings.peers == (
        PeerSettings(
            host="switch.example",
            realm="example",
            addresses=("192.0.2.7/32", "192.0.2.0/24", "2001:db8::1/128"),
            realms=("a.example", "b.example"),
            relay=True,
            takes_reauth=True,
            takes_abort=True,
            tls=True,
            redirect_to="sip:top-up@contoso.example",
        ),
    )


def test_rules_keep_their_order(read: Read) -> None:
    other = IDENTITY.replace("*", "X.Example", 1).replace('subscription"\n', 'ana@contoso.example"\n')
    settings = read(SERVER + other + 'country = "CA"\n' + IDENTITY)
    assert settings.identities.rules == (
        IdentityRule("x.example", "*", "contoso", "ana@contoso.example", "CA"),
        IdentityRule("*", "*", "contoso", "subscription", ""),
    )


def test_calls(read: Read) -> None:
    settings = read(
        SERVER
        + CALL
        + 'called = "+1 800 555 0100"\nservice_number = "called"\n'
        + '[[calls]]\nrole = "terminating"\ncontext = "32260@3GPP.org"\ncalling = ["+1*", "*9"]\n'
        'called = ["emergency"]\ncall_type = "User_In"\nkeeps_user = true\nservice_number = ""\n'
    )
    assert settings.identities.own_calls == (
        CallRule("conf_in", called=("+1 800 555 0100",), service_number="called"),
        CallRule(
            "user_in",
            role="terminating",
            context="32260@3gpp.org",
            called=("emergency",),
            calling=("+1*", "*9"),
            keeps_user=True,
        ),
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "the table [server] is missing; begin with [server] and its host and realm"),
        ("server = 1\n", "server must be one table: write [server]"),
        (SERVER + "[peer]\n", "unknown key peer; did you mean peers?"),
        (SERVER + "hots = 1\n", "server: unknown key hots; did you mean host?"),
        (SERVER.replace("ocs.example", "ocs example"), 'server: host "ocs example" is no name such as'),
        (SERVER.replace("ocs.example", ""), "server: host is empty"),
        (SERVER + 'realms = ["a", 5]\n', "server: realms 5 is no name such as"),
        (SERVER + "watchdog_s = 5\n", "server: watchdog_s = 5 must be a whole number from 6 to 600"),
        (SERVER + "rating_groups = [true]\n", "server: rating_groups true must be a whole number"),
        (SERVER + "rating_groups = 100\n", "server: rating_groups = 100 must be a list"),
        (SERVER + 'product = "\u00e9"\n', 'server: product "\u00e9" must be visible ASCII text'),
        (SERVER + TLS.replace("certificate", "# "), "tls: certificate is missing"),
        (SERVER + TLS + 'listen = "5868"\n', 'tls: listen "5868" is no address with a port; write it as'),
        (SERVER + TLS + 'listen = "::1:5868"\n', 'tls: listen "::1:5868" is no address with a port'),
        (SERVER + TLS + 'listen = "0.0.0.0:70000"\n', "is no address with a port"),
        (SERVER + "[peers]\n", "peers must be an array of tables: write [[peers]] before each"),
        (SERVER + PEER + "tls = true\n", 'peers[1] "Switch.example": tls = true needs the table [tls]'),
        (SERVER + PEER + PEER, 'peers[2] "Switch.example": host stands in peers[1] already'),
        (SERVER + PEER.replace("Switch", "OCS"), "host is our own of [server]; a peer has another name"),
        (SERVER + PEER + 'addresses = ["192.0.2"]\n', 'addresses "192.0.2" is no IP address or network'),
        (SERVER + PEER + "addresses = [5]\n", "addresses 5 is no IP address or network"),
        (SERVER + PEER + "relay = 1\n", "relay = 1 must be true or false"),
        (SERVER + PEER + 'redirect_to = "top-up"\n', 'redirect_to "top-up" is no URI; write one such as'),
        (SERVER + PEER + 'redirect_to = "sip:"\n', 'redirect_to "sip:" is no URI'),
        (SERVER + IDENTITY + 'tennant = "x"\n', "unknown key tennant; did you mean tenant?"),
        (
            SERVER + IDENTITY.replace('"*"', '"a b"', 1),
            'identities[1] "*": realm "a b" is no realm such as "contoso.example", and not "*"',
        ),
        (
            SERVER + IDENTITY.replace('on = "*"', 'on = "+1*4*"'),
            'subscription "+1*4*" may hold one *, at its',
        ),
        (SERVER + IDENTITY + 'country = "ca"\n', 'country "ca" must be in capital letters: write "CA"'),
        (SERVER + IDENTITY + 'country = "XX"\n', 'country "XX" is no country code of ISO 3166'),
        (
            SERVER + IDENTITY.replace('"subscription"', '"Subscription"'),
            "is no user; did you mean subscription?",
        ),
        (SERVER + IDENTITY.replace("contoso", ""), "tenant is empty"),
        (
            SERVER + CALL.replace("conf_in", "confin"),
            'call_type "confin" is known to no rule of categories.toml; did you mean conf_in?',
        ),
        (SERVER + CALL + 'role = "proxy"\n', 'role "proxy" is none of originating, terminating'),
        (SERVER + CALL + 'service_number = "both"\n', 'service_number "both" is none of called, calling'),
        (SERVER + CALL + "called = [911]\n", "called 911 is not text; write it in quotes"),
        (SERVER + CALL + "called = 911\n", "called = 911 must be a list"),
        (SERVER + CALL + 'calling = "*1*"\n', 'calling "*1*" may hold one *'),
        (SERVER + CALL + "rate = 0.5\n", "unknown key rate"),
        ("host = ", "is not TOML: "),
    ],
)
def test_a_fault_is_one_sentence_that_names_its_place(read: Read, text: str, fault: str) -> None:
    with pytest.raises(DiameterFileError) as refused:
        read(text)
    told = str(refused.value)
    assert fault in told
    assert "diameter.toml: " in told
    assert len(refused.value.faults) == 1
    assert "\n" not in told


def test_every_fault_is_told_and_not_only_the_first(read: Read) -> None:
    with pytest.raises(DiameterFileError) as refused:
        read(SERVER + PEER.replace("Switch.example", "a b") + CALL.replace("conf_in", "x"))
    assert len(refused.value.faults) == 2
    assert "2 faults:" in str(refused.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DiameterFileError, match="cannot be read: No such file"):
        read_diameter(tmp_path / "none.toml", load_catalogue())
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(DiameterFileError, match="is not UTF-8"):
        read_diameter(tmp_path / "binary.toml", load_catalogue())
