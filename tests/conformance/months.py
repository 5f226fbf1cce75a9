"""Small made-up months, drawn to meet the edges: tenant file, deck and calls in the words of the documents.

Everything is plain data as people write it (interfaces.md, formats.md); `product` turns it into what the
product takes. Amounts are small, so that wallets run dry, caps are met and pools fill within a few calls.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from hypothesis import strategies as st

Row = dict[str, Any]

US, CA, PR = "+12125550123", "+16045550123", "+17875550123"
UK, MASKED, VERY_MASKED = "+442071838750", "+4420718387**", "+44*********"
FR, FR_PREMIUM, ZW, NZ = "+33142685300", "+33899123456", "+263242700000", "+6493001234"
UK_REFUSED, UK_CREDITS_ONLY, SHORT = "+449012345678", "+448431234567", "911"
BRIDGE, DESK = "+18005550100", "+12065550199"
CALLEES = (
    *(US, UK, FR) * 3,
    *(CA, PR, MASKED, VERY_MASKED, FR_PREMIUM, ZW, NZ, UK_REFUSED, UK_CREDITS_ONLY, SHORT),
)

PEOPLE = ("ana", "bob", "eve")
COUNTRIES = ("US", "US", "PR", "CA", "GB", "GB", "FR", "ZW")
CALLING = ("MCOPSTN1", "MCOPSTN2", "MCOPSTN5", "MCOPSTN6", "MCOPSTN8", "MCOPSTNPP")
CONFERENCING = ("MCOMEETADD", "MCOMEETADD_SELECT", "MCOMEETADD_DIALOUT_US", "MCOMEETACPEA")
CENTRES = ("", "sales", "support")

BEGINNINGS = ("2026-02-26", "2026-03-06", "2026-03-27", "2026-10-30", "2028-02-27")
"""Six days each: ends of months, changes of the clock, a leap day."""
DAYS = 6

TYPES = (
    *("user_out",) * 8,
    *("conf_out",) * 5,
    *("conf_in", "ucap_in", "ucap_out") * 2,
    *("user_out_forwarding", "user_in", "unassigned_in", "emergency_out", "dr_out", "byotout", "fmc_in"),
    "mystery",
)
DURATIONS_S = (1, 30, 59, 60, 61, 120, 600, 3_600, 7_100, 7_201, 36_000, 86_400)
PRICES = ("0", "0.01", "0.02", "0.0333", "0.5", "1", "0.000000001", "3.333333333")
AMOUNTS = ("0.000001", "0.01", "0.02", "0.5", "1", "5", "60")


class Month(NamedTuple):
    """The arguments of a run; `tenant` is the parsed tenant file, None where there is none."""

    rows: list[Row]
    deck: list[Row]
    tenant: Row | None
    rounding: tuple[str, int]
    increments: str
    balance: str | None
    recharge: tuple[str, str] | None
    treat_as: str | None


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def instants(begin: datetime, step_min: int = 15) -> st.SearchStrategy[datetime]:
    """Few different instants, so that some of them meet."""
    steps = DAYS * 24 * 60 // step_min
    return st.integers(0, steps).map(lambda n: begin + timedelta(minutes=step_min * n))


# --- the deck --------------------------------------------------------------------------------------

OUTBOUND_PREFIXES = ("1", "1", "1604", "44", "4420", "44207", "449", "44843", "33", "3389", "263")
CONDITIONS: tuple[Row, ...] = (
    {},
    {},
    {},
    {"category": "conference_dial_out"},
    {"category": "calling_plan_international"},
    {"category": "voice_app_outbound"},
    {"origin_country": "GB"},
    {"category": "calling_plan_domestic", "origin_country": "US"},
)
WINDOWS: tuple[Row, ...] = (
    {},
    {},
    {"weekdays": "mon-fri", "from_time": "18:00", "to_time": "08:00", "timezone": "Europe/London"},
    {"weekdays": "6,7", "timezone": "America/New_York"},
    {"from_time": "09:00", "to_time": "24:00"},
    {"weekdays": "tue", "from_time": "22:30", "to_time": "03:15", "timezone": "Asia/Kathmandu"},
)
INTERVALS: tuple[Row, ...] = (
    {},
    {"first_seconds": "1", "step_seconds": "1"},
    {"first_seconds": "30", "step_seconds": "18"},
    {"first_seconds": "60", "step_seconds": "6", "first_price_per_minute": "0.1"},
    {"first_seconds": "1", "step_seconds": "60", "connection_fee": "0.05"},
    {"connection_fee": "0.000001", "first_price_per_minute": "0"},
)


@st.composite
def decks(draw: st.DrawFn, begin: datetime) -> list[Row]:
    """Rows of which no two fit a call equally: one at a time of each prefix, conditions and window."""
    plain = draw(st.sampled_from([("1", "44", "33", "263")] * 3 + [("1", "44"), ()]))
    made = [_plain(draw, prefix) for prefix in plain]
    made += [_rate(draw) for _ in range(draw(st.integers(1, 9)))]
    rows: list[Row] = []
    different: set[tuple[Any, ...]] = set()
    for row in made:
        conditions = ("prefix", "category", "origin_country", "direction")
        key = tuple(row.get(name, "") for name in conditions)
        key += (any(name in row for name in ("weekdays", "from_time")),)
        if key not in different:
            different.add(key)
            rows += _in_time(draw, row, begin)
    return rows


def _plain(draw: st.DrawFn, prefix: str) -> Row:
    price = {"prefix": prefix, "price_per_minute": draw(st.sampled_from(PRICES))}
    intervals: Row = draw(st.sampled_from(INTERVALS))
    return price | intervals


def _rate(draw: st.DrawFn) -> Row:
    row = _plain(draw, draw(st.sampled_from(OUTBOUND_PREFIXES)))
    if draw(st.integers(0, 4)) == 0:
        toll_free = {"prefix": draw(st.sampled_from(["1800", "1", "44"])), "direction": "inbound"}
        return row | toll_free | draw(st.sampled_from([{}, {"category": "toll_free"}]))
    return row | draw(st.sampled_from(CONDITIONS)) | draw(st.sampled_from(WINDOWS))


def _in_time(draw: st.DrawFn, row: Row, begin: datetime) -> list[Row]:
    """The row for ever, or until an instant, with or without another price from then on."""
    if draw(st.integers(0, 3)):
        return [row]
    change = draw(instants(begin))
    until = row | {"valid_until": change.isoformat()}
    since = row | {"valid_from": change.isoformat(), "price_per_minute": draw(st.sampled_from(PRICES))}
    rows: list[Row] = draw(st.sampled_from([[until], [since], [until, since]]))
    return rows


# --- the tenant ------------------------------------------------------------------------------------


def licences(plan: str, begin: datetime) -> st.SearchStrategy[Any]:
    """A plan held always, or from or until an instant."""
    changing: st.SearchStrategy[Any] = st.builds(
        lambda at, edge: {"plan": plan, edge: at}, instants(begin), st.sampled_from(["from", "until"])
    )
    return st.integers(0, 3).flatmap(lambda n: st.just(plan) if n else changing)


@st.composite
def users(draw: st.DrawFn, upn: str, begin: datetime) -> Row:
    """A person with at most one calling plan at any time."""
    plans = draw(st.lists(st.sampled_from(CONFERENCING), unique=True, max_size=2))
    plans += draw(st.sampled_from([[], *([plan] for plan in CALLING)]))
    plans += draw(st.sampled_from([["MCOPSTNC"], ["MCOPSTNC"], ["MCOPSTNC"], []]))
    user: Row = {
        "upn": upn,
        "location": draw(st.sampled_from(COUNTRIES)),
        "cost_centre": draw(st.sampled_from(CENTRES)),
    }
    user["licences"] = [draw(licences(plan, begin)) for plan in plans]
    cap = draw(maybe(st.sampled_from(["0", "0.02", "1", "70"])))
    return user if cap is None else user | {"cap_per_month": cap}


@st.composite
def services(draw: st.DrawFn, begin: datetime) -> list[Row]:
    """A bridge and the number of a desk, both of the US."""
    numbers = []
    for number, kinds in ((BRIDGE, ("toll_free", "toll_free", "toll")), (DESK, ("toll",))):
        if draw(st.booleans()):
            plans = draw(st.lists(st.sampled_from(CALLING[:4]), max_size=1))
            held = [draw(licences(plan, begin)) for plan in plans]
            kind, centre = draw(st.sampled_from(kinds)), draw(st.sampled_from(CENTRES))
            numbers.append({"number": number, "kind": kind, "licences": held, "cost_centre": centre})
    return numbers


@st.composite
def tenants(draw: st.DrawFn, begin: datetime) -> Row:
    """A tenant file as interfaces.md has it, parsed."""
    zone = draw(st.sampled_from(["UTC", "Europe/London", "America/New_York", "Asia/Kathmandu"]))
    head = {"id": "t", "country": draw(st.sampled_from(["US", "GB"])), "time_zone": zone}
    agreement = draw(st.sampled_from(["MOSA", "MOSA", "MCA", "MCA", "EA", "CSP"]))
    enabled = draw(st.booleans())
    accounts = [
        {"id": "old", "agreement": "MOSA"},
        {"id": "new", "agreement": agreement, "post_usage_enabled": enabled},
    ]
    file: Row = {"tenant": head | {"default_billing_account": draw(st.sampled_from(["old", "new", "new"]))}}
    file["billing_accounts"] = accounts
    file["licences"] = draw(st.lists(_subscriptions(begin), max_size=2))
    file["users"] = [draw(users(upn, begin)) for upn in draw(st.sampled_from([PEOPLE, PEOPLE, PEOPLE[:1]]))]
    file["service_numbers"] = draw(services(begin))
    file["purchases"] = draw(st.lists(_purchases(begin), max_size=3))
    file["caps"] = draw(st.lists(_caps([user["upn"] for user in file["users"]]), max_size=2))
    if draw(st.integers(0, 2)) == 0:
        file["auto_recharge"] = draw(_rules())
    return file


@st.composite
def _rules(draw: st.DrawFn) -> Row:
    """A rule of auto-recharge with some of all that it may say, and one that is off."""
    rule: Row = {"enabled": draw(st.sampled_from([True, True, True, False]))}
    if draw(st.integers(0, 2)):
        rule |= {name: draw(st.sampled_from(AMOUNTS)) for name in ("below", "add")}
    else:
        rule["below"], rule["target"] = draw(st.sampled_from([("1", "60.001"), ("60", "200"), ("5", "5.5")]))
    limits: Row = {
        "cap_per_month": maybe(st.sampled_from(["0", "0.03", "6", "100", "190.005", "1000"])),
        "least": maybe(st.just("60")),
        "most": maybe(st.sampled_from(["50", "70.007"])),
        "payments_a_day": maybe(st.integers(1, 3)),
        "cool_down_s": maybe(st.sampled_from([0, 900, 86_400, 200_000])),
    }
    for name, values in limits.items():
        value = draw(values)
        if value is not None:
            rule[name] = value
    return rule


@st.composite
def _subscriptions(draw: st.DrawFn, begin: datetime) -> Row:
    plan = draw(st.sampled_from(["MCOMEETADD", "MCOMEETADD", "MCOPSTN1", "MCOPSTNC"]))
    account = draw(st.sampled_from([{}, {"billing_account": "old"}, {"billing_account": "new"}]))
    until = draw(maybe(instants(begin)))
    validity = {} if until is None else {"until": until}
    return {"plan": plan, "purchased": draw(st.integers(0, 120))} | account | validity


@st.composite
def _purchases(draw: st.DrawFn, begin: datetime) -> Row:
    """Bought in the span, or so that it expires in it, a few minutes from the quarters of other instants."""
    months_edge = (begin + timedelta(days=DAYS)).replace(day=1, hour=0, minute=0)
    at = draw(instants(begin) | st.just(months_edge)) + timedelta(minutes=draw(st.sampled_from([0, 0, 7])))
    years = draw(st.sampled_from([0, 1, 1]))
    when = at.replace(year=at.year - years, day=min(at.day, 28) if years else at.day)
    return {"at": when, "amount": draw(st.sampled_from(AMOUNTS))}


@st.composite
def _caps(draw: st.DrawFn, upns: list[str]) -> Row:
    scopes = {"tenant": ["t"], "cost_centre": ["sales", "support"], "user": upns}
    scope = draw(st.sampled_from([scope for scope, ids in scopes.items() if ids]))
    amount = draw(st.sampled_from(["0", "0.02", "1.5", "80"]))
    return {"scope": scope, "id": draw(st.sampled_from(scopes[scope])), "amount": amount}


# --- the calls -------------------------------------------------------------------------------------


@st.composite
def calls(draw: st.DrawFn, begin: datetime) -> Row:
    """A row of usage; its identity comes later."""
    kind = draw(st.sampled_from(TYPES))
    row: Row = {
        "call_type": kind,
        "operator": draw(st.sampled_from(["", *["microsoft"] * 8, "telstra"])),
    }
    row["start"], row["duration_s"] = draw(instants(begin)), draw(st.sampled_from(DURATIONS_S))
    if draw(st.booleans()):  # ends meet more often than starts
        row["start"] += timedelta(days=1) - timedelta(seconds=row["duration_s"])
    row["answered"] = draw(st.integers(0, 12)) > 0
    row["duration_s"] *= row["answered"] or draw(st.booleans())
    somebody = draw(st.sampled_from([*PEOPLE * 2, "ANA", "stranger"]))
    row["user"] = "" if kind.startswith("ucap") else somebody
    row["location"] = draw(st.sampled_from([""] * 8 + [*COUNTRIES]))
    row["domestic_international"] = draw(st.sampled_from(["", "", "domestic", "international"]))
    inbound = kind in ("conf_in", "ucap_in", "user_in", "unassigned_in")
    there = draw(st.sampled_from(CALLEES))
    here = draw(st.sampled_from([BRIDGE, BRIDGE, DESK] if kind[:4] in ("conf", "ucap") else [US, US, DESK]))
    row["caller"], row["callee"] = (there, here) if inbound else (here, there)
    row["number_type"] = draw(st.sampled_from(["", "", "toll", "toll_free"])) if inbound else ""
    return row


@st.composite
def plain_calls(draw: st.DrawFn, begin: datetime) -> Row:
    """A row about which nothing is odd: what it costs hangs on pools, money and caps alone."""
    kind = draw(st.sampled_from(["user_out", "user_out", "conf_out", "conf_out", "conf_in", "ucap_out"]))
    duration_s, start = draw(st.sampled_from(DURATIONS_S)), draw(instants(begin))
    there = draw(st.sampled_from([US, UK, FR, CA]))
    row: Row = {"call_type": kind, "operator": "microsoft", "start": start, "duration_s": duration_s}
    row |= {"answered": True, "location": "", "domestic_international": "", "number_type": ""}
    row["user"] = "" if kind == "ucap_out" else draw(st.sampled_from(PEOPLE))
    row["caller"], row["callee"] = (there, BRIDGE) if kind == "conf_in" else (DESK, there)
    return row


@st.composite
def months(draw: st.DrawFn, plain: bool = False) -> Month:
    """Everything of one run; where all is plain, everybody may spend credits."""
    begin = datetime.fromisoformat(draw(st.sampled_from(BEGINNINGS))).replace(tzinfo=UTC)
    rows = draw(st.lists((plain_calls if plain else calls)(begin), min_size=1, max_size=14))
    names = draw(st.permutations([f"{n:02}" for n in range(len(rows))]))
    tenant: Row | None = draw(tenants(begin)) if plain or draw(st.integers(0, 5)) else None
    for user in tenant["users"] if tenant and plain else []:
        user["licences"] = [plan for plan in user["licences"] if plan != "MCOPSTNC"] + ["MCOPSTNC"]
    balance = (
        draw(maybe(st.sampled_from(["0", *AMOUNTS])))
        if tenant is None or draw(st.integers(0, 4)) == 0
        else None
    )
    below_add = st.tuples(st.sampled_from(AMOUNTS), st.sampled_from(AMOUNTS))
    may_recharge = (tenant or balance is not None) and draw(st.integers(0, 5)) == 0
    return Month(
        rows=[{"id": name} | row for name, row in zip(names, rows, strict=True)],
        deck=draw(decks(begin)),
        tenant=tenant,
        rounding=draw(
            st.sampled_from([("half_up", 6), ("half_up", 6), ("up", 4), ("down", 2), ("half_even", 3)])
        ),
        increments=draw(st.sampled_from(["after_first", "after_first", "whole"])),
        balance=balance,
        recharge=draw(below_add) if may_recharge else None,
        treat_as=draw(st.sampled_from([None, None, "calling_plan"])),
    )
