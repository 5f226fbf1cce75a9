"""What the provider does to tenants: status, closing, exceptions, adjustments with a second person."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import pytest

from talktime.accounts.administration import Adjusted, Funded
from talktime.accounts.approvals import Approval, ApprovalState, Person
from talktime.accounts.documents import tenant_of
from talktime.accounts.provider import CALLS_OPEN, Close
from talktime.accounts.tenant import Tenant, Waiver
from talktime.accounts.tenant_commands import TENANT_CLOSED, TENANT_SUSPENDED
from talktime.ledger.book import Book
from talktime.ledger.commands import NO_TENANT, Refused, Wallet
from talktime.ledger.database import open_url
from talktime.ledger.verify import verify
from talktime.live.operations import CancelCall, StartCall
from tests.accounts.offices import DAY_US, NOW_US, UNIT, Office, office
from tests.databases import database, sqlite_database

__all__ = ["database", "sqlite_database"]  # fixtures

EVE, BOB = Person("k1", "key k1 (Eve)"), Person("k2", "key k2 (Bob)")
LIMIT = 1_000 * UNIT


def tables(**more: object) -> dict[str, object]:
    return {"tenant": {"id": "contoso", "country": "US", "currency": "USD"}, **more}


def run(database: str, story: Callable[[Office], Awaitable[None]], **more: object) -> None:
    """A story on a tenant that was made."""

    async def whole() -> None:
        async with office(database) as the:
            assert isinstance(await the.use.make_tenant(tables(**more), "me"), Wallet)
            await story(the)

    asyncio.run(whole())


def stored(the: Office) -> Tenant:
    documents = the.reader.documents("contoso")
    assert documents is not None
    return tenant_of(documents.tenant, documents.users, documents.service_numbers)


def audit(the: Office) -> list[tuple[str, str, str, str]]:
    """(who, what, before, after), oldest first."""
    lines = the.reader.audit("contoso", 2**62, 100)
    return [(line.who, line.what, line.before, line.after) for line in reversed(lines)]


def balance(the: Office) -> int:
    wallet = the.reader.wallet("contoso")
    assert wallet is not None
    return wallet.balance


def code(answer: object) -> str:
    assert isinstance(answer, Refused), answer
    return answer.code


# --- status ------------------------------------------------------------------------------------------


def test_a_tenant_is_suspended_and_comes_back(database: str) -> None:
    async def story(the: Office) -> None:
        assert code(await the.provider.suspend("contoso", " ", "eve")) == "reason_missing"
        assert await the.provider.suspend("contoso", "bills unpaid", "eve") is True
        assert stored(the).status == "suspended"
        assert await the.provider.suspend("contoso", "bills unpaid", "eve") is True, "it is, already"
        assert code(await the.provider.reactivate("contoso", "", "eve")) == "reason_missing"
        assert await the.provider.reactivate("contoso", "paid", "eve") is True
        assert stored(the).status == "active"
        assert audit(the)[1:] == [
            ("eve", "tenant suspended: bills unpaid", "active", "suspended"),
            ("eve", "tenant reactivated: paid", "suspended", "active"),
        ]

    run(database, story)


def test_a_tenant_with_nothing_left_is_closed_for_good(database: str) -> None:
    async def story(the: Office) -> None:
        assert await the.provider.close("contoso", "", "eve") is True
        assert await the.provider.close("contoso", "again", "eve") is True
        closed = stored(the)
        assert (closed.status, closed.auto_recharge.enabled) == ("closed", False)
        assert audit(the)[-1] == ("eve", "tenant closed", "active", "closed")
        assert code(await the.provider.reactivate("contoso", "oops", "eve")) == "tenant_closed"
        assert code(await the.provider.suspend("contoso", "oops", "eve")) == "tenant_closed"

    rule = {"enabled": True, "below": "10", "add": "50"}
    run(database, story, auto_recharge=rule)


def test_nothing_of_a_closed_tenant_is_changed_or_paid(sqlite_database: str) -> None:
    async def story(the: Office) -> None:
        pending = await the.provider.ask_adjustment("contoso", LIMIT + 1, "gift", "", EVE)
        assert isinstance(pending, Approval)
        await the.provider.close("contoso", "", "eve")
        answers = [
            await the.use.put_user("contoso", "ana", {"upn": "ana"}, "me"),
            await the.use.put_settings("contoso", tables(), "me"),
            await the.use.fund("contoso", 50 * UNIT, "USD", "r", "me"),
            await the.use.adjust("contoso", UNIT, "why", "", "me"),
            await the.provider.ask_adjustment("contoso", LIMIT + 1, "gift", "", EVE),
            await the.provider.approve("contoso", pending.id, BOB),
        ]
        assert answers == [TENANT_CLOSED] * len(answers)
        assert balance(the) == 0

    run(sqlite_database, story)


def test_no_money_comes_in_while_a_tenant_is_suspended(sqlite_database: str) -> None:
    """Whoever pays it; the provider may still set right what is there."""

    async def story(the: Office) -> None:
        await the.provider.suspend("contoso", "case 7", "eve")
        assert await the.use.fund("contoso", 50 * UNIT, "USD", "r", "me") == TENANT_SUSPENDED
        assert balance(the) == 0
        assert isinstance(await the.use.adjust("contoso", UNIT, "why", "", "me"), Adjusted)
        await the.provider.reactivate("contoso", "paid", "eve")
        assert isinstance(await the.use.fund("contoso", 50 * UNIT, "USD", "r", "me"), Funded)
        assert balance(the) == 51 * UNIT

    run(sqlite_database, story)


def test_what_is_left_is_written_off_only_with_a_reason(database: str) -> None:
    async def story(the: Office) -> None:
        await the.use.fund("contoso", 80 * UNIT, "USD", "", "me")
        refused = await the.provider.close("contoso", " ", "eve")
        assert code(refused) == "balance_left"
        assert isinstance(refused, Refused)
        assert "has 80 USD left" in refused.detail
        assert stored(the).status == "active"
        assert await the.provider.close("contoso", "contract ended", "eve") is True
        assert balance(the) == 0
        assert [line[1] for line in audit(the)[-2:]] == [
            "adjustment of -80 USD: written off as the tenant is closed: contract ended",
            "tenant closed: contract ended",
        ]
        (newest, *_) = the.reader.entries("contoso", 2**62, 5)
        assert (newest.kind, newest.debit, newest.credit, newest.amount) == (
            "adjusted",
            "credits",
            "adjustments",
            80 * UNIT,
        )

    run(database, story)


@dataclass
class Stood:
    """What the engine makes of documents, as far as a command asks."""

    tenant: Tenant


@pytest.mark.parametrize(
    ("owed", "reason", "expected"),
    [(5 * UNIT, "bankrupt", True), (5 * UNIT, " ", "balance_left"), (LIMIT + 1, "x", "second_person_needed")],
)
def test_what_is_owed_is_written_off_like_what_is_left(owed: int, reason: str, expected: bool | str) -> None:
    book = Book("contoso")
    book.currency, book.config = "USD", Stood(Tenant("contoso", "Contoso", "US", "USD"))
    book.owe(owed)
    answer = Close("contoso", reason, LIMIT, "eve").decide(book, None, NOW_US)
    assert (answer if answer is True else code(answer)) == expected
    assert (book.overdraft, book.balance) == ((0, 0) if expected is True else (owed, -owed))
    moved = [(entry.debit, entry.credit, entry.amount) for entry in book.entries]
    written_off = [("adjustments", "credits", owed), ("credits", "overdraft", owed)]
    assert moved == (written_off if expected is True else [])


def test_more_than_one_person_may_write_off_needs_an_approved_adjustment_first(sqlite_database: str) -> None:
    async def story(the: Office) -> None:
        await the.use.fund("contoso", LIMIT + UNIT, "USD", "", "me")
        assert code(await the.provider.close("contoso", "over", "eve")) == "second_person_needed"
        asked = await the.provider.ask_adjustment("contoso", -LIMIT - UNIT, "closing", "", EVE)
        assert isinstance(asked, Approval)
        assert not isinstance(await the.provider.approve("contoso", asked.id, BOB), Refused)
        assert await the.provider.close("contoso", "", "eve") is True

    run(sqlite_database, story)


def test_a_tenant_is_not_closed_under_a_call(sqlite_database: str) -> None:
    async def story(the: Office) -> None:
        await the.use.put_user("contoso", "ana", {"upn": "ana", "licences": ["MCOPSTN1"]}, "me")
        await the.desk.submit(StartCall("contoso", "c1", 0, "user_in", user="ana", caller="+14255550100"))
        assert await the.provider.close("contoso", "", "eve") == CALLS_OPEN
        await the.desk.submit(CancelCall("contoso", "c1", 1))
        assert await the.provider.close("contoso", "", "eve") is True

    run(sqlite_database, story)


def test_a_partner_is_set_and_removed(sqlite_database: str) -> None:
    async def story(the: Office) -> None:
        assert await the.provider.set_partner("contoso", "fourth-coffee", "eve") is True
        assert stored(the).partner == "fourth-coffee"
        assert await the.use.put_settings("contoso", tables(), "me") is True
        assert stored(the).partner == "fourth-coffee", "settings leave it alone"
        assert await the.provider.set_partner("contoso", "", "eve") is True
        assert stored(the).partner == ""

    run(sqlite_database, story)


# --- exceptions --------------------------------------------------------------------------------------


def test_an_exception_is_granted_with_reason_and_end_and_ended(database: str) -> None:
    until_us = NOW_US + 30 * DAY_US

    async def story(the: Office) -> None:
        grant = the.provider.grant_waiver
        assert code(await grant("contoso", "ea_region", "moved", until_us, "eve")) == "unknown_rule"
        assert code(await grant("contoso", "country_offered", " ", until_us, "eve")) == "reason_missing"
        assert code(await grant("contoso", "country_offered", "x", NOW_US, "eve")) == "ends_before_it_begins"
        assert await grant("contoso", "country_offered", "moving", until_us, "eve") is True
        assert stored(the).waivers == (Waiver("country_offered", "moving", until_us, "eve"),)
        assert await grant("contoso", "country_offered", "longer", until_us + DAY_US, "bob") is True
        assert stored(the).waivers == (Waiver("country_offered", "longer", until_us + DAY_US, "bob"),)
        assert audit(the)[-1] == (
            "bob",
            "exception to country_offered granted",
            "country_offered until 2026-03-31T12:00:00Z: moving",
            "country_offered until 2026-04-01T12:00:00Z: longer",
        )
        assert code(await the.provider.end_waiver("contoso", "ea_region_matches", "eve")) == "unknown_rule"
        assert await the.provider.end_waiver("contoso", "country_offered", "eve") is True
        assert stored(the).waivers == ()

    run(database, story)


def test_exceptions_that_are_over_go_when_another_is_granted(sqlite_database: str) -> None:
    async def story(the: Office) -> None:
        await the.provider.grant_waiver("contoso", "country_offered", "a", NOW_US + DAY_US, "eve")
        await the.provider.grant_waiver("contoso", "ea_region_matches", "b", NOW_US + 9 * DAY_US, "eve")
        the.now_us = NOW_US + 2 * DAY_US
        await the.provider.grant_waiver("contoso", "not_through_csp", "c", NOW_US + 9 * DAY_US, "eve")
        assert [waiver.rule for waiver in stored(the).waivers] == ["ea_region_matches", "not_through_csp"]

    run(sqlite_database, story)


# --- adjustments -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("amount", "waits"), [(LIMIT, False), (LIMIT + 1, True)])
def test_above_the_limit_an_adjustment_waits(sqlite_database: str, amount: int, waits: bool) -> None:
    async def story(the: Office) -> None:
        answer = await the.provider.ask_adjustment("contoso", amount, "gift", "", EVE)
        assert isinstance(answer, Approval if waits else Adjusted)
        assert balance(the) == (0 if waits else amount)

    run(sqlite_database, story)


def test_a_second_person_books_it_and_the_first_cannot(database: str) -> None:
    async def story(the: Office) -> None:
        asked = await the.provider.ask_adjustment("contoso", 5 * LIMIT, "outage in May", "", EVE)
        assert asked == Approval("A-contoso-000001", 5 * LIMIT, "outage in May", "k1", EVE.who, NOW_US)
        assert code(await the.provider.approve("contoso", asked.id, EVE)) == "second_person_needed"
        renamed = Person("k1", "Eve by another name")
        assert code(await the.provider.approve("contoso", asked.id, renamed)) == "second_person_needed"
        assert balance(the) == 0
        booked = await the.provider.approve("contoso", asked.id, BOB)
        assert isinstance(booked, tuple)
        approval, wallet = booked
        assert (approval.state, approval.decided_by, wallet) == ("approved", "k2", Wallet(1, 5 * LIMIT, 0))
        assert code(await the.provider.approve("contoso", asked.id, BOB)) == "already_decided"
        assert code(await the.provider.decline("contoso", asked.id, "no", BOB)) == "already_decided"
        assert balance(the) == 5 * LIMIT
        assert await the.provider.approvals("contoso", "", 10) == [approval]
        assert [(who, what) for who, what, *_ in audit(the)[1:]] == [
            (EVE.who, "adjustment of 5000 asked for, A-contoso-000001: outage in May"),
            (
                BOB.who,
                "adjustment of 5000 USD: lot 1: outage in May (A-contoso-000001, asked for by key k1 (Eve))",
            ),
            (BOB.who, "adjustment of 5000, A-contoso-000001, approved"),
        ]

    run(database, story)


def test_two_who_approve_at_once_book_it_once(database: str) -> None:
    async def story(the: Office) -> None:
        asked = await the.provider.ask_adjustment("contoso", 2 * LIMIT, "gift", "", EVE)
        assert isinstance(asked, Approval)
        people = [Person(f"p{n}", f"p{n}") for n in range(5)]
        answers = await asyncio.gather(*(the.provider.approve("contoso", asked.id, who) for who in people))
        assert sum(isinstance(answer, tuple) for answer in answers) == 1
        assert balance(the) == 2 * LIMIT

    run(database, story)


def test_what_is_declined_is_never_booked_and_who_asked_may_withdraw_it(sqlite_database: str) -> None:
    async def story(the: Office) -> None:
        asked = await the.provider.ask_adjustment("contoso", 2 * LIMIT, "gift", "", EVE)
        assert isinstance(asked, Approval)
        declined = await the.provider.decline("contoso", asked.id, "a mistake", EVE)
        assert isinstance(declined, Approval)
        assert (declined.state, declined.answer) == (ApprovalState.DECLINED, "a mistake")
        assert code(await the.provider.approve("contoso", asked.id, BOB)) == "already_decided"
        assert balance(the) == 0

    run(sqlite_database, story)


def test_what_cannot_be_taken_back_goes_on_waiting(sqlite_database: str) -> None:
    async def story(the: Office) -> None:
        asked = await the.provider.ask_adjustment("contoso", -2 * LIMIT, "given twice", "", EVE)
        assert isinstance(asked, Approval)
        assert code(await the.provider.approve("contoso", asked.id, BOB)) == "too_much"
        assert (await the.provider.approvals("contoso", "", 9))[0].state == ApprovalState.PENDING
        await the.use.fund("contoso", 3 * LIMIT, "USD", "", "me")
        assert not isinstance(await the.provider.approve("contoso", asked.id, BOB), Refused)
        assert balance(the) == LIMIT

    run(sqlite_database, story)


def test_the_same_reference_is_booked_once(sqlite_database: str) -> None:
    async def story(the: Office) -> None:
        ask = the.provider.ask_adjustment
        first = await ask("contoso", 2 * LIMIT, "gift", "ref-1", EVE)
        second = await ask("contoso", 2 * LIMIT, "gift", "ref-1", EVE)
        assert isinstance(first, Approval)
        assert second == first, "it waits already"
        assert code(await ask("contoso", 2 * LIMIT + 1, "gift", "ref-1", EVE)) == "conflict"
        assert await the.provider.approvals("contoso", "", 9) == [first]
        assert isinstance(await the.provider.approve("contoso", first.id, BOB), tuple)
        repeated = await ask("contoso", 2 * LIMIT, "gift", "ref-1", EVE)
        assert isinstance(repeated, Adjusted)
        assert repeated.repeated
        assert code(await ask("contoso", 3 * LIMIT, "gift", "ref-1", EVE)) == "conflict"
        assert balance(the) == 2 * LIMIT

    run(sqlite_database, story)


def test_a_reference_that_was_declined_may_be_asked_for_again(sqlite_database: str) -> None:
    async def story(the: Office) -> None:
        ask = the.provider.ask_adjustment
        first, other = (
            await ask("contoso", 2 * LIMIT, "a", "r", EVE),
            await ask("contoso", 2 * LIMIT, "a", "s", EVE),
        )
        assert isinstance(first, Approval)
        assert isinstance(other, Approval)
        assert first.id != other.id
        await the.provider.decline("contoso", first.id, "a mistake", BOB)
        again = await ask("contoso", 3 * LIMIT, "a", "r", EVE)
        assert isinstance(again, Approval)
        assert (again.amount, again.state) == (3 * LIMIT, ApprovalState.PENDING)
        assert again.id not in (first.id, other.id)

    run(sqlite_database, story)


@pytest.mark.parametrize(
    ("amount", "reason", "expected"),
    [
        (0, "why", "zero_amount"),
        (2 * LIMIT, " ", "reason_missing"),
        (10**18, "why", "over_limit"),
        (-(10**18), "why", "over_limit"),
    ],
)
def test_a_wrong_adjustment_does_not_even_wait(
    sqlite_database: str, amount: int, reason: str, expected: str
) -> None:
    async def story(the: Office) -> None:
        assert code(await the.provider.ask_adjustment("contoso", amount, reason, "", EVE)) == expected
        assert await the.provider.approvals("contoso", "", 9) == []

    run(sqlite_database, story)


def test_the_books_are_sound_after_all_of_it(database: str) -> None:
    async def story(the: Office) -> None:
        asked = await the.provider.ask_adjustment("contoso", 2 * LIMIT, "gift", "", EVE)
        assert isinstance(asked, Approval)
        await the.provider.approve("contoso", asked.id, BOB)
        await the.use.adjust("contoso", -2 * LIMIT + 70 * UNIT, "too much", "", "me")
        await the.provider.close("contoso", "over", "eve")
        assert balance(the) == 0

    run(database, story)
    assert list(found_by_verify(database)) == []


def found_by_verify(database: str) -> Iterable[object]:
    return verify(open_url(database)).differences


def test_unknown_tenants_and_papers_are_refused(sqlite_database: str) -> None:
    async def story(the: Office) -> None:
        use = the.provider
        answers = [
            await use.suspend("nobody", "x", "me"),
            await use.reactivate("nobody", "x", "me"),
            await use.close("nobody", "x", "me"),
            await use.set_partner("nobody", "x", "me"),
            await use.grant_waiver("nobody", "country_offered", "x", NOW_US + 1, "me"),
            await use.end_waiver("nobody", "country_offered", "me"),
            await use.ask_adjustment("nobody", UNIT, "x", "", EVE),
            await use.ask_adjustment("nobody", 2 * LIMIT, "x", "", EVE),
            await use.approve("nobody", "A-nobody-000001", EVE),
            await use.decline("nobody", "A-nobody-000001", "x", EVE),
        ]
        assert answers == [NO_TENANT] * len(answers)
        assert code(await use.approve("contoso", "A-contoso-000001", EVE)) == "unknown_approval"
        assert code(await use.decline("contoso", "A-contoso-000001", "x", EVE)) == "unknown_approval"

    run(sqlite_database, story)
