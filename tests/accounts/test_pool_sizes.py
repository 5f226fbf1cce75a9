"""How large a pool is, who shares it and what closes it (domain.md 4, 5, 14; rulings.md 15)."""

from pathlib import Path

import pytest

from talktime.accounts.payers import Payer, payers_of
from talktime.accounts.pool_sizes import PoolKey, partner_of, pool_key, pool_owner, pool_sizes, size_at
from talktime.accounts.tenant import Licence, Subscription, Tenant, User
from talktime.catalog.load import load_catalogue
from talktime.catalog.model import Catalogue, Plan
from talktime.core.limits import ALWAYS_US, NEVER_US, NO_LIMIT

MINUTE_S = 60
CATALOGUE = load_catalogue()


def people(plan: str, location: str, count: int) -> list[User]:
    return [
        User(f"{plan}-{location}-{n}", location=location, licences=(Licence(plan),)) for n in range(count)
    ]


def sizes_of(
    key: PoolKey, *users: User, bought: tuple[Subscription, ...] = ()
) -> tuple[tuple[int, int], ...]:
    who = Tenant("t", "T", "US", "USD", users=users, subscriptions=bought)
    return pool_sizes(CATALOGUE, who, payers_of(who, CATALOGUE), key)


def minutes_of(plan: str, kind: str, *users: User, owner: str = "", bought: int | None = None) -> int:
    subscriptions = () if bought is None else (Subscription(plan, bought),)
    sizes = sizes_of(PoolKey(plan, kind, owner, 0), *users, bought=subscriptions)
    return sizes[-1][1] // MINUTE_S


def test_the_sizes_of_domain_14() -> None:
    assert minutes_of("MCOPSTN1", "domestic", *people("MCOPSTN1", "US", 100), owner="US/PR") == 300_000
    conferencing = [
        *people("MCOMEETADD", "US", 10),
        *people("MCOMEETADD", "GB", 100),
        *people("MCOMEETADD", "ZW", 5),
    ]
    assert minutes_of("MCOMEETADD", "conferencing", *conferencing, bought=115) == 6_900
    select = people("MCOMEETADD_SELECT", "US", 20)
    assert minutes_of("MCOMEETADD_SELECT", "conferencing", *select, bought=100) == 1_200


def test_bought_licences_without_a_user_count_with_the_country_of_the_tenant() -> None:
    assert (
        minutes_of("MCOMEETADD", "conferencing", *people("MCOMEETADD", "KR", 2), bought=5) == 2 * 900 + 3 * 60
    )


def test_a_pool_of_one_payer_is_made_without_a_look_at_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """With thousands of users who each have a pool of their own all of them would be looked at for each."""
    looked: list[str] = []

    def watched(catalogue: Catalogue, plan: Plan, payer: Payer) -> str:
        looked.append(payer.key)
        return pool_owner(catalogue, plan, payer)

    monkeypatch.setattr("talktime.accounts.pool_sizes.pool_owner", watched)
    alone = people("MCOPSTN8", "US", 20)
    assert minutes_of("MCOPSTN8", "domestic", *alone, owner="MCOPSTN8-US-7") == 120
    assert looked == ["MCOPSTN8-US-7"]
    assert minutes_of("MCOPSTN8", "domestic", *alone, owner="nobody") == 0


def test_only_those_who_share_a_pool_fill_it() -> None:
    users = [*people("MCOPSTN5", "US", 2), *people("MCOPSTN5", "PR", 1), *people("MCOPSTN5", "GB", 4)]
    assert minutes_of("MCOPSTN5", "domestic", *users, owner="US/PR") == 3 * 120
    assert minutes_of("MCOPSTN5", "domestic", *users, owner="GB") == 4 * 120
    alone = people("MCOPSTN8", "US", 3)
    assert minutes_of("MCOPSTN8", "domestic", *alone, owner="MCOPSTN8-US-1") == 120


def test_a_pool_without_limit_stays_so_with_any_licences() -> None:
    users = people("MCOMEETADD_DIALOUT_US", "US", 1)
    key = PoolKey("MCOMEETADD_DIALOUT_US", "dial_out_add_on", users[0].upn, 0)
    assert size_at(sizes_of(key, *users), 0) == NO_LIMIT


def test_a_size_follows_the_licences_from_their_instant_on() -> None:
    stays = User("ana", location="US", licences=(Licence("MCOPSTN5"),))
    until = User("bob", location="US", licences=(Licence("MCOPSTN5", ALWAYS_US, 1_000),))
    since = User("cem", location="US", licences=(Licence("MCOPSTN5", 2_000, NEVER_US),))
    sizes = sizes_of(PoolKey("MCOPSTN5", "domestic", "US/PR", 0), stays, until, since)
    assert sizes == ((ALWAYS_US, 14_400), (1_000, 7_200), (2_000, 14_400))
    instants = (ALWAYS_US, 999, 1_000, 1_999, 2_000, NEVER_US)
    assert [size_at(sizes, at_us) for at_us in instants] == [14_400, 14_400, 7_200, 7_200, 14_400, 14_400]


def test_what_was_bought_counts_while_it_is_valid() -> None:
    bought = (Subscription("MCOMEETADD", 2), Subscription("MCOMEETADD", 3, "", 1_000, 2_000))
    sizes = sizes_of(PoolKey("MCOMEETADD", "conferencing", "", 0), bought=bought)
    assert [size_at(sizes, at_us) // MINUTE_S for at_us in (999, 1_000, 2_000)] == [120, 300, 120]


@pytest.mark.parametrize(
    ("plan", "location", "owner"),
    [
        ("MCOPSTN5", "US", "US/PR"),
        ("MCOPSTN5", "PR", "US/PR"),
        ("MCOPSTN5", "GB", "GB"),
        ("MCOPSTN8", "GB", "ana"),
        ("MCOMEETADD", "GB", ""),
    ],
)
def test_who_shares_a_pool(plan: str, location: str, owner: str) -> None:
    payer = Payer("ana", location, "", (), None)
    assert pool_owner(CATALOGUE, CATALOGUE.plans[plan], payer) == owner
    assert pool_key(CATALOGUE, payer, plan, "domestic", 7) == PoolKey(plan, "domestic", owner, 7)


OWN_PLANS = """
[[plan]]
code = "{code}"
name = "Whichever first"
kind = "calling"
basis = "assigned"
scope = "user"
strict_or = {strict}
pools = [
    {{ kind = "domestic", destinations = "domestic", minutes = 3 }},
    {{ kind = "international", destinations = "international", minutes = 2 }},
]
"""


def test_a_strict_plan_has_two_counters_that_close_each_other(tmp_path: Path) -> None:
    plans = [OWN_PLANS.format(code=code, strict=strict) for code, strict in (("E", "true"), ("B", "false"))]
    (tmp_path / "plans.toml").write_text("".join(plans), "utf-8")
    catalogue = load_catalogue(tmp_path)
    domestic, international = (PoolKey("E", kind, "ana", 7) for kind in ("domestic", "international"))
    assert partner_of(catalogue, domestic) == international
    assert partner_of(catalogue, international) == domestic
    assert partner_of(catalogue, domestic._replace(plan="B")) is None
