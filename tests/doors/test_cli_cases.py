"""Cases from the public tests of other charging systems, through the command (rulings.md 8).

Each becomes a deck, a Calling Plans export and, where included minutes take part, a tenant file. `talktime
rate` charges them and the Parquet report is compared. What no file can say stands below with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.core.test_rating_cases import EXCLUDED
from tests.doors.made_files import FRANCE, NOON, UK, leg, licence, toml, usage, user
from tests.doors.reports import Row, parquet_rows
from tests.doors.terminal import Terminal

Case = dict[str, Any]
Columns = dict[str, str]

CALLS_IN_PROGRESS = {
    "P157": "needs calls in progress: two calls share what is left, quota by quota",
    "P160": "needs calls in progress: what is reserved before the end stands in no file",
    "P169": "needs calls in progress: a file has one duration, no reports on the way",
    "P184": "needs calls in progress: grants and the use over the last one",
}
NOT_IN_FILES = {
    "P088": "needs notices: a run on files tells nobody that a pool is nearly used up",
    "P166": "its lots of 5 and 20 are below the least purchase, so no tenant file can hold them",
}
NOT_FOR_FILES = CALLS_IN_PROGRESS | NOT_IN_FILES

ROUNDINGS = {"up": "up", "down": "down", "middle": "half_up", "none": "half_up"}
"""Their word for rounding -> ours; "none" are exact amounts, where every method gives the same."""

ANA = "ana@contoso.example"


class Charged(NamedTuple):
    """Calls of a report in the order of the usage, and the totals that were printed."""

    rows: list[Row]
    totals: dict[str, Any]


class Counter:
    """The command and the files of one case after the other."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.catalogue = terminal.folder

    def charged(self, deck: str, legs: Sequence[Columns], *options: str) -> Charged:
        """Deck and usage as files -> what `talktime rate` reports."""
        self.terminal.write("deck.csv", deck)
        self.terminal.write("usage.csv", usage(*legs))
        words = ("rate", "usage.csv", "--rates", "deck.csv", *options, "--out", "x.parquet", "--json")
        own = {"TALKTIME_CATALOGUE": str(self.catalogue)} if "--tenant" in options else {}
        totals = self.terminal.run(*words, **own).json
        rows = {row["id"]: row for row in parquet_rows(self.terminal.folder / "x.parquet")}
        assert (len(rows), totals["rejected_rows"]) == (len(legs), 0)
        return Charged([rows[told["UsageId"]] for told in legs], totals)

    def tenant(self, minutes: int) -> tuple[str, str]:
        """Writes a tenant whose user holds that many minutes to the UK -> the option that names it."""
        name = f"catalogue-{minutes}"  # a process reads a catalogue once
        plan = 'code = "CASES"\nname = "Cases"\nkind = "calling"\nbasis = "assigned"\nscope = "user"\n'
        pool = f'pools = [{{ kind = "domestic", destinations = "domestic", minutes = {minutes} }}]\n'
        self.terminal.write(f"{name}/plans.toml", "[[plan]]\n" + plan + (pool if minutes else ""))
        held = licence("CASES", 1) + licence("MCOPSTNC", 1)
        person = user(ANA, "CASES", "MCOPSTNC", location="GB")
        self.terminal.write("tenant.toml", toml("GB") + held + person)
        self.catalogue = self.terminal.folder / name
        return "--tenant", "tenant.toml"


# --- files from their words --------------------------------------------------------------------------------


def per_minute(segment: Case) -> Decimal:
    """Their price of some seconds -> ours of a minute, exactly."""
    told, unit_s = Decimal(segment["price_per_unit"]) * 60, int(segment["unit_seconds"])
    price = told / unit_s
    assert price * unit_s == told
    return price


def rate_row(rate: Case, prefix: str = "44") -> Columns:
    """Their rate, of one segment or two, as a row of a deck."""
    segments = rate.get("segments") or [rate]
    first, rest = segments[0], segments[-1]
    return {
        "prefix": prefix,
        "price_per_minute": f"{per_minute(rest):f}",
        "first_price_per_minute": f"{per_minute(first):f}",
        "connection_fee": rate.get("connect_fee", "0"),
        "first_seconds": str(first["increment_seconds"]),
        "step_seconds": str(rest["increment_seconds"]),
    }


