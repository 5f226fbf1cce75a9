"""Administrators, alerts, papers' addresses, the whole rule of auto-recharge, cost centres: file and back."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts.documents import tenant_of, tenant_text
from talktime.accounts.tenant import (
    Administrator,
    Alerts,
    AutoRecharge,
    BillingAccount,
    CostCentre,
    PaymentMethod,
    Tenant,
    Waiver,
)
from talktime.accounts.tenant_changes import settings_put
from talktime.accounts.tenant_checks import check_tenant
from talktime.accounts.tenant_file import tenant_of_table
from talktime.accounts.tenant_tables import settings_tables, tenant_tables
from talktime.catalog.load import load_catalogue
from tests.accounts.tenant_texts import RECHARGE, SERVICE, TENANT, USER, faults, read

UNIT = 1_000_000
FULL_TEXT = f"""{TENANT}
[[billing_accounts]]
id = "direct"
agreement = "MOSA"
name = "Contoso Ltd, Finance"
address = [" 1 Main Street", "Redmond, WA 98052"]
tax_id = "US-12-3456789"
purchase_order = "PO 4711"

[auto_recharge]
enabled = true
below = "100"
target = "500.50"
least = "50"
most = "250"
cap_per_month = "1000"
payments_a_day = 3
cool_down_s = 900
method = "visa"

[[cost_centres]]
id = "EMEA"
name = "Europe"

[[cost_centres]]
id = "Sales"
parent = "EMEA"

[[administrators]]
upn = "ana@contoso.example"
name = "Ana"
mail = "ana.phones@contoso.example"
roles = ["company_administrator", "billing_administrator", "company_administrator"]

[[administrators]]
upn = "bob@contoso.example"

