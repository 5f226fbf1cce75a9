"""The whole rule of auto-recharge over a file: how much, how often, when it wakes (recharge.md 1 to 4).

Every scene is a few calls at 60 a minute by the second: a second costs 1. All begin with 60 in credits.
"""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from talktime.accounts.tenant import AutoRecharge
from talktime.accounts.tenant_file import read_tenant
from talktime.bulk import settle, wallet
from talktime.bulk.options import Options
from talktime.bulk.result import Run
from talktime.catalog.load import load_catalogue
from talktime.core.money import parse_money
from tests.bulk.charged import SPENDS, by_second, call, charged, column, deck, tenant, us, user
from tests.house.tree import ROOT

UNIT = 1_000_000
DEAR = deck(by_second("44", "60"))
FREE = {"call_type": "user_in"}


def rule(**said: Any) -> AutoRecharge:
    """A rule that is on, as the tenant file says it: money in units."""
    names = {"below", "add", "target", "least", "most", "cap_per_month"}
    known: dict[str, Any] = {name: said[name] for name in said.keys() - names}
    known |= {f"{name}_micros": parse_money(str(said[name])) for name in said.keys() & names}
    return AutoRecharge(enabled=True, **known)


def run_of(own: AutoRecharge, *calls: dict[str, Any], currency: str = "USD", **more: Any) -> Run:
    who = tenant(user("ana", SPENDS), lots=[("2026-03-01 00:00", "60")], auto_recharge=own)
    return charged(replace(who, currency=currency), calls, replace(DEAR, currency=currency), Options(**more))


def paid(run: Run) -> list[tuple[str, str]]:
    """When the rule paid (day and time) and how much, and when a cap was told."""
    return [
        (run_time(m.at_us), m.kind.removeprefix("recharge_") if not m.amount else f"{m.amount / UNIT:g}")
        for m in run.movements
        if m.kind.startswith("recharge")
    ]


def run_time(at_us: int) -> str:
    since_s = (at_us - us("2026-03-01 00:00")) // UNIT
    return f"{1 + since_s // 86_400:02} {since_s // 3_600 % 24:02}:{since_s // 60 % 60:02}:{since_s % 60:02}"


# --- how much --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "spent_s", "bought"),
    [
        ({"below": 20, "add": 50}, 40, []),  # 20.00 is not below 20
        ({"below": 20, "add": 50}, 41, ["50"]),
        ({"below": 20, "target": 100}, 41, ["81"]),
        ({"below": 20, "target": "100.005"}, 41, ["81.01"]),  # a whole cent more
        ({"below": 20, "target": 60}, 41, ["50"]),  # no card pays less than the least purchase
        ({"below": 20, "target": 60, "least": 70}, 41, ["70"]),
        ({"below": 20, "target": 200}, 141, ["281"]),  # what is overdrawn, too
        # the most of one payment: another follows at once while it is below
        ({"below": 20, "add": 50, "most": 75}, 160, ["75", "50"]),
        ({"below": 20, "target": 90, "most": 60}, 160, ["60", "60"]),  # 20.00 is not below 20
        ({"below": 20, "target": 90, "most": 60}, 161, ["60", "60", "60"]),
        ({"below": 20, "add": 50, "most": "50.009"}, 131, ["50", "50"]),  # cut to a whole cent
        # the month's cap cuts to a whole cent, and not below the least payment
        ({"below": 20, "add": 100, "cap_per_month": "170.009"}, 160, ["170"]),
        ({"below": 20, "add": 100, "cap_per_month": "170.009", "least": 171}, 160, ["capped"]),
        ({"below": 20, "target": 500, "cap_per_month": 70, "least": 60}, 41, ["70"]),
        ({"below": 20, "target": 500, "most": 60, "cap_per_month": 130}, 200, ["60", "60", "capped"]),
    ],
)
def test_after_a_call(said: dict[str, Any], spent_s: int, bought: list[str]) -> None:
    run = run_of(rule(**said), call("2026-03-10 10:00", spent_s))
    assert [what for _, what in paid(run)] == bought
    total = sum(round(float(what) * UNIT) for what in bought if what != "capped")
    assert column(run, "recharge") == [total]
    assert run.totals.closing_balance == (60 - spent_s) * UNIT + total


