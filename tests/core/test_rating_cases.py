"""Cases from the public tests of other charging systems, recomputed with our functions (rulings.md 8).

The cases lie outside the repository. Every one is tested by its kind or stands below with the reason why it
cannot be ours; what needs calls in progress is gone through step by step with the core's functions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from talktime.accounts.calendar import local_minute, to_us
from talktime.core.deck import Call, Deck, RateBook, RateRow
from talktime.core.funding import settle, split
from talktime.core.limits import NO_LIMIT
from talktime.core.money import HALF_UP, MICROS_PLACES, NANOS_PLACES, ROUNDINGS, parse_decimal, parse_money
from talktime.core.pools import crossed, pool_free_s, take
from talktime.core.rating import AFTER_FIRST, amount_micros, billed_seconds
from talktime.core.recharge import recharge_micros
from talktime.core.refusals import NONE, Refusal
from tests.core.drawn import Settle, Settled

Case = dict[str, Any]

EXCLUDED = {
    "P010": "its first segment is longer than one interval: ours is the first interval",
    "P052": "its first segment is longer than one interval: ours is the first interval",
    "P154": "its first segment is longer than one interval: ours is the first interval",
    "P097": "its price changes within the call, at a window's edge: ours is that of the start",
    "P148": "it asks a fee of a call that the pool covers: ours asks none without paid seconds",
    "P133": "it takes whole minutes from the pool: ours gives every second that is left",
    "P151": "its wallet goes below zero without overdraft: ours refuses what it cannot pay",
}

METHODS = ROUNDINGS | {"middle": HALF_UP, "none": HALF_UP}
"""Their words for rounding; "none" are exact amounts, where every method gives the same."""


class Rate(NamedTuple):
    """Their rate in our terms."""

    first_s: int
    step_s: int
    first_price_nanos: int
    price_nanos: int
    fee_micros: int

    def amount(self, billed_s: int, pool_s: int = 0, rounding: int = HALF_UP, decimals: int = 6) -> int:
        prices = (self.first_price_nanos, self.price_nanos, self.fee_micros)
        return amount_micros(min(pool_s, billed_s), billed_s, self.first_s, *prices, rounding, decimals)

    def billed(self, duration_s: int) -> int:
        return billed_seconds(duration_s, self.first_s, self.step_s, AFTER_FIRST)

    def longest(self, asked_s: int, money: int, pool_s: int = 0) -> int:
        """The longest call, up to what is asked, that pool and money cover to its last second."""
        affordable = (s for s in range(1, asked_s + 1) if self.amount(self.billed(s), pool_s) <= money)
        return max(affordable, default=0)

    def settled(self, duration_s: int, money: int, pool_s: int = 0) -> Settled:
        call = Settle(duration_s=duration_s, pool_free_s=pool_s, balance=money, **self._asdict())
        return Settled(*settle(*call))


def per_minute(segment: Case) -> int:
    """A price for some seconds -> nanos a minute, exactly."""
    nanos = Fraction(parse_decimal(segment["price_per_unit"], NANOS_PLACES) * 60, segment["unit_seconds"])
    assert nanos.denominator == 1
    return int(nanos)


def rate_of(case: Case) -> Rate:
    """One segment, or a first one that is exactly the first interval and one for the rest."""
    rate = case["rate"]
    segments = rate.get("segments") or [rate]
    first, rest = segments[0], segments[-1]
    whole = rest is first or rest["from_seconds"] == first["increment_seconds"]
    assert whole or case["duration_seconds"] <= first["increment_seconds"], "a segment of several intervals"
    fee = parse_money(rate.get("connect_fee", "0"))
    return Rate(
        first["increment_seconds"], rest["increment_seconds"], per_minute(first), per_minute(rest), fee
    )


def rounding_of(case: Case) -> tuple[int, int]:
    rounding = case["rounding"]
    return METHODS[rounding["method"]], rounding.get("decimals", MICROS_PLACES)


# --- one check a kind ------------------------------------------------------------------------------


def call_cost(case: Case) -> None:
    rate = rate_of(case)
    billed_s = rate.billed(case["duration_seconds"])
    rounding, decimals = rounding_of(case)
    assert billed_s == case["expected_billed_seconds"]
    assert rate.amount(billed_s, 0, rounding, decimals) == parse_money(case["expected_cost"])


def call_cost_tod(case: Case) -> None:
    rows = tuple(window_row(window) for window in case["windows"])
    start, end = (datetime.fromisoformat(case[edge]).replace(tzinfo=UTC) for edge in ("start", "end"))
    book = RateBook(Deck("cases", "1", "USD", rows))
    row = rows[book.find(Call("", "", "outbound", ""), "44", to_us(start), local_minute)]
    rate = Rate(row.first_s, row.step_s, row.first_price_nanos, row.price_nanos, row.fee_micros)
    assert rate.amount(rate.billed(int((end - start).total_seconds()))) == parse_money(case["expected_cost"])


def window_row(window: Case) -> RateRow:
    """A weekly window as a row of a deck, for every number that begins with 4."""
    first_day, last_day = (int(day) for day in window["weekdays"].split("-"))
    begin, end = (int(t[:2]) * 60 + int(t[3:]) for t in (window["from"], window["to"]))
    price, step_s = per_minute(window), window["increment_seconds"]
    days = sum(1 << day - 1 for day in range(first_day, last_day + 1))
    fee = parse_money(window["connect_fee"])
    return RateRow("4", price, price, fee, step_s, step_s, weekdays=days, from_min=begin, to_min=end)


def billed_duration(case: Case) -> None:
    rate = case["rate"]
    steps = (rate["initial_increment_seconds"], rate["increment_seconds"])
    assert billed_seconds(case["duration_seconds"], *steps, AFTER_FIRST) == case["expected_billed_seconds"]


def duration_rounding(case: Case) -> None:
    step_s = case["increment_seconds"]
    assert billed_seconds(case["duration_seconds"], step_s, step_s, AFTER_FIRST) == case["expected_seconds"]


def rounding(case: Case) -> None:
    """A fee alone is rounded like any amount."""
    method, decimals = rounding_of(case)
    rounded = Rate(1, 1, 0, 0, parse_money(case["value"])).amount(1, 0, method, decimals)
    assert rounded == parse_money(case["expected"])


def pool_consumption(case: Case) -> None:
    pool = case["pool"]
    billed_s = billed_seconds(
        case["duration_seconds"], pool["minimum_seconds"], pool["increment_seconds"], AFTER_FIRST
    )
    assert take(NO_LIMIT, billed_s) == case["expected_pool_seconds"]


def pool_shared(case: Case) -> None:
    free_s = pool_free_s(case["pool"]["amount_seconds"], sum(case["used_seconds"]), 0)
    assert free_s == case["expected_remaining_seconds"]


def pool_notify(case: Case) -> None:
    size_s = case["licences"] * case["pool_minutes"] // case["licences"] * 60
    minutes = range(case["pool_minutes"] + 10)
    told = [m + 1 for percent in (80, 100) for m in minutes if crossed(size_s, m * 60, m * 60 + 60, percent)]
    assert told == case["expected_notify_at_minutes"]


def auto_recharge(case: Case) -> None:
    balance, below, add = (parse_money(case[name]) for name in ("balance", "threshold", "amount"))
    assert recharge_micros(balance, below, add, NO_LIMIT) == parse_money(case["expected_topup"])


def cdr_batch(case: Case) -> None:
    balance = parse_money(case["balance"])
    for delta in case["deltas"]:
        balance -= sum(split(-parse_money(delta), balance, 0))
    assert balance == parse_money(case["expected_balance"])
    free_s = pool_free_s(case["package_seconds"], case["used_seconds"], 0)
    assert free_s == case["expected_package_seconds"]


def max_duration(case: Case) -> None:
    """The longest call that the money pays for; the tenant's one balance stands for a shared purse."""
    longest_s = rate_of(case).longest(case["cap_seconds"], parse_money(case["balance"]))
    assert longest_s == case["expected_max_seconds"]


