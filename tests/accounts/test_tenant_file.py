"""The tenant file: what it gives, what it leaves to defaults, and each refusal by its sentence."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts.calendar import to_us
from talktime.accounts.tenant import (
    AutoRecharge,
    BillingAccount,
    Cap,
    Licence,
    Purchase,
    ServiceNumber,
    Subscription,
    Tenant,
    User,
)
from talktime.accounts.tenant_file import TenantFileError, read_tenant
from talktime.catalog.load import load_catalogue
from talktime.core.limits import ALWAYS_US, NEVER_US

CONTOSO = """
[tenant]
id = "contoso"
name = "Contoso Ltd"
country = "US"
currency = "USD"
time_zone = "America/New_York"
default_billing_account = "direct"

[[billing_accounts]]
id = "direct"
agreement = "MOSA"
country = "US"
post_usage_enabled = true

[[billing_accounts]]
id = "new"
agreement = "MCA"
post_usage_enabled = false

[[licences]]
plan = "MCOPSTN1"
purchased = 100
billing_account = "direct"

[[licences]]
plan = "MCOMEETADD"
purchased = 5
billing_account = "new"
from = 2026-01-01T00:00:00Z
until = "2027-01-01T00:00:00+01:00"

[[users]]
upn = "ana@contoso.example"
id = "0a1b"
name = "Ana"
location = "US"
licences = ["MCOEV", { plan = "MCOPSTN1", until = 2026-03-01 }, { plan = "MCOPSTN2", from = "2026-03-01" }]
numbers = ["+1 (425) 555-0100", "tel:+14255550101", "(425) 555-0102"]
cost_centre = "Sales"
cap_per_month = "50"

[[users]]
upn = "bob@contoso.example"

[[service_numbers]]
number = "+18005550100"
kind = "toll_free"
service = "auto_attendant"
licences = ["MCOEV_VIRTUALUSER"]
cost_centre = "Support"

[[service_numbers]]
number = "+14255550199"
kind = "toll"

[[purchases]]
at = "2026-03-01T00:00:00Z"
amount = "50"

[[purchases]]
at = 2026-06-01T00:00:00-04:00
amount = 100

[auto_recharge]
enabled = true
below = "100"
add = "200.50"
cap_per_month = "1000"

[[caps]]
scope = "user"
id = "BOB@contoso.example"
amount = "0"

[[caps]]
scope = "cost_centre"
id = "Support"
amount = "12.345678"

