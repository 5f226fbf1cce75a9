"""The description of the live routes against the routes, and against the Structs that it is made from.

Generated requests, right ones and wrong ones: each answer has a status, a content type and a form that the
description names, and none is a fault of ours.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import negative_data_rejection

from talktime.doors.http.live_document import OPERATIONS, describe_live, describe_probes
from talktime.doors.http.live_routes import LiveRoutes
from talktime.doors.http.wire import BODIES
from tests.databases import fresh_sqlite
from tests.doors.http.live_houses import Live, open_live
from tests.doors.http.test_openapi import CHECKS, takes_something

EXAMPLES = min(40, settings().max_examples // 2)
"""Requests of each kind an operation: 20 in `make test`, 40 in `make test-long`."""
CALLS = "/v1/calls/{call_id}/"


@dataclass(frozen=True)
class Running:
    """An application on an event loop in another thread, and its description."""

    live: Live
    schema: Any
    send: Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def wait(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(60)

    opened = open_live(fresh_sqlite(tmp_path_factory.mktemp("openapi")))
    try:
        live = wait(opened.__aenter__())
        try:
            # Every request has the operator's key, so a generated one without it is not what is sent.
            described = {name: part for name, part in live.management.openapi().items() if name != "security"}
            schema = schemathesis.openapi.from_dict(described)
            yield Running(live, schema, lambda *args, **kwargs: wait(live.client.request(*args, **kwargs)))
        finally:
            wait(opened.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def of_live(path: str) -> bool:
    return path.startswith(CALLS) or path == "/v1/calls:batch" or path in ("/healthz", "/readyz", "/metrics")


def tried(here: Running, operation: Any, mode: GenerationMode, examples: int = EXAMPLES) -> set[int]:
    """Sends generated requests of one operation; returns the statuses of the answers."""
    seen: set[int] = set()
    # In a batch a wrong item has its own refusal, and the batch is answered.
    is_batch = operation.path == "/v1/calls:batch"
    checks = CHECKS if mode == GenerationMode.POSITIVE or is_batch else [*CHECKS, negative_data_rejection]

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode))
    def try_one(case: Case[Any]) -> None:
        if mode == GenerationMode.POSITIVE:
            _at_home(case)
        request = case.as_transport_kwargs(base_url="http://talktime.test")
        headers = {name: value for name, value in request["headers"].items() if name != "User-Agent"}
        answer = here.send(
            request["method"],
            request["url"],
            headers=headers,
            params=request.get("params"),
            content=request.get("data"),
            json=request.get("json"),
        )
        seen.add(answer.status_code)
        case.validate_response(answer, checks=checks)

    try_one()
    return seen


def _at_home(case: Case[Any]) -> None:
    """What a request is about exists, so that more than its first lines of defence are tried."""
    if case.path_parameters and "tenant" in case.path_parameters:
        case.path_parameters["tenant"] = "contoso"
    for item in case.body if isinstance(case.body, list) else [case.body]:
        if isinstance(item, dict) and "tenant" in item:
            item["tenant"] = "contoso"


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_generated_requests_to_the_live_routes_are_answered_as_described(
    here: Running, mode: GenerationMode
) -> None:
    operations = [found.ok() for found in here.schema.get_all_operations()]
    operations = [operation for operation in operations if of_live(operation.path)]
    assert len(operations) == len(OPERATIONS) + 4
    for operation in operations:
        if mode == GenerationMode.NEGATIVE and not takes_something(operation):
            continue
        seen = tried(here, operation, mode)
        wanted = (
            {400} if mode == GenerationMode.NEGATIVE and operation.path.startswith(CALLS) else {200, 400, 404}
        )
        assert seen & wanted, (operation.label, seen)


def test_the_routes_behind_are_answered_as_described_from_here_too(here: Running) -> None:
    operations = [found.ok() for found in here.schema.get_all_operations()]
    # These need a process of their own, which this house has not; test_openapi.py asks for them.
    elsewhere = ("/exports", "/usage-files", "/what-if", "/tenants/{tenant}/plans")
    behind = [o for o in operations if not of_live(o.path) and not any(one in o.path for one in elsewhere)]
    assert len(behind) > 25
    # Each of them is asked there; here, whether what is asked goes through and comes back.
    for operation in behind[:: max(1, 200 // settings().max_examples)]:
        assert tried(here, operation, GenerationMode.POSITIVE, 2), operation.label


def test_what_is_described_is_what_there_is(here: Running) -> None:
    document = here.live.management.openapi()
    paths = {path for path in document["paths"] if path.startswith(CALLS)}
    assert paths == {f"{CALLS}{op}" for op in BODIES}
    assert all(LiveRoutes.takes(path) for path in paths)
    for path in paths | {"/v1/calls:batch"}:
        (operation,) = document["paths"][path].values()
        assert {"200", "400", "401", "403", "404", "408", "409", "413", "422", "503"} == set(
            operation["responses"]
        )
        assert "Retry-After" in operation["responses"]["503"]["headers"]
    for path in ("/healthz", "/readyz", "/metrics"):
        assert document["paths"][path]["get"]["security"] == []


def test_every_reference_leads_somewhere() -> None:
    document: dict[str, Any] = {"components": {"schemas": {"Problem": {}}}}
    describe_live(document)
    schemas = document["components"]["schemas"]
    names = [name.removeprefix("#/components/schemas/") for name in _references(document)]
    assert "StartBody" in names
    assert set(names) <= set(schemas)


def test_the_fields_and_their_bounds_are_those_of_the_structs() -> None:
    document: dict[str, Any] = {}
    describe_live(document)
    schemas = document["components"]["schemas"]
    for op, (_, body, _) in OPERATIONS.items():
        described = schemas[body.__name__]
        assert tuple(described["properties"]) == body.__struct_fields__
        assert described["additionalProperties"] is False
        assert schemas[f"{op.title()}Item"]["properties"]["op"]["enum"] == [op]
    assert schemas["StartBody"]["properties"]["sequence"] == {
        "type": "integer",
        "minimum": 0,
        "maximum": 2**53,
    }


def test_a_process_without_live_routes_describes_its_probes_only() -> None:
    document: dict[str, Any] = {}
    describe_probes(document)
    assert set(document["paths"]) == {"/healthz", "/readyz", "/metrics"}


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for name, value in part.items():
            if name == "$ref":
                yield value
            elif name == "mapping":
                yield from value.values()
            else:
                yield from _references(value)
    elif isinstance(part, list):
        for each in part:
            yield from _references(each)
