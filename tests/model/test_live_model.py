"""The model of live charging itself: small stories worked out by hand from the documents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model.live_model import SECOND, Answer, Model, Offer, Settings

UNIT = 1_000_000  # micros of a currency unit
YEAR_US = 365 * 86_400 * SECOND
T = "contoso"
PER_SECOND = Offer(first_s=1, step_s=1, price=Fraction(60))  # one unit a second
PER_MINUTE = Offer(price=Fraction(1, 2))
EMERGENCY = Offer(emergency=True, category_free=True, user_known=False, barred=True)


def model(amount: int = 0, settings: Settings | None = None) -> Model:
    """One tenant, perhaps with one lot bought at 0 that lasts a year."""
    made = Model()
    made.add(T, settings)
    if amount:
        made.fund(T, 0, amount, YEAR_US)
    return made


def start(
    m: Model, call: str, at_s: int, requested_s: int | None = None, offer: Offer = PER_SECOND
) -> Answer:
    """A first try of a call."""
    answer = m.start(T, call, 0, at_s * SECOND, replace(offer, requested_s=requested_s))
    m.check()
    return answer


def extend(m: Model, call: str, seq: int, at_s: int, used_s: int, requested_s: int | None = None) -> Answer:
    """A report that asks for more."""
    answer = m.extend(T, call, seq, at_s * SECOND, used_s, requested_s)
    m.check()
    return answer


def end(m: Model, call: str, seq: int, at_s: int, duration_s: int) -> Answer:
    """The last report."""
    answer = m.end(T, call, seq, at_s * SECOND, duration_s)
    m.check()
    return answer


def available(m: Model) -> int:
    """Micros that nobody holds."""
    return m.tenants[T].balance - m.tenants[T].reserved


def grant(answer: Answer) -> tuple[str, int, bool]:
    """What a switch does next."""
    return answer.kind, answer.granted_s, answer.final


# --- domain.md 14 ----------------------------------------------------------------------------------------


def test_the_story_of_75_seconds() -> None:
    m = model(75 * UNIT)
    steps: list[tuple[Callable[[], Answer], tuple[str, int, bool], int]] = [
        (lambda: start(m, "1", 0, 30), ("allow", 30, False), 45),
        (lambda: extend(m, "1", 1, 30, 30, 30), ("allow", 30, False), 15),
        (lambda: start(m, "2", 40, 30), ("allow", 15, True), 0),
        (lambda: end(m, "1", 2, 50, 50), ("settled", 0, False), 10),
        (lambda: extend(m, "2", 1, 55, 15, 30), ("allow", 10, True), 0),
        (lambda: end(m, "2", 2, 65, 25), ("settled", 0, False), 0),
    ]
    for step, expected, left in steps:
        assert grant(step()) == expected
        assert available(m) == left * UNIT
    assert m.tenants[T].balance == 0
    assert m.tenants[T].zero_notices == 1


def test_thirty_starts_on_the_price_of_one_minute_allow_one() -> None:
    m = model(500_000)
    answers = [start(m, f"call-{n}", 0, offer=PER_MINUTE) for n in range(30)]
    assert [a.kind for a in answers].count("allow") == 1
    assert {a.reason for a in answers[1:]} == {"no_credit"}


def test_ten_minutes_in_seconds_cost_what_they_cost() -> None:
    m = model(UNIT)
    start(m, "c", 0, 600, replace(PER_SECOND, price=Fraction(2, 100)))
    assert end(m, "c", 1, 600, 600).amount == 200_000


@pytest.mark.parametrize(("duration_s", "billed_s"), [(0, 0), (1, 60), (60, 60), (61, 120), (219, 240)])
def test_a_started_minute_is_a_minute(duration_s: int, billed_s: int) -> None:
    m = model(100 * UNIT)
    start(m, "c", 0, 600, PER_MINUTE)
    settled = end(m, "c", 1, 300, duration_s)
    assert (settled.billed_s, settled.amount) == (billed_s, billed_s * UNIT // 120)


def test_31_seconds_at_30_and_18() -> None:
    offer = Offer(first_s=30, step_s=18)
    assert (offer.billed(31), replace(offer, whole=True).billed(31)) == (48, 36)


def test_fee_and_first_price_are_rounded_once() -> None:
    offer = Offer(first_s=60, step_s=6, price=Fraction(1, 3), first_price=Fraction(2, 3), fee=Fraction(1, 7))
    exact = Fraction(1, 7) + Fraction(2, 3) * 30 / 60 + Fraction(1, 3) * 6 / 60  # 30 of 66 s by a pool
    found = {how: replace(offer, rounding=how).amount(30, 66) for how in ("half_up", "up", "down")}
    assert found == {"half_up": round(exact * UNIT), "up": 509_524, "down": 509_523}
    assert [replace(offer, decimals=d).amount(30, 66) for d in (2, 0)] == [510_000, UNIT]
    half = Offer(first_s=1, step_s=1, price=Fraction(150, 1), decimals=0)  # one second: 2.5 units
    assert half.amount(0, 1) == 3 * UNIT
    assert replace(half, rounding="half_even").amount(0, 1) == 2 * UNIT


# --- grants ----------------------------------------------------------------------------------------------


def test_slices_shrink_to_a_quarter_of_what_is_left() -> None:
    m = model(10 * UNIT)  # 20 minutes
    answers = [start(m, f"{n}", 0, offer=PER_MINUTE) for n in range(3)]
    assert [a.granted_s for a in answers] == [300, 180, 180]  # 20, 15, 12 minutes are free
    assert [a.final for a in answers] == [False, False, False]


def test_pool_first_then_money_then_the_rest_is_final() -> None:
    m = model(500_000)
    m.pools[T, "domestic"] = 120
    answer = start(m, "c", 0, 600, replace(PER_MINUTE, pools=("domestic",)))
    assert (answer.granted_s, answer.pool_s, answer.reserved, answer.final) == (180, 120, 500_000, True)
    settled = end(m, "c", 1, 90, 90)
    assert (settled.pool_s, settled.paid_s, settled.amount, settled.available) == (120, 0, 0, 500_000)


def test_two_calls_never_get_the_same_pool_seconds() -> None:
    m = model()
    m.pools[T, "domestic"] = 300
    offer = replace(PER_MINUTE, pools=("domestic",))
    assert [start(m, c, 0, 200, offer).granted_s for c in "ab"] == [200, 60]
    assert start(m, "d", 0, 200, offer).reason == "no_credit"
    assert end(m, "a", 1, 60, 60).pool_s == 60
    assert extend(m, "b", 1, 60, 60, 600).granted_s == 180


def test_a_full_counter_closes_its_partner_but_not_what_is_reserved() -> None:
    m = model()
    m.pools |= {(T, "domestic"): 600, (T, "international"): 60}
    m.partners = {"domestic": "international", "international": "domestic"}
    home, abroad = (replace(PER_MINUTE, pools=(name,)) for name in ("domestic", "international"))
    assert start(m, "a", 0, 120, home).granted_s == 120
    assert start(m, "b", 0, 60, abroad).granted_s == 60
    assert start(m, "c", 0, 60, home).reason == "no_credit"
    assert extend(m, "a", 1, 60, 60, 120).granted_s == 60
    assert end(m, "a", 2, 120, 120).pool_s == 120


def test_without_licence_or_rate_only_the_pool_is_granted() -> None:
    m = model(100 * UNIT)
    m.pools[T, "domestic"] = 120
    offer = replace(PER_MINUTE, pools=("domestic",))
    calls = {"not_licensed": replace(offer, licensed=False), "no_rate": replace(offer, rated=False)}
    for reason, call in calls.items():
        assert grant(start(m, reason, 0, 600, call)) == ("allow", 120, True)
        assert extend(m, reason, 1, 120, 120, 60).reason == reason
        assert start(m, reason + "2", 120, 600, call).reason == reason
        settled = m.end(T, reason, 2, 121 * SECOND, 0)
        assert (settled.billed_s, settled.amount) == (0, 0)


def test_an_unrated_rest_costs_nothing() -> None:
    m = model(UNIT)
    m.pools[T, "domestic"] = 60
    start(m, "c", 0, 600, Offer(rated=False, pools=("domestic",)))
    settled = end(m, "c", 1, 100, 100)
    assert (settled.pool_s, settled.unrated_s, settled.paid_s, settled.amount) == (60, 60, 0, 0)
    assert settled.over_grant


def test_a_cap_limits_as_money_does_and_counts_reservations() -> None:
    m = model(100 * UNIT)
    m.caps[T, "ana"] = 1_500_000
    offer = replace(PER_MINUTE, caps=("ana",))
    assert grant(start(m, "a", 0, 100, offer)) == ("allow", 100, False)
    assert grant(start(m, "b", 0, 100, offer)) == ("allow", 60, True)
    assert start(m, "c", 0, 100, offer).reason == "spend_cap"
    assert extend(m, "b", 1, 60, 60, 60).reason == "spend_cap"
    end(m, "a", 1, 60, 60)
    m.caps[T, "ana"] = 0  # cuts no reservation
    assert end(m, "b", 2, 60, 60).amount == 500_000


def test_post_usage_behind_is_never_short_but_caps_hold() -> None:
    m = model(700_000, Settings(behind=True))
    m.caps[T, "all"] = 2 * UNIT
    offer = replace(PER_MINUTE, caps=("all",))
    answer = start(m, "c", 0, 600, offer)
    assert (answer.granted_s, answer.reserved, answer.final) == (240, 700_000, True)
    settled = end(m, "c", 1, 240, 240)
    assert (settled.credits, settled.post_usage, settled.overdraft) == (700_000, 1_300_000, 0)
    assert settled.balance == 0
    assert start(m, "d", 240, 600, PER_MINUTE).granted_s == 600


def test_a_call_at_no_price_needs_a_balance_above_zero() -> None:
    gift = replace(PER_MINUTE, price=Fraction(0))
    assert start(model(), "c", 0, 60, gift).reason == "no_credit"
    assert start(model(1), "c", 0, 60, gift).granted_s == 60


def test_a_grant_never_shrinks_nor_does_what_was_used() -> None:
    m = model(100 * UNIT)
    start(m, "c", 0, 60)
    assert extend(m, "c", 1, 20, 20, 10) == replace(extend(m, "c", 2, 21, 10, 10), granted_s=40)
    assert (extend(m, "c", 3, 22, 5, 10).granted_s, available(m)) == (40, 40 * UNIT)


def test_the_longest_call() -> None:
    m = model(10**12)
    start(m, "c", 0, 600)
    assert grant(extend(m, "c", 1, 600, 86_200, 600)) == ("allow", 200, True)
    assert extend(m, "c", 2, 700, 86_400, 600).reason == "call_too_long"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"user_known": False, "barred": True}, "unknown_user"),
        ({"barred": True, "licensed": False}, "barred_destination"),
        ({"licensed": False, "premium_refused": True}, "not_licensed"),
        ({"premium_refused": True, "rated": False}, "premium_refused"),
        ({"rated": False, "caps": ("none",)}, "no_rate"),
        ({"caps": ("none",), "price": Fraction(10**6)}, "spend_cap"),
        ({"price": Fraction(10**6)}, "no_credit"),
    ],
)
def test_the_order_of_refusals(change: dict[str, object], reason: str) -> None:
    m = model(UNIT)
    m.caps[T, "none"] = 0
    assert start(m, "c", 0, 60, replace(PER_MINUTE, **change)).reason == reason  # type: ignore[arg-type]


def test_an_empty_wallet_says_why() -> None:
    m = model(settings=Settings(post_usage_off=True))
    assert start(m, "a", 0).reason == "post_usage_off"
    m.fund(T, 0, UNIT, 10 * SECOND)
    assert start(m, "b", 10).reason == "credits_expired"
    m.fund(T, 20 * SECOND, 20 * UNIT, YEAR_US)
    assert start(m, "c", 20, 20).kind == "allow"
    assert start(m, "d", 20).reason == "no_credit"  # another call holds it: not empty


def test_emergency_calls_are_never_refused() -> None:
    m = model()
    first = start(m, "sos", 0, offer=EMERGENCY)
    assert grant(first) == ("allow", 600, False)
    assert m.start(T, "sos", 1, SECOND, EMERGENCY).kind == "allow"
    settled = end(m, "sos", 1, 90, 90)
    assert (settled.kind, settled.billed_s, settled.amount) == ("settled", 120, 0)
    assert m.start(T, "sos", 5, 100 * SECOND, EMERGENCY).kind == "allow"


# --- over-report -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("granted_s", "told_s", "billed_s", "flagged"),
    [(12, 13, 12, False), (35, 36, 35, False), (35, 37, 35, False), (35, 38, 38, True), (35, 20, 20, False)],
)
def test_reported_beyond_the_grant(granted_s: int, told_s: int, billed_s: int, flagged: bool) -> None:
    m = model(granted_s * UNIT)
    assert grant(start(m, "c", 0, 600)) == ("allow", granted_s, True)
    settled = end(m, "c", 1, told_s, told_s)
    assert (settled.billed_s, settled.over_grant) == (billed_s, flagged)
    assert settled.credits == min(granted_s, billed_s) * UNIT
    assert settled.overdraft == max(0, billed_s - granted_s) * UNIT


def test_absurd_durations_are_refused_and_leave_the_call_open() -> None:
    m = model(100 * UNIT)
    start(m, "c", 0, 35)
    assert end(m, "c", 1, 35, 71_582_788) == Answer("error", "absurd")
    assert extend(m, "c", 1, 35, 86_401).reason == "absurd"
    assert end(m, "c", 1, 36, 36).billed_s == 35


def test_what_is_reserved_by_others_is_not_drawn() -> None:
    m = model(60 * UNIT)
    start(m, "a", 0, 20)
    start(m, "b", 0, 40)
    settled = end(m, "a", 1, 50, 50)
    assert (settled.credits, settled.overdraft, settled.balance) == (20 * UNIT, 30 * UNIT, 10 * UNIT)
    assert start(m, "c", 50).reason == "no_credit"
    assert end(m, "b", 1, 50, 40).credits == 40 * UNIT
    m.fund(T, 60 * SECOND, 50 * UNIT, YEAR_US)  # 30 of it repay
    assert (m.tenants[T].balance, m.tenants[T].overdraft) == (20 * UNIT, 0)
    m.check()


# --- expiry ----------------------------------------------------------------------------------------------


def test_money_counts_only_if_the_grant_runs_out_before_its_lot() -> None:
    m = model()
    m.fund(T, 0, 100 * UNIT, 60 * SECOND)
    assert grant(start(m, "a", 30, 600)) == ("allow", 29, True)  # not 30: at 60 the lot is gone
    assert extend(m, "a", 1, 58, 28, 600).granted_s == 1
    assert extend(m, "a", 2, 59, 29, 600).reason == "no_credit"
    assert start(m, "b", 59, 600).reason == "no_credit"


def test_a_longer_grant_moves_to_a_lot_that_lasts() -> None:
    m = model()
    m.fund(T, 0, 60 * UNIT, 100 * SECOND)
    m.fund(T, 0, 100 * UNIT, YEAR_US)
    assert start(m, "a", 0, 60).reserved == 60 * UNIT
    assert [lot.held for lot in m.tenants[T].lots] == [60 * UNIT, 0]
    assert grant(extend(m, "a", 1, 110, 50, 60)) == ("allow", 50, True)
    assert [lot.held for lot in m.tenants[T].lots] == [0, 100 * UNIT]
    assert m.tenants[T].totals["forfeited"] == 60 * UNIT


def test_what_a_call_holds_outlives_its_lot_until_it_is_released() -> None:
    m = model()
    m.fund(T, 0, 100 * UNIT, 60 * SECOND)
    start(m, "a", 0, 40)
    m.advance(T, 60 * SECOND)
    m.check()
    assert (m.tenants[T].balance, m.tenants[T].totals["forfeited"]) == (40 * UNIT, 60 * UNIT)
    settled = end(m, "a", 1, 70, 25)
    assert (settled.credits, settled.balance, m.tenants[T].totals["forfeited"]) == (25 * UNIT, 0, 75 * UNIT)
    assert start(m, "b", 71).reason == "credits_expired"
    assert m.tenants[T].zero_notices == 1


def test_cancel_forfeits_what_it_releases_of_an_expired_lot() -> None:
    m = model()
    m.fund(T, 0, 40 * UNIT, 60 * SECOND)
    start(m, "a", 0, 40)
    assert m.cancel(T, "a", 1, 61 * SECOND) == Answer("cancelled", authorised_s=40)
    m.check()


def test_funding_comes_before_expiry_at_one_instant() -> None:
    m = model()
    m.fund(T, 0, 5 * UNIT, 60 * SECOND)
    m.fund(T, 60 * SECOND, 7 * UNIT, YEAR_US)
    assert (m.tenants[T].balance, m.tenants[T].zero_notices) == (7 * UNIT, 0)


def test_lots_are_spent_first_in_first_out_and_expire_on_their_own() -> None:
    m, day = model(), 86_400 * SECOND
    m.fund(T, 0, 50 * UNIT, 365 * day)
    m.fund(T, 92 * day, 100 * UNIT, 457 * day)
    start(m, "c", 100 * 86_400, 70)
    end(m, "c", 1, 100 * 86_400 + 70, 70)
    lost = []
    for when in (365, 456, 457):
        m.advance(T, when * day)
        lost.append(m.tenants[T].totals["forfeited"])
    assert lost == [0, 0, 80 * UNIT]


def test_adjustments() -> None:
    m = model(30 * UNIT)
    start(m, "a", 0, 20)
    assert m.adjust(T, SECOND, -11 * UNIT) == Answer("error", "no_credit")
    assert m.adjust(T, SECOND, -10 * UNIT).available == 0
    assert m.adjust(T, SECOND, 5 * UNIT, YEAR_US).balance == 25 * UNIT
    assert [lot.kind for lot in m.tenants[T].lots] == ["purchase", "adjustment"]
    m.check()


# --- lost calls ------------------------------------------------------------------------------------------


def test_silence_is_lost_at_its_instant_and_charged_for_the_last_report() -> None:
    m = model(100 * UNIT)
    start(m, "c", 0, 30)
    extend(m, "c", 1, 20, 20, 30)  # 50 authorised, 30 of them to come
    assert m.sweep(110 * SECOND - 1) == []
    ((_, call, settled),) = m.sweep(110 * SECOND)
    m.check()
    assert (call, settled.amount, settled.available) == ("c", 20 * UNIT, 80 * UNIT)
    assert m.cancel(T, "c", 2, 111 * SECOND).reason == "over"
    late = end(m, "c", 2, 200, 45)
    assert (late.kind, late.amount, late.balance) == ("settled", 45 * UNIT, 55 * UNIT)
    assert end(m, "c", 3, 201, 45).reason == "over"


def test_a_correction_gives_back_pool_seconds_and_cap() -> None:
    m = model(100 * UNIT)
    m.pools[T, "p"], m.caps[T, "k"] = 10, 50 * UNIT
    start(m, "c", 0, 40, replace(PER_SECOND, pools=("p",), caps=("k",)))
    extend(m, "c", 1, 30, 30, 10)
    ((_, _, lost),) = m.sweep(100 * SECOND)
    assert (lost.pool_s, lost.amount) == (10, 20 * UNIT)
    assert end(m, "c", 2, 110, 4).pool_s == 4
    assert (m.pool_free(T, "p"), m.tenants[T].cap_spent["k"], available(m)) == (6, 0, 100 * UNIT)


def test_money_that_a_correction_returns_rearms_nothing_and_is_not_expired() -> None:
    m = model(10 * UNIT)
    m.fund(T, 0, 5 * UNIT, 200 * SECOND)
    start(m, "c", 0, 10)
    extend(m, "c", 1, 10, 10, 0)
    m.sweep(70 * SECOND)
    assert m.tenants[T].balance == 5 * UNIT
    m.advance(T, 200 * SECOND)
    assert (m.tenants[T].zero_notices, start(m, "d", 200).reason) == (1, "credits_expired")
    assert end(m, "c", 2, 201, 4).balance == 6 * UNIT
    start(m, "e", 202, 6)
    assert start(m, "f", 202).reason == "no_credit"
    assert (end(m, "e", 1, 208, 6).balance, m.tenants[T].zero_notices) == (0, 1)


def test_never_reported_is_not_answered_but_a_late_end_is_charged() -> None:
    m = model(100 * UNIT)
    m.pools[T, "p"] = 10
    start(m, "c", 0, 30, replace(PER_SECOND, pools=("p",)))
    assert m.sweep(270 * SECOND - 1) == []
    ((_, _, swept),) = m.sweep(270 * SECOND)
    assert (swept.kind, swept.available) == ("cancelled", 100 * UNIT)
    late = end(m, "c", 1, 300, 30)
    assert (late.pool_s, late.amount) == (10, 20 * UNIT)


def test_a_correction_gives_money_back_to_its_lot_even_if_that_expired() -> None:
    m = model()
    m.fund(T, 0, 50 * UNIT, 100 * SECOND)
    start(m, "c", 0, 50)
    extend(m, "c", 1, 40, 40, 10)
    m.sweep(110 * SECOND)
    late = end(m, "c", 2, 120, 30)
    assert (late.credits, late.overdraft, late.balance) == (30 * UNIT, 0, 0)
    assert m.tenants[T].totals["forfeited"] == 20 * UNIT


def test_a_correction_of_overdraft_that_a_purchase_repaid() -> None:
    m = model(10 * UNIT)
    start(m, "c", 0, 10)
    extend(m, "c", 1, 25, 25, 10)
    ((_, _, lost),) = m.sweep(85 * SECOND)
    assert lost.overdraft == 15 * UNIT
    m.fund(T, 90 * SECOND, 50 * UNIT, YEAR_US)
    late = end(m, "c", 2, 95, 5)
    assert (late.amount, late.balance, m.tenants[T].overdraft) == (5 * UNIT, 55 * UNIT, 0)


# --- repeats ---------------------------------------------------------------------------------------------


def test_repeats_get_the_first_answer_and_conflicts_change_nothing() -> None:
    m = model(100 * UNIT)
    first = start(m, "c", 0, 30)
    assert start(m, "c", 5, 30) == first
    assert start(m, "c", 5, 31).reason == "conflict"
    assert m.start(T, "c", 1, 0, PER_SECOND).reason == "duplicate_call"
    more = extend(m, "c", 1, 30, 30, 10)
    assert extend(m, "c", 1, 60, 30, 10) == more
    assert extend(m, "c", 1, 60, 31, 10).reason == "conflict"
    assert end(m, "c", 1, 60, 35).reason == "conflict"  # another operation, but the sequence does not rise
    done = end(m, "c", 2, 60, 35)
    assert end(m, "c", 2, 90, 35) == done
    assert end(m, "c", 2, 90, 36).reason == "conflict"
    assert extend(m, "c", 3, 90, 36, 10).reason == "over"
    assert start(m, "c", 90, 30) == first
    assert end(m, "nobody", 0, 90, 1).reason == "unknown_call"
    assert m.tenants[T].balance == 65 * UNIT


def test_a_denied_start_is_repeated_and_a_higher_sequence_is_a_new_try() -> None:
    m = model()
    tries = [(3, 0), (3, 0), (2, 0), (4, 50)]
    answers = []
    for seq, amount in tries:
        if amount:
            m.fund(T, 0, amount * UNIT, YEAR_US)
        answers.append(m.start(T, "c", seq, 0, PER_SECOND))
    assert [a.reason for a in answers] == ["no_credit", "no_credit", "conflict", ""]
    assert m.extend(T, "d", 0, 0, 1, None).reason == "unknown_call"
    m.check()


# --- what must always hold -------------------------------------------------------------------------------

names = st.sampled_from("abc")
steps = st.lists(
    st.tuples(
        st.sampled_from(("start", "extend", "end", "cancel", "fund", "adjust", "sweep")),
        names,
        st.integers(0, 200),
        st.integers(0, 60),
    ),
    max_size=30,
)


@given(steps, st.booleans(), st.booleans())
def test_the_invariants_hold_after_every_step(
    story: list[tuple[str, str, int, int]], behind: bool, obey: bool
) -> None:
    m = model(40 * UNIT, Settings(behind=behind))
    m.pools |= {(T, "p"): 50, (T, "q"): 30}
    m.partners = {"p": "q"}
    m.caps[T, "k"] = 60 * UNIT
    offers = {"a": replace(PER_SECOND, pools=("p",)), "b": replace(PER_SECOND, caps=("k",)), "c": PER_SECOND}
    offers["b"] = replace(offers["b"], pools=("q", "p"), fee=Fraction(1, 3), first_s=6, step_s=5)
    now_s = 0
    for seq, (what, call, number, later_s) in enumerate(story):
        now_s += later_s
        at_us, s = now_s * SECOND, m.tenants[T].sessions.get(call)
        used_s = min(number, s.authorised_s) if s and obey else number
        if what == "start":
            m.start(T, call, seq, at_us, offers[call])
        elif what == "extend":
            m.extend(T, call, seq, at_us, used_s, number // 2 + 1)
        elif what == "end":
            if not obey or (s and s.state == "open"):  # a late end may find the money spent
                m.end(T, call, seq, at_us, used_s)
        elif what == "cancel":
            m.cancel(T, call, seq, at_us)
        elif what == "sweep":
            m.sweep(at_us)
        elif what == "adjust":
            m.adjust(T, at_us, (number - 100) * UNIT // 10, at_us + 300 * SECOND)
        else:
            m.fund(T, at_us, (number + 1) * UNIT // 10, at_us + number * SECOND + 1)
        m.check()
        if obey:
            assert m.tenants[T].overdraft == 0


# --- sums since the last report, debits ------------------------------------------------------------------


def test_reports_are_summed_and_a_repeat_adds_nothing() -> None:
    m = model(100 * UNIT)
    start(m, "c", 0, 30)
    first = m.report(T, "c", 1, 0, 28, 30)
    assert m.report(T, "c", 1, 0, 28, 30) == first
    assert m.report(T, "c", 1, 0, 29, 30).reason == "conflict"
    assert m.finish(T, "c", 2, 0, 8).billed_s == 36
    assert m.finish(T, "c", 3, 0, 8).reason == "over"
    assert m.finish(T, "d", 0, 0, 8).reason == "unknown_call"
    m.check()


def test_a_debit_is_all_or_nothing_and_is_taken_back_in_parts() -> None:
    m = model(100 * UNIT)
    assert m.debit(T, "c", 0, 0, 101, PER_SECOND).reason == "no_credit"
    assert m.refund(T, "c", 0, 0, None).reason == "denied_call"
    done = m.debit(T, "c", 1, 0, 100, PER_SECOND)
    assert (done.amount, done.balance) == (100 * UNIT, 0)
    assert m.debit(T, "c", 1, 0, 100, PER_SECOND) == done
    assert m.refund(T, "c", 0, 0, 101).reason == "conflict"
    assert m.refund(T, "c", 0, 0, 30).balance == 30 * UNIT
    assert m.refund(T, "c", 1, 0, None).balance == 100 * UNIT
    assert m.refund(T, "c", 2, 0, None).reason == "conflict"
    m.check()
