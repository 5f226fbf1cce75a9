"""Papers as PDF: the same bytes for the same paper, and all that has to stand on it, page by page."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from talktime.funding.invoice import Invoice, drafted, issued
from talktime.funding.invoice_lines import InvoiceLine, Span
from talktime.funding.paper_values import day_text, money_text, month_text, receipt_values
from talktime.funding.pdf import credit_note_pdf, invoice_pdf, receipt_pdf, typeset
from talktime.funding.receipt import Billed, CreditNote, MoneyBack, cancelling, credit_note
from talktime.funding.taxes import Gone, Seller, part_of
from tests.funding.papers import ACME, AT_US, UNIT, receipt
from tests.funding.pdf_text import pages_of, text_of
from tests.funding.post_usage import MARCH, PARTY


def line(amount: int, month: int = MARCH, **other: object) -> InvoiceLine:
    plain = InvoiceLine(
        month=month,
        late=month < MARCH,
        category="calling_plan_international",
        country="GB",
        deck="sample-2026",
        first_price=12_000_000,
        price=12_000_000,
        fee=0,
        prefixes=("44",),
        calls=1_234,
        billed_s=74_045,
        paid_s=60,
        otherwise=0,
        amount=amount,
    )
    return msgspec.structs.replace(plain, **other)


def invoice(*lines: InvoiceLine, billed: Billed = ACME, seller: Seller = PARTY.seller) -> Invoice:
    party = PARTY._replace(billed=billed, seller=seller)
    return issued(drafted(lines, party, Span(MARCH, 9, 0)), "I-acme-000001", AT_US)


def note(reason: str = "bought twice") -> CreditNote:
    paper = receipt(net=100 * UNIT)
    taxes = part_of(paper.taxes, 25 * UNIT, Gone(0), paper.currency)
    back = MoneyBack("C-acme-000001", "refund", AT_US, "ref-1", 25 * UNIT, taxes, reason)
    return credit_note(paper, back)


PAPERS: dict[str, Callable[[], bytes]] = {
    "receipt": lambda: receipt_pdf(receipt(net=100 * UNIT)),
    "credit note": lambda: credit_note_pdf(note()),
    "invoice": lambda: invoice_pdf(invoice(line(12_345), line(7, MARCH - 1))),
}


@pytest.mark.parametrize("paper", PAPERS.values(), ids=PAPERS)
def test_the_same_paper_is_the_same_bytes(paper: Callable[[], bytes]) -> None:
    first = paper()
    assert first.startswith(b"%PDF-")
    assert first == paper()
    assert b"CreationDate" not in first


SHOWN = {
    "receipt": [
        "Receipt",
        "R-acme-000001",
        "4 April 2026",
        "Talktime Telephony GmbH",
        "Tax ID DE123456789",
        "Acme SARL",
        "75002 Paris",
        "PO-2026-17",
        "Visa 4242",
        "pay-1",
        "Lot 3. What is not used expires on 4 April 2027.",
        "VAT FR 20 %",
        "20.00",
        "EUR 120.00",
        "Page 1 of 1",
    ],
    "credit note": [
        "Credit note",
        "C-acme-000001",
        "R-acme-000001 of 4 April 2026",
        "ref-1",
        "bought twice",
        "VAT FR 20 %",
        "5.00",
        "EUR 30.00",
    ],
    "invoice": [
        "Invoice",
        "I-acme-000001",
        "March 2026",
        "sample-2026",
        "Billing account",
        "Calling plan international",
        "GB",
        "0.012",
        "1,234",
        "1,234:05",
        "0.012345",
        "0.000007",
        "Calls of February 2026 that came after its invoice",
        "Rounding",
        "-0.002352",
        "VAT FR 20 %",
        "EUR 0.01",
    ],
}


@pytest.mark.parametrize("paper", PAPERS)
def test_what_stands_on_a_paper(paper: str) -> None:
    text = text_of(PAPERS[paper]())
    lines = text.split("\n")
    assert [words for words in SHOWN[paper] if words not in lines] == []


def test_a_cancelled_credit_note_is_named_and_its_amounts_are_below_zero() -> None:
    text = text_of(credit_note_pdf(cancelling(note(), "C-acme-000002", "it came back")))
    lines = text.split("\n")
    for words in ("C-acme-000002", "Cancels credit note", "C-acme-000001", "EUR -30.00"):
        assert words in lines


def test_reverse_charge_is_said() -> None:
    billed = msgspec.structs.replace(ACME, tax_id="FR12345678901")
    text = text_of(receipt_pdf(receipt(net=100 * UNIT, billed=billed)))
    assert "Reverse charge: the customer accounts for the tax" in text
    assert "VAT FR 0 %" in text
    assert "EUR 100.00" in text


MARKUP = "#panic() *bold* $x$ [b] \\ @ref <label> // c `raw` = head"


def test_no_value_is_ever_markup() -> None:
    billed = Billed(MARKUP, (MARKUP,), "FR", "", "#[x]")
    text = text_of(receipt_pdf(receipt(net=UNIT, billed=billed, method="#sys.inputs")))
    assert text.replace("\n", " ").count("#panic() *bold* $x$ [b]") == 2
    assert "#[x]" in text
    assert "#sys.inputs" in text


@pytest.mark.parametrize(
    "name",
    [
        "\u041e\u041e\u041e \u0420\u043e\u043c\u0430\u0448\u043a\u0430",
        "\u0395\u03c4\u03b1\u03b9\u03c1\u03b5\u03af\u03b1",
        "\u05d7\u05d1\u05e8\u05d4",
        "\u017b\u00f3\u0142\u0107 Sp. z o.o.",
    ],
    ids=["Cyrillic", "Greek", "Hebrew", "Polish"],
)
def test_names_in_other_letters(name: str) -> None:
    shown = text_of(receipt_pdf(receipt(net=UNIT, billed=Billed(name, (), "FR"))))
    assert name in shown or name[::-1] in shown  # from right to left


def test_letters_that_no_font_has_are_boxes_and_no_fault() -> None:
    names = ("\u6771\u4eac\u96fb\u8a71", "\ud55c\uad6d", "\u0e44\u0e17\u0e22")
    text = text_of(receipt_pdf(receipt(net=UNIT, billed=Billed(names[0], names[1:], "FR"))))
    assert "EUR 1.20" in text


def test_a_folder_of_fonts_may_be_given(tmp_path: Path) -> None:
    paper = receipt(net=UNIT)
    assert receipt_pdf(paper, tmp_path) == receipt_pdf(paper)


@pytest.mark.parametrize("letters", ["W" * 300, "Donaudampfschifffahrt" * 20, "9" * 200])
def test_a_long_word_stays_on_the_page(letters: str) -> None:
    billed = Billed(letters, (letters,), "FR", "", letters)
    pdf = invoice_pdf(invoice(line(1), billed=billed, seller=Seller(letters)))
    assert text_of(pdf).replace("\n", "").count(letters) >= 4
    for page in pages_of(pdf):
        assert all(len(piece.replace("\u200b", "")) < 80 for piece in page), "it was broken"


def test_two_hundred_lines_take_pages_with_a_head_on_each() -> None:
    lines = [line(1_000 + at, otherwise=5, country="GB") for at in range(200)]
    pages = pages_of(invoice_pdf(invoice(*lines)))
    assert len(pages) > 3
    for number, page in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in page
        assert "a minute" in page, "the head of the table"
        assert ("Invoice I-acme-000001" in page[:3]) is (number > 1), "the head of the page"
    amounts = [piece for page in pages for piece in page if piece.startswith("0.001")]
    assert len(amounts) == 200


def test_an_invoice_over_less_than_nothing_is_a_credit() -> None:
    text = text_of(invoice_pdf(invoice(line(-5 * UNIT, MARCH - 1, calls=-3))))
    assert "Credit" in text.split("\n")
    assert "Total credited" in text
    assert "EUR -6.00" in text


def test_pages_can_be_looked_at() -> None:
    pages = typeset("receipt.typ", receipt_values(receipt(net=UNIT)), form="png")
    assert [page[:4] for page in pages] == [b"\x89PNG"]


@pytest.mark.parametrize(
    ("micros", "currency", "shown"),
    [
        (1_234_500_000, "EUR", "1,234.50"),
        (1_234_567_891, "EUR", "1,234.567891"),
        (-7 * UNIT, "EUR", "-7.00"),
        (5_000 * UNIT, "JPY", "5,000"),
        (1_500_000, "KWD", "1.500"),
        (0, "EUR", "0.00"),
    ],
)
def test_money_as_it_is_shown(micros: int, currency: str, shown: str) -> None:
    assert money_text(micros, currency) == shown


def test_days_are_those_of_the_tenants_clock() -> None:
    assert day_text(AT_US, "America/New_York") == "3 April 2026"
    assert month_text(MARCH) == "March 2026"
