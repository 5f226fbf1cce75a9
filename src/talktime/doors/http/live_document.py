"""The OpenAPI description of the live routes and the probes, made from what reads and writes them.

Bodies and answers are the Structs of `wire`: a field that is added there is described here, and a bound that
is set there holds in both. What stands here by hand are addresses, statuses and their reasons.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from talktime.doors.http.live_routes import BATCH, JSON_HEADER, MAX_CALL_ID, PREFIX
from talktime.doors.http.metrics import CONTENT_TYPE
from talktime.doors.http.problems import PROBLEM_TYPE
from talktime.doors.http.wire import (
    MAX_ITEMS,
    AllowedShown,
    CancelBody,
    CancelledShown,
    DeniedShown,
    EndBody,
    ExtendBody,
    Item,
    SettledShown,
    StartBody,
)

Schema = dict[str, Any]

JSON: Final = JSON_HEADER[1].decode()
TEXT: Final = CONTENT_TYPE.decode().partition(";")[0]
PROBLEM: Final[Schema] = {"$ref": "#/components/schemas/Problem"}

_MAY: Final = (AllowedShown, DeniedShown)
_ALL: Final = (AllowedShown, DeniedShown, SettledShown, CancelledShown)

OPERATIONS: Final[dict[str, tuple[str, Any, tuple[type[msgspec.Struct], ...]]]] = {
    "start": ("May this call start, for how long and at what price?", StartBody, _MAY),
    "extend": ("May this call go on? Tells the seconds used since the answer, in all.", ExtendBody, _MAY),
    "end": ("The call is over: charge it and release what it held.", EndBody, (SettledShown,)),
    "cancel": ("The call did not come about: release what it held.", CancelBody, (CancelledShown,)),
}
"""Operation -> (what it is, body, kinds of answers); `wire.BODIES` reads the same four."""

_CALLS: Final = {
    400: "the body or the call id does not have the form that is described",
    401: "no valid key",
    403: "a key that may not charge calls",
    404: "no such call, or a tenant that is not the key's",
    408: "the body did not arrive in time",
    409: "the sequence stands against what was said before, or the call was over long ago",
    413: "the body is too large",
    422: "well formed, and longer than any call may be",
    503: "come again with the same request: a full queue, a stop, a database that is away or an outcome that "
    "is not known",
}
_BATCHES: Final = {status: _CALLS[status] for status in (400, 401, 403, 408, 413)} | {
    404: "stands at single operations only: each has its status in the answer",
    409: "stands at single operations only",
    422: "stands at single operations only",
    503: "stands at single operations only",
}


def describe_live(document: Schema) -> None:
    """Adds the live routes, `/healthz`, `/readyz` and `/metrics` to an OpenAPI document with a `Problem`."""
    components = document.setdefault("components", {}).setdefault("schemas", {})
    paths = document.setdefault("paths", {})
    for op, (summary, body, answers) in OPERATIONS.items():
        paths[f"{PREFIX}{{call_id}}/{op}"] = {"post": _operation(op, summary, body, answers, components)}
    paths[BATCH] = {"post": _batch(components)}
    describe_probes(document)


def describe_probes(document: Schema) -> None:
    """Adds what every process answers: `/healthz`, `/readyz` and `/metrics`."""
    state = {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}}
    document.setdefault("paths", {}).update(
        {
            "/healthz": _probe("Whether the process lives.", JSON, state),
            "/readyz": _probe("Whether operations are taken now.", JSON, state, 503),
            "/metrics": _probe("Figures in the text format of Prometheus.", TEXT, {"type": "string"}),
        }
    )


def _operation(
    op: str, summary: str, body: Any, answers: tuple[type[msgspec.Struct], ...], components: Schema
) -> Schema:
    call_id = {
        "name": "call_id",
        "in": "path",
        "required": True,
        "description": "the switch's own name of the call",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_CALL_ID},
    }
    return {
        "operationId": f"{op}_call",
        "tags": ["live"],
        "summary": summary,
        "description": f"{summary} A repeat of the same request gets the first answer.",
        "parameters": [call_id],
        "requestBody": {"required": True, "content": {JSON: {"schema": _schema(body, components)}}},
        "responses": _responses(_any_of(answers, components), _CALLS),
    }


def _batch(components: Schema) -> Schema:
    many = {"type": "array", "maxItems": MAX_ITEMS}
    status = {"type": "object", "required": ["status"], "properties": {"status": {"type": "integer"}}}
    answer = {"allOf": [status, {"anyOf": [_any_of(_ALL, components), PROBLEM]}]}
    return {
        "operationId": "batch_of_calls",
        "tags": ["live"],
        "summary": "Many operations, answers in their order.",
        "description": "Each operation stands alone and has its own status; one that does not have the form "
        "described here is answered with 400 in its place, and harms no other.",
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": {**many, "items": _schema(Item, components)}}},
        },
        "responses": _responses({**many, "items": answer}, _BATCHES),
    }


def _responses(answer: Schema, problems: dict[int, str]) -> Schema:
    told = {"200": {"description": "the answer", "content": {JSON: {"schema": answer}}}}
    return told | {str(status): _problem(status, why) for status, why in problems.items()}


def _problem(status: int, why: str) -> Schema:
    told: Schema = {"description": why, "content": {PROBLEM_TYPE: {"schema": PROBLEM}}}
    if status == 503:
        seconds = {"schema": {"type": "integer"}, "description": "seconds to wait"}
        told["headers"] = {"Retry-After": seconds}
    return told


def _probe(summary: str, content_type: str, schema: Schema, *problems: int) -> Schema:
    responses = {"200": {"description": "yes", "content": {content_type: {"schema": schema}}}}
    for status in problems:
        responses[str(status)] = _problem(status, "not now")
    return {
        "get": {
            "tags": ["probes"],
            "summary": summary,
            "description": summary,
            "security": [],
            "responses": responses,
        }
    }


def _any_of(kinds: tuple[type[msgspec.Struct], ...], components: Schema) -> Schema:
    schemas = [_schema(kind, components) for kind in kinds]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _schema(kind: Any, components: Schema) -> Schema:
    """The schema of a Struct or of a union of them; what it refers to goes to the components."""
    (schema,), found = msgspec.json.schema_components([kind], ref_template="#/components/schemas/{name}")
    components.update(found)
    return schema
