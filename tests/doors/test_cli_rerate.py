"""`talktime rerate` on the terminal: what it shows, what `--yes` books, and what it refuses."""

import sqlite3
from contextlib import closing

import pytest

from talktime.live.rerate import Corrected, Correction, Rerate
from tests.doors.made_files import FRANCE, deck, leg, purchase, toml, usage, user
from tests.doors.terminal import Terminal
from tests.doors.test_cli_import import ANA, ago

PEOPLE = user(ANA, "MCOPSTNC") + purchase(ago(30), "50")
LEGS = [leg("a", ago(6), 100), leg("b", ago(5), 30, FRANCE), leg("c", ago(4), 61)]


@pytest.fixture
def booked(terminal: Terminal) -> Terminal:
    """A terminal whose ledger holds three imported calls: 0.04, 0.05 and 0.04."""
    terminal.write("usage.csv", usage(*LEGS))
    terminal.write("deck.csv", deck())
    terminal.write("dearer.csv", deck({"44": "0.03"}))
    terminal.write("tenant.toml", toml() + PEOPLE)
    words = ("--tenant", "tenant.toml", "--rates", "deck.csv", "--out", "rated.parquet")
    assert terminal.run("rate", "usage.csv", *words).code == 0
    assert terminal.run("tenants", "add", "tenant.toml").code == 0
    assert terminal.run("import", "rated.parquet").code == 0
    return terminal


def balance(terminal: Terminal) -> str:
    text = terminal.run("tenants", "list", "--json").json["tenants"][0]["balance"]
    assert isinstance(text, str)
    return text


def test_a_dry_run_is_what_yes_then_books(booked: Terminal) -> None:
    dry = booked.run("rerate", "--rates", "dearer.csv", "--json").json
    assert balance(booked) == "49.87"
    assert {
        name: dry[name] for name in ("calls", "equal", "corrected", "without_rate", "changed_meanwhile")
    } == {
        "calls": 3,
        "equal": 0,
        "corrected": 2,
        "without_rate": 1,
        "changed_meanwhile": 0,
    }
    assert (dry["old"], dry["new"], dry["difference"]) == ("0.08", "0.12", "0.04")
    assert dry["by_category"] == [
        {
            "tenant": "contoso",
            "category": "calling_plan_international",
            "calls": 2,
            "old": "0.08",
            "new": "0.12",
            "difference": "0.04",
        }
    ]
    assert dry["balances"] == [{"tenant": "contoso", "before": "49.87", "after": "49.83"}]
    assert [call["call"] for call in dry["largest"]] == ["a", "c"]
    assert [call["call"] for call in dry["calls_without_rate"]] == ["b"]
    real = booked.run("rerate", "--rates", "dearer.csv", "--yes", "--reason", "late deck", "--json").json
    assert real | {"dry_run": True} == dry
    assert balance(booked) == "49.83"
    assert booked.run("rerate", "--rates", "dearer.csv", "--yes", "--json").json["corrected"] == 0
    assert booked.run("verify").code == 0
    with closing(sqlite3.connect(booked.state / "talktime.db")) as connection:
        (said,) = connection.execute("select what from audit where what like 'calls%'").fetchall()
    assert said[0].startswith("calls re-rated with deck ")
    assert said[0].endswith(" (made): late deck")


def test_the_report_for_people(booked: Terminal) -> None:
    answer = booked.run("rerate", "--rates", "dearer.csv")
    assert (answer.code, answer.err) == (0, "")
    told = " ".join(answer.out.split())
    for words in (
        "Deck made ",
        "3 paid calls priced anew; 2 would be corrected; 0 equal; 1 without a rate, left as they are.",
        "contoso calling_plan_international 2 0.08 0.12 0.04",
        "a of contoso, ",
        "120 s; 0.04, now 0.06 (0.02)",
        "contoso 49.87 49.83 -0.04",
        f"contoso b to {FRANCE}",
        "Nothing was booked; the same command with --yes books it.",
    ):
        assert words in told, words
    done = " ".join(booked.run("rerate", "--rates", "dearer.csv", "--yes").out.split())
    assert "2 corrected" in done
    assert "Nothing was booked" not in done


def test_the_explanation_tells_the_correction(booked: Terminal) -> None:
    assert booked.run("rerate", "--rates", "dearer.csv", "--yes").code == 0
    (booked.state / "last-run.parquet").unlink()
    told = " ".join(booked.run("explain", "a").out.split())
    assert told.startswith("Call a: charged, 0.06 USD")
    assert "120 s at 0.03/min = 0.06 USD" in told
    assert "Flagged rerated: the call was priced anew with another deck." in told
    assert "Charge 4 of " in told
    assert "replaces charge 1 of 0.04 USD (120 s billed): the difference of 0.02 was booked." in told


def test_a_call_that_changed_meanwhile_is_no_success(
    booked: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rerate, "decide", lambda *_: Correction(Corrected.CHANGED))
    answer = booked.run("rerate", "--rates", "dearer.csv", "--yes")
    assert answer.code == 1
    assert "2 changed meanwhile: start again" in " ".join(answer.out.split())


def test_a_database_that_is_not_there_is_not_made(booked: Terminal) -> None:
    words = ("--rates", "dearer.csv", "--database", "sqlite:///typo.db")
    said = booked.run("rerate", *words).sentence(2)
    assert said == "there is no database at typo.db; see --database"
    assert not (booked.folder / "typo.db").exists()


def test_only_some_calls(booked: Terminal) -> None:
    def corrected(*words: str) -> int:
        told = booked.run("rerate", "--rates", "dearer.csv", "--json", *words).json["corrected"]
        assert isinstance(told, int)
        return told

    assert corrected("--from", ago(4)) == 1
    assert corrected("--until", ago(4)) == 1
    assert corrected("--tenant", "contoso") == 2
    assert corrected("--month", "2001-01") == 0
    months = {ago(hours)[:7] for hours in (4, 6)}
    assert sum(corrected("--month", month) for month in months) == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--yes", "--dry-run"), 2, "--yes and --dry-run do not go together"),
        (("--month", "2026-13"), 2, "--month '2026-13': write a month such as 2026-03"),
        (("--month", "March"), 2, "--month 'March': write a month such as 2026-03"),
        (("--month", "2026-03", "--from", "2026-03-01"), 2, "--month does not go together with --from"),
        (("--from", "soon"), 2, "--from: "),
        (("--from", "2026-03-02T00:00:00Z", "--until", "2026-03-01T00:00:00Z"), 2, "--until must be later"),
        (("--tenant", "nobody"), 1, "there is no tenant 'nobody' in the ledger"),
        (
            ("--rates", "euro.csv", "--tenant", "contoso"),
            1,
            "tenant contoso is charged in USD, deck made is in EUR",
        ),
        (("--rates", "none.csv"), 2, "deck 'none.csv': no such file"),
        (("--database", "mysql://h/n"), 2, "the database mysql:... is none that Talktime knows"),
    ],
)
def test_wrong_use_is_one_sentence(booked: Terminal, words: tuple[str, ...], code: int, said: str) -> None:
    booked.write("euro.csv", deck(currency="EUR"))
    rates = () if "--rates" in words else ("--rates", "dearer.csv")
    assert booked.run("rerate", *rates, *words).sentence(code).startswith(said)
    assert balance(booked) == "49.87"
