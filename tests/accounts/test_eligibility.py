"""Who may buy credits: a table of every rule, passed, failed and not applicable, and what lifts a failure."""

from dataclasses import dataclass, replace

import pytest

from talktime.accounts.eligibility import (
    RULES,
    eligibility,
    facts_of,
    not_eligible,
    recharge_warnings,
    switched_on_refused,
)
from talktime.accounts.tenant import (
    AutoRecharge,
    BillingAccount,
    Licence,
    Subscription,
    Tenant,
    User,
    Waiver,
)
from talktime.catalog.load import load_catalogue
from talktime.catalog.side import load_eligibility
from talktime.core.eligibility import Outcome

NOW_US = 1_772_366_400_000_000  # 2026-03-01T12:00:00Z
DAY_US = 86_400_000_000
UNIT = 1_000_000
CATALOGUE = load_catalogue()
ON = AutoRecharge(True, 100 * UNIT, 200 * UNIT)


def account(word: str) -> BillingAccount:
    """`MCA`, or `EA/DE` where it is billed in another country than the tenant's; the id in small letters."""
    agreement, _, country = word.partition("/")
    return BillingAccount(agreement.lower(), agreement, country or "US")


def tenant_of(accounts: str, bought: str, default: str = "", country: str = "US") -> Tenant:
    """`accounts` by their agreements; `bought`: PLAN@account; the default account's id."""
    subscriptions = (one.split("@") for one in bought.split())
    return Tenant(
        "contoso",
        "Contoso",
        country,
        "USD",
        default_billing_account=default,
        billing_accounts=tuple(account(word) for word in accounts.split()),
        subscriptions=tuple(Subscription(plan, 5, at) for plan, at in subscriptions),
    )


@dataclass(frozen=True)
class Row:
    """A tenant, what each rule says of it (P, F, - in the order of the rules), and what it may do."""

    name: str
    tenant: Tenant
    says: str
    buys: bool
    partner: bool = False


