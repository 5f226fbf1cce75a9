"""Which licences a feature needs, and whether a tenant needs credits: domain.md 15 and the seed as tables."""

from dataclasses import replace

import pytest

from talktime.accounts.needs import Needed, UnknownFeatureError, needs, needs_credits
from talktime.accounts.tenant import AutoRecharge, BillingAccount, Licence, ServiceNumber, Tenant, User
from talktime.catalog.load import load_catalogue
from talktime.catalog.side import load_features, load_policies

NOW_US = 1_772_366_400_000_000  # 2026-03-01T12:00:00Z
CATALOGUE = load_catalogue()
FEATURES = [  # feature, licences of its best way, credits
    ("toll_dial_in", "MCOMEETADD", "It takes no credits."),
    ("toll_free_dial_in", "MCOMEETADD", "It takes credits or pay-as-you-go for every minute."),
    ("dial_out_zone_a", "MCOMEETADD", "It takes credits once the plan's minutes are used up."),
    ("dial_out_elsewhere", "MCOMEETADD MCOPSTNC", "for every minute."),
    ("dial_out_us_ca", "MCOMEETADD MCOMEETADD_DIALOUT_US", "It takes no credits."),
    ("conferencing_pay_per_minute", "MCOMEETACPEA", "for every minute (in and out)."),
    ("domestic_calls", "MCOEV MCOPSTN1", "once the plan's minutes are used up."),
    ("international_calls", "MCOEV MCOPSTN2", "once the plan's minutes are used up."),
    ("calls_without_minutes", "MCOEV MCOPSTNPP", "for every minute (outgoing)."),
    ("voice_apps", "MCOEV_VIRTUALUSER", "25 licences of it are free, and one more per 10 licences of"),
    ("own_operator", "MCOEV", "your own operator bills the calls."),
]


@pytest.mark.parametrize(("feature", "licences", "money"), FEATURES)
def test_what_a_feature_needs_in_sentences(feature: str, licences: str, money: str) -> None:
    found = needs(feature, CATALOGUE)
    sentence = found.sentences[0]
    assert sentence.startswith(f"{found.name}: The ")
    assert money in sentence
    for code in licences.split():
        assert f"{CATALOGUE.plans[code].name} ({code})" in sentence
    assert [choice[0] for choice in found.ways[0].licences] == licences.split()


def test_every_feature_of_the_catalogue_stands_in_the_table() -> None:
    assert [row[0] for row in FEATURES] == list(load_features().features)


def test_international_calls_may_be_had_in_two_ways() -> None:
    best, other = needs("international_calls", CATALOGUE).sentences
    assert "Domestic and International" in best
    assert "one of [Domestic Calling Plan (MCOPSTN1); " in other
    assert other.endswith("for every minute.")


@pytest.mark.parametrize(
    "word", ["voice_apps", "Voice apps", "AUTO ATTENDANT AND CALL QUEUE", " voice_apps "]
)
def test_a_feature_is_found_by_id_or_name(word: str) -> None:
    assert needs(word, CATALOGUE).feature == "voice_apps"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("voice_app", "unknown feature 'voice_app'; did you mean voice_apps?"),
        ("zebra", "unknown feature 'zebra'; known are toll_dial_in, toll_free_dial_in"),
        ("", "unknown feature ''; known are"),
    ],
)
def test_an_unknown_feature_is_answered_with_the_nearest(word: str, message: str) -> None:
    with pytest.raises(UnknownFeatureError) as caught:
        needs(word, CATALOGUE)
    assert message in str(caught.value)


# --- whether credits are needed ----------------------------------------------------------------------

CREDITS = "MCOPSTNC"


def user(licences: str, policies: str = "", location: str = "US", upn: str = "ana@x") -> User:
    held = tuple(Licence(code) for code in licences.split())
    return User(upn, location=location, licences=held, policies=tuple(policies.split()))


def tenant_of(*users: User, numbers: tuple[ServiceNumber, ...] = ()) -> Tenant:
    return Tenant("contoso", "Contoso", "US", "USD", users=users, service_numbers=numbers)


def asked(tenant: Tenant) -> Needed:
    return needs_credits(tenant, CATALOGUE, NOW_US)


USERS = [  # licences, policies, location -> reasons
    ("", "", "US", ""),
    ("MCOEV", "", "US", ""),
    ("MCOMEETADD", "", "US", "dial_out_beyond dial_out_overage"),
    ("MCOMEETADD", "conferencing_zone_a", "US", "dial_out_overage"),
    ("MCOMEETADD", "conferencing_organiser_country", "US", "dial_out_overage"),
    ("MCOMEETADD", "conferencing_organiser_country", "ZW", "dial_out_beyond"),
    ("MCOMEETADD", "conferencing_none", "US", ""),
    ("MCOMEETADD", "calls_none", "US", "dial_out_beyond dial_out_overage"),
    ("MCOMEETADD MCOMEETADD_DIALOUT_US", "conferencing_organiser_country", "US", ""),
    ("MCOMEETADD MCOMEETADD_DIALOUT_US", "conferencing_zone_a", "US", "dial_out_overage"),
    ("MCOMEETADD_SELECT", "conferencing_zone_a", "US", "dial_out_beyond dial_out_overage"),
    ("MCOMEETACPEA", "", "US", "conferencing_by_the_minute"),
    ("MCOEV MCOPSTN1", "", "US", "calls_beyond calls_overage"),
    ("MCOEV MCOPSTN1", "calls_domestic", "US", "calls_overage"),
    ("MCOEV MCOPSTN1", "calls_none", "US", ""),
    ("MCOEV MCOPSTN2", "", "US", "calls_overage"),
    ("MCOEV MCOPSTNPP", "", "US", "pay_as_you_go"),
    ("MCOEV MCOPSTN2 MCOMEETADD", "", "US", "dial_out_beyond dial_out_overage calls_overage"),
    ("OTHER", "", "US", ""),
]


