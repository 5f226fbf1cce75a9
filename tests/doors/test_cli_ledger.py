"""`talktime verify` and `talktime db ...` on the terminal: what they say and how they end."""

import json
import sqlite3
from contextlib import closing

import pytest

from talktime.doors.http.daily_heads import DailyHeads
from talktime.ledger.checkpoints import own_folder
from talktime.ledger.database import open_url
from tests.doors.terminal import Terminal
from tests.ledger.filled import fill

RIGHT = "3 tenants, 16 entries, 10 charges, 11 sessions: all is as the journal says\n"


@pytest.fixture
def filled(terminal: Terminal) -> Terminal:
    """A terminal whose own database is filled."""
    assert terminal.run("db", "upgrade").code == 0
    fill(f"sqlite:///{terminal.state / 'talktime.db'}")
    return terminal


def change(terminal: Terminal, statement: str) -> None:
    with closing(sqlite3.connect(terminal.state / "talktime.db", isolation_level=None)) as connection:
        connection.execute(statement)


def test_a_right_ledger_is_exit_code_0(filled: Terminal) -> None:
    answer = filled.run("verify")
    assert (answer.code, answer.out, answer.err) == (0, RIGHT, "")
    assert filled.run("verify", "--json").json == {
        "tenants": 3,
        "entries": 16,
        "charges": 10,
        "sessions": 11,
        "checkpoints": 0,
        "found": 0,
        "differences": [],
    }


def test_a_wrong_one_is_exit_code_1_and_says_why(filled: Terminal) -> None:
    change(filled, "update wallets set balance = 7 where tenant = 'mca'")
    answer = filled.run("verify")
    assert (answer.code, answer.err) == (1, "")
    assert answer.out.splitlines() == [
        "3 tenants, 16 entries, 10 charges, 11 sessions: 1 difference",
        "  tenant 'mca': balance of the wallet: stored 7, rebuilt 0",
    ]
    answer = filled.run("verify", "--json")
    assert (answer.code, answer.err) == (1, "")
    told = json.loads(answer.out)
    assert told["found"] == 1
    assert told["differences"] == [
        {"tenant": "mca", "what": "balance of the wallet", "stored": "7", "rebuilt": "0"}
    ]


def test_of_many_differences_the_first_are_shown(filled: Terminal) -> None:
    change(filled, "update charges set amount = 7, credits = 8, post_usage = 9, overdraft = 10, pool_s = 1")
    lines = filled.run("verify").out.splitlines()
    assert len(lines) == 22
    assert lines[-1].startswith("  and ")
    assert lines[-1].endswith(" more; --json lists up to 1,000")


def test_checkpoints_are_written_and_compared(filled: Terminal) -> None:
    assert filled.run("db", "checkpoint", "heads").code == 0
    (name,) = [path.name for path in (filled.folder / "heads").iterdir()]
    answer = filled.run("verify", "--checkpoints", "heads")
    assert (answer.code, answer.out) == (0, f"{RIGHT}compared with 1 checkpoint, the newest {name}\n")
    change(filled, "delete from journal where tenant = 'mca' and number = 3")
    answer = filled.run("verify", "--checkpoints", "heads")
    assert answer.code == 1
    assert f"entry 3 of the checkpoint {name}" in answer.out


def test_the_checkpoint_of_the_day_is_compared_unless_others_are_given(filled: Terminal) -> None:
    url = open_url(f"sqlite:///{filled.state / 'talktime.db'}")
    daily = DailyHeads(url, own_folder(filled.state, url), lambda: 1_772_366_400_000_000)
    path = daily.write_if_due()
    assert path is not None
    assert daily.write_if_due() is None
    answer = filled.run("verify")
    assert (answer.code, answer.out) == (0, f"{RIGHT}compared with 1 checkpoint, the newest {path.name}\n")
    change(filled, "delete from journal where tenant = 'mca' and number = 3")
    assert f"entry 3 of the checkpoint {path.name}" in filled.run("verify").out
    assert filled.run("db", "upgrade", "--database", "sqlite:///other.db").code == 0
    other = filled.run("verify", "--database", "sqlite:///other.db")
    assert (other.code, "checkpoint" in other.out) == (0, False)


def test_the_schema_is_made_and_told(terminal: Terminal) -> None:
    before = terminal.run("db", "revision")
    assert (before.code, before.err) == (1, "")
    assert "stands at step empty, the newest is " in before.out
    assert "(before: empty)" in terminal.run("db", "upgrade").out
    assert "the newest; nothing to do" in terminal.run("db", "upgrade").out
    after = terminal.run("db", "revision", "--json").json
    assert after["current"] == after["newest"]
    assert terminal.run("verify").out.startswith("0 tenants, 0 entries")


def test_the_database_is_that_of_the_option_then_of_the_environment(terminal: Terminal) -> None:
    assert terminal.run("db", "upgrade", TALKTIME_DATABASE="sqlite:///one.db").code == 0
    words = ("db", "upgrade", "--database", "sqlite:///two.db")
    assert terminal.run(*words, TALKTIME_DATABASE="sqlite:///three.db").code == 0
    assert {path.name for path in terminal.folder.iterdir()} == {"one.db", "two.db"}
    assert not terminal.state.exists()


def test_backup_and_restore(filled: Terminal) -> None:
    answer = filled.run("db", "backup", "copy.db")
    assert (answer.code, answer.out) == (0, f"backup copy.db: {RIGHT}")
    assert "exists already" in filled.run("db", "backup", "copy.db").sentence(2)
    assert "--force replaces it" in filled.run("db", "restore", "copy.db").sentence(2)
    change(filled, "update wallets set balance = 7 where tenant = 'mca'")
    assert filled.run("db", "backup", "wrong.db").code == 1
    answer = filled.run("db", "restore", "copy.db", "--force")
    assert answer.code == 0
    assert "the ledger that was there is " in answer.out
    assert filled.run("verify").out == RIGHT
    assert filled.run("db", "restore", "wrong.db", "--database", "sqlite:///other.db").code == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("verify",), "is empty; run `talktime db upgrade`"),
        (("verify", "--database", "mysql://h/n"), "mysql:... is none that Talktime knows"),
        (
            ("db", "backup", "b", "--database", "postgresql://u@h/n"),
            "is on PostgreSQL; back it up with its own",
        ),
        (
            ("db", "restore", "b", "--database", "postgresql://u@h/n"),
            "is on PostgreSQL; restore it with its own",
        ),
        (("db", "restore", "none"), "there is no backup at none"),
        (("db", "checkpoint", "heads"), "is empty; run `talktime db upgrade`"),
        (("verify", "--checkpoints", "none"), "none holds no checkpoint"),
    ],
)
def test_wrong_use_is_one_sentence(terminal: Terminal, words: tuple[str, ...], said: str) -> None:
    assert said in terminal.run(*words).sentence(2)
