"""Charges priced anew: what goes back where, what is drawn now, and what stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talktime.core.deck import Deck, RateRow
from talktime.core.limits import ALWAYS_US, NEVER_US
from talktime.ledger.kept_calls import Span
from talktime.ledger.reading import Reader
from talktime.ledger.records import ChargeBody
from talktime.live.answers import Allowed, Settled
from talktime.live.commands import Sweep
from talktime.live.operations import DebitCall, EndCall, ExtendCall, RefundCall, StartCall
from tests.databases import database, fresh_sqlite, sqlite_database
from tests.ledger.test_verify import tampered
from tests.live.ledger_checks import LedgerChecks
from tests.live.live_desk import NOON_US, SECOND, LiveDesk
from tests.live.rated_files import (
    A_SECOND,
    ANN,
    DAN,
    LONDON,
    NOWHERE,
    PARIS,
    booked,
    charges,
    dan,
    everything,
    free,
    rerated,
    row,
    verified,
    written,
)
from tests.live.small_world import FINE, tenant_of
from tests.live.test_posting import UNIT, desk_on, outcomes

__all__ = ["database", "sqlite_database"]  # fixtures


def priced(nanos: int, prefix: str = "44", first: int = 1, step: int = 1, **row: Any) -> Deck:
    """A deck with one price for London."""
    name = f"deck {prefix} {nanos} {first} {step}"
    return Deck(name, name, "USD", (RateRow(prefix, nanos, nanos, first_s=first, step_s=step, **row),))


USUAL = priced(600_000_000)
"""A cent a second, as the rows of files have it."""
HALF, DOUBLE = priced(300_000_000), priced(1_200_000_000)


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[LiveDesk]:
    made = desk_on(database, tmp_path)
    yield made
    assert verified(made).differences == ()
    LedgerChecks(made).check("plain")
    made.close()


@pytest.fixture
def small(sqlite_database: str, tmp_path: Path) -> Iterator[LiveDesk]:
    made = desk_on(sqlite_database, tmp_path)
    yield made
    assert verified(made).differences == ()
    made.close()


def live(desk: LiveDesk, name: str, seconds: int, user: str = DAN, callee: str = LONDON) -> Any:
    """A call from its start to its end."""
    granted = desk.do(StartCall("plain", name, 0, "user_out", user=user, callee=callee, requested_s=600))
    assert isinstance(granted, Allowed), granted
    desk.now_us += seconds * SECOND
    return desk.do(EndCall("plain", name, 1, seconds))


def corrections(desk: LiveDesk) -> list[tuple[Any, ...]]:
    """(debit, credit, amount, lot, entry it corrects) of the corrections in the journal."""
    return desk.rows(
        "select debit, credit, amount, lot, corrects from journal where kind = 'corrected' order by number"
    )


# --- money goes back, money is drawn ---------------------------------------------------------------


def test_cheaper_goes_back_to_the_lots_that_paid_the_last_first(desk: LiveDesk, tmp_path: Path) -> None:
    desk.fund("plain", 50 * A_SECOND)
    desk.fund("plain", 100 * A_SECOND)
    live(desk, "live", 60)  # lot 1: 50, lot 2: 10
    booked(desk, written(tmp_path / "r.parquet", [dan("a", 120)]))  # lot 2: 90, overdraft 30
    assert desk.wallet("plain") == (-30 * A_SECOND, 0, 30 * A_SECOND)
    report = rerated(desk, HALF)
    assert (report.calls, report.corrected, report.old, report.new) == (2, 2, 180 * A_SECOND, 90 * A_SECOND)
    assert report.balances == {"plain": (-30 * A_SECOND, 60 * A_SECOND)}
    assert charges(desk) == {
        "live": (60, 0, 30 * A_SECOND, 30 * A_SECOND, 0, 0),
        "call-a": (120, 0, 60 * A_SECOND, 60 * A_SECOND, 0, 0),
    }
    assert corrections(desk) == [
        ("usage", "credits", 30 * A_SECOND, 2, 5),
        ("usage", "overdraft", 30 * A_SECOND, 0, 5),
        ("usage", "credits", 20 * A_SECOND, 1, 3),
        ("usage", "credits", 10 * A_SECOND, 2, 3),
    ]
    assert desk.lots("plain") == {1: (20 * A_SECOND, 0), 2: (40 * A_SECOND, 0)}


def test_dearer_is_drawn_from_what_is_there_now(desk: LiveDesk) -> None:
    desk.fund("plain", 100 * A_SECOND)
    live(desk, "live", 60)
    report = rerated(desk, DOUBLE)
    assert charges(desk)["live"] == (60, 0, 120 * A_SECOND, 100 * A_SECOND, 0, 20 * A_SECOND)
    assert corrections(desk) == [
        ("credits", "usage", 40 * A_SECOND, 1, 2),
        ("overdraft", "usage", 20 * A_SECOND, 0, 2),
    ]
    assert report.balances == {"plain": (40 * A_SECOND, -20 * A_SECOND)}
    assert desk.notices("plain", "balance_zero") == 1


def test_what_an_open_call_holds_is_not_drawn(small: LiveDesk) -> None:
    small.fund("plain", 160 * A_SECOND)
    live(small, "live", 60)
    small.do(StartCall("plain", "open", 0, "user_out", user=DAN, callee=LONDON, requested_s=90))
    rerated(small, DOUBLE)
    assert charges(small)["live"] == (60, 0, 120 * A_SECOND, 70 * A_SECOND, 0, 50 * A_SECOND)
    assert small.do(EndCall("plain", "open", 1, 90)).amount == 90 * A_SECOND


def test_post_usage_is_reduced_before_credits(small: LiveDesk, tmp_path: Path) -> None:
    small.add(tenant_of("behind"))
    small.fund("behind", 100 * A_SECOND)
    booked(small, written(tmp_path / "r.parquet", [dan("a", 150)], "behind"))
    assert charges(small, "behind")["call-a"][3:] == (100 * A_SECOND, 50 * A_SECOND, 0)
    rerated(small, HALF)
    assert charges(small, "behind")["call-a"][3:] == (75 * A_SECOND, 0, 0)
    assert {name: used for (name, _), (used, _) in small.counters("behind").items()} == {
        "cap:tenant": 75 * A_SECOND
    }
    rerated(small, DOUBLE)
    assert charges(small, "behind")["call-a"][3:] == (100 * A_SECOND, 200 * A_SECOND, 0)


def test_what_comes_back_to_an_expired_lot_is_forfeited(desk: LiveDesk) -> None:
    desk.fund("plain", 60 * A_SECOND, life_us=3_600 * SECOND)
    live(desk, "live", 60)
    desk.now_us += 7_200 * SECOND
    report = rerated(desk, HALF)
    assert charges(desk)["live"] == (60, 0, 30 * A_SECOND, 30 * A_SECOND, 0, 0)
    assert report.balances == {"plain": (0, 0)}
    ((expired,),) = desk.rows("select amount from journal where kind = 'expired'")
    assert expired == 30 * A_SECOND


def test_overdraft_that_a_purchase_repaid_comes_back_as_credits(small: LiveDesk, tmp_path: Path) -> None:
    booked(small, written(tmp_path / "r.parquet", [dan("a", 60)]))
    small.fund("plain", 100 * A_SECOND)
    rerated(small, HALF)
    assert charges(small)["call-a"] == (60, 0, 30 * A_SECOND, 0, 0, 30 * A_SECOND)
    assert small.wallet("plain") == (70 * A_SECOND, 0, 0)


def test_what_a_lot_repaid_that_has_expired_goes_to_the_newest_living_one(
    desk: LiveDesk, tmp_path: Path
) -> None:
    booked(desk, written(tmp_path / "r.parquet", [dan("a", 60)]))
    desk.fund("plain", 100 * A_SECOND, 600 * SECOND)
    desk.now_us += 700 * SECOND
    desk.fund("plain", UNIT)
    rerated(desk, HALF)
    assert desk.wallet("plain") == (UNIT + 30 * A_SECOND, 0, 0)


# --- seconds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "step", "billed_s", "pool_s", "paid_s"),
    [(1, 1, 200, 180, 20), (60, 60, 240, 180, 60), (30, 6, 204, 180, 24), (240, 1, 240, 180, 60)],
)
def test_seconds_are_billed_by_the_new_deck_and_pool_seconds_stay(
    small: LiveDesk, tmp_path: Path, first: int, step: int, billed_s: int, pool_s: int, paid_s: int
) -> None:
    booked(small, written(tmp_path / "r.parquet", [row("a", 200, 180)]))
    rerated(small, priced(600_000_000, first=first, step=step))
    assert charges(small)["call-a"][:3] == (billed_s, pool_s, paid_s * A_SECOND)


def test_pool_seconds_are_cut_to_what_is_billed(desk: LiveDesk) -> None:
    ended = live(desk, "live", 61, user=ANN)
    assert (ended.billed_s, ended.pool_s) == (61, 61)
    minutes = priced(0, first=60, step=60)
    rerated(desk, minutes)
    assert charges(desk)["live"] == (120, 61, 0, 0, 0, 0)
    rerated(desk, USUAL)
    assert charges(desk)["live"] == (61, 61, 0, 0, 0, 0)
    booked_s = {name: used for (name, _), (used, _) in desk.counters("plain").items()}
    assert booked_s == {"pool:SMALL/domestic/GB": 61}


# --- which calls -----------------------------------------------------------------------------------


def test_a_call_that_the_deck_does_not_price_is_listed_and_stays(desk: LiveDesk) -> None:
    desk.fund("plain", UNIT)
    live(desk, "home", 100, user=ANN)
    before = charges(desk)
    report = rerated(desk, priced(600_000_000, "33"))
    assert (report.unpriced, report.corrected) == (1, 0)
    assert [call.call for call in report.unpriced_calls] == ["home"]
    assert charges(desk) == before


def test_an_unrated_call_is_paid_once_there_is_a_rate(small: LiveDesk, tmp_path: Path) -> None:
    unpriced = {"price_per_minute": None, "prefix": "", "rounding": "", "increments": "", "amount": 0}
    ran_on = row("a", 300, pool_s=180) | unpriced | {"state": "unrated", "post_usage": 0}
    small.fund("plain", 10 * UNIT)
    booked(small, written(tmp_path / "r.parquet", [ran_on]))
    rerated(small, USUAL)
    assert charges(small) == {"call-a": (300, 180, 120 * A_SECOND, 120 * A_SECOND, 0, 0)}
    assert corrections(small) == [("credits", "usage", 120 * A_SECOND, 1, 0)]


def test_the_price_is_that_of_the_start(small: LiveDesk, tmp_path: Path) -> None:
    early, late = dan("a", at_s=-7_200), dan("b", at_s=-3_600)
    booked(small, written(tmp_path / "r.parquet", [early, late]))
    from_us = NOON_US - 5_400 * SECOND
    rerated(small, priced(300_000_000, valid_from_us=from_us))
    assert [charges(small)[call][2] for call in ("call-a", "call-b")] == [60 * A_SECOND, 30 * A_SECOND]


def test_only_calls_of_the_span_of_the_tenant_and_of_the_month(desk: LiveDesk, tmp_path: Path) -> None:
    desk.add(tenant_of("off"))  # its months begin in Tokyo
    midnight = -12 * 3_600
    rows = [
        dan(f"{tenant} {at_s}", at_s=midnight + at_s, tenant=tenant)
        for tenant in ("plain", "off")
        for at_s in (-1, 0, -10 * 3_600)
    ]
    booked(desk, written(tmp_path / "r.parquet", rows))
    february, march = 2026 * 12 + 1, 2026 * 12 + 2
    assert (rerated(desk, HALF, yes=False, month=march).corrected) == 3
    assert (rerated(desk, HALF, yes=False, month=february).corrected) == 3
    spans = {
        (ALWAYS_US, NOON_US + midnight * SECOND): 4,
        (NOON_US + midnight * SECOND, NEVER_US): 2,
        (NOON_US + (midnight - 1) * SECOND, NOON_US + midnight * SECOND): 2,
    }
    for (from_us, until_us), corrected in spans.items():
        span = Span(from_us, until_us)
        assert rerated(desk, HALF, yes=False, span=span).corrected == corrected
        assert rerated(desk, HALF, yes=False, span=span._replace(tenants=("off",))).corrected * 2 == corrected
    euros = replace(HALF, currency="EUR")
    assert (rerated(desk, euros).calls, rerated(desk, euros).other_currency) == (0, 6)


def test_free_calls_and_calls_that_no_row_fits_stay(small: LiveDesk, tmp_path: Path) -> None:
    booked(small, written(tmp_path / "r.parquet", [free("in"), dan("a", callee=NOWHERE), dan("b")]))
    before = everything(small)
    report = rerated(small, priced(1, "33"))
    assert (report.calls, report.unpriced, report.corrected) == (2, 2, 0)
    assert everything(small) == before


def test_masked_numbers_are_found_by_what_can_be_seen(small: LiveDesk, tmp_path: Path) -> None:
    booked(small, written(tmp_path / "r.parquet", [dan("a", callee="+44207183****")]))
    assert rerated(small, HALF).corrected == 1


# --- twice, and what comes after -------------------------------------------------------------------


def test_the_deck_that_priced_the_calls_changes_nothing(desk: LiveDesk, tmp_path: Path) -> None:
    desk.fund("plain", 30 * UNIT)
    live(desk, "home", 200, user=ANN)
    live(desk, "abroad", 100, callee=PARIS)
    granted = desk.do(StartCall("plain", "slack", 0, "user_out", DAN, "", "", LONDON, 60))
    assert isinstance(granted, Allowed)
    desk.do(EndCall("plain", "slack", 1, 61))  # a second beyond the grant is not charged
    booked(desk, written(tmp_path / "r.parquet", [row("a", 100, at_s=-50), free("in")]))
    report = rerated(desk, FINE.deck)
    assert (report.calls, report.equal, report.corrected) == (4, 4, 0)


def test_a_second_run_finds_no_difference(desk: LiveDesk, tmp_path: Path) -> None:
    desk.fund("plain", UNIT)
    live(desk, "live", 60)
    booked(desk, written(tmp_path / "r.parquet", [dan("a", 120)]))
    rerated(desk, HALF)
    after = everything(desk)
    report = rerated(desk, HALF)
    assert (report.calls, report.equal, report.corrected, report.balances) == (2, 2, 0, {})
    assert everything(desk) == after


def test_a_dry_run_tells_what_the_real_one_does(desk: LiveDesk, tmp_path: Path) -> None:
    desk.fund("plain", UNIT)
    live(desk, "live", 60)
    booked(desk, written(tmp_path / "r.parquet", [dan("a", 120), row("b", 30, 30)]))
    before = everything(desk)
    dry = rerated(desk, DOUBLE, yes=False)
    assert everything(desk) == before
    real = rerated(desk, DOUBLE)
    assert replace(dry, dry_run=False) == real
    assert real.corrected == 2


def test_a_correction_of_a_correction_names_the_newest(desk: LiveDesk) -> None:
    desk.fund("plain", 10 * UNIT)
    live(desk, "live", 60)
    for deck in (HALF, DOUBLE, USUAL):
        rerated(desk, deck)
    call = Reader(desk.url).call("plain", "live")
    assert call is not None
    assert [(charge.number, charge.corrects) for charge in call.charges] == [(1, 0), (2, 1), (3, 2), (4, 3)]
    assert [(entry.amount, entry.corrects) for entry in call.entries] == [
        (60 * A_SECOND, 0),
        (30 * A_SECOND, 2),
        (90 * A_SECOND, 3),
        (60 * A_SECOND, 4),
    ]
    lines = desk.rows("select what from audit where what not like 'tenant made' order by id")[1:]
    assert lines[0] == (
        "calls re-rated with deck deck 44 300000000 1 1 (deck 44 300000000 1 1): wrong prices",
    )


def test_the_end_of_a_lost_call_is_charged_at_the_new_price(desk: LiveDesk) -> None:
    desk.fund("plain", 10 * UNIT)
    desk.do(StartCall("plain", "lost", 0, "user_out", DAN, "", "", LONDON, 600))
    desk.do(ExtendCall("plain", "lost", 1, 100, 60))
    desk.now_us += 3_600 * SECOND
    swept = desk.do(Sweep("plain", "lost", desk.desks[0].rules))
    assert isinstance(swept, Settled)
    assert rerated(desk, HALF).corrected == 1
    assert charges(desk)["lost"][2] == 50 * A_SECOND
    assert verified(desk).differences == ()
    assert desk.do(EndCall("plain", "lost", 2, 40)).amount == 20 * A_SECOND
    assert desk.wallet("plain")[0] == 10 * UNIT - 20 * A_SECOND
    assert rerated(desk, HALF).equal == 1


@pytest.mark.parametrize(
    ("deck", "before", "after"), [(HALF, 30, 20), (priced(600_000_000, first=60), 60, 60)]
)
def test_a_debit_is_taken_back_by_the_price_it_has_now(
    desk: LiveDesk, deck: Deck, before: int, after: int
) -> None:
    """Also where the new price of the whole debit was the same."""
    desk.fund("plain", 100 * A_SECOND)
    desk.do(DebitCall("plain", "d", 0, "user_out", 60, user=DAN, callee=LONDON))
    rerated(desk, deck)
    assert charges(desk)["d"][2] == before * A_SECOND
    assert desk.do(RefundCall("plain", "d", 0, 20)).amount == after * A_SECOND
    assert desk.wallet("plain") == ((100 - after) * A_SECOND, 0, 0)


def test_a_lost_call_takes_another_rate_that_costs_the_same(desk: LiveDesk) -> None:
    """The first 100 s at once: that is what it has cost, and what its true end of 40 s will cost."""
    desk.fund("plain", 10 * UNIT)
    desk.do(StartCall("plain", "lost", 0, "user_out", DAN, "", "", LONDON, 600))
    desk.do(ExtendCall("plain", "lost", 1, 100, 60))
    desk.now_us += 3_600 * SECOND
    assert isinstance(desk.do(Sweep("plain", "lost", desk.desks[0].rules)), Settled)
    at_once = priced(600_000_000, first=100)
    assert rerated(desk, at_once).corrected == 1
    assert rerated(desk, at_once).equal == 1
    assert desk.do(EndCall("plain", "lost", 2, 40)).amount == 100 * A_SECOND


def test_calls_in_progress_are_counted(desk: LiveDesk) -> None:
    desk.fund("plain", 10 * UNIT)
    live(desk, "over", 60)
    desk.do(StartCall("plain", "open", 0, "user_out", user=DAN, callee=LONDON, requested_s=600))
    spans = [None, Span(ALWAYS_US, NEVER_US, ("plain",)), Span(ALWAYS_US, NEVER_US, ("off",))]
    spans.append(Span(desk.now_us + SECOND, NEVER_US))
    found = [rerated(desk, HALF, yes=False, span=span).in_progress for span in spans]
    assert found == [1, 1, 0, 0]


def test_a_call_that_closed_long_ago_is_corrected(desk: LiveDesk) -> None:
    desk.fund("plain", 10 * UNIT)
    live(desk, "live", 60)
    desk.now_us += 80 * 3_600 * SECOND
    desk.look_round()
    assert desk.rows("select body from sessions") == [("",)]
    assert rerated(desk, HALF).corrected == 1
    assert desk.rows("select state, charge, body from sessions") == [(2, 2, "")]
    assert charges(desk)["live"] == (60, 0, 30 * A_SECOND, 30 * A_SECOND, 0, 0)


def test_a_file_that_is_imported_again_after_it_was_corrected_changes_nothing(
    small: LiveDesk, tmp_path: Path
) -> None:
    file = written(tmp_path / "r.parquet", [dan("a")])
    booked(small, file)
    rerated(small, HALF)
    after = everything(small)
    assert outcomes(booked(small, file)) == {"already_booked": 1}
    assert everything(small) == after


# --- there and back --------------------------------------------------------------------------------

CALLS = st.lists(
    st.tuples(st.sampled_from(["live", "file", "fund"]), st.integers(1, 200), st.booleans()),
    min_size=1,
    max_size=10,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=CALLS, nanos=st.sampled_from([0, 100_000_000, 599_999_999, 900_000_000, 5_000_000_000]))
def test_there_and_back_restores_every_lot(
    calls: list[tuple[str, int, bool]], nanos: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Where no lot expires in between, each holds what it held, and the balance is what it was."""
    folder = tmp_path_factory.mktemp("back")
    with closing(desk_on(fresh_sqlite(folder), folder)) as desk:
        desk.fund("plain", UNIT)
        for number, (kind, amount, is_ann) in enumerate(calls):
            desk.now_us += SECOND
            user = ANN if is_ann else DAN
            if kind == "fund":
                desk.fund("plain", amount * A_SECOND)
            elif kind == "live":
                start = StartCall("plain", f"{number}", 0, "user_out", user, "", "", LONDON, 600)
                if isinstance(desk.do(start), Allowed):
                    desk.do(EndCall("plain", f"{number}", 1, amount))
            else:
                made = row(f"{number}", amount) if is_ann else dan(f"{number}", amount)
                booked(desk, written(folder / "r.parquet", [made]))
        before = (desk.wallet("plain"), desk.lots("plain"), desk.counters("plain"))
        rerated(desk, priced(nanos))
        LedgerChecks(desk).check("plain")
        rerated(desk, USUAL)
        assert (desk.wallet("plain"), desk.lots("plain"), desk.counters("plain")) == before
        assert verified(desk).differences == ()


def test_charges_of_an_older_talktime_are_told_apart(sqlite_database: str, tmp_path: Path) -> None:
    """They do not say what a deck is asked by; that is not the deck's fault."""
    with closing(desk_on(sqlite_database, tmp_path)) as desk:
        booked(desk, written(tmp_path / "rated.parquet", [dan("a"), dan("b")]))
        ((body,),) = desk.rows("select body from charges where call_id = 'call-a'")
        asked = msgspec.json.encode(list(body_asked(body))).decode()
        assert body.count(asked) == 1
        statement = f"update charges set body = replace(body, '{asked}', '[]') where call_id = 'call-a'"
        with tampered(desk.url, statement):
            report = rerated(desk, DOUBLE, yes=False)
        assert (report.calls, report.corrected, report.unasked, report.unpriced) == (2, 1, 1, 0)
        assert [call.call for call in report.unasked_calls] == ["a"]


def body_asked(body: str) -> tuple[str, ...]:
    return msgspec.json.decode(body, type=ChargeBody).facts.asked
