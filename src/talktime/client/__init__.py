"""A client for those who switch calls (`Client`), and for those who look after tenants (`Management`).

Both are there for programs that wait and for those with an event loop. The package imports nothing else of
Talktime, keeps no state but its connections, and starts no threads. A request that may not have arrived is
sent again as it was, with the same sequence or key, so that nothing is charged twice.
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
from talktime.client.management.front import AsyncManagement, Management
from talktime.client.management.readers import Seen
from talktime.client.operations import Cancel, End, Extend, Start, StartFields
from talktime.client.pages import AsyncPages, Page, Pages
from talktime.client.retry import Retry
from talktime.client.sync import Call, Client

__all__ = [
    "Allowed",
    "AsyncCall",
    "AsyncClient",
    "AsyncManagement",
    "AsyncPages",
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
    "Management",
    "Page",
    "Pages",
    "Paid",
    "Problem",
    "ProblemError",
    "Rate",
    "Reserved",
    "Retry",
    "Seen",
    "Settled",
    "Start",
    "StartFields",
    "UnavailableError",
    "UnchargedError",
]
