"""Longest prefixes of ten million numbers: the compiled scan, `searchsorted`, and walks in Python.

Run `.venv/bin/python bench/bench_prefix.py [--numbers 10000000] [--sample 200000]`.
Numbers of 12 digits, 5 % of them with the last four hidden, drawn evenly and by Zipf's law over the prefixes
of the public price file (of the shipped deck where that is absent). The index holds them and the catalogue's.
The scan also checks how each number is written, counts hidden digits and says where they could decide; the
walks only look up. It is no test: the figures are to be looked at.

Each line: look-ups a second, and how many times faster the compiled look-ups alone are.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from talktime.bulk.number_index import NumberIndex
    from talktime.core.prefix import PrefixTable

ROOT = Path(__file__).resolve().parents[1]
MICROSOFT_DECK = ROOT / "../shared/data/rates/communication-services-pstn-rates.csv"
DIGITS = 12
HIDDEN = 4
HIDDEN_SHARE = 0.05
ZIPF = 1.2
SEED = 1
RUNS = 3


@dataclass(slots=True)
class Node:
    """A place in a trie: the longest prefix that leads here, and the next places by digit."""

    longest: int
    after: dict[str, "Node"]


def main() -> int:
    """Draws the numbers, runs every way, prints a table."""
    asked = arguments()
    table = deck_prefixes()
    index = built(table)
    for name, zipf in (("evenly", False), ("by Zipf's law", True)):
        texts = drawn(table.prefixes, asked.numbers, zipf=zipf)
        print(f"\n{asked.numbers:,} numbers, drawn {name}")
        print(f"{'':52}{'s':>8}{'look-ups/s':>14}{'x':>8}")
        compare(texts, index, table, min(asked.sample, asked.numbers))
    return 0


def arguments() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--numbers", type=int, default=10_000_000, help="how many numbers")
    parser.add_argument(
        "--sample", type=int, default=200_000, help="how many of them the walks in Python get"
    )
    return parser.parse_args()


def deck_prefixes() -> "PrefixTable":
    """The prefixes of the public price file, else of the shipped deck."""
    from talktime.core.prefix import prefix_table
    from talktime.files.decks.read import read_deck
    from talktime.files.decks.sample import default_deck

    deck = read_deck(MICROSOFT_DECK).deck if MICROSOFT_DECK.exists() else default_deck()
    if deck is None:
        raise SystemExit(f"{MICROSOFT_DECK} cannot be read as a deck")
    return prefix_table(sorted({row.prefix for row in deck.rows}))


def built(table: "PrefixTable") -> "NumberIndex":
    """The index; tells what it takes to build it and to compile the loops."""
    import polars as pl

    from talktime.bulk.number_index import number_index
    from talktime.bulk.number_scan import scan
    from talktime.catalog.load import load_catalogue

    catalogue = load_catalogue()
    began = time.perf_counter()
    index = number_index({"rates": table, "numbers": catalogue.numbers, "premium": catalogue.premium})
    union_s = time.perf_counter() - began
    flat = index.flat
    flat_s = time.perf_counter() - began - union_s
    began = time.perf_counter()
    scan(pl.Series(["+442071838750"]), index, compiled=True)
    compile_s = time.perf_counter() - began
    size = sum(array.nbytes for array in flat) / 2**20
    print(f"{len(table.prefixes):,} prefixes of the deck, {len(index.union.prefixes):,} with the catalogue's")
    print(
        f"index {union_s:.2f} s, flat tables {flat_s:.2f} s ({size:.1f} MiB), loops ready {compile_s:.2f} s"
    )
    return index


def drawn(prefixes: Sequence[str], numbers: int, *, zipf: bool) -> "pl.Series":
    """A column of numbers of 12 digits, the last four of some hidden."""
    import numpy as np
    import polars as pl

    random = np.random.default_rng(SEED)
    rank = np.arange(1, len(prefixes) + 1, dtype=np.float64)
    weight = rank**-ZIPF if zipf else np.ones_like(rank)
    chosen = random.choice(random.permutation(len(prefixes)), numbers, p=weight / weight.sum())
    frame = pl.DataFrame(
        {
            "prefix": pl.Series(prefixes).gather(chosen),
            "rest": random.integers(10 ** (DIGITS - 1), 10**DIGITS, numbers),
            "masked": random.random(numbers) < HIDDEN_SHARE,
        }
    )
    number = "+" + (pl.col("prefix") + pl.col("rest").cast(pl.String)).str.slice(0, DIGITS)
    hidden = number.str.slice(0, 1 + DIGITS - HIDDEN) + "*" * HIDDEN
    return frame.select(pl.when("masked").then(hidden).otherwise(number).alias("number"))["number"]


def compare(texts: "pl.Series", index: "NumberIndex", table: "PrefixTable", sample: int) -> None:
    """Runs every way over the same numbers and prints a line for each."""
    from talktime.bulk.number_scan import scan, visible_digits

    rows = len(texts)
    some = visible_digits(texts.head(sample)).to_list()
    alone_s = look_ups_alone(texts, index)
    lines = [
        ("compiled, look-ups alone, text laid out", rows, alone_s),
        ("compiled scan, one thread", rows, best(lambda: scan(texts, index, compiled=True))),
        ("compiled scan, two threads", rows, best(lambda: scan(texts, index, compiled=True, threads=2))),
        ("by columns, the same scan", rows, best(lambda: by_columns(texts, index), 1)),
        ("`searchsorted` alone, keys made", rows, searchsorted_alone(texts, table)),
        (f"PrefixTable.find, {sample:,} of them", sample, best(lambda: [table.find(n) for n in some])),
        (f"dictionary of prefixes, {sample:,}", sample, best(lambda: by_dictionary(table, some))),
        (f"trie of nodes, {sample:,}", sample, best(lambda: by_trie(table, some))),
    ]
    for name, count, took_s in lines:
        print(
            f"{name:52}{took_s:8.3f}{count / took_s:14,.0f}{took_s / count * rows / alone_s:8.1f}", flush=True
        )


def best(run: Callable[[], object], runs: int = RUNS) -> float:
    """Seconds of the best of several runs."""
    took = []
    for _ in range(runs):
        began = time.perf_counter()
        run()
        took.append(time.perf_counter() - began)
    return min(took)


def look_ups_alone(texts: "pl.Series", index: "NumberIndex") -> float:
    """Seconds of the loops themselves, on text that lies ready."""
    from talktime.bulk import number_scan
    from talktime.bulk.compiled import compiled

    loops = [compiled(loop) for loop in (number_scan.scan_plain, number_scan.scan_rest)]
    buffers = number_scan.buffers_of(texts)
    took = []
    for _ in range(RUNS):
        found = number_scan.unread(len(texts))
        began = time.perf_counter()
        for loop in loops:
            loop(buffers, index.flat, found)
        took.append(time.perf_counter() - began)
    return min(took)


def by_columns(texts: "pl.Series", index: "NumberIndex") -> None:
    """The scan by Polars and numpy, a million rows at a time to spare memory."""
    from talktime.bulk.number_scan import scan

    for first in range(0, len(texts), 1_000_000):
        scan(texts.slice(first, 1_000_000), index, compiled=False)


def searchsorted_alone(texts: "pl.Series", table: "PrefixTable") -> float:
    """Seconds of `find_many` on keys that lie ready."""
    from talktime.bulk.lookup import find_many, keys_of
    from talktime.bulk.number_scan import visible_digits

    took_s = 0.0
    for first in range(0, len(texts), 1_000_000):
        keys, lengths = keys_of(visible_digits(texts.slice(first, 1_000_000)))
        took_s += best(partial(find_many, table, keys, lengths), 1)
    return took_s


def by_dictionary(table: "PrefixTable", numbers: Sequence[str]) -> list[int]:
    """The plainest way: cut the number shorter until a dictionary knows it."""
    known = {prefix: number for number, prefix in enumerate(table.prefixes)}
    longest = max(table.lengths)
    return [
        next((known[number[:n]] for n in range(longest, 0, -1) if number[:n] in known), -1)
        for number in numbers
    ]


def by_trie(table: "PrefixTable", numbers: Sequence[str]) -> list[int]:
    """Digit by digit through nodes, each a dictionary of the next ones and the longest prefix so far."""
    root = Node(-1, {})
    for number, prefix in sorted(enumerate(table.prefixes), key=lambda entry: entry[1]):
        node = root
        for digit in prefix:
            node = node.after.setdefault(digit, Node(node.longest, {}))
        node.longest = number
    found = []
    for digits in numbers:
        node = root
        for digit in digits:
            if digit not in node.after:
                break
            node = node.after[digit]
        found.append(node.longest)
    return found


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]
    raise SystemExit(main())
