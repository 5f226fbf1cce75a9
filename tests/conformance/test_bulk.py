"""Oracle = plain = compiled = many tenants in one run by parts: every column, every sum, every lot.

Each tenant of a drawn run is asked of the oracle, charged alone by the plain and by the compiled loops, and
charged together with the others, shuffled, in several parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from talktime.accounts.calendar import month_of, to_us
from talktime.accounts.tenant import AutoRecharge
from talktime.bulk.many import Charging, book_run
from talktime.bulk.parts import Parts, part_of
from talktime.bulk.result import BookRun, Run, Totals
from talktime.bulk.run import charge, setting_of
from talktime.catalog.load import load_catalogue
from talktime.catalog.model import Catalogue
from talktime.files.usage import Usage
from tests.bulk.months import keep_compiled
from tests.conformance.books import Book, books, rows_of_all
from tests.conformance.months import NZ, UK, UK_REFUSED, US, Month, Row
from tests.conformance.product import deck_of, options_of, usage_table
from tests.conformance.test_oracle import (
    asked,
    movements_of_run,
    rows_of_oracle,
    rows_of_run,
    totals_of_oracle,
    totals_of_run,
)

PARTS = 3
QUICK = settings().max_examples


@pytest.fixture(scope="module", autouse=True)
def _kept(pytestconfig: pytest.Config) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        keep_compiled(pytestconfig, patch)
        yield


@cache
def strict() -> Catalogue:
    """The catalogue with plans of which either counter closes both (domain.md 5)."""
    shipped = load_catalogue()
    plans = {code: replace(plan, strict_or=len(plan.pools) == 2) for code, plan in shipped.plans.items()}
    return replace(shipped, plans=plans)


def alone(book: Book, *, compiled: bool, catalogue: Catalogue) -> list[Run]:
    """Each tenant by itself."""
    deck, options = deck_of(book.any), options_of(book.any)
    return [
        charge(usage_table(month.rows), tenant, catalogue, deck, options, compiled=compiled)
        for month, tenant in zip(book.months, book.tenants, strict=True)
    ]


def together(
    book: Book, frames: list[pl.DataFrame], *, compiled: bool, catalogue: Catalogue
) -> tuple[BookRun, dict[str, pl.DataFrame]]:
    """All in one run by parts; the calls of each tenant."""
    setting = setting_of(
        book.tenants, catalogue, deck_of(book.any), options_of(book.any), has_wallet=True, compiled=compiled
    )
    charging = Charging(setting, options_of(book.any), Parts(PARTS), threads=2)
    charging.split(frames)
    split = charging.noted(Usage(frames[0].clear(), ("table",)), in_order=True)
    charged = list(charging.charged())
    tenants = [tenant for part in charged for tenant in part.tenants]
    calls = {
        str(name): rows
        for part in charged
        for (name,), rows in part.calls.partition_by("tenant", as_dict=True, maintain_order=True).items()
    }
    return book_run(charging, split, tenants, ()), calls


def check_same(run: Run, other: Run, calls: pl.DataFrame) -> None:
    """Two runs of a tenant agree in everything but the numbers of its pools."""
    assert_frame_equal(run.calls, calls, categorical_as_str=True)
    assert run.totals == other.totals
    assert (run.lots, run.movements) == (other.lots, other.movements)
    assert sorted(run.pools, key=lambda pool: pool.name) == sorted(other.pools, key=lambda pool: pool.name)


def check_sums(book: BookRun, runs: list[Run]) -> None:
    """The sums of all are those of the tenants, field by field."""
    for field in fields(Totals):
        parts = [getattr(run.totals, field.name) for run in runs]
        total = getattr(book.totals, field.name)
        if field.name == "by_category":
            names = {name for part in parts for name in part}
            assert set(total) == names
            for name in names:
                found = [part[name] for part in parts if name in part]
                assert (total[name].calls, total[name].billed_s, total[name].amount) == (
                    sum(one.calls for one in found),
                    sum(one.billed_s for one in found),
                    sum(one.amount for one in found),
                )
        elif field.name == "money_ran_out_at_us":
            assert total == min((part for part in parts if part is not None), default=None)
        else:
            assert total == sum(parts), field.name


def shuffled(frames: list[pl.DataFrame], seed: int) -> list[pl.DataFrame]:
    """All rows in no order, in two tables."""
    mixed = pl.concat(frames).sample(fraction=1, shuffle=True, seed=seed)
    return [
        table for table in (mixed.head(mixed.height // 2), mixed.tail(-(mixed.height // 2))) if table.height
    ]


def check(book: Book, seed: int, catalogue: Catalogue) -> list[Run]:
    plain = alone(book, compiled=False, catalogue=catalogue)
    frames = shuffled(rows_of_all(book), seed)
    for compiled in (False, True):
        made, calls = together(book, frames, compiled=compiled, catalogue=catalogue)
        assert [run.tenant for run in made.tenants] == book.tenants
        for run, other in zip(plain, made.tenants, strict=True):
            check_same(run, other, calls[run.tenant.id])
        check_sums(made, plain)
    return plain


def check_compiled(book: Book, plain: list[Run]) -> None:
    """Each tenant by itself, by the compiled loops."""
    for run, other in zip(plain, alone(book, compiled=True, catalogue=load_catalogue()), strict=True):
        check_same(run, other, other.calls)


def check_by_oracle(book: Book, plain: list[Run]) -> None:
    for run, month in zip(plain, book.months, strict=True):
        result = asked(month)
        assert rows_of_run(run) == rows_of_oracle(result)
        assert totals_of_run(run) == totals_of_oracle(result)
        assert movements_of_run(run) == [(to_us(at), kind, amount) for at, kind, amount in result.events]


def test_the_tenants_of_a_run_lie_in_several_parts() -> None:
    assert {part_of(f"tenant-{at}", PARTS) for at in range(3)} == {0, 1, 2}


def compared(strategy: st.SearchStrategy[Book], examples: int, first: Book | None = None) -> set[str]:
    """Compares so many books with the oracle; which edges they met."""
    met: set[str] = set()

    @settings(max_examples=examples)
    @given(strategy, st.integers(0, 99))
    def each(book: Book, seed: int) -> None:
        plain = check(book, seed, load_catalogue())
        check_by_oracle(book, plain)
        met.update(name for name, is_met in EDGES.items() if any(map(is_met, plain)))

    if first is not None:
        plain = check(first, 1, load_catalogue())
        check_compiled(first, plain)
        check_by_oracle(first, plain)
        met.update(name for name, is_met in EDGES.items() if any(map(is_met, plain)))
    each()
    return met


def test_several_tenants_cost_what_the_oracle_says() -> None:
    """Odd calls and plain ones; and the months meet all that could be decided differently."""
    both = st.booleans().flatmap(lambda plain: books(plain=plain))
    assert compared(both, QUICK // 3, edge_book()) == EDGES.keys()


@pytest.mark.long
def test_many_more_months() -> None:
    for plain in (False, True):
        compared(books(plain=plain), QUICK)


def test_strict_pools_and_barred_numbers() -> None:
    """What the oracle does not know is decided alike by all loops."""
    met: set[str] = set()

    @settings(max_examples=QUICK // 4)
    @given(books(plain=True, barring=True), st.integers(0, 99))
    def each(book: Book, seed: int) -> None:
        runs = check(book, seed, strict())
        met.update(str(reason) for run in runs for reason in run.calls["reason"].unique())

    each()
    assert "barred_destination" in met


def test_strict_pools_are_met() -> None:
    """A full counter closes the other: the strict catalogue charges what the shipped one does not."""
    book = strict_book()
    closed, open_ = (check(book, 3, one)[0].totals for one in (strict(), load_catalogue()))
    assert closed.pool_s < open_.pool_s


# --- what the months hold --------------------------------------------------------------------------------


def meets(run: Run) -> bool:
    """Two calls end at one instant."""
    return bool(run.calls["end"].is_duplicated().any())


def over_the_month(run: Run) -> bool:
    zone = run.tenant.time_zone
    edges = zip(run.calls["start"].dt.epoch("us"), run.calls["end"].dt.epoch("us"), strict=True)
    return any(month_of(start, zone) != month_of(end, zone) for start, end in edges)


def expires(run: Run) -> bool:
    """Between two calls."""
    ends = run.calls["end"].dt.epoch("us").to_list()
    return any(m.kind == "expiry" and ends[0] < m.at_us < ends[-1] for m in run.movements)


def recharged_in_between(run: Run) -> bool:
    """A recharge, and another call that costs something ends within the second."""
    rows = run.calls.select("end", "recharge", "amount").rows()
    return any(
        one[1] > 0 and other[2] > 0 and 0 <= (other[0] - one[0]).total_seconds() <= 1
        for one, other in pairwise(rows)
    )


def recharged_at(run: Run) -> list[int]:
    """When the rule paid."""
    return [movement.at_us for movement in run.movements if movement.kind == "recharge"]


def paid_at_once(run: Run) -> bool:
    """More than one payment of an instant: the rule holds one payment to less than is needed."""
    return any(one == other for one, other in pairwise(recharged_at(run)))


def woke(rest_s: Callable[[AutoRecharge], int]) -> Callable[[Run], bool]:
    """A payment at the very end of a rest after another one, between two calls."""

    def has_woken(run: Run) -> bool:
        rest_us, paid = 1_000_000 * rest_s(run.tenant.auto_recharge), recharged_at(run)
        ends = set(run.calls["end"].dt.epoch("us"))
        return rest_us > 0 and any(at_us + rest_us in set(paid) - ends for at_us in paid)

    return has_woken


def filled_up(run: Run) -> bool:
    """A rule with a target, of which nothing cut a payment."""
    target = run.tenant.auto_recharge.target_micros
    return target > 0 and any(
        target <= movement.balance_after < target + 10_000
        for movement in run.movements
        if movement.kind == "recharge"
    )


def has(column: str, word: str) -> Callable[[Run], bool]:
    """A row of which a column says so."""
    return lambda run: bool(run.calls[column].cast(pl.String).str.contains(word, literal=True).any())


def shared(run: Run) -> bool:
    """A call that a pool and money paid."""
    return bool(((run.calls["pool_seconds"] > 0) & (run.calls["amount"] > 0)).any())


def behind(run: Run) -> bool:
    """Under MCA, some of it owed after use."""
    return run.totals.post_usage > 0 and any(a.agreement == "MCA" for a in run.tenant.billing_accounts)


EDGES: dict[str, Callable[[Run], bool]] = {
    "equal ends": meets,
    "a call over a month's end": over_the_month,
    "an expiry in mid-month": expires,
    "a recharge between two calls of one second": recharged_in_between,
    "two payments at once": paid_at_once,
    "a cool-down that ends": woke(lambda rule: rule.cool_down_s),
    "24 h that open": woke(lambda rule: 86_400 if rule.payments_a_day else 0),
    "a target": filled_up,
    "a masked number": has("flags", "masked_price"),
    "an unrated call": has("state", "unrated"),
    "premium": has("reason", "premium_refused"),
    "a cap": has("reason", "spend_cap"),
    "post-usage": behind,
    "a pool that ends in a call": shared,
    "an empty wallet": has("reason", "no_credit"),
}


START = datetime(2026, 2, 27, 12, tzinfo=UTC)


def row(id_: str, start: datetime, seconds: int, **more: Any) -> Row:
    """A call of Ana to London."""
    plain = {"answered": True, "location": "", "domestic_international": "", "number_type": ""}
    people = {"user": "ana", "caller": US, "callee": UK, "operator": "microsoft"}
    return {"id": id_, "call_type": "user_out", "start": start, "duration_s": seconds} | plain | people | more


def a_tenant(*plans: str, **more: Any) -> Row:
    """A tenant with one person, as a parsed tenant file."""
    ana = {"upn": "ana", "location": "US", "cost_centre": "sales", "licences": [*plans, "MCOPSTNC"]}
    head = {"id": "t", "country": "US", "time_zone": "UTC", "default_billing_account": "own"}
    file: Row = {"tenant": head, "billing_accounts": [{"id": "own", "agreement": "MOSA"}], "users": [ana]}
    file |= {"licences": [], "service_numbers": [], "purchases": [], "caps": []}
    return file | more


def a_month(rows: list[Row], tenant: Row, price: str = "10") -> Month:
    deck = [{"prefix": prefix, "price_per_minute": price} for prefix in ("1", "44", "4420")]
    return Month(rows, deck, tenant, ("half_up", 6), "after_first", None, None, None)


def edge_book() -> Book:
    """What is rare in drawn months: refilled within a second, expired between calls, over a month's end."""
    day = timedelta(days=1)
    lots = [{"at": START.replace(year=2025) + day / 2, "amount": "60"}, {"at": START - day, "amount": "60"}]
    refilled = a_tenant(purchases=lots, auto_recharge={"enabled": True, "below": "115", "add": "60"})
    rows = [row("b", START, 60), row("a", START, 60), row("c", START + timedelta(seconds=1), 60)]
    rows += [row("over", START + day * 1.5 - timedelta(seconds=30), 60), row("later", START + 4 * day, 60)]
    rows.append(row("hidden", START + day, 60, callee="+44*********"))
    capped = a_tenant("MCOPSTN1", purchases=lots, caps=[{"scope": "tenant", "id": "t", "amount": "15"}])
    others = [row("b", START, 60), row("a", START, 60), row("c", START, 7_201, callee=US)]
    others += [row("none", START + day, 60, callee=NZ), row("far", START + day, 60, callee=UK_REFUSED)]
    small = a_tenant("MCOPSTN5", purchases=lots)  # 120 minutes: the last one of the call is paid
    split = [row("split", START, 7_201, callee=US)]
    mca = [{"id": "own", "agreement": "MCA"}]
    owing = a_tenant(purchases=lots, billing_accounts=mca)
    months = [a_month(rows, refilled), a_month(others, capped), a_month(split, small)]
    months += [a_month([row("owed", START, 1_200)], owing), *resting_months()]
    return Book(months, [()] * len(months))


