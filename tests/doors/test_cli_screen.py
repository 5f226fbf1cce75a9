"""What people see: lines of 80 columns, no colour where there is no terminal, the same in plain ASCII."""

import os
import pty
import sys

import pytest

from talktime.demo.folder import write_demo
from tests.doors.made_files import deck, leg, usage
from tests.doors.terminal import WIDTH, Terminal

SCREENS: dict[str, tuple[str, ...]] = {
    "a month with a tenant": ("rate", "usage.csv", "--tenant", "tenant.toml"),
    "a month without": ("rate", "usage.csv"),
    "a balance that runs out": ("rate", "usage.csv", "--balance", "10", "--out", "report.csv"),
    "a demo": ("demo", "--no-serve", "--calls", "100"),
    "a check": ("rates", "check", "bad.csv"),
    "a look-up": ("rates", "lookup", "named.csv", "+447700900000"),
    "a comparison": ("rates", "diff", "sample", "named.csv"),
    "help": ("rate", "--help"),
}
LONG_NAME = "United Kingdom of Great Britain and Northern Ireland, mobile, special services and " * 2


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """A terminal with a month, its tenant and some decks."""
    made = Terminal(tmp_path_factory.mktemp("screen"))
    write_demo(made.folder, calls=600)
    made.write("bad.csv", deck() + "2.77724E+11,0.1,60,60,USD\n44,0.9,60,60,USD\n")
    named = f'44,"{LONG_NAME}",0.02,USD\n447,"{LONG_NAME}",0.03,USD\n'
    made.write("named.csv", "prefix,name,price_per_minute,currency\n" + named)
    return made


@pytest.mark.parametrize("name", SCREENS)
def test_no_line_is_longer_than_80_columns(terminal: Terminal, name: str) -> None:
    answer = terminal.run(*SCREENS[name])
    lines = answer.out.splitlines()
    assert len(lines) > 2
    assert [line for line in lines if len(line) > WIDTH] == []
    assert answer.err == ""


@pytest.mark.parametrize("name", ["a month with a tenant", "a check", "a comparison"])
def test_a_wider_terminal_is_used(terminal: Terminal, name: str) -> None:
    narrow, wide = terminal.run(*SCREENS[name]), terminal.run(*SCREENS[name], COLUMNS="110")
    assert WIDTH < max(len(line.rstrip()) for line in wide.out.splitlines()) <= 110
    assert len(wide.out.splitlines()) < len(narrow.out.splitlines())


def test_every_call_can_be_explained_in_80_columns(terminal: Terminal) -> None:
    terminal.run(*SCREENS["a month with a tenant"])
    several = terminal.run("explain", "0").err.splitlines()
    assert [line for line in several if len(line) > WIDTH] == []
    ids = [line.strip() for line in several[1:-1] if not line.startswith(" ")]
    assert len(ids) == 20
    for id_ in ids:
        answer = terminal.run("explain", id_)
        assert answer.out.startswith(f"Call {id_}: ")
        assert [line for line in answer.out.splitlines() if len(line) > WIDTH] == []


@pytest.mark.parametrize("name", SCREENS)
def test_there_are_no_escape_codes_where_there_is_no_terminal(terminal: Terminal, name: str) -> None:
    answer = terminal.run(*SCREENS[name], TERM="xterm-256color", COLORTERM="truecolor")
    assert "\x1b" not in answer.out + answer.err


def test_the_screen_says_what_a_reader_asks(terminal: Terminal) -> None:
    said = terminal.run(*SCREENS["a month with a tenant"]).out
    assert said.startswith("Contoso Ltd (contoso)\n")
    parts = ("usage calling_plans_25", "deck sample ", "SAMPLE PRICES", "answered", "price of the calls")
    headings = ("= closing balance", "category", "Balance, USD", "Included minutes", "Credits, USD")
    for part in (*parts, *headings, "What to look at"):
        assert part in said


def test_the_sums_on_the_screen_are_those_of_the_json(terminal: Terminal) -> None:
    words = SCREENS["a balance that runs out"]
    told = terminal.run(*words, "--json").json
    lines = [line.split() for line in terminal.run(*words).out.splitlines()]
    (price,) = (line[-1] for line in lines if line[:4] == ["price", "of", "the", "calls"])
    (blocked,) = (line[1] for line in lines if line[:1] == ["blocked"])
    (closing,) = (line[-1] for line in lines if line[:3] == ["=", "closing", "balance"])
    assert float(price) == float(told["amount"]) > 0
    assert int(blocked) == told["blocked_calls"] > 0
    assert float(closing) == float(told["closing_balance"])


def test_plain_ascii_where_the_output_can_show_no_more(terminal: Terminal) -> None:
    ascii_only = terminal.run(*SCREENS["a month with a tenant"], encoding="ascii")
    assert (ascii_only.code, ascii_only.err) == (0, "")
    assert ascii_only.out.isascii()
    assert "#####" in ascii_only.out
    terminal.write("names.csv", usage(leg("ü-1", UPN="jürgen@contoso.example")))
    assert terminal.run("rate", "names.csv", "--json", encoding="ascii").json["calls"] == 1
    assert terminal.run("explain", "ü-1", "--json", encoding="ascii").json["id"] == "ü-1"
    assert terminal.run("explain", "ü-1", encoding="ascii").out.startswith("Call ?-1: charged")
    assert terminal.run("explain", "\u5c71", encoding="ascii").code == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pseudo-terminal on this system")
def test_a_terminal_gets_colours(terminal: Terminal) -> None:
    ours, theirs = pty.openpty()
    running = terminal.start(*SCREENS["a month without"], stdout=theirs)
    os.close(theirs)
    seen = b""
    try:
        while block := os.read(ours, 65_536):
            seen += block
    except OSError:  # how Linux says that nobody is at the other end any more
        pass
    finally:
        os.close(ours)
    assert running.communicate(timeout=60)[1] == b""
    assert running.returncode == 0
    assert b"\x1b[1m" in seen
