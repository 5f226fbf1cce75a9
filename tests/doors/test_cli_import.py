"""`talktime import` on the terminal: from a usage file to the ledger, and what it says on the way."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl
import pyarrow.parquet as pq
import pytest

from talktime.files.read_rated import TENANT
from talktime.files.report import DOCUMENT_KEY
from talktime.live.answers import Allowed, Settled
from talktime.live.operations import EndCall, StartCall
from tests.doors.made_files import FRANCE, deck, leg, purchase, toml, usage, user
from tests.doors.terminal import Terminal
from tests.doors.test_cli_readme import blocks, commands
from tests.ledger.filled import desk_on

ANA = "ana@contoso.example"
NOW: Final = datetime.now(UTC).replace(microsecond=0)
"""The ledger's clock is the real one: what is bought must not have expired, a live call has just been."""


def ago(hours: float) -> str:
    """An instant so many hours ago."""
    return (NOW - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


PEOPLE = user(ANA, "MCOPSTN1", "MCOPSTNC") + purchase(ago(30), "50")
LEGS = [
    leg("a", ago(6), 100),
    leg("b", ago(5), 30, FRANCE),
    leg("c", ago(4), 61, "+12065550123"),
    leg("c", ago(4), 61, "+12065550123"),
    leg("d", ago(3), 61, "+81312345678"),
    leg("e", ago(2), 0),
]


@pytest.fixture
def rated(terminal: Terminal) -> Terminal:
    """A terminal with rated calls as `rated.parquet` and `rated.csv`, and their tenant in the ledger."""
    terminal.write("usage.csv", usage(*LEGS))
    terminal.write("deck.csv", deck())
    terminal.write("tenant.toml", toml() + PEOPLE)
    for name in ("rated.parquet", "rated.csv"):
        words = ("--tenant", "tenant.toml", "--rates", "deck.csv", "--out", name)
        assert terminal.run("rate", "usage.csv", *words).code == 0
    assert terminal.run("tenants", "add", "tenant.toml").code == 0
    return terminal


def test_a_month_is_booked_once_and_the_ledger_is_right(rated: Terminal) -> None:
    dry = rated.run("import", "rated.parquet", "--dry-run", "--json").json
    assert rated.run("tenants", "list", "--json").json["tenants"][0]["balance"] == "50"
    told = rated.run("import", "rated.parquet", "--json").json
    assert told | {"dry_run": True, "journal": None} == dry
    assert told == {
        "file": "rated.parquet",
        "dry_run": False,
        "currency": "USD",
        "sample": False,
        "rows": 5,
        "rows_to_charge": 3,
        "booked": 3,
        "booked_minutes_only": 0,
        "booked_other_start": 0,
        "already_booked": 0,
        "duplicates": 0,
        "matched_equal": 0,
        "matched_different": 0,
        "ambiguous": 0,
        "in_progress": 0,
        "booked_and_live": 0,
        "live_without_charge": 0,
        "no_tenant": 0,
        "not_charged": {"not_answered": 1, "unrated": 1},
        "tenants_booked": 1,
        "amount_in_file": "0.09",
        "amount_booked_in_file": "0.09",
        "amount_booked": "0.09",
        "credits": "0.09",
        "post_usage": "0",
        "overdraft": "0",
        "pool_seconds_in_file": 120,
        "pool_seconds": 120,
        "allocation": 0,
        "journal": "0.09",
        "adds_up": True,
        "differences": [],
    }
    assert rated.run("tenants", "list", "--json").json["tenants"][0]["balance"] == "49.91"
    again = rated.run("import", "rated.csv", "--json").json
    assert (again["booked"], again["already_booked"], again["journal"]) == (0, 3, "0")
    assert rated.run("tenants", "list", "--json").json["tenants"][0]["balance"] == "49.91"
    said = rated.run("verify").out
    assert said == "1 tenant, 3 entries, 3 charges, 0 sessions: all is as the journal says\n"


def test_the_report_for_people(rated: Terminal) -> None:
    answer = rated.run("import", "rated.parquet", "--dry-run")
    assert (answer.code, answer.err) == (0, "")
    told = [" ".join(line.split()) for line in answer.out.splitlines()]
    assert told == [
        "rated.parquet: 5 rows (dry run: nothing was booked)",
        "rows",
        "to be booked 3",
        "not answered, not charged 1",
        "unrated, not charged 1",
        "",
        "Money in USD",
        "amount",
        "rows that are charged, in the file 0.09",
        "booked, in the file 0.09",
        "booked 0.09",
        "of it by credits 0.09",
        "of it to be invoiced after use 0.00",
        "of it overdraft 0.00",
        "Included minutes paid 120 s; in the file 120 s.",
    ]
    assert "moved by the journal" in rated.run("import", "rated.parquet").out


def test_an_imported_call_is_explained(rated: Terminal) -> None:
    assert rated.run("import", "rated.parquet").code == 0
    (rated.state / "last-run.parquet").unlink()
    for word in ("a", "call-a"):
        said = " ".join(rated.run("explain", word).out.split())
        assert said.startswith("Call a: charged, 0.04 USD Ledger: tenant contoso; the call is imported")
        assert f"user_out of {ANA}" in said
        assert "prefix 44 is the longest that fits: 0.02 USD a minute" in said
        assert "0.04 by credits" in said
    told = rated.run("explain", "call-c", "--json").json
    assert (told["id"], told["call_id"], told["state"]) == ("c", "call-c", "charged")
    assert told["ledger"] == {"tenant": "contoso", "session": "imported"}
    steps = {step["step"]: step for step in told["steps"]}
    assert steps["call"]["source"] == "import rated.parquet"


def test_rows_that_share_a_call_id_are_named(terminal: Terminal) -> None:
    terminal.write("usage.csv", usage(*(leg(name, ago(1), Call_ID="one") for name in "ab")))
    terminal.write("tenant.toml", toml() + PEOPLE)
    words = ("--tenant", "tenant.toml", "--out", "rated.parquet")
    assert terminal.run("rate", "usage.csv", *words).code == 0
    assert terminal.run("tenants", "add", "tenant.toml").code == 0
    assert terminal.run("import", "rated.parquet", "--json").json["booked"] == 2
    (terminal.state / "last-run.parquet").unlink()
    assert terminal.run("explain", "one").sentence(1) == (
        "several imported rows have the call id 'one': name one by its row id: a, b"
    )
    assert terminal.run("explain", "b").code == 0


async def _live(database: str) -> None:
    """Call b as it was live, by the prices of the sample deck."""
    desk = desk_on(database)
    await desk.start(rounds=False)
    answered_us = round((NOW - timedelta(hours=5)).timestamp()) * 1_000_000
    start = StartCall("contoso", "call-b", 0, "user_out", ANA, callee=FRANCE, answered_us=answered_us)
    assert isinstance(await desk.submit(start), Allowed)
    assert isinstance(await desk.submit(EndCall("contoso", "call-b", 1, 30)), Settled)
    await desk.stop()


def test_live_calls_are_compared_and_told(rated: Terminal) -> None:
    asyncio.run(_live(f"sqlite:///{rated.state / 'talktime.db'}"))
    answer = rated.run("import", "rated.parquet", "--json")
    told = answer.json
    assert (told["booked"], told["matched_different"], told["adds_up"]) == (2, 1, True)
    (difference,) = told["differences"]
    assert (difference["kind"], difference["id"], difference["call_id"]) == (
        "matched_different",
        "b",
        "call-b",
    )
    assert difference["in_file"]["amount"] == "0.05"
    shown = " ".join(rated.run("import", "rated.parquet").out.split())
    assert "charged live, different 1" in shown
    assert "contoso call-b: charged live, and otherwise than in the file: 0.05 in the file, " in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("usage.csv",),
            "usage.csv is no report of calls (no column 'id'); rate the usage first: talktime rate",
        ),
        (("none.parquet",), "none.parquet does not exist; rate the usage first"),
        (("report.xlsx",), "report.xlsx: only .parquet and .csv reports can be booked"),
        (("usage.parquet",), "usage.parquet is no report of calls"),
        (("plain.parquet",), "plain.parquet is a Parquet file but no report"),
        (("short.parquet",), "short.parquet is damaged or no report of calls"),
        (("hole.parquet",), "hole.parquet is damaged or no report of calls"),
        (("empty.csv",), "empty.csv is damaged or no report of calls"),
        (("nobody.csv",), "nobody.csv: row 1 names no tenant; name one by --tenant"),
        (("nobody.parquet",), "nobody.parquet: row 1 names no tenant; name one by --tenant"),
        (("nobody.csv", "--tenant", "x"), "nobody.csv: no such tenant in the ledger: x; make it first"),
        (("rated.csv", "--tenant", "x"), "rated.csv: row 1 is of tenant contoso, not of x; leave --tenant"),
        (("letters.csv",), "letters.csv: row 2, column 'billed_seconds': 'sixty' is not"),
        (("rated.parquet", "--match", "line"), "--match line: no text column of a report"),
        (("rated.parquet", "--match", "colour"), "--match colour: no text column of a report"),
    ],
)
def test_what_is_no_rated_file_is_one_sentence(rated: Terminal, words: tuple[str, ...], said: str) -> None:
    for name in ("nobody.csv", "nobody.parquet"):
        assert rated.run("rate", "usage.csv", "--rates", "deck.csv", "--out", name).code == 0
    rated.write("report.xlsx", b"PK")
    rated.write("empty.csv", b"")
    whole = (rated.folder / "rated.parquet").read_bytes()
    rated.write("short.parquet", whole[: len(whole) // 2])
    rated.write("hole.parquet", whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :])
    pl.DataFrame({"UsageId": ["a"]}).write_parquet(rated.folder / "usage.parquet")
    pl.read_parquet(rated.folder / "rated.parquet").write_parquet(rated.folder / "plain.parquet")
    lines = (rated.folder / "rated.csv").read_text("utf-8").splitlines()
    place = lines[0].split(",").index("billed_seconds")
    cells = lines[2].split(",")
    lines[2] = ",".join([*cells[:place], "sixty", *cells[place + 1 :]])
    rated.write("letters.csv", "\n".join(lines))
    assert rated.run("import", *words).sentence(1).startswith(said)
    assert rated.run("verify").out.endswith("0 charges, 0 sessions: all is as the journal says\n")


def test_a_report_that_was_made_for_one_is_not_booked_for_another(rated: Terminal) -> None:
    """Older reports have no column `tenant`; whose calls they are stands in the description of the run."""
    path = rated.folder / "rated.parquet"
    calls = pq.read_table(path).drop_columns([TENANT])
    document = pq.read_metadata(path).metadata[DOCUMENT_KEY.encode()]
    older = calls.replace_schema_metadata({DOCUMENT_KEY: document})
    pq.write_table(older, rated.folder / "older.parquet")
    said = rated.run("import", "older.parquet", "--tenant", "fabrikam").sentence(1)
    assert said == "older.parquet was made for contoso, not for fabrikam; leave --tenant out"
    assert rated.run("import", "older.parquet", "--json").json["booked"] == 3


def test_made_up_prices_are_told(rated: Terminal) -> None:
    words = ("--tenant", "tenant.toml", "--out", "sample.parquet")
    assert rated.run("rate", "usage.csv", *words).code == 0
    assert rated.run("import", "sample.parquet", "--dry-run", "--json").json["sample"] is True
    assert "rated with sample prices" in rated.run("import", "sample.parquet").out


def test_a_database_that_is_not_there_is_not_made(rated: Terminal) -> None:
    words = ("--database", "sqlite:///typo.db")
    said = rated.run("import", "rated.parquet", *words).sentence(2)
    assert said == "there is no database at typo.db; see --database"
    assert not (rated.folder / "typo.db").exists()


def test_a_tenant_with_another_currency_is_refused(rated: Terminal) -> None:
    rated.write("euro.toml", toml(currency="EUR"))
    other = ("--database", "sqlite:///other.db")
    assert rated.run("tenants", "add", "euro.toml", *other).code == 0
    said = rated.run("import", "rated.csv", *other).sentence(1)
    assert said == (
        "rated.csv: row 1 is in USD, tenant contoso is charged in EUR; rate the usage with a deck in EUR"
    )


def test_a_wrong_database_is_wrong_use(rated: Terminal) -> None:
    assert "is none that Talktime knows" in (
        rated.run("import", "rated.parquet", "--database", "mysql://h/n").sentence(2)
    )


def test_calls_of_a_run_without_a_tenant_are_whose_it_is_said(rated: Terminal) -> None:
    assert rated.run("rate", "usage.csv", "--rates", "deck.csv", "--out", "nobody.csv").code == 0
    told = rated.run("import", "nobody.csv", "--tenant", "contoso", "--json").json
    assert (told["booked"], told["allocation"], told["pool_seconds"]) == (3, 1, 120)
    assert rated.run("import", "rated.parquet", "--json").json["already_booked"] == 3


def test_a_run_over_many_tenants_is_booked_at_once(terminal: Terminal) -> None:
    terminal.write("deck.csv", deck())
    (terminal.folder / "book").mkdir()
    for name in ("contoso", "fabrikam"):
        terminal.write(f"book/{name}.toml", toml().replace("contoso", name) + PEOPLE)
        assert terminal.run("tenants", "add", f"book/{name}.toml").code == 0
    header, *lines = usage(*(leg(f"{n}", ago(6 - n / 10), 60 + n, FRANCE) for n in range(9))).splitlines()
    owned = [f"{line},{'contoso' if n % 3 else 'fabrikam'}" for n, line in enumerate(lines)]
    terminal.write("usage.csv", "\n".join([f"{header},Tenant ID", *owned, ""]))
    words = ("--tenant", "book", "--rates", "deck.csv", "--out", "rated.parquet")
    assert terminal.run("rate", "usage.csv", *words).code == 0
    told = terminal.run("import", "rated.parquet", "--json").json
    assert (told["booked"], told["tenants_booked"], told["allocation"]) == (9, 2, 0)
    assert terminal.run("verify").code == 0


# --- the page --------------------------------------------------------------------------------------

PAGE: Final = "docs/import.md"


def test_the_page_shows_what_is_printed(terminal: Terminal) -> None:
    assert terminal.run("demo", "--no-serve").code == 0
    printed: list[str] = []
    for words in commands(PAGE):
        answer = terminal.run(*words)
        assert (answer.code, answer.err) == (0, ""), words
        printed += [line.rstrip() for line in answer.out.splitlines()]
    (shown,) = blocks(PAGE, "text")
    assert [line for line in shown.splitlines() if line.rstrip() not in printed] == []