def session_cutoff(case: Case) -> None:
    rate, balance = rate_of(case), parse_money(case["balance"])
    longest_s = rate.longest(10_000, balance)
    assert longest_s == case["expected_max_seconds"]
    assert balance - rate.settled(longest_s, balance).credits == parse_money(case["expected_balance"])


def balance_debit(case: Case) -> None:
    """Pool, then money, to the longest call that both cover; a purse that cannot begin is not touched."""
    rate = rate_of(case) if "rate" in case else Rate(1, 1, 0, 0, 0)
    purses, left = case.get("purses", []), [*case.get("expected_purses", [])]
    first_purse = purses[0].split()[0] if purses else case["money"]
    money = parse_money(case.get("shared_money", first_purse))
    pool_s = sum(bucket["seconds"] for bucket in case.get("buckets", []))
    asked_s = case.get("duration_seconds", 60)
    served_s = rate.longest(asked_s, money, pool_s)
    answer = rate.settled(served_s or asked_s, money, pool_s)
    assert served_s == case.get("expected_served_seconds", 0 if purses else asked_s)
    assert (served_s < asked_s) == ("expected_error" in case or "expected_cost" in case)
    assert answer.refusal == (NONE if served_s else Refusal.NO_CREDIT)
    assert pool_s - answer.pool_s == sum(case.get("expected_buckets", []))
    if "expected_cost" in case:
        assert answer.amount == parse_money(case["expected_cost"])
    left += [case[name] for name in ("expected_shared_money", "expected_money") if name in case]
    assert money - answer.credits == parse_money(left[0])


