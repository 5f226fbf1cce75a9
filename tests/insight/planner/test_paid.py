"""What was paid: sums worked out by hand, calls behind them, and the file's charges beside ours."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talktime.accounts.tenant import Tenant
from talktime.bulk.run import charge
from talktime.files.read_usage import read_usage
from talktime.files.write_calls import write_report
from talktime.insight.planner import paid as module
from talktime.insight.planner.document import Paid
from talktime.insight.planner.paid import GROUPS, paid, read_charge
from talktime.insight.report import report_of
from talktime.insight.spend import NotReconciledError
from talktime.insight.usage_export import Task
from talktime.insight.usage_files import export_own
from talktime.ledger.verify import verify
from tests.bulk.charged import DOMESTIC_TO, SPENDS, by_minute, call, deck, tenant, us, user
from tests.databases import fresh_sqlite
from tests.insight.planner.replayed import CATALOGUE, FEW, replayed
from tests.live.live_desk import SECOND, LiveDesk, books_of
from tests.live.rated_files import booked
from tests.tables import usage_of

ANA = user("ana", SPENDS, "MCOPSTN5", cost_centre="sales")
BOB = user("bob", SPENDS)
WHO = tenant(ANA, BOB)
FRANCE = "+33142685300"
CALLS = [
    call("2026-03-02 10:00", 60),  # ana to GB: 0.06
    call("2026-03-03 10:00", 300, "bob"),  # 0.30
    call("2026-03-31 23:59", 120, "bob", FRANCE),  # 0.12, ends in April: a call of March
    call("2026-04-01 00:00", 7_800, to=DOMESTIC_TO),  # 120 min included, 10 min: 0.60
    call("2026-04-02 10:00", 60, "bob", "+99912345"),  # no rate
    call("2026-04-03 10:00", 0, "bob", answered=False),
    call("2026-04-04 10:00", 90, call_type="user_in", to="+14255550199"),  # free
]


@cache
def today() -> Paid:
    """All of the usage above."""
    replay, run = replayed(WHO, CALLS)
    return paid(run, replay)


def amounts(by: str) -> dict[str, tuple[int, int]]:
    """Key -> (calls, micros) of the lines."""
    return {line.key: (line.calls, line.amount) for line in today().by[by]}


@pytest.mark.parametrize(
    ("by", "lines"),
    [
        (
            "category",
            {
                "calling_plan_domestic": (1, 600_000),
                "calling_plan_international": (4, 480_000),
                "included_inbound": (1, 0),
            },
        ),
        ("country", {"US": (2, 600_000), "GB": (2, 360_000), "FR": (1, 120_000), "": (1, 0)}),
        ("user", {"ana": (3, 660_000), "bob": (3, 420_000)}),
        ("cost_centre", {"sales": (3, 660_000), "": (3, 420_000)}),
        ("service_number", {"": (6, 1_080_000)}),
        ("month", {"2026-03": (3, 480_000), "2026-04": (3, 600_000)}),
    ],
)
def test_calls_are_summed_six_ways(by: str, lines: dict[str, tuple[int, int]]) -> None:
    assert amounts(by) == lines
    ordered = [amount for _, amount in amounts(by).values()]
    assert by == "month" or ordered == sorted(ordered, reverse=True)


def test_the_sums_of_all() -> None:
    found = today()
    assert (found.calls, found.answered, found.unrated_calls, found.blocked_calls) == (7, 6, 1, 0)
    assert (found.pool_s, found.paid_s, found.free_s) == (7_200, 60 + 300 + 120 + 600, 120)
    assert found.amount == 1_080_000
    assert found.blocked == {}


def test_behind_a_line_stand_its_dearest_calls() -> None:
    calls = [call("2026-03-02 10:00", seconds, id=f"{seconds} s") for seconds in (60, 300, 30, 120, 120)]
    calls[3]["id"], calls[4]["id"] = "first", "later"
    replay, run = replayed(WHO, calls)
    (line,) = paid(run, replay).by["user"]
    told = [(one.call, one.amount, one.user, one.to, one.country) for one in line.dearest]
    assert told == [
        ("300 s", 300_000, "ana", "+442079460000", "GB"),
        ("first", 120_000, "ana", "+442079460000", "GB"),
        ("later", 120_000, "ana", "+442079460000", "GB"),
    ]
    assert line.dearest[0].at_us == us("2026-03-02 10:00")


def test_what_is_beyond_the_lines_stands_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_LINES", 2)
    users = [user(name, SPENDS) for name in "abcd"]
    calls = [call("2026-03-02 10:00", 60 * (at + 1), who) for at, who in enumerate("abcd")]
    replay, run = replayed(tenant(*users), calls)
    lines = paid(run, replay).by["user"]
    assert [(line.key, line.amount, line.others) for line in lines] == [
        ("d", 240_000, 0),
        ("c", 180_000, 0),
        ("", 180_000, 2),
    ]


def test_refused_calls_are_counted_by_reason() -> None:
    calls = [*CALLS, call("2026-04-05 10:00", 60, "zed"), call("2026-04-06 10:00", 60, "zed")]
    replay, run = replayed(WHO, calls)
    found = paid(run, replay)
    assert (found.blocked, found.blocked_calls, found.amount) == ({"not_licensed": 2}, 2, 1_080_000)


def test_lines_that_do_not_come_to_the_total_are_told_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    replay, run = replayed(WHO, CALLS)
    answered = module.answered_calls
    monkeypatch.setattr(module, "answered_calls", lambda *given: answered(*given).head(3))
    with pytest.raises(NotReconciledError, match=r"the calls by category come to .* in 3 calls"):
        paid(run, replay)


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["ana", "bob", "zed"]),
        st.sampled_from([DOMESTIC_TO, FRANCE, "+442079460000", "+99912345"]),
        st.integers(0, 9_000),
        st.integers(0, 89),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=FEW)
@given(rows=ROWS)
def test_every_way_of_summing_comes_to_the_same(rows: list[tuple[str, str, int, int]]) -> None:
    calls = [
        call(f"2026-0{2 + day // 30}-{day % 28 + 1:02} 10:00", seconds, who, to)
        for who, to, seconds, day in rows
    ]
    replay, run = replayed(WHO, calls)
    found = paid(run, replay)
    for by in GROUPS:
        lines = found.by[by]
        assert sum(line.amount for line in lines) == found.amount == sum(run.calls["amount"])
        assert sum(line.calls for line in lines) == found.answered
        assert all(sum(one.amount for one in line.dearest) <= line.amount for line in lines)


# --- charges of the file --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "units", "micros"),
    [
        ("0.06", 60_000_000_000_000, 60_000),
        ("0,06", 60_000_000_000_000, 60_000),
        ("0", 0, 0),
        ("-1.5", -1_500_000_000_000_000, -1_500_000),
        ("0.0000005", 500_000_000, None),
    ],
)
def test_a_charge_is_read_exactly(text: str, units: int, micros: int | None) -> None:
    assert read_charge(text) == (units, micros)


@pytest.mark.parametrize("text", ["", "free", "1.2.3", "0.0000000000000001", "1,000.50"])
def test_what_is_no_amount_is_none(text: str) -> None:
    assert read_charge(text) is None


def test_charges_of_the_file_are_put_beside_ours() -> None:
    charges = [
        ("0.06", "USD", 60),  # the same
        ("0.07", "", 60),  # a cent more
        ("0.0600001", "USD", 60),  # finer than a micro: not the same
        ("9", "EUR", 60),  # another currency
        ("free", "USD", 60),  # no amount
        ("", "USD", 60),
        ("3", "USD", 0),  # not answered
    ]
    calls = [
        call("2026-03-02 10:00", seconds, id=str(at), vendor_charge=charge, vendor_currency=currency)
        for at, (charge, currency, seconds) in enumerate(charges)
    ]
    replay, run = replayed(WHO, calls)
    check = paid(run, replay).vendor
    assert check is not None
    assert (check.calls, check.file, check.ours, check.differing) == (3, 190_000, 180_000, 2)
    assert [one.call for one in check.examples] == ["1", "2"]


def test_a_file_without_charges_is_not_compared() -> None:
    assert today().vendor is None


def test_a_replay_of_what_the_ledger_charged_is_equal_to_the_micro(tmp_path: Path) -> None:
    """A month is booked into a ledger, exported as the planner takes it from there, and charged again."""
    prices = deck(*(by_minute(p, "0.0333", fee_micros=12_345) for p in ("1", "33", "44")))
    who: Tenant = tenant(ANA, BOB, lots=[("2026-03-01 00:00", "500")])
    calls = [
        call(f"2026-03-{at % 28 + 1:02} {at % 24:02}:00", 17 + at * 97, "ana" if at % 4 else "bob", to)
        | {"id": f"id-{at}", "call_id": f"call-{at}"}
        for at in range(60)
        for to in ((DOMESTIC_TO, FRANCE, "+442079460000")[at % 3],)
    ]
    run = charge(usage_of(calls), who, CATALOGUE, prices)
    assert run.totals.blocked_calls == 0
    assert run.totals.amount > 0 < run.totals.pool_s
    write_report(tmp_path / "rated.parquet", report_of(run))
    now_us = us("2026-04-02 00:00")
    desk = LiveDesk(fresh_sqlite(tmp_path), CATALOGUE, books_of(prices), now_us=now_us)
    desk.add(who)
    desk.fund(who.id, 500_000_000)
    assert booked(desk, tmp_path / "rated.parquet").allocation == 0
    out = tmp_path / "own.parquet"
    task = Task(desk.url, None, who.id, "usage", "parquet", 0, now_us + SECOND, now_us, None, out)
    rows = export_own(task)
    assert verify(desk.url, now_us=now_us).differences == ()
    desk.close()
    again, now = replayed(who, read_usage([out]), prices)
    check = paid(now, again).vendor
    assert check is not None
    assert (check.calls, check.differing, check.examples) == (rows, 0, ())
    assert check.file == check.ours == run.totals.amount
    assert rows == run.totals.answered == len(calls)
