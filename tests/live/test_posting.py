"""Rated files into the ledger: what is booked, what is not, and what a second look at the same file finds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talktime.catalog.side import load_masking
from talktime.core.limits import MAX_PRICE_NANOS
from talktime.doors.http.management.shown import call_shown
from talktime.files.usage import UnusableFile
from talktime.insight.usage_rows import UsageRows
from talktime.ledger.kept_calls import KeptCalls
from talktime.ledger.reading import Reader, SeveralRows
from talktime.live.answers import Allowed, Denied, Settled
from talktime.live.operations import CancelCall, EndCall, ExtendCall, StartCall
from talktime.live.posting import agree
from tests.databases import database, fresh_sqlite, sqlite_database
from tests.ledger.test_verify import tampered
from tests.live.ledger_checks import LedgerChecks
from tests.live.live_desk import NOON_US, SECOND, LiveDesk, books_of
from tests.live.rated_files import (
    A_SECOND,
    ANN,
    DAN,
    LONDON,
    PARIS,
    booked,
    charges,
    dan,
    everything,
    free,
    row,
    uncharged,
    verified,
    written,
)
from tests.live.small_world import COARSE, FINE, catalogue_in, tenant_of

__all__ = ["database", "sqlite_database"]  # fixtures

UNIT = 1_000_000
MARCH = 2026 * 12 + 2


def desk_on(database: str, tmp_path: Path, *tenants: str) -> LiveDesk:
    """A desk with these tenants of the small world and both decks."""
    desk = LiveDesk(database, catalogue_in(tmp_path / "catalogue"), books_of(FINE.deck, COARSE.deck))
    for tenant in tenants or ("plain",):
        desk.add(tenant_of(tenant))
    return desk


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[LiveDesk]:
    made = desk_on(database, tmp_path)
    yield made
    made.close()


@pytest.fixture
def small(sqlite_database: str, tmp_path: Path) -> Iterator[LiveDesk]:
    """The same on SQLite only, for what no database can change."""
    made = desk_on(sqlite_database, tmp_path)
    yield made
    made.close()


def outcomes(report: Any) -> dict[str, int]:
    return {outcome.value: number for outcome, number in report.outcomes.items() if number}


# --- what is booked --------------------------------------------------------------------------------


def test_the_price_is_the_rows_and_the_ledger_decides_who_pays(desk: LiveDesk, tmp_path: Path) -> None:
    desk.fund("plain", 3 * UNIT)
    file = written(
        tmp_path / "rated.parquet",
        [
            row("pool", 100, pool_s=100),
            row("both", 200, pool_s=80, at_s=-3000),
            free("in"),
            dan("dan", 500, at_s=-1000),
        ],
    )
    report = booked(desk, file)
    #          billed pool   amount               credits             post  overdraft
    assert charges(desk) == {
        "call-pool": (100, 100, 0, 0, 0, 0),
        "call-both": (200, 80, 120 * A_SECOND, 120 * A_SECOND, 0, 0),
        "call-in": (120, 0, 0, 0, 0, 0),
        "call-dan": (500, 0, 500 * A_SECOND, 180 * A_SECOND, 0, 320 * A_SECOND),
    }
    assert outcomes(report) == {"booked": 4}
    assert (report.booked.amount, report.journal) == (620 * A_SECOND, 620 * A_SECOND)
    assert (report.booked.credits, report.booked.overdraft) == (300 * A_SECOND, 320 * A_SECOND)
    assert (report.allocation, report.differences) == (0, [])
    assert desk.wallet("plain") == (-320 * A_SECOND, 0, 320 * A_SECOND)
    assert desk.counters("plain") == {("pool:SMALL/domestic/GB", MARCH): (180, 0)}
    assert [desk.notices("plain", kind) for kind in ("pool_80", "pool_100", "balance_zero")] == [1, 1, 1]
    assert verified(desk).differences == ()
    LedgerChecks(desk).check("plain")


def test_money_is_post_usage_where_that_stands_behind_and_caps_move(database: str, tmp_path: Path) -> None:
    desk = desk_on(database, tmp_path, "behind", "capped")
    desk.fund("behind", UNIT)
    desk.fund("capped", 9 * UNIT)
    rows = [dan("a", 300, tenant="behind"), row("b", 90, tenant="capped", pool_s=30)]
    report = booked(desk, written(tmp_path / "rated.parquet", rows))
    assert charges(desk, "behind") == {"call-a": (300, 0, 3 * UNIT, UNIT, 2 * UNIT, 0)}
    counters = {name: used for (name, _), (used, _) in desk.counters("capped").items()}
    assert counters == {"pool:SMALL/domestic/GB": 90}  # nobody had used the minutes: the ledger knows better
    assert {name: used for (name, _), (used, _) in desk.counters("behind").items()} == {
        "cap:tenant": 3 * UNIT
    }
    assert (report.allocation, report.tenants) == (1, 2)
    (told,) = report.differences
    assert (told.kind, told.identity) == ("allocation", "b")
    assert (told.pool_s_in_file, told.pool_s) == (30, 90)
    assert (told.amount_in_file, told.amount) == (60 * A_SECOND, 0)
    assert verified(desk).differences == ()
    desk.close()


def test_a_cap_counts_what_an_import_spends_and_is_not_asked(small: LiveDesk, tmp_path: Path) -> None:
    small.add(tenant_of("capped"))
    rows = [row("a", 300, pool_s=180), row("b", 100, at_s=-3000)]
    booked(small, written(tmp_path / "rated.parquet", rows, "capped"))
    assert {name: used for (name, _), (used, _) in small.counters("capped").items()} == {
        "pool:SMALL/domestic/GB": 180,
        "cap:user/ann@example.com": 220 * A_SECOND,
        "cap:cost_centre/sales": 220 * A_SECOND,
        "cap:tenant": 220 * A_SECOND,
    }
    ((body,),) = small.rows("select body from charges where call_id = 'call-b'")
    assert "cap_overrun" in json.loads(body)[6]


def test_rows_that_nobody_pays_for_are_counted_by_state(small: LiveDesk, tmp_path: Path) -> None:
    states = ["blocked", "unrated", "not_answered", "carried_by_operator", "blocked"]
    rows = [uncharged(f"{number}", state) for number, state in enumerate(states)]
    before = everything(small)
    report = booked(small, written(tmp_path / "rated.parquet", rows))
    assert dict(report.scanned.states) == {
        "blocked": 2,
        "unrated": 1,
        "not_answered": 1,
        "carried_by_operator": 1,
    }
    assert (report.scanned.rows, report.scanned.bookable, outcomes(report)) == (5, 0, {})
    assert everything(small) == before


def test_an_unrated_call_takes_the_minutes_that_it_used(small: LiveDesk, tmp_path: Path) -> None:
    """It began on included minutes and ran on without a rate; live it would have taken them, too."""
    unpriced = {"price_per_minute": None, "prefix": "", "rounding": "", "increments": "", "amount": 0}
    ran_on = row("a", 300, pool_s=180) | unpriced | {"state": "unrated", "post_usage": 0}
    report = booked(small, written(tmp_path / "rated.parquet", [ran_on, dan("b", callee=PARIS)]))
    assert (outcomes(report), report.minutes_only) == ({"booked": 2}, 1)
    assert charges(small)["call-a"] == (300, 180, 0, 0, 0, 0)
    assert verified(small).differences == ()


def test_what_an_open_call_holds_stays_its_own(desk: LiveDesk, tmp_path: Path) -> None:
    desk.fund("plain", 2 * UNIT)
    desk.do(StartCall("plain", "live", 0, "user_out", user=ANN, callee=LONDON, requested_s=250))
    report = booked(desk, written(tmp_path / "rated.parquet", [row("a", 100, pool_s=100), dan("b", 50)]))
    assert charges(desk)["call-a"] == (100, 0, UNIT, UNIT, 0, 0)
    assert charges(desk)["call-b"] == (50, 0, 500_000, 300_000, 0, 200_000)
    assert report.allocation == 1
    assert desk.do(EndCall("plain", "live", 1, 250)).amount == 70 * A_SECOND
    assert desk.wallet("plain") == (-200_000, 0, 200_000)
    assert verified(desk).differences == ()


def test_a_call_of_long_ago_takes_the_minutes_of_its_own_month(desk: LiveDesk, tmp_path: Path) -> None:
    long_ago = -200 * 86_400
    booked(desk, written(tmp_path / "rated.parquet", [row("a", 170, 170, long_ago)]))
    booked(desk, written(tmp_path / "more.parquet", [row("b", 30, 10, long_ago + 600)]))
    assert charges(desk)["call-b"] == (30, 10, 20 * A_SECOND, 0, 0, 20 * A_SECOND)
    assert desk.counters("plain") == {("pool:SMALL/domestic/GB", 2025 * 12 + 7): (180, 0)}
    assert verified(desk).differences == ()


# --- once ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_a_second_import_changes_nothing(desk: LiveDesk, tmp_path: Path, ending: str) -> None:
    rows = [row(f"{n}", 40 + n, min(40 + n, max(0, 180 - 41 * n)), at_s=-3000 + n) for n in range(6)]
    rows += [free("in"), uncharged("no", "blocked"), dan("='+1'!A", caller="+44****")]
    file = written(tmp_path / f"rated{ending}", rows)
    first = booked(desk, file, tenant="plain")
    after = everything(desk)
    second = booked(desk, file, tenant="plain")
    assert outcomes(first) == {"booked": 8}
    assert outcomes(second) == {"already_booked": 8}
    assert (second.booked.amount, second.journal) == (0, 0)
    assert everything(desk) == after


def test_a_dry_run_says_the_same_and_books_nothing(desk: LiveDesk, tmp_path: Path) -> None:
    desk.fund("plain", UNIT)
    rows = [row("a", 170, 170), row("b", 100, 10), row("b", 100, 10), dan("c", 60), free("in")]
    file = written(tmp_path / "rated.parquet", rows)
    before = everything(desk)
    dry = booked(desk, file, dry_run=True)
    assert everything(desk) == before
    real = booked(desk, file)
    assert (dry.booked, dry.outcomes, dry.duplicates) == (real.booked, real.outcomes, real.duplicates)
    assert (dry.journal, real.journal) == (None, real.booked.amount)


def test_a_row_that_stands_twice_in_the_file_is_booked_once(small: LiveDesk, tmp_path: Path) -> None:
    rows = [dan("a"), dan("b"), dan("a"), dan("a"), free("in"), free("in")]
    report = booked(small, written(tmp_path / "rated.parquet", rows))
    assert (outcomes(report), report.duplicates) == ({"booked": 3}, 3)
    again = booked(small, written(tmp_path / "rated.parquet", rows))
    assert (outcomes(again), again.duplicates) == ({"already_booked": 3}, 3)


def test_the_same_id_of_two_tenants_is_two_rows(small: LiveDesk, tmp_path: Path) -> None:
    small.add(tenant_of("off"))
    rows = [dan("a", tenant="plain"), dan("a", tenant="off"), dan("a", tenant="")]
    report = booked(small, written(tmp_path / "rated.parquet", rows, "off"))
    assert (outcomes(report), report.duplicates, report.tenants) == ({"booked": 2}, 1, 2)


def test_the_audit_log_has_one_line_a_tenant_and_run(small: LiveDesk, tmp_path: Path) -> None:
    file = written(tmp_path / "rated.parquet", [dan(f"{n}", at_s=n - 3000) for n in range(30)])
    booked(small, file)
    booked(small, file)
    lines = small.rows("select tenant, who, what from audit where what like 'import%'")
    assert lines == [("plain", "a test", "import rated.parquet: rows of a rated file booked")]


def test_the_audit_log_tells_an_import_whose_first_row_is_not_booked(small: LiveDesk, tmp_path: Path) -> None:
    small.fund("plain", 10 * UNIT)
    live(small, 60)
    booked(small, written(tmp_path / "rated.parquet", [dan("a"), dan("b"), dan("c")]))
    assert small.rows("select tenant, who from audit where what like 'import%'") == [("plain", "a test")]


# --- calls that were live ----------------------------------------------------------------------------

CALLER = "+441174960001"


def live(desk: LiveDesk, seconds: int | None, caller: str = CALLER) -> None:
    """A call of dan, an hour ago, with the id of `dan("a")`; `seconds` None: it is in progress."""
    began_us = NOON_US - 3600 * SECOND
    start = StartCall(
        "plain", "call-a", 0, "user_out", user=DAN, caller=caller, callee=LONDON, answered_us=began_us
    )
    assert isinstance(desk.do(start), Allowed)
    if seconds is not None:
        assert isinstance(desk.do(EndCall("plain", "call-a", 1, seconds)), Settled)


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        pytest.param({}, "matched_equal", id="the same"),
        pytest.param({"at_s": -3595}, "matched_equal", id="5 s later"),
        pytest.param({"at_s": -3605}, "matched_equal", id="5 s earlier"),
        pytest.param({"at_s": -3594}, "booked", id="6 s later is another call"),
        pytest.param({"callee": "+442071838751"}, "booked", id="another number"),
        pytest.param({"callee": "+44207183****"}, "matched_equal", id="hidden digits"),
        pytest.param({"callee": "+44207184****"}, "booked", id="hidden digits of another number"),
        pytest.param({"caller": "+441174960002"}, "booked", id="another caller"),
        pytest.param({"caller": ""}, "matched_equal", id="a caller that the file does not tell"),
        pytest.param({"call_id": "other"}, "booked", id="another call id"),
        pytest.param({"seconds": 61}, "matched_different", id="longer"),
        pytest.param({"category": "pay_as_you_go_other"}, "matched_different", id="another category"),
        pytest.param(
            {"price_per_minute": 1_200_000_000, "first_price_per_minute": 1_200_000_000, "amount": 1_200_000},
            "matched_different",
            id="dearer",
        ),
    ],
)
def test_a_call_that_was_charged_live_is_compared(
    small: LiveDesk, tmp_path: Path, told: dict[str, Any], outcome: str
) -> None:
    small.fund("plain", 10 * UNIT)
    live(small, 60)
    known = dan("a", **{"caller": CALLER} | told)
    known["post_usage"] = known["amount"]
    before = everything(small)
    report = booked(small, written(tmp_path / "rated.parquet", [known]))
    assert outcomes(report) == {outcome: 1}
    kinds = {"matched_different": ["matched_different"], "booked": ["other_start"] * report.other_start}
    assert [each.kind for each in report.differences] == kinds.get(outcome, [])
    assert report.other_start == (told.get("at_s") == -3594)
    assert (everything(small) == before) == (outcome != "booked")
    assert verified(small).differences == ()


@pytest.mark.parametrize(("at_s", "callee", "kinds"), [(-3000, LONDON, ["other_start"]), (-3000, PARIS, [])])
def test_a_booked_row_that_is_nearly_a_live_call_is_told(
    small: LiveDesk, tmp_path: Path, at_s: int, callee: str, kinds: list[str]
) -> None:
    small.fund("plain", 10 * UNIT)
    live(small, 60)
    known = dan("a", at_s=at_s, caller=CALLER, callee=callee)
    report = booked(small, written(tmp_path / "rated.parquet", [known]))
    assert outcomes(report) == {"booked": 1}
    assert ([each.kind for each in report.differences], report.other_start) == (kinds, len(kinds))


def test_differences_are_told_with_both_sides(small: LiveDesk, tmp_path: Path) -> None:
    small.fund("plain", 10 * UNIT)
    live(small, 60)
    report = booked(small, written(tmp_path / "rated.parquet", [dan("a", 90)]))
    (told,) = report.differences
    assert (told.billed_s_in_file, told.billed_s) == (90, 60)
    assert (told.amount_in_file, told.amount) == (90 * A_SECOND, 60 * A_SECOND)
    assert (told.tenant, told.call_id, told.place) == ("plain", "call-a", "row 1 (made.csv line 0)")


def test_a_live_call_is_known_long_after_it_closed(desk: LiveDesk, tmp_path: Path) -> None:
    desk.fund("plain", 10 * UNIT)
    live(desk, 60)
    desk.now_us += 80 * 3600 * SECOND
    desk.look_round()
    assert desk.rows("select body from sessions") == [("",)]
    report = booked(desk, written(tmp_path / "rated.parquet", [dan("a"), dan("b")]))
    assert outcomes(report) == {"matched_equal": 1, "booked": 1}


def test_a_call_in_progress_is_not_charged(desk: LiveDesk, tmp_path: Path) -> None:
    desk.fund("plain", 10 * UNIT)
    live(desk, None)
    file = written(tmp_path / "rated.parquet", [dan("a", 60)])
    assert outcomes(booked(desk, file)) == {"in_progress": 1}
    assert isinstance(desk.do(EndCall("plain", "call-a", 1, 60)), Settled)
    assert outcomes(booked(desk, file)) == {"matched_equal": 1}
    assert desk.wallet("plain")[0] == 10 * UNIT - 60 * A_SECOND


def test_a_call_that_the_switch_cancelled_is_told(small: LiveDesk, tmp_path: Path) -> None:
    small.fund("plain", 10 * UNIT)
    live(small, None)
    small.do(CancelCall("plain", "call-a", 1))
    assert outcomes(booked(small, written(tmp_path / "r.parquet", [dan("a")]))) == {"matched_different": 1}
    assert charges(small) == {}


def test_a_live_call_without_a_charge_is_told_when_little_of_it_is_left(
    desk: LiveDesk, tmp_path: Path
) -> None:
    desk.fund("plain", 10 * UNIT)
    live(desk, None)
    desk.do(CancelCall("plain", "call-a", 1))
    desk.now_us += 80 * 3600 * SECOND
    desk.look_round()
    assert desk.rows("select body, charge from sessions") == [("", 0)]
    report = booked(desk, written(tmp_path / "r.parquet", [dan("a"), dan("b")]))
    assert outcomes(report) == {"live_without_charge": 1, "booked": 1}
    assert [(each.kind, each.identity) for each in report.differences] == [("live_without_charge", "a")]
    assert set(charges(desk)) == {"call-b"}


def test_a_charge_that_was_corrected_while_it_was_compared_is_read_again(
    small: LiveDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a call that closed long ago only the number of its charge is left; it is not the one we know."""
    small.fund("plain", 10 * UNIT)
    live(small, 60)
    small.now_us += 80 * 3600 * SECOND
    small.look_round()
    charged, stale = KeptCalls.charged, [True]

    def read(kept: KeptCalls, calls: Any) -> Any:
        found = charged(kept, calls)
        if stale.pop() if stale else False:
            return {call: charge._replace(number=charge.number + 7) for call, charge in found.items()}
        return found

    monkeypatch.setattr(KeptCalls, "charged", read)
    report = booked(small, written(tmp_path / "rated.parquet", [dan("a")]))
    assert (outcomes(report), stale) == ({"matched_equal": 1}, [])
    assert small.rows("select count(*) from charges") == [(1,)]


