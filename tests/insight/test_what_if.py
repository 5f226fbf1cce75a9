"""What if: each scenario comes to what `talktime rate` says of a tenant file that is set up that way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talktime.accounts.tenant import Licence, Subscription, Tenant, User
from talktime.accounts.tenant_file import read_tenant
from talktime.bulk.options import RefusedRun
from talktime.bulk.run import charge
from talktime.catalog.load import load_catalogue
from talktime.core.money import format_money, parse_money
from talktime.doors.cli.rate import charge_request
from talktime.doors.cli.rate_request import RateRequest
from talktime.files.decks.read import parse_deck
from talktime.files.instants import parse_instant
from talktime.files.read_usage import read_usage
from talktime.insight.scenario import (
    EVERYBODY,
    TODAY,
    Rule,
    Scenario,
    Swap,
    TriedCap,
    UserPlans,
    as_now,
    faults_of,
    named_people,
    options_of,
    tried,
)
from talktime.insight.summary import summary
from talktime.insight.what_if import compare, figures_of
from talktime.insight.what_if_figures import COMPARED, Compared, Figures
from tests.doors.made_files import FRANCE, UK, deck, leg, licence, toml, usage, user

UNIT: Final = 1_000_000
US_NUMBER: Final = "+12125550123"
DEAR: Final = {"44": "0.20", "33": "0.50", "1": "0.10"}
ANA, BO = "ana@contoso.example", "bo@contoso.example"

CREDITS, DOMESTIC, BOTH = "MCOPSTNC", "MCOPSTN1", "MCOPSTN2"
MCA: Final = '[[billing_accounts]]\nid = "what-if"\nagreement = "MCA"\n'
NOW_US: Final = parse_instant("2026-04-01T00:00:00Z")


def no_news(done: int, rows: int) -> None:
    """Nobody looks at the progress."""
    assert 0 <= done <= rows


def calls(minutes: Sequence[int] = (30, 61, 5)) -> str:
    """Calls of Ana to London, Paris and New York on three days, and one of another operator."""
    legs = [
        leg(f"{number}", f"2026-03-{2 + number:02}T12:00:00Z", 60 * minute, callee, UPN=ANA)
        for number, (minute, callee) in enumerate(zip(minutes, (UK, FRANCE, US_NUMBER), strict=True))
    ]
    return usage(*legs, leg("direct", "2026-03-20T09:00:00Z", 600, Call_Type="dr_out", UPN=ANA))


def people(ana: Sequence[str], bo: Sequence[str] = (CREDITS,)) -> str:
    """A tenant file with two users and as many licences as they hold."""
    bought = "".join(licence(plan, 1) for plan in ana if plan != CREDITS)
    return toml() + bought + user(ANA, *ana) + user(BO, *bo)


def cap(scope: str, amount: str, id_: str = "contoso") -> str:
    """An entry of a tenant file: a spend cap."""
    return f'[[caps]]\nscope = "{scope}"\nid = "{id_}"\namount = "{amount}"\n'


TODAYS: Final = people((DOMESTIC, CREDITS))

Case = tuple[str, Scenario, str, dict[str, Any]]

CASES: Final[list[Case]] = [
    ("as it is", Scenario(name="s"), TODAYS, {}),
    ("no money", Scenario(name="s", balance=0), TODAYS, {"balance": "0"}),
    (
        "trigger and amount",
        Scenario(name="s", recharge=Rule(enabled=True, below=2 * UNIT, add=3 * UNIT)),
        TODAYS,
        {"recharge_below": "2", "recharge_add": "3"},
    ),
    (
        "a larger plan for its holders",
        Scenario(name="s", plans=(Swap(DOMESTIC, BOTH),)),
        people((BOTH, CREDITS)),
        {},
    ),
    (
        "one plan for everybody",
        Scenario(name="s", plans=(Swap(EVERYBODY, BOTH),)),
        toml() + licence(BOTH, 2) + user(ANA, CREDITS, BOTH) + user(BO, CREDITS, BOTH),
        {},
    ),
    ("no plan", Scenario(name="s", plans=(Swap(DOMESTIC, ""),)), people((CREDITS,)), {}),
    ("under MCA", Scenario(name="s", agreement="MCA"), TODAYS + MCA, {}),
    (
        "a cap of the organisation",
        Scenario(name="s", caps=(TriedCap("tenant", "", 600_000),)),
        TODAYS + cap("tenant", "0.60"),
        {},
    ),
    (
        "a cap of a user",
        Scenario(name="s", caps=(TriedCap("user", ANA.upper(), 0),)),
        TODAYS + cap("user", "0", ANA),
        {},
    ),
    (
        "auto-recharge with a cap",
        Scenario(
            name="s", recharge=Rule(True, 4 * UNIT, 50 * UNIT, cap_per_month=50 * UNIT), balance=UNIT // 2
        ),
        TODAYS + '[auto_recharge]\nenabled = true\nbelow = "4"\nadd = "50"\ncap_per_month = "50"\n',
        {"balance": "0.50"},
    ),
    (
        "plans of one user",
        Scenario(name="s", users=(UserPlans(ANA, (CREDITS, BOTH)),)),
        people((BOTH, CREDITS)),
        {},
    ),
    ("a dearer deck", Scenario(name="s", deck="dear"), TODAYS, {"rates": "dear.csv"}),
    ("moved to us", Scenario(name="s", treat_as="calling_plan"), TODAYS, {"treat_as": "calling_plan"}),
]


def rated(folder: Path, tenant: str, **options: Any) -> dict[str, Any]:
    """What `talktime rate --json` says of a tenant file; a balance of 4.50 where no other is given."""
    path = folder / "as-tried.toml"
    path.write_text(tenant, "utf-8")
    deck_name = options.pop("rates", "deck.csv")
    asked = {"balance": "4.50", **options}
    request = RateRequest([str(folder / "usage.csv")], rates=str(folder / deck_name), tenant=path, **asked)
    return summary(charge_request(request))


def compared(
    folder: Path, *scenarios: Scenario, told: Callable[[int, int], None] = no_news, balance: str = "4.50"
) -> Compared:
    """The same files by "What if", on the tenant as it is today."""
    path = folder / "today.toml"
    path.write_text(TODAYS, "utf-8")
    catalogue = load_catalogue()
    tenant = as_now(read_tenant(path, catalogue), NOW_US)
    decks = {
        name: parse_deck((folder / file).read_text("utf-8"), file, name="", catalogue=catalogue).deck
        for name, file in (("", "deck.csv"), ("dear", "dear.csv"))
    }
    tries = [(one, decks[one.deck]) for one in (TODAY, *scenarios)]
    found = [(one, deck_) for one, deck_ in tries if deck_ is not None]
    return compare(read_usage([folder / "usage.csv"]), tenant, catalogue, found, parse_money(balance), told)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Usage, a deck and a dearer one."""
    (tmp_path / "usage.csv").write_text(calls(), "utf-8")
    (tmp_path / "deck.csv").write_text(deck(), "utf-8")
    (tmp_path / "dear.csv").write_text(deck(DEAR), "utf-8")
    return tmp_path


