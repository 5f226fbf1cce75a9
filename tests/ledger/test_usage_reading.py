"""Usage as it is read from the ledger: each call once with its newest charge, still pages, sums."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talktime.accounts.tenant import Cap, Licence, Tenant, User
from talktime.catalog.load import load_catalogue
from talktime.files.decks.sample import default_deck
from talktime.ledger.database import open_url
from talktime.ledger.usage_reading import BY, NO_SUMS, Asked, Cursor, Sums, UsageReader
from talktime.live.commands import Sweep
from talktime.live.operations import EndCall, ExtendCall, StartCall
from tests.databases import database, fresh_sqlite, sqlite_database
from tests.ledger.filled import fill
from tests.live.live_desk import NOON_US, SECOND, LiveDesk, books_of

__all__ = ["database", "sqlite_database"]  # fixtures

ANA, BEN = "ana@acme.example", "ben@acme.example"
LONDON, PARIS, HOME = "+442079460000", "+33142685300", "+12125550123"
TENANT = Tenant(
    "acme",
    "Acme",
    "US",
    "USD",
    users=tuple(
        User(upn, location="US", licences=(Licence("MCOPSTN1"), Licence("MCOPSTNC"))) for upn in (ANA, BEN)
    ),
    caps=(Cap("tenant", "", 900_000_000),),
)
EVER = Asked("acme", 0, 2**60)
DAY_US = 86_400 * SECOND


class Books(LiveDesk):
    """A desk with one tenant, and short ways to make calls."""

    calls = 0

    def call(self, call_id: str, user: str = ANA, callee: str = LONDON, seconds: int = 60) -> None:
        self.now_us += SECOND
        self.do(StartCall("acme", call_id, 0, "user_out", user=user, callee=callee, requested_s=600))
        self.do(EndCall("acme", call_id, 1, seconds))

    def lost(self, call_id: str, user: str = ANA) -> None:
        """A call that fell silent and was charged for what it had reported."""
        self.do(StartCall("acme", call_id, 0, "user_out", user=user, callee=LONDON, requested_s=600))
        self.do(ExtendCall("acme", call_id, 1, 500))
        self.now_us += 3_600 * SECOND
        self.do(Sweep("acme", call_id, self.desks[0].rules))

    def corrected(self, call_id: str) -> None:
        """Its true end comes, late."""
        self.now_us += SECOND
        self.do(EndCall("acme", call_id, 2, 200))


@contextmanager
def books(database: str) -> Iterator[Books]:
    desk = Books(database, load_catalogue(), books_of(default_deck()))
    try:
        desk.add(TENANT)
        desk.fund("acme", 100_000_000)
        yield desk
    finally:
        desk.close()


def reader_of(desk: LiveDesk) -> UsageReader:
    return UsageReader(desk.url)


def paged(
    reader: UsageReader, asked: Asked, limit: int, between: Callable[[], None] = lambda: None
) -> list[str]:
    """The call ids of all pages; `between` happens after each."""
    found: list[str] = []
    cursor: Cursor | None = None
    while True:
        page = reader.page(asked, cursor, limit)
        assert len(page.calls) <= limit
        found += [call.charge.call_id for call in page.calls]
        cursor = page.next
        if cursor is None:
            return found
        assert len(page.calls) == limit
        between()


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
def test_pages_hold_each_call_once_newest_first(database: str, limit: int) -> None:
    with books(database) as desk:
        for number in range(7):
            desk.call(f"c{number}")
        assert paged(reader_of(desk), EVER, limit) == [f"c{number}" for number in range(6, -1, -1)]


def test_corrected_call_stands_there_once_with_its_newest_charge(database: str) -> None:
    with books(database) as desk:
        desk.lost("l1")
        desk.call("c1")
        desk.corrected("l1")
        page = reader_of(desk).page(EVER, None, 10)
        assert [(c.charge.call_id, c.charge.number, c.charge.corrects) for c in page.calls] == [
            ("l1", 3, 1),
            ("c1", 2, 0),
        ]
        assert page.next is None


def test_pages_stand_still_while_calls_and_corrections_come(database: str) -> None:
    with books(database) as desk:
        desk.lost("l1")
        for number in range(4):
            desk.call(f"c{number}")
        later = iter(range(100))

        def happens() -> None:
            number = next(later)
            desk.call(f"new-{number}")
            if number == 0:
                desk.corrected("l1")

        shown = paged(reader_of(desk), EVER, 1, happens)
        assert shown == ["c3", "c2", "c1", "c0", "l1"], "the page shows the call as it stood at first"
        assert paged(reader_of(desk), EVER, 3)[-1] == "c0"


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (EVER, ["c3", "c2", "c1", "c0"]),
        (EVER._replace(users=(BEN,)), ["c3", "c1"]),
        (EVER._replace(users=(ANA, BEN)), ["c3", "c2", "c1", "c0"]),
        (EVER._replace(users=("nobody",)), []),
        (EVER._replace(category="calling_plan_international"), ["c3", "c2"]),
        (EVER._replace(call_type="user_out"), ["c3", "c2", "c1", "c0"]),
        (EVER._replace(call_type="user"), []),
        (EVER._replace(tenant="other"), []),
        (EVER._replace(from_us=NOON_US + 2 * DAY_US), ["c3", "c2"]),
        (EVER._replace(until_us=NOON_US + 2 * DAY_US), ["c1", "c0"]),
        (EVER._replace(from_us=NOON_US + 9 * DAY_US), []),
    ],
)
def test_filters(database: str, asked: Asked, shown: list[str]) -> None:
    with books(database) as desk:
        for number, callee in enumerate([HOME, HOME, LONDON, PARIS]):
            desk.now_us = NOON_US + number * DAY_US
            desk.call(f"c{number}", BEN if number % 2 else ANA, callee)
        assert paged(reader_of(desk), asked, 2) == shown


def test_old_spans_are_found_behind_many_newer_calls(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of two charges: what lies far behind is found by what is remembered of them, and only that."""
    monkeypatch.setattr("talktime.ledger.usage_reading.BLOCK", 2)
    with books(database) as desk:
        for number in range(40):
            desk.now_us = NOON_US + number * DAY_US
            desk.call(f"c{number}")
        reader = reader_of(desk)
        for first in (0, 3, 17, 30):
            asked = EVER._replace(from_us=NOON_US + first * DAY_US, until_us=NOON_US + (first + 5) * DAY_US)
            expected = [f"c{number}" for number in range(first + 4, first - 1, -1)]
            assert paged(reader, asked, 3) == paged(reader, asked, 100) == expected
        desk.lost("late")  # the blocks that were remembered stay right
        assert paged(reader, EVER, 7)[:2] == ["late", "c39"]


