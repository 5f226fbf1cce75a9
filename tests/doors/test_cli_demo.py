"""`talktime`, `--help`, `--version` and `demo`: what a newcomer types first."""

import re
import socket
import subprocess
import sys
import time
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from talktime.demo.folder import CALLS
from tests.doors.reports import excel_table
from tests.doors.terminal import PATIENCE_S, SOURCES, Terminal, ended

HEAVY = ("polars", "pyarrow", "numba", "numpy", "phonenumbers", "fastexcel", "xlsxwriter")
COMMANDS = tuple(
    "rate plan explain demo serve verify import rerate rates db tenant user licence number credits recharge"
    " eligibility notice ticket keys people decks diameter".split()
)
FILES = {"tenant.toml", "usage.csv", "usage-graph.json", "Export.callingplans.5b0c1d7e.zip", "report.xlsx"}

PROGRAM = f"""
import sys
sys.argv = ["talktime", *sys.argv[1:]]
from talktime.doors.cli.main import app
from talktime.doors.cli.problems import guarded
code = guarded(app)
print(code, sorted(name for name in {HEAVY} if name in sys.modules), file=sys.stderr)
"""

# --- help ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("rate", "--help"), ("rates", "diff", "-h")])
def test_help_loads_no_column_library(words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env={"PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr.split("\n")[-2] == "0 []"
    assert done.stdout


def test_help_names_the_commands(terminal: Terminal) -> None:
    answer = terminal.run("--help")
    assert (answer.code, answer.err) == (0, "")
    listed = [line.split()[0] for line in answer.out.partition("Commands:\n")[2].splitlines() if line.strip()]
    assert tuple(listed) == COMMANDS


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (
            ("rate",),
            "--rates --tenant --balance --recharge-add --recharge-below --treat-as --currency --map --column "
            "--preset --out --work --engine --master --json",
        ),
        (
            ("plan",),
            "--tenant --rates --prices --balance --confidence --lead-hours --payments-a-month --months-ahead"
            " --no-plans --scenario --best --out --currency --map --column --preset --json",
        ),
        (("explain",), "--run --tenant --database --json"),
        (("demo",), "--no-serve --folder --month --calls --seed --port"),
        (("verify",), "--database --checkpoints --json"),
        (("db", "upgrade"), "--database"),
        (("db", "revision"), "--database --json"),
        (("db", "backup"), "--database"),
        (("db", "restore"), "--database --force"),
        (("db", "checkpoint"), "--database"),
        (("rates", "check"), "--json"),
        (("rates", "lookup"), "--category --number-type --direction --origin --at --json"),
        (("rates", "diff"), "--json"),
        (("tenants", "add"), "--database"),
        (("tenants", "list"), "--database --json"),
        (("keys", "add"), "--live --management --tenant --database"),
        (("keys", "list"), "--database --json"),
        (("keys", "revoke"), "--database"),
        (("people", "invite"), "--name --role --partner --tenant --database --json"),
        (("people", "list"), "--database --json"),
        (("people", "disable"), "--database --json"),
        (("people", "sign-out"), "--database --json"),
        (("decks", "add"), "--database"),
        (("decks", "list"), "--database --json"),
        (("decks", "bind"), "--tenant --from --database"),
    ],
)
def test_help_of_a_command_names_its_options(
    terminal: Terminal, command: tuple[str, ...], options: str
) -> None:
    answer = terminal.run(*command, "--help")
    assert (answer.code, answer.err) == (0, "")
    told = answer.out.partition("Options:\n")[2]
    assert [option for option in options.split() if option not in told] == []
    assert max(len(line) for line in answer.out.splitlines()) <= 80


