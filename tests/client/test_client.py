"""The client against the real application, and against a service that is away, full or odd."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
import uvicorn

from talktime.client import (
    Allowed,
    AsyncClient,
    Cancel,
    Cancelled,
    Client,
    Denied,
    End,
    Extend,
    Problem,
    ProblemError,
    Retry,
    Settled,
    Start,
    UnavailableError,
    UnchargedError,
)
from talktime.client.retry import Attempts, retry_after_s
from tests.client.live_app import ANA, LONDON, TENANT, lifespan, made_app
from tests.doors.terminal import SOURCES

QUICK = Retry(limit_s=2.0, first_wait_s=0.001, longest_wait_s=0.01, try_s=1.0)
NO_TIME = Retry(limit_s=0.02, first_wait_s=0.005, longest_wait_s=0.01, try_s=0.01)
ALLOW = {
    "call_id": "c1",
    "decision": "allow",
    "granted_seconds": 600,
    "authorised_seconds": 600,
    "final": False,
    "valid_until": "2026-03-01T12:10:00Z",
    "category": "calling_plan_international",
    "reserved": {"pool_seconds": 0, "credits": "0.3"},
}
DENY = {"call_id": "c1", "decision": "deny", "reason": "no_credit", "retry": True, "detail": "too little"}
SETTLED = {
    "call_id": "c1",
    "billed_seconds": 60,
    "pool_seconds": 0,
    "paid_seconds": 60,
    "amount": "0.03",
    "currency": "USD",
    "funding": [{"source": "credits", "id": "1", "amount": "0.03"}],
    "balance": "9.97",
    "available": "9.97",
}


def test_it_imports_nothing_else_of_talktime() -> None:
    program = (
        "import sys, talktime.client; "
        "print(sorted(name for name in sys.modules if name.split('.')[:1] == ['talktime'] "
        "and name.split('.')[1:2] not in ([], ['client'])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "[]\n"


# --- the real application ----------------------------------------------------------------------------


async def furnish(client: AsyncClient) -> None:
    deck = await client.add_sample_deck()
    assert (deck.sample, deck.currency, deck.added) == (True, "USD", True)
    assert (await client.add_sample_deck()).added is False
    await client.bind_deck(deck.version)
    await client.make_tenant(TENANT)
    bought = await client.fund("contoso", Decimal(100), "USD", reference="invoice 1")
    assert (bought.amount, bought.repeated) == (Decimal(100), False)
    assert (await client.fund("contoso", Decimal(100), "USD", reference="invoice 1")).repeated


def test_a_call_from_start_to_end_in_process(tmp_path: Path) -> None:
    async def story() -> None:
        app, key = made_app(tmp_path)
        transport = httpx.ASGITransport(app)
        async with (
            lifespan(app),
            AsyncClient("http://talktime.test", key, transport=transport) as client,
        ):
            await furnish(client)
            call = client.call("a/call ü", tenant="contoso")
            allowed = await call.start(call_type="user_out", user=ANA, callee=LONDON)
            assert isinstance(allowed, Allowed)
            assert allowed.rate is not None
            assert allowed.rate.price_per_minute > 0
            assert allowed.valid_until is not None
            assert allowed.valid_until.tzinfo is not None
            assert (allowed.granted_seconds, allowed.final, allowed.is_assumed) == (600, False, False)
            held = await client.credits("contoso")
            assert held.reserved == allowed.reserved.credits == held.balance - held.available > 0
            more = await call.extend(590, 300)
            assert isinstance(more, Allowed)
            assert (more.granted_seconds, more.authorised_seconds) == (300, 890)
            settled = await call.end(600)
            assert settled.amount == allowed.rate.price_per_minute * 10
            assert settled.funding[0].amount == settled.amount
            assert settled.balance == Decimal(100) - settled.amount == settled.available
            assert await client.end("a/call ü", 600, tenant="contoso", sequence=2) == settled
            with pytest.raises(ProblemError) as raised:
                await client.end("a/call ü", 601, tenant="contoso", sequence=2)
            assert (raised.value.status, raised.value.code) == (409, "conflict")
            other = client.call("c2", tenant="contoso")
            assert isinstance(await other.start(call_type="user_out", user=ANA, callee=LONDON), Allowed)
            assert await other.cancel() == Cancelled("c2", "cancelled")
            denied = await client.start("c3", tenant="contoso", call_type="user_out", user="nobody@x.example")
            assert isinstance(denied, Denied)
            assert (denied.reason, denied.retry) == ("unknown_user", False)

    asyncio.run(story())


def test_a_batch_answers_in_order_in_process(tmp_path: Path) -> None:
    common: dict[str, Any] = {"tenant": "contoso", "call_id": "b1"}

    async def story() -> list[object]:
        app, key = made_app(tmp_path)
        transport = httpx.ASGITransport(app)
        async with (
            lifespan(app),
            AsyncClient("http://talktime.test", key, transport=transport) as client,
        ):
            await furnish(client)
            return list(
                await client.batch(
                    [
                        Start(sequence=0, call_type="user_out", user=ANA, callee=LONDON, **common),
                        Extend(sequence=1, used_seconds=60, **common),
                        End(sequence=2, duration_seconds=61, **common),
                        Cancel(call_id="none", tenant="contoso", sequence=0),
                        Start(call_id="b2", tenant="other", sequence=0, call_type="user_out"),
                    ]
                )
            )

    started, extended, ended, cancelled, other = asyncio.run(story())
    assert isinstance(started, Allowed)
    assert isinstance(extended, Allowed)
    assert isinstance(ended, Settled)
    assert ended.billed_seconds == 120
    assert isinstance(cancelled, Problem)
    assert (cancelled.status, cancelled.code, cancelled.is_temporary) == (404, "unknown_call", False)
    assert isinstance(other, Denied)
    assert other.reason == "unknown_tenant"


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The application on a real socket."""
    config = uvicorn.Config(app, port=0, log_level="warning", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until_s = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < until_s
            assert thread.is_alive()
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)


