"""Which result code a switch is told: one exhaustive table of refusals and faults (RFC 8506 9, RFC 6733 7.1).

A free call gets 2001 and a full grant, never 4011: clients in the field take that for a refusal.
"""

from __future__ import annotations

from typing import assert_never

from talktime.core.refusals import Refusal
from talktime.doors.diameter.wire.codes import Result
from talktime.live.answers import FaultCode


def result_of_refusal(refusal: Refusal) -> Result:
    """The code of a call that may not start, or not go on."""
    match refusal:
        case Refusal.NONE:
            return Result.SUCCESS
        case Refusal.UNKNOWN_TENANT | Refusal.UNKNOWN_USER:
            return Result.USER_UNKNOWN
        case Refusal.DUPLICATE_CALL | Refusal.CONFLICT | Refusal.TENANT_SUSPENDED:
            return Result.AUTHORIZATION_REJECTED
        case (
            Refusal.BARRED_DESTINATION
            | Refusal.NOT_LICENSED
            | Refusal.PREMIUM_REFUSED
            | Refusal.TOO_MANY_CALLS
            | Refusal.CALL_TOO_LONG
        ):
            return Result.END_USER_SERVICE_DENIED
        case Refusal.NO_RATE:
            return Result.RATING_FAILED
        case Refusal.SPEND_CAP | Refusal.CREDITS_EXPIRED | Refusal.POST_USAGE_OFF | Refusal.NO_CREDIT:
            return Result.CREDIT_LIMIT_REACHED
    assert_never(refusal)


def result_of_fault(code: FaultCode, *, ending: bool) -> Result:
    """The code of an operation that does not fit what is known. `ending`: a termination of no seconds.

    Such a one is in order for a call that was denied: clients send it after a refusal. One whose
    answers are gone after 72 h is as unknown as one that never was.
    """
    match code:
        case FaultCode.DENIED_CALL:
            return Result.SUCCESS if ending else Result.UNKNOWN_SESSION_ID
        case FaultCode.UNKNOWN_CALL | FaultCode.OVER | FaultCode.DUPLICATE_CALL:
            return Result.UNKNOWN_SESSION_ID
        case FaultCode.UNKNOWN_TENANT:
            return Result.USER_UNKNOWN
        case FaultCode.CONFLICT:
            return Result.AUTHORIZATION_REJECTED
        case FaultCode.ABSURD:
            return Result.INVALID_AVP_VALUE
        case FaultCode.UNKNOWN_CALL_TYPE:
            return Result.RATING_FAILED
    assert_never(code)
