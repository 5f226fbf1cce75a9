"""A month of one tenant invoiced: seconds for reading and adding up, for the second sum, for the PDF.

Run `.venv/bin/python bench/bench_invoice.py [--charges 1000000] [--postgres URL]`.
A ledger is made with so many charges of one tenant, a tenth as many of another one between them and one
correction in a hundred; on SQLite in a temporary folder, else in the (empty) PostgreSQL database. Rows are
written directly, as the engine writes them. It is no test: the figures are to be looked at.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import psycopg

from talktime.catalog.load import load_catalogue
from talktime.funding.invoice import Party, check_reading, country_in, drafted, invoice_text, issued
from talktime.funding.invoice_lines import Mark, Span, posted_micros, read_lines
from talktime.funding.invoice_views import invoice_csv, invoice_json
from talktime.funding.month_journal import read_month_journal
from talktime.funding.pdf import invoice_pdf
from talktime.funding.receipt import Billed
from talktime.funding.taxes import Seller
from talktime.ledger.database import DatabaseUrl, connect_sqlite, open_url, upgrade
from talktime.ledger.month_reading import MonthReader
from talktime.ledger.records import CHARGED, CORRECTED, POST_USAGE, USAGE, Charge, ChargeBody, Entry, Facts

TENANT, OTHER = "contoso", "other"
MONTH = 2026 * 12 + 2
START_US = 1_772_323_200_000_000
MONTH_US = 31 * 86_400_000_000
BATCH = 10_000
PARTY = Party(
    TENANT,
    "EUR",
    "UTC",
    Seller("Talktime Telephony GmbH", ("Hauptstrasse 1", "10115 Berlin"), "DE", "DE123456789"),
    Billed("Contoso SARL", ("1 rue de la Paix", "75002 Paris"), "FR", "FR12345678901", "PO-2026-17"),
    "main",
)
NUMBERS = (
    "+44207946",
    "+33142685",
    "+49301234",
    "+12125550",
    "+14165550",
    "+81312345",
    "+39066982",
    "+34911234",
)
CATEGORIES = (
    "toll_free",
    "conference_dial_out",
    "calling_plan_domestic",
    "calling_plan_international",
    "pay_as_you_go",
)


class Row(NamedTuple):
    """A charge of a tenant with the entry that it posts, if it moves money."""

    tenant: str
    charge: Charge
    entry: Entry | None


def main() -> int:
    """Makes the ledger, invoices the month, prints a line for each step."""
    asked = arguments()
    with tempfile.TemporaryDirectory(prefix="bench-invoice-") as folder:
        url = open_url(asked.postgres or f"sqlite:///{Path(folder) / 'ledger.db'}")
        upgrade(url)
        spent, _ = timed(fill, url, asked.charges)
        print(f"{asked.charges:,} charges written to {url.kind} in {spent.wall_s:.1f} s")
        measure(MonthReader(url))
    return 0


def arguments() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--charges", type=int, default=1_000_000)
    parser.add_argument("--postgres", default="", help="URL of an empty database; without it SQLite")
    return parser.parse_args()


class Spent(NamedTuple):
    """Seconds that passed, and seconds of this process's own work among them."""

    wall_s: float
    cpu_s: float


def timed(work: Any, *values: Any) -> tuple[Spent, Any]:
    """(seconds, result) of a call."""
    began = time.perf_counter(), time.process_time()
    result = work(*values)
    return Spent(time.perf_counter() - began[0], time.process_time() - began[1]), result


def measure(reader: MonthReader) -> None:
    """Reads, adds up, compares, prints; then the papers."""
    span = Span(MONTH, reader.newest_charge(TENANT), 0)
    country_of = country_in(load_catalogue())
    reading_it, reading = timed(read_lines, reader, TENANT, span, Mark(), country_of)
    second_sum, posted = timed(posted_micros, reader, TENANT, reading)
    check_reading(reading, posted, PARTY)
    drafting, draft = timed(drafted, reading.lines, PARTY, span)
    invoice = issued(draft, f"I-{TENANT}-000001", START_US + MONTH_US)
    printing, paper = timed(invoice_pdf, invoice)
    showing, _ = timed(lambda: (invoice_text(invoice), invoice_json(invoice), invoice_csv(invoice)))
    journalling, journal = timed(read_month_journal, reader, TENANT, MONTH, "UTC", PARTY.currency)
    assert sum(line.closing for line in journal.lines) == 0
    steps = (reading_it, second_sum, drafting, printing, showing)
    whole = Spent(sum(step.wall_s for step in steps), sum(step.cpu_s for step in steps))
    print(f"{'':48}{'s':>8}{'of work':>10}")
    for what, spent in [
        ("read charges and add them up", reading_it),
        ("sum the journal for the same charges", second_sum),
        ("round and tax", drafting),
        (f"PDF of {len(invoice.lines)} lines, {len(paper):,} bytes", printing),
        ("JSON and CSV", showing),
        ("invoice in all", whole),
        ("journal of the month by account", journalling),
    ]:
        print(f"{what:48}{spent.wall_s:8.2f}{spent.cpu_s:10.2f}")


