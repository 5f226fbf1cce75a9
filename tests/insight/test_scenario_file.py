"""Scenario files: what is written is read again, and each fault says where it is."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talktime.accounts.tenant import AutoRecharge, Cap, Licence, ServiceNumber, Subscription, Tenant, User
from talktime.catalog.load import load_catalogue
from talktime.catalog.model import Catalogue
from talktime.core.deck import Deck
from talktime.insight.planner.document import Mix, MixChange
from talktime.insight.planner.mix_holders import NOBODY
from talktime.insight.planner.mix_holders import tried as holding
from talktime.insight.planner.mix_scenario import best_plans
from talktime.insight.scenario import (
    EVERYBODY,
    TODAY,
    Bought,
    Rule,
    Scenario,
    Swap,
    TriedCap,
    UserPlans,
    tried,
)
from talktime.insight.scenario_file import (
    MOST_IN_A_FILE,
    ScenarioFileError,
    read_scenarios,
    tries_of,
    write_scenarios_file,
)

UNIT: Final = 1_000_000
ANA, BO, CY = "ana@contoso.example", "bo@contoso.example", "cy@contoso.example"
CREDITS, DOMESTIC, BOTH, MEETINGS = "MCOPSTNC", "MCOPSTN1", "MCOPSTN2", "MCOMEETADD"
TOLL_FREE: Final = ServiceNumber("+18005550100", "toll_free", licences=(Licence(DOMESTIC),))

TENANT: Final = Tenant(
    "contoso",
    "Contoso",
    "US",
    "USD",
    users=(
        User(ANA, "u-1", licences=(Licence(DOMESTIC), Licence(CREDITS)), cost_centre="sales"),
        User(BO, location="GB", licences=(Licence(DOMESTIC),), cap_per_month_micros=9 * UNIT),
        User(CY, location="GB", licences=(Licence(CREDITS),), cost_centre="support"),
    ),
    service_numbers=(TOLL_FREE,),
    subscriptions=(Subscription(DOMESTIC, 5, "main"), Subscription(DOMESTIC, 1, "other")),
    caps=(Cap("tenant", "contoso", 100 * UNIT), Cap("user", BO, 5 * UNIT), Cap("cost_centre", "sales", UNIT)),
    auto_recharge=AutoRecharge(
        enabled=True, below_micros=UNIT, add_micros=UNIT, cap_per_month_micros=7 * UNIT
    ),
)


@cache
def catalogue() -> Catalogue:
    """Read once."""
    return load_catalogue()


def read(folder: Path, text: str) -> list[Scenario]:
    """The scenarios of a file with this text."""
    path = folder / "scenarios.toml"
    path.write_text(text, "utf-8")
    return read_scenarios([path], catalogue(), TENANT)


EXAMPLE: Final = """
[[scenario]]
name = "Larger plan in Britain, other trigger"
balance = "250"
agreement = "MCA"
treat_as = "calling_plan"
recharge = { below = "50", add = "100.50", cap_per_month = "none" }
caps = [
  { scope = "tenant", amount = "300" },
  { scope = "user", id = "bo@contoso.example", amount = "none" },
]

[[scenario.plans]]
plan = "MCOPSTN1"
becomes = "MCOPSTN2"
country = "GB"

[[scenario.users]]
user = "U-1"
plans = ["MCOPSTN2", "MCOPSTNC"]