@pytest.mark.parametrize(("licences", "policies", "location", "reasons"), USERS)
def test_why_a_user_takes_credits(licences: str, policies: str, location: str, reasons: str) -> None:
    found = asked(tenant_of(user(licences, policies, location)))
    assert [reason.id for reason in found.reasons] == reasons.split()
    assert all(reason.who == ("ana@x",) for reason in found.reasons)
    assert found.needed == bool(reasons)


NUMBERS = [  # kind, service -> reasons
    ("toll_free", "conferencing_bridge", "toll_free_numbers"),
    ("toll_free", "", "toll_free_numbers"),
    ("toll_free", "auto_attendant", "toll_free_numbers voice_apps"),
    ("toll", "call_queue", "voice_apps"),
    ("toll", "conferencing_bridge", ""),
    ("toll", "", ""),
]


@pytest.mark.parametrize(("kind", "service", "reasons"), NUMBERS)
def test_why_a_number_takes_credits(kind: str, service: str, reasons: str) -> None:
    found = asked(tenant_of(numbers=(ServiceNumber("+18005550100", kind, service),)))
    assert [reason.id for reason in found.reasons] == reasons.split()
    assert all(reason.who == ("+18005550100",) for reason in found.reasons)


def test_every_reason_stands_in_the_tables_and_says_what_keeps_working() -> None:
    reasons = load_features().reasons
    told = " ".join([*(row[3] for row in USERS), *(row[2] for row in NUMBERS)])
    assert set(told.split()) == set(reasons)
    assert all("keep" in reason.keeps and reason.says.endswith(".") for reason in reasons.values())
    assert {reason.plans for reason in reasons.values()} <= {
        "",
        *(plan.kind for plan in CATALOGUE.plans.values()),
    }
    known = {trait for plan in CATALOGUE.plans.values() for trait in plan.traits}
    assert {reason.trait for reason in reasons.values()} <= {"", *known}


def test_who_is_behind_a_reason_is_named_and_who_lacks_the_licence_to_spend() -> None:
    people = (
        user("MCOEV MCOPSTN1", upn="a@x"),
        user(f"MCOEV MCOPSTN1 {CREDITS}", upn="b@x"),
        user("MCOEV", upn="c@x"),
        user("MCOEV MCOPSTNPP", upn="d@x"),
        user("MCOMEETACPEA", upn="e@x"),
    )
    found = {reason.id: (reason.who, reason.unlicensed) for reason in asked(tenant_of(*people)).reasons}
    assert found == {
        "calls_beyond": (("a@x", "b@x"), ("a@x",)),
        "calls_overage": (("a@x", "b@x"), ("a@x",)),
        "pay_as_you_go": (("d@x",), ()),
        "conferencing_by_the_minute": (("e@x",), ()),
    }


def test_a_licence_counts_only_while_it_is_held() -> None:
    held = User("a@x", location="US", licences=(Licence("MCOPSTNPP", NOW_US, NOW_US + 5),))
    answers = [needs_credits(tenant_of(held), CATALOGUE, NOW_US + at).needed for at in (-1, 0, 4, 5)]
    assert answers == [False, True, True, False]


@pytest.mark.parametrize(
    ("licences", "policies", "sentence"),
    [
        ("MCOEV", "", "No: nothing that this organisation has takes credits."),
        ("MCOPSTN2", "", "Only if the included minutes may run out: "),
        ("MCOPSTN1", "", "Yes: some of what this organisation has is paid from credits for every minute."),
    ],
)
def test_the_answer_in_one_sentence(licences: str, policies: str, sentence: str) -> None:
    assert asked(tenant_of(user(licences, policies))).sentence.startswith(sentence)


def test_who_is_billed_after_use_needs_none() -> None:
    accounts = (BillingAccount("new", "MCA", "US"),)
    tenant = replace(tenant_of(user("MCOPSTNPP")), billing_accounts=accounts, default_billing_account="new")
    found = asked(tenant)
    assert not found.needed
    assert found.sentence == "No: minutes are billed after use under a Microsoft Customer Agreement (MCA)."
    assert [reason.id for reason in found.reasons] == ["pay_as_you_go"], "what the invoice will hold"
    on = replace(tenant, auto_recharge=AutoRecharge(True, 1, 50_000_000))
    assert asked(on).needed, "it never switches while auto-recharge is on"
    off = replace(tenant, billing_accounts=(BillingAccount("new", "MCA", "US", post_usage_enabled=False),))
    assert asked(off).needed, "nothing stands behind the credits"


def test_the_policies_of_the_tables_exist() -> None:
    used = {policy for row in USERS for policy in row[1].split()}
    assert used <= set(load_policies().policies)
