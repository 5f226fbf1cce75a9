"""Problem details: every error of every route in one form (RFC 9457).

`code` is for programs, `detail` one sentence for people; `pointer` (RFC 6901) names the field that is wrong,
`faults` are all sentences where there are several. Statuses of what the rules refuse and of what is away
stand here, for all routes; what a door refuses by itself (form, key, size) has its status on the spot.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from talktime.ledger.engine import QueueFull, Stopping
from talktime.ledger.store import StoreAway, StoreBusy, UnknownOutcome

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

PROBLEM_TYPE: Final = "application/problem+json"

RETRY_AFTER_S: Final = 1
"""What a client is asked to wait before it comes again."""

MOST_FAULTS: Final = 50
"""Faults that one answer names."""

STATUS_OF_CODE: Final[Mapping[str, int]] = {
    "unknown_tenant": 404,
    "unknown_user": 404,
    "unknown_service_number": 404,
    "unknown_call": 404,
    "unknown_key": 404,
    "unknown_administrator": 404,
    "unknown_approval": 404,
    "unknown_billing_account": 404,
    "unknown_country": 404,
    "unknown_feature": 404,
    "unknown_notice": 404,
    "unknown_paper": 404,
    "unknown_payment": 404,
    "unknown_payment_method": 404,
    "unknown_person": 404,
    "unknown_plan": 404,
    "unknown_ticket": 404,
    "unknown_usage_file": 404,
    "unknown_waiver": 404,
    "unknown_webhook": 404,
    "unknown_what_if": 404,
    "exists": 409,
    "duplicate_call": 409,
    "conflict": 409,
    "already_decided": 409,
    "erasure_refused": 409,
    "calls_open": 409,
    "payment_open": 409,
    "balance_left": 409,
    "tenant_closed": 409,
    "tenant_suspended": 409,
    "ticket_closed": 409,
    "too_much": 409,
    "too_many_keys": 409,
    "too_many": 409,
    "too_early": 409,
    "out_of_order": 409,
    "unreconciled": 409,
    "moved_on": 409,
    "no_mca_account": 409,
    "nothing_to_retry": 409,
    "not_unknown": 409,
    "payment_method_in_use": 409,
    "forbidden": 403,
    "second_person_needed": 403,
    "changed_meanwhile": 412,
    "no_room": 507,
}
"""Statuses of refusals; all others are 422: well formed, and not to be had."""

UNAVAILABLE: Final[Mapping[type[Exception], str]] = {
    QueueFull: "queue_full",
    Stopping: "stopping",
    StoreBusy: "store_busy",
    StoreAway: "store_away",
    UnknownOutcome: "unknown_outcome",
}
"""What may pass by itself: 503 with Retry-After. Only after `unknown_outcome` something may be done."""

SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "title": "Problem",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "pointer": {"type": "string", "description": "JSON pointer to the field that is wrong"},
        "faults": {"type": "array", "items": {"type": "string"}},
    },
}

_CODES: Final = {400: "malformed", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
_DETAILS: Final = {
    404: "there is nothing at this address",
    405: "this address does not know that method",
    413: "the body is larger than this address takes",
}
_KEY_HEADER: Final = ("header", "Idempotency-Key")
_KEY_MISSING: Final = (
    "money moves here: send a header Idempotency-Key of 1 to 200 characters, another one for each new wish"
)
_FAULT: Final = re.compile(r'(?P<table>\w+)(?:\[(?P<at>\d+)\])?(?: "[^"]*")?: (?:unknown key )?(?P<key>\w+)')


@dataclass(frozen=True, slots=True)
class Problem:
    """One error. `pointer` None: no single field is wrong."""

    status: int
    code: str
    detail: str
    pointer: str | None = None
    faults: tuple[str, ...] = ()
    headers: Mapping[str, str] | None = None

    def body(self) -> bytes:
        """The problem as JSON, in ASCII: what it quotes may be no valid text."""
        members: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.pointer is not None:
            members["pointer"] = self.pointer
        if self.faults:
            members["faults"] = self.faults
        return json.dumps(members).encode()

    def response(self) -> Response:
        """The problem as an answer."""
        headers = dict(self.headers or {})
        if self.status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers["Retry-After"] = str(RETRY_AFTER_S)
        return Response(self.body(), self.status, headers, PROBLEM_TYPE)


class ProblemError(Exception):
    """Raised by a route that answers with a problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.detail)


