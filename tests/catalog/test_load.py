"""The shipped catalogue holds the tables of domain.md; an own folder extends it; faults have names."""

from __future__ import annotations

from pathlib import Path

import pytest

from talktime.catalog.load import FILES, FOLDER_VARIABLE, CatalogueError, load_catalogue
from talktime.catalog.model import PREMIUM_CREDITS_ONLY, PREMIUM_NORMAL, PREMIUM_REFUSE, Facts
from talktime.core.limits import MAX_MINUTES, NO_LIMIT
from talktime.core.numbers import Dialling

ZONE_A = (
    "AU AT BE BR BG CA CN HR CZ DK EE FI FR DE GR HK HU IN IE IT JP LU MY MX NL NZ NO PL PT PR RO RU SG SK "
    "SI ZA KR ES SE CH TW TH GB US"
).split()


@pytest.fixture(autouse=True)
def _no_own_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)


def own(folder: Path, **files: str) -> Path:
    """A folder with these files, named without their ending."""
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, "utf-8")
    return folder


# --- what ships ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "kind", "country", "minutes"),
    [
        ("MCOPSTN1", "domestic", "US", 3000),
        ("MCOPSTN1", "domestic", "PR", 3000),
        ("MCOPSTN1", "domestic", "CA", 3000),
        ("MCOPSTN1", "domestic", "GB", 1200),
        ("MCOPSTN2", "domestic", "GB", 3000),
        ("MCOPSTN2", "domestic", "FR", 1200),
        ("MCOPSTN2", "international", "US", 600),
        ("MCOPSTN2", "international", "FR", 600),
        ("MCOPSTN5", "domestic", "US", 120),
        ("MCOPSTN6", "domestic", "US", 240),
        ("MCOPSTN8", "domestic", "US", 120),
        ("MCOMEETADD", "conferencing", "US", 60),
        ("MCOMEETADD", "conferencing", "RU", 900),
        ("MCOMEETADD", "conferencing", "KR", 900),
        ("MCOMEETADD", "conferencing", "TW", 900),
        ("MCOMEETADD_SELECT", "conferencing", "GB", 60),
        ("MCOMEETADD_DIALOUT_US", "dial_out_add_on", "US", NO_LIMIT),
    ],
)
def test_minutes_of_a_licence(plan: str, kind: str, country: str, minutes: int) -> None:
    pools = {pool.kind: pool for pool in load_catalogue().plans[plan].pools}
    assert pools[kind].minutes_for(country) == minutes


@pytest.mark.parametrize(
    ("plan", "basis", "scope"),
    [
        ("MCOPSTN1", "assigned", "country"),
        ("MCOPSTN2", "assigned", "country"),
        ("MCOPSTN8", "assigned", "user"),
        ("MCOMEETADD", "purchased", "tenant"),
        ("MCOMEETADD_SELECT", "assigned", "tenant"),
        ("MCOMEETADD_DIALOUT_US", "assigned", "user"),
    ],
)
def test_whose_pool_it_is_and_which_licences_count(plan: str, basis: str, scope: str) -> None:
    found = load_catalogue().plans[plan]
    assert (found.basis, found.scope) == (basis, scope)


def test_plans_without_minutes() -> None:
    plans = load_catalogue().plans
    empty = {code for code, plan in plans.items() if not plan.pools}
    spenders = {code for code, plan in plans.items() if "spends_credits" in plan.traits}
    assert empty >= {"MCOPSTNPP", "MCOMEETACPEA", "MCOPSTNC", "MCOEV", "MCOEV_VIRTUALUSER"}
    assert spenders == {"MCOPSTNPP", "MCOPSTNC"}


def test_countries_of_pay_as_you_go() -> None:
    zone_1, mexico = "US PR GB CA", "MX"
    zone_2 = "AT BE CZ DK EE FI FR DE HK HU IE IT LV LT LU NL NZ NO PL PT RO SG SK SI ZA ES SE CH"
    assert load_catalogue().plans["MCOPSTNPP"].countries == set(f"{zone_1} {zone_2} {mexico}".split())


def test_zones_and_groups() -> None:
    catalogue = load_catalogue()
    assert len(ZONE_A) == 44
    assert catalogue.zones["zone_a"] == set(ZONE_A)
    assert catalogue.is_domestic("US", "CA")
    assert catalogue.is_domestic("PR", "US")
    assert catalogue.is_domestic("FR", "FR")
    assert not catalogue.is_domestic("FR", "DE")
    assert not catalogue.is_domestic("GB", "US")
    assert not catalogue.is_domestic("", "US")
    assert catalogue.pool_group("PR") == catalogue.pool_group("US") != catalogue.pool_group("CA")
    assert catalogue.pool_group("FR") == "FR"


