"""The live routes from outside: each operation, each refusal, batches, and names that calls may have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from talktime.doors.http.live_routes import MAX_BATCH_BODY, MAX_BODY, MAX_CALL_ID, LiveRoutes
from talktime.doors.http.problems import refused
from talktime.doors.http.wire import FAULT_CODE, FAULT_STATUS, MAX_ITEMS, MAX_SECONDS
from talktime.live.answers import FaultCode
from tests.databases import database, sqlite_database
from tests.doors.http.houses import client_of
from tests.doors.http.live_houses import (
    ANA,
    BATCH,
    EMERGENCY,
    SEATTLE,
    Live,
    body,
    got,
    item,
    told,
)

__all__ = ["database", "sqlite_database"]  # fixtures

RATE = {
    "prefix": "44",
    "price_per_minute": "0.012",
    "first_price_per_minute": "0.012",
    "connection_fee": "0",
    "first_seconds": 60,
    "step_seconds": 60,
}


# --- each operation -------------------------------------------------------------------------------------


def test_a_call_from_start_to_end(database: str) -> None:
    async def story(live: Live) -> None:
        allowed = await got(live.ask("start", requested_seconds=120))
        deck = allowed["rate"].pop("deck")
        assert deck
        assert allowed == {
            "call_id": "c1",
            "decision": "allow",
            "granted_seconds": 120,
            "authorised_seconds": 120,
            "final": False,
            "valid_until": "2026-03-01T12:02:00Z",
            "category": "calling_plan_international",
            "reserved": {"pool_seconds": 0, "credits": "0.024"},
            "rate": RATE,
        }
        more = await got(live.ask("extend", used_seconds=100, requested_seconds=120))
        assert (more["granted_seconds"], more["authorised_seconds"]) == (120, 220)
        assert more["reserved"] == {"pool_seconds": 0, "credits": "0.048"}
        assert await got(live.ask("end", duration_seconds=61)) == {
            "call_id": "c1",
            "billed_seconds": 120,
            "pool_seconds": 0,
            "paid_seconds": 120,
            "amount": "0.024",
            "currency": "USD",
            "funding": [{"source": "credits", "id": "1", "amount": "0.024"}],
            "balance": "49.976",
            "available": "49.976",
        }

    told(story, database)


def test_a_call_that_its_pool_pays_for(sqlite_database: str) -> None:
    async def story(live: Live) -> None:
        allowed = await got(live.ask("start", callee=SEATTLE))
        assert allowed["reserved"] == {"pool_seconds": 600, "credits": "0"}
        settled = await got(live.ask("end", duration_seconds=30))
        assert (settled["pool_seconds"], settled["paid_seconds"], settled["amount"]) == (60, 0, "0")
        (paid,) = settled["funding"]
        assert (paid["source"], paid["seconds"], "amount" in paid) == ("pool", 60, False)

    told(story, sqlite_database)


def test_cancel_releases_everything(sqlite_database: str) -> None:
    async def story(live: Live) -> None:
        before = live.written()
        await got(live.ask("start"))
        assert await got(live.ask("cancel")) == {"call_id": "c1", "state": "cancelled"}
        after = live.written()
        assert (after["journal"], after["charges"]) == (before["journal"], before["charges"])
        credits = await got(live.client.get("/v1/tenants/contoso/credits"))
        assert (credits["balance"], credits["reserved"]) == ("50", "0")

    told(story, sqlite_database)


DENIALS: list[tuple[dict[str, Any], str, bool]] = [
    ({"user": "nobody@contoso.example"}, "unknown_user", False),
    ({"callee": "+99912345"}, "no_rate", False),
    ({"tenant": "nobody"}, "unknown_tenant", False),
]


@pytest.mark.parametrize(("fields", "reason", "retry"), DENIALS, ids=[row[1] for row in DENIALS])
def test_a_refused_call_is_an_answer(
    sqlite_database: str, fields: dict[str, Any], reason: str, retry: bool
) -> None:
    async def story(live: Live) -> None:
        denied = await got(live.ask("start", **fields))
        assert denied.pop("detail")
        assert denied == {"call_id": "c1", "decision": "deny", "reason": reason, "retry": retry}

    told(story, sqlite_database)


def test_a_repeat_gets_the_first_answer_and_another_text_a_conflict(sqlite_database: str) -> None:
    async def story(live: Live) -> None:
        first = await got(live.ask("start"))
        assert await got(live.ask("start")) == first
        assert (await got(live.ask("start", callee=SEATTLE), 409))["code"] == "conflict"
        settled = await got(live.ask("end"))
        assert await got(live.ask("end")) == settled
        assert (await got(live.ask("end", duration_seconds=61), 409))["code"] == "conflict"

    told(story, sqlite_database)


# --- what is wrong with a request -----------------------------------------------------------------------

WRONG: list[tuple[str, bytes, str]] = [
    ("start", b"", ""),
    ("start", b"{", ""),
    ("start", b"[]", ""),
    ("start", b"null", ""),
    ("start", b'{"tenant": "contoso", "sequence": 0}', ""),
    ("start", b'{"tenant": 1, "sequence": 0, "call_type": "user_out"}', "/tenant"),
    ("start", b'{"tenant": "", "sequence": 0, "call_type": "user_out"}', "/tenant"),
    ("start", b'{"tenant": "contoso", "sequence": -1, "call_type": "user_out"}', "/sequence"),
    (
        "start",
        b'{"tenant": "contoso", "sequence": 0, "call_type": "user_out", "started_at": "noon"}',
        "/started_at",
    ),
    (
        "end",
        b'{"tenant": "contoso", "sequence": 1, "duration_seconds": 1, "ended_at": "9999-12-31"}',
        "/ended_at",
    ),
    (
        "start",
        b'{"tenant": "contoso", "sequence": 0, "call_type": "user_out", "user": "ana\\u0000"}',
        "/user",
    ),
    ("start", b'{"tenant": "contoso", "sequence": 0, "call_type": "user_out", "colour": "red"}', ""),
    ("extend", b'{"tenant": "contoso", "sequence": 1, "used_seconds": "60"}', "/used_seconds"),
    ("extend", b'{"tenant": "contoso", "sequence": 1, "used_seconds": 1.5}', "/used_seconds"),
    ("end", b'{"tenant": "contoso", "sequence": 1, "duration_seconds": -1}', "/duration_seconds"),
    ("end", b'{"tenant": "contoso", "sequence": 9007199254740993, "duration_seconds": 1}', "/sequence"),
    ("cancel", b'{"tenant": "contoso", "sequence": null}', "/sequence"),
    ("cancel", b'{"tenant": "\xff", "sequence": 1}', ""),
]


def test_what_is_malformed_is_400_with_the_place_and_changes_nothing(sqlite_database: str) -> None:
    async def story(live: Live) -> None:
        await got(live.ask("start"))
        before = live.written()
        for op, text, pointer in WRONG:
            problem = await got(live.client.post(f"/v1/calls/c1/{op}", content=text), 400)
            assert problem["code"] == "malformed", text
            assert problem.get("pointer", "") == pointer, text
            assert problem["detail"], text
        assert live.written() == before

    told(story, sqlite_database)


def test_a_field_too_many_or_too_few_is_named(sqlite_database: str) -> None:
    async def story(live: Live) -> None:
        assert "colour" in (await got(live.ask("start", colour="red"), 400))["detail"]
        assert "tenant" in (await got(live.ask("start", tenant=None), 400))["detail"]

    told(story, sqlite_database)


def test_keys(sqlite_database: str) -> None:
    async def story(live: Live) -> None:
        path, asked = "/v1/calls/c1/start", body("start")
        for header in (
            "",
            "Bearer",
            "Bearer nonsense",
            f"Basic {live.key}",
            f"Bearer {live.key}x",
            "Bearer tt_a_b",
        ):
            headers = {"Authorization": header} if header else {}
            async with client_of(live.app, "") as client:
                answer = await client.post(path, json=asked, headers=headers)
            assert (await got(_ready(answer), 401))["code"] == "unauthorized", header
            assert answer.headers["www-authenticate"] == "Bearer"
        async with live.with_key(None, ["management"]) as manager:
            assert (await got(manager.post(path, json=asked), 403))["code"] == "forbidden"
            assert (await got(manager.post(BATCH, json=[]), 403))["code"] == "forbidden"
        async with live.with_key(["fabrikam"], ["live"]) as stranger:
            assert (await got(stranger.post(path, json=asked), 404))["code"] == "unknown_tenant"
            (alone,) = await got(stranger.post(BATCH, json=[item("start")]))
            assert (alone["status"], alone["code"]) == (404, "unknown_tenant")
        async with live.with_key(["contoso"], ["live"]) as own:
            assert (await got(own.post(path, json=asked)))["decision"] == "allow"
            assert (await own.get("/v1/tenants")).status_code == 403

    told(story, sqlite_database)


async def _ready(answer: Any) -> Any:
    return answer


def test_an_emergency_call_passes_with_the_key_of_another_tenant(sqlite_database: str) -> None:
    async def story(live: Live) -> None:
        before = live.written()
        async with live.with_key(["fabrikam"], ["live"]) as stranger:
            asked = body("start", **EMERGENCY)
            allowed = await got(stranger.post("/v1/calls/e/start", json=asked))
            assert (allowed["decision"], allowed["granted_seconds"]) == ("allow", 600)
            sent = [item("start", "e", **EMERGENCY), item("end", "e"), item("start", "x")]
            answers = await got(stranger.post(BATCH, json=sent))
        assert [(each["status"], each.get("code")) for each in answers] == [
            (200, None),
            (404, "unknown_tenant"),
            (404, "unknown_tenant"),
        ]
        assert live.written() == before
        assert live.answering.counted["start", "allow"] == 2

    told(story, sqlite_database)


def test_a_late_operation_of_a_call_that_closed_long_ago_is_a_problem(sqlite_database: str) -> None:
    async def story(live: Live) -> None:
        await got(live.ask("start"))
        settled = await got(live.ask("end"))
        assert await got(live.ask("end")) == settled
        live.clock.now_us += 72 * 3_600 * 1_000_000
        assert await live.desk.look_round() == 1
        for op in ("extend", "end", "cancel"):
            assert (await got(live.ask(op), 409))["code"] == "duplicate_call"
        (late,) = await live.batch(item("end"))
        assert (late["status"], late["code"]) == (409, "duplicate_call")
        assert (await got(live.ask("start")))["reason"] == "duplicate_call"

    told(story, sqlite_database)


def test_codes_have_the_same_status_in_all_routes() -> None:
    for code, status in FAULT_STATUS.items():
        assert status == refused(FAULT_CODE[code], "").problem.status
    told_wider = {code: word for code, word in FAULT_CODE.items() if word != code.value}
    assert told_wider == {FaultCode.DENIED_CALL: "unknown_call", FaultCode.OVER: "conflict"}
    assert {FAULT_STATUS[code] for code in (FaultCode.CONFLICT, FaultCode.DUPLICATE_CALL)} == {409}


def test_unknown_calls_addresses_and_methods(sqlite_database: str) -> None:
    async def story(live: Live) -> None:
        for op in ("extend", "end", "cancel"):
            assert (await got(live.ask(op), 404))["code"] == "unknown_call", op
            assert (await got(live.ask(op, tenant="nobody"), 404))["code"] == "unknown_tenant", op
        for path in (
            "/v1/calls/c1/transfer",
            "/v1/calls/start",
            "/v1/calls/",
            "/v1/calls//start",
            "/v1/calls/c1/",
        ):
            assert (await got(live.client.post(path, json={}), 404))["code"] == "not_found", path
        await got(live.client.post("/v1/calls", json={}), 404)
        await got(live.client.get("/nothing"), 404)
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
            for path in ("/v1/calls/c1/start", BATCH):
                answer = await live.client.request(method, path)
                assert (await got(_ready(answer), 405))["code"] == "method_not_allowed"
                assert answer.headers["allow"] == "POST"

    told(story, sqlite_database)


def test_more_seconds_than_a_call_can_have_are_absurd(sqlite_database: str) -> None:
    async def story(live: Live) -> None:
        await got(live.ask("start"))
        before = live.written()
        for seconds in (86_401, MAX_SECONDS):
            assert (await got(live.ask("extend", used_seconds=seconds), 422))["code"] == "absurd"
            assert (await got(live.ask("end", duration_seconds=seconds), 422))["code"] == "absurd"
        assert live.written() == before
        assert (await got(live.ask("end", duration_seconds=86_400)))["billed_seconds"] == 86_400

    told(story, sqlite_database)


def test_bodies_that_are_too_large(sqlite_database: str) -> None:
    async def story(live: Live) -> None:
        largest = b'{"tenant": "contoso", "sequence": 1}'.ljust(MAX_BODY)
        assert (await got(live.client.post("/v1/calls/c1/cancel", content=largest), 404))[
            "code"
        ] == "unknown_call"
        for path, size in (("/v1/calls/c1/cancel", MAX_BODY + 1), (BATCH, MAX_BATCH_BODY + 1)):
            answer = await live.client.post(path, content=b" " * size)
            assert (await got(_ready(answer), 413))["code"] == "too_large"
            assert answer.headers["connection"] == "close"

    told(story, sqlite_database)


async def _dawdles() -> dict[str, Any]:
    await asyncio.Event().wait()
    raise AssertionError("nobody sets this event")


async def _gone() -> dict[str, Any]:
    return {"type": "http.disconnect"}


@pytest.mark.parametrize(
    ("receive", "code"), [(_dawdles, "too_slow"), (_gone, "gone")], ids=["too_slow", "gone"]
)
def test_a_body_that_does_not_arrive_is_given_up(
    sqlite_database: str, receive: Callable[[], Any], code: str
) -> None:
    async def story(live: Live) -> None:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/calls/c1/start",
            "headers": [(b"authorization", f"Bearer {live.key}".encode())],
        }
        asked = asyncio.ensure_future(live.app(scope, receive, send))
        while not asked.done():
            await asyncio.sleep(0)
            live.routes.drop_slow()
        await asked
        assert sent[0]["status"] == 408
        assert code.encode() in sent[1]["body"]

    told(story, sqlite_database, body_timeout_s=-1)


# --- batches --------------------------------------------------------------------------------------------


def test_a_batch_keeps_its_order_and_each_item_stands_alone(database: str) -> None:
    async def story(live: Live) -> None:
        answers = await live.batch(
            item("start", "a"),
            {"op": "start", "call_id": "b"},
            item("extend", "a"),
            item("end", "nobody"),
            "nonsense",
            item("end", "a", duration_seconds=86_401),
            item("end", "a"),
            item("start", "a", sequence=3),
            item("cancel", "a", sequence=4),
            {"op": "transfer", "call_id": "a", "tenant": "contoso", "sequence": 9},
            item("start", "d", user="ana\0@contoso.example"),
            item("start", "c", callee=SEATTLE),
        )
        shown = [
            (each["status"], each.get("code") or each.get("decision"), each.get("call_id"))
            for each in answers
        ]
        assert shown == [
            (200, "allow", "a"),
            (400, "malformed", None),
            (200, "allow", "a"),
            (404, "unknown_call", None),
            (400, "malformed", None),
            (422, "absurd", None),
            (200, None, "a"),
            (200, "deny", "a"),
            (409, "conflict", None),
            (400, "malformed", None),
            (400, "malformed", None),
            (200, "allow", "c"),
        ]
        assert answers[6]["amount"] == "0.012"

    told(story, database)


def test_a_batch_tells_each_status_once(sqlite_database: str) -> None:
    async def story(live: Live) -> None:
        answer = await live.client.post(BATCH, json=[item("start"), item("end", "nobody"), 1])
        assert answer.text.count('"status"') == 3
        assert (await live.client.post(BATCH, json=[])).json() == []

    told(story, sqlite_database)


def test_a_batch_is_what_single_requests_are(sqlite_database: str, tmp_path: Any) -> None:
    from tests.databases import fresh_sqlite

    calls: list[tuple[str, dict[str, Any]]] = [
        ("start", {}),
        ("extend", {"used_seconds": 100}),
        ("extend", {}),
        ("end", {"sequence": 5}),
    ]
    alone: list[Any] = []
    together: list[Any] = []

    async def one_by_one(live: Live) -> None:
        for op, fields in calls:
            answer = await live.ask(op, **fields)
            alone.append({"status": answer.status_code, **answer.json()})

    async def at_once(live: Live) -> None:
        together.extend(await live.batch(*[item(op, **fields) for op, fields in calls]))

    told(one_by_one, sqlite_database)
    told(at_once, fresh_sqlite(tmp_path))
    assert together == alone


def test_the_longest_batch_and_one_more(sqlite_database: str) -> None:
    async def story(live: Live) -> None:
        items: list[Any] = [item("cancel", f"n{number}") for number in range(MAX_ITEMS)]
        answers = await live.batch(*items)
        assert {each["status"] for each in answers} == {404}
        assert len(answers) == MAX_ITEMS
        problem = await got(live.client.post(BATCH, json=[*items, item("cancel", "x")]), 413)
        assert problem["code"] == "too_large"
        many = b"[" + b"0," * 2_000_000 + b"0]"
        assert (await got(live.client.post(BATCH, content=many), 413))["code"] == "too_large"

    told(story, sqlite_database)


@pytest.mark.parametrize("text", [b"", b"{}", b"[", b"[1", b'[{"op": "start"}', b"[" * 100_000, b"[\xff]"])
def test_what_is_no_batch(sqlite_database: str, text: bytes) -> None:
    async def story(live: Live) -> None:
        answer = await live.client.post(BATCH, content=text)
        if answer.status_code == 200:  # a list whose only item is no JSON
            assert [each["status"] for each in answer.json()] == [400]
        else:
            assert (await got(_ready(answer), 400))["code"] == "malformed"

    told(story, sqlite_database, funded=False)


# --- names of calls -------------------------------------------------------------------------------------

NAMES = [
    "c1",
    "a b",
    "a/b/c",
    "start",
    "a/start",
    "%41",
    "100%",
    "a?b#c",
    "ü-名-🎧",
    "..",
    "x" * MAX_CALL_ID,
    "名" * MAX_CALL_ID,
    "sip:a@b;tag=1;x=<y>",
    'quote"back\\slash',
]


def test_calls_may_have_any_name(database: str) -> None:
    async def story(live: Live) -> None:
        for name in NAMES:
            path = f"/v1/calls/{quote(name, safe='')}"
            if name == "..":  # a client would take it for the parent folder
                continue
            allowed = await got(live.client.post(f"{path}/start", json=body("start")))
            assert allowed["call_id"] == name
            settled = await got(live.client.post(f"{path}/end", json=body("end")))
            assert settled["call_id"] == name
            (again,) = await live.batch(item("end", name))
            assert again == {"status": 200, **settled}

    told(story, database)


def test_names_that_calls_may_not_have(database: str) -> None:
    async def story(live: Live) -> None:
        for raw in ("x" * (MAX_CALL_ID + 1), quote("名" * (MAX_CALL_ID + 1)), "a%00b", "%FF", "%ED%A0%80"):
            problem = await got(live.client.post(f"/v1/calls/{raw}/start", json=body("start")), 400)
            assert problem["code"] == "malformed"
        long = "x" * (MAX_CALL_ID + 1)
        assert [each["status"] for each in await live.batch(item("start", long), item("start", ""))] == [
            400,
            400,
        ]

    told(story, database)


def test_ana_has_one_more_name_in_capitals(sqlite_database: str) -> None:
    async def story(live: Live) -> None:
        assert (await got(live.ask("start", user=ANA.upper())))["decision"] == "allow"

    told(story, sqlite_database)


def test_what_the_routes_take() -> None:
    assert LiveRoutes.takes(BATCH)
    assert LiveRoutes.takes("/v1/calls/c1/start")
    assert not LiveRoutes.takes("/v1/calls")
    assert not LiveRoutes.takes("/v1/tenants/contoso/calls")