def refused(code: str, detail: str) -> ProblemError:
    """A refusal of the rules with its status."""
    return ProblemError(Problem(STATUS_OF_CODE.get(code, 422), code, detail))


def invalid(faults: Sequence[str], body: Mapping[str, Any], alone: str = "") -> ProblemError:
    """Faults of a tenant or of a part of it; `alone` names the table whose only entry the body is."""
    shown = tuple(faults[:MOST_FAULTS])
    pointer = _pointer(faults[0], body, alone)
    return ProblemError(Problem(422, "invalid", faults[0], pointer, shown if len(shown) > 1 else ()))


def _pointer(fault: str, body: Mapping[str, Any], alone: str) -> str | None:
    """Where in the body the field is that a sentence of the tenant file's reader is about.

    None where it is about something that the body does not hold, such as a person who is there already.
    """
    found = _FAULT.match(fault)
    if found is None:
        return None
    table, at, key = found["table"], found["at"], found["key"]
    if table != alone and (alone or table not in body):
        return None
    place = ""
    entry: object = body
    if not alone:
        place = f"/{table}" if at is None else f"/{table}/{int(at) - 1}"
        entry = body[table] if at is None else body[table][int(at) - 1]
    is_key = isinstance(entry, Mapping) and (key in entry or f"{key} is missing" in fault)
    return f"{place}/{key}" if is_key else place


def install(app: FastAPI) -> None:
    """Makes every error of an app a problem."""
    for kind in UNAVAILABLE:
        app.add_exception_handler(kind, _unavailable)
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _plain)
    app.add_exception_handler(Exception, _fault)


async def _problem(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, ProblemError)
    return error.problem.response()


async def _unavailable(request: Request, error: Exception) -> Response:
    del request
    return unavailable(error).response()


def unavailable(error: Exception) -> Problem:
    """The problem of one of the kinds in UNAVAILABLE."""
    code = UNAVAILABLE[type(error)]
    details = {
        "unknown_outcome": "nobody can say whether it was done; the same request again finds out",
        "queue_full": "too many operations wait; come again in a moment",
        "stopping": "the service is stopping",
    }
    return Problem(503, code, details.get(code, "the database does not answer; nothing was changed"))


async def _malformed(request: Request, error: Exception) -> Response:
    """A body, a path or a query that does not have the form that is described."""
    del request
    assert isinstance(error, RequestValidationError)
    errors = error.errors()
    if any(one["loc"] == _KEY_HEADER and one["type"] in ("missing", "string_too_short") for one in errors):
        return Problem(400, "idempotency_key_missing", _KEY_MISSING).response()
    sentences = tuple(_sentence(one["loc"], one["msg"]) for one in errors[:MOST_FAULTS])
    where = errors[0]["loc"] if errors else ("body",)
    is_field = where[0] == "body" and errors[0]["type"] != "json_invalid"
    pointer = "".join(f"/{_escaped(part)}" for part in where[1:]) if is_field else None
    faults = sentences if len(sentences) > 1 else ()
    return Problem(400, "malformed", sentences[0], pointer, faults).response()


def _sentence(where: Sequence[Any], message: str) -> str:
    place = ".".join(str(part) for part in where)
    message = message.removeprefix("Value error, ")
    return f"{place}: {message[:1].lower()}{message[1:]}"


def _escaped(part: object) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


async def _plain(request: Request, error: Exception) -> Response:
    """What the framework refuses by itself: no such route, no such method, a body too large or no JSON."""
    del request
    assert isinstance(error, HTTPException)
    status = error.status_code
    code = _CODES.get(status, "refused")
    return Problem(
        status, code, _DETAILS.get(status, str(error.detail)), headers=error.headers or {}
    ).response()


async def _fault(request: Request, error: Exception) -> Response:
    """A defect: the log has it, the caller only learns that it is ours."""
    del request, error
    return Problem(500, "fault", "a fault of the service; its log says more").response()