@pytest.mark.parametrize(
    ("digits", "state"),
    [
        ("449012345678", PREMIUM_REFUSE),
        ("448431234567", PREMIUM_CREDITS_ONLY),
        ("448441234567", PREMIUM_CREDITS_ONLY),
        ("448451234567", PREMIUM_CREDITS_ONLY),
        ("448701234567", PREMIUM_CREDITS_ONLY),
        ("448711234567", PREMIUM_CREDITS_ONLY),
        ("448721234567", PREMIUM_CREDITS_ONLY),
        ("33899123456", PREMIUM_CREDITS_ONLY),
        ("448081234567", PREMIUM_NORMAL),
        ("442071838750", PREMIUM_NORMAL),
        ("44843", PREMIUM_CREDITS_ONLY),
        ("4484", PREMIUM_NORMAL),  # a hidden digit decides: by what is visible
        ("449", PREMIUM_REFUSE),
        ("", PREMIUM_NORMAL),
    ],
)
def test_premium_ranges(digits: str, state: str) -> None:
    assert load_catalogue().premium_state(digits) == state


FUNDING = {
    "included_inbound": ("free",),
    "emergency": ("free",),
    "toll_free": ("credits",),
    "conference_dial_out": ("dial_out_add_on", "conferencing", "credits"),
    "calling_plan_domestic": ("domestic", "credits"),
    "calling_plan_international": ("international", "credits"),
    "pay_as_you_go": ("credits",),
    "conference_pay_per_minute": ("credits",),
    "carried_by_operator": ("free",),
    "other": ("free",),
}
ASKED = {"conference_dial_out", "calling_plan_domestic", "calling_plan_international", "pay_as_you_go"}


def test_who_pays_for_a_category_in_order() -> None:
    categories = load_catalogue().categories
    assert {name: categories[name].funding for name in FUNDING} == FUNDING
    assert {name for name, category in categories.items() if category.licence} == ASKED
    assert {name for name, category in categories.items() if category.never_refused} == {"emergency"}
    voice_app = categories["voice_app_outbound"]
    assert (voice_app.payer, voice_app.funding[-1], voice_app.is_free) == ("service", "credits", False)


def test_numbers_and_dialling() -> None:
    catalogue = load_catalogue()
    assert catalogue.number("442071838750").country == "GB"
    assert catalogue.number("18005550100").kind == "toll_free"
    assert catalogue.number("") == catalogue.number("999") != catalogue.number("1")
    assert catalogue.dialling["US"] == Dialling("1", "1", "011", (10,))
    assert catalogue.dialling["GB"] == Dialling("44", "0", "00", (7, 9, 10))


@pytest.mark.parametrize(
    ("call_type", "direction"),
    [
        ("user_in", "inbound"),
        ("user_out", "outbound"),
        ("user_out_forwarding", "outbound"),
        ("conf_in", "inbound"),
        ("conf_out", "outbound"),
        ("ucap_out_conf", "outbound"),
        ("unassigned_in", "inbound"),
        ("emergency_out", "outbound"),
        ("dr_in", "inbound"),
        ("dr_out_user", "outbound"),
        ("byotin", "inbound"),
        ("byotoutuserforwarding", "outbound"),
        ("mystery", ""),
    ],
)
def test_direction_of_a_call_type(call_type: str, direction: str) -> None:
    assert load_catalogue().direction(call_type) == direction


@pytest.mark.parametrize(
    ("call_type", "treated"),
    [
        ("dr_out", "user_out"),
        ("dr_out_user_forwarding", "user_out_forwarding"),
        ("dr_in", "user_in"),
        ("dr_emergency_out", "emergency_out"),
        ("byotout", "user_out"),
        ("byotin", "user_in"),
        ("user_out", "user_out"),
        ("conf_out", "conf_out"),
    ],
)
def test_treated_as_a_calling_plan(call_type: str, treated: str) -> None:
    assert load_catalogue().treated(call_type, "calling_plan") == treated


# --- an own folder ---------------------------------------------------------------------------------

NEW_PLAN = """
[[plan]]
code = "NEWPLAN"
name = "Nordic, 500 minutes"
kind = "calling"
basis = "assigned"
scope = "user"
traits = ["nordic_caller"]
pools = [{ kind = "nordic", destinations = "nordic", minutes = 500, minutes_in = { SE = 600 } }]
"""
NEW_ZONE = '[zones]\nnordic = ["DK", "FI", "NO", "SE", "IS"]\n'
NEW_CATEGORY = """
[[category]]
name = "nordic"
funding = ["nordic", "credits"]

[[rule]]
category = "nordic"
call_types = ["user_out*"]
when = ["nordic_caller", "zone:nordic"]
unless = ["toll_free"]
why = "a user of the Nordic plan called a Nordic country"
"""


