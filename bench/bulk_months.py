"""Made-up months of a provider: calls as Parquet, made in chunks of columns; and where all files are kept.

Every cell of call i is worked out from i alone, by a hash. So the shuffled file and the sorted one hold the
same calls, and a month of any length needs the memory of one chunk.
"""

import hashlib
import math
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bench.bulk_book import (
    DAYS,
    HOMES,
    MICROSOFT_DECK,
    SEED,
    Ints,
    World,
    outbound_deck,
    spread,
    write_book,
    write_month_deck,
)
from talktime.core.deck import INBOUND

Bits = NDArray[np.uint64]

TENANTS = 5_000
CHUNK = 500_000
VARIANTS = ("unsorted", "sorted")

FIRST_US = 1_772_323_200_000_000  # 2026-03-01T00:00:00Z, a Sunday
S_US = 1_000_000
DAY_S = 86_400

NANP = (
    "1201 1202 1205 1206 1212 1213 1303 1305 1312 1313 1404 1408 1412 1415 1425 1503 1512 1602 1612 1617 1646"
)
AT_HOME = {
    "US": f"{NANP} 1416 1604",
    "CA": "1416 1416 1604 1604 1403 1418 1204 1250 1306 1212 1206",
    "GB": "4420 44161 44121 44113 44131 4475 4477 4478 4479 44800",
    "DE": "4930 4989 4940 49221 4969 49151 49160 49170 49172 49800",
}
ABROAD = (
    "1212 1415 1416 4420 4420 44161 447 4930 4989 49151 331 336 39 393 34 346 353 41 31 316 32 46 48 65 852"
    " 351 43 45 47 358 972 9725 82 81 61 614 91 91 919 86 861 52 55 5511 971 97150 27 54 57 20 66 63 60 62 90"
    " 7495"
)
PREMIUM = "449 44871 44844 44870 3389"
UNRATED = "882 883 878 888 979 870"
"""No deck has a row for these: international networks and shared services."""

DIGITS = {"1": 11, "44": 12, "49": 12, "33": 11, "39": 12}
"""Digits of a number by how it begins; 12 for others."""

KINDS = {
    "user_out": (640, "User"),
    "user_out_forwarding": (20, "User"),
    "user_in": (170, "User"),
    "conf_out": (60, "Toll"),
    "conf_in": (55, "Toll"),
    "ucap_in": (40, "Toll"),
    "ucap_out": (15, "Toll"),
}
"""Call types, each with its part of a thousand; the number type of those on a user's or toll number."""


def hashed(index: Bits, stream: int) -> Bits:
    """A random 64-bit number for each index; the step of splitmix64, with a sequence of its own a stream."""
    with np.errstate(over="ignore"):
        x = index * np.uint64(0x9E3779B97F4A7C15) + np.uint64((SEED + stream * 0xD1342543DE82EF95) % 2**64)
        x ^= x >> np.uint64(30)
        x *= np.uint64(0xBF58476D1CE4E5B9)
        x ^= x >> np.uint64(27)
        x *= np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return x


def below(bits: Bits, end: Any) -> Ints:
    """Whole numbers from 0 to `end` (one number, or one a row), exclusive."""
    return (bits % np.asarray(end).astype(np.uint64)).astype(np.int64)


def quantiles(at: Callable[[float], float], size: int = 2**16) -> Ints:
    """A table of whole numbers out of a distribution: every entry is as likely as any other."""
    return np.array([round(at((k + 0.5) / size)) for k in range(size)], np.int64)


# --- the calls -------------------------------------------------------------------------------------------


class Stems(NamedTuple):
    """4,096 ways in which numbers called from each home begin, and how many numbers begin so."""

    first: Ints
    span: Ints
    at_home: NDArray[np.bool_]


@cache
def stems() -> Stems:
    """Seven calls out of ten stay at home; of all calls 2 % go where no rate is, 1 % to premium numbers."""
    rng = np.random.default_rng(SEED + 1)
    parts = (0.17, 0.08, 0.012, 0.027)
    rows = [row for row in outbound_deck().rows if row.direction != INBOUND]
    found = []
    for home in HOMES:
        code = next(code for code in DIGITS if str(home.own).startswith(code))
        near = [place.country for place in HOMES if str(place.own).startswith(code)]
        sets = (
            [stem for stem in ABROAD.split() if not stem.startswith(code)],
            [row.prefix for row in rows if row.country not in near],
            PREMIUM.split(),
            UNRATED.split(),
            AT_HOME[home.country].split(),
        )
        for group in rng.choice(len(sets), 4096, p=(*parts, 1 - sum(parts))).tolist():
            stem = sets[group][int(rng.integers(len(sets[group])))]
            found.append((*range_of(stem), sets[group] is sets[-1]))
    first, span, at_home = (np.array(column).reshape(len(HOMES), 4096) for column in zip(*found, strict=True))
    return Stems(first, span, at_home)


def range_of(stem: str) -> tuple[int, int]:
    """The first number that begins with a stem and goes on with 2, and how many follow until 99...9."""
    digits = next((digits for begins, digits in DIGITS.items() if stem.startswith(begins)), 12)
    open_digits = max(digits - len(stem), 1)
    tenth = 10 ** (open_digits - 1)
    return int(stem) * 10 * tenth + 2 * tenth, 8 * tenth


