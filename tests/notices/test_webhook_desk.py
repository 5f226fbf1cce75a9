"""What people do with webhooks, through a real engine, on both databases."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from pytest_httpserver import HTTPServer

from talktime.catalog.load import load_catalogue
from talktime.catalog.side import load_roles
from talktime.ledger.commands import Refused
from talktime.ledger.reading import Reader
from talktime.live.desk import Desk
from talktime.notices.texts import load_texts
from talktime.notices.tried import End, Tried
from talktime.notices.webhook_commands import NoteWebhook
from talktime.notices.webhook_desk import Wanted, WebhookDesk
from talktime.notices.webhook_sender import WebhookSender
from talktime.notices.webhooks import MAX_WEBHOOKS, Webhook
from talktime.notices.wording import Wording
from tests.databases import database, sqlite_database
from tests.ledger.filled import desk_on, new_tenant
from tests.notices.post_office import CONTOSO, NOW_US, Clock, Ledger, with_people

__all__ = ["database", "sqlite_database"]  # fixtures

DAY_US = 86_400_000_000
URL = "https://hooks.example/talktime?key=1"


@dataclass
class House:
    """An engine with the tenant contoso, and the use cases on it."""

    engine_desk: Desk
    use: WebhookDesk
    clock: Clock
    ledger: Ledger
    reader: Reader

    async def submit(self, command: Any) -> Any:
        return await self.engine_desk.engine.submit(command)

    def audit(self) -> list[str]:
        """What was done, oldest first."""
        return [change.what for change in reversed(self.reader.audit("contoso", 2**62, 100))]


@asynccontextmanager
async def house(database: str) -> AsyncIterator[House]:
    clock = Clock()
    desk = desk_on(database, clock)
    await desk.start(rounds=False)
    try:
        await desk.engine.submit(new_tenant(with_people(CONTOSO)))
        ledger = Ledger(database)
        wording = Wording(load_texts(), load_catalogue())
        use = WebhookDesk(desk.engine.submit, ledger.deliveries, load_roles(), wording, clock)
        yield House(desk, use, clock, ledger, Reader(ledger.url))
    finally:
        await desk.stop()


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 60))


def ok(answer: Webhook | Refused) -> Webhook:
    assert isinstance(answer, Webhook), answer
    return answer


def test_the_life_of_a_webhook(database: str) -> None:
    async def test() -> None:
        async with house(database) as at:
            made = ok(await at.use.make("contoso", URL, ["balance_zero", "balance_zero"], "ana"))
            assert (made.events, made.at_us, len(made.secrets)) == (("balance_zero",), NOW_US, 1)
            assert await at.use.listed("contoso") == [made]
            rotated = ok(await at.use.rotate("contoso", made.id, "ana", 60))
            assert rotated.secrets[1].text == made.secrets[0].text
            changed = ok(await at.use.edit("contoso", made.id, "ana", Wanted("https://other.example/", [])))
            assert (changed.url, changed.events, changed.secrets) == (
                "https://other.example/",
                (),
                rotated.secrets,
            )
            assert ok(await at.use.disable("contoso", made.id, "ana")).disabled_us == NOW_US
            assert ok(await at.use.enable("contoso", made.id, "ana")).is_on
            ok(await at.use.remove("contoso", made.id, "ana"))
            assert await at.use.listed("contoso") == []
            told = [what for what in at.audit() if what.startswith("webhook")]
            assert [what.removeprefix(f"webhook {made.id} ") for what in told] == [
                "made: https://hooks.example",
                "given a new secret",
                "changed",
                "switched off",
                "switched on",
                "removed: https://other.example",
            ]

    run(test())


def test_what_is_refused(sqlite_database: str) -> None:
    async def test() -> None:
        async with house(sqlite_database) as at:
            made = ok(await at.use.make("contoso", URL, [], "ana"))
            answers = [
                await at.use.make("contoso", "http://hooks.example", [], "ana"),
                await at.use.make("contoso", URL, ["no_such_event"], "ana"),
                await at.use.edit("contoso", made.id, "ana", Wanted(url="ftp://x")),
                await at.use.edit("contoso", made.id, "ana", Wanted(events=["no_such_event"])),
                await at.use.edit("contoso", "wh_2", "ana", Wanted()),
                await at.use.rotate("contoso", "wh_2", "ana"),
                await at.use.disable("contoso", "wh_2", "ana"),
                await at.use.remove("contoso", "wh_2", "ana"),
                await at.use.make("fabrikam", URL, [], "ana"),
                await at.use.rotate("fabrikam", made.id, "ana"),
            ]
            assert [answer.code for answer in answers if isinstance(answer, Refused)] == [
                *["invalid"] * 4,
                *["unknown_webhook"] * 4,
                *["unknown_tenant"] * 2,
            ]
            for _ in range(MAX_WEBHOOKS - 1):
                ok(await at.use.make("contoso", URL, [], "ana"))
            many = await at.use.make("contoso", URL, [], "ana")
            assert isinstance(many, Refused)
            assert many.code == "too_many"

    run(test())


def test_a_webhook_that_only_fails_is_switched_off_and_that_is_told(database: str) -> None:
    async def test() -> None:
        async with house(database) as at:
            made = ok(await at.use.make("contoso", URL, [], "ana"))

            async def note(failed: bool, days: float = 0) -> Webhook:
                at.clock.now_us += int(days * DAY_US)
                await at.submit(NoteWebhook("contoso", made.id, failed))
                (known,) = await at.use.listed("contoso")
                return known

            assert (await note(True)).failing_since_us == NOW_US
            assert (await note(True, 4)).failing_since_us == NOW_US
            assert (await note(False)).failing_since_us == 0  # it works again: counted anew
            since_us = (await note(True, 1)).failing_since_us
            assert since_us == at.clock()
            assert (await note(True, 4.9)).is_on
            assert not (await note(True, 0.2)).is_on
            await note(True, 9)  # told once
            notices = at.reader.outbox("contoso", 2**62, 100)
            assert [notice.kind for notice in notices] == ["webhook_disabled"]
            assert '"url":"https://hooks.example"' in notices[0].body
            assert "key=1" not in notices[0].body
            assert at.audit()[-1].endswith("switched off: nothing but failures for days")
            assert ok(await at.use.enable("contoso", made.id, "ana")).failing_since_us == 0

    run(test())


def test_a_receiver_that_is_gone_is_switched_off_at_once(sqlite_database: str) -> None:
    async def test() -> None:
        async with house(sqlite_database) as at:
            made = ok(await at.use.make("contoso", URL, [], "ana"))
            await at.submit(NoteWebhook("contoso", made.id, failed=True, gone=True))
            assert not (await at.use.listed("contoso"))[0].is_on
            assert await at.submit(NoteWebhook("contoso", "wh_2", failed=True)) is None
            assert await at.submit(NoteWebhook("fabrikam", made.id, failed=True)) is None

    run(test())


def test_a_test_reaches_the_receiver(sqlite_database: str, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/h").respond_with_data("")

    async def test() -> None:
        async with house(sqlite_database) as at:
            url = httpserver.url_for("/h")
            made = ok(await at.use.make("contoso", url, ["pool_80"], "ana", allow_private=True))
            ok(await at.use.disable("contoso", made.id, "ana"))
            sender = WebhookSender(private_allowed=True)
            assert await at.use.test("contoso", made.id, sender) == Tried(End.SENT)
            assert isinstance(await at.use.test("contoso", "wh_2", sender), Refused)
            assert isinstance(await at.use.test("fabrikam", made.id, sender), Refused)
            await sender.close()
            ((request, _),) = httpserver.log
            assert request.json["type"] == "webhook_test"
            assert at.ledger.all() == []

    run(test())


def test_another_tenant_sees_nothing(sqlite_database: str) -> None:
    async def test() -> None:
        async with house(sqlite_database) as at:
            await at.submit(new_tenant(replace(with_people(CONTOSO), id="fabrikam")))
            made = ok(await at.use.make("contoso", URL, [], "ana"))
            assert await at.use.listed("fabrikam") == []
            assert await at.use.kept("fabrikam", made.id) is None
            assert isinstance(await at.use.remove("fabrikam", made.id, "eve"), Refused)
            assert await at.use.listed("contoso") == [made]

    run(test())