def facts(country: str, *traits: str) -> Facts:
    return Facts("user_out", "toll", False, False, country, frozenset(traits))


def test_an_own_folder_adds_to_what_ships(tmp_path: Path) -> None:
    folder = own(tmp_path, plans=NEW_PLAN, zones=NEW_ZONE, categories=NEW_CATEGORY)
    shipped, extended = load_catalogue(), load_catalogue(folder)
    assert set(extended.plans) - set(shipped.plans) == {"NEWPLAN"}
    assert extended.plans["NEWPLAN"].pools[0].minutes_for("SE") == 600
    assert extended.zones["zone_a"] == shipped.zones["zone_a"]
    assert len(extended.rules) == len(shipped.rules) + 1
    chosen = [
        extended.rules[extended.rule_of(facts(c, "nordic_caller"))].category for c in ("SE", "IS", "DE")
    ]
    assert chosen == ["nordic", "nordic", "calling_plan_international"]
    assert extended.rules[extended.rule_of(facts("SE"))].category == "calling_plan_international"
    assert extended.digest != shipped.digest


def test_an_own_entry_replaces_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    plans = """
[[plan]]
code = "MCOPSTN5"
name = "Domestic, 150 minutes"
kind = "calling"
basis = "assigned"
scope = "country"
pools = [{ kind = "domestic", destinations = "domestic", minutes = 150 }]
"""
    premium = (
        '[[premium]]\nprefix = "449"\nstate = "normal"\n[[premium]]\nprefix = "4498"\nstate = "refuse"\n'
    )
    zones = '[zones]\nzone_a = ["US"]\n'
    extended = load_catalogue(own(tmp_path, plans=plans, premium=premium, zones=zones))
    assert extended.plans["MCOPSTN5"].pools[0].minutes == 150
    assert len(extended.plans) == len(load_catalogue().plans)
    assert extended.premium_state("449012345678") == PREMIUM_NORMAL
    assert extended.premium_state("449812345678") == PREMIUM_REFUSE
    assert extended.zones["zone_a"] == {"US"}
    assert extended.zones["us_ca"] == {"US", "CA"}


def test_the_folder_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(own(tmp_path, zones=NEW_ZONE)))
    assert "nordic" in load_catalogue().zones
    other = tmp_path / "empty"
    other.mkdir()
    assert "nordic" not in load_catalogue(other).zones  # what is named wins


def test_the_digest_tells_catalogues_apart(tmp_path: Path) -> None:
    shipped = load_catalogue().digest
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    digests = {
        load_catalogue(own(one, zones=NEW_ZONE)).digest,
        load_catalogue(own(two, zones=NEW_ZONE.replace("IS", "GL"))).digest,
    }
    assert len(digests | {shipped}) == 3
    assert load_catalogue(one).digest == load_catalogue(one).digest


# --- faults ----------------------------------------------------------------------------------------


def plan(**changes: str) -> str:
    """A plan's entry in TOML, with keys changed; an empty value leaves the key out."""
    entry = {"code": '"X"', "name": '"X"', "kind": '"calling"', "basis": '"assigned"', "scope": '"country"'}
    lines = [f"{key} = {value}" for key, value in (entry | changes).items() if value]
    return "\n".join(["[[plan]]", *lines])


def pool(**changes: str) -> str:
    """A plan with one pool, with keys of the pool changed."""
    entry = {"kind": '"domestic"', "destinations": '"domestic"', "minutes": "60"} | changes
    return plan(pools="[{ " + ", ".join(f"{key} = {value}" for key, value in entry.items() if value) + " }]")


