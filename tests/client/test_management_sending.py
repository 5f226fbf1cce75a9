"""What is sent again and what is not, how lists and waits go on, and what a later service may add."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, assert_type

import httpx
import pytest

from talktime.client import (
    AsyncManagement,
    AsyncPages,
    Management,
    Pages,
    ProblemError,
    Retry,
    Seen,
    UnavailableError,
)
from talktime.client.management.answers_calls import Export, UsageRow
from talktime.client.management.answers_money import Adjusted, Payment, Recharge
from talktime.client.management.answers_people import Approval
from talktime.client.management.tables import UserTable
from talktime.client.management.tenant import Tenant
from talktime.client.sending import AsyncSender, Sender

QUICK = Retry(limit_s=5.0, first_wait_s=0.001, longest_wait_s=0.001, try_s=1.0)
NO_TIME = Retry(limit_s=0.02, first_wait_s=0.005, longest_wait_s=0.01, try_s=0.01)

FUNDED = {"lot": 1, "amount": "20", "currency": "USD", "repeated": False}
ON_BEHALF = {**FUNDED, "balance": "20", "available": "20"}
USER = {"upn": "ana@contoso.example", "shoe_size": 38}
EXPORT: dict[str, Any] = {
    "id": "e1",
    "kind": "usage",
    "format": "csv",
    "from": None,
    "until": "2026-03-01T00:00:00Z",
    "with_names": False,
    "user": "",
    "call_type": "",
    "category": "",
    "country": "",
    "asked_by": "ana",
    "asked_at": "2026-03-01T00:00:00Z",
    "state": "waiting",
    "done_at": None,
    "expires_at": None,
    "rows": None,
    "bytes": None,
    "error": "",
    "file": None,
}

Answer = httpx.Response | Exception


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    content = {"type": "about:blank", "title": "x", "status": status, "detail": "no", "code": code}
    return httpx.Response(status, json=content, headers=headers)


def full() -> httpx.Response:
    return problem(503, "queue_full", **{"Retry-After": "0"})


class Service:
    """Gives its answers in order, the last one for ever, and keeps what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.asked: list[httpx.Request] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, content=answer.content, headers=answer.headers)

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.answer)

    def tenant(self, retry: Retry = QUICK) -> Tenant[Sender]:
        return Management("http://talktime.test", "key", retry=retry, transport=self.transport).tenant(
            "contoso"
        )

    @property
    def keys(self) -> list[str]:
        return [request.headers.get("idempotency-key", "") for request in self.asked]


DEAD = httpx.ReadError("the connection is dead")
CLOSED = httpx.ConnectError("nobody listens")
Asks = Callable[[Tenant[Sender]], object]


# --- sent again or not -----------------------------------------------------------------------------------


@pytest.mark.parametrize("away", [DEAD, CLOSED, full(), problem(502, "http_502")], ids=repr)
@pytest.mark.parametrize(
    "asks",
    [
        lambda tenant: tenant.credits.fund_on_behalf("20", "USD"),
        lambda tenant: tenant.credits.fund_on_behalf("20", "USD", key="order-17"),
        lambda tenant: tenant.users.put("ana", {"upn": "ana@contoso.example"}),
        lambda tenant: tenant.users.get("ana"),
    ],
    ids=["a key is made", "a key is given", "put without a condition", "read"],
)
def test_what_can_be_done_once_only_is_sent_again_as_it_was(asks: Asks, away: Answer) -> None:
    service = Service(away, away, httpx.Response(200, json=ON_BEHALF | USER))
    asks(service.tenant())
    assert len(service.asked) == 3
    assert len({(request.content, str(request.url)) for request in service.asked}) == 1
    assert len(set(service.keys)) == 1
    assert bool(service.keys[0]) is (service.asked[0].method == "POST")


UNSAFE: list[Asks] = [
    lambda tenant: tenant.webhooks.make("https://hooks.example.com/"),
    lambda tenant: tenant.tickets.open(subject="Help"),
    lambda tenant: tenant.users.remove("ana"),
    lambda tenant: tenant.users.put("ana", {"upn": "ana"}, if_match='"1"'),
    lambda tenant: tenant.users.import_csv("upn\n"),
    lambda tenant: tenant.status.put("suspended", "unpaid"),
    lambda tenant: tenant.approvals.approve("A-1"),
]
UNSAFE_NAMES = ["webhook", "ticket", "removal", "put on a condition", "import", "status", "approval"]


@pytest.mark.parametrize("away", [DEAD, full()], ids=repr)
@pytest.mark.parametrize("asks", UNSAFE, ids=UNSAFE_NAMES)
def test_what_could_be_done_twice_is_sent_once(asks: Asks, away: Answer) -> None:
    service = Service(away)
    with pytest.raises(UnavailableError) as raised:
        asks(service.tenant())
    assert (len(service.asked), raised.value.key) == (1, "")