def test_a_call_that_was_booked_and_then_charged_live_is_told(desk: LiveDesk, tmp_path: Path) -> None:
    desk.fund("plain", 10 * UNIT)
    file = written(tmp_path / "rated.parquet", [dan("a"), dan("b")])
    assert outcomes(booked(desk, file)) == {"booked": 2}
    live(desk, 60)
    report = booked(desk, file)
    assert outcomes(report) == {"booked_and_live": 1, "already_booked": 1}
    assert [(each.kind, each.identity) for each in report.differences] == [("booked_and_live", "a")]


def test_a_booked_row_and_a_live_call_of_another_number_are_two_calls(
    small: LiveDesk, tmp_path: Path
) -> None:
    small.fund("plain", 10 * UNIT)
    file = written(tmp_path / "rated.parquet", [dan("a", callee=PARIS)])
    assert outcomes(booked(small, file)) == {"booked": 1}
    live(small, 60)
    assert outcomes(booked(small, file)) == {"already_booked": 1}


def test_a_denied_call_was_not_charged(small: LiveDesk, tmp_path: Path) -> None:
    start = StartCall("plain", "call-a", 0, "user_out", user=DAN, callee=LONDON)
    assert isinstance(small.do(start), Denied)
    assert outcomes(booked(small, written(tmp_path / "r.parquet", [dan("a")]))) == {"booked": 1}


