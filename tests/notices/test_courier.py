"""From the outbox to people, on both databases: ladders, fairness, replay, two workers, nothing lost."""

import asyncio
import time
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook as Verifier
from werkzeug import Request, Response

from talktime.accounts.tenant import Administrator, Alerts
from talktime.catalog.side import load_roles
from talktime.ledger.deliveries import CHAT, FAILED, MAIL, SENT, WAITING, WEBHOOK
from talktime.notices.again import send_again
from talktime.notices.fan_out import FanOut
from talktime.notices.ladders import DAY_US, LADDERS_S
from tests.databases import database, sqlite_database
from tests.notices.post_office import (
    ANA,
    CONTOSO,
    MINUTE_US,
    NOW_US,
    SECOND_US,
    Ledger,
    free_port,
    hook,
    mail_server,
    mail_settings,
    office,
    people,
    with_people,
)

__all__ = ["database", "sqlite_database"]  # fixtures

BOB = Administrator("bob@contoso.example", "Bob", roles=("billing_administrator",))


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 60))


# --- fan-out ---------------------------------------------------------------------------------------------


def test_a_notice_goes_to_each_of_its_recipients_once(database: str) -> None:
    async def test() -> None:
        with mail_server() as box:
            async with office(database, mail_settings(box.port)) as at:
                at.ledger.add_tenant(with_people(CONTOSO, ANA, BOB))
                at.ledger.notice("contoso", "balance_zero")
                await at.step()
                await at.step(3_600)
                assert sorted(box.addresses) == ["ana@contoso.example", "bob@contoso.example"]
                assert [state for _, state in at.ledger.states()] == [SENT, SENT]
                assert at.ledger.all()[0].sent_us == NOW_US

    run(test())


def test_a_notice_for_nobody_is_kept_and_can_be_sent_once_somebody_holds_a_role(database: str) -> None:
    async def test() -> None:
        with mail_server() as box:
            async with office(database, mail_settings(box.port)) as at:
                at.ledger.add_tenant(with_people(CONTOSO))
                at.ledger.notice("contoso", "balance_zero")
                await at.step()
                ((number, done_us),) = at.ledger.notices()
                assert done_us == NOW_US
                assert at.ledger.deliveries.of_notices("contoso", [number]) == {number: []}
                at.ledger.add_tenant(CONTOSO)
                await at.step()
                assert box.addresses == []
                assert at.ledger.deliveries.replay("contoso", number, at.clock()) == 0
                await at.step()
                assert box.addresses == ["ana@contoso.example"]

    run(test())


def test_webhooks_and_chat_rooms_are_told_too(database: str) -> None:
    async def test() -> None:
        async with office(database) as at:
            rooms = ("slack://aaa/bbb/ccc", "slack://aaa/bbb/ccc", "discord://id/token")
            at.ledger.add_tenant(replace(with_people(CONTOSO), alerts=Alerts(chat=rooms)))
            at.ledger.add_webhook("contoso", hook("https://a.example", "wh_all"))
            at.ledger.add_webhook("contoso", hook("https://b.example", "wh_low", events=("balance_low",)))
            at.ledger.add_webhook("contoso", hook("https://c.example", "wh_off", disabled_us=5))
            at.ledger.notice("contoso", "balance_zero")
            at.worker.fan_out.step(NOW_US)
            told = [(each.channel, each.recipient.partition("#")[0]) for each in at.ledger.all()]
            assert told == [(WEBHOOK, "wh_all"), (CHAT, "slack"), (CHAT, "discord")]
            assert "token" not in str(at.ledger.all())

    run(test())


def test_two_workers_fan_out_each_notice_once(database: str) -> None:
    ledger = Ledger(database)
    ledger.add_tenant(with_people(CONTOSO, *people(3)))
    ledger.notice("contoso", "balance_zero", count=100)

    async def test() -> None:
        with mail_server() as box:
            settings = mail_settings(box.port)
            async with office(database, settings) as one, office(database, settings) as two:
                await asyncio.gather(one.step(), two.step())
                await asyncio.gather(one.step(), two.step())
            assert len(box.taken) == 300
            assert len({made["Message-ID"] for _, made in box.taken}) == 300
        assert [each.state for each in ledger.all()] == [SENT] * 300

    run(test())


# --- ladders ---------------------------------------------------------------------------------------------


