"""The tenant file: what it gives, what it leaves to defaults, and licences that add up."""

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
    Guards,
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
from tests.accounts.tenant_texts import CONTOSO, GUARDS, PURCHASE, TENANT, USER, bought, faults, holder, read


def us(*when: int) -> int:
    return to_us(datetime(*when, tzinfo=UTC))  # type: ignore[arg-type, misc]


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
                ("calls_domestic", "conferencing_zone_a"),
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
        guards=Guards(40, 2, 14_400, 20_000_000, 2_500_000, ("CU", "SO"), ("1900", "882")),
        deck="rates.csv",
    )


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


# --- licences that add up --------------------------------------------------------------------------


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
    "guards without a limit": GUARDS,
    "the narrowest guards": GUARDS
    + "concurrent_calls = 1\nconcurrent_calls_per_user = 1\nlongest_call_s = 1\n"
    + 'dear_money_an_hour = "0"\ndear_money_an_hour_per_user = 0\nbarred_prefixes = ["1"]\n',
    "the widest guards": GUARDS
    + "concurrent_calls = 10000000\nlongest_call_s = 86400\n"
    + 'dear_money_an_hour = "1000000000"\nbarred_prefixes = ["+123456789012345"]\n',
    "a policy of each kind": USER + 'policies = ["calls_none", "conferencing_none"]\n',
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


# --- the message -----------------------------------------------------------------------------------


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