MINUTES, MEETINGS, CREDITS = "MCOPSTN1", "MCOMEETADD", "MCOPSTNC"
BOTH = f"{MINUTES}@mosa {MEETINGS}@mosa"
ROWS = [
    # rules in order: subscriptions, default, csp, ea, country, licence
    Row("all on MOSA", tenant_of("MOSA", BOTH, "mosa"), "PPP-PP", True),
    Row("all on MCA", tenant_of("MCA", f"{MINUTES}@mca", "mca"), "FFP-PP", False),
    Row("both kinds, plans on MOSA, default MOSA", tenant_of("MOSA MCA", BOTH, "mosa"), "PPP-PP", True),
    Row("both kinds, plans on MOSA, default MCA", tenant_of("MOSA MCA", BOTH, "mca"), "PFP-PP", False),
    Row(
        "both kinds, one plan on MCA, default MOSA",
        tenant_of("MOSA MCA", f"{MINUTES}@mosa {MEETINGS}@mca", "mosa"),
        "FPP-PP",
        False,
    ),
    Row(
        "both kinds, plans on MCA, default MOSA",
        tenant_of("MOSA MCA", f"{MINUTES}@mca", "mosa"),
        "FPP-PP",
        False,
    ),
    Row("both kinds, no default", tenant_of("MOSA MCA", BOTH), "P-P-PP", True),
    Row(
        "a plan that no rule asks about is on MCA",
        tenant_of("MOSA MCA", f"{BOTH} MCOEV@mca {CREDITS}@mca", "mosa"),
        "PPP-PP",
        True,
    ),
    Row(
        "a plan of no account is billed to the default",
        tenant_of("MOSA MCA", f"{MINUTES}@", "mca"),
        "FFP-PP",
        False,
    ),
    Row("plans of no account at all", tenant_of("", f"{MINUTES}@"), "P-P-PP", True),
    Row("through a partner", tenant_of("CSP", f"{MINUTES}@csp", "csp"), "--F-PP", False, partner=True),
    Row(
        "through a partner, default MOSA",
        tenant_of("MOSA CSP", f"{MINUTES}@csp", "mosa"),
        "-PF-PP",
        False,
        partner=True,
    ),
    Row(
        "one plan through a partner, one on MCA",
        tenant_of("CSP MCA", f"{MINUTES}@csp {MEETINGS}@mca", "mca"),
        "FFF-PP",
        False,
        partner=True,
    ),
    Row(
        "only a phone licence through a partner",
        tenant_of("MOSA CSP", f"{BOTH} MCOEV@csp", "mosa"),
        "PPP-PP",
        True,
    ),
    Row("a partner as the default", tenant_of("MOSA CSP", BOTH, "csp"), "P-P-PP", True),
    Row(
        "through a partner, country not offered",
        tenant_of("CSP", f"{MINUTES}@csp", "csp", "IN"),
        "--F-FP",
        False,
    ),
    Row(
        "through a partner, an add-on only",
        tenant_of("CSP", "MCOMEETADD_DIALOUT_US@csp", "csp"),
        "--F-PF",
        False,
    ),
    Row("EA at home", tenant_of("EA", f"{MINUTES}@ea", "ea"), "PPPPPP", True),
    Row("EA in the region", tenant_of("EA/CA", f"{MINUTES}@ea", "ea"), "PPPPPP", True),
    Row("EA in another region", tenant_of("EA/DE", f"{MINUTES}@ea", "ea"), "PPPFPP", False),
    Row("EA in a country of no region", tenant_of("EA/AU", f"{MINUTES}@ea", "ea", "NZ"), "PPPFPP", False),
    Row(
        "EA in its own country of no region", tenant_of("EA/AU", f"{MINUTES}@ea", "ea", "AU"), "PPPPPP", True
    ),
    Row("EA only as the default", tenant_of("MOSA EA/DE", BOTH, "ea"), "PPPFPP", False),
    Row("EA elsewhere that bills nothing", tenant_of("MOSA EA/DE", BOTH, "mosa"), "PPP-PP", True),
    Row("EA and MCA", tenant_of("EA MCA", f"{MINUTES}@ea {MEETINGS}@mca", "ea"), "FPPPPP", False),
    *(
        Row(f"not offered in {country}", tenant_of("MOSA", BOTH, "mosa", country), "PPP-FP", False)
        for country in ("RU", "KR", "TW", "IN", "CN")
    ),
    Row("of no known country", tenant_of("MOSA", BOTH, "mosa", ""), "PPP--P", True),
    Row("nothing bought", tenant_of("MOSA", "", "mosa"), "-P--PF", False),
    Row("only phones", tenant_of("MOSA", "MCOEV@mosa", "mosa"), "-P--PF", False),
    Row("pay-as-you-go", tenant_of("MOSA", "MCOPSTNPP@mosa", "mosa"), "PPP-PP", True),
    Row("conferencing by the minute", tenant_of("MOSA", "MCOMEETACPEA@mosa", "mosa"), "PPP-PP", True),
]
LETTER = {Outcome.PASSED: "P", Outcome.FAILED: "F", Outcome.NOT_APPLICABLE: "-"}


def says(tenant: Tenant, now_us: int = NOW_US) -> str:
    return "".join(LETTER[finding.outcome] for finding in eligibility(tenant, CATALOGUE, now_us).findings)


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_what_the_rules_say(row: Row) -> None:
    answer = eligibility(row.tenant, CATALOGUE, NOW_US)
    assert says(row.tenant) == row.says
    assert answer.can_buy == row.buys == ("F" not in row.says)
    assert answer.partner_may_fund == row.partner
    for finding in answer.findings:
        assert finding.asks
        assert finding.why.endswith(".")
        assert bool(finding.remedy) == (finding.outcome is Outcome.FAILED)
        assert bool(finding.offenders) <= (finding.outcome is Outcome.FAILED)


def test_every_rule_is_judged_and_every_outcome_stands_in_the_table() -> None:
    rules = list(load_eligibility().rules)
    assert set(rules) == set(RULES)
    seen = {(rule, letter) for row in ROWS for rule, letter in zip(rules, row.says, strict=True)}
    missing = {(rule, letter) for rule in rules for letter in "PF-"} - seen
    assert missing == {("has_qualifying_licence", "-")}, "it is always asked"


def found(tenant: Tenant, rule: str) -> tuple[str, tuple[str, ...]]:
    answer = eligibility(tenant, CATALOGUE, NOW_US)
    (one,) = [finding for finding in answer.findings if finding.rule == rule]
    return one.why, one.offenders


