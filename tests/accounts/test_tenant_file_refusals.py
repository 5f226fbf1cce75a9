"""What a tenant file may not hold: a table of files, each with a part of the sentence that refuses it."""

from pathlib import Path

import pytest

from tests.accounts.tenant_texts import (
    ACCOUNT,
    CAP,
    GUARDS,
    PURCHASE,
    RECHARGE,
    SERVICE,
    TENANT,
    USER,
    bought,
    faults,
    holder,
)

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
    (TENANT.replace('"c"', '".."'), 'tenant: id ".." cannot stand in an address'),
    (TENANT.replace('"c"', '"a/b"'), 'tenant: id "a/b" cannot stand in an address'),
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
    (
        TENANT + USER + 'policies = ["calls_domestik"]\n',
        'users[1] "bob@x": policies[1]: unknown policy "calls_domestik"; did you mean calls_domestic?',
    ),
    (
        TENANT + USER + 'policies = ["calls_none", "zebra"]\n',
        'users[1] "bob@x": policies[2]: unknown policy "zebra"; known are conferencing_any, conferencing_org',
    ),
    (TENANT + USER + "policies = [1]\n", "policies[1]: unknown policy 1; known are conferencing_any"),
    (
        TENANT + USER + 'policies = "calls_none"\n',
        'users[1] "bob@x": policies = "calls_none" must be a list: write policies = [',
    ),
    (
        TENANT + USER + 'policies = ["calls_none", "conferencing_none", "calls_domestic"]\n',
        'users[1] "bob@x": policies: calls_none and calls_domestic are both for calls; keep one',
    ),
    (TENANT + USER + 'policies = ["calls_none", "calls_none"]\n', "calls_none and calls_none are both for"),
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
    # [guards]
    (TENANT + "[[guards]]\n", "guards must be one table: write [guards]"),
    (
        TENANT + GUARDS + "concurent_calls = 5\n",
        "guards: unknown key concurent_calls; did you mean concurren",
    ),
    (
        TENANT + GUARDS + "zebra = 5\n",
        "guards: unknown key zebra; known are concurrent_calls, concurrent_calls",
    ),
    (
        TENANT + GUARDS + "concurrent_calls = 0\n",
        "guards: concurrent_calls = 0 must be a whole number from 1 to 10,000,000",
    ),
    (TENANT + GUARDS + "concurrent_calls = 10000001\n", "concurrent_calls = 10000001 must be a whole number"),
    (
        TENANT + GUARDS + "concurrent_calls_per_user = true\n",
        "guards: concurrent_calls_per_user = true must be",
    ),
    (
        TENANT + GUARDS + 'concurrent_calls_per_user = "2"\n',
        'concurrent_calls_per_user = "2" must be a whole',
    ),
    (
        TENANT + GUARDS + "longest_call_s = 86401\n",
        "guards: longest_call_s = 86401 must be a whole number from 1 to 86,400",
    ),
    (TENANT + GUARDS + "longest_call_s = 0\n", "longest_call_s = 0 must be a whole number from 1 to"),
    (TENANT + GUARDS + "longest_call_s = 60.5\n", "longest_call_s = 60.5 must be a whole number"),
    (
        TENANT + GUARDS + "dear_money_an_hour = 2.5\n",
        'guards: dear_money_an_hour = 2.5 is a float; write "2.5" in quotes',
    ),
    (
        TENANT + GUARDS + 'dear_money_an_hour_per_user = "-1"\n',
        "guards: dear_money_an_hour_per_user -1 must not be below 0",
    ),
    (TENANT + GUARDS + 'dear_money_an_hour = "ten"\n', "guards: dear_money_an_hour: 'ten' is not a decimal"),
    (TENANT + GUARDS + 'dear_countries = "CU"\n', 'guards: dear_countries = "CU" must be a list'),
    (
        TENANT + GUARDS + 'dear_countries = ["SO", "cu"]\n',
        'guards: dear_countries[2] "cu" must be in capital letters: write "CU"',
    ),
    (
        TENANT + GUARDS + 'dear_countries = ["UK"]\n',
        'guards: dear_countries[1] "UK" is no country code of ISO 3166',
    ),
    (TENANT + GUARDS + 'dear_countries = ["Cuba"]\n', 'dear_countries[1] "Cuba" must be two capital letters'),
    (
        TENANT + GUARDS + "dear_countries = [53]\n",
        "dear_countries[1] 53 must be two capital letters of ISO 31",
    ),
    (
        TENANT + GUARDS + "barred_prefixes = [1900]\n",
        "guards: barred_prefixes[1] 1900 is not how an international number begins; write its digits in",
    ),
    *(
        (
            TENANT + GUARDS + f'barred_prefixes = ["1", "{wrong}"]\n',
            f'barred_prefixes[2] "{wrong}" is not how',
        )
        for wrong in ("", "+", "0900", "+1 900", "1-900", "++1", "1900*", "1234567890123456", "\u0661900")
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