def plain_row(price_per_minute: str, first_s: int = 1, step_s: int = 1, prefix: str = "44") -> Columns:
    """A row of a deck with one price."""
    steps = {"first_seconds": str(first_s), "step_seconds": str(step_s)}
    return {"prefix": prefix, "price_per_minute": price_per_minute, **steps}


def deck(*rows: Columns, rounding: Case | None = None) -> str:
    """A deck in our own format, in USD."""
    said = rounding or {"method": "none"}
    header = list(dict.fromkeys(name for row in rows for name in row))
    lines = [",".join(row.get(name, "") for name in header) for row in rows]
    comments = ["# currency = USD", f"# rounding = {ROUNDINGS[said['method']]} {said.get('decimals', 6)}"]
    return "\n".join([*comments, ",".join(header), *lines, ""])


def calls(*durations_s: int, callees: Sequence[str] = ()) -> list[Columns]:
    """Calls of Ana, who is in the UK, an hour after each other."""
    first = datetime.fromisoformat(NOON)
    made = []
    for n, duration_s in enumerate(durations_s):
        start = (first + timedelta(hours=n)).strftime("%Y-%m-%dT%H:%M:%SZ")
        callee = callees[n] if callees else UK
        made.append(leg(f"c{n}", start, duration_s, callee) | {"User Location": "GB", "UPN": ANA})
    return made


def micros(amount: str | Decimal | None) -> int:
    """A decimal amount -> millionths; fails where there is none or it has a finer part."""
    assert amount is not None
    value = Decimal(amount) * 1_000_000
    assert value == int(value)
    return int(value)


# --- one check a kind --------------------------------------------------------------------------------------


def call_cost(counter: Counter, case: Case) -> None:
    prefix = case.get("prefix", "44")
    made = deck(rate_row(case["rate"], prefix), rounding=case["rounding"])
    callee = UK if prefix == "44" else f"+{prefix}5550123"
    (row,) = counter.charged(made, calls(case["duration_seconds"], callees=[callee])).rows
    assert (row["state"], row["prefix"]) == ("charged", prefix)
    assert row["billed_seconds"] == case["expected_billed_seconds"]
    assert micros(row["amount"]) == micros(case["expected_cost"])


def call_cost_tod(counter: Counter, case: Case) -> None:
    windows = [
        rate_row(window)
        | {"weekdays": window["weekdays"], "from_time": window["from"], "to_time": window["to"]}
        | {"timezone": "UTC"}
        for window in case["windows"]
    ]
    start, end = (datetime.fromisoformat(case[edge]).replace(tzinfo=UTC) for edge in ("start", "end"))
    told = leg("c0", f"{case['start']}Z", int((end - start).total_seconds()))
    (row,) = counter.charged(deck(*windows, rounding=case["rounding"]), [told]).rows
    assert row["start"] == start
    assert micros(row["amount"]) == micros(case["expected_cost"])


def billed_duration(counter: Counter, case: Case) -> None:
    rate = case["rate"]
    row = plain_row("1", rate["initial_increment_seconds"], rate["increment_seconds"])
    (told,) = counter.charged(deck(row), calls(case["duration_seconds"])).rows
    assert told["billed_seconds"] == case["expected_billed_seconds"]


def duration_rounding(counter: Counter, case: Case) -> None:
    """Of their 0 seconds a file says that nobody answered."""
    row = plain_row("1", case["increment_seconds"], case["increment_seconds"])
    (told,) = counter.charged(deck(row), calls(case["duration_seconds"])).rows
    assert told["billed_seconds"] == case["expected_seconds"]
    assert told["state"] == ("charged" if case["duration_seconds"] else "not_answered")


def rounding(counter: Counter, case: Case) -> None:
    """A fee alone is rounded like any amount."""
    made = deck(plain_row("0") | {"connection_fee": case["value"]}, rounding=case["rounding"])
    (row,) = counter.charged(made, calls(1)).rows
    assert micros(row["amount"]) == micros(case["expected"])