def test_mail_climbs_its_ladder_and_fails_for_good(database: str) -> None:
    async def test() -> None:
        async with office(database, mail_settings(free_port())) as at:
            at.ledger.add_tenant(CONTOSO)
            at.ledger.notice("contoso", "balance_zero")
            await at.step()
            for tries, pause_s in enumerate((60, 300, 1_800, 7_200, 21_600, 86_400), 1):
                (kept,) = at.ledger.all()
                assert (kept.state, kept.tries) == (WAITING, tries)
                assert kept.due_us == at.clock() + pause_s * SECOND_US
                assert await at.step(pause_s - 1) == 0
                assert await at.step(1) == 1
            (kept,) = at.ledger.all()
            assert (kept.state, kept.tries) == (FAILED, 7)
            assert "could not be reached" in kept.error
            assert await at.step(10 * 86_400) == 0

    run(test())


def test_a_webhook_climbs_the_ladder_of_standard_webhooks(
    sqlite_database: str, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/h").respond_with_data("no", 500)

    async def test() -> None:
        async with office(sqlite_database) as at:
            at.ledger.add_tenant(with_people(CONTOSO))
            at.ledger.add_webhook("contoso", hook(httpserver.url_for("/h"), failing_since_us=NOW_US))
            at.ledger.notice("contoso", "balance_zero")
            await at.step()
            hours = (7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
            for tries, pause_s in enumerate((5, 300, 1_800, *hours), 1):
                (kept,) = at.ledger.all()
                assert (kept.state, kept.tries, kept.error) == (WAITING, tries, "answered 500")
                assert kept.due_us == at.clock() + pause_s * SECOND_US
                assert await at.step(pause_s) == 1
            assert at.ledger.all()[0].state == FAILED
            assert len(httpserver.log) == 10
            assert len({request.headers["webhook-id"] for request, _ in httpserver.log}) == 1

    run(test())


def test_a_refused_address_fails_at_once_and_holds_up_nobody(database: str) -> None:
    async def test() -> None:
        with mail_server() as box:
            box.answers = {"ana@contoso.example": "550 no such person", "bob@contoso.example": "450 later"}
            async with office(database, mail_settings(box.port)) as at:
                eve = Administrator("not an address", roles=("global_administrator",))
                zoe = Administrator("zoe@contoso.example", roles=("global_administrator",))
                at.ledger.add_tenant(with_people(CONTOSO, ANA, BOB, eve, zoe))
                at.ledger.notice("contoso", "balance_zero")
                await at.step()
                assert at.ledger.states() == [
                    ("ana@contoso.example", FAILED),
                    ("bob@contoso.example", WAITING),
                    ("not an address", FAILED),
                    ("zoe@contoso.example", SENT),
                ]
                assert "550 no such person" in at.ledger.all()[0].error
                box.answers = {}
                await at.step(60)
                assert at.ledger.states()[1] == ("bob@contoso.example", SENT)

    run(test())


def test_a_server_that_comes_back_gets_everything(database: str) -> None:
    port = free_port()

    async def test() -> None:
        async with office(database, mail_settings(port)) as at:
            at.ledger.add_tenant(with_people(CONTOSO, *people(5)))
            at.ledger.notice("contoso", "balance_zero", count=20)
            for _ in range(4):
                await at.step(3)
            tried = sum(each.tries for each in at.ledger.all())
            assert 0 < tried < 20  # the others did not climb their ladders for nothing
            with mail_server(port) as box:
                for _ in range(5):
                    await at.step(100)
                assert len(box.taken) == 100
                assert {each.state for each in at.ledger.all()} == {SENT}

    run(test())


def test_mails_wait_for_a_mail_server_but_not_for_ever(sqlite_database: str) -> None:
    async def test() -> None:
        async with office(sqlite_database) as at:
            at.ledger.add_tenant(CONTOSO)
            at.ledger.notice("contoso", "balance_zero")
            await at.step()
            assert at.ledger.states() == [("ana@contoso.example", WAITING)]
            assert at.ledger.all()[0].tries == 0
        with mail_server() as box:
            async with office(sqlite_database, mail_settings(box.port)) as at:
                at.clock.now_us = NOW_US + 8 * DAY_US
                await at.step()
                assert box.taken == []
                assert at.ledger.states() == [("ana@contoso.example", FAILED)]
                assert at.ledger.deliveries.replay("contoso", 1, at.clock()) == 1
                await at.step()
                assert box.addresses == ["ana@contoso.example"]

    run(test())


# --- replay, repeats -------------------------------------------------------------------------------------


def test_a_replay_has_the_same_ids(database: str, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/h").respond_with_data("", 204)

    async def test() -> None:
        with mail_server() as box:
            async with office(database, mail_settings(box.port)) as at:
                at.ledger.add_tenant(CONTOSO)
                at.ledger.add_webhook("contoso", hook(httpserver.url_for("/h")))
                at.ledger.notice("contoso", "balance_zero")
                await at.step()
                ((number, _),) = at.ledger.notices()
                assert at.ledger.deliveries.replay("contoso", number, at.clock()) == 2
                assert at.ledger.deliveries.replay("contoso", number, at.clock()) == 0  # they wait already
                await at.step()
                assert at.ledger.deliveries.replay("contoso", number, at.clock(), WEBHOOK) == 1
                await at.step()
                first, second = box.taken
                assert first[1]["Message-ID"] == second[1]["Message-ID"]
                ids = [request.headers["webhook-id"] for request, _ in httpserver.log]
                assert len(ids) == 3
                assert len(set(ids)) == 1
                assert at.ledger.deliveries.replay("contoso", number + 1, at.clock()) is None
                assert at.ledger.deliveries.replay("fabrikam", number, at.clock()) is None

    run(test())


def test_who_holds_no_role_any_more_gets_nothing_that_still_waits(database: str) -> None:
    async def test() -> None:
        async with office(database, mail_settings(free_port())) as at:
            at.ledger.add_tenant(with_people(CONTOSO, ANA, BOB, *people(1)))
            at.ledger.notice("contoso", "balance_zero")
            await at.step()
        with mail_server() as box:
            async with office(database, mail_settings(box.port), at.clock) as at:
                reader = replace(people(1)[0], roles=("global_reader",))
                renamed = replace(ANA, upn="ANA@contoso.example", name="Ana Lee")
                at.ledger.add_tenant(with_people(CONTOSO, renamed, reader))
                await at.step(3_600)
                assert [(to, str(made["To"])) for to, made in box.taken] == [
                    ("ana@contoso.example", "Ana Lee <ana@contoso.example>")
                ]
                assert [(each.state, each.error) for each in at.ledger.all()] == [
                    (SENT, ""),
                    (FAILED, "holds no role for this any more"),
                    (FAILED, "holds no role for this any more"),
                ]

    run(test())


def test_a_notice_again_goes_to_who_would_be_told_today(database: str, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/h").respond_with_data("", 204)

    async def test() -> None:
        with mail_server() as box:
            async with office(database, mail_settings(box.port)) as at:
                at.ledger.add_tenant(with_people(CONTOSO, ANA, BOB))
                at.ledger.add_webhook("contoso", hook(httpserver.url_for("/h")))
                at.ledger.notice("contoso", "balance_zero")
                await at.step()
                ((number, _),) = at.ledger.notices()
                sent_us = at.clock()
                new = Administrator("new@contoso.example", roles=("global_administrator",))
                at.ledger.add_tenant(with_people(CONTOSO, replace(ANA, upn="ANA@contoso.example"), new))
                at.ledger.add_webhook(
                    "contoso", hook(httpserver.url_for("/h"), "wh_low", events=("balance_low",))
                )
                at.clock.now_us += 60 * SECOND_US
                assert again(at.ledger, number, at.clock()) == 3
                assert again(at.ledger, number, at.clock()) == 0  # they wait already
                await at.step()
                # Mails of one step go at the same time: which of them arrives first is nobody's promise.
                assert sorted(box.addresses[:2]) == ["ana@contoso.example", "bob@contoso.example"]
                assert sorted(box.addresses[2:]) == ["ana@contoso.example", "new@contoso.example"]
                assert len({made["Message-ID"] for _, made in box.taken}) == 3
                assert len(httpserver.log) == 2
                assert len({request.headers["webhook-id"] for request, _ in httpserver.log}) == 1
                kept = {each.recipient: (each.state, each.sent_us) for each in at.ledger.all()}
                assert kept["bob@contoso.example"] == (SENT, sent_us)
                assert len(kept) == 4
                assert again(at.ledger, number + 1, at.clock()) is None
                assert send_again(at.ledger.url, "fabrikam", number, at.clock()) is None

    run(test())


def test_a_notice_again_that_nobody_was_told_of(database: str) -> None:
    """Also one that is not fanned out yet: nobody gets it twice."""
    ledger = Ledger(database)
    ledger.add_tenant(with_people(CONTOSO))
    ledger.notice("contoso", "balance_zero")
    ((number, _),) = ledger.notices()
    assert again(ledger, number, NOW_US) == 0
    assert ledger.notices() == [(number, NOW_US)]
    ledger.add_tenant(with_people(CONTOSO, *people(2)))
    assert again(ledger, number, NOW_US + 1) == 2
    ledger.notice("contoso", "balance_zero")
    assert again(ledger, ledger.notices()[-1][0], NOW_US + 1) == 2
    assert FanOut(ledger.deliveries, load_roles()).step(NOW_US + 2) == 0
    assert len(ledger.all()) == 4


def again(ledger: Ledger, number: int, now_us: int) -> int | None:
    return send_again(ledger.url, "contoso", number, now_us)


def test_what_a_dead_worker_had_in_hand_is_due_when_its_lease_ends(database: str) -> None:
    async def test() -> None:
        with mail_server() as box:
            async with office(database, mail_settings(box.port)) as at:
                at.ledger.add_tenant(with_people(CONTOSO, *people(3)))
                at.ledger.notice("contoso", "balance_zero")
                at.worker.fan_out.step(at.clock())
                now_us = at.clock()
                gone = at.ledger.deliveries.claim(MAIL, now_us, now_us + 2 * MINUTE_US, 10, 10)
                assert len(gone) == 3
                assert await at.step() == 0
                assert await at.step(119) == 0
                assert await at.step(1) == 3
                assert len(box.taken) == 3

    run(test())


# --- fairness --------------------------------------------------------------------------------------------


@pytest.fixture
def busy_server() -> Iterator[HTTPServer]:
    """A server that answers several at once, so that one that hangs does not stop the others."""
    with HTTPServer(threaded=True) as server:
        yield server


def test_one_dead_endpoint_holds_up_no_other(sqlite_database: str, busy_server: HTTPServer) -> None:
    def hang(request: Request) -> Response:
        del request
        time.sleep(1.5)
        return Response("")

    busy_server.expect_request("/dead").respond_with_handler(hang)
    busy_server.expect_request("/alive").respond_with_data("")

    async def test() -> None:
        async with office(sqlite_database, send_s=1.0) as at:
            fabrikam = replace(with_people(CONTOSO), id="fabrikam")
            at.ledger.add_tenant(with_people(CONTOSO))
            at.ledger.add_tenant(fabrikam)
            at.ledger.add_webhook("contoso", hook(busy_server.url_for("/dead"), "wh_dead"))
            at.ledger.notice("contoso", "balance_zero", count=500)
            at.ledger.add_webhook("fabrikam", hook(busy_server.url_for("/alive"), "wh_alive"))
            at.ledger.notice("fabrikam", "balance_zero", count=20)
            while at.worker.fan_out.step(at.clock()):
                pass
            alive = 0
            for _ in range(8):  # rounds of the lane, none of which waits for the dead one
                await at.worker.courier.begin(WEBHOOK)
                await asyncio.sleep(0.1)
                await at.worker.courier.write()
                alive = sum(each.state == SENT for each in at.ledger.all() if each.recipient == "wh_alive")
            assert alive == 20
            await at.worker.courier.finish()
            tried = sum(each.tries for each in at.ledger.all() if each.recipient == "wh_dead")
            assert tried <= 8

    run(test())


def test_the_alert_queued_behind_bulk_work(sqlite_database: str) -> None:
    """Ten thousand mails of one tenant wait; another tenant's goes among the first."""
    ledger = Ledger(sqlite_database)
    ledger.add_tenant(with_people(CONTOSO, *people(20)))
    ledger.add_tenant(replace(with_people(CONTOSO, ANA), id="fabrikam"))
    ledger.notice("contoso", "balance_zero", count=500)
    ledger.notice("fabrikam", "balance_zero")

    async def test() -> None:
        with mail_server() as box:
            async with office(sqlite_database, mail_settings(box.port)) as at:
                while at.worker.fan_out.step(at.clock()):
                    pass
                await at.worker.courier.begin(MAIL)
                await at.worker.courier.finish()
                assert ANA.upn in box.addresses
                assert len(box.taken) < 64

    run(test())


# --- webhooks that fail for days -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "failing_since_us", "noted"),
    [
        (500, 0, (True, False)),  # the first failure is noted
        (500, NOW_US - DAY_US, None),
        (500, NOW_US - 5 * DAY_US, (True, False)),  # the command switches it off
        (410, 0, (True, True)),
        (410, NOW_US - DAY_US, (True, True)),
        (200, NOW_US - DAY_US, (False, False)),  # it works again
        (200, 0, None),
    ],
)
def test_what_a_worker_notes_of_a_webhook(
    sqlite_database: str,
    httpserver: HTTPServer,
    status: int,
    failing_since_us: int,
    noted: tuple[bool, bool] | None,
) -> None:
    httpserver.expect_request("/h").respond_with_data("", status)

    async def test() -> None:
        async with office(sqlite_database) as at:
            at.ledger.add_tenant(with_people(CONTOSO))
            at.ledger.add_webhook(
                "contoso", hook(httpserver.url_for("/h"), failing_since_us=failing_since_us)
            )
            at.ledger.notice("contoso", "balance_zero")
            await at.step()
            assert [(each.failed, each.gone) for each in at.noted] == ([] if noted is None else [noted])

    run(test())


@pytest.mark.parametrize("change", ["removed", "switched off"])
def test_what_waits_for_a_webhook_that_is_no_more_fails_and_is_kept(
    sqlite_database: str, change: str
) -> None:
    async def test() -> None:
        async with office(sqlite_database) as at:
            at.ledger.add_tenant(with_people(CONTOSO))
            at.ledger.add_webhook("contoso", hook("http://127.0.0.1:9/h"))
            at.ledger.notice("contoso", "balance_zero")
            at.worker.fan_out.step(at.clock())
            if change == "removed":
                at.ledger.remove_webhook("contoso", "wh_1")
            else:
                at.ledger.add_webhook("contoso", hook("http://127.0.0.1:9/h", disabled_us=1))
            await at.step()
            assert at.ledger.all()[0].state == FAILED
            assert change in at.ledger.all()[0].error

    run(test())


def test_a_receiver_can_verify_what_it_gets(sqlite_database: str, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/h").respond_with_data("")

    async def test() -> None:
        async with office(sqlite_database) as at:
            at.clock.now_us = time.time_ns() // 1_000  # receivers refuse what is older than minutes
            webhook = hook(httpserver.url_for("/h"))
            at.ledger.add_tenant(with_people(CONTOSO))
            at.ledger.add_webhook("contoso", webhook)
            at.ledger.notice(
                "contoso", "lot_expires_soon", lot=3, micros=4_500_000, expires_us=NOW_US, days=7
            )
            await at.step()
            ((request, _),) = httpserver.log
            secret = webhook.secrets[0].text
            data = Verifier(secret).verify(request.get_data(), dict(request.headers))
            assert data == {
                "type": "lot_expires_soon",
                "timestamp": "2026-03-01T12:00:00Z",
                "data": {
                    "tenant": "contoso",
                    "lot": 3,
                    "micros": "4.5",
                    "expires_at": "2026-03-01T12:00:00Z",
                    "days": 7,
                    "balance": "12.3456",
                    "reserved": "1.2",
                    "available": "11.1456",
                    "overdraft": "0",
                    "currency": "USD",
                },
            }

    run(test())


def test_a_notice_that_cannot_be_read_holds_up_nobody(sqlite_database: str) -> None:
    async def test() -> None:
        with mail_server() as box:
            async with office(sqlite_database, mail_settings(box.port)) as at:
                at.ledger.add_tenant(CONTOSO)
                at.ledger.broken_notice("contoso", "balance_zero")
                at.ledger.notice("contoso", "balance_zero", strange=[1, 2], stranger=True)
                await at.step()
                assert [each.state for each in at.ledger.all()] == [WAITING, SENT]
                assert "could not be made" in at.ledger.all()[0].error

    run(test())


def test_ladders_are_those_that_are_published() -> None:
    minute, hour = 60, 3_600
    assert LADDERS_S[MAIL] == (minute, 5 * minute, 30 * minute, 2 * hour, 6 * hour, 24 * hour)
    assert list(LADDERS_S[WEBHOOK]) == [
        5, 300, 1_800, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour,
    ]  # fmt: skip
