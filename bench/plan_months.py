"""Six months of one large tenant for the planner's bench, drawn from a seed, made as columns.

5,000 users in four countries, weekdays busier than weekends, two holidays, a growth of 3 % a month; calls at
home and abroad, conferences, toll-free numbers, and some calls that the tenant's own carrier connects.
"""

import hashlib
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ints = NDArray[np.int64]

SEED: Final = 20_260_101
FIRST: Final = date(2026, 1, 1)
DAYS: Final = 181
USERS: Final = 5_000
CALLS: Final = 3_000_000
GROWTH_PERCENT: Final = 3
"""Calls of a day over those 30 days before it."""

WEEKDAYS: Final = (110, 115, 110, 105, 90, 14, 8)
HOLIDAYS: Final = (date(2026, 1, 1), date(2026, 5, 1))
DAY_S: Final = 86_400


class Country(NamedTuple):
    """Where users are: per cent of them, hours ahead of UTC, own numbers, and where they call."""

    code: str
    share: int
    ahead_h: int
    own: str
    at_home: tuple[str, ...]
    abroad: tuple[str, ...]


COUNTRIES: Final = (
    Country(
        "US", 45, -8, "+1425555", ("+1425556", "+1212555", "+1312555"), ("+4420794", "+5255555", "+9198100")
    ),
    Country(
        "GB", 25, 0, "+4420700", ("+4420794", "+4477009", "+4416155"), ("+1212555", "+3531555", "+4930990")
    ),
    Country(
        "DE", 20, 1, "+4930200", ("+4930990", "+4915112", "+4989555"), ("+331555", "+4315555", "+4420794")
    ),
    Country(
        "FR", 10, 1, "+3317000", ("+3314455", "+3361234", "+3344455"), ("+4930990", "+3225555", "+1212555")
    ),
)
BRIDGE: Final = "+18335550100"
QUEUE: Final = "+18335550101"

KINDS: Final = {"user_out": 560, "user_in": 220, "conf_in": 60, "conf_out": 70, "ucap_in": 40, "dr_out": 50}
"""Call types, each with its part of a thousand."""

PLANS: Final = {"MCOPSTN1": 55, "MCOPSTN2": 15, "MCOPSTN5": 20, "MCOPSTNPP": 10}
ABROAD_PERCENT: Final = 12


class Months(NamedTuple):
    """The files of one tenant."""

    usage: Path
    tenant: Path


def months(folder: Path, calls: int = CALLS, users: int = USERS) -> Months:
    """The usage and the tenant in a folder; made if they are not there."""
    digest = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    found = Months(folder / f"plan-{users}-{calls}-{digest}.parquet", folder / f"plan-{users}-{digest}.toml")
    if not found.usage.exists():
        half = found.usage.with_suffix(".part")
        usage(calls, users).write_parquet(half)
        half.replace(found.usage)
    found.tenant.write_text(tenant(users), "utf-8")
    return found


def usage(calls: int, users: int, growth_percent: int = GROWTH_PERCENT) -> pl.DataFrame:
    """The calls as the columns of a Calling Plans export."""
    rng = np.random.default_rng(SEED)
    who = rng.choice(users, calls, p=_activity(users))
    place = _places(users)[who]
    kind = np.repeat(np.arange(len(KINDS)), list(KINDS.values()))[rng.integers(0, 1_000, calls)]
    start_s = _starts_s(rng, place, growth_percent)
    duration_s = np.clip(rng.lognormal(4.4, 1.0, calls), 3, 4 * 3_600).astype(np.int64)
    duration_s[rng.random(calls) < 0.03] = 0
    stem = np.where(rng.integers(0, 100, calls) < ABROAD_PERCENT, 3, 0) + rng.integers(0, 3, calls)
    drawn = pl.DataFrame(
        {
            "row": np.arange(calls),
            "who": who,
            "place": place,
            "kind": kind,
            "start_s": start_s,
            "duration_s": duration_s,
            "stem": stem,
            "number": rng.integers(1_000, 9_999, calls),
        }
    )
    return as_file(drawn)


def _activity(users: int) -> NDArray[np.float64]:
    """How likely a call is each user's: a few call much, two of a hundred never."""
    rng = np.random.default_rng(SEED + 1)
    weight = rng.lognormal(0, 0.9, users)
    weight[rng.random(users) < 0.02] = 0
    share: NDArray[np.float64] = weight / weight.sum()
    return share


def _places(users: int) -> Ints:
    """The country of each user, as a place in COUNTRIES."""
    by_hundred = np.repeat(np.arange(len(COUNTRIES)), [country.share for country in COUNTRIES])
    return np.random.default_rng(SEED + 2).permutation(by_hundred[np.arange(users) % 100])


def _starts_s(rng: np.random.Generator, place: Ints, growth_percent: int) -> Ints:
    """Seconds since 1970: days by weekday, holiday and growth, local times of day in two humps."""
    calls = len(place)
    days = [date.fromordinal(FIRST.toordinal() + day) for day in range(DAYS)]
    weight = np.array(
        [
            WEEKDAYS[day.weekday()]
            * (0.05 if day in HOLIDAYS else 1)
            * (1 + growth_percent / 100) ** (at / 30)
            for at, day in enumerate(days)
        ]
    )
    day = rng.choice(DAYS, calls, p=weight / weight.sum())
    hump = rng.integers(0, 2, calls)
    hour = np.clip(rng.normal(np.array([10.3, 14.8])[hump], np.array([1.5, 1.9])[hump]), 0, 23.9)
    ahead_h = np.array([country.ahead_h for country in COUNTRIES])[place]
    epoch_day = FIRST.toordinal() - date(1970, 1, 1).toordinal()
    start: Ints = (epoch_day + day) * DAY_S + (hour * 3_600).astype(np.int64) - ahead_h * 3_600
    return start


