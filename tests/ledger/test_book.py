"""A tenant's book: lots, holds, draws, expiry and the journal, one step at a time and without a store."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from talktime.core.limits import NEVER_US
from talktime.ledger.book import FIRST_HEAD, Book, chained
from talktime.ledger.records import (
    ADJUSTED,
    ADJUSTMENTS,
    CREDITS,
    EMPTIED_BY_EXPIRY,
    FUNDED,
    FUNDING,
    ZERO_TOLD,
    SessionRow,
    State,
)


def book_with(*lots: tuple[int, int], at_us: int = 0) -> Book:
    """A book with lots of (micros, instant of expiry)."""
    book = Book("t")
    book.advance(at_us)
    for amount, expires_us in lots:
        fund(book, amount, expires_us)
    return book


def fund(book: Book, amount: int, expires_us: int = NEVER_US) -> int:
    return book.open_lot(amount, expires_us, FUNDED, FUNDING + "manual", "purchase")


def lots_of(book: Book) -> list[tuple[int, int, int]]:
    return [(lot.lot, lot.left, lot.held) for lot in book.lots]


@pytest.mark.parametrize(
    ("until_us", "held", "overdraft", "expected"),
    [(0, 0, 0, 30), (99, 0, 0, 30), (100, 0, 0, 20), (200, 0, 0, 0), (0, 25, 0, 5), (100, 25, 7, -2)],
)
def test_available(until_us: int, held: int, overdraft: int, expected: int) -> None:
    book = book_with((10, 100), (20, 200))
    book.hold(held, 0)
    book.owe(overdraft)
    assert book.available(until_us) == expected


@pytest.mark.parametrize(
    ("amount", "until_us", "expected"),
    [
        (5, 0, [(1, 5)]),
        (10, 0, [(1, 10)]),
        (15, 0, [(1, 10), (2, 5)]),
        (15, 100, [(2, 15)]),
        (99, 0, [(1, 10), (2, 20)]),
        (0, 0, []),
    ],
)
def test_hold_is_first_in_first_out_among_lots_that_last(
    amount: int, until_us: int, expected: list[tuple[int, int]]
) -> None:
    book = book_with((10, 100), (20, 200))
    held = book.hold(amount, until_us)
    assert held == expected
    assert book.reserved == sum(micros for _, micros in expected)
    book.release(held)
    assert (book.reserved, book.balance) == (0, 30)
    book.reserve_again(held)
    assert book.reserved == sum(micros for _, micros in expected)


def test_a_draw_takes_what_nobody_holds() -> None:
    book = book_with((10, 100), (20, 200))
    book.hold(8, 0)
    assert (book.drawable, book.draw(15)) == (22, [(1, 2, 100), (2, 13, 200)])
    assert lots_of(book) == [(1, 8, 8), (2, 7, 0)]


@pytest.mark.parametrize(
    ("at_us", "held", "left", "forfeited"),
    [
        (99, 0, [(1, 10, 0), (2, 20, 0)], 0),
        (100, 0, [(2, 20, 0)], 10),
        (100, 4, [(1, 4, 4), (2, 20, 0)], 6),
        (500, 4, [(1, 4, 4)], 26),
    ],
)
def test_expiry_takes_what_nobody_holds(
    at_us: int, held: int, left: Sequence[tuple[int, int, int]], forfeited: int
) -> None:
    book = book_with((10, 100), (20, 200))
    book.hold(held, 0)
    book.advance(at_us)
    assert lots_of(book) == list(left)
    assert sum(e.amount for e in book.entries if e.kind == "expired") == forfeited


def test_what_is_released_of_an_expired_lot_is_forfeited_at_once() -> None:
    book = book_with((10, 100))
    held = book.hold(6, 0)
    book.advance(100)
    before = book.balance
    book.release(held)
    book.settled(before)
    assert (book.lots, book.balance) == ([], 0)
    assert book.flags == EMPTIED_BY_EXPIRY | ZERO_TOLD
    assert [notice.kind for notice in book.notices] == ["lot_expired", "lot_expired", "balance_zero"]


def test_time_does_not_go_back() -> None:
    book = book_with((10, 100), at_us=50)
    assert (book.advance(40), book.advance(60)) == (50, 60)


@pytest.mark.parametrize(
    ("overdraft", "amount", "left", "owed"), [(0, 10, 10, 0), (4, 10, 6, 0), (10, 10, 0, 0), (25, 10, 0, 15)]
)
def test_a_purchase_repays_first(overdraft: int, amount: int, left: int, owed: int) -> None:
    book = Book("t")
    book.owe(overdraft)
    fund(book, amount)
    assert (sum(lot.left for lot in book.lots), book.overdraft) == (left, owed)
    assert (book.next_lot, book.new_lots[0].amount) == (2, amount)


def test_zero_is_told_once_until_the_next_funding() -> None:
    book = book_with((10, NEVER_US))
    book.take_back(10, ADJUSTED, ADJUSTMENTS)
    book.give_back(1, 5, NEVER_US)
    book.take_back(5, ADJUSTED, ADJUSTMENTS)
    assert [notice.kind for notice in book.notices] == ["balance_zero"]
    fund(book, 3)
    book.take_back(3, ADJUSTED, ADJUSTMENTS)
    assert [notice.kind for notice in book.notices] == ["balance_zero", "balance_zero"]
    assert book.flags == ZERO_TOLD


def test_money_goes_back_to_its_lot_in_its_place() -> None:
    book = book_with((10, 100), (20, 200))
    book.take_back(10, ADJUSTED, ADJUSTMENTS)
    assert lots_of(book) == [(2, 20, 0)]
    book.give_back(1, 4, 100)
    book.give_back(2, 1, 200)
    assert lots_of(book) == [(1, 4, 0), (2, 21, 0)]


@pytest.mark.parametrize(
    ("overdraft", "expires_us", "lots", "overdrawn", "balance"),
    [
        (0, 100, [(1, 7, 0)], 0, 7),
        (3, 100, [(1, 4, 0)], 0, 4),
        (7, 100, [], 0, 0),
        (9, 100, [], 2, -2),
        (3, 50, [], 0, 0),  # expired: what is overdrawn is paid, the rest is forfeited
    ],
)
def test_what_comes_back_pays_what_is_overdrawn_first(
    overdraft: int, expires_us: int, lots: list[tuple[int, int, int]], overdrawn: int, balance: int
) -> None:
    """As money does that comes anew."""
    book = book_with((10, expires_us), at_us=50 if expires_us > 50 else 0)
    book.take_from(1, 7, ADJUSTED, ADJUSTMENTS)
    book.take_from(1, 3, ADJUSTED, ADJUSTMENTS)
    book.owe(overdraft)
    book.advance(50)
    book.put_back(1, 7, expires_us, ADJUSTED, ADJUSTMENTS)
    assert (lots_of(book), book.overdraft, book.balance) == (lots, overdrawn, balance)
    credits = sum(
        entry.amount * ((entry.credit == CREDITS) - (entry.debit == CREDITS)) for entry in book.entries
    )
    assert credits == sum(left for _, left, _ in lots)


@pytest.mark.parametrize(("overdraft", "told"), [(0, 2), (4, 2), (5, 1), (9, 1)])
def test_zero_is_told_again_after_money_came_back(overdraft: int, told: int) -> None:
    book = book_with((10, NEVER_US))
    book.take_from(1, 10, ADJUSTED, ADJUSTMENTS)
    book.owe(overdraft)
    book.put_back(1, 5, NEVER_US, ADJUSTED, ADJUSTMENTS)
    book.take_back(max(book.balance, 0), ADJUSTED, ADJUSTMENTS)
    assert [notice.kind for notice in book.notices] == ["balance_zero"] * told


def test_the_journal_is_a_chain() -> None:
    book = book_with((10, 100), (20, 200))
    book.take_back(12, ADJUSTED, ADJUSTMENTS)
    head = FIRST_HEAD
    for number, entry in enumerate(book.entries, 1):
        head = chained(head, entry)
        assert (entry.number, entry.hash) == (number, head)
    assert (book.head, book.number) == (head, 4)


def test_a_new_transaction_knows_what_is_stored_and_has_changed_nothing() -> None:
    book = book_with((10, 100))
    book.count("pool:p", 5, 60, -1)
    book.keep(SessionRow("c", State.OPEN, 0, 0, None))
    assert (book.changed, list(book.dirty_counters), list(book.dirty_sessions)) == (
        True,
        [("pool:p", 5)],
        ["c"],
    )
    book.forget()
    written = (book.entries, book.charges, book.new_lots, book.notices, book.documents, book.audit)
    assert written == ([], [], [], [], [], [])
    assert (book.changed, book.dirty_counters, book.dirty_sessions) == (False, {}, {})
    assert (book.balance, book.counter("pool:p", 5).used, list(book.sessions)) == (10, 60, ["c"])


@pytest.mark.parametrize(("period", "expected"), [(0, True), (9, False), (8, True), (10, True), (11, True)])
def test_which_counters_are_in_memory(period: int, expected: bool) -> None:
    book = Book("t")
    book.loaded_from = 10
    book.early_periods.add(8)
    assert book.has_period(period) == expected
