"""The description of the API against the API: generated requests, right ones and wrong ones.

Each answer has a status, a content type and a form that the description names, none is a fault of ours, and
what the description does not allow is refused.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    negative_data_rejection,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from talktime.doors.http.management.examples import load_examples
from tests.databases import fresh_sqlite
from tests.doors.http.houses import Door, open_door

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = min(25, max(2, settings().max_examples // 20))
"""Requests of each kind an operation: 2 in `make test`, the plainest and one more; 25 in `make test-long`."""


@dataclass(frozen=True)
class Running:
    """A door on an event loop in another thread, and its description."""

    door: Door
    schema: Any
    send: Callable[..., httpx.Response]


@contextmanager
def running(database: str, folder: Path) -> Iterator[Running]:
    """Opens a door that generated requests can be sent to from a test that is not asynchronous."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def wait(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(60)

    opened = open_door(database, exports_into=folder)
    try:
        door = wait(opened.__aenter__())
        try:
            # Every request has the operator's key, so a generated one without it is not what is sent.
            described = {key: part for key, part in door.app.openapi().items() if key != "security"}
            schema = schemathesis.openapi.from_dict(described)
            yield Running(door, schema, lambda *args, **kwargs: wait(door.client.request(*args, **kwargs)))
        finally:
            wait(opened.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("openapi")
    with running(fresh_sqlite(folder), folder / "exports") as found:
        yield found


def sent(here: Running, case: Case[Any]) -> httpx.Response:
    """What the door answers to a generated request, with the key of the operator."""
    request = case.as_transport_kwargs(base_url="http://talktime.test")
    headers = {name: value for name, value in request["headers"].items() if name != "User-Agent"}
    return here.send(
        request["method"],
        request["url"],
        headers=headers,
        params=request.get("params"),
        content=request.get("data"),
        json=request.get("json"),
    )


def takes_something(operation: Any) -> bool:
    """Whether a request of the operation can be wrong at all."""
    return any(len(part) > 0 for part in (operation.path_parameters, operation.query, operation.body))


def tried(here: Running, operation: Any, mode: GenerationMode) -> int:
    """Sends generated requests of one operation; returns how many."""
    count = 0
    checks = CHECKS if mode == GenerationMode.POSITIVE else [*CHECKS, negative_data_rejection]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode))
    def try_one(case: Case[Any]) -> None:
        nonlocal count
        count += 1
        if case.path_parameters and "tenant" in case.path_parameters and mode == GenerationMode.POSITIVE:
            case.path_parameters["tenant"] = "contoso"
        case.validate_response(sent(here, case), checks=checks)

    try_one()
    return count


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_generated_requests_are_answered_as_described(here: Running, mode: GenerationMode) -> None:
    operations = [found.ok() for found in here.schema.get_all_operations()]
    assert len(operations) > 100
    if mode == GenerationMode.NEGATIVE:
        operations = [operation for operation in operations if takes_something(operation)]
    for operation in operations:
        assert tried(here, operation, mode) > 0, operation.label


def test_every_address_has_a_tag_and_says_how_it_may_fail(here: Running) -> None:
    described = here.door.app.openapi()
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            failures = {"400", "401", "403", "404", "409", "413", "422", "503"}
            assert failures <= set(operation["responses"]), (method, path)
            assert operation["tags"], (method, path)
            assert operation["description"], (method, path)


SHOWN = {"example", "examples", "enum", "const", "default"}


def test_every_body_has_an_example(here: Running) -> None:
    """A whole one, or one of each member that has to be sent."""
    described = here.door.app.openapi()
    schemas = described["components"]["schemas"]

    def is_shown(schema: dict[str, Any]) -> bool:
        schema = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        if {"example", "examples", "enum", "const", "default"} & schema.keys() or schema.get(
            "type"
        ) == "boolean":
            return True
        if "properties" in schema:
            asked = schema.get("required", schema["properties"])
            return all(is_shown(schema["properties"][name]) for name in asked)
        if "items" in schema:
            return is_shown(schema["items"])
        return any(is_shown(one) for one in schema.get("anyOf", ()))

    bare = set()
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                if "example" not in content and not is_shown(content["schema"]):
                    bare.add((method, path))
    assert bare == set()


def test_shipped_examples_are_taken(tmp_path: Path) -> None:
    """What the description shows as a whole body does what it says: sent in its order to an empty ledger."""

    async def run() -> None:
        async with open_door(fresh_sqlite(tmp_path), funded=False) as door:
            paths = door.app.openapi()["paths"]
            for example in load_examples():
                method, _, path = example.route.partition(" ")
                content = paths[path][method.lower()]["requestBody"]["content"][example.kind]
                assert content["example"] == example.value
                place = path
                for name, value in PLACES.items():
                    place = place.replace(name, value)
                headers = {"content-type": example.kind}
                sent = await door.client.request(method, place, content=example.body, headers=headers)
                assert sent.status_code in (200, 201), (example.route, sent.text)

    asyncio.run(run())


PLACES = {
    "{tenant}": "contoso",
    "{user}": "ana@contoso.example",
    "{number}": "+18005550100",
    "{account}": "direct",
}