def test_version(terminal: Terminal) -> None:
    answer = terminal.run("--version")
    stated = tomllib.loads((SOURCES.parent / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert (answer.code, answer.out, answer.err) == (0, f"talktime {stated}\n", "")


@pytest.mark.parametrize(
    "words",
    [(), ("rates",), ("nothing",), ("rate",), ("rate", "x", "--nothing"), ("demo", "--calls", "many")],
)
def test_wrong_words_are_exit_code_2(terminal: Terminal, words: tuple[str, ...]) -> None:
    answer = terminal.run(*words)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(
        " ".join(["Usage: talktime", *[word for word in words[:1] if word in COMMANDS]])
    )
    assert "Traceback" not in answer.err


# --- demo ------------------------------------------------------------------------------------------------


def test_the_demo_writes_its_files_and_says_what_to_try(terminal: Terminal) -> None:
    answer = terminal.run("demo", "--no-serve", "--calls", "300")
    assert (answer.code, answer.err) == (0, "")
    assert {path.name for path in (terminal.folder / "demo").iterdir()} == FILES
    assert "Contoso Ltd (contoso)" in answer.out
    assert "Try next" in answer.out
    calls = {
        line[0]: line[1] for line in excel_table(terminal.folder / "demo/report.xlsx", "summary", "calls")
    }
    assert calls["all"] == "300"


def test_what_the_demo_says_to_try_works(terminal: Terminal) -> None:
    said = terminal.run("demo", "--no-serve", "--calls", "200").out.partition("Try next")[2]
    commands = [line.split()[1:] for line in said.splitlines() if line.strip().startswith("talktime ")]
    assert [words[0] for words in commands] == ["rate", "rate", "plan", "explain", "rates"]
    explain_first = sorted(commands, key=lambda words: words[0] != "explain")  # `rate` keeps another last run
    assert [terminal.run(*words).code for words in explain_first] == [0] * 5


def test_the_same_words_make_the_same_bytes(tmp_path: Path) -> None:
    said = []
    made = []
    for number in range(2):
        base = tmp_path / str(number)
        base.mkdir()
        terminal = Terminal(base)
        said.append(terminal.run("demo", "--no-serve", "--calls", "150", "--seed", "7").out)
        files = terminal.files()
        calls = excel_table(terminal.folder / "demo/report.xlsx", "calls", "id")
        made.append(({n: c for n, c in files.items() if n.startswith("work/") and "report" not in n}, calls))
    assert said[0] == said[1]
    assert made[0] == made[1]
    assert len(made[0][0]) == 4


def test_seed_month_and_folder_are_taken(terminal: Terminal) -> None:
    words = ("demo", "--no-serve", "--calls", "150")
    first = terminal.run(*words, "--folder", "first").out
    second = terminal.run(*words, "--folder", "a/b/second", "--seed", "2", "--month", "2027-02").out
    assert "calls of 2026-03-" in first
    assert "calls of 2027-02-" in second
    assert {path.name for path in (terminal.folder / "a/b/second").iterdir()} == FILES


def test_the_demo_has_3000_calls() -> None:
    assert CALLS == 3_000


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--month", "2026-13"), 2, "'2026-13' is no month; write year and month, such as 2026-03"),
        (("--month", "1200-01"), 2, "'1200-01' is no month"),
        (("--folder", "taken"), 1, "taken: the demo cannot be written there"),
        (("--folder", "taken/below"), 1, "taken/below: the demo cannot be written there"),
    ],
)
def test_a_demo_that_cannot_be_made_is_told(
    terminal: Terminal, words: tuple[str, ...], code: int, said: str
) -> None:
    terminal.write("taken", "a file")
    before = terminal.files()
    assert terminal.run("demo", "--no-serve", *words).sentence(code).startswith(said)
    assert terminal.files() == before


# --- the demo served -------------------------------------------------------------------------------------