def pool_consumption(counter: Counter, case: Case) -> None:
    pool = case["pool"]
    made = deck(plain_row("1", pool["minimum_seconds"], pool["increment_seconds"]))
    (row,) = counter.charged(made, calls(case["duration_seconds"]), *counter.tenant(minutes=2)).rows
    assert (row["pool_seconds"], row["paid_seconds"]) == (case["expected_pool_seconds"], 0)
    assert row["pool_left_seconds"] == 120 - case["expected_pool_seconds"]


def pool_shared(counter: Counter, case: Case) -> None:
    """After what was used a longer call finds what is left."""
    left_s = case["expected_remaining_seconds"]
    minutes = whole_minutes(case["pool"]["amount_seconds"])
    told = calls(*case["used_seconds"], left_s + 7)
    options = (*counter.tenant(minutes), "--balance", "50")
    *before, last = counter.charged(deck(plain_row("1")), told, *options).rows
    assert before[-1]["pool_left_seconds"] == left_s
    assert (last["pool_seconds"], last["paid_seconds"]) == (left_s, 7)


def auto_recharge(counter: Counter, case: Case) -> None:
    """Their balance is where one call leaves ours: begun with enough money, it may end below zero."""
    below, add, left = case["threshold"], case["amount"], Decimal(case["balance"])
    price = 50 - left
    options = ("--balance", "50", "--recharge-below", below, "--recharge-add", add)
    rows, totals = counter.charged(deck(plain_row(f"{price:f}")), calls(60), *options)
    assert micros(rows[0]["overdraft"]) == micros(max(-left, Decimal(0)))
    assert micros(rows[0]["recharge"]) == micros(case["expected_topup"])
    assert micros(totals["closing_balance"]) == micros(left + Decimal(case["expected_topup"]))


def cdr_batch(counter: Counter, case: Case) -> None:
    """One call of included minutes, then one abroad for each amount."""
    amounts = [-Decimal(delta) for delta in case["deltas"]]
    assert len(set(amounts)) == 1, "a deck has one price a destination"
    abroad = plain_row(f"{amounts[0]:f}", 60, 60, prefix="33")
    told = calls(case["used_seconds"], *[60] * len(amounts), callees=[UK, *[FRANCE] * len(amounts)])
    options = (*counter.tenant(whole_minutes(case["package_seconds"])), "--balance", case["balance"])
    rows, totals = counter.charged(deck(plain_row("1"), abroad), told, *options)
    assert rows[0]["pool_left_seconds"] == case["expected_package_seconds"]
    assert [micros(row["amount"]) for row in rows] == [0, *map(micros, amounts)]
    assert micros(totals["closing_balance"]) == micros(case["expected_balance"])


def max_duration(counter: Counter, case: Case) -> None:
    """The longest call that leaves no overdraft; the tenant's one balance stands for a shared purse."""
    longest_s, made = case["expected_max_seconds"], deck(rate_row(case["rate"]))
    rows, _ = counter.charged(made, calls(longest_s), "--balance", case["balance"])
    assert (rows[0]["state"], micros(rows[0]["overdraft"])) == ("charged", 0)
    if longest_s < case["cap_seconds"]:
        rows, _ = counter.charged(made, calls(longest_s + 1), "--balance", case["balance"])
        assert micros(rows[0]["overdraft"]) > 0


def session_cutoff(counter: Counter, case: Case) -> None:
    max_duration(counter, case | {"cap_seconds": case["expected_max_seconds"] + 1})
    told = calls(case["expected_max_seconds"])
    _, totals = counter.charged(deck(rate_row(case["rate"])), told, "--balance", case["balance"])
    assert micros(totals["closing_balance"]) == micros(case["expected_balance"])


