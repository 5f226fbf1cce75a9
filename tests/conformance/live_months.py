"""A made-up month as a switch would tell it: the rows of a file as operations of live charging."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import assume
from hypothesis import strategies as st

from talktime.accounts.calendar import to_us, twelve_months_on_us
from talktime.accounts.tenant import Purchase, Tenant
from talktime.catalog.load import load_catalogue
from talktime.ledger.commands import Expire, Fund
from talktime.live.answers import Allowed, Denied, Settled
from talktime.live.operations import EndCall, Pace, StartCall
from tests.conformance.months import Month, Row, months
from tests.conformance.product import deck_of, tenant_of
from tests.live.live_desk import SECOND, LiveDesk, books_of

WHOLE_CALLS = Pace(slice_s=86_400, slack_s=0, kept_s=10**9)
"""A grant may cover the longest call, and what is reported beyond it is never forgiven."""

INBOUND = ("conf_in", "ucap_in", "user_in", "unassigned_in")


@st.composite
def live_months(draw: st.DrawFn) -> Month:
    """Months of which live charging can be told all: no recharge, and nobody who is not known.

    What a file says beside the tenant (its balance, a call type to be treated as another) has no place here.
    """
    month = draw(months(plain=True))
    assume(month.tenant is not None)
    assert month.tenant is not None
    tenant = month.tenant | {"auto_recharge": None}
    known = {"", *(user["upn"] for user in tenant["users"])}
    rows = [row for row in month.rows if row["user"] in known]
    assume(rows)
    if draw(st.integers(0, 2)):  # all within hours of each other, so that calls overlap
        first = min(row["start"] for row in rows)
        rows = [row | {"start": first + (row["start"] - first) / 32} for row in rows]
    if draw(st.integers(0, 3)):  # money from the beginning
        early = {
            "at": min(row["start"] for row in rows),
            "amount": draw(st.sampled_from(["0.5", "5", "60", "2000"])),
        }
        tenant |= {"purchases": [early, *tenant["purchases"]]}
    return month._replace(rows=rows, tenant=tenant, balance=None, recharge=None, treat_as=None)


class Turn(NamedTuple):
    """A call with its instants."""

    row: Row
    start_us: int
    end_us: int

    @property
    def id(self) -> str:
        """The identity of the row."""
        name: str = self.row["id"]
        return name


def turns_of(month: Month) -> list[Turn]:
    """The calls in settlement order (rulings.md 5)."""
    turns = []
    for row in month.rows:
        start_us = to_us(row["start"])
        turns.append(Turn(row, start_us, start_us + row["duration_s"] * SECOND))
    return sorted(turns, key=lambda turn: (turn.end_us, turn.id))


def desk_of(url: str, month: Month, now_us: int) -> tuple[LiveDesk, Tenant]:
    """A desk with the tenant and the deck of the month, and no money yet."""
    assert month.tenant is not None
    tenant = tenant_of(month.tenant)
    desk = LiveDesk(url, load_catalogue(), books_of(deck_of(month)), pace=WHOLE_CALLS, now_us=now_us)
    desk.add(tenant)
    return desk, tenant


def purchases_of(tenant: Tenant, turns: list[Turn]) -> list[tuple[Purchase, int]]:
    """(purchase, its expiry) up to the last call, in order.

    What had expired before the first is among them: it is why a call finds the credits expired.
    """
    return [
        (p, twelve_months_on_us(p.at_us, tenant.time_zone))
        for p in sorted(tenant.purchases, key=lambda p: (p.at_us, p.id))
        if p.at_us <= turns[-1].end_us
    ]


def fund(desk: LiveDesk, tenant: Tenant, purchase: Purchase, expires_us: int) -> None:
    """Buys at its instant."""
    desk.now_us = purchase.at_us
    desk.do(Fund(tenant.id, purchase.amount_micros, lambda _: expires_us, "manual"))


def start_of(tenant: Tenant, turn: Turn) -> StartCall:
    """`start` with what the row knows; its own number is a service number where the tenant has it."""
    row = turn.row
    own = row["callee"] if row["call_type"] in INBOUND else row["caller"]
    listed = {service.number for service in tenant.service_numbers}
    return StartCall(
        tenant.id,
        turn.id,
        0,
        row["call_type"],
        user=row["user"],
        service_number=own if own in listed else "",
        caller=row["caller"],
        callee=row["callee"],
        requested_s=row["duration_s"],
        started_us=turn.start_us,
        answered_us=turn.start_us,
    )


def end_of(tenant: Tenant, turn: Turn) -> EndCall:
    """`end` with the duration of the row."""
    return EndCall(tenant.id, turn.id, 1, turn.row["duration_s"])


class Told(NamedTuple):
    """What live charging says of a call."""

    facts: Any
    settled: Settled | None
    reason: str


def one_after_the_other(desk: LiveDesk, tenant: Tenant, turns: list[Turn]) -> dict[str, Told]:
    """Each call starts and ends at its turn, which in a file is its end."""
    coming = purchases_of(tenant, turns)
    told = {}
    for turn in turns:
        while coming and coming[0][0].at_us <= turn.end_us:
            fund(desk, tenant, *coming.pop(0))
        desk.now_us = turn.end_us
        told[turn.id] = _told(desk.do(start_of(tenant, turn)))
        if not told[turn.id].reason:
            told[turn.id] = told[turn.id]._replace(settled=desk.do(end_of(tenant, turn)))
    desk.do(Expire(tenant.id))
    return told


def as_they_were(desk: LiveDesk, tenant: Tenant, turns: list[Turn]) -> dict[str, Told]:
    """Calls overlap: each starts at its start and ends at its end. Ends come first, then starts."""
    coming = purchases_of(tenant, turns)
    moments = [(turn.end_us, 0, turn) for turn in turns] + [(turn.start_us, 1, turn) for turn in turns]
    told: dict[str, Told] = {}
    for at_us, begins, turn in sorted(moments, key=lambda m: (m[0], m[1], m[2].id)):
        while coming and coming[0][0].at_us <= at_us:
            fund(desk, tenant, *coming.pop(0))
        desk.now_us = at_us
        if begins:
            told[turn.id] = _told(desk.do(start_of(tenant, turn)))
        elif not told[turn.id].reason:
            told[turn.id] = told[turn.id]._replace(settled=desk.do(end_of(tenant, turn)))
    return told


def _told(answer: Allowed | Denied) -> Told:
    if isinstance(answer, Denied):
        return Told(None, None, answer.reason.code)
    return Told(answer.facts, None, "")
