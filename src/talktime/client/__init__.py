"""A client for those who switch calls: start, extend, end; sync and async, retried safely.

It imports nothing else of Talktime, keeps no state but its connections, and starts no threads. A request that
may not have arrived is sent again as it was, with the same sequence, so that nothing is charged twice.
"""

from talktime.client.aio import AsyncCall, AsyncClient
from talktime.client.answers import (
    Allowed,
    Cancelled,
    Credits,
    Deck,
    Denied,
    Funded,
    Lot,
    Paid,
    Problem,
    Rate,
    Reserved,
    Settled,
)
from talktime.client.errors import ProblemError, UnavailableError, UnchargedError
from talktime.client.operations import Cancel, End, Extend, Start, StartFields
from talktime.client.retry import Retry
from talktime.client.sync import Call, Client

__all__ = [
    "Allowed",
    "AsyncCall",
    "AsyncClient",
    "Call",
    "Cancel",
    "Cancelled",
    "Client",
    "Credits",
    "Deck",
    "Denied",
    "End",
    "Extend",
    "Funded",
    "Lot",
    "Paid",
    "Problem",
    "ProblemError",
    "Rate",
    "Reserved",
    "Retry",
    "Settled",
    "Start",
    "StartFields",
    "UnavailableError",
    "UnchargedError",
]
