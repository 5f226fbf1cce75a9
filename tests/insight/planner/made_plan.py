"""A plan written by hand, with every part of it, for tests of what shows one."""

from __future__ import annotations

from typing import Final

from talktime.insight.planner.document import (
    BalanceBand,
    Buy,
    CallBehind,
    Carriers,
    Mix,
    MixChange,
    MixGroup,
    MixOption,
    MonthBand,
    Need,
    OneTime,
    Outlook,
    Paid,
    PaidLine,
    Plan,
    PlanSettings,
    PoolFound,
    Pools,
    RechargeChoice,
    RuleTried,
    Said,
    TestedLine,
    VendorCheck,
)

ANA: Final = "ana@contoso.example"
LEFT: Final = "left@contoso.example"
"""A user whom the tenant does not have any more."""

LONDON: Final = "+442079460000"
FEBRUARY_US: Final = 1_769_904_000_000_000  # 2026-02-01T00:00:00Z
APRIL_US: Final = 1_775_001_600_000_000  # 2026-04-01T00:00:00Z
UNIT: Final = 1_000_000

CALL: Final = CallBehind("call-1", FEBRUARY_US, ANA, LONDON, "GB", 1_200, 600, 600, 90_000)
OTHER: Final = CallBehind("call-2", FEBRUARY_US, LEFT, LONDON, "GB", 60, 0, 60, 10_000)


def _line(key: str, amount: int, *calls: CallBehind, others: int = 0) -> PaidLine:
    return PaidLine(key, 2, 1_260, 600, 660, amount, calls, others)


PAID: Final = Paid(
    calls=4,
    answered=3,
    billed_s=1_320,
    free_s=60,
    pool_s=600,
    paid_s=660,
    unrated_calls=1,
    blocked_calls=1,
    amount=100_000,
    by={
        "category": (_line("domestic", 60_000, CALL), _line("international", 40_000, OTHER)),
        "country": (_line("GB", 100_000, CALL, OTHER),),
        "user": (_line(ANA, 90_000, CALL), _line(LEFT, 10_000, OTHER), _line("", 0, others=7)),
        "cost_centre": (_line("Sales", 100_000, CALL),),
        "service_number": (_line("", 100_000, CALL),),
        "month": (_line("2026-02", 60_000, CALL), _line("2026-03", 40_000, OTHER)),
    },
    blocked={"no_rate": 1},
    vendor=VendorCheck(2, 100_000, 100_000, 0, (CALL,)),
)

POOLS: Final = Pools(
    pools=(
        PoolFound(
            plan="MCOPSTN1",
            kind="domestic",
            owner="US",
            month="2026-02",
            size_s=360_000,
            used_s=360_000,
            full_us=FEBRUARY_US + 86_400 * UNIT,
            full_day="2026-02-02",
            beyond_calls=2,
            beyond_s=660,
            beyond_amount=100_000,
            top=((ANA, 300), (LEFT, 60)),
        ),
        PoolFound(
            plan="MCOPSTN1",
            kind="domestic",
            owner="US",
            month="2026-03",
            size_s=360_000,
            used_s=90_000,
            full_us=None,
            full_day="",
            beyond_calls=0,
            beyond_s=0,
            beyond_amount=0,
            top=(),
        ),
    ),
    single=2,
    single_full=1,
    says=("MCOPSTN1 domestic US ran over in 1 of 2 months, first on 2 February.",),
)

OUTLOOK: Final = Outlook(
    confidence=800,
    from_day="2026-04-01",
    days=59,
    left_out=("2026-03-10",),
    growth=305,
    a_week=12 * UNIT,
    months=(
        MonthBand("2026-04", 40 * UNIT, 50 * UNIT, 60 * UNIT),
        MonthBand("2026-05", 38 * UNIT, 52 * UNIT, 66 * UNIT),
    ),
    balance=50 * UNIT,
    lasts_low=25,
    lasts_expected=30,
    lasts_high=38,
    course=(
        BalanceBand("2026-04-01", 47 * UNIT, 48 * UNIT, 49 * UNIT),
        BalanceBand("2026-04-02", 45 * UNIT, 46 * UNIT, 48 * UNIT),
    ),
    says=("It rests on 59 days; 10 March was left out, when nobody called.",),
)

