"""A month of several tenants in several files, with all that can come between two engines.

One tenant has half of the calls; rows stand twice in a file and in two files, with and without an identity;
calls end at one instant; lots expire in mid-month, and wallets are refilled between two calls of a second.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

import polars as pl
import pyarrow.parquet as pq

from talktime.accounts.calendar import to_us
from tests.tables import at

S: Final = 1_000_000
MONTH_US: Final = to_us(at("2026-03-01 00:00"))
DAYS: Final = 31
GROUP_ROWS: Final = 40
"""Rows of a row group of the file of Parquet."""

NUMBERS = ("+14255550100", "+442079460000", "+33142685300", "+4915112345678", "+442071838***", "+44*********")
UNRATED = "+6493001234"
PEOPLE = ("ana", "bob", "eve")
PLANS = ("MCOPSTN1", "MCOPSTN2", "MCOPSTN5")

DECK: Final = """# name = month
# currency = USD
prefix,price_per_minute,first_seconds,step_seconds,connection_fee
1,0.6,1,1,
44,12.34,60,60,
4420,3.333,1,1,0.05
33,0.2,60,60,
49,5,30,6,
"""


class Month(NamedTuple):
    """Where the month stands. `alone` is the tenant file of `big`."""

    usage: tuple[Path, ...]
    book: Path
    alone: Path
    deck: Path


def write_month(folder: Path, calls: int = 1_000, seed: int = 7) -> Month:
    """Writes the month: three files of text, one of Parquet with many row groups, tenants and deck."""
    folder.mkdir(parents=True, exist_ok=True)
    book, alone, deck = folder / "book.jsonl", folder / "big.toml", folder / "deck.csv"
    book.write_text("".join(f"{json.dumps(tenant)}\n" for tenant in tenants()), "utf-8")
    alone.write_text(ALONE, "utf-8")
    deck.write_text(DECK, "utf-8")
    return Month(_write_usage(folder / "usage", calls, seed), book, alone, deck)


# --- who -----------------------------------------------------------------------------------------


def tenants() -> list[dict[str, Any]]:
    """Six tenants; `big` has half of the calls, `quiet` none."""
    long_held = (("2025-03-15T10:00:00Z", "400"), ("2026-02-20T00:00:00Z", "60"))
    sales = [{"scope": "cost_centre", "id": "sales", "amount": "200"}]
    return [
        _tenant("big", *long_held, ("2026-03-20T00:00:00Z", "200"), auto_recharge=WHOLE_RULE),
        _tenant("dry", ("2026-03-01T00:00:00Z", "50")),
        _tenant("one-second", ("2026-03-01T00:00:00Z", "50"), auto_recharge=_refill("45", "50")),
        _tenant("capped", *long_held, caps=sales),
        _tenant("far", long_held[0], zone="Asia/Kathmandu"),
        _tenant("quiet"),
    ]


ALONE: Final = """[tenant]
id = "big"
country = "US"
currency = "USD"

[[users]]
upn = "ana"
location = "US"
licences = ["MCOPSTNC", "MCOPSTN1"]

[[purchases]]
at = "2026-03-01T00:00:00Z"
amount = "900"
"""


def _tenant(name: str, *bought: tuple[str, str], zone: str = "UTC", **more: Any) -> dict[str, Any]:
    return {
        "tenant": {"id": name, "country": "US", "currency": "USD", "time_zone": zone},
        "users": [
            {"upn": who, "location": "US", "licences": ["MCOPSTNC", plan], "cost_centre": "sales"}
            for who, plan in zip(PEOPLE, PLANS, strict=True)
        ],
        "purchases": [{"at": when, "amount": amount} for when, amount in bought],
        **more,
    }


WHOLE_RULE: Final = {
    "enabled": True,
    "below": "20",
    "target": "95.01",
    "most": "60",
    "cap_per_month": "1500",
    "payments_a_day": 2,
    "cool_down_s": 7_200,
}


def _refill(below: str, add: str) -> dict[str, Any]:
    return {"enabled": True, "below": below, "add": add}


# --- the calls -----------------------------------------------------------------------------------


def _write_usage(folder: Path, calls: int, seed: int) -> tuple[Path, ...]:
    folder.mkdir()
    random = Random(seed)
    rows = [_row(random, number) for number in range(calls)]
    rows += [dict(row) for row in random.sample(rows, calls // 10)]  # as they were, with an identity or none
    rows += [row | {"callee": NUMBERS[0]} for row in random.sample(rows, calls // 20)]  # the first one counts
    rows += [row | {"tenant": "nobody"} for row in random.sample(rows, 5)]
    random.shuffle(rows)
    share = len(rows) // 4
    paths = []
    for file in range(3):
        paths.append(folder / f"{file}.csv")
        pl.DataFrame(rows[file * share : (file + 1) * share]).write_csv(paths[-1])
    with paths[1].open("a") as text:  # a row that cannot be used
        text.write("bad,big,ana,+1,+1,user_out,yesterday,60,USD,true\n")
    paths.append(folder / "3.parquet")
    pq.write_table(pl.DataFrame(rows[3 * share :]).to_arrow(), paths[-1], row_group_size=GROUP_ROWS)
    return tuple(paths)


def _row(random: Random, number: int) -> dict[str, Any]:
    who = random.choice(["big"] * 4 + ["dry", "one-second", "capped", "far"])
    duration_s = random.choice([0, 1, 30, 59, 60, 61, 600, 7_201])
    end_us = MONTH_US + random.randrange(DAYS * 24 * 4) * 900 * S  # few instants: many calls end together
    if who == "one-second":
        duration_s, end_us = 60, MONTH_US + random.randrange(1, DAYS) * 86_400 * S
    return {
        "id": f"call-{number}" if random.randrange(3) else "",
        "tenant": who,
        "upn": random.choice([*PEOPLE * 3, "stranger"]),
        "caller": "+14255550199",
        "callee": random.choice([*NUMBERS * 4, UNRATED]),
        "call_type": random.choice(["user_out"] * 6 + ["conf_out", "user_in"]),
        "start_us": end_us - duration_s * S,
        "duration_s": duration_s,
        "vendor_currency": "USD",
        "answered": duration_s > 0,
    }