def resting_months() -> list[Month]:
    """Calls of 10.00 a minute that are dearer than a rule may pay for at once."""
    rows = [row("one", START, 1_200), row("two", START + timedelta(minutes=30), 600)]
    rows.append(row("later", START + timedelta(days=3), 60))
    lots = [{"at": START - timedelta(days=1), "amount": "60"}]
    to_target: Row = {"enabled": True, "below": "60", "target": "75.005"}
    return [
        a_month(rows, a_tenant(purchases=lots, auto_recharge=to_target | more))
        for more in (
            {},
            {"most": "70.007"},
            {"most": "70.007", "cool_down_s": 3_000},
            {"most": "70.007", "payments_a_day": 2},
            {"most": "70.007", "payments_a_day": 1, "cool_down_s": 100_000, "least": "70"},
        )
    ]


def strict_book() -> Book:
    """Ana fills the international counter of a plan with two, then calls at home."""
    lots = [{"at": START, "amount": "1000"}]
    rows = [row(f"{n}", START + n * timedelta(hours=5), 3 * 3_600) for n in range(5)]
    rows.append(row("home", START + timedelta(hours=30), 600, callee=US))
    month = a_month(rows, a_tenant("MCOPSTN2", purchases=lots), "0.01")
    return Book([month, month], [(), ()])