def test_a_payment_is_whole_in_the_coin_of_its_currency() -> None:
    """A yen has no hundredths."""
    run = run_of(rule(below=20, target="9000.4"), call("2026-03-10 10:00", 41), currency="JPY")
    assert [what for _, what in paid(run)] == ["8982"]


def test_options_replace_the_trigger_and_what_is_added_and_keep_the_rest() -> None:
    own = rule(below=50, target=100, most=60, cap_per_month=1_000, payments_a_day=2)
    more: dict[str, Any] = {"recharge_below": 20 * UNIT, "recharge_add": 40 * UNIT}
    run = run_of(own, call("2026-03-10 10:00", 45), call("2026-03-10 11:00", 200), **more)
    assert [what for _, what in paid(run)] == ["40", "60", "capped"]


# --- how often -------------------------------------------------------------------------------------


def test_a_cool_down_ends_by_itself() -> None:
    """What is needed meanwhile waits for its end; it is no cap, so nothing is told."""
    own = rule(below=20, add=50, cool_down_s=3_600)
    first, second = call("2026-03-10 10:00", 50), call("2026-03-10 10:30", 45)
    later = call("2026-03-10 12:00", 1, **FREE)
    assert paid(run_of(own, first, second, later)) == [("10 10:00:50", "50"), ("10 11:00:50", "50")]
    nothing_ends_later = run_of(own, first, second)
    assert paid(nothing_ends_later) == [("10 10:00:50", "50")]


@pytest.mark.parametrize(("ends", "pays"), [("11:00:49", "10 11:00:50"), ("11:00:50", "10 11:00:50")])
def test_it_wakes_before_a_call_that_ends_then(ends: str, pays: str) -> None:
    own = rule(below=20, add=50, cool_down_s=3_600)
    minute, second = int(ends[3:5]), int(ends[6:])
    calls = [call("2026-03-10 10:00", 50), call("2026-03-10 10:30", 45)]
    calls.append(call(f"2026-03-10 11:{minute:02}:{second - 5:02}", 5))
    run = run_of(own, *calls, call("2026-03-10 12:00", 1, **FREE))
    assert paid(run)[1:] == [(pays, "50")]
    woken = ends == "11:00:50"
    assert column(run, "balance_after")[2] == (15 + 50 * woken - 5) * UNIT


def test_an_empty_wallet_refuses_until_it_wakes() -> None:
    own = rule(below=20, add=50, cool_down_s=3_600)
    calls = [call("2026-03-10 10:00", 50), call("2026-03-10 10:30", 70)]
    run = run_of(own, *calls, call("2026-03-10 10:40", 10), call("2026-03-10 11:30", 10))
    assert column(run, "reason") == ["", "", "no_credit", ""]
    assert paid(run) == [("10 10:00:50", "50"), ("10 11:00:50", "50")]


def test_so_many_payments_in_any_24_hours() -> None:
    """Two a day, the day being no calendar's: the third waits until the first is 24 h old."""
    own = rule(below=20, add=50, payments_a_day=2)
    spent = [("10 22:00", 50), ("11 09:00", 45), ("11 21:00", 46), ("11 21:30", 1)]
    run = run_of(own, *(call(f"2026-03-{at}", s) for at, s in spent), call("2026-03-13 00:00", 1, **FREE))
    assert paid(run) == [
        ("10 22:00:50", "50"),
        ("11 09:00:45", "50"),
        ("11 21:00:46", "capped"),  # told once
        ("11 22:00:50", "50"),
    ]


def test_a_day_that_is_full_is_told_again_the_next_time() -> None:
    own = rule(below=20, add=50, payments_a_day=1)
    spent = [("10 10:00", 50), ("10 12:00", 45), ("11 12:00", 46)]
    run = run_of(own, *(call(f"2026-03-{at}", s) for at, s in spent), call("2026-03-13 00:00", 1, **FREE))
    assert paid(run) == [
        ("10 10:00:50", "50"),
        ("10 12:00:45", "capped"),
        ("11 10:00:50", "50"),
        ("11 12:00:46", "capped"),
        ("12 10:00:50", "50"),
    ]


