"""`talktime diameter check` and `explain`: what people read, what programs get, and how both refuse."""

import json
from pathlib import Path

import pytest

from tests.doors.diameter.made_captures import BEGAN_US, SERVER, SWITCH, pcap, stream
from tests.doors.diameter.switch import INITIAL, TERMINATION, UPDATE, Credit, Service
from tests.doors.diameter.wire.by_hand import cer
from tests.doors.ledger_house import squeezed
from tests.doors.made_files import deck, licence, toml, user
from tests.doors.terminal import Terminal

ANA, BEN = "+12065550100", "+12065550101"
SETTINGS = """
[server]
host = "ocs.example"
realm = "test"
rating_groups = [100]

[[peers]]
host = "switch.test"
realm = "test"
addresses = ["192.0.2.10"]
reauth = true

[[identities]]
realm = "test"
subscription = "+1206*"
tenant = "contoso"
user = "subscription"

[[identities]]
realm = "test"
subscription = "*@fabrikam.example"
tenant = "fabrikam"
user = "subscription"

[[calls]]
called = "+18005550100"
call_type = "conf_in"
service_number = "called"
"""
TENANT = (
    toml()
    + licence("MCOPSTN2", 1)
    + licence("MCOPSTNC", 1)
    + user("ana@contoso.example", "MCOPSTN2", "MCOPSTNC")
    + f'numbers = ["{ANA}"]\n'
    + user("ben@contoso.example")
    + f'numbers = ["{BEN}"]\n'
)


def requests(who: str = ANA, to: str = "+442079460000") -> list[bytes]:
    """A call of 41 seconds in three requests."""
    began_s = BEGAN_US // 1_000_000
    steps = (
        (INITIAL, Service(asks=30), 0),
        (UPDATE, Service(asks=30, used=28), 28),
        (TERMINATION, Service(used=13), 41),
    )
    return [
        Credit(
            session="switch.test;1;1",
            kind=kind,
            number=at,
            services=(service,),
            who=who,
            calling=f"tel:{who}",
            to=to,
            event_s=began_s + after_s,
        ).whole(at + 1)
        for at, (kind, service, after_s) in enumerate(steps)
    ]


