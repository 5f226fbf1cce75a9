"""Every event has a text that says all there is to say, in both forms; wrong data is refused by name."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import product

import pytest

from talktime.accounts.tenant import AutoRecharge, BillingAccount, PaymentMethod, Subscription, Tenant
from talktime.catalog.load import CatalogueError, load_catalogue
from talktime.catalog.side import load_roles
from talktime.notices.message import Message, is_web, message, one_line
from talktime.notices.texts import FUND, OTHER, SECTIONS, Text, load_texts, names_in, read_texts
from talktime.notices.webhooks import TEST_EVENT
from talktime.notices.wording import UNKNOWN, Wording, instant_words, method_words

NOW_US = 1_795_356_300_000_000  # 2026-11-22T14:05:00Z
HOUR_US = 3_600_000_000
NOVEMBER = 2026 * 12 + 10
TENANT = Tenant(
    "contoso/eu",
    "Contoso & <Sons>",
    "US",
    "USD",
    time_zone="Europe/London",
    payment_methods=(PaymentMethod("pm1", "sandbox", "tok", "visa", "4242", "2027-03"),),
)
UNDER_MCA = replace(TENANT, default_billing_account="a", billing_accounts=(BillingAccount("a", "MCA", "US"),))
MCA_OFF = replace(UNDER_MCA, billing_accounts=(BillingAccount("a", "MCA", "US", False),))
BY_PARTNER = replace(
    TENANT,
    billing_accounts=(BillingAccount("p", "CSP", "US"),),
    subscriptions=(Subscription("MCOPSTN1", 10, "p"),),
)
NOT_OFFERED = replace(TENANT, country="IN")
NOT_BUYING = {"MCA": UNDER_MCA, "MCA, off": MCA_OFF, "CSP": BY_PARTNER, "country": NOT_OFFERED}
WITH_RULE = {
    f"{name}, rule on": replace(tenant, auto_recharge=AutoRecharge(True))
    for name, tenant in NOT_BUYING.items()
}
RULE_ON = replace(TENANT, auto_recharge=AutoRecharge(True))
FIGURES = {
    "balance": 12_345_600,
    "reserved": 1_200_000,
    "available": 11_145_600,
    "overdraft": 0,
    "currency": "USD",
}
OWED = {"balance": -300_000, "reserved": 0, "available": -300_000, "overdraft": 300_000, "currency": "USD"}

BOUGHT: dict[str, object] = {
    "payment": "P1",
    "receipt": "R-1",
    "amount": 200_000_000,
    "lot": 3,
    "expires_us": NOW_US,
    "method": "pm1",
}

# The facts of each event, as the ledger writes them.
FACTS: dict[str, dict[str, object]] = {
    "purchase_succeeded": BOUGHT,
    "recharge_succeeded": BOUGHT,
    "purchase_failed": {"payment": "P1", "amount": 200_000_000, "code": "insufficient_funds"},
    "recharge_failed": {"payment": "P1", "amount": 200_000_000, "code": "lost_card", "next_try_us": 0},
    "recharge_paused": {"reason": "lost_card", "since_us": NOW_US - HOUR_US},
    "payment_action_needed": {"payment": "P1", "amount": 200_000_000, "url": "https://bank.example/c?a=1&b=2"},
    "payment_unclear": {"payment": "P1", "amount": 200_000_000, "since_us": NOW_US - HOUR_US},
    "recharge_recovered": {"method": "pm1"},
    "cap_met": {"which": "month", "cap": 1_000_000_000},
    "card_expires_soon": {"method": "pm1", "expires": "2027-03", "days": 7},
    "balance_zero": {},
    "calls_refused": {"reason": "no_credit"},
    "balance_low": {"level": 20_000_000},
    "runway_short": {
        "days": 9,
        "days_expected": 12,
        "days_high": None,
        "limit_days": 14,
        "burn_a_day": 3_210_000,
        "burn_7_a_day": 4_000_000,
    },
    "lot_expires_soon": {"lot": 3, "micros": 4_500_000, "expires_us": NOW_US + HOUR_US, "days": 7},
    "lot_expired": {"lot": 3, "micros": 4_500_000},
    "spend_cap_reached": {"counter": "cap:user/ana@contoso.example", "limit": 50_000_000, "period": NOVEMBER},
    "pool_80": {"pool": "pool:MCOPSTN1/domestic/US", "period": NOVEMBER},
    "pool_100": {"pool": "pool:MCOPSTN1/domestic/US", "period": NOVEMBER},
    "mode_switched": {"before": "draining", "after": "post_usage"},
    "unrated_waiting": {"calls": 12},
    "refund_done": {"payment": "P1", "amount": 200_000_000, "credit_note": "C-1"},
    "refund_failed": {"payment": "P1", "amount": 200_000_000, "code": "expired_or_canceled_card"},
    "dispute_opened": {"payment": "P1", "amount": 200_000_000, "outcome": ""},
    "dispute_closed": {"payment": "P1", "amount": 200_000_000, "outcome": "lost"},
    "invoice_ready": {"invoice": "I-1", "amount": 200_000_000, "month": "2026-10"},
    "webhook_disabled": {"webhook": "wh_1", "url": "https://hooks.example/h"},
}  # fmt: skip

# What else decides about a text.
CASES: list[dict[str, object]] = [
    {},
    {"next_try_us": NOW_US + HOUR_US},
    {"which": "day"},
    {"which": "most"},
    {"after": "prepaid"},
    {"after": "draining"},
    {"after": "no_funding"},
    {"outcome": "won"},
]


@pytest.fixture(scope="module")
def wording() -> Wording:
    return Wording(load_texts(), load_catalogue())


def made(
    wording: Wording, event: str, tenant: Tenant = TENANT, has: dict[str, object] = FIGURES, **more: object
) -> Message:
    body = json.dumps({**FACTS.get(event, {}), **more, **has})
    return message(wording, tenant, event, NOW_US, body, "https://talktime.example/")


class Reader(HTMLParser):
    """What a person sees of HTML, and whether every tag that opens also closes."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_every_event_of_the_catalogue_has_facts_here_and_a_text() -> None:
    events = set(load_roles().events)
    assert set(FACTS) == events
    assert set(load_texts().texts) == events | {OTHER, TEST_EVENT}


