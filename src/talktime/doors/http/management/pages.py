"""Where a page of payments or papers begins, as it stands in a cursor; what a forged one holds is bounded."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from talktime.core.limits import NEVER_US

Key = Annotated[str, msgspec.Meta(max_length=400, pattern=r"^[^\x00]*$")]
Instant = Annotated[int, msgspec.Meta(ge=0, le=NEVER_US)]
Number = Annotated[int, msgspec.Meta(ge=1, le=NEVER_US)]


class PaymentPlace(msgspec.Struct, array_like=True, frozen=True):
    """After the payment of this instant and name."""

    at_us: Instant
    payment: Key


class TimelinePlace(msgspec.Struct, array_like=True, frozen=True):
    """After the turn with this key, "" for before all of them, and after a payment."""

    turn: Key
    at_us: Instant
    payment: Key


NEWEST: Final = PaymentPlace(NEVER_US, "")
"""Before every payment: the place where the first page begins."""

NEWEST_TURN: Final = TimelinePlace("", NEVER_US, "")
