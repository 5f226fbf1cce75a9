"""`talktime rate --json` and its reports: the documented names, and sums that other code finds, too.

Everything is computed again from the written files by `tests.doors.reports` and Decimal; no module of the
program is asked (rulings.md 4).
"""

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from talktime.demo.folder import write_demo
from tests.doors.reports import (
    MONEY,
    PRICES,
    Row,
    csv_rows,
    excel_rows,
    excel_table,
    parquet_document,
    parquet_rows,
)
from tests.doors.terminal import Terminal

# design.md (Command line) and rulings.md 4; the last line is ours: what the identities need.
NAMES = set(
    """
    calls answered billed_minutes pool_minutes paid_minutes amount currency credits post_usage blocked_calls
    unrated_calls rejected_rows duplicate_rows recharges closing_balance by_category deck
    not_answered free_minutes unrated_minutes blocked_minutes overdraft opening_balance funded forfeited
    money_ran_out_at format warnings
    billed_seconds pool_seconds paid_seconds free_seconds unrated_seconds blocked_seconds
    free_calls pool_only_calls paid_calls overdraft_repaid
    """.split()
)
WALLET = ("opening_balance", "funded", "forfeited", "closing_balance", "recharges", "money_ran_out_at")
AMOUNTS = ("amount", "credits", "post_usage", "overdraft")
TIMES = ("billed", "pool", "paid", "free", "unrated", "blocked")
PLAIN_DECIMAL = re.compile(r"-?(0|[1-9]\d*)(\.\d{0,5}[1-9])?")