@cache
def durations_s() -> Ints:
    """Lognormal: half of the calls under 85 s, the mean about 3 minutes, none over 4 hours."""
    return quantiles(lambda p: min(4 * 3600, 1 + math.exp(math.log(85) + 1.2 * NormalDist().inv_cdf(p))))


@cache
def times_of_day_s() -> Ints:
    """Local seconds of a day: two humps around 10:30 and 15:00, some at night."""
    rng = np.random.default_rng(SEED + 2)
    humps = rng.normal(np.repeat([10.5, 15.0], 2**15), np.repeat([1.6, 2.2], 2**15))
    hours = np.where(rng.random(2**16) < 0.06, rng.random(2**16) * 24, humps)
    return (np.clip(hours, 0, 23.99) * 3600).astype(np.int64)


@cache
def days() -> Ints:
    """Days of the month, weekdays five times as often."""
    return spread([1 if day % 7 in (0, 6) else 5 for day in range(DAYS)])


def calls_frame(world: World, index: Ints) -> pl.DataFrame:
    """The calls of these numbers: the columns of an export that matter, and what they are sorted by."""
    bits = index.astype(np.uint64)
    tenant = np.searchsorted(world.first_call, index, side="right") - 1
    part = (hashed(bits, 1) >> np.uint64(11)) * 2.0**-53
    user = world.first_user[tenant] + (part**1.6 * world.users[tenant]).astype(np.int64)
    kinds = list(KINDS)
    kind = spread([weight for weight, _ in KINDS.values()])[below(hashed(bits, 2), 1000)]
    serviced = np.isin(kind, [kinds.index(name) for name in ("conf_in", "ucap_in", "ucap_out")])
    kind = np.where(serviced & ~world.has_numbers[tenant], kinds.index("user_in"), kind)
    serviced &= world.has_numbers[tenant]
    nobody = np.isin(kind, [kinds.index("ucap_in"), kinds.index("ucap_out")])
    inbound = np.isin(kind, [at for at, name in enumerate(kinds) if name.endswith("_in")])
    place = np.where(nobody, world.home[tenant], world.location[user])
    draw = hashed(bits, 3)
    row = below(draw, 4096)
    other = stems().first[place, row] + below(draw >> np.uint64(12), stems().span[place, row])
    toll_free = (kind == kinds.index("conf_in")) & (hashed(bits, 4) % np.uint64(2) == 0)
    own = np.where(serviced, world.service_number(tenant, toll_free), world.own_number(user))
    duration_s = durations_s()[below(hashed(bits, 5), 2**16)]
    duration_s[below(hashed(bits, 6), 100) < 3] = 0
    masked = ~inbound & (below(hashed(bits, 7), 1000) < 68)  # 5 % of all calls
    words = pl.Series(["User", "Toll", "Toll-Free"])
    number_type = np.where(toll_free & serviced, 2, np.array([v[1] == "Toll" for v in KINDS.values()])[kind])
    frame = pl.DataFrame(
        {
            "UsageId": identities(bits),
            "Tenant ID": pl.Series(world.ids).gather(tenant),
            "UPN": world.upns.gather(np.where(nobody, len(world.location), user)),
            "User Location": pl.Series([home.country for home in HOMES]).gather(place),
            "other": other,
            "own": own,
            "Call Type": pl.Series(kinds).gather(kind),
            "Call Direction": pl.Series(["Outbound", "Inbound"]).gather(inbound.astype(np.int64)),
            "Number Type": words.gather(number_type),
            "Domestic/International": pl.Series(["International", "Domestic"]).gather(
                stems().at_home[place, row].astype(np.int64)
            ),
            "Start Time": starts_us(bits, place),
            "Duration Seconds": duration_s,
            "tenant": tenant,
            "inbound": inbound,
            "masked": masked,
        }
    )
    return written(frame)


def starts_us(bits: Bits, place: Ints) -> Ints:
    """Instants of the month; time of the day is that of the caller's place."""
    draw = hashed(bits, 8)
    day = days()[below(draw, len(days()))]
    local_s = times_of_day_s()[below(draw >> np.uint64(16), 2**16)] + below(draw >> np.uint64(32), 60)
    ahead_s = np.array([home.ahead_h * 3600 for home in HOMES])[place]
    within_s = np.clip(day * DAY_S + local_s - ahead_s, 0, DAYS * DAY_S - 1)
    at_us: Ints = FIRST_US + within_s * S_US + below(draw >> np.uint64(40), 1000) * 1000
    return at_us


