"""`talktime explain`: one call by its id or its beginning, of the last run or of a report."""

import pytest

from tests.doors.made_files import FRANCE, deck, leg, licence, purchase, toml, usage, user
from tests.doors.reports import Row, parquet_rows
from tests.doors.terminal import Terminal

STEPS = ["call", "category", "rate", "billed", "included_minutes", "amount", "funding", "balance"]


@pytest.fixture
def charged(terminal: Terminal) -> Terminal:
    """A terminal with a last run: a call half by a pool, one by credits, one blocked."""
    terminal.write(
        "tenant.toml",
        toml("GB")
        + licence("MCOPSTN8", 1)
        + licence("MCOPSTNC", 1)
        + purchase("2026-03-01T00:00:00Z", "50")
        + user("ana@contoso.example", "MCOPSTN8", "MCOPSTNC", location="GB"),
    )
    home = {"User Location": "GB"}
    terminal.write(
        "usage.csv",
        usage(
            leg("8f1c-0001", seconds=121 * 60) | home | {"Domestic/International": "Domestic"},
            leg("8f1c-0002", start="2026-03-03T12:00:00Z", callee=FRANCE) | home,
            leg("77aa-0003", start="2026-03-04T12:00:00Z", UPN="guest@contoso.example") | home,
        ),
    )
    terminal.write("deck.csv", deck())
    words = ("rate", "usage.csv", "--rates", "deck.csv", "--tenant", "tenant.toml")
    assert terminal.run(*words, "--out", "report.parquet").code == 0
    return terminal


def row_of(terminal: Terminal, id_: str) -> Row:
    return next(row for row in parquet_rows(terminal.folder / "report.parquet") if row["id"] == id_)


@pytest.mark.parametrize("name", ["8f1c-0001", "call-8f1c-0001", "8f1c-0001 "])
def test_a_call_by_its_id_or_call_id(charged: Terminal, name: str) -> None:
    answer = charged.run("explain", name)
    assert (answer.code, answer.err) == (0, "")
    said = " ".join(answer.out.split())
    assert said.startswith("Call 8f1c-0001: charged, 0.02 USD")
    for reason in (
        "ana@contoso.example: +14255550100 to +442071838750",
        "Category calling_plan_domestic",
        "prefix 44",
        "7260 s are billed as 7260 s (121 min)",
        "Included minutes paid for the first 7200 s (120 min)",
        "60 s at 0.02/min = 0.02 USD",
        "0.02 by credits",
        "The balance after it was 49.98 USD",
    ):
        assert reason in said


def test_a_unique_beginning_will_do(charged: Terminal) -> None:
    assert charged.run("explain", "77").out.startswith("Call 77aa-0003: blocked")
    assert "not_licensed" in charged.run("explain", "77").out


def test_several_calls_are_listed_and_none_is_explained(charged: Terminal) -> None:
    for words in (("explain", "8f"), ("explain", "8f", "--json")):
        answer = charged.run(*words)
        assert (answer.code, answer.out) == (1, "")
        assert "8f names 2 calls; explain one of them by its id" in answer.err
        assert "8f1c-0001" in answer.err
        assert "8f1c-0002" in answer.err
        assert "77aa-0003" not in answer.err


def test_more_calls_than_fit_are_counted(terminal: Terminal) -> None:
    terminal.write("usage.csv", usage(*(leg(f"x{n:03}") for n in range(50))))
    terminal.run("rate", "usage.csv", "--json")
    answer = terminal.run("explain", "x")
    assert "x names 50 calls" in answer.err
    assert "and 30 more" in answer.err
    assert all(len(line.rstrip()) <= 80 for line in answer.err.splitlines())


@pytest.mark.parametrize("name", ["zz", "", " ", "8f1c-0001x", "%", "[", "*"])
def test_an_unknown_call_is_told(charged: Terminal, name: str) -> None:
    said = charged.run("explain", name).sentence(1)
    assert said.startswith(f"no call {name!r} in ")
    assert said.endswith("give its id or call id, or how one of them begins")


def test_as_json(charged: Terminal) -> None:
    told = charged.run("explain", "8f1c-0001", "--json").json
    row = row_of(charged, "8f1c-0001")
    assert (told["id"], told["call_id"], told["state"]) == ("8f1c-0001", "call-8f1c-0001", "charged")
    assert (told["amount"], told["currency"]) == ("0.02", "USD")
    assert [step["step"] for step in told["steps"]] == STEPS
    steps = {step["step"]: step for step in told["steps"]}
    assert steps["rate"]["prefix"] == row["prefix"] == "44"
    assert steps["rate"]["price_per_minute"] == "0.02"
    assert steps["billed"]["billed_seconds"] == row["billed_seconds"] == 7260
    assert steps["included_minutes"]["pool_seconds"] == row["pool_seconds"] == 7200
    assert steps["amount"]["paid_seconds"] == row["paid_seconds"] == 60
    assert [lot["amount"] for lot in steps["funding"]["lots"]] == ["0.02"]
    assert steps["balance"]["balance_after"] == "49.98"


def test_a_named_report_is_explained_as_the_last_run_is(charged: Terminal) -> None:
    last = charged.run("explain", "8f1c-0002", "--json").json
    assert charged.run("explain", "8f1c-0002", "--json", "--run", "report.parquet").json == last
    charged.write("other.csv", usage(leg("other")))
    charged.run("rate", "other.csv", "--json")
    assert charged.run("explain", "8f1c-0002").code == 1  # the last run is another one now
    assert charged.run("explain", "8f1c-0002", "--json", "--run", "report.parquet").json == last


def test_a_refused_run_leaves_the_last_run_alone(charged: Terminal) -> None:
    charged.write("empty.csv", "")
    assert charged.run("rate", "empty.csv").code == 1
    assert charged.run("explain", "8f1c-0002").code == 0


def test_without_a_last_run(terminal: Terminal) -> None:
    said = terminal.run("explain", "x").sentence(2)
    assert said == "there is no last run to explain; run `talktime rate` first, or name a report with --run"


@pytest.mark.parametrize(
    ("name", "content", "code", "words"),
    [
        ("gone.parquet", None, 2, "no such file"),
        ("report.csv", b"id,start\n", 1, "is no Parquet file"),
        ("half.parquet", b"PAR1\x15\x04\x15", 1, "is no Parquet file"),
        ("empty.parquet", b"", 1, "is no Parquet file"),
    ],
)
def test_what_is_no_report_is_told(
    terminal: Terminal, name: str, content: bytes | None, code: int, words: str
) -> None:
    if content is not None:
        terminal.write(name, content)
    assert words in terminal.run("explain", "x", "--run", name).sentence(code)


def test_a_damaged_last_run_is_told(charged: Terminal) -> None:
    kept = charged.state / "last-run.parquet"
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-100])
    assert "is no Parquet file" in charged.run("explain", "8f1c-0001").sentence(1)
    kept.write_bytes(whole[:4] + bytes(2_000) + whole[2_004:])
    assert "is damaged; rate the files again" in charged.run("explain", "8f1c-0001").sentence(1)
