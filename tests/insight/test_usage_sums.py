"""Sums that are made while one looks: the same as those of the ledger itself, whatever is kept in memory."""

from __future__ import annotations

from functools import partial
from importlib import resources

import pytest
import sqlalchemy as sa

from talktime.catalog.load import load_catalogue
from talktime.catalog.side import load_masking
from talktime.insight import usage_sums as sums_of
from talktime.insight.spend import spend
from talktime.insight.usage_rows import UsageRows, country_of
from talktime.insight.usage_sums import DAY, names_in, places_of, usage_sums
from talktime.ledger.database import open_engine
from talktime.ledger.usage_columns import HEAD, SpanTooLongError, UsageColumns
from talktime.ledger.usage_reading import BY, NO_SUMS, Asked, UsageReader
from tests.databases import database, sqlite_database
from tests.ledger.test_usage_reading import ANA, BEN, DAY_US, EVER, HOME, LONDON, PARIS, TENANT, Books, books
from tests.live.live_desk import NOON_US

__all__ = ["database", "sqlite_database"]  # fixtures

CATALOGUE = load_catalogue()
NUMBERS = resources.files("talktime.catalog").joinpath("data", "numbers.csv")
ROWS = UsageRows(TENANT, CATALOGUE, load_masking())


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of two calls, compared with the ledger each time they are looked at."""
    monkeypatch.setattr("talktime.ledger.usage_columns.PIECE", 2)
    monkeypatch.setattr("talktime.ledger.usage_columns.TRUSTED_S", 0)


def columns_of(desk: Books) -> UsageColumns:
    return UsageColumns(UsageReader(desk.url), partial(country_of, CATALOGUE))


def week(desk: Books) -> None:
    """Nine calls, one a day, by two users to three countries; one is corrected."""
    desk.now_us = NOON_US
    desk.lost("l1")
    for number in range(8):
        desk.now_us = NOON_US + number * DAY_US
        desk.call(
            f"c{number}", BEN if number % 3 else ANA, (HOME, LONDON, PARIS)[number % 3], 61 * (number + 1)
        )
    desk.corrected("l1")


SOME = (
    EVER._replace(until_us=NOON_US + 30 * DAY_US),
    EVER._replace(from_us=NOON_US + DAY_US, until_us=NOON_US + 5 * DAY_US),
    EVER._replace(until_us=NOON_US + 30 * DAY_US, users=(ANA,)),
    EVER._replace(until_us=NOON_US + 30 * DAY_US, call_type="user_out", category="calling_plan_domestic"),
    EVER._replace(until_us=NOON_US + 30 * DAY_US, users=("nobody",)),
)


@pytest.mark.parametrize("asked", SOME)
def test_sums_are_those_of_the_ledger(database: str, asked: Asked) -> None:
    with books(database) as desk:
        week(desk)
        columns = columns_of(desk)
        for _ in range(2):
            found = usage_sums(columns, ROWS, asked, "", BY)
            for by in BY:
                told = spend(columns.reader, ROWS, asked, by)
                assert found.lines[by] == told.lines, by
                assert found.total == told.total
            desk.call("later", BEN, PARIS)  # what is kept is only a part now


def test_days_are_the_tenants_and_each_stands_there_once(sqlite_database: str) -> None:
    with books(sqlite_database) as desk:
        week(desk)
        asked = EVER._replace(from_us=NOON_US - DAY_US, until_us=NOON_US + 9 * DAY_US)
        found = usage_sums(columns_of(desk), ROWS, asked, "", (DAY, "call_type"))
        assert [line.sums.calls for line in found.lines[DAY]] == [0, 2, 1, 1, 1, 1, 1, 1, 1, 0, 0]
        assert [int(line.key) for line in found.lines[DAY]] == list(
            range(NOON_US // DAY_US - 1, NOON_US // DAY_US + 10)
        )
        assert [(line.key, line.sums.calls) for line in found.lines["call_type"]] == [("user_out", 9)]


def test_calls_of_a_country_come_page_by_page(database: str) -> None:
    with books(database) as desk:
        week(desk)
        columns = columns_of(desk)
        asked, end = SOME[0], columns.reader.end("acme")
        seen: list[str] = []
        place = end
        while places := places_of(columns, asked, "GB", place, 2):
            seen += [call.charge.call_id for call in columns.reader.at("acme", places)]
            place = end._replace(place=places[-1])
            desk.call(f"new-{len(seen)}", ANA, LONDON)
        assert seen == ["l1", "c7", "c4", "c1"]
        total = usage_sums(columns, ROWS, asked, "GB", ()).total
        assert total.calls == len(seen) + 2
        assert usage_sums(columns, ROWS, asked, "DE", ("user",)).total == NO_SUMS


@pytest.mark.parametrize("word", ["gone", "erased-0123456789abcdef"[: len(BEN)]])
def test_names_that_were_taken_out_are_not_told_any_more(database: str, word: str) -> None:
    """Also where the word that stands for somebody is as long as the name was."""
    with books(database) as desk:
        week(desk)
        columns = columns_of(desk)
        assert names_in(columns, SOME[0]) == [ANA, BEN]
        with open_engine(desk.url).begin() as db:
            rows = db.execute(
                sa.text("select number, body from charges where user_name = :who"), {"who": BEN}
            )
            for number, body in rows.all():
                told = {"number": number, "body": body.replace(BEN, word), "word": word}
                db.execute(
                    sa.text("update charges set user_name = :word, body = :body where number = :number"),
                    told,
                )
        assert names_in(columns, SOME[0]) == [ANA, word]
        assert {line.key for line in usage_sums(columns, ROWS, SOME[0], "", ("user",)).lines["user"]} == {
            ANA,
            word,
        }


def test_span_that_holds_too_much_is_refused(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talktime.ledger.usage_columns.MOST_AT_ONCE", 9)
    with books(sqlite_database) as desk:
        week(desk)
        columns = columns_of(desk)
        late = SOME[0]._replace(from_us=NOON_US + 4 * DAY_US)
        assert usage_sums(columns, ROWS, late, "", ()).total.calls == 4
        with pytest.raises(SpanTooLongError, match="more than 9 calls"):
            usage_sums(columns, ROWS, SOME[0], "", ())
        ages = EVER._replace(until_us=NOON_US + 4_000 * DAY_US)
        with pytest.raises(SpanTooLongError, match="more than 3,660 days"):
            usage_sums(columns, ROWS, ages, "", (DAY,))


def test_long_spans_are_grouped_in_parts(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums_of, "_AT_ONCE", 2)
    monkeypatch.setattr("talktime.ledger.usage_columns.MOST_KEPT", 3)
    with books(sqlite_database) as desk:
        week(desk)
        columns = columns_of(desk)
        for by in BY:
            found = usage_sums(columns, ROWS, SOME[0], "", (by,))
            assert found.lines[by] == spend(columns.reader, ROWS, SOME[0], by).lines


def test_pool_is_used_up_by_the_call_that_took_the_last_of_it(database: str) -> None:
    with books(database) as desk:
        for number in range(3):
            desk.call(f"c{number}", ANA, HOME, 60)
        ((pool, _),) = [key for key in desk.counters("acme") if key[0].startswith("pool:")]
        reader = UsageReader(desk.url)
        first, second, third = (
            call.charge.start_us + 60_000_000 for call in reversed(reader.page(EVER, None, 9).calls)
        )
        ends = [reader.used_up(EVER, pool, size_s) for size_s in (60, 61, 120, 180, 181)]
        assert ends == [first, second, second, third, None]


def test_what_is_remembered_of_a_number_decides_its_country() -> None:
    prefixes = [row.split(",")[0] for row in NUMBERS.read_text("utf-8").splitlines() if row[:1].isdigit()]
    assert len(prefixes) > 1_000
    assert max(map(len, prefixes)) < HEAD
