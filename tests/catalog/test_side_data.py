"""The side data against the figures of domain.md 9, 10, 11 and 15, and the refusals of its readers."""

import re
from collections.abc import Callable

import pytest

from talktime.catalog import side
from talktime.catalog.load import CatalogueError, load_catalogue

TWENTY = """
Application Administrator · Authentication Administrator · Azure AD Joined Device Local Administrator ·
Billing Administrator · Cloud Device Administrator · Company Administrator · Device Administrator ·
Global Administrator · Helpdesk Administrator · License Administrator · Lync Service Administrator ·
Privileged Authentication Administrator · Service Support Administrator · Skype for Business Administrator ·
Teams Administrator · Teams Communications Administrator · Teams Communications Support Engineer ·
Teams Communications Support Specialist · User Account Administrator · User Administrator
"""
ALIASES = {
    "company_administrator": "global_administrator",
    "lync_service_administrator": "skype_for_business_administrator",
    "user_account_administrator": "user_administrator",
}
MONEY_ROLES = {"billing_administrator", "global_administrator", "teams_administrator"}
SEEDED = ["purchase_succeeded", "recharge_succeeded", "recharge_failed", "balance_zero"]
PAYMENTS = [
    "purchase_failed",
    "payment_action_needed",
    "recharge_recovered",
    "calls_refused",
    "refund_failed",
]
OURS = [
    "balance_low",
    "runway_short",
    "lot_expires_soon",
    "lot_expired",
    "recharge_paused",
    "cap_met",
    "spend_cap_reached",
    "mode_switched",
    "unrated_waiting",
    "payment_unclear",
    "card_expires_soon",
    "refund_done",
    "dispute_opened",
    "dispute_closed",
    "invoice_ready",
    "webhook_disabled",
]


def twenty() -> set[str]:
    names = (name.strip() for name in TWENTY.split("·"))
    return {name.lower().replace(" ", "_") for name in names}


# --- roles -----------------------------------------------------------------------------------------


def test_the_roles_are_the_twenty_the_partner_and_the_operators() -> None:
    roles = side.load_roles().roles
    assert len(twenty()) == 20
    assert {role.id for role in roles.values() if role.is_of_tenant} == twenty()
    assert {role.name for role in roles.values() if role.is_of_tenant} == {
        name.strip() for name in TWENTY.split("·")
    }
    assert {role.name for role in roles.values() if role.partner} == {"Admin Agent"}
    assert {role.name for role in roles.values() if role.operator} == {"Provider", "Auditor"}


def test_a_key_without_roles_is_the_providers_or_a_global_administrators() -> None:
    assert side.load_roles().assumed("installation") == {"provider"}
    assert side.load_roles().assumed("tenant") == {"global_administrator"}


@pytest.mark.parametrize("event", [*SEEDED, *PAYMENTS, "pool_80", "pool_100"])
def test_operators_and_partners_hear_of_no_tenant(event: str) -> None:
    assert side.load_roles().recipients(event).isdisjoint({"provider", "auditor", "admin_agent"})


def test_three_roles_are_other_names_of_three() -> None:
    roles = side.load_roles()
    assert {role.id: role.alias_of for role in roles.roles.values() if role.alias_of} == ALIASES
    for alias, role in ALIASES.items():
        assert roles.canonical(alias) == roles.canonical(role) == role


@pytest.mark.parametrize("event", [*SEEDED, *PAYMENTS])
def test_all_twenty_hear_of_payments_and_an_empty_balance(event: str) -> None:
    roles = side.load_roles()
    assert {role for role in twenty() if roles.canonical(role) in roles.recipients(event)} == twenty()
    assert not roles.events[event].configurable


@pytest.mark.parametrize("event", ["pool_80", "pool_100"])
def test_pool_notices_leave_out_device_and_skype_with_its_alias(event: str) -> None:
    roles = side.load_roles()
    told = {role for role in twenty() if roles.canonical(role) in roles.recipients(event)}
    assert twenty() - told == {
        "device_administrator",
        "skype_for_business_administrator",
        "lync_service_administrator",
    }