def rule(**changes: str) -> str:
    """A rule's entry in TOML."""
    entry = {"category": '"other"', "call_types": '["*"]', "why": '"because"'} | changes
    return "\n".join(["[[rule]]", *(f"{key} = {value}" for key, value in entry.items() if value)])


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("plans", "[[plan", r"plans.toml: not TOML: Expected"),
        ("plans", plan(scope=""), r"plan 'X': the key 'scope' is missing"),
        ("plans", plan(color='"red"'), r"plan 'X': unknown key 'color'; known are code, name"),
        ("plans", '[[plan]]\nname = "X"', r"plan '\?': the key 'code' is missing"),
        ("plans", plan(kind='"plan"'), r"plan 'X': 'plan' is none of calling, conferencing, credits, phone"),
        ("plans", plan(basis='"sold"'), r"plan 'X': 'sold' is none of assigned, purchased"),
        ("plans", plan(scope='"planet"'), r"plan 'X': 'planet' is none of country, tenant, user"),
        ("plans", pool(minutes=""), r"plan 'X', pool 'domestic': the key 'minutes' is missing"),
        ("plans", pool(hours="5"), r"plan 'X', pool 'domestic': unknown key 'hours'"),
        ("plans", pool(destinations='"mars"'), r"pool 'domestic': 'mars' is none of any, domestic"),
        ("plans", pool(minutes="-1"), r"pool 'domestic': minutes -1 must be 0 to 1,000,000 or \"unlimited\""),
        ("plans", pool(minutes=str(MAX_MINUTES + 1)), r"minutes 1000001 must be"),
        ("plans", pool(minutes='"60"'), r"minutes '60' must be"),
        ("plans", pool(minutes="60.5"), r"minutes 60.5 must be"),
        ("plans", pool(minutes_in="{ FR = -5 }"), r"pool 'domestic': minutes -5 must be"),
        ("categories", '[[category]]\nname = "x"', r"category 'x': the key 'funding' is missing"),
        (
            "categories",
            '[[category]]\nname = "x"\nfunding = ["gold"]',
            r"category 'x': 'gold' is none of conferencing, credits",
        ),
        (
            "categories",
            '[[category]]\nname = "x"\nfunding = ["credits"]\nlicence = "none"',
            r"category 'x': 'none' is none of pay_as_you_go",
        ),
        (
            "categories",
            '[[category]]\nname = "x"\nfunding = ["credits"]\npayer = "boss"',
            r"category 'x': 'boss' is none of service, user",
        ),
        (
            "categories",
            '[[category]]\nname = "x"\nfunding = ["credits"]\npolicy = "texts"',
            r"category 'x': 'texts' is none of calls, conferencing",
        ),
        (
            "categories",
            '[[category]]\nname = "x"\nfunding = ["credits"]\ncolour = "red"',
            r"category 'x': unknown key 'colour'",
        ),
        ("categories", rule(category='"gone"'), r"rule 1 \(gone\): 'gone' is none of calling_plan_domestic"),
        ("categories", rule(why=""), r"rule 1 \(other\): the key 'why' is missing"),
        ("categories", rule(when='["sunny"]'), r"rule 1 \(other\): 'sunny' is none of domestic, "),
        ("categories", rule(unless='["zone:mars"]'), r"rule 1 \(other\): 'zone:mars' is none of"),
        ("categories", rule(until='"x"'), r"rule 1 \(other\): unknown key 'until'"),
        ("premium", '[[premium]]\nprefix = "4"', r"premium.toml: prefix '4': the key 'state' is missing"),
        (
            "premium",
            '[[premium]]\nprefix = "4"\nstate = "dear"',
            r"prefix '4': 'dear' is none of credits_only, normal, refuse",
        ),
        (
            "premium",
            '[[premium]]\nprefix = "4"\nstate = "refuse"\nuntil = 1',
            r"prefix '4': unknown key 'until'",
        ),
        ("premium", '[[premium]]\nstate = "refuse"', r"prefix '\?': the key 'prefix' is missing"),
        ("call_types", '[[treat_as]]\nname = "x"', r"treat_as 'x': the key 'call_types' is missing"),
        ("call_types", "[[treat_as]]\ncall_types = {}", r"treat_as '\?': the key 'name' is missing"),
        ("plans", "[[plans]]\n", r"plans.toml: unknown key 'plans'; known are plan"),
        (
            "zones",
            "[zone]\n",
            r"zones.toml: unknown key 'zone'; known are domestic_groups, pool_groups, zones",
        ),
        ("zones", "zones = []\n", r"zones.toml: 'zones' must be written as in the shipped file"),
        ("roles", "", r"roles.toml: no such catalogue file; the names are plans.toml, categories.toml"),
    ],
)
def test_a_fault_is_told_by_name(tmp_path: Path, name: str, text: str, told: str) -> None:
    with pytest.raises(CatalogueError, match=told):
        load_catalogue(own(tmp_path, **{name: text}))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="gone is not a folder; name a folder with files such as"):
        load_catalogue(tmp_path / "gone")


def test_the_files_of_an_own_folder_are_named() -> None:
    assert FILES == ("plans.toml", "categories.toml", "call_types.toml", "zones.toml", "premium.toml")
