"""Who may do what: role by operation as one table, foreign tenants, keys that nobody may hand out."""

import pytest

from talktime.accounts.rights import (
    INSTALLATION,
    Allowed,
    Caller,
    Forbidden,
    Foreign,
    forbidden_sentence,
    may,
    not_grantable,
    unknown_roles,
)
from talktime.catalog.side import load_roles

COLUMNS = {
    "APP": "application_administrator",
    "AUT": "authentication_administrator",
    "AZU": "azure_ad_joined_device_local_administrator",
    "BIL": "billing_administrator",
    "CLO": "cloud_device_administrator",
    "DEV": "device_administrator",
    "GLO": "global_administrator",
    "HLP": "helpdesk_administrator",
    "LIC": "license_administrator",
    "PRV": "privileged_authentication_administrator",
    "SRV": "service_support_administrator",
    "SKY": "skype_for_business_administrator",
    "TEA": "teams_administrator",
    "COM": "teams_communications_administrator",
    "ENG": "teams_communications_support_engineer",
    "SPC": "teams_communications_support_specialist",
    "USR": "user_administrator",
    "PAR": "admin_agent",
    "PRO": "provider",
    "AUD": "auditor",
}
ALIASES = {
    "company_administrator": "global_administrator",
    "lync_service_administrator": "skype_for_business_administrator",
    "user_account_administrator": "user_administrator",
}
MATRIX = """
                            APP AUT AZU BIL CLO DEV GLO HLP LIC PRV SRV SKY TEA COM ENG SPC USR PAR PRO AUD
see_self                     x   x   x   x   x   x   x   x   x   x   x   x   x   x   x   x   x   x   x   x
see_tenant                   x   x   x   x   x   x   x   x   x   x   x   x   x   x   x   x   x   x   x   x
edit_tenant                  .   .   .   .   .   .   x   .   .   .   .   .   .   .   .   .   .   .   x   .
edit_billing_accounts        .   .   .   x   .   .   x   .   .   .   .   .   .   .   .   .   .   .   x   .
set_default_billing_account  .   .   .   x   .   .   x   .   .   .   .   .   .   .   .   .   .   .   x   .
manage_pay_as_you_go         .   .   .   x   .   .   x   .   .   .   .   .   .   .   .   .   .   .   x   .
edit_retention               .   .   .   .   .   .   x   .   .   .   .   .   .   .   .   .   .   .   x   .
erase_person                 .   .   .   .   .   .   x   .   .   .   .   .   .   .   .   .   .   .   x   .
manage_api_keys              .   .   .   .   .   .   x   .   .   .   .   .   .   .   .   .   .   .   x   .
invite_administrators        .   .   .   .   .   .   x   .   .   .   .   .   .   .   .   .   .   .   x   .
edit_webhooks                x   .   .   .   .   .   x   .   .   .   .   .   .   .   .   .   .   .   x   .
see_audit                    .   .   .   .   .   .   x   .   .   .   .   .   .   .   .   .   .   .   x   x
see_balance                  x   x   x   x   x   x   x   x   x   x   x   x   x   x   x   x   x   x   x   x
see_entries                  .   .   .   x   .   .   x   .   .   .   .   .   .   .   .   .   .   .   x   x
see_invoices                 .   .   .   x   .   .   x   .   .   .   .   .   .   .   .   .   .   .   x   x
see_receipts                 .   .   .   x   .   .   x   .   .   .   .   .   .   .   .   .   .   .   x   x
buy_credits                  .   .   .   x   .   .   x   .   .   .   .   .   .   .   .   .   .   .   x   .
edit_auto_recharge           .   .   .   x   .   .   x   .   .   .   .   .   .   .   .   .   .   .   x   .
turn_auto_recharge_off       .   .   .   x   .   .   x   .   .   .   .   .   .   .   .   .   .   x   x   .
edit_payment_methods         .   .   .   x   .   .   x   .   .   .   .   .   .   .   .   .   .   .   x   .
fund_on_behalf               .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   x   .   .
edit_caps                    .   .   .   x   .   .   x   .   .   .   .   .   x   .   .   .   .   .   x   .
see_rates                    x   x   x   x   x   x   x   x   x   x   x   x   x   x   x   x   x   .   x   x
see_notices                  x   x   x   x   x   x   x   x   x   x   x   x   x   x   x   x   x   .   x   x
edit_notices                 .   .   .   x   .   .   x   .   .   .   .   .   x   .   .   .   .   .   x   .
see_users                    .   .   .   .   .   .   x   x   x   .   .   x   x   x   .   .   x   .   x   x
assign_licences              .   .   .   .   .   .   x   .   x   .   .   .   .   .   .   .   x   .   x   .
set_usage_location           .   .   .   .   .   .   x   .   x   .   .   .   .   .   .   .   x   .   x   .
edit_users                   .   .   .   .   .   .   x   .   .   .   .   .   .   .   .   .   x   .   x   .
import_users                 .   .   .   .   .   .   x   .   .   .   .   .   .   .   .   .   x   .   x   .
edit_service_numbers         .   .   .   .   .   .   x   .   .   .   .   x   x   x   .   .   .   .   x   .
end_calls                    .   .   .   .   .   .   x   .   .   .   .   x   x   x   .   .   .   .   x   .
see_usage                    .   .   .   .   .   .   x   .   .   .   .   x   x   x   .   .   .   .   x   x
see_usage_without_names      .   .   .   x   .   .   x   .   .   .   .   x   x   x   x   x   .   .   x   x
see_pool_reports             .   .   .   .   .   .   x   .   .   .   .   x   x   x   .   .   .   .   x   x
export_usage                 .   .   .   x   .   .   x   .   .   .   .   x   x   x   .   .   .   .   x   .
ask_what_if                  .   .   .   x   .   .   x   .   .   .   .   x   x   x   .   .   .   .   x   .
manage_support_tickets       .   .   .   x   .   .   x   x   .   .   x   .   .   .   .   .   .   .   x   .
create_tenant                .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   x   .
set_partner                  .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   x   .
edit_subscriptions           .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   x   .
edit_agreements              .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   x   .
list_tenants                 .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   x   .
manage_people                .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   x   .
suspend_tenant               .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   x   .
close_tenant                 .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   x   .
manage_decks                 .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   x   .
bind_deck                    .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   x   .
adjust                       .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   x   .
approve_adjustment           .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   x   .
grant_waiver                 .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   x   .
close_month                  .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   x   .
record_payment               .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   x   .
refund                       .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   x   .
"""
_HEAD, *_LINES = [line.split() for line in MATRIX.strip().splitlines()]
TABLE = {name: dict(zip(_HEAD, marks, strict=True)) for name, *marks in _LINES}
INSTALLATION_WIDE = {"create_tenant", "list_tenants", "manage_decks", "manage_people"}


