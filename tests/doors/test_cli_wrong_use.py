"""Options and tenant files that do not fit: one sentence, exit code 2 (or 1 for a file), nothing written."""

import pytest

from tests.doors.made_files import deck, leg, licence, toml, usage, user
from tests.doors.terminal import Terminal


@pytest.fixture
def ready(terminal: Terminal) -> Terminal:
    """A terminal with usage, a deck and a folder."""
    terminal.write("usage.csv", usage(leg("a")))
    terminal.write("deck.csv", deck())
    terminal.write("folder/inside.txt", "")
    return terminal


OPTIONS = {
    "--balance -1": "--balance: -1 must be 0 or more and at most 10^9",
    "--balance=-0.000001": "--balance: -0.000001 must be 0 or more and at most 10^9",
    "--balance 1000000000.01": "--balance: 1000000000.01 must be 0 or more and at most 10^9",
    "--balance abc": "--balance: 'abc' is not a decimal number such as 12.50",
    "--balance 1e5": "--balance: '1e5' is not a decimal number such as 12.50",
    "--balance 1,000": "--balance: '1,000' is not a decimal number such as 12.50",
    "--balance nan": "--balance: 'nan' is not a decimal number such as 12.50",
    "--balance 0x10": "--balance: '0x10' is not a decimal number such as 12.50",
    "--balance 0.0000001": "--balance: '0.0000001' has more than 6 decimals",
    "--balance ٣": "--balance: '٣' is not a decimal number such as 12.50",
    "--recharge-add 200": "--recharge-below and --recharge-add go together; give both or none",
    "--recharge-below 100": "--recharge-below and --recharge-add go together; give both or none",
    "--balance 1 --recharge-add 200": "--recharge-below and --recharge-add go together; give both or none",
    "--recharge-below 100 --recharge-add 200": "--recharge-add and --recharge-below need --balance",
    "--balance 1 --recharge-below 1 --recharge-add 0": "--recharge-add: 0 must be more than 0",
    "--balance 1 --recharge-below -1 --recharge-add 5": "--recharge-below: -1 must be more than 0",
    "--treat-as prepaid": "--treat-as 'prepaid' is not known; the catalogue has calling_plan",
    "--treat-as Calling_Plan": "--treat-as 'Calling_Plan' is not known; the catalogue has calling_plan",
    "--out report.doc": "--out report.doc: the name of a report ends with one of .xlsx, .csv, .parquet",
    "--out report": "--out report: the name of a report ends with one of .xlsx, .csv, .parquet",
    "--out folder": "--out folder: the name of a report ends with one of .xlsx, .csv, .parquet",
    "--out gone/report.csv": "--out gone/report.csv: there is no folder gone; make it first",
    "--out usage.csv": "--out usage.csv: this file is read by the same command",
    "--out ./folder/../usage.csv": "this file is read by the same command",
    "--rates deck.csv --out deck.csv": "--out deck.csv: this file is read by the same command",
    "--rates gone.csv": "deck 'gone.csv': no such file; name a deck, or `sample` for the shipped one",
    "--tenant gone.toml": "tenant file gone.toml: no such file; check the name",
    "--currency US": "--currency 'US': write the three letters of a currency, such as USD",
    "--currency €": "--currency '€': write the three letters of a currency, such as USD",
    "--column start": "--column 'start': write NAME=HEADER, such as duration=billsec",
    "--column =when": "--column '=when': write NAME=HEADER, such as duration=billsec",
    "--column colour=when": "there is no column 'colour' to map to; there are id, ",
    "--preset nothing": "the preset: there is no format 'nothing'; there are ",
    "--map gone.toml": "column map gone.toml: no such file; check the name",
}


@pytest.mark.parametrize("options", OPTIONS)
def test_options_that_do_not_fit(ready: Terminal, options: str) -> None:
    before = ready.files()
    said = ready.run("rate", "usage.csv", *options.split()).sentence(2)
    assert OPTIONS[options] in said
    assert ready.files() == before


def test_an_empty_amount_is_no_amount(ready: Terminal) -> None:
    said = ready.run("rate", "usage.csv", "--balance", "").sentence(2)
    assert said == "--balance: '' is not a decimal number such as 12.50"


def test_a_report_may_replace_an_older_one(ready: Terminal) -> None:
    ready.write("report.csv", "older")
    assert ready.run("rate", "usage.csv", "--out", "report.csv").code == 0
    assert (ready.folder / "report.csv").read_text("utf-8").startswith("id,start,end")


@pytest.mark.parametrize("ending", ["csv", "parquet", "xlsx"])
def test_a_folder_stands_where_the_report_belongs(ready: Terminal, ending: str) -> None:
    (ready.folder / f"report.{ending}").mkdir()
    answer = ready.run("rate", "usage.csv", "--out", f"report.{ending}")
    assert (answer.code, answer.out) == (1, "")
    assert f"report.{ending} is a folder; name a file" in answer.err
    assert list((ready.folder / f"report.{ending}").iterdir()) == []


def test_without_out_only_the_last_run_is_written(ready: Terminal) -> None:
    before = ready.files()
    assert ready.run("rate", "usage.csv").code == 0
    after = ready.files()
    assert after.keys() - before.keys() == {"state/last-run.parquet"}
    assert {name: after[name] for name in before} == before


def test_a_catalogue_that_cannot_be_used(ready: Terminal) -> None:
    ready.write("own/plans.toml", "not toml")
    for folder in ("own", "gone"):
        said = ready.run("rate", "usage.csv", TALKTIME_CATALOGUE=folder).sentence(1)
        assert folder in said


# --- tenant files ----------------------------------------------------------------------------------------