def test_a_live_call_that_could_be_several_rows_is_not_guessed(small: LiveDesk, tmp_path: Path) -> None:
    small.fund("plain", 10 * UNIT)
    live(small, 60)
    rows = [
        dan("a"),
        dan("b", at_s=-3598, call_id="call-a", callee="+44207183****"),
        dan("c", at_s=-3000, call_id="call-a"),
        dan("d", call_id="call-a", callee=PARIS),
        dan("a"),
    ]
    report = booked(small, written(tmp_path / "rated.parquet", rows))
    assert (outcomes(report), report.duplicates) == ({"ambiguous": 2, "booked": 2}, 1)
    kinds = [(each.kind, each.identity) for each in report.differences]
    assert kinds == [("ambiguous", "a"), ("ambiguous", "b"), ("other_start", "c")]


def test_the_id_of_a_live_call_may_stand_in_another_column(small: LiveDesk, tmp_path: Path) -> None:
    small.fund("plain", 10 * UNIT)
    live(small, 60)
    file = written(tmp_path / "rated.parquet", [dan("z", conference_id="call-a")])
    assert outcomes(booked(small, file, match="conference_id", dry_run=True)) == {"matched_equal": 1}
    assert outcomes(booked(small, file)) == {"booked": 1}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("+4420", "+4420", True),
        ("+442*", "+4420", True),
        ("+4420", "+44**", True),
        ("+4420", "+44***", False),
        ("+4421", "+4420", False),
        ("", "+4420", True),
        ("101", "102", False),
    ],
)
def test_numbers_that_may_be_one(one: str, other: str, same: bool) -> None:
    assert agree(one, other) is same


