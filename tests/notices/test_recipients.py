"""The table of recipients, row by row: 20 roles x every event, written out (domain.md 10)."""

from dataclasses import replace

import pytest

from talktime.accounts.tenant import Administrator, Alerts, Tenant
from talktime.catalog.side import load_roles
from talktime.notices.recipients import recipients

# Who is told: A all of the 20, P all but Device and Skype for Business (under any name), M those of money.
ROLES = {
    # role                                        A  P  M
    "application_administrator":                 "A  P  -",
    "authentication_administrator":              "A  P  -",
    "azure_ad_joined_device_local_administrator": "A  P  -",
    "billing_administrator":                     "A  P  M",
    "cloud_device_administrator":                "A  P  -",
    "company_administrator":                     "A  P  M",
    "device_administrator":                      "A  -  -",
    "global_administrator":                      "A  P  M",
    "helpdesk_administrator":                    "A  P  -",
    "license_administrator":                     "A  P  -",
    "lync_service_administrator":                "A  -  -",
    "privileged_authentication_administrator":   "A  P  -",
    "service_support_administrator":             "A  P  -",
    "skype_for_business_administrator":          "A  -  -",
    "teams_administrator":                       "A  P  M",
    "teams_communications_administrator":        "A  P  -",
    "teams_communications_support_engineer":     "A  P  -",
    "teams_communications_support_specialist":   "A  P  -",
    "user_account_administrator":                "A  P  -",
    "user_administrator":                        "A  P  -",
}  # fmt: skip

EVENTS = {
    "purchase_succeeded": "A",
    "recharge_succeeded": "A",
    "purchase_failed": "A",
    "recharge_failed": "A",
    "payment_action_needed": "A",
    "recharge_recovered": "A",
    "balance_zero": "A",
    "calls_refused": "A",
    "pool_80": "P",
    "pool_100": "P",
    "balance_low": "M",
    "runway_short": "M",
    "lot_expires_soon": "M",
    "lot_expired": "M",
    "recharge_paused": "M",
    "cap_met": "M",
    "spend_cap_reached": "M",
    "mode_switched": "M",
    "unrated_waiting": "M",
    "payment_unclear": "M",
    "card_expires_soon": "M",
    "refund_done": "M",
    "refund_failed": "A",
    "dispute_opened": "M",
    "dispute_closed": "M",
    "invoice_ready": "M",
    "webhook_disabled": "M",
}


def tenant(*people: Administrator, chosen: tuple[tuple[str, tuple[str, ...]], ...] = ()) -> Tenant:
    return Tenant("t", "T", "US", "USD", administrators=people, alerts=Alerts(recipients=chosen))


def addresses(told: Tenant, event: str) -> list[str]:
    return [person.address for person in recipients(told, event, load_roles())]


def test_the_table_has_all_roles_and_all_events() -> None:
    roles = load_roles()
    assert len(ROLES) == 20
    assert set(ROLES) == {role.id for role in roles.roles.values() if role.is_of_tenant}
    assert set(EVENTS) == set(roles.events)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("role", ROLES)
def test_a_holder_of_a_role(role: str, event: str) -> None:
    told = addresses(tenant(Administrator("ana@contoso.example", roles=(role,))), event)
    assert told == (["ana@contoso.example"] if EVENTS[event] in ROLES[role].split() else [])


@pytest.mark.parametrize("event", EVENTS)
def test_holders_of_every_role_get_one_message_each(event: str) -> None:
    people = tuple(Administrator(f"{role}@contoso.example", roles=(role,)) for role in ROLES)
    wanted = [f"{role}@contoso.example" for role, told in ROLES.items() if EVENTS[event] in told.split()]
    assert addresses(tenant(*people), event) == wanted
    assert len(wanted) == {"A": 20, "P": 17, "M": 4}[EVENTS[event]]


def test_one_person_with_several_roles_gets_one_message() -> None:
    everything = Administrator("ana@contoso.example", "Ana", roles=tuple(ROLES))
    (ana,) = recipients(tenant(everything), "balance_zero", load_roles())
    assert (ana.address, ana.name) == ("ana@contoso.example", "Ana")
    assert len(ana.roles) == 17  # three of the 20 are other names of others


def test_one_mail_address_gets_one_message_in_any_letter_case() -> None:
    people = (
        Administrator("ana@contoso.example", roles=("billing_administrator",)),
        Administrator("ana.admin@contoso.example", "Ana", "ANA@Contoso.example", ("global_administrator",)),
        Administrator("bob@contoso.example", roles=("teams_administrator",)),
    )
    told = recipients(tenant(*people), "balance_low", load_roles())
    assert [(person.address, person.name, person.roles) for person in told] == [
        ("ana@contoso.example", "Ana", ("billing_administrator", "global_administrator")),
        ("bob@contoso.example", "", ("teams_administrator",)),
    ]


def test_mail_goes_to_the_mail_address_and_else_to_the_upn() -> None:
    people = (
        Administrator("ana@contoso.example", mail="ana@mail.example", roles=("global_administrator",)),
        Administrator("bob@contoso.example", roles=("global_administrator",)),
    )
    assert addresses(tenant(*people), "balance_zero") == ["ana@mail.example", "bob@contoso.example"]


def test_a_tenant_chooses_where_it_may() -> None:
    people = (
        Administrator("ana@contoso.example", roles=("billing_administrator",)),
        Administrator("bob@contoso.example", roles=("helpdesk_administrator",)),
        Administrator("eve@contoso.example", roles=("skype_for_business_administrator",)),
    )
    chosen = (
        ("balance_low", ("helpdesk_administrator",)),
        ("runway_short", ("lync_service_administrator",)),
        ("cap_met", ()),
        ("balance_zero", ("helpdesk_administrator",)),
    )
    told = tenant(*people, chosen=chosen)
    assert addresses(told, "balance_low") == ["bob@contoso.example"]
    assert addresses(told, "runway_short") == ["eve@contoso.example"]  # by the other name of the role
    assert addresses(told, "cap_met") == []
    assert addresses(told, "mode_switched") == ["ana@contoso.example"]
    assert len(addresses(told, "balance_zero")) == 3  # not configurable: the choice changes nothing


@pytest.mark.parametrize(
    "people",
    [
        (),
        (Administrator("ana@contoso.example"),),
        (Administrator("ana@contoso.example", roles=("a_role_of_tomorrow",)),),
    ],
    ids=["nobody", "no role", "an unknown role"],
)
def test_nobody_to_tell_is_no_error(people: tuple[Administrator, ...]) -> None:
    assert addresses(tenant(*people), "balance_zero") == []


def test_an_event_of_tomorrow_goes_to_nobody_by_mail() -> None:
    told = tenant(Administrator("ana@contoso.example", roles=("global_administrator",)))
    assert addresses(replace(told), "an_event_of_tomorrow") == []