MONEY: Final = (
    *("amount", "credits", "post_usage", "overdraft", "forfeited"),
    *("opening_balance", "closing_balance"),
)
COUNTS: Final = (
    *("calls", "answered", "free_calls", "pool_only_calls", "paid_calls", "unrated_calls"),
    *("blocked_calls", "recharges"),
)
SECONDS: Final = ("billed", "pool", "paid", "unrated", "blocked")


def as_json(one: Figures) -> dict[str, Any]:
    """The figures that `talktime rate --json` has too, in its form."""
    return {
        **{name: format_money(getattr(one, name)) for name in MONEY},
        **{name: getattr(one, name) for name in COUNTS},
        **{f"{name}_seconds": getattr(one, f"{name}_s") for name in SECONDS},
        "by_category": {
            each.name: (each.calls, each.billed_s, format_money(each.amount)) for each in one.categories
        },
    }


def same_of(told: dict[str, Any]) -> dict[str, Any]:
    """Of what `talktime rate --json` says, the figures of `as_json`."""
    names = (*MONEY, *COUNTS, *(f"{name}_seconds" for name in SECONDS))
    categories = {
        name: (each["calls"], each["billed_seconds"], each["amount"])
        for name, each in told["by_category"].items()
    }
    return {name: told[name] for name in names} | {"by_category": categories}


