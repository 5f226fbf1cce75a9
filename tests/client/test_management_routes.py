"""The client against the description of the API: every route, every parameter, every field of an answer."""

from __future__ import annotations

import types
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Union, get_args, get_origin, get_type_hints, is_typeddict

import httpx
import jsonschema_rs
import msgspec
import pytest

from talktime.client import AsyncManagement, Management
from talktime.client.management import tables
from talktime.client.management.answers_money import Adjusted
from talktime.client.management.answers_people import Approval
from talktime.client.management.described import Asked, Listed, Part
from talktime.client.management.money import _adjusted
from talktime.client.management.readers import PageOf, Tables, Under, Values, WithTag
from talktime.client.sending import AsyncSender, Sender
from tests.client.live_app import made_app

Route = tuple[str, str]
Described = Asked[Any, Any] | Listed[Any, Any]

NOT_FOR_CLIENTS: Final[set[Route]] = {
    # A gateway sends it, signed and without a key.
    ("POST", "/v1/gateways/{name}/events"),
}


@cache
def document() -> dict[str, Any]:
    """The description that the real application gives of itself."""
    with TemporaryDirectory() as folder:
        app, _ = made_app(Path(folder))
        found: dict[str, Any] = app._behind.openapi()  # type: ignore[attr-defined]
        return found


def operations() -> dict[Route, dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
        if (method.upper(), path) not in NOT_FOR_CLIENTS
    }


def parts() -> list[Part[Any]]:
    """Every part that can be reached from a client."""
    management = Management("http://talktime.test", "key")
    tenant = management.tenant("contoso")
    found = [part for part in vars(management).values() if isinstance(part, Part)]
    return [*found, tenant, *(part for part in vars(tenant).values() if isinstance(part, Part))]


def described() -> Iterator[tuple[Part[Any], str, Described]]:
    """(part, name of the method, description)."""
    for part in parts():
        for name, one in vars(type(part)).items():
            if isinstance(one, Asked | Listed):
                yield part, name, one


METHODS = list(described())


def named(found: tuple[Part[Any], str, Described]) -> str:
    return f"{type(found[0]).__name__}.{found[1]}"


def test_there_is_a_method_for_every_route_and_none_besides() -> None:
    covered = {(one.route.method, one.route.path) for _, _, one in METHODS}
    assert set(operations()) - covered == set(), "routes without a method of the client"
    assert covered - set(operations()) == set(), "methods without a route"


def test_both_clients_have_the_same_parts() -> None:
    one, other = Management("http://talktime.test", "key"), AsyncManagement("http://talktime.test", "key")
    assert vars(one).keys() == vars(other).keys()
    assert vars(one.tenant("contoso")).keys() == vars(other.tenant("contoso")).keys()
    for name in dir(Sender):
        assert name.startswith("_") or hasattr(AsyncSender, name), name


# --- what is sent ----------------------------------------------------------------------------------------

AT = datetime.fromisoformat("2026-03-01T01:00:00+01:00")

SAMPLES: Final[dict[str, Any]] = {
    "administrators": [{"upn": "ana@contoso.example"}],
    "alerts": {"low": ["5"]},
    "amount": Decimal("2E+2"),
    "at": AT,
    "caps": [{"scope": "tenant", "amount": "5"}],
    "confirm": True,
    "country": "GB",
    "csv": "upn\r\nana@contoso.example\r\n",
    "currency": "USD",
    "enabled": True,
    "events": ["balance_low"],
    "form": "csv",
    "if_match": '"0123456789abcdef01234567"',
    "key": "order-1",
    "keep_seconds": 60,
    "licences": ["MCOPSTN1"],
    "limit": 7,
    "month": "2026-03",
    "notice": 17,
    "roles": ["billing_administrator"],
    "rule": "not_through_csp",
    "scopes": ["management"],
    "settings": {"tenant": {"id": "contoso", "country": "US", "currency": "USD"}},
    "since": AT,
    "status": "suspended",
    "tables": {"tenant": {"id": "contoso", "country": "US", "currency": "USD"}},
    "taken": True,
    "tenants": ["contoso"],
    "until": AT,
    "url": "https://hooks.example.com/talktime",
    "valid_from": AT,
    "duration_seconds": 60,
}
"""What a parameter of this name is given; all others get text."""