def balance_debit(counter: Counter, case: Case) -> None:
    """Included minutes, then money; a balance that cannot begin is not touched."""
    if "purses" in case:
        first_purse, left = case["purses"][0].split()[0], case["expected_purses"][0]
        blocked(counter, deck(rate_row(case["rate"])), 60, first_purse, left)
        return
    made = deck(rate_row(case["rate"]) if "rate" in case else plain_row("1"))
    shared = "shared_" if "shared_money" in case else ""
    money, left = case[f"{shared}money"], case[f"expected_{shared}money"]
    asked_s: int = case["duration_seconds"]
    served_s: int = case.get("expected_served_seconds", asked_s)
    rows, totals = after_use(counter, made, case["buckets"], served_s, money)
    row = rows[-1]
    assert (row["state"], micros(row["overdraft"])) == ("charged", 0)
    assert micros(totals["closing_balance"]) == micros(left)
    if "expected_cost" in case:
        assert micros(row["amount"]) == micros(case["expected_cost"])
    if "expected_buckets" in case:
        assert row["pool_left_seconds"] == sum(case["expected_buckets"])
    if served_s < asked_s:  # one second more is beyond the money, which the served ones nearly used up
        row = after_use(counter, made, case["buckets"], served_s + 1, money).rows[-1]
        assert micros(row["overdraft"]) > 0


def after_use(counter: Counter, made: str, buckets: Sequence[Case], duration_s: int, money: str) -> Charged:
    """A call whose included minutes are whole ones less what an earlier call used."""
    pool_s = sum(bucket["seconds"] for bucket in buckets)
    minutes = -(-pool_s // 60)  # up: the earlier call takes the rest
    used_s = minutes * 60 - pool_s
    told = calls(*[used_s] if used_s else [], duration_s)
    charged = counter.charged(made, told, *counter.tenant(minutes), "--balance", money)
    if used_s:
        assert (charged.rows[0]["pool_seconds"], charged.rows[0]["pool_left_seconds"]) == (used_s, pool_s)
    return charged


def blocked(counter: Counter, made: str, duration_s: int, money: str, left: str) -> None:
    """A call that the money cannot begin costs nothing and says why."""
    rows, totals = counter.charged(made, calls(duration_s), "--balance", money)
    assert (rows[0]["state"], rows[0]["reason"], micros(rows[0]["amount"])) == ("blocked", "no_credit", 0)
    assert micros(totals["closing_balance"]) == micros(left)


def reservation(counter: Counter, case: Case) -> None:
    """Refused for want of money; what was reserved and released stands in no file."""
    steps = {"price_per_unit": case["price"], "increment_seconds": case["unit_seconds"]}
    made = deck(rate_row(case | steps))
    blocked(counter, made, case["request_seconds"], case["balance"], case["expected_free"])


def whole_minutes(pool_s: int) -> int:
    """The catalogue counts a pool in minutes."""
    minutes, rest_s = divmod(pool_s, 60)
    assert rest_s == 0
    return minutes


KINDS: dict[str, Callable[[Counter, Case], None]] = {
    check.__name__: check
    for check in (
        call_cost,
        call_cost_tod,
        billed_duration,
        duration_rounding,
        rounding,
        pool_consumption,
        pool_shared,
        auto_recharge,
        cdr_batch,
        max_duration,
        session_cutoff,
        balance_debit,
        reservation,
    )
}


@pytest.fixture
def cases(shared_data: Path) -> list[Case]:
    found: list[Case] = json.loads((shared_data / "cases/rating-cases.json").read_text("utf-8"))["cases"]
    return found


def for_files(case: Case) -> bool:
    return case["id"] not in EXCLUDED and case["id"] not in NOT_FOR_FILES


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_cases(cases: list[Case], terminal: Terminal, kind: str, subtests: pytest.Subtests) -> None:
    ours = [case for case in cases if case["kind"] == kind and for_files(case)]
    assert ours, f"no case of kind {kind}"
    for case in ours:
        with subtests.test(case["id"], description=case["description"]):
            KINDS[kind](Counter(terminal), case)


def test_no_case_is_left_out(cases: list[Case]) -> None:
    """What is in the file is charged, not ours, or nothing that a file can say: each by id, each once."""
    charged = [case["id"] for case in cases if case["kind"] in KINDS and for_files(case)]
    assert sorted(case["id"] for case in cases) == sorted([*charged, *EXCLUDED, *NOT_FOR_FILES])