@pytest.mark.parametrize("asks", UNSAFE[:3], ids=UNSAFE_NAMES[:3])
def test_what_reached_nobody_is_sent_again(asks: Asks) -> None:
    service = Service(CLOSED, CLOSED, problem(404, "unknown_tenant"))
    with pytest.raises(ProblemError):
        asks(service.tenant())
    assert len(service.asked) == 3


def test_two_purchases_have_two_keys() -> None:
    service = Service(httpx.Response(200, json=ON_BEHALF))
    for _ in range(2):
        service.tenant().credits.fund_on_behalf("20", "USD")
    first, second = service.keys
    assert first != second
    assert len(first) >= 32


def test_who_gives_up_learns_the_key_to_ask_again_with() -> None:
    service = Service(DEAD)
    with pytest.raises(UnavailableError) as raised:
        service.tenant(NO_TIME).credits.fund_on_behalf("20", "USD")
    assert {raised.value.key} == set(service.keys)
    assert raised.value.key


def test_what_waiting_does_not_mend_is_told_at_once() -> None:
    service = Service(problem(503, "no_exports", **{"Retry-After": "1"}))
    with pytest.raises(ProblemError, match="no_exports"):
        service.tenant().exports.get("e1")
    assert len(service.asked) == 1


def test_a_problem_is_raised_with_all_that_it_says() -> None:
    answer = httpx.Response(
        422,
        headers={"Location": "/v1/tenants/contoso/payments/P-1"},
        json={
            "status": 422,
            "code": "invalid",
            "detail": "low: is wrong",
            "pointer": "/low",
            "faults": ["low: is wrong", "runway_days: is, too"],
            "a_later_member": 1,
        },
    )
    with pytest.raises(ProblemError) as raised:
        Service(answer).tenant().alerts.put({"low": ["x"]})
    told = raised.value
    assert (told.status, told.code, told.detail, told.pointer) == (422, "invalid", "low: is wrong", "/low")
    assert told.faults == ("low: is wrong", "runway_days: is, too")
    assert told.location == "/v1/tenants/contoso/payments/P-1"


def test_an_answer_that_is_none_of_talktime_is_a_problem() -> None:
    with pytest.raises(ProblemError, match="not_understood"):
        Service(httpx.Response(200, json={"next": None})).tenant().webhooks.all()
    with pytest.raises(ProblemError, match="not_understood"):
        Service(httpx.Response(200, text="<html>")).tenant().users.get("ana")


# --- addresses, amounts, conditions ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("ana@contoso.example", b"/v1/tenants/contoso/users/ana%40contoso.example"),
        ("a/b?c#d e", b"/v1/tenants/contoso/users/a%2Fb%3Fc%23d%20e"),
        ("{tenant}", b"/v1/tenants/contoso/users/%7Btenant%7D"),
        ("..%2F", b"/v1/tenants/contoso/users/..%252F"),
    ],
)
def test_a_name_stays_one_part_of_the_address(name: str, path: bytes) -> None:
    service = Service(httpx.Response(200, json=USER))
    service.tenant().users.get(name)
    assert service.asked[0].url.raw_path == path


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_is_none_is_not_sent(name: str) -> None:
    service = Service(httpx.Response(204))
    with pytest.raises(ValueError, match="names nothing"):
        service.tenant().users.remove(name)
    with pytest.raises(ValueError, match="names nothing"):
        Management("http://talktime.test", "key", transport=service.transport).tenant(name).get()
    assert service.asked == []


@pytest.mark.parametrize(
    ("amount", "sent"),
    [("200", "200"), (Decimal(200), "200"), (Decimal("2E+2"), "200"), (Decimal("0.000001"), "0.000001")],
    ids=["text", "whole", "with an exponent", "a micro"],
)
def test_amounts_are_sent_as_text_without_an_exponent(amount: Decimal | str, sent: str) -> None:
    service = Service(httpx.Response(200, json=ON_BEHALF))
    service.tenant().credits.fund_on_behalf(amount, "USD")
    assert service.asked[0].content == b'{"amount":"%s","currency":"USD"}' % sent.encode()


def test_instants_are_sent_in_utc_and_those_without_a_zone_are_refused() -> None:
    service = Service(httpx.Response(200, json={"usage": [], "next": None}))
    tenant = service.tenant()
    tenant.usage.pages(since=datetime.fromisoformat("2026-03-01T01:00:00+01:00")).first()
    assert dict(service.asked[0].url.params) == {"from": "2026-03-01T00:00:00Z", "limit": "100"}
    with pytest.raises(ValueError, match="no time zone"):
        tenant.usage.pages(until=datetime.fromisoformat("2026-03-01T01:00:00")).first()
    with pytest.raises(ValueError, match="no time zone"):
        tenant.waivers.grant("not_through_csp", "why", datetime.fromisoformat("2026-03-01T01:00:00"))