def caller(*roles: str, tenants: tuple[str, ...] | None = ("contoso",)) -> Caller:
    return Caller("k1", "key", frozenset(roles), None if tenants is None else frozenset(tenants))


def test_the_table_has_every_role_and_every_operation() -> None:
    assert set(_HEAD) == set(COLUMNS)
    known = load_roles()
    assert {*COLUMNS.values(), *ALIASES} == set(known.roles)
    assert set(TABLE) == set(known.rights)


@pytest.mark.parametrize("operation", TABLE)
@pytest.mark.parametrize("column", COLUMNS)
def test_a_role_may_do_what_the_table_says_to_its_own_tenant(operation: str, column: str) -> None:
    verdict = may(caller(COLUMNS[column]), operation, "contoso")
    assert isinstance(verdict, Allowed if TABLE[operation][column] == "x" else Forbidden)


@pytest.mark.parametrize("operation", TABLE)
@pytest.mark.parametrize("role", [*COLUMNS.values(), *ALIASES])
def test_a_foreign_tenant_does_not_exist_whatever_one_may(operation: str, role: str) -> None:
    assert may(caller(role), operation, "fabrikam") == Foreign()
    assert may(caller(role, tenants=()), operation, "contoso") == Foreign()


@pytest.mark.parametrize("operation", TABLE)
@pytest.mark.parametrize("alias", ALIASES)
def test_another_name_of_a_role_may_the_same(operation: str, alias: str) -> None:
    assert may(caller(alias), operation, "contoso") == may(caller(ALIASES[alias]), operation, "contoso")


