"""Months get partitions of their own on PostgreSQL, and no row is refused or lost on the way."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import Barrier, Event

import psycopg
import pytest

from talktime.ledger import partitions
from talktime.ledger.partitions import ensure_partitions, month_after

ENTRY = "insert into journal values ('t', %s, %s, 'k', 'credits', 'usage', 5, 0, 0, 0, '')"
WHERE = "select number, tableoid::regclass::text from journal order by number"


def us(year: int, month: int, day: int = 1, second: int = 0) -> int:
    return int(datetime(year, month, day, 0, 0, second, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("now_us", "months", "first"),
    [
        (us(2026, 11, 22), 0, date(2026, 11, 1)),
        (us(2026, 11, 22), 2, date(2027, 1, 1)),
        (us(2026, 12, 31), 1, date(2027, 1, 1)),
        (us(2027, 1) - 1, 0, date(2026, 12, 1)),
        (us(2027, 1), 0, date(2027, 1, 1)),
        (us(2026, 1), 25, date(2028, 2, 1)),
    ],
)
def test_months(now_us: int, months: int, first: date) -> None:
    assert month_after(now_us, months) == first


def test_missing_months_are_made_once(postgres_database: str) -> None:
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        assert ensure_partitions(connection, us(2026, 11, 22), months_ahead=1) == (
            "journal_2026_11",
            "journal_2026_12",
            "charges_2026_11",
            "charges_2026_12",
        )
        assert ensure_partitions(connection, us(2026, 11, 30), months_ahead=1) == ()
        assert ensure_partitions(connection, us(2026, 12), months_ahead=1) == (
            "journal_2027_01",
            "charges_2027_01",
        )


def test_a_row_lies_in_its_month_and_else_in_the_default(postgres_database: str) -> None:
    instants = [
        us(2026, 11) - 1,
        us(2026, 11),
        us(2026, 12) - 1,
        us(2026, 12),
        us(2027, 2) - 1,
        us(2027, 2),
    ]
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        ensure_partitions(connection, us(2026, 11, 5))
        for number, at_us in enumerate(instants):
            connection.execute(ENTRY, [number, at_us])
        assert connection.execute(WHERE).fetchall() == [
            (0, "journal_default"),
            (1, "journal_2026_11"),
            (2, "journal_2026_11"),
            (3, "journal_2026_12"),
            (4, "journal_2027_01"),
            (5, "journal_default"),
        ]


def test_rows_move_out_of_the_default_when_their_month_is_made(postgres_database: str) -> None:
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        for number, at_us in enumerate([us(2026, 10), us(2026, 11), us(2026, 11, 30)]):
            connection.execute(ENTRY, [number, at_us])
        ensure_partitions(connection, us(2026, 11, 5), months_ahead=0)
        assert connection.execute(WHERE).fetchall() == [
            (0, "journal_default"),
            (1, "journal_2026_11"),
            (2, "journal_2026_11"),
        ]
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(ENTRY, [1, us(2026, 11)])
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(ENTRY.replace("5", "0"), [9, us(2026, 11)])


def test_callers_at_once_make_each_month_once(postgres_database: str) -> None:
    together = Barrier(4)

    def call(_: int) -> tuple[str, ...]:
        with psycopg.connect(postgres_database, autocommit=True) as connection:
            together.wait(30)
            return ensure_partitions(connection, us(2026, 11))

    with ThreadPoolExecutor(4) as threads:
        made = [name for names in threads.map(call, range(4)) for name in names]
    assert len(made) == len(set(made)) == 6


def test_a_long_report_puts_a_month_off_and_writers_go_on(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT_MS", 50)
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        with psycopg.connect(postgres_database) as report:
            assert report.execute(WHERE).fetchall() == []
            assert ensure_partitions(connection, us(2026, 11), months_ahead=0) == ("charges_2026_11",)
            connection.execute(ENTRY, [1, us(2026, 11)])
        assert ensure_partitions(connection, us(2026, 11), months_ahead=0) == ("journal_2026_11",)
        assert connection.execute(WHERE).fetchall() == [(1, "journal_2026_11")]


def test_months_are_made_under_writers_that_lose_nothing(postgres_database: str) -> None:
    started, enough = Event(), Event()

    def write() -> int:
        with psycopg.connect(postgres_database, autocommit=True) as connection:
            number = 0
            while not enough.is_set():
                connection.execute(ENTRY, [number, us(2026, 11 + number % 2, second=number % 60)])
                number += 1
                if number == 20:
                    started.set()
            return number

    with ThreadPoolExecutor(1) as threads:
        written = threads.submit(write)
        try:
            assert started.wait(30)
            with psycopg.connect(postgres_database, autocommit=True) as connection:
                ensure_partitions(connection, us(2026, 11))
        finally:
            enough.set()
        count = written.result(30)
    with psycopg.connect(postgres_database) as connection:
        found = connection.execute(WHERE).fetchall()
    assert [number for number, _ in found] == list(range(count))
    assert {place for _, place in found} == {"journal_2026_11", "journal_2026_12"}