@pytest.mark.parametrize("tenant", [TENANT, UNDER_MCA], ids=["prepaid", "under MCA"])
@pytest.mark.parametrize("has", [FIGURES, OWED], ids=["funded", "owed"])
@pytest.mark.parametrize("event", FACTS)
def test_a_message_says_everything(
    wording: Wording, event: str, has: dict[str, object], tenant: Tenant
) -> None:
    told = made(wording, event, tenant, has)
    text, html = told.text(), told.html()
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    for form in (text, " ".join(reader.words), told.chat()):
        assert UNKNOWN not in form
        assert "{" not in form
        assert "None" not in form
    titles = (
        "What stops working",
        "What keeps working",
        "What to do",
        "Balance (settled)",
        "Reserved",
        "Available",
    )
    for title in titles:
        assert title in text
        assert title in html
    assert ("12.3456 USD" if has is FIGURES else "-0.3 USD") in text
    assert ("Overdraft" in text) is (has is OWED)
    assert "Contoso & <Sons>" in told.subject
    assert "<Sons>" not in html
    assert "https://talktime.example/tenants/contoso%2Feu/" in text
    assert set(reader.links) <= {url for _, url in told.links}
    assert "14:05 (Europe/London)" in text


@pytest.mark.parametrize(
    ("event", "tenant", "has", "more", "says"),
    [
        ("balance_zero", TENANT, OWED, {}, "auto-recharge is off"),
        ("balance_zero", replace(TENANT, auto_recharge=AutoRecharge(True)), OWED, {}, "Auto-recharge is on"),
        ("balance_zero", UNDER_MCA, OWED, {}, "what credits do not pay is invoiced after use"),
        ("balance_zero", TENANT, OWED, {}, "Buy credits now."),
        ("balance_zero", MCA_OFF, OWED, {}, "0, and post-usage billing is off"),
        ("calls_refused", TENANT, FIGURES, {}, "do not pay for its beginning. 11.1456 USD are left"),
        ("calls_refused", TENANT, OWED, {"reason": "credits_expired"}, "The credits have expired."),
        ("calls_refused", MCA_OFF, OWED, {"reason": "post_usage_off"}, "and post-usage billing is off."),
        ("calls_refused", RULE_ON, FIGURES, {}, "no payment of it is about to arrive"),
        ("balance_low", RULE_ON, FIGURES, {}, "Auto-recharge is on; its page says when it buys"),
        ("pool_80", TENANT, OWED, {}, "calls of this kind are refused, since no credits are available"),
        ("lot_expires_soon", TENANT, FIGURES, {}, "Do not buy more than you need"),
        ("dispute_closed", UNDER_MCA, OWED, {}, "Nothing. What credits do not pay is invoiced after use."),
        ("recharge_failed", TENANT, FIGURES, {"next_try_us": NOW_US + HOUR_US}, "November 2026, 15:05"),
        ("recharge_failed", TENANT, FIGURES, {}, "not tried again by itself"),
        ("recharge_failed", TENANT, OWED, {}, "New calls that need credits are refused"),
        ("cap_met", TENANT, FIGURES, {"which": "month"}, "1000 USD a month"),
        ("cap_met", TENANT, FIGURES, {"which": "day"}, "24 hours"),
        ("cap_met", TENANT, FIGURES, {"which": "most"}, "in one payment"),
        ("dispute_closed", TENANT, FIGURES, {"outcome": "won"}, "can be spent again"),
        ("dispute_closed", TENANT, FIGURES, {"outcome": "lost"}, "pay back"),
        ("mode_switched", TENANT, FIGURES, {"after": "no_funding"}, "post-usage billing is off"),
        ("mode_switched", UNDER_MCA, FIGURES, {"after": "draining"}, "are spent first"),
        ("mode_switched", TENANT, FIGURES, {"after": "draining"}, "nothing pays afterwards"),
        ("mode_switched", TENANT, FIGURES, {"before": 2, "after": 0}, "billing to prepaid credits"),
        ("pool_100", TENANT, OWED, {}, "no credits are available to pay"),
        ("pool_80", TENANT, FIGURES, {}, "Domestic Calling Plan (domestic, US)"),
        ("spend_cap_reached", TENANT, FIGURES, {}, "the user ana@contoso.example may spend 50 USD in Nov"),
        ("card_expires_soon", TENANT, FIGURES, {}, "Visa ending in 4242"),
        ("invoice_ready", TENANT, FIGURES, {}, "for calls in October 2026 comes to 200 USD"),
        ("purchase_failed", TENANT, FIGURES, {}, "not enough money"),
        ("refund_failed", TENANT, FIGURES, {}, "The bank could not put the refund on the card."),
        ("refund_failed", TENANT, FIGURES, {"code": "never_arrived"}, "200 USD were to be paid back"),
        ("an_event_of_tomorrow", TENANT, FIGURES, {}, "an event of tomorrow"),
    ],
)  # fmt: skip
def test_the_text_fits_the_case(
    wording: Wording, event: str, tenant: Tenant, has: dict[str, object], more: dict[str, object], says: str
) -> None:
    assert says in made(wording, event, tenant, has, **more).text()