def test_over_a_real_socket(tmp_path: Path) -> None:
    app, key = made_app(tmp_path)
    with served(app) as url, Client(url, key) as client:
        deck = client.add_sample_deck()
        client.bind_deck(deck.version, valid_from=datetime(2020, 1, 1, tzinfo=UTC))
        client.make_tenant(TENANT)
        client.fund("contoso", Decimal("62.50"), "USD", reference="r")
        call = client.call("c1", tenant="contoso")
        assert isinstance(call.start(call_type="user_out", user=ANA, callee=LONDON), Allowed)
        assert isinstance(call.extend(30), Allowed)
        settled = call.end(45)
        assert settled.billed_seconds == 60
        assert client.credits("contoso").balance == Decimal("62.50") - settled.amount
        client.bind_deck(deck.version, tenant="contoso")
        with pytest.raises(ProblemError) as raised:
            client.add_deck("prefix,price_per_minute\n44,dear\n", name="bad")
        assert raised.value.code == "unusable_deck"
        answers = client.batch([Start(call_id="c2", tenant="contoso", sequence=0, call_type="user_in")])
        assert isinstance(answers[0], Allowed)


# --- a service that is away, full, or odd ----------------------------------------------------------


class Service:
    """Plays a list of answers: (status, body, headers), or an exception; keeps what was sent."""

    def __init__(self, *answers: tuple[int, Any] | tuple[int, Any, dict[str, str]] | type[Exception]) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append((request.url.path.rpartition("/")[2], json.loads(request.content or b"{}")))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, type):
            raise answer("not to be reached")
        status, body, headers = answer if len(answer) == 3 else (*answer, {})
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.Response(status, content=content, headers=headers)

    def client(self, retry: Retry = QUICK, **more: Any) -> Client:
        return Client("http://t.test", "tt_k", retry=retry, transport=httpx.MockTransport(self), **more)


FULL = (503, {"status": 503, "code": "queue_full", "detail": "come again"}, {"Retry-After": "0"})