@pytest.mark.parametrize("operation", TABLE)
def test_who_may_not_is_told_who_may(operation: str) -> None:
    verdict = may(caller(), operation, "contoso")
    holders = {COLUMNS[column] for column, mark in TABLE[operation].items() if mark == "x"}
    assert verdict == Forbidden(tuple(sorted(holders)))


@pytest.mark.parametrize("operation", TABLE)
def test_the_auditor_sees_everything_and_changes_nothing(operation: str) -> None:
    assert (TABLE[operation]["AUD"] == "x") == operation.startswith("see_")


@pytest.mark.parametrize("operation", sorted(INSTALLATION_WIDE))
def test_the_installation_is_for_callers_that_are_bound_to_no_tenant(operation: str) -> None:
    assert may(caller("provider", tenants=None), operation, INSTALLATION) == Allowed()
    assert may(caller("provider"), operation, INSTALLATION) == Forbidden(("provider",))
    assert may(caller("global_administrator", tenants=None), operation, INSTALLATION) == Forbidden(
        ("provider",)
    )


def test_several_roles_add_up_and_unknown_ones_give_nothing() -> None:
    assert (
        may(caller("helpdesk_administrator", "license_administrator"), "assign_licences", "contoso")
        == Allowed()
    )
    assert isinstance(may(caller("king"), "see_balance", "contoso"), Forbidden)
    assert may(caller("king", "auditor"), "see_balance", "contoso") == Allowed()
    assert unknown_roles(["king", "auditor", "duke"]) == ["duke", "king"]


def test_an_unknown_operation_is_a_fault_of_the_program() -> None:
    with pytest.raises(KeyError):
        may(caller("provider"), "see_everything", "contoso")


def test_the_refusal_says_whom_to_ask() -> None:
    verdict = may(caller("auditor"), "buy_credits", "contoso")
    assert isinstance(verdict, Forbidden)
    assert forbidden_sentence("buy_credits", verdict) == (
        "your roles do not allow to buy credits; "
        "this may: Billing Administrator, Global Administrator, Provider"
    )


TOO_MANY = "a key cannot be for more tenants than yours; name some of yours"
GLOBAL = caller("global_administrator")
PROVIDER = caller("provider", tenants=None)


@pytest.mark.parametrize(
    ("who", "roles", "tenants", "why"),
    [
        (GLOBAL, ["billing_administrator"], ("contoso",), ""),
        (GLOBAL, ["company_administrator"], ("contoso",), ""),
        (GLOBAL, ["provider"], ("contoso",), "the role Provider is given by the provider alone"),
        (GLOBAL, ["auditor"], ("contoso",), "the role Auditor is given by the provider alone"),
        (GLOBAL, ["admin_agent"], ("contoso",), "the role Admin Agent is given by the provider alone"),
        (
            GLOBAL,
            [],
            ("contoso", "fabrikam"),
            "a key cannot be for more tenants than yours; name some of yours",
        ),
        (GLOBAL, [], None, TOO_MANY),
        (caller("provider"), ["provider"], ("contoso",), "the role Provider is given by the provider alone"),
        (
            caller("global_administrator", tenants=None),
            [],
            None,
            "a key for the whole installation is made by the provider alone",
        ),
        (PROVIDER, ["provider", "auditor", "admin_agent"], None, ""),
        (PROVIDER, ["global_administrator"], ("contoso",), ""),
    ],
)
def test_nobody_hands_out_more_than_it_has(
    who: Caller, roles: list[str], tenants: tuple[str, ...] | None, why: str
) -> None:
    assert not_grantable(who, roles, None if tenants is None else frozenset(tenants)) == why