REFUSED = re.compile(r"\bbuy\b|turn on auto-recharge|turn auto-recharge on", re.IGNORECASE)

# Events whose message says how calls get paid for, and what follows "What to do" there for who may not buy.
TO_FUND = ["balance_zero", "calls_refused", "balance_low", "runway_short", "lot_expired", "pool_100"]
WAYS = [
    (TENANT, "uy credits", "/credits"),
    (MCA_OFF, "urn on post-usage billing on the billing page", "/billing"),
    (BY_PARTNER, "sk your partner to fund credits", "/credits"),
    (NOT_OFFERED, "ee on the credits page why credits cannot be bought", "/credits"),
]


@pytest.mark.parametrize(("tenant", "says", "page"), WAYS, ids=["buys", "MCA, off", "CSP", "country"])
@pytest.mark.parametrize("event", TO_FUND)
def test_what_to_do_is_what_this_tenant_can_do(
    wording: Wording, event: str, tenant: Tenant, says: str, page: str
) -> None:
    told = made(wording, event, tenant, OWED)
    assert says in dict(told.sections)["What to do"]
    assert told.links[-1][1].endswith(page)


@pytest.mark.parametrize("event", FACTS)
def test_nobody_is_told_to_do_what_is_refused(wording: Wording, event: str) -> None:
    tenants = [*NOT_BUYING.values(), *WITH_RULE.values()]
    for tenant, has, more in product(tenants, (FIGURES, OWED), CASES):
        todo = dict(made(wording, event, tenant, has, **more).sections)["What to do"]
        assert not REFUSED.search(todo), todo