SAMPLES_OF: Final[dict[tuple[str, str], Any]] = {
    ("Exports.order", "with_names"): True,
    ("Webhooks.make", "allow_private"): True,
    ("Users.import_csv", "dry_run"): True,
    ("Users.import_csv", "remove_others"): True,
    ("Users.put", "table"): {"upn": "ana@contoso.example"},
    ("ServiceNumbers.put", "table"): {"number": "+18005550100", "kind": "toll_free"},
    ("TenantBillingAccounts.put", "table"): {"id": "direct", "agreement": "MOSA"},
    ("AutoRecharge.preview", "rule"): {"enabled": True, "below": "5", "add": "20"},
    ("AutoRecharge.put", "rule"): {"enabled": True, "below": "5", "add": "20"},
    ("Exports.order", "kind"): "usage",
    ("Decks.differences", "kind"): "added",
    ("Decks.differences_to_csv", "kind"): "added",
    ("Payments.pages", "kind"): "refund",
    ("TenantCredits.history", "days"): 90,
    ("TenantCredits.movements", "kind"): "purchase",
    ("Usage.spend", "by"): "country",
    ("Exports.file", "export"): "0" * 32,
    ("Exports.get", "export"): "0" * 32,
    ("UsageFiles.bring", "content"): b"Call ID,Duration Seconds",
    ("UsageFiles.get", "file"): "0" * 32,
    ("UsageFiles.drop", "file"): "0" * 32,
    ("WhatIfs.ask", "file"): "0" * 32,
    ("WhatIfs.ask", "scenarios"): [{"name": "more", "balance": Decimal("2E+2"), "plans": [{"becomes": "x"}]}],
    ("Planner.ask", "files"): ["0" * 32],
    ("Planner.ask", "confidence_percent"): "99.9",
    ("Planner.ask", "lead_hours"): 48,
    ("Planner.ask", "payments_a_month"): 2,
    ("Planner.ask", "months_ahead"): 6,
    ("Planner.ask", "prices"): {"MCOPSTN1": Decimal("1E+1")},
    ("Planner.get", "plan"): "0" * 32,
    ("Planner.workbook", "plan"): "0" * 32,
    ("Planner.changes", "plan"): "0" * 32,
    ("Planner.drop", "plan"): "0" * 32,
    ("WhatIfs.get", "what_if"): "0" * 32,
    ("WhatIfs.workbook", "what_if"): "0" * 32,
    ("WhatIfs.drop", "what_if"): "0" * 32,
}


def arguments(found: tuple[Part[Any], str, Described]) -> dict[str, Any]:
    """One for every parameter of a method."""
    says = found[2]._says
    given = [name for name in says.__annotations__ if name != "return"]
    return {
        name: SAMPLES_OF.get((named(found), name), SAMPLES.get(name, 17 if name == "before" else "word"))
        for name in given
    }


def request(found: tuple[Part[Any], str, Described], **arguments: Any) -> httpx.Request:
    """What goes out for a method."""
    part, _, one = found
    if isinstance(one, Listed):
        listing = one.listing(part, **arguments)
        exchange = listing.ask(listing.begin)
    else:
        exchange = one.exchange(part, **arguments)
    content = exchange.content
    return httpx.Request(
        exchange.method,
        f"http://talktime.test{exchange.path}",
        content=content.read_bytes() if isinstance(content, Path) else content,
        headers=exchange.all_headers,
    )


@pytest.mark.parametrize("found", METHODS, ids=named)
def test_what_is_sent_is_what_is_described(found: tuple[Part[Any], str, Described]) -> None:
    operation = operations()[found[2].route.method, found[2].route.path]
    sent = request(found, **arguments(found))
    known = {(each["in"], each["name"]): each for each in operation.get("parameters", ())}
    told = {("query", name): value for name, value in sent.url.params.items()}
    told |= {
        ("header", name): sent.headers[name]
        for kind, name in known
        if kind == "header" and name in sent.headers
    }
    assert told.keys() <= known.keys()
    for place, value in told.items():
        check(known[place]["schema"], value)
    left = {name for (kind, name), each in known.items() if kind == "header" and (kind, name) not in told}
    assert left == set(), "headers that the client never sends"
    body = operation.get("requestBody", {}).get("content", {})
    if not body:
        assert sent.content == b""
        return
    media = sent.headers["content-type"]
    assert media in body
    if media == "application/json":
        check(body[media]["schema"], msgspec.json.decode(sent.content))


@pytest.mark.parametrize("found", METHODS, ids=named)
def test_all_that_may_be_told_can_be_told(found: tuple[Part[Any], str, Described]) -> None:
    operation = operations()[found[2].route.method, found[2].route.path]
    same = [each for each in METHODS if each[2].route == found[2].route]
    sent = [request(each, **arguments(each)) for each in same]
    asked = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"}
    if len(same) == 1:
        assert asked <= {name for each in sent for name in each.url.params}
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if schema is not None:
        told = {
            name
            for each in sent
            if each.headers["content-type"] == "application/json"
            for name in msgspec.json.decode(each.content)
        }
        if not any("table" in name or name in {"rule", "alerts", "settings"} for name in arguments(found)):
            assert set(resolved(schema).get("properties", ())) <= told


