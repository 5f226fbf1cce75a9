"""Looking after a tenant by the client, against the real application: money, people, papers, settings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from talktime.client import AsyncManagement, Management, ProblemError
from talktime.client.management.answers_money import Adjusted
from talktime.client.management.answers_people import Approval
from talktime.client.management.tables import SettingsTables
from talktime.client.management.tenant import Tenant
from talktime.client.sending import AsyncSender
from tests.client.live_app import TENANT, made_app
from tests.client.test_client import served
from tests.databases import fresh_sqlite
from tests.doors.http.houses import open_door
from tests.doors.http.shops import BUYER, CONFIRMED, DECLINED_LATER, UNDER_MCA, VISA, Shop, open_shop

Contoso = Tenant[AsyncSender]
URL = "http://talktime.test"


def key_of(client: httpx.AsyncClient) -> str:
    return client.headers["authorization"].removeprefix("Bearer ")


def in_shop(
    story: Callable[[Contoso, Shop], Awaitable[None]], folder: Path, tenant: dict[str, Any] | None = None
) -> None:
    """Runs a story in front of an application that sells, with a key for everything."""

    async def run() -> None:
        async with open_shop(fresh_sqlite(folder), folder, tenant or BUYER) as shop:
            transport = httpx.ASGITransport(shop.app)
            async with AsyncManagement(URL, key_of(shop.client), transport=transport) as management:
                await story(management.tenant("contoso"), shop)

    asyncio.run(run())


async def refused(answer: Awaitable[Any]) -> ProblemError:
    with pytest.raises(ProblemError) as raised:
        await answer
    return raised.value


def test_credits_are_bought_shown_and_paid_back(tmp_path: Path) -> None:
    async def story(contoso: Contoso, _: Shop) -> None:
        assert (await contoso.eligibility()).can_buy
        card = await contoso.payment_methods.add(VISA)
        assert (card.last4, card.default) == ("4242", True)
        paid = await contoso.credits.buy(amount="200", currency="USD", key="order-17")
        assert (paid.state, paid.amount, paid.currency, paid.lot) == ("settled", Decimal(200), "USD", 1)
        again = await contoso.credits.buy("200", "USD", key="order-17")
        assert again.payment == paid.payment
        other = await contoso.credits.buy(Decimal("6E+1"), "USD")
        assert (other.payment != paid.payment, other.amount) == (True, Decimal(60))
        assert (await contoso.payments.wait(paid.payment)).payment == paid.payment
        held = await contoso.credits.get()
        assert (held.balance, held.available, len(held.lots)) == (Decimal(260), Decimal(260), 2)
        assert (await contoso.credits.runway()).days is None
        assert paid.paper is not None
        receipt = await contoso.receipts.get(paid.paper)
        assert (receipt.gross, receipt.payment) == (paid.gross, paid.payment)
        assert (await contoso.receipts.pdf(paid.paper)).startswith(b"%PDF-")
        back = await contoso.payments.refund(other.payment, "5", "bought too much")
        assert (back.kind, back.amount, back.of) == ("refund", Decimal(5), other.payment)
        notes = [note async for note in contoso.credit_notes.pages().items()]
        assert [note.number for note in notes] == [back.paper]
        refunds = [line async for line in contoso.payments.pages(kind="refund").items()]
        assert [line.payment for line in refunds] == [back.payment]

    in_shop(story, tmp_path)


def test_a_card_that_does_not_pay_is_told_with_the_payment_and_one_to_confirm_with_its_address(
    tmp_path: Path,
) -> None:
    async def story(contoso: Contoso, _: Shop) -> None:
        poor = await contoso.payment_methods.add(DECLINED_LATER)
        declined = await refused(contoso.credits.buy("50", "USD", method=poor.id))
        assert (declined.status, declined.code) == (402, "declined")
        payment = await contoso.payments.get(declined.location.rpartition("/payments/")[2])
        assert payment.decline is not None
        assert payment.decline.means in declined.detail
        strict = await contoso.payment_methods.add(CONFIRMED)
        asked = await contoso.credits.buy("50", "USD", method=strict.id)
        assert asked.state == "requires_action"
        assert asked.url is not None
        with pytest.raises(TimeoutError, match="requires_action after 0 s"):
            await contoso.payments.wait(asked.payment, limit_s=0)
        await contoso.payment_methods.make_default(strict.id)
        await contoso.payment_methods.remove(poor.id)
        cards = [card async for card in contoso.payment_methods.pages().items()]
        assert [(card.id, card.default) for card in cards] == [(strict.id, True)]

    in_shop(story, tmp_path)


def test_a_tenant_that_may_not_buy_is_told_every_rule(tmp_path: Path) -> None:
    async def story(contoso: Contoso, _: Shop) -> None:
        await contoso.payment_methods.add(VISA)
        problem = await refused(contoso.credits.buy("50", "USD"))
        assert (problem.status, problem.code) == (422, "not_eligible")
        failed = [rule.rule for rule in (await contoso.eligibility()).rules if rule.outcome == "failed"]
        assert [fault.split(":")[0] for fault in problem.faults] == failed != []

    in_shop(story, tmp_path, UNDER_MCA)


def test_a_change_is_made_only_while_what_was_seen_is_there(tmp_path: Path) -> None:
    async def story(contoso: Contoso, _: Shop) -> None:
        await contoso.payment_methods.add(VISA)
        seen = await contoso.recharge.get()
        assert (seen.value.state, seen.value.rule["enabled"]) == ("off", False)
        rule = seen.value.rule | {"enabled": True, "below": "10", "add": "50", "cap_per_month": "200"}
        changed = await contoso.recharge.put(rule, if_match=seen)
        assert (changed.value.rule["enabled"], changed.etag != seen.etag) == (True, True)
        late = await refused(contoso.recharge.put(rule, if_match=seen))
        assert (late.status, late.code) == (412, "changed_meanwhile")
        assert (await contoso.recharge.off()).value.state == "off"

        settings = await contoso.get()
        tables: SettingsTables = {**settings.value, "guards": {"concurrent_calls": 3}}
        assert (await contoso.put(tables, if_match=settings)).value["guards"]["concurrent_calls"] == 3
        assert (await refused(contoso.put(tables, if_match=settings.etag))).status == 412

        alerts = await contoso.alerts.put({"low": ["5"], "runway_days": 7})
        assert (await contoso.alerts.get()) == alerts
        people = await contoso.administrators.put([{"upn": "ana@contoso.example"}])
        assert (await contoso.administrators.get()) == people
        assert people.value[0]["upn"] == "ana@contoso.example"
        caps = await contoso.caps.put([{"scope": "tenant", "amount": "20"}])
        assert (await contoso.caps.get()).value[0].limit == Decimal(20)
        assert (await refused(contoso.caps.put([], if_match='"another"'))).status == 412
        assert (await contoso.caps.put([], if_match=caps)).value == ()

    in_shop(story, tmp_path)


def test_users_are_imported_listed_page_by_page_and_changed(tmp_path: Path) -> None:
    async def story(contoso: Contoso, _: Shop) -> None:
        file = "upn,location,licences\r\n" + "".join(f"u{at}@contoso.example,US,\r\n" for at in range(1, 6))
        would = await contoso.users.import_csv(file, dry_run=True)
        done = await contoso.users.import_csv(file)
        assert (would.dry_run, would.added, done.dry_run, done.added) == (True, 5, False, 5)
        wrong = await refused(contoso.users.import_csv("upn,location\r\nx@contoso.example,Narnia\r\n"))
        assert wrong.status == 422

        pages = [page async for page in contoso.users.pages(limit=2)]
        assert [len(page.items) for page in pages] == [2, 2, 2, 0]
        everybody = [user["upn"] async for user in contoso.users.pages(limit=4).items()]
        assert everybody == [user["upn"] for page in pages for user in page.items]
        first = await contoso.users.pages(limit=2).first()
        assert first.next is not None
        rest = await contoso.users.pages(limit=100, after=first.next).first()
        assert [*first.items, *rest.items] == [user for page in pages for user in page.items]

        seen = await contoso.users.get("u1@contoso.example")
        moved = await contoso.users.put_location("u1@contoso.example", "GB", if_match=seen)
        assert moved.value["location"] == "GB"
        assert (await refused(contoso.users.remove("u1@contoso.example", if_match=seen))).status == 412
        await contoso.users.remove("u1@contoso.example", if_match=moved)
        gone = await refused(contoso.users.get("u1@contoso.example"))
        assert (gone.status, gone.code) == (404, "unknown_user")
        wrong = await refused(contoso.users.erase("u2@contoso.example", confirm=False))
        assert (wrong.code, wrong.pointer) == ("not_confirmed", "/confirm")

    in_shop(story, tmp_path)


def test_money_by_hand_calls_usage_and_books(tmp_path: Path) -> None:
    async def story(contoso: Contoso, shop: Shop) -> None:
        lot = await contoso.credits.record("50", "USD", reference="invoice 1")
        assert (lot.amount, lot.repeated) == (Decimal(50), False)
        assert (await contoso.credits.record("50", "USD", reference="invoice 1")).repeated
        given = await contoso.credits.adjust(Decimal("2.5"), "sorry")
        assert isinstance(given, Adjusted)
        assert given.balance == Decimal("52.5")
        much = await contoso.credits.adjust("5000", "a lot of sorrow")
        assert isinstance(much, Approval)
        assert (await contoso.approvals.decline(much.id, "too much")).state == "declined"

        await shop.call("a/call ü", 120)
        story = await contoso.calls.get("a/call ü")
        (charge,) = story.charges
        assert charge.amount > 0
        assert charge.amount == sum(share.amount for share in charge.lots)
        (row,) = [row async for row in contoso.usage.pages(user="ana@contoso.example").items()]
        assert (row.call_id, row.charge, row.user_principal_name) == (
            "a/call ü",
            charge.amount,
            "ana@contoso.example",
        )
        spent = await contoso.usage.spend("country")
        assert spent.total.amount == charge.amount == sum(line.amount for line in spent.lines)
        pools = [pool.name for pool in (await contoso.pools.report()).pools]
        assert pools
        assert (await contoso.pools.consumers(pools[0])).pool == pools[0]
        entries = [entry async for entry in contoso.books.entries(limit=1).items()]
        assert [entry.number for entry in entries] == list(range(len(entries), 0, -1))
        assert (await contoso.books.audit().first()).items
        early = await refused(contoso.months.close("2026-03"))
        assert (early.status, early.code) == (409, "too_early")
        assert (await contoso.months.journal("2026-03")).balance == 0
        assert (await contoso.months.journal_csv("2026-03")).count("\n") > 1

    in_shop(story, tmp_path)


def test_status_waivers_webhooks_tickets_and_keys(tmp_path: Path) -> None:
    async def story(contoso: Contoso, shop: Shop) -> None:
        assert (await contoso.status.put("suspended", "unpaid")).status == "suspended"
        assert (await contoso.status.put("active", "paid")) == await contoso.status.get()
        hook = await contoso.webhooks.make("https://hooks.example.com/x", events=["balance_low"])
        assert hook.secret.startswith("whsec_")
        assert not (await contoso.webhooks.put(hook.id, enabled=False)).value.enabled
        assert (await contoso.webhooks.enable(hook.id)).events == ("balance_low",)
        assert (await contoso.webhooks.rotate(hook.id)).secret != hook.secret
        assert [one.id for one in await contoso.webhooks.all()] == [hook.id]
        await contoso.webhooks.remove(hook.id)
        assert await contoso.webhooks.all() == ()
        ticket = await contoso.tickets.open(subject="We cannot buy", text="Why?")
        assert len((await contoso.tickets.comment(ticket.id, "Soon.")).comments) == 1
        assert (await contoso.tickets.close(ticket.id)).state == "closed"
        made = await contoso.keys.make("desk", scopes=["management"], roles=["billing_administrator"])
        async with AsyncManagement(URL, made.key, transport=httpx.ASGITransport(shop.app)) as desk:
            assert [line.id async for line in desk.tenants.pages().items()] == ["contoso"]
            other = await refused(desk.tenant("fabrikam").get())
            assert (other.status, other.code) == (404, "unknown_tenant")
            forbidden = await refused(desk.decks.add_sample())
            assert (forbidden.status, forbidden.code) == (403, "forbidden")
        await contoso.keys.revoke(made.id)
        (kept,) = [key async for key in contoso.keys.pages().items()]
        assert kept.revoked_at is not None

    in_shop(story, tmp_path)


def test_the_way_to_post_usage_and_what_features_need(tmp_path: Path) -> None:
    async def story(contoso: Contoso, shop: Shop) -> None:
        way = await contoso.post_usage.get()
        assert way.value.billing_account == "new"
        on = await contoso.post_usage.put(enabled=not way.value.enabled, if_match=way)
        assert on.value.enabled is not way.value.enabled
        accounts = await contoso.billing_accounts.all()
        assert [account["id"] for account in accounts["billing_accounts"]] == ["new"]
        seen = await contoso.billing_accounts.get("new")
        put = await contoso.billing_accounts.put("new", {**seen.value, "name": "Contoso Ltd"}, if_match=seen)
        assert put.value["name"] == "Contoso Ltd"
        assert (await contoso.needs()).sentence
        async with AsyncManagement(
            URL, key_of(shop.client), transport=httpx.ASGITransport(shop.app)
        ) as management:
            features = await management.features.all()
            assert await management.features.get(features[0].id) == features[0]
            (deck,) = [deck async for deck in management.decks.pages().items()]
            assert [each.version for each in await management.decks.bindings()] == [deck.version]
            assert (await contoso.decks.bind(deck.version))[0].valid_from is None

    in_shop(story, tmp_path, UNDER_MCA)


def test_an_export_is_ordered_waited_for_and_fetched(tmp_path: Path) -> None:
    async def run() -> None:
        async with open_door(fresh_sqlite(tmp_path), exports_into=tmp_path / "exports") as door:
            transport = httpx.ASGITransport(door.app)
            async with AsyncManagement(URL, key_of(door.client), transport=transport) as management:
                contoso = management.tenant("contoso")
                ordered = await contoso.exports.order(
                    "entries", "csv", since=datetime(2026, 1, 1, tzinfo=UTC)
                )
                done = await contoso.exports.wait(ordered.id, limit_s=120, every_s=0.05)
                assert (done.state, done.rows) == ("done", 1)
                content = await contoso.exports.file(done.id)
                assert len(content) == done.bytes
                assert [each.id async for each in contoso.exports.pages().items()] == [done.id]

    asyncio.run(run())


def test_a_process_without_exports_says_so_at_once(tmp_path: Path) -> None:
    async def story(contoso: Contoso, _: Shop) -> None:
        problem = await refused(contoso.exports.order("usage", "csv"))
        assert (problem.status, problem.code) == (503, "no_exports")

    in_shop(story, tmp_path)


def test_over_a_real_socket_without_an_event_loop(tmp_path: Path) -> None:
    app, key = made_app(tmp_path)
    with served(app) as url, Management(url, key) as management:
        deck = management.decks.add_sample()
        assert management.decks.bind(deck.version)[0].version == deck.version
        made = management.tenants.make(TENANT)
        contoso = management.tenant("contoso")
        assert contoso.get() == made
        contoso.credits.record("100", "USD", reference="invoice 1")
        assert contoso.credits.get().balance == Decimal(100)
        contoso.service_numbers.put("+18005550100", {"number": "+18005550100", "kind": "toll_free"})
        (number,) = contoso.service_numbers.pages().items()
        assert contoso.service_numbers.get("+18005550100").value == number
        assert [page.next for page in contoso.users.pages()] == [None]
        assert contoso.calls.in_progress() == ()
        with pytest.raises(ProblemError) as raised:
            contoso.notices.replay(99)
        assert raised.value.code == "unknown_notice"