def test_the_offender_is_named() -> None:
    mixed = tenant_of("MOSA MCA CSP EA/DE", f"{MINUTES}@mosa {MEETINGS}@mca MCOPSTN2@csp MCOPSTN5@ea", "mca")
    assert found(mixed, "subscriptions_on_mosa") == (
        'MCOMEETADD (Audio Conferencing) is billed to account "mca": an MCA account.',
        ("MCOMEETADD on mca",),
    )
    assert found(mixed, "default_account_is_mosa") == (
        'The default billing account "mca" is on a MCA agreement.',
        ("mca",),
    )
    assert found(mixed, "not_through_csp") == (
        'MCOPSTN2 (Domestic and International Calling Plan) is billed to account "csp": '
        "a partner's account (CSP).",
        ("MCOPSTN2 on csp",),
    )
    assert found(mixed, "ea_region_matches") == (
        'The organisation is in US, but account "ea" is billed in DE: another region.',
        ("ea",),
    )
    assert found(replace(mixed, country="KR"), "country_offered") == (
        "Credits are not offered in KR.",
        ("KR",),
    )


def test_switching_the_default_account_is_the_way_out() -> None:
    tenant = tenant_of("MOSA MCA", BOTH, "mca")
    (failed,) = eligibility(tenant, CATALOGUE, NOW_US).failed
    assert failed.rule == "default_account_is_mosa"
    assert "Select a default billing account" in failed.remedy
    assert eligibility(replace(tenant, default_billing_account="mosa"), CATALOGUE, NOW_US).can_buy


def test_only_what_is_bought_now_counts() -> None:
    tenant = tenant_of("MOSA MCA", BOTH, "mosa")
    until = Subscription("MCOPSTN2", 5, "mca", NOW_US - DAY_US, NOW_US + DAY_US)
    tenant = replace(tenant, subscriptions=(*tenant.subscriptions, until))
    assert says(tenant, NOW_US - DAY_US - 1) == "PPP-PP"
    assert says(tenant, NOW_US - DAY_US) == says(tenant) == "FPP-PP"
    assert says(tenant, NOW_US + DAY_US) == "PPP-PP"
    none = replace(tenant, subscriptions=(Subscription(MINUTES, 0, "mca"),))
    assert says(none) == "-P--PF", "none were bought"


def test_a_licence_that_somebody_holds_qualifies_where_no_purchase_is_named() -> None:
    holder = User("ana@x", licences=(Licence(MINUTES, NOW_US, NOW_US + DAY_US),))
    tenant = replace(tenant_of("MOSA", "", "mosa"), users=(User("bob@x"), holder))
    assert [says(tenant, NOW_US + add) for add in (-1, 0, DAY_US)] == ["-P--PF", "-P--PP", "-P--PF"]


# --- exceptions --------------------------------------------------------------------------------------


def waived(tenant: Tenant, rule: str, until_us: int = NOW_US + DAY_US) -> Tenant:
    return replace(
        tenant, waivers=(*tenant.waivers, Waiver(rule, "merger in progress", until_us, "key 7 (Eve)"))
    )


def test_an_exception_lets_a_tenant_buy_and_says_so() -> None:
    tenant = waived(tenant_of("EA/DE", f"{MINUTES}@ea", "ea"), "ea_region_matches")
    answer = eligibility(tenant, CATALOGUE, NOW_US)
    assert answer.can_buy
    (lifted,) = [finding for finding in answer.findings if finding.waiver]
    assert lifted.outcome is Outcome.PASSED
    assert lifted.why == (
        "Passed by an exception until 2026-03-02T12:00:00Z (merger in progress). Without it: "
        'The organisation is in US, but account "ea" is billed in DE: another region.'
    )
    assert lifted.offenders == ("ea",)


def test_an_exception_ends_at_its_instant_and_holds_for_its_rule_alone() -> None:
    tenant = tenant_of("MCA", f"{MINUTES}@mca", "mca")
    one = waived(tenant, "subscriptions_on_mosa")
    assert [says(one, NOW_US + add) for add in (0, DAY_US - 1, DAY_US)] == ["PFP-PP", "PFP-PP", "FFP-PP"]
    both = waived(one, "default_account_is_mosa")
    assert says(both) == "PPP-PP"