@pytest.mark.parametrize("event", FACTS)
def test_who_may_not_buy_and_holds_nothing_is_told_a_way_out(wording: Wording, event: str) -> None:
    """Where calls that need credits are refused, what to do is never "Nothing"."""
    for tenant in (TENANT, RULE_ON, *NOT_BUYING.values(), *WITH_RULE.values()):
        sections = dict(made(wording, event, tenant, OWED).sections)
        if "are refused: toll-free" in sections["What stops working"]:
            assert not sections["What to do"].startswith("Nothing")


def test_every_text_and_every_way_is_somebodys(wording: Wording) -> None:
    """No variant stands behind another one that always fits before it, or asks for what no fact says."""
    tenants = (TENANT, RULE_ON, *NOT_BUYING.values(), *WITH_RULE.values())
    used: set[int] = set()
    for event, tenant, has, more in product(FACTS, tenants, (FIGURES, OWED), CASES):
        facts = wording.choosing(tenant, NOW_US, json.dumps({**FACTS[event], **more, **has}))
        used |= {id(wording.texts.text(event, facts)), id(wording.texts.fund(facts))}
    of_events = [text for event in FACTS for text in wording.texts.texts[event]]
    assert [text for text in of_events if id(text) not in used] == []
    assert [fund for fund in wording.texts.funds if id(fund) not in used] == []


def test_the_link_of_the_bank_comes_first_and_is_a_web_address(wording: Wording) -> None:
    told = made(wording, "payment_action_needed")
    assert told.links[0] == ("Confirm the payment", "https://bank.example/c?a=1&b=2")
    harmful = made(wording, "payment_action_needed", url="javascript:alert(1)")
    assert "javascript" not in harmful.html()
    assert [is_web(url) for url in ("https://a.example", "http://a", "javascript:x", "https://", "//a")] == [
        True, True, False, False, False,
    ]  # fmt: skip


def test_a_fact_that_is_missing_leaves_a_gap_and_no_fault(wording: Wording) -> None:
    body = json.dumps(FIGURES)
    assert UNKNOWN in message(wording, TENANT, "balance_low", NOW_US, body, "").text()
    assert message(wording, TENANT, "balance_low", NOW_US, "{}", "").figures == ()


def test_a_subject_is_one_line_of_bounded_length() -> None:
    assert one_line("a\r\nBcc: b\x00\u2028c  d") == "a Bcc: b c d"
    assert len(one_line("x" * 500)) == 200


def test_instants_are_local_and_name_their_zone() -> None:
    assert (
        instant_words(1_772_366_400_000_000, "America/New_York") == "1 March 2026, 07:00 (America/New_York)"
    )


