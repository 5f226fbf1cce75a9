"""How auto-recharge stands, as people read it: a table of settings and what was last seen."""

from __future__ import annotations

from dataclasses import replace

from talktime.accounts.calendar import month_of, month_start_us
from talktime.accounts.tenant import (
    CLOSED,
    MCA,
    MOSA,
    SUSPENDED,
    AutoRecharge,
    BillingAccount,
    PaymentMethod,
    Tenant,
)
from talktime.catalog.load import load_catalogue
from talktime.core.recharge import Why
from talktime.funding.payments import State
from talktime.funding.recharge import Turn
from talktime.insight.recharge_view import (
    REASONS,
    STATES,
    Armed,
    RechargeView,
    caps_left,
    recharge_view,
    short_day,
    turn_says,
)
from talktime.ledger.records import Payment, Standing

ZONE = "America/New_York"
MONTH = 2026 * 12 + 10
NOW_US = (
    month_start_us(MONTH, ZONE) + (21 * 24 + 1) * 3_600_000_000
)  # 22 November; its first day has 25 hours
HOUR_US = 3_600_000_000
CARD = PaymentMethod("c1", "sandbox", "tok", "visa", "4242", "2030-12", "f1", default=True)
RULE = AutoRecharge(True, 100, 200, 1_000, payments_a_day=2)
TENANT = replace(
    Tenant("contoso", "Contoso", "US", "USD", ZONE),
    billing_accounts=(BillingAccount("a", MOSA, "US"),),
    default_billing_account="a",
    auto_recharge=RULE,
    payment_methods=(CARD,),
)


def view(
    tenant: Tenant = TENANT, standing: Standing | None = None, attempt: Payment | None = None
) -> RechargeView:
    turn = Turn(NOW_US - HOUR_US, "above_trigger", 500)
    return recharge_view(tenant, standing or Standing(), turn, attempt, load_catalogue(), NOW_US)


def test_state_in_a_few_words() -> None:
    paused = Standing(suspended="lost_card", suspended_us=NOW_US - 10 * HOUR_US, reason="suspended")
    table = [
        (TENANT, Standing(), Armed.ARMED, "on"),
        (replace(TENANT, auto_recharge=AutoRecharge()), Standing(), Armed.OFF, "off"),
        (replace(TENANT, auto_recharge=AutoRecharge()), paused, Armed.OFF, "off"),
        (TENANT, paused, Armed.PAUSED, "on, but paused: card declined on 21 Nov"),
        (
            replace(TENANT, payment_methods=()),
            Standing(),
            Armed.ARMED,
            "on, but there is no card to pay with",
        ),
        (replace(TENANT, status=SUSPENDED), Standing(), Armed.ARMED, "on, but the tenant is suspended"),
        (replace(TENANT, status=CLOSED), Standing(), Armed.ARMED, "on, but the tenant is closed"),
        (
            TENANT,
            Standing(reason="not_eligible"),
            Armed.ARMED,
            "on, but the tenant may not buy credits any more",
        ),
    ]
    for tenant, standing, state, says in table:
        found = view(tenant, standing)
        assert (found.state, found.says) == (state, says)
        assert bool(found.why) == (state is Armed.PAUSED)
    assert view(standing=paused).since_us == NOW_US - 10 * HOUR_US
    assert view().since_us == NOW_US - HOUR_US


def test_every_reason_of_the_rule_has_words() -> None:
    assert set(REASONS) == {why.name.lower() for why in Why if why is not Why.PAYS}
    for why in REASONS:
        assert view(standing=Standing(reason=why)).reason_says == REASONS[why]
    assert set(STATES) == set(State)
    assert turn_says(Turn(NOW_US, "suspended", 0, detail="expired_card")).startswith(REASONS["suspended"])


def test_days_of_another_year_name_it() -> None:
    assert short_day(NOW_US, NOW_US, ZONE) == "22 Nov"
    assert short_day(NOW_US - 1, NOW_US, ZONE) == "21 Nov"
    assert short_day(NOW_US - 365 * 24 * HOUR_US, NOW_US, ZONE) == "22 Nov 2025"


def test_caps_count_what_is_on_its_way() -> None:
    day_ago, recent = NOW_US - 24 * HOUR_US, NOW_US - HOUR_US
    table = [
        (Standing(), 1_000, 2, 0),
        (Standing(month=MONTH, recharged=400, paid_us=[recent]), 600, 1, 0),
        (Standing(month=MONTH - 1, recharged=400, paid_us=[day_ago]), 1_000, 2, 0),
        (Standing(attempt="p", attempt_micros=200), 800, 1, 0),
        (Standing(month=MONTH, recharged=1_000, paid_us=[recent, NOW_US]), 0, 0, recent + 24 * HOUR_US),
    ]
    assert month_of(NOW_US, ZONE) == MONTH
    for standing, micros, payments, next_us in table:
        left = caps_left(TENANT, standing, NOW_US)
        assert (left.micros, left.payments, left.next_payment_us) == (micros, payments, next_us)
        assert left.month_ends_us == month_start_us(MONTH + 1, ZONE)
    without = replace(TENANT, auto_recharge=replace(RULE, cap_per_month_micros=None, payments_a_day=0))
    left = caps_left(without, Standing(), NOW_US)
    assert (left.micros, left.payments) == (None, None)


def test_what_comes_next() -> None:
    def attempt(state: str) -> Payment:
        return Payment("p", "recharge", state, NOW_US, NOW_US + 5, 200, "sandbox", "", "{}")

    waiting = Standing(attempt="p", attempt_due_us=NOW_US + 5)
    assert view(standing=waiting, attempt=attempt("created")).next_us == NOW_US + 5
    assert view(standing=waiting, attempt=attempt("unknown")).next_us == 0
    assert view(standing=Standing(wake_us=NOW_US + 9)).next_us == NOW_US + 9


def test_warning_under_mca() -> None:
    under = replace(TENANT, billing_accounts=(BillingAccount("a", MCA, "US"),))
    assert [one.id for one in view(under).warnings] == ["recharge_under_mca"]
    assert view().warnings == ()
