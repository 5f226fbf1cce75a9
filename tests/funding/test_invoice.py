"""Invoices of a month: lines by category, country and rate; every charge on one invoice; sums that agree."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.catalog.load import load_catalogue
from talktime.core.money import parse_money
from talktime.funding.invoice import (
    Invoice,
    MonthRead,
    Unreconciled,
    country_in,
    drafted,
    invoice_text,
    issued,
    month_invoice,
    read_invoice,
)
from talktime.funding.invoice_lines import InvoiceLine, Mark, Span
from talktime.funding.invoice_views import INVOICE_COLUMNS, invoice_csv, invoice_json
from talktime.funding.month_close import MonthClose, next_span
from talktime.funding.receipt import Billed
from tests.funding.papers import AT_US
from tests.funding.post_usage import ACME, LONDON, MARCH, PARIS, PARTY, TORONTO, Charges

FEBRUARY, APRIL = MARCH - 1, MARCH + 1


def read(charges: Charges, month: int = MARCH, cut: int = 0, previous_cut: int = 0) -> MonthRead:
    """The month as it is read from the beginning."""
    span = Span(month, cut or charges.newest, previous_cut)
    return month_invoice(charges, PARTY, span, Mark(), load_catalogue())


def lines_of(charges: Charges, month: int = MARCH, cut: int = 0, previous_cut: int = 0) -> list[InvoiceLine]:
    draft = read(charges, month, cut, previous_cut).draft
    return [] if draft is None else list(draft.lines)


def test_a_line_for_each_country_and_rate() -> None:
    charges = Charges()
    for _ in range(3):
        charges.charge(12_000)
    charges.charge(13_000, price=13_000_000)
    charges.charge(5_000, callee=PARIS)
    charges.charge(0, callee=TORONTO)  # paid by a pool: not on the invoice
    found = [(line.country, line.price, line.calls, line.billed_s, line.amount) for line in lines_of(charges)]
    assert found == [
        ("FR", 12_000_000, 1, 60, 5_000),
        ("GB", 12_000_000, 3, 180, 36_000),
        ("GB", 13_000_000, 1, 60, 13_000),
    ]


def test_prefixes_of_one_price_share_a_line() -> None:
    charges = Charges()
    for callee in (LONDON, "+441214960000"):
        row = charges.charge(12_000, callee=callee)
        row.prefix = callee[1:5]
    (line,) = lines_of(charges)
    assert (line.prefixes, line.calls) == (("4412", "4420"), 2)


def test_what_credits_paid_of_a_call_is_said_and_not_invoiced() -> None:
    charges = Charges()
    charges.charge(9_000, credits=3_000)
    (line,) = lines_of(charges)
    assert (line.amount, line.otherwise) == (9_000, 3_000)


@pytest.mark.parametrize(
    ("month", "cut", "previous_cut", "amounts"),
    [
        (FEBRUARY, 2, 0, [1]),
        (
            MARCH,
            5,
            2,
            [2, 8, 4],
        ),  # the one of March that came before the close of February, a late one, its own
        (MARCH, 3, 2, [2, 4]),
        (APRIL, 5, 5, [16]),
        (APRIL, 9, 9, [16]),
    ],
)
def test_which_charges_lie_on_an_invoice(month: int, cut: int, previous_cut: int, amounts: list[int]) -> None:
    charges = Charges()
    charges.charge(1, FEBRUARY)
    charges.charge(2, MARCH)
    charges.charge(4, FEBRUARY)
    charges.charge(16, APRIL)
    charges.charge(8, MARCH, PARIS)
    found = lines_of(charges, month, cut, previous_cut)
    assert sorted(line.amount for line in found) == sorted(amounts)
    assert [line.late for line in found] == [line.month < month for line in found]


def test_correction_in_the_same_month_leaves_what_is_right() -> None:
    charges = Charges()
    charges.charge(12_000)
    charges.charge(8_000, callee=PARIS)
    charges.charge(5_000, corrects=1)
    assert [(line.country, line.calls, line.amount) for line in lines_of(charges)] == [
        ("FR", 1, 8_000),
        ("GB", 1, 5_000),
    ]


def test_correction_that_came_late_is_a_line_of_the_old_month() -> None:
    charges = Charges()
    charges.charge(12_000, FEBRUARY)
    charges.charge(7_000, MARCH)
    charges.charge(5_000, FEBRUARY, corrects=1)
    own, late = lines_of(charges, MARCH, previous_cut=1)
    assert (own.month, own.late, own.amount) == (MARCH, False, 7_000)
    assert (late.month, late.late, late.calls, late.amount) == (FEBRUARY, True, 0, -7_000)


def test_correction_to_nothing_leaves_no_line() -> None:
    charges = Charges()
    charges.charge(12_000)
    charges.charge(0, corrects=1)
    assert read(charges).draft is None


def test_a_rate_that_was_corrected_moves_to_its_own_line() -> None:
    charges = Charges()
    charges.charge(12_000, FEBRUARY)
    charges.charge(10_000, FEBRUARY, price=10_000_000, corrects=1)
    found = lines_of(charges, MARCH, previous_cut=1)
    assert [(line.price, line.calls, line.amount) for line in found] == [
        (10_000_000, 1, 10_000),
        (12_000_000, -1, -12_000),
    ]


@pytest.mark.parametrize(
    ("amounts", "currency", "usage", "rounding", "net"),
    [
        ((12_000, 3_000), "EUR", 15_000, 5_000, 20_000),
        ((14_999,), "EUR", 14_999, -4_999, 10_000),
        ((10_000,), "EUR", 10_000, 0, 10_000),
        ((3_000,), "EUR", 3_000, -3_000, 0),
        ((499_999,), "JPY", 499_999, -499_999, 0),
        ((1_234_500,), "KWD", 1_234_500, 500, 1_235_000),
    ],
)
def test_the_total_is_rounded_once_and_the_difference_is_said(
    amounts: tuple[int, ...], currency: str, usage: int, rounding: int, net: int
) -> None:
    charges = Charges()
    for amount in amounts:
        charges.charge(amount)
    party = PARTY._replace(currency=currency)
    draft = month_invoice(charges, party, Span(MARCH, charges.newest, 0), Mark(), load_catalogue()).draft
    assert draft is not None
    assert (draft.usage, draft.rounding, draft.net) == (usage, rounding, net)


def test_an_invoice_is_taxed_on_its_rounded_net() -> None:
    charges = Charges()
    charges.charge(1_004_999)
    party = PARTY._replace(billed=Billed("Nobody", country="DE"))
    draft = month_invoice(charges, party, Span(MARCH, 1, 0), Mark(), load_catalogue()).draft
    assert draft is not None
    assert [(line.net, line.tax) for line in draft.taxes] == [(1_000_000, 190_000)]
    assert draft.gross == 1_190_000


def test_lines_that_the_journal_does_not_bear_out_are_refused_with_both_figures() -> None:
    charges = Charges()
    charges.charge(12_000)
    charges.charge(7_000)
    charges.entries[1] = (2, 6_999)
    with pytest.raises(Unreconciled, match=r"add up to 0\.019 EUR, the journal moved 0\.018999 EUR on 2"):
        read(charges)


def test_entries_of_other_charges_do_not_count() -> None:
    charges = Charges()
    charges.charge(12_000, MARCH)
    charges.charge(3_000, APRIL)
    charges.charge(7_000, MARCH)
    assert [line.amount for line in lines_of(charges, MARCH)] == [19_000]


@pytest.mark.parametrize(
    ("callee", "country"),
    [
        (LONDON, "GB"),
        ("+442079460001", "GB"),
        ("+12125550100", "US"),
        (TORONTO, "CA"),
        ("+44207946****", "GB"),
        ("+1", "US"),
        ("+1416", "CA"),
        ("911", ""),
        ("", ""),
        ("anonymous", ""),
        ("+44207946000000000000", ""),
    ],
)
def test_country_of_the_called_number(callee: str, country: str) -> None:
    country_of = country_in(load_catalogue())
    assert [country_of(callee), country_of(LONDON), country_of(callee)] == [country, "GB", country]


# --- over several closes ---------------------------------------------------------------------------

_OFFSETS = st.integers(-2, 3)
_CHARGES = st.lists(
    st.tuples(_OFFSETS, st.integers(0, 50_000), st.sampled_from([LONDON, PARIS, TORONTO]), st.integers(0, 9)),
    min_size=1,
    max_size=40,
)


def _grown(drawn: list[tuple[int, int, str, int]]) -> Charges:
    """Charges of some months; with the last number 9 one corrects the newest that nobody corrected yet."""
    charges = Charges()
    open_: list[int] = []
    for offset, amount, callee, choice in drawn:
        if choice == 9 and open_:
            corrects = open_.pop()
            row = charges.rows[corrects - 1]
            charges.charge(amount, row.period, callee, corrects=corrects)
        else:
            charges.charge(amount, MARCH + offset, callee)
        open_.append(charges.newest)
    return charges


@given(drawn=_CHARGES, cuts=st.lists(st.integers(0, 40), min_size=6, max_size=6))
def test_every_charge_lands_on_exactly_one_invoice(
    drawn: list[tuple[int, int, str, int]], cuts: list[int]
) -> None:
    """Each close reads from where the last one left off; together they invoice what the journal moved."""
    charges = _grown(drawn)
    previous: MonthClose | None = None
    total = 0
    ends = [*sorted(min(cut, charges.newest) for cut in cuts), charges.newest]
    for month, cut in enumerate(ends, MARCH - 2):
        span, mark = next_span(month, cut, previous)
        found = month_invoice(charges, PARTY, span, mark, load_catalogue())
        again = month_invoice(charges, PARTY, span, Mark(), load_catalogue())
        assert found == again, "reading on from the mark finds what reading from the beginning finds"
        total += 0 if found.draft is None else found.draft.usage
        if found.draft is not None:
            assert all(line.month <= month for line in found.draft.lines)
            assert abs(found.draft.rounding) <= 5_000
        previous = MonthClose(
            month=month,
            cut=cut,
            previous_cut=span.previous_cut,
            invoice="",
            at_us=0,
            mark=found.mark,
            ordinal=1,
        )
    assert total == sum(micros for _, micros in charges.entries)


@given(drawn=_CHARGES)
def test_lines_of_one_invoice_say_what_was_used(drawn: list[tuple[int, int, str, int]]) -> None:
    charges = _grown(drawn)
    found = lines_of(charges, MARCH + 3)
    corrected = {row.corrects for row in charges.rows}
    standing = [row for row in charges.rows if row.number not in corrected and row.post_usage]
    assert sum(line.calls for line in found) == len(standing)
    assert sum(line.paid_s for line in found) == sum(row.paid_s for row in standing)
    assert sum(line.amount for line in found) == sum(row.post_usage for row in standing)


# --- what is kept and shown ------------------------------------------------------------------------


def _invoice(purchase_order: str = "PO-1", name: str = "Acme") -> Invoice:
    charges = Charges()
    charges.charge(12_345, credits=55)
    charges.charge(1_000_000, callee=PARIS)
    charges.charge(7_000, FEBRUARY)
    party = PARTY._replace(billed=Billed(name, ACME.address, "FR", "", purchase_order))
    draft = month_invoice(charges, party, Span(MARCH, 3, 0), Mark(), load_catalogue()).draft
    assert draft is not None
    return issued(draft, "I-acme-000001", AT_US)


def test_invoice_is_read_as_it_was_written() -> None:
    invoice = _invoice()
    assert read_invoice(invoice_text(invoice)) == invoice
    with pytest.raises(ValueError, match="gross 1 is not net"):
        read_invoice(invoice_text(invoice).replace(f'"gross":{invoice.gross}', '"gross":1'))
    with pytest.raises(ValueError, match="the lines are not"):
        read_invoice(invoice_text(invoice).replace('"amount":7000', '"amount":7001'))


def test_rows_for_bookkeeping_add_up_to_the_gross_total() -> None:
    invoice = _invoice()
    rows = list(csv.DictReader(io.StringIO(invoice_csv(invoice))))
    assert [row["kind"] for row in rows] == ["usage", "usage", "usage", "rounding", "tax"]
    assert sum(parse_money(row["amount"]) for row in rows) == invoice.gross
    assert [row["usage_month"] for row in rows[:3]] == ["2026-03", "2026-03", "2026-02"]
    assert [row["late"] for row in rows[:3]] == ["no", "no", "yes"]
    assert (rows[1]["price_per_minute"], rows[1]["amount"], rows[1]["paid_by_credits"]) == (
        "0.012",
        "0.012345",
        "0.000055",
    )
    assert (rows[4]["tax"], rows[4]["tax_percent"]) == ("VAT", "20")
    assert {row["invoice"] for row in rows} == {"I-acme-000001"}
    assert tuple(rows[0]) == INVOICE_COLUMNS


@pytest.mark.parametrize(
    "text", ["=1+1", "@SUM(A1)", "+cmd", "-cmd", "\tx", "-1+cmd", "+49", "-1\n", "\uff1d1"]
)
def test_no_text_of_a_csv_runs_in_a_spreadsheet(text: str) -> None:
    row = next(csv.DictReader(io.StringIO(invoice_csv(_invoice(text)))))
    assert row["purchase_order"] == f"'{text}"


def test_json_says_everything() -> None:
    invoice = _invoice()
    shown = json.loads(invoice_json(invoice))
    assert (shown["number"], shown["month"], shown["issued"]) == (
        "I-acme-000001",
        "2026-03",
        "2026-04-04T00:00:00Z",
    )
    assert (shown["usage"], shown["rounding"], shown["net"], shown["gross"]) == (
        "1.019345",
        "0.000655",
        "1.02",
        "1.22",
    )
    assert shown["taxes"][0]["amount"] == "0.2"
    assert shown["charges"] == {"after": 0, "up_to": 3}
    assert sum(parse_money(line["amount"]) for line in shown["lines"]) == invoice.usage


def test_invoice_of_corrections_only_is_a_credit() -> None:
    charges = Charges()
    charges.charge(1_005_000, FEBRUARY)
    charges.charge(0, FEBRUARY, corrects=1)
    found = lines_of(charges, MARCH, previous_cut=1)
    draft = drafted(tuple(found), PARTY, Span(MARCH, 2, 1))
    assert (draft.usage, draft.net, draft.rounding) == (-1_005_000, -1_010_000, -5_000)