@pytest.mark.parametrize(
    ("scenario", "tenant", "options"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_scenario_is_what_rate_says(
    folder: Path, scenario: Scenario, tenant: str, options: dict[str, Any]
) -> None:
    found = compared(folder, scenario)
    today, one = found.figures
    assert as_json(one) == same_of(rated(folder, tenant, **options))
    assert as_json(today) == same_of(rated(folder, TODAYS))
    assert found.differences[0].figures == {
        name: getattr(one, name) - getattr(today, name) for name in COMPARED
    }


def test_cases_differ(folder: Path) -> None:
    """A table of scenarios that all come to the same would prove nothing."""
    found = [compared(folder, case[1]).figures[1] for case in CASES]
    assert len({(one.amount, one.closing_balance, one.post_usage, one.pool_s) for one in found}) >= 9


def test_when_the_money_ran_out_and_came_back(folder: Path) -> None:
    rule = Rule(enabled=True, below=5 * UNIT, add=20 * UNIT)
    found = compared(folder, Scenario(name="refilled", recharge=rule), balance="0.50")
    today, refilled = found.figures
    assert (today.ran_out_day, refilled.ran_out_day) == ("2026-03-02", "")
    assert today.recharged_at == ()
    assert sum(each.amount for each in refilled.recharged_at) == refilled.recharged > 0
    assert len(refilled.recharged_at) == refilled.recharges
    assert refilled.days[0].day == "2026-03-02"
    assert refilled.days[-1].balance == refilled.closing_balance
    assert refilled.lowest_balance == min(each.lowest for each in refilled.days)


def test_usage_put_in_order_once_is_charged_as_by_itself(folder: Path) -> None:
    """Rows that stand twice: every figure of each scenario is that of a run of its own."""
    path = folder / "today.toml"
    path.write_text(TODAYS, "utf-8")
    catalogue = load_catalogue()
    tenant = as_now(read_tenant(path, catalogue), NOW_US)
    deck_ = parse_deck(
        (folder / "deck.csv").read_text("utf-8"), "deck.csv", name="", catalogue=catalogue
    ).deck
    assert deck_ is not None
    scenarios = [case[1] for case in CASES if not case[1].deck]
    tries = [(TODAY, deck_), *((replace_name(one, str(at)), deck_) for at, one in enumerate(scenarios))]
    usage_ = read_usage([folder / "usage.csv"])
    usage_ = replace(usage_, calls=pl.concat([usage_.calls.tail(2), usage_.calls]))
    found = compare(usage_, tenant, catalogue, tries, UNIT, no_news)
    assert (found.rows, found.duplicate_rows) == (6, 2)
    for (scenario, _), figures in zip(tries, found.figures, strict=True):
        alone = charge(
            usage_, tried(tenant, scenario, catalogue), catalogue, deck_, options_of(scenario, UNIT)
        )
        assert figures == figures_of(scenario.name, alone, catalogue)


def replace_name(one: Scenario, name: str) -> Scenario:
    """A scenario by another name."""
    return msgspec.structs.replace(one, name=name)


def test_scenarios_that_were_kept_before_are_read() -> None:
    """Papers of questions outlive a release: what they lack is as today."""
    kept = (
        b'{"name":"s","plans":[{"plan":"A","becomes":"B"}],"recharge":{"enabled":true,"below":1,"add":2},'
        b'"balance":null,"deck":"","agreement":"","treat_as":""}'
    )
    assert msgspec.json.decode(kept, type=Scenario) == Scenario(
        name="s", plans=(Swap("A", "B"),), recharge=Rule(True, 1, 2)
    )


def test_question_names_nobody() -> None:
    caps = (TriedCap("user", "", 1), TriedCap("cost_centre", "sales", 1), TriedCap("user", ANA, 1))
    one = Scenario(name="s", caps=caps, plans=(Swap("", "", "GB"), Swap("", "", "", (ANA,))))
    found = named_people([Scenario(name="t"), one, Scenario(name="u", users=(UserPlans(ANA, ()),))])
    assert [place for place, _ in found] == ["/1/caps/2/id", "/1/plans/1/users", "/2/users"]


def test_progress_comes_to_the_end(folder: Path) -> None:
    told: list[tuple[int, int]] = []
    compared(folder, Scenario(name="s"), told=lambda done, rows: told.append((done, rows)))
    assert told == sorted(told)
    assert told[-1] == (8, 8)


def test_deck_of_another_currency_is_refused(folder: Path) -> None:
    (folder / "dear.csv").write_text(deck(currency="EUR"), "utf-8")
    with pytest.raises(RefusedRun, match="choose a deck in the tenant's currency"):
        compared(folder, Scenario(name="s", deck="dear"))


# --- what a scenario makes of a tenant -----------------------------------------------------------------


def test_licences_of_now_hold_for_usage_of_before() -> None:
    ana = User(ANA, licences=(Licence(DOMESTIC, from_us=NOW_US - 1), Licence(BOTH, until_us=NOW_US)))
    tenant = Tenant(
        "contoso",
        "Contoso",
        "US",
        "USD",
        users=(ana,),
        subscriptions=(Subscription(DOMESTIC, 1, "", NOW_US),),
    )
    found = as_now(tenant, NOW_US)
    assert found.users[0].licences == (Licence(DOMESTIC),)
    assert found.subscriptions == (Subscription(DOMESTIC, 1),)


@given(
    held=st.lists(st.lists(st.sampled_from([CREDITS, DOMESTIC, BOTH]), unique=True, max_size=3), max_size=4),
    swap=st.builds(Swap, st.sampled_from([EVERYBODY, DOMESTIC, BOTH]), st.sampled_from(["", DOMESTIC, BOTH])),
)
def test_swapped_plans_leave_all_else(held: list[list[str]], swap: Swap) -> None:
    users = tuple(
        User(f"u{at}@contoso.example", licences=tuple(map(Licence, plans))) for at, plans in enumerate(held)
    )
    tenant = Tenant("contoso", "Contoso", "US", "USD", users=users)
    found = tried(tenant, Scenario(name="s", plans=(swap,)), load_catalogue())
    assert replace(found, users=users) == tenant
    for before, after in zip(users, found.users, strict=True):
        had, has = ({one.plan for one in user.licences} for user in (before, after))
        assert len(after.licences) == len(has)
        assert (CREDITS in had) == (CREDITS in has)
        if swap.plan == EVERYBODY:
            assert has - {CREDITS} == {swap.becomes} - {""}
        else:
            gets = swap.plan in had
            assert has == (had - {swap.plan}) | ({swap.becomes} - {""} if gets else set())


@pytest.mark.parametrize(
    ("scenario", "place", "sentence"),
    [
        (
            Scenario(name="s", plans=(Swap("NONE", DOMESTIC),)),
            "/0/plans/0/plan",
            "there is no plan 'NONE'",
        ),
        (Scenario(name="s", plans=(Swap(EVERYBODY, CREDITS),)), "/0/plans/0/becomes", "is no calling plan"),
        (Scenario(name="s", recharge=Rule(enabled=True, below=1)), "/0/recharge/add", "more than 0"),
        (Scenario(name="s", balance=-1), "/0/balance", "0 or more"),
        (Scenario(name="s", agreement="ABC"), "/0/agreement", "there is no agreement 'ABC'"),
        (Scenario(name="s", treat_as="x"), "/0/treat_as", "cannot be treated as 'x'"),
        (Scenario(name="today's SETTINGS "), "/0/name", "two scenarios are called"),
    ],
)
def test_faults_say_where(scenario: Scenario, place: str, sentence: str) -> None:
    ((found, told),) = faults_of([scenario], load_catalogue())
    assert found == place
    assert sentence in told


RULES: Final = st.builds(Rule, st.just(value=True), st.integers(1, 9 * UNIT), st.integers(UNIT, 20 * UNIT))


@settings(max_examples=6)
@given(
    minutes=st.tuples(*[st.integers(1, 4_000)] * 3),
    balance=st.integers(0, 60 * UNIT),
    rule=st.none() | RULES,
)
def test_figures_reconcile_whatever_is_tried(
    tmp_path_factory: pytest.TempPathFactory, minutes: tuple[int, int, int], balance: int, rule: Rule | None
) -> None:
    """`figures_of` checks sums in the product; here the balance is followed as well."""
    folder = tmp_path_factory.mktemp("tried")
    (folder / "usage.csv").write_text(calls(minutes), "utf-8")
    (folder / "deck.csv").write_text(deck(), "utf-8")
    (folder / "dear.csv").write_text(deck(DEAR), "utf-8")
    found = compared(folder, Scenario(name="s", balance=balance, recharge=rule, deck="dear"))
    one = found.figures[1]
    assert one.opening_balance == balance
    assert balance + one.recharged == one.credits + one.forfeited + one.closing_balance + one.overdraft
    assert figures_of.__module__ == "talktime.insight.what_if"
