"""Receipts and credit notes: kept as JSON and read back, sums that agree, no more back than was paid."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts.tenant import BillingAccount, Tenant
from talktime.funding.receipt import (
    Billed,
    MoneyBack,
    Receipt,
    billed_to,
    cancelling,
    credit_note,
    paper_text,
    read_credit_note,
    read_receipt,
)
from talktime.funding.taxes import Gone, part_of, tax_each, tax_sum
from tests.funding.papers import AT_US, UNIT, receipt

NOTHING = Gone(0)


def back_of(paper: Receipt, net: int, gone: Gone = NOTHING, at_us: int = AT_US) -> MoneyBack:
    """So much of a receipt, of which something went back already."""
    taxes = part_of(paper.taxes, net, gone, paper.currency)
    return MoneyBack("C-acme-000001", "refund", at_us, "ref-1", net, taxes, "twice")


def test_receipt_is_read_as_it_was_written() -> None:
    paper = receipt(net=100 * UNIT)
    assert paper.gross == 120 * UNIT
    assert read_receipt(paper_text(paper)) == paper


def test_receipt_whose_sums_do_not_agree_is_not_made() -> None:
    paper = receipt(net=100 * UNIT)
    with pytest.raises(ValueError, match="gross 1 is not net"):
        msgspec.structs.replace(paper, gross=1)
    with pytest.raises(msgspec.ValidationError, match="gross 7 is not net"):
        read_receipt(paper_text(paper).replace(f'"gross":{paper.gross}', '"gross":7'))
    with pytest.raises(ValueError, match="net is 0 micros"):
        receipt(net=0)


def test_credit_note_names_its_receipt() -> None:
    paper = receipt(net=100 * UNIT)
    note = credit_note(paper, back_of(paper, 25 * UNIT, at_us=AT_US + 5))
    assert (note.receipt, note.receipt_at_us) == (paper.number, AT_US)
    assert (note.net, note.gross) == (25 * UNIT, 30 * UNIT)
    assert note.billed == paper.billed
    assert read_credit_note(paper_text(note)) == note


def test_no_more_goes_back_than_was_paid() -> None:
    paper = receipt(net=100 * UNIT)
    with pytest.raises(ValueError, match="is over 100000000 micros: 100000001 are too much"):
        credit_note(paper, back_of(paper, 100 * UNIT + 1))


def test_a_credit_note_is_cancelled_by_one_of_its_own_number() -> None:
    """All of both come to nothing, in net, tax and gross."""
    paper = receipt(net=100 * UNIT)
    note = credit_note(paper, back_of(paper, 25 * UNIT))
    other = cancelling(note, "C-acme-000002", "it came back")
    assert (other.kind, other.number, other.cancels) == ("cancelled", "C-acme-000002", "C-acme-000001")
    assert (note.net + other.net, tax_sum(note.taxes) + tax_sum(other.taxes)) == (0, 0)
    assert (note.gross + other.gross, other.receipt) == (0, paper.number)
    assert read_credit_note(paper_text(other)) == other
    for wrong in ({"cancels": ""}, {"kind": "refund"}, {"net": UNIT, "gross": UNIT, "taxes": ()}):
        with pytest.raises(ValueError, match="C-acme-000002"):
            msgspec.structs.replace(other, **wrong)


@given(net=st.integers(1, 10**11), parts=st.lists(st.integers(1, 10**11), max_size=5))
def test_credit_notes_of_a_whole_receipt_give_all_of_it_back(net: int, parts: list[int]) -> None:
    paper, gone, gross = receipt(net=net), Gone(0), 0
    for part in [*parts, net]:
        back = min(part, paper.net - gone.net)
        if back:
            note = credit_note(paper, back_of(paper, back, gone))
            gone, gross = gone.and_also(back, tax_each(note.taxes)), gross + note.gross
    assert (gone.net, gross) == (paper.net, paper.gross)
    assert paper.gross - paper.net == tax_sum(paper.taxes)


ONE = BillingAccount("one", "MOSA", "DE", name="One GmbH", address=("A 1", "Berlin"), tax_id="DE1")
TWO = BillingAccount("two", "MCA", "", purchase_order="PO-2")


@pytest.mark.parametrize(
    ("accounts", "default", "account", "billed"),
    [
        ((ONE, TWO), "one", "one", Billed("One GmbH", ("A 1", "Berlin"), "DE", "DE1", "")),
        ((ONE, TWO), "two", "two", Billed("Acme", (), "FR", "", "PO-2")),
        ((TWO, ONE), "", "two", Billed("Acme", (), "FR", "", "PO-2")),
        ((), "", "", Billed("Acme", (), "FR", "", "")),
    ],
    ids=["default", "names from the tenant", "first", "none"],
)
def test_papers_are_made_out_to_the_billing_account(
    accounts: tuple[BillingAccount, ...], default: str, account: str, billed: Billed
) -> None:
    tenant = Tenant("acme", "Acme", "FR", "EUR", default_billing_account=default, billing_accounts=accounts)
    assert billed_to(tenant) == (account, billed)


def test_kinds_are_closed() -> None:
    text = paper_text(receipt(net=UNIT)).replace('"kind":"purchase"', '"kind":"gift"')
    with pytest.raises(msgspec.ValidationError, match="kind"):
        msgspec.json.decode(text, type=Receipt)