def fill(url: DatabaseUrl, count: int) -> None:
    """Writes the wallets, the charges and their entries."""
    numbers = {TENANT: 0, OTHER: 0}
    rows = made(count, numbers)
    if url.kind == "sqlite":
        with closing(connect_sqlite(url.path)) as link:
            for batch in batches(rows):
                link.execute("begin immediate")
                for table, columns, values in inserts(batch):
                    marks = ", ".join("?" * len(columns))
                    link.executemany(f"insert into {table} ({', '.join(columns)}) values ({marks})", values)
                link.execute("commit")
            link.executemany(wallet_insert("?"), wallets(numbers))
        return
    with psycopg.connect(url.place) as server, server.cursor() as cursor:
        for batch in batches(rows):
            for table, columns, values in inserts(batch):
                with cursor.copy(f"copy {table} ({', '.join(columns)}) from stdin".encode()) as copy:
                    for each in values:
                        copy.write_row(each)
        cursor.executemany(wallet_insert("%s").encode(), wallets(numbers))


def batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Rows in lists that are written at once."""
    while batch := list(islice(rows, BATCH)):
        yield batch


def inserts(batch: Sequence[Row]) -> Iterator[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]:
    """(table, columns, rows) of a batch."""
    yield "charges", ("tenant", *Charge._fields), [(row.tenant, *row.charge) for row in batch]
    entries = [(row.tenant, *row.entry) for row in batch if row.entry is not None]
    yield "journal", ("tenant", *Entry._fields), entries


def wallet_insert(mark: str) -> str:
    """Columns that have a value worth asking for here."""
    columns = (
        "tenant version config_version currency time_zone balance overdraft reserved next_lot number charge"
    )
    names = [*columns.split(), "head", "last_us", "next_expiry_us", "flags", "lots"]
    return f"insert into wallets ({', '.join(names)}) values ({', '.join([mark] * len(names))})"


def wallets(numbers: dict[str, int]) -> Iterable[tuple[Any, ...]]:
    """A wallet without credits for each tenant."""
    for tenant, charge in numbers.items():
        yield tenant, 1, 1, "EUR", "UTC", 0, 0, 0, 1, charge, charge, bytes(32), START_US, 2**62, 0, "[]"


def made(count: int, numbers: dict[str, int]) -> Iterator[Row]:
    """Charges in the order of the month; always the same."""
    draw = random.Random(1)
    encode = msgspec.json.Encoder().encode
    last: dict[str, Charge] = {}
    for at in range(count + count // 10):
        tenant = OTHER if at % 11 == 10 else TENANT
        numbers[tenant] += 1
        number, at_us = numbers[tenant], START_US + at * MONTH_US // (2 * count)
        before = last[tenant] if number % 100 == 0 else None
        minutes = draw.randrange(1, 9)
        price = 10_000_000 + 1_000_000 * draw.randrange(8)
        cost = minutes * price // 1_000
        facts = facts_of(draw, price, at_us)
        body = ChargeBody(facts, minutes * 60, [], [], number, 0, (), at_us, at_us, None, minutes * 60)
        charge = Charge(
            number,
            f"call-{at}",
            at_us,
            at_us,
            facts.user,
            facts.category,
            minutes * 60,
            0,
            minutes * 60,
            cost,
            0,
            cost,
            0,
            0 if before is None else before.number,
            encode(body).decode(),
        )
        yield Row(tenant, charge, entry_of(charge, 0 if before is None else before.post_usage))
        last[tenant] = charge


def facts_of(draw: random.Random, price: int, at_us: int) -> Facts:
    """A call to one of a few countries, to a number of its own."""
    callee = f"{draw.choice(NUMBERS)}{draw.randrange(10**4):04}"
    category = draw.choice(CATEGORIES)
    user = f"user{draw.randrange(5_000)}@contoso.example"
    return Facts(
        "user_out",
        user,
        "",
        "+33142680000",
        callee,
        category,
        "an outgoing call of a user",
        "sample-2026",
        callee[1:4],
        (60, 60, 0, price, price, 0, 0, 6),
        1,
        1,
        1,
        (),
        MONTH,
        (),
        (),
        86_400,
        at_us,
        at_us,
        (),
    )


def entry_of(charge: Charge, before: int) -> Entry | None:
    """The entry of what the charge moves beyond the one that it corrects."""
    moves = charge.post_usage - before
    if not moves:
        return None
    kind = CORRECTED if charge.corrects else CHARGED
    debit, credit = (POST_USAGE, USAGE) if moves > 0 else (USAGE, POST_USAGE)
    return Entry(
        charge.number,
        charge.at_us,
        kind,
        debit,
        credit,
        abs(moves),
        0,
        charge.number,
        charge.corrects,
        bytes(32),
    )


if __name__ == "__main__":
    sys.exit(main())