def test_a_cool_down_is_asked_before_a_full_day() -> None:
    """As in calls in progress: the cap is told when the cool-down holds the rule no more (recharge.md 8)."""
    own = rule(below=20, add=50, payments_a_day=1, cool_down_s=7_200)
    calls = [call("2026-03-10 10:00", 50), call("2026-03-10 10:30", 45), call("2026-03-12 00:00", 1, **FREE)]
    assert paid(run_of(own, *calls)) == [
        ("10 10:00:50", "50"),
        ("10 12:00:50", "capped"),
        ("11 10:00:50", "50"),
    ]


def test_a_purchase_makes_the_waking_needless() -> None:
    own = rule(below=20, add=50, cool_down_s=3_600)
    lots = [("2026-03-01 00:00", "60"), ("2026-03-10 11:00:50", "5")]
    who = tenant(user("ana", SPENDS), lots=lots, auto_recharge=own)
    calls = [call("2026-03-10 10:00", 50), call("2026-03-10 10:30", 45)]
    run = charged(who, [*calls, call("2026-03-10 12:00", 1, **FREE)], DEAR)
    assert paid(run) == [("10 10:00:50", "50")]  # 15 and the 5 of that instant: 20.00 is not below 20


def test_a_rest_outlives_the_month() -> None:
    """A new month opens its cap; the cool-down and the 24 h go on (in the tenant's UTC)."""
    own = rule(below=20, add=50, payments_a_day=1, cap_per_month=50)
    calls = [call("2026-03-31 10:00", 50), call("2026-03-31 12:00", 45), call("2026-04-02 00:00", 1, **FREE)]
    assert paid(run_of(own, *calls)) == [
        ("31 10:00:50", "50"),
        ("31 12:00:45", "capped"),
        ("32 10:00:50", "50"),
    ]


def test_a_rule_that_is_off_pays_nothing() -> None:
    own = replace(rule(below=20, target=90, most=60, cool_down_s=60), enabled=False)
    run = run_of(own, call("2026-03-10 10:00", 200), call("2026-03-10 12:00", 1, **FREE))
    assert (paid(run), run.totals.recharges) == ([], 0)


def test_payments_of_one_row_need_more_room_than_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three hundred payments of 50 right after one call; the loop stops halfway in its row, and goes on."""
    own, calls = rule(below=20, add=50, most=50), [call("2026-03-10 10:00", 15_000)]
    monkeypatch.setattr(settle, "LOG_ENTRIES", 1)
    monkeypatch.setattr(wallet, "SPARE_LOTS", 2)
    run = run_of(own, *calls, call("2026-03-11 10:00", 30))
    assert paid(run) == [("10 14:10:00", "50")] * 300
    assert column(run, "recharge") == [15_000 * UNIT, 0]


# --- the page --------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ['add = "200"', 'target = "400"'])
def test_the_page_shows_every_key_of_the_rule(tmp_path: Path, said: str) -> None:
    page = (ROOT / "docs" / "rate.md").read_text("utf-8")
    assert said in page
    shown = page.split("## The tenant file")[1].split("```toml")[1].split("```")[0]
    (tmp_path / "tenant.toml").write_text(shown.replace('add = "200"', said), "utf-8")
    own = read_tenant(tmp_path / "tenant.toml", load_catalogue()).auto_recharge
    key, _, amount = said.partition(" = ")
    limits = {"below": 100, "cap_per_month": 1_000, "least": 60, "most": 300, key: amount.strip('"')}
    assert own == rule(**limits, payments_a_day=3, cool_down_s=900)
    assert all(getattr(own, field.name) for field in fields(own) if field.name not in NOT_SHOWN)


NOT_SHOWN = {"method", "add_micros", "target_micros"}
"""A file asks for no card; and of `add` and `target` a rule has one."""