def free_port() -> int:
    """A port that is free, as the one after it is."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


def wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert process.poll() is None, "the server ended"
        assert time.monotonic() < until_s, "the server did not begin"
        time.sleep(0.05)


def pasted(said: str, key: str) -> list[dict[str, Any]]:
    """What start, extend and end answer as the demo says to send them."""
    shown = re.findall(r"\"(http://[^\"]+)\" -d '([^']+)'", said)
    with httpx.Client(headers={"Authorization": f"Bearer {key}"}) as client:
        return [
            client.post(address.replace("$CALL", "demo-1"), content=body).json() for address, body in shown
        ]


def asked(port: int, key: str, path: str) -> dict[str, Any]:
    """What the API answers."""
    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx.get(f"http://127.0.0.1:{port}{path}", headers=headers, timeout=PATIENCE_S)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert isinstance(found, dict)
    return found


def served(terminal: Terminal, *words: str) -> str:
    """What `talktime demo` says up to where it would serve: the port of the API is taken."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        answer = terminal.run("demo", "--port", str(taken.getsockname()[1]), *words)
    assert (answer.code, answer.err.count("\n")) == (1, 1), answer.err
    assert "cannot listen" in answer.err
    return answer.out


@pytest.fixture
def begun(terminal: Terminal) -> str:
    """What was said when the demo was begun in this terminal; its server has ended."""
    return served(terminal, "--calls", "200")


def test_the_demo_is_served_and_what_it_says_to_paste_works(terminal: Terminal) -> None:
    port = free_port()
    out = terminal.folder / "said"
    with out.open("wb") as file:
        process = terminal.start("demo", "--calls", "200", "--port", str(port), stdout=file.fileno())
    try:
        for served in (port, port + 1):  # the live process and the admin process
            wait_until_ready(process, f"http://127.0.0.1:{served}")
        place = terminal.state / "first-key"
        key = place.read_text().strip()
        overview = asked(port, key, "/v1/tenants/contoso/overview")
        started, extended, settled = pasted(out.read_text(), key)
    finally:
        process.terminate()
        answer = ended(process)
    assert (answer.code, answer.err) == (0, "")
    assert place.stat().st_mode & 0o077 == 0
    said = out.read_text()
    assert str(place) in said
    assert key not in said
    assert (started["decision"], extended["authorised_seconds"]) == ("allow", 660)
    assert settled["billed_seconds"] == 120
    assert "Ledger: tenant contoso" in terminal.run("explain", "demo-1").out
    assert terminal.run("verify").code == 0
    # What stands on the screen above is what Home shows: the closing balance of the charged files.
    assert re.search(rf"= closing balance +{re.escape(overview['balance'])}0*\n", said)
    assert Decimal(overview["spend"]["before"]) > 0
    assert overview["runway_days"] is not None


def test_the_links_of_the_served_demo_say_for_whom_they_are(begun: str) -> None:
    assert (
        "The admin center of Contoso Ltd: open this and choose a password for admin@contoso.example." in begun
    )
    assert "for whoever runs Talktime" in begun


@pytest.mark.usefixtures("begun")
def test_a_second_demo_goes_on_where_the_first_one_ended(terminal: Terminal) -> None:
    first = terminal.run("import", terminal.state / "last-run.parquet", "--json").json
    assert (first["booked"], first["already_booked"]) == (0, first["rows_to_charge"])
    assert "goes on from there" in served(terminal, "--calls", "7", "--seed", "9")
    second = terminal.run("import", terminal.state / "last-run.parquet", "--json").json
    assert (second["booked"], second["already_booked"]) == (0, second["rows_to_charge"])
    assert second["rows"] >= first["rows"]
    assert terminal.run("verify").code == 0


def test_a_tenant_of_that_name_that_is_not_the_demo_stays_as_it_is(terminal: Terminal) -> None:
    terminal.write("own.toml", '[tenant]\nid = "contoso"\nname = "Ours"\ncountry = "US"\ncurrency = "USD"\n')
    assert terminal.run("tenant", "add", "own.toml").code == 0
    before = terminal.run("credits", "show", "--json").json
    assert "not from here; it stays as it is" in served(terminal, "--calls", "50")
    assert terminal.run("credits", "show", "--json").json == before


@pytest.mark.parametrize("month", ["2019-01", "2999-01"])
def test_what_is_served_goes_on_until_now(terminal: Terminal, month: str) -> None:
    sentence = terminal.run("demo", "--month", month).sentence(2)
    assert sentence.startswith(f"--month {month}: what is served goes on until now; name a month from ")
    assert terminal.files() == {}