[alerts]
low = ["20", "100.5", 50]
runway_days = 7
recipients = {{ runway_short = ["teams_administrator"], balance_low = ["billing_administrator"] }}
chat = ["slack://token/room", "slack://token/room"]
"""
FULL = Tenant(
    "c",
    "c",
    "US",
    "USD",
    default_billing_account="direct",
    billing_accounts=(
        BillingAccount(
            "direct",
            "MOSA",
            "US",
            name="Contoso Ltd, Finance",
            address=("1 Main Street", "Redmond, WA 98052"),
            tax_id="US-12-3456789",
            purchase_order="PO 4711",
        ),
    ),
    auto_recharge=AutoRecharge(
        enabled=True,
        below_micros=100 * UNIT,
        add_micros=0,
        cap_per_month_micros=1000 * UNIT,
        target_micros=500_500_000,
        least_micros=50 * UNIT,
        most_micros=250 * UNIT,
        payments_a_day=3,
        cool_down_s=900,
        method="visa",
    ),
    cost_centres=(CostCentre("EMEA", "", "Europe"), CostCentre("Sales", "EMEA")),
    administrators=(
        Administrator(
            "ana@contoso.example",
            "Ana",
            "ana.phones@contoso.example",
            ("company_administrator", "billing_administrator"),
        ),
        Administrator("bob@contoso.example"),
    ),
    alerts=Alerts(
        low_micros=(100_500_000, 50 * UNIT, 20 * UNIT),
        runway_days=7,
        recipients=(
            ("balance_low", ("billing_administrator",)),
            ("runway_short", ("teams_administrator",)),
        ),
        chat=("slack://token/room",),
    ),
)
CARD = PaymentMethod("visa", "sandbox", "tok_1", "Visa", "4242", "2027-03", "fp", default=True)


def test_all_settings_of_a_file(tmp_path: Path) -> None:
    assert read(tmp_path, FULL_TEXT) == FULL


def test_settings_are_read_back_as_they_were() -> None:
    assert tenant_of_table(settings_tables(FULL), load_catalogue()) == FULL
    assert tenant_of_table(tenant_tables(FULL), load_catalogue()) == FULL


def test_what_stands_nowhere_is_the_default(tmp_path: Path) -> None:
    tenant = read(tmp_path, TENANT + RECHARGE + "[alerts]\n")
    assert (tenant.administrators, tenant.alerts, tenant.cost_centres) == ((), Alerts(), ())
    assert (tenant.status, tenant.partner, tenant.waivers, tenant.payment_methods) == ("active", "", (), ())
    assert tenant.auto_recharge == AutoRecharge(True, 100 * UNIT, 200 * UNIT)


def test_runway_may_be_told_never(tmp_path: Path) -> None:
    tenant = read(tmp_path, TENANT + "[alerts]\nrunway_days = 0\n")
    assert tenant.alerts.runway_days == 0
    assert tenant_of_table(settings_tables(tenant), load_catalogue()) == tenant


# --- documents ---------------------------------------------------------------------------------------


def test_a_document_stored_before_these_settings_still_loads() -> None:
    stored = json.loads(tenant_text(Tenant("c", "Contoso", "US", "USD")))
    for name in (
        "administrators",
        "alerts",
        "cost_centres",
        "payment_methods",
        "waivers",
        "status",
        "partner",
    ):
        del stored[name]
    stored["billing_accounts"] = [
        {"id": "direct", "agreement": "MOSA", "country": "US", "post_usage_enabled": True}
    ]
    stored["auto_recharge"] = {
        "enabled": True,
        "below_micros": 10 * UNIT,
        "add_micros": 50 * UNIT,
        "cap_per_month_micros": None,
    }
    tenant = tenant_of(json.dumps(stored), (), ())
    assert tenant.status == "active"
    assert tenant.billing_accounts == (BillingAccount("direct", "MOSA", "US"),)
    assert tenant.auto_recharge == AutoRecharge(True, 10 * UNIT, 50 * UNIT)


def test_a_document_keeps_everything() -> None:
    kept = replace(
        FULL,
        payment_methods=(CARD,),
        waivers=(Waiver("ea_region_matches", "moved", 5, "key 1"),),
        status="suspended",
        partner="fourth-coffee",
    )
    assert tenant_of(tenant_text(kept), (), ()) == kept


def test_new_settings_leave_cards_waivers_status_and_partner_alone() -> None:
    own = {
        "payment_methods": (CARD,),
        "waivers": (Waiver("ea_region_matches", "moved", 5, "key 1"),),
        "status": "suspended",
        "partner": "fourth-coffee",
    }
    tenant = replace(FULL, **own)  # type: ignore[arg-type]
    tables = {"tenant": {"id": "c", "country": "US", "currency": "USD", "name": "New"}}
    change = settings_put(tenant, tables, load_catalogue())
    assert change.tenant == replace(Tenant("c", "New", "US", "USD"), **own)  # type: ignore[arg-type]
    assert tenant_of(change.documents[0].text, (), ()) == change.tenant
    same = settings_put(tenant, settings_tables(tenant), load_catalogue())
    assert same.tenant == tenant
    assert same.before == same.after


# --- refusals ----------------------------------------------------------------------------------------

RULE = "[auto_recharge]\nenabled = true\n"
ON = f'{RULE}below = "10"\nadd = "50"\n'
ADMIN = '[[administrators]]\nupn = "ana@x"\n'
ACCOUNT = '[[billing_accounts]]\nid = "a"\nagreement = "EA"\n'
ALERTS = "[alerts]\n"
CENTRES = '[[cost_centres]]\nid = "A"\nparent = "B"\n[[cost_centres]]\nid = "B"\n'

REFUSALS = [
    # auto-recharge
    (
        RULE + 'below = "10"\nadd = "49.99"\n',
        "auto_recharge: add 49.99 is below the least purchase of 50 USD",
    ),
    (
        RULE + 'below = "10"\ntarget = "49"\n',
        "auto_recharge: target 49 is below the least purchase of 50 USD",
    ),
    (ON + 'most = "9"\n', "auto_recharge: most 9 is below the least purchase"),
    (RULE + 'below = "10"\nadd = "50.001"\n', "auto_recharge: add 50.001 is finer than USD can be paid"),
    (RULE + 'below = "10"\n', "auto_recharge: add is missing"),
    (RULE + 'below = "60"\ntarget = "60"\n', "auto_recharge: target 60 must be above below 60"),
    (RULE + 'below = "70"\ntarget = "60"\n', "auto_recharge: target 60 must be above below 70"),
    (ON + 'target = "60"\n', "add and target are two ways to refill; keep one"),
    (
        RULE + 'below = "100.01"\nadd = "50"\ncap_per_month = "100"\n',
        "auto_recharge: below 100.01 can never be met; it is above cap_per_month 100",
    ),
    (
        ON + 'least = "80"\nmost = "79.99"\n',
        "auto_recharge: least 80 must not be above most 79.99",
    ),
    (
        ON + 'least = "80"\ncap_per_month = "79"\n',
        "auto_recharge: least 80 must not be above cap_per_month 79",
    ),
    (RULE + 'below = "10"\nadd = "nan"\n', "auto_recharge: add: 'nan' is not a decimal number"),
    (ON + "payments_a_day = 0\n", "payments_a_day = 0 must be a whole number"),
    (
        ON + "cool_down_s = 604801\n",
        "cool_down_s = 604801 must be a whole number",
    ),
    (
        ON + "cooldown_s = 1\n",
        "unknown key cooldown_s; did you mean cool_down_s?",
    ),
    # administrators
    (
        ADMIN + ADMIN.replace("ana", "ANA"),
        'administrators[2] "ANA@x": upn "ANA@x" is already that of administrators[1] "ana@x"',
    ),
    (
        ADMIN + 'roles = ["billing_admin"]\n',
        'unknown role "billing_admin"; did you mean billing_',
    ),
    (ADMIN + 'roles = ["provider"]\n', 'administrators[1] "ana@x": roles[1]: provider acts from outside'),
    (ADMIN + 'roles = ["admin_agent"]\n', "roles[1]: admin_agent acts from outside"),
    (ADMIN + "roles = [1]\n", 'administrators[1] "ana@x": roles[1]: unknown role 1'),
    (ADMIN + 'roles = "provider"\n', 'roles = "provider" must be a list'),
    (ADMIN + 'mail = "ana"\n', 'administrators[1] "ana@x": mail "ana" is not a mail address'),
    (ADMIN + 'mail = "a@x\\nBcc: b@x"\n', "is not a mail address"),
    (ADMIN + 'mail = "Ana <a@x>"\n', 'mail "Ana <a@x>" is not a mail address'),
    (ADMIN.replace("ana@x", "ana"), "upn is not a mail address, so mail is needed"),
    (ADMIN + 'email = "a@x"\n', 'administrators[1] "ana@x": unknown key email; did you mean mail?'),
    ("[[administrators]]\n", "administrators[1]: upn is missing"),
    # alerts
    (ALERTS + 'low = ["0"]\n', "alerts: low[1] 0 must be above 0"),
    (ALERTS + 'low = ["-1"]\n', "alerts: low[1] -1 must be above 0"),
    (ALERTS + 'low = ["5", "5.0"]\n', "alerts: low[2] 5 stands twice; list it once"),
    (ALERTS + "low = [5.5]\n", 'alerts: low[1] = 5.5 is a float; write "5.5" in quotes'),
    (ALERTS + 'low = ["inf"]\n', "alerts: low[1]: 'inf' is not a decimal number"),
    (ALERTS + f"low = {list(range(1, 22))}\n", "alerts: low has 21 levels; at most 20 are told"),
    (ALERTS + "runway_days = 366\n", "alerts: runway_days = 366 must be a whole number from 0 to 365"),
    (ALERTS + "runway_days = -1\n", "runway_days = -1 must be a whole number"),
    (ALERTS + 'recipients = ["x"]\n', "alerts: recipients must be a table of events"),
    (
        ALERTS + 'recipients = { balance_lo = ["teams_administrator"] }\n',
        "alerts: recipients: unknown event balance_lo; did you mean balance_low?",
    ),
    (
        ALERTS + 'recipients = { balance_zero = ["teams_administrator"] }\n',
        "alerts: recipients: balance_zero is always told to the same roles",
    ),
    (ALERTS + "recipients = { balance_low = [] }\n", "recipients.balance_low must be a list of at least one"),
    (ALERTS + 'recipients = { balance_low = ["boss"] }\n', 'recipients.balance_low[1]: unknown role "boss"'),
    (ALERTS + 'chat = ["room"]\n', "alerts: chat[1] must be an address such as slack://... in quotes"),
    # billing accounts
    (ACCOUNT + 'address = "Main Street"\n', 'address = "Main Street" must be a list'),
    (ACCOUNT + 'address = ["Main\\nStreet"]\n', "must be one line of text, in quotes"),
    (ACCOUNT + f"address = {['x'] * 11}\n", "address has 11 lines; at most 10 fit on a paper"),
    (ACCOUNT + "tax_id = 5\n", "tax_id = 5 is not text"),
    # cost centres
    (CENTRES + 'parent = "B"\n', 'cost_centres[2] "B": its parents form a circle, B > B'),
    (
        CENTRES.replace('"B"\n[[', '"C"\n[['),
        'cost_centres[1] "A": parent "C" is no cost centre',
    ),
    (
        CENTRES + '[[cost_centres]]\nid = "a"\n',
        'cost_centres[3] "a": id "a" is already that of cost_',
    ),
    (
        CENTRES + USER + 'cost_centre = "D"\n',
        'users[1] "bob@x": no [[cost_centres]] has the id "D"',
    ),
    (
        CENTRES + SERVICE + 'cost_centre = "b"\n',
        'service_numbers[1] "+18005550100": no [[cost_centres]] has the id "b"; did you mean B?',
    ),
    (
        CENTRES + '[[caps]]\nscope = "cost_centre"\nid = "D"\namount = "1"\n',
        'caps[1] "D": no cost_centre of this file is named "D"',
    ),
]


@pytest.mark.parametrize(("text", "message"), REFUSALS, ids=[row[1] for row in REFUSALS])
def test_a_fault_is_refused_in_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    (fault,) = faults(tmp_path, TENANT + text)
    assert message in fault


def test_every_cost_centre_of_a_circle_is_named(tmp_path: Path) -> None:
    text = "".join(
        f'[[cost_centres]]\nid = "{own}"\nparent = "{parent}"\n' for own, parent in ("AB", "BC", "CB", "DA")
    )
    assert faults(tmp_path, TENANT + text) == (
        'cost_centres[2] "B": its parents form a circle, B > C > B',
        'cost_centres[3] "C": its parents form a circle, C > B > C',
    )


def test_a_secret_of_a_chat_room_is_not_repeated_in_the_sentence(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, TENANT + ALERTS + 'chat = ["slack token secret"]\n')
    assert "secret" not in fault


def test_a_cap_may_hold_a_declared_cost_centre_that_nobody_is_in_yet(tmp_path: Path) -> None:
    cap = '[[caps]]\nscope = "cost_centre"\nid = "B"\namount = "1"\n'
    assert read(tmp_path, TENANT + CENTRES + cap).caps[0].id == "B"


@given(st.dictionaries(st.sampled_from("ABCDEFGH"), st.sampled_from(" ABCDEFGH"), min_size=1))
def test_parents_are_refused_exactly_where_a_way_up_does_not_end(parents: dict[str, str]) -> None:
    parents = {own: parent.strip() if parent in parents else "" for own, parent in parents.items()}
    tenant = Tenant("c", "c", "US", "USD", cost_centres=tuple(CostCentre(*pair) for pair in parents.items()))

    def ends(centre: str) -> bool:
        for _ in range(9):
            centre = parents.get(centre, "")
        return not centre

    found = list(check_tenant(tenant, load_catalogue()))
    assert (not found) == all(map(ends, parents))


def test_one_payment_method_is_the_default_and_the_rule_names_one_of_them() -> None:
    catalogue = load_catalogue()
    other = replace(CARD, id="amex")
    assert list(check_tenant(replace(FULL, payment_methods=(CARD,)), catalogue)) == []
    two = replace(FULL, payment_methods=(CARD, other))
    assert list(check_tenant(two, catalogue)) == [
        "payment_methods: visa and amex are both the default; keep one"
    ]
    gone = replace(FULL, payment_methods=(replace(other, id="visa2"),))
    assert list(check_tenant(gone, catalogue)) == [
        'auto_recharge: method: no payment method has the id "visa"; did you mean visa2?'
    ]
    same = replace(FULL, payment_methods=(CARD, replace(CARD, id="VISA", default=False)))
    assert len(list(check_tenant(same, catalogue))) == 1
