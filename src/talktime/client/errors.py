"""What a client raises: the service refused the request, or it could not be reached in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from talktime.client.answers import Denied


class ProblemError(Exception):
    """The service answered with a problem (RFC 9457): the request itself is not to be had.

    `status` is that of HTTP, `code` is for programs, `detail` one sentence; `pointer` names the field that is
    wrong, "" where none is; `faults` are all sentences where there are several. `location` is the address of
    what came about all the same, such as a payment that was declined, "" where there is none.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        pointer: str = "",
        faults: tuple[str, ...] = (),
        location: str = "",
    ) -> None:
        self.status = status
        self.code = code
        self.detail = detail
        self.pointer = pointer
        self.faults = faults
        self.location = location
        super().__init__(f"{status} {code}: {detail}")


class UnavailableError(Exception):
    """The time for retries is up and nobody knows whether the request was done; send the same one later.

    `key` is the Idempotency-Key that it had, "" for none: with it the same request moves no money twice.
    """

    def __init__(self, says: str, key: str = "") -> None:
        self.key = key
        super().__init__(says)


class UnchargedError(Exception):
    """A call ran on an assumed start, and the service, asked afterwards, refuses it: nothing is charged."""

    def __init__(self, denied: Denied) -> None:
        self.denied = denied
        super().__init__(f"call {denied.call_id!r} ran unasked and is refused: {denied.reason}")