def check(schema: Any, value: Any) -> None:
    """A value fits a schema of the document; a word of a query may stand for a number or a truth."""
    kinds = {each.get("type") for each in [schema, *schema.get("anyOf", ())]}
    if isinstance(value, str) and "string" not in kinds and kinds & {"integer", "boolean"}:
        value = msgspec.json.decode(value)
    jsonschema_rs.validate({**schema, "components": document()["components"]}, value)


# --- what is read ----------------------------------------------------------------------------------------


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def kind_of(reads: Any) -> Any:
    """What a reader makes of an answer: a kind, or (name, kind) where it reads what stands under a name."""
    if isinstance(reads, WithTag):
        return kind_of(reads.reads)
    if isinstance(reads, Under | PageOf):
        return (reads.name, reads.kind)
    if isinstance(reads, Values | Tables):
        return reads.kind
    return Adjusted | Approval if reads is _adjusted else None


def of_list(schema: dict[str, Any], name: str) -> dict[str, Any]:
    inside: dict[str, Any] = resolved(schema)["properties"][name]["items"]
    return inside


@pytest.mark.parametrize("found", METHODS, ids=named)
def test_what_is_read_is_what_is_described(found: tuple[Part[Any], str, Described]) -> None:
    one = found[2]
    operation = operations()[one.route.method, one.route.path]
    kind = kind_of(one.reads)
    for status, answer in operation["responses"].items():
        schema = answer.get("content", {}).get("application/json", {}).get("schema")
        if not status.startswith("2") or schema is None or kind is None:
            continue
        if isinstance(kind, tuple):
            compare(of_list(schema, kind[0]), kind[1], "")
        else:
            compare(schema, kind, "")


def compare(schema: dict[str, Any], kind: Any, where: str) -> None:
    """Every field of a described answer is a field of ours and the other way round, all the way down."""
    schema = resolved(schema)
    origin = get_origin(kind)
    if "anyOf" in schema:
        compare_some(schema["anyOf"], kind, where)
    elif origin in (types.UnionType, Union):
        (only,) = [each for each in get_args(kind) if fits(schema, each) and has_names(schema, each)]
        compare(schema, only, where)
    elif schema.get("type") == "array":
        assert origin in (tuple, list), where
        compare(schema["items"], get_args(kind)[0], f"{where}/*")
    elif "properties" in schema:
        compare_fields(schema, kind, where)
    else:
        assert fits(schema, kind), f"{where}: {kind} for {schema}"


def compare_some(schemas: list[dict[str, Any]], kind: Any, where: str) -> None:
    kinds = list(get_args(kind)) if get_origin(kind) in (types.UnionType, Union) else [kind]
    if any(each.get("type") == "null" for each in schemas) and not is_typeddict_field(where):
        assert type(None) in kinds or kind is None, f"{where}: may be null"
    for schema in schemas:
        if schema.get("type") == "null":
            continue
        fitting = [each for each in kinds if fits(schema, each)]
        if len(fitting) > 1:
            fitting = [each for each in fitting if has_names(schema, each)]
        assert fitting, f"{where}: {schema} is none of {kinds}"
        compare(schema, fitting[0], where)


def has_names(schema: dict[str, Any], kind: Any) -> bool:
    """Whether a kind that is a struct has just the fields of a schema."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return True
    return set(resolved(schema)["properties"]) == {each.encode_name for each in msgspec.structs.fields(kind)}


def is_typeddict_field(where: str) -> bool:
    """Tables leave out what they do not have, though their schema also allows null."""
    return where.startswith("table")


def fits(schema: dict[str, Any], kind: Any) -> bool:
    """Whether a kind can hold a value of a schema, on its first level."""
    schema = resolved(schema)
    origin = get_origin(kind)
    match schema.get("type"):
        case "object" if "properties" in schema:
            is_struct = isinstance(kind, type) and issubclass(kind, msgspec.Struct)
            return is_struct or is_typeddict(kind) or origin is dict
        case "object":
            return origin is dict
        case "array":
            return origin in (tuple, list)
        case "string":
            return kind in (str, Decimal, datetime)
        case "integer":
            return kind is int
        case "boolean":
            return kind is bool
        case _:
            return "const" in schema or "enum" in schema


def compare_fields(schema: dict[str, Any], kind: Any, where: str) -> None:
    if get_origin(kind) is dict:
        kind = getattr(tables, schema["title"])  # a table that stays as it came
    if is_typeddict(kind):
        hints = get_type_hints(kind)
        assert set(schema["properties"]) == set(hints), f"{where} {kind.__name__}"
        for name, inside in schema["properties"].items():
            compare(inside, hints[name], f"table{where}/{name}")
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    assert set(schema["properties"]) == set(fields), f"{where} {kind.__name__}"
    needed = {name for name, field in fields.items() if field.required}
    assert needed <= set(schema.get("required", ())), f"{where} {kind.__name__} asks for what may be absent"
    for name, inside in schema["properties"].items():
        compare(inside, fields[name].type, f"{where}/{name}")