# --- files that are refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([dan("a", currency="EUR")], "row 1 is in EUR, tenant plain is charged in USD"),
        ([dan("a"), dan("b", tenant="x")], "no such tenant in the ledger: x"),
        ([dan("")], "row 1 has no id"),
        ([dan("x" * 1001)], "row 1 has an id of more than 1000 bytes"),
        ([dan("a"), dan("b", user="a\0b")], "row 2 holds the sign NUL"),
        ([dan("a", price_per_minute=MAX_PRICE_NANOS + 1)], "row 1 holds a number beyond the limits"),
        ([dan("a"), dan("b", start=946_684_799_999_999)], "row 2 holds a number beyond the limits"),
        ([dan("a", start=4_133_980_800_000_000)], "row 1 holds a number beyond the limits"),
        ([dan("a", step_seconds=0)], "row 1 holds a number beyond the limits"),
        ([dan("a", amount=-5, post_usage=-5)], "row 1 holds a number beyond the limits"),
        ([dan("a", amount=5)], "row 1 does not add up: who paid is not the amount"),
        (
            [dan("a", amount=5, post_usage=5)],
            "row 1 (made.csv line 0) does not add up: its rate gives another",
        ),
        ([dan("a", billed_seconds=90)], "row 1 (made.csv line 0) does not add up"),
        ([dan("a", rounding="up")], "row 1 does not say how it was priced"),
        ([dan("a", increments="odd")], "row 1 does not say how it was priced"),
    ],
)
def test_what_cannot_be_trusted_books_nothing(
    small: LiveDesk, tmp_path: Path, rows: list[dict[str, Any]], said: str
) -> None:
    file = written(tmp_path / "rated.parquet", rows)
    before = everything(small)
    with pytest.raises(UnusableFile, match=r"rated\.parquet") as refused:
        booked(small, file)
    assert said in str(refused.value)
    assert everything(small) == before


