"""What all commands of calls work with, given to each by the desk.

How calls are classified, how they are priced, and the pace of grants.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from talktime.live.facts import Classifier
    from talktime.live.operations import Pace
    from talktime.live.rates import RateBooks


@dataclass(frozen=True, slots=True)
class Rules:
    """Shared by all tenants; nothing in it is a tenant's own."""

    classifier: Classifier
    rates: RateBooks
    pace: Pace