QUESTIONS: dict[str, tuple[str, ...]] = {
    "what does it cost": (),
    "with the tenant file": ("--tenant", "tenant.toml"),
    "with a balance": ("--balance", "12.5"),
    "with a balance and recharge": ("--balance", "20", "--recharge-below", "10", "--recharge-add", "15"),
    "with the tenant and another balance": ("--tenant", "tenant.toml", "--balance", "120"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One question about the month: what was printed, and the three reports."""

    json: dict[str, Any]
    folder: Path

    def path(self, ending: str) -> Path:
        return self.folder / f"report.{ending}"

    def rows(self, ending: str = "parquet") -> list[Row]:
        return rows_of(self.path(ending))


READERS: dict[str, Callable[[Path], list[Row]]] = {
    ".parquet": parquet_rows,
    ".csv": csv_rows,
    ".xlsx": excel_rows,
}
ENDINGS = [ending[1:] for ending in READERS]


@lru_cache(maxsize=len(QUESTIONS) * len(READERS))
def rows_of(path: Path) -> list[Row]:
    """The rows of a report, read once for all tests."""
    return READERS[path.suffix](path)


Ask = Callable[[str], Asked]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """The demo month of 600 calls, charged once for each question."""
    terminal = Terminal(tmp_path_factory.mktemp("month"))
    write_demo(terminal.folder, calls=600)
    known: dict[str, Asked] = {}

    def answer(question: str) -> Asked:
        if question not in known:
            known[question] = _charged(terminal, question)
        return known[question]

    return answer


def _charged(terminal: Terminal, question: str) -> Asked:
    reports = terminal.folder / question
    reports.mkdir()
    answers = [
        terminal.run(
            "rate", "usage.csv", *QUESTIONS[question], "--json", "--out", reports / f"report.{ending}"
        )
        for ending in ENDINGS
    ]
    assert [(answer.code, answer.err) for answer in answers] == [(0, "")] * 3
    assert len({answer.out for answer in answers}) == 1  # the report changes nothing of the answer
    return Asked(answers[0].json, reports)


@pytest.fixture(params=QUESTIONS)
def asked(request: pytest.FixtureRequest, ask: Ask) -> Asked:
    """The month, with each set of options."""
    return ask(request.param)


def total(rows: list[Row], column: str) -> Any:
    return sum((row[column] for row in rows if row[column] is not None), 0)


def is_number(text: str) -> bool:
    return PLAIN_DECIMAL.fullmatch(text) is not None and text != "-0"


# --- the object ----------------------------------------------------------------------------------------


def test_the_object_has_exactly_the_documented_names(asked: Asked) -> None:
    assert set(asked.json) == NAMES
    assert set(asked.json["deck"]) == {"name", "version", "rates", "sample"}
    for category in asked.json["by_category"].values():
        assert set(category) == {"calls", "billed_minutes", "billed_seconds", "amount"}


def test_money_and_minutes_are_plain_decimal_strings(asked: Asked) -> None:
    told = asked.json
    amounts = [told[name] for name in (*AMOUNTS, *WALLET[:4]) if told[name] is not None]
    minutes = [told[f"{name}_minutes"] for name in TIMES]
    of_categories = [c[name] for c in told["by_category"].values() for name in ("amount", "billed_minutes")]
    assert all(is_number(text) for text in [*amounts, *minutes, *of_categories])
    for name in TIMES:
        assert Decimal(told[f"{name}_minutes"]) == Decimal(told[f"{name}_seconds"]) / 60


def test_counts_are_integers(asked: Asked) -> None:
    counts = [value for name, value in asked.json.items() if name.endswith(("calls", "seconds", "rows"))]
    assert len(counts) == 14
    assert all(type(value) is int for value in counts)


def test_without_balance_and_tenant_the_run_asks_what_it_costs(ask: Ask) -> None:
    told = ask("what does it cost").json
    assert [told[name] for name in WALLET] == [None] * len(WALLET)
    assert told["post_usage"] == told["amount"] != "0"
    assert (told["credits"], told["overdraft"], told["blocked_calls"]) == ("0", "0", 0)


@pytest.mark.parametrize("question", list(QUESTIONS)[1:])
def test_a_wallet_has_all_its_figures(ask: Ask, question: str) -> None:
    told = ask(question).json
    assert all(told[name] is not None for name in WALLET[:5])
    assert told["blocked_calls"] > 0


def test_the_identities_of_the_object(asked: Asked) -> None:
    told = asked.json
    money = {name: Decimal(told[name] or "0") for name in (*AMOUNTS, *WALLET[:4])}
    assert told["calls"] == told["answered"] + told["not_answered"]
    states = ("free_calls", "pool_only_calls", "paid_calls", "unrated_calls", "blocked_calls")
    assert told["answered"] == sum(told[name] for name in states)
    parts = ("free_seconds", "pool_seconds", "paid_seconds", "unrated_seconds")
    assert told["billed_seconds"] == sum(told[name] for name in parts)
    assert money["amount"] == money["credits"] + money["post_usage"] + money["overdraft"]
    if told["opening_balance"] is not None:
        went = money["credits"] + money["forfeited"] + money["closing_balance"] + money["overdraft"]
        assert money["opening_balance"] + money["funded"] == went
    for name, amount in (("amount", told["amount"]), ("billed_seconds", told["billed_seconds"])):
        assert sum(Decimal(c[name]) for c in told["by_category"].values()) == Decimal(amount)


# --- the same from the reports ---------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_sums_come_out_of_the_rows(asked: Asked, ending: str) -> None:
    rows, told = asked.rows(ending), asked.json
    by_state: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_state[row["state"]].append(row)
    charged = by_state["charged"]
    assert told["calls"] == len(rows) == len({row["id"] for row in rows}) == 600
    assert told["not_answered"] == len(by_state["not_answered"]) > 0
    assert told["free_calls"] == len(by_state["free"]) + len(by_state["carried_by_operator"]) > 0
    assert told["pool_only_calls"] == sum(row["paid_seconds"] == 0 for row in charged)
    assert told["paid_calls"] == sum(row["paid_seconds"] > 0 for row in charged)
    assert told["unrated_calls"] == len(by_state["unrated"]) > 0
    assert told["blocked_calls"] == len(by_state["blocked"])
    for name in TIMES:
        assert told[f"{name}_seconds"] == total(rows, f"{name}_seconds")
    for name in AMOUNTS[:3]:
        assert Decimal(told[name]) == total(rows, name)
    assert Decimal(told["amount"]) > 0


def test_the_amount_of_every_row_is_its_arithmetic(asked: Asked) -> None:
    paid = [row for row in asked.rows() if row["paid_seconds"]]
    for row in paid:
        pool_s, billed_s = row["pool_seconds"], row["billed_seconds"]
        first_s = max(0, min(billed_s, row["first_seconds"]) - pool_s)
        rest_s = row["paid_seconds"] - first_s
        exact = (row["first_price_per_minute"] * first_s + row["price_per_minute"] * rest_s) / 60
        rounded = (row["connection_fee"] + exact).quantize(Decimal("0.000001"), ROUND_HALF_UP)
        assert (row["amount"], row["rounding"]) == (rounded, "half_up 6")
        assert row["amount"] == row["credits"] + row["post_usage"] + row["overdraft"]
        assert billed_s == pool_s + row["paid_seconds"]
    assert paid


def test_billed_seconds_are_started_steps(asked: Asked) -> None:
    rows = asked.rows()
    priced = [row for row in rows if row["first_seconds"] and row["duration_seconds"]]
    for row in priced:
        first_s, step_s, duration_s = row["first_seconds"], row["step_seconds"], row["duration_seconds"]
        steps = -(-max(duration_s - first_s, 0) // step_s)
        assert row["billed_seconds"] + row["blocked_seconds"] == first_s + steps * step_s
    assert priced


def test_free_and_blocked_calls_cost_nothing(asked: Asked) -> None:
    for row in asked.rows():
        if row["state"] != "charged":
            assert (row["amount"], row["pool_seconds"], row["paid_seconds"]) == (0, 0, 0)
        if row["state"] == "blocked":
            assert row["reason"]
            assert row["billed_seconds"] == 0 < row["blocked_seconds"]


def test_the_rows_stand_in_settlement_order(asked: Asked) -> None:
    keys = [(row["end"], row["id"].encode()) for row in asked.rows()]
    assert keys == sorted(keys)


def test_categories_add_up_row_by_row(asked: Asked) -> None:
    calls: defaultdict[str, list[Row]] = defaultdict(list)
    for row in asked.rows():
        calls[row["category"]].append(row)
    assert asked.json["by_category"].keys() == calls.keys()
    for name, rows in calls.items():
        told = asked.json["by_category"][name]
        assert told["calls"] == len(rows)
        assert told["billed_seconds"] == total(rows, "billed_seconds")
        assert Decimal(told["amount"]) == total(rows, "amount")


def test_the_three_reports_hold_the_same_rows(asked: Asked) -> None:
    exact, from_csv, from_excel = map(asked.rows, ENDINGS)
    assert from_csv == exact
    for row, shown in zip(exact, from_excel, strict=True):
        assert {k: v for k, v in shown.items() if k not in ("start", "end")} == {
            k: v for k, v in row.items() if k not in ("start", "end")
        }
        assert abs(shown["start"] - row["start"]).total_seconds() <= 0.001  # a date is a float in a sheet


def test_the_summary_sheet_says_what_was_printed(asked: Asked) -> None:
    told, workbook = asked.json, asked.path("xlsx")
    money = {line[0]: line[1] for line in excel_table(workbook, "summary", "Money")}
    assert Decimal(money["amount"]) == Decimal(told["amount"])
    for label, name in (("paid by credits", "credits"), ("closing balance", "closing_balance")):
        assert (None if money[label] is None else Decimal(money[label])) == (
            None if told[name] is None else Decimal(told[name])
        )
    calls = {line[0]: line[1] for line in excel_table(workbook, "summary", "Calls and billed minutes")}
    assert (int(calls["all"]), int(calls["blocked"])) == (told["calls"], told["blocked_calls"])


def test_csv_decimals_have_no_trailing_zeros(asked: Asked) -> None:
    header, *lines = asked.path("csv").read_text("utf-8").splitlines()
    at = [header.split(",").index(name) for name in (*MONEY[:2], *PRICES)]
    cells = [line.split(",")[index] for line in lines if '"' not in line for index in at]
    assert len(cells) > 1_000
    assert all(re.fullmatch(r"|0|-?\d+(\.\d*[1-9])?", cell) for cell in cells)


# --- the wallet ------------------------------------------------------------------------------------------


def test_without_a_wallet_no_row_has_a_balance(ask: Ask) -> None:
    rows = ask("what does it cost").rows()
    assert {row["balance_after"] for row in rows} == {None}
    assert {row["funding"] for row in rows if row["amount"]} == {"post_usage"}


@pytest.mark.parametrize(
    ("question", "opening"),
    [
        ("with a balance", "12.5"),
        ("with a balance and recharge", "20"),
        ("with the tenant and another balance", "120"),
    ],
)
def test_the_balance_follows_row_by_row(ask: Ask, question: str, opening: str) -> None:
    asked = ask(question)
    balance = Decimal(opening)
    for row in asked.rows():
        balance -= row["credits"] + row["overdraft"]
        assert row["balance_after"] == balance
        balance += row["recharge"] or 0
    assert (asked.json["opening_balance"], Decimal(asked.json["closing_balance"])) == (opening, balance)


def test_money_runs_out_at_the_first_call_that_left_nothing(asked: Asked) -> None:
    rows = asked.rows()
    emptied = [
        row["end"]
        for row in rows
        if row["balance_after"] is not None
        and row["balance_after"] <= 0 < row["balance_after"] + row["credits"] + row["overdraft"]
    ]
    told = asked.json["money_ran_out_at"]
    assert (None if told is None else datetime.fromisoformat(told)) == (emptied[0] if emptied else None)


def test_recharges_are_counted_and_sum_up(asked: Asked) -> None:
    rows = asked.rows()
    bought = [row["recharge"] for row in rows if row["recharge"]]
    lots = [lot for lot in parquet_document(asked.path("parquet"))["lots"] if lot["origin"] == "recharge"]
    assert (asked.json["recharges"] or 0) == len(lots) == len(bought)
    assert sum(bought) * 1_000_000 == sum(lot["amount"] for lot in lots)


def test_the_month_has_what_the_wallet_tests_are_about(ask: Ask) -> None:
    told = {question: ask(question).json for question in QUESTIONS}
    assert told["with a balance"]["money_ran_out_at"] is not None
    assert told["with a balance and recharge"]["recharges"] > 1
    assert Decimal(told["with the tenant file"]["forfeited"]) > 0
    assert Decimal(told["with the tenant file"]["pool_minutes"]) > 0