def test_the_same_request_is_sent_until_it_is_answered() -> None:
    service = Service(FULL, httpx.ConnectError, httpx.ReadTimeout, (502, b"<html>"), (200, ALLOW))
    answer = service.client().start("c1", tenant="t", sequence=3, call_type="user_out", user=ANA)
    assert isinstance(answer, Allowed)
    assert not answer.is_assumed
    assert len(service.sent) == 5
    assert {json.dumps(each) for each in service.sent} == {json.dumps(service.sent[0])}
    assert service.sent[0][1] == {"tenant": "t", "sequence": 3, "call_type": "user_out", "user": ANA}


def test_the_async_client_sends_again_too() -> None:
    service = Service(FULL, httpx.ConnectError, (200, SETTLED))

    async def story() -> Settled:
        transport = httpx.MockTransport(service)
        async with AsyncClient("http://t.test", "k", retry=QUICK, transport=transport) as client:
            return await client.end("c1", 60, tenant="t", sequence=1)

    assert asyncio.run(story()).amount == Decimal("0.03")
    assert len(service.sent) == 3


def test_what_the_service_asks_for_is_waited() -> None:
    full = (503, {"status": 503, "code": "queue_full", "detail": "come again"}, {"Retry-After": "1"})
    service = Service(full, (200, ALLOW))
    began_s = time.monotonic()
    assert isinstance(service.client().start("c1", tenant="t", call_type="user_out"), Allowed)
    assert time.monotonic() - began_s >= 1


def test_retry_after_is_a_number_or_a_date() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=100)
    assert retry_after_s("7") == 7
    assert 90 < retry_after_s(soon.strftime("%a, %d %b %Y %H:%M:%S GMT")) <= 100
    assert [retry_after_s(text) for text in ("", "soon", "-1", "²")] == [0, 0, 0, 0]


def test_waits_grow_and_end_with_the_time() -> None:
    attempts = Attempts(Retry(limit_s=10, first_wait_s=1, longest_wait_s=4, try_s=2), 100.0, Random(1))
    waits = [attempts.wait_s(100.0, 0) for _ in range(4)]
    for wait_s, most_s in zip(waits, (1, 2, 4, 4), strict=True):
        assert wait_s is not None
        assert most_s / 2 <= wait_s <= most_s
    assert attempts.wait_s(100.0, 9) == 9
    assert attempts.wait_s(100.0, 11) is None
    assert attempts.wait_s(109.9, 0) is None
    assert (attempts.timeout_s(100.0), attempts.timeout_s(109.5)) == (2, 0.5)
    assert attempts.timeout_s(111.0) > 0


@pytest.mark.parametrize("away", [httpx.ConnectError, FULL])
def test_an_open_policy_lets_the_call_go_on(away: Any) -> None:
    client = Service(away).client(NO_TIME, on_unavailable="open")
    answer = client.start("c1", tenant="t", call_type="user_out")
    assert isinstance(answer, Allowed)
    assert (answer.granted_seconds, answer.authorised_seconds, answer.is_assumed) == (600, 600, True)
    more = client.extend("c1", 590, tenant="t", sequence=1)
    assert isinstance(more, Allowed)
    assert (more.granted_seconds, more.authorised_seconds, more.is_assumed) == (600, 1190, True)


def test_a_closed_policy_denies() -> None:
    client = Service(httpx.ConnectError).client(NO_TIME)
    for answer in (
        client.start("c1", tenant="t", call_type="user_out"),
        client.extend("c1", 590, tenant="t", sequence=1),
    ):
        assert isinstance(answer, Denied)
        assert (answer.reason, answer.retry, answer.is_assumed) == ("service_away", True, True)


@pytest.mark.parametrize("policy", ["open", "closed"])
def test_an_end_is_never_assumed(policy: str) -> None:
    client = Service(httpx.ConnectError).client(NO_TIME, on_unavailable=policy)
    for ask in (
        lambda: client.end("c1", 60, tenant="t", sequence=1),
        lambda: client.cancel("c1", tenant="t", sequence=1),
        lambda: client.batch([]),
        lambda: client.credits("t"),
    ):
        with pytest.raises(UnavailableError):
            ask()