@pytest.mark.parametrize("event", OURS)
def test_our_events_go_to_billing_global_and_teams_and_may_be_changed(event: str) -> None:
    roles = side.load_roles()
    assert roles.recipients(event) == MONEY_ROLES
    assert roles.events[event].configurable


def test_no_event_is_missing_or_one_too_many() -> None:
    assert set(side.load_roles().events) == {*SEEDED, *PAYMENTS, "pool_80", "pool_100", *OURS}


BUYERS = {"global_administrator", "billing_administrator", "provider"}
SEE_NAMES = {
    "global_administrator",
    "teams_administrator",
    "teams_communications_administrator",
    "skype_for_business_administrator",
    "provider",
    "auditor",
}
LICENSERS = {"global_administrator", "license_administrator", "user_administrator", "provider"}
RIGHTS = {  # the table of domain.md 11; all operations stand in tests/accounts/test_rights.py
    "buy_credits": BUYERS,
    "edit_auto_recharge": BUYERS,
    "edit_payment_methods": BUYERS,
    "set_default_billing_account": BUYERS,
    "manage_pay_as_you_go": BUYERS,
    "see_usage": SEE_NAMES,
    "see_pool_reports": SEE_NAMES,
    "assign_licences": LICENSERS,
    "set_usage_location": LICENSERS,
    "see_balance": {*twenty(), "admin_agent", "provider", "auditor"},
    "see_notices": {*twenty(), "provider", "auditor"},
    "manage_support_tickets": {*BUYERS, "service_support_administrator", "helpdesk_administrator"},
    "fund_on_behalf": {"admin_agent"},
    "turn_auto_recharge_off": {*BUYERS, "admin_agent"},
}


@pytest.mark.parametrize("operation", RIGHTS)
def test_who_may_do_it(operation: str) -> None:
    roles = side.load_roles()
    expected = RIGHTS[operation] | {alias for alias, role in ALIASES.items() if role in RIGHTS[operation]}
    assert {role for role in roles.roles if roles.may([role], operation)} == expected


def test_roles_add_up_and_no_role_may_nothing() -> None:
    roles = side.load_roles()
    assert roles.may(["helpdesk_administrator", "company_administrator"], "buy_credits")
    assert not roles.may([], "see_balance")


# --- features --------------------------------------------------------------------------------------

DOMESTIC = ("MCOPSTN1", "MCOPSTN5", "MCOPSTN6", "MCOPSTN8")
WAYS = {  # feature: (plans that are enough, when money is taken, whose licences, which minutes)
    "toll_dial_in": [("MCOMEETADD", "never", "organiser", "")],
    "toll_free_dial_in": [("MCOMEETADD", "every_minute", "organiser", "")],
    "dial_out_zone_a": [("MCOMEETADD", "after_pool", "organiser", "")],
    "dial_out_elsewhere": [("MCOMEETADD MCOPSTNC", "every_minute", "organiser", "")],
    "dial_out_us_ca": [("MCOMEETADD MCOMEETADD_DIALOUT_US", "never", "organiser", "")],
    "conferencing_pay_per_minute": [("MCOMEETACPEA", "every_minute", "organiser", "in and out")],
    "domestic_calls": [(f"MCOEV {plan}", "after_pool", "user", "") for plan in (*DOMESTIC, "MCOPSTN2")],
    "international_calls": [
        ("MCOEV MCOPSTN2", "after_pool", "user", ""),
        *((f"MCOEV {plan}", "every_minute", "user", "") for plan in DOMESTIC),
    ],
    "calls_without_minutes": [("MCOEV MCOPSTNPP", "every_minute", "user", "outgoing")],
    "voice_apps": [("MCOEV_VIRTUALUSER", "every_minute", "resource_account", "toll-free inbound")],
    "own_operator": [("MCOEV", "operator_bills", "user", "")],
}


@pytest.mark.parametrize("feature", WAYS)
def test_what_a_feature_needs(feature: str) -> None:
    ways = side.load_features().features[feature].ways
    for plans, money, holder, paid in WAYS[feature]:
        held = plans.split()
        met = [way for way in ways if way.is_met_by(held)]
        assert [(way.money, way.holder, way.paid) for way in met] == [(money, holder, paid)]
        for missing in held:
            assert not any(way.is_met_by(set(held) - {missing}) for way in ways)


