"""What calls that the customer's own operator carries (Direct Routing) would cost, were they made here.

They are charged as calls of a Calling Plan: with the licences of today, whose minutes they then share with
all other calls, and with none. Nobody is refused: whoever moves would be given a licence.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from msgspec.structs import replace as replace_struct

from talktime.bulk.codes import numbers_and_words
from talktime.bulk.codes import spread as spread_words
from talktime.bulk.options import Options
from talktime.bulk.replay import Replay
from talktime.core.money import format_minutes, format_money
from talktime.files.usage import usage_schema
from talktime.insight.planner.document import Carriers
from talktime.insight.planner.paid import SUMS, answered_calls, dearest_first, lines_by
from talktime.insight.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from talktime.accounts.tenant import Tenant
    from talktime.bulk.replay import Replayed
    from talktime.catalog.model import Catalogue
    from talktime.core.deck import Deck
    from talktime.files.usage import Usage

    Places = NDArray[np.int64]

NOT_IN_IT: Final = (
    "Not in it: licences for those who have none, moving the numbers, and what your operator charges today; "
    "compare it with the operator's bill."
)


def carriers(
    replay: Replay, demand: Replayed, tenant: Tenant, catalogue: Catalogue, deck: Deck
) -> Carriers | None:
    """What moving all calls of other operators here would cost; None where there are none.

    `demand` is today's run of the same `replay`. Raises RefusedRun as a run does.
    """
    treatment = next(iter(catalogue.treatments), "")
    rows = moved_rows(replay, catalogue, treatment) if treatment else np.zeros(0, np.int64)
    if not len(rows):
        return None
    asked, options = _asked(tenant), Options(treat_as=treatment)
    here = replay.run(asked, catalogue, deck, options, has_wallet=False)
    alone = Replay(_usage(replay, rows), asked, catalogue, deck, compiled=replay.compiled)
    without = alone.run(_unlicensed(asked), catalogue, deck, options, has_wallet=False)
    report = demand.calls.with_columns(here.run.calls.select(*SUMS, "state"))  # all else is the same
    frame = answered_calls(report, here.done.prepared.month).filter(pl.col("row").is_in(rows))
    found = Carriers(
        calls=len(rows),
        answered=frame.height,
        billed_s=int(frame["billed_seconds"].sum()),
        pool_s=int(frame["pool_seconds"].sum()),
        amount=int(frame["amount"].sum()),
        without=without.run.totals.amount,
        displaced=_displaced(here, _not_moved(replay, demand, asked, catalogue, deck), rows),
        unrated_calls=int((here.run.calls["state"].gather(rows) == "unrated").sum()),
        months=len(np.unique(here.done.prepared.month[rows])),
        by_country=lines_by("country", frame, dearest_first(frame), report),
        says=(),
    )
    return replace_struct(found, says=tuple(_says(found, here, rows)))


def moved_rows(replay: Replay, catalogue: Catalogue, treatment: str) -> Places:
    """The places of the calls that the treatment rates as others, in settlement order."""
    column = replay.rows["call_type"]
    numbers, words = numbers_and_words(column)
    moved = [int(catalogue.treated(word, treatment) != word) for word in words]
    return np.flatnonzero(spread_words(column, numbers, moved))


def _asked(tenant: Tenant) -> Tenant:
    """The tenant without what could refuse a call or hang on a balance: it is asked what calls cost."""
    users = tuple(
        user if user.cap_per_month_micros is None else replace(user, cap_per_month_micros=None)
        for user in tenant.users
    )
    off = replace(tenant.auto_recharge, enabled=False)
    return replace(tenant, users=users, caps=(), purchases=(), auto_recharge=off)


def _unlicensed(tenant: Tenant) -> Tenant:
    """The tenant's people and numbers without any licence."""
    return replace(
        tenant,
        users=tuple(replace(user, licences=()) for user in tenant.users),
        service_numbers=tuple(replace(number, licences=()) for number in tenant.service_numbers),
        subscriptions=(),
    )


def _usage(replay: Replay, rows: Places) -> Usage:
    """Usage of these calls alone: without licences, what a call costs does not hang on the others."""
    return replace(replay.usage, calls=replay.rows.select(*usage_schema())[rows])


def _not_moved(replay: Replay, demand: Replayed, asked: Tenant, catalogue: Catalogue, deck: Deck) -> Replayed:
    """Today's run with nobody refused either: calls that are refused today take included minutes as well."""
    if not (demand.run.calls["state"] == "blocked").any():
        return demand
    return replay.run(asked, catalogue, deck, has_wallet=False)


def _displaced(here: Replayed, before: Replayed, rows: Places) -> int:
    """What the other calls would cost more than `before`, since the moved ones use included minutes too."""
    others = np.ones(here.run.calls.height, np.bool_)
    others[rows] = False
    more = here.run.calls["amount"].to_numpy()[others] - before.run.calls["amount"].to_numpy()[others]
    return int(more.sum())


def _says(found: Carriers, here: Replayed, rows: Places) -> Iterator[str]:
    """The answer in sentences; what it does not hold comes last."""
    currency = here.run.tenant.currency
    minutes = format_minutes(found.billed_s)
    yield (
        f"{counted(found.answered, 'answered call')} ({minutes} min) of your own operator in "
        f"{counted(found.months, 'month')} would cost {format_money(found.amount)} {currency} here "
        f"with today's licences, {format_money(found.without)} {currency} with none."
    )
    if found.pool_s:
        yield f"Included minutes of today's licences would pay {format_minutes(found.pool_s)} min of them."
    if found.displaced > 0:
        yield (
            "Other calls use these minutes today: "
            f"they would cost {format_money(found.displaced)} {currency} more."
        )
    if found.unrated_calls:
        unrated = counted(found.unrated_calls, "call")
        yield f"{unrated} could not be priced, so the amounts are too low: add rows to the deck."
    unknown = int(here.done.prepared.unknown_user[rows].sum())
    if unknown:
        are = "is of a user" if unknown == 1 else "are of users"
        yield f"{counted(unknown, 'call')} {are} whom the tenant file does not name: without licences."
    left = int((here.run.calls["state"] == "carried_by_operator").sum())
    if left == 1:
        yield "1 more call of another operator is left out: its type does not say what it was."
    elif left:
        yield f"{left:,} more calls of other operators are left out: their types do not say what they were."
    yield NOT_IN_IT
