"""What a network says about a call: operations as values (interfaces.md, Live calls; diameter.md).

A door parses a request into one of these; whoever holds the same values may repeat the operation. Switches
count from the answer (extend, end), credit control clients from their last report (report, finish).
"""

from __future__ import annotations

from typing import Final

import msgspec

from talktime.core.limits import ALWAYS_US, MAX_CALL_S

UNKNOWN_US: Final = ALWAYS_US
"""An instant that the switch did not tell."""

NOT_ASKED: Final = -1
"""No length was asked for: the engine chooses the slice (rulings.md 22)."""

ALL_SECONDS: Final = -1
"""All that is still charged of a direct debit goes back."""


class StartCall(msgspec.Struct, frozen=True, gc=False):
    """A call is set up. `service_number` stands for `user` in service calls."""

    tenant: str
    call_id: str
    sequence: int
    call_type: str
    user: str = ""
    service_number: str = ""
    caller: str = ""
    callee: str = ""
    requested_s: int = NOT_ASKED
    started_us: int = UNKNOWN_US
    answered_us: int = UNKNOWN_US


class ExtendCall(msgspec.Struct, frozen=True, gc=False):
    """Seconds used since the answer, in all, and a wish for more."""

    tenant: str
    call_id: str
    sequence: int
    used_s: int
    requested_s: int = NOT_ASKED


class EndCall(msgspec.Struct, frozen=True, gc=False):
    """The call is over; 0 seconds mean that it was not answered."""

    tenant: str
    call_id: str
    sequence: int
    duration_s: int
    answered_us: int = UNKNOWN_US
    ended_us: int = UNKNOWN_US


class CancelCall(msgspec.Struct, frozen=True, gc=False):
    """The call did not come about."""

    tenant: str
    call_id: str
    sequence: int


Operation = StartCall | ExtendCall | EndCall | CancelCall
"""What a switch says that counts from the answer: the operations of the live routes."""


class ReportCall(msgspec.Struct, frozen=True, gc=False):
    """`ExtendCall`, but `used_s` counts from the last report; `requested_s` 0: no more is asked for."""

    tenant: str
    call_id: str
    sequence: int
    used_s: int
    requested_s: int = NOT_ASKED


class FinishCall(msgspec.Struct, frozen=True, gc=False):
    """`EndCall`, but `duration_s` counts from the last report."""

    tenant: str
    call_id: str
    sequence: int
    duration_s: int
    answered_us: int = UNKNOWN_US
    ended_us: int = UNKNOWN_US


class DebitCall(msgspec.Struct, frozen=True, gc=False):
    """A call is charged at once for exactly so many seconds, or not at all (RFC 8506 6.3)."""

    tenant: str
    call_id: str
    sequence: int
    call_type: str
    seconds: int
    user: str = ""
    service_number: str = ""
    caller: str = ""
    callee: str = ""
    started_us: int = UNKNOWN_US
    answered_us: int = UNKNOWN_US


class RefundCall(msgspec.Struct, frozen=True, gc=False):
    """So many seconds of a direct debit, named by its call id, are taken back (RFC 8506 6.4).

    `sequence` tells the refunds of one debit apart: any number that none of them had yet.
    """

    tenant: str
    call_id: str
    sequence: int
    seconds: int = ALL_SECONDS


class QuoteCall(msgspec.Struct, frozen=True, gc=False):
    """What would a start be answered, and what would so many seconds cost (RFC 8506 6.1 and 6.2)?

    Nothing is changed.
    """

    tenant: str
    call_type: str
    seconds: int
    user: str = ""
    service_number: str = ""
    caller: str = ""
    callee: str = ""
    started_us: int = UNKNOWN_US
    answered_us: int = UNKNOWN_US


AnyOperation = Operation | ReportCall | FinishCall | DebitCall | RefundCall | QuoteCall
"""All that a desk answers."""


class Pace(msgspec.Struct, frozen=True):
    """How long grants and silences may be, in seconds (domain.md 7, rulings.md 22 and 23)."""

    slice_s: int = 600
    grace_s: int = 60
    ringing_s: int = 180
    slack_s: int = 2
    max_call_s: int = MAX_CALL_S
    kept_s: int = 72 * 3600