def test_features_ask_for_plans_that_the_catalogue_has() -> None:
    features = side.load_features()
    assert set(features.features) == set(WAYS)
    needed = {p for f in features.features.values() for way in f.ways for need in way.needs for p in need}
    assert needed <= set(load_catalogue().plans)
    assert set(features.allowances) <= set(load_catalogue().plans)


@pytest.mark.parametrize(
    ("phones", "shared_devices", "free"),
    [(0, 0, 25), (9, 0, 25), (10, 0, 26), (5, 5, 26), (99, 0, 34), (100, 10, 36)],
)
def test_resource_accounts_come_free(phones: int, shared_devices: int, free: int) -> None:
    allowance = side.load_features().allowances["MCOEV_VIRTUALUSER"]
    assert allowance.licences({"MCOEV": phones, "MCOCAP": shared_devices, "MCOPSTN1": 500}) == free


# --- days kept, hidden digits, policies ------------------------------------------------------------

KEPT = {
    "CA": (150, 150),
    "CH": (365, 365),
    "DK": (365, 365),
    "FI": (365, 365),
    "FR": (365, 365),
    "KR": (365, 365),
    "IT": (730, 730),
    "MX": (720, 730),
    "NL": (180, 180),
    "SE": (180, 180),
    "NO": (150, 150),
    "GB": (450, 450),
    "US": (365, 150),
    "ZW": (365, 150),
    "": (365, 150),
}


@pytest.mark.parametrize(("country", "days"), KEPT.items())
def test_days_usage_is_kept(country: str, days: tuple[int, int]) -> None:
    kept = side.load_retention().kept(country)
    assert (kept.calling_plans_days, kept.own_operator_days) == days


def test_no_other_country_keeps_usage_differently() -> None:
    retention = side.load_retention()
    assert set(retention.countries) == {country for country, days in KEPT.items() if days != (365, 150)}


def test_digits_hidden() -> None:
    expected = dict(pair.split(":") for pair in
                    "BE:3 CH:4 DE:3 DK:3 ES:3 FI:3 FR:4 IT:3 NL:3 NO:3 SE:3".split())  # fmt: skip
    masking = side.load_masking()
    assert masking.hidden_digits == {country: int(digits) for country, digits in expected.items()}
    assert masking.hidden("CH") == 4
    assert masking.hidden("US") == 0


POLICIES = {  # policy: destinations that it lets through, of those below
    "conferencing_any": {"home, zone A", "home, elsewhere", "abroad, zone A", "abroad, elsewhere"},
    "conferencing_organiser_country": {"home, zone A", "home, elsewhere"},
    "conferencing_zone_a": {"home, zone A", "abroad, zone A"},
    "conferencing_none": set(),
    "calls_international_and_domestic": {"domestic", "international"},
    "calls_domestic": {"domestic"},
    "calls_none": set(),
}
CONFERENCING = {
    "home, zone A": {"organiser_country", "zone_a"},
    "home, elsewhere": {"organiser_country"},
    "abroad, zone A": {"zone_a"},
    "abroad, elsewhere": set(),
}
CALLS = {"domestic": {"domestic"}, "international": {"international"}}


@pytest.mark.parametrize("policy", POLICIES)
def test_what_a_dial_out_policy_lets_through(policy: str) -> None:
    found = side.load_policies().policies[policy]
    reached: dict[str, set[str]] = {"conferencing": CONFERENCING, "calls": CALLS}[found.kind]
    assert {name for name, words in reached.items() if found.permits(words)} == POLICIES[policy]


def test_who_is_held_to_no_policy_may_call_everywhere_and_emergencies_always_go_through() -> None:
    policies = side.load_policies()
    assert set(policies.policies) == set(POLICIES)
    assert policies.default("conferencing").id == "conferencing_any"
    assert policies.default("calls").id == "calls_international_and_domestic"
    assert policies.never_barred == {"emergency"}
    assert policies.never_barred <= set(load_catalogue().categories)


