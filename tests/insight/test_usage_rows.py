"""Rows of usage: whose digits are hidden, who is called by a word, what each column says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from talktime.accounts.tenant import ServiceNumber, Tenant, User
from talktime.catalog.load import load_catalogue
from talktime.catalog.side import load_masking
from talktime.core.money import parse_decimal, parse_money
from talktime.demo.exports import CALLING_PLANS_25
from talktime.files.instants import parse_instant
from talktime.insight.spend import NotReconciledError, SpendLine, check_reconciled, line_key
from talktime.insight.usage_export import CALLING_PLANS, COLUMNS, minutes, usage_cells
from talktime.insight.usage_rows import CallRow, Pseudonyms, UsageRows, masked
from talktime.ledger.records import Charge, ChargeBody, Facts, Origin
from talktime.ledger.usage_reading import NO_SUMS, Sums, UsedCall

ANA, BEN = "ana@acme.example", "ben@acme.example"
ANAS, BENS, LINE = "+4532100001", "+4532100002", "+4580100003"
STRANGER = "+442079460000"
USERS = (
    User(ANA, "id-ana", "Ana Lee", "DK", numbers=(ANAS,), cost_centre="Sales"),
    User(BEN, "", "Ben", "", numbers=(BENS,)),
)
NUMBERS = (ServiceNumber(LINE, "toll_free", "call_queue", cost_centre="Desk"),)
CATALOGUE = load_catalogue()


def rows_of(country: str, pseudonyms: Pseudonyms | None = None) -> UsageRows:
    tenant = Tenant("acme", "Acme", country, "EUR", users=USERS, service_numbers=NUMBERS)
    return UsageRows(tenant, CATALOGUE, load_masking(), pseudonyms)


def used(call_type: str = "user_out", user: str = ANA, **given: Any) -> UsedCall:
    """A call of 61 s that cost 0.25 with a fee of 0.05; `given` are facts, `charge_...` columns."""
    facts = Facts(
        call_type=call_type,
        user=user,
        service=given.get("service", ""),
        caller=given.get("caller", ANAS),
        callee=given.get("callee", STRANGER),
        category="calling_plan_international",
        why="",
        deck="deck-1",
        prefix="44",
        rate=(60, 60, 0, 100_000_000, 100_000_000, 50_000, 0, 6),
        rated=given.get("rated", 1),
        licensed=1,
        paid=1,
        pools=(),
        period=24_314,
        caps=(),
        open_counters=(),
        max_call_s=0,
        arrived_us=0,
        base_us=1_772_366_400_000_000,
        flags=(),
    )
    body = ChargeBody(
        facts, 63, [(1, 250_000)], given.get("pools", []), 1, 750_000, ("over_grant",), 0, 0, None, 61
    )
    body = msgspec.structs.replace(body, origin=given.get("origin"))
    charge = Charge(
        5,
        "call-5",
        0,
        facts.base_us,
        user,
        facts.category,
        120,
        given.get("pool_s", 0),
        120,
        250_000,
        250_000,
        0,
        0,
        given.get("corrects", 0),
        "",
    )
    return UsedCall(charge, body)


# --- masking ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("country", "shown"),
    [
        ("US", STRANGER),
        ("GB", STRANGER),
        ("DK", "+442079460***"),
        ("FR", "+44207946****"),
        ("CH", "+44207946****"),
    ],
)
def test_other_party_is_masked_by_the_organisations_country(country: str, shown: str) -> None:
    out = rows_of(country).row(used())
    assert (out.caller_number, out.callee_number) == (ANAS, shown)
    back = rows_of(country).row(used("user_in", caller=STRANGER, callee=ANAS))
    assert (back.caller_number, back.callee_number) == (shown, ANAS)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (BENS, BENS),
        (LINE, LINE),
        ("112", "112"),
        ("reception", "reception"),
        ("", ""),
        ("+4520718387**", "+452071838***"),
        ("+44**********", "+44**********"),
        ("20718387", "20718***"),
    ],
)
def test_own_numbers_short_codes_and_names_are_never_masked(number: str, shown: str) -> None:
    row = rows_of("DK").row(used(callee=number))
    assert row.callee_number == shown


def test_masking_keeps_the_length() -> None:
    assert masked("+4512345678", 3) == "+4512345***"
    assert masked("+4512345678", 0) == "+4512345678"


# --- names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "names"),
    [
        (ANA, ("id-ana", ANA, "Ana Lee")),
        ("ID-ANA", ("id-ana", ANA, "Ana Lee")),
        (BEN.upper(), ("", BEN, "Ben")),
        ("left@acme.example", ("", "left@acme.example", "")),
        ("erased-12", ("erased-12", "", "")),
        ("", ("", "", "")),
    ],
)
def test_users_are_named_as_the_tenant_names_them(word: str, names: tuple[str, str, str]) -> None:
    row = rows_of("US").row(used(user=word))
    assert (row.user_id, row.user_principal_name, row.user_display_name) == names


def test_without_names_a_user_is_one_word_and_has_no_number() -> None:
    secret = Pseudonyms(b"one")
    rows = rows_of("US", secret)
    first, second = rows.row(used(user=ANA)), rows.row(used(user="ID-ANA"))
    assert first.user_id == second.user_id == secret.of("acme", "id-ana") != rows.row(used(user=BEN)).user_id
    assert (first.user_principal_name, first.user_display_name, first.caller_number) == ("", "", "")
    for text in ("ana", "Ana", ANAS):
        assert text not in repr(first)
    colleague = rows.row(used(callee=BENS))
    assert colleague.callee_number == "+453210****"
    assert rows.row(used("ucap_in", "", service=LINE, caller=STRANGER, callee=LINE)).callee_number == LINE


def test_words_differ_by_installation_and_tenant() -> None:
    words = {Pseudonyms(key).of(tenant, "ana") for key in (b"one", b"two") for tenant in ("a", "b")}
    assert len(words) == 4
    assert all(len(word) == len("user-") + 16 for word in words)
    assert Pseudonyms(b"one").of("a", "ANA") == Pseudonyms(b"one").of("a", "ana")


# --- columns ------------------------------------------------------------------------------------------------


def test_row_says_what_the_call_was_and_cost() -> None:
    row = rows_of("US").row(used(pools=[("pool:PLAN-X/domestic/US", 60)], pool_s=60, corrects=4))
    assert row == CallRow(
        id="call-5",
        call_id="call-5",
        user_id="id-ana",
        user_principal_name=ANA,
        user_display_name="Ana Lee",
        start_date_time="2026-03-01T12:00:00Z",
        end_date_time="2026-03-01T12:01:01Z",
        duration=61,
        charge="0.25",
        call_type="user_out",
        currency="EUR",
        callee_number=STRANGER,
        usage_country_code="DK",
        tenant_country_code="US",
        connection_charge="0.05",
        caller_number=ANAS,
        destination_context="International",
        destination_name="",
        conference_id="",
        license_capability="PLAN-X",
        inventory_type="Subscriber",
        operator="",
        call_duration_source="operator",
        other_party_country_code="GB",
        administrative_units="",
        category="calling_plan_international",
        direction="outbound",
        billed_seconds=120,
        pool_seconds=60,
        paid_seconds=120,
        price_per_minute="0.1",
        prefix="44",
        deck="deck-1",
        funding="pool+credits",
        balance_after="0.75",
        flags=("over_grant",),
        corrected=True,
    )


def test_imported_calls_have_the_identity_of_their_row() -> None:
    assert rows_of("US").row(used(origin=Origin("row-9", "march.csv"))).id == "row-9"


def test_unrated_calls_have_no_price_and_no_fee() -> None:
    row = rows_of("US").row(used(rated=0))
    assert (row.price_per_minute, row.connection_charge) == ("", "0")


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        (used(callee=BENS), ("Domestic", "Subscriber")),
        (used(callee=STRANGER), ("International", "Subscriber")),
        (used("user_in", caller=STRANGER, callee=ANAS), ("", "Subscriber")),
        (used("ucap_in", "", service=LINE, caller=STRANGER, callee=LINE), ("", "Service Toll Free")),
        (used(callee="112"), ("", "Subscriber")),
    ],
)
def test_context_and_kind_of_number(call: UsedCall, shown: tuple[str, str]) -> None:
    row = rows_of("DK").row(call)
    assert (row.destination_context, row.inventory_type) == shown


def test_export_begins_with_the_vendors_columns() -> None:
    assert tuple(column.name for column in CALLING_PLANS) == CALLING_PLANS_25.header
    row = rows_of("US").row(used())
    cells = usage_cells(row, used())
    assert len(cells) == len(COLUMNS["usage"])
    named = dict(zip([column.name for column in COLUMNS["usage"]], cells, strict=True))
    assert (named["Charge"], named["Connection Fee"], named["Billed Minutes"]) == (250_000, 50_000, 2_000_000)
    assert (named["Start Time"], named["Duration Seconds"]) == (1_772_366_400_000_000, 61)
    assert parse_instant(row.end_date_time) == named["End Time"]
    assert parse_money(row.balance_after) == named["Balance After"] == 750_000
    assert parse_decimal(row.price_per_minute, 9) == named["Price Per Minute"]
    assert (minutes(1), minutes(61), minutes(0)) == (16_667, 1_016_667, 0)


# --- spend --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "keys", "shown"),
    [
        ("category", ("toll_free", ""), "toll_free"),
        ("country", (STRANGER, ""), "GB"),
        ("country", ("112", ""), ""),
        ("user", ("ID-ANA", ""), ANA),
        ("user", ("", ""), ""),
        ("service_number", (LINE, ""), LINE),
        ("cost_centre", (ANA, ""), "Sales"),
        ("cost_centre", (ANA, LINE), "Desk"),
        ("cost_centre", (BEN, ""), ""),
        ("cost_centre", ("nobody", ""), ""),
    ],
)
def test_what_a_report_calls_a_group(by: str, keys: tuple[str, str], shown: str) -> None:
    assert line_key(rows_of("DK"), by, keys) == shown


def test_report_that_does_not_add_up_is_refused_with_both_figures() -> None:
    sums = Sums(1, 60, 0, 60, 250_000, 250_000, 0, 0)
    check_reconciled([SpendLine("a", sums)], sums)
    check_reconciled([], NO_SUMS)
    with pytest.raises(NotReconciledError, match=r"0\.25 in 1 calls, all charges to 0\.5 in 2"):
        check_reconciled([SpendLine("a", sums)], sums.plus(sums))
    unpaid = sums._replace(credits=0)
    with pytest.raises(NotReconciledError, match=r"0\.25 were charged, but 0 were paid"):
        check_reconciled([SpendLine("a", unpaid)], unpaid)


# --- by whom calls may be asked for -----------------------------------------------------------------------


def test_with_names_calls_are_asked_for_by_any_name() -> None:
    rows = rows_of("US")
    assert rows.names_of("ID-ANA") == rows.names_of(ANA) == ("ana@acme.example", "id-ana")
    assert rows.names_of("Nobody") == ("nobody",)
    assert all(rows.may_ask_for(word) for word in (ANA, LINE, "nobody"))


def test_without_names_only_by_the_words_of_the_rows() -> None:
    rows = rows_of("US", Pseudonyms(b"secret"))
    word = rows.row(used()).user_id
    assert rows.names_of(word) == ("ana@acme.example", "id-ana")
    assert rows.names_of(LINE) == (LINE,)
    gone = rows.row(used(user="Gone@acme.example")).user_id
    assert rows.names_of(gone) == ()
    assert rows.names_of(gone, ["other@acme.example", "Gone@acme.example"]) == ("gone@acme.example",)
    asked = (word, gone, LINE, ANA, "id-ana", "nobody", ANAS, STRANGER, "user-", f"{word}0")
    assert [rows.may_ask_for(one) for one in asked] == [True] * 3 + [False] * 7


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({}, (ANAS, "+442079460***")),
        ({"caller": ""}, ("", "+442079460***")),
        ({"call_type": "user_in", "caller": STRANGER, "callee": ANAS}, ("+442079460***", ANAS)),
        ({"callee": BENS}, (ANAS, BENS)),
        ({"callee": "112"}, (ANAS, "112")),
    ],
)
def test_parties_of_a_call_hide_what_its_row_hides(given: dict[str, str], shown: tuple[str, str]) -> None:
    assert rows_of("DK").parties(used(**given).body.facts) == shown
