"""A rule of auto-recharge tried on the usage itself: charged by the engine, call by call.

Money in micros. Payments arrive at once here, as in every file (rulings.md 6); what a payment takes on its
way is in the trigger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from talktime.bulk.options import Options
from talktime.core.limits import US_PER_S
from talktime.core.refusals import CREDITS_EXPIRED, NO_CREDIT, POST_USAGE_OFF
from talktime.insight.planner.document import RuleTried

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.accounts.tenant import Tenant
    from talktime.bulk.replay import Replay, Replayed
    from talktime.catalog.model import Catalogue
    from talktime.core.deck import Deck

    Ints = NDArray[np.int64]

_FOR_WANT_OF_MONEY: Final = (CREDITS_EXPIRED, POST_USAGE_OFF, NO_CREDIT)
_BITS: Final = 20


class Tried(NamedTuple):
    """What became of a rule; `capped`: its own limits left no payment at some time."""

    rule: RuleTried
    capped: bool

    @property
    def is_short(self) -> bool:
        """Whether a call was blocked for want of money, or cost more than there was."""
        return self.rule.blocked_calls > 0 or self.rule.lowest_balance < 0


def tried(
    replay: Replay, tenant: Tenant, catalogue: Catalogue, deck: Deck, rule: tuple[int, int] | None
) -> Tried:
    """Charges the usage with a rule (below, add), else with the tenant's own, from trigger and amount on.

    The tenant's caps hold. Raises RefusedRun.
    """
    own = tenant.auto_recharge
    below, add = rule or (own.below_micros, own.add_micros)
    opening = below + add if rule or not own.target_micros else own.target_micros
    options = Options(balance=opening)
    if rule:
        options = Options(balance=opening, recharge_below=below, recharge_add=add)
    done = replay.run(tenant, catalogue, deck, options)
    charges, totals = done.done.settled.charges, done.run.totals
    return Tried(
        RuleTried(
            below=below,
            add=add,
            opening=opening,
            blocked_calls=int(np.isin(charges["reason"], _FOR_WANT_OF_MONEY).sum()),
            recharges=totals.recharges or 0,
            recharged=totals.recharged or 0,
            lowest_balance=min(int(charges["balance"].min()), opening),
            idle=mean_balance(np.asarray(done.done.loop.month.calls.end_us), after_each(done), opening),
        ),
        any(movement.kind == "recharge_capped" for movement in done.run.movements),
    )


def after_each(done: Replayed) -> Ints:
    """The balance after each call, and after the recharge that it caused."""
    charges = done.done.settled.charges
    after: Ints = charges["balance"] + charges["recharge"]
    return after


def mean_balance(end_us: Ints, balance: Ints, opening: int) -> int:
    """The mean over time from the first end to the last, by whole seconds, rounded down; never below 0.

    Each call's balance lasts until the next one ends. Sums are made in two parts, so that no product of money
    and time leaves 64 bits.
    """
    seconds = end_us // US_PER_S
    lasted = np.diff(seconds)
    whole = int(lasted.sum())
    if not whole:
        return opening
    high, low = balance[:-1] >> _BITS, balance[:-1] & ((1 << _BITS) - 1)
    return max(((int((high * lasted).sum()) << _BITS) + int((low * lasted).sum())) // whole, 0)