def test_a_report_of_nobody_needs_a_tenant(small: LiveDesk, tmp_path: Path) -> None:
    for name in ("rated.parquet", "rated.csv"):
        for owner in ("", "default"):
            file = written(tmp_path / name, [dan(f"{name} {owner}", tenant=owner)], tenant="")
            with pytest.raises(UnusableFile, match="row 1 names no tenant; name one by --tenant"):
                booked(small, file)
            assert outcomes(booked(small, file, tenant="plain")) == {"booked": 1}


def test_whose_calls_they_are_is_said_by_the_file(small: LiveDesk, tmp_path: Path) -> None:
    file = written(tmp_path / "rated.parquet", [dan("a", tenant="plain")])
    small.add(tenant_of("off"))
    with pytest.raises(UnusableFile, match="row 1 is of tenant plain, not of off; leave --tenant out"):
        booked(small, file, tenant="off")
    assert outcomes(booked(small, file, tenant="plain")) == {"booked": 1}


# --- afterwards ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "update charges set amount = amount - 1, credits = credits - 1 where call_id = 'call-b'",
        "update charges set pool_s = 179 where call_id = 'call-a'",
        "update charges set body = replace(body, '\"a\"', '\"z\"') where call_id = 'call-a'",
        "update charges set call_id = 'other' where call_id = 'call-a'",
        "update imported set identity = 'z' where identity = 'a'",
        "update imported set charge = 2 where identity = 'a'",
        "update imported set charge = 9 where identity = 'a'",
        "update imported set call_id = '' where identity = 'a'",
        "delete from imported where identity = 'a'",
        "update counters set used = 0",
    ],
)
def test_whoever_changes_an_imported_charge_is_found(small: LiveDesk, tmp_path: Path, statement: str) -> None:
    small.fund("plain", 10 * UNIT)
    booked(small, written(tmp_path / "rated.parquet", [row("a", 200, 180), dan("b")]))
    with tampered(small.url, statement):
        assert verified(small).found > 0
    assert verified(small).differences == ()