def test_a_method_that_is_gone_is_named_as_it_was() -> None:
    assert method_words(TENANT, "Visa 4242") == "Visa 4242"
    assert method_words(TENANT, "") == "the payment method on file"


def test_texts_speak_only_of_facts_that_their_event_has() -> None:
    always = {"tenant", "tenant_id", "event", FUND, *FIGURES}
    for event, texts in load_texts().texts.items():
        known = always | {name.removesuffix("_us") for name in FACTS.get(event, {})}
        for text in texts:
            for section in SECTIONS:
                assert names_in(getattr(text, section)) <= known, (event, section)


def test_texts_say_no_more_than_people_read() -> None:
    def lengths(text: Text) -> list[int]:
        return [len(getattr(text, name)) for name in SECTIONS]

    assert max(max(lengths(text)) for texts in load_texts().texts.values() for text in texts) < 400


_HEAD = """
[pages]
p = "/x"
[phrases]
q = "Nothing."
[facts]
money = ["amount"]
[codes]
c = "C."
[[mode]]
id = "m"
name = "M"
says = "It is M."
[[fund]]
when = { x = "1" }
says = "buy"
page = "p"
[[fund]]
says = "wait"
page = "p"
"""


def entry(event: str, **more: str) -> str:
    values = {"event": event, "page": "p", **dict.fromkeys(SECTIONS, "@q"), **more}
    lines = [
        f"{name} = {value if value.startswith('{ ') else json.dumps(value)}" for name, value in values.items()
    ]
    return "[[text]]\n" + "\n".join(lines) + "\n"


def test_a_small_file_is_read() -> None:
    texts = read_texts(_HEAD + entry("a", when='{ x = "1" }', subject="one") + entry("a") + entry(OTHER))
    assert texts.text("a", {"x": "1"}).subject == "one"
    assert texts.text("a", {}).subject == "Nothing."
    assert texts.text("b", {}).event == OTHER
    assert [texts.fund(facts).says for facts in ({"x": "1"}, {"x": "2"}, {})] == ["buy", "wait", "wait"]
    assert read_texts(_HEAD + entry(OTHER, page=FUND)).text("a", {}).page == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = ", "not TOML"),
        ("x = 1", "it has to hold"),
        (_HEAD + entry("a"), "there is no text 'other'"),
        (_HEAD + entry(OTHER) + entry(OTHER), "never used"),
        (_HEAD + entry(OTHER) + entry("a", when='{ x = "1" }'), "no text without `when`"),
        (_HEAD + entry(OTHER, page="y"), "page 'y' is none of p"),
        (_HEAD + entry(OTHER, works="@z"), "no phrase 'z'"),
        (_HEAD + entry(OTHER, works="{a.b}"), "something else than the name of a fact"),
        (_HEAD + entry(OTHER, works="{"), "other"),
        (_HEAD + entry(OTHER, more="x"), "missing or unknown keys: more"),
        (_HEAD.replace("money", "gold") + entry(OTHER), "'gold' is none of"),
        (_HEAD.replace('["amount"]', '["a", "a"]') + entry(OTHER), "'a' stands twice"),
        (_HEAD.replace('when = { x = "1" }', "") + entry(OTHER), "fund: the last one, and no other"),
        (_HEAD + '[[fund]]\nwhen = { x = "2" }\nsays = ""\npage = "p"\n' + entry(OTHER), "the last one"),
        (_HEAD.replace('"wait"\npage = "p"', '"wait"\npage = "q"') + entry(OTHER), "fund 2: page 'q'"),
        (_HEAD.replace('says = "wait"', "") + entry(OTHER), "fund 2: has to hold says and page"),
    ],
)
def test_wrong_data_is_refused_by_name(text: str, says: str) -> None:
    with pytest.raises(CatalogueError, match=says):
        read_texts(text)
