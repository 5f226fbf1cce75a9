"""Which plan for whom: the best mix is found, proven, charged by the engine, and said why."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from talktime.accounts.tenant import Licence, Subscription, Tenant, User
from talktime.bulk.options import Options
from talktime.catalog.load import load_catalogue
from talktime.insight.planner.document import Mix
from talktime.insight.planner.mix import NoLicencePrices, Search, best_mix, gap_of, tried
from tests.insight.planner.mix_tenants import (
    ABROAD,
    DOMESTIC,
    UNIT,
    Case,
    Leg,
    deck_of,
    drawn,
    engine_cost,
    every_mix,
    prices_of,
    tenant_of,
)

SMALL, MEDIUM, LARGE, BOTH = "MCOPSTN5", "MCOPSTN6", "MCOPSTN1", "MCOPSTN2"
ALONE, BY_THE_MINUTE = "MCOPSTN8", "MCOPSTNPP"
CHEAP = deck_of(30_000, 100_000, 20_000)


def minutes(user: str, *, domestic: int = 0, abroad: int = 0, parts: int = 10, month: int = 0) -> list[Leg]:
    """Calls of a user that come to so many minutes in a month."""
    begin = month * 31 * 86_400 + (sum(map(ord, user)) % 50) * 60
    found = []
    for to, whole in ((DOMESTIC, domestic), (ABROAD, abroad)):
        found += [
            Leg(user, to, whole * 60 // parts, begin + part * 90_000) for part in range(parts if whole else 0)
        ]
    return found


def untold(done: int, of: int) -> None:
    """Nobody looks at the progress."""
    assert 0 < done <= of


def best_of(case: Case) -> Mix:
    """The best mix."""
    return best_mix(case.replay(), case.tenant, load_catalogue(), case.deck, case.prices, case.months)


def held(case: Case, mix: Mix) -> dict[str, tuple[str, ...]]:
    """What users hold with a mix, but the licence to spend."""
    codes = {plan for plan, _, _ in case.prices.amounts}
    return {
        user.upn: tuple(one.plan for one in user.licences if one.plan in codes)
        for user in tried(case.tenant, mix).users
    }


def hidden() -> tuple[Case, dict[str, str]]:
    """Users whose best plans are known by how they were made.

    Three who call 1,150 min share the pool of three large plans; eight with 100 min that of eight small ones;
    one who calls 300 min abroad at 0.10 saves more than the plan with minutes abroad costs; one hardly calls.
    """
    legs: list[Leg] = []
    wanted: dict[str, str] = {}
    for at in range(3):
        wanted[f"heavy{at}@x"] = LARGE
        legs += minutes(f"heavy{at}@x", domestic=1_150)
    for at in range(8):
        wanted[f"light{at}@x"] = SMALL
        legs += minutes(f"light{at}@x", domestic=100)
    wanted["abroad@x"], wanted["rare@x"] = BOTH, BY_THE_MINUTE
    legs += minutes("abroad@x", abroad=300) + minutes("rare@x", domestic=10)
    prices = prices_of(**{LARGE: 12 * UNIT, SMALL: 2 * UNIT, BOTH: 25 * UNIT, BY_THE_MINUTE: 1 * UNIT})
    worst = tenant_of({user: [LARGE] for user in wanted})
    return Case(worst, tuple(legs), CHEAP, prices, ("2026-01",)), wanted


def test_a_hidden_best_mix_is_found_and_proven() -> None:
    case, wanted = hidden()
    mix = best_of(case)
    (group,) = mix.groups
    assert held(case, mix) == {user: (plan,) for user, plan in wanted.items()}
    assert (group.best, group.bound, group.exact, group.gap) == (78_300_000, 78_300_000, True, 0)
    assert group.now == 13 * 12 * UNIT + 30 * UNIT
    assert (mix.licences_best, mix.calls_best) == (78 * UNIT, 300_000)
    assert (mix.licences_now, mix.calls_now) == (156 * UNIT, 30 * UNIT)


def test_each_change_says_why() -> None:
    case, _ = hidden()
    why = {change.user: change.why for change in best_of(case).changes}
    assert len(why) == 10
    assert why["light3@x"] == (
        "100 min a month on average, at most 100: 8 licences of Domestic Calling Plan, 120 minutes share "
        "960 min a month; the licence costs 10.00 USD a month less."
    )
    assert why["abroad@x"] == (
        "300 min a month on average, at most 300: one licence of Domestic and International Calling Plan has "
        "600 min a month; calls without included minutes come to 0.00 USD a month instead of 30.00 USD; "
        "the licence costs 13.00 USD a month more."
    )
    assert why["rare@x"] == (
        "10 min a month on average: included minutes are not worth their price; calls without included "
        "minutes come to 0.30 USD a month instead of 0.00 USD; the licence costs 11.00 USD a month less."
    )


def test_changes_come_by_what_they_save_then_by_name() -> None:
    """17 by the calls abroad; 10.70, for ten minutes are paid then; 10 each for the smaller plan."""
    case, _ = hidden()
    mix = best_of(case)
    assert [change.user for change in mix.changes] == [
        *("abroad@x", "rare@x"),
        *(f"light{at}@x" for at in range(8)),
    ]
    assert [text for text in mix.says if text[0].islower() or text[-1] != "." or "--" in text] == []


def test_what_some_hold_and_nobody_may_choose_has_its_price() -> None:
    case, _ = hidden()
    both = tuple(sorted((LARGE, BY_THE_MINUTE)))
    users = tuple(replace(user, licences=tuple(map(Licence, both))) for user in case.tenant.users[:2])
    tenant = replace(case.tenant, users=(*users, *case.tenant.users[2:]))
    (option,) = [one for one in best_of(case._replace(tenant=tenant)).groups[0].options if one.plans == both]
    assert (option.price, option.now, option.best) == (13 * UNIT, 2, 0)


def test_the_cost_of_a_mix_is_that_of_the_engine() -> None:
    case, _ = hidden()
    replay = case.replay()
    mix = best_mix(replay, case.tenant, load_catalogue(), case.deck, case.prices, case.months)
    assert engine_cost(case, replay, ()) == mix.calls_now
    assert engine_cost(case, replay, mix.changes) == mix.calls_best


def test_what_is_best_today_stays() -> None:
    case, wanted = hidden()
    mix = best_of(case._replace(tenant=tenant_of({user: [plan] for user, plan in wanted.items()})))
    assert mix.changes == ()
    assert mix.groups[0].now == mix.groups[0].best == 78_300_000


@pytest.mark.parametrize("seed", range(2))
def test_a_small_tenant_gets_the_best_of_all_mixes(seed: int) -> None:
    case = drawn(seed, users=2 + seed % 2, calls=6)
    replay = case.replay()
    (group,) = best_of(case).groups
    best = min(cost for cost, _ in every_mix(case, replay))
    assert (group.best, group.exact, group.gap) == (best, True, 0)
    search = Search(replay, case.tenant, load_catalogue(), case.deck, case.prices, case.months)
    (rough,) = search.mix(untold, prove=False).groups
    assert rough.bound <= best <= rough.best <= best * 101 // 100


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 130))
def test_more_small_tenants(seed: int) -> None:
    case = drawn(seed, users=2 + seed % 3, calls=8, months=1 + seed % 2)
    (group,) = best_of(case).groups
    assert (group.best, group.exact) == (min(cost for cost, _ in every_mix(case, case.replay())), True)


def test_a_search_by_days_does_not_miss_what_a_single_call_makes_of_a_pool() -> None:
    """Two hours of a day end a pool: who pays by the minute leaves the dearer calls to it."""
    legs = [
        Leg("a@x", DOMESTIC, 4_200, 260_000, "conf_out"),
        Leg("a@x", "+12125550123", 4_020, 270_000, "conf_out"),
        Leg("b@x", "+12125550123", 1_740, 440_000, "conf_out"),
        Leg("b@x", "+12125550123", 2_460, 830_000, "conf_out"),
        Leg("a@x", DOMESTIC, 3_240, 1_097_000, "conf_out"),
    ]
    prices = prices_of(MCOMEETADD=3_100_000, MCOMEETACPEA=2_300_000)
    tenant = tenant_of({"a@x": ["MCOMEETADD"], "b@x": ["MCOMEETADD"]})
    case = Case(tenant, tuple(legs), deck_of(30_000, 1_000, 6_000), prices, ("2026-01",))
    search = Search(case.replay(), tenant, load_catalogue(), case.deck, prices, case.months)
    (group,) = search.mix(untold, prove=False).groups
    assert group.best == 3_100_000 + 2_300_000 + 70 * 6_000 + 10 * 30_000 + 67 * 6_000 + 54 * 30_000


def test_who_does_not_call_needs_no_licence() -> None:
    case, _ = hidden()
    tenant = replace(
        case.tenant, users=(*case.tenant.users, User(upn="idle@x", location="DE", licences=(Licence(LARGE),)))
    )
    mix = best_of(case._replace(tenant=tenant))
    change = next(one for one in mix.changes if one.user == "idle@x")
    assert (change.was, change.becomes, change.calls) == ((LARGE,), (), 0)
    assert change.why == "No call in 1 month that needs Domestic Calling Plan; 12.00 USD a month is saved."
    assert mix.groups[0].best == 78_300_000


def test_who_calls_only_in_a_month_that_is_not_compared_keeps_what_is_held() -> None:
    """Somebody who came in the month that has just begun is no licence to spare."""
    legs = minutes("old@x", domestic=100) + minutes("new@x", domestic=100, month=1)
    held_now = tenant_of({"old@x": [SMALL], "new@x": [SMALL], "idle@x": [SMALL]})
    prices = prices_of(**{SMALL: 2 * UNIT, LARGE: 12 * UNIT})
    mix = best_of(Case(held_now, tuple(legs), CHEAP, prices, ("2026-01",)))
    assert [change.user for change in mix.changes] == ["idle@x"]
    assert "1 user with calls only in months that are not compared: what they hold today stays." in mix.says


def test_bought_licences_that_nobody_holds_are_given_up() -> None:
    case, wanted = hidden()
    now = {user: [plan] for user, plan in wanted.items()}
    bought = (Subscription(LARGE, 5, "account"), Subscription(SMALL, 8), Subscription(BOTH, 1))
    tenant = replace(tenant_of(now), subscriptions=bought)
    mix = best_of(case._replace(tenant=tenant))
    (change,) = mix.changes
    assert (change.user, change.was, change.becomes) == ("", (LARGE,), ())
    assert change.why == "2 bought and held by nobody: 24.00 USD a month."
    kept = {one.plan: one.purchased for one in tried(tenant, mix).subscriptions}
    assert kept == {LARGE: 3, SMALL: 8, BOTH: 1}


def test_bought_licences_follow_the_mix() -> None:
    case, _ = hidden()
    tenant = replace(case.tenant, subscriptions=(Subscription(LARGE, 13, "account"),))
    after = tried(tenant, best_of(case._replace(tenant=tenant)))
    bought = {one.plan: (one.purchased, one.billing_account) for one in after.subscriptions}
    assert bought == {
        LARGE: (3, "account"),
        SMALL: (8, "account"),
        BOTH: (1, "account"),
        BY_THE_MINUTE: (1, "account"),
    }


def test_who_calls_without_a_plan_gets_one_and_it_is_said() -> None:
    case, _ = hidden()
    tenant = tenant_of({user.upn: [] for user in case.tenant.users})
    mix = best_of(case._replace(tenant=tenant))
    assert mix.groups[0].best == 78_300_000
    assert mix.says[0].startswith(
        "Without a plan that the calls need, as far as the tenant says: 13 users. The best mix gives each"
    )


def test_conferencing_is_chosen_by_what_organisers_dial() -> None:
    organisers = {"much@x": ["MCOMEETADD"], "little@x": ["MCOMEETADD"], "paying@x": ["MCOMEETACPEA"]}
    legs = [
        Leg(user, to, seconds, at * 3_600, call_type)
        for at, (user, to, seconds, call_type) in enumerate(
            [
                *[("much@x", "+12125550123", 3_600, "conf_out")] * 20,
                ("little@x", DOMESTIC, 600, "conf_out"),
                *[("paying@x", DOMESTIC, 3_600, "conf_in")] * 3,
            ]
        )
    ]
    prices = prices_of(
        MCOMEETADD=4 * UNIT, MCOMEETADD_DIALOUT_US=5 * UNIT, MCOMEETADD_SELECT=3 * UNIT, MCOMEETACPEA=0
    )
    inbound = replace(CHEAP.rows[0], direction="inbound")
    deck = replace(CHEAP, rows=(*CHEAP.rows, inbound))
    case = Case(tenant_of(organisers), tuple(legs), deck, prices, ("2026-01",))
    replay = case.replay()
    mix = best_mix(replay, case.tenant, load_catalogue(), deck, prices, case.months)
    assert held(case, mix) == {
        "much@x": ("MCOMEETADD", "MCOMEETADD_DIALOUT_US"),
        "little@x": ("MCOMEETACPEA",),
        "paying@x": ("MCOMEETADD_SELECT",),
    }
    assert engine_cost(case, replay, mix.changes) == mix.calls_best == 300_000


def test_a_plan_whose_calls_the_deck_cannot_price_is_not_offered() -> None:
    """Pay per minute takes money for calls that come in; this deck prices those that go out."""
    legs = [Leg("a@x", DOMESTIC, 600, at * 3_600, "conf_in") for at in range(3)]
    prices = prices_of(MCOMEETADD=4 * UNIT, MCOMEETACPEA=0)
    case = Case(tenant_of({"a@x": ["MCOMEETADD"]}), tuple(legs), CHEAP, prices, ("2026-01",))
    mix = best_of(case)
    assert mix.changes == ()
    assert mix.says[0].startswith("Audio Conferencing, pay per minute: offered only to users")


@pytest.mark.parametrize(("minutes_out", "kept"), [(30, 0), (160, 2)])
def test_bought_licences_stay_where_their_minutes_are_worth_it(minutes_out: int, kept: int) -> None:
    """Conferencing minutes come with what is bought; 60 min at 0.10 are worth more than 4.00."""
    legs = [Leg("a@x", ABROAD, minutes_out * 60 // 4, at * 50_000, "conf_out") for at in range(4)]
    prices = prices_of(MCOMEETADD=4 * UNIT)
    tenant = replace(tenant_of({"a@x": ["MCOMEETADD"]}), subscriptions=(Subscription("MCOMEETADD", 3),))
    case = Case(tenant, tuple(legs), CHEAP, prices, ("2026-01",))
    mix = best_of(case)
    (bought,) = tried(tenant, mix).subscriptions
    assert bought.purchased == 1 + kept
    assert mix.calls_best == 0
    assert mix.groups[0].exact


def test_a_pool_that_another_closes_is_charged_by_the_engine() -> None:
    catalogue = load_catalogue()
    strict = replace(catalogue.plans[BOTH], strict_or=True)
    catalogue = replace(catalogue, plans={**catalogue.plans, BOTH: strict})
    legs = minutes("a@x", domestic=200, abroad=700) + minutes("b@x", domestic=900)
    prices = prices_of(**{BOTH: 20 * UNIT, LARGE: 15 * UNIT})
    case = Case(tenant_of({"a@x": [BOTH], "b@x": [BOTH]}), tuple(legs), CHEAP, prices, ("2026-01",))
    replay = case.replay()
    mix = best_mix(replay, case.tenant, catalogue, case.deck, prices, case.months)
    assert (mix.groups[0].best, mix.groups[0].now) == (40 * UNIT, 40 * UNIT)
    assert mix.calls_now == 0


def test_without_prices_there_is_no_mix_and_one_sentence_says_what_to_do() -> None:
    case, _ = hidden()
    tenant = replace(case.tenant, currency="SEK")
    deck = replace(case.deck, currency="SEK")
    some = replace(
        tenant, users=(*tenant.users, User(upn="new@x", location="DE", licences=(Licence(SMALL),)))
    )
    told = "licence prices 'made' have no price for MCOPSTN1, MCOPSTN5 in SEK. Give a price for each that is"
    with pytest.raises(NoLicencePrices, match=told):
        best_of(case._replace(tenant=some, deck=deck))
    nobody = tenant_of({user.upn: [] for user in tenant.users})
    told = "'made' are in USD and have none in SEK. Give prices of your own."
    with pytest.raises(NoLicencePrices, match=told):
        best_of(case._replace(tenant=replace(nobody, currency="SEK"), deck=deck))


@pytest.mark.parametrize(
    ("best", "bound", "gap"),
    [(100, 100, 0), (101, 100, 100), (100_001, 100_000, 1), (5, 0, 1_000_000), (0, 0, 0)],
)
def test_the_gap_is_rounded_up(best: int, bound: int, gap: int) -> None:
    assert gap_of(best, bound) == gap


def test_whoever_loses_the_right_to_spend_gets_the_free_licence_for_it() -> None:
    """Pay-as-you-go lets one spend, a plan with minutes does not: its calls abroad would be refused."""
    who = tenant_of({"ana@x": [BY_THE_MINUTE], "bob@x": [SMALL], "idle@x": []})
    users = tuple(replace(user, licences=_without_spending(user)) for user in who.users)
    legs = (
        *minutes("ana@x", domestic=100, abroad=10),
        *minutes("bob@x", domestic=100, abroad=10),
    )
    prices = prices_of(**{SMALL: 1 * UNIT, BY_THE_MINUTE: 9 * UNIT})
    case = Case(replace(who, users=users), legs, CHEAP, prices, ("2026-01",))
    mix = best_of(case)
    assert [(one.user, one.was, one.becomes) for one in mix.changes] == [
        ("ana@x", (BY_THE_MINUTE,), (SMALL, "MCOPSTNC"))
    ]
    assert "right to spend credits" in mix.changes[0].why
    assert (
        _states(case, case.tenant, "ana@x") == _states(case, tried(case.tenant, mix), "ana@x") == {"charged"}
    )
    unlicensed = {
        "charged",
        "blocked",
    }  # bob was refused before, and still is: no change of his plan is advised
    assert (
        _states(case, case.tenant, "bob@x") == _states(case, tried(case.tenant, mix), "bob@x") == unlicensed
    )


def _without_spending(user: User) -> tuple[Licence, ...]:
    return tuple(one for one in user.licences if one.plan != "MCOPSTNC")


def _states(case: Case, tenant: Tenant, user: str) -> set[str]:
    """What becomes of a user's calls where there is money."""
    run = case.replay().run(tenant, load_catalogue(), case.deck, Options(balance=10**12))
    return set(run.calls.filter(pl.col("user") == user)["state"].cast(pl.String))