def test_a_call_is_found_by_row_or_call_id(desk: LiveDesk, tmp_path: Path) -> None:
    rows = [dan("a"), dan("b", call_id="shared"), dan("c", call_id="shared"), dan("d", call_id="")]
    booked(desk, written(tmp_path / "rated.parquet", rows))
    reader = Reader(desk.url)
    for word in ("a", "call-a"):
        call = reader.call("plain", word)
        assert call is not None
        assert [charge.call_id for charge in call.charges] == ["call-a"]
        assert [entry.amount for entry in call.entries] == [60 * A_SECOND]
        people = UsageRows(tenant_of("plain"), catalogue_in(tmp_path / "catalogue"), load_masking())
        shown = call_shown(call, people)
        assert (shown.state, shown.due_at, len(shown.charges)) == ("imported", None, 1)
        assert shown.facts is not None
        assert (shown.facts.user, shown.facts.callee) == (DAN, LONDON)
    with pytest.raises(SeveralRows, match="name one by its row id: b, c"):
        reader.call("plain", "shared")
    assert reader.call("plain", "") is None
    assert reader.call("off", "a") is None


# --- in any order ------------------------------------------------------------------------------------

ROWS = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["ann", "dan", "in"]), st.integers(1, 150)),
    max_size=6,
    unique_by=lambda each: each[0],
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("import"), ROWS),
        st.tuples(st.just("start"), st.sampled_from("abcd"), st.integers(1, 200)),
        st.tuples(st.just("extend"), st.sampled_from("abcd"), st.integers(1, 200)),
        st.tuples(st.just("end"), st.sampled_from("abcd"), st.integers(0, 250)),
        st.tuples(st.just("fund"), st.integers(1, 4 * UNIT), st.integers(1, 600)),
        st.tuples(st.just("wait"), st.integers(1, 400)),
    ),
    max_size=12,
)