def test_a_tenant_is_not_made_twice() -> None:
    service = Service(httpx.ReadTimeout)
    with pytest.raises(UnavailableError):
        service.client().make_tenant(TENANT)
    assert len(service.sent) == 1


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, {"status": 401, "code": "unauthorized", "detail": "send a key"}, "unauthorized"),
        (400, {"status": 400, "code": "malformed", "detail": "no", "pointer": "/user"}, "malformed"),
        (418, b"<h1>Teapot</h1>", "http_418"),
        (200, b"<h1>Welcome</h1>", "not_understood"),
        (200, {"decision": "perhaps"}, "not_understood"),
    ],
)
def test_problems_are_raised_and_not_tried_again(status: int, body: Any, code: str) -> None:
    service = Service((status, body))
    with pytest.raises(ProblemError) as raised:
        service.client(on_unavailable="open").start("c1", tenant="t", call_type="user_out")
    assert (raised.value.status, raised.value.code) == (status, code)
    assert raised.value.pointer == (body.get("pointer", "") if isinstance(body, dict) else "")
    assert len(service.sent) == 1


def test_an_end_that_comes_days_late_is_a_problem() -> None:
    late: dict[str, Any] = {"status": 409, "code": "duplicate_call", "detail": "used already"}
    service = Service((409, late), (200, [late]))
    client = service.client()
    with pytest.raises(ProblemError) as raised:
        client.end("c1", 60, tenant="t", sequence=1)
    assert (raised.value.status, raised.value.code) == (409, "duplicate_call")
    (answer,) = client.batch([End(call_id="c1", tenant="t", sequence=1, duration_seconds=60)])
    assert answer == Problem(409, "duplicate_call", late["detail"])


def test_an_instant_without_a_time_zone_is_refused() -> None:
    client = Service((200, ALLOW)).client()
    naive = datetime(2026, 3, 1)  # noqa: DTZ001 - the fault under test
    with pytest.raises(ValueError, match="no time zone"):
        client.start("c1", tenant="t", call_type="user_out", started_at=naive)


def test_instants_are_sent_in_utc() -> None:
    service = Service((200, SETTLED))
    answered = datetime.fromisoformat("2026-03-01T12:00:00+05:00")
    service.client().end("c1", 60, tenant="t", sequence=1, answered_at=answered)
    assert service.sent[0][1]["answered_at"] == "2026-03-01T07:00:00Z"


def test_a_fund_needs_a_reference() -> None:
    with pytest.raises(ValueError, match="reference"):
        Service((201, {})).client().fund("t", Decimal(1), "USD", reference="")


# --- a call that keeps its sequence ------------------------------------------------------------------


def sequences(service: Service) -> list[tuple[str, int]]:
    return [(op, body["sequence"]) for op, body in service.sent]


def test_sequences_rise() -> None:
    service = Service((200, ALLOW), (200, ALLOW), (200, DENY), (200, SETTLED))
    call = service.client().call("c1", tenant="t")
    call.start(call_type="user_out")
    call.extend(100)
    assert isinstance(call.extend(200), Denied)
    call.end(300)
    assert sequences(service) == [("start", 0), ("extend", 1), ("extend", 2), ("end", 3)]


def test_a_call_is_taken_up_again_with_its_sequence() -> None:
    service = Service((200, SETTLED))
    service.client().call("c1", tenant="t", sequence=7).end(60)
    assert sequences(service) == [("end", 7)]


def test_an_end_without_an_answer_keeps_its_sequence() -> None:
    service = Service((200, ALLOW), *[httpx.ConnectError] * 3)
    call = service.client(NO_TIME).call("c1", tenant="t")
    call.start(call_type="user_out")
    with pytest.raises(UnavailableError):
        call.end(60)
    service.answers = [(200, SETTLED)]
    assert call.end(60).billed_seconds == 60
    assert set(sequences(service)[1:]) == {("end", 1)}
    assert len({json.dumps(body) for op, body in service.sent if op == "end"}) == 1


