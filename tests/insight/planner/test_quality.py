"""What the usage can tell and what it cannot: bad input, each kind with the sentence it gets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from talktime.accounts.tenant import Licence, Tenant
from talktime.core.deck import Deck
from talktime.files.usage import Rejected
from talktime.insight.planner.document import CANNOT, CAUTION, GOOD, NOTE
from talktime.insight.planner.quality import Found, quality
from tests.bulk.charged import ABROAD, DOMESTIC_TO, SPENDS, by_second, call, deck, tenant, us, user
from tests.insight.planner.replayed import CATALOGUE, each_day, replayed
from tests.tables import usage_of

ANA = user("ana", SPENDS, "MCOPSTN1")
WHO = tenant(ANA)


def found(
    calls: Iterable[dict[str, Any]],
    who: Tenant = WHO,
    prices: Deck | None = None,
    now_us: int | None = None,
    **usage: Any,
) -> Found:
    whole = replace(usage_of(calls), **usage)
    _, run = replayed(who, whole, prices)
    return quality(whole.without_calls(), run, who, CATALOGUE, now_us)


def said(told: Found, *words: str) -> list[tuple[str, str]]:
    """(weight, text) of the statements that have all these words."""
    return [(one.weight, one.text) for one in told.said if all(word in one.text for word in words)]


def days(first: str, last: str, **more: Any) -> list[dict[str, Any]]:
    """A minute abroad each weekday."""
    return each_day(first, last, **more)


# --- time -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "weight", "words"),
    [
        ("2026-03-02", CANNOT, "The usage holds 1 day (2026-03-02), a week or less: nothing can be said of"),
        ("2026-03-06", CANNOT, "The usage holds 5 days (2026-03-02 to 2026-03-06), a week or less: nothing"),
        (
            "2026-03-13",
            CANNOT,
            "The usage holds 12 days (2026-03-02 to 2026-03-13), less than two weeks: not",
        ),
        (
            "2026-04-10",
            CAUTION,
            "The usage holds 40 days (2026-03-02 to 2026-04-10), less than six weeks: a g",
        ),
    ],
)
def test_little_usage(last: str, weight: str, words: str) -> None:
    told = found(days("2026-03-02", last))
    assert [(one, text[: len(words)]) for one, text in said(told, "The usage holds")] == [(weight, words)]
    assert said(told, "whole months without gaps") == []


def test_one_week_has_no_whole_month() -> None:
    told = found(days("2026-03-09", "2026-03-13"))
    assert (told.months, told.full_months) == (("2026-03",), ())
    ((weight, text),) = said(told, "No calendar month")
    assert weight == CAUTION
    assert text.startswith(
        "No calendar month is here as a whole (of 2026-03 only 2026-03-09 to 2026-03-13 is here). Plans are"
    )


def test_whole_months_are_good() -> None:
    told = found(days("2026-01-02", "2026-03-31"))  # New Year's Day is missing: a month begins with a holiday
    assert told.full_months == told.months == ("2026-01", "2026-02", "2026-03")
    assert [(one.weight, one.text) for one in told.said] == [
        (GOOD, "3 whole months without gaps, 2026-01 to 2026-03.")
    ]


def test_months_in_part() -> None:
    told = found(days("2026-01-14", "2026-04-17"))
    assert told.months == ("2026-01", "2026-02", "2026-03", "2026-04")
    assert told.full_months == ("2026-02", "2026-03")
    assert said(told, "is here") == [
        (NOTE, f"2026-{part}: it is not taken for a whole month, and plans are compared without it.")
        for part in ("01 is here from 2026-01-14 on", "04 is here until 2026-04-17")
    ]


def test_months_are_those_of_the_tenants_zone() -> None:
    calls = [call("2026-04-01 01:00", 60), call("2026-03-02 10:00", 60)]
    assert found(calls).months == ("2026-03", "2026-04")
    assert found(calls, tenant(ANA, time_zone="America/New_York")).months == ("2026-03",)


def without(calls: list[dict[str, Any]], first: str, last: str) -> list[dict[str, Any]]:
    """The calls but those of some days."""
    return [one for one in calls if not first <= one["start"][:10] <= last]


def test_days_without_calls_are_told_as_spans() -> None:
    calls = without(days("2026-01-01", "2026-03-31"), "2026-02-10", "2026-02-11")
    told = found(without(calls, "2026-03-05", "2026-03-05"))
    assert said(told, "No call on") == [
        (
            CAUTION,
            "No call on 3 days on which there usually are some (2026-02-10 to 2026-02-11, 2026-03-05): "
            "an outage or holidays? They are left out of the forecast. "
            "If the export lost them, bring it again.",
        )
    ]
    assert told.full_months == ("2026-01", "2026-02", "2026-03")
    assert said(told, "without gaps") == []


def test_a_month_with_an_outage_is_not_a_whole_one() -> None:
    daily = each_day("2026-01-01", "2026-03-31", weekdays=range(7))
    told = found(without(daily, "2026-02-09", "2026-02-15"))
    assert told.full_months == ("2026-01", "2026-03")
    assert said(told, "lacks") == [
        (
            CAUTION,
            "2026-02 lacks 7 days: it is not taken for a whole month, and plans are compared without it.",
        )
    ]


def test_months_far_apart() -> None:
    told = found([*days("2026-01-01", "2026-02-28"), *days("2026-06-01", "2026-06-30")])
    assert told.months == ("2026-01", "2026-02", "2026-06")
    absent = said(told, "There are no calls at all in 2026-03 to 2026-05")
    assert [weight for weight, _ in absent] == [CAUTION]
    assert said(told, "No call on") == []


# --- who calls ----------------------------------------------------------------------------------------------


def test_users_who_left_and_came() -> None:
    calls = [
        *days("2026-01-01", "2026-03-31"),
        *days("2026-01-01", "2026-02-27", who="leo"),
        *days("2026-01-01", "2026-02-10", who="lea"),
        *days("2026-03-02", "2026-03-31", who="nia"),
        *days("2026-02-02", "2026-03-31", who="mid"),
    ]
    gone = Licence("MCOPSTN2", until_us=us("2026-03-01 00:00"))
    leo, lea = user("leo", SPENDS, "MCOPSTN1", "MCOEV"), user("lea", SPENDS, gone, "MCOEV")
    who = tenant(ANA, leo, lea, *(user(name, SPENDS, "MCOPSTN1") for name in ("nia", "mid")))
    told = found(calls, who)
    assert said(told, "called before") == [
        (
            NOTE,
            "2 users called before 2026-03 and not since (leo, lea). What they cost is still in the "
            "forecast, and they still hold 2 MCOEV, 1 MCOPSTN1: if they left, take these licences back.",
        )
    ]
    assert said(told, "first time") == [
        (
            NOTE,
            "1 user called for the first time in 2026-03 or later (nia): "
            "little is known of what they will call.",
        )
    ]


def test_of_one_whole_month_nobody_is_said_to_have_left() -> None:
    calls = [*days("2026-02-02", "2026-03-10"), *days("2026-02-02", "2026-02-10", who="leo")]
    assert said(found(calls, tenant(ANA, user("leo", "MCOPSTN1"))), "called before") == []


def test_licences_of_users_who_never_call() -> None:
    silent = [user(name, SPENDS, "MCOPSTN1", "MCOEV") for name in ("s1", "s2")]
    told = found(days("2026-03-02", "2026-03-31"), tenant(ANA, *silent, user("free", SPENDS)))
    assert said(told, "made no call") == [
        (
            NOTE,
            "2 users of the tenant file made no call and got none in 30 days (s1, s2). "
            "Their licences were not used: 2 MCOEV, 2 MCOPSTN1.",
        )
    ]


def test_users_whom_the_tenant_file_does_not_name() -> None:
    strangers = [call("2026-03-10 09:00", 60, "zed", id=f"z{at}") for at in range(3)]
    told = found(
        [*days("2026-03-02", "2026-03-31"), *strangers, call("2026-03-11 09:00", 60, "zoe", id="zoe")]
    )
    assert said(told, "would be refused") == []  # not told twice
    assert [one.users for one in told.said if one.users] == [("zed", "zoe")]  # for who leaves names out
    assert said(told, "not in the tenant file") == [
        (
            CAUTION,
            "2 users of the usage are not in the tenant file (zed: 3 calls, zoe: 1 call): they count as "
            "users without licences; 4 of these calls are refused for it and cost nothing here, so amounts "
            "are too low. Add them to the tenant file.",
        )
    ]


# --- rows and prices ----------------------------------------------------------------------------------

MARCH = days("2026-03-02", "2026-03-31")


def test_rows_that_were_set_aside_and_repeated() -> None:
    again = [*MARCH, dict(MARCH[0])]
    rejected = (Rejected("a.csv", 7, "no start", ""), Rejected("a.csv", 9, "no start", ""))
    told = found(again, rejected=rejected, rejected_rows=2, warnings=("a.csv: odd",))
    ((weight, text),) = said(told, "set aside")
    assert weight == CAUTION
    assert "They are in no figure (no start (first: a.csv, line 7): 2)." in text
    assert said(told, "stood twice") == [(NOTE, "1 row that stood twice was counted once.")]
    assert said(told, "a.csv: odd.") == [(NOTE, "a.csv: odd.")]


def test_what_files_were_warned_of_is_said_once() -> None:
    ends = "the end is more than 2 s off start + duration"
    warned = (
        f"jan.csv: in 1,200 rows {ends}",
        "jan.csv: no zone",
        f"feb.csv: in 1 row {ends}",
        "feb.csv: no zone",
    )
    told = found(MARCH, warnings=warned)
    assert [text for _, text in said(told, "jan.csv")] == [
        f"jan.csv, feb.csv: in 1,201 rows {ends}.",
        "jan.csv, feb.csv: no zone.",
    ]


def test_how_many_more_there_are_stands_behind_the_list() -> None:
    numbers = ("+4420", "+4930", "+3312", "+3912", "+3412", "+3112", "+4112")
    calls = [
        call("2026-03-10 09:00", 60 * 1_500, to=f"{begin}7946{at:03}", id=f"c{at}")
        for at, begin in enumerate(numbers)
    ]
    ((_, text),) = said(found([*MARCH, *calls], prices=deck(by_second("1", "0.06"))), "could not be priced")
    assert "the deck has no row. They count as nothing" in text
    assert " and 2 more destinations). Add rows to the deck." in text
    assert "(10,522 min)" in text


def test_one_call_of_a_stranger_is_one() -> None:
    told = found([*MARCH, call("2026-03-10 09:00", 60, "zed", id="z")])
    ((_, text),) = said(told, "not in the tenant file")
    assert (
        "it counts as a user without licences; 1 of these calls is refused for it and costs nothing" in text
    )


def test_calls_without_a_price() -> None:
    told = found(MARCH, prices=deck(by_second("1", "0.06")))
    ((weight, text),) = said(told, "could not be priced")
    assert weight == CAUTION
    assert text == (
        "22 calls (22 min) could not be priced: the deck has no row. They count as nothing, so every amount "
        "is too low by an unknown sum (+4420... GB (calling_plan_international): 22). Add rows to the deck."
    )


def test_sample_prices() -> None:
    told = found(MARCH, prices=replace(deck(), sample=True))
    assert [weight for weight, _ in said(told, "sample prices", "Give your own deck.")] == [CAUTION]


def test_masked_numbers_whose_price_is_not_sure() -> None:
    prices = deck(by_second("44", "0.06"), by_second("447", "0.30"))
    told = found([*MARCH, call("2026-03-10 09:00", 60, to="+44*********", id="masked")], prices=prices)
    assert said(told, "hidden digits") == [
        (
            CAUTION,
            "1 call: hidden digits of the number could change its price or state. "
            "What helps: compare with the operator's bill.",
        )
    ]


def test_charges_in_another_currency() -> None:
    foreign = [one | {"vendor_currency": "EUR", "vendor_charge": "1"} for one in MARCH[:3]]
    ((weight, text),) = said(found([*foreign, *MARCH[3:]]), "EUR")
    assert weight == CAUTION
    assert text.startswith("3 rows name the currency EUR, the tenant has USD: amounts are by the deck in USD")
    assert said(found([one | {"vendor_currency": "USD"} for one in MARCH]), "currency") == []


def test_calls_that_are_refused_though_there_is_money() -> None:
    told = found(MARCH, tenant(user("ana", "MCOPSTN1")))
    ((weight, text),) = said(told, "would be refused by today's settings even with money")
    assert weight == CAUTION
    assert text.startswith("22 calls (22 min) would be refused")
    assert text.endswith("What helps: assign the Communication Credits licence.")


def test_calls_of_the_future() -> None:
    told = found(MARCH, now_us=us("2026-03-30 12:00"))
    ((weight, text),) = said(told, "after now")
    assert weight == CAUTION
    assert text.startswith("1 call starts after now, the last one at 2026-03-31 10:00:00 UTC: ")
    assert said(found(MARCH, now_us=us("2026-03-31 10:00")), "after now") == []
    assert said(found(MARCH), "after now") == []


def test_direct_routing_only() -> None:
    told = found(days("2026-03-02", "2026-03-31", call_type="dr_out"))
    ((weight, text),) = said(told, "carried by your own operator")
    assert weight == CANNOT
    assert text.startswith("All 22 answered calls are carried by your own operator")
    assert told.said[0].weight == CANNOT


def test_some_direct_routing() -> None:
    told = found([*MARCH, call("2026-03-10 09:00", 60, call_type="dr_out", id="dr")])
    ((weight, text),) = said(told, "carried by your own operator")
    assert (weight, text[:24]) == (NOTE, "1 of 23 answered calls a")


def test_what_looks_wrong_is_told_in_the_words_of_the_report() -> None:
    dear = [call(f"2026-03-1{at} 09:00", 3_600, "eve", ABROAD, id=f"dear {at}") for at in range(3)]
    told = found([*MARCH, *dear], tenant(ANA, user("eve", SPENDS)))
    ((weight, text),) = said(told, "1 caller made calls dearer than 1.2 USD")
    assert weight == NOTE
    assert text.endswith("(eve). Check that they were meant; a spend cap limits the damage.")


def test_nothing_is_said_twice_and_the_weightiest_comes_first() -> None:
    calls = [
        *days("2026-03-02", "2026-03-11"),
        call("2026-03-10 09:00", 60, "zed", id="z"),
        call("2026-03-10 09:30", 60, to="+99912345", id="u"),
        call("2026-03-10 09:40", 60, call_type="dr_out", id="d", to=DOMESTIC_TO),
    ]
    told = found(calls, prices=replace(deck(), sample=True))
    order = [CANNOT, CAUTION, NOTE, GOOD]
    weights = [order.index(one.weight) for one in told.said]
    assert weights == sorted(weights)
    assert len({one.text for one in told.said}) == len(told.said)
    assert all(one.text.endswith(".") for one in told.said)


def test_numbers_are_never_told_whole() -> None:
    calls = [
        *MARCH,
        call("2026-03-10 09:00", 20_000, id="long"),
        call("2026-03-10 09:30", 60, to="999123456789", id="odd"),
        call("2026-03-10 09:40", 60, to="+99912345", id="unknown"),
    ]
    texts = " ".join(one.text for one in found(calls).said)
    assert "lasted longer than 4 hours" in texts
    assert "could not be priced" in texts
    assert re.findall(r"\d{6,}", texts) == []