TENANTS = {
    "an unknown key": (toml() + 'colour = "red"\n', "unknown key colour; did you mean country?"),
    "an unknown table": (toml() + "[wallet]\n", "unknown key wallet"),
    "no TOML": ("not toml at all\n", "is not TOML: "),
    "a picture": ("\x89PNG\r\n\x1a\n", "is not TOML: "),
    "nothing": ("", "the table [tenant] is missing"),
    "no such currency": (toml(currency="XXQ"), 'currency "XXQ" is no currency of ISO 4217'),
    "a small currency": (toml(currency="usd"), 'write "USD"'),
    "no such country": (toml("ZQ"), 'country "ZQ" is no country code of ISO 3166'),
    "an unknown plan": (toml() + licence("MCOPSTN99", 1), 'unknown plan "MCOPSTN99"'),
    "more assigned than bought": (
        toml() + licence("MCOPSTN1", 1) + user("a@x.example", "MCOPSTN1") + user("b@x.example", "MCOPSTN1"),
        "MCOPSTN1: 2 assigned but 1 bought",
    ),
    "two calling plans": (
        toml()
        + licence("MCOPSTN1", 1)
        + licence("MCOPSTN5", 1)
        + user("a@x.example", "MCOPSTN1", "MCOPSTN5"),
        "a@x.example",
    ),
    "an amount as a float": (toml() + '[[purchases]]\nat = "2026-03-01"\namount = 5e1\n', "amount"),
    "a purchase below the least": (
        toml() + '[[purchases]]\nat = "2026-03-01"\namount = "49.99"\n',
        "is below the least purchase of 50 USD",
    ),
    "a purchase that is negative": (
        toml() + '[[purchases]]\nat = "2026-03-01"\namount = "-50"\n',
        "must be above 0",
    ),
}


@pytest.mark.parametrize("name", TENANTS)
def test_a_tenant_file_that_cannot_be_used(ready: Terminal, name: str) -> None:
    text, words = TENANTS[name]
    ready.write("tenant.toml", text)
    before = ready.files()
    said = ready.run("rate", "usage.csv", "--tenant", "tenant.toml", "--out", "report.csv").sentence(1)
    assert said.startswith("tenant.toml: ")
    assert words in said
    assert ready.files() == before


def test_all_faults_of_a_tenant_file_are_listed(ready: Terminal) -> None:
    ready.write("tenant.toml", '[tenant]\nid = "x"\ncolour = "red"\n')
    answer = ready.run("rate", "usage.csv", "--tenant", "tenant.toml")
    assert (answer.code, answer.out) == (1, "")
    head, *faults = answer.err.splitlines()
    assert head == "talktime: tenant.toml: 3 faults:"
    assert [fault.split()[1] for fault in faults] == ["unknown", "country", "currency"]


def test_a_folder_without_tenants_is_none(ready: Terminal) -> None:
    said = ready.run("rate", "usage.csv", "--tenant", "folder").sentence(1)
    assert said == (
        "folder: there is no tenant in it; give a tenant file, a folder of them, or JSON lines with a tenant "
        "each"
    )


def test_a_tenant_in_another_currency_than_the_deck(ready: Terminal) -> None:
    ready.write("tenant.toml", toml("GB", "GBP"))
    before = ready.files()
    words = ("rate", "usage.csv", "--rates", "deck.csv", "--tenant", "tenant.toml", "--out", "report.csv")
    said = ready.run(*words).sentence(2)
    assert said == (
        "tenant 'contoso' has GBP but deck 'made' is in USD; choose a deck in the tenant's currency"
    )
    assert ready.files() == before


def test_the_tenant_file_names_a_deck_that_is_not_there(ready: Terminal) -> None:
    ready.write("tenant.toml", 'deck = "gone.csv"\n' + toml())
    assert "gone.csv" in ready.run("rate", "usage.csv", "--tenant", "tenant.toml").sentence(2)


# --- column maps -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("not toml", "map.toml: the column map is no TOML in UTF-8"),
        ('colour = "red"\n', "map.toml: the key 'colour' is not known"),
        ('time_zone = "Mars/Olympus"\n', "map.toml: time_zone is 'Mars/Olympus'"),
        ("[columns]\nstart = 1.5\n", "map.toml: column start is 1.5"),
    ],
)
def test_a_column_map_that_cannot_be_used(ready: Terminal, text: str, words: str) -> None:
    ready.write("map.toml", text)
    assert ready.run("rate", "usage.csv", "--map", "map.toml").sentence(1).startswith(words)


def test_a_column_that_the_file_does_not_have(ready: Terminal) -> None:
    columns = ("start=when", "duration=Duration Seconds", "caller=Caller ID", "callee=Destination Number")
    options = [word for column in columns for word in ("--column", column)]
    said = ready.run("rate", "usage.csv", *options).sentence(1)
    assert "usage.csv: the file has no column 'when' (for start); it has UsageId" in said


def test_rows_of_several_other_tenants_are_not_charged_to_one(ready: Terminal) -> None:
    """A provider's file beside one customer's tenant file: a slip that would cost the customer."""
    lines = ["Tenant ID,start,duration,caller,callee"]
    lines += [f"{name},2026-03-02T10:00:00Z,60,+14255550100,+442079460000" for name in "abc"]
    ready.write("many.csv", "\n".join(lines))
    ready.write("tenant.toml", toml("US", "USD"))
    words = ["rate", "many.csv", "--tenant", "tenant.toml"]
    words += [f"--column={name}={name}" for name in ("start", "duration", "caller", "callee")]
    said = ready.run(*words, "--column=tenant=Tenant ID").sentence(1)
    assert said.startswith("the usage names 3 tenants (a, b, c ...) and none is ")