BUY: Final = Buy(
    confidence=950,
    lead_hours=24,
    dearest=9 * UNIT,
    dearest_us=FEBRUARY_US,
    held=2 * UNIT,
    one_time=(OneTime(1, 60 * UNIT, 50 * UNIT, 0), OneTime(12, 720 * UNIT, 640 * UNIT, 5 * UNIT)),
    choices=(
        RechargeChoice(35 * UNIT, 75 * UNIT, 9, 70 * UNIT, 0, best=True),
        RechargeChoice(100 * UNIT, 200 * UNIT, 4, 240 * UNIT, UNIT, best=False),
    ),
    tried=RuleTried(35 * UNIT, 75 * UNIT, 110 * UNIT, 0, 3, 225 * UNIT, 33_120_000, 71 * UNIT),
    says=("Today's 100/200 would have kept 240 idle on average; 35/75 keeps 70.",),
)

MIX: Final = Mix(
    months=("2026-02", "2026-03"),
    prices="sample",
    sample=True,
    groups=(
        MixGroup(
            family="calling",
            owner="US",
            users=2,
            now=24 * UNIT,
            best=20 * UNIT,
            bound=19_900_000,
            exact=False,
            gap=51,
            options=(
                MixOption(("MCOPSTN1",), "Domestic Calling Plan", 12 * UNIT, 2, 1),
                MixOption((), "no plan", 0, 0, 1),
            ),
        ),
    ),
    changes=(MixChange(ANA, "US", ("MCOPSTN1",), (), 0, 0, f"no call in 2 months: {ANA} needs no plan."),),
    licences_now=24 * UNIT,
    licences_best=12 * UNIT,
    calls_now=100_000,
    calls_best=8_100_000,
    says=(f"Most is saved with {ANA.upper()}, then {LEFT}.",),
)

CARRIERS: Final = Carriers(
    calls=9,
    answered=8,
    billed_s=4_800,
    pool_s=600,
    amount=7 * UNIT,
    without=9 * UNIT,
    displaced=UNIT,
    unrated_calls=1,
    months=2,
    by_country=(_line("GB", 7 * UNIT, CALL),),
    says=("Licences are not in it.",),
)

PLAN: Final = Plan(
    tenant="contoso",
    currency="USD",
    time_zone="UTC",
    deck="sample",
    deck_version="0b61241d7c17bcbb1baec7f1",
    sample=True,
    settings=PlanSettings(),
    formats=("calling_plans_25",),
    rows=5,
    rejected_rows=1,
    duplicate_rows=1,
    from_us=FEBRUARY_US,
    until_us=APRIL_US,
    months=("2026-02", "2026-03"),
    full_months=("2026-02", "2026-03"),
    said=(
        Said("good", "usage", "Two full months."),
        Said("note", "usage", f"Users who left: {LEFT}, Ana Lima, and +14255550100."),
        Said("caution", "prices", "Prices are samples."),
        Said("cannot", "plans", "Nothing can be said of May."),
    ),
    paid=PAID,
    pools=POOLS,
    outlook=OUTLOOK,
    tested=(
        TestedLine("2026-03", 30 * UNIT, 40 * UNIT, 50 * UNIT, 39_150_000, 217, inside=True),
        TestedLine("2026-04", 30 * UNIT, 40 * UNIT, 50 * UNIT, 0, None, inside=False),
    ),
    need=Need(answer=True, says=("International calls always take money.",)),
    buy=BUY,
    mix=MIX,
    carriers=CARRIERS,
)