[[scenario]]
name = "Off"
recharge = { enabled = false }
"""


def test_file_is_read_as_it_is_written(tmp_path: Path) -> None:
    assert read(tmp_path, EXAMPLE) == [
        Scenario(
            name="Larger plan in Britain, other trigger",
            plans=(Swap(DOMESTIC, BOTH, "GB"),),
            recharge=Rule(True, 50 * UNIT, 100_500_000, None, uncapped=True),
            balance=250 * UNIT,
            agreement="MCA",
            treat_as="calling_plan",
            caps=(TriedCap("tenant", "", 300 * UNIT), TriedCap("user", BO, None)),
            users=(UserPlans("U-1", (BOTH, CREDITS)),),
        ),
        Scenario(name="Off", recharge=Rule(enabled=False)),
    ]


MONEY: Final = st.integers(0, 10**15)
PLANS: Final = st.sampled_from([DOMESTIC, BOTH, MEETINGS])
SWAPS: Final = st.builds(
    Swap,
    st.sampled_from([EVERYBODY, DOMESTIC]),
    st.sampled_from(["", DOMESTIC, BOTH]),
    st.sampled_from(["", "GB"]),
    st.just(()) | st.just((ANA, "U-1")),
)
RULES: Final = (
    st.just(Rule(enabled=False))
    | st.builds(Rule, st.just(value=True), st.integers(1, 10**15), st.integers(1, 10**15), st.none() | MONEY)
    | st.just(Rule(True, 1, 2, None, uncapped=True))
)
SCENARIOS: Final = st.builds(
    Scenario,
    name=st.text(min_size=1).map(str.strip).filter(bool),
    plans=st.lists(SWAPS, max_size=3).map(tuple),
    recharge=st.none() | RULES,
    balance=st.none() | MONEY,
    deck=st.sampled_from(["", "sample"]),
    agreement=st.sampled_from(["", "MCA"]),
    treat_as=st.sampled_from(["", "calling_plan"]),
    caps=st.lists(
        st.builds(
            TriedCap, st.sampled_from(["tenant", "user", "cost_centre"]), st.just(""), st.none() | MONEY
        ),
        max_size=3,
    ).map(tuple),
    licences=st.lists(
        st.builds(Bought, PLANS, st.integers(0, 100)), max_size=2, unique_by=lambda one: one.plan
    ).map(tuple),
    users=st.lists(
        st.builds(UserPlans, st.sampled_from([ANA, BO]), st.lists(PLANS).map(tuple)), max_size=1
    ).map(tuple),
)


@settings(max_examples=40)
@given(st.lists(SCENARIOS, min_size=1, max_size=3, unique_by=lambda one: one.name.casefold()))
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, scenarios: list[Scenario]
) -> None:
    path = tmp_path_factory.mktemp("written") / "scenarios.toml"
    write_scenarios_file(path, scenarios, "Made by the planner.\nTwo lines.")
    assert read_scenarios([path], catalogue(), TENANT) == scenarios


FAULTS: Final = [
    (
        "[[scenario]]\nname = 'a'\n[[scenario.licences]]\nplan = 'MCOPSTN'\npurchased = 3",
        "licences[1] plan: there is no plan 'MCOPSTN'",
    ),
    ("", "begin with [[scenario]] and its name"),
    ("[[scenarios]]\nname = 'a'", "unknown key scenarios; did you mean scenario?"),
    ("[[scenario]]", "scenario[1]: name is missing"),
    (
        "[[scenario]]\nname = 'a'\nballance = '1'",
        'scenario[1] "a": unknown key ballance; did you mean balance?',
    ),
    ("[[scenario]]\nname = 'a'\nbalance = 0.1", 'balance = 0.1 is a float; write "0.1" in quotes'),
    ("[[scenario]]\nname = 'a'\nbalance = '-1'", 'scenario[1] "a": balance: the balance must be 0 or more'),
    ("[[scenario]]\nname = 'a'\nagreement = 'XX'", 'agreement "XX" is none of MOSA, MCA, EA, CSP'),
    ("[[scenario]]\nname = 'a'\ntreat_as = 'x'", "calls cannot be treated as 'x'; choose calling_plan"),
    ("[[scenario]]\nname = 'a'\ndeck = 'b.csv'", 'deck "b.csv": there is no such file beside'),
    ("[[scenario]]\nname = 'a'\nrecharge = { add = '5' }", "recharge: below is missing"),
    ("[[scenario]]\nname = 'a'\nrecharge = { enabled = false, add = '5' }", "add has no use"),
    (
        "[[scenario]]\nname = 'a'\nrecharge = { below = '0', add = '5' }",
        'scenario[1] "a": recharge below: below is 0: it must be more than 0',
    ),
    ("[[scenario]]\nname = 'a'\ncaps = [{ scope = 'all', amount = '5' }]", "caps[1]: scope"),
    ("[[scenario]]\nname = 'a'\ncaps = [{ scope = 'tenant' }]", "caps[1]: amount is missing"),
    (
        "[[scenario]]\nname = 'a'\ncaps = [{ scope = 'cost_centre', id = 'sale', amount = '5' }]",
        "caps[1] id: the tenant has no cost centre 'sale'; did you mean sales?",
    ),
    (
        "[[scenario]]\nname = 'a'\n[[scenario.plans]]\nplan = 'MCOPSTN1'",
        'plans[1] "MCOPSTN1": becomes is missing',
    ),
    (
        "[[scenario]]\nname = 'a'\n[[scenario.plans]]\nplan = 'MCOPSTN11'\nbecomes = ''",
        "plans[1] plan: there is no plan 'MCOPSTN11'; did you mean MCOPSTN1?",
    ),
    (
        "[[scenario]]\nname = 'a'\n[[scenario.plans]]\nbecomes = ''\ncountry = 'gb'",
        "plans[1] country: country 'gb' must be in capital letters",
    ),
    (
        "[[scenario]]\nname = 'a'\n[[scenario.plans]]\nbecomes = ''\nusers = ['anna@contoso.example', 'x']",
        "plans[1] users[1]: the tenant has no user 'anna@contoso.example' (nor 1 others that are named); "
        "did you mean ana@contoso.example?",
    ),
    (
        "[[scenario]]\nname = 'a'\n[[scenario.users]]\nuser = 'u-1'\nplans = ['NONE']",
        "users[1] plans[1]: there is no plan 'NONE'",
    ),
    ("[[scenario]]\nname = 'a'\n[[scenario.users]]\nuser = 'u-1'", "plans is missing; write all plans"),
    ("[[scenario]]\nname = 'a'\n[[scenario]]\nname = 'A'", "two scenarios are called 'A'"),
    ("name = ", "is not TOML"),
    ("[[scenario]]\nname = 'a'\n" * (MOST_IN_A_FILE + 1), "21 scenarios are too many"),
]


@pytest.mark.parametrize(("text", "sentence"), FAULTS, ids=[told[:40] for _, told in FAULTS])
def test_fault_says_where_and_what(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ScenarioFileError) as told:
        read(tmp_path, text)
    assert str(told.value).startswith(f"{tmp_path / 'scenarios.toml'}: ")
    assert len(told.value.faults) == 1
    assert sentence in told.value.faults[0]


def test_all_faults_are_told(tmp_path: Path) -> None:
    with pytest.raises(ScenarioFileError, match="3 faults:") as told:
        read(tmp_path, "[[scenario]]\nbalance = 1.5\nplans = 3")
    assert len(told.value.faults) == 3


def test_names_differ_from_file_to_file(tmp_path: Path) -> None:
    one, other = tmp_path / "one.toml", tmp_path / "other.toml"
    one.write_text("[[scenario]]\nname = 'Same'", "utf-8")
    other.write_text("[[scenario]]\nname = 'same'", "utf-8")
    with pytest.raises(ScenarioFileError, match=r"other.toml: scenario \"same\" is in .*one.toml as well"):
        read_scenarios([one, other], catalogue())


def test_decks_are_looked_for_beside_the_file_and_read_once(tmp_path: Path) -> None:
    (tmp_path / "dear.csv").write_text("prefix,price\n44,1\n", "utf-8")
    text = "".join(
        f"[[scenario]]\nname = '{name}'\ndeck = '{deck}'\n"
        for name, deck in (("a", "dear.csv"), ("b", "sample"), ("c", "dear.csv"), ("d", ""))
    )
    asked: list[str] = []

    def deck_of(name: str) -> Deck:
        asked.append(name)
        return Deck(name, name, "USD", ())

    scenarios = read(tmp_path, text)
    tries = tries_of(scenarios, Deck("today", "1", "USD", ()), deck_of)
    beside = str(tmp_path / "dear.csv")
    assert [(one.name, deck.name) for one, deck in tries] == [
        (TODAY.name, "today"),
        ("a", beside),
        ("b", "sample"),
        ("c", beside),
        ("d", "today"),
    ]
    assert asked == [beside, "sample"]


# --- what they make of a tenant ------------------------------------------------------------------------


def held(tenant: Tenant) -> list[list[str]]:
    """The plans of each user."""
    return [[one.plan for one in user.licences] for user in tenant.users]


def bought(tenant: Tenant) -> Counter[str]:
    """The licences bought of each plan."""
    found: Counter[str] = Counter()
    for one in tenant.subscriptions:
        found[one.plan] += one.purchased
    return found


@pytest.mark.parametrize(
    ("scenario", "plans", "licences"),
    [
        (
            Scenario(name="holders of a country", plans=(Swap(DOMESTIC, BOTH, "GB"),)),
            [[DOMESTIC, CREDITS], [BOTH], [CREDITS]],
            {DOMESTIC: 5, BOTH: 1},
        ),
        (
            Scenario(name="everybody of a country", plans=(Swap(EVERYBODY, BOTH, "GB"),)),
            [[DOMESTIC, CREDITS], [BOTH], [CREDITS, BOTH]],
            {DOMESTIC: 5, BOTH: 2},
        ),
        (
            Scenario(name="those named", plans=(Swap(EVERYBODY, "", "", ("U-1", CY)),)),
            [[CREDITS], [DOMESTIC], [CREDITS]],
            {DOMESTIC: 5},
        ),
        (
            Scenario(name="named and of a country", plans=(Swap(DOMESTIC, "", "GB", (ANA, BO)),)),
            [[DOMESTIC, CREDITS], [], [CREDITS]],
            {DOMESTIC: 5},
        ),
        (
            Scenario(name="plans of users", users=(UserPlans(ANA, ()), UserPlans(CY, (BOTH, MEETINGS)))),
            [[], [DOMESTIC], [BOTH, MEETINGS]],
            {DOMESTIC: 5, BOTH: 1, MEETINGS: 1},
        ),
    ],
    ids=lambda one: one.name if isinstance(one, Scenario) else "",
)
def test_licences_bought_follow_those_held(
    scenario: Scenario, plans: list[list[str]], licences: dict[str, int]
) -> None:
    found = tried(TENANT, scenario, catalogue())
    assert held(found) == plans
    assert bought(found) == licences
    assert found.service_numbers == TENANT.service_numbers


@pytest.mark.parametrize(
    ("cap", "caps", "of_bo"),
    [
        (
            TriedCap("tenant", "", UNIT),
            {("user", BO): 5, ("cost_centre", "sales"): 1, ("tenant", "contoso"): 1},
            9,
        ),
        (TriedCap("tenant"), {("user", BO): 5, ("cost_centre", "sales"): 1}, 9),
        (
            TriedCap("user", BO.upper(), 20 * UNIT),
            {("tenant", "contoso"): 100, ("cost_centre", "sales"): 1, ("user", BO): 20},
            None,
        ),
        (TriedCap("user", BO), {("tenant", "contoso"): 100, ("cost_centre", "sales"): 1}, None),
        (
            TriedCap("user", "", 2 * UNIT),
            {("tenant", "contoso"): 100, ("cost_centre", "sales"): 1}
            | {("user", upn): 2 for upn in (ANA, BO, CY)},
            None,
        ),
        (
            TriedCap("cost_centre", "", 3 * UNIT),
            {
                ("tenant", "contoso"): 100,
                ("user", BO): 5,
                ("cost_centre", "sales"): 3,
                ("cost_centre", "support"): 3,
            },
            9,
        ),
    ],
)
def test_cap_takes_the_place_of_todays(
    cap: TriedCap, caps: dict[tuple[str, str], int], of_bo: int | None
) -> None:
    found = tried(TENANT, Scenario(name="s", caps=(cap,)), catalogue())
    assert {(one.scope, one.id): one.amount_micros // UNIT for one in found.caps} == caps
    own = found.users[1].cap_per_month_micros
    assert (None if own is None else own // UNIT) == of_bo


@pytest.mark.parametrize(
    ("rule", "cap"),
    [
        (Rule(True, 1, 1), 7 * UNIT),
        (Rule(True, 1, 1, 3 * UNIT), 3 * UNIT),
        (Rule(True, 1, 1, None, uncapped=True), None),
    ],
)
def test_cap_of_auto_recharge(rule: Rule, cap: int | None) -> None:
    found = tried(TENANT, Scenario(name="s", recharge=rule), catalogue())
    assert found.auto_recharge.cap_per_month_micros == cap
    assert found.auto_recharge.enabled


def test_best_plans_of_the_planner_are_a_scenario(tmp_path: Path) -> None:
    """A user with a change in two groups gets both; what no group is about stays."""
    changes = (
        MixChange(ANA, "US", (DOMESTIC,), (BOTH,), 3, 60, "why"),
        MixChange(ANA, "", (), (MEETINGS,), 3, 60, "why"),
        MixChange(BO, "GB", (DOMESTIC,), (), 0, 0, "why"),
        MixChange(NOBODY, "", (DOMESTIC,), (), 0, 0, "bought, and nobody holds it"),
    )
    mix = Mix(
        months=("2026-03",),
        prices="sample",
        sample=True,
        groups=(),
        changes=changes,
        licences_now=0,
        licences_best=0,
        calls_now=0,
        calls_best=0,
        says=(),
    )
    scenario = best_plans(mix, TENANT)
    found = tried(TENANT, scenario, catalogue())
    assert [set(plans) for plans in held(found)] == [{CREDITS, BOTH, MEETINGS}, set(), {CREDITS}]
    assert bought(found) == bought(holding(TENANT, mix))
    assert bought(found)[DOMESTIC] == 1, "that of the service number"
    assert scenario.licences
    path = tmp_path / "best.toml"
    write_scenarios_file(path, [scenario])
    assert read_scenarios([path], catalogue(), TENANT) == [scenario]


TWICE: Final = f'{{ plan = "{DOMESTIC}", purchased = 3 }}'


@pytest.mark.parametrize(
    ("rest", "fault"),
    [
        (f"x = {'9' * 5_000}", "holds a number that is too long; write a shorter one"),
        (f'deck = "{"x" * 5_000}"', "there is no such file beside the scenario file"),
        (
            f"licences = [{TWICE}, {TWICE}]",
            f"licences[2] plan: plan '{DOMESTIC}' is there twice; keep one",
        ),
    ],
)
def test_what_no_file_should_hold_is_a_sentence(tmp_path: Path, rest: str, fault: str) -> None:
    with pytest.raises(ScenarioFileError) as problem:
        read(tmp_path, f'[[scenario]]\nname = "One"\n{rest}\n')
    assert fault in str(problem.value)