# --- currencies and eligibility --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("currency", "decimals"),
    [
        ("USD", 2),
        ("EUR", 2),
        ("GBP", 2),
        ("JPY", 0),
        ("KRW", 0),
        ("ISK", 0),
        ("KWD", 3),
        ("TND", 3),
        ("CLF", 4),
    ],
)
def test_decimals_of_a_currency(currency: str, decimals: int) -> None:
    assert side.load_currencies().minor_units[currency] == decimals


def test_currencies_are_codes_of_three_letters_and_no_metals() -> None:
    codes = set(side.load_currencies().minor_units)
    assert all(re.fullmatch("[A-Z]{3}", code) for code in codes)
    assert len(codes) == 166  # 165 of the standard's list and BGN
    assert codes.isdisjoint({"XAU", "XAG", "XDR", "XTS", "XXX", "HRK", "ZWL", "ANG", "SLL"})


def test_the_least_purchase_is_fifty_units() -> None:
    currencies = side.load_currencies()
    assert {currencies.minimum_purchase_micros(code) for code in currencies.minor_units} == {50_000_000}


def test_a_currency_may_have_its_own_least_purchase() -> None:
    text = '[numbers]\nJPY = 392\nUSD = 840\n[minor_units]\n0 = ["JPY"]\n2 = ["USD"]\n'
    text += '[minimum_purchase]\ndefault = "50"\n'
    currencies = side.read_currencies(f'{text}[minimum_purchase.by_currency]\nJPY = "5000"\n')
    assert currencies.minimum_purchase_micros("JPY") == 5_000_000_000
    assert currencies.minimum_purchase_micros("USD") == 50_000_000


def test_every_currency_has_its_number() -> None:
    numbers = side.load_currencies().numbers
    known = {"USD": 840, "EUR": 978, "GBP": 826, "CAD": 124, "JPY": 392, "AUD": 36}
    assert {code: numbers[code] for code in known} == known
    assert len(set(numbers.values())) == len(numbers)


def test_where_credits_are_not_offered() -> None:
    assert side.load_eligibility().not_offered == set("RU KR TW IN CN".split())


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("US", "CA", True), ("DE", "GB", True), ("US", "DE", False), ("AU", "AU", True), ("AU", "NZ", False)],
)
def test_regions_of_enterprise_agreements(one: str, other: str, same: bool) -> None:
    eligibility = side.load_eligibility()
    assert eligibility.same_region(one, other) == eligibility.same_region(other, one) == same
    assert set(eligibility.regions) <= set(load_catalogue().dialling)


def test_plans_that_credits_are_for() -> None:
    eligibility, plans = side.load_eligibility(), load_catalogue().plans
    assert eligibility.qualifying_kinds <= {plan.kind for plan in plans.values()}
    assert eligibility.add_ons <= set(plans)
    assert [rule.id for rule in eligibility.rules.values() if rule.by_partner] == [
        "country_offered",
        "has_qualifying_licence",
    ]


def test_each_rule_of_buying_says_what_to_do() -> None:
    rules = side.load_eligibility().rules
    assert list(rules) == [
        "subscriptions_on_mosa",
        "default_account_is_mosa",
        "not_through_csp",
        "ea_region_matches",
        "country_offered",
        "has_qualifying_licence",
    ]
    assert "default billing account" in rules["default_account_is_mosa"].remedy
    assert "partner" in rules["not_through_csp"].remedy
    assert "support ticket" in rules["ea_region_matches"].remedy
    assert all(rule.asks and rule.remedy.endswith(".") for rule in rules.values())


# --- refusals --------------------------------------------------------------------------------------

