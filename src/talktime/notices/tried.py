"""How one try to deliver ended, the same for every channel."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

MAX_ERROR: Final = 300
"""Signs of an error that are kept."""


class End(Enum):
    """How a try ended, and with it who else is concerned.

    SENT: it was taken. UNREACHED: the destination failed, so what else goes there waits too. LATER: this
    delivery failed in a way that may pass. HOPELESS: no further try can help. GONE: the destination wants
    nothing any more.
    """

    SENT = "sent"
    UNREACHED = "unreached"
    LATER = "later"
    HOPELESS = "hopeless"
    GONE = "gone"


class Tried(NamedTuple):
    """The end of a try, and a sentence on what went wrong."""

    end: End
    error: str = ""

    @property
    def kept_error(self) -> str:
        """The sentence in one line, cut to what is kept."""
        return " ".join(self.error.split())[:MAX_ERROR]
