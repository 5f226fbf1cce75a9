"""What a switch is told: grants, denials, settlements, faults (interfaces.md, Live calls).

Values of plain numbers; a door turns them into its own format. An answer is made from the session and a few
numbers that are stored with it, so a repeat gets the same answer.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

import msgspec

from talktime.core.refusals import Refusal
from talktime.ledger.records import Facts


class Grant(NamedTuple):
    """The numbers of an allowed start or extend, as they are stored."""

    used_s: int
    authorised_s: int
    final: int
    ask_again_s: int
    valid_until_us: int
    pool_s: int
    credits: int

    @property
    def granted_s(self) -> int:
        """Seconds from those used on."""
        return self.authorised_s - self.used_s


class Allowed(msgspec.Struct, frozen=True, gc=False):
    """The call may go on."""

    call_id: str
    facts: Facts
    grant: Grant


class Denied(msgspec.Struct, frozen=True, gc=False):
    """The call may not start, or not go on beyond what it has."""

    call_id: str
    reason: Refusal
    detail: str


class Paid(msgspec.Struct, frozen=True, gc=False):
    """One source that paid a part of a call: pool seconds or micros."""

    source: str
    id: str
    seconds: int = 0
    micros: int = 0


class Settled(msgspec.Struct, frozen=True, gc=False):
    """The call is over and charged; `balance` and `available` are micros after it."""

    call_id: str
    billed_s: int
    pool_s: int
    paid_s: int
    amount: int
    currency: str
    funding: tuple[Paid, ...]
    balance: int
    available: int
    flags: tuple[str, ...] = ()


class Cancelled(msgspec.Struct, frozen=True, gc=False):
    """Nothing is charged, everything is released."""

    call_id: str


class Quoted(msgspec.Struct, frozen=True, gc=False):
    """What a start would be answered now (`reason` NONE: allowed), and what all its seconds would cost.

    Of `seconds_s` pools would pay for `pool_s`, money for the rest: `amount` micros. `covered_s` of them are
    covered now; fewer where the start would be granted less, 0 where it would be denied.
    """

    reason: Refusal
    detail: str
    facts: Facts
    seconds_s: int
    pool_s: int
    amount: int
    currency: str
    covered_s: int


class FaultCode(Enum):
    """Why an operation cannot be answered at all.

    `DENIED_CALL`: the call id is known only from starts that were denied; `OVER`: the call is over already.
    """

    UNKNOWN_CALL = "unknown_call"
    DENIED_CALL = "denied_call"
    OVER = "over"
    UNKNOWN_TENANT = "unknown_tenant"
    CONFLICT = "conflict"
    DUPLICATE_CALL = "duplicate_call"
    ABSURD = "absurd"
    UNKNOWN_CALL_TYPE = "unknown_call_type"


class Fault(msgspec.Struct, frozen=True, gc=False):
    """The operation does not fit what is known; nothing was changed."""

    call_id: str
    code: FaultCode
    detail: str


Answer = Allowed | Denied | Settled | Cancelled | Fault
