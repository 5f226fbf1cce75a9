"""`talktime explain` of live calls: the ledger answers where no run knows the call."""

import asyncio
from dataclasses import replace

import pytest

from talktime.live.answers import Cancelled, Denied
from talktime.live.operations import CancelCall, StartCall
from tests.doors.made_files import leg, usage
from tests.doors.terminal import Terminal
from tests.ledger.filled import ABROAD, ACME, ANA, BO, HOME, Clock, desk_on, fill, new_tenant, start


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """A terminal whose ledger holds calls of every kind, and no last run."""
    terminal = Terminal(tmp_path_factory.mktemp("ledger"))
    assert terminal.run("db", "upgrade").code == 0
    database = f"sqlite:///{terminal.state / 'talktime.db'}"
    fill(database)
    asyncio.run(_more(database))
    return terminal


async def _more(database: str) -> None:
    """A cancelled call, a refused one, a free one, and a call id that two tenants use."""
    clock = Clock()
    clock.go_on(200_000)
    desk = desk_on(database, clock)
    await desk.start(rounds=False)
    await desk.submit(start("acme", "gone", ANA, ABROAD))
    assert isinstance(await desk.submit(CancelCall("acme", "gone", 1)), Cancelled)
    refused = StartCall("acme", "refused", 4, "user_out", user="nobody@acme", callee=ABROAD)
    assert isinstance(await desk.submit(refused), Denied)
    for tenant, user in (("acme", ANA), ("mca", BO)):
        await desk.submit(start(tenant, "twice", user, ABROAD))
    assert await desk.engine.submit(new_tenant(replace(ACME, id="bonn", country="DE"), ANA))
    await desk.submit(start("bonn", "hidden", ANA, HOME))
    await desk.stop()


def said(terminal: Terminal, *words: str) -> str:
    answer = terminal.run("explain", *words)
    assert (answer.code, answer.err) == (0, "")
    return " ".join(answer.out.split())


def test_a_charged_call(filled: Terminal) -> None:
    told = said(filled, "abroad")
    assert told.startswith("Call abroad: charged, ")
    for reason in (
        "Ledger: tenant acme; the call is ended",
        f"user_out of ana@acme: no number to {ABROAD}",
        "Category calling_plan_international",
        "prefix 44",
        "100 s are billed as 120 s (2 min)",
        "Money pays for 120 s (2 min)",
        "by credits",
        "of lot 1",
        "The balance after it was",
    ):
        assert reason in told, reason


def test_digits_of_the_other_party_are_hidden_as_in_usage(filled: Terminal) -> None:
    answer = filled.run("explain", "hidden", "--json")
    assert answer.code == 0
    assert f"{HOME[:-3]}***" in answer.out
    assert HOME not in answer.out


def test_the_json_adds_up(filled: Terminal) -> None:
    told = filled.run("explain", "abroad", "--json").json
    assert told["ledger"] == {"tenant": "acme", "session": "ended"}
    steps = {step["step"]: step for step in told["steps"]}
    assert list(steps) == ["call", "category", "rate", "billed", "amount", "funding", "balance"]
    assert steps["funding"]["credits"] == steps["amount"]["amount"] == told["amount"]
    assert [lot["amount"] for lot in steps["funding"]["lots"]] == [told["amount"]]
    assert steps["billed"]["billed_seconds"] == steps["amount"]["paid_seconds"] == 120
    assert steps["category"]["catalogue"] is None


def test_a_call_that_minutes_paid(filled: Terminal) -> None:
    told = said(filled, "home-0")
    assert told.startswith("Call home-0: charged, 0.00 USD")
    assert "paid for the first 120 s (2 min): 120 s (2 min) of MCOPSTN1 domestic US PR 2026-11." in told
    assert "Nothing is left for money to pay." in told


def test_a_call_that_is_paid_after_use_too(filled: Terminal) -> None:
    told = said(filled, "after")
    assert "0.01 by credits" in told
    assert "by the invoice after use" in told


def test_a_call_in_progress(filled: Terminal) -> None:
    told = said(filled, "open-abroad")
    assert told.startswith("Call open-abroad: in progress, 0.00 USD")
    assert "It may run for 600 s, 0 s are reported; it holds " in told
    assert "of credits until it ends." in told
    reserved = filled.run("explain", "open-home", "--json").json["steps"][-1]
    assert (reserved["step"], reserved["pool_seconds"], reserved["credits"]) == ("reserved", 600, "0")


def test_a_lost_call(filled: Terminal) -> None:
    told = said(filled, "lost")
    assert "the call is lost" in told
    assert "Flagged lost: the switch fell silent, so the call was charged for its last report." in told
    assert "500 s are billed as 540 s (9 min)" in told


def test_a_corrected_call(filled: Terminal) -> None:
    told = filled.run("explain", "corrected", "--json").json
    lost = filled.run("explain", "lost", "--json").json
    step = told["steps"][-1]
    assert step["step"] == "correction"
    assert step["amount_before"] == lost["amount"]
    assert (step["billed_seconds_before"], told["steps"][3]["billed_seconds"]) == (540, 240)
    assert float(step["difference"]) == pytest.approx(float(told["amount"]) - float(lost["amount"]))
    assert "replaces charge" in step["sentence"]
    assert "Flagged corrects_lost_call" in said(filled, "corrected")


def test_a_cancelled_call(filled: Terminal) -> None:
    told = said(filled, "gone")
    assert told.startswith("Call gone: not answered, 0.00 USD Ledger: tenant acme; the call is cancelled")
    assert "It was not answered, so nothing is billed." in told


def test_a_refused_call(filled: Terminal) -> None:
    told = said(filled, "refused")
    assert told.startswith("Call refused: denied, 0.00 USD")
    assert "Refused (unknown_user)" in told
    assert "What helps: add the user to the tenant." in told


def test_a_call_id_of_several_tenants(filled: Terminal) -> None:
    refused = filled.run("explain", "twice").sentence(1)
    assert refused == "several tenants have a call 'twice': name one by --tenant: acme, mca"
    assert "tenant mca" in said(filled, "twice", "--tenant", "mca")


def test_a_call_that_nobody_knows(filled: Terminal) -> None:
    for words in (("none",), ("lost", "--tenant", "mca")):
        refused = filled.run("explain", *words).sentence(1)
        assert refused.startswith(f"no call {words[0]!r}")
        assert "in the ledger sqlite:///" in refused


def test_a_run_that_knows_the_call_comes_first(terminal: Terminal) -> None:
    assert terminal.run("db", "upgrade").code == 0
    fill(f"sqlite:///{terminal.state / 'talktime.db'}")
    terminal.write("usage.csv", usage(leg("lost")))
    assert terminal.run("rate", "usage.csv", "--json", "--out", "report.parquet").code == 0
    assert "Run: usage.csv" in said(terminal, "lost")
    assert "Ledger: tenant acme" in said(terminal, "lost", "--tenant", "acme")
    assert "Ledger: tenant acme" in said(terminal, "abroad")
    refused = terminal.run("explain", "none").sentence(1)
    assert "in the ledger" in refused
    assert "last-run.parquet" in refused
    assert "no call 'abroad' in report.parquet" in (
        terminal.run("explain", "abroad", "--run", "report.parquet").sentence(1)
    )


def test_an_old_schema_is_told(terminal: Terminal) -> None:
    refused = terminal.run("explain", "x", "--database", "mysql://h/n").sentence(2)
    assert "is none that Talktime knows" in refused