def reservation(case: Case) -> None:
    price = parse_decimal(case["price"], NANOS_PLACES) * 60 // case["unit_seconds"]
    rate = Rate(case["unit_seconds"], case["unit_seconds"], price, price, 0)
    if "balance" in case:
        balance = parse_money(case["balance"])
        assert rate.longest(case["request_seconds"], balance) == 0
        answer = rate.settled(case["request_seconds"], balance)
        assert (answer.refusal, balance - answer.credits) == (
            Refusal.NO_CREDIT,
            parse_money(case["expected_free"]),
        )
    elif "buckets" in case:
        lots = [parse_money(lot) for lot in case["buckets"]]
        wanted = rate.settled(case["used_seconds"], sum(lots)).credits
        for at, left in enumerate(lots):  # first in, first out
            taken = take(left, wanted)
            lots[at], wanted = left - taken, wanted - taken
        assert lots == [parse_money(lot) for lot in case["expected_buckets"]]
    else:
        billed_s = rate.billed(sum(case["interim_used_seconds"]))
        assert rate.amount(billed_s) == parse_money(case["expected_cost"])


def session(case: Case) -> None:
    """Quota after quota is authorised; the end settles what was used and releases the rest."""
    rate, balance = rate_of(case), parse_money(case["start_balance"])
    used_s, authorised_s = 0, 0
    while used_s < case["duration_seconds"]:
        authorised_s = rate.longest(used_s + case["quota_seconds"], balance)
        used_s = min(authorised_s, case["duration_seconds"])
    reserved = rate.amount(rate.billed(authorised_s))
    assert reserved == parse_money(case["expected_reserved_before_end"])
    assert balance - reserved == parse_money(case["expected_free_before_end"])
    answer = rate.settled(used_s, balance)
    assert answer.amount == parse_money(case["expected_cost"])
    assert balance - answer.credits == parse_money(case["expected_balance"])


class Purse:
    """Seconds of money, one unit of it a second, reserved by calls in progress (rulings.md 20, 21)."""

    def __init__(self, seconds: int) -> None:
        self.rate = Rate(1, 1, 60 * 10**9, 60 * 10**9, 0)
        self.balance = parse_money(str(seconds))
        self.used_s: dict[int, int] = {}
        self.authorised_s: dict[int, int] = {}

    @property
    def free_s(self) -> int:
        reserved = sum(self.rate.amount(self.rate.billed(s)) for s in self.authorised_s.values())
        return (self.balance - reserved) // parse_money("1")

    def grant(self, call: int, used_s: int, asked_s: int) -> tuple[int, bool]:
        """Seconds granted from what was used on, and whether they are the last."""
        self.used_s[call] = self.used_s.get(call, 0) + used_s
        own = self.rate.amount(self.rate.billed(self.authorised_s.get(call, 0)))
        money = own + parse_money(str(self.free_s))
        self.authorised_s[call] = self.rate.longest(self.used_s[call] + asked_s, money)
        granted_s = self.authorised_s[call] - self.used_s[call]
        return granted_s, granted_s < asked_s

    def end(self, call: int, used_s: int) -> None:
        """Charges what was used, at most what was authorised: one second more is within the slack."""
        duration_s = take(self.authorised_s.pop(call), self.used_s.pop(call) + used_s)
        self.balance -= self.rate.settled(duration_s, self.balance).credits


def concurrency_story(case: Case) -> None:
    purse = Purse(case["credit_seconds"])
    for step in case["steps"]:
        if step["op"] == "terminate":
            purse.end(step["call"], step["used"])
        else:
            expected = (step["expect_granted"], step.get("expect_final_unit", False))
            assert purse.grant(step["call"], step.get("used", 0), step["request"]) == expected
        assert purse.free_s == step["expect_free"]
    assert purse.balance == 0


def session_ro(case: Case) -> None:
    purse = Purse(case["purse_seconds"])
    for step in case["steps"]:
        if "granted" in step:
            expected = (step["granted"], step.get("final_unit", False))
            assert purse.grant(1, step.get("used", 0), step["request"]) == expected
        else:
            purse.end(1, step["used"])
    assert purse.free_s == case["expected_free_after_if_capped_at_grant"]


KINDS: dict[str, Callable[[Case], None]] = {
    check.__name__: check
    for check in (
        call_cost,
        call_cost_tod,
        billed_duration,
        duration_rounding,
        rounding,
        pool_consumption,
        pool_shared,
        pool_notify,
        auto_recharge,
        cdr_batch,
        max_duration,
        session_cutoff,
        balance_debit,
        reservation,
        session,
        concurrency_story,
        session_ro,
    )
}


@pytest.fixture
def cases(shared_data: Path) -> list[Case]:
    found: list[Case] = json.loads((shared_data / "cases/rating-cases.json").read_text("utf-8"))["cases"]
    return found


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_cases(cases: list[Case], kind: str, subtests: pytest.Subtests) -> None:
    ours = [case for case in cases if case["kind"] == kind and case["id"] not in EXCLUDED]
    assert ours, f"no case of kind {kind}"
    for case in ours:
        with subtests.test(case["id"], description=case["description"]):
            KINDS[kind](case)


def test_no_case_is_left_out(cases: list[Case]) -> None:
    """What is in the file is what is tested and what is excluded, by id."""
    tested = {case["id"] for case in cases if case["kind"] in KINDS and case["id"] not in EXCLUDED}
    assert len(cases) == len({case["id"] for case in cases})
    assert {case["id"] for case in cases} == tested | set(EXCLUDED)
    assert len(EXCLUDED) == 7
