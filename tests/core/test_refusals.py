"""Why a call may not start: one closed list, in the order of rulings.md 24."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.core import refusals
from talktime.core.limits import NO_LIMIT
from talktime.core.refusals import (
    GATE_BARRED,
    GATE_PREMIUM,
    GATE_UNLICENSED,
    WALLET_EMPTIED_BY_EXPIRY,
    WALLET_POST_USAGE_OFF,
    Refusal,
    money_refusal,
    refusal,
)

ORDER = (
    "unknown_tenant unknown_user duplicate_call conflict barred_destination not_licensed premium_refused "
    "no_rate spend_cap credits_expired post_usage_off no_credit too_many_calls call_too_long tenant_suspended"
).split()


def test_the_list_is_that_of_the_rulings_and_its_numbers_are_fixed() -> None:
    assert [reason.code for reason in Refusal] == ["", *ORDER]
    assert [int(reason) for reason in Refusal] == list(range(16))


def test_the_plain_numbers_are_the_members_of_their_names() -> None:
    plain = {name: getattr(refusals, name) for name in Refusal.__members__ if hasattr(refusals, name)}
    assert plain == {name: Refusal[name].value for name in plain}
    assert len(plain) == 9


def test_when_a_retry_can_help() -> None:
    assert {reason.code for reason in Refusal if reason.retry_helps} == {
        "spend_cap",
        "credits_expired",
        "no_credit",
        "too_many_calls",
    }


@dataclass(frozen=True, slots=True)
class Start:
    """A call that wants to start; as it stands it may."""

    gates: int = 0
    needs_money: int = 1
    rated: int = 1
    price: int = 20_000
    available: int = 20_000
    cap_left: int = NO_LIMIT
    behind: int = 0
    wallet: int = 0

    def reason(self) -> str:
        return Refusal(
            refusal(
                self.gates,
                self.needs_money,
                self.rated,
                self.price,
                self.available,
                self.cap_left,
                self.behind,
                self.wallet,
            )
        ).code


EVERY_GATE = GATE_BARRED | GATE_UNLICENSED | GATE_PREMIUM


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (Start(), ""),
        (Start(gates=EVERY_GATE, rated=0, cap_left=0, available=0, wallet=3), "barred_destination"),
        (
            Start(gates=GATE_UNLICENSED | GATE_PREMIUM, rated=0, cap_left=0, available=0, wallet=3),
            "not_licensed",
        ),
        (Start(gates=GATE_PREMIUM, rated=0, cap_left=0, available=0, wallet=3), "premium_refused"),
        (Start(rated=0, cap_left=0, available=0, wallet=3), "no_rate"),
        (Start(cap_left=0, available=0, wallet=3), "spend_cap"),
        (Start(available=0, wallet=3), "credits_expired"),
        (Start(available=0, wallet=WALLET_POST_USAGE_OFF), "post_usage_off"),
        (Start(available=0), "no_credit"),
        # free and pool seconds need neither licence nor money nor a rate
        (Start(gates=GATE_UNLICENSED, needs_money=0, rated=0, cap_left=0, available=-1, wallet=3), ""),
        (Start(gates=GATE_BARRED, needs_money=0), "barred_destination"),
        # the price of the first interval, to the micro
        (Start(available=19_999), "no_credit"),
        (Start(cap_left=19_999), "spend_cap"),
        (Start(cap_left=20_000), ""),
        # a balance above zero is asked for even where the price is nothing
        (Start(price=0, available=0), "no_credit"),
        (Start(price=0, available=1), ""),
        # and a cap limits as available money does (rulings.md 18)
        (Start(price=0, cap_left=0), "spend_cap"),
        (Start(price=0, cap_left=1), ""),
        # too little is not the same as nothing
        (Start(available=1, wallet=3), "no_credit"),
        (Start(available=-1, wallet=WALLET_EMPTIED_BY_EXPIRY), "credits_expired"),
        # post-usage behind the credits: nobody is refused for want of money, caps stay
        (Start(available=0, behind=1, wallet=WALLET_EMPTIED_BY_EXPIRY), ""),
        (Start(available=-5, behind=1, cap_left=19_999), "spend_cap"),
        (Start(gates=GATE_PREMIUM, behind=1), "premium_refused"),
    ],
)
def test_reason(start: Start, reason: str) -> None:
    assert start.reason() == reason


money = st.integers(-50, 50)
starts = st.builds(
    Start,
    gates=st.integers(0, EVERY_GATE),
    needs_money=st.integers(0, 1),
    rated=st.integers(0, 1),
    price=st.integers(0, 50),
    available=money,
    cap_left=money,
    behind=st.integers(0, 1),
    wallet=st.integers(0, 3),
)


@given(starts)
def test_the_first_reason_of_the_order_wins(start: Start) -> None:
    """Each reason on its own, asked in the order of the list."""
    paid = bool(start.needs_money)
    short = paid and not start.behind and (start.available <= 0 or start.available < start.price)
    nothing = short and start.available <= 0
    applies = {
        "barred_destination": bool(start.gates & GATE_BARRED),
        "not_licensed": paid and bool(start.gates & GATE_UNLICENSED),
        "premium_refused": bool(start.gates & GATE_PREMIUM),
        "no_rate": paid and not start.rated,
        "spend_cap": paid and (start.cap_left <= 0 or start.price > start.cap_left),
        "credits_expired": nothing and bool(start.wallet & WALLET_EMPTIED_BY_EXPIRY),
        "post_usage_off": nothing and bool(start.wallet & WALLET_POST_USAGE_OFF),
        "no_credit": short,
    }
    assert start.reason() == next((reason for reason in ORDER if applies.get(reason)), "")


@given(starts)
def test_more_money_never_refuses(start: Start) -> None:
    richer = Start(
        0, start.needs_money, 1, start.price, start.available + 10, start.cap_left + 10, start.behind, 0
    )
    poorer = Start(0, start.needs_money, 1, start.price, start.available, start.cap_left, start.behind, 0)
    assert not (poorer.reason() == "" and richer.reason() != "")


@pytest.mark.parametrize(
    ("available", "wallet", "reason"),
    [
        (0, 3, Refusal.CREDITS_EXPIRED),
        (0, 2, Refusal.POST_USAGE_OFF),
        (0, 0, Refusal.NO_CREDIT),
        (5, 3, Refusal.NO_CREDIT),
    ],
)
def test_money_refusal(available: int, wallet: int, reason: Refusal) -> None:
    assert money_refusal(available, wallet) == reason