def made(kind: str, name: str, seconds: int) -> dict[str, Any]:
    """A row that is the same whenever it is made."""
    if kind == "in":
        return free(name, seconds)
    return dan(name, seconds) if kind == "dan" else row(name, seconds)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_imports_between_live_calls_leave_a_right_ledger(
    steps: list[tuple[Any, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("mixed")
    with closing(desk_on(fresh_sqlite(folder), folder)) as desk:
        checks = LedgerChecks(desk)
        for sequence, step in enumerate(steps):
            match step:
                case ("import", rows):
                    booked(desk, written(folder / "r.parquet", [made(kind, n, s) for n, kind, s in rows]))
                case ("start", name, seconds):
                    desk.do(
                        StartCall("plain", f"call-{name}", sequence, "user_out", ANN, "", "", LONDON, seconds)
                    )
                case ("extend", name, seconds):
                    desk.do(ExtendCall("plain", f"call-{name}", sequence, seconds, 60))
                case ("end", name, seconds):
                    desk.do(EndCall("plain", f"call-{name}", sequence, seconds))
                case ("fund", amount, life_s):
                    desk.fund("plain", amount, life_s * SECOND)
                case ("wait", seconds):
                    desk.now_us += seconds * SECOND
                    desk.look_round()
                case _:
                    raise AssertionError(step)
            checks.check("plain")
        assert verified(desk).differences == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10)
@given(rows=ROWS, cut=st.integers(0, 6))
def test_an_import_in_two_goes_is_one_import(
    rows: list[tuple[str, str, int]], cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever part of a file was booked before, the whole file then leaves what it alone would have left."""
    folder = tmp_path_factory.mktemp("goes")
    calls = [made(kind, name, seconds) for name, kind, seconds in rows]
    left = []
    for goes in ([calls], [calls[:cut], calls, calls]):
        with closing(desk_on(fresh_sqlite(folder), folder)) as desk:
            desk.fund("plain", UNIT)
            for go in goes:
                booked(desk, written(folder / "rated.parquet", go))
            tables = everything(desk)
        left.append(
            {name: tables[name] for name in ("wallets", "journal", "charges", "counters", "imported")}
        )
    kept, same = (
        {name: [_settled(each) for each in rows_] for name, rows_ in tables.items()} for tables in left
    )
    assert kept == same


def _settled(stored: tuple[Any, ...]) -> tuple[Any, ...]:
    """A stored row; the wallet's version counts transactions, which are more where there were more goes."""
    return stored[:1] + stored[2:] if stored[0] == "plain" and len(stored) > 14 else stored
