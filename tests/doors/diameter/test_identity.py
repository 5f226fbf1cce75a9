"""Whose call it is and what it is: tables of requests and what they are understood as."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.catalog.load import load_catalogue
from talktime.catalog.ro import CallRule, load_ro
from talktime.doors.diameter.identity import Asked, Identities, IdentityRule, Understood
from talktime.doors.diameter.parties import E164, read_party
from talktime.doors.diameter.patterns import read_pattern

SIP, IMSI = 2, 1
ORIGINATING, TERMINATING, B2BUA = 0, 1, 3
ANA = (E164, "+14165550000")
VOICE = "ext.01.001.8.32260@3gpp.org"
CALL = Asked(
    "ims.example", "ocs.example", VOICE, (ANA,), "tel:+14165550000", "sip:14165551234@h", ORIGINATING
)

BY_NUMBER = IdentityRule("ims.example", "+1416*", "contoso", "subscription")
BY_UPN = IdentityRule("*", "*@contoso.example", "contoso", "subscription")
FALLBACK = IdentityRule("*", "*", "fabrikam", "ben@fabrikam.example")


def identities(*rules: IdentityRule, calls: Sequence[CallRule] = ()) -> Identities:
    return Identities(rules, calls, load_ro(), load_catalogue())


def understood(asked: Asked, *rules: IdentityRule, calls: Sequence[CallRule] = ()) -> Understood:
    found = identities(*rules, calls=calls).understand(asked)
    assert found is not None
    return found


# --- tenant and user ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subscriptions", "tenant", "user"),
    [
        ((ANA,), "contoso", "+14165550000"),
        (((E164, "14165550000"),), "contoso", "+14165550000"),  # without its plus
        (((E164, "tel:+1-416-555-0000"),), "contoso", "+14165550000"),
        (((SIP, "sip:+14165550000@x.example;user=phone"),), "contoso", "+14165550000"),
        (((SIP, "sip:Ana@Contoso.Example:5060"),), "contoso", "ana@contoso.example"),
        (((IMSI, "302720123456789"), ANA), "contoso", "+14165550000"),  # a number names a person better
        (((SIP, "sip:zoe@x.example"), (SIP, "sip:ana@contoso.example")), "contoso", "ana@contoso.example"),
        (((E164, "+4420"),), "fabrikam", "ben@fabrikam.example"),
        ((), "fabrikam", "ben@fabrikam.example"),  # nobody is named, and the rule asks for nobody
    ],
)
def test_the_subscription_names_tenant_and_user(
    subscriptions: tuple[tuple[int, str], ...], tenant: str, user: str
) -> None:
    found = understood(CALL._replace(subscriptions=subscriptions), BY_NUMBER, BY_UPN, FALLBACK)
    assert (found.tenant, found.user) == (tenant, user)


@pytest.mark.parametrize(
    ("origin", "destination", "known"),
    [
        ("ims.example", "ocs.example", True),
        ("IMS.Example", "ocs.example", True),
        ("other.example", "ims.example", True),
        ("other.example", "ocs.example", False),
    ],
)
def test_the_realm_is_where_it_comes_from_or_where_it_goes(
    origin: str, destination: str, known: bool
) -> None:
    asked = CALL._replace(origin_realm=origin, destination_realm=destination)
    assert (identities(BY_NUMBER).understand(asked) is not None) is known


@pytest.mark.parametrize(
    ("rules", "tenant"),
    [
        ([("+14165550000", "exact"), ("+1416*", "prefix"), ("*", "any")], "exact"),
        ([("+1416*", "prefix"), ("+14165550000", "exact"), ("*", "any")], "prefix"),
        ([("*", "any"), ("+14165550000", "exact")], "any"),
        ([("*0000", "suffix"), ("+1416*", "prefix")], "suffix"),
        ([("+1417*", "other"), ("*9", "other"), ("+1416*", "prefix")], "prefix"),
    ],
)
def test_the_first_rule_that_fits_counts_however_exact_others_are(
    rules: list[tuple[str, str]], tenant: str
) -> None:
    made = [IdentityRule("*", text, name, "subscription") for text, name in rules]
    assert understood(CALL, *made).tenant == tenant


def test_the_calling_party_can_be_the_user() -> None:
    by_caller = IdentityRule("*", "*", "contoso", "calling")
    asked = CALL._replace(subscriptions=(), calling="sip:Ana@Contoso.Example;tag=1")
    assert understood(asked, by_caller).user == "ana@contoso.example"
    assert understood(CALL, by_caller).user == "+14165550000"
    # a rule that cannot say who the user is leaves it to the next
    assert understood(CALL._replace(calling=""), by_caller, FALLBACK).tenant == "fabrikam"


def test_a_number_as_it_is_dialled_in_the_country_of_the_rule_names_the_user() -> None:
    rule = IdentityRule("*", "*", "contoso", "subscription", "CA")
    asked = CALL._replace(subscriptions=((SIP, "sip:4165550000@h"),), calling="sip:4165550000@h")
    found = understood(asked, rule)
    assert found.user == "+14165550000"
    assert found.caller == "4165550000"  # on the line stays what was dialled


def test_without_a_rule_nobody_is_named() -> None:
    assert identities().understand(CALL) is None
    assert identities(BY_UPN).understand(CALL) is None


def test_an_answer_says_which_rules_it_comes_from() -> None:
    found = understood(CALL, BY_UPN, BY_NUMBER)
    assert found.why == (
        "identities[2]: realm ims.example, subscription +1416* -> tenant contoso",
        "shipped rule: the node serves the calling side -> user_out",
    )


# --- what a call is -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "called", "call_type"),
    [
        (ORIGINATING, "sip:14165551234@h", "user_out"),
        (TERMINATING, "sip:14165551234@h", "user_in"),
        (None, "sip:14165551234@h", "user_out"),
        (B2BUA, "sip:14165551234@h", "user_out"),
        (ORIGINATING, "urn:service:sos", "emergency_out"),
        (ORIGINATING, "URN:service:sos.ambulance", "emergency_out"),
        (ORIGINATING, "urn:service:sosnot", "user_out"),
        (ORIGINATING, "sip:911@h;user=phone", "emergency_out"),
        (ORIGINATING, "tel:112", "emergency_out"),
        (ORIGINATING, "tel:911;phone-context=+1", "emergency_out"),
        (ORIGINATING, "tel:999", "user_out"),  # no emergency number in Canada
        (ORIGINATING, "", "user_out"),
    ],
)
def test_the_shipped_rules(role: int | None, called: str, call_type: str) -> None:
    assert understood(CALL._replace(role=role, called=called), BY_NUMBER).call_type == call_type


@pytest.mark.parametrize(
    ("country", "subscription", "calling", "urgent"),
    [
        ("", (E164, "+442079460000"), "", True),  # the number says where the caller is
        ("GB", (SIP, "sip:ana@contoso.example"), "", True),
        ("", (SIP, "sip:ana@contoso.example"), "tel:+442079460000", True),
        ("", (SIP, "sip:ana@contoso.example"), "", False),
        ("CA", (E164, "+442079460000"), "", False),  # what the rule says goes before
    ],
)
def test_the_numbers_of_the_callers_country_are_emergency_numbers(
    country: str, subscription: tuple[int, str], calling: str, urgent: bool
) -> None:
    rule = IdentityRule("*", "*", "contoso", "subscription", country)
    asked = CALL._replace(subscriptions=(subscription,), calling=calling, called="sip:999@h")
    assert (understood(asked, rule).call_type == "emergency_out") is urgent


def test_an_emergency_call_is_known_whoever_calls() -> None:
    found = identities().understand(CALL._replace(called="tel:112"))
    assert found is not None
    assert (found.tenant, found.user, found.call_type) == ("", "+14165550000", "emergency_out")
    assert found.why[0] == "no rule of [[identities]] fits"


def test_no_rule_of_an_operator_takes_an_emergency_call_away() -> None:
    everything = CallRule("user_out")
    asked = CALL._replace(called="urn:service:sos")
    assert understood(asked, BY_NUMBER, calls=[everything]).call_type == "emergency_out"


def test_an_operator_can_name_more_emergency_numbers() -> None:
    campus = CallRule("emergency_out", called=("5555",))
    found = identities(calls=[campus]).understand(CALL._replace(called="sip:5555@h"))
    assert found is not None
    assert (found.tenant, found.call_type) == ("", "emergency_out")


BRIDGE = CallRule("conf_in", called=("+18005550100", "conf@contoso.example"), service_number="called")


@pytest.mark.parametrize(
    ("called", "call_type", "user", "service"),
    [
        ("tel:+18005550100", "conf_in", "", "+18005550100"),
        ("sip:18005550100@h", "conf_in", "", "+18005550100"),  # as it is dialled in Canada
        ("sip:+18005550100@h;user=phone", "conf_in", "", "+18005550100"),
        ("sip:Conf@Contoso.Example", "conf_in", "", "conf@contoso.example"),
        ("tel:+18005550101", "user_in", "+14165550000", ""),
    ],
)
def test_a_service_number_stands_for_the_user(called: str, call_type: str, user: str, service: str) -> None:
    asked = CALL._replace(called=called, role=TERMINATING)
    found = understood(asked, BY_NUMBER, calls=[BRIDGE])
    assert (found.call_type, found.user, found.service_number) == (call_type, user, service)


def test_a_call_of_a_service_can_keep_its_user() -> None:
    dial_out = CallRule("conf_out", calling=("+18005550100",), service_number="calling", keeps_user=True)
    found = understood(CALL._replace(calling="tel:+18005550100"), BY_NUMBER, calls=[dial_out])
    assert (found.call_type, found.user, found.service_number) == ("conf_out", "+14165550000", "+18005550100")


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        (CallRule("ucap_out", role="originating"), True),
        (CallRule("ucap_out", role="terminating"), False),
        (CallRule("ucap_out", context="32260@3gpp.org"), True),
        (CallRule("ucap_out", context="32251@3gpp.org"), False),
        (CallRule("ucap_out", calling=("+1416*",)), True),
        (CallRule("ucap_out", calling=("+1417*", "*9")), False),
        (CallRule("ucap_out", called=("+1416555*",)), True),
        (CallRule("ucap_out", called=("+1416555*",), calling=("+1417*",)), False),
    ],
)
def test_all_that_a_rule_asks_for_has_to_hold(rule: CallRule, fits: bool) -> None:
    assert (understood(CALL, BY_NUMBER, calls=[rule]).call_type == "ucap_out") is fits


# --- first match wins ---------------------------------------------------------------------------------

realms = st.sampled_from(["a", "b", "*"])
numbers = st.sampled_from(["+1416", "+14165", "+141655", "+1417", "x@a", "y@a", "x@b", "1416"])
forms = st.sampled_from(["{}", "{}*", "*{}", "*"])
rules = st.lists(
    st.builds(
        IdentityRule,
        realm=realms,
        subscription=st.builds(lambda form, text: form.format(text), forms, numbers),
        tenant=st.uuids().map(str),
        user=st.sampled_from(["subscription", "calling", "ben@x"]),
    ),
    max_size=15,
)
requests = st.builds(
    Asked,
    origin_realm=st.sampled_from(["a", "A", "b", "c"]),
    destination_realm=st.sampled_from(["a", "b"]),
    context=st.just(VOICE),
    subscriptions=st.lists(st.tuples(st.sampled_from([0, 1, 2, 3]), numbers), max_size=3).map(tuple),
    calling=st.sampled_from(["", "tel:+14165550000"]),
    called=st.just("tel:+442079460000"),
    role=st.just(ORIGINATING),
)


def plainly(asked: Asked, table: Sequence[IdentityRule]) -> str | None:
    """The tenant by reading the table from the top."""
    people = sorted(asked.subscriptions, key=lambda one: [0, 2, 3, 1].index(one[0]))
    for rule in table:
        if rule.realm not in ("*", asked.origin_realm.lower(), asked.destination_realm.lower()):
            continue
        if rule.user == "calling" and not asked.calling:
            continue
        for kind, data in people:
            party = read_party(data, None, {}, international=kind == E164)
            if read_pattern(rule.subscription).fits(party.forms):
                return rule.tenant
        if not people and rule.subscription == "*" and rule.user != "subscription":
            return rule.tenant
    return None


@given(rules, requests)
def test_first_match_wins(table: list[IdentityRule], asked: Asked) -> None:
    found = identities(*table).understand(asked)
    assert (found.tenant if found else None) == plainly(asked, table)


@given(st.lists(st.sampled_from(["+44*", "*0000", "+442079460000", "*", "+1*"]), min_size=1, max_size=8))
def test_first_match_wins_of_calls_too(called: list[str]) -> None:
    calls = [CallRule(f"user_out_{at}", called=(text,)) for at, text in enumerate(called)]
    asked = CALL._replace(called="tel:+442079460000")
    fits = [at for at, text in enumerate(called) if text != "+1*"]
    found = understood(asked, BY_NUMBER, calls=calls)
    assert found.call_type == (f"user_out_{fits[0]}" if fits else "user_out")


@given(requests)
def test_what_is_remembered_is_what_is_worked_out(asked: Asked) -> None:
    one = identities(BY_NUMBER, BY_UPN, FALLBACK)
    assert one.understand(asked) == one.understand(asked) == identities(*one.rules).understand(asked)


def test_thousands_of_rules_cost_what_few_cost() -> None:
    """Counted in look-ups, not in time: the last of 20,000 rules is found without asking the others."""
    many = [IdentityRule("ims.example", f"+1647{at:07}", f"t{at}", "subscription") for at in range(20_000)]
    one = identities(*many, BY_NUMBER)
    lists = [found for index in one._by_realm.values() for found in index.lists(["+14165550000"])]
    assert sum(map(len, lists)) == 1
    found = one.understand(CALL)
    assert found is not None
    assert found.tenant == "contoso"


def test_a_request_of_great_length_is_not_remembered() -> None:
    one = identities(BY_NUMBER, FALLBACK)
    for at in range(10):
        asked = CALL._replace(called=f"sip:{at}{'x' * 2_000}@h")
        assert one.understand(asked) is not None
    assert one._remembered.cache_info().currsize == 0