def test_the_longer_of_two_exceptions_is_told() -> None:
    tenant = tenant_of("MOSA", BOTH, "mosa", "KR")
    tenant = waived(waived(tenant, "country_offered", NOW_US + 5 * DAY_US), "country_offered")
    assert found(tenant, "country_offered")[0].startswith("Passed by an exception until 2026-03-06")


def test_an_exception_for_what_passes_anyway_is_not_mentioned() -> None:
    answer = eligibility(waived(tenant_of("MOSA", BOTH, "mosa"), "country_offered"), CATALOGUE, NOW_US)
    assert not any(finding.waiver for finding in answer.findings)


# --- auto-recharge under MCA -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tenant", "told"),
    [
        (tenant_of("MCA", f"{MINUTES}@mca", "mca"), True),
        (tenant_of("MOSA MCA", f"{MINUTES}@mca", "mosa"), True),
        (tenant_of("MOSA MCA", BOTH, "mca"), False),
        (tenant_of("MCA", "", "mca"), True),
        (tenant_of("MOSA", BOTH, "mosa"), False),
        (tenant_of("EA", f"{MINUTES}@ea", "ea"), False),
        (tenant_of("CSP", f"{MINUTES}@csp", "csp"), False),
    ],
)
def test_recharge_that_is_on_under_mca_is_warned_of(tenant: Tenant, told: bool) -> None:
    warned = recharge_warnings(replace(tenant, auto_recharge=ON), CATALOGUE)
    assert [one.id for one in warned] == (["recharge_under_mca"] if told else [])
    assert recharge_warnings(tenant, CATALOGUE) == (), "it is off"
    for one in warned:
        assert "never switches" in one.says
        assert "Edit auto recharge settings" in one.remedy


def test_switching_it_on_is_refused_where_a_rule_fails_and_leaving_it_on_is_not() -> None:
    good, bad = tenant_of("MOSA", BOTH, "mosa"), tenant_of("MCA", f"{MINUTES}@mca", "mca")
    refused = switched_on_refused(bad, replace(bad, auto_recharge=ON), CATALOGUE, NOW_US)
    assert refused is not None
    assert refused.code == "not_eligible"
    assert "MCOPSTN1" in refused.detail
    assert "Select a default billing account" in refused.detail
    assert switched_on_refused(good, replace(good, auto_recharge=ON), CATALOGUE, NOW_US) is None
    on = replace(bad, auto_recharge=ON)
    higher = replace(on, auto_recharge=replace(ON, add_micros=300 * UNIT))
    assert switched_on_refused(on, higher, CATALOGUE, NOW_US) is None, "it keeps refilling"
    assert switched_on_refused(on, bad, CATALOGUE, NOW_US) is None
    assert switched_on_refused(good, bad, CATALOGUE, NOW_US) is None


def test_facts_for_a_ticket_are_plain_values() -> None:
    tenant = waived(tenant_of("MCA", f"{MINUTES}@mca", "mca"), "default_account_is_mosa")
    facts = facts_of(eligibility(replace(tenant, auto_recharge=ON), CATALOGUE, NOW_US))
    assert facts["can_buy"] is False
    assert facts["partner_may_fund"] is False
    rules = facts["rules"]
    assert isinstance(rules, list)
    assert [rule["outcome"] for rule in rules] == [
        "failed",
        "passed",
        "passed",
        "not_applicable",
        "passed",
        "passed",
    ]
    assert rules[0]["offenders"] == ["MCOPSTN1 on mca"]
    assert rules[1]["exception"] == {
        "reason": "merger in progress",
        "until": "2026-03-02T12:00:00Z",
        "who": "key 7 (Eve)",
    }
    warnings = facts["warnings"]
    assert isinstance(warnings, list)
    assert [one["id"] for one in warnings] == ["recharge_under_mca"]


def test_only_who_fails_a_rule_can_be_refused() -> None:
    with pytest.raises(AssertionError):
        not_eligible(eligibility(tenant_of("MOSA", BOTH, "mosa"), CATALOGUE, NOW_US))