[[caps]]
scope = "tenant"
amount = "500"
"""


def us(*when: int) -> int:
    return to_us(datetime(*when, tzinfo=UTC))  # type: ignore[arg-type, misc]


def read(folder: Path, text: str) -> Tenant:
    path = folder / "tenant.toml"
    path.write_text(text, "utf-8")
    return read_tenant(path, load_catalogue())


def faults(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(TenantFileError) as caught:
        read(folder, text)
    return caught.value.faults


# --- what a file gives -----------------------------------------------------------------------------


def test_a_whole_file(tmp_path: Path) -> None:
    spring, autumn = us(2026, 3, 1), us(2026, 6, 1, 4)
    assert read(tmp_path, f'deck = "rates.csv"\n{CONTOSO}') == Tenant(
        id="contoso",
        name="Contoso Ltd",
        country="US",
        currency="USD",
        time_zone="America/New_York",
        default_billing_account="direct",
        billing_accounts=(
            BillingAccount("direct", "MOSA", "US", post_usage_enabled=True),
            BillingAccount("new", "MCA", "US", post_usage_enabled=False),
        ),
        subscriptions=(
            Subscription("MCOPSTN1", 100, "direct"),
            Subscription("MCOMEETADD", 5, "new", us(2026, 1, 1), us(2026, 12, 31, 23)),
        ),
        users=(
            User(
                "ana@contoso.example",
                "0a1b",
                "Ana",
                "US",
                (
                    Licence("MCOEV"),
                    Licence("MCOPSTN1", ALWAYS_US, spring),
                    Licence("MCOPSTN2", spring, NEVER_US),
                ),
                ("+14255550100", "+14255550101", "+14255550102"),
                "Sales",
                50_000_000,
            ),
            User("bob@contoso.example", location="US"),
        ),
        service_numbers=(
            ServiceNumber(
                "+18005550100", "toll_free", "auto_attendant", (Licence("MCOEV_VIRTUALUSER"),), "Support"
            ),
            ServiceNumber("+14255550199", "toll"),
        ),
        purchases=(
            Purchase("purchase-000001", spring, 50_000_000),
            Purchase("purchase-000002", autumn, 100_000_000),
        ),
        auto_recharge=AutoRecharge(True, 100_000_000, 200_500_000, 1_000_000_000),
        caps=(
            Cap("user", "bob@contoso.example", 0),
            Cap("cost_centre", "Support", 12_345_678),
            Cap("tenant", "contoso", 500_000_000),
        ),
        deck="rates.csv",
    )


TENANT = '[tenant]\nid = "c"\ncountry = "US"\ncurrency = "USD"\n'


def test_every_table_but_tenant_may_be_absent(tmp_path: Path) -> None:
    assert read(tmp_path, TENANT) == Tenant("c", "c", "US", "USD")


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeff" + TENANT).id == "c"


def test_the_only_billing_account_is_the_default_and_that_of_licences(tmp_path: Path) -> None:
    account = '[[billing_accounts]]\nid = "a"\nagreement = "EA"\n'
    bought = '[[licences]]\nplan = "MCOEV"\npurchased = 1\n'
    tenant = read(tmp_path, TENANT + account + bought)
    assert tenant.default_billing_account == tenant.subscriptions[0].billing_account == "a"
    assert tenant.billing_accounts[0].country == "US"


def test_of_two_billing_accounts_none_is_the_default_by_itself(tmp_path: Path) -> None:
    accounts = "".join(f'[[billing_accounts]]\nid = "{name}"\nagreement = "CSP"\n' for name in "ab")
    assert read(tmp_path, TENANT + accounts).default_billing_account == ""


def test_the_deck_may_stand_in_the_table_of_the_tenant(tmp_path: Path) -> None:
    assert read(tmp_path, TENANT + 'deck = "rates.csv"\n').deck == "rates.csv"


def test_a_user_of_a_cap_is_found_by_id_before_upn(tmp_path: Path) -> None:
    users = '[[users]]\nupn = "a@x"\nid = "7"\n[[users]]\nupn = "7"\n'
    tenant = read(tmp_path, TENANT + users + '[[caps]]\nscope = "user"\nid = "7"\namount = "1"\n')
    assert tenant.caps == (Cap("user", "a@x", 1_000_000),)


def test_a_national_number_is_of_the_users_country(tmp_path: Path) -> None:
    user = '[[users]]\nupn = "a@x"\nlocation = "GB"\nnumbers = ["020 7946 0000"]\n'
    assert read(tmp_path, TENANT + user).users[0].numbers == ("+442079460000",)


@pytest.mark.parametrize(
    ("written", "at_us"),
    [
        ("2026-03-01T12:00:00Z", us(2026, 3, 1, 12)),
        ("2026-03-01T12:00:00+02:00", us(2026, 3, 1, 10)),
        ("2026-03-01T12:00:00", us(2026, 3, 1, 12)),
        ("2026-03-01 12:00:00", us(2026, 3, 1, 12)),
        ("2026-03-01", us(2026, 3, 1)),
        ("2026-03-01T12:00:00.1234567Z", us(2026, 3, 1, 12, 0, 0, 123456)),
    ],
)
@pytest.mark.parametrize("quote", ["", '"'], ids=["TOML", "text"])
def test_ways_to_write_an_instant(tmp_path: Path, written: str, at_us: int, quote: str) -> None:
    text = f'{TENANT}[[purchases]]\nat = {quote}{written}{quote}\namount = "50"\n'
    assert read(tmp_path, text).purchases[0].at_us == at_us


@given(st.integers(50_000_000, 10**15).map(lambda micros: micros - micros % 10_000))
def test_an_amount_is_read_to_the_micro(tmp_path_factory: pytest.TempPathFactory, micros: int) -> None:
    amount = f"{micros // 1_000_000}.{micros % 1_000_000:06}"
    text = f'{TENANT}[[purchases]]\nat = 2026-03-01\namount = "{amount}"\n'
    assert read(tmp_path_factory.getbasetemp(), text).purchases[0].amount_micros == micros


USER = '[[users]]\nupn = "bob@x"\n'
SERVICE = '[[service_numbers]]\nnumber = "+18005550100"\nkind = "toll_free"\n'
PURCHASE = "[[purchases]]\nat = 2026-03-01\n"
RECHARGE = '[auto_recharge]\nenabled = true\nbelow = "100"\nadd = "200"\n'
ACCOUNT = '[[billing_accounts]]\nid = "direct"\nagreement = "MOSA"\n'
CAP = '[[caps]]\nscope = "user"\nid = "bob@x"\n'


# --- licences that add up --------------------------------------------------------------------------


def holder(number: int, licences: str) -> str:
    return f'[[users]]\nupn = "u{number}@x"\nlicences = [{licences}]\n'


def bought(plan: str, purchased: int, more: str = "") -> str:
    return f'[[licences]]\nplan = "{plan}"\npurchased = {purchased}\n{more}\n'


FITTING = {
    "as many as bought": bought("MCOPSTN1", 2) + holder(1, '"MCOPSTN1"') + holder(2, '"MCOPSTN1"'),
    "bought in two lines": bought("MCOEV", 1)
    + bought("MCOEV", 1)
    + holder(1, '"MCOEV"')
    + holder(2, '"MCOEV"'),
    "one after the other": bought("MCOPSTN1", 1)
    + holder(1, '{ plan = "MCOPSTN1", until = 2026-03-01 }')
    + holder(2, '{ plan = "MCOPSTN1", from = 2026-03-01 }'),
    "bought as the next begins": bought("MCOEV", 1)
    + bought("MCOEV", 1, "from = 2026-03-01")
    + holder(1, '"MCOEV"')
    + holder(2, '{ plan = "MCOEV", from = 2026-03-01 }'),
    "free plans need no purchase": bought("MCOPSTNC", 0) + holder(1, '"MCOPSTNC", "MCOEV_VIRTUALUSER"'),
    "a plan that no [[licences]] lists": bought("MCOEV", 0) + holder(1, '"MCOPSTN1"'),
    "two calling plans, one after the other": holder(
        1, '{ plan = "MCOPSTN1", until = 2026-03-01 }, { plan = "MCOPSTNPP", from = 2026-03-01 }'
    ),
    "a plan of a country that has it": '[[users]]\nupn = "a@x"\nlocation = "MX"\nlicences = ["MCOPSTNPP"]\n',
}


LIMITS = {
    "a cap of nothing": USER + 'cap_per_month = "0"\n',
    "the most licences of a plan": bought("MCOEV", 10_000_000),
    "the most licences in two lines": bought("MCOEV", 4_000_000) + bought("MCOEV", 6_000_000),
    "the largest purchase": PURCHASE + 'amount = "1000000000"\n',
    "the least purchase": PURCHASE + 'amount = "50.00"\n',
    "the first instant": bought(
        "MCOEV", 1, "from = 1970-01-01T00:00:00Z\nuntil = 1970-01-01T00:00:00.000001Z"
    ),
    "the last day": bought("MCOEV", 1, "until = 9999-12-31"),
}


@pytest.mark.parametrize("text", LIMITS.values(), ids=LIMITS)
def test_what_is_just_within_a_limit_is_taken(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, TENANT + text).stated


@pytest.mark.parametrize("text", FITTING.values(), ids=FITTING)
def test_licences_that_add_up(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, TENANT + text).stated


spans = st.tuples(st.integers(1, 27), st.integers(1, 27)).map(sorted).filter(lambda span: span[0] < span[1])


@given(st.lists(st.tuples(spans, st.integers(0, 3)), max_size=3), st.lists(spans, max_size=5))
def test_assigned_and_bought_are_compared_on_every_day(
    tmp_path_factory: pytest.TempPathFactory,
    purchases: list[tuple[list[int], int]],
    holders: list[list[int]],
) -> None:
    text = TENANT + bought("MCOEV", 0)
    for (start, end), count in purchases:
        text += bought("MCOEV", count, f"from = 2026-03-{start:02}\nuntil = 2026-03-{end:02}")
    for number, (start, end) in enumerate(holders):
        text += holder(number, f'{{ plan = "MCOEV", from = 2026-03-{start:02}, until = 2026-03-{end:02} }}')
    short = [
        day
        for day in range(1, 28)
        if sum(start <= day < end for start, end in holders)
        > sum(count for (start, end), count in purchases if start <= day < end)
    ]
    folder = tmp_path_factory.getbasetemp()
    if not short:
        assert len(read(folder, text).users) == len(holders)
        return
    (fault,) = faults(folder, text)
    assert f"from 2026-03-{short[0]:02}T00:00:00Z on" in fault


# --- refusals --------------------------------------------------------------------------------------

REFUSALS = [
    # just past a limit
    (
        TENANT + bought("MCOEV", 1, "from = 2026-03-01\nuntil = 2026-03-01"),
        "must be after from 2026-03-01T00:00:00Z",
    ),
    (
        TENANT + bought("MCOEV", 1, "until = 9999-12-31T23:59:59-01:00"),
        "until 9999-12-31T23:59:59-01:00 is not",
    ),
    (TENANT.replace('"USD"', f'"{"D" * 60}"'), f'tenant: currency "{"D" * 60}" must be'),
    (TENANT.replace('"USD"', f'"{"D" * 61}"'), f'tenant: currency "{"D" * 60}..." must be'),
    # the file and its tables
    ("[tenant\n", "is not TOML"),
    (TENANT + TENANT, "is not TOML"),
    ("", "the table [tenant] is missing; begin with [tenant] and its id, country and currency"),
    ("[[tenant]]\n", "tenant must be one table: write [tenant]"),
    ("[user]\n" + TENANT, "unknown key user; did you mean users?"),
    ("[zebra]\n" + TENANT, "unknown key zebra; known are tenant, billing_accounts, licences, users"),
    (TENANT + "[users]\n", "users must be an array of tables: write [[users]] before each"),
    ("users = [1]\n" + TENANT, "users must be an array of tables"),
    (TENANT + "[[auto_recharge]]\n", "auto_recharge must be one table: write [auto_recharge]"),
    # [tenant]
    (TENANT.replace('id = "c"\n', ""), "tenant: id is missing"),
    (TENANT.replace('"c"', '" "'), "tenant: id is empty"),
    (TENANT.replace('"c"', "5"), 'tenant: id = 5 is not text; write it in quotes: id = "..."'),
    (TENANT.replace('"c"', "5.50"), "tenant: id = 5.50 is not text"),
    (TENANT.replace('country = "US"\n', ""), "tenant: country is missing"),
    (TENANT.replace('"US"', '"us"'), 'tenant: country "us" must be in capital letters: write "US"'),
    (TENANT.replace('"US"', '"UK"'), 'tenant: country "UK" is no country code of ISO 3166'),
    (TENANT.replace('"US"', '"USA"'), 'tenant: country "USA" must be two capital letters of ISO 3166'),
    (TENANT.replace('currency = "USD"\n', ""), "tenant: currency is missing"),
    (TENANT.replace('"USD"', '"usd"'), 'tenant: currency "usd" must be in capital letters: write "USD"'),
    (TENANT.replace('"USD"', '"USX"'), 'tenant: currency "USX" is no currency of ISO 4217'),
    (TENANT.replace('"USD"', '"$"'), 'tenant: currency "$" must be three capital letters of ISO 4217'),
    (
        TENANT + 'time_zone = "Europe/Londn"\n',
        "tenant: time_zone: time zone 'Europe/Londn' is unknown; use an IANA",
    ),
    (TENANT + 'timezone = "UTC"\n', "tenant: unknown key timezone; did you mean time_zone?"),
    (TENANT + "name = true\n", "tenant: name = true is not text"),
    ('deck = "a"\n' + TENANT + 'deck = "b"\n', 'tenant: deck "b" differs from deck "a" above; keep one'),
    (
        TENANT + 'default_billing_account = "direkt"\n' + ACCOUNT,
        'tenant: default_billing_account: no [[billing_accounts]] has the id "direkt"; did you mean direct?',
    ),
    # [[billing_accounts]]
    (
        TENANT + ACCOUNT + ACCOUNT,
        'billing_accounts[2] "direct": id "direct" is already that of billing_accounts[1]',
    ),
    (TENANT + '[[billing_accounts]]\nid = "a"\n', 'billing_accounts[1] "a": agreement is missing'),
    (
        TENANT + ACCOUNT.replace("MOSA", "mosa"),
        'billing_accounts[1] "direct": agreement "mosa" is none of MOSA, MCA, EA, CSP',
    ),
    (TENANT + ACCOUNT + 'country = "de"\n', 'billing_accounts[1] "direct": country "de" must be in capital'),
    (TENANT + ACCOUNT + "post_usage_enabled = 1\n", "post_usage_enabled = 1 must be true or false"),
    (TENANT + ACCOUNT + 'owner = "x"\n', 'billing_accounts[1] "direct": unknown key owner; known are id'),
    # [[licences]]
    (
        TENANT + bought("MCOPSTN11", 1),
        'licences[1] "MCOPSTN11": unknown plan "MCOPSTN11"; did you mean MCOPSTN1',
    ),
    (TENANT + bought("mcoev", 1), 'licences[1] "mcoev": unknown plan "mcoev"; did you mean MCOEV?'),
    (TENANT + "[[licences]]\npurchased = 1\n", "licences[1]: plan is missing"),
    (TENANT + '[[licences]]\nplan = "MCOEV"\n', 'licences[1] "MCOEV": purchased is missing'),
    (
        TENANT + bought("MCOEV", -1),
        'licences[1] "MCOEV": purchased = -1 must be a whole number from 0 to 10,000,000',
    ),
    (
        TENANT + bought("MCOEV", 10_000_001),
        "purchased = 10000001 must be a whole number from 0 to 10,000,000",
    ),
    (TENANT + bought("MCOEV", 1).replace("1\n", "1.5\n"), "purchased = 1.5 must be a whole number"),
    (TENANT + bought("MCOEV", 1).replace("1\n", "true\n"), "purchased = true must be a whole number"),
    (TENANT + bought("MCOEV", 6_000_000) * 2, "licences: MCOEV: 12,000,000 bought in all, over the limit"),
    (
        TENANT + ACCOUNT + bought("MCOEV", 1, 'billing_account = "old"'),
        'licences[1] "MCOEV": billing_account: no [[billing_accounts]] has the id "old"',
    ),
    (
        TENANT + bought("MCOEV", 1, "from = 2026-03-02\nuntil = 2026-03-01"),
        "until 2026-03-01T00:00:00Z must be after from 2026-03-02T00:00:00Z",
    ),
    (
        TENANT + bought("MCOEV", 1, 'until = "soon"'),
        'until "soon" is not an instant since 1970; write it as "2026-',
    ),
    (TENANT + bought("MCOEV", 1, "from = 12:00:00"), "from 12:00:00 is not an instant"),
    (TENANT + bought("MCOEV", 1, "from = 1969-12-31"), "from 1969-12-31 is not an instant since 1970"),
    (TENANT + bought("MCOEV", 1, "from = 2026"), "from 2026 is not an instant"),
    (
        TENANT + bought("MCOPSTN1", 1) + holder(1, '"MCOPSTN1"') + holder(2, '"MCOPSTN1"'),
        "licences: MCOPSTN1: 2 assigned but 1 bought from the beginning on; buy more or take some away",
    ),
    (
        TENANT
        + bought("MCOEV", 1, "until = 2026-03-01")
        + holder(1, '{ plan = "MCOEV", from = 2026-02-01 }'),
        "licences: MCOEV: 1 assigned but 0 bought from 2026-03-01T00:00:00Z on",
    ),
    (
        TENANT + bought("MCOEV", 0) + SERVICE + 'licences = ["MCOEV"]\n',
        "licences: MCOEV: 1 assigned but 0 bought from the beginning on",
    ),
    # [[users]]
    (TENANT + '[[users]]\nname = "Bob"\n', "users[1]: upn is missing"),
    (TENANT + USER + 'location = "GBR"\n', 'users[1] "bob@x": location "GBR" must be two capital letters'),
    (
        TENANT + USER + 'licence = ["MCOEV"]\n',
        'users[1] "bob@x": unknown key licence; did you mean licences?',
    ),
    (
        TENANT + USER + 'licences = "MCOEV"\n',
        'users[1] "bob@x": licences = "MCOEV" must be a list: write licences = [',
    ),
    (
        TENANT + USER + "licences = [5]\n",
        'users[1] "bob@x": licences[1] 5 must be a plan\'s code or { plan, from,',
    ),
    (TENANT + USER + 'licences = ["MCOEV", "E5"]\n', 'users[1] "bob@x": licences[2]: unknown plan "E5"'),
    (
        TENANT + USER + 'licences = [{ plan = "MCOEV", till = 2026-03-01 }]\n',
        'users[1] "bob@x": licences[1]: unknown key till; did you mean until?',
    ),
    (
        TENANT + USER + 'licences = [{ plan = "MCOEV", until = "x" }]\n',
        'users[1] "bob@x": licences[1]: until "x" is not an instant',
    ),
    (
        TENANT + USER + 'licences = ["MCOEV", "MCOEV"]\n',
        'users[1] "bob@x": holds MCOEV twice from the beginning on',
    ),
    (
        TENANT + USER + 'licences = ["MCOPSTN1", "MCOPSTN2"]\n',
        'users[1] "bob@x": holds two calling plans, MCOPSTN1 and MCOPSTN2, from the beginning on',
    ),
    (
        TENANT + USER + 'licences = [{ plan = "MCOPSTN2", from = 2026-03-01 }, "MCOPSTN1"]\n',
        "holds two calling plans, MCOPSTN1 and MCOPSTN2, from 2026-03-01T00:00:00Z on; end one with until",
    ),
    (
        TENANT + USER + 'location = "ZW"\nlicences = ["MCOPSTNPP"]\n',
        'users[1] "bob@x": plan MCOPSTNPP (Pay-As-You-Go Calling Plan) is not offered in ZW',
    ),
    (TENANT.replace("US", "ZW", 1) + USER + 'licences = ["MCOPSTNPP"]\n', "is not offered in ZW"),
    (TENANT + USER + 'numbers = ["411"]\n', 'users[1] "bob@x": numbers[1] "411" is not a telephone number'),
    (TENANT + USER + 'numbers = ["+1425555****"]\n', 'numbers[1] "+1425555****" is not a telephone number'),
    (
        TENANT + USER + "numbers = [14255550100]\n",
        "numbers[1] 14255550100 is not a telephone number; write it in",
    ),
    (TENANT + USER + 'cap_per_month = "-1"\n', 'users[1] "bob@x": cap_per_month must not be below 0'),
    (
        TENANT + USER + "cap_per_month = 50.0\n",
        'users[1] "bob@x": cap_per_month = 50.0 is a float; write "50.0" in',
    ),
    (
        TENANT + USER + USER.replace("bob", "BOB"),
        'users[2] "BOB@x": upn "BOB@x" is already that of users[1] "bob@x"',
    ),
    (
        TENANT + USER + 'id = "7"\n' + USER.replace("bob", "eve") + 'id = "7"\n',
        'users[2] "eve@x": id "7" is already that of users[1] "bob@x"',
    ),
    (
        TENANT + USER + 'numbers = ["+18005550100"]\n' + SERVICE,
        'service_numbers[1] "+18005550100": number "+18005550100" is already that of users[1] "bob@x"',
    ),
    # [[service_numbers]]
    (TENANT + '[[service_numbers]]\nkind = "toll"\n', "service_numbers[1]: number is missing"),
    (
        TENANT + '[[service_numbers]]\nnumber = "+18005550100"\n',
        'service_numbers[1] "+18005550100": kind is missing',
    ),
    (TENANT + SERVICE.replace("toll_free", "tollfree"), 'kind "tollfree" is none of toll, toll_free'),
    (
        TENANT + SERVICE + 'service = "bot"\n',
        'service "bot" is none of conferencing_bridge, auto_attendant, call_queue',
    ),
    (TENANT + SERVICE.replace("+18005550100", "sales"), 'number "sales" is not a telephone number'),
    (
        TENANT + SERVICE + 'licences = ["MCOPSTN1", "MCOPSTN2"]\n',
        "holds two calling plans, MCOPSTN1 and MCOPSTN2",
    ),
    (TENANT + SERVICE + 'upn = "x"\n', 'service_numbers[1] "+18005550100": unknown key upn'),
    (
        TENANT + SERVICE + SERVICE,
        'number "+18005550100" is already that of service_numbers[1] "+18005550100"',
    ),
    # [[purchases]]
    (TENANT + '[[purchases]]\namount = "50"\n', "purchases[1]: at is missing"),
    (TENANT + PURCHASE, "purchases[1]: amount is missing"),
    (TENANT + PURCHASE + 'amount = "0"\n', "purchases[1]: amount 0 must be above 0"),
    (TENANT + PURCHASE + 'amount = "-50"\n', "purchases[1]: amount -50 must be above 0"),
    (
        TENANT + PURCHASE + 'amount = "49.99"\n',
        "purchases[1]: amount 49.99 is below the least purchase of 50 USD",
    ),
    (TENANT + PURCHASE + "amount = 50.5\n", 'purchases[1]: amount = 50.5 is a float; write "50.5" in quotes'),
    (TENANT + PURCHASE + "amount = nan\n", 'purchases[1]: amount = nan is a float; write "nan" in quotes'),
    (
        TENANT + PURCHASE + "amount = true\n",
        'amount = true is not an amount; write it in quotes, such as "50"',
    ),
    (TENANT + PURCHASE + 'amount = "1,000"\n', "purchases[1]: amount: '1,000' is not a decimal number"),
    (TENANT + PURCHASE + 'amount = "50.0000001"\n', "amount: '50.0000001' has more than 6 decimals"),
    (TENANT + PURCHASE + 'amount = "50.001"\n', "amount 50.001 is finer than USD can be paid, 2 decimals"),
    (
        TENANT.replace("USD", "JPY") + PURCHASE + 'amount = "5000.5"\n',
        "amount 5000.5 is finer than JPY can be paid, 0 decimals",
    ),
    (
        TENANT + PURCHASE + 'amount = "1000000000.01"\n',
        'amount "1000000000.01" is over the limit of 1000000000',
    ),
    (
        TENANT + PURCHASE + 'amount = "50"\ncurrency = "EUR"\n',
        "purchases[1]: unknown key currency; known are at, amount",
    ),
    (
        TENANT + '[[purchases]]\nat = 3000-01-01\namount = "50"\n',
        "purchases[1]: at 3000-01-01 is too far ahead",
    ),
    (TENANT + '[[purchases]]\nat = "May"\namount = "50"\n', 'purchases[1] "May": at "May" is not an instant'),
    # [auto_recharge]
    (TENANT + RECHARGE.replace('"100"', '"0"'), "auto_recharge: below 0 must be above 0"),
    (TENANT + RECHARGE.replace('"200"', '"-5"'), "auto_recharge: add -5 must be above 0"),
    (TENANT + RECHARGE.replace('add = "200"\n', ""), "auto_recharge: add is missing"),
    (TENANT + RECHARGE.replace('below = "100"\n', ""), "auto_recharge: below is missing"),
    (
        TENANT + RECHARGE.replace("enabled = true\n", ""),
        "auto_recharge: enabled is missing; write enabled = true or",
    ),
    (TENANT + RECHARGE.replace("true", '"yes"'), 'auto_recharge: enabled = "yes" must be true or false'),
    (
        TENANT + RECHARGE.replace('"200"', "200.0"),
        'auto_recharge: add = 200.0 is a float; write "200.0" in quotes',
    ),
    (TENANT + RECHARGE.replace('"200"', '"0.005"'), "auto_recharge: add 0.005 is finer than USD can be paid"),
    (TENANT + RECHARGE + 'cap_per_month = "0"\n', "auto_recharge: cap_per_month 0 must be above 0"),
    (TENANT + RECHARGE + 'ad = "5"\n', "auto_recharge: unknown key ad; did you mean add?"),
    # [[caps]]
    (TENANT + '[[caps]]\nid = "x"\namount = "1"\n', 'caps[1] "x": scope is missing'),
    (
        TENANT + CAP.replace("user", "team") + 'amount = "1"\n',
        'caps[1] "bob@x": scope "team" is none of user, cost_centre, tenant',
    ),
    (TENANT + CAP + 'amount = "1"\n', 'caps[1] "bob@x": no user of this file is named "bob@x"'),
    (
        TENANT + '[[caps]]\nscope = "cost_centre"\nid = "Sales"\namount = "1"\n',
        "no cost_centre of this file is named",
    ),
    (TENANT + '[[caps]]\nscope = "cost_centre"\namount = "1"\n', "caps[1]: id is missing"),
    (
        TENANT + '[[caps]]\nscope = "tenant"\nid = "d"\namount = "1"\n',
        'caps[1] "d": no tenant of this file is named',
    ),
    (TENANT + USER + CAP, 'caps[1] "bob@x": amount is missing'),
    (TENANT + USER + CAP + 'amount = "-1"\n', 'caps[1] "bob@x": amount -1 must not be below 0'),
    (
        TENANT + USER + CAP + "amount = 1.5\n",
        'caps[1] "bob@x": amount = 1.5 is a float; write "1.5" in quotes',
    ),
    (
        TENANT + USER + (CAP + 'amount = "1"\n') * 2,
        'caps[2] "bob@x": a cap of this user stands above; keep one',
    ),
    (
        TENANT + USER + 'cap_per_month = "5"\n' + CAP + 'amount = "1"\n',
        "the user has a cap_per_month already",
    ),
]


@pytest.mark.parametrize(
    ("text", "message"), REFUSALS, ids=[f"{at} {row[1]}" for at, row in enumerate(REFUSALS)]
)
def test_a_fault_is_refused_in_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    (fault,) = faults(tmp_path, text)
    assert message in fault


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    text = f"""{TENANT.replace('"US"', '"us"')}
colour = "red"
{USER}cap_per_month = 1.5
licences = ["MCOPSTN1", "MCOPSTN2", "E5"]
{USER}
{PURCHASE}amount = "10"
[[caps]]
scope = "galaxy"
id = "milky way"
amount = "1"
"""
    expected = [
        "tenant: unknown key colour",
        'tenant: country "us"',
        'users[1] "bob@x": cap_per_month = 1.5 is a float',
        'users[1] "bob@x": licences[3]: unknown plan "E5"',
        "purchases[1]: amount 10 is below",
        'caps[1] "milky way": scope "galaxy" is none of',
        'users[2] "bob@x": upn "bob@x" is already',
        'users[1] "bob@x": holds two calling plans',
    ]
    found = faults(tmp_path, text)
    assert len(found) == len(expected)
    for sentence in expected:
        assert sum(fault.startswith(sentence) for fault in found) == 1


def test_the_message_names_the_file_and_lists_the_faults(tmp_path: Path) -> None:
    path = tmp_path / "tenant.toml"
    with pytest.raises(TenantFileError) as one:
        read(tmp_path, "")
    assert str(one.value) == f"{path}: {one.value.faults[0]}"
    with pytest.raises(TenantFileError) as two:
        read(tmp_path, '[tenant]\ncountry = "US"\n')
    assert str(two.value) == f"{path}: 2 faults:\n  tenant: id is missing\n  tenant: currency is missing"


def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(TenantFileError, match=r"absent\.toml: cannot be read: No such file"):
        read_tenant(tmp_path / "absent.toml", load_catalogue())
    with pytest.raises(TenantFileError, match="cannot be read: Is a directory"):
        read_tenant(tmp_path, load_catalogue())


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tenant.toml"
    path.write_bytes(b'[tenant]\nname = "Caf\xe9"\n')
    with pytest.raises(TenantFileError, match=r"is not UTF-8 \(byte 20\); save it as UTF-8"):
        read_tenant(path, load_catalogue())


WORDS = st.sampled_from(
    ["tenant", "users", "licences", "caps", "purchases", "id", "upn", "plan", "at", "amount", "scope", "from"]
)
VALUES = st.sampled_from(
    ['"c"', '"US"', '"USD"', "5", "1.5", "true", "[]", "[[1]]", "{}", "{ plan = 1 }", "2026-03-01"]
)
LINES = st.one_of(
    st.builds("{} = {}".format, WORDS, VALUES), WORDS.map("[{}]".format), WORDS.map("[[{}]]".format)
)


@given(st.lists(LINES, max_size=8))
def test_whatever_stands_in_a_file_it_is_read_or_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        named: tuple[str, ...] = (read(folder, "\n".join([TENANT, *lines])).id,)
    except TenantFileError as refused:
        named = refused.faults
    assert named
    assert all(named)