def terminal_in(base: Path) -> Terminal:
    """Settings, and a capture of a hello and a call."""
    made = Terminal(base)
    made.write("diameter.toml", SETTINGS)
    made.write("ro.pcap", pcap(stream(cer() + b"".join(requests()), size=300)))
    return made


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A terminal without a ledger."""
    return terminal_in(tmp_path)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """One with a ledger in which Contoso has two people and a price a minute to Great Britain."""
    made = terminal_in(tmp_path_factory.mktemp("house"))
    made.write("tenant.toml", TENANT)
    made.write("deck.csv", deck({"44": "0.012"}, first=30, step=6))
    for words in ("tenant add tenant.toml", "decks add deck.csv", "decks bind made"):
        answer = made.run(*words.split())
        assert answer.code == 0, answer.err
    return made


# --- check --------------------------------------------------------------------------------------------


def test_check_says_what_the_settings_say(house: Terminal) -> None:
    answer = house.run("diameter", "check", "diameter.toml")
    assert (answer.code, answer.err) == (0, "")
    lines = squeezed(answer.out)
    assert lines[0] == "diameter.toml: we are ocs.example of realm test (Talktime)"
    assert "answering for test; rating groups charged: 100" in lines
    assert "switch.test test 192.0.2.10/32 takes re-authorisation" in lines
    assert "1 test +1206* contoso subscription" in lines
    assert "called +18005550100 conf_in called of the file" in lines
    assert "role terminating user_in shipped" in lines
    told = " ".join(lines[lines.index("What is odd") :])
    sentence = "[[identities]]: tenant fabrikam is not in the ledger; its calls are refused until it is"
    assert told == f"What is odd - {sentence}"


def test_check_finds_the_file_of_the_environment(terminal: Terminal) -> None:
    assert terminal.run("diameter", "check").sentence(2) == (
        "name the settings file, or set TALKTIME_DIAMETER to it"
    )
    answer = terminal.run("diameter", "check", TALKTIME_DIAMETER="diameter.toml")
    assert answer.code == 0
    assert "the tenants were not looked up: the database" in " ".join(squeezed(answer.out))


def test_check_for_programs(house: Terminal) -> None:
    told = house.run("diameter", "check", "diameter.toml", "--json").json
    assert (told["host"], told["realms"], told["rating_groups"], told["tls"]) == (
        "ocs.example",
        ["test"],
        [100],
        None,
    )
    assert told["peers"][0]["takes_reauth"] is True
    assert [rule["tenant"] for rule in told["identities"]] == ["contoso", "fabrikam"]
    assert [rule["shipped"] for rule in told["calls"]].count(False) == 1
    assert len(told["odd"]) == 1


def test_check_with_nothing_odd(house: Terminal) -> None:
    house.write("sound.toml", SETTINGS.replace('fabrikam"', 'contoso"'))
    assert house.run("diameter", "check", "sound.toml").out.rstrip().endswith("Nothing is odd.")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "diameter.toml: cannot be read: No such file or directory"),
        ("[server", "diameter.toml: is not TOML: Expected"),
        (SETTINGS.replace("reauth", "re_auth"), 'diameter.toml: peers[1] "switch.test": unknown key re_auth'),
    ],
)
def test_settings_that_cannot_be_used(terminal: Terminal, text: str | None, sentence: str) -> None:
    if text is None:
        (terminal.folder / "diameter.toml").unlink()
    else:
        terminal.write("diameter.toml", text)
    for words in (("check", "diameter.toml"), ("explain", "ro.pcap", "--settings", "diameter.toml")):
        assert terminal.run("diameter", *words).sentence(1).startswith(sentence)


# --- explain ------------------------------------------------------------------------------------------


def test_a_capture_is_explained_to_people(house: Terminal) -> None:
    answer = house.run("diameter", "explain", "ro.pcap", "--settings", "diameter.toml", COLUMNS="100")
    assert (answer.code, answer.err) == (0, "")
    lines = squeezed(answer.out)
    assert lines[0] == "1 Capabilities-Exchange-Request"
    assert "2 Credit-Control-Request (initial)" in lines
    assert "Requested-Service-Unit" in lines
    assert "CC-Time 30" in lines
    assert "tenant contoso" in lines
    assert f"user {ANA}" in lines
    assert f"from, to {ANA} -> +442079460000" in lines
    assert "category calling_plan_international" in lines
    assert "seconds 28 used since the last report, 30 asked for" in lines
    assert "becomes take a report of 28 s, 30 s asked for" in lines
    assert "why identities[1]: realm test, subscription +1206* -> tenant contoso" in lines
    assert any(": 0.012 USD a minute, 30/6 s" in line for line in lines)
    assert "odd no Auth-Application-Id; the header says 4, and that counts" in lines
    assert lines[-1] == "switch.test;1;1 contoso ended not seen 3 41 s"
    assert max(map(len, answer.out.splitlines())) <= 100


def test_a_capture_is_explained_to_programs(house: Terminal) -> None:
    told = house.run("diameter", "explain", "ro.pcap", "--settings", "diameter.toml", "--json").json
    assert sorted(told) == ["messages", "notes", "sessions", "settings"]
    _, first, second, _ = told["messages"]
    assert (first["from"], first["to"]) == (f"{SWITCH[0]}:{SWITCH[1]}", f"{SERVER[0]}:{SERVER[1]}")
    assert (first["at"], first["flags"], first["session_id"]) == (
        "2026-09-21T14:13:20.002Z",
        ["R", "P"],
        "switch.test;1;1",
    )
    understood = second["understood"]
    assert (understood["tenant"], understood["category"]) == ("contoso", "calling_plan_international")
    assert (understood["used_seconds"], understood["asked_seconds"]) == (28, 30)
    groups = [one["value"] for one in second["avps"] if one["name"] == "Multiple-Services-Credit-Control"]
    assert {"name": "Rating-Group", "value": 100} in groups[0]
    assert told["sessions"] == [
        {
            "session_id": "switch.test;1;1",
            "tenant": "contoso",
            "requests": 3,
            "repeats": 0,
            "used_seconds": 41,
            "state": "ended",
            "results": [],
        }
    ]


@pytest.mark.parametrize(
    ("who", "to", "sentence"),
    [
        (BEN, "+442079460000", "the payer of this call holds no licence to spend credits"),
        (
            "+12065550199",
            "+442079460000",
            "user '+12065550199' is not a user of tenant 'contoso'; the answer is 5030",
        ),
        (ANA, "+33123456789", "no rate of deck"),
        (ANA, "urn:service:sos", "emergency: an emergency call is always free and never refused"),
        ("zoe@fabrikam.example", "+4420", "tenant 'fabrikam' is not in the ledger"),
    ],
)
def test_what_live_charging_would_say_is_said(house: Terminal, who: str, to: str, sentence: str) -> None:
    before = house.files()
    told = house.run(
        "diameter", "explain", requests(who, to)[0].hex(), "--settings", "diameter.toml", "--json"
    ).json
    why = told["messages"][0]["understood"]["why"]
    assert [one for one in why if sentence in one], why
    assert _of_the_ledger(house.files()) == _of_the_ledger(before)


def _of_the_ledger(files: dict[str, bytes]) -> dict[str, bytes]:
    """The database itself; what SQLite keeps beside it while it is read does not count."""
    return {name: content for name, content in files.items() if not name.endswith(("-shm", "-wal"))}


def test_digits_without_settings_and_without_a_ledger(terminal: Terminal) -> None:
    answer = terminal.run("diameter", "explain", " ".join(whole.hex() for whole in requests()))
    assert (answer.code, answer.err) == (0, "")
    lines = squeezed(answer.out)
    assert "why no settings were given, so no rule says whose call it is" in lines
    assert lines[-1] == "switch.test;1;1 - ended not seen 3 41 s"
    assert not (terminal.state / "talktime.db").exists()


def test_without_a_ledger_the_rules_are_asked_all_the_same(terminal: Terminal) -> None:
    out = terminal.run("diameter", "explain", "ro.pcap", TALKTIME_DIAMETER="diameter.toml").out
    assert "tenant contoso" in squeezed(out)
    assert "categories and rates are not told: the database" in " ".join(squeezed(out))
    told = terminal.run("diameter", "explain", "ro.pcap", "--settings", "diameter.toml", "--json").json
    assert told["settings"] == "diameter.toml"
    assert [one["understood"]["category"] for one in told["messages"][1:]] == [None] * 3


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("none.pcap", None, "none.pcap: no such file or directory"),
        ("empty", b"", "empty is empty"),
        ("text.txt", b"hello", "text.txt: 'h' is no hexadecimal digit (character 1)"),
        (
            "other.pcap",
            pcap(stream(b"GET / HTTP/1.1\r\n\r\n")),
            "other.pcap: there is no Diameter message in it",
        ),
        ("bare.pcap", pcap([])[:10], "bare.pcap ends in the header of a pcap file"),
    ],
)
def test_captures_that_cannot_be_used(
    terminal: Terminal, name: str, content: bytes | None, sentence: str
) -> None:
    if content is not None:
        terminal.write(name, content)
    assert terminal.run("diameter", "explain", name).sentence(1) == sentence


def test_text_from_the_network_cannot_harm_a_terminal(terminal: Terminal) -> None:
    whole = Credit(session="s;\u202e1", who="+1206\u200f", more=(b"",)).whole(1)
    answer = terminal.run("diameter", "explain", whole.hex())
    assert answer.code == 0
    assert not set(answer.out) & {"\u202e", "\u200f", "\x1b"}
    told = terminal.run("diameter", "explain", whole.hex(), "--json")
    assert "\u202e" not in told.out
    assert json.loads(told.out)["sessions"][0]["session_id"] == "s;\u202e1"


def test_a_recorded_call_reads_well_in_100_columns(terminal: Terminal, shared_data: Path) -> None:
    recorded = shared_data / "ro" / "kamailio-5.6.3-ccr.jsonl"
    answer = terminal.run("diameter", "explain", recorded, "--settings", "diameter.toml", COLUMNS="100")
    assert (answer.code, answer.err) == (0, "")
    assert max(map(len, answer.out.splitlines())) <= 100
    assert "ctf.test;3259778864;1 - ended not seen 3 41 s" in squeezed(answer.out)