ROLE = '[[role]]\nid = "a"\nname = "A"\n'
GROUP = '[[group]]\nid = "g"\nroles = ["a"]\n'
EVENT = '[[event]]\nid = "e"\ngroup = "g"\n'
RIGHT = '[[right]]\noperations = ["o"]\ngroup = "g"\n'
WAY = 'ways = [{ needs = [["P"]], holder = "user", money = "never" }]\n'
REASON = '[[reason]]\nid = "r"\nsays = "S"\nkeeps = "K"\nmoney = "never"\n'
ALLOWANCE = REASON + 'trait = "t"\n[[allowance]]\nplan = "P"\nfree = 1\none_more_per = 10\nof = ["Q"]\n'
POLICY = '[[policy]]\nid = "{0}"\nkind = "{1}"\nname = "N"\nallows = []\ndefault = true\n'
BOTH = "never_barred = []\n" + POLICY.format("c", "conferencing") + POLICY.format("d", "calls")
LISTS = "not_offered = []\nqualifying_kinds = []\nadd_ons = []\n[regions]\n"
MINIMUM = '[numbers]\n[minimum_purchase]\ndefault = "50"\n'

REFUSALS: list[tuple[Callable[[str], object], str, str]] = [
    (side.read_roles, "role = [", "roles.toml: not TOML"),
    (side.read_roles, ROLE, "roles.toml: the key 'group' is missing"),
    (side.read_roles, "rolle = []\n" + ROLE + GROUP + EVENT + RIGHT, "roles.toml: unknown key 'rolle'"),
    (side.read_roles, "role = [1]\n" + GROUP + EVENT + RIGHT, "roles.toml: role 1: 1 is not a table"),
    (side.read_roles, ROLE + "nam = 1\n" + GROUP + EVENT + RIGHT, "roles.toml: role 'a': unknown key 'nam'"),
    (side.read_roles, ROLE + "partner = 1\n" + GROUP + EVENT + RIGHT, "partner = 1 is not of type bool"),
    (
        side.read_roles,
        ROLE + 'assumed_for = "moon"\n' + GROUP + EVENT + RIGHT,
        "roles.toml: role 'a': 'moon' is none of installation, tenant",
    ),
    (
        side.read_roles,
        ROLE + GROUP + EVENT + RIGHT.replace('group = "g"', 'roles = ["a"]\nalso = ["a"]'),
        "roles.toml: right 1: unknown key 'also'",
    ),
    (
        side.read_roles,
        ROLE + GROUP + EVENT + RIGHT + 'also = ["b"]\n',
        "roles.toml: right 1: 'b' is none of a",
    ),
    (side.read_roles, ROLE + ROLE + GROUP + EVENT + RIGHT, "roles.toml: role 'a': stands twice"),
    (
        side.read_roles,
        ROLE + 'alias_of = "b"\n' + GROUP + EVENT + RIGHT,
        "alias_of 'b' is no role of its own",
    ),
    (side.read_roles, ROLE + GROUP.replace('"a"', '"b"') + EVENT + RIGHT, "group 'g': 'b' is none of a"),
    (
        side.read_roles,
        ROLE + GROUP + "without = []\n" + EVENT + RIGHT,
        "group 'g': needs either roles or without",
    ),
    (side.read_roles, ROLE + GROUP.replace('["a"]', "[1]") + EVENT + RIGHT, "[1] is not a list of words"),
    (side.read_roles, ROLE + GROUP + EVENT.replace('"g"', '"h"') + RIGHT, "event 'e': 'h' is none of g"),
    (
        side.read_roles,
        ROLE + GROUP + EVENT + RIGHT + 'roles = ["a"]\n',
        "right 1: needs either roles or a group",
    ),
    (side.read_roles, ROLE + GROUP + EVENT + RIGHT + RIGHT, "right 2: operation 'o' stands twice"),
    (side.read_features, "feature = []\n", "features.toml: the key 'allowance' is missing"),
    (
        side.read_features,
        f'[[feature]]\nid = "f"\nname = "F"\n{WAY.replace("never", "sometimes")}{ALLOWANCE}',
        "features.toml: feature 'f': 'sometimes' is none of after_pool, every_minute, never, operator_bills",
    ),
    (
        side.read_features,
        f'[[feature]]\nid = "f"\nname = "F"\n{WAY.replace("user", "guest")}{ALLOWANCE}',
        "'guest' is none of organiser, resource_account, user",
    ),
    (
        side.read_features,
        f'[[feature]]\nid = "f"\nname = "F"\n{WAY.replace("[[", "[").replace("]]", "]")}{ALLOWANCE}',
        "feature 'f': 'P' is not a list of words",
    ),
    (side.read_features, "feature = []\n" + ALLOWANCE.replace("10", "0"), "one_more_per must be at least 1"),
    (
        side.read_features,
        "feature = []\nallowance = []\n" + REASON,
        "features.toml: reason 'r': needs exactly one of number_kind, services, trait, plans",
    ),
    (
        side.read_features,
        "feature = []\nallowance = []\n" + REASON + 'trait = "t"\nplans = "calling"\n',
        "features.toml: reason 'r': needs exactly one of",
    ),
    (
        side.read_features,
        "feature = []\nallowance = []\n" + REASON + 'plans = "calling"\n',
        "features.toml: reason 'r': reach stands with plans, and only there",
    ),
    (
        side.read_features,
        "feature = []\nallowance = []\n" + REASON + 'plans = "calling"\nreach = "moon"\n',
        "features.toml: reason 'r': 'moon' is none of beyond, pool",
    ),
    (side.read_features, "feature = []\n" + ALLOWANCE.replace("10", "true"), "True is not of type int"),
    (
        side.read_retention,
        "[default]\ncalling_plans = 1\nown_operator = 2\n[countries]\nNO = { own_operator = 2 }\n",
        "retention.toml: NO: the key 'calling_plans' is missing",
    ),
    (
        side.read_retention,
        "[default]\ncalling_plans = 1\nown_operator = 2\nours = 3\n[countries]\n",
        "retention.toml: default: unknown key 'ours'",
    ),
    (
        side.read_masking,
        '[hidden_digits]\nBE = "3"\n',
        "masking.toml: hidden_digits: BE = '3' is not of type int",
    ),
    (side.read_policies, BOTH.replace("calls", "texts"), "'texts' is none of calls, conferencing"),
    (side.read_policies, BOTH.replace("allows = []", 'allows = ["moon"]'), "policy 'c': 'moon' is none of"),
    (
        side.read_policies,
        BOTH.replace("default = true", "default = false"),
        "policies.toml: exactly one policy of kind 'conferencing' must say default = true",
    ),
    (side.read_currencies, f"[minor_units]\nx = []\n{MINIMUM}", "minor_units: unknown key 'x'"),
    (
        side.read_currencies,
        f'[minor_units]\n0 = ["JPY"]\n2 = ["JPY"]\n{MINIMUM}',
        "currencies.toml: minor_units: 'JPY' stands twice",
    ),
    (side.read_currencies, "[minor_units]\n" + MINIMUM.replace('"50"', "50.0"), "50.0 is not of type str"),
    (
        side.read_currencies,
        "[minor_units]\n" + MINIMUM.replace("50", "fifty"),
        "'fifty' is not a decimal number",
    ),
    (
        side.read_currencies,
        f'[minor_units]\n2 = ["USD"]\n{MINIMUM}by_currency = {{ EUR = "60" }}\n',
        "minimum_purchase.by_currency: unknown key 'EUR'; known are USD",
    ),
    (
        side.read_currencies,
        f'[minor_units]\n2 = ["USD"]\n{MINIMUM}',
        "currencies.toml: numbers: the key 'USD' is missing",
    ),
    (
        side.read_eligibility,
        "warning = []\n" + LISTS + '[[rule]]\nid = "r"\nasks = "A"\n',
        "eligibility.toml: rule 'r': the key 'remedy' is missing",
    ),
    (
        side.read_eligibility,
        "warning = []\nrule = []\n" + LISTS + 'a = ["SE"]\nb = ["NO", "SE"]\n',
        "eligibility.toml: regions: SE stands in a and in b",
    ),
    (
        side.read_eligibility,
        "rule = []\n" + LISTS + '[[warning]]\nid = "w"\nsays = "S"\n',
        "eligibility.toml: warning 'w': the key 'remedy' is missing",
    ),
]


@pytest.mark.parametrize(("read", "text", "message"), REFUSALS, ids=[part for _, _, part in REFUSALS])
def test_a_fault_in_the_data_is_named(read: Callable[[str], object], text: str, message: str) -> None:
    with pytest.raises(CatalogueError, match=re.escape(message)):
        read(text)
