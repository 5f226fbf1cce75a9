"""What people do to a tenant: worked out and checked under its lock, whatever else happens at once."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts.administration import (
    Funded,
    Invalid,
    purchase_refused,
)
from talktime.accounts.tenant import (
    AutoRecharge,
    BillingAccount,
    Cap,
    Guards,
    Licence,
    Purchase,
    ServiceNumber,
    Subscription,
    Tenant,
    User,
)
from talktime.accounts.tenant_file import TenantFaults, tenant_of_table
from talktime.accounts.tenant_tables import settings_tables, tenant_tables
from talktime.catalog.load import load_catalogue
from talktime.core.limits import MAX_MONEY_MICROS
from talktime.ledger.commands import Refused, Wallet
from tests.accounts.offices import DAY_US, NOW_US, UNIT, office
from tests.databases import database, sqlite_database

__all__ = ["database", "sqlite_database"]  # fixtures


FULL = Tenant(
    id="contoso",
    name="Contoso Ltd",
    country="US",
    currency="USD",
    time_zone="Europe/London",
    default_billing_account="new",
    billing_accounts=(
        BillingAccount("direct", "MOSA", "US"),
        BillingAccount("new", "MCA", "GB", post_usage_enabled=False),
    ),
    subscriptions=(Subscription("MCOPSTN1", 3, "direct", NOW_US - 500 * DAY_US, NOW_US + 500 * DAY_US),),
    users=(
        User(
            "ana@contoso.example",
            id="4711",
            name="Ana",
            location="GB",
            licences=(Licence("MCOPSTN1", NOW_US, NOW_US + DAY_US), Licence("MCOPSTNC")),
            numbers=("+442079460000",),
            cost_centre="Sales",
            cap_per_month_micros=0,
            policies=("calls_domestic",),
        ),
        User("bob@contoso.example", location="US"),
    ),
    service_numbers=(ServiceNumber("+18005550100", "toll_free", "call_queue", (), "Support"),),
    auto_recharge=AutoRecharge(True, 10 * UNIT, 50 * UNIT, 100 * UNIT),
    caps=(
        Cap("cost_centre", "Support", 5 * UNIT),
        Cap("user", "bob@contoso.example", UNIT // 2),
        Cap("tenant", "contoso", 9),
    ),
    guards=Guards(5, 2, 7200, 30 * UNIT, 0, ("CU",), ("1900",)),
)


def small(**more: object) -> dict[str, object]:
    return {"tenant": {"id": "contoso", "country": "US", "currency": "USD"}, **more}


def test_tables_of_a_tenant_are_read_back_as_they_were() -> None:
    assert tenant_of_table(tenant_tables(FULL), load_catalogue()) == FULL


def test_settings_hold_no_people() -> None:
    assert set(settings_tables(FULL)) == {
        "tenant",
        "billing_accounts",
        "licences",
        "auto_recharge",
        "caps",
        "guards",
    }


def test_tables_at_fault_name_every_fault() -> None:
    with pytest.raises(TenantFaults) as caught:
        tenant_of_table({"tenant": {"id": "x", "country": "U"}, "budget": 1}, load_catalogue())
    assert len(caught.value.faults) == 3
    assert "unknown key budget" in str(caught.value)


def test_purchases_become_lots_in_the_order_of_their_instants(database: str) -> None:
    purchases = (
        Purchase("p1", NOW_US - 10 * DAY_US, 60 * UNIT),
        Purchase("p2", NOW_US - 400 * DAY_US, 50 * UNIT),
        Purchase("p3", NOW_US - 20 * DAY_US, 70 * UNIT),
    )

    async def story() -> None:
        async with office(database) as the:
            tenant = Tenant("contoso", "Contoso", "US", "USD", "Europe/Paris", purchases=purchases)
            made = await the.use.add_tenant(tenant, "me")
            assert made == Wallet(0, 130 * UNIT, 0), "the oldest has expired"
            wallet = the.reader.wallet("contoso")
            assert wallet is not None
            assert [(lot.lot, lot.bought_us, lot.amount) for lot in wallet.lots] == [
                (2, purchases[2].at_us, 70 * UNIT),
                (3, purchases[0].at_us, 60 * UNIT),
            ]

    asyncio.run(story())


def test_tenant_is_made_once(sqlite_database: str) -> None:
    async def story() -> None:
        async with office(sqlite_database) as the:
            assert isinstance(await the.use.make_tenant(small(), "me"), Wallet)
            again = await the.use.make_tenant(small(), "me")
            assert isinstance(again, Refused)
            assert again.code == "exists"

    asyncio.run(story())


def test_two_users_at_once_cannot_take_one_licence(database: str) -> None:
    async def story() -> None:
        async with office(database) as the:
            await the.use.make_tenant(small(licences=[{"plan": "MCOPSTN1", "purchased": 3}]), "me")
            outcomes = await asyncio.gather(
                *(
                    the.use.put_user("contoso", f"u{n}", {"upn": f"u{n}", "licences": ["MCOPSTN1"]}, "me")
                    for n in range(8)
                )
            )
            assert sum(outcome is True for outcome in outcomes) == 3
            refused = [outcome for outcome in outcomes if isinstance(outcome, Invalid)]
            assert len(refused) == 5
            assert all("4 assigned but 3 bought" in outcome.faults[0] for outcome in refused)
            assert len(the.reader.people("users", "contoso", "", 10)) == 3

    asyncio.run(story())


def test_users_country_is_the_tenants_where_none_is_given(sqlite_database: str) -> None:
    async def story() -> None:
        async with office(sqlite_database) as the:
            await the.use.make_tenant(small(), "me")
            await the.use.put_user("contoso", "ana", {"upn": "ana", "numbers": ["(425) 555-0100"]}, "me")
            ((_, document),) = the.reader.people("users", "contoso", "", 10)
            assert '"location":"US"' in document
            assert '"+14255550100"' in document

    asyncio.run(story())


def test_same_document_again_changes_nothing(sqlite_database: str) -> None:
    async def story() -> None:
        async with office(sqlite_database) as the:
            await the.use.make_tenant(small(), "me")
            for _ in range(3):
                assert await the.use.put_user("contoso", "ana", {"upn": "ana"}, "me") is True
            assert len(the.reader.audit("contoso", 2**62, 10)) == 2

    asyncio.run(story())


RULE = {"enabled": True, "below": "100", "add": "200"}
PLANS = {
    "billing_accounts": [{"id": "new", "agreement": "MCA"}],
    "licences": [{"plan": "MCOPSTN1", "purchased": 3}],
}


def test_auto_recharge_is_not_switched_on_where_credits_cannot_be_bought(sqlite_database: str) -> None:
    async def story() -> None:
        async with office(sqlite_database) as the:
            await the.use.make_tenant(small(**PLANS), "me")
            refused = await the.use.put_settings("contoso", small(**PLANS, auto_recharge=RULE), "me")
            assert isinstance(refused, Refused)
            assert refused.code == "not_eligible"
            assert 'account "new"' in refused.detail
            off = RULE | {"enabled": False}
            assert await the.use.put_settings("contoso", small(**PLANS, auto_recharge=off), "me") is True

    asyncio.run(story())


def test_a_rule_that_is_on_may_be_changed_and_switched_off_under_mca(sqlite_database: str) -> None:
    async def story() -> None:
        async with office(sqlite_database) as the:
            await the.use.make_tenant(small(**PLANS, auto_recharge=RULE), "me")
            for rule in (RULE | {"add": "300"}, RULE | {"enabled": False}):
                assert await the.use.put_settings("contoso", small(**PLANS, auto_recharge=rule), "me") is True
            again = await the.use.put_settings("contoso", small(**PLANS, auto_recharge=RULE), "me")
            assert isinstance(again, Refused), "it is off now"

    asyncio.run(story())


def test_unknown_tenant_is_refused_by_every_use(sqlite_database: str) -> None:
    async def story() -> None:
        async with office(sqlite_database) as the:
            use = the.use
            number = {"number": "+18005550100", "kind": "toll"}
            outcomes = [
                await use.put_settings("contoso", small(), "me"),
                await use.put_user("contoso", "ana", {"upn": "ana"}, "me"),
                await use.remove_user("contoso", "ana", "me"),
                await use.put_service_number("contoso", "+18005550100", number, "me"),
                await use.remove_service_number("contoso", "+18005550100", "me"),
                await use.fund("contoso", 50 * UNIT, "USD", "", "me"),
                await use.adjust("contoso", UNIT, "why not", "", "me"),
                await use.adjust("contoso", -UNIT, "why not", "", "me"),
            ]
            assert {outcome.code for outcome in outcomes if isinstance(outcome, Refused)} == {
                "unknown_tenant"
            }
            assert all(isinstance(outcome, Refused) for outcome in outcomes)

    asyncio.run(story())


def test_lot_of_a_purchase_expires_on_the_tenants_clock(sqlite_database: str) -> None:
    async def story() -> None:
        async with office(sqlite_database) as the:
            await the.use.make_tenant(small(), "me")
            funded = await the.use.fund("contoso", 50 * UNIT, "USD", "r", "me")
            assert funded == Funded(1, 50 * UNIT, repeated=False)
            wallet = the.reader.wallet("contoso")
            assert wallet is not None
            assert wallet.lots[0].expires_us == NOW_US + 365 * DAY_US

    asyncio.run(story())


@pytest.mark.parametrize(
    ("amount", "currency", "own", "code"),
    [
        (50 * UNIT, "USD", "USD", None),
        (MAX_MONEY_MICROS, "USD", "USD", None),
        (50 * UNIT - 10_000, "USD", "USD", "below_minimum"),
        (0, "USD", "USD", "zero_amount"),
        (-50 * UNIT, "USD", "USD", "negative_amount"),
        (MAX_MONEY_MICROS + 10_000, "USD", "USD", "over_limit"),
        (50 * UNIT + 1, "USD", "USD", "finer_than_coin"),
        (6_000 * UNIT + 10_000, "JPY", "JPY", "finer_than_coin"),
        (50 * UNIT, "EUR", "USD", "foreign_currency"),
        (0, "EUR", "USD", "foreign_currency"),
    ],
)
def test_purchases_are_refused_by_name(amount: int, currency: str, own: str, code: str | None) -> None:
    refused = purchase_refused(amount, currency, own)
    assert (refused.code if refused else None) == code


@given(st.integers(-(2**63), 2**63))
def test_what_may_be_bought_is_whole_coins_within_the_limits(amount: int) -> None:
    allowed = purchase_refused(amount, "USD", "USD") is None
    assert allowed == (50 * UNIT <= amount <= MAX_MONEY_MICROS and amount % 10_000 == 0)