def test_what_was_read_is_the_condition_of_a_change_and_keeps_what_a_later_service_added() -> None:
    service = Service(httpx.Response(200, json=USER, headers={"ETag": '"1"'}))
    users = service.tenant().users
    seen = users.get("ana")
    changed: UserTable = {**seen.value, "location": "GB"}
    users.put("ana", changed, if_match=seen)
    read, put = service.asked
    assert "if-match" not in read.headers
    assert put.headers["if-match"] == '"1"'
    assert put.content == b'{"upn":"ana@contoso.example","shoe_size":38,"location":"GB"}'


def test_a_change_on_a_condition_that_nobody_told_is_not_sent() -> None:
    service = Service(httpx.Response(204))
    with pytest.raises(ValueError, match="no ETag"):
        service.tenant().users.remove("ana", if_match=Seen(USER, ""))
    assert service.asked == []


# --- lists and waits -------------------------------------------------------------------------------------


def users(*names: str, after: str | None) -> httpx.Response:
    return httpx.Response(200, json={"users": [{"upn": name} for name in names], "next": after})


PAGES = (users("ana", "bob", after="bob"), users("eva", after="eva"), users(after=None))


def test_a_list_is_asked_for_page_by_page_and_only_as_far_as_it_is_read() -> None:
    service = Service(*PAGES)
    items: Iterator[UserTable] = service.tenant().users.pages(limit=2).items()
    assert service.asked == []
    assert [next(items)["upn"], next(items)["upn"]] == ["ana", "bob"]
    assert len(service.asked) == 1
    assert [user["upn"] for user in items] == ["eva"]
    assert [str(request.url.query, "ascii") for request in service.asked] == [
        "limit=2",
        "limit=2&after=bob",
        "limit=2&after=eva",
    ]


def test_lists_and_waits_are_the_same_with_an_event_loop() -> None:
    done = EXPORT | {"state": "done", "rows": 3}
    service = Service(
        *PAGES[:2], PAGES[2], *(httpx.Response(200, json=each) for each in (EXPORT, EXPORT, done))
    )

    async def story() -> None:
        async with AsyncManagement("http://talktime.test", "key", transport=service.transport) as management:
            tenant = management.tenant("contoso")
            assert [len(page.items) async for page in tenant.users.pages()] == [2, 1, 0]
            export = await tenant.exports.wait("e1", every_s=0)
            assert (export.state, export.rows, export.from_) == ("done", 3, None)

    asyncio.run(story())
    assert len(service.asked) == 6


def test_an_export_is_looked_at_until_it_is_over_or_the_time_is() -> None:
    answers = [
        httpx.Response(200, json=EXPORT | {"state": state}) for state in ("waiting", "running", "failed")
    ]
    service = Service(*answers)
    assert service.tenant().exports.wait("e1", every_s=0).state == "failed"
    assert len(service.asked) == 3
    patient = Service(answers[0])
    with pytest.raises(TimeoutError, match=r"is waiting after 0\.003 s"):
        patient.tenant().exports.wait("e1", limit_s=0.003, every_s=0.001)
    assert len(patient.asked) == 4


async def types_are_visible(tenant: Tenant[Sender], awaited: Tenant[AsyncSender]) -> None:
    """Nobody calls this: the type checker reads it."""
    assert_type(tenant.credits.buy("200", "USD"), Payment)
    assert_type(await awaited.credits.buy("200", "USD"), Payment)
    assert_type(tenant.credits.adjust("1", "why"), Adjusted | Approval)
    assert_type(tenant.usage.pages(), Pages[UsageRow])
    assert_type(awaited.usage.pages(), AsyncPages[UsageRow])
    assert_type(tenant.recharge.get(), Seen[Recharge])
    assert_type(tenant.receipts.pdf("R-1"), bytes)
    assert_type(await awaited.exports.wait("e1"), Export)
    assert_type(tenant.users.remove("ana"), None)
    tenant.credits.buy(200.0, "USD")  # type: ignore[arg-type]
    tenant.credits.buy("200", curency="USD")  # type: ignore[call-arg]
    tenant.recharge.put({"enabled": "yes"})  # type: ignore[typeddict-item]


def test_methods_say_what_they_do() -> None:
    buy = Service(full()).tenant().credits.buy
    assert buy.__name__ == "buy"
    assert str(buy.__doc__).startswith("Buys credits by card")