def test_other_words_after_no_answer_are_another_request() -> None:
    service = Service((200, ALLOW), *[httpx.ConnectError] * 3)
    call = service.client(NO_TIME).call("c1", tenant="t")
    call.start(call_type="user_out")
    with pytest.raises(UnavailableError):
        call.end(60)
    service.answers = [(200, SETTLED)]
    call.end(61)
    assert sequences(service)[-1] == ("end", 2)


def test_a_start_that_a_closed_policy_denied_may_be_asked_again() -> None:
    service = Service(httpx.ConnectError)
    call = service.client(NO_TIME).call("c1", tenant="t")
    assert isinstance(call.start(call_type="user_out"), Denied)
    service.answers = [(200, ALLOW)]
    assert isinstance(call.start(call_type="user_out"), Allowed)
    assert len({json.dumps(body) for _, body in service.sent}) == 1


def assumed_call(**more: Any) -> tuple[Service, Any]:
    service = Service(httpx.ConnectError)
    call = service.client(NO_TIME, on_unavailable="open", **more).call("c1", tenant="t")
    assert call.start(call_type="user_out").is_assumed
    del service.sent[1:]
    return service, call


def test_an_assumed_start_is_made_up_for_before_the_end() -> None:
    service, call = assumed_call()
    service.answers = [(200, ALLOW), (200, SETTLED)]
    assert call.end(60).billed_seconds == 60
    assert sequences(service) == [("start", 0), ("start", 0), ("end", 1)]
    assert service.sent[0] == service.sent[1]


def test_an_assumed_start_is_made_up_for_before_an_extend() -> None:
    service, call = assumed_call()
    service.answers = [(200, ALLOW), (200, ALLOW), (200, SETTLED)]
    assert not call.extend(590).is_assumed
    call.end(600)
    assert sequences(service) == [("start", 0), ("start", 0), ("extend", 1), ("end", 2)]


def test_while_the_service_stays_away_the_call_goes_on() -> None:
    service, call = assumed_call()
    more = call.extend(590)
    assert (more.is_assumed, more.granted_seconds, more.authorised_seconds) == (True, 600, 1190)
    with pytest.raises(UnavailableError):
        call.end(600)
    service.answers = [(200, ALLOW), (200, SETTLED)]
    assert call.end(600).billed_seconds == 60
    assert sequences(service)[-2:] == [("start", 0), ("end", 2)]


def test_a_call_that_is_refused_afterwards_is_told() -> None:
    service, call = assumed_call()
    service.answers = [(200, DENY)]
    assert isinstance(call.extend(590), Denied)
    with pytest.raises(UnchargedError) as raised:
        call.end(600)
    assert raised.value.denied.reason == "no_credit"


@pytest.mark.parametrize("answer", [(404, {"status": 404, "code": "unknown_call", "detail": "no"}), None])
def test_a_cancel_after_an_assumed_start(answer: Any) -> None:
    service, call = assumed_call()
    service.answers = [answer or (200, {"call_id": "c1", "state": "cancelled"})]
    assert call.cancel() == Cancelled("c1", "cancelled")


def test_the_async_call_makes_up_too() -> None:
    service = Service(httpx.ConnectError)

    async def story() -> None:
        transport = httpx.MockTransport(service)
        async with AsyncClient(
            "http://t.test", "k", retry=NO_TIME, transport=transport, on_unavailable="open"
        ) as client:
            call = client.call("c1", tenant="t")
            assert (await call.start(call_type="user_out")).call_id == call.call_id
            more = await call.extend(590)
            assert isinstance(more, Allowed)
            assert more.is_assumed
            with pytest.raises(UnavailableError):
                await call.end(600)
            service.answers = [(200, DENY)]
            with pytest.raises(UnchargedError):
                await call.end(600)
            service.answers = [(404, {"status": 404, "code": "unknown_call", "detail": "no"})]
            assert (await call.cancel()).state == "cancelled"
            with pytest.raises(ProblemError):
                await client.cancel("c1", tenant="t", sequence=9)
            service.answers = [(200, [])]
            assert await client.batch([]) == []

    asyncio.run(story())
