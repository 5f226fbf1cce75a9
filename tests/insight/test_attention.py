"""What to look at: each finding from a run that has just that, none from a run that has nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from talktime.bulk.result import Run
from talktime.files.instants import parse_instant
from talktime.files.usage import Rejected
from talktime.insight.attention import attention
from talktime.insight.finding import Detail, Finding, Weight
from talktime.insight.wording import FLAGS, REASONS
from tests.insight.made_runs import BLOCKED, DECK, FREE, PAID, UNRATED, lot, moved, pool, run_of

AT_80 = parse_instant("2026-03-20T10:00:00Z")
AT_100 = parse_instant("2026-03-25T10:00:00Z")


def findings(rows: Sequence[Mapping[str, Any]], **changes: Any) -> dict[str, Finding]:
    """The findings of a made run by kind."""
    return by_kind(run_of(rows, **changes))


def by_kind(run: Run) -> dict[str, Finding]:
    """The findings of a run by kind; no kind occurs twice here."""
    found = attention(run)
    assert len({finding.kind for finding in found}) == len(found)
    return {finding.kind: finding for finding in found}


def test_nothing_to_look_at() -> None:
    assert attention(run_of([PAID, FREE], lots=(lot(),), pools=(pool(60),))) == ()


def test_blocked_calls_are_told_by_reason_and_user() -> None:
    rows = [BLOCKED, BLOCKED, BLOCKED | {"user": "bob@contoso.example"}, BLOCKED | {"reason": "spend_cap"}]
    found = findings(rows)
    assert set(found) == {"blocked:no_credit", "blocked:spend_cap"}
    finding = found["blocked:no_credit"]
    assert finding.weight is Weight.NOW
    assert finding.sentence == "3 calls (12 min) blocked: the balance did not cover the first interval."
    assert finding.remedy == "Buy credits or switch auto-recharge on."
    assert finding.details == (Detail("ana@contoso.example", 2, 480), Detail("bob@contoso.example", 1, 240))


def test_unrated_calls_are_told_by_leading_digits() -> None:
    rows = [
        UNRATED,
        UNRATED | {"callee": "+27729999999"},
        UNRATED | {"callee": "118", "country": ""},
        UNRATED | {"callee": "", "country": "", "unrated_seconds": 60},
    ]
    finding = findings(rows)["unrated"]
    assert finding.sentence == "4 calls (13 min) could not be priced: the deck has no row."
    assert [detail.what for detail in finding.details] == [
        "+2772... ZA (calling_plan_international)",
        "118 (calling_plan_international)",
        "no number (calling_plan_international)",
    ]
    assert [(detail.count, detail.seconds) for detail in finding.details] == [(2, 480), (1, 240), (1, 60)]


def test_unrated_calls_that_came_in_miss_an_inbound_row() -> None:
    toll_free = UNRATED | {"call_type": "ucap_in", "category": "toll_free", "callee": "+18005550100"}
    alone = findings([toll_free])["unrated"]
    assert alone.sentence == "1 call (4 min) could not be priced: the deck has no inbound row."
    assert alone.details[0].what == "+1800... ZA (toll_free, inbound)"
    both = findings([toll_free, UNRATED])["unrated"]
    assert both.sentence.endswith("the deck has no row.")
    assert [detail.what.endswith("inbound)") for detail in both.details] == [True, False]


def test_what_is_beyond_the_first_five_is_counted() -> None:
    rows = [UNRATED | {"callee": f"+27{number}1234567"} for number in range(10, 17)]
    finding = findings(rows)["unrated"]
    assert len(finding.details) == 5
    assert "(2 more destinations below the first 5)" in finding.sentence


def test_money_that_ran_out_comes_first() -> None:
    ran_out = parse_instant("2026-03-17T14:02:05Z")
    movements = (
        moved("2026-03-18T00:00:00Z", "recharge_capped", 0, 5),
        moved("2026-03-19T00:00:00Z", "recharge_capped", 0, 5),
    )
    run = run_of(
        [PAID, UNRATED], totals={"money_ran_out_at_us": ran_out, "overdraft": 2_500_000}, movements=movements
    )
    found = attention(run)
    assert [finding.kind for finding in found] == ["money_ran_out", "overdraft", "recharge_capped", "unrated"]
    assert [finding.sentence for finding in found[:3]] == [
        "The money ran out at 2026-03-17 14:02:05 UTC.",
        "2.5 USD are overdrawn.",
        "Auto-recharge met a cap, first at 2026-03-18 00:00:00 UTC.",
    ]


@pytest.mark.parametrize(
    ("use", "told"),
    [
        (pool(144_000, at_80_us=AT_80), None),
        (
            pool(144_060, at_80_us=AT_80),
            "is 80 % used (2,401 min of 3,000 min), 80 % since 2026-03-20 10:00:00 UTC.",
        ),
        (
            pool(180_000, at_80_us=AT_80, at_100_us=AT_100),
            "was used up at 2026-03-25 10:00:00 UTC (3,000 min of 3,000 min).",
        ),
        (pool(10**9, None), None),
        (pool(0, 0), None),
    ],
)
def test_pools_beyond_80_percent_are_told(use: Any, told: str | None) -> None:
    found = [finding.sentence for finding in attention(run_of([PAID], pools=(use,)))]
    assert found == ([] if told is None else [f"Pool PLAN domestic US/PR 2026-03 {told}"])


@pytest.mark.parametrize(
    ("expires", "told"), [("2026-04-30T00:00:00Z", True), ("2026-05-01T00:00:00Z", False)]
)
def test_lots_that_expire_within_60_days_of_the_end_are_told(expires: str, told: bool) -> None:
    call = PAID | {"start": "2026-03-01T00:00:00Z", "end": "2026-03-01T00:00:00Z"}
    found = findings([call], lots=(lot(expires_at_us=parse_instant(expires)),))
    assert ("expires_soon" in found) is told
    if told:
        assert found["expires_soon"].sentence == "49.92 USD of lot opening expire at 2026-04-30 00:00:00 UTC."


def test_an_empty_or_an_expired_lot_will_not_expire() -> None:
    soon = parse_instant("2026-03-20T00:00:00Z")
    lots = (
        lot("a", left=0, expires_at_us=soon),
        lot("b", expires_at_us=parse_instant("2026-02-01T00:00:00Z")),
    )
    assert findings([PAID], lots=lots) == {}


def test_credits_that_expired_are_told() -> None:
    assert findings([PAID], lots=(lot(forfeited=9_684_000, left=0),))["expired"].sentence == (
        "9.684 USD of credits expired unused."
    )


def test_flags_are_told_one_by_one() -> None:
    rows = [
        PAID | {"flags": "masked_price;unknown_user"},
        PAID | {"flags": "unknown_user", "user": "bob@contoso.example"},
        PAID | {"flags": "brand_new"},
    ]
    found = findings(rows)
    assert set(found) == {"masked_price", "unknown_user", "brand_new"}
    assert (
        found["unknown_user"].sentence
        == "2 calls flagged unknown_user: the tenant file does not name the user."
    )
    assert [detail.what for detail in found["unknown_user"].details] == [
        "ana@contoso.example",
        "bob@contoso.example",
    ]
    assert found["masked_price"].details == (Detail("+442071838750", 1, 240, 80_000),)
    assert found["brand_new"].sentence == "1 call flagged brand_new: brand new."


def test_rejected_rows_are_told_by_reason() -> None:
    rejected = (
        Rejected("a.csv", 7, "negative duration"),
        Rejected("a.csv", 9, "impossible date"),
        Rejected("b.csv", 3, "negative duration"),
    )
    run = run_of([PAID])
    run = replace(run, usage=replace(run.usage, rejected=rejected, rejected_rows=12))
    finding = by_kind(run)["rejected_rows"]
    assert finding.sentence == "12 rows of the files could not be used and were set aside."
    assert finding.details == (
        Detail("negative duration (first: a.csv, line 7)", 2, unit="row"),
        Detail("impossible date (first: a.csv, line 9)", 1, unit="row"),
    )


def test_sample_prices_and_unused_columns_are_told() -> None:
    run = run_of([PAID], deck=replace(DECK, sample=True))
    run = replace(run, usage=replace(run.usage, columns_unknown=("SBC FQDN", "Media bypass")))
    found = by_kind(run)
    assert found["sample_deck"].sentence.startswith("Deck ours holds sample prices")
    assert found["unknown_columns"].sentence == "2 columns not used: SBC FQDN, Media bypass."


def test_one_rejected_row_was_and_further_reasons_are_counted() -> None:
    run = run_of([PAID])
    one = replace(run, usage=replace(run.usage, rejected=(Rejected("a.csv", 7, "odd"),), rejected_rows=1))
    assert by_kind(one)["rejected_rows"].sentence == (
        "1 row of the files could not be used and was set aside."
    )
    many = tuple(Rejected("a.csv", line, f"reason {line}") for line in range(8))
    finding = by_kind(replace(run, usage=replace(run.usage, rejected=many, rejected_rows=8)))["rejected_rows"]
    assert finding.sentence == (
        "8 rows of the files could not be used and were set aside (3 more reasons below the first 5)."
    )
    assert (
        finding.remedy
        == "Sheet 'rejected rows' of a report written as .xlsx lists them with line and reason."
    )
    assert len(finding.details) == 5
    assert finding.as_json()["details"][0]["rows"] == 1


def test_a_call_that_passed_its_cap_is_told_by_user() -> None:
    finding = findings([PAID | {"flags": "cap_overrun"}])["cap_overrun"]
    assert finding.sentence == (
        "1 call flagged cap_overrun: the call began below a monthly spend cap and passed it."
    )
    assert finding.details == (Detail("ana@contoso.example", 1, 240, 80_000),)


def test_a_finding_as_json_has_decimal_strings() -> None:
    details = (Detail("ana", 2, 90, 1_500_000), Detail("bob", 1))
    assert Finding("kind", Weight.NOW, "Told.", "Do.", details).as_json() == {
        "kind": "kind",
        "weight": "now",
        "sentence": "Told.",
        "remedy": "Do.",
        "details": [
            {"what": "ana", "calls": 2, "minutes": "1.5", "amount": "1.5"},
            {"what": "bob", "calls": 1, "minutes": None, "amount": None},
        ],
    }


def test_every_reason_and_flag_of_the_program_has_words() -> None:
    from talktime.bulk import assemble, prepare
    from talktime.catalog.classify import FLAG_SCOPE
    from talktime.catalog.load import load_catalogue
    from talktime.core.refusals import Refusal

    reasons = {refusal.code for refusal in Refusal} - {"", "duplicate_call", "conflict"}
    assert reasons <= set(REASONS)
    flags = {
        FLAG_SCOPE,
        *(category.flag for category in load_catalogue().categories.values() if category.flag),
    }
    flags |= {
        value
        for module in (prepare, assemble)
        for name, value in vars(module).items()
        if name.startswith("FLAG_")
    }
    assert len(flags) >= 5
    assert flags <= set(FLAGS)
