"""What a switch says about a call in progress: the four operations as values (interfaces.md, Live calls).

A door parses a request into one of these; whoever holds the same values may repeat the operation.
"""

from __future__ import annotations

from typing import Final

import msgspec

from talktime.core.limits import ALWAYS_US, MAX_CALL_S

UNKNOWN_US: Final = ALWAYS_US
"""An instant that the switch did not tell."""

NOT_ASKED: Final = -1
"""No length was asked for: the engine chooses the slice (rulings.md 22)."""


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


class Pace(msgspec.Struct, frozen=True):
    """How long grants and silences may be, in seconds (domain.md 7, rulings.md 22 and 23)."""

    slice_s: int = 600
    grace_s: int = 60
    ringing_s: int = 180
    slack_s: int = 2
    max_call_s: int = MAX_CALL_S
    kept_s: int = 72 * 3600
