"""The oracle's numbers and prices: the country of a number, the row of a deck, seconds into micros.

Second half of tests/oracle.py, written from the documents alone: fractions, plain text and a loop over every
row of the deck. It imports nothing of the product.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
Country = Callable[[str], str]

CODES = """1:US 1787:PR 1939:PR 7:RU 76:KZ 77:KZ 20:EG 27:ZA 30:GR 31:NL 32:BE 33:FR 34:ES 36:HU 39:IT 40:RO
 41:CH 43:AT 44:GB 45:DK 46:SE 47:NO 48:PL 49:DE 52:MX 55:BR 60:MY 61:AU 64:NZ 65:SG 66:TH 81:JP 82:KR 86:CN
 90:TR 91:IN 234:NG 263:ZW 351:PT 352:LU 353:IE 358:FI 359:BG 370:LT 371:LV 372:EE 380:UA 385:HR 386:SI
 420:CZ 421:SK 682:CK 852:HK 886:TW 971:AE 972:IL"""
CANADA = """204 226 236 249 250 263 289 306 343 354 365 367 368 382 403 416 418 428 431 437 438 450 468 474
 506 514 519 548 579 581 584 587 604 613 639 647 672 683 705 709 742 753 778 780 782 807 819 825 867 873 879
 902 905 942"""


def visible(number: str) -> str:
    """The digits of an E.164 number before its first hidden one, "" for other text (rulings.md 9)."""
    found = re.fullmatch(r"\+(\d*)\**", number)
    return found[1] if found else ""


def longest(table: dict[str, str], number: str) -> str:
    """The entry of the longest prefix inside the visible digits, "" if there is none."""
    digits = visible(number)
    return next((table[digits[:n]] for n in range(len(digits), 0, -1) if digits[:n] in table), "")


def country_of(number: str) -> str:
    """ISO country of an E.164 number by a small table of calling codes, "" where it cannot tell."""
    table = dict(pair.split(":") for pair in CODES.split()) | {"1" + area: "CA" for area in CANADA.split()}
    return longest(table, number)


def micros(text: str) -> int:
    """A decimal string as micros, exactly."""
    value = Fraction(text) * 10**6
    assert value.denominator == 1, f"{text} is finer than a millionth"
    return int(value)


def rounded(value: Fraction, method: str, decimals: int) -> int:
    """Currency units as micros, rounded once to `decimals` (domain.md 3); amounts are never negative."""
    low = floor(value * 10**decimals)
    rest, half = value * 10**decimals - low, Fraction(1, 2)
    up = {
        "up": rest > 0,
        "half_up": rest >= half,
        "half_even": rest > half or (rest == half and low % 2 == 1),
    }
    return int((low + up.get(method, False)) * 10 ** (6 - decimals))


def billed(duration_s: int, first_s: int, step_s: int, increments: str) -> int:
    """Billed seconds (domain.md 3), both models, rounding up to whole steps."""
    if duration_s == 0:
        return 0
    if increments == "whole":
        return max(first_s, ceil(Fraction(duration_s, step_s)) * step_s)
    return first_s + max(0, ceil(Fraction(duration_s - first_s, step_s))) * step_s


def instant(value: str | datetime) -> datetime:
    """An ISO 8601 text or a TOML date-time in UTC; no zone means UTC."""
    found = datetime.fromisoformat(str(value))
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def within(entry: Row, at: datetime) -> bool:
    """`from` inclusive, `until` exclusive, each optional."""
    since, until = entry.get("from"), entry.get("until")
    return (not since or instant(since) <= at) and (not until or at < instant(until))


@dataclass(frozen=True, slots=True)
class Rate:
    """One row of the deck as numbers; without a matching row a call is billed 60/60 (rulings.md 13)."""

    prefix: str | None = None
    first_s: int = 60
    step_s: int = 60
    price: Fraction = Fraction(0)
    first_price: Fraction = Fraction(0)
    fee: Fraction = Fraction(0)

    def amount(self, pool_s: int, until_s: int, rounding: tuple[str, int]) -> int:
        """Micros for the seconds [pool_s, until_s): fee and both parts are one fraction, rounded once."""
        if until_s <= pool_s:
            return 0
        early_s = max(0, min(self.first_s, until_s) - pool_s)
        late_s = until_s - pool_s - early_s
        return rounded(self.fee + (self.first_price * early_s + self.price * late_s) / 60, *rounding)


def weekdays_of(text: str) -> set[int]:
    """Words or ISO digits, alone or as ranges (mon-fri, 1-5, 67) as ISO weekdays; empty means every day."""
    names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    days: set[int] = set()
    for begin, end in re.findall(r"([a-z]{3,}|[1-7])(?:\s*-\s*([a-z]{3,}|[1-7]))?", text.lower()):
        low, high = (int(d) if d.isdigit() else names.index(d[:3]) + 1 for d in (begin, end or begin))
        days |= {(low - 1 + n) % 7 + 1 for n in range((high - low) % 7 + 1)}
    return days or set(range(1, 8))


def in_window(row: Row, at: datetime) -> bool:
    """The weekly window of a row, local to its zone; past midnight it belongs to the day it began on."""
    local = at.astimezone(ZoneInfo(row.get("timezone") or "UTC"))
    days = weekdays_of(row.get("weekdays") or "")
    now, begin = local.strftime("%H:%M:%S"), (row.get("from_time") or "00:00").zfill(5)  # compared as text
    end = (row.get("to_time") or "24:00").zfill(5)
    today, yesterday = local.isoweekday() in days, (local - timedelta(days=1)).isoweekday() in days
    if begin < end:
        return today and begin <= now < end
    return (today and now >= begin) or (yesterday and now < end)


def plain(word: str | None) -> str:
    """A code word without regard to case, blanks and dashes: "Toll-Free" is toll_free."""
    return re.sub(r"[\s-]+", "_", (word or "").strip().lower()).replace("tollfree", "toll_free")


def rate_of(deck: list[Row], digits: str, facts: dict[str, str], at: datetime) -> Rate | None:
    """The row that prices a call (rulings.md 14); `facts` are the conditions a row may fill."""
    best: list[tuple[tuple[int, ...], Rate]] = []
    for row in deck:
        prefix = row["prefix"].strip().removeprefix("+").removeprefix("00")
        if not digits.startswith(prefix):
            continue
        asked = {name: plain(row.get(name)) for name in facts}
        asked["direction"] = asked["direction"] or "outbound"
        span = {"from": row.get("valid_from"), "until": row.get("valid_until")}
        fits = all(asked[name] in ("", plain(facts[name])) for name in facts)
        if not (fits and within(span, at) and in_window(row, at)):
            continue
        windowed = any(row.get(name) for name in ("weekdays", "from_time", "to_time"))
        conditions = tuple(bool(asked[name]) for name in ("category", "number_type", "origin_country"))
        price = Fraction(row["price_per_minute"])
        first_price = Fraction(row.get("first_price_per_minute") or price)
        first_s, step_s = int(row.get("first_seconds") or 60), int(row.get("step_seconds") or 60)
        rate = Rate(prefix, first_s, step_s, price, first_price, Fraction(row.get("connection_fee") or 0))
        best.append(((len(prefix), *conditions, windowed), rate))
    top = [rate for rank, rate in best if rank == max(r for r, _ in best)]
    assert len(top) < 2, f"the deck prices {digits} twice"
    return top[0] if top else None