def as_file(drawn: pl.DataFrame) -> pl.DataFrame:
    """Rows (row, who, place, kind, start_s, duration_s, stem, number) as they stand in a file."""
    stems = pl.Series([stem for country in COUNTRIES for stem in (*country.at_home, *country.abroad)])
    own = pl.Series([country.own for country in COUNTRIES])
    kind = pl.Series(list(KINDS)).gather(drawn["kind"])
    inbound, service = kind.str.ends_with("_in"), kind.is_in(["conf_in", "ucap_in"])
    other = stems.gather(drawn["place"] * 6 + drawn["stem"]) + drawn["number"].cast(pl.String)
    user_number = own.gather(drawn["place"]) + (drawn["who"] % 9_000 + 1_000).cast(pl.String)
    number = pl.select(
        pl.when(kind == "conf_in")
        .then(pl.lit(BRIDGE))
        .when(kind == "ucap_in")
        .then(pl.lit(QUEUE))
        .otherwise(user_number)
    ).to_series()
    nobody = kind == "ucap_in"
    who = drawn["who"].cast(pl.String)
    times = {
        name: pl.from_epoch(seconds, time_unit="s").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        for name, seconds in (
            ("Start Time", drawn["start_s"]),
            ("End Time", drawn["start_s"] + drawn["duration_s"]),
        )
    }
    return pl.select(
        ("usage-" + drawn["row"].cast(pl.String)).alias("UsageId"),
        ("call-" + drawn["row"].cast(pl.String)).alias("Call ID"),
        pl.lit("").alias("Conference ID"),
        pl.Series([country.code for country in COUNTRIES]).gather(drawn["place"]).alias("User Location"),
        pl.when(nobody).then(pl.lit("")).otherwise("oid-" + who).alias("Microsoft Entra ObjectId"),
        pl.when(nobody).then(pl.lit("")).otherwise("user" + who + "@large.example").alias("UPN"),
        pl.when(nobody).then(pl.lit("")).otherwise("User " + who).alias("User Display Name"),
        pl.when(inbound).then(other).otherwise(number).alias("Caller ID"),
        kind.alias("Call Type"),
        pl.when(inbound).then(pl.lit("Inbound")).otherwise(pl.lit("Outbound")).alias("Call Direction"),
        pl.when(service).then(pl.lit("Toll-Free")).otherwise(pl.lit("User")).alias("Number Type"),
        pl.when(kind != "user_out")
        .then(pl.lit(""))
        .when(drawn["stem"] < 3)
        .then(pl.lit("Domestic"))
        .otherwise(pl.lit("International"))
        .alias("Domestic/International"),
        pl.lit("").alias("Destination Dialed"),
        pl.when(inbound).then(number).otherwise(other).alias("Destination Number"),
        pl.lit("").alias("External Country"),
        times["Start Time"].alias("Start Time"),
        times["End Time"].alias("End Time"),
        drawn["duration_s"].alias("Duration Seconds"),
        pl.lit("0").alias("Connection Fee"),
        pl.lit("0").alias("Charge"),
        pl.lit("USD").alias("Currency"),
        pl.lit("MCOPSTN1").alias("Capability"),
        pl.when(kind == "dr_out")
        .then(pl.lit("own carrier"))
        .otherwise(pl.lit("Microsoft"))
        .alias("Operator"),
        pl.lit("microsoft").alias("Source of Call Duration"),
        pl.lit("").alias("Administrative Units"),
    )


def tenant(users: int, plan: str = "") -> str:
    """The tenant file: everybody with `plan` or one of PLANS, half with conferencing, two service numbers."""
    rng = np.random.default_rng(SEED + 3)
    places = _places(users)
    plans = np.repeat(list(PLANS), list(PLANS.values()))[rng.integers(0, 100, users)]
    lines = [
        '[tenant]\nid = "large"\nname = "Large"\ncountry = "US"\ncurrency = "USD"\n',
        'time_zone = "America/Los_Angeles"\n',
        '[[purchases]]\nat = "2025-12-20T09:00:00Z"\namount = "60000"\n',
        '[auto_recharge]\nenabled = true\nbelow = "5000"\nadd = "20000"\n',
        f'[[licences]]\nplan = "MCOMEETADD"\npurchased = {users // 2}\n',
    ]
    for number, kind, service in (
        (BRIDGE, "toll_free", "conferencing_bridge"),
        (QUEUE, "toll_free", "call_queue"),
    ):
        lines.append(
            f'[[service_numbers]]\nnumber = "{number}"\nkind = "{kind}"\nservice = "{service}"\n'
            'licences = ["MCOPSTNC"]\n'
        )
    for at in range(users):
        held = ["MCOEV", plan or str(plans[at]), "MCOPSTNC", *(["MCOMEETADD"] if at % 2 else [])]
        lines.append(
            f'[[users]]\nid = "oid-{at}"\nupn = "user{at}@large.example"\n'
            f'location = "{COUNTRIES[places[at]].code}"\ncost_centre = "centre {at % 12}"\n'
            f"licences = {held}\n".replace("'", '"')
        )
    return "".join(lines)