def test_all_calls_of_a_span_are_those_of_the_pages(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talktime.ledger.usage_reading.PAGE_ROWS", 3)
    with books(database) as desk:
        desk.lost("l1")
        for number in range(8):
            desk.call(f"c{number}")
        desk.corrected("l1")
        reader = reader_of(desk)
        end = reader.end("acme")
        desk.call("after")
        streamed = [call.charge.call_id for piece in reader.calls(EVER, end) for call in piece]
        assert streamed == [each for each in paged(reader, EVER, 4) if each != "after"]
        assert len(streamed) == 9


def test_sums_of_every_kind_come_to_the_total(database: str) -> None:
    fill(database)
    reader = UsageReader(open_url(database))
    for tenant in ("acme", "mca", "nobody"):
        asked = EVER._replace(tenant=tenant)
        end = reader.end(tenant)
        charges = [call.charge for piece in reader.calls(asked, end) for call in piece]
        expected = Sums(
            len(charges),
            *(
                sum(getattr(charge, name) for charge in charges)
                for name in ("billed_s", "pool_s", "paid_s", "amount", "credits", "post_usage", "overdraft")
            ),
        )
        assert reader.total(asked, end) == expected
        assert (expected == NO_SUMS) is (tenant == "nobody")
        for by in BY:
            groups = reader.sums(asked, end, by).values()
            together = NO_SUMS
            for group in groups:
                together = together.plus(group)
            assert together == expected, by


def test_sums_have_the_words_of_the_ledger(database: str) -> None:
    with books(database) as desk:
        desk.call("c0", ANA, LONDON, 61)
        desk.call("c1", BEN, LONDON, 60)
        desk.call("c2", BEN, HOME, 60)
        reader = reader_of(desk)
        end = reader.end("acme")
        seconds = {key: sums.billed_s for key, sums in reader.sums(EVER, end, "country").items()}
        assert seconds == {(LONDON, ""): 180, (HOME, ""): 60}
        calls = {key: sums.calls for key, sums in reader.sums(EVER, end, "cost_centre").items()}
        assert calls == {(ANA, ""): 1, (BEN, ""): 2}
        with pytest.raises(KeyError):
            reader.sums(EVER, end, "weather")


def test_consumers_of_a_pool_are_what_its_counter_says(database: str) -> None:
    with books(database) as desk:
        desk.lost("l1")
        desk.call("c0", ANA, HOME, 61)
        desk.call("c1", BEN, HOME, 60)
        desk.corrected("l1")
        ((pool, period),) = [key for key in desk.counters("acme") if key[0].startswith("pool:")]
        used_s, consumers = reader_of(desk).consumers(EVER, pool, period)
        assert used_s == 180
        assert consumers == {(ANA, ""): (1, 120), (BEN, ""): (1, 60)}
        assert reader_of(desk).consumers(EVER, "pool:NONE/none/", period) == (0, {})


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.sampled_from(["call", "lost", "corrected", "day"]), max_size=30),
    limit=st.integers(1, 6),
)
def test_pages_and_sums_agree_whatever_happened(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], limit: int
) -> None:
    with books(fresh_sqlite(tmp_path_factory.mktemp("usage"))) as desk:
        silent: list[str] = []
        for number, step in enumerate(steps):
            if step == "call":
                desk.call(f"c{number}", [ANA, BEN][number % 2], [LONDON, HOME][number % 2])
            elif step == "lost":
                desk.lost(f"c{number}")
                silent.append(f"c{number}")
            elif step == "corrected" and silent:
                desk.corrected(silent.pop())
            elif step == "day":
                desk.now_us += DAY_US
        reader = reader_of(desk)
        shown = paged(reader, EVER, limit)
        assert len(shown) == len(set(shown)) == sum(step in ("call", "lost") for step in steps)
        total = reader.total(EVER, reader.end("acme"))
        ((usage,),) = desk.rows(
            "select coalesce(sum(case when credit = 'usage' then amount else -amount end), 0) from journal"
            " where credit = 'usage' or debit = 'usage'"
        )
        assert (total.calls, total.amount) == (len(shown), usage)
