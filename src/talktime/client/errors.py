"""What a client raises: the service refused the request, or it could not be reached in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from talktime.client.answers import Denied


class ProblemError(Exception):
    """The service answered with a problem (RFC 9457): the request itself is not to be had.

    `status` is that of HTTP, `code` is for programs, `detail` one sentence; `pointer` names the field that is
    wrong, "" where none is.
    """

    def __init__(self, status: int, code: str, detail: str, pointer: str = "") -> None:
        self.status = status
        self.code = code
        self.detail = detail
        self.pointer = pointer
        super().__init__(f"{status} {code}: {detail}")


class UnavailableError(Exception):
    """The time for retries is up and nobody knows whether the request was done; send the same one later."""


class UnchargedError(Exception):
    """A call ran on an assumed start, and the service, asked afterwards, refuses it: nothing is charged."""

    def __init__(self, denied: Denied) -> None:
        self.denied = denied
        super().__init__(f"call {denied.call_id!r} ran unasked and is refused: {denied.reason}")