def written(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns as they stand in the file, with `tenant` and `end_us` behind them."""
    plus = pl.lit("+")
    hidden = pl.concat_str(plus, (pl.col("other") // 10_000).cast(pl.String), pl.lit("****"))
    other = pl.when("masked").then(hidden).otherwise(pl.concat_str(plus, pl.col("other").cast(pl.String)))
    own = pl.concat_str(plus, pl.col("own").cast(pl.String))
    return frame.select(
        "UsageId",
        "Tenant ID",
        "UPN",
        "User Location",
        pl.when("inbound").then(other).otherwise(own).alias("Caller ID"),
        "Call Type",
        "Call Direction",
        "Number Type",
        "Domestic/International",
        pl.when("inbound").then(own).otherwise(other).alias("Destination Number"),
        pl.col("Start Time").cast(pl.Datetime("us", "UTC")),
        "Duration Seconds",
        pl.lit("USD").alias("Currency"),
        "tenant",
        (pl.col("Start Time") + pl.col("Duration Seconds") * S_US).alias("end_us"),
    )


def identities(bits: Bits) -> pl.Series:
    """36 characters a row, in the form of a UUID: written byte by byte, since text by text takes minutes."""
    pairs = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), np.uint16)
    halves = np.stack([hashed(bits, 9), hashed(bits, 10)], axis=1)
    signs = pairs[halves.view(np.uint8).reshape(len(bits), 16)].view(np.uint8).reshape(len(bits), 32)
    text = np.full((len(bits), 36), ord("-"), np.uint8)
    for start, end, to in ((0, 8, 0), (8, 12, 9), (12, 16, 14), (16, 20, 19), (20, 32, 24)):
        text[:, to : to + end - start] = signs[:, start:end]
    offsets = pa.py_buffer(np.arange(0, 36 * len(bits) + 1, 36, dtype=np.int64))
    array = pa.LargeStringArray.from_buffers(len(bits), offsets, pa.py_buffer(np.ascontiguousarray(text)))
    return pl.Series(values=array)


def shuffled(world: World) -> Iterator[pl.DataFrame]:
    """All calls in no order; one of a hundred comes again, later."""
    step = next(
        step for step in range(world.calls * 618 // 1000 | 1, 2**62, 2) if math.gcd(step, world.calls) == 1
    )
    rng = np.random.default_rng(SEED + 3)
    for first in range(0, world.calls, CHUNK):
        end = min(first + CHUNK, world.calls)
        again = rng.integers(0, end, (end - first) // 100)
        place = np.concatenate([np.arange(first, end), again])
        yield calls_frame(world, rng.permutation(place * step % world.calls)).drop("tenant", "end_us")


def in_order(world: World) -> Iterator[pl.DataFrame]:
    """All calls by tenant, end and id."""
    first = 0
    while first < world.tenants:
        limit = world.first_call[first] + CHUNK
        end = max(int(np.searchsorted(world.first_call, limit, side="right")) - 1, first + 1)
        index = np.arange(world.first_call[first], world.first_call[end])
        frame = calls_frame(world, index)
        yield frame.sort("tenant", "end_us", "UsageId").drop("tenant", "end_us")
        first = end


def write_month(path: Path, tenants: int, calls: int, variant: str) -> None:
    """A month as one Parquet file with row groups of about half a million rows."""
    world = World(tenants, calls)
    writer = None
    for frame in (in_order if variant == "sorted" else shuffled)(world):
        table = frame.to_arrow()
        if writer is None:
            few = [
                name for name in frame.columns if name not in ("UsageId", "Destination Number", "Start Time")
            ]
            writer = pq.ParquetWriter(path, table.schema, compression="snappy", use_dictionary=few)
        writer.write_table(table, row_group_size=CHUNK)
    if writer is not None:
        writer.close()


# --- what is kept ----------------------------------------------------------------------------------------


def kept_folder() -> Path:
    """The folder of the files, named by what makes them: an edited generator makes them anew."""
    digest = hashlib.sha256()
    for path in (Path(__file__), Path(__file__).with_name("bulk_book.py"), MICROSOFT_DECK):
        digest.update(path.read_bytes() if path.exists() else b"")
    folder = Path(tempfile.gettempdir()) / f"talktime-months-{digest.hexdigest()[:12]}"
    folder.mkdir(exist_ok=True)
    return folder


def book(calls: int, tenants: int = TENANTS) -> Path:
    """The book of the tenants of a month of so many calls: their credits fit what they spend in it."""
    return kept(kept_folder() / f"book-{tenants}-{calls}.jsonl", write_book, tenants, calls)


def month_deck() -> Path:
    """The deck of all months."""
    return kept(kept_folder() / "deck.csv", write_month_deck)


def month(calls: int, tenants: int = TENANTS, variant: str = "unsorted") -> Path:
    """The calls of a month."""
    path = kept_folder() / f"usage-{tenants}-{calls}-{variant}.parquet"
    return kept(path, write_month, tenants, calls, variant)


def kept(path: Path, write: Callable[..., None], *of: Any) -> Path:
    """The file; made if it is not there.

    By a process of its own: a child's peak memory is never less than what its parent had.
    """
    if not path.exists():
        began = time.perf_counter()
        half = path.with_name(f"{path.name}.part")
        maker = multiprocessing.get_context("spawn").Process(target=write, args=(half, *of))
        maker.start()
        maker.join()
        if maker.exitcode:
            raise SystemExit(f"{path} could not be made")
        half.replace(path)
        print(f"made {path} in {time.perf_counter() - began:.1f} s")
    return path
