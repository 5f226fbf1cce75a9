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
    credit_note,
    paper_text,
    read_credit_note,
    read_receipt,
)
from talktime.funding.taxes import tax_sum
from tests.funding.papers import AT_US, UNIT, receipt


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
    note = credit_note(paper, MoneyBack("C-acme-000001", "refund", AT_US + 5, "ref-1", 25 * UNIT, "twice"))
    assert (note.receipt, note.receipt_at_us) == (paper.number, AT_US)
    assert (note.net, note.gross) == (25 * UNIT, 30 * UNIT)
    assert note.billed == paper.billed
    assert read_credit_note(paper_text(note)) == note


def test_no_more_goes_back_than_was_paid() -> None:
    paper = receipt(net=100 * UNIT)
    with pytest.raises(ValueError, match="of which 60000000 went back already: 40000001 more are too much"):
        credit_note(paper, MoneyBack("C-1", "refund", AT_US, "ref-1", 40 * UNIT + 1), before=60 * UNIT)


@given(net=st.integers(1, 10**11), parts=st.lists(st.integers(1, 10**11), max_size=5))
def test_credit_notes_of_a_whole_receipt_give_all_of_it_back(net: int, parts: list[int]) -> None:
    paper, before, gross = receipt(net=net), 0, 0
    for part in [*parts, net]:
        back = min(part, paper.net - before)
        if back:
            note = credit_note(paper, MoneyBack("C-1", "refund", AT_US, "ref", back), before)
            before, gross = before + back, gross + note.gross
    assert (before, gross) == (paper.net, paper.gross)
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
